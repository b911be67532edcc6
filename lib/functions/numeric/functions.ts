/**
 * Registration of numeric's mathematical functions, gcd and lcm, width_bucket, in_range, and pg_lsn arithmetic.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, normalizeInt8, type Datum, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { outOfRange } from '../errors.js';
import { pure, withContext } from '../registry.js';
import { addNumeric, roundToBigint, subtractNumeric } from './arithmetic.js';
import { absBig, compareNumeric, makeResult, rescale, signOf } from './core.js';
import { squareRoot } from './roots.js';
import { expNumeric, factorial, floorDivide, lnNumeric, logNumeric, powerNumeric } from './transcendental.js';

pure('numeric_sqrt', squareRoot);
pure('numeric_exp', expNumeric);
pure('numeric_ln', lnNumeric);
pure('numeric_log', logNumeric);
pure('numeric_power', powerNumeric);
pure('numeric_fac', factorial);

function gcd(a: bigint, b: bigint): bigint {
  let x = absBig(a);
  let y = absBig(b);
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
pure('numeric_gcd', (a: Numeric, b: Numeric) => {
  if (a.special !== '' || b.special !== '') return Numeric.NaN;
  const scale = Math.max(a.scale, b.scale);
  return makeResult(gcd(rescale(a.unscaled, a.scale, scale), rescale(b.unscaled, b.scale, scale)), scale);
});
pure('numeric_lcm', (a: Numeric, b: Numeric) => {
  if (a.special !== '' || b.special !== '') return Numeric.NaN;
  const scale = Math.max(a.scale, b.scale);
  const x = rescale(a.unscaled, a.scale, scale);
  const y = rescale(b.unscaled, b.scale, scale);
  return makeResult(x === 0n || y === 0n ? 0n : absBig((x / gcd(x, y)) * y), scale);
});

function bucketError(message: string): Error {
  return pgError('INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION', message);
}
function checkCount(count: number): void {
  if (count <= 0) throw bucketError('count must be greater than zero');
}
function oneMore(count: number): number {
  if (count + 1 > 2147483647) throw outOfRange('integer');
  return count + 1;
}

pure('width_bucket_float8', (operand: number, low: number, high: number, count: number) => {
  checkCount(count);
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high)) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN');
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw bucketError('lower and upper bounds must be finite');
  if (low === high) throw bucketError('lower bound cannot equal upper bound');
  const ascending = low < high;
  if (ascending ? operand < low : operand > low) return 0;
  if (ascending ? operand >= high : operand <= high) return oneMore(count);
  const fraction = Number.isFinite(high - low)
    ? (ascending ? (operand - low) / (high - low) : (low - operand) / (low - high))
    : (ascending ? (operand / 2 - low / 2) / (high / 2 - low / 2) : (low / 2 - operand / 2) / (low / 2 - high / 2));
  return Math.min(Math.trunc(count * fraction), count - 1) + 1;
});

pure('width_bucket_numeric', (operand: Numeric, low: Numeric, high: Numeric, count: number) => {
  checkCount(count);
  if (operand.special === 'NaN' || low.special === 'NaN' || high.special === 'NaN') {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN');
  }
  if (low.special !== '' || high.special !== '') throw bucketError('lower and upper bounds must be finite');
  const order = compareNumeric(low, high);
  if (order === 0) throw bucketError('lower bound cannot equal upper bound');
  const fromLow = compareNumeric(operand, low);
  const toHigh = compareNumeric(operand, high);
  if (order < 0 ? fromLow < 0 : fromLow > 0) return 0;
  if (order < 0 ? toHigh >= 0 : toHigh <= 0) return oneMore(count);
  const scale = Math.max(operand.scale, low.scale, high.scale);
  const bottom = rescale(low.unscaled, low.scale, scale);
  const offset = rescale(operand.unscaled, operand.scale, scale) - bottom;
  return Number(floorDivide(offset * BigInt(count), rescale(high.unscaled, high.scale, scale) - bottom)) + 1;
});

withContext('width_bucket_array', (cx, operand: Datum, thresholds: ArrayValue) => {
  if (thresholds.dims.length > 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'thresholds must be one-dimensional array');
  if (thresholds.elements.includes(null)) throw pgError('NULL_VALUE_NOT_ALLOWED', 'thresholds array must not contain NULLs');
  let low = 0;
  let high = thresholds.elements.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cx.services.types.compare(thresholds.elementType, operand, thresholds.elements[middle], cx.call.collation) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
});

pure('in_range_numeric_numeric', (value: Numeric, base: Numeric, offset: Numeric, subtract: boolean, less: boolean) => {
  if (offset.special === 'NaN' || signOf(offset) < 0) {
    throw pgError('INVALID_PRECEDING_OR_FOLLOWING_SIZE', 'invalid preceding or following size in window function');
  }
  if (value.special === 'NaN') return base.special === 'NaN' ? true : !less;
  if (base.special === 'NaN') return less;
  if (offset.special === 'Infinity' && base.special === (subtract ? 'Infinity' : '-Infinity')) return true;
  const order = compareNumeric(value, subtract ? subtractNumeric(base, offset) : addNumeric(base, offset));
  return less ? order <= 0 : order >= 0;
});

/** A position from a numeric; 22003. */
function toLsn(value: Numeric, what = 'pg_lsn'): Int8 {
  if (value.special !== '') {
    throw pgError('FEATURE_NOT_SUPPORTED', `cannot convert ${value.special === 'NaN' ? 'NaN' : 'infinity'} to ${what}`);
  }
  const position = roundToBigint(value);
  if (position < 0n || position > 0xffffffffffffffffn) throw pgError('INVALID_PARAMETER_VALUE', `${what} out of range`);
  return normalizeInt8(position);
}
pure('numeric_pg_lsn', (value: Numeric) => toLsn(value));
pure('pg_lsn_mi', (a: Int8, b: Int8) => Numeric.fromInteger(BigInt(a) - BigInt(b)));
pure('pg_wal_lsn_diff', (a: Int8, b: Int8) => Numeric.fromInteger(BigInt(a) - BigInt(b)));
pure('pg_lsn_pli', (position: Int8, bytes: Numeric) => {
  if (bytes.special === 'NaN') throw pgError('FEATURE_NOT_SUPPORTED', 'cannot add NaN to pg_lsn');
  return toLsn(addNumeric(Numeric.fromInteger(position), bytes));
});
pure('pg_lsn_mii', (position: Int8, bytes: Numeric) => {
  if (bytes.special === 'NaN') throw pgError('FEATURE_NOT_SUPPORTED', 'cannot subtract NaN from pg_lsn');
  return toLsn(subtractNumeric(Numeric.fromInteger(position), bytes));
});

