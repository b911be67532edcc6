/**
 * date: I/O, comparison also with timestamps, arithmetic, casts (PostgreSQL's date.c).
 */
import { pgError } from '../../base/error.js';
import type { Int8, Interval } from '../../types/datum.js';
import type { CallContext, FunctionServices } from '../context.js';
import { pure, withContext } from '../registry.js';
import { compareNumbers, comparisonNames, registerNativeComparisons } from '../scalar/compare.js';
import { sendInt32, viewOf } from '../wire.js';
import {
  addMicros, combine, date2j, dateOutOfRange, dayOf, END_DATE, EPOCH_DAYS, Fields, isValidJulian, isValidTimestamp, MIN_DATE,
  MIN_TIMESTAMP, POSTGRES_EPOCH_JDATE, TIMESTAMP_END_DATE, timestampOutOfRange, USECS_PER_SEC,
} from './calendar.js';
import { DATE_MASK, validateDate } from './decode.js';
import { formatDate } from './format.js';
import { addToTimestamp, negateInterval } from './interval-math.js';
import { DateTimeFault } from './literal.js';
import { readDate } from './read.js';
import { sessionZone } from './session.js';
import { unixSeconds, type Zone } from './zone.js';

export const isInfiniteTime = (value: Int8): boolean => value === Infinity || value === -Infinity;

withContext('date_in', (cx, text: string) => readDate(cx.services, text));
withContext('date_out', (cx, date: number) => formatDate(date, cx.services.settings));
pure('date_send', (date: number) => sendInt32(date === Infinity ? 0x7fffffff : date === -Infinity ? -0x80000000 : date));
pure('date_recv', (bytes: Uint8Array) => {
  const date = viewOf(bytes, 4).getInt32(0);
  if (date === 0x7fffffff) return Infinity;
  if (date === -0x80000000) return -Infinity;
  if (date < MIN_DATE || date >= END_DATE) throw dateOutOfRange();
  return date;
});

registerNativeComparisons(comparisonNames('date_'));
pure('date_cmp', (a: number, b: number) => compareNumbers(a, b));
pure('date_finite', (a: number) => Number.isFinite(a));
pure('date_larger', (a: number, b: number) => (a > b ? a : b));
pure('date_smaller', (a: number, b: number) => (a < b ? a : b));

pure('date_mi', (a: number, b: number) => {
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'cannot subtract infinite dates');
  return a - b;
});

function addDays(date: number, days: number): number {
  if (!Number.isFinite(date)) return date;
  const result = date + days;
  if (result < MIN_DATE || result >= END_DATE) throw dateOutOfRange();
  return result;
}
pure('date_pli', addDays);
pure('date_mii', (date: number, days: number) => addDays(date, 0 - days));

/** date → timestamp; 22008. */
export function dateToTimestamp(date: number): Int8 {
  if (!Number.isFinite(date)) return date;
  if (date >= TIMESTAMP_END_DATE) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'date out of range for timestamp');
  return combine(date, 0);
}

/** Midnight of a date in a zone, however far out. */
function midnight(date: number, zone: Zone): Int8 {
  return addMicros(combine(date, 0), -zone.atLocal((date + EPOCH_DAYS) * 86400).offset * USECS_PER_SEC);
}

/** date → timestamptz at the session's midnight; 22008. */
export function dateToTimestampTz(services: FunctionServices, date: number): Int8 {
  if (!Number.isFinite(date)) return date;
  const result = date >= TIMESTAMP_END_DATE ? undefined : midnight(date, sessionZone(services));
  if (result === undefined || !isValidTimestamp(result)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', 'date out of range for timestamp');
  return result;
}

/** Days of a timestamp. */
export function timestampToDate(timestamp: Int8): number {
  return isInfiniteTime(timestamp) ? Number(timestamp) : dayOf(timestamp);
}

/** Local days of a timestamptz. */
export function timestampTzToDate(services: FunctionServices, timestamp: Int8): number {
  if (isInfiniteTime(timestamp)) return Number(timestamp);
  return dayOf(addMicros(timestamp, sessionZone(services).at(unixSeconds(timestamp)).offset * USECS_PER_SEC));
}

pure('date_timestamp', dateToTimestamp);
pure('timestamp_date', timestampToDate);
withContext('date_timestamptz', (cx, date: number) => dateToTimestampTz(cx.services, date));
withContext('timestamptz_date', (cx, timestamp: Int8) => timestampTzToDate(cx.services, timestamp));
pure('date_pl_interval', (date: number, span: Interval) => addToTimestamp(dateToTimestamp(date), span));
pure('date_mi_interval', (date: number, span: Interval) => addToTimestamp(dateToTimestamp(date), negateInterval(span)));
pure('datetime_timestamp', (date: number, time: number) => {
  const midnightOfDate = dateToTimestamp(date);
  if (isInfiniteTime(midnightOfDate)) return midnightOfDate;
  const result = addMicros(midnightOfDate, time);
  if (!isValidTimestamp(result)) throw timestampOutOfRange();
  return result;
});

/** Order of a date and a timestamp; dates beyond timestamps lie between them and infinity. */
function compareToTimestamp(date: number, timestamp: Int8): number {
  if (Number.isFinite(date) && date >= TIMESTAMP_END_DATE) return timestamp === Infinity ? -1 : 1;
  return compareNumbers(dateToTimestamp(date), timestamp);
}

function compareToTimestampTz(cx: CallContext, date: number, timestamp: Int8): number {
  if (!Number.isFinite(date)) return compareNumbers(date, timestamp);
  const start = date >= TIMESTAMP_END_DATE ? undefined : midnight(date, sessionZone(cx.services));
  if (start === undefined || (!isValidTimestamp(start) && start > 0)) return timestamp === Infinity ? -1 : 1;
  if (start < MIN_TIMESTAMP) return timestamp === -Infinity ? 1 : -1;
  return compareNumbers(start, timestamp);
}

const OPERATORS: Record<string, (order: number) => boolean> = {
  eq: (order) => order === 0, ne: (order) => order !== 0, lt: (order) => order < 0, le: (order) => order <= 0,
  gt: (order) => order > 0, ge: (order) => order >= 0,
};
for (const [name, test] of Object.entries(OPERATORS)) {
  pure(`date_${name}_timestamp`, (date: number, timestamp: Int8) => test(compareToTimestamp(date, timestamp)));
  pure(`timestamp_${name}_date`, (timestamp: Int8, date: number) => test(-compareToTimestamp(date, timestamp)));
  withContext(`date_${name}_timestamptz`, (cx, date: number, timestamp: Int8) => test(compareToTimestampTz(cx, date, timestamp)));
  withContext(`timestamptz_${name}_date`, (cx, timestamp: Int8, date: number) => test(-compareToTimestampTz(cx, date, timestamp)));
}
pure('date_cmp_timestamp', compareToTimestamp);
pure('timestamp_cmp_date', (timestamp: Int8, date: number) => 0 - compareToTimestamp(date, timestamp));
withContext('date_cmp_timestamptz', compareToTimestampTz);
withContext('timestamptz_cmp_date', (cx, timestamp: Int8, date: number) => 0 - compareToTimestampTz(cx, date, timestamp));

const pad = (value: number): string => (value < 0 ? String(value) : String(value).padStart(2, '0'));

/** Checks a year (negative for BC), month and day given as numbers; returns the date's fields; 22008. */
export function dateFields(year: number, month: number, day: number): Fields {
  const fields = Object.assign(new Fields(), { year: Math.abs(year), month, day });
  const text = `${year}-${pad(month)}-${pad(day)}`;
  try {
    if (year === -2147483648) throw new DateTimeFault('field');
    validateDate(DATE_MASK, false, false, year < 0, fields);
  } catch (error) {
    if (!(error instanceof DateTimeFault)) throw error;
    throw pgError('DATETIME_FIELD_OVERFLOW', `date field value out of range: ${text}`);
  }
  if (!isValidJulian(fields.year, fields.month)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `date out of range: ${text}`);
  return fields;
}

pure('make_date', (year: number, month: number, day: number) => {
  const fields = dateFields(year, month, day);
  const date = date2j(fields.year, fields.month, fields.day) - POSTGRES_EPOCH_JDATE;
  if (date < MIN_DATE || date >= END_DATE) {
    throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `date out of range: ${year}-${pad(month)}-${pad(day)}`);
  }
  return date;
});
