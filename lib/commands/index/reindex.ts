/**
 * REINDEX and CLUSTER.
 *
 * Idea: PostgreSQL's ExecReindex (commands/indexcmds.c), cluster (commands/cluster.c).
 */
import type { ClusterStmt, DefElem, ReindexStmt } from 'libpg-query';
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { namespaceOid, relationOidOf } from '../../catalog/namespace.js';
import { checkOwner, hasPrivilege, isOwner } from '../../catalog/privileges.js';
import { indexKeys } from '../../executor/relation-access.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { Row } from '../../types/datum.js';
import type { CommandContext, CommandResult } from '../api.js';
import { markClustered } from '../alter/properties.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';
import { openOwn } from '../table/create-table.js';
import { emptyTable, newStorage } from '../table/rewrite.js';
import { commitPhase, setIndexState } from './concurrent-phases.js';
import { fillIndex } from './create-index.js';
import { rebuildable, reindexConcurrently } from './reindex-concurrently.js';

registerCommand('ReindexStmt', { execute: (statement, cx) => reindex(bodyAs<ReindexStmt>(statement.body), cx) });
registerCommand('ClusterStmt', { execute: (statement, cx) => cluster(bodyAs<ClusterStmt>(statement.body), cx) });

function checkMaintain(cx: CommandContext, relation: Relation): void {
  const { catalog, currentUserOid } = cx.session;
  if (isOwner(catalog, relation.row.relowner, currentUserOid) || hasPrivilege(catalog, 'table', relation.oid, currentUserOid, 'MAINTAIN')) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for table ${relation.name}`);
}

function* reindex(stmt: ReindexStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const result: CommandResult = { tag: 'REINDEX', rows: null };
  const options = new Set((stmt.params ?? []).map((node) => bodyAs<DefElem>(bodyOf(node)).defname ?? ''));
  for (const name of options) {
    if (!['verbose', 'concurrently', 'tablespace'].includes(name)) throw pgError('SYNTAX_ERROR', `unrecognized REINDEX option "${name}"`);
  }
  if (options.has('tablespace')) throw notSupported('REINDEX (TABLESPACE)');
  const concurrently = options.has('concurrently');
  if (concurrently) cx.session.preventInTransactionBlock('REINDEX CONCURRENTLY');
  if (stmt.kind === 'REINDEX_OBJECT_INDEX') {
    const range = stmt.relation!;
    const index = openOwn(cx, relationOidOf(catalog, { ...range, relname: range.relname ?? '' }));
    if (index.kind !== 'i' && index.kind !== 'I') throw pgError('WRONG_OBJECT_TYPE', `"${index.name}" is not an index`);
    const table = openOwn(cx, catalog.table('pg_index').findOne({ indexrelid: index.oid })?.indrelid ?? 0);
    checkMaintain(cx, table);
    if (isConcurrent(cx, table, concurrently)) yield* rebuildConcurrently(cx, table.oid, index.oid);
    else yield* rebuild(cx, table, index.oid);
    return result;
  }
  if (stmt.kind === 'REINDEX_OBJECT_TABLE') {
    const table = openNamed(cx, stmt.relation!);
    if (!'rmpt'.includes(table.kind)) throw pgError('WRONG_OBJECT_TYPE', `"${table.name}" is not a table or materialized view`);
    checkMaintain(cx, table);
    const concurrent = isConcurrent(cx, table, concurrently);
    const any = concurrent ? yield* rebuildConcurrently(cx, table.oid, 0) : table.indexes.length > 0;
    if (!any) {
      cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `table "${table.name}" has no indexes${concurrent ? ' that can be reindexed concurrently' : ' to reindex'}`, { severity: 'NOTICE' }));
    }
    if (!concurrent) yield* rebuild(cx, table, 0);
    return result;
  }
  yield* reindexMany(cx, stmt, concurrently);
  return result;
}

/** Nobody else sees a temporary table. @throws 0A000 for catalogs */
function isConcurrent(cx: CommandContext, table: Relation, wanted: boolean): boolean {
  if (table.isCatalog && wanted) throw pgError('FEATURE_NOT_SUPPORTED', 'cannot reindex system catalogs concurrently');
  return wanted && table.persistence !== 't' && table.kind !== 'p';
}

/** Rebuilds one index of a table, or all that can be; false when there is none. */
function* rebuildConcurrently(cx: CommandContext, oid: Oid, only: Oid): Suspendable<boolean> {
  yield* lockRelation(cx, oid, 'ShareUpdateExclusive');
  const table = openOwn(cx, oid);
  const indexes = only === 0 ? rebuildable(cx, table) : table.indexes.filter((index) => index.oid === only);
  yield* reindexConcurrently(cx, table, indexes);
  return indexes.length > 0;
}

function* rebuild(cx: CommandContext, table: Relation, only: Oid): Suspendable<void> {
  // A catalog keeps its own indexes in order.
  if (table.isCatalog || table.kind === 'p') return;
  yield* lockRelation(cx, table.oid, 'Share');
  for (const index of table.indexes) if (only === 0 || index.oid === only) newStorage(cx, index.oid);
  cx.session.catalog.commandCounterIncrement();
  const fresh = openOwn(cx, table.oid);
  for (const index of fresh.indexes) {
    if (only !== 0 && index.oid !== only) continue;
    yield* fillIndex(cx, fresh, index);
    // What a CONCURRENTLY form left behind half-way.
    if (!index.valid || !index.row.indisready) setIndexState(cx, index.oid, { indisvalid: true, indisready: true });
  }
}

function* reindexMany(cx: CommandContext, stmt: ReindexStmt, concurrently: boolean): Suspendable<void> {
  const { catalog } = cx.session;
  const word = stmt.kind === 'REINDEX_OBJECT_SCHEMA' ? 'SCHEMA' : stmt.kind === 'REINDEX_OBJECT_SYSTEM' ? 'SYSTEM' : 'DATABASE';
  cx.session.preventInTransactionBlock(`REINDEX ${word}`);
  if (word === 'SYSTEM' && concurrently) throw pgError('FEATURE_NOT_SUPPORTED', 'cannot reindex system catalogs concurrently');
  let namespace: Oid = 0;
  if (word === 'SCHEMA') {
    namespace = namespaceOid(catalog, stmt.name ?? '');
    checkOwner(catalog, catalog.namespace(namespace)!.nspowner, cx.session.currentUserOid, 'schema', stmt.name ?? '');
  } else {
    if (stmt.name && stmt.name !== catalog.databaseName) throw pgError('FEATURE_NOT_SUPPORTED', 'can only reindex the currently open database');
    checkOwner(catalog, catalog.database(catalog.databaseOid)!.datdba, cx.session.currentUserOid, 'database', catalog.databaseName);
    if (word === 'SYSTEM') return;
  }
  if (concurrently && namespace !== 0 && [...catalog.table('pg_class').find({ relnamespace: namespace })].some((row) => row.oid < 16384)) {
    cx.services.notice(pgError('FEATURE_NOT_SUPPORTED', 'cannot reindex system catalogs concurrently, skipping all', { severity: 'WARNING' }));
  }
  for (const row of [...catalog.table('pg_class').all()]) {
    if ((row.relkind !== 'r' && row.relkind !== 'm') || row.oid < 16384 || (namespace !== 0 && row.relnamespace !== namespace)) continue;
    if (row.relpersistence === 't' && row.relnamespace !== catalog.tempNamespace) continue;
    const concurrent = concurrently && row.relpersistence !== 't';
    yield* lockRelation(cx, row.oid, concurrent ? 'ShareUpdateExclusive' : 'Share');
    // Dropped while others were rebuilt.
    const table = catalog.relation(row.oid);
    if (table && !concurrent) yield* rebuild(cx, table, 0);
    if (!table || !concurrent) continue;
    yield* rebuildConcurrently(cx, table.oid, 0);
    yield* commitPhase(cx);
  }
}

function* cluster(stmt: ClusterStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  if (stmt.relation) {
    const table = openNamed(cx, stmt.relation);
    if (!'rmp'.includes(table.kind)) throw pgError('WRONG_OBJECT_TYPE', `"${table.name}" is not a table or materialized view`);
    checkMaintain(cx, table);
    yield* clusterTable(cx, table, stmt.indexname ?? null);
  } else {
    cx.session.preventInTransactionBlock('CLUSTER');
    for (const row of catalog.table('pg_index').find({ indisclustered: true })) {
      const table = catalog.relation(row.indrelid);
      if (table && !table.isCatalog && isOwner(catalog, table.row.relowner, cx.session.currentUserOid)) yield* clusterTable(cx, table, null);
    }
  }
  return { tag: 'CLUSTER', rows: null };
}

/** Writes a table's rows anew in the order of an index. */
function* clusterTable(cx: CommandContext, table: Relation, indexName: string | null): Suspendable<void> {
  yield* lockRelation(cx, table.oid, 'AccessExclusive');
  const index = indexName === null ? table.indexes.find((candidate) => candidate.row.indisclustered) : table.indexes.find((candidate) => candidate.name === indexName);
  if (!index) {
    throw indexName === null
      ? pgError('UNDEFINED_OBJECT', `there is no previously clustered index for table "${table.name}"`)
      : pgError('UNDEFINED_OBJECT', `index "${indexName}" for table "${table.name}" does not exist`);
  }
  if (index.predicate !== null) throw pgError('FEATURE_NOT_SUPPORTED', `cannot cluster on partial index "${index.name}"`);
  markClustered(cx, table, index);
  if (table.kind === 'p') return;
  const rows: Row[] = [];
  const heap = table.openHeap();
  const snapshot = cx.session.transaction.catalogSnapshot();
  const cursor = index.open().range(null, null, false);
  const seen = new Set<number>();
  const keys = indexKeys(cx.session.catalog, table, index);
  const state = cx.executionState();
  while (cursor.next()) {
    if (seen.has(cursor.rowId)) continue;
    const row = heap.fetch(cursor.rowId, snapshot);
    if (row === null || (cursor.recheck && keys.key(state, row) !== cursor.key)) continue;
    seen.add(cursor.rowId);
    rows.push(row.slice());
  }
  emptyTable(cx, table.oid);
  const fresh = openOwn(cx, table.oid);
  const target = fresh.openHeap();
  for (const row of rows) target.insert(cx.session.transaction, row);
  cx.session.catalog.commandCounterIncrement();
  const filled = openOwn(cx, table.oid);
  for (const descriptor of filled.indexes) yield* fillIndex(cx, filled, descriptor);
}

