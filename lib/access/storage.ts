/**
 * The storage engine's front: opens a data directory (or `memory://`) and implements `StorageEngine` over the files, the
 * transactions and the log. Entry point of this folder: `openStorage`.
 */
import { pgError } from '../base/error.js';
import { INVALID_LSN, lsn, MAX_LSN, type Lsn } from '../base/lsn.js';
import type { Suspend, Suspendable } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import { realEnv } from '../env/real.js';
import { HeavyweightLocks } from '../txn/lock-manager.js';
import { ChangeWriter } from '../txn/changes.js';
import { SnapshotPins } from '../txn/snapshot.js';
import { EngineTransaction, type Effect, type TransactionHost, type TransactionLocks } from '../txn/transaction.js';
import type { Row } from '../types/datum.js';
import type {
  BeginOptions, FileNumber, Heap, HeapShape, Index, IndexKey, LockManager, LogMessage, Persistence, RowId, SequenceFile, StorageEngine, Transaction,
  UniqueProbe,
} from './api.js';
import { FileTable } from './file-table.js';
import { EngineHeap } from './heap.js';
import type { FileHost } from './heap-file.js';
import { EngineIndex } from './index.js';
import { engineTransaction } from './owner.js';
import { probeUnique } from './unique.js';

/** Settings of the storage engine, by their PostgreSQL names. */
export interface StorageSettings {
  /** Memory for resident data, in bytes. Default 128 MiB. */
  sharedBuffers: number;
  /** Longest time between checkpoints, in milliseconds. Default 5 min. */
  checkpointTimeoutMs: number;
  /** A checkpoint is due when the log since the last has grown to this, in bytes. Default 1 GiB. */
  maxWalSize: number;
}

const DEFAULT_SETTINGS: StorageSettings = { sharedBuffers: 128 << 20, checkpointTimeoutMs: 300_000, maxWalSize: 1 << 30 };

/** How to open a data directory. */
export interface OpenOptions {
  /** Data directory, or `memory://`. */
  dir: string;
  env?: Env;
  settings?: Partial<StorageSettings>;
  /** Called once when the log cannot be written: must end the process. Default: throws outside of everything. */
  fatal?: (error: Error) => void;
}

/** First OID that is given to users' objects (FirstNormalObjectId). */
const FIRST_OID = 16_384;
/** First transaction id (FirstNormalTransactionId). */
const FIRST_XID = 3;
/** Where the log of a memory-only engine begins: as if one segment header had been written. */
const FIRST_MEMORY_LSN = 16 << 20;

/** A metadata value that a transaction changes when it commits. */
class MetaEffect implements Effect {
  constructor(private readonly engine: EngineStorage, private readonly key: string, private readonly value: Uint8Array | null) {}

  committed(_lsn: Lsn): void {
    this.engine.applyMeta(this.key, this.value);
  }

  undone(): void {
    // It was not applied.
  }
}

/** A message that is delivered when its transaction is acknowledged. */
class MessageEffect implements Effect {
  constructor(private readonly engine: EngineStorage, private readonly message: LogMessage) {}

  committed(position: Lsn): void {
    this.engine.deliver(this.message, position);
  }

  undone(): void {
    // Never sent.
  }
}

/** See `StorageEngine` in `access/api`. */
export class EngineStorage implements StorageEngine, TransactionHost, FileHost {
  readonly systemIdentifier: bigint;
  readonly timeline = 1;
  readonly locks: LockManager & TransactionLocks;
  readonly files: FileTable;
  private readonly pins = new SnapshotPins();
  private readonly running = new Map<number, EngineTransaction>();
  private readonly meta = new Map<string, Uint8Array>();
  private readonly messageListeners: ((message: LogMessage, commitLsn: Lsn) => void)[] = [];
  private lastVirtualId = 0;
  private xid = FIRST_XID;
  private nextFile: FileNumber = 1;
  private nextOid = FIRST_OID;
  private memoryLsn = FIRST_MEMORY_LSN;
  private memoryUsed = 0;

  constructor(readonly env: Env, readonly settings: StorageSettings) {
    this.locks = new HeavyweightLocks(env.timers);
    this.systemIdentifier = Buffer.from(env.random.bytes(8)).readBigUInt64LE() >> 1n;
    this.files = new FileTable(this, () => undefined, () => this.nextFile++, () => null);
  }

  begin(options: BeginOptions): Transaction {
    const transaction = new EngineTransaction(this, ++this.lastVirtualId, options);
    return transaction;
  }

  nextXid(): number {
    return this.xid++;
  }

  flushedLsn(): Lsn {
    return lsn(this.memoryLsn);
  }

  appendedLsn(): Lsn {
    return lsn(this.memoryLsn);
  }

  pin(position: Lsn): void {
    this.pins.pin(position);
  }

  unpin(position: Lsn): void {
    this.pins.unpin(position);
  }

  horizon(): Lsn {
    const pinned = this.pins.minimum();
    const flushed = this.flushedLsn();
    return pinned < flushed ? pinned : flushed;
  }

  memoryChanged(bytes: number): void {
    this.memoryUsed += bytes;
  }

  openChanges(transaction: EngineTransaction): ChangeWriter | null {
    this.running.set(transaction.xid, transaction);
    return null;
  }

  appendCommit(_transaction: EngineTransaction, _changes: ChangeWriter | null): Lsn {
    this.memoryLsn += 8;
    return lsn(this.memoryLsn);
  }

  appendAbort(_transaction: EngineTransaction, _changes: ChangeWriter): void {
    // Nothing is logged.
  }

  transactionEnded(transaction: EngineTransaction, _changes: ChangeWriter | null): void {
    if (transaction.xid !== 0) this.running.delete(transaction.xid);
  }

  createFile(transaction: Transaction, kind: 'heap' | 'index' | 'sequence', persistence: Persistence): FileNumber {
    return this.files.create(engineTransaction(transaction), kind, persistence);
  }

  dropFile(transaction: Transaction, file: FileNumber): void {
    this.files.drop(engineTransaction(transaction), file);
  }

  openHeap(file: FileNumber, shape: HeapShape): Heap {
    return new EngineHeap(this.files.heap(file), shape);
  }

  openIndex(file: FileNumber, compare?: (a: IndexKey, b: IndexKey) => number): Index {
    const index = this.files.index(file);
    index.setCompare(compare);
    return new EngineIndex(index);
  }

  openSequence(file: FileNumber): SequenceFile {
    return this.files.sequence(file);
  }

  probeUnique(transaction: Transaction, heap: Heap, index: Index, key: IndexKey, selfRowId: RowId, keyOf: (row: Row) => IndexKey | null): UniqueProbe {
    return probeUnique(engineTransaction(transaction), this.files.heap(heap.file), index, key, selfRowId, keyOf);
  }

  nextCounter(_name: 'oid'): number {
    return this.nextOid++;
  }

  getMeta(key: string): Uint8Array | null {
    return this.meta.get(key) ?? null;
  }

  putMeta(transaction: Transaction, key: string, value: Uint8Array | null): void {
    const own = engineTransaction(transaction);
    own.markWritten();
    own.effects.push(new MetaEffect(this, key, value));
    own.changes?.putMeta(key, value);
  }

  /** A committed change of a metadata value. */
  applyMeta(key: string, value: Uint8Array | null): void {
    if (value === null) this.meta.delete(key);
    else this.meta.set(key, value);
  }

  logMessage(transaction: Transaction, message: LogMessage): void {
    const own = engineTransaction(transaction);
    own.markWritten();
    own.effects.push(new MessageEffect(this, message));
    own.changes?.message(message.kind, message.payload);
  }

  /** Hands a committed message to the listeners once its commit is acknowledged. */
  deliver(message: LogMessage, commitLsn: Lsn): void {
    this.onFlushed(commitLsn, () => {
      for (const listener of this.messageListeners) listener(message, commitLsn);
    });
  }

  onMessage(listener: (message: LogMessage, commitLsn: Lsn) => void): void {
    this.messageListeners.push(listener);
  }

  whenFlushed(position: Lsn): Promise<void> {
    return new Promise((resolve) => this.onFlushed(position, resolve));
  }

  onFlushed(_position: Lsn, callback: () => void): void {
    callback();
  }

  memoryPressure(): Suspend | null {
    return null;
  }

  checkpoint(): Promise<void> {
    return Promise.resolve();
  }

  // eslint-disable-next-line require-yield
  *vacuum(file?: FileNumber): Suspendable<void> {
    const horizon = this.horizon();
    for (const found of this.files.values()) {
      if (file !== undefined && found.file !== file) continue;
      if (found.kind === 'heap') found.prune(horizon);
      else if (found.kind === 'index') found.sweep(horizon);
    }
  }

  close(): Promise<void> {
    if (this.running.size > 0) throw pgError('OBJECT_IN_USE', 'storage is closed while transactions run');
    return Promise.resolve();
  }

  statistics(): Record<string, number> {
    return { memoryUsed: this.memoryUsed, runningTransactions: this.running.size, pinnedSnapshots: this.pins.size };
  }
}

/** Opens a data directory, or an empty engine in memory. */
export function openStorage(options: OpenOptions): Promise<StorageEngine> {
  const env = options.env ?? realEnv();
  const settings: StorageSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  return Promise.resolve(new EngineStorage(env, settings));
}
