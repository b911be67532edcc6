/**
 * The upper stages of one query level (grouping_planner of planner.c): grouping, windows, DISTINCT, ORDER BY, row locks,
 * LIMIT and modification, on top of the scan/join paths.
 */
import type { Expr } from '../analyzer/nodes.js';
import { pgError } from '../base/error.js';
import { returnsSet } from './clauses.js';

import { createDistinctPaths } from './distinct-paths.js';
import { groupingTlist, splitGroupColumns } from './group-columns.js';
import { createGroupingPaths, preprocessGroupClause } from './grouping-paths.js';
import { expandGroupingSets, type GroupingSetsData } from './grouping-sets.js';
import { preprocessMinMax } from './minmax.js';
import { createModifyTablePath, preprocessTargetList } from './modify.js';
import type { Path, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { addPath, above, createIncrementalSort, createLimit, createProjectSet, createProjection, createSort, sameTarget, setCheapest } from './paths.js';
import { commonPathkeys, pathkeysContained, pathkeysForSortClauses, pathkeysForSortClausesExtended } from './pathkeys.js';
import { queryPlanner } from './planner.js';
import { fetchUpperRel } from './rel.js';
import { planSetOperations } from './set-operations.js';
import { groupInputTarget, sortInputTarget, splitAtSrfs, targetFromList, windowInputTarget } from './targets.js';
import { activeWindows, createWindowPaths, windowPathkeys } from './windows.js';
import { settingsOf } from './cost-qual.js';

/** Estimated OFFSET and LIMIT: 0 none, -1 unknown. */
interface LimitEstimate { fraction: number; offset: number; count: number }

/** Fills the final relation of the query level. */
export function groupingPlanner(root: PlannerInfo, tupleFractionIn: number): void {
  const parse = root.parse;
  const limit = parse.limitCount || parse.limitOffset ? preprocessLimit(parse.limitOffset, parse.limitCount, tupleFractionIn) : { fraction: tupleFractionIn, offset: 0, count: 0 };
  let limitTuples = -1;
  if (limit.count > 0 && limit.offset >= 0) limitTuples = limit.count + limit.offset;
  root.tupleFraction = limit.fraction;
  let current: RelOptInfo;
  let finalTarget: PathTarget;
  if (parse.setOperations) {
    if (parse.rowMarks.length > 0) throw pgError('FEATURE_NOT_SUPPORTED', 'FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT');
    root.limitTuples = -1;
    current = planSetOperations(root);
    finalTarget = targetFromList(root, root.processedTlist);
    root.sortPathkeys = pathkeysForSortClauses(root, parse.sortClause, root.processedTlist);
    if (parse.hasTargetSRFs || root.processedTlist.some((entry) => returnsSet(entry.expr))) current = adjustForSrfs(root, current, finalTarget);
  } else {
    ({ current, finalTarget } = planGrouping(root, limitTuples));
  }
  if (root.parse.sortClause.length > 0) {
    current = createOrderedPaths(root, current, finalTarget, root.limitTuples < 0 ? limitTuples : root.limitTuples);
  }
  finishPaths(root, current, finalTarget, limit);
}

function adjustForSrfs(root: PlannerInfo, rel: RelOptInfo, target: PathTarget): RelOptInfo {
  for (const path of rel.pathlist) path.target = { ...path.target };
  applyStages(root, rel, splitAtSrfs(root, target, rel.reltarget).slice(1));
  return rel;
}

function applyStages(root: PlannerInfo, rel: RelOptInfo, stages: readonly { target: PathTarget; hasSrfs: boolean }[]): void {
  for (const stage of stages) {
    rel.pathlist = rel.pathlist.map((path) => (stage.hasSrfs ? createProjectSet(root, rel, path, stage.target) : createProjection(root, rel, path, stage.target)));
  }
  if (stages.length > 0) setCheapest(rel);
}

function planGrouping(root: PlannerInfo, limitTuples: number): { current: RelOptInfo; finalTarget: PathTarget } {
  splitGroupColumns(root);
  let gsets: GroupingSetsData | null = null;
  if (root.parse.groupingSets.length > 0) gsets = expandGroupingSets(root);
  else if (root.parse.groupClause.length > 0) root.processedGroupClause = preprocessGroupClause(root, null);
  preprocessTargetList(root);
  const parse = root.parse;
  if (parse.hasAggs) preprocessMinMax(root);
  const windows = parse.hasWindowFuncs ? activeWindows(root) : [];
  const blocking = parse.groupClause.length > 0 || parse.groupingSets.length > 0 || parse.distinctClause.length > 0 || parse.hasAggs || windows.length > 0
    || parse.hasTargetSRFs || root.hasHavingQual;
  root.limitTuples = blocking ? -1 : limitTuples;
  let current = queryPlanner(root, () => computePathkeys(root, gsets, windows));
  const finalTarget = targetFromList(root, root.processedTlist);
  let sortTarget = finalTarget;
  if (parse.sortClause.length > 0) sortTarget = sortInputTarget(root, finalTarget).target;
  const haveGrouping = parse.groupClause.length > 0 || parse.groupingSets.length > 0 || parse.hasAggs || root.hasHavingQual;
  const groupingTarget = windows.length > 0 ? windowInputTarget(root, finalTarget, windows.map((window) => window.clause)) : sortTarget;
  const scanJoinTarget = haveGrouping ? groupInputTarget(root, groupingTarget, parse) : groupingTarget;
  applyScanJoinTarget(root, current, scanJoinTarget);
  if (haveGrouping) {
    const stages = parse.hasTargetSRFs ? splitAtSrfs(root, groupingTarget, scanJoinTarget) : [{ target: groupingTarget, hasSrfs: false }];
    current = createGroupingPaths(root, current, stages[0].target, gsets);
    applyStages(root, current, stages.slice(1));
  }
  if (windows.length > 0) {
    const stages = parse.hasTargetSRFs ? splitAtSrfs(root, sortTarget, groupingTarget) : [{ target: sortTarget, hasSrfs: false }];
    current = createWindowPaths(root, current, groupingTarget, stages[0].target, windows);
    applyStages(root, current, stages.slice(1));
  }
  if (parse.distinctClause.length > 0) current = createDistinctPaths(root, current, sortTarget, limitTuples);
  return { current, finalTarget };
}

/** Orderings that later stages want (standard_qp_callback). */
function computePathkeys(root: PlannerInfo, gsets: GroupingSetsData | null, windows: ReturnType<typeof activeWindows>): void {
  const parse = root.parse;
  const tlist = root.processedTlist;
  if (gsets) {
    const first = gsets.rollups[0]?.groupClause ?? [];
    root.groupPathkeys = first.every((clause) => clause.sortop) ? pathkeysForSortClauses(root, first, groupingTlist(root)) : [];
  } else if (root.processedGroupClause.length > 0) {
    const result = pathkeysForSortClausesExtended(root, root.processedGroupClause, groupingTlist(root));
    if (result.sortable) {
      root.groupPathkeys = result.pathkeys;
      root.processedGroupClause = result.clauses;
    }
  }
  root.windowPathkeys = windows.length > 0 ? windowPathkeys(root, windows[0], tlist) : [];
  if (parse.distinctClause.length > 0) {
    const result = pathkeysForSortClausesExtended(root, parse.distinctClause, tlist);
    root.distinctPathkeys = result.sortable ? result.pathkeys : [];
    root.processedDistinctClause = result.sortable ? result.clauses : [...parse.distinctClause];
  }
  root.sortPathkeys = pathkeysForSortClauses(root, parse.sortClause, tlist);
  if (root.groupPathkeys.length > 0) root.queryPathkeys = root.groupPathkeys;
  else if (root.windowPathkeys.length > 0) root.queryPathkeys = root.windowPathkeys;
  else if (root.distinctPathkeys.length > root.sortPathkeys.length) root.queryPathkeys = root.distinctPathkeys;
  else if (root.sortPathkeys.length > 0) root.queryPathkeys = root.sortPathkeys;
  else root.queryPathkeys = root.setopPathkeys;
}

/** Makes the scan/join paths deliver the target (apply_scanjoin_target_to_paths). */
function applyScanJoinTarget(root: PlannerInfo, rel: RelOptInfo, target: PathTarget): void {
  const stages = root.parse.hasTargetSRFs ? splitAtSrfs(root, target, null) : [{ target, hasSrfs: false }];
  const first = stages[0].target;
  rel.pathlist = rel.pathlist.map((path) => {
    if (!sameTarget(path.target, first)) return createProjection(root, rel, path, first);
    path.target = { ...path.target, sortgrouprefs: first.sortgrouprefs };
    return path;
  });
  for (const stage of stages.slice(1)) {
    rel.pathlist = rel.pathlist.map((path) => (stage.hasSrfs ? createProjectSet(root, rel, path, stage.target) : createProjection(root, rel, path, stage.target)));
  }
  rel.reltarget = target;
  setCheapest(rel);
}

/** Sorts for ORDER BY where the input is not sorted. */
function createOrderedPaths(root: PlannerInfo, input: RelOptInfo, target: PathTarget, limitTuples: number): RelOptInfo {
  const rel = fetchUpperRel(root, 'ordered');
  rel.reltarget = target;
  for (const path of input.pathlist) {
    const presorted = commonPathkeys(root.sortPathkeys, path.pathkeys);
    let sorted: Path;
    if (pathkeysContained(root.sortPathkeys, path.pathkeys)) sorted = path;
    else {
      if (path !== input.cheapestTotal && (presorted === 0 || !settingsOf(root).enableIncrementalSort)) continue;
      sorted = presorted === 0 || !settingsOf(root).enableIncrementalSort
        ? createSort(root, rel, path, root.sortPathkeys, limitTuples) : createIncrementalSort(root, rel, path, root.sortPathkeys, presorted, limitTuples);
    }
    addPath(rel, sorted);
  }
  rel.pathlist = rel.pathlist.map((path) => (sameTarget(path.target, target) ? path : projectFinal(root, rel, path, target)));
  setCheapest(rel);
  return rel;
}

function projectFinal(root: PlannerInfo, rel: RelOptInfo, path: Path, target: PathTarget): Path {
  if (!root.parse.hasTargetSRFs) return createProjection(root, rel, path, target);
  let result = path;
  for (const stage of splitAtSrfs(root, target, path.target).slice(sameTargetStart(root, target, path))) {
    result = stage.hasSrfs ? createProjectSet(root, rel, result, stage.target) : createProjection(root, rel, result, stage.target);
  }
  return result;
}

/** The first stage is what the path already delivers when there are sets to compute. */
function sameTargetStart(root: PlannerInfo, target: PathTarget, path: Path): number {
  return splitAtSrfs(root, target, path.target).length > 1 ? 1 : 0;
}

/** Row locks, LIMIT and modification on top of everything. */
function finishPaths(root: PlannerInfo, input: RelOptInfo, target: PathTarget, limit: LimitEstimate): void {
  const parse = root.parse;
  const final = fetchUpperRel(root, 'final');
  final.reltarget = target;
  for (const start of input.pathlist) {
    let path = start;
    if (!sameTarget(path.target, target) && parse.sortClause.length === 0) path = projectFinal(root, final, path, target);
    if (root.rowMarks.some((mark) => mark.strength !== 'reference' && mark.strength !== 'copy') && parse.commandType === 'select') {
      path = { ...above(final, path, path.target, path.pathkeys), kind: 'lockrows', subpath: path, rowMarks: root.rowMarks.filter((mark) => !mark.isParent), totalCost: path.totalCost + settingsOf(root).cpuTupleCost * path.rows };
    }
    if (limitNeeded(parse.limitOffset, parse.limitCount)) {
      path = createLimit(final, path, parse.limitOffset, parse.limitCount, parse.limitOption === 'withTies', limit.offset, limit.count);
    }
    if (parse.commandType !== 'select') path = createModifyTablePath(root, final, path);
    addPath(final, path);
  }
}

function limitNeeded(offset: Expr | null, count: Expr | null): boolean {
  if (count && !(count.node === 'Const' && count.value === null)) return true;
  if (!offset) return false;
  return !(offset.node === 'Const' && (offset.value === null || Number(offset.value) === 0));
}

/** Estimates of LIMIT and OFFSET, and the fraction of rows that will be read (preprocess_limit). */
function preprocessLimit(limitOffset: Expr | null, limitCount: Expr | null, tupleFraction: number): LimitEstimate {
  let offset = 0;
  let count = 0;
  if (limitCount) {
    if (limitCount.node === 'Const') {
      count = limitCount.value === null ? 0 : Math.max(Number(limitCount.value), 1);
    } else count = -1;
  }
  if (limitOffset) {
    if (limitOffset.node === 'Const') offset = limitOffset.value === null ? 0 : Math.max(Number(limitOffset.value), 0);
    else offset = -1;
  }
  let fraction = tupleFraction;
  if (count !== 0) {
    const limitFraction = count < 0 || offset < 0 ? 0.1 : count + offset;
    if (fraction >= 1) fraction = limitFraction >= 1 ? Math.min(fraction, limitFraction) : fraction;
    else if (fraction > 0) fraction = limitFraction >= 1 ? limitFraction : Math.min(fraction, limitFraction);
    else fraction = limitFraction;
  } else if (offset !== 0 && fraction > 0) {
    const limitFraction = offset < 0 ? 0.1 : offset;
    if (fraction >= 1) fraction = limitFraction >= 1 ? fraction + limitFraction : limitFraction;
    else if (limitFraction < 1) {
      fraction += limitFraction;
      if (fraction >= 1) fraction = 0;
    }
  }
  return { fraction, offset, count };
}

