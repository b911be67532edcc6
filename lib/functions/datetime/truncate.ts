/**
 * date_trunc, date_bin, age, OVERLAPS, series of timestamps, RANGE frames, and aggregates over intervals.
 */
import { pgError } from '../../base/error.js';
import { DatumObject, Interval, normalizeInt8, TimeTz, type Datum, type Int8 } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, setReturning, withContext } from '../registry.js';
import {
  addMicros, daysInMonth, type Fields, fromFields, intervalOutOfRange, isoWeek, isoWeekToJulian, isValidTimestamp, j2date,
  timestampOutOfRange, toFields,
} from './calendar.js';
import { dateToTimestamp, isInfiniteTime } from './date.js';
import { INTERVAL_INFINITY, INTERVAL_NEGATIVE_INFINITY, isInfinite } from './decode-interval.js';
import { unknownUnit, unsupportedUnit } from './extract.js';
import { intervalParts } from './format.js';
import {
  addIntervals, addToTimestamp, addToTimestampTz, compareIntervals, divideInterval, intervalSpan, makeInterval, negateInterval,
} from './interval-math.js';
import { KIND, unitWord, type Unit } from './keywords.js';
import { sessionZone, toZonedFields, zoneByName } from './session.js';
import { compareTimeTz } from './time.js';
import { zoneOffsetAtLocal, type Zone } from './zone.js';

/** Units from the finest; truncating to one clears all before it. */
const LADDER: readonly Unit[] = [
  'microseconds', 'milliseconds', 'second', 'minute', 'hour', 'day', 'month', 'quarter', 'year', 'decade', 'century', 'millennium',
];
const rung = (unit: Unit): number => LADDER.indexOf(unit);

function unitOf(name: string, type: string): Unit {
  const word = unitWord(name);
  if (word?.kind !== KIND.UNITS) throw unknownUnit(name, type);
  return word.unit!;
}

function truncateYear(year: number, unit: Unit): number {
  const down = (value: number, by: number): number => Math.trunc(value / by) * by;
  switch (unit) {
    case 'millennium': return year > 0 ? down(year + 999, 1000) - 999 : 0 - down(999 - (year - 1), 1000) + 1;
    case 'century': return year > 0 ? down(year + 99, 100) - 99 : 0 - down(99 - (year - 1), 100) + 1;
    case 'decade': return year > 0 ? down(year, 10) : 0 - down(8 - (year - 1), 10);
    default: return year;
  }
}

/** Clears the fields below a unit; true when it was one that timestamps have. */
function truncateFields(fields: Fields, unit: Unit): boolean {
  if (unit === 'week') {
    const week = isoWeek(fields.year, fields.month, fields.day);
    const year = week >= 52 && fields.month === 1 ? fields.year - 1 : week <= 1 && fields.month === 12 ? fields.year + 1 : fields.year;
    j2date(isoWeekToJulian(year, week), fields);
    fields.hour = fields.minute = fields.second = fields.micro = 0;
    return true;
  }
  const level = rung(unit);
  if (level < 0) return false;
  if (level >= rung('decade')) fields.year = truncateYear(unit === 'millennium' ? truncateYear(fields.year, 'millennium') : fields.year,
    unit === 'decade' ? 'decade' : 'century');
  if (level >= rung('year')) fields.month = 1;
  if (level >= rung('quarter')) fields.month = 3 * Math.trunc((fields.month - 1) / 3) + 1;
  if (level >= rung('month')) fields.day = 1;
  if (level >= rung('day')) fields.hour = 0;
  if (level >= rung('hour')) fields.minute = 0;
  if (level >= rung('minute')) fields.second = 0;
  if (level >= rung('second')) fields.micro = 0;
  else if (unit === 'milliseconds') fields.micro -= fields.micro % 1000;
  return true;
}

function checkedTimestamp(value: Int8 | undefined): Int8 {
  if (value === undefined) throw timestampOutOfRange();
  return value;
}

pure('timestamp_trunc', (text: string, timestamp: Int8) => {
  const type = 'timestamp without time zone';
  const name = text.toLowerCase();
  const unit = unitOf(name, type);
  if (unit !== 'week' && rung(unit) < 0) throw unsupportedUnit(name, type);
  if (isInfiniteTime(timestamp)) return timestamp;
  const fields = toFields(timestamp);
  truncateFields(fields, unit);
  return checkedTimestamp(fromFields(fields));
});

/** date_trunc in a zone; the offset is found anew from the day upwards; 0A000, 22008, 22023. */
function truncateTz(text: string, timestamp: Int8, zone: Zone): Int8 {
  const type = 'timestamp with time zone';
  const name = text.toLowerCase();
  const unit = unitOf(name, type);
  if (unit !== 'week' && rung(unit) < 0) throw unsupportedUnit(name, type);
  if (isInfiniteTime(timestamp)) return timestamp;
  const fields = toZonedFields(timestamp, zone);
  const offset = fields.zone;
  truncateFields(fields, unit);
  return checkedTimestamp(fromFields(fields, unit === 'week' || rung(unit) >= rung('day') ? zoneOffsetAtLocal(fields, zone) : offset));
}
withContext('timestamptz_trunc', (cx, unit: string, timestamp: Int8) => truncateTz(unit, timestamp, sessionZone(cx.services)));
withContext('timestamptz_trunc_zone', (cx, unit: string, timestamp: Int8, zone: string) => truncateTz(unit, timestamp, zoneByName(cx.services, zone)));

pure('interval_trunc', (text: string, span: Interval) => {
  const name = text.toLowerCase();
  const unit = unitOf(name, 'interval');
  const level = rung(unit);
  if (level < 0) throw unsupportedUnit(name, 'interval', unit === 'week' ? 'Months usually have fractional weeks.' : undefined);
  if (isInfinite(span)) return span;
  const parts = intervalParts(span);
  const down = (value: number, by: number): number => value - (value % by);
  const year = unit === 'millennium' ? down(parts.year, 1000) : unit === 'century' ? down(parts.year, 100) : unit === 'decade' ? down(parts.year, 10) : parts.year;
  const month = level >= rung('year') ? 0 : level >= rung('quarter') ? down(parts.month, 3) : parts.month;
  const day = level >= rung('month') ? 0 : parts.day;
  if (level >= rung('day')) return makeInterval(year * 12 + month, day, 0);
  const seconds = level >= rung('minute') ? 0 : parts.second;
  const micro = level >= rung('second') ? 0 : unit === 'milliseconds' ? down(parts.micro, 1000) : parts.micro;
  const minutes = parts.hour * 60 + (level >= rung('hour') ? 0 : parts.minute);
  return makeInterval(year * 12 + month, day, normalizeInt8(BigInt(minutes) * 60000000n + BigInt(seconds * 1000000 + micro)));
});

/** date_bin for both kinds of timestamp; 0A000, 22008. */
function bin(stride: Interval, timestamp: Int8, origin: Int8): Int8 {
  const complain = (message: string): Error => pgError('DATETIME_VALUE_OUT_OF_RANGE', message);
  if (isInfiniteTime(timestamp)) return timestamp;
  if (isInfiniteTime(origin)) throw complain('origin out of range');
  if (isInfinite(stride)) throw complain('timestamps cannot be binned into infinite intervals');
  if (stride.months !== 0) throw pgError('FEATURE_NOT_SUPPORTED', 'timestamps cannot be binned into intervals containing months or years');
  const width = intervalSpan(stride);
  if (width !== BigInt.asIntN(64, width)) throw intervalOutOfRange();
  if (width <= 0n) throw complain('stride must be greater than zero');
  const difference = BigInt(timestamp) - BigInt(origin);
  if (difference !== BigInt.asIntN(64, difference)) throw intervalOutOfRange();
  const rest = difference % width;
  const result = normalizeInt8(BigInt(timestamp) - (rest < 0n ? rest + width : rest));
  if (!isValidTimestamp(result)) throw timestampOutOfRange();
  return result;
}
pure('timestamp_bin', bin);
pure('timestamptz_bin', bin);

/** The difference in years, months, days and time, as people count; 22008. */
function age(later: Int8, earlier: Int8, toBroken: (timestamp: Int8) => Fields): Interval {
  if (isInfiniteTime(later) || isInfiniteTime(earlier)) {
    if (later === earlier) throw intervalOutOfRange();
    return later === Infinity || earlier === -Infinity ? INTERVAL_INFINITY : INTERVAL_NEGATIVE_INFINITY;
  }
  const a = toBroken(later);
  const b = toBroken(earlier);
  const sign = later < earlier ? -1 : 1;
  let micro = sign * (a.micro - b.micro);
  let second = sign * (a.second - b.second);
  let minute = sign * (a.minute - b.minute);
  let hour = sign * (a.hour - b.hour);
  let day = sign * (a.day - b.day);
  let month = sign * (a.month - b.month);
  let year = sign * (a.year - b.year);
  if (micro < 0) { micro += 1000000; second--; }
  if (second < 0) { second += 60; minute--; }
  if (minute < 0) { minute += 60; hour--; }
  if (hour < 0) { hour += 24; day--; }
  const reference = sign < 0 ? a : b;
  while (day < 0) { day += daysInMonth(reference.year, reference.month); month--; }
  while (month < 0) { month += 12; year--; }
  const micros = ((hour * 60 + minute) * 60 + second) * 1000000 + micro;
  return makeInterval(sign * (year * 12 + month), sign * day, sign * micros);
}
pure('timestamp_age', (a: Int8, b: Int8) => age(a, b, toFields));
withContext('timestamptz_age', (cx, a: Int8, b: Int8) => {
  const zone = sessionZone(cx.services);
  return age(a, b, (timestamp) => toZonedFields(timestamp, zone));
});

/** OVERLAPS by a comparison; null ends and starts as the standard has them. */
function overlaps<T>(compare: (a: T, b: T) => number) {
  return (start1: T | null, end1: T | null, start2: T | null, end2: T | null): boolean | null => {
    let [s1, e1] = start1 === null ? [end1, null] : [start1, end1];
    let [s2, e2] = start2 === null ? [end2, null] : [start2, end2];
    if (s1 === null || s2 === null) return null;
    if (e1 !== null && compare(s1, e1) > 0) [s1, e1] = [e1, s1];
    if (e2 !== null && compare(s2, e2) > 0) [s2, e2] = [e2, s2];
    const order = compare(s1, s2);
    if (order === 0) return e1 === null || e2 === null ? null : true;
    const [late, inner, outer] = order > 0 ? [s1, e1, e2] : [s2, e2, e1];
    if (outer === null) return null;
    if (compare(late, outer) < 0) return true;
    return inner === null ? null : false;
  };
}
const compareValues = (a: Int8, b: Int8): number => (a < b ? -1 : a > b ? 1 : 0);
pure('overlaps_timestamp', overlaps<Int8>(compareValues));
pure('overlaps_time', overlaps<number>(compareValues));
pure('overlaps_timetz', overlaps<TimeTz>(compareTimeTz));

/** Timestamps from start to finish by a step; 22023. */
function* series(cx: CallContext, start: Int8, finish: Int8, step: Interval, add: (timestamp: Int8) => Int8): Iterable<Datum> {
  const sign = intervalSpan(step);
  if (sign === 0n) throw pgError('INVALID_PARAMETER_VALUE', 'step size cannot equal zero');
  if (isInfinite(step)) throw pgError('INVALID_PARAMETER_VALUE', 'step size cannot be infinite');
  for (let current = start, count = 1; sign > 0n ? current <= finish : current >= finish; current = add(current), count++) {
    yield current;
    if (count % 1024 === 0) cx.services.checkInterrupts();
  }
}
setReturning('generate_series_timestamp', (cx, start: Int8, finish: Int8, step: Interval) =>
  series(cx, start, finish, step, (timestamp) => addToTimestamp(timestamp, step)));
setReturning('generate_series_timestamptz', (cx, start: Int8, finish: Int8, step: Interval) => {
  const zone = sessionZone(cx.services);
  return series(cx, start, finish, step, (timestamp) => addToTimestampTz(timestamp, step, zone));
});
setReturning('generate_series_timestamptz_at_zone', (cx, start: Int8, finish: Int8, step: Interval, name: string) => {
  const zone = zoneByName(cx.services, name);
  return series(cx, start, finish, step, (timestamp) => addToTimestampTz(timestamp, step, zone));
});

function negativeOffset(): Error {
  return pgError('INVALID_PRECEDING_OR_FOLLOWING_SIZE', 'invalid preceding or following size in window function');
}
const within = (order: number, less: boolean): boolean => (less ? order <= 0 : order >= 0);

/** in_range over timestamps: is `value` on the given side of `base` moved by `offset`? */
function inRange(value: Int8, base: Int8, offset: Interval, subtract: boolean, less: boolean, add: (base: Int8, span: Interval) => Int8): boolean {
  if (intervalSpan(offset) < 0n) throw negativeOffset();
  if (isInfinite(offset) && (subtract ? base === Infinity : base === -Infinity)) return true;
  const bound = add(base, subtract ? negateInterval(offset) : offset);
  return less ? value <= bound : value >= bound;
}
pure('in_range_timestamp_interval', (value: Int8, base: Int8, offset: Interval, subtract: boolean, less: boolean) =>
  inRange(value, base, offset, subtract, less, addToTimestamp));
pure('in_range_date_interval', (value: number, base: number, offset: Interval, subtract: boolean, less: boolean) =>
  inRange(dateToTimestamp(value), dateToTimestamp(base), offset, subtract, less, addToTimestamp));
withContext('in_range_timestamptz_interval', (cx, value: Int8, base: Int8, offset: Interval, subtract: boolean, less: boolean) =>
  inRange(value, base, offset, subtract, less, (from, span) => addToTimestampTz(from, span, sessionZone(cx.services))));
pure('in_range_interval_interval', (value: Interval, base: Interval, offset: Interval, subtract: boolean, less: boolean) => {
  if (intervalSpan(offset) < 0n) throw negativeOffset();
  if (isInfinite(offset) && isInfinite(base) && (subtract ? base.months > 0 : base.months < 0)) return true;
  return within(compareIntervals(value, addIntervals(base, subtract ? negateInterval(offset) : offset)), less);
});
pure('in_range_time_interval', (value: number, base: number, offset: Interval, subtract: boolean, less: boolean) => {
  if (offset.micros < 0) throw negativeOffset();
  const bound = addMicros(base, subtract ? normalizeInt8(-BigInt(offset.micros)) : offset.micros);
  return less ? value <= bound : value >= bound;
});
pure('in_range_timetz_interval', (value: TimeTz, base: TimeTz, offset: Interval, subtract: boolean, less: boolean) => {
  if (offset.micros < 0) throw negativeOffset();
  const shift = Number(offset.micros);
  return within(compareTimeTz(value, new TimeTz(base.micros + (subtract ? -shift : shift), base.zone)), less);
});

/** Sum and count of finite intervals, and how many infinite ones there were. */
export class IntervalSums extends DatumObject {
  readonly kind = 'intervalSums';
  count = 0;
  sum = new Interval(0, 0, 0);
  positive = 0;
  negative = 0;
}

function accumulate(state: IntervalSums, value: Interval, direction: 1 | -1): void {
  if (isInfinite(value)) {
    if (value.months > 0) state.positive += direction;
    else state.negative += direction;
    return;
  }
  state.count += direction;
  state.sum = direction > 0 ? addIntervals(state.sum, value)
    : state.count === 0 ? new Interval(0, 0, 0) : addIntervals(state.sum, negateInterval(value));
}
pure('interval_avg_accum', (state: IntervalSums | null, value: Interval | null) => {
  const owned = state ?? new IntervalSums();
  if (value !== null) accumulate(owned, value, 1);
  return owned;
});
pure('interval_avg_accum_inv', (state: IntervalSums, value: Interval | null) => {
  if (value !== null) accumulate(state, value, -1);
  return state;
});
pure('interval_avg_combine', (a: IntervalSums | null, b: IntervalSums | null) => {
  if (a === null || b === null) return a ?? b;
  a.count += b.count;
  a.positive += b.positive;
  a.negative += b.negative;
  a.sum = addIntervals(a.sum, b.sum);
  return a;
});

/** The infinity that a state holds, undefined without any; 22008 when it holds both. */
function infiniteTotal(state: IntervalSums): Interval | undefined {
  if (state.positive > 0 && state.negative > 0) throw intervalOutOfRange();
  return state.positive > 0 ? INTERVAL_INFINITY : state.negative > 0 ? INTERVAL_NEGATIVE_INFINITY : undefined;
}
const isEmpty = (state: IntervalSums | null): state is null => state === null || state.count + state.positive + state.negative === 0;
pure('interval_avg', (state: IntervalSums | null) => (isEmpty(state) ? null : infiniteTotal(state) ?? divideInterval(state.sum, state.count)));
pure('interval_sum', (state: IntervalSums | null) => (isEmpty(state) ? null : infiniteTotal(state) ?? state.sum));
