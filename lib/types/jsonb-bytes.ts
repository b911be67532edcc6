/**
 * jsonb as bytes: how the value lies in rows and packed columns, read in place. A value begins with a tag and says where it
 * ends, so that a member is found by stepping over the ones before it, and nothing is decoded on the way.
 *
 *     size:    one byte 0..252, or 253 and u16, or 254 and u32, little-endian
 *     value:   00 null | 01 false | 02 true
 *              03 size, UTF-8                            a string of 128 bytes or more
 *              04 size of the rest, size n, n values     array
 *              05 size of the rest, size n, n members    object; member: size, UTF-8 of the key, value; in jsonb's order of keys
 *              06 size of the rest, sign (0 or 1), u16 scale, magnitude, little-endian                 any other number
 *              07 and 0 NaN, 1 Infinity, 2 -Infinity
 *              10+n, magnitude of n <= 6 bytes           integer >= 0; 18+n negative
 *              20+n, u8 scale, magnitude of n bytes      the same with a scale; 28+n negative
 *              80+n, n bytes of UTF-8                    a string of n <= 127 bytes
 *
 * Of a value there is one encoding, so equal bytes are equal values (not the reverse: 1.0 equals 1). What is read here was
 * written by `jsonb-writer.ts` and is covered by a checksum; golden bytes stand in `test/codec`.
 * Idea: PostgreSQL's JsonbContainer, without its tables of offsets: stepping costs some nanoseconds a member.
 */
import { AssertionFailure } from '../base/assert.js';
import type { JsonbNode } from './jsonb.js';
import { Numeric, type NumericSpecial } from './numeric.js';

/** First byte of an encoded value; small numbers and short strings carry a length in their low bits. */
export const JSONB_TAG = {
  null: 0x00, false: 0x01, true: 0x02, string: 0x03, array: 0x04, object: 0x05, number: 0x06, special: 0x07,
  integer: 0x10, scaled: 0x20, negative: 0x08, shortString: 0x80,
} as const;
/** Values of a size's first byte that announce two and four more bytes. */
export const WIDE_SIZE = 253;
export const WIDEST_SIZE = 254;
/** By their number in the bytes. */
export const SPECIALS: readonly NumericSpecial[] = ['NaN', 'Infinity', '-Infinity'];

/** What a value is, in jsonb's order of types. */
export const JSONB_KIND = { null: 0, string: 1, number: 2, boolean: 3, array: 4, object: 5 } as const;
/** One of `JSONB_KIND`. */
export type JsonbKind = (typeof JSONB_KIND)[keyof typeof JSONB_KIND];

/** The size at a place. */
export function sizeAt(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first < WIDE_SIZE) return first;
  return first === WIDE_SIZE ? bytes[at + 1] | (bytes[at + 2] << 8) : bytes.readUInt32LE(at + 1);
}

/** Where a size at a place ends. */
export function afterSize(bytes: Buffer, at: number): number {
  const first = bytes[at];
  return at + (first < WIDE_SIZE ? 1 : first === WIDE_SIZE ? 3 : 5);
}

/** Where the value at a place ends. */
export function valueEnd(bytes: Buffer, at: number): number {
  const tag = bytes[at];
  if (tag >= JSONB_TAG.shortString) return at + 1 + (tag & 0x7f);
  if (tag >= JSONB_TAG.scaled) return at + 2 + (tag & 7);
  if (tag >= JSONB_TAG.integer) return at + 1 + (tag & 7);
  if (tag < JSONB_TAG.string) return at + 1;
  return tag === JSONB_TAG.special ? at + 2 : afterSize(bytes, at + 1) + sizeAt(bytes, at + 1);
}

/** What the value at a place is. */
export function kindAt(bytes: Buffer, at: number): JsonbKind {
  const tag = bytes[at];
  if (tag >= JSONB_TAG.shortString) return JSONB_KIND.string;
  if (tag >= JSONB_TAG.integer) return JSONB_KIND.number;
  switch (tag) {
    case JSONB_TAG.null: return JSONB_KIND.null;
    case JSONB_TAG.false: case JSONB_TAG.true: return JSONB_KIND.boolean;
    case JSONB_TAG.string: return JSONB_KIND.string;
    case JSONB_TAG.array: return JSONB_KIND.array;
    case JSONB_TAG.object: return JSONB_KIND.object;
    case JSONB_TAG.number: case JSONB_TAG.special: return JSONB_KIND.number;
    default: throw new AssertionFailure(`jsonb has no tag ${tag}`);
  }
}

/** Members of the object or elements of the array at a place. */
export function countAt(bytes: Buffer, at: number): number {
  return sizeAt(bytes, afterSize(bytes, at + 1));
}

/** Where the first member of the object or element of the array at a place is. */
export function firstAt(bytes: Buffer, at: number): number {
  return afterSize(bytes, afterSize(bytes, at + 1));
}

/** Bytes of a string in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) length += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}

/** Whether `length` bytes are the text; `length` is the text's own, in UTF-8. */
function sameText(bytes: Buffer, at: number, length: number, text: string): boolean {
  if (length !== text.length) return bytes.toString('utf8', at, at + length) === text;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Where the value of a member of the object at a place is; -1: it has no such member. */
export function memberAt(bytes: Buffer, at: number, key: string): number {
  const wanted = utf8Length(key);
  let place = firstAt(bytes, at);
  for (let left = countAt(bytes, at); left > 0; left--) {
    const length = sizeAt(bytes, place);
    // Keys of more bytes stand behind.
    if (length > wanted) return -1;
    const start = afterSize(bytes, place);
    place = start + length;
    if (length === wanted && sameText(bytes, start, length, key)) return place;
    place = valueEnd(bytes, place);
  }
  return -1;
}

/** Where an element of the array at a place is, counted from the end when negative; -1: it has no such element. */
export function elementAt(bytes: Buffer, at: number, index: number): number {
  const count = countAt(bytes, at);
  const wanted = index < 0 ? index + count : index;
  if (wanted < 0 || wanted >= count) return -1;
  let place = firstAt(bytes, at);
  for (let left = wanted; left > 0; left--) place = valueEnd(bytes, place);
  return place;
}

/** Where the characters of the string at a place are; they end where the value does. */
export function stringStart(bytes: Buffer, at: number): number {
  return bytes[at] === JSONB_TAG.string ? afterSize(bytes, at + 1) : at + 1;
}

/** Whether the string at a place is this text. */
export function isStringAt(bytes: Buffer, at: number, text: string): boolean {
  const start = stringStart(bytes, at);
  const length = valueEnd(bytes, at) - start;
  return length === utf8Length(text) && sameText(bytes, start, length, text);
}

/** Longest strings, in bytes, that are looked for among the last ones. */
const CACHED_BYTES = 24;
const CACHED_STRINGS = 1024;
/** The last short strings, by a hash of their bytes: keys and words repeat, and the same string again costs no memory. */
const cachedStrings: string[] = Array.from({ length: CACHED_STRINGS }, () => '');

/** The UTF-8 text between two places. */
export function textBetween(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > CACHED_BYTES) return bytes.toString('utf8', start, end);
  let hash = length;
  for (let i = start; i < end; i++) {
    const unit = bytes[i];
    if (unit >= 0x80) return bytes.toString('utf8', start, end);
    hash = (Math.imul(hash, 31) + unit) | 0;
  }
  const slot = (hash ^ (hash >>> 15)) & (CACHED_STRINGS - 1);
  const known = cachedStrings[slot];
  if (known.length === length && sameText(bytes, start, length, known)) return known;
  const text = bytes.toString('latin1', start, end);
  cachedStrings[slot] = text;
  return text;
}

/** The string at a place. */
export function stringAt(bytes: Buffer, at: number): string {
  return textBetween(bytes, stringStart(bytes, at), valueEnd(bytes, at));
}

/** Whether the number at a place is one of `integer` or `scaled`: `magnitudeAt` and `scaleAt` read those. */
export function isSmallNumber(bytes: Buffer, at: number): boolean {
  return bytes[at] >= JSONB_TAG.integer;
}

/** Scale of the small number at a place. */
export function scaleAt(bytes: Buffer, at: number): number {
  return bytes[at] >= JSONB_TAG.scaled ? bytes[at + 1] : 0;
}

/** Whether the small number at a place is below zero. */
export function isNegativeAt(bytes: Buffer, at: number): boolean {
  return (bytes[at] & JSONB_TAG.negative) !== 0;
}

/** |unscaled| of the small number at a place, below 2^48. */
export function magnitudeAt(bytes: Buffer, at: number): number {
  const tag = bytes[at];
  const start = tag >= JSONB_TAG.scaled ? at + 2 : at + 1;
  let magnitude = 0;
  // Additions: beyond 32 bits shifts would lose the upper ones.
  for (let place = start + (tag & 7) - 1; place >= start; place--) magnitude = magnitude * 256 + bytes[place];
  return magnitude;
}

/** The number at a place. */
export function numberAt(bytes: Buffer, at: number): Numeric {
  if (isSmallNumber(bytes, at)) {
    const magnitude = magnitudeAt(bytes, at);
    return new Numeric(BigInt(isNegativeAt(bytes, at) ? 0 - magnitude : magnitude), scaleAt(bytes, at));
  }
  if (bytes[at] === JSONB_TAG.special) return specialNumbers[bytes[at + 1]];
  const start = afterSize(bytes, at + 1);
  const digits = Buffer.from(bytes.subarray(start + 3, valueEnd(bytes, at))).reverse();
  const magnitude = BigInt(`0x${digits.toString('hex')}`);
  return new Numeric(bytes[start] === 1 ? -magnitude : magnitude, bytes.readUInt16LE(start + 1));
}
const specialNumbers: readonly Numeric[] = [Numeric.NaN, Numeric.Infinity, Numeric.NegativeInfinity];

/** The value at a place as a tree. */
export function decodeNode(bytes: Buffer, at: number): JsonbNode {
  switch (kindAt(bytes, at)) {
    case JSONB_KIND.null: return null;
    case JSONB_KIND.boolean: return bytes[at] === JSONB_TAG.true;
    case JSONB_KIND.string: return stringAt(bytes, at);
    case JSONB_KIND.number: return numberAt(bytes, at);
    case JSONB_KIND.array: {
      const items: JsonbNode[] = [];
      let place = firstAt(bytes, at);
      for (let left = countAt(bytes, at); left > 0; left--) {
        items.push(decodeNode(bytes, place));
        place = valueEnd(bytes, place);
      }
      return items;
    }
    default: {
      const members = new Map<string, JsonbNode>();
      let place = firstAt(bytes, at);
      for (let left = countAt(bytes, at); left > 0; left--) {
        const start = afterSize(bytes, place);
        const end = start + sizeAt(bytes, place);
        members.set(textBetween(bytes, start, end), decodeNode(bytes, end));
        place = valueEnd(bytes, end);
      }
      return members;
    }
  }
}
