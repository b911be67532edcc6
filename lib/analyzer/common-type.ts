/**
 * The common type of alternatives: UNION, CASE, COALESCE, ARRAY, VALUES, IN ... Follows select_common_type and
 * coerce_to_common_type of PostgreSQL's parser/parse_coerce.c.
 */
import type { PgType } from '../catalog/rows.js';
import { TEXTOID, UNKNOWNOID } from '../types/oids.js';
import { canCoerce, coerceType } from './coerce.js';
import { exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { Expr } from './nodes.js';
import type { Oid, ParseState } from './state.js';
import { typeRow } from './type-name.js';

/**
 * Chooses the common type of expressions. `construct` names the clause in the error; null: answer 0 instead of an error.
 * @throws 42804 when the types belong to different categories
 */
export function selectCommonType(state: ParseState, exprs: readonly Expr[], construct: string | null): { type: Oid; which: Expr } {
  const types = exprs.map(exprType);
  let which = exprs[0];
  const type = chooseCommonType(state, types, (chosen, other, index) => {
    if (construct === null) return false;
    throw state.error('DATATYPE_MISMATCH', `${construct} types ${state.formatType(chosen)} and ${state.formatType(other)} cannot be matched`, exprLocation(exprs[index]));
  }, (index) => {
    which = exprs[index];
  });
  return { type, which };
}

/** The same over types alone; 0 when they cannot be matched and `raise` is false. @throws 42804 */
export function selectCommonTypeOf(state: ParseState, types: readonly Oid[], raise: boolean): Oid {
  return chooseCommonType(state, types, (chosen, other) => {
    if (!raise) return false;
    throw state.error('DATATYPE_MISMATCH', `argument types ${state.formatType(chosen)} and ${state.formatType(other)} cannot be matched`, -1);
  }, () => undefined);
}

function chooseCommonType(state: ParseState, types: readonly Oid[], mismatch: (chosen: Oid, other: Oid, index: number) => false, choose: (index: number) => void): Oid {
  const first = types[0];
  if (first !== UNKNOWNOID && types.every((type) => type === first)) return first;
  let chosen: PgType = typeRow(state, state.catalog.baseType(first));
  for (let i = 1; i < types.length; i++) {
    const candidate = typeRow(state, state.catalog.baseType(types[i]));
    if (candidate.oid === UNKNOWNOID || candidate.oid === chosen.oid) continue;
    if (chosen.oid === UNKNOWNOID) {
      chosen = candidate;
      choose(i);
    } else if (candidate.typcategory !== chosen.typcategory) {
      mismatch(chosen.oid, candidate.oid, i);
      return 0;
    } else if (!chosen.typispreferred && canCoerce(state, chosen.oid, candidate.oid) && !canCoerce(state, candidate.oid, chosen.oid)) {
      chosen = candidate;
      choose(i);
    }
  }
  return chosen.oid === UNKNOWNOID ? TEXTOID : chosen.oid;
}

/** Converts one alternative to the common type. @throws 42846 */
export function coerceToCommonType(state: ParseState, expr: Expr, targetType: Oid, construct: string): Expr {
  const input = exprType(expr);
  if (input === targetType) return expr;
  if (canCoerce(state, input, targetType)) return coerceType(state, expr, input, targetType, -1, 'implicit', 'implicitCast', -1);
  throw state.error('CANNOT_COERCE', `${construct} could not convert type ${state.formatType(input)} to ${state.formatType(targetType)}`, exprLocation(expr));
}

/** Whether every expression can become the type implicitly (verify_common_type). */
export function verifyCommonType(state: ParseState, type: Oid, types: readonly Oid[]): boolean {
  return types.every((input) => canCoerce(state, input, type));
}

/** The typmod that all alternatives of the common type agree on, else -1 (select_common_typmod). */
export function selectCommonTypmod(exprs: readonly Expr[], type: Oid): number {
  let result: number | undefined;
  for (const expr of exprs) {
    if (exprType(expr) !== type) return -1;
    const typmod = exprTypmod(expr);
    if (result !== undefined && result !== typmod) return -1;
    result = typmod;
  }
  return result ?? -1;
}
