/** Cascades across promotions, several upstreams, log that is gone or comes from an archive, slots that are lost under a replica. */
import { expect } from 'chai';
import type { StorageEngine } from '../../lib/access/api.js';
import { openStorage } from '../../lib/access/storage.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import { SEGMENT_BYTES } from '../../lib/wal/format.js';
import { StreamReader } from '../../lib/wal/stream.js';
import type { ArchivedLog } from '../../replica/handshake.js';
import { SyncStandbys } from '../../replica/sync-standbys.js';
import { CrashDisk } from '../access/crash-store.js';
import { ModelRun } from '../access/model.js';
import { inTransaction, makeHeap, rowsNow } from '../access/support.js';
import { ReplicaNode, serve, settle, sourceOf, TIGHT, until, work, workThatStays, type Served } from './support.js';

async function primary(seed: number): Promise<{ run: ModelRun; served: Served }> {
  const run = new ModelRun(seed, TIGHT);
  await run.start();
  for (let step = 0; step < 20; step++) await run.step();
  return { run, served: await serve(run.env, sourceOf(run.engine)) };
}

describe('cascading', function () {
  this.timeout(120_000);

  it('feeds a replica from a replica, and goes on in the new timeline when the one in the middle is promoted', async () => {
    const { run, served } = await primary(1);
    const middle = new ReplicaNode(run.env, 201, 'middle');
    await middle.clone([served.port]);
    middle.receive([served.port]);
    await work(run, 5);
    await middle.caughtUp(sourceOf(run.engine));
    let role: 'primary' | 'standby' = 'standby';
    const cascade = await serve(middle.env, middle.source, { role: () => role });
    const leaf = new ReplicaNode(run.env, 202, 'leaf');
    await leaf.clone([cascade.port]);
    leaf.receive([cascade.port]);
    await work(run, 10);
    await leaf.caughtUp(sourceOf(run.engine));
    expect(run.checkOther(leaf.standby.engine)).to.equal(sourceOf(run.engine).durableLsn);

    // Promoted while the leaf streams.
    for (let step = 0; step < 5; step++) await run.step();
    await settle(run);
    await middle.stopReceiving();
    await middle.standby.promote(2, 'a test');
    role = 'primary';
    const fork = middle.source.history.ancestors[0].switchLsn;
    await served.server.close();
    await run.crashForGood();
    run.moveTo(middle.standby.engine, fork);
    await work(run, 20);
    await leaf.caughtUp(middle.source);
    expect(leaf.standby.engine.timeline).to.equal(2);
    expect(leaf.source.history).to.deep.equal(middle.source.history);
    expect(leaf.receiver?.status.receivedTimeline).to.equal(2);
    expect(run.checkOther(leaf.standby.engine)).to.equal(middle.source.durableLsn);
    expect(leaf.connects, 'without a reconnect').to.have.length(1);
    expect(leaf.disconnects).to.deep.equal([]);

    // And again after a restart of the leaf, which then is promoted itself.
    await leaf.stopReceiving();
    await leaf.standby.engine.close();
    await work(run, 3);
    await leaf.open();
    leaf.receive([cascade.port]);
    await leaf.caughtUp(middle.source);
    expect(run.checkOther(leaf.standby.engine)).to.equal(middle.source.durableLsn);
    await leaf.stopReceiving();
    await cascade.server.close();
  });

  it('catches up over two timelines that it has missed', async () => {
    const { run, served } = await primary(2);
    const [one, two, late] = ['one', 'two', 'late'].map((name, index) => new ReplicaNode(run.env, 210 + index, name));
    for (const node of [one, two, late]) await node.clone([served.port]);
    one.receive([served.port]);
    await workThatStays(run, 3);
    await one.caughtUp(sourceOf(run.engine));
    await one.stopReceiving();
    await one.standby.promote(2, 'first');
    const second = await serve(one.env, one.source);
    two.receive([second.port]);
    run.moveTo(one.standby.engine, one.source.history.ancestors[0].switchLsn);
    await workThatStays(run, 15);
    await two.caughtUp(one.source);
    await two.stopReceiving();
    await two.standby.promote(3, 'second');
    const third = await serve(two.env, two.source);
    expect(two.source.history.ancestors.map(({ timeline }) => timeline)).to.deep.equal([1, 2]);
    run.moveTo(two.standby.engine, two.source.history.ancestors[1].switchLsn);
    await work(run, 3);
    late.receive([third.port]);
    await late.caughtUp(two.source);
    await until(run.env, 'in the newest timeline', () => late.standby.engine.timeline === 3);
    expect(late.source.history).to.deep.equal(two.source.history);
    expect(run.checkOther(late.standby.engine)).to.equal(two.source.durableLsn);
    await late.stopReceiving();
    await Promise.all([served, second, third].map(({ server }) => server.close()));
  });

  it('finds the primary among several upstreams, moves to it when it comes late, and never follows one that was left behind', async () => {
    const { run, served } = await primary(3);
    const [middle, leaf] = ['middle', 'leaf'].map((name, index) => new ReplicaNode(run.env, 220 + index, name));
    await middle.clone([served.port]);
    middle.receive([served.port]);
    const cascade = await serve(middle.env, middle.source, { role: () => 'standby' });
    await leaf.clone([served.port]);
    leaf.receive([9, cascade.port, served.port]);
    await until(run.env, 'connected', () => leaf.connects.length > 0);
    expect(leaf.connects).to.deep.equal([`ws://127.0.0.1:${served.port}`]);
    expect(leaf.disconnects[0]).to.include({ sqlstate: '08001' });
    await served.server.close();
    await until(run.env, 'the standby will do', () => leaf.connects.length > 1);
    expect(leaf.connects[1]).to.equal(`ws://127.0.0.1:${cascade.port}`);
    const back = await serve(run.env, sourceOf(run.engine), { listen: { port: served.port } });
    await until(run.env, 'the primary is back', () => leaf.connects.length > 2);
    expect(leaf.connects[2]).to.equal(`ws://127.0.0.1:${served.port}`);

    // The leaf enters timeline 2; the old primary is left behind, is told so, and is not followed.
    await leaf.caughtUp(sourceOf(run.engine));
    await middle.caughtUp(sourceOf(run.engine));
    await middle.stopReceiving();
    await middle.standby.promote(2, 'a test');
    leaf.receiver?.setUpstreams([`ws://127.0.0.1:${cascade.port}`]);
    await until(run.env, 'in the new timeline', () => leaf.standby.engine.timeline === 2);
    leaf.disconnects.length = 0;
    leaf.receiver?.setUpstreams([`ws://127.0.0.1:${served.port}`]);
    await until(run.env, 'refused', () => leaf.disconnects.some((error) => error.message.startsWith('timeline 1 of')));
    await until(run.env, 'the old primary has heard of its successor', () => back.epochs.includes(2));
    await leaf.stopReceiving();
    await Promise.all([back, cascade].map(({ server }) => server.close()));
  });
});

/** A primary whose log grows by segments. */
async function growing(): Promise<{ engine: StorageEngine; env: ReturnType<typeof simEnv>; segments: (count: number) => Promise<void>; rows: () => number }> {
  const env = simEnv(3);
  const disk = new CrashDisk(() => env.random.float());
  const engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open(), settings: { walKeepSize: 0, maxWalSize: 1 << 30 } });
  const { heap } = makeHeap(engine, [[0, 'first']]);
  const text = 'x'.repeat(1 << 20);
  let number = 1;
  return {
    engine, env,
    rows: () => number,
    segments: async (count) => {
      const target = engine.appendedLsn() + count * SEGMENT_BYTES;
      while (engine.appendedLsn() < target) inTransaction(engine, (transaction) => void heap.insert(transaction, [number++, text]));
      await engine.whenFlushed(engine.appendedLsn());
      await engine.checkpoint();
      inTransaction(engine, (transaction) => void heap.insert(transaction, [number++, 'last']));
      await engine.whenFlushed(engine.appendedLsn());
    },
  };
}

describe('log that is gone', function () {
  this.timeout(120_000);

  it('is said to be removed, comes from the archive where there is one, and ends in a new clone where there is none', async () => {
    const { engine, env, segments, rows } = await growing();
    const source = sourceOf(engine);
    // The archive: what is on disk now, kept in memory.
    let kept: Buffer = Buffer.alloc(0);
    const archiveFrom = SEGMENT_BYTES;
    let archived = archiveFrom;
    const collect = (): void => {
      const reader = new StreamReader(env, source.logDirectory, 1);
      const pieces: Buffer[] = [kept];
      while (archived < source.durableLsn) {
        const bytes = reader.read(lsn(archived), source.durableLsn, 1 << 20);
        pieces.push(bytes);
        archived += bytes.length;
      }
      reader.close();
      kept = Buffer.concat(pieces);
    };
    let available = false;
    let asked = 0;
    const archive: ArchivedLog = {
      read: (timeline, from, limit) => {
        expect(timeline).to.equal(1);
        asked++;
        return Promise.resolve(available && from < archived ? kept.subarray(from - archiveFrom, limit - archiveFrom) : null);
      },
    };
    const served = await serve(env, source, { archive, slotSettings: { maxSlotWalKeepBytes: 2 * SEGMENT_BYTES, maxWalBytes: 1 << 30, idleTimeoutMs: 0, maxSlots: 2 } });
    const node = new ReplicaNode(env, 301, 'late');
    await node.clone([served.port]);
    const hold = source.holdLog('archiver', lsn(0));
    await segments(4);
    collect();
    hold.release();
    await engine.checkpoint();
    expect(source.oldestLsn()).to.be.greaterThan(node.standby.receivedPosition.endLsn);
    expect(served.slots.list()[0].walStatus).to.equal('lost');
    node.receive([served.port]);
    await until(env, 'it is told', () => node.removed.length > 0);
    expect(node.removed[0]).to.include({ sqlstate: '58P01' });
    expect(node.removed[0].message).to.match(/^requested WAL at 0\/\w+ has already been removed$/);
    expect(served.ended.at(-1)?.message).to.equal(node.removed[0].message);
    available = true;
    await node.caughtUp(source);
    expect(asked).to.be.greaterThan(48);
    // Its slot, lost meanwhile, has begun anew.
    await until(env, 'its slot is sound', () => served.slots.list()[0].walStatus === 'reserved');
    const other = node.standby.engine.openHeap(1, { attributeCount: 2, missing: [] });
    expect(rowsNow(node.standby.engine, other)).to.have.length(rows());
    await node.stopReceiving();
    await served.server.close();
  });

  it('loses the slot of a replica that was away too long, which says so and is cloned anew', async () => {
    const { engine, env, segments, rows } = await growing();
    const source = sourceOf(engine);
    const served = await serve(env, source, { slotSettings: { maxSlotWalKeepBytes: 2 * SEGMENT_BYTES, maxWalBytes: 1 << 30, idleTimeoutMs: 0, maxSlots: 2 } });
    const node = new ReplicaNode(env, 302, 'away');
    await node.clone([served.port]);
    node.receive([served.port]);
    await node.caughtUp(source);
    await node.stopReceiving();
    await segments(1);
    expect(served.slots.list()[0].walStatus).to.equal('reserved');
    await segments(3);
    expect(served.slots.list()[0].walStatus).to.equal('lost');
    expect(served.slotLog).to.have.length(1);
    node.receive([served.port]);
    await until(env, 'it is told', () => node.removed.length > 0);
    await node.stopReceiving();
    await node.standby.engine.close();
    node.env.files.removeTree('data');
    node.disk.current.clear();
    await node.clone([served.port]);
    expect(served.slots.list()[0].walStatus).to.equal('reserved');
    node.receive([served.port]);
    await node.caughtUp(source);
    expect(rowsNow(node.standby.engine, node.standby.engine.openHeap(1, { attributeCount: 2, missing: [] }))).to.have.length(rows());
    await node.stopReceiving();
    await served.server.close();
  });
});

describe('synchronous standbys over the network', function () {
  this.timeout(120_000);

  it('hold acknowledgement back until enough of them have what the mode asks for', async () => {
    const { run, served: none } = await primary(5);
    await none.server.close();
    let served: Served | null = null;
    const sync = new SyncStandbys('ANY 2 (one, two, three)', () => served?.server.senders() ?? []);
    served = await serve(run.env, sourceOf(run.engine), { onChange: sync.changed });
    const { port, server } = served;
    const nodes = ['one', 'two', 'three'].map((name, index) => new ReplicaNode(run.env, 230 + index, name));
    for (const node of nodes) await node.clone([port]);
    nodes[0].receive([port]);
    await work(run, 3);
    await nodes[0].caughtUp(sourceOf(run.engine));
    await run.env.advance(3000);
    expect(sync.confirmedLsn('remote_write'), 'one of two').to.equal(0);
    nodes[1].receive([port]);
    await until(run.env, 'both have it', () => sync.confirmedLsn('remote_apply') >= sourceOf(run.engine).durableLsn);
    const states = server.replicas().map(({ sender, applicationName }) => [applicationName, sender === null ? null : sync.stateOf(sender).state]);
    expect(states).to.deep.equal([['one', 'quorum'], ['two', 'quorum']]);
    nodes[1].standby.setPaused(true);
    const before = sync.confirmedLsn('remote_apply');
    await work(run, 5);
    const { durableLsn } = sourceOf(run.engine);
    await until(run.env, 'both have it on disk', () => sync.confirmedLsn('on') >= durableLsn);
    expect(sync.confirmedLsn('remote_apply')).to.equal(before);
    await nodes[0].stopReceiving();
    nodes[2].receive([port]);
    nodes[1].standby.setPaused(false);
    await until(run.env, 'another two have it', () => sync.confirmedLsn('remote_apply') >= durableLsn);
    for (const node of nodes) await node.stopReceiving();
    await server.close();
  });
});
