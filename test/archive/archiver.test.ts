/** The archiver tells the truth: through crashes, a full disk, a store that is gone, gaps, promotions, and a second archiver. */
import { expect } from 'chai';
import { Archiver, describeProblem } from '../../lib/archive/archiver.js';
import { Coverage, partsOf } from '../../lib/archive/coverage.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { claimTimeline, readLogIndex } from '../../lib/archive/log-index.js';
import { readPiece } from '../../lib/archive/piece.js';
import type { ObjectStore } from '../../lib/archive/store.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { SEGMENT_BYTES, segmentName } from '../../lib/wal/format.js';
import { branchHistory, FIRST_HISTORY, type TimelineHistory } from '../../lib/wal/history.js';
import { startArchiver, SYSTEM, TestNode, until } from './support.js';

/** The archived bytes of [from, to) along a history; null when something is missing. */
async function archived(store: ObjectStore, history: TimelineHistory, from: Lsn, to: Lsn): Promise<Buffer | null> {
  const { pieces } = await readLogIndex(store, SYSTEM);
  const parts = partsOf(history, pieces, { from, to });
  if (parts === null) return null;
  return Buffer.concat(await Promise.all(parts.map(async ({ piece, from: start, to: end }) =>
    (await readPiece(store, piece.key, piece)).subarray(start - piece.start, end - piece.start))));
}

const FIRST = lsn(SEGMENT_BYTES);

describe('the archiver', function () {
  this.timeout(60_000);
  let env: SimEnv;
  let store: DirectoryStore;
  let node: TestNode;

  beforeEach(() => {
    env = simEnv(1);
    store = new DirectoryStore(env, '/archive');
    node = new TestNode(env, '/node/wal');
  });

  function logBytes(from: Lsn, to: Lsn, timeline = 1): Buffer {
    const parts: Buffer[] = [];
    for (let at: number = from; at < to;) {
      const end = Math.min(to, (Math.floor(at / SEGMENT_BYTES) + 1) * SEGMENT_BYTES);
      const bytes = Buffer.from(env.files.readFile(`/node/wal/${segmentName(timeline, Math.floor(at / SEGMENT_BYTES))}`));
      parts.push(bytes.subarray(at % SEGMENT_BYTES, at % SEGMENT_BYTES + end - at));
      at = end;
    }
    return Buffer.concat(parts);
  }

  it('ships completed segments at once, and what there is of the current one after archive_timeout', async () => {
    const { archiver, problems } = startArchiver(node, store, 60_000);
    await node.fillSegment();
    const end = await node.write(100, 200);
    await until(() => archiver.state.archivedThroughLsn === FIRST + SEGMENT_BYTES);
    expect(archiver.state).to.include({ archivedCount: 1, lastArchivedWal: '000000010000000000000001', failedCount: 0, lastFailedWal: null });
    await env.advance(59_000);
    expect(archiver.state.archivedThroughLsn).to.equal(FIRST + SEGMENT_BYTES);
    await env.advance(1500);
    await until(() => archiver.state.archivedThroughLsn === end);
    expect(archiver.state).to.include({ archivedCount: 2, lastArchivedWal: '000000010000000000000002' });
    expect(node.held).to.equal(end);
    expect(Buffer.compare((await archived(store, FIRST_HISTORY, FIRST, end))!, logBytes(FIRST, end))).to.equal(0);
    await archiver.stop();
    expect(problems).to.deep.equal([]);
    expect(node.held).to.equal(null);
    expect(node.watchers).to.equal(0);
  });

  it('ships everything on demand, and never what is not durable', async () => {
    const { archiver } = startArchiver(node, store);
    const end = await node.write(100);
    // Garbage behind the durable end, as a write that was never synced leaves it.
    const file = env.files.open(`/node/wal/${segmentName(1, 1)}`, 'write');
    file.writeSync(Buffer.alloc(500, 7), (end % SEGMENT_BYTES) + 64);
    expect(await archiver.archiveNow()).to.equal(end);
    expect(await archived(store, FIRST_HISTORY, FIRST, lsn(end + 1))).to.equal(null);
    await archiver.stop();
    expect(await archiver.archiveNow()).to.equal(null);
  });

  it('holds what is not archived, and waits out a store that is gone with growing pauses', async () => {
    env.failWrite('/archive', 'EIO');
    const { archiver, problems } = startArchiver(node, store);
    await node.fillSegment();
    await until(() => archiver.state.failedCount >= 6, env, 1000);
    expect(archiver.state).to.include({ archivedCount: 0, lastArchivedWal: null, lastFailedWal: '000000010000000000000001' });
    expect(node.held).to.equal(FIRST);
    const pauses = problems.map((problem) => (problem.kind === 'failed' ? problem.retryMs : 0));
    pauses.forEach((pause, index) => expect(pause).to.be.within(500 * 2 ** index, 1500 * 2 ** index));
    expect(describeProblem(problems[0])).to.match(/^archiving of 000000010000000000000001 failed: EIO/);
    env.failWrite('/archive', null);
    await until(() => archiver.state.archivedThroughLsn === FIRST + SEGMENT_BYTES, env, 1000);
    await archiver.stop();
  });

  it('tells the truth with a full disk', async () => {
    const end = await node.write(3 << 20, 3 << 20);
    env.setCapacity(0);
    const { archiver } = startArchiver(node, store);
    const asked = archiver.archiveNow();
    await until(() => archiver.state.failedCount >= 2, env, 1000);
    expect((await readLogIndex(store, SYSTEM)).pieces).to.deep.equal([]);
    expect(archiver.state.archivedThroughLsn).to.equal(0);
    env.setCapacity(Infinity);
    let answer: Lsn | null = null;
    void asked.then((position) => (answer = position));
    await until(() => answer !== null, env, 1000);
    expect(answer).to.equal(end);
    await archiver.stop();
  });

  it('never claims more than a power cut leaves, and goes on from there', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      env = simEnv(seed);
      node = new TestNode(env, '/node/wal');
      const first = startArchiver(node, new DirectoryStore(env, '/archive'));
      await node.write(1000);
      await first.archiver.archiveNow();
      await node.write(2000);
      const racing = first.archiver.archiveNow();
      for (let turn = 0; turn < seed; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      const claimed = first.archiver.state.archivedThroughLsn ?? lsn(0);
      env.powerCut();
      await first.archiver.stop();
      await racing;
      const after = TestNode.reopen(env, '/node/wal');
      const second = startArchiver(after, new DirectoryStore(env, '/archive'));
      await until(() => second.archiver.state.archivedThroughLsn !== null, env);
      expect(second.archiver.state.archivedThroughLsn, `seed ${seed}`).to.be.at.least(claimed);
      const end = await after.write(500);
      expect(await second.archiver.archiveNow()).to.equal(end);
      expect(Buffer.compare((await archived(new DirectoryStore(env, '/archive'), FIRST_HISTORY, FIRST, end))!, logBytes(FIRST, end))).to.equal(0);
      await second.archiver.stop();
    }
  });

  it('tells of a gap once, ships on behind it, and fills what it still can', async () => {
    const early = startArchiver(node, store);
    await node.fillSegment();
    const watermark = (await early.archiver.archiveNow())!;
    await early.archiver.stop();
    await node.fillSegment();
    await node.fillSegment();
    await node.fillSegment();
    // Nobody held the log while no archiver ran.
    node.removeSegmentsBefore(lsn(FIRST + 3 * SEGMENT_BYTES));
    const oldest = node.oldestLsn();
    const late = startArchiver(node, store);
    const end = await node.write(10);
    expect(await late.archiver.archiveNow()).to.equal(watermark);
    expect(late.archiver.state).to.deep.include({ archivedThroughLsn: watermark, gap: { from: watermark, to: oldest } });
    expect(late.problems).to.deep.equal([{ kind: 'gap', range: { from: watermark, to: oldest } }]);
    expect(await archived(store, FIRST_HISTORY, oldest, end)).to.not.equal(null);
    await node.write(10);
    await late.archiver.archiveNow();
    expect(late.problems).to.have.length(1);
    await late.archiver.stop();
    // A piece that is lost while the log is there is put again.
    const { pieces } = await readLogIndex(store, SYSTEM);
    const lost = pieces.find((piece) => piece.start === oldest)!;
    await store.remove(lost.key);
    const again = startArchiver(node, store);
    await again.archiver.archiveNow();
    expect(await store.exists(lost.key)).to.equal(true);
    await again.archiver.stop();
  });

  it('follows a promotion: history first, then the new timeline from the switch on', async () => {
    const { archiver } = startArchiver(node, store);
    const switchLsn = await node.write(1000);
    const history = branchHistory(FIRST_HISTORY, 2, switchLsn, 'promoted');
    await node.promote(history);
    const end = await node.write(2000);
    expect(await archiver.archiveNow()).to.equal(end);
    const index = await readLogIndex(store, SYSTEM);
    expect(index.historyTimelines).to.deep.equal([2]);
    expect(index.pieces.map(({ timeline, start, end: to }) => [timeline, start, to])).to.deep.equal([[1, FIRST, switchLsn], [2, switchLsn, end]]);
    expect(archiver.state).to.include({ archivedCount: 3, lastArchivedWal: segmentName(2, 1) });
    expect(Buffer.compare((await archived(store, history, FIRST, end))!, logBytes(FIRST, end, 2))).to.equal(0);
    await archiver.stop();
  });

  it('refuses a timeline that the archive has with another history', async () => {
    const switchLsn = await node.write(1000);
    await claimTimeline(store, SYSTEM, branchHistory(FIRST_HISTORY, 2, lsn(0x1000000), 'somebody else'));
    await node.promote(branchHistory(FIRST_HISTORY, 2, switchLsn, 'promoted'));
    const { archiver, problems } = startArchiver(node, store);
    await until(() => problems.length > 0);
    const [problem] = problems;
    expect(problem.kind === 'failed' && problem.error).to.include({ sqlstate: '58P02', message: 'archive "/archive" has another history of timeline 2' });
    expect(archiver.state).to.include({ archivedThroughLsn: null, lastFailedWal: '00000002.history' });
    await archiver.stop();
  });

  it('shares the place with a node that has the same log, cut elsewhere, and refuses another log', async () => {
    const end = await node.write(1000, 2000, 3000);
    const mine = startArchiver(node, store);
    // The other has listed the archive while it was empty, and ships after us.
    const twin = new TestNode(env, '/twin/wal');
    const other = startArchiver(twin, store);
    await until(() => other.archiver.state.archivedThroughLsn !== null);
    await mine.archiver.archiveNow();
    await twin.write(1000, 2000, 3000);
    const further = await twin.write(50);
    expect(await other.archiver.archiveNow()).to.equal(further);
    expect(other.problems).to.deep.equal([]);
    expect((await readLogIndex(store, SYSTEM)).pieces.map((piece) => piece.end)).to.deep.equal([end, further]);
    const foreign = new TestNode(env, '/foreign/wal');
    const refusing = new DirectoryStore(env, '/archive');
    await foreign.write(4000);
    const listed = { ...bare(refusing), list: async (prefix: string, after?: string, limit?: number) => (prefix.endsWith('/wal/') ? [] : refusing.list(prefix, after, limit)) };
    const diverged = startArchiver(foreign, listed);
    void diverged.archiver.archiveNow();
    await until(() => diverged.problems.length > 0);
    const [problem] = diverged.problems;
    expect(problem.kind === 'failed' && problem.error.message).to.equal('archive "/archive" has other log of timeline 1 from 0/1000000 on');
    for (const { archiver } of [mine, other, diverged]) await archiver.stop();
  });

  it('archives no bytes that are not records', async () => {
    const end = await node.write(1000, 1000);
    const file = env.files.open(`/node/wal/${segmentName(1, 1)}`, 'write');
    file.writeSync(Buffer.of(0xff), (end % SEGMENT_BYTES) - 100);
    const { archiver, problems } = startArchiver(node, store);
    void archiver.archiveNow();
    await until(() => problems.length > 0);
    expect(problems[0].kind === 'failed' && problems[0].error.message).to.match(/invalid record in the log at 0\/1000430: invalid record checksum/);
    expect((await readLogIndex(store, SYSTEM)).pieces).to.deep.equal([]);
    await archiver.stop();
  });

  it('does not look at every commit', async () => {
    let looks = 0;
    const oldest = node.oldestLsn.bind(node);
    node.oldestLsn = () => {
      looks++;
      return oldest();
    };
    const { archiver } = startArchiver(node, store, 60_000);
    await until(() => archiver.state.archivedThroughLsn !== null);
    for (let count = 0; count < 200; count++) await node.write(100);
    expect(looks).to.be.below(10);
    const end = node.durableLsn;
    await env.advance(61_000);
    await until(() => archiver.state.archivedThroughLsn === end);
    await archiver.stop();
  });

  it('stops though the store does not answer', async () => {
    let asked = false;
    const deaf = { ...bare(store), putIfAbsent: () => {
      asked = true;
      return new Promise<boolean>(() => undefined);
    } };
    await node.write(100);
    const { archiver } = startArchiver(node, deaf);
    const waiting = archiver.archiveNow();
    await until(() => asked);
    let stopped = false;
    void archiver.stop().then(() => (stopped = true));
    await env.advance(4000);
    expect(stopped).to.equal(false);
    await until(() => stopped, env);
    expect(await waiting).to.equal(null);
    expect(node.held).to.equal(null);
  });

  it('can be stopped at any moment', async () => {
    for (let turns = 0; turns < 40; turns += 3) {
      const archiver = new Archiver({ env, source: node, store, archiveTimeoutMs: 10, onProblem: () => undefined });
      await node.write(100);
      void archiver.archiveNow();
      for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      await archiver.stop();
      expect(node.held).to.equal(null);
    }
  });
});

/** A store's operations as an object, to replace one of them. */
function bare(store: ObjectStore): ObjectStore {
  return {
    name: store.name, put: (key, bytes) => store.put(key, bytes), putIfAbsent: (key, bytes) => store.putIfAbsent(key, bytes), get: (key) => store.get(key),
    list: (prefix, after, limit) => store.list(prefix, after, limit), remove: (key) => store.remove(key), exists: (key) => store.exists(key),
  };
}

describe('coverage', () => {
  const history = branchHistory(branchHistory(FIRST_HISTORY, 2, lsn(100), 'a'), 3, lsn(200), 'b');
  const piece = (timeline: number, start: number, end: number) => ({ timeline, start: lsn(start), end: lsn(end), digest: '' });

  it('counts of each timeline only what belongs to the history', () => {
    const pieces = [piece(1, 0, 60), piece(1, 60, 150), piece(2, 100, 180), piece(3, 200, 300), piece(4, 180, 200), piece(2, 180, 250)];
    const coverage = Coverage.of(history, pieces);
    expect(coverage.firstUncovered(coverage.start)).to.equal(300);
    expect(coverage.holes({ from: lsn(0), to: lsn(400) })).to.deep.equal([{ from: 300, to: 400 }]);
    expect(partsOf(history, pieces, { from: lsn(50), to: lsn(290) })!.map(({ piece: of, from, to }) => [of.timeline, from, to])).to.deep.equal([
      [1, 50, 60], [1, 60, 100], [2, 100, 180], [2, 180, 200], [3, 200, 290],
    ]);
    expect(partsOf(history, pieces.slice(1), { from: lsn(50), to: lsn(290) })).to.equal(null);
  });

  it('merges what overlaps or touches, whatever the order, as a slow twin does', () => {
    let state = 1;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 200; round++) {
      const covered = new Uint8Array(80);
      const coverage = new Coverage();
      for (let count = random(12); count > 0; count--) {
        const from = random(60);
        const to = from + random(8);
        covered.fill(1, from, to);
        coverage.add({ from: lsn(from), to: lsn(to) });
      }
      const uncovered = [...covered.keys()].filter((at) => covered[at] === 0);
      const holes = coverage.holes({ from: lsn(0), to: lsn(80) });
      expect(holes.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index))).to.deep.equal(uncovered);
      for (let at = 0; at < 63; at++) expect(coverage.firstUncovered(lsn(at))).to.equal(uncovered.find((hole) => hole >= at));
    }
  });
});
