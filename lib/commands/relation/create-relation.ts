/**
 * Makes a relation: its rows in pg_class and pg_attribute, its row type and array type in pg_type, its storage file,
 * its dependencies. Every CREATE of something with columns comes through here.
 *
 * Idea: PostgreSQL's heap_create_with_catalog (catalog/heap.c) and makeArrayTypeName (catalog/pg_type.c).
 */
import type { Persistence } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { recordDependencyOn, recordDependencyOnOwner } from '../../catalog/depend.js';
import type { PgAttribute, PgClass, PgType } from '../../catalog/rows.js';
import { ArrayValue } from '../../types/datum.js';
import { CollationRelationId, NamespaceRelationId, RelationRelationId, TEXTOID, TypeRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { truncateIdentifier } from '../object-name.js';
import { newTypeRow } from '../type/type-row.js';

/** A column to be made. */
export interface NewColumn {
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  readonly collation: Oid;
  readonly dimensions: number;
  readonly notNull: boolean;
  /** pg_attribute.attidentity: '' none, 'a' always, 'd' by default. */
  readonly identity: string;
  /** pg_attribute.attgenerated: '' none, 's' stored, 'v' virtual. */
  readonly generated: string;
  readonly hasDefault: boolean;
  /** Defined here, not only inherited. */
  readonly isLocal: boolean;
  readonly inheritCount: number;
  /** pg_attribute.attstorage; the type's own when ''. */
  readonly storage: string;
  readonly compression: string;
}

/** A relation to be made. */
export interface NewRelation {
  readonly name: string;
  readonly namespace: Oid;
  /** pg_class.relkind */
  readonly kind: string;
  /** pg_class.relpersistence: p u t */
  readonly persistence: string;
  readonly owner: Oid;
  readonly columns: readonly NewColumn[];
  readonly accessMethod: Oid;
  readonly tablespace: Oid;
  readonly options: readonly string[];
  readonly ofType: Oid;
  readonly isPartition: boolean;
  readonly partitionBound: string | null;
}

/** A column with everything at its plainest. */
export function plainColumn(name: string, type: Oid, typmod: number, collation: Oid): NewColumn {
  return {
    name, type, typmod, collation, dimensions: 0, notNull: false, identity: '', generated: '', hasDefault: false,
    isLocal: true, inheritCount: 0, storage: '', compression: '',
  };
}

const PERSISTENCE: Record<string, Persistence> = { p: 'permanent', u: 'unlogged', t: 'temporary' };

/** System columns: name, type, attribute number, length, by value, alignment. */
const SYSTEM_COLUMNS: readonly (readonly [string, Oid, number, number, boolean, string])[] = [
  ['ctid', 27, -1, 6, false, 's'],
  ['xmin', 28, -2, 4, true, 'i'],
  ['cmin', 29, -3, 4, true, 'i'],
  ['xmax', 28, -4, 4, true, 'i'],
  ['cmax', 29, -5, 4, true, 'i'],
  ['tableoid', 26, -6, 4, true, 'i'],
];

/** Kinds with rows of their own. */
const KINDS_WITH_STORAGE = new Set(['r', 'm', 't', 'S', 'i']);
/** Kinds whose columns form a named row type. */
const KINDS_WITH_ROW_TYPE = new Set(['r', 'v', 'm', 'c', 'f', 'p']);
/** Kinds whose rows have system columns. */
const KINDS_WITH_SYSTEM_COLUMNS = new Set(['r', 'm', 'p', 'f', 't', 'S']);

/** PostgreSQL's MaxHeapAttributeNumber. */
const MAX_COLUMNS = 1600;

/**
 * Creates the relation and returns its OID; the caller makes indexes, constraints and defaults, and ends the command.
 * Throws 42P07 when the name is taken, 42701 for two columns of one name, 42710 when a type of that name is in the way.
 */
export function createRelation(cx: CommandContext, relation: NewRelation): Oid {
  const { catalog, transaction } = cx.session;
  checkColumns(relation);
  if (catalog.relationOid(relation.name, relation.namespace) !== 0) {
    throw pgError('DUPLICATE_TABLE', `relation "${relation.name}" already exists`);
  }
  const withRowType = KINDS_WITH_ROW_TYPE.has(relation.kind);
  if (withRowType) makeRoomForType(cx, relation.name, relation.namespace);
  const oid = catalog.newOid();
  const file = KINDS_WITH_STORAGE.has(relation.kind)
    ? cx.storage.createFile(transaction, storageKind(relation.kind), PERSISTENCE[relation.persistence])
    : 0;
  const rowType = withRowType ? createRowType(cx, relation, oid) : 0;
  catalog.table('pg_class').insert(classRow(relation, oid, rowType, file));
  insertAttributes(cx, relation, oid);
  recordRelationDependencies(cx, relation, oid);
  return oid;
}

function storageKind(relkind: string): 'heap' | 'index' | 'sequence' {
  if (relkind === 'i') return 'index';
  return relkind === 'S' ? 'sequence' : 'heap';
}

function checkColumns(relation: NewRelation): void {
  if (relation.columns.length > MAX_COLUMNS) {
    throw pgError('TOO_MANY_COLUMNS', `tables can have at most ${MAX_COLUMNS} columns`);
  }
  const names = new Set<string>();
  const hasSystemColumns = KINDS_WITH_SYSTEM_COLUMNS.has(relation.kind);
  for (const { name } of relation.columns) {
    if (hasSystemColumns && SYSTEM_COLUMNS.some(([system]) => system === name)) {
      throw pgError('DUPLICATE_COLUMN', `column name "${name}" conflicts with a system column name`);
    }
    if (names.has(name)) throw pgError('DUPLICATE_COLUMN', `column "${name}" specified more than once`);
    names.add(name);
  }
}

function classRow(relation: NewRelation, oid: Oid, rowType: Oid, file: number): PgClass {
  return {
    oid, relname: relation.name, relnamespace: relation.namespace, reltype: rowType, reloftype: relation.ofType,
    relowner: relation.owner, relam: relation.accessMethod, relfilenode: file, reltablespace: relation.tablespace,
    relpages: 0, reltuples: relation.kind === 'S' ? 1 : -1, relallvisible: 0, relallfrozen: 0, reltoastrelid: 0,
    relhasindex: false, relisshared: false, relpersistence: relation.persistence, relkind: relation.kind,
    relnatts: relation.columns.length, relchecks: 0, relhasrules: false, relhastriggers: false, relhassubclass: false,
    relrowsecurity: false, relforcerowsecurity: false, relispopulated: relation.kind !== 'm', relreplident: relation.kind === 'r' || relation.kind === 'p' || relation.kind === 'm' ? 'd' : 'n',
    relispartition: relation.isPartition, relrewrite: 0, relfrozenxid: 0, relminmxid: 0, relacl: null,
    reloptions: relation.options.length > 0 ? ArrayValue.of(TEXTOID, relation.options) : null,
    relpartbound: relation.partitionBound,
  };
}

/** The pg_attribute row of a column. */
export function attributeRow(cx: CommandContext, relation: Oid, number: number, column: NewColumn): PgAttribute {
  const type = cx.session.catalog.type(column.type);
  if (!type) throw pgError('UNDEFINED_OBJECT', `type with OID ${column.type} does not exist`);
  return {
    attrelid: relation, attname: column.name, atttypid: column.type, attlen: type.typlen, attnum: number,
    atttypmod: column.typmod, attndims: column.dimensions, attbyval: type.typbyval, attalign: type.typalign,
    attstorage: column.storage || type.typstorage, attcompression: column.compression, attnotnull: column.notNull,
    atthasdef: column.hasDefault, atthasmissing: false, attidentity: column.identity, attgenerated: column.generated,
    attisdropped: false, attislocal: column.isLocal, attinhcount: column.inheritCount, attcollation: column.collation,
    attstattarget: null, attacl: null, attoptions: null, attfdwoptions: null, attmissingval: null,
  };
}

function insertAttributes(cx: CommandContext, relation: NewRelation, oid: Oid): void {
  const attributes = cx.session.catalog.table('pg_attribute');
  relation.columns.forEach((column, index) => attributes.insert(attributeRow(cx, oid, index + 1, column)));
  if (!KINDS_WITH_SYSTEM_COLUMNS.has(relation.kind)) return;
  for (const [name, type, number, length, byValue, alignment] of SYSTEM_COLUMNS) {
    attributes.insert({
      ...attributeRow(cx, oid, number, { ...plainColumn(name, type, -1, 0), notNull: true, storage: 'p' }),
      attlen: length, attbyval: byValue, attalign: alignment,
    });
  }
}

function recordRelationDependencies(cx: CommandContext, relation: NewRelation, oid: Oid): void {
  const { catalog } = cx.session;
  const self = objectAddress(RelationRelationId, oid);
  // An index goes with its table.
  if (relation.kind !== 'i') recordDependencyOn(catalog, self, objectAddress(NamespaceRelationId, relation.namespace), 'n');
  recordDependencyOnOwner(catalog, self, relation.owner);
  if (relation.ofType !== 0) recordDependencyOn(catalog, self, objectAddress(TypeRelationId, relation.ofType), 'n');
  recordColumnDependencies(cx, oid, relation.columns);
}

/** Columns depend on their types and collations. */
export function recordColumnDependencies(cx: CommandContext, relation: Oid, columns: readonly NewColumn[], firstNumber = 1): void {
  const { catalog } = cx.session;
  columns.forEach((column, index) => {
    const self = objectAddress(RelationRelationId, relation, firstNumber + index);
    recordDependencyOn(catalog, self, objectAddress(TypeRelationId, column.type), 'n');
    if (column.collation !== 0 && column.collation !== DEFAULT_COLLATION) {
      recordDependencyOn(catalog, self, objectAddress(CollationRelationId, column.collation), 'n');
    }
  });
}
const DEFAULT_COLLATION = 100;

// ------------------------------------------------------------------ row and array types

/** Gives the row type of `relation` and its array type; returns the row type's OID. */
function createRowType(cx: CommandContext, relation: NewRelation, relationOid: Oid): Oid {
  const { catalog } = cx.session;
  const types = catalog.table('pg_type');
  const oid = catalog.newOid();
  const arrayOid = catalog.newOid();
  const row: PgType = newTypeRow({
    oid, name: relation.name, namespace: relation.namespace, owner: relation.owner, kind: 'c', category: 'C',
    relation: relationOid, array: arrayOid,
    input: 2290, output: 2291, receive: 2402, send: 2403, alignment: 'd', storage: 'x', length: -1,
  });
  types.insert(row);
  const array = newTypeRow({
    oid: arrayOid, name: arrayTypeName(cx, relation.name, relation.namespace), namespace: relation.namespace,
    owner: relation.owner, kind: 'b', category: 'A', element: oid,
    input: 750, output: 751, receive: 2400, send: 2401, subscript: 6179, analyze: 3816, alignment: 'd', storage: 'x', length: -1,
  });
  types.insert(array);
  const rowTypeAddress = objectAddress(TypeRelationId, oid);
  const relationAddress = objectAddress(RelationRelationId, relationOid);
  // A composite type made on its own owns its relation; a table owns its row type.
  if (relation.kind === 'c') recordDependencyOn(catalog, relationAddress, rowTypeAddress, 'i');
  else recordDependencyOn(catalog, rowTypeAddress, relationAddress, 'i');
  if (relation.kind === 'c') recordDependencyOnOwner(catalog, rowTypeAddress, relation.owner);
  recordDependencyOn(catalog, objectAddress(TypeRelationId, arrayOid), rowTypeAddress, 'i');
  return oid;
}

/** `_name`, with more underscores while that is taken (makeArrayTypeName). */
export function arrayTypeName(cx: CommandContext, name: string, namespace: Oid): string {
  let candidate = truncateIdentifier(`_${name}`);
  for (let pass = 1; cx.session.catalog.typeByName(candidate, namespace) !== null; pass++) {
    candidate = truncateIdentifier(`${'_'.repeat(pass + 1)}${name}`);
  }
  return candidate;
}

/**
 * Makes sure that a type can be called `name`: an array type made by the system under that name moves away; any other
 * type in the way is 42710.
 */
export function makeRoomForType(cx: CommandContext, name: string, namespace: Oid): void {
  const { catalog } = cx.session;
  const taken = catalog.typeByName(name, namespace);
  if (!taken) return;
  const element = taken.typelem !== 0 && taken.typcategory === 'A' ? catalog.type(taken.typelem) : null;
  if (!element || element.typarray !== taken.oid) {
    throw pgError('DUPLICATE_OBJECT', `type "${name}" already exists`, {
      hint: 'A relation has an associated type of the same name, so you must use a name that doesn\'t conflict with any existing type.',
    });
  }
  catalog.table('pg_type').update(taken, { typname: arrayTypeName(cx, element.typname, namespace) });
  catalog.commandCounterIncrement();
}
