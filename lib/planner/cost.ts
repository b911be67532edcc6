/**
 * Cost formulas of scans, sorts, grouping and other single-input nodes (costsize.c), in PostgreSQL's units. Functions
 * return or set startup and total cost; input costs are read from the sub-paths given.
 */
import type { Expr, WindowFunc } from '../analyzer/nodes.js';
import {
  BLOCK_SIZE, catalogOf, clampRows, costQualEval, exprCost, hashMemoryLimit, relationByteSize, settingsOf,
} from './cost-qual.js';
import type {
  AggPath, BitmapAndOrPath, BitmapHeapPath, IndexPath, ParamPathInfo, Path, PathKey, PlannerInfo, QualCost, RelOptInfo, RestrictInfo,
} from './path-nodes.js';
import { members } from './relids.js';
import { DEFAULT_NUM_DISTINCT, clauseListSelectivity, estimateNumGroups } from './selectivity.js';
import { pullVarnos } from './clauses.js';

/** Startup and total cost. */
export interface CostPair { startup: number; total: number; disabled: number }

/** Cost of a relation's restriction clauses plus those of a parameterised path. */
export function restrictionQualCost(root: PlannerInfo, rel: RelOptInfo, param: ParamPathInfo | null): QualCost {
  if (!param) return rel.baserestrictcost;
  const extra = costQualEval(root, param.clauses);
  return { startup: extra.startup + rel.baserestrictcost.startup, perTuple: extra.perTuple + rel.baserestrictcost.perTuple };
}

function setCosts(path: Path, startup: number, total: number, disabled: number): void {
  path.startupCost = startup;
  path.totalCost = total;
  path.disabledNodes = disabled;
}

/** Sequential and sample scans. */
export function costSeqscan(root: PlannerInfo, path: Path): void {
  const settings = settingsOf(root);
  const rel = path.parent;
  path.rows = path.param ? path.param.rows : rel.rows;
  const qual = restrictionQualCost(root, rel, path.param);
  const sampled = rel.rte?.rtekind === 'relation' && rel.rte.tablesample;
  const startup = qual.startup + path.target.cost.startup;
  const run = settings.seqPageCost * rel.pages + (settings.cpuTupleCost + qual.perTuple) * rel.tuples + path.target.cost.perTuple * path.rows;
  setCosts(path, startup, startup + run, settings.enableSeqscan || sampled ? 0 : 1);
}

/** Scans whose rows come from memory or functions: cpu_tuple_cost plus `perRow` each. */
export function costSimpleScan(root: PlannerInfo, path: Path, startup: number, perRow: number): void {
  const settings = settingsOf(root);
  const rel = path.parent;
  path.rows = path.param ? path.param.rows : rel.rows;
  const qual = restrictionQualCost(root, rel, path.param);
  const start = startup + qual.startup + path.target.cost.startup;
  const run = (settings.cpuTupleCost + perRow + qual.perTuple) * rel.tuples + path.target.cost.perTuple * path.rows;
  setCosts(path, start, start + run, 0);
}

/** Subquery scans: the subpath's cost plus a trifle per row; nothing extra when it will be removed as trivial. */
export function costSubqueryScan(root: PlannerInfo, path: Extract<Path, { kind: 'subqueryscan' }>, trivialTlist: boolean): void {
  const settings = settingsOf(root);
  const quals = [...path.parent.baserestrictinfo, ...(path.param?.clauses ?? [])];
  path.rows = clampRows(path.subpath.rows * clauseListSelectivity(root, quals, 0, 'inner', null));
  if (quals.length === 0 && trivialTlist) {
    setCosts(path, path.subpath.startupCost, path.subpath.totalCost, path.subpath.disabledNodes);
    return;
  }
  const qual = restrictionQualCost(root, path.parent, path.param);
  const startup = path.subpath.startupCost + qual.startup + path.target.cost.startup;
  const run = path.subpath.totalCost - path.subpath.startupCost
    + (settings.cpuTupleCost + qual.perTuple) * path.subpath.rows + path.target.cost.perTuple * path.rows;
  setCosts(path, startup, startup + run, path.subpath.disabledNodes);
}

/** Pages read when fetching tuples through an index, by Mackert and Lohman's formula. */
export function indexPagesFetched(root: PlannerInfo, tuplesFetched: number, pages: number, indexPages: number): number {
  const T = Math.max(pages, 1);
  let tablePages = 0;
  for (const rti of members(root.allBaserels)) tablePages += root.simpleRels[rti]?.pages ?? 0;
  const total = Math.max(tablePages + indexPages, T, 1);
  let b = (settingsOf(root).effectiveCacheSize * T) / total;
  b = b <= 1 ? 1 : Math.ceil(b);
  if (T <= b) {
    const fetched = (2 * T * tuplesFetched) / (2 * T + tuplesFetched);
    return fetched >= T ? T : Math.ceil(fetched);
  }
  const limit = (2 * T * b) / (2 * T - b);
  const fetched = tuplesFetched <= limit
    ? (2 * T * tuplesFetched) / (2 * T + tuplesFetched) : b + ((tuplesFetched - limit) * (T - b)) / T;
  return Math.ceil(fetched);
}

/** What the access method estimates for an index scan. */
export interface IndexCost { startup: number; total: number; selectivity: number; correlation: number; pages: number }

/** Index and index-only scans; `am` is the access method's estimate, `qpquals` the conditions left to check on each row. */
export function costIndex(root: PlannerInfo, path: IndexPath, loopCount: number, am: IndexCost, qpquals: readonly RestrictInfo[]): void {
  const settings = settingsOf(root);
  const rel = path.index.rel;
  path.rows = path.param ? path.param.rows : rel.rows;
  path.indexTotalCost = am.total;
  path.indexSelectivity = am.selectivity;
  const tuplesFetched = clampRows(am.selectivity * rel.tuples);
  const visible = (pages: number): number => (path.indexOnly ? Math.ceil(pages * (1 - rel.allvisfrac)) : pages);
  let maxIo: number;
  let minIo: number;
  if (loopCount > 1) {
    maxIo = (visible(indexPagesFetched(root, tuplesFetched * loopCount, rel.pages, path.index.pages)) * settings.randomPageCost) / loopCount;
    const correlated = Math.ceil(am.selectivity * rel.pages);
    minIo = (visible(indexPagesFetched(root, correlated * loopCount, rel.pages, path.index.pages)) * settings.randomPageCost) / loopCount;
  } else {
    maxIo = visible(indexPagesFetched(root, tuplesFetched, rel.pages, path.index.pages)) * settings.randomPageCost;
    const correlated = visible(Math.ceil(am.selectivity * rel.pages));
    minIo = correlated > 0 ? settings.randomPageCost + (correlated - 1) * settings.seqPageCost : 0;
  }
  const qual = costQualEval(root, qpquals);
  const startup = am.startup + qual.startup + path.target.cost.startup;
  const run = am.total - am.startup + maxIo + am.correlation * am.correlation * (minIo - maxIo)
    + (settings.cpuTupleCost + qual.perTuple) * tuplesFetched + path.target.cost.perTuple * path.rows;
  setCosts(path, startup, startup + run, settings.enableIndexscan ? 0 : 1);
}

/** Total cost and selectivity of a node of a bitmap tree. */
export function bitmapTreeCost(root: PlannerInfo, path: Path): { cost: number; selectivity: number; pages: number } {
  if (path.kind === 'index') {
    return { cost: path.indexTotalCost + 0.1 * settingsOf(root).cpuOperatorCost * path.rows, selectivity: path.indexSelectivity, pages: path.index.pages };
  }
  if (path.kind === 'bitmapand' || path.kind === 'bitmapor') {
    const pages = path.inputs.reduce((sum, input) => sum + bitmapTreeCost(root, input).pages, 0);
    return { cost: path.totalCost, selectivity: path.selectivity, pages };
  }
  return { cost: 0, selectivity: 1, pages: 0 };
}

/** BitmapAnd and BitmapOr: inputs' costs and combined selectivity. */
export function costBitmapAndOr(root: PlannerInfo, path: BitmapAndOrPath): void {
  const operator = settingsOf(root).cpuOperatorCost;
  let total = 0;
  let selectivity = path.kind === 'bitmapand' ? 1 : 0;
  path.inputs.forEach((input, i) => {
    const one = bitmapTreeCost(root, input);
    if (path.kind === 'bitmapand') selectivity *= one.selectivity;
    else selectivity += one.selectivity;
    total += one.cost;
    if (i > 0 && (path.kind === 'bitmapand' || input.kind !== 'index')) total += 100 * operator;
  });
  path.selectivity = Math.min(selectivity, 1);
  path.rows = 0;
  setCosts(path, total, total, 0);
}

/** Pages and tuples that a bitmap heap scan visits. */
export function bitmapPages(root: PlannerInfo, rel: RelOptInfo, bitmap: Path, loopCount: number): { pages: number; tuples: number; cost: number } {
  const tree = bitmapTreeCost(root, bitmap);
  const tuples = clampRows(tree.selectivity * rel.tuples);
  const T = Math.max(rel.pages, 1);
  let pages = (2 * T * tuples) / (2 * T + tuples);
  if (loopCount > 1) pages = indexPagesFetched(root, tuples * loopCount, rel.pages, tree.pages) / loopCount;
  pages = pages >= T ? T : Math.ceil(pages);
  return { pages, tuples, cost: tree.cost };
}

/** Bitmap heap scans. */
export function costBitmapHeap(root: PlannerInfo, path: BitmapHeapPath, loopCount: number): void {
  const settings = settingsOf(root);
  const rel = path.parent;
  path.rows = path.param ? path.param.rows : rel.rows;
  const { pages, tuples, cost } = bitmapPages(root, rel, path.bitmap, loopCount);
  const T = Math.max(rel.pages, 1);
  const perPage = pages >= 2
    ? settings.randomPageCost - (settings.randomPageCost - settings.seqPageCost) * Math.sqrt(pages / T) : settings.randomPageCost;
  const qual = restrictionQualCost(root, rel, path.param);
  const startup = cost + qual.startup + path.target.cost.startup;
  const run = pages * perPage + (settings.cpuTupleCost + qual.perTuple) * tuples + path.target.cost.perTuple * path.rows;
  setCosts(path, startup, startup + run, settings.enableBitmapscan ? 0 : 1);
}

/** Tid scans; `isCurrentOf` must win over everything else. */
export function costTidscan(root: PlannerInfo, path: Extract<Path, { kind: 'tid' }>, tuples: number, isCurrentOf: boolean): void {
  const settings = settingsOf(root);
  path.rows = path.param ? path.param.rows : path.parent.rows;
  const qual = restrictionQualCost(root, path.parent, path.param);
  const tid = costQualEval(root, path.tidquals);
  const startup = qual.startup + tid.perTuple + path.target.cost.startup;
  const run = settings.randomPageCost * tuples + (settings.cpuTupleCost + qual.perTuple - tid.perTuple) * tuples + path.target.cost.perTuple * path.rows;
  setCosts(path, startup, startup + run, settings.enableTidscan || isCurrentOf ? 0 : 1);
}

const LOG2 = Math.log(2);

/** tuplesort's cost: startup (sorting) and run (returning). */
export function tuplesortCost(root: PlannerInfo, inputTuples: number, width: number, comparison: number, limitTuples: number): { startup: number; run: number } {
  const settings = settingsOf(root);
  const inputBytes = relationByteSize(inputTuples, width);
  const memory = settings.workMem * 1024;
  const tuples = Math.max(inputTuples, 2);
  const compare = comparison + 2 * settings.cpuOperatorCost;
  let outputTuples = tuples;
  let outputBytes = inputBytes;
  if (limitTuples > 0 && limitTuples < tuples) {
    outputTuples = limitTuples;
    outputBytes = relationByteSize(outputTuples, width);
  }
  let startup: number;
  if (outputBytes > memory) {
    const pages = Math.ceil(inputBytes / BLOCK_SIZE);
    const runs = inputBytes / memory;
    const mergeOrder = Math.min(Math.max(Math.trunc(memory / (2 * BLOCK_SIZE + BLOCK_SIZE * 32)), 6), 500);
    startup = (compare * tuples * Math.log(tuples)) / LOG2;
    const logRuns = runs > mergeOrder ? Math.ceil(Math.log(runs) / Math.log(mergeOrder)) : 1;
    startup += 2 * pages * logRuns * (settings.seqPageCost * 0.75 + settings.randomPageCost * 0.25);
  } else if (tuples > 2 * outputTuples || inputBytes > memory) {
    startup = (compare * tuples * Math.log(2 * outputTuples)) / LOG2;
  } else {
    startup = (compare * tuples * Math.log(tuples)) / LOG2;
  }
  return { startup, run: settings.cpuOperatorCost * tuples };
}

/** A full sort of an input with the given total cost. */
export function costSort(root: PlannerInfo, input: { totalCost: number; disabledNodes: number }, tuples: number, width: number, limitTuples: number): CostPair {
  const sort = tuplesortCost(root, tuples, width, 0, limitTuples);
  const startup = sort.startup + input.totalCost;
  return { startup, total: startup + sort.run, disabled: input.disabledNodes + (settingsOf(root).enableSort ? 0 : 1) };
}

/** An incremental sort of input presorted on the first `presorted` keys. */
export function costIncrementalSort(
  root: PlannerInfo, pathkeys: readonly PathKey[], presorted: number, input: { startupCost: number; totalCost: number; disabledNodes: number },
  inputRows: number, width: number, limitTuples: number,
): CostPair {
  const settings = settingsOf(root);
  const tuples = Math.max(inputRows, 2);
  let groups = Math.min(tuples, DEFAULT_NUM_DISTINCT);
  const exprs: Expr[] = [];
  let known = true;
  for (const key of pathkeys.slice(0, presorted)) {
    const expr = key.ec.members[0].expr;
    if (pullVarnos(root, expr) & 1n) known = false;
    exprs.push(expr);
  }
  if (known) groups = estimateNumGroups(root, exprs, tuples).groups;
  const groupTuples = tuples / groups;
  const inputRun = (input.totalCost - input.startupCost) / groups;
  const group = tuplesortCost(root, groupTuples, width, 0, limitTuples);
  const startup = group.startup + input.startupCost + inputRun;
  let run = group.run + (group.run + group.startup) * (groups - 1) + inputRun * (groups - 1);
  run += settings.cpuTupleCost * tuples + 2 * settings.cpuTupleCost * groups;
  return { startup, total: startup + run, disabled: input.disabledNodes };
}

/** Keeping the input's rows. */
export function costMaterial(root: PlannerInfo, input: { startupCost: number; totalCost: number; disabledNodes: number }, tuples: number, width: number): CostPair {
  const settings = settingsOf(root);
  let run = input.totalCost - input.startupCost + 2 * settings.cpuOperatorCost * tuples;
  const bytes = relationByteSize(tuples, width);
  if (bytes > settings.workMem * 1024) run += settings.seqPageCost * Math.ceil(bytes / BLOCK_SIZE);
  return { startup: input.startupCost, total: input.startupCost + run, disabled: input.disabledNodes + (settings.enableMaterial ? 0 : 1) };
}

/** Per-row and final costs of the aggregates of a query. */
export interface AggCosts { transStartup: number; transPerTuple: number; finalStartup: number; finalPerTuple: number; space: number; count: number }

/** Costs without any aggregate (plain grouping). */
export const NO_AGG_COSTS: AggCosts = { transStartup: 0, transPerTuple: 0, finalStartup: 0, finalPerTuple: 0, space: 0, count: 0 };

/** Grouping and aggregation by the given strategy; sets the path's rows. */
export function costAgg(
  root: PlannerInfo, path: { rows: number }, strategy: AggPath['strategy'], aggCosts: AggCosts, groupColumns: number, groups: number,
  quals: readonly Expr[], input: { startupCost: number; totalCost: number; disabledNodes: number; rows: number }, inputWidth: number,
): CostPair {
  const settings = settingsOf(root);
  let disabled = input.disabledNodes;
  let startup: number;
  let total: number;
  let rows = groups;
  const grouping = settings.cpuOperatorCost * groupColumns * input.rows;
  const trans = aggCosts.transStartup + aggCosts.transPerTuple * input.rows;
  if (strategy === 'plain') {
    startup = input.totalCost + trans + aggCosts.finalStartup + aggCosts.finalPerTuple;
    total = startup + settings.cpuTupleCost;
    rows = 1;
  } else if (strategy === 'sorted' || strategy === 'mixed') {
    if (strategy === 'mixed' && !settings.enableHashagg) disabled++;
    startup = input.startupCost;
    total = input.totalCost + trans + grouping + aggCosts.finalStartup + aggCosts.finalPerTuple * groups + settings.cpuTupleCost * groups;
  } else {
    if (!settings.enableHashagg) disabled++;
    startup = input.totalCost + trans + grouping + aggCosts.finalStartup;
    total = startup + aggCosts.finalPerTuple * groups + settings.cpuTupleCost * groups;
  }
  if (strategy === 'hashed' || strategy === 'mixed') {
    const spill = hashSpill(root, aggCosts, groups, input.rows, inputWidth);
    startup += spill.startup;
    total += spill.total;
  }
  if (quals.length > 0) {
    const qual = costQualEval(root, quals);
    startup += qual.startup;
    total += qual.startup + rows * qual.perTuple;
    rows = clampRows(rows * clauseListSelectivity(root, quals, 0, 'inner', null));
  }
  path.rows = rows;
  return { startup, total, disabled };
}

/** Bytes of one hash table entry of an aggregation. */
export function hashAggEntrySize(transitions: number, width: number, space: number): number {
  const tuple = Math.ceil((16 + width) / 8) * 8 + 16;
  return 32 + tuple + transitions * 16 + space;
}

function hashSpill(root: PlannerInfo, aggCosts: AggCosts, groups: number, rows: number, width: number): { startup: number; total: number } {
  const settings = settingsOf(root);
  const entry = hashAggEntrySize(aggCosts.count, width, aggCosts.space);
  const memory = hashMemoryLimit(root);
  if (groups * entry < memory) return { startup: 0, total: 0 };
  let partitions = Math.trunc(1 + (1.5 * entry * groups) / memory);
  partitions = Math.min(Math.max(partitions, 4), 1024);
  const limit = memory - Math.min(partitions * BLOCK_SIZE, memory / 4);
  const batches = Math.max(Math.ceil(Math.max((groups * entry) / limit, groups / Math.max(limit / entry, 1))), 1);
  const depth = Math.ceil(Math.log(batches) / Math.log(Math.max(partitions, 2)));
  const pages = (relationByteSize(rows, width) / BLOCK_SIZE) * depth * 2;
  const cpu = depth * rows * 2 * settings.cpuTupleCost;
  return { startup: pages * settings.randomPageCost + cpu, total: pages * (settings.randomPageCost + settings.seqPageCost) + cpu };
}

/** Grouping without aggregates over sorted input. */
export function costGroup(root: PlannerInfo, path: { rows: number }, columns: number, groups: number, quals: readonly Expr[], input: Path): CostPair {
  const settings = settingsOf(root);
  let startup = input.startupCost;
  let total = input.totalCost + settings.cpuOperatorCost * input.rows * columns;
  let rows = groups;
  if (quals.length > 0) {
    const qual = costQualEval(root, quals);
    startup += qual.startup;
    total += qual.startup + rows * qual.perTuple;
    rows = clampRows(rows * clauseListSelectivity(root, quals, 0, 'inner', null));
  }
  path.rows = rows;
  return { startup, total, disabled: input.disabledNodes };
}

/** One window clause over its functions; `startupTuples` rows must be read before the first comes out. */
export function costWindowAgg(
  root: PlannerInfo, functions: readonly WindowFunc[], partitionColumns: number, orderColumns: number, input: Path, startupTuples: number,
): CostPair {
  const settings = settingsOf(root);
  let startup = input.startupCost;
  let total = input.totalCost;
  for (const fn of functions) {
    let perRow = (catalogOf(root).proc(fn.winfnoid)?.procost ?? 1) * settings.cpuOperatorCost;
    for (const arg of [...fn.args, ...(fn.aggfilter ? [fn.aggfilter] : [])]) {
      const cost = exprCost(root, arg);
      startup += cost.startup;
      perRow += cost.perTuple;
    }
    total += perRow * input.rows;
  }
  total += settings.cpuOperatorCost * (partitionColumns + orderColumns) * input.rows + settings.cpuTupleCost * input.rows;
  let first = startup;
  if (startupTuples > 1) first += ((total - startup) / input.rows) * (startupTuples - 1);
  return { startup: first, total, disabled: input.disabledNodes };
}

/** LIMIT/OFFSET: the fraction of the input that is read (adjust_limit_rows_costs). 0 = none, negative = unknown. */
export function adjustLimitCosts(path: { rows: number; startupCost: number; totalCost: number }, offset: number, count: number): void {
  const inputRows = path.rows;
  const inputStartup = path.startupCost;
  const inputTotal = path.totalCost;
  if (offset !== 0) {
    const offsetRows = Math.min(offset > 0 ? offset : clampRows(inputRows * 0.1), path.rows);
    if (inputRows > 0) path.startupCost += ((inputTotal - inputStartup) * offsetRows) / inputRows;
    path.rows = Math.max(path.rows - offsetRows, 1);
  }
  if (count !== 0) {
    const countRows = Math.min(count > 0 ? count : clampRows(inputRows * 0.1), path.rows);
    if (inputRows > 0) path.totalCost = path.startupCost + ((inputTotal - inputStartup) * countRows) / inputRows;
    path.rows = Math.max(countRows, 1);
  }
}
