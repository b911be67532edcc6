/**
 * When a commit counts as safe: flushed here and, where synchronous standbys or a lease are asked for, confirmed by them (design,
 * decisions 5 and 14). Without a `Confirmation` this is the log's flush and costs nothing more.
 *
 * Promises: an acknowledged position never goes back; callbacks run in LSN order; while `mayAcknowledge` is false nothing passes, however
 * much is confirmed. New snapshots see what is flushed, but not a commit that waits for standbys under its own synchronous_commit, nor
 * what stands behind it: a commit that waits for none is seen at once, as in PostgreSQL, unless that would show one that does.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import type { Timers } from '../env/env.js';
import { FlushQueue } from '../wal/flush-queue.js';
import { CONFIRM_MODES, type ConfirmMode, type Confirmation } from '../wal/shipping.js';

/** A checkpoint waits so long for synchronous standbys. */
const CONFIRM_PATIENCE_MS = 30_000;

/** The log, as acknowledging needs it. */
export interface AcknowledgedLog {
  readonly flushedLsn: Lsn;
  readonly appendedLsn: Lsn;
  onFlushed(position: Lsn, callback: () => void, isPatient?: boolean): void;
}

/** Confirmed commits that a queue may carry before it is made short. */
const MOST_CONFIRMED = 1024;

/** Commits of one mode. */
class ModeQueue {
  readonly queue = new FlushQueue();
  passed: number = 0;
  /** Commits that standbys have to confirm, in order; those before `head` are confirmed. */
  private unconfirmed: number[] = [];
  private head = 0;

  awaitConfirmation(position: Lsn): void {
    this.unconfirmed.push(position);
  }

  /** The first commit that is not confirmed, everything up to `confirmed` being so; infinite when there is none. */
  firstUnconfirmed(confirmed: Lsn): number {
    const { unconfirmed } = this;
    while (this.head < unconfirmed.length && unconfirmed[this.head] <= confirmed) this.head++;
    if (this.head > 0 && (this.head === unconfirmed.length || this.head > MOST_CONFIRMED)) {
      this.unconfirmed = unconfirmed.slice(this.head);
      this.head = 0;
    }
    return this.unconfirmed.length === 0 ? Infinity : this.unconfirmed[this.head];
  }
}

/** See the file's comment. */
export class Acknowledgement {
  private confirmation: Confirmation | null = null;
  private readonly modes = new Map<ConfirmMode, ModeQueue>();
  /** The newest commit that waited, or waits, for standbys. */
  awaitedLsn = lsn(0);
  /** The newest one that did for their writing alone. */
  writeAwaitedLsn = lsn(0);
  /** What new snapshots see while there is a confirmation. */
  private shown: number = 0;

  /** `serverMode`: the server's own synchronous_commit, for what no session waits for (checkpoints, messages). */
  constructor(private readonly log: () => AcknowledgedLog, readonly serverMode: ConfirmMode) {}

  /** Starts or ends waiting for confirmations. What is flushed now counts as acknowledged: a snapshot may have read it. */
  setConfirmation(confirmation: Confirmation | null): void {
    if (this.confirmation !== null) this.confirmation.onChange = null;
    const { flushedLsn } = this.log();
    for (const mode of CONFIRM_MODES) {
      let entry = this.modes.get(mode);
      if (entry === undefined) this.modes.set(mode, entry = new ModeQueue());
      if (this.confirmation === null && flushedLsn > entry.passed) entry.passed = flushedLsn;
    }
    if (this.confirmation === null && flushedLsn > this.shown) this.shown = flushedLsn;
    this.confirmation = confirmation;
    if (confirmation !== null) confirmation.onChange = () => this.advance();
    this.advance();
  }

  /** What new snapshots read. */
  get visible(): Lsn {
    const { confirmation } = this;
    const { flushedLsn } = this.log();
    if (confirmation === null) return flushedLsn;
    if (confirmation.mayAcknowledge()) {
      let limit: number = flushedLsn;
      for (const [mode, entry] of this.modes) limit = Math.min(limit, entry.firstUnconfirmed(confirmation.confirmedLsn(mode)) - 1);
      if (limit > this.shown) this.shown = limit;
    }
    return lsn(this.shown);
  }

  /** A commit was appended that waits under this mode: to be told before anything else happens. */
  awaitConfirmation(position: Lsn, mode: ConfirmMode): void {
    const { confirmation } = this;
    if (confirmation === null || mode === 'local') return;
    this.modes.get(mode)?.awaitConfirmation(position);
    if (confirmation.confirmedLsn(mode) >= position) return;
    this.awaitedLsn = position;
    if (mode === 'remote_write') this.writeAwaitedLsn = position;
  }

  /** Everything below is safe in this mode. */
  acknowledged(mode: ConfirmMode): Lsn {
    if (this.confirmation === null) return this.log().flushedLsn;
    return lsn((this.modes.get(mode) as ModeQueue).passed);
  }

  /** Calls back once `position` is safe in this mode; at once when it is. `isPatient`: see `LogWriter.onFlushed`. */
  onAcknowledged(position: Lsn, mode: ConfirmMode, callback: () => void, isPatient = false): void {
    if (this.confirmation === null) {
      this.log().onFlushed(position, callback, isPatient);
      return;
    }
    const entry = this.modes.get(mode) as ModeQueue;
    if (position <= entry.passed) {
      callback();
      return;
    }
    entry.queue.add(position, callback);
    this.log().onFlushed(position, this.advance, isPatient);
  }

  /**
   * Calls back once `position` is safe under the server's own mode, or flushed and not confirmed for long: standbys that are away must not
   * keep memory from being written out (a later rejoin clones again, then). Without timers: once it is flushed.
   */
  onSafe(timers: Timers | null, position: Lsn, callback: () => void): void {
    if (timers === null) {
      this.log().onFlushed(position, callback);
      return;
    }
    const timer = timers.after(CONFIRM_PATIENCE_MS, () => this.log().onFlushed(position, callback), true);
    this.onAcknowledged(position, this.serverMode, () => {
      timer.cancel();
      callback();
    });
  }

  /** More is flushed or confirmed, or acknowledging is allowed again. */
  readonly advance = (): void => {
    const { confirmation } = this;
    const { flushedLsn } = this.log();
    if (confirmation !== null && !confirmation.mayAcknowledge()) return;
    for (const [mode, entry] of this.modes) {
      const confirmed = confirmation?.confirmedLsn(mode) ?? flushedLsn;
      const passed = confirmed < flushedLsn ? confirmed : flushedLsn;
      if (passed > entry.passed) entry.passed = passed;
      entry.queue.run(entry.passed);
    }
  };
}
