/**
 * The extended protocol over one session: Parse, Bind, Describe, Execute, Sync (PostgreSQL's exec_parse_message and family).
 * Several Executes before one Sync are one transaction.
 */
import { pgError } from '../base/error.js';
import { isSuspended, type Suspendable } from '../base/suspend.js';
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
        if (describesWaiting(chosen)) waits = this.leaving(this.bindUtility(portalName, statementName, chosen, values, formats));
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
    this.openPortal(portalName, statementName, statement, values, formats, yield* this.session.runner.describeUtility(statement));
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
      const ending = isSuspended(tag) ? this.executeWaiting(portal, tag, step, receiver) : this.executed(portal, tag, step, receiver);
      if (ending !== null) waits = this.leaving(ending);
    } finally {
      if (waits === null) session.leave();
    }
    return waits;
  }

  private *executeWaiting(portal: Portal, running: Suspendable<string | null>, step: ProtocolStep | null, receiver: ResultReceiver): Suspendable<void> {
    const waits = this.executed(portal, yield* running, step, receiver);
    if (waits !== null) yield* waits;
  }

  /** After the execution: `tag` null when there are more rows. Null when it is done; what is left to wait for otherwise. */
  private executed({ statement }: Portal, tag: string | null, step: ProtocolStep | null, receiver: ResultReceiver): Suspendable<void> | null {
    const { session } = this;
    const { runner } = session;
    if (step !== null) session.log.stepEnded(statement, step);
    if (tag === null) {
      receiver.suspended();
      return null;
    }
    if (statement.raw?.tag === 'TransactionStmt' || runner.needsImmediateCommit) {
      runner.needsImmediateCommit = false;
      const waits = session.finishStatement(true);
      if (waits !== null) return completed(waits, tag, receiver);
    } else {
      session.showChanges();
      this.pipelined = true;
    }
    receiver.complete(tag);
    return null;
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
    const { block, interrupts } = session;
    this.pipelined = false;
    if (block.kind !== 'statement' && block.kind !== 'implicit') {
      interrupts.statementEnded();
      return null;
    }
    session.enter();
    let waits: Suspendable<void> | null = null;
    try {
      const committing = block.commit();
      if (committing === null) interrupts.statementEnded();
      else waits = this.leaving(this.synced(committing));
    } finally {
      if (waits === null) session.leave();
    }
    return waits;
  }

  private *synced(committing: Suspendable<void>): Suspendable<void> {
    yield* committing;
    this.session.interrupts.statementEnded();
  }

  /** What is left of a message that the session was entered for. */
  private *leaving(waits: Suspendable<void>): Suspendable<void> {
    try {
      yield* waits;
    } finally {
      this.session.leave();
    }
  }

  /** After an error: the transaction of the Executes so far is gone. */
  reset(): void {
    this.pipelined = false;
  }
}

/** Tells the client of the end once the commit is done. */
export function* completed(committing: Suspendable<void>, tag: string, receiver: ResultReceiver): Suspendable<void> {
  yield* committing;
  receiver.complete(tag);
}

/** A utility statement that is no session command: its columns may have to be waited for. */
function describesWaiting({ raw, isUtility }: Statement): boolean {
  return raw !== null && isUtility && !isSessionCommand(raw.tag);
}
