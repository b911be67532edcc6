/**
 * Bytes of binary values: network byte order, as the send and receive functions of PostgreSQL use.
 * A receive function gets the value's bytes as a `Uint8Array` where pg_proc says `internal`.
 */
import { normalizeInt8, type Int8 } from '../types/datum.js';
import { insufficientData } from './errors.js';

/** View over exactly `length` bytes; 08P01 when there are fewer. */
export function viewOf(bytes: Uint8Array, length: number): DataView {
  if (bytes.length < length) throw insufficientData();
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 16-bit integer, big-endian. */
export function sendInt16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 255, value & 255);
}

/** A 32-bit integer (signed or unsigned), big-endian. */
export function sendInt32(value: number): Uint8Array {
  return Uint8Array.of((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255);
}

/** A 64-bit integer, big-endian. */
export function sendInt64(value: Int8): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value));
  return bytes;
}

/** Reads a 64-bit signed integer into normal form. */
export function receiveInt64(bytes: Uint8Array): Int8 {
  return normalizeInt8(viewOf(bytes, 8).getBigInt64(0));
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** String of UTF-8 bytes. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
