/**
 * Thousands of connections from one process: the least of the v3 protocol that holds a connection and runs a simple query on
 * it. node-postgres would weigh more here than the server does.
 */
import { connect as connectSocket, type Socket } from 'node:net';

const PROTOCOL_3_0 = 196_608;
const AT_ONCE = 50;

/** A frontend message of the simple-query protocol. */
function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const message = Buffer.alloc(5 + text.length);
  message.write('Q', 0, 'latin1');
  message.writeInt32BE(4 + text.length, 1);
  text.copy(message, 5);
  return message;
}

function startupMessage(): Buffer {
  const body = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const message = Buffer.alloc(8 + body.length);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(PROTOCOL_3_0, 4);
  body.copy(message, 8);
  return message;
}

/** One connection; a query at a time. */
export class WireConnection {
  private received: Buffer = Buffer.alloc(0);
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  private failure: Error | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the server closed the connection')));
  }

  /** Resolves when the server is ready for a query. */
  static async open(port: number): Promise<WireConnection> {
    const connection = new WireConnection(connectSocket(port, '127.0.0.1'));
    await connection.exchange(startupMessage());
    return connection;
  }

  /** Runs a query; rejects with the server's message. */
  query(sql: string): Promise<void> {
    return this.exchange(queryMessage(sql));
  }

  close(): void {
    this.settle = null;
    this.socket.destroy();
  }

  private exchange(message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      if (this.failure === null) this.socket.write(message);
      else this.fail(this.failure);
    });
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.settle?.reject(error);
    this.settle = null;
  }

  /** Reads whole messages: type, length, body. */
  private take(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    let at = 0;
    while (this.received.length - at >= 5) {
      const end = at + 1 + this.received.readInt32BE(at + 1);
      if (this.received.length < end) break;
      const type = String.fromCharCode(this.received[at]);
      const body = this.received.subarray(at + 5, end);
      at = end;
      if (type === 'E') this.fail(new Error(body.toString('utf8').split('\0').join(' ')));
      else if (type === 'Z') {
        this.settle?.resolve();
        this.settle = null;
      }
    }
    this.received = this.received.subarray(at);
  }
}

/** Opens many, some at a time; the ones that could not be opened are counted. */
export async function openMany(port: number, count: number): Promise<{ connections: WireConnection[]; failed: number }> {
  const connections: WireConnection[] = [];
  let failed = 0;
  for (let begin = 0; begin < count; begin += AT_ONCE) {
    const batch = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, count - begin) }, () => WireConnection.open(port)));
    for (const result of batch) {
      if (result.status === 'fulfilled') connections.push(result.value);
      else failed++;
    }
  }
  return { connections, failed };
}
