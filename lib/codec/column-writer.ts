/**
 * Packs one column of a chunk: looks at the values once, chooses the encoding (`COLUMN_ENCODING`), lays out the parts.
 */
import type { Datum, Row } from '../types/datum.js';
import { COLUMN_ENCODING, COLUMN_FLAG } from './format.js';
import { encodeParts } from './row.js';
import { Jsonb } from '../types/jsonb.js';

/** A packed column; its parts are written 8-aligned one after the other: bounds, nulls, then the data's own parts. */
export interface PackedColumn {
  readonly encoding: number;
  readonly flags: number;
  /** Number of distinct strings of a dictionary, else 0. */
  readonly distinct: number;
  /** Bytes of string text, jsonb or msgpack. */
  readonly dataBytes: number;
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

function survey(rows: readonly (Row | null)[], index: number): Survey {
  const found: Survey = {
    values: [], nulls: new Uint8Array((rows.length + 7) >> 3), nullCount: 0, count: 0, type: '',
    wholeSmall: true, hasNaN: false, minimum: Infinity, maximum: -Infinity,
  };
  const { values, nulls } = found;
  for (let position = 0; position < rows.length; position++) {
    const row = rows[position];
    const value = row === null ? null : row[index] ?? null;
    values.push(value);
    if (value === null) {
      if (row !== null) {
        nulls[position >> 3] |= 1 << (position & 7);
        found.nullCount++;
      }
      continue;
    }
    found.count++;
    const type = value instanceof Jsonb ? 'jsonb' : typeof value;
    if (found.type !== type) found.type = found.type === '' ? type : 'mixed';
    if (typeof value === 'number') surveyNumber(found, value);
  }
  return found;
}

function surveyNumber(found: Survey, value: number): void {
  if (found.wholeSmall && ((value | 0) !== value || Object.is(value, -0))) found.wholeSmall = false;
  if (value < found.minimum) found.minimum = value;
  if (value > found.maximum) found.maximum = value;
  if (Number.isNaN(value)) found.hasNaN = true;
}

/** Packs column `index` of the rows. */
export function packColumn(rows: readonly (Row | null)[], index: number): PackedColumn {
  const found = survey(rows, index);
  if (found.count === 0) return { encoding: COLUMN_ENCODING.allNull, flags: 0, distinct: 0, dataBytes: 0, parts: [] };
  const body = packValues(found);
  const parts = [...body.parts];
  let flags = body.flags;
  if (found.nullCount > 0) {
    parts.unshift(found.nulls);
    flags |= COLUMN_FLAG.nulls;
  }
  if (found.type === 'number' && !found.hasNaN) {
    parts.unshift(new Uint8Array(new Float64Array([found.minimum, found.maximum]).buffer));
    flags |= COLUMN_FLAG.bounds;
  }
  return { ...body, flags, parts };
}

function packValues(found: Survey): PackedColumn {
  switch (found.type) {
    case 'number': return packNumbers(found);
    case 'boolean': return packBooleans(found.values);
    case 'string': return packStrings(found.values as (string | null)[], found.count);
    case 'jsonb': return packJsonb(found.values);
    default: return packGeneric(found.values);
  }
}

function bytesOf(array: Int8Array | Int16Array | Int32Array | Float64Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function packNumbers(found: Survey): PackedColumn {
  const { values, minimum, maximum } = found;
  const length = values.length;
  let array: Int8Array | Int16Array | Int32Array | Float64Array;
  let encoding: number;
  if (!found.wholeSmall) [array, encoding] = [new Float64Array(length), COLUMN_ENCODING.float64];
  else if (minimum >= -128 && maximum <= 127) [array, encoding] = [new Int8Array(length), COLUMN_ENCODING.int8];
  else if (minimum >= -32768 && maximum <= 32767) [array, encoding] = [new Int16Array(length), COLUMN_ENCODING.int16];
  else [array, encoding] = [new Int32Array(length), COLUMN_ENCODING.int32];
  for (let position = 0; position < length; position++) {
    const value = values[position];
    if (typeof value === 'number') array[position] = value;
  }
  return { encoding, flags: 0, distinct: 0, dataBytes: array.byteLength, parts: [bytesOf(array)] };
}

function packBooleans(values: readonly Datum[]): PackedColumn {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let position = 0; position < values.length; position++) {
    if (values[position] === true) bits[position >> 3] |= 1 << (position & 7);
  }
  return { encoding: COLUMN_ENCODING.boolean, flags: 0, distinct: 0, dataBytes: bits.length, parts: [bits] };
}

const NOT_LATIN1 = /[^\x00-\xff]/;
const MAX_DICTIONARY = 255;

/** Concatenated text and where each string starts in it. */
function packText(strings: readonly (string | null)[]): { isUtf8: boolean; wide: boolean; dataBytes: number; parts: Uint8Array[] } {
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

function packStrings(values: readonly (string | null)[], count: number): PackedColumn {
  const words = dictionaryOf(values, count);
  if (words) {
    const codes = new Uint8Array(values.length);
    values.forEach((value, position) => {
      if (value !== null) codes[position] = words.get(value) ?? 0;
    });
    const text = packText([...words.keys()]);
    const flags = (text.wide ? COLUMN_FLAG.wideOffsets : 0) | (text.isUtf8 ? COLUMN_FLAG.utf8Words : 0);
    return { encoding: COLUMN_ENCODING.dictionary, flags, distinct: words.size, dataBytes: text.dataBytes, parts: [codes, ...text.parts] };
  }
  const text = packText(values);
  return {
    encoding: text.isUtf8 ? COLUMN_ENCODING.utf8 : COLUMN_ENCODING.latin1,
    flags: text.wide ? COLUMN_FLAG.wideOffsets : 0, distinct: 0, dataBytes: text.dataBytes, parts: text.parts,
  };
}

/** The distinct strings with their codes when a dictionary pays: at most 255, each used four times on average. */
function dictionaryOf(values: readonly (string | null)[], count: number): Map<string, number> | null {
  const limit = Math.min(MAX_DICTIONARY, count >> 2);
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
  return { encoding: COLUMN_ENCODING.jsonb, flags: wide ? COLUMN_FLAG.wideOffsets : 0, distinct: 0, dataBytes: at, parts };
}

function packGeneric(values: readonly Datum[]): PackedColumn {
  const bytes = encodeParts(values);
  return { encoding: COLUMN_ENCODING.generic, flags: 0, distinct: 0, dataBytes: bytes.length, parts: [bytes] };
}
