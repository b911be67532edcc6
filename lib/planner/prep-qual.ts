/**
 * Canonical form of conditions (prepqual.c): NOT pushed down, AND/OR flat, and common parts of OR arms pulled out:
 * (a AND b) OR (a AND c) becomes a AND (b OR c).
 */
import type { Catalog } from '../catalog/api.js';
import type { BoolExpr, Expr } from '../analyzer/nodes.js';
import { makeBool, makeBoolExpr } from './clauses.js';
import { equal } from './equal.js';

/** NOT of a condition, pushed down as far as it goes (negate_clause). */
export function negateClause(catalog: Catalog, expr: Expr): Expr {
  switch (expr.node) {
    case 'Const': return expr.value === null ? makeBool(null) : makeBool(expr.value !== true);
    case 'OpExpr': {
      const negator = catalog.operator(expr.opno)?.oprnegate ?? 0;
      return negator ? { ...expr, opno: negator, opfuncid: catalog.operator(negator)?.oprcode ?? 0 } : makeBoolExpr('not', [expr]);
    }
    case 'ScalarArrayOpExpr': {
      const negator = catalog.operator(expr.opno)?.oprnegate ?? 0;
      return negator ? { ...expr, opno: negator, opfuncid: catalog.operator(negator)?.oprcode ?? 0, useOr: !expr.useOr } : makeBoolExpr('not', [expr]);
    }
    case 'BoolExpr':
      if (expr.boolop === 'not') return expr.args[0];
      return makeBoolExpr(expr.boolop === 'and' ? 'or' : 'and', expr.args.map((arg) => negateClause(catalog, arg)));
    case 'NullTest':
      return expr.argisrow ? makeBoolExpr('not', [expr]) : { ...expr, nulltesttype: expr.nulltesttype === 'isNull' ? 'isNotNull' : 'isNull' };
    case 'BooleanTest': {
      const opposite = {
        isTrue: 'isNotTrue', isNotTrue: 'isTrue', isFalse: 'isNotFalse', isNotFalse: 'isFalse', isUnknown: 'isNotUnknown', isNotUnknown: 'isUnknown',
      } as const;
      return { ...expr, booltesttype: opposite[expr.booltesttype] };
    }
    default: return makeBoolExpr('not', [expr]);
  }
}

/** Brings a WHERE or ON condition into canonical form; NULL counts as FALSE there. */
export function canonicalizeQual(expr: Expr): Expr {
  return findDuplicateOrs(expr);
}

function flatten(boolop: BoolExpr['boolop'], args: readonly Expr[]): Expr[] {
  return args.flatMap((arg) => (arg.node === 'BoolExpr' && arg.boolop === boolop ? flatten(boolop, arg.args) : [arg]));
}

function findDuplicateOrs(expr: Expr): Expr {
  if (expr.node !== 'BoolExpr' || expr.boolop === 'not') return expr;
  const args: Expr[] = [];
  for (const arg of expr.args) {
    const simple = findDuplicateOrs(arg);
    if (simple.node === 'Const') {
      if (expr.boolop === 'or') {
        if (simple.value === null || simple.value === false) continue;
        return makeBool(true);
      }
      if (simple.value === true) continue;
      return makeBool(false);
    }
    args.push(simple);
  }
  const flat = flatten(expr.boolop, args);
  if (expr.boolop === 'or') return flat.length === 0 ? makeBool(false) : processDuplicateOrs(flat);
  if (flat.length === 0) return makeBool(true);
  return flat.length === 1 ? flat[0] : makeBoolExpr('and', flat);
}

function processDuplicateOrs(arms: readonly Expr[]): Expr {
  if (arms.length === 1) return arms[0];
  const andArgs = (arm: Expr): readonly Expr[] => (arm.node === 'BoolExpr' && arm.boolop === 'and' ? arm.args : [arm]);
  let shortest: readonly Expr[] | null = null;
  for (const arm of arms) {
    const args = andArgs(arm);
    if (!shortest || args.length < shortest.length) shortest = args;
    if (args.length === 1) break;
  }
  const reference = shortest!.filter((clause, i) => shortest!.findIndex((other) => equal(other, clause)) === i);
  const winners = reference.filter((clause) => arms.every((arm) => andArgs(arm).some((part) => equal(part, clause))));
  if (winners.length === 0) return makeBoolExpr('or', arms);
  const rest: Expr[] = [];
  let emptied = false;
  for (const arm of arms) {
    const left = andArgs(arm).filter((part) => !winners.some((winner) => equal(winner, part)));
    if (left.length === 0) {
      emptied = true;
      break;
    }
    rest.push(left.length === 1 ? left[0] : makeBoolExpr('and', left));
  }
  const result = [...winners];
  if (!emptied && rest.length > 0) result.push(rest.length === 1 ? rest[0] : makeBoolExpr('or', flatten('or', rest)));
  return result.length === 1 ? result[0] : makeBoolExpr('and', flatten('and', result));
}
