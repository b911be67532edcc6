/**
 * The network as nodes use it among themselves: connections that carry whole messages in order (WebSockets), and plain HTTP
 * requests. `network-real.ts` is Node's with `ws`; a simulated one cuts and delays links. Errors of connecting are
 * `EnvError`s with Node's code (`ECONNREFUSED`, `ETIMEDOUT`, ...).
 */

/** TLS of one side: PEM texts. */
export interface TlsOptions {
  /** Authorities that the other side's certificate must come from; absent: those that Node trusts. */
  readonly authorities?: string;
  /** Our certificate and key. */
  readonly certificate?: string;
  readonly key?: string;
  /** A listener: connections without a certificate of `authorities` are refused (mutual TLS). */
  readonly requirePeerCertificate?: boolean;
}

/** A connection that carries whole binary messages, in order. Handlers are called one at a time; set them at once. */
export interface FrameSocket {
  /** `address:port` of the other side, for messages to people. */
  readonly peer: string;
  /** Bytes that were sent but not yet taken by the operating system. */
  readonly queuedBytes: number;
  onFrame: ((bytes: Uint8Array) => void) | null;
  /** Something that was queued has left. */
  onDrain: (() => void) | null;
  /** Called once, when the connection is over for whatever reason. */
  onClose: ((reason: string) => void) | null;
  /** Queues a message; nothing happens on a connection that is over. The bytes are the socket's afterwards. */
  send(bytes: Uint8Array): void;
  /** Ends the connection after what is queued. */
  close(reason: string): void;
  /** Ends it at once. */
  destroy(): void;
}

/** A listener for connections. */
export interface FrameServer {
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** Where to listen for connections. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Larger messages end the connection. */
  readonly maxFrameBytes: number;
}

/** How to connect. */
export interface ConnectOptions {
  readonly tls?: TlsOptions;
  readonly timeoutMs: number;
  /** Larger messages end the connection. */
  readonly maxFrameBytes: number;
}

/** A plain HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly timeoutMs: number;
}

/** Its answer. */
export interface HttpResponse {
  readonly status: number;
  /** The body as text. */
  readonly body: string;
  /** The body as it came; absent: it is the text's UTF-8. */
  readonly bytes?: Uint8Array;
}

/** See the file's comment. */
export interface Network {
  /** Connects to `ws://host:port` or `wss://host:port`. */
  connect(url: string, options: ConnectOptions): Promise<FrameSocket>;
  listen(options: ListenOptions, accepted: (socket: FrameSocket) => void): Promise<FrameServer>;
  request(request: HttpRequest): Promise<HttpResponse>;
}
