/**
 * Fills a fresh index from entries in any order: sorted in bounded memory, then appended leaf by leaf, while what is full
 * makes room as everything else does.
 */
import { yieldToEventLoop, type Suspend, type Suspendable } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import type { EngineTransaction } from '../txn/transaction.js';
import type { DuplicateKey, IndexBuild, IndexKey, RowId } from './api.js';
import { EntrySorter, type SortSpace } from './entry-sort.js';
import type { IndexFile } from './index-file.js';

/** What a build needs of the engine. */
export interface BuildHost {
  readonly env: Env;
  memoryPressure(): Suspend | null;
}

const SLICE_MS = 4;
/** Entries between two looks at the clock. */
const ENTRIES_PER_CLOCK = 512;

/** See `IndexBuild` in `access/api`. */
export class EngineIndexBuild implements IndexBuild {
  private readonly sorter: EntrySorter;

  constructor(private readonly host: BuildHost, private readonly store: IndexFile, private readonly transaction: EngineTransaction, space: SortSpace) {
    this.sorter = new EntrySorter(store.compare, space);
  }

  add(key: IndexKey, rowId: RowId): void {
    this.sorter.add(key, rowId);
  }

  *finish(duplicate: DuplicateKey | null): Suspendable<void> {
    const { store, transaction, host } = this;
    const { clock } = host.env;
    transaction.markWritten();
    // The file goes away with its creator: nothing to undo entry by entry.
    const fresh = store.creator === transaction && store.entries === 0;
    const entries = this.sorter.sorted();
    let lastKey: IndexKey | null = null;
    let lastRowId: RowId = 0;
    let sliceStart = clock.monotonicMs();
    for (let count = 1; entries.next(); count++) {
      const { key, rowId } = entries;
      if (duplicate !== null && key === lastKey) duplicate(lastRowId, rowId);
      lastKey = key;
      lastRowId = rowId;
      if (!fresh) store.insert(transaction, key, rowId);
      else if (store.add(key, rowId) && store.logged) transaction.entryChanges?.indexEntry(true, store.file, rowId, key);
      if (count % ENTRIES_PER_CLOCK !== 0 || clock.monotonicMs() - sliceStart < SLICE_MS) continue;
      yield host.memoryPressure() ?? yieldToEventLoop();
      sliceStart = clock.monotonicMs();
    }
  }

  close(): void {
    this.sorter.close();
  }
}
