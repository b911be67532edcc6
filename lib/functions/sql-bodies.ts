/**
 * System functions whose body PostgreSQL keeps in SQL (pg_proc.prolang = sql, OIDs below 16384), composed natively from the
 * built-ins that these bodies call. They have no `prosrc` of their own and attach by `sql:NAME(argument type OIDs)`.
 */
import type { Interval, Datum } from '../types/datum.js';
import { Numeric } from '../types/numeric.js';
import {
  BITOID, BOOLOID, BPCHAROID, BYTEAOID, DATEOID, INT4OID, INT8OID, INTERVALOID, NUMERICOID, PG_LSNOID, TEXTOID, TIMEOID,
  TIMESTAMPOID, TIMESTAMPTZOID, TIMETZOID,
} from '../types/oids.js';
import { notSupported } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { CallContext } from './context.js';
import { builtin, suspending, withContext } from './registry.js';

const ANYELEMENT = 2283;
const ANYNONARRAY = 2776;
const REGCLASS = 2205;

/** Calls a built-in by its prosrc. */
function invoke(cx: CallContext, prosrc: string, ...args: Datum[]): Datum {
  const found = builtin(prosrc);
  if (found?.kind === 'pure') return found.fn(...args);
  if (found?.kind === 'context') return found.fn(cx, ...args);
  throw notSupported(`function ${prosrc}`);
}

function native(name: string, types: readonly number[], body: (cx: CallContext, ...args: Datum[]) => Datum): void {
  withContext(`sql:${name}(${types.join(',')})`, body);
}

/** A value cast to text. */
function asText(cx: CallContext, position: number, value: Datum): string {
  const type = cx.call.argTypes[position] ?? TEXTOID;
  if (type === BOOLOID) return value === true ? 'true' : 'false';
  const text = cx.services.types.output(type, value);
  return type === BPCHAROID ? text.replace(/ +$/, '') : text;
}

native('quote_literal', [ANYELEMENT], (cx, value) => invoke(cx, 'quote_literal', asText(cx, 0, value)));
native('quote_nullable', [ANYELEMENT], (cx, value) => (value === null ? 'NULL' : invoke(cx, 'quote_literal', asText(cx, 0, value))));
native('textanycat', [TEXTOID, ANYNONARRAY], (cx, text, value) => (text as string) + asText(cx, 1, value));
native('anytextcat', [ANYNONARRAY, TEXTOID], (cx, value, text) => asText(cx, 0, value) + (text as string));

native('lpad', [TEXTOID, INT4OID], (cx, text, width) => invoke(cx, 'lpad', text, width, ' '));
native('rpad', [TEXTOID, INT4OID], (cx, text, width) => invoke(cx, 'rpad', text, width, ' '));
native('substring', [TEXTOID, TEXTOID, TEXTOID], (cx, text, pattern, escape) => invoke(cx, 'textregexsubstr', text, invoke(cx, 'similar_to_escape_2', pattern, escape)));
native('bit_length', [TEXTOID], (_cx, text) => Buffer.byteLength(text as string) * 8);
native('bit_length', [BYTEAOID], (_cx, bytes) => (bytes as Uint8Array).length * 8);
native('bit_length', [BITOID], (cx, bits) => invoke(cx, 'bitlength', bits));

const TEN = Numeric.fromInteger(10);
native('log', [NUMERICOID], (cx, value) => invoke(cx, 'numeric_log', TEN, value));
native('log10', [NUMERICOID], (cx, value) => invoke(cx, 'numeric_log', TEN, value));
native('round', [NUMERICOID], (cx, value) => invoke(cx, 'numeric_round', value, 0));
native('trunc', [NUMERICOID], (cx, value) => invoke(cx, 'numeric_trunc', value, 0));
native('numeric_pl_pg_lsn', [NUMERICOID, PG_LSNOID], (cx, amount, lsn) => invoke(cx, 'pg_lsn_pli', lsn, amount));

// Dates and times: the commuted operators, and what starts from today.
native('timedate_pl', [TIMEOID, DATEOID], (cx, time, date) => invoke(cx, 'datetime_timestamp', date, time));
native('timetzdate_pl', [TIMETZOID, DATEOID], (cx, time, date) => invoke(cx, 'datetimetz_timestamptz', date, time));
native('interval_pl_time', [INTERVALOID, TIMEOID], (cx, interval, time) => invoke(cx, 'time_pl_interval', time, interval));
native('interval_pl_date', [INTERVALOID, DATEOID], (cx, interval, date) => invoke(cx, 'date_pl_interval', date, interval));
native('interval_pl_timetz', [INTERVALOID, TIMETZOID], (cx, interval, time) => invoke(cx, 'timetz_pl_interval', time, interval));
native('interval_pl_timestamp', [INTERVALOID, TIMESTAMPOID], (cx, interval, stamp) => invoke(cx, 'timestamp_pl_interval', stamp, interval));
native('interval_pl_timestamptz', [INTERVALOID, TIMESTAMPTZOID], (cx, interval, stamp) => invoke(cx, 'timestamptz_pl_interval', stamp, interval));
native('integer_pl_date', [INT4OID, DATEOID], (cx, days, date) => invoke(cx, 'date_pli', date, days));
native('timestamptz', [DATEOID, TIMEOID], (cx, date, time) => invoke(cx, 'timestamp_timestamptz', invoke(cx, 'datetime_timestamp', date, time)));
native('date_part', [TEXTOID, DATEOID], (cx, field, date) => invoke(cx, 'timestamp_part', field, invoke(cx, 'date_timestamp', date)));

function today(cx: CallContext): Datum {
  return invoke(cx, 'timestamptz_date', cx.services.transactionTimestamp());
}
native('age', [TIMESTAMPOID], (cx, stamp) => invoke(cx, 'timestamp_age', invoke(cx, 'date_timestamp', today(cx)), stamp));
native('age', [TIMESTAMPTZOID], (cx, stamp) => invoke(cx, 'timestamptz_age', invoke(cx, 'date_timestamptz', today(cx)), stamp));

/** (start, length) OVERLAPS: an interval after a start is its end. */
function overlaps(type: number, base: string, plus: string): void {
  for (const [second, fourth] of [[INTERVALOID, INTERVALOID], [type, INTERVALOID], [INTERVALOID, type]]) {
    const end = (cx: CallContext, kind: number, start: Datum, value: Datum): Datum => {
      if (kind !== INTERVALOID) return value;
      return start === null || value === null ? null : invoke(cx, plus, start, value);
    };
    native('overlaps', [type, second, type, fourth], (cx, a, b, c, d) => invoke(cx, base, a, end(cx, second, a, b), c, end(cx, fourth, c, d)));
  }
}
overlaps(TIMESTAMPTZOID, 'overlaps_timestamp', 'timestamptz_pl_interval');
overlaps(TIMESTAMPOID, 'overlaps_timestamp', 'timestamp_pl_interval');
overlaps(TIMEOID, 'overlaps_time', 'time_pl_interval');

native('pg_relation_size', [REGCLASS], (cx, relation) => invoke(cx, 'pg_relation_size', relation, 'main'));
native('int8pl_inet', [INT8OID, 869], (cx, amount, address) => invoke(cx, 'inetpl', address, amount));

function* sleep(cx: CallContext, seconds: number): Suspendable<Datum> {
  const found = builtin('pg_sleep');
  if (found?.kind !== 'suspending') throw notSupported('function pg_sleep');
  return yield* found.fn(cx, seconds);
}
const MICROS_PER_SECOND = 1_000_000;
const SECONDS_PER_DAY = 86_400;
const DAYS_PER_MONTH = 30;
suspending(`sql:pg_sleep_for(${INTERVALOID})`, (cx, interval: Interval) =>
  sleep(cx, Number(interval.micros) / MICROS_PER_SECOND + (interval.days + interval.months * DAYS_PER_MONTH) * SECONDS_PER_DAY));
suspending(`sql:pg_sleep_until(${TIMESTAMPTZOID})`, (cx, until: number) => sleep(cx, (until - Number(cx.services.clockTimestamp())) / MICROS_PER_SECOND));
