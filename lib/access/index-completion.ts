/**
 * Completes an index beside writers that maintain it: CREATE INDEX CONCURRENTLY's work, after which the index is as if it had been
 * there before all rows.
 *
 * PostgreSQL's index entries are those of versions, and it may add one that nobody needs any more. Here an entry (key, row id) that
 * is not retired says that the row's newest version has the key, so one must not be added for a version that is not the newest. That the
 * index itself tells, without a look at the row: from the moment at which everybody who writes to the table knows of the index, a
 * row that loses a key leaves a retired entry, whether the index had an entry to retire or not (`IndexFile.remove`). So:
 *
 *         writers who do not know the index      |  everybody maintains it
 *     ----[ may leave entries of old versions ]--|--dropStrays--S--------------- add, finish --------->
 *
 * - `dropStrays`: rows changed by those who did not know the index, after those who did, have left entries behind. Each entry is
 *   compared with its row once; from then on it stays right.
 * - The snapshot S (pinned: what was retired after it is not swept) gives a key for every row. Where the row has lost that key after S,
 *   there is a retired entry; else the newest committed version has it, and the entry is added (`IndexFile.complete`).
 *
 * Each slice of this work is a transaction that commits before anybody else has a turn. So the log has an entry before what
 * others do to it, and no entry is ever undone under a writer who has retired it since. A crash leaves an incomplete index.
 */
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import { yieldToEventLoop, type Suspendable } from '../base/suspend.js';
import type { BeginOptions, CompletionUniqueness, IndexCompletion, IndexKey, RowId, Transaction } from './api.js';
import { EntrySorter, type SortSpace } from './entry-sort.js';
import { EngineIndexCursor } from './index-cursor.js';
import type { BuildHost } from './index-build.js';
import type { IndexFile } from './index-file.js';
import { engineTransaction } from './owner.js';

/** What a completion needs of the engine. */
export interface CompletionHost extends BuildHost {
  begin(options: BeginOptions): Transaction;
}

const SLICE_MS = 4;
/** Entries between two looks at the clock. */
const ENTRIES_PER_CLOCK = 64;

/** Says whether there is more to do. */
type Step = (transaction: Transaction) => boolean;

/** See the file's comment, and `IndexCompletion` in `access/api`. */
export class EngineIndexCompletion implements IndexCompletion {
  private readonly sorter: EntrySorter;

  constructor(private readonly host: CompletionHost, private readonly store: IndexFile, private readonly sessionId: number, space: SortSpace) {
    this.sorter = new EntrySorter(store.compare, space);
  }

  *dropStrays(newestKey: (rowId: RowId) => IndexKey | null): Suspendable<void> {
    const { store } = this;
    const cursor = new EngineIndexCursor(store, null, null, false);
    while (this.slice((transaction) => {
      if (!cursor.next()) return false;
      const { key, rowId } = cursor;
      if (store.hasLive(key, rowId) && newestKey(rowId) !== key) store.remove(engineTransaction(transaction), key, rowId);
      return true;
    })) yield this.host.memoryPressure() ?? yieldToEventLoop();
  }

  add(key: IndexKey, rowId: RowId): void {
    this.sorter.add(key, rowId);
  }

  *finish(since: Lsn, unique: CompletionUniqueness | null): Suspendable<void> {
    const entries = this.sorter.sorted();
    const unsettled: { readonly key: IndexKey; readonly rowId: RowId }[] = [];
    let lastKey: IndexKey | null = null;
    let lastRowId: RowId = 0;
    for (;;) {
      const more = this.slice((transaction) => {
        if (!entries.next()) return false;
        const { key, rowId } = entries;
        if (unique !== null && key === lastKey) unique.duplicate(lastRowId, rowId);
        lastKey = key;
        lastRowId = rowId;
        const isKept = this.store.complete(engineTransaction(transaction), key, rowId, since);
        if (isKept && unique !== null && unique.probe(transaction, key, rowId) !== null) unsettled.push({ key, rowId });
        return true;
      });
      if (unique !== null) for (const entry of unsettled.splice(0)) yield* this.settle(entry.key, entry.rowId, unique);
      if (!more) return;
      yield this.host.memoryPressure() ?? yieldToEventLoop();
    }
  }

  /** Looks at an entry's key again, until nobody is at work on a row that has it. */
  private *settle(key: IndexKey, rowId: RowId, unique: CompletionUniqueness): Suspendable<void> {
    for (;;) {
      let busy: Transaction | null = null;
      this.inTransaction((transaction) => {
        busy = unique.probe(transaction, key, rowId);
      });
      if (busy === null) return;
      yield* unique.waitFor(busy);
    }
  }

  /** Takes steps for a time slice, in one transaction; false when there are no more. */
  private slice(step: Step): boolean {
    const { clock } = this.host.env;
    let more = true;
    this.inTransaction((transaction) => {
      const start = clock.monotonicMs();
      for (let count = 1; more; count++) {
        more = step(transaction);
        if (count % ENTRIES_PER_CLOCK === 0 && clock.monotonicMs() - start >= SLICE_MS) return;
      }
    });
    return more;
  }

  /** Whatever `work` throws, what it did is committed: others may have to do with it as soon as they have a turn. */
  private inTransaction(work: (transaction: Transaction) => void): void {
    const transaction = this.host.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: this.sessionId });
    try {
      work(transaction);
    } finally {
      transaction.commit();
    }
  }

  close(): void {
    this.sorter.close();
  }
}
