/**
 * What an expression yields: type, typmod, collation, and where it stands in the source text. Needs no catalog.
 * Follows PostgreSQL's nodes/nodeFuncs.c.
 */
import { unreachable } from '../base/assert.js';
import { BOOLOID, INT4OID, NAMEOID, RECORDOID, TEXTOID } from '../types/oids.js';
import type { Expr, FuncExpr, TargetEntry } from './nodes.js';

type Oid = number;

/** OID of collation "default". */
export const DEFAULT_COLLATION_OID = 100;
/** OID of collation "C". */
export const C_COLLATION_OID = 950;

/** The type an expression yields. */
export function exprType(expr: Expr): Oid {
  switch (expr.node) {
    case 'Var': return expr.vartype;
    case 'Const': return expr.consttype;
    case 'Param': case 'SublinkParam': return expr.paramtype;
    case 'FuncExpr': return expr.funcresulttype;
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': return expr.opresulttype;
    case 'ScalarArrayOpExpr': case 'BoolExpr': case 'NullTest': case 'BooleanTest': case 'RowCompareExpr':
    case 'CurrentOfExpr': return BOOLOID;
    case 'Aggref': return expr.aggtype;
    case 'GroupingFunc': return INT4OID;
    case 'MergeSupportFunc': return TEXTOID;
    case 'WindowFunc': return expr.wintype;
    case 'SubscriptingRef': return expr.refrestype;
    case 'SubLink': case 'SubPlan': return expr.resulttype;
    case 'FieldSelect': case 'FieldStore': case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr':
    case 'ConvertRowtypeExpr': case 'CoerceToDomain': return expr.resulttype;
    case 'CollateExpr': return exprType(expr.arg);
    case 'CaseExpr': return expr.casetype;
    case 'CaseTestExpr': case 'CoerceToDomainValue': case 'SetToDefault': case 'NextValueExpr': return expr.typeId;
    case 'ArrayExpr': return expr.arrayTypeid;
    case 'RowExpr': return expr.rowTypeid;
    case 'CoalesceExpr': return expr.coalescetype;
    case 'MinMaxExpr': return expr.minmaxtype;
    case 'SQLValueFunction': return expr.type;
    case 'ReturningExpr': return exprType(expr.expr);
    default: return unreachable(expr, 'expression');
  }
}

/** The typmod an expression is known to yield, -1 when unknown. */
export function exprTypmod(expr: Expr): number {
  switch (expr.node) {
    case 'Var': return expr.vartypmod;
    case 'Const': return expr.consttypmod;
    case 'Param': case 'SublinkParam': return expr.paramtypmod;
    case 'FuncExpr': return lengthCoercionTypmod(expr) ?? -1;
    case 'NullIfExpr': return exprTypmod(expr.args[0]);
    case 'SubscriptingRef': return expr.reftypmod;
    case 'SubLink': return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? exprTypmod(expr.subselect.targetList[0].expr) : -1;
    case 'SubPlan': return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? expr.firstColTypmod : -1;
    case 'FieldSelect': case 'RelabelType': case 'ArrayCoerceExpr': case 'CoerceToDomain': return expr.resulttypmod;
    case 'CollateExpr': return exprTypmod(expr.arg);
    case 'CaseExpr': return commonTypmod(expr.casetype, [...(expr.defresult === null ? [null] : [expr.defresult]), ...expr.args.map((when) => when.result)]);
    case 'CaseTestExpr': case 'CoerceToDomainValue': case 'SetToDefault': return expr.typeMod;
    case 'ArrayExpr': return commonTypmod(expr.multidims ? expr.arrayTypeid : expr.elementTypeid, expr.elements);
    case 'CoalesceExpr': return commonTypmod(expr.coalescetype, expr.args);
    case 'MinMaxExpr': return commonTypmod(expr.minmaxtype, expr.args);
    case 'SQLValueFunction': return expr.typmod;
    case 'ReturningExpr': return exprTypmod(expr.expr);
    default: return -1;
  }
}

/** The typmod that all alternatives of one type share, else -1. */
function commonTypmod(type: Oid, alternatives: readonly (Expr | null)[]): number {
  let typmod: number | undefined;
  for (const alternative of alternatives) {
    if (alternative === null || exprType(alternative) !== type) return -1;
    const mine = exprTypmod(alternative);
    if (mine < 0 || (typmod !== undefined && typmod !== mine)) return -1;
    typmod = mine;
  }
  return typmod ?? -1;
}

/** The typmod that a length-coercion call such as varchar(value, 10) applies; null when the expression is no such call. */
export function lengthCoercionTypmod(expr: FuncExpr): number | null {
  if (expr.funcformat !== 'explicitCast' && expr.funcformat !== 'implicitCast') return null;
  if (expr.args.length < 2 || expr.args.length > 3) return null;
  const typmod = expr.args[1];
  return typmod.node === 'Const' && typmod.consttype === INT4OID && typeof typmod.value === 'number' ? typmod.value : null;
}

/** The collation of an expression's result, 0 when its type has none. Valid once collations are assigned. */
export function exprCollation(expr: Expr): Oid {
  switch (expr.node) {
    case 'Var': return expr.varcollid;
    case 'Const': return expr.constcollid;
    case 'Param': case 'SublinkParam': return expr.paramcollid;
    case 'FuncExpr': return expr.funccollid;
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': return expr.opcollid;
    case 'Aggref': return expr.aggcollid;
    case 'WindowFunc': return expr.wincollid;
    case 'SubscriptingRef': return expr.refcollid;
    case 'SubLink': return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? exprCollation(expr.subselect.targetList[0].expr) : 0;
    case 'SubPlan': return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? expr.firstColCollation : 0;
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'CoerceToDomain': return expr.resultcollid;
    case 'CollateExpr': return expr.collOid;
    case 'MergeSupportFunc': return DEFAULT_COLLATION_OID;
    case 'CaseExpr': return expr.casecollid;
    case 'CaseTestExpr': case 'CoerceToDomainValue': case 'SetToDefault': return expr.collation;
    case 'ArrayExpr': return expr.arrayCollid;
    case 'CoalesceExpr': return expr.coalescecollid;
    case 'MinMaxExpr': return expr.minmaxcollid;
    case 'SQLValueFunction': return expr.type === NAMEOID ? C_COLLATION_OID : 0;
    case 'ReturningExpr': return exprCollation(expr.expr);
    default: return 0;
  }
}

/** The collation that a function or operator node applies to its inputs, 0 for other nodes. */
export function exprInputCollation(expr: Expr): Oid {
  switch (expr.node) {
    case 'FuncExpr': case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': case 'Aggref':
    case 'WindowFunc': case 'MinMaxExpr': return expr.inputcollid;
    default: return 0;
  }
}

/** Leftmost known location of an expression, -1 when unknown: where errors about it point. */
export function exprLocation(expr: Expr | TargetEntry): number {
  switch (expr.node) {
    case 'TargetEntry': return exprLocation(expr.expr);
    case 'FuncExpr': return leftmost(expr.location, exprListLocation(expr.args));
    case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr':
    case 'BoolExpr': return leftmost(expr.location, exprListLocation(expr.args));
    case 'SubLink': return expr.testexpr === null ? expr.location : leftmost(exprLocation(expr.testexpr), expr.location);
    case 'SubscriptingRef': return exprLocation(expr.refexpr);
    case 'FieldSelect': case 'FieldStore': return exprLocation(expr.arg);
    case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'ConvertRowtypeExpr': case 'CollateExpr':
    case 'NullTest': case 'BooleanTest': case 'CoerceToDomain':
      return leftmost(expr.location, exprLocation(expr.arg));
    case 'RowCompareExpr': return exprListLocation(expr.largs);
    case 'CaseTestExpr': case 'CurrentOfExpr': case 'NextValueExpr': case 'SubPlan': return -1;
    case 'ReturningExpr': return exprLocation(expr.expr);
    default: return expr.location;
  }
}

/** Leftmost known location in a list of expressions. */
export function exprListLocation(list: readonly (Expr | TargetEntry | null)[]): number {
  let location = -1;
  for (const item of list) if (item !== null) location = leftmost(location, exprLocation(item));
  return location;
}

function leftmost(a: number, b: number): number {
  if (a < 0) return b;
  return b < 0 ? a : Math.min(a, b);
}

/** True when the expression returns a set at its top. */
export function returnsSet(expr: Expr): boolean {
  return (expr.node === 'FuncExpr' && expr.funcretset) || (expr.node === 'OpExpr' && expr.opretset);
}

/** True for types of values whose columns are only known at run time. */
export function isAnonymousRecord(type: Oid): boolean {
  return type === RECORDOID;
}
