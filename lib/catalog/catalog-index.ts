/**
 * An index of a catalog for index scans: the built-in rows' keys (sorted once per process) and the stored index, merged.
 * The catalog's heap (`CatalogStore`) keeps the stored part itself at every write, so that adding and removing
 * entries through this object does nothing.
 */
import type { Index, IndexCursor, IndexKey, KeyBound, RowId } from '../access/api.js';
import { notSupported } from '../base/error.js';
import type { Row } from '../types/datum.js';
import type { BuiltinTable } from './builtin.js';

/** Built-in entries in key order. */
export interface SortedEntries {
  readonly keys: readonly IndexKey[];
  readonly rowIds: readonly RowId[];
}

const sorted = new WeakMap<BuiltinTable, Map<number, SortedEntries>>();

/** The built-in entries of one index, made at first use. */
export function sortedBuiltins(table: BuiltinTable, indexNumber: number, keyOf: (row: Row) => IndexKey): SortedEntries {
  let indexes = sorted.get(table);
  if (!indexes) sorted.set(table, indexes = new Map());
  let entries = indexes.get(indexNumber);
  if (!entries) {
    const pairs: [IndexKey, RowId][] = [];
    for (let position = 0; position < table.count; position++) pairs.push([keyOf(table.row(position)), position + 1]);
    pairs.sort(([a, idA], [b, idB]) => (a < b ? -1 : a > b ? 1 : idA - idB));
    indexes.set(indexNumber, entries = { keys: pairs.map(([key]) => key), rowIds: pairs.map(([, rowId]) => rowId) });
  }
  return entries;
}

/** First position whose key is not below `key`. */
function lowerBound(keys: readonly IndexKey[], key: IndexKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First position behind every key that starts with `prefix`. */
function prefixEnd(keys: readonly IndexKey[], prefix: IndexKey): number {
  let at = lowerBound(keys, prefix);
  while (at < keys.length && keys[at].startsWith(prefix)) at++;
  return at;
}

/** The merged index; row ids as of `CatalogStore`. */
export class CatalogIndex implements Index {
  constructor(private readonly builtin: SortedEntries, private readonly stored: Index, private readonly offset: number) {}

  get file(): number {
    return this.stored.file;
  }

  /** Nothing: the catalog's heap has added the entry already. */
  insert(): void {
    // see CatalogStore.insert
  }

  prepare(): null {
    return null;
  }

  /** Nothing: the catalog's heap has removed the entry already. */
  remove(): void {
    // see CatalogStore.replace and CatalogStore.delete
  }

  build(): never {
    throw notSupported('REINDEX of a system catalog');
  }

  complete(): never {
    throw notSupported('REINDEX of a system catalog');
  }

  lookup(key: IndexKey, prefix: boolean): readonly RowId[] {
    const found: RowId[] = [];
    const { keys, rowIds } = this.builtin;
    for (let at = lowerBound(keys, key); at < keys.length && (prefix ? keys[at].startsWith(key) : keys[at] === key); at++) found.push(rowIds[at]);
    for (const rowId of this.stored.lookup(key, prefix)) found.push(rowId + this.offset);
    return found;
  }

  range(lower: KeyBound | null, upper: KeyBound | null, descending: boolean): IndexCursor {
    const { keys, rowIds } = this.builtin;
    const from = lower === null ? 0 : lower.inclusive ? lowerBound(keys, lower.key) : prefixEnd(keys, lower.key);
    const to = upper === null ? keys.length : upper.inclusive ? prefixEnd(keys, upper.key) : lowerBound(keys, upper.key);
    const builtin = descending ? { keys: keys.slice(from, to).reverse(), rowIds: rowIds.slice(from, to).reverse() } : { keys: keys.slice(from, to), rowIds: rowIds.slice(from, to) };
    return new MergedCursor(builtin, this.stored.range(lower, upper, descending), descending, this.offset);
  }

  estimateEntries(): number {
    return this.builtin.keys.length + this.stored.estimateEntries();
  }

  estimateBytes(): number {
    return this.stored.estimateBytes();
  }
}

/** Takes the nearer of the next built-in and the next stored entry. */
class MergedCursor implements IndexCursor {
  key: IndexKey = '';
  rowId: RowId = 0;
  recheck = false;
  private at = 0;
  private hasStored: boolean;

  constructor(private readonly builtin: SortedEntries, private readonly stored: IndexCursor, private readonly descending: boolean, private readonly offset: number) {
    this.hasStored = stored.next();
  }

  next(): boolean {
    const { keys } = this.builtin;
    if (this.at < keys.length && (!this.hasStored || this.builtinFirst(keys[this.at]))) {
      this.key = keys[this.at];
      this.rowId = this.builtin.rowIds[this.at++];
      this.recheck = false;
      return true;
    }
    if (!this.hasStored) return false;
    this.key = this.stored.key;
    this.rowId = this.stored.rowId + this.offset;
    this.recheck = this.stored.recheck;
    this.hasStored = this.stored.next();
    return true;
  }

  nextPlain(): number {
    return 0;
  }

  private builtinFirst(key: IndexKey): boolean {
    return this.descending ? key >= this.stored.key : key <= this.stored.key;
  }
}
