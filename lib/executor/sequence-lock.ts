/**
 * Locks on sequences: nextval and setval hold RowExclusive until their transaction ends, so that ALTER and DROP SEQUENCE wait
 * (lock_and_open_sequence of commands/sequence.c). Expressions whose sequences are free run in their plain form.
 */
import type { Suspendable } from '../base/suspend.js';
import type { Oid } from '../catalog/api.js';
import type { ExecutionState } from './context.js';

/** A sequence as the call names it: by OID, or as a parameter of the statement. */
export type SequenceSource = { readonly oid: Oid } | { readonly param: number };

const MODE = 'RowExclusive';

function oidOf(S: ExecutionState, source: SequenceSource): Oid | null {
  return 'oid' in source ? source.oid : (S.params[source.param - 1] as Oid | null);
}

/** Takes the locks that are free; false when one is not. */
export function tryLockSequences(S: ExecutionState, sources: readonly SequenceSource[]): boolean {
  for (const source of sources) {
    const oid = oidOf(S, source);
    if (oid === null || S.lockedSequences?.has(oid)) continue;
    const { storage, transaction } = S.context;
    if (!storage.locks.tryLock(transaction, { kind: 'relation', database: S.catalog.databaseOid, relation: oid }, MODE)) return false;
    (S.lockedSequences ??= new Set()).add(oid);
  }
  return true;
}

/** Takes a sequence's lock, waiting. @throws 40P01, 55P03, 57014 */
export function* lockSequence(S: ExecutionState, oid: Oid | null): Suspendable<void> {
  if (oid === null || tryLockSequences(S, [{ oid }])) return;
  const { storage, transaction, waitOptions } = S.context;
  yield* storage.locks.lock(transaction, { kind: 'relation', database: S.catalog.databaseOid, relation: oid }, MODE, waitOptions());
  (S.lockedSequences ??= new Set()).add(oid);
}
