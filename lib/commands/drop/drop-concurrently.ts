/**
 * DROP INDEX CONCURRENTLY: the index stops to answer queries, then to be maintained, and goes when nobody can be using it. Readers and
 * writers of its table go on meanwhile.
 *
 * Idea: PostgreSQL's index_drop (catalog/index.c), RemoveRelations (commands/tablecmds.c).
 */
import type { DropStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import { checkDeletion } from '../../catalog/deletion.js';
import type { CommandContext } from '../api.js';
import { commitPhase, conflictWithReaders, holdingLocks, setIndexState, waitForUsers } from '../index/concurrent-phases.js';
import { lockRelation } from '../relation/access.js';
import { dropObjects, relationAddress } from './drop-object.js';

/** What DROP INDEX CONCURRENTLY does not do. @throws 0A000 */
export function checkConcurrentDrop(stmt: DropStmt): void {
  if ((stmt.objects ?? []).length !== 1) throw pgError('FEATURE_NOT_SUPPORTED', 'DROP INDEX CONCURRENTLY does not support dropping multiple objects');
  if (stmt.behavior === 'DROP_CASCADE') throw pgError('FEATURE_NOT_SUPPORTED', 'DROP INDEX CONCURRENTLY does not support CASCADE');
}

/** Drops an index that is locked already in ShareUpdateExclusive mode. @throws 2BP01 */
export function* dropIndexConcurrently(cx: CommandContext, index: Oid): Suspendable<void> {
  const { catalog } = cx.session;
  const table = catalog.table('pg_index').findOne({ indexrelid: index })?.indrelid;
  if (table === undefined) throw pgError('INTERNAL_ERROR', `cache lookup failed for index ${index}`);
  yield* lockRelation(cx, table, 'ShareUpdateExclusive');
  yield* checkDeletion(catalog, relationAddress(index), { cascade: false }, (notice) => cx.services.notice(notice));
  yield* holdingLocks(cx, [table, index], () => retireIndex(cx, table, index));
}

/** The phases, under locks on the table and the index; the transaction that is left open drops the index. */
export function* retireIndex(cx: CommandContext, table: Oid, index: Oid): Suspendable<void> {
  setIndexState(cx, index, { indisvalid: false, indisclustered: false });
  yield* commitPhase(cx);
  yield* waitForUsers(cx, table);
  yield* endIndex(cx, table, [index]);
}

/** The last phases of indexes that answer no query any more, and that nobody uses who has not seen so. */
export function* endIndex(cx: CommandContext, table: Oid, indexes: readonly Oid[]): Suspendable<void> {
  for (const index of indexes) setIndexState(cx, index, { indisready: false, indislive: false, indisreplident: false });
  yield* commitPhase(cx);
  yield* waitForUsers(cx, table);
  conflictWithReaders(cx, table);
  yield* dropObjects(cx, indexes.map(relationAddress), { cascade: false });
}
