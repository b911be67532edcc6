/**
 * The engine: one data directory (or memory) opened. Joins files, transactions, log, store, checkpoints and memory, and
 * implements `StorageEngine` over them. `storage.ts` opens it.
 */
import { pgError } from '../base/error.js';
import { lsn, type Lsn } from '../base/lsn.js';
import { PassingMap } from '../base/passing-map.js';
import type { Suspend, Suspendable } from '../base/suspend.js';
import type { Env } from '../env/env.js';
import type { ByteMemory } from '../base/byte-memory.js';
import type { KeyValueStore, ReadValue } from '../kv/kv.js';
import { ActiveWriters } from '../txn/active-writers.js';
import { ChangeWriter } from '../txn/changes.js';
import { RECORD } from '../txn/format.js';
import { HeavyweightLocks } from '../txn/lock-manager.js';
import { EngineSnapshot, SnapshotPins, type SnapshotPin } from '../txn/snapshot.js';
import { EngineTransaction, type TransactionHost } from '../txn/transaction.js';
import type { Row } from '../types/datum.js';
import type { Confirmation, ConfirmMode, StateInfo, StateSnapshot } from '../wal/shipping.js';
import type {
  BeginOptions, FileNumber, Heap, HeapShape, Index, IndexKey, LogMessage, Persistence, RowId, SequenceFile, Snapshot, StorageEngine, Transaction,
  UniqueProbe,
} from './api.js';
import { Acknowledgement } from './acknowledgement.js';
import { ApplyBehind } from './apply-behind.js';
import { Checkpointer, type CheckpointerHost } from './checkpointer.js';
import type { Root } from './directory.js';
import { Discards } from './discards.js';
import { MessageEffect, MetaEffect } from './effects.js';
import { EffectSpill, type SpillHost } from './effect-spill.js';
import { appendRecord, encodeLocks, type EngineLog } from './engine-log.js';
import type { EngineParts } from './engine-parts.js';
import { FileTable } from './file-table.js';
import type { GatheredRows } from './gathered-rows.js';
import { EngineHeap } from './heap.js';
import type { FileHost } from './heap-file.js';
import { EngineIndex } from './index.js';
import type { LogFeed } from './log-feed.js';
import { MemoryBudget } from './memory.js';
import { engineTransaction } from './owner.js';
import { Relief, type ReliefHost } from './relief.js';
import type { ReplayHost } from './replay.js';
import type { Standby } from './standby.js';
import { StoreState } from './state-snapshot.js';
import { Sweeper, type SweepHost } from './sweeper.js';
import { probeUnique } from './unique.js';

/** OIDs covered by one log record. */
const OID_BATCH = 8192;
/** Writers kept for later transactions. */
const WRITER_POOL = 16;
const EMPTY_PAYLOAD = new Uint8Array(12);

/** See `StorageEngine` in `access/api`. */
export class EngineStorage implements StorageEngine, TransactionHost, FileHost, CheckpointerHost, SweepHost, ReliefHost, ReplayHost, SpillHost {
  readonly env: Env;
  readonly systemIdentifier: bigint;
  readonly locks: HeavyweightLocks;
  readonly writing = new ActiveWriters();
  /** Where commits are acknowledged, and up to where snapshots see. */
  readonly acknowledgement: Acknowledgement;
  /** The log as others read it; null in memory, and until there is a writer. */
  feed: LogFeed | null = null;
  /** What feeds the replay of a standby; null on a primary. */
  standby: Standby | null = null;
  readonly files: FileTable;
  readonly memory: MemoryBudget;
  readonly relief: Relief;
  private readonly effectSpill = new EffectSpill(this);
  private readonly checkpointer: Checkpointer;
  private readonly sweeper = new Sweeper(this);
  private readonly discards = new Discards(this);
  /** The log; while it is replayed, one that only knows how far that is. */
  log: EngineLog;
  private readonly pins = new SnapshotPins();
  private readonly running = new PassingMap<EngineTransaction>();
  private readonly meta = new Map<string, Uint8Array>();
  private readonly messageListeners: ((message: LogMessage, commitLsn: Lsn) => void)[] = [];
  private readonly writers: ChangeWriter[] = [];
  private readonly autonomous = new ChangeWriter(null);
  private lastVirtualId = 0;
  private xid: number;
  private nextFile: FileNumber;
  private nextOid: number;
  private oidCovered: number;
  private closing = false;
  private replaying = true;
  /** Replay has passed the state that it began with: transactions in progress there are known. No checkpoint before. */
  consistent = false;
  readonly foldRows: number;
  private failed = false;
  /** What still goes on of the start. */
  private behind: ApplyBehind | null = null;
  isClosed = false;

  constructor(private readonly parts: EngineParts) {
    const { env, settings, root } = parts;
    this.env = env;
    this.systemIdentifier = parts.systemIdentifier;
    this.log = parts.log;
    this.acknowledgement = new Acknowledgement(() => this.log, settings.synchronousCommit);
    this.locks = new HeavyweightLocks(env.timers, env.clock);
    this.memory = new MemoryBudget(parts.store === null ? Infinity : settings.sharedBuffers, () => this.relief.request());
    this.foldRows = settings.foldRows;
    this.relief = new Relief(this);
    this.files = new FileTable(this, (file, state) => this.logAutonomous((writer) => writer.sequence(file, state)), () => this.nextFile++);
    for (const file of root.files) this.files.unopened.set(file.file, file);
    for (const [key, value] of root.meta) this.meta.set(key, value);
    this.xid = root.nextXid;
    this.nextFile = root.nextFile;
    this.nextOid = root.nextOid;
    this.oidCovered = root.nextOid;
    this.checkpointer = new Checkpointer(this, settings, parts.store !== null, {
      number: parts.checkpointNumber, redoLsn: parts.redoLsn, stateLsn: root.lsn,
    });
  }

  /** Ends replay: from now on the engine writes `log`. */
  startWriting(log: EngineLog): void {
    this.log = log;
    this.replaying = false;
    this.consistent = true;
    this.checkpointer.armTimer();
  }

  /** Replay goes on as the log arrives. */
  startFollowing(standby: Standby): void {
    this.standby = standby;
    this.checkpointer.armTimer();
  }

  /** After replay at the start: puts what it has gathered into its chunks, beside everything else. */
  applyBehind(gathered: GatheredRows | null): void {
    if (gathered !== null) this.behind = new ApplyBehind(this, gathered);
  }

  get restoredLsn(): Lsn {
    return this.parts.root.lsn;
  }

  get inRecovery(): boolean {
    return this.replaying;
  }

  get timeline(): number {
    return this.feed?.history.timeline ?? this.parts.history.timeline;
  }

  get source(): LogFeed | null {
    return this.feed;
  }

  /** Tells the log of transactions that a crash ended. */
  logAborts(xids: readonly number[]): void {
    for (const xid of xids) this.log.append(RECORD.abort, this.autonomous.take(xid, this.env.clock.wallMicros()));
  }

  get store(): KeyValueStore {
    if (this.parts.store === null) throw pgError('INTERNAL_ERROR', 'an engine in memory has no store');
    return this.parts.store;
  }

  readValue(key: Uint8Array, memory?: ByteMemory): Uint8Array {
    const value = this.store.getSync(key, memory);
    if (value === undefined) throw pgError('DATA_CORRUPTED', `a value is missing in the store: key ${Buffer.from(key).toString('hex')}`);
    return value;
  }

  async readValues(keys: readonly Uint8Array[], memories: readonly ByteMemory[]): Promise<(ReadValue | null)[]> {
    return (await this.store.readMany(keys, memories)).map((value) => value ?? null);
  }

  discardValue(key: Uint8Array): void {
    this.discards.add(key);
  }

  /** The store or the log failed: nothing may be acknowledged any more. */
  fail(error: unknown): void {
    if (this.failed || this.isClosed) return;
    this.failed = true;
    this.parts.fatal(error instanceof Error ? error : new Error(String(error)));
  }

  // Transactions

  begin(options: BeginOptions): Transaction {
    this.writing.began(options.sessionId);
    return new EngineTransaction(this, ++this.lastVirtualId, options);
  }

  nextXid(): number {
    if (this.replaying) throw pgError('READ_ONLY_SQL_TRANSACTION', 'cannot assign TransactionIds during recovery');
    return this.xid++;
  }

  flushedLsn(): Lsn {
    return this.acknowledgement.visible;
  }

  acknowledgedLsn(mode: ConfirmMode): Lsn {
    return this.acknowledgement.acknowledged(mode);
  }

  onAcknowledged(position: Lsn, mode: ConfirmMode, callback: () => void): void {
    this.acknowledgement.onAcknowledged(position, mode, callback, true);
  }

  awaitConfirmation(position: Lsn, mode: ConfirmMode): void {
    this.acknowledgement.awaitConfirmation(position, mode);
  }

  /** See `LogSource.awaitedLsn`. */
  get awaitedLsn(): Lsn {
    return this.acknowledgement.awaitedLsn;
  }

  /** See `LogSource.writeAwaitedLsn`. */
  get writeAwaitedLsn(): Lsn {
    return this.acknowledgement.writeAwaitedLsn;
  }

  setConfirmation(confirmation: Confirmation | null): void {
    this.acknowledgement.setConfirmation(confirmation);
  }

  appendedLsn(): Lsn {
    return this.log.appendedLsn;
  }

  pin(position: Lsn, transaction: EngineTransaction | null): SnapshotPin {
    return this.pins.pin(position, transaction);
  }

  unpin(pin: SnapshotPin): void {
    this.pins.unpin(pin);
  }

  readersBefore(position: Lsn): Transaction[] {
    return this.pins.before(position);
  }

  snapshotsOfOthers(transaction: Transaction): Snapshot[] {
    const own = engineTransaction(transaction);
    return this.pins.ofOthers(own).map((position) => new EngineSnapshot(position, own, 0));
  }

  horizon(): Lsn {
    const pinned = this.pins.minimum();
    const { visible } = this.acknowledgement;
    return pinned < visible ? pinned : visible;
  }

  runningTransactions(): Iterable<EngineTransaction> {
    return this.running.values();
  }

  openChanges(transaction: EngineTransaction): ChangeWriter | null {
    this.running.set(transaction.xid, transaction);
    if (this.parts.store === null || this.replaying) return null;
    const writer = this.writers.pop() ?? new ChangeWriter(null);
    writer.send = () => this.sendBatch(transaction, writer);
    return writer;
  }

  /** Sends what a running transaction has changed so far to the log. */
  private sendBatch(transaction: EngineTransaction, writer: ChangeWriter): void {
    if (transaction.firstBatchLsn === 0) transaction.firstBatchLsn = this.log.appendedLsn;
    appendRecord(this.log, RECORD.batch, writer.take(transaction.xid, writer.sentBytes));
    this.changesLogged(transaction);
  }

  changesLogged(transaction: EngineTransaction): void {
    this.effectSpill.consider(transaction);
  }

  unloggedEntry(transaction: EngineTransaction): void {
    if (this.parts.store !== null) this.effectSpill.considerUnlogged(transaction);
  }

  appendCommit(transaction: EngineTransaction, changes: ChangeWriter | null): Lsn {
    if (changes === null) return this.log.append(RECORD.commit, EMPTY_PAYLOAD);
    const { replayConflicts } = transaction;
    const locked = this.locks.exclusiveRelations(transaction);
    const exclusive = locked === null || replayConflicts === null ? locked ?? replayConflicts : [...locked, ...replayConflicts];
    if (exclusive !== null) this.log.append(RECORD.locks, encodeLocks(transaction.xid, exclusive));
    if (changes.hasSent && changes.hasPending) this.sendBatch(transaction, changes);
    return appendRecord(this.log, RECORD.commit, changes.take(transaction.xid, this.env.clock.wallMicros()));
  }

  appendAbort(transaction: EngineTransaction, changes: ChangeWriter): void {
    if (!changes.hasSent) return;
    changes.discard();
    this.log.append(RECORD.abort, changes.take(transaction.xid, this.env.clock.wallMicros()));
  }

  transactionEnded(transaction: EngineTransaction, changes: ChangeWriter | null): void {
    this.writing.ended(transaction);
    if (transaction.xid !== 0) this.running.delete(transaction.xid);
    if (changes !== null) {
      changes.reset();
      if (this.writers.length < WRITER_POOL) this.writers.push(changes);
      this.checkpointer.consider();
    }
  }

  private logAutonomous(write: (writer: ChangeWriter) => void): void {
    if (this.parts.store === null || this.replaying) return;
    this.autonomous.reset();
    write(this.autonomous);
    this.log.append(RECORD.autonomous, this.autonomous.take(0, 0));
  }

  // Files

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
    return new EngineIndex(this, index);
  }

  openSequence(file: FileNumber): SequenceFile {
    return this.files.sequence(file);
  }

  probeUnique(transaction: Transaction, heap: Heap, index: Index, key: IndexKey, selfRowId: RowId, keyOf: (row: Row) => IndexKey | null): UniqueProbe {
    return probeUnique(engineTransaction(transaction), this.files.heap(heap.file), index, key, selfRowId, keyOf);
  }

  // Counters, metadata, messages

  nextCounter(_name: 'oid'): number {
    if (this.replaying) throw pgError('READ_ONLY_SQL_TRANSACTION', 'cannot assign OIDs during recovery');
    if (this.nextOid >= this.oidCovered) {
      this.oidCovered = this.nextOid + OID_BATCH;
      this.logAutonomous((writer) => writer.counter('oid', this.oidCovered));
    }
    return this.nextOid++;
  }

  setCounter(_name: string, value: number): void {
    if (value > this.nextOid) this.nextOid = value;
    this.oidCovered = this.nextOid;
  }

  captureScalars(clean: boolean): Pick<Root, 'nextXid' | 'nextFile' | 'nextOid' | 'meta'> {
    return { nextXid: this.xid, nextFile: this.nextFile, nextOid: clean ? this.nextOid : Math.max(this.oidCovered, this.nextOid), meta: [...this.meta] };
  }

  getMeta(key: string): Uint8Array | null {
    return this.meta.get(key) ?? null;
  }

  putMeta(transaction: Transaction, key: string, value: Uint8Array | null): void {
    const own = engineTransaction(transaction);
    own.markWritten();
    this.effectOfMeta(own, key, value);
    own.changes?.putMeta(key, value);
  }

  effectOfMeta(transaction: EngineTransaction, key: string, value: Uint8Array | null): void {
    transaction.addEffect(new MetaEffect(this.meta, key, value));
  }

  logMessage(transaction: Transaction, message: LogMessage): void {
    const own = engineTransaction(transaction);
    own.markWritten();
    this.effectOfMessage(own, message);
    own.changes?.message(message.kind, message.payload);
  }

  effectOfMessage(transaction: EngineTransaction, message: LogMessage): void {
    transaction.addEffect(new MessageEffect((commitLsn) => this.onFlushed(commitLsn, () => {
      for (const listener of this.messageListeners) listener(message, commitLsn);
    })));
  }

  onMessage(listener: (message: LogMessage, commitLsn: Lsn) => void): void {
    this.messageListeners.push(listener);
  }

  // Replay

  beginReplayed(xid: number): EngineTransaction {
    const options: BeginOptions = { isolation: 'read committed', readOnly: false, sessionLsn: lsn(0), sessionId: 0 };
    this.writing.began(options.sessionId);
    const transaction = new EngineTransaction(this, ++this.lastVirtualId, options);
    transaction.xid = xid;
    transaction.markWritten();
    return transaction;
  }

  sawXid(xid: number): void {
    if (xid >= this.xid) this.xid = xid + 1;
  }

  sawFile(file: FileNumber): void {
    if (file >= this.nextFile) this.nextFile = file + 1;
  }

  // Durability

  whenFlushed(position: Lsn): Promise<void> {
    return new Promise((resolve) => this.onFlushed(position, resolve));
  }

  onFlushed(position: Lsn, callback: () => void): void {
    this.acknowledgement.onAcknowledged(position, this.acknowledgement.serverMode, callback);
  }

  whenSafe(position: Lsn, clean: boolean): Promise<void> {
    return new Promise((resolve) => this.acknowledgement.onSafe(clean ? null : this.env.timers, position, resolve));
  }

  releaseLog(redoLsn: Lsn): void {
    this.feed?.releaseBefore(redoLsn);
  }

  switchLog(): Lsn {
    if (this.replaying) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is in progress');
    return this.feed?.switchSegment() ?? this.log.appendedLsn;
  }

  setWalKeepSize(bytes: number): void {
    if (this.feed !== null) this.feed.keepBytes = bytes;
  }

  get memoryBudget(): number {
    return this.memory.budget;
  }

  giveWay(bytes: number): void {
    if (!this.ending) this.memory.giveWay(bytes);
  }

  memoryPressure(): Suspend | null {
    return this.memory.used <= this.memory.limit ? null : this.relief.pressure();
  }

  swapOut(): Promise<void> {
    return this.memory.used <= this.memory.limit ? Promise.resolve() : this.relief.swapOut();
  }

  writeControl(checkpointNumber: number, redoLsn: Lsn, clean: boolean): void {
    const state = this.replaying ? 'standby' : clean ? 'clean' : 'in production';
    this.parts.writeControl({ timeline: this.timeline, checkpointNumber, redoLsn, endLsn: this.feed?.durableLsn ?? this.log.flushedLsn, state });
  }

  /** Writes the control file anew: something else in it has changed (timeline, state). */
  rewriteControl(): void {
    const { number, redoLsn } = this.checkpointer.last;
    this.writeControl(number, redoLsn, false);
  }

  /** Writes a checkpoint and holds its state, with the log that it needs. */
  async takeState(): Promise<StateSnapshot> {
    const { feed } = this;
    if (feed === null || !this.consistent) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'the state cannot be read yet', { detail: 'Recovery has not reached a consistent state.' });
    const bytes = await this.store.approximateSize({ from: null, to: null });
    await this.checkpoint();
    await this.checkpointer.idle();
    const { number: checkpointNumber, redoLsn, stateLsn } = this.checkpointer.last;
    const info: StateInfo = { systemIdentifier: this.systemIdentifier, history: feed.history, storeId: this.parts.storeId, checkpointNumber, stateLsn, redoLsn };
    return new StoreState(info, bytes, this.store, feed.holdLog('state', redoLsn));
  }

  checkpoint(): Promise<void> {
    return this.checkpointer.checkpoint();
  }

  checkpointed(clean: boolean): void {
    this.memory.makeRoom(0);
    if (!clean) this.sweeper.soon();
  }

  get ending(): boolean {
    return this.closing || this.failed;
  }

  /** After replay has gone on: a checkpoint, when the log has grown enough. */
  considerCheckpoint(): void {
    this.checkpointer.consider();
  }

  vacuum(file?: FileNumber): Suspendable<void> {
    return this.sweeper.vacuum(file);
  }

  stillLog(): Promise<Lsn> {
    return this.feed?.still() ?? Promise.resolve(this.log.appendedLsn);
  }

  stirLog(): void {
    this.feed?.stir();
  }

  close(): Promise<void> {
    return this.end(true);
  }

  abandon(): Promise<void> {
    return this.end(false);
  }

  private async end(checkpoint: boolean): Promise<void> {
    if (this.replaying) await this.standby?.stop();
    else if (this.running.size > 0 && checkpoint) throw pgError('OBJECT_IN_USE', 'storage is closed while transactions run');
    this.closing = true;
    await this.behind?.stop();
    this.checkpointer.disarm();
    await this.checkpointer.idle();
    if (this.parts.store !== null && !this.failed) {
      await this.relief.idle();
      if (checkpoint) await this.checkpointer.start(!this.replaying);
      await this.discards.remove();
    }
    this.isClosed = true;
    await (this.feed ?? this.log).close();
    await this.parts.store?.close();
    this.parts.closed();
  }

  get buffers(): { readonly hits: number; readonly reads: number } {
    return this.memory;
  }

  statistics(): Record<string, number> {
    const checkpoint = this.checkpointer.last;
    return {
      memoryUsed: this.memory.used,
      memoryLimit: this.memory.limit,
      residents: this.memory.residents().length,
      evictions: this.memory.evictions,
      swapOuts: this.relief.swapOuts,
      checkpoints: checkpoint.number,
      runningTransactions: this.running.size,
      pinnedSnapshots: this.pins.size,
      appendedLsn: this.log.appendedLsn,
      flushedLsn: this.log.flushedLsn,
      redoLsn: checkpoint.redoLsn,
      stateLsn: checkpoint.stateLsn,
      nextXid: this.xid,
      nextOid: this.nextOid,
      logRecords: this.feed?.statistics.records ?? 0,
      logBytes: this.feed?.statistics.bytesWritten ?? 0,
    };
  }
}
