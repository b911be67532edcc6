/**
 * to_char for numbers: walks a picture over the digits of a number (PostgreSQL's NUM_processor).
 */
import { pgError } from '../../base/error.js';
import type { Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { multiplyNumeric } from '../numeric/arithmetic.js';
import { absBig, digitCount, divideRounded, formatNumeric, formatScaled, pow10, roundNumeric } from '../numeric/core.js';
import { roundHalfEven } from '../scalar/float.js';
import { multiplyInt8 } from '../scalar/int8.js';
import { parsePicture, type Picture, type PictureKey } from './number-picture.js';
import { toRoman } from './roman.js';

/** English ordinal ending of a number's text. */
function ordinal(text: string): string {
  const last = text[text.length - 1];
  if (last === undefined || last < '0' || last > '9') throw pgError('INVALID_TEXT_REPRESENTATION', `"${text}" is not a number`);
  if (text.length > 1 && text[text.length - 2] === '1') return 'th';
  return { 1: 'st', 2: 'nd', 3: 'rd' }[last] ?? 'th';
}

/** Writes one number through one picture. */
class NumberWriter {
  private out = '';
  private at = 0;
  private current = 0;
  private inNumber = false;
  private signWritten = false;
  private count: number;
  private lastRelevant = -1;
  /** Where the digits ran out before the picture did ("NaN"): nothing behind that is shown. */
  private cutAt = Infinity;
  private readonly zeroStart: number;

  constructor(
    private readonly picture: Picture, private readonly digits: string, private readonly spaces: number, private readonly sign: '+' | '-' | '',
  ) {
    this.zeroStart = picture.zeroStart === 0 ? 0 : picture.zeroStart - 1;
    this.prepareSign();
    this.count = picture.post + picture.pre - 1;
    if (picture.fillMode && picture.decimal) this.findLastRelevant();
    if (!this.signWritten && spaces === 0) this.count++;
  }

  private prepareSign(): void {
    const { picture, sign } = this;
    if (picture.plus || picture.minus) {
      this.signWritten = !(picture.plus && !picture.minus);
      return;
    }
    if (sign !== '-' && picture.fillMode) picture.bracket = false;
    this.signWritten = sign === '+' && picture.fillMode && picture.localeSign === 'none';
    if (picture.localeSign === 'pre' && picture.pre === picture.digitsBeforeSign) picture.localeSign = 'post';
  }

  /** With FM, zeros behind the last relevant decimal digit are left out, but not those that a 0 asks for. */
  private findLastRelevant(): void {
    const point = this.digits.indexOf('.');
    if (point < 0) return;
    this.lastRelevant = point;
    for (let i = point + 1; i < this.digits.length; i++) if (this.digits[i] !== '0') this.lastRelevant = i;
    if (this.picture.zeroEnd > this.spaces) {
      this.lastRelevant = Math.max(this.lastRelevant, Math.min(this.digits.length - 1, this.picture.zeroEnd - this.spaces));
    }
  }

  /** "9.9" shows 0.1 as " .1". */
  private leadingZeroHidden(): boolean {
    return !this.picture.zero && this.at === 0 && this.digits[0] === '0' && this.picture.post !== 0;
  }

  private endsAtPoint(): boolean {
    return this.lastRelevant >= 0 && this.digits[this.lastRelevant] === '.';
  }

  private writeSign(): void {
    const { picture } = this;
    const due = this.current >= this.spaces || (picture.zero && this.zeroStart === this.current);
    if (this.signWritten || !due || (this.leadingZeroHidden() && !this.endsAtPoint())) return;
    if (picture.localeSign !== 'none') {
      if (picture.localeSign === 'pre') {
        this.out += this.sign === '-' ? '-' : '+';
        this.signWritten = true;
      }
    } else if (picture.bracket) {
      this.out += this.sign === '+' ? ' ' : '<';
      this.signWritten = true;
    } else if (this.sign === '+') {
      if (!picture.fillMode) this.out += ' ';
      this.signWritten = true;
    } else if (this.sign === '-') {
      this.out += '-';
      this.signWritten = true;
    }
  }

  private writeDigit(key: PictureKey): void {
    const { picture } = this;
    const digit = this.digits[this.at] ?? '';
    if (digit === '.') {
      if (!this.endsAtPoint() || picture.fillMode) this.out += '.';
    } else if (this.lastRelevant >= 0 && this.at > this.lastRelevant && key !== '0') {
      // An irrelevant zero: nothing stands for it.
    } else if (this.leadingZeroHidden()) {
      if (!picture.fillMode) this.out += ' ';
      else if (this.endsAtPoint()) this.out += '0';
    } else {
      if (digit === '') this.cutAt = Math.min(this.cutAt, this.out.length);
      this.out += digit;
      this.inNumber = true;
    }
    if (digit !== '') this.at++;
  }

  private writePlace(key: PictureKey): void {
    const { picture } = this;
    this.inNumber = false;
    this.writeSign();
    if (this.current < this.spaces && (this.zeroStart > this.current || !picture.zero)) {
      if (!picture.fillMode) this.out += ' ';
    } else if (picture.zero && this.current < this.spaces && this.zeroStart <= this.current) {
      this.out += '0';
      this.inNumber = true;
    } else {
      this.writeDigit(key);
    }
    let end = this.count + (this.spaces > 0 ? 1 : 0) + (picture.decimal ? 1 : 0);
    if (this.lastRelevant >= 0 && this.lastRelevant === this.at) end = this.current;
    if (this.current + 1 === end) {
      if (this.signWritten && picture.bracket) this.out += this.sign === '+' ? ' ' : '>';
      else if (picture.localeSign === 'post') this.out += this.sign === '-' ? '-' : '+';
    }
    this.current++;
  }

  private writeKey(key: PictureKey): void {
    const { picture } = this;
    switch (key) {
      case '9': case '0': case '.': case 'D':
        if (!picture.roman) this.writePlace(key);
        break;
      case ',': case 'G':
        if (this.inNumber) this.out += ',';
        else if (!picture.fillMode) this.out += ' ';
        break;
      case 'L': this.out += ' '; break;
      case 'RN': case 'rn': {
        const numeral = key === 'rn' ? this.digits.toLowerCase() : this.digits;
        this.out += picture.fillMode ? numeral : numeral.padStart(15);
        break;
      }
      case 'TH': case 'th':
        if (!picture.roman && this.digits[0] !== '#' && this.sign !== '-' && !picture.decimal) {
          this.out += key === 'TH' ? ordinal(this.digits).toUpperCase() : ordinal(this.digits);
        }
        break;
      case 'MI':
        if (this.sign === '-') this.out += '-';
        else if (!picture.fillMode) this.out += ' ';
        break;
      case 'PL':
        if (this.sign === '+') this.out += '+';
        else if (!picture.fillMode) this.out += ' ';
        break;
      case 'SG': this.out += this.sign; break;
      default: break;
    }
  }

  write(): string {
    if (this.picture.exponent) return this.digits;
    for (const item of this.picture.items) {
      if ('key' in item) this.writeKey(item.key);
      else this.out += item.text;
    }
    return this.cutAt === Infinity ? this.out : this.out.slice(0, this.cutAt);
  }
}

/** Hash signs for what does not fit. */
function overflowDigits(picture: Picture): string {
  return `${'#'.repeat(picture.pre)}.${'#'.repeat(picture.post)}`;
}

/** Lays out signed digits ("-12.50") by the picture. */
function layout(picture: Picture, text: string): string {
  const negative = text[0] === '-';
  let digits = negative ? text.slice(1) : text;
  const point = digits.indexOf('.');
  const before = point < 0 ? digits.length : point;
  let spaces = 0;
  if (before < picture.pre) spaces = picture.pre - before;
  else if (before > picture.pre) digits = overflowDigits(picture);
  return new NumberWriter(picture, digits, spaces, negative ? '-' : '+').write();
}

/** Hash signs in place of a number in scientific form. */
function overflowExponent(picture: Picture): string {
  const text = '#'.repeat(picture.pre + picture.post + 6);
  return ` ${text.slice(1, picture.pre + 1)}.${text.slice(picture.pre + 2)}`;
}

/** C's %e exponent: sign and at least two digits. */
function exponentText(exponent: number): string {
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** Scientific form of a numeric; the exponent is that of the value before rounding. */
function scientific(value: Numeric, scale: number): string {
  const exponent = value.unscaled === 0n ? 0 : digitCount(value.unscaled) - 1 - value.scale;
  const shift = scale - exponent - value.scale;
  const mantissa = shift >= 0 ? value.unscaled * pow10(shift) : divideRounded(value.unscaled, pow10(-shift));
  return formatScaled(mantissa, scale) + exponentText(exponent);
}

const padSign = (text: string): string => (text[0] === '-' ? text : ` ${text}`);

/** Digits of a Roman numeral through a picture. */
function roman(picture: Picture, value: number): string {
  return new NumberWriter(picture, toRoman(value), 0, '').write();
}

const INT4_MAX = 2147483647;

/** to_char(numeric, text). */
export function numericToChar(value: Numeric, format: string): string {
  if (format === '') return '';
  const picture = parsePicture(format);
  if (picture.roman) {
    const rounded = value.special === '' ? roundNumeric(value, 0).unscaled : BigInt(INT4_MAX);
    return roman(picture, absBig(rounded) > INT4_MAX ? INT4_MAX : Number(rounded));
  }
  if (picture.exponent) return value.special === '' ? padSign(scientific(value, picture.post)) : overflowExponent(picture);
  let shifted = value;
  if (picture.shifted) {
    shifted = multiplyNumeric(value, new Numeric(pow10(picture.multi), 0));
    picture.pre += picture.multi;
  }
  return layout(picture, formatNumeric(roundNumeric(shifted, picture.post)));
}

/** Appends the picture's decimal places to an integer. */
function withPlaces(text: string, places: number): string {
  return places > 0 ? `${text}.${'0'.repeat(places)}` : text;
}

/** to_char(integer, text). */
export function int4ToChar(value: number, format: string): string {
  if (format === '') return '';
  const picture = parsePicture(format);
  if (picture.roman) return roman(picture, value);
  if (picture.exponent) return padSign(floatScientific(value, picture.post));
  let shifted = value;
  if (picture.shifted) {
    shifted = Math.imul(value, Math.trunc(Math.min(10 ** picture.multi, INT4_MAX)));
    picture.pre += picture.multi;
  }
  return layout(picture, withPlaces(String(shifted), picture.post));
}

/** to_char(bigint, text); 22003. */
export function int8ToChar(value: Int8, format: string): string {
  if (format === '') return '';
  const picture = parsePicture(format);
  if (picture.roman) return roman(picture, value > INT4_MAX || value < -INT4_MAX ? INT4_MAX : Number(value));
  if (picture.exponent) return padSign(scientific(Numeric.fromInteger(value), picture.post));
  let shifted = value;
  if (picture.shifted) {
    shifted = multiplyInt8(value, 10 ** picture.multi);
    picture.pre += picture.multi;
  }
  return layout(picture, withPlaces(String(shifted), picture.post));
}

const bits = new DataView(new ArrayBuffer(8));

/** |value| exactly, as a fraction; finite values. */
function exactFraction(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  return exponent >= 0 ? { numerator: mantissa << BigInt(exponent), denominator: 1n } : { numerator: mantissa, denominator: 1n << BigInt(-exponent) };
}

/** Quotient of positive integers, ties to even. */
function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = 2n * (dividend - quotient * divisor);
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** C's %.*e: exact, ties to even. */
function floatScientific(value: number, places: number): string {
  const { numerator, denominator } = exactFraction(value);
  const shown = value.toExponential();
  let exponent = Number(shown.slice(shown.indexOf('e') + 1));
  const shift = places - exponent;
  let mantissa = shift >= 0 ? divideHalfEven(numerator * pow10(shift), denominator) : divideHalfEven(numerator, denominator * pow10(-shift));
  if (mantissa >= pow10(places + 1)) {
    mantissa /= 10n;
    exponent++;
  }
  return (value < 0 ? '-' : '') + formatScaled(mantissa, places) + exponentText(exponent);
}

/** C's %.*f, with PostgreSQL's names of what is not finite: the exact value, ties to even. */
export function fixedText(value: number, places: number): string {
  if (!Number.isFinite(value)) return String(value);
  const { numerator, denominator } = exactFraction(value);
  return (value < 0 || Object.is(value, -0) ? '-' : '') + formatScaled(divideHalfEven(numerator * pow10(places), denominator), places);
}

/** to_char(double precision, text) and, with fewer digits, to_char(real, text). */
export function floatToChar(value: number, format: string, maxDigits: number): string {
  if (format === '') return '';
  const picture = parsePicture(format);
  if (picture.roman) {
    const rounded = roundHalfEven(value);
    return roman(picture, rounded >= -2147483648 && rounded <= INT4_MAX ? rounded : INT4_MAX);
  }
  if (picture.exponent) return Number.isFinite(value) ? padSign(floatScientific(value, picture.post)) : overflowExponent(picture);
  let shifted = value;
  if (picture.shifted) {
    shifted = value * 10 ** picture.multi;
    if (maxDigits === 6) shifted = Math.fround(shifted);
    picture.pre += picture.multi;
  }
  const whole = fixedText(Math.abs(shifted), 0).length;
  if (whole >= maxDigits) picture.post = 0;
  else if (whole + picture.post > maxDigits) picture.post = maxDigits - whole;
  return layout(picture, fixedText(shifted, picture.post));
}
