/**
 * Whether bytes are a record of the log: the checks that whoever reads the log shares, from a file or from a connection.
 */
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import { crc32c, wordsCrc32c } from '../codec/crc32c.js';
import { readU32 } from '../codec/little-endian.js';
import { MAX_PAYLOAD_BYTES, RECORD, RECORD_HEADER_BYTES, RECORD_TYPE, recordBytes } from './format.js';

/** One record as read: its payload stands in `bytes` from `start` to `end`, and stays there as long as its source, which alone changes it, says. */
export class LogRecord {
  /** `lsn`: its first byte; `endLsn`: its end, what `LogWriter.append` returned. */
  constructor(public type: number, public lsn: Lsn, public endLsn: Lsn, public bytes: Buffer, public start: number, public end: number) {}

  /** A view of the payload. Making one costs more than reading a small record: who reads many does without. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }
}

/** The record before: what the next one must name. */
export interface RecordLink {
  readonly lastRecordLsn: number;
  readonly lastCrc: number;
}

/** The LSN that a record header names. */
export function statedLsn(bytes: Buffer, offset: number): number {
  return readU32(bytes, offset + RECORD.lsn) + readU32(bytes, offset + RECORD.lsn + 4) * 0x1_0000_0000;
}

/** Length of the payload of the record whose header stands at `offset`, or why it cannot be the one at LSN `start`, with `rest` bytes left in its segment. */
export function payloadLength(bytes: Buffer, offset: number, start: number, rest: number): number | string {
  const length = readU32(bytes, offset + RECORD.length);
  const isPad = bytes[offset + RECORD.type] === RECORD_TYPE.pad;
  if (recordBytes(length) > rest || (length > MAX_PAYLOAD_BYTES && !isPad)) return `invalid record length ${length}`;
  if (statedLsn(bytes, offset) !== start) return 'unexpected record position';
  return length;
}

/** How many bytes of a record its checksum covers and a reader needs: a pad is its header. */
export function checkedBytes(bytes: Buffer, offset: number, length: number): number {
  return bytes[offset + RECORD.type] === RECORD_TYPE.pad ? RECORD_HEADER_BYTES : RECORD_HEADER_BYTES + length;
}

/**
 * Why the record of `checked` bytes at `offset` (LSN `start`) is not sound, or not the successor of `link` (null: not known); null when it is.
 * `words`: the bytes as words, where they are aligned as the log is.
 */
export function recordFault(bytes: Buffer, offset: number, checked: number, start: number, link: RecordLink | null, words: Int32Array | null = null): string | null {
  const crc = words === null ? crc32c(bytes, offset + 4, offset + checked) : wordsCrc32c(words, bytes, offset + 4, offset + checked);
  if (readU32(bytes, offset + RECORD.crc) !== crc) return 'invalid record checksum';
  if (link === null) return null;
  const distance = readU32(bytes, offset + RECORD.previousDistance);
  const previous = distance === 0 ? INVALID_LSN : start - distance;
  const follows = previous === link.lastRecordLsn && readU32(bytes, offset + RECORD.previousCrc) === link.lastCrc;
  return follows ? null : 'the record does not follow its predecessor';
}
