/**
 * What stands behind a key: the value itself with its checksum, or the place of a value in the value files. The two are told apart by the
 * checksum: that of a place is inverted.
 *
 * The checksum is zlib's CRC-32, which is native code: 35 KB, a chunk, take 10 µs, from the first one on. Values were written with
 * CRC32C before (27 µs, once the loop is compiled) and are read as they are.
 */
import { crc32 } from 'node:zlib';
import { pgError, type PgError } from '../base/error.js';
import { crc32c } from '../codec/crc32c.js';
import type { ReadValue } from './kv.js';

/** Where a value lies in the value files, and its CRC-32. */
export interface ValuePlace {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
}

const CHECKSUM_BYTES = 4;
/** file u32, offset u48, length u32, checksum u32. */
const PLACE_BYTES = 18;

/** The value as stored: with its checksum behind it, so that the value keeps its alignment. */
export function sealValue(value: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES);
  stored.set(value);
  stored.writeUInt32LE(crc32(value), value.length);
  return stored;
}

/** A place as stored. */
export function sealPlace({ file, offset, length, checksum }: ValuePlace): Buffer {
  const stored = Buffer.allocUnsafe(PLACE_BYTES + CHECKSUM_BYTES);
  stored.writeUInt32LE(file, 0);
  stored.writeUIntLE(offset, 4, 6);
  stored.writeUInt32LE(length, 10);
  stored.writeUInt32LE(checksum, 14);
  stored.writeUInt32LE(invertedChecksum(stored), PLACE_BYTES);
  return stored;
}

function invertedChecksum(stored: Buffer): number {
  return ~crc32(stored.subarray(0, PLACE_BYTES)) >>> 0;
}

/** The place that is stored; null when it is a value. */
export function placeIn(stored: Buffer): ValuePlace | null {
  if (stored.length !== PLACE_BYTES + CHECKSUM_BYTES || stored.readUInt32LE(PLACE_BYTES) !== invertedChecksum(stored)) return null;
  return { file: stored.readUInt32LE(0), offset: stored.readUIntLE(4, 6), length: stored.readUInt32LE(10), checksum: stored.readUInt32LE(14) };
}

/** The value without its checksum; null when that does not fit. */
export function valueIn(stored: Buffer): Buffer | null {
  const length = stored.length - CHECKSUM_BYTES;
  if (length < 0) return null;
  const value = stored.subarray(0, length);
  const checksum = stored.readUInt32LE(length);
  return checksum === crc32(value) || checksum === crc32c(stored, 0, length) ? value : null;
}

/** A value that was read, checked; null when it is damaged. */
export function checkedValue({ value, checksum }: ReadValue): Uint8Array | null {
  return checksum === null || crc32(value) === checksum ? value : null;
}

/** XX001 for a value whose checksum does not fit, or that is not where its place says. */
export function damagedValue(key: Uint8Array): PgError {
  return pgError('DATA_CORRUPTED', `invalid checksum in the stored value of key ${Buffer.from(key).toString('hex')}`);
}
