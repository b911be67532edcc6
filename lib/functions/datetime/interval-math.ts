/**
 * Arithmetic of intervals, and of dates and times with them (PostgreSQL's timestamp.c). Months and days move the calendar
 * in the session's zone, microseconds move the clock.
 */
import { Interval, normalizeInt8, type Int8 } from '../../types/datum.js';
import { divisionByZero } from '../errors.js';
import {
  addMicros, date2j, dayOf, daysInMonth, fromFields, intervalOutOfRange, isValidTimestamp, j2date, timestampOutOfRange, toFields,
  USECS_PER_DAY, type Fields,
} from './calendar.js';
import { INTERVAL_INFINITY, INTERVAL_NEGATIVE_INFINITY, isInfinite } from './decode-interval.js';
import { rint } from './literal.js';
import { toZonedFields } from './session.js';
import { zoneOffsetAtLocal, type Zone } from './zone.js';

const fits32 = (value: number): boolean => value >= -2147483648 && value <= 2147483647;

/** An interval of checked parts; 22008. */
export function makeInterval(months: number, days: number, micros: Int8): Interval {
  if (!fits32(months) || !fits32(days)) throw intervalOutOfRange();
  if (typeof micros === 'bigint' && micros !== BigInt.asIntN(64, micros)) throw intervalOutOfRange();
  const interval = new Interval(months + 0, days + 0, typeof micros === 'number' ? micros + 0 : micros);
  if (isInfinite(interval)) throw intervalOutOfRange();
  return interval;
}

/** Microseconds in an interval, months as 30 days. */
export function intervalSpan(interval: Interval): bigint {
  return BigInt(interval.months * 30 + interval.days) * 86400000000n + BigInt(interval.micros);
}

/** Order of intervals by their span. */
export function compareIntervals(a: Interval, b: Interval): number {
  if (typeof a.micros === 'number' && typeof b.micros === 'number') {
    const days = (a.months - b.months) * 30 + a.days - b.days;
    if (days === 0) return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
  }
  const left = intervalSpan(a);
  const right = intervalSpan(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** -interval; 22008. */
export function negateInterval(a: Interval): Interval {
  if (isInfinite(a)) return a.months > 0 ? INTERVAL_NEGATIVE_INFINITY : INTERVAL_INFINITY;
  return makeInterval(0 - a.months, 0 - a.days, typeof a.micros === 'number' ? 0 - a.micros : normalizeInt8(-a.micros));
}

/** a + b; infinity minus infinity is 22008. */
export function addIntervals(a: Interval, b: Interval): Interval {
  if (isInfinite(a)) {
    if (isInfinite(b) && b.months !== a.months) throw intervalOutOfRange();
    return a;
  }
  if (isInfinite(b)) return b;
  return makeInterval(a.months + b.months, a.days + b.days, addMicros(a.micros, b.micros));
}

const TSROUND = (value: number): number => rint(value * 1000000) / 1000000;

function roundedMicros(value: number): Int8 {
  const rounded = rint(value);
  if (!(rounded >= -9223372036854775808 && rounded < 9223372036854775808)) throw intervalOutOfRange();
  return normalizeInt8(BigInt(rounded));
}

/** Applies `scale` (times or divided by a factor) to each part, fractions cascading down. */
function scaleInterval(span: Interval, scale: (value: number) => number): Interval {
  const whole = (value: number): number => {
    const scaled = scale(value);
    if (!(scaled >= -2147483648 && scaled < 2147483648)) throw intervalOutOfRange();
    return Math.trunc(scaled) + 0;
  };
  const months = whole(span.months);
  let days = whole(span.days);
  const monthDays = TSROUND((scale(span.months) - months) * 30);
  let seconds = TSROUND((scale(span.days) - days + monthDays - Math.trunc(monthDays)) * 86400);
  if (Math.abs(seconds) >= 86400) {
    const extra = Math.trunc(seconds / 86400);
    days += extra;
    if (!fits32(days)) throw intervalOutOfRange();
    seconds -= extra * 86400;
  }
  days += Math.trunc(monthDays);
  return makeInterval(months, days, roundedMicros(scale(Number(span.micros)) + seconds * 1000000));
}

/** interval * factor; 22008. */
export function multiplyInterval(span: Interval, factor: number): Interval {
  if (Number.isNaN(factor)) throw intervalOutOfRange();
  if (isInfinite(span)) {
    if (factor === 0) throw intervalOutOfRange();
    return factor < 0 ? negateInterval(span) : span;
  }
  if (!Number.isFinite(factor)) {
    const sign = intervalSpan(span);
    if (sign === 0n) throw intervalOutOfRange();
    return sign > 0n === factor > 0 ? INTERVAL_INFINITY : INTERVAL_NEGATIVE_INFINITY;
  }
  return scaleInterval(span, (value) => value * factor);
}

/** interval / divisor; 22008, 22012. */
export function divideInterval(span: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  if (Number.isNaN(divisor)) throw intervalOutOfRange();
  if (isInfinite(span)) {
    if (!Number.isFinite(divisor)) throw intervalOutOfRange();
    return divisor < 0 ? negateInterval(span) : span;
  }
  return scaleInterval(span, (value) => value / divisor);
}

/** Whole days of microseconds and the rest, both with the sign of the whole. */
function splitDays(micros: Int8): { readonly days: number; readonly rest: number } {
  if (typeof micros === 'number') {
    const rest = micros % USECS_PER_DAY;
    return { days: (micros - rest) / USECS_PER_DAY, rest: rest + 0 };
  }
  return { days: Number(micros / 86400000000n), rest: Number(micros % 86400000000n) };
}

/** Gives days and microseconds the same sign. */
function alignClock(months: number, days: number, micros: number): Interval {
  if (days > 0 && micros < 0) return makeInterval(months, days - 1, micros + USECS_PER_DAY);
  if (days < 0 && micros > 0) return makeInterval(months, days + 1, micros - USECS_PER_DAY);
  return makeInterval(months, days, micros);
}

/** justify_hours: 24 hours become a day; 22008. */
export function justifyHours(span: Interval): Interval {
  if (isInfinite(span)) return span;
  const { days, rest } = splitDays(span.micros);
  return alignClock(span.months, span.days + days, rest);
}

/** justify_days: 30 days become a month; 22008. */
export function justifyDays(span: Interval): Interval {
  if (isInfinite(span)) return span;
  const whole = Math.trunc(span.days / 30);
  let days = span.days - whole * 30;
  let months = span.months + whole;
  if (months > 0 && days < 0) {
    days += 30;
    months--;
  } else if (months < 0 && days > 0) {
    days -= 30;
    months++;
  }
  return makeInterval(months, days, span.micros);
}

/** justify_interval: both, with one sign; 22008. */
export function justifyInterval(span: Interval): Interval {
  if (isInfinite(span)) return span;
  const split = splitDays(span.micros);
  let days = span.days + split.days;
  const whole = Math.trunc(days / 30);
  days -= whole * 30;
  let months = span.months + whole;
  if (months > 0 && (days < 0 || (days === 0 && split.rest < 0))) {
    days += 30;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && split.rest > 0))) {
    days -= 30;
    months++;
  }
  return alignClock(months, days, split.rest);
}

/** Moves the calendar by months, to the month's last day where the day does not exist; 22008. */
export function shiftMonths(fields: Fields, months: number): void {
  const month = fields.month + months;
  if (!fits32(month)) throw timestampOutOfRange();
  fields.year += Math.floor((month - 1) / 12);
  fields.month = ((month - 1) % 12 + 12) % 12 + 1;
  fields.day = Math.min(fields.day, daysInMonth(fields.year, fields.month));
}

/** What adding an infinite interval gives, or undefined when both are finite; 22008. */
function addInfinite(timestamp: Int8, span: Interval): Int8 | undefined {
  if (isInfinite(span)) {
    const infinity = span.months > 0 ? Infinity : -Infinity;
    if (timestamp === -infinity) throw timestampOutOfRange();
    return infinity;
  }
  return timestamp === Infinity || timestamp === -Infinity ? timestamp : undefined;
}

function checked(timestamp: Int8 | undefined): Int8 {
  if (timestamp === undefined || !isValidTimestamp(timestamp)) throw timestampOutOfRange();
  return timestamp;
}

/** timestamp + interval; 22008. */
export function addToTimestamp(timestamp: Int8, span: Interval): Int8 {
  const infinite = addInfinite(timestamp, span);
  if (infinite !== undefined) return infinite;
  let result = timestamp;
  if (span.months !== 0) {
    const fields = toFields(result);
    shiftMonths(fields, span.months);
    result = checked(fromFields(fields));
  }
  if (span.days !== 0) {
    if (dayOf(result) + span.days < -2451545) throw timestampOutOfRange();
    result = checked(addMicros(result, normalizeInt8(BigInt(span.days) * 86400000000n)));
  }
  return checked(addMicros(result, span.micros));
}

/** timestamptz + interval, days and months in a zone; 22008. */
export function addToTimestampTz(timestamp: Int8, span: Interval, zone: Zone): Int8 {
  const infinite = addInfinite(timestamp, span);
  if (infinite !== undefined) return infinite;
  let result = timestamp;
  if (span.months !== 0) {
    const fields = toZonedFields(result, zone);
    shiftMonths(fields, span.months);
    result = checked(fromFields(fields, zoneOffsetAtLocal(fields, zone)));
  }
  if (span.days !== 0) {
    const fields = toZonedFields(result, zone);
    const julian = date2j(fields.year, fields.month, fields.day) + span.days;
    if (!fits32(julian) || julian < -1) throw timestampOutOfRange();
    j2date(julian, fields);
    result = checked(fromFields(fields, zoneOffsetAtLocal(fields, zone)));
  }
  return checked(addMicros(result, span.micros));
}

/** The difference of two timestamps in days and time; infinity minus itself is 22008. */
export function subtractTimestamps(a: Int8, b: Int8): Interval {
  const infinite = (value: Int8): boolean => value === Infinity || value === -Infinity;
  if (infinite(a) || infinite(b)) {
    if (a === b) throw intervalOutOfRange();
    return a === Infinity || b === -Infinity ? INTERVAL_INFINITY : INTERVAL_NEGATIVE_INFINITY;
  }
  const difference = typeof a === 'number' && typeof b === 'number' ? addMicros(a, 0 - b) : normalizeInt8(BigInt(a) - BigInt(b));
  if (typeof difference === 'bigint' && difference !== BigInt.asIntN(64, difference)) throw intervalOutOfRange();
  return justifyHours(new Interval(0, 0, difference));
}
