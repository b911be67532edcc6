/**
 * A leaf of an index: up to LEAF_ENTRIES entries (key, row id) in order. A key is a string of one byte a character, so that
 * `<` orders as memcmp does. Equal entries may stand side by side (see `index-file.ts`).
 */
import type { IndexKey, RowId } from './api.js';

/** Entries per leaf before it splits. */
export const LEAF_ENTRIES = 512;
/** Rough bytes of an entry in memory beside the key's characters. */
export const ENTRY_BYTES = 48;

/** How keys compare. */
export type KeyCompare = (a: IndexKey, b: IndexKey) => number;

/** See the file's comment. */
export class IndexLeaf {
  keys: IndexKey[] = [];
  rowIds: RowId[] = [];
  /** Goes up with every change: cursors look whether they must search again. */
  changes = 0;
  /** Not as at rest. */
  dirty = false;
  referenced = true;
  keyBytes = 0;

  get length(): number {
    return this.keys.length;
  }

  /** Memory held, roughly, in bytes. */
  bytes(): number {
    return 200 + this.keys.length * ENTRY_BYTES + this.keyBytes;
  }

  insertAt(position: number, key: IndexKey, rowId: RowId): void {
    const { keys, rowIds } = this;
    this.changes++;
    this.dirty = true;
    this.keyBytes += key.length;
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

  removeAt(position: number): void {
    this.changes++;
    this.dirty = true;
    this.keyBytes -= this.keys[position].length;
    this.keys.splice(position, 1);
    this.rowIds.splice(position, 1);
  }

  /** Moves the entries from `position` on into a new leaf. */
  splitAt(position: number): IndexLeaf {
    const right = new IndexLeaf();
    right.keys = this.keys.splice(position);
    right.rowIds = this.rowIds.splice(position);
    for (const key of right.keys) right.keyBytes += key.length;
    this.keyBytes -= right.keyBytes;
    right.dirty = true;
    this.changes++;
    this.dirty = true;
    return right;
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
