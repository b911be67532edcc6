/**
 * A node: an engine on a data directory with its ports, and its role. A node that is a primary can become a standby and the other way round
 * in the same process; its ports stay, what stands on the data directory is closed and opened again where it must be.
 *
 * Changes of role run one after the other. What fails in one is told to the server log, and the node is where it was or tries again:
 * a standby without a state clones until it has one. Only an error of the log or the store ends the process (`fatal`).
 */
import type { Archiver } from '../../lib/archive/archiver.js';
import type { StandbyHold } from '../../lib/archive/standby-hold.js';
import type { ObjectStore } from '../../lib/archive/store.js';
import { installState, isVacant, rewind, vacate } from '../../lib/access/clone.js';
import { PgError, pgError } from '../../lib/base/error.js';
import { formatLsn, type Lsn } from '../../lib/base/lsn.js';
import { realEnv } from '../../lib/env/real.js';
import type { Env } from '../../lib/env/env.js';
import { openEngine, type Engine } from '../../lib/session/engine.js';
import type { LogSeverity } from '../../lib/session/server-log.js';
import type { TimelineHistory } from '../../lib/wal/history.js';
import type { LogSource } from '../../lib/wal/shipping.js';
import { readControl } from '../../lib/wal/control.js';
import { Clone } from '../../replica/clone.js';
import { NO_ARCHIVE } from '../../replica/handshake.js';
import { SLOTS_FILE } from '../../replica/format.js';
import { Receiver } from '../../replica/receiver.js';
import { Listener } from '../listener.js';
import { archivedTimeline, ArchiveReader, holdUnarchived, openArchive, startArchiver } from './archiving.js';
import { credentialsFor, parseNodeUrl, type Credentials } from './node-url.js';
import type { NodeOptions } from './options.js';
import { ReplicationPort, slotLimitBytes } from './replication-port.js';
import { requestHandlers } from './requests.js';
import { replicationStatus } from './status.js';
import { tellFence } from './peers.js';
import { Switchover } from './switchover.js';
import type { Failover } from './failover.js';

/** Between two attempts to clone, in milliseconds. */
const CLONE_RETRY_MS = 2000;
const LOOPBACK = '127.0.0.1';

/** See the file's comment. */
export class DatabaseNode {
  engine!: Engine;
  listener!: Listener;
  port: ReplicationPort | null = null;
  receiver: Receiver | null = null;
  archiver: Archiver | null = null;
  archive: ObjectStore | null = null;
  /** Of a standby with an archive. */
  private unarchived: StandbyHold | null = null;
  /** Whether the lease allows acknowledging; set by the failover, where there is one. */
  mayAcknowledge: () => boolean = () => true;
  /** Automatic failover, where there is one. */
  failover: Failover | null = null;
  readonly switchover = new Switchover(this);
  private upstreams: readonly string[];
  private replicationPort: number;
  /** Where clients are served, once they are. */
  private clientPort: number | null = null;
  private changing: Promise<unknown> = Promise.resolve();
  private stopping = false;
  /** Ends what waits for other nodes, once the node is being stopped. */
  private endWaiting: () => void = () => undefined;
  private readonly stopRequested: Promise<void>;
  /** Nothing is received until it is said from whom: a node of a cluster that elects its primary must not confirm anything behind its vote. */
  private standing: boolean;
  /** Nobody is served until this node knows its place again. */
  private fenced = false;
  /** A primary that serves nobody since its lease may have ended. */
  private leaseless = false;

  constructor(readonly options: NodeOptions, readonly env: Env = realEnv()) {
    this.upstreams = options.upstreams ?? [];
    this.standing = options.consensus !== null;
    this.replicationPort = options.replicationPort ?? 0;
    this.stopRequested = new Promise((resolve) => (this.endWaiting = resolve));
  }

  get role(): 'primary' | 'standby' {
    return this.engine.inRecovery ? 'standby' : 'primary';
  }

  /** Where clients are served. */
  get host(): string {
    const addresses = this.engine.settings.string('listen_addresses');
    return addresses === '*' ? '0.0.0.0' : addresses;
  }

  /** How other nodes reach this one. */
  get replicationUrl(): string {
    return this.options.advertise ?? `${this.engine.settings.boolean('ssl') ? 'wss' : 'ws'}://${LOOPBACK}:${this.replicationPort}`;
  }

  /** Who this node comes as at these addresses: they may come from other nodes, which give no credentials away. */
  credentials(addresses: readonly string[]): Credentials {
    const { options, engine } = this;
    // A node that has nothing yet knows its command line only.
    const conninfo = (engine as Engine | undefined)?.settings.string('primary_conninfo') ?? options.settings.findLast(([name]) => name === 'primary_conninfo')?.[1] ?? '';
    return credentialsFor([...addresses, ...options.upstreams ?? []], conninfo);
  }

  /** Who leads, as far as the failover has heard. */
  leaderName(): string | null {
    return this.failover?.leaderName ?? null;
  }

  note(severity: LogSeverity, message: string): void {
    this.options.log({ error_severity: severity, message });
  }

  /** One change of role after the other. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.changing.then(work);
    this.changing = done.catch((error: unknown) => this.note('WARNING', `change of role: ${error instanceof Error ? error.message : String(error)}`));
    return done;
  }

  // ---------------------------------------------------------------- starting

  /** Opens the directory in its role, and its ports. FATAL `PgError`s for what keeps it from starting. */
  start(asStandby: boolean): Promise<number> {
    const started = this.open(asStandby);
    // What an upstream has to say of this node's log waits until it is up.
    this.changing = started.catch(() => undefined);
    return started;
  }

  private async open(asStandby: boolean): Promise<number> {
    const { archive, environment } = this.options;
    if (archive !== null) this.archive = await openArchive(this.env, archive, environment);
    try {
      await (asStandby ? this.openStandby() : this.openPrimary());
      return await this.openListener();
    } catch (error) {
      if ((this.engine as Engine | undefined) !== undefined) await this.closeEngine(false);
      throw error;
    }
  }

  private async openListener(): Promise<number> {
    const { options, engine: { settings } } = this;
    if (this.host.includes(',')) throw pgError('FEATURE_NOT_SUPPORTED', 'listen_addresses with several addresses is not supported', { severity: 'FATAL' });
    const file = (name: string): string => {
      const path = settings.string(name);
      return path.startsWith('/') ? path : `${options.dataDirectory}/${path}`;
    };
    this.listener = new Listener(this.engine, {
      host: this.host, port: options.port ?? settings.number('port'),
      socketDirectory: options.socketDirectory ?? (settings.string('unix_socket_directories') || null),
      tls: settings.boolean('ssl') ? { certificateFile: file('ssl_cert_file'), keyFile: file('ssl_key_file') } : null,
    });
    const port = await this.listener.open();
    this.clientPort = port;
    settings.preset('port', port);
    return port;
  }

  private openEngine(standby: boolean): Promise<Engine> {
    const { options } = this;
    const settings: (readonly [string, string])[] = [...options.settings];
    if (options.host !== null) settings.push(['listen_addresses', options.host]);
    // Once it listens its port stays, whatever the role: also one that the system has chosen.
    const port = this.clientPort ?? options.port;
    if (port !== null && port !== 0) settings.push(['port', String(port)]);
    return openEngine({ dir: options.dataDirectory, env: this.env, settings, fatal: options.fatal, log: options.log, standby });
  }

  private async openPrimary(): Promise<void> {
    this.engine = await this.openEngine(false);
    await this.attach();
    this.becomePrimary();
  }

  /** Clones where there is no state yet, opens it, and receives from the upstreams. */
  private async openStandby(): Promise<void> {
    await this.cloneIfVacant();
    this.dropFormerSlots();
    this.engine = await this.openEngine(true);
    await this.attach();
    const { storage: { source }, settings } = this.engine;
    if (this.archive !== null && source !== null) this.unarchived = holdUnarchived(this.archive, source, () => slotLimitBytes(settings), this.options.log);
    this.receive();
  }

  /** A former primary keeps no log for those who followed it: they follow another now, and their slots would fill its disk. */
  private dropFormerSlots(): void {
    const path = `${this.options.dataDirectory}/${SLOTS_FILE}`;
    if (!this.isStandbyDirectory && this.env.files.exists(path)) this.env.files.remove(path);
  }

  private async attach(): Promise<void> {
    const { engine, options } = this;
    const { source } = engine.storage;
    if (source === null) throw pgError('INTERNAL_ERROR', 'a node has a data directory');
    engine.replication = replicationStatus(this);
    if (options.replicationPort === null && this.port === null && options.upstreams === null) return;
    this.port = new ReplicationPort({
      engine, source, dataDirectory: options.dataDirectory, requests: requestHandlers(this), mayAcknowledge: () => this.mayAcknowledge() && !this.fenced,
      archive: this.archive === null ? NO_ARCHIVE : new ArchiveReader(this.archive, source.systemIdentifier),
      onNewerEpoch: (epoch) => this.fence(epoch),
    });
    if (options.replicationPort !== null) this.replicationPort = await this.port.listen(this.host, this.replicationPort);
  }

  /** What only a primary does. */
  private becomePrimary(): void {
    const { engine, port, options } = this;
    if (port !== null) engine.storage.setConfirmation(port.sync);
    if (this.archive !== null && engine.storage.source !== null) {
      this.archiver = startArchiver(this.env, this.archive, engine.storage.source, engine.settings.number('archive_timeout') * 1000, options.log);
    }
    // The archiver has its own hold by now.
    this.releaseUnarchived();
  }

  // ---------------------------------------------------------------- a standby

  private async cloneIfVacant(): Promise<void> {
    while (this.isVacant) {
      if (this.stopping) throw shuttingDown();
      try {
        await this.clone();
      } catch (error) {
        if (this.stopping) throw shuttingDown();
        // A node that serves already has nobody to tell but the log; one that starts says what keeps it from it.
        const isServing = (this.listener as Listener | undefined) !== undefined;
        if (!isServing && (!(error instanceof PgError) || this.upstreams.length === 0)) throw error;
        const why = error instanceof Error ? error.message : String(error);
        this.note('WARNING', `could not clone: ${why}`);
        this.options.progress(`could not clone (${why}); trying again`);
        await this.pause(CLONE_RETRY_MS);
      }
    }
  }

  private async clone(): Promise<void> {
    const { options, env, upstreams } = this;
    const starting = Clone.start({
      env, urls: upstreams.map((text) => parseNodeUrl(text).url), ...this.credentials(upstreams), tls: options.tls, timeoutMs: CLONE_TIMEOUT_MS, nodeName: options.name,
      slot: slotName(options.name),
      progress: ({ bytes, approximateBytes }) => options.progress(`cloning: ${megabytes(bytes)} of about ${megabytes(Math.max(bytes, approximateBytes))} MB`),
    });
    const clone = await Promise.race([starting, this.stopRequested]);
    if (clone === undefined) {
      void starting.then((late) => late.close(), () => undefined);
      return;
    }
    void this.stopRequested.then(() => clone.close());
    try {
      await installState({ env, dir: options.dataDirectory }, clone.info, clone.entries());
    } finally {
      clone.close();
    }
    this.note('LOG', `cloned from ${clone.url}: a state at ${formatLsn(clone.info.stateLsn)}`);
  }

  /** Receives from these nodes from now on. */
  follow(upstreams: readonly string[]): Promise<void> {
    return this.change(async () => {
      this.standing = false;
      this.upstreams = upstreams;
      if (this.role === 'standby') this.receive();
      await Promise.resolve();
    });
  }

  /** Receives nothing until `follow`: resolves when all that was received is on stable storage. */
  standStill(): Promise<void> {
    return this.change(async () => {
      this.standing = true;
      await this.stopReceiving('nobody leads');
      const { standby } = this.engine;
      if (standby !== null) await new Promise<void>((resolve) => standby.whenDurable(resolve));
    });
  }

  private receive(): void {
    const { upstreams } = this;
    if (this.standing || upstreams.length === 0) return;
    if (this.receiver !== null) {
      this.receiver.setUpstreams(upstreams.map((text) => parseNodeUrl(text).url));
      return;
    }
    const { engine, env, options } = this;
    const { standby, settings } = engine;
    const { source } = engine.storage;
    if (standby === null || source === null) return;
    const receiver = new Receiver({
      env, upstreams: upstreams.map((text) => parseNodeUrl(text).url), ...this.credentials(upstreams), tls: options.tls, sink: standby, identity: source,
      applyState: () => ({ commitMicros: standby.lastCommitMicros, applyDelayMs: standby.settings.applyDelayMs, paused: standby.isPaused }),
      nodeName: options.name, applicationName: options.name, slot: slotName(options.name),
      timeoutMs: settings.number('wal_receiver_timeout'), retryMs: settings.number('wal_retrieve_retry_interval'),
      handler: {
        connected: (url) => this.note('LOG', `started streaming WAL from ${url} at ${formatLsn(standby.receivedPosition.endLsn)} on timeline ${source.history.timeline}`),
        disconnected: (error, url) => this.note('LOG', `replication from ${url}: ${error.message}`),
        diverged: (fork, history, url) => {
          this.note('WARNING', `the log has left that of ${url} at ${formatLsn(fork)}, timeline ${history.timeline}`);
          void this.change(() => this.rejoin(receiver, fork, history)).catch(() => undefined);
        },
        logRemoved: (error, url) => {
          this.note('WARNING', `${url}: ${error.message}`);
          void this.change(() => this.rejoin(receiver, null, null)).catch(() => undefined);
        },
      },
    });
    this.receiver = receiver;
    receiver.start();
  }

  /** Stops receiving; nothing more will reach the log. */
  private async stopReceiving(reason: string): Promise<void> {
    const { receiver } = this;
    this.receiver = null;
    await receiver?.stop(reason);
  }

  /**
   * Cuts the log at the fork, or clones anew where that cannot be (or null: where the log that is needed is gone). Only while the receiver
   * that has found it still receives: what it said is about the log that there was.
   */
  private async rejoin(finder: Receiver, fork: Lsn | null, history: TimelineHistory | null): Promise<void> {
    if (this.stopping || this.role === 'primary' || this.receiver !== finder) return;
    await this.reopenAsStandby(async () => {
      const directory = { env: this.env, dir: this.options.dataDirectory };
      const rewound = fork !== null && history !== null && fork > 0 && await rewind(directory, history, fork);
      if (rewound && fork !== null) this.note('LOG', `the log was cut at ${formatLsn(fork)}`);
      else {
        this.note('LOG', 'this node is cloned anew');
        vacate(directory);
      }
    });
  }

  /** Closes the engine, prepares its directory and opens it as a standby's. A node that fails over it has nothing left to serve: `fatal`. */
  private async reopenAsStandby(prepare: () => Promise<void>): Promise<void> {
    this.listener.suspend(startingUp());
    try {
      await this.closeEngine(true);
      await prepare();
      await this.openStandby();
    } catch (error) {
      if (!this.stopping) this.options.fatal(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    this.listener.serve(this.engine);
  }

  // ---------------------------------------------------------------- changes of role

  /** A standby becomes the primary; `timeline` null: the next one. Returns its history. 55000 when it is none. */
  promote(timeline: number | null, reason: string): Promise<TimelineHistory> {
    return this.change(async () => {
      const { engine } = this;
      const { standby } = engine;
      const source = engine.storage.source;
      if (standby === null || source === null || !engine.inRecovery) {
        throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is not in progress', { hint: 'Recovery control functions can only be executed during recovery.' });
      }
      const former = new Set([this.receiver?.status.connectionInfo, ...this.upstreams.map((text) => parseNodeUrl(text).url)].filter((url) => typeof url === 'string'));
      await this.stopReceiving('this node is being promoted');
      let history: TimelineHistory;
      try {
        history = await standby.promote(timeline ?? await this.nextTimeline(source), reason);
      } catch (error) {
        this.receive();
        throw error;
      }
      await engine.promoted();
      this.upstreams = [];
      this.becomePrimary();
      this.note('LOG', `promoted: timeline ${history.timeline} begins at ${formatLsn(history.ancestors.at(-1)?.switchLsn ?? standby.end)}`);
      for (const url of former) void tellFence(this, url, history.timeline);
      return history;
    });
  }

  /** The next timeline that neither this node nor its archive knows. An archive that does not answer keeps nobody from being promoted. */
  private async nextTimeline({ history, systemIdentifier }: LogSource): Promise<number> {
    let archived = 0;
    try {
      if (this.archive !== null) archived = await archivedTimeline(this.archive, systemIdentifier);
    } catch (error) {
      this.note('WARNING', `the archive does not say which timelines it has: ${error instanceof Error ? error.message : String(error)}`);
    }
    return Math.max(history.timeline, archived) + 1;
  }

  /** A primary becomes a standby of `upstreams` (none: until it is told whom to follow). Its sessions end. */
  demote(upstreams: readonly string[], reason: string): Promise<void> {
    return this.change(async () => {
      if (this.role === 'standby') {
        if (upstreams.length > 0) this.upstreams = upstreams;
        this.receive();
        return;
      }
      this.note('WARNING', `becomes a standby: ${reason}`);
      this.upstreams = upstreams;
      await this.reopenAsStandby(() => {
        this.fenced = this.leaseless = false;
        return Promise.resolve();
      });
    });
  }

  /** Nothing is acknowledged and nobody served any more: a node of a newer timeline has spoken. An operator (or the lease) says what comes next. */
  private fence(epoch: number): void {
    if (this.fenced || this.role !== 'primary') return;
    this.note('WARNING', `timeline ${epoch} exists, this primary is on timeline ${this.engine.storage.timeline}: it serves nobody any more`);
    this.fenced = true;
    this.listener.suspend(pgError('CANNOT_CONNECT_NOW', 'this node was the primary of an earlier timeline', { severity: 'FATAL', hint: 'Run it as a replica of the new primary.' }));
    this.engine.endSessions(pgError('ADMIN_SHUTDOWN', 'terminating connection: another node has been promoted', { severity: 'FATAL' }));
  }

  /** A primary whose lease may have ended serves nobody: clients look for the one that has it. Serves again once it is known to hold. */
  leaseChanged(holds: boolean): void {
    if (this.role !== 'primary' || this.fenced || holds !== this.leaseless) return;
    this.leaseless = !holds;
    if (holds) {
      this.note('LOG', 'the lease holds: serving');
      // It may have been frozen for a node that did not take the lead.
      this.engine.storage.stirLog();
      this.listener.serve(this.engine);
      return;
    }
    this.note('WARNING', 'the lease may have ended: serving nobody until it is known to hold');
    this.listener.suspend(pgError('CANNOT_CONNECT_NOW', 'this node may no longer be the primary', { severity: 'FATAL' }));
    void this.engine.endSessions(pgError('ADMIN_SHUTDOWN', 'terminating connection: this node may no longer be the primary', { severity: 'FATAL' }));
  }

  /** Stops serving, for a switchover: ends sessions and waits for the log to be still. Returns its end. */
  async freeze(): Promise<Lsn> {
    const { engine } = this;
    this.listener.suspend(pgError('CANNOT_CONNECT_NOW', 'the primary is being switched over', { severity: 'FATAL' }));
    await engine.drainSessions(pgError('ADMIN_SHUTDOWN', 'terminating connection due to switchover', { severity: 'FATAL' }));
    return engine.storage.stillLog();
  }

  /** Serves again, unless it may not for another reason: the switchover is off. */
  thaw(): void {
    this.engine.storage.stirLog();
    if (!this.fenced && !this.leaseless) this.listener.serve(this.engine);
  }

  private releaseUnarchived(): void {
    this.unarchived?.release();
    this.unarchived = null;
  }

  private async closeEngine(abandon: boolean): Promise<void> {
    this.releaseUnarchived();
    await this.stopReceiving('this node changes its role');
    await this.archiver?.stop();
    this.archiver = null;
    await this.port?.close(abandon ? 'this node changes its role' : 'the database system is shutting down');
    this.port = null;
    await this.engine.close(abandon);
  }

  /** Waits before other nodes are asked again; rejects with 57P01 when this one is to stop. */
  async pause(milliseconds: number): Promise<void> {
    await Promise.race([this.stopRequested, new Promise<void>((resolve) => this.env.timers.after(milliseconds, resolve))]);
    if (this.stopping) throw shuttingDown();
  }

  /** Ends what waits for other nodes: a start rejects with 57P01 where it had to wait. */
  requestStop(): void {
    this.stopping = true;
    this.endWaiting();
  }

  /** Stops accepting, ends sessions, writes a checkpoint, closes the data directory. */
  async stop(): Promise<void> {
    this.requestStop();
    await this.failover?.stop();
    await this.changing;
    this.listener.stopAccepting();
    await this.engine.endSessions(pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' }));
    if (this.role === 'primary') await this.port?.whenReplicated(LAST_LOG_MS);
    await this.closeEngine(false);
    this.listener.destroySockets();
  }

  /** Whom to clone from, and to follow once that is allowed. Before `start`. */
  setUpstreams(upstreams: readonly string[]): void {
    this.upstreams = upstreams;
  }

  get hasUpstreams(): boolean {
    return this.upstreams.length > 0;
  }

  /** True when the directory has no state yet. */
  get isVacant(): boolean {
    return isVacant({ env: this.env, dir: this.options.dataDirectory });
  }

  /** True when the directory was left as a standby's. */
  get isStandbyDirectory(): boolean {
    return !this.isVacant && readControl(this.env, this.options.dataDirectory)?.state === 'standby';
  }
}

const CLONE_TIMEOUT_MS = 30_000;
/** A clean stop waits so long for its replicas to have all of the log. */
const LAST_LOG_MS = 2000;

function shuttingDown(): PgError {
  return pgError('ADMIN_SHUTDOWN', 'the database system is shutting down', { severity: 'FATAL' });
}

function startingUp(): PgError {
  return pgError('CANNOT_CONNECT_NOW', 'the database system is starting up', { severity: 'FATAL' });
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

/** The slot of a node: its name in what slots may be called. */
export function slotName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_').slice(0, 63);
}
