/**
 * numeric arithmetic with PostgreSQL's result scales: + and - keep the larger scale, * adds them, / takes at least 16
 * significant digits (select_div_scale), special values follow IEEE's rules except that division by zero is an error.
 */
import { Numeric } from '../../types/numeric.js';
import { divisionByZero } from '../errors.js';
import {
  divideRounded, leadingDigit, makeResult, NUMERIC_DSCALE_MAX, NUMERIC_MAX_DISPLAY_SCALE, NUMERIC_MIN_SIG_DIGITS, pow10,
  rescale, roundNumeric, signOf, ZERO,
} from './core.js';

const signed = (sign: number): Numeric => (sign < 0 ? Numeric.NegativeInfinity : Numeric.Infinity);

/** -a. */
export function negateNumeric(a: Numeric): Numeric {
  if (a.special === '') return new Numeric(-a.unscaled, a.scale);
  return a.special === 'NaN' ? a : signed(-signOf(a));
}

/** |a|. */
export function absNumeric(a: Numeric): Numeric {
  return signOf(a) < 0 ? negateNumeric(a) : a;
}

/** a + b; 22003. */
export function addNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') {
    if (a.special === 'NaN' || b.special === 'NaN') return Numeric.NaN;
    if (a.special === '') return b;
    return b.special === '' || a.special === b.special ? a : Numeric.NaN;
  }
  if (a.scale === b.scale) return makeResult(a.unscaled + b.unscaled, a.scale);
  return a.scale > b.scale
    ? makeResult(a.unscaled + b.unscaled * pow10(a.scale - b.scale), a.scale)
    : makeResult(a.unscaled * pow10(b.scale - a.scale) + b.unscaled, b.scale);
}

/** a - b; 22003. */
export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  return addNumeric(a, negateNumeric(b));
}

/** a * b; 22003. */
export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') {
    if (a.special === 'NaN' || b.special === 'NaN') return Numeric.NaN;
    const sign = signOf(a) * signOf(b);
    return sign === 0 ? Numeric.NaN : signed(sign);
  }
  const product = a.unscaled * b.unscaled;
  const scale = a.scale + b.scale;
  return scale <= NUMERIC_DSCALE_MAX
    ? makeResult(product, scale)
    : makeResult(rescale(product, scale, NUMERIC_DSCALE_MAX), NUMERIC_DSCALE_MAX);
}

/** Scale of a quotient: 16 significant digits at least, never less than either operand's scale, at most 1000. */
export function selectDivScale(a: Numeric, b: Numeric): number {
  const left = leadingDigit(a);
  const right = leadingDigit(b);
  let weight = left.weight - right.weight;
  if (left.first <= right.first) weight--;
  const scale = Math.max(NUMERIC_MIN_SIG_DIGITS - weight * 4, a.scale, b.scale, 0);
  return Math.min(scale, NUMERIC_MAX_DISPLAY_SCALE);
}

/** What a division with a special operand gives, or undefined when both are finite; 22012. */
function divideSpecial(a: Numeric, b: Numeric): Numeric | undefined {
  if (a.special === 'NaN' || b.special === 'NaN') return Numeric.NaN;
  if (a.special !== '') {
    if (b.special !== '') return Numeric.NaN;
    const sign = signOf(b);
    if (sign === 0) throw divisionByZero();
    return signed(signOf(a) * sign);
  }
  return b.special !== '' ? ZERO : undefined;
}

/** a / b to a given scale, rounded half away from zero; both finite; 22012. */
export function divideToScale(a: Numeric, b: Numeric, scale: number): Numeric {
  if (b.unscaled === 0n) throw divisionByZero();
  const shift = scale + b.scale - a.scale;
  return shift >= 0
    ? makeResult(divideRounded(a.unscaled * pow10(shift), b.unscaled), scale)
    : makeResult(divideRounded(a.unscaled, b.unscaled * pow10(-shift)), scale);
}

/** a / b; 22012. */
export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return divideSpecial(a, b) ?? ZERO;
  if (b.unscaled === 0n) throw divisionByZero();
  return divideToScale(a, b, selectDivScale(a, b));
}

/** div(a, b): the quotient cut to an integer; 22012. */
export function divideTruncated(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return divideSpecial(a, b) ?? ZERO;
  if (b.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return makeResult(rescale(a.unscaled, a.scale, scale) / rescale(b.unscaled, b.scale, scale), 0);
}

/** a % b with the sign of a; 22012. */
export function moduloNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') {
    if (a.special === 'NaN' || b.special === 'NaN') return Numeric.NaN;
    if (a.special === '') return a;
    if (signOf(b) === 0) throw divisionByZero();
    return Numeric.NaN;
  }
  if (b.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return makeResult(rescale(a.unscaled, a.scale, scale) % rescale(b.unscaled, b.scale, scale), scale);
}

/** Smallest integer not less than a. */
export function ceilNumeric(a: Numeric): Numeric {
  if (a.special !== '') return a;
  const unit = pow10(a.scale);
  const whole = a.unscaled / unit;
  return makeResult(a.unscaled > whole * unit ? whole + 1n : whole, 0);
}

/** Largest integer not greater than a. */
export function floorNumeric(a: Numeric): Numeric {
  if (a.special !== '') return a;
  const unit = pow10(a.scale);
  const whole = a.unscaled / unit;
  return makeResult(a.unscaled < whole * unit ? whole - 1n : whole, 0);
}

/** Rounds to an integer as a bigint; finite values only. */
export function roundToBigint(a: Numeric): bigint {
  return roundNumeric(a, 0).unscaled;
}
