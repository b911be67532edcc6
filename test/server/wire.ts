/** A server on `memory://` for tests, and a raw client that sees every message. */
import { connect as connectSocket, type Socket } from 'node:net';
import { openEngine, type Engine } from '../../lib/session/engine.js';
import { Listener, type ListenOptions } from '../../server/listener.js';

/** A running test server. */
export interface TestServer {
  readonly engine: Engine;
  readonly port: number;
  /** Messages of the server log. */
  readonly log: string[];
  stop(): Promise<void>;
}

/** Starts a server in memory on a free port. */
export async function startServer(settings: readonly (readonly [string, string])[] = [], options: Partial<ListenOptions> = {}): Promise<TestServer> {
  const log: string[] = [];
  const engine = await openEngine({ dir: 'memory://', settings, log: ({ error_severity, message: text }) => void log.push(`${error_severity}: ${text}`) });
  const listener = new Listener(engine, { host: '127.0.0.1', port: 0, socketDirectory: null, tls: null, ...options });
  const port = await listener.open();
  return {
    engine, port, log,
    async stop() {
      listener.stopAccepting();
      await engine.close();
      listener.destroySockets();
    },
  };
}

/** One message of the server. */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

/** Integers in network order. */
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A zero-terminated string. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** A frontend message. */
export function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

/** A client that speaks bytes. */
export class RawClient {
  private buffer = Buffer.alloc(0);
  private wake: (() => void) | null = null;
  closed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.buffer = Buffer.concat([this.buffer, chunk]);
      this.wake?.();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
    socket.on('error', () => undefined);
  }

  /** Connects without a start-up packet. */
  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket(port, '127.0.0.1', () => resolve(new RawClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Connects and reads up to the first ReadyForQuery. */
  static async start(port: number, parameters: Readonly<Record<string, string>> = {}, version = 3 << 16): Promise<{ client: RawClient; greeting: Message[] }> {
    const client = await RawClient.open(port);
    client.sendStartup(version, { user: 'postgres', database: 'postgres', ...parameters });
    return { client, greeting: await client.until('Z', 'E') };
  }

  sendStartup(version: number, parameters: Readonly<Record<string, string>>): void {
    const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
    const body = Buffer.concat([int32(version), ...pairs, Buffer.from([0])]);
    this.send(Buffer.concat([int32(body.length + 4), body]));
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The next message; null when the connection has ended. */
  async next(): Promise<Message | null> {
    for (;;) {
      if (this.buffer.length >= 5) {
        const length = this.buffer.readInt32BE(1);
        if (this.buffer.length > length) {
          const found = { type: String.fromCharCode(this.buffer[0]), body: this.buffer.subarray(5, length + 1) };
          this.buffer = this.buffer.subarray(length + 1);
          return found;
        }
      }
      if (this.closed) return null;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
  }

  /** One byte that is no message (the answer to SSLRequest). */
  async byte(): Promise<string> {
    while (this.buffer.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const first = String.fromCharCode(this.buffer[0]);
    this.buffer = this.buffer.subarray(1);
    return first;
  }

  /** Messages up to and with the first of these types, or to the end. */
  async until(...types: string[]): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      const found = await this.next();
      if (found === null) return messages;
      messages.push(found);
      if (types.includes(found.type)) return messages;
    }
  }

  /** Sends a Query and reads its answer. */
  query(sql: string): Promise<Message[]> {
    this.send(message('Q', cstring(sql)));
    return this.until('Z');
  }
}

/** The types of messages as one string. */
export function types(messages: readonly Message[]): string {
  return messages.map(({ type }) => type).join('');
}

/** The fields of an ErrorResponse or NoticeResponse by their letter. */
export function fields({ body }: Message): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of body.toString('utf8').split('\0')) if (part !== '') found[part[0]] = part.slice(1);
  return found;
}

/** Columns of a DataRow in text format. */
export function columns({ body }: Message): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 2;
  for (let i = 0; i < body.readInt16BE(0); i++) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return values;
}
