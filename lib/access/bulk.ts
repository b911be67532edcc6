/**
 * Bulk inserts (COPY, INSERT ... SELECT): a chunk that one command of one transaction fills alone is logged and kept as
 * packed columns. Its rows are not logged one by one while it fills; when something comes between (another command, a
 * savepoint, a change of one of these rows, the commit), what is there so far is logged row by row. Rows that come as columns
 * (`EngineHeap.insertColumns`) make such a chunk at once.
 */
import type { EngineTransaction, PendingBulk } from '../txn/transaction.js';
import { CHUNK_ROWS, type RowId } from './api.js';
import type { HeapChunk } from './chunk.js';
import type { HeapFile } from './heap-file.js';
import { SettledRows } from './settled.js';

/** Fewer rows are not worth packing: a chunk that was closed early because its rows are wide. */
export const MIN_BULK_ROWS = 64;

/** A chunk that is being filled by one command. */
export class FillingChunk implements PendingBulk {
  private readonly firstWrite: number;
  private readonly commandId: number;

  constructor(private readonly file: HeapFile, private readonly chunk: HeapChunk, private readonly transaction: EngineTransaction) {
    this.firstWrite = transaction.writes;
    this.commandId = transaction.commandId;
  }

  /** Whether a row that the transaction inserts now belongs to it. */
  takes(chunk: HeapChunk): boolean {
    return chunk === this.chunk && this.transaction.commandId === this.commandId;
  }

  /** Called when the row is in place: packs the chunk when that was its last one. */
  rowInserted(rowId: RowId): void {
    if (rowId !== this.chunk.firstRowId + CHUNK_ROWS - 1) return;
    this.transaction.pendingBulk = null;
    if (!this.pack()) this.logRows();
  }

  /** Logs what is there so far. */
  flush(): void {
    const full = this.file.isFull(this.chunk.number);
    if (!full || !this.pack()) this.logRows();
  }

  /** Packs the chunk if all of it is this command's; false when it is not. */
  private pack(): boolean {
    const { chunk, transaction, file } = this;
    const { versions } = transaction;
    const count = chunk.order.length;
    const first = versions.length - count;
    if (count < MIN_BULK_ROWS || chunk.dropped > 0 || chunk.settled !== null || chunk.heads.size !== count) return false;
    if (first < 0 || versions[first].sequence < this.firstWrite) return false;
    const rows = chunk.order.map((version) => version.values);
    const width = rows[0]?.length;
    for (let index = 0; index < count; index++) {
      const version = chunk.order[index];
      if (versions[first + index] !== version || version.rowId !== chunk.firstRowId + index || version.values?.length !== width) return false;
    }
    const room = file.newRoom();
    const settled = SettledRows.pack(rows, room);
    versions.length = first;
    chunk.beginBulk(transaction, this.commandId, settled, room);
    file.noteBulk(transaction, chunk);
    if (file.logged) transaction.entryChanges?.bulkChunk(file.file, chunk.number, settled.bytes);
    return true;
  }

  private logRows(): void {
    const { chunk, transaction, file } = this;
    if (!file.logged) return;
    for (const version of chunk.order) {
      if (version.dropped || version.transaction !== transaction || version.values === null) continue;
      if (version.sequence >= this.firstWrite) transaction.entryChanges?.insert(file.file, version.rowId, version.values);
    }
  }
}
