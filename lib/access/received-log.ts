/**
 * The log that a standby applies, record by record. While applying keeps up, records come straight from memory, as they were received
 * and verified; what was received longer ago is read back from the files, as far as they are durable. Memory holds the newest bytes
 * that are not applied, a bounded number of them.
 */
import type { Lsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import type { LogPosition } from '../wal/format.js';
import { LogReader } from '../wal/reader.js';
import type { LogRecord } from '../wal/record.js';
import type { VerifiedBytes } from '../wal/stream.js';
import type { LogWriter } from '../wal/writer.js';
import type { LogFeed } from './log-feed.js';

/** Bytes that memory holds at most; the piece received last is there whatever its size. */
const MEMORY_BYTES = 4 << 20;

/** See the file's comment. */
export class ReceivedLog {
  /** What applying has reached. */
  position: LogPosition;
  /** The newest pieces, one behind the other, and the next record of the first one. */
  private pieces: VerifiedBytes[] = [];
  private nextInPiece = 0;
  private bytes = 0;
  private reader: LogReader | null = null;

  /** Applying goes on at `from`, a record of the log or a segment's start. */
  constructor(private readonly env: Env, private readonly feed: LogFeed, private readonly writer: LogWriter, from: Lsn) {
    this.position = { endLsn: from, lastRecordLsn: 0 as Lsn, lastCrc: 0 };
  }

  /** Takes what was received, which follows what was received before. */
  take(piece: VerifiedBytes): void {
    this.pieces.push(piece);
    this.bytes += piece.bytes.length;
    while (this.bytes > MEMORY_BYTES && this.pieces.length > 1) this.dropPiece();
  }

  private dropPiece(): void {
    this.bytes -= this.pieces[0].bytes.length;
    this.pieces.shift();
    this.nextInPiece = 0;
  }

  /** Where memory begins: what is before it is in the files. */
  private get memoryStart(): number {
    const [first] = this.pieces;
    return first === undefined ? Infinity : first.position.endLsn - first.bytes.length;
  }

  /** True when there may be a record to apply. */
  get hasMore(): boolean {
    return this.memoryStart <= this.position.endLsn || this.position.endLsn < this.writer.flushedLsn;
  }

  /** The next record; null for none at the moment. @throws XX001 for damage in the files */
  next(): LogRecord | null {
    return this.fromMemory() ?? this.fromFiles();
  }

  private fromMemory(): LogRecord | null {
    while (this.memoryStart <= this.position.endLsn) {
      const { records, position } = this.pieces[0];
      while (this.nextInPiece < records.length) {
        const record = records[this.nextInPiece++];
        // A clone's state stands within the log that it receives first; the files may have been read so far.
        if (record.lsn < this.position.endLsn) continue;
        this.closeReader();
        this.position = { endLsn: record.endLsn, lastRecordLsn: record.lsn, lastCrc: record.crc };
        return record;
      }
      // Behind the last record: the log's own ones, headers and fillers.
      if (position.endLsn > this.position.endLsn) this.position = position;
      this.dropPiece();
    }
    return null;
  }

  private fromFiles(): LogRecord | null {
    const { flushedLsn } = this.writer;
    if (this.position.endLsn >= flushedLsn) return null;
    const { systemIdentifier, logDirectory, history: { timeline } } = this.feed;
    this.reader ??= new LogReader(this.env, logDirectory, { systemIdentifier, timeline, start: this.position.endLsn, limit: flushedLsn, isCopy: true });
    this.reader.extend(flushedLsn);
    const record = this.reader.next();
    if (this.reader.position.endLsn > this.position.endLsn) this.position = this.reader.position;
    return record;
  }

  /** The log goes on in another timeline: its files have other names. */
  timelineChanged(): void {
    this.closeReader();
  }

  private closeReader(): void {
    this.reader?.close();
    this.reader = null;
  }

  close(): void {
    this.closeReader();
    this.pieces = [];
  }
}
