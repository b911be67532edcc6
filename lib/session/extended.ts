/**
 * The extended protocol over one session: Parse, Bind, Describe, Execute, Sync (PostgreSQL's exec_parse_message and family).
 * Several Executes before one Sync are one transaction.
 */
import { pgError } from '../base/error.js';
import { isSuspended, type MaybeSuspended, type Suspendable } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import type { Datum } from '../types/datum.js';
import type { FormatCode, ResultReceiver, ResultShape } from './client.js';
import { describeSessionCommand, isSessionCommand } from './commands/dispatch.js';
import { bindParameters, type BoundParameter } from './parameters.js';
import { PlanChoice } from './plan-choice.js';
import { Portal } from './portal.js';
import { endsFailedBlock, type Session } from './session.js';
import type { ProtocolStep } from './statement-log.js';
import { isOptimizable, Statement } from './statement.js';
import { failedBlock } from './transaction-block.js';

const NO_PARAMETERS: readonly Datum[] = [];

/** See the file's comment. */
export class ExtendedProtocol {
  constructor(private readonly session: Session) {}

  /** Parse: prepares a statement. */
  *parse(name: string, query: string, parameterTypes: readonly Oid[]): Suspendable<void> {
    const { session } = this;
    session.enter();
    try {
      session.startExtended(this.pipelined, query);
      const statements = session.engine.parseCached(query);
      if (statements.length > 1) throw pgError('SYNTAX_ERROR', 'cannot insert multiple commands into a prepared statement');
      const raw = statements[0] ?? null;
      if (raw !== null) session.refuseInFailedBlock(raw);
      if (name === '') session.prepared.delete('');
      else if (session.prepared.has(name)) throw pgError('DUPLICATE_PSTATEMENT', `prepared statement "${name}" already exists`);
      const statement = raw === null || session.block.failed || !isOptimizable(raw.tag)
        ? new Statement(raw, query, [...parameterTypes])
        : session.shared.prepare(raw, query, parameterTypes);
      session.prepared.set(name, { name, statement, fromSql: false, preparedAt: session.statementStartMicros, choice: new PlanChoice() });
      if (session.log.isActive) session.log.stepEnded(statement, { kind: 'parse', statementName: name, portalName: '', parameters: NO_PARAMETERS });
    } finally {
      session.leave();
    }
  }

  /**
   * Bind: a portal over a prepared statement with its parameters. Null when it is done; what is left to wait for otherwise (the
   * columns of a utility statement).
   */
  bind(portalName: string, statementName: string, parameters: readonly BoundParameter[], formats: readonly FormatCode[]): Suspendable<void> | null {
    const { session } = this;
    session.enter();
    let waits: Suspendable<void> | null = null;
    try {
      const prepared = session.requirePrepared(statementName);
      const { statement } = prepared;
      session.startExtended(this.pipelined, statement.sourceText);
      if (parameters.length !== statement.parameterTypes.length) {
        throw pgError('PROTOCOL_VIOLATION',
          `bind message supplies ${parameters.length} parameters, but prepared statement "${statementName}" requires ${statement.parameterTypes.length}`);
      }
      if (statement.raw !== null) session.refuseInFailedBlock(statement.raw);
      if (portalName !== '' && session.portals.has(portalName)) throw pgError('DUPLICATE_CURSOR', `cursor "${portalName}" already exists`);
      session.block.ensureStarted();
      session.dropPortal(portalName);
      const values = parameters.length === 0 ? NO_PARAMETERS : bindParameters(session.types, statement, parameters, portalName);
      if (session.block.failed) this.openPortal(portalName, statementName, statement, values, formats, null);
      else {
        const chosen = session.planning.chosen(prepared, values);
        if (describesWaiting(chosen)) waits = this.bindUtility(portalName, statementName, chosen, values, formats);
        else this.openPortal(portalName, statementName, chosen, values, formats, this.shapeAtOnce(chosen));
      }
    } finally {
      if (waits === null) session.leave();
    }
    return waits;
  }

  private *bindUtility(
    portalName: string, statementName: string, statement: Statement, values: readonly Datum[], formats: readonly FormatCode[],
  ): Suspendable<void> {
    try {
      this.openPortal(portalName, statementName, statement, values, formats, yield* this.session.runner.describeUtility(statement));
    } finally {
      this.session.leave();
    }
  }

  private openPortal(
    portalName: string, statementName: string, statement: Statement, values: readonly Datum[], formats: readonly FormatCode[], shape: ResultShape | null,
  ): void {
    const { session } = this;
    if (shape !== null && formats.length > 1 && formats.length !== shape.columns.length) {
      throw pgError('PROTOCOL_VIOLATION', `bind message has ${formats.length} result formats but query has ${shape.columns.length} columns`);
    }
    session.portals.set(portalName, new Portal(portalName, statement, values, shape === null ? null : statement.shapeIn(shape, formats),
      null, session.statementStartMicros, session.settings.nestLevel, false, statementName));
    if (session.log.isActive) session.log.stepEnded(statement, { kind: 'bind', statementName, portalName, parameters: values });
  }

  /** The columns a statement returns, where these can be told at once; brings its plans up to date. Null for none. */
  private shapeAtOnce(statement: Statement): ResultShape | null {
    const { session } = this;
    const { raw } = statement;
    if (raw === null) return null;
    return isSessionCommand(raw.tag) ? describeSessionCommand(session, statement) : session.planning.current(statement).shape;
  }

  /** Describe of a prepared statement. */
  *describeStatement(name: string): Suspendable<{ parameterTypes: readonly Oid[]; shape: ResultShape | null }> {
    const { session } = this;
    session.enter();
    try {
      const { statement } = session.requirePrepared(name);
      session.startExtended(this.pipelined, statement.sourceText);
      if (session.block.failed && statement.raw !== null && !endsFailedBlock(statement.raw)) throw failedBlock();
      session.block.ensureStarted();
      const shape = session.block.failed ? null
        : describesWaiting(statement) ? yield* session.runner.describeUtility(statement) : this.shapeAtOnce(statement);
      return { parameterTypes: statement.parameterTypes, shape };
    } finally {
      session.leave();
    }
  }

  /** Describe of a portal. */
  describePortal(name: string): ResultShape | null {
    const { session } = this;
    const portal = session.requirePortal(name);
    if (session.block.failed && portal.shape !== null) throw failedBlock();
    return portal.shape;
  }

  /**
   * Execute: runs a portal, or goes on with it, for at most `maxRows` rows (0 for all). Null when it is done; what is left to wait for
   * otherwise.
   */
  execute(portalName: string, maxRows: number, receiver: ResultReceiver): Suspendable<void> | null {
    const { session } = this;
    session.enter();
    let waits: Suspendable<void> | null = null;
    try {
      const portal = session.requirePortal(portalName);
      const { raw } = portal.statement;
      session.startExtended(this.pipelined, portal.statement.sourceText);
      if (raw === null) {
        receiver.empty();
        return null;
      }
      session.refuseInFailedBlock(raw);
      session.block.ensureStarted();
      const limit = maxRows === 0 ? Infinity : maxRows;
      const step: ProtocolStep | null = session.log.isActive
        ? { kind: 'execute', statementName: portal.statementName, portalName, parameters: portal.parameters } : null;
      if (step !== null) session.log.executeBegins(portal.statement, step);
      const tag = session.runner.runPortal(portal, limit, receiver, this.isAloneInBlock());
      if (isSuspended(tag) || this.endsTransaction(portal)) waits = this.executeWaiting(portal, tag, step, receiver);
      else this.executed(portal, tag, step, receiver);
    } finally {
      if (waits === null) session.leave();
    }
    return waits;
  }

  private *executeWaiting(
    portal: Portal, running: MaybeSuspended<string | null>, step: ProtocolStep | null, receiver: ResultReceiver,
  ): Suspendable<void> {
    const { session } = this;
    try {
      const tag = isSuspended(running) ? yield* running : running;
      if (tag === null || !this.endsTransaction(portal)) {
        this.executed(portal, tag, step, receiver);
        return;
      }
      if (step !== null) session.log.stepEnded(portal.statement, step);
      session.runner.needsImmediateCommit = false;
      yield* session.finishStatement(true);
      receiver.complete(tag);
    } finally {
      session.leave();
    }
  }

  /** Whether the statement that has just been run is the end of its transaction. */
  private endsTransaction({ statement: { raw } }: Portal): boolean {
    return raw?.tag === 'TransactionStmt' || this.session.runner.needsImmediateCommit;
  }

  /** After the execution of what others of its transaction may follow: `tag` null when there are more rows. */
  private executed({ statement }: Portal, tag: string | null, step: ProtocolStep | null, receiver: ResultReceiver): void {
    const { session } = this;
    if (step !== null) session.log.stepEnded(statement, step);
    if (tag === null) {
      receiver.suspended();
      return;
    }
    session.showChanges();
    this.pipelined = true;
    receiver.complete(tag);
  }

  /** True after an Execute since the last Sync: what follows is part of the same transaction. */
  private pipelined = false;

  /** True when the statement at hand would be a transaction by itself. */
  private isAloneInBlock(): boolean {
    return this.session.block.kind === 'statement' && !this.pipelined;
  }

  /** Sync: the end of an extended-protocol exchange; commits what is not in a block. Null when it is done; what is left to wait for otherwise. */
  sync(): Suspendable<void> | null {
    const { session } = this;
    this.pipelined = false;
    if (session.block.kind === 'statement' || session.block.kind === 'implicit') return this.commitAtSync();
    session.interrupts.statementEnded();
    return null;
  }

  private *commitAtSync(): Suspendable<void> {
    const { session } = this;
    session.enter();
    try {
      yield* session.block.commit();
      session.interrupts.statementEnded();
    } finally {
      session.leave();
    }
  }

  /** After an error: the transaction of the Executes so far is gone. */
  reset(): void {
    this.pipelined = false;
  }
}

/** A utility statement that is no session command: its columns may have to be waited for. */
function describesWaiting({ raw, isUtility }: Statement): boolean {
  return raw !== null && isUtility && !isSessionCommand(raw.tag);
}
