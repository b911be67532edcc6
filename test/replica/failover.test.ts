/**
 * Elections under faults: nodes that crash, sleep and lose the store, replayed from seeds. A node here is its log and its role; what is checked
 * is that two primaries never acknowledge beside each other and that no acknowledged commit is ever missing from a new primary's log.
 */
import { expect } from 'chai';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { compareVotes, readCluster, sufficientVotes, type Leader, type NodeAddress, type SyncState } from '../../replica/failover/cluster.js';
import { Coordinator, type FailoverNode } from '../../replica/failover/coordinator.js';
import { MemoryConsensus } from './memory-consensus.js';

const OPTIONS = { ttlSeconds: 4, intervalMs: 500 };

interface LogEntry {
  readonly timeline: number;
  readonly id: number;
}

/** The whole cluster, and what clients were told. */
class Cluster {
  readonly env: SimEnv;
  readonly consensus: MemoryConsensus;
  readonly nodes: SimNode[] = [];
  readonly acknowledged = new Set<number>();
  lastId = 0;

  constructor(seed: number, count: number, readonly required: number) {
    this.env = simEnv(seed);
    this.consensus = new MemoryConsensus(this.env.clock);
    const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
    for (const name of names) this.nodes.push(new SimNode(this, name, names));
  }

  random(limit: number): number {
    return Math.floor(this.env.random.float() * limit);
  }

  node(name: string): SimNode | undefined {
    return this.nodes.find((candidate) => candidate.address.name === name);
  }

  get primaries(): SimNode[] {
    return this.nodes.filter((node) => node.alive && node.role === 'primary' && node.coordinator.mayAcknowledge);
  }
}

/** A node as its log. */
class SimNode implements FailoverNode {
  readonly address: NodeAddress;
  role: 'primary' | 'standby' = 'standby';
  timeline = 1;
  entries: LogEntry[] = [];
  /** How far each standby has confirmed, by name. */
  confirmed = new Map<string, number>();
  upstream: string | null = null;
  alive = true;
  asleep = false;
  mood: 'answers' | 'unreachable' | 'answer lost' = 'answers';
  coordinator!: Coordinator;
  readonly isClone = false;

  constructor(private readonly cluster: Cluster, name: string, private readonly names: readonly string[]) {
    this.address = { name, replicationUrl: `ws://${name}`, clientUrl: `postgres://${name}` };
    this.restart();
  }

  restart(): void {
    this.alive = true;
    this.upstream = null;
    this.confirmed.clear();
    this.coordinator = new Coordinator(this.cluster.env, this.cluster.consensus.client(() => this.mood), this, OPTIONS);
  }

  get flushedLsn(): Lsn {
    return lsn(this.entries.length);
  }

  syncState(): SyncState {
    const { required } = this.cluster;
    return { required, names: required === 0 ? [] : this.names.filter((name) => name !== this.address.name) };
  }

  async standStill(): Promise<void> {
    this.upstream = null;
    await Promise.resolve();
  }

  follow(leader: Leader): void {
    this.upstream = leader.name;
  }

  async promote(timeline: number): Promise<void> {
    for (let turns = this.cluster.random(3); turns > 0; turns--) await Promise.resolve();
    if (!this.alive) return;
    const held = new Set(this.entries.map((entry) => entry.id));
    if (this.cluster.required > 0) for (const id of this.cluster.acknowledged) expect(held.has(id), `commit ${id} was acknowledged and is lost`).to.equal(true);
    this.role = 'primary';
    this.timeline = timeline;
    this.confirmed.clear();
  }

  async demote(): Promise<void> {
    this.role = 'standby';
    this.upstream = null;
    await Promise.resolve();
  }

  leaseChanged(): void {
    if (this.alive && !this.asleep) this.acknowledge();
  }

  log(): void {
    // The test looks at states, not at messages.
  }

  write(): void {
    this.entries.push({ timeline: this.timeline, id: ++this.cluster.lastId });
    this.acknowledge();
  }

  /** Tells clients of what is confirmed, if the lease allows it in this moment. */
  acknowledge(): void {
    if (this.role !== 'primary' || !this.coordinator.mayAcknowledge) return;
    const { required } = this.cluster;
    const positions = [...this.confirmed.values()].sort((a, b) => b - a);
    const safe = required === 0 ? this.entries.length : positions[required - 1] ?? 0;
    for (let at = 0; at < safe; at++) this.cluster.acknowledged.add(this.entries[at].id);
  }

  /** Receives a little of the upstream's log, after cutting what differs, and confirms it. */
  receive(): void {
    const upstream = this.upstream === null ? undefined : this.cluster.node(this.upstream);
    if (upstream === undefined || !upstream.alive || upstream.role !== 'primary' || upstream.timeline < this.timeline) return;
    let shared = 0;
    while (shared < this.entries.length && this.entries[shared].id === upstream.entries[shared]?.id) shared++;
    this.entries.length = shared;
    this.timeline = upstream.timeline;
    this.entries.push(...upstream.entries.slice(shared, shared + 1 + this.cluster.random(4)));
    upstream.confirmed.set(this.address.name, this.entries.length);
    if (!upstream.asleep) upstream.acknowledge();
  }
}

async function runCluster(seed: number, required: number, steps: number): Promise<Cluster> {
  const cluster = new Cluster(seed, 3, required);
  const { nodes, env } = cluster;
  nodes[0].role = 'primary';
  for (let step = 0; step < steps; step++) {
    const node = nodes[cluster.random(nodes.length)];
    const fault = cluster.random(120);
    if (fault === 0) node.alive = false;
    else if (fault === 1) node.asleep = true;
    else if (fault === 2) node.mood = 'unreachable';
    else if (fault === 3) node.mood = 'answer lost';
    else if (fault < 12) {
      node.asleep = false;
      node.mood = 'answers';
      if (!node.alive) node.restart();
    }
    for (const each of nodes) {
      if (!each.alive || each.asleep) continue;
      if (each.role === 'primary' && cluster.random(2) === 0) each.write();
      if (each.role === 'standby' && cluster.random(3) > 0) each.receive();
      if (cluster.random(3) === 0) await each.coordinator.stepNow();
    }
    expect(cluster.primaries.length, `seed ${seed}, step ${step}: more than one may acknowledge`).to.be.at.most(1);
    await env.advance(50 + cluster.random(200));
  }
  return cluster;
}

describe('failover', function () {
  this.timeout(60_000);

  for (const required of [1, 2]) {
    it(`loses no acknowledged commit with ${required} of 2 synchronous standbys, from many seeds`, async () => {
      let acknowledged = 0;
      let timelines = 0;
      for (let seed = 1; seed <= 40; seed++) {
        const cluster = await runCluster(seed, required, 300);
        acknowledged += cluster.acknowledged.size;
        timelines += Math.max(...cluster.nodes.map((node) => node.timeline));
      }
      expect(acknowledged, 'commits were acknowledged at all').to.be.above(1000);
      expect(timelines, 'there were elections at all').to.be.above(50);
    });
  }

  it('has one primary at a time without synchronous standbys, too, and elects the longest log', async () => {
    for (let seed = 100; seed < 120; seed++) await runCluster(seed, 0, 200);
  });

  it('hands the lead over to the one node that was asked, without waiting for a lease to end', async () => {
    const cluster = new Cluster(1, 3, 1);
    const [first, second, third] = cluster.nodes;
    first.role = 'primary';
    for (const node of cluster.nodes) await node.coordinator.stepNow();
    first.write();
    for (let count = 0; count < 10; count++) [second, third].forEach((node) => node.receive());
    const before = cluster.env.clock.monotonicMs();
    await first.coordinator.handOver('n2');
    await first.demote();
    expect(first.coordinator.mayAcknowledge).to.equal(false);
    for (const node of [third, first, second]) await node.coordinator.stepNow();
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
    expect([first.role, second.role, third.role, second.timeline]).to.deep.equal(['standby', 'primary', 'standby', 2]);
    expect(cluster.env.clock.monotonicMs()).to.equal(before);
    await second.coordinator.stepNow();
    for (const node of [first, third]) await node.coordinator.stepNow();
    expect([first.upstream, third.upstream]).to.deep.equal(['n2', 'n2']);
  });

  it('counts votes of the standbys that confirm, and needs enough of them', () => {
    const vote = (name: string, timeline: number, position: number) => ({ name, timeline, flushedLsn: lsn(position), revision: 1 });
    const state = { ...readCluster(new Map()), sync: { required: 1, names: ['a', 'b'] } };
    expect(sufficientVotes({ ...state, votes: [vote('a', 1, 5)] })).to.equal(null);
    expect(sufficientVotes({ ...state, votes: [vote('a', 1, 5), vote('x', 9, 9)] })).to.equal(null);
    expect(sufficientVotes({ ...state, votes: [vote('a', 1, 5), vote('b', 1, 6)] })?.length).to.equal(2);
    expect(sufficientVotes({ ...state, sync: { required: 2, names: ['a', 'b'] }, votes: [vote('b', 1, 5)] })?.length).to.equal(1);
    expect([vote('a', 1, 9), vote('c', 2, 5), vote('b', 2, 5), vote('d', 2, 7)].sort(compareVotes).map(({ name }) => name)).to.deep.equal(['d', 'b', 'c', 'a']);
  });
});
