/**
 * Which key encoding an index column has: by its type (domains unwrapped), operator family and collation.
 */
import { assert } from '../base/assert.js';
import { bodyEncoder, type KeyKind } from '../codec/key-encoder.js';
import {
  BOOLOID, BPCHAROID, BYTEAOID, CHAROID, CIDOID, DATEOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, INTERVALOID,
  BITOID, JSONBOID, MONEYOID, NAMEOID, NUMERICOID, OIDOID, PG_LSNOID, RECORDOID, TEXTOID, TIMEOID, TIMESTAMPOID, TIMESTAMPTZOID, TIMETZOID,
  UUIDOID, VARBITOID, VARCHAROID, XID8OID, XIDOID,
} from '../types/oids.js';
import { RecordValue, type DatumObject } from '../types/datum.js';
import { keyOrder } from '../types/key-order.js';
import type { PgAttribute, PgEnum, PgRange, PgType } from './rows.js';

/** Look-ups that key kinds need. */
export interface KeyKindSource {
  type(oid: number): PgType | null;
  enumLabel(oid: number): PgEnum | null;
  columns(relationOid: number): readonly PgAttribute[];
  /** By the range's or its multirange's type. */
  range(typeOid: number): PgRange | null;
}

const SIMPLE = new Map<number, KeyKind>();
for (const oid of [INT2OID, INT4OID, INT8OID, OIDOID, XIDOID, CIDOID, XID8OID, PG_LSNOID, MONEYOID, DATEOID, TIMEOID, TIMESTAMPOID, TIMESTAMPTZOID]) {
  SIMPLE.set(oid, { kind: 'integer' });
}
for (const oid of [TEXTOID, VARCHAROID, NAMEOID, CHAROID, UUIDOID, BITOID, VARBITOID]) SIMPLE.set(oid, { kind: 'text' });
SIMPLE.set(BOOLOID, { kind: 'boolean' });
SIMPLE.set(FLOAT4OID, { kind: 'float' });
SIMPLE.set(FLOAT8OID, { kind: 'float' });
SIMPLE.set(NUMERICOID, { kind: 'numeric' });
SIMPLE.set(BPCHAROID, { kind: 'blankPadded' });
SIMPLE.set(BYTEAOID, { kind: 'bytea' });
SIMPLE.set(TIMETZOID, { kind: 'timetz' });
SIMPLE.set(INTERVALOID, { kind: 'interval' });
SIMPLE.set(JSONBOID, { kind: 'jsonb' });

/** The key encoding of a type in bytewise order. */
export function keyKind(typeOid: number, source: KeyKindSource): KeyKind {
  const simple = SIMPLE.get(typeOid);
  if (simple) return simple;
  if (typeOid === RECORDOID) return { kind: 'custom', encode: (value) => rowKey(value, source) };
  const order = keyOrder(typeOid);
  if (order) return { kind: 'custom', encode: order };
  const type = source.type(typeOid);
  if (!type) return { kind: 'generic' };
  // reg* types are oids
  if (type.typbyval && type.typlen === 4 && type.typcategory === 'N') return { kind: 'integer' };
  if (type.typtype === 'd') return keyKind(type.typbasetype, source);
  if (type.typtype === 'e') return { kind: 'enum', order: (oid) => source.enumLabel(oid)?.enumsortorder ?? 0 };
  if (type.typtype === 'c') return { kind: 'record', fields: recordFields(type.typrelid, source) };
  if (type.typtype === 'r' || type.typtype === 'm') {
    const range = source.range(typeOid);
    return range ? { kind: 'range', subtype: keyKind(range.rngsubtype, source) } : { kind: 'generic' };
  }
  if (type.typelem !== 0 && type.typsubscript !== 0 && type.typlen === -1) return { kind: 'array', element: keyKind(type.typelem, source) };
  return { kind: 'generic' };
}

/** The key of a row that brings its columns' types along. */
function rowKey(value: DatumObject, source: KeyKindSource): string {
  assert(value instanceof RecordValue, 'a record key is a RecordValue');
  const fields = value.typeOid === RECORDOID || value.columnTypes.length > 0
    ? value.columnTypes.map((type) => keyKind(type, source))
    : recordFields(source.type(value.typeOid)?.typrelid ?? 0, source);
  return bodyEncoder({ kind: 'record', fields })(value);
}

function recordFields(relation: number, source: KeyKindSource): (KeyKind | null)[] {
  return source.columns(relation).map((column) => (column.attisdropped ? null : keyKind(column.atttypid, source)));
}

/** Types whose order depends on a collation. */
export function isCollatable(typeOid: number): boolean {
  return typeOid === TEXTOID || typeOid === VARCHAROID || typeOid === BPCHAROID || typeOid === NAMEOID;
}
