/**
 * An index file as `access/api` shows it.
 */
import type { EntryBatch, FileNumber, Index, IndexBuild, IndexCompletion, IndexCursor, IndexKey, KeyBound, RowId, SortSpace, Transaction } from './api.js';
import { prepareEntries } from './entry-batch.js';
import { EngineIndexBuild } from './index-build.js';
import { EngineIndexCompletion, type CompletionHost } from './index-completion.js';
import { EngineIndexCursor } from './index-cursor.js';
import type { IndexFile } from './index-file.js';
import { engineTransaction } from './owner.js';

const NONE: readonly RowId[] = [];

/** See `Index` in `access/api`. */
export class EngineIndex implements Index {
  readonly file: FileNumber;

  constructor(private readonly host: CompletionHost, readonly store: IndexFile) {
    this.file = store.file;
  }

  insert(transaction: Transaction, key: IndexKey, rowId: RowId): void {
    this.store.insert(engineTransaction(transaction), key, rowId);
  }

  prepare(keys: readonly IndexKey[], unique: boolean): EntryBatch | null {
    return prepareEntries(this.store, keys, unique);
  }

  remove(transaction: Transaction, key: IndexKey, rowId: RowId): void {
    this.store.remove(engineTransaction(transaction), key, rowId);
  }

  range(lower: KeyBound | null, upper: KeyBound | null, descending: boolean): IndexCursor {
    return new EngineIndexCursor(this.store, lower, upper, descending);
  }

  lookup(key: IndexKey, prefix: boolean): readonly RowId[] {
    const { store } = this;
    const slot = store.slotFor(key, 0);
    const leaf = store.leafToRead(slot);
    const position = store.positionIn(leaf, key, 0);
    // The common case: one entry, in the middle of a leaf.
    if (position + 1 < leaf.length && !prefix) {
      if (!leaf.hasKey(position, key)) return NONE;
      if (!leaf.hasKey(position + 1, key)) return [leaf.rowIdAt(position)];
    }
    return this.collect(slot, position, key, prefix);
  }

  private collect(slot: number, position: number, key: IndexKey, prefix: boolean): readonly RowId[] {
    const { store } = this;
    const found: RowId[] = [];
    let lastKey: IndexKey | null = null;
    let lastRowId = 0;
    for (let at = slot, from = position; at < store.slots.length; at++, from = 0) {
      const leaf = store.leafToRead(at);
      for (let index = from; index < leaf.length; index++) {
        if (!prefix && !leaf.hasKey(index, key)) return found;
        const candidate = prefix ? leaf.keyAt(index) : key;
        if (prefix && !candidate.startsWith(key)) return found;
        const rowId = leaf.rowIdAt(index);
        if (rowId === lastRowId && candidate === lastKey) continue;
        found.push(rowId);
        lastKey = candidate;
        lastRowId = rowId;
      }
    }
    return found;
  }

  estimateEntries(): number {
    return this.store.entries;
  }

  estimateBytes(): number {
    return this.store.estimateBytes();
  }

  build(transaction: Transaction, space: SortSpace): IndexBuild {
    return new EngineIndexBuild(this.host, this.store, engineTransaction(transaction), space);
  }

  complete(sessionId: number, space: SortSpace): IndexCompletion {
    return new EngineIndexCompletion(this.host, this.store, sessionId, space);
  }
}
