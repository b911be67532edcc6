/**
 * numeric: text form, rounding, comparison, type modifiers (PostgreSQL's numeric.c). A finite value is an unscaled bigint
 * and a display scale; PostgreSQL's base-10000 weight and first digit are computed where its scale rules need them.
 */
import { pgError } from '../../base/error.js';
import { Numeric } from '../../types/numeric.js';
import { invalidSyntax } from '../errors.js';

/** Limits of the type. */
export const NUMERIC_MAX_PRECISION = 1000;
export const NUMERIC_MAX_DISPLAY_SCALE = 1000;
export const NUMERIC_MIN_SIG_DIGITS = 16;
export const NUMERIC_DSCALE_MAX = 16383;
/** Decimal digits before the point that the format can hold. */
export const NUMERIC_MAX_INTEGER_DIGITS = 131072;

/** Zero and one. */
export const ZERO = new Numeric(0n, 0);
export const ONE = new Numeric(1n, 0);

const powers: bigint[] = [1n];

/** 10^exponent. */
export function pow10(exponent: number): bigint {
  if (exponent > 2000) return 10n ** BigInt(exponent);
  for (let i = powers.length; i <= exponent; i++) powers.push(powers[i - 1] * 10n);
  return powers[exponent];
}

/** |value|. */
export function absBig(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Decimal digits of |value|; 0 for zero. */
export function digitCount(value: bigint): number {
  const small = Math.abs(Number(value));
  if (small < 1e15) return smallDigitCount(small);
  return absBig(value).toString().length;
}

function smallDigitCount(value: number): number {
  if (value === 0) return 0;
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}

/** 22003 "value overflows numeric format". */
export function overflow(): Error {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'value overflows numeric format');
}

/** Results below this need no look at their digits. */
const SURELY_FITS = 1n << 4096n;
/** Kept, since a negation makes a new number of 500 bytes. */
const SURELY_FITS_NEGATIVE = -SURELY_FITS;

/** Builds a finite result, checking what the format can hold; 22003. */
export function makeResult(unscaled: bigint, scale: number): Numeric {
  if (scale > NUMERIC_DSCALE_MAX) throw overflow();
  if (unscaled > SURELY_FITS || unscaled < SURELY_FITS_NEGATIVE) {
    if (digitCount(unscaled) - scale > NUMERIC_MAX_INTEGER_DIGITS) throw overflow();
  }
  return new Numeric(unscaled, scale);
}

const DECIMAL =
  /^[ \t\n\v\f\r]*([+-]?)(?:([0-9]+(?:_[0-9]+)*)(?:\.([0-9]+(?:_[0-9]+)*)?)?|\.([0-9]+(?:_[0-9]+)*))(?:[eE]([+-]?[0-9]+(?:_[0-9]+)*))?[ \t\n\v\f\r]*$/;
const SPECIAL = /^[ \t\n\v\f\r]*(nan|([+-]?)inf(?:inity)?)[ \t\n\v\f\r]*$/i;
const NONDECIMAL = /^[ \t\n\v\f\r]*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)[ \t\n\v\f\r]*$/;

function parseUnusual(text: string): Numeric {
  const special = SPECIAL.exec(text);
  if (special) {
    if (special[1].toLowerCase() === 'nan') return Numeric.NaN;
    return special[2] === '-' ? Numeric.NegativeInfinity : Numeric.Infinity;
  }
  const integer = NONDECIMAL.exec(text);
  if (!integer) throw invalidSyntax('numeric', text);
  const magnitude = BigInt(integer[2].replaceAll('_', '').toLowerCase());
  return makeResult(integer[1] === '-' ? -magnitude : magnitude, 0);
}

/** Plain digits with at most a minus and a point, 15 digits at most: without a regular expression. Undefined for the rest. */
function parseFast(text: string): Numeric | undefined {
  const length = text.length;
  const negative = text.charCodeAt(0) === 45;
  let at = negative ? 1 : 0;
  if (length - at > 16 || length === at) return undefined;
  let value = 0;
  let point = -1;
  for (; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 46) {
      if (point >= 0) return undefined;
      point = at;
    } else if (unit >= 48 && unit <= 57) {
      value = value * 10 + unit - 48;
    } else {
      return undefined;
    }
  }
  const digits = length - (negative ? 1 : 0) - (point >= 0 ? 1 : 0);
  if (digits === 0 || digits > 15) return undefined;
  return new Numeric(BigInt(negative ? 0 - value : value), point < 0 ? 0 : length - point - 1);
}

/** Reads a numeric without a type modifier; 22P02, 22003. */
export function parseNumeric(text: string): Numeric {
  const fast = parseFast(text);
  if (fast) return fast;
  const match = DECIMAL.exec(text);
  if (!match) return parseUnusual(text);
  const whole = (match[2] ?? '').replaceAll('_', '');
  const fraction = (match[3] ?? match[4] ?? '').replaceAll('_', '');
  let scale = fraction.length;
  let unscaled = BigInt(whole + fraction);
  if (match[5] !== undefined) {
    const exponent = Number(match[5].replaceAll('_', ''));
    if (Math.abs(exponent) >= 1073741823) throw overflow();
    scale -= exponent;
    if (scale < 0) {
      if (digitCount(unscaled) - scale > NUMERIC_MAX_INTEGER_DIGITS) throw overflow();
      unscaled *= pow10(-scale);
      scale = 0;
    }
    if (scale > NUMERIC_DSCALE_MAX) throw overflow();
  }
  return makeResult(match[1] === '-' ? -unscaled : unscaled, scale);
}

/** numeric_out. */
export function formatNumeric(value: Numeric): string {
  if (value.special !== '') return value.special;
  return formatScaled(value.unscaled, value.scale);
}

/** Text of unscaled / 10^scale. */
export function formatScaled(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Divides rounding half away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const remainder = dividend - quotient * divisor;
  if (remainder === 0n) return quotient;
  if (2n * absBig(remainder) < absBig(divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** The unscaled value at another scale (which may be negative), rounded half away from zero. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to === from) return unscaled;
  return to > from ? unscaled * pow10(to - from) : divideRounded(unscaled, pow10(from - to));
}

/** Rounds to `scale` digits after the point; a negative scale rounds before it (the display scale is then 0). */
export function roundNumeric(value: Numeric, scale: number): Numeric {
  if (value.special !== '' || scale === value.scale) return value;
  if (scale >= 0) return makeResult(rescale(value.unscaled, value.scale, scale), scale);
  return makeResult(rescale(value.unscaled, value.scale, scale) * pow10(-scale), 0);
}

/** Cuts to `scale` digits after the point, toward zero. */
export function truncateNumeric(value: Numeric, scale: number): Numeric {
  if (value.special !== '' || scale >= value.scale) {
    return scale > value.scale && value.special === '' ? makeResult(rescale(value.unscaled, value.scale, scale), scale) : value;
  }
  const cut = value.unscaled / pow10(value.scale - scale);
  return scale >= 0 ? makeResult(cut, scale) : makeResult(cut * pow10(-scale), 0);
}

const rank = (value: Numeric): number =>
  value.special === '' ? 0 : value.special === 'NaN' ? 2 : value.special === 'Infinity' ? 1 : -1;

/** Order with -Infinity first, Infinity and NaN last; NaN equals NaN. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  if (a.special !== '' || b.special !== '') return rank(a) - rank(b);
  let x = a.unscaled;
  let y = b.unscaled;
  if (a.scale < b.scale) x *= pow10(b.scale - a.scale);
  else if (b.scale < a.scale) y *= pow10(a.scale - b.scale);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** -1, 0, 1; NaN counts as positive. */
export function signOf(value: Numeric): number {
  if (value.special !== '') return value.special === '-Infinity' ? -1 : 1;
  return value.unscaled === 0n ? 0 : value.unscaled < 0n ? -1 : 1;
}

/** PostgreSQL's leading base-10000 digit and its weight; zero has weight 0 and digit 0. */
export function leadingDigit(value: Numeric): { readonly weight: number; readonly first: number } {
  const small = Math.abs(Number(value.unscaled));
  if (small < 1e15 && small !== 0) {
    const count = smallDigitCount(small);
    const exponent = count - 1 - value.scale;
    const weight = Math.floor(exponent / 4);
    const shift = exponent - 4 * weight + 1 - count;
    return { weight, first: shift >= 0 ? small * 10 ** shift : Math.floor(small / 10 ** -shift) };
  }
  const digits = digitCount(value.unscaled);
  if (digits === 0) return { weight: 0, first: 0 };
  const exponent = digits - 1 - value.scale;
  const weight = Math.floor(exponent / 4);
  const width = exponent - 4 * weight + 1;
  const magnitude = absBig(value.unscaled);
  const first = digits >= width ? Number(magnitude / pow10(digits - width)) : Number(magnitude) * 10 ** (width - digits);
  return { weight, first };
}

const VARHDRSZ = 4;

/** Precision and scale of a typmod, or undefined when there is none. */
export function splitTypmod(typmod: number): { readonly precision: number; readonly scale: number } | undefined {
  if (typmod < VARHDRSZ) return undefined;
  return { precision: ((typmod - VARHDRSZ) >> 16) & 0xffff, scale: (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024 };
}

/** Packs precision and scale; 22023 when out of range. */
export function makeTypmod(precision: number, scale: number): number {
  if (precision < 1 || precision > NUMERIC_MAX_PRECISION) {
    throw pgError('INVALID_PARAMETER_VALUE', `NUMERIC precision ${precision} must be between 1 and 1000`);
  }
  if (scale < -1000 || scale > 1000) {
    throw pgError('INVALID_PARAMETER_VALUE', `NUMERIC scale ${scale} must be between -1000 and 1000`);
  }
  return ((precision << 16) | (scale & 0x7ff)) + VARHDRSZ;
}

/** Rounds to the modifier's scale and checks its precision; 22003. */
export function applyTypmod(value: Numeric, typmod: number): Numeric {
  const modifier = splitTypmod(typmod);
  if (!modifier || value.special === 'NaN') return value;
  const { precision, scale } = modifier;
  if (value.special !== '') {
    throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} cannot hold an infinite value.`,
    });
  }
  const rounded = roundNumeric(value, scale);
  const maxDigits = precision - scale;
  if (rounded.unscaled !== 0n && digitCount(rounded.unscaled) - rounded.scale > maxDigits) {
    throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'numeric field overflow', {
      detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than ${
        maxDigits ? `10^${maxDigits}` : '1'}.`,
    });
  }
  return rounded;
}
