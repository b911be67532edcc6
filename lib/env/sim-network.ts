/**
 * A simulated network in one process: links deliver whole messages in order, one turn of the event loop later; a link between two nodes
 * can be cut (both sides notice), or frozen (nothing arrives and nobody notices, as when a cable is pulled).
 */
import type { ConnectOptions, FrameServer, FrameSocket, HttpRequest, HttpResponse, ListenOptions, Network } from './network.js';

/** An error as Node's network would throw it. */
class SimNetworkError extends Error {
  constructor(readonly code: string, what: string) {
    super(`${code}: simulated, ${what}`);
    this.name = 'SimNetworkError';
  }
}

/** One end of a link. */
class SimSocket implements FrameSocket {
  onFrame: ((bytes: Uint8Array) => void) | null = null;
  onDrain: (() => void) | null = null;
  onClose: ((reason: string) => void) | null = null;
  queuedBytes = 0;
  other: SimSocket | null = null;
  frozen = false;
  private inbox: Uint8Array[] = [];
  private over = false;

  constructor(readonly peer: string, private readonly maxFrameBytes: number, private readonly soon: (callback: () => void) => void) {}

  send(bytes: Uint8Array): void {
    const { other } = this;
    if (this.over || other === null) return;
    this.queuedBytes += bytes.length;
    other.inbox.push(bytes);
    this.soon(() => {
      if (this.frozen) return;
      this.queuedBytes = 0;
      this.onDrain?.();
      other.deliver();
    });
  }

  private deliver(): void {
    const arrived = this.inbox;
    this.inbox = [];
    for (const bytes of arrived) {
      if (this.over) return;
      if (bytes.length > this.maxFrameBytes) this.end('Max payload size exceeded', true);
      else this.onFrame?.(bytes);
    }
  }

  close(reason: string): void {
    this.soon(() => {
      if (this.frozen) return;
      this.other?.deliver();
      this.end(reason, true);
    });
  }

  destroy(): void {
    this.end('destroyed', !this.frozen);
  }

  private end(reason: string, tell: boolean): void {
    if (this.over) return;
    this.over = true;
    this.soon(() => this.onClose?.(reason));
    if (tell) this.other?.end(reason, false);
  }
}

/** The network of simulated nodes. */
export class SimNetwork implements Network {
  private readonly listeners = new Map<number, { options: ListenOptions; accepted: (socket: FrameSocket) => void }>();
  private readonly links = new Set<SimSocket>();
  private lastPort = 20_000;
  /** Answers HTTP requests. */
  answer: (request: HttpRequest) => HttpResponse = () => ({ status: 404, body: '' });

  constructor(private readonly soon: (callback: () => void) => void) {}

  connect(url: string, options: ConnectOptions): Promise<FrameSocket> {
    const port = Number(new URL(url).port);
    const listener = this.listeners.get(port);
    if (listener === undefined) return Promise.reject(new SimNetworkError('ECONNREFUSED', url));
    const near = new SimSocket(`127.0.0.1:${port}`, options.maxFrameBytes, this.soon);
    const far = new SimSocket(`127.0.0.1:${++this.lastPort}`, listener.options.maxFrameBytes, this.soon);
    near.other = far;
    far.other = near;
    this.links.add(near);
    listener.accepted(far);
    return Promise.resolve(near);
  }

  listen(options: ListenOptions, accepted: (socket: FrameSocket) => void): Promise<FrameServer> {
    const port = options.port === 0 ? ++this.lastPort : options.port;
    if (this.listeners.has(port)) return Promise.reject(new SimNetworkError('EADDRINUSE', `port ${port}`));
    this.listeners.set(port, { options, accepted });
    return Promise.resolve({
      port,
      close: () => {
        this.listeners.delete(port);
        return Promise.resolve();
      },
    });
  }

  request(request: HttpRequest): Promise<HttpResponse> {
    return Promise.resolve(this.answer(request));
  }

  /** Cuts every link: both sides notice. */
  cutLinks(): void {
    for (const link of this.links) link.destroy();
    this.links.clear();
  }

  /** From now on nothing arrives on the links there are, and nobody notices. */
  freezeLinks(): void {
    for (const link of this.links) {
      link.frozen = true;
      if (link.other !== null) link.other.frozen = true;
    }
  }
}
