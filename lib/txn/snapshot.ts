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

/** A snapshot that somebody still reads at. */
export interface SnapshotPin {
  readonly lsn: Lsn;
  /** Who reads; null: not a transaction (a checkpoint). */
  readonly transaction: EngineTransaction | null;
}

/** LSNs that somebody still reads at, with the smallest at hand. */
export class SnapshotPins {
  private readonly pins = new Set<SnapshotPin>();
  private readonly counts = new Map<Lsn, number>();
  private smallest: Lsn = MAX_LSN;

  /** Pins an LSN, until `unpin`. */
  pin(lsn: Lsn, transaction: EngineTransaction | null): SnapshotPin {
    const pin = { lsn, transaction };
    this.pins.add(pin);
    this.counts.set(lsn, (this.counts.get(lsn) ?? 0) + 1);
    if (lsn < this.smallest) this.smallest = lsn;
    return pin;
  }

  /** To be called once for each pin. */
  unpin(pin: SnapshotPin): void {
    const { lsn } = pin;
    this.pins.delete(pin);
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

  /** The transactions that read at an LSN before this one. */
  before(lsn: Lsn): EngineTransaction[] {
    const found = new Set<EngineTransaction>();
    if (this.smallest < lsn) for (const pin of this.pins) if (pin.lsn < lsn && pin.transaction !== null) found.add(pin.transaction);
    return [...found];
  }

  /** The LSNs that transactions other than this one read at. */
  ofOthers(transaction: EngineTransaction): Lsn[] {
    const found = new Set<Lsn>();
    for (const pin of this.pins) if (pin.transaction !== null && pin.transaction !== transaction) found.add(pin.lsn);
    return [...found];
  }
}
