/**
 * An open database cluster with its sessions: storage, catalogs, settings, the registry of sessions, notifications, and the
 * caches that sessions share. The server and the embedded API both stand on it. Entry: `openEngine`.
 */
import '../functions/builtins.js';
import type { StorageEngine, Transaction } from '../access/api.js';
import { openStorage } from '../access/storage.js';
import { PgError, pgError } from '../base/error.js';
import { INVALID_LSN } from '../base/lsn.js';
import { drive } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import { initializeCluster, isInitialized } from '../catalog/bootstrap.js';
import { ClusterCatalog } from '../catalog/cluster.js';
import type { PgAuthid, PgDatabase } from '../catalog/rows.js';
import { SessionCatalog } from '../catalog/session.js';
import { writeFileDurably, type Env } from '../env/env.js';
import { realEnv } from '../env/real.js';
import { ScratchDirectory } from '../env/scratch.js';
import type { TemporaryStore } from '../executor/executor.js';
import { TemporaryFiles } from '../executor/temporary-files.js';
import { loadParser, parse } from '../parser/parse.js';
import type { RawStatement } from '../parser/raw.js';
import type { ClientAddress, SessionClient } from './client.js';
import { loadCommands } from './command-loader.js';
import { PlanEnvironment } from './literal-cache.js';
import { NotifyHub } from './notify.js';
import { Session } from './session.js';
import type { LogWriter } from './server-log.js';
import { parseConfigFile } from './settings/config-file.js';
import { ServerSettings } from './settings/store.js';

/** Name of the configuration file in the data directory, and of the one that ALTER SYSTEM writes. */
export const CONFIG_FILE = 'pglitedb.conf';
export const AUTO_CONFIG_FILE = 'pglitedb.auto.conf';

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

/** Opens (and, when it is new, initialises) a cluster. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const env = options.env ?? realEnv();
  const settings = readSettings(env, options);
  const parserLoaded = loadParser();
  const storage = await openStorage({
    dir: options.dir, env, fatal: options.fatal,
    settings: {
      sharedBuffers: settings.number('shared_buffers') * 8192,
      checkpointTimeoutMs: settings.number('checkpoint_timeout') * 1000,
      maxWalSize: settings.number('max_wal_size') * 1024 * 1024,
    },
  });
  if (!isInitialized(storage)) {
    initializeCluster(storage);
    await storage.whenFlushed(storage.appendedLsn());
  }
  await parserLoaded;
  env.timers.after(COMMANDS_AFTER_MS, () => void loadCommands(), true);
  return new Engine(env, storage, settings, options.dir, options.log ?? null);
}

function readSettings(env: Env, options: EngineOptions): ServerSettings {
  const settings = new ServerSettings();
  if (options.dir !== 'memory://') {
    for (const name of [CONFIG_FILE, AUTO_CONFIG_FILE]) {
      const path = `${options.dir}/${name}`;
      if (!env.files.exists(path)) continue;
      for (const line of parseConfigFile(Buffer.from(env.files.readFile(path)).toString('utf8'), path)) settings.set(line.name, line.value, 'configuration file');
    }
    settings.preset('data_directory', options.dir);
    settings.preset('config_file', `${options.dir}/${CONFIG_FILE}`);
  }
  for (const [name, value] of options.settings ?? []) settings.set(name, value, 'command line');
  return settings;
}

/** See the file's comment. */
export class Engine {
  readonly catalogs: ClusterCatalog;
  readonly notifications: NotifyHub;
  /** Sessions by process id. */
  readonly sessions = new Map<number, Session>();
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: number;
  private readonly parsed = new Map<string, readonly RawStatement[]>();
  private readonly environments = new Map<string, PlanEnvironment>();
  private readonly slots = new Set<number>();
  private readonly checkedSlots = new Set<string>();
  private lastProcessId = 0;
  private closing = false;
  private idle: (() => void) | null = null;

  /** Where statements put rows that do not fit work_mem; null in memory. */
  readonly temporary: TemporaryStore | null;

  constructor(readonly env: Env, readonly storage: StorageEngine, readonly settings: ServerSettings, private readonly directory: string,
    /** The server log; null when nobody reads it. */
    readonly log: LogWriter | null) {
    this.temporary = directory === 'memory://' ? null : temporaryFiles(env, directory);
    this.catalogs = new ClusterCatalog(storage);
    this.notifications = new NotifyHub(storage);
    this.startedAt = env.clock.wallMicros() - 946_684_800_000_000;
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
    return until !== null && Number(until) < this.env.clock.wallMicros() - 946_684_800_000_000;
  }

  /** True when some role that may log in has a password. */
  hasPassword(): boolean {
    return this.withCatalog((catalog) => {
      for (const role of catalog.table('pg_authid').all()) if (role.rolcanlogin && role.rolpassword !== null) return true;
      return false;
    });
  }

  /** Makes a session. FATAL 3D000, 28000, 53300, 57P03 when it cannot be had. */
  connect(request: ConnectRequest): Session {
    if (this.closing) throw pgError('CANNOT_CONNECT_NOW', 'the database system is shutting down', { severity: 'FATAL' });
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
    this.storage.locks.unlockAllSession({ sessionId: session.processId });
    if (this.sessions.size === 0) this.idle?.();
  }

  /** ALTER SYSTEM: changes the file that is read at the next start. A null name empties it, a null value removes a line. */
  alterSystem(name: string | null, value: string | null): void {
    if (this.directory === 'memory://') throw pgError('FEATURE_NOT_SUPPORTED', 'ALTER SYSTEM needs a data directory');
    const { files } = this.env;
    const path = `${this.directory}/${AUTO_CONFIG_FILE}`;
    const lines = files.exists(path) ? parseConfigFile(Buffer.from(files.readFile(path)).toString('utf8'), path) : [];
    const kept = name === null ? [] : lines.filter((line) => line.name !== name);
    const entries = kept.map((line): [string, string] => [line.name, line.value]);
    if (name !== null && value !== null) entries.push([name, value]);
    const text = entries.map(([key, setting]) => `${key} = '${setting.replaceAll("'", "''")}'\n`).join('');
    writeFileDurably(files, path, Buffer.from(`# Do not edit this file manually!\n# It will be overwritten by the ALTER SYSTEM command.\n${text}`));
  }

  /** Ends every session, then the storage with a checkpoint. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    const error = pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' });
    for (const session of [...this.sessions.values()]) session.terminate(error);
    if (this.sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
        this.env.timers.after(SHUTDOWN_WAIT_MS, resolve, true);
      });
    }
    for (const session of [...this.sessions.values()]) session.close();
    await this.storage.close();
  }
}

/** How long a stop waits for running statements to notice it, in milliseconds. */
const SHUTDOWN_WAIT_MS = 5000;
const TEMPLATE1 = 1;
const BOOTSTRAP_SUPERUSER = 10;

/** The same error, as one that refuses the connection. */
class PgErrorAsFatal {
  readonly error: PgError;

  constructor({ sqlstate, message, detail, hint }: PgError) {
    this.error = Object.assign(pgError('INVALID_PARAMETER_VALUE', message, { severity: 'FATAL', detail, hint }), { sqlstate });
  }
}
