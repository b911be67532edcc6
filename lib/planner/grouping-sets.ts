/**
 * GROUPING SETS, ROLLUP and CUBE (preprocess_grouping_sets and consider_groupingsets_paths of planner.c): the sets are
 * expanded, gathered into rollups that one sort order serves, or hashed each by itself.
 */
import type { Expr, GroupingSet, SortGroupClause } from '../analyzer/nodes.js';
import { pgError } from '../base/error.js';
import { costAgg, costSort, type AggCosts } from './cost.js';
import { clampRows } from './cost-qual.js';
import { groupingExpr } from './group-columns.js';
import { preprocessGroupClause } from './grouping-paths.js';
import type { GroupingSetsPath, Path, PathTarget, PlannerInfo, RelOptInfo, Rollup } from './path-nodes.js';
import { above, addPath } from './paths.js';
import { rollupChains } from './rollup-chains.js';
import { estimateNumGroups } from './selectivity.js';

/** The expanded grouping sets of a query. */
export interface GroupingSetsData {
  readonly rollups: Rollup[];
  /** Sets that can only be hashed. */
  readonly unsortable: readonly (readonly number[])[];
  /** Each set on its own. */
  readonly sets: readonly (readonly number[])[];
  readonly anyHashable: boolean;
  totalGroups(inputRows: number): number;
}

const MAX_SETS = 4096;

function cross(a: readonly number[][], b: readonly number[][]): number[][] {
  if (a.length * b.length > MAX_SETS) throw pgError('STATEMENT_TOO_COMPLEX', `too many grouping sets present (maximum ${MAX_SETS})`);
  return a.flatMap((left) => b.map((right) => [...left, ...right.filter((ref) => !left.includes(ref))]));
}

function isRef(item: number | GroupingSet): item is number {
  return typeof item === 'number';
}

/** The sets that one GROUPING SETS element stands for. */
function expandOne(set: GroupingSet): number[][] {
  const members = (item: number | GroupingSet): number[] => (isRef(item) ? [item] : expandOne(item).flat());
  switch (set.kind) {
    case 'empty': return [[]];
    case 'simple': return [set.content.filter(isRef)];
    case 'rollup': {
      const parts = set.content.map(members);
      return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).flat());
    }
    case 'cube': {
      const parts = set.content.map(members);
      if (parts.length > 12) throw pgError('STATEMENT_TOO_COMPLEX', 'CUBE is limited to 12 elements');
      return Array.from({ length: 1 << parts.length }, (_, mask) => parts.filter((__, i) => (mask >> i) & 1).flat());
    }
    case 'sets': return set.content.flatMap((item) => (isRef(item) ? [[item]] : expandOne(item)));
    default: return set.kind satisfies never;
  }
}

/** All grouping sets of the query, smallest first, without repeated columns. */
export function expandSets(root: PlannerInfo): number[][] {
  let result: number[][] = [[]];
  for (const set of root.parse.groupingSets) result = cross(result, expandOne(set));
  result = result.map((refs) => [...new Set(refs)]);
  result.sort((a, b) => a.length - b.length);
  if (root.parse.groupDistinct) {
    const seen = new Set<string>();
    result = result.filter((refs) => {
      const key = [...refs].sort((a, b) => a - b).join(',');
      return !seen.has(key) && seen.add(key);
    });
  }
  return result;
}

/** Expands the query's sets and gathers them into rollups. */
export function expandGroupingSets(root: PlannerInfo): GroupingSetsData {
  const sets = expandSets(root);
  const clauseOf = (ref: number): SortGroupClause => root.parse.groupClause.find((clause) => clause.tleSortGroupRef === ref)!;
  const sortable = sets.filter((refs) => refs.every((ref) => clauseOf(ref).sortop));
  const chains = rollupChains(sortable);
  const rollups = chains.map((chain): Rollup => {
    const ordered = orderChain(chain, chains.length === 1 ? root.parse.sortClause : []);
    const largest = ordered[0] ?? [];
    return { groupClause: preprocessGroupClause(root, largest), sets: ordered.map((refs) => ({ refs, groups: 0 })), groups: 0, hashed: false };
  });
  const unsortable = sets.filter((refs) => !sortable.includes(refs));
  const exprOf = (ref: number): Expr => groupingExpr(root, clauseOf(ref));
  root.processedGroupClause = [...root.parse.groupClause];
  return {
    rollups, unsortable, sets: [...rollups.flatMap((rollup) => rollup.sets.map((set) => set.refs)), ...unsortable], anyHashable: sets.some((refs) => refs.length > 0 && refs.every((ref) => clauseOf(ref).hashable)),
    totalGroups: (inputRows) => sets.reduce((sum, refs) => sum + (refs.length === 0 ? 1 : estimateNumGroups(root, refs.map(exprOf), inputRows).groups), 0),
  };
}

/** Orders the columns within each set so that every set is a prefix of the one before (largest first). */
function orderChain(chain: readonly number[][], sortClause: readonly SortGroupClause[]): number[][] {
  const ascending = [...chain].reverse();
  let previous: number[] = [];
  const result: number[][] = [];
  let sortAt = 0;
  let followSort = true;
  for (const set of ascending) {
    const added = set.filter((ref) => !previous.includes(ref));
    const ordered: number[] = [];
    while (followSort && added.length > ordered.length && sortAt < sortClause.length) {
      const ref = sortClause[sortAt].tleSortGroupRef;
      if (!added.includes(ref)) {
        followSort = false;
        break;
      }
      ordered.push(ref);
      sortAt++;
    }
    previous = [...previous, ...ordered, ...added.filter((ref) => !ordered.includes(ref))];
    result.unshift(previous);
  }
  return result;
}

/** Adds a path that computes all sets, from sorted input (`sorted`) or by hashing. */
export function addGroupingSetsPaths(
  root: PlannerInfo, rel: RelOptInfo, subpath: Path, target: PathTarget, quals: readonly Expr[], costs: AggCosts, gsets: GroupingSetsData, sorted: boolean, hashed: boolean,
): void {
  const clauseOf = (ref: number): SortGroupClause => root.parse.groupClause.find((clause) => clause.tleSortGroupRef === ref)!;
  const groupsOf = (refs: readonly number[]): number => (refs.length === 0 ? 1
    : clampRows(estimateNumGroups(root, refs.map((ref) => groupingExpr(root, clauseOf(ref))), subpath.rows).groups));
  if (hashed && !sorted) {
    const nonempty = gsets.sets.filter((refs) => refs.length > 0);
    const empty = gsets.sets.filter((refs) => refs.length === 0);
    if (nonempty.some((refs) => refs.some((ref) => !clauseOf(ref).hashable))) return;
    const byKey = nonempty.map((refs): Rollup => ({ groupClause: refs.map(clauseOf), sets: [{ refs, groups: groupsOf(refs) }], groups: groupsOf(refs), hashed: true }));
    const rollups = [...byKey];
    if (empty.length > 0) rollups.push({ groupClause: [], sets: empty.map((refs) => ({ refs, groups: 1 })), groups: empty.length, hashed: false });
    addPath(rel, makePath(root, rel, subpath, target, quals, costs, rollups, empty.length > 0 ? 'mixed' : 'hashed'));
    return;
  }
  if (!sorted || gsets.rollups.length === 0) return;
  const rollups = gsets.rollups.map((rollup): Rollup => ({
    ...rollup, sets: rollup.sets.map((set) => ({ refs: set.refs, groups: groupsOf(set.refs) })), groups: rollup.sets.reduce((sum, set) => sum + groupsOf(set.refs), 0),
  }));
  if (gsets.unsortable.some((refs) => refs.some((ref) => !clauseOf(ref).hashable))) return;
  const onlyHashed = gsets.unsortable.map((refs): Rollup => ({ groupClause: refs.map(clauseOf), sets: [{ refs, groups: groupsOf(refs) }], groups: groupsOf(refs), hashed: true }));
  const plain = rollups.length === 1 && rollups[0].groupClause.length === 0;
  addPath(rel, makePath(root, rel, subpath, target, quals, costs, [...rollups, ...onlyHashed], onlyHashed.length > 0 ? 'mixed' : plain ? 'plain' : 'sorted'));
}

function makePath(root: PlannerInfo, rel: RelOptInfo, subpath: Path, target: PathTarget, quals: readonly Expr[], costs: AggCosts, rollups: Rollup[], strategy: GroupingSetsPath['strategy']): GroupingSetsPath {
  const path: GroupingSetsPath = { ...above(rel, subpath, target, []), kind: 'groupingsets', subpath, strategy, rollups, quals, firstPresorted: true };
  let rows = 0;
  let total = 0;
  let startup = 0;
  let disabled = 0;
  rollups.forEach((rollup, i) => {
    const scratch = { rows: 0 };
    const kind = rollup.hashed ? 'hashed' : rollup.groupClause.length === 0 ? 'plain' : 'sorted';
    if (i === 0) {
      const cost = costAgg(root, scratch, kind, costs, rollup.groupClause.length, rollup.groups, quals, subpath, subpath.target.width);
      startup = cost.startup;
      total = cost.total;
      disabled = cost.disabled;
    } else {
      let input = { startupCost: 0, totalCost: 0, disabledNodes: 0, rows: subpath.rows };
      if (!rollup.hashed && rollup.groupClause.length > 0) {
        const sort = costSort(root, { totalCost: 0, disabledNodes: 0 }, subpath.rows, subpath.target.width, -1);
        input = { startupCost: sort.startup, totalCost: sort.total, disabledNodes: sort.disabled, rows: subpath.rows };
      }
      const cost = costAgg(root, scratch, kind, costs, rollup.groupClause.length, rollup.groups, quals, input, subpath.target.width);
      total += cost.total;
      disabled += cost.disabled;
    }
    rows += scratch.rows;
  });
  path.rows = rows;
  path.startupCost = startup + target.cost.startup;
  path.totalCost = total + target.cost.startup + target.cost.perTuple * rows;
  path.disabledNodes = disabled;
  return path;
}
