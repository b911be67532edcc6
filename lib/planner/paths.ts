/**
 * Making paths and keeping the good ones (pathnode.c): `addPath` drops dominated paths, `setCheapest` picks the winners,
 * and constructors fill in costs of the nodes above scans and joins.
 */
import type { Expr, SortGroupClause, WindowClause, WindowFunc } from '../analyzer/nodes.js';
import { assert } from '../base/assert.js';
import {
  adjustLimitCosts, costAgg, costGroup, costIncrementalSort, costMaterial, costSort, costWindowAgg, type AggCosts,
} from './cost.js';
import { clampRows, estimateArrayLength, settingsOf } from './cost-qual.js';
import { generateJoinImpliedEqualities } from './equivclass.js';
import { equal } from './equal.js';
import type {
  AggPath, AppendPath, IncrementalSortPath, LimitPath, MaterialPath, MergeAppendPath, ParamPathInfo, Path, PathKey, PathTarget, PlannerInfo,
  ProjectionPath, ProjectSetPath, RelOptInfo, RestrictInfo, SortPath, UpperUniquePath,
} from './path-nodes.js';
import { compareCost, comparePathkeys, pathkeysContained } from './pathkeys.js';
import { isMultiple, isSubset, NO_RELS, overlaps, relidsOf, type Relids } from './relids.js';
import { clauseListSelectivity } from './selectivity.js';

const FUZZ = 1.01;

/** Relations that a path needs as parameters. */
export function requiredOuter(path: Path): Relids {
  return path.param ? path.param.requiredOuter : NO_RELS;
}

type CostOrder = 'equal' | 'better1' | 'better2' | 'different';

function compareFuzzily(rel: RelOptInfo, a: Path, b: Path, fuzz: number): CostOrder {
  if (a.disabledNodes !== b.disabledNodes) return a.disabledNodes < b.disabledNodes ? 'better1' : 'better2';
  const considerStartup = (path: Path): boolean => (path.param ? rel.considerParamStartup : rel.considerStartup);
  if (a.totalCost > b.totalCost * fuzz) {
    return considerStartup(a) && b.startupCost > a.startupCost * fuzz ? 'different' : 'better2';
  }
  if (b.totalCost > a.totalCost * fuzz) {
    return considerStartup(b) && a.startupCost > b.startupCost * fuzz ? 'different' : 'better1';
  }
  if (a.startupCost > b.startupCost * fuzz) return 'better2';
  if (b.startupCost > a.startupCost * fuzz) return 'better1';
  return 'equal';
}

function compareSets(a: Relids, b: Relids): CostOrder {
  if (a === b) return 'equal';
  if (isSubset(a, b)) return 'better1';
  return isSubset(b, a) ? 'better2' : 'different';
}

/** Offers a path to its relation: kept unless some other is at least as good in cost, order, rows and parameters. */
export function addPath(rel: RelOptInfo, newPath: Path): void {
  const newKeys = newPath.param ? [] : newPath.pathkeys;
  let accept = true;
  let insertAt = 0;
  for (let i = 0; i < rel.pathlist.length;) {
    const old = rel.pathlist[i];
    const verdict = judge(rel, newPath, newKeys, old);
    if (verdict === 'removeOld') {
      rel.pathlist.splice(i, 1);
      continue;
    }
    if (newPath.disabledNodes > old.disabledNodes || (newPath.disabledNodes === old.disabledNodes && newPath.totalCost >= old.totalCost)) insertAt = i + 1;
    if (verdict === 'rejectNew') {
      accept = false;
      break;
    }
    i++;
  }
  if (accept) rel.pathlist.splice(insertAt, 0, newPath);
}

function judge(rel: RelOptInfo, newPath: Path, newKeys: readonly PathKey[], old: Path): 'keepBoth' | 'removeOld' | 'rejectNew' {
  const cost = compareFuzzily(rel, newPath, old, FUZZ);
  if (cost === 'different') return 'keepBoth';
  const keys = comparePathkeys(newKeys, old.param ? [] : old.pathkeys);
  if (keys === 'different') return 'keepBoth';
  const outer = compareSets(requiredOuter(newPath), requiredOuter(old));
  if (cost === 'equal') {
    if (keys === 'better1') return (outer === 'equal' || outer === 'better1') && newPath.rows <= old.rows ? 'removeOld' : 'keepBoth';
    if (keys === 'better2') return (outer === 'equal' || outer === 'better2') && newPath.rows >= old.rows ? 'rejectNew' : 'keepBoth';
    if (outer === 'equal') {
      if (newPath.rows < old.rows) return 'removeOld';
      if (newPath.rows > old.rows) return 'rejectNew';
      return compareFuzzily(rel, newPath, old, 1.0000000001) === 'better1' ? 'removeOld' : 'rejectNew';
    }
    if (outer === 'better1' && newPath.rows <= old.rows) return 'removeOld';
    if (outer === 'better2' && newPath.rows >= old.rows) return 'rejectNew';
    return 'keepBoth';
  }
  if (cost === 'better1') return keys !== 'better2' && (outer === 'equal' || outer === 'better1') && newPath.rows <= old.rows ? 'removeOld' : 'keepBoth';
  return keys !== 'better1' && (outer === 'equal' || outer === 'better2') && newPath.rows >= old.rows ? 'rejectNew' : 'keepBoth';
}

/** Whether a path with these costs could still be accepted: saves building it. */
export function addPathPrecheck(rel: RelOptInfo, disabled: number, startup: number, total: number, pathkeys: readonly PathKey[], outer: Relids): boolean {
  const keys = outer === NO_RELS ? pathkeys : [];
  const considerStartup = outer !== NO_RELS ? rel.considerParamStartup : rel.considerStartup;
  for (const old of rel.pathlist) {
    if (old.disabledNodes !== disabled) {
      if (disabled < old.disabledNodes) break;
      continue;
    }
    if (total <= old.totalCost * FUZZ) break;
    if (startup > old.startupCost * FUZZ || !considerStartup) {
      const order = comparePathkeys(keys, old.param ? [] : old.pathkeys);
      if ((order === 'equal' || order === 'better2') && outer === requiredOuter(old)) return false;
    }
  }
  return true;
}

/** Picks the relation's cheapest paths; every relation must have one. */
export function setCheapest(rel: RelOptInfo): void {
  assert(rel.pathlist.length > 0, 'could not devise a query plan for the given query');
  let startup: Path | null = null;
  let total: Path | null = null;
  let bestParam: Path | null = null;
  const parameterized: Path[] = [];
  for (const path of rel.pathlist) {
    if (path.param) {
      parameterized.push(path);
      if (total) continue;
      if (!bestParam) {
        bestParam = path;
        continue;
      }
      const order = compareSets(requiredOuter(path), requiredOuter(bestParam));
      if (order === 'better1' || ((order === 'equal') && compareCost(path, bestParam, 'total') < 0)) bestParam = path;
      continue;
    }
    if (!total) {
      startup = total = path;
      continue;
    }
    const byStartup = compareCost(startup!, path, 'startup');
    if (byStartup > 0 || (byStartup === 0 && comparePathkeys(startup!.pathkeys, path.pathkeys) === 'better2')) startup = path;
    const byTotal = compareCost(total, path, 'total');
    if (byTotal > 0 || (byTotal === 0 && comparePathkeys(total.pathkeys, path.pathkeys) === 'better2')) total = path;
  }
  if (total) parameterized.unshift(total);
  rel.cheapestStartup = startup;
  rel.cheapestTotal = total ?? bestParam;
  rel.cheapestUnique = null;
  rel.cheapestParameterized = parameterized;
}

// ------------------------------------------------------------------ parameterised paths

/** True when a join clause may be evaluated at the relation given the outer relations (join_clause_is_movable_into). */
export function isMovableInto(rinfo: RestrictInfo, current: Relids, currentAndOuter: Relids): boolean {
  return isSubset(rinfo.clauseRelids, currentAndOuter) && overlaps(current, rinfo.clauseRelids)
    && !overlaps(current, rinfo.outerRelids) && !overlaps(current, rinfo.nullableRelids);
}

/** True when a join clause may be evaluated at the base relation as a parameterised condition. */
export function isMovableTo(rinfo: RestrictInfo, rel: RelOptInfo): boolean {
  return overlaps(rinfo.clauseRelids, rel.relids) && !overlaps(rinfo.outerRelids, rel.relids)
    && !overlaps(rinfo.nullableRelids, rel.relids) && !overlaps(rel.lateralReferencers, rinfo.clauseRelids);
}

/** Parameterisation of a base relation by the outer relations, made once (get_baserel_parampathinfo). */
export function baseParamInfo(root: PlannerInfo, rel: RelOptInfo, outer: Relids): ParamPathInfo | null {
  if (outer === NO_RELS) return null;
  const known = rel.ppilist.find((info) => info.requiredOuter === outer);
  if (known) return known;
  const joinRelids = rel.relids | outer;
  const clauses = rel.joininfo.filter((rinfo) => isMovableInto(rinfo, rel.relids, joinRelids));
  clauses.push(...generateJoinImpliedEqualities(root, joinRelids, outer, rel));
  const all = [...clauses, ...rel.baserestrictinfo];
  const rows = Math.min(clampRows(rel.tuples * clauseListSelectivity(root, all, rel.relid, 'inner', null)), rel.rows);
  const info: ParamPathInfo = { requiredOuter: outer, rows, clauses };
  rel.ppilist.push(info);
  return info;
}

/** Parameterisation of an append relation: no clauses of its own. */
export function appendParamInfo(rel: RelOptInfo, outer: Relids): ParamPathInfo | null {
  if (outer === NO_RELS) return null;
  const known = rel.ppilist.find((info) => info.requiredOuter === outer);
  if (known) return known;
  const info: ParamPathInfo = { requiredOuter: outer, rows: rel.rows, clauses: [] };
  rel.ppilist.push(info);
  return info;
}

// ------------------------------------------------------------------ constructors

interface CommonPath { parent: RelOptInfo; target: PathTarget; param: ParamPathInfo | null; rows: number; disabledNodes: number; startupCost: number; totalCost: number; pathkeys: readonly PathKey[] }

/** The common fields of a path, costs still zero. */
export function pathBase(rel: RelOptInfo, target: PathTarget, param: ParamPathInfo | null = null, pathkeys: readonly PathKey[] = []): CommonPath {
  return { parent: rel, target, param, rows: rel.rows, disabledNodes: 0, startupCost: 0, totalCost: 0, pathkeys };
}

/** Fields of a path that passes its input on, with the input's rows and costs. */
export function above(rel: RelOptInfo, subpath: Path, target: PathTarget = subpath.target, pathkeys: readonly PathKey[] = subpath.pathkeys): CommonPath {
  return { parent: rel, target, param: null, rows: subpath.rows, disabledNodes: subpath.disabledNodes, startupCost: subpath.startupCost, totalCost: subpath.totalCost, pathkeys };
}

/** Keeps rows for rescans. */
export function createMaterial(root: PlannerInfo, rel: RelOptInfo, subpath: Path): MaterialPath {
  const cost = costMaterial(root, subpath, subpath.rows, subpath.target.width);
  return { ...above(rel, subpath), kind: 'material', subpath, param: subpath.param, startupCost: cost.startup, totalCost: cost.total, disabledNodes: cost.disabled };
}

/** A full sort. */
export function createSort(root: PlannerInfo, rel: RelOptInfo, subpath: Path, pathkeys: readonly PathKey[], limitTuples: number): SortPath {
  const cost = costSort(root, subpath, subpath.rows, subpath.target.width, limitTuples);
  return { ...above(rel, subpath, subpath.target, pathkeys), kind: 'sort', subpath, bounded: limitTuples > 0, startupCost: cost.startup, totalCost: cost.total, disabledNodes: cost.disabled };
}

/** A sort of input that is presorted on leading keys. */
export function createIncrementalSort(root: PlannerInfo, rel: RelOptInfo, subpath: Path, pathkeys: readonly PathKey[], presorted: number, limitTuples: number): IncrementalSortPath {
  const cost = costIncrementalSort(root, pathkeys, presorted, subpath, subpath.rows, subpath.target.width, limitTuples);
  return { ...above(rel, subpath, subpath.target, pathkeys), kind: 'incrementalsort', subpath, presorted, startupCost: cost.startup, totalCost: cost.total, disabledNodes: cost.disabled };
}

/** Nodes that can compute any target themselves. */
export function canProject(path: Path): boolean {
  switch (path.kind) {
    case 'material': case 'memoize': case 'sort': case 'incrementalsort': case 'upperunique': case 'setop': case 'lockrows':
    case 'limit': case 'modifytable': case 'append': case 'mergeappend': case 'recursiveunion': case 'bitmapand': case 'bitmapor':
      return false;
    case 'uniquejoin':
      return path.method === 'hash';
    case 'projectset':
      return false;
    case 'projection':
      return path.dummy ? canProject(path.subpath) : true;
    default:
      return true;
  }
}

/** True when two targets compute the same expressions in the same order. */
export function sameTarget(a: PathTarget, b: PathTarget): boolean {
  return a === b || (a.exprs.length === b.exprs.length && a.exprs.every((expr, i) => equal(expr, b.exprs[i])));
}

/** Computes a target over a path; free when the node below can do it itself. */
export function createProjection(root: PlannerInfo, rel: RelOptInfo, subpathIn: Path, target: PathTarget): ProjectionPath {
  const subpath = subpathIn.kind === 'projection' ? subpathIn.subpath : subpathIn;
  const old = subpath.target;
  const dummy = canProject(subpath) || sameTarget(old, target);
  const startup = subpath.startupCost + target.cost.startup - (dummy ? old.cost.startup : 0);
  const perTuple = dummy ? target.cost.perTuple - old.cost.perTuple : settingsOf(root).cpuTupleCost + target.cost.perTuple;
  const extraStartup = dummy ? target.cost.startup - old.cost.startup : target.cost.startup;
  return {
    ...above(rel, subpath, target), kind: 'projection', subpath, dummy, param: subpath.param, startupCost: startup,
    totalCost: subpath.totalCost + extraStartup + perTuple * subpath.rows,
  };
}

/** Makes a path deliver the target, changing it in place when nobody else uses it (apply_projection_to_path). */
export function applyProjection(root: PlannerInfo, rel: RelOptInfo, path: Path, target: PathTarget): Path {
  if (!canProject(path)) return createProjection(root, rel, path, target);
  const old = path.target.cost;
  path.target = target;
  path.startupCost += target.cost.startup - old.startup;
  path.totalCost += target.cost.startup - old.startup + (target.cost.perTuple - old.perTuple) * path.rows;
  return path;
}

/** Set-returning functions in the target. */
export function createProjectSet(root: PlannerInfo, rel: RelOptInfo, subpath: Path, target: PathTarget): ProjectSetPath {
  let perRow = 1;
  for (const expr of target.exprs) perRow = Math.max(perRow, setReturningRows(root, expr));
  const rows = subpath.rows * perRow;
  return {
    ...above(rel, subpath, target), kind: 'projectset', subpath, rows, startupCost: subpath.startupCost + target.cost.startup,
    totalCost: subpath.totalCost + target.cost.startup + (settingsOf(root).cpuTupleCost + target.cost.perTuple) * subpath.rows
      + (rows - subpath.rows) * settingsOf(root).cpuTupleCost / 2,
  };
}

/** Rows that a set-returning call is expected to give; 1 for anything else. */
export function setReturningRows(root: PlannerInfo, expr: Expr): number {
  if (expr.node !== 'FuncExpr' || !expr.funcretset) return 1;
  const proc = root.glob.context.catalog.proc(expr.funcid);
  const known = proc ? knownSetRows(proc.prosrc, expr.args) : null;
  return clampRows(known ?? proc?.prorows ?? 1);
}

/** Rows of generate_series over constants and of unnest. */
function knownSetRows(prosrc: string, args: readonly Expr[]): number | null {
  if (prosrc === 'array_unnest') return estimateArrayLength(args[0]);
  if (!/^generate_series_(step_)?int[48]$/.test(prosrc)) return null;
  const values = args.map((arg) => (arg.node === 'Const' && arg.value !== null ? Number(arg.value) : NaN));
  const [start, stop, step = 1] = values;
  if (Number.isNaN(start) || Number.isNaN(stop) || Number.isNaN(step) || step === 0) return args.some((arg) => arg.node === 'Const' && arg.value === null) ? 0 : null;
  return Math.max(Math.floor((stop - start + step) / step), 0);
}

/** Removes adjacent duplicates over the first `keyCount` sort keys. */
export function createUpperUnique(root: PlannerInfo, rel: RelOptInfo, subpath: Path, keyCount: number, groups: number): UpperUniquePath {
  return {
    ...above(rel, subpath), kind: 'upperunique', subpath, keyCount, rows: groups,
    totalCost: subpath.totalCost + settingsOf(root).cpuOperatorCost * subpath.rows * keyCount,
  };
}

/** GROUP BY without aggregates. */
export function createGroup(root: PlannerInfo, rel: RelOptInfo, subpath: Path, groupClause: readonly SortGroupClause[], quals: readonly Expr[], groups: number): Path {
  const path = { ...above(rel, subpath, rel.reltarget), kind: 'group' as const, subpath, groupClause, quals };
  const cost = costGroup(root, path, groupClause.length, groups, quals, subpath);
  path.startupCost = cost.startup + rel.reltarget.cost.startup;
  path.totalCost = cost.total + rel.reltarget.cost.startup + rel.reltarget.cost.perTuple * path.rows;
  return path;
}

/** Aggregation. */
export function createAgg(
  root: PlannerInfo, rel: RelOptInfo, subpath: Path, target: PathTarget, strategy: AggPath['strategy'], groupClause: readonly SortGroupClause[],
  quals: readonly Expr[], aggCosts: AggCosts, groups: number,
): AggPath {
  const pathkeys = strategy === 'sorted' ? subpath.pathkeys.slice(0, root.groupPathkeys.length) : [];
  const path: AggPath = { ...above(rel, subpath, target, pathkeys), kind: 'agg', subpath, strategy, groups, groupClause, quals };
  const cost = costAgg(root, path, strategy, aggCosts, groupClause.length, groups, quals, subpath, subpath.target.width);
  path.startupCost = cost.startup + target.cost.startup;
  path.totalCost = cost.total + target.cost.startup + target.cost.perTuple * path.rows;
  path.disabledNodes = cost.disabled;
  return path;
}

/** One window clause. */
export function createWindowAgg(
  root: PlannerInfo, rel: RelOptInfo, subpath: Path, target: PathTarget, functions: readonly WindowFunc[], winclause: WindowClause, startupTuples: number, topwindow: boolean,
): Path {
  const cost = costWindowAgg(root, functions, winclause.partitionClause.length, winclause.orderClause.length, subpath, startupTuples);
  return {
    ...above(rel, subpath, target), kind: 'windowagg', subpath, winclause, topwindow, startupCost: cost.startup + target.cost.startup,
    totalCost: cost.total + target.cost.startup + target.cost.perTuple * subpath.rows,
  };
}

/** LIMIT/OFFSET; counts as of adjustLimitCosts. */
export function createLimit(rel: RelOptInfo, subpath: Path, limitOffset: Expr | null, limitCount: Expr | null, withTies: boolean, offset: number, count: number): LimitPath {
  const path: LimitPath = { ...above(rel, subpath), kind: 'limit', subpath, limitOffset, limitCount, withTies };
  adjustLimitCosts(path, offset, count);
  return path;
}

/** Children one after the other. */
export function createAppend(root: PlannerInfo, rel: RelOptInfo, subpaths: Path[], pathkeys: readonly PathKey[] = [], outer: Relids = NO_RELS): AppendPath {
  const path: AppendPath = { ...pathBase(rel, rel.reltarget, appendParamInfo(rel, outer), pathkeys), kind: 'append', subpaths, rows: 0 };
  if (subpaths.length === 0) return path;
  path.startupCost = subpaths[0].startupCost;
  for (const subpath of subpaths) {
    path.rows += subpath.rows;
    path.totalCost += subpath.totalCost;
    path.disabledNodes += subpath.disabledNodes;
  }
  if (subpaths.length === 1) {
    path.pathkeys = subpaths[0].pathkeys;
    return path;
  }
  path.totalCost += settingsOf(root).cpuTupleCost * 0.5 * path.rows;
  return path;
}

/** Children merged in order; unsorted ones are sorted first. */
export function createMergeAppend(root: PlannerInfo, rel: RelOptInfo, subpaths: Path[], pathkeys: readonly PathKey[], outer: Relids = NO_RELS): MergeAppendPath {
  const settings = settingsOf(root);
  let startup = 0;
  let total = 0;
  let rows = 0;
  let disabled = 0;
  for (const subpath of subpaths) {
    rows += subpath.rows;
    if (pathkeysContained(pathkeys, subpath.pathkeys)) {
      startup += subpath.startupCost;
      total += subpath.totalCost;
      disabled += subpath.disabledNodes;
    } else {
      const cost = costSort(root, subpath, subpath.rows, subpath.target.width, -1);
      startup += cost.startup;
      total += cost.total;
      disabled += cost.disabled;
    }
  }
  const streams = Math.max(subpaths.length, 2);
  const log = Math.log2(streams);
  const comparison = 2 * settings.cpuOperatorCost;
  const own = comparison * streams * log;
  const run = rows * comparison * log + settings.cpuTupleCost * 0.5 * rows;
  const only = subpaths.length === 1;
  return {
    ...pathBase(rel, rel.reltarget, appendParamInfo(rel, outer), pathkeys), kind: 'mergeappend', subpaths, rows,
    startupCost: startup + (only ? 0 : own), totalCost: total + (only ? 0 : own + run), disabledNodes: disabled,
  };
}

/** A relation proven empty: an Append without children. */
export function createDummy(rel: RelOptInfo): AppendPath {
  return { ...pathBase(rel, rel.reltarget), kind: 'append', subpaths: [], rows: 0 };
}

/** Turns a relation into a dummy. */
export function markDummy(rel: RelOptInfo): void {
  if (isDummy(rel)) return;
  rel.rows = 0;
  rel.pathlist = [];
  rel.dummy = true;
  addPath(rel, createDummy(rel));
  setCheapest(rel);
}

/** True when the relation is proven empty. */
export function isDummy(rel: RelOptInfo): boolean {
  if (rel.dummy) return true;
  if (rel.pathlist.length !== 1) return false;
  let path: Path = rel.pathlist[0];
  while (path.kind === 'projection' || path.kind === 'projectset') path = path.subpath;
  return path.kind === 'append' && path.subpaths.length === 0;
}

/** True for sets of two relations or more. */
export function isJoinRelids(relids: Relids): boolean {
  return isMultiple(relids) && relids !== relidsOf(0);
}
