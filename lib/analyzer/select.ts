/**
 * SELECT and VALUES. Follows transformSelectStmt and transformValuesClause of PostgreSQL's parser/analyze.c.
 */
import type { List, LockingClause, Node, SelectStmt } from 'libpg-query';
import { bodyAs, bodyOf, tagOf, type RawNode } from '../parser/raw.js';
import { INT8OID } from '../types/oids.js';
import { transformStatement } from './analyze.js';
import { containsVarOfLevel } from './aggregates.js';
import { checkAggregates } from './check-aggregates.js';
import { coerceToBoolean, coerceToSpecificType } from './coerce.js';
import { assignExprCollations, assignQueryCollations, selectCommonCollation } from './collate.js';
import { coerceToCommonType, selectCommonType, selectCommonTypmod } from './common-type.js';
import { transformWith } from './cte.js';
import { transformExpr } from './expr.js';
import { transformFrom } from './from.js';
import { lockStrengthName, transformLocking } from './locking.js';
import { exprListLocation } from './node-functions.js';
import type { CommonTableExpr, Expr, Query } from './nodes.js';
import { emptyQuery, finishQuery } from './query.js';
import { addItemToQuery, addValuesEntry, expandItemTargets } from './relation.js';
import { transformSetOperations } from './set-operations.js';
import { transformDistinct, transformDistinctOn, transformGroup, transformSort } from './sort-group.js';
import { ParseState, type ExprKind, type Mutable } from './state.js';
import { markTargetOrigins, resolveUnknownTargets, transformExpressionList, transformTargetList } from './target.js';
import { checkVariableFree, transformWindows, windowDefinitions } from './windows.js';

/** Analyzes a statement inside another (parse_sub_analyze). */
export function analyzeSubquery(
  parent: ParseState, tag: string, body: RawNode, parentCte: Mutable<CommonTableExpr> | null, lockedFromParent: boolean, resolveUnknowns: boolean,
): Query {
  const state = new ParseState(parent, parent.context);
  state.parentCte = parentCte;
  state.lockedFromParent = lockedFromParent;
  state.resolveUnknowns = resolveUnknowns;
  return transformStatement(state, tag, body);
}

/** Row-locking clauses as bodies. */
export function lockingClauses(list: readonly Node[] | undefined): LockingClause[] {
  return (list ?? []).map((node) => bodyAs<LockingClause>(bodyOf(node)));
}

/** Any SELECT: plain, VALUES, or a set operation. */
export function transformSelect(state: ParseState, statement: SelectStmt): Query {
  if (statement.valuesLists?.length) return transformValues(state, statement);
  if (statement.op === undefined || statement.op === 'SETOP_NONE') return transformPlainSelect(state, statement);
  return transformSetOperations(state, statement);
}

/** WHERE, HAVING and their like. */
export function transformCondition(state: ParseState, raw: Node | undefined, kind: ExprKind, construct: string): Expr | null {
  return raw === undefined ? null : coerceToBoolean(state, transformExpr(state, raw, kind), construct);
}

/** LIMIT or OFFSET. @throws 42P10, 2201W */
export function transformLimit(state: ParseState, raw: Node | undefined, kind: 'limit' | 'offset', option: string | undefined): Expr | null {
  if (raw === undefined) return null;
  const construct = kind.toUpperCase();
  const expr = coerceToSpecificType(state, transformExpr(state, raw, kind), INT8OID, construct);
  checkVariableFree(state, expr, construct);
  if (kind === 'limit' && option === 'LIMIT_OPTION_WITH_TIES' && expr.node === 'Const' && expr.value === null) {
    throw state.error('INVALID_ROW_COUNT_IN_LIMIT_CLAUSE', 'row count cannot be null in FETCH FIRST ... WITH TIES clause', -1);
  }
  return expr;
}

function transformPlainSelect(state: ParseState, statement: SelectStmt): Query {
  const query = emptyQuery('select');
  transformWith(state, statement.withClause, query);
  if (statement.intoClause !== undefined) throw state.error('SYNTAX_ERROR', 'SELECT ... INTO is not allowed here', statement.intoClause.rel?.location ?? 0);
  state.lockingClause = lockingClauses(statement.lockingClause);
  state.windowdefs = windowDefinitions(statement.windowClause);
  transformFrom(state, statement.fromClause ?? []);
  const targets = transformTargetList(state, statement.targetList ?? [], 'selectTarget');
  markTargetOrigins(state, targets);
  const where = transformCondition(state, statement.whereClause, 'where', 'WHERE');
  query.havingQual = transformCondition(state, statement.havingClause, 'having', 'HAVING');
  const sort = transformSort(state, statement.sortClause ?? [], targets, 'orderBy', false);
  query.sortClause = sort;
  const group = transformGroup(state, statement.groupClause ?? [], targets, sort, 'groupBy', false);
  query.groupClause = group.clauses;
  query.groupingSets = group.sets;
  query.groupDistinct = statement.groupDistinct ?? false;
  const distinct = statement.distinctClause ?? [];
  if (distinct.length > 0) {
    query.hasDistinctOn = distinct.some((node) => tagOf(node) !== '');
    query.distinctClause = query.hasDistinctOn ? transformDistinctOn(state, distinct, targets, sort) : transformDistinct(state, targets, sort, false);
  }
  query.limitOffset = transformLimit(state, statement.limitOffset, 'offset', statement.limitOption);
  query.limitCount = transformLimit(state, statement.limitCount, 'limit', statement.limitOption);
  query.limitOption = statement.limitOption === 'LIMIT_OPTION_WITH_TIES' ? 'withTies' : 'count';
  query.windowClause = transformWindows(state, state.windowdefs, targets);
  if (state.resolveUnknowns) resolveUnknownTargets(state, targets);
  query.targetList = targets;
  finishQuery(state, query, where);
  for (const clause of state.lockingClause) transformLocking(state, query, clause, false);
  assignQueryCollations(state, query);
  if (state.hasAggs || query.groupClause.length > 0 || query.groupingSets.length > 0 || query.havingQual !== null) checkAggregates(state, query);
  return query;
}

function transformValues(state: ParseState, statement: SelectStmt): Query {
  const query = emptyQuery('select');
  transformWith(state, statement.withClause, query);
  const rows = (statement.valuesLists ?? []).map((list) => transformExpressionList(state, bodyAs<List>(bodyOf(list)).items ?? [], 'values', false));
  const width = rows[0].length;
  for (const row of rows) if (row.length !== width) throw state.error('SYNTAX_ERROR', 'VALUES lists must all be the same length', exprListLocation(row));
  const types: number[] = [];
  const typmods: number[] = [];
  const collations: number[] = [];
  for (let column = 0; column < width; column++) {
    const { type } = selectCommonType(state, rows.map((row) => row[column]), 'VALUES');
    for (const row of rows) row[column] = coerceToCommonType(state, row[column], type, 'VALUES');
    const exprs = rows.map((row) => row[column]);
    types.push(type);
    typmods.push(selectCommonTypmod(exprs, type));
    collations.push(selectCommonCollation(state, exprs, true));
  }
  for (const row of rows) for (const expr of row) assignExprCollations(state, expr);
  const lateral = state.rtable.length > 0 && rows.some((row) => row.some((expr) => containsVarOfLevel(expr, 0)));
  const item = addValuesEntry(state, rows, types, typmods, collations, null, lateral, true);
  addItemToQuery(state, item, true, true, true);
  const targets = expandItemTargets(state, item, 0, -1);
  query.sortClause = transformSort(state, statement.sortClause ?? [], targets, 'orderBy', false);
  query.limitOffset = transformLimit(state, statement.limitOffset, 'offset', statement.limitOption);
  query.limitCount = transformLimit(state, statement.limitCount, 'limit', statement.limitOption);
  query.limitOption = statement.limitOption === 'LIMIT_OPTION_WITH_TIES' ? 'withTies' : 'count';
  const [locking] = lockingClauses(statement.lockingClause);
  if (locking !== undefined) throw state.error('FEATURE_NOT_SUPPORTED', `${lockStrengthName(locking)} cannot be applied to VALUES`, -1);
  query.targetList = targets;
  finishQuery(state, query, null);
  assignQueryCollations(state, query);
  return query;
}
