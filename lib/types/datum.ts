/**
 * SQL values in JavaScript: one representation per type, everywhere (expressions, rows, keys, log, wire).
 *
 * | SQL type | Datum |
 * |---|---|
 * | NULL of any type | `null` |
 * | bool | `boolean` |
 * | int2, int4, oid, xid, cid, reg* | `number` (integer; oid-like unsigned) |
 * | int8, xid8, pg_lsn, money | `Int8`: `number` when |v| <= 2^53 - 1, otherwise `bigint`; always in that normal form, so `===`, `<` and Map keys work |
 * | float4, float8 | `number` (float4 rounded by Math.fround) |
 * | numeric | `Numeric` |
 * | text, varchar, bpchar (blank-padded), name, "char", cstring, unknown, json, jsonpath (canonical), xml, uuid (36 lower-case characters) | `string` |
 * | bytea | `Uint8Array` |
 * | date | `number`: days since 2000-01-01; `Infinity`, `-Infinity` |
 * | timestamp, timestamptz | `Int8` microseconds since 2000-01-01 00:00 (UTC); `Infinity`, `-Infinity` |
 * | time | `number` microseconds since midnight |
 * | timetz | `TimeTz` |
 * | interval | `Interval` |
 * | jsonb | `Jsonb` |
 * | arrays (also int2vector, oidvector) | `ArrayValue` |
 * | composite types, record | `RecordValue` |
 * | enums | `number`: the OID of the pg_enum row (order by enumsortorder) |
 * | bit, varbit | `string` of 0 and 1 |
 * | pg_snapshot, txid_snapshot | `string`, the text form |
 * | tid | `string` "(block,offset)" in text form |
 * | internal states of aggregates, ranges, geometric types, tsvector ... | subclasses of `DatumObject` |
 */

/** 64-bit integer in normal form: `number` when it is a safe integer, `bigint` otherwise. */
export type Int8 = number | bigint;

/** Base of all values that are objects. Immutable once built (aggregate states excepted). */
export abstract class DatumObject {
  /** Names the class in messages and in the row codec's registry; never changes once data was written with it. */
  abstract readonly kind: string;
}

/** A SQL value, or NULL as `null`. */
export type Datum = null | boolean | number | bigint | string | Uint8Array | DatumObject;

/** A row: attribute number - 1 → value. Rows are never mutated once stored. */
export type Row = Datum[];

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);

/** Brings a 64-bit integer into normal form. */
export function normalizeInt8(value: bigint): Int8 {
  return value <= MAX_SAFE && value >= MIN_SAFE ? Number(value) : value;
}

/** An interval, in PostgreSQL's three independent parts. `micros` is an `Int8`; ±infinity is all parts at the extreme. */
export class Interval extends DatumObject {
  readonly kind = 'interval';
  constructor(readonly months: number, readonly days: number, readonly micros: Int8) {
    super();
  }
}

/** time with time zone: microseconds since midnight local time, and the zone in seconds *west* of Greenwich (as PostgreSQL stores it). */
export class TimeTz extends DatumObject {
  readonly kind = 'timetz';
  constructor(readonly micros: number, readonly zone: number) {
    super();
  }
}

/** An array of any number of dimensions; elements in row-major order. An empty array has no dimensions. */
export class ArrayValue extends DatumObject {
  readonly kind = 'array';
  constructor(
    readonly elementType: number,
    /** Length of each dimension. */
    readonly dims: readonly number[],
    /** Lower bound of each dimension. */
    readonly lowerBounds: readonly number[],
    readonly elements: readonly Datum[],
  ) {
    super();
  }

  /** A one-dimensional array with lower bound 1 (or the empty array). */
  static of(elementType: number, elements: readonly Datum[]): ArrayValue {
    return elements.length === 0
      ? new ArrayValue(elementType, [], [], elements)
      : new ArrayValue(elementType, [elements.length], [1], elements);
  }
}

/** A composite value: its row type (`RECORDOID` = 2249 when anonymous; then `columnTypes` tells the columns). */
export class RecordValue extends DatumObject {
  readonly kind = 'record';
  constructor(
    readonly typeOid: number,
    readonly values: readonly Datum[],
    /** Column types of an anonymous record, else empty (look the row type up in the catalog). */
    readonly columnTypes: readonly number[] = [],
    /** Column names of an anonymous record where known. */
    readonly columnNames: readonly string[] = [],
  ) {
    super();
  }
}
