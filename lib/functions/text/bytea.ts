/**
 * bytea functions: substring, position, overlay, bits and bytes, trim, digests, encode and decode (PostgreSQL's
 * varlena.c, encode.c, cryptohashfuncs.c).
 */
import { createHash } from 'node:crypto';
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { outOfRange } from '../errors.js';
import { pure } from '../registry.js';
import { sendInt16, sendInt32, sendInt64 } from '../wire.js';
import { decodeEscape, decodeHex, encodeEscape, encodeHex } from './bytea-io.js';
import { negativeLength } from './strings.js';

const INT_MAX = 2147483647;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function substringBytes(bytes: Uint8Array, start: number, length?: number): Uint8Array {
  let end = bytes.length + 1;
  if (length !== undefined) {
    if (length < 0) throw negativeLength();
    end = Math.min(end, start + length);
  }
  const first = Math.max(start, 1);
  return end <= first ? new Uint8Array(0) : bytes.slice(first - 1, end - 1);
}

function overlayBytes(bytes: Uint8Array, replacement: Uint8Array, start: number, length: number): Uint8Array {
  if (start <= 0) throw negativeLength();
  if (start + length > INT_MAX) throw outOfRange('integer');
  return joinBytes(substringBytes(bytes, 1, start - 1), replacement, substringBytes(bytes, start + length));
}

pure('byteaoctetlen', (bytes: Uint8Array) => bytes.length);
pure('byteacat', (a: Uint8Array, b: Uint8Array) => joinBytes(a, b));
pure('bytea_substr', (bytes: Uint8Array, start: number, length: number) => substringBytes(bytes, start, length));
pure('bytea_substr_no_len', (bytes: Uint8Array, start: number) => substringBytes(bytes, start));
pure('byteaoverlay', overlayBytes);
pure('byteaoverlay_no_len', (bytes: Uint8Array, replacement: Uint8Array, start: number) =>
  overlayBytes(bytes, replacement, start, replacement.length));
pure('byteapos', (bytes: Uint8Array, part: Uint8Array) => asBuffer(bytes).indexOf(asBuffer(part)) + 1);
pure('bytea_reverse', (bytes: Uint8Array) => bytes.slice().reverse());
pure('bytea_bit_count', (bytes: Uint8Array) => {
  let count = 0;
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
});

function trimBytes(bytes: Uint8Array, set: Uint8Array, left: boolean, right: boolean): Uint8Array {
  let from = 0;
  let to = bytes.length;
  if (left) while (from < to && set.includes(bytes[from])) from++;
  if (right) while (to > from && set.includes(bytes[to - 1])) to--;
  return bytes.slice(from, to);
}
pure('byteatrim', (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, true));
pure('bytealtrim', (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, true, false));
pure('byteartrim', (bytes: Uint8Array, set: Uint8Array) => trimBytes(bytes, set, false, true));

/** Checks an index; 2202E. */
function checkIndex(index: Int8, length: number): number {
  if (index < 0 || index >= length) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', `index ${index} out of valid range, 0..${length - 1}`);
  }
  return Number(index);
}
pure('byteaGetByte', (bytes: Uint8Array, index: number) => bytes[checkIndex(index, bytes.length)]);
pure('byteaGetBit', (bytes: Uint8Array, index: Int8) => {
  const at = checkIndex(index, bytes.length * 8);
  return (bytes[Math.floor(at / 8)] >> (at % 8)) & 1;
});
pure('byteaSetByte', (bytes: Uint8Array, index: number, value: number) => {
  const at = checkIndex(index, bytes.length);
  const result = bytes.slice();
  result[at] = value;
  return result;
});
pure('byteaSetBit', (bytes: Uint8Array, index: Int8, value: number) => {
  const at = checkIndex(index, bytes.length * 8);
  if (value !== 0 && value !== 1) throw pgError('INVALID_PARAMETER_VALUE', 'new bit must be 0 or 1');
  const result = bytes.slice();
  const mask = 1 << (at % 8);
  if (value === 1) result[Math.floor(at / 8)] |= mask;
  else result[Math.floor(at / 8)] &= ~mask;
  return result;
});

pure('int2_bytea', sendInt16);
pure('int4_bytea', sendInt32);
pure('int8_bytea', sendInt64);
/** Big-endian two's complement of at most `width` bytes; 22003. */
function toInteger(bytes: Uint8Array, width: number, what: string): bigint {
  if (bytes.length > width) throw outOfRange(what);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * width, value);
}
pure('bytea_int2', (bytes: Uint8Array) => Number(toInteger(bytes, 2, 'smallint')));
pure('bytea_int4', (bytes: Uint8Array) => Number(toInteger(bytes, 4, 'integer')));
pure('bytea_int8', (bytes: Uint8Array) => normalizeInt8(toInteger(bytes, 8, 'bigint')));

pure('md5_text', (text: string) => createHash('md5').update(text, 'utf8').digest('hex'));
pure('md5_bytea', (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex'));
for (const algorithm of ['sha224', 'sha256', 'sha384', 'sha512']) {
  pure(`${algorithm}_bytea`, (bytes: Uint8Array) => Uint8Array.from(createHash(algorithm).update(bytes).digest()));
}

function makeCrcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}
function crc(table: Uint32Array): (bytes: Uint8Array) => number {
  return (bytes) => {
    let value = 0xffffffff;
    for (const byte of bytes) value = table[(value ^ byte) & 255] ^ (value >>> 8);
    return (value ^ 0xffffffff) >>> 0;
  };
}
pure('crc32_bytea', crc(makeCrcTable(0xedb88320)));
pure('crc32c_bytea', crc(makeCrcTable(0x82f63b78)));

function decodeBase64(text: string): Uint8Array {
  let digits = '';
  let padding = 0;
  for (const ch of text) {
    if (ch === ' ' || ch === '\t' || ch === '\n' || ch === '\r') continue;
    if (ch === '=') {
      if (padding === 0 && digits.length % 4 < 2) throw pgError('INVALID_PARAMETER_VALUE', 'unexpected "=" while decoding base64 sequence');
      padding++;
    } else if (!/[A-Za-z0-9+/]/.test(ch)) {
      throw pgError('INVALID_PARAMETER_VALUE', `invalid symbol "${ch}" found while decoding base64 sequence`);
    } else {
      digits += ch;
    }
  }
  if ((digits.length + padding) % 4 !== 0) {
    throw pgError('INVALID_PARAMETER_VALUE', 'invalid base64 end sequence', { hint: 'Input data is missing padding, is truncated, or is otherwise corrupted.' });
  }
  return Uint8Array.from(Buffer.from(digits, 'base64'));
}

function unrecognizedEncoding(name: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `unrecognized encoding: "${name}"`);
}

pure('binary_encode', (bytes: Uint8Array, name: string) => {
  switch (name.toLowerCase()) {
    case 'hex': return encodeHex(bytes);
    case 'base64': return asBuffer(bytes).toString('base64').replace(/.{76}(?=.)/g, '$&\n');
    case 'escape': return encodeEscapeHigh(bytes);
    default: throw unrecognizedEncoding(name);
  }
});

/** encode(..., 'escape') leaves ASCII control characters but zero as they are. */
function encodeEscapeHigh(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0 || byte > 127) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else if (byte === 0x5c) text += encodeEscape(Uint8Array.of(byte));
    else text += String.fromCharCode(byte);
  }
  return text;
}

pure('binary_decode', (text: string, name: string) => {
  switch (name.toLowerCase()) {
    case 'hex': return decodeHex(text);
    case 'base64': return decodeBase64(text);
    case 'escape': {
      const bytes = decodeEscape(text);
      if (!bytes) throw pgError('INVALID_TEXT_REPRESENTATION', 'invalid input syntax for type bytea');
      return bytes;
    }
    default: throw unrecognizedEncoding(name);
  }
});

