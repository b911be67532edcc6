/**
 * to_char for timestamps and intervals (PostgreSQL's formatting.c).
 */
import { pgError } from '../../base/error.js';
import type { Int8, Interval } from '../../types/datum.js';
import { pure, withContext } from '../registry.js';
import { date2j, isoWeek, isoWeekToJulian, isoYear, toFields, type Fields } from './calendar.js';
import { isInfinite } from './decode-interval.js';
import { DAYS, intervalParts, MONTHS } from './format.js';
import { sessionZone, toZonedFields } from './session.js';
import { FULL_MONTHS, parseTemplate, ROMAN_MONTHS, type TemplateNode } from './template.js';

type PatternNode = Extract<TemplateNode, { kind: 'pattern' }>;

/** What is formatted: a broken-down time, or an interval's parts. */
interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micro: number;
  readonly dayOfYear: number;
  readonly weekday: number;
  /** Seconds east of Greenwich, and the zone's abbreviation ('' without zone). */
  readonly offset: number;
  readonly abbreviation: string;
  readonly isInterval: boolean;
}

/** A number with leading zeros up to a width that includes the sign. */
function padded(value: number, width: number): string {
  return value < 0 ? `-${String(-value).padStart(width - 1, '0')}` : String(value).padStart(width, '0');
}

const ORDINALS = ['th', 'st', 'nd', 'rd'];
function withOrdinal(number: string, ordinal: PatternNode['ordinal']): string {
  if (ordinal === '') return number;
  const teen = number.length > 1 && number[number.length - 2] === '1';
  const suffix = teen ? 'th' : ORDINALS[Number(number[number.length - 1])] ?? 'th';
  return number + (ordinal === 'TH' ? suffix.toUpperCase() : suffix);
}

/** Text in the case of the pattern's name: MONTH, Month, month. */
function inCaseOf(pattern: string, text: string): string {
  if (pattern === pattern.toUpperCase()) return text.toUpperCase();
  return pattern === pattern.toLowerCase() ? text.toLowerCase() : text;
}

/** Patterns that make no sense for intervals. */
const DATE_ONLY = new Set(['TZ', 'TZH', 'TZM', 'OF', 'A.D.', 'B.C.', 'AD', 'BC', 'MONTH', 'MON', 'DAY', 'DY', 'D', 'ID']);

const shownYear = (parts: Parts, year: number): number => (parts.isInterval || year > 0 ? year : 1 - year);

/** The number of a numeric pattern and the width it is padded to; undefined for textual patterns. */
function numberOf(parts: Parts, id: string): { readonly value: number; readonly width: number } | undefined {
  const signed = (value: number, width: number): { value: number; width: number } => ({ value, width: value >= 0 ? width : width + 1 });
  const iso = (): number => isoYear(parts.year, parts.month, parts.day);
  const year = shownYear(parts, parts.year);
  const yearWidth = (width: number): number => (year >= 0 ? width : width + 1);
  const scaled = (divisor: number, width: number): { value: number; width: number } => ({ value: Math.trunc(parts.micro / divisor) + 0, width });
  switch (id) {
    case 'HH': case 'HH12': return { value: parts.hour % 12 === 0 ? 12 : parts.hour % 12, width: parts.hour >= 0 ? 2 : 3 };
    case 'HH24': return signed(parts.hour, 2);
    case 'MI': return signed(parts.minute, 2);
    case 'SS': return signed(parts.second, 2);
    case 'FF1': return scaled(100000, 1);
    case 'FF2': return scaled(10000, 2);
    case 'FF3': case 'MS': return scaled(1000, 3);
    case 'FF4': return scaled(100, 4);
    case 'FF5': return scaled(10, 5);
    case 'FF6': case 'US': return scaled(1, 6);
    case 'SSSS': return { value: parts.hour * 3600 + parts.minute * 60 + parts.second, width: 0 };
    case 'MM': return signed(parts.month, 2);
    case 'DDD': return { value: parts.dayOfYear, width: 3 };
    case 'IDDD': return { value: date2j(parts.year, parts.month, parts.day) - isoWeekToJulian(iso(), 1) + 1, width: 3 };
    case 'DD': return { value: parts.day, width: 2 };
    case 'D': return { value: parts.weekday + 1, width: 0 };
    case 'ID': return { value: parts.weekday || 7, width: 0 };
    case 'WW': return { value: Math.trunc((parts.dayOfYear - 1) / 7) + 1, width: 2 };
    case 'IW': return { value: isoWeek(parts.year, parts.month, parts.day), width: 2 };
    case 'W': return { value: Math.trunc((parts.day - 1) / 7) + 1, width: 0 };
    case 'J': return { value: date2j(parts.year, parts.month, parts.day), width: 0 };
    case 'CC': return century(parts);
    case 'YYYY': return { value: year, width: yearWidth(4) };
    case 'IYYY': return { value: shownYear(parts, iso()), width: yearWidth(4) };
    case 'YYY': return { value: (year % 1000) + 0, width: yearWidth(3) };
    case 'IYY': return { value: (shownYear(parts, iso()) % 1000) + 0, width: yearWidth(3) };
    case 'YY': return { value: (year % 100) + 0, width: yearWidth(2) };
    case 'IY': return { value: (shownYear(parts, iso()) % 100) + 0, width: yearWidth(2) };
    case 'Y': return { value: (year % 10) + 0, width: 0 };
    case 'I': return { value: (shownYear(parts, iso()) % 10) + 0, width: 0 };
    default: return undefined;
  }
}

function century({ year, isInterval }: Parts): { readonly value: number; readonly width: number } {
  const value = (isInterval ? Math.trunc(year / 100) : year > 0 ? Math.trunc((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1) + 0;
  return { value, width: Math.abs(value) > 99 ? 0 : value >= 0 ? 2 : 3 };
}

function romanMonth({ month, year }: Parts): string {
  if (month === 0) return ROMAN_MONTHS[year >= 0 ? 0 : 11];
  return ROMAN_MONTHS[month < 0 ? -(month + 1) : 12 - month];
}

/** Patterns whose digits are never cut by FM. */
const FIXED = new Set(['FF1', 'FF2', 'FF3', 'FF4', 'FF5', 'FF6', 'MS', 'US']);

function textOf(parts: Parts, node: PatternNode): string {
  const { pattern: { id }, fill, localized } = node;
  const upper = id.toUpperCase();
  const padTo = (text: string, width: number): string => (fill || localized ? text : text.padEnd(width));
  switch (upper) {
    case 'A.M.': case 'P.M.': case 'AM': case 'PM': {
      const afternoon = ((parts.hour % 24)) >= 12;
      return inCaseOf(id, upper.includes('.') ? (afternoon ? 'P.M.' : 'A.M.') : afternoon ? 'PM' : 'AM');
    }
    case 'A.D.': case 'B.C.': return inCaseOf(id, parts.year <= 0 ? 'B.C.' : 'A.D.');
    case 'AD': case 'BC': return inCaseOf(id, parts.year <= 0 ? 'BC' : 'AD');
    case 'TZ': return inCaseOf(id, parts.abbreviation);
    case 'TZH': return (parts.offset >= 0 ? '+' : '-') + padded(Math.trunc(Math.abs(parts.offset) / 3600), 2);
    case 'TZM': return padded(Math.trunc((Math.abs(parts.offset) % 3600) / 60), 2);
    case 'OF': {
      const hours = Math.trunc(Math.abs(parts.offset) / 3600);
      const minutes = Math.trunc((Math.abs(parts.offset) % 3600) / 60);
      const rest = Math.abs(parts.offset) % 3600 === 0 ? '' : `:${padded(minutes, 2)}`;
      return `${parts.offset >= 0 ? '+' : '-'}${padded(hours, fill ? 0 : 2)}${rest}`;
    }
    case 'MONTH': return padTo(inCaseOf(id, FULL_MONTHS[parts.month - 1]), 9);
    case 'MON': return inCaseOf(id, MONTHS[parts.month - 1]);
    case 'DAY': return padTo(inCaseOf(id, DAYS[parts.weekday]), 9);
    case 'DY': return inCaseOf(id, DAYS[parts.weekday].slice(0, 3));
    case 'Q': return parts.month === 0 ? '' : withOrdinal(String(Math.trunc((parts.month - 1) / 3) + 1), node.ordinal);
    case 'Y,YYY': {
      const year = shownYear(parts, parts.year);
      const thousands = Math.trunc(year / 1000) + 0;
      return withOrdinal(`${thousands},${padded(year - thousands * 1000, 3)}`, node.ordinal);
    }
    case 'RM': return parts.month === 0 && parts.year === 0 ? '' : fill ? inCaseOf(id, romanMonth(parts)) : inCaseOf(id, romanMonth(parts)).padEnd(4);
    default: return '';
  }
}

function formatNode(parts: Parts, node: TemplateNode): string {
  if (node.kind !== 'pattern') return node.text;
  const { id } = node.pattern;
  if (parts.isInterval && DATE_ONLY.has(id.toUpperCase())) {
    throw pgError('INVALID_DATETIME_FORMAT', 'invalid format specification for an interval value',
      { hint: 'Intervals are not tied to specific calendar dates.' });
  }
  const number = numberOf(parts, id);
  if (number) return withOrdinal(padded(number.value, node.fill && !FIXED.has(id) ? 0 : number.width), node.ordinal);
  return textOf(parts, node);
}

function formatParts(parts: Parts, format: string): string {
  let text = '';
  for (const node of parseTemplate(format)) text += formatNode(parts, node);
  return text;
}

function partsOf(fields: Fields): Parts {
  const jd = date2j(fields.year, fields.month, fields.day);
  return {
    year: fields.year, month: fields.month, day: fields.day, hour: fields.hour, minute: fields.minute, second: fields.second,
    micro: fields.micro, dayOfYear: jd - date2j(fields.year, 1, 1) + 1, weekday: (jd + 1) % 7, offset: -fields.zone + 0,
    abbreviation: fields.abbreviation, isInterval: false,
  };
}

const isInfiniteTime = (value: Int8): boolean => value === Infinity || value === -Infinity;
pure('timestamp_to_char', (timestamp: Int8, format: string) =>
  format === '' || isInfiniteTime(timestamp) ? null : formatParts(partsOf(toFields(timestamp)), format));
withContext('timestamptz_to_char', (cx, timestamp: Int8, format: string) =>
  format === '' || isInfiniteTime(timestamp) ? null : formatParts(partsOf(toZonedFields(timestamp, sessionZone(cx.services))), format));
pure('interval_to_char', (span: Interval, format: string) => {
  if (format === '' || isInfinite(span)) return null;
  const parts = intervalParts(span);
  const dayOfYear = (parts.year * 12 + parts.month) * 30 + parts.day;
  return formatParts({ ...parts, dayOfYear, weekday: 0, offset: 0, abbreviation: '', isInterval: true }, format);
});
