/**
 * exp, ln, log and power of numerics with PostgreSQL's result scales (numeric.c). Values are computed in fixed-point
 * integers with guard digits and rounded once at the end.
 */
import { pgError } from '../../base/error.js';
import { Numeric } from '../../types/numeric.js';
import { divisionByZero } from '../errors.js';
import { divideToScale, negateNumeric } from './arithmetic.js';
import { baseDigits } from './casts.js';
import {
  compareNumeric, digitCount, leadingDigit, makeResult, NUMERIC_MAX_DISPLAY_SCALE, NUMERIC_MIN_SIG_DIGITS,
  ONE, overflow, pow10, rescale, roundNumeric, signOf, ZERO,
} from './core.js';
import { integerRoot } from './roots.js';

/** PostgreSQL's NUMERIC_MAX_RESULT_SCALE: twice the largest precision. */
const MAX_RESULT_SCALE = 2000;
/** Digits carried beyond the requested ones. */
const GUARD = 12;

/** The value as a double; infinities where it does not fit. */
function toDouble(value: Numeric): number {
  return Number(`${value.unscaled}e${-value.scale}`);
}

const clampScale = (scale: number, ...least: number[]): number =>
  Math.min(Math.max(scale, 0, ...least), NUMERIC_MAX_DISPLAY_SCALE);

/** e^x for x in fixed point with `digits` digits; the result likewise. */
function expFixed(x: bigint, digits: number): bigint {
  const one = pow10(digits);
  let halvings = 0;
  let reduced = x;
  while (reduced > one / 128n || reduced < -one / 128n) {
    reduced >>= 1n;
    halvings++;
  }
  let sum = one + reduced;
  let term = reduced;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = (term * reduced) / (one * n);
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / one;
  return sum;
}

/** e^value at a scale. */
function expToScale(value: Numeric, scale: number): Numeric {
  const approximate = toDouble(value);
  if (Math.abs(approximate) >= MAX_RESULT_SCALE * 3) {
    if (approximate > 0) throw overflow();
    return new Numeric(0n, scale);
  }
  const whole = Math.max(0, Math.trunc(approximate * Math.LOG10E)) + 1;
  const digits = scale + 2 * whole + GUARD + Math.ceil(Math.log2(Math.abs(approximate) + 2));
  const result = expFixed(rescale(value.unscaled, value.scale, digits), digits);
  return makeResult(rescale(result, digits, scale), scale);
}

/** exp(numeric); 22003. */
export function expNumeric(value: Numeric): Numeric {
  if (value.special !== '') return value.special === '-Infinity' ? ZERO : value;
  const weight = Math.min(Math.max(toDouble(value) * Math.LOG10E, -MAX_RESULT_SCALE), MAX_RESULT_SCALE);
  return expToScale(value, clampScale(NUMERIC_MIN_SIG_DIGITS - Math.trunc(weight), value.scale));
}

/** 2 artanh(numerator / denominator) in fixed point: the logarithm of (d + n) / (d - n). */
function artanhTwice(numerator: bigint, denominator: bigint, digits: number): bigint {
  const one = pow10(digits);
  const z = (numerator * one) / denominator;
  const square = (z * z) / one;
  let sum = z;
  let power = z;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = (power * square) / one;
    sum += power / n;
  }
  return 2n * sum;
}

let lnTenDigits = 0;
let lnTen = 0n;
/** ln 10 in fixed point, kept at the largest precision asked for: 3 ln 2 + ln 1.25. */
function lnTenFixed(digits: number): bigint {
  if (digits > lnTenDigits) {
    const precise = digits + 10;
    lnTen = rescale(3n * artanhTwice(1n, 3n, precise) + artanhTwice(1n, 9n, precise), precise, digits);
    lnTenDigits = digits;
  }
  return rescale(lnTen, lnTenDigits, digits);
}

/** ln of a positive value at a scale. */
function lnToScale(value: Numeric, scale: number): Numeric {
  if (value.unscaled <= 0n) {
    throw pgError('INVALID_ARGUMENT_FOR_LOG', value.unscaled === 0n ? 'cannot take logarithm of zero' : 'cannot take logarithm of a negative number');
  }
  const digits = scale + GUARD + 6;
  const one = pow10(digits);
  let exponent = digitCount(value.unscaled) - value.scale;
  if (exponent === 1 && value.unscaled < 3n * pow10(value.scale)) exponent = 0;
  let mantissa = rescale(value.unscaled, value.scale + exponent, digits);
  let doublings = 0;
  while (mantissa > (one * 11n) / 10n || mantissa < (one * 9n) / 10n) {
    mantissa = integerRoot(mantissa * one);
    doublings++;
  }
  const reduced = artanhTwice(mantissa - one, mantissa + one, digits) * 2n ** BigInt(doublings);
  return makeResult(rescale(reduced + BigInt(exponent) * lnTenFixed(digits), digits, scale), scale);
}

const NINE_TENTHS = new Numeric(9n, 1);
const ELEVEN_TENTHS = new Numeric(11n, 1);

/** PostgreSQL's estimate of the decimal weight of ln(value). */
function estimateLnWeight(value: Numeric): number {
  if (signOf(value) <= 0) return 0;
  if (compareNumeric(value, NINE_TENTHS) >= 0 && compareNumeric(value, ELEVEN_TENTHS) <= 0) {
    const difference = new Numeric(value.unscaled - pow10(value.scale), value.scale);
    if (difference.unscaled === 0n) return 0;
    const { weight, first } = leadingDigit(difference);
    return weight * 4 + Math.trunc(Math.log10(first));
  }
  const { digits, weight } = baseDigits(value);
  let leading = digits[0];
  let decimalWeight = weight * 4;
  if (digits.length > 1) {
    leading = leading * 10000 + digits[1];
    decimalWeight -= 4;
  }
  return Math.trunc(Math.log10(Math.abs(Math.log(leading) + decimalWeight * Math.LN10)));
}

/** ln(numeric); 2201E. */
export function lnNumeric(value: Numeric): Numeric {
  if (value.special === 'NaN' || value.special === 'Infinity') return value;
  if (value.special !== '') throw pgError('INVALID_ARGUMENT_FOR_LOG', 'cannot take logarithm of a negative number');
  return lnToScale(value, clampScale(NUMERIC_MIN_SIG_DIGITS - estimateLnWeight(value), value.scale));
}

function logSpecial(base: Numeric, value: Numeric): Numeric {
  if (base.special === 'NaN' || value.special === 'NaN') return Numeric.NaN;
  if (signOf(base) < 0 || signOf(value) < 0) throw pgError('INVALID_ARGUMENT_FOR_LOG', 'cannot take logarithm of a negative number');
  if (signOf(base) === 0 || signOf(value) === 0) throw pgError('INVALID_ARGUMENT_FOR_LOG', 'cannot take logarithm of zero');
  if (base.special !== '') return value.special !== '' ? Numeric.NaN : ZERO;
  return Numeric.Infinity;
}

/** log(base, numeric); 2201E, 22012. */
export function logNumeric(base: Numeric, value: Numeric): Numeric {
  if (base.special !== '' || value.special !== '') return logSpecial(base, value);
  const baseWeight = estimateLnWeight(base);
  const valueWeight = estimateLnWeight(value);
  const weight = valueWeight - baseWeight;
  const scale = clampScale(NUMERIC_MIN_SIG_DIGITS - weight, base.scale, value.scale);
  const lnBase = lnToScale(base, Math.max(scale + weight - baseWeight + 8, 0));
  const lnValue = lnToScale(value, Math.max(scale + weight - valueWeight + 8, 0));
  if (lnBase.unscaled === 0n) throw divisionByZero();
  return divideToScale(lnValue, lnBase, scale);
}

const isIntegral = (value: Numeric): boolean => value.special !== '' || value.unscaled % pow10(value.scale) === 0n;
const isOdd = (value: Numeric): boolean => (value.unscaled / pow10(value.scale)) % 2n !== 0n;

function complexResult(): Error {
  return pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'a negative number raised to a non-integer power yields a complex result');
}

/** POSIX's rules for infinities and NaN. */
function powerSpecial(base: Numeric, exponent: Numeric): Numeric {
  if (base.special === 'NaN') return exponent.special === '' && exponent.unscaled === 0n ? ONE : Numeric.NaN;
  if (exponent.special === 'NaN') return base.special === '' && compareNumeric(base, ONE) === 0 ? ONE : Numeric.NaN;
  const baseSign = signOf(base);
  const sign = signOf(exponent);
  if (baseSign === 0 && sign < 0) throw zeroToNegative();
  if (baseSign < 0 && !isIntegral(exponent)) throw complexResult();
  if (base.special === '' && compareNumeric(base, ONE) === 0) return ONE;
  if (sign === 0) return ONE;
  if (baseSign === 0) return ZERO;
  if (exponent.special !== '') {
    if (base.special === '' && compareNumeric(base, negateNumeric(ONE)) === 0) return ONE;
    const grows = base.special !== '' || compareNumeric(baseSign < 0 ? negateNumeric(base) : base, ONE) > 0;
    return grows === (sign > 0) ? Numeric.Infinity : ZERO;
  }
  if (sign < 0) return ZERO;
  return base.special === '-Infinity' && isOdd(exponent) ? Numeric.NegativeInfinity : Numeric.Infinity;
}

function zeroToNegative(): Error {
  return pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'zero raised to a negative power is undefined');
}

/** Approximate decimal exponent of base^exponent. */
function powerWeight(base: Numeric, exponent: number): number {
  if (base.unscaled === 0n) return 0;
  const { digits, weight } = baseDigits(base);
  let leading = digits[0];
  let decimalWeight = weight * 4;
  for (let i = 1; i < digits.length && i * 4 < 16; i++) {
    leading = leading * 10000 + digits[i];
    decimalWeight -= 4;
  }
  return exponent * (Math.log10(leading) + decimalWeight);
}

/** Product rounded to a scale. */
function multiplyRounded(a: Numeric, b: Numeric, scale: number): Numeric {
  const natural = a.scale + b.scale;
  const product = a.unscaled * b.unscaled;
  return new Numeric(rescale(product, natural, scale), scale);
}

const WEIGHT_MAX = 32767;

/** base^exponent by repeated squaring, keeping the digits that count. */
function powerInteger(base: Numeric, exponent: number, exponentScale: number): Numeric {
  const weight = powerWeight(base, exponent);
  if (weight > (WEIGHT_MAX + 1) * 4) throw overflow();
  if (weight + 1 < -NUMERIC_MAX_DISPLAY_SCALE) return new Numeric(0n, NUMERIC_MAX_DISPLAY_SCALE);
  const scale = clampScale(NUMERIC_MIN_SIG_DIGITS - Math.trunc(weight), base.scale, exponentScale);
  if (exponent === 0) return new Numeric(pow10(scale), scale);
  if (exponent === 1) return roundNumeric(base, scale);
  if (exponent === -1) return divideToScale(ONE, base, scale);
  if (exponent === 2) return multiplyRounded(base, base, scale);
  if (base.unscaled === 0n) {
    if (exponent < 0) throw divisionByZero();
    return new Numeric(0n, scale);
  }
  const significant = 1 + scale + Math.trunc(weight) + Math.trunc(Math.log(Math.abs(exponent))) + 8;
  let square = base;
  let mask = Math.abs(exponent);
  let result = mask & 1 ? base : ONE;
  while ((mask = Math.floor(mask / 2)) > 0) {
    const squareScale = Math.max(Math.min(significant - 2 * leadingDigit(square).weight * 4, 2 * square.scale), 0);
    square = multiplyRounded(square, square, squareScale);
    if (mask & 1) {
      const productWeight = leadingDigit(square).weight + leadingDigit(result).weight;
      result = multiplyRounded(square, result, Math.max(Math.min(significant - productWeight * 4, square.scale + result.scale), 0));
    }
    if (leadingDigit(square).weight > WEIGHT_MAX || leadingDigit(result).weight > WEIGHT_MAX) {
      if (exponent > 0) throw overflow();
      return new Numeric(0n, scale);
    }
  }
  if (exponent < 0) return divideToScale(ONE, result, scale);
  return makeResult(rescale(result.unscaled, result.scale, scale), scale);
}

/** power(numeric, numeric); 2201F, 22003, 22012. */
export function powerNumeric(base: Numeric, exponent: Numeric): Numeric {
  if (base.special !== '' || exponent.special !== '') return powerSpecial(base, exponent);
  if (signOf(base) === 0 && signOf(exponent) < 0) throw zeroToNegative();
  if (isIntegral(exponent)) {
    const whole = exponent.unscaled / pow10(exponent.scale);
    if (whole >= -2147483648n && whole <= 2147483647n) return powerInteger(base, Number(whole), exponent.scale);
  }
  if (base.unscaled === 0n) return new Numeric(0n, NUMERIC_MIN_SIG_DIGITS);
  let positive = base;
  let negative = false;
  if (base.unscaled < 0n) {
    if (!isIntegral(exponent)) throw complexResult();
    negative = isOdd(exponent);
    positive = negateNumeric(base);
  }
  const lnWeight = estimateLnWeight(positive);
  const roughScale = Math.max(8 - lnWeight, 0);
  const rough = toDouble(multiplyRounded(lnToScale(positive, roughScale), exponent, roughScale));
  if (Math.abs(rough) > MAX_RESULT_SCALE * 3.01) {
    if (rough > 0) throw overflow();
    return new Numeric(0n, NUMERIC_MAX_DISPLAY_SCALE);
  }
  const weight = Math.trunc(rough * Math.LOG10E);
  const scale = clampScale(NUMERIC_MIN_SIG_DIGITS - weight, base.scale, exponent.scale);
  const significant = Math.max(scale + weight, 0);
  const localScale = Math.max(significant - lnWeight + 8, 0) + digitCount(exponent.unscaled);
  const logarithm = multiplyRounded(lnToScale(positive, localScale), exponent, localScale);
  const result = expToScale(logarithm, scale);
  return negative ? negateNumeric(result) : result;
}

/** factorial(bigint); 22003. */
export function factorial(n: number | bigint): Numeric {
  if (n < 0) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'factorial of a negative number is undefined');
  if (n > 32177) throw overflow();
  let result = 1n;
  for (let i = 2n; i <= n; i++) result *= i;
  return new Numeric(result, 0);
}

/** Quotient as an integer, toward minus infinity. */
export function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor !== 0n && dividend < 0n !== divisor < 0n ? quotient - 1n : quotient;
}

