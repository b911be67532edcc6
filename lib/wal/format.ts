/**
 * The log's layout: what writer and reader share. An LSN is a byte position in the stream; the stream is cut into
 * segments of 16 MiB, each a file that starts with a segment header. Records follow one another, aligned to 8 bytes,
 * and never span segments. `README.md` draws it; `test/wal` holds golden bytes. Numbers are never reused.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { crc32c } from '../codec/crc32c.js';

/** First bytes of every segment. */
export const SEGMENT_MAGIC = Buffer.from('PGLTWAL\0', 'latin1');
export const LOG_FORMAT_VERSION = 1;
export const SEGMENT_BYTES = 16 << 20;
export const SEGMENT_HEADER_BYTES = 40;
export const RECORD_HEADER_BYTES = 32;
/** Largest payload of one record; whoever has more writes several. */
export const MAX_PAYLOAD_BYTES = 8 << 20;
/** The first segment that exists; the stream's first record stands behind its header. LSN 0 stays "none". */
export const FIRST_SEGMENT = 1;
export const FIRST_LSN = lsn(FIRST_SEGMENT * SEGMENT_BYTES + SEGMENT_HEADER_BYTES);

/** Record types of the log itself; the engine's start at `FIRST_USER_TYPE`. */
export const RECORD_TYPE = {
  /** Fills the tail of a segment; only its header is checksummed. */
  pad: 1,
  /** Carries nothing but the header: proof that everything below its synced LSN was durable. */
  mark: 2,
} as const;
export const FIRST_USER_TYPE = 16;

/** Byte offsets in a record header. */
export const RECORD = {
  /** u32: CRC32C of bytes [4, 32 + length) (pad: [4, 32)). */
  crc: 0,
  /** u32: bytes of payload. */
  length: 4,
  /** u64: the record's LSN (its first byte), so that stale bytes of a recycled segment are never taken for records. */
  lsn: 8,
  /** u32: LSN minus the previous record's LSN; 0 for the very first record. */
  previousDistance: 16,
  /** u32: the previous record's CRC: a running checksum of the whole log. */
  previousCrc: 20,
  /** u32: LSN minus the log's durable prefix when the record was appended (saturated). */
  unsyncedBytes: 24,
  /** u8, then three zero bytes. */
  type: 28,
} as const;

/** Where a log ends and what its last record was: what a writer needs to go on. */
export interface LogPosition {
  /** The next record's LSN, or a segment's end. */
  readonly endLsn: Lsn;
  /** `INVALID_LSN` before the first record. */
  readonly lastRecordLsn: Lsn;
  /** CRC of the last record: the running checksum at `endLsn`. */
  readonly lastCrc: number;
}

/** A log without records. */
export const EMPTY_LOG: LogPosition = { endLsn: FIRST_LSN, lastRecordLsn: lsn(0), lastCrc: 0 };

/** Who a log belongs to. */
export interface LogIdentity {
  readonly systemIdentifier: bigint;
  readonly timeline: number;
}

/** Bytes that a record with so much payload takes in the stream. */
export function recordBytes(payloadLength: number): number {
  return (RECORD_HEADER_BYTES + payloadLength + 7) & ~7;
}

/** Number of the segment that holds the byte at `position`. */
export function segmentOf(position: number): number {
  return Math.floor(position / SEGMENT_BYTES);
}

/** The file name of a segment, as PostgreSQL names its own: timeline, then the segment number in two parts. */
export function segmentName(timeline: number, segment: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(segment / 256)) + hex(segment % 256);
}

/** Reads a segment's file name; null for other names. */
export function parseSegmentName(name: string): { timeline: number; segment: number } | null {
  if (!/^[0-9A-F]{24}$/.test(name)) return null;
  const low = parseInt(name.slice(16), 16);
  if (low > 255) return null;
  return { timeline: parseInt(name.slice(0, 8), 16), segment: parseInt(name.slice(8, 16), 16) * 256 + low };
}

/** Writes the header of a segment into `target` at `offset`. */
export function writeSegmentHeader(target: Buffer, offset: number, identity: LogIdentity, segment: number): void {
  SEGMENT_MAGIC.copy(target, offset);
  target.writeUInt32LE(LOG_FORMAT_VERSION, offset + 8);
  target.writeUInt32LE(identity.timeline, offset + 12);
  target.writeBigUInt64LE(identity.systemIdentifier, offset + 16);
  target.writeBigUInt64LE(BigInt(segment * SEGMENT_BYTES), offset + 24);
  target.writeUInt32LE(SEGMENT_BYTES, offset + 32);
  target.writeUInt32LE(crc32c(target, offset, offset + 36), offset + 36);
}

/** What a segment header says. */
export interface SegmentHeader {
  readonly version: number;
  readonly timeline: number;
  readonly systemIdentifier: bigint;
  readonly startLsn: number;
}

/** Reads a segment header; null when it is not a sound one. A sound header of another version is returned as it is. */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < SEGMENT_HEADER_BYTES || SEGMENT_MAGIC.compare(bytes, 0, 8) !== 0) return null;
  if (bytes.readUInt32LE(36) !== crc32c(bytes, 0, 36)) return null;
  return {
    version: bytes.readUInt32LE(8),
    timeline: bytes.readUInt32LE(12),
    systemIdentifier: bytes.readBigUInt64LE(16),
    startLsn: Number(bytes.readBigUInt64LE(24)),
  };
}
