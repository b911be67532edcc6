/**
 * REINDEX CONCURRENTLY of one table: a new index beside each old one, which takes over its name, its constraints and whatever
 * refers to it, and then the end of the old ones. A failure before the exchange leaves an invalid index `..._ccnew`, one after it `..._ccold`.
 *
 * Idea: PostgreSQL's ReindexRelationConcurrently (commands/indexcmds.c), index_concurrently_create_copy, index_concurrently_swap
 * (catalog/index.c).
 */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import type { CatalogRows, PgIndex } from '../../catalog/rows.js';
import { ArrayValue } from '../../types/datum.js';
import { ConstraintRelationId, RelationRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { endIndex } from '../drop/drop-concurrently.js';
import { createRelation, plainColumn } from '../relation/create-relation.js';
import { chooseRelationName } from '../relation/relation-name.js';
import { commitPhase, conflictWithReaders, holdingLocks, waitForOlderSnapshots, waitForUsers } from './concurrent-phases.js';
import { fillConcurrently, openIndexOf } from './fill-concurrently.js';

/** Of a table's indexes those that can be rebuilt; warns of the others. */
export function rebuildable(cx: CommandContext, table: Relation): readonly IndexDescriptor[] {
  return table.indexes.filter((index) => {
    const name = `"${table.namespaceName}.${index.name}"`;
    if (!index.valid) {
      cx.services.notice(pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `skipping reindex of invalid index ${name}`, {
        severity: 'WARNING', hint: 'Use DROP INDEX or REINDEX INDEX.',
      }));
    } else if (index.row.indisexclusion) {
      cx.services.notice(pgError('FEATURE_NOT_SUPPORTED', `cannot reindex exclusion constraint index ${name} concurrently, skipping`, { severity: 'WARNING' }));
    }
    return index.valid && !index.row.indisexclusion;
  });
}

/** An index and the one that takes its place. */
interface Replacement {
  readonly old: Oid;
  readonly fresh: Oid;
}

/** Rebuilds indexes of a table that is locked in ShareUpdateExclusive mode. @throws 23505 */
export function* reindexConcurrently(cx: CommandContext, table: Relation, indexes: readonly IndexDescriptor[]): Suspendable<void> {
  if (indexes.length === 0) return;
  for (const index of indexes) {
    if (index.row.indisexclusion) throw pgError('FEATURE_NOT_SUPPORTED', 'concurrent index creation for exclusion constraints is not supported');
  }
  const replacements = indexes.map((index) => ({ old: index.oid, fresh: createCopy(cx, table, index) }));
  yield* holdingLocks(cx, [table.oid, ...replacements.flatMap(({ old, fresh }) => [old, fresh])], () => replace(cx, table.oid, replacements));
}

function* replace(cx: CommandContext, table: Oid, replacements: readonly Replacement[]): Suspendable<void> {
  yield* commitPhase(cx);
  let filledAt = cx.storage.appendedLsn();
  for (const { fresh } of replacements) {
    filledAt = yield* fillConcurrently(cx, table, fresh);
    yield* commitPhase(cx);
  }
  yield* waitForOlderSnapshots(cx, filledAt);
  for (const replacement of replacements) exchange(cx, table, replacement);
  conflictWithReaders(cx, table);
  yield* commitPhase(cx);
  yield* waitForUsers(cx, table);
  yield* endIndex(cx, table, replacements.map(({ old }) => old));
}

/** An index like another one, empty and not valid. */
function createCopy(cx: CommandContext, table: Relation, index: IndexDescriptor): Oid {
  const { catalog } = cx.session;
  const { classRow, row } = index;
  const columns = catalog.table('pg_attribute').find({ attrelid: index.oid }).filter((column) => column.attnum > 0).sort((a, b) => a.attnum - b.attnum);
  const oid = createRelation(cx, {
    name: chooseRelationName(catalog, index.name, null, 'ccnew', classRow.relnamespace), namespace: classRow.relnamespace, kind: 'i',
    persistence: classRow.relpersistence, owner: classRow.relowner,
    columns: columns.map((column) => plainColumn(column.attname, column.atttypid, column.atttypmod, column.attcollation)),
    accessMethod: classRow.relam, tablespace: classRow.reltablespace, options: (classRow.reloptions?.elements ?? []) as string[],
    ofType: 0, isPartition: false, partitionBound: null,
  });
  catalog.table('pg_index').insert({
    ...row, indexrelid: oid, indisprimary: false, indisclustered: false, indisreplident: false, indimmediate: true, indisvalid: false,
    indisready: true, indislive: true,
  });
  copyDependencies(cx, table, row, oid);
  catalog.commandCounterIncrement();
  for (const { attnum, attstattarget } of columns) {
    if (attstattarget === null) continue;
    const column = catalog.table('pg_attribute').findOne({ attrelid: oid, attnum });
    if (column) catalog.table('pg_attribute').update(column, { attstattarget });
  }
  catalog.commandCounterIncrement();
  return oid;
}

/** The copy depends on what the index depends on, and on its columns instead of a constraint. */
function copyDependencies(cx: CommandContext, table: Relation, row: PgIndex, oid: Oid): void {
  const { catalog } = cx.session;
  const depends = catalog.table('pg_depend').find({ classid: RelationRelationId, objid: row.indexrelid });
  const self = objectAddress(RelationRelationId, oid);
  for (const depend of depends) {
    if (depend.refclassid === ConstraintRelationId) continue;
    recordDependencyOn(catalog, self, objectAddress(depend.refclassid, depend.refobjid, depend.refobjsubid), depend.deptype as 'n' | 'a');
  }
  if (!depends.some((depend) => depend.refclassid === ConstraintRelationId)) return;
  for (const attnum of new Set(numbers(row.indkey))) {
    if (attnum > 0) recordDependencyOn(catalog, self, objectAddress(RelationRelationId, table.oid, attnum), 'a');
  }
}

function numbers(value: ArrayValue): readonly number[] {
  return value.elements as readonly number[];
}

/** The new index takes the old one's place in the catalogs. */
function exchange(cx: CommandContext, table: Oid, { old, fresh }: Replacement): void {
  const { catalog } = cx.session;
  const { descriptor: before } = openIndexOf(cx, table, old);
  const { descriptor: after } = openIndexOf(cx, table, fresh);
  const rename = (oid: Oid, relname: string): void => {
    const row = catalog.table('pg_class').findOne({ oid });
    if (row) catalog.table('pg_class').update(row, { relname });
    catalog.commandCounterIncrement();
  };
  rename(old, chooseRelationName(catalog, before.name, null, 'ccold', before.classRow.relnamespace));
  rename(fresh, before.name);
  const { indisprimary, indisexclusion, indimmediate, indisreplident, indisclustered } = before.row;
  catalog.table('pg_index').update(before.row, {
    indisvalid: false, indisprimary: false, indisexclusion: false, indimmediate: true, indisreplident: false, indisclustered: false,
  });
  catalog.commandCounterIncrement();
  catalog.table('pg_index').update(after.row, { indisvalid: true, indisprimary, indisexclusion, indimmediate, indisreplident, indisclustered });
  exchangeReferences(cx, old, fresh);
  catalog.commandCounterIncrement();
}

function exchangeReferences(cx: CommandContext, old: Oid, fresh: Oid): void {
  const { catalog } = cx.session;
  move(cx, 'pg_constraint', { conindid: old }, { conindid: fresh });
  move(cx, 'pg_trigger', { tgconstrindid: old }, { tgconstrindid: fresh });
  move(cx, 'pg_description', { objoid: old, classoid: RelationRelationId }, { objoid: fresh });
  move(cx, 'pg_statistic', { starelid: old }, { starelid: fresh });
  const depend = catalog.table('pg_depend');
  const own = [old, fresh].map((objid) => depend.find({ classid: RelationRelationId, objid }));
  const others = [old, fresh].map((refobjid) => depend.find({ refclassid: RelationRelationId, refobjid }));
  for (const [rows, objid] of [[own[0], fresh], [own[1], old]] as const) for (const row of rows) depend.update(row, { objid });
  for (const [rows, refobjid] of [[others[0], fresh], [others[1], old]] as const) for (const row of rows) depend.update(row, { refobjid });
}

function move<N extends keyof CatalogRows>(cx: CommandContext, name: N, where: Partial<CatalogRows[N]>, changes: Partial<CatalogRows[N]>): void {
  const table = cx.session.catalog.table(name);
  for (const row of table.find(where)) table.update(row, changes);
}
