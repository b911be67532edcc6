/**
 * An open database cluster with its sessions: storage, catalogs, settings, the registry of sessions, notifications, and the
 * caches that sessions share. The server and the embedded API both stand on it. Entry: `openEngine`.
 */
import '../functions/builtins.js';
import type { StorageEngine, Transaction } from '../access/api.js';
import type { Standby } from '../access/standby.js';
import { openStandby, openStorage, type OpenOptions } from '../access/storage.js';
import { PgError, pgError } from '../base/error.js';
import { INVALID_LSN } from '../base/lsn.js';
import { drive } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import { initializeCluster, isInitialized } from '../catalog/bootstrap.js';
import { readBuiltinData } from '../catalog/builtin.js';
import { ClusterCatalog } from '../catalog/cluster.js';
import type { PgAuthid, PgDatabase } from '../catalog/rows.js';
import { SessionCatalog } from '../catalog/session.js';
import type { Env } from '../env/env.js';
import { realEnv } from '../env/real.js';
import { ScratchDirectory } from '../env/scratch.js';
import type { TemporaryStore } from '../executor/executor.js';
import { TemporaryFiles } from '../executor/temporary-files.js';
import { loadParser, parse } from '../parser/parse.js';
import type { RawStatement } from '../parser/raw.js';
import type { ClientAddress, SessionClient } from './client.js';
import { clientError } from './client-error.js';
import { loadCommands } from './command-loader.js';
import { confirmMode } from './commit-wait.js';
import { HotStandby, StandbyDelays } from './hot-standby.js';
import { PlanEnvironment } from './literal-cache.js';
import { NotifyHub } from './notify.js';
import { NO_REPLICATION, type ReplicationStatus } from './replication-status.js';
import { Session } from './session.js';
import { errorFields, type LogWriter } from './server-log.js';
import { POSTGRES_EPOCH_MICROS } from './services.js';
import { alterSystemFile, CONFIG_FILE, readConfigFiles } from './settings/files.js';
import { ServerSettings } from './settings/store.js';

/** Folder of temporary files in the data directory. */
const TEMPORARY_DIRECTORY = 'temporary';

/** The data directory's space for temporary files, emptied of what an earlier process left. */
function temporaryFiles(env: Env, directory: string): TemporaryStore {
  const space = new ScratchDirectory(env.files, `${directory}/${TEMPORARY_DIRECTORY}`);
  space.clear();
  return new TemporaryFiles(space);
}

/** How to open a cluster. */
export interface EngineOptions {
  /** Data directory, made and initialised when it is not there; or `memory://`. */
  readonly dir: string;
  readonly env?: Env;
  /** Settings of the command line: they go before those of the files. */
  readonly settings?: readonly (readonly [name: string, value: string])[];
  /** Called when the log cannot be written: must end the process. */
  readonly fatal?: (error: Error) => void;
  /** Writes the server log (errors, statements, durations ... as the settings of logging ask). */
  readonly log?: LogWriter;
  /** Opens the directory as a standby's, to be fed by its upstream through `Engine.standby`. Default: as a primary's. */
  readonly standby?: boolean;
  /** Opens the store; default: LevelDB. For simulations. */
  readonly openStore?: OpenOptions['openStore'];
}

/** Who wants a session. */
export interface ConnectRequest {
  readonly role: PgAuthid;
  readonly database: string;
  readonly address: ClientAddress;
  readonly client: SessionClient;
  /** Settings of the start-up packet. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly processId: number;
}

/** Statements kept parsed, by their text. */
const MAX_PARSED = 1000;
const MAX_PARSED_LENGTH = 2000;
const MAX_ENVIRONMENTS = 200;

/** Utility statements' code is loaded this long after start, unless one is needed before. */
const COMMANDS_AFTER_MS = 500;
const MEGABYTE = 1024 * 1024;

/** Opens (and, when it is new, initialises) a cluster. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const env = options.env ?? realEnv();
  const settings = readSettings(env, options);
  const parserLoaded = loadParser().then(readBuiltinData);
  const opened = await openData(options, env, settings);
  await parserLoaded;
  env.timers.after(COMMANDS_AFTER_MS, () => void loadCommands(), true);
  return new Engine({ env, settings, directory: options.dir, log: options.log ?? null, ...opened });
}

/** Opens the storage; a primary's is initialised when it is new. */
async function openData(options: EngineOptions, env: Env, settings: ServerSettings): Promise<Pick<EngineParts, 'storage' | 'standby'>> {
  const opening: OpenOptions = {
    dir: options.dir, env, fatal: options.fatal, openStore: options.openStore,
    settings: {
      sharedBuffers: settings.number('shared_buffers') * 8192,
      checkpointTimeoutMs: settings.number('checkpoint_timeout') * 1000,
      maxWalSize: settings.number('max_wal_size') * MEGABYTE,
      walKeepSize: settings.number('wal_keep_size') * MEGABYTE,
      synchronousCommit: confirmMode(settings.string('synchronous_commit')) ?? 'local',
    },
  };
  if (options.standby === true) {
    const standby = await openStandby({ ...opening, standby: new StandbyDelays(settings) });
    return { storage: standby.engine, standby };
  }
  const storage = await openStorage(opening);
  if (!isInitialized(storage)) {
    initializeCluster(storage);
    await storage.whenFlushed(storage.appendedLsn());
  }
  return { storage, standby: null };
}

function readSettings(env: Env, options: EngineOptions): ServerSettings {
  const settings = new ServerSettings();
  for (const line of readConfigFiles(env, options.dir)) settings.set(line.name, line.value, 'configuration file');
  if (options.dir !== 'memory://') {
    settings.preset('data_directory', options.dir);
    settings.preset('config_file', `${options.dir}/${CONFIG_FILE}`);
  }
  for (const [name, value] of options.settings ?? []) settings.set(name, value, 'command line');
  return settings;
}

/** What an engine stands on. */
interface EngineParts {
  readonly env: Env;
  readonly storage: StorageEngine;
  /** What feeds the storage; null on a primary. */
  readonly standby: Standby | null;
  readonly settings: ServerSettings;
  readonly directory: string;
  readonly log: LogWriter | null;
}

/** See the file's comment. */
export class Engine {
  readonly env: Env;
  readonly storage: StorageEngine;
  readonly settings: ServerSettings;
  /** The server log; null when nobody reads it. */
  readonly log: LogWriter | null;
  readonly notifications: NotifyHub;
  /** What a standby does beside answering queries; null on a server that was opened as a primary. */
  readonly hotStandby: HotStandby | null;
  /** Senders, receiver, slots and archiver; the composition root sets it. */
  replication: ReplicationStatus = NO_REPLICATION;
  /** Sessions by process id. */
  readonly sessions = new Map<number, Session>();
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: number;
  /** When the configuration files were read last, likewise. */
  configurationLoadedAt: number;
  /** Where statements put rows that do not fit work_mem; null in memory. */
  readonly temporary: TemporaryStore | null;
  private readonly directory: string;
  private cluster: ClusterCatalog | null = null;
  private readonly parsed = new Map<string, readonly RawStatement[]>();
  private readonly environments = new Map<string, PlanEnvironment>();
  private readonly slots = new Set<number>();
  private readonly checkedSlots = new Set<string>();
  private lastProcessId = 0;
  private closing = false;
  private idle: (() => void) | null = null;

  constructor(parts: EngineParts) {
    const { env, storage, settings, directory, standby } = parts;
    this.env = env;
    this.storage = storage;
    this.settings = settings;
    this.log = parts.log;
    this.directory = directory;
    this.temporary = directory === 'memory://' ? null : temporaryFiles(env, directory);
    this.notifications = new NotifyHub(storage);
    this.startedAt = env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
    this.configurationLoadedAt = this.startedAt;
    settings.watch((keys) => this.settingsReloaded(keys));
    this.hotStandby = standby === null ? null : new HotStandby(this, standby);
    settings.preset('in_hot_standby', this.inRecovery);
  }

  /** The catalogs. On a standby they are there once it has received them. */
  get catalogs(): ClusterCatalog {
    return this.cluster ?? this.openCatalogs();
  }

  private openCatalogs(): ClusterCatalog {
    this.cluster = new ClusterCatalog(this.storage);
    this.hotStandby?.catalogsOpened(this.cluster);
    return this.cluster;
  }

  /** What receives the upstream's log; null on a server that was opened as a primary. */
  get standby(): Standby | null {
    return this.hotStandby?.standby ?? null;
  }

  /** True on a standby, until `promoted`: nothing can be written. */
  get inRecovery(): boolean {
    return this.hotStandby !== null && this.hotStandby.inRecovery;
  }

  /** To be called once `Standby.promote` has resolved: sessions, the open ones too, are a primary's from now on. */
  async promoted(): Promise<void> {
    await this.hotStandby?.promoted();
  }

  /** A new process id, as clients know sessions. */
  nextProcessId(): number {
    return ++this.lastProcessId;
  }

  /** Parses a query string; texts seen lately are not parsed again. */
  parseCached(text: string): readonly RawStatement[] {
    let statements = this.parsed.get(text);
    if (statements === undefined) {
      statements = parse(text);
      if (text.length <= MAX_PARSED_LENGTH) {
        if (this.parsed.size >= MAX_PARSED) this.parsed.clear();
        this.parsed.set(text, statements);
      }
    }
    return statements;
  }

  /** Plans shared by the sessions of one environment (see `PlanEnvironment`). */
  planEnvironment(key: string): PlanEnvironment {
    let environment = this.environments.get(key);
    if (environment === undefined) {
      if (this.environments.size >= MAX_ENVIRONMENTS) this.environments.clear();
      this.environments.set(key, environment = new PlanEnvironment());
    }
    return environment;
  }

  /** Looks something up outside of any session. */
  withCatalog<T>(read: (catalog: SessionCatalog) => T): T {
    const transaction: Transaction = this.storage.begin({ isolation: 'read committed', readOnly: true, sessionLsn: INVALID_LSN, sessionId: 0 });
    try {
      return read(new SessionCatalog(this.catalogs.database(TEMPLATE1), { transaction: () => transaction, searchPath: () => '', currentUserOid: () => BOOTSTRAP_SUPERUSER, sessionNumber: 0 }));
    } finally {
      transaction.abort();
    }
  }

  /** A role by name; null when there is none. */
  findRole(name: string): PgAuthid | null {
    return this.withCatalog((catalog) => catalog.roleByName(name));
  }

  /** True when the role's password is no longer valid (VALID UNTIL). */
  isExpired(role: PgAuthid): boolean {
    const until = role.rolvaliduntil;
    return until !== null && Number(until) < this.env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
  }

  /** True when some role that may log in has a password. */
  hasPassword(): boolean {
    if (!isInitialized(this.storage)) return false;
    return this.withCatalog((catalog) => {
      for (const role of catalog.table('pg_authid').all()) if (role.rolcanlogin && role.rolpassword !== null) return true;
      return false;
    });
  }

  /** FATAL 57P03 while there can be no sessions: the server shuts down, or a standby is not consistent yet. */
  checkAccepting(): void {
    if (this.closing) throw pgError('CANNOT_CONNECT_NOW', 'the database system is shutting down', { severity: 'FATAL' });
    this.hotStandby?.checkAccepting();
  }

  /** Makes a session. FATAL 3D000, 28000, 53300, 57P03 when it cannot be had. */
  connect(request: ConnectRequest): Session {
    this.checkAccepting();
    const { role } = request;
    if (!role.rolcanlogin) {
      throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', `role "${role.rolname}" is not permitted to log in`, { severity: 'FATAL' });
    }
    const database = this.checkDatabase(request);
    this.checkLimits(role, database);
    const session = new Session(this, {
      processId: request.processId, slot: this.takeSlot(), databaseOid: database.oid, databaseName: database.datname,
      roleOid: role.oid, roleName: role.rolname, address: request.address,
    }, request.client);
    this.applyDefaults(session, request);
    this.sessions.set(session.processId, session);
    session.log.connected();
    this.dropLeftovers(session);
    return session;
  }

  private takeSlot(): number {
    let slot = 1;
    while (this.slots.has(slot)) slot++;
    this.slots.add(slot);
    return slot;
  }

  /** A crash may have left temporary tables under the name that this session would use. */
  private dropLeftovers(session: Session): void {
    if (this.inRecovery) return;
    const key = `${session.databaseOid}/${session.identity.slot}`;
    if (this.checkedSlots.has(key)) return;
    this.checkedSlots.add(key);
    const transaction = this.storage.begin({ isolation: 'read committed', readOnly: true, sessionLsn: INVALID_LSN, sessionId: 0 });
    let leftover = 0;
    try {
      const catalog = new SessionCatalog(this.catalogs.database(session.databaseOid), {
        transaction: () => transaction, searchPath: () => '', currentUserOid: () => BOOTSTRAP_SUPERUSER, sessionNumber: 0,
      });
      const namespace = catalog.namespaceByName(`pg_temp_${session.identity.slot}`);
      if (namespace !== null && catalog.table('pg_class').find({ relnamespace: namespace.oid }).length > 0) leftover = namespace.oid;
    } finally {
      transaction.abort();
    }
    if (leftover !== 0) void drive(session.dropTemporaryObjects(leftover));
  }

  /** Takes note of an error that no client can be told of. */
  report(error: unknown): void {
    this.onError?.(error);
    const shown = clientError(error);
    this.log?.({ error_severity: 'LOG', ...errorFields(shown, this.settings.string('log_error_verbosity') === 'terse') });
  }

  /** Told of errors outside of any statement. */
  onError: ((error: unknown) => void) | null = null;

  private checkDatabase(request: ConnectRequest): PgDatabase {
    const database = this.withCatalog((catalog) => catalog.databaseByName(request.database));
    if (database === null) throw pgError('UNDEFINED_DATABASE', `database "${request.database}" does not exist`, { severity: 'FATAL' });
    if (!database.datallowconn) {
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `database "${database.datname}" is not currently accepting connections`, { severity: 'FATAL' });
    }
    return database;
  }

  private checkLimits(role: PgAuthid, database: PgDatabase): void {
    if (this.sessions.size >= this.settings.number('max_connections')) {
      throw pgError('TOO_MANY_CONNECTIONS', 'sorry, too many clients already', { severity: 'FATAL' });
    }
    if (role.rolsuper) return;
    const count = (matches: (session: Session) => boolean): number => [...this.sessions.values()].filter(matches).length;
    if (database.datconnlimit >= 0 && count((session) => session.identity.databaseOid === database.oid) >= database.datconnlimit) {
      throw pgError('TOO_MANY_CONNECTIONS', `too many connections for database "${database.datname}"`, { severity: 'FATAL' });
    }
    if (role.rolconnlimit >= 0 && count((session) => session.identity.roleOid === role.oid) >= role.rolconnlimit) {
      throw pgError('TOO_MANY_CONNECTIONS', `too many connections for role "${role.rolname}"`, { severity: 'FATAL' });
    }
  }

  /** ALTER ROLE/DATABASE ... SET, then the start-up packet's settings. */
  private applyDefaults(session: Session, request: ConnectRequest): void {
    const { settings } = session;
    session.settingChanges.knownRoles.set(request.role.rolname, { oid: request.role.oid, isSuperuser: request.role.rolsuper });
    settings.assign('is_superuser', request.role.rolsuper, 'silent');
    settings.assign('session_authorization', request.role.rolname, 'silent');
    const { databaseOid, roleOid } = session.identity;
    const levels = [[databaseOid, 0, 'database'], [0, roleOid, 'user'], [databaseOid, roleOid, 'database user']] as const;
    for (const [setdatabase, setrole, source] of levels) {
      const row = this.withCatalog((catalog) => catalog.table('pg_db_role_setting').findOne({ setdatabase, setrole }));
      for (const assignment of (row?.setconfig?.elements ?? []) as readonly string[]) {
        const equals = assignment.indexOf('=');
        try {
          settings.setDefault(assignment.slice(0, equals), assignment.slice(equals + 1), source, true);
        } catch (error) {
          if (!(error instanceof PgError)) throw error;
        }
      }
    }
    for (const [name, value] of request.settings) {
      try {
        settings.setDefault(name, value, 'client', request.role.rolsuper);
      } catch (error) {
        if (error instanceof PgError) throw new PgErrorAsFatal(error).error;
        throw error;
      }
    }
  }

  /** Sessions connected to a database. */
  sessionsOf(databaseOid: Oid): Session[] {
    return [...this.sessions.values()].filter((session) => session.databaseOid === databaseOid);
  }

  /** The session of a process id. */
  session(processId: number): Session | undefined {
    return this.sessions.get(processId);
  }

  /** Called by a session when it has ended. */
  sessionClosed(session: Session): void {
    this.sessions.delete(session.processId);
    this.slots.delete(session.identity.slot);
    session.listening.stop();
    this.replication.slots.dropTemporary(session.processId);
    this.storage.locks.unlockAllSession({ sessionId: session.processId });
    if (this.sessions.size === 0) this.idle?.();
  }

  /** ALTER SYSTEM: see `alterSystemFile`. */
  alterSystem(name: string | null, value: string | null): void {
    alterSystemFile(this.env, this.directory, name, value);
  }

  /**
   * Reads the configuration files again (pg_reload_conf, SIGHUP): what needs no restart is taken over, by the open sessions too, and
   * `ServerSettings.watch` tells of it. What is wrong there is reported and stays as it was. Snapshots go on waiting for what
   * synchronous_commit was at start.
   */
  reloadSettings(): void {
    let lines: ReturnType<typeof readConfigFiles>;
    try {
      lines = readConfigFiles(this.env, this.directory);
    } catch (error) {
      this.report(error);
      return;
    }
    const { errors } = this.settings.reload(lines);
    for (const error of errors) this.report(error);
    this.configurationLoadedAt = this.env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
  }

  private settingsReloaded(keys: ReadonlySet<string>): void {
    for (const session of this.sessions.values()) for (const key of keys) session.settings.serverChanged(key);
    if (keys.has('wal_keep_size')) this.storage.setWalKeepSize(this.settings.number('wal_keep_size') * MEGABYTE);
  }

  /** Ends every session: those that run something as soon as it notices. */
  async endSessions(reason: PgError): Promise<void> {
    for (const session of [...this.sessions.values()]) session.terminate(reason);
    if (this.sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
        this.env.timers.after(SHUTDOWN_WAIT_MS, resolve, true);
      });
    }
    for (const session of [...this.sessions.values()]) session.close();
  }

  /** Ends every session, but lets those in a transaction finish it for a moment. */
  async drainSessions(reason: PgError): Promise<void> {
    const deadline = this.env.clock.monotonicMs() + DRAIN_MS;
    while (this.sessions.size > 0 && this.env.clock.monotonicMs() < deadline) {
      for (const session of [...this.sessions.values()]) if (session.isIdle) session.terminate(reason);
      await new Promise<void>((resolve) => this.env.timers.after(DRAIN_STEP_MS, resolve));
    }
    await this.endSessions(reason);
  }

  /** Ends every session, then the storage: with a checkpoint, or (`abandon`) as a crash would, for a node that has lost its role. */
  async close(abandon = false): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    await this.endSessions(pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' }));
    await (abandon ? this.storage.abandon() : this.storage.close());
  }
}

/** How long a stop waits for running statements to notice it, in milliseconds. */
const SHUTDOWN_WAIT_MS = 5000;
/** How long a switchover waits for transactions to end by themselves, and how often it looks. */
const DRAIN_MS = 500;
const DRAIN_STEP_MS = 10;
const TEMPLATE1 = 1;
const BOOTSTRAP_SUPERUSER = 10;

/** The same error, as one that refuses the connection. */
class PgErrorAsFatal {
  readonly error: PgError;

  constructor({ sqlstate, message, detail, hint }: PgError) {
    this.error = Object.assign(pgError('INVALID_PARAMETER_VALUE', message, { severity: 'FATAL', detail, hint }), { sqlstate });
  }
}
