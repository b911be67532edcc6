/** Chunks of a table beyond the budget: what is only read passes by, and what others come back to stays. */
import { expect } from 'chai';
import type { Heap, StorageEngine } from '../../lib/access/api.js';
import type { ColumnValues } from '../../lib/codec/column-values.js';
import { memoryEngine, begin, inTransaction, reopenedEngine, rows } from './support.js';

const CHUNKS = 40;
const SHAPE = { attributeCount: 2, missing: [] };
/** About six chunks. */
const BUDGET = 1 << 20;

describe('chunks beyond the budget', () => {
  let engine: StorageEngine;
  let heap: Heap;
  const valueOf = (id: number): string => `${id} ${'x'.repeat(60 + (id % 40))}`;

  beforeEach(async () => {
    const { engine: reopened, filled } = await reopenedEngine(BUDGET, (first, transaction) => {
      const file = first.createFile(transaction, 'heap', 'permanent');
      const rowsOf = first.openHeap(file, SHAPE);
      for (let id = 1; id <= CHUNKS * 1024; id++) rowsOf.insert(transaction, [id, valueOf(id)]);
      return file;
    });
    engine = reopened;
    heap = engine.openHeap(filled, SHAPE);
  });
  afterEach(() => engine.close());

  const fetch = (id: number): void => {
    const transaction = begin(engine);
    expect(heap.fetch(id, transaction.takeSnapshot())).to.deep.equal([id, valueOf(id)]);
    transaction.commit();
  };
  /** Reads from the store that some work took. */
  const reads = (work: () => void): number => {
    const before = engine.buffers.reads;
    work();
    return engine.buffers.reads - before;
  };
  const chunkIds = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => (from + index) * 1024 + 7);

  it('pass by when they are read once, and a scan of all shows all', () => {
    // Fills the budget; from then on nothing needs to go.
    chunkIds(0, CHUNKS).forEach(fetch);
    const { evictions } = engine.statistics();
    expect(reads(() => chunkIds(10, CHUNKS).forEach(fetch)), 'none of them stayed').to.equal(CHUNKS - 10);
    const transaction = begin(engine);
    expect(rows(heap, transaction.takeSnapshot())).to.deep.equal(Array.from({ length: CHUNKS * 1024 }, (_, index) => [index + 1, valueOf(index + 1)]));
    transaction.commit();
    expect(engine.statistics().evictions).to.equal(evictions);
    expect(engine.statistics().memoryUsed, 'room is made for a chunk before its size is known').to.be.at.most(BUDGET * 1.2);
  });

  it('stay when they are read again soon, and those that nobody came back to go', () => {
    chunkIds(0, CHUNKS).forEach(fetch);
    fetch(chunkIds(30, 31)[0]);
    fetch(chunkIds(31, 32)[0]);
    expect(reads(() => fetch(chunkIds(30, 31)[0])), 'read again: now it is kept').to.equal(1);
    expect(reads(() => chunkIds(0, CHUNKS).forEach(fetch))).to.be.greaterThan(CHUNKS / 2);
    expect(reads(() => fetch(chunkIds(30, 31)[0])), 'after a pass over all others').to.equal(0);
  });

  it('are read once by a statement that finds a row and changes it', () => {
    chunkIds(0, CHUNKS).forEach(fetch);
    const [id] = chunkIds(35, 36);
    expect(reads(() => inTransaction(engine, (transaction) => {
      const snapshot = transaction.takeSnapshot();
      expect(heap.fetch(id, snapshot)).to.deep.equal([id, valueOf(id)]);
      expect(heap.update(transaction, id, [id, 'changed'], snapshot, false).kind).to.equal('ok');
    }))).to.equal(1);
    expect(heap.fetchNewest(id)).to.deep.equal([id, 'changed']);
  });

  it('leave half of the budget at least where the process is too large, and get all of it back by and by', () => {
    const limit = (): number => engine.statistics().memoryLimit;
    engine.giveWay(BUDGET / 2);
    expect(limit(), 'data fit the budget so far').to.equal(BUDGET);
    chunkIds(0, CHUNKS).forEach(fetch);
    engine.giveWay(BUDGET / 4);
    expect(limit()).to.equal(BUDGET * (3 / 4));
    engine.giveWay(BUDGET);
    expect(limit()).to.equal(BUDGET / 2);
    // What is there goes as room is asked for.
    inTransaction(engine, (transaction) => chunkIds(0, CHUNKS).forEach((id) => heap.update(transaction, id, [id, 'changed'], transaction.takeSnapshot(), false)));
    expect(engine.statistics().evictions).to.be.greaterThan(0);
    chunkIds(0, CHUNKS).forEach((id) => expect(heap.fetchNewest(id)).to.deep.equal([id, 'changed']));
    engine.giveWay(-BUDGET);
    expect(limit(), 'a sixteenth at a time').to.equal(BUDGET * (1 / 2 + 1 / 16));
    for (let look = 0; look < 20; look++) engine.giveWay(-BUDGET);
    expect(limit()).to.equal(BUDGET);
  });

  it('are left alone once the engine is closed, whatever the process is told', async () => {
    chunkIds(0, CHUNKS).forEach(fetch);
    await engine.close();
    engine.giveWay(BUDGET);
    expect(engine.statistics().memoryLimit).to.equal(BUDGET);
    engine = await memoryEngine();
    engine.giveWay(BUDGET);
    expect(engine.statistics().memoryLimit, 'where there is no store, nothing can go').to.equal(Infinity);
  });

  describe('whose memory is used again', () => {
    const idsOf = (from: number): number[] => Array.from({ length: 100 }, (_, index) => from + index);
    const passOthers = (): void => chunkIds(0, CHUNKS).forEach(fetch);

    it('show what they showed while somebody reads them, a piece of rows or a scan', () => {
      passOthers();
      const transaction = begin(engine);
      const snapshot = transaction.takeSnapshot();
      const ids = idsOf(20 * 1024 - 50);
      const pieces = heap.fetchStored(ids, ids.length, snapshot) ?? [];
      expect(pieces.length, 'two chunks').to.equal(2);
      const scan = heap.scanRange(snapshot, 25 * 1024 + 1, 26 * 1024);
      const view = scan.next().value!;
      passOthers();
      expect(pieces.flatMap(({ from, end, positions, column }) => ids.slice(from, end).map((_, at) => column(1).get(positions[from + at])))).to.deep.equal(ids.map(valueOf));
      expect(Array.from({ length: 1024 }, (_, position) => view.column(1).get(position))).to.deep.equal(Array.from({ length: 1024 }, (_, position) => valueOf(25 * 1024 + 1 + position)));
      transaction.commit();
    });

    it('give it back when they have been read', () => {
      passOthers();
      const transaction = begin(engine);
      const snapshot = transaction.takeSnapshot();
      const bytesOf = (id: number): ArrayBufferLike => {
        const [piece] = heap.fetchStored(idsOf(id), 100, snapshot) ?? [];
        const column = piece.column(1);
        const bytes = column.kind === 'string' ? column.text!.bytes.buffer : null;
        piece.done?.();
        return bytes!;
      };
      const first = bytesOf(30 * 1024 + 1);
      fetch(5);
      expect([bytesOf(31 * 1024 + 1), bytesOf(32 * 1024 + 1), bytesOf(33 * 1024 + 1)]).to.include(first);
      transaction.commit();
    });

    it('give it back when a scan has gone on, read ahead or not', async () => {
      passOthers();
      const transaction = begin(engine);
      const placesOfScan = async (): Promise<ArrayBufferLike[]> => {
        const scan = heap.scan(transaction.takeSnapshot());
        const places: ArrayBufferLike[] = [];
        for (;;) {
          await scan.ready?.();
          const next = scan.next();
          if (next.done === true) return places;
          const column = next.value.column(1);
          expect(column.get(7)).to.equal(valueOf(next.value.firstRowId + 7));
          if (column.kind === 'string') places.push(column.text!.bytes.buffer);
        }
      };
      const first = await placesOfScan();
      const second = await placesOfScan();
      expect([first.length, second.length]).to.deep.equal([CHUNKS, CHUNKS]);
      expect(second.filter((place) => !first.includes(place)).length, 'new ones').to.be.lessThan(CHUNKS / 4);
      transaction.commit();
    });

    it('show what they showed after they were loaded, changed and folded, and their memory was used again', async () => {
      const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'heap', 'permanent'));
      const other = engine.openHeap(file, SHAPE);
      const texts = Array.from({ length: 1024 }, (_, at) => `loaded ${at}`);
      const columns = (first: number): ColumnValues[] => [
        { kind: 'int32', data: Int32Array.from(texts, (_, at) => first + at + 1), nulls: null }, { kind: 'values', values: texts },
      ];
      for (let chunk = 0; chunk < 4; chunk++) inTransaction(engine, (transaction) => expect(other.insertColumns(transaction, columns(chunk * 1024), 1024)).to.equal(chunk * 1024 + 1));
      await engine.checkpoint();
      inTransaction(engine, (transaction) => {
        for (let id = 1; id <= 4 * 1024; id += 2) expect(other.update(transaction, id, [id, `changed ${id}`], transaction.takeSnapshot(), false).kind).to.equal('ok');
      });
      for (let round = 0; round < 3; round++) {
        await engine.checkpoint();
        passOthers();
      }
      const transaction = begin(engine);
      const found = rows(other, transaction.takeSnapshot()).sort(([a], [b]) => Number(a) - Number(b));
      expect(found.length).to.equal(4 * 1024);
      expect(found.filter(([, text]) => String(text).startsWith('changed')).map(([id, text]) => text === `changed ${id}`)).to.deep.equal(new Array(2048).fill(true));
      transaction.commit();
    });
  });
});
