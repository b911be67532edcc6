/**
 * date_part and extract: fields of dates, times, timestamps and intervals, as double precision or as numeric with
 * PostgreSQL's scales.
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Datum, type Int8, type Interval, type TimeTz } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { addNumeric, divideNumeric } from '../numeric/arithmetic.js';
import { numericToFloat8 } from '../numeric/casts.js';
import { pure, withContext } from '../registry.js';
import {
  date2j, EPOCH_DAYS, Fields, isoWeek, isoYear, j2date, j2day, POSTGRES_EPOCH_JDATE, setTime, timeMicros, toFields, USECS_PER_SEC,
} from './calendar.js';
import { isInfinite } from './decode-interval.js';
import { intervalParts } from './format.js';
import { dateWord, KIND, unitWord, type Unit } from './keywords.js';
import { sessionZone, toZonedFields } from './session.js';

/** 22023 for words that are no unit. */
export function unknownUnit(name: string, type: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `unit "${name}" not recognized for type ${type}`);
}

/** 0A000 for units that the type does not have. */
export function unsupportedUnit(name: string, type: string, detail?: string): Error {
  return pgError('FEATURE_NOT_SUPPORTED', `unit "${name}" not supported for type ${type}`, { detail });
}

/** The unit a word names, `epoch` among them; other reserved words as `reserved`; undefined when it is neither. */
function findUnit(name: string): Unit | 'reserved' | undefined {
  const word = unitWord(name) ?? dateWord(name);
  if (word?.kind === KIND.UNITS) return word.unit;
  if (word?.kind === KIND.RESERV) return word.reserved === 'epoch' ? 'epoch' : 'reserved';
  return undefined;
}

const whole = (value: number): Numeric => Numeric.fromInteger(value);
const scaled = (value: Int8, scale: number): Numeric => new Numeric(BigInt(value), scale);

/** What a unit gives: an exact value, or one that only the double has. */
interface Part { readonly exact: Numeric; readonly double?: number }

const part = (value: number): Part => ({ exact: whole(value), double: value });

/** Units of the calendar; undefined for others. */
function calendarPart(fields: Fields, unit: Unit): Part | undefined {
  const { year, month, day } = fields;
  const jd = (): number => date2j(year, month, day);
  const div = (value: number, by: number): number => Math.trunc(value / by) + 0;
  switch (unit) {
    case 'day': return part(day);
    case 'month': return part(month);
    case 'quarter': return part(div(month - 1, 3) + 1);
    case 'week': return part(isoWeek(year, month, day));
    case 'year': return part(year > 0 ? year : year - 1);
    case 'decade': return part(year >= 0 ? div(year, 10) : 0 - div(8 - (year - 1), 10));
    case 'century': return part(year > 0 ? div(year + 99, 100) : 0 - div(99 - (year - 1), 100));
    case 'millennium': return part(year > 0 ? div(year + 999, 1000) : 0 - div(999 - (year - 1), 1000));
    case 'isoyear': {
      const iso = isoYear(year, month, day);
      return part(iso <= 0 ? iso - 1 : iso);
    }
    case 'dow': return part(j2day(jd()));
    case 'isodow': return part(j2day(jd()) || 7);
    case 'doy': return part(jd() - date2j(year, 1, 1) + 1);
    default: return undefined;
  }
}

/** Units of the clock; undefined for others. */
function clockPart(hour: number, minute: number, second: number, micro: number, unit: Unit): Part | undefined {
  const micros = second * USECS_PER_SEC + micro;
  switch (unit) {
    case 'microseconds': return part(micros);
    case 'milliseconds': return { exact: scaled(micros, 3), double: second * 1000 + micro / 1000 };
    case 'second': return { exact: scaled(micros, 6), double: second + micro / 1000000 };
    case 'minute': return part(minute);
    case 'hour': return part(hour);
    default: return undefined;
  }
}

/** Units of a zone, from seconds west; undefined for others. */
function zonePart(zone: number, unit: Unit): Part | undefined {
  switch (unit) {
    case 'timezone': return part(0 - zone);
    case 'timezone_minute': return part((Math.trunc(-zone / 60) % 60) + 0);
    case 'timezone_hour': return part(Math.trunc(-zone / 3600) + 0);
    default: return undefined;
  }
}

function julianPart(fields: Fields): Part {
  const day = date2j(fields.year, fields.month, fields.day);
  const micros = timeMicros(fields);
  return {
    exact: addNumeric(whole(day), divideNumeric(whole(micros), whole(86400000000))),
    double: day + (Math.floor(micros / USECS_PER_SEC) + fields.micro / 1000000) / 86400,
  };
}

const MONOTONIC = new Set<Unit>(['year', 'decade', 'century', 'millennium', 'julian', 'isoyear', 'epoch']);
const OSCILLATING = new Set<Unit>(['day', 'month', 'quarter', 'week', 'dow', 'isodow', 'doy']);
const OSCILLATING_CLOCK = new Set<Unit>([
  ...OSCILLATING, 'microseconds', 'milliseconds', 'second', 'minute', 'hour', 'timezone', 'timezone_minute', 'timezone_hour',
]);

function infinitePart(positive: boolean): Part {
  return { exact: positive ? Numeric.Infinity : Numeric.NegativeInfinity };
}

const EPOCH_MICROS = -EPOCH_DAYS * 86400000000;

/** Fields of a timestamp; `toBroken` breaks it down. */
function timestampPart(name: string, timestamp: Int8, type: string, zoned: boolean, toBroken: () => Fields): Part | null {
  const unit = findUnit(name);
  if (unit === undefined) throw unknownUnit(name, type);
  if (unit === 'reserved') throw unsupportedUnit(name, type);
  if (timestamp === Infinity || timestamp === -Infinity) {
    if (MONOTONIC.has(unit)) return infinitePart(timestamp > 0);
    if (!OSCILLATING_CLOCK.has(unit)) throw unsupportedUnit(name, type);
    return null;
  }
  if (unit === 'epoch') {
    const exact = scaled(normalizeInt8(BigInt(timestamp) - BigInt(EPOCH_MICROS)), 6);
    return { exact, double: (Number(timestamp) - EPOCH_MICROS) / 1000000 };
  }
  const fields = toBroken();
  if (unit === 'julian') return julianPart(fields);
  const found = calendarPart(fields, unit) ?? clockPart(fields.hour, fields.minute, fields.second, fields.micro, unit)
    ?? (zoned ? zonePart(fields.zone, unit) : undefined);
  if (!found) throw unsupportedUnit(name, type);
  return found;
}

/** Fields of a date (extract only: date_part goes through timestamp). */
function datePart(name: string, date: number): Part | null {
  const unit = findUnit(name);
  if (unit === undefined) throw unknownUnit(name, 'date');
  if (unit === 'reserved') throw unsupportedUnit(name, 'date');
  if (!Number.isFinite(date)) {
    if (OSCILLATING.has(unit)) return null;
    if (MONOTONIC.has(unit)) return infinitePart(date > 0);
    throw unsupportedUnit(name, 'date');
  }
  if (unit === 'epoch') return part((date + EPOCH_DAYS) * 86400);
  if (unit === 'julian') return part(date + POSTGRES_EPOCH_JDATE);
  const fields = new Fields();
  j2date(date + POSTGRES_EPOCH_JDATE, fields);
  const found = calendarPart(fields, unit);
  if (!found) throw unsupportedUnit(name, 'date');
  return found;
}

function timePart(name: string, micros: number, type: string, zone: number | undefined): Part {
  const unit = findUnit(name);
  if (unit === undefined || unit === 'reserved') throw unknownUnit(name, type);
  if (unit === 'epoch') {
    return { exact: scaled(micros + (zone ?? 0) * USECS_PER_SEC, 6), double: micros / 1000000 + (zone ?? 0) };
  }
  const fields = new Fields();
  setTime(fields, micros);
  const found = clockPart(fields.hour, fields.minute, fields.second, fields.micro, unit) ?? (zone === undefined ? undefined : zonePart(zone, unit));
  if (!found) throw unsupportedUnit(name, type);
  return found;
}

const INTERVAL_OSCILLATING = new Set<Unit>(['microseconds', 'milliseconds', 'second', 'minute', 'week', 'month', 'quarter']);
const INTERVAL_MONOTONIC = new Set<Unit>(['hour', 'day', 'year', 'decade', 'century', 'millennium', 'epoch']);

function intervalEpoch(span: Interval): Part {
  const years = Math.trunc(span.months / 12);
  const months = span.months % 12;
  const seconds = (1461 * years + 120 * months + 4 * span.days) * 21600;
  const double = Number(span.micros) / 1000000 + 365.25 * 86400 * years + 30 * 86400 * months + 86400 * span.days;
  return { exact: new Numeric(BigInt(seconds) * 1000000n + BigInt(span.micros), 6), double };
}

function intervalPart(name: string, span: Interval): Part | null {
  const unit = findUnit(name);
  if (unit === undefined || (unit === 'reserved' && !isInfinite(span))) throw unknownUnit(name, 'interval');
  if (unit === 'reserved') throw unsupportedUnit(name, 'interval');
  if (isInfinite(span)) {
    if (INTERVAL_OSCILLATING.has(unit)) return null;
    if (INTERVAL_MONOTONIC.has(unit)) return infinitePart(span.months > 0);
    throw unsupportedUnit(name, 'interval');
  }
  if (unit === 'epoch') return intervalEpoch(span);
  const parts = intervalParts(span);
  const clock = clockPart(parts.hour, parts.minute, parts.second, parts.micro, unit);
  if (clock) return clock;
  switch (unit) {
    case 'day': return part(parts.day);
    case 'week': return part(Math.trunc(parts.day / 7) + 0);
    case 'month': return part(parts.month);
    case 'quarter': return part(span.months >= 0 ? Math.trunc(parts.month / 3) + 1 : -(Math.trunc((-span.months % 12) / 3) + 1));
    case 'year': return part(parts.year);
    case 'decade': return part(Math.trunc(parts.year / 10) + 0);
    case 'century': return part(Math.trunc(parts.year / 100) + 0);
    case 'millennium': return part(Math.trunc(parts.year / 1000) + 0);
    default: throw unsupportedUnit(name, 'interval');
  }
}

const asNumeric = (value: Part | null): Datum => (value === null ? null : value.exact);
const asDouble = (value: Part | null): Datum => (value === null ? null : value.double ?? numericToFloat8(value.exact));

for (const [suffix, finish] of [['part', asDouble], ['extract', asNumeric]] as const) {
  const name = (type: string): string => (suffix === 'part' ? `${type}_part` : `extract_${type}`);
  pure(name('timestamp'), (unit: string, value: Int8) =>
    finish(timestampPart(unit.toLowerCase(), value, 'timestamp without time zone', false, () => toFields(value))));
  withContext(name('timestamptz'), (cx, unit: string, value: Int8) => finish(timestampPart(unit.toLowerCase(), value,
    'timestamp with time zone', true, () => toZonedFields(value, sessionZone(cx.services)))));
  pure(name('time'), (unit: string, value: number) => finish(timePart(unit.toLowerCase(), value, 'time without time zone', undefined)));
  pure(name('timetz'), (unit: string, value: TimeTz) => finish(timePart(unit.toLowerCase(), value.micros, 'time with time zone', value.zone)));
  pure(name('interval'), (unit: string, value: Interval) => finish(intervalPart(unit.toLowerCase(), value)));
}
pure('extract_date', (unit: string, value: number) => asNumeric(datePart(unit.toLowerCase(), value)));
