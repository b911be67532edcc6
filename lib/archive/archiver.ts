/**
 * The archiver: follows a node's log and ships it, completed segments at once, what there is of the current one after `archive_timeout`.
 *
 * Promises. `archivedThroughLsn` is the end of what the archive has without a hole from its oldest piece on along this node's history, as
 * listed at start and confirmed by every put since; nothing else moves it. A hole that this node can fill is filled; one that it cannot is
 * told once and stays in `state.gap`. Segments that are not archived are held. Errors (a full disk, a bucket that cannot be reached, log
 * that does not read as records, other bytes at the same place) are counted and tried again, with pauses that grow, for ever.
 * A new timeline's history is archived before its log.
 */
import { formatLsn, lsn, MAX_LSN, type Lsn } from '../base/lsn.js';
import type { Env, TimerHandle } from '../env/env.js';
import { SEGMENT_BYTES, segmentName, segmentOf } from '../wal/format.js';
import { historyFileName, type TimelineHistory } from '../wal/history.js';
import type { LogHold, LogSource } from '../wal/shipping.js';
import { Coverage, spanAt, type LogRange } from './coverage.js';
import { archiveHistory, readLogIndex } from './log-index.js';
import { archivePiece, pieceEnd, readLog } from './piece.js';
import { RecordWalk } from './records.js';
import type { ObjectStore } from './store.js';

/** What pg_stat_archiver shows, and the watermark. Times are wall microseconds. */
export interface ArchiverState {
  /** Pieces and history files that this archiver has put. */
  readonly archivedCount: number;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedTime: number | null;
  readonly failedCount: number;
  readonly lastFailedWal: string | null;
  readonly lastFailedTime: number | null;
  /** Null: not known yet (the archive could not be listed since the start, or since the timeline changed). */
  readonly archivedThroughLsn: Lsn | null;
  /** The first part of the log that neither the archive nor this node has. */
  readonly gap: LogRange | null;
}

/** Something that people should be told. */
export type ArchiverProblem =
  | { readonly kind: 'failed'; readonly wal: string; readonly error: Error; readonly retryMs: number }
  | { readonly kind: 'gap'; readonly range: LogRange };

/** How to archive. */
export interface ArchiverOptions {
  readonly env: Env;
  readonly source: LogSource;
  readonly store: ObjectStore;
  /** Ship what there is of a segment after this time (archive_timeout); 0: only completed ones. */
  readonly archiveTimeoutMs: number;
  readonly onProblem: (problem: ArchiverProblem) => void;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const STOP_PATIENCE_MS = 5000;

/** A problem in words, for a log. */
export function describeProblem(problem: ArchiverProblem): string {
  if (problem.kind === 'failed') return `archiving of ${problem.wal} failed: ${problem.error.message}`;
  return `the archive has a gap from ${formatLsn(problem.range.from)} to ${formatLsn(problem.range.to)} that cannot be filled: take a full backup`;
}

/** One node's archiver. */
export class Archiver {
  private readonly hold: LogHold;
  private readonly unwatch: () => void;
  private coverage: Coverage | null = null;
  /** The history that `coverage` is along. */
  private history: TimelineHistory | null = null;
  private walk: RecordWalk;
  private walkedTo: number = -1;
  private gap: LogRange | null = null;
  private archivedCount = 0;
  private lastArchived: { wal: string; time: number } | null = null;
  private failedCount = 0;
  private lastFailed: { wal: string; time: number } | null = null;
  private failuresInARow = 0;
  /** Since when something durable waits that is not a whole segment; monotonic. */
  private waitingSince: number | null = null;
  private stopping = false;
  private wake: (() => void) | null = null;
  /** Something happened since the loop last looked. */
  private woken = false;
  /** Nothing is to do before the log is durable up to here: thousands of commits a second are not looked at one by one. */
  private wakeAt = lsn(0);
  private readonly watchers = new Set<() => void>();
  private waiters: { readonly position: Lsn; readonly answer: (archived: Lsn | null) => void }[] = [];
  /** Ship what stands before this, whatever its size. */
  private urgentTo = lsn(0);
  private readonly running: Promise<void>;

  constructor(private readonly options: ArchiverOptions) {
    const { source } = options;
    this.walk = this.newWalk();
    this.hold = source.holdLog('archiver', source.oldestLsn());
    this.unwatch = source.watchLog(() => this.logMoved());
    this.running = this.run();
  }

  get state(): ArchiverState {
    return {
      archivedCount: this.archivedCount,
      lastArchivedWal: this.lastArchived?.wal ?? null,
      lastArchivedTime: this.lastArchived?.time ?? null,
      failedCount: this.failedCount,
      lastFailedWal: this.lastFailed?.wal ?? null,
      lastFailedTime: this.lastFailed?.time ?? null,
      archivedThroughLsn: this.coverage === null ? null : this.coverage.firstUncovered(this.coverage.start),
      gap: this.gap,
    };
  }

  /** Calls back whenever `state` has changed; returns what ends it. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => void this.watchers.delete(listener);
  }

  /** Ships everything that is durable now; resolves with the watermark then (null: stopped before). Waits as long as the archive fails. */
  archiveNow(): Promise<Lsn | null> {
    if (this.stopping) return Promise.resolve(null);
    const position = this.options.source.durableLsn;
    if (position > this.urgentTo) this.urgentTo = position;
    this.wakeUp();
    return new Promise((answer) => this.waiters.push({ position, answer }));
  }

  /** Stops after the put under way; does not wait long for a store that does not answer (what it still puts then harms nobody). */
  async stop(): Promise<void> {
    this.stopping = true;
    this.unwatch();
    this.wakeUp();
    await new Promise<void>((resolve) => {
      const patience = this.options.env.timers.after(STOP_PATIENCE_MS, resolve);
      void this.running.finally(() => {
        patience.cancel();
        resolve();
      });
    });
    this.hold.release();
    this.answerWaiters(MAX_LSN, null);
  }

  private newWalk(): RecordWalk {
    return new RecordWalk(this.options.source.systemIdentifier);
  }

  private logMoved(): void {
    const { source } = this.options;
    if (source.durableLsn >= this.wakeAt || source.history.timeline !== this.history?.timeline) this.wakeUp();
  }

  private wakeUp(): void {
    this.woken = true;
    this.wake?.();
  }

  private changed(): void {
    for (const listener of this.watchers) listener();
  }

  /** Answers those who wait for no more than `shipped`. */
  private answerWaiters(shipped: Lsn, archived: Lsn | null): void {
    const answered = this.waiters.filter((waiter) => waiter.position <= shipped);
    this.waiters = this.waiters.filter((waiter) => waiter.position > shipped);
    for (const waiter of answered) waiter.answer(archived);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      this.woken = false;
      let wal = this.segmentNameAt(this.options.source.durableLsn);
      try {
        const next = await this.nextPiece((name) => (wal = name));
        if (next === null) {
          await this.sleep(this.timeToTimeout());
          continue;
        }
        wal = this.segmentNameAt(next.from);
        await this.ship(next, wal);
      } catch (error) {
        await this.failed(wal, error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  private segmentNameAt(position: Lsn): string {
    return segmentName(spanAt(this.options.source.history, position).timeline, segmentOf(position));
  }

  /** What to ship next, or null when there is nothing (yet). */
  private async nextPiece(working: (on: string) => void): Promise<LogRange | null> {
    const { source } = this.options;
    while (this.history?.timeline !== source.history.timeline) await this.establish(source.history, working);
    // From here on nothing waits, so log and history are of one moment.
    const { coverage, history } = this;
    if (coverage === null || history === null || this.stopping) return null;
    const oldest = lsn(segmentOf(source.oldestLsn()) * SEGMENT_BYTES);
    let from = coverage.firstUncovered(coverage.isEmpty ? oldest : coverage.start);
    if (from < oldest) {
      this.noteGap(coverage.holes({ from, to: oldest })[0]);
      from = coverage.firstUncovered(oldest);
    } else this.gap = null;
    this.hold.advance(from);
    const durable = source.durableLsn;
    this.answerWaiters(from, this.state.archivedThroughLsn);
    if (from >= durable) {
      this.waitingSince = null;
      this.wakeAt = lsn(from + 1);
      return null;
    }
    const to = pieceEnd(history, { from, to: durable });
    if (to < durable || to % SEGMENT_BYTES === 0 || from < this.urgentTo) return { from, to };
    this.wakeAt = lsn((segmentOf(from) + 1) * SEGMENT_BYTES);
    this.waitingSince ??= this.options.env.clock.monotonicMs();
    const { archiveTimeoutMs } = this.options;
    return archiveTimeoutMs > 0 && this.timeToTimeout() <= 0 ? { from, to } : null;
  }

  private noteGap(range: LogRange): void {
    const known = this.gap;
    this.gap = range;
    if (known?.from === range.from && known.to === range.to) return;
    this.options.onProblem({ kind: 'gap', range });
    this.changed();
  }

  /** Lists the archive and archives the timeline's history. */
  private async establish(history: TimelineHistory, working: (on: string) => void): Promise<void> {
    const { store, source } = this.options;
    this.history = null;
    this.coverage = null;
    const { pieces } = await readLogIndex(store, source.systemIdentifier);
    if (history.timeline > 1) {
      const name = historyFileName(history.timeline);
      working(name);
      if (await archiveHistory(store, source.systemIdentifier, history)) this.succeeded(name);
    }
    this.history = history;
    this.coverage = Coverage.of(history, pieces);
    this.failuresInARow = 0;
    this.changed();
  }

  private async ship(range: LogRange, wal: string): Promise<void> {
    const { env, store, source } = this.options;
    const { history } = this;
    if (history === null) return;
    const files = { logDirectory: source.logDirectory, systemIdentifier: source.systemIdentifier, history };
    const content = await readLog(env, files, range);
    if (this.walkedTo !== range.from) this.walk = this.newWalk();
    this.walkedTo = -1;
    const about = { systemIdentifier: source.systemIdentifier, timeline: spanAt(history, range.from).timeline, start: range.from };
    const isNew = await archivePiece(env, store, about, content, this.walk);
    this.walkedTo = range.to;
    this.coverage?.add(range);
    this.waitingSince = null;
    this.failuresInARow = 0;
    if (isNew) this.succeeded(wal);
    this.changed();
  }

  private succeeded(wal: string): void {
    this.archivedCount++;
    this.lastArchived = { wal, time: this.options.env.clock.wallMicros() };
  }

  private async failed(wal: string, error: Error): Promise<void> {
    const { env, onProblem } = this.options;
    this.failedCount++;
    this.lastFailed = { wal, time: env.clock.wallMicros() };
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** this.failuresInARow++, LONGEST_RETRY_MS) * (0.5 + env.random.float());
    onProblem({ kind: 'failed', wal, error, retryMs });
    this.changed();
    // Neither new log nor an impatient caller shortens the pause.
    const end = env.clock.monotonicMs() + retryMs;
    for (let left = retryMs; left > 0 && !this.stopping; left = end - env.clock.monotonicMs()) await this.sleep(left);
  }

  /** Milliseconds until what waits is to be shipped; Infinity: nothing waits, or it waits for the segment's end. */
  private timeToTimeout(): number {
    const { archiveTimeoutMs, env } = this.options;
    if (this.waitingSince === null || archiveTimeoutMs === 0) return Infinity;
    return this.waitingSince + archiveTimeoutMs - env.clock.monotonicMs();
  }

  /** Waits until something wakes it, at most so long. */
  private sleep(milliseconds: number): Promise<void> {
    if (this.stopping || this.woken) {
      this.woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      let timer: TimerHandle | null = null;
      this.wake = () => {
        this.wake = null;
        this.woken = false;
        timer?.cancel();
        resolve();
      };
      if (milliseconds !== Infinity) timer = this.options.env.timers.after(Math.max(0, milliseconds), this.wake, true);
    });
  }
}
