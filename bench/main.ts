/**
 * `npm run bench`: this server and PostgreSQL 18 side by side, run by run in turn, driven by the real pgbench, every
 * commit durable on both. Prints a table; `--record` keeps it (JSON, table, plot) in bench/.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { startServer } from '../regress/server.js';
import { initialize, measure, residentMegabytes, type PgbenchResult, type PgbenchTarget } from './pgbench.js';
import { startPostgres } from './postgres.js';
import { markdownTable, median, ratioPlot, type BenchRecord, type WorkloadResult } from './report.js';

/** A workload: pgbench's switches, and the ratio to PostgreSQL to reach. */
interface Workload {
  readonly name: string;
  readonly args: readonly string[];
  readonly goal: number;
}

const WORKLOADS: readonly Workload[] = [
  { name: 'TPC-B, 10 clients, simple', args: ['-c', '10', '-M', 'simple'], goal: 2.5 },
  { name: 'TPC-B, 10 clients, prepared', args: ['-c', '10', '-M', 'prepared'], goal: 2.2 },
  { name: 'TPC-B, 64 clients, prepared', args: ['-c', '64', '-M', 'prepared'], goal: 4 },
  { name: 'select only, 10 clients, simple', args: ['-S', '-c', '10', '-M', 'simple'], goal: 0.8 },
  { name: 'select only, 10 clients, prepared', args: ['-S', '-c', '10', '-M', 'prepared'], goal: 0.8 },
];

interface Options { seconds: string; runs: string; scale: string; only?: string; bin?: string; record?: boolean }

const here = fileURLToPath(new URL('../../bench', import.meta.url));

function parseOptions(): Options {
  return new Command('bench')
    .description('Measures this server beside PostgreSQL 18 with the real pgbench.')
    .option('--seconds <n>', 'per run', '10')
    .option('--runs <n>', 'alternating runs of each workload', '3')
    .option('--scale <n>', "pgbench's scale", '1')
    .option('--only <text>', 'only workloads whose name contains this')
    .option('--bin <dir>', "PostgreSQL 18's programs (default: $PG18_BIN, or found by regress/postgres18)")
    .option('--record', 'write results.json, RESULTS.md and ratios.svg')
    .parse().opts<Options>();
}

function programs(options: Options): string {
  const installer = fileURLToPath(new URL('../../regress/postgres18', import.meta.url));
  return options.bin ?? process.env.PG18_BIN ?? execFileSync('bash', [installer, 'bin'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

async function runWorkload(workload: Workload, ours: PgbenchTarget, postgres: PgbenchTarget, runs: number, seconds: number): Promise<WorkloadResult> {
  const pairs: { ours: PgbenchResult; postgres: PgbenchResult }[] = [];
  for (let run = 0; run < runs; run++) {
    // In turn, and in changing order, so that the machine's moods fall on both.
    const oursFirst = run % 2 === 0 ? await measure(ours, workload.args, seconds) : null;
    const theirs = await measure(postgres, workload.args, seconds);
    pairs.push({ ours: oursFirst ?? (await measure(ours, workload.args, seconds)), postgres: theirs });
  }
  return {
    name: workload.name, unit: 'transactions/s', goal: workload.goal,
    ours: median(pairs.map((pair) => pair.ours.tps)),
    postgres: median(pairs.map((pair) => pair.postgres.tps)),
    ratio: median(pairs.map((pair) => pair.ours.tps / pair.postgres.tps)),
    latencyOurs: median(pairs.map((pair) => pair.ours.latencyAverage)),
    latencyPostgres: median(pairs.map((pair) => pair.postgres.latencyAverage)),
    failed: pairs.reduce((sum, pair) => sum + (pair.ours.failed || 0), 0),
  };
}

async function main(): Promise<void> {
  const options = parseOptions();
  const bin = programs(options);
  const postgres = await startPostgres(bin);
  const server = await startServer();
  try {
    const target = (port: number): PgbenchTarget => ({ pgbench: join(bin, 'pgbench'), port, database: 'postgres' });
    for (const port of [postgres.port, server.port]) await initialize(target(port), Number(options.scale));
    const workloads: WorkloadResult[] = [];
    for (const workload of WORKLOADS.filter((candidate) => candidate.name.includes(options.only ?? ''))) {
      const result = await runWorkload(workload, target(server.port), target(postgres.port), Number(options.runs), Number(options.seconds));
      console.log(`${result.name}: ${result.ours.toFixed(0)} tps, PostgreSQL ${result.postgres.toFixed(0)}, ratio ${result.ratio.toFixed(2)} (goal ${result.goal}), failed ${result.failed}`);
      workloads.push(result);
    }
    const record: BenchRecord = {
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).trim(),
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'} (${arch()}), Node ${process.versions.node}`,
      postgres: postgres.version, runs: Number(options.runs), seconds: Number(options.seconds),
      residentOurs: residentMegabytes(server.process.pid ?? 0), residentPostgres: residentMegabytes(postgres.pid), workloads,
    };
    console.log(markdownTable(record));
    if (options.record) {
      writeFileSync(join(here, 'results.json'), `${JSON.stringify(record, null, 1)}\n`);
      writeFileSync(join(here, 'RESULTS.md'), `# Measured side by side with PostgreSQL 18\n\n${markdownTable(record)}\n![ratios](ratios.svg)\n`);
      writeFileSync(join(here, 'ratios.svg'), ratioPlot(record));
    }
  } finally {
    await server.stop(true);
    postgres.stop();
  }
}

await main();
