/**
 * What a server's replication looks like from SQL: senders, receiver, slots and archiver for the views, and what functions may do with
 * them. The composition root provides it; a server without replication has `NO_REPLICATION`.
 *
 * Times are microseconds since 2000-01-01 UTC, lags microseconds, sizes bytes.
 */
import { notSupported } from '../base/error.js';
import type { Lsn } from '../base/lsn.js';
import type { Oid } from '../catalog/api.js';
import type { ClientAddress } from './client.js';

/** A standby (or another reader of the log) that is connected. */
export interface SenderStatus {
  /** From `Engine.nextProcessId`. */
  readonly processId: number;
  /** The role that it logged in as. */
  readonly userOid: Oid;
  readonly applicationName: string;
  readonly client: ClientAddress;
  readonly backendStart: number;
  readonly state: 'startup' | 'catchup' | 'streaming' | 'backup' | 'stopping';
  readonly sentLsn: Lsn;
  /** What it has reported; null before. */
  readonly writeLsn: Lsn | null;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly writeLag: number | null;
  readonly flushLag: number | null;
  readonly replayLag: number | null;
  /** 0: asynchronous. */
  readonly syncPriority: number;
  readonly syncState: 'async' | 'potential' | 'sync' | 'quorum';
  /** When it sent its last report; null before. */
  readonly replyTime: number | null;
}

/** A standby's connection to its upstream. */
export interface ReceiverStatus {
  readonly processId: number;
  readonly status: 'starting' | 'streaming' | 'waiting' | 'restarting' | 'stopping';
  readonly receiveStartLsn: Lsn;
  readonly receiveStartTimeline: number;
  readonly writtenLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly receivedTimeline: number;
  readonly lastMessageSent: number | null;
  readonly lastMessageReceived: number | null;
  readonly latestEndLsn: Lsn | null;
  readonly latestEndTime: number | null;
  readonly slotName: string | null;
  readonly senderHost: string;
  readonly senderPort: number;
  /** How it connects, without secrets. */
  readonly connectionInfo: string;
}

/** A place in the log that is kept for somebody. */
export interface SlotStatus {
  readonly name: string;
  readonly temporary: boolean;
  /** Process id of its sender, or of the session whose temporary slot it is; null while nobody uses it. */
  readonly activeProcessId: number | null;
  /** From where on the log is kept; null: nothing is kept yet. */
  readonly restartLsn: Lsn | null;
  /** Null while nothing is kept. */
  readonly walStatus: 'reserved' | 'extended' | 'unreserved' | 'lost' | null;
  /** Bytes that may still be written before the slot is in danger of being lost; null without a limit. */
  readonly safeWalSize: number | null;
  /** Since when no standby uses it; null while one does. */
  readonly inactiveSince: number | null;
  /** Why it may not be used any more; null while it may. */
  readonly invalidationReason: 'wal_removed' | 'idle_timeout' | null;
}

/** The archive's progress. */
export interface ArchiverStatus {
  readonly archivedCount: number;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedTime: number | null;
  readonly failedCount: number;
  readonly lastFailedWal: string | null;
  readonly lastFailedTime: number | null;
  readonly statsReset: number | null;
}

/** Slots, as functions work with them. What they throw is the client's error. */
export interface SlotControl {
  list(): Iterable<SlotStatus>;
  /**
   * Makes a slot; `reserve`: keeps the log from now on; `owner`: the process id of the session that it is temporary for. Answers with where that is, null without. The name is a good one.
   * @throws 42710 when there is one; 53400 when max_replication_slots are in use
   */
  create(name: string, reserve: boolean, owner: number | null): Lsn | null;
  /**
   * Makes a slot that keeps what another one keeps; answers with where that is. Null for `owner`: it is one that stays.
   * @throws 42704 when there is none; 55000 when it keeps nothing; 42710, 53400
   */
  copy(source: string, name: string, owner: number | null): Lsn;
  /**
   * Moves a slot forward, for a session; answers with where it stands.
   * @throws 42704, 55000, 55006
   */
  advance(name: string, position: Lsn, processId: number): Lsn;
  /** @throws 42704 when there is none; 55006 while a standby or another session than this one uses it */
  drop(name: string, processId: number): void;
  /** Drops the temporary slots of a session. */
  dropTemporary(processId: number): void;
}

function noSlots(): never {
  throw notSupported('replication slots on a server without replication');
}

/** See the file's comment. */
export interface ReplicationStatus {
  senders(): Iterable<SenderStatus>;
  /** Null on a primary, and while a standby is not connected. */
  receiver(): ReceiverStatus | null;
  archiver(): ArchiverStatus | null;
  readonly slots: SlotControl;
  /** Asks for a promotion; resolves with false when it has not happened after so many seconds, at once with true without `wait`. */
  promote(wait: boolean, waitSeconds: number): Promise<boolean>;
}

/** A server that neither feeds standbys nor is one. */
export const NO_REPLICATION: ReplicationStatus = {
  senders: () => [],
  receiver: () => null,
  archiver: () => null,
  slots: {
    list: () => [],
    create: noSlots,
    copy: noSlots,
    advance: noSlots,
    drop: noSlots,
    dropTemporary: () => undefined,
  },
  promote() {
    throw notSupported('pg_promote on a server without replication');
  },
};
