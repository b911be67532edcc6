/**
 * Heavyweight locks for a single session: every lock is granted. Stands in until the lock manager proper is wired in.
 */
import { notSupported } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { EngineTransaction, TransactionLocks } from '../txn/transaction.js';
import type { LockManager, LockTag, TableLockMode } from './api.js';

/** Grants everything. */
export class GrantAllLocks implements LockManager, TransactionLocks {
  tryLock(): boolean {
    return true;
  }

  *lock(): Suspendable<void> {
    // Granted.
  }

  tryLockSession(): boolean {
    return true;
  }

  *lockSession(): Suspendable<void> {
    // Granted.
  }

  unlockSession(): boolean {
    return true;
  }

  unlockAllSession(): void {
    // Nothing is recorded.
  }

  list(): Iterable<{ tag: LockTag; mode: TableLockMode; granted: boolean; virtualId: number; sessionId: number }> {
    return [];
  }

  // eslint-disable-next-line require-yield
  *waitForTransaction(_waiter: EngineTransaction, _other: EngineTransaction): Suspendable<void> {
    throw notSupported('waiting for another transaction');
  }

  mark(): number {
    return 0;
  }

  releaseAfter(): void {
    // Nothing is recorded.
  }

  releaseAll(): void {
    // Nothing is recorded.
  }
}
