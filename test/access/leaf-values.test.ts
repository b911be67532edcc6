/** Packed leaves against their twins, sorted arrays. */
import { expect } from 'chai';
import { decodeLeaf, encodeEntries, PackedEntries } from '../../lib/access/leaf-values.js';
import { simEnv } from '../../lib/env/sim.js';

interface Entry {
  readonly key: string;
  readonly rowId: number;
}

const isBefore = (a: Entry, b: Entry): boolean => a.key < b.key || (a.key === b.key && a.rowId < b.rowId);

/** Sorted entries: keys of some shape, row ids that follow one another, or are scattered as far as `spread`. */
function entriesOf(next: () => number, count: number, key: () => string, spread: number): Entry[] {
  const first = Math.floor(next() * 2 ** 30);
  const entries = Array.from({ length: count }, (_, index) => ({ key: key(), rowId: spread === 0 ? first + index : first + Math.floor(next() * spread) }));
  return spread === 0
    ? entries.map(({ key: own }) => own).sort((a, b) => (a < b ? -1 : 1)).map((own, index) => ({ key: own, rowId: first + index }))
    : entries.sort((a, b) => (isBefore(a, b) ? -1 : 1));
}

function pack(entries: readonly Entry[]): PackedEntries {
  const { entries: packed } = decodeLeaf(encodeEntries(entries.map(({ key }) => key), entries.map(({ rowId }) => rowId), null));
  if (!(packed instanceof PackedEntries)) throw new Error('not packed');
  return packed;
}

describe('packed leaves', () => {
  const next = simEnv(11).random.float;
  const letters = (most: number): string => Array.from({ length: Math.floor(next() * (most + 1)) }, () => String.fromCharCode(Math.floor(next() * 3) * 127)).join('');
  const shapes: [string, () => string][] = [
    ['whole numbers', () => `\x01\x80${String.fromCharCode(0, Math.floor(next() * 2), Math.floor(next() * 256))}`],
    ['short strings, many of them equal', () => letters(3)],
    ['long strings with a prefix', () => `a common prefix of some length ${letters(400)}`],
    ['one key', () => 'the only one'],
    ['empty keys', () => ''],
  ];
  for (const [name, key] of shapes) {
    it(`hold, find and order ${name} as arrays do`, () => {
      for (const spread of [0, 100, 60_000, 2 ** 31, 2 ** 40]) {
        for (const count of [1, 2, 7, 128]) {
          const entries = entriesOf(next, count, key, spread);
          const packed = pack(entries);
          expect(packed.unpack()).to.deep.equal({ keys: entries.map((entry) => entry.key), rowIds: entries.map((entry) => entry.rowId) });
          expect(packed.keyBytes).to.equal(entries.reduce((sum, entry) => sum + entry.key.length, 0));
          entries.forEach((entry, position) => {
            expect([packed.keyAt(position), packed.rowIdAt(position)]).to.deep.equal([entry.key, entry.rowId]);
          });
          for (let probe = 0; probe < 40; probe++) {
            const near = entries[Math.floor(next() * count)];
            const sought = { key: probe % 2 === 0 ? near.key : [key(), near.key.slice(0, -1), `${near.key}\0`, '', '\xff'][Math.floor(next() * 5)], rowId: near.rowId + Math.floor(next() * 3) - 1 };
            const expected = entries.findIndex((entry) => !isBefore(entry, sought));
            expect(packed.lowerBound(sought.key, sought.rowId)).to.equal(expected < 0 ? count : expected);
            const position = Math.floor(next() * count);
            expect(packed.hasKey(position, sought.key)).to.equal(entries[position].key === sought.key);
          }
        }
      }
    });
  }
});
