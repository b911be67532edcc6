/**
 * A standby: an engine whose log is a copy of its upstream's. What is received is verified, then written and flushed (at once where a commit
 * waits for it or it is shipped on; else within milliseconds, many frames with one sync) and, at the same time, applied: one record at a time and
 * in slices. It is visible to queries from then on (`LogSink` in lib/wal/shipping).
 *
 * Promises: nothing is applied that is not durable upstream (whoever ships log ships what is flushed), nothing counts as confirmed
 * upstream, and no checkpoint stands on it, before it is durable here, too: a power cut may take back what queries saw, never what
 * somebody was promised. Queries see a prefix of the log, always at a commit's end; versions that a query
 * needs stay as long as it runs (the standby collects its own garbage), so only the removal of a relation can be in its way: replay then
 * waits up to `conflictDelayMs`, and asks for those who hold the relation to be cancelled. Damage in the received log is refused before
 * it is written; damage at rest ends the process.
 *
 * The idea is PostgreSQL's walreceiver and startup process (replication/walreceiver.c, storage/ipc/standby.c).
 */
import { PgError, pgError } from '../base/error.js';
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { drive } from '../base/suspend.js';
import type { Env, TimerHandle } from '../env/env.js';
import { RECORD, RECORD_HEADER } from '../txn/format.js';
import { readRecordHeader } from '../txn/changes.js';
import type { RelationTarget } from '../txn/lock-modes.js';
import type { LogPosition } from '../wal/format.js';
import { branchHistory, writeHistory, type TimelineHistory } from '../wal/history.js';
import type { LogRecord } from '../wal/record.js';
import type { LogSink } from '../wal/shipping.js';
import { StreamVerifier } from '../wal/stream.js';
import type { LogWriter } from '../wal/writer.js';
import { decodeLocks, type ReplayedLog } from './engine-log.js';
import type { EngineStorage } from './engine.js';
import type { LogFeed } from './log-feed.js';
import { ReceivedLog } from './received-log.js';
import type { Replayer } from './replay.js';

/** How a standby applies. All may change while it runs. */
export interface StandbySettings {
  /** recovery_min_apply_delay: a commit is applied so long after it happened, in milliseconds. */
  applyDelayMs: number;
  /** max_standby_streaming_delay: replay waits so long for queries in its way, in milliseconds; -1: for ever. */
  conflictDelayMs: number;
  /** deadlock_timeout, after which those in replay's way look for a deadlock with it; absent: at once. */
  deadlockTimeoutMs?: number;
}

/** What a standby is made of: an engine that has replayed what was there. */
export interface StandbyParts {
  readonly env: Env;
  readonly engine: EngineStorage;
  readonly replayer: Replayer;
  readonly log: ReplayedLog;
  readonly writer: LogWriter;
  readonly feed: LogFeed;
  readonly settings: StandbySettings;
  /** The state that replay began with: consistent from here on. */
  readonly stateLsn: Lsn;
  /** Where applying goes on. */
  readonly applyFrom: Lsn;
}

const SLICE_MS = 4;
/** Records between two looks at the clock. */
const RECORDS_AT_ONCE = 32;

/** See the file's comment. */
export class Standby implements LogSink {
  readonly engine: EngineStorage;
  readonly settings: StandbySettings;
  /** Whom to cancel: told of a relation that replay waits for in vain. */
  onConflict: (relation: RelationTarget) => void = () => undefined;
  /** Commit time of the last commit applied, in wall-clock microseconds; 0 before the first. */
  lastCommitMicros = 0;
  private readonly env: Env;
  private verifier: StreamVerifier;
  private readonly received: ReceivedLog;
  private readonly watchers = new Set<() => void>();
  private paused = false;
  private applying = false;
  private stopped = false;
  private promoting = false;
  /** Applying begins in this turn of the event loop. */
  private scheduled = false;
  /** A record that was read but may not be applied yet. */
  private held: LogRecord | null = null;
  private delay: TimerHandle | null = null;
  private wake: (() => void) | null = null;

  constructor(private readonly parts: StandbyParts) {
    const { env, engine, writer, feed } = parts;
    this.env = env;
    this.engine = engine;
    this.settings = parts.settings;
    this.verifier = new StreamVerifier(feed.systemIdentifier, writer.position);
    this.received = new ReceivedLog(env, feed, writer, parts.applyFrom);
    parts.log.follow(writer);
    writer.watch(() => {
      this.notify();
      this.applySoon();
    });
    if (this.isConsistent) engine.consistent = true;
  }

  // ---------------------------------------------------------------- LogSink

  get writtenLsn(): Lsn {
    return this.parts.writer.writtenLsn;
  }

  get flushedLsn(): Lsn {
    return this.parts.writer.flushedLsn;
  }

  get appliedLsn(): Lsn {
    return this.parts.log.appendedLsn;
  }

  get receivedPosition(): LogPosition {
    return this.verifier.position;
  }

  get pendingBytes(): number {
    return Math.max(0, this.end - this.received.position.endLsn) + this.verifier.partialBytes;
  }

  /** True once queries may run: replay has passed the state that it began with. */
  get isConsistent(): boolean {
    return this.received.position.endLsn >= this.parts.stateLsn;
  }

  /** True once there is a state to go on from, with the log that led to it: a clone may show its state before it has received that. */
  get isPromotable(): boolean {
    return this.isConsistent && this.end >= this.parts.stateLsn;
  }

  receive(bytes: Uint8Array, isAwaited: boolean): void {
    if (this.promoting || this.stopped) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'this node is no longer a standby');
    const whole = this.verifier.push(bytes);
    if (whole === null) return;
    const { writer, feed } = this.parts;
    writer.receive(whole.bytes, whole.position);
    if (isAwaited || feed.isShipped) writer.requestFlush(whole.position.endLsn);
    this.received.take(whole);
    this.applyThisTurn();
  }

  streamEnded(): void {
    this.verifier.dropPartial();
    this.parts.writer.requestFlush(this.end);
  }

  async followTimeline(history: TimelineHistory): Promise<void> {
    const { env, engine, feed, writer } = this.parts;
    this.verifier.dropPartial();
    writeHistory(env, feed.logDirectory, history);
    await writer.startTimeline(history.timeline, true);
    feed.enterTimeline(history);
    engine.rewriteControl();
    this.received.timelineChanged();
  }

  watchProgress(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  private notify(): void {
    for (const watcher of this.watchers) watcher();
  }

  // ---------------------------------------------------------------- applying

  /** Stops applying, or goes on (pg_wal_replay_pause). Receiving goes on meanwhile. */
  setPaused(paused: boolean): void {
    this.paused = paused;
    if (!paused) this.applySoon();
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** Applies what was received once all that came in this turn is on its way to the disk. */
  private applyThisTurn(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.env.timers.soon(() => {
      this.scheduled = false;
      this.applySoon();
    });
  }

  private applySoon(): void {
    if (this.applying || this.stopped || this.delay !== null || (this.paused && !this.promoting)) return;
    this.applying = true;
    this.apply().catch((error: unknown) => this.engine.fail(error)).finally(() => {
      this.applying = false;
      this.wake?.();
      if (!this.stopped && this.mayGoOn()) this.applySoon();
    });
  }

  /** Something is not applied, and nothing says to wait. */
  private mayGoOn(): boolean {
    return (this.held !== null || this.received.hasMore) && this.delay === null && (!this.paused || this.promoting);
  }

  /** Applies what there is, in slices. */
  private async apply(): Promise<void> {
    const { engine, env } = this;
    let sliceStart = env.clock.monotonicMs();
    for (let count = 0; !this.stopped && (!this.paused || this.promoting); count++) {
      const record = this.held ?? this.received.next();
      if (record === null) break;
      this.held = record;
      if (this.mustDelay(record)) return;
      if (record.type === RECORD.locks) await this.takeLocks(record);
      this.held = null;
      this.applyOne(record);
      if (count % RECORDS_AT_ONCE !== 0) continue;
      if (engine.memoryPressure() !== null) await engine.relief.start();
      if (env.clock.monotonicMs() - sliceStart < SLICE_MS) continue;
      this.passed();
      await new Promise<void>((resolve) => env.timers.soon(resolve));
      sliceStart = env.clock.monotonicMs();
    }
    this.passed();
  }

  private applyOne(record: LogRecord): void {
    const { replayer, log } = this.parts;
    replayer.apply(record);
    if (record.endLsn > log.appendedLsn) log.reached(this.received.position);
    if (record.type === RECORD.commit) this.lastCommitMicros = readRecordHeader(record).field;
    if (!this.engine.consistent && this.isConsistent) this.engine.consistent = true;
  }

  /** Some records were applied. */
  private passed(): void {
    // The log's own records (marks, fillers) count as applied, too.
    const { position } = this.received;
    if (this.held === null && position.endLsn > this.parts.log.appendedLsn && position.lastRecordLsn !== 0) this.parts.log.reached(position);
    this.engine.considerCheckpoint();
    this.notify();
  }

  /** True when the record's commit is too young; then applying goes on by itself in time. */
  private mustDelay(record: LogRecord): boolean {
    const { applyDelayMs } = this.settings;
    if (applyDelayMs === 0 || this.promoting || record.type !== RECORD.commit || record.end - record.start < RECORD_HEADER) return false;
    const due = readRecordHeader(record).field / 1000 + applyDelayMs;
    const wait = due - this.env.clock.wallMicros() / 1000;
    if (wait <= 0) return false;
    this.passed();
    this.delay = this.env.timers.after(Math.ceil(wait), () => {
      this.delay = null;
      this.applySoon();
    }, true);
    return true;
  }

  /** The relations that the coming commit changes or removes: nobody may be using them. */
  private async takeLocks(record: LogRecord): Promise<void> {
    const transaction = this.parts.replayer.transactionOf(readRecordHeader(record).xid, record.lsn);
    for (const relation of decodeLocks(record.payload)) {
      const { conflictDelayMs, deadlockTimeoutMs } = this.settings;
      const limits = { signal: null, deadlockTimeoutMs, neverVictim: true };
      if (this.engine.locks.tryLock(transaction, relation, 'AccessExclusive')) continue;
      try {
        if (conflictDelayMs === 0) this.onConflict(relation);
        await drive(this.engine.locks.lock(transaction, relation, 'AccessExclusive', { ...limits, timeoutMs: Math.max(0, conflictDelayMs) }));
      } catch (error) {
        // 55P03: waited long enough.
        if (!(error instanceof PgError)) throw error;
        this.onConflict(relation);
        await drive(this.engine.locks.lock(transaction, relation, 'AccessExclusive', { ...limits, timeoutMs: 0 }));
      }
    }
  }

  // ---------------------------------------------------------------- the end of standing by

  /** Resolves once everything received is flushed and applied (a delay and a pause are over, then), or applying has stopped. */
  private async drain(): Promise<void> {
    this.promoting = true;
    this.delay?.cancel();
    this.delay = null;
    this.verifier.dropPartial();
    await this.parts.writer.whenFlushed(this.parts.writer.appendedLsn);
    while (!this.stopped && (this.applying || this.mayGoOn())) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        this.applySoon();
      });
      this.wake = null;
    }
  }

  /**
   * Becomes a primary, in a new timeline: all that was received is applied, what it leaves unfinished is rolled back, and history and
   * control file are durable before the first write. The caller has stopped receiving and has made sure that `timeline` is nobody
   * else's. Returns the new history. 55000 when it is not promotable; then it goes on standing by.
   */
  async promote(timeline: number, reason: string): Promise<TimelineHistory> {
    const { env, engine, replayer, writer, feed } = this.parts;
    await this.drain();
    if (!this.isPromotable) {
      this.promoting = false;
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'the standby cannot be promoted: it has not reached a consistent state', {
        detail: `Its log ends at ${formatLsn(this.end)}, its state stands at ${formatLsn(this.appliedLsn)}.`,
      });
    }
    this.stopped = true;
    this.received.close();
    const history = branchHistory(feed.history, timeline, writer.appendedLsn, reason);
    writeHistory(env, feed.logDirectory, history);
    await writer.startTimeline(timeline, false);
    const unfinished = replayer.abortUnfinished();
    engine.startWriting(writer);
    feed.enterTimeline(history);
    engine.rewriteControl();
    engine.logAborts(unfinished);
    return history;
  }

  /** Stops applying; the engine is about to be closed. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.delay?.cancel();
    this.delay = null;
    while (this.applying) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.received.close();
  }

  /** Calls back once everything received so far is on stable storage. */
  whenDurable(callback: () => void): void {
    this.parts.writer.onFlushed(this.parts.writer.appendedLsn, callback);
  }

  /** Where the copy of the log ends, durable or not. */
  get end(): Lsn {
    return lsn(this.parts.writer.appendedLsn);
  }
}
