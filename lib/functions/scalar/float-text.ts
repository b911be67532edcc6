/**
 * Text forms of real and double precision: strtod's input rules, shortest-precise output in PostgreSQL's layout
 * (float.c, and the Ryu printer's choice between fixed and scientific notation).
 */
import { pgError } from '../../base/error.js';
import { invalidSyntax } from '../errors.js';

const DECIMAL = /^[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\v\f\r]*$/;
const SPECIAL = /^[ \t\n\v\f\r]*([+-]?)(nan|inf|infinity)[ \t\n\v\f\r]*$/i;
const HEXADECIMAL = /^[ \t\n\v\f\r]*([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?[ \t\n\v\f\r]*$/i;

/** Any spelling but a decimal number; undefined when it is none of those. */
function parseUnusual(text: string): number | undefined {
  const special = SPECIAL.exec(text);
  if (special) {
    if (special[2].toLowerCase() === 'nan') return NaN;
    return special[1] === '-' ? -Infinity : Infinity;
  }
  const hex = HEXADECIMAL.exec(text);
  if (!hex || (hex[2] === '' && hex[3] === '')) return undefined;
  const mantissa = Number(BigInt(`0x${hex[2]}${hex[3]}`));
  const value = mantissa * 2 ** (Number(hex[4] ?? 0) - 4 * hex[3].length);
  return hex[1] === '-' ? -value : value;
}

function rangeError(digits: string, type: string): Error {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', `"${digits}" is out of range for type ${type}`);
}

/** Made of the characters of decimal numbers only? */
function looksDecimal(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if ((unit < 48 || unit > 57) && unit !== 46 && unit !== 45 && unit !== 101 && unit !== 43) return false;
  }
  return true;
}

/** float8in; `typeName` names the type in the syntax error; 22P02, 22003. */
export function parseFloat8(text: string, typeName = 'double precision'): number {
  if (looksDecimal(text)) {
    const fast = Number(text);
    if (fast !== 0 && fast - fast === 0) return fast;
  }
  const match = DECIMAL.exec(text);
  if (!match) {
    const value = parseUnusual(text);
    if (value === undefined) throw invalidSyntax(typeName, text);
    return value;
  }
  const digits = match[1];
  const value = Number(digits);
  if (value === Infinity || value === -Infinity) throw rangeError(digits, 'double precision');
  if (value === 0 && /[1-9]/.test(digits.split(/[eE]/)[0])) throw rangeError(digits, 'double precision');
  return value;
}

/** Neighbour of a positive real, one step up or down. */
function neighbour(value: number, step: number): number {
  singles.setFloat32(0, value);
  singles.setInt32(0, singles.getInt32(0) + step);
  return singles.getFloat32(0);
}
const singles = new DataView(new ArrayBuffer(4));

/** Sign of (decimal text - the double it reads as), exactly. */
function compareToDouble(digits: string, double: number): number {
  const [mantissa, exponent = '0'] = digits.toLowerCase().replace(/^[+-]/, '').split('e');
  const [whole, fraction = ''] = mantissa.split('.');
  let left = BigInt(whole + fraction);
  const power = Number(exponent) - fraction.length;
  const scale = Math.max(0, 1 - Math.floor(Math.log2(double)) + 52);
  if (scale > 1000) return 0;
  let right = BigInt(double * 2 ** scale);
  left <<= BigInt(scale);
  if (power >= 0) left *= 10n ** BigInt(power);
  else right *= 10n ** BigInt(-power);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Decimal text to the nearest real: the way over a double rounds twice, which matters where the double lies half way. */
function roundToFloat4(digits: string): number {
  const double = Number(digits);
  const value = Math.fround(double);
  const magnitude = Math.abs(double);
  const single = Math.abs(value);
  if (single === magnitude || !Number.isFinite(single) || single === 0) return value;
  const other = neighbour(single, single < magnitude ? 1 : -1);
  if (magnitude - Math.min(single, other) !== Math.max(single, other) - magnitude) return value;
  const order = compareToDouble(digits, magnitude);
  if (order === 0) return value;
  const nearest = order > 0 ? Math.max(single, other) : Math.min(single, other);
  return double < 0 ? -nearest : nearest;
}

/** float4in; 22P02, 22003. */
export function parseFloat4(text: string): number {
  const match = DECIMAL.exec(text);
  if (!match) {
    const value = parseUnusual(text);
    if (value === undefined) throw invalidSyntax('real', text);
    return Math.fround(value);
  }
  const digits = match[1];
  const value = roundToFloat4(digits);
  if (value === Infinity || value === -Infinity) throw rangeError(digits, 'real');
  if (value === 0 && /[1-9]/.test(digits.split(/[eE]/)[0])) throw rangeError(digits, 'real');
  return value;
}

/** Lays out `digits` (first digit before the point) at decimal exponent `exponent`. */
function layout(negative: boolean, digits: string, exponent: number, fixedBelow: number): string {
  const sign = negative ? '-' : '';
  if (exponent < -4 || exponent >= fixedBelow) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const magnitude = Math.abs(exponent);
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${magnitude < 10 ? '0' : ''}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits + '0'.repeat(exponent + 1 - digits.length);
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Splits JavaScript's exponential form into digits and exponent. */
function fromExponential(text: string, fixedBelow: number): string {
  const negative = text[0] === '-';
  const at = text.indexOf('e');
  let digits = text.slice(negative ? 1 : 0, at).replace('.', '');
  digits = digits.replace(/0+$/, '') || '0';
  return layout(negative, digits, Number(text.slice(at + 1)), fixedBelow);
}

/** NaN, infinities and zeros; undefined for the rest. */
function specialText(value: number): string | undefined {
  if (value !== value) return 'NaN';
  if (value === Infinity) return 'Infinity';
  if (value === -Infinity) return '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return undefined;
}

/** printf's %.*g with `precision` significant digits: the form for extra_float_digits <= 0. */
export function formatGeneral(value: number, precision: number): string {
  const special = specialText(value);
  if (special !== undefined) return special;
  return fromExponential(value.toExponential(Math.max(precision, 1) - 1), Math.max(precision, 1));
}

/** float8out. */
export function formatFloat8(value: number, extraFloatDigits = 1): string {
  if (extraFloatDigits <= 0) return formatGeneral(value, 15 + extraFloatDigits);
  const magnitude = value < 0 ? -value : value;
  if (magnitude >= 1e-4 && magnitude < 1e15) return String(value);
  return specialText(value) ?? fromExponential(value.toExponential(), 15);
}

/** float4out. */
export function formatFloat4(value: number, extraFloatDigits = 1): string {
  if (extraFloatDigits <= 0) return formatGeneral(value, 6 + extraFloatDigits);
  const special = specialText(value);
  if (special !== undefined) return special;
  for (let fraction = 0; fraction < 9; fraction++) {
    const text = value.toExponential(fraction);
    if (Math.fround(Number(text)) === value) return fromExponential(text, 6);
  }
  return fromExponential(value.toExponential(8), 6);
}
