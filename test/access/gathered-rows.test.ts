/** Recovery gathers rows by chunk; a standby applies the same log record by record: both must end with the same rows. */
import { expect } from 'chai';
import { CHUNK_ROWS, type Heap, type StorageEngine, type Transaction } from '../../lib/access/api.js';
import { installState } from '../../lib/access/clone.js';
import { EngineStorage } from '../../lib/access/engine.js';
import { GatheredRows } from '../../lib/access/gathered-rows.js';
import { EngineHeap } from '../../lib/access/heap.js';
import { openStandby, openStorage, type OpenOptions } from '../../lib/access/storage.js';
import { pgError } from '../../lib/base/error.js';
import { lsn, type Lsn } from '../../lib/base/lsn.js';
import { encodeRow } from '../../lib/codec/row.js';
import { simEnv, type SimEnv } from '../../lib/env/sim.js';
import type { Row } from '../../lib/types/datum.js';
import type { LogSource, StateSource } from '../../lib/wal/shipping.js';
import { StreamReader } from '../../lib/wal/stream.js';
import { CrashDisk } from './crash-store.js';
import { begin, inTransaction, rowsNow } from './support.js';

const ROOMY = { sharedBuffers: 64 << 20, maxWalSize: 1 << 30, checkpointTimeoutMs: 1_000_000 };
/** Hardly room for what is gathered. */
const TIGHT = { ...ROOMY, sharedBuffers: 400_000 };
const ROWS = 4 * CHUNK_ROWS;
/** As of an engine with such a budget: one in memory has none. */
const gatheredIn = (budget: number, engine: EngineStorage): GatheredRows =>
  new GatheredRows({ horizon: () => engine.horizon(), memory: Object.create(engine.memory, { budget: { value: budget } }) });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const sorted = (found: readonly Row[]): Row[] => [...found].sort((a, b) => (a[0] as number) - (b[0] as number));

class Node {
  readonly env: SimEnv;
  readonly disk: CrashDisk;

  constructor(seed: number, private readonly settings: OpenOptions['settings']) {
    this.env = simEnv(seed);
    this.disk = new CrashDisk(() => this.env.random.float());
  }

  get options() {
    return { dir: 'data', env: this.env, settings: this.settings, fatal: () => undefined, openStore: () => this.disk.open() };
  }
}

/** Some log: short transactions on rows here and there and on a few rows again and again, and long ones beside them, one of which never ends. */
class Work {
  private readonly rowIds: number[] = [];
  private readonly gone = new Set<number>();
  private next = ROWS;
  private long: Transaction | null = null;
  private readonly taken = new Set<number>();

  constructor(private readonly env: SimEnv, private readonly engine: StorageEngine, private readonly heap: Heap) {
    for (let from = 0; from < ROWS; from += 500) {
      inTransaction(engine, (transaction) => {
        for (let id = from; id < Math.min(ROWS, from + 500); id++) this.rowIds.push(heap.insert(transaction, [id, `row ${id}`]));
      });
    }
  }

  private pick(): number {
    const { env } = this;
    const position = env.random.float() < 0.2 ? Math.floor(env.random.float() * 5) : Math.floor(env.random.float() * this.rowIds.length);
    return this.rowIds[position];
  }

  private change(transaction: Transaction, rowId: number, text: string): void {
    if (this.gone.has(rowId) || this.taken.has(rowId)) return;
    if (this.env.random.float() < 0.1) {
      this.gone.add(rowId);
      this.heap.delete(transaction, rowId, transaction.takeSnapshot());
    } else this.heap.update(transaction, rowId, [this.idOf(rowId), text], transaction.takeSnapshot(), false);
  }

  private idOf(rowId: number): number {
    return this.rowIds.indexOf(rowId);
  }

  /** A transaction of one record. */
  short(step: number): void {
    inTransaction(this.engine, (transaction) => {
      for (let count = Math.floor(this.env.random.float() * 4); count >= 0; count--) this.change(transaction, this.pick(), `step ${step}.${count}`);
      if (step % 3 !== 0) return;
      this.rowIds.push(this.heap.insert(transaction, [this.next++, step % 2 === 0 ? 'x'.repeat(5000) : null]));
      if (step % 30 === 0) this.heap.delete(transaction, this.rowIds[this.rowIds.length - 1], transaction.takeSnapshot());
      if (step % 30 === 0) this.gone.add(this.rowIds[this.rowIds.length - 1]);
    });
  }

  /** A part of a transaction of several records: begun, gone on with, ended in this way or that. */
  extend(step: number): void {
    this.long ??= begin(this.engine);
    const { long } = this;
    long.incrementCommandId();
    for (let count = 0; count < 8; count++) {
      const rowId = this.pick();
      if (this.gone.has(rowId) || this.taken.has(rowId)) continue;
      this.taken.add(rowId);
      this.heap.update(long, rowId, [this.idOf(rowId), `${'long '.repeat(4000)}${step}`], long.takeSnapshot(), false);
    }
  }

  end(commits: boolean): void {
    if (commits) this.long?.commit();
    else this.long?.abort();
    this.long = null;
    this.taken.clear();
  }

  /** Many new rows, one of them changed at once and another one of them gone. */
  private fill(step: number): void {
    inTransaction(this.engine, (transaction) => {
      for (let count = 0; count < 8; count++) this.rowIds.push(this.heap.insert(transaction, [this.next++, `new ${step}`]));
    });
    inTransaction(this.engine, (transaction) => {
      const last = this.rowIds.length - 1;
      this.change(transaction, this.rowIds[last], `changed ${step}`);
      this.heap.delete(transaction, this.rowIds[last - 1], transaction.takeSnapshot());
      this.gone.add(this.rowIds[last - 1]);
    });
  }

  run(steps: number, hasLong: boolean, fills: boolean): void {
    for (let step = 1; step <= steps; step++) {
      if (fills) this.fill(step);
      this.short(step);
      if (!hasLong) continue;
      if (step % 40 < 3) this.extend(step);
      if (step % 200 === 100) this.end(step % 400 === 100);
    }
    if (hasLong) this.extend(0);
  }
}

async function standbyRows(primary: Node, source: LogSource & StateSource, heap: Heap, clone: () => Promise<Node>, from: Lsn): Promise<{ rows: Row[]; live: number }> {
  const replica = await clone();
  const standby = await openStandby({ ...replica.options, standby: { applyDelayMs: 0, conflictDelayMs: 0 } });
  const reader = new StreamReader(primary.env, source.logDirectory, source.history.timeline);
  for (let at = standby.receivedPosition.endLsn; at < from;) {
    const bytes = reader.read(at, from, 100_000);
    standby.receive(bytes, true);
    at = lsn(at + bytes.length);
  }
  reader.close();
  while (standby.appliedLsn < standby.flushedLsn || standby.flushedLsn < standby.end) await turn();
  const copy = standby.engine.openHeap(heap.file, heap.shape);
  return { rows: sorted(rowsNow(standby.engine, copy)), live: storeOf(copy).liveRows };
}

const storeOf = (heap: Heap): EngineHeap['store'] => (heap instanceof EngineHeap ? heap.store : expect.fail('a heap of the engine'));

describe('rows gathered by recovery', function () {
  this.timeout(120_000);
  for (const [name, settings, hasLong, fills] of [
    ['roomy', ROOMY, true, false], ['tight', TIGHT, true, false], ['roomy, no long transactions', ROOMY, false, false],
    ['roomy, whole chunks of new rows', ROOMY, false, true], ['tight, whole chunks of new rows', TIGHT, true, true],
  ] as const) {
    for (const seed of [1, 2, 3]) {
      it(`are those that a standby has from the same log, memory ${name}, seed ${seed}`, async () => {
        const primary = new Node(seed, ROOMY);
        const engine = await openStorage(primary.options);
        const heap = inTransaction(engine, (transaction) => engine.openHeap(engine.createFile(transaction, 'heap', 'permanent'), { attributeCount: 2, missing: [] }));
        const work = new Work(primary.env, engine, heap);
        work.run(100, hasLong, fills);
        const source = engine.source ?? expect.fail('an engine on disk has a source');
        const hold = source.holdLog('test', lsn(0));
        const clone = new Node(seed + 100, ROOMY);
        const state = await source.takeState();
        await installState(clone.options, state.info, state.entries());
        await state.close();
        work.run(1200, hasLong, fills);
        await engine.whenFlushed(engine.appendedLsn());
        const end = source.durableLsn;
        const expected = await standbyRows(primary, source, heap, () => Promise.resolve(clone), end);
        expect(sorted(rowsNow(engine, heap))).to.deep.equal(expected.rows);
        hold.release();
        primary.env.powerCut();
        primary.disk.powerCut();
        for (let turns = 0; turns < 5; turns++) await turn();

        const again = await openStorage({ ...primary.options, settings });
        const recovered = again.openHeap(heap.file, heap.shape);
        if (!hasLong) expect(storeOf(recovered).chunkAt(1).heads.size, 'packed without versions').to.equal(0);
        expect(sorted(rowsNow(again, recovered))).to.deep.equal(expected.rows);
        expect(storeOf(recovered).liveRows).to.equal(expected.live);
        await again.close();
      });
    }
  }

  /** A server that has come back from a power cut, what its table was before, and which chunks await rows. */
  async function backFromPowerCut(seed: number, settings = ROOMY) {
    const primary = new Node(seed, ROOMY);
    const before = await openStorage(primary.options);
    const { file, shape } = inTransaction(before, (transaction) => before.openHeap(before.createFile(transaction, 'heap', 'permanent'), { attributeCount: 2, missing: [] }));
    const heap = before.openHeap(file, shape);
    const work = new Work(primary.env, before, heap);
    await before.checkpoint();
    work.run(600, false, seed % 2 === 0);
    await before.whenFlushed(before.appendedLsn());
    const expected = sorted(rowsNow(before, heap));
    const crash = async (): Promise<EngineStorage> => {
      primary.env.powerCut();
      primary.disk.powerCut();
      for (let turns = 0; turns < 5; turns++) await turn();
      const again = await openStorage({ ...primary.options, settings });
      return again instanceof EngineStorage ? again : expect.fail('an engine of this folder');
    };
    const engine = await crash();
    const store = storeOf(engine.openHeap(file, shape));
    const awaiting = (): number[] => Array.from({ length: store.chunkCount }, (_, number) => number).filter((number) => store.isAwaiting(number));
    expect(awaiting()).to.include.members([0, 1, 2]);
    return { engine, heap: engine.openHeap(file, shape), store, expected, awaiting, crash, env: primary.env };
  }

  const askers: Record<string, (back: Awaited<ReturnType<typeof backFromPowerCut>>) => Promise<void> | void> = {
    'a reader of one row': ({ engine, heap, expected, awaiting }) => {
      const others = awaiting();
      const found = begin(engine);
      const row = heap.fetch(expected[CHUNK_ROWS + 7][0] as number + 1, found.takeSnapshot());
      found.abort();
      expect(row).to.deep.equal(expected[CHUNK_ROWS + 7]);
      expect(others.length - awaiting().length, 'chunks that were asked for').to.equal(1);
    },
    'a writer of one row': ({ engine, heap, expected }) => {
      const [id, text] = expected[3];
      inTransaction(engine, (transaction) => heap.update(transaction, (id as number) + 1, [id, 'x'], transaction.takeSnapshot(), false));
      inTransaction(engine, (transaction) => heap.update(transaction, (id as number) + 1, [id, text], transaction.catalogSnapshot(), false));
    },
    'who counts': ({ engine, heap, expected }) => {
      const transaction = begin(engine);
      let rows = 0;
      for (const view of heap.scan(transaction.takeSnapshot(), true)) rows += view.selected + view.changedRowIds.length;
      transaction.abort();
      expect(rows).to.equal(expected.length);
    },
    'who inserts': ({ engine, heap }) => {
      const rowId = inTransaction(engine, (transaction) => heap.insert(transaction, [-1, 'new']));
      inTransaction(engine, (transaction) => heap.delete(transaction, rowId, transaction.catalogSnapshot()));
    },
    'VACUUM': async ({ engine, heap }) => {
      const work = engine.vacuum(heap.file);
      for (let step = work.next(); !step.done; step = work.next()) await step.value.until;
    },
    'a checkpoint': async ({ engine, awaiting }) => {
      await engine.checkpoint();
      expect(awaiting()).to.deep.equal([]);
    },
    'nobody, and time passes': async ({ awaiting, env }) => {
      const atFirst = awaiting();
      await env.advance(249);
      expect(awaiting(), 'others come first').to.deep.equal(atFirst);
      await env.advance(1);
      for (let turns = 0; awaiting().length > 0; turns++) {
        expect(turns).to.be.lessThan(1000);
        await turn();
      }
    },
  };
  for (const [who, ask] of Object.entries(askers)) {
    for (const seed of [1, 2]) {
      it(`are there for ${who}, and after another power cut, seed ${seed}`, async () => {
        const back = await backFromPowerCut(seed);
        await ask(back);
        await back.engine.whenFlushed(back.engine.appendedLsn());
        expect(sorted(rowsNow(back.engine, back.heap))).to.deep.equal(back.expected);
        const again = await back.crash();
        expect(sorted(rowsNow(again, again.openHeap(back.heap.file, back.heap.shape)))).to.deep.equal(back.expected);
        await again.close();
      });
    }
  }

  it('go with their table', async () => {
    const { engine, heap, crash } = await backFromPowerCut(1);
    inTransaction(engine, (transaction) => engine.dropFile(transaction, heap.file));
    await engine.checkpoint();
    const again = await crash();
    expect(again.files.find(heap.file)).to.equal(null);
    await again.close();
  });

  it('whose chunk is damaged are an error of who asks for them, and end the server', async () => {
    const { engine, store, expected, heap, crash, env } = await backFromPowerCut(1);
    engine.readValue = () => { throw pgError('DATA_CORRUPTED', 'damaged'); };
    expect(() => store.chunkAt(1)).to.throw('damaged');
    expect(engine.ending).to.equal(false);
    await env.advance(250);
    for (let turns = 0; !engine.ending; turns++) {
      expect(turns).to.be.lessThan(100);
      await turn();
    }
    // Nothing of them is lost: the disk was better than it seemed.
    const again = await crash();
    expect(sorted(rowsNow(again, again.openHeap(heap.file, heap.shape)))).to.deep.equal(expected);
    await again.close();
  });

  it('take little memory when they are new: once half of it is in use those of a whole chunk are applied, and what they stood in is used again', async () => {
    const engine = await openStorage({ dir: 'memory://' });
    if (!(engine instanceof EngineStorage)) expect.fail('an engine of this folder');
    const heap = inTransaction(engine, (transaction) => engine.openHeap(engine.createFile(transaction, 'heap', 'permanent'), { attributeCount: 2, missing: [] }));
    const store = storeOf(heap);
    const commitLsn = engine.appendedLsn();
    const gathered = gatheredIn(4 << 20, engine);
    const count = 40 * CHUNK_ROWS;
    const rowOf = (rowId: number): Row => [rowId, `a row whose text is so long that all of them take several times the memory ${rowId}`];
    for (let rowId = 1; rowId <= count; rowId++) {
      const bytes = Buffer.from(encodeRow(rowOf(rowId)));
      store.reserve(rowId);
      expect(gathered.add(store, rowId, { bytes, start: 0, end: bytes.length, decode: () => rowOf(rowId) }, commitLsn)).to.equal(true);
      gathered.applyFilled();
      expect(gathered.isFull, `full at row ${rowId}`).to.equal(false);
    }
    const awaiting = gathered.awaiting().map(({ number }) => number);
    expect(awaiting.length).to.be.within(5, 10);
    expect(awaiting).to.deep.equal(awaiting.map((_, index) => index));
    for (const chunk of gathered.awaiting()) gathered.apply(chunk);
    expect(store.chunks.every((chunk) => chunk?.heads.size === 0), 'packed without versions').to.equal(true);
    const rows = sorted(rowsNow(engine, heap));
    expect(rows.length).to.equal(count);
    rows.forEach((row, index) => expect(row).to.deep.equal(rowOf(index + 1)));
    await engine.close();
  });

  it('leave their memory to others when their table goes', async () => {
    const engine = await openStorage({ dir: 'memory://', settings: { sharedBuffers: 4 << 20 } });
    if (!(engine instanceof EngineStorage)) expect.fail('an engine of this folder');
    const make = () => inTransaction(engine, (transaction) => engine.openHeap(engine.createFile(transaction, 'heap', 'permanent'), { attributeCount: 1, missing: [] }));
    const gathered = gatheredIn(4 << 20, engine);
    const bytes = Buffer.from(encodeRow(['x'.repeat(1000)]));
    const row = { bytes, start: 0, end: bytes.length, decode: () => ['x'.repeat(1000)] };
    const fill = (heap: Heap): number => {
      const store = storeOf(heap);
      let rows = 0;
      // Every second row of a chunk: none is filled.
      for (; !gathered.isFull; rows++) {
        store.reserve(rows * 2 + 1);
        expect(gathered.add(store, rows * 2 + 1, row, engine.appendedLsn())).to.equal(true);
      }
      return rows;
    };
    const [gone, stays] = [make(), make()];
    const rows = fill(gone);
    inTransaction(engine, (transaction) => engine.dropFile(transaction, gone.file));
    expect(storeOf(gone).released).to.equal(true);
    for (const chunk of gathered.awaiting()) gathered.apply(chunk);
    expect(gathered.awaiting()).to.deep.equal([]);
    expect(fill(stays)).to.equal(rows);
    expect(rowsNow(engine, stays).length).to.equal(rows);
    await engine.close();
  });
});
