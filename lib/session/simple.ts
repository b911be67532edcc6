/**
 * The simple protocol over one session: a query string is one transaction, unless it says otherwise itself (PostgreSQL's
 * exec_simple_query).
 */
import { isSuspended, type MaybeSuspended, type Suspendable } from '../base/suspend.js';
import type { RawStatement } from '../parser/raw.js';
import type { Datum } from '../types/datum.js';
import type { ResultReceiver } from './client.js';
import { completed } from './extended.js';
import type { Session } from './session.js';
import type { CachedStatement } from './shared-plans.js';
import { Statement } from './statement.js';

const NO_PARAMETERS: readonly Datum[] = [];

/** See the file's comment. */
export class SimpleProtocol {
  constructor(private readonly session: Session) {}

  /** Runs a query string. Null when it is done; what is left to wait for otherwise. Throws what fails; call `Session.fail` then. */
  query(text: string, receiver: ResultReceiver): Suspendable<void> | null {
    const { session } = this;
    session.enter();
    let waits: Suspendable<void> | null = null;
    try {
      session.startStatement(text);
      session.dropPortal('');
      session.prepared.delete('');
      const cached = this.cached(text);
      const running = cached === null ? this.runString(text, receiver) : this.runCached(text, cached, receiver);
      if (running === null) this.ended(text);
      else waits = this.queryWaiting(text, running);
    } finally {
      if (waits === null) session.leave();
    }
    return waits;
  }

  private *queryWaiting(text: string, running: Suspendable<void>): Suspendable<void> {
    try {
      yield* running;
      this.ended(text);
    } finally {
      this.session.leave();
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
      const waits = this.runCached(text, cached, receiver);
      if (waits !== null) yield* waits;
      this.ended(text);
      return true;
    } finally {
      session.leave();
    }
  }

  private ended(text: string): void {
    const { session } = this;
    if (session.log.isActive) session.log.queryEnded(text);
    session.interrupts.statementEnded();
  }

  private cached(text: string): CachedStatement | null {
    return this.session.block.failed ? null : this.session.shared.find(text);
  }

  private runString(text: string, receiver: ResultReceiver): Suspendable<void> | null {
    const { session } = this;
    const statements = session.engine.parseCached(text);
    if (session.log.isActive) session.log.queryBegins(text, statements);
    if (statements.length > 1) return this.runAll(text, statements, receiver);
    if (statements.length === 0) {
      receiver.empty();
      return null;
    }
    return this.finish(this.runStatement(text, statements[0], receiver, true), receiver);
  }

  private *runAll(text: string, statements: readonly RawStatement[], receiver: ResultReceiver): Suspendable<void> {
    for (let i = 0; i < statements.length; i++) {
      const running = this.runStatement(text, statements[i], receiver, false);
      const tag = isSuspended(running) ? yield* running : running;
      const committing = this.session.finishStatement(statements[i].tag === 'TransactionStmt' || i === statements.length - 1);
      if (committing !== null) yield* committing;
      receiver.complete(tag);
    }
  }

  /** Runs one statement of a string, the only one of it when `isTopLevel`; returns its tag. */
  private runStatement(text: string, raw: RawStatement, receiver: ResultReceiver, isTopLevel: boolean): MaybeSuspended<string> {
    const { session } = this;
    session.refuseInFailedBlock(raw);
    session.block.ensureStarted();
    if (!isTopLevel) session.block.ensureImplicit();
    return session.runner.runAny(new Statement(raw, text, []), NO_PARAMETERS, receiver, isTopLevel, null);
  }

  private runCached(text: string, { variant, parameters, rows }: CachedStatement, receiver: ResultReceiver): Suspendable<void> | null {
    const { session } = this;
    if (session.log.isActive) session.log.queryBegins(text, [variant.statement.raw]);
    return this.finish(session.runner.run(variant.statement, parameters, receiver, true, null, rows), receiver);
  }

  /** Ends the string's only statement, and tells the client. Null when it is done; what is left to wait for otherwise. */
  private finish(running: MaybeSuspended<string>, receiver: ResultReceiver): Suspendable<void> | null {
    if (isSuspended(running)) return this.finishWaiting(running, receiver);
    const committing = this.session.finishStatement(true);
    if (committing !== null) return completed(committing, running, receiver);
    receiver.complete(running);
    return null;
  }

  private *finishWaiting(running: Suspendable<string>, receiver: ResultReceiver): Suspendable<void> {
    const waits = this.finish(yield* running, receiver);
    if (waits !== null) yield* waits;
  }
}
