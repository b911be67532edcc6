/**
 * JavaScript values to SQL parameters and SQL values to JavaScript, as users of node-postgres and PGlite know them.
 *
 * | SQL | JavaScript |
 * |---|---|
 * | int2, int4, oid, float4, float8 | number |
 * | int8 | number when it is a safe integer, else bigint |
 * | numeric, money | string |
 * | bool | boolean |
 * | date, timestamp, timestamptz | Date (date and timestamp are taken as UTC); ±Infinity |
 * | json, jsonb | the parsed value |
 * | bytea | Uint8Array |
 * | arrays | arrays, element by element |
 * | everything else | its text |
 */
import { pgError } from '../../base/error.js';
import type { TypeServices } from '../../functions/context.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import type { BoundParameter } from '../parameters.js';

/** What a parameter may be. */
export type SqlParameter = unknown;

const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 26, 700, 701]);
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);
const DATE = 1082;
const TIMESTAMPS: ReadonlySet<number> = new Set([1114, 1184]);
const POSTGRES_EPOCH_MS = 946_684_800_000;
const DAY_MS = 86_400_000;

/** A parameter as the session binds it, for a statement that expects `type`. */
export function toParameter(value: SqlParameter, type: number): BoundParameter {
  switch (typeof value) {
    case 'string': return value;
    case 'number': case 'bigint': case 'boolean': return String(value);
    case 'undefined': return null;
    case 'object': return value === null ? null : objectParameter(value, type);
    default: throw pgError('INVALID_PARAMETER_VALUE', `a ${typeof value} cannot be a parameter`);
  }
}

function objectParameter(value: object, type: number): BoundParameter {
  if (JSON_TYPES.has(type)) return JSON.stringify(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return type === BYTEA ? { value } : `\\x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return arrayLiteral(value);
  return JSON.stringify(value);
}

/** `{1,NULL,"a b"}` */
function arrayLiteral(values: readonly unknown[]): string {
  const parts = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    if (Array.isArray(value)) return arrayLiteral(value);
    const text = toParameter(value, 0);
    if (typeof text !== 'string') return 'NULL';
    return `"${text.replace(/[\\"]/g, '\\$&')}"`;
  });
  return `{${parts.join(',')}}`;
}

/** Turns one column's values into JavaScript's. */
export type ValueReader = (value: Datum) => unknown;

/** The reader of a type's values; `parse` replaces it, fed with the value's text. */
export function valueReader(type: number, types: TypeServices, parse: ((text: string) => unknown) | undefined): ValueReader {
  if (parse !== undefined) return (value) => (value === null ? null : parse(types.output(type, value)));
  if (type === BOOL || type === INT8 || NUMBERS.has(type) || type === BYTEA) return (value) => value;
  if (type === DATE) return (value) => (typeof value === 'number' ? dateOf(value * DAY_MS) : value);
  if (TIMESTAMPS.has(type)) return (value) => (value === null ? null : dateOf(Number(value) / 1000));
  if (JSON_TYPES.has(type)) return (value) => (value === null ? null : JSON.parse(types.output(type, value)));
  return (value) => {
    if (value === null) return null;
    if (value instanceof ArrayValue) return arrayOf(value, valueReader(value.elementType, types, undefined), 0, 0).values;
    return types.output(type, value);
  };
}

function dateOf(msSincePostgresEpoch: number): Date | number {
  return Number.isFinite(msSincePostgresEpoch) ? new Date(msSincePostgresEpoch + POSTGRES_EPOCH_MS) : msSincePostgresEpoch;
}

function arrayOf(array: ArrayValue, read: ValueReader, dimension: number, offset: number): { values: unknown[]; next: number } {
  const values: unknown[] = [];
  const length = array.dims[dimension] ?? 0;
  let next = offset;
  for (let i = 0; i < length; i++) {
    if (dimension === array.dims.length - 1) {
      values.push(read(array.elements[next++]));
    } else {
      const inner = arrayOf(array, read, dimension + 1, next);
      values.push(inner.values);
      next = inner.next;
    }
  }
  return { values, next };
}
