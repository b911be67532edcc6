/**
 * Factories for the nodes that analysis builds in many places. Follows PostgreSQL's nodes/makefuncs.c.
 */
import type { Datum } from '../types/datum.js';
import { BOOLOID, INT4OID } from '../types/oids.js';
import type { BoolExpr, CoercionForm, Const, Expr, FuncExpr, RelabelType, TargetEntry, Var } from './nodes.js';
import type { Oid } from './state.js';

/** A constant. */
export function makeConst(consttype: Oid, consttypmod: number, constcollid: Oid, value: Datum, location = -1): Const {
  return { node: 'Const', consttype, consttypmod, constcollid, value, location };
}

/** An int4 constant. */
export function makeInt4(value: number): Const {
  return makeConst(INT4OID, -1, 0, value);
}

/** A boolean constant. */
export function makeBool(value: boolean): Const {
  return makeConst(BOOLOID, -1, 0, value);
}

/** A column reference of the query's own level. */
export function makeVar(varno: number, varattno: number, vartype: Oid, vartypmod: number, varcollid: Oid, location = -1, varlevelsup = 0): Var {
  return { node: 'Var', varno, varattno, vartype, vartypmod, varcollid, varlevelsup, location };
}

/** A call of a function that returns no set and no variadic array. */
export function makeFuncExpr(funcid: Oid, funcresulttype: Oid, args: readonly Expr[], funcformat: CoercionForm, location: number): FuncExpr {
  return { node: 'FuncExpr', funcid, funcresulttype, funcretset: false, funcvariadic: false, funcformat, funccollid: 0, inputcollid: 0, args, location };
}

/** A binary-compatible relabelling. */
export function makeRelabel(arg: Expr, resulttype: Oid, resulttypmod: number, resultcollid: Oid, relabelformat: CoercionForm, location: number): RelabelType {
  return { node: 'RelabelType', arg, resulttype, resulttypmod, resultcollid, relabelformat, location };
}

/** AND, OR, NOT. */
export function makeBoolExpr(boolop: BoolExpr['boolop'], args: readonly Expr[], location = -1): BoolExpr {
  return { node: 'BoolExpr', boolop, args, location };
}

/** Both conditions together; null stands for true. */
export function makeAnd(a: Expr | null, b: Expr | null): Expr | null {
  if (a === null) return b;
  if (b === null) return a;
  return makeBoolExpr('and', [...(a.node === 'BoolExpr' && a.boolop === 'and' ? a.args : [a]), ...(b.node === 'BoolExpr' && b.boolop === 'and' ? b.args : [b])]);
}

/** A target-list entry. */
export function makeTarget(expr: Expr, resno: number, resname: string | null, resjunk = false): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk };
}
