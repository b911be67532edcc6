/**
 * Puts the rows that recovery has gathered into their chunks while the engine is at work already: a few chunks, then everybody else's turn. Until it is
 * over the next recovery would begin where this one did, as it would without: the log is kept by checkpoints, which apply what they write.
 */
import type { Suspend } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import type { GatheredRows } from './gathered-rows.js';

/** Time for chunks between two turns of the event loop: a chunk takes half a millisecond. */
const SLICE_MS = 2;

/** What it needs of the engine. */
export interface BehindHost {
  readonly env: Env;
  readonly ending: boolean;
  /** What is to be waited for while there is too little room in memory. */
  memoryPressure(): Suspend | null;
}

/** Resolves when all is applied, or the engine ends. Rejects with XX001 for a chunk that is damaged: the engine must end, as it does where replay or a checkpoint meets one. */
export async function applyBehind(host: BehindHost, gathered: GatheredRows): Promise<void> {
  const { env } = host;
  const nextTurn = (): Promise<void> => new Promise((resolve) => env.timers.soon(resolve));
  await nextTurn();
  let start = env.clock.monotonicMs();
  for (const chunk of gathered.awaiting()) {
    if (host.ending) return;
    gathered.apply(chunk);
    if (env.clock.monotonicMs() - start < SLICE_MS) continue;
    await host.memoryPressure()?.until;
    await nextTurn();
    start = env.clock.monotonicMs();
  }
}
