/**
 * What a catalog write raises when another transaction is at work on the same key or row. Catalog writes are synchronous
 * and deep inside commands, so they do not wait themselves: whoever runs the command (`retryAfterConflicts`) waits for
 * the other transaction, with the command's work and locks in place as PostgreSQL's own wait inside heap_update or
 * _bt_doinsert would have them, and then either raises what the write met or runs the command again from its savepoint.
 */
import type { Savepoint, Transaction } from '../access/api.js';
import { PgError, type PgErrorFields } from '../base/error.js';
import type { SqlStateName } from '../base/sqlstate.js';
import type { Suspendable } from '../base/suspend.js';

/** What to do once the other transaction has committed; when it aborted, the command always runs again. */
export type AfterCommit =
  /** The error stands: a key that exists now, a row that was updated. */
  | 'fail'
  /** The command sees the new state: DROP of what is gone now, an update in place. */
  | 'again';

/** The error of a catalog write that met an unfinished one; where nobody waits, an error as any other. */
export class CatalogConflict extends PgError {
  constructor(readonly holder: Transaction, readonly afterCommit: AfterCommit, code: SqlStateName, message: string, fields?: PgErrorFields) {
    super(code, message, fields);
  }
}

/** What `retryAfterConflicts` asks of the session. */
export interface ConflictHost {
  /** The transaction that runs now. */
  transaction(): Transaction;
  waitFor(holder: Transaction): Suspendable<void>;
  /** The command's work since its savepoint was undone. */
  undone(): void;
}

/**
 * Runs a command that writes catalogs; where it meets another transaction's unfinished write, waits for that one's end (40P01,
 * 55P03 and cancel as for any wait) and goes on by `AfterCommit`. A command that ended its transaction itself is not run again.
 */
export function* retryAfterConflicts<T>(host: ConflictHost, command: () => Suspendable<T>): Suspendable<T> {
  const transaction = host.transaction();
  const savepoint: Savepoint = transaction.beginSavepoint();
  for (;;) {
    try {
      const result = yield* command();
      if (host.transaction() === transaction) transaction.releaseSavepoint(savepoint);
      return result;
    } catch (error) {
      if (!(error instanceof CatalogConflict) || transaction.state !== 'active' || host.transaction() !== transaction) throw error;
      yield* host.waitFor(error.holder);
      if (error.holder.state === 'committed' && error.afterCommit === 'fail') throw error;
      transaction.rollbackToSavepoint(savepoint);
      host.undone();
    }
  }
}
