/**
 * Text forms of integers: PostgreSQL's pg_strtoint16/32/64 rules (numutils.c): white space around, a sign, decimal,
 * 0x, 0o and 0b digits, underscores between digits.
 */
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { invalidSyntax, textOutOfRange } from '../errors.js';

const INTEGER =
  /^[ \t\n\v\f\r]*([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[0-9]+(?:_[0-9]+)*)[ \t\n\v\f\r]*$/;

function parseAny(text: string, type: string): bigint {
  const match = INTEGER.exec(text);
  if (!match) throw invalidSyntax(type, text);
  const magnitude = BigInt(match[2].replaceAll('_', '').toLowerCase());
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Plain decimal digits with an optional minus, at most 15 of them: the common case, without a regular expression. NaN otherwise. */
function parseFast(text: string): number {
  const length = text.length;
  let at = 0;
  const negative = text.charCodeAt(0) === 45;
  if (negative) at = 1;
  if (length - at > 15 || length === at) return NaN;
  let value = 0;
  for (; at < length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}

/** Parses an integer of at most 32 bits; 22P02, 22003. */
export function parseSmall(text: string, type: string, min: number, max: number): number {
  let value = parseFast(text);
  if (value !== value) {
    const big = parseAny(text, type);
    if (big < min || big > max) throw textOutOfRange(type, text);
    value = Number(big);
  }
  if (value < min || value > max) throw textOutOfRange(type, text);
  return value;
}

const INT8_MIN = -(2n ** 63n);
const INT8_MAX = 2n ** 63n - 1n;

/** Parses a bigint; 22P02, 22003. */
export function parseInt8(text: string): Int8 {
  const value = parseFast(text);
  if (value === value) return value;
  const big = parseAny(text, 'bigint');
  if (big < INT8_MIN || big > INT8_MAX) throw textOutOfRange('bigint', text);
  return normalizeInt8(big);
}

const UNSIGNED = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)[ \t\n\v\f\r]*$/;

function parseUnsigned(text: string, type: string): bigint {
  const match = UNSIGNED.exec(text);
  if (!match) throw invalidSyntax(type, text);
  const digits = match[2];
  const octal = digits.length > 1 && digits[0] === '0' && digits[1] !== 'x' && digits[1] !== 'X';
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Parses an oid-like value as strtoul does (base 0, a minus wraps around); 22P02, 22003. */
export function parseUint32(text: string, type: string): number {
  const value = parseFast(text);
  if (value >= 0 && value <= 0xffffffff && text.charCodeAt(0) !== 48) return value;
  if (!UNSIGNED.test(text)) throw invalidSyntax(type, text);
  const wrapped = uint32(text);
  if (Number.isNaN(wrapped)) throw textOutOfRange(type, text);
  return wrapped;
}

/** An unsigned integer of 32 bits from text that is one (strtoul); NaN when it is out of range. */
export function uint32(text: string): number {
  const big = parseUnsigned(text, 'oid');
  return big > 0xffffffffn || big < -0x80000000n ? NaN : Number(BigInt.asUintN(32, big));
}

/** Parses an xid8: unsigned 64 bits. */
export function parseUint64(text: string, type: string): Int8 {
  const big = parseUnsigned(text, type);
  if (big > 0xffffffffffffffffn || big < -0xffffffffffffffffn) throw textOutOfRange(type, text);
  return normalizeInt8(BigInt.asUintN(64, big));
}
