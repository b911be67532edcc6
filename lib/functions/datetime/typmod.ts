/**
 * Type modifiers of times and timestamps (digits of the fraction) and of intervals (fields and digits).
 */
import { pgError } from '../../base/error.js';
import { type ArrayValue, Interval, type Int8, normalizeInt8 } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { parseSmall } from '../scalar/int-text.js';
import { intervalOutOfRange } from './calendar.js';
import { isInfinite, RANGE } from './decode-interval.js';

const MAX_PRECISION = 6;
/** Precision of an interval without one. */
const FULL_PRECISION = 0xffff;
const UNITS = [1000000, 100000, 10000, 1000, 100, 10, 1];

/** Integers of a typmod-in array. */
export function typmodIntegers(array: ArrayValue): number[] {
  return array.elements.map((text) => parseSmall(String(text), 'integer', -2147483648, 2147483647));
}

/** Checks a precision, with a warning where it is reduced; 22023. `what` is TIME or TIMESTAMP, `suffix` the rest of the name. */
export function checkPrecision(cx: CallContext, what: string, suffix: string, precision: number): number {
  if (precision < 0) throw pgError('INVALID_PARAMETER_VALUE', `${what}(${precision})${suffix} precision must not be negative`);
  if (precision <= MAX_PRECISION) return precision;
  cx.services.notice(pgError('INVALID_PARAMETER_VALUE',
    `${what}(${precision})${suffix} precision reduced to maximum allowed, ${MAX_PRECISION}`, { severity: 'WARNING' }));
  return MAX_PRECISION;
}

/** typmodin of times and timestamps; 22023. */
export function precisionTypmod(cx: CallContext, what: string, suffix: string, array: ArrayValue): number {
  const values = typmodIntegers(array);
  if (values.length !== 1) throw pgError('INVALID_PARAMETER_VALUE', 'invalid type modifier');
  return checkPrecision(cx, what, suffix, values[0]);
}

/** Rounds a timestamp to `typmod` digits, half away from zero; 22023. */
export function roundTimestamp(timestamp: Int8, typmod: number): Int8 {
  if (typmod === -1 || typmod === MAX_PRECISION || timestamp === Infinity || timestamp === -Infinity) return timestamp;
  if (typmod < 0 || typmod > MAX_PRECISION) {
    throw pgError('INVALID_PARAMETER_VALUE', `timestamp(${typmod}) precision must be between 0 and ${MAX_PRECISION}`);
  }
  const unit = UNITS[typmod];
  if (typeof timestamp === 'number') {
    const magnitude = Math.abs(timestamp) + unit / 2;
    const rounded = magnitude - (magnitude % unit);
    return timestamp < 0 ? 0 - rounded : rounded;
  }
  const wide = BigInt(unit);
  const magnitude = (timestamp < 0n ? -timestamp : timestamp) + wide / 2n;
  const rounded = magnitude - (magnitude % wide);
  return normalizeInt8(timestamp < 0n ? -rounded : rounded);
}

/** Rounds a time to `typmod` digits; other modifiers do nothing. */
export function roundTime(micros: number, typmod: number): number {
  if (typmod < 0 || typmod >= MAX_PRECISION) return micros;
  const unit = UNITS[typmod];
  const shifted = micros + unit / 2;
  return shifted - (shifted % unit);
}

const RANGES = new Map<number, string>([
  [RANGE.YEAR, ' year'], [RANGE.MONTH, ' month'], [RANGE.DAY, ' day'], [RANGE.HOUR, ' hour'], [RANGE.MINUTE, ' minute'],
  [RANGE.SECOND, ' second'], [RANGE.YEAR | RANGE.MONTH, ' year to month'], [RANGE.DAY | RANGE.HOUR, ' day to hour'],
  [RANGE.DAY | RANGE.HOUR | RANGE.MINUTE, ' day to minute'], [RANGE.DAY | RANGE.HOUR | RANGE.MINUTE | RANGE.SECOND, ' day to second'],
  [RANGE.HOUR | RANGE.MINUTE, ' hour to minute'], [RANGE.HOUR | RANGE.MINUTE | RANGE.SECOND, ' hour to second'],
  [RANGE.MINUTE | RANGE.SECOND, ' minute to second'], [RANGE.FULL, ''],
]);

/** Fields that an interval's modifier allows. */
export function intervalRange(typmod: number): number {
  return typmod < 0 ? RANGE.FULL : (typmod >> 16) & 0x7fff;
}

/** intervaltypmodin; 22023. */
export function intervalTypmod(cx: CallContext, array: ArrayValue): number {
  const [range, precision, ...rest] = typmodIntegers(array);
  const invalid = (): Error => pgError('INVALID_PARAMETER_VALUE', 'invalid INTERVAL type modifier');
  if (range === undefined || !RANGES.has(range) || rest.length > 0) throw invalid();
  if (precision === undefined) return range === RANGE.FULL ? -1 : (range << 16) | FULL_PRECISION;
  return (range << 16) | checkPrecision(cx, 'INTERVAL', '', precision);
}

/** intervaltypmodout. */
export function formatIntervalTypmod(typmod: number): string {
  if (typmod < 0) return '';
  const precision = typmod & 0xffff;
  return `${RANGES.get(intervalRange(typmod)) ?? ''}${precision === FULL_PRECISION ? '' : `(${precision})`}`;
}

const truncateTo = (micros: Int8, unit: number): Int8 =>
  typeof micros === 'number' ? micros - (micros % unit) : normalizeInt8(micros - (micros % BigInt(unit)));

/** Cuts an interval to the modifier's fields and rounds its seconds; 22008, 22023. */
export function applyIntervalTypmod(interval: Interval, typmod: number): Interval {
  if (typmod < 0 || isInfinite(interval)) return interval;
  let { months, days, micros } = interval;
  switch (intervalRange(typmod)) {
    case RANGE.YEAR: months -= months % 12; days = 0; micros = 0; break;
    case RANGE.MONTH: case RANGE.YEAR | RANGE.MONTH: days = 0; micros = 0; break;
    case RANGE.DAY: micros = 0; break;
    case RANGE.HOUR: case RANGE.DAY | RANGE.HOUR: micros = truncateTo(micros, 3600000000); break;
    case RANGE.MINUTE: case RANGE.HOUR | RANGE.MINUTE: case RANGE.DAY | RANGE.HOUR | RANGE.MINUTE:
      micros = truncateTo(micros, 60000000); break;
    default: break;
  }
  const precision = typmod & 0xffff;
  if (precision !== FULL_PRECISION) {
    if (precision > MAX_PRECISION) {
      throw pgError('INVALID_PARAMETER_VALUE', `interval(${precision}) precision must be between 0 and ${MAX_PRECISION}`);
    }
    const half = UNITS[precision] >> 1;
    const shifted = BigInt(micros) + BigInt(micros >= 0 ? half : -half);
    if (shifted !== BigInt.asIntN(64, shifted)) throw intervalOutOfRange();
    micros = truncateTo(normalizeInt8(shifted), UNITS[precision]);
  }
  return new Interval(months + 0, days + 0, typeof micros === 'number' ? micros + 0 : micros);
}
