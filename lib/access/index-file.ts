/**
 * An index file: leaves in order under an array of their low entries, all found by binary search.
 *
 * Entries are not versioned. A transaction's entries stand in the leaves at once (readers look at the row's versions);
 * an entry that a version lost is *retired* (`retirements.ts`): it stays until no snapshot needs it, and while it does,
 * cursors ask for a re-check of its row. The entries of one (key, row id) stand side by side; at most one of them is not
 * retired: it is there when the row's newest version has the key. So a row may move away from a key and back in any number
 * of transactions without one disturbing the other; readers skip equal neighbours.
 *
 * An index that is completed while writers maintain it (`index-completion.ts`) does not have the entries of all rows yet, and may have
 * some of rows that were changed by writers who did not know it. So an entry that is lost before it was added is added, retired: an
 * abort makes it live, as it must be. And an entry that is there before its version is written becomes that version's.
 */
import type { ByteMemory } from '../base/byte-memory.js';
import type { Lsn } from '../base/lsn.js';
import type { FilePersistence } from '../txn/changes.js';
import type { EngineTransaction } from '../txn/transaction.js';
import type { FileNumber, IndexKey, RowId } from './api.js';
import { EntryEffect } from './entry-effect.js';
import { KEY_SPACE, valueKey } from './format.js';
import type { FileHost } from './heap-file.js';
import { ENTRY_BYTES, IndexLeaf, LEAF_ENTRIES, leafSlot, type KeyCompare, type LeafSlot } from './index-leaf.js';
import { LeafOrder } from './leaf-order.js';
import { LeafReads, type LeafReadsOwner } from './leaf-reads.js';
import { isPlainLeaf } from './leaf-values.js';
import { Retirements, type RetirementOwner } from './retirements.js';

/** What a directory says of an index file. */
export interface IndexDirectory {
  lowKeys: IndexKey[];
  lowRowIds: RowId[];
  leafIds: number[];
  /** Version of each leaf at rest; 0 = empty. */
  versions: number[];
  /** Whether each leaf at rest has retired entries. */
  retired: boolean[];
  nextLeafId: number;
  entries: number;
}

/** A place in the index. */
export interface IndexPlace {
  slot: number;
  position: number;
}

/** The part of a leaf that belongs to the state at an LSN. */
export interface LeafState {
  readonly keys: readonly IndexKey[];
  readonly rowIds: readonly RowId[];
  /** LSN of each entry's retirement, 0 = not retired; null when none is. */
  readonly marks: readonly number[] | null;
  /** It is all of the leaf. */
  readonly complete: boolean;
}

/** See the file's comment. */
export class IndexFile implements LeafReadsOwner, RetirementOwner {
  readonly kind = 'index';
  /** Low entry of each leaf. */
  readonly order = new LeafOrder();
  readonly slots: LeafSlot[];
  nextLeafId = 1;
  /** Goes up when leaves are split, dropped or evicted, or copies of them out of date: cursors then search again. */
  structureChanges = 0;
  private readonly reading = new LeafReads(this);
  entries = 0;
  creator: EngineTransaction | null = null;
  compare: KeyCompare | null = null;
  readonly retirements: Retirements;
  /** While a checkpoint runs: entries that are not part of its state, being of later or uncommitted transactions. */
  private late: Map<RowId, IndexKey[]> | null = null;
  /** While a checkpoint runs: leaves that were split, by id. */
  private splits: Set<number> | null = null;
  /** Leaves that differ from what is at rest, by id. */
  dirtyLeaves = new Set<number>();
  /** The directory at rest: its version, 0 = none. */
  directoryVersion = 0;
  directoryDirty = false;
  /** Leaves at rest that are gone: (id, version) pairs for the next checkpoint to delete. */
  private goneLeaves: [number, number][] = [];
  released = false;

  constructor(readonly host: FileHost, readonly file: FileNumber, readonly persistence: FilePersistence) {
    this.slots = [leafSlot(0, 0)];
    this.retirements = new Retirements(this, host.restoredLsn);
  }

  /** Takes over what the directory at rest says. */
  restore(directory: IndexDirectory, version: number): void {
    this.order.restore(directory.lowKeys, directory.lowRowIds);
    this.slots.length = 0;
    directory.leafIds.forEach((id, index) => {
      const slot = leafSlot(id, directory.versions[index]);
      slot.retiredAtRest = directory.retired[index];
      if (slot.retiredAtRest) this.retirements.restored(slot);
      this.slots.push(slot);
    });
    this.nextLeafId = directory.nextLeafId;
    this.entries = directory.entries;
    this.directoryVersion = version;
  }

  memoryChanged(bytes: number): void {
    if (!this.released) this.host.memory.changed(bytes);
  }

  leafDirty(leaf: IndexLeaf): void {
    this.dirtyLeaves.add(leaf.id);
  }

  /** The leaf has made room: its swap value is written under this serial. */
  swapOut(leaf: IndexLeaf, serial: number): void {
    leaf.swapOut(serial);
  }

  discardSwap(id: number, serial: number): void {
    this.host.discardValue(valueKey(KEY_SPACE.swap, this.file, id, serial));
  }

  evictLeaf(leaf: IndexLeaf): void {
    this.host.memory.remove(leaf);
  }

  get logged(): boolean {
    return this.persistence === 'permanent';
  }

  /** Sets how keys order; must come before the first use, and always be the same. */
  setCompare(compare: KeyCompare | undefined): void {
    if (compare === undefined) return;
    this.compare = compare;
    this.order.compare = compare;
  }

  /** The leaf of a slot, to be changed. */
  leafAt(slot: number): IndexLeaf {
    return this.reading.resident(this.slots[slot]);
  }

  leafOf(slot: LeafSlot): IndexLeaf {
    return this.reading.resident(slot);
  }

  /** The leaf of a slot for reading alone: it may be a copy, see `leaf-reads.ts`. */
  leafToRead(slot: number): IndexLeaf {
    return this.reading.toRead(this.slots[slot]);
  }

  outdateCopies(): void {
    this.structureChanges++;
  }

  /** Slot of the leaf where (key, rowId) stands or belongs. */
  slotFor(key: IndexKey, rowId: RowId): number {
    return this.order.slotFor(key, rowId);
  }

  positionIn(leaf: IndexLeaf, key: IndexKey, rowId: RowId): number {
    return leaf.lowerBound(this.compare, key, rowId);
  }

  /** Whether a key stands before `prefix` or starts with it. */
  private notAfter(key: IndexKey, prefix: IndexKey): boolean {
    if (this.compare === null ? key < prefix : this.compare(key, prefix) < 0) return true;
    return key.startsWith(prefix);
  }

  /** The first entry at or after (key, rowId). */
  seek(key: IndexKey, rowId: RowId): IndexPlace {
    const slot = this.slotFor(key, rowId);
    return { slot, position: this.positionIn(this.leafToRead(slot), key, rowId) };
  }

  /** The first entry behind all that start with `prefix`. */
  seekAfter(prefix: IndexKey): IndexPlace {
    let low = 1;
    const { keys } = this.order;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.notAfter(keys[middle], prefix)) low = middle + 1;
      else high = middle;
    }
    const slot = low - 1;
    return { slot, position: this.positionAfter(this.leafToRead(slot), prefix) };
  }

  /** Position in the leaf of the first entry behind all that start with `prefix`. */
  positionAfter(leaf: IndexLeaf, prefix: IndexKey): number {
    let from = 0;
    let to = leaf.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.notAfter(leaf.keyAt(middle), prefix)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Adds an entry for a version that the transaction wrote. */
  insert(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    transaction.markWritten();
    this.add(key, rowId);
    if (this.late !== null) this.noteLate(key, rowId);
    transaction.addEffect(new EntryEffect(this, key, rowId, true));
    if (this.logged) transaction.entryChanges?.indexEntry(true, this.file, rowId, key);
    else this.host.unloggedEntry(transaction);
  }

  /**
   * Replay's `insert`, and `complete`. The entry may be at rest already, since a checkpoint leaves out only those entries of
   * running transactions that are not spilled; it is the transaction's all the same.
   */
  replayInsert(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    // Only a completion meets rows that others are at work on.
    if (!this.retirements.isEmpty && this.isBeingLost(key, rowId, transaction)) return;
    this.add(key, rowId);
    if (this.late !== null) this.noteLate(key, rowId);
    transaction.addEffect(new EntryEffect(this, key, rowId, true));
  }

  /**
   * Completes the index by an entry of the version that a snapshot at `since` sees, in a transaction that commits at once. False when
   * the row has lost the key since (the snapshot being pinned, the mark that tells is there). A transaction that runs and has moved
   * the row away from the key, or has yet to tell the log so, may be undone: the log gets the entry in any case.
   */
  complete(transaction: EngineTransaction, key: IndexKey, rowId: RowId, since: Lsn): boolean {
    const slot = this.slotFor(key, rowId);
    const leaf = this.leafAt(slot);
    this.retirements.resolve(leaf);
    const first = this.positionIn(leaf, key, rowId);
    let isThere = false;
    for (let position = first; leaf.hasEntry(position, key, rowId); position++) {
      const mark = leaf.markAt(position);
      if (mark > since) return false;
      if (mark <= 0) isThere = true;
    }
    transaction.markWritten();
    if (!isThere) {
      this.place(slot, leaf, first, key, rowId);
      if (this.late !== null) this.noteLate(key, rowId);
    }
    if (this.logged) transaction.entryChanges?.indexEntry(true, this.file, rowId, key);
    return true;
  }

  /** Whether the entry is marked by a running transaction other than this one. */
  private isBeingLost(key: IndexKey, rowId: RowId, own: EngineTransaction): boolean {
    const leaf = this.leafAt(this.slotFor(key, rowId));
    if (leaf.retired === 0) return false;
    this.retirements.resolve(leaf);
    for (let position = this.positionIn(leaf, key, rowId); leaf.hasEntry(position, key, rowId); position++) {
      const mark = leaf.markAt(position);
      if (mark < 0 && mark !== -own.xid) return true;
    }
    return false;
  }

  /** Whether the row's newest version is in the index under the key. */
  hasLive(key: IndexKey, rowId: RowId): boolean {
    const leaf = this.leafAt(this.slotFor(key, rowId));
    return liveAt(leaf, this.positionIn(leaf, key, rowId), key, rowId) >= 0;
  }

  /** The row's newest version, written by the transaction, no longer has the key. */
  remove(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    transaction.markWritten();
    this.retire(transaction, key, rowId);
    transaction.addEffect(new EntryEffect(this, key, rowId, false));
    if (this.logged) transaction.entryChanges?.indexEntry(false, this.file, rowId, key);
    else this.host.unloggedEntry(transaction);
  }

  /** Adds an entry unless the row's newest version has it already. True when added. */
  add(key: IndexKey, rowId: RowId): boolean {
    const slot = this.slots.length - 1;
    const last = this.slots[slot].leaf;
    let leaf: IndexLeaf;
    let at: number;
    let position: number;
    if (last !== null && last.length > 0 && this.compare === null && isAfter(key, rowId, last)) {
      leaf = last;
      at = slot;
      position = last.length;
    } else {
      at = this.slotFor(key, rowId);
      leaf = this.leafAt(at);
      position = this.positionIn(leaf, key, rowId);
      if (liveAt(leaf, position, key, rowId) >= 0) return false;
    }
    this.place(at, leaf, position, key, rowId);
    return true;
  }

  /** Adds entries that stand behind all others, in order: `keys[i]` of row `firstRowId + i`. */
  append(keys: readonly IndexKey[], firstRowId: RowId): void {
    let leaf = this.leafAt(this.slots.length - 1);
    for (let from = 0; from < keys.length;) {
      if (leaf.length >= LEAF_ENTRIES) {
        const place = leafSlot(this.nextLeafId++, 0);
        const right = (place.leaf = new IndexLeaf(this, place.id, place));
        leaf.close();
        this.addLeaf(this.slots.length, leaf, right, keys[from], firstRowId + from);
        leaf = right;
      }
      const to = Math.min(keys.length, from + LEAF_ENTRIES - leaf.length);
      leaf.append(keys, firstRowId, from, to);
      from = to;
    }
    this.entries += keys.length;
  }

  /** Adds an entry at its place in its leaf. */
  place(slot: number, leaf: IndexLeaf, position: number, key: IndexKey, rowId: RowId): void {
    this.entries++;
    leaf.insertAt(position, key, rowId);
    if (leaf.length > LEAF_ENTRIES) this.split(slot, leaf);
  }

  /** Splits an overfull leaf: in the middle, or, where keys ascend, just before its end, and then it gets no more. Equal entries stay together. */
  private split(slot: number, leaf: IndexLeaf): void {
    const ascending = slot === this.slots.length - 1;
    let position = ascending ? leaf.length - 1 : leaf.length >> 1;
    while (position < leaf.length && leaf.repeats(position)) position++;
    if (position === leaf.length) return;
    const place = leafSlot(this.nextLeafId++, 0);
    const right = leaf.splitAt(position, place.id, place);
    this.retirements.split(leaf, right);
    if (ascending) leaf.close();
    this.addLeaf(slot + 1, leaf, right, right.keyAt(0), right.rowIdAt(0));
  }

  /** Puts a new leaf, which begins with this entry, at a slot; `left` is the one before it. */
  private addLeaf(slot: number, left: IndexLeaf, right: IndexLeaf, key: IndexKey, rowId: RowId): void {
    this.splits?.add(left.id).add(right.id);
    this.order.insert(slot, ownCopy(key), rowId);
    this.slots.splice(slot, 0, right.place);
    this.structureChanges++;
    this.directoryDirty = true;
    this.host.memory.add(right);
  }

  /** Removes the entry (key, row id) that is not retired, if there is one. */
  private take(key: IndexKey, rowId: RowId): void {
    const slot = this.slotFor(key, rowId);
    const leaf = this.leafAt(slot);
    const position = liveAt(leaf, this.positionIn(leaf, key, rowId), key, rowId);
    if (position < 0) return;
    this.entries--;
    leaf.removeAt(position);
    if (leaf.length === 0 && this.slots.length > 1) this.dropSlot(slot);
  }

  private dropSlot(slot: number): void {
    const [gone] = this.slots.splice(slot, 1);
    gone.gone = true;
    this.retirements.dropped(gone);
    if (gone.leaf !== null) {
      gone.leaf.discardSwapCopy();
      this.host.memory.remove(gone.leaf);
    }
    if (gone.version !== 0) this.goneLeaves.push([gone.id, gone.version]);
    this.dirtyLeaves.delete(gone.id);
    this.directoryDirty = true;
    this.order.remove(slot);
    this.structureChanges++;
  }

  /** A checkpoint begins (and `endCheckpoint` ends it): entries added from now on are not part of its state. */
  beginCheckpoint(): void {
    this.late = new Map();
    this.splits = new Set();
  }

  endCheckpoint(): void {
    this.late = null;
    this.splits = null;
  }

  /** Takes the set of dirty leaves, for a checkpoint. */
  takeDirty(): Set<number> {
    const dirty = this.dirtyLeaves;
    this.dirtyLeaves = new Set();
    return dirty;
  }

  addDirty(id: number): void {
    this.dirtyLeaves.add(id);
  }

  removeDirty(id: number): void {
    this.dirtyLeaves.delete(id);
  }

  takeGoneLeaves(): [number, number][] {
    const gone = this.goneLeaves;
    this.goneLeaves = [];
    return gone;
  }

  peekSplits(): ReadonlySet<number> {
    return this.splits ?? new Set();
  }

  /** The leaves that were split since the last call: what was written of them does not fit the order of leaves any more. */
  takeSplits(): Set<number> {
    const splits = this.splits ?? new Set<number>();
    this.splits = new Set();
    return splits;
  }

  noteLate(key: IndexKey, rowId: RowId): void {
    if (this.late === null) return;
    const keys = this.late.get(rowId);
    if (keys === undefined) this.late.set(rowId, [key]);
    else keys.push(key);
  }

  /** How many of the entries (key, row id) are late. */
  lateCount(key: IndexKey, rowId: RowId): number {
    const keys = this.late?.get(rowId);
    return keys === undefined ? 0 : keys.reduce((count, late) => count + (late === key ? 1 : 0), 0);
  }

  /** Takes an uncommitted entry back. */
  undoAdd(key: IndexKey, rowId: RowId): void {
    this.take(key, rowId);
    const keys = this.late?.get(rowId);
    const place = keys === undefined ? -1 : keys.indexOf(key);
    if (place >= 0) keys?.splice(place, 1);
  }

  /** Marks an entry as lost by the row's newest version; adds it for that where it is not there yet. */
  private retire(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    let leaf = this.leafAt(this.slotFor(key, rowId));
    let position = liveAt(leaf, this.positionIn(leaf, key, rowId), key, rowId);
    if (position < 0) {
      this.add(key, rowId);
      leaf = this.leafAt(this.slotFor(key, rowId));
      position = liveAt(leaf, this.positionIn(leaf, key, rowId), key, rowId);
    }
    this.retirements.mark(leaf, position, transaction);
  }

  /** Takes an uncommitted retirement back. */
  undoRetire(key: IndexKey, rowId: RowId): void {
    const leaf = this.leafAt(this.slotFor(key, rowId));
    // What is still marked with a transaction then is this one's: it has the row's lock.
    this.retirements.resolve(leaf);
    for (let position = this.positionIn(leaf, key, rowId); leaf.hasEntry(position, key, rowId); position++) {
      if (leaf.markAt(position) >= 0) continue;
      this.retirements.unmark(leaf, position);
      return;
    }
  }

  horizon(): Lsn {
    return this.host.horizon();
  }

  leafSwept(leaf: IndexLeaf, key: IndexKey, rowId: RowId, removed: number): void {
    this.entries -= removed;
    if (leaf.length === 0 && this.slots.length > 1) this.dropSlot(this.slotFor(key, rowId));
  }

  /**
   * The value of a leaf that is in memory as it was read, or (`swapped`) of one that was swapped out, where all of it belongs to the state of
   * the checkpoint that runs; null: `stateAt` tells. Most leaves are of these kinds when a load larger than memory is written: neither
   * are their entries unpacked, nor do they come into memory to drive out others.
   */
  valueAsRead(slot: LeafSlot, memory: ByteMemory): { readonly value: Uint8Array; readonly swapped: boolean } | null {
    const { leaf } = slot;
    if (this.late !== null && this.late.size > 0) return null;
    if (leaf !== null) {
      const value = leaf.length === 0 ? null : leaf.valueAsRead(memory);
      return value === null ? null : { value, swapped: false };
    }
    const value = slot.swapSerial === 0 ? null : this.host.readValue(valueKey(KEY_SPACE.swap, this.file, slot.id, slot.swapSerial), memory);
    return value !== null && isPlainLeaf(value) ? { value, swapped: true } : null;
  }

  /** The swap value of this serial is what is at rest now: it is not needed any more, unless the leaf has changed since. */
  swapIsAtRest(slot: LeafSlot, serial: number): void {
    const { leaf, id } = slot;
    if (slot.gone) return;
    if (leaf === null && slot.swapSerial === serial) {
      slot.swapSerial = 0;
      this.discardSwap(id, serial);
      this.removeDirty(id);
    } else if (leaf?.isSwapCopy(serial) === true) {
      leaf.dirty = false;
      this.removeDirty(id);
    } else this.addDirty(id);
  }

  /** What of a leaf belongs to the state at an LSN, that of the checkpoint that runs. */
  stateAt(leaf: IndexLeaf, at: Lsn): LeafState {
    this.retirements.resolve(leaf);
    const keys: IndexKey[] = [];
    const rowIds: RowId[] = [];
    let marks: number[] | null = null;
    let complete = true;
    let late = 0;
    const entries = leaf.entries();
    for (let index = 0; index < entries.keys.length; index++) {
      const key = entries.keys[index];
      const rowId = entries.rowIds[index];
      // Of equal neighbours that are not retired by then as many are left out as are late.
      if (index === 0 || entries.rowIds[index - 1] !== rowId || entries.keys[index - 1] !== key) late = this.lateCount(key, rowId);
      const mark = leaf.markAt(index);
      const retired = mark > 0 && mark <= at;
      if (mark !== 0 && !retired) complete = false;
      if (!retired && late > 0) {
        late--;
        complete = false;
        continue;
      }
      if (retired) marks ??= new Array<number>(keys.length).fill(0);
      marks?.push(retired ? mark : 0);
      keys.push(key);
      rowIds.push(rowId);
    }
    return { keys, rowIds, marks, complete };
  }

  /** The file is gone: gives its memory back. */
  release(): void {
    for (const slot of this.slots) if (slot.leaf !== null) this.host.memory.remove(slot.leaf);
    this.released = true;
    this.slots.length = 0;
    this.slots.push(leafSlot(0, 0));
    this.retirements.clear();
    this.order.clear();
    this.dirtyLeaves.clear();
    this.reading.clear();
    this.structureChanges++;
  }

  estimateBytes(): number {
    return this.entries * (ENTRY_BYTES + 12) + this.slots.length * 200;
  }
}

/** The key as a string of its own: one of a leaf that was read may be a slice, which keeps the keys of the whole leaf in memory. */
function ownCopy(key: IndexKey): IndexKey {
  return Buffer.from(key, 'latin1').toString('latin1');
}

/** Position of the entry (key, row id) that is not retired, among those from `position` on; -1 when there is none. */
function liveAt(leaf: IndexLeaf, position: number, key: IndexKey, rowId: RowId): number {
  for (; leaf.hasEntry(position, key, rowId); position++) {
    if (leaf.markAt(position) === 0) return position;
  }
  return -1;
}

/** Whether (key, rowId) stands behind the leaf's last entry. */
function isAfter(key: IndexKey, rowId: RowId, leaf: IndexLeaf): boolean {
  const last = leaf.length - 1;
  const lastKey = leaf.keyAt(last);
  return key > lastKey || (key === lastKey && rowId > leaf.rowIdAt(last));
}
