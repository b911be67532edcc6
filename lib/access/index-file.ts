/**
 * An index file: leaves in order under an array of their low entries, all found by binary search.
 *
 * Entries are not versioned. A transaction's entries stand in the leaves at once (readers look at the row's versions);
 * an entry that a version lost is *retired*: it stays until no snapshot needs it, and while it does, cursors ask for a
 * re-check of its row. The entries of one (key, row id) form a multiset: entries minus retirements is 1 when the row's
 * newest version has the key, 0 when not. So a row may move away from a key and back in any number of transactions
 * without one disturbing the other; readers skip equal neighbours.
 */
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { FilePersistence } from '../txn/changes.js';
import type { EngineTransaction } from '../txn/transaction.js';
import type { FileNumber, IndexKey, RowId } from './api.js';
import { EntryEffect, type IndexEntry, type Retirement } from './entry-effect.js';
import { KEY_SPACE, valueKey } from './format.js';
import type { FileHost } from './heap-file.js';
import { compareEntries, ENTRY_BYTES, IndexLeaf, LEAF_ENTRIES, lowerBound, lowerBoundBy, type KeyCompare, type LeafOwner, type LeafSlot } from './index-leaf.js';
import { decodeLeaf } from './leaf-values.js';

/** What a directory says of an index file. */
export interface IndexDirectory {
  lowKeys: IndexKey[];
  lowRowIds: RowId[];
  leafIds: number[];
  /** Version of each leaf at rest; 0 = empty. */
  versions: number[];
  nextLeafId: number;
  entries: number;
  /** Entries that the leaves still have but no row any more. */
  retired: readonly IndexEntry[];
}

/** A place in the index. */
export interface IndexPlace {
  slot: number;
  position: number;
}

/** Committed retirements that are let gather before some are swept. */
const SWEEP_ENTRIES = 64;
/** Room made for a leaf before it is loaded. */
const LEAF_ROOM = 8 << 10;

/** See the file's comment. */
export class IndexFile implements LeafOwner {
  readonly kind = 'index';
  /** Low entry of each leaf; the first leaf's is below every entry. */
  readonly lowKeys: IndexKey[] = [''];
  readonly lowRowIds: RowId[] = [0];
  readonly slots: LeafSlot[];
  nextLeafId = 1;
  /** Goes up when leaves are split, dropped or evicted: cursors then search again. */
  structureChanges = 0;
  entries = 0;
  creator: EngineTransaction | null = null;
  compare: KeyCompare | null = null;
  /** Keys that rows have lost or are about to lose, by row: nearly always one. */
  readonly retiring = new Map<RowId, IndexKey | IndexKey[]>();
  /** Committed retirements in order of LSN. */
  private retired: Retirement[] = [];
  /** How many of them, from the first, are swept. */
  private swept = 0;
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
    this.slots = [{ leaf: null, id: 0, version: 0, swapSerial: 0, gone: false }];
  }

  /** Takes over what the directory at rest says. */
  restore(directory: IndexDirectory, version: number): void {
    this.lowKeys.length = 0;
    this.lowRowIds.length = 0;
    this.lowKeys.push(...directory.lowKeys);
    this.lowRowIds.push(...directory.lowRowIds);
    this.slots.length = 0;
    directory.leafIds.forEach((id, index) => this.slots.push({ leaf: null, id, version: directory.versions[index], swapSerial: 0, gone: false }));
    this.nextLeafId = directory.nextLeafId;
    this.entries = directory.entries;
    this.directoryVersion = version;
    for (const { key, rowId } of directory.retired) {
      this.noteRetiring(key, rowId);
      this.retired.push({ key, rowId, lsn: INVALID_LSN });
    }
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
    if (compare !== undefined) this.compare = compare;
  }

  /** The leaf of a slot, loaded when it is not resident. */
  leafAt(slot: number): IndexLeaf {
    return this.leafOf(this.slots[slot]);
  }

  leafOf(slot: LeafSlot): IndexLeaf {
    const { leaf } = slot;
    if (leaf === null) return this.loadLeaf(slot);
    leaf.referenced = true;
    this.host.memory.hits++;
    return leaf;
  }

  private loadLeaf(slot: LeafSlot): IndexLeaf {
    this.host.memory.reads++;
    this.host.memory.makeRoom(LEAF_ROOM);
    const leaf = new IndexLeaf(this, slot.id, slot);
    if (slot.swapSerial !== 0) {
      decodeLeaf(leaf, this.host.readValue(valueKey(KEY_SPACE.swap, this.file, slot.id, slot.swapSerial)));
      leaf.swapCopy = { serial: slot.swapSerial, changes: leaf.changes };
      slot.swapSerial = 0;
      leaf.dirty = true;
      this.dirtyLeaves.add(slot.id);
    } else if (slot.version !== 0) decodeLeaf(leaf, this.host.readValue(valueKey(KEY_SPACE.leaf, this.file, slot.id, slot.version)));
    slot.leaf = leaf;
    this.host.memory.add(leaf);
    return leaf;
  }

  /** Slot of the leaf where (key, rowId) stands or belongs. */
  slotFor(key: IndexKey, rowId: RowId): number {
    const { lowKeys, lowRowIds, compare } = this;
    let low = 1;
    let high = lowKeys.length;
    if (compare !== null) {
      while (low < high) {
        const middle = (low + high) >> 1;
        if (compareEntries(compare, lowKeys[middle], lowRowIds[middle], key, rowId) <= 0) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = lowKeys[middle];
      if (found < key || (found === key && lowRowIds[middle] <= rowId)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  positionIn(leaf: IndexLeaf, key: IndexKey, rowId: RowId): number {
    if (this.compare === null) return lowerBound(leaf.keys, leaf.rowIds, key, rowId);
    return lowerBoundBy(this.compare, leaf.keys, leaf.rowIds, key, rowId);
  }

  /** Whether a key stands before `prefix` or starts with it. */
  private notAfter(key: IndexKey, prefix: IndexKey): boolean {
    if (this.compare === null ? key < prefix : this.compare(key, prefix) < 0) return true;
    return key.startsWith(prefix);
  }

  /** The first entry at or after (key, rowId). */
  seek(key: IndexKey, rowId: RowId): IndexPlace {
    const slot = this.slotFor(key, rowId);
    return { slot, position: this.positionIn(this.leafAt(slot), key, rowId) };
  }

  /** The first entry behind all that start with `prefix`. */
  seekAfter(prefix: IndexKey): IndexPlace {
    let low = 1;
    let high = this.lowKeys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.notAfter(this.lowKeys[middle], prefix)) low = middle + 1;
      else high = middle;
    }
    const slot = low - 1;
    return { slot, position: this.positionAfter(this.leafAt(slot), prefix) };
  }

  /** Position in the leaf of the first entry behind all that start with `prefix`. */
  positionAfter(leaf: IndexLeaf, prefix: IndexKey): number {
    let from = 0;
    let to = leaf.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.notAfter(leaf.keys[middle], prefix)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Adds an entry for a version that the transaction wrote. */
  insert(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    transaction.markWritten();
    if (!this.add(key, rowId)) return;
    if (this.late !== null) this.noteLate(key, rowId);
    transaction.addEffect(new EntryEffect(this, key, rowId, true));
    if (this.logged) transaction.entryChanges?.indexEntry(true, this.file, rowId, key);
  }

  /**
   * Replay's `insert`. `present`: the entry may be at rest already, since a checkpoint leaves out only those entries of
   * running transactions that are not spilled; it is the transaction's all the same.
   */
  replayInsert(transaction: EngineTransaction, key: IndexKey, rowId: RowId, present: boolean): void {
    const added = this.add(key, rowId);
    if (added && this.late !== null) this.noteLate(key, rowId);
    if (added || present) transaction.addEffect(new EntryEffect(this, key, rowId, true));
  }

  /** The row's newest version, written by the transaction, no longer has the key. */
  remove(transaction: EngineTransaction, key: IndexKey, rowId: RowId): void {
    transaction.markWritten();
    if (!this.retire(key, rowId)) return;
    transaction.addEffect(new EntryEffect(this, key, rowId, false));
    if (this.logged) transaction.entryChanges?.indexEntry(false, this.file, rowId, key);
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
      if (leaf.rowIds[position] === rowId && leaf.keys[position] === key && this.countAt(leaf, position) > this.retirementsOf(key, rowId)) {
        return false;
      }
    }
    this.entries++;
    leaf.insertAt(position, key, rowId);
    if (leaf.length > LEAF_ENTRIES) this.split(at, leaf);
    return true;
  }

  /** How often the entry at `position` stands there. */
  private countAt(leaf: IndexLeaf, position: number): number {
    const key = leaf.keys[position];
    const rowId = leaf.rowIds[position];
    let count = 1;
    while (leaf.rowIds[position + count] === rowId && leaf.keys[position + count] === key) count++;
    return count;
  }

  private retirementsOf(key: IndexKey, rowId: RowId): number {
    if (this.retiring.size === 0) return 0;
    const keys = this.retiring.get(rowId);
    if (keys === undefined) return 0;
    if (typeof keys === 'string') return keys === key ? 1 : 0;
    let count = 0;
    for (const retired of keys) if (retired === key) count++;
    return count;
  }

  /** Splits an overfull leaf: in the middle, or, where keys ascend, just before its end. Equal entries stay together. */
  private split(slot: number, leaf: IndexLeaf): void {
    const ascending = slot === this.slots.length - 1;
    let position = ascending ? leaf.length - 1 : leaf.length >> 1;
    while (position < leaf.length && leaf.rowIds[position] === leaf.rowIds[position - 1] && leaf.keys[position] === leaf.keys[position - 1]) position++;
    if (position === leaf.length) return;
    const place: LeafSlot = { leaf: null, id: this.nextLeafId++, version: 0, swapSerial: 0, gone: false };
    const right = leaf.splitAt(position, place.id, place);
    this.splits?.add(leaf.id).add(right.id);
    this.lowKeys.splice(slot + 1, 0, ownCopy(right.keys[0]));
    this.lowRowIds.splice(slot + 1, 0, right.rowIds[0]);
    this.slots.splice(slot + 1, 0, place);
    this.structureChanges++;
    this.directoryDirty = true;
    this.host.memory.add(right);
  }

  /** Removes one (key, rowId) entry; false when there is none. */
  take(key: IndexKey, rowId: RowId): boolean {
    const slot = this.slotFor(key, rowId);
    const leaf = this.leafAt(slot);
    const position = this.positionIn(leaf, key, rowId);
    if (leaf.rowIds[position] !== rowId || leaf.keys[position] !== key) return false;
    this.entries--;
    leaf.removeAt(position);
    if (leaf.length === 0 && this.slots.length > 1) this.dropSlot(slot);
    return true;
  }

  private dropSlot(slot: number): void {
    const [gone] = this.slots.splice(slot, 1);
    gone.gone = true;
    if (gone.leaf !== null) {
      gone.leaf.discardSwapCopy();
      this.host.memory.remove(gone.leaf);
    }
    if (gone.version !== 0) this.goneLeaves.push([gone.id, gone.version]);
    this.dirtyLeaves.delete(gone.id);
    this.directoryDirty = true;
    this.lowKeys.splice(slot, 1);
    this.lowRowIds.splice(slot, 1);
    this.lowKeys[0] = '';
    this.lowRowIds[0] = 0;
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

  /** Marks an entry as lost by the row's newest version; false when the newest version did not have it. */
  retire(key: IndexKey, rowId: RowId): boolean {
    const leaf = this.leafAt(this.slotFor(key, rowId));
    const position = this.positionIn(leaf, key, rowId);
    if (leaf.rowIds[position] !== rowId || leaf.keys[position] !== key) return false;
    if (this.countAt(leaf, position) <= this.retirementsOf(key, rowId)) return false;
    this.noteRetiring(key, rowId);
    return true;
  }

  private noteRetiring(key: IndexKey, rowId: RowId): void {
    const keys = this.retiring.get(rowId);
    if (keys === undefined) this.retiring.set(rowId, key);
    else if (typeof keys === 'string') this.retiring.set(rowId, [keys, key]);
    else keys.push(key);
  }

  /** Takes a retirement back. */
  unretire(key: IndexKey, rowId: RowId): void {
    const keys = this.retiring.get(rowId);
    if (keys === undefined) return;
    if (typeof keys === 'string' || keys.length === 1) this.retiring.delete(rowId);
    else keys.splice(keys.indexOf(key), 1);
  }

  /** The retirement is committed: the entry goes once the horizon has passed. */
  retireAt(retirement: Retirement): void {
    this.retired.push(retirement);
    this.directoryDirty = true;
    if (this.retired.length - this.swept > SWEEP_ENTRIES) this.sweep(this.host.horizon());
  }

  /** Number of committed retirements whose entries still stand. */
  get retiredCount(): number {
    return this.retired.length - this.swept;
  }

  /** The committed retirements, in order. */
  retirements(): readonly IndexEntry[] {
    return this.swept === 0 ? this.retired : this.retired.slice(this.swept);
  }

  /**
   * Removes some of the entries that no snapshot at or after `horizon` needs; true when there may be more. Not while a
   * checkpoint runs: it has the list.
   */
  sweep(horizon: Lsn): boolean {
    if (this.late !== null) return false;
    const { retired } = this;
    const end = Math.min(retired.length, this.swept + 2 * SWEEP_ENTRIES);
    while (this.swept < end && retired[this.swept].lsn <= horizon) {
      const { key, rowId } = retired[this.swept++];
      this.take(key, rowId);
      this.unretire(key, rowId);
    }
    const more = this.swept === end && end < retired.length;
    if (this.swept === retired.length) {
      this.retired = [];
      this.swept = 0;
    } else if (this.swept > retired.length / 2) {
      this.retired = retired.slice(this.swept);
      this.swept = 0;
    }
    return more;
  }

  /** The file is gone: gives its memory back. */
  release(): void {
    for (const slot of this.slots) if (slot.leaf !== null) this.host.memory.remove(slot.leaf);
    this.released = true;
    this.slots.length = 0;
    this.slots.push({ leaf: null, id: 0, version: 0, swapSerial: 0, gone: false });
    this.lowKeys.length = 1;
    this.lowRowIds.length = 1;
    this.dirtyLeaves.clear();
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

/** Whether (key, rowId) stands behind the leaf's last entry. */
function isAfter(key: IndexKey, rowId: RowId, leaf: IndexLeaf): boolean {
  const last = leaf.keys.length - 1;
  const lastKey = leaf.keys[last];
  return key > lastKey || (key === lastKey && rowId > leaf.rowIds[last]);
}
