/**
 * A node's replication port and what hangs on it: the server that ships log and clones, the slots, the synchronous standbys. Made anew
 * with each engine; it stays over a promotion in place.
 */
import type { Engine } from '../../lib/session/engine.js';
import { isLoopback } from '../authentication.js';
import { readFileSync } from 'node:fs';
import type { TlsOptions } from '../../lib/env/network.js';
import { parseVerifier } from '../../lib/base/passwords.js';
import { pgError } from '../../lib/base/error.js';
import type { LogSource, StateSource } from '../../lib/wal/shipping.js';
import type { ArchivedLog } from '../../replica/handshake.js';
import { ReplicationServer, type Authenticator, type ReplicaStatus, type RequestHandler } from '../../replica/server.js';
import { ReplicationSlots, type SlotSettings } from '../../replica/slots.js';
import { SyncStandbys } from '../../replica/sync-standbys.js';

/** What a port is made of. */
export interface ReplicationPortOptions {
  readonly engine: Engine;
  readonly source: LogSource & StateSource;
  readonly dataDirectory: string;
  readonly archive: ArchivedLog;
  readonly requests: ReadonlyMap<string, RequestHandler>;
  /** The lease, where there is one. */
  readonly mayAcknowledge: () => boolean;
  /** A node of a newer timeline has spoken: this one was left behind. */
  readonly onNewerEpoch: (epoch: number) => void;
}

/** See the file's comment. */
export class ReplicationPort {
  readonly slots: ReplicationSlots;
  readonly sync: SyncStandbys;
  private readonly server: ReplicationServer;
  private readonly unwatch: () => void;

  constructor(private readonly options: ReplicationPortOptions) {
    const { engine, source, dataDirectory, archive, requests } = options;
    const { settings, env } = engine;
    this.slots = new ReplicationSlots({
      env, dataDirectory, source,
      settings: new SlotLimits(settings),
      log: (error) => engine.log?.({ error_severity: 'LOG', message: error.message, detail: error.detail }),
    });
    this.sync = new SyncStandbys(settings.string('synchronous_standby_names'), () => this.server.senders(), options.mayAcknowledge);
    this.server = new ReplicationServer({
      origin: { env, source, archive }, state: source, authenticator: authenticator(engine), slots: this.slots, requests,
      role: () => (engine.inRecovery ? 'standby' : 'primary'),
      timeoutMs: settings.number('wal_sender_timeout'), cloneBytesPerSecond: 0,
      onNewerEpoch: options.onNewerEpoch,
      onChange: () => this.sync.changed(),
      log: (peer, reason) => engine.log?.({ error_severity: 'LOG', message: `replication connection from ${peer} ended: ${reason.message}` }),
    });
    this.unwatch = settings.watch((keys) => {
      if (keys.has('synchronous_standby_names')) this.sync.setNames(settings.string('synchronous_standby_names'));
    });
  }

  /** Listens; returns the port. */
  async listen(host: string, port: number): Promise<number> {
    const { engine } = this.options;
    if (!isLoopback(host) && host !== 'localhost' && !engine.hasPassword()) {
      throw pgError('INVALID_PASSWORD', `refusing to listen on "${host}" for replication: no role has a password yet`, { severity: 'FATAL' });
    }
    return this.server.listen({ host, port, tls: tlsOf(engine, this.options.dataDirectory) });
  }

  /** Who is being sent log or a clone. */
  replicas(): ReplicaStatus[] {
    return this.server.replicas();
  }

  /** What this node is has changed: everybody shakes hands anew. */
  endConnections(reason: string): void {
    this.server.endConnections(reason);
  }

  /** Waits until those who stream have all of the log. */
  whenReplicated(timeoutMs: number): Promise<boolean> {
    return this.server.whenReplicated(timeoutMs);
  }

  async close(reason: string): Promise<void> {
    this.unwatch();
    await this.server.close(reason);
    this.slots.close();
  }
}

const MEGABYTE = 1024 * 1024;

function megabytes(value: number): number {
  return value < 0 ? -1 : value * MEGABYTE;
}

/** How much log may be kept for others, in bytes; negative: no limit. What is kept in any case is there for slots, too (PostgreSQL's KeepLogSeg). */
export function slotLimitBytes(settings: Engine['settings']): number {
  const limit = settings.number('max_slot_wal_keep_size');
  return megabytes(limit < 0 ? limit : Math.max(limit, settings.number('wal_keep_size')));
}

/** What slots may keep, as the settings say at every moment. */
class SlotLimits implements SlotSettings {
  constructor(private readonly settings: Engine['settings']) {}

  get maxSlots(): number {
    return this.settings.number('max_replication_slots');
  }

  get maxSlotWalKeepBytes(): number {
    return slotLimitBytes(this.settings);
  }

  get maxWalBytes(): number {
    return megabytes(this.settings.number('max_wal_size'));
  }

  get idleTimeoutMs(): number {
    return this.settings.number('idle_replication_slot_timeout') * 1000;
  }
}

/** Roles of the cluster with REPLICATION; loopback is trusted as on the clients' port. */
function authenticator(engine: Engine): Authenticator {
  return {
    lookup(name) {
      const role = engine.findRole(name);
      if (role === null || !role.rolcanlogin || engine.isExpired(role)) return Promise.resolve(null);
      return Promise.resolve({
        verifier: role.rolpassword === null ? null : parseVerifier(role.rolpassword), mayReplicate: role.rolsuper || role.rolreplication,
      });
    },
    trusts: (_role, peer) => isLoopback(peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '')) && !engine.settings.boolean('require_password'),
  };
}

/** The certificate of the clients' port serves here, too; with ssl_ca_file, only nodes with a certificate of that authority come in. */
function tlsOf({ settings }: Engine, dataDirectory: string): TlsOptions | undefined {
  if (!settings.boolean('ssl')) return undefined;
  const read = (name: string): string => {
    const path = settings.string(name);
    return readFileSync(path.startsWith('/') ? path : `${dataDirectory}/${path}`, 'utf8');
  };
  const authority = settings.string('ssl_ca_file');
  return {
    certificate: read('ssl_cert_file'), key: read('ssl_key_file'),
    ...authority !== '' && { authorities: read('ssl_ca_file'), requirePeerCertificate: true },
  };
}
