/**
 * The cluster of a drill: three nodes, each behind proxies of its own (one for the nodes that follow it, one between it and etcd), and who of
 * them is the primary now. With etcd the nodes fail over by themselves; without, the drill promotes the replica with the longest log, as an
 * operator would.
 */
import { mkdirSync } from 'node:fs';
import { connectTo, pause } from './bank.js';
import { runCommand } from './command.js';
import { freePort } from './free-port.js';
import { CuttableProxy } from './proxy.js';
import { NodeProcess, type NodePlace } from './node-process.js';

/** How many nodes. */
const NODES = 3;

/** What kind of cluster. */
export interface ClusterOptions {
  readonly directory: string;
  /** A commit is acknowledged when one of the two replicas has it on stable storage. */
  readonly quorum: boolean;
  /** etcd's endpoint; null: the drill itself promotes. */
  readonly etcd: string | null;
  /** Name in etcd. */
  readonly cluster: string;
}

/** A node with what stands around it. */
export interface DrillNode {
  readonly place: NodePlace;
  readonly process: NodeProcess;
  readonly followers: CuttableProxy;
  readonly toEtcd: CuttableProxy | null;
}

/** See the file's comment. */
export class DrillCluster {
  readonly nodes: DrillNode[] = [];

  constructor(private readonly options: ClusterOptions) {}

  get places(): NodePlace[] {
    return this.nodes.map((node) => node.place);
  }

  /** Prepares places and proxies; starts nothing. */
  async prepare(dataDirectoryOf: (name: string) => string): Promise<void> {
    const { directory, etcd } = this.options;
    mkdirSync(`${directory}/logs`, { recursive: true });
    for (let number = 1; number <= NODES; number++) {
      const name = `n${number}`;
      const replicationPort = await freePort();
      const followers = new CuttableProxy('127.0.0.1', replicationPort);
      await followers.open();
      const toEtcd = etcd === null ? null : new CuttableProxy(new URL(etcd).hostname, Number(new URL(etcd).port));
      await toEtcd?.open();
      const place: NodePlace = { name, dataDirectory: dataDirectoryOf(name), port: await freePort(), replicationPort, reachedAt: followers.port };
      this.nodes.push({ place, followers, toEtcd, process: new NodeProcess(place, `${directory}/logs/${name}.log`) });
    }
  }

  /** Starts the first node as the primary, the others as its replicas. */
  async start(): Promise<void> {
    const [first, ...others] = this.nodes;
    await first.process.start(this.command(first, null));
    await Promise.all(others.map((node) => node.process.start(this.command(node, first))));
  }

  /** The command line of a node; `upstream`: as a replica of that one first. */
  private command(node: DrillNode, upstream: DrillNode | null): string[] {
    const { place, toEtcd } = node;
    const { quorum, cluster } = this.options;
    const names = this.places.map((other) => other.name).filter((name) => name !== place.name);
    const command = upstream === null ? ['primary'] : ['replica', '--primary', this.places.filter((other) => other !== place).map((other) => url(other)).join(',')];
    command.push('--data', place.dataDirectory, '--port', String(place.port), '--replication-port', String(place.replicationPort), '--name', place.name);
    command.push('--advertise', url(place));
    command.push('-c', `synchronous_standby_names=${quorum ? `ANY 1 (${names.join(', ')})` : ''}`);
    if (toEtcd !== null) command.push('--etcd', `http://127.0.0.1:${toEtcd.port}`, '--cluster', cluster);
    return command;
  }

  /** Starts a node that was a primary again: it finds its new place by itself with etcd, else as a replica of the others. */
  async restart(node: DrillNode): Promise<void> {
    const upstream = this.options.etcd === null ? this.nodes.find((other) => other !== node) ?? null : null;
    await node.process.start(this.command(node, upstream));
  }

  /** Whoever accepts writes now; waits for one. */
  async primary(timeoutMs: number, besides: DrillNode | null = null): Promise<DrillNode> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      for (const node of this.nodes) if (node !== besides && await this.isPrimary(node)) return node;
      if (performance.now() > deadline) throw new Error(`no node accepts writes after ${timeoutMs / 1000} s`);
      await pause(50);
    }
  }

  private async isPrimary(node: DrillNode): Promise<boolean> {
    try {
      const client = await connectTo(node.place, 1000);
      try {
        const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
        return !rows[0].standby;
      } finally {
        void client.end().catch(() => undefined);
      }
    } catch {
      return false;
    }
  }

  /** Without etcd: promotes the replica with the longest log, after the primary has broken. */
  async promoteBest(broken: DrillNode): Promise<void> {
    const standing: { node: DrillNode; received: bigint }[] = [];
    for (const node of this.nodes) {
      if (node === broken) continue;
      standing.push({ node, received: await askNumber(node.place, "SELECT pg_last_wal_receive_lsn() - '0/0'") });
    }
    standing.sort((a, b) => (a.received > b.received ? -1 : 1));
    await runCommand(['promote', '--url', `ws://127.0.0.1:${standing[0].node.place.replicationPort}`]);
  }

  /** Bytes of log that the slowest replica has not applied yet, as the primary knows it in one moment. */
  async lag(primary: DrillNode): Promise<number> {
    return Number(await askNumber(primary.place, 'SELECT coalesce(max(pg_current_wal_flush_lsn() - replay_lsn), 0)::bigint FROM pg_stat_replication'));
  }

  /** Waits until every other node is a standby that has applied all of the primary's log. */
  async caughtUp(primary: DrillNode, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const end = await askNumber(primary.place, "SELECT pg_current_wal_flush_lsn() - '0/0'");
    for (const node of this.nodes) {
      if (node === primary) continue;
      for (;;) {
        const applied = await askNumber(node.place, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' ELSE 0 END").catch(() => 0n);
        if (applied >= end) break;
        if (performance.now() > deadline) throw new Error(`${node.place.name} has not caught up after ${timeoutMs / 1000} s\n${node.process.lastWords}`);
        await pause(50);
      }
    }
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.process.end()));
    for (const node of this.nodes) {
      node.followers.close();
      node.toEtcd?.close();
    }
  }
}

function url(place: NodePlace): string {
  return `ws://127.0.0.1:${place.reachedAt}`;
}

async function askNumber(place: NodePlace, query: string): Promise<bigint> {
  const client = await connectTo(place);
  try {
    const { rows } = await client.query<Record<string, string | null>>(query);
    return BigInt(Object.values(rows[0])[0] ?? '0');
  } finally {
    void client.end().catch(() => undefined);
  }
}
