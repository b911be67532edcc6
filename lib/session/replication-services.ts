/**
 * What functions may ask of replication, as far as the current role may know: `ReplicationStatus` as rows.
 */
import { pgError } from '../base/error.js';
import { lsn } from '../base/lsn.js';
import { hasPrivilegesOfRole } from '../catalog/roles.js';
import type { ReplicationServices } from '../functions/system/replication.js';
import type { Datum } from '../types/datum.js';
import { checkSlotName } from '../wal/slot-name.js';
import type { ReplicationStatus } from './replication-status.js';
import type { Session } from './session.js';

const PG_READ_ALL_STATS = 3375;

/** See the file's comment. */
export class SessionReplicationServices implements ReplicationServices {
  constructor(private readonly session: Session) {}

  private get status(): ReplicationStatus {
    return this.session.engine.replication;
  }

  /** The values, or NULL instead of each where the role may not read everybody's statistics. */
  private seen(values: Datum[]): Datum[] {
    const { catalog, currentUserOid } = this.session;
    return hasPrivilegesOfRole(catalog, currentUserOid, PG_READ_ALL_STATS) ? values : values.map(() => null);
  }

  *senders(): Iterable<Datum[]> {
    for (const sender of this.status.senders()) {
      yield [sender.processId, ...this.seen([
        sender.state, sender.sentLsn, sender.writeLsn, sender.flushLsn, sender.replayLsn, sender.writeLag, sender.flushLag, sender.replayLag,
        sender.syncPriority, sender.syncState, sender.replyTime,
      ])];
    }
  }

  receiver(): Datum[] | null {
    const receiver = this.status.receiver();
    if (receiver === null) return null;
    return [receiver.processId, ...this.seen([
      receiver.status, receiver.receiveStartLsn, receiver.receiveStartTimeline, receiver.writtenLsn, receiver.flushedLsn, receiver.receivedTimeline,
      receiver.lastMessageSent, receiver.lastMessageReceived, receiver.latestEndLsn, receiver.latestEndTime, receiver.slotName,
      receiver.senderHost, receiver.senderPort, receiver.connectionInfo,
    ])];
  }

  *slots(): Iterable<Datum[]> {
    for (const slot of this.status.slots.list()) {
      yield [
        slot.name, null, 'physical', null, slot.temporary, slot.activeProcessId !== null, slot.activeProcessId, null, null, slot.restartLsn, null,
        slot.walStatus, slot.safeWalSize, false, null, slot.inactiveSince, null, slot.invalidationReason, false, false,
      ];
    }
  }

  private checkMayUseSlots(): void {
    const { catalog, currentUserOid } = this.session;
    const role = catalog.role(currentUserOid);
    if (role?.rolsuper || role?.rolreplication) return;
    throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to use replication slots', {
      detail: 'Only roles with the REPLICATION attribute may use replication slots.',
    });
  }

  createSlot(name: string, reserve: boolean, temporary: boolean): number | null {
    this.checkMayUseSlots();
    checkSlotName(name);
    return this.status.slots.create(name, reserve, temporary ? this.session.processId : null);
  }

  copySlot(source: string, name: string, temporary: boolean | null): number {
    this.checkMayUseSlots();
    const { slots } = this.status;
    const isTemporary = temporary ?? [...slots.list()].some((slot) => slot.name === source && slot.temporary);
    return slots.copy(source, name, isTemporary ? this.session.processId : null);
  }

  advanceSlot(name: string, position: number): number {
    this.checkMayUseSlots();
    if (position === 0) throw pgError('INVALID_PARAMETER_VALUE', 'invalid target WAL LSN');
    return this.status.slots.advance(name, lsn(position), this.session.processId);
  }

  dropSlot(name: string): void {
    this.checkMayUseSlots();
    this.status.slots.drop(name, this.session.processId);
  }

  archiver(): Datum[] {
    const archiver = this.status.archiver();
    if (archiver === null) return [0, null, null, 0, null, null, this.session.engine.startedAt];
    return [
      archiver.archivedCount, archiver.lastArchivedWal, archiver.lastArchivedTime, archiver.failedCount, archiver.lastFailedWal,
      archiver.lastFailedTime, archiver.statsReset,
    ];
  }

  lockConflicts(databaseOid: number): number {
    return this.session.engine.hotStandby?.conflicts.count(databaseOid) ?? 0;
  }

  logStatistics(): { readonly records: number; readonly bytes: number; readonly since: number } {
    const { storage, startedAt, inRecovery } = this.session.engine;
    const { logRecords, logBytes } = storage.statistics();
    return { records: logRecords, bytes: inRecovery ? 0 : logBytes, since: startedAt };
  }

  reloadConfiguration(): void {
    this.session.engine.reloadSettings();
  }
}
