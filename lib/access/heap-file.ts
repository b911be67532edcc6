/**
 * A table file: its chunks, resident or not, the next row id, its row locks. What a `Heap` (a file opened with a shape)
 * works on.
 */
import { assert } from '../base/assert.js';
import type { Lsn } from '../base/lsn.js';
import type { FilePersistence } from '../txn/changes.js';
import { RowLockTable } from '../txn/row-locks.js';
import type { EngineTransaction } from '../txn/transaction.js';
import { CHUNK_ROWS, type FileNumber, type RowId } from './api.js';
import { HeapChunk, type ChunkOwner } from './chunk.js';

/** What files need of the engine. */
export interface FileHost {
  /** No snapshot older than this exists: versions that only older ones need may go. */
  horizon(): Lsn;
  /** Memory accounted to resident data changed. */
  memoryChanged(bytes: number): void;
}

/** Loads chunks that are not resident. */
export interface ChunkStore {
  /** Number of chunks at rest. */
  readonly chunkCount: number;
  readonly nextRowId: RowId;
  readonly rowCount: number;
  /** The chunk as at rest, into `chunk`; nothing when it has no rows. */
  load(chunk: HeapChunk): void;
}

/** A chunk is closed early when its rows weigh this much. */
const CHUNK_BYTES = 1 << 20;

/** See the file's comment. */
export class HeapFile implements ChunkOwner {
  readonly kind = 'heap';
  /** By number; undefined = not resident. */
  readonly chunks: (HeapChunk | undefined)[] = [];
  nextRowId: RowId = 1;
  liveRows = 0;
  readonly rowLocks = new RowLockTable<EngineTransaction>();
  /** Transaction that created the file and has not ended. */
  creator: EngineTransaction | null = null;
  private openChunk: HeapChunk | null = null;
  private released = false;

  constructor(
    readonly host: FileHost,
    readonly file: FileNumber,
    readonly persistence: FilePersistence,
    private readonly store: ChunkStore | null,
  ) {
    if (store !== null) {
      this.nextRowId = store.nextRowId;
      this.liveRows = store.rowCount;
      this.chunks.length = store.chunkCount;
    }
  }

  /** Whether changes go to the log. */
  get logged(): boolean {
    return this.persistence === 'permanent';
  }

  memoryChanged(bytes: number): void {
    if (!this.released) this.host.memoryChanged(bytes);
  }

  liveRowsChanged(by: number): void {
    this.liveRows += by;
  }

  /** Number of chunks, resident or not. */
  get chunkCount(): number {
    return this.chunks.length;
  }

  /** The chunk with this number; loaded when it is not resident. */
  chunkAt(number: number): HeapChunk {
    const chunk = this.chunks[number];
    if (chunk !== undefined) {
      chunk.referenced = true;
      return chunk;
    }
    return this.loadChunk(number);
  }

  /** The chunk of a row, or null when no such row id was ever given. */
  chunkOf(rowId: RowId): HeapChunk | null {
    const number = Math.floor((rowId - 1) / CHUNK_ROWS);
    return number < this.chunks.length && number >= 0 ? this.chunkAt(number) : null;
  }

  private loadChunk(number: number): HeapChunk {
    const chunk = new HeapChunk(this, number);
    if (this.store !== null && number < this.store.chunkCount) this.store.load(chunk);
    this.chunks[number] = chunk;
    this.host.memoryChanged(chunk.bytes());
    return chunk;
  }

  /** The chunk for a scan; null when it is known to be empty. */
  chunkForScan(number: number): HeapChunk | null {
    const chunk = this.chunks[number];
    if (chunk !== undefined) {
      chunk.referenced = true;
      return chunk;
    }
    return this.loadChunk(number);
  }

  /** Takes the next row id; its chunk is resident afterwards. */
  allocate(): RowId {
    let rowId = this.nextRowId;
    let chunk = this.openChunk;
    const number = Math.floor((rowId - 1) / CHUNK_ROWS);
    if (chunk === null || chunk.number !== number || this.chunks[number] !== chunk) {
      chunk = this.ensureChunk(number);
    } else if (chunk.versionBytes > CHUNK_BYTES) {
      rowId = (number + 1) * CHUNK_ROWS + 1;
      chunk = this.ensureChunk(number + 1);
    }
    this.openChunk = chunk;
    this.nextRowId = rowId + 1;
    return rowId;
  }

  /** The chunk with this number, made when the file is not that long yet. */
  ensureChunk(number: number): HeapChunk {
    if (number < this.chunks.length) return this.chunkAt(number);
    this.chunks.length = number;
    const chunk = new HeapChunk(this, number);
    this.chunks.push(chunk);
    this.host.memoryChanged(chunk.bytes());
    return chunk;
  }

  /** Makes sure that row ids up to this one are never given again. */
  reserve(rowId: RowId): void {
    if (rowId >= this.nextRowId) this.nextRowId = rowId + 1;
  }

  /** Whether no more rows will be added to the chunk. */
  isFull(chunk: HeapChunk): boolean {
    return this.nextRowId > (chunk.number + 1) * CHUNK_ROWS;
  }

  /** Size, roughly: what is resident, and as much for each chunk that is not. */
  estimateBytes(): number {
    let resident = 0;
    let bytes = 0;
    for (const chunk of this.chunks) {
      if (chunk === undefined) continue;
      resident++;
      bytes += chunk.bytes();
    }
    return resident === 0 ? 0 : Math.round((bytes / resident) * this.chunks.length);
  }

  /** Drops the versions that no snapshot at or after `horizon` needs. */
  prune(horizon: Lsn): void {
    for (const chunk of this.chunks) if (chunk !== undefined && chunk.order.length > 0) chunk.pruneAll(horizon);
  }

  /** The file is gone: gives its memory back. */
  release(): void {
    for (const chunk of this.chunks) if (chunk !== undefined) this.host.memoryChanged(-chunk.bytes());
    this.chunks.length = 0;
    this.openChunk = null;
    this.released = true;
  }

  /** Forgets a chunk that is as at rest. */
  evict(chunk: HeapChunk): void {
    assert(!chunk.dirty && chunk.uncommitted === 0, 'eviction of a chunk with unsaved work');
    this.chunks[chunk.number] = undefined;
    if (this.openChunk === chunk) this.openChunk = null;
    this.host.memoryChanged(-chunk.bytes());
  }
}
