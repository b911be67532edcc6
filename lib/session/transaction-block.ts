/**
 * What a session knows about its transaction: the storage transaction (begun when first needed), the kind of block it is in,
 * whether the block has failed, its savepoints and its snapshot. The states are those of PostgreSQL's xact.c, folded:
 *
 * | kind | PostgreSQL | ends |
 * |---|---|---|
 * | none | DEFAULT | – |
 * | statement | STARTED | with the statement (simple protocol) or at Sync |
 * | implicit | IMPLICIT_INPROGRESS | with the query string |
 * | explicit | INPROGRESS / ABORT (`failed`) | COMMIT, ROLLBACK |
 */
import type { IsolationLevel, Savepoint, Snapshot, StorageEngine, Transaction } from '../access/api.js';
import { pgError } from '../base/error.js';
import { INVALID_LSN, type Lsn } from '../base/lsn.js';
import type { Suspendable } from '../base/suspend.js';

export type BlockKind = 'none' | 'statement' | 'implicit' | 'explicit';

/** A savepoint by its name; the name may occur several times, the newest counts. */
export interface NamedSavepoint {
  readonly name: string;
  readonly savepoint: Savepoint;
  /** Nesting level of the settings that belongs to it. */
  readonly level: number;
  /** Whether the transaction was read only when it was made. */
  readonly readOnly: boolean;
}

/** Modes given with BEGIN, SET TRANSACTION; absent ones stay as they are. */
export interface TransactionModes {
  isolation?: IsolationLevel | 'read uncommitted';
  readOnly?: boolean;
  deferrable?: boolean;
}

/** What happens around a transaction's end; the session's. */
export interface BlockHost {
  readonly storage: StorageEngine;
  readonly sessionId: number;
  /** On a standby: every transaction is read only, none is serializable. */
  readonly inRecovery: boolean;
  /** Defaults of a new transaction. */
  defaultModes(): Required<TransactionModes>;
  /** LSN of the session's last own commit. */
  lastCommitLsn(): Lsn;
  /** now(), in the microseconds of timestamps. */
  statementStart(): number;
  /** A block began: settings open a level. */
  began(): void;
  /** Before the commit record: holdable cursors, deferred checks, notifications. Null when it is done; what is left to wait for otherwise. May throw. */
  preCommit(transaction: Transaction): Suspendable<void> | null;
  /** The transaction is over. `commitLsn` is 0 when nothing was written. */
  ended(committed: boolean, commitLsn: Lsn): void;
  savepointBegan(): number;
  /** A savepoint's level ends: kept (released) or undone. */
  savepointEnded(level: number, kept: boolean): void;
  /** Work was undone down to a savepoint. */
  rolledBackTo(savepoint: NamedSavepoint): void;
}

/** See the file's comment. */
export class TransactionBlock {
  kind: BlockKind = 'none';
  /** The block failed: only ROLLBACK (TO) is heard. */
  failed = false;
  isolation: IsolationLevel = 'read committed';
  /** As transaction_isolation shows it. */
  isolationName: IsolationLevel | 'read uncommitted' = 'read committed';
  readOnly = false;
  deferrable = false;
  /** now(): microseconds since 2000-01-01 UTC. */
  startMicros = 0;
  /** True once a statement took a snapshot: isolation may no longer change. */
  snapshotTaken = false;
  readonly savepoints: NamedSavepoint[] = [];
  private current: Transaction | null = null;
  private fixedSnapshot: Snapshot | null = null;
  private unpin: (() => void) | null = null;

  constructor(private readonly host: BlockHost) {}

  /** The storage transaction, begun at first need. */
  get transaction(): Transaction {
    return this.current ?? this.beginStorage();
  }

  /** The storage transaction if there is one. */
  get started(): Transaction | null {
    return this.current;
  }

  private beginStorage(): Transaction {
    if (this.kind === 'none') throw pgError('INTERNAL_ERROR', 'no transaction is in progress');
    if (this.failed) throw failedBlock();
    const { host } = this;
    this.current = host.storage.begin({
      isolation: this.isolation, readOnly: this.readOnly, sessionLsn: host.lastCommitLsn(), sessionId: host.sessionId,
    });
    return this.current;
  }

  /** Begins what one statement needs, unless a block is open. */
  ensureStarted(): void {
    if (this.kind === 'none') this.begin('statement');
  }

  /** Makes the statements of one query string one transaction. */
  ensureImplicit(): void {
    if (this.kind === 'none') this.begin('implicit');
    else if (this.kind === 'statement') this.kind = 'implicit';
  }

  private begin(kind: BlockKind): void {
    const modes = this.host.defaultModes();
    this.kind = kind;
    this.failed = false;
    this.isolationName = modes.isolation;
    this.isolation = modes.isolation === 'read uncommitted' ? 'read committed' : modes.isolation;
    this.readOnly = modes.readOnly || this.host.inRecovery;
    this.deferrable = modes.deferrable;
    this.startMicros = this.host.statementStart();
    this.snapshotTaken = false;
    this.host.began();
  }

  /** BEGIN, START TRANSACTION. */
  beginExplicit(modes: TransactionModes): void {
    this.ensureStarted();
    // Modes that a standby cannot have end the transaction: there is no block then. SERIALIZABLE, which is only missing here, leaves a
    // failed block: what was to be part of it must not run outside of one.
    if (!this.host.inRecovery) this.kind = 'explicit';
    this.setModes(modes);
    this.kind = 'explicit';
  }

  /** BEGIN's options and SET TRANSACTION. Throws 25001 when it is too late, 0A000 for SERIALIZABLE. */
  setModes(modes: TransactionModes): void {
    if (modes.isolation !== undefined && modes.isolation !== this.isolationName) this.setIsolation(modes.isolation);
    if (modes.readOnly !== undefined) {
      if (this.readOnly && !modes.readOnly) this.refuseReadWrite();
      this.readOnly = modes.readOnly;
    }
    if (modes.deferrable !== undefined) this.deferrable = modes.deferrable;
  }

  private refuseReadWrite(): void {
    if (this.savepoints.length > 0) {
      throw pgError('ACTIVE_SQL_TRANSACTION', 'cannot set transaction read-write mode inside a read-only transaction');
    }
    if (this.snapshotTaken) throw pgError('ACTIVE_SQL_TRANSACTION', 'transaction read-write mode must be set before any query');
    if (this.host.inRecovery) throw pgError('FEATURE_NOT_SUPPORTED', 'cannot set transaction read-write mode during recovery');
  }

  private setIsolation(isolation: IsolationLevel | 'read uncommitted'): void {
    if (this.snapshotTaken) throw pgError('ACTIVE_SQL_TRANSACTION', 'SET TRANSACTION ISOLATION LEVEL must be called before any query');
    if (this.savepoints.length > 0) throw pgError('ACTIVE_SQL_TRANSACTION', 'SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction');
    if (isolation === 'serializable') throw this.host.inRecovery ? serializableInRecovery() : serializableRefused();
    this.isolationName = isolation;
    this.isolation = isolation === 'read uncommitted' ? 'read committed' : isolation;
  }

  /** The snapshot that the next statement reads with. */
  statementSnapshot(): Snapshot {
    const { transaction } = this;
    if (this.isolation === 'serializable' && this.host.inRecovery) throw serializableByDefault();
    this.snapshotTaken = true;
    if (this.isolation === 'read committed') return transaction.takeSnapshot();
    if (this.fixedSnapshot === null) {
      this.fixedSnapshot = transaction.takeSnapshot();
      this.unpin = transaction.pinSnapshot(this.fixedSnapshot);
    }
    return transaction.refreshCommand(this.fixedSnapshot);
  }

  /** Commits. Null when it is done; what is left to wait for otherwise. A COMMIT that fails (a deferred constraint) ends the block all the same. */
  commit(): Suspendable<void> | null {
    const transaction = this.current;
    if (transaction !== null) {
      let waits: Suspendable<void> | null;
      try {
        waits = this.host.preCommit(transaction);
      } catch (error) {
        this.abort();
        throw error;
      }
      if (waits !== null) return this.commitAfter(waits, transaction);
    }
    this.committed(transaction);
    return null;
  }

  private *commitAfter(waits: Suspendable<void>, transaction: Transaction): Suspendable<void> {
    try {
      yield* waits;
    } catch (error) {
      this.abort();
      throw error;
    }
    this.committed(transaction);
  }

  private committed(transaction: Transaction | null): void {
    const commitLsn = transaction === null ? INVALID_LSN : transaction.commit();
    this.finish();
    this.host.ended(true, commitLsn);
  }

  /** Undoes everything; the block is over. */
  abort(): void {
    if (this.kind === 'none') return;
    this.current?.abort();
    this.finish();
    this.host.ended(false, INVALID_LSN);
  }

  private finish(): void {
    this.current = null;
    this.fixedSnapshot = null;
    this.unpin?.();
    this.unpin = null;
    this.kind = 'none';
    this.failed = false;
    if (this.savepoints.length > 0) this.savepoints.length = 0;
  }

  /**
   * After an error: an explicit block fails (down to its innermost savepoint, if it has one), anything else is rolled back.
   */
  statementFailed(): void {
    if (this.kind === 'none') return;
    if (this.kind !== 'explicit') {
      this.abort();
      return;
    }
    if (this.failed) return;
    const innermost = this.savepoints.at(-1);
    if (innermost === undefined) {
      this.current?.abort();
      this.current = null;
      this.fixedSnapshot = null;
      this.unpin?.();
      this.unpin = null;
    } else if (this.current !== null) {
      this.current.rollbackToSavepoint(innermost.savepoint);
      this.host.rolledBackTo(innermost);
    }
    this.failed = true;
  }

  // ---------------------------------------------------------------- savepoints

  /** SAVEPOINT. */
  beginSavepoint(name: string): void {
    const savepoint = this.transaction.beginSavepoint();
    this.savepoints.push({ name, savepoint, level: this.host.savepointBegan(), readOnly: this.readOnly });
  }

  private find(name: string): number {
    for (let i = this.savepoints.length - 1; i >= 0; i--) if (this.savepoints[i].name === name) return i;
    throw pgError('S_E_INVALID_SPECIFICATION', `savepoint "${name}" does not exist`);
  }

  /** RELEASE SAVEPOINT: it and those within it become part of what is around them. */
  releaseSavepoint(name: string): void {
    const index = this.find(name);
    for (let i = this.savepoints.length - 1; i >= index; i--) {
      this.transaction.releaseSavepoint(this.savepoints[i].savepoint);
      this.host.savepointEnded(this.savepoints[i].level, true);
    }
    this.readOnly = this.savepoints[index].readOnly;
    this.savepoints.length = index;
  }

  /** ROLLBACK TO SAVEPOINT: the savepoint stays, the block is well again. */
  rollbackToSavepoint(name: string): void {
    const index = this.find(name);
    this.failed = false;
    for (let i = this.savepoints.length - 1; i >= index; i--) this.host.savepointEnded(this.savepoints[i].level, false);
    const target = this.savepoints[index];
    this.transaction.rollbackToSavepoint(target.savepoint);
    this.readOnly = target.readOnly;
    const again: NamedSavepoint = { ...target, level: this.host.savepointBegan() };
    this.savepoints.length = index;
    this.savepoints.push(again);
    this.host.rolledBackTo(again);
  }
}

/** 25P02, the answer of a failed block to everything but its end. */
export function failedBlock(): Error {
  return pgError('IN_FAILED_SQL_TRANSACTION', 'current transaction is aborted, commands ignored until end of transaction block');
}

/** SERIALIZABLE would need to know the primary's reads. */
function serializableInRecovery(): Error {
  return pgError('FEATURE_NOT_SUPPORTED', 'cannot use serializable mode in a hot standby', { hint: 'You can use REPEATABLE READ instead.' });
}

/** The same, for a transaction that has it by default. */
function serializableByDefault(): Error {
  return pgError('FEATURE_NOT_SUPPORTED', 'cannot use serializable mode in a hot standby', {
    detail: '"default_transaction_isolation" is set to "serializable".',
    hint: 'You can use "SET default_transaction_isolation = \'repeatable read\'" to change the default.',
  });
}

/** SERIALIZABLE is not there yet. */
export function serializableRefused(): Error {
  return pgError('FEATURE_NOT_SUPPORTED', 'isolation level SERIALIZABLE is not supported yet', { hint: 'Use REPEATABLE READ.' });
}
