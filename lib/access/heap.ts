/**
 * A table file opened with a shape: the writes and point reads of `access/api`'s `Heap`. Scans are in `heap-scan.ts`.
 * Everything here is synchronous; conflicts come back as results, the caller waits.
 */
import type { Lsn } from '../base/lsn.js';
import { STRENGTH, strengthsConflict, type StrengthLevel } from '../txn/row-locks.js';
import { Effect, type EngineTransaction } from '../txn/transaction.js';
import { RowVersion, newestCommitted, visibleVersion } from '../txn/version.js';
import type { ColumnValues } from '../codec/column-values.js';
import type { Row } from '../types/datum.js';
import { Jsonb } from '../types/jsonb.js';
import { CHUNK_ROWS, type ChunkScan, type Heap, type HeapShape, type RowId, type RowLockStrength, type Snapshot, type StoredPiece, type Transaction, type WriteResult } from './api.js';
import { FillingChunk, MIN_BULK_ROWS } from './bulk.js';
import type { HeapChunk } from './chunk.js';
import type { HeapFile } from './heap-file.js';
import { HeapScan, padRow } from './heap-scan.js';
import { engineTransaction } from './owner.js';
import { SettledRows } from './settled.js';

const OK: WriteResult = { kind: 'ok' };
const SELF_MODIFIED: WriteResult = { kind: 'selfModified' };
const GONE: WriteResult = { kind: 'changed', values: null };
/** So many rows of one chunk are worth reading by columns. */
const FETCHED_TOGETHER = 8;
/** Positions that are read together; free between uses. */
const fetchedPositions = new Uint16Array(CHUNK_ROWS);

/** Release of a row lock at the end of its transaction or savepoint. */
class RowLockEffect extends Effect {
  constructor(
    private readonly file: HeapFile,
    private readonly rowId: RowId,
    private readonly before: StrengthLevel | -1,
    private readonly transaction: EngineTransaction,
  ) {
    super();
  }

  committed(_lsn: Lsn): void {
    this.file.rowLocks.restore(this.rowId, -1, this.transaction);
  }

  undone(): void {
    this.file.rowLocks.restore(this.rowId, this.before, this.transaction);
  }
}

/** Prepares a row to stay in memory: jsonb becomes bytes of its own. Tells about how many bytes the values take. */
export function keepRow(values: Row | null): number {
  if (values === null) return 0;
  let bytes = 16 + 8 * values.length;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'string') bytes += 24 + value.length;
    else if (value instanceof Jsonb) {
      value.settle();
      bytes += 100 + value.memoryBytes;
    } else if (typeof value === 'object' && value !== null) bytes += value instanceof Uint8Array ? 100 + value.length : 100;
  }
  return bytes;
}

/** See `Heap` in `access/api`. */
export class EngineHeap implements Heap {
  readonly file: number;

  constructor(readonly store: HeapFile, readonly shape: HeapShape) {
    this.file = store.file;
  }

  insert(transaction: Transaction, values: Row): RowId {
    const own = engineTransaction(transaction);
    own.markWritten();
    const { store } = this;
    const rowId = store.allocate();
    const chunk = store.chunkOf(rowId) as HeapChunk;
    if (rowId === chunk.firstRowId) {
      own.flushBulk();
      own.pendingBulk = new FillingChunk(store, chunk, own);
    }
    const version = new RowVersion(chunk, rowId, values, own, own.commandId, true, own.writes++);
    chunk.push(version, keepRow(values));
    own.versions.push(version);
    store.liveRows++;
    const filling = own.pendingBulk;
    if (filling !== null && filling instanceof FillingChunk && filling.takes(chunk)) filling.rowInserted(rowId);
    else if (store.logged) own.changes?.insert(store.file, rowId, values);
    return rowId;
  }

  get rowsToChunk(): number {
    return this.store.rowsToChunk;
  }

  insertColumns(transaction: Transaction, columns: readonly ColumnValues[], rows: number): RowId {
    if (rows < MIN_BULK_ROWS) return 0;
    const own = engineTransaction(transaction);
    const { store } = this;
    const chunk = store.allocateChunk();
    if (chunk === null) return 0;
    own.markWritten();
    own.flushBulk();
    const room = store.newRoom();
    const settled = SettledRows.packColumns(columns, rows, room);
    chunk.beginBulk(own, own.commandId, settled, room);
    store.liveRows += rows;
    store.noteBulk(own, chunk);
    if (store.logged) own.changes?.bulkChunk(store.file, chunk.number, settled.bytes);
    return chunk.firstRowId;
  }

  update(transaction: Transaction, rowId: RowId, values: Row, snapshot: Snapshot, keysChanged: boolean): WriteResult {
    return this.write(transaction, rowId, values, snapshot, keysChanged);
  }

  delete(transaction: Transaction, rowId: RowId, snapshot: Snapshot): WriteResult {
    return this.write(transaction, rowId, null, snapshot, true);
  }

  private write(transaction: Transaction, rowId: RowId, values: Row | null, snapshot: Snapshot, keysChanged: boolean): WriteResult {
    const own = engineTransaction(transaction);
    const { store } = this;
    const chunk = store.chunkOf(rowId);
    if (chunk === null) return GONE;
    const refusal = this.check(own, chunk, rowId, snapshot, keysChanged ? STRENGTH.update : STRENGTH.noKeyUpdate);
    if (refusal !== null) return refusal;
    own.markWritten();
    const head = chunk.head(rowId);
    if (head !== undefined && head.older !== null) chunk.pruneForWrite(head, store.host.horizon());
    store.tryFold(chunk);
    const version = new RowVersion(chunk, rowId, values, own, own.commandId, keysChanged, own.writes++);
    chunk.push(version, keepRow(values));
    own.versions.push(version);
    if (own.rowTurn !== null) own.tookRow(store.file, rowId);
    if (values === null) {
      store.liveRows--;
      if (store.logged) own.changes?.delete(store.file, rowId);
    } else if (store.logged) own.changes?.update(store.file, rowId, values, keysChanged);
    return OK;
  }

  lock(transaction: Transaction, rowId: RowId, strength: RowLockStrength, snapshot: Snapshot): WriteResult {
    const own = engineTransaction(transaction);
    const { store } = this;
    const chunk = store.chunkOf(rowId);
    if (chunk === null) return GONE;
    const level = STRENGTH[strength];
    const refusal = this.check(own, chunk, rowId, snapshot, level);
    if (refusal !== null) return refusal;
    const before = store.rowLocks.grant(rowId, level, own);
    if (before < level) own.addEffect(new RowLockEffect(store, rowId, before, own));
    if (own.rowTurn !== null && level >= STRENGTH.noKeyUpdate) own.tookRow(store.file, rowId);
    return OK;
  }

  /**
   * Why the row that `snapshot` saw cannot be written (or locked with `level`) now; null when it can.
   */
  private check(own: EngineTransaction, chunk: HeapChunk, rowId: RowId, snapshot: Snapshot, level: StrengthLevel): WriteResult | null {
    const head = chunk.head(rowId);
    if (head === undefined) {
      const refusal = this.checkSettled(own, chunk, rowId, snapshot);
      if (refusal !== null) return refusal;
    } else if (head.transaction === own) {
      if (head.commandId >= snapshot.commandId) return SELF_MODIFIED;
      if (head.values === null) return GONE;
    } else {
      let newest: RowVersion | null = head;
      if (head.transaction !== null) {
        if (conflictsWithWriter(head, level)) return this.waitFor(head.transaction as EngineTransaction, rowId, own);
        newest = newestCommitted(head);
      }
      if (newest !== null) {
        if (newest.commitLsn > snapshot.lsn) {
          // Key share only keeps the key: updates of other columns since the snapshot are none of its business.
          if (level !== STRENGTH.keyShare || keyChangedSince(newest, snapshot)) return { kind: 'changed', values: this.padded(newest.values) };
        } else if (newest.values === null) return GONE;
      } else {
        const refusal = this.checkSettled(own, chunk, rowId, snapshot);
        if (refusal !== null) return refusal;
      }
    }
    if (this.store.rowLocks.size === 0) return null;
    const holder = this.store.rowLocks.conflicting(rowId, level, own);
    if (holder === null) return null;
    return this.waitFor(holder, rowId, own);
  }

  private waitFor(holder: EngineTransaction, rowId: RowId, own: EngineTransaction): WriteResult {
    const { rowLocks } = this.store;
    return rowLocks.size > 0 && rowLocks.holds(rowId, own) ? { kind: 'wait', transaction: holder, holdsRow: true } : { kind: 'wait', transaction: holder };
  }

  private checkSettled(own: EngineTransaction, chunk: HeapChunk, rowId: RowId, snapshot: Snapshot): WriteResult | null {
    if (!chunk.hasSettled(rowId)) return GONE;
    if (chunk.settledLsn <= snapshot.lsn) return null;
    if (chunk.bulkWriter === null) return { kind: 'changed', values: this.padded(chunk.settledRow(rowId)) };
    if (chunk.bulkWriter !== own) return { kind: 'wait', transaction: chunk.bulkWriter as EngineTransaction };
    return chunk.bulkCommandId >= snapshot.commandId ? SELF_MODIFIED : null;
  }

  fetch(rowId: RowId, snapshot: Snapshot): Row | null {
    const chunk = this.store.chunkToReadOf(rowId);
    if (chunk === null) return null;
    const head = chunk.head(rowId);
    if (head !== undefined) {
      const version = visibleVersion(head, snapshot);
      if (version !== null) return this.padded(version.values);
    }
    if (chunk.settled === null || !chunk.seesSettled(snapshot)) return null;
    return this.padded(chunk.settledRow(rowId));
  }

  fetchMany(rowIds: readonly RowId[], count: number, snapshot: Snapshot, rows: (Row | null)[]): void {
    for (let from = 0; from < count;) {
      const number = Math.floor((rowIds[from] - 1) / CHUNK_ROWS);
      let end = from + 1;
      while (end < count && Math.floor((rowIds[end] - 1) / CHUNK_ROWS) === number) end++;
      if (end - from >= FETCHED_TOGETHER && number < this.store.chunkCount) this.fetchFrom(this.store.chunkToRead(number), rowIds, from, end, snapshot, rows);
      else for (let at = from; at < end; at++) rows[at] = this.fetch(rowIds[at], snapshot);
      from = end;
    }
  }

  fetchStored(rowIds: readonly RowId[], count: number, snapshot: Snapshot): readonly StoredPiece[] | null {
    if (count < FETCHED_TOGETHER) return null;
    const pieces: StoredPiece[] = [];
    const positions = new Uint16Array(count);
    for (let from = 0; from < count;) {
      const number = Math.floor((rowIds[from] - 1) / CHUNK_ROWS);
      let end = from + 1;
      while (end < count && Math.floor((rowIds[end] - 1) / CHUNK_ROWS) === number) end++;
      // Scattered rows are not for columns. The first chunk and the last one may have few of the rows.
      if ((pieces.length - 1) * FETCHED_TOGETHER > end || number >= this.store.chunkCount) return notTaken(pieces);
      const chunk = this.store.chunkToRead(number);
      const settled = this.settledRows(chunk, rowIds, from, end, snapshot, positions);
      if (settled === null) return notTaken(pieces);
      pieces.push({ from, end, positions, column: (index) => settled.column(index, null), done: chunk.room?.lend() ?? null });
      from = end;
    }
    return pieces;
  }

  /** The settled rows of a chunk where all of rowIds[from, end) are among them and unchanged; their positions into positions[from, end). */
  private settledRows(chunk: HeapChunk, rowIds: readonly RowId[], from: number, end: number, snapshot: Snapshot, positions: Uint16Array): SettledRows | null {
    const { settled, firstRowId } = chunk;
    if (settled === null || this.isNarrow(settled) || !chunk.seesSettled(snapshot)) return null;
    const anyChanged = chunk.heads.size > 0;
    for (let at = from; at < end; at++) {
      const rowId = rowIds[at];
      if (!chunk.hasSettled(rowId) || (anyChanged && chunk.head(rowId) !== undefined)) return null;
      positions[at] = rowId - firstRowId;
    }
    return settled;
  }

  /** Whether some rows were stored with fewer attributes than the shape has. */
  private isNarrow(settled: SettledRows): boolean {
    return settled.columnCount < this.shape.attributeCount || settled.widths !== null;
  }

  /** Rows of one chunk, into rows[from, end): changed ones by their chains, stretches of settled ones together. */
  private fetchFrom(chunk: HeapChunk, rowIds: readonly RowId[], from: number, end: number, snapshot: Snapshot, rows: (Row | null)[]): void {
    const { settled, firstRowId } = chunk;
    if (settled === null || this.isNarrow(settled) || !chunk.seesSettled(snapshot)) {
      for (let at = from; at < end; at++) rows[at] = this.fetch(rowIds[at], snapshot);
      return;
    }
    let together = 0;
    for (let at = from; at < end; at++) {
      const rowId = rowIds[at];
      if (chunk.hasSettled(rowId) && (chunk.heads.size === 0 || chunk.head(rowId) === undefined)) {
        fetchedPositions[together++] = rowId - firstRowId;
        continue;
      }
      settled.fillRows(rows as Row[], at - together, fetchedPositions, together);
      together = 0;
      rows[at] = this.fetch(rowId, snapshot);
    }
    settled.fillRows(rows as Row[], end - together, fetchedPositions, together);
  }

  fetchNewest(rowId: RowId): Row | null {
    const chunk = this.store.chunkToReadOf(rowId);
    if (chunk === null) return null;
    const head = chunk.head(rowId);
    return this.padded(head !== undefined ? head.values : chunk.settledRow(rowId));
  }

  private padded(values: Row | null): Row | null {
    if (values === null || values.length >= this.shape.attributeCount) return values;
    return padRow(values, this.shape);
  }

  scan(snapshot: Snapshot, countsOnly = false): ChunkScan {
    return new HeapScan(this.store, this.shape, snapshot, 1, this.store.nextRowId - 1, countsOnly);
  }

  scanRange(snapshot: Snapshot, from: RowId, to: RowId): ChunkScan {
    return new HeapScan(this.store, this.shape, snapshot, Math.max(from, 1), Math.min(to, this.store.nextRowId - 1));
  }

  estimateRows(): number {
    return Math.max(this.store.liveRows, 0);
  }

  estimateBytes(): number {
    return this.store.estimateBytes();
  }
}

function notTaken(pieces: readonly StoredPiece[]): null {
  for (const piece of pieces) piece.done?.();
  return null;
}

/** Whether a version committed after the snapshot changed the row's key, or deleted the row. */
function keyChangedSince(newest: RowVersion, snapshot: Snapshot): boolean {
  for (let version: RowVersion | null = newest; version !== null && version.commitLsn > snapshot.lsn; version = version.older) {
    if (version.keysChanged || version.values === null) return true;
  }
  return false;
}

/** Whether the uncommitted versions on top of a chain are in the way of a lock of this strength by another transaction. */
function conflictsWithWriter(head: RowVersion, level: StrengthLevel): boolean {
  for (let version: RowVersion | null = head; version !== null && version.transaction !== null; version = version.older) {
    if (strengthsConflict(level, version.keysChanged ? STRENGTH.update : STRENGTH.noKeyUpdate)) return true;
  }
  return false;
}
