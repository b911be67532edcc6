/**
 * Statistics of one column from a sample of rows: what a pg_statistic row says.
 *
 * Idea: PostgreSQL's compute_scalar_stats and compute_distinct_stats (commands/analyze.c), with the Haas and Stokes
 * estimator of the number of distinct values.
 */
import type { Datum } from '../../types/datum.js';

/** What the sample tells of a column. */
export interface ColumnStatistics {
  readonly nullFraction: number;
  /** Average bytes of a non-null value. */
  readonly averageWidth: number;
  /** > 0: a number of values; < 0: minus the fraction of the rows that are distinct. */
  readonly distinct: number;
  readonly mostCommon: { readonly values: readonly Datum[]; readonly frequencies: readonly number[] } | null;
  /** Bounds of equally populated parts of the values that are not most common. */
  readonly histogram: readonly Datum[] | null;
  /** Between physical and logical order, -1 to 1; null when the type has no order. */
  readonly correlation: number | null;
}

/** The column's values in physical order, and what its type can do. */
export interface ColumnSample {
  readonly values: readonly Datum[];
  /** Rows of the whole table. */
  readonly totalRows: number;
  /** Statistics target: entries of the lists. */
  readonly target: number;
  readonly width: (value: Datum) => number;
  /** Null when the type has no order. */
  readonly compare: ((a: Datum, b: Datum) => number) | null;
  /** A key under which equal values are the same. */
  readonly identity: (value: Datum) => unknown;
}

interface Group {
  readonly value: Datum;
  count: number;
}

/** Computes the statistics; null for an empty sample. */
export function columnStatistics(sample: ColumnSample): ColumnStatistics | null {
  const rows = sample.values.length;
  if (rows === 0) return null;
  const present: { value: Datum; position: number }[] = [];
  let width = 0;
  sample.values.forEach((value, position) => {
    if (value === null) return;
    present.push({ value, position });
    width += sample.width(value);
  });
  const nullFraction = (rows - present.length) / rows;
  if (present.length === 0) {
    return { nullFraction: 1, averageWidth: 0, distinct: 0, mostCommon: null, histogram: null, correlation: null };
  }
  const groups = groupValues(sample, present);
  const distinct = estimateDistinct(groups, present.length, rows, sample.totalRows, nullFraction);
  const common = mostCommonValues(groups, present.length, rows, distinct, sample);
  return {
    nullFraction, averageWidth: Math.max(1, Math.round(width / present.length)), distinct,
    mostCommon: common.length > 0 ? { values: common.map((group) => group.value), frequencies: common.map((group) => group.count / rows) } : null,
    histogram: sample.compare ? histogram(groups, common, sample.target) : null,
    correlation: sample.compare ? correlation(present, sample.compare) : null,
  };
}

/** Equal values together; in order when the type has one. */
function groupValues(sample: ColumnSample, present: readonly { value: Datum }[]): Group[] {
  const groups = new Map<unknown, Group>();
  for (const { value } of present) {
    const key = sample.identity(value);
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { value, count: 1 });
  }
  const list = [...groups.values()];
  const { compare } = sample;
  return compare ? list.sort((a, b) => compare(a.value, b.value)) : list;
}

/** Above this share of the rows, the number of distinct values is taken to grow with the table. */
const SCALES_WITH_TABLE = 0.1;

function estimateDistinct(groups: readonly Group[], present: number, rows: number, totalRows: number, nullFraction: number): number {
  const repeated = groups.filter((group) => group.count > 1).length;
  // Every value once: taken to be unique. Every value repeated: all values were seen.
  if (repeated === 0) return -1 * (1 - nullFraction);
  let distinct = groups.length;
  if (repeated < groups.length) {
    const once = groups.length - repeated;
    const nonNullTotal = totalRows * (1 - nullFraction);
    const numerator = present * groups.length;
    const denominator = present - once + (once * present) / Math.max(1, nonNullTotal);
    distinct = Math.min(Math.max(groups.length, numerator / denominator), nonNullTotal);
    distinct = Math.floor(distinct + 0.5);
  }
  return distinct > SCALES_WITH_TABLE * totalRows ? -(distinct / Math.max(1, totalRows)) : distinct;
}

/** The values worth listing: all when they are few and all seen, else those clearly more frequent than average. */
function mostCommonValues(groups: readonly Group[], present: number, rows: number, distinct: number, sample: ColumnSample): Group[] {
  const byCount = groups.filter((group) => group.count > 1).sort((a, b) => b.count - a.count).slice(0, sample.target);
  const complete = groups.length <= sample.target && distinct > 0 && byCount.length === groups.length;
  if (complete) return byCount;
  if (rows >= sample.totalRows) return byCount;
  const total = distinct < 0 ? -distinct * sample.totalRows : distinct;
  const average = present / Math.max(1, total);
  const least = Math.max(2, average * 1.25);
  return byCount.filter((group) => group.count >= least);
}

function histogram(groups: readonly Group[], common: readonly Group[], target: number): Datum[] | null {
  const rest = groups.filter((group) => !common.includes(group));
  const values: Datum[] = [];
  for (const group of rest) for (let i = 0; i < group.count; i++) values.push(group.value);
  if (rest.length < 2) return null;
  const bounds = Math.min(values.length, target + 1);
  return Array.from({ length: bounds }, (_, at) => values[Math.floor((at * (values.length - 1)) / (bounds - 1))]);
}

/** Pearson's coefficient between the position in the table and the rank of the value. */
function correlation(present: readonly { value: Datum; position: number }[], compare: (a: Datum, b: Datum) => number): number {
  const n = present.length;
  if (n < 2) return 1;
  const order = Array.from({ length: n }, (_, at) => at).sort((a, b) => compare(present[a].value, present[b].value) || a - b);
  let sumXY = 0;
  order.forEach((physical, rank) => { sumXY += physical * rank; });
  const sumX = ((n - 1) * n) / 2;
  const sumX2 = ((n - 1) * n * (2 * n - 1)) / 6;
  return (n * sumXY - sumX * sumX) / (n * sumX2 - sumX * sumX);
}
