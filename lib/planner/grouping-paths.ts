/**
 * Paths for GROUP BY, aggregates and HAVING (create_grouping_paths of planner.c).
 */
import type { Aggref, Expr, SortGroupClause } from '../analyzer/nodes.js';
import { walkExpression } from '../analyzer/walker.js';
import { makeAndsImplicit } from './clauses.js';
import type { AggCosts } from './cost.js';
import { catalogOf, clampRows, exprCost, settingsOf, typeWidth } from './cost-qual.js';
import { groupingExpr } from './group-columns.js';
import { addGroupingSetsPaths, type GroupingSetsData } from './grouping-sets.js';
import { minMaxPath } from './minmax.js';
import type { Path, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { addPath, createAgg, createAppend, createGroup, createIncrementalSort, createSort, isDummy, pathBase, setCheapest } from './paths.js';
import { commonPathkeys, pathkeysContained } from './pathkeys.js';
import { unplannable } from './planner.js';
import { fetchUpperRel } from './rel.js';
import { estimateNumGroups } from './selectivity.js';
import { equal } from './equal.js';

/** Grouping columns in the order of ORDER BY where possible, so that one sort serves both. */
export function preprocessGroupClause(root: PlannerInfo, force: readonly number[] | null): SortGroupClause[] {
  const parse = root.parse;
  if (force) return force.map((ref) => parse.groupClause.find((clause) => clause.tleSortGroupRef === ref)!);
  const result: SortGroupClause[] = [];
  const group = dropDependentColumns(root, parse.groupClause);
  for (const sort of parse.sortClause) {
    const match = group.find((clause) => clause.tleSortGroupRef === sort.tleSortGroupRef && clause.eqop === sort.eqop);
    if (!match) break;
    result.push({ ...match, sortop: sort.sortop, nullsFirst: sort.nullsFirst, reverseSort: sort.reverseSort });
  }
  if (result.length === 0 && parse.sortClause.length > 0) return [...group];
  const rest = group.filter((clause) => !result.some((known) => known.tleSortGroupRef === clause.tleSortGroupRef));
  if (rest.some((clause) => !clause.sortop)) return [...group];
  return [...result, ...rest];
}

/** Columns that a grouped primary key or unique key determines need not be compared (remove_useless_groupby_columns). */
function dropDependentColumns(root: PlannerInfo, group: readonly SortGroupClause[]): readonly SortGroupClause[] {
  if (group.length < 2) return group;
  const byRel = new Map<number, { attno: number; clause: SortGroupClause }[]>();
  for (const clause of group) {
    const expr = groupingExpr(root, clause);
    if (expr.node !== 'Var' || expr.varlevelsup !== 0) continue;
    const list = byRel.get(expr.varno) ?? [];
    list.push({ attno: expr.varattno, clause });
    byRel.set(expr.varno, list);
  }
  const surplus = new Set<SortGroupClause>();
  for (const [rti, columns] of byRel) {
    const rte = root.rtable[rti];
    if (columns.length < 2 || rte?.rtekind !== 'relation' || (rte.inh && rte.relkind !== 'p' && catalogOf(root).relation(rte.relid)?.hasChildren)) continue;
    const relation = catalogOf(root).relation(rte.relid);
    const key = relation?.indexes.filter((index) => index.unique && index.immediate && index.valid && index.predicate === null && !index.attributes.slice(0, index.keyCount).includes(0)
      && index.attributes.slice(0, index.keyCount).every((attno) => columns.some((column) => column.attno === attno)
        && (index.nullsNotDistinct || relation.attributes[attno - 1]?.attnotnull))).sort((a, b) => a.keyCount - b.keyCount)[0];
    if (!key || key.keyCount >= columns.length) continue;
    for (const column of columns) if (!key.attributes.slice(0, key.keyCount).includes(column.attno)) surplus.add(column.clause);
  }
  return surplus.size > 0 ? group.filter((clause) => !surplus.has(clause)) : group;
}

/** Aggregates of the query's targets and HAVING, equal ones once. */
export function collectAggregates(exprs: readonly Expr[]): Aggref[] {
  const result: Aggref[] = [];
  for (const expr of exprs) {
    walkExpression(expr, (node, level) => {
      if (node.node === 'Aggref' && level === 0 && node.agglevelsup === 0) {
        if (!result.some((known) => equal(known, node))) result.push(node);
        return 'skip';
      }
      return undefined;
    });
  }
  return result;
}

/** Transition and final costs of the query's aggregates (get_agg_clause_costs). */
export function aggregateCosts(root: PlannerInfo, aggregates: readonly Aggref[]): AggCosts {
  const catalog = catalogOf(root);
  const costs: AggCosts = { transStartup: 0, transPerTuple: 0, finalStartup: 0, finalPerTuple: 0, space: 0, count: aggregates.length };
  const operator = settingsOf(root).cpuOperatorCost;
  for (const aggref of aggregates) {
    const row = catalog.aggregate(aggref.aggfnoid);
    if (!row) continue;
    costs.transPerTuple += (catalog.proc(row.aggtransfn)?.procost ?? 1) * operator;
    if (row.aggfinalfn) costs.finalPerTuple += (catalog.proc(row.aggfinalfn)?.procost ?? 1) * operator;
    for (const arg of [...aggref.args.map((entry) => entry.expr), ...(aggref.aggfilter ? [aggref.aggfilter] : [])]) {
      const cost = exprCost(root, arg);
      costs.transStartup += cost.startup;
      costs.transPerTuple += cost.perTuple;
    }
    for (const arg of aggref.aggdirectargs) {
      const cost = exprCost(root, arg);
      costs.finalStartup += cost.startup;
      costs.finalPerTuple += cost.perTuple;
    }
    const type = catalog.type(row.aggtranstype);
    if (type && !type.typbyval) costs.space += row.aggtranstype === 2281 ? (row.aggtransspace > 0 ? row.aggtransspace : 8192) : typeWidth(catalog, row.aggtranstype, -1) + 16;
  }
  return costs;
}

/** Paths that group the input and compute the target. */
export function createGroupingPaths(root: PlannerInfo, input: RelOptInfo, target: PathTarget, gsets: GroupingSetsData | null): RelOptInfo {
  const parse = root.parse;
  const rel = fetchUpperRel(root, 'group');
  rel.reltarget = target;
  const quals = makeAndsImplicit(parse.havingQual);
  const degenerate = (root.hasHavingQual || parse.groupingSets.length > 0) && !parse.hasAggs && parse.groupClause.length === 0;
  if (degenerate) {
    addDegeneratePaths(root, rel, target, quals);
    setCheapest(rel);
    return rel;
  }
  const aggregates = collectAggregates([...target.exprs, ...quals]);
  const costs = aggregateCosts(root, aggregates);
  const canSort = gsets ? gsets.rollups.length > 0 : root.processedGroupClause.every((clause) => clause.sortop);
  const ordered = aggregates.some((aggref) => aggref.aggkind !== 'n' || aggref.aggorder.length > 0 || aggref.aggdistinct.length > 0);
  const canHash = parse.groupClause.length > 0 && !ordered && (gsets ? gsets.anyHashable : root.processedGroupClause.every((clause) => clause.hashable));
  const groups = numberOfGroups(root, input.cheapestTotal!.rows, gsets);
  if (canSort) addSortedPaths(root, input, rel, target, quals, costs, groups, gsets);
  if (canHash) {
    if (gsets) addGroupingSetsPaths(root, rel, input.cheapestTotal!, target, quals, costs, gsets, false, true);
    else addPath(rel, createAgg(root, rel, input.cheapestTotal!, target, 'hashed', root.processedGroupClause, quals, costs, groups));
  }
  const minmax = minMaxPath(root, rel, target, quals);
  if (minmax) addPath(rel, minmax);
  if (rel.pathlist.length === 0) unplannable('GROUP BY');
  if (isDummy(input) && parse.groupClause.length > 0 && parse.groupingSets.length === 0) {
    rel.pathlist = rel.pathlist.slice(0, 1);
  }
  setCheapest(rel);
  return rel;
}

/** HAVING or empty grouping sets without aggregates: one constant row per set. */
function addDegeneratePaths(root: PlannerInfo, rel: RelOptInfo, target: PathTarget, quals: Expr[]): void {
  const one = (): Path => ({
    ...pathBase(rel, target), kind: 'groupresult', quals, rows: 1, startupCost: target.cost.startup, totalCost: target.cost.startup + settingsOf(root).cpuTupleCost + target.cost.perTuple,
  });
  const sets = Math.max(root.parse.groupingSets.length > 0 ? countEmptySets(root) : 1, 1);
  addPath(rel, sets === 1 ? one() : createAppend(root, rel, Array.from({ length: sets }, one)));
}

function countEmptySets(root: PlannerInfo): number {
  return root.parse.groupingSets.reduce((count, set) => count * (set.kind === 'sets' ? Math.max(set.content.length, 1) : 1), 1);
}

function numberOfGroups(root: PlannerInfo, inputRows: number, gsets: GroupingSetsData | null): number {
  const parse = root.parse;
  if (gsets) return gsets.totalGroups(inputRows);
  if (parse.groupClause.length > 0) {
    const exprs = root.processedGroupClause.map((clause) => groupingExpr(root, clause));
    return clampRows(estimateNumGroups(root, exprs, inputRows).groups);
  }
  return 1;
}

function addSortedPaths(root: PlannerInfo, input: RelOptInfo, rel: RelOptInfo, target: PathTarget, quals: Expr[], costs: AggCosts, groups: number, gsets: GroupingSetsData | null): void {
  const parse = root.parse;
  for (const original of input.pathlist) {
    const keys = root.groupPathkeys;
    const sorted = pathkeysContained(keys, original.pathkeys);
    const presorted = commonPathkeys(keys, original.pathkeys);
    let path: Path = original;
    if (!sorted) {
      const incremental = presorted > 0 && settingsOf(root).enableIncrementalSort;
      if (original !== input.cheapestTotal && !incremental) continue;
      path = incremental ? createIncrementalSort(root, rel, original, keys, presorted, -1) : createSort(root, rel, original, keys, -1);
    }
    if (gsets) addGroupingSetsPaths(root, rel, path, target, quals, costs, gsets, true, false);
    else if (parse.hasAggs) addPath(rel, createAgg(root, rel, path, target, parse.groupClause.length > 0 ? 'sorted' : 'plain', root.processedGroupClause, quals, costs, groups));
    else addPath(rel, createGroup(root, rel, path, root.processedGroupClause, quals, groups));
  }
}
