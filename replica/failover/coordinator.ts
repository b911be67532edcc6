/**
 * One node's part in keeping exactly one primary (README.md): the primary keeps its lease, a standby watches, votes when nobody leads, and
 * takes the lead when it is the one to. Runs as one loop of steps; a step never overlaps another.
 *
 * Failures: an unreachable store changes nothing by itself, but a primary stops acknowledging when its lease may have ended, and a
 * standby that cannot read keeps what it was doing. An error of the node's own (a promotion that fails) is reported and tried again.
 */
import type { Lsn } from '../../lib/base/lsn.js';
import type { Env, TimerHandle } from '../../lib/env/env.js';
import {
  compareVotes, formatVote, KEY, readCluster, sufficientVotes, type ClusterState, type CountedVote, type Leader, type NodeAddress, type SyncState,
} from './cluster.js';
import type { ConsensusChange, ConsensusCondition, ConsensusStore } from './consensus.js';
import { Lease } from './lease.js';

/** The node, as its coordinator moves it. */
export interface FailoverNode {
  readonly address: NodeAddress;
  readonly role: 'primary' | 'standby';
  readonly timeline: number;
  /** Durable end of the log. */
  readonly flushedLsn: Lsn;
  /** A standby that has no state to be promoted with (being cloned). */
  readonly isClone: boolean;
  /** Which standbys confirm this node's commits while it leads. */
  syncState(): SyncState;
  /** Standby: stops receiving; resolves when nothing more of the upstream's log will be taken. */
  standStill(): Promise<void>;
  /** Standby: receives from this node (again). */
  follow(leader: Leader): void;
  /** Standby: becomes the primary in this timeline. */
  promote(timeline: number): Promise<void>;
  /** Primary: somebody else leads, or must not be led by this one: its sessions end, it becomes a standby. */
  demote(): Promise<void>;
  /** Whether commits may be acknowledged has changed, or may have. */
  leaseChanged(): void;
  log(level: 'info' | 'warning', message: string): void;
}

/** Times. */
export interface CoordinatorOptions {
  /** The leader's lease, in seconds: how long a dead primary goes unnoticed at most, roughly. */
  readonly ttlSeconds: number;
  /** Between two steps, in milliseconds; a third of the lease at most. */
  readonly intervalMs: number;
}

/** How often in a row nobody led before a node without required votes takes the lead: time for others to say what they have. */
const PATIENCE = 2;
/** A handover is off after so many seconds. */
const HANDOVER_SECONDS = 5;

/** See the file's comment. */
export class Coordinator {
  private readonly leaderLease: Lease;
  private readonly voteLease: Lease;
  private timer: TimerHandle | null = null;
  private stepping: Promise<void> | null = null;
  private stopped = false;
  /** Under way: the lead is taken, the node is not a primary yet. */
  private promotion: Promise<void> | null = null;
  private voted = false;
  /** A vote of this node's life before may be there still. */
  private mayHaveVoted = true;
  private following: string | null = null;
  private leaderless = 0;
  private publishedSync = '';
  /** The cluster as last read. */
  state: ClusterState | null = null;

  constructor(private readonly env: Env, private readonly store: ConsensusStore, private readonly node: FailoverNode, private readonly options: CoordinatorOptions) {
    this.leaderLease = new Lease(env, store, options.ttlSeconds);
    this.voteLease = new Lease(env, store, options.ttlSeconds);
  }

  /** Whether this node may acknowledge commits at this moment. */
  get mayAcknowledge(): boolean {
    return this.leaderLease.holds;
  }

  /** Starts the loop; resolves after the first step (which may have failed). */
  async start(): Promise<void> {
    await this.stepNow();
    this.arm();
  }

  private arm(): void {
    if (this.stopped) return;
    this.timer = this.env.timers.after(this.options.intervalMs, () => void this.stepNow().finally(() => this.arm()), true);
  }

  /** One step now, or the one that runs. Never rejects. */
  stepNow(): Promise<void> {
    this.stepping ??= this.step()
      .catch((error: unknown) => this.node.log('warning', `failover: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        this.stepping = null;
        this.node.leaseChanged();
      });
    return this.stepping;
  }

  private async step(): Promise<void> {
    if (this.stopped) return;
    if (this.node.role === 'primary') await this.leadOn();
    else await this.stepAsStandby();
  }

  private async read(): Promise<ClusterState> {
    return (this.state = readCluster(await this.store.read()));
  }

  // ---------------------------------------------------------------- the primary

  /** Keeps the lease, or gets it (again), or learns that somebody else has it. */
  private async leadOn(): Promise<void> {
    const kept = this.leaderLease.id !== null && await this.leaderLease.renew();
    const state = await this.read();
    const { node } = this;
    if (state.leader !== null && state.leader.name !== node.address.name) return this.stepDown(`${state.leader.name} leads`);
    if (state.timeline > node.timeline) return this.stepDown(`timeline ${state.timeline} has been taken`);
    if (kept && state.leader !== null) return this.publishSync();
    if (state.handover !== null && state.handover !== node.address.name) return undefined;
    // Nobody else has led since: the log has all that was acknowledged.
    await this.leaderLease.grant();
    const conditions = [{ key: KEY.leader, revision: state.leader?.revision ?? 0 }, { key: KEY.timeline, revision: state.timelineRevision }];
    if (!await this.takeLead(node.timeline, conditions)) {
      await this.leaderLease.revoke();
      return undefined;
    }
    node.log('info', `leads in timeline ${node.timeline}`);
    return undefined;
  }

  private async stepDown(why: string): Promise<void> {
    this.leaderLease.forget();
    this.node.leaseChanged();
    this.node.log('warning', `steps down: ${why}`);
    this.following = null;
    await this.node.demote();
  }

  private takeLead(timeline: number, conditions: readonly ConsensusCondition[]): Promise<boolean> {
    const { address } = this.node;
    const lease = this.leaderLease.id ?? undefined;
    const leader: Leader = { ...address, timeline };
    const sync = JSON.stringify(this.node.syncState());
    this.publishedSync = sync;
    const changes: ConsensusChange[] = [
      { type: 'put', key: KEY.leader, value: JSON.stringify(leader), lease },
      { type: 'put', key: KEY.timeline, value: JSON.stringify({ timeline, name: address.name }) },
      { type: 'put', key: KEY.sync, value: sync },
      { type: 'delete', key: KEY.handover },
    ];
    return this.store.change(conditions, changes);
  }

  /** What confirms commits is in the store before it is relied on. */
  async publishSync(): Promise<void> {
    const sync = JSON.stringify(this.node.syncState());
    if (sync === this.publishedSync) return;
    await this.store.change([], [{ type: 'put', key: KEY.sync, value: sync }]);
    this.publishedSync = sync;
  }

  /** Lets go of the lead for one node to take: the target has all of the log. */
  async handOver(target: string): Promise<void> {
    const handoverLease = await this.store.grantLease(HANDOVER_SECONDS);
    await this.store.change([], [{ type: 'put', key: KEY.handover, value: JSON.stringify({ name: target }), lease: handoverLease }, { type: 'delete', key: KEY.leader }]);
    await this.leaderLease.revoke();
    this.node.leaseChanged();
  }

  // ---------------------------------------------------------------- a standby

  private async stepAsStandby(): Promise<void> {
    const state = await this.read();
    const { leader } = state;
    if (this.promotion !== null) {
      // Takes as long as there is log to apply: the lead must not be lost over it.
      if (!await this.leaderLease.renew()) this.node.log('warning', 'lost the lead while being promoted');
      return;
    }
    if (leader !== null && leader.name !== this.node.address.name) {
      this.leaderless = 0;
      await this.takeVoteBack();
      const key = `${leader.name} ${leader.revision}`;
      if (this.following !== key) this.node.follow(leader);
      this.following = key;
      return;
    }
    this.following = null;
    this.leaderless++;
    if (this.node.isClone) return;
    await this.vote();
    await this.stand(await this.read());
  }

  /** Stands still and says what it has. */
  private async vote(): Promise<void> {
    await this.node.standStill();
    const alive = this.voteLease.id !== null && await this.voteLease.renew();
    if (!alive) {
      await this.voteLease.grant();
      this.voted = false;
    }
    if (this.voted) return;
    const { address, timeline, flushedLsn } = this.node;
    const value = formatVote({ name: address.name, timeline, flushedLsn });
    await this.store.change([], [{ type: 'put', key: KEY.votes + address.name, value, lease: this.voteLease.id ?? undefined }]);
    this.voted = true;
  }

  private async takeVoteBack(): Promise<void> {
    if (this.voteLease.id === null && !this.voted && !this.mayHaveVoted) return;
    await this.store.change([], [{ type: 'delete', key: KEY.votes + this.node.address.name }]);
    this.voted = this.mayHaveVoted = false;
    await this.voteLease.revoke();
  }

  /** Takes the lead, if it is this node's to take. */
  private async stand(state: ClusterState): Promise<void> {
    const { node } = this;
    const { name } = node.address;
    if (state.leader !== null) return;
    let counted: readonly CountedVote[];
    if (state.handover === null) {
      const sufficient = sufficientVotes(state);
      if (sufficient === null) {
        if (this.leaderless % 10 === PATIENCE) node.log('warning', 'nobody leads, and too few of the synchronous standbys are here to elect without losing commits');
        return;
      }
      const isSafe = state.sync.required > 0;
      if (!isSafe && this.leaderless <= PATIENCE) return;
      counted = sufficient;
      const [best] = [...counted].sort(compareVotes);
      if (best?.name !== name) return;
    } else {
      if (state.handover !== name) return;
      counted = state.votes.filter((vote) => vote.name === name);
      if (counted.length === 0) return;
    }
    const timeline = Math.max(state.timeline, node.timeline) + 1;
    await this.leaderLease.grant();
    const conditions: ConsensusCondition[] = [
      { key: KEY.leader, revision: 0 }, { key: KEY.timeline, revision: state.timelineRevision },
      ...counted.map((vote) => ({ key: KEY.votes + vote.name, revision: vote.revision })),
    ];
    if (!await this.takeLead(timeline, conditions)) {
      await this.leaderLease.revoke();
      return;
    }
    node.log('info', `was elected, with ${counted.length} vote(s), for timeline ${timeline}`);
    this.promotion = node.promote(timeline)
      .catch((error: unknown) => node.log('warning', `promotion failed: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        this.promotion = null;
        node.leaseChanged();
      });
    await this.takeVoteBack();
  }

  /** Ends the loop; `letGo`: the lead is given up at once (a clean stop), so that nobody waits for the lease to end. */
  async stop(letGo: boolean): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.stepping;
    await this.promotion;
    if (!letGo) return;
    await Promise.allSettled([this.leaderLease.revoke(), this.voteLease.revoke()]);
  }
}
