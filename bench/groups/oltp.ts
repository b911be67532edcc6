/**
 * Short transactions: pgbench's own TPC-B and SELECT, and the longest stall of our event loop under TPC-B.
 */
import type { Bench, Group } from '../bench.js';
import { rateOf, type Embedded } from '../beside.js';
import type { Pair } from '../contender.js';
import type { Goal } from '../record.js';
import { compareStalls } from '../stalls.js';

interface Workload {
  readonly name: string;
  readonly scale: number;
  readonly args: readonly string[];
  readonly goal: Goal;
  readonly beside?: (engine: Embedded, seconds: number) => Promise<number>;
}

/** The mission's floor under TPC-B. */
const FLOOR = { least: 3245, latency: 3.2 };
/** Logging each of 60,000 selects a second would weigh on the machine. */
const SELECT_SAMPLING = 0.1;
const STALL = 'TPC-B: longest wait of a SELECT 1 beside it';

const WORKLOADS: readonly Workload[] = [
  { name: 'TPC-B, 10 clients, simple', scale: 1, args: ['-c', '10', '-M', 'simple'], goal: { ratio: 2.5, ...FLOOR }, beside: tpcb },
  { name: 'TPC-B, 10 clients, prepared', scale: 1, args: ['-c', '10', '-M', 'prepared'], goal: { ratio: 2.2, ...FLOOR } },
  { name: 'select only, 10 clients, simple', scale: 1, args: ['-S', '-c', '10', '-M', 'simple'], goal: { ratio: 0.8 }, beside: select },
  { name: 'select only, 10 clients, prepared', scale: 1, args: ['-S', '-c', '10', '-M', 'prepared'], goal: { ratio: 0.8 } },
  { name: 'TPC-B, scale 10, 64 clients, prepared', scale: 10, args: ['-c', '64', '-M', 'prepared'], goal: { ratio: 4 } },
];

const ACCOUNTS = 100_000;
const random = (): number => 1 + Math.floor(Math.random() * ACCOUNTS);

async function tpcb(engine: Embedded, seconds: number): Promise<number> {
  return rateOf(async () => {
    const [account, teller, branch, delta] = [random(), 1 + (random() % 10), 1, (random() % 10_000) - 5000];
    await engine.execute('BEGIN');
    await engine.query('UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2', [delta, account]);
    await engine.query('SELECT abalance FROM pgbench_accounts WHERE aid = $1', [account]);
    await engine.query('UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2', [delta, teller]);
    await engine.query('UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2', [delta, branch]);
    await engine.query('INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)', [teller, branch, account, delta]);
    await engine.execute('COMMIT');
  }, seconds);
}

async function select(engine: Embedded, seconds: number): Promise<number> {
  return rateOf(async () => { await engine.query('SELECT abalance FROM pgbench_accounts WHERE aid = $1', [random()]); }, seconds);
}

async function fillEngine(engine: Embedded): Promise<void> {
  await engine.execute(`CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
    CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
    CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
    CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
    INSERT INTO pgbench_branches VALUES (1, 0, '')`);
  const numbers = (n: number): string => `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${n})`;
  await engine.execute(`INSERT INTO pgbench_tellers ${numbers(10)} SELECT n, 1, 0, '' FROM number`);
  await engine.execute(`INSERT INTO pgbench_accounts ${numbers(ACCOUNTS)} SELECT n, 1, 0, '' FROM number`);
}

async function measureAll(bench: Bench, pair: Pair, workloads: readonly Workload[]): Promise<void> {
  const { seconds } = bench.options;
  for (const { name, args, goal, beside } of workloads) {
    const sampling = args.includes('-S') ? SELECT_SAMPLING : 1;
    const engines = beside === undefined ? undefined : (engine: Embedded): Promise<number> => beside(engine, seconds);
    await bench.compare(pair, { name, unit: 'transactions/s', better: 'more', goal, beside: engines },
      (contender) => bench.rate(contender, { args, seconds, sampling }));
  }
}

/** See the file's comment. */
export const oltp: Group = {
  name: 'oltp',
  title: 'Short transactions',
  async run(bench) {
    if (bench.wantsAny(WORKLOADS.filter((workload) => workload.beside).map((workload) => workload.name))) {
      for (const engine of bench.engines) await fillEngine(engine);
    }
    for (const scale of new Set(WORKLOADS.map((workload) => workload.scale))) {
      const workloads = WORKLOADS.filter((workload) => workload.scale === scale);
      if (!bench.wantsAny(workloads.map((workload) => workload.name))) continue;
      const pair = await bench.pair();
      for (const contender of [pair.ours, pair.postgres]) await bench.initialize(contender, scale);
      await measureAll(bench, pair, workloads);
      await bench.clear();
    }
    await compareStalls(bench, { name: STALL, mostMs: 20 }, {
      prepare: (contender) => bench.initialize(contender, 1),
      load: async (contender) => { await bench.rate(contender, { args: ['-c', '10'], seconds: bench.options.seconds }); },
    });
  },
};
