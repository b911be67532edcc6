/** Entries that are added in one go are where they would be one by one, and go when they are undone. */
import { expect } from 'chai';
import type { Index, IndexKey, StorageEngine } from '../../lib/access/api.js';
import type { EngineIndex } from '../../lib/access/index.js';
import { simEnv } from '../../lib/env/sim.js';
import { begin, inTransaction, memoryEngine } from './support.js';

/** Order of an index of its own: by the second character, then by bytes. */
const byTail = (a: IndexKey, b: IndexKey): number => (a.slice(1) < b.slice(1) ? -1 : a.slice(1) > b.slice(1) ? 1 : 0);

describe('entries in one go', () => {
  let engine: StorageEngine;
  const { float } = simEnv(3).random;
  const below = (limit: number): number => Math.floor(float() * limit);

  before(async () => {
    engine = await memoryEngine();
  });
  after(() => engine.close());

  const makeIndex = (compare?: typeof byTail): Index => inTransaction(engine, (transaction) => engine.openIndex(engine.createFile(transaction, 'index', 'permanent'), compare));

  function entries(index: Index): string[] {
    const found: string[] = [];
    for (const cursor = index.range(null, null, false); cursor.next();) found.push(`${cursor.key}/${cursor.rowId}`);
    return found;
  }

  const number = (value: number, bytes: number): string => Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex').toString('latin1');
  const KINDS: [string, (at: number) => IndexKey][] = [
    ['ascending', (at) => `\x01\x84${number(at, 4)}`], ['descending', (at) => `\x01\x84${number(1e6 - at, 4)}`],
    ['scattered', (at) => `\x01\x84${number((at * 7919) % 1_000_003, 4)}`], ['of few values', () => `\x01\x81${number(below(20), 1)}`],
    ['with a long beginning in common', () => `\x01a long beginning ${below(5000)}\0`], ['of any characters', () => number(below(2 ** 48), 6) + number(below(256), 1)],
    ['of many lengths', () => 'x'.repeat(1 + below(30))], ['one', () => 'same'],
  ];

  it('are packed where a leaf is full and its keys grow, and unpacked where more come between', () => {
    const index = makeIndex() as EngineIndex;
    const { store } = index;
    const keys = (from: number): IndexKey[] => Array.from({ length: 1024 }, (_, at) => `\x01\x84${number((from + at) * 2, 4)}`);
    const transaction = begin(engine);
    index.prepare(keys(0), true)!.insert(transaction, 1);
    index.prepare(keys(1024), true)!.insert(transaction, 1025);
    const isPacked = (): boolean[] => store.slots.map(({ leaf }) => leaf!.packedEntries !== null);
    expect(isPacked().slice(0, -1)).to.deep.equal(new Array(15).fill(true));
    expect(isPacked().at(-1), 'the last one may get more').to.equal(false);
    const before = entries(index);
    index.insert(transaction, `\x01\x84${number(301, 4)}`, 5000);
    expect(isPacked().slice(0, 3)).to.deep.equal([true, false, false]);
    expect(entries(index)).to.deep.equal([...before.slice(0, 151), `\x01\x84${number(301, 4)}/5000`, ...before.slice(151)]);
    transaction.abort();
    expect(entries(index)).to.deep.equal([]);
  });

  it('are packed where single ones fill leaf after leaf, too', () => {
    const index = makeIndex() as EngineIndex;
    const transaction = begin(engine);
    for (let at = 1; at <= 1000; at++) index.insert(transaction, `\x01\x84${number(at, 4)}`, at);
    const isPacked = index.store.slots.map(({ leaf }) => leaf!.packedEntries !== null);
    expect(isPacked).to.deep.equal([...new Array(7).fill(true), false]);
    expect(entries(index)).to.deep.equal(Array.from({ length: 1000 }, (_, at) => `\x01\x84${number(at + 1, 4)}/${at + 1}`));
    transaction.abort();
    expect(entries(index)).to.deep.equal([]);
  });

  for (const [kind, keyOf] of KINDS) {
    for (const compare of [undefined, byTail]) {
      it(`are in order: ${kind}${compare === undefined ? '' : ', under a comparator'}`, () => {
        const [together, apart] = [makeIndex(compare), makeIndex(compare)];
        let rowId = 1;
        for (let round = 0; round < 6; round++) {
          const keys = Array.from({ length: [1, 1024, 700, 1024, 3, 1024][round] }, (_, at) => keyOf(rowId + at));
          const kept = entries(together);
          for (const outcome of ['abort', 'commit'] as const) {
            const transaction = begin(engine);
            const batch = together.prepare(keys, false);
            expect(batch).not.to.equal(null);
            batch?.insert(transaction, rowId);
            if (outcome === 'abort') expect(together.estimateEntries()).to.equal(kept.length + keys.length);
            transaction[outcome]();
            if (outcome === 'abort') expect(entries(together)).to.deep.equal(kept);
          }
          inTransaction(engine, (transaction) => keys.forEach((key, at) => apart.insert(transaction, key, rowId + at)));
          rowId += keys.length;
          expect(entries(together)).to.deep.equal(entries(apart));
          for (const key of keys.slice(0, 20)) expect(together.lookup(key, false)).to.deep.equal(apart.lookup(key, false));
        }
      });
    }
  }

  it('are refused where one that must be unique is not', () => {
    const index = makeIndex();
    const ten = (at: number): string => `key ${String(at * 10).padStart(6, '0')}`;
    inTransaction(engine, (transaction) => index.prepare(Array.from({ length: 1000 }, (_, at) => ten(at)), true)?.insert(transaction, 1));
    expect(index.estimateEntries()).to.equal(1000);
    for (let at = 0; at < 1000; at += 37) {
      expect(index.prepare(['a', ten(at), 'z'], true)).to.equal(null);
      expect(index.prepare(['z', ten(at)], true)).to.equal(null);
      expect(index.prepare([`${ten(at)}5`, `${ten(at)}7`, `${ten(at)}5`], true)).to.equal(null);
      expect(index.prepare([`${ten(at)}5`, `${ten(at)}7`, `${ten(at)}6`], true)).not.to.equal(null);
    }
    expect(index.prepare([ten(999), ten(1000)], true)).to.equal(null);
    expect(index.prepare([ten(1000), ten(1000)], true)).to.equal(null);
    const running = begin(engine);
    index.insert(running, ten(2000), 2000);
    expect(index.prepare([ten(2000)], true)).to.equal(null);
    running.abort();
    expect(index.prepare([ten(2000)], true)).not.to.equal(null);
  });
});
