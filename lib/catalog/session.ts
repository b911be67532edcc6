/**
 * `SessionCatalog`: the `Catalog` of one session. Reads through the transaction's view when that has changed catalogs,
 * else through the shared view of what is committed.
 */
import type { ObjectAddress } from './address.js';
import type { Transaction } from '../access/api.js';
import type { Catalog, CatalogTable, Oid, Relation } from './api.js';
import type { DatabaseCatalog } from './cluster.js';
import type { LookupKey, RowLookup } from './lookup.js';
import { createTempNamespace } from './namespace.js';
import { baseTypeOf } from './opclass.js';
import type {
  CatalogRows, PgAggregate, PgAm, PgAuthid, PgCast, PgClass, PgCollation, PgConstraint, PgDatabase, PgEnum, PgNamespace, PgOpclass,
  PgOperator, PgProc, PgRange, PgSequence, PgStatistic, PgType,
} from './rows.js';
import { resolveSearchPath, type ResolvedSearchPath } from './search-path.js';
import { catalogByName } from './shapes.js';
import type { CatalogView } from './space.js';
import { StoreTable } from './table.js';
import type { TransactionView } from './view.js';
import { FirstNormalObjectId } from '../types/oids.js';

/** What the catalog asks of its session. */
export interface CatalogSession {
  /** The current transaction; look-ups outside of one are a bug. */
  transaction(): Transaction;
  /** The setting search_path as text. */
  searchPath(): string;
  /** The current role: what "$user" means and whose privileges count. */
  currentUserOid(): Oid;
  /** Names the session's temporary schema: unique among the live sessions of the cluster. */
  readonly sessionNumber: number;
}

type OperatorFamilyEntry = ReturnType<Catalog['operatorFamilies']>[number];

/** A session's catalog. */
export class SessionCatalog implements Catalog {
  readonly databaseOid: Oid;
  readonly references: ObjectAddress[] = [];
  private ownTempNamespace = 0;
  private path: ResolvedSearchPath | null = null;
  private readonly tables = new Map<string, object>();

  constructor(readonly shared: DatabaseCatalog, private readonly session: CatalogSession) {
    this.databaseOid = shared.spaceOid;
  }

  get transaction(): Transaction {
    return this.session.transaction();
  }

  get databaseName(): string {
    return this.database(this.databaseOid)?.datname ?? '';
  }

  /** Its transaction's view; null where that has changed nothing, which is mostly told without asking for it. */
  private get ownView(): TransactionView | null {
    const { cluster } = this.shared;
    return cluster.hasViews ? cluster.viewOf(this.session.transaction()) : null;
  }

  /** How this session sees the catalogs now. */
  get view(): CatalogView {
    return this.ownView ?? this.shared.cluster.shared;
  }

  get epoch(): number {
    return this.ownView?.epoch ?? this.shared.cluster.epoch;
  }

  /** Must be called after every rollback to a savepoint. */
  afterRollbackToSavepoint(): void {
    this.ownView?.forget();
  }

  private one<T extends object>(lookup: RowLookup<T>, key: LookupKey): T | null {
    return this.view.get(lookup, key)[0] ?? null;
  }

  // types

  type(oid: Oid): PgType | null {
    return this.one(this.shared.lookups.typeByOid, oid);
  }

  typeByName(name: string, namespace: Oid): PgType | null {
    return this.one(this.shared.lookups.typeByName, `${name}\0${namespace}`);
  }

  lookupType(name: string): PgType | null {
    for (const namespace of this.searchPath) {
      const type = this.typeByName(name, namespace);
      if (type) return type;
    }
    return null;
  }

  enumLabels(typeOid: Oid): readonly PgEnum[] {
    return [...this.view.get(this.shared.lookups.enumByType, typeOid)].sort((a, b) => a.enumsortorder - b.enumsortorder);
  }

  enumLabel(labelOid: Oid): PgEnum | null {
    return this.one(this.shared.lookups.enumByOid, labelOid);
  }

  range(typeOid: Oid): PgRange | null {
    return this.one(this.shared.lookups.rangeByType, typeOid);
  }

  baseType(oid: Oid): Oid {
    return baseTypeOf(this.shared.lookups, this.view, oid);
  }

  // functions and operators

  proc(oid: Oid): PgProc | null {
    return this.one(this.shared.lookups.procByOid, oid);
  }

  procsByName(name: string): readonly PgProc[] {
    return this.view.get(this.shared.lookups.procByName, name);
  }

  operator(oid: Oid): PgOperator | null {
    return this.one(this.shared.lookups.operatorByOid, oid);
  }

  operatorsByName(name: string): readonly PgOperator[] {
    return this.view.get(this.shared.lookups.operatorByName, name);
  }

  cast(source: Oid, target: Oid): PgCast | null {
    return this.one(this.shared.lookups.castByTypes, `${source}\0${target}`);
  }

  aggregate(procOid: Oid): PgAggregate | null {
    return this.one(this.shared.lookups.aggregateByProc, procOid);
  }

  collation(oid: Oid): PgCollation | null {
    return this.one(this.shared.lookups.collationByOid, oid);
  }

  collationsByName(name: string): readonly PgCollation[] {
    return this.view.get(this.shared.lookups.collationByName, name);
  }

  accessMethod(oid: Oid): PgAm | null {
    return this.one(this.shared.lookups.amByOid, oid);
  }

  opclass(oid: Oid): PgOpclass | null {
    return this.one(this.shared.lookups.opclassByOid, oid);
  }

  defaultOpclass(typeOid: Oid, accessMethod: Oid): Oid {
    return this.view.get(this.shared.lookups.defaultOpclass, `${typeOid},${accessMethod}`);
  }

  opclassesByName(name: string, accessMethod: Oid): readonly PgOpclass[] {
    return this.view.get(this.shared.lookups.opclassByName, `${accessMethod}\0${name}`);
  }

  familyOperator(family: Oid, leftType: Oid, rightType: Oid, strategy: number): Oid {
    return this.one(this.shared.lookups.amopByStrategy, `${family}\0${leftType}\0${rightType}\0${strategy}`)?.amopopr ?? 0;
  }

  operatorFamilies(operatorOid: Oid): readonly OperatorFamilyEntry[] {
    return this.view.get(this.shared.lookups.amopByOperator, operatorOid)
      .filter((row) => row.amoppurpose === 's')
      .map((row) => ({ family: row.amopfamily, strategy: row.amopstrategy, leftType: row.amoplefttype, rightType: row.amoprighttype, accessMethod: row.amopmethod }));
  }

  familyProc(family: Oid, leftType: Oid, rightType: Oid, number: number): Oid {
    return this.one(this.shared.lookups.amprocByNumber, `${family}\0${leftType}\0${rightType}\0${number}`)?.amproc ?? 0;
  }

  // relations and namespaces

  relation(oid: Oid): Relation | null {
    return this.view.get(this.shared.lookups.relation, oid);
  }

  relationOid(name: string, namespace: Oid): Oid {
    return this.one<PgClass>(this.shared.lookups.classByName, `${name}\0${namespace}`)?.oid ?? 0;
  }

  lookupRelation(name: string): Oid {
    for (const namespace of this.searchPath) {
      const oid = this.relationOid(name, namespace);
      if (oid !== 0) return oid;
    }
    return 0;
  }

  namespace(oid: Oid): PgNamespace | null {
    return this.one(this.shared.lookups.namespaceByOid, oid);
  }

  namespaceByName(name: string): PgNamespace | null {
    return this.one(this.shared.lookups.namespaceByName, name);
  }

  get resolvedPath(): ResolvedSearchPath {
    const setting = this.session.searchPath();
    const user = this.session.currentUserOid();
    const { epoch } = this;
    const { path } = this;
    if (path && path.setting === setting && path.user === user && path.epoch === epoch && path.temp === this.ownTempNamespace) return path;
    return this.path = resolveSearchPath(this, setting, user, epoch);
  }

  get searchPath(): readonly Oid[] {
    return this.resolvedPath.search;
  }

  get creationNamespace(): Oid {
    return this.resolvedPath.creation;
  }

  get tempNamespace(): Oid {
    return this.ownTempNamespace !== 0 && this.namespace(this.ownTempNamespace) ? this.ownTempNamespace : 0;
  }

  get createsTempFirst(): boolean {
    return this.resolvedPath.createsTemp;
  }

  get currentUserOid(): Oid {
    return this.session.currentUserOid();
  }

  ensureTempNamespace(): Oid {
    if (this.tempNamespace !== 0) return this.ownTempNamespace;
    this.ownTempNamespace = createTempNamespace(this, this.session.sessionNumber, this.session.currentUserOid());
    this.commandCounterIncrement();
    return this.ownTempNamespace;
  }

  sequence(oid: Oid): PgSequence | null {
    return this.one(this.shared.lookups.sequenceByOid, oid);
  }

  statistics(relation: Oid, attnum: number): PgStatistic | null {
    return this.one(this.shared.lookups.statistics, `${relation}\0${attnum}`);
  }

  constraint(oid: Oid): PgConstraint | null {
    return this.one(this.shared.lookups.constraintByOid, oid);
  }

  inheritanceChildren(oid: Oid): readonly Oid[] {
    return this.view.get(this.shared.lookups.childrenOf, oid).map((row) => row.inhrelid).sort((a, b) => a - b);
  }

  // shared

  role(oid: Oid): PgAuthid | null {
    return this.one(this.shared.cluster.lookups.roleByOid, oid);
  }

  roleByName(name: string): PgAuthid | null {
    return this.one(this.shared.cluster.lookups.roleByName, name);
  }

  database(oid: Oid): PgDatabase | null {
    return this.one(this.shared.cluster.lookups.databaseByOid, oid);
  }

  databaseByName(name: string): PgDatabase | null {
    return this.one(this.shared.cluster.lookups.databaseByName, name);
  }

  // changes

  table<K extends keyof CatalogRows>(name: K): CatalogTable<CatalogRows[K]> {
    let table = this.tables.get(name);
    if (!table) {
      this.tables.set(name, table = new StoreTable<CatalogRows[K]>(this.shared.store(catalogByName(name).oid), () => ({ transaction: this.transaction, view: this.view })));
    }
    return table as CatalogTable<CatalogRows[K]>;
  }

  newOid(): Oid {
    const { storage } = this.shared;
    let oid = storage.nextCounter('oid');
    while (oid < FirstNormalObjectId) oid = storage.nextCounter('oid');
    return oid;
  }

  commandCounterIncrement(): void {
    this.transaction.incrementCommandId();
  }
}
