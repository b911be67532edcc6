/**
 * The engine as replicas, backups and the archive read it: its log and its state (lib/wal/shipping). Keeps the segments that somebody
 * holds, and `keepBytes` of them in any case (wal_keep_size).
 */
import { lsn, type Lsn } from '../base/lsn.js';
import type { LogPosition } from '../wal/format.js';
import type { TimelineHistory } from '../wal/history.js';
import type { LogHold, LogSource, StateSnapshot, StateSource } from '../wal/shipping.js';
import type { LogWriter } from '../wal/writer.js';

/** One hold. */
class Hold implements LogHold {
  constructor(private readonly holds: Set<Hold>, public position: number) {
    holds.add(this);
  }

  advance(position: Lsn): void {
    if (position > this.position) this.position = position;
  }

  release(): void {
    this.holds.delete(this);
  }
}

/** See the file's comment. */
export class LogFeed implements LogSource, StateSource {
  private readonly holds = new Set<Hold>();
  private readonly watchers = new Set<() => void>();
  private shippers = 0;
  private readonly unwatch: () => void;

  constructor(
    readonly logDirectory: string,
    readonly systemIdentifier: bigint,
    private readonly writer: LogWriter,
    public history: TimelineHistory,
    /** wal_keep_size. */
    public keepBytes: number,
    private readonly engine: StateSource & Pick<LogSource, 'awaitedLsn' | 'writeAwaitedLsn'>,
  ) {
    this.unwatch = writer.watch(() => this.notify());
  }

  get durableLsn(): Lsn {
    return this.writer.flushedLsn;
  }

  get durablePosition(): LogPosition {
    return this.writer.durablePosition;
  }

  get awaitedLsn(): Lsn {
    return this.engine.awaitedLsn;
  }

  get writeAwaitedLsn(): Lsn {
    return this.engine.writeAwaitedLsn;
  }

  /** The log is shipped to others. */
  get isShipped(): boolean {
    return this.shippers > 0;
  }

  takeState(): Promise<StateSnapshot> {
    return this.engine.takeState();
  }

  /** What was written since the start. */
  get statistics(): { syncs: number; bytesWritten: number; records: number } {
    return this.writer.statistics;
  }

  /** Ends the segment that is being written; returns the end of its last record. */
  switchSegment(): Lsn {
    return this.writer.switchSegment();
  }

  watchLog(listener: () => void, ships = false): () => void {
    this.watchers.add(listener);
    if (ships) this.shippers++;
    return () => {
      if (this.watchers.delete(listener) && ships) this.shippers--;
    };
  }

  /** The log goes on in another timeline. */
  enterTimeline(history: TimelineHistory): void {
    this.history = history;
    this.notify();
  }

  private notify(): void {
    for (const watcher of this.watchers) watcher();
  }

  holdLog(_name: string, position: Lsn): LogHold {
    return new Hold(this.holds, position);
  }

  oldestLsn(): Lsn {
    return this.writer.oldestLsn();
  }

  /** Lets go of what recovery does not need (it starts at `redoLsn`) and nobody holds. */
  releaseBefore(redoLsn: Lsn): void {
    let position = Math.min(redoLsn, this.writer.flushedLsn - this.keepBytes);
    for (const hold of this.holds) position = Math.min(position, hold.position);
    if (position > 0) this.writer.removeSegmentsBefore(lsn(position));
  }

  /** See `StorageEngine.stillLog`. */
  still(): Promise<Lsn> {
    return this.writer.still();
  }

  /** See `StorageEngine.stirLog`. */
  stir(): void {
    this.writer.stir();
  }

  /** Flushes and closes the log. */
  async close(): Promise<void> {
    this.unwatch();
    this.watchers.clear();
    await this.writer.close();
  }
}
