/**
 * Packs one column of a chunk: looks at the values once, chooses the encoding (`COLUMN_ENCODING`), lays out the parts.
 */
import type { Datum, Row } from '../types/datum.js';
import { COLUMN_ENCODING, COLUMN_FLAG } from './format.js';
import { encodeParts } from './row.js';
import { Jsonb } from '../types/jsonb.js';

/** Smallest and largest value of a column of numbers. */
export interface ColumnBounds {
  readonly minimum: number;
  readonly maximum: number;
}

/** A packed column; its parts are written 8-aligned one after the other: nulls, then the data's own parts. */
export interface PackedColumn {
  readonly encoding: number;
  readonly flags: number;
  /** Number of distinct strings of a dictionary, decimals of decimal numbers, else 0. */
  readonly distinct: number;
  /** Bytes of string text, jsonb or msgpack. */
  readonly dataBytes: number;
  /** Null for columns of other values than numbers, and with NaN among them. */
  readonly bounds: ColumnBounds | null;
  readonly parts: readonly Uint8Array[];
}

/** What one pass over a column found. */
interface Survey {
  /** Position → value; positions without a row hold null. */
  readonly values: Datum[];
  readonly nulls: Uint8Array;
  nullCount: number;
  count: number;
  /** Every value so far is of this typeof, or 'jsonb' ('mixed' when not; 'object' for other objects). */
  type: string;
  wholeSmall: boolean;
  hasNaN: boolean;
  minimum: number;
  maximum: number;
}

function blankSurvey(positions: number): Survey {
  return {
    values: [], nulls: new Uint8Array((positions + 7) >> 3), nullCount: 0, count: 0, type: '',
    wholeSmall: true, hasNaN: false, minimum: Infinity, maximum: -Infinity,
  };
}

function survey(rows: readonly (Row | null)[], index: number): Survey {
  const found = blankSurvey(rows.length);
  for (let position = 0; position < rows.length; position++) {
    const row = rows[position];
    if (row === null) found.values.push(null);
    else surveyValue(found, position, row[index] ?? null);
  }
  return found;
}

function surveyValue(found: Survey, position: number, value: Datum): void {
  found.values.push(value);
  if (value === null) {
    found.nulls[position >> 3] |= 1 << (position & 7);
    found.nullCount++;
    return;
  }
  found.count++;
  const type = value instanceof Jsonb ? 'jsonb' : typeof value;
  if (found.type !== type) found.type = found.type === '' ? type : 'mixed';
  if (typeof value === 'number') surveyNumber(found, value);
}

function surveyNumber(found: Survey, value: number): void {
  if (found.wholeSmall && ((value | 0) !== value || Object.is(value, -0))) found.wholeSmall = false;
  if (value < found.minimum) found.minimum = value;
  if (value > found.maximum) found.maximum = value;
  if (Number.isNaN(value)) found.hasNaN = true;
}

/** Packs column `index` of the rows. */
export function packColumn(rows: readonly (Row | null)[], index: number): PackedColumn {
  return packSurveyed(survey(rows, index));
}

/** Packs values by position; `presence`: a bit a position that has a row, elsewhere the value is null. null: all have. */
export function packDatums(values: readonly Datum[], presence: Uint8Array | null = null): PackedColumn {
  const found = blankSurvey(values.length);
  for (let position = 0; position < values.length; position++) {
    if (presence !== null && (presence[position >> 3] & (1 << (position & 7))) === 0) found.values.push(null);
    else surveyValue(found, position, values[position]);
  }
  return packSurveyed(found);
}

/**
 * Packs numbers. `nulls`: a bit a position that is NULL, null when none is. `empty`: a bit a position without a value (NULL, or no row there),
 * null when there is none; the number there is 0.
 */
export function packNumberArray(data: Int32Array | Float64Array, nulls: Uint8Array | null, empty: Uint8Array | null): PackedColumn {
  const { length } = data;
  let minimum = Infinity;
  let maximum = -Infinity;
  let hasNaN = false;
  let wholeSmall = true;
  let count = 0;
  const check = data instanceof Float64Array;
  for (let position = 0; position < length; position++) {
    const value = data[position];
    if (value === 0 && empty !== null && (empty[position >> 3] & (1 << (position & 7))) !== 0) continue;
    count++;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    if (!check || !wholeSmall) continue;
    if ((value | 0) !== value || Object.is(value, -0)) wholeSmall = false;
  }
  if (count === 0) return ALL_NULL;
  if (check) for (let position = 0; position < length && !hasNaN; position++) hasNaN = Number.isNaN(data[position]);
  return finishColumn(packNumbers(data, { wholeSmall, minimum, maximum }), nulls, hasNaN ? null : { minimum, maximum });
}

/** A column without any value. */
export const ALL_NULL: PackedColumn = { encoding: COLUMN_ENCODING.allNull, flags: 0, distinct: 0, dataBytes: 0, bounds: null, parts: [] };

function packSurveyed(found: Survey): PackedColumn {
  if (found.count === 0) return ALL_NULL;
  const hasBounds = found.type === 'number' && !found.hasNaN;
  return finishColumn(packBody(found), found.nullCount > 0 ? found.nulls : null, hasBounds ? { minimum: found.minimum, maximum: found.maximum } : null);
}

/** Puts the bitmap of NULLs (null: there are none) before a column's data, and gives it its bounds (null: it has none). */
export function finishColumn(body: PackedColumn, nulls: Uint8Array | null, bounds: ColumnBounds | null): PackedColumn {
  return nulls === null ? { ...body, bounds } : { ...body, bounds, flags: body.flags | COLUMN_FLAG.nulls, parts: [nulls, ...body.parts] };
}

function packBody(found: Survey): PackedColumn {
  switch (found.type) {
    case 'number': return packNumbers(found.values as (number | null)[], found);
    case 'boolean': return packBooleans(found.values);
    case 'string': return packStrings(found.values as (string | null)[], found.count);
    case 'jsonb': return packJsonb(found.values);
    default: return packGeneric(found.values);
  }
}

/** The memory of an array. */
export function bytesOf(array: Int8Array | Uint8Array | Int16Array | Int32Array | Float64Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** What decides how numbers are stored. */
interface NumberFacts {
  /** All are whole, of 32 bits, and none is -0. */
  readonly wholeSmall: boolean;
  readonly minimum: number;
  readonly maximum: number;
}

/** Decimals of the numbers that are kept as decimal numbers. */
const MOST_DECIMALS = 6;
const INT32_MAXIMUM = 0x7fff_ffff;

/** The data of a column of numbers; 0 stands where there is none. */
function packNumbers(values: readonly (number | null)[] | Int32Array | Float64Array, facts: NumberFacts): PackedColumn {
  const numbers = values instanceof Int32Array || values instanceof Float64Array ? values : doublesOf(values);
  if (facts.wholeSmall) return packWhole(numbers, facts);
  const decimals = decimalsOf(numbers, facts);
  if (decimals < 0) return numberColumn(COLUMN_ENCODING.float64, new Float64Array(numbers));
  const power = 10 ** decimals;
  const isShort = Math.max(-facts.minimum, facts.maximum) * power <= 0x7fff;
  const array = isShort ? new Int16Array(numbers.length) : new Int32Array(numbers.length);
  for (let position = 0; position < array.length; position++) array[position] = Math.round(numbers[position] * power);
  return numberColumn(isShort ? COLUMN_ENCODING.decimal16 : COLUMN_ENCODING.decimal32, array, decimals);
}

function doublesOf(values: readonly (number | null)[]): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let position = 0; position < numbers.length; position++) numbers[position] = values[position] ?? 0;
  return numbers;
}

function packWhole(numbers: Int32Array | Float64Array, { minimum, maximum }: NumberFacts): PackedColumn {
  if (minimum >= -128 && maximum <= 127) return numberColumn(COLUMN_ENCODING.int8, new Int8Array(numbers));
  if (maximum - minimum <= 0xff) return numberColumn(COLUMN_ENCODING.offset8, above(minimum, numbers, new Uint8Array(numbers.length)));
  if (minimum >= -32768 && maximum <= 32767) return numberColumn(COLUMN_ENCODING.int16, new Int16Array(numbers));
  if (maximum - minimum <= 0xffff) return numberColumn(COLUMN_ENCODING.offset16, above(minimum, numbers, new Uint16Array(numbers.length)));
  return numberColumn(COLUMN_ENCODING.int32, new Int32Array(numbers));
}

function above<Offsets extends Uint8Array | Uint16Array>(minimum: number, numbers: Int32Array | Float64Array, offsets: Offsets): Offsets {
  for (let position = 0; position < offsets.length; position++) offsets[position] = numbers[position] - minimum;
  return offsets;
}

/**
 * How many decimals the numbers have, so that each is, bit for bit, a whole number of 32 bits divided by a power of ten; -1 when some are not.
 * The quotient is the double nearest to the decimal number, as is what the number was read from, and stays that with more decimals.
 */
function decimalsOf(numbers: Int32Array | Float64Array, { minimum, maximum }: NumberFacts): number {
  const largest = Math.max(-minimum, maximum);
  let decimals = 0;
  let power = 1;
  for (let position = 0; position < numbers.length; position++) {
    const number = numbers[position];
    if (Object.is(number, -0)) return -1;
    while (Math.round(number * power) / power !== number) {
      power *= 10;
      if (++decimals > MOST_DECIMALS || !(largest * power <= INT32_MAXIMUM)) return -1;
    }
  }
  return largest * power <= INT32_MAXIMUM ? decimals : -1;
}

function numberColumn(encoding: number, array: Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Float64Array, decimals = 0): PackedColumn {
  return { encoding, flags: 0, distinct: decimals, dataBytes: array.byteLength, bounds: null, parts: [bytesOf(array)] };
}

function packBooleans(values: readonly Datum[]): PackedColumn {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let position = 0; position < values.length; position++) {
    if (values[position] === true) bits[position >> 3] |= 1 << (position & 7);
  }
  return { encoding: COLUMN_ENCODING.boolean, flags: 0, distinct: 0, dataBytes: bits.length, bounds: null, parts: [bits] };
}

const NOT_LATIN1 = /[^\x00-\xff]/;
const MAX_DICTIONARY = 255;

/** Concatenated text and where each string starts in it. */
export function packText(strings: readonly (string | null)[]): { isUtf8: boolean; wide: boolean; dataBytes: number; parts: Uint8Array[] } {
  const joined = strings.join('');
  const isUtf8 = NOT_LATIN1.test(joined);
  const offsets = new Uint32Array(strings.length + 1);
  let at = 0;
  for (let index = 0; index < strings.length; index++) {
    const text = strings[index];
    if (text !== null) at += isUtf8 ? Buffer.byteLength(text) : text.length;
    offsets[index + 1] = at;
  }
  const wide = at > 0xffff;
  const text = Buffer.from(joined, isUtf8 ? 'utf8' : 'latin1');
  return { isUtf8, wide, dataBytes: text.length, parts: [bytesOf(wide ? offsets : Uint16Array.from(offsets)), text] };
}

/** The data of a column of strings, `count` of them not null. */
export function packStrings(values: readonly (string | null)[], count: number): PackedColumn {
  const words = dictionaryOf(values, count);
  if (words) {
    const codes = new Uint8Array(values.length);
    values.forEach((value, position) => {
      if (value !== null) codes[position] = words.get(value) ?? 0;
    });
    const text = packText([...words.keys()]);
    const flags = (text.wide ? COLUMN_FLAG.wideOffsets : 0) | (text.isUtf8 ? COLUMN_FLAG.utf8Words : 0);
    return { encoding: COLUMN_ENCODING.dictionary, flags, distinct: words.size, dataBytes: text.dataBytes, bounds: null, parts: [codes, ...text.parts] };
  }
  const text = packText(values);
  return {
    encoding: text.isUtf8 ? COLUMN_ENCODING.utf8 : COLUMN_ENCODING.latin1,
    flags: text.wide ? COLUMN_FLAG.wideOffsets : 0, distinct: 0, dataBytes: text.dataBytes, bounds: null, parts: text.parts,
  };
}

/** Most words with which a dictionary of `count` strings pays: at most 255, each used four times on average. */
export function dictionaryLimit(count: number): number {
  return Math.min(MAX_DICTIONARY, count >> 2);
}

/** The distinct strings with their codes when a dictionary pays. */
function dictionaryOf(values: readonly (string | null)[], count: number): Map<string, number> | null {
  const limit = dictionaryLimit(count);
  const words = new Map<string, number>();
  for (const value of values) {
    if (value === null || words.has(value)) continue;
    if (words.size === limit) return null;
    words.set(value, words.size);
  }
  return words;
}

function packJsonb(values: readonly Datum[]): PackedColumn {
  const offsets = new Uint32Array(values.length + 1);
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (let position = 0; position < values.length; position++) {
    const value = values[position];
    if (value instanceof Jsonb) {
      const { bytes } = value;
      pieces.push(bytes.subarray(value.start, value.end));
      at += value.end - value.start;
    }
    offsets[position + 1] = at;
  }
  const wide = at > 0xffff;
  const parts = [bytesOf(wide ? offsets : Uint16Array.from(offsets)), Buffer.concat(pieces, at)];
  return { encoding: COLUMN_ENCODING.jsonb, flags: wide ? COLUMN_FLAG.wideOffsets : 0, distinct: 0, dataBytes: at, bounds: null, parts };
}

function packGeneric(values: readonly Datum[]): PackedColumn {
  const bytes = encodeParts(values);
  return { encoding: COLUMN_ENCODING.generic, flags: 0, distinct: 0, dataBytes: bytes.length, bounds: null, parts: [bytes] };
}
