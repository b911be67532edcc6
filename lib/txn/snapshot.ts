/**
 * Snapshots and the horizon of version garbage collection.
 *
 * A snapshot is an LSN with, for the reader's own work, a transaction and a command id. Nothing is registered when one is
 * taken: within one synchronous stretch the acknowledged LSN does not move, so versions that a fresh snapshot needs cannot
 * be pruned. Whoever keeps a snapshot across a wait pins it.
 */
import { MAX_LSN, type Lsn } from '../base/lsn.js';
import type { EngineTransaction } from './transaction.js';

/** The engine's snapshot; immutable. */
export class EngineSnapshot {
  constructor(
    readonly lsn: Lsn,
    readonly transaction: EngineTransaction | null,
    readonly commandId: number,
  ) {}
}

/** LSNs that somebody still reads at, with the smallest at hand. */
export class SnapshotPins {
  private readonly counts = new Map<Lsn, number>();
  private smallest: Lsn = MAX_LSN;

  /** Pins an LSN; call `unpin` with the same LSN once for each `pin`. */
  pin(lsn: Lsn): void {
    this.counts.set(lsn, (this.counts.get(lsn) ?? 0) + 1);
    if (lsn < this.smallest) this.smallest = lsn;
  }

  unpin(lsn: Lsn): void {
    const count = this.counts.get(lsn) ?? 0;
    if (count > 1) {
      this.counts.set(lsn, count - 1);
      return;
    }
    this.counts.delete(lsn);
    if (lsn !== this.smallest) return;
    let smallest: Lsn = MAX_LSN;
    for (const pinned of this.counts.keys()) if (pinned < smallest) smallest = pinned;
    this.smallest = smallest;
  }

  /** The oldest pinned LSN; MAX_LSN when there is none. */
  minimum(): Lsn {
    return this.smallest;
  }

  get size(): number {
    return this.counts.size;
  }
}
