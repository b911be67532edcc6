/**
 * Sends by another thread. Writing an answer to a socket is a system call that wakes the client, a quarter of the time of the thread that runs SQL
 * under many clients; where many answers leave together, another thread makes these calls, and this one goes on. Measured on two processors: 64
 * clients 13 % more TPC-B and 25 % more SELECTs a second, 1,000 clients 37 % more, at no more CPU of all threads. For few answers waking the other
 * thread costs more than it saves.
 *
 * Promises: the bytes of a connection leave in order, each once, whichever thread sends them: a connection has one send under way at most, and
 * whoever sends the next one settles that before. A descriptor is not closed before its send is done, and gets none afterwards, so that no bytes
 * meet a file or a connection that has taken its number. What the kernel does not take at once comes back and goes the ordinary way, with its flow control and
 * its errors.
 */
import { availableParallelism } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { assert } from '../lib/base/assert.js';
import { SendRing } from './send-ring.js';
import type { CutSend, SendThreadData } from './send-thread.js';
import { socketHandle } from './socket-handle.js';

/** Longer sends are made by the thread that has them: copying them costs what is saved. */
const MOST_BYTES = 4096;

/** The thread, and the connections that it sends for. */
export class ThreadedSends {
  private readonly ring = new SendRing();
  private readonly lines = new Map<number, SendLine>();
  private readonly port: MessagePort;
  /** Loaded by those who need them: a start does not wait for Node's threads. */
  private readonly threads = process.getBuiltinModule('node:worker_threads');
  /** Of the ring's cuts, those that came back. */
  private cutsTaken = 0;

  private constructor() {
    const { MessageChannel, Worker } = this.threads;
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const data: SendThreadData = { memory: this.ring.memory, port: port2 };
    const worker = new Worker(new URL('./send-thread.js', import.meta.url), { workerData: data, transferList: [port2], name: 'sends', execArgv: [] });
    worker.unref();
    worker.on('error', (error) => {
      // Without it all goes the ordinary way; with it nobody knows what was sent.
      if (this.isReady) throw error;
      process.emitWarning(error);
    });
    port1.on('message', (cut: CutSend) => this.take(cut));
    port1.unref();
  }

  /** The thread runs; until then, and for ever if it cannot be started, there is nothing to be had from it. */
  get isReady(): boolean {
    return this.ring.hasTaker;
  }

  /** Starts the thread; null on a machine with a single processor. */
  static start(): ThreadedSends | null {
    return availableParallelism() > 1 ? new ThreadedSends() : null;
  }

  /** A way out for the connection of this socket; `sendRest`: what the kernel did not take. Null for a socket that is not a plain one. */
  open(socket: object, sendRest: (rest: Uint8Array) => void): SendLine | null {
    const handle = socketHandle(socket);
    if (handle === null || handle.fd < 0) return null;
    const { fd } = handle;
    const line = new SendLine(this, fd, sendRest);
    this.lines.set(fd, line);
    const close = handle.close.bind(handle);
    handle.close = (closed) => {
      line.close();
      this.lines.delete(fd);
      close(closed);
    };
    return line;
  }

  /** Pushes a send; its number, or null. */
  push(fd: number, bytes: Uint8Array): number | null {
    return bytes.length > MOST_BYTES ? null : this.ring.push(fd, bytes);
  }

  /** Waits until a send is done; then all that was cut has come back. */
  finish(number: number): void {
    this.ring.wait(number);
    // A later one may have come back that is not counted yet: then those before it have, too.
    while (((this.ring.cuts - this.cutsTaken) | 0) > 0) {
      const received = this.threads.receiveMessageOnPort(this.port);
      assert(received !== undefined, 'what was cut has come back before the send is done');
      this.take(received.message as CutSend);
    }
  }

  private take({ fd, rest }: CutSend): void {
    this.cutsTaken = (this.cutsTaken + 1) | 0;
    this.lines.get(fd)?.sendRest(rest);
  }

  /** Ends the thread; no line is used any more. */
  close(): void {
    this.ring.close();
    this.port.close();
  }
}

/** One connection's way through the thread. */
export class SendLine {
  /** The send that may be under way. */
  private under: number | null = null;
  private closed = false;

  constructor(private readonly sends: ThreadedSends, private readonly fd: number, readonly sendRest: (rest: Uint8Array) => void) {}

  /** Has the other thread send the bytes, of which it takes a copy; false when it cannot, at the moment or any more. Settled before. */
  offer(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    this.under = this.sends.push(this.fd, bytes);
    return this.under !== null;
  }

  /** Waits until nothing is under way: what is sent now comes behind it. */
  settle(): void {
    if (this.under === null) return;
    this.sends.finish(this.under);
    this.under = null;
  }

  /** The descriptor is about to be closed: nothing is sent to it any more. */
  close(): void {
    this.settle();
    this.closed = true;
  }
}
