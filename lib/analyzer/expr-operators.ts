/**
 * Operator expressions in all their forms: plain, ANY/ALL, IN, BETWEEN, LIKE, DISTINCT, NULLIF, and row comparisons.
 * Follows PostgreSQL's parser/parse_expr.c.
 */
import type { A_Expr, List, Node, SubLink as RawSubLink } from 'libpg-query';
import { bodyAs, bodyOf, stringList, tagOf } from '../parser/raw.js';
import { BOOLOID, RECORDOID } from '../types/oids.js';
import { containsVarOfLevel } from './aggregates.js';
import { coerceToBoolean } from './coerce.js';
import { coerceToCommonType, selectCommonType, verifyCommonType } from './common-type.js';
import { transformNode } from './expr.js';
import { isRowType } from './record.js';
import { transformSubLink } from './expr-sublink.js';
import { makeBool, makeBoolExpr } from './make.js';
import { exprType } from './node-functions.js';
import type { Expr, OpExpr, RowCompareExpr, RowExpr } from './nodes.js';
import { BTREE_AM_OID, makeOperator, makeScalarArrayOperator } from './operators.js';
import type { ParseState } from './state.js';
import { isRawNull } from './target.js';
import { arrayTypeOf } from './type-name.js';

/** Analyzes any A_Expr. */
export function transformOperatorExpr(state: ParseState, raw: A_Expr): Expr {
  const location = raw.location ?? 0;
  switch (raw.kind) {
    case 'AEXPR_OP_ANY': case 'AEXPR_OP_ALL': {
      const left = transformNode(state, raw.lexpr as Node);
      const right = transformNode(state, raw.rexpr as Node);
      return makeScalarArrayOperator(state, stringList(raw.name), raw.kind === 'AEXPR_OP_ANY', left, right, location);
    }
    case 'AEXPR_DISTINCT': case 'AEXPR_NOT_DISTINCT': return transformDistinct(state, raw, location);
    case 'AEXPR_NULLIF': return transformNullIf(state, raw, location);
    case 'AEXPR_IN': return transformIn(state, raw, location);
    case 'AEXPR_BETWEEN': case 'AEXPR_NOT_BETWEEN': case 'AEXPR_BETWEEN_SYM': case 'AEXPR_NOT_BETWEEN_SYM': return transformBetween(state, raw);
    default: return transformPlain(state, raw, location);
  }
}

function transformPlain(state: ParseState, raw: A_Expr, location: number): Expr {
  const { lexpr, rexpr } = raw;
  if (lexpr !== undefined && rexpr !== undefined && tagOf(lexpr) === 'RowExpr' && tagOf(rexpr) === 'SubLink') {
    const sublink = bodyAs<RawSubLink>(bodyOf(rexpr));
    if (sublink.subLinkType === 'EXPR_SUBLINK') {
      return transformSubLink(state, { ...sublink, subLinkType: 'ROWCOMPARE_SUBLINK', testexpr: lexpr, operName: raw.name, location });
    }
  }
  const lastSrf = state.lastSrf;
  const name = stringList(raw.name);
  const left = lexpr === undefined ? null : transformNode(state, lexpr);
  const right = rexpr === undefined ? null : transformNode(state, rexpr);
  const rows = lexpr !== undefined && rexpr !== undefined && tagOf(lexpr) === 'RowExpr' && tagOf(rexpr) === 'RowExpr';
  if (rows && left?.node === 'RowExpr' && right?.node === 'RowExpr') return makeRowComparison(state, name, left.args, right.args, location);
  return makeOperator(state, name, left, right, lastSrf, location);
}

/** `(a, b) op (c, d)`. @throws 42601, 0A000, 42804 */
export function makeRowComparison(state: ParseState, name: readonly string[], largs: readonly Expr[], rargs: readonly Expr[], location: number): Expr {
  if (largs.length !== rargs.length) throw state.error('SYNTAX_ERROR', 'unequal number of entries in row expressions', location);
  if (largs.length === 0) throw state.error('FEATURE_NOT_SUPPORTED', 'cannot compare rows of zero length', location);
  const comparisons = largs.map((left, i) => {
    const comparison = makeOperator(state, name, left, rargs[i], state.lastSrf, location);
    if (comparison.opresulttype !== BOOLOID) {
      throw state.error('DATATYPE_MISMATCH', `row comparison operator must yield type boolean, not type ${state.formatType(comparison.opresulttype)}`, location);
    }
    if (comparison.opretset) throw state.error('DATATYPE_MISMATCH', 'row comparison operator must not return a set', location);
    return comparison;
  });
  if (comparisons.length === 1) return comparisons[0];
  return combineRowComparison(state, name, comparisons, location);
}

type CompareType = RowCompareExpr['cmptype'];
const BTREE_COMPARE: readonly CompareType[] = ['lt', 'le', 'eq', 'ge', 'gt'];

function combineRowComparison(state: ParseState, name: readonly string[], comparisons: readonly OpExpr[], location: number): Expr {
  const infos = comparisons.map((comparison) => interpretations(state, comparison.opno));
  const common = [...new Set(infos[0].map((info) => info.cmptype))].filter((type) => infos.every((info) => info.some((one) => one.cmptype === type)));
  const operator = name[name.length - 1];
  const uninterpretable = (fields: { hint?: string; detail?: string }): Error =>
    state.error('FEATURE_NOT_SUPPORTED', `could not determine interpretation of row comparison operator ${operator}`, location, fields);
  const order: readonly CompareType[] = ['lt', 'le', 'eq', 'ge', 'gt', 'ne'];
  const cmptype = order.find((type) => common.includes(type));
  if (cmptype === undefined) throw uninterpretable({ hint: 'Row comparison operators must be associated with btree operator families.' });
  if (cmptype === 'eq') return makeBoolExpr('and', comparisons, location);
  if (cmptype === 'ne') return makeBoolExpr('or', comparisons, location);
  const opfamilies = infos.map((info) => {
    const family = info.find((one) => one.cmptype === cmptype)?.family;
    if (family === undefined) throw uninterpretable({ detail: 'There are multiple equally-plausible candidates.' });
    return family;
  });
  return {
    node: 'RowCompareExpr', cmptype, opnos: comparisons.map((comparison) => comparison.opno), opfamilies, inputcollids: comparisons.map(() => 0),
    largs: comparisons.map((comparison) => comparison.args[0]), rargs: comparisons.map((comparison) => comparison.args[1]), location,
  };
}

/** What an operator means to ordering families; "not equal" through its negator. */
function interpretations(state: ParseState, operator: number): { family: number; cmptype: CompareType }[] {
  const direct = state.catalog.operatorFamilies(operator).filter((member) => member.accessMethod === BTREE_AM_OID)
    .map((member) => ({ family: member.family, cmptype: BTREE_COMPARE[member.strategy - 1] }));
  if (direct.length > 0) return direct;
  const negator = state.catalog.operator(operator)?.oprnegate ?? 0;
  if (negator === 0) return [];
  return state.catalog.operatorFamilies(negator).filter((member) => member.accessMethod === BTREE_AM_OID && member.strategy === 3)
    .map((member) => ({ family: member.family, cmptype: 'ne' as const }));
}

function transformDistinct(state: ParseState, raw: A_Expr, location: number): Expr {
  const negated = raw.kind === 'AEXPR_NOT_DISTINCT';
  for (const [value, other] of [[raw.rexpr, raw.lexpr], [raw.lexpr, raw.rexpr]]) {
    if (!isRawNull(value)) continue;
    const arg = transformNode(state, other as Node);
    return { node: 'NullTest', arg, nulltesttype: negated ? 'isNull' : 'isNotNull', argisrow: isRowType(state, exprType(arg)), location };
  }
  const left = transformNode(state, raw.lexpr as Node);
  const right = transformNode(state, raw.rexpr as Node);
  const name = stringList(raw.name);
  const result = left.node === 'RowExpr' && right.node === 'RowExpr'
    ? makeRowDistinct(state, name, left, right, location) : makeDistinct(state, name, left, right, location);
  return negated ? makeBoolExpr('not', [result], location) : result;
}

function makeRowDistinct(state: ParseState, name: readonly string[], left: RowExpr, right: RowExpr, location: number): Expr {
  if (left.args.length !== right.args.length) throw state.error('SYNTAX_ERROR', 'unequal number of entries in row expressions', location);
  let result: Expr | null = null;
  left.args.forEach((arg, i) => {
    const comparison = makeDistinct(state, name, arg, right.args[i], location);
    result = result === null ? comparison : makeBoolExpr('or', [result, comparison], location);
  });
  return result ?? makeBool(false);
}

function makeDistinct(state: ParseState, name: readonly string[], left: Expr, right: Expr, location: number): Expr {
  const comparison = makeOperator(state, name, left, right, state.lastSrf, location);
  if (comparison.opresulttype !== BOOLOID) throw state.error('DATATYPE_MISMATCH', 'IS DISTINCT FROM requires = operator to yield boolean', location);
  if (comparison.opretset) throw state.error('DATATYPE_MISMATCH', 'IS DISTINCT FROM must not return a set', location);
  return { ...comparison, node: 'DistinctExpr' };
}

function transformNullIf(state: ParseState, raw: A_Expr, location: number): Expr {
  const left = transformNode(state, raw.lexpr as Node);
  const right = transformNode(state, raw.rexpr as Node);
  const comparison = makeOperator(state, stringList(raw.name), left, right, state.lastSrf, location);
  if (comparison.opresulttype !== BOOLOID) throw state.error('DATATYPE_MISMATCH', 'NULLIF requires = operator to yield boolean', location);
  if (comparison.opretset) throw state.error('DATATYPE_MISMATCH', 'NULLIF must not return a set', location);
  return { ...comparison, node: 'NullIfExpr', opresulttype: exprType(comparison.args[0]) };
}

function transformIn(state: ParseState, raw: A_Expr, location: number): Expr {
  const name = stringList(raw.name);
  const useOr = name[0] !== '<>';
  const left = transformNode(state, raw.lexpr as Node);
  const items = bodyAs<List>(bodyOf(raw.rexpr as Node)).items ?? [];
  const all = items.map((item) => transformNode(state, item));
  const constants = all.filter((expr) => !containsVarOfLevel(expr, 0));
  let rest = all;
  let result: Expr | null = null;
  if (constants.length > 1) {
    const candidates = [left, ...constants];
    const { type } = selectCommonType(state, candidates, null);
    const usable = type !== 0 && type !== RECORDOID && verifyCommonType(state, type, candidates.map(exprType));
    const arrayTypeid = usable ? arrayTypeOf(state, type) : 0;
    if (arrayTypeid !== 0) {
      const elements = constants.map((expr) => coerceToCommonType(state, expr, type, 'IN'));
      const array: Expr = { node: 'ArrayExpr', arrayTypeid, arrayCollid: 0, elementTypeid: type, elements, multidims: false, location: -1 };
      result = makeScalarArrayOperator(state, name, useOr, left, array, location);
      rest = all.filter((expr) => !constants.includes(expr));
    }
  }
  for (const item of rest) {
    const comparison = left.node === 'RowExpr' && item.node === 'RowExpr'
      ? makeRowComparison(state, name, left.args, item.args, location) : makeOperator(state, name, left, item, state.lastSrf, location);
    const condition = coerceToBoolean(state, comparison, 'IN');
    result = result === null ? condition : makeBoolExpr(useOr ? 'or' : 'and', [result, condition], location);
  }
  return result ?? makeBool(!useOr);
}

function transformBetween(state: ParseState, raw: A_Expr): Expr {
  const location = raw.location ?? 0;
  const operand = raw.lexpr as Node;
  const [low, high] = bodyAs<List>(bodyOf(raw.rexpr as Node)).items ?? [];
  const compare = (operator: string, bound: Node): Node => (
    { A_Expr: { kind: 'AEXPR_OP', name: [{ String: { sval: operator } }], lexpr: operand, rexpr: bound, location } });
  const both = (boolop: 'AND_EXPR' | 'OR_EXPR', args: Node[]): Node => ({ BoolExpr: { boolop, args, location } });
  const inside = (from: Node, to: Node): Node => both('AND_EXPR', [compare('>=', from), compare('<=', to)]);
  const outside = (from: Node, to: Node): Node => both('OR_EXPR', [compare('<', from), compare('>', to)]);
  switch (raw.kind) {
    case 'AEXPR_BETWEEN': return transformNode(state, inside(low, high));
    case 'AEXPR_NOT_BETWEEN': return transformNode(state, outside(low, high));
    case 'AEXPR_BETWEEN_SYM': return transformNode(state, both('OR_EXPR', [inside(low, high), inside(high, low)]));
    default: return transformNode(state, both('AND_EXPR', [outside(low, high), outside(high, low)]));
  }
}

