/**
 * `CatalogTable`: one catalog as commands use it, row objects in and out.
 */
import type { Transaction, WriteResult } from '../access/api.js';
import { pgError } from '../base/error.js';
import type { Datum, Row } from '../types/datum.js';
import type { CatalogTable } from './api.js';
import { CatalogConflict, type AfterCommit } from './conflict.js';
import { lookupKey } from './lookup.js';
import { toRow } from './shapes.js';
import type { CatalogView } from './space.js';
import { rowIdOf, type CatalogStore } from './store.js';

/** Whose access it is. */
export interface TableAccess {
  readonly transaction: Transaction;
  readonly view: CatalogView;
}

/** Row-wise access to one catalog for one session. */
export class StoreTable<T extends object> implements CatalogTable<T> {
  constructor(private readonly store: CatalogStore, private readonly access: () => TableAccess) {}

  get oid(): number {
    return this.store.definition.oid;
  }

  insert(row: T): void {
    this.store.insert(this.access().transaction, this.toRow(row));
  }

  update(old: T, changes: Partial<T>): T {
    return this.write(old, changes, 'fail');
  }

  updateInPlace(old: T, changes: Partial<T>): T {
    return this.write(old, changes, 'again');
  }

  private write(old: T, changes: Partial<T>, afterCommit: AfterCommit): T {
    const { transaction } = this.access();
    const snapshot = transaction.catalogSnapshot();
    const rowId = this.locate(old);
    const current = this.store.fetch(rowId, snapshot);
    if (current === null) throw concurrently('updated');
    const values = current.slice();
    for (const [name, value] of Object.entries(changes)) values[this.position(name)] = value as Datum;
    const { result, rowId: newId } = this.store.replace(transaction, rowId, values, snapshot);
    check(result, 'updated', afterCommit);
    return this.store.describe(newId, values) as T;
  }

  delete(row: T): void {
    const { transaction } = this.access();
    check(this.store.delete(transaction, this.locate(row), transaction.catalogSnapshot()), 'deleted', 'again');
  }

  find(where: Partial<T>): T[] {
    const { view } = this.access();
    const entries = Object.entries(where).map(([name, value]) => [this.position(name), value as Datum] as const);
    const found = this.candidates(new Map(entries), view);
    return found.filter((object) => {
      const row = object as Record<string, Datum>;
      return entries.every(([position, value]) => sameValue(row[this.store.definition.columnNames[position]], value));
    }) as T[];
  }

  findOne(where: Partial<T>): T | null {
    return this.find(where)[0] ?? null;
  }

  *all(): IterableIterator<T> {
    for (const object of this.store.objects(this.access().view.snapshot())) yield object as T;
  }

  toRow(row: T): Row {
    return toRow(this.store.definition, row);
  }

  fromRow(row: Row): T {
    return this.store.definition.fromRow(row) as T;
  }

  private position(name: string): number {
    const position = this.store.definition.positions.get(name);
    if (position === undefined) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${this.store.definition.name}" does not exist`);
    return position;
  }

  /** Rows by the index that the conditions lead into furthest; all rows when there is none. */
  private candidates(where: ReadonlyMap<number, Datum>, view: CatalogView): readonly object[] {
    let best = -1;
    let length = 0;
    this.store.definition.indexes.forEach(([, , , columns], number) => {
      let covered = 0;
      while (covered < columns.length && isKey(where.get(columns[covered] - 1))) covered++;
      if (covered > length) {
        best = number;
        length = covered;
      }
    });
    if (best < 0) return [...this.store.objects(view.snapshot())];
    const lookup = this.store.lookup(best, length);
    return view.get(lookup, lookupKey(lookup.positions.map((position) => where.get(position)!)));
  }

  /** The row id of an object: as handed out while that version lives, else by the catalog's first unique index. */
  private locate(row: T): number {
    const { transaction, view } = this.access();
    const known = rowIdOf(row);
    if (known !== undefined && this.store.fetch(known, transaction.catalogSnapshot()) !== null) return known;
    const unique = this.store.definition.indexes.findIndex((index) => index[2]);
    if (unique < 0) throw concurrently('updated');
    const lookup = this.store.lookup(unique, this.store.definition.indexes[unique][3].length);
    const [current] = view.get(lookup, lookup.keyOf(this.toRow(row)));
    const rowId = current && rowIdOf(current);
    if (rowId === undefined) throw concurrently('updated');
    return rowId;
  }
}

function isKey(value: Datum | undefined): boolean {
  return value !== undefined && value !== null;
}

function sameValue(a: Datum, b: Datum): boolean {
  if (a === b) return true;
  return a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && lookupKey([a]) === lookupKey([b]);
}

function concurrently(what: 'updated' | 'deleted'): Error {
  return pgError('INTERNAL_ERROR', `tuple concurrently ${what}`);
}

/** Raises what PostgreSQL's simple_heap_update and simple_heap_delete raise. */
function check(result: WriteResult, what: 'updated' | 'deleted', afterCommit: AfterCommit): void {
  switch (result.kind) {
    case 'ok': return;
    case 'wait': throw new CatalogConflict(result.transaction, afterCommit, 'INTERNAL_ERROR', `tuple concurrently ${what}`);
    case 'selfModified': throw pgError('INTERNAL_ERROR', 'tuple already updated by self');
    default: throw concurrently(what);
  }
}
