/**
 * What functions about the session and the server ask: waiting, advisory locks, log positions, locks held.
 */
import type { LockTag, SessionLockOwner, StorageEngine, Transaction, WaitOptions } from '../../access/api.js';
import { pgError, type PgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { Catalog } from '../../catalog/api.js';
import type { AdvisoryRequest, BackendServices } from '../../functions/system/backend.js';
import type { Datum, Int8 } from '../../types/datum.js';

/** What the services need of their session. */
export interface BackendContext {
  readonly processId: number;
  readonly storage: StorageEngine;
  readonly catalog: Catalog;
  readonly lockOwner: SessionLockOwner;
  /** Start of the server, microseconds since 2000-01-01 UTC. */
  readonly serverStart: Int8;
  transaction(): Transaction;
  waitOptions(): WaitOptions;
  /** Resolves after so many milliseconds; rejects with the reason when the statement is cancelled. */
  delay(milliseconds: number): Promise<void>;
  notice(notice: PgError): void;
  cancelBackend(processId: number): boolean;
  terminateBackend(processId: number): boolean;
  notify(channel: string, payload: string): void;
  listeningChannels(): Iterable<string>;
  clientAddress(): { address: string | null; port: number | null };
}

/** See the file's comment. */
export class SessionBackend implements BackendServices {
  readonly inRecovery = false;

  constructor(private readonly context: BackendContext) {}

  get processId(): number { return this.context.processId; }
  get serverStart(): Int8 { return this.context.serverStart; }
  get configurationLoad(): Int8 { return this.context.serverStart; }

  *sleep(seconds: number): Suspendable<void> {
    if (seconds > 0) yield new Suspend(this.context.delay(seconds * 1000));
  }

  private tag(request: AdvisoryRequest): LockTag {
    const key = request.second === null
      ? `${BigInt.asUintN(64, BigInt(request.first)) >> 32n},${BigInt.asUintN(32, BigInt(request.first))},1`
      : `${Number(request.first) >>> 0},${request.second >>> 0},2`;
    return { kind: 'advisory', database: this.context.catalog.databaseOid, key };
  }

  *lockAdvisory(request: AdvisoryRequest): Suspendable<void> {
    const { storage, lockOwner } = this.context;
    const mode = request.shared ? 'Share' : 'Exclusive';
    const transaction = this.context.transaction();
    if (request.transaction) yield* storage.locks.lock(transaction, this.tag(request), mode, this.context.waitOptions());
    else yield* storage.locks.lockSession(lockOwner, transaction, this.tag(request), mode, this.context.waitOptions());
  }

  tryLockAdvisory(request: AdvisoryRequest): boolean {
    const { storage, lockOwner } = this.context;
    const mode = request.shared ? 'Share' : 'Exclusive';
    const transaction = this.context.transaction();
    return request.transaction
      ? storage.locks.tryLock(transaction, this.tag(request), mode)
      : storage.locks.tryLockSession(lockOwner, transaction, this.tag(request), mode);
  }

  unlockAdvisory(request: AdvisoryRequest): boolean {
    const released = this.context.storage.locks.unlockSession(this.context.lockOwner, this.tag(request), request.shared ? 'Share' : 'Exclusive');
    if (!released) {
      this.context.notice(pgError('WARNING', `you don't own a lock of type ${request.shared ? 'ShareLock' : 'ExclusiveLock'}`, { severity: 'WARNING' }));
    }
    return released;
  }

  unlockAllAdvisory(): void {
    this.context.storage.locks.unlockAllSession(this.context.lockOwner);
  }

  cancelBackend(processId: number): boolean { return this.context.cancelBackend(processId); }
  terminateBackend(processId: number): boolean { return this.context.terminateBackend(processId); }
  notify(channel: string, payload: string): void { this.context.notify(channel, payload); }
  listeningChannels(): Iterable<string> { return this.context.listeningChannels(); }
  clientAddress(): { address: string | null; port: number | null } { return this.context.clientAddress(); }

  transactionId(ifAssigned: boolean): Int8 | null {
    const transaction = this.context.transaction();
    if (ifAssigned) return transaction.xid === 0 ? null : transaction.xid;
    return transaction.assignXid();
  }

  logPosition(which: 'insert' | 'write' | 'flush'): Int8 {
    return which === 'flush' ? this.context.storage.flushedLsn() : this.context.storage.appendedLsn();
  }

  /** In the column order of pg_locks. */
  *locks(): Iterable<Exclude<Datum, object>[]> {
    for (const { tag, mode, granted, virtualId, sessionId } of this.context.storage.locks.list()) {
      const relation = tag.kind === 'relation' ? tag.relation : null;
      const [first, second, kind] = tag.kind === 'advisory' ? tag.key.split(',').map(Number) : [null, null, null];
      yield [
        tag.kind, tag.database, relation, null, null, null, null,
        tag.kind === 'object' ? tag.classId : first, tag.kind === 'object' ? tag.objectId : second, tag.kind === 'object' ? 0 : kind,
        `${sessionId}/${virtualId}`, sessionId, `${mode}Lock`, granted, false, null,
      ];
    }
  }
}
