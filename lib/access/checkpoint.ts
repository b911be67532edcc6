/**
 * Checkpoints: the state at one LSN, written beside the last one's, then made the anchor of recovery by the control file.
 *
 * In order: (1) in one synchronous step the LSN R is fixed and pinned, and what is not versioned (sequences, counters,
 * metadata, the list of files, who is in progress) is captured; (2) every dirty chunk and leaf is written as of R, in
 * slices between which the event loop turns, in synced batches; (3) directories and the root; (4) when the log is durable
 * to R, and confirmed by the standbys that are required (so that this node can rejoin after a failover by cutting its log), the control file; (5) only then superseded values and old log segments go. A crash anywhere leaves the old root
 * with all it needs. An error from the store ends the process, as one from the log does.
 *
 * Chunks are versioned, so their state at R can be computed at any later time. Leaves are not: what transactions add
 * during the checkpoint, or had not committed when it began, is left out by name (`IndexFile.beginCheckpoint`; retirements
 * have their LSN beside them), and leaves that split after they were written are written again in one step with the
 * directory.
 */
import { BatchMemory } from '../base/byte-rooms.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import type { KeyValueStore, KvChange } from '../kv/kv.js';
import type { SnapshotPin } from '../txn/snapshot.js';
import type { EngineTransaction } from '../txn/transaction.js';
import type { HeapChunk } from './chunk.js';
import { encodeBase, encodeDelta, rowsOf, settledDeletions, stateAt, statePacked, type ChunkState, type DeltaEntry } from './chunk-values.js';
import { encodeHeapDirectory, encodeIndexDirectory, encodeRoot, type Root, type RootFile } from './directory.js';
import type { EngineLog } from './engine-log.js';
import type { FileTable, StorageFile } from './file-table.js';
import { fileRange, KEY_SPACE, valueKey, type KeySpace } from './format.js';
import type { HeapFile } from './heap-file.js';
import { IndexEffect } from './entry-effect.js';
import type { IndexFile } from './index-file.js';
import { IndexLeaf, type LeafSlot } from './index-leaf.js';
import { encodeEntries } from './leaf-values.js';
import type { MemoryBudget } from './memory.js';

/** What a checkpoint needs of the engine. */
export interface CheckpointHost {
  readonly env: Env;
  readonly files: FileTable;
  readonly log: EngineLog;
  readonly store: KeyValueStore;
  readonly memory: MemoryBudget;
  horizon(): Lsn;
  readonly foldRows: number;
  pin(lsn: Lsn, transaction: null): SnapshotPin;
  unpin(pin: SnapshotPin): void;
  runningTransactions(): Iterable<EngineTransaction>;
  /** Counters and metadata as of now; `clean`: exactly, else as far as the log covers them. */
  captureScalars(clean: boolean): Pick<Root, 'nextXid' | 'nextFile' | 'nextOid' | 'meta'>;
  /** Makes the checkpoint the anchor of recovery. */
  writeControl(checkpointNumber: number, redoLsn: Lsn, clean: boolean): void;
  /** Resolves when a state at this LSN may become the anchor of recovery: no failover will take it back, as far as can be told. */
  whenSafe(position: Lsn, clean: boolean): Promise<void>;
  /** The log before this position is not needed for recovery. */
  releaseLog(redoLsn: Lsn): void;
  /** Swaps out what is in the way of the memory budget. */
  swapOut(): Promise<void>;
}

/** What a checkpoint did. */
export interface CheckpointResult {
  readonly lsn: Lsn;
  readonly redoLsn: Lsn;
  readonly bytes: number;
}

/** Longest stretch without a turn of the event loop, in milliseconds. */
const SLICE_MS = 4;
/** A batch is written when it holds so many bytes. */
const BATCH_BYTES = 1 << 20;
/** Passes over leaves that split meanwhile before the last, synchronous one. */
const MOST_PASSES = 6;
/** So few split leaves are written in one step with the directory. */
const FEW_SPLITS = 32;

/** A file as it was when the checkpoint began. */
interface CapturedFile {
  readonly file: StorageFile;
  readonly root: RootFile;
  /** Live rows of a heap. */
  readonly rowCount: number;
  /** Dirty chunks or leaves. */
  readonly dirty: Set<number>;
}

/** A chunk or leaf in the batch under way: marked clean when it is written and did not change meanwhile. */
interface Written {
  readonly item: HeapChunk | IndexLeaf;
  readonly number: number;
  readonly changes: number;
  readonly file: HeapFile | IndexFile;
  /** Something of it is not part of the checkpoint's state. */
  readonly residual: boolean;
  /** What was put of a leaf that does not stand in memory so. */
  readonly value?: Buffer;
}

/** One checkpoint. */
export class Checkpoint {
  private readonly at: Lsn;
  private readonly redoLsn: Lsn;
  private readonly captured: CapturedFile[] = [];
  /** Files that nobody has opened: as the last root has them. */
  private readonly unopened: readonly RootFile[];
  private readonly scalars: ReturnType<CheckpointHost['captureScalars']>;
  private readonly inProgress: number[] = [];
  private readonly logPosition: EngineLog['position'];
  private readonly droppedFiles: ReadonlySet<number>;
  private readonly pin: SnapshotPin;
  private batch: KvChange[] = [];
  private batchBytes = 0;
  /** Where values of the batch stand: released when it is written, and before there is another one. */
  private readonly values: BatchMemory;
  private written: Written[] = [];
  /** Leaves in the batch under way whose swap values were put. */
  private fromSwap: { readonly file: IndexFile; readonly slot: LeafSlot; readonly serial: number }[] = [];
  private readonly garbage: Buffer[] = [];
  private bytes = 0;
  private batches = 0;
  private sliceStart: number;

  /** Fixes the LSN and captures what is not versioned. `clean`: nothing runs any more, and nothing will. */
  constructor(private readonly host: CheckpointHost, private readonly number: number, private readonly clean: boolean) {
    const { log, files } = host;
    this.values = new BatchMemory(host.memory.rooms);
    this.at = log.appendedLsn;
    this.logPosition = log.position;
    this.pin = host.pin(this.at, null);
    this.scalars = host.captureScalars(clean);
    this.droppedFiles = files.takeDropped();
    this.unopened = [...files.unopened.values()];
    for (const file of files.values()) this.capture(file);
    let redo = this.at;
    for (const transaction of host.runningTransactions()) {
      if (transaction.firstBatchLsn > 0) {
        this.inProgress.push(transaction.xid);
        if (transaction.firstBatchLsn < redo) redo = transaction.firstBatchLsn;
      }
      for (const effect of transaction.effects) if (effect instanceof IndexEffect) effect.markLate();
    }
    this.redoLsn = redo;
    this.sliceStart = host.env.clock.monotonicMs();
  }

  private capture(file: StorageFile): void {
    // A file whose creator runs is not part of the state; its data stays dirty.
    if (file.creator !== null) return;
    const { kind, persistence } = file;
    const writes = persistence === 'permanent' || (persistence === 'unlogged' && this.clean);
    if (file.kind === 'sequence') {
      const sequence = file.stateAtRest(this.clean);
      this.captured.push({ file, root: { file: file.file, kind, persistence, directory: 0, sequence }, rowCount: 0, dirty: new Set() });
      return;
    }
    const root: RootFile = { file: file.file, kind, persistence, directory: file.directoryVersion, sequence: null };
    if (file.kind === 'heap') {
      this.captured.push({ file, root, rowCount: file.liveRows, dirty: writes ? file.takeDirty() : new Set() });
      return;
    }
    if (writes) file.beginCheckpoint();
    this.captured.push({ file, root, rowCount: 0, dirty: writes ? file.takeDirty() : new Set() });
  }

  /** Writes everything. Rejects with the store's error, after which the engine must not go on. */
  async run(): Promise<CheckpointResult> {
    try {
      const files: RootFile[] = [...this.unopened];
      for (const captured of this.captured) files.push(await this.writeFile(captured));
      await this.writeRoot(files);
    } finally {
      this.host.unpin(this.pin);
      for (const { file } of this.captured) if (file.kind === 'index') file.endCheckpoint();
    }
    await this.removeGarbage();
    this.host.releaseLog(this.redoLsn);
    return { lsn: this.at, redoLsn: this.redoLsn, bytes: this.bytes };
  }

  private async writeFile(captured: CapturedFile): Promise<RootFile> {
    const { file, root } = captured;
    if (file.kind === 'sequence') return root;
    if (file.kind === 'heap') await this.writeHeap(file, captured.dirty);
    else await this.writeLeaves(file, captured.dirty);
    // Dropped meanwhile: replay will drop it again.
    if (file.released) return root;
    if (captured.dirty.size === 0 && !file.directoryDirty) return root;
    if (file.kind === 'heap') this.putHeapDirectory(file, captured.rowCount);
    else this.putIndexDirectory(file);
    if (root.directory !== 0) this.garbage.push(valueKey(KEY_SPACE.directory, file.file, 0, root.directory));
    file.directoryVersion = this.number;
    file.directoryDirty = false;
    return { ...root, directory: this.number };
  }

  private async writeHeap(file: HeapFile, numbers: ReadonlySet<number>): Promise<void> {
    for (const number of [...numbers].sort((a, b) => a - b)) {
      if (file.released) return;
      if (file.isSwappedWork(number, this.at)) file.addDirty(number);
      else if (file.hasUnwritten(number)) this.writeChunk(file, file.chunkAt(number));
      await this.breathe();
    }
  }

  private writeChunk(file: HeapFile, chunk: HeapChunk): void {
    file.tryFold(chunk);
    const state = stateAt(chunk, this.at);
    const { number } = chunk;
    const base = this.baseOf(chunk, state);
    // A swap value that leaves out settled rows means those of the base at rest: with another base it is worth nothing.
    if (base !== undefined) chunk.changes++;
    const { changes } = chunk;
    const residual = chunk.uncommitted > 0 || chunk.bulkWriter !== null || chunk.lastLsn > this.at;
    chunk.writing = true;
    this.written.push({ item: chunk, number, changes, file, residual });
    while (file.baseVersions.length <= number) file.baseVersions.push(0);
    while (file.deltaVersions.length <= number) file.deltaVersions.push(0);
    while (file.chunkRows.length <= number) file.chunkRows.push(null);
    file.chunkRows[number] = rowsOf(chunk, state);
    this.replace(KEY_SPACE.base, file, number, file.baseVersions, base);
    const delta = this.deltaOf(file, chunk, state);
    this.replace(KEY_SPACE.delta, file, number, file.deltaVersions, delta.length === 0 ? null : encodeDelta(delta, this.values));
  }

  /** The chunk's new base; null for none at all, undefined to keep the one at rest. Sets `settledIsRest` accordingly. */
  private baseOf(chunk: HeapChunk, state: ChunkState): Buffer | null | undefined {
    if (state.changed.length >= this.host.foldRows) {
      // It is not folded in memory, since an old snapshot keeps it from that or it is not full yet: at rest it is. A first scan reads
      // columns then, and not the rows of a table's last chunk one by one: 5 ms of it.
      chunk.settledIsRest = false;
      const settled = statePacked(chunk, state);
      return settled.packed.present > 0 ? encodeBase(settled, newestLsn(chunk, state), this.values) : null;
    }
    if (!state.hasSettled || chunk.settled === null) return null;
    if (state.changed.length === 0 && chunk.selection()?.length === 0) {
      chunk.settledIsRest = false;
      return null;
    }
    if (chunk.settledIsRest) return undefined;
    chunk.settledIsRest = true;
    return encodeBase(chunk.settled, chunk.settledLsn, this.values);
  }

  /** What is newer than the base at rest as `baseOf` has left it. */
  private deltaOf(file: HeapFile, chunk: HeapChunk, state: ChunkState): DeltaEntry[] {
    if (!state.hasSettled) return file.baseVersions[chunk.number] === 0 ? state.changed : [];
    return chunk.settledIsRest ? [...settledDeletions(chunk), ...state.changed] : [];
  }

  /** Puts a value under this checkpoint's number in place of an older one; null: in place of it, nothing. */
  private replace(space: KeySpace, file: HeapFile, number: number, versions: number[], value: Buffer | null | undefined): void {
    if (value === undefined) return;
    const old = versions[number];
    if (old !== 0) this.garbage.push(valueKey(space, file.file, number, old));
    versions[number] = value === null ? 0 : this.number;
    if (value !== null) this.put(valueKey(space, file.file, number, this.number), value);
  }

  private async writeLeaves(file: IndexFile, ids: ReadonlySet<number>): Promise<void> {
    let wanted = ids;
    for (let pass = 0; pass < MOST_PASSES && (pass === 0 || wanted.size > FEW_SPLITS); pass++) {
      // Often there are none, and to look for them is to look at all.
      for (const slot of wanted.size === 0 ? [] : file.slots.filter((candidate) => wanted.has(candidate.id))) {
        if (file.released) return;
        if (!slot.gone) this.writeLeaf(file, slot);
        await this.breathe();
      }
      wanted = file.peekSplits();
      if (wanted.size > FEW_SPLITS) file.takeSplits();
    }
  }

  private writeLeaf(file: IndexFile, slot: LeafSlot): void {
    if (slot.version !== 0 && slot.version !== this.number) this.garbage.push(valueKey(KEY_SPACE.leaf, file.file, slot.id, slot.version));
    const asRead = file.valueAsRead(slot, this.values);
    if (asRead === null) this.writeEntries(file, slot);
    else {
      slot.version = this.number;
      slot.retiredAtRest = false;
      this.put(valueKey(KEY_SPACE.leaf, file.file, slot.id, this.number), asRead.value);
      if (asRead.swapped) this.fromSwap.push({ file, slot, serial: slot.swapSerial });
      else this.writes(file, slot, file.leafOf(slot), false);
    }
  }

  private writeEntries(file: IndexFile, slot: LeafSlot): void {
    const leaf = file.leafOf(slot);
    const { keys, rowIds, marks, complete } = file.stateAt(leaf, this.at);
    // An empty leaf has no value, but one that this checkpoint has put already is put again.
    slot.version = keys.length === 0 && slot.version !== this.number ? 0 : this.number;
    const value = slot.version === 0 ? undefined : encodeEntries(keys, rowIds, marks, this.values);
    this.writes(file, slot, leaf, !complete, value);
    if (value !== undefined) this.put(valueKey(KEY_SPACE.leaf, file.file, slot.id, this.number), value);
    slot.retiredAtRest = marks !== null;
  }

  private writes(file: IndexFile, slot: LeafSlot, leaf: IndexLeaf, residual: boolean, value?: Buffer): void {
    leaf.writing = true;
    this.written.push({ item: leaf, number: slot.id, changes: leaf.changes, file, residual, value });
  }

  private putHeapDirectory(file: HeapFile, rowCount: number): void {
    const { baseVersions, deltaVersions, chunkRows, nextRowId } = file;
    this.put(
      valueKey(KEY_SPACE.directory, file.file, 0, this.number),
      encodeHeapDirectory({ nextRowId, rowCount, baseVersions, deltaVersions, chunkRows }, file.chunkCount),
    );
  }

  /** In one step: the leaves that split since they were written, and the order of all leaves. */
  private putIndexDirectory(file: IndexFile): void {
    const splits = file.takeSplits();
    for (const slot of file.slots) if (splits.has(slot.id)) this.writeLeaf(file, slot);
    for (const [id, version] of file.takeGoneLeaves()) this.garbage.push(valueKey(KEY_SPACE.leaf, file.file, id, version));
    this.put(valueKey(KEY_SPACE.directory, file.file, 0, this.number), encodeIndexDirectory({
      lowKeys: file.order.keys, lowRowIds: file.order.rowIds,
      leafIds: file.slots.map((slot) => slot.id), versions: file.slots.map((slot) => slot.version),
      retired: file.slots.map((slot) => slot.retiredAtRest), nextLeafId: file.nextLeafId, entries: file.entries,
    }));
  }

  private put(key: Buffer, value: Uint8Array): void {
    this.batch.push({ type: 'put', key, value });
    this.batchBytes += value.length;
    this.bytes += value.length;
  }

  /** Writes the batch when it is large; lets others run when the slice is over. */
  private async breathe(): Promise<void> {
    const { env } = this.host;
    if (this.batchBytes >= BATCH_BYTES) await this.flush();
    else if (env.clock.monotonicMs() - this.sliceStart > SLICE_MS) await new Promise<void>((resolve) => env.timers.soon(resolve));
    else return;
    await this.host.swapOut();
    this.sliceStart = env.clock.monotonicMs();
  }

  /** Writes the batch: the last one makes what was put before part of a checkpoint that can be finished. */
  private async flush(last = false): Promise<void> {
    const { batch, written, fromSwap } = this;
    this.batch = [];
    this.written = [];
    this.fromSwap = [];
    this.batchBytes = 0;
    if (!last) {
      const keys = batch.map(({ key }) => key);
      batch.push({ type: 'put', key: valueKey(KEY_SPACE.unfinished, 0, this.batches++, this.number), value: encodeKeys(keys, []) });
    } else {
      for (let number = 0; number < this.batches; number++) batch.push({ type: 'delete', key: valueKey(KEY_SPACE.unfinished, 0, number, this.number) });
    }
    await this.host.store.batch(batch, true);
    for (const { item, number, changes, file, residual, value } of written) {
      item.writing = false;
      if (residual || item.changes !== changes) file.addDirty(number);
      else {
        item.dirty = false;
        file.removeDirty(number);
        if (item instanceof IndexLeaf && value !== undefined) item.pack(value);
      }
    }
    for (const { file, slot, serial } of fromSwap) file.swapIsAtRest(slot, serial);
    this.values.release();
  }

  private async writeRoot(files: readonly RootFile[]): Promise<void> {
    const { host, number } = this;
    const root: Root = { lsn: this.at, log: this.logPosition, inProgress: this.inProgress, ...this.scalars, files };
    if (number > 1) this.garbage.push(valueKey(KEY_SPACE.root, 0, 0, number - 1));
    this.put(valueKey(KEY_SPACE.garbage, 0, 0, number), encodeKeys(this.garbage, [...this.droppedFiles]));
    this.put(valueKey(KEY_SPACE.root, 0, 0, number), encodeRoot(root));
    await host.whenSafe(this.at, this.clean);
    await this.flush(true);
    host.writeControl(number, this.redoLsn, this.clean);
  }

  private async removeGarbage(): Promise<void> {
    await deleteGarbage(this.host.store, this.garbage, [...this.droppedFiles], this.number);
  }
}

/** The newest commit LSN in a state: a snapshot at or after it sees all of the state. */
function newestLsn(chunk: HeapChunk, state: ChunkState): Lsn {
  let newest = state.hasSettled ? chunk.settledLsn : INVALID_LSN;
  for (const entry of state.changed) if (entry.lsn > newest) newest = entry.lsn;
  return newest;
}

const KEY_BYTES = 15;

/** Keys at rest: count u32, the keys, then the numbers of dropped files, f64 each. */
function encodeKeys(keys: readonly Uint8Array[], files: readonly number[]): Buffer {
  const value = Buffer.alloc(4 + keys.length * KEY_BYTES + files.length * 8);
  value.writeUInt32LE(keys.length, 0);
  let at = 4;
  for (const key of keys) {
    value.set(key, at);
    at += key.length;
  }
  for (const file of files) at = value.writeDoubleLE(file, at);
  return value;
}

function decodeKeys(found: Uint8Array): { keys: Buffer[]; files: number[] } {
  const value = Buffer.from(found);
  const count = value.readUInt32LE(0);
  const keys: Buffer[] = [];
  for (let index = 0; index < count; index++) keys.push(value.subarray(4 + index * KEY_BYTES, 4 + (index + 1) * KEY_BYTES));
  const files: number[] = [];
  for (let at = 4 + count * KEY_BYTES; at < value.length; at += 8) files.push(value.readDoubleLE(at));
  return { keys, files };
}

/**
 * At start: deletes what the checkpoint with this number superseded, in case a crash came between, and what the next one had
 * written when it was interrupted.
 */
export async function deleteLeftovers(store: KeyValueStore, number: number): Promise<void> {
  for (let batch = 0; ; batch++) {
    const key = valueKey(KEY_SPACE.unfinished, 0, batch, number + 1);
    const unfinished = store.getSync(key);
    if (unfinished === undefined) break;
    await store.batch([...decodeKeys(unfinished).keys, key].map((gone) => ({ type: 'delete' as const, key: gone })), false);
  }
  const superseded = store.getSync(valueKey(KEY_SPACE.garbage, 0, 0, number));
  if (superseded === undefined) return;
  const { keys, files } = decodeKeys(superseded);
  await deleteGarbage(store, keys, files, number);
}

async function deleteGarbage(store: KeyValueStore, keys: readonly Buffer[], files: readonly number[], number: number): Promise<void> {
  for (let from = 0; from < keys.length; from += 1000) {
    await store.batch(keys.slice(from, from + 1000).map((key) => ({ type: 'delete' as const, key })), false);
  }
  for (const file of files) await clearFile(store, file);
  await store.batch([{ type: 'delete', key: valueKey(KEY_SPACE.garbage, 0, 0, number) }], false);
}

/** Deletes everything at rest of a file. */
export async function clearFile(store: KeyValueStore, file: number): Promise<void> {
  for (const space of [KEY_SPACE.directory, KEY_SPACE.base, KEY_SPACE.delta, KEY_SPACE.leaf, KEY_SPACE.swap]) await store.clear(fileRange(space, file));
}
