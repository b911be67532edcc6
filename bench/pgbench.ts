/**
 * Drives the real pgbench and reads its figures.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What one pgbench run measured. */
export interface PgbenchResult {
  /** Transactions per second, without the time to connect. */
  readonly tps: number;
  /** Milliseconds. */
  readonly latencyAverage: number;
  readonly latencyStddev: number;
  readonly transactions: number;
  readonly failed: number;
}

/** Where pgbench is and which server it drives. */
export interface PgbenchTarget {
  readonly pgbench: string;
  readonly port: number;
  readonly database: string;
}

async function run(target: PgbenchTarget, args: readonly string[]): Promise<string> {
  const child = spawn(target.pgbench, ['-h', '127.0.0.1', '-p', String(target.port), '-U', 'postgres', ...args, target.database], {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PGCONNECT_TIMEOUT: '30' },
  });
  let text = '';
  child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  child.stderr.on('data', (data: Buffer) => { text += data.toString(); });
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`pgbench ${args.join(' ')} ended with ${code}\n${text.slice(-2000)}`);
  return text;
}

/** Creates and fills pgbench's tables. */
export async function initialize(target: PgbenchTarget, scale: number): Promise<void> {
  await run(target, ['-i', '-q', '-s', String(scale)]);
}

/** Runs pgbench with the given switches for some seconds; throws when it fails. */
export async function measure(target: PgbenchTarget, args: readonly string[], seconds: number): Promise<PgbenchResult> {
  const text = await run(target, ['-n', '-P', '3600', '-T', String(seconds), ...args]);
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return {
    tps: number(/^tps = ([\d.]+)/m),
    latencyAverage: number(/^latency average = ([\d.]+)/m),
    latencyStddev: number(/^latency stddev = ([\d.]+)/m),
    transactions: number(/^number of transactions actually processed: (\d+)/m),
    failed: number(/^number of failed transactions: (\d+)/m),
  };
}

/** Resident memory of a process and its children in MB: anonymous and file pages once, shared memory by what is touched. */
export function residentMegabytes(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  let total = 0;
  for (const id of [pid, ...children]) {
    try {
      const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'utf8');
      total += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
    } catch {
      // The process has ended since it was listed.
    }
  }
  return total;
}
