/**
 * What the CONCURRENTLY forms of CREATE INDEX, REINDEX and DROP INDEX share: several transactions one after the other, under locks of
 * the session, with waits for the transactions of others in between.
 *
 * An index of which pg_index says `indisvalid = false` answers no query; writers maintain it while it is `indisready`. A command
 * that fails or is cancelled in between, or a crash, leaves such an index: DROP INDEX removes it, REINDEX makes it valid.
 *
 * Idea: PostgreSQL's DefineIndex, WaitForOlderSnapshots (commands/indexcmds.c), index_drop (catalog/index.c).
 */
import type { LockTag } from '../../access/api.js';
import type { Lsn } from '../../base/lsn.js';
import { pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { Oid } from '../../catalog/api.js';
import type { PgIndex } from '../../catalog/rows.js';
import type { CommandContext } from '../api.js';
import { lockReferences } from '../object/object-lock.js';

type RelationTag = Extract<LockTag, { kind: 'relation' }>;

function tagOf(cx: CommandContext, relation: Oid): RelationTag {
  return { kind: 'relation', database: cx.session.catalog.databaseOid, relation };
}

/** Keeps relations locked in ShareUpdateExclusive mode while `work` goes through its transactions. */
export function* holdingLocks<T>(cx: CommandContext, relations: readonly Oid[], work: () => Suspendable<T>): Suspendable<T> {
  const { locks } = cx.storage;
  const owner = { sessionId: cx.session.sessionId };
  const held: LockTag[] = [];
  try {
    for (const relation of relations) {
      const tag = tagOf(cx, relation);
      yield* locks.lockSession(owner, cx.session.transaction, tag, 'ShareUpdateExclusive', cx.waitOptions());
      held.push(tag);
    }
    return yield* work();
  } finally {
    for (const tag of held) locks.unlockSession(owner, tag, 'ShareUpdateExclusive');
  }
}

/** Ends a phase: its transaction commits, the next one begins. */
export function* commitPhase(cx: CommandContext): Suspendable<void> {
  yield* lockReferences(cx);
  yield* cx.session.commitAndBeginNext();
}

/** Waits for all who may write to the table without knowing what was committed before. */
export function waitForWriters(cx: CommandContext, table: Oid): Suspendable<void> {
  return cx.session.transaction.waitForHolders(tagOf(cx, table), 'Share', cx.waitOptions());
}

/** Waits for all who may use the table without knowing what was committed before. */
export function waitForUsers(cx: CommandContext, table: Oid): Suspendable<void> {
  return cx.session.transaction.waitForHolders(tagOf(cx, table), 'AccessExclusive', cx.waitOptions());
}

/** On standbys the commit of this transaction waits for those who use the table. */
export function conflictWithReaders(cx: CommandContext, table: Oid): void {
  cx.session.transaction.conflictWithReaders(tagOf(cx, table));
}

/** Waits until nobody in this database reads, or will read, by a snapshot before `position`. */
export function* waitForOlderSnapshots(cx: CommandContext, position: Lsn): Suspendable<void> {
  const { storage } = cx;
  if (storage.flushedLsn() < position) yield* waitForFlush(cx, position);
  for (;;) {
    const older = storage.readersBefore(position).find((reader) => reader.sessionId !== cx.session.sessionId && cx.session.isInDatabase(reader.sessionId));
    if (older === undefined) return;
    yield* cx.session.transaction.waitFor(older, cx.waitOptions());
  }
}

/** New snapshots are those of the acknowledged log. @throws 57014 */
function* waitForFlush(cx: CommandContext, position: Lsn): Suspendable<void> {
  const { signal } = cx.waitOptions();
  if (signal?.aborted) throw signal.reason;
  let onAbort = (): void => undefined;
  const flushed = new Promise<void>((resolve, reject) => {
    onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    cx.storage.onFlushed(position, resolve);
  });
  try {
    yield new Suspend(flushed);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Changes what pg_index says of an index. */
export function setIndexState(cx: CommandContext, index: Oid, state: Partial<Pick<PgIndex, 'indisvalid' | 'indisready' | 'indislive' | 'indisclustered' | 'indisreplident'>>): void {
  const { catalog } = cx.session;
  const row = catalog.table('pg_index').findOne({ indexrelid: index });
  if (!row) throw pgError('INTERNAL_ERROR', `cache lookup failed for index ${index}`);
  catalog.table('pg_index').update(row, state);
  catalog.commandCounterIncrement();
}
