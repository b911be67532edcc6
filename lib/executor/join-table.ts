/**
 * The hash table of a join: rows by key, equal keys in the order of their coming. Rows stand in one list, chained by numbers; whole
 * numbers that lie close together are found by an array instead of a map.
 */
import type { Suspend } from '../base/suspend.js';
import type { Datum, Row } from '../types/datum.js';
import type { ExecutionState } from './context.js';

/** No row. */
export const NONE = -1;
/** An array of places may be so many times as long as there are rows. */
const SPARSENESS = 4;
/** Rows linked between two looks at the clock. */
const SLICE_ROWS = 4096;

/** See the file's comment. Filled by `add`, then `link`ed, then asked. */
export class JoinTable {
  readonly rows: Row[] = [];
  /** Place of the next row with the same key. */
  next = new Int32Array(0);
  /** Rows that have found a partner. */
  matched = new Uint8Array(0);
  private readonly keys: Datum[] = [];
  private map: Map<Datum, number> | null = null;
  /** Place of the first row with the key `least + index`. */
  private direct: Int32Array | null = null;
  private least = 0;

  get size(): number {
    return this.rows.length;
  }

  add(key: Datum, row: Row): void {
    this.keys.push(key);
    this.rows.push(row);
  }

  /** Calls back with each key and row, in the order of their coming. */
  forEach(callback: (key: Datum, row: Row) => void): void {
    for (let place = 0; place < this.rows.length; place++) callback(this.keys[place], this.rows[place]);
  }

  /** To be called once all rows are there. */
  *link(S: ExecutionState): Generator<Suspend, void, void> {
    const { keys, rows } = this;
    this.next = new Int32Array(rows.length).fill(NONE);
    this.matched = new Uint8Array(rows.length);
    this.direct = this.placesByNumber();
    if (this.direct === null) this.map = new Map();
    // From the last row to the first one: each stands before those that came later.
    for (let end = rows.length; end > 0; end -= SLICE_ROWS) {
      for (let place = end - 1; place >= Math.max(0, end - SLICE_ROWS); place--) this.linkOne(keys[place], place);
      const pause = S.tick(SLICE_ROWS);
      if (pause !== null) yield pause;
    }
    keys.length = 0;
  }

  private linkOne(key: Datum, place: number): void {
    const { direct, map, next } = this;
    if (direct !== null) {
      const index = (key as number) - this.least;
      next[place] = direct[index];
      direct[index] = place;
      return;
    }
    const first = map!.get(key);
    if (first !== undefined) next[place] = first;
    map!.set(key, place);
  }

  /** An empty array for all keys, when they are whole numbers that lie close enough together. */
  private placesByNumber(): Int32Array | null {
    let least = Infinity;
    let greatest = -Infinity;
    for (const key of this.keys) {
      if (typeof key !== 'number' || !Number.isSafeInteger(key)) return null;
      if (key < least) least = key;
      if (key > greatest) greatest = key;
    }
    const length = greatest - least + 1;
    if (this.keys.length === 0 || length > this.keys.length * SPARSENESS) return null;
    this.least = least;
    return new Int32Array(length).fill(NONE);
  }

  /** Place of the first row with this key, or `NONE`. */
  find(key: Datum): number {
    const { direct } = this;
    if (direct === null) return this.map!.get(key) ?? NONE;
    if (typeof key !== 'number') return NONE;
    const index = key - this.least;
    return index >= 0 && index < direct.length && Number.isInteger(index) ? direct[index] : NONE;
  }
}
