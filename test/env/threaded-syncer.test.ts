/** Syncs by a thread of their own: which files, in which order, how often, and what becomes of an error. */
import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isEnvError, type OpenFile } from '../../lib/env/env.js';
import { realEnv } from '../../lib/env/real.js';
import { simEnv } from '../../lib/env/sim.js';
import { PooledSyncer } from '../../lib/env/pooled-syncer.js';
import { SyncRing } from '../../lib/env/sync-ring.js';
import { ThreadedSyncer } from '../../lib/env/threaded-syncer.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('env/sync-ring', () => {
  /** Has the ring's syncs done until `enough`; the files that were synced. */
  function take(ring: SyncRing, enough: number, during?: (fd: number) => void): number[] {
    const synced: number[] = [];
    const stop = new Error('enough');
    expect(() => new SyncRing(ring.memory).takeAll((fd) => {
      synced.push(fd);
      during?.(fd);
    }, () => {
      if (synced.length === enough) throw stop;
    })).to.throw(stop);
    return synced;
  }

  it('syncs once for all that ask for the same file before the sync begins', () => {
    const ring = new SyncRing();
    const numbers = [7, 7, 8, 8, 8, 7].map((fd) => ring.push(fd));
    expect(numbers.map((number) => ring.isDone(number))).to.deep.equal(Array(6).fill(false));
    expect(take(ring, 2)).to.deep.equal([7, 8]);
    expect(numbers.map((number) => ring.isDone(number))).to.deep.equal([true, true, true, true, true, false]);
  });

  it('syncs again for who asks while the sync is under way', () => {
    const ring = new SyncRing();
    ring.push(7);
    let second = 0;
    expect(take(ring, 1, () => (second = ring.push(7)))).to.deep.equal([7]);
    expect(ring.isDone(second)).to.equal(false);
  });

  it('goes round its end without mixing files up', () => {
    const ring = new SyncRing();
    const fds = Array.from({ length: 1000 }, (_, number) => 3 + (number % 3));
    for (const fd of fds) ring.push(fd);
    let pushed = 0;
    const taken: number[] = [];
    const stop = new Error('enough');
    expect(() => new SyncRing(ring.memory).takeAll((fd) => {
      taken.push(fd);
      if (pushed < 100) ring.push(100 + (pushed++ % 2));
    }, () => {
      if (taken.length === 1100) throw stop;
    })).to.throw(stop);
    expect(taken).to.deep.equal([...fds, ...Array.from({ length: 100 }, (_, number) => 100 + (number % 2))]);
  });

  it('counts nothing as done whose sync fails', () => {
    const ring = new SyncRing();
    const number = ring.push(7);
    expect(() => new SyncRing(ring.memory).takeAll(() => {
      throw new Error('EIO');
    }, () => expect.fail('told'))).to.throw('EIO');
    expect(ring.isDone(number)).to.equal(false);
  });

  it('ends when it is closed, after what was pushed before', () => {
    const ring = new SyncRing();
    ring.push(7);
    ring.close();
    const synced: number[] = [];
    new SyncRing(ring.memory).takeAll((fd) => synced.push(fd), () => {});
    expect(synced).to.deep.equal([7]);
  });
});

describe('env/pooled-syncer', () => {
  it('syncs once for all that ask while a sync is under way, and begins with them before it tells', async () => {
    const env = simEnv(1);
    const file = env.files.open('/f', 'create');
    const told: string[] = [];
    const syncer = new PooledSyncer((error, count) => told.push(`${error?.message ?? count} after ${env.syncCount()}`));
    env.holdSyncs('/f');
    syncer.sync([file]);
    for (let count = 0; count < 5; count++) syncer.sync([file]);
    env.holdSyncs(null);
    for (let count = 0; count < 4; count++) await turn();
    expect(told).to.deep.equal(['1 after 1', '5 after 2']);
    expect(syncer.isIdle).to.equal(true);
  });

  it('tells an error once, and syncs nothing afterwards', async () => {
    const env = simEnv(1);
    const file = env.files.open('/f', 'create');
    const told: string[] = [];
    const syncer = new PooledSyncer((error, count) => told.push(error === null ? String(count) : isEnvError(error, 'EIO') ? 'EIO' : error.message));
    env.failSync('/f');
    for (let count = 0; count < 3; count++) syncer.sync([file]);
    for (let count = 0; count < 4; count++) await turn();
    expect(told).to.deep.equal(['EIO']);
    expect(env.syncCount()).to.equal(0);
  });
});

describe('env/threaded-syncer', () => {
  let directory: string;
  let file: OpenFile;
  let descriptor: number;
  /** Files that the thread was asked for. */
  let threaded: number;
  let told: number;
  let failures: Error[];
  let syncer: ThreadedSyncer;

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-syncs-'));
    file = realEnv().files.open(path.join(directory, 'f'), 'create');
    descriptor = fs.openSync(file.path, 'r+');
    threaded = told = 0;
    failures = [];
    syncer = new ThreadedSyncer((error, count) => {
      told += count;
      if (error !== null) failures.push(error);
    }, () => {
      threaded++;
      return descriptor;
    });
  });
  afterEach(() => {
    file.closeSync();
    fs.rmSync(directory, { recursive: true });
  });

  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await turn();
  };

  /** Asks until the thread is at work; how often. */
  async function warmUp(): Promise<number> {
    const isAtWork = (): boolean => threaded > 0;
    let asked = 0;
    while (!isAtWork()) {
      syncer.sync([file]);
      syncer.sync([file]);
      asked += 2;
      await until(() => told === asked);
    }
    return asked;
  }

  it('asks the pool until syncs come close together, then its thread, and tells of all', async () => {
    for (let count = 1; count <= 80; count++) {
      syncer.sync([file]);
      await until(() => told === count);
    }
    expect(threaded, 'one at a time').to.equal(0);
    told = 0;
    const asked = await warmUp();
    expect(asked).to.be.at.least(64);
    for (let count = 0; count < 500; count++) syncer.sync([file]);
    await until(() => told === asked + 500);
    expect(threaded).to.be.at.least(500);
    expect(failures).to.deep.equal([]);
    syncer.close();
    fs.closeSync(descriptor);
  });

  it('tells an error of its thread once, and nothing of what was asked for with it or later', async () => {
    const asked = await warmUp();
    fs.closeSync(descriptor);
    descriptor = 1 << 30;
    for (let count = 0; count < 3; count++) syncer.sync([file]);
    await until(() => failures.length > 0);
    syncer.sync([file]);
    for (let count = 0; count < 20; count++) await turn();
    expect(failures.map((error) => isEnvError(error, 'EBADF'))).to.deep.equal([true]);
    expect(told).to.equal(asked);
    syncer.close();
  });
});
