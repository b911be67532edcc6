/**
 * Recovery after kill -9: megabytes of log from the redo point to the end, by the time that the first answer takes longer
 * than after a clean stop. Once for the log of many small transactions, once for that of a bulk load.
 */
import type { Bench, Group, Sample } from '../bench.js';
import { ask, execute, withClient } from '../client.js';
import { timeToFirstAnswer, type Contender } from '../contender.js';
import { copyFile, FACTS, factRows } from './facts.js';

const MEGABYTE = 1 << 20;
const LOGS = ['small transactions', 'COPY'] as const;
/** Nothing but CHECKPOINT ends the log that is to be replayed, as far as the server lets itself be told. */
const SETTINGS = ['max_wal_size=8GB', 'checkpoint_timeout=1h'];
/** Time within which two starts cannot be told apart. */
const LEAST_MS = 5;

/** Bytes of log that a crash now would have replayed. */
async function unreplayed(contender: Contender): Promise<number> {
  return withClient(contender.port, async (client) => Number(await ask(client, 'SELECT pg_current_wal_flush_lsn() - redo_lsn FROM pg_control_checkpoint()')));
}

async function recover(contender: Contender, megabytes: number, work: () => Promise<unknown>): Promise<Sample> {
  await contender.stop();
  const clean = await timeToFirstAnswer(contender);
  await execute(contender.port, 'CHECKPOINT');
  let bytes = 0;
  for (let pieces = 0; bytes < megabytes * MEGABYTE && pieces < 200; pieces++) {
    await work();
    bytes = Math.max(bytes, await unreplayed(contender));
  }
  bytes = await unreplayed(contender);
  await contender.kill();
  const crashed = await timeToFirstAnswer(contender);
  return { value: bytes / MEGABYTE / (Math.max(LEAST_MS, crashed - clean) / 1000) };
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
  await bench.compare(pair, { name: name(LOGS[0]), unit: 'MB/s', better: 'more', goal, note }, (contender) =>
    // Acknowledged before they are flushed: this is about the log, not about how it came to be.
    recover(contender, megabytes, () => bench.rate(contender, { args: ['-N', '-c', '10', '-M', 'prepared'], seconds: 1, settings: ['synchronous_commit=off'] })));
  await bench.compare(pair, { name: name(LOGS[1]), unit: 'MB/s', better: 'more', goal, note }, (contender) =>
    recover(contender, megabytes, () => bench.psql.copy(contender.port, 'facts', file)));
}

/** See the file's comment. */
export const recovery: Group = { name: 'recovery', title: 'Recovery after kill -9', run: compareRecovery };
