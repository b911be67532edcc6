/**
 * Look-ups and their caches. A look-up maps a key to what the catalogs say about it: the rows of one catalog with given
 * column values (`RowLookup`), or something composed of several catalogs (the relation cache). One shared cache holds
 * what is committed; a commit removes exactly the keys of the rows that it changed. A transaction that itself changed
 * catalogs reads the keys of its own changed rows through a private cache (`view.ts`), all others through the shared one.
 *
 * Idea: PostgreSQL's catcache and relcache, with the invalidation messages reduced to key sets, since one process sees all.
 */
import { makeKeyEncoder } from '../codec/key-encoder.js';
import type { Snapshot } from '../access/api.js';
import { ArrayValue, type Datum, type Row } from '../types/datum.js';
import { FirstNormalObjectId, OIDOID } from '../types/oids.js';
import { catalogKeyKind } from './shapes.js';
import type { CatalogView, ChangedRow } from './space.js';
import type { CatalogStore } from './store.js';

/** A single column's value, or several joined (`lookupKey`). */
export type LookupKey = string | number | bigint | boolean;

/** "Every key": what some rare changes invalidate. */
export const ALL_KEYS = Symbol('all keys');

/** Entries after which a cache starts anew: bounds memory against look-ups of ever new names. */
const MAX_ENTRIES = 100_000;

const NONE: readonly number[] = [];

/** A cached function of the catalogs. */
export abstract class Lookup<V> {
  private readonly shared = new Map<LookupKey, V>();

  /** Computes the value as the view sees it; reads other look-ups through the same view. */
  abstract load(key: LookupKey, view: CatalogView): V;
  /** The keys whose value a changed row may change. */
  abstract affected(change: ChangedRow, view: CatalogView, add: (key: LookupKey | typeof ALL_KEYS) => void): void;

  /** The committed state's value. */
  getShared(key: LookupKey, view: CatalogView): V {
    const cached = this.shared.get(key);
    if (cached !== undefined) return cached;
    const value = this.load(key, view);
    if (this.shared.size >= MAX_ENTRIES) this.shared.clear();
    this.shared.set(key, value);
    return value;
  }

  invalidate(key: LookupKey | typeof ALL_KEYS): void {
    if (key === ALL_KEYS) this.shared.clear();
    else this.shared.delete(key);
  }
}

/** Keys of several columns as one: NUL cannot stand in a name. */
export function lookupKey(values: readonly Datum[]): LookupKey {
  if (values.length === 1) return single(values[0]);
  let key = '';
  for (let index = 0; index < values.length; index++) key += index === 0 ? single(values[index]) : `\0${single(values[index])}`;
  return key;
}

const NULL_KEY = '\0null';

/** Whether the first column of a key is null. */
function isNullFirst(key: LookupKey): boolean {
  return typeof key === 'string' && key.startsWith(NULL_KEY);
}

function single(value: Datum): LookupKey {
  if (value === null) return NULL_KEY;
  if (value instanceof ArrayValue) return value.elements.join(',');
  if (typeof value === 'object') return Buffer.from(value as Uint8Array).toString('latin1');
  return value;
}

/** Rows of one catalog whose first columns of one index have given values. */
export class RowLookup<T extends object> extends Lookup<readonly T[]> {
  /** Attribute positions of the key columns. */
  readonly positions: readonly number[];
  private readonly encode: (values: readonly Datum[]) => string;
  private readonly types: readonly number[];
  private readonly leadsWithOid: boolean;
  private readonly keyFunction: (row: Row) => LookupKey;

  constructor(readonly store: CatalogStore, readonly indexNumber: number, readonly prefixLength: number) {
    super();
    this.keyFunction = (row) => this.keyOf(row);
    const [, , , columns] = store.definition.indexes[indexNumber];
    this.positions = columns.slice(0, prefixLength).map((attnum) => attnum - 1);
    this.leadsWithOid = store.definition.shape.columns[this.positions[0]][1] === OIDOID;
    this.types = this.positions.map((position) => store.definition.shape.columns[position][1]);
    this.encode = makeKeyEncoder(columns.map((attnum) => (
      { kind: catalogKeyKind(store.definition.shape.columns[attnum - 1][1]), descending: false, nullsFirst: false })));
  }

  keyOf(row: Row): LookupKey {
    return this.positions.length === 1 ? single(row[this.positions[0]]) : lookupKey(this.positions.map((position) => row[position]));
  }

  override load(key: LookupKey, view: CatalogView): readonly T[] {
    const snapshot = view.snapshot();
    const found: object[] = [];
    this.findBuiltin(key, snapshot, found);
    this.findStored(key, snapshot, found);
    return found as T[];
  }

  /** Positions of the built-in rows with the key, hidden or not. */
  builtinMatches(key: LookupKey): readonly number[] {
    // Users' objects are in no built-in row: they are not even looked for.
    if (this.leadsWithOid && (typeof key === 'number' ? key : parseInt(key as string, 10)) >= FirstNormalObjectId) return NONE;
    return this.store.builtinPositions(this.positions, this.keyFunction, key, isNullFirst(key) ? null : this.split(key)[0]);
  }

  private findBuiltin(key: LookupKey, snapshot: Snapshot, found: object[]): void {
    for (const position of this.builtinMatches(key)) {
      if (!this.store.builtinHidden(position, snapshot)) found.push(this.store.builtinObject(position));
    }
  }

  private findStored(key: LookupKey, snapshot: Snapshot, found: object[]): void {
    const { store } = this;
    const whole = this.prefixLength === store.definition.indexes[this.indexNumber][3].length;
    const rowIds = store.storedLookup(this.indexNumber, this.encode(this.split(key)), !whole);
    // A row that was renamed stands under several keys with this prefix.
    for (const rowId of whole ? rowIds : new Set(rowIds)) {
      const row = store.storedFetch(rowId, snapshot);
      if (row !== null && this.keyOf(row) === key) found.push(store.storedObject(rowId, row));
    }
  }

  /** The column values that a key was made of. */
  private split(key: LookupKey): Datum[] {
    if (this.positions.length === 1) return [this.unsingle(key, 0)];
    return (key as string).split('\0').map((part, index) => this.unsingle(part, index));
  }

  private unsingle(part: LookupKey, index: number): Datum {
    const kind = catalogKeyKind(this.types[index]);
    switch (kind.kind) {
      case 'integer': case 'float': return Number(part);
      case 'boolean': return part === true || part === 'true';
      case 'array': {
        const elements = part === '' ? [] : String(part).split(',').map(Number);
        return new ArrayValue(26, [elements.length], [0], elements);
      }
      default: return part;
    }
  }

  override affected(change: ChangedRow, _view: CatalogView, add: (key: LookupKey) => void): void {
    if (change.store === this.store) add(this.keyOf(change.row));
  }
}
