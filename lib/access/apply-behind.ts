/**
 * Puts the rows that recovery has gathered into their chunks while the engine is at work already: a moment later, so that whoever waits for the server
 * is served first, then a few chunks at a time between everybody else's turns. Until it is
 * over the next recovery would begin where this one did, as it would without: the log is kept by checkpoints, which apply what they write.
 */
import type { Suspend } from '../base/suspend.js';
import type { Env, TimerHandle } from '../env/env.js';
import type { GatheredRows } from './gathered-rows.js';

/** Time for those who have waited for the server. */
const BEGIN_AFTER_MS = 250;
/** Time for chunks between two turns of the event loop: a chunk takes half a millisecond. */
const SLICE_MS = 2;

/** What it needs of the engine. */
export interface BehindHost {
  readonly env: Env;
  readonly ending: boolean;
  /** What is to be waited for while there is too little room in memory. */
  memoryPressure(): Suspend | null;
  fail(error: unknown): void;
}

/** A chunk that is damaged fails the host (XX001), as it does where replay or a checkpoint meets one. */
export class ApplyBehind {
  private readonly timer: TimerHandle;
  private applying: Promise<void> = Promise.resolve();

  constructor(private readonly host: BehindHost, private readonly gathered: GatheredRows) {
    this.timer = host.env.timers.after(BEGIN_AFTER_MS, () => {
      this.applying = this.apply().catch((error: unknown) => host.fail(error));
    }, true);
  }

  /** The host is ending; resolves when it is not used any more. */
  async stop(): Promise<void> {
    this.timer.cancel();
    await this.applying;
  }

  private async apply(): Promise<void> {
    const { host, gathered } = this;
    const { clock, timers } = host.env;
    let start = clock.monotonicMs();
    for (const chunk of gathered.awaiting()) {
      if (host.ending) return;
      gathered.apply(chunk);
      if (clock.monotonicMs() - start < SLICE_MS) continue;
      await host.memoryPressure()?.until;
      await new Promise<void>((resolve) => timers.soon(resolve));
      start = clock.monotonicMs();
    }
  }
}
