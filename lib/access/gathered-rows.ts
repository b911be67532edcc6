/**
 * Rows that recovery has read in the log and not applied yet: gathered by chunk, then applied a chunk at a time. Nobody reads while recovery
 * runs, so that of a row changed many times only the last version is made, and a chunk is folded once and not whenever the log has come to it a few
 * dozen times more: log of small transactions takes half of the time.
 *
 * Promises: what is gathered is committed, and all of it is applied before anything else looks at the heaps (a record of a transaction
 * that goes on, a checkpoint, whoever makes room in memory). It is bounded: in bytes, in rows, and in chunks that are to be loaded for it.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { decodeRowAt, type LoggedRow } from '../txn/changes.js';
import { RowVersion } from '../txn/version.js';
import type { Row } from '../types/datum.js';
import { CHUNK_ROWS, type RowId } from './api.js';
import type { HeapChunk } from './chunk.js';
import { keepRow } from './heap.js';
import type { FileHost, HeapFile } from './heap-file.js';

/** Bytes of rows: this share of the budget, up to a bound. */
const BYTES_SHARE = 1 / 4;
const MOST_BYTES = 32 << 20;
const FEWEST_BYTES = 1 << 20;
/** Room for so many rows beside the bytes: one for each of so many. */
const BYTES_PER_ROW = 64;
/** A single record may have more than what is left then: it is applied in parts. */
const FULL_SHARE = 15 / 16;
/** A chunk that is not in memory takes about so much of the budget, and all of them take this share of it at most. */
const CHUNK_ROOM = 64 << 10;
const LOADED_SHARE = 1 / 4;
/** Stands for the length of a row that was deleted. */
const DELETED = -1;

/** The rows of a chunk: a list through `next`. */
interface ChunkRows {
  readonly first: number;
  last: number;
}

/** See the file's comment. */
export class GatheredRows {
  private readonly heaps = new Map<HeapFile, Map<number, ChunkRows>>();
  private readonly bytes: Buffer;
  private used = 0;
  private readonly mostRows: number;
  private rows = 0;
  private readonly rowIds: Float64Array;
  private readonly commitLsns: Float64Array;
  private readonly starts: Int32Array;
  private readonly lengths: Int32Array;
  private readonly next: Int32Array;
  private loads = 0;
  /** The last of each row's changes, by offset in the chunk that is being applied. */
  private readonly lastChanges = new Int32Array(CHUNK_ROWS);

  constructor(private readonly host: Pick<FileHost, 'horizon' | 'memory'>) {
    const bytes = Math.min(MOST_BYTES, Math.max(FEWEST_BYTES, Math.floor(host.memory.budget * BYTES_SHARE)));
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.mostRows = Math.floor(bytes / BYTES_PER_ROW);
    this.rowIds = new Float64Array(this.mostRows);
    this.commitLsns = new Float64Array(this.mostRows);
    this.starts = new Int32Array(this.mostRows);
    this.lengths = new Int32Array(this.mostRows);
    this.next = new Int32Array(this.mostRows);
  }

  get isEmpty(): boolean {
    return this.rows === 0;
  }

  /** It is to be applied once the record is read. */
  get isFull(): boolean {
    return this.used >= this.bytes.length * FULL_SHARE || this.rows >= this.mostRows * FULL_SHARE ||
      this.loads * CHUNK_ROOM >= this.host.memory.budget * LOADED_SHARE;
  }

  /** The row is this one from `commitLsn` on; null: it is deleted. False: it is too large to be gathered; all that was gathered is applied then. */
  add(heap: HeapFile, rowId: number, row: LoggedRow | null, commitLsn: Lsn): boolean {
    const length = row === null ? 0 : row.end - row.start;
    if (this.rows === this.mostRows || this.used + length > this.bytes.length) this.apply();
    if (length > this.bytes.length) return false;
    const index = this.rows++;
    this.rowIds[index] = rowId;
    this.commitLsns[index] = commitLsn;
    this.starts[index] = this.used;
    this.lengths[index] = row === null ? DELETED : length;
    this.next[index] = -1;
    if (row !== null) this.used += row.bytes.copy(this.bytes, this.used, row.start, row.end);
    this.link(heap, Math.floor((rowId - 1) / CHUNK_ROWS), index);
    return true;
  }

  private link(heap: HeapFile, number: number, index: number): void {
    let chunks = this.heaps.get(heap);
    if (chunks === undefined) this.heaps.set(heap, chunks = new Map());
    const found = chunks.get(number);
    if (found !== undefined) {
      this.next[found.last] = index;
      found.last = index;
      return;
    }
    chunks.set(number, { first: index, last: index });
    if (heap.chunks[number] === undefined) this.loads++;
  }

  /** Applies all of it. */
  apply(): void {
    for (const [heap, chunks] of this.heaps) {
      if (heap.released) continue;
      for (const number of [...chunks.keys()].sort((a, b) => a - b)) this.applyChunk(heap, number, chunks.get(number) as ChunkRows);
    }
    this.heaps.clear();
    this.rows = this.used = this.loads = 0;
  }

  private applyChunk(heap: HeapFile, number: number, { first, last }: ChunkRows): void {
    const chunk = heap.ensureChunk(number);
    const { next, rowIds, lastChanges } = this;
    const { firstRowId } = chunk;
    let count = 0;
    for (let index = first; index >= 0; index = next[index]) {
      lastChanges[rowIds[index] - firstRowId] = index;
      count++;
    }
    const horizon = this.host.horizon();
    const isWorthIt = count >= heap.fewestToFold && heap.isFull(chunk);
    if (isWorthIt && this.commitLsns[last] <= horizon && chunk.hasOnlySettled(horizon)) this.settle(chunk, first);
    else this.pushVersions(chunk, first, horizon);
    heap.tryFold(chunk);
  }

  /** True for the last change of its row. */
  private isLast(chunk: HeapChunk, index: number): boolean {
    return this.lastChanges[this.rowIds[index] - chunk.firstRowId] === index;
  }

  private valuesOf(index: number): Row | null {
    const start = this.starts[index];
    const length = this.lengths[index];
    return length === DELETED ? null : decodeRowAt(this.bytes, start, start + length);
  }

  private settle(chunk: HeapChunk, first: number): void {
    const positions: number[] = [];
    const rows: Row[] = [];
    const deleted: RowId[] = [];
    let commitLsn = 0;
    for (let index = first; index >= 0; index = this.next[index]) {
      commitLsn = this.commitLsns[index];
      if (!this.isLast(chunk, index)) continue;
      const values = this.valuesOf(index);
      if (values === null) {
        deleted.push(this.rowIds[index]);
        continue;
      }
      positions.push(this.rowIds[index] - chunk.firstRowId);
      rows.push(values);
    }
    chunk.settleRows({ positions, rows }, deleted, lsn(commitLsn));
  }

  private pushVersions(chunk: HeapChunk, first: number, horizon: Lsn): void {
    for (let index = first; index >= 0; index = this.next[index]) {
      if (!this.isLast(chunk, index)) continue;
      const rowId = this.rowIds[index];
      const values = this.valuesOf(index);
      const head = chunk.head(rowId);
      if (head !== undefined && head.older !== null) chunk.prune(head, horizon);
      chunk.pushCommitted(new RowVersion(chunk, rowId, values, null, 0, true, 0), lsn(this.commitLsns[index]), keepRow(values));
    }
  }
}
