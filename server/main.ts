/**
 * The composition root of a server: one node, a primary or a standby, with its ports. `main/` has its parts; only here and there do the
 * server and replication meet.
 */
import { DatabaseNode } from './main/node.js';
import type { NodeOptions } from './main/options.js';

/** A running node. */
export interface RunningNode {
  readonly host: string;
  readonly port: number;
  /** Reads the configuration files again. */
  reloadSettings(): void;
  /** Bytes that data may take in memory (`shared_buffers`). */
  readonly memoryBudget: number;
  /** See `StorageEngine`. */
  giveWay(bytes: number): void;
  /** Stops accepting, ends sessions, writes a checkpoint, closes the data directory. */
  stop(): Promise<void>;
}

/** Between two looks for a primary to clone, in milliseconds. */
const LOOK_MS = 1000;

/** Starts a node; FATAL `PgError`s for what keeps it from starting, 57P01 when it was told to stop meanwhile. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const node = new DatabaseNode(options);
  options.signal?.addEventListener('abort', () => node.requestStop(), { once: true });
  if (options.consensus !== null) {
    const { Failover } = await import('./main/failover.js');
    node.failover = new Failover(node, options.consensus);
  }
  const port = await node.start(await decideRole(node));
  await node.failover?.start();
  return {
    get host() {
      return node.host;
    },
    port,
    reloadSettings: () => node.engine.reloadSettings(),
    get memoryBudget() {
      return node.engine.storage.memoryBudget;
    },
    giveWay: (bytes) => node.engine.storage.giveWay(bytes),
    stop: () => node.stop(),
  };
}

/** Whether the node starts as a standby: what the consensus store says, else what the command and the directory say. */
async function decideRole(node: DatabaseNode): Promise<boolean> {
  const toldToFollow = node.options.upstreams !== null;
  if (node.failover === null) return toldToFollow;
  for (;;) {
    const found = await node.failover.roleAtStart();
    if (found === null) return toldToFollow || node.isStandbyDirectory;
    if (found.leaderUrl !== null) node.setUpstreams([found.leaderUrl]);
    const asStandby = found.asStandby || node.isStandbyDirectory || (toldToFollow && node.isVacant);
    if (!asStandby || !node.isVacant || node.hasUpstreams) return asStandby;
    // There is a cluster, but nobody to clone from.
    await node.pause(LOOK_MS);
  }
}
