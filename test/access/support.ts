/**
 * What the storage tests share: opening an engine in memory, transactions in one line, the rows that a snapshot sees.
 */
import { expect } from 'chai';
import { INVALID_LSN } from '../../lib/base/lsn.js';
import type { Heap, RowId, Snapshot, StorageEngine, Transaction } from '../../lib/access/api.js';
import type { Row } from '../../lib/types/datum.js';
import { openStorage } from '../../lib/access/storage.js';
import { simEnv } from '../../lib/env/sim.js';
import { CrashDisk } from './crash-store.js';

/** An engine in memory. */
export function memoryEngine(): Promise<StorageEngine> {
  return openStorage({ dir: 'memory://' });
}

/** A READ COMMITTED transaction. */
export function begin(engine: StorageEngine): Transaction {
  return engine.begin({ isolation: 'read committed', readOnly: false, sessionLsn: INVALID_LSN, sessionId: 1 });
}

/** An engine on a disk under a budget of so many bytes that begins with nothing in memory, and what `fill` has made there before. */
export async function reopenedEngine<T>(
  sharedBuffers: number, fill: (engine: StorageEngine, transaction: Transaction) => T,
): Promise<{ engine: StorageEngine; filled: T }> {
  const env = simEnv(5);
  const disk = new CrashDisk(env.random.float);
  const options = { dir: 'data', env, settings: { sharedBuffers }, openStore: () => disk.open() };
  const first = await openStorage(options);
  const filled = inTransaction(first, (transaction) => fill(first, transaction));
  await first.close();
  return { engine: await openStorage(options), filled };
}

/** Runs work in a transaction of its own and commits it. */
export function inTransaction<T>(engine: StorageEngine, work: (transaction: Transaction) => T): T {
  const transaction = begin(engine);
  const result = work(transaction);
  transaction.commit();
  return result;
}

/** A snapshot for the transaction's next command. */
export function nextCommand(transaction: Transaction): Snapshot {
  transaction.incrementCommandId();
  return transaction.takeSnapshot();
}

/** How many rows a snapshot sees, by the scan that counts only. */
export function countRows(heap: Heap, snapshot: Snapshot): number {
  let count = 0;
  for (const view of heap.scan(snapshot, true)) count += view.selected + view.changedRows.length;
  return count;
}

/** Rows that a snapshot sees, in the order of a sequential scan: as many as are counted before any of them is read. */
export function rows(heap: Heap, snapshot: Snapshot): Row[] {
  const counted = countRows(heap, snapshot);
  const found: Row[] = [];
  for (const view of heap.scan(snapshot)) {
    for (let index = 0; index < view.selected; index++) {
      const position = view.selection === null ? index : view.selection[index];
      const row: Row = [];
      for (let column = 0; column < heap.shape.attributeCount; column++) row.push(view.column(column).get(position));
      found.push(row);
    }
    for (const row of view.changedRows) found.push(row);
  }
  expect(counted, 'rows counted').to.equal(found.length);
  return found;
}

/** What a transaction that starts now sees. */
export function rowsNow(engine: StorageEngine, heap: Heap): Row[] {
  const transaction = begin(engine);
  const found = rows(heap, transaction.takeSnapshot());
  transaction.commit();
  return found;
}

/** A committed heap of two columns with these rows, and their row ids. */
export function makeHeap(engine: StorageEngine, initial: Row[]): { heap: Heap; rowIds: RowId[] } {
  return inTransaction(engine, (transaction) => {
    const file = engine.createFile(transaction, 'heap', 'permanent');
    const heap = engine.openHeap(file, { attributeCount: 2, missing: [] });
    return { heap, rowIds: initial.map((row) => heap.insert(transaction, row)) };
  });
}
