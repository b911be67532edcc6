/**
 * How far a standby is behind while its primary works at full rate, seen in three ways at once: how long a commit that its
 * client knows of takes to be seen on the standby (a probe table, polled there: the truth that an application meets, the time
 * of the asking included), what the primary says in pg_stat_replication.replay_lag, and the distance in bytes of log.
 */
import type pg from 'pg';
import { ask, connect, pause, waitForAnswer } from './client.js';
import type { Contender } from './contender.js';
import type { Point } from './record.js';
import { percentiles, type Percentiles } from './statistics.js';

const PROBE_EVERY_MS = 10;
const SAMPLE_EVERY_MS = 20;

/** What was seen. */
export interface Lag {
  /** ms from the acknowledgement of a commit to its being visible on the standby. */
  readonly apply: Percentiles | null;
  /** ms, as the primary reports it. */
  readonly reported: Percentiles | null;
  /** Bytes of log flushed by the primary and not applied by the standby. */
  readonly bytes: Percentiles | null;
  /** Second by second, the longest apply lag in ms. */
  readonly trace: readonly Point[];
}

/** The probe's table, on the primary. */
export const PROBE_TABLE = ['CREATE TABLE IF NOT EXISTS bench_probe (id int PRIMARY KEY, n int)', 'INSERT INTO bench_probe VALUES (1, 0) ON CONFLICT DO NOTHING'];

/** Resolves when the standby has applied all that the primary has flushed. */
export async function caughtUp(primary: Contender): Promise<void> {
  await waitForAnswer(primary.port, "SELECT CASE WHEN max(replay_lsn) >= pg_current_wal_flush_lsn() THEN 'yes' ELSE 'no' END FROM pg_stat_replication", 'yes');
}

async function probeApply(writer: pg.Client, reader: pg.Client, state: { over: boolean }): Promise<[at: number, lag: number][]> {
  const lags: [number, number][] = [];
  const begin = performance.now();
  await reader.query('SELECT 1');
  for (let n = Number(await ask(writer, 'SELECT n FROM bench_probe')) + 1; !state.over; n++) {
    await writer.query({ name: 'write', text: 'UPDATE bench_probe SET n = $1 WHERE id = 1', values: [n] });
    const committed = performance.now();
    for (;;) {
      const { rows } = await reader.query<{ n: number }>({ name: 'read', text: 'SELECT n FROM bench_probe WHERE id = 1' });
      if (Number(rows[0].n) >= n) break;
    }
    const seen = performance.now();
    lags.push([(seen - begin) / 1000, seen - committed]);
    await pause(PROBE_EVERY_MS);
  }
  return lags;
}

async function sampleReports(client: pg.Client, state: { over: boolean }): Promise<{ reported: number[]; bytes: number[] }> {
  const [reported, bytes]: number[][] = [[], []];
  const text = 'SELECT extract(epoch FROM replay_lag) * 1000 AS lag, greatest(pg_current_wal_flush_lsn(), sent_lsn) - replay_lsn AS bytes FROM pg_stat_replication';
  while (!state.over) {
    const { rows } = await client.query<{ lag: string | null; bytes: string | null }>({ name: 'sample', text });
    const lag = rows[0]?.lag ?? null;
    const distance = rows[0]?.bytes ?? null;
    if (lag !== null) reported.push(Number(lag));
    if (distance !== null) bytes.push(Math.max(0, Number(distance)));
    await pause(SAMPLE_EVERY_MS);
  }
  return { reported, bytes };
}

/** The longest of each second. */
export function worstBySecond(lags: readonly (readonly [at: number, lag: number])[]): Point[] {
  const worst = new Map<number, number>();
  for (const [at, lag] of lags) worst.set(Math.floor(at), Math.max(worst.get(Math.floor(at)) ?? 0, lag));
  return [...worst].toSorted(([a], [b]) => a - b);
}

/** Watches while the load runs. The probe's table must be on the standby. */
export async function watchLag(primary: Contender, standby: Contender, load: () => Promise<void>): Promise<Lag> {
  const clients = [await connect(primary.port, '-c synchronous_commit=local'), await connect(standby.port), await connect(primary.port)];
  const state = { over: false };
  try {
    const running = load().finally(() => { state.over = true; });
    const [lags, { reported, bytes }] = await Promise.all([probeApply(clients[0], clients[1], state), sampleReports(clients[2], state), running]);
    return { apply: percentiles(lags.map(([, lag]) => lag)), reported: percentiles(reported), bytes: percentiles(bytes), trace: worstBySecond(lags) };
  } finally {
    state.over = true;
    for (const client of clients) await client.end().catch(() => undefined);
  }
}
