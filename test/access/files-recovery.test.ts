/**
 * Random creation and removal of files, with rows, sequences and metadata, under checkpoints and power cuts: what is there
 * after a crash is what some prefix of the commits made, with everything acknowledged.
 */
import { expect } from 'chai';
import type { StorageEngine, Transaction } from '../../lib/access/api.js';
import { openStorage } from '../../lib/access/storage.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import { CrashDisk } from './crash-store.js';
import { begin, rowsNow } from './support.js';

const SHAPE = { attributeCount: 1, missing: [] };

/** Committed state: row count by heap file, sequences, metadata. */
interface State {
  heaps: Map<number, number>;
  sequences: Set<number>;
  meta: Map<string, number>;
}

interface Open {
  readonly transaction: Transaction;
  /** What the commit will do. */
  changes: ((state: State) => void)[];
  created: number[];
  savepoint: { mark: ReturnType<Transaction['beginSavepoint']>; changes: number; created: number } | null;
}

class FilesRun {
  readonly env: SimEnv;
  private readonly disk: CrashDisk;
  engine!: StorageEngine;
  private commits: { lsn: number; changes: ((state: State) => void)[] }[] = [];
  private open: Open[] = [];
  private ticks = 0;
  private acknowledged = 0;
  /** Highest value of each sequence whose use was acknowledged. */
  private readonly used = new Map<number, { value: number; lsn: number }[]>();
  private stable: State = { heaps: new Map(), sequences: new Set(), meta: new Map() };

  constructor(seed: number) {
    this.env = simEnv(seed);
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  private random(limit: number): number {
    return Math.floor(this.env.random.float() * limit);
  }

  async openEngine(): Promise<void> {
    const env = { ...this.env, clock: { ...this.env.clock, monotonicMs: () => (this.ticks += 5) } };
    this.engine = await openStorage({ dir: 'data', env, fatal: () => undefined, openStore: () => this.disk.open(), settings: { sharedBuffers: 200_000 } });
  }

  /** Files that every transaction sees: committed ones. */
  private visible(): State {
    const state: State = { heaps: new Map(this.stable.heaps), sequences: new Set(this.stable.sequences), meta: new Map(this.stable.meta) };
    for (const commit of this.commits) for (const change of commit.changes) change(state);
    return state;
  }

  async step(): Promise<void> {
    const choice = this.random(100);
    if (this.open.length === 0 || (choice < 15 && this.open.length < 3)) {
      this.open.push({ transaction: begin(this.engine), changes: [], created: [], savepoint: null });
    } else {
      const own = this.open[this.random(this.open.length)];
      if (choice < 40) this.create(own);
      else if (choice < 50) this.insert(own);
      else if (choice < 55) this.drop(own);
      else if (choice < 60) this.nextValue();
      else if (choice < 65) this.putMeta(own);
      else if (choice < 70) this.savepointOrBack(own);
      else if (choice < 85) this.end(own, true);
      else if (choice < 90) this.end(own, false);
      else void this.engine.checkpoint();
    }
    for (let turns = this.random(5); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    this.acknowledged = this.engine.flushedLsn();
  }

  private create(own: Open): void {
    const { transaction } = own;
    if (this.random(3) === 0) {
      const file = this.engine.createFile(transaction, 'sequence', 'permanent');
      this.engine.openSequence(file).write({ lastValue: 10, isCalled: true, logCount: 0 });
      own.changes.push((state) => state.sequences.add(file));
      return;
    }
    const file = this.engine.createFile(transaction, 'heap', 'permanent');
    const count = this.random(3) === 0 ? this.random(1500) : this.random(20);
    this.insertInto(own, file, count);
    own.created.push(file);
    own.changes.push((state) => state.heaps.set(file, 0), grow(file, count));
  }

  private insertInto(own: Open, file: number, count: number): void {
    const heap = this.engine.openHeap(file, SHAPE);
    for (let index = 0; index < count; index++) heap.insert(own.transaction, [index]);
  }

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.random(list.length)];
  }

  /** Files that nobody else is dropping: as locks would have it. */
  private insert(own: Open): void {
    const file = this.pick([...own.created, ...this.freeHeaps()]);
    if (file === undefined) return;
    const count = 1 + this.random(30);
    this.insertInto(own, file, count);
    own.changes.push(grow(file, count));
    this.busy.add(file);
  }

  /** Committed files that an open transaction has touched. */
  private readonly busy = new Set<number>();

  private freeHeaps(): number[] {
    return [...this.visible().heaps.keys()].filter((file) => !this.busy.has(file));
  }

  private drop(own: Open): void {
    const file = this.pick(this.freeHeaps());
    if (file === undefined) return;
    this.engine.dropFile(own.transaction, file);
    own.changes.push((state) => state.heaps.delete(file));
    this.busy.add(file);
  }

  private nextValue(): void {
    const file = this.pick([...this.visible().sequences]);
    if (file === undefined) return;
    const sequence = this.engine.openSequence(file);
    const state = sequence.read();
    const value = (state.lastValue as number) + 1;
    if (state.logCount > 0) sequence.write({ lastValue: value, isCalled: true, logCount: state.logCount - 1 });
    else sequence.write({ lastValue: value, isCalled: true, logCount: 5, aheadValue: value + 5 });
    const uses = this.used.get(file) ?? [];
    uses.push({ value, lsn: this.engine.appendedLsn() });
    this.used.set(file, uses);
  }

  private putMeta(own: Open): void {
    const key = `key${this.random(5)}`;
    const value = this.random(256);
    this.engine.putMeta(own.transaction, key, Uint8Array.of(value));
    own.changes.push((state) => state.meta.set(key, value));
  }

  private savepointOrBack(own: Open): void {
    if (own.savepoint === null) {
      own.savepoint = { mark: own.transaction.beginSavepoint(), changes: own.changes.length, created: own.created.length };
      return;
    }
    own.transaction.rollbackToSavepoint(own.savepoint.mark);
    own.changes.length = own.savepoint.changes;
    own.created.length = own.savepoint.created;
  }

  private end(own: Open, commit: boolean): void {
    this.open.splice(this.open.indexOf(own), 1);
    if (!commit) own.transaction.abort();
    else {
      const lsn = own.transaction.commit();
      if (lsn > 0) this.commits.push({ lsn, changes: own.changes });
    }
    if (this.open.length === 0) this.busy.clear();
  }

  async crash(): Promise<void> {
    this.env.powerCut();
    this.disk.powerCut();
    this.open = [];
    this.busy.clear();
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    await this.openEngine();
    this.check();
  }

  async restart(): Promise<void> {
    for (const own of [...this.open]) this.end(own, false);
    await this.engine.close();
    await this.openEngine();
    this.check();
  }

  private check(): void {
    const end = this.engine.appendedLsn();
    const lost = this.commits.filter((commit) => commit.lsn > end);
    for (const commit of lost) expect(commit.lsn).to.be.greaterThan(this.acknowledged);
    const everything = this.visible();
    this.commits = this.commits.filter((commit) => commit.lsn <= end);
    this.stable = this.visible();
    this.commits = [];
    for (const [file, count] of this.stable.heaps) expect(rowsNow(this.engine, this.engine.openHeap(file, SHAPE)), `file ${file}`).to.have.length(count);
    for (const file of everything.heaps.keys()) if (!this.stable.heaps.has(file)) expect(() => this.engine.openHeap(file, SHAPE)).to.throw('not a heap');
    for (const file of this.stable.sequences) {
      const { lastValue } = this.engine.openSequence(file).read();
      for (const use of this.used.get(file) ?? []) if (use.lsn <= end) expect(lastValue).to.be.at.least(use.value);
    }
    this.used.clear();
    for (const [key, value] of this.stable.meta) expect(Buffer.from(this.engine.getMeta(key) ?? [])).to.deep.equal(Buffer.of(value));
  }
}

function grow(file: number, count: number): (state: State) => void {
  return (state) => {
    const before = state.heaps.get(file);
    if (before !== undefined) state.heaps.set(file, before + count);
  };
}

describe('recovery of files', function () {
  this.timeout(120_000);
  const seeds = Number(process.env.PGLITEDB_SEEDS ?? 8);
  for (let seed = 1; seed <= seeds; seed++) {
    it(`agrees with the model, seed ${seed}`, async () => {
      const run = new FilesRun(seed);
      await run.openEngine();
      for (let life = 0; life < 5; life++) {
        for (let step = 0; step < 80; step++) await run.step();
        if (life === 3) await run.restart();
        else await run.crash();
      }
      await run.engine.close();
    });
  }
});
