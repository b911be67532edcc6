/**
 * bit and bit varying (PostgreSQL's varbit.c). Values are strings of 0 and 1: their order as strings is the type's order.
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type ArrayValue, type Int8 } from '../../types/datum.js';
import { insufficientData, outOfRange } from '../errors.js';
import { pure } from '../registry.js';
import { comparisonNames, registerNativeComparisons } from '../scalar/compare.js';
import { parseSmall } from '../scalar/int-text.js';
import { sendInt32 } from '../wire.js';
import { negativeLength, substring } from './strings.js';

/** Most bits of a modifier. */
const MAX_BITS = 83886080;

function readBits(text: string): string {
  const marked = /^[bB]/.test(text) || /^[xX]/.test(text);
  const hexadecimal = /^[xX]/.test(text);
  const digits = marked ? text.slice(1) : text;
  const wrong = (hexadecimal ? /[^0-9a-fA-F]/u : /[^01]/u).exec(digits);
  if (wrong) {
    throw pgError('INVALID_TEXT_REPRESENTATION', `"${wrong[0]}" is not a valid ${hexadecimal ? 'hexadecimal' : 'binary'} digit`);
  }
  return hexadecimal ? digits.replace(/./g, (digit) => parseInt(digit, 16).toString(2).padStart(4, '0')) : digits;
}

function wrongLength(bits: string, typmod: number): Error {
  return pgError('STRING_DATA_LENGTH_MISMATCH', `bit string length ${bits.length} does not match type bit(${typmod})`);
}

function tooLong(typmod: number): Error {
  return pgError('STRING_DATA_RIGHT_TRUNCATION', `bit string too long for type bit varying(${typmod})`);
}

function checkFixed(bits: string, typmod: number): string {
  if (typmod > 0 && bits.length !== typmod) throw wrongLength(bits, typmod);
  return bits;
}

function checkVarying(bits: string, typmod: number): string {
  if (typmod > 0 && bits.length > typmod) throw tooLong(typmod);
  return bits;
}

function send(bits: string): Uint8Array {
  const bytes = new Uint8Array(4 + Math.ceil(bits.length / 8));
  bytes.set(sendInt32(bits.length));
  for (let i = 0; i < bits.length; i++) if (bits[i] === '1') bytes[4 + (i >> 3)] |= 0x80 >> (i & 7);
  return bytes;
}

function receive(bytes: Uint8Array): string {
  if (bytes.length < 4) throw insufficientData();
  const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
  if (length < 0) throw pgError('INVALID_BINARY_REPRESENTATION', 'invalid length in external bit string');
  if (bytes.length < 4 + Math.ceil(length / 8)) throw insufficientData();
  let bits = '';
  for (let i = 0; i < length; i++) bits += bytes[4 + (i >> 3)] & (0x80 >> (i & 7)) ? '1' : '0';
  return bits;
}

for (const [type, check] of [['bit', checkFixed], ['varbit', checkVarying]] as const) {
  const name = type === 'bit' ? 'bit' : 'varbit';
  pure(`${name}_in`, (text: string, _type: number, typmod: number) => check(readBits(text), typmod));
  pure(`${name}_out`, (bits: string) => bits);
  pure(`${name}_send`, send);
  pure(`${name}_recv`, (bytes: Uint8Array, _type: number, typmod: number) => check(receive(bytes), typmod));
  pure(`${name}typmodin`, (modifiers: ArrayValue) => {
    const values = modifiers.elements.map((element) => parseSmall(String(element), 'integer', -2147483648, 2147483647));
    const label = type === 'bit' ? 'bit' : 'varbit';
    if (values.length !== 1) throw pgError('INVALID_PARAMETER_VALUE', 'invalid type modifier');
    if (values[0] < 1) throw pgError('INVALID_PARAMETER_VALUE', `length for type ${label} must be at least 1`);
    if (values[0] > MAX_BITS) throw pgError('INVALID_PARAMETER_VALUE', `length for type ${label} cannot exceed ${MAX_BITS}`);
    return values[0];
  });
  pure(`${name}typmodout`, (typmod: number) => (typmod >= 0 ? `(${typmod})` : ''));
}

pure('bit', (bits: string, typmod: number, explicit: boolean) => {
  if (typmod <= 0 || typmod > MAX_BITS || bits.length === typmod) return bits;
  if (!explicit) throw wrongLength(bits, typmod);
  return bits.slice(0, typmod).padEnd(typmod, '0');
});
pure('varbit', (bits: string, typmod: number, explicit: boolean) => {
  if (typmod <= 0 || bits.length <= typmod) return bits;
  if (!explicit) throw tooLong(typmod);
  return bits.slice(0, typmod);
});

registerNativeComparisons(comparisonNames('bit'));
pure('bitcmp', (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0));

function bitwise(name: string, verb: string, compute: (a: boolean, b: boolean) => boolean): void {
  pure(name, (a: string, b: string) => {
    if (a.length !== b.length) throw pgError('STRING_DATA_LENGTH_MISMATCH', `cannot ${verb} bit strings of different sizes`);
    let result = '';
    for (let i = 0; i < a.length; i++) result += compute(a[i] === '1', b[i] === '1') ? '1' : '0';
    return result;
  });
}
bitwise('bit_and', 'AND', (a, b) => a && b);
bitwise('bit_or', 'OR', (a, b) => a || b);
bitwise('bitxor', 'XOR', (a, b) => a !== b);
pure('bitnot', (bits: string) => bits.replace(/[01]/g, (bit) => (bit === '0' ? '1' : '0')));

/** Moves bits to the left (or, negative, to the right), zeros following. */
function shift(bits: string, by: number): string {
  if (Math.abs(by) >= bits.length) return '0'.repeat(bits.length);
  return by >= 0 ? bits.slice(by).padEnd(bits.length, '0') : bits.slice(0, by).padStart(bits.length, '0');
}
pure('bitshiftleft', (bits: string, by: number) => shift(bits, by));
pure('bitshiftright', (bits: string, by: number) => shift(bits, -by));

pure('bitcat', (a: string, b: string) => a + b);
pure('bitlength', (bits: string) => bits.length);
pure('bitoctetlength', (bits: string) => Math.ceil(bits.length / 8));
pure('bit_bit_count', (bits: string) => bits.length - bits.replaceAll('1', '').length);
pure('bitsubstr', (bits: string, start: number, length: number) => substring(bits, start, length));
pure('bitsubstr_no_len', (bits: string, start: number) => substring(bits, start));
pure('bitposition', (bits: string, part: string) => (bits === '' ? 0 : bits.indexOf(part) + 1));

function overlay(bits: string, replacement: string, start: number, length: number): string {
  if (start <= 0) throw negativeLength();
  if (start + length > 2147483647) throw outOfRange('integer');
  return substring(bits, 1, start - 1) + replacement + substring(bits, start + length);
}
pure('bitoverlay', overlay);
pure('bitoverlay_no_len', (bits: string, replacement: string, start: number) => overlay(bits, replacement, start, replacement.length));

function checkIndex(bits: string, index: number): void {
  if (index < 0 || index >= bits.length) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', `bit index ${index} out of valid range (0..${bits.length - 1})`);
  }
}
pure('bitgetbit', (bits: string, index: number) => {
  checkIndex(bits, index);
  return Number(bits[index]);
});
pure('bitsetbit', (bits: string, index: number, value: number) => {
  checkIndex(bits, index);
  if (value !== 0 && value !== 1) throw pgError('INVALID_PARAMETER_VALUE', 'new bit must be 0 or 1');
  return bits.slice(0, index) + value + bits.slice(index + 1);
});

/** The lowest bits of an integer, its sign extended to the left. */
function fromInteger(value: Int8, typmod: number): string {
  const width = typmod <= 0 || typmod > MAX_BITS ? 1 : typmod;
  return BigInt.asUintN(width, BigInt(value)).toString(2).padStart(width, '0');
}
pure('bitfromint4', fromInteger);
pure('bitfromint8', fromInteger);
pure('bittoint4', (bits: string) => {
  if (bits.length > 32) throw outOfRange('integer');
  return Number(BigInt.asIntN(32, BigInt(`0b${bits || '0'}`)));
});
pure('bittoint8', (bits: string) => {
  if (bits.length > 64) throw outOfRange('bigint');
  return normalizeInt8(BigInt.asIntN(64, BigInt(`0b${bits || '0'}`)));
});
