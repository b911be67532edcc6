/**
 * The proleptic Gregorian calendar over Julian day numbers, and the split of microsecond timestamps into days and times
 * (PostgreSQL's date2j, j2date, timestamp2tm, tm2timestamp). Year 0 is 1 BC, -1 is 2 BC.
 */
import { pgError, type PgError } from '../../base/error.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';

export const POSTGRES_EPOCH_JDATE = 2451545;
export const UNIX_EPOCH_JDATE = 2440588;
/** Days from 1970-01-01 to 2000-01-01. */
export const EPOCH_DAYS = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;
/** Seconds from 1970-01-01 to 2000-01-01. */
export const EPOCH_SECONDS = EPOCH_DAYS * 86400;

export const USECS_PER_DAY = 86400000000;
export const USECS_PER_HOUR = 3600000000;
export const USECS_PER_MINUTE = 60000000;
export const USECS_PER_SEC = 1000000;

/** First valid timestamp, and the first beyond the range. */
export const MIN_TIMESTAMP = -211813488000000000n;
export const END_TIMESTAMP = 9223371331200000000n;
/** First valid date, and the first beyond the range, in days since 2000-01-01. */
export const MIN_DATE = -POSTGRES_EPOCH_JDATE;
export const END_DATE = 2147483494 - POSTGRES_EPOCH_JDATE;
/** The first day beyond the range of timestamps. */
export const TIMESTAMP_END_DATE = 109203528 - POSTGRES_EPOCH_JDATE;

/** Julian day number of a date of any year. */
export function date2j(year: number, month: number, day: number): number {
  let m = month;
  let y = year;
  if (m > 2) {
    m += 1;
    y += 4800;
  } else {
    m += 13;
    y += 4799;
  }
  const century = Math.trunc(y / 100);
  return y * 365 - 32167 + Math.trunc(y / 4) - century + Math.trunc(century / 4) + Math.trunc((7834 * m) / 256) + day;
}

/** A broken-down date and time; months 1-12, seconds with whole microseconds apart. */
export class Fields {
  year = 0;
  month = 1;
  day = 1;
  hour = 0;
  minute = 0;
  second = 0;
  micro = 0;
  dayOfYear = 0;
  /** Seconds west of Greenwich, where a zone applies. */
  zone = 0;
  abbreviation = '';
}

/** Sets year, month and day from a Julian day number. */
export function j2date(jd: number, fields: Fields): void {
  let julian = jd + 32044;
  let quad = Math.trunc(julian / 146097);
  const extra = (julian - quad * 146097) * 4 + 3;
  julian += 60 + quad * 3 + Math.trunc(extra / 146097);
  quad = Math.trunc(julian / 1461);
  julian -= quad * 1461;
  let y = Math.trunc((julian * 4) / 1461);
  julian = y !== 0 ? (julian + 305) % 365 + 123 : (julian + 306) % 366 + 123;
  y += quad * 4;
  fields.year = y - 4800;
  quad = Math.trunc((julian * 2141) / 65536);
  fields.day = julian - Math.trunc((7834 * quad) / 256);
  fields.month = ((quad + 10) % 12) + 1;
}

/** Day of the week of a Julian day number, Sunday = 0. */
export function j2day(jd: number): number {
  const day = (jd + 1) % 7;
  return day < 0 ? day + 7 : day;
}

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days of a month (1-12). */
export function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : MONTH_LENGTHS[month - 1];
}

/** Whether a date can be a Julian day at all (from November 4714 BC to June 5874898). */
export function isValidJulian(year: number, month: number): boolean {
  return (year > -4713 || (year === -4713 && month >= 11)) && (year < 5874898 || (year === 5874898 && month < 6));
}

/** Microseconds since midnight of a finite timestamp. */
export function timeOfDay(timestamp: Int8): number {
  if (typeof timestamp === 'number') {
    const time = timestamp % USECS_PER_DAY;
    return time < 0 ? time + USECS_PER_DAY : time + 0;
  }
  const time = Number(timestamp % 86400000000n);
  return time < 0 ? time + USECS_PER_DAY : time;
}

/** Days since 2000-01-01 of a finite timestamp. */
export function dayOf(timestamp: Int8): number {
  if (typeof timestamp === 'number') return (timestamp - timeOfDay(timestamp)) / USECS_PER_DAY + 0;
  return Number((timestamp - BigInt(timeOfDay(timestamp))) / 86400000000n);
}

/** A timestamp from days and microseconds, in normal form; no range check. */
export function combine(days: number, micros: number): Int8 {
  if (days < 104000 && days > -104000) return days * USECS_PER_DAY + micros;
  return normalizeInt8(BigInt(days) * 86400000000n + BigInt(micros));
}

/** 22008 "timestamp out of range". */
export function timestampOutOfRange(): PgError {
  return pgError('DATETIME_FIELD_OVERFLOW', 'timestamp out of range');
}

/** 22008 "date out of range". */
export function dateOutOfRange(): PgError {
  return pgError('DATETIME_FIELD_OVERFLOW', 'date out of range');
}

/** 22008 "interval out of range". */
export function intervalOutOfRange(): PgError {
  return pgError('DATETIME_FIELD_OVERFLOW', 'interval out of range');
}

/** Whether a finite timestamp is within the type's range. */
export function isValidTimestamp(timestamp: Int8): boolean {
  return typeof timestamp === 'number' || (timestamp >= MIN_TIMESTAMP && timestamp < END_TIMESTAMP);
}

/** Adds microseconds (no infinities); not range-checked. */
export function addMicros(timestamp: Int8, micros: Int8): Int8 {
  if (typeof timestamp === 'number' && typeof micros === 'number') {
    const sum = timestamp + micros;
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER) return sum;
  }
  return normalizeInt8(BigInt(timestamp) + BigInt(micros));
}

/** Sets the time of day. */
export function setTime(fields: Fields, micros: number): void {
  const seconds = Math.floor(micros / USECS_PER_SEC);
  fields.micro = micros - seconds * USECS_PER_SEC;
  const minutes = Math.trunc(seconds / 60);
  fields.second = seconds - minutes * 60;
  fields.hour = Math.trunc(minutes / 60);
  fields.minute = minutes - fields.hour * 60;
}

/** Microseconds since midnight of the time fields. */
export function timeMicros(fields: Fields): number {
  return ((fields.hour * 60 + fields.minute) * 60 + fields.second) * USECS_PER_SEC + fields.micro;
}

/** Breaks a finite timestamp without zone down. */
export function toFields(timestamp: Int8): Fields {
  const fields = new Fields();
  const time = timeOfDay(timestamp);
  j2date(dayOf(timestamp) + POSTGRES_EPOCH_JDATE, fields);
  setTime(fields, time);
  return fields;
}

/** A timestamp from fields, `zone` seconds west of Greenwich; undefined when out of range. */
export function fromFields(fields: Fields, zone = 0): Int8 | undefined {
  if (!isValidJulian(fields.year, fields.month)) return undefined;
  const days = date2j(fields.year, fields.month, fields.day) - POSTGRES_EPOCH_JDATE;
  if (days > TIMESTAMP_END_DATE + 1) return undefined;
  let timestamp = combine(days, timeMicros(fields));
  if (zone !== 0) timestamp = addMicros(timestamp, zone * USECS_PER_SEC);
  return isValidTimestamp(timestamp) ? timestamp : undefined;
}

/** Julian day of the first day (Monday) of an ISO year's first week. */
function isoYearStart(year: number): number {
  const fourth = date2j(year, 1, 4);
  return fourth - j2day(fourth - 1);
}

/** Julian day of the Monday of an ISO week. */
export function isoWeekToJulian(year: number, week: number): number {
  return isoYearStart(year) + (week - 1) * 7;
}

/** ISO year of a date. */
export function isoYear(year: number, month: number, day: number): number {
  const jd = date2j(year, month, day);
  if (jd >= isoYearStart(year + 1)) return year + 1;
  return jd < isoYearStart(year) ? year - 1 : year;
}

/** ISO week number of a date. */
export function isoWeek(year: number, month: number, day: number): number {
  const jd = date2j(year, month, day);
  return Math.floor((jd - isoYearStart(isoYear(year, month, day))) / 7) + 1;
}
