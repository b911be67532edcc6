/**
 * A standby beside a primary under random work: what its queries see is always the primary's state at some commit, whatever is cut,
 * restarted, cloned or promoted. No network here: log and state are carried over by hand.
 */
import { expect } from 'chai';
import type { Heap, StorageEngine } from '../../lib/access/api.js';
import { installState, rewind } from '../../lib/access/clone.js';
import type { Standby } from '../../lib/access/standby.js';
import { openStandby, openStorage } from '../../lib/access/storage.js';
import { PgError } from '../../lib/base/error.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { forkPoint } from '../../lib/wal/history.js';
import type { LogSource, StateSource } from '../../lib/wal/shipping.js';
import { StreamReader } from '../../lib/wal/stream.js';
import { CrashDisk } from './crash-store.js';
import { ModelRun } from './model.js';
import { begin, inTransaction, makeHeap, rowsNow } from './support.js';

const TIGHT = { sharedBuffers: 300_000, maxWalSize: 400_000, checkpointTimeoutMs: 1_000_000 };
const SEEDS = Number(process.env.PGLITEDB_SEEDS ?? 2);
const NO_DELAY = { applyDelayMs: 0, conflictDelayMs: 30_000 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A standby's machine: disk, clock, and the standby while it runs. */
class Replica {
  readonly env: SimEnv;
  readonly disk: CrashDisk;
  standby!: Standby;

  constructor(seed: number, private readonly settings = TIGHT) {
    this.env = simEnv(seed);
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  get directory(): { env: SimEnv; dir: string; openStore: () => ReturnType<CrashDisk['open']> } {
    return { env: this.env, dir: 'data', openStore: () => this.disk.open() };
  }

  async clone(source: StateSource): Promise<void> {
    const state = await source.takeState();
    await installState(this.directory, state.info, state.entries());
    await state.close();
    await this.open();
  }

  async open(): Promise<void> {
    this.standby = await openStandby({ ...this.directory, settings: this.settings, fatal: () => undefined, standby: { ...NO_DELAY } });
  }

  /** Receives up to `limit`, in pieces. */
  receive(source: LogSource, upstreamEnv: SimEnv, limit: Lsn, piece = 100_000, isAwaited = true): void {
    const reader = new StreamReader(upstreamEnv, source.logDirectory, source.history.timeline);
    for (let at = this.standby.receivedPosition.endLsn; at < limit;) {
      const bytes = reader.read(at, limit, piece);
      this.standby.receive(bytes, isAwaited);
      at = lsn(at + bytes.length);
    }
    reader.close();
  }

  /** Waits until everything received is flushed and applied. */
  async caughtUp(): Promise<void> {
    this.standby.whenDurable(() => undefined);
    while (this.standby.appliedLsn < this.standby.flushedLsn || this.standby.flushedLsn < this.standby.end) await turn();
  }

  async powerCut(): Promise<void> {
    this.env.powerCut();
    this.disk.powerCut();
    for (let turns = 0; turns < 5; turns++) await turn();
  }
}

function sourceOf(engine: StorageEngine): LogSource & StateSource {
  const { source } = engine;
  if (source === null) throw new Error('an engine on disk has a source');
  return source;
}

/** A primary with a row in a heap, and a replica that was cloned from it. */
async function clonedPair(seed: number): Promise<{ env: SimEnv; primary: StorageEngine; heap: Heap; source: LogSource & StateSource; replica: Replica }> {
  const env = simEnv(seed);
  const disk = new CrashDisk(() => env.random.float());
  const primary = await openStorage({ dir: 'data', env, openStore: () => disk.open(), settings: TIGHT, fatal: () => undefined });
  const { heap } = makeHeap(primary, [[1, 'a']]);
  const source = sourceOf(primary);
  await primary.whenFlushed(primary.appendedLsn());
  const replica = new Replica(seed + 1);
  await replica.clone(source);
  return { env, primary, heap, source, replica };
}

describe('standby', function () {
  it('is not promoted before it has the log below the state that it was cloned with', async () => {
    const { env, heap, source, replica } = await clonedPair(5);
    expect(replica.standby.isConsistent).to.equal(true);
    expect(rowsNow(replica.standby.engine, heap)).to.have.length(1);
    const refused = await replica.standby.promote(2, 'test').then(() => null, (error: unknown) => error);
    expect(refused).to.be.instanceOf(PgError).and.include({ sqlstate: '55000', message: 'the standby cannot be promoted: it has not reached a consistent state' });
    // It goes on standing by, and is promoted once the log is there.
    replica.receive(source, env, source.durableLsn);
    await replica.caughtUp();
    expect(rowsNow(replica.standby.engine, heap)).to.have.length(1);
    const history = await replica.standby.promote(2, 'test');
    expect(history.ancestors.at(-1)?.switchLsn).to.equal(source.durableLsn);
    expect(rowsNow(replica.standby.engine, heap)).to.have.length(1);
  });

  it('lets log that nobody waits for rest before it is flushed, but not for long, and not where it is shipped on or the stream has ended', async () => {
    const { env, primary, heap, source, replica } = await clonedPair(7);
    replica.receive(source, env, source.durableLsn);
    await replica.caughtUp();
    const { standby } = replica;
    let rows = 1;
    const more = async (isAwaited: boolean): Promise<void> => {
      inTransaction(primary, (transaction) => heap.insert(transaction, [++rows, 'b']));
      await primary.whenFlushed(primary.appendedLsn());
      replica.receive(source, env, source.durableLsn, 100_000, isAwaited);
      for (let turns = 0; turns < 20; turns++) await turn();
      expect(rowsNow(standby.engine, heap), 'seen at once').to.have.length(rows);
    };
    await more(false);
    expect(standby.flushedLsn).to.be.lessThan(standby.end);
    await more(false);
    await replica.env.advance(10);
    expect(standby.flushedLsn).to.equal(standby.end);
    await more(true);
    expect(standby.flushedLsn, 'awaited').to.equal(standby.end);
    await more(false);
    standby.streamEnded();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(standby.flushedLsn, 'the stream has ended').to.equal(standby.end);
    const unwatch = sourceOf(standby.engine).watchLog(() => undefined, true);
    await more(false);
    expect(standby.flushedLsn, 'shipped on').to.equal(standby.end);
    unwatch();
    await more(false);
    expect(standby.flushedLsn, 'shipped on no more').to.be.lessThan(standby.end);
    await standby.engine.close();
    await primary.close();
  });

  this.timeout(120_000);

  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`shows the primary's state at some commit through clones, cuts and restarts, seed ${seed}`, async () => {
      const run = new ModelRun(seed, TIGHT);
      await run.start();
      for (let step = 0; step < 40; step++) await run.step();
      const replica = new Replica(seed + 1000);
      const source = sourceOf(run.engine);
      const hold = source.holdLog('test', lsn(0));
      await replica.clone(source);
      let seen = 0;
      for (let step = 0; step < 150; step++) {
        await run.step();
        const choice = Math.floor(replica.env.random.float() * 40);
        if (choice < 12) replica.receive(source, run.env, source.durableLsn, 1 + Math.floor(replica.env.random.float() * 200_000), choice < 6);
        else if (choice === 12) replica.standby.streamEnded();
        else if (choice === 13) void replica.standby.engine.checkpoint();
        else if (choice === 14) {
          await replica.standby.engine.close();
          await replica.open();
        } else if (choice === 15) {
          await replica.powerCut();
          await replica.open();
        }
        if (choice > 25 && replica.standby.isConsistent) {
          const at = run.checkOther(replica.standby.engine);
          expect(at, 'positions never go back but by a crash').to.be.at.least(choice === 15 ? 0 : Math.min(seen, at));
          seen = at;
        }
      }
      await run.engine.whenFlushed(run.engine.appendedLsn());
      replica.receive(source, run.env, source.durableLsn);
      await replica.caughtUp();
      expect(run.checkOther(replica.standby.engine)).to.equal(source.durableLsn);
      hold.release();
    });

    it(`is promoted with all that it received, and the old primary rejoins by cutting its log or is cloned, seed ${seed}`, async () => {
      const run = new ModelRun(seed, TIGHT);
      await run.start();
      const source = sourceOf(run.engine);
      const replica = new Replica(seed + 2000);
      await replica.clone(source);
      const hold = source.holdLog('test', lsn(0));
      for (let step = 0; step < 60; step++) {
        await run.step();
        replica.receive(source, run.env, source.durableLsn);
      }
      for (let step = 0; step < seed * 8; step++) await run.step();
      const { standby } = replica;
      await standby.promote(2, 'a test');
      const promoted = standby.engine;
      const fork = standby.engine.source?.history.ancestors[0].switchLsn as Lsn;
      await run.crashForGood();
      run.moveTo(promoted, fork);
      expect(promoted.inRecovery).to.equal(false);
      expect(promoted.timeline).to.equal(2);
      for (let step = 0; step < 40; step++) await run.step();
      await promoted.whenFlushed(promoted.appendedLsn());
      // The old primary's directory.
      const old = new Replica(seed + 3000);
      Object.assign(old, { env: run.env, disk: run.disk });
      const upstream = sourceOf(promoted);
      const keep = upstream.holdLog('rejoin', lsn(0));
      if (await rewind(old.directory, upstream.history, fork)) {
        await old.open();
        expect(old.standby.receivedPosition.endLsn).to.be.at.most(fork);
      } else {
        run.env.files.removeTree('data');
        old.disk.current.clear();
        await old.clone(upstream);
      }
      expect(forkPoint(upstream.history, sourceOf(old.standby.engine).history)).to.be.at.least(old.standby.receivedPosition.endLsn);
      if (old.standby.engine.timeline !== 2) {
        const end = upstream.history.ancestors[0].switchLsn;
        old.receive(upstream, replica.env, end);
        await old.standby.followTimeline(upstream.history);
      }
      old.receive(upstream, replica.env, upstream.durableLsn);
      await old.caughtUp();
      expect(run.checkOther(old.standby.engine)).to.equal(upstream.durableLsn);
      await old.standby.engine.close();
      await old.open();
      expect(old.standby.engine.timeline).to.equal(2);
      run.checkOther(old.standby.engine);
      hold.release();
      keep.release();
    });
  }

  it('refuses damaged log and writes nothing of it', async () => {
    const run = new ModelRun(5, TIGHT);
    await run.start();
    const source = sourceOf(run.engine);
    const replica = new Replica(77);
    await replica.clone(source);
    for (let step = 0; step < 30; step++) await run.step();
    await run.engine.whenFlushed(run.engine.appendedLsn());
    const from = replica.standby.receivedPosition.endLsn;
    const reader = new StreamReader(run.env, source.logDirectory, 1);
    const bytes = reader.read(from, source.durableLsn, 1 << 20);
    reader.close();
    const damaged = Buffer.from(bytes);
    damaged[damaged.length >> 1] ^= 1;
    const before = replica.standby.end;
    expect(() => replica.standby.receive(damaged, true)).to.throw(PgError, 'invalid log received');
    replica.standby.streamEnded();
    expect(replica.standby.end).to.equal(before);
    replica.receive(source, run.env, source.durableLsn);
    await replica.caughtUp();
    expect(run.checkOther(replica.standby.engine)).to.equal(source.durableLsn);
  });

  it('keeps the versions that its queries need, however far it has applied', async () => {
    const env = simEnv(4);
    const disk = new CrashDisk(() => env.random.float());
    const primary = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => disk.open() });
    const { heap, rowIds } = makeHeap(primary, [[1, 'a'], [2, 'b']]);
    const source = sourceOf(primary);
    const replica = new Replica(5);
    await replica.clone(source);
    const other = replica.standby.engine.openHeap(heap.file, heap.shape);
    const reader = begin(replica.standby.engine);
    const snapshot = reader.takeSnapshot();
    const unpin = reader.pinSnapshot(snapshot);
    for (let value = 0; value < 10; value++) inTransaction(primary, (transaction) => heap.update(transaction, rowIds[0], [1, `v${value}`], transaction.takeSnapshot(), false));
    inTransaction(primary, (transaction) => heap.delete(transaction, rowIds[1], transaction.catalogSnapshot()));
    await primary.whenFlushed(primary.appendedLsn());
    replica.receive(source, env, source.durableLsn);
    await replica.caughtUp();
    for (const _ of replica.standby.engine.vacuum());
    expect(rowIds.map((rowId) => other.fetch(rowId, snapshot))).to.deep.equal([[1, 'a'], [2, 'b']]);
    unpin();
    reader.commit();
    expect(rowsNow(replica.standby.engine, other)).to.deep.equal([[1, 'v0']]);
  });

  it('applies before its own log is durable, and nothing stands on that: no checkpoint, and no state after a power cut', async () => {
    const run = new ModelRun(11, TIGHT);
    await run.start();
    const source = sourceOf(run.engine);
    const replica = new Replica(12);
    await replica.clone(source);
    replica.receive(source, run.env, source.durableLsn);
    await replica.caughtUp();
    await replica.standby.engine.checkpoint();
    const durable = replica.standby.flushedLsn;
    replica.env.holdSyncs('wal/');
    for (let step = 0; step < 40; step++) await run.step();
    await run.engine.whenFlushed(run.engine.appendedLsn());
    replica.receive(source, run.env, source.durableLsn);
    while (replica.standby.appliedLsn < source.durableLsn) await turn();
    expect(run.checkOther(replica.standby.engine), 'seen').to.equal(source.durableLsn);
    expect(replica.standby.flushedLsn, 'durable').to.equal(durable);
    let finished = false;
    void replica.standby.engine.checkpoint().then(() => { finished = true; });
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(finished, 'a checkpoint waits for the log').to.equal(false);
    await replica.powerCut();
    replica.env.holdSyncs(null);
    await replica.open();
    expect(run.checkOther(replica.standby.engine), 'after the cut').to.be.at.least(durable);
    replica.receive(source, run.env, source.durableLsn);
    await replica.caughtUp();
    expect(run.checkOther(replica.standby.engine)).to.equal(source.durableLsn);
  });

  it('reads back from its files what came faster than it was applied', async () => {
    const env = simEnv(13);
    const disk = new CrashDisk(() => env.random.float());
    const primary = await openStorage({ dir: 'data', env, openStore: () => disk.open(), settings: TIGHT, fatal: () => undefined });
    const { heap } = makeHeap(primary, []);
    const source = sourceOf(primary);
    const hold = source.holdLog('test', lsn(0));
    const replica = new Replica(14);
    await replica.clone(source);
    replica.receive(source, env, source.durableLsn);
    await replica.caughtUp();
    replica.standby.setPaused(true);
    const text = 'x'.repeat(100_000);
    let rows = 0;
    for (; rows < 60; rows++) {
      inTransaction(primary, (transaction) => void heap.insert(transaction, [rows, text]));
      await primary.whenFlushed(primary.appendedLsn());
      replica.receive(source, env, source.durableLsn);
    }
    while (replica.standby.flushedLsn < replica.standby.end) await turn();
    replica.standby.setPaused(false);
    for (; rows < 70; rows++) {
      inTransaction(primary, (transaction) => void heap.insert(transaction, [rows, text]));
      await primary.whenFlushed(primary.appendedLsn());
      replica.receive(source, env, source.durableLsn);
    }
    await replica.caughtUp();
    expect(replica.standby.appliedLsn).to.equal(source.durableLsn);
    expect(rowsNow(replica.standby.engine, heap).map(([id]) => id)).to.deep.equal(Array.from({ length: rows }, (_, id) => id));
    hold.release();
  });

  it('applies commits as late as it is told, pauses, and forgets both when it is promoted', async () => {
    const run = new ModelRun(9, TIGHT);
    await run.start();
    const source = sourceOf(run.engine);
    const replica = new Replica(10);
    await replica.clone(source);
    replica.standby.settings.applyDelayMs = 60_000;
    const before = replica.standby.appliedLsn;
    for (let step = 0; step < 40; step++) await run.step();
    await run.engine.whenFlushed(run.engine.appendedLsn());
    replica.receive(source, run.env, source.durableLsn);
    while (replica.standby.flushedLsn < replica.standby.end) await turn();
    await replica.env.advance(1000);
    expect(replica.standby.flushedLsn).to.equal(source.durableLsn);
    expect(run.checkOther(replica.standby.engine)).to.equal(before);
    replica.standby.setPaused(true);
    await replica.env.advance(120_000);
    expect(replica.standby.appliedLsn).to.equal(before);
    replica.standby.setPaused(false);
    await replica.env.advance(120_000);
    await replica.caughtUp();
    expect(run.checkOther(replica.standby.engine)).to.equal(source.durableLsn);
    replica.standby.setPaused(true);
    for (let step = 0; step < 10; step++) await run.step();
    await run.engine.whenFlushed(run.engine.appendedLsn());
    replica.receive(source, run.env, source.durableLsn);
    await replica.standby.promote(2, 'a test');
    expect(run.checkOther(replica.standby.engine)).to.be.at.least(source.durableLsn);
  });
});
