/**
 * Replication over real WebSockets, files and clocks: plain, TLS, mutual TLS; and requests to a node, good and bad.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { installState } from '../../lib/access/clone.js';
import { openStandby, openStorage } from '../../lib/access/storage.js';
import { PgError, pgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import type { TlsOptions } from '../../lib/env/network.js';
import { realEnv } from '../../lib/env/real.js';
import { simEnv } from '../../lib/env/sim.js';
import { ReplicationClient } from '../../replica/client.js';
import { Clone } from '../../replica/clone.js';
import { encodeFrame } from '../../replica/frames.js';
import { Receiver } from '../../replica/receiver.js';
import { ReplicationServer, type RequestHandler } from '../../replica/server.js';
import { ReplicationSlots } from '../../replica/slots.js';
import { CrashDisk } from '../access/crash-store.js';
import { inTransaction, makeHeap, rowsNow } from '../access/support.js';
import { roles, serve, sourceOf, turn, type Served } from './support.js';

const certificates = new URL('../../../test/server/tls/', import.meta.url);
const certificate = readFileSync(new URL('certificate.pem', certificates), 'utf8');
const key = readFileSync(new URL('key.pem', certificates), 'utf8');

async function real(what: string, holds: () => boolean): Promise<void> {
  const env = realEnv();
  const end = env.clock.monotonicMs() + 15_000;
  while (!holds()) {
    if (env.clock.monotonicMs() > end) expect.fail(`not within reason: ${what}`);
    await turn();
  }
}

describe('replication over WebSockets', function () {
  this.timeout(60_000);

  const cases: [string, TlsOptions | undefined, TlsOptions | undefined][] = [
    ['plain', undefined, undefined],
    ['TLS', { certificate, key }, { authorities: certificate }],
    ['mutual TLS', { certificate, key, authorities: certificate, requirePeerCertificate: true }, { authorities: certificate, certificate, key }],
  ];
  for (const [name, serverTls, clientTls] of cases) {
    it(`clones and streams: ${name}`, async () => {
      const env = realEnv();
      const directory = mkdtempSync(join(tmpdir(), 'pglitedb-replica-'));
      const fatal = (error: Error): void => {
        throw error;
      };
      try {
        const primary = await openStorage({ dir: join(directory, 'primary'), env, fatal });
        const { heap } = makeHeap(primary, [[1, 'a']]);
        const source = sourceOf(primary);
        const slots = new ReplicationSlots({
          env, dataDirectory: join(directory, 'primary'), source, settings: { maxSlotWalKeepBytes: -1, maxWalBytes: 1 << 30, idleTimeoutMs: 0, maxSlots: 4 }, log: fatal,
        });
        const server = new ReplicationServer({
          origin: { env, source, archive: { read: () => Promise.resolve(null) } }, state: source, authenticator: roles(), slots, requests: new Map(), role: () => 'primary',
          timeoutMs: 10_000, cloneBytesPerSecond: 0, onNewerEpoch: () => undefined, onChange: () => undefined, log: () => undefined,
        });
        const port = await server.listen({ host: '127.0.0.1', port: 0, tls: serverTls });
        const upstreams = [`${serverTls === undefined ? 'ws' : 'wss'}://localhost:${port}`];
        const credentials = { env, role: 'repl', password: 'secret', tls: clientTls, timeoutMs: 10_000, nodeName: 'r', slot: 'r' };
        let bytes = 0;
        const clone = await Clone.start({ ...credentials, urls: upstreams, progress: (progress) => (bytes = progress.bytes) });
        const dir = join(directory, 'standby');
        await installState({ env, dir }, clone.info, clone.entries());
        clone.close();
        expect(bytes).to.be.greaterThan(100);
        const standby = await openStandby({ dir, env, fatal, standby: { applyDelayMs: 0, conflictDelayMs: 0 } });
        const receiver = new Receiver({
          ...credentials, upstreams, sink: standby, identity: sourceOf(standby.engine), applicationName: 'r', retryMs: 1000,
          applyState: () => ({ commitMicros: standby.lastCommitMicros, applyDelayMs: 0, paused: false }),
          handler: { diverged: () => undefined, logRemoved: () => undefined, disconnected: () => undefined, connected: () => undefined },
        });
        receiver.start();
        for (let row = 2; row < 200; row++) {
          const position = inTransaction(primary, (transaction) => {
            heap.insert(transaction, [row, 'x'.repeat(row * 100)]);
            return primary.appendedLsn();
          });
          if (row % 20 === 0) await primary.whenFlushed(position);
        }
        await primary.whenFlushed(primary.appendedLsn());
        await real('all is applied and reported', () => server.replicas()[0]?.appliedLsn === source.durableLsn);
        expect(rowsNow(standby.engine, standby.engine.openHeap(heap.file, heap.shape))).to.have.length(199);
        await receiver.stop();
        await standby.engine.close();
        slots.close();
        await server.close();
        await primary.close();
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  it('refuses a node without a certificate, and a server that nobody vouches for', async () => {
    const env = simEnv(1);
    const disk = new CrashDisk(() => env.random.float());
    const engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open() });
    const { network, timers, clock } = realEnv();
    const tls = { certificate, key, authorities: certificate, requirePeerCertificate: true };
    const served = await serve({ ...env, network, timers, clock }, sourceOf(engine), { listen: { tls } });
    const attempt = (clientTls: TlsOptions): Promise<unknown> => ReplicationClient.connect({
      env: realEnv(), url: `wss://localhost:${served.port}`, role: 'repl', password: 'secret', tls: clientTls, timeoutMs: 5000,
    }).then(() => null, (error: unknown) => error);
    expect(await attempt({ authorities: certificate })).to.be.instanceOf(PgError);
    const stranger = await attempt({ certificate, key });
    expect(stranger).to.be.instanceOf(PgError).that.has.property('sqlstate', '08001');
    expect((stranger as PgError).message).to.match(/could not connect to wss:.*self-signed certificate/);
    await served.server.close();
  });
});

describe('a replication port', () => {
  for (const [name, tls, authorities] of [['plain', undefined, undefined], ['TLS', { certificate, key }, { authorities: certificate }]] as const) {
    it(`closes at once, whoever is just connecting, and leaves nobody waiting: ${name}`, async () => {
      const { network } = realEnv();
      const server = await network.listen({ host: '127.0.0.1', port: 0, maxFrameBytes: 1 << 20, tls }, () => undefined);
      const join = (): Promise<unknown> => network.connect(`${tls === undefined ? 'ws' : 'wss'}://localhost:${server.port}`, { timeoutMs: 10_000, maxFrameBytes: 1 << 20, tls: authorities });
      // One has not said yet what for; that another one, who came later, is in shows that it was accepted.
      const silent = connect(server.port, '127.0.0.1');
      const ended = new Promise((resolve) => silent.once('error', () => undefined).once('close', resolve));
      await new Promise((resolve) => silent.once('connect', resolve));
      await join();
      const closed = server.close();
      const late = Array.from({ length: 5 }, () => join().then(() => 'in', () => 'refused'));
      expect(await Promise.all(late)).to.deep.equal(late.map(() => 'refused'));
      // Where somebody is waited for, it takes as long as he likes: the silent one says nothing, ever.
      await Promise.all([closed, ended]);
    }).timeout(20_000);
  }
});

/** A node on a simulated network with some requests to answer. */
async function node(requests: ReadonlyMap<string, RequestHandler>): Promise<{ env: ReturnType<typeof simEnv>; served: Served }> {
  const env = simEnv(2);
  const disk = new CrashDisk(() => env.random.float());
  const engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open() });
  return { env, served: await serve(env, sourceOf(engine), { requests }) };
}

describe('requests to a node', () => {
  it('are answered by their handlers, with results or errors, in whatever order', async () => {
    const releases: (() => void)[] = [];
    const { env, served } = await node(new Map<string, RequestHandler>([
      ['status', (argument, { role }) => Promise.resolve({ role, argument })],
      ['slow', () => new Promise<void>((resolve) => releases.push(resolve))],
      ['promote', () => Promise.reject(pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is not in progress', { hint: 'no' }))],
    ]));
    const client = await ReplicationClient.connect({ env, url: `ws://127.0.0.1:${served.port}`, role: 'repl', password: 'secret', timeoutMs: 5000 });
    expect(client).to.include({ role: 'primary', timeline: 1 });
    const slow = client.request('slow');
    expect(await client.request('status', { verbose: true })).to.deep.equal({ role: 'repl', argument: { verbose: true } });
    const refusal: unknown = await client.request('promote').catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(PgError).that.includes({ sqlstate: '55000', message: 'recovery is not in progress', hint: 'no' });
    const unknown: unknown = await client.request('dance').catch((error: unknown) => error);
    expect(unknown).to.be.instanceOf(PgError).that.includes({ sqlstate: '0A000', message: 'request "dance" is not supported by this node' });
    releases[0]();
    expect(await slow).to.equal(null);
    const unanswered: unknown[] = [];
    void client.request('slow').catch((error: unknown) => unanswered.push(error));
    await served.server.close();
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(unanswered[0]).to.be.instanceOf(PgError).that.includes({ sqlstate: '57P01', message: 'the database system is shutting down' });
  });

  it('are nobody\'s who has not said who he is, and a message out of turn ends the connection', async () => {
    const { env, served } = await node(new Map());
    for (const message of [{ type: 'request', id: 1, name: 'status', json: 'null' }, { type: 'credit', limit: 1 }, { type: 'clientFinal', text: 'x' }] as const) {
      const socket = await env.network.connect(`ws://127.0.0.1:${served.port}`, { timeoutMs: 1000, maxFrameBytes: 1 << 20 });
      served.ended.length = 0;
      socket.send(encodeFrame(9, message));
      for (let turns = 0; turns < 10; turns++) await turn();
      expect(served.ended[0]).to.include({ sqlstate: '08P01', message: `unexpected replication message "${message.type}"` });
    }
    const socket = await env.network.connect(`ws://127.0.0.1:${served.port}`, { timeoutMs: 1000, maxFrameBytes: 1 << 20 });
    socket.send(encodeFrame(9, { type: 'start', version: 99, systemIdentifier: 0n, role: 'repl', clientFirst: '' }));
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(served.ended[1]).to.include({ sqlstate: '0A000', message: 'unsupported replication protocol version 99: server supports 3' });
    expect(served.epochs, 'a stranger\'s epoch means nothing').to.deep.equal([]);
    await served.server.close();
  });

  it('go only to a server that has proven that it knows the password', async () => {
    const env = simEnv(3);
    const impostor = await env.network.listen({ host: '127.0.0.1', port: 0, maxFrameBytes: 1 << 20 }, (socket) => {
      socket.onFrame = () => socket.send(encodeFrame(1, { type: 'authenticated', serverFinal: '', role: 'primary', systemIdentifier: 1n, durableLsn: lsn(1) }));
    });
    const connecting = (password: string): Promise<unknown> => ReplicationClient.connect({ env, url: `ws://127.0.0.1:${impostor.port}`, role: 'repl', password, timeoutMs: 5000 })
      .catch((error: unknown) => error);
    expect(await connecting('secret')).to.be.instanceOf(PgError).that.has.property('sqlstate', '28000');
    expect(await connecting(''), 'who has no password has nothing to see proven').to.be.instanceOf(ReplicationClient);
  });
});
