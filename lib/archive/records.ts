/**
 * Walking over the records in a range of the log's bytes, without a copy or an object a record: to prove that they are records before
 * they are archived, and to find the place where a restore must stop.
 */
import { pgError } from '../base/error.js';
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { crc32c } from '../codec/crc32c.js';
import type { Env } from '../env/env.js';
import {
  readSegmentHeader, RECORD, RECORD_HEADER_BYTES, RECORD_TYPE, recordBytes, SEGMENT_BYTES, SEGMENT_HEADER_BYTES,
} from '../wal/format.js';

/** The last record before a place: what the next one must be linked to. */
export interface RecordLink {
  readonly lsn: number;
  readonly crc: number;
}

/** One record's place: `content[payloadStart, payloadEnd)` is its payload. */
export type RecordVisitor = (type: number, start: Lsn, end: Lsn, payloadStart: number, payloadEnd: number) => boolean;

/** How to walk. */
export interface WalkOptions {
  readonly systemIdentifier: bigint;
  /** Compute the records' checksums. Not needed where the content's digest has been compared. */
  readonly checksums: boolean;
}

/** A walk over successive ranges of one log; it remembers the last record, so that links are checked across ranges. */
export class RecordWalk {
  private link: RecordLink | null = null;

  constructor(private readonly options: WalkOptions) {}

  /**
   * Visits the records of `content`, which begins at `start` (a record's start, or a segment's) and stays within one segment. Ends where
   * the visitor returns false, behind that record, or at the content's end; returns that position. XX001 where there is no record.
   */
  walk(content: Buffer, start: Lsn, visit: RecordVisitor): Lsn {
    let at: number = start;
    const end = start + content.length;
    if (at % SEGMENT_BYTES === 0) at = this.enterSegment(content, at);
    while (at < end) {
      const rest = SEGMENT_BYTES - (at % SEGMENT_BYTES);
      if (rest < RECORD_HEADER_BYTES) return lsn(Math.min(at + rest, end));
      const offset = at - start;
      const total = this.check(content, offset, at, rest);
      const length = content.readUInt32LE(offset + RECORD.length);
      this.link = { lsn: at, crc: content.readUInt32LE(offset + RECORD.crc) };
      const payloadStart = offset + RECORD_HEADER_BYTES;
      at += total;
      if (!visit(content[offset + RECORD.type], lsn(at - total), lsn(at), payloadStart, payloadStart + length)) break;
    }
    return lsn(at);
  }

  private enterSegment(content: Buffer, at: number): number {
    const header = readSegmentHeader(content);
    if (header === null || header.startLsn !== at || header.systemIdentifier !== this.options.systemIdentifier) {
      throw noRecord(at, 'the segment header is not one of this log');
    }
    return at + SEGMENT_HEADER_BYTES;
  }

  /** Bytes that the record at `offset` takes; XX001 when it is none. */
  private check(content: Buffer, offset: number, at: number, rest: number): number {
    if (content.length - offset < RECORD_HEADER_BYTES) throw noRecord(at, 'it ends within a record header');
    const length = content.readUInt32LE(offset + RECORD.length);
    const total = recordBytes(length);
    const own = content.readUInt32LE(offset + RECORD.lsn) + content.readUInt32LE(offset + RECORD.lsn + 4) * 0x1_0000_0000;
    if (own !== at) throw noRecord(at, 'unexpected record position');
    if (total > rest || offset + total > content.length) throw noRecord(at, 'it ends within a record');
    const distance = content.readUInt32LE(offset + RECORD.previousDistance);
    const { link } = this;
    if (link !== null && (at - distance !== link.lsn || content.readUInt32LE(offset + RECORD.previousCrc) !== link.crc)) {
      throw noRecord(at, 'the record does not follow its predecessor');
    }
    if (this.options.checksums) {
      const isPad = content[offset + RECORD.type] === RECORD_TYPE.pad;
      const checked = offset + RECORD_HEADER_BYTES + (isPad ? 0 : length);
      if (content.readUInt32LE(offset + RECORD.crc) !== crc32c(content, offset + 4, checked)) throw noRecord(at, 'invalid record checksum');
    }
    return total;
  }
}

/** Bytes walked between two turns of the event loop: 2 to 3 ms. */
const SLICE_BYTES = 2 << 20;

/** Walks over a whole range for the checks alone, letting others run. */
export async function checkRecords(env: Env, walk: RecordWalk, content: Buffer, start: Lsn): Promise<void> {
  const end = start + content.length;
  for (let at: number = start; at < end;) {
    const from = at;
    at = walk.walk(content.subarray(at - start), lsn(at), (_type, _start, recordEnd) => recordEnd - from < SLICE_BYTES);
    if (at < end) await new Promise<void>((resolve) => env.timers.soon(resolve));
  }
}

function noRecord(at: number, why: string): Error {
  return pgError('DATA_CORRUPTED', `invalid record in the log at ${formatLsn(lsn(at))}: ${why}`);
}
