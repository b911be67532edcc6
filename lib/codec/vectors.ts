/**
 * Columns of a packed chunk in memory: typed arrays over the packed bytes, strings decoded late. The classes are what
 * `ColumnVector` of the storage contract describes. `get` of a position without a row gives an arbitrary value. `fillColumn` is `get` for
 * many rows at once: the most frequent kinds have loops of their own, where a caller's would find out the kind value by value.
 */
import type { Datum, Row } from '../types/datum.js';
import { Jsonb } from '../types/jsonb.js';
import { JSONB_BLOCK_BYTES } from '../types/jsonb-writer.js';
import { MAX_CHUNK_POSITIONS } from './format.js';
import { decodeParts } from './row.js';

/** Bit (i & 7) of byte (i >> 3); null: no bit is set. */
export type Bitmap = Uint8Array;

/** Concatenated strings: value i is `bytes[offsets[i], offsets[i + 1])`, in UTF-8 or else Latin-1. */
export interface StoredText {
  readonly bytes: Buffer;
  readonly offsets: Uint16Array | Uint32Array;
  readonly isUtf8: boolean;
}

/** Rows that get the values of some positions: `rows[from + i]` those of `positions[i]`, for i < `count`. */
export interface FilledRows {
  readonly rows: Row[];
  readonly from: number;
  readonly positions: Uint16Array;
  readonly count: number;
}

/** What all kinds can do. */
abstract class Vector {
  abstract get(position: number): Datum;

  /** Puts the values into column `index` of rows that are as wide already. */
  fillColumn({ rows, from, positions, count }: FilledRows, index: number): void {
    for (let at = 0; at < count; at++) rows[from + at][index] = this.get(positions[at]);
  }

  /** Whether it keeps something that took decoding. */
  get hasDecoded(): boolean {
    return false;
  }

  /** Takes over what a vector of the same values has decoded. */
  takeDecoded(_other: Vector): void {
    // Most kinds keep nothing that is worth it.
  }
}

/** Whether the position's bit is set. */
export function isSet(bitmap: Bitmap | null, position: number): boolean {
  return bitmap !== null && (bitmap[position >> 3] & (1 << (position & 7))) !== 0;
}

/** Values that are read one by one before all of a column is made ready: who reads one row of a chunk that does not stay pays for that row. */
export const SINGLE_READS = 16;
/**
 * The same of numbers, which cost little one by one: ANALYZE takes some rows of each chunk, and left 24 MB of arrays behind at the beginning of 20 M
 * rows, which malloc's heap then was larger by for good.
 */
const SINGLE_NUMBERS = 64;

/** Numbers as a chunk has them: the one at a position is `(array[position] + base) / divisor`. */
export interface StoredNumbers {
  readonly array: Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Float64Array;
  /** 0 where `divisor` is not 1, and for doubles that stand as they are: adding it would lose -0. */
  readonly base: number;
  readonly divisor: number;
}

/** A stretch of a column is short that is not longer than this part of it. */
const SHORT_STRETCH = 4;

const int32Scratch = new Int32Array(MAX_CHUNK_POSITIONS);
const float64Scratch = new Float64Array(MAX_CHUNK_POSITIONS);

/** The lowest and the highest of `count` positions (one at least) from `from` on. */
export function boundsOf(positions: Uint16Array, count: number, from = 0): { first: number; last: number } {
  let first = positions[from];
  let last = first;
  for (let at = from + 1; at < from + count; at++) {
    const position = positions[at];
    if (position < first) first = position;
    else if (position > last) last = position;
  }
  return { first, last };
}

/** Numbers. Compiled loops read them as they are stored, whoever needs many of them otherwise makes `data`. */
abstract class NumberVector<Data extends Int32Array | Float64Array> extends Vector {
  private singleReads = 0;
  /** `made`: the stored array, where that is what `data` is. */
  constructor(readonly stored: StoredNumbers, readonly nulls: Bitmap | null, private made: Data | null) {
    super();
  }

  /** The numbers by position. */
  get data(): Data {
    return (this.made ??= this.make());
  }

  protected abstract make(): Data;

  /** The same until any column's numbers are borrowed again: for who needs them once, so that the column does not keep them. */
  borrow(): Data {
    return this.made ?? this.stretch(0, this.stored.array.length);
  }

  /**
   * The numbers at `count` positions from `first` on, into `target` from its start: for who reads a short stretch of a chunk, which is not worth
   * `data`.
   */
  copy(target: Data, first: number, count: number): void {
    if (this.made !== null) target.set(this.made.subarray(first, first + count));
    else this.convert(target, this.stored.array.subarray(first, first + count));
  }

  /** Stored numbers as those that they stand for. */
  protected abstract convert(target: Data, stored: StoredNumbers['array']): void;

  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    if (this.made === null && this.singleReads++ < SINGLE_NUMBERS) return numberAt(this.stored, position);
    return this.data[position];
  }

  override fillColumn(target: FilledRows, index: number): void {
    const { rows, from, positions, count } = target;
    if (this.nulls !== null || (this.made === null && count < SINGLE_READS)) {
      super.fillColumn(target, index);
      return;
    }
    const { first, last } = boundsOf(positions, count);
    const isShort = this.made === null && (last - first) * SHORT_STRETCH < this.stored.array.length;
    const data = isShort ? this.stretch(first, last - first + 1) : this.data;
    const start = isShort ? first : 0;
    for (let at = 0; at < count; at++) rows[from + at][index] = data[positions[at] - start];
  }

  private stretch(first: number, count: number): Data {
    const target = this.scratch.subarray(0, count) as Data;
    this.copy(target, first, count);
    return target;
  }

  /** Room for numbers, for whoever reads them at once. */
  protected abstract get scratch(): Data;
}

/** One of the numbers. */
export function numberAt({ array, base, divisor }: StoredNumbers, position: number): number {
  const number = array[position];
  return base !== 0 ? number + base : number / divisor;
}

/** Whole numbers of 32 bits. */
export class Int32Vector extends NumberVector<Int32Array> {
  readonly kind = 'int32';
  constructor(stored: StoredNumbers, nulls: Bitmap | null) {
    super(stored, nulls, stored.array instanceof Int32Array ? stored.array : null);
  }

  protected get scratch(): Int32Array {
    return int32Scratch;
  }

  protected make(): Int32Array {
    const { array } = this.stored;
    const data = new Int32Array(array.length);
    this.convert(data, array);
    return data;
  }

  protected convert(target: Int32Array, stored: StoredNumbers['array']): void {
    const { base } = this.stored;
    target.set(stored);
    if (base !== 0) for (let at = 0; at < stored.length; at++) target[at] += base;
  }
}

/** Numbers that are not all whole or not all small. */
export class Float64Vector extends NumberVector<Float64Array> {
  readonly kind = 'float64';
  constructor(stored: StoredNumbers, nulls: Bitmap | null) {
    super(stored, nulls, stored.array instanceof Float64Array ? stored.array : null);
  }

  protected get scratch(): Float64Array {
    return float64Scratch;
  }

  protected make(): Float64Array {
    const { array } = this.stored;
    const data = new Float64Array(array.length);
    this.convert(data, array);
    return data;
  }

  protected convert(target: Float64Array, stored: StoredNumbers['array']): void {
    const { divisor } = this.stored;
    target.set(stored);
    if (divisor !== 1) for (let at = 0; at < stored.length; at++) target[at] /= divisor;
  }
}

/** Booleans, a byte each. */
export class BooleanVector extends Vector {
  readonly kind = 'boolean';
  constructor(readonly data: Uint8Array, readonly nulls: Bitmap | null) {
    super();
  }

  get(position: number): Datum {
    return isSet(this.nulls, position) ? null : this.data[position] === 1;
  }
}

/** See `Latin1Vector.contains`. */
const MOST_SEARCHES = 8;
/** As many calls into Node's search of bytes cost what decoding costs. */
const FEW_HITS = 32;
const NOT_LATIN1 = /[^\0-\xff]/;

/** Concatenated strings of one byte per character: decoded at once when several are read, then sliced. */
export class Latin1Vector extends Vector {
  readonly kind = 'string';
  private decoded: string | null = null;
  private singleReads = 0;
  /** What was looked for last, where it was found, and how often something was looked for. */
  private sought: string | null = null;
  private positions: Uint8Array | null = null;
  private searches = 0;
  constructor(private readonly bytes: Buffer, readonly offsets: Uint16Array | Uint32Array, readonly nulls: Bitmap | null) {
    super();
  }

  get text(): StoredText {
    return { bytes: this.bytes, offsets: this.offsets, isUtf8: false };
  }

  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    const { bytes, offsets } = this;
    if (this.decoded === null) {
      if (this.singleReads++ < SINGLE_READS) return bytes.toString('latin1', offsets[position], offsets[position + 1]);
      this.decoded = bytes.toString('latin1');
    }
    return this.decoded.slice(offsets[position], offsets[position + 1]);
  }

  override fillColumn(target: FilledRows, index: number): void {
    if (this.nulls !== null) {
      super.fillColumn(target, index);
      return;
    }
    const { offsets } = this;
    const { rows, from, positions, count } = target;
    const { text, start } = this.textOf(positions, count);
    for (let at = 0; at < count; at++) {
      const position = positions[at];
      rows[from + at][index] = text.slice(offsets[position] - start, offsets[position + 1] - start);
    }
  }

  /** Text that has the values at these positions (one at least), and where it begins: of all of the column, or of a short stretch. */
  private textOf(positions: Uint16Array, count: number): { text: string; start: number } {
    const { bytes, offsets } = this;
    if (this.decoded === null) {
      const { first, last } = boundsOf(positions, count);
      if ((last - first) * SHORT_STRETCH < offsets.length && this.singleReads++ < SINGLE_READS) {
        return { text: bytes.toString('latin1', offsets[first], offsets[last + 1]), start: offsets[first] };
      }
      this.decoded = bytes.toString('latin1');
    }
    return { text: this.decoded, start: 0 };
  }

  contains(position: number, text: string): boolean {
    const found = this.found(text);
    return found === null ? valueContains(this.get(position), text) : found[position] === 1;
  }

  /** Searches all of the column, once for each text: there a value costs a few comparisons, as a string of its own 40 ns. */
  found(text: string): Uint8Array | null {
    if (text !== this.sought) {
      // Several texts in turn, as in OR, would have it searched again and again.
      if (this.searches === MOST_SEARCHES) return null;
      this.searches++;
      this.sought = text;
      this.positions = this.search(text);
    }
    return this.positions;
  }

  /** One byte a position: 1 where the value contains the text, which is not empty. */
  private search(sought: string): Uint8Array {
    const { offsets } = this;
    const found = new Uint8Array(offsets.length - 1);
    if (NOT_LATIN1.test(sought)) return found;
    let position = 0;
    let hits = 0;
    for (let at = this.next(sought, 0, hits); at >= 0; hits++) {
      while (offsets[position + 1] <= at) position++;
      const end = offsets[position + 1];
      const isInside = at + sought.length <= end;
      if (isInside) found[position] = 1;
      at = this.next(sought, isInside ? end : at + 1, hits);
    }
    return found;
  }

  /** Where the text stands next. A column that was not decoded yet is not for the sake of few hits. */
  private next(sought: string, from: number, hits: number): number {
    if (this.decoded === null && hits < FEW_HITS) return this.bytes.indexOf(sought, from, 'latin1');
    return (this.decoded ??= this.bytes.toString('latin1')).indexOf(sought, from);
  }

  override get hasDecoded(): boolean {
    return this.decoded !== null;
  }

  override takeDecoded(other: Vector): void {
    if (other instanceof Latin1Vector) this.decoded ??= other.decoded;
  }
}

function valueContains(value: Datum, text: string): boolean {
  return value !== null && (value as string).includes(text);
}

/** Concatenated strings in UTF-8, decoded one by one. */
export class Utf8Vector extends Vector {
  readonly kind = 'string';
  constructor(private readonly bytes: Buffer, readonly offsets: Uint16Array | Uint32Array, readonly nulls: Bitmap | null) {
    super();
  }

  get text(): StoredText {
    return { bytes: this.bytes, offsets: this.offsets, isUtf8: true };
  }

  found(): null {
    return null;
  }

  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    return this.bytes.toString('utf8', this.offsets[position], this.offsets[position + 1]);
  }

  contains(position: number, text: string): boolean {
    return valueContains(this.get(position), text);
  }
}

/** Strings that repeat: a code per position, the distinct strings decoded at the first use. Compiled loops may test codes. */
export class DictionaryVector extends Vector {
  readonly kind = 'string';
  readonly text = null;
  private words: readonly string[] | null = null;
  private singleReads = 0;
  constructor(readonly codes: Uint8Array, private readonly distinct: Latin1Vector | Utf8Vector, private readonly size: number, readonly nulls: Bitmap | null) {
    super();
  }

  found(): null {
    return null;
  }

  /** The distinct strings as they are stored, by code. */
  get storedWords(): StoredText {
    return this.distinct.text;
  }

  /** The distinct strings, by code. */
  get dictionary(): readonly string[] {
    this.words ??= Array.from({ length: this.size }, (_, code) => this.distinct.get(code) as string);
    return this.words;
  }

  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    if (this.words === null && this.singleReads++ < SINGLE_READS) return this.distinct.get(this.codes[position]);
    return this.dictionary[this.codes[position]];
  }

  contains(position: number, text: string): boolean {
    return valueContains(this.get(position), text);
  }

  override get hasDecoded(): boolean {
    return this.words !== null;
  }

  override takeDecoded(other: Vector): void {
    if (other instanceof DictionaryVector) this.words ??= other.words;
  }
}

/** jsonb, read where it lies; nothing that was read stays here. */
export class JsonbVector extends Vector {
  readonly kind = 'jsonb';
  /** The copy that neighbours are taken from, until the last one was: the bytes between two places. */
  private copy: Buffer | null = null;
  private copyFrom = 0;
  private copyTo = 0;
  private next = -1;
  constructor(private readonly bytes: Buffer, private readonly offsets: Uint16Array | Uint32Array, readonly nulls: Bitmap | null) {
    super();
  }

  /** A value that keeps no more in memory than a small block. Where one is asked for after the other they are copied together: 37 ns instead of 205. */
  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    const { bytes, offsets } = this;
    const start = offsets[position];
    const end = offsets[position + 1];
    if (this.copy === null || start < this.copyFrom || end > this.copyTo) {
      const isNext = position === this.next;
      this.next = position + 1;
      if (!isNext || end - start > JSONB_BLOCK_BYTES) return Jsonb.copied(bytes, start, end);
      let last = position + 1;
      while (last + 1 < offsets.length && offsets[last + 1] - start <= JSONB_BLOCK_BYTES) last++;
      this.copyFrom = start;
      this.copyTo = offsets[last];
      this.next = last;
      this.copy = Buffer.allocUnsafeSlow(this.copyTo - start);
      bytes.copy(this.copy, 0, start, this.copyTo);
    }
    const value = Jsonb.inBlock(this.copy, start - this.copyFrom, end - this.copyFrom);
    if (end === this.copyTo) this.copy = null;
    return value;
  }

  /** A value that refers to the chunk's bytes: for the row at hand only. */
  borrow(position: number): Jsonb | null {
    return isSet(this.nulls, position) ? null : Jsonb.encoded(this.bytes, this.offsets[position], this.offsets[position + 1]);
  }
}

/** Values of any other kind: one msgpack array, decoded at the first use. */
export class GenericVector extends Vector {
  readonly kind = 'generic';
  private values: readonly Datum[] | null = null;
  constructor(private readonly bytes: Uint8Array, readonly nulls: Bitmap | null) {
    super();
  }

  get(position: number): Datum {
    this.values ??= decodeParts(this.bytes) as Datum[];
    return this.values[position] ?? null;
  }

  override get hasDecoded(): boolean {
    return this.values !== null;
  }

  override takeDecoded(other: Vector): void {
    if (other instanceof GenericVector) this.values ??= other.values;
  }
}

/** A column without any value. */
export class NullVector extends Vector {
  readonly kind = 'generic';
  constructor(readonly nulls: Bitmap) {
    super();
  }

  get(): Datum {
    return null;
  }
}

/** Any column of a packed chunk. */
export type PackedVector =
  | Int32Vector | Float64Vector | BooleanVector | Latin1Vector | Utf8Vector | DictionaryVector | JsonbVector | GenericVector | NullVector;
