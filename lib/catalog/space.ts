/**
 * What look-ups read through, and what a catalog store asks of the database (or cluster) it belongs to.
 */
import type { Snapshot, StorageEngine, Transaction } from '../access/api.js';
import type { Row } from '../types/datum.js';
import type { Overrides } from './overrides.js';
import type { Lookup, LookupKey } from './lookup.js';
import type { CatalogStore } from './store.js';

/** One row that changed in a catalog, old or new version. */
export interface ChangedRow {
  readonly store: CatalogStore;
  readonly row: Row;
  /** The other version where this is one side of an update, else null. */
  readonly other: Row | null;
}

/** One way of seeing the catalogs: what is committed (shared by all sessions), or one transaction's view. */
export interface CatalogView {
  /** Whose view it is; null for the shared one. */
  readonly transaction: Transaction | null;
  snapshot(): Snapshot;
  /** Value of a look-up, from a cache. */
  get<V>(lookup: Lookup<V>, key: LookupKey): V;
}

/** The owner of catalog stores: a database, or the cluster for shared catalogs. */
export interface CatalogSpace {
  /** Database OID; 0 for the shared catalogs. */
  readonly spaceOid: number;
  readonly storage: StorageEngine;
  /** Files of a catalog: the heap, then its indexes in the order of `CatalogDefinition.indexes`. */
  files(catalogOid: number): readonly number[];
  readonly overrides: Overrides;
  /** Notes a change for the invalidation of caches. */
  noteChange(transaction: Transaction, store: CatalogStore, before: Row | null, after: Row | null): void;
}
