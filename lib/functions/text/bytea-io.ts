/**
 * bytea: input (hex and escape), output, comparison (PostgreSQL's varlena.c, encode.c).
 */
import { pgError } from '../../base/error.js';
import { compareBytes } from '../../types/collation.js';
import { pure, withContext } from '../registry.js';
import { comparisonNames, registerComparisons } from '../scalar/compare.js';

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Decodes hex digits with white space between pairs; 22023. */
export function decodeHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  let count = 0;
  for (let i = 0; i < text.length;) {
    const first = text.charCodeAt(i);
    if (first === 32 || first === 10 || first === 9 || first === 13) {
      i++;
      continue;
    }
    const high = hexDigit(first);
    if (high < 0) throw badHexDigit(text, i);
    if (i + 1 >= text.length) throw pgError('INVALID_PARAMETER_VALUE', 'invalid hexadecimal data: odd number of digits');
    const low = hexDigit(text.charCodeAt(i + 1));
    if (low < 0) throw badHexDigit(text, i + 1);
    bytes[count++] = (high << 4) | low;
    i += 2;
  }
  return count === bytes.length ? bytes : bytes.slice(0, count);
}

function badHexDigit(text: string, at: number): Error {
  return pgError('INVALID_PARAMETER_VALUE', `invalid hexadecimal digit: "${String.fromCodePoint(text.codePointAt(at)!)}"`);
}

/** Decodes the escape format: \\ and \ooo; undefined when it is malformed. */
export function decodeEscape(text: string): Uint8Array | undefined {
  const source = Buffer.from(text, 'utf8');
  const bytes = new Uint8Array(source.length);
  let count = 0;
  for (let i = 0; i < source.length; i++) {
    if (source[i] !== 0x5c) {
      bytes[count++] = source[i];
      continue;
    }
    if (source[i + 1] === 0x5c) {
      bytes[count++] = 0x5c;
      i++;
      continue;
    }
    const [a, b, c] = [source[i + 1] - 48, source[i + 2] - 48, source[i + 3] - 48];
    if (!(a >= 0 && a <= 3 && b >= 0 && b <= 7 && c >= 0 && c <= 7)) return undefined;
    bytes[count++] = (a << 6) | (b << 3) | c;
    i += 3;
  }
  return bytes.slice(0, count);
}

/** The escape format of bytes. */
export function encodeEscape(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x5c) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** Lower-case hex digits of bytes. */
export function encodeHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** byteain; 22P02, 22023. */
export function byteaIn(text: string): Uint8Array {
  if (text.charCodeAt(0) === 0x5c && text.charCodeAt(1) === 0x78) return decodeHex(text.slice(2));
  const bytes = decodeEscape(text);
  if (!bytes) throw pgError('INVALID_TEXT_REPRESENTATION', 'invalid input syntax for type bytea');
  return bytes;
}

/** byteaout in the session's format. */
export function byteaOut(bytes: Uint8Array, format: 'hex' | 'escape'): string {
  return format === 'hex' ? `\\x${encodeHex(bytes)}` : encodeEscape(bytes);
}

pure('byteain', byteaIn);
withContext('byteaout', (cx, a: Uint8Array) => byteaOut(a, cx.services.settings.byteaOutput));
pure('bytearecv', (bytes: Uint8Array) => bytes.slice());
pure('byteasend', (a: Uint8Array) => a);
registerComparisons(comparisonNames('bytea'), compareBytes, (a: Uint8Array, b: Uint8Array) => a.length === b.length && compareBytes(a, b) === 0);
pure('byteacmp', compareBytes);
pure('bytea_larger', (a: Uint8Array, b: Uint8Array) => (compareBytes(a, b) > 0 ? a : b));
pure('bytea_smaller', (a: Uint8Array, b: Uint8Array) => (compareBytes(a, b) < 0 ? a : b));
