/**
 * Makes an index: its relation, its pg_index row, its dependencies, its entries. CREATE INDEX, PRIMARY KEY, UNIQUE and
 * ALTER TABLE all come through `createIndex`.
 *
 * Writers that do not know of an index do not maintain it: the plain form waits for the table's writers and keeps new ones out
 * until it commits (readers go on). What CONCURRENTLY does after `createIndex` is told in `concurrent-phases.ts`.
 *
 * Idea: PostgreSQL's index_create (catalog/index.c) and DefineIndex (commands/indexcmds.c).
 */
import type { DuplicateKey } from '../../access/api.js';
import { serialize } from '../../analyzer/serialize.js';
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { IndexDescriptor, Oid, Relation } from '../../catalog/api.js';
import { objectAddress } from '../../catalog/address.js';
import { recordDependencyOn } from '../../catalog/depend.js';
import type { ExecutionState } from '../../executor/context.js';
import { NO_ROW } from '../../executor/expression/compile.js';
import { indexKeys, type IndexKeys } from '../../executor/relation-access.js';
import { ArrayValue, type Datum, type Row } from '../../types/datum.js';
import { INT2OID, OIDOID, OperatorClassRelationId, RelationRelationId } from '../../types/oids.js';
import type { CommandContext } from '../api.js';
import { recordExpressionDependencies } from '../expressions.js';
import { createRelation, plainColumn } from '../relation/create-relation.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';
import type { IndexColumn, IndexMethod } from './index-columns.js';

/** An index to be made. */
export interface NewIndex {
  readonly name: string;
  readonly relation: Relation;
  readonly method: IndexMethod;
  readonly columns: readonly IndexColumn[];
  readonly keyCount: number;
  readonly unique: boolean;
  readonly primary: boolean;
  readonly nullsNotDistinct: boolean;
  readonly exclusion: boolean;
  /** False for DEFERRABLE constraints. */
  readonly immediate: boolean;
  readonly predicate: Expr | null;
  readonly options: readonly string[];
  readonly tablespace: Oid;
  /** A constraint will own the index; it then carries the dependencies. */
  readonly forConstraint: boolean;
  /** Left empty and not valid. */
  readonly concurrent?: boolean;
}

/** Creates and fills the index; returns its OID. @throws 23505 when a unique index finds duplicates, 42P07 */
export function* createIndex(cx: CommandContext, index: NewIndex): Suspendable<Oid> {
  const { catalog } = cx.session;
  const { relation } = index;
  const oid = createRelation(cx, {
    name: index.name, namespace: relation.namespace, kind: 'i', persistence: relation.persistence, owner: relation.row.relowner,
    columns: index.columns.map((column) => plainColumn(column.name, keyType(cx, column), column.typmod, column.collation)),
    accessMethod: index.method.oid, tablespace: index.tablespace, options: index.options, ofType: 0, isPartition: false, partitionBound: null,
  });
  insertIndexRow(cx, index, oid);
  recordIndexDependencies(cx, index, oid);
  if (!relation.row.relhasindex) {
    const row = catalog.table('pg_class').findOne({ oid: relation.oid });
    if (row) catalog.table('pg_class').updateInPlace(row, { relhasindex: true });
  }
  catalog.commandCounterIncrement();
  const fresh = catalog.relation(relation.oid);
  const descriptor = fresh?.indexes.find((candidate) => candidate.oid === oid);
  if (index.concurrent) return oid;
  if (!fresh || !descriptor) throw pgError('INTERNAL_ERROR', `index ${oid} is not among the indexes of "${relation.name}"`);
  yield* fillIndex(cx, fresh, descriptor);
  return oid;
}

/** The index's own column has the key type of its operator class where that differs (arrays' elements, names' cstrings). */
function keyType(cx: CommandContext, column: IndexColumn): Oid {
  if (column.opclass === 0) return column.type;
  const opclass = cx.session.catalog.opclass(column.opclass);
  return opclass && opclass.opckeytype !== 0 && opclass.opckeytype !== opclass.opcintype && opclass.opckeytype !== CSTRING ? opclass.opckeytype : column.type;
}
const CSTRING = 2275;

function insertIndexRow(cx: CommandContext, index: NewIndex, oid: Oid): void {
  const expressions = index.columns.filter((column) => column.expression !== null).map((column) => column.expression!);
  const keys = index.columns.slice(0, index.keyCount);
  cx.session.catalog.table('pg_index').insert({
    indexrelid: oid, indrelid: index.relation.oid, indnatts: index.columns.length, indnkeyatts: index.keyCount,
    indisunique: index.unique, indnullsnotdistinct: index.nullsNotDistinct, indisprimary: index.primary,
    indisexclusion: index.exclusion, indimmediate: index.immediate, indisclustered: false, indisvalid: !index.concurrent,
    indcheckxmin: false, indisready: true, indislive: true, indisreplident: false,
    indkey: vector(INT2OID, index.columns.map((column) => column.attnum)),
    indcollation: vector(OIDOID, keys.map((column) => column.collation)),
    indclass: vector(OIDOID, keys.map((column) => column.opclass)),
    indoption: vector(INT2OID, keys.map((column) => column.option)),
    indexprs: expressions.length > 0 ? serialize(expressions) : null,
    indpred: index.predicate ? serialize(index.predicate) : null,
  });
}

/** int2vector and oidvector count from zero. */
function vector(elementType: Oid, values: readonly number[]): ArrayValue {
  return new ArrayValue(elementType, [values.length], [0], values);
}

function recordIndexDependencies(cx: CommandContext, index: NewIndex, oid: Oid): void {
  const { catalog } = cx.session;
  const self = objectAddress(RelationRelationId, oid);
  if (!index.forConstraint) {
    const columns = [...new Set(index.columns.map((column) => column.attnum).filter((attnum) => attnum > 0))];
    for (const attnum of columns) recordDependencyOn(catalog, self, objectAddress(RelationRelationId, index.relation.oid, attnum), 'a');
    if (columns.length === 0 && !index.columns.some((column) => column.expression) && !index.predicate) {
      recordDependencyOn(catalog, self, objectAddress(RelationRelationId, index.relation.oid), 'a');
    }
  }
  for (const column of index.columns) {
    if (column.opclass >= 16384) recordDependencyOn(catalog, self, objectAddress(OperatorClassRelationId, column.opclass), 'n');
    if (column.expression) recordExpressionDependencies(catalog, self, column.expression, index.relation.oid, 'a');
  }
  if (index.predicate) recordExpressionDependencies(catalog, self, index.predicate, index.relation.oid, 'a');
}

/** The key under which rows stand in an index; null for those that a partial index leaves out. */
export function entryKey(keys: IndexKeys, state: ExecutionState): (row: Row) => string | null {
  return (row) => (keys.predicate && !keys.predicate.evaluateAtOnce(state, row, NO_ROW, NO_ROW) ? null : keys.key(state, row));
}

/** Fills an empty index from its table. @throws 23505 with the duplicate key as PostgreSQL shows it */
export function* fillIndex(cx: CommandContext, relation: Relation, descriptor: IndexDescriptor): Suspendable<void> {
  const { transaction } = cx.session;
  const keys = indexKeys(cx.session.catalog, relation, descriptor);
  const state = cx.executionState();
  const keyOf = entryKey(keys, state);
  const { settings, temporary } = state.context;
  const build = descriptor.open().build(transaction, { memoryBytes: settings.maintenanceWorkMemBytes, scratch: temporary === null ? null : temporary.space });
  try {
    yield* forEachVisibleRow(cx, relation, (rowId, read) => {
      const key = keyOf(read());
      if (key !== null) build.add(key, rowId);
    });
    yield* build.finish(descriptor.unique ? duplicateCheck(cx, relation, descriptor) : null);
  } finally {
    build.close();
  }
  yield* addForOthers(cx, relation, descriptor, keyOf);
}

/**
 * Adds what snapshots older than the index see: whoever reads by one may come to this table later, and finds by the index what was
 * deleted or changed before it was made. The entries are those of rows that have lost the key.
 */
function* addForOthers(cx: CommandContext, relation: Relation, descriptor: IndexDescriptor, keyOf: (row: Row) => string | null): Suspendable<void> {
  const { transaction } = cx.session;
  const heap = relation.openHeap();
  const index = descriptor.open();
  const current = transaction.catalogSnapshot();
  const pinned = cx.storage.snapshotsOfOthers(transaction).map((snapshot) => ({ snapshot, unpin: transaction.pinSnapshot(snapshot) }));
  try {
    for (const { snapshot } of pinned) {
      yield* forEachVisibleRow(cx, relation, (rowId, read) => {
        const key = keyOf(read());
        if (key === null) return;
        const row = heap.fetch(rowId, current);
        if (row === null || keyOf(row) !== key) index.remove(transaction, key, rowId);
      }, snapshot);
    }
  } finally {
    for (const { unpin } of pinned) unpin();
  }
}

/** Rows with equal keys are duplicates unless a NULL makes them distinct. */
function duplicateCheck(cx: CommandContext, relation: Relation, descriptor: IndexDescriptor): DuplicateKey {
  const keys = indexKeys(cx.session.catalog, relation, descriptor);
  const state = cx.executionState();
  const heap = relation.openHeap();
  return (_first, second) => {
    const row = heap.fetchNewest(second);
    if (row === null) throw pgError('INTERNAL_ERROR', `row ${second} of "${relation.name}" vanished under its lock`);
    const values = keys.values(state, row);
    if (descriptor.nullsNotDistinct || !values.includes(null)) throw duplicateKey(cx, relation, descriptor, values);
  };
}

/** 23505 of rows that keep a unique index from being made. */
export function duplicateKey(cx: CommandContext, relation: Relation, descriptor: IndexDescriptor, values: readonly Datum[]): Error {
  const names = descriptor.attributes.slice(0, descriptor.keyCount).map((attnum) => (attnum > 0 ? relation.attributes[attnum - 1].attname : 'expr'));
  const texts = values.map((value, at) => (value === null ? 'null' : cx.services.types.output(keyOutputType(relation, descriptor, at), value)));
  return pgError('UNIQUE_VIOLATION', `could not create unique index "${descriptor.name}"`, {
    detail: `Key (${names.join(', ')})=(${texts.join(', ')}) is duplicated.`,
    schema: relation.namespaceName, table: relation.name, constraint: descriptor.name,
  });
}

function keyOutputType(relation: Relation, descriptor: IndexDescriptor, at: number): Oid {
  const attnum = descriptor.attributes[at];
  return attnum > 0 ? relation.attributes[attnum - 1].atttypid : descriptor.keyTypes[at];
}
