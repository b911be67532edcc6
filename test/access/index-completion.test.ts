/**
 * An index that is completed beside writers (`lib/access/index-completion.ts`): random histories of transactions, of which the early ones
 * may not know the index, with checkpoints and a power cut. In the end the index has exactly the keys of the rows' newest versions.
 */
import { expect } from 'chai';
import type { IndexKey, RowId, Savepoint, StorageEngine, Transaction } from '../../lib/access/api.js';
import { EngineIndex } from '../../lib/access/index.js';
import { openStorage } from '../../lib/access/storage.js';
import type { Suspendable } from '../../lib/base/suspend.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import type { Row } from '../../lib/types/datum.js';
import { CrashDisk } from './crash-store.js';
import { begin, inTransaction, rows } from './support.js';

const SHAPE = { attributeCount: 3, missing: [] };
const ROWS = 400;
const KEYS = 5;
const WRITERS = 5;
const SEEDS = Number(process.env.PGLITEDB_SEEDS ?? 30);
const FIRST_SEED = Number(process.env.PGLITEDB_FIRST_SEED ?? 1);
/** A few rows are so wide that their transactions send changes to the log long before they end. */
const WIDE = 'x'.repeat(450_000);

/** A transaction under way. */
interface Running {
  readonly transaction: Transaction;
  readonly savepoints: Savepoint[];
  /** Began before the index was committed: its statements may not know it. */
  readonly early: boolean;
}

const keyOf = (row: Row | null): IndexKey | null => (row === null ? null : `key ${String(row[1])}`);

/** One history. */
class History {
  readonly env: SimEnv;
  private readonly disk: CrashDisk;
  engine!: StorageEngine;
  private heapFile = 0;
  private indexFile = 0;
  private readonly running: Running[] = [];
  private announced = false;

  constructor(seed: number) {
    this.env = simEnv(seed);
    this.disk = new CrashDisk(() => this.env.random.float());
    let now = 0;
    // It is late whenever somebody looks: every few entries are a slice.
    this.env.clock.monotonicMs = () => (now += 5);
  }

  roll(limit: number): number {
    return Math.floor(this.env.random.float() * limit);
  }

  async open(): Promise<void> {
    this.engine = await openStorage({
      dir: 'data', env: this.env, settings: { sharedBuffers: 64 << 20, maxWalSize: 64 << 20, checkpointTimeoutMs: 1_000_000 },
      fatal: () => undefined, openStore: () => this.disk.open(),
    });
  }

  async start(): Promise<void> {
    await this.open();
    inTransaction(this.engine, (transaction) => {
      this.heapFile = this.engine.createFile(transaction, 'heap', 'permanent');
      for (let id = 1; id <= ROWS; id++) this.heap.insert(transaction, [id, this.roll(KEYS), null]);
    });
  }

  get heap() {
    return this.engine.openHeap(this.heapFile, SHAPE);
  }

  get index() {
    return this.engine.openIndex(this.indexFile);
  }

  /** The index is there from now on. */
  announce(): void {
    inTransaction(this.engine, (transaction) => {
      this.indexFile = this.engine.createFile(transaction, 'index', 'permanent');
    });
    this.announced = true;
  }

  get earlyOnes(): number {
    return this.running.filter((one) => one.early).length;
  }

  step(): void {
    if (this.running.length < WRITERS && this.roll(3) === 0) {
      this.running.push({ transaction: begin(this.engine), savepoints: [], early: !this.announced });
      return;
    }
    const one = this.running[this.roll(this.running.length)];
    if (one === undefined) return;
    const { transaction, savepoints } = one;
    switch (this.roll(12)) {
      case 0: return this.end(one, true);
      case 1: return this.end(one, false);
      case 2: return void savepoints.push(transaction.beginSavepoint());
      case 3: {
        const last = savepoints.at(-1);
        if (last !== undefined) transaction.rollbackToSavepoint(last);
        return;
      }
      default: return this.write(one);
    }
  }

  steps(count: number): void {
    for (let at = 0; at < count; at++) this.step();
  }

  private end(one: Running, commit: boolean): void {
    this.running.splice(this.running.indexOf(one), 1);
    if (commit) one.transaction.commit();
    else one.transaction.abort();
  }

  endAll(commit: () => boolean): void {
    for (const one of [...this.running]) this.end(one, commit());
  }

  private write({ transaction, early }: Running): void {
    const { heap } = this;
    const knows = this.announced && (!early || this.roll(2) === 0);
    transaction.incrementCommandId();
    const wide = this.roll(8) === 0 ? WIDE : null;
    const kind = this.roll(10);
    if (kind === 0) {
      const row: Row = [0, this.roll(KEYS), wide];
      const rowId = heap.insert(transaction, row);
      if (knows) this.index.insert(transaction, keyOf(row) as IndexKey, rowId);
      return;
    }
    // Some rows are changed again and again.
    const rowId: RowId = 1 + this.roll(this.roll(3) > 0 ? 12 : ROWS);
    const snapshot = transaction.catalogSnapshot();
    const old = heap.fetch(rowId, snapshot);
    if (old === null) return;
    const row: Row | null = kind === 1 ? null : [old[0], kind === 2 ? old[1] : this.roll(KEYS), wide];
    const result = row === null ? heap.delete(transaction, rowId, snapshot) : heap.update(transaction, rowId, row, snapshot, false);
    if (result.kind !== 'ok' || !knows) return;
    const [before, after] = [keyOf(old), keyOf(row)];
    if (before === after) return;
    if (before !== null) this.index.remove(transaction, before, rowId);
    if (after !== null) this.index.insert(transaction, after, rowId);
  }

  /** The work, with the writers' between its slices. */
  async complete(): Promise<void> {
    const { heap, index, engine } = this;
    const completion = index.complete(99, { memoryBytes: 1 << 20, scratch: null });
    await this.drive(completion.dropStrays((rowId) => keyOf(heap.fetchNewest(rowId))));
    const builder = begin(engine);
    const snapshot = builder.catalogSnapshot();
    const unpin = builder.pinSnapshot(snapshot);
    this.steps(this.roll(60));
    const seen = rows(heap, snapshot).length;
    let added = 0;
    for (let rowId = 1; added < seen; rowId++) {
      const key = keyOf(heap.fetch(rowId, snapshot));
      if (key === null) continue;
      completion.add(key, rowId);
      added++;
    }
    await this.drive(completion.finish(snapshot.lsn, null));
    completion.close();
    unpin();
    builder.commit();
  }

  private async drive(work: Suspendable<void>): Promise<void> {
    for (;;) {
      const step = work.next();
      if (step.done) return;
      await step.value.until;
      this.steps(this.roll(25));
      if (this.roll(12) === 0) await this.engine.checkpoint();
    }
  }

  async crash(): Promise<void> {
    this.running.length = 0;
    await this.engine.whenFlushed(this.engine.appendedLsn());
    this.env.powerCut();
    this.disk.powerCut();
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    await this.open();
  }

  /** Of the newest versions every one is in the index, and nothing else is as such. */
  check(): void {
    const { heap, index } = this;
    if (!(index instanceof EngineIndex)) throw new Error('an index of the engine');
    const wrong: string[] = [];
    for (const cursor = index.range(null, null, false); cursor.next();) {
      const live = index.store.hasLive(cursor.key, cursor.rowId);
      if (live !== (keyOf(heap.fetchNewest(cursor.rowId)) === cursor.key)) wrong.push(`${live ? 'stray' : 'retired'} (${cursor.key}, ${cursor.rowId})`);
    }
    for (let rowId = 1; rowId <= ROWS * 3; rowId++) {
      const key = keyOf(heap.fetchNewest(rowId));
      if (key !== null && !index.store.hasLive(key, rowId)) wrong.push(`missing (${key}, ${rowId})`);
    }
    expect(wrong).to.deep.equal([]);
  }
}

describe('completing an index beside writers', function () {
  this.timeout(60_000);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`leaves it as if it had been there before all rows, seed ${seed}`, async () => {
      const history = new History(seed);
      await history.start();
      history.steps(120 + history.roll(100));
      history.announce();
      while (history.earlyOnes > 0) history.steps(1);
      await history.complete();
      history.check();
      history.steps(history.roll(80));
      history.check();
      await history.crash();
      history.check();
      history.steps(100);
      history.endAll(() => history.roll(2) === 0);
      history.check();
      await history.engine.close();
    });
  }

  it('an entry that was left behind is that of the version which comes to it, and goes with it', async () => {
    const engine = await openStorage({ dir: 'memory://' });
    const heap = inTransaction(engine, (transaction) => engine.openHeap(engine.createFile(transaction, 'heap', 'permanent'), SHAPE));
    inTransaction(engine, (transaction) => heap.insert(transaction, [1, 0, null]));
    const unaware = begin(engine);
    const index = inTransaction(engine, (transaction) => engine.openIndex(engine.createFile(transaction, 'index', 'permanent')));
    const move = (transaction: Transaction, key: number, knows: boolean): void => {
      const snapshot = transaction.catalogSnapshot();
      const before = keyOf(heap.fetch(1, snapshot)) as IndexKey;
      expect(heap.update(transaction, 1, [1, key, null], snapshot, false).kind).to.equal('ok');
      if (!knows) return;
      index.remove(transaction, before, 1);
      index.insert(transaction, `key ${key}`, 1);
    };
    inTransaction(engine, (transaction) => move(transaction, 1, true));
    move(unaware, 2, false);
    unaware.commit();
    const undone = begin(engine);
    move(undone, 1, true);
    const completion = index.complete(99, { memoryBytes: 1 << 20, scratch: null });
    for (const work = completion.dropStrays((rowId) => keyOf(heap.fetchNewest(rowId))); !work.next().done;);
    undone.abort();
    const builder = begin(engine);
    const snapshot = builder.catalogSnapshot();
    const unpin = builder.pinSnapshot(snapshot);
    completion.add('key 2', 1);
    for (const work = completion.finish(snapshot.lsn, null); !work.next().done;);
    completion.close();
    unpin();
    builder.commit();
    const { store } = index as EngineIndex;
    expect([0, 1, 2].map((key) => store.hasLive(`key ${key}`, 1))).to.deep.equal([false, false, true]);
    await engine.close();
  });
});
