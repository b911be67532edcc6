/**
 * A transaction: what it wrote, so that commit can stamp it and abort (or a savepoint) can undo it.
 *
 * Everything it did stands in two lists in order of doing: versions of rows, and other effects (index entries, row locks,
 * files), numbered in common. A savepoint is the number of the next write, a mark in the log changes and one in the
 * heavyweight locks. Versions whose chunk had to make room in memory (`access/swap`) are not in the list; they come back into it,
 * or find out how the transaction ended, when the chunk does. Commit
 * appends one log record, stamps the versions with its LSN and releases the locks at once: whoever builds on them has its
 * record behind this one in the log. Nothing here creates a promise.
 */
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { Suspendable, WaitSignal } from '../base/suspend.js';
import type { ActiveWriters } from './active-writers.js';
import type { ChangeWriter } from './changes.js';
import type { LockMode, LockTarget, RelationTarget } from './lock-modes.js';
import { EngineSnapshot, type SnapshotPin } from './snapshot.js';
import type { RowVersion } from './version.js';
import type { RowTurn, WantedRow } from './wait-graph.js';

/** READ COMMITTED and its stronger sisters. */
export type TransactionIsolation = 'read committed' | 'repeatable read' | 'serializable';

/** Who begins a transaction. */
export interface TransactionOptions {
  isolation: TransactionIsolation;
  readOnly: boolean;
  /** LSN of the session's last own commit. */
  sessionLsn: Lsn;
  sessionId: number;
}

/** Limits of one wait (see `access/api`). */
export interface WaitLimits {
  timeoutMs: number;
  signal: WaitSignal | null;
  context?: string | (() => string);
  row?: WantedRow;
}

/** Something that a transaction did beside row versions. */
export abstract class Effect {
  /** Number of the write within its transaction (see `RowVersion.sequence`). */
  write = 0;
  /** How many things it stands for: what its undo costs in memory. */
  get weight(): number {
    return 1;
  }

  /** The transaction committed at `lsn`. */
  abstract committed(lsn: Lsn): void;
  /** The transaction, or the savepoint that covers the effect, was rolled back. */
  abstract undone(): void;
}

/** Effects that had to make room in memory (`access/effect-spill`): entries added to indexes and retired, which matter at undo only. */
export interface SpilledEffects {
  /** Undoes those with a write number from this one on. */
  undo(firstWrite: number): void;
  /** They are not needed any more. */
  discard(): void;
}

/** Heavyweight locks and waits, as a transaction uses them (the lock manager). */
export interface TransactionLocks {
  waitForTransaction(waiter: EngineTransaction, other: EngineTransaction, limits: WaitLimits): Suspendable<void>;
  waitForHolders(waiter: EngineTransaction, tag: LockTarget, mode: LockMode, limits: WaitLimits): Suspendable<void>;
  /** A mark for `releaseAfter`. */
  mark(transaction: EngineTransaction): number;
  /** Releases what was taken since the mark. */
  releaseAfter(transaction: EngineTransaction, mark: number): void;
  wakeWaiters(virtualId: number): void;
  /** Releases everything and wakes whoever waits for this transaction. */
  releaseAll(transaction: EngineTransaction): void;
}

/** The engine, as a transaction needs it. */
export interface TransactionHost {
  readonly locks: TransactionLocks;
  readonly writing: ActiveWriters;
  nextXid(): number;
  /** The acknowledged prefix of the log. */
  flushedLsn(): Lsn;
  appendedLsn(): Lsn;
  pin(lsn: Lsn, transaction: EngineTransaction): SnapshotPin;
  unpin(pin: SnapshotPin): void;
  /** A writer for log changes; null when nothing is logged (memory only). */
  openChanges(transaction: EngineTransaction): ChangeWriter | null;
  /** Appends the commit record with what `changes` still holds; returns its LSN. */
  appendCommit(transaction: EngineTransaction, changes: ChangeWriter | null): Lsn;
  /** Tells that an aborted transaction had already sent changes to the log. */
  appendAbort(transaction: EngineTransaction, changes: ChangeWriter): void;
  /** The transaction is over: forget it. */
  transactionEnded(transaction: EngineTransaction, changes: ChangeWriter | null): void;
}

/** Inserted rows that are not logged yet (`access/bulk`). */
export interface PendingBulk {
  /** Logs them. */
  flush(): void;
}

/** A mark inside a transaction. */
export class EngineSavepoint {
  constructor(
    readonly level: number,
    /** Number of the next write. */
    readonly writes: number,
    readonly changes: number,
    readonly locks: number,
  ) {}
}

const NOTHING_LOGGED = { records: 0, bytes: 0 };

/** See `Transaction` in `access/api`. */
export class EngineTransaction {
  xid = 0;
  state: 'active' | 'committed' | 'aborted' = 'active';
  commandId = 0;
  hasWrites = false;
  wroteInGroup = 0;
  isAwaited = false;
  rowTurn: RowTurn | null = null;
  /** Where its commit record ends, once committed with writes. */
  commitLsn: Lsn = INVALID_LSN;
  /** LSN of its first record in the log when changes were sent before the commit; 0 otherwise. */
  firstBatchLsn: Lsn = INVALID_LSN;
  /** Versions written and not undone, in order (of coming back, once some were swapped out). */
  versions: RowVersion[] = [];
  /** Number of the next write. */
  writes = 0;
  /** Writes that were rolled back, as [from, to) pairs: kept only once some versions were swapped out. */
  undoneRanges: [number, number][] = [];
  /** Inserted rows that are not logged yet. */
  pendingBulk: PendingBulk | null = null;
  /** Relations whose readers on standbys are in the way of its commit; null: none beside those it has locked. */
  replayConflicts: RelationTarget[] | null = null;
  /** True once versions were swapped out. */
  hasSwapped = false;
  effects: Effect[] = [];
  /** Sum of their weights. */
  effectsWeight = 0;
  /** Effects that are not in the list any more, in order. */
  spilledEffects: SpilledEffects[] = [];
  private changeWriter: ChangeWriter | null = null;
  private readonly savepoints: EngineSavepoint[] = [];
  private endCallbacks: ((committed: boolean) => void)[] | null = null;
  private preCommitCallbacks: (() => void)[] | null = null;
  /** The snapshot of `catalogSnapshot`, reused while nothing moved. */
  private lastCatalogSnapshot: EngineSnapshot | null = null;

  constructor(
    private readonly host: TransactionHost,
    readonly virtualId: number,
    readonly options: TransactionOptions,
  ) {}

  get sessionId(): number {
    return this.options.sessionId;
  }

  assignXid(): number {
    if (this.xid === 0) this.xid = this.host.nextXid();
    return this.xid;
  }

  /** Marks the transaction as a writer (also for files that are not logged). */
  markWritten(): void {
    assert(this.state === 'active', 'write in a transaction that has ended');
    this.host.writing.wrote(this);
    if (this.hasWrites) return;
    this.hasWrites = true;
    this.assignXid();
    this.changeWriter = this.host.openChanges(this);
  }

  /** Where log changes go; null when nothing is logged. Call `markWritten` first. */
  get changes(): ChangeWriter | null {
    if (this.pendingBulk !== null) this.flushBulk();
    return this.changeWriter;
  }

  /** The same for changes whose order among those of rows does not matter: index entries. */
  get entryChanges(): ChangeWriter | null {
    return this.changeWriter;
  }

  logged(): { readonly records: number; readonly bytes: number } {
    const writer = this.changeWriter;
    return writer === null ? NOTHING_LOGGED : { records: writer.count, bytes: writer.mark() };
  }

  /** It has a row now so that nobody else can write it: those who stood behind it in line need not look. */
  tookRow(file: number, rowId: number): void {
    const turn = this.rowTurn;
    if (turn !== null && turn.row.rowId === rowId && turn.row.file === file) turn.taken = true;
  }

  /** Logs inserted rows that are not logged yet. */
  flushBulk(): void {
    const pending = this.pendingBulk;
    this.pendingBulk = null;
    pending?.flush();
  }

  incrementCommandId(): void {
    this.commandId++;
  }

  takeSnapshot(): EngineSnapshot {
    const flushed = this.host.flushedLsn();
    const session = this.options.sessionLsn;
    return new EngineSnapshot(session > flushed ? session : flushed, this, this.commandId);
  }

  catalogSnapshot(): EngineSnapshot {
    const lsn = this.host.appendedLsn();
    const last = this.lastCatalogSnapshot;
    if (last !== null && last.lsn === lsn && last.commandId === this.commandId) return last;
    return (this.lastCatalogSnapshot = new EngineSnapshot(lsn, this, this.commandId));
  }

  refreshCommand(snapshot: EngineSnapshot): EngineSnapshot {
    return snapshot.commandId === this.commandId ? snapshot : new EngineSnapshot(snapshot.lsn, this, this.commandId);
  }

  pinSnapshot(snapshot: EngineSnapshot): () => void {
    let pin: SnapshotPin | null = this.host.pin(snapshot.lsn, this);
    return () => {
      if (pin !== null) this.host.unpin(pin);
      pin = null;
    };
  }

  beginSavepoint(): EngineSavepoint {
    this.flushBulk();
    const savepoint = new EngineSavepoint(
      this.savepoints.length + 1,
      this.writes,
      this.changes?.mark() ?? 0,
      this.host.locks.mark(this),
    );
    this.savepoints.push(savepoint);
    return savepoint;
  }

  rollbackToSavepoint(savepoint: EngineSavepoint): void {
    assert(this.savepoints[savepoint.level - 1] === savepoint, 'rollback to a savepoint that is gone');
    this.savepoints.length = savepoint.level;
    this.pendingBulk = null;
    this.rowTurn = null;
    this.undo(savepoint.writes);
    this.changeWriter?.rollbackTo(savepoint.changes);
    this.host.locks.releaseAfter(this, savepoint.locks);
    this.host.locks.wakeWaiters(this.virtualId);
  }

  releaseSavepoint(savepoint: EngineSavepoint): void {
    assert(this.savepoints[savepoint.level - 1] === savepoint, 'release of a savepoint that is gone');
    this.savepoints.length = savepoint.level - 1;
  }

  /** Adds an effect to the list. */
  addEffect(effect: Effect): void {
    effect.write = this.writes++;
    this.effects.push(effect);
    this.effectsWeight += effect.weight;
  }

  /** Undoes what was written from this number on, newest first. */
  undo(firstWrite: number): void {
    const { versions, effects } = this;
    if (this.hasSwapped) {
      versions.sort((a, b) => a.sequence - b.sequence);
      this.undoneRanges.push([firstWrite, this.writes]);
    }
    while (versions.length > 0 && versions[versions.length - 1].sequence >= firstWrite) {
      const version = versions[versions.length - 1];
      versions.length--;
      version.home.versionUndone(version);
    }
    while (effects.length > 0 && effects[effects.length - 1].write >= firstWrite) {
      const effect = effects[effects.length - 1];
      effects.length--;
      this.effectsWeight -= effect.weight;
      effect.undone();
    }
    for (let index = this.spilledEffects.length - 1; index >= 0; index--) this.spilledEffects[index].undo(firstWrite);
  }

  commit(): Lsn {
    assert(this.state === 'active', 'commit of a transaction that has ended');
    if (this.preCommitCallbacks !== null) for (const callback of this.preCommitCallbacks) callback();
    if (this.pendingBulk !== null) this.flushBulk();
    const lsn = this.hasWrites ? this.host.appendCommit(this, this.changeWriter) : INVALID_LSN;
    this.commitAt(lsn);
    return lsn;
  }

  /** Everything of a commit but its record: also how replay commits. */
  commitAt(lsn: Lsn): void {
    this.state = 'committed';
    this.commitLsn = lsn;
    const { versions, effects } = this;
    for (let index = 0; index < versions.length; index++) {
      const version = versions[index];
      version.commitLsn = lsn;
      version.transaction = null;
      version.home.versionCommitted(version);
    }
    for (let index = 0; index < effects.length; index++) effects[index].committed(lsn);
    this.end(true);
  }

  abort(): void {
    if (this.state !== 'active') return;
    this.pendingBulk = null;
    if (this.changeWriter !== null) this.host.appendAbort(this, this.changeWriter);
    this.undo(0);
    this.state = 'aborted';
    this.end(false);
  }

  onEnd(callback: (committed: boolean) => void): void {
    (this.endCallbacks ??= []).push(callback);
  }

  onPreCommit(callback: () => void): void {
    (this.preCommitCallbacks ??= []).push(callback);
  }

  waitFor(other: { readonly virtualId: number }, wait: WaitLimits): Suspendable<void> {
    if (!(other instanceof EngineTransaction)) throw pgError('INTERNAL_ERROR', 'waiting for a transaction of another engine');
    return this.host.locks.waitForTransaction(this, other, wait);
  }

  conflictWithReaders(relation: RelationTarget): void {
    (this.replayConflicts ??= []).push(relation);
  }

  waitForHolders(tag: LockTarget, mode: LockMode, wait: WaitLimits): Suspendable<void> {
    return this.host.locks.waitForHolders(this, tag, mode, wait);
  }

  private end(committed: boolean): void {
    // New lists: setting a length leaves compiled code (1 % of a single-row INSERT).
    if (this.savepoints.length > 0) this.savepoints.length = 0;
    if (this.spilledEffects.length > 0) {
      for (const spilled of this.spilledEffects) spilled.discard();
      this.spilledEffects = [];
    }
    this.effects = [];
    this.effectsWeight = 0;
    this.versions = [];
    this.host.transactionEnded(this, this.changeWriter);
    this.changeWriter = null;
    this.host.locks.releaseAll(this);
    const callbacks = this.endCallbacks;
    if (callbacks !== null) for (const callback of callbacks) callback(committed);
  }
}
