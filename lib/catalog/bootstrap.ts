/**
 * Making the catalogs: of a new data directory, of a new database. Built-in rows are constant data (`builtin.ts`), so a
 * new cluster is nothing but empty files and maps; the databases postgres, template0 and template1 and the superuser
 * `postgres` are built-in rows themselves.
 */
import type { Heap, RowId, Snapshot, StorageEngine, Transaction } from '../access/api.js';
import { notSupported, pgError } from '../base/error.js';
import { INVALID_LSN } from '../base/lsn.js';
import { FirstNormalObjectId, PostgresDbOid, Template0DbOid, Template1DbOid } from '../types/oids.js';
import type { IndexDescriptor, Oid } from './api.js';
import { CATALOG_VERSION_KEY, type ClusterCatalog, type DatabaseCatalog } from './cluster.js';
import { committedSnapshot, scanRows } from './overrides.js';
import { createRelationMap } from './relation-map.js';
import type { PgClass } from './rows.js';
import { CATALOG_VERSION } from './schema.js';
import { catalogByName } from './shapes.js';

/** True when the storage has catalogs. */
export function isInitialized(storage: StorageEngine): boolean {
  return storage.getMeta(CATALOG_VERSION_KEY) !== null;
}

/** Makes the catalogs of an empty storage in one transaction. The caller waits until it is flushed. */
export function initializeCluster(storage: StorageEngine): void {
  if (isInitialized(storage)) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'the data directory is initialized already');
  const transaction = storage.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: 0 });
  try {
    for (const space of [0, Template1DbOid, Template0DbOid, PostgresDbOid]) createRelationMap(storage, transaction, space);
    storage.putMeta(transaction, CATALOG_VERSION_KEY, Buffer.from(CATALOG_VERSION, 'latin1'));
  } catch (error) {
    transaction.abort();
    throw error;
  }
  transaction.commit();
}

/**
 * Copies a database's catalogs and files under a new OID, as its committed state is now (nobody may be connected to it).
 * The pg_database row is the caller's affair.
 */
export function copyDatabase(cluster: ClusterCatalog, transaction: Transaction, templateOid: Oid, databaseOid: Oid): void {
  const { storage } = cluster;
  const template = cluster.database(templateOid);
  const map = createRelationMap(storage, transaction, databaseOid);
  const snapshot = committedSnapshot(storage);
  const overrides = storage.openHeap(map.overrides, { attributeCount: 2, missing: [] });
  for (const [catalog, position] of template.overrides.all(snapshot)) overrides.insert(transaction, [catalog, position]);
  const files = copyRelationFiles(template, transaction);
  const fileColumn = catalogByName('pg_class').positions.get('relfilenode')!;
  for (const [catalogOid, [heapFile, ...indexFiles]] of map.files) {
    const source = template.store(catalogOid);
    const heap = storage.openHeap(heapFile, source.shape);
    const indexes = indexFiles.map((file) => storage.openIndex(file));
    for (const [, stored] of source.storedRows(snapshot)) {
      const row = stored.slice();
      if (source.definition.name === 'pg_class' && (row[0] as number) >= FirstNormalObjectId) row[fileColumn] = files.get(row[fileColumn] as number) ?? 0;
      const rowId = heap.insert(transaction, row);
      const keys = source.storedKeys(row);
      indexes.forEach((index, number) => index.insert(transaction, keys[number], rowId));
    }
  }
}

/** Drops every file of a database, and its catalogs, when the transaction commits. Nobody may be connected to it. */
export function dropDatabaseFiles(cluster: ClusterCatalog, transaction: Transaction, databaseOid: Oid): void {
  const { storage } = cluster;
  const database = cluster.database(databaseOid);
  const { oid, positions } = catalogByName('pg_class');
  const fileColumn = positions.get('relfilenode')!;
  for (const [, row] of database.store(oid).storedRows(committedSnapshot(storage))) {
    if ((row[0] as number) >= FirstNormalObjectId && row[fileColumn] !== 0) storage.dropFile(transaction, row[fileColumn] as number);
  }
  for (const file of database.allFiles()) storage.dropFile(transaction, file);
  storage.putMeta(transaction, `catalog/${databaseOid}`, null);
  transaction.onEnd((committed) => {
    if (committed) cluster.closeDatabase(databaseOid);
  });
}

/** Copies every file that the database's relations have; old file number → new one. */
function copyRelationFiles(template: DatabaseCatalog, transaction: Transaction): Map<number, number> {
  const files = new Map<number, number>();
  const view = template.cluster.shared;
  const snapshot = view.snapshot();
  const classes = [...template.store(catalogByName('pg_class').oid).storedRows(snapshot)].map(([, row]) => catalogByName('pg_class').fromRow(row) as PgClass);
  for (const row of classes.filter((candidate) => candidate.relfilenode !== 0 && candidate.relpersistence !== 't')) {
    const { storage } = template;
    const persistence = row.relpersistence === 'u' ? 'unlogged' : 'permanent';
    if (row.relkind === 'S') {
      const file = storage.createFile(transaction, 'sequence', persistence);
      storage.openSequence(file).write({ ...storage.openSequence(row.relfilenode).read(), logCount: 0 });
      files.set(row.relfilenode, file);
    } else if (row.relkind === 'r' || row.relkind === 'm') {
      files.set(row.relfilenode, storage.createFile(transaction, 'heap', persistence));
      copyHeap(template, transaction, row, files);
    }
  }
  return files;
}

/** Copies the rows of a table, and the entries of its indexes under the rows' new ids. */
function copyHeap(template: DatabaseCatalog, transaction: Transaction, row: PgClass, files: Map<number, number>): void {
  const { storage } = template;
  const view = template.cluster.shared;
  const relation = view.get(template.lookups.relation, row.oid)!;
  const source = relation.openHeap();
  const target = storage.openHeap(files.get(row.relfilenode)!, source.shape);
  const snapshot = view.snapshot();
  const rowIds = new Map<RowId, RowId>();
  for (const [rowId, stored] of scanRows(source, snapshot)) rowIds.set(rowId, target.insert(transaction, stored));
  for (const index of relation.indexes) {
    const file = storage.createFile(transaction, 'index', row.relpersistence === 'u' ? 'unlogged' : 'permanent');
    files.set(index.classRow.relfilenode, file);
    const copy = storage.openIndex(file, index.comparator);
    for (const [key, rowId] of copiedEntries(index, source, snapshot, rowIds)) copy.insert(transaction, key, rowId);
  }
}

/** An index's live entries. Where a row had several keys, its values tell which one is its own. */
function* copiedEntries(index: IndexDescriptor, heap: Heap, snapshot: Snapshot, rowIds: ReadonlyMap<RowId, RowId>): IterableIterator<[string, RowId]> {
  const cursor = index.open().range(null, null, false);
  while (cursor.next()) {
    const rowId = rowIds.get(cursor.rowId);
    if (rowId === undefined) continue;
    if (cursor.recheck) {
      if (index.expressions !== null || index.predicate !== null) throw notSupported(`copying the expression or partial index "${index.name}" before VACUUM`);
      const row = heap.fetch(cursor.rowId, snapshot)!;
      if (index.encodeKey(index.attributes.slice(0, index.keyCount).map((attnum) => row[attnum - 1])) !== cursor.key) continue;
    }
    yield [cursor.key, rowId];
  }
}
