/**
 * One connection between two nodes: messages in and out, signs of life, and the one end that it has. Both sides use it.
 *
 * Promises: who listens to `whenClosed` is called exactly once, with why; after it no message is delivered. A side that hears nothing for `timeoutMs` (by the
 * monotonic clock) ends the connection, whatever the network says.
 */
import { pgError, type PgError } from '../lib/base/error.js';
import type { Lsn } from '../lib/base/lsn.js';
import type { Env, TimerHandle } from '../lib/env/env.js';
import type { FrameSocket } from '../lib/env/network.js';
import { protocolViolation } from './fields.js';
import { decodeFrame, encodeFrame, errorFrom, toRemoteError } from './frames.js';
import type { NodeRole } from './format.js';
import type { Heartbeat, Message } from './messages.js';

/** What a node says of itself with every sign of life. */
export interface Self {
  /** Number of our timeline; 0 where there is none yet. */
  readonly epoch: number;
  /** 0 where there is none yet. */
  readonly systemIdentifier: bigint;
  readonly role: NodeRole;
  readonly durableLsn: Lsn;
}

/** What a link needs. */
export interface LinkOptions {
  readonly env: Env;
  readonly socket: FrameSocket;
  readonly self: () => Self;
  /** wal_sender_timeout, wal_receiver_timeout: 0 never ends the connection. */
  readonly timeoutMs: number;
  /** What the end is called when nothing was heard for so long. */
  readonly timeoutText: string;
}

/** Longest time between two signs of life. */
const HEARTBEAT_MS = 1000;
/** Signs of life in one timeout, at least. */
const HEARTBEATS_PER_TIMEOUT = 4;

/** See the file's comment. */
export class Link {
  onMessage: (message: Message, epoch: number) => void = () => undefined;
  /** Called with every sign of life, at least once a second when we speak. */
  onTick: () => void = () => undefined;
  onDrain: () => void = () => undefined;
  /** Every message's epoch, before the message. May throw to end the connection. */
  onEpoch: (epoch: number) => void = () => undefined;
  onHeartbeat: (heartbeat: Heartbeat) => void = () => undefined;
  /** Says signs of life: once both know each other. */
  speaking = false;
  /** Of the last heartbeat that was echoed, in milliseconds; null before. */
  roundTripMs: number | null = null;
  lastSentMicros = 0;
  lastReceivedMicros = 0;
  readonly peer: string;
  private readonly env: Env;
  private readonly socket: FrameSocket;
  private heardMs: number;
  private heardBeatMicros = 0;
  private closed: (reason: PgError) => void = () => undefined;
  private reason: PgError | null = null;
  private timer: TimerHandle | null = null;

  constructor(private readonly options: LinkOptions) {
    const { env, socket } = options;
    this.env = env;
    this.socket = socket;
    this.peer = socket.peer;
    this.heardMs = env.clock.monotonicMs();
    socket.onFrame = (bytes) => this.received(bytes);
    socket.onDrain = () => {
      if (!this.isOver) this.onDrain();
    };
    socket.onClose = (reason) => this.end(pgError('CONNECTION_FAILURE', `the connection to ${socket.peer} was lost: ${reason}`));
    this.arm();
  }

  get isOver(): boolean {
    return this.reason !== null;
  }

  /** Calls back with why the connection has ended, at once when it has; instead of whoever asked before. */
  whenClosed(listener: (reason: PgError) => void): void {
    this.closed = listener;
    if (this.reason !== null) listener(this.reason);
  }

  get queuedBytes(): number {
    return this.socket.queuedBytes;
  }

  send(message: Message): void {
    this.sendFrame(encodeFrame(this.options.self().epoch, message));
  }

  /** Sends a frame that was sealed already. */
  sendFrame(frame: Buffer): void {
    if (this.isOver) return;
    this.lastSentMicros = this.env.clock.wallMicros();
    this.socket.send(frame);
  }

  /** Ends the connection and tells the other side why. */
  fail(error: unknown): void {
    if (this.isOver) return;
    const told = toRemoteError(error);
    this.send({ type: 'error', error: told });
    this.socket.close(told.message);
    this.end(errorFrom(told));
  }

  /** Ends the connection in peace. */
  bye(reason: string): void {
    if (this.isOver) return;
    this.send({ type: 'bye', reason });
    this.socket.close(reason);
    this.end(pgError('ADMIN_SHUTDOWN', reason));
  }

  /** Ends the connection at once. */
  private drop(reason: PgError): void {
    this.socket.destroy();
    this.end(reason);
  }

  private end(reason: PgError): void {
    if (this.isOver) return;
    this.reason = reason;
    this.timer?.cancel();
    this.closed(reason);
  }

  private received(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.heardMs = this.env.clock.monotonicMs();
    this.lastReceivedMicros = this.env.clock.wallMicros();
    try {
      const { epoch, message } = decodeFrame(bytes);
      this.onEpoch(epoch);
      if (message.type === 'error') this.closedByPeer(errorFrom(message.error));
      else if (message.type === 'bye') this.closedByPeer(pgError('ADMIN_SHUTDOWN', message.reason));
      else if (message.type === 'heartbeat') this.heard(message);
      else this.onMessage(message, epoch);
    } catch (error) {
      this.fail(error);
    }
  }

  private closedByPeer(reason: PgError): void {
    this.socket.close('');
    this.end(reason);
  }

  private heard(heartbeat: Heartbeat): void {
    if (!this.speaking) throw protocolViolation('unexpected replication message "heartbeat"');
    this.heardBeatMicros = heartbeat.sentMicros;
    if (heartbeat.echoMicros > 0) this.roundTripMs = Math.max(0, this.heardMs - heartbeat.echoMicros / 1000);
    this.onHeartbeat(heartbeat);
  }

  private arm(): void {
    const { timeoutMs } = this.options;
    const interval = timeoutMs > 0 ? Math.min(HEARTBEAT_MS, timeoutMs / HEARTBEATS_PER_TIMEOUT) : HEARTBEAT_MS;
    this.timer = this.env.timers.after(interval, () => this.tick(), true);
  }

  private tick(): void {
    if (this.isOver) return;
    const { timeoutMs, timeoutText } = this.options;
    if (timeoutMs > 0 && this.env.clock.monotonicMs() - this.heardMs > timeoutMs) {
      this.drop(pgError('CONNECTION_FAILURE', timeoutText));
      return;
    }
    if (this.speaking) {
      this.beat();
      this.onTick();
    }
    this.arm();
  }

  /** Says a sign of life. */
  beat(): void {
    const { role, durableLsn } = this.options.self();
    const { clock } = this.env;
    this.send({
      type: 'heartbeat', sentMicros: Math.floor(clock.monotonicMs() * 1000), echoMicros: this.heardBeatMicros, role, durableLsn, wallMicros: clock.wallMicros(),
    });
  }
}
