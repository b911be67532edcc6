/**
 * Names of types as SQL spells them, and as messages print them (PostgreSQL's format_type.c).
 */
import { quoteIdentifier, quoteQualified } from '../base/identifier.js';
import {
  BITOID, BOOLOID, BPCHAROID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, INTERVALOID, JSONOID, NUMERICOID, TIMEOID,
  TIMESTAMPOID, TIMESTAMPTZOID, TIMETZOID, VARBITOID, VARCHAROID,
} from '../types/oids.js';
import type { Catalog, Oid } from './api.js';
import type { PgType } from './rows.js';

/** Spellings of the types that the grammar knows; a modifier goes where `%` stands. */
const SPELLINGS = new Map<Oid, string>([
  [BITOID, 'bit%'], [BOOLOID, 'boolean'], [BPCHAROID, 'character%'], [FLOAT4OID, 'real'], [FLOAT8OID, 'double precision'],
  [INT2OID, 'smallint'], [INT4OID, 'integer'], [INT8OID, 'bigint'], [NUMERICOID, 'numeric%'], [INTERVALOID, 'interval%'],
  [TIMEOID, 'time% without time zone'], [TIMETZOID, 'time% with time zone'], [TIMESTAMPOID, 'timestamp% without time zone'],
  [TIMESTAMPTZOID, 'timestamp% with time zone'], [VARBITOID, 'bit varying%'], [VARCHAROID, 'character varying%'], [JSONOID, 'json'],
]);

/** Fields of interval modifiers, by their mask. */
const INTERVAL_FIELDS = new Map<number, string>([
  [0x4, ' year'], [0x2, ' month'], [0x8, ' day'], [0x400, ' hour'], [0x800, ' minute'], [0x1000, ' second'],
  [0x6, ' year to month'], [0x408, ' day to hour'], [0xc08, ' day to minute'], [0x1c08, ' day to second'],
  [0xc00, ' hour to minute'], [0x1c00, ' hour to second'], [0x1800, ' minute to second'], [0x7fff, ''],
]);

/** A built-in type's modifier as its typmodout function prints it. */
function formatModifier(typeOid: Oid, typmod: number): string {
  switch (typeOid) {
    case BPCHAROID: case VARCHAROID: return typmod > 4 ? `(${typmod - 4})` : '';
    case NUMERICOID: {
      const packed = typmod - 4;
      return `(${(packed >> 16) & 0xffff},${((packed & 0x7ff) ^ 1024) - 1024})`;
    }
    case INTERVALOID: {
      const precision = typmod & 0xffff;
      return `${INTERVAL_FIELDS.get((typmod >> 16) & 0x7fff) ?? ''}${precision === 0xffff ? '' : `(${precision})`}`;
    }
    default: return `(${typmod})`;
  }
}

/** A true array type (the vectors included): its values are ArrayValues of its element type. */
export function isTrueArray(type: PgType): boolean {
  return type.typelem !== 0 && type.typlen === -1 && type.typsubscript !== 0;
}

/**
 * format_type. `typmod` undefined: none is known (`character`); -1: known to have none (`bpchar`). `qualify` forces the schema
 * (pg_catalog's too, except for types that the grammar knows).
 */
export function formatType(catalog: Catalog, typeOid: Oid, typmod?: number, qualify = false): string {
  if (typeOid === 0) return '-';
  let type = catalog.type(typeOid);
  if (!type) return '???';
  let suffix = '';
  // int2vector and oidvector have names of their own
  if (isTrueArray(type) && type.typstorage !== 'p') {
    suffix = '[]';
    type = catalog.type(type.typelem);
    if (!type) return '???[]';
  }
  const modifier = typmod !== undefined && typmod >= 0 ? formatModifier(type.oid, typmod) : '';
  const bare = typmod !== undefined && typmod < 0 && (type.oid === BITOID || type.oid === BPCHAROID);
  const spelling = bare ? undefined : SPELLINGS.get(type.oid);
  if (spelling !== undefined) return spelling.replace('%', modifier) + suffix;
  const visible = !qualify && isTypeVisible(catalog, type);
  const name = visible ? quoteIdentifier(type.typname) : quoteQualified(catalog.namespace(type.typnamespace)?.nspname ?? null, type.typname);
  return name + modifier + suffix;
}

/** Is the type found by its bare name? (TypeIsVisible) */
export function isTypeVisible(catalog: Catalog, type: PgType): boolean {
  return catalog.lookupType(type.typname)?.oid === type.oid;
}
