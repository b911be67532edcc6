/**
 * Constant folding and simplification of expressions (eval_const_expressions of clauses.c): functions and operators over
 * constants are evaluated, strict ones over NULL vanish, boolean logic, CASE and COALESCE are cut, SQL functions inlined.
 */
import type { BoolExpr, CaseExpr, Const, Expr, FuncExpr } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { mapChildren } from '../analyzer/walker.js';
import { isFalseOrNull, makeBool, makeBoolExpr, makeNull } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import type { PlannerInfo } from './path-nodes.js';
import { canonicalizeQual, negateClause } from './prep-qual.js';

/** The simplified expression. Errors of evaluated functions are the ones execution would raise. */
export function foldConstants(root: PlannerInfo, expr: Expr): Expr {
  return fold({ root, caseValue: null, depth: 0 }, expr);
}

/** As above for a condition, which is also brought into canonical form. */
export function foldQual(root: PlannerInfo, expr: Expr): Expr {
  return canonicalizeQual(foldConstants(root, expr));
}

interface Folding { readonly root: PlannerInfo; readonly caseValue: Const | null; readonly depth: number }

function fold(cx: Folding, expr: Expr): Expr {
  const recurse = (child: Expr): Expr => fold(cx, child);
  switch (expr.node) {
    case 'Var': case 'Const': return expr;
    case 'Param': return foldParam(cx, expr);
    case 'CaseTestExpr': return cx.caseValue ?? expr;
    case 'SubLink': case 'SubPlan': case 'WindowFunc': case 'Aggref': return mapChildren(expr, recurse);
    case 'FuncExpr': return foldFunction(cx, mapChildren(expr, recurse) as FuncExpr);
    case 'OpExpr': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'OpExpr' ? foldOperator(cx, mapped) : mapped;
    }
    case 'DistinctExpr': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'DistinctExpr' ? foldDistinct(cx, mapped) : mapped;
    }
    case 'NullIfExpr': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'NullIfExpr' && mapped.args.every(isConst) && isImmutable(cx, mapped.opfuncid) ? evaluate(cx, mapped) : mapped;
    }
    case 'ScalarArrayOpExpr': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'ScalarArrayOpExpr' && mapped.args.every(isConst) && isImmutable(cx, mapped.opfuncid) ? evaluate(cx, mapped) : mapped;
    }
    case 'BoolExpr': return foldBoolean(cx, expr);
    case 'RelabelType': {
      const arg = recurse(expr.arg);
      return applyRelabel(arg, expr.resulttype, expr.resulttypmod, expr.resultcollid, expr);
    }
    case 'CollateExpr': {
      const arg = recurse(expr.arg);
      return applyRelabel(arg, exprType(arg), exprTypmod(arg), expr.collOid, {
        node: 'RelabelType', arg, resulttype: exprType(arg), resulttypmod: exprTypmod(arg), resultcollid: expr.collOid, relabelformat: 'implicitCast', location: expr.location,
      });
    }
    case 'CoerceViaIO': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'CoerceViaIO' && mapped.arg.node === 'Const' && ioImmutable(cx, exprType(mapped.arg), mapped.resulttype) ? evaluate(cx, mapped) : mapped;
    }
    case 'ArrayCoerceExpr': {
      const arg = recurse(expr.arg);
      const elemexpr = fold({ ...cx, caseValue: null }, expr.elemexpr);
      const mapped = arg === expr.arg && elemexpr === expr.elemexpr ? expr : { ...expr, arg, elemexpr };
      return arg.node === 'Const' && allImmutable(cx, elemexpr) ? evaluate(cx, mapped) : mapped;
    }
    case 'CaseExpr': return foldCase(cx, expr);
    case 'CoalesceExpr': return foldCoalesce(cx, expr);
    case 'ArrayExpr': {
      const mapped = mapChildren(expr, recurse);
      return mapped.node === 'ArrayExpr' && mapped.elements.every(isConst) ? evaluate(cx, mapped) : mapped;
    }
    case 'NullTest': return foldNullTest(cx, mapChildren(expr, recurse));
    case 'BooleanTest': return foldBooleanTest(mapChildren(expr, recurse));
    case 'FieldSelect': {
      const arg = recurse(expr.arg);
      if (arg.node === 'RowExpr' && expr.fieldnum >= 1 && expr.fieldnum <= arg.args.length) {
        const field = arg.args[expr.fieldnum - 1];
        if (exprType(field) === expr.resulttype && exprTypmod(field) === expr.resulttypmod && exprCollation(field) === expr.resultcollid) return field;
      }
      if (arg.node === 'Var' && arg.varattno === 0 && arg.varlevelsup === 0 && arg.vartype !== 2249 && isPlainRelation(cx, arg.varno)) {
        return { ...arg, varattno: expr.fieldnum, vartype: expr.resulttype, vartypmod: expr.resulttypmod, varcollid: expr.resultcollid };
      }
      const mapped = arg === expr.arg ? expr : { ...expr, arg };
      return arg.node === 'Const' ? evaluate(cx, mapped) : mapped;
    }
    case 'SubscriptingRef': case 'MinMaxExpr': case 'RowCompareExpr': {
      const mapped = mapChildren(expr, recurse);
      return childrenConst(mapped) && allImmutable(cx, mapped) ? evaluate(cx, mapped) : mapped;
    }
    default: return mapChildren(expr, recurse);
  }
}

function isPlainRelation(cx: Folding, varno: number): boolean {
  return cx.root.rtable[varno]?.rtekind === 'relation';
}

function isConst(expr: Expr | null): boolean {
  return expr === null || expr.node === 'Const';
}

function childrenConst(expr: Expr): boolean {
  let all = true;
  mapChildren(expr, (child) => {
    all &&= child.node === 'Const';
    return child;
  });
  return all;
}

function isImmutable(cx: Folding, functionOid: number): boolean {
  return catalogOf(cx.root).proc(functionOid)?.provolatile === 'i';
}

function allImmutable(cx: Folding, expr: Expr): boolean {
  if (expr.node === 'FuncExpr' && !isImmutable(cx, expr.funcid)) return false;
  if (expr.node === 'OpExpr' && !isImmutable(cx, expr.opfuncid)) return false;
  if (expr.node === 'CoerceViaIO' && !ioImmutable(cx, exprType(expr.arg), expr.resulttype)) return false;
  if (expr.node === 'CoerceToDomain' || expr.node === 'SQLValueFunction' || expr.node === 'SubLink' || expr.node === 'SubPlan') return false;
  let all = true;
  mapChildren(expr, (child) => {
    all &&= allImmutable(cx, child);
    return child;
  });
  return all;
}

function ioImmutable(cx: Folding, from: number, to: number): boolean {
  const catalog = catalogOf(cx.root);
  const out = catalog.type(from)?.typoutput ?? 0;
  const target = catalog.type(to);
  if (!target || target.typtype === 'd') return false;
  return isImmutable(cx, out) && isImmutable(cx, target.typinput);
}

/** Evaluates to a constant of the expression's type. */
function evaluate(cx: Folding, expr: Expr): Const {
  const value = cx.root.glob.context.evaluator.evaluate(expr);
  return { node: 'Const', consttype: exprType(expr), consttypmod: exprTypmod(expr), constcollid: exprCollation(expr), value, location: -1 };
}

function foldParam(cx: Folding, expr: Extract<Expr, { node: 'Param' }>): Expr {
  const bound = cx.root.glob.context.boundParams;
  if (expr.paramkind !== 'extern' || !bound || expr.paramid > bound.length) return expr;
  return { node: 'Const', consttype: expr.paramtype, consttypmod: expr.paramtypmod, constcollid: expr.paramcollid, value: bound[expr.paramid - 1], location: expr.location };
}

function foldFunction(cx: Folding, call: FuncExpr): Expr {
  // In plans, arguments from defaults are arguments like others.
  const expr = call.defaulted ? { ...call, defaulted: 0 } : call;
  const proc = catalogOf(cx.root).proc(expr.funcid);
  if (!proc || expr.funcretset || proc.proretset) return expr;
  const anyNull = expr.args.some((arg) => arg.node === 'Const' && arg.value === null);
  if (proc.proisstrict && anyNull) return makeNull(expr.funcresulttype, exprTypmod(expr), expr.funccollid);
  if (proc.provolatile === 'i' && proc.prorettype !== 2249 && expr.args.every(isConst)) return evaluate(cx, expr);
  if (cx.depth < 20) {
    const inlined = cx.root.glob.context.inlineFunction?.(expr);
    if (inlined) {
      cx.root.glob.functionOids.add(expr.funcid);
      return fold({ ...cx, depth: cx.depth + 1 }, inlined);
    }
  }
  return expr;
}

function foldOperator(cx: Folding, expr: Extract<Expr, { node: 'OpExpr' }>): Expr {
  const proc = catalogOf(cx.root).proc(expr.opfuncid);
  if (!proc || expr.opretset) return expr;
  if (proc.proisstrict && expr.args.some((arg) => arg.node === 'Const' && arg.value === null)) {
    return makeNull(expr.opresulttype, -1, expr.opcollid);
  }
  if (proc.provolatile === 'i' && expr.args.every(isConst)) return evaluate(cx, expr);
  return simplifyBooleanEquality(cx, expr);
}

const BOOLEAN_EQUAL = 91;
const BOOLEAN_NOT_EQUAL = 85;

function simplifyBooleanEquality(cx: Folding, expr: Extract<Expr, { node: 'OpExpr' }>): Expr {
  if (expr.opno !== BOOLEAN_EQUAL && expr.opno !== BOOLEAN_NOT_EQUAL) return inlineOperator(cx, expr);
  const [left, right] = expr.args;
  const [constant, other] = left.node === 'Const' ? [left, right] : [right, left];
  if (constant.node !== 'Const' || constant.value === null) return expr;
  return (constant.value === true) === (expr.opno === BOOLEAN_EQUAL) ? other : negateClause(catalogOf(cx.root), other);
}

function inlineOperator(cx: Folding, expr: Extract<Expr, { node: 'OpExpr' }>): Expr {
  if (!cx.root.glob.context.inlineFunction || expr.opfuncid < 16384 || cx.depth >= 20) return expr;
  const inlined = cx.root.glob.context.inlineFunction({
    node: 'FuncExpr', funcid: expr.opfuncid, funcresulttype: expr.opresulttype, funcretset: false, funcvariadic: false, funcformat: 'call',
    funccollid: expr.opcollid, inputcollid: expr.inputcollid, args: expr.args, location: expr.location,
  });
  return inlined ? fold({ ...cx, depth: cx.depth + 1 }, inlined) : expr;
}

function foldDistinct(cx: Folding, expr: Extract<Expr, { node: 'DistinctExpr' }>): Expr {
  const [left, right] = expr.args;
  const leftNull = left.node === 'Const' && left.value === null;
  const rightNull = right.node === 'Const' && right.value === null;
  if (leftNull && rightNull) return makeBool(false);
  if (left.node === 'Const' && right.node === 'Const') {
    if (leftNull || rightNull) return makeBool(true);
    if (isImmutable(cx, expr.opfuncid)) return evaluate(cx, expr);
  }
  return expr;
}

function foldBoolean(cx: Folding, expr: BoolExpr): Expr {
  if (expr.boolop === 'not') {
    return negateClause(catalogOf(cx.root), fold(cx, expr.args[0]));
  }
  const isAnd = expr.boolop === 'and';
  const args: Expr[] = [];
  let sawNull = false;
  const pending = [...expr.args];
  while (pending.length > 0) {
    const arg = pending.shift()!;
    if (arg.node === 'BoolExpr' && arg.boolop === expr.boolop) {
      pending.unshift(...arg.args);
      continue;
    }
    const simple = fold(cx, arg);
    if (simple.node === 'BoolExpr' && simple.boolop === expr.boolop) {
      pending.unshift(...simple.args);
      continue;
    }
    if (simple.node === 'Const') {
      if (simple.value === null) sawNull = true;
      else if (simple.value === !isAnd) return makeBool(!isAnd);
      continue;
    }
    args.push(simple);
  }
  if (sawNull) args.push(makeBool(null));
  if (args.length === 0) return makeBool(isAnd);
  if (args.length === 1) return args[0];
  return makeBoolExpr(expr.boolop, args);
}

/** Relabels a constant in place, a relabelled expression once; nothing when it would change nothing (applyRelabelType). */
export function applyRelabel(argIn: Expr, type: number, typmod: number, collation: number, template: Extract<Expr, { node: 'RelabelType' }>): Expr {
  let arg = argIn;
  while (arg.node === 'RelabelType') arg = arg.arg;
  if (arg.node === 'Const') return { ...arg, consttype: type, consttypmod: typmod, constcollid: collation };
  if (exprType(arg) === type && exprTypmod(arg) === typmod && exprCollation(arg) === collation) return arg;
  return arg === template.arg ? template : { ...template, arg, resulttype: type, resulttypmod: typmod, resultcollid: collation };
}

function foldCase(cx: Folding, expr: CaseExpr): Expr {
  let arg = expr.arg && fold(cx, expr.arg);
  let caseValue: Const | null = null;
  if (arg?.node === 'Const') {
    caseValue = arg;
    arg = null;
  }
  const args: { expr: Expr; result: Expr }[] = [];
  let defresult: Expr | null | undefined;
  for (const when of expr.args) {
    const test = fold({ ...cx, caseValue }, when.expr);
    if (test.node === 'Const') {
      if (isFalseOrNull(test)) continue;
      defresult = fold(cx, when.result);
      break;
    }
    args.push({ expr: test, result: fold(cx, when.result) });
  }
  if (defresult === undefined) defresult = expr.defresult && fold(cx, expr.defresult);
  if (args.length === 0) return defresult ?? makeNull(expr.casetype, -1, expr.casecollid);
  return { ...expr, arg, args, defresult };
}

function foldCoalesce(cx: Folding, expr: Extract<Expr, { node: 'CoalesceExpr' }>): Expr {
  const args: Expr[] = [];
  for (const arg of expr.args) {
    const simple = fold(cx, arg);
    if (simple.node === 'Const') {
      if (simple.value === null) continue;
      if (args.length === 0) return simple;
      args.push(simple);
      break;
    }
    args.push(simple);
  }
  if (args.length === 0) return makeNull(expr.coalescetype, -1, expr.coalescecollid);
  return args.length === 1 ? args[0] : { ...expr, args };
}

function foldNullTest(cx: Folding, expr: Expr): Expr {
  if (expr.node !== 'NullTest') return expr;
  const isNull = expr.nulltesttype === 'isNull';
  if (expr.argisrow && expr.arg.node === 'RowExpr') {
    const tests: Expr[] = [];
    for (const field of expr.arg.args) {
      if (field.node === 'Const') {
        if ((field.value === null) !== isNull) return makeBool(false);
        continue;
      }
      tests.push({ ...expr, arg: field, argisrow: false });
    }
    if (tests.length === 0) return makeBool(true);
    return tests.length === 1 ? tests[0] : makeBoolExpr('and', tests);
  }
  if (expr.arg.node === 'Const') {
    if (expr.argisrow && expr.arg.value !== null) return evaluate(cx, expr);
    return makeBool((expr.arg.value === null) === isNull);
  }
  return expr;
}

function foldBooleanTest(expr: Expr): Expr {
  if (expr.node !== 'BooleanTest' || expr.arg.node !== 'Const') return expr;
  const value = expr.arg.value;
  const answers = {
    isTrue: value === true, isNotTrue: value !== true, isFalse: value === false, isNotFalse: value !== false, isUnknown: value === null, isNotUnknown: value !== null,
  };
  return makeBool(answers[expr.booltesttype]);
}

