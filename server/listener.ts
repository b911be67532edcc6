/**
 * Listens on TCP and on a Unix socket, counts connections, keeps the keys of cancel requests, and closes everything at
 * the end. Refuses to listen beyond loopback while nobody has a password (design, decision 18).
 */
import { randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { pgError, type PgError } from '../lib/base/error.js';
import { isEnvError } from '../lib/env/env.js';
import type { ClientAddress } from '../lib/session/client.js';
import type { Engine } from '../lib/session/engine.js';
import { errorFields, passesThreshold, type LogEntry } from '../lib/session/server-log.js';
import { connectionAspects } from '../lib/session/settings/logging.js';
import { isLoopback } from './authentication.js';
import type { Connection } from './connection.js';
import { Handshake, type HandshakeHost } from './handshake.js';
import { InputQueue } from './input-queue.js';
import { SendQueue } from './send-queue.js';
import { readShared } from './shared-reading.js';

/** Where to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Directory of the Unix socket `.s.PGSQL.<port>`; null for none. */
  readonly socketDirectory: string | null;
  /** TLS; null for none. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | null;
}

interface CancelEntry {
  readonly key: Buffer;
  readonly connection: Connection;
}

/** Connections waiting to be accepted by the kernel. */
const BACKLOG = 511;

/** See the file's comment. */
export class Listener implements HandshakeHost {
  readonly sendQueue = new SendQueue();
  readonly inputQueue = new InputQueue(this.sendQueue);
  readonly secureContext: SecureContext | null = null;
  readonly certificate: Uint8Array | null = null;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly cancelKeys = new Map<number, CancelEntry>();
  private socketPath: string | null = null;

  /** Why nobody is served at the moment: the node changes its role. */
  private unavailable: PgError | null = null;

  constructor(public engine: Engine, private readonly options: ListenOptions) {
    if (options.tls !== null) {
      const { certificate, context } = readTls(options.tls.certificateFile, options.tls.keyFile);
      this.secureContext = context;
      this.certificate = certificate;
    }
  }

  /** Starts to listen; returns the TCP port. Throws FATAL F0001-like errors with a clear text for a port in use. */
  async open(): Promise<number> {
    const { host, socketDirectory } = this.options;
    if (!isLoopbackHost(host) && !this.engine.hasPassword()) {
      throw pgError('INVALID_PASSWORD', `refusing to listen on "${host}": no role has a password yet`, {
        severity: 'FATAL', hint: 'Start on the loopback address first and set a password: ALTER ROLE postgres PASSWORD \'...\'.',
      });
    }
    const tcp = createServer({ noDelay: true }, (socket) => this.accepted(socket, false));
    await listen(tcp, { host, port: this.options.port, backlog: BACKLOG }, `${host}:${this.options.port}`);
    this.servers.push(tcp);
    const { port } = tcp.address() as AddressInfo;
    if (socketDirectory !== null) await this.openUnix(`${socketDirectory}/.s.PGSQL.${port}`);
    return port;
  }

  private async openUnix(path: string): Promise<void> {
    if (await isServed(path)) {
      throw pgError('OBJECT_IN_USE', `could not bind Unix address "${path}": Address already in use`, { severity: 'FATAL', hint: 'Is another server using this socket?' });
    }
    rmSync(path, { force: true });
    const server = createServer((socket) => this.accepted(socket, true));
    await listen(server, { path, backlog: BACKLOG }, path);
    chmodSync(path, 0o777);
    this.servers.push(server);
    this.socketPath = path;
  }

  private accepted(accepted: Socket, isUnix: boolean): void {
    const socket = readShared(accepted);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    void new Handshake(socket, this, isUnix);
  }

  /** Serves nobody from now on, for the reason given, until `serve`. Who is connected stays so. */
  suspend(reason: PgError): void {
    this.unavailable = reason;
  }

  /** Serves with this engine from now on. */
  serve(engine: Engine): void {
    this.engine = engine;
    this.unavailable = null;
  }

  // ---------------------------------------------------------------- HandshakeHost

  checkServed(): void {
    if (this.unavailable !== null) throw this.unavailable;
  }

  newCancelKey(length: number): Buffer {
    return randomBytes(length);
  }

  register(processId: number, key: Buffer, connection: Connection): void {
    this.cancelKeys.set(processId, { key, connection });
  }

  cancel(processId: number, key: Buffer): void {
    const entry = this.cancelKeys.get(processId);
    if (entry === undefined || entry.key.length !== key.length || !timingSafeEqual(entry.key, key)) return;
    this.engine.session(processId)?.cancel();
  }

  connectionClosed(connection: Connection): void {
    this.cancelKeys.delete(connection.processId);
  }

  refused(error: PgError, address: ClientAddress): void {
    const { settings } = this.engine;
    if (!passesThreshold(error.severity, settings.string('log_min_messages'))) return;
    this.write({ error_severity: error.severity, ...errorFields(error, settings.string('log_error_verbosity') === 'terse') }, address);
  }

  note(aspect: 'receipt' | 'authentication', message: string, address: ClientAddress): void {
    const { settings } = this.engine;
    if (!connectionAspects(settings.string('log_connections')).has(aspect) || !passesThreshold('LOG', settings.string('log_min_messages'))) return;
    this.write({ error_severity: 'LOG', message }, address);
  }

  private write(entry: LogEntry, { address, port }: ClientAddress): void {
    this.engine.log?.({ ...entry, remote_host: address ?? '[local]', ...port !== null && port > 0 && { remote_port: port } });
  }

  /** Stops listening; sessions go on. */
  stopAccepting(): void {
    for (const server of this.servers) server.close();
    if (this.socketPath !== null) rmSync(this.socketPath, { force: true });
  }

  /** Hangs up on everybody who is still there. */
  destroySockets(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sendQueue.close();
  }
}

/** True for names and addresses that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || isLoopback(host);
}

/** Node's TLS is loaded by those who have a certificate: a start without one does not wait for it. */
function readTls(certificateFile: string, keyFile: string): { certificate: Uint8Array; context: SecureContext } {
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  try {
    const cert = readFileSync(certificateFile);
    return { certificate: new X509Certificate(cert).raw, context: createSecureContext({ cert, key: readFileSync(keyFile), minVersion: 'TLSv1.2' }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw pgError('CONFIG_FILE_ERROR', `could not load server certificate file "${certificateFile}" or private key file "${keyFile}": ${reason}`, { severity: 'FATAL' });
  }
}

function listen(server: Server, options: { host?: string; port?: number; path?: string; backlog: number }, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (isEnvError(error, 'EADDRINUSE')) {
        reject(pgError('OBJECT_IN_USE', `could not bind ${where}: Address already in use`, { severity: 'FATAL', hint: 'Is another server already running on that port? If not, wait a few seconds and retry.' }));
      } else {
        reject(pgError('CONFIG_FILE_ERROR', `could not listen on ${where}: ${error.message}`, { severity: 'FATAL' }));
      }
    });
    server.listen(options, resolve);
  });
}

/** True when somebody answers at a Unix socket. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
