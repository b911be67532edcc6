/**
 * Drives the real pgbench and reads its figures: the rate from its report, the latencies from its transaction log.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentiles, type Percentiles } from './statistics.js';

/** What one pgbench run measured. */
export interface PgbenchResult {
  /** Transactions per second, without the time to connect. */
  readonly tps: number;
  readonly latency: Percentiles | null;
  readonly transactions: number;
  readonly failed: number;
}

/** One run. */
export interface PgbenchRun {
  readonly port: number;
  /** pgbench's switches. */
  readonly args: readonly string[];
  /** How long: `-T` of seconds, or `-t` of transactions per client. */
  readonly seconds?: number;
  readonly transactions?: number;
  /** Share of the transactions that are logged for the percentiles: less where the log itself would weigh. */
  readonly sampling?: number;
  /** GUCs of the sessions, `name=value`. */
  readonly settings?: readonly string[];
}

async function run(program: string, port: number, args: readonly string[], settings: readonly string[]): Promise<string> {
  const child = spawn(program, ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', ...args, 'postgres'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PGCONNECT_TIMEOUT: '60', PGOPTIONS: settings.map((setting) => `-c ${setting}`).join(' ') },
  });
  let text = '';
  child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  child.stderr.on('data', (data: Buffer) => { text += data.toString(); });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`pgbench ${args.join(' ')} ended with ${code}\n${text.slice(-2000)}`);
  return text;
}

/** Creates and fills pgbench's tables. */
export async function initialize(program: string, port: number, scale: number): Promise<void> {
  await run(program, port, ['-i', '-q', '-s', String(scale)], []);
}

/** Latencies in ms of a log's lines: `client transaction time_us script epoch epoch_us`; failed transactions have none. */
export function logLatencies(text: string): number[] {
  const latencies: number[] = [];
  for (const line of text.split('\n')) {
    const microseconds = Number(line.split(' ', 3)[2]);
    if (line !== '' && !Number.isNaN(microseconds)) latencies.push(microseconds / 1000);
  }
  return latencies;
}

/** Figures of pgbench's report. */
export function reportFigures(text: string): Omit<PgbenchResult, 'latency'> {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return {
    tps: number(/^tps = ([\d.]+)/m),
    transactions: number(/^number of transactions actually processed: (\d+)/m),
    failed: number(/^number of failed transactions: (\d+)/m) || 0,
  };
}

/** Runs pgbench; throws when it fails. */
export async function measure(program: string, { port, args, seconds, transactions, sampling = 1, settings = [] }: PgbenchRun): Promise<PgbenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'pgbench-'));
  try {
    const length = seconds === undefined ? ['-t', String(transactions ?? 1)] : ['-T', String(seconds)];
    const log = ['--log', `--log-prefix=${join(directory, 'log')}`, ...(sampling < 1 ? [`--sampling-rate=${sampling}`] : [])];
    const text = await run(program, port, ['-n', ...length, ...log, ...args], settings);
    const latencies = readdirSync(directory).flatMap((file) => logLatencies(readFileSync(join(directory, file), 'utf8')));
    return { ...reportFigures(text), latency: percentiles(latencies) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
