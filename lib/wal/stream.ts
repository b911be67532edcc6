/**
 * The log as a stream of bytes: read raw for shipping (`StreamReader`), and verified as it arrives (`StreamVerifier`). Neither knows
 * what records mean.
 */
import { pgError } from '../base/error.js';
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { isEnvError, type Env, type OpenFile } from '../env/env.js';
import {
  FIRST_USER_TYPE, readSegmentHeader, RECORD, RECORD_HEADER_BYTES, recordBytes, SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName, segmentOf, type LogPosition,
} from './format.js';
import { checkedBytes, LogRecord, payloadLength, recordFault } from './record.js';

/** Reads the stream's bytes from a log's directory. The caller knows how far the log is durable. */
export class StreamReader {
  private file: OpenFile | null = null;
  private segment = -1;

  /** `timeline`: the newest one; a segment's file of the newest timeline that is not newer is read. */
  constructor(private readonly env: Env, private readonly directory: string, private readonly timeline: number) {}

  /**
   * Up to `most` bytes from `from` on, not past `limit` and not past the end of the segment: never none while `from < limit`. They stand
   * behind `headroom` bytes that are the caller's, so that a frame is built without copying.
   * 58P01 when the segment is not there any more, XX001 when it is shorter than it must be.
   */
  read(from: Lsn, limit: Lsn, most: number, headroom = 0): Buffer {
    const segment = segmentOf(from);
    if (segment !== this.segment) {
      this.close();
      this.file = this.open(segment);
      this.segment = segment;
    }
    const offset = from % SEGMENT_BYTES;
    const size = Math.min(most, limit - from, SEGMENT_BYTES - offset);
    const bytes = Buffer.allocUnsafeSlow(headroom + size);
    const count = this.file?.readSync(headroom === 0 ? bytes : bytes.subarray(headroom), offset) ?? 0;
    if (count < size) throw pgError('DATA_CORRUPTED', `WAL segment ${segmentName(this.timeline, segment)} ends at offset ${offset + count}, before the log does`);
    return bytes;
  }

  private open(segment: number): OpenFile {
    for (let timeline = this.timeline; timeline > 0; timeline--) {
      try {
        return this.env.files.open(`${this.directory}/${segmentName(timeline, segment)}`, 'read');
      } catch (error) {
        if (!isEnvError(error, 'ENOENT')) throw error;
      }
    }
    throw pgError('UNDEFINED_FILE', `requested WAL segment ${segmentName(this.timeline, segment)} has already been removed`);
  }

  close(): void {
    this.file?.closeSync();
    this.file = null;
    this.segment = -1;
  }
}

/** A record of the stream, with its checksum. */
export class StreamRecord extends LogRecord {
  constructor(type: number, position: Lsn, endLsn: Lsn, bytes: Buffer, start: number, end: number, readonly crc: number) {
    super(type, position, endLsn, bytes, start, end);
  }
}

/** Verified bytes of the stream, ending at `position`, and the records in them that are not the log's own. */
export interface VerifiedBytes {
  readonly bytes: Buffer;
  readonly position: LogPosition;
  readonly records: readonly StreamRecord[];
}

/** Verifies a stream that arrives in pieces of any cut, and gives out whole records. */
export class StreamVerifier {
  private partial: Buffer = Buffer.alloc(0);
  private at: number;
  private lastLsn: number;
  private lastCrc: number;
  private linked: boolean;

  /** `position`: where the stream goes on; `lastRecordLsn` 0 where the record before is not known. */
  constructor(private readonly systemIdentifier: bigint, position: LogPosition) {
    this.at = position.endLsn;
    this.lastLsn = position.lastRecordLsn;
    this.lastCrc = position.lastCrc;
    this.linked = position.lastRecordLsn !== 0;
  }

  /** End of what was given out. */
  get position(): LogPosition {
    return { endLsn: lsn(this.at), lastRecordLsn: lsn(this.lastLsn), lastCrc: this.lastCrc };
  }

  /** Bytes that wait for the rest of their record. */
  get partialBytes(): number {
    return this.partial.length;
  }

  /** Forgets the record that came in part. */
  dropPartial(): void {
    this.partial = Buffer.alloc(0);
  }

  /** Takes bytes; returns what is whole and sound now, null when nothing is. XX001 for what does not fit; nothing is kept of these bytes. */
  push(bytes: Uint8Array): VerifiedBytes | null {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const all = this.partial.length === 0 ? view : Buffer.concat([this.partial, view]);
    this.partial = Buffer.alloc(0);
    const { at, lastLsn, lastCrc, linked } = this;
    const records: StreamRecord[] = [];
    let done = 0;
    try {
      for (let size = this.next(all, done, records); size > 0; size = this.next(all, done, records)) {
        done += size;
        this.at += size;
      }
    } catch (error) {
      Object.assign(this, { at, lastLsn, lastCrc, linked });
      throw error;
    }
    this.partial = done === 0 ? all : Buffer.from(all.subarray(done));
    return done === 0 ? null : { bytes: all.subarray(0, done), position: this.position, records };
  }

  /** Size of the whole, sound item at `offset` (a header, a filler or a record); 0 when it is not whole yet. */
  private next(all: Buffer, offset: number, records: StreamRecord[]): number {
    const available = all.length - offset;
    const rest = SEGMENT_BYTES - (this.at % SEGMENT_BYTES);
    if (rest === SEGMENT_BYTES) return available < SEGMENT_HEADER_BYTES ? 0 : this.header(all, offset);
    if (rest < RECORD_HEADER_BYTES) return available < rest ? 0 : rest;
    if (available < RECORD_HEADER_BYTES) return 0;
    const length = payloadLength(all, offset, this.at, rest);
    if (typeof length === 'string') throw this.damaged(length);
    const total = recordBytes(length);
    if (available < total) return 0;
    const link = this.linked ? { lastRecordLsn: this.lastLsn, lastCrc: this.lastCrc } : null;
    const checked = checkedBytes(all, offset, length);
    const fault = recordFault(all, offset, checked, this.at, link);
    if (fault !== null) throw this.damaged(fault);
    this.linked = true;
    this.lastLsn = this.at;
    this.lastCrc = all.readUInt32LE(offset + RECORD.crc);
    const type = all[offset + RECORD.type];
    if (type >= FIRST_USER_TYPE) {
      records.push(new StreamRecord(type, lsn(this.at), lsn(this.at + total), all, offset + RECORD_HEADER_BYTES, offset + checked, this.lastCrc));
    }
    return total;
  }

  private header(all: Buffer, offset: number): number {
    const header = readSegmentHeader(all.subarray(offset, offset + SEGMENT_HEADER_BYTES));
    if (header === null || header.startLsn !== this.at) throw this.damaged('invalid segment header');
    if (header.systemIdentifier !== this.systemIdentifier) {
      throw this.damaged(`the segment is from a different database system: ${header.systemIdentifier}, expected ${this.systemIdentifier}`);
    }
    return SEGMENT_HEADER_BYTES;
  }

  private damaged(why: string): Error {
    return pgError('DATA_CORRUPTED', `invalid log received at ${formatLsn(lsn(this.at))}: ${why}`);
  }
}
