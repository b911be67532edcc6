/**
 * What goes out on one connection: the buffer that messages are written into, and when it goes to the socket. Answers
 * to a commit wait here until the commit is acknowledged (design, decision 5), with everything behind them, so that the
 * order stays; a client that does not read stops its session once a bounded amount waits in the socket.
 */
import type { Duplex } from 'node:stream';
import { Suspend } from '../lib/base/suspend.js';
import { MessageWriter } from './protocol/writer.js';
import { socketHandle, type SocketHandle } from './socket-handle.js';
import type { SendLine, ThreadedSends } from './threaded-sends.js';
import { writeNow } from './write-now.js';

/** Rows are handed to the socket in pieces of about this size, ... */
const SEND_BYTES = 64 * 1024;
/**
 * ... the first ones in smaller ones, each twice as large as the one before: the client reads them while the next are made. Measured with
 * pieces of 16 KB throughout, a thousand rows of 50 bytes, one client, four pairs of runs on a busy machine: 4, 16, 46 and 38 % more results
 * a second. What a write more costs in CPU could not be told from the noise (medians of 0.37 and 0.41 ms).
 */
const FIRST_SEND_BYTES = 16 * 1024;
/** What a session that waits leaves unsent, as PostgreSQL does: clients see a result begin when there is something to see. */
const KEEP_BYTES = 8192;
/** More than this waiting in the socket: the session waits for the client. */
const HIGH_WATER_BYTES = 256 * 1024;

/** Holds answers back until they may leave. */
export interface CommitGate {
  /** False while a commit of this session is not acknowledged; then `opened` is called once it is. */
  tryPass(opened: () => void): boolean;
  /** Has what was held back sent, now or at the end of this turn of the event loop. */
  passed(): void;
}

/** The outgoing side of a connection. */
export class Outbox {
  readonly writer = new MessageWriter();
  /** Size of the next piece of the result on its way. */
  private pieceBytes = FIRST_SEND_BYTES;
  private waiting = false;
  /** What waited may leave, and is about to. */
  private passing = false;
  /** The way through the thread of sends; undefined until one is asked for, null where there is none. */
  private line: SendLine | null | undefined;
  /** The plain socket's connection; null for others. */
  private readonly handle: SocketHandle | null;
  private closed = false;
  private released: (() => void) | null = null;

  constructor(private readonly socket: Duplex, private readonly gate: CommitGate) {
    this.handle = socketHandle(socket);
  }

  /** Hands everything written to the socket, or to `thread`, now or as soon as the commits before it are acknowledged. */
  send(thread: ThreadedSends | null = null): void {
    this.pieceBytes = FIRST_SEND_BYTES;
    this.handOver(thread);
  }

  private handOver(thread: ThreadedSends | null): void {
    if (this.closed || this.waiting || this.writer.position === 0) return;
    if (!this.gate.tryPass(this.gateOpened)) {
      this.waiting = true;
      return;
    }
    this.passing = false;
    const { socket, writer } = this;
    this.line?.settle();
    if (thread !== null && socket.writableLength === 0 && this.lineOf(thread)?.offer(writer.pending()) === true) {
      writer.reset(true);
      return;
    }
    const written = this.writeNow();
    if (written === writer.position) {
      writer.reset(true);
      return;
    }
    socket.write(writer.pending().subarray(written));
    // Node tries to write at once; when nothing is left in the stream the kernel has the bytes and the buffer is free.
    writer.reset(socket.writableLength === 0);
  }

  /** Has the kernel take what it will; how many bytes. */
  private writeNow(): number {
    const { handle, socket, writer } = this;
    if (handle === null || socket.writableLength > 0) return 0;
    // Below 0 once the connection is closed: the number may be another's by then.
    const { fd } = handle;
    return fd < 0 ? 0 : writeNow(fd, writer.buffer, writer.position);
  }

  private lineOf(thread: ThreadedSends): SendLine | null {
    if (this.line === undefined) this.line = thread.open(this.socket, (rest) => this.socket.write(rest));
    return this.line;
  }

  /** True while everything written waits for a commit to be acknowledged. */
  get isHeld(): boolean {
    return this.waiting;
  }

  /** Called before the session goes on: what may leave is not to be held back again by a commit that comes now. */
  sendPassing(): void {
    if (this.passing) this.send();
  }

  /** Called when the session waits within a statement. */
  sendWhileWaiting(): void {
    if (this.writer.position >= KEEP_BYTES) this.send();
  }

  private readonly gateOpened = (): void => {
    if (this.closed) return;
    this.waiting = false;
    this.passing = true;
    this.gate.passed();
    if (this.released !== null && !this.isFull()) this.release();
  };

  /** Called after rows were written: sends when enough has come together; a Suspend when the client must read first. */
  pressure(): Suspend | null {
    if (this.writer.position < this.pieceBytes) return null;
    this.handOver(null);
    this.pieceBytes = Math.min(this.pieceBytes * 2, SEND_BYTES);
    return this.isFull() ? new Suspend(this.whenRoom()) : null;
  }

  /** True when the client (or an unfinished commit) must be waited for before more is written. */
  isFull(): boolean {
    return !this.closed && ((this.waiting && this.writer.position >= SEND_BYTES) || this.socket.writableLength > HIGH_WATER_BYTES);
  }

  /** Resolves when there is room again or the connection has ended. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.released = resolve;
    });
  }

  /** To be called on the socket's 'drain'. */
  drained(): void {
    if (!this.isFull()) this.release();
  }

  private release(): void {
    const { released } = this;
    this.released = null;
    if (released !== null) released();
  }

  /** Ends the stream with `last`, which no gate holds. What is held back is never sent. */
  end(last: () => void): void {
    if (this.closed) return;
    this.send();
    if (this.waiting) this.writer.reset(true);
    this.closed = true;
    this.line?.settle();
    last();
    if (this.writer.position > 0) this.socket.write(Buffer.from(this.writer.pending()));
    this.socket.end();
    this.release();
  }

  /** Forgets everything: the socket is gone. */
  abandon(): void {
    this.closed = true;
    this.release();
  }
}
