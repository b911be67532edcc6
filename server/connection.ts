/**
 * One client connection: start-up, authentication, then messages in, answers out, in order. What a message means for SQL is
 * the session's affair; here are the protocol's rules: skipping to Sync after an error, ReadyForQuery, COPY, what ends a
 * connection. A message whose work does not wait is handled to its end without a promise.
 */
import type { Duplex } from 'node:stream';
import { PgError, pgError } from '../lib/base/error.js';
import { drive, type Suspendable } from '../lib/base/suspend.js';
import type { SessionClient } from '../lib/session/client.js';
import type { Session } from '../lib/session/session.js';
import { Outbox } from './outbox.js';
import { BACKEND, FRONTEND, TRANSACTION_STATUS } from './protocol/format.js';
import {
  readBind, readExecute, readParse, readTarget, writeEmptyMessage, writeErrorOrNotice, writeNotification, writeParameterDescription,
  writeParameterStatus, writeReadyForQuery,
} from './protocol/messages.js';
import { FrameReader } from './protocol/reader.js';
import type { InputHandler, InputQueue } from './input-queue.js';
import type { SendQueue } from './send-queue.js';
import { WireCopyInput, WireCopyOutput, WireReceiver } from './receivers.js';
import { rowEncoder } from './encode.js';
import type { ResultShape } from '../lib/session/client.js';

/** With this much unread input the socket is paused until the session has caught up. */
const INPUT_HIGH_WATER_BYTES = 256 * 1024;

/** The session's status as ReadyForQuery tells it. Comparing is done in place; a look into a table by its name is a call. */
function statusByte({ status }: Session): number {
  if (status === 'idle') return TRANSACTION_STATUS.idle;
  return status === 'inTransaction' ? TRANSACTION_STATUS.inTransaction : TRANSACTION_STATUS.failed;
}

/** What a connection reports to its owner. */
export interface ConnectionOwner {
  readonly inputQueue: InputQueue;
  readonly sendQueue: SendQueue;
  /** The connection and its session have ended. */
  connectionClosed(connection: Connection): void;
}

/** A connection whose client is authenticated: from the first ReadyForQuery to the end. */
export class Connection implements SessionClient, InputHandler {
  private readonly outbox: Outbox;
  private session!: Session;
  private simple!: WireReceiver;
  private extended!: WireReceiver;
  private readonly copyInput: WireCopyInput;
  private busy = false;
  /** Has input that is to be handled in this turn. */
  private queued = false;
  private skipToSync = false;
  private paused = false;
  private ended = false;

  constructor(private readonly socket: Duplex, private readonly reader: FrameReader, private readonly owner: ConnectionOwner) {
    this.outbox = new Outbox(socket, {
      tryPass: (opened) => this.session === undefined || this.session.ends.tryPassCommits(opened),
      passed: () => owner.sendQueue.send(this.outbox, false),
    });
    this.copyInput = new WireCopyInput(this.outbox, reader, () => this.resume());
  }

  /** The buffer, for the messages of start-up. */
  get writer(): Outbox['writer'] {
    return this.outbox.writer;
  }

  /** Takes the session, says that it is ready, and from now on serves messages. */
  serve(session: Session): void {
    this.session = session;
    const copyOutput = new WireCopyOutput(this.outbox);
    this.simple = new WireReceiver(this.outbox, session.types, true, copyOutput, this.copyInput);
    this.extended = new WireReceiver(this.outbox, session.types, false, copyOutput, this.copyInput);
    session.onInterrupt = (error) => this.copyInput.fail(error);
    const { socket } = this;
    socket.on('data', (chunk: Buffer, room?: Buffer) => this.received(chunk, room));
    socket.on('drain', () => this.drained());
    socket.on('end', () => this.over());
    socket.on('close', () => this.over());
    this.ready();
    this.pump();
  }

  /** The process id by which the client knows the session. */
  get processId(): number {
    return this.session.processId;
  }

  // ---------------------------------------------------------------- input

  private received(chunk: Buffer, room?: Buffer): void {
    this.reader.feed(chunk, room);
    if (this.busy) this.copyInput.arrived();
    else if (!this.queued) {
      this.queued = true;
      this.owner.inputQueue.add(this, this.session.isAwaited);
    }
    if ((this.busy || this.queued) && this.reader.buffered > INPUT_HIGH_WATER_BYTES && !this.paused) {
      this.paused = true;
      this.socket.pause();
    }
  }

  handleInput(): void {
    if (!this.queued) return;
    this.queued = false;
    if (!this.ended) this.pump();
  }

  /** Nothing more comes from the client: what came before counts. */
  private over(): void {
    this.handleInput();
    this.hangUp();
  }

  private resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  private drained(): void {
    this.outbox.drained();
  }

  /** Handles every complete message; stops where one must wait and goes on when it has its answer. */
  private pump(): void {
    this.busy = true;
    this.outbox.sendPassing();
    try {
      while (!this.ended && this.reader.next()) {
        const waiting = this.dispatch(this.reader.type);
        if (waiting !== undefined) {
          this.outbox.sendWhileWaiting();
          this.continueAfter(waiting);
          return;
        }
        if (this.outbox.isFull()) {
          this.continueAfter(this.outbox.whenRoom());
          return;
        }
      }
      // Terminated while it ran something that did not notice.
      if (!this.ended && this.session.interrupts.isFatal) this.session.interrupts.check();
    } catch (error) {
      this.fatal(error);
    }
    this.busy = false;
    this.owner.sendQueue.send(this.outbox, this.session.isAwaited);
    this.resume();
  }

  private continueAfter(waiting: Promise<void>): void {
    waiting.then(() => this.pump(), (error: unknown) => {
      this.fatal(error);
      this.busy = false;
    });
  }

  /** Handles one message. A promise: its work waits. */
  private dispatch(type: number): Promise<void> | undefined {
    if (this.skipToSync && type !== FRONTEND.sync && type !== FRONTEND.terminate) return undefined;
    switch (type) {
      case FRONTEND.query: return this.query(this.readBody((body) => body.wholeString()));
      case FRONTEND.parse: return this.run(this.parse());
      case FRONTEND.bind: return this.bind();
      case FRONTEND.execute: return this.execute();
      case FRONTEND.describe: return this.describe();
      case FRONTEND.sync: return this.sync();
      case FRONTEND.close: this.close(); return undefined;
      case FRONTEND.flush: this.outbox.send(); return undefined;
      case FRONTEND.terminate: this.hangUp(); return undefined;
      case FRONTEND.functionCall:
        return this.run(this.functionCall());
      case FRONTEND.copyData: case FRONTEND.copyDone: case FRONTEND.copyFail:
        return undefined; // the rest of a COPY that failed
      default:
        throw pgError('PROTOCOL_VIOLATION', `invalid frontend message type ${type}`, { severity: 'FATAL' });
    }
  }

  private readBody<T>(read: (body: FrameReader['body']) => T): T | PgError {
    try {
      return read(this.reader.body);
    } catch (error) {
      if (error instanceof PgError && error.severity === 'ERROR') return error;
      throw error;
    }
  }

  private run(work: Suspendable<void>): Promise<void> | undefined {
    const result = drive(work);
    return result instanceof Promise ? result : undefined;
  }

  // ---------------------------------------------------------------- messages

  private query(text: string | PgError): Promise<void> | undefined {
    try {
      if (typeof text !== 'string') throw text;
      const waits = this.session.simple.query(text, this.simple);
      if (waits !== null) return this.run(this.waitUntilReady(waits));
    } catch (error) {
      this.report(error);
    }
    this.ready();
    return undefined;
  }

  /** The rest of a query string, or of a Sync. */
  private *waitUntilReady(waits: Suspendable<void>): Suspendable<void> {
    try {
      yield* waits;
    } catch (error) {
      this.report(error);
    }
    this.ready();
  }

  private *parse(): Suspendable<void> {
    try {
      const { statementName, query, parameterTypes } = readParse(this.reader.body);
      yield* this.session.extended.parse(statementName, query, parameterTypes);
      writeEmptyMessage(this.writer, BACKEND.parseComplete);
    } catch (error) {
      this.reportExtended(error);
    }
  }

  private bind(): Promise<void> | undefined {
    try {
      const { portalName, statementName, parameters, resultFormats } = readBind(this.reader.body);
      const waits = this.session.extended.bind(portalName, statementName, parameters, resultFormats);
      if (waits !== null) return this.run(this.waitFor(waits, BACKEND.bindComplete));
      writeEmptyMessage(this.writer, BACKEND.bindComplete);
    } catch (error) {
      this.reportExtended(error);
    }
    return undefined;
  }

  /** The rest of a message of the extended protocol; `reply`: what then is answered. */
  private *waitFor(waits: Suspendable<void>, reply: number | null): Suspendable<void> {
    try {
      yield* waits;
      if (reply !== null) writeEmptyMessage(this.writer, reply);
    } catch (error) {
      this.reportExtended(error);
    }
  }

  private describe(): Promise<void> | undefined {
    try {
      const { isPortal, name } = readTarget(this.reader.body, 'DESCRIBE');
      if (!isPortal) return this.run(this.describeStatement(name));
      this.writeShape(this.session.extended.describePortal(name));
    } catch (error) {
      this.reportExtended(error);
    }
    return undefined;
  }

  private *describeStatement(name: string): Suspendable<void> {
    try {
      const { parameterTypes, shape } = yield* this.session.extended.describeStatement(name);
      writeParameterDescription(this.writer, parameterTypes);
      this.writeShape(shape);
    } catch (error) {
      this.reportExtended(error);
    }
  }

  private writeShape(shape: ResultShape | null): void {
    if (shape === null) writeEmptyMessage(this.writer, BACKEND.noData);
    else this.writer.bytes(rowEncoder(shape).description);
  }

  private execute(): Promise<void> | undefined {
    try {
      const { portalName, maxRows } = readExecute(this.reader.body);
      const waits = this.session.extended.execute(portalName, maxRows, this.extended);
      if (waits !== null) return this.run(this.waitFor(waits, null));
    } catch (error) {
      this.reportExtended(error);
    }
    return undefined;
  }

  private sync(): Promise<void> | undefined {
    this.skipToSync = false;
    try {
      const waits = this.session.extended.sync();
      if (waits !== null) return this.run(this.waitUntilReady(waits));
    } catch (error) {
      this.report(error);
    }
    this.ready();
    return undefined;
  }

  private close(): void {
    try {
      const { isPortal, name } = readTarget(this.reader.body, 'CLOSE');
      if (isPortal) this.session.closePortal(name);
      else this.session.closeStatement(name);
      writeEmptyMessage(this.writer, BACKEND.closeComplete);
    } catch (error) {
      this.reportExtended(error);
    }
  }

  private *functionCall(): Suspendable<void> {
    this.report(pgError('FEATURE_NOT_SUPPORTED', 'the fastpath function call is not supported', { hint: 'Call the function in a SELECT.' }));
    this.ready();
  }

  /** Ends the statement's work and tells the client; FATAL errors end the connection. */
  private report(error: unknown): void {
    const shown = this.session.fail(error);
    if (shown.severity === 'FATAL' || shown.severity === 'PANIC') throw shown;
    writeErrorOrNotice(this.writer, shown);
  }

  private reportExtended(error: unknown): void {
    this.report(error);
    this.skipToSync = true;
  }

  /** Notifications that waited, then ReadyForQuery. */
  private ready(): void {
    this.session.beforeReady();
    writeReadyForQuery(this.writer, statusByte(this.session));
    this.session.becomeIdle();
  }

  // ---------------------------------------------------------------- what the session tells

  notice(notice: PgError): void {
    writeErrorOrNotice(this.writer, notice);
    this.outbox.send();
  }

  parameterStatus(name: string, value: string): void {
    writeParameterStatus(this.writer, name, value);
  }

  notification(processId: number, channel: string, payload: string): void {
    writeNotification(this.writer, processId, channel, payload);
    if (!this.busy) this.outbox.send();
  }

  terminated(error: PgError): void {
    // A session that waits for its commit to be acknowledged notices nothing.
    if (this.busy && !this.outbox.isHeld) this.session.interrupt(error);
    else this.fatal(error);
  }

  // ---------------------------------------------------------------- the end

  /** An error that ends the connection: the client is told, then hung up on. */
  private fatal(error: unknown): void {
    if (this.ended) return;
    const shown = error instanceof PgError ? error : this.session.fail(error);
    this.outbox.end(() => writeErrorOrNotice(this.writer, shown));
    this.finish();
    setTimeout(() => this.socket.destroy(), 1000).unref();
  }

  /** The client is gone, or said goodbye. */
  private hangUp(): void {
    if (this.ended) return;
    this.outbox.end(() => undefined);
    this.finish();
    this.socket.destroy();
  }

  private finish(): void {
    this.ended = true;
    this.copyInput.fail(pgError('CONNECTION_FAILURE', 'unexpected EOF on client connection with an open transaction', { severity: 'FATAL' }));
    this.session.close();
    this.owner.connectionClosed(this);
  }
}
