/**
 * Waiting for rows: locks on rows, and what to do when the row changed meanwhile. READ COMMITTED re-checks the newest
 * version (EvalPlanQual), the other levels raise 40001.
 */
import type { Heap, LockWaitPolicy, RowLockStrength, Snapshot, Transaction, WantedRow, WriteResult } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { Plan, PlanRowMark } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import { ExecutionState, type SubstituteRows } from '../context.js';
import { tidText } from '../expression/runtime.js';
import { createOperator } from '../operators/create.js';
import { openRelation } from '../relation-access.js';

/** What a lock attempt came to. */
export type LockOutcome =
  | { readonly kind: 'locked' }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'selfModified' }
  /** A newer version, or null when the row is gone. */
  | { readonly kind: 'changed'; readonly values: Row | null };

/** Who is in the way of a write. */
export type RowBlocker = Extract<WriteResult, { kind: 'wait' }>;

/**
 * Waits for another transaction to end, with the context line of row waits. `row`: the row itself is wanted, so that its
 * waiters are let go one after the other (a look at a unique key waits for a transaction only).
 */
export function waitForRow(S: ExecutionState, other: Transaction, doing: string, relationName: string, rowId: number, row?: WantedRow): Suspendable<void> {
  const wait = S.context.waitOptions();
  wait.context = () => `while ${doing} tuple ${String(tidText(rowId))} in relation "${relationName}"`;
  wait.row = row;
  return S.context.transaction.waitFor(other, wait);
}

/** The place in line for a row; none for who holds the row in a weaker strength already and would be in its own way. */
export function wantedRow(heap: Heap, rowId: number, result: RowBlocker, isExclusive = true): WantedRow | undefined {
  return result.holdsRow === true ? undefined : { file: heap.file, rowId, isExclusive };
}

/** Takes a row lock. 55P03 for NOWAIT. */
export function* lockRow(S: ExecutionState, heap: Heap, relationName: string, rowId: number, strength: RowLockStrength, policy: LockWaitPolicy, snapshot: Snapshot): Suspendable<LockOutcome> {
  for (;;) {
    const result = heap.lock(S.context.transaction, rowId, strength, snapshot);
    switch (result.kind) {
      case 'ok': return { kind: 'locked' };
      case 'selfModified': return { kind: 'selfModified' };
      case 'changed': return { kind: 'changed', values: result.values };
      case 'wait':
        if (policy === 'skip') return { kind: 'skipped' };
        if (policy === 'error') throw pgError('LOCK_NOT_AVAILABLE', `could not obtain lock on row in relation "${relationName}"`);
        yield* waitForRow(S, result.transaction, 'locking', relationName, rowId, wantedRow(heap, rowId, result, strength !== 'keyShare'));
    }
  }
}

/** 40001 for isolation levels that must not see the newer version. */
export function requireReadCommitted(S: ExecutionState, values: Row | null): void {
  if (S.context.isolation === 'read committed') return;
  throw pgError('T_R_SERIALIZATION_FAILURE', `could not serialize access due to concurrent ${values === null ? 'delete' : 'update'}`);
}

/** Retries a write until it is not told to wait. */
export function* settleWrite(S: ExecutionState, heap: Heap, relationName: string, rowId: number, doing: string, write: () => WriteResult): Suspendable<Exclude<WriteResult, { kind: 'wait' }>> {
  for (;;) {
    const result = write();
    if (result.kind !== 'wait') return result;
    yield* waitForRow(S, result.transaction, doing, relationName, rowId, wantedRow(heap, rowId, result));
  }
}

/** The table of a mark's row; null when another of the inheritance children is meant. */
export function markedRelation(mark: PlanRowMark, row: Row): number | null {
  if (mark.tableOidColumn === 0) return mark.relid;
  return row[mark.tableOidColumn - 1] === mark.relid ? mark.relid : null;
}

/** What a re-check puts in place of scans: the changed row, and the other marked relations' rows as this join result has them. */
export function substitutesFor(S: ExecutionState, marks: readonly PlanRowMark[], row: Row, rti: number, changed: { row: Row; rowId: number; relid: number }): SubstituteRows {
  const result = new Map([[rti, changed]]);
  for (const mark of marks) {
    if (mark.rti === rti || mark.rowIdColumn === 0) continue;
    const rowId = row[mark.rowIdColumn - 1] as number | null;
    const relid = rowId === null ? null : markedRelation(mark, row);
    if (relid === null || rowId === null) continue;
    const kept = openRelation(S.catalog, relid).openHeap().fetch(rowId, S.snapshot);
    if (kept !== null) result.set(mark.rti, { row: kept, rowId, relid });
  }
  return result;
}

/**
 * Runs a plan again with given rows in place of scans: the first row that comes out, or null when the conditions no
 * longer hold. Other relations are read by the statement's own snapshot.
 */
export function* recheck(S: ExecutionState, plan: Plan, substitutes: SubstituteRows): Suspendable<Row | null> {
  const inner = new ExecutionState(S.context, S.statement, S);
  inner.substitutes = substitutes;
  inner.snapshot = S.snapshot;
  for (let param = 0; param < S.exec.length; param++) inner.exec[param] = S.exec[param];
  for (const item of createOperator(inner, plan).run()) {
    if (item instanceof Suspend) yield item;
    else return item[0];
  }
  return null;
}
