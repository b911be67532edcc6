/**
 * A leaf of an index: up to LEAF_ENTRIES entries (key, row id) in order. A key is a string of one byte a character, so that
 * `<` orders as memcmp does. Equal entries may stand side by side (see `index-file.ts`).
 *
 * Its entries are packed (`leaf-values.ts`) from when it is read, written, or full in a load, until they change; then they are arrays.
 */
import type { ByteMemory } from '../base/byte-memory.js';
import type { Lsn } from '../base/lsn.js';
import type { IndexKey, RowId } from './api.js';
import { encodeEntries, PackedEntries, type DecodedLeaf, type Entries } from './leaf-values.js';
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
  /** When it was last read without being kept (`MemoryBudget.pass`); 0 = never. */
  lastRead: number;
}

/** A place for a leaf, which is under this version at rest. */
export function leafSlot(id: number, version: number): LeafSlot {
  return { leaf: null, id, version, swapSerial: 0, gone: false, retiredAtRest: false, sweptAfter: null, lastRead: 0 };
}

/** See the file's comment. */
export class IndexLeaf implements Resident {
  /** The entries as they are at rest, or else as arrays. */
  private packed: PackedEntries | null = null;
  private arrays: Entries | null = { keys: [], rowIds: [] };
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
  budgetPlace = -1;
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

  /** Whether it says what the swap value of this serial says. */
  isSwapCopy(serial: number): boolean {
    return this.swapCopy !== null && this.swapCopy.serial === serial && this.swapCopy.changes === this.changes;
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
    return this.packed === null ? (this.arrays as Entries).keys.length : this.packed.count;
  }

  /** Memory held, roughly, in bytes. */
  bytes(): number {
    return 200 + (this.packed === null ? this.length * ENTRY_BYTES + this.keyBytes : this.packed.bytes);
  }

  keyAt(position: number): IndexKey {
    return this.packed === null ? (this.arrays as Entries).keys[position] : this.packed.keyAt(position);
  }

  rowIdAt(position: number): RowId {
    return this.packed === null ? (this.arrays as Entries).rowIds[position] : this.packed.rowIdAt(position);
  }

  /** Whether there is an entry at the position, and it has the key. */
  hasKey(position: number, key: IndexKey): boolean {
    if (this.packed === null) return (this.arrays as Entries).keys[position] === key;
    return position < this.packed.count && this.packed.hasKey(position, key);
  }

  /** Whether there is such an entry at the position. */
  hasEntry(position: number, key: IndexKey, rowId: RowId): boolean {
    return position < this.length && this.rowIdAt(position) === rowId && this.hasKey(position, key);
  }

  /** Whether the entry at the position is the same as the one before it. */
  repeats(position: number): boolean {
    return position > 0 && this.rowIdAt(position) === this.rowIdAt(position - 1) && this.hasKey(position, this.keyAt(position - 1));
  }

  /** Position of the first entry >= (key, row id); `compare`: how keys compare, null: by their bytes. */
  lowerBound(compare: KeyCompare | null, key: IndexKey, rowId: RowId): number {
    if (compare === null && this.packed !== null) return this.packed.lowerBound(key, rowId);
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.isBefore(compare, middle, key, rowId)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private isBefore(compare: KeyCompare | null, position: number, key: IndexKey, rowId: RowId): boolean {
    const found = this.keyAt(position);
    if (compare !== null) return compareEntries(compare, found, this.rowIdAt(position), key, rowId) < 0;
    return found < key || (found === key && this.rowIdAt(position) < rowId);
  }

  /** The packed entries, immutable; null while they are arrays. */
  get packedEntries(): PackedEntries | null {
    return this.packed;
  }

  /** Takes over what was read. */
  restore({ entries, marks, retired }: DecodedLeaf): void {
    this.marks = marks;
    this.retired = retired;
    if (entries instanceof PackedEntries) this.setPacked(entries);
    else {
      this.packed = null;
      this.arrays = entries;
      this.keyBytes = entries.keys.reduce((sum, key) => sum + key.length, 0);
    }
  }

  /** Its entries are just those of this value, which was written: not a change. */
  pack(value: Buffer): void {
    const before = this.bytes();
    this.setPacked(new PackedEntries(value.toString('latin1')));
    this.owner.memoryChanged(this.bytes() - before);
  }

  /**
   * No more entries are expected in it: packs them now, as writing them will in any case. Until then a leaf of a load is 7 KB of V8's heap instead
   * of half of one, and old by the time that it is written.
   */
  close(): void {
    const { arrays } = this;
    if (arrays !== null && this.marks === null) this.pack(encodeEntries(arrays.keys, arrays.rowIds, null));
  }

  private setPacked(entries: PackedEntries): void {
    this.packed = entries;
    this.arrays = null;
    this.keyBytes = entries.keyBytes;
  }

  /** The entries as arrays, to be read only. */
  entries(): Readonly<Entries> {
    return this.packed?.unpack() ?? (this.arrays as Entries);
  }

  /** The value that its entries stand in as it was read; null when something has changed, or an entry is retired. */
  valueAsRead(memory: ByteMemory): Buffer | null {
    return this.packed !== null && this.marks === null && !this.packed.hasRetired ? this.packed.toValue(memory) : null;
  }

  /** The leaf as a value, with its marks as they are. */
  toValue(memory: ByteMemory): Buffer {
    const asRead = this.valueAsRead(memory);
    if (asRead !== null) return asRead;
    const { keys, rowIds } = this.entries();
    return encodeEntries(keys, rowIds, this.marks, memory);
  }

  /** The entries as arrays, which they are from now on. */
  private open(): Entries {
    if (this.packed === null) return this.arrays as Entries;
    const before = this.bytes();
    const arrays = (this.arrays = this.packed.unpack());
    this.packed = null;
    this.owner.memoryChanged(this.bytes() - before);
    return arrays;
  }

  insertAt(position: number, key: IndexKey, rowId: RowId): void {
    const { keys, rowIds } = this.open();
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
    const own = this.open();
    const before = this.bytes();
    this.changed();
    this.moves++;
    for (let index = from; index < to; index++) {
      let key = keys[index];
      this.keyBytes += key.length;
      // Equal neighbours share one string.
      if (index > from && keys[index - 1] === key) key = own.keys[own.keys.length - 1];
      own.keys.push(key);
      own.rowIds.push(firstRowId + index);
      this.marks?.push(0);
    }
    this.owner.memoryChanged(this.bytes() - before);
  }

  /** Removes an entry that is not retired. */
  removeAt(position: number): void {
    const { keys, rowIds } = this.open();
    this.changed();
    this.moves++;
    this.marks?.splice(position, 1);
    this.keyBytes -= keys[position].length;
    this.owner.memoryChanged(-ENTRY_BYTES - keys[position].length);
    keys.splice(position, 1);
    rowIds.splice(position, 1);
  }

  /** How the entry was retired; 0: it was not. */
  markAt(position: number): number {
    return this.marks === null ? 0 : this.marks[position];
  }

  setMark(position: number, mark: number): void {
    this.changed();
    this.marks ??= new Array<number>(this.length).fill(0);
    this.retired += (mark === 0 ? 0 : 1) - (this.marks[position] === 0 ? 0 : 1);
    this.marks[position] = mark;
    if (this.retired === 0) this.marks = null;
  }

  /** Removes the entries that were retired at or before `horizon`, telling of each; returns how many. */
  removeRetired(horizon: Lsn, gone: (rowId: RowId, lsn: number) => void): number {
    const { marks } = this;
    if (marks === null || !marks.some((mark) => mark > 0 && mark <= horizon)) return 0;
    const { keys, rowIds } = this.open();
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
    const { keys, rowIds } = this.open();
    const before = this.bytes();
    const right = new IndexLeaf(this.owner, id, place);
    place.leaf = right;
    const moved = { keys: keys.splice(position), rowIds: rowIds.splice(position) };
    right.arrays = moved;
    for (const key of moved.keys) right.keyBytes += key.length;
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

/** Order of two entries under a comparator. */
export function compareEntries(compare: KeyCompare, keyA: IndexKey, rowA: RowId, keyB: IndexKey, rowB: RowId): number {
  if (keyA === keyB) return rowA - rowB;
  const order = compare(keyA, keyB);
  if (order !== 0) return order;
  return keyA < keyB ? -1 : 1;
}
