/**
 * Bob Jenkins' lookup3 hash as PostgreSQL uses it (hashfn.c), so that hash partitions hold the same rows as there.
 */

const INIT = 0x9e3779b9 + 3923095;
let a = 0;
let b = 0;
let c = 0;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

function mix(): void {
  a = (a - c) | 0; a ^= rotate(c, 4); c = (c + b) | 0;
  b = (b - a) | 0; b ^= rotate(a, 6); a = (a + c) | 0;
  c = (c - b) | 0; c ^= rotate(b, 8); b = (b + a) | 0;
  a = (a - c) | 0; a ^= rotate(c, 16); c = (c + b) | 0;
  b = (b - a) | 0; b ^= rotate(a, 19); a = (a + c) | 0;
  c = (c - b) | 0; c ^= rotate(b, 4); b = (b + a) | 0;
}

function finish(): void {
  c ^= b; c = (c - rotate(b, 14)) | 0;
  a ^= c; a = (a - rotate(c, 11)) | 0;
  b ^= a; b = (b - rotate(a, 25)) | 0;
  c ^= b; c = (c - rotate(b, 16)) | 0;
  a ^= c; a = (a - rotate(c, 4)) | 0;
  b ^= a; b = (b - rotate(a, 14)) | 0;
  c ^= b; c = (c - rotate(b, 24)) | 0;
}

function seedWith(length: number, seed: bigint): void {
  a = b = c = (INIT + length) | 0;
  if (seed !== 0n) {
    a = (a + Number(seed >> 32n & 0xffffffffn)) | 0;
    b = (b + Number(seed & 0xffffffffn)) | 0;
    mix();
  }
}

function absorb(bytes: Uint8Array): void {
  let length = bytes.length;
  let at = 0;
  while (length >= 12) {
    a = (a + (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24))) | 0;
    b = (b + (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24))) | 0;
    c = (c + (bytes[at + 8] | (bytes[at + 9] << 8) | (bytes[at + 10] << 16) | (bytes[at + 11] << 24))) | 0;
    mix();
    at += 12;
    length -= 12;
  }
  const byte = (i: number): number => (i < length ? bytes[at + i] : 0);
  a = (a + (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24))) | 0;
  b = (b + (byte(4) | (byte(5) << 8) | (byte(6) << 16) | (byte(7) << 24))) | 0;
  c = (c + ((byte(8) << 8) | (byte(9) << 16) | (byte(10) << 24))) | 0;
  finish();
}

const extendedResult = (): bigint => (BigInt(b >>> 0) << 32n) | BigInt(c >>> 0);

/** hash_bytes as a signed 32-bit integer. */
export function hashBytes(bytes: Uint8Array): number {
  seedWith(bytes.length, 0n);
  absorb(bytes);
  return c;
}

/** hash_bytes_uint32 as a signed 32-bit integer. */
export function hashUint32(value: number): number {
  a = b = c = (INIT + 4) | 0;
  a = (a + value) | 0;
  finish();
  return c;
}

/** hash_bytes_extended as an unsigned 64-bit integer. */
export function hashBytesExtended(bytes: Uint8Array, seed: bigint): bigint {
  seedWith(bytes.length, BigInt.asUintN(64, seed));
  absorb(bytes);
  return extendedResult();
}

/** hash_bytes_uint32_extended as an unsigned 64-bit integer. */
export function hashUint32Extended(value: number, seed: bigint): bigint {
  seedWith(4, BigInt.asUintN(64, seed));
  a = (a + value) | 0;
  finish();
  return extendedResult();
}
