/**
 * The catalog as analyzer, planner, executor and commands see it: typed look-ups through caches over the catalog
 * relations, and transactional changes to those relations. Row interfaces (`PgType`, `PgProc`, ...) are generated from
 * PostgreSQL 18's own catalogs (`rows.ts`), with PostgreSQL's column names.
 *
 * A `Catalog` is bound to one session's database and current transaction. Look-ups see everything appended so far plus
 * the own transaction's earlier commands; they are synchronous.
 */
import type { ObjectAddress } from './address.js';
import type { Heap, Index, SequenceFile, Transaction } from '../access/api.js';
import type { Datum, Row } from '../types/datum.js';
import type {
  CatalogRows, PgAggregate, PgAm, PgAttribute, PgAuthid, PgCast, PgClass, PgCollation, PgConstraint, PgDatabase, PgEnum,
  PgIndex, PgNamespace, PgOpclass, PgOperator, PgProc, PgRange, PgRewrite, PgSequence, PgStatistic, PgTrigger, PgType,
} from './rows.js';

export type Oid = number;

/** An index as the planner and ModifyTable need it. */
export interface IndexDescriptor {
  readonly oid: Oid;
  readonly name: string;
  readonly row: PgIndex;
  readonly classRow: PgClass;
  /** Key columns (INCLUDE columns come after `keyCount` in `attributes`): table attribute numbers, 0 for an expression. */
  readonly keyCount: number;
  readonly attributes: readonly number[];
  /** Serialized expression trees for the zeros, in order (`analyzer/serialize.ts` reads them); null when none. */
  readonly expressions: string | null;
  readonly predicate: string | null;
  readonly opclasses: readonly Oid[];
  /** Operator family of each key column, and its input type. */
  readonly opfamilies: readonly Oid[];
  readonly keyTypes: readonly Oid[];
  readonly collations: readonly Oid[];
  /** Per key column. */
  readonly descending: readonly boolean[];
  readonly nullsFirst: readonly boolean[];
  readonly unique: boolean;
  readonly primary: boolean;
  readonly nullsNotDistinct: boolean;
  readonly immediate: boolean;
  readonly valid: boolean;
  /** Access method name: 'btree', 'hash', 'gin', ... Everything ordered is stored as a btree. */
  readonly accessMethod: string;
  /** The order of its keys when that is not bytewise: what `StorageEngine.openIndex` wants. */
  readonly comparator: ((a: string, b: string) => number) | undefined;
  /** Computes the index key of a row from its plain column values (expressions evaluated by the caller). */
  encodeKey(keyValues: readonly Datum[]): string;
  /** Opens its storage. */
  open(): Index;
}

/** A relation (table, view, sequence, index, composite type ...) with what hangs on it: the relation cache entry. Immutable; replaced when it changes. */
export interface Relation {
  readonly oid: Oid;
  readonly name: string;
  readonly namespace: Oid;
  readonly namespaceName: string;
  /** pg_class.relkind: r p v m S i I c f t */
  readonly kind: string;
  readonly persistence: string;
  readonly row: PgClass;
  /** Every attribute, by attnum - 1, dropped ones included. */
  readonly attributes: readonly PgAttribute[];
  /** By OID. A catalog (`isCatalog`) keeps its own indexes and their uniqueness at every write of its heap: changes through these do nothing. */
  readonly indexes: readonly IndexDescriptor[];
  readonly constraints: readonly PgConstraint[];
  /** Foreign keys of other tables that refer to this one. */
  readonly referencedBy: readonly PgConstraint[];
  /** Serialized default (or generation) expression per attnum; null where none. */
  readonly defaults: readonly (string | null)[];
  readonly rules: readonly PgRewrite[];
  readonly triggers: readonly PgTrigger[];
  /** Parents (INHERITS, partition of) in order. */
  readonly parents: readonly Oid[];
  readonly hasChildren: boolean;
  /** True for the system catalogs. */
  readonly isCatalog: boolean;
  openHeap(): Heap;
  openSequence(): SequenceFile;
}

/** Look-ups. A missing object is `null`; the caller raises the error that fits. */
export interface Catalog {
  readonly databaseOid: Oid;
  readonly databaseName: string;
  readonly transaction: Transaction;
  /** Changes whenever any catalog change becomes visible to this catalog: cached plans compare it first. */
  readonly epoch: number;

  // types
  type(oid: Oid): PgType | null;
  typeByName(name: string, namespace: Oid): PgType | null;
  /** By search path. */
  lookupType(name: string): PgType | null;
  enumLabels(typeOid: Oid): readonly PgEnum[];
  enumLabel(labelOid: Oid): PgEnum | null;
  range(typeOid: Oid): PgRange | null;
  /** Domains unwrapped; else the type itself. */
  baseType(oid: Oid): Oid;

  // functions and operators
  proc(oid: Oid): PgProc | null;
  /** All functions of that name in any schema (the caller filters by search path as FuncnameGetCandidates does). */
  procsByName(name: string): readonly PgProc[];
  operator(oid: Oid): PgOperator | null;
  operatorsByName(name: string): readonly PgOperator[];
  cast(source: Oid, target: Oid): PgCast | null;
  aggregate(procOid: Oid): PgAggregate | null;
  collation(oid: Oid): PgCollation | null;
  collationsByName(name: string): readonly PgCollation[];
  accessMethod(oid: Oid): PgAm | null;
  opclass(oid: Oid): PgOpclass | null;
  /** Default operator class of a type for an access method (GetDefaultOpClass); 0 when none. */
  defaultOpclass(typeOid: Oid, accessMethod: Oid): Oid;
  opclassesByName(name: string, accessMethod: Oid): readonly PgOpclass[];
  /** Operator of a family for (left, right, strategy); 0 when none. */
  familyOperator(family: Oid, leftType: Oid, rightType: Oid, strategy: number): Oid;
  /** Families and strategies an operator belongs to. */
  operatorFamilies(operatorOid: Oid): readonly { readonly family: Oid; readonly strategy: number; readonly leftType: Oid; readonly rightType: Oid; readonly accessMethod: Oid }[];
  /** Support function of a family; 0 when none. */
  familyProc(family: Oid, leftType: Oid, rightType: Oid, number: number): Oid;

  // relations and namespaces
  relation(oid: Oid): Relation | null;
  relationOid(name: string, namespace: Oid): Oid;
  /** By search path; 0 when none. */
  lookupRelation(name: string): Oid;
  namespace(oid: Oid): PgNamespace | null;
  namespaceByName(name: string): PgNamespace | null;
  /** What dependencies were recorded on since the command began; it locks them at its end. */
  readonly references: ObjectAddress[];
  /** search_path resolved: OIDs in order, pg_catalog and pg_temp where they implicitly are. */
  readonly searchPath: readonly Oid[];
  /** Where CREATE puts unqualified names; 0 when the path has no valid schema. */
  readonly creationNamespace: Oid;
  /** The session's temporary schema, created at first need; 0 before. */
  readonly tempNamespace: Oid;
  /** The first word of search_path is pg_temp and the session has no temporary schema yet. */
  readonly createsTempFirst: boolean;
  /** Creates the session's temporary schema if there is none; its OID. 42501 without TEMPORARY on the database. */
  ensureTempNamespace(): Oid;
  /** The current role: whose privileges count. */
  readonly currentUserOid: Oid;
  sequence(oid: Oid): PgSequence | null;
  statistics(relation: Oid, attnum: number): PgStatistic | null;
  constraint(oid: Oid): PgConstraint | null;
  inheritanceChildren(oid: Oid): readonly Oid[];

  // shared
  role(oid: Oid): PgAuthid | null;
  roleByName(name: string): PgAuthid | null;
  database(oid: Oid): PgDatabase | null;
  databaseByName(name: string): PgDatabase | null;

  // changes: take effect for look-ups of this session after `commandCounterIncrement`
  /** Opens any catalog by name for generic access. */
  table<K extends keyof CatalogRows>(name: K): CatalogTable<CatalogRows[K]>;
  newOid(): Oid;
  commandCounterIncrement(): void;
}

/** Row-wise access to one catalog relation. Rows are plain objects keyed by PostgreSQL's column names. */
export interface CatalogTable<T> {
  readonly oid: Oid;
  insert(row: T): void;
  /** Replaces the row that `old` is (as read from this table). */
  update(old: T, changes: Partial<T>): T;
  /** `update` of facts that hold whoever else changes the row (statistics, relhasindex): builds on a concurrent update instead of failing. */
  updateInPlace(old: T, changes: Partial<T>): T;
  delete(row: T): void;
  /** Rows whose columns equal the given values: through an index where the catalog has one. */
  find(where: Partial<T>): T[];
  findOne(where: Partial<T>): T | null;
  all(): IterableIterator<T>;
  /** The object ↔ the storage row. */
  toRow(row: T): Row;
  fromRow(row: Row): T;
}
