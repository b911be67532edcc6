/**
 * Runs statements of one session: plans through the executor, utility statements through `lib/commands`, portals portion by
 * portion (PostgreSQL's tcop/pquery.c).
 */
import { notSupported } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { Datum } from '../types/datum.js';
import type { ResultReceiver, ResultShape } from './client.js';
import { isSessionCommand, runSessionCommand, describeSessionCommand } from './commands/dispatch.js';
import type { Portal } from './portal.js';
import type { Session } from './session.js';
import type { Statement } from './statement.js';

/** See the file's comment. */
export class Runner {
  /** A command ended its transaction by itself and must not wait for Sync. */
  needsImmediateCommit = false;

  constructor(private readonly session: Session) {}

  /** Runs an optimizable or utility statement; returns its tag. `shape`: the columns in the formats asked for. */
  *run(statement: Statement, _parameters: readonly Datum[], _receiver: ResultReceiver, _isTopLevel: boolean, _shape: ResultShape | null): Suspendable<string> {
    this.session.planning.current(statement);
    return '';
  }

  /** Runs any statement, session commands included. */
  *runAny(statement: Statement, parameters: readonly Datum[], receiver: ResultReceiver, isTopLevel: boolean, shape: ResultShape | null): Suspendable<string> {
    if (isSessionCommand(statement.raw!.tag)) return yield* runSessionCommand(this.session, statement, parameters, receiver, isTopLevel, shape);
    return yield* this.run(statement, parameters, receiver, isTopLevel, shape);
  }

  /** Columns a statement returns, if that can be told without waiting. */
  shapeOf(statement: Statement): ResultShape | null {
    if (statement.raw === null) return null;
    if (isSessionCommand(statement.raw.tag)) return describeSessionCommand(this.session, statement);
    return statement.isUtility ? this.describeUtility(statement) : this.session.planning.current(statement).shape;
  }

  /** Columns of a utility statement. */
  describeUtility(_statement: Statement): ResultShape | null {
    return null;
  }

  /** Runs a portal for at most `limit` rows; null when there is more, else its tag. */
  *runPortal(portal: Portal, _limit: number, receiver: ResultReceiver, isTopLevel: boolean): Suspendable<string | null> {
    portal.state = 'active';
    const tag = yield* this.runAny(portal.statement, portal.parameters, receiver, isTopLevel, portal.shape);
    portal.state = 'done';
    return tag;
  }

  /** Starts a cursor's query. */
  *startCursor(_portal: Portal): Suspendable<void> {
    throw notSupported('DECLARE CURSOR');
  }

  /** Deferred work before a commit. */
  *beforeCommit(): Suspendable<void> {}

  /** The transaction is over. */
  transactionEnded(_committed: boolean): void {}

  /** A statement failed. */
  failed(): void {}

  savepointBegan(): void {}

  savepointEnded(_kept: boolean): void {}

  rolledBackTo(): void {}

  /** DISCARD TEMP. */
  *dropTemporary(): Suspendable<void> {}
}
