/**
 * The relation map of a space: which storage files its catalogs have. Kept as one small meta value per database
 * (`catalog/<database OID>`, `catalog/0` for the shared catalogs), JSON:
 * `{"overrides": file, "files": [[catalog OID, heap file, index file, ...], ...]}`.
 */
import type { StorageEngine, Transaction } from '../access/api.js';
import { catalogDefinitions } from './shapes.js';

/** Files of a space's catalogs. */
export interface RelationMap {
  readonly overrides: number;
  /** Catalog OID → its heap's file, then its indexes' in the order of `CatalogDefinition.indexes`. */
  readonly files: ReadonlyMap<number, readonly number[]>;
}

interface StoredMap {
  readonly overrides: number;
  readonly files: readonly (readonly number[])[];
}

/** Reads a space's map; null when there is none. */
export function readRelationMap(storage: StorageEngine, metaKey: string): RelationMap | null {
  const bytes = storage.getMeta(metaKey);
  if (!bytes) return null;
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredMap;
  return { overrides: stored.overrides, files: new Map(stored.files.map(([oid, ...files]) => [oid, files])) };
}

/** Creates the files of a space's catalogs and its map. */
export function createRelationMap(storage: StorageEngine, transaction: Transaction, spaceOid: number): RelationMap {
  const overrides = storage.createFile(transaction, 'heap', 'permanent');
  const files = new Map<number, number[]>();
  for (const definition of catalogDefinitions()) {
    if (definition.shape.shared !== (spaceOid === 0)) continue;
    const own = [storage.createFile(transaction, 'heap', 'permanent')];
    for (let index = 0; index < definition.indexes.length; index++) own.push(storage.createFile(transaction, 'index', 'permanent'));
    files.set(definition.oid, own);
  }
  const stored: StoredMap = { overrides, files: [...files].map(([oid, own]) => [oid, ...own]) };
  storage.putMeta(transaction, `catalog/${spaceOid}`, Buffer.from(JSON.stringify(stored), 'utf8'));
  return { overrides, files };
}
