/** What may happen to a primary, and how it ends. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { connectTo, pause } from './bank.js';
import type { DrillCluster, DrillNode } from './cluster.js';

/** Faults by the names that the command line takes. */
export const FAULTS = ['kill', 'stop', 'cut', 'disk'] as const;
export type FaultKind = (typeof FAULTS)[number];

/** What each does, for people. */
export const FAULT_TEXT: Readonly<Record<FaultKind, string>> = {
  kill: 'kill -9 of the primary',
  stop: 'SIGSTOP of the primary beyond its lease',
  cut: 'the network between the primary and the others (and etcd) is cut',
  disk: "the primary's disk is full",
};

/** A fault under way. */
export interface Fault {
  /** Ends it and brings the old primary back. */
  heal(): Promise<void>;
}

/** Size of the file systems that can be filled. */
const SMALL_DISK = '192m';
const FILLER_BYTES = 1 << 20;
/** A node that cannot write its log ends within so long of a load on it. */
const DISK_PATIENCE_MS = 60_000;

/** Makes the fault happen. */
export async function strike(kind: FaultKind, node: DrillNode, cluster: DrillCluster): Promise<Fault> {
  switch (kind) {
    case 'kill':
      node.process.signal('SIGKILL');
      await node.process.whenEnded();
      return { heal: () => cluster.restart(node) };
    case 'stop':
      node.process.signal('SIGSTOP');
      return {
        async heal() {
          node.process.signal('SIGCONT');
          await restartUnlessAlive(node, cluster);
        },
      };
    case 'cut':
      node.followers.sever();
      node.toEtcd?.sever();
      return {
        async heal() {
          node.followers.mend();
          node.toEtcd?.mend();
          await restartUnlessAlive(node, cluster);
        },
      };
    case 'disk':
      return fillDisk(node, cluster);
    default: {
      const never: never = kind;
      throw new Error(`unknown fault ${String(never)}`);
    }
  }
}

/** Without etcd nobody tells an old primary that it is one: the operator restarts it as a replica. */
async function restartUnlessAlive(node: DrillNode, cluster: DrillCluster): Promise<void> {
  if (node.toEtcd !== null && node.process.isRunning) return;
  node.process.signal('SIGKILL');
  await node.process.whenEnded();
  await cluster.restart(node);
}

async function fillDisk(node: DrillNode, cluster: DrillCluster): Promise<Fault> {
  const filler = `${node.place.dataDirectory}/../filler-${node.place.name}`;
  const descriptor = openSync(filler, 'w');
  const bytes = Buffer.alloc(FILLER_BYTES, 1);
  try {
    for (;;) writeSync(descriptor, bytes);
  } catch {
    // It is full now: what this is about.
  } finally {
    closeSync(descriptor);
  }
  // What was prepared of the log before the disk was full is used up, so that it needs new space.
  const deadline = performance.now() + DISK_PATIENCE_MS;
  while (node.process.isRunning && performance.now() < deadline) {
    await switchSegment(node);
    await pause(20);
  }
  return {
    async heal() {
      rmSync(filler, { force: true });
      if (node.process.isRunning) await restartUnlessAlive(node, cluster);
      else await cluster.restart(node);
    },
  };
}

async function switchSegment(node: DrillNode): Promise<void> {
  try {
    const client = await connectTo(node.place, 1000);
    try {
      await client.query('SELECT pg_switch_wal()');
    } finally {
      void client.end().catch(() => undefined);
    }
  } catch {
    // It is on its way out, or out.
  }
}

/** Gives a directory a small file system of its own; false where that is not permitted. */
export function mountSmallDisk(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Takes it away again. */
export function unmountSmallDisk(directory: string): void {
  try {
    execFileSync('umount', ['-l', directory], { stdio: 'ignore' });
  } catch {
    // It was not mounted.
  }
}
