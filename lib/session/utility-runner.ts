/**
 * Utility statements of one session: makes the `CommandContext` that `lib/commands` works with, and does what commands ask of
 * their session.
 */
import type { Transaction, WaitOptions } from '../access/api.js';
import type { Query, UtilityStatement } from '../analyzer/nodes.js';
import { notSupported, pgError } from '../base/error.js';
import type { Suspend, Suspendable } from '../base/suspend.js';
import type { Catalog, Oid } from '../catalog/api.js';
import { retryAfterConflicts } from '../catalog/conflict.js';
import { commands } from './command-loader.js';
import type { CommandContext, CommandResult, CommandSession, ExecuteUtility, ResultColumn } from '../commands/api.js';
import { ExecutionState } from '../executor/context.js';
import { NO_STATEMENT } from '../executor/relation-access.js';
import { parse } from '../parser/parse.js';
import { bodyOf, tagOf, type RawNode } from '../parser/raw.js';
import type { Datum, Row } from '../types/datum.js';
import { ResultShape, type ResultReceiver } from './client.js';
import { executeTarget } from './commands/prepared.js';
import { settingValueText } from './commands/setting-arguments.js';
import { storedPassword } from '../base/passwords.js';
import type { Runner } from './runner.js';
import type { Session } from './session.js';
import { Statement } from './statement.js';

/** See the file's comment. */
export class UtilityRunner {
  private readonly onCommit = new Map<Oid, 'drop' | 'delete'>();

  constructor(private readonly session: Session, private readonly runner: Runner) {}

  /** Runs a utility statement; returns its tag. */
  *run(
    utility: UtilityStatement, statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null,
  ): Suspendable<string> {
    if (this.session.block.readOnly) this.session.refuseCommand(utility);
    const { executeUtility } = yield* commands();
    const context = this.context(executeUtility, statement, parameters, receiver, isTopLevel);
    // COPY consumes the client's data, and writes no catalog.
    const result = yield* utility.tag === 'CopyStmt' ? executeUtility(utility, context) : this.settled(() => executeUtility(utility, context));
    if (result.rows !== null) {
      receiver.begin(shape ?? new ResultShape(result.rows.columns));
      const full = receiver.rows(result.rows.rows);
      if (full !== null) yield full;
    }
    return result.processed === undefined ? result.tag : `${result.tag} ${result.processed}`;
  }

  /** Runs a command that may meet other transactions' unfinished catalog writes. */
  private *settled(command: () => Suspendable<CommandResult>): Suspendable<CommandResult> {
    const { session, runner } = this;
    const mark = runner.afterEvents.mark();
    const notices = session.notices.beginCommand();
    try {
      return yield* retryAfterConflicts({
        transaction: () => session.block.transaction,
        waitFor: (holder) => session.block.transaction.waitFor(holder, session.waitOptions()),
        undone: () => {
          session.catalog.afterRollbackToSavepoint();
          runner.afterEvents.rollbackTo(mark);
          notices.repeat();
        },
      }, command);
    } finally {
      notices.end();
    }
  }

  /** Columns of its result; null for none. */
  *describe(utility: UtilityStatement, statement: Statement): Suspendable<readonly ResultColumn[] | null> {
    const { describeUtility, executeUtility } = yield* commands();
    return describeUtility(utility, this.context(executeUtility, statement, [], NO_RECEIVER, true));
  }

  private context(executeUtility: ExecuteUtility, statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, asSuperuser = false): CommandContext {
    const { session, runner } = this;
    const { sourceText, parameterTypes } = statement;
    const analyze = (node: RawNode, types: readonly Oid[] = parameterTypes): readonly Query[] => session.planning.analyzeStatement(
      { tag: tagOf(node), body: bodyOf(node), location: 0, length: 0 }, sourceText, { mode: 'fixed', types: [...types] });
    const context: CommandContext = {
      env: session.engine.env, storage: session.engine.storage, services: session.services,
      session: this.commandSession(statement, isTopLevel, asSuperuser), sourceText, isTopLevel, parameterTypes, parameters,
      waitOptions: (): WaitOptions => session.waitOptions(),
      executionState: () => new ExecutionState(runner.executionContext(parameters, session.block.transaction.catalogSnapshot()), NO_STATEMENT),
      copyOutput: receiver.copyOutput, copyInput: receiver.copyInput,
      analyze,
      analyzeText: (sql) => parse(sql).flatMap((raw) => [...session.planning.analyzeStatement(raw, sql, { mode: 'fixed', types: [] })]),
      execute: (query, receive, values = parameters) => runner.runQuery(query, parameterTypes, values, rowReceiver(receive)),
      plan: (query, values) => session.planning.planOne(query, parameterTypes, values),
      measure: (plan, values, instrumentation) => runner.runPlan(plan, values, null, instrumentation),
      executeUtility: (inner): Suspendable<CommandResult> => executeUtility(inner, { ...context, isTopLevel: false }),
    };
    return context;
  }

  private commandSession(statement: Statement, isTopLevel: boolean, asSuperuser: boolean): CommandSession {
    const { session, runner, onCommit } = this;
    return {
      sessionId: session.processId,
      preventInTransactionBlock: (command) => {
        if (session.block.kind !== 'statement') throw pgError('ACTIVE_SQL_TRANSACTION', `${command} cannot run inside a transaction block`);
        if (!isTopLevel) throw pgError('ACTIVE_SQL_TRANSACTION', `${command} cannot be executed from a function`);
        runner.needsImmediateCommit = true;
      },
      plannerSettings: () => session.settings.explained(),
      preventIfReadOnly: (command) => session.preventIfReadOnly(command),
      requireTransactionBlock: (command) => {
        if (session.block.kind === 'statement') throw pgError('NO_ACTIVE_SQL_TRANSACTION', `${command} can only be used in transaction blocks`);
      },
      get currentUserOid() { return asSuperuser ? BOOTSTRAP_SUPERUSER : session.currentUserOid; },
      get sessionUserOid() { return session.sessionUserOid; },
      get isSuperuser() { return asSuperuser || session.isSuperuser; },
      *commitAndBeginNext() {
        const { kind } = session.block;
        const waits = session.block.commit();
        if (waits !== null) yield* waits;
        if (kind === 'implicit') session.block.ensureImplicit();
        else session.block.ensureStarted();
      },
      get transaction(): Transaction { return session.block.transaction; },
      get catalog(): Catalog { return session.catalog; },
      checkSetting: (name, value) => session.settings.checkText(name, value),
      settingValue: (variableSet) => settingValueText(variableSet, session.types),
      isInDatabase: (sessionId) => session.engine.session(sessionId)?.databaseOid === session.databaseOid,
      countOtherSessions: (databaseOid) => session.engine.sessionsOf(databaseOid).filter((other) => other !== session).length,
      terminateOtherSessions: (databaseOid) => {
        const error = pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' });
        for (const other of session.engine.sessionsOf(databaseOid)) if (other !== session) other.terminate(error);
      },
      onCommitAction: (relation, action) => void onCommit.set(relation, action),
      setConstraintsMode: (constraints, deferred) => runner.afterEvents.setMode(constraints, deferred,
        runner.executionContext([], session.block.statementSnapshot())),
      passwordVerifier: (password) => {
        const stored = storedPassword(password, Number(session.settings.value('scram_iterations')));
        if (stored === null) throw notSupported('MD5 password hashes', { hint: 'Give the password in clear text, or as a SCRAM-SHA-256 verifier.' });
        return stored;
      },
      preparedQueries: (name, parameters) => {
        if (!session.prepared.has(name)) return null;
        const target = executeTarget(session, { name, params: parameters }, statement.sourceText, true);
        return { queries: session.planning.current(target.statement).queries, parameters: target.parameters, generic: target.statement === session.requirePrepared(name).statement };
      },
    };
  }

  // ---------------------------------------------------------------- ON COMMIT of temporary tables

  get hasCommitWork(): boolean {
    return this.onCommit.size > 0;
  }

  /** ON COMMIT DROP and DELETE ROWS. */
  *beforeCommit(): Suspendable<void> {
    for (const [relation, action] of this.onCommit) {
      const found = this.session.catalog.relation(relation);
      if (found === null) {
        this.onCommit.delete(relation);
        continue;
      }
      const name = { schemaname: found.namespaceName, relname: found.name, inh: true, relpersistence: 't' };
      if (action === 'drop') {
        yield* this.internal({ tag: 'DropStmt', body: { objects: [{ List: { items: [{ String: { sval: found.namespaceName } }, { String: { sval: found.name } }] } }], removeType: 'OBJECT_TABLE', behavior: 'DROP_CASCADE' } });
        this.onCommit.delete(relation);
      } else if (!found.openHeap().scan(this.session.block.transaction.catalogSnapshot()).next().done) {
        yield* this.internal({ tag: 'TruncateStmt', body: { relations: [{ RangeVar: name }], behavior: 'DROP_RESTRICT' } });
      }
    }
  }

  /** Runs a statement that no client gave. */
  private *internal(utility: UtilityStatement): Suspendable<void> {
    const { executeUtility } = yield* commands();
    yield* executeUtility(utility, this.context(executeUtility, new Statement(null, '', []), [], NO_RECEIVER, false, true));
    this.session.catalog.commandCounterIncrement();
  }

  /** Drops every temporary object of the session. */
  *dropTemporary(): Suspendable<void> {
    const namespace = this.session.catalog.tempNamespace;
    if (namespace !== 0) yield* this.dropContents(namespace);
  }

  /** Drops what is in a schema. */
  *dropContents(namespace: Oid): Suspendable<void> {
    const { dropObjects, executeUtility } = yield* commands();
    const context = this.context(executeUtility, new Statement(null, '', []), [], NO_RECEIVER, false, true);
    yield* dropObjects(context, [{ classId: NAMESPACE_CLASS, objectId: namespace, subId: 0 }], { cascade: true, quietly: true, skipOriginal: true });
    this.session.catalog.commandCounterIncrement();
  }
}

const NAMESPACE_CLASS = 2615;
const BOOTSTRAP_SUPERUSER = 10;

/** Rows one by one. */
function rowReceiver(receive: (row: Row) => Suspend | null): ResultReceiver {
  return {
    ...NO_RECEIVER,
    rows(batch) {
      let full: Suspend | null = null;
      for (const row of batch) full = receive(row) ?? full;
      return full;
    },
  };
}

const NO_RECEIVER: ResultReceiver = { begin() {}, rows: () => null, complete() {}, suspended() {}, empty() {}, copyInput: null, copyOutput: null };
