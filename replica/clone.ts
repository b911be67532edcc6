/**
 * Takes a clone of another node's state: what `installState` (lib/access) writes into a directory. Verified by count and digest before the
 * last entries are given out; a clone that was cut short or damaged raises and is none. Or takes what has changed since a state that is
 * there already, and every key: verified before the last keys are given out.
 */
import { createHash } from 'node:crypto';
import { pgError, type PgError } from '../lib/base/error.js';
import { lsn } from '../lib/base/lsn.js';
import type { KvEntry } from '../lib/kv/kv.js';
import { FIRST_HISTORY } from '../lib/wal/history.js';
import type { KnownState, StateInfo } from '../lib/wal/shipping.js';
import { NOBODY, type NodeConnectOptions, type Peer } from './client.js';
import { decodeKeys } from './clone-keys.js';
import { protocolViolation } from './fields.js';
import { CLONE_ENTRY_HEADER_BYTES, MAX_CLONE_ENTRY_BYTES } from './format.js';
import type { Changes, CloneEnd, CloneInfo, Handshake, Message } from './messages.js';
import { chooseUpstream } from './upstream.js';

/** How far a clone is. */
export interface CloneProgress {
  readonly bytes: number;
  /** Roughly how many there will be. */
  readonly approximateBytes: number;
  readonly entries: number;
}

/** Whom to clone, and as whom. */
export interface CloneOptions extends Omit<NodeConnectOptions, 'url' | 'self'> {
  readonly urls: readonly string[];
  readonly nodeName: string;
  /** '' for none: then the log is kept while the connection lasts. */
  readonly slot: string;
  /** Only what has changed since this state: then there is no slot, and one node that has the store. */
  readonly since?: KnownState;
  readonly progress: (progress: CloneProgress) => void;
}

const WINDOW_BYTES = 8 << 20;

/** A clone that is being taken. */
export class Clone {
  /** What the state is. */
  readonly info: StateInfo;
  private readonly digest = createHash('sha256');
  private pieces: Buffer[] = [];
  /** Frames of keys that were not given out yet; null: none has come, entries may. */
  private keyFrames: Buffer[] | null = null;
  private rest: Buffer = Buffer.alloc(0);
  private received = 0;
  private consumed = 0;
  private count = 0;
  private end: CloneEnd | null = null;
  private failure: PgError | null = null;
  private wake: (() => void) | null = null;

  private constructor(private readonly peer: Peer, private readonly begin: CloneInfo, private readonly progress: CloneOptions['progress'], private readonly takesKeys: boolean) {
    this.info = begin.info;
    peer.link.onMessage = (message) => this.take(message);
    peer.link.whenClosed((reason) => this.fail(reason));
  }

  /** Connects to the best of the nodes and begins. Rejects with why none will do. */
  static async start(options: CloneOptions): Promise<Clone> {
    let refusal: PgError = pgError('SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION', 'no upstream to clone from was given');
    const peer = await chooseUpstream({ ...options, self: () => NOBODY }, ({ error }) => (refusal = error));
    if (peer === null) throw refusal;
    return new Promise((resolve, reject) => {
      peer.link.whenClosed(reject);
      peer.link.onMessage = (message) => {
        if (message.type !== 'cloneInfo') throw protocolViolation(`unexpected replication message "${message.type}"`);
        const clone = new Clone(peer, message, options.progress, options.since !== undefined);
        clone.grantCredit();
        resolve(clone);
      };
      peer.link.send(request(options));
    });
  }

  /** Whom it comes from. */
  get url(): string {
    return this.peer.url;
  }

  /** Bytes of the stream that have arrived: entries, and keys. */
  get receivedBytes(): number {
    return this.received;
  }

  private take(message: Message): void {
    if (message.type === 'cloneData' && this.keyFrames === null && this.end === null) {
      this.digest.update(message.bytes);
      this.received += message.bytes.length;
      this.pieces.push(message.bytes);
    } else if (message.type === 'cloneKeys' && this.takesKeys && this.end === null) {
      this.digest.update(message.bytes);
      this.received += message.bytes.length;
      (this.keyFrames ??= []).push(message.bytes);
    } else if (message.type === 'cloneEnd' && this.end === null) this.end = message;
    else throw protocolViolation(`unexpected replication message "${message.type}"`);
    this.wake?.();
  }

  private fail(reason: PgError): void {
    this.failure ??= reason;
    this.wake?.();
  }

  private grantCredit(): void {
    this.peer.link.send({ type: 'credit', limit: this.consumed + WINDOW_BYTES });
  }

  /** All entries, in batches as they come; raises 08006 when the connection is lost, XX001 when what came is not what was sent. */
  async *entries(): AsyncIterableIterator<readonly KvEntry[]> {
    for (;;) {
      await this.arrives(() => this.pieces.length > 0 || this.keyFrames !== null);
      const batch = this.parse();
      if (this.end !== null && !this.takesKeys) this.verify(this.end);
      if (batch.length > 0) yield batch;
      this.progress({ bytes: this.consumed, approximateBytes: this.begin.approximateBytes, entries: this.count });
      if (this.pieces.length === 0 && (this.end !== null || this.keyFrames !== null)) return;
      this.grantCredit();
    }
  }

  /** Every key of the state, in batches as they come: of a clone of changes, once all entries were taken. Raises what `entries` does. */
  async *keys(): AsyncIterableIterator<readonly Uint8Array[]> {
    let verified = false;
    for (;;) {
      await this.arrives(() => this.keyFrames !== null && this.keyFrames.length > 0);
      const frames = this.keyFrames ?? [];
      if (this.end !== null && !verified) {
        this.verify(this.end);
        verified = true;
      }
      if (frames.length === 0) return;
      this.keyFrames = [];
      for (const bytes of frames) yield decodeKeys(bytes);
      for (const bytes of frames) this.consumed += bytes.length;
      this.grantCredit();
    }
  }

  /** Waits for more, or the end. Raises why there will be neither. */
  private async arrives(isThere: () => boolean): Promise<void> {
    while (!isThere() && this.end === null && this.failure === null) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.end === null && this.failure !== null) throw this.failure;
  }

  /** The whole entries of what has arrived. */
  private parse(): KvEntry[] {
    const bytes = Buffer.concat([this.rest, ...this.pieces]);
    for (const piece of this.pieces) this.consumed += piece.length;
    this.pieces = [];
    const batch: KvEntry[] = [];
    let at = 0;
    while (bytes.length - at >= CLONE_ENTRY_HEADER_BYTES) {
      const keyBytes = bytes.readUInt32LE(at);
      const valueBytes = bytes.readUInt32LE(at + 4);
      if (keyBytes + valueBytes > MAX_CLONE_ENTRY_BYTES) throw protocolViolation('invalid entry in a clone');
      const keyAt = at + CLONE_ENTRY_HEADER_BYTES;
      const end = keyAt + keyBytes + valueBytes;
      if (end > bytes.length) break;
      batch.push([bytes.subarray(keyAt, keyAt + keyBytes), bytes.subarray(keyAt + keyBytes, end)]);
      at = end;
    }
    this.rest = bytes.subarray(at);
    this.count += batch.length;
    return batch;
  }

  private verify(end: CloneEnd): void {
    if (this.rest.length === 0 && this.count === end.entries && this.digest.digest().equals(end.digest)) return;
    throw pgError('DATA_CORRUPTED', `the clone received from ${this.peer.url} is damaged`, {
      detail: `${this.count} of ${end.entries} entries are there, and their digest is not the one that was sent with them.`,
    });
  }

  /** Ends the connection: the log that the clone needs is being streamed, or the clone is given up. */
  close(): void {
    this.peer.link.bye('');
  }
}

function request({ nodeName, slot, since }: CloneOptions): Handshake | Changes {
  if (since !== undefined) return { type: 'changes', nodeName, since };
  return {
    type: 'handshake', nodeName, applicationName: nodeName, slot, wants: 'clone', systemIdentifier: 0n,
    history: FIRST_HISTORY, received: { endLsn: lsn(0), lastRecordLsn: lsn(0), lastCrc: 0 }, appliedLsn: lsn(0),
  };
}
