/**
 * Recovery after kill -9: megabytes of log from the redo point to the end, by the time that the first answer takes longer
 * than after a clean stop. Once for the log of many small transactions, once for that of a bulk load. Of the small ones also how many are
 * replayed in a second, since PostgreSQL's log holds whole pages and one takes far more of it there than here.
 */
import type { Bench, Group, Sample } from '../bench.js';
import { ask, execute, withClient } from '../client.js';
import { timeToFirstAnswer, type Contender } from '../contender.js';
import type { Side } from '../statistics.js';
import { copyFile, FACTS, factRows } from './facts.js';

const MEGABYTE = 1 << 20;
const LOGS = ['small transactions', 'COPY'] as const;
const REPLAYED = 'recovery after kill -9, small transactions replayed';
/** Nothing but CHECKPOINT ends the log that is to be replayed, as far as the server lets itself be told. */
const SETTINGS = ['max_wal_size=8GB', 'checkpoint_timeout=1h'];
/** Time within which two starts cannot be told apart. */
const LEAST_MS = 5;

/** Bytes of log that a crash now would have replayed. */
async function unreplayed(contender: Contender): Promise<number> {
  return withClient(contender.port, async (client) => Number(await ask(client, 'SELECT pg_current_wal_flush_lsn() - redo_lsn FROM pg_control_checkpoint()')));
}

/** What a recovery did, in how many seconds. */
interface Recovery {
  readonly megabytes: number;
  readonly seconds: number;
  /** How much of the log that the work made was replayed: a server short of memory takes checkpoints of its own. */
  readonly share: number;
}

/** Bytes of log so far. */
function logged({ port }: Contender): Promise<number> {
  return withClient(port, async (client) => Number(await ask(client, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")));
}

async function recover(contender: Contender, megabytes: number, work: () => Promise<unknown>): Promise<Recovery> {
  await contender.stop();
  const clean = await timeToFirstAnswer(contender);
  await execute(contender.port, 'CHECKPOINT');
  const start = await logged(contender);
  let bytes = 0;
  for (let pieces = 0; bytes < megabytes * MEGABYTE && pieces < 200; pieces++) {
    await work();
    bytes = Math.max(bytes, await unreplayed(contender));
  }
  bytes = await unreplayed(contender);
  const share = bytes / (await logged(contender) - start);
  await contender.kill();
  const crashed = await timeToFirstAnswer(contender);
  return { megabytes: bytes / MEGABYTE, seconds: Math.max(LEAST_MS, crashed - clean) / 1000, share };
}

const rate = ({ megabytes, seconds }: Recovery): Sample => ({ value: megabytes / seconds });

/** Rows of pgbench's history: one for each transaction. */
function transactions({ port }: Contender): Promise<number> {
  return withClient(port, async (client) => Number(await ask(client, 'SELECT count(*) FROM pgbench_history')));
}

async function compareRecovery(bench: Bench): Promise<void> {
  const name = (what: string): string => `recovery after kill -9, log of ${what}`;
  if (!bench.wantsAny(LOGS.map(name))) return;
  const megabytes = bench.size(40, 3);
  const pair = { ours: await bench.ours({ settings: SETTINGS }), postgres: await bench.postgres({ settings: SETTINGS }) };
  const file = await copyFile(bench, 'facts.tsv', factRows(bench.size(50_000, 5000)));
  for (const contender of [pair.ours, pair.postgres]) {
    await contender.start();
    await bench.initialize(contender, bench.size(10, 1));
    await execute(contender.port, FACTS.replace(' PRIMARY KEY', ''));
  }
  const goal = { least: 100 };
  const note = `${megabytes} MB of log at least; PostgreSQL's holds whole pages`;
  const replayed: Record<Side, Sample[]> = { ours: [], postgres: [] };
  await bench.compare(pair, { name: name(LOGS[0]), unit: 'MB/s', better: 'more', goal, note }, async (contender) => {
    const before = await transactions(contender);
    // Acknowledged before they are flushed: this is about the log, not about how it came to be.
    const recovery = await recover(contender, megabytes, () => bench.rate(contender, { args: ['-N', '-c', '10', '-M', 'prepared'], seconds: 1, settings: ['synchronous_commit=off'] }));
    replayed[contender.side].push({ value: ((await transactions(contender) - before) * recovery.share) / recovery.seconds });
    return rate(recovery);
  });
  if (replayed.ours.length > 0) {
    await bench.compare(pair, { name: REPLAYED, unit: 'transactions/s', better: 'more', goal: {}, note: 'of the same recoveries' }, async (contender, run) => replayed[contender.side][run]);
  }
  await bench.compare(pair, { name: name(LOGS[1]), unit: 'MB/s', better: 'more', goal, note }, async (contender) =>
    rate(await recover(contender, megabytes, () => bench.psql.copy(contender.port, 'facts', file))));
}

/** See the file's comment. */
export const recovery: Group = { name: 'recovery', title: 'Recovery after kill -9', run: compareRecovery };
