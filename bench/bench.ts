/**
 * What a group of workloads works with: the options, PostgreSQL's programs, pairs of servers, and a way to compare them run
 * by run and to leave figures and curves behind. A workload that one server cannot run leaves a figure that says so, and the
 * others go on.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Embedded } from './beside.js';
import type { ContenderOptions, Contender, Pair } from './contender.js';
import { initialize, measure, type PgbenchRun } from './pgbench.js';
import { OwnServer } from './pglitedb.js';
import { PostgresServer } from './postgres.js';
import { cpuMilliseconds, residentMegabytes } from './processes.js';
import { Psql } from './psql.js';
import { bothSides, type Curve, type Figure, type Goal, type Point } from './record.js';
import { median, medianPercentiles, order, ratioOf, type Percentiles, type Side } from './statistics.js';

/** The command line's choices. */
export interface BenchOptions {
  readonly seconds: number;
  readonly runs: number;
  /** Small sizes and few runs: to see that a group works, not to measure. */
  readonly quick: boolean;
  /** Only workloads whose name contains this. */
  readonly only: string;
  /** Length of the steady run with a replica; 0: none. */
  readonly steadySeconds: number;
  /** Leave PostgreSQL's parallel query on; else one process each. */
  readonly parallel: boolean;
  /** PostgreSQL's programs. */
  readonly bin: string;
}

/** One run on one side. */
export interface Sample {
  readonly value: number;
  readonly latency?: Percentiles | null;
  /** Milliseconds of the server's CPU time per operation. */
  readonly cpu?: number;
}

/** What is compared. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly goal: Goal;
  readonly runs?: number;
  readonly note?: string;
  /** The same on an engine in this process, where it can run there. */
  readonly beside?: (engine: Embedded) => Promise<number>;
}

/** What grows: see `Bench.grow`. */
export interface Growth {
  prepare(contender: Contender, size: number): Promise<void>;
  sample(contender: Contender, size: number): Promise<readonly number[]>;
}

/** A group of workloads. */
export interface Group {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<void>;
}

/** See the file's comment. */
export class Bench {
  readonly figures: Figure[] = [];
  readonly curves: Curve[] = [];
  readonly psql: Psql;
  /** Of this run: scripts, data files. */
  readonly directory = mkdtempSync(join(tmpdir(), 'bench-'));
  private readonly contenders: Contender[] = [];
  private readonly pgbench: string;

  constructor(readonly options: BenchOptions, readonly engines: readonly Embedded[], private readonly print: (line: string) => void) {
    this.psql = new Psql(join(options.bin, 'psql'));
    this.pgbench = join(options.bin, 'pgbench');
  }

  /** A size: the full one, or the one of --quick. */
  size(full: number, quick: number): number {
    return this.options.quick ? quick : full;
  }

  wants(name: string): boolean {
    return name.includes(this.options.only);
  }

  /** True when at least one of these is wanted: what they share need not be prepared else. */
  wantsAny(names: readonly string[]): boolean {
    return names.some((name) => this.wants(name));
  }

  note(line: string): void {
    this.print(line);
  }

  /** Ours alone, not started. */
  async ours(options: ContenderOptions = {}): Promise<Contender> {
    const contender = await OwnServer.create(options);
    this.contenders.push(contender);
    return contender;
  }

  /** PostgreSQL alone, initialised, not started. */
  async postgres(options: ContenderOptions = {}): Promise<Contender> {
    const contender = await PostgresServer.create(this.options.bin, options);
    this.contenders.push(contender);
    return contender;
  }

  /** Both, started on new directories, each with the settings for both and its own. */
  async pair(settings: readonly string[] = [], own: Partial<Record<Side, readonly string[]>> = {}): Promise<Pair> {
    const pair = {
      ours: await this.ours({ settings: [...settings, ...(own.ours ?? [])] }),
      postgres: await this.postgres({ settings: [...settings, ...(own.postgres ?? [])] }),
    };
    await Promise.all([pair.ours.start(), pair.postgres.start()]);
    return pair;
  }

  /** Fills pgbench's tables. */
  async initialize(contender: Contender, scale: number): Promise<void> {
    await initialize(this.pgbench, contender.port, scale);
  }

  /** A file of this run; its path. */
  file(name: string, text: string): string {
    mkdirSync(this.directory, { recursive: true });
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  /** A pgbench run as a sample: its rate, its latencies, the server's CPU time per transaction. */
  async rate(contender: Contender, run: Omit<PgbenchRun, 'port'>): Promise<Sample> {
    const before = cpuMilliseconds(contender.pid);
    const result = await measure(this.pgbench, { ...run, port: contender.port });
    if (result.failed > 0) throw new Error(`${result.failed} transactions failed`);
    // The time begins before the clients are connected: a thousand may need all of it.
    if (!(result.transactions > 0)) throw new Error('no transaction was processed');
    return { value: result.tps, latency: result.latency, cpu: (cpuMilliseconds(contender.pid) - before) / result.transactions };
  }

  /** A script run some times by one client: the median time in ms, after one run to warm up unless it is cold. */
  async time(contender: Contender, script: string, transactions: number, cold = false): Promise<Sample> {
    const path = this.file('script.sql', script);
    if (!cold) await measure(this.pgbench, { port: contender.port, args: ['-f', path, '-c', '1'], transactions: 1 });
    const { latency, cpu } = await this.rate(contender, { args: ['-f', path, '-c', '1'], transactions });
    return { value: latency?.p50 ?? Number.NaN, latency, cpu };
  }

  /** Measures both in turn, run by run, and keeps the figure. Answers it; null when it is not wanted. */
  async compare(pair: Partial<Pair>, comparison: Comparison, sample: (contender: Contender, run: number) => Promise<Sample>): Promise<Figure | null> {
    if (!this.wants(comparison.name)) return null;
    const samples: Record<Side, Sample[]> = { ours: [], postgres: [] };
    const errors = new Map<Side, string>();
    const runs = comparison.runs ?? this.options.runs;
    for (let run = 0; run < runs; run++) {
      for (const side of order(run)) {
        const contender = pair[side];
        if (contender === undefined || errors.has(side)) continue;
        try {
          samples[side].push(await sample(contender, run));
        } catch (error) {
          errors.set(side, `${contender.title}: ${firstLines(error)}`);
        }
      }
    }
    const resident = { ours: residentOf(pair.ours), postgres: residentOf(pair.postgres) };
    const beside = await this.besides(comparison);
    const error = errors.size === 0 ? undefined : [...errors.values()].join('; ');
    return this.keep(figureOf(comparison, samples, { resident, beside, error }));
  }

  /**
   * Measures both at growing sizes: `prepare` brings a server to a size, `sample` answers a value for each of the curves. A
   * server that fails at a size is not taken further.
   */
  async grow(pair: Pair, curves: readonly Omit<Curve, 'ours' | 'postgres'>[], sizes: readonly number[], step: Growth): Promise<void> {
    const wanted = curves.filter((curve) => this.wants(curve.name));
    if (wanted.length === 0) return;
    const points = curves.map(() => ({ ours: [] as Point[], postgres: [] as Point[] }));
    const failed = new Set<Side>();
    for (const [index, size] of sizes.entries()) {
      for (const side of order(index)) {
        if (failed.has(side)) continue;
        try {
          await step.prepare(pair[side], size);
          (await step.sample(pair[side], size)).forEach((value, curve) => points[curve][side].push([size, value]));
        } catch (error) {
          failed.add(side);
          this.note(`  ${pair[side].title} at ${size}: ${firstLines(error)}`);
        }
      }
      curves.forEach((curve, at) => {
        if (wanted.includes(curve)) this.note(`  ${curve.name}, ${size} ${curve.x}: ${shown(points[at].ours.at(-1)?.[1] ?? null)} ${curve.y}, PostgreSQL ${shown(points[at].postgres.at(-1)?.[1] ?? null)}`);
      });
    }
    curves.forEach((curve, at) => { if (wanted.includes(curve)) this.curves.push({ ...curve, ...points[at] }); });
  }

  private async besides(comparison: Comparison): Promise<Record<string, number>> {
    const values: Record<string, number> = {};
    if (comparison.beside === undefined) return values;
    for (const engine of this.engines) {
      try {
        values[engine.name] = await comparison.beside(engine);
      } catch (error) {
        this.note(`  ${comparison.name} on ${engine.name}: ${firstLines(error)}`);
      }
    }
    return values;
  }

  /** Keeps a figure that was measured otherwise. */
  keep(figure: Figure): Figure {
    this.figures.push(figure);
    const goal = figure.goal.ratio === undefined ? '' : ` (goal ${figure.goal.ratio})`;
    this.print(`${figure.name}: ${shown(figure.ours)} ${figure.unit}, PostgreSQL ${shown(figure.postgres)}, ratio ${shown(figure.ratio)}${goal}${figure.error === undefined ? '' : `; ${figure.error}`}`);
    return figure;
  }

  /** Ends the servers that were started so far and removes what they left. */
  async clear(): Promise<void> {
    for (const contender of this.contenders.splice(0)) await contender.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function shown(value: number | null): string {
  return value === null ? 'no value' : value.toLocaleString('en-US', { maximumSignificantDigits: 5 });
}

function residentOf(contender: Contender | undefined): number | null {
  return contender === undefined || contender.pid === 0 ? null : residentMegabytes(contender.pid);
}

function firstLines(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n').filter((line) => /error|ended/i.test(line)).slice(0, 2).join(' ') || message.slice(0, 200);
}

/** Samples of both sides as one figure. */
export function figureOf(comparison: Comparison, samples: Readonly<Record<Side, readonly Sample[]>>, rest: Pick<Figure, 'resident' | 'beside' | 'error'>): Figure {
  const { name, unit, better, goal, note } = comparison;
  const values = bothSides(samples, (side) => (side.length === 0 ? null : median(side.map((sample) => sample.value))));
  const ratios = samples.ours.slice(0, samples.postgres.length).map((sample, run) => ratioOf(sample.value, samples.postgres[run].value, better));
  const latency = bothSides(samples, (side) => medianPercentiles(side.flatMap((sample) => sample.latency ?? [])));
  const cpu = bothSides(samples, (side) => {
    const known = side.flatMap((sample) => sample.cpu ?? []);
    return known.length === 0 ? null : median(known);
  });
  const ratio = median(ratios);
  return { name, unit, better, goal, note, ...values, ratio: Number.isFinite(ratio) ? ratio : null, latency, cpu, ...rest };
}
