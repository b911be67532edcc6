/**
 * Rows that recovery has read in the log and not applied yet: gathered by chunk, then applied a chunk at a time. Nobody reads while recovery
 * runs, so that of a row changed many times only the last version is made, and a chunk is folded once and not whenever the log has come to it a few
 * dozen times more: log of small transactions takes half of the time.
 *
 * Promises: what is gathered is committed, and all of it is applied before anything else looks at the heaps (a record of a transaction
 * that goes on, a checkpoint, whoever makes room in memory). It is bounded: in bytes, and in chunks that are to be loaded for it.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { ChangedRows } from '../codec/chunk-changes.js';
import { PackedRows } from '../codec/packed-rows.js';
import { decodeRowAt, type LoggedRow } from '../txn/changes.js';
import { RowVersion } from '../txn/version.js';
import { CHUNK_ROWS, type RowId } from './api.js';
import type { HeapChunk } from './chunk.js';
import { keepRow } from './heap.js';
import type { FileHost, HeapFile } from './heap-file.js';

/** Bytes of rows: this share of the budget, up to a bound. */
const BYTES_SHARE = 3 / 8;
const MOST_BYTES = 48 << 20;
const FEWEST_BYTES = 1 << 20;
/** A single record may have more than what is left then: it is applied in parts. */
const FULL_SHARE = 15 / 16;
/**
 * Chunks that are to be loaded take this share of the budget at most. How large those of a heap are is seen from the first few of them, which are
 * loaded at once; the others may be so many times larger. (A fixed bound for all kinds had chunks of narrow rows folded three times instead of once.)
 */
const LOADED_SHARE = 1 / 4;
const SAMPLED_CHUNKS = 16;
const LARGER = 2;

/** Words of 32 bits of which a chunk gets some for its rows, again and again; a larger row has as many as it needs. */
const BLOCK_WORDS = 256;

/**
 * A row takes these words and behind them the words of the log that hold its bytes. Rows of a chunk stand side by side in its blocks: looking for them
 * where the log's order has put them costs a miss of the processor's caches for each.
 */
const ENTRY = {
  /** Its place in the chunk. */
  offset: 0,
  /** Bytes of the row; `DELETED`: it was deleted. */
  length: 1,
  /** Where they begin, in bytes behind the entry: as far from a whole word as in the log. */
  shift: 2,
  /** Its commit's LSN, in two parts. */
  lsnLow: 3,
  lsnHigh: 4,
} as const;
const ENTRY_WORDS = 5;
const DELETED = -1;
const TWO_32 = 2 ** 32;

/** The rows of a chunk, in the order of the log. */
class GatheredChunk {
  /** Where blocks begin, and where the entries of each end. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  rows = 0;
  /** The newest entry. */
  last = 0;
  /** Where the next one goes, and where the block ends. */
  at = 0;
  limit = 0;

  beginBlock(start: number, limit: number): void {
    if (this.starts.length > 0) this.ends.push(this.at);
    this.starts.push(start);
    this.at = start;
    this.limit = limit;
  }

  /** No more rows come. */
  finish(): void {
    this.ends.push(this.at);
  }
}

/** What is gathered of a heap, by chunk. */
class GatheredHeap {
  readonly chunks = new Map<number, GatheredChunk>();
  private samples = 0;
  private sampledBytes = 0;

  constructor(private readonly heap: HeapFile) {}

  /** Bytes that will be loaded for a chunk, roughly. */
  toLoad(number: number): number {
    const { heap } = this;
    if (number >= heap.chunkCount || heap.chunks[number] !== undefined) return 0;
    if (this.samples === SAMPLED_CHUNKS) return (this.sampledBytes / SAMPLED_CHUNKS) * LARGER;
    this.samples++;
    this.sampledBytes += heap.chunkAt(number).bytes();
    return 0;
  }
}

/** See the file's comment. */
export class GatheredRows {
  private readonly heaps = new Map<HeapFile, GatheredHeap>();
  private readonly words: Int32Array;
  private readonly bytes: Buffer;
  /** Words that are used. */
  private used = 0;
  /** The bytes that the last row came from, and the same as words where they are aligned. */
  private source: Buffer | null = null;
  private sourceWords: Int32Array | null = null;
  private toLoad = 0;
  /** The last of each row's changes, by offset in the chunk that is being applied; -1: it has none. */
  private readonly lastChanges = new Int32Array(CHUNK_ROWS);

  constructor(private readonly host: Pick<FileHost, 'horizon' | 'memory'>) {
    const bytes = Math.min(MOST_BYTES, Math.max(FEWEST_BYTES, Math.floor(host.memory.budget * BYTES_SHARE)));
    this.words = new Int32Array(bytes >> 2);
    this.bytes = Buffer.from(this.words.buffer);
  }

  get isEmpty(): boolean {
    return this.used === 0;
  }

  /** It is to be applied once the record is read. */
  get isFull(): boolean {
    return this.used >= this.words.length * FULL_SHARE || this.toLoad >= this.host.memory.budget * LOADED_SHARE;
  }

  /** The row is this one from `commitLsn` on; null: it is deleted. False: it is too large to be gathered; all that was gathered is applied then. */
  add(heap: HeapFile, rowId: number, row: LoggedRow | null, commitLsn: Lsn): boolean {
    const needed = ENTRY_WORDS + (row === null ? 0 : ((row.end + 3) >> 2) - (row.start >> 2));
    if (this.used + Math.max(needed, BLOCK_WORDS) > this.words.length) this.apply();
    if (needed > this.words.length) return false;
    const entry = this.place(heap, Math.floor((rowId - 1) / CHUNK_ROWS), needed);
    const { words } = this;
    words[entry + ENTRY.offset] = (rowId - 1) % CHUNK_ROWS;
    words[entry + ENTRY.length] = row === null ? DELETED : row.end - row.start;
    words[entry + ENTRY.shift] = row === null ? 0 : row.start & 3;
    words[entry + ENTRY.lsnLow] = commitLsn % TWO_32;
    words[entry + ENTRY.lsnHigh] = Math.floor(commitLsn / TWO_32);
    if (row !== null) this.copy(row, entry + ENTRY_WORDS);
    return true;
  }

  /** Copies a row to a place in `words`: word by word, 34 ns for one of 97 bytes; a call into Node takes 58. */
  private copy({ bytes, start, end }: LoggedRow, to: number): void {
    if (bytes !== this.source) {
      this.source = bytes;
      this.sourceWords = bytes.byteOffset % 4 === 0 ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : null;
    }
    const { words, sourceWords } = this;
    const last = (end + 3) >> 2;
    if (sourceWords === null || last > sourceWords.length) {
      bytes.copy(this.bytes, to * 4 + (start & 3), start, end);
      return;
    }
    for (let from = start >> 2, at = to; from < last; from++, at++) words[at] = sourceWords[from];
  }

  /** Words for a row of a chunk. */
  private place(heap: HeapFile, number: number, needed: number): number {
    let gathered = this.heaps.get(heap);
    if (gathered === undefined) this.heaps.set(heap, gathered = new GatheredHeap(heap));
    let chunk = gathered.chunks.get(number);
    if (chunk === undefined) {
      gathered.chunks.set(number, chunk = new GatheredChunk());
      this.toLoad += gathered.toLoad(number);
    }
    if (chunk.at + needed > chunk.limit) {
      const block = Math.max(needed, BLOCK_WORDS);
      chunk.beginBlock(this.used, this.used + block);
      this.used += block;
    }
    const entry = chunk.at;
    chunk.at += needed;
    chunk.rows++;
    chunk.last = entry;
    return entry;
  }

  /** Applies all of it. */
  apply(): void {
    for (const [heap, { chunks }] of this.heaps) {
      if (heap.released) continue;
      for (const number of [...chunks.keys()].sort((a, b) => a - b)) this.applyChunk(heap, number, chunks.get(number) as GatheredChunk);
    }
    this.heaps.clear();
    this.used = this.toLoad = 0;
    this.source = this.sourceWords = null;
  }

  private applyChunk(heap: HeapFile, number: number, gathered: GatheredChunk): void {
    const chunk = heap.ensureChunk(number);
    gathered.finish();
    this.findLastChanges(gathered);
    const horizon = this.host.horizon();
    const lastLsn = this.commitLsn(gathered.last);
    const isWorthIt = gathered.rows >= heap.fewestToFold && heap.isFull(chunk);
    if (isWorthIt && lastLsn <= horizon && chunk.hasOnlySettled(horizon)) this.settle(chunk, lastLsn);
    else this.pushVersions(chunk, gathered, horizon);
    heap.tryFold(chunk);
  }

  private findLastChanges({ starts, ends }: GatheredChunk): void {
    const { lastChanges, words } = this;
    lastChanges.fill(-1);
    for (let block = 0; block < starts.length; block++) {
      for (let entry = starts[block]; entry < ends[block]; entry += this.wordsOf(entry)) lastChanges[words[entry + ENTRY.offset]] = entry;
    }
  }

  private wordsOf(entry: number): number {
    const length = this.words[entry + ENTRY.length];
    return ENTRY_WORDS + (length === DELETED ? 0 : (this.words[entry + ENTRY.shift] + length + 3) >> 2);
  }

  private commitLsn(entry: number): Lsn {
    return lsn((this.words[entry + ENTRY.lsnLow] >>> 0) + this.words[entry + ENTRY.lsnHigh] * TWO_32);
  }

  /** Where the row of an entry begins in `bytes`. */
  private startOf(entry: number): number {
    return (entry + ENTRY_WORDS) * 4 + this.words[entry + ENTRY.shift];
  }

  private settle(chunk: HeapChunk, commitLsn: Lsn): void {
    const { bytes, lastChanges, words } = this;
    const positions: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const deleted: RowId[] = [];
    for (let offset = 0; offset < CHUNK_ROWS; offset++) {
      const entry = lastChanges[offset];
      if (entry < 0) continue;
      const length = words[entry + ENTRY.length];
      if (length === DELETED) {
        deleted.push(chunk.firstRowId + offset);
        continue;
      }
      const start = this.startOf(entry);
      positions.push(offset);
      starts.push(start);
      ends.push(start + length);
    }
    const changes = PackedRows.of({ bytes, positions, starts, ends }) ?? new ChangedRows(positions, starts.map((start, at) => decodeRowAt(bytes, start, ends[at])));
    chunk.settleRows(changes, deleted, commitLsn);
  }

  private pushVersions(chunk: HeapChunk, { starts, ends }: GatheredChunk, horizon: Lsn): void {
    const { lastChanges, words } = this;
    for (let block = 0; block < starts.length; block++) {
      for (let entry = starts[block]; entry < ends[block]; entry += this.wordsOf(entry)) {
        if (lastChanges[words[entry + ENTRY.offset]] === entry) this.pushVersion(chunk, entry, horizon);
      }
    }
  }

  private pushVersion(chunk: HeapChunk, entry: number, horizon: Lsn): void {
    const { bytes, words } = this;
    const offset = words[entry + ENTRY.offset];
    const rowId = chunk.firstRowId + offset;
    const length = words[entry + ENTRY.length];
    const start = this.startOf(entry);
    const values = length === DELETED ? null : decodeRowAt(bytes, start, start + length);
    const head = chunk.head(rowId);
    if (head !== undefined && head.older !== null) chunk.prune(head, horizon);
    chunk.pushCommitted(new RowVersion(chunk, rowId, values, null, 0, true, 0), this.commitLsn(entry), keepRow(values));
  }
}
