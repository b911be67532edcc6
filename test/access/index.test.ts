/**
 * Index files: order, bounds, prefixes, cursors under change, undo, retired entries, against a sorted array as model.
 */
import { expect } from 'chai';
import type { Index, IndexCursor, KeyBound, StorageEngine, Transaction } from '../../lib/access/api.js';
import { begin, inTransaction, memoryEngine } from './support.js';

function makeIndex(engine: StorageEngine, compare?: (a: string, b: string) => number): Index {
  return inTransaction(engine, (transaction) => engine.openIndex(engine.createFile(transaction, 'index', 'permanent'), compare));
}

function drain(cursor: IndexCursor): [string, number][] {
  const found: [string, number][] = [];
  while (cursor.next()) found.push([cursor.key, cursor.rowId]);
  return found;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
}

function letters(random: () => number): string {
  let key = '';
  const length = 1 + Math.floor(random() * 4);
  for (let index = 0; index < length; index++) key += 'abc'[Math.floor(random() * 3)];
  return key;
}

function within(key: string, lower: KeyBound | null, upper: KeyBound | null): boolean {
  if (lower !== null && (lower.inclusive ? key < lower.key : key < lower.key || key.startsWith(lower.key))) return false;
  return upper === null || (upper.inclusive ? key < upper.key || key.startsWith(upper.key) : key < upper.key);
}

describe('index', () => {
  let engine: StorageEngine;
  beforeEach(async () => {
    engine = await memoryEngine();
  });

  for (const collated of [false, true]) {
    it(`agrees with a sorted array on ranges and look-ups, ${collated ? 'with a comparator' : 'bytewise'}`, () => {
      const random = generator(collated ? 5 : 4);
      const index = makeIndex(engine, collated ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : undefined);
      const model: [string, number][] = [];
      inTransaction(engine, (transaction) => {
        for (let rowId = 1; rowId <= 3000; rowId++) {
          const key = letters(random);
          model.push([key, rowId]);
          index.insert(transaction, key, rowId);
        }
      });
      model.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
      for (let round = 0; round < 200; round++) {
        const lower = random() < 0.2 ? null : { key: letters(random), inclusive: random() < 0.5 };
        const upper = random() < 0.2 ? null : { key: letters(random), inclusive: random() < 0.5 };
        const expected = model.filter(([key]) => within(key, lower, upper));
        expect(drain(index.range(lower, upper, false))).to.deep.equal(expected);
        expect(drain(index.range(lower, upper, true))).to.deep.equal(expected.reverse());
        const key = letters(random);
        expect(index.lookup(key, false)).to.deep.equal(model.filter((entry) => entry[0] === key).map((entry) => entry[1]));
        expect(index.lookup(key, true)).to.deep.equal(model.filter((entry) => entry[0].startsWith(key)).map((entry) => entry[1]));
      }
      expect(index.estimateEntries()).to.equal(3000);
    });
  }

  it('cursors survive splits and removals around them', () => {
    const index = makeIndex(engine);
    const key = (number: number): string => String(number).padStart(6, '0');
    inTransaction(engine, (transaction) => {
      for (let number = 0; number < 2000; number += 2) index.insert(transaction, key(number), number + 1);
    });
    for (const descending of [false, true]) {
      const cursor = index.range(null, null, descending);
      const seen: string[] = [];
      const writer = begin(engine);
      let added = 1;
      while (cursor.next()) {
        seen.push(cursor.key);
        for (let count = 0; count < 3 && added < 2000; count++, added += 2) index.insert(writer, key(added), added + 1);
      }
      const even = seen.filter((found) => Number(found) % 2 === 0);
      expect(even).to.have.length(1000);
      expect(new Set(seen).size).to.equal(seen.length);
      expect([...seen].sort()).to.deep.equal(descending ? [...seen].reverse() : seen);
      writer.abort();
      expect(index.estimateEntries()).to.equal(1000);
    }
  });

  describe('entries that versions lose', () => {
    let index: Index;
    const committed = (work: (transaction: Transaction) => void): void => inTransaction(engine, work);
    const now = (): [string, number, boolean][] => {
      const cursor = index.range(null, null, false);
      const found: [string, number, boolean][] = [];
      while (cursor.next()) found.push([cursor.key, cursor.rowId, cursor.recheck]);
      return found;
    };
    beforeEach(() => {
      index = makeIndex(engine);
      committed((transaction) => index.insert(transaction, 'a', 1));
    });

    it('stay, to be re-checked, until no snapshot needs them', () => {
      const reader = begin(engine);
      const unpin = reader.pinSnapshot(reader.takeSnapshot());
      committed((transaction) => {
        index.remove(transaction, 'a', 1);
        index.insert(transaction, 'b', 1);
      });
      engine.vacuum().next();
      expect(now()).to.deep.equal([['a', 1, true], ['b', 1, true]]);
      unpin();
      engine.vacuum().next();
      expect(now()).to.deep.equal([['b', 1, false]]);
    });

    it('come back when the transaction aborts', () => {
      const writer = begin(engine);
      index.remove(writer, 'a', 1);
      index.insert(writer, 'b', 1);
      expect(now()).to.deep.equal([['a', 1, true], ['b', 1, true]]);
      writer.abort();
      expect(now()).to.deep.equal([['a', 1, false]]);
    });

    it('survive a move away and back', () => {
      const reader = begin(engine);
      const unpin = reader.pinSnapshot(reader.takeSnapshot());
      committed((transaction) => {
        index.remove(transaction, 'a', 1);
        index.insert(transaction, 'b', 1);
      });
      committed((transaction) => {
        index.remove(transaction, 'b', 1);
        index.insert(transaction, 'a', 1);
      });
      expect(now().map(([key]) => key)).to.deep.equal(['a', 'b']);
      expect(index.lookup('a', false)).to.deep.equal([1]);
      unpin();
      engine.vacuum().next();
      expect(now()).to.deep.equal([['a', 1, false]]);
    });

    it('are added once however often they are inserted', () => {
      committed((transaction) => {
        index.insert(transaction, 'a', 1);
        index.insert(transaction, 'a', 1);
      });
      expect(index.estimateEntries()).to.equal(1);
    });
  });
});
