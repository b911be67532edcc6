/**
 * Text input of date, time, timetz, timestamp and timestamptz. Literals in ISO form take a short path of their own, the
 * rest the general reader; a test compares both.
 */
import { pgError } from '../../base/error.js';
import { TimeTz, type Int8 } from '../../types/datum.js';
import type { FunctionServices } from '../context.js';
import {
  combine, date2j, daysInMonth, END_DATE, EPOCH_DAYS, fromFields, isValidJulian, MIN_DATE, POSTGRES_EPOCH_JDATE, timeMicros,
  USECS_PER_DAY, USECS_PER_SEC,
} from './calendar.js';
import { decodeDateTime, decodeTime, type Decoded } from './decode.js';
import { DateTimeFault, faultError } from './literal.js';
import { sessionZone } from './session.js';

/** Two digits at `at`, or -1. */
function two(text: string, at: number): number {
  const high = text.charCodeAt(at) - 48;
  const low = text.charCodeAt(at + 1) - 48;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1;
}

/** Day number of a literal that starts with `yyyy-mm-dd` of the years 1 to 9999; NaN for everything else. */
function isoDay(text: string): number {
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return NaN;
  const high = two(text, 0);
  const low = two(text, 2);
  const month = two(text, 5);
  const day = two(text, 8);
  if (high < 0 || low < 0 || month < 1 || month > 12 || day < 1) return NaN;
  const year = high * 100 + low;
  if (year === 0 || day > daysInMonth(year, month)) return NaN;
  return date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
}

/** Where the short path stopped reading. */
let stopped = 0;

/** Microseconds of `hh:mm[:ss[.f]]` at `at`; NaN when it is not of that form. Sets `stopped`. */
function isoClock(text: string, at: number): number {
  const hour = two(text, at);
  const minute = two(text, at + 3);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || text.charCodeAt(at + 2) !== 58) return NaN;
  let micros = (hour * 3600 + minute * 60) * USECS_PER_SEC;
  stopped = at + 5;
  if (text.charCodeAt(stopped) !== 58) return text.charCodeAt(stopped) === 46 ? NaN : micros;
  const second = two(text, at + 6);
  if (second < 0 || second > 59) return NaN;
  micros += second * USECS_PER_SEC;
  stopped = at + 8;
  if (text.charCodeAt(stopped) === 46) {
    let scale = 100000;
    let digit = text.charCodeAt(++stopped) - 48;
    for (; digit >= 0 && digit <= 9; digit = text.charCodeAt(++stopped) - 48) {
      if (scale < 1) return NaN;
      micros += digit * scale;
      scale = scale === 1 ? 0 : scale / 10;
    }
  }
  return micros;
}

/** Day and time of `yyyy-mm-dd hh:mm...` (also with T); sets `stopped` and `day`; NaN otherwise. */
let stoppedDay = 0;
function isoDateTime(text: string): number {
  if (text.length < 16) return NaN;
  const separator = text.charCodeAt(10);
  if (separator !== 32 && separator !== 84) return NaN;
  stoppedDay = isoDay(text);
  return stoppedDay === stoppedDay ? isoClock(text, 11) : NaN;
}

function decode(read: (services: FunctionServices, text: string) => Decoded, services: FunctionServices, text: string, type: string): Decoded {
  try {
    return read(services, text);
  } catch (error) {
    throw error instanceof DateTimeFault ? faultError(error, text, type) : error;
  }
}

/** date_in; 22007, 22008. */
export function readDate(services: FunctionServices, text: string): number {
  if (text.length === 10) {
    const day = isoDay(text);
    if (day === day) return day;
  }
  const { fields, special } = decode(decodeDateTime, services, text, 'date');
  if (special === 'late') return Infinity;
  if (special === 'early') return -Infinity;
  if (special === 'epoch') return -EPOCH_DAYS;
  const outOfRange = (): Error => pgError('DATETIME_VALUE_OUT_OF_RANGE', `date out of range: "${text}"`);
  if (!isValidJulian(fields.year, fields.month)) throw outOfRange();
  const date = date2j(fields.year, fields.month, fields.day) - POSTGRES_EPOCH_JDATE;
  if (date < MIN_DATE || date >= END_DATE) throw outOfRange();
  return date;
}

function finishTimestamp(decoded: Decoded, zone: number, text: string): Int8 {
  if (decoded.special === 'late') return Infinity;
  if (decoded.special === 'early') return -Infinity;
  if (decoded.special === 'epoch') return -EPOCH_DAYS * USECS_PER_DAY;
  const timestamp = fromFields(decoded.fields, zone);
  if (timestamp === undefined) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `timestamp out of range: "${text}"`);
  return timestamp;
}

/** timestamp_in without modifier; 22007, 22008. */
export function readTimestamp(services: FunctionServices, text: string): Int8 {
  const micros = isoDateTime(text);
  if (micros === micros && stopped === text.length) return combine(stoppedDay, micros);
  return finishTimestamp(decode(decodeDateTime, services, text, 'timestamp'), 0, text);
}

/** Seconds west of `+hh` or `+hh:mm` at `at` to the end of the text; NaN for other forms. */
function isoOffset(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if (sign !== 43 && sign !== 45) return NaN;
  const hours = two(text, at + 1);
  if (hours < 0 || hours > 15) return NaN;
  let seconds = hours * 3600;
  if (text.length !== at + 3) {
    const minutes = two(text, at + 4);
    if (text.length !== at + 6 || text.charCodeAt(at + 3) !== 58 || minutes < 0 || minutes > 59) return NaN;
    seconds += minutes * 60;
  }
  return sign === 43 ? -seconds : seconds;
}

/** timestamptz_in without modifier; 22007, 22008, 22009, 22023. */
export function readTimestampTz(services: FunctionServices, text: string): Int8 {
  const micros = isoDateTime(text);
  if (micros === micros) {
    const end = stopped;
    if (end === text.length) {
      const zone = sessionZone(services);
      const local = (stoppedDay + EPOCH_DAYS) * 86400 + Math.floor(micros / USECS_PER_SEC);
      return combine(stoppedDay, micros - zone.atLocal(local).offset * USECS_PER_SEC);
    }
    const offset = isoOffset(text, end);
    if (offset === offset) return combine(stoppedDay, micros + offset * USECS_PER_SEC);
  }
  const decoded = decode(decodeDateTime, services, text, 'timestamp with time zone');
  return finishTimestamp(decoded, decoded.zone, text);
}

/** time_in without modifier; 22007, 22008. */
export function readTime(services: FunctionServices, text: string): number {
  const micros = isoClock(text, 0);
  if (micros === micros && stopped === text.length) return micros;
  return timeMicros(decode(decodeTime, services, text, 'time').fields);
}

/** timetz_in without modifier; 22007, 22008, 22009. */
export function readTimeTz(services: FunctionServices, text: string): TimeTz {
  const { fields, zone } = decode(decodeTime, services, text, 'time with time zone');
  return new TimeTz(timeMicros(fields), zone);
}
