/**
 * What a benchmark leaves behind: figures, curves and traces by group, each group with the machine and the commit that it was
 * measured on, so that one group can be measured again without the others.
 */
import type { Percentiles, Side } from './statistics.js';

/** What a figure is to reach; every part is optional. */
export interface Goal {
  /** The ratio to PostgreSQL 18 in the same run. */
  readonly ratio?: number;
  /** Our own value, in the figure's unit. */
  readonly least?: number;
  readonly most?: number;
  /** Our median latency in ms. */
  readonly latency?: number;
}

/** Something measured on both servers, or on one. */
export interface BothSides<T> {
  readonly ours: T | null;
  readonly postgres: T | null;
}

/** A workload as it was measured: medians over the runs. */
export interface Figure extends BothSides<number> {
  readonly name: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** Median of the ratios run by run, above 1 where ours is better; null where one side has no value. */
  readonly ratio: number | null;
  readonly goal: Goal;
  readonly latency?: BothSides<Percentiles>;
  /** Milliseconds of CPU time of all the server's processes per operation. */
  readonly cpu?: BothSides<number>;
  /** Resident memory of all the server's processes in MB, after the last run. */
  readonly resident?: BothSides<number>;
  /** The same on what stands beside, by name, in the figure's unit. */
  readonly beside?: Readonly<Record<string, number>>;
  readonly note?: string;
  /** Why there is no value. */
  readonly error?: string;
}

/** A figure against something that grows. */
export interface Curve {
  readonly name: string;
  readonly x: string;
  readonly y: string;
  readonly ours: readonly Point[];
  readonly postgres: readonly Point[];
  /** Both axes logarithmic; else both linear. */
  readonly logarithmic: boolean;
}

/** x, y. */
export type Point = readonly [number, number];

/** The last run of a group. */
export interface GroupRecord {
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly postgres: string;
  readonly client: string;
  /** What was installed besides, and what its commits promise. */
  readonly beside: readonly { readonly name: string; readonly durability: string }[];
  readonly runs: number;
  readonly seconds: number;
  readonly quick: boolean;
  readonly figures: readonly Figure[];
  readonly curves: readonly Curve[];
}

/** results.json. */
export interface BenchRecord {
  readonly version: 2;
  readonly groups: Readonly<Record<string, GroupRecord>>;
}

/** Whether a figure is where it is to be; null where nothing is promised. */
export function met(figure: Figure): boolean | null {
  const { goal, ours, ratio } = figure;
  const tests: boolean[] = [];
  if (goal.ratio !== undefined) tests.push(ratio !== null && ratio >= goal.ratio);
  if (goal.least !== undefined) tests.push(ours !== null && ours >= goal.least);
  if (goal.most !== undefined) tests.push(ours !== null && ours <= goal.most);
  if (goal.latency !== undefined) tests.push((figure.latency?.ours?.p50 ?? Number.POSITIVE_INFINITY) <= goal.latency);
  return tests.length === 0 ? null : tests.every(Boolean);
}

/** One side's samples brought to one value. */
export function bothSides<T, R>(samples: Readonly<Record<Side, readonly T[]>>, of: (side: readonly T[]) => R | null): BothSides<R> {
  return { ours: of(samples.ours), postgres: of(samples.postgres) };
}
