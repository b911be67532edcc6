/**
 * Room for more than fits the memory budget: when evicting clean data is not enough, committed work is written by a
 * checkpoint, and what no checkpoint can write (uncommitted versions of large transactions, versions that old snapshots
 * pin) is swapped out to scratch values in the store, to come back when touched. Scratch values mean nothing after a restart.
 */
import type { ByteMemory } from '../base/byte-memory.js';
import { BatchMemory } from '../base/byte-rooms.js';
import { Suspend } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import type { KeyValueStore, KvChange } from '../kv/kv.js';
import { EngineTransaction } from '../txn/transaction.js';
import type { VersionHome, VersionWriter } from '../txn/version.js';
import { HeapChunk } from './chunk.js';
import { encodeSwap } from './chunk-values.js';
import { KEY_SPACE, valueKey } from './format.js';
import { HeapFile } from './heap-file.js';
import { IndexFile } from './index-file.js';
import { IndexLeaf } from './index-leaf.js';
import type { MemoryBudget } from './memory.js';

/** What relief needs of the engine. */
export interface ReliefHost {
  readonly env: Env;
  readonly memory: MemoryBudget;
  readonly store: KeyValueStore;
  runningTransactions(): Iterable<EngineTransaction>;
  /** Writes a checkpoint, or joins the one that runs. */
  checkpoint(): Promise<void>;
  /** The engine must end: the store failed. */
  fail(error: unknown): void;
}

/** Swapping goes on until this part of the budget is in use. */
const LOW_WATER = 0.75;
/** Committed work of this part of the budget is worth a checkpoint. */
const CHECKPOINT_SHARE = 0.3;
/** Statements are held up when this much of the budget is in use. */
const HIGH_WATER = 1.1;
const BATCH_BYTES = 1 << 20;
const SLICE_MS = 4;

/** A value on its way out. */
interface Leaving {
  readonly item: HeapChunk | IndexLeaf;
  readonly changes: number;
  readonly serial: number;
}

/** See the file's comment. */
export class Relief {
  private scheduled = false;
  private running: Promise<void> | null = null;
  private serial = 0;
  private swapping = false;
  /** Nothing could be done while so much was in use. */
  private hopelessAt = 0;
  swapOuts = 0;

  constructor(private readonly host: ReliefHost) {}

  /** More than the budget is in use: does something about it soon. */
  request(): void {
    if (this.scheduled || this.running !== null) return;
    this.scheduled = true;
    this.host.env.timers.soon(() => {
      this.scheduled = false;
      if (this.needed()) void this.start();
    });
  }

  /** What a long statement should wait for now; null when it may go on. */
  pressure(): Suspend | null {
    const { memory } = this.host;
    if (memory.used <= memory.limit * HIGH_WATER) return null;
    memory.makeRoom(0);
    if (memory.used <= memory.limit * HIGH_WATER || !this.needed()) return null;
    return new Suspend(this.start());
  }

  /** Relieves memory now; resolves when done. */
  start(): Promise<void> {
    this.running ??= this.relieve()
      .catch((error: unknown) => this.host.fail(error))
      .finally(() => (this.running = null));
    return this.running;
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.running ?? Promise.resolve();
  }

  private needed(): boolean {
    const { memory } = this.host;
    return memory.used > memory.limit && memory.used > this.hopelessAt * 1.05;
  }

  private async relieve(): Promise<void> {
    const { memory, env } = this.host;
    const clock = env.clock.monotonicMs();
    memory.makeRoom(0);
    while (memory.used > memory.limit && env.clock.monotonicMs() - clock < SLICE_MS) {
      const before = memory.used;
      memory.makeRoom(0);
      if (memory.used === before) break;
    }
    if (memory.used > memory.limit && this.committedWork() > memory.limit * CHECKPOINT_SHARE) {
      await this.host.checkpoint();
      memory.makeRoom(0);
    }
    await this.swapOut();
    this.hopelessAt = memory.used > memory.limit ? memory.used : 0;
  }

  /**
   * Bytes that a checkpoint would make evictable. Leaves do not tell whose entries they have: while a large transaction
   * runs they are taken for its own, which a checkpoint would write in vain.
   */
  private committedWork(): number {
    const { host } = this;
    let large = false;
    for (const transaction of host.runningTransactions()) if (transaction.firstBatchLsn > 0) large = true;
    let bytes = 0;
    for (const item of host.memory.residents()) {
      if (item instanceof HeapChunk ? item.dirty && item.uncommitted === 0 && item.bulkWriter === null : !large && item instanceof IndexLeaf && item.dirty) {
        bytes += item.bytes();
      }
    }
    return bytes;
  }

  /** Swaps out what cannot be evicted until memory is below its low-water mark. */
  async swapOut(): Promise<void> {
    const { memory, env } = this.host;
    if (memory.used <= memory.limit || this.swapping) return;
    this.swapping = true;
    try {
      const target = memory.limit * LOW_WATER;
      for (const pass of [1, 2]) {
        const values = new BatchMemory(memory.rooms);
        let leaving: Leaving[] = [];
        let changes: KvChange[] = [];
        let bytes = 0;
        let slice = env.clock.monotonicMs();
        let planned = 0;
        for (const item of [...memory.residents()]) {
          if (memory.used - planned <= target) break;
          if (!(item instanceof HeapChunk || item instanceof IndexLeaf) || !this.mayLeave(item, pass === 2)) continue;
          planned += item.bytes();
          const serial = ++this.serial;
          const { key, value } = this.encode(item, serial, values);
          leaving.push({ item, changes: item.changes, serial });
          changes.push({ type: 'put', key, value });
          bytes += value.length;
          if (bytes < BATCH_BYTES && env.clock.monotonicMs() - slice < SLICE_MS) continue;
          await this.write(changes, leaving, values);
          leaving = [];
          changes = [];
          bytes = 0;
          planned = 0;
          slice = env.clock.monotonicMs();
        }
        await this.write(changes, leaving, values);
        if (memory.used <= target) break;
      }
    } finally {
      this.swapping = false;
    }
  }

  private mayLeave(item: HeapChunk | IndexLeaf, desperate: boolean): boolean {
    if (item.writing) return false;
    if (!desperate && item.referenced) {
      item.referenced = false;
      return false;
    }
    if (item instanceof IndexLeaf) return item.place.leaf === item && !item.evictable();
    const file = item.owner;
    return file instanceof HeapFile && file.chunks[item.number] === item && !item.evictable() && (file.isFull(item.number) || desperate);
  }

  private encode(item: HeapChunk | IndexLeaf, serial: number, memory: ByteMemory): { key: Buffer; value: Uint8Array } {
    if (item instanceof HeapChunk) {
      return { key: valueKey(KEY_SPACE.swap, (item.owner as HeapFile).file, item.number, serial), value: encodeSwap(item, xidOf, memory) };
    }
    return { key: valueKey(KEY_SPACE.swap, (item.owner as IndexFile).file, item.id, serial), value: item.toValue(memory) };
  }

  private async write(changes: KvChange[], leaving: readonly Leaving[], values: BatchMemory): Promise<void> {
    if (changes.length === 0) return;
    const written = this.host.store.batch(changes, false);
    values.release();
    await written;
    const gone = new Set<VersionHome>();
    const affected = new Set<EngineTransaction>();
    const stale: KvChange[] = [];
    leaving.forEach(({ item, changes: changesThen, serial }, index) => {
      if (item.changes !== changesThen || item.writing || !this.leave(item, serial, affected)) stale.push({ type: 'delete', key: changes[index].key });
      else if (item instanceof HeapChunk) gone.add(item);
    });
    for (const transaction of affected) {
      transaction.hasSwapped = true;
      transaction.versions = transaction.versions.filter((version) => !gone.has(version.home));
    }
    if (stale.length > 0) await this.host.store.batch(stale, false);
  }

  private leave(item: HeapChunk | IndexLeaf, serial: number, affected: Set<EngineTransaction>): boolean {
    const { owner } = item;
    if (item instanceof IndexLeaf) {
      if (!(owner instanceof IndexFile) || item.place.leaf !== item || owner.released) return false;
      owner.swapOut(item, serial);
    } else {
      if (!(owner instanceof HeapFile) || owner.chunks[item.number] !== item) return false;
      const writers = writersOf(item);
      for (const writer of writers) affected.add(writer);
      owner.swapOut(item, { serial, writers, committed: item.hasCommittedWork() });
    }
    this.swapOuts++;
    return true;
  }
}

function xidOf(writer: VersionWriter): number {
  return writer instanceof EngineTransaction ? writer.xid : 0;
}

function writersOf(chunk: HeapChunk): EngineTransaction[] {
  const writers = new Set<EngineTransaction>();
  if (chunk.bulkWriter instanceof EngineTransaction) writers.add(chunk.bulkWriter);
  for (const { transaction, dropped } of chunk.order) if (!dropped && transaction instanceof EngineTransaction) writers.add(transaction);
  return [...writers];
}
