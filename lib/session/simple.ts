/**
 * The simple protocol over one session: a query string is one transaction, unless it says otherwise itself (PostgreSQL's
 * exec_simple_query).
 */
import { isSuspended, type Suspendable } from '../base/suspend.js';
import type { Datum } from '../types/datum.js';
import type { ResultReceiver } from './client.js';
import { isSessionCommand, runSessionCommand } from './commands/dispatch.js';
import type { Session } from './session.js';
import type { CachedStatement } from './shared-plans.js';
import { Statement } from './statement.js';

const NO_PARAMETERS: readonly Datum[] = [];

/** See the file's comment. */
export class SimpleProtocol {
  constructor(private readonly session: Session) {}

  /** Runs a query string. Throws what fails; call `Session.fail` then. */
  *query(text: string, receiver: ResultReceiver): Suspendable<void> {
    const { session } = this;
    session.enter();
    try {
      session.startStatement(text);
      session.dropPortal('');
      session.prepared.delete('');
      const cached = this.cached(text);
      if (cached !== null) {
        yield* this.runCached(text, cached, receiver);
      } else {
        yield* this.runString(text, receiver);
      }
      if (session.log.isActive) session.log.queryEnded(text);
      session.interrupts.statementEnded();
    } finally {
      session.leave();
    }
  }

  /** Runs a statement whose plan is kept, or can be, with its literals as parameters; false: nothing was done. Throws as `query` does. */
  *queryKept(text: string, receiver: ResultReceiver): Suspendable<boolean> {
    const { session } = this;
    session.enter();
    try {
      session.startStatement(text);
      const cached = this.cached(text);
      if (cached === null) return false;
      yield* this.runCached(text, cached, receiver);
      if (session.log.isActive) session.log.queryEnded(text);
      session.interrupts.statementEnded();
      return true;
    } finally {
      session.leave();
    }
  }

  private cached(text: string): CachedStatement | null {
    return this.session.block.failed ? null : this.session.shared.find(text);
  }

  private *runString(text: string, receiver: ResultReceiver): Suspendable<void> {
    const { session } = this;
    const { block } = session;
    const statements = session.engine.parseCached(text);
    if (session.log.isActive) session.log.queryBegins(text, statements);
    if (statements.length === 0) {
      receiver.empty();
      return;
    }
    const many = statements.length > 1;
    for (let i = 0; i < statements.length; i++) {
      const raw = statements[i];
      session.refuseInFailedBlock(raw);
      block.ensureStarted();
      if (many) block.ensureImplicit();
      const tag = yield* this.runStatement(new Statement(raw, text, []), receiver, !many);
      yield* session.finishStatement(raw.tag === 'TransactionStmt' || i === statements.length - 1);
      receiver.complete(tag);
    }
  }

  /** Runs one statement; returns its tag. */
  private *runStatement(statement: Statement, receiver: ResultReceiver, isTopLevel: boolean): Suspendable<string> {
    const { session } = this;
    if (isSessionCommand(statement.raw!.tag)) return yield* runSessionCommand(session, statement, NO_PARAMETERS, receiver, isTopLevel);
    const tag = session.runner.run(statement, NO_PARAMETERS, receiver, isTopLevel, null);
    return isSuspended(tag) ? yield* tag : tag;
  }

  private *runCached(text: string, { variant, parameters, rows }: CachedStatement, receiver: ResultReceiver): Suspendable<void> {
    const { session } = this;
    if (session.log.isActive) session.log.queryBegins(text, [variant.statement.raw]);
    const running = session.runner.run(variant.statement, parameters, receiver, true, null, rows);
    const tag = isSuspended(running) ? yield* running : running;
    yield* session.finishStatement(true);
    receiver.complete(tag);
  }
}
