/**
 * Columns of a packed chunk in memory: typed arrays over the packed bytes, strings decoded late. The classes are what
 * `ColumnVector` of the storage contract describes. `get` of a position without a row gives an arbitrary value.
 */
import type { Datum } from '../types/datum.js';
import { decodeParts } from './row.js';

/** Bit (i & 7) of byte (i >> 3); null: no bit is set. */
export type Bitmap = Uint8Array;

function isSet(bitmap: Bitmap | null, position: number): boolean {
  return bitmap !== null && (bitmap[position >> 3] & (1 << (position & 7))) !== 0;
}

/** Whole numbers of 32 bits. */
export class Int32Vector {
  readonly kind = 'int32';
  constructor(readonly data: Int32Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    return isSet(this.nulls, position) ? null : this.data[position];
  }
}

/** Numbers that are not all whole or not all small. */
export class Float64Vector {
  readonly kind = 'float64';
  constructor(readonly data: Float64Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    return isSet(this.nulls, position) ? null : this.data[position];
  }
}

/** Booleans, a byte each. */
export class BooleanVector {
  readonly kind = 'boolean';
  constructor(readonly data: Uint8Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    return isSet(this.nulls, position) ? null : this.data[position] === 1;
  }
}

/** Concatenated strings of one byte per character: decoded at once at the first use, then sliced. */
export class Latin1Vector {
  readonly kind = 'string';
  private text: string | null = null;
  constructor(private readonly bytes: Buffer, readonly offsets: Uint16Array | Uint32Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    this.text ??= this.bytes.toString('latin1');
    return this.text.slice(this.offsets[position], this.offsets[position + 1]);
  }
}

/** Concatenated strings in UTF-8, decoded one by one. */
export class Utf8Vector {
  readonly kind = 'string';
  constructor(private readonly bytes: Buffer, readonly offsets: Uint16Array | Uint32Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    if (isSet(this.nulls, position)) return null;
    return this.bytes.toString('utf8', this.offsets[position], this.offsets[position + 1]);
  }
}

/** Strings that repeat: a code per position, the distinct strings decoded at the first use. Compiled loops may test codes. */
export class DictionaryVector {
  readonly kind = 'string';
  private words: readonly string[] | null = null;
  constructor(readonly codes: Uint8Array, private readonly distinct: Latin1Vector | Utf8Vector, private readonly size: number, readonly nulls: Bitmap | null) {}

  /** The distinct strings, by code. */
  get dictionary(): readonly string[] {
    this.words ??= Array.from({ length: this.size }, (_, code) => this.distinct.get(code) as string);
    return this.words;
  }

  get(position: number): Datum {
    return isSet(this.nulls, position) ? null : this.dictionary[this.codes[position]];
  }
}

/** Values of any other kind: one msgpack array, decoded at the first use. */
export class GenericVector {
  readonly kind = 'generic';
  private values: readonly Datum[] | null = null;
  constructor(private readonly bytes: Uint8Array, readonly nulls: Bitmap | null) {}
  get(position: number): Datum {
    this.values ??= decodeParts(this.bytes) as Datum[];
    return this.values[position] ?? null;
  }
}

/** A column without any value. */
export class NullVector {
  readonly kind = 'generic';
  constructor(readonly nulls: Bitmap) {}
  get(): Datum {
    return null;
  }
}

/** Any column of a packed chunk. */
export type PackedVector =
  | Int32Vector | Float64Vector | BooleanVector | Latin1Vector | Utf8Vector | DictionaryVector | GenericVector | NullVector;
