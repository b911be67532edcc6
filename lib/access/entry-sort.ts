/**
 * Sorts index entries in bounded memory: entries are packed as they come; when the memory is full they are sorted and written
 * to temporary space as a run, and the runs are merged as they are read back. What fits is sorted where it is.
 *
 * A run is frames of key length u32, row id f64, key bytes (little-endian); all runs are in one file.
 */
import type { ScratchFile, ScratchSpace } from '../env/scratch.js';
import type { IndexKey, RowId } from './api.js';
import { byteOrder, type PackedKeys } from './byte-order.js';
import { compareEntries, type KeyCompare } from './index-leaf.js';

/** Memory for a sort and where to go beyond it. */
export interface SortSpace {
  /** Bytes of entries kept in memory (maintenance_work_mem). */
  readonly memoryBytes: number;
  /** Null: everything stays in memory. */
  readonly scratch: ScratchSpace | null;
}

/** Entries in order; after `next()` returned true, `key` and `rowId` are the current one. */
export interface EntryStream {
  readonly key: IndexKey;
  readonly rowId: RowId;
  next(): boolean;
}

/** Less memory than this is not taken: runs would be too many to merge. */
const LEAST_MEMORY = 1 << 20;
/** Bytes of an entry beside its key: offset, row id, and what sorting takes. */
const ENTRY_OVERHEAD = 28;
/** Bytes of an entry whose key is sorted as a string, beside its characters. */
const TEXT_OVERHEAD = 60;
const FRAME_HEADER = 12;
const WRITE_BYTES = 256 << 10;
const LEAST_READ_BYTES = 8 << 10;
/** Keys up to this length are copied character by character, which is faster than a call into the buffer. */
const SHORT_KEY = 40;
const FIRST_ENTRIES = 1024;

/** Entries one behind the other. */
class PackedEntries implements PackedKeys {
  count = 0;
  bytes = Buffer.allocUnsafeSlow(16 * FIRST_ENTRIES);
  offsets = new Uint32Array(FIRST_ENTRIES + 1);
  rowIds = new Float64Array(FIRST_ENTRIES);

  add(key: IndexKey, rowId: RowId): void {
    const at = this.offsets[this.count];
    const end = at + key.length;
    if (end > this.bytes.length || this.count === this.rowIds.length) this.grow(end);
    const { bytes } = this;
    if (key.length <= SHORT_KEY) for (let index = 0; index < key.length; index++) bytes[at + index] = key.charCodeAt(index);
    else bytes.write(key, at, 'latin1');
    this.rowIds[this.count++] = rowId;
    this.offsets[this.count] = end;
  }

  private grow(bytes: number): void {
    if (bytes > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(bytes, Math.ceil(this.bytes.length * 1.5)));
      this.bytes.copy(grown, 0, 0, this.offsets[this.count]);
      this.bytes = grown;
    }
    if (this.count < this.rowIds.length) return;
    const capacity = Math.ceil(this.count * 1.5);
    const offsets = new Uint32Array(capacity + 1);
    offsets.set(this.offsets);
    this.offsets = offsets;
    const rowIds = new Float64Array(capacity);
    rowIds.set(this.rowIds);
    this.rowIds = rowIds;
  }

  get byteLength(): number {
    return this.offsets[this.count];
  }

  key(position: number): IndexKey {
    return this.bytes.toString('latin1', this.offsets[position], this.offsets[position + 1]);
  }

  order(compare: KeyCompare | null): Uint32Array {
    if (compare === null) return byteOrder(this);
    const keys = Array.from({ length: this.count }, (_, position) => this.key(position));
    return Uint32Array.from(keys.keys()).sort((a, b) => compareEntries(compare, keys[a], this.rowIds[a], keys[b], this.rowIds[b]));
  }

  clear(): void {
    this.count = 0;
  }
}

/** Reads what is in memory in order. */
class PackedStream implements EntryStream {
  key: IndexKey = '';
  rowId: RowId = 0;
  private at = 0;

  constructor(private readonly entries: PackedEntries, private readonly order: Uint32Array) {}

  next(): boolean {
    if (this.at === this.order.length) return false;
    const position = this.order[this.at++];
    this.key = this.entries.key(position);
    this.rowId = this.entries.rowIds[position];
    return true;
  }
}

/** Reads one run. */
class RunStream implements EntryStream {
  key: IndexKey = '';
  rowId: RowId = 0;
  private buffer: Buffer;
  private at = 0;
  private filled = 0;

  constructor(private readonly file: ScratchFile, private position: number, private readonly end: number, bufferBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  next(): boolean {
    if (!this.have(FRAME_HEADER)) return false;
    const length = this.buffer.readUInt32LE(this.at);
    this.have(FRAME_HEADER + length);
    this.rowId = this.buffer.readDoubleLE(this.at + 4);
    const from = this.at + FRAME_HEADER;
    this.at = from + length;
    this.key = this.buffer.toString('latin1', from, this.at);
    return true;
  }

  /** Makes sure that so many bytes are in the buffer from `at` on; false at the end of the run. */
  private have(bytes: number): boolean {
    const rest = this.filled - this.at;
    if (rest >= bytes) return true;
    const target = bytes <= this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(bytes);
    this.buffer.copy(target, 0, this.at, this.filled);
    this.buffer = target;
    const more = Math.min(target.length - rest, this.end - this.position);
    if (more > 0) this.file.read(target.subarray(rest, rest + more), this.position);
    this.position += more;
    this.at = 0;
    this.filled = rest + more;
    return this.filled >= bytes;
  }
}

/** Merges runs: a heap of streams, the least entry on top. */
class MergedStream implements EntryStream {
  key: IndexKey = '';
  rowId: RowId = 0;
  private readonly heap: EntryStream[] = [];
  private started = false;

  constructor(streams: readonly EntryStream[], private readonly compare: KeyCompare | null) {
    for (const stream of streams) if (stream.next()) this.heap.push(stream);
    for (let at = (this.heap.length >> 1) - 1; at >= 0; at--) this.sift(at);
  }

  next(): boolean {
    const { heap } = this;
    if (this.started && !heap[0].next()) {
      const last = heap.pop() as EntryStream;
      if (heap.length > 0) heap[0] = last;
    }
    if (heap.length === 0) return false;
    if (this.started) this.sift(0);
    this.started = true;
    this.key = heap[0].key;
    this.rowId = heap[0].rowId;
    return true;
  }

  private before(a: EntryStream, b: EntryStream): boolean {
    if (this.compare !== null) return compareEntries(this.compare, a.key, a.rowId, b.key, b.rowId) < 0;
    return a.key < b.key || (a.key === b.key && a.rowId < b.rowId);
  }

  private sift(from: number): void {
    const { heap } = this;
    const moving = heap[from];
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], moving)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moving;
  }
}

/** See the file's comment. */
export class EntrySorter {
  private entries = new PackedEntries();
  private file: ScratchFile | null = null;
  /** Where each run ends in the file. */
  private readonly runEnds: number[] = [];
  private readonly memoryBytes: number;
  private readonly overhead: number;

  constructor(private readonly compare: KeyCompare | null, private readonly space: SortSpace) {
    this.memoryBytes = space.scratch === null ? Infinity : Math.max(space.memoryBytes, LEAST_MEMORY);
    this.overhead = compare === null ? ENTRY_OVERHEAD : TEXT_OVERHEAD;
  }

  add(key: IndexKey, rowId: RowId): void {
    const { entries } = this;
    entries.add(key, rowId);
    const bytes = entries.byteLength * (this.compare === null ? 1 : 2) + entries.count * this.overhead;
    if (bytes >= this.memoryBytes) this.writeRun();
  }

  /** All entries in order; none may be added afterwards. */
  sorted(): EntryStream {
    if (this.file === null) return new PackedStream(this.entries, this.entries.order(this.compare));
    const file = this.file;
    if (this.entries.count > 0) this.writeRun();
    this.entries = new PackedEntries();
    const bufferBytes = Math.min(WRITE_BYTES, Math.max(LEAST_READ_BYTES, Math.floor(this.memoryBytes / this.runEnds.length)));
    const runs = this.runEnds.map((end, index) => new RunStream(file, index === 0 ? 0 : this.runEnds[index - 1], end, bufferBytes));
    return new MergedStream(runs, this.compare);
  }

  /** Gives temporary space back. */
  close(): void {
    this.file?.close();
  }

  private writeRun(): void {
    const { entries } = this;
    this.file ??= (this.space.scratch as ScratchSpace).create();
    const { offsets, rowIds, bytes } = entries;
    let buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
    let at = 0;
    for (const position of entries.order(this.compare)) {
      const length = offsets[position + 1] - offsets[position];
      if (at + FRAME_HEADER + length > buffer.length) {
        this.file.append(buffer.subarray(0, at));
        at = 0;
        if (FRAME_HEADER + length > buffer.length) buffer = Buffer.allocUnsafeSlow(FRAME_HEADER + length);
      }
      buffer.writeUInt32LE(length, at);
      buffer.writeDoubleLE(rowIds[position], at + 4);
      bytes.copy(buffer, at + FRAME_HEADER, offsets[position], offsets[position + 1]);
      at += FRAME_HEADER + length;
    }
    this.file.append(buffer.subarray(0, at));
    this.runEnds.push(this.file.length);
    entries.clear();
  }
}
