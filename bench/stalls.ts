/**
 * How long our event loop stands still under a load, from inside (perf_hooks, by `loop-delay.ts`), and on both servers from
 * outside: the longest wait of a connection that asks SELECT 1 every few milliseconds. The outer figure also counts what the
 * machine's scheduler does when client and server share its cores, so it bounds the inner one from above. Measured in runs of
 * their own, since the probe takes time from the load.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import { connect, pause } from './client.js';
import type { Contender } from './contender.js';
import { percentiles, ratioOf, type Percentiles } from './statistics.js';

const PROBE_EVERY_MS = 3;
const preload = fileURLToPath(new URL('./loop-delay.js', import.meta.url));

/** A load, with what it needs. */
export interface Load {
  prepare(contender: Contender): Promise<void>;
  load(contender: Contender): Promise<void>;
}

/** Asks SELECT 1 again and again until the work is done; the waits in ms. */
export async function probe(port: number, work: Promise<void>): Promise<Percentiles | null> {
  const client = await connect(port);
  const waits: number[] = [];
  const state = { over: false };
  const ended = work.finally(() => { state.over = true; });
  // It is awaited below; an early failure must not go unhandled before.
  ended.catch(() => undefined);
  while (!state.over) {
    const start = performance.now();
    await client.query('SELECT 1');
    waits.push(performance.now() - start);
    await pause(PROBE_EVERY_MS);
  }
  await client.end();
  await ended;
  return percentiles(waits);
}

/** Longest delay of the event loop since the last call, in ms. */
async function takeDelay(contender: Contender, file: string): Promise<number> {
  rmSync(file, { force: true });
  process.kill(contender.pid, 'SIGUSR2');
  for (let wait = 0; wait < 1000 && !existsSync(file); wait++) await pause(5);
  await pause(5);
  return Number(readFileSync(file, 'utf8'));
}

/** Measures both and keeps two figures: the wait of the probe, and the delay inside ours. */
export async function compareStalls(bench: Bench, { name, mostMs }: { name: string; mostMs: number }, load: Load): Promise<void> {
  const inside = `${name.split(':')[0]}: longest stall of the event loop`;
  if (!bench.wantsAny([name, inside])) return;
  const file = join(bench.directory, 'loop-delay');
  bench.file('loop-delay', '');
  process.env.BENCH_LOOP_DELAY_FILE = file;
  try {
    const pair = { ours: await bench.ours({ nodeOptions: ['--import', preload] }), postgres: await bench.postgres() };
    const waits: Partial<Record<string, Percentiles | null>> = {};
    let delay: number | null = null;
    for (const contender of [pair.ours, pair.postgres]) {
      await contender.start();
      await load.prepare(contender);
      await load.load(contender);
      if (contender.side === 'ours') await takeDelay(contender, file);
      waits[contender.side] = await probe(contender.port, load.load(contender));
      if (contender.side === 'ours') delay = await takeDelay(contender, file);
    }
    const [ours, postgres] = [waits.ours?.max ?? null, waits.postgres?.max ?? null];
    const latency = { ours: waits.ours ?? null, postgres: waits.postgres ?? null };
    const ratio = ours === null || postgres === null ? null : ratioOf(ours, postgres, 'less');
    bench.keep({ name, unit: 'ms', better: 'less', ours, postgres, ratio, goal: {}, latency });
    bench.keep({ name: inside, unit: 'ms', better: 'less', ours: delay, postgres: null, ratio: null, goal: { most: mostMs } });
  } finally {
    delete process.env.BENCH_LOOP_DELAY_FILE;
    await bench.clear();
  }
}
