/** What may be asked of a node on its replication port, by who may replicate: the commands of the command line, and other nodes. */
import { pgError } from '../../lib/base/error.js';
import { formatLsn, parseLsn, type Lsn } from '../../lib/base/lsn.js';
import { StreamReader } from '../../lib/wal/stream.js';
import type { RequestHandler } from '../../replica/server.js';
import type { DatabaseNode } from './node.js';
import { nodeStatus } from './status.js';

/** Most bytes of log in one answer. */
const LOG_PIECE_BYTES = 256 << 10;

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
  const { switchover } = node;
  return new Map<string, RequestHandler>([
    ['status', () => Promise.resolve(nodeStatus(node))],
    ['promote', async (argument) => {
      if (typeof field(argument, 'ticket') === 'string') return switchover.promote(parseLsn(textField(argument, 'from')), textField(argument, 'ticket'));
      const history = await node.promote(null, 'promoted by command');
      return { timeline: history.timeline, url: node.replicationUrl };
    }],
    ['fence', async (argument) => {
      const timeline = Number(field(argument, 'timeline'));
      if (timeline <= node.engine.storage.timeline) return { fenced: false };
      void node.demote([textField(argument, 'url')], `timeline ${timeline} was begun by another node`);
      return { fenced: true };
    }],
    ['freeze', async (argument) => {
      const { end, ticket } = await switchover.freeze(textField(argument, 'to'));
      return { end: formatLsn(end), ticket };
    }],
    ['thaw', async () => {
      await switchover.thaw();
      return {};
    }],
    ['handOver', async (argument) => ({ automatic: await switchover.handOver(textField(argument, 'to')) })],
    ['demote', (argument) => {
      // Answered first: the change of role ends this connection.
      switchover.demote(textField(argument, 'upstream'));
      return Promise.resolve({});
    }],
    ['expect', (argument) => {
      switchover.expect(textField(argument, 'ticket'));
      return Promise.resolve({});
    }],
    ['callOff', (argument) => switchover.callOff(textField(argument, 'ticket'))],
    ['log', (argument) => Promise.resolve(logPiece(node, parseLsn(textField(argument, 'from')), parseLsn(textField(argument, 'to'))))],
  ]);
}

/** Bytes of this node's log, for backups where no archiver ships it. */
function logPiece(node: DatabaseNode, from: Lsn, to: Lsn): { bytes: string } {
  const { source } = node.engine.storage;
  if (source === null || from >= to || to > source.durableLsn) throw pgError('INVALID_PARAMETER_VALUE', `the log has no bytes from ${formatLsn(from)} to ${formatLsn(to)}`);
  const reader = new StreamReader(node.env, source.logDirectory, source.history.timeline);
  try {
    return { bytes: reader.read(from, to, LOG_PIECE_BYTES).toString('base64') };
  } finally {
    reader.close();
  }
}
