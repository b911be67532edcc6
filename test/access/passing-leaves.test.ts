/** Leaves of an index beyond the budget: what is only read passes by, and whoever reads on sees what was changed meanwhile. */
import { expect } from 'chai';
import type { Index, IndexCursor, IndexKey, RowId, StorageEngine } from '../../lib/access/api.js';
import { inTransaction, reopenedEngine } from './support.js';

const ENTRIES = 40_000;
/** A tenth of the entries or so. */
const BUDGET = 128 << 10;

/** An id that was neither read first, while there was room, nor last. */
const AGO = 46_000;

const keyOf = (id: number): IndexKey => `key ${String(id).padStart(8, '0')}`;

describe('leaves beyond the budget', () => {
  let engine: StorageEngine;
  let index: Index;

  beforeEach(async () => {
    const { engine: reopened, filled } = await reopenedEngine(BUDGET, (first, transaction) => {
      const file = first.createFile(transaction, 'index', 'permanent');
      const entries = first.openIndex(file);
      for (let id = 2; id <= 2 * ENTRIES; id += 2) entries.insert(transaction, keyOf(id), id);
      // Leaves are split, so that there is room in them.
      for (let id = 51; id <= 2 * ENTRIES; id += 100) entries.insert(transaction, keyOf(id), id);
      return file;
    });
    engine = reopened;
    index = engine.openIndex(filled);
    passOver();
  });
  afterEach(() => engine.close());

  /** All entries from an id on, by one cursor. */
  const readOn = (cursor: IndexCursor, most = Infinity): RowId[] => {
    const found: RowId[] = [];
    while (found.length < most && cursor.next()) found.push(cursor.rowId);
    return found;
  };
  const from = (id: number, descending = false): IndexCursor =>
    (descending ? index.range(null, { key: keyOf(id), inclusive: true }, true) : index.range({ key: keyOf(id), inclusive: true }, null, false));
  const ids = (low: number, high: number): RowId[] =>
    Array.from({ length: high - low + 1 }, (_, at) => low + at).filter((id) => id > 0 && (id % 2 === 0 || id % 100 === 51));
  /** Fills the budget. */
  const passOver = (): void => {
    readOn(from(0));
  };
  const reads = (work: () => void): number => {
    const before = engine.buffers.reads;
    work();
    return engine.buffers.reads - before;
  };

  /** Whether nothing of what some work reads is kept. */
  const passes = (work: () => void): boolean => {
    const { residents } = engine.statistics();
    return reads(work) > 0 && engine.statistics().residents === residents;
  };

  it('pass by when they are read once, and drive out nothing', () => {
    const { evictions } = engine.statistics();
    const leaves = reads(() => expect(readOn(from(0))).to.deep.equal(ids(2, 2 * ENTRIES)));
    expect(leaves).to.be.greaterThan(ENTRIES / 128 / 2);
    expect(engine.statistics().evictions).to.equal(evictions);
    expect(index.lookup(keyOf(70_000), false)).to.deep.equal([70_000]);
    expect(reads(() => expect(index.lookup(keyOf(70_004), false)).to.deep.equal([70_004])), 'its neighbour was read last').to.equal(0);
  });

  it('stay when they are read again soon', () => {
    const look = (...ids: number[]): void => ids.forEach((id) => expect(index.lookup(keyOf(id), false)).to.deep.equal([id]));
    expect(passes(() => look(AGO))).to.equal(true);
    look(AGO + 1000, AGO);
    look(AGO + 1000);
    expect(reads(() => look(AGO, AGO + 1000, AGO))).to.equal(0);
  });

  it('are read once where one looks for an entry and adds another', () => {
    expect(reads(() => inTransaction(engine, (transaction) => {
      expect(index.lookup(keyOf(AGO + 53), false)).to.deep.equal([]);
      index.insert(transaction, keyOf(AGO + 53), AGO + 53);
    }))).to.equal(1);
    expect(index.lookup(keyOf(AGO + 53), false)).to.deep.equal([AGO + 53]);
  });

  for (const descending of [false, true]) {
    it(`show a cursor what was added ahead of it (${descending ? 'descending' : 'ascending'})`, () => {
      const inOrder = (ids: RowId[]): RowId[] => (descending ? ids.reverse() : ids);
      const start = descending ? AGO + 60 : AGO;
      // Behind the ten that are read first, in their leaf.
      const added = descending ? AGO + 37 : AGO + 21;
      const cursor = from(start, descending);
      const other = from(start, descending);
      expect(passes(() => expect(readOn(cursor, 10)).to.deep.equal(inOrder(ids(AGO, AGO + 60)).slice(0, 10)))).to.equal(true);
      // Another reader passes over others in between: the cursor has a copy that is not the last one.
      readOn(from(0));
      expect(readOn(other, 10)).to.have.length(10);
      readOn(from(0));
      inTransaction(engine, (transaction) => index.insert(transaction, keyOf(added), added));
      const expected = inOrder([...ids(AGO, added - 1), added, ...ids(added + 1, AGO + 60)]).slice(10);
      expect(readOn(cursor, expected.length)).to.deep.equal(expected);
      expect(readOn(other, expected.length)).to.deep.equal(expected);
    });
  }

  it('show what was retired in them', () => {
    const cursor = from(AGO);
    expect(passes(() => expect(readOn(cursor, 1)).to.deep.equal([AGO]))).to.equal(true);
    readOn(from(0));
    inTransaction(engine, (transaction) => index.remove(transaction, keyOf(AGO + 2), AGO + 2));
    expect(cursor.next()).to.equal(true);
    expect([cursor.rowId, cursor.recheck]).to.deep.equal([AGO + 2, true]);
  });
});
