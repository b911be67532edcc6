/**
 * Looks for a deadlock once somebody has waited for its deadlock_timeout. Nearly every wait is over long before, so all of them
 * share one timer, set for the one that is due first: a timer for each would cost as much as the wait. Those with the same
 * deadlock_timeout, mostly all, are due in order of coming and stand in a list: when a thousand wait for longer than that,
 * the timer rings all the time, and only looks at who is due.
 */
import type { Clock, TimerHandle, Timers } from '../env/env.js';

/** Those who wait with one deadlock_timeout, first come first: a ring through its own entry. */
class Line {
  next: Line | Watched = this;
  previous: Line | Watched = this;

  /** The one who is due first; null when nobody waits. */
  get first(): Watched | null {
    return this.next instanceof Watched ? this.next : null;
  }

  append(entry: Watched): void {
    entry.previous = this.previous;
    entry.next = this;
    this.previous.next = entry;
    this.previous = entry;
  }
}

/** Something that waits, as the watch keeps it. */
export class Watched {
  /** Its neighbours; null when it is not watched any more. */
  next: Line | Watched | null = null;
  previous: Line | Watched | null = null;

  constructor(
    /** Looks for a deadlock. */
    readonly check: () => void,
    readonly dueMs: number,
  ) {}
}

/** So many deadlock_timeouts are remembered while nobody waits. */
const MOST_EMPTY_LINES = 8;

/** See the file's comment. */
export class DeadlockWatch {
  /** By deadlock_timeout. */
  private readonly lines = new Map<number, Line>();
  private waiting = 0;
  private timer: TimerHandle | null = null;
  private timerDueMs = 0;

  constructor(private readonly timers: Timers, private readonly clock: Clock) {}

  /** Calls `check` in so many milliseconds unless `remove` comes before. */
  add(afterMs: number, check: () => void): Watched {
    const dueMs = this.clock.monotonicMs() + afterMs;
    const entry = new Watched(check, dueMs);
    let line = this.lines.get(afterMs);
    if (line === undefined) this.lines.set(afterMs, (line = new Line()));
    line.append(entry);
    this.waiting++;
    if (this.timer === null || dueMs < this.timerDueMs) this.arm(dueMs);
    return entry;
  }

  /** The wait is over. */
  remove(entry: Watched): void {
    const { next, previous } = entry;
    if (next === null || previous === null) return;
    previous.next = next;
    next.previous = previous;
    entry.next = entry.previous = null;
    if (--this.waiting > 0) return;
    if (this.lines.size > MOST_EMPTY_LINES) this.lines.clear();
    this.timer?.cancel();
    this.timer = null;
  }

  private arm(dueMs: number): void {
    this.timer?.cancel();
    this.timerDueMs = dueMs;
    this.timer = this.timers.after(Math.max(0, Math.ceil(dueMs - this.clock.monotonicMs())), () => this.ring());
  }

  /** The one of all who is due first. */
  private firstDue(): Watched | null {
    let first: Watched | null = null;
    for (const line of this.lines.values()) {
      const candidate = line.first;
      if (candidate !== null && (first === null || candidate.dueMs < first.dueMs)) first = candidate;
    }
    return first;
  }

  private ring(): void {
    this.timer = null;
    const now = this.clock.monotonicMs();
    // A check may end waits that are due as well.
    let first = this.firstDue();
    while (first !== null && first.dueMs <= now) {
      this.remove(first);
      first.check();
      first = this.firstDue();
    }
    if (first !== null && (this.timer === null || first.dueMs < this.timerDueMs)) this.arm(first.dueMs);
  }
}
