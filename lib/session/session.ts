/**
 * A session: one client's connection to one database. Identity, settings, transaction block, prepared statements, portals;
 * and the entry points of the simple and the extended protocol, which the embedded API uses as well (PostgreSQL's
 * tcop/postgres.c). What runs inside is a `Suspendable`: to the end at once when nothing has to wait.
 */
import type { Transaction, WaitOptions } from '../access/api.js';
import { pgError, type PgError } from '../base/error.js';
import { drive, type Suspendable } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import { SessionCatalog } from '../catalog/session.js';
import type { TypeServices } from '../functions/context.js';
import { CatalogTypeServices } from '../functions/type-services.js';
import type { RawStatement } from '../parser/raw.js';
import type { ActivityState, SessionActivity } from './activity.js';
import type { ClientAddress, SessionClient } from './client.js';
import { clientError } from './client-error.js';
import { classifyCommand, commandName } from './command-names.js';
import { sessionConflict, statementConflict, type ConflictReason } from './conflicts.js';
import type { Engine } from './engine.js';
import { ExtendedProtocol } from './extended.js';
import { Interrupts, userCancel } from './interrupts.js';
import { Listening } from './listening.js';
import { SessionNotices } from './notices.js';
import { Statement } from './statement.js';
import type { PlanChoice } from './plan-choice.js';
import type { Portal } from './portal.js';
import { Portals } from './portals.js';
import { Planning } from './planning.js';
import { Runner } from './runner.js';
import { SharedPlans } from './shared-plans.js';
import { sessionChecks } from './setting-checks.js';
import { POSTGRES_EPOCH_MICROS, SessionServices } from './services.js';
import { SessionSettings } from './settings/store.js';
import { SettingChanges } from './setting-changes.js';
import { SimpleProtocol } from './simple.js';
import { StatementLog } from './statement-log.js';
import { TransactionEnds } from './transaction-ends.js';
import { SessionSystemServices } from './system-services.js';
import { failedBlock, TransactionBlock } from './transaction-block.js';
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
  /** The engine's own: may write while recovery is ending. */
  readonly isUpkeep?: boolean;
}

/** A prepared statement by name. */
export interface PreparedStatement {
  readonly name: string;
  readonly statement: Statement;
  readonly fromSql: boolean;
  /** Microseconds since 2000-01-01. */
  readonly preparedAt: number;
  readonly choice: PlanChoice;
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
  readonly simple: SimpleProtocol;
  readonly extended: ExtendedProtocol;
  readonly settingChanges: SettingChanges;
  readonly listening: Listening;
  readonly ends: TransactionEnds;
  readonly log: StatementLog;
  readonly prepared = new Map<string, PreparedStatement>();
  readonly portals = new Portals();
  /** Roles: who logged in, SET SESSION AUTHORIZATION, SET ROLE (0 = none). */
  sessionUserOid: Oid;
  roleOid: Oid = 0;
  /** The query string being run, for error positions and pg_stat_activity. */
  queryText = '';
  statementStartMicros = 0;
  private readonly backendStart: number;
  private queryStart = 0;
  private stateChange = 0;
  private activityState: ActivityState = 'idle';
  private active = 0;
  private closing = false;
  private closed = false;
  private idleTimer: { cancel(): void } | null = null;

  constructor(readonly engine: Engine, identity: SessionIdentity, private readonly client: SessionClient) {
    this.identity = identity;
    this.processId = identity.processId;
    this.sessionUserOid = identity.roleOid;
    this.interrupts = new Interrupts(engine.env.timers);
    this.notices = new SessionNotices(client, () => String(this.settings.value('client_min_messages')), (notice) => this.log.message(notice));
    this.settings = new SessionSettings(engine.settings, sessionChecks(this), (key, value) => this.settingChanges.changed(key, value));
    this.settingChanges = new SettingChanges(this, client);
    this.log = new StatementLog(this);
    this.catalog = new SessionCatalog(engine.catalogs.database(identity.databaseOid), {
      transaction: () => this.block.transaction,
      searchPath: () => this.settings.frequent.search_path,
      currentUserOid: () => this.currentUserOid,
      sessionNumber: identity.slot,
    });
    this.types = new CatalogTypeServices(new SessionTypeLookups(this.catalog), () => this.services);
    this.system = new SessionSystemServices(this);
    this.services = new SessionServices({
      env: engine.env, types: this.types, system: this.system, databaseName: identity.databaseName,
      showSetting: (name) => this.settingChanges.show(name),
      changeSetting: (name, value, isLocal) => this.settingChanges.set(name, value, isLocal),
      transactionStart: () => this.block.startMicros,
      statementStart: () => this.statementStartMicros,
      sendNotice: (notice) => this.notices.send(notice),
      checkInterrupts: () => this.interrupts.check(),
      currentUserName: () => this.roleName(this.currentUserOid),
      sessionUserName: () => this.roleName(this.sessionUserOid),
    });
    this.listening = new Listening(this, client);
    this.ends = new TransactionEnds(this, client);
    this.block = new TransactionBlock(this.ends);
    this.planning = new Planning(this);
    this.runner = new Runner(this);
    this.shared = new SharedPlans(this);
    this.simple = new SimpleProtocol(this);
    this.extended = new ExtendedProtocol(this);
    this.backendStart = this.now();
    this.settingChanges.applyAll();
  }

  // ---------------------------------------------------------------- identity

  /** Microseconds since 2000-01-01 UTC. */
  now(): number {
    return this.engine.env.clock.wallMicros() - POSTGRES_EPOCH_MICROS;
  }

  /** Microseconds since the session began. */
  age(): number {
    return this.now() - this.backendStart;
  }

  get currentUserOid(): Oid {
    return this.roleOid !== 0 ? this.roleOid : this.sessionUserOid;
  }

  roleName(oid: Oid): string {
    if (oid === this.identity.roleOid && this.block.kind === 'none') return this.identity.roleName;
    return this.catalog.role(oid)?.rolname ?? this.identity.roleName;
  }

  get isSuperuser(): boolean {
    return this.settings.frequent.is_superuser;
  }

  /** Neither running anything nor in a transaction. */
  get isIdle(): boolean {
    return this.active === 0 && this.block.kind === 'none' && this.activityState !== 'active';
  }

  /** Others wait for the transaction that it is in: what its client is told next holds them up. */
  get isAwaited(): boolean {
    return this.block.started?.isAwaited === true;
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
      queryStart: this.queryStart, stateChange: this.stateChange, state: this.ends.commits.isUnconfirmed ? 'active' : this.activityState,
      query: this.queryText, waitEvent: this.waitEvent,
    };
  }

  /** Event type and event that it waits for, as pg_stat_activity names them; null while it runs. */
  private get waitEvent(): readonly [type: string, event: string] | null {
    if (this.ends.commits.isUnconfirmed) return ['IPC', 'SyncRep'];
    return this.activityState === 'active' ? null : ['Client', 'ClientRead'];
  }

  // ---------------------------------------------------------------- running

  /** Limits of a wait that begins now. */
  waitOptions(): WaitOptions {
    const { lock_timeout: timeoutMs, deadlock_timeout: deadlockTimeoutMs } = this.settings.frequent;
    return {
      timeoutMs,
      deadlockTimeoutMs,
      signal: this.interrupts.signal,
      context: undefined,
      row: undefined,
    };
  }

  /** True on a standby: nothing can be written. */
  get inRecovery(): boolean {
    return this.engine.inRecovery && this.identity.isUpkeep !== true;
  }

  /** 25006 when the transaction is read only. */
  preventIfReadOnly(command: string): void {
    if (this.block.readOnly) throw pgError('READ_ONLY_SQL_TRANSACTION', `cannot execute ${command} in a read-only transaction`);
  }

  /** 25006 on a standby. */
  preventDuringRecovery(command: string): void {
    if (this.inRecovery) throw pgError('READ_ONLY_SQL_TRANSACTION', `cannot execute ${command} during recovery`);
  }

  /** In a read-only transaction: 25006 for a utility statement that writes, on a standby also for what a primary only can do. */
  refuseCommand({ tag, body }: Pick<RawStatement, 'tag' | 'body'>): void {
    const kind = classifyCommand(tag, body);
    if (kind === 'writes') this.preventIfReadOnly(commandName(tag, body));
    else if (kind === 'primary only' && this.inRecovery) this.preventDuringRecovery(commandName(tag, body));
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

  startStatement(text: string): void {
    this.idleTimer?.cancel();
    this.idleTimer = null;
    this.statementStartMicros = this.now();
    this.queryText = text;
    this.queryStart = this.statementStartMicros;
    this.setActivity('active');
    const timeout = this.settings.frequent.statement_timeout;
    if (timeout > 0) this.interrupts.startTimeout(timeout);
  }

  private setActivity(state: ActivityState): void {
    this.activityState = state;
    this.stateChange = this.statementStartMicros;
  }

  /** 25P02 for what a failed block does not hear. */
  refuseInFailedBlock(raw: RawStatement): void {
    if (this.block.failed && !endsFailedBlock(raw)) throw failedBlock();
  }

  /** Ends a statement: commits what is not in a block (`last`), else makes its work visible to what follows. Null when it is done; what is left to wait for otherwise. */
  finishStatement(last: boolean): Suspendable<void> | null {
    const { block } = this;
    if (last && block.kind !== 'none' && block.kind !== 'explicit') return block.commit();
    this.showChanges();
    return null;
  }

  /** What a statement did is visible to those that follow in its transaction. */
  showChanges(): void {
    const { block } = this;
    if (block.kind !== 'none' && !block.failed && block.started !== null) this.catalog.commandCounterIncrement();
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
    this.log.message(shown);
    this.interrupts.statementEnded();
    this.extended.reset();
    // As PostgreSQL: an error ends the session's temporary slots with whatever used them.
    this.engine.replication.slots.dropTemporary(this.processId);
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

  /** Just before ReadyForQuery: settings that changed, and notifications that came meanwhile. */
  beforeReady(): void {
    this.settingChanges.report();
    this.listening.deliver();
  }

  /** Something runs, or a transaction is open: notifications wait. */
  get isBusy(): boolean {
    return this.active > 0 || this.block.kind !== 'none' || this.activityState === 'active';
  }

  get databaseOid(): Oid {
    return this.identity.databaseOid;
  }

  /** ReadyForQuery was written: the idle timeouts run. */
  becomeIdle(): void {
    const { status } = this;
    this.setActivity(status === 'idle' ? 'idle' : status === 'failed' ? 'idle in transaction (aborted)' : 'idle in transaction');
    const inTransaction = status !== 'idle';
    const { frequent } = this.settings;
    const timeout = inTransaction ? frequent.idle_in_transaction_session_timeout : frequent.idle_session_timeout;
    if (timeout > 0) this.startIdleTimer(timeout, inTransaction);
  }

  private startIdleTimer(timeout: number, inTransaction: boolean): void {
    this.idleTimer = this.engine.env.timers.after(timeout, () => {
      // The client has not been answered yet: it is not idle.
      if (this.ends.commits.isUnconfirmed) this.startIdleTimer(timeout, inTransaction);
      else this.client.terminated(inTransaction
        ? pgError('IDLE_IN_TRANSACTION_SESSION_TIMEOUT', 'terminating connection due to idle-in-transaction timeout', { severity: 'FATAL' })
        : pgError('IDLE_SESSION_TIMEOUT', 'terminating connection due to idle-session timeout', { severity: 'FATAL' }));
    }, true);
  }

  /**
   * Stops what runs now (cancel request, pg_cancel_backend); nothing when the session is idle. While the answer to a commit waits for
   * standbys the session is ended: the commit must not be reported.
   */
  cancel(): void {
    if (this.activityState === 'active') this.interrupts.raise(userCancel());
    else if (this.ends.commits.isUnconfirmed) this.cancelUnconfirmed();
    else this.ends.commits.onFlushed(() => this.cancelUnconfirmed());
  }

  private cancelUnconfirmed(): void {
    if (!this.closing && this.ends.commits.isUnconfirmed) this.client.terminated(unconfirmedCommit('canceling wait for synchronous replication due to user request'));
  }

  /**
   * Replay needs what the session holds. Its statement is cancelled where that ends the transaction, else the session is ended. False:
   * its transaction has failed already and holds nothing, or it has been told to stop.
   */
  conflictWithRecovery(reason: ConflictReason): boolean {
    const { block, interrupts } = this;
    if (interrupts.isFatal) return false;
    if (reason !== 'database') {
      if (block.failed) return false;
      if (this.activityState === 'active' && block.savepoints.length === 0) {
        interrupts.raise(statementConflict(reason));
        return true;
      }
    }
    this.terminate(sessionConflict(reason));
    return true;
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
    this.client.terminated(this.ends.commits.isUnconfirmed
      ? unconfirmedCommit('canceling the wait for synchronous replication and terminating connection due to administrator command') : error);
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
    this.log.disconnected();
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
      const waits = this.block.commit();
      if (waits !== null) yield* waits;
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

/** FATAL 57P01 instead of an answer to a commit that standbys have not confirmed. */
function unconfirmedCommit(message: string): PgError {
  return pgError('ADMIN_SHUTDOWN', message, {
    severity: 'FATAL', detail: 'The transaction has already committed locally, but might not have been replicated to the standby.',
  });
}

/** Statements that a failed block still hears. */
export function endsFailedBlock(raw: RawStatement): boolean {
  return raw.tag === 'TransactionStmt'
    && ['TRANS_STMT_COMMIT', 'TRANS_STMT_ROLLBACK', 'TRANS_STMT_ROLLBACK_TO', 'TRANS_STMT_PREPARE'].includes(raw.body.kind as string);
}
