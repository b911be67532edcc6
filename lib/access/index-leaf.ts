/**
 * A leaf of an index: up to LEAF_ENTRIES entries (key, row id) in order. A key is a string of one byte a character, so that
 * `<` orders as memcmp does. Equal entries may stand side by side (see `index-file.ts`).
 */
import type { Lsn } from '../base/lsn.js';
import type { IndexKey, RowId } from './api.js';
import type { Resident } from './memory.js';

/** Entries per leaf before it splits. */
export const LEAF_ENTRIES = 128;
/** Rough bytes of an entry in memory beside the key's characters. */
export const ENTRY_BYTES = 48;

/** How keys compare. */
export type KeyCompare = (a: IndexKey, b: IndexKey) => number;

/** What a leaf tells its index. */
export interface LeafOwner {
  memoryChanged(bytes: number): void;
  /** The leaf differs from its copy at rest from now on. */
  leafDirty(leaf: IndexLeaf): void;
  evictLeaf(leaf: IndexLeaf): void;
  /** A leaf's swap value is not needed any more. */
  discardSwap(id: number, serial: number): void;
}

/** A leaf's place in its index: the leaf itself when it is resident, and where it is otherwise. */
export interface LeafSlot {
  leaf: IndexLeaf | null;
  /** Identity at rest. */
  readonly id: number;
  /** Version of the leaf at rest; 0 = none. */
  version: number;
  /** Serial of the value that it was swapped out to; 0 = none. */
  swapSerial: number;
  /** The leaf was dropped. */
  gone: boolean;
  /** The leaf at rest has retired entries. */
  retiredAtRest: boolean;
  /** No retired entry of the leaf can go while the horizon is before this; null: not known. */
  sweptAfter: { readonly lsn: Lsn } | null;
}

/** A place for a leaf, which is under this version at rest. */
export function leafSlot(id: number, version: number): LeafSlot {
  return { leaf: null, id, version, swapSerial: 0, gone: false, retiredAtRest: false, sweptAfter: null };
}

/** See the file's comment. */
export class IndexLeaf implements Resident {
  keys: IndexKey[] = [];
  rowIds: RowId[] = [];
  /** How each entry was retired (see `retirements.ts`), 0 = it was not; null: none was. */
  marks: number[] | null = null;
  /** Entries that are retired. */
  retired = 0;
  /** Goes up with every change. */
  changes = 0;
  /** Goes up when entries change their positions: cursors look whether they must search again. */
  moves = 0;
  /** Not as at rest. */
  dirty = false;
  referenced = true;
  keyBytes = 0;
  /** In a checkpoint's batch that is not written yet. */
  writing = false;
  /** Serial of the swap value that it came from, and `changes` then: while they are the same it can go without being written. */
  swapCopy: { readonly serial: number; readonly changes: number } | null = null;

  /** `place`: where the index refers to the leaf; `leaf` there is null when it is not resident. */
  constructor(readonly owner: LeafOwner, readonly id: number, readonly place: LeafSlot) {}

  private changed(): void {
    this.changes++;
    if (this.dirty) return;
    this.dirty = true;
    this.owner.leafDirty(this);
  }

  evictable(): boolean {
    return !this.writing && (!this.dirty || (this.swapCopy !== null && this.swapCopy.changes === this.changes));
  }

  evict(): void {
    if (this.swapCopy !== null && this.dirty && this.swapCopy.changes === this.changes) this.place.swapSerial = this.swapCopy.serial;
    else this.discardSwapCopy();
    this.leave();
  }

  /** Leaves memory: what it holds is under this serial now. */
  swapOut(serial: number): void {
    this.discardSwapCopy();
    this.place.swapSerial = serial;
    this.leave();
  }

  /** The swap value that it came from is not needed any more. */
  discardSwapCopy(): void {
    if (this.swapCopy !== null) this.owner.discardSwap(this.id, this.swapCopy.serial);
    this.swapCopy = null;
  }

  private leave(): void {
    this.changes++;
    this.moves++;
    this.place.leaf = null;
    this.owner.evictLeaf(this);
  }

  get length(): number {
    return this.keys.length;
  }

  /** Memory held, roughly, in bytes. */
  bytes(): number {
    return 200 + this.keys.length * ENTRY_BYTES + this.keyBytes;
  }

  insertAt(position: number, key: IndexKey, rowId: RowId): void {
    const { keys, rowIds } = this;
    this.changed();
    this.moves++;
    this.marks?.splice(position, 0, 0);
    this.keyBytes += key.length;
    this.owner.memoryChanged(ENTRY_BYTES + key.length);
    // Equal neighbours share one string.
    if (position > 0 && keys[position - 1] === key) key = keys[position - 1];
    if (position === keys.length) {
      keys.push(key);
      rowIds.push(rowId);
      return;
    }
    keys.splice(position, 0, key);
    rowIds.splice(position, 0, rowId);
  }

  /** Adds entries behind all others: `keys[from, to)`, of the rows from `firstRowId + from` on. */
  append(keys: readonly IndexKey[], firstRowId: RowId, from: number, to: number): void {
    const before = this.bytes();
    this.changed();
    this.moves++;
    for (let index = from; index < to; index++) {
      let key = keys[index];
      this.keyBytes += key.length;
      // Equal neighbours share one string.
      if (index > from && keys[index - 1] === key) key = this.keys[this.keys.length - 1];
      this.keys.push(key);
      this.rowIds.push(firstRowId + index);
      this.marks?.push(0);
    }
    this.owner.memoryChanged(this.bytes() - before);
  }

  /** Removes an entry that is not retired. */
  removeAt(position: number): void {
    this.changed();
    this.moves++;
    this.marks?.splice(position, 1);
    this.keyBytes -= this.keys[position].length;
    this.owner.memoryChanged(-ENTRY_BYTES - this.keys[position].length);
    this.keys.splice(position, 1);
    this.rowIds.splice(position, 1);
  }

  /** How the entry was retired; 0: it was not. */
  markAt(position: number): number {
    return this.marks === null ? 0 : this.marks[position];
  }

  setMark(position: number, mark: number): void {
    this.changed();
    this.marks ??= new Array<number>(this.keys.length).fill(0);
    this.retired += (mark === 0 ? 0 : 1) - (this.marks[position] === 0 ? 0 : 1);
    this.marks[position] = mark;
    if (this.retired === 0) this.marks = null;
  }

  /** Removes the entries that were retired at or before `horizon`, telling of each; returns how many. */
  removeRetired(horizon: Lsn, gone: (rowId: RowId, lsn: number) => void): number {
    const { keys, rowIds, marks } = this;
    if (marks === null) return 0;
    const before = this.bytes();
    let kept = 0;
    for (let position = 0; position < keys.length; position++) {
      const mark = marks[position];
      if (mark > 0 && mark <= horizon) {
        this.keyBytes -= keys[position].length;
        gone(rowIds[position], mark);
        continue;
      }
      keys[kept] = keys[position];
      rowIds[kept] = rowIds[position];
      marks[kept++] = mark;
    }
    const removed = keys.length - kept;
    if (removed === 0) return 0;
    keys.length = kept;
    rowIds.length = kept;
    marks.length = kept;
    this.retired -= removed;
    if (this.retired === 0) this.marks = null;
    this.owner.memoryChanged(this.bytes() - before);
    this.changed();
    this.moves++;
    return removed;
  }

  /** Moves the entries from `position` on into a new leaf (which is not accounted yet). */
  splitAt(position: number, id: number, place: LeafSlot): IndexLeaf {
    const before = this.bytes();
    const right = new IndexLeaf(this.owner, id, place);
    place.leaf = right;
    right.keys = this.keys.splice(position);
    right.rowIds = this.rowIds.splice(position);
    for (const key of right.keys) right.keyBytes += key.length;
    this.keyBytes -= right.keyBytes;
    if (this.marks !== null) right.takeMarks(this.marks.splice(position));
    if (this.marks !== null && right.retired > 0) this.takeMarks(this.marks);
    this.owner.memoryChanged(this.bytes() - before);
    this.changed();
    this.moves++;
    right.changed();
    return right;
  }

  private takeMarks(marks: number[]): void {
    this.retired = 0;
    for (const mark of marks) if (mark !== 0) this.retired++;
    this.marks = this.retired === 0 ? null : marks;
  }
}

/** Position of the first entry >= (key, rowId) among sorted parallel arrays: bytewise keys. */
export function lowerBound(keys: readonly IndexKey[], rowIds: readonly RowId[], key: IndexKey, rowId: RowId): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = keys[middle];
    if (found < key || (found === key && rowIds[middle] < rowId)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same under a comparator; keys that compare equal are ordered by their bytes. */
export function lowerBoundBy(compare: KeyCompare, keys: readonly IndexKey[], rowIds: readonly RowId[], key: IndexKey, rowId: RowId): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareEntries(compare, keys[middle], rowIds[middle], key, rowId) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Order of two entries under a comparator. */
export function compareEntries(compare: KeyCompare, keyA: IndexKey, rowA: RowId, keyB: IndexKey, rowB: RowId): number {
  if (keyA === keyB) return rowA - rowB;
  const order = compare(keyA, keyB);
  if (order !== 0) return order;
  return keyA < keyB ? -1 : 1;
}
