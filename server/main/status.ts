/** What a node says of itself: for pg_stat_replication and its like, and for `pglitedb status`. */
import { pgError } from '../../lib/base/error.js';
import { formatLsn, lsn, type Lsn } from '../../lib/base/lsn.js';
import type { ReplicationStatus, SenderStatus, SlotStatus } from '../../lib/session/replication-status.js';
import type { ReplicaStatus } from '../../replica/server.js';
import type { SlotOwner } from '../../replica/slots.js';
import type { DatabaseNode } from './node.js';

/** Between 1970 and 2000, in microseconds. */
const EPOCH_MICROS = 946_684_800_000_000;
const MICROS_PER_MS = 1000;

const since2000 = (micros: number | null): number | null => (micros === null ? null : micros - EPOCH_MICROS);
const micros = (milliseconds: number | null): number | null => (milliseconds === null ? null : Math.round(milliseconds * MICROS_PER_MS));

function addressOf(peer: string): { address: string; port: number } {
  const colon = peer.lastIndexOf(':');
  return { address: peer.slice(0, colon).replace(/^\[|\]$/g, '').replace(/^::ffff:/, ''), port: Number(peer.slice(colon + 1)) };
}

function senderStatus(node: DatabaseNode, replica: ReplicaStatus, processId: number): SenderStatus {
  const { sender } = replica;
  const sync = sender === null || node.port === null ? { priority: 0, state: 'async' as const } : node.port.sync.stateOf(sender);
  return {
    processId, userOid: node.engine.findRole(replica.role)?.oid ?? 0, applicationName: replica.applicationName, client: addressOf(replica.peer),
    backendStart: replica.startedMicros - EPOCH_MICROS, state: replica.state, sentLsn: replica.sentLsn ?? node.engine.storage.source?.durableLsn ?? (0 as Lsn),
    writeLsn: replica.writtenLsn, flushLsn: replica.flushedLsn, replayLsn: replica.appliedLsn,
    writeLag: micros(replica.writeLagMs), flushLag: micros(replica.flushLagMs), replayLag: micros(replica.applyLagMs),
    syncPriority: sync.priority, syncState: sync.state, replyTime: since2000(replica.replyMicros),
  };
}

/** A node's replication as SQL sees it. */
export function replicationStatus(node: DatabaseNode): ReplicationStatus {
  const processIds = new Map<string, number>();
  const processIdOf = (peer: string): number => {
    let found = processIds.get(peer);
    if (found === undefined) processIds.set(peer, found = node.engine.nextProcessId());
    return found;
  };
  let receiverProcessId = 0;
  const slots = (): NonNullable<DatabaseNode['port']>['slots'] => {
    if (node.port === null) throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'replication slots need a replication port', { hint: 'Start the server with --replication-port.' });
    return node.port.slots;
  };
  const ownerOf = (processId: number | null): SlotOwner | null => (processId === null ? null : {
    processId, end: () => node.engine.session(processId)?.terminate(pgError('ADMIN_SHUTDOWN', 'terminating connection due to administrator command', { severity: 'FATAL' })),
  });
  // The slots do not know by which number SQL knows a replica.
  const checkUnused = (name: string): void => {
    const user = node.port?.replicas().find((replica) => replica.slotName === name);
    if (user !== undefined) throw pgError('OBJECT_IN_USE', `replication slot "${name}" is active for PID ${processIdOf(user.peer)}`);
  };
  return {
    senders: () => {
      const replicas = node.port?.replicas() ?? [];
      const peers = new Set(replicas.map((replica) => replica.peer));
      for (const peer of processIds.keys()) if (!peers.has(peer)) processIds.delete(peer);
      return replicas.map((replica) => senderStatus(node, replica, processIdOf(replica.peer)));
    },
    receiver: () => {
      const status = node.receiver?.status;
      if (status === undefined || status.senderHost === null) return null;
      receiverProcessId ||= node.engine.nextProcessId();
      return {
        processId: receiverProcessId, status: status.status === 'stopped' ? 'stopping' : status.status,
        receiveStartLsn: status.receiveStartLsn ?? (0 as Lsn), receiveStartTimeline: status.receiveStartTimeline ?? status.receivedTimeline,
        writtenLsn: status.writtenLsn, flushedLsn: status.flushedLsn, receivedTimeline: status.receivedTimeline,
        lastMessageSent: since2000(status.lastMessageSentMicros), lastMessageReceived: since2000(status.lastMessageReceivedMicros),
        latestEndLsn: status.latestEndLsn, latestEndTime: since2000(status.latestEndMicros), slotName: status.slotName,
        senderHost: status.senderHost, senderPort: status.senderPort ?? 0, connectionInfo: status.connectionInfo ?? '',
      };
    },
    archiver: () => {
      const state = node.archiver?.state;
      if (state === undefined) return null;
      return {
        archivedCount: state.archivedCount, lastArchivedWal: state.lastArchivedWal, lastArchivedTime: since2000(state.lastArchivedTime),
        failedCount: state.failedCount, lastFailedWal: state.lastFailedWal, lastFailedTime: since2000(state.lastFailedTime), statsReset: node.engine.startedAt,
      };
    },
    slots: {
      list: () => (node.port === null ? [] : node.port.slots.list().map((slot): SlotStatus => {
        const user = node.port?.replicas().find((replica) => replica.slotName === slot.name);
        return {
          name: slot.name, temporary: slot.ownerProcessId !== null, activeProcessId: user === undefined ? slot.ownerProcessId : processIdOf(user.peer), restartLsn: slot.restartLsn,
          walStatus: slot.walStatus, safeWalSize: slot.safeWalSize, inactiveSince: since2000(slot.inactiveSinceMicros),
          invalidationReason: slot.invalidationReason,
        };
      })),
      create: (name, reserve, owner) => {
        const from = reserve ? node.engine.storage.source?.durableLsn ?? null : null;
        slots().create(name, from, ownerOf(owner));
        return from;
      },
      copy: (from, name, owner) => slots().copy(from, name, ownerOf(owner)).restartLsn ?? lsn(0),
      advance: (name, position, processId) => {
        checkUnused(name);
        return slots().advance(name, position, processId);
      },
      drop: (name, processId) => {
        checkUnused(name);
        slots().drop(name, processId);
      },
      dropTemporary: (processId) => node.port?.slots.dropTemporary(processId),
    },
    promote: async (wait, waitSeconds) => {
      const promotion = node.promote(null, 'promoted by pg_promote');
      if (!wait) return true;
      const late = new Promise<boolean>((resolve) => node.env.timers.after(waitSeconds * 1000, () => resolve(false), true));
      return Promise.race([promotion.then(() => true), late]);
    },
  };
}

/** A replica in a node's status. */
export interface ReplicaReport {
  readonly name: string;
  readonly state: string;
  readonly sync: string;
  readonly flushedLsn: string | null;
  readonly appliedLsn: string | null;
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
}

/** What `pglitedb status` shows. */
export interface NodeStatus {
  readonly name: string;
  /** How other nodes reach it. */
  readonly url: string;
  readonly role: 'primary' | 'standby';
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** End of the log: durable, and (a standby) applied. */
  readonly flushedLsn: string;
  readonly appliedLsn: string;
  readonly upstream: string | null;
  readonly upstreamState: string | null;
  /** A standby's distance to its upstream; null where nothing is known. */
  readonly lagBytes: number | null;
  readonly lagSeconds: number | null;
  readonly replicas: readonly ReplicaReport[];
  readonly slots: readonly { readonly name: string; readonly active: boolean; readonly restartLsn: string | null; readonly walStatus: string | null }[];
  readonly archivedThroughLsn: string | null;
  readonly archiveFailures: number | null;
  readonly leader: string | null;
}

/** The node's status. */
export function nodeStatus(node: DatabaseNode): NodeStatus {
  const { engine, receiver, port } = node;
  const { storage, standby } = engine;
  const end = storage.source?.durableLsn ?? storage.flushedLsn();
  const applied = standby !== null && engine.inRecovery ? standby.appliedLsn : end;
  const upstream = receiver?.status ?? null;
  const latest = upstream?.latestEndLsn ?? null;
  const replicas = port?.replicas() ?? [];
  return {
    name: node.options.name, url: node.replicationUrl, role: node.role, systemIdentifier: String(storage.systemIdentifier), timeline: storage.timeline,
    flushedLsn: formatLsn(end), appliedLsn: formatLsn(applied), upstream: upstream?.connectionInfo ?? null, upstreamState: upstream?.status ?? null,
    lagBytes: latest === null || !engine.inRecovery ? null : Math.max(0, latest - applied),
    lagSeconds: lagSeconds(node, latest),
    replicas: replicas.map((replica) => ({
      name: replica.applicationName, state: replica.state, sync: replica.sender === null || port === null ? 'async' : port.sync.stateOf(replica.sender).state,
      flushedLsn: replica.flushedLsn === null ? null : formatLsn(replica.flushedLsn), appliedLsn: replica.appliedLsn === null ? null : formatLsn(replica.appliedLsn),
      lagBytes: replica.appliedLsn === null ? null : Math.max(0, end - replica.appliedLsn), lagSeconds: replica.applyLagMs === null ? null : replica.applyLagMs / 1000,
    })),
    slots: (port?.slots.list() ?? []).map((slot) => ({ name: slot.name, active: slot.active, restartLsn: slot.restartLsn === null ? null : formatLsn(slot.restartLsn), walStatus: slot.walStatus })),
    archivedThroughLsn: formatOptional(node.archiver?.state.archivedThroughLsn ?? null), archiveFailures: node.archiver?.state.failedCount ?? null,
    leader: node.leaderName(),
  };
}

function formatOptional(position: Lsn | null): string | null {
  return position === null ? null : formatLsn(position);
}

/** How far behind a standby's data is: nothing when it has all that its upstream has. */
function lagSeconds(node: DatabaseNode, latest: Lsn | null): number | null {
  const { engine } = node;
  const { standby } = engine;
  if (standby === null || !engine.inRecovery || latest === null) return null;
  if (standby.appliedLsn >= latest) return 0;
  return standby.lastCommitMicros === 0 ? null : Math.max(0, (node.env.clock.wallMicros() - standby.lastCommitMicros) / 1e6);
}
