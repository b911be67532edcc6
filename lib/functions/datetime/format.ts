/**
 * Text forms of dates, times, timestamps and intervals in every DateStyle and IntervalStyle (PostgreSQL's EncodeDateTime
 * and its kin). A timestamp in ISO style costs well under a microsecond: two-digit numbers and the last day are cached.
 */
import { Interval, type Int8, type TimeTz } from '../../types/datum.js';
import type { FunctionSettings } from '../context.js';
import { dayOf, Fields, j2date, j2day, POSTGRES_EPOCH_JDATE, timeOfDay, toFields, addMicros, USECS_PER_SEC } from './calendar.js';
import { isInfinite } from './decode-interval.js';
import { unixSeconds, type Zone } from './zone.js';

/** Settings that decide how dates look. */
export type StyleSettings = Pick<FunctionSettings, 'dateStyle' | 'dateOrder'>;

/** What the ISO forms of XML and JSON need of the settings. */
const ISO_SETTINGS: StyleSettings = { dateStyle: 'ISO', dateOrder: 'MDY' };

const TWO = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0'));
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
export const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `.123` of microseconds without trailing zeros; empty for none. */
export function fractionText(micros: number): string {
  if (micros === 0) return '';
  let end = 6;
  const digits = String(micros).padStart(6, '0');
  while (digits.charCodeAt(end - 1) === 48) end--;
  return `.${digits.slice(0, end)}`;
}

/** `hh:mm:ss[.f]` of microseconds since midnight. */
export function formatClock(micros: number): string {
  const seconds = Math.floor(micros / USECS_PER_SEC);
  const hour = Math.floor(seconds / 3600);
  const minute = Math.floor(seconds / 60) % 60;
  return `${TWO[hour]}:${TWO[minute]}:${TWO[seconds % 60]}${fractionText(micros - seconds * USECS_PER_SEC)}`;
}

/** `+hh[:mm[:ss]]` of seconds west of Greenwich. */
export function formatZone(zone: number): string {
  const seconds = Math.abs(zone);
  const sign = zone <= 0 ? '+' : '-';
  const minutes = Math.floor(seconds / 60);
  let text = sign + TWO[Math.floor(minutes / 60)];
  if (seconds % 3600 !== 0) {
    text += `:${TWO[minutes % 60]}`;
    if (seconds % 60 !== 0) text += `:${TWO[seconds % 60]}`;
  }
  return text;
}

function yearText(year: number): string {
  return String(year > 0 ? year : 1 - year).padStart(4, '0');
}

function dateText(fields: Fields, settings: StyleSettings): string {
  const day = TWO[fields.day];
  const month = TWO[fields.month];
  const year = yearText(fields.year);
  const dayFirst = settings.dateOrder === 'DMY';
  switch (settings.dateStyle) {
    case 'ISO': return `${year}-${month}-${day}`;
    case 'German': return `${day}.${month}.${year}`;
    case 'SQL': return dayFirst ? `${day}/${month}/${year}` : `${month}/${day}/${year}`;
    case 'Postgres': return dayFirst ? `${day}-${month}-${year}` : `${month}-${day}-${year}`;
  }
}

let lastDay = NaN;
let lastDayText = '';

/** `yyyy-mm-dd` of a day of our era, days since 2000-01-01. */
function isoDate(days: number): string {
  if (days === lastDay) return lastDayText;
  const fields = new Fields();
  j2date(days + POSTGRES_EPOCH_JDATE, fields);
  const text = `${yearText(fields.year)}-${TWO[fields.month]}-${TWO[fields.day]}`;
  lastDay = days;
  return (lastDayText = text);
}

/** First day of the year 1. */
const FIRST_DAY = -730119;

/** date_out. */
export function formatDate(date: number, settings: StyleSettings): string {
  if (date === Infinity || date === -Infinity) return date > 0 ? 'infinity' : '-infinity';
  if (settings.dateStyle === 'ISO' && date >= FIRST_DAY) return isoDate(date);
  const fields = new Fields();
  j2date(date + POSTGRES_EPOCH_JDATE, fields);
  return dateText(fields, settings) + (fields.year <= 0 ? ' BC' : '');
}

/** A date and time in the session's style; `zone` is the text of the zone, empty for none. */
function formatStyled(timestamp: Int8, settings: StyleSettings, offset: string, name: string): string {
  const fields = toFields(timestamp);
  const clock = formatClock(timeOfDay(timestamp));
  const era = fields.year <= 0 ? ' BC' : '';
  if (settings.dateStyle === 'ISO') return `${dateText(fields, settings)} ${clock}${offset}${era}`;
  const zone = offset === '' ? '' : ` ${name}`;
  if (settings.dateStyle !== 'Postgres') return `${dateText(fields, settings)} ${clock}${zone}${era}`;
  const weekday = DAYS[j2day(dayOf(timestamp) + POSTGRES_EPOCH_JDATE)].slice(0, 3);
  const day = settings.dateOrder === 'DMY' ? `${TWO[fields.day]} ${MONTHS[fields.month - 1]}` : `${MONTHS[fields.month - 1]} ${TWO[fields.day]}`;
  return `${weekday} ${day} ${clock} ${yearText(fields.year)}${zone}${era}`;
}

/** timestamp_out. */
export function formatTimestamp(timestamp: Int8, settings: StyleSettings): string {
  if (timestamp === Infinity || timestamp === -Infinity) return timestamp > 0 ? 'infinity' : '-infinity';
  if (settings.dateStyle === 'ISO') {
    const days = dayOf(timestamp);
    if (days >= FIRST_DAY) return `${isoDate(days)} ${formatClock(timeOfDay(timestamp))}`;
  }
  return formatStyled(timestamp, settings, '', '');
}

/** timestamptz_out in a zone. */
export function formatTimestampTz(timestamp: Int8, settings: StyleSettings, zone: Zone): string {
  if (timestamp === Infinity || timestamp === -Infinity) return timestamp > 0 ? 'infinity' : '-infinity';
  const type = zone.at(unixSeconds(timestamp));
  const local = addMicros(timestamp, type.offset * USECS_PER_SEC);
  const offset = type.offset === 0 ? '+00' : formatZone(-type.offset);
  if (settings.dateStyle === 'ISO') {
    const days = dayOf(local);
    if (days >= FIRST_DAY) return `${isoDate(days)} ${formatClock(timeOfDay(local))}${offset}`;
  }
  return formatStyled(local, settings, offset, type.abbreviation.slice(0, 10));
}

/** timetz_out. */
export function formatTimeTz(value: TimeTz): string {
  return formatClock(value.micros) + formatZone(value.zone);
}

/** An interval's parts; all have the sign of their group. */
export interface IntervalParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micro: number;
}

/** Splits an interval (PostgreSQL's interval2itm). */
export function intervalParts(interval: Interval): IntervalParts {
  const year = Math.trunc(interval.months / 12) + 0;
  const micros = interval.micros;
  let hour: number;
  let rest: number;
  if (typeof micros === 'number') {
    hour = Math.trunc(micros / 3600000000);
    rest = micros - hour * 3600000000;
  } else {
    hour = Number(micros / 3600000000n);
    rest = Number(micros % 3600000000n);
  }
  const minute = Math.trunc(rest / 60000000);
  rest -= minute * 60000000;
  const second = Math.trunc(rest / 1000000);
  return {
    year, month: interval.months - year * 12 + 0, day: interval.days, hour: hour + 0, minute: minute + 0, second: second + 0,
    micro: rest - second * 1000000 + 0,
  };
}

const secondsText = (second: number, micro: number, pad: boolean): string =>
  (pad ? TWO[Math.abs(second)] : String(Math.abs(second))) + fractionText(Math.abs(micro));

function formatPostgres(parts: IntervalParts): string {
  let text = '';
  let before = false;
  for (const [value, unit] of [[parts.year, 'year'], [parts.month, 'mon'], [parts.day, 'day']] as const) {
    if (value === 0) continue;
    text += `${text === '' ? '' : ' '}${before && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`;
    before = value < 0;
  }
  const { hour, minute, second, micro } = parts;
  if (text === '' || hour !== 0 || minute !== 0 || second !== 0 || micro !== 0) {
    const minus = hour < 0 || minute < 0 || second < 0 || micro < 0;
    text += `${text === '' ? '' : ' '}${minus ? '-' : before ? '+' : ''}${String(Math.abs(hour)).padStart(2, '0')}:${TWO[Math.abs(minute)]}:${secondsText(second, micro, true)}`;
  }
  return text;
}

function formatVerbose(parts: IntervalParts): string {
  let text = '@';
  let zero = true;
  let before = false;
  const { second, micro } = parts;
  for (const [part, unit] of [[parts.year, 'year'], [parts.month, 'mon'], [parts.day, 'day'], [parts.hour, 'hour'], [parts.minute, 'min']] as const) {
    if (part === 0) continue;
    let value = part;
    if (zero) {
      before = value < 0;
      value = Math.abs(value);
    } else if (before) value = -value;
    text += ` ${value} ${unit}${value === 1 ? '' : 's'}`;
    zero = false;
  }
  if (second !== 0 || micro !== 0) {
    text += ' ';
    if (second < 0 || (second === 0 && micro < 0)) {
      if (zero) before = true;
      else if (!before) text += '-';
    } else if (before) text += '-';
    text += `${secondsText(second, micro, false)} sec${Math.abs(second) !== 1 || micro !== 0 ? 's' : ''}`;
    zero = false;
  }
  return `${text}${zero ? ' 0' : ''}${before ? ' ago' : ''}`;
}

function formatIso(parts: IntervalParts): string {
  const { year, month, day, hour, minute, second, micro } = parts;
  const part = (value: number, unit: string): string => (value === 0 ? '' : `${value}${unit}`);
  const date = part(year, 'Y') + part(month, 'M') + part(day, 'D');
  let time = part(hour, 'H') + part(minute, 'M');
  if (second !== 0 || micro !== 0) time += `${second < 0 || micro < 0 ? '-' : ''}${secondsText(second, micro, false)}S`;
  if (date === '' && time === '') return 'PT0S';
  return `P${date}${time === '' ? '' : `T${time}`}`;
}

function formatSqlStandard(parts: IntervalParts): string {
  const { year, month, day, hour, minute, second, micro } = parts;
  const all = [year, month, day, hour, minute, second, micro];
  const negative = all.some((value) => value < 0);
  const positive = all.some((value) => value > 0);
  const yearMonth = year !== 0 || month !== 0;
  const dayTime = all.slice(2).some((value) => value !== 0);
  if (!negative && !positive) return '0';
  const clock = `${Math.abs(hour)}:${TWO[Math.abs(minute)]}:${secondsText(second, micro, true)}`;
  if ((negative && positive) || (yearMonth && dayTime)) {
    const sign = (...values: number[]): string => (values.some((value) => value < 0) ? '-' : '+');
    return `${sign(year, month)}${Math.abs(year)}-${Math.abs(month)} ${sign(day)}${Math.abs(day)} ${sign(hour, minute, second, micro)}${clock}`;
  }
  const sign = negative ? '-' : '';
  if (yearMonth) return `${sign}${Math.abs(year)}-${Math.abs(month)}`;
  return day !== 0 ? `${sign}${Math.abs(day)} ${clock}` : `${sign}${clock}`;
}

/** interval_out. */
export function formatInterval(interval: Interval, style: FunctionSettings['intervalStyle']): string {
  if (isInfinite(interval)) return interval.months > 0 ? 'infinity' : '-infinity';
  const parts = intervalParts(interval);
  switch (style) {
    case 'postgres': return formatPostgres(parts);
    case 'postgres_verbose': return formatVerbose(parts);
    case 'iso_8601': return formatIso(parts);
    case 'sql_standard': return formatSqlStandard(parts);
  }
}

/** A date in ISO form whatever the style (XML's and JSON's). */
export function encodeDate(date: number): string {
  return formatDate(date, ISO_SETTINGS);
}

/** A timestamp as `yyyy-mm-ddThh:mm:ss[.f]`, with ` BC` where it is. */
export function encodeTimestamp(timestamp: Int8): string {
  return formatTimestamp(timestamp, ISO_SETTINGS).replace(' ', 'T');
}

/** A timestamptz as `yyyy-mm-ddThh:mm:ss[.f]+hh:mm` in a zone. */
export function encodeTimestampTz(timestamp: Int8, zone: Zone): string {
  if (timestamp === Infinity || timestamp === -Infinity) return encodeTimestamp(timestamp);
  const { offset } = zone.at(unixSeconds(timestamp));
  const [local, era] = encodeTimestamp(addMicros(timestamp, offset * USECS_PER_SEC)).split(' ');
  return `${local}${encodeZone(-offset)}${era === undefined ? '' : ` ${era}`}`;
}

/** `+hh:mm[:ss]` of seconds west of Greenwich: minutes are always there. */
export function encodeZone(zone: number): string {
  const text = formatZone(zone);
  return text.length === 3 ? `${text}:00` : text;
}
