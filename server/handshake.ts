/**
 * From an accepted socket to a served session: SSL and GSS requests, cancel requests, the start-up packet, authentication,
 * then BackendKeyData and the hand-over to `Connection`. All within `authentication_timeout`.
 */
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { PgError, pgError } from '../lib/base/error.js';
import type { ClientAddress } from '../lib/session/client.js';
import type { Engine } from '../lib/session/engine.js';
import { clientError } from '../lib/session/client-error.js';
import { isLoopback, passwordFailed, PasswordAuthentication } from './authentication.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { FRONTEND, PROTOCOL_3_2 } from './protocol/format.js';
import {
  writeAuthenticationOk, writeBackendKeyData, writeErrorOrNotice, writeNegotiateProtocolVersion,
} from './protocol/messages.js';
import { FrameReader, protocolViolation } from './protocol/reader.js';
import { readStartup, type StartupMessage } from './startup.js';

/** What a handshake needs of the listener. */
export interface HandshakeHost extends ConnectionOwner {
  readonly engine: Engine;
  /** Null: no TLS. */
  readonly secureContext: SecureContext | null;
  /** The certificate in DER form, for channel binding. */
  readonly certificate: Uint8Array | null;
  /** Throws the reason (57P03) when nobody is served at the moment. */
  checkServed(): void;
  /** A session is there: remember its cancel key. */
  register(processId: number, key: Buffer, connection: Connection): void;
  cancel(processId: number, key: Buffer): void;
  newCancelKey(length: number): Buffer;
  /** The log hears of a connection that was refused. */
  refused(error: PgError, address: ClientAddress): void;
  /** The log hears of a step of a connection's making, where log_connections asks for it. */
  note(aspect: 'receipt' | 'authentication', message: string, address: ClientAddress): void;
}

const TLS_HANDSHAKE = 0x16;
const ACCEPT_TLS = Buffer.from('S');
const REFUSE = Buffer.from('N');

/** One connection until its session is served. */
export class Handshake {
  private reader = new FrameReader();
  private socket: Socket | TLSSocket;
  private readonly address: ClientAddress;
  private connection: Connection;
  private startup: StartupMessage | null = null;
  private password: PasswordAuthentication | null = null;
  private secured = false;
  private done = false;
  private readonly timer: NodeJS.Timeout;

  constructor(socket: Socket, private readonly host: HandshakeHost, private readonly isUnix: boolean) {
    this.socket = socket;
    this.address = isUnix ? { address: null, port: -1 } : { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.connection = new Connection(socket, this.reader, host);
    this.timer = setTimeout(() => this.refuse(pgError('QUERY_CANCELED', 'canceling authentication due to timeout', { severity: 'FATAL' })),
      host.engine.settings.number('authentication_timeout') * 1000);
    const { address, port } = this.address;
    host.note('receipt', address === null ? 'connection received: host=[local]' : `connection received: host=${address} port=${port}`, this.address);
    socket.setNoDelay(true);
    socket.on('error', () => this.abandon());
    this.listen();
  }

  private listen(): void {
    this.socket.on('data', this.received);
    this.socket.on('close', () => this.abandon());
  }

  private readonly received = (chunk: Buffer): void => {
    if (chunk[0] === TLS_HANDSHAKE && this.startup === null && !this.secured && this.reader.buffered === 0 && this.host.secureContext !== null) {
      this.upgrade(chunk);
      return;
    }
    this.reader.feed(chunk);
    this.advance();
  };

  private advance(): void {
    try {
      while (!this.done && (this.startup === null ? this.reader.nextStartup() : this.password !== null && this.reader.next())) this.step();
    } catch (error) {
      this.refuse(clientError(error));
    }
  }

  private step(): void {
    if (this.startup !== null) {
      this.authenticate();
      return;
    }
    const request = readStartup(this.reader.body);
    switch (request.kind) {
      case 'ssl':
        this.answerSsl();
        return;
      case 'gss':
        this.socket.write(REFUSE);
        return;
      case 'cancel':
        this.host.cancel(request.processId, request.key);
        this.finish();
        this.socket.destroy();
        return;
      case 'startup':
        this.startup = request;
        this.begin(request);
    }
  }

  private answerSsl(): void {
    if (this.host.secureContext === null || this.isUnix || this.secured) {
      this.socket.write(REFUSE);
      return;
    }
    if (this.reader.buffered > 0) {
      throw pgError('PROTOCOL_VIOLATION', 'received unencrypted data after SSL request', {
        severity: 'FATAL', detail: 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
      });
    }
    this.socket.write(ACCEPT_TLS);
    this.upgrade(null);
  }

  private upgrade(first: Buffer | null): void {
    const plain = this.socket as Socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('close');
    if (first !== null) plain.unshift(first);
    this.secured = true;
    const secure = new (process.getBuiltinModule('node:tls').TLSSocket)(plain, {
      isServer: true, secureContext: this.host.secureContext!, ALPNProtocols: ['postgresql'],
    });
    secure.on('error', () => this.abandon());
    this.socket = secure;
    this.reader = new FrameReader();
    this.connection = new Connection(secure, this.reader, this.host);
    this.listen();
  }

  /** The start-up packet is there: decide how the client must prove itself. */
  private begin(startup: StartupMessage): void {
    const { engine } = this.host;
    this.host.checkServed();
    engine.checkAccepting();
    if (startup.negotiate) writeNegotiateProtocolVersion(this.connection.writer, Math.min(startup.protocolVersion, PROTOCOL_3_2), startup.unknownOptions);
    const local = this.isUnix || isLoopback(this.address.address ?? '');
    if (local && !engine.settings.boolean('require_password')) {
      this.accept(startup);
      return;
    }
    const role = engine.findRole(startup.user);
    this.password = new PasswordAuthentication({
      user: startup.user, stored: role?.rolpassword ?? null,
      expired: role !== null && engine.isExpired(role),
      certificate: this.secured ? this.host.certificate : null,
    }, this.connection.writer);
    this.password.begin();
    this.flush();
  }

  private authenticate(): void {
    if (this.reader.type !== FRONTEND.password) {
      throw protocolViolation(`expected SASL response, got message type ${this.reader.type}`);
    }
    if (this.password!.next(this.reader.body)) this.accept(this.startup!);
    else this.flush();
  }

  /** The client is who it says: make its session. */
  private accept(startup: StartupMessage): void {
    const { engine } = this.host;
    this.host.checkServed();
    const role = engine.findRole(startup.user);
    if (role === null) {
      if (this.password !== null) throw passwordFailed(startup.user);
      throw pgError('INVALID_AUTHORIZATION_SPECIFICATION', `role "${startup.user}" does not exist`, { severity: 'FATAL' });
    }
    const { writer } = this.connection;
    this.host.note('authentication', this.password === null
      ? `connection authenticated: user="${startup.user}" method=trust`
      : `connection authenticated: identity="${startup.user}" method=scram-sha-256`, this.address);
    const processId = engine.nextProcessId();
    const session = engine.connect({
      role, database: startup.database, address: this.address, client: this.connection, settings: startup.settings, processId,
    });
    this.finish();
    writeAuthenticationOk(writer);
    session.settingChanges.reportAll();
    const key = this.host.newCancelKey(startup.protocolVersion >= PROTOCOL_3_2 ? 32 : 4);
    writeBackendKeyData(writer, processId, key);
    this.host.register(processId, key, this.connection);
    this.socket.removeListener('data', this.received);
    this.connection.serve(session);
  }

  private flush(): void {
    this.socket.write(Buffer.from(this.connection.writer.pending()));
    this.connection.writer.reset(true);
  }

  private refuse(error: PgError): void {
    if (this.done) return;
    this.host.refused(error, this.address);
    const fatal = error.severity === 'ERROR' ? Object.assign(pgError('INTERNAL_ERROR', error.message, { ...error, severity: 'FATAL' }), { sqlstate: error.sqlstate }) : error;
    writeErrorOrNotice(this.connection.writer, fatal);
    this.finish();
    this.socket.end(Buffer.from(this.connection.writer.pending()));
    setTimeout(() => this.socket.destroy(), 1000).unref();
  }

  private finish(): void {
    this.done = true;
    clearTimeout(this.timer);
  }

  private abandon(): void {
    if (this.done) return;
    this.finish();
    this.socket.destroy();
  }
}
