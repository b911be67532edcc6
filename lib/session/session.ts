/**
 * A session: one client's connection to one database. Identity, settings, transaction block, prepared statements, portals;
 * and the entry points of the simple and the extended protocol, which the embedded API uses as well (PostgreSQL's
 * tcop/postgres.c). What runs inside is a `Suspendable`: to the end at once when nothing has to wait.
 */
import type { Transaction, WaitOptions } from '../access/api.js';
import { pgError, type PgError } from '../base/error.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import { drive, type Suspendable } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import { SessionCatalog } from '../catalog/session.js';
import type { TypeServices } from '../functions/context.js';
import { CatalogTypeServices } from '../functions/type-services.js';
import { liftLiterals } from '../parser/literals.js';
import type { RawStatement } from '../parser/raw.js';
import type { Datum } from '../types/datum.js';
import type { ActivityState, SessionActivity } from './activity.js';
import type { ClientAddress, ResultReceiver, SessionClient } from './client.js';
import { clientError } from './client-error.js';
import { isSessionCommand, runSessionCommand } from './commands/dispatch.js';
import type { Engine } from './engine.js';
import { ExtendedProtocol } from './extended.js';
import { Interrupts, userCancel } from './interrupts.js';
import type { CachedVariant } from './literal-cache.js';
import { SessionNotices } from './notices.js';
import type { Notification } from './notify.js';
import { Statement } from './statement.js';
import type { Portal } from './portal.js';
import { Planning } from './planning.js';
import { Runner } from './runner.js';
import { PLAN_INDEPENDENT, SharedPlans } from './shared-plans.js';
import { sessionChecks } from './setting-checks.js';
import { applySetting, POSTGRES_EPOCH_MICROS, SessionServices } from './services.js';
import { SessionSettings } from './settings/store.js';
import { settingDefinition } from './settings/definitions.js';
import { formatSettingValue, type SettingValue } from './settings/values.js';
import { SessionSystemServices } from './system-services.js';
import { failedBlock, TransactionBlock, type NamedSavepoint, type TransactionModes } from './transaction-block.js';
import { SessionTypeLookups } from './type-lookups.js';

export type { TypeServices };

/** Who a session is. */
export interface SessionIdentity {
  readonly processId: number;
  /** A small number that no other living session has: names the temporary schema. */
  readonly slot: number;
  readonly databaseOid: Oid;
  readonly databaseName: string;
  /** The role that logged in. */
  readonly roleOid: Oid;
  readonly roleName: string;
  readonly address: ClientAddress;
}

/** A prepared statement by name. */
export interface PreparedStatement {
  readonly name: string;
  readonly statement: Statement;
  readonly fromSql: boolean;
  /** Microseconds since 2000-01-01. */
  readonly preparedAt: number;
}

/** See the file's comment. */
export class Session {
  readonly processId: number;
  readonly identity: SessionIdentity;
  readonly settings: SessionSettings;
  readonly services: SessionServices;
  readonly types: CatalogTypeServices;
  readonly catalog: SessionCatalog;
  readonly block: TransactionBlock;
  readonly interrupts: Interrupts;
  readonly notices: SessionNotices;
  readonly system: SessionSystemServices;
  readonly planning: Planning;
  readonly runner: Runner;
  readonly shared: SharedPlans;
  readonly extended: ExtendedProtocol;
  readonly prepared = new Map<string, PreparedStatement>();
  readonly portals = new Map<string, Portal>();
  readonly channels = new Set<string>();
  /** Roles: who logged in, SET SESSION AUTHORIZATION, SET ROLE (0 = none). */
  sessionUserOid: Oid;
  roleOid: Oid = 0;
  /** LISTEN and UNLISTEN of the running transaction. */
  pendingListens: ((session: Session) => void)[] = [];
  pendingNotifications: Notification[] = [];
  /** The query string being run, for error positions and pg_stat_activity. */
  queryText = '';
  statementStartMicros = 0;
  /** Counts changes of settings that plans may depend on. */
  settingsVersion = 0;
  private readonly backendStart: number;
  private queryStart = 0;
  private stateChange = 0;
  private activityState: ActivityState = 'idle';
  private lastCommit: Lsn = INVALID_LSN;
  /** Highest commit whose answer must wait for its acknowledgement. */
  private unacknowledged: Lsn = INVALID_LSN;
  private active = 0;
  private closing = false;
  private closed = false;
  private waiting = false;
  private idleTimer: { cancel(): void } | null = null;
  private transactionTimer: { cancel(): void } | null = null;
  private deferredNotifications: (readonly [number, Notification])[] = [];
  private reportedChanges: Set<string> | null = null;

  constructor(readonly engine: Engine, identity: SessionIdentity, private readonly client: SessionClient) {
    this.identity = identity;
    this.processId = identity.processId;
    this.sessionUserOid = identity.roleOid;
    this.interrupts = new Interrupts(engine.env.timers);
    this.notices = new SessionNotices(client, () => String(this.settings.value('client_min_messages')));
    this.settings = new SessionSettings(engine.settings, sessionChecks(this), (key, value) => this.settingChanged(key, value));
    this.catalog = new SessionCatalog(engine.catalogs.database(identity.databaseOid), {
      transaction: () => this.block.transaction,
      searchPath: () => String(this.settings.value('search_path')),
      currentUserOid: () => this.currentUserOid,
      sessionNumber: identity.slot,
    });
    this.types = new CatalogTypeServices(new SessionTypeLookups(this.catalog), () => this.services);
    this.system = new SessionSystemServices(this);
    this.services = new SessionServices({
      env: engine.env, types: this.types, system: this.system, databaseName: identity.databaseName,
      showSetting: (name) => this.showSetting(name),
      changeSetting: (name, value, isLocal) => this.changeSetting(name, value, isLocal),
      transactionStart: () => this.block.startMicros,
      statementStart: () => this.statementStartMicros,
      sendNotice: (notice) => this.notices.send(notice),
      checkInterrupts: () => this.interrupts.check(),
      currentUserName: () => this.roleName(this.currentUserOid),
      sessionUserName: () => this.roleName(this.sessionUserOid),
    });
    this.block = new TransactionBlock(this.blockHost());
    this.planning = new Planning(this);
    this.runner = new Runner(this);
    this.shared = new SharedPlans(this);
    this.extended = new ExtendedProtocol(this);
    this.backendStart = this.now();
    for (const key of FUNCTION_SETTINGS) applySetting(this.services.settings, key, this.settings.value(key));
  }

  private blockHost(): ConstructorParameters<typeof TransactionBlock>[0] {
    return {
      storage: this.engine.storage,
      sessionId: this.processId,
      defaultModes: () => this.defaultModes(),
      lastCommitLsn: () => this.lastCommit,
      statementStart: () => this.statementStartMicros,
      began: () => this.transactionBegan(),
      preCommit: (transaction) => this.preCommit(transaction),
      ended: (committed, commitLsn) => this.transactionEnded(committed, commitLsn),
      savepointBegan: () => {
        this.runner.savepointBegan();
        return this.settings.beginLevel();
      },
      savepointEnded: (level, kept) => this.savepointEnded(level, kept),
      rolledBackTo: (savepoint) => this.rolledBackTo(savepoint),
    };
  }

  // ---------------------------------------------------------------- identity

  /** Microseconds since 2000-01-01 UTC. */
  now(): number {
    return this.engine.env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
  }

  get currentUserOid(): Oid {
    return this.roleOid !== 0 ? this.roleOid : this.sessionUserOid;
  }

  roleName(oid: Oid): string {
    if (oid === this.identity.roleOid && this.block.kind === 'none') return this.identity.roleName;
    return this.catalog.role(oid)?.rolname ?? this.identity.roleName;
  }

  get isSuperuser(): boolean {
    return this.settings.value('is_superuser') === true;
  }

  get status(): 'idle' | 'inTransaction' | 'failed' {
    const { block } = this;
    if (block.kind === 'none') return 'idle';
    return block.failed ? 'failed' : 'inTransaction';
  }

  /** This session's row of pg_stat_activity. */
  activity(): SessionActivity {
    const { identity } = this;
    return {
      processId: this.processId, databaseOid: identity.databaseOid, databaseName: identity.databaseName,
      userOid: identity.roleOid, userName: identity.roleName, applicationName: String(this.settings.value('application_name')),
      client: identity.address, backendStart: this.backendStart,
      transactionStart: this.block.kind === 'none' ? 0 : this.block.startMicros,
      queryStart: this.queryStart, stateChange: this.stateChange, state: this.activityState,
      query: this.queryText, waiting: this.waiting,
    };
  }

  // ---------------------------------------------------------------- settings

  private settingChanged(key: string, value: SettingValue): void {
    if (!PLAN_INDEPENDENT.has(key)) this.settingsVersion++;
    if (key === 'seed') this.services.setSeed(Number(value));
    if (key === 'role' || key === 'session_authorization') this.roleChanged(key, String(value));
    applySetting(this.services.settings, key, value);
    if (settingDefinition(key)?.reported) (this.reportedChanges ??= new Set()).add(key);
  }

  /** Roles that SET ROLE and SET SESSION AUTHORIZATION looked up, so that undoing them needs no look-up. */
  readonly knownRoles = new Map<string, { readonly oid: Oid; readonly isSuperuser: boolean }>();

  private roleChanged(key: 'role' | 'session_authorization', name: string): void {
    const known = this.knownRoles.get(name);
    if (key === 'role') {
      this.roleOid = name === 'none' ? 0 : known?.oid ?? 0;
    } else {
      this.sessionUserOid = known?.oid ?? this.identity.roleOid;
      this.settings.assign('role', 'none', 'silent');
    }
    const current = this.knownRoles.get(this.roleOid === 0 ? String(this.settings.value('session_authorization')) : name);
    if (current !== undefined) this.settings.assign('is_superuser', current.isSuperuser, 'silent');
  }

  /** set_config() and SET: returns the value as SHOW prints it. */
  changeSetting(name: string, value: string | null, isLocal: boolean): string {
    this.settings.set(name, value, { source: 'session', isLocal, isSuperuser: this.isSuperuser });
    return this.settings.show(name) ?? '';
  }

  /** Tells the client of reported settings that changed: before ReadyForQuery, as PostgreSQL does. */
  private reportSettings(): void {
    const changes = this.reportedChanges;
    if (changes === null) return;
    this.reportedChanges = null;
    for (const key of changes) {
      const definition = settingDefinition(key)!;
      this.client.parameterStatus(definition.name, formatSettingValue(definition, this.settings.value(key)));
    }
  }

  /** Every reported setting, at start-up. */
  reportAllSettings(): void {
    for (const [key, definition] of this.settings.definitions()) {
      if (definition.reported) this.client.parameterStatus(definition.name, formatSettingValue(definition, this.settings.value(key)));
    }
    this.reportedChanges = null;
  }

  private defaultModes(): Required<TransactionModes> {
    const { settings } = this;
    return {
      isolation: settings.value('default_transaction_isolation') as Required<TransactionModes>['isolation'],
      readOnly: settings.value('default_transaction_read_only') === true,
      deferrable: settings.value('default_transaction_deferrable') === true,
    };
  }

  /** As SHOW prints it, the transaction's own state included; null when there is no such setting. */
  showSetting(name: string): string | null {
    switch (name.toLowerCase()) {
      case 'transaction_isolation': return this.block.kind === 'none' ? String(this.settings.value('default_transaction_isolation')) : this.block.isolationName;
      case 'transaction_read_only': return (this.block.kind === 'none' ? this.settings.value('default_transaction_read_only') === true : this.block.readOnly) ? 'on' : 'off';
      case 'transaction_deferrable': return this.block.deferrable ? 'on' : 'off';
      default: return this.settings.show(name);
    }
  }

  // ---------------------------------------------------------------- LISTEN

  get databaseOid(): Oid {
    return this.identity.databaseOid;
  }

  listen(channel: string): void {
    this.channels.add(channel);
    this.engine.notifications.add(this);
  }

  unlisten(channel: string): void {
    this.channels.delete(channel);
    if (this.channels.size === 0) this.engine.notifications.remove(this);
  }

  unlistenAll(): void {
    this.channels.clear();
    this.engine.notifications.remove(this);
  }

  // ---------------------------------------------------------------- transaction ends

  private transactionBegan(): void {
    this.settings.beginLevel();
    const timeout = this.settings.value('transaction_timeout') as number;
    if (timeout === 0) return;
    this.transactionTimer = this.engine.env.timers.after(timeout, () => this.client.terminated(
      pgError('TRANSACTION_TIMEOUT', 'terminating connection due to transaction timeout', { severity: 'FATAL' })), true);
  }

  private *preCommit(transaction: Transaction): Suspendable<void> {
    for (const portal of this.portals.values()) {
      if (portal.cursor?.hold && !portal.held && portal.state !== 'failed') yield* portal.persist();
    }
    yield* this.runner.beforeCommit();
    if (this.pendingNotifications.length > 0) {
      this.engine.notifications.attach(transaction, this.processId, this.identity.databaseOid, this.pendingNotifications);
    }
  }

  private transactionEnded(committed: boolean, commitLsn: Lsn): void {
    this.transactionTimer?.cancel();
    this.transactionTimer = null;
    this.settings.endLevel(1, committed);
    if (commitLsn !== INVALID_LSN) {
      this.lastCommit = commitLsn;
      if (this.settings.value('synchronous_commit') !== 'off') this.unacknowledged = commitLsn;
    }
    this.runner.transactionEnded(committed);
    if (this.portals.size > 0) this.closePortalsAtEnd(committed);
    if (committed) for (const change of this.pendingListens) change(this);
    if (this.pendingListens.length > 0) this.pendingListens = [];
    if (this.pendingNotifications.length > 0) this.pendingNotifications = [];
  }

  private closePortalsAtEnd(committed: boolean): void {
    for (const [name, portal] of this.portals) {
      if (portal.held) continue;
      // The portal that runs the COMMIT itself is finished by whoever runs it.
      if (committed && portal.state === 'active') continue;
      portal.close();
      this.portals.delete(name);
    }
  }

  private savepointEnded(level: number, kept: boolean): void {
    this.settings.endLevel(level, kept);
    this.runner.savepointEnded(kept);
    for (const [name, portal] of this.portals) {
      if (portal.held || portal.depth < level) continue;
      if (kept) portal.depth = level - 1;
      else this.dropPortal(name);
    }
  }

  private rolledBackTo(savepoint: NamedSavepoint): void {
    this.catalog.afterRollbackToSavepoint();
    this.runner.rolledBackTo();
    for (const [name, portal] of this.portals) if (!portal.held && portal.depth > savepoint.level) this.dropPortal(name);
  }

  /** Lets answers leave once the session's commits are acknowledged: see `CommitGate`. */
  tryPassCommits(opened: () => void): boolean {
    const { storage } = this.engine;
    const position = this.unacknowledged;
    if (position === INVALID_LSN) return true;
    if (storage.flushedLsn() >= position) {
      this.unacknowledged = INVALID_LSN;
      return true;
    }
    storage.onFlushed(position, opened);
    return false;
  }

  // ---------------------------------------------------------------- running

  /** Limits of a wait that begins now. */
  waitOptions(): WaitOptions {
    return {
      timeoutMs: this.settings.value('lock_timeout') as number,
      deadlockTimeoutMs: this.settings.value('deadlock_timeout') as number,
      signal: this.interrupts.signal,
    };
  }

  /** 25006 when the transaction is read only. */
  preventIfReadOnly(command: string): void {
    if (this.block.readOnly) throw pgError('READ_ONLY_SQL_TRANSACTION', `cannot execute ${command} in a read-only transaction`);
  }

  /**
   * A message of the extended protocol: part of the statement that runs since the last Sync, or the first of a new one. What
   * comes after an Execute (`pipelined`) is in an implicit transaction block.
   */
  startExtended(pipelined: boolean, text: string): void {
    this.interrupts.check();
    if (pipelined && !this.block.failed) this.block.ensureImplicit();
    if (this.activityState !== 'active') {
      this.startStatement(text);
      return;
    }
    this.queryText = text;
    this.statementStartMicros = this.now();
  }

  private startStatement(text: string): void {
    this.idleTimer?.cancel();
    this.idleTimer = null;
    this.statementStartMicros = this.now();
    this.queryText = text;
    this.queryStart = this.statementStartMicros;
    this.setActivity('active');
    const timeout = this.settings.value('statement_timeout') as number;
    if (timeout > 0) this.interrupts.startTimeout(timeout);
  }

  private setActivity(state: ActivityState): void {
    this.activityState = state;
    this.stateChange = this.statementStartMicros;
  }

  /** Runs a query string: one transaction, unless it says otherwise itself. Throws what fails; call `fail` then. */
  *simpleQuery(text: string, receiver: ResultReceiver): Suspendable<void> {
    this.active++;
    try {
      this.startStatement(text);
      this.dropPortal('');
      this.prepared.delete('');
      const lifted = liftLiterals(text);
      const cached = lifted === null || this.block.failed ? null : this.shared.find(text, lifted);
      if (cached !== null) {
        yield* this.runCached(cached.variant, cached.parameters, receiver);
      } else {
        yield* this.runString(text, receiver);
      }
      this.interrupts.statementEnded();
    } finally {
      this.leave();
    }
  }

  private *runString(text: string, receiver: ResultReceiver): Suspendable<void> {
    const statements = this.engine.parseCached(text);
    if (statements.length === 0) {
      receiver.empty();
      return;
    }
    const many = statements.length > 1;
    for (let i = 0; i < statements.length; i++) {
      const raw = statements[i];
      this.refuseInFailedBlock(raw);
      this.block.ensureStarted();
      if (many) this.block.ensureImplicit();
      const tag = yield* this.runStatement(new Statement(raw, text, []), receiver, !many);
      yield* this.finishStatement(raw.tag === 'TransactionStmt' || i === statements.length - 1);
      receiver.complete(tag);
    }
  }

  /** 25P02 for what a failed block does not hear. */
  refuseInFailedBlock(raw: RawStatement): void {
    if (this.block.failed && !endsFailedBlock(raw)) throw failedBlock();
  }

  /** Runs one statement; returns its tag. */
  private *runStatement(statement: Statement, receiver: ResultReceiver, isTopLevel: boolean): Suspendable<string> {
    const raw = statement.raw!;
    if (isSessionCommand(raw.tag)) return yield* runSessionCommand(this, statement, NO_PARAMETERS, receiver, isTopLevel);
    return yield* this.runner.run(statement, NO_PARAMETERS, receiver, isTopLevel, null);
  }

  /** Ends a statement: commits what is not in a block (`last`), else makes its work visible to what follows. */
  *finishStatement(last: boolean): Suspendable<void> {
    const { block } = this;
    if (block.kind === 'none') return;
    if (last && block.kind !== 'explicit') {
      yield* block.commit();
      return;
    }
    if (!block.failed && block.started !== null) this.catalog.commandCounterIncrement();
  }

  private *runCached(variant: CachedVariant, parameters: readonly Datum[], receiver: ResultReceiver): Suspendable<void> {
    const tag = yield* this.runner.run(variant.statement, parameters, receiver, true, null);
    yield* this.finishStatement(true);
    receiver.complete(tag);
  }

  requirePrepared(name: string): PreparedStatement {
    const found = this.prepared.get(name);
    if (found !== undefined) return found;
    throw pgError('UNDEFINED_PSTATEMENT', name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`);
  }

  requirePortal(name: string): Portal {
    const found = this.portals.get(name);
    if (found !== undefined) return found;
    throw pgError('UNDEFINED_CURSOR', name === '' ? 'portal "" does not exist' : `portal "${name}" does not exist`);
  }

  /** Close of a prepared statement; no error when it is not there. */
  closeStatement(name: string): void {
    this.prepared.delete(name);
  }

  /** Close of a portal; no error when it is not there. */
  closePortal(name: string): void {
    this.dropPortal(name);
  }

  /** Ends a portal and forgets it. */
  dropPortal(name: string): void {
    const portal = this.portals.get(name);
    if (portal === undefined) return;
    this.portals.delete(name);
    portal.close();
  }

  // ---------------------------------------------------------------- errors and the end

  /** After an error: undoes what it must undo, and says what the client is to be told. */
  fail(error: unknown): PgError {
    const shown = clientError(error);
    this.interrupts.statementEnded();
    this.extended.reset();
    try {
      for (const portal of this.portals.values()) if (portal.state === 'active') portal.fail();
      this.block.statementFailed();
      if (this.portals.size > 0 && this.block.failed) this.dropFailedPortals();
    } catch (second) {
      return clientError(second);
    }
    return shown;
  }

  private dropFailedPortals(): void {
    for (const [name, portal] of this.portals) {
      if (!portal.held && (this.block.savepoints.length === 0 || portal.depth >= this.settings.nestLevel)) this.dropPortal(name);
    }
  }

  /** Something of the session runs: its end waits for `leave`. */
  enter(): void {
    this.active++;
  }

  leave(): void {
    this.active--;
    if (this.closing && this.active === 0) this.finishClose();
  }

  /** Just before ReadyForQuery: what changed, and notifications that came meanwhile. */
  deliverNotifications(): void {
    this.reportSettings();
    if (this.deferredNotifications.length === 0 || this.block.kind !== 'none') return;
    const waiting = this.deferredNotifications;
    this.deferredNotifications = [];
    for (const [processId, { channel, payload }] of waiting) this.client.notification(processId, channel, payload);
  }

  /** A notification of another session, or of this one. */
  receive(processId: number, notification: Notification): void {
    if (this.active > 0 || this.block.kind !== 'none' || this.activityState === 'active') this.deferredNotifications.push([processId, notification]);
    else this.client.notification(processId, notification.channel, notification.payload);
  }

  /** ReadyForQuery was written: the idle timeouts run. */
  becomeIdle(): void {
    const { status } = this;
    this.setActivity(status === 'idle' ? 'idle' : status === 'failed' ? 'idle in transaction (aborted)' : 'idle in transaction');
    const inTransaction = status !== 'idle';
    const timeout = this.settings.value(inTransaction ? 'idle_in_transaction_session_timeout' : 'idle_session_timeout') as number;
    if (timeout > 0) {
      this.idleTimer = this.engine.env.timers.after(timeout, () => this.client.terminated(inTransaction
        ? pgError('IDLE_IN_TRANSACTION_SESSION_TIMEOUT', 'terminating connection due to idle-in-transaction timeout', { severity: 'FATAL' })
        : pgError('IDLE_SESSION_TIMEOUT', 'terminating connection due to idle-session timeout', { severity: 'FATAL' })), true);
    }
  }

  /** Stops what runs now (cancel request, pg_cancel_backend); nothing when the session is idle. */
  cancel(): void {
    if (this.activityState === 'active') this.interrupts.raise(userCancel());
  }

  /** Interrupts the running statement with an error. */
  interrupt(error: PgError): void {
    this.interrupts.raise(error);
  }

  /** Told of interrupts, to wake what waits for the client. */
  set onInterrupt(listener: (error: PgError) => void) {
    this.interrupts.onRaise = listener;
  }

  /** Ends the session from outside. */
  terminate(error: PgError): void {
    this.client.terminated(error);
  }

  /** Ends the session: at once when it is idle, else as soon as its statement has noticed. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.idleTimer?.cancel();
    if (this.active > 0) this.interrupts.raise(pgError('ADMIN_SHUTDOWN', 'terminating connection because the client has gone', { severity: 'FATAL' }));
    else this.finishClose();
  }

  private finishClose(): void {
    if (this.closed) return;
    this.closed = true;
    this.interrupts.stopTimeout();
    for (const portal of this.portals.values()) portal.close();
    this.portals.clear();
    this.block.abort();
    const cleaned = drive(this.dropTemporaryObjects(null));
    if (cleaned instanceof Promise) void cleaned.finally(() => this.engine.sessionClosed(this));
    else this.engine.sessionClosed(this);
  }

  /** Drops what is in the session's temporary schema (or the given one, left behind by a crash), in a transaction of its own. */
  *dropTemporaryObjects(namespace: Oid | null): Suspendable<void> {
    this.block.ensureStarted();
    try {
      const target = namespace ?? this.catalog.tempNamespace;
      if (target !== 0) yield* this.runner.utility.dropContents(target);
      yield* this.block.commit();
    } catch (error) {
      this.block.abort();
      this.engine.report(error);
    }
  }

  /** The transaction that the session is in, begun when there is none yet. */
  get transaction(): Transaction {
    return this.block.transaction;
  }
}

const NO_PARAMETERS: readonly Datum[] = [];

const FUNCTION_SETTINGS = [
  'datestyle', 'intervalstyle', 'timezone', 'extra_float_digits', 'bytea_output', 'standard_conforming_strings',
  'default_text_search_config', 'xmloption',
];

/** Statements that a failed block still hears. */
export function endsFailedBlock(raw: RawStatement): boolean {
  return raw.tag === 'TransactionStmt'
    && ['TRANS_STMT_COMMIT', 'TRANS_STMT_ROLLBACK', 'TRANS_STMT_ROLLBACK_TO', 'TRANS_STMT_PREPARE'].includes(raw.body.kind as string);
}
