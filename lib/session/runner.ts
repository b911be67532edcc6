/**
 * Runs statements of one session: plans through the executor, utility statements through `lib/commands`, portals portion by
 * portion (PostgreSQL's tcop/pquery.c).
 */
import type { Snapshot, WaitOptions } from '../access/api.js';
import type { Const, Expr, Query } from '../analyzer/nodes.js';
import { notSupported, pgError } from '../base/error.js';
import { isSuspended, type MaybeSuspended, type Suspend, type Suspendable } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import { callDeclared, callOfConstants, evaluateConstant, evaluateExpression, executePlan, StoredRows, type ExecutionContext, type FunctionRunner, type ExecutorSettings, type GivenRows, type Instrumentation, type QueryRun } from '../executor/executor.js';
import { AfterEventQueue, type AfterEventMark } from '../executor/modify/after-events.js';
import { tidRowId } from '../executor/expression/runtime.js';
import { SqlFunctionRunner } from '../executor/sql-function.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum, Row } from '../types/datum.js';
import { ResultShape, type ResultReceiver } from './client.js';
import { UtilityRunner } from './utility-runner.js';
import { isSessionCommand, runSessionCommand, describeSessionCommand } from './commands/dispatch.js';
import { checkFunctions, checkPermissions } from './permissions.js';
import { identityOf } from './row-identity.js';
import type { Portal } from './portal.js';
import { ListSource, nextBatch, StreamSource, type ExecutorStream } from './row-source.js';
import { LanguageRunner } from './languages.js';
import type { Session } from './session.js';
import type { FrequentSettings } from './settings/frequent.js';
import { SqlFunctions } from './sql-functions.js';
import type { Statement, StatementPlans } from './statement.js';

/** See the file's comment. */
export class Runner {
  /** A command ended its transaction by itself and must not wait for Sync. */
  needsImmediateCommit = false;
  /** Constraint checks and AFTER triggers of the transaction. */
  afterEvents = new AfterEventQueue();
  readonly utility: UtilityRunner;
  /** Functions that are not built in. */
  readonly functions: FunctionRunner;
  private readonly marks: AfterEventMark[] = [];
  private settings!: ExecutorSettings;
  private settingsOf: FrequentSettings | null = null;

  constructor(private readonly session: Session) {
    this.utility = new UtilityRunner(session, this);
    this.functions = new LanguageRunner(new SqlFunctionRunner(new SqlFunctions(session)));
  }

  // ---------------------------------------------------------------- statements

  /**
   * Runs an optimizable or utility statement; returns its tag. `shape`: the columns in the formats asked for. `givenRows`: the rows
   * that the plan's VALUES lists stand for.
   */
  run(
    statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null,
    givenRows: GivenRows | null = null,
  ): MaybeSuspended<string> {
    if (statement.isUtility) {
      const raw = statement.raw!;
      return this.utility.run({ tag: raw.tag, body: raw.body }, statement, parameters, receiver, isTopLevel, shape);
    }
    return this.tryOptimizable(statement, parameters, receiver, shape, givenRows) ?? this.runOptimizable(statement, parameters, receiver, isTopLevel, shape, givenRows);
  }

  /** Runs what is a single plan whose locks are free; null where it is not: nothing was done, though some of the locks may have been taken. */
  private tryOptimizable(
    statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, shape: ResultShape | null, givenRows: GivenRows | null,
  ): MaybeSuspended<string> | null {
    const plans = this.session.planning.current(statement);
    if (plans.plans.length !== 1) return null;
    const [plan] = plans.plans;
    if (plan.utilityStmt !== null || !plan.canSetTag || !this.tryLocks(plans)) return null;
    if (plans.shape !== null) receiver.begin(shape ?? plans.shape);
    const processed = this.runPlan(plan, parameters, plans.shape === null ? null : receiver, undefined, givenRows);
    return isSuspended(processed) ? this.tagged(plan, processed) : commandTag(plan.commandType, processed);
  }

  private *tagged({ commandType }: PlannedStmt, processed: Suspendable<number>): Suspendable<string> {
    return commandTag(commandType, yield* processed);
  }

  private *runOptimizable(
    statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null,
    givenRows: GivenRows | null,
  ): Suspendable<string> {
    const plans = yield* this.lockedPlans(statement);
    const { utilityStmt } = plans.plans[0] ?? { utilityStmt: null };
    if (utilityStmt !== null && plans.plans.length === 1) return yield* this.utility.run(utilityStmt, statement, parameters, receiver, isTopLevel, shape);
    const wanted = plans.shape === null ? null : shape ?? plans.shape;
    if (wanted !== null) receiver.begin(wanted);
    let tag: string | null = null;
    for (let i = 0; i < plans.plans.length; i++) {
      const plan = plans.plans[i];
      if (i > 0) this.session.catalog.commandCounterIncrement();
      if (plan.utilityStmt !== null) {
        yield* this.utility.run(plan.utilityStmt, statement, parameters, receiver, false, null);
        continue;
      }
      const running = this.runPlan(plan, parameters, plan.canSetTag && wanted !== null ? receiver : null, undefined, givenRows);
      const processed = isSuspended(running) ? yield* running : running;
      if (plan.canSetTag) tag = commandTag(plan.commandType, processed);
    }
    return tag ?? commandTag(RAW_COMMANDS[statement.raw!.tag] ?? 'select', 0);
  }

  /** The statement's plans, with their relations locked, and right under these locks. */
  *lockedPlans(statement: Statement): Suspendable<StatementPlans> {
    const { planning, block } = this.session;
    const { locks } = this.session.engine.storage;
    let plans = planning.current(statement);
    for (;;) {
      let waited = false;
      for (let i = 0; i < plans.locks.length; i++) {
        const { tag, mode } = plans.locks[i];
        if (locks.tryLock(block.transaction, tag, mode)) continue;
        waited = true;
        yield* locks.lock(block.transaction, tag, mode, this.session.waitOptions());
      }
      if (!waited) return plans;
      const again = planning.current(statement);
      if (again === plans) return plans;
      plans = again;
    }
  }

  /** Takes the plans' locks where they are free; those taken stay. */
  private tryLocks({ locks }: StatementPlans): boolean {
    const { block, engine } = this.session;
    for (let i = 0; i < locks.length; i++) if (!engine.storage.locks.tryLock(block.transaction, locks[i].tag, locks[i].mode)) return false;
    return true;
  }

  /** May the plan run: read-only transactions, privileges on its relations. @throws 25006, 42501 */
  checkPlan(plan: PlannedStmt): void {
    if (this.session.block.readOnly) this.refuseWrites(plan);
    if (!this.session.isSuperuser || plan.permInfos.some((info) => info.checkAsUser !== 0)) checkPermissions(this.session, plan.permInfos);
    if (!this.session.isSuperuser) checkFunctions(this.session, plan);
  }

  /** 25006 for a plan that changes (or locks rows of) a table that is not temporary. */
  private refuseWrites(plan: PlannedStmt): void {
    for (const { relid, requiredPerms } of plan.permInfos) {
      if (requiredPerms.replaceAll('r', '') === '' || this.session.catalog.relation(relid)?.persistence === 't') continue;
      const [mark] = plan.rowMarks;
      const strength = mark === undefined ? '' : { keyShare: ' FOR KEY SHARE', share: ' FOR SHARE', noKeyUpdate: ' FOR NO KEY UPDATE', update: ' FOR UPDATE' }[mark.strength];
      this.session.preventIfReadOnly(plan.commandType === 'select' ? `SELECT${strength}` : plan.commandType.toUpperCase());
    }
  }

  /** Runs one plan to its end; rows go to the receiver, if there is one. Returns the rows selected or changed. */
  runPlan(
    plan: PlannedStmt, parameters: readonly Datum[], receiver: ResultReceiver | null, instrumentation?: Instrumentation, givenRows: GivenRows | null = null,
  ): MaybeSuspended<number> {
    this.checkPlan(plan);
    const snapshot = this.session.block.statementSnapshot();
    const context = this.executionContext(parameters, snapshot, givenRows);
    const run = executePlan(plan, instrumentation === undefined ? context : { ...context, instrumentation });
    let waits: Suspendable<number> | null = null;
    try {
      const rows = run.atOnce();
      if (rows === null) return (waits = this.afterRow(plan, run, receiver) ?? this.stream(plan, run, snapshot, receiver));
      const full = receiver === null || rows.length === 0 ? null : receiver.rows(rows);
      const processed = plan.commandType === 'select' ? rows.length : run.processed;
      return full === null ? processed : resumed(full, processed);
    } finally {
      if (waits === null) run.close();
    }
  }

  /** What is left of a plan that stands in line for a row, without a snapshot meanwhile; null when it waits for nothing of the kind. */
  private afterRow(plan: PlannedStmt, run: QueryRun, receiver: ResultReceiver | null): Suspendable<number> | null {
    const wait = run.rowWait();
    return wait === null ? null : this.atOnceAfter(wait, plan, run, receiver);
  }

  private *atOnceAfter(firstWait: Suspendable<void>, plan: PlannedStmt, run: QueryRun, receiver: ResultReceiver | null): Suspendable<number> {
    try {
      for (let wait = firstWait; ; ) {
        yield* wait;
        const snapshot = this.session.block.statementSnapshot();
        if (run.atOnceAgain(snapshot) !== null) return run.processed;
        const again = run.rowWait();
        if (again === null) return yield* this.stream(plan, run, snapshot, receiver);
        wait = again;
      }
    } finally {
      run.close();
    }
  }

  /** Gives the receiver the rows of a plan that runs, piece by piece. */
  private *stream(plan: PlannedStmt, run: QueryRun, snapshot: Snapshot, receiver: ResultReceiver | null): Suspendable<number> {
    const stream: ExecutorStream<Row[] | StoredRows> = receiver?.storedRows === undefined ? run.batches() : run.storedBatches();
    let count = 0;
    let unpin: (() => void) | null = null;
    const pin = (): void => {
      unpin ??= this.session.block.transaction.pinSnapshot(snapshot);
    };
    try {
      for (;;) {
        const batch = yield* nextBatch(stream, pin);
        if (batch === null) return plan.commandType === 'select' ? count : run.processed;
        count += batch.length;
        const full = receiver === null ? null : batch instanceof StoredRows ? receiver.storedRows!(batch) : receiver.rows(batch);
        if (full !== null) {
          pin();
          yield full;
        }
      }
    } finally {
      run.close();
      (unpin as (() => void) | null)?.();
    }
  }

  /** Runs any statement, session commands included. */
  runAny(statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null): MaybeSuspended<string> {
    if (isSessionCommand(statement.raw!.tag)) return runSessionCommand(this.session, statement, parameters, receiver, isTopLevel, shape);
    return this.run(statement, parameters, receiver, isTopLevel, shape);
  }

  /** Columns a statement returns, for EXECUTE; utility statements' are not told beforehand. */
  shapeOf(statement: Statement): ResultShape | null {
    if (statement.raw === null) return null;
    if (isSessionCommand(statement.raw.tag)) return describeSessionCommand(this.session, statement);
    return statement.isUtility ? null : this.session.planning.current(statement).shape;
  }

  /** Columns of a utility statement. */
  *describeUtility(statement: Statement): Suspendable<ResultShape | null> {
    const raw = statement.raw!;
    const columns = yield* this.utility.describe({ tag: raw.tag, body: raw.body }, statement);
    return columns === null ? null : new ResultShape(columns);
  }

  // ---------------------------------------------------------------- portals

  /** Runs a portal for at most `limit` rows; null when there is more, else its tag. */
  runPortal(portal: Portal, limit: number, receiver: ResultReceiver, isTopLevel: boolean): MaybeSuspended<string | null> {
    if (portal.state === 'failed' || portal.state === 'active') {
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `portal "${portal.name}" cannot be run`);
    }
    const starts = portal.source === null && portal.tag === null && portal.cursor === null;
    if (!starts || (limit !== Infinity && portal.shape !== null)) return this.runPortion(portal, limit, receiver, isTopLevel, starts);
    if (portal.state === 'done') return this.finishedPortal(portal);
    portal.state = 'active';
    const tag = this.runAny(portal.statement, portal.parameters, receiver, isTopLevel, portal.shape);
    if (isSuspended(tag)) return this.endedPortal(portal, tag);
    portal.state = 'done';
    return portal.tag = tag;
  }

  private *endedPortal(portal: Portal, running: Suspendable<string>): Suspendable<string> {
    portal.tag = yield* running;
    portal.state = 'done';
    return portal.tag;
  }

  /** Runs a portal that gives its rows portion by portion. */
  private *runPortion(portal: Portal, limit: number, receiver: ResultReceiver, isTopLevel: boolean, starts: boolean): Suspendable<string | null> {
    if (starts) yield* this.startPortal(portal, isTopLevel);
    portal.state = 'active';
    if (portal.shape !== null) receiver.begin(portal.shape);
    const count = yield* portal.forward(limit, receiver);
    portal.state = 'ready';
    if (!portal.atEnd && limit !== Infinity && count === limit && !(portal.source?.exhausted ?? true)) return null;
    if (portal.tag !== null) return portal.tag;
    return `${portal.cursor === null ? 'SELECT' : 'FETCH'} ${count}`;
  }

  /** Execute of a portal that is done: it has no more rows. */
  private finishedPortal(portal: Portal): string {
    const { raw } = portal.statement;
    if (portal.shape === null || raw === null) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `portal "${portal.name}" cannot be run`);
    return raw.tag === 'SelectStmt' ? 'SELECT 0' : portal.tag ?? '';
  }

  /** Gives a portal its rows: a running plan for SELECT, else the finished statement's. */
  private *startPortal(portal: Portal, isTopLevel: boolean): Suspendable<void> {
    if (portal.statement.raw!.tag === 'SelectStmt') {
      const { plans } = yield* this.lockedPlans(portal.statement);
      if (plans.length === 1 && plans[0].commandType === 'select' && !plans[0].hasModifyingCTE) {
        portal.source = this.openSource(plans[0], portal.parameters);
        return;
      }
    }
    const rows: Row[] = [];
    const tag = this.runAny(portal.statement, portal.parameters, collector(rows), isTopLevel, portal.shape);
    portal.tag = isSuspended(tag) ? yield* tag : tag;
    portal.source = new ListSource(rows);
  }

  private openSource(plan: PlannedStmt, parameters: readonly Datum[]): StreamSource {
    this.checkPlan(plan);
    const { block } = this.session;
    const snapshot = block.statementSnapshot();
    const { transaction } = block;
    const run = executePlan(plan, this.executionContext(parameters, snapshot));
    const source = new StreamSource(run.batches(), () => transaction.pinSnapshot(snapshot), () => run.close());
    source.pinOnce();
    return source;
  }

  /** Starts a cursor's query. */
  *startCursor(portal: Portal): Suspendable<void> {
    const { plans } = yield* this.lockedPlans(portal.statement);
    portal.source = this.openSource(plans[0], portal.parameters);
  }

  /** WHERE CURRENT OF: the row of the table that the cursor is on; null when its row is of another table. */
  private readonly cursorRow = (cursorName: string, relation: Oid): number | null => {
    const portal = this.session.portals.get(cursorName);
    if (portal === undefined) throw pgError('UNDEFINED_CURSOR', `cursor "${cursorName}" does not exist`);
    const refuse = (what: string): Error => pgError('INVALID_CURSOR_STATE', `cursor "${cursorName}" ${what}`);
    if (portal.statement.raw?.tag !== 'SelectStmt') throw refuse('is not a SELECT query');
    if (portal.held) throw refuse('is held from a previous transaction');
    const { identities = [], queries = [] } = portal.statement.plans ?? {};
    const name = this.session.catalog.relation(relation)?.name ?? String(relation);
    const matching = identities.filter((identity) => this.isOrInherits(relation, identity.relid));
    if (queries[0]?.rowMarks.length > 0) {
      if (matching.length === 0) throw refuse(`does not have a FOR UPDATE/SHARE reference to table "${name}"`);
      if (matching.length > 1) throw refuse(`has multiple FOR UPDATE/SHARE references to table "${name}"`);
    } else if (matching.length === 0) {
      throw refuse(`is not a simply updatable scan of table "${name}"`);
    }
    if (portal.currentRow === null) throw refuse('is not positioned on a row');
    const ctid = identityOf(portal.currentRow, matching, relation);
    return typeof ctid === 'string' ? tidRowId(ctid) : null;
  };

  private isOrInherits(relation: Oid, ancestor: Oid): boolean {
    return relation === ancestor || (this.session.catalog.relation(relation)?.parents ?? []).some((parent) => this.isOrInherits(parent, ancestor));
  }

  // ---------------------------------------------------------------- what the executor works with

  /** The context of one execution. */
  executionContext(parameters: readonly Datum[], snapshot: Snapshot, givenRows: GivenRows | null = null): ExecutionContext {
    const { session } = this;
    return {
      transaction: session.block.transaction, snapshot, catalog: session.catalog, storage: session.engine.storage, services: session.services,
      params: parameters, givenRows,
      settings: this.executorSettings(),
      clock: session.engine.env.clock,
      waitOptions: this.waitOptions,
      functions: this.functions, temporary: session.engine.temporary, triggers: null,
      afterEvents: this.afterEvents,
      isolation: session.block.isolation,
      cursorRow: this.cursorRow,
    };
  }

  private readonly waitOptions = (): WaitOptions => this.session.waitOptions();

  /** The executor's settings, made anew when the session's have changed. */
  private executorSettings(): ExecutorSettings {
    const { frequent } = this.session.settings;
    if (this.settingsOf !== frequent) {
      this.settingsOf = frequent;
      this.settings = {
        workMemBytes: frequent.work_mem * 1024,
        maintenanceWorkMemBytes: frequent.maintenance_work_mem * 1024,
        replicaRole: frequent.session_replication_role === 'replica',
      };
    }
    return this.settings;
  }

  /** Evaluates an expression of constants now. */
  evaluate(expr: Expr): Datum {
    const called = callOfConstants(expr, this.session.catalog, this.session.services);
    if (called !== null) return called.value;
    const context = this.executionContext([], this.session.block.transaction.catalogSnapshot());
    const result = evaluateConstant(expr, context);
    if (result !== null) return result.value;
    // Users' functions: they may wait, but seldom do.
    const running = evaluateExpression(expr, context);
    const step = running.next();
    if (step.done) return step.value;
    running.return(null);
    throw notSupported('waiting in this expression');
  }

  /** Calls a function by its OID (the planner's estimates and foldings). */
  callFunction(functionOid: Oid, collation: Oid, args: readonly Datum[]): Datum {
    const proc = this.session.catalog.proc(functionOid);
    if (proc === null) throw pgError('UNDEFINED_FUNCTION', `function with OID ${functionOid} does not exist`);
    const called = callDeclared(proc, collation, args, this.session.catalog, this.session.services);
    if (called !== null) return called.value;
    const types = proc.proargtypes.elements as readonly Oid[];
    return this.evaluate({
      node: 'FuncExpr', funcid: functionOid, funcresulttype: proc.prorettype, funcretset: false, funcvariadic: false, funcformat: 'call',
      funccollid: collation, inputcollid: collation, args: args.map((value, index) => constant(types[index], value, collation)), location: -1,
    });
  }

  /** Checks a value (or null) against a domain's constraints. */
  checkDomain(domainOid: Oid, value: Datum): void {
    const { value: base, typmod } = this.session.types.domainBase(domainOid);
    this.evaluate({
      node: 'CoerceToDomain', arg: constant(base, value, 0), resulttype: domainOid, resulttypmod: typmod, resultcollid: 0,
      coercionformat: 'implicitCast', location: -1,
    });
  }

  /** Plans and runs a query of a command. */
  *runQuery(query: Query, parameterTypes: readonly Oid[], parameters: readonly Datum[], receiver: ResultReceiver | null): Suspendable<number> {
    const plan = this.session.planning.planOne(query, parameterTypes, parameters);
    const processed = this.runPlan(plan, parameters, receiver);
    return isSuspended(processed) ? yield* processed : processed;
  }

  // ---------------------------------------------------------------- the transaction's ends

  /** Whether something is to be done before a commit. */
  get hasCommitWork(): boolean {
    return this.afterEvents.hasDeferred || this.utility.hasCommitWork;
  }

  /** Deferred work before a commit. */
  *beforeCommit(): Suspendable<void> {
    if (this.afterEvents.hasDeferred) {
      yield* this.afterEvents.runDeferred(this.executionContext([], this.session.block.statementSnapshot()));
    }
    yield* this.utility.beforeCommit();
  }

  /** The transaction is over. */
  transactionEnded(committed: boolean): void {
    if (this.afterEvents.hasDeferred || !committed) this.afterEvents = new AfterEventQueue();
    if (this.marks.length > 0) this.marks.length = 0;
  }

  savepointBegan(): void {
    this.marks.push(this.afterEvents.mark());
  }

  savepointEnded(kept: boolean): void {
    const mark = this.marks.pop();
    if (!kept && mark !== undefined) this.afterEvents.rollbackTo(mark);
  }

  /** A statement failed, or ROLLBACK TO: back to the innermost savepoint's mark. */
  rolledBackTo(): void {
    const mark = this.marks.at(-1);
    if (mark !== undefined) this.afterEvents.rollbackTo(mark);
  }

  /** DISCARD TEMP. */
  *dropTemporary(): Suspendable<void> {
    yield* this.utility.dropTemporary();
  }
}

function constant(type: Oid, value: Datum, collation: Oid): Const {
  return { node: 'Const', consttype: type, consttypmod: -1, constcollid: collation, value, location: -1 };
}

const RAW_COMMANDS: Readonly<Record<string, PlannedStmt['commandType']>> = {
  SelectStmt: 'select', InsertStmt: 'insert', UpdateStmt: 'update', DeleteStmt: 'delete', MergeStmt: 'merge',
};

/** A result that is there, once the client can take more. */
function* resumed<T>(full: Suspend, result: T): Suspendable<T> {
  yield full;
  return result;
}

/** `INSERT 0 3` */
export function commandTag(command: PlannedStmt['commandType'], processed: number): string {
  return command === 'insert' ? `INSERT 0 ${processed}` : `${command.toUpperCase()} ${processed}`;
}

/** A receiver that keeps the rows. */
export function collector(rows: Row[]): ResultReceiver {
  return {
    begin() {}, complete() {}, suspended() {}, empty() {}, copyInput: null, copyOutput: null,
    rows(batch) {
      for (const row of batch) rows.push(row);
      return null;
    },
  };
}
