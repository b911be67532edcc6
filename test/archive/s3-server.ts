/**
 * An S3 server for tests: s3rver, which checks signatures and speaks the protocol, behind a listener that adds the one thing it lacks
 * of what the archive uses: `If-None-Match: *` on PUT. It counts requests and can be told to refuse them.
 */
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import type { S3Options } from '../../lib/archive/s3-store.js';

export interface S3Server {
  readonly options: S3Options;
  /** Requests that came, by method. */
  readonly requests: Record<string, number>;
  /** The next requests are answered with this status. */
  refuse(count: number, status: number): void;
  close(): Promise<void>;
}

/** Starts the server on a free port of loopback. */
export async function startS3Server(prefix: string): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'pglitedb-s3-'));
  const inner = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'archive-bucket', configs: [] }] });
  const { port } = await inner.run();
  const requests: Record<string, number> = {};
  let refusals = 0;
  let refusal = 503;
  /** Conditional PUTs, one after the other. */
  let queue: Promise<unknown> = Promise.resolve();

  const forward = (incoming: IncomingMessage, body: Buffer, method: string): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> => new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, method, path: incoming.url, headers: incoming.headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });

  const existing = new Set<string>();
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const method = incoming.method ?? 'GET';
    requests[method] = (requests[method] ?? 0) + 1;
    if (refusals > 0) {
      refusals--;
      response.writeHead(refusal).end('<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>');
      return;
    }
    const path = incoming.url ?? '';
    if (method === 'PUT' && incoming.headers['if-none-match'] === '*' && existing.has(path)) {
      response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
      return;
    }
    const { status, headers, body: answered } = await forward(incoming, body, method);
    if (method === 'PUT' && status === 200) existing.add(path);
    if (method === 'DELETE') existing.delete(path);
    response.writeHead(status, headers).end(answered);
  };
  const server: Server = createServer((incoming, response) => {
    queue = queue.then(() => answer(incoming, response)).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    options: {
      bucket: 'archive-bucket', prefix, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, region: 'us-east-1',
      accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER',
    },
    requests,
    refuse(count, status) {
      refusals = count;
      refusal = status;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await inner.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
