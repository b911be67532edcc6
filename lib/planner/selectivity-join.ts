/**
 * Join selectivities, merge-scan fractions and hash bucket estimates (eqjoinsel, mergejoinscansel,
 * estimate_hash_bucket_stats of selfuncs.c).
 */
import type { Expr, JoinType } from '../analyzer/nodes.js';
import { catalogOf } from './cost-qual.js';
import type { PathKey, PlannerInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import { isSubset } from './relids.js';
import { clampProbability, DEFAULT_EQ_SEL, DEFAULT_INEQ_SEL, estimatorName } from './selectivity-ops.js';
import { examineVariable, nullFraction, numDistinct, statisticSlot, STATISTIC_MCV, STATISTIC_HISTOGRAM, type VariableStats } from './variable-stats.js';

/** Selectivity of an operator between two relations (join_selectivity). */
export function joinOperatorSelectivity(root: PlannerInfo, opno: number, args: readonly Expr[], collation: number, jointype: JoinType, sjinfo: SpecialJoinInfo | null): number {
  const name = estimatorName(root, opno, true);
  switch (name) {
    case 'eqjoinsel': return equalityJoin(root, opno, args, collation, jointype, sjinfo);
    case 'neqjoinsel': {
      if (jointype === 'semi' || jointype === 'anti') {
        const left = examineVariable(root, args[0]);
        return 1 - nullFraction(left);
      }
      const negator = catalogOf(root).operator(opno)?.oprnegate ?? 0;
      return 1 - (negator ? equalityJoin(root, negator, args, collation, jointype, sjinfo) : DEFAULT_EQ_SEL);
    }
    case 'scalarltjoinsel': case 'scalarlejoinsel': case 'scalargtjoinsel': case 'scalargejoinsel': return DEFAULT_INEQ_SEL;
    case 'likejoinsel': case 'iclikejoinsel': case 'regexeqjoinsel': case 'icregexeqjoinsel': case 'prefixjoinsel': return 0.005;
    case 'nlikejoinsel': case 'icnlikejoinsel': case 'regexnejoinsel': case 'icregexnejoinsel': return 0.995;
    case 'matchingjoinsel': return 0.01;
    case 'contjoinsel': return 0.001;
    case 'areajoinsel': return 0.005;
    case 'positionjoinsel': return 0.1;
    case 'networkjoinsel': case 'arraycontjoinsel': case 'tsmatchjoinsel': return 0.005;
    default: return 0.5;
  }
}

function equalityJoin(root: PlannerInfo, opno: number, args: readonly Expr[], collation: number, jointype: JoinType, sjinfo: SpecialJoinInfo | null): number {
  let left = examineVariable(root, args[0]);
  let right = examineVariable(root, args[1]);
  const reversed = sjinfo !== null && left.rel !== null && isSubset(left.rel.relids, sjinfo.synRight)
    && !(right.rel !== null && isSubset(right.rel.relids, sjinfo.synRight));
  const isSemi = jointype === 'semi' || jointype === 'anti';
  const inner = innerEquality(root, opno, collation, left, right);
  if (!isSemi) return clampProbability(inner);
  if (reversed) [left, right] = [right, left];
  const semi = semiEquality(root, opno, collation, left, right, sjinfo);
  return clampProbability(Math.min(semi, innerRows(root, sjinfo) * inner));
}

function innerRows(root: PlannerInfo, sjinfo: SpecialJoinInfo | null): number {
  if (!sjinfo) return Number.MAX_VALUE;
  const rel = findRel(root, sjinfo.minRight);
  return rel ? rel.rows : Number.MAX_VALUE;
}

function findRel(root: PlannerInfo, relids: bigint): { rows: number } | null {
  for (const rel of root.simpleRels) if (rel && rel.relids === relids) return rel;
  return root.joinRels.get(relids) ?? null;
}

function call(root: PlannerInfo, opno: number, collation: number, left: unknown, right: unknown): boolean {
  const code = catalogOf(root).operator(opno)?.oprcode ?? 0;
  return code !== 0 && root.glob.context.evaluator.callFunction(code, collation, [left as never, right as never]) === true;
}

function innerEquality(root: PlannerInfo, opno: number, collation: number, left: VariableStats, right: VariableStats): number {
  const nd1 = numDistinct(root, left);
  const nd2 = numDistinct(root, right);
  const mcv1 = statisticSlot(left.stats, STATISTIC_MCV);
  const mcv2 = statisticSlot(right.stats, STATISTIC_MCV);
  if (mcv1 && mcv2) {
    const matched2 = new Set<number>();
    const matched1 = new Set<number>();
    let product = 0;
    mcv1.values.forEach((value, i) => {
      const j = mcv2.values.findIndex((other, at) => !matched2.has(at) && call(root, opno, collation, value, other));
      if (j < 0) return;
      matched1.add(i);
      matched2.add(j);
      product += mcv1.numbers[i] * mcv2.numbers[j];
    });
    const sums = (numbers: readonly number[], matched: ReadonlySet<number>): [number, number] => {
      let match = 0;
      let unmatched = 0;
      numbers.forEach((frequency, i) => { if (matched.has(i)) match += frequency; else unmatched += frequency; });
      return [clampProbability(match), clampProbability(unmatched)];
    };
    const [match1, unmatch1] = sums(mcv1.numbers, matched1);
    const [match2, unmatch2] = sums(mcv2.numbers, matched2);
    const other1 = clampProbability(1 - nullFraction(left) - match1 - unmatch1);
    const other2 = clampProbability(1 - nullFraction(right) - match2 - unmatch2);
    let total1 = product;
    if (nd2.distinct > mcv2.values.length) total1 += (unmatch1 * other2) / (nd2.distinct - mcv2.values.length);
    if (nd2.distinct > matched2.size) total1 += (other1 * (other2 + unmatch2)) / (nd2.distinct - matched2.size);
    let total2 = product;
    if (nd1.distinct > mcv1.values.length) total2 += (unmatch2 * other1) / (nd1.distinct - mcv1.values.length);
    if (nd1.distinct > matched1.size) total2 += (other2 * (other1 + unmatch1)) / (nd1.distinct - matched1.size);
    return Math.min(total1, total2);
  }
  return ((1 - nullFraction(left)) * (1 - nullFraction(right))) / Math.max(nd1.distinct, nd2.distinct);
}

function semiEquality(root: PlannerInfo, opno: number, collation: number, left: VariableStats, right: VariableStats, sjinfo: SpecialJoinInfo | null): number {
  const nd1 = numDistinct(root, left);
  const nd2 = numDistinct(root, right);
  let distinct2 = nd2.distinct;
  let isDefault2 = nd2.isDefault;
  if (right.rel && distinct2 >= right.rel.rows) {
    distinct2 = right.rel.rows;
    isDefault2 = false;
  }
  const inner = innerRows(root, sjinfo);
  if (distinct2 >= inner) {
    distinct2 = inner;
    isDefault2 = false;
  }
  const nulls = nullFraction(left);
  const mcv1 = statisticSlot(left.stats, STATISTIC_MCV);
  const mcv2 = statisticSlot(right.stats, STATISTIC_MCV);
  if (mcv1 && mcv2) {
    const limit = Math.min(mcv2.values.length, distinct2);
    const used = new Set<number>();
    let matchFrequency = 0;
    let matches = 0;
    mcv1.values.forEach((value, i) => {
      const j = mcv2.values.findIndex((other, at) => at < limit && !used.has(at) && call(root, opno, collation, value, other));
      if (j < 0) return;
      used.add(j);
      matches++;
      matchFrequency += mcv1.numbers[i];
    });
    let fraction = 0.5;
    if (!nd1.isDefault && !isDefault2) {
      const rest1 = nd1.distinct - matches;
      const rest2 = distinct2 - matches;
      fraction = rest1 <= rest2 || rest2 < 0 ? 1 : rest2 / rest1;
    }
    return matchFrequency + fraction * clampProbability(1 - matchFrequency - nulls);
  }
  if (nd1.isDefault || isDefault2) return 0.5 * (1 - nulls);
  return nd1.distinct <= distinct2 || distinct2 < 0 ? 1 - nulls : (distinct2 / nd1.distinct) * (1 - nulls);
}

/** Fractions of both inputs that a merge join reads: from the values' extremes. */
export function mergeScanFractions(root: PlannerInfo, rinfo: RestrictInfo, key: PathKey): ScanFractions {
  let known = scanFractions.get(rinfo);
  if (!known) scanFractions.set(rinfo, (known = new Map()));
  let fractions = known.get(key);
  if (!fractions) known.set(key, (fractions = computeScanFractions(root, rinfo, key)));
  return fractions;
}

interface ScanFractions { leftStart: number; leftEnd: number; rightStart: number; rightEnd: number }

/** Computed once per clause and ordering. */
const scanFractions = new WeakMap<RestrictInfo, Map<PathKey, ScanFractions>>();

function computeScanFractions(root: PlannerInfo, rinfo: RestrictInfo, key: PathKey): ScanFractions {
  const all = { leftStart: 0, leftEnd: 1, rightStart: 0, rightEnd: 1 };
  const clause = rinfo.clause;
  if (clause.node !== 'OpExpr' || clause.args.length !== 2) return all;
  const left = examineVariable(root, clause.args[0]);
  const right = examineVariable(root, clause.args[1]);
  const leftRange = extremes(root, left, clause.inputcollid);
  const rightRange = extremes(root, right, clause.inputcollid);
  if (!leftRange || !rightRange) return all;
  const fractions = {
    leftEnd: fractionUpTo(root, left, rightRange.high, clause.inputcollid),
    rightEnd: fractionUpTo(root, right, leftRange.high, clause.inputcollid),
    leftStart: fractionUpTo(root, left, rightRange.low, clause.inputcollid),
    rightStart: fractionUpTo(root, right, leftRange.low, clause.inputcollid),
  };
  let { leftStart, leftEnd, rightStart, rightEnd } = fractions;
  if (key.strategy === 5) {
    [leftStart, leftEnd] = [1 - leftEnd, 1 - leftStart];
    [rightStart, rightEnd] = [1 - rightEnd, 1 - rightStart];
  }
  if (leftStart < rightStart) leftStart = 0;
  else if (rightStart < leftStart) rightStart = 0;
  else leftStart = rightStart = 0;
  if (leftEnd > rightEnd) leftEnd = 1;
  else if (rightEnd > leftEnd) rightEnd = 1;
  else leftEnd = rightEnd = 1;
  if (leftStart >= leftEnd) [leftStart, leftEnd] = [0, 1];
  if (rightStart >= rightEnd) [rightStart, rightEnd] = [0, 1];
  return { leftStart, leftEnd, rightStart, rightEnd };
}

type Value = Parameters<PlannerInfo['glob']['context']['evaluator']['compare']>[1];

function extremes(root: PlannerInfo, variable: VariableStats, collation: number): { low: Value; high: Value } | null {
  const histogram = statisticSlot(variable.stats, STATISTIC_HISTOGRAM);
  const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
  const values = [...(histogram ? [histogram.values[0], histogram.values[histogram.values.length - 1]] : []), ...(histogram || !mcv ? mcv?.values ?? [] : mcv.values)];
  if (values.length === 0) return null;
  const { compare } = root.glob.context.evaluator;
  let low = values[0];
  let high = values[0];
  for (const value of values) {
    if (compare(variable.type, value, low, collation) < 0) low = value;
    if (compare(variable.type, value, high, collation) > 0) high = value;
  }
  return { low, high };
}

function fractionUpTo(root: PlannerInfo, variable: VariableStats, bound: Value, collation: number): number {
  const { compare } = root.glob.context.evaluator;
  const histogram = statisticSlot(variable.stats, STATISTIC_HISTOGRAM);
  const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
  let common = 0;
  let below = 0;
  mcv?.values.forEach((value, i) => {
    common += mcv.numbers[i];
    if (compare(variable.type, value, bound, collation) <= 0) below += mcv.numbers[i];
  });
  let inside = 0.5;
  if (histogram && histogram.values.length > 1) {
    const count = histogram.values.length;
    let at = 0;
    while (at < count && compare(variable.type, histogram.values[at], bound, collation) <= 0) at++;
    if (at === 0) inside = 0;
    else if (at === count) inside = 1;
    else {
      const low = Number(histogram.values[at - 1]);
      const high = Number(histogram.values[at]);
      const value = Number(bound);
      const bin = Number.isFinite(low) && Number.isFinite(high) && Number.isFinite(value) && high > low ? (value - low) / (high - low) : 0.5;
      inside = (at - 1 + bin) / (count - 1);
    }
  }
  return clampProbability(below + Math.max(1 - nullFraction(variable) - common, 0) * inside);
}

/** Expected fraction of the inner rows in one hash bucket, and the most common value's frequency. */
export function hashBucketStats(root: PlannerInfo, key: Expr, buckets: number): { bucketSize: number; mcvFrequency: number } {
  const variable = examineVariable(root, key);
  const mcv = statisticSlot(variable.stats, STATISTIC_MCV);
  const mcvFrequency = mcv && mcv.numbers.length > 0 ? mcv.numbers[0] : 0;
  const { distinct, isDefault } = numDistinct(root, variable);
  if (isDefault) return { bucketSize: Math.max(0.1, mcvFrequency), mcvFrequency };
  const nulls = nullFraction(variable);
  const average = (1 - nulls) / distinct;
  let effective = distinct;
  if (variable.rel && variable.rel.tuples > 0) effective = Math.max(Math.ceil(distinct * (variable.rel.rows / variable.rel.tuples)), 1);
  let bucketSize = effective > buckets ? 1 / buckets : 1 / effective;
  if (average > 0 && mcvFrequency > average) bucketSize *= mcvFrequency / average;
  return { bucketSize: Math.min(Math.max(bucketSize, 1e-6), 1), mcvFrequency };
}
