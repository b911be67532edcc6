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
import { readU32 } from '../codec/little-endian.js';
import { isEnvError, type Env, type OpenFile } from '../env/env.js';
import { durableBefore, lookBehind } from './behind-end.js';
import {
  LOG_FORMAT_VERSION, parseSegmentName, readSegmentHeader, RECORD, RECORD_HEADER_BYTES, RECORD_TYPE, recordBytes,
  SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName, segmentOf, type LogIdentity, type LogPosition,
} from './format.js';
import { checkedBytes, LogRecord, payloadLength, recordFault } from './record.js';

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
  /** What was read is not needed any more when the next record is: the memory for it is used again, which spares its first touches. */
  readonly reusesMemory?: boolean;
}

/** Bytes read from a segment at a time; where memory is used again, as many as processors' caches hold. */
const WINDOW_BYTES = 1 << 20;
const REUSED_WINDOW_BYTES = 1 << 18;
/** Payload types that only the log itself uses. */
const isInternal = (type: number): boolean => type === RECORD_TYPE.pad || type === RECORD_TYPE.mark;

/** Reads one log forward. */
export class LogReader implements LogPosition {
  /** Where reading stands: in the segment that begins at `segmentStart`, so many bytes behind that. Small numbers are counted with fast. */
  private segmentStart: number;
  private inSegment: number;
  lastRecordLsn: Lsn = INVALID_LSN;
  lastCrc = 0;
  /** Unsynced bytes before the last record, as that states. */
  private unsyncedBytes = 0;
  /** The end was found, and behind it stand nothing but zeros. */
  isBlankBehind = false;
  /** False until the first record, whose predecessor is not known when reading starts within the log. */
  private linked = false;
  /** Below this, unreadable is damage. */
  private limit: number;
  /** The current segment's; null: to be opened. */
  private file: OpenFile | null = null;
  /** Bytes of the segment from `windowStart` on, `windowBytes` of them; and the same as words. */
  private window: Buffer = Buffer.alloc(0);
  private words: Int32Array = new Int32Array(0);
  private windowStart = 0;
  private windowBytes = 0;
  /** Where memory is used again: the record that was read. */
  private readonly record = new LogRecord(0, INVALID_LSN, INVALID_LSN, this.window, 0, 0);

  constructor(private readonly env: Env, private readonly directory: string, private readonly options: LogReaderOptions) {
    this.segmentStart = segmentOf(options.start) * SEGMENT_BYTES;
    this.inSegment = options.start - this.segmentStart;
    this.limit = Math.max(options.limit ?? 0, options.durableLsn ?? 0);
  }

  /** Where reading stands: at the end of the log, what a `LogWriter` needs to go on. */
  get position(): LogPosition {
    return { endLsn: this.endLsn, lastRecordLsn: this.lastRecordLsn, lastCrc: this.lastCrc };
  }

  /** How far the log was durable for certain when the last record was appended; 0: nobody knows. */
  get statedDurableLsn(): Lsn {
    return lsn(this.options.isCopy === true || !this.linked ? 0 : durableBefore(this.lastRecordLsn, this.unsyncedBytes));
  }

  /** Where reading stands. */
  get endLsn(): Lsn {
    return lsn(this.segmentStart + this.inSegment);
  }

  /** Allows reading further: the log is durable up to `limit` now. */
  extend(limit: Lsn): void {
    if (limit > this.limit) this.limit = limit;
  }

  /** The next record (its bytes stay as they are unless `reusesMemory`), or null at the end (of the log, or at the limit). XX001 for damage, 58P01 for a removed segment. */
  next(): LogRecord | null {
    for (;;) {
      if (this.options.limit !== undefined && this.endLsn >= this.limit) return null;
      if (!this.enterSegment()) return this.endHere('invalid segment header');
      if (this.inSegment > SEGMENT_BYTES - RECORD_HEADER_BYTES) {
        this.inSegment = SEGMENT_BYTES;
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
  }

  /** Opens the segment of the current position when it is not open, and checks its header; false: not a part of this log. */
  private enterSegment(): boolean {
    if (this.inSegment === SEGMENT_BYTES) {
      this.close();
      this.segmentStart += SEGMENT_BYTES;
      this.inSegment = 0;
    }
    if (this.file === null) {
      const segment = segmentOf(this.segmentStart);
      this.file = this.openSegment(segment);
      if (this.file === null) return false;
      this.windowBytes = 0;
      if (!this.checkHeader(segment)) return false;
    }
    if (this.inSegment < SEGMENT_HEADER_BYTES) this.inSegment = SEGMENT_HEADER_BYTES;
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

  /** Makes `count` bytes of the segment from `from` on readable; returns their offset in the window, -1 when too few. */
  private ensure(from: number, count: number): number {
    const offset = from - this.windowStart;
    return offset >= 0 && offset + count <= this.windowBytes ? offset : this.load(from, count);
  }

  private load(from: number, count: number): number {
    const reuses = this.options.reusesMemory === true;
    const size = Math.min(Math.max(reuses ? REUSED_WINDOW_BYTES : WINDOW_BYTES, count), SEGMENT_BYTES - from);
    if (!reuses || this.window.length < size) {
      this.window = Buffer.allocUnsafeSlow(size);
      this.words = new Int32Array(this.window.buffer, 0, size >> 2);
    }
    this.windowBytes = this.file?.readSync(this.window.subarray(0, size), from) ?? 0;
    this.windowStart = from;
    return count <= this.windowBytes ? 0 : -1;
  }

  /** The record at the current position, or why there is none. */
  private readRecord(): LogRecord | string {
    const record = this.parse();
    // A window read near the durable end may hold bytes from before they were written: look again before giving up.
    if (typeof record !== 'string' || this.endLsn >= this.limit) return record;
    this.windowBytes = 0;
    return this.parse();
  }

  private parse(): LogRecord | string {
    const { inSegment } = this;
    const start = this.endLsn;
    const headerOffset = this.ensure(inSegment, RECORD_HEADER_BYTES);
    if (headerOffset < 0) return 'the segment ends within a record header';
    const length = payloadLength(this.window, headerOffset, start, SEGMENT_BYTES - inSegment);
    if (typeof length === 'string') return length;
    const type = this.window[headerOffset + RECORD.type];
    const checked = checkedBytes(this.window, headerOffset, length);
    const offset = this.ensure(inSegment, checked);
    if (offset < 0) return 'the segment ends within a record';
    const { window } = this;
    const fault = recordFault(window, offset, checked, start, this.linked ? this : null, this.words);
    if (fault !== null) return fault;
    this.linked = true;
    this.lastRecordLsn = start;
    this.lastCrc = readU32(window, offset + RECORD.crc);
    this.unsyncedBytes = readU32(window, offset + RECORD.unsyncedBytes);
    this.inSegment = inSegment + recordBytes(length);
    if (this.options.reusesMemory !== true) return new LogRecord(type, start, this.endLsn, window, offset + RECORD_HEADER_BYTES, offset + checked);
    const { record } = this;
    record.type = type;
    record.lsn = start;
    record.endLsn = this.endLsn;
    record.bytes = window;
    record.start = offset + RECORD_HEADER_BYTES;
    record.end = offset + checked;
    return record;
  }

  /** Decides between the end of the log and damage. */
  private endHere(reason: string): null {
    const at = this.endLsn;
    const proof = at < this.limit ? this.limit : this.options.isCopy === true || this.options.isClosed === true ? 0 : this.findProof(at);
    if (proof > at) {
      const name = segmentName(this.options.timeline, segmentOf(at));
      throw pgError('DATA_CORRUPTED', `invalid record in WAL segment ${name} at offset ${at % SEGMENT_BYTES}: ${reason}`, {
        detail: `The log is known to have been durable beyond this place.`,
      });
    }
    return null;
  }

  /** The highest durable LSN that a sound record behind `from` states, in what is left of the segment and in the segments behind it. */
  private findProof(from: number): number {
    let proof = 0;
    this.isBlankBehind = true;
    const first = segmentOf(from);
    const names = this.env.files.list(this.directory).map((name) => ({ name, parsed: parseSegmentName(name) }));
    for (const { name, parsed } of names) {
      if (!parsed || parsed.segment < first || parsed.timeline > this.options.timeline) continue;
      const start = parsed.segment * SEGMENT_BYTES;
      const begin = parsed.segment === first ? Math.max(from - start, SEGMENT_HEADER_BYTES) : SEGMENT_HEADER_BYTES;
      const file = this.env.files.open(`${this.directory}/${name}`, 'read');
      try {
        const behind = lookBehind(file, begin, start);
        proof = Math.max(proof, behind.proof);
        this.isBlankBehind &&= behind.isBlank;
      } finally {
        file.closeSync();
      }
    }
    return proof;
  }
}
