/**
 * From the interface to the class: the engine works on its own transactions only.
 */
import { AssertionFailure } from '../base/assert.js';
import { EngineTransaction } from '../txn/transaction.js';
import type { Transaction } from './api.js';

/** The engine's transaction behind the interface. */
export function engineTransaction(transaction: Transaction): EngineTransaction {
  if (transaction instanceof EngineTransaction) return transaction;
  throw new AssertionFailure('a transaction of another engine');
}
