/**
 * Finds where a restore must cut the log, and which backup to begin with: the newest one that ends before the target.
 *
 * Where a target's place is not known (xid, name), the log is searched from the newest backup on, then back from backup to backup. A time
 * is looked for from the newest backup on that was begun before it; if already the log that this backup replays has something later
 * (whoever took it had a wrong clock), from the one before.
 */
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { SEGMENT_BYTES, segmentOf } from '../wal/format.js';
import type { TimelineHistory } from '../wal/history.js';
import { Coverage, type LogRange } from './coverage.js';
import type { Piece } from './log-index.js';
import { logStartOf, stopLsnOf, type Backup } from './manifest.js';
import { formatMicros, TargetFinder, type ReachedTransaction, type RecoveryTarget } from './recovery-target.js';
import { RecordWalk } from './records.js';
import type { RestoredLog } from './restored-log.js';

/** Where to cut. */
export interface FoundCut {
  readonly backup: Backup;
  readonly cut: Lsn;
  readonly last: ReachedTransaction | null;
}

/** The search along one history. */
export class CutSearch {
  private readonly coverage: Coverage;
  /** Those whose log is there, oldest first. */
  private readonly usable: readonly Backup[];
  /** Time of the last commit or rollback that the search has seen. */
  private lastSeen: ReachedTransaction | null = null;

  constructor(
    private readonly history: TimelineHistory,
    pieces: readonly Piece[],
    private readonly backups: readonly Backup[],
    private readonly log: RestoredLog,
    private readonly systemIdentifier: bigint,
  ) {
    this.coverage = Coverage.of(history, pieces);
    this.usable = backups.filter(({ info }) => this.coverage.holes({ from: logStartOf(info), to: stopLsnOf(info) }).length === 0);
  }

  /** Finds the cut; F0000 when the target cannot be reached, 42704 and 58P01 when there is nothing to begin with. `progress`: bytes of log that were read for it. */
  async find(target: RecoveryTarget, exclusive: boolean, progress: (bytes: number) => void): Promise<FoundCut> {
    if (this.usable.length === 0) throw this.nothingToBeginWith();
    const candidates = this.usable.filter((backup) => mayBeginWith(backup, target));
    const newest = candidates.at(-1);
    if (newest === undefined) throw this.tooEarly();
    if (target.kind === 'immediate') return { backup: newest, cut: stopLsnOf(newest.info), last: null };
    if (target.kind === 'latest') return this.findEnd(newest, progress);
    let searchedFrom = this.logEnd(newest);
    let isEarlier = false;
    for (const backup of candidates.toReversed()) {
      const from = searchStart(target, backup);
      const finder = new TargetFinder(target, exclusive);
      const range = { from, to: target.kind === 'lsn' || target.kind === 'time' ? this.logEnd(backup) : searchedFrom };
      if (range.from > range.to) break;
      await this.search(finder, range, progress);
      isEarlier = finder.cut !== null && finder.cut < stopLsnOf(backup.info);
      if (isEarlier) continue;
      if (finder.cut !== null) return { backup, cut: finder.cut, last: finder.last };
      this.lastSeen ??= finder.last;
      if (target.kind === 'lsn') return { backup, cut: range.to, last: finder.last };
      if (target.kind === 'time') break;
      searchedFrom = from;
    }
    throw isEarlier ? this.tooEarly() : this.notReached();
  }

  /** The end of the log without a hole behind a backup. */
  private logEnd(backup: Backup): Lsn {
    return this.coverage.firstUncovered(logStartOf(backup.info));
  }

  private async findEnd(backup: Backup, progress: (bytes: number) => void): Promise<FoundCut> {
    const cut = this.logEnd(backup);
    if (cut < this.coverage.end) throw this.notReached();
    const finder = new TargetFinder({ kind: 'latest' }, false);
    await this.search(finder, { from: lsn(Math.max(stopLsnOf(backup.info), segmentOf(cut - 1) * SEGMENT_BYTES)), to: cut }, progress);
    return { backup, cut, last: finder.last };
  }

  /** Shows the records that start in a range to the finder. */
  private async search(finder: TargetFinder, { from, to }: LogRange, progress: (bytes: number) => void): Promise<void> {
    const walk = new RecordWalk(this.systemIdentifier);
    const start = lsn(segmentOf(from) * SEGMENT_BYTES);
    if (start >= to) return;
    for await (const part of this.log.fetch({ from: start, to })) {
      progress(part.content.length);
      walk.walk(part.content, part.from, (type, recordStart, recordEnd, payloadStart, payloadEnd) =>
        recordStart < from || finder.visit(type, recordStart, recordEnd, part.content.subarray(payloadStart, payloadEnd)));
      if (finder.cut !== null) return;
    }
  }

  /** What can be reached, for people. */
  private reachable(): string {
    const [oldest] = this.usable;
    const end = this.logEnd(oldest);
    const parts = [
      `Timeline ${this.history.timeline} can be restored from LSN ${formatLsn(stopLsnOf(oldest.info))}, ${formatMicros(oldest.startedMicros)}, to LSN ${formatLsn(end)}`,
      this.lastSeen === null ? '' : `, where the last transaction ended at ${formatMicros(this.lastSeen.micros)}`, '.',
      end < this.coverage.end ? ` The log has a gap there; it goes on to ${formatLsn(this.coverage.end)}.` : '',
    ];
    return parts.join('');
  }

  private nothingToBeginWith(): Error {
    const newest = this.backups.at(-1);
    if (newest === undefined) return pgError('UNDEFINED_OBJECT', `there is no backup in the history of timeline ${this.history.timeline}`);
    const { info, label } = newest;
    return pgError('UNDEFINED_FILE', `the archive does not have the log that backup "${label}" needs`, {
      detail: `It needs all from ${formatLsn(logStartOf(info))} to ${formatLsn(stopLsnOf(info))}.`,
    });
  }

  private tooEarly(): Error {
    return pgError('CONFIG_FILE_ERROR', 'requested recovery stop point is before consistent recovery point', { severity: 'FATAL', detail: this.reachable() });
  }

  private notReached(): Error {
    return pgError('CONFIG_FILE_ERROR', 'recovery ended before configured recovery target was reached', { severity: 'FATAL', detail: this.reachable() });
  }
}

/** Where the search for a target begins with a backup. */
function searchStart(target: RecoveryTarget, backup: Backup): Lsn {
  if (target.kind === 'lsn') return target.lsn;
  return target.kind === 'time' ? logStartOf(backup.info) : stopLsnOf(backup.info);
}

/** Whether a backup may stand before the target. */
function mayBeginWith(backup: Backup, target: RecoveryTarget): boolean {
  if (target.kind === 'lsn') return stopLsnOf(backup.info) <= target.lsn;
  return target.kind !== 'time' || backup.startedMicros <= target.micros;
}
