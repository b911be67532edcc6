/**
 * Result type, modifier and collation of expressions (exprType, exprTypmod, exprCollation of nodeFuncs.c).
 */
import type { Catalog, Oid } from '../catalog/api.js';
import type { Expr, Query, TargetEntry } from '../analyzer/nodes.js';

/** OIDs of types that the planner treats specially. */
export const BOOLOID = 16;
export const BYTEAOID = 17;
export const NAMEOID = 19;
export const INT8OID = 20;
export const INT2OID = 21;
export const INT4OID = 23;
export const TEXTOID = 25;
export const OIDOID = 26;
export const TIDOID = 27;
export const RECORDOID = 2249;
export const C_COLLATION_OID = 950;
export const DEFAULT_COLLATION_OID = 100;

/** Type OID of the expression's value. */
export function exprType(expr: Expr, catalog: Catalog | null = null): Oid {
  switch (expr.node) {
    case 'Var': return expr.vartype;
    case 'Const': return expr.consttype;
    case 'Param': case 'SublinkParam': return expr.paramtype;
    case 'FuncExpr': return expr.funcresulttype;
    case 'OpExpr': case 'DistinctExpr': return expr.opresulttype;
    case 'NullIfExpr': return expr.opresulttype;
    case 'ScalarArrayOpExpr': case 'BoolExpr': case 'RowCompareExpr': case 'NullTest': case 'BooleanTest': case 'CurrentOfExpr':
      return BOOLOID;
    case 'Aggref': return expr.aggtype;
    case 'GroupingFunc': return INT4OID;
    case 'WindowFunc': return expr.wintype;
    case 'SubscriptingRef': return expr.refrestype;
    case 'SubLink':
      if (expr.subLinkType === 'expr') return exprType(firstColumn(expr.subselect).expr, catalog);
      if (expr.subLinkType === 'array') return arrayTypeOf(exprType(firstColumn(expr.subselect).expr, catalog), catalog);
      return expr.subLinkType === 'multiexpr' ? RECORDOID : BOOLOID;
    case 'SubPlan':
      if (expr.subLinkType === 'expr') return expr.firstColType;
      if (expr.subLinkType === 'array') return arrayTypeOf(expr.firstColType, catalog);
      return expr.subLinkType === 'multiexpr' ? RECORDOID : BOOLOID;
    case 'FieldSelect': case 'FieldStore': case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr':
    case 'ConvertRowtypeExpr': case 'CoerceToDomain':
      return expr.resulttype;
    case 'CollateExpr': return exprType(expr.arg, catalog);
    case 'CaseExpr': return expr.casetype;
    case 'CaseTestExpr': case 'CoerceToDomainValue': case 'SetToDefault': case 'NextValueExpr': return expr.typeId;
    case 'ArrayExpr': return expr.arrayTypeid;
    case 'RowExpr': return expr.rowTypeid;
    case 'CoalesceExpr': return expr.coalescetype;
    case 'MinMaxExpr': return expr.minmaxtype;
    case 'SQLValueFunction': return expr.type;
    case 'ReturningExpr': return exprType(expr.expr, catalog);
    default: return expr satisfies never;
  }
}

function firstColumn(query: Query): TargetEntry {
  return query.targetList[0];
}

/** Array type of an element type; the element type itself when it has none. */
export function arrayTypeOf(elementType: Oid, catalog: Catalog | null): Oid {
  const found = catalog?.type(elementType)?.typarray;
  return found ? found : elementType;
}

/** Type modifier of the expression's value; -1 when unknown. */
export function exprTypmod(expr: Expr): number {
  switch (expr.node) {
    case 'Var': return expr.vartypmod;
    case 'Const': return expr.consttypmod;
    case 'Param': case 'SublinkParam': return expr.paramtypmod;
    case 'FieldSelect': case 'RelabelType': case 'ArrayCoerceExpr': case 'CoerceToDomain': return expr.resulttypmod;
    case 'SubscriptingRef': return expr.reftypmod;
    case 'CaseTestExpr': case 'CoerceToDomainValue': case 'SetToDefault': return expr.typeMod;
    case 'CollateExpr': return exprTypmod(expr.arg);
    case 'SQLValueFunction': return expr.typmod;
    case 'SubPlan': return expr.subLinkType === 'expr' ? expr.firstColTypmod : -1;
    case 'SubLink': return expr.subLinkType === 'expr' ? exprTypmod(firstColumn(expr.subselect).expr) : -1;
    case 'ReturningExpr': return exprTypmod(expr.expr);
    case 'CaseExpr': {
      if (!expr.defresult) return -1;
      const typmod = exprTypmod(expr.defresult);
      return expr.args.every((when) => exprTypmod(when.result) === typmod) ? typmod : -1;
    }
    case 'CoalesceExpr': case 'MinMaxExpr': {
      const typmod = exprTypmod(expr.args[0]);
      return expr.args.every((arg) => exprTypmod(arg) === typmod) ? typmod : -1;
    }
    default: return -1;
  }
}

/** Collation of the expression's value; 0 when not collatable. */
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
    case 'SubLink':
      return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? exprCollation(firstColumn(expr.subselect).expr) : 0;
    case 'SubPlan': return expr.subLinkType === 'expr' || expr.subLinkType === 'array' ? expr.firstColCollation : 0;
    case 'FieldSelect': case 'RelabelType': case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'CoerceToDomain': return expr.resultcollid;
    case 'CollateExpr': return expr.collOid;
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
