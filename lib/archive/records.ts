/**
 * Walking over the records in a range of the log's bytes, without a copy or an object a record: to prove that they are records before
 * they are archived, and to find the place where a restore must stop.
 */
import { pgError } from '../base/error.js';
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import { readSegmentHeader, RECORD, RECORD_HEADER_BYTES, recordBytes, SEGMENT_BYTES, SEGMENT_HEADER_BYTES } from '../wal/format.js';
import { checkedBytes, payloadLength, recordFault, type RecordLink } from '../wal/record.js';

/** Sees a record; `content[payloadStart, payloadEnd)` is its payload. False ends the walk. */
export type RecordVisitor = (type: number, start: Lsn, end: Lsn, payloadStart: number, payloadEnd: number) => boolean;

/** A walk over successive ranges of one log; it remembers the last record, so that links are checked across ranges. */
export class RecordWalk {
  private link: RecordLink | null = null;

  constructor(private readonly systemIdentifier: bigint) {}

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
      const length = this.check(content, offset, at, rest);
      this.link = { lastRecordLsn: at, lastCrc: content.readUInt32LE(offset + RECORD.crc) };
      const payloadStart = offset + RECORD_HEADER_BYTES;
      const recordStart = lsn(at);
      at += recordBytes(length);
      if (!visit(content[offset + RECORD.type], recordStart, lsn(at), payloadStart, payloadStart + length)) break;
    }
    return lsn(at);
  }

  private enterSegment(content: Buffer, at: number): number {
    const header = readSegmentHeader(content);
    if (header === null || header.startLsn !== at || header.systemIdentifier !== this.systemIdentifier) {
      throw noRecord(at, 'the segment header is not one of this log');
    }
    return at + SEGMENT_HEADER_BYTES;
  }

  /** The payload's length of the sound record at `offset`; XX001 when it is none. */
  private check(content: Buffer, offset: number, at: number, rest: number): number {
    if (content.length - offset < RECORD_HEADER_BYTES) throw noRecord(at, 'it ends within a record header');
    const length = payloadLength(content, offset, at, rest);
    if (typeof length === 'string') throw noRecord(at, length);
    if (offset + recordBytes(length) > content.length) throw noRecord(at, 'it ends within a record');
    const fault = recordFault(content, offset, checkedBytes(content, offset, length), at, this.link);
    if (fault !== null) throw noRecord(at, fault);
    return length;
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
