/**
 * timestamp and timestamp with time zone: I/O, comparison, arithmetic, casts, AT TIME ZONE, the clock (PostgreSQL's
 * timestamp.c).
 */
import { pgError } from '../../base/error.js';
import type { ArrayValue, Int8, Interval } from '../../types/datum.js';
import type { CallContext, FunctionServices } from '../context.js';
import { pure, withContext } from '../registry.js';
import { compareNumbers, comparisonNames, registerNativeComparisons } from '../scalar/compare.js';
import { formatGeneral } from '../scalar/float-text.js';
import { receiveInt64, sendInt64 } from '../wire.js';
import {
  addMicros, combine, date2j, EPOCH_SECONDS, isValidTimestamp, MIN_TIMESTAMP, POSTGRES_EPOCH_JDATE, TIMESTAMP_END_DATE,
  timestampOutOfRange, toFields, USECS_PER_SEC, EPOCH_DAYS,
} from './calendar.js';
import { dateFields, isInfiniteTime } from './date.js';
import { offsetOfZoneName, offsetOfZoneNameAtLocal, shiftSeconds } from './at-zone.js';
import { decodeZone } from './decode.js';
import { formatClock, formatTimestamp, formatTimestampTz, formatZone, DAYS, MONTHS } from './format.js';
import { addToTimestamp, addToTimestampTz, negateInterval, subtractTimestamps } from './interval-math.js';
import { DateTimeFault, faultError, rint } from './literal.js';
import { readTimestamp, readTimestampTz } from './read.js';
import { sessionZone, toZonedFields, zoneByName } from './session.js';
import { clockMicros, zoneSeconds } from './time.js';
import { precisionTypmod, roundTimestamp } from './typmod.js';
import { unixSeconds, zoneOffsetAtLocal, type Zone } from './zone.js';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

function receive(bytes: Uint8Array): Int8 {
  const value = receiveInt64(bytes);
  if (value === INT64_MAX) return Infinity;
  if (value === INT64_MIN) return -Infinity;
  if (!isValidTimestamp(value)) throw timestampOutOfRange();
  return value;
}
const send = (value: Int8): Uint8Array => sendInt64(value === Infinity ? INT64_MAX : value === -Infinity ? INT64_MIN : value);

withContext('timestamp_in', (cx, text: string, _type: number, typmod: number) => roundTimestamp(readTimestamp(cx.services, text), typmod));
withContext('timestamp_out', (cx, value: Int8) => formatTimestamp(value, cx.services.settings));
withContext('timestamptz_in', (cx, text: string, _type: number, typmod: number) => roundTimestamp(readTimestampTz(cx.services, text), typmod));
withContext('timestamptz_out', (cx, value: Int8) => formatTimestampTz(value, cx.services.settings, sessionZone(cx.services)));
for (const type of ['timestamp', 'timestamptz']) {
  const zoned = type === 'timestamptz';
  pure(`${type}_send`, send);
  pure(`${type}_recv`, (bytes: Uint8Array, _type: number, typmod: number) => roundTimestamp(receive(bytes), typmod));
  withContext(`${type}typmodin`, (cx, modifiers: ArrayValue) => precisionTypmod(cx, 'TIMESTAMP', zoned ? ' WITH TIME ZONE' : '', modifiers));
  pure(`${type}typmodout`, (typmod: number) => `${typmod >= 0 ? `(${typmod})` : ''} ${zoned ? 'with' : 'without'} time zone`);
  pure(`${type}_scale`, roundTimestamp);
}

registerNativeComparisons(comparisonNames('timestamp_'));
pure('timestamp_cmp', (a: Int8, b: Int8) => compareNumbers(a, b));
pure('timestamp_larger', (a: Int8, b: Int8) => (a > b ? a : b));
pure('timestamp_smaller', (a: Int8, b: Int8) => (a < b ? a : b));
pure('timestamp_finite', (a: Int8) => !isInfiniteTime(a));
pure('timestamp_mi', subtractTimestamps);
pure('timestamp_pl_interval', addToTimestamp);
pure('timestamp_mi_interval', (a: Int8, span: Interval) => addToTimestamp(a, negateInterval(span)));
withContext('timestamptz_pl_interval', (cx, a: Int8, span: Interval) => addToTimestampTz(a, span, sessionZone(cx.services)));
withContext('timestamptz_mi_interval', (cx, a: Int8, span: Interval) => addToTimestampTz(a, negateInterval(span), sessionZone(cx.services)));
withContext('timestamptz_pl_interval_at_zone', (cx, a: Int8, span: Interval, zone: string) => addToTimestampTz(a, span, zoneByName(cx.services, zone)));
withContext('timestamptz_mi_interval_at_zone', (cx, a: Int8, span: Interval, zone: string) =>
  addToTimestampTz(a, negateInterval(span), zoneByName(cx.services, zone)));

/** Local time → instant in a zone, unchecked. */
function toInstant(local: Int8, zone: Zone): Int8 {
  return addMicros(local, zoneOffsetAtLocal(toFields(local), zone) * USECS_PER_SEC);
}

/** timestamp → timestamptz in the session's zone; 22008. */
export function timestampToTz(services: FunctionServices, timestamp: Int8): Int8 {
  if (isInfiniteTime(timestamp)) return timestamp;
  const result = toInstant(timestamp, sessionZone(services));
  if (!isValidTimestamp(result)) throw timestampOutOfRange();
  return result;
}

/** timestamptz → timestamp in the session's zone; 22008. */
export function timestampFromTz(services: FunctionServices, timestamp: Int8): Int8 {
  return isInfiniteTime(timestamp) ? timestamp : shiftSeconds(timestamp, sessionZone(services).at(unixSeconds(timestamp)).offset);
}

for (const name of ['timestamp_timestamptz', 'timestamp_at_local']) withContext(name, (cx, a: Int8) => timestampToTz(cx.services, a));
for (const name of ['timestamptz_timestamp', 'timestamptz_at_local']) withContext(name, (cx, a: Int8) => timestampFromTz(cx.services, a));

/** Order of a local time and an instant; what lies beyond the range lies between it and infinity. */
function compareWithTz(cx: CallContext, timestamp: Int8, instant: Int8): number {
  if (isInfiniteTime(timestamp)) return compareNumbers(timestamp, instant);
  const converted = toInstant(timestamp, sessionZone(cx.services));
  if (!isValidTimestamp(converted)) {
    if (converted < MIN_TIMESTAMP) return instant === -Infinity ? 1 : -1;
    return instant === Infinity ? -1 : 1;
  }
  return compareNumbers(converted, instant);
}
const OPERATORS: Record<string, (order: number) => boolean> = {
  eq: (order) => order === 0, ne: (order) => order !== 0, lt: (order) => order < 0, le: (order) => order <= 0,
  gt: (order) => order > 0, ge: (order) => order >= 0,
};
for (const [name, test] of Object.entries(OPERATORS)) {
  withContext(`timestamp_${name}_timestamptz`, (cx, a: Int8, b: Int8) => test(compareWithTz(cx, a, b)));
  withContext(`timestamptz_${name}_timestamp`, (cx, a: Int8, b: Int8) => test(-compareWithTz(cx, b, a)));
}
withContext('timestamp_cmp_timestamptz', compareWithTz);
withContext('timestamptz_cmp_timestamp', (cx, a: Int8, b: Int8) => 0 - compareWithTz(cx, b, a));

withContext('timestamp_zone', (cx, name: string, local: Int8) =>
  isInfiniteTime(local) ? local : shiftSeconds(local, offsetOfZoneNameAtLocal(cx.services, name, local)));
withContext('timestamptz_zone', (cx, name: string, instant: Int8) =>
  isInfiniteTime(instant) ? instant : shiftSeconds(instant, 0 - offsetOfZoneName(cx.services, name, instant)));
withContext('timestamp_izone', (cx, span: Interval, local: Int8) =>
  isInfiniteTime(local) ? local : shiftSeconds(local, 0 - zoneSeconds(cx.services, span)));
withContext('timestamptz_izone', (cx, span: Interval, instant: Int8) =>
  isInfiniteTime(instant) ? instant : shiftSeconds(instant, zoneSeconds(cx.services, span)));

/** A timestamp from numbers; 22008. */
function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, second: number): Int8 {
  const fields = dateFields(year, month, day);
  const micros = clockMicros(hour, minute, second);
  const result = combine(date2j(fields.year, fields.month, fields.day) - POSTGRES_EPOCH_JDATE, micros);
  if (!isValidTimestamp(result)) {
    const two = (value: number): string => String(value).padStart(2, '0');
    throw pgError('DATETIME_VALUE_OUT_OF_RANGE',
      `timestamp out of range: ${year}-${two(month)}-${two(day)} ${hour}:${two(minute)}:${formatGeneral(second, 6).padStart(2, '0')}`);
  }
  return result;
}

/** Zone of make_timestamptz: a numeric offset with a sign, or a name; seconds west; 22023, 22009. */
function saneZone(services: FunctionServices, name: string, local: Int8): number {
  if (/^[0-9]/.test(name)) {
    throw pgError('INVALID_PARAMETER_VALUE', `invalid input syntax for type numeric time zone: "${name}"`,
      { hint: 'Numeric time zones must have "-" or "+" as first character.' });
  }
  try {
    return decodeZone(name);
  } catch (error) {
    if (!(error instanceof DateTimeFault)) throw error;
    if (error.fault === 'displacement') throw pgError('INVALID_PARAMETER_VALUE', `numeric time zone "${name}" out of range`);
    if (error.fault !== 'format') throw faultError(error, name, 'timestamp');
    return offsetOfZoneNameAtLocal(services, name, local);
  }
}

pure('make_timestamp', makeTimestamp);
withContext('make_timestamptz', (cx, year: number, month: number, day: number, hour: number, minute: number, second: number) =>
  timestampToTz(cx.services, makeTimestamp(year, month, day, hour, minute, second)));
withContext('make_timestamptz_at_timezone',
  (cx, year: number, month: number, day: number, hour: number, minute: number, second: number, zone: string) => {
    const local = makeTimestamp(year, month, day, hour, minute, second);
    return shiftSeconds(local, saneZone(cx.services, zone, local));
  });

pure('float8_timestamptz', (seconds: number) => {
  if (Number.isNaN(seconds)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'timestamp cannot be NaN');
  if (!Number.isFinite(seconds)) return seconds;
  const outOfRange = (): Error => pgError('DATETIME_VALUE_OUT_OF_RANGE', `timestamp out of range: "${formatGeneral(seconds, 6)}"`);
  if (seconds < 86400 * (EPOCH_DAYS - POSTGRES_EPOCH_JDATE) || seconds >= 86400 * (TIMESTAMP_END_DATE + EPOCH_DAYS)) throw outOfRange();
  const micros = rint((seconds - EPOCH_SECONDS) * USECS_PER_SEC);
  const result = Number.isSafeInteger(micros) ? micros + 0 : BigInt(micros);
  if (!isValidTimestamp(result)) throw outOfRange();
  return result;
});

withContext('now', (cx) => cx.services.transactionTimestamp());
withContext('statement_timestamp', (cx) => cx.services.statementTimestamp());
withContext('clock_timestamp', (cx) => cx.services.clockTimestamp());
withContext('timeofday', (cx) => {
  const fields = toZonedFields(cx.services.clockTimestamp(), sessionZone(cx.services));
  const weekday = DAYS[(date2j(fields.year, fields.month, fields.day) + 1) % 7].slice(0, 3);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = formatClock((fields.hour * 3600 + fields.minute * 60 + fields.second) * USECS_PER_SEC);
  return `${weekday} ${MONTHS[fields.month - 1]} ${two(fields.day)} ${clock}.${String(fields.micro).padStart(6, '0')} ${fields.year} ${
    fields.abbreviation || formatZone(fields.zone)}`;
});
