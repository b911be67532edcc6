/**
 * A table file: its chunks (resident, at rest, or swapped out), the next row id, its row locks. What a `Heap` (a file
 * opened with a shape) works on.
 */
import type { ByteMemory } from '../base/byte-memory.js';
import type { Lsn } from '../base/lsn.js';
import type { ReadValue } from '../kv/kv.js';
import { checkedValue } from '../kv/stored-value.js';
import type { FilePersistence } from '../txn/changes.js';
import { RowLockTable } from '../txn/row-locks.js';
import { Effect, type EngineTransaction } from '../txn/transaction.js';
import type { RowVersion, VersionWriter } from '../txn/version.js';
import { CHUNK_BYTES, CHUNK_ROWS, type FileNumber, type RowId } from './api.js';
import { ChunkRoom } from './chunk-rooms.js';
import { HeapChunk, type ChunkOwner, type SwappedChunk } from './chunk.js';
import { decodeBase, decodeSwap, decodeUnchecked, loadChunk, type Base, type WriterOutcomes } from './chunk-values.js';
import { KEY_SPACE, valueKey } from './format.js';
import type { MemoryBudget } from './memory.js';
import type { SettledRows } from './settled.js';

/** What files need of the engine. */
export interface FileHost {
  /** No snapshot older than this exists: versions that only older ones need may go. */
  horizon(): Lsn;
  /** The state that was opened is of this LSN: no snapshot is older, ever. */
  readonly restoredLsn: Lsn;
  /** See `StorageSettings`. */
  readonly foldRows: number;
  readonly memory: MemoryBudget;
  /** A value at rest, put into `memory` if that is given. XX001 when it is damaged or missing. */
  readValue(key: Uint8Array, memory?: ByteMemory): Uint8Array;
  /**
   * Values at rest, read off the thread and perhaps not checked, in the order of the keys; null for what is damaged or missing. `memories`:
   * where each may be put.
   */
  readValues(keys: readonly Uint8Array[], memories: readonly ByteMemory[]): Promise<(ReadValue | null)[]>;
  /** A value at rest is not needed any more. */
  discardValue(key: Uint8Array): void;
  /** The transaction has written an entry of an index that is not logged. */
  unloggedEntry(transaction: EngineTransaction): void;
}

/** What a directory says of a heap file. */
export interface HeapDirectory {
  nextRowId: RowId;
  rowCount: number;
  /** By chunk: version of the base and of the delta at rest; 0 = none. */
  baseVersions: number[];
  deltaVersions: number[];
  /** By chunk: how many rows it has there, base and delta together; null = not known. */
  chunkRows: (number | null)[];
}

/** A chunk at rest: its base, which may have to be checked, and its delta, each with its version; version 0: there is none. */
export interface ValuesAtRest {
  readonly baseVersion: number;
  readonly deltaVersion: number;
  readonly base: ReadValue | null;
  readonly delta: Uint8Array | null;
  /** Where base and delta stand. */
  readonly room: ChunkRoom;
  readonly deltaRoom: ChunkRoom;
}

/** Rows that recovery has read in the log and not put into their chunks yet. */
export interface UnappliedRows {
  has(number: number): boolean;
  /** Puts those of the chunk into it: there are none of it any more. */
  applyTo(chunk: HeapChunk): void;
  readonly isEmpty: boolean;
}

/** A fold costs by the size of the chunk, and so does the base that a checkpoint writes after it: it is worth that when the versions weigh half as much. */
const FOLD_SHARE = 0.5;
/** So small a part of `foldRows` is not worth it in any case. */
const FEWEST_SHARE = 1 / 8;
/** A chunk is folded when so many after it have been begun: by then most of its writers have ended, and are seen by everybody. */
const FILLED_BEFORE = 2;
/** Chunks looked at for an estimate. */
const SAMPLED_CHUNKS = 64;
/** Room made for a chunk before it is loaded. */
const LOAD_ROOM = 64 << 10;

/** What became of the writers of a swapped-out chunk. */
class SwapOutcomes implements WriterOutcomes {
  constructor(private readonly writers: readonly EngineTransaction[]) {}

  outcome(xid: number, sequence: number): EngineTransaction | Lsn | null {
    const writer = this.writers.find((candidate) => candidate.xid === xid);
    if (writer === undefined || writer.state === 'aborted') return null;
    if (writer.undoneRanges.some(([from, to]) => sequence >= from && sequence < to)) return null;
    return writer.state === 'committed' ? writer.commitLsn : writer;
  }

  rejoin(version: RowVersion, writer: VersionWriter): void {
    (writer as EngineTransaction).versions.push(version);
  }
}

/** A chunk filled by one command of one transaction. */
class BulkEffect extends Effect {
  constructor(private readonly file: HeapFile, private readonly chunk: number, private readonly rows: number) {
    super();
  }

  committed(lsn: Lsn): void {
    this.file.endBulk(this.chunk, lsn);
  }

  undone(): void {
    this.file.liveRows -= this.rows;
    this.file.endBulk(this.chunk, null);
  }
}

/** See the file's comment. */
export class HeapFile implements ChunkOwner {
  readonly kind = 'heap';
  /** By number; undefined = not resident. */
  readonly chunks: (HeapChunk | undefined)[] = [];
  nextRowId: RowId = 1;
  liveRows = 0;
  readonly baseVersions: number[] = [];
  readonly deltaVersions: number[] = [];
  /** When each chunk was last read without being kept (`MemoryBudget.pass`). */
  private readonly lastReads: number[] = [];
  /** Rows of each chunk at rest; null or beyond the end = not known. */
  readonly chunkRows: (number | null)[] = [];
  /** Chunks that had to make room, by number. */
  readonly swapped = new Map<number, SwappedChunk>();
  /** What is still to be put into chunks: whoever asks for such a chunk has it done. */
  private unapplied: UnappliedRows | null = null;
  /** Chunks that differ from what is at rest (resident, swapped out, or awaiting rows). */
  dirtyChunks = new Set<number>();
  /** The directory at rest: its version, 0 = none. */
  directoryVersion = 0;
  directoryDirty = false;
  readonly rowLocks = new RowLockTable<EngineTransaction>();
  /** Transaction that created the file and has not ended. */
  creator: EngineTransaction | null = null;
  private openChunk: HeapChunk | null = null;
  released = false;

  constructor(readonly host: FileHost, readonly file: FileNumber, readonly persistence: FilePersistence) {}

  /** Takes over what the directory at rest says. */
  restore(directory: HeapDirectory, version: number): void {
    this.nextRowId = directory.nextRowId;
    this.liveRows = directory.rowCount;
    this.baseVersions.push(...directory.baseVersions);
    this.deltaVersions.push(...directory.deltaVersions);
    this.chunkRows.push(...directory.chunkRows);
    this.chunks.length = directory.baseVersions.length;
    this.directoryVersion = version;
  }

  /** Whether changes go to the log. */
  get logged(): boolean {
    return this.persistence === 'permanent';
  }

  memoryChanged(bytes: number): void {
    if (!this.released) this.host.memory.changed(bytes);
  }

  newRoom(): ChunkRoom {
    return new ChunkRoom(this.host.memory.rooms);
  }

  liveRowsChanged(by: number): void {
    this.liveRows += by;
  }

  chunkDirty(chunk: HeapChunk): void {
    this.dirtyChunks.add(chunk.number);
  }

  /** Takes the set of dirty chunks, for a checkpoint. */
  takeDirty(): Set<number> {
    const dirty = this.dirtyChunks;
    this.dirtyChunks = new Set();
    return dirty;
  }

  addDirty(number: number): void {
    this.dirtyChunks.add(number);
  }

  removeDirty(number: number): void {
    this.dirtyChunks.delete(number);
  }

  /** The chunk, which may be a new one, has rows among the unapplied ones now. */
  awaitsRows(number: number, rows: UnappliedRows): void {
    this.unapplied = rows;
    while (this.chunks.length <= number) this.chunks.push(undefined);
    this.dirtyChunks.add(number);
  }

  /** Whether there are rows that are still to be put into the chunk. */
  isAwaiting(number: number): boolean {
    return this.unapplied !== null && this.unapplied.has(number);
  }

  /** Whether the chunk, where it is not resident, is more than what is at rest. */
  private isMoreThanAtRest(number: number): boolean {
    return this.swapped.has(number) || this.isAwaiting(number);
  }

  private applyAwaited(chunk: HeapChunk): void {
    const { unapplied } = this;
    if (unapplied === null || !unapplied.has(chunk.number)) return;
    unapplied.applyTo(chunk);
    if (unapplied.isEmpty) this.unapplied = null;
  }

  /** Whether a checkpoint has something of the chunk to write. */
  hasUnwritten(number: number): boolean {
    return (this.chunks[number]?.dirty ?? this.swapped.has(number)) || this.isAwaiting(number);
  }

  /** Whether the chunk is swapped out and nothing of what is not at rest was committed at or before an LSN. */
  isSwappedWork(number: number, at: Lsn): boolean {
    const swapped = this.swapped.get(number);
    if (swapped === undefined || swapped.committed || this.isAwaiting(number)) return false;
    return swapped.writers.every((writer) => writer.state === 'active' || (writer.state === 'committed' && writer.commitLsn > at));
  }

  /** Number of chunks, resident or not. */
  get chunkCount(): number {
    return this.chunks.length;
  }

  /** The chunk with this number, to be changed, and so checked as a whole; loaded when it is not resident. */
  chunkAt(number: number): HeapChunk {
    const chunk = this.residentChunk(number) ?? this.loadChunk(number);
    chunk.settled?.packed.checkAll();
    return chunk;
  }

  private residentChunk(number: number): HeapChunk | undefined {
    const chunk = this.chunks[number];
    if (chunk === undefined) return undefined;
    chunk.referenced = true;
    this.host.memory.hits++;
    if (this.unapplied !== null) this.applyAwaited(chunk);
    return chunk;
  }

  /** The chunk of a row, to be changed, or null when no such row id was ever given. */
  chunkOf(rowId: RowId): HeapChunk | null {
    const number = Math.floor((rowId - 1) / CHUNK_ROWS);
    return number < this.chunks.length && number >= 0 ? this.chunkAt(number) : null;
  }

  /** The same for reading alone. */
  chunkToReadOf(rowId: RowId): HeapChunk | null {
    const number = Math.floor((rowId - 1) / CHUNK_ROWS);
    return number < this.chunks.length && number >= 0 ? this.chunkToRead(number) : null;
  }

  /**
   * The chunk with this number for reading alone, now: it may be a copy of what is at rest that nobody else will see, and that does not
   * count as memory (`MemoryBudget.keeps`). What is at rest says the same to everybody, or else the chunk would be resident. Its bytes are to be
   * read before another chunk is asked for, or else `chunk.room` is to be told.
   */
  chunkToRead(number: number, ahead: ValuesAtRest | null = null): HeapChunk {
    const resident = this.residentChunk(number);
    if (resident !== undefined) return resident;
    if (this.isMoreThanAtRest(number)) return this.chunkAt(number);
    const { memory } = this.host;
    if (this.isPassing(memory.passing, number)) return memory.passing;
    if (memory.keeps(this.lastReads[number] ?? 0)) return this.loadChunk(number, ahead);
    const chunk = this.readChunk(number, ahead);
    this.lastReads[number] = memory.passChunk(chunk);
    return chunk;
  }

  private isPassing(chunk: HeapChunk | null, number: number): chunk is HeapChunk {
    return chunk !== null && chunk.number === number && chunk.owner === this;
  }

  /** The chunk for a scan, which may take its time, from what was read ahead if it was; null when it is known to be empty. */
  chunkForScan(number: number, ahead: ValuesAtRest | null): HeapChunk | null {
    return this.residentChunk(number) ?? (this.isEmptyAtRest(number) ? null : this.chunkToRead(number, ahead));
  }

  /** Whether the chunk has rows, all of them at rest and none in memory. */
  isOnlyAtRest(number: number): boolean {
    return this.chunks[number] === undefined && !this.isMoreThanAtRest(number) && !this.isEmptyAtRest(number);
  }

  /**
   * How many rows of the chunk every snapshot sees, where that is known without reading it: a chunk that is only at rest shows the same to
   * all (`canEvict`).
   */
  rowsOnlyAtRest(number: number): number | null {
    return this.isOnlyAtRest(number) ? this.chunkRows[number] ?? null : null;
  }

  /** Whether values read earlier are what is at rest now. */
  isNewestAtRest(number: number, { baseVersion, deltaVersion }: ValuesAtRest): boolean {
    return (this.baseVersions[number] ?? 0) === baseVersion && (this.deltaVersions[number] ?? 0) === deltaVersion;
  }

  /** Reads chunks at rest off the thread; null for those that could not be read. */
  async readAtRest(numbers: readonly number[]): Promise<(ValuesAtRest | null)[]> {
    const versions = numbers.map((number) => ({ baseVersion: this.baseVersions[number] ?? 0, deltaVersion: this.deltaVersions[number] ?? 0 }));
    const keys: Buffer[] = [];
    const rooms: ChunkRoom[] = [];
    const places = versions.map(({ baseVersion, deltaVersion }, index) => {
      const [room, deltaRoom] = [this.newRoom(), this.newRoom()];
      if (baseVersion !== 0) rooms[keys.push(valueKey(KEY_SPACE.base, this.file, numbers[index], baseVersion)) - 1] = room;
      if (deltaVersion !== 0) rooms[keys.push(valueKey(KEY_SPACE.delta, this.file, numbers[index], deltaVersion)) - 1] = deltaRoom;
      return { room, deltaRoom };
    });
    const values = await this.host.readValues(keys, rooms);
    let at = 0;
    return versions.map(({ baseVersion, deltaVersion }, index) => {
      const base = baseVersion === 0 ? null : values[at++];
      const deltaRead = deltaVersion === 0 ? null : values[at++];
      const delta = deltaRead === null ? null : checkedValue(deltaRead);
      const isWhole = (base !== null || baseVersion === 0) && (delta !== null || deltaVersion === 0);
      return isWhole ? { baseVersion, deltaVersion, base, delta, ...places[index] } : null;
    });
  }

  private isEmptyAtRest(number: number): boolean {
    return (this.baseVersions[number] ?? 0) === 0 && (this.deltaVersions[number] ?? 0) === 0 && !this.isMoreThanAtRest(number);
  }

  private loadChunk(number: number, ahead: ValuesAtRest | null = null): HeapChunk {
    this.host.memory.makeRoom(LOAD_ROOM);
    const { memory } = this.host;
    // Nothing of it can have changed: whoever changes it, has it made resident first.
    const chunk = this.isPassing(memory.passing, number) ? memory.passing : this.readChunk(number, ahead);
    if (chunk === memory.passing) memory.passing = null;
    const swapped = this.swapped.get(number);
    if (swapped !== undefined) this.takeSwapped(chunk, swapped);
    this.place(chunk);
    if (this.unapplied !== null) this.applyAwaited(chunk);
    return chunk;
  }

  /** A copy of what is at rest; of a chunk that was swapped out, its base. */
  private readChunk(number: number, ahead: ValuesAtRest | null): HeapChunk {
    this.host.memory.reads++;
    const chunk = new HeapChunk(this, number);
    const base = this.baseVersions[number] ?? 0;
    const delta = this.swapped.has(number) ? 0 : this.deltaVersions[number] ?? 0;
    const room = base === 0 ? null : ahead?.room ?? this.newRoom();
    const deltaRoom = ahead?.deltaRoom ?? this.newRoom();
    loadChunk(
      chunk, room === null ? null : this.readBase(number, base, ahead?.base ?? null, room), room,
      delta === 0 ? null : ahead?.delta ?? this.host.readValue(valueKey(KEY_SPACE.delta, this.file, number, delta), deltaRoom),
    );
    deltaRoom.release();
    return chunk;
  }

  /** A base, from what was read ahead if that was and is not damaged: if it is, reading once more tells. */
  private readBase(number: number, version: number, ahead: ReadValue | null, memory: ByteMemory): Base {
    const key = (): Buffer => valueKey(KEY_SPACE.base, this.file, number, version);
    return (ahead === null ? null : decodeUnchecked(ahead, key)) ?? decodeBase(this.host.readValue(key(), memory));
  }

  /** Brings back what was swapped out. */
  private takeSwapped(chunk: HeapChunk, swapped: SwappedChunk): void {
    const room = this.newRoom();
    decodeSwap(chunk, this.host.readValue(this.swapKey(chunk.number, swapped), room), new SwapOutcomes(swapped.writers));
    room.release();
    this.swapped.delete(chunk.number);
    // While nothing changes, the swap value stays good: the chunk can go again without being written.
    chunk.swapCopy = { swapped, changes: chunk.changes };
    chunk.dirty = true;
    this.dirtyChunks.add(chunk.number);
  }

  private swapKey(number: number, swapped: SwappedChunk): Buffer {
    return valueKey(KEY_SPACE.swap, this.file, number, swapped.serial);
  }

  private discardSwapCopy(chunk: HeapChunk): void {
    if (chunk.swapCopy !== null) this.host.discardValue(this.swapKey(chunk.number, chunk.swapCopy.swapped));
    chunk.swapCopy = null;
  }

  /** The chunk has made room: its value is written. */
  swapOut(chunk: HeapChunk, swapped: SwappedChunk): void {
    this.discardSwapCopy(chunk);
    this.swapped.set(chunk.number, swapped);
    this.dirtyChunks.add(chunk.number);
    this.removeChunk(chunk);
  }

  /** A bulk insert filled the chunk: its transaction's end decides. */
  noteBulk(transaction: EngineTransaction, chunk: HeapChunk): void {
    transaction.addEffect(new BulkEffect(this, chunk.number, (chunk.settled as SettledRows).positions));
  }

  /** The end of a bulk insert into a chunk that may have been swapped out. */
  endBulk(number: number, lsn: Lsn | null): void {
    const chunk = this.chunks[number];
    if (chunk !== undefined) {
      if (chunk.bulkWriter !== null) chunk.endBulk(lsn);
      return;
    }
    const swapped = this.swapped.get(number);
    if (lsn !== null || swapped === undefined) return;
    this.swapped.delete(number);
    this.host.discardValue(this.swapKey(number, swapped));
  }

  private place(chunk: HeapChunk): void {
    this.chunks[chunk.number] = chunk;
    this.host.memory.add(chunk);
  }

  /** Takes the next row id; its chunk is resident afterwards. */
  allocate(): RowId {
    let rowId = this.nextRowId;
    let chunk = this.openChunk;
    const number = Math.floor((rowId - 1) / CHUNK_ROWS);
    if (chunk === null || chunk.number !== number || this.chunks[number] !== chunk) chunk = this.ensureChunk(number);
    if (chunk.versionBytes > CHUNK_BYTES) {
      rowId = (number + 1) * CHUNK_ROWS + 1;
      chunk = this.ensureChunk(number + 1);
    }
    this.openChunk = chunk;
    this.nextRowId = rowId + 1;
    return rowId;
  }

  /** Rows until the next one begins a chunk; 0: it does. */
  get rowsToChunk(): number {
    return (CHUNK_ROWS - ((this.nextRowId - 1) % CHUNK_ROWS)) % CHUNK_ROWS;
  }

  /** Takes a whole chunk, which is resident and nobody else's afterwards; null when the next row id does not begin one. */
  allocateChunk(): HeapChunk | null {
    if (this.rowsToChunk !== 0) return null;
    const number = (this.nextRowId - 1) / CHUNK_ROWS;
    const chunk = this.ensureChunk(number);
    if (chunk.settled !== null || chunk.order.length > 0) return null;
    this.openChunk = null;
    this.nextRowId += CHUNK_ROWS;
    return chunk;
  }

  /** The chunk with this number, made when the file is not that long yet. */
  ensureChunk(number: number): HeapChunk {
    if (number < this.chunks.length) return this.chunkAt(number);
    this.host.memory.makeRoom(LOAD_ROOM);
    while (this.chunks.length < number) this.chunks.push(undefined);
    const chunk = new HeapChunk(this, number);
    this.place(chunk);
    this.foldFilled(number - FILLED_BEFORE);
    return chunk;
  }

  /** Rows that were inserted one by one stay versions until somebody changes their chunk, unless it is folded once it is full. */
  private foldFilled(number: number): void {
    const chunk = this.chunks[number];
    if (chunk !== undefined && !this.released) this.tryFold(chunk);
  }

  /** Makes sure that row ids up to this one are never given again. */
  reserve(rowId: RowId): void {
    if (rowId >= this.nextRowId) this.nextRowId = rowId + 1;
  }

  /** With fewer changed rows a chunk is not folded in any case. */
  get fewestToFold(): number {
    return this.host.foldRows * FEWEST_SHARE;
  }

  /** Packs the chunk's changed rows when they are many, it is full and everybody sees them. Returns whether it did. */
  tryFold(chunk: HeapChunk): boolean {
    const { foldRows } = this.host;
    const { settled, heads } = chunk;
    if (heads.size < this.fewestToFold) return false;
    if (heads.size < foldRows && settled !== null && chunk.versionBytes < settled.packed.byteLength * FOLD_SHARE) return false;
    return this.isFull(chunk.number) && chunk.fold(this.host.horizon());
  }

  /** Forgets the chunk's versions that nobody needs and packs the others; loads it when it may have any. */
  settle(number: number): void {
    const changed = this.chunks[number] !== undefined || this.isMoreThanAtRest(number) || (this.deltaVersions[number] ?? 0) !== 0;
    if (!changed) return;
    const chunk = this.chunkAt(number);
    if (chunk.order.length === 0) return;
    chunk.pruneAll(this.host.horizon());
    // The next checkpoint then writes it folded, too.
    if (this.tryFold(chunk)) chunk.markDirty();
  }

  /** Whether no more rows will be added to the chunk. */
  isFull(number: number): boolean {
    return this.nextRowId > (number + 1) * CHUNK_ROWS;
  }

  /** Size, roughly: a sample of what is resident, and as much for each chunk that is not. */
  estimateBytes(): number {
    let resident = 0;
    let bytes = 0;
    const step = Math.max(1, Math.floor(this.chunks.length / SAMPLED_CHUNKS));
    for (let number = 0; number < this.chunks.length; number += step) {
      const chunk = this.chunks[number];
      if (chunk === undefined) continue;
      resident++;
      bytes += chunk.bytes();
    }
    if (resident === 0) return this.baseVersions.length * LOAD_ROOM;
    return Math.round((bytes / resident) * this.chunks.length);
  }

  /** Drops the versions that no snapshot at or after `horizon` needs. */
  prune(horizon: Lsn): void {
    for (const chunk of this.chunks) if (chunk !== undefined && chunk.order.length > 0) chunk.pruneAll(horizon);
  }

  /** The file is gone: gives its memory back. */
  release(): void {
    const { memory } = this.host;
    for (const chunk of this.chunks) if (chunk !== undefined) memory.remove(chunk);
    if (memory.passing?.owner === this) memory.passing = null;
    this.chunks.length = 0;
    this.dirtyChunks.clear();
    this.swapped.clear();
    this.openChunk = null;
    this.unapplied = null;
    this.released = true;
  }

  /** Whether a chunk says to everybody what its copy at rest (or its swap value) says. */
  canEvict(chunk: HeapChunk): boolean {
    if (chunk.writing || chunk.uncommitted > 0 || chunk.bulkWriter !== null) return false;
    if (!chunk.dirty) return chunk.lastLsn <= this.host.horizon();
    return chunk.swapCopy !== null && chunk.swapCopy.changes === chunk.changes;
  }

  /** Takes a chunk out of memory that may go. */
  evict(chunk: HeapChunk): void {
    if (chunk.swapCopy !== null && chunk.dirty) this.swapped.set(chunk.number, chunk.swapCopy.swapped);
    else this.discardSwapCopy(chunk);
    this.removeChunk(chunk);
  }

  private removeChunk(chunk: HeapChunk): void {
    this.host.memory.remove(chunk);
    this.chunks[chunk.number] = undefined;
    chunk.room?.release();
    if (this.openChunk === chunk) this.openChunk = null;
  }
}
