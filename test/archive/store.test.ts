/** Both object stores keep one contract; each keeps what is its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { openS3Store, s3Options } from '../../lib/archive/s3-store.js';
import { listAll, openObjectStore, type ObjectStore } from '../../lib/archive/store.js';
import { PgError } from '../../lib/base/error.js';
import { realEnv } from '../../lib/env/real.js';
import { simEnv } from '../../lib/env/sim.js';
import { startS3Server, type S3Server } from './s3-server.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (found: Uint8Array | null): string | null => (found === null ? null : Buffer.from(found).toString());

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not reject');
}

function conformance(name: string, open: () => Promise<ObjectStore>, close: () => Promise<void>): void {
  describe(`object store: ${name}`, function () {
    this.timeout(30_000);
    let store: ObjectStore;
    before(async () => {
      store = await open();
    });
    after(close);

    it('keeps whole objects under keys', async () => {
      expect(await store.get('sys/a')).to.equal(null);
      expect(await store.exists('sys/a')).to.equal(false);
      await store.put('sys/a', bytes('one'));
      expect(text(await store.get('sys/a'))).to.equal('one');
      expect(await store.exists('sys/a')).to.equal(true);
      expect(await store.exists('sys')).to.equal(false);
      await store.put('sys/a', bytes('another'));
      expect(text(await store.get('sys/a'))).to.equal('another');
      await store.put('sys/empty', new Uint8Array(0));
      expect(text(await store.get('sys/empty'))).to.equal('');
      const large = new Uint8Array(3 << 20).map((_, index) => (index * 7) & 255);
      await store.put('sys/large', large);
      expect(Buffer.compare((await store.get('sys/large'))!, large)).to.equal(0);
      await store.remove('sys/large');
      await store.remove('sys/large');
      expect(await store.get('sys/large')).to.equal(null);
    });

    it('creates only where there is nothing, once of many that try', async () => {
      const made = await Promise.all(Array.from({ length: 8 }, (_, index) => store.putIfAbsent('sys/once', bytes(`writer ${index}`))));
      expect(made.filter((won) => won)).to.have.length(1);
      expect(text(await store.get('sys/once'))).to.equal(`writer ${made.indexOf(true)}`);
      expect(await store.putIfAbsent('sys/once', bytes('late'))).to.equal(false);
    });

    it('lists by prefix, in order of bytes, page by page', async () => {
      const keys = ['list/a/2', 'list/a/1', 'list/a0', 'list/B', 'list/ab/c/d', 'list/ab/c0'];
      // A hyphen and a dot sort before the slash. (As S3 has it; s3rver sorts the slash first.)
      if (name !== 'S3') keys.push('list/a-b', 'list/a.b');
      for (const key of keys) await store.put(key, bytes(key));
      const sorted = keys.toSorted();
      const all = [];
      for await (const entry of listAll(store, 'list/')) all.push(entry);
      expect(all).to.deep.equal(sorted.map((key) => ({ key, size: key.length })));
      const paged: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await store.list('list/', after, 3);
        if (page.length === 0) break;
        expect(page.length).to.be.at.most(3);
        paged.push(...page.map((entry) => entry.key));
        after = page.at(-1)!.key;
      }
      expect(paged).to.deep.equal(sorted);
      expect((await store.list('list/a/')).map((entry) => entry.key)).to.deep.equal(['list/a/1', 'list/a/2']);
      expect((await store.list('list/ab')).map((entry) => entry.key)).to.deep.equal(['list/ab/c/d', 'list/ab/c0']);
      expect((await store.list('list/', 'list/a/~')).map((entry) => entry.key)).to.deep.equal(['list/a0', 'list/ab/c/d', 'list/ab/c0']);
      expect(await store.list('nothing/')).to.deep.equal([]);
    });

    it('refuses keys outside its alphabet', async () => {
      for (const key of ['', '/a', 'a/', 'a//b', 'a/../b', '..', 'ä', 'a b', 'a~']) {
        expect(await rejection(Promise.resolve().then(() => store.put(key, bytes('x')))), key).to.be.instanceOf(PgError);
      }
    });
  });
}

const directory = mkdtempSync(join(tmpdir(), 'pglitedb-store-'));
conformance('directory', () => openObjectStore(realEnv(), `${directory}/archive/`, {}), async () => rmSync(directory, { recursive: true, force: true }));
conformance('simulated directory', async () => new DirectoryStore(simEnv(1), '/archive'), async () => undefined);

let server: S3Server;
conformance('S3', async () => {
  server = await startS3Server('some/prefix/');
  return openS3Store(realEnv(), server.options);
}, () => server.close());

describe('object store: a directory', () => {
  it('has an object whole or not at all after a power cut, and surely once put has resolved', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const env = simEnv(seed);
      const store = new DirectoryStore(env, '/archive');
      await store.put('a/first', bytes('first '.repeat(1000)));
      let confirmed = false;
      const cut = seed % 6;
      const put = (seed % 2 ? store.put('a/second', bytes('second'.repeat(1000))) : store.putIfAbsent('a/second', bytes('second'.repeat(1000))))
        .then(() => (confirmed = true), () => undefined);
      for (let turn = 0; turn < cut; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      const before = confirmed;
      env.powerCut();
      await put;
      expect(text(await store.get('a/first'))).to.equal('first '.repeat(1000));
      const found = text(await store.get('a/second'));
      if (before || found !== null) expect(found).to.equal('second'.repeat(1000));
    }
  });

  it('sweeps what a crash left of a put, a day later', async () => {
    const env = simEnv(1);
    const store = new DirectoryStore(env, '/archive');
    await store.put('a', bytes('x'));
    env.files.writeFile(`/archive/~incoming/${env.clock.wallMicros()}-abc`, bytes('half'));
    await env.advance(23 * 3600_000);
    await new DirectoryStore(env, '/archive').put('b', bytes('x'));
    expect(env.files.list('/archive/~incoming')).to.have.length(1);
    await env.advance(2 * 3600_000);
    await new DirectoryStore(env, '/archive').put('c', bytes('x'));
    expect(env.files.list('/archive/~incoming')).to.deep.equal([]);
  });

  it('leaves nothing of a put that failed', async () => {
    const env = simEnv(1);
    const store = new DirectoryStore(env, '/archive');
    await store.put('a', bytes('x'));
    env.setCapacity(10);
    expect(await rejection(store.put('b', bytes('too much for it')))).to.include({ code: 'ENOSPC' });
    env.setCapacity(1000);
    env.failSync('incoming');
    expect(await rejection(store.put('b', bytes('y')))).to.include({ code: 'EIO' });
    expect(await store.exists('b')).to.equal(false);
    expect(env.files.list('/archive/~incoming')).to.deep.equal([]);
  });
});

describe('object store: S3', function () {
  this.timeout(30_000);
  let own: S3Server;
  before(async () => {
    own = await startS3Server('');
  });
  after(() => own.close());

  it('tries again where the server is busy, and gives up telling why', async () => {
    const store = openS3Store(realEnv(), own.options);
    own.refuse(2, 503);
    await store.put('a', bytes('x'));
    expect(own.requests.PUT).to.equal(3);
    own.refuse(100, 500);
    const failure = await rejection(store.get('a'));
    own.refuse(0, 500);
    expect(failure).to.include({ sqlstate: '58030', message: 'archive "s3://archive-bucket": GET was answered 500 SlowDown' });
  });

  it('does not try again what is refused for good', async () => {
    const store = openS3Store(realEnv(), { ...own.options, secretAccessKey: 'wrong' });
    const before = own.requests.GET ?? 0;
    const failure = await rejection(store.get('a'));
    expect(own.requests.GET).to.equal(before + 1);
    expect(failure.message).to.match(/GET was answered 403 SignatureDoesNotMatch/);
  });

  it('tells that nobody listens', async () => {
    const env = realEnv();
    const quick = { ...env, timers: { ...env.timers, after: (_delay: number, callback: () => void) => env.timers.after(0, callback) } };
    const store = openS3Store(quick, { ...own.options, endpoint: 'http://127.0.0.1:9' });
    expect(await rejection(store.get('a'))).to.have.property('sqlstate', '58030');
  });

  it('reads its place and credentials from the environment', () => {
    const variables = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'eu-central-1' };
    expect(s3Options('s3://bucket/some/prefix/', variables)).to.deep.equal({
      bucket: 'bucket', prefix: 'some/prefix/', endpoint: 'https://s3.eu-central-1.amazonaws.com', region: 'eu-central-1', accessKeyId: 'id', secretAccessKey: 'secret',
    });
    expect(s3Options('s3://bucket', { ...variables, AWS_ENDPOINT_URL: 'http://127.0.0.1:9000/' })).to.include({ prefix: '', endpoint: 'http://127.0.0.1:9000' });
    expect(() => s3Options('s3://bucket/p', {})).to.throw(PgError, 'no credentials');
    expect(() => s3Options('s3://B', variables)).to.throw(PgError, 'invalid archive location');
  });

  it('refuses other locations', async () => {
    expect(await rejection(openObjectStore(realEnv(), 'http://somewhere', {}))).to.have.property('sqlstate', '22023');
  });
});
