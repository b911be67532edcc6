/**
 * The log reader: records from an LSN on, over segments, synchronously.
 *
 * Where it ends. A record counts when its CRC, its own LSN and its link to the record before (distance and CRC) fit.
 * The first place where that fails is either the end of the log (torn, truncated, zero-filled, duplicated or stale bytes of
 * a write that was never synced) or damage to what was durable. It is damage when the position is below `limit` or
 * `durableLsn` (the caller knows that the log was durable so far), or when a sound record further on states that the log was durable
 * beyond it. Damage raises XX001 naming the segment and the offset; everything else is the end.
 *
 * A sound later record alone proves nothing: of one unsynced group a power cut may keep the later sectors only. Nor does any
 * record of a standby's copy of the log (`isCopy`): what was synced there, the standby's own control file says.
 */
import { INVALID_LSN, lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { crc32c } from '../codec/crc32c.js';
import { isEnvError, type Env, type OpenFile } from '../env/env.js';
import {
  LOG_FORMAT_VERSION, parseSegmentName, readSegmentHeader, RECORD, RECORD_HEADER_BYTES, RECORD_TYPE, recordBytes,
  SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName, segmentOf, type LogIdentity, type LogPosition,
} from './format.js';
import { checkedBytes, payloadLength, recordFault, statedLsn } from './record.js';

/** One record as read. */
export interface LogRecord {
  readonly type: number;
  /** Its first byte. */
  readonly lsn: Lsn;
  /** Its end: what `LogWriter.append` returned. */
  readonly endLsn: Lsn;
  /** A view that stays valid and unchanged. */
  readonly payload: Uint8Array;
}

/** What to read. */
export interface LogReaderOptions extends LogIdentity {
  /** LSN of a record, or a segment's start. */
  readonly start: Lsn;
  /** Stop here, for reading along a log that is being written: everything below is durable. */
  readonly limit?: Lsn;
  /** The log is known to have been durable up to here (the control file says so): anything unreadable below is damage. */
  readonly durableLsn?: Lsn;
  /**
   * The log is a standby's copy: what its records state of durability was true on the primary, not here. Only `limit` and
   * `durableLsn` tell damage from the end.
   */
  readonly isCopy?: boolean;
  /** The log was closed: nothing can be lost behind its last sound record, so nothing is looked for there (16 MB to read). */
  readonly isClosed?: boolean;
}

/** Bytes read from a segment at a time. */
const WINDOW_BYTES = 1 << 20;
/** Payload types that only the log itself uses. */
const isInternal = (type: number): boolean => type === RECORD_TYPE.pad || type === RECORD_TYPE.mark;

/** Reads one log forward. */
export class LogReader {
  private at: number;
  private lastLsn: number = INVALID_LSN;
  private lastCrc = 0;
  /** False until the first record, whose predecessor is not known when reading starts within the log. */
  private linked = false;
  /** Below this, unreadable is damage. */
  private limit: number;
  private file: OpenFile | null = null;
  private fileSegment = -1;
  private window: Buffer = Buffer.alloc(0);
  private windowStart = 0;

  constructor(private readonly env: Env, private readonly directory: string, private readonly options: LogReaderOptions) {
    this.at = options.start;
    this.limit = Math.max(options.limit ?? 0, options.durableLsn ?? 0);
  }

  /** Where reading stands: at the end of the log, what a `LogWriter` needs to go on. */
  get position(): LogPosition {
    return { endLsn: lsn(this.at), lastRecordLsn: lsn(this.lastLsn), lastCrc: this.lastCrc };
  }

  /** Allows reading further: the log is durable up to `limit` now. */
  extend(limit: Lsn): void {
    if (limit > this.limit) this.limit = limit;
  }

  /** The next record, or null at the end (of the log, or at the limit). XX001 for damage, 58P01 for a removed segment. */
  next(): LogRecord | null {
    for (;;) {
      if (this.options.limit !== undefined && this.at >= this.limit) return null;
      if (!this.enterSegment()) return this.endHere('invalid segment header');
      const rest = SEGMENT_BYTES - (this.at % SEGMENT_BYTES);
      if (rest < RECORD_HEADER_BYTES) {
        this.at += rest;
        continue;
      }
      const record = this.readRecord();
      if (typeof record === 'string') return this.endHere(record);
      if (!isInternal(record.type)) return record;
    }
  }

  /** All records to the end. */
  *[Symbol.iterator](): IterableIterator<LogRecord> {
    for (let record = this.next(); record; record = this.next()) yield record;
  }

  close(): void {
    this.file?.closeSync();
    this.file = null;
    this.fileSegment = -1;
  }

  /** Opens the segment of the current position when it is not open, and checks its header; false: not a part of this log. */
  private enterSegment(): boolean {
    const segment = segmentOf(this.at);
    if (segment !== this.fileSegment) {
      this.close();
      this.file = this.openSegment(segment);
      if (!this.file) return false;
      this.window = Buffer.alloc(0);
      if (!this.checkHeader(segment)) return false;
      this.fileSegment = segment;
    }
    if (this.at % SEGMENT_BYTES < SEGMENT_HEADER_BYTES) this.at = segment * SEGMENT_BYTES + SEGMENT_HEADER_BYTES;
    return true;
  }

  /** The segment's file of the newest timeline that is not newer than ours. */
  private openSegment(segment: number): OpenFile | null {
    for (let timeline = this.options.timeline; timeline > 0; timeline--) {
      try {
        return this.env.files.open(`${this.directory}/${segmentName(timeline, segment)}`, 'read');
      } catch (error) {
        if (!isEnvError(error, 'ENOENT')) throw error;
      }
    }
    if (!this.linked && segment === segmentOf(this.options.start)) {
      throw pgError('UNDEFINED_FILE', `requested WAL segment ${segmentName(this.options.timeline, segment)} has already been removed`);
    }
    return null;
  }

  private checkHeader(segment: number): boolean {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    this.file?.readSync(bytes, 0);
    const header = readSegmentHeader(bytes);
    if (!header || header.startLsn !== segment * SEGMENT_BYTES) {
      this.close();
      return false;
    }
    const name = segmentName(header.timeline, segment);
    if (header.version !== LOG_FORMAT_VERSION) {
      throw pgError('DATA_CORRUPTED', `WAL segment ${name} has format version ${header.version}, expected ${LOG_FORMAT_VERSION}`);
    }
    if (header.systemIdentifier !== this.options.systemIdentifier) {
      throw pgError('DATA_CORRUPTED', `WAL segment ${name} is from a different database system: its system identifier is ${header.systemIdentifier}, expected ${this.options.systemIdentifier}`);
    }
    return true;
  }

  /** Makes `count` bytes at stream position `from` (same segment) readable; returns their offset in the window, -1 when too few. */
  private ensure(from: number, count: number): number {
    const offset = from - this.windowStart;
    if (offset >= 0 && offset + count <= this.window.length) return offset;
    const inSegment = from % SEGMENT_BYTES;
    const size = Math.min(Math.max(WINDOW_BYTES, count), SEGMENT_BYTES - inSegment);
    // A fresh buffer each time: payloads handed out are views of the old one.
    const bytes = Buffer.allocUnsafeSlow(size);
    const read = this.file?.readSync(bytes, inSegment) ?? 0;
    this.window = bytes.subarray(0, read);
    this.windowStart = from;
    return count <= read ? 0 : -1;
  }

  /** The record at the current position, or why there is none. */
  private readRecord(): LogRecord | string {
    const start = this.at;
    const rest = SEGMENT_BYTES - (start % SEGMENT_BYTES);
    // A window read near the durable end may hold bytes from before they were written: look again before giving up.
    let offset = this.ensure(start, RECORD_HEADER_BYTES);
    let record = offset < 0 ? 'the segment ends within a record header' : this.parse(offset, start, rest);
    if (typeof record === 'string' && start < this.limit) {
      this.window = this.window.subarray(0, 0);
      offset = this.ensure(start, RECORD_HEADER_BYTES);
      if (offset >= 0) record = this.parse(offset, start, rest);
    }
    return record;
  }

  private parse(headerOffset: number, start: number, rest: number): LogRecord | string {
    const length = payloadLength(this.window, headerOffset, start, rest);
    if (typeof length === 'string') return length;
    const type = this.window[headerOffset + RECORD.type];
    const checked = checkedBytes(this.window, headerOffset, length);
    const offset = this.ensure(start, checked);
    if (offset < 0) return 'the segment ends within a record';
    const { window } = this;
    const link = this.linked ? { lastRecordLsn: this.lastLsn, lastCrc: this.lastCrc } : null;
    const fault = recordFault(window, offset, checked, start, link);
    if (fault !== null) return fault;
    this.linked = true;
    this.lastLsn = start;
    this.lastCrc = window.readUInt32LE(offset + RECORD.crc);
    this.at = start + recordBytes(length);
    const payload = window.subarray(offset + RECORD_HEADER_BYTES, offset + checked);
    return { type, lsn: lsn(start), endLsn: lsn(this.at), payload };
  }

  /** Decides between the end of the log and damage. */
  private endHere(reason: string): null {
    const segment = segmentOf(this.at);
    const proof = this.at < this.limit ? this.limit : this.options.isCopy === true || this.options.isClosed === true ? 0 : this.findProof(this.at);
    if (proof > this.at) {
      const name = segmentName(this.options.timeline, segment);
      throw pgError('DATA_CORRUPTED', `invalid record in WAL segment ${name} at offset ${this.at % SEGMENT_BYTES}: ${reason}`, {
        detail: `The log is known to have been durable beyond this place.`,
      });
    }
    return null;
  }

  /** A whole segment file in memory of its own (aligned). */
  private readSegment(name: string): Buffer {
    const file = this.env.files.open(`${this.directory}/${name}`, 'read');
    try {
      const bytes = Buffer.allocUnsafeSlow(Math.min(file.sizeSync(), SEGMENT_BYTES));
      return bytes.subarray(0, file.readSync(bytes, 0));
    } finally {
      file.closeSync();
    }
  }

  /**
   * The highest durable LSN that a sound record behind `from` states. Scans what is left of the segment and the
   * segments behind it, at every place where a record could start.
   */
  private findProof(from: number): number {
    let proof = 0;
    const first = segmentOf(from);
    const names = this.env.files.list(this.directory).map((name) => ({ name, parsed: parseSegmentName(name) }));
    for (const { name, parsed } of names) {
      if (!parsed || parsed.segment < first || parsed.timeline > this.options.timeline) continue;
      const bytes = this.readSegment(name);
      const start = parsed.segment * SEGMENT_BYTES;
      const begin = parsed.segment === first ? Math.max(from - start, SEGMENT_HEADER_BYTES) : SEGMENT_HEADER_BYTES;
      proof = Math.max(proof, highestProof(bytes, begin, start));
    }
    return proof;
  }
}

/** The highest synced LSN stated by a sound record at or behind `begin` of a segment that starts at `start`. */
function highestProof(bytes: Buffer, begin: number, start: number): number {
  // As words: a record's LSN is at word 2, so nearly every place is dismissed by one comparison (5 ms per segment).
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const startLow = start % 0x1_0000_0000;
  let proof = 0;
  for (let offset = (begin + 7) & ~7; offset + RECORD_HEADER_BYTES <= bytes.length; offset += 8) {
    if (words[(offset + RECORD.lsn) >> 2] !== startLow + offset || statedLsn(bytes, offset) !== start + offset) continue;
    const length = bytes[offset + RECORD.type] === RECORD_TYPE.pad ? 0 : bytes.readUInt32LE(offset + RECORD.length);
    const end = offset + RECORD_HEADER_BYTES + length;
    if (end > bytes.length || bytes.readUInt32LE(offset) !== crc32c(bytes, offset + 4, end)) continue;
    const unsynced = bytes.readUInt32LE(offset + RECORD.unsyncedBytes);
    if (unsynced !== 0xffff_ffff) proof = Math.max(proof, start + offset - unsynced);
  }
  return proof;
}
