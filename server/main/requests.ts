/** What may be asked of a node on its replication port, by who may replicate: the commands of the command line, and other nodes. */
import { pgError } from '../../lib/base/error.js';
import { formatLsn, lsn, parseLsn } from '../../lib/base/lsn.js';
import { StreamReader } from '../../lib/wal/stream.js';
import type { RequestHandler } from '../../replica/server.js';
import type { DatabaseNode } from './node.js';
import { nodeStatus } from './status.js';

/** A frozen primary serves again by itself after so long: whoever froze it is gone. */
const FREEZE_MS = 15_000;
/** Most bytes of log in one answer. */
const LOG_PIECE_BYTES = 256 << 10;
const POLL_MS = 20;

function field(argument: unknown, name: string): unknown {
  return typeof argument === 'object' && argument !== null ? (argument as Record<string, unknown>)[name] : undefined;
}

function textField(argument: unknown, name: string): string {
  const value = field(argument, name);
  if (typeof value === 'string') return value;
  throw pgError('INVALID_PARAMETER_VALUE', `the request lacks "${name}"`);
}

/** The requests by name. */
export function requestHandlers(node: DatabaseNode): ReadonlyMap<string, RequestHandler> {
  let thawing: { cancel(): void } | null = null;
  const cancelThaw = (): void => {
    thawing?.cancel();
    thawing = null;
  };
  return new Map<string, RequestHandler>([
    ['status', () => Promise.resolve(nodeStatus(node))],
    ['promote', async (argument) => {
      const expected = field(argument, 'from');
      if (typeof expected === 'string') await caughtUpTo(node, parseLsn(expected));
      const history = await node.promote(null, 'promoted by command');
      return { timeline: history.timeline, url: node.replicationUrl };
    }],
    ['fence', async (argument) => {
      const timeline = Number(field(argument, 'timeline'));
      if (timeline <= node.engine.storage.timeline) return { fenced: false };
      void node.demote([textField(argument, 'url')], `timeline ${timeline} was begun by another node`);
      return { fenced: true };
    }],
    ['freeze', async () => {
      if (node.role !== 'primary') throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'this node is not the primary');
      const end = await node.freeze();
      cancelThaw();
      thawing = node.env.timers.after(FREEZE_MS, () => node.role === 'primary' && node.thaw(), true);
      return { end: formatLsn(end), name: node.options.name };
    }],
    ['thaw', () => {
      cancelThaw();
      if (node.role === 'primary') node.thaw();
      return Promise.resolve({});
    }],
    ['handOver', async (argument) => {
      cancelThaw();
      if (node.failover === null) return { automatic: false };
      const target = textField(argument, 'to');
      await hasAllLog(node, target);
      await node.failover.handOver(target);
      return { automatic: true };
    }],
    ['demote', (argument) => {
      cancelThaw();
      // Answered first: the change of role ends this connection.
      void node.demote([textField(argument, 'upstream')], 'switched over by command');
      return Promise.resolve({});
    }],
    ['log', (argument) => Promise.resolve(logPiece(node, parseLsn(textField(argument, 'from')), parseLsn(textField(argument, 'to'))))],
  ]);
}

/** Waits until this standby has received all of the log up to a position; 55000 when it does not within the time of a frozen primary. */
async function caughtUpTo(node: DatabaseNode, position: ReturnType<typeof lsn>): Promise<void> {
  const { standby } = node.engine;
  if (standby === null) return;
  const deadline = node.env.clock.monotonicMs() + FREEZE_MS / 2;
  while (standby.flushedLsn < position) {
    if (node.env.clock.monotonicMs() > deadline) {
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `this standby has received the log up to ${formatLsn(standby.flushedLsn)}, not to ${formatLsn(position)}`);
    }
    await new Promise<void>((resolve) => {
      const unwatch = standby.watchProgress(resolve);
      node.env.timers.after(50, () => {
        unwatch();
        resolve();
      });
    });
  }
}

/** Waits until a replica has all of this node's log on stable storage; 55000 when it does not in time, or is not here. */
async function hasAllLog(node: DatabaseNode, name: string): Promise<void> {
  const end = node.engine.storage.source?.durableLsn ?? lsn(0);
  const deadline = node.env.clock.monotonicMs() + FREEZE_MS / 2;
  for (;;) {
    const flushed = node.port?.replicas().find((replica) => replica.nodeName === name)?.flushedLsn ?? null;
    if (flushed !== null && flushed >= end) return;
    if (node.env.clock.monotonicMs() > deadline) {
      throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `replica "${name}" does not have the log up to ${formatLsn(end)}`, {
        detail: flushed === null ? 'It does not stream from this node.' : `It has it up to ${formatLsn(flushed)}.`,
      });
    }
    await new Promise<void>((resolve) => node.env.timers.after(POLL_MS, resolve));
  }
}

/** Bytes of this node's log, for backups where no archiver ships it. */
function logPiece(node: DatabaseNode, from: ReturnType<typeof lsn>, to: ReturnType<typeof lsn>): { bytes: string } {
  const { source } = node.engine.storage;
  if (source === null || from >= to || to > source.durableLsn) throw pgError('INVALID_PARAMETER_VALUE', `the log has no bytes from ${formatLsn(from)} to ${formatLsn(to)}`);
  const reader = new StreamReader(node.env, source.logDirectory, source.history.timeline);
  try {
    return { bytes: reader.read(from, to, LOG_PIECE_BYTES).toString('base64') };
  } finally {
    reader.close();
  }
}
