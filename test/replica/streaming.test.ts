/**
 * Streaming between real engines on a simulated network: what a replica shows is always the primary's state at some commit, wherever the
 * link is cut, bent or frozen and whoever restarts.
 */
import { expect } from 'chai';
import { rewind } from '../../lib/access/clone.js';
import { openStorage } from '../../lib/access/storage.js';
import { PgError } from '../../lib/base/error.js';
import { lsn } from '../../lib/base/lsn.js';
import { simEnv } from '../../lib/env/sim.js';
import { readControl, writeControl } from '../../lib/wal/control.js';
import { FRAME_TYPE } from '../../replica/format.js';
import { sealFrame } from '../../replica/frames.js';
import { LagTracker } from '../../replica/lag.js';
import { CrashDisk } from '../access/crash-store.js';
import { ModelRun } from '../access/model.js';
import { makeHeap, rowsNow } from '../access/support.js';
import { BentNetwork, ReplicaNode, serve, sourceOf, TIGHT, turn, until, work, workThatStays, type Served, type ServeOptions } from './support.js';

/** A primary under random work, with its port open. */
async function primary(seed: number, options: ServeOptions = {}): Promise<{ run: ModelRun; served: Served }> {
  const run = new ModelRun(seed, TIGHT);
  await run.start();
  for (let step = 0; step < 30; step++) await run.step();
  return { run, served: await serve(run.env, sourceOf(run.engine), options) };
}

describe('streaming', function () {
  this.timeout(120_000);

  it('clones a replica, streams to it, and reports where it stands', async () => {
    const { run, served } = await primary(1);
    const node = new ReplicaNode(run.env, 101, 'one');
    await node.clone([served.port]);
    const receiver = node.receive([served.port]);
    expect(receiver.status.status).to.equal('waiting');
    await work(run, 60);
    const source = sourceOf(run.engine);
    await node.caughtUp(source);
    expect(run.checkOther(node.standby.engine)).to.equal(source.durableLsn);
    await until(run.env, 'the report has arrived', () => [served.server.replicas()[0]?.appliedLsn, served.server.replicas()[0]?.flushedLsn].every((position) => position === source.durableLsn));
    const [replica] = served.server.replicas();
    expect(replica).to.include({ role: 'repl', applicationName: 'one', state: 'streaming', slotName: 'one', sentLsn: source.durableLsn, flushedLsn: source.durableLsn });
    expect(replica.applyLagMs).to.be.a('number');
    expect(receiver.status).to.include({
      status: 'streaming', flushedLsn: source.durableLsn, receivedTimeline: 1, slotName: 'one', senderHost: '127.0.0.1', senderPort: served.port,
    });
    await run.env.advance(3000);
    expect(served.server.replicas()[0].roundTripMs).to.equal(0);
    expect(served.slots.list()).to.have.length(1);
    expect(served.slots.list()[0]).to.include({ name: 'one', active: true, walStatus: 'reserved', restartLsn: source.durableLsn });
    await node.stopReceiving();
    expect(receiver.status.status).to.equal('stopped');
    await until(run.env, 'the server has seen it go', () => served.server.replicas().length === 0);
    expect(served.slots.list()[0].active).to.equal(false);
    expect(node.disconnects).to.deep.equal([]);
    await served.server.close();
  });

  it('goes on wherever the link is cut, and shows a state of the primary at every moment', async () => {
    const { run, served } = await primary(2);
    const network = new BentNetwork(run.env.network);
    const node = new ReplicaNode(run.env, 102, 'cut', network);
    await node.clone([served.port]);
    node.receive([served.port]);
    let seen = 0;
    for (let cutAt = 1; cutAt <= 40; cutAt++) {
      network.count = 0;
      network.bend = (bytes, count) => (count === cutAt ? 'cut' : bytes);
      const before = node.disconnects.length;
      for (let steps = 0; network.count < cutAt; steps++) {
        if (steps % 4 === 0) await work(run, 1);
        await run.env.advance(500);
        expect(steps, `the link is cut at frame ${cutAt}`).to.be.lessThan(300);
      }
      await until(run.env, `the cut at frame ${cutAt} is noticed`, () => node.disconnects.length > before);
      if (cutAt % 4 !== 0 || !node.standby.isConsistent) continue;
      const at = run.checkOther(node.standby.engine);
      expect(at).to.be.at.least(seen);
      seen = at;
    }
    network.bend = null;
    await work(run, 5);
    await node.caughtUp(sourceOf(run.engine));
    expect(run.checkOther(node.standby.engine)).to.equal(sourceOf(run.engine).durableLsn);
    expect(node.disconnects.length).to.be.at.least(40);
    await node.stopReceiving();
    await served.server.close();
  });

  it('cuts of a clone leave no replica behind, and the next attempt is a whole one', async () => {
    const { run, served } = await primary(3);
    const network = new BentNetwork(run.env.network);
    const node = new ReplicaNode(run.env, 103, 'clone', network);
    for (let cutAt = 1; ; cutAt++) {
      network.count = 0;
      network.bend = (bytes, count) => (count === cutAt ? 'cut' : bytes);
      const refusal: unknown = await node.clone([served.port]).then(() => null, (error: unknown) => error);
      if (refusal !== null) expect(refusal).to.be.instanceOf(PgError).that.has.property('sqlstate', '08006');
      else if (cutAt > 6) break;
      else expect.fail('a clone takes more than six frames');
    }
    network.bend = null;
    node.receive([served.port]);
    await work(run, 10);
    await node.caughtUp(sourceOf(run.engine));
    run.checkOther(node.standby.engine);
    await node.stopReceiving();
    await served.server.close();
  });

  it('refuses a bent frame on whichever side it arrives, says so on both, and goes on', async () => {
    const { run, served } = await primary(4);
    const network = new BentNetwork(run.env.network);
    const node = new ReplicaNode(run.env, 104, 'bent', network);
    await node.clone([served.port]);
    node.receive([served.port]);
    for (const direction of ['in', 'out'] as const) {
      let bent = false;
      const ended = served.ended.length;
      network.bend = (bytes, _count, way) => {
        if (bent || way !== direction) return bytes;
        bent = true;
        const copy = Uint8Array.from(bytes);
        copy[copy.length >> 1] ^= 4;
        return copy;
      };
      await work(run, 3);
      await until(run.env, 'both sides have noticed', () => served.ended.length > ended && node.disconnects.length > 0);
      expect(served.ended.at(-1)).to.include({ sqlstate: '08P01', message: 'invalid checksum of a replication message' });
      expect(node.disconnects.at(-1)).to.include({ sqlstate: '08P01', message: 'invalid checksum of a replication message' });
      network.bend = null;
      await work(run, 3);
      await node.caughtUp(sourceOf(run.engine));
    }
    run.checkOther(node.standby.engine);
    await node.stopReceiving();
    await served.server.close();
  });

  it('notices a frozen link by its heartbeat, on both sides', async () => {
    const { run, served } = await primary(5);
    const node = new ReplicaNode(run.env, 105, 'frozen');
    await node.clone([served.port]);
    node.receive([served.port]);
    await work(run, 3);
    await node.caughtUp(sourceOf(run.engine));
    run.env.network.freezeLinks();
    await run.env.advance(8000);
    expect(node.disconnects).to.deep.equal([]);
    await run.env.advance(4000);
    expect(node.disconnects[0]).to.include({ sqlstate: '08006' });
    expect(node.disconnects[0].message).to.match(/^no answer from ws:.* within 10000 ms$/);
    expect(served.ended.at(-1)).to.include({ sqlstate: '08006', message: 'terminating walsender process due to replication timeout' });
    await work(run, 3);
    await node.caughtUp(sourceOf(run.engine));
    expect(node.connects).to.have.length(2);
    await node.stopReceiving();
    await served.server.close();
  });

  it('keeps an idle link alive for as long as it lasts', async () => {
    const { run, served } = await primary(6);
    const node = new ReplicaNode(run.env, 106, 'idle');
    await node.clone([served.port]);
    node.receive([served.port]);
    await node.caughtUp(sourceOf(run.engine));
    await run.env.advance(120_000);
    expect(node.disconnects).to.deep.equal([]);
    expect(served.ended.filter((reason) => reason.sqlstate !== '57P01')).to.deep.equal([]);
    await node.stopReceiving();
    await served.server.close();
  });

  it('goes on after restarts and power cuts of the replica in the middle of applying', async () => {
    const { run, served } = await primary(7);
    const node = new ReplicaNode(run.env, 107, 'crashing');
    await node.clone([served.port]);
    for (let round = 0; round < 12; round++) {
      node.receive([served.port]);
      for (let step = 0; step < 8; step++) await run.step();
      for (let turns = 0; turns < round * 3; turns++) await turn();
      if (round % 3 === 0) {
        await node.stopReceiving();
        await node.standby.engine.close();
      } else await node.powerCut();
      await node.open();
    }
    node.receive([served.port]);
    await work(run, 3);
    await node.caughtUp(sourceOf(run.engine));
    expect(run.checkOther(node.standby.engine)).to.equal(sourceOf(run.engine).durableLsn);
    expect(node.diverged).to.deep.equal([]);
    await node.stopReceiving();
    await served.server.close();
  });

  it('never ships what the primary could lose: after its power cut the replica goes on', async () => {
    const { run, served } = await primary(8);
    const node = new ReplicaNode(run.env, 108, 'loyal');
    await node.clone([served.port]);
    node.receive([served.port]);
    let { server, port } = served;
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 15; step++) await run.step();
      await server.close();
      await run.crash();
      ({ server, port } = await serve(run.env, sourceOf(run.engine)));
      node.receiver?.setUpstreams([`ws://127.0.0.1:${port}`]);
      await work(run, 2);
      await node.caughtUp(sourceOf(run.engine));
      run.checkOther(node.standby.engine);
    }
    expect(node.diverged).to.deep.equal([]);
    await node.stopReceiving();
    await server.close();
  });

  it('keeps receiving while applying is paused, within its window', async () => {
    const { run, served } = await primary(9);
    const node = new ReplicaNode(run.env, 109, 'paused');
    await node.clone([served.port]);
    node.receive([served.port]);
    await node.caughtUp(sourceOf(run.engine));
    node.standby.setPaused(true);
    const before = node.standby.appliedLsn;
    await work(run, 30);
    const { durableLsn } = sourceOf(run.engine);
    await until(run.env, 'everything is received', () => node.standby.flushedLsn === durableLsn);
    expect(node.standby.appliedLsn).to.equal(before);
    await run.env.advance(2000);
    expect(served.server.replicas()[0]).to.include({ flushedLsn: sourceOf(run.engine).durableLsn, appliedLsn: before, paused: true });
    node.standby.setPaused(false);
    await node.caughtUp(sourceOf(run.engine));
    run.checkOther(node.standby.engine);
    await node.stopReceiving();
    await served.server.close();
  });
});

describe('clones', function () {
  this.timeout(60_000);

  it('carry values of any size, as slowly as they are told to, and say how far they are', async () => {
    const env = simEnv(31);
    const disk = new CrashDisk(() => env.random.float());
    const engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open() });
    const { heap } = makeHeap(engine, [[1, 'x'.repeat(5 << 20)], [2, 'small']]);
    await engine.whenFlushed(engine.appendedLsn());
    const served = await serve(env, sourceOf(engine), { options: { cloneBytesPerSecond: 1 << 20 } });
    const node = new ReplicaNode(env, 131, 'slow');
    const start = env.clock.monotonicMs();
    let done = false;
    const cloning = node.clone([served.port]).then(() => (done = true));
    await until(env, 'a clone is under way', () => served.server.replicas()[0]?.state === 'backup');
    await until(env, 'the clone is there', () => done);
    await cloning;
    expect(env.clock.monotonicMs() - start, 'five megabytes at one a second').to.be.within(4900, 5500);
    expect(node.progress.at(-1)?.bytes).to.be.greaterThan(5 << 20);
    node.receive([served.port]);
    await node.caughtUp(sourceOf(engine));
    expect(rowsNow(node.standby.engine, node.standby.engine.openHeap(heap.file, heap.shape)).map((row) => String(row[1]).length)).to.deep.equal([5 << 20, 5]);
    await node.stopReceiving();
    await served.server.close();
  });

  it('are refused when a byte of them differs from what was sent', async () => {
    const { run, served } = await primary(32);
    const network = new BentNetwork(run.env.network);
    network.bend = (bytes) => {
      if (bytes[4] !== FRAME_TYPE.cloneData) return bytes;
      const bent = Buffer.from(bytes);
      bent[bent.length - 1] ^= 1;
      return sealFrame(bent, 'cloneData', 1);
    };
    const node = new ReplicaNode(run.env, 132, 'bent', network);
    const refusal: unknown = await node.clone([served.port]).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(PgError).that.includes({ sqlstate: 'XX001', message: `the clone received from ws://127.0.0.1:${served.port} is damaged` });
    await served.server.close();
  });

  it('and streams are waited for before a planned stop, for so long', async () => {
    const { run, served } = await primary(33);
    expect(await served.server.whenReplicated(0), 'nobody is there').to.equal(true);
    const node = new ReplicaNode(run.env, 133, 'last');
    await node.clone([served.port]);
    node.receive([served.port]);
    await node.caughtUp(sourceOf(run.engine));
    await work(run, 10);
    const answers: boolean[] = [];
    void served.server.whenReplicated(5000).then((answer) => answers.push(answer));
    await until(run.env, 'it has everything', () => answers.length > 0);
    expect(answers).to.deep.equal([true]);
    expect(node.standby.flushedLsn).to.be.at.least(sourceOf(run.engine).durableLsn);
    run.env.network.freezeLinks();
    await workThatStays(run, 5);
    void served.server.whenReplicated(5000).then((answer) => answers.push(answer));
    await run.env.advance(6000);
    expect(answers).to.deep.equal([true, false]);
    await node.stopReceiving();
    await served.server.close();
  });
});

describe('how long log takes to arrive', () => {
  it('is measured for each stage by itself, with a full ring as with an empty one', () => {
    const lag = new LagTracker();
    expect(lag.lag('apply')).to.equal(null);
    for (let sample = 1; sample <= 10_000; sample++) lag.sample(lsn(sample * 10), sample);
    lag.reached('write', lsn(25), 20);
    lag.reached('flush', lsn(10), 21);
    expect([lag.lag('write'), lag.lag('flush'), lag.lag('apply')]).to.deep.equal([18, 20, null]);
    for (const stage of ['write', 'flush', 'apply'] as const) lag.reached(stage, lsn(40_960), 5000);
    expect(lag.lag('apply'), 'the last sample that found room').to.equal(5000 - 4096);
    lag.sample(lsn(200_000), 6000);
    lag.reached('apply', lsn(200_000), 6003);
    expect(lag.lag('apply')).to.equal(3);
  });
});

describe('streaming refuses', function () {
  this.timeout(60_000);

  it('a wrong password, an unknown role, a role without REPLICATION, and whoever has no password, on both sides', async () => {
    const { run, served } = await primary(20);
    const node = new ReplicaNode(run.env, 120, 'stranger');
    await node.clone([served.port]);
    const cases = [
      [{ password: 'wrong' }, '28P01', 'password authentication failed for user "repl"'],
      [{ role: 'nobody' }, '28P01', 'password authentication failed for user "nobody"'],
      [{ role: 'reader' }, '42501', 'permission denied to start WAL sender'],
      [{ password: '' }, '28P01', 'password authentication failed for user "repl"'],
    ] as const;
    for (const [credentials, sqlstate, message] of cases) {
      node.disconnects.length = served.ended.length = 0;
      node.receive([served.port], credentials);
      await until(run.env, message, () => node.disconnects.length > 0 && served.ended.length > 0);
      await node.stopReceiving();
      expect(node.disconnects[0]).to.include({ sqlstate, message });
      expect(served.ended[0]).to.include({ sqlstate, message });
    }
    node.receive([served.port], { role: 'trusted', password: '' });
    await work(run, 2);
    await node.caughtUp(sourceOf(run.engine));
    await node.stopReceiving();
    await served.server.close();
  });

  it('another system, another checksum at the same place, and a standby that is ahead', async () => {
    const { run, served } = await primary(21);
    const node = new ReplicaNode(run.env, 121, 'other');
    await node.clone([served.port]);
    node.receive([served.port]);
    await work(run, 3);
    await node.caughtUp(sourceOf(run.engine));
    await node.stopReceiving();
    const { source, standby } = node;
    node.disconnects.length = 0;
    node.receive([served.port], { identity: { systemIdentifier: 7n, history: { timeline: 9, ancestors: [] } } });
    const refusal = 'database system identifier differs between the primary and standby';
    await until(run.env, 'refused on both sides', () => node.disconnects.length > 0 && served.ended.some(({ message }) => message === refusal));
    await node.stopReceiving();
    expect(node.disconnects[0]).to.include({ sqlstate: '55000', message: refusal });
    expect(node.disconnects[0].detail).to.equal(`The primary's identifier is ${source.systemIdentifier}, the standby's identifier is 7.`);
    expect(served.epochs, 'the timeline of another system means nothing here').to.deep.equal([]);

    const position = standby.receivedPosition;
    const pretending = (received: typeof position): typeof standby => Object.create(standby, { receivedPosition: { value: received } }) as typeof standby;
    node.receive([served.port], { sink: pretending({ ...position, lastCrc: (position.lastCrc ^ 1) >>> 0 }) });
    await until(run.env, 'diverged', () => node.diverged.length > 0);
    await node.stopReceiving();
    expect(node.diverged[0].fork, 'nobody knows from where on').to.equal(0);

    node.disconnects.length = 0;
    node.receive([served.port], { sink: pretending({ ...position, endLsn: lsn(position.endLsn + 8000) }) });
    await until(run.env, 'ahead', () => node.disconnects.length > 0);
    await node.stopReceiving();
    expect(node.disconnects[0].message).to.match(/^requested starting point .* is ahead of the WAL flush position of this server/);
    await served.server.close();
  });

  it('a former primary whose log went further than the fork, which then rejoins by rewinding', async () => {
    const { run, served } = await primary(22);
    const node = new ReplicaNode(run.env, 122, 'successor');
    await node.clone([served.port]);
    node.receive([served.port]);
    await work(run, 5);
    await node.caughtUp(sourceOf(run.engine));
    await node.stopReceiving();
    await workThatStays(run, 5);
    await served.server.close();
    await node.standby.promote(2, 'a test');
    const successor = await serve(node.env, node.source);
    const old = new ReplicaNode(run.env, 222, 'old');
    await run.crashForGood();
    Object.assign(old, { env: { ...run.env, network: run.env.network }, disk: run.disk });
    const fork = node.source.history.ancestors[0].switchLsn;
    const stale = await openStorage({ ...old.directory, fatal: () => undefined });
    expect(stale.appendedLsn()).to.be.greaterThan(fork);
    await stale.close();
    // As a standby with all of its log.
    const control = readControl(old.env, 'data');
    if (control === null) throw new Error('there is a control file');
    writeControl(old.env, 'data', { ...control, state: 'standby' });
    await old.open();
        old.receive([successor.port]);
    await until(run.env, 'diverged', () => old.diverged.length > 0);
    await old.stopReceiving();
    expect(old.diverged[0].fork).to.equal(fork);
    expect(old.diverged[0].history).to.deep.equal(node.source.history);
    await old.standby.engine.close();
    if (!(await rewind(old.directory, old.diverged[0].history, fork))) {
      run.env.files.removeTree('data');
      old.disk.current.clear();
      await old.clone([successor.port]);
    } else await old.open();
    old.receive([successor.port]);
    await old.caughtUp(node.source);
    expect(old.standby.engine.timeline).to.equal(2);
    await old.stopReceiving();
    await successor.server.close();
  });
});
