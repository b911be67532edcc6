/**
 * Fills an index that writers maintain already: the second half of CREATE INDEX CONCURRENTLY, and of REINDEX. How it gets by beside
 * writers is told in `access/index-completion.ts`.
 */
import type { CompletionUniqueness, RowId, Snapshot } from '../../access/api.js';
import type { Lsn } from '../../base/lsn.js';
import type { Suspendable } from '../../base/suspend.js';
import type { IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import { pgError } from '../../base/error.js';
import { indexKeys } from '../../executor/relation-access.js';
import type { Row } from '../../types/datum.js';
import type { CommandContext } from '../api.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';
import { openOwn } from '../table/create-table.js';
import { commitPhase, conflictWithReaders, setIndexState, waitForOlderSnapshots, waitForWriters } from './concurrent-phases.js';
import { duplicateKey, entryKey } from './create-index.js';

/** An index of a table as it is now. */
export function openIndexOf(cx: CommandContext, table: Oid, index: Oid): { readonly relation: Relation; readonly descriptor: IndexDescriptor } {
  const relation = openOwn(cx, table);
  const descriptor = relation.indexes.find((candidate) => candidate.oid === index);
  if (!descriptor) throw pgError('INTERNAL_ERROR', `index ${index} is not among the indexes of "${relation.name}"`);
  return { relation, descriptor };
}

/**
 * Waits for the writers who do not know the index, which was committed as ready but not valid, and fills it. From the LSN that is
 * returned on every snapshot finds all its rows in the index. What fails leaves an index that writers need not maintain, nor be
 * refused by. @throws 23505
 */
export function* fillConcurrently(cx: CommandContext, table: Oid, index: Oid): Suspendable<Lsn> {
  try {
    yield* waitForWriters(cx, table);
    return yield* fill(cx, table, index);
  } catch (error) {
    setIndexState(cx, index, { indisready: false });
    yield* commitPhase(cx);
    throw error;
  }
}

function* fill(cx: CommandContext, table: Oid, index: Oid): Suspendable<Lsn> {
  const { transaction } = cx.session;
  const { relation, descriptor } = openIndexOf(cx, table, index);
  const keys = indexKeys(cx.session.catalog, relation, descriptor);
  const state = cx.executionState();
  const { settings, temporary } = state.context;
  const heap = relation.openHeap();
  const keyOf = entryKey(keys, state);
  const completion = descriptor.open().complete(cx.session.sessionId, {
    memoryBytes: settings.maintenanceWorkMemBytes, scratch: temporary === null ? null : temporary.space,
  });
  let unpin = (): void => undefined;
  try {
    yield* completion.dropStrays((rowId) => {
      const row = heap.fetchNewest(rowId);
      return row === null ? null : keyOf(row);
    });
    const snapshot = transaction.catalogSnapshot();
    unpin = transaction.pinSnapshot(snapshot);
    yield* forEachVisibleRow(cx, relation, (rowId, read) => {
      const key = keyOf(read());
      if (key !== null) completion.add(key, rowId);
    }, snapshot);
    yield* completion.finish(snapshot.lsn, descriptor.unique ? uniqueness(cx, relation, descriptor, keyOf, snapshot) : null);
  } finally {
    unpin();
    completion.close();
  }
  return cx.storage.appendedLsn();
}

/** Waits for those whose snapshots the index cannot answer, and makes it valid with the end of this transaction. */
export function* makeValid(cx: CommandContext, table: Oid, index: Oid, filledAt: Lsn): Suspendable<void> {
  yield* waitForOlderSnapshots(cx, filledAt);
  setIndexState(cx, index, { indisvalid: true });
  conflictWithReaders(cx, table);
}

function uniqueness(cx: CommandContext, relation: Relation, descriptor: IndexDescriptor, keyOf: (row: Row) => string | null, snapshot: Snapshot): CompletionUniqueness {
  const { transaction, catalog } = cx.session;
  const keys = indexKeys(catalog, relation, descriptor);
  const state = cx.executionState();
  const heap = relation.openHeap();
  const index = descriptor.open();
  /** A key that may repeat, since a NULL makes it distinct: there may be many rows with it, all one after the other. */
  let repeating: string | null = null;
  /** Throws unless rows with the key of this one, which the snapshot sees, may repeat. */
  const refuse = (rowId: RowId): void => {
    const row = heap.fetch(rowId, snapshot);
    if (row === null) throw pgError('INTERNAL_ERROR', `row ${rowId} of "${relation.name}" vanished from a pinned snapshot`);
    const values = keys.values(state, row);
    if (descriptor.nullsNotDistinct || !values.includes(null)) throw duplicateKey(cx, relation, descriptor, values);
    repeating = keys.key(state, row);
  };
  return {
    duplicate: (_first, second) => refuse(second),
    probe(own, key, rowId) {
      if (key === repeating) return null;
      const others = cx.storage.probeUnique(own, heap, index, key, rowId, keyOf);
      if (others.kind === 'free') return null;
      if (others.kind === 'wait') return mayRepeat(rowId) ? null : others.transaction;
      // The other row counts only while this one has the key.
      const self = cx.storage.probeUnique(own, heap, index, key, others.rowId, keyOf);
      if (self.kind === 'wait') return mayRepeat(rowId) ? null : self.transaction;
      if (self.kind === 'conflict') refuse(rowId);
      return null;
    },
    waitFor: (other) => transaction.waitFor(other, cx.waitOptions()),
  };

  function mayRepeat(rowId: RowId): boolean {
    const row = heap.fetch(rowId, snapshot);
    if (row === null || descriptor.nullsNotDistinct || !keys.values(state, row).includes(null)) return false;
    repeating = keys.key(state, row);
    return true;
  }
}
