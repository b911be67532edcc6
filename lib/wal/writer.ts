/**
 * The log writer: appends records to a buffer that is an exact image of the stream, writes it on the main thread and
 * syncs it off the thread, one `fdatasync` per group of commits: while one sync is under way the next group gathers. It is written out, and its sync
 * asked for, before that one ends, so that the disk need not wait for this thread; unless others are about to commit whom the group is to wait for. On
 * the thread only while a single session is at work and syncs are short (`sync-time.ts`).
 *
 * Promises: `append` is synchronous and gives the record its place for good; `flushedLsn` never passes what is on
 * stable storage; callbacks run in LSN order; after an error from writing or syncing, `fatal` is called once and nothing is
 * ever acknowledged again (a failed sync is not retried: the kernel may have dropped the pages).
 *
 * Measured: fdatasync 130-160 µs in a segment written before, 180-230 µs in one that grows (hence preallocation and
 * recycling); through the thread pool 30 µs more than on the main thread, a thread of its own gains nothing over that by itself, only by going on to the
 * next sync without this thread (`lib/env/threaded-syncer.ts`).
 */
import { assert } from '../base/assert.js';
import { lsn, type Lsn } from '../base/lsn.js';
import { crc32c } from '../codec/crc32c.js';
import { writeU32 } from '../codec/little-endian.js';
import type { Env, OpenFile, Syncer, TimerHandle } from '../env/env.js';
import { FlushQueue } from './flush-queue.js';
import { Gathering, type CommitSiblings } from './gathering.js';
import {
  FIRST_USER_TYPE, MAX_PAYLOAD_BYTES, RECORD, RECORD_HEADER_BYTES, RECORD_TYPE, SEGMENT_BYTES, SEGMENT_HEADER_BYTES,
  recordBytes, segmentOf, writeSegmentHeader, type LogIdentity, type LogPosition,
} from './format.js';
import { SegmentFiles } from './segments.js';
import { SyncTime } from './sync-time.js';

/** How a log is written. */
export interface LogWriterOptions extends LogIdentity {
  /** Where the log ends now: `EMPTY_LOG`, or what a `LogReader` that read to the end says. */
  readonly position: LogPosition;
  /** Called once, on the first error from writing or syncing; must end the process (or, in a simulation, the node). */
  readonly fatal: (error: Error) => void;
  /** Nothing of an earlier life stands behind `position`: the log was closed there, or somebody has looked. Else that is looked for, and wiped. */
  readonly nothingBehind?: boolean;
  /** The log was not closed, and is durable up to here for certain: the rest of it is made so before anything is appended. Absent: all of it is durable. */
  readonly durableLsn?: Lsn;
  /** Write segments full of zeros beforehand, off the thread. Off for memory. Default true. */
  readonly preallocate?: boolean;
  /** Who else may be about to commit: a group waits for them (`Gathering`). Absent: every group is synced as soon as can be. */
  readonly siblings?: CommitSiblings;
  /** Longest time that an append nobody waits for stays unsynced, in milliseconds (wal_writer_delay). Default 200. */
  readonly delayMs?: number;
}

/** How a log is written that is a copy of another one's stream, until `startTimeline`. */
export interface FollowOptions {
  /** The stream goes on at `position` with bytes that `receive` is given; nothing else is appended. */
  readonly follow?: boolean;
}

/** Longest time that bytes of a followed stream which nobody waits for stay unsynced. */
const FOLLOWING_DELAY_MS = 10;
/** The buffer is written out, synced or not, when it holds more than this. */
const BUFFER_BYTES = 1 << 20;
/** So many groups can be on their way to the disk: those that wait are one sync, whatever their number. */
const MOST_UNDER_WAY = 32;

/** A group whose sync is asked for. */
interface GroupUnderWay {
  /** What its sync makes durable. */
  readonly position: LogPosition;
  readonly startMs: number;
}

/** Appends to one log; there is one per data directory. */
export class LogWriter {
  private readonly segments: SegmentFiles;
  private readonly queue = new FlushQueue();
  private readonly gathering: Gathering;
  private buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private used = 0;
  private bufferStart: number;
  /** End of the stream as appended. */
  private end: number;
  private lastLsn: number;
  private lastCrc: number;
  /** The durable prefix that the last record states. */
  private lastSynced = 0;
  /** End of the last record that is not a mark or a pad. */
  private lastUserEnd = 0;
  private flushed: number;
  private wanted = 0;
  /** What somebody wants who does not wait for others. */
  private urgent = 0;
  private readonly syncer: Syncer;
  private underWay: GroupUnderWay[] = [];
  /** Where the last group ends whose sync is asked for. */
  private asked: number;
  private readonly syncTime = new SyncTime();
  private scheduled = false;
  private failed = false;
  private lazy: TimerHandle | null = null;
  private syncs = 0;
  private bytesWritten = 0;
  private records = 0;
  private identity: LogIdentity;
  /** The stream comes from elsewhere: nothing of our own is put into it. */
  private following: boolean;
  /** See `still`. */
  private quiet = false;
  private readonly watchers = new Set<() => void>();
  private flushedRecord: LogPosition;

  constructor(private readonly env: Env, directory: string, private readonly options: LogWriterOptions & FollowOptions) {
    const { position } = options;
    this.identity = { systemIdentifier: options.systemIdentifier, timeline: options.timeline };
    this.following = options.follow === true;
    this.flushedRecord = position;
    this.gathering = new Gathering(env.timers, options.siblings ?? null, () => this.syncSoon());
    this.syncer = env.files.syncer((error, count) => this.syncsEnded(error, count));
    this.segments = new SegmentFiles(env, directory, options.timeline, options.preallocate ?? true, (error) => this.fail(error));
    this.end = position.endLsn;
    this.lastLsn = position.lastRecordLsn;
    this.lastCrc = position.lastCrc;
    this.bufferStart = this.end;
    this.flushed = this.asked = this.end;
    if (!this.following && this.end % SEGMENT_BYTES <= SEGMENT_HEADER_BYTES) this.startFirstSegment();
    else this.segments.openForAppend(this.end, options.nothingBehind, options.durableLsn);
  }

  /** A log that begins or goes on at the very start of a segment: its header is still to be written. */
  private startFirstSegment(): void {
    const { nothingBehind, durableLsn } = this.options;
    this.segments.openForAppend(this.end - (this.end % SEGMENT_BYTES), nothingBehind, durableLsn);
    this.end -= this.end % SEGMENT_BYTES;
    this.bufferStart = this.end;
    this.putSegmentHeader();
    this.flushSync();
  }

  /** End of the log as appended: the LSN that the next record will have, or a segment's end before it. */
  get appendedLsn(): Lsn {
    return lsn(this.end);
  }

  /** Everything below has been handed to the operating system. */
  get writtenLsn(): Lsn {
    return lsn(this.bufferStart);
  }

  /** Everything below is on stable storage. */
  get flushedLsn(): Lsn {
    return lsn(this.flushed);
  }

  /** Start of the last record appended. */
  get lastRecordLsn(): Lsn {
    return lsn(this.lastLsn);
  }

  /** Where the log ends, with its running checksum. */
  get position(): LogPosition {
    return { endLsn: lsn(this.end), lastRecordLsn: lsn(this.lastLsn), lastCrc: this.lastCrc };
  }

  /** Where the durable log ends, with its running checksum. */
  get durablePosition(): LogPosition {
    return this.flushedRecord;
  }

  /** First LSN that is still on disk. */
  oldestLsn(): Lsn {
    return lsn(this.segments.oldest(this.end));
  }

  /** Calls back whenever more of the log is durable (of a followed one: also when more is written); returns what ends it. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  /** Counters for statistics: syncs done, bytes written. */
  get statistics(): { syncs: number; bytesWritten: number; records: number } {
    return { syncs: this.syncs, bytesWritten: this.bytesWritten, records: this.records };
  }

  /** The LSN at which the next record of so many payload bytes would start. */
  nextRecordLsn(payloadLength: number): Lsn {
    const offset = this.end % SEGMENT_BYTES;
    const fits = offset !== 0 && offset + recordBytes(payloadLength) <= SEGMENT_BYTES;
    return lsn(fits ? this.end : (offset === 0 ? this.end : this.end - offset + SEGMENT_BYTES) + SEGMENT_HEADER_BYTES);
  }

  /**
   * Appends a record and returns its end: the LSN to wait for. `type` >= `FIRST_USER_TYPE`; the payload is copied; at
   * most `MAX_PAYLOAD_BYTES`. Durable within `delayMs` by itself, sooner when somebody waits (`onFlushed`).
   */
  append(type: number, payload: Uint8Array): Lsn {
    assert(type >= FIRST_USER_TYPE && type < 256, 'a log record has a type of its own');
    assert(payload.length <= MAX_PAYLOAD_BYTES, 'a log record is at most 8 MiB');
    this.putRecord(type, payload, payload.length);
    this.records++;
    this.lastUserEnd = this.end;
    if (this.used >= BUFFER_BYTES) this.writeOut();
    this.considerLazyTimer();
    return lsn(this.end);
  }

  /** Ends the segment that is being written, if it has a record, so that it can be archived; returns the end of its last record. */
  switchSegment(): Lsn {
    const { end } = this;
    if (end % SEGMENT_BYTES <= SEGMENT_HEADER_BYTES) return lsn(end);
    this.fillSegment();
    this.writeOut();
    this.requestFlush(lsn(this.end));
    return lsn(end);
  }

  /** Follows: takes verified bytes of the stream that end at `position`. Durable within `FOLLOWING_DELAY_MS`, sooner when somebody asks for it. */
  receive(bytes: Uint8Array, position: LogPosition): void {
    assert(this.following && this.end + bytes.length === position.endLsn, 'received bytes follow what is there');
    for (let done = 0; done < bytes.length;) {
      const count = Math.min(bytes.length - done, BUFFER_BYTES);
      this.reserve(count);
      this.buffer.set(bytes.subarray(done, done + count), this.used);
      this.used += count;
      this.end += count;
      done += count;
      if (this.used >= BUFFER_BYTES) this.writeOut();
    }
    this.lastLsn = position.lastRecordLsn;
    this.lastCrc = position.lastCrc;
    this.considerLazyTimer();
  }

  /**
   * From here on the log belongs to another timeline. Flushes first. `follow`: it is still a copy of another's stream, else we write
   * it ourselves. Rejects with the environment's error.
   */
  async startTimeline(timeline: number, follow: boolean): Promise<void> {
    await this.settle();
    this.flushSync();
    this.identity = { ...this.identity, timeline };
    await this.segments.startTimeline(timeline, this.end);
    this.following = follow;
    this.lastUserEnd = this.lastSynced = 0;
    if (follow || this.end % SEGMENT_BYTES !== 0) return;
    this.putSegmentHeader();
    this.flushSync();
  }

  /** Flushes, and puts no marks of its own into the log until `stir`: it grows only by what is appended. Returns its end. */
  async still(): Promise<Lsn> {
    this.quiet = true;
    await this.whenFlushed(lsn(this.end));
    return lsn(this.end);
  }

  /** Ends `still`. */
  stir(): void {
    this.quiet = false;
    if (this.lazy === null && this.hasIdleWork()) this.startLazyTimer();
  }

  /** Waits for the syncs under way. */
  private async settle(): Promise<void> {
    while (this.underWay.length > 0 && !this.failed) await new Promise<void>((resolve) => this.env.timers.soon(resolve));
  }

  /**
   * Calls back once everything below `position` is on stable storage; at once when it is. Asks for a sync if need be. `isPatient`: a
   * client's commit, which may be gathered with others that are about to come.
   */
  onFlushed(position: Lsn, callback: () => void, isPatient = false): void {
    if (position <= this.flushed) {
      callback();
      return;
    }
    this.queue.add(position, callback);
    this.requestFlush(position, isPatient);
  }

  /** The same as a promise. */
  whenFlushed(position: Lsn): Promise<void> {
    return new Promise((resolve) => this.onFlushed(position, resolve));
  }

  /** Asks for a sync up to `position`, without waiting. All who ask in the same turn of the event loop share one. */
  requestFlush(position: Lsn, isPatient = false): void {
    assert(position <= this.end, 'nobody waits for a record that is not appended');
    if (position > this.wanted) this.wanted = position;
    if (!isPatient && position > this.urgent) this.urgent = position;
    this.gathering.add();
    this.considerSync();
  }

  /** Starts a sync when one is due. */
  private considerSync(): void {
    if (this.isDue()) this.syncSoon();
  }

  /** Somebody waits whose sync is not asked for, and enough have come together or one of them is not patient. */
  private isDue(): boolean {
    const { asked, underWay } = this;
    if (this.wanted <= asked || underWay.length === MOST_UNDER_WAY) return false;
    return this.urgent > asked || this.gathering.isReady(underWay.length > 0);
  }

  /** Starts a sync at the end of this turn of the event loop. */
  private syncSoon(): void {
    if (this.scheduled || this.failed) return;
    this.scheduled = true;
    this.env.timers.soon(() => {
      this.scheduled = false;
      // Who waited for a row that a commit let go has written by now, and may be worth waiting for.
      if (this.underWay.length > 0 ? this.isDue() : this.wanted > this.asked) this.startSync();
    });
  }

  /** Writes and syncs everything appended, on this thread; only while no other sync is under way (start and stop). */
  private flushSync(): void {
    if (this.failed) return;
    try {
      this.writeBuffer();
      this.asked = this.end;
      for (const file of this.segments.takeUnsynced()) file.datasyncSync();
      this.advance(this.position);
      this.acknowledge();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Lets go of the segments that end at or below `position`: recycled for later use or removed. Whoever still needs them
   * (slots, archive) must be counted into `position`. Returns how many were let go.
   */
  removeSegmentsBefore(position: Lsn): number {
    return this.segments.removeBefore(position);
  }

  /** Flushes and closes. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    this.lazy?.cancel();
    await this.settle();
    this.flushSync();
    this.failed = true;
    this.syncer.close();
    await this.segments.close();
  }

  /** Writes a full buffer without syncing it. After a failure nothing is written any more. */
  private writeOut(): void {
    try {
      if (!this.failed) this.writeBuffer();
    } catch (error) {
      this.fail(error);
    }
    this.used = 0;
    this.bufferStart = this.end;
  }

  /** After an append: a sync under way looks for more when it ends. */
  private considerLazyTimer(): void {
    if (this.lazy === null && this.underWay.length === 0 && !this.failed) this.startLazyTimer();
  }

  private startLazyTimer(): void {
    const delayMs = this.following ? FOLLOWING_DELAY_MS : this.options.delayMs ?? 200;
    this.lazy = this.env.timers.after(delayMs, () => {
      this.lazy = null;
      if (this.underWay.length === 0 && this.hasIdleWork()) this.startSync();
    }, true);
  }

  /** Something nobody waited for is unsynced, or the last group lacks the mark that proves it durable. */
  private hasIdleWork(): boolean {
    return this.flushed < this.end || (!this.following && !this.quiet && this.lastSynced < this.lastUserEnd);
  }

  private startSync(): void {
    if (this.failed) return;
    try {
      // A record that says how far the log was durable lets a reader tell damage from a torn tail.
      if (!this.following && !this.quiet && this.lastSynced < this.flushed && this.lastSynced < this.lastUserEnd) this.putRecord(RECORD_TYPE.mark, null, 0);
      this.writeBuffer();
    } catch (error) {
      this.fail(error);
      return;
    }
    const { isHere, position } = this;
    const files = this.segments.takeUnsynced();
    this.gathering.groupBegan();
    this.asked = this.end;
    if (this.following) this.notify();
    const group: GroupUnderWay = { position, startMs: this.env.clock.monotonicMs() };
    if (isHere) this.syncHere(files, group);
    else {
      this.underWay.push(group);
      this.syncer.sync(files);
    }
  }

  /** Whether this thread is to sync. */
  private get isHere(): boolean {
    return this.underWay.length === 0 && this.gathering.isAlone && this.syncTime.isShort;
  }

  private syncHere(files: readonly OpenFile[], group: GroupUnderWay): void {
    try {
      for (const file of files) file.datasyncSync();
    } catch (error) {
      this.fail(error);
      return;
    }
    this.synced(group);
  }

  private syncsEnded(error: Error | null, count: number): void {
    if (this.failed) return;
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.synced(this.underWay.splice(0, count)[count - 1]);
  }

  /** The group is durable, with those before it. */
  private synced(group: GroupUnderWay): void {
    this.syncTime.took(this.env.clock.monotonicMs() - group.startMs);
    this.advance(group.position);
    // Those who waited for others first: the disk is not to wait while some are told.
    if (!this.isHere && this.isDue()) this.startSync();
    this.acknowledge();
    if (this.failed) return;
    this.considerSync();
    if (this.lazy === null && this.underWay.length === 0 && this.hasIdleWork()) this.startLazyTimer();
  }

  private advance(position: LogPosition): void {
    this.syncs++;
    this.flushed = position.endLsn;
    this.flushedRecord = position;
    this.segments.closeBefore(this.flushed);
  }

  /** Tells those who wait for what is durable. */
  private acknowledge(): void {
    if (this.failed) return;
    this.queue.run(this.flushed);
    this.notify();
  }

  private notify(): void {
    for (const watcher of this.watchers) watcher();
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.queue.drop();
    this.options.fatal(error instanceof Error ? error : new Error(String(error)));
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.used + bytes));
    this.buffer.copy(grown, 0, 0, this.used);
    this.buffer = grown;
  }

  private putSegmentHeader(): void {
    this.reserve(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(this.buffer, this.used, this.identity, segmentOf(this.end));
    this.used += SEGMENT_HEADER_BYTES;
    this.end += SEGMENT_HEADER_BYTES;
  }

  /** Fills the segment's tail and starts the next one. */
  private nextSegment(): void {
    this.fillSegment();
    this.putSegmentHeader();
  }

  private fillSegment(): void {
    const rest = SEGMENT_BYTES - (this.end % SEGMENT_BYTES);
    if (rest === SEGMENT_BYTES) return;
    if (rest >= RECORD_HEADER_BYTES) {
      this.putRecord(RECORD_TYPE.pad, null, rest - RECORD_HEADER_BYTES);
      return;
    }
    this.reserve(rest);
    this.buffer.fill(0, this.used, this.used + rest);
    this.used += rest;
    this.end += rest;
  }

  private putRecord(type: number, payload: Uint8Array | null, length: number): void {
    const total = recordBytes(length);
    const offset = this.end % SEGMENT_BYTES;
    if (offset === 0 || offset + total > SEGMENT_BYTES) this.nextSegment();
    this.reserve(total);
    const { buffer } = this;
    const at = this.used;
    const start = this.end;
    const unsynced = Math.min(start - this.flushed, 0xffff_ffff);
    writeU32(buffer, length, at + RECORD.length);
    writeU32(buffer, start % 0x1_0000_0000, at + RECORD.lsn);
    writeU32(buffer, Math.floor(start / 0x1_0000_0000), at + RECORD.lsn + 4);
    writeU32(buffer, this.lastLsn === 0 ? 0 : start - this.lastLsn, at + RECORD.previousDistance);
    writeU32(buffer, this.lastCrc, at + RECORD.previousCrc);
    writeU32(buffer, unsynced, at + RECORD.unsyncedBytes);
    writeU32(buffer, type, at + RECORD.type);
    const bodyStart = at + RECORD_HEADER_BYTES;
    if (payload) buffer.set(payload, bodyStart);
    else if (length > 0) buffer.fill(0, bodyStart, bodyStart + length);
    for (let padding = bodyStart + length; padding < at + total; padding++) buffer[padding] = 0;
    const crc = crc32c(buffer, at + 4, payload ? bodyStart + length : bodyStart);
    writeU32(buffer, crc, at + RECORD.crc);
    this.used += total;
    this.end += total;
    this.lastLsn = start;
    this.lastCrc = crc;
    this.lastSynced = start - unsynced;
  }

  /** Hands the buffer to the operating system, split at segment boundaries. */
  private writeBuffer(): void {
    let done = 0;
    while (done < this.used) {
      const position = this.bufferStart + done;
      const offset = position % SEGMENT_BYTES;
      const count = Math.min(this.used - done, SEGMENT_BYTES - offset);
      this.segments.fileFor(segmentOf(position)).writeSync(this.buffer.subarray(done, done + count), offset);
      done += count;
    }
    this.bytesWritten += done;
    this.bufferStart = this.end;
    this.used = 0;
    if (this.buffer.length > 4 * BUFFER_BYTES) this.buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }
}
