/**
 * INSERT. Follows transformInsertStmt of PostgreSQL's parser/analyze.c.
 */
import type { InsertStmt, List, Node, ResTarget, SelectStmt } from 'libpg-query';
import { bodyAs, bodyOf } from '../parser/raw.js';
import { UNKNOWNOID } from '../types/oids.js';
import { containsVarOfLevel } from './aggregates.js';
import { insertTargets, transformAssigned } from './assign.js';
import { assignExprCollations, assignQueryCollations } from './collate.js';
import { transformWith } from './cte.js';
import { makeTarget, makeVar } from './make.js';
import { exprCollation, exprListLocation, exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { Expr, Query } from './nodes.js';
import { transformOnConflict } from './on-conflict.js';
import { emptyQuery, finishQuery } from './query.js';
import { addItemToQuery, addRelationEntry, addSubqueryEntry, addValuesEntry, aliasOf, expandItemVars, openTable } from './relation.js';
import { transformReturning } from './returning.js';
import { transformSelect } from './select.js';
import { addPermissionColumn, ParseState, type Mutable, type NamespaceItem, type RangeVar } from './state.js';
import { transformExpressionList } from './target.js';

const OVERRIDING = { OVERRIDING_NOT_SET: 'none', OVERRIDING_USER_VALUE: 'user', OVERRIDING_SYSTEM_VALUE: 'system' } as const;

/** How OVERRIDING was written. */
export function overridingKind(raw: string | undefined): Query['override'] {
  return OVERRIDING[raw as keyof typeof OVERRIDING] ?? 'none';
}

/** Opens the target of INSERT, UPDATE, DELETE or MERGE; answers its range-table index. @throws 42P01, 42809, 0A000 */
export function setTarget(state: ParseState, name: RangeVar, inh: boolean, alsoSource: boolean, permissions: string): number {
  const relation = openTable(state, name);
  state.targetRelation = relation;
  const item = addRelationEntry(state, relation, 'RowExclusive', aliasOf(name.alias), inh, false);
  state.targetNsitem = item;
  if (item.rte.rtekind === 'relation') (item.rte.perm as Mutable<typeof item.rte.perm>).requiredPerms = permissions;
  if (alsoSource) addItemToQuery(state, item, true, true, true);
  return item.rtindex;
}

/** Whether the source is more than plain VALUES. */
function isGeneralSelect(select: SelectStmt): boolean {
  return !select.valuesLists?.length || (select.sortClause?.length ?? 0) > 0 || select.limitOffset !== undefined || select.limitCount !== undefined
    || (select.lockingClause?.length ?? 0) > 0 || select.withClause !== undefined;
}

/** What the row source is assigned to. */
interface InsertTarget { readonly written: boolean; readonly columns: readonly ResTarget[]; readonly attnums: readonly number[] }

/** Analyzes INSERT. @throws 42601, 42703, 42701, 42804, 42P10 ... */
export function transformInsert(state: ParseState, statement: InsertStmt): Query {
  const query = emptyQuery('insert');
  state.isInsert = true;
  transformWith(state, statement.withClause, query);
  query.override = overridingKind(statement.override);
  const conflict = statement.onConflictClause;
  const select = statement.selectStmt === undefined ? null : bodyAs<SelectStmt>(bodyOf(statement.selectStmt));
  const general = select !== null && isGeneralSelect(select);
  const [subEntries, subNamespace] = [state.rtable, state.namespace];
  if (general) {
    state.rtable = [];
    state.namespace = [];
  }
  const relation = statement.relation ?? {};
  query.resultRelation = setTarget(state, relation, false, false, conflict?.action === 'ONCONFLICT_UPDATE' ? 'aw' : 'a');
  const target: InsertTarget = { written: (statement.cols?.length ?? 0) > 0, ...insertTargets(state, statement.cols) };
  let exprs: Expr[] = [];
  if (select !== null && general) exprs = selectSource(state, select, subEntries, subNamespace, target);
  else if (select !== null && (select.valuesLists?.length ?? 0) > 1) exprs = valuesSource(state, select.valuesLists ?? [], target);
  else if (select !== null) {
    const [row] = select.valuesLists ?? [];
    exprs = insertRow(state, transformExpressionList(state, bodyAs<List>(bodyOf(row)).items ?? [], 'valuesSingle', true), target);
  }
  const { rte } = state.targetNsitem as NamespaceItem;
  query.targetList = exprs.map((expr, i) => {
    if (rte.rtekind === 'relation') addPermissionColumn(rte.perm.insertedCols, target.attnums[i]);
    return makeTarget(expr, target.attnums[i], target.columns[i].name ?? '');
  });
  if (conflict !== undefined || statement.returningClause !== undefined) {
    state.namespace = [];
    addItemToQuery(state, state.targetNsitem as NamespaceItem, false, true, true);
  }
  if (conflict !== undefined) query.onConflict = transformOnConflict(state, conflict);
  transformReturning(state, query, statement.returningClause, 'returning');
  finishQuery(state, query, null);
  assignQueryCollations(state, query);
  return query;
}

function selectSource(state: ParseState, select: SelectStmt, rtable: ParseState['rtable'], namespace: NamespaceItem[], target: InsertTarget): Expr[] {
  const inner = new ParseState(state, state.context);
  inner.rtable = rtable;
  inner.namespace = namespace;
  inner.resolveUnknowns = false;
  const query = transformSelect(inner, select);
  const item = addSubqueryEntry(state, query, { aliasname: '*SELECT*', colnames: [] }, false, false);
  addItemToQuery(state, item, true, false, false);
  const exprs = query.targetList.filter((entry) => !entry.resjunk).map((entry): Expr => {
    const type = exprType(entry.expr);
    if ((entry.expr.node === 'Const' || entry.expr.node === 'Param') && type === UNKNOWNOID) return entry.expr;
    return makeVar(item.rtindex, entry.resno, type, exprTypmod(entry.expr), exprCollation(entry.expr), exprLocation(entry.expr));
  });
  return insertRow(state, exprs, target);
}

function valuesSource(state: ParseState, lists: readonly Node[], target: InsertTarget): Expr[] {
  let width = -1;
  const rows = lists.map((list) => {
    const row = transformExpressionList(state, bodyAs<List>(bodyOf(list)).items ?? [], 'values', true);
    if (width < 0) width = row.length;
    else if (row.length !== width) throw state.error('SYNTAX_ERROR', 'VALUES lists must all be the same length', exprListLocation(row));
    return insertRow(state, row, target, true).map((expr) => assignExprCollations(state, expr));
  });
  const [first] = rows;
  const lateral = state.rtable.length !== 1 && rows.some((row) => row.some((expr) => containsVarOfLevel(expr, 0)));
  const stands = state.context.literals?.rows;
  // A subquery's parameters are read where the row is not at hand.
  if (stands !== undefined) stands.taken = !state.hasSubLinks && !lateral && rows.length === stands.lists;
  const item = addValuesEntry(state, rows, first.map(exprType), first.map(exprTypmod), first.map(() => 0), null, lateral, true,
    stands?.taken ? stands.slots : undefined);
  addItemToQuery(state, item, true, false, false);
  return insertRow(state, expandItemVars(item, 0, -1).map((column) => column.expr), target);
}

/** Assigns a row of expressions to the target columns. `strip`: without the assignment's outer node, for VALUES rows. @throws 42601, 42804 */
function insertRow(state: ParseState, exprs: readonly Expr[], target: InsertTarget, strip = false): Expr[] {
  const { columns, attnums } = target;
  if (exprs.length > columns.length) throw state.error('SYNTAX_ERROR', 'INSERT has more expressions than target columns', exprLocation(exprs[columns.length]));
  if (target.written && exprs.length < columns.length) {
    const isRow = exprs.length === 1 && rowWidth(exprs[0]) === columns.length;
    throw state.error('SYNTAX_ERROR', 'INSERT has more target columns than expressions', columns[exprs.length].location ?? 0, isRow
      ? { hint: 'The insertion source is a row expression containing the same number of columns expected by the INSERT. Did you accidentally use extra parentheses?' } : undefined);
  }
  return exprs.map((expr, i) => {
    const column = columns[i];
    const assigned = transformAssigned(state, expr, 'insertTarget', column.name ?? '', attnums[i], column.indirection ?? [], column.location ?? 0);
    return strip ? stripAssignment(assigned) : assigned;
  });
}

/** The value inside an assignment to an element or a field: a VALUES row carries only that, the outer query does the rest. */
function stripAssignment(expr: Expr): Expr {
  let value = expr;
  for (;;) {
    if (value.node === 'FieldStore') [value] = value.newvals;
    else if (value.node === 'SubscriptingRef' && value.refassgnexpr !== null) value = value.refassgnexpr;
    else if (value.node === 'CoerceToDomain' && (value.arg.node === 'FieldStore' || (value.arg.node === 'SubscriptingRef' && value.arg.refassgnexpr !== null))) value = value.arg;
    else return value;
  }
}

function rowWidth(expr: Expr): number {
  return expr.node === 'RowExpr' ? expr.args.length : -1;
}
