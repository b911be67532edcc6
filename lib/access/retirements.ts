/**
 * Entries of an index that rows have lost, until no snapshot needs them.
 *
 * An entry is *retired* by a mark beside it in its leaf: minus the xid of the transaction that did it, or the LSN at which
 * that one committed. Marks go to the store and come back with their leaf, so what stands here in memory is bounded by
 * leaves and chunks: which leaves have marks, how many rows of each chunk have lost an entry (readers check the keys of that
 * chunk's rows again), and for each transaction when it committed, until every mark of its has been replaced by that LSN.
 */
import { MAX_LSN, INVALID_LSN, type Lsn } from '../base/lsn.js';
import { Effect, type EngineTransaction } from '../txn/transaction.js';
import { CHUNK_ROWS, type IndexKey, type RowId } from './api.js';
import type { IndexLeaf, LeafSlot } from './index-leaf.js';

/** Committed retirements that are let gather before some are swept. */
const SWEEP_ENTRIES = 64;
/** Leaves looked at in one go. */
const SWEEP_LEAVES = 2 * SWEEP_ENTRIES;

/** What retirements need of their index. */
export interface RetirementOwner {
  leafOf(slot: LeafSlot): IndexLeaf;
  /** Entries of this leaf were removed, (key, row id) having been its first. */
  leafSwept(leaf: IndexLeaf, key: IndexKey, rowId: RowId, removed: number): void;
  horizon(): Lsn;
}

/** A transaction that has retired entries of the index. */
export class Retirer extends Effect {
  /** Where it committed; the highest of all while it runs, the lowest when it was undone. */
  lsn: Lsn = MAX_LSN;
  /** Entries that are marked with its xid. */
  marks = 0;

  constructor(private readonly retirements: Retirements, readonly xid: number) {
    super();
  }

  committed(lsn: Lsn): void {
    this.lsn = lsn;
    this.retirements.committed(this);
  }

  undone(): void {
    this.lsn = INVALID_LSN;
    this.retirements.forget(this);
  }
}

/** See the file's comment. */
export class Retirements {
  private readonly retirers = new Map<number, Retirer>();
  /** The retirer found last. */
  private last: Retirer | null = null;
  /** Retired entries by the chunk of their rows; without those that were committed before `restoredLsn`. */
  private readonly chunks = new Map<number, number>();
  /** Leaves with marks, those first that were not looked at for long. */
  private readonly slots = new Set<LeafSlot>();
  /** Committed retirements since the last sweep. */
  private due = 0;
  /** Leaves to look at until the sweep has been everywhere. */
  private passLeft = 0;

  /** `restoredLsn`: no snapshot is older than this. */
  constructor(private readonly owner: RetirementOwner, private readonly restoredLsn: Lsn) {}

  /** A leaf at rest has marks. */
  restored(slot: LeafSlot): void {
    this.slots.add(slot);
  }

  /** No leaf has marks. */
  get isEmpty(): boolean {
    return this.slots.size === 0;
  }

  /** Whether `mayHave` says no for every row. */
  get hasNone(): boolean {
    return this.chunks.size === 0;
  }

  /** Whether the row may have entries that it has lost. */
  mayHave(rowId: RowId): boolean {
    return this.chunks.size !== 0 && this.chunks.has(chunkOf(rowId));
  }

  /** Marks a live entry as lost by a version of the transaction. */
  mark(leaf: IndexLeaf, position: number, transaction: EngineTransaction): void {
    const retirer = this.retirerOf(transaction);
    const { place } = leaf;
    if (leaf.retired === 0) {
      place.sweptAfter = retirer;
      this.slots.add(place);
    } else if (place.sweptAfter !== retirer) place.sweptAfter = null;
    retirer.marks++;
    leaf.setMark(position, -retirer.xid);
    this.count(leaf.rowIdAt(position), 1);
  }

  /** The entry is live again. */
  unmark(leaf: IndexLeaf, position: number): void {
    const retirer = this.retirers.get(-leaf.markAt(position));
    if (retirer !== undefined) retirer.marks--;
    leaf.setMark(position, 0);
    this.count(leaf.rowIdAt(position), -1);
  }

  private count(rowId: RowId, change: number): void {
    const chunk = chunkOf(rowId);
    const count = (this.chunks.get(chunk) ?? 0) + change;
    if (count > 0) this.chunks.set(chunk, count);
    else this.chunks.delete(chunk);
  }

  private retirerOf(transaction: EngineTransaction): Retirer {
    const { xid } = transaction;
    if (this.last !== null && this.last.xid === xid) return this.last;
    let found = this.retirers.get(xid);
    if (found === undefined) {
      found = new Retirer(this, xid);
      this.retirers.set(xid, found);
      transaction.addEffect(found);
    }
    this.last = found;
    return found;
  }

  forget(retirer: Retirer): void {
    this.retirers.delete(retirer.xid);
    if (this.last === retirer) this.last = null;
  }

  /** A retirer has committed: what it marked goes once the horizon has passed. */
  committed(retirer: Retirer): void {
    this.last = null;
    if (retirer.marks === 0) this.forget(retirer);
    this.due += retirer.marks;
    if (this.due <= SWEEP_ENTRIES) return;
    this.due = 0;
    this.sweep(this.owner.horizon());
  }

  /** A leaf was split: the right half may have marks. */
  split(left: IndexLeaf, right: IndexLeaf): void {
    if (right.retired > 0) {
      right.place.sweptAfter = left.place.sweptAfter;
      this.slots.add(right.place);
    }
    if (left.retired === 0) this.slots.delete(left.place);
  }

  dropped(slot: LeafSlot): void {
    this.slots.delete(slot);
  }

  clear(): void {
    this.retirers.clear();
    this.chunks.clear();
    this.slots.clear();
    this.last = null;
  }

  /** Replaces marks of transactions that have committed by their LSN. */
  resolve(leaf: IndexLeaf): void {
    const { marks } = leaf;
    if (marks === null) return;
    for (let position = 0; position < marks.length; position++) {
      if (marks[position] >= 0) continue;
      const retirer = this.retirers.get(-marks[position]);
      if (retirer === undefined || retirer.lsn === MAX_LSN) continue;
      leaf.setMark(position, retirer.lsn);
      if (--retirer.marks === 0) this.forget(retirer);
    }
  }

  /** The next `sweep` begins anew with all leaves. */
  beginSweep(): void {
    this.passLeft = 0;
  }

  /** Removes entries that no snapshot at or after `horizon` needs from some leaves; true when there are more to look at. */
  sweep(horizon: Lsn): boolean {
    const { slots } = this;
    if (this.passLeft === 0 || this.passLeft > slots.size) this.passLeft = slots.size;
    let left = Math.min(this.passLeft, SWEEP_LEAVES);
    this.passLeft -= left;
    for (const slot of slots) {
      if (left-- === 0) break;
      // It goes to the end, if it stays.
      slots.delete(slot);
      if (slot.sweptAfter !== null && slot.sweptAfter.lsn > horizon) slots.add(slot);
      else this.sweepLeaf(this.owner.leafOf(slot), horizon);
    }
    return this.passLeft > 0;
  }

  private sweepLeaf(leaf: IndexLeaf, horizon: Lsn): void {
    if (leaf.retired === 0) return;
    this.resolve(leaf);
    const [key, rowId] = [leaf.keyAt(0), leaf.rowIdAt(0)];
    const removed = leaf.removeRetired(horizon, (row, lsn) => {
      if (lsn > this.restoredLsn) this.count(row, -1);
    });
    if (leaf.retired > 0) {
      leaf.place.sweptAfter = this.firstToWaitFor(leaf);
      this.slots.add(leaf.place);
    }
    if (removed > 0) this.owner.leafSwept(leaf, key, rowId, removed);
  }

  /** What has to pass before an entry of the leaf can go: the lowest LSN of its marks, or else a transaction that runs. */
  private firstToWaitFor(leaf: IndexLeaf): LeafSlot['sweptAfter'] {
    let lowest: number = MAX_LSN;
    let running: Retirer | null = null;
    for (const mark of leaf.marks ?? []) {
      if (mark > 0 && mark < lowest) lowest = mark;
      else if (mark < 0 && running === null) running = this.retirers.get(-mark) ?? null;
    }
    return lowest === MAX_LSN ? running : { lsn: lowest as Lsn };
  }
}

function chunkOf(rowId: RowId): number {
  return Math.floor((rowId - 1) / CHUNK_ROWS);
}
