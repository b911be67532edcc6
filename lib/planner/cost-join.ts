/**
 * Costs of nested loops, merge joins and hash joins (costsize.c).
 */
import { costSort } from './cost.js';
import { BLOCK_SIZE, clampRows, costQualEval, exprWidth, hashMemoryLimit, pageSize, relationByteSize, roundHalfEven, settingsOf } from './cost-qual.js';
import type { HashJoinPath, JoinPath, MemoizePath, MergeJoinPath, NestLoopPath, Path, PlannerInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import { overlaps, isSubset, type Relids } from './relids.js';
import { clauseSelectivity, estimateNumGroups } from './selectivity.js';
import { hashBucketStats, mergeScanFractions } from './selectivity-join.js';

/** What all paths of one join have in common. */
export interface JoinExtra {
  readonly restrictions: readonly RestrictInfo[];
  readonly sjinfo: SpecialJoinInfo;
  innerUnique: boolean;
  semifactors: { outerMatchFraction: number; matchCount: number } | null;
  paramSourceRels: Relids;
}

/** Cost of running a path again (cost_rescan). */
function rescanCost(root: PlannerInfo, path: Path): { startup: number; total: number } {
  const settings = settingsOf(root);
  const spill = (bytes: number): number => (bytes > settings.workMem * 1024 ? settings.seqPageCost * Math.ceil(bytes / BLOCK_SIZE) : 0);
  switch (path.kind) {
    case 'functionscan': return { startup: 0, total: path.totalCost - path.startupCost };
    case 'hashjoin':
      return path.batches === 1 ? { startup: 0, total: path.totalCost - path.startupCost } : { startup: path.startupCost, total: path.totalCost };
    case 'ctescan': case 'worktablescan':
      return { startup: 0, total: settings.cpuTupleCost * path.rows + spill(relationByteSize(path.rows, path.target.width)) };
    case 'material': case 'sort':
      return { startup: 0, total: settings.cpuOperatorCost * path.rows + spill(relationByteSize(path.rows, path.target.width)) };
    case 'memoize': return memoizeRescan(root, path);
    default: return { startup: path.startupCost, total: path.totalCost };
  }
}

function memoizeRescan(root: PlannerInfo, path: MemoizePath): { startup: number; total: number } {
  const settings = settingsOf(root);
  const subpath = path.subpath;
  let entryBytes = relationByteSize(subpath.rows, subpath.target.width) + 40 + 16 + 24 + 16 * subpath.rows;
  for (const expr of path.paramExprs) entryBytes += exprWidth(root, expr);
  const cacheEntries = Math.floor(hashMemoryLimit(root) / entryBytes);
  const estimate = estimateNumGroups(root, path.paramExprs, path.calls);
  const distinct = estimate.usedDefault ? path.calls : estimate.groups;
  path.estEntries = Math.min(distinct, cacheEntries);
  const evict = 1 - Math.min(cacheEntries, distinct) / distinct;
  const hit = ((path.calls - distinct) / path.calls) * (cacheEntries / Math.max(distinct, cacheEntries));
  let total = subpath.totalCost * (1 - hit) + settings.cpuOperatorCost;
  total += settings.cpuTupleCost * evict + (settings.cpuOperatorCost / 10) * evict * subpath.rows;
  total += settings.cpuTupleCost + settings.cpuOperatorCost * subpath.rows;
  return { startup: subpath.startupCost * (1 - hit) + settings.cpuTupleCost, total };
}

/** Nested loop. */
export function costNestLoop(root: PlannerInfo, path: NestLoopPath, extra: JoinExtra): void {
  const settings = settingsOf(root);
  const { outer, inner } = path;
  const rescan = rescanCost(root, inner);
  let startup = outer.startupCost + inner.startupCost;
  let run = outer.totalCost - outer.startupCost;
  if (outer.rows > 1) run += (outer.rows - 1) * rescan.startup;
  const innerRun = inner.totalCost - inner.startupCost;
  const rescanRun = rescan.total - rescan.startup;
  const outerRows = Math.max(outer.rows, 1);
  const innerRows = Math.max(inner.rows, 1);
  let tuples: number;
  if ((path.jointype === 'semi' || path.jointype === 'anti' || extra.innerUnique) && extra.semifactors) {
    let matched = roundHalfEven(outerRows * extra.semifactors.outerMatchFraction);
    let unmatched = outerRows - matched;
    const scanFraction = 2 / (extra.semifactors.matchCount + 1);
    tuples = matched * innerRows * scanFraction;
    if (hasIndexedJoinQuals(path)) {
      run += innerRun * scanFraction;
      if (matched > 1) run += (matched - 1) * rescanRun * scanFraction;
      run += (unmatched * rescanRun) / innerRows;
    } else {
      tuples += unmatched * innerRows;
      run += innerRun;
      if (unmatched >= 1) unmatched -= 1;
      else matched -= 1;
      if (matched > 0) run += matched * rescanRun * scanFraction;
      if (unmatched > 0) run += unmatched * rescanRun;
    }
  } else {
    run += innerRun;
    if (outer.rows > 1) run += (outer.rows - 1) * rescanRun;
    tuples = outerRows * innerRows;
  }
  const qual = costQualEval(root, path.joinrestrictinfo);
  startup += qual.startup + path.target.cost.startup;
  run += (settings.cpuTupleCost + qual.perTuple) * tuples + path.target.cost.perTuple * path.rows;
  path.startupCost = startup;
  path.totalCost = startup + run;
  path.disabledNodes = outer.disabledNodes + inner.disabledNodes + (settings.enableNestloop ? 0 : 1);
}

/** True when the inner index scan enforces all join quals (then unmatched outer rows are cheap). */
function hasIndexedJoinQuals(path: NestLoopPath): boolean {
  if (path.joinrestrictinfo.length > 0) return false;
  let inner: Path = path.inner;
  if (inner.kind === 'memoize') inner = inner.subpath;
  if (!inner.param) return false;
  let clauses: readonly { rinfo: RestrictInfo }[];
  if (inner.kind === 'index') clauses = inner.clauses;
  else if (inner.kind === 'bitmapheap' && inner.bitmap.kind === 'index') clauses = inner.bitmap.clauses;
  else return false;
  let found = false;
  for (const rinfo of inner.param.clauses) {
    if (!overlaps(rinfo.clauseRelids, path.outer.parent.relids)) continue;
    if (!clauses.some((clause) => clause.rinfo === rinfo)) return false;
    found = true;
  }
  return found;
}

/** Rows that pass some of the join clauses, before the others (approx_tuple_count). */
function approximateTuples(root: PlannerInfo, path: JoinPath, quals: readonly RestrictInfo[]): number {
  let selectivity = 1;
  const { outer, inner } = path;
  const sjinfo: SpecialJoinInfo = {
    minLeft: outer.parent.relids, minRight: inner.parent.relids, synLeft: outer.parent.relids, synRight: inner.parent.relids, jointype: 'inner',
    lhsStrict: false, delayUpperJoins: false, semiCanBtree: false, semiCanHash: false, semiOperators: [], semiRhsExprs: [],
  };
  for (const qual of quals) selectivity *= clauseSelectivity(root, qual, 0, 'inner', sjinfo);
  return clampRows(selectivity * outer.rows * inner.rows);
}

/** Merge join; decides on materialising the inner side. */
export function costMergeJoin(root: PlannerInfo, path: MergeJoinPath, extra: JoinExtra): void {
  const settings = settingsOf(root);
  const { outer, inner } = path;
  const outerPathRows = Math.max(outer.rows, 1);
  const innerPathRows = Math.max(inner.rows, 1);
  const fractions = scanFractions(root, path);
  const outerSkip = roundHalfEven(outerPathRows * fractions.outerStart);
  const innerSkip = roundHalfEven(innerPathRows * fractions.innerStart);
  const outerRows = clampRows(outerPathRows * fractions.outerEnd);
  const innerRows = clampRows(innerPathRows * fractions.innerEnd);
  const [outerStart, outerEnd] = [outerSkip / outerPathRows, outerRows / outerPathRows];
  const [innerStart, innerEnd] = [innerSkip / innerPathRows, innerRows / innerPathRows];
  const source = (input: Path, sorted: boolean): { startup: number; total: number; disabled: number } => (sorted
    ? costSort(root, input, input.rows, input.target.width, -1) : { startup: input.startupCost, total: input.totalCost, disabled: input.disabledNodes });
  const outerCost = source(outer, path.outersortkeys !== null);
  const innerCost = source(inner, path.innersortkeys !== null);
  let startup = outerCost.startup + (outerCost.total - outerCost.startup) * outerStart + innerCost.startup + (innerCost.total - innerCost.startup) * innerStart;
  let run = (outerCost.total - outerCost.startup) * (outerEnd - outerStart);
  const innerRun = (innerCost.total - innerCost.startup) * (innerEnd - innerStart);
  const mergeQual = costQualEval(root, path.mergeclauses);
  const allQual = costQualEval(root, path.joinrestrictinfo);
  const semiLike = path.jointype === 'semi' || path.jointype === 'anti' || extra.innerUnique;
  path.skipMarkRestore = semiLike && path.joinrestrictinfo.length === path.mergeclauses.length;
  const mergeTuples = approximateTuples(root, path, path.mergeclauses);
  const rescanned = outer.kind === 'uniquejoin' || path.skipMarkRestore ? 0 : Math.max(mergeTuples - innerPathRows, 0);
  const ratio = 1 + rescanned / innerRows;
  const bare = innerRun * ratio;
  const materialized = innerRun + settings.cpuOperatorCost * innerRows * ratio;
  if (path.skipMarkRestore) path.materializeInner = false;
  else if (settings.enableMaterial && materialized < bare) path.materializeInner = true;
  else if (path.innersortkeys === null && !supportsMarkRestore(inner)) path.materializeInner = true;
  else path.materializeInner = settings.enableMaterial && path.innersortkeys !== null && relationByteSize(innerPathRows, inner.target.width) > settings.workMem * 1024;
  run += path.materializeInner ? materialized : bare;
  startup += mergeQual.startup + mergeQual.perTuple * (outerSkip + innerSkip * ratio);
  run += mergeQual.perTuple * (outerRows - outerSkip + (innerRows - innerSkip) * ratio);
  startup += allQual.startup - mergeQual.startup + path.target.cost.startup;
  run += (settings.cpuTupleCost + allQual.perTuple - mergeQual.perTuple) * mergeTuples + path.target.cost.perTuple * path.rows;
  path.startupCost = startup;
  path.totalCost = startup + run;
  path.disabledNodes = outerCost.disabled + innerCost.disabled + (settings.enableMergejoin ? 0 : 1);
}

function supportsMarkRestore(path: Path): boolean {
  return path.kind === 'index' || path.kind === 'material' || path.kind === 'sort' || (path.kind === 'projection' && path.dummy && supportsMarkRestore(path.subpath));
}

function scanFractions(root: PlannerInfo, path: MergeJoinPath): { outerStart: number; outerEnd: number; innerStart: number; innerEnd: number } {
  const all = { outerStart: 0, outerEnd: 1, innerStart: 0, innerEnd: 1 };
  if (path.mergeclauses.length === 0 || path.jointype === 'full') return all;
  const first = path.mergeclauses[0];
  const key = (path.outersortkeys ?? path.outer.pathkeys)[0];
  if (!key) return all;
  const scan = mergeScanFractions(root, first, key);
  const leftIsOuter = isSubset(first.leftRelids, path.outer.parent.relids);
  const result = leftIsOuter
    ? { outerStart: scan.leftStart, outerEnd: scan.leftEnd, innerStart: scan.rightStart, innerEnd: scan.rightEnd }
    : { outerStart: scan.rightStart, outerEnd: scan.rightEnd, innerStart: scan.leftStart, innerEnd: scan.leftEnd };
  if (path.jointype === 'left' || path.jointype === 'anti') return { ...result, outerStart: 0, outerEnd: 1 };
  if (path.jointype === 'right' || path.jointype === 'rightAnti') return { ...result, innerStart: 0, innerEnd: 1 };
  return result;
}

/** Buckets and batches of a hash table (ExecChooseHashTableSize). */
export function hashTableSize(root: PlannerInfo, tuples: number, width: number): { buckets: number; batches: number } {
  const rows = tuples <= 0 ? 1000 : tuples;
  const tupleSize = 16 + Math.ceil(width / 8) * 8 + 16;
  const bytes = rows * tupleSize;
  const space = hashMemoryLimit(root);
  const maxPointers = 2 ** Math.floor(Math.log2(space / 8));
  const ceilPow2 = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(value, 1)));
  let buckets = Math.min(Math.max(ceilPow2(rows), 1024), maxPointers);
  let batches = 1;
  if (bytes + buckets * 8 > space) {
    const bucketBytes = ceilPow2(tupleSize + 8);
    buckets = Math.min(ceilPow2(space / bucketBytes), maxPointers);
    const memory = Math.min(buckets * 8, space / 2);
    batches = Math.max(ceilPow2(Math.ceil(bytes / (space - memory))), 2);
  }
  return { buckets, batches };
}

/** Hash join: the inner side is hashed. */
export function costHashJoin(root: PlannerInfo, path: HashJoinPath, extra: JoinExtra): void {
  const settings = settingsOf(root);
  const { outer, inner } = path;
  const keys = path.hashclauses.length;
  let startup = outer.startupCost + inner.totalCost + (settings.cpuOperatorCost * keys + settings.cpuTupleCost) * inner.rows;
  let run = outer.totalCost - outer.startupCost + settings.cpuOperatorCost * keys * outer.rows;
  const { buckets, batches } = hashTableSize(root, inner.rows, inner.target.width);
  path.batches = batches;
  if (batches > 1) {
    const outerPages = pageSize(outer.rows, outer.target.width);
    const innerPages = pageSize(inner.rows, inner.target.width);
    startup += settings.seqPageCost * innerPages;
    run += settings.seqPageCost * (innerPages + 2 * outerPages);
  }
  const virtualBuckets = buckets * batches;
  let bucketSize = 1;
  let mcv = 1;
  if (inner.kind === 'uniquejoin') {
    bucketSize = 1 / virtualBuckets;
    mcv = 0;
  } else {
    for (const rinfo of path.hashclauses) {
      if (rinfo.clause.node !== 'OpExpr') continue;
      const key = isSubset(rinfo.rightRelids, inner.parent.relids) ? rinfo.clause.args[1] : rinfo.clause.args[0];
      const stats = hashBucketStats(root, key, virtualBuckets);
      bucketSize = Math.min(bucketSize, stats.bucketSize);
      mcv = Math.min(mcv, stats.mcvFrequency);
    }
  }
  if (relationByteSize(clampRows(inner.rows * mcv), inner.target.width) > hashMemoryLimit(root)) startup += 1e10;
  const hashQual = costQualEval(root, path.hashclauses);
  const allQual = costQualEval(root, path.joinrestrictinfo);
  let tuples: number;
  startup += hashQual.startup;
  if ((path.jointype === 'semi' || path.jointype === 'anti' || extra.innerUnique) && extra.semifactors) {
    const matched = roundHalfEven(outer.rows * extra.semifactors.outerMatchFraction);
    const scanFraction = 2 / (extra.semifactors.matchCount + 1);
    run += hashQual.perTuple * matched * clampRows(inner.rows * bucketSize * scanFraction) * 0.5;
    run += hashQual.perTuple * (outer.rows - matched) * clampRows(inner.rows / virtualBuckets) * 0.05;
    tuples = path.jointype === 'anti' ? outer.rows - matched : matched;
  } else {
    run += hashQual.perTuple * outer.rows * clampRows(inner.rows * bucketSize) * 0.5;
    tuples = approximateTuples(root, path, path.hashclauses);
  }
  startup += allQual.startup - hashQual.startup + path.target.cost.startup;
  run += (settings.cpuTupleCost + allQual.perTuple - hashQual.perTuple) * tuples + path.target.cost.perTuple * path.rows;
  path.startupCost = startup;
  path.totalCost = startup + run;
  path.disabledNodes = outer.disabledNodes + inner.disabledNodes + (settings.enableHashjoin ? 0 : 1);
}

