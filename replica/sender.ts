/**
 * Ships the log to one standby: flushed log only, as far as the standby's credit goes, in frames of up to 1 MiB built without copying.
 * Woken by the log's flush, by credit and by the socket's drain; one frame in a turn of the event loop, so that a standby that catches up
 * does not hold up the others. Follows the source from timeline to timeline.
 *
 * What somebody waits for is sent at once, and the frame says so. Where nobody does, and little was flushed since the frame before, the rest of UNAWAITED_INTERVAL_MS
 * passes first: a frame costs both sides several wakings, whatever is in it.
 *
 * The idea is PostgreSQL's walsender (replication/walsender.c).
 */
import { assert } from '../lib/base/assert.js';
import { PgError, pgError } from '../lib/base/error.js';
import { lsn, MAX_LSN, type Lsn } from '../lib/base/lsn.js';
import { SQLSTATE } from '../lib/base/sqlstate.js';
import type { TimerHandle } from '../lib/env/env.js';
import { segmentOf } from '../lib/wal/format.js';
import { endOfTimeline, timelineAt, type TimelineHistory } from '../lib/wal/history.js';
import { StreamReader } from '../lib/wal/stream.js';
import { protocolViolation } from './fields.js';
import { AWAITED_VERSION, LOG_HEADER_BYTES, MAX_LOG_BYTES, type Awaited } from './format.js';
import { sealLog } from './frames.js';
import { logRemoved, type LogOrigin } from './handshake.js';
import { LagTracker } from './lag.js';
import type { Link } from './link.js';
import type { Report } from './messages.js';
import type { SyncCandidate } from './sync-standbys.js';

/** What a sender needs. */
export interface SenderParts {
  readonly origin: LogOrigin;
  readonly link: Pick<Link, 'queuedBytes' | 'send' | 'sendFrame' | 'fail'>;
  readonly applicationName: string;
  /** Of the protocol that the standby speaks. */
  readonly version: number;
  /** Where the standby's log ends, and in which timeline. */
  readonly startLsn: Lsn;
  readonly timeline: number;
  /** The standby has reported. */
  readonly reported: (report: Report) => void;
}

/** Log that nobody waits for goes out so often at most, unless more than this has come together. */
const UNAWAITED_INTERVAL_MS = 2;
const UNAWAITED_BYTES = 64 << 10;
/** Bytes that may wait in the socket before more are read. */
const QUEUE_BYTES = 4 << 20;

/** The history of one of a history's own timelines. */
function historyOf(history: TimelineHistory, timeline: number): TimelineHistory {
  if (timeline === history.timeline) return history;
  return { timeline, ancestors: history.ancestors.filter((ancestor) => ancestor.timeline < timeline) };
}

/** See the file's comment. */
export class LogSender implements SyncCandidate {
  readonly applicationName: string;
  /** False while it catches up. */
  streaming = false;
  sentLsn: Lsn;
  writtenLsn = lsn(0);
  flushedLsn = lsn(0);
  /** Seen by the standby's queries; it may be ahead of what is flushed there. */
  appliedLsn = lsn(0);
  readonly lag = new LagTracker();
  lastReport: Report | null = null;
  private timeline: number;
  private creditLsn: number;
  private reader: StreamReader | null = null;
  private readerTimeline = 0;
  private reading = false;
  private scheduled = false;
  private shippedMs = -Infinity;
  /** End of the newest sample of `lag`. */
  private sampledLsn = lsn(0);
  /** Until what nobody waits for is sent. */
  private resting: TimerHandle | null = null;
  private stopped = false;
  private readonly unwatch: () => void;

  constructor(private readonly parts: SenderParts) {
    this.applicationName = parts.applicationName;
    this.sentLsn = parts.startLsn;
    this.creditLsn = parts.startLsn;
    this.timeline = parts.timeline;
    this.unwatch = parts.origin.source.watchLog(() => this.pump(), true);
  }

  /** The standby may be sent the log up to `limit`. */
  credit(limit: number): void {
    if (limit < this.creditLsn) throw protocolViolation('credit went back');
    this.creditLsn = limit;
    this.pump();
  }

  /** Where the standby stands. 08P01 for what cannot be. */
  report(report: Report): void {
    const ordered = report.flushedLsn <= report.writtenLsn && report.writtenLsn <= this.sentLsn && report.appliedLsn <= this.sentLsn;
    if (!ordered || report.flushedLsn < this.flushedLsn) throw protocolViolation('invalid positions in a standby\'s report');
    const nowMs = this.parts.origin.env.clock.monotonicMs();
    this.lastReport = report;
    this.writtenLsn = report.writtenLsn;
    this.flushedLsn = report.flushedLsn;
    this.appliedLsn = report.appliedLsn;
    this.lag.reached('write', report.writtenLsn, nowMs);
    this.lag.reached('flush', report.flushedLsn, nowMs);
    this.lag.reached('apply', report.appliedLsn, nowMs);
    this.parts.reported(report);
  }

  /** Sends what there is and may be sent, at once or soon: one frame in this turn, the rest in later ones. */
  readonly pump = (): void => {
    if (this.stopped) return;
    const nowMs = this.parts.origin.env.clock.monotonicMs();
    if (this.streaming) this.sample(this.parts.origin.source.durableLsn, nowMs);
    const restMs = this.isUrgent ? 0 : this.shippedMs + UNAWAITED_INTERVAL_MS - nowMs;
    if (restMs <= 0) this.sendNow();
    else this.resting ??= this.parts.origin.env.timers.after(Math.ceil(restMs), this.sendNow);
  };

  private sample(position: Lsn, nowMs: number): void {
    if (position <= this.sampledLsn) return;
    this.sampledLsn = position;
    this.lag.sample(position, nowMs);
  }

  /** What somebody waits for of the log that is sent next. */
  private get awaited(): Awaited {
    const { origin: { source }, version } = this.parts;
    if (version < AWAITED_VERSION) return 'nothing';
    if (source.writeAwaitedLsn > this.sentLsn) return 'write';
    return source.awaitedLsn > this.sentLsn ? 'flush' : 'nothing';
  }

  private get isUrgent(): boolean {
    const { durableLsn, awaitedLsn } = this.parts.origin.source;
    return awaitedLsn > this.sentLsn || durableLsn - this.sentLsn >= UNAWAITED_BYTES || !this.streaming;
  }

  private readonly sendNow = (): void => {
    this.resting?.cancel();
    this.resting = null;
    if (this.reading || this.scheduled) return;
    try {
      if (this.sendOne()) this.pumpLater();
    } catch (error) {
      this.failed(error);
    }
  };

  private pumpLater(): void {
    this.scheduled = true;
    this.parts.origin.env.timers.soon(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  /** Sends the next frame; true when there may be another one. */
  private sendOne(): boolean {
    const { origin: { source, env }, link } = this.parts;
    if (link.queuedBytes > QUEUE_BYTES) return false;
    const end = this.followSource();
    const { durableLsn } = source;
    const limit = lsn(Math.min(durableLsn, end, this.creditLsn));
    if (this.sentLsn >= durableLsn) this.caughtUp();
    if (this.sentLsn >= limit) return false;
    if (segmentOf(this.sentLsn) < segmentOf(durableLsn) && source.oldestLsn() > this.sentLsn) {
      this.sendArchived(limit);
      return false;
    }
    const frame = this.openReader().read(this.sentLsn, limit, MAX_LOG_BYTES, LOG_HEADER_BYTES);
    this.ship(frame, env.clock.wallMicros());
    return this.sentLsn < limit;
  }

  private ship(frame: Buffer, wallMicros: number): void {
    const { origin: { source, env }, link } = this.parts;
    const fields = { startLsn: this.sentLsn, durableLsn: source.durableLsn, wallMicros, awaited: this.awaited };
    this.sentLsn = lsn(this.sentLsn + frame.length - LOG_HEADER_BYTES);
    link.sendFrame(sealLog(frame, source.history.timeline, fields));
    this.shippedMs = env.clock.monotonicMs();
    this.sample(this.sentLsn, this.shippedMs);
    if (this.sentLsn >= source.durableLsn) this.caughtUp();
  }

  private caughtUp(): void {
    this.streaming = true;
  }

  /** Tells of the timelines that begin where the log sent so far ends; returns how far the present one goes. */
  private followSource(): Lsn {
    const { origin: { source }, link } = this.parts;
    for (;;) {
      const end = endOfTimeline(source.history, this.timeline);
      if (end === null || this.sentLsn > end) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `timeline ${this.timeline} is not in this server's history any more`);
      if (this.sentLsn < end || end === MAX_LSN) return end;
      const { ancestors } = source.history;
      const next = ancestors[ancestors.findIndex((ancestor) => ancestor.timeline === this.timeline) + 1]?.timeline ?? source.history.timeline;
      this.timeline = next;
      link.send({ type: 'timelineChange', history: historyOf(source.history, next) });
    }
  }

  /** The reader of the source's newest timeline: up to a switch its files have the ancestors' bytes. */
  private openReader(): StreamReader {
    const { env, source } = this.parts.origin;
    if (this.reader === null || this.readerTimeline !== source.history.timeline) {
      this.reader?.close();
      this.readerTimeline = source.history.timeline;
      this.reader = new StreamReader(env, source.logDirectory, this.readerTimeline);
    }
    return this.reader;
  }

  /** What is needed is not on disk any more: asks the archive. */
  private sendArchived(limit: Lsn): void {
    const { origin: { source, archive, env } } = this.parts;
    const from = this.sentLsn;
    const most = lsn(Math.min(limit, from + MAX_LOG_BYTES));
    this.reading = true;
    archive.read(timelineAt(source.history, lsn(from + 1)), from, most).then((bytes) => {
      this.reading = false;
      if (this.stopped) return;
      if (bytes === null || bytes.length === 0) {
        this.removed(from);
        return;
      }
      assert(bytes.length <= most - from, 'an archive gives no more than it is asked for');
      const frame = Buffer.allocUnsafeSlow(LOG_HEADER_BYTES + bytes.length);
      frame.set(bytes, LOG_HEADER_BYTES);
      this.ship(frame, env.clock.wallMicros());
      this.pump();
    }).catch((error: unknown) => {
      this.reading = false;
      this.failed(error);
    });
  }

  private failed(error: unknown): void {
    const gone = error instanceof PgError && error.sqlstate === SQLSTATE.UNDEFINED_FILE;
    if (gone) this.removed(this.sentLsn);
    else this.parts.link.fail(error);
  }

  private removed(position: Lsn): void {
    const { link, origin: { source } } = this.parts;
    const message = logRemoved(source, position);
    link.send(message);
    link.fail(pgError('UNDEFINED_FILE', message.text));
  }

  /** Stops shipping; the connection is over. */
  stop(): void {
    this.stopped = true;
    this.resting?.cancel();
    this.unwatch();
    this.reader?.close();
    this.reader = null;
  }
}
