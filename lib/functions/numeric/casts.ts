/**
 * Casts between numeric and the other number types, and numeric's binary form (base-10000 digits).
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { badBinary, outOfRange } from '../errors.js';
import { viewOf } from '../wire.js';
import { formatGeneral, parseFloat4, parseFloat8 } from '../scalar/float-text.js';
import { absBig, digitCount, formatNumeric, parseNumeric, pow10 } from './core.js';
import { roundToBigint } from './arithmetic.js';

function toBigint(value: Numeric, type: string): bigint {
  if (value.special !== '') {
    throw pgError('FEATURE_NOT_SUPPORTED', `cannot convert ${value.special === 'NaN' ? 'NaN' : 'infinity'} to ${type}`);
  }
  return roundToBigint(value);
}

/** numeric → smallint or integer; 22003, 0A000. */
export function numericToSmall(value: Numeric, type: string, min: number, max: number): number {
  const rounded = toBigint(value, type);
  if (rounded < min || rounded > max) throw outOfRange(type);
  return Number(rounded);
}

/** numeric → bigint; 22003, 0A000. */
export function numericToInt8(value: Numeric): Int8 {
  const rounded = toBigint(value, 'bigint');
  if (rounded !== BigInt.asIntN(64, rounded)) throw outOfRange('bigint');
  return normalizeInt8(rounded);
}

/** Powers of ten that a double has exactly. */
const EXACT_POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** numeric → double precision; 22003. Where digits and power are exact doubles, so is the rounding of their quotient (Clinger): no text is made. */
export function numericToFloat8(value: Numeric): number {
  if (value.special !== '') return Number(value.special);
  const { unscaled, scale } = value;
  if (scale < EXACT_POWERS.length && unscaled <= Number.MAX_SAFE_INTEGER && unscaled >= Number.MIN_SAFE_INTEGER) return Number(unscaled) / EXACT_POWERS[scale];
  return parseFloat8(formatNumeric(value));
}

/** numeric → real; 22003. */
export function numericToFloat4(value: Numeric): number {
  if (value.special !== '') return Number(value.special);
  return parseFloat4(formatNumeric(value));
}

/** double precision → numeric: 15 significant digits. */
export function float8ToNumeric(value: number): Numeric {
  return parseNumeric(formatGeneral(value, 15));
}

/** real → numeric: 6 significant digits. */
export function float4ToNumeric(value: number): Numeric {
  return parseNumeric(formatGeneral(value, 6));
}

const SIGN_NEGATIVE = 0x4000;
const SIGN_NAN = 0xc000;
const SIGN_PINF = 0xd000;
const SIGN_NINF = 0xf000;
/** What PostgreSQL sends in the place of an infinity's scale. */
const INFINITY_SCALE = 0x20;

/** Base-10000 digits of a finite value without leading and trailing zeros, and the first digit's weight. */
export function baseDigits(value: Numeric): { readonly digits: readonly number[]; readonly weight: number } {
  if (value.unscaled === 0n) return { digits: [], weight: 0 };
  const padding = (4 - (value.scale % 4)) % 4;
  let rest = absBig(value.unscaled) * pow10(padding);
  let weight = -(value.scale + padding) / 4;
  const digits: number[] = [];
  while (rest !== 0n) {
    const digit = Number(rest % 10000n);
    rest /= 10000n;
    if (digits.length > 0 || digit !== 0) digits.push(digit);
    else weight++;
  }
  return { digits: digits.reverse(), weight: weight + digits.length - 1 };
}

/** numeric_send. */
export function sendNumeric(value: Numeric): Uint8Array {
  const special = value.special;
  const { digits, weight } = special === '' ? baseDigits(value) : { digits: [], weight: 0 };
  const bytes = new Uint8Array(8 + 2 * digits.length);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, digits.length);
  view.setInt16(2, weight);
  const finiteSign = value.unscaled < 0n ? SIGN_NEGATIVE : 0;
  view.setUint16(4, special === '' ? finiteSign : special === 'NaN' ? SIGN_NAN : special === 'Infinity' ? SIGN_PINF : SIGN_NINF);
  view.setInt16(6, special === '' ? value.scale : special === 'NaN' ? 0 : INFINITY_SCALE);
  digits.forEach((digit, i) => view.setInt16(8 + 2 * i, digit));
  return bytes;
}

/** numeric_recv without a modifier; 22P03. */
export function receiveNumeric(bytes: Uint8Array): Numeric {
  const view = viewOf(bytes, 8);
  const count = view.getUint16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getUint16(6);
  if (sign === SIGN_NAN) return Numeric.NaN;
  if (sign === SIGN_PINF) return Numeric.Infinity;
  if (sign === SIGN_NINF) return Numeric.NegativeInfinity;
  if (sign !== 0 && sign !== SIGN_NEGATIVE) throw badBinary('invalid sign in external "numeric" value');
  if (scale > 0x3fff) throw badBinary('invalid scale in external "numeric" value');
  viewOf(bytes, 8 + 2 * count);
  let digits = 0n;
  for (let i = 0; i < count; i++) {
    const digit = view.getUint16(8 + 2 * i);
    if (digit >= 10000) throw badBinary('invalid digit in external "numeric" value');
    digits = digits * 10000n + BigInt(digit);
  }
  const digitScale = 4 * (count - 1 - weight);
  const unscaled = scale >= digitScale ? digits * pow10(scale - digitScale) : digits / pow10(digitScale - scale);
  return new Numeric(sign === SIGN_NEGATIVE ? -unscaled : unscaled, scale);
}

/** Smallest scale that loses nothing. */
export function minScale(value: Numeric): number {
  let scale = value.scale;
  let unscaled = value.unscaled;
  if (unscaled === 0n) return 0;
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return scale;
}

/** Decimal exponent of the first significant digit (0 for 1-9); value not zero. */
export function decimalExponent(value: Numeric): number {
  return digitCount(value.unscaled) - 1 - value.scale;
}
