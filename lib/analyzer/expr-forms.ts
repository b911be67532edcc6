/**
 * Expressions with a syntax of their own: CASE, COALESCE, GREATEST, ARRAY, ROW, subscripts and fields, IS tests,
 * CURRENT_DATE and its family. Follows PostgreSQL's parser/parse_expr.c and array_subscript_transform.
 */
import type {
  A_ArrayExpr, A_Indices, A_Indirection, BooleanTest as RawBooleanTest, CaseExpr as RawCaseExpr, CaseWhen, CoalesceExpr as RawCoalesce,
  ColumnRef, MinMaxExpr as RawMinMax, Node, NullTest as RawNullTest, RowExpr as RawRowExpr, SQLValueFunction as RawValueFunction,
} from 'libpg-query';
import { notSupported, PgError } from '../base/error.js';
import { bodyAs, bodyOf, stringValue, tagOf } from '../parser/raw.js';
import { DATEOID, INT4OID, JSONBOID, NAMEOID, RECORDOID, TEXTOID, TIMEOID, TIMESTAMPOID, TIMESTAMPTZOID, TIMETZOID, UNKNOWNOID } from '../types/oids.js';
import { baseTypeAndTypmod, coerceToBoolean, coerceToTargetType } from './coerce.js';
import { assignExprCollations } from './collate.js';
import { coerceToCommonType, selectCommonType } from './common-type.js';
import { transformExpr, transformNode } from './expr.js';
import { parseFunctionOrColumn } from './function-call.js';
import { makeConst, makeInt4 } from './make.js';
import { missingColumnError } from './namespace.js';
import { exprCollation, exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { BooleanTest, CaseExpr, CaseTestExpr, Expr, SQLValueFunction } from './nodes.js';
import { makeOperator } from './operators.js';
import { isRowType } from './record.js';
import type { Oid, ParseState } from './state.js';
import { transformExpressionList } from './target.js';
import { arrayTypeOf, elementTypeOf, typeCollation } from './type-name.js';

function rejectSets(state: ParseState, lastSrf: Expr | null, construct: string): void {
  if (state.lastSrf === lastSrf || state.lastSrf === null) return;
  throw state.error('FEATURE_NOT_SUPPORTED', `set-returning functions are not allowed in ${construct}`, exprLocation(state.lastSrf),
    { hint: 'You might be able to move the set-returning function into a LATERAL FROM item.' });
}

/** CASE, simple or searched. @throws 42804, 0A000 */
export function transformCase(state: ParseState, raw: RawCaseExpr): CaseExpr {
  const lastSrf = state.lastSrf;
  let arg: Expr | null = null;
  let placeholder: CaseTestExpr | null = null;
  if (raw.arg !== undefined) {
    arg = transformNode(state, raw.arg);
    if (exprType(arg) === UNKNOWNOID) arg = coerceToCommonType(state, arg, TEXTOID, 'CASE');
    assignExprCollations(state, arg);
    placeholder = { node: 'CaseTestExpr', typeId: exprType(arg), typeMod: exprTypmod(arg), collation: exprCollation(arg) };
  }
  const whens = (raw.args ?? []).map((node) => {
    const when = bodyAs<CaseWhen>(bodyOf(node));
    const condition = transformNode(state, when.expr as Node);
    const test = placeholder === null ? condition : makeOperator(state, ['='], placeholder, condition, state.lastSrf, when.location ?? 0);
    return { expr: coerceToBoolean(state, test, 'CASE/WHEN'), result: transformNode(state, when.result as Node) };
  });
  const defresult = raw.defresult === undefined ? makeConst(UNKNOWNOID, -1, 0, null) : transformNode(state, raw.defresult);
  const { type } = selectCommonType(state, [defresult, ...whens.map((when) => when.result)], 'CASE');
  const expr: CaseExpr = {
    node: 'CaseExpr', casetype: type, casecollid: 0, arg, defresult: coerceToCommonType(state, defresult, type, 'CASE/ELSE'),
    args: whens.map((when) => ({ expr: when.expr, result: coerceToCommonType(state, when.result, type, 'CASE/WHEN') })), location: raw.location ?? 0,
  };
  rejectSets(state, lastSrf, 'CASE');
  return expr;
}

/** COALESCE. @throws 42804, 0A000 */
export function transformCoalesce(state: ParseState, raw: RawCoalesce): Expr {
  const lastSrf = state.lastSrf;
  const args = (raw.args ?? []).map((arg) => transformNode(state, arg));
  const { type } = selectCommonType(state, args, 'COALESCE');
  const coerced = args.map((arg) => coerceToCommonType(state, arg, type, 'COALESCE'));
  rejectSets(state, lastSrf, 'COALESCE');
  return { node: 'CoalesceExpr', coalescetype: type, coalescecollid: 0, args: coerced, location: raw.location ?? 0 };
}

/** GREATEST and LEAST. @throws 42804 */
export function transformMinMax(state: ParseState, raw: RawMinMax): Expr {
  const op = raw.op === 'IS_LEAST' ? 'least' : 'greatest';
  const args = (raw.args ?? []).map((arg) => transformNode(state, arg));
  const { type } = selectCommonType(state, args, op.toUpperCase());
  return {
    node: 'MinMaxExpr', minmaxtype: type, minmaxcollid: 0, inputcollid: 0, op, args: args.map((arg) => coerceToCommonType(state, arg, type, op.toUpperCase())),
    location: raw.location ?? 0,
  };
}

/** ARRAY[...]; a target type from a cast around it is used for the elements. @throws 42P18, 42704, 42846 */
export function transformArray(state: ParseState, raw: A_ArrayExpr, givenArray: Oid, givenElement: Oid, typmod: number): Expr {
  const location = raw.location ?? 0;
  let multidims = false;
  const elements = (raw.elements ?? []).map((node) => {
    if (tagOf(node) === 'A_ArrayExpr') {
      multidims = true;
      return transformArray(state, bodyAs<A_ArrayExpr>(bodyOf(node)), givenArray, givenElement, typmod);
    }
    const element = transformNode(state, node);
    if (exprType(element) !== 22 && exprType(element) !== 30 && elementTypeOf(state, exprType(element)) !== 0) multidims = true;
    return element;
  });
  let arrayTypeid = givenArray;
  let elementTypeid = givenElement;
  let elementTarget: Oid;
  let isHard = givenArray !== 0;
  if (givenArray !== 0) {
    elementTarget = multidims ? givenArray : givenElement;
  } else {
    if (elements.length === 0) {
      throw state.error('INDETERMINATE_DATATYPE', 'cannot determine type of empty array', location, { hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].' });
    }
    elementTarget = selectCommonType(state, elements, 'ARRAY').type;
    if (multidims) {
      arrayTypeid = elementTarget;
      elementTypeid = elementTypeOf(state, arrayTypeid);
      if (elementTypeid === 0) throw state.error('UNDEFINED_OBJECT', `could not find element type for data type ${state.formatType(arrayTypeid)}`, location);
    } else {
      elementTypeid = elementTarget;
      arrayTypeid = arrayTypeOf(state, elementTypeid);
      if (arrayTypeid === 0) throw state.error('UNDEFINED_OBJECT', `could not find array type for data type ${state.formatType(elementTypeid)}`, location);
    }
    isHard = false;
  }
  const coerced = elements.map((element) => {
    if (!isHard) return coerceToCommonType(state, element, elementTarget, 'ARRAY');
    const result = coerceToTargetType(state, element, exprType(element), elementTarget, typmod, 'explicit', 'explicitCast', -1);
    if (result === null) throw state.error('CANNOT_COERCE', `cannot cast type ${state.formatType(exprType(element))} to ${state.formatType(elementTarget)}`, exprLocation(element));
    return result;
  });
  return { node: 'ArrayExpr', arrayTypeid, arrayCollid: 0, elementTypeid, elements: coerced, multidims, location };
}

/** ROW(...). @throws 54011 */
export function transformRow(state: ParseState, raw: RawRowExpr): Expr {
  const location = raw.location ?? 0;
  const args = transformExpressionList(state, raw.args ?? [], state.exprKind, false);
  if (args.length > 1664) throw state.error('TOO_MANY_COLUMNS', 'ROW expressions can have at most 1664 entries', location);
  return {
    node: 'RowExpr', args, rowTypeid: RECORDOID, rowFormat: raw.row_format === 'COERCE_IMPLICIT_CAST' ? 'implicitCast' : 'call',
    colnames: args.map((_, i) => `f${i + 1}`), location,
  };
}

/** `IS [NOT] NULL`. */
export function transformNullTest(state: ParseState, raw: RawNullTest): Expr {
  const arg = transformNode(state, raw.arg as Node);
  return {
    node: 'NullTest', arg, nulltesttype: raw.nulltesttype === 'IS_NULL' ? 'isNull' : 'isNotNull', argisrow: isRowType(state, exprType(arg)), location: raw.location ?? 0,
  };
}

const BOOLEAN_TESTS: Readonly<Record<string, readonly [BooleanTest['booltesttype'], string]>> = {
  IS_TRUE: ['isTrue', 'IS TRUE'], IS_NOT_TRUE: ['isNotTrue', 'IS NOT TRUE'], IS_FALSE: ['isFalse', 'IS FALSE'],
  IS_NOT_FALSE: ['isNotFalse', 'IS NOT FALSE'], IS_UNKNOWN: ['isUnknown', 'IS UNKNOWN'], IS_NOT_UNKNOWN: ['isNotUnknown', 'IS NOT UNKNOWN'],
};

/** `IS [NOT] TRUE/FALSE/UNKNOWN`. @throws 42804 */
export function transformBooleanTest(state: ParseState, raw: RawBooleanTest): Expr {
  const [booltesttype, name] = BOOLEAN_TESTS[raw.booltesttype ?? 'IS_TRUE'];
  const arg = coerceToBoolean(state, transformNode(state, raw.arg as Node), name);
  return { node: 'BooleanTest', arg, booltesttype, location: raw.location ?? 0 };
}

const VALUE_FUNCTIONS: Readonly<Record<string, readonly [SQLValueFunction['op'], Oid]>> = {
  SVFOP_CURRENT_DATE: ['current_date', DATEOID], SVFOP_CURRENT_TIME: ['current_time', TIMETZOID], SVFOP_CURRENT_TIMESTAMP: ['current_timestamp', TIMESTAMPTZOID],
  SVFOP_LOCALTIME: ['localtime', TIMEOID], SVFOP_LOCALTIMESTAMP: ['localtimestamp', TIMESTAMPOID], SVFOP_CURRENT_ROLE: ['current_role', NAMEOID],
  SVFOP_CURRENT_USER: ['current_user', NAMEOID], SVFOP_USER: ['user', NAMEOID], SVFOP_SESSION_USER: ['session_user', NAMEOID],
  SVFOP_CURRENT_CATALOG: ['current_catalog', NAMEOID], SVFOP_CURRENT_SCHEMA: ['current_schema', NAMEOID],
};

const MAX_PRECISION = 6;

/** CURRENT_DATE, CURRENT_TIMESTAMP(3), CURRENT_USER ... */
export function transformValueFunction(state: ParseState, raw: RawValueFunction): Expr {
  const [op, type] = VALUE_FUNCTIONS[(raw.op ?? '').replace(/_N$/, '')];
  let typmod = raw.typmod ?? 0;
  if (!raw.op?.endsWith('_N')) typmod = -1;
  if (typmod > MAX_PRECISION) {
    const zone = type === TIMETZOID || type === TIMESTAMPTZOID ? ' WITH TIME ZONE' : '';
    const name = type === TIMETZOID || type === TIMEOID ? 'TIME' : 'TIMESTAMP';
    state.context.services.notice(new PgError('INVALID_PARAMETER_VALUE', `${name}(${typmod})${zone} precision reduced to maximum allowed, ${MAX_PRECISION}`, { severity: 'WARNING' }));
    typmod = MAX_PRECISION;
  }
  return { node: 'SQLValueFunction', op, type, typmod, location: raw.location ?? 0 };
}

/** `expr[...].field...`. @throws 42804, 42703 */
export function transformIndirection(state: ParseState, raw: A_Indirection): Expr {
  const lastSrf = state.lastSrf;
  const argument = raw.arg as Node;
  let result = transformNode(state, argument);
  const location = exprLocation(result);
  let subscripts: A_Indices[] = [];
  const applySubscripts = (): void => {
    if (subscripts.length > 0) result = transformSubscripts(state, result, exprType(result), exprTypmod(result), subscripts);
    subscripts = [];
  };
  for (const item of raw.indirection ?? []) {
    const tag = tagOf(item);
    if (tag === 'A_Indices') {
      subscripts.push(bodyAs<A_Indices>(bodyOf(item)));
    } else if (tag === 'A_Star') {
      throw state.error('FEATURE_NOT_SUPPORTED', 'row expansion via "*" is not supported here', location);
    } else {
      applySubscripts();
      const name = stringValue(item);
      const field = parseFunctionOrColumn(state, [name], [{ expr: result, name: null, location }], lastSrf, null, false, location);
      if (field === null) throw unknownAttribute(state, argument, result, name, location);
      result = field;
    }
  }
  applySubscripts();
  return result;
}

function unknownAttribute(state: ParseState, raw: Node, expr: Expr, name: string, location: number): Error {
  if (expr.node === 'Var' && expr.varattno === 0) {
    const rte = state.rte(expr.varno, expr.varlevelsup);
    return state.error('UNDEFINED_COLUMN', `column ${rte.eref.aliasname}.${name} does not exist`, location);
  }
  if (tagOf(raw) === 'ColumnRef' && bodyAs<ColumnRef>(bodyOf(raw)).fields === undefined) return missingColumnError(state, null, name, location);
  const type = exprType(expr);
  if (type === RECORDOID) return state.error('UNDEFINED_COLUMN', `could not identify column "${name}" in record data type`, location);
  if (isRowType(state, type)) return state.error('UNDEFINED_COLUMN', `column "${name}" not found in data type ${state.formatType(type)}`, location);
  return state.error('WRONG_OBJECT_TYPE', `column notation .${name} applied to type ${state.formatType(type)}, which is not a composite type`, location);
}

const JSONB_SUBSCRIPT_HANDLER = 6098;
const MAX_DIMENSIONS = 6;

/** `container[...]`, for reading; `assigned` given: for the assignment of that value. @throws 42804 */
export function transformSubscripts(state: ParseState, container: Expr, containerType: Oid, containerTypmod: number, indices: readonly A_Indices[], assigned: Expr | null = null): Expr {
  const isAssignment = assigned !== null;
  let base = baseTypeAndTypmod(state, containerType, containerTypmod);
  if (base.type === 22) base = { type: 1005, typmod: base.typmod };
  else if (base.type === 30) base = { type: 1028, typmod: base.typmod };
  const row = state.catalog.type(base.type);
  const isJsonb = row?.typsubscript === JSONB_SUBSCRIPT_HANDLER || base.type === JSONBOID;
  if (row === null || row.typsubscript === 0) {
    throw state.error('DATATYPE_MISMATCH', `cannot subscript type ${state.formatType(base.type)} because it does not support subscripting`, exprLocation(container));
  }
  const isSlice = indices.some((index) => index.is_slice);
  const elementType = isJsonb ? 0 : row.typelem;
  if (!isJsonb && elementTypeOf(state, base.type) === 0 && row.typelem === 0) throw notSupported(`subscripting of type ${row.typname}`);
  if (!isJsonb && indices.length > MAX_DIMENSIONS) {
    throw state.error('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions (${indices.length}) exceeds the maximum allowed (${MAX_DIMENSIONS})`, -1);
  }
  const upper: (Expr | null)[] = [];
  const lower: (Expr | null)[] = [];
  for (const index of indices) {
    if (isJsonb && isSlice) {
      const bound = index.uidx ?? index.lidx;
      throw state.error('DATATYPE_MISMATCH', 'jsonb subscript does not support slices', bound === undefined ? -1 : exprLocation(transformNode(state, bound)));
    }
    if (isSlice) {
      if (index.lidx !== undefined) lower.push(subscript(state, index.lidx, isJsonb));
      else lower.push(index.is_slice ? null : makeInt4(1));
    }
    upper.push(index.uidx === undefined ? null : subscript(state, index.uidx, isJsonb));
  }
  const restype = isSlice || isJsonb ? base.type : elementType;
  return {
    node: 'SubscriptingRef', refcontainertype: base.type, refelemtype: elementType, refrestype: isAssignment ? base.type : restype,
    reftypmod: base.typmod, refcollid: isAssignment ? typeCollation(state, base.type) : 0, refupperindexpr: upper, reflowerindexpr: lower, refexpr: container,
    refassgnexpr: assigned, location: -1,
  };
}

function subscript(state: ParseState, node: Node, isJsonb: boolean): Expr {
  const expr = transformExpr(state, node, state.exprKind);
  const type = exprType(expr);
  if (isJsonb) {
    const target = type === UNKNOWNOID || type === TEXTOID ? TEXTOID : INT4OID;
    const coerced = coerceToTargetType(state, expr, type, target, -1, 'implicit', 'implicitCast', -1) ?? coerceToTargetType(state, expr, type, TEXTOID, -1, 'implicit', 'implicitCast', -1);
    if (coerced === null) throw state.error('DATATYPE_MISMATCH', `subscript type ${state.formatType(type)} is not supported`, exprLocation(expr), { hint: 'jsonb subscript must be coercible to either integer or text.' });
    return coerced;
  }
  const coerced = coerceToTargetType(state, expr, type, INT4OID, -1, 'assignment', 'implicitCast', -1);
  if (coerced === null) throw state.error('DATATYPE_MISMATCH', 'array subscript must have type integer', exprLocation(expr));
  return coerced;
}

/** The element or slice type that an assignment to subscripts stores, with its typmod. */
export function subscriptTarget(state: ParseState, containerType: Oid, containerTypmod: number, indices: readonly A_Indices[]): { type: Oid; typmod: number } {
  const base = baseTypeAndTypmod(state, containerType, containerTypmod);
  const row = state.catalog.type(base.type);
  if (base.type === JSONBOID) return { type: JSONBOID, typmod: -1 };
  return indices.some((index) => index.is_slice) ? base : { type: row?.typelem ?? 0, typmod: base.typmod };
}

