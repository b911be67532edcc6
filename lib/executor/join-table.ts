/**
 * The hash table of a join: rows by key, equal keys in the order of their coming. Rows stand in one list, chained by numbers; whole
 * numbers that lie close together are found by an array instead of a map.
 */
import type { Suspend } from '../base/suspend.js';
import type { Datum, Row } from '../types/datum.js';
import type { ExecutionState } from './context.js';
import { filled } from './row.js';

/** No row. */
export const NONE = -1;
/** An array of places may be so many times as long as there are rows. */
const SPARSENESS = 4;
/** Rows linked between two looks at the clock. */
const SLICE_ROWS = 4096;

/** A column of `OrderedColumns`: numbers that all are of 32 bits, or doubles, or anything. */
export type JoinColumn = Int32Array | Float64Array | Datum[];

/** Some columns of the rows in the order of their keys, those of one key as they came. */
export interface OrderedColumns {
  /** The smallest key; rows with the key `least + k` stand at [starts[k], starts[k + 1]). */
  readonly least: number;
  readonly starts: Int32Array;
  readonly columns: readonly JoinColumn[];
}

/** Different strings of a column that are looked for again, so that equal ones are one. */
const MOST_WORDS = 256;

/** See the file's comment. Filled by `add`, then `link`ed and asked for rows, or `order`ed and read by columns. */
export class JoinTable {
  readonly rows: Row[] = [];
  /** Place of the next row with the same key. */
  next = new Int32Array(0);
  /** Rows that have found a partner. */
  matched = new Uint8Array(0);
  private readonly keys: Datum[] = [];
  private linked = false;
  /** Undefined: not asked for yet. */
  private ordered: OrderedColumns | null | undefined = undefined;
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

  /** Calls back with each key and row, in the order of their coming; gives the event loop its turns. */
  *forEach(S: Pick<ExecutionState, 'tick'>, callback: (key: Datum, row: Row) => void): Generator<Suspend, void, void> {
    yield* this.slices(S, (from, to) => { for (let place = from; place < to; place++) callback(this.keys[place], this.rows[place]); });
  }

  /** To be called once all rows are there, before rows are asked for. */
  *link(S: ExecutionState): Generator<Suspend, void, void> {
    if (this.linked) return;
    this.linked = true;
    const { keys, rows } = this;
    this.next = new Int32Array(rows.length).fill(NONE);
    this.matched = new Uint8Array(rows.length);
    const range = this.rangeOfKeys();
    if (range === null) this.map = new Map();
    else {
      this.least = range.least;
      this.direct = new Int32Array(range.length).fill(NONE);
    }
    // From the last row to the first one: each stands before those that came later.
    for (let end = rows.length; end > 0; end -= SLICE_ROWS) {
      for (let place = end - 1; place >= Math.max(0, end - SLICE_ROWS); place--) this.linkOne(keys[place], place);
      const pause = S.tick(SLICE_ROWS);
      if (pause !== null) yield pause;
    }
  }

  /** Columns (0-based `attributes`, the same at each call) by key, once all rows are there; null when its keys do not allow it. */
  *order(S: ExecutionState, attributes: readonly number[]): Generator<Suspend, OrderedColumns | null, void> {
    return this.ordered === undefined ? (this.ordered = yield* this.makeOrdered(S, attributes)) : this.ordered;
  }

  private *makeOrdered(S: ExecutionState, attributes: readonly number[]): Generator<Suspend, OrderedColumns | null, void> {
    const range = this.rangeOfKeys();
    if (range === null) return null;
    const { keys } = this;
    const { least, length } = range;
    // How many rows have each key, then where those of each key end, which going back over the rows makes where they start.
    const starts = new Int32Array(length + 1);
    yield* this.slices(S, (from, to) => { for (let place = from; place < to; place++) starts[(keys[place] as number) - least]++; });
    for (let index = 1; index <= length; index++) starts[index] += starts[index - 1];
    const targets = new Int32Array(keys.length);
    yield* this.slices(S, (from, to) => {
      for (let place = keys.length - 1 - from; place > keys.length - 1 - to; place--) targets[place] = --starts[(keys[place] as number) - least];
    });
    const columns: JoinColumn[] = [];
    for (const attribute of attributes) columns.push(yield* this.orderedColumn(S, attribute, targets));
    return { least, starts, columns };
  }

  /** Goes over the places in slices. */
  private *slices(S: Pick<ExecutionState, 'tick'>, slice: (from: number, to: number) => void): Generator<Suspend, void, void> {
    for (let from = 0; from < this.rows.length; from += SLICE_ROWS) {
      slice(from, Math.min(from + SLICE_ROWS, this.rows.length));
      const pause = S.tick(SLICE_ROWS);
      if (pause !== null) yield pause;
    }
  }

  private *orderedColumn(S: ExecutionState, attribute: number, targets: Int32Array): Generator<Suspend, JoinColumn, void> {
    const { rows } = this;
    let isNumber = true;
    let isInt32 = true;
    yield* this.slices(S, (from, to) => {
      for (let place = from; place < to && isNumber; place++) {
        const value = rows[place][attribute];
        if (typeof value !== 'number') isNumber = false;
        else isInt32 &&= Object.is(value | 0, value);
      }
    });
    if (isNumber) {
      const column = isInt32 ? new Int32Array(rows.length) : new Float64Array(rows.length);
      yield* this.slices(S, (from, to) => { for (let place = from; place < to; place++) column[targets[place]] = rows[place][attribute] as number; });
      return column;
    }
    const column = filled<Datum>(rows.length, null);
    const words = new Map<string, string>();
    yield* this.slices(S, (from, to) => {
      for (let place = from; place < to; place++) {
        const value = rows[place][attribute];
        column[targets[place]] = typeof value === 'string' && words.size < MOST_WORDS ? wordOf(words, value) : value;
      }
    });
    return column;
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

  /** The keys' range, when they are whole numbers that lie close enough together. */
  private rangeOfKeys(): { least: number; length: number } | null {
    let least = Infinity;
    let greatest = -Infinity;
    for (const key of this.keys) {
      if (typeof key !== 'number' || !Number.isSafeInteger(key)) return null;
      if (key < least) least = key;
      if (key > greatest) greatest = key;
    }
    const length = greatest - least + 1;
    return this.keys.length === 0 || length > this.keys.length * SPARSENESS ? null : { least, length };
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

/** The first string that is equal to this one: whoever compares or hashes it later has less to do. */
function wordOf(words: Map<string, string>, word: string): string {
  const known = words.get(word);
  if (known === undefined) words.set(word, word);
  return known ?? word;
}
