/**
 * Bodies of index keys, kind by kind: each function maps values that are not null to self-ending latin1 strings whose
 * bytewise order is PostgreSQL's btree order of the type. See `key-encoder.ts` for the whole key, `README.md` for the
 * layouts.
 */
import { assert, AssertionFailure, unreachable } from '../base/assert.js';
import { ArrayValue, Interval, RecordValue, TimeTz, type Datum } from '../types/datum.js';
import { Jsonb, type JsonbNode } from '../types/jsonb.js';
import { MultirangeValue, RangeValue, type RangeBound } from '../types/range.js';
import { Numeric } from '../types/numeric.js';
import { encodeDatum } from './row.js';

const chars = String.fromCharCode;
const TWO_32 = 0x1_0000_0000;

/** false, true. */
export function booleanBody(value: Datum): string {
  return value === true ? '\x01' : '\x00';
}

/**
 * Whole numbers of up to 64 bits, and the infinities of dates and timestamps. First byte 0x80 + n for a non-negative
 * value of n significant bytes, 0x7f - n for a negative one; then n bytes, big-endian (negative: plus 256^n).
 */
export function integerBody(value: Datum): string {
  if (typeof value === 'bigint') return bigintBody(value);
  if (typeof value !== 'number') throw new AssertionFailure(`not a whole number: ${String(value)}`);
  if (value >= 0) {
    if (value === 0) return '\x80';
    if (value < TWO_32) return chars(0x80 + widthOf(value)) + bigEndian(value, widthOf(value));
    if (value === Infinity) return '\xff';
    const high = Math.floor(value / TWO_32);
    return chars(0x84 + widthOf(high)) + bigEndian(high, widthOf(high)) + bigEndian(value % TWO_32, 4);
  }
  if (value === -Infinity) return '\x00';
  return negativeBody(value);
}

function negativeBody(value: number): string {
  const below = -value - 1;
  const width = below < TWO_32 ? widthOf(below) || 1 : 4 + widthOf(Math.floor(below / TWO_32));
  if (width <= 4) return chars(0x7f - width) + bigEndian(~below >>> 0, width);
  const high = Math.floor(below / TWO_32);
  return chars(0x7f - width) + bigEndian(~high >>> 0, width - 4) + bigEndian(~(below % TWO_32) >>> 0, 4);
}

/** Significant bytes of an unsigned 32-bit number (0 for 0). */
function widthOf(value: number): number {
  if (value < 0x1_0000) return value < 0x100 ? (value === 0 ? 0 : 1) : 2;
  return value < 0x100_0000 ? 3 : 4;
}

/** The low `width` bytes of an unsigned 32-bit number, most significant first. */
function bigEndian(value: number, width: number): string {
  switch (width) {
    case 1: return chars(value & 255);
    case 2: return chars((value >>> 8) & 255, value & 255);
    case 3: return chars((value >>> 16) & 255, (value >>> 8) & 255, value & 255);
    default: return chars(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }
}

function bigintBody(value: bigint): string {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return integerBody(Number(value));
  const negative = value < 0n;
  let rest = negative ? -value - 1n : value;
  let body = '';
  let width = 0;
  for (; rest > 0n; rest >>= 8n, width++) body = chars(Number(rest & 255n) ^ (negative ? 255 : 0)) + body;
  assert(width <= 8, 'integers in keys have at most 64 bits');
  return chars(negative ? 0x7f - width : 0x80 + width) + body;
}

const floatBytes = new DataView(new ArrayBuffer(8));

/** The eight bytes of the double, sign bit flipped (negative: all bits); NaN behind +Infinity. */
export function floatBody(value: Datum): string {
  assert(typeof value === 'number', 'a float key is a number');
  if (Number.isNaN(value)) return '\xff\xff\xff\xff\xff\xff\xff\xff';
  floatBytes.setFloat64(0, value === 0 ? 0 : value);
  let high = floatBytes.getUint32(0);
  let low = floatBytes.getUint32(4);
  if (high >= 0x8000_0000) {
    high = ~high >>> 0;
    low = ~low >>> 0;
  } else high = (high | 0x8000_0000) >>> 0;
  return chars(
    high >>> 24, (high >>> 16) & 255, (high >>> 8) & 255, high & 255,
    low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255,
  );
}

const EXPONENT_BIAS = 0x80_0000;

/**
 * Sign class; then for finite values other than 0 the decimal exponent of 0.ddd (3 bytes, biased), the significant
 * digits in pairs (01..64 hex for 00..99) and an end 00; the whole complemented for negative values.
 */
export function numericBody(value: Datum): string {
  assert(value instanceof Numeric, 'a numeric key is a Numeric');
  if (value.special !== '') return value.special === 'NaN' ? '\x06' : value.special === 'Infinity' ? '\x05' : '\x01';
  if (value.unscaled === 0n) return '\x03';
  const negative = value.unscaled < 0n;
  const digits = (negative ? -value.unscaled : value.unscaled).toString();
  let length = digits.length;
  while (digits.charCodeAt(length - 1) === 48) length--;
  const exponent = digits.length - value.scale + EXPONENT_BIAS;
  const flip = negative ? 255 : 0;
  let body = chars(negative ? 2 : 4, ((exponent >>> 16) & 255) ^ flip, ((exponent >>> 8) & 255) ^ flip, (exponent & 255) ^ flip);
  for (let index = 0; index < length; index += 2) {
    const tens = digits.charCodeAt(index) - 48;
    const ones = index + 1 < length ? digits.charCodeAt(index + 1) - 48 : 0;
    body += chars((tens * 10 + ones + 1) ^ flip);
  }
  return body + chars(flip);
}

// The class of characters that a text body cannot carry as they are: NUL and 0x01 (escaped), and what is not ASCII.
const NOT_PLAIN = /[^\x02-\x7f]/;
const TO_ESCAPE = /[\x00\x01]/g;

/** Replaces 00 by 01 01 and 01 by 01 02, so that 00 can end the body. */
function escaped(bytes: string): string {
  return bytes.replace(TO_ESCAPE, (byte) => (byte === '\x00' ? '\x01\x01' : '\x01\x02'));
}

/** UTF-8 bytes, 00 and 01 escaped, and an end 00. */
export function textBody(value: Datum): string {
  const text = value as string;
  return NOT_PLAIN.test(text) ? `${escaped(Buffer.from(text, 'utf8').toString('latin1'))}\x00` : `${text}\x00`;
}

/** As text, without trailing blanks. */
export function blankPaddedBody(value: Datum): string {
  const text = value as string;
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return textBody(end === text.length ? text : text.slice(0, end));
}

/** The bytes, 00 and 01 escaped, and an end 00. */
export function byteaBody(value: Datum): string {
  assert(value instanceof Uint8Array, 'a bytea key is bytes');
  return `${escaped(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'))}\x00`;
}

/** By the instant (UTC), then by the zone. */
export function timeTzBody(value: Datum): string {
  assert(value instanceof TimeTz, 'a timetz key is a TimeTz');
  return integerBody(value.micros + value.zone * 1_000_000) + integerBody(value.zone);
}

const DAY_MICROS = 86_400_000_000n;

/** The span with months of 30 days of 24 hours, as an integer of 80 bits. */
export function intervalBody(value: Datum): string {
  assert(value instanceof Interval, 'an interval key is an Interval');
  const span = BigInt(value.micros) + BigInt(value.days + value.months * 30) * DAY_MICROS;
  const biased = span + (1n << 79n);
  return Buffer.from(biased.toString(16).padStart(20, '0'), 'hex').toString('latin1');
}

/** By enumsortorder. */
export function enumBody(order: (oid: number) => number): (value: Datum) => string {
  return (value) => floatBody(order(value as number));
}

/** Elements (02 body, 03 null), an end 01, then the number of dimensions, the lengths, the lower bounds: as array_cmp. */
export function arrayBody(element: (value: Datum) => string): (value: Datum) => string {
  return (value) => {
    assert(value instanceof ArrayValue, 'an array key is an ArrayValue');
    let body = '';
    for (const item of value.elements) body += item === null ? '\x03' : `\x02${element(item)}`;
    body += `\x01${chars(value.dims.length)}`;
    for (const length of value.dims) body += integerBody(length);
    for (const bound of value.lowerBounds) body += integerBody(bound);
    return body;
  };
}

/** Fields in order, nulls last: as record_cmp. A field is null where the column was dropped. */
export function recordBody(fields: readonly (((value: Datum) => string) | null)[]): (value: Datum) => string {
  return (value) => {
    assert(value instanceof RecordValue, 'a record key is a RecordValue');
    let body = '';
    fields.forEach((field, index) => {
      if (field === null) return;
      const item = value.values[index] ?? null;
      body += item === null ? '\x02' : `\x01${field(item)}`;
    });
    return body;
  };
}

/** A bound's place: before everything, at a value (just before it, or just behind), behind everything. */
function boundBody({ value, infinite, inclusive, lower }: RangeBound, element: (value: Datum) => string): string {
  if (infinite) return lower ? '\x01' : '\x03';
  return `\x02${element(value)}${inclusive === lower ? '\x01' : '\x02'}`;
}

/** Ranges: empty ones first, then by lower and upper bound; multiranges range by range, the shorter first. */
export function rangeBody(element: (value: Datum) => string): (value: Datum) => string {
  const body = (range: RangeValue): string =>
    (range.empty ? '\x01' : `\x02${boundBody(range.lower, element)}${boundBody(range.upper, element)}`);
  return (value) => {
    if (value instanceof MultirangeValue) return `${value.ranges.map(body).join('')}\x00`;
    assert(value instanceof RangeValue, 'a range key is a RangeValue');
    return body(value);
  };
}

/** Equal values, equal keys; the order means nothing. */
export function genericBody(value: Datum): string {
  return byteaBody(encodeDatum(value));
}

/** jsonb's btree order: object > array > boolean > number > string > null; more members above fewer. */
export function jsonbBody(value: Datum): string {
  assert(value instanceof Jsonb, 'a jsonb key is a Jsonb');
  const root = value.root;
  // A scalar at the top is an array of one to PostgreSQL, below every true array but the empty one.
  if (Array.isArray(root)) return root.length === 0 ? '\x10' : `\x12${jsonbNode(root)}`;
  return root instanceof Map ? `\x13${jsonbNode(root)}` : `\x11${jsonbNode(root)}`;
}

function jsonbNode(node: JsonbNode): string {
  if (node === null) return '\x01';
  if (typeof node === 'string') return `\x02${textBody(node)}`;
  if (node instanceof Numeric) return `\x03${numericBody(node)}`;
  if (typeof node === 'boolean') return `\x04${booleanBody(node)}`;
  if (isList(node)) return `\x05${integerBody(node.length)}${node.map(jsonbNode).join('')}`;
  if (node instanceof Map) {
    let body = `\x06${integerBody(node.size)}`;
    for (const [key, member] of node as ReadonlyMap<string, JsonbNode>) body += textBody(key) + jsonbNode(member);
    return body;
  }
  return unreachable(node as never, 'jsonb node');
}

function isList(node: JsonbNode): node is readonly JsonbNode[] {
  return Array.isArray(node);
}

