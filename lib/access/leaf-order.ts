/**
 * Which leaf of an index an entry belongs to: the low entry of each leaf, in order, found by binary search. The search goes by
 * numbers made of the keys' first characters, which stand side by side in memory; the keys themselves, each a string somewhere,
 * decide only where these are equal.
 */
import type { IndexKey, RowId } from './api.js';
import { compareEntries, type KeyCompare } from './index-leaf.js';

/** Characters in a key's number: a whole number's key has no more. */
const CHARACTERS = 6;

/** The key's first characters as a number that orders as they do. */
export function keyNumber(key: IndexKey): number {
  if (key.length >= CHARACTERS) {
    return ((key.charCodeAt(0) << 16) | (key.charCodeAt(1) << 8) | key.charCodeAt(2)) * 0x100_0000
      + ((key.charCodeAt(3) << 16) | (key.charCodeAt(4) << 8) | key.charCodeAt(5));
  }
  let number = 0;
  for (let index = 0; index < CHARACTERS; index++) number = number * 256 + (index < key.length ? key.charCodeAt(index) : 0);
  return number;
}

/** See the file's comment. The first leaf's low entry is below every entry. */
export class LeafOrder {
  readonly keys: IndexKey[] = [''];
  readonly rowIds: RowId[] = [0];
  private readonly numbers: number[] = [0];
  /** How keys compare; null: by their bytes. */
  compare: KeyCompare | null = null;

  /** Takes over what is at rest. */
  restore(keys: readonly IndexKey[], rowIds: readonly RowId[]): void {
    this.truncate(0);
    for (let leaf = 0; leaf < keys.length; leaf++) {
      this.keys.push(keys[leaf]);
      this.rowIds.push(rowIds[leaf]);
      this.numbers.push(keyNumber(keys[leaf]));
    }
  }

  /** Only the first leaf is left. */
  clear(): void {
    this.truncate(1);
  }

  private truncate(length: number): void {
    this.keys.length = length;
    this.rowIds.length = length;
    this.numbers.length = length;
  }

  /** A leaf that begins with this entry stands at `slot` from now on. */
  insert(slot: number, key: IndexKey, rowId: RowId): void {
    this.keys.splice(slot, 0, key);
    this.rowIds.splice(slot, 0, rowId);
    this.numbers.splice(slot, 0, keyNumber(key));
  }

  remove(slot: number): void {
    this.keys.splice(slot, 1);
    this.rowIds.splice(slot, 1);
    this.numbers.splice(slot, 1);
    this.keys[0] = '';
    this.rowIds[0] = 0;
    this.numbers[0] = 0;
  }

  /** Whether (key, rowId) stands before the leaf at a slot, or there is no such slot. */
  isBefore(key: IndexKey, rowId: RowId, slot: number): boolean {
    if (slot >= this.keys.length) return true;
    if (this.compare !== null) return compareEntries(this.compare, key, rowId, this.keys[slot], this.rowIds[slot]) < 0;
    return isBefore(key, rowId, this.keys[slot], this.rowIds[slot]);
  }

  /** Slot of the leaf where (key, rowId) stands or belongs. */
  slotFor(key: IndexKey, rowId: RowId): number {
    const { keys, rowIds, numbers, compare } = this;
    let low = 1;
    let high = keys.length;
    if (compare !== null) {
      while (low < high) {
        const middle = (low + high) >> 1;
        if (compareEntries(compare, keys[middle], rowIds[middle], key, rowId) <= 0) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    }
    const number = keyNumber(key);
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = numbers[middle];
      if (found < number || (found === number && !isBefore(key, rowId, keys[middle], rowIds[middle]))) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Whether the first entry stands before the second one. */
function isBefore(key: IndexKey, rowId: RowId, otherKey: IndexKey, otherRowId: RowId): boolean {
  return key === otherKey ? rowId < otherRowId : key < otherKey;
}
