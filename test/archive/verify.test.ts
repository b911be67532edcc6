/** Verification finds every damage, by name, and does not read twice what it has found sound. */
import { expect } from 'chai';
import { ensureLog, logFromFiles, writeBackup } from '../../lib/archive/backup.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { systemPrefix, timelinePrefix, verifiedKey } from '../../lib/archive/format.js';
import { readLogIndex } from '../../lib/archive/log-index.js';
import { archivePiece, readLog } from '../../lib/archive/piece.js';
import { RecordWalk } from '../../lib/archive/records.js';
import { restore } from '../../lib/archive/restore.js';
import { listAll } from '../../lib/archive/store.js';
import { verifyArchive, type VerifyReport } from '../../lib/archive/verify.js';
import { listArchive, onlySystem } from '../../lib/archive/list.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { openMemoryStore } from '../../lib/kv/memory.js';
import { RECORD } from '../../lib/txn/format.js';
import { SEGMENT_BYTES } from '../../lib/wal/format.js';
import { branchHistory, FIRST_HISTORY } from '../../lib/wal/history.js';
import { FakeStore } from './fake-state.js';
import { rejection, startArchiver, SYSTEM, TestNode, until } from './support.js';

const value = (seed: number, length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (seed * 31 + index * index) & 255));

/** An archive with two timelines, a full backup of several chunks and two that continue it. */
async function makeArchive(env: SimEnv): Promise<{ store: DirectoryStore; node: TestNode; fake: FakeStore }> {
  const store = new DirectoryStore(env, '/archive');
  const node = new TestNode(env, '/node/wal');
  const fake = new FakeStore();
  const { archiver } = startArchiver(node, store);
  const backup = async (label: string, parent?: string): Promise<void> => {
    await env.advance(60_000);
    const at = await node.write(100, 200, 300);
    await archiver.archiveNow();
    const snapshot = fake.snapshot(node.history, at, at);
    await writeBackup(store, snapshot, { env, label, parent });
    expect(await ensureLog(store, env, snapshot.info, logFromFiles(env, node))).to.equal(0);
  };
  fake.write(Array.from({ length: 9 }, (_, thing) => [thing, value(thing, 1 << 20)] as const));
  await backup('full');
  fake.write([[3, value(100, 5000)], [4, null]]);
  await backup('incremental-1', 'full');
  await node.fillSegment();
  await node.promote(branchHistory(FIRST_HISTORY, 2, node.durableLsn, 'promoted'));
  fake.write([[3, value(101, 5000)], [20, value(102, 10)]]);
  await backup('incremental-2', 'incremental-1');
  const payload = Buffer.alloc(12);
  payload.writeUInt32LE(77, 0);
  payload.writeDoubleLE(1_767_225_600_123_456, 4);
  await node.writeRecord(RECORD.commit, payload);
  await archiver.archiveNow();
  await archiver.stop();
  return { store, node, fake };
}

describe('verify', function () {
  this.timeout(60_000);
  let env: SimEnv;
  let store: DirectoryStore;
  let node: TestNode;
  let fake: FakeStore;
  let keys: string[];

  before(async () => {
    env = simEnv(7);
    ({ store, node, fake } = await makeArchive(env));
    keys = [];
    for await (const { key } of listAll(store, systemPrefix(SYSTEM))) if (!key.endsWith('/begun')) keys.push(key);
  });

  const everything = (): Promise<VerifyReport> => verifyArchive(store, SYSTEM, { everything: true });
  /** What a report says, once an object is what it is not; puts it back. */
  const damaged = async (key: string, bytes: Uint8Array | null): Promise<VerifyReport> => {
    const whole = (await store.get(key))!;
    // All else is known to be sound, so that only this object is read.
    const known = Buffer.from((await store.get(verifiedKey(SYSTEM)))!).toString().split('\n');
    await store.put(verifiedKey(SYSTEM), Buffer.from(known.filter((line) => bytes === null || !line.endsWith(` ${key}`)).join('\n')));
    if (bytes === null) await store.remove(key);
    else await store.put(key, bytes);
    try {
      return await verifyArchive(store, SYSTEM);
    } finally {
      await store.put(verifiedKey(SYSTEM), Buffer.from(known.join('\n')));
      await store.put(key, whole);
    }
  };

  it('finds a sound archive sound, and knows it the next time', async () => {
    const first = await verifyArchive(store, SYSTEM);
    expect(first).to.deep.include({ problems: [], backups: 3, unfinished: [], objectsSkipped: 0 });
    expect(first.objectsRead).to.be.greaterThan(8);
    const second = await verifyArchive(store, SYSTEM);
    expect(second).to.deep.include({ problems: [], objectsRead: 0, objectsSkipped: first.objectsRead });
    const reports: number[] = [];
    await verifyArchive(store, SYSTEM, { everything: true, progress: ({ doneBytes, totalBytes }) => reports.push(doneBytes / totalBytes) });
    expect(reports.at(-1)).to.equal(1);
  });

  it('names each object that is missing', async () => {
    for (const key of keys) {
      const { problems } = await damaged(key, null);
      const isPiece = key.includes('/wal/') && !key.endsWith('.history');
      // A piece that is gone is a hole; so is a whole backup that is gone, where others continue it.
      if (isPiece) expect(problems.map((problem) => problem.kind), key).to.include('gap');
      else if (key.endsWith('incremental-2/manifest')) expect(problems, key).to.deep.equal([]);
      else expect(problems.map((problem) => problem.what), key).to.include(key);
    }
  });

  it('names each object that is damaged, whatever the damage', async () => {
    for (const key of keys) {
      const whole = (await store.get(key))!;
      const flips = [0, 9, 13, 20, 25, 29, 33, 45, 50, 81, 85, 93, 97, whole.length >> 1, whole.length - 1].filter((at) => at < whole.length);
      const versions = flips.map((at) => {
        const flipped = Uint8Array.from(whole);
        flipped[at] ^= 1 << (at % 8);
        return flipped;
      });
      versions.push(Uint8Array.from(whole.slice(0, -1)), Uint8Array.from(whole.slice(0, 50)), new Uint8Array(0), Uint8Array.from([...whole, 0]));
      const other = keys.find((candidate) => candidate !== key && candidate.slice(0, 40) === key.slice(0, 40));
      if (other !== undefined && /wal|entries/.test(key)) versions.push(Uint8Array.from((await store.get(other))!));
      for (const [index, version] of versions.entries()) {
        const { problems } = await damaged(key, version);
        expect(problems.map((problem) => problem.what), `${key}, damage ${index}`).to.include(key);
      }
    }
  });

  it('notices without reading what changed in size or is gone', async () => {
    await verifyArchive(store, SYSTEM);
    const [key] = keys.filter((candidate) => candidate.includes('entries'));
    const whole = (await store.get(key))!;
    await store.put(key, whole.slice(0, -1));
    expect((await verifyArchive(store, SYSTEM)).problems.map(({ kind, what }) => [kind, what])).to.deep.equal([['damaged', key]]);
    // What was found damaged is looked at again.
    expect((await verifyArchive(store, SYSTEM)).problems).to.have.length(1);
    await store.put(key, whole);
    expect((await verifyArchive(store, SYSTEM)).problems).to.deep.equal([]);
    await store.put(verifiedKey(SYSTEM), Buffer.from('something else\n'));
    expect((await verifyArchive(store, SYSTEM)).objectsSkipped).to.equal(0);
  });

  it('verifies an archive that cannot be written, and says that it will not remember', async () => {
    env.failWrite('/archive', 'EROFS');
    const report = await everything();
    env.failWrite('/archive', null);
    expect(report.problems).to.deep.equal([]);
    expect(report.notRemembered).to.match(/^EROFS/);
    expect((await everything()).notRemembered).to.equal(null);
  });

  it('tells of pieces that contradict each other', async () => {
    const foreign = new TestNode(env, '/foreign/wal');
    const end = await foreign.write(100, 200, 999);
    const range = { from: lsn(SEGMENT_BYTES), to: end };
    const other = new DirectoryStore(env, '/elsewhere');
    await archivePiece(env, other, { systemIdentifier: SYSTEM, timeline: 1, start: range.from }, await readLog(env, foreign, range), new RecordWalk(SYSTEM));
    const [piece] = (await readLogIndex(other, SYSTEM)).pieces;
    await store.put(piece.key, (await other.get(piece.key))!);
    const { problems } = await everything();
    await store.remove(piece.key);
    expect(problems.map(({ kind }) => kind)).to.include('conflict');
  });

  it('lists what there is', async () => {
    expect(await onlySystem(store)).to.equal(SYSTEM);
    const listed = await listArchive(store, SYSTEM);
    expect(listed.listing.backups.map(({ label, kind, parent }) => [label, kind, parent])).to.deep.equal([
      ['full', 'full', null], ['incremental-1', 'incremental', 'full'], ['incremental-2', 'incremental', 'incremental-1'],
    ]);
    expect(listed.latestTimeline).to.equal(2);
    const [full] = listed.listing.backups;
    expect(full.entries.length).to.be.greaterThan(1);
    expect(listed.timelines.map(({ history, archivedThroughLsn }) => [history.timeline, archivedThroughLsn])).to.deep.equal([
      [1, node.history.ancestors[0].switchLsn], [2, node.durableLsn],
    ]);
    expect(listed.timelines[1].restorable).to.deep.equal({
      fromLsn: full.info.stateLsn, toLsn: node.durableLsn, fromMicros: full.startedMicros, toMicros: 1_767_225_600_123_456,
    });
    await store.put('999/wal/00000002.history', new Uint8Array(0));
    expect(await rejection(onlySystem(store))).to.have.property('sqlstate', '22023');
    expect(await rejection(onlySystem(store, 5n))).to.have.property('sqlstate', '42704');
    await store.remove('999/wal/00000002.history');
    expect((await rejection(onlySystem(new DirectoryStore(env, '/empty')))).message).to.equal('archive "/empty" is empty');
  });

  it('refuses a label that is taken, or is no label, and a parent that does not fit', async () => {
    const snapshot = fake.snapshot(node.history, node.durableLsn, node.durableLsn);
    expect((await rejection(writeBackup(store, snapshot, { env, label: 'full' }))).message).to.equal('backup "full" already exists in archive "/archive"');
    expect(await rejection(writeBackup(store, snapshot, { env, label: '../x' }))).to.have.property('sqlstate', '22023');
    expect(await rejection(writeBackup(store, snapshot, { env, label: 'x', parent: 'nothing' }))).to.have.property('sqlstate', '42704');
    const stranger = new FakeStore('another');
    expect(await rejection(writeBackup(store, stranger.snapshot(node.history, node.durableLsn, node.durableLsn), { env, label: 'x', parent: 'full' }))).to.have.property('sqlstate', '55000');
    const fork = branchHistory(FIRST_HISTORY, 3, lsn(SEGMENT_BYTES + 100), 'elsewhere');
    expect(await rejection(writeBackup(store, fake.snapshot(fork, node.durableLsn, node.durableLsn), { env, label: 'x', parent: 'full' }))).to.have.property('sqlstate', '55000');
  });

  it('throttles a backup', async () => {
    const started = env.clock.monotonicMs();
    const ended: string[] = [];
    const backup = writeBackup(store, fake.snapshot(node.history, node.durableLsn, node.durableLsn), { env, label: 'slow', bytesPerSecond: 1 << 20 }).then(({ label }) => ended.push(label));
    await until(() => ended.length > 0, env, 100);
    await backup;
    expect(env.clock.monotonicMs() - started).to.be.at.least(7000);
  });

  it('puts the log of a backup itself where no archiver does', async () => {
    const alone = new DirectoryStore(env, '/alone');
    const snapshot = fake.snapshot(node.history, lsn(node.history.ancestors[0].switchLsn - 5000), node.durableLsn);
    await writeBackup(alone, snapshot, { env, label: 'only' });
    expect((await verifyArchive(alone, SYSTEM)).problems.map(({ kind }) => kind)).to.deep.equal(['gap']);
    const attempt = (timeline: number): Promise<Error> => rejection(restore(alone, { env, dataDirectory: '/restored', target: { kind: 'latest' }, timeline, openStore: openMemoryStore }));
    expect(await attempt(2)).to.include({ sqlstate: '58P01', message: 'the archive does not have the log that backup "only" needs' });
    expect(await attempt(1)).to.include({ sqlstate: '42704', message: 'there is no backup in the history of timeline 1' });
    expect(await ensureLog(alone, env, snapshot.info, logFromFiles(env, node))).to.be.greaterThan(5000);
    expect((await verifyArchive(alone, SYSTEM)).problems).to.deep.equal([]);
    expect((await alone.list(timelinePrefix(SYSTEM, 2))).length).to.be.greaterThan(0);
  });
});
