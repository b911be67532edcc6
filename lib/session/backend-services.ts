/**
 * What functions may ask of the server around their session: other sessions, advisory locks, notifications, log positions.
 */
import type { LockTag, TableLockMode } from '../access/api.js';
import { pgError } from '../base/error.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import { isSuperuser, hasPrivilegesOfRole } from '../catalog/roles.js';
import type { AdvisoryRequest, BackendServices } from '../functions/system/backend.js';
import type { Int8 } from '../types/datum.js';
import { queueNotification } from './commands/notification.js';
import { userCancel } from './interrupts.js';
import type { Session } from './session.js';

const PG_SIGNAL_BACKEND = 4200;

/** See the file's comment. */
export class SessionBackendServices implements BackendServices {
  constructor(private readonly session: Session) {}

  get processId(): number {
    return this.session.processId;
  }

  get serverStart(): Int8 {
    return this.session.engine.startedAt;
  }

  get configurationLoad(): Int8 {
    return this.session.engine.configurationLoadedAt;
  }

  *sleep(seconds: number): Suspendable<void> {
    if (!(seconds > 0)) return;
    const { interrupts, engine } = this.session;
    const { signal } = interrupts;
    interrupts.check();
    yield new Suspend(new Promise<void>((resolve, reject) => {
      const timer = engine.env.timers.after(Math.min(seconds * 1000, 2 ** 31 - 1), () => {
        signal.removeEventListener('abort', stop);
        resolve();
      });
      const stop = (): void => {
        timer.cancel();
        reject(signal.reason instanceof Error ? signal.reason : userCancel());
      };
      signal.addEventListener('abort', stop);
    }));
  }

  // advisory locks

  private tag({ first, second }: AdvisoryRequest): LockTag {
    const key = second === null ? `8:${BigInt.asUintN(64, BigInt(first))}` : `4:${Number(first) >>> 0}:${second >>> 0}`;
    return { kind: 'advisory', database: this.session.databaseOid, key };
  }

  private mode(request: AdvisoryRequest): TableLockMode {
    return request.shared ? 'Share' : 'Exclusive';
  }

  private get owner(): { sessionId: number } {
    return { sessionId: this.session.processId };
  }

  lockAdvisory(request: AdvisoryRequest): Suspendable<void> {
    const { locks } = this.session.engine.storage;
    const { transaction } = this.session.block;
    const wait = this.session.waitOptions();
    return request.transaction
      ? locks.lock(transaction, this.tag(request), this.mode(request), wait)
      : locks.lockSession(this.owner, transaction, this.tag(request), this.mode(request), wait);
  }

  tryLockAdvisory(request: AdvisoryRequest): boolean {
    const { locks } = this.session.engine.storage;
    const { transaction } = this.session.block;
    return request.transaction
      ? locks.tryLock(transaction, this.tag(request), this.mode(request))
      : locks.tryLockSession(this.owner, transaction, this.tag(request), this.mode(request));
  }

  unlockAdvisory(request: AdvisoryRequest): boolean {
    const held = this.session.engine.storage.locks.unlockSession(this.owner, this.tag(request), this.mode(request));
    if (!held) this.session.notices.warning('WARNING', `you don't own a lock of type ${this.mode(request)}Lock`);
    return held;
  }

  unlockAllAdvisory(): void {
    this.session.engine.storage.locks.unlockAllSession(this.owner);
  }

  // other sessions

  private target(processId: number, verb: 'cancel query' | 'terminate process'): Session | null {
    const other = this.session.engine.session(processId);
    if (other === undefined) {
      this.session.notices.warning('WARNING', `PID ${processId} is not a PostgreSQL backend process`);
      return null;
    }
    const { catalog, currentUserOid } = this.session;
    if (isSuperuser(catalog, currentUserOid)) return other;
    if (isSuperuser(catalog, other.identity.roleOid)) {
      throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to ${verb}`, { detail: 'Only roles with the SUPERUSER attribute may do so to processes of roles with the SUPERUSER attribute.' });
    }
    if (!hasPrivilegesOfRole(catalog, currentUserOid, other.identity.roleOid) && !hasPrivilegesOfRole(catalog, currentUserOid, PG_SIGNAL_BACKEND)) {
      throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to ${verb}`, {
        detail: `Only roles with privileges of the role whose query is being ${verb === 'cancel query' ? 'canceled' : 'terminated'} or with privileges of the "pg_signal_backend" role may ${verb} this process.`,
      });
    }
    return other;
  }

  cancelBackend(processId: number): boolean {
    const other = this.target(processId, 'cancel query');
    other?.cancel();
    return other !== null;
  }

  terminateBackend(processId: number): boolean {
    const other = this.target(processId, 'terminate process');
    other?.terminate(pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' }));
    return other !== null;
  }

  notify(channel: string, payload: string): void {
    queueNotification(this.session, channel, payload);
  }

  listeningChannels(): Iterable<string> {
    return [...this.session.listening.channels];
  }

  // transactions and the log

  transactionId(ifAssigned: boolean): Int8 | null {
    if (!ifAssigned) {
      this.session.preventDuringRecovery('pg_current_xact_id()');
      return this.session.block.transaction.assignXid();
    }
    const xid = this.session.block.started?.xid ?? 0;
    return xid === 0 ? null : xid;
  }

  logPosition(which: 'insert' | 'write' | 'flush'): Int8 {
    const { storage } = this.session.engine;
    // Flushed here, whatever the standbys have confirmed.
    return which === 'insert' ? storage.appendedLsn() : storage.source?.durableLsn ?? storage.flushedLsn();
  }

  blockingPids(processId: number): readonly number[] {
    return this.session.engine.storage.locks.blockers(processId);
  }

  *locks(): Iterable<(null | boolean | number | string | bigint)[]> {
    for (const { tag, mode, granted, virtualId, sessionId } of this.session.engine.storage.locks.list()) {
      const advisory = tag.kind === 'advisory' ? tag.key.split(':') : null;
      const wide = advisory?.[0] === '8' ? BigInt(advisory[1]) : null;
      yield [
        tag.kind, tag.database, tag.kind === 'relation' ? tag.relation : null, null, null, null, null,
        tag.kind === 'object' ? tag.classId : wide !== null ? Number(wide >> 32n) : advisory === null ? null : Number(advisory[1]),
        tag.kind === 'object' ? tag.objectId : wide !== null ? Number(wide & 0xffffffffn) : advisory === null ? null : Number(advisory[2]),
        tag.kind === 'object' ? 0 : wide !== null ? 1 : advisory === null ? null : 2,
        `${sessionId}/${virtualId}`, sessionId, `${mode}Lock`, granted, false, null,
      ];
    }
  }

  clientAddress(): { address: string | null; port: number | null } {
    return this.session.identity.address;
  }
}
