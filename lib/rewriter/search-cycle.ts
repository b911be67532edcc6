/**
 * SEARCH and CYCLE clauses of recursive WITH items as the columns that compute them: both terms of the UNION are wrapped, the
 * first starts the columns, the second carries them on from the recursive reference. Follows rewriteSearchAndCycle of
 * PostgreSQL's rewrite/rewriteSearchCycle.c.
 */
import { makeConst, makeFuncExpr, makeTarget, makeVar } from '../analyzer/make.js';
import { requireSortOperators } from '../analyzer/operators.js';
import type {
  Alias, CommonTableExpr, CteCycleClause, CteSearchClause, Expr, Query, RowExpr, SetOperation, SortGroupClause, SubqueryRte, TargetEntry,
} from '../analyzer/nodes.js';
import { emptyQuery } from '../analyzer/query.js';
import { incrementQueryLevelsUp } from '../analyzer/walker.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import { BOOLOID, INT8OID, RECORDARRAYOID, RECORDOID } from '../types/oids.js';
import { scratchState, type RewriteContext } from './context.js';

const RECORD_EQ_OPERATOR = 2988;

/** A column that the clauses add. */
interface AddedColumn { readonly name: string; readonly type: Oid; readonly typmod: number; readonly collation: Oid; readonly attnum: number }

/** What both terms are built from. */
interface Expansion {
  readonly context: RewriteContext;
  readonly cte: CommonTableExpr;
  readonly search: CteSearchClause | null;
  readonly cycle: CteCycleClause | null;
  readonly sequence: AddedColumn | null;
  readonly mark: AddedColumn | null;
  readonly path: AddedColumn | null;
  readonly added: readonly AddedColumn[];
}

/** Replaces the clauses by what they stand for; an item without them stays. @throws 0A000 */
export function expandSearchAndCycle(context: RewriteContext, cte: CommonTableExpr): CommonTableExpr {
  const { searchClause: search, cycleClause: cycle } = cte;
  if (search === null && cycle === null) return cte;
  const query = cte.ctequery;
  const operation = query.setOperations;
  assert(operation !== null && operation.larg.node === 'RangeTblRef' && operation.rarg.node === 'RangeTblRef', 'a recursive item with SEARCH or CYCLE is a UNION of two SELECTs');
  const count = cte.ctecolnames.length;
  const added: AddedColumn[] = [];
  const add = (name: string, type: Oid, typmod = -1, collation = 0): AddedColumn => {
    const column = { name, type, typmod, collation, attnum: count + added.length + 1 };
    added.push(column);
    return column;
  };
  const sequence = search === null ? null : add(search.searchSeqColumn, search.searchBreadthFirst ? RECORDOID : RECORDARRAYOID);
  const mark = cycle === null ? null : add(cycle.cycleMarkColumn, cycle.cycleMarkType, cycle.cycleMarkTypmod, cycle.cycleMarkCollation);
  const path = cycle === null ? null : add(cycle.cyclePathColumn, RECORDARRAYOID);
  const expansion: Expansion = { context, cte, search, cycle, sequence, mark, path, added };
  const [left, right] = [query.rtable[operation.larg.rtindex - 1], query.rtable[operation.rarg.rtindex - 1]];
  assert(left.rtekind === 'subquery' && right.rtekind === 'subquery', 'members of a set operation are sub-queries');
  const rtable = query.rtable.map((rte) => (rte === left ? withColumns(left, firstTerm(expansion, left.subquery), added)
    : rte === right ? withColumns(right, recursiveTerm(expansion, right.subquery), added) : rte));
  return {
    ...cte, searchClause: null, cycleClause: null,
    ctequery: {
      ...query, rtable, setOperations: widened(expansion, operation),
      targetList: [...query.targetList, ...added.map((column) => makeTarget(columnVar(1, column), column.attnum, column.name))],
    },
    ctecolnames: [...cte.ctecolnames, ...added.map((column) => column.name)], ctecoltypes: [...cte.ctecoltypes, ...added.map((column) => column.type)],
    ctecoltypmods: [...cte.ctecoltypmods, ...added.map((column) => column.typmod)], ctecolcollations: [...cte.ctecolcollations, ...added.map((column) => column.collation)],
  };
}

function columnVar(varno: number, column: AddedColumn): Expr {
  return makeVar(varno, column.attnum, column.type, column.typmod, column.collation);
}

function withColumns(rte: SubqueryRte, subquery: Query, added: readonly AddedColumn[]): SubqueryRte {
  return { ...rte, subquery, eref: { ...rte.eref, colnames: [...rte.eref.colnames, ...added.map((column) => column.name)] } };
}

function widened(expansion: Expansion, operation: SetOperation): SetOperation {
  const { added } = expansion;
  const state = scratchState(expansion.context);
  const groups = operation.all ? [] : added.map((column): SortGroupClause => {
    const operators = requireSortOperators(state, column.type, { eq: true });
    return { node: 'SortGroupClause', tleSortGroupRef: 0, eqop: operators.eq, sortop: operators.lt, reverseSort: false, nullsFirst: false, hashable: operators.hashable };
  });
  return {
    ...operation, colTypes: [...operation.colTypes, ...added.map((column) => column.type)], colTypmods: [...operation.colTypmods, ...added.map((column) => column.typmod)],
    colCollations: [...operation.colCollations, ...added.map((column) => column.collation)], groupClauses: [...operation.groupClauses, ...groups],
  };
}

/** A query over one sub-query, which it wraps. */
function wrap(subquery: Query, names: Alias, targetList: readonly TargetEntry[], quals: Expr | null): Query {
  const rte: SubqueryRte = {
    node: 'RangeTblEntry', rtekind: 'subquery', subquery, securityBarrier: false, viewRelid: 0, perm: null, alias: names, eref: names, lateral: false, inFromCl: true,
  };
  return { ...emptyQuery('select'), rtable: [rte], jointree: { node: 'FromExpr', fromlist: [{ node: 'RangeTblRef', rtindex: 1 }], quals }, targetList };
}

/** The item's own columns, from the wrapped query. */
function ownColumns(cte: CommonTableExpr): TargetEntry[] {
  return cte.ctecolnames.map((name, i) => makeTarget(makeVar(1, i + 1, cte.ctecoltypes[i], cte.ctecoltypmods[i], cte.ctecolcollations[i]), i + 1, name));
}

function rowOf(cte: CommonTableExpr, names: readonly string[]): RowExpr {
  const args = names.map((name) => {
    const i = cte.ctecolnames.indexOf(name);
    return makeVar(1, i + 1, cte.ctecoltypes[i], cte.ctecoltypmods[i], cte.ctecolcollations[i]);
  });
  return { node: 'RowExpr', args, rowTypeid: RECORDOID, rowFormat: 'implicitCast', colnames: names, location: -1 };
}

function arrayOf(row: RowExpr): Expr {
  return { node: 'ArrayExpr', arrayTypeid: RECORDARRAYOID, arrayCollid: 0, elementTypeid: RECORDOID, elements: [row], multidims: false, location: -1 };
}

function systemFunction(context: RewriteContext, name: string): Oid {
  const proc = context.catalog.procsByName(name).find((candidate) => candidate.pronamespace === PG_CATALOG_OID);
  assert(proc !== undefined, `function ${name} exists`);
  return proc.oid;
}
const PG_CATALOG_OID = 11;

function appended(expansion: Expansion, path: AddedColumn, row: RowExpr): Expr {
  return makeFuncExpr(systemFunction(expansion.context, 'array_cat'), RECORDARRAYOID, [columnVar(1, path), arrayOf(row)], 'call', -1);
}

/** Breadth first: the depth stands before the columns. */
function depthRow(row: RowExpr, depth: Expr): RowExpr {
  return { ...row, args: [depth, ...row.args], colnames: ['*DEPTH*', ...row.colnames] };
}

function firstTerm(expansion: Expansion, subquery: Query): Query {
  const { cte, search, cycle, sequence, mark, path } = expansion;
  const targets = ownColumns(cte);
  if (search !== null && sequence !== null) {
    const row = rowOf(cte, search.searchColList);
    targets.push(makeTarget(search.searchBreadthFirst ? depthRow(row, makeConst(INT8OID, -1, 0, 0)) : arrayOf(row), sequence.attnum, sequence.name));
  }
  if (cycle !== null && mark !== null && path !== null) {
    targets.push(makeTarget(cycle.cycleMarkDefault, mark.attnum, mark.name), makeTarget(arrayOf(rowOf(cte, cycle.cycleColList)), path.attnum, path.name));
  }
  return wrap(incrementQueryLevelsUp(subquery, 1), { aliasname: '*TLOCRN*', colnames: cte.ctecolnames }, targets, null);
}

function recursiveTerm(expansion: Expansion, subquery: Query): Query {
  const { context, cte, search, cycle, sequence, mark, path, added } = expansion;
  const reference = subquery.rtable.findIndex((rte) => rte.rtekind === 'cte' && rte.ctename === cte.ctename && rte.ctelevelsup === 2) + 1;
  if (reference === 0) {
    throw pgError('FEATURE_NOT_SUPPORTED', `with a SEARCH or CYCLE clause, the recursive reference to WITH query "${cte.ctename}" must be at the top level of its right-hand SELECT`);
  }
  const shifted = incrementQueryLevelsUp(subquery, 1);
  const inner: Query = { ...shifted, targetList: [...shifted.targetList, ...added.map((column, i) => makeTarget(columnVar(reference, column), shifted.targetList.length + i + 1, column.name))] };
  const targets = ownColumns(cte);
  if (search !== null && sequence !== null) targets.push(makeTarget(nextSequence(expansion, search, sequence), sequence.attnum, sequence.name));
  let quals: Expr | null = null;
  if (cycle !== null && mark !== null && path !== null) {
    const row = rowOf(cte, cycle.cycleColList);
    const seen: Expr = {
      node: 'ScalarArrayOpExpr', opno: RECORD_EQ_OPERATOR, opfuncid: context.catalog.operator(RECORD_EQ_OPERATOR)?.oprcode ?? 0, useOr: true, inputcollid: 0,
      args: [row, columnVar(1, path)], location: -1,
    };
    targets.push(
      makeTarget({
        node: 'CaseExpr', casetype: cycle.cycleMarkType, casecollid: cycle.cycleMarkCollation, arg: null, args: [{ expr: seen, result: cycle.cycleMarkValue }],
        defresult: cycle.cycleMarkDefault, location: -1,
      }, mark.attnum, mark.name),
      makeTarget(appended(expansion, path, row), path.attnum, path.name));
    quals = {
      node: 'OpExpr', opno: cycle.cycleMarkNeop, opfuncid: context.catalog.operator(cycle.cycleMarkNeop)?.oprcode ?? 0, opresulttype: BOOLOID, opretset: false, opcollid: 0,
      inputcollid: cycle.cycleMarkCollation, args: [columnVar(1, mark), cycle.cycleMarkValue], location: -1,
    };
  }
  return wrap(inner, { aliasname: '*TROCRN*', colnames: [...cte.ctecolnames, ...added.map((column) => column.name)] }, targets, quals);
}

function nextSequence(expansion: Expansion, search: CteSearchClause, sequence: AddedColumn): Expr {
  const row = rowOf(expansion.cte, search.searchColList);
  if (!search.searchBreadthFirst) return appended(expansion, sequence, row);
  const depth: Expr = { node: 'FieldSelect', arg: columnVar(1, sequence), fieldnum: 1, resulttype: INT8OID, resulttypmod: -1, resultcollid: 0, location: -1 };
  return depthRow(row, makeFuncExpr(systemFunction(expansion.context, 'int8inc'), INT8OID, [depth], 'call', -1));
}
