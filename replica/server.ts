/**
 * The replication port of a node: lets in whoever may replicate, ships log, sends clones, answers requests. The same on a primary and on a
 * standby (whose log is a copy, and is shipped as far as it is durable there).
 */
import type { PgError } from '../lib/base/error.js';
import type { Lsn } from '../lib/base/lsn.js';
import type { ScramVerifier } from '../lib/base/passwords.js';
import type { Env } from '../lib/env/env.js';
import type { FrameServer, TlsOptions } from '../lib/env/network.js';
import type { StateSource } from '../lib/wal/shipping.js';
import { MAX_FRAME_BYTES, type NodeRole } from './format.js';
import type { LogOrigin } from './handshake.js';
import { Link, type Self } from './link.js';
import type { LogSender } from './sender.js';
import { ServerSession, type SessionState } from './session.js';
import type { ReplicationSlots } from './slots.js';

/** A role, as far as replication cares. */
export interface ReplicationRole {
  /** Null: it has no password, and none is right. */
  readonly verifier: ScramVerifier | null;
  /** REPLICATION, or superuser. */
  readonly mayReplicate: boolean;
}

/** Who may come in. */
export interface Authenticator {
  /** Null for a role that does not exist or may not log in. */
  lookup(role: string): Promise<ReplicationRole | null>;
  /** True when the role may come from `peer` (`address:port`) without a password. */
  trusts(role: string, peer: string): boolean;
}

/** Who asks. */
export interface Requester {
  readonly role: string;
  readonly peer: string;
}

/** Does what is asked and gives the answer, as JSON would have both. Throws what the other side is told. */
export type RequestHandler = (argument: unknown, requester: Requester) => Promise<unknown>;

/** What a replication server is made of. */
export interface ReplicationServerOptions {
  readonly origin: LogOrigin;
  readonly state: StateSource;
  readonly authenticator: Authenticator;
  readonly slots: ReplicationSlots;
  /** What else may be asked of this node (`status`, `promote`, ...). */
  readonly requests: ReadonlyMap<string, RequestHandler>;
  readonly role: () => NodeRole;
  /** wal_sender_timeout in milliseconds; 0: none. */
  readonly timeoutMs: number;
  /** Bytes in a second that a clone may take; 0: no limit. */
  readonly cloneBytesPerSecond: number;
  /** A node of our system that may replicate speaks of a newer timeline than ours: this node has been left behind. */
  readonly onNewerEpoch: (epoch: number) => void;
  /** A standby has reported, come or gone. */
  readonly onChange: () => void;
  /** For the server's log: a connection has ended. */
  readonly log: (peer: string, reason: PgError) => void;
}

/** What a session needs of its server. */
export interface ReplicationService extends Pick<ReplicationServerOptions, 'origin' | 'state' | 'authenticator' | 'slots' | 'requests' | 'role' | 'cloneBytesPerSecond'> {
  readonly env: Env;
  heardEpoch(epoch: number): void;
  changed(): void;
}

/** A standby, as pg_stat_replication shows it. */
export interface ReplicaStatus {
  readonly role: string;
  readonly applicationName: string;
  readonly nodeName: string;
  readonly peer: string;
  readonly startedMicros: number;
  readonly state: SessionState;
  readonly slotName: string | null;
  readonly sentLsn: Lsn | null;
  readonly writtenLsn: Lsn | null;
  readonly flushedLsn: Lsn | null;
  readonly appliedLsn: Lsn | null;
  readonly writeLagMs: number | null;
  readonly flushLagMs: number | null;
  readonly applyLagMs: number | null;
  readonly replyMicros: number | null;
  /** Commit time of the last transaction that it has applied; null before the first. */
  readonly commitMicros: number | null;
  readonly applyDelayMs: number;
  readonly paused: boolean;
  readonly roundTripMs: number | null;
  /** What `SyncStandbys.stateOf` takes; null unless it streams. */
  readonly sender: LogSender | null;
}

/** Where to listen. */
export interface ReplicationListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
}

/** See the file's comment. */
export class ReplicationServer {
  private readonly sessions = new Set<ServerSession>();
  private listener: FrameServer | null = null;
  private readonly service: ReplicationService;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly options: ReplicationServerOptions) {
    const { origin, state, authenticator, slots, requests, role, cloneBytesPerSecond } = options;
    this.service = {
      env: origin.env, origin, state, authenticator, slots, requests, role, cloneBytesPerSecond,
      heardEpoch: (epoch) => {
        if (epoch > origin.source.history.timeline) options.onNewerEpoch(epoch);
      },
      changed: () => this.changed(),
    };
  }

  private changed(): void {
    this.options.onChange();
    for (const waiting of this.waiting) waiting();
  }

  /** Starts listening; returns the port. Rejects with the environment's error (`EADDRINUSE`). */
  async listen({ host, port, tls }: ReplicationListenOptions): Promise<number> {
    const { origin: { env, source }, timeoutMs, role } = this.options;
    this.listener = await env.network.listen({ host, port, tls, maxFrameBytes: MAX_FRAME_BYTES }, (socket) => {
      const { systemIdentifier } = source;
      const self = (): Self => ({ epoch: source.history.timeline, systemIdentifier, role: role(), durableLsn: source.durableLsn });
      const link = new Link({ env, socket, self, timeoutMs, timeoutText: 'terminating walsender process due to replication timeout' });
      this.sessions.add(new ServerSession(this.service, link, (session, reason) => this.ended(session, reason)));
    });
    return this.listener.port;
  }

  private ended(session: ServerSession, reason: PgError): void {
    this.sessions.delete(session);
    this.options.log(session.link.peer, reason);
    if (session.sender !== null) this.changed();
  }

  /** The standbys that stream, in the order in which they came: `SyncStandbys`' candidates. */
  *senders(): IterableIterator<LogSender> {
    for (const { sender } of this.sessions) if (sender !== null) yield sender;
  }

  /** Who is being sent log or a clone. */
  replicas(): ReplicaStatus[] {
    return [...this.sessions].filter((session) => session.state !== 'startup').map((session) => {
      const { sender, link } = session;
      const report = sender?.lastReport ?? null;
      return {
        role: session.role, applicationName: session.applicationName, nodeName: session.nodeName, peer: link.peer, startedMicros: session.startedMicros,
        state: session.state, slotName: session.slotName, sentLsn: sender?.sentLsn ?? null, writtenLsn: report?.writtenLsn ?? null,
        flushedLsn: report?.flushedLsn ?? null, appliedLsn: report?.appliedLsn ?? null, writeLagMs: sender?.lag.lag('write') ?? null,
        flushLagMs: sender?.lag.lag('flush') ?? null, applyLagMs: sender?.lag.lag('apply') ?? null, replyMicros: report?.wallMicros ?? null,
        commitMicros: report !== null && report.commitMicros > 0 ? report.commitMicros : null, applyDelayMs: report?.applyDelayMs ?? 0,
        paused: report?.paused ?? false, roundTripMs: link.roundTripMs, sender,
      };
    });
  }

  /**
   * Resolves with true once every standby that streams has flushed what is durable here now (before a planned stop or switchover, when
   * nothing more is written), with false after `timeoutMs`. At once when nobody streams.
   */
  whenReplicated(timeoutMs: number): Promise<boolean> {
    const { env, source } = this.options.origin;
    const target = source.durableLsn;
    return new Promise((resolve) => {
      const end = (done: boolean): void => {
        this.waiting.delete(check);
        timer.cancel();
        resolve(done);
      };
      const check = (): void => {
        if ([...this.senders()].every((sender) => sender.flushedLsn >= target)) end(true);
      };
      const timer = env.timers.after(timeoutMs, () => end(false), true);
      this.waiting.add(check);
      check();
    });
  }

  /** Ends every connection but keeps listening: what this node is has changed. */
  endConnections(reason: string): void {
    for (const { link } of this.sessions) link.bye(reason);
  }

  /** Stops listening and ends every connection. */
  async close(reason = 'the database system is shutting down'): Promise<void> {
    this.endConnections(reason);
    await this.listener?.close();
    this.listener = null;
  }
}
