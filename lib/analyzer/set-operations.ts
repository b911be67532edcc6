/**
 * UNION, INTERSECT, EXCEPT. Follows transformSetOperationStmt of PostgreSQL's parser/analyze.c.
 */
import type { SelectStmt } from 'libpg-query';
import type { RawNode } from '../parser/raw.js';
import { UNKNOWNOID } from '../types/oids.js';
import { locateVar } from './aggregates.js';
import { checkAggregates } from './check-aggregates.js';
import { assignQueryCollations, selectCommonCollation } from './collate.js';
import { coerceToCommonType, selectCommonType, selectCommonTypmod } from './common-type.js';
import { determineRecursiveTypes, transformWith } from './cte.js';
import { lockStrengthName } from './locking.js';
import { makeTarget, makeVar } from './make.js';
import { exprListLocation, exprLocation, exprType } from './node-functions.js';
import type { Expr, Query, RangeTblRef, SetOperation, SetToDefault, SortGroupClause, TargetEntry } from './nodes.js';
import { requireSortOperators } from './operators.js';
import { emptyQuery, finishQuery } from './query.js';
import { addItemToQuery, addJoinEntry, addSubqueryEntry } from './relation.js';
import { analyzeSubquery, lockingClauses, transformLimit } from './select.js';
import { transformSort } from './sort-group.js';
import type { Mutable, NamespaceColumn, ParseState } from './state.js';
import { walkQuery } from './walker.js';

const OPERATIONS = { SETOP_UNION: 'union', SETOP_INTERSECT: 'intersect', SETOP_EXCEPT: 'except' } as const;

/** A set operation at the top of a statement. @throws 42601, 42804, 0A000 */
export function transformSetOperations(state: ParseState, statement: SelectStmt): Query {
  const query = emptyQuery('select');
  let leftmost = statement.larg ?? {};
  while (leftmost.op !== undefined && leftmost.op !== 'SETOP_NONE') leftmost = leftmost.larg ?? {};
  if (leftmost.intoClause !== undefined) throw state.error('SYNTAX_ERROR', 'SELECT ... INTO is not allowed here', leftmost.intoClause.rel?.location ?? 0);
  const [locking] = lockingClauses(statement.lockingClause);
  if (locking !== undefined) throw state.error('FEATURE_NOT_SUPPORTED', `${lockStrengthName(locking)} is not allowed with UNION/INTERSECT/EXCEPT`, -1);
  transformWith(state, statement.withClause, query);
  const bare: SelectStmt = { ...statement, sortClause: undefined, limitOffset: undefined, limitCount: undefined, lockingClause: undefined, withClause: undefined };
  const operation = transformTree(state, bare, true).tree;
  if (operation.node !== 'SetOperation') throw state.error('INTERNAL_ERROR', 'a set operation came out as a leaf', -1);
  query.setOperations = operation;
  let leaf: SetOperation | RangeTblRef = operation;
  while (leaf.node === 'SetOperation') leaf = leaf.larg;
  const leftmostIndex = leaf.rtindex;
  const rte = state.rtable[leftmostIndex - 1];
  const leftTargets = rte.rtekind === 'subquery' ? rte.subquery.targetList.filter((entry) => !entry.resjunk) : [];
  const targets: TargetEntry[] = [];
  const columns: NamespaceColumn[] = [];
  leftTargets.forEach((entry, i) => {
    const variable = makeVar(leftmostIndex, entry.resno, operation.colTypes[i], operation.colTypmods[i], operation.colCollations[i], exprLocation(entry.expr));
    targets.push(makeTarget(variable, state.nextResno++, entry.resname));
    columns.push({ varno: variable.varno, varattno: variable.varattno, vartype: variable.vartype, vartypmod: variable.vartypmod, varcollid: variable.varcollid, dontexpand: false });
  });
  sortResult(state, query, statement, targets, columns);
  query.limitOffset = transformLimit(state, statement.limitOffset, 'offset', statement.limitOption);
  query.limitCount = transformLimit(state, statement.limitCount, 'limit', statement.limitOption);
  query.limitOption = statement.limitOption === 'LIMIT_OPTION_WITH_TIES' ? 'withTies' : 'count';
  query.targetList = targets;
  finishQuery(state, query, null);
  assignQueryCollations(state, query);
  if (state.hasAggs) checkAggregates(state, query);
  return query;
}

/** ORDER BY over a set operation may use output names and positions only. */
function sortResult(state: ParseState, query: Mutable<Query>, statement: SelectStmt, targets: TargetEntry[], columns: readonly NamespaceColumn[]): void {
  const savedEntries = state.rtable.length;
  const savedNamespace = state.namespace;
  const item = addJoinEntry(state, {
    colnames: targets.map((entry) => entry.resname ?? ''), columns, jointype: 'inner', mergedCount: 0, aliasvars: targets.map((entry) => entry.expr),
    leftcols: [], rightcols: [], usingAlias: null, alias: null,
  });
  state.namespace = [];
  addItemToQuery(state, item, false, false, true);
  const count = targets.length;
  query.sortClause = transformSort(state, statement.sortClause ?? [], targets, 'orderBy', false);
  state.namespace = savedNamespace;
  state.rtable.length = savedEntries;
  if (targets.length !== count) {
    throw state.error('FEATURE_NOT_SUPPORTED', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', exprLocation(targets[count].expr), {
      detail: 'Only result column names can be used, not expressions or functions.',
      hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
    });
  }
}

/** A node of the tree and its output columns (those of a leaf are the sub-query's own entries). */
interface Branch { readonly tree: SetOperation | RangeTblRef; readonly targets: readonly TargetEntry[] }

function transformTree(state: ParseState, statement: SelectStmt, isTop: boolean): Branch {
  if (statement.intoClause !== undefined) {
    throw state.error('SYNTAX_ERROR', 'INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT', statement.intoClause.rel?.location ?? 0);
  }
  const [locking] = lockingClauses(statement.lockingClause);
  if (locking !== undefined) throw state.error('FEATURE_NOT_SUPPORTED', `${lockStrengthName(locking)} is not allowed with UNION/INTERSECT/EXCEPT`, -1);
  const isLeaf = statement.op === undefined || statement.op === 'SETOP_NONE' || statement.sortClause?.length || statement.limitOffset !== undefined
    || statement.limitCount !== undefined || statement.lockingClause?.length || statement.withClause !== undefined;
  if (isLeaf) return transformLeaf(state, statement);
  const op = OPERATIONS[statement.op as keyof typeof OPERATIONS];
  const all = statement.all ?? false;
  const recursive = isTop && state.parentCte?.cterecursive === true;
  const left = transformTree(state, statement.larg ?? {}, false);
  if (recursive) determineRecursiveTypes(state, left.targets);
  const right = transformTree(state, statement.rarg ?? {}, false);
  const context = op.toUpperCase();
  if (left.targets.length !== right.targets.length) {
    throw state.error('SYNTAX_ERROR', `each ${context} query must have the same number of columns`, exprListLocation(right.targets));
  }
  const columns = left.targets.map((entry, i) => unifyColumn(state, entry, right.targets[i], context, op === 'union' && all));
  const groupClauses = op === 'union' && all ? [] : columns.map((column): SortGroupClause => {
    const operators = state.at(column.location, () => requireSortOperators(state, column.type, { eq: true }));
    return { node: 'SortGroupClause', tleSortGroupRef: 0, eqop: operators.eq, sortop: operators.lt, reverseSort: false, nullsFirst: false, hashable: operators.hashable };
  });
  const tree: SetOperation = {
    node: 'SetOperation', op, all, larg: left.tree, rarg: right.tree, colTypes: columns.map((column) => column.type),
    colTypmods: columns.map((column) => column.typmod), colCollations: columns.map((column) => column.collation), groupClauses,
  };
  return { tree, targets: columns.map((column) => makeTarget(placeholder(column), 0, null)) };
}

interface Column { readonly type: number; readonly typmod: number; readonly collation: number; readonly location: number }

function placeholder(column: Column): SetToDefault {
  return { node: 'SetToDefault', typeId: column.type, typeMod: column.typmod, collation: column.collation, location: column.location };
}

function transformLeaf(state: ParseState, statement: SelectStmt): Branch {
  const subquery = analyzeSubquery(state, 'SelectStmt', statement as RawNode & SelectStmt, null, false, false);
  if (state.namespace.length > 0) rejectReferences(state, subquery);
  const item = addSubqueryEntry(state, subquery, { aliasname: `*SELECT* ${state.rtable.length + 1}`, colnames: [] }, false, false);
  return { tree: { node: 'RangeTblRef', rtindex: item.rtindex }, targets: subquery.targetList.filter((entry) => !entry.resjunk) };
}

function rejectReferences(state: ParseState, subquery: Query): void {
  walkQuery(subquery, (expr, level) => {
    if (expr.node !== 'Var' || expr.varlevelsup !== level + 1) return false;
    throw state.error('INVALID_COLUMN_REFERENCE', 'UNION/INTERSECT/EXCEPT member statement cannot refer to other relations of same query level', locateVar(expr, expr.varlevelsup));
  });
}

function unifyColumn(state: ParseState, left: TargetEntry, right: TargetEntry, context: string, conflictOk: boolean): Column {
  const { type, which } = selectCommonType(state, [left.expr, right.expr], context);
  const location = exprLocation(which);
  const convert = (entry: TargetEntry): Expr => {
    const coerced = coerceToCommonType(state, entry.expr, type, context);
    if (exprType(entry.expr) === UNKNOWNOID && (entry.expr.node === 'Const' || entry.expr.node === 'Param')) (entry as Mutable<TargetEntry>).expr = coerced;
    return coerced;
  };
  const exprs = [convert(left), convert(right)];
  return { type, typmod: selectCommonTypmod(exprs, type), collation: selectCommonCollation(state, exprs, conflictOk), location };
}
