/** A node's part in automatic failover: joins its coordinator (replica/failover) with its changes of role. */
import { pgError } from '../../lib/base/error.js';
import type { Lsn } from '../../lib/base/lsn.js';
import { readControl } from '../../lib/wal/control.js';
import type { Leader, NodeAddress, SyncState } from '../../replica/failover/cluster.js';
import { readCluster } from '../../replica/failover/cluster.js';
import { Coordinator, type FailoverNode } from '../../replica/failover/coordinator.js';
import { EtcdStore } from '../../replica/failover/etcd.js';
import { parseStandbyNames } from '../../lib/wal/standby-names.js';
import type { DatabaseNode } from './node.js';
import type { ConsensusOptions } from './options.js';

/** How often a node looks, in parts of the lease. */
const STEPS_PER_LEASE = 8;
const REQUEST_PARTS = 4;

/** See the file's comment. */
export class Failover implements FailoverNode {
  private readonly coordinator: Coordinator;
  private readonly store: EtcdStore;

  constructor(private readonly node: DatabaseNode, options: ConsensusOptions) {
    const { endpoints, cluster, ttlSeconds } = options;
    this.store = new EtcdStore(node.env, endpoints, `/pglitedb/${cluster}/`, (ttlSeconds * 1000) / REQUEST_PARTS);
    this.coordinator = new Coordinator(node.env, this.store, this, { ttlSeconds, intervalMs: (ttlSeconds * 1000) / STEPS_PER_LEASE });
    node.mayAcknowledge = () => this.coordinator.mayAcknowledge;
  }

  /**
   * Which role to open the directory in: a standby's where somebody else leads, or a timeline has been taken that this directory does not
   * have; null when the store does not answer.
   */
  async roleAtStart(): Promise<{ asStandby: boolean; leaderUrl: string | null } | null> {
    const { env, options } = this.node;
    try {
      const state = readCluster(await this.store.read());
      const control = this.node.isVacant ? null : readControl(env, options.dataDirectory);
      const { leader } = state;
      const otherLeads = leader !== null && leader.name !== options.name;
      const behind = state.timeline > (control?.timeline ?? 0) && state.timeline > 0;
      return { asStandby: otherLeads || behind, leaderUrl: otherLeads ? leader.replicationUrl : null };
    } catch (error) {
      this.log('warning', `failover: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  start(): Promise<void> {
    return this.coordinator.start();
  }

  get leaderName(): string | null {
    return this.coordinator.state?.leader?.name ?? null;
  }

  /** Lets go of the lead, for one node to take. */
  handOver(target: string): Promise<void> {
    return this.coordinator.handOver(target);
  }

  stop(): Promise<void> {
    return this.coordinator.stop(true);
  }

  // ---------------------------------------------------------------- FailoverNode

  get address(): NodeAddress {
    const { node } = this;
    return { name: node.options.name, replicationUrl: node.replicationUrl, clientUrl: `postgres://${node.host}:${node.engine.settings.number('port')}` };
  }

  get role(): 'primary' | 'standby' {
    return this.node.role;
  }

  get timeline(): number {
    return this.node.engine.storage.timeline;
  }

  get flushedLsn(): Lsn {
    const { standby, storage } = this.node.engine;
    return standby?.flushedLsn ?? storage.flushedLsn();
  }

  get isClone(): boolean {
    const { standby } = this.node.engine;
    return standby !== null && !standby.isPromotable;
  }

  syncState(): SyncState {
    const config = parseStandbyNames(this.node.engine.settings.string('synchronous_standby_names'));
    if (config === null) return { required: 0, names: [] };
    checkNames(config.names);
    const own = this.node.options.name.toLowerCase();
    return { required: config.required, names: config.names.filter((name) => name !== own) };
  }

  standStill(): Promise<void> {
    return this.node.standStill();
  }

  follow(leader: Leader): void {
    void this.node.follow([leader.replicationUrl]);
  }

  async promote(timeline: number): Promise<void> {
    await this.node.promote(timeline, 'elected');
  }

  demote(): Promise<void> {
    return this.node.demote([], 'another node leads');
  }

  leaseChanged(): void {
    this.node.port?.sync.leaseChanged();
    this.node.leaseChanged(this.coordinator.mayAcknowledge);
  }

  log(level: 'info' | 'warning', message: string): void {
    this.node.note(level === 'info' ? 'LOG' : 'WARNING', message);
  }
}

/** Votes are counted by name: `*` names nobody. 22023 for it. */
export function checkNames(names: readonly string[]): void {
  if (!names.includes('*')) return;
  throw pgError('INVALID_PARAMETER_VALUE', 'automatic failover needs the names of the synchronous standbys', {
    severity: 'FATAL', hint: 'Name them in synchronous_standby_names instead of "*".',
  });
}
