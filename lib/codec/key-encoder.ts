/**
 * The order-preserving index key codec: values of the index's columns → one latin1 string whose code-unit order (that
 * is, memcmp order) is the columns' order, ascending or descending, nulls first or last. Each column is a tag
 * (`KEY_TAG`) and a body that ends itself, so the encoding of the first n columns is a prefix bound for all keys that
 * start with these values. Values that PostgreSQL's btree comparison calls equal encode alike.
 *
 * Columns of ICU-collated text have no bytewise form: an index with any such column uses `collated-key.ts`.
 * Idea: FoundationDB's tuple layer and CockroachDB's key encoding.
 */
import { unreachable } from '../base/assert.js';
import type { Datum, DatumObject } from '../types/datum.js';
import { KEY_TAG } from './format.js';
import {
  arrayBody, blankPaddedBody, booleanBody, byteaBody, enumBody, floatBody, genericBody, integerBody, intervalBody, jsonbBody,
  numericBody, rangeBody, recordBody, textBody, timeTzBody,
} from './key-bodies.js';

/** An order-preserving encoded key (the `IndexKey` of the storage contract). */
export type EncodedKey = string;

/** How the values of a column are ordered. */
export type KeyKind =
  | { readonly kind: 'boolean' }
  /** int2, int4, int8, oid, xid, date, time, timestamp, timestamptz: whole numbers and ±Infinity; all compare with each other. */
  | { readonly kind: 'integer' }
  /** float4, float8: NaN greatest, -0 equal to 0. */
  | { readonly kind: 'float' }
  | { readonly kind: 'numeric' }
  /** text, varchar, name, "char", uuid, in the order of their UTF-8 bytes (collation C). */
  | { readonly kind: 'text' }
  /** char(n): as text, trailing blanks ignored. */
  | { readonly kind: 'blankPadded' }
  | { readonly kind: 'bytea' }
  | { readonly kind: 'timetz' }
  | { readonly kind: 'interval' }
  | { readonly kind: 'jsonb' }
  /** `order`: the enumsortorder of the pg_enum row with this OID. */
  | { readonly kind: 'enum'; readonly order: (oid: number) => number }
  | { readonly kind: 'array'; readonly element: KeyKind }
  /** By the value's places; null for a dropped column. */
  | { readonly kind: 'record'; readonly fields: readonly (KeyKind | null)[] }
  /** Ranges and multiranges over values of this kind. */
  | { readonly kind: 'range'; readonly subtype: KeyKind }
  /** A class that knows its own order: bytes (latin1) whose order is the values' order. */
  | { readonly kind: 'custom'; readonly encode: (value: DatumObject) => string }
  /** Equality only: same value, same key. */
  | { readonly kind: 'generic' };

/** One column of an index. */
export interface KeyColumn {
  readonly kind: KeyKind;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Encodes one value that is not null. */
export type BodyEncoder = (value: Datum) => string;

/** The encoder of a kind's values: self-ending, ascending. */
export function bodyEncoder(kind: KeyKind): BodyEncoder {
  switch (kind.kind) {
    case 'boolean': return booleanBody;
    case 'integer': return integerBody;
    case 'float': return floatBody;
    case 'numeric': return numericBody;
    case 'text': return textBody;
    case 'blankPadded': return blankPaddedBody;
    case 'bytea': return byteaBody;
    case 'timetz': return timeTzBody;
    case 'interval': return intervalBody;
    case 'jsonb': return jsonbBody;
    case 'enum': return enumBody(kind.order);
    case 'array': return arrayBody(bodyEncoder(kind.element));
    case 'record': return recordBody(kind.fields.map((field) => (field === null ? null : bodyEncoder(field))));
    case 'range': return rangeBody(bodyEncoder(kind.subtype));
    case 'custom': return customBody(kind.encode);
    case 'generic': return genericBody;
    default: return unreachable(kind, 'key kind');
  }
}

function customBody(encode: (value: DatumObject) => string): BodyEncoder {
  return (value) => byteaBody(Buffer.from(encode(value as DatumObject), 'latin1'));
}

/** Complements every byte: turns the order around. */
export function complement(body: string): string {
  const bytes = Buffer.from(body, 'latin1');
  for (let index = 0; index < bytes.length; index++) bytes[index] ^= 0xff;
  return bytes.toString('latin1');
}

/** The encoder of one column, null included. */
export function columnEncoder(column: KeyColumn): BodyEncoder {
  const nullKey = column.nullsFirst ? KEY_TAG.nullFirst : KEY_TAG.nullLast;
  const tag = KEY_TAG.value;
  if (!column.descending && column.kind.kind === 'integer') return (value) => (value === null ? nullKey : taggedInteger(value));
  const body = bodyEncoder(column.kind);
  if (column.descending) return (value) => (value === null ? nullKey : tag + complement(body(value)));
  return (value) => (value === null ? nullKey : tag + body(value));
}

/** Tag and body of a whole number in one string: the path of most primary keys (about 30 ns). */
function taggedInteger(value: Datum): string {
  if (typeof value === 'number' && value >= 0 && value < 0x1_0000_0000) {
    if (value < 0x100) return value === 0 ? '\x01\x80' : String.fromCharCode(1, 0x81, value);
    if (value < 0x1_0000) return String.fromCharCode(1, 0x82, value >>> 8, value & 255);
    if (value < 0x100_0000) return String.fromCharCode(1, 0x83, value >>> 16, (value >>> 8) & 255, value & 255);
    return String.fromCharCode(1, 0x84, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }
  return KEY_TAG.value + integerBody(value);
}

/**
 * Makes the encoder of an index's keys. Given fewer values than columns, the function encodes a prefix bound.
 * Values must be of the columns' types (broken invariants are assertions).
 */
export function makeKeyEncoder(columns: readonly KeyColumn[]): (values: readonly Datum[]) => EncodedKey {
  const encoders = columns.map(columnEncoder);
  if (encoders.length === 1) {
    const [only] = encoders;
    return (values) => (values.length === 0 ? '' : only(values[0]));
  }
  if (encoders.length === 2) {
    const [first, second] = encoders;
    return (values) => (values.length === 2 ? first(values[0]) + second(values[1]) : values.length === 1 ? first(values[0]) : '');
  }
  return (values) => {
    let key = '';
    for (let index = 0; index < values.length; index++) key += encoders[index](values[index]);
    return key;
  };
}

/** A key in hexadecimal, for messages and debugging. */
export function describeKey(key: EncodedKey): string {
  return Buffer.from(key, 'latin1').toString('hex');
}
