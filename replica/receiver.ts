/**
 * A standby's receiver: finds an upstream, shakes hands, streams its log into the standby, and says where the standby stands. After any
 * disconnect it begins again, with a growing and jittered wait while nobody is there.
 *
 * Promises: bytes reach the sink in order and once, whatever is cut where; nothing of a damaged or displaced frame does. Credit runs a fixed
 * window ahead of what is flushed here: what is received but not applied rests on disk, so a paused or delayed standby goes on
 * receiving. Reports go out in the same turn of the event loop as the progress they tell of, one a turn, and once a second. What is
 * applied is told when it is, flushed or not (the upstream counts as confirmed only what is both), but where a commit waits for the flush, with
 * that: a report costs both sides a waking. What is written is told of itself only where a commit waits for it.
 *
 * What it cannot mend by itself (a diverged history, removed log, a refusal) it tells its handler, which says how to go on.
 */
import { pgError, type PgError } from '../lib/base/error.js';
import { formatLsn, lsn, type Lsn } from '../lib/base/lsn.js';
import type { Env, TimerHandle } from '../lib/env/env.js';
import type { LogSink, LogSource } from '../lib/wal/shipping.js';
import type { TimelineHistory } from '../lib/wal/history.js';
import type { NodeCredentials, Peer } from './client.js';
import { protocolViolation } from './fields.js';
import { AWAITED_VERSION } from './format.js';
import type { Self } from './link.js';
import type { LogData, Message, Report } from './messages.js';
import { chooseUpstream } from './upstream.js';

/** Who a standby is, beside its log. */
export type StandbyIdentity = Pick<LogSource, 'systemIdentifier' | 'history'>;

/** Told of what the receiver cannot mend. It goes on trying, unless it is stopped. */
export interface ReceiverHandler {
  /** Our log is not a prefix of the upstream's. `forkLsn` 0: nobody knows from where on; a clone is needed. */
  diverged(forkLsn: Lsn, history: TimelineHistory, url: string): void;
  /** What we need is neither on disk nor in the archive of any upstream: a clone is needed. */
  logRemoved(error: PgError, url: string): void;
  /** An upstream cannot be had, says no, or was lost. Also for the server's log. */
  disconnected(error: PgError, url: string): void;
  /** The stream has begun. */
  connected(url: string): void;
}

/** What recovery says of itself, for reports. */
export interface ApplyState {
  /** Commit time of the last transaction applied; 0 for none. */
  readonly commitMicros: number;
  readonly applyDelayMs: number;
  readonly paused: boolean;
}

/** What a receiver is made of. */
export interface ReceiverOptions extends NodeCredentials {
  readonly env: Env;
  readonly upstreams: readonly string[];
  readonly sink: LogSink;
  readonly identity: StandbyIdentity;
  readonly applyState: () => ApplyState;
  readonly nodeName: string;
  /** What we count as in the upstream's synchronous_standby_names. */
  readonly applicationName: string;
  /** '' for none. */
  readonly slot: string;
  /** wal_receiver_timeout in milliseconds; 0: none. */
  readonly timeoutMs: number;
  /** wal_retrieve_retry_interval: longest wait between two attempts, in milliseconds. */
  readonly retryMs: number;
  readonly handler: ReceiverHandler;
}

/** pg_stat_wal_receiver */
export interface ReceiverStatus {
  readonly status: 'starting' | 'waiting' | 'streaming' | 'stopped';
  readonly receiveStartLsn: Lsn | null;
  readonly receiveStartTimeline: number | null;
  readonly writtenLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly receivedTimeline: number;
  readonly lastMessageSentMicros: number | null;
  readonly lastMessageReceivedMicros: number | null;
  /** End of the upstream's log as last heard, and when. */
  readonly latestEndLsn: Lsn | null;
  readonly latestEndMicros: number | null;
  readonly slotName: string | null;
  readonly senderHost: string | null;
  readonly senderPort: number | null;
  /** The upstream's URL; never the password. */
  readonly connectionInfo: string | null;
}

/** Log that may be on the way or unflushed: more than the largest record, or it could never arrive. */
const WINDOW_BYTES = 16 << 20;
/** Credit is granted in steps of so much. */
const CREDIT_STEP = WINDOW_BYTES / 4;
const FIRST_RETRY_MS = 50;
/** While we receive from a standby, we look so often for a primary in the list. */
const SEARCH_PRIMARY_MS = 1000;

/** A stream while it lasts. */
class Stream {
  /** End of what arrived. */
  arrived: Lsn;
  latestEndLsn: Lsn;
  latestEndMicros: number;
  started = false;
  /** What we need is gone there. */
  removed: PgError | null = null;
  /** Up to here somebody upstream waits for what is flushed, and for what is written. */
  private flushAwaitedLsn = lsn(0);
  private writeAwaitedLsn = lsn(0);
  private creditLsn = 0;
  private reported: Report | null = null;
  private reportScheduled = false;
  /** The sink is entering another timeline: what arrives waits. */
  private waiting: Message[] | null = null;
  private following: Promise<void> = Promise.resolve();
  private unwatch: () => void = () => undefined;
  private searchedMs: number;

  constructor(private readonly options: ReceiverOptions, readonly peer: Peer, private readonly search: () => void) {
    this.arrived = options.sink.receivedPosition.endLsn;
    this.latestEndLsn = peer.node.durableLsn;
    this.latestEndMicros = options.env.clock.wallMicros();
    this.searchedMs = options.env.clock.monotonicMs();
  }

  /** Resolves with why it ended, when nothing more reaches the sink. */
  run(): Promise<PgError> {
    const { peer: { link, node }, options } = this;
    const { sink, identity } = options;
    let isPrimary = node.role === 'primary';
    return new Promise((resolve) => {
      link.whenClosed((reason) => {
        this.unwatch();
        sink.streamEnded();
        void this.following.then(() => resolve(reason));
      });
      link.onEpoch = (epoch) => this.checkEpoch(epoch);
      link.onMessage = (message) => this.take(message);
      link.onHeartbeat = (heartbeat) => {
        isPrimary = heartbeat.role === 'primary';
        this.heardEnd(heartbeat.durableLsn, heartbeat.wallMicros);
      };
      link.onTick = () => {
        if (this.started) this.report(true);
        if (!isPrimary) this.considerSearch();
      };
      link.send({
        type: 'handshake', nodeName: options.nodeName, applicationName: options.applicationName, slot: options.slot, wants: 'stream',
        systemIdentifier: identity.systemIdentifier, history: identity.history, received: sink.receivedPosition,
        appliedLsn: sink.appliedLsn,
      });
    });
  }

  private considerSearch(): void {
    const now = this.options.env.clock.monotonicMs();
    if (this.options.upstreams.length < 2 || now - this.searchedMs < SEARCH_PRIMARY_MS) return;
    this.searchedMs = now;
    this.search();
  }

  private checkEpoch(epoch: number): void {
    const ours = this.options.identity.history.timeline;
    if (epoch < ours) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `timeline ${epoch} of the upstream is behind timeline ${ours} of this node`);
  }

  private heardEnd(end: Lsn, micros: number): void {
    if (end < this.latestEndLsn) return;
    this.latestEndLsn = end;
    this.latestEndMicros = micros;
  }

  private take(message: Message): void {
    if (this.waiting !== null) this.waiting.push(message);
    else if (message.type === 'log' && this.started) this.log(message);
    else if (message.type === 'timelineChange' && this.started) this.follow(message.history);
    else if (message.type === 'resume' && !this.started) this.begin(message.startLsn);
    else if (message.type === 'diverged' && !this.started) this.options.handler.diverged(message.forkLsn, message.history, this.peer.url);
    else if (message.type === 'logRemoved') this.removed = pgError('UNDEFINED_FILE', message.text);
    else throw protocolViolation(`unexpected replication message "${message.type}"`);
  }

  private begin(startLsn: Lsn): void {
    const { sink, handler } = this.options;
    if (startLsn !== this.arrived) throw protocolViolation(`the stream begins at ${formatLsn(startLsn)}, not at ${formatLsn(this.arrived)}`);
    this.started = true;
    this.unwatch = sink.watchProgress(() => this.progressed());
    this.grantCredit();
    this.report(true);
    handler.connected(this.peer.url);
  }

  private log(message: LogData): void {
    if (message.startLsn !== this.arrived) throw protocolViolation(`log at ${formatLsn(message.startLsn)} arrived where ${formatLsn(this.arrived)} follows`);
    const { version } = this.peer;
    // A node that does not say waits for everything.
    const awaited = version < AWAITED_VERSION ? 'write' : message.awaited;
    this.arrived = lsn(this.arrived + message.bytes.length);
    if (awaited !== 'nothing') this.flushAwaitedLsn = this.arrived;
    if (awaited === 'write') this.writeAwaitedLsn = this.arrived;
    this.options.sink.receive(message.bytes, awaited !== 'nothing');
    this.heardEnd(message.durableLsn, message.wallMicros);
  }

  private follow(history: TimelineHistory): void {
    this.waiting = [];
    this.following = this.options.sink.followTimeline(history).then(() => {
      const messages = this.waiting ?? [];
      this.waiting = null;
      for (const message of messages) if (!this.peer.link.isOver) this.take(message);
    }).catch((error: unknown) => this.peer.link.fail(error));
  }

  private progressed(): void {
    if (this.reportScheduled) return;
    this.reportScheduled = true;
    this.options.env.timers.soon(() => {
      this.reportScheduled = false;
      if (this.peer.link.isOver) return;
      this.grantCredit();
      this.report(false);
    });
  }

  private grantCredit(): void {
    const limit = this.options.sink.flushedLsn + WINDOW_BYTES;
    if (limit < this.creditLsn + CREDIT_STEP) return;
    this.creditLsn = limit;
    this.peer.link.send({ type: 'credit', limit });
  }

  /** Something is to be told now: what is written only where somebody waits for that; what is applied with the flush, where that is on its way. */
  private isNews(writtenLsn: Lsn, flushedLsn: Lsn, appliedLsn: Lsn): boolean {
    const { reported } = this;
    if (reported === null || flushedLsn > reported.flushedLsn) return true;
    if (writtenLsn > reported.writtenLsn && this.writeAwaitedLsn > reported.writtenLsn) return true;
    return appliedLsn > reported.appliedLsn && flushedLsn >= this.flushAwaitedLsn;
  }

  /** Says where we stand; `always`: whether or not there is news. */
  private report(always: boolean): void {
    const { sink, env, applyState } = this.options;
    const writtenLsn = sink.writtenLsn < this.arrived ? sink.writtenLsn : this.arrived;
    const flushedLsn = sink.flushedLsn < writtenLsn ? sink.flushedLsn : writtenLsn;
    // A clone has applied its state before it has the log below it.
    const appliedLsn = sink.appliedLsn < this.arrived ? sink.appliedLsn : this.arrived;
    if (!always && !this.isNews(writtenLsn, flushedLsn, appliedLsn)) return;
    this.reported = { type: 'report', writtenLsn, flushedLsn, appliedLsn, wallMicros: env.clock.wallMicros(), ...applyState() };
    this.peer.link.send(this.reported);
  }
}

/** See the file's comment. */
export class Receiver {
  private stream: Stream | null = null;
  private stopped = false;
  private finished: Promise<void> | null = null;
  private retryMs = FIRST_RETRY_MS;
  private wait: { timer: TimerHandle; wake: () => void } | null = null;
  private startLsn: Lsn | null = null;
  private startTimeline: number | null = null;
  private upstreams: readonly string[];
  private searching = false;
  /** A better upstream that was found while another one was in use. */
  private found: Peer | null = null;
  /** Upstreams that do not have what we need any more. */
  private readonly without = new Set<string>();
  private readonly stopping: Promise<null>;
  private endWaiting: (nothing: null) => void = () => undefined;

  constructor(private readonly options: ReceiverOptions) {
    this.upstreams = options.upstreams;
    this.stopping = new Promise((resolve) => (this.endWaiting = resolve));
  }

  /** Begins, and goes on until it is stopped. */
  start(): void {
    this.finished ??= this.run();
  }

  /** Other upstreams from now on; ends the stream that there is, if it is from none of them. */
  setUpstreams(urls: readonly string[]): void {
    this.upstreams = urls;
    const { stream } = this;
    if (stream !== null && !urls.includes(stream.peer.url)) stream.peer.link.bye('another upstream was chosen');
    this.wake();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const peer = this.found ?? await this.choose();
      this.found = null;
      if (peer !== null) await this.receive(peer);
      if (!this.stopped) await this.backOff();
    }
    this.found?.link.bye('the receiver was stopped');
  }

  /** The best upstream; null when there is none, or the receiver is being stopped. */
  private async choose(): Promise<Peer | null> {
    const urls = this.upstreams.filter((url) => !this.without.has(url));
    const choosing = chooseUpstream({ ...this.options, self: this.self, urls }, ({ url, error }) => {
      if (!this.stopped) this.options.handler.disconnected(error, url);
    });
    const peer = await Promise.race([choosing, this.stopping]);
    if (this.stopped) void choosing.then((late) => late?.link.bye('the receiver was stopped'));
    else if (peer === null) this.without.clear();
    return this.stopped ? null : peer;
  }

  private async receive(peer: Peer): Promise<void> {
    const stream = new Stream({ ...this.options, upstreams: this.upstreams }, peer, () => void this.searchPrimary());
    this.stream = stream;
    this.startLsn = stream.arrived;
    this.startTimeline = this.options.identity.history.timeline;
    const reason = await stream.run();
    this.stream = null;
    if (stream.started) {
      this.retryMs = FIRST_RETRY_MS;
      this.without.clear();
    }
    if (this.stopped) return;
    this.options.handler.disconnected(reason, peer.url);
    if (stream.removed !== null) this.logRemoved(stream.removed, peer.url);
  }

  /** One upstream does not have what we need: another one may. */
  private logRemoved(error: PgError, url: string): void {
    this.without.add(url);
    if (this.upstreams.some((other) => !this.without.has(other))) return;
    this.without.clear();
    this.options.handler.logRemoved(error, url);
  }

  /** We receive from a standby: is there a primary by now? */
  private async searchPrimary(): Promise<void> {
    const { stream } = this;
    if (this.searching || stream === null) return;
    this.searching = true;
    const urls = this.upstreams.filter((url) => url !== stream.peer.url);
    const peer = await chooseUpstream({ ...this.options, self: this.self, urls }, () => undefined);
    this.searching = false;
    if (peer === null) return;
    if (this.stopped || this.stream !== stream || peer.node.role !== 'primary') {
      peer.link.bye('another node was chosen');
      return;
    }
    this.found = peer;
    stream.peer.link.bye('a primary was found');
  }

  private readonly self = (): Self => ({
    epoch: this.options.identity.history.timeline, systemIdentifier: this.options.identity.systemIdentifier, role: 'standby', durableLsn: this.options.sink.flushedLsn,
  });

  /** Waits: longer each time, and never for as long as others do. */
  private async backOff(): Promise<void> {
    const { env, retryMs } = this.options;
    const delayMs = this.retryMs * (0.5 + env.random.float() / 2);
    this.retryMs = Math.min(retryMs, Math.max(FIRST_RETRY_MS, this.retryMs * 2));
    await new Promise<void>((resolve) => {
      this.wait = { timer: env.timers.after(delayMs, resolve, true), wake: resolve };
    });
    this.wait = null;
  }

  private wake(): void {
    this.wait?.timer.cancel();
    this.wait?.wake();
  }

  /** For pg_stat_wal_receiver. */
  get status(): ReceiverStatus {
    const { stream, options: { sink, identity, slot } } = this;
    const link = stream?.peer.link;
    const url = stream === null ? null : new URL(stream.peer.url);
    const heard = (micros: number | undefined): number | null => (micros === undefined || micros === 0 ? null : micros);
    return {
      status: this.stopped ? 'stopped' : stream === null ? 'waiting' : stream.started ? 'streaming' : 'starting',
      receiveStartLsn: this.startLsn, receiveStartTimeline: this.startTimeline,
      writtenLsn: sink.writtenLsn, flushedLsn: sink.flushedLsn, receivedTimeline: identity.history.timeline,
      lastMessageSentMicros: heard(link?.lastSentMicros), lastMessageReceivedMicros: heard(link?.lastReceivedMicros),
      latestEndLsn: stream?.latestEndLsn ?? null, latestEndMicros: stream?.latestEndMicros ?? null,
      slotName: slot === '' ? null : slot, senderHost: url?.hostname ?? null, senderPort: url === null ? null : Number(url.port),
      connectionInfo: stream?.peer.url ?? null,
    };
  }

  /** Ends the stream; resolves when nothing more will reach the sink. */
  async stop(reason = 'the receiver was stopped'): Promise<void> {
    this.stopped = true;
    this.stream?.peer.link.bye(reason);
    this.endWaiting(null);
    this.wake();
    await this.finished;
  }
}
