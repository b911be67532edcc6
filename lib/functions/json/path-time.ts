/**
 * Dates and times inside jsonpath: reading by ISO forms or a template, conversion, comparison, text (PostgreSQL's
 * executeDateTimeMethod, compareDatetime).
 */
import { pgError, PgError } from '../../base/error.js';
import { TimeTz, type Int8 } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { fromFields, timeMicros, timestampOutOfRange, USECS_PER_SEC, addMicros } from '../datetime/calendar.js';
import { dateToTimestamp, dateToTimestampTz, timestampToDate, timestampTzToDate } from '../datetime/date.js';
import { encodeDate, encodeTimestamp, encodeZone, formatClock } from '../datetime/format.js';
import { dateOfFields, readByTemplate } from '../datetime/from-char.js';
import { parseTemplate } from '../datetime/template.js';
import { sessionZone } from '../datetime/session.js';
import { compareTimeTz } from '../datetime/time.js';
import { timestampFromTz, timestampToTz } from '../datetime/timestamp.js';
import { checkPrecision, roundTime, roundTimestamp } from '../datetime/typmod.js';
import { timeOfDay, toFields } from '../datetime/calendar.js';
import { unixSeconds, zoneOffsetAtLocal } from '../datetime/zone.js';
import { compareNumbers } from '../scalar/compare.js';
import type { TimeMethod } from './path-parse.js';

/** The types a time item can have. */
export type TimeType = 'date' | 'timetz' | 'time' | 'timestamptz' | 'timestamp';

/** A date or time as a path item; `zone` (seconds west) is the one a zoned value was written in. */
export class TimeItem {
  constructor(readonly type: TimeType, readonly value: Int8 | TimeTz, readonly zone = 0) {}
}

const SQL_NAMES: Record<TimeType, string> = {
  date: 'date', time: 'time without time zone', timetz: 'time with time zone', timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};

/** `.type()` of a time item. */
export function timeTypeName(item: TimeItem): string {
  return SQL_NAMES[item.type];
}

const ISO_FORMATS = [
  'yyyy-mm-dd', 'HH24:MI:SS.USTZ', 'HH24:MI:SSTZ', 'HH24:MI:SS.US', 'HH24:MI:SS', 'yyyy-mm-dd HH24:MI:SS.USTZ',
  'yyyy-mm-dd HH24:MI:SSTZ', 'yyyy-mm-dd"T"HH24:MI:SS.USTZ', 'yyyy-mm-dd"T"HH24:MI:SSTZ', 'yyyy-mm-dd HH24:MI:SS.US',
  'yyyy-mm-dd HH24:MI:SS', 'yyyy-mm-dd"T"HH24:MI:SS.US', 'yyyy-mm-dd"T"HH24:MI:SS',
];

const TIMED = /^(?:[AP]\.?M\.?|HH(?:12|24)?|MI|SS|MS|US|FF[1-6]|SSSS)$/i;
const ZONED = /^(?:TZ|OF|TZH|TZM)$/i;

/** What a template holds. */
function contentsOf(format: string): { readonly dated: boolean; readonly timed: boolean; readonly zoned: boolean } {
  const flags = { dated: false, timed: false, zoned: false };
  for (const node of parseTemplate(format, true)) {
    if (node.kind !== 'pattern' || node.pattern.id === 'FX') continue;
    if (TIMED.test(node.pattern.id)) flags.timed = true;
    else if (ZONED.test(node.pattern.id)) flags.zoned = true;
    else if (node.pattern.id !== 'IW') flags.dated = true;
  }
  return flags;
}

/** Reads a text by one template, as the type that the template describes; 22007, 22008. */
function readTime(cx: CallContext, text: string, format: string): TimeItem {
  const { fields, zone, fractionDigits } = readByTemplate(cx.services, text, format, true);
  const { dated, timed, zoned } = contentsOf(format);
  const digits = fractionDigits === 0 ? -1 : fractionDigits;
  const complain = (message: string): Error => pgError('INVALID_DATETIME_FORMAT', message);
  if (!dated && !timed) throw complain('datetime format is not dated and not timed');
  if (!timed) {
    if (zoned) throw complain('datetime format is zoned but not timed');
    return new TimeItem('date', dateOfFields(fields, text));
  }
  if (!dated) {
    const micros = roundTime(timeMicros(fields), digits);
    return zoned ? new TimeItem('timetz', new TimeTz(micros, zone ?? 0), zone ?? 0) : new TimeItem('time', micros);
  }
  const timestamp = fromFields(fields, zoned ? zone ?? 0 : 0);
  if (timestamp === undefined) throw zoned ? pgError('DATETIME_VALUE_OUT_OF_RANGE', 'timestamptz out of range') : timestampOutOfRange();
  return new TimeItem(zoned ? 'timestamptz' : 'timestamp', roundTimestamp(timestamp, digits), zoned ? zone ?? 0 : 0);
}

/** Reads by a template, or by the first ISO form that fits; undefined when none does; with a template 22007, 22008. */
export function readTimeItem(cx: CallContext, text: string, template: string | undefined): TimeItem | undefined {
  if (template !== undefined) return readTime(cx, text, template);
  for (const format of ISO_FORMATS) {
    try {
      return readTime(cx, text, format);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
    }
  }
  return undefined;
}

/** 0A000 unless the caller is one of the _tz functions: the session's zone would decide. */
function needZone(useZone: boolean, from: string, to: string): void {
  if (useZone) return;
  throw pgError('FEATURE_NOT_SUPPORTED', `cannot convert value from ${from} to ${to} without time zone usage`,
    { hint: 'Use *_tz() function for time zone support.' });
}

const localOf = (cx: CallContext, instant: Int8): Int8 =>
  addMicros(instant, sessionZone(cx.services).at(unixSeconds(instant)).offset * USECS_PER_SEC);

/** Converts an item to a method's type; undefined when the types do not fit. */
export function convertTime(cx: CallContext, item: TimeItem, method: Exclude<TimeMethod, 'datetime'> | 'date', useZone: boolean): TimeItem | undefined {
  const { services } = cx;
  const value = item.value as Int8;
  const zoneAt = (local: Int8): number => zoneOffsetAtLocal(toFields(local), sessionZone(services));
  switch (`${item.type}>${method}`) {
    case 'date>date': case 'time>time': case 'timetz>time_tz': case 'timestamp>timestamp': case 'timestamptz>timestamp_tz': return item;
    case 'timestamp>date': return new TimeItem('date', timestampToDate(value));
    case 'timestamptz>date':
      needZone(useZone, 'timestamptz', 'date');
      return new TimeItem('date', timestampTzToDate(services, value));
    case 'timetz>time':
      needZone(useZone, 'timetz', 'time');
      return new TimeItem('time', (item.value as TimeTz).micros);
    case 'timestamp>time': return new TimeItem('time', timeOfDay(value));
    case 'timestamptz>time':
      needZone(useZone, 'timestamptz', 'time');
      return new TimeItem('time', timeOfDay(localOf(cx, value)));
    case 'time>time_tz': {
      needZone(useZone, 'time', 'timetz');
      const today = timestampToDate(localOf(cx, services.transactionTimestamp()));
      const zone = zoneAt(addMicros(dateToTimestamp(today), value));
      return new TimeItem('timetz', new TimeTz(value as number, zone), item.zone);
    }
    case 'timestamptz>time_tz': {
      const { offset } = sessionZone(services).at(unixSeconds(value));
      return new TimeItem('timetz', new TimeTz(timeOfDay(localOf(cx, value)), -offset + 0), item.zone);
    }
    case 'date>timestamp': return new TimeItem('timestamp', dateToTimestamp(value as number));
    case 'timestamptz>timestamp':
      needZone(useZone, 'timestamptz', 'timestamp');
      return new TimeItem('timestamp', timestampFromTz(services, value));
    case 'date>timestamp_tz':
      needZone(useZone, 'date', 'timestamptz');
      return new TimeItem('timestamptz', dateToTimestampTz(services, value as number), zoneAt(dateToTimestamp(value as number)));
    case 'timestamp>timestamp_tz':
      needZone(useZone, 'timestamp', 'timestamptz');
      return new TimeItem('timestamptz', timestampToTz(services, value), zoneAt(value));
    default: return undefined;
  }
}

/** Rounds an item to a precision, with PostgreSQL's warning where that is too large. */
export function roundTimeItem(cx: CallContext, item: TimeItem, precision: number): TimeItem {
  const zoned = item.type.endsWith('tz') ? ' WITH TIME ZONE' : '';
  const digits = checkPrecision(cx, item.type.startsWith('timestamp') ? 'TIMESTAMP' : 'TIME', zoned, precision);
  if (item.value instanceof TimeTz) return new TimeItem(item.type, new TimeTz(roundTime(item.value.micros, digits), item.value.zone), item.zone);
  const value = item.type === 'time' ? roundTime(item.value as number, digits) : roundTimestamp(item.value, digits);
  return new TimeItem(item.type, value, item.zone);
}

/** An item as text, zoned values in their own zone. */
export function timeItemText(item: TimeItem): string {
  switch (item.type) {
    case 'date': return encodeDate(item.value as number);
    case 'time': return formatClock(item.value as number);
    case 'timetz': return formatClock((item.value as TimeTz).micros) + encodeZone((item.value as TimeTz).zone);
    case 'timestamp': return encodeTimestamp(item.value as Int8);
    case 'timestamptz': {
      const [local, era] = encodeTimestamp(addMicros(item.value as Int8, -item.zone * USECS_PER_SEC)).split(' ');
      return `${local}${encodeZone(item.zone)}${era === undefined ? '' : ` ${era}`}`;
    }
  }
}

const isClock = (item: TimeItem): boolean => item.type === 'time' || item.type === 'timetz';

/** Order of two items; undefined for a time of day against a date; 0A000 where the session's zone would decide. */
export function compareTimes(cx: CallContext, a: TimeItem, b: TimeItem, useZone: boolean): number | undefined {
  if (isClock(a) !== isClock(b)) return undefined;
  if (a.type === b.type) {
    return a.value instanceof TimeTz ? compareTimeTz(a.value, b.value as TimeTz) : compareNumbers(a.value, b.value as Int8);
  }
  if (isClock(a)) {
    const toZoned = (item: TimeItem): TimeTz => convertTime(cx, item, 'time_tz', useZone)!.value as TimeTz;
    return compareTimeTz(toZoned(a), toZoned(b));
  }
  const target = a.type === 'timestamptz' || b.type === 'timestamptz' ? 'timestamp_tz' : 'timestamp';
  const convert = (item: TimeItem): Int8 => convertTime(cx, item, target, useZone)!.value as Int8;
  return compareNumbers(convert(a), convert(b));
}
