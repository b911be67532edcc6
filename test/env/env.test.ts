/** Both environments behave alike; the simulated one breaks as promised. */
import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PgError } from '../../lib/base/error.js';
import { directoryOf, isEnvError, writeFileDurably, type Env } from '../../lib/env/env.js';
import { realEnv } from '../../lib/env/real.js';
import { simEnv } from '../../lib/env/sim.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isEnvError(error)) return error.code;
    throw error;
  }
  return '';
}

function conformance(name: string, make: () => { env: Env; root: string }): void {
  describe(`environment: ${name}`, () => {
    let env: Env;
    let root: string;
    beforeEach(() => {
      ({ env, root } = make());
      env.files.makeDirectory(`${root}/a/b`);
    });
    after(() => fs.rmSync(path.join(os.tmpdir(), 'pglitedb-env-tests'), { recursive: true, force: true }));

    it('writes, reads, extends and truncates files', async () => {
      const file = env.files.open(`${root}/a/f`, 'create');
      file.writeSync(Buffer.from('hello'), 0);
      await file.write(Buffer.from('world'), 10);
      expect(file.sizeSync()).to.equal(15);
      const target = new Uint8Array(20);
      expect(file.readSync(target, 3)).to.equal(12);
      expect(text(target.subarray(0, 12))).to.equal('lo\0\0\0\0\0world');
      expect(await file.read(target, 14)).to.equal(1);
      expect(await file.read(target, 15)).to.equal(0);
      file.truncateSync(4);
      file.datasyncSync();
      await new Promise<void>((resolve, reject) => file.datasync((error) => (error ? reject(error) : resolve())));
      file.closeSync();
      expect(text(env.files.readFile(`${root}/a/f`))).to.equal('hell');
      expect(text(await env.files.readFileAsync(`${root}/a/f`))).to.equal('hell');
    });

    it('has files synced, also those asked for while it tells of others, and tells how many are', async () => {
      const files = ['one', 'two'].map((name) => env.files.open(`${root}/a/${name}`, 'create'));
      let told = 0;
      await new Promise<void>((resolve, reject) => {
        const syncer = env.files.syncer((error, count) => {
          if (error !== null) reject(error);
          told += count;
          if (told === 3) syncer.sync([files[0]]);
          if (told < 4) return;
          syncer.close();
          resolve();
        });
        for (const synced of [[files[0]], files, [files[1]]]) syncer.sync(synced);
      });
      expect(told).to.equal(4);
      for (const file of files) file.closeSync();
      expect(env.files.list(`${root}/a`)).to.deep.equal(['b', 'one', 'two']);
    });

    it('lists, renames and removes', async () => {
      env.files.writeFile(`${root}/a/two`, Buffer.from('2'));
      env.files.writeFile(`${root}/a/one`, Buffer.from('1'));
      expect(env.files.list(`${root}/a`)).to.deep.equal(['b', 'one', 'two']);
      env.files.rename(`${root}/a/one`, `${root}/a/two`);
      env.files.syncDirectory(`${root}/a`);
      expect(text(env.files.readFile(`${root}/a/two`))).to.equal('1');
      expect(env.files.exists(`${root}/a/one`)).to.equal(false);
      env.files.remove(`${root}/a/two`);
      expect(codeOf(() => env.files.remove(`${root}/a/two`))).to.equal('ENOENT');
      expect(codeOf(() => env.files.open(`${root}/a/two`, 'read'))).to.equal('ENOENT');
      expect(codeOf(() => env.files.open(`${root}/missing/two`, 'create'))).to.equal('ENOENT');
      expect(codeOf(() => env.files.list(`${root}/missing`))).to.equal('ENOENT');
      env.files.writeFile(`${root}/a/b/three`, Buffer.from('3'));
      await env.files.removeAsync(`${root}/a/b/three`);
      await env.files.removeAsync(`${root}/a/b/three`).then(() => expect.fail('removed twice'), (error: unknown) => expect(isEnvError(error, 'ENOENT')).to.equal(true));
      env.files.removeTree(`${root}/a`);
      env.files.removeTree(`${root}/a`);
      expect(env.files.exists(`${root}/a/b`)).to.equal(false);
    });

    it('links where the name is free, and tells what stands at a path', () => {
      env.files.writeFile(`${root}/a/one`, Buffer.from('1'));
      env.files.writeFile(`${root}/a/other`, Buffer.from('other'));
      env.files.link(`${root}/a/one`, `${root}/a/b/linked`);
      expect(codeOf(() => env.files.link(`${root}/a/other`, `${root}/a/b/linked`))).to.equal('EEXIST');
      expect(codeOf(() => env.files.link(`${root}/a/nothing`, `${root}/a/b/free`))).to.equal('ENOENT');
      env.files.remove(`${root}/a/one`);
      expect(text(env.files.readFile(`${root}/a/b/linked`))).to.equal('1');
      expect(env.files.stat(`${root}/a/other`)).to.deep.equal({ isDirectory: false, size: 5 });
      expect(env.files.stat(`${root}/a`)).to.include({ isDirectory: true });
      expect(env.files.stat(`${root}/a/one`)).to.equal(null);
    });

    it('replaces a file durably', () => {
      writeFileDurably(env.files, `${root}/a/f`, Buffer.from('a longer first version'));
      writeFileDurably(env.files, `${root}/a/f`, Buffer.from('second'));
      expect(text(env.files.readFile(`${root}/a/f`))).to.equal('second');
      expect(env.files.list(`${root}/a`)).to.deep.equal(['b', 'f']);
    });

    it('locks a directory for one holder', () => {
      const lock = env.files.lock(`${root}/a/lock`);
      expect(() => env.files.lock(`${root}/a/lock`)).to.throw(PgError, 'already exists').with.property('sqlstate', 'F0001');
      lock.release();
      env.files.lock(`${root}/a/lock`).release();
    });

    it('tells time and makes random values', () => {
      expect(env.clock.wallMicros()).to.be.within(1_700_000_000_000_000, 3_000_000_000_000_000);
      expect(Number.isInteger(env.clock.wallMicros())).to.equal(true);
      const before = env.clock.monotonicMs();
      expect(env.clock.monotonicMs()).to.be.at.least(before);
      expect(env.random.bytes(16)).to.have.length(16);
      expect(env.random.float()).to.be.within(0, 1);
    });
  });
}

conformance('real', () => {
  const base = path.join(os.tmpdir(), 'pglitedb-env-tests');
  fs.mkdirSync(base, { recursive: true });
  return { env: realEnv(), root: fs.mkdtempSync(`${base}/t`) };
});
conformance('simulated', () => ({ env: simEnv(1), root: '/t' }));

describe('real environment', () => {
  it('notices within two milliseconds that the clock was set', () => {
    const { clock } = realEnv();
    const { now } = Date;
    const later = (milliseconds: number): number => {
      for (const start = clock.monotonicMs(); clock.monotonicMs() - start < milliseconds;);
      return clock.wallMicros();
    };
    const before = later(2);
    try {
      Date.now = () => now() + 3_600_000;
      expect(later(2) - before).to.be.within(3_599_000_000, 3_660_000_000);
    } finally {
      Date.now = now;
    }
    expect(later(2) - before).to.be.within(0, 60_000_000);
  });

  it('takes over the lock of a dead process, refuses that of a living one', () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-env-'));
    fs.writeFileSync(`${root}/lock`, '999999999\n1\n');
    realEnv().files.lock(`${root}/lock`).release();
    fs.writeFileSync(`${root}/lock`, 'garbage');
    realEnv().files.lock(`${root}/lock`).release();
    fs.writeFileSync(`${root}/lock`, `${process.ppid}\n`);
    expect(() => realEnv().files.lock(`${root}/lock`)).to.throw(PgError, 'already exists').with.property('hint').that.contains(`PID ${process.ppid}`);
    fs.rmSync(root, { recursive: true });
  });

  it('runs timers and callbacks', async () => {
    const { timers } = realEnv();
    const order: string[] = [];
    timers.after(1, () => order.push('cancelled')).cancel();
    timers.after(1, () => order.push('background'), true);
    timers.soon(() => order.push('soon'));
    await new Promise<void>((resolve) => timers.after(20, resolve));
    expect(order.sort()).to.deep.equal(['background', 'soon']);
  });
});

describe('simulated environment', () => {
  it('moves its clock only when told, firing timers in order', async () => {
    const env = simEnv(1);
    const order: string[] = [];
    env.timers.after(20, () => order.push(`b ${env.clock.monotonicMs()}`));
    env.timers.after(10, () => {
      order.push(`a ${env.clock.monotonicMs()}`);
      env.timers.after(5, () => order.push(`c ${env.clock.monotonicMs()}`));
    });
    env.timers.after(15, () => order.push('never')).cancel();
    const wall = env.clock.wallMicros();
    await env.advance(9);
    expect(order).to.deep.equal([]);
    await env.advance(11);
    expect(order).to.deep.equal(['a 10', 'c 15', 'b 20']);
    expect(env.clock.wallMicros() - wall).to.equal(20_000);
  });

  it('keeps what was synced over a power cut, loses or tears the rest, the same for the same seed', () => {
    const run = (seed: number): string => {
      const env = simEnv(seed);
      env.files.makeDirectory('/d');
      const file = env.files.open('/d/f', 'create');
      env.files.syncDirectory('/d');
      file.writeSync(Buffer.alloc(4096, 'a'), 0);
      file.datasyncSync();
      file.writeSync(Buffer.alloc(4096, 'b'), 4096);
      env.files.writeFile('/d/g', Buffer.from('not synced'));
      env.powerCut();
      expect(codeOf(() => file.sizeSync())).to.equal('EBADF');
      const bytes = text(env.files.readFile('/d/f'));
      expect(bytes.slice(0, 4096)).to.equal('a'.repeat(4096));
      return `${bytes.slice(4096)} ${env.files.exists('/d/g')}`;
    };
    const outcomes = new Set(Array.from({ length: 20 }, (_, seed) => run(seed)));
    expect(outcomes.size).to.be.greaterThan(10);
    expect(run(3)).to.equal(run(3));
  });

  it('keeps of an asynchronous sync what was written before it was asked for, and nothing of what came after', async () => {
    const later = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const env = simEnv(seed);
      const file = env.files.open('/f', 'create');
      env.files.syncDirectory('/');
      file.writeSync(Buffer.alloc(1024, 'a'), 0);
      const synced = new Promise<void>((resolve) => file.datasync(() => resolve()));
      file.writeSync(Buffer.alloc(512, 'b'), 512);
      file.writeSync(Buffer.alloc(512, 'c'), 1024);
      await synced;
      env.powerCut();
      const bytes = text(env.files.readFile('/f'));
      expect(bytes.slice(0, 512)).to.equal('a'.repeat(512));
      expect(bytes.slice(512, 1024)).to.match(/^b*a*$/);
      later.add(`${bytes.includes('b')} ${bytes.includes('c')}`);
    }
    expect(later.size).to.equal(4);
  });

  it('forgets what was cut off a file, durably once that is synced', () => {
    const env = simEnv(1);
    const file = env.files.open('/f', 'create');
    env.files.syncDirectory('/');
    file.writeSync(Buffer.alloc(2048, 'a'), 0);
    file.datasyncSync();
    file.truncateSync(700);
    file.writeSync(Buffer.from('z'), 2047);
    file.datasyncSync();
    env.powerCut();
    expect(text(env.files.readFile('/f'))).to.equal(`${'a'.repeat(700)}${'\0'.repeat(1347)}z`);
  });

  it('undoes renames whose directory was not synced, in order', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const env = simEnv(seed);
      env.files.makeDirectory('/d');
      writeFileDurably(env.files, '/d/f', Buffer.from('old'));
      const file = env.files.open('/d/f.tmp', 'create');
      file.writeSync(Buffer.from('new'), 0);
      file.datasyncSync();
      env.files.rename('/d/f.tmp', '/d/f');
      env.powerCut();
      outcomes.add(text(env.files.readFile('/d/f')));
    }
    expect([...outcomes].sort()).to.deep.equal(['new', 'old']);
  });

  it('fails syncs and writes and runs full as told', () => {
    const env = simEnv(1);
    const file = env.files.open('/f', 'create');
    env.failSync('/f', 2);
    expect([1, 2, 3].map(() => codeOf(() => file.datasyncSync()))).to.deep.equal(['EIO', 'EIO', '']);
    env.failWrite('/f', 'EROFS');
    expect(codeOf(() => file.writeSync(Buffer.from('x'), 0))).to.equal('EROFS');
    env.failWrite('/f', null);
    env.setCapacity(10);
    expect(codeOf(() => file.writeSync(Buffer.alloc(11), 0))).to.equal('ENOSPC');
    file.writeSync(Buffer.alloc(10), 0);
    env.flipBit('/f', 3, 7);
    expect(env.files.readFile('/f')[3]).to.equal(0x80);
  });

  it('finds the directory of a path', () => {
    expect(['/a/b/c', '/a', 'a/b', 'a'].map(directoryOf)).to.deep.equal(['/a/b', '/', 'a', '.']);
  });
});
