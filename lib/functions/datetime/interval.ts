/**
 * interval: I/O, comparison, arithmetic, construction (PostgreSQL's timestamp.c).
 */
import { pgError } from '../../base/error.js';
import { Interval, normalizeInt8, type ArrayValue, type Int8 } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, withContext } from '../registry.js';
import { comparisonNames, registerComparisons } from '../scalar/compare.js';
import { receiveInt64, sendInt32, sendInt64, viewOf } from '../wire.js';
import { intervalOutOfRange, USECS_PER_SEC } from './calendar.js';
import { decodeInterval, isInfinite } from './decode-interval.js';
import { formatInterval } from './format.js';
import {
  addIntervals, compareIntervals, divideInterval, justifyDays, justifyHours, justifyInterval, makeInterval, multiplyInterval,
  negateInterval,
} from './interval-math.js';
import { DateTimeFault, faultError, rint } from './literal.js';
import { applyIntervalTypmod, formatIntervalTypmod, intervalRange, intervalTypmod } from './typmod.js';

/** interval_in; 22007, 22008, 22015. */
export function readInterval(cx: CallContext, text: string, _type: number, typmod: number): Interval {
  let interval: Interval;
  try {
    interval = decodeInterval(text, intervalRange(typmod), cx.services.settings.intervalStyle === 'sql_standard');
  } catch (error) {
    if (!(error instanceof DateTimeFault)) throw error;
    throw faultError(error.fault === 'field' ? new DateTimeFault('interval') : error, text, 'interval');
  }
  return applyIntervalTypmod(interval, typmod);
}

withContext('interval_in', readInterval);
withContext('interval_out', (cx, interval: Interval) => formatInterval(interval, cx.services.settings.intervalStyle));
pure('interval_send', (interval: Interval) => {
  const bytes = new Uint8Array(16);
  bytes.set(sendInt64(interval.micros));
  bytes.set(sendInt32(interval.days), 8);
  bytes.set(sendInt32(interval.months), 12);
  return bytes;
});
pure('interval_recv', (bytes: Uint8Array, _type: number, typmod: number) => {
  const view = viewOf(bytes, 16);
  return applyIntervalTypmod(new Interval(view.getInt32(12), view.getInt32(8), receiveInt64(bytes)), typmod);
});
withContext('intervaltypmodin', (cx, modifiers: ArrayValue) => intervalTypmod(cx, modifiers));
pure('intervaltypmodout', formatIntervalTypmod);
pure('interval_scale', applyIntervalTypmod);

registerComparisons(comparisonNames('interval_'), compareIntervals);
pure('interval_cmp', compareIntervals);
pure('interval_larger', (a: Interval, b: Interval) => (compareIntervals(a, b) > 0 ? a : b));
pure('interval_smaller', (a: Interval, b: Interval) => (compareIntervals(a, b) < 0 ? a : b));
pure('interval_finite', (a: Interval) => !isInfinite(a));
pure('interval_um', negateInterval);
pure('interval_pl', addIntervals);
pure('interval_mi', (a: Interval, b: Interval) => {
  if (isInfinite(a) && isInfinite(b) && a.months === b.months) throw intervalOutOfRange();
  if (isInfinite(a)) return a;
  if (isInfinite(b)) return negateInterval(b);
  const micros = BigInt(a.micros) - BigInt(b.micros);
  return makeInterval(a.months - b.months, a.days - b.days, normalizeInt8(micros));
});
pure('interval_mul', multiplyInterval);
pure('mul_d_interval', (factor: number, a: Interval) => multiplyInterval(a, factor));
pure('interval_div', divideInterval);
pure('interval_justify_hours', justifyHours);
pure('interval_justify_days', justifyDays);
pure('interval_justify_interval', justifyInterval);

pure('make_interval', (years: number, months: number, weeks: number, days: number, hours: number, minutes: number, seconds: number) => {
  if (!Number.isFinite(seconds)) throw intervalOutOfRange();
  const micros = rint(seconds * USECS_PER_SEC);
  if (!Number.isFinite(micros)) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'value out of range: overflow');
  const whole = BigInt(hours) * 3600000000n + BigInt(minutes) * 60000000n + BigInt(micros);
  const total: Int8 = normalizeInt8(whole);
  for (const part of [years * 12, weeks * 7]) if (Math.abs(part) > 2147483648) throw intervalOutOfRange();
  return makeInterval(years * 12 + months, weeks * 7 + days, total);
});
