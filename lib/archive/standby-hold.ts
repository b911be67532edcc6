/**
 * A standby keeps the log that its primary has not archived yet: should it be promoted, it is the one to archive it, and the archive has no gap
 * (PostgreSQL's archive_mode = always keeps as much). It asks the archive what it has whenever its own log has entered another segment.
 *
 * What it keeps is bounded by `limitBytes` (max_slot_wal_keep_size): an archive that is dead, or that nobody ships into, fills no standby's disk
 * beyond that. An archive that has nothing of this history asks for nothing. While it does not answer, what was kept stays kept.
 */
import { lsn } from '../base/lsn.js';
import { SEGMENT_BYTES, segmentOf } from '../wal/format.js';
import type { LogHold, LogSource } from '../wal/shipping.js';
import { Coverage } from './coverage.js';
import { readLogIndex } from './log-index.js';
import type { ObjectStore } from './store.js';

/** What a hold is about. */
export interface StandbyHoldOptions {
  readonly source: LogSource;
  readonly store: ObjectStore;
  /** Most bytes of log to keep; negative: no limit. */
  readonly limitBytes: () => number;
  /** The archive does not answer; told once until it does. */
  readonly onProblem: (error: Error) => void;
}

/** See the file's comment. */
export class StandbyHold {
  private readonly hold: LogHold;
  private readonly unwatch: () => void;
  private segment = -1;
  private looking = false;
  private released = false;
  private hasFailed = false;

  constructor(private readonly options: StandbyHoldOptions) {
    const { source } = options;
    this.hold = source.holdLog('archive', source.oldestLsn());
    this.unwatch = source.watchLog(() => this.consider());
    this.consider();
  }

  private consider(): void {
    const segment = segmentOf(this.options.source.durableLsn);
    if (segment === this.segment || this.looking) return;
    this.segment = segment;
    this.looking = true;
    void this.look().finally(() => {
      this.looking = false;
      if (!this.released) this.consider();
    });
  }

  private async look(): Promise<void> {
    const { source, store, limitBytes, onProblem } = this.options;
    let needed = 0;
    try {
      const coverage = Coverage.of(source.history, (await readLogIndex(store, source.systemIdentifier)).pieces);
      const oldest = segmentOf(source.oldestLsn()) * SEGMENT_BYTES;
      needed = coverage.isEmpty ? source.durableLsn : coverage.firstUncovered(lsn(Math.max(coverage.start, oldest)));
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) onProblem(error instanceof Error ? error : new Error(String(error)));
      this.hasFailed = true;
    }
    if (this.released) return;
    const limit = limitBytes();
    if (limit >= 0) needed = Math.max(needed, source.durableLsn - limit);
    if (needed > 0) this.hold.advance(lsn(Math.min(needed, source.durableLsn)));
  }

  /** Keeps nothing any more: the node archives by itself, or ends. */
  release(): void {
    this.released = true;
    this.unwatch();
    this.hold.release();
  }
}
