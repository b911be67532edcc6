/**
 * Which of several nodes to receive from: all are asked who they are, and the best one is kept: of the newest timeline, a primary before a
 * standby, then the one that stands first in the list. A node whose timeline is older than ours was left behind and is never chosen, nor
 * is one of another database system.
 *
 * A node that does not answer holds nobody up for long: once a primary that will do has answered, the others have `GRACE_MS` left.
 */
import { pgError, type PgError } from '../lib/base/error.js';
import type { Env } from '../lib/env/env.js';
import { foreignSystem } from './handshake.js';
import type { Self } from './link.js';
import { connectNode, type NodeConnectOptions, type Peer } from './client.js';

const GRACE_MS = 250;

/** Whom to ask. */
export interface UpstreamOptions extends Omit<NodeConnectOptions, 'url'> {
  readonly urls: readonly string[];
}

/** A node that said no, or nothing. */
export interface Unavailable {
  readonly url: string;
  readonly error: PgError;
}

/** 55000 for a node of another system or an older timeline than ours; null for one that will do. */
function unfit({ epoch, url, node }: Peer, self: Self): PgError | null {
  if (self.systemIdentifier !== 0n && node.systemIdentifier !== self.systemIdentifier) return foreignSystem(node.systemIdentifier, self.systemIdentifier);
  if (epoch >= self.epoch) return null;
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `timeline ${epoch} of ${url} is behind timeline ${self.epoch} of this node`);
}

function isBetter(a: Peer, b: Peer, urls: readonly string[]): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  if (a.node.role !== b.node.role) return a.node.role === 'primary';
  return urls.indexOf(a.url) < urls.indexOf(b.url);
}

/** Connects to the best node; `unavailable` is told of each that cannot be had. Null when there is none. */
export async function chooseUpstream(options: UpstreamOptions, unavailable: (node: Unavailable) => void): Promise<Peer | null> {
  const { env, urls, self } = options;
  let best: Peer | null = null;
  let decided = false;
  const consider = (peer: Peer): void => {
    const error = unfit(peer, self());
    if (error !== null && !decided) {
      peer.link.fail(error);
      unavailable({ url: peer.url, error });
    } else if (decided || (best !== null && !isBetter(peer, best, urls))) peer.link.bye('another node was chosen');
    else {
      best?.link.bye('another node was chosen');
      best = peer;
    }
  };
  const answers = urls.map((url) => connectNode({ ...options, url }).then(consider, (error: unknown) => {
    if (!decided) unavailable({ url, error: error as PgError });
  }));
  await Promise.race([Promise.all(answers), graceOver(env, answers, () => best)]);
  decided = true;
  return best;
}

/** Resolves a while after a primary has answered. */
function graceOver(env: Env, answers: readonly Promise<void>[], best: () => Peer | null): Promise<void> {
  return new Promise((resolve) => {
    let started = false;
    for (const answer of answers) {
      void answer.then(() => {
        if (started || best()?.node.role !== 'primary') return;
        started = true;
        env.timers.after(GRACE_MS, resolve, true);
      });
    }
  });
}
