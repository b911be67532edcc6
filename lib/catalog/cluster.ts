/**
 * The catalogs shared by all sessions: `ClusterCatalog` (one per open storage: the shared catalogs, the registry of
 * databases, the invalidation at commit) and `DatabaseCatalog` (one per database in use).
 */
import type { Heap, Index, StorageEngine, Transaction } from '../access/api.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { decodeParts, encodeParts } from '../codec/row.js';
import type { Row } from '../types/datum.js';
import { DatabaseLookups, SharedLookups } from './lookups.js';
import { ALL_KEYS, type Lookup, type LookupKey, type RowLookup } from './lookup.js';
import { Overrides } from './overrides.js';
import { readRelationMap, type RelationMap } from './relation-map.js';
import { CATALOG_VERSION } from './schema.js';
import { catalogByName, catalogByOid } from './shapes.js';
import type { CatalogSpace } from './space.js';
import { CatalogStore, rowLookup } from './store.js';
import { SharedView, TransactionView, type EpochSource } from './view.js';

/** Kind of the log message that tells other nodes which catalogs a commit changed. */
const CATALOG_MESSAGE = 'catalog';

/** Stores and files of one space. */
abstract class Space implements CatalogSpace {
  abstract readonly spaceOid: number;
  readonly overrides: Overrides;
  private readonly stores = new Map<number, CatalogStore>();
  private readonly map: RelationMap;

  constructor(readonly storage: StorageEngine, metaKey: string) {
    const map = readRelationMap(storage, metaKey);
    if (!map) throw pgError('UNDEFINED_DATABASE', `the catalogs of "${metaKey}" are not there`);
    this.map = map;
    this.overrides = new Overrides(storage, map.overrides);
  }

  files(catalogOid: number): readonly number[] {
    const files = this.map.files.get(catalogOid);
    assert(files, `catalog ${catalogOid} has no files here`);
    return files;
  }

  /** Every file of this space's catalogs. */
  *allFiles(): IterableIterator<number> {
    yield this.map.overrides;
    for (const files of this.map.files.values()) yield* files;
  }

  protected ownStore(catalogOid: number): CatalogStore {
    let store = this.stores.get(catalogOid);
    if (!store) {
      const definition = catalogByOid(catalogOid);
      assert(definition, `there is no catalog ${catalogOid}`);
      this.stores.set(catalogOid, store = new CatalogStore(definition, this));
    }
    return store;
  }

  openStores(): IterableIterator<CatalogStore> {
    return this.stores.values();
  }

  abstract noteChange(transaction: Transaction, store: CatalogStore, before: Row | null, after: Row | null): void;
  /** Look-ups composed of several catalogs. */
  abstract composed(): readonly Lookup<unknown>[];
}

/** The shared catalogs of one storage. */
export class ClusterCatalog extends Space implements EpochSource {
  readonly spaceOid = 0;
  readonly shared: SharedView;
  readonly lookups: SharedLookups;
  /** On a standby, catalogs change by replay: messages in the log invalidate the caches. */
  isStandby = false;
  /** Told of every replayed commit that changed a catalog, by the catalogs' OIDs, once the caches know it. */
  onReplayed: (catalogs: ReadonlySet<number>) => void = () => undefined;
  epoch = 1;
  private lastEpoch = 1;
  private readonly views = new WeakMap<Transaction, TransactionView>();
  private activeViews = 0;
  private readonly databases = new Map<number, DatabaseCatalog>();

  /** Opens what `initializeCluster` made; throws when the directory was made with other built-in data. */
  constructor(storage: StorageEngine) {
    checkCatalogVersion(storage);
    super(storage, 'catalog/0');
    this.shared = new SharedView(storage);
    this.lookups = new SharedLookups((name) => this.ownStore(catalogByName(name).oid));
    storage.onMessage((message) => {
      if (message.kind === CATALOG_MESSAGE && this.isStandby) this.replayed(message.payload);
    });
  }

  nextEpoch(): number {
    return ++this.lastEpoch;
  }

  store(catalogOid: number): CatalogStore {
    return this.ownStore(catalogOid);
  }

  composed(): readonly Lookup<unknown>[] {
    return [];
  }

  /** A database's catalogs, opened at first use. 3D000 when its files are not there. */
  database(databaseOid: number): DatabaseCatalog {
    let database = this.databases.get(databaseOid);
    if (!database) this.databases.set(databaseOid, database = new DatabaseCatalog(this, databaseOid));
    return database;
  }

  /** Forgets a dropped database. */
  closeDatabase(databaseOid: number): void {
    this.databases.delete(databaseOid);
  }

  /** Whether any transaction has changed catalogs and not ended. */
  get hasViews(): boolean {
    return this.activeViews > 0;
  }

  /** The view of a transaction that has changed catalogs, or null: then the shared view is right for it. */
  viewOf(transaction: Transaction): TransactionView | null {
    return this.views.get(transaction) ?? null;
  }

  noteChange(transaction: Transaction, store: CatalogStore, before: Row | null, after: Row | null): void {
    const view = this.views.get(transaction) ?? this.openView(transaction);
    if (before) view.note({ store, row: before, other: after });
    if (after) view.note({ store, row: after, other: before });
  }

  private openView(transaction: Transaction): TransactionView {
    const view = new TransactionView(transaction, this.shared, this);
    this.views.set(transaction, view);
    this.activeViews++;
    transaction.onPreCommit(() => this.storage.logMessage(transaction, { kind: CATALOG_MESSAGE, payload: changeMessage(view) }));
    transaction.onEnd((committed) => {
      this.activeViews--;
      this.views.delete(transaction);
      if (committed) this.applyCommit(view);
    });
    return view;
  }

  /** Removes from the shared caches exactly what the commit changed. */
  private applyCommit(view: TransactionView): void {
    const invalidate = (lookup: Lookup<unknown>) => (key: LookupKey | typeof ALL_KEYS): void => lookup.invalidate(key);
    for (const change of view.changes) {
      for (const lookup of change.store.allLookups()) lookup.affected(change, this.shared, invalidate(lookup));
    }
    for (const change of view.changes) {
      for (const lookup of this.composedOver(change.store)) lookup.affected(change, this.shared, invalidate(lookup));
    }
    this.epoch = this.nextEpoch();
  }

  private composedOver(store: CatalogStore): readonly Lookup<unknown>[] {
    return this.databases.get(store.space.spaceOid)?.composed() ?? [];
  }

  /** A commit that was replayed: the caches of the catalogs it names start anew. */
  private replayed(payload: Uint8Array): void {
    const entries = decodeParts(payload) as readonly (readonly [number, readonly number[]])[];
    const all = new Set(entries.flatMap(([, catalogs]) => catalogs));
    for (const [spaceOid, catalogs] of entries) {
      const space: Space | undefined = spaceOid === 0 ? this : this.databases.get(spaceOid);
      if (!space) continue;
      space.overrides.reload();
      const changed = new Set(catalogs);
      for (const store of space.openStores()) {
        if (changed.has(store.definition.oid)) for (const lookup of store.allLookups()) lookup.invalidate(ALL_KEYS);
      }
      for (const lookup of space.composed()) lookup.invalidate(ALL_KEYS);
    }
    this.epoch = this.nextEpoch();
    this.onReplayed(all);
  }
}

/** [[space OID, [catalog OIDs]], ...] */
function changeMessage(view: TransactionView): Uint8Array {
  const spaces = new Map<number, Set<number>>();
  for (const { store } of view.changes) {
    let catalogs = spaces.get(store.space.spaceOid);
    if (!catalogs) spaces.set(store.space.spaceOid, catalogs = new Set());
    catalogs.add(store.definition.oid);
  }
  return encodeParts([...spaces].map(([space, catalogs]) => [space, [...catalogs]])).slice();
}

/** Meta entry that names the built-in data which a directory was made with. */
export const CATALOG_VERSION_KEY = 'catalog/version';

function checkCatalogVersion(storage: StorageEngine): void {
  const stored = storage.getMeta(CATALOG_VERSION_KEY);
  const version = stored ? Buffer.from(stored).toString('latin1') : 'none';
  if (version === CATALOG_VERSION) return;
  throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'database files are incompatible with server', {
    severity: 'FATAL',
    detail: `The data directory was initialized with catalog version ${version}, but the server was built with catalog version ${CATALOG_VERSION}.`,
    hint: 'It looks like you need to initialize a new data directory.',
  });
}

/** The catalogs of one database, shared by its sessions. */
export class DatabaseCatalog extends Space {
  readonly lookups: DatabaseLookups;

  constructor(readonly cluster: ClusterCatalog, readonly spaceOid: number) {
    super(cluster.storage, `catalog/${spaceOid}`);
    this.lookups = new DatabaseLookups(this, <T extends object>(name: string, columns: readonly string[]): RowLookup<T> => this.rowLookup<T>(name, columns));
  }

  /** A catalog of this database, or a shared one. */
  store(catalogOid: number): CatalogStore {
    return catalogByOid(catalogOid)?.shape.shared ? this.cluster.store(catalogOid) : this.ownStore(catalogOid);
  }

  /** The look-up by exactly these columns, which must lead some index. */
  rowLookup<T extends object>(catalog: string, columns: readonly string[]): RowLookup<T> {
    return rowLookup<T>(this.store(catalogByName(catalog).oid), columns);
  }

  noteChange(transaction: Transaction, store: CatalogStore, before: Row | null, after: Row | null): void {
    this.cluster.noteChange(transaction, store, before, after);
  }

  composed(): readonly Lookup<unknown>[] {
    return this.lookups.composed;
  }

  /** An index of a catalog; null when the relation is none. */
  catalogIndex(relationOid: number, indexOid: number): Index | null {
    return catalogByOid(relationOid) ? this.store(relationOid).openIndex(indexOid) : null;
  }

  /** The heap of a catalog by relation OID; null when it is none. */
  catalogHeap(relationOid: number): Heap | null {
    return catalogByOid(relationOid) ? this.store(relationOid) : null;
  }
}
