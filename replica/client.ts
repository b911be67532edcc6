/**
 * The client's side of a replication connection: connects, proves itself (and lets the server prove itself), and then asks for what it
 * wants: a stream (`receiver.ts`), a clone (`clone.ts`), or that something be done (`ReplicationClient`).
 */
import { PgError, pgError } from '../lib/base/error.js';
import { lsn } from '../lib/base/lsn.js';
import { SQLSTATE } from '../lib/base/sqlstate.js';
import { ScramClient } from '../lib/base/scram.js';
import type { Env } from '../lib/env/env.js';
import type { FrameSocket, TlsOptions } from '../lib/env/network.js';
import { protocolViolation } from './fields.js';
import { MAX_FRAME_BYTES, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, type NodeRole } from './format.js';
import { errorFrom } from './frames.js';
import { Link, type Self } from './link.js';
import type { Authenticated, Message } from './messages.js';

/** How to reach other nodes. */
export interface NodeCredentials {
  readonly role: string;
  /** '' for none: only a node that trusts us lets us in. */
  readonly password: string;
  readonly tls?: TlsOptions;
}

/** How to connect. */
export interface NodeConnectOptions extends NodeCredentials {
  readonly env: Env;
  /** `ws://host:port` or `wss://host:port`. */
  readonly url: string;
  /** For hearing nothing (wal_receiver_timeout), and for connecting where it is the shorter one. 0: none. */
  readonly timeoutMs: number;
  /** What we say of ourselves. */
  readonly self: () => Self;
}

/** A node that has let us in. */
export interface Peer {
  readonly url: string;
  readonly link: Link;
  readonly node: Authenticated;
  /** The number of its timeline. */
  readonly epoch: number;
  /** Of the protocol that it speaks with us. */
  readonly version: number;
}

/** What a command that is no node says of itself. */
export const NOBODY: Self = { epoch: 0, systemIdentifier: 0n, role: 'standby', durableLsn: lsn(0) };

/** Longest time that connecting takes. */
const CONNECT_MS = 10_000;

async function connectSocket({ env, url, tls, timeoutMs }: NodeConnectOptions): Promise<FrameSocket> {
  try {
    return await env.network.connect(url, { tls, timeoutMs: timeoutMs > 0 ? Math.min(timeoutMs, CONNECT_MS) : CONNECT_MS, maxFrameBytes: MAX_FRAME_BYTES });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw pgError('SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION', `could not connect to ${url}: ${why}`);
  }
}

/** Connects and authenticates, as an older node does where the other one is older. Rejects with 08001, 08006, 28P01, 28000, 42501, 08P01, 0A000. */
export async function connectNode(options: NodeConnectOptions): Promise<Peer> {
  try {
    return await connectAs(options, PROTOCOL_VERSION);
  } catch (error) {
    if (!(error instanceof PgError) || error.sqlstate !== SQLSTATE.FEATURE_NOT_SUPPORTED) throw error;
    return connectAs(options, OLDEST_PROTOCOL_VERSION);
  }
}

async function connectAs(options: NodeConnectOptions, version: number): Promise<Peer> {
  const socket = await connectSocket(options);
  const { env, url, self, timeoutMs } = options;
  const link = new Link({ env, socket, self, timeoutMs, timeoutText: `no answer from ${url} within ${timeoutMs} ms` });
  return new Promise((resolve, reject) => {
    const scram = options.password === '' ? null : new ScramClient(options.password);
    link.whenClosed(reject);
    link.onMessage = (message, epoch) => {
      if (message.type === 'serverFirst' && scram !== null) link.send({ type: 'clientFinal', text: scram.answer(message.text) });
      else if (message.type === 'authenticated') {
        if (scram !== null && !scram.isProvenBy(message.serverFinal)) {
          throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', `the server at ${url} did not prove that it knows the password`);
        }
        link.speaking = true;
        link.onMessage = () => {
          throw protocolViolation('unexpected message before anything was asked for');
        };
        resolve({ url, link, node: message, epoch, version });
      } else throw protocolViolation(`unexpected replication message "${message.type}"`);
    };
    link.send({ type: 'start', version, systemIdentifier: self().systemIdentifier, role: options.role, clientFirst: scram?.first ?? '' });
  });
}

/** A request that waits for its answer. */
interface PendingRequest {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PgError) => void;
}

/** Asks a node for things: `status`, `promote`, what its handlers offer. */
export class ReplicationClient {
  private readonly pending = new Map<number, PendingRequest>();
  private lastId = 0;
  private ended: PgError | null = null;

  private constructor(private readonly peer: Peer) {
    peer.link.onMessage = (message) => this.take(message);
    peer.link.whenClosed((reason) => {
      this.ended = reason;
      for (const { reject } of this.pending.values()) reject(reason);
      this.pending.clear();
    });
  }

  /** Connects and authenticates; rejects as `connectNode` does. */
  static async connect(options: Omit<NodeConnectOptions, 'self'>): Promise<ReplicationClient> {
    return new ReplicationClient(await connectNode({ ...options, self: () => NOBODY }));
  }

  /** What the node is, as it said when it let us in. */
  get role(): NodeRole {
    return this.peer.node.role;
  }

  get systemIdentifier(): bigint {
    return this.peer.node.systemIdentifier;
  }

  get timeline(): number {
    return this.peer.epoch;
  }

  private take(message: Message): void {
    if (message.type !== 'response' && message.type !== 'failure') throw protocolViolation(`unexpected replication message "${message.type}"`);
    const waiting = this.pending.get(message.id);
    if (waiting === undefined) throw protocolViolation(`answer to request ${message.id}, which was not asked`);
    this.pending.delete(message.id);
    if (message.type === 'failure') waiting.reject(errorFrom(message.error));
    else waiting.resolve(parseJson(message.json));
  }

  /** Asks; rejects with what the node raised, or with why the connection ended before it answered. */
  request(name: string, argument: unknown = null): Promise<unknown> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      this.pending.set(id, { resolve, reject });
      this.peer.link.send({ type: 'request', id, name, json: JSON.stringify(argument) });
    });
  }

  close(): void {
    this.peer.link.bye('');
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw protocolViolation('the answer to a request is not JSON');
  }
}
