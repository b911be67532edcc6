/**
 * Values of one column on their way into a packed chunk without having been a row: what COPY reads from its stream. Packing
 * gives the bytes that `packColumn` gives for the same values as rows (`test/codec/column-values.test.ts` holds it to that), in a
 * fifth of its time (four columns of numbers and one of text; numbers alone: a sixth).
 */
import { isAscii } from 'node:buffer';
import { unreachable } from '../base/assert.js';
import type { Datum } from '../types/datum.js';
import { bytesOf, ALL_NULL, finishColumn, packDatums, packNumberArray, packStrings, packText, dictionaryLimit, type PackedColumn } from './column-writer.js';
import { COLUMN_ENCODING, COLUMN_FLAG } from './format.js';

/** Which positions are NULL: a byte each, 1 = NULL; null: none is. May be longer than the column. */
export type NullBytes = Uint8Array | null;

/**
 * A column's values by position; arrays may be longer than the column. At NULL, numbers are 0 and texts empty. `text` is UTF-8, one
 * value behind the other: the value at position i ends at `ends[i]`.
 */
export type ColumnValues =
  | { readonly kind: 'null' }
  | { readonly kind: 'int32'; readonly data: Int32Array; readonly nulls: NullBytes }
  | { readonly kind: 'float64'; readonly data: Float64Array; readonly nulls: NullBytes }
  | { readonly kind: 'text'; readonly bytes: Buffer; readonly ends: Uint32Array; readonly nulls: NullBytes }
  | { readonly kind: 'values'; readonly values: readonly Datum[] };

/** The value at a position. */
export function valueAt(column: ColumnValues, position: number): Datum {
  switch (column.kind) {
    case 'null': return null;
    case 'values': return column.values[position];
    case 'int32': case 'float64': return column.nulls !== null && column.nulls[position] === 1 ? null : column.data[position];
    case 'text': {
      if (column.nulls !== null && column.nulls[position] === 1) return null;
      return column.bytes.toString('utf8', position === 0 ? 0 : column.ends[position - 1], column.ends[position]);
    }
    default: return unreachable(column, 'column kind');
  }
}

/** Packs the first `rows` values. */
export function packValues(column: ColumnValues, rows: number): PackedColumn {
  switch (column.kind) {
    case 'null': return ALL_NULL;
    case 'values': return packDatums(column.values.length === rows ? column.values : column.values.slice(0, rows));
    case 'int32': case 'float64': {
      const nulls = nullBits(column.nulls, rows)?.bits ?? null;
      return packNumberArray(column.data.subarray(0, rows), nulls, nulls);
    }
    case 'text': return packTextValues(column.bytes, column.ends, nullBits(column.nulls, rows), rows);
    default: return unreachable(column, 'column kind');
  }
}

/** NULLs as a bitmap; null: there are none. */
interface NullBits {
  readonly bits: Uint8Array;
  readonly count: number;
}

function nullBits(nulls: NullBytes, rows: number): NullBits | null {
  if (nulls === null) return null;
  const bits = new Uint8Array((rows + 7) >> 3);
  let count = 0;
  for (let position = 0; position < rows; position++) {
    if (nulls[position] === 0) continue;
    bits[position >> 3] |= 1 << (position & 7);
    count++;
  }
  return count === 0 ? null : { bits, count };
}

function isNull(nulls: NullBits | null, position: number): boolean {
  return nulls !== null && (nulls.bits[position >> 3] & (1 << (position & 7))) !== 0;
}

function packTextValues(bytes: Buffer, ends: Uint32Array, nulls: NullBits | null, rows: number): PackedColumn {
  const count = rows - (nulls === null ? 0 : nulls.count);
  if (count === 0) return ALL_NULL;
  const bits = nulls === null ? null : nulls.bits;
  const dictionary = dictionaryOf(bytes, ends, nulls, rows, dictionaryLimit(count));
  if (dictionary !== null) return finishColumn(packDictionary(dictionary), bits, null);
  const text = bytes.subarray(0, ends[rows - 1]);
  const ascii = isAscii(text);
  if (!ascii && !isBeyondLatin1(text)) {
    const strings = Array.from({ length: rows }, (_, position) => (isNull(nulls, position) ? null : bytes.toString('utf8', position === 0 ? 0 : ends[position - 1], ends[position])));
    return finishColumn(packStrings(strings, count), bits, null);
  }
  const wide = text.length > 0xffff;
  const offsets = wide ? new Uint32Array(rows + 1) : new Uint16Array(rows + 1);
  offsets.set(ends.subarray(0, rows), 1);
  return finishColumn({
    encoding: ascii ? COLUMN_ENCODING.latin1 : COLUMN_ENCODING.utf8, flags: wide ? COLUMN_FLAG.wideOffsets : 0, distinct: 0,
    dataBytes: text.length, bounds: null, parts: [bytesOf(offsets), text],
  }, bits, null);
}

/** Whether valid UTF-8 has a character that latin1 has not. */
function isBeyondLatin1(text: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) if (text[at] >= 0xc4) return true;
  return false;
}

interface Dictionary {
  readonly words: readonly string[];
  /** A code a position; 0 at NULL. */
  readonly codes: Uint8Array;
}

/** Power of two beyond twice the most words. */
const SLOTS = 1024;

/** The distinct texts in order of appearance; null when there are more than `limit`. */
function dictionaryOf(bytes: Buffer, ends: Uint32Array, nulls: NullBits | null, rows: number, limit: number): Dictionary | null {
  const slots = new Int16Array(SLOTS).fill(-1);
  const firsts: number[] = [];
  const codes = new Uint8Array(rows);
  for (let position = 0; position < rows; position++) {
    if (isNull(nulls, position)) continue;
    const start = position === 0 ? 0 : ends[position - 1];
    const end = ends[position];
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    let word = slots[slot];
    while (word >= 0 && !isSame(bytes, ends, firsts[word], start, end)) {
      slot = (slot + 1) & (SLOTS - 1);
      word = slots[slot];
    }
    if (word < 0) {
      if (firsts.length === limit) return null;
      word = firsts.length;
      slots[slot] = word;
      firsts.push(position);
    }
    codes[position] = word;
  }
  return { words: firsts.map((position) => bytes.toString('utf8', position === 0 ? 0 : ends[position - 1], ends[position])), codes };
}

/** Whether the text at a position is bytes[start, end). */
function isSame(bytes: Buffer, ends: Uint32Array, position: number, start: number, end: number): boolean {
  const from = position === 0 ? 0 : ends[position - 1];
  if (ends[position] - from !== end - start) return false;
  for (let at = start, other = from; at < end; at++, other++) if (bytes[at] !== bytes[other]) return false;
  return true;
}

function packDictionary({ words, codes }: Dictionary): PackedColumn {
  const text = packText(words);
  const flags = (text.wide ? COLUMN_FLAG.wideOffsets : 0) | (text.isUtf8 ? COLUMN_FLAG.utf8Words : 0);
  return { encoding: COLUMN_ENCODING.dictionary, flags, distinct: words.length, dataBytes: text.dataBytes, bounds: null, parts: [codes, ...text.parts] };
}
