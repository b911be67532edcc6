/**
 * Native bodies of system functions that PostgreSQL defines in SQL and that queries call often. They stand in the registry
 * under `sql:name/arguments`; the others run as SQL functions.
 */
import { PgError } from '../../base/error.js';
import type { Datum, Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { BITOID, BPCHAROID, BYTEAOID, VARBITOID } from '../../types/oids.js';
import type { CallContext } from '../context.js';
import { roundNumeric, truncateNumeric } from '../numeric/core.js';
import { logNumeric } from '../numeric/transcendental.js';
import { compileRegex } from '../regex/compile.js';
import { similarToRegex } from '../regex/similar.js';
import { builtin, pure, withContext } from '../registry.js';
import { trimBlanks } from '../text/io.js';
import { quoteLiteral } from '../text/quote.js';

/** Errors say that they come from within a SQL function, as they would there. */
function within<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof PgError) error.where ??= `SQL function "${name}" statement 1`;
    throw error;
  }
}

const TEN = new Numeric(10n, 0);

pure('sql:round/1', (value: Numeric) => roundNumeric(value, 0));
pure('sql:trunc/1', (value: Numeric) => truncateNumeric(value, 0));
pure('sql:log/1', (value: Numeric) => within('log', () => logNumeric(TEN, value)));
pure('sql:log10/1', (value: Numeric) => within('log10', () => logNumeric(TEN, value)));

/** Calls a registered pure function. */
function call(prosrc: string, ...args: Datum[]): Datum {
  const entry = builtin(prosrc);
  return entry?.kind === 'pure' ? entry.fn(...args) : null;
}
pure('sql:lpad/2', (text: string, length: number) => call('lpad', text, length, ' '));
pure('sql:rpad/2', (text: string, length: number) => call('rpad', text, length, ' '));
pure('sql:numeric_pl_pg_lsn/2', (bytes: Numeric, position: Int8) => call('pg_lsn_pli', position, bytes));

pure('sql:substring/3', (text: string, pattern: string, escape: string) => {
  const match = compileRegex(within('substring', () => similarToRegex(pattern, escape))).exec(text);
  if (!match) return null;
  return match.groups.length > 0 ? match.groups[0] : text.slice(match.start, match.end);
});

withContext('sql:bit_length/1', (cx: CallContext, value: string | Uint8Array) => {
  const type = cx.call.argTypes[0];
  if (type === BITOID || type === VARBITOID) return value.length;
  return type === BYTEAOID ? value.length * 8 : Buffer.byteLength(value as string) * 8;
});

/** A value as text, as a cast to text gives it. */
function toText(cx: CallContext, argument: number, value: Datum): string {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  const text = cx.services.types.output(cx.call.argTypes[argument], value);
  return cx.call.argTypes[argument] === BPCHAROID ? trimBlanks(text) : text;
}
withContext('sql:textanycat/2', (cx: CallContext, text: string, value: Datum) => text + toText(cx, 1, value));
withContext('sql:anytextcat/2', (cx: CallContext, value: Datum, text: string) => toText(cx, 0, value) + text);
withContext('sql:quote_literal/1', (cx: CallContext, value: Datum) => quoteLiteral(toText(cx, 0, value)));
withContext('sql:quote_nullable/1', (cx: CallContext, value: Datum) => (value === null ? 'NULL' : quoteLiteral(toText(cx, 0, value))));
