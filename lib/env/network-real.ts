/**
 * The network of a Node process: WebSockets by `ws` (no compression: the log is compressed where it rests, not where it must be
 * quick), HTTP by Node's `fetch`.
 */
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import type { ConnectOptions, FrameServer, FrameSocket, HttpRequest, HttpResponse, ListenOptions, Network, TlsOptions } from './network.js';

/** Longest reason that a WebSocket's close frame carries, in bytes. */
const REASON_BYTES = 120;
const NORMAL_CLOSE = 1000;

/** A WebSocket as a `FrameSocket`. */
class WebSocketFrames implements FrameSocket {
  onFrame: ((bytes: Uint8Array) => void) | null = null;
  onDrain: (() => void) | null = null;
  onClose: ((reason: string) => void) | null = null;
  private failure = '';

  constructor(private readonly socket: WebSocket, readonly peer: string) {
    socket.on('message', (data: RawData) => this.onFrame?.(data as Buffer));
    socket.on('error', (error) => (this.failure = error.message));
    socket.on('close', (code, reason) => {
      const told = reason.toString() || this.failure || `code ${code}`;
      this.onClose?.(told);
    });
  }

  get queuedBytes(): number {
    return this.socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes, { binary: true }, this.sent);
  }

  private readonly sent = (): void => this.onDrain?.();

  close(reason: string): void {
    this.socket.close(NORMAL_CLOSE, Buffer.from(reason).subarray(0, REASON_BYTES));
  }

  destroy(): void {
    this.socket.terminate();
  }
}

function tlsContext(tls: TlsOptions): { ca?: string; cert?: string; key?: string } {
  return { ca: tls.authorities, cert: tls.certificate, key: tls.key };
}

function connect(url: string, options: ConnectOptions): Promise<FrameSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      perMessageDeflate: false, maxPayload: options.maxFrameBytes, handshakeTimeout: options.timeoutMs, ...tlsContext(options.tls ?? {}),
    });
    socket.once('error', reject);
    socket.once('open', () => {
      socket.off('error', reject);
      resolve(new WebSocketFrames(socket, new URL(url).host));
    });
  });
}

async function listen(options: ListenOptions, accepted: (socket: FrameSocket) => void): Promise<FrameServer> {
  const { tls } = options;
  const http: Server = tls === undefined ? createHttpServer()
    : createHttpsServer({ ...tlsContext(tls), requestCert: tls.requirePeerCertificate === true, rejectUnauthorized: tls.requirePeerCertificate === true });
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const server = new WebSocketServer({ server: http, perMessageDeflate: false, maxPayload: options.maxFrameBytes });
  server.on('connection', (socket, request) => {
    accepted(new WebSocketFrames(socket, `${request.socket.remoteAddress}:${request.socket.remotePort}`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    http.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined);
  return {
    port: (http.address() as AddressInfo).port,
    close: () => new Promise((resolve) => {
      // Who has connected but not said yet what for would be waited for, and would wait for an answer that nobody gives any more.
      http.on('connection', (socket) => socket.destroy());
      http.close(() => resolve());
      for (const client of server.clients) client.terminate();
      server.close();
      for (const socket of sockets) socket.destroy();
    }),
  };
}

async function request({ method, url, headers, body, timeoutMs }: HttpRequest): Promise<HttpResponse> {
  const sent = typeof body === 'string' || body === undefined ? body : new Uint8Array(body);
  const response = await fetch(url, { method, headers, body: sent, signal: AbortSignal.timeout(timeoutMs) });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return {
    status: response.status,
    bytes,
    get body() {
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    },
  };
}

/** The network of this process. */
export const realNetwork: Network = { connect, listen, request };
