/**
 * The few statistics that the harness needs: medians, percentiles by nearest rank, and the order in which two servers
 * take turns.
 */

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The two servers that are compared. */
export type Side = 'ours' | 'postgres';

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest value that at least the given share (0 to 1) of a sorted list does not exceed; NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** p50, p95, p99 and the greatest; null of nothing. */
export function percentiles(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99), max: sorted[sorted.length - 1] };
}

/** The median of each percentile over several runs. */
export function medianPercentiles(runs: readonly Percentiles[]): Percentiles | null {
  if (runs.length === 0) return null;
  const of = (pick: (run: Percentiles) => number): number => median(runs.map(pick));
  return { p50: of((run) => run.p50), p95: of((run) => run.p95), p99: of((run) => run.p99), max: of((run) => run.max) };
}

/** Who goes first in a run: in changing order, so that the machine's moods fall on both. */
export function order(run: number): readonly [Side, Side] {
  return run % 2 === 0 ? ['ours', 'postgres'] : ['postgres', 'ours'];
}

/**
 * Ours against PostgreSQL's so that more than 1 is always better for us: rates are divided, times and sizes the other way
 * round.
 */
export function ratioOf(ours: number, postgres: number, better: 'more' | 'less'): number {
  return better === 'more' ? ours / postgres : postgres / ours;
}
