/**
 * Rows that recovery has read in the log and not applied yet: gathered by chunk, then applied a chunk at a time. Of a row changed many times only
 * the last version is made, and a chunk is folded once and not whenever the log has come to it a few dozen times more: log of small transactions
 * takes half of the time. Chunks are applied when somebody asks for them (`HeapFile.awaitsRows`), when there is no more room for rows, or behind all
 * else once the log is read, so that a server is there before its tables have been read and written. Once room becomes short a chunk that has got as many
 * changes as it has rows is applied at once.
 *
 * Promises: what is gathered is committed, and nobody sees a chunk without what is gathered of it: neither those who read and write rows, nor replay,
 * nor a checkpoint. It is bounded in bytes. A chunk that cannot be read raises XX001 for whoever asks for it, as any other does,
 * and ends the engine when it is to be applied behind all else: what was committed is not to be left out for long.
 */
import { INVALID_LSN, lsn, type Lsn } from '../base/lsn.js';
import { ChangedRows } from '../codec/chunk-changes.js';
import { PackedRows, PackedRowsMemory, type PackedPlaces } from '../codec/packed-rows.js';
import { decodeRowAt, type LoggedRow } from '../txn/changes.js';
import { RowVersion } from '../txn/version.js';
import { CHUNK_ROWS, type RowId } from './api.js';
import type { HeapChunk } from './chunk.js';
import { GatheredHeap, type GatheredChunk } from './gathered-heap.js';
import { keepRow } from './heap.js';
import type { FileHost, HeapFile } from './heap-file.js';

/** Bytes of rows: this share of the budget, up to a bound. */
const BYTES_SHARE = 3 / 8;
const MOST_BYTES = 48 << 20;
const FEWEST_BYTES = 1 << 20;
/** A single record may have more than what is left then: the rest of it is not gathered. */
const FULL_SHARE = 15 / 16;
/** With more than this in use chunks that are full are applied. */
const SHORT_SHARE = 1 / 2;

/** Words of 32 bits of which a chunk gets some for its rows, again and again; a larger row has as many times so many as it needs. */
const BLOCK_WORDS = 256;

/**
 * A row takes these words and behind them the words of the log that hold its bytes. Rows of a chunk stand side by side in its blocks: looking for them
 * where the log's order has put them costs a miss of the processor's caches for each. It is as short as can be: memory that is written for the first time
 * is what gathering costs most.
 */
const ENTRY = {
  /** From the lowest bit on: its place in the chunk, where it begins in bytes behind the entry (as far from a whole word as in the log), bytes of it (0: it was deleted). */
  row: 0,
  /** Its commit's LSN, as bytes of log since the first one that is gathered. */
  committed: 1,
} as const;
const ENTRY_WORDS = 2;
const SHIFT_AT = 10;
const LENGTH_AT = 12;
const OFFSET_MASK = CHUNK_ROWS - 1;
const LONGEST_ROW = 2 ** (32 - LENGTH_AT) - 1;
const MOST_LOG = 2 ** 32 - 1;

/** A chunk that has rows. */
export interface AwaitingChunk {
  readonly heap: HeapFile;
  readonly number: number;
}

/** See the file's comment. */
export class GatheredRows {
  /** By file number. */
  private readonly heaps = new Map<number, GatheredHeap>();
  /** How many words there can be. */
  private readonly mostWords: number;
  /** All of them from the first row on: a start after a clean stop gathers none, and V8 collects garbage at the sight of so much. */
  private words = new Int32Array(0);
  private bytes = Buffer.alloc(0);
  /** Words that were used, from the first on; and the blocks among them that are free again. */
  private used = 0;
  private readonly free: number[] = [];
  /** The bytes that the last row came from, and the same as words where they are aligned. */
  private source: Buffer | null = null;
  private sourceWords: Int32Array | null = null;
  /** Chunks that have rows. */
  private chunks = 0;
  /** The commits of the first row and of the last one. */
  private firstLsn: Lsn = INVALID_LSN;
  private lastLsn: Lsn = INVALID_LSN;
  /** Chunks that have got as many changes as they have rows, since room is short. */
  private readonly filled: AwaitingChunk[] = [];
  /** Of the chunk that is being applied: the last of each row's changes, by offset in it; -1: it has none. */
  private readonly lastChanges = new Int32Array(CHUNK_ROWS);
  /** The rows that are to be packed: their offsets, and where they stand. */
  private readonly positions = new Uint16Array(CHUNK_ROWS);
  private readonly starts = new Int32Array(CHUNK_ROWS);
  private readonly ends = new Int32Array(CHUNK_ROWS);
  private readonly packedMemory = new PackedRowsMemory();

  constructor(private readonly host: Pick<FileHost, 'horizon' | 'memory'>) {
    const bytes = Math.min(MOST_BYTES, Math.max(FEWEST_BYTES, Math.floor(host.memory.budget * BYTES_SHARE)));
    this.mostWords = bytes >> 2;
  }

  private makeWords(): void {
    this.words = new Int32Array(this.mostWords);
    this.bytes = Buffer.from(this.words.buffer);
  }

  /** It is to be applied once the record is read. */
  get isFull(): boolean {
    return this.used - this.free.length * BLOCK_WORDS >= this.mostWords * FULL_SHARE || this.lastLsn - this.firstLsn > MOST_LOG * FULL_SHARE;
  }

  /** The row is this one from `commitLsn` on; null: it is deleted. False: there is no room for it, and what comes behind it in its record is not to be gathered either. */
  add(heap: HeapFile, rowId: number, row: LoggedRow | null, commitLsn: Lsn): boolean {
    const length = row === null ? 0 : row.end - row.start;
    const needed = ENTRY_WORDS + (row === null ? 0 : ((row.end + 3) >> 2) - (row.start >> 2));
    if (this.chunks === 0) this.firstLsn = commitLsn;
    if (this.isOutOfRoom(needed) || length > LONGEST_ROW || commitLsn - this.firstLsn > MOST_LOG) return false;
    this.lastLsn = commitLsn;
    if (this.words.length === 0) this.makeWords();
    const entry = this.place(heap, Math.floor((rowId - 1) / CHUNK_ROWS), needed);
    const { words } = this;
    const shift = row === null ? 0 : row.start & 3;
    words[entry + ENTRY.row] = ((rowId - 1) & OFFSET_MASK) | (shift << SHIFT_AT) | (length << LENGTH_AT);
    words[entry + ENTRY.committed] = commitLsn - this.firstLsn;
    if (row !== null) this.copy(row, entry + ENTRY_WORDS);
    return true;
  }

  private isOutOfRoom(needed: number): boolean {
    return this.used + blocksFor(needed) * BLOCK_WORDS > this.mostWords && (needed > BLOCK_WORDS || this.free.length === 0);
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
    let gathered = this.heaps.get(heap.file);
    // Another file may have this number by now: the one before is nobody's.
    if (gathered !== undefined && gathered.heap !== heap) this.forget(gathered.heap);
    if (gathered?.heap !== heap) this.heaps.set(heap.file, gathered = this.gather(heap));
    if (!gathered.has(number)) {
      gathered.begin(number);
      this.chunks++;
    }
    if (!gathered.hasRoom(number, needed)) this.beginBlock(gathered, number, needed);
    const entry = gathered.take(number, needed);
    if (gathered.rowsOf(number) % CHUNK_ROWS === 0 && this.used > this.mostWords * SHORT_SHARE) this.filled.push({ heap, number });
    return entry;
  }

  private gather(heap: HeapFile): GatheredHeap {
    const gathered: GatheredHeap = new GatheredHeap(heap, (chunk) => this.applyTo(gathered, chunk));
    return gathered;
  }

  private beginBlock(gathered: GatheredHeap, number: number, needed: number): void {
    const again = needed > BLOCK_WORDS ? undefined : this.free.pop();
    if (again !== undefined) {
      gathered.beginBlock(number, again, again + BLOCK_WORDS);
      return;
    }
    const start = this.used;
    this.used += blocksFor(needed) * BLOCK_WORDS;
    gathered.beginBlock(number, start, this.used);
  }

  /** The chunks that have rows, in order. */
  awaiting(): AwaitingChunk[] {
    return [...this.heaps.values()].flatMap(({ heap, numbers }) => numbers.map((number) => ({ heap, number })));
  }

  /** Has a chunk's rows put into it, if that has not been done. XX001 where the chunk is damaged. */
  apply({ heap, number }: AwaitingChunk): void {
    if (heap.isAwaiting(number)) heap.chunkAt(number);
    else if (heap.released) this.forget(heap);
  }

  /** The heap is gone, and all that was gathered of it. */
  private forget(heap: HeapFile): void {
    const gathered = this.heaps.get(heap.file);
    if (gathered?.heap !== heap) return;
    for (const number of gathered.numbers) this.giveBack(gathered.finish(number));
    this.heaps.delete(heap.file);
  }

  /**
   * Applies chunks that have got as many changes as they have rows since room is short: gathering more would not make these cheaper. What they stood in is
   * used again while the processor has it in its caches: from then on rows that are inserted take a few chunks' memory, not that of all of them.
   */
  applyFilled(): void {
    if (this.filled.length === 0) return;
    for (const chunk of this.filled) if (chunk.heap.isFull(chunk.number)) this.apply(chunk);
    this.filled.length = 0;
  }

  private giveBack({ starts, ends }: GatheredChunk): void {
    for (let block = 0; block < starts.length; block++) {
      for (let at = starts[block]; at < ends[block]; at += BLOCK_WORDS) this.free.push(at);
    }
    if (--this.chunks > 0) return;
    this.used = this.free.length = 0;
    this.source = this.sourceWords = null;
  }

  private applyTo(from: GatheredHeap, chunk: HeapChunk): void {
    const { heap } = from;
    const gathered = from.finish(chunk.number);
    this.findLastChanges(gathered);
    const horizon = this.host.horizon();
    const lastLsn = this.commitLsn(gathered.last);
    const isWorthIt = gathered.rows >= heap.fewestToFold && heap.isFull(chunk.number);
    if (isWorthIt && lastLsn <= horizon && chunk.hasOnlySettled(horizon)) this.settle(chunk, lastLsn);
    else this.pushVersions(chunk, gathered, horizon);
    heap.tryFold(chunk);
    this.giveBack(gathered);
  }

  private findLastChanges({ starts, ends }: GatheredChunk): void {
    const { lastChanges, words } = this;
    lastChanges.fill(-1);
    for (let block = 0; block < starts.length; block++) {
      for (let entry = starts[block]; entry < ends[block]; entry += this.wordsOf(entry)) lastChanges[words[entry] & OFFSET_MASK] = entry;
    }
  }

  private lengthOf(entry: number): number {
    return this.words[entry] >>> LENGTH_AT;
  }

  private shiftOf(entry: number): number {
    return (this.words[entry] >> SHIFT_AT) & 3;
  }

  private wordsOf(entry: number): number {
    return ENTRY_WORDS + ((this.shiftOf(entry) + this.lengthOf(entry) + 3) >> 2);
  }

  private commitLsn(entry: number): Lsn {
    return lsn((this.words[entry + ENTRY.committed] >>> 0) + this.firstLsn);
  }

  /** Where the row of an entry begins in `bytes`. */
  private startOf(entry: number): number {
    return (entry + ENTRY_WORDS) * 4 + this.shiftOf(entry);
  }

  private settle(chunk: HeapChunk, commitLsn: Lsn): void {
    const { bytes, lastChanges, positions, starts, ends } = this;
    const deleted: RowId[] = [];
    let count = 0;
    for (let offset = 0; offset < CHUNK_ROWS; offset++) {
      const entry = lastChanges[offset];
      if (entry < 0) continue;
      const length = this.lengthOf(entry);
      if (length === 0) {
        deleted.push(chunk.firstRowId + offset);
        continue;
      }
      const start = this.startOf(entry);
      positions[count] = offset;
      starts[count] = start;
      ends[count++] = start + length;
    }
    const places = { bytes, positions: positions.subarray(0, count), starts: starts.subarray(0, count), ends: ends.subarray(0, count) };
    chunk.settleRows(PackedRows.of(places, this.packedMemory) ?? decodedRows(places), deleted, commitLsn);
  }

  private pushVersions(chunk: HeapChunk, { starts, ends }: GatheredChunk, horizon: Lsn): void {
    const { lastChanges, words } = this;
    for (let block = 0; block < starts.length; block++) {
      for (let entry = starts[block]; entry < ends[block]; entry += this.wordsOf(entry)) {
        if (lastChanges[words[entry] & OFFSET_MASK] === entry) this.pushVersion(chunk, entry, horizon);
      }
    }
  }

  private pushVersion(chunk: HeapChunk, entry: number, horizon: Lsn): void {
    const rowId = chunk.firstRowId + (this.words[entry] & OFFSET_MASK);
    const length = this.lengthOf(entry);
    const start = this.startOf(entry);
    const values = length === 0 ? null : decodeRowAt(this.bytes, start, start + length);
    const head = chunk.head(rowId);
    if (head !== undefined && head.older !== null) chunk.prune(head, horizon);
    chunk.pushCommitted(new RowVersion(chunk, rowId, values, null, 0, true, 0), this.commitLsn(entry), keepRow(values));
  }
}

function decodedRows({ bytes, positions, starts, ends }: PackedPlaces): ChangedRows {
  return new ChangedRows(positions, Array.from(starts, (start, at) => decodeRowAt(bytes, start, ends[at])));
}

function blocksFor(words: number): number {
  return Math.ceil(words / BLOCK_WORDS);
}
