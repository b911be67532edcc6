/**
 * Square roots of numerics: exact integer roots, rounded half away from zero.
 */
import { pgError } from '../../base/error.js';
import { Numeric } from '../../types/numeric.js';
import { leadingDigit, makeResult, NUMERIC_MAX_DISPLAY_SCALE, NUMERIC_MIN_SIG_DIGITS, pow10, signOf } from './core.js';

/** Largest integer whose square is not more than `value` (Newton's iteration from above). */
export function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  if (value < 4503599627370496n) return BigInt(Math.floor(Math.sqrt(Number(value))));
  let guess = 1n << BigInt((value.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** Root of unscaled / 10^scale at another scale, rounded. */
export function rootScaled(unscaled: bigint, scale: number, to: number): bigint {
  const shift = 2 * to + 2 - scale;
  const shifted = shift >= 0 ? unscaled * pow10(shift) : unscaled / pow10(-shift);
  return (integerRoot(shifted) + 5n) / 10n;
}

/** Square root with `scale` digits behind the point; finite values; 2201F. */
export function squareRootToScale(value: Numeric, scale: number): Numeric {
  if (signOf(value) < 0) {
    throw pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'cannot take square root of a negative number');
  }
  return makeResult(rootScaled(value.unscaled, value.scale, scale), scale);
}

/** sqrt(numeric): at least 16 significant digits; 2201F. */
export function squareRoot(value: Numeric): Numeric {
  if (value.special === 'NaN' || value.special === 'Infinity') return value;
  if (value.special !== '') return squareRootToScale(value, 0);
  const weight = Math.trunc((leadingDigit(value).weight * 4) / 2) + 1;
  const scale = Math.max(NUMERIC_MIN_SIG_DIGITS - weight, value.scale, 0);
  return squareRootToScale(value, Math.min(scale, NUMERIC_MAX_DISPLAY_SCALE));
}
