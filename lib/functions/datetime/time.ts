/**
 * time and time with time zone: I/O, comparison, arithmetic, casts (PostgreSQL's date.c).
 */
import { pgError } from '../../base/error.js';
import { type ArrayValue, Interval, TimeTz, type Int8 } from '../../types/datum.js';
import type { FunctionServices } from '../context.js';
import { pure, withContext } from '../registry.js';
import { compareNumbers, comparisonNames, registerComparisons, registerNativeComparisons } from '../scalar/compare.js';
import { receiveInt64, sendInt32, sendInt64, viewOf } from '../wire.js';
import { formatGeneral } from '../scalar/float-text.js';
import {
  combine, isValidTimestamp, setTime, TIMESTAMP_END_DATE, timeOfDay, USECS_PER_DAY, USECS_PER_SEC, addMicros,
} from './calendar.js';
import { isInfinite } from './decode-interval.js';
import { formatClock, formatInterval, formatTimeTz } from './format.js';
import { rint } from './literal.js';
import { readTime, readTimeTz } from './read.js';
import { offsetOfZoneName } from './at-zone.js';
import { sessionZone, toZonedFields } from './session.js';
import { precisionTypmod, roundTime } from './typmod.js';
import { unixSeconds, zoneOffsetAtLocal } from './zone.js';

function receiveTime(bytes: Uint8Array): number {
  const micros = receiveInt64(bytes);
  if (micros < 0 || micros > USECS_PER_DAY) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'time out of range');
  return Number(micros);
}

withContext('time_in', (cx, text: string, _type: number, typmod: number) => roundTime(readTime(cx.services, text), typmod));
pure('time_out', formatClock);
pure('time_send', (time: number) => sendInt64(time));
pure('time_recv', (bytes: Uint8Array, _type: number, typmod: number) => roundTime(receiveTime(bytes), typmod));
withContext('timetypmodin', (cx, modifiers: ArrayValue) => precisionTypmod(cx, 'TIME', '', modifiers));
pure('timetypmodout', (typmod: number) => `${typmod >= 0 ? `(${typmod})` : ''} without time zone`);
pure('time_scale', roundTime);
registerNativeComparisons(comparisonNames('time_'));
pure('time_cmp', (a: number, b: number) => compareNumbers(a, b));
pure('time_larger', (a: number, b: number) => (a > b ? a : b));
pure('time_smaller', (a: number, b: number) => (a < b ? a : b));

withContext('timetz_in', (cx, text: string, _type: number, typmod: number) => {
  const value = readTimeTz(cx.services, text);
  return new TimeTz(roundTime(value.micros, typmod), value.zone);
});
pure('timetz_out', formatTimeTz);
pure('timetz_send', (value: TimeTz) => {
  const bytes = new Uint8Array(12);
  bytes.set(sendInt64(value.micros));
  bytes.set(sendInt32(value.zone), 8);
  return bytes;
});
pure('timetz_recv', (bytes: Uint8Array, _type: number, typmod: number) => {
  const micros = receiveTime(bytes);
  const zone = viewOf(bytes, 12).getInt32(8);
  if (Math.abs(zone) >= 16 * 3600) throw pgError('INVALID_TIME_ZONE_DISPLACEMENT_VALUE', 'time zone displacement out of range');
  return new TimeTz(roundTime(micros, typmod), zone);
});
withContext('timetztypmodin', (cx, modifiers: ArrayValue) => precisionTypmod(cx, 'TIME', ' WITH TIME ZONE', modifiers));
pure('timetztypmodout', (typmod: number) => `${typmod >= 0 ? `(${typmod})` : ''} with time zone`);
pure('timetz_scale', (value: TimeTz, typmod: number) => new TimeTz(roundTime(value.micros, typmod), value.zone));

/** Order by the time in Greenwich, then by zone. */
export function compareTimeTz(a: TimeTz, b: TimeTz): number {
  const order = compareNumbers(a.micros + a.zone * USECS_PER_SEC, b.micros + b.zone * USECS_PER_SEC);
  return order !== 0 ? order : compareNumbers(a.zone, b.zone);
}
registerComparisons(comparisonNames('timetz_'), compareTimeTz);
pure('timetz_cmp', compareTimeTz);
pure('timetz_larger', (a: TimeTz, b: TimeTz) => (compareTimeTz(a, b) > 0 ? a : b));
pure('timetz_smaller', (a: TimeTz, b: TimeTz) => (compareTimeTz(a, b) < 0 ? a : b));

/** Zone of the session at this time of today. */
function zoneOfTime(services: FunctionServices, micros: number): number {
  const fields = toZonedFields(services.transactionTimestamp(), sessionZone(services));
  setTime(fields, micros);
  return zoneOffsetAtLocal(fields, sessionZone(services));
}

/** Local time of a timestamptz, with its zone; null for infinities. */
function timeTzOfTimestamp(services: FunctionServices, timestamp: Int8): TimeTz | null {
  if (timestamp === Infinity || timestamp === -Infinity) return null;
  const { offset } = sessionZone(services).at(unixSeconds(timestamp));
  return new TimeTz(timeOfDay(addMicros(timestamp, offset * USECS_PER_SEC)), -offset + 0);
}

pure('timetz_time', (value: TimeTz) => value.micros);
withContext('time_timetz', (cx, time: number) => new TimeTz(time, zoneOfTime(cx.services, time)));
pure('timestamp_time', (timestamp: Int8) => (timestamp === Infinity || timestamp === -Infinity ? null : timeOfDay(timestamp)));
withContext('timestamptz_time', (cx, timestamp: Int8) => timeTzOfTimestamp(cx.services, timestamp)?.micros ?? null);
withContext('timestamptz_timetz', (cx, timestamp: Int8) => timeTzOfTimestamp(cx.services, timestamp));
pure('time_interval', (time: number) => new Interval(0, 0, time));
pure('interval_time', (span: Interval) => {
  if (isInfinite(span)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'cannot convert infinite interval to time');
  return timeOfDay(span.micros);
});
pure('time_mi_time', (a: number, b: number) => new Interval(0, 0, a - b));

/** Adds an interval's clock part, around midnight; 22008. */
function addToTime(time: number, span: Interval, sign: 1 | -1): number {
  if (isInfinite(span)) {
    throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `cannot ${sign > 0 ? 'add infinite interval to' : 'subtract infinite interval from'} time`);
  }
  const shift = typeof span.micros === 'number' ? span.micros % USECS_PER_DAY : Number(span.micros % BigInt(USECS_PER_DAY));
  return timeOfDay(time + sign * shift);
}
pure('time_pl_interval', (time: number, span: Interval) => addToTime(time, span, 1));
pure('time_mi_interval', (time: number, span: Interval) => addToTime(time, span, -1));
pure('timetz_pl_interval', (value: TimeTz, span: Interval) => new TimeTz(addToTime(value.micros, span, 1), value.zone));
pure('timetz_mi_interval', (value: TimeTz, span: Interval) => new TimeTz(addToTime(value.micros, span, -1), value.zone));

pure('datetimetz_timestamptz', (date: number, time: TimeTz) => {
  if (!Number.isFinite(date)) return date;
  const result = date >= TIMESTAMP_END_DATE ? undefined : addMicros(combine(date, 0), time.micros + time.zone * USECS_PER_SEC);
  if (result === undefined || !isValidTimestamp(result)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'date out of range for timestamp');
  return result;
});

/** Checks hours, minutes and seconds given as numbers; microseconds since midnight; 22008. */
export function clockMicros(hour: number, minute: number, second: number): number {
  const micros = rint(second * USECS_PER_SEC);
  const total = (hour * 60 + minute) * 60 * USECS_PER_SEC + micros;
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(micros >= 0 && micros <= 60 * USECS_PER_SEC) || total > USECS_PER_DAY) {
    const two = (value: number): string => (value < 0 ? String(value) : String(value).padStart(2, '0'));
    throw pgError('DATETIME_FIELD_OVERFLOW', `time field value out of range: ${hour}:${two(minute)}:${formatGeneral(second, 6).padStart(2, '0')}`);
  }
  return total;
}
pure('make_time', clockMicros);

/** The same instant of the day in another zone. */
function rotate(value: TimeTz, zone: number): TimeTz {
  return new TimeTz(timeOfDay(value.micros + (value.zone - zone) * USECS_PER_SEC), zone);
}
withContext('timetz_zone', (cx, name: string, value: TimeTz) =>
  rotate(value, offsetOfZoneName(cx.services, name, cx.services.transactionTimestamp())));
withContext('timetz_izone', (cx, span: Interval, value: TimeTz) => rotate(value, 0 - zoneSeconds(cx.services, span)));
withContext('timetz_at_local', (cx, value: TimeTz) =>
  rotate(value, -sessionZone(cx.services).at(unixSeconds(cx.services.transactionTimestamp())).offset + 0));

/** Seconds east of Greenwich that an interval means as a zone; 22023. */
export function zoneSeconds(services: FunctionServices, span: Interval): number {
  const complain = (rule: string): Error =>
    pgError('INVALID_PARAMETER_VALUE', `interval time zone "${formatInterval(span, services.settings.intervalStyle)}" ${rule}`);
  if (isInfinite(span)) throw complain('must be finite');
  if (span.months !== 0 || span.days !== 0) throw complain('must not include months or days');
  return Math.trunc(Number(span.micros) / USECS_PER_SEC) + 0;
}
