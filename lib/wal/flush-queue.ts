/**
 * Who waits for which LSN to be durable: callbacks in LSN order, without a promise per commit. Commits ask in LSN
 * order, so adding is a push nearly always.
 */
import type { Lsn } from '../base/lsn.js';

/** Callbacks ordered by the LSN they wait for; same LSN: by arrival. */
export class FlushQueue {
  private positions: number[] = [];
  private callbacks: (() => void)[] = [];
  private head = 0;

  /** Number of waiting callbacks. */
  get length(): number {
    return this.positions.length - this.head;
  }

  add(position: Lsn, callback: () => void): void {
    let at = this.positions.length;
    while (at > this.head && this.positions[at - 1] > position) at--;
    if (at === this.positions.length) {
      this.positions.push(position);
      this.callbacks.push(callback);
    } else {
      this.positions.splice(at, 0, position);
      this.callbacks.splice(at, 0, callback);
    }
  }

  /** Calls, in order, all that wait for at most `flushed`; they may add others. An error of one does not stop the rest. */
  run(flushed: number): void {
    let failure: unknown;
    let failed = false;
    while (this.head < this.positions.length && this.positions[this.head] <= flushed) {
      const callback = this.callbacks[this.head++];
      try {
        callback();
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    }
    if (this.head === this.positions.length) {
      this.drop();
    } else if (this.head > 1024) {
      this.positions = this.positions.slice(this.head);
      this.callbacks = this.callbacks.slice(this.head);
      this.head = 0;
    }
    if (failed) throw failure;
  }

  /** Forgets everybody. */
  drop(): void {
    this.positions = [];
    this.callbacks = [];
    this.head = 0;
  }
}
