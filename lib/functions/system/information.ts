/**
 * System information that needs no catalog: version, settings, names of types and users, sizes in words, null counts.
 */
import { pgError, PgError } from '../../base/error.js';
import { KEYWORDS } from '../../base/identifier.js';
import { ArrayValue, type Datum, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { absNumeric, divideTruncated, multiplyNumeric } from '../numeric/arithmetic.js';
import { compareNumeric, formatNumeric, parseNumeric, signOf } from '../numeric/core.js';
import { numericToInt8 } from '../numeric/casts.js';
import { pure, rowsReturning, withContext } from '../registry.js';
import { variadicArguments } from '../text/quote.js';
import { clipBytes, MAX_NAME_BYTES } from '../text/io.js';
import type { CallContext } from '../context.js';

/** The server's version as version() and server_version give it. */
export const SERVER_VERSION = '18.6';
/** This software's own version. */
export const PGLITEDB_VERSION = '0.1.0';

pure('pgsql_version', () =>
  `PostgreSQL ${SERVER_VERSION} (PGLiteDB ${PGLITEDB_VERSION}) on ${process.arch === 'x64' ? 'x86_64' : process.arch}-${process.platform}, compiled by node ${process.versions.node}, 64-bit`);

function setting(cx: CallContext, name: string, missingOk: boolean): string | null {
  const value = cx.services.getSetting(name);
  if (value === null && !missingOk) throw pgError('UNDEFINED_OBJECT', `unrecognized configuration parameter "${name}"`);
  return value;
}
withContext('show_config_by_name', (cx, name: string) => setting(cx, name, false));
withContext('show_config_by_name_missing_ok', (cx, name: string, missingOk: boolean) => setting(cx, name, missingOk));
withContext('set_config_by_name', (cx, name: string | null, value: string | null, isLocal: boolean | null) => {
  if (name === null) throw pgError('NULL_VALUE_NOT_ALLOWED', 'SET requires parameter name');
  return cx.services.setSetting(name, value, isLocal ?? false);
});

withContext('current_user', (cx) => cx.services.currentUser);
withContext('session_user', (cx) => cx.services.sessionUser);
withContext('current_database', (cx) => cx.services.currentDatabase);
withContext('pg_client_encoding', (cx) => cx.services.getSetting('client_encoding') ?? 'UTF8');
withContext('pg_typeof', (cx) => cx.call.argTypes[0]);
withContext('format_type', (cx, oid: number | null, typmod: number | null) =>
  oid === null ? null : cx.services.types.formatType(oid, typmod ?? undefined));
withContext('pg_basetype', (cx, oid: number) => {
  try {
    return cx.services.types.facts(oid).kind === 'd' ? cx.services.types.domainBase(oid).value : oid;
  } catch (error) {
    if (error instanceof PgError) return null;
    throw error;
  }
});
withContext('pg_collation_for', (cx) => {
  if (cx.call.collation !== 0) return cx.services.system.objectName('regcollation', cx.call.collation);
  const type = cx.services.types.formatType(cx.call.argTypes[0]);
  throw pgError('DATATYPE_MISMATCH', `collations are not supported by type ${type}`);
});
withContext('oidvectortypes', (cx, types: ArrayValue) =>
  types.elements.map((oid) => cx.services.types.formatType(Number(oid))).join(', '));
pure('nameconcatoid', (name: string, oid: number) => {
  const suffix = `_${oid}`;
  return clipBytes(name, MAX_NAME_BYTES - suffix.length) + suffix;
});

function countNulls(cx: CallContext, args: readonly Datum[], nulls: boolean): number | null {
  const tail = variadicArguments(cx, args, 0);
  return tail ? tail.values.filter((value) => (value === null) === nulls).length : null;
}
withContext('pg_num_nulls', (cx, ...args: Datum[]) => countNulls(cx, args, true));
withContext('pg_num_nonnulls', (cx, ...args: Datum[]) => countNulls(cx, args, false));

withContext('pg_column_size', (cx, value: Datum) => {
  const sent = cx.services.types.send(cx.call.argTypes[0], value).length;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? sent : sent + (sent < 127 ? 1 : 4);
});
pure('pg_column_compression', () => null);

const UNITS = [
  { name: 'bytes', limit: 10 * 1024, round: false, bits: 0 }, { name: 'kB', limit: 20 * 1024 - 1, round: true, bits: 10 },
  { name: 'MB', limit: 20 * 1024 - 1, round: true, bits: 20 }, { name: 'GB', limit: 20 * 1024 - 1, round: true, bits: 30 },
  { name: 'TB', limit: 20 * 1024 - 1, round: true, bits: 40 }, { name: 'PB', limit: 20 * 1024 - 1, round: true, bits: 50 },
];

/** Bits to divide by between two units, so that the last division rounds half up. */
const shiftBetween = (index: number): number =>
  UNITS[index + 1].bits - UNITS[index].bits - (UNITS[index + 1].round ? 1 : 0) + (UNITS[index].round ? 1 : 0);

pure('pg_size_pretty', (size: Int8) => {
  let value = BigInt(size);
  for (let i = 0; ; i++) {
    const unit = UNITS[i];
    const magnitude = value < 0n ? -value : value;
    if (i === UNITS.length - 1 || magnitude < unit.limit) {
      if (unit.round) value = (value + (value < 0n ? -1n : 1n)) / 2n;
      return `${value} ${unit.name}`;
    }
    value /= 1n << BigInt(shiftBetween(i));
  }
});
pure('pg_size_pretty_numeric', (size: Numeric) => {
  let value = size;
  for (let i = 0; ; i++) {
    const unit = UNITS[i];
    if (i === UNITS.length - 1 || compareNumeric(absNumeric(value), Numeric.fromInteger(unit.limit)) < 0) {
      if (unit.round) {
        const one = Numeric.fromInteger(signOf(value) < 0 ? -1 : 1);
        const shifted = new Numeric(value.unscaled + one.unscaled * 10n ** BigInt(value.scale), value.scale, value.special);
        value = divideTruncated(shifted, Numeric.fromInteger(2));
      }
      return `${formatNumeric(value)} ${unit.name}`;
    }
    value = divideTruncated(value, Numeric.fromInteger(1 << shiftBetween(i)));
  }
});
pure('pg_size_bytes', (text: string) => {
  const match = /^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$/s.exec(text);
  if (!match) throw pgError('INVALID_PARAMETER_VALUE', `invalid size: "${text}"`);
  let size = parseNumeric(match[1]);
  if (match[2] !== '') {
    const wanted = match[2].toLowerCase() === 'b' ? 'bytes' : match[2].toLowerCase();
    const unit = UNITS.find((candidate) => candidate.name.toLowerCase() === wanted);
    if (!unit) {
      throw pgError('INVALID_PARAMETER_VALUE', `invalid size: "${text}"`, {
        detail: `Invalid size unit: "${match[2]}".`,
        hint: 'Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
      });
    }
    size = multiplyNumeric(Numeric.fromInteger(1n << BigInt(unit.bits)), size);
  }
  return numericToInt8(size);
});

const CATEGORY = { U: 'unreserved', C: 'unreserved (cannot be function or type name)', T: 'reserved (can be function or type name)', R: 'reserved' } as const;
rowsReturning('pg_get_keywords', () =>
  Array.from(KEYWORDS, ([word, kind]) => {
    const bare = kind[1] === 'b';
    return [word, kind[0], bare, CATEGORY[kind[0] as keyof typeof CATEGORY], bare ? 'can be bare label' : 'requires AS'];
  }).toSorted((a, b) => (a[0] < b[0] ? -1 : 1)));
