/**
 * Raw expressions to analyzed ones: the dispatch, columns, constants, calls, casts. Follows PostgreSQL's
 * parser/parse_expr.c.
 */
import type {
  A_ArrayExpr, A_Const, A_Expr, A_Indirection, BoolExpr as RawBoolExpr, BooleanTest as RawBooleanTest, CaseExpr as RawCaseExpr,
  CoalesceExpr as RawCoalesceExpr, CollateClause, ColumnRef, CurrentOfExpr as RawCurrentOf, FuncCall, GroupingFunc as RawGroupingFunc,
  MinMaxExpr as RawMinMax, MultiAssignRef, NamedArgExpr, Node, NullTest as RawNullTest, ParamRef, RowExpr as RawRowExpr, SetToDefault as RawDefault,
  SortBy, SQLValueFunction as RawValueFunction, SubLink as RawSubLink, TypeCast,
} from 'libpg-query';
import { notSupported } from '../base/error.js';
import { bodyAs, bodyOf, stringList, stringValue, tagOf } from '../parser/raw.js';
import { BITOID, BOOLOID, INT4OID, INT8OID, INTERVALOID, NUMERICOID, UNKNOWNOID } from '../types/oids.js';
import { transformGroupingFunc } from './aggregates.js';
import { coerceToBoolean, coerceToTargetType } from './coerce.js';
import {
  transformArray, transformBooleanTest, transformCase, transformCoalesce, transformIndirection, transformMinMax, transformNullTest, transformRow,
  transformValueFunction,
} from './expr-forms.js';
import { transformOperatorExpr } from './expr-operators.js';
import { transformSubLink } from './expr-sublink.js';
import { parseFunctionOrColumn, type CallArgument } from './function-call.js';
import { makeBoolExpr, makeConst } from './make.js';
import { transformMultiAssign } from './multi-assign.js';
import { nameListToString } from './names.js';
import { columnByName, itemByName, itemColumn, missingColumnError, missingEntryError } from './namespace.js';
import { exprLocation, exprType } from './node-functions.js';
import type { BoolExpr, Const, Expr } from './nodes.js';
import { literalParam, transformParamRef } from './param.js';
import { columnPlacementError } from './placement.js';
import { wholeRowReference } from './record.js';
import type { ExprKind, NamespaceItem, ParseState } from './state.js';
import { lookupCollation, typeCollation, typeNameType } from './type-name.js';

/** Analyzes an expression that stands in a place of the given kind. */
export function transformExpr(state: ParseState, node: Node, kind: ExprKind): Expr {
  const saved = state.exprKind;
  state.exprKind = kind;
  const result = transformNode(state, node);
  state.exprKind = saved;
  return result;
}

const BOOL_OPS = { AND_EXPR: 'and', OR_EXPR: 'or', NOT_EXPR: 'not' } as const;

/** Analyzes an expression in the place that the state already names. */
export function transformNode(state: ParseState, node: Node): Expr {
  const body = bodyOf(node);
  switch (tagOf(node)) {
    case 'ColumnRef': return transformColumnRef(state, bodyAs<ColumnRef>(body));
    case 'A_Const': return transformConst(state, bodyAs<A_Const>(body));
    case 'A_Expr': return transformOperatorExpr(state, bodyAs<A_Expr>(body));
    case 'FuncCall': return transformFunctionCall(state, bodyAs<FuncCall>(body));
    case 'ParamRef': {
      const reference = bodyAs<ParamRef>(body);
      return state.context.hooks?.paramRef?.(state, reference) ?? transformParamRef(state, reference);
    }
    case 'TypeCast': return transformTypeCast(state, bodyAs<TypeCast>(body));
    case 'BoolExpr': return transformBool(state, bodyAs<RawBoolExpr>(body));
    case 'A_Indirection': return transformIndirection(state, bodyAs<A_Indirection>(body));
    case 'A_ArrayExpr': return transformArray(state, bodyAs<A_ArrayExpr>(body), 0, 0, -1);
    case 'SubLink': return transformSubLink(state, bodyAs<RawSubLink>(body));
    case 'CaseExpr': return transformCase(state, bodyAs<RawCaseExpr>(body));
    case 'RowExpr': return transformRow(state, bodyAs<RawRowExpr>(body));
    case 'CoalesceExpr': return transformCoalesce(state, bodyAs<RawCoalesceExpr>(body));
    case 'MinMaxExpr': return transformMinMax(state, bodyAs<RawMinMax>(body));
    case 'SQLValueFunction': return transformValueFunction(state, bodyAs<RawValueFunction>(body));
    case 'NullTest': return transformNullTest(state, bodyAs<RawNullTest>(body));
    case 'BooleanTest': return transformBooleanTest(state, bodyAs<RawBooleanTest>(body));
    case 'CollateClause': return transformCollate(state, bodyAs<CollateClause>(body));
    case 'GroupingFunc': return transformGroupingFunc(state, bodyAs<RawGroupingFunc>(body));
    case 'MultiAssignRef': return transformMultiAssign(state, bodyAs<MultiAssignRef>(body));
    case 'CurrentOfExpr': {
      const raw = bodyAs<RawCurrentOf>(body);
      return { node: 'CurrentOfExpr', cvarno: state.targetNsitem?.rtindex ?? 0, cursorName: raw.cursor_name ?? '' };
    }
    case 'SetToDefault':
      throw state.error('SYNTAX_ERROR', 'DEFAULT is not allowed in this context', bodyAs<RawDefault>(body).location ?? 0);
    case 'MergeSupportFunc': return transformMergeAction(state, typeof body.location === 'number' ? body.location : 0);
    default: throw notSupported(featureName(tagOf(node), body));
  }
}

/** How an expression that has no node yet calls itself. */
function featureName(tag: string, body: { readonly op?: unknown }): string {
  const names: Readonly<Record<string, string>> = {
    JsonObjectConstructor: 'JSON_OBJECT', JsonArrayConstructor: 'JSON_ARRAY', JsonArrayQueryConstructor: 'JSON_ARRAY', JsonObjectAgg: 'JSON_OBJECTAGG',
    JsonArrayAgg: 'JSON_ARRAYAGG', JsonIsPredicate: 'IS JSON', JsonParseExpr: 'JSON()', JsonScalarExpr: 'JSON_SCALAR', JsonSerializeExpr: 'JSON_SERIALIZE',
    XmlSerialize: 'XMLSERIALIZE',
  };
  if (Object.hasOwn(names, tag)) return names[tag];
  if ((tag === 'XmlExpr' || tag === 'JsonFuncExpr') && typeof body.op === 'string') return body.op.replace(/^IS_|_OP$/g, '');
  return `expression ${tag}`;
}

function transformMergeAction(state: ParseState, location: number): Expr {
  if (state.exprKind !== 'mergeReturning') {
    for (let level = state.parent; level !== null; level = level.parent) if (level.exprKind === 'mergeReturning') throw notSupported('MERGE_ACTION() in a sub-select');
    throw state.error('SYNTAX_ERROR', 'MERGE_ACTION() can only be used in the RETURNING list of a MERGE command', location);
  }
  return { node: 'MergeSupportFunc', location };
}

/** A literal by itself: integers by size, other numbers numeric, strings unknown. */
export function transformConst(state: ParseState, constant: A_Const): Expr {
  const location = constant.location ?? 0;
  const lifted = constant.isnull ? null : literalParam(state, location);
  if (lifted !== null) return lifted;
  return makeLiteral(state, constant, location);
}

function makeLiteral(state: ParseState, constant: A_Const, location: number): Const {
  const { types } = state.context.services;
  if (constant.isnull) return makeConst(UNKNOWNOID, -1, 0, null, location);
  if (constant.ival !== undefined) return makeConst(INT4OID, -1, 0, constant.ival.ival ?? 0, location);
  if (constant.sval !== undefined) return makeConst(UNKNOWNOID, -1, 0, constant.sval.sval ?? '', location);
  if (constant.boolval !== undefined) return makeConst(BOOLOID, -1, 0, constant.boolval.boolval ?? false, location);
  if (constant.bsval !== undefined) return makeConst(BITOID, -1, 0, state.at(location, () => types.input(BITOID, constant.bsval?.bsval ?? '')), location);
  const text = constant.fval?.fval ?? '0';
  const integer = integerValue(text.replaceAll('_', ''));
  if (integer !== null) {
    const isSmall = integer >= -2147483648n && integer <= 2147483647n;
    const value = integer <= MAX_SAFE && integer >= -MAX_SAFE ? Number(integer) : integer;
    return makeConst(isSmall ? INT4OID : INT8OID, -1, 0, value, location);
  }
  return makeConst(NUMERICOID, -1, 0, state.at(location, () => types.input(NUMERICOID, text)), location);
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The value of an integer literal that fits in 64 bits, else null. */
function integerValue(text: string): bigint | null {
  if (!/^-?(?:\d+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(text)) return null;
  const value = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  return value >= -9223372036854775808n && value <= 9223372036854775807n ? value : null;
}

function transformColumnRef(state: ParseState, reference: ColumnRef): Expr {
  const location = reference.location ?? 0;
  const placement = columnPlacementError(state.exprKind);
  if (placement !== null) throw state.error('FEATURE_NOT_SUPPORTED', placement, location);
  const { hooks } = state.context;
  const early = hooks?.preColumnRef?.(state, reference) ?? null;
  if (early !== null) return early;
  const found = resolveColumn(state, reference, location);
  const expr = found instanceof Error ? null : found;
  if (hooks?.postColumnRef !== undefined) {
    const late = hooks.postColumnRef(state, reference, expr);
    if (late !== null && expr !== null) throw state.error('AMBIGUOUS_COLUMN', `column reference "${nameListToString(reference.fields)}" is ambiguous`, location);
    if (late !== null) return late;
  }
  if (found instanceof Error) throw found;
  return found;
}

/** What a column reference means in the query; the error to raise when nothing. */
function resolveColumn(state: ParseState, reference: ColumnRef, location: number): Expr | Error {
  const fields = reference.fields ?? [];
  if (fields.length === 1) {
    if (tagOf(fields[0]) === 'A_Star') return state.error('SYNTAX_ERROR', 'invalid use of "*"', location);
    const name = stringValue(fields[0]);
    const column = columnByName(state, name, location);
    if (column !== null) return column;
    const row = itemByName(state, null, name, location);
    return row === null ? missingColumnError(state, null, name, location) : wholeRowReference(state, row.item, row.levelsUp, location);
  }
  const text = nameListToString(fields);
  if (fields.length > 4) return state.error('SYNTAX_ERROR', `improper qualified name (too many dotted names): ${text}`, location);
  const names = stringList(fields.slice(0, -1));
  if (names.length === 3 && names[0] !== state.catalog.databaseName) return state.error('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: ${text}`, location);
  const schema = names.length > 1 ? names[names.length - 2] : null;
  const relname = names[names.length - 1];
  const found = itemByName(state, schema, relname, location);
  if (found === null) return missingEntryError(state, { schemaname: schema ?? undefined, relname, location });
  const last = fields[fields.length - 1];
  if (tagOf(last) === 'A_Star') return wholeRowReference(state, found.item, found.levelsUp, location);
  const name = stringValue(last);
  return itemColumn(state, found.item, found.levelsUp, name, location)
    ?? columnFunction(state, found.item, found.levelsUp, name, location)
    ?? missingColumnError(state, relname, name, location);
}

/** `table.name` where `name` is a function of the row. */
function columnFunction(state: ParseState, item: NamespaceItem, levelsUp: number, name: string, location: number): Expr | null {
  const row = wholeRowReference(state, item, levelsUp, location);
  return parseFunctionOrColumn(state, [name], [{ expr: row, name: null, location }], state.lastSrf, null, false, location);
}

function transformBool(state: ParseState, raw: RawBoolExpr): BoolExpr {
  const boolop = BOOL_OPS[raw.boolop as keyof typeof BOOL_OPS];
  const args = (raw.args ?? []).map((arg) => coerceToBoolean(state, transformNode(state, arg), boolop.toUpperCase()));
  return makeBoolExpr(boolop, args, raw.location ?? 0);
}

function transformFunctionCall(state: ParseState, call: FuncCall): Expr {
  const lastSrf = state.lastSrf;
  const location = call.location ?? 0;
  const args = callArguments(state, call.args ?? []);
  if (call.agg_within_group) {
    for (const item of call.agg_order ?? []) {
      args.push({ expr: transformExpr(state, bodyAs<SortBy>(bodyOf(item)).node as Node, 'orderBy'), name: null, location: -1 });
    }
  }
  const expr = parseFunctionOrColumn(state, stringList(call.funcname), args, lastSrf, call, false, location);
  if (expr === null) throw state.error('INTERNAL_ERROR', 'function call did not resolve', location);
  return expr;
}

/** Arguments of a call, named ones with their names. */
export function callArguments(state: ParseState, list: readonly Node[]): CallArgument[] {
  return list.map((node) => {
    if (tagOf(node) !== 'NamedArgExpr') return { expr: transformNode(state, node), name: null, location: -1 };
    const named = bodyAs<NamedArgExpr>(bodyOf(node));
    return { expr: transformNode(state, named.arg as Node), name: named.name ?? '', location: named.location ?? 0 };
  });
}

function transformTypeCast(state: ParseState, cast: TypeCast): Expr {
  const { type, typmod } = typeNameType(state, cast.typeName ?? {});
  const argument = cast.arg as Node;
  let expr: Expr;
  if (tagOf(argument) === 'A_ArrayExpr') {
    const base = state.catalog.baseType(type);
    const element = state.catalog.type(base)?.typarray === undefined ? 0 : elementOf(state, base);
    expr = element === 0 ? transformNode(state, argument) : transformArray(state, bodyAs<A_ArrayExpr>(bodyOf(argument)), base, element, typmod);
  } else if (type === INTERVALOID && typmod >= 0 && tagOf(argument) === 'A_Const') {
    // `interval '1' day`: the fields decide how the text is read, so it cannot become a parameter.
    const constant = bodyAs<A_Const>(bodyOf(argument));
    expr = makeLiteral(state, constant, constant.location ?? 0);
  } else {
    expr = transformNode(state, argument);
  }
  const inputType = exprType(expr);
  const written = cast.location ?? 0;
  const location = written >= 0 ? written : cast.typeName?.location ?? 0;
  const result = coerceToTargetType(state, expr, inputType, type, typmod, 'explicit', 'explicitCast', location);
  if (result === null) {
    throw state.error('CANNOT_COERCE', `cannot cast type ${state.formatType(inputType)} to ${state.formatType(type)}`, location >= 0 ? location : exprLocation(expr));
  }
  return result;
}

function elementOf(state: ParseState, type: number): number {
  const row = state.catalog.type(type);
  return row !== null && row.typcategory === 'A' ? row.typelem : 0;
}

function transformCollate(state: ParseState, raw: CollateClause): Expr {
  const arg = transformNode(state, raw.arg as Node);
  const type = exprType(arg);
  const location = raw.location ?? 0;
  if (typeCollation(state, type) === 0 && type !== UNKNOWNOID) throw state.error('DATATYPE_MISMATCH', `collations are not supported by type ${state.formatType(type)}`, location);
  return { node: 'CollateExpr', arg, collOid: lookupCollation(state, stringList(raw.collname), location), location };
}
