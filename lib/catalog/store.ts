/**
 * One catalog of one database (or a shared one): the built-in rows, which are constant data, and the stored rows behind
 * them. To everybody else it is a `Heap`; it keeps its own indexes, its uniqueness, and the caches right at every write,
 * whoever writes.
 *
 * Row ids: built-in rows have 1..n, stored rows their own id + STORED_OFFSET. A built-in row that is changed becomes a
 * stored row with a new id (see `overrides.ts`).
 */
import type { ChunkView, ColumnVector, Heap, HeapShape, Index, RowId, RowLockStrength, Snapshot, Transaction, UniqueProbe, WriteResult } from '../access/api.js';
import { CHUNK_ROWS } from '../access/api.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { makeKeyEncoder } from '../codec/key-encoder.js';
import type { Datum, Row } from '../types/datum.js';
import { builtinTable, type BuiltinTable } from './builtin.js';
import { CatalogIndex, sortedBuiltins } from './catalog-index.js';
import { builtinChunks } from './builtin-chunks.js';
import { CatalogConflict } from './conflict.js';
import type { LookupKey } from './lookup.js';
import { RowLookup } from './lookup.js';
import { scanRows } from './overrides.js';
import { catalogKeyKind, type CatalogDefinition } from './shapes.js';
import type { CatalogSpace } from './space.js';

/** Stored rows' ids begin here; a multiple of the chunk size, above every catalog's number of built-in rows. */
export const STORED_OFFSET = 64 * CHUNK_ROWS;

interface StoredIndex {
  readonly name: string;
  readonly unique: boolean;
  readonly columns: readonly number[];
  readonly index: Index;
  keyOf(row: Row): string;
}

/** Row ids of the typed rows handed out: what an update or delete of that object addresses. */
const rowIds = new WeakMap<object, RowId>();

/** The row id of a typed row that came from a store; undefined for copies. */
export function rowIdOf(object: object): RowId | undefined {
  return rowIds.get(object);
}

/** A catalog's rows in one space. */
export class CatalogStore implements Heap {
  readonly file: number;
  readonly shape: HeapShape;
  private readonly builtin: BuiltinTable;
  private readonly heap: Heap;
  private readonly indexes: readonly StoredIndex[];
  private readonly lookups = new Map<number, RowLookup<object>>();

  constructor(readonly definition: CatalogDefinition, readonly space: CatalogSpace) {
    const [heapFile, ...indexFiles] = space.files(definition.oid);
    this.file = heapFile;
    this.shape = { attributeCount: definition.columnNames.length, missing: [] };
    this.builtin = builtinTable(definition);
    this.heap = space.storage.openHeap(heapFile, this.shape);
    this.indexes = definition.indexes.map(([name, , unique, columns], number) => {
      const encode = makeKeyEncoder(columns.map((attnum) => (
        { kind: catalogKeyKind(definition.shape.columns[attnum - 1][1]), descending: false, nullsFirst: false })));
      return { name, unique, columns, index: space.storage.openIndex(indexFiles[number]), keyOf: (row) => encode(columns.map((attnum) => row[attnum - 1])) };
    });
  }

  // look-ups

  /** The cached look-up by the first columns of an index. */
  lookup(indexNumber: number, prefixLength: number): RowLookup<object> {
    const id = indexNumber * 16 + prefixLength;
    let lookup = this.lookups.get(id);
    if (!lookup) this.lookups.set(id, lookup = new RowLookup<object>(this, indexNumber, prefixLength));
    return lookup;
  }

  /** Every look-up in use. */
  allLookups(): IterableIterator<RowLookup<object>> {
    return this.lookups.values();
  }

  /** Built-in positions whose columns have a key; `first`: the value of the first of them. */
  builtinPositions(columns: readonly number[], keyOf: (row: Row) => LookupKey, key: LookupKey, first: Datum): readonly number[] {
    return this.builtin.positionsOf(columns, keyOf, key, first);
  }

  builtinHidden(position: number, snapshot: Snapshot): boolean {
    return this.space.overrides.hidden(this.definition.oid, position, snapshot);
  }

  builtinObject(position: number): object {
    const object = this.builtin.object(position);
    if (!rowIds.has(object)) rowIds.set(Object.freeze(object), position + 1);
    return object;
  }

  storedLookup(indexNumber: number, key: string, prefix: boolean): readonly RowId[] {
    return this.indexes[indexNumber].index.lookup(key, prefix);
  }

  storedFetch(rowId: RowId, snapshot: Snapshot): Row | null {
    return this.heap.fetch(rowId, snapshot);
  }

  storedObject(rowId: RowId, row: Row): object {
    const object = Object.freeze(this.definition.fromRow(row));
    rowIds.set(object, rowId + STORED_OFFSET);
    return object;
  }

  /** The typed row of values just written under a row id. */
  describe(rowId: RowId, row: Row): object {
    return this.storedObject(rowId - STORED_OFFSET, row);
  }

  /** Typed rows that the snapshot sees, in physical order. */
  *objects(snapshot: Snapshot): IterableIterator<object> {
    for (let position = 0; position < this.builtin.count; position++) {
      if (!this.builtinHidden(position, snapshot)) yield this.builtinObject(position);
    }
    for (const [rowId, row] of scanRows(this.heap, snapshot)) yield this.storedObject(rowId, row);
  }

  /** Stored rows that the snapshot sees. */
  storedRows(snapshot: Snapshot): IterableIterator<readonly [RowId, Row]> {
    return scanRows(this.heap, snapshot);
  }

  /** A row's keys in this catalog's indexes. */
  storedKeys(row: Row): string[] {
    return this.indexes.map((index) => index.keyOf(row));
  }

  /** One of PostgreSQL's indexes by its OID, for scans; null when it is none of this catalog's. */
  openIndex(indexOid: number): Index | null {
    const number = this.definition.indexes.findIndex(([, oid]) => oid === indexOid);
    if (number < 0) return null;
    const { index, keyOf } = this.indexes[number];
    return new CatalogIndex(sortedBuiltins(this.builtin, number, keyOf), index, STORED_OFFSET);
  }

  // Heap

  /** Rows of catalogs come one by one. */
  readonly rowsToChunk = 0;

  insertColumns(): RowId {
    return 0;
  }

  insert(transaction: Transaction, values: Row): RowId {
    for (const index of this.indexes) if (index.unique) this.checkUnique(transaction, index, values, 0);
    const rowId = this.heap.insert(transaction, values);
    for (const { index, keyOf } of this.indexes) index.insert(transaction, keyOf(values), rowId);
    this.space.noteChange(transaction, this, null, values);
    return rowId + STORED_OFFSET;
  }

  update(transaction: Transaction, rowId: RowId, values: Row, snapshot: Snapshot): WriteResult {
    return this.replace(transaction, rowId, values, snapshot).result;
  }

  /** `update`, telling the row's id afterwards. */
  replace(transaction: Transaction, rowId: RowId, values: Row, snapshot: Snapshot): { result: WriteResult; rowId: RowId } {
    const before = this.fetch(rowId, snapshot);
    if (rowId <= this.builtin.count) {
      const result = this.space.overrides.hide(transaction, this.definition.oid, rowId - 1, snapshot);
      if (result.kind !== 'ok') return { result, rowId };
      const stored = this.insert(transaction, values);
      this.space.noteChange(transaction, this, before, null);
      return { result, rowId: stored };
    }
    const storedId = rowId - STORED_OFFSET;
    const moved = before === null ? [] : this.indexes.filter((index) => index.keyOf(before) !== index.keyOf(values));
    for (const index of moved) if (index.unique) this.checkUnique(transaction, index, values, storedId);
    const result = this.heap.update(transaction, storedId, values, snapshot, moved.some((index) => index.unique));
    if (result.kind === 'ok') {
      for (const { index, keyOf } of moved) {
        if (before !== null) index.remove(transaction, keyOf(before), storedId);
        index.insert(transaction, keyOf(values), storedId);
      }
      this.space.noteChange(transaction, this, before, values);
    }
    return { result, rowId };
  }

  delete(transaction: Transaction, rowId: RowId, snapshot: Snapshot): WriteResult {
    const before = this.fetch(rowId, snapshot);
    let result: WriteResult;
    if (rowId <= this.builtin.count) result = this.space.overrides.hide(transaction, this.definition.oid, rowId - 1, snapshot);
    else {
      const storedId = rowId - STORED_OFFSET;
      result = this.heap.delete(transaction, storedId, snapshot);
      if (result.kind === 'ok' && before !== null) {
        for (const { index, keyOf } of this.indexes) index.remove(transaction, keyOf(before), storedId);
      }
    }
    if (result.kind === 'ok') this.space.noteChange(transaction, this, before, null);
    return result;
  }

  /** Locks a row; a built-in one becomes a stored one first, so that the lock has a place. */
  lock(transaction: Transaction, rowId: RowId, strength: RowLockStrength, snapshot: Snapshot): WriteResult {
    if (rowId > this.builtin.count) return this.heap.lock(transaction, rowId - STORED_OFFSET, strength, snapshot);
    return this.replace(transaction, rowId, this.builtin.row(rowId - 1).slice(), snapshot).result;
  }

  fetch(rowId: RowId, snapshot: Snapshot): Row | null {
    if (rowId > STORED_OFFSET) return this.heap.fetch(rowId - STORED_OFFSET, snapshot);
    if (rowId > this.builtin.count || this.builtinHidden(rowId - 1, snapshot)) return null;
    return this.builtin.row(rowId - 1);
  }

  fetchMany(rowIds: readonly RowId[], count: number, snapshot: Snapshot, rows: (Row | null)[]): void {
    for (let at = 0; at < count; at++) rows[at] = this.fetch(rowIds[at], snapshot);
  }

  fetchStored(): null {
    return null;
  }

  fetchNewest(rowId: RowId): Row | null {
    return rowId > STORED_OFFSET ? this.heap.fetchNewest(rowId - STORED_OFFSET) : this.builtin.row(rowId - 1);
  }

  *scan(snapshot: Snapshot): IterableIterator<ChunkView> {
    yield* this.scanBuiltin(snapshot, 1, this.builtin.count);
    for (const view of this.heap.scan(snapshot)) yield shifted(view);
  }

  *scanRange(snapshot: Snapshot, from: RowId, to: RowId): IterableIterator<ChunkView> {
    yield* this.scanBuiltin(snapshot, from, to);
    if (to <= STORED_OFFSET) return;
    for (const view of this.heap.scanRange(snapshot, Math.max(1, from - STORED_OFFSET), to - STORED_OFFSET)) yield shifted(view);
  }

  private *scanBuiltin(snapshot: Snapshot, from: RowId, to: RowId): IterableIterator<ChunkView> {
    if (this.builtin.count === 0) return;
    const someHidden = this.space.overrides.any(this.definition.oid);
    for (const chunk of builtinChunks(this.builtin)) {
      if (chunk.firstRowId > to || chunk.firstRowId + chunk.positions <= from) continue;
      yield chunk.view(someHidden ? (position) => this.builtinHidden(position, snapshot) : null);
    }
  }

  estimateRows(): number {
    return this.builtin.count + this.heap.estimateRows();
  }

  estimateBytes(): number {
    return this.heap.estimateBytes();
  }

  // uniqueness

  /** Raises 23505 when a live row has the key; as a `CatalogConflict` when that depends on another transaction. */
  private checkUnique(transaction: Transaction, index: StoredIndex, values: Row, selfId: RowId): void {
    if (index.columns.some((attnum) => values[attnum - 1] === null)) return;
    const builtin = this.probeBuiltin(transaction, index, values);
    if (builtin.kind !== 'free') throw this.duplicate(index, values, builtin.kind === 'wait' ? builtin.transaction : null);
    const probe = this.space.storage.probeUnique(transaction, this.heap, index.index, index.keyOf(values), selfId, (row) => index.keyOf(row));
    if (probe.kind !== 'free') throw this.duplicate(index, values, probe.kind === 'wait' ? probe.transaction : null);
  }

  private probeBuiltin(transaction: Transaction, index: StoredIndex, values: Row): UniqueProbe {
    if (this.builtin.count === 0) return { kind: 'free' };
    const number = this.indexes.indexOf(index);
    const lookup = this.lookup(number, index.columns.length);
    for (const position of lookup.builtinMatches(lookup.keyOf(values))) {
      const hiding = this.space.overrides.hidingNow(this.definition.oid, position, transaction);
      if (hiding === 'shown') return { kind: 'conflict', rowId: position + 1 };
      if (hiding !== 'hidden') return { kind: 'wait', transaction: hiding };
    }
    return { kind: 'free' };
  }

  private duplicate(index: StoredIndex, values: Row, holder: Transaction | null): Error {
    const names = index.columns.map((attnum) => this.definition.columnNames[attnum - 1]).join(', ');
    const shown = index.columns.map((attnum) => displayKey(values[attnum - 1])).join(', ');
    const message = `duplicate key value violates unique constraint "${index.name}"`;
    const fields = {
      detail: `Key (${names})=(${shown}) already exists.`, schema: this.definition.shape.schema, table: this.definition.name, constraint: index.name,
    };
    return holder === null ? pgError('UNIQUE_VIOLATION', message, fields) : new CatalogConflict(holder, 'fail', 'UNIQUE_VIOLATION', message, fields);
  }
}

function displayKey(value: Datum): string {
  if (typeof value === 'object' && value !== null && 'elements' in value) return (value as { elements: readonly Datum[] }).elements.join(' ');
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return String(value);
}

/** A stored chunk's view under the store's row ids. */
function shifted(view: ChunkView): ChunkView {
  return {
    firstRowId: view.firstRowId + STORED_OFFSET,
    positions: view.positions,
    selection: view.selection,
    selected: view.selected,
    column: (index: number): ColumnVector => view.column(index),
    range: (index: number) => view.range(index),
    changedRowIds: view.changedRowIds.map((rowId) => rowId + STORED_OFFSET),
    changedRows: view.changedRows,
  };
}

/** The look-up of a store by the leading columns of one of its indexes. */
export function rowLookup<T extends object>(store: CatalogStore, columns: readonly string[]): RowLookup<T> {
  const attnums = columns.map((name) => store.definition.positions.get(name)! + 1);
  const matches = (index: (typeof store.definition.indexes)[number]): boolean => attnums.every((attnum, at) => index[3][at] === attnum);
  const indexes = store.definition.indexes;
  let number = indexes.findIndex((index) => index[3].length === attnums.length && matches(index));
  if (number < 0) number = indexes.findIndex(matches);
  assert(number >= 0, `no index of ${store.definition.name} begins with ${columns.join(', ')}`);
  return store.lookup(number, columns.length) as RowLookup<object> as RowLookup<T>;
}
