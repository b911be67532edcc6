/**
 * Looks for a deadlock once somebody has waited for its deadlock_timeout. Nearly every wait is over long before, so all of them
 * share one timer, set for the one that is due first: a timer for each would cost as much as the wait.
 */
import type { Clock, TimerHandle, Timers } from '../env/env.js';

/** Something that waits, as the watch keeps it. */
export interface Watched {
  /** Looks for a deadlock. */
  readonly check: () => void;
  readonly dueMs: number;
  /** Its place in the list; -1 when it is not in it. */
  place: number;
}

/** See the file's comment. */
export class DeadlockWatch {
  private readonly watched: Watched[] = [];
  private timer: TimerHandle | null = null;
  private timerDueMs = 0;

  constructor(private readonly timers: Timers, private readonly clock: Clock) {}

  /** Calls `check` in so many milliseconds unless `remove` comes before. */
  add(afterMs: number, check: () => void): Watched {
    const dueMs = this.clock.monotonicMs() + afterMs;
    const entry: Watched = { check, dueMs, place: this.watched.length };
    this.watched.push(entry);
    if (this.timer === null || dueMs < this.timerDueMs) this.arm(dueMs);
    return entry;
  }

  /** The wait is over. */
  remove(entry: Watched): void {
    if (entry.place < 0) return;
    const last = this.watched.pop() as Watched;
    if (last !== entry) {
      this.watched[entry.place] = last;
      last.place = entry.place;
    }
    entry.place = -1;
    if (this.watched.length > 0) return;
    this.timer?.cancel();
    this.timer = null;
  }

  private arm(dueMs: number): void {
    this.timer?.cancel();
    this.timerDueMs = dueMs;
    this.timer = this.timers.after(Math.max(0, Math.ceil(dueMs - this.clock.monotonicMs())), () => this.ring());
  }

  private ring(): void {
    this.timer = null;
    const now = this.clock.monotonicMs();
    const due = this.watched.filter((entry) => entry.dueMs <= now).sort((a, b) => a.dueMs - b.dueMs);
    for (const entry of due) {
      // A check may end waits that are due as well.
      if (entry.place < 0) continue;
      this.remove(entry);
      entry.check();
    }
    if (this.timer !== null || this.watched.length === 0) return;
    this.arm(this.watched.reduce((least, { dueMs }) => Math.min(least, dueMs), Infinity));
  }
}
