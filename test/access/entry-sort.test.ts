import { expect } from 'chai';
import { byteOrder } from '../../lib/access/byte-order.js';
import { EntrySorter, type EntryStream } from '../../lib/access/entry-sort.js';
import { ScratchDirectory } from '../../lib/env/scratch.js';
import { simEnv } from '../../lib/env/sim.js';
import type { Env } from '../../lib/env/env.js';

type Entry = [key: string, rowId: number];

/** The slow twin. */
function sortedSlowly(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
}

function all(stream: EntryStream): Entry[] {
  const found: Entry[] = [];
  while (stream.next()) found.push([stream.key, stream.rowId]);
  return found;
}

/** Keys that share prefixes, end inside one another, are empty, repeat, and have zeros and high bytes. */
function awkward(env: Env, count: number, alphabet: string, longest: number): Entry[] {
  const below = (limit: number) => Math.floor(env.random.float() * limit);
  return Array.from({ length: count }, (): Entry => {
    const prefix = below(3) === 0 ? '' : 'shared prefix of some length'.slice(0, below(29));
    const tail = Array.from({ length: below(longest) }, () => alphabet[below(alphabet.length)]).join('');
    return [prefix + tail, below(count * 2)];
  });
}

describe('access/entry sort', () => {
  const alphabets = ['\0', '\0\u0001', '\0a\u00ff', 'ab'];

  for (const alphabet of alphabets) {
    it(`orders packed keys as strings order, alphabet ${JSON.stringify(alphabet)}`, () => {
      const env = simEnv(alphabet.length);
      for (const count of [0, 1, 2, 23, 25, 100, 3000]) {
        const entries = awkward(env, count, alphabet, 24);
        const bytes = Buffer.from(entries.map(([key]) => key).join(''), 'latin1');
        const offsets = new Uint32Array(count + 1);
        entries.forEach(([key], index) => { offsets[index + 1] = offsets[index] + key.length; });
        const order = byteOrder({ count, bytes, offsets, rowIds: Float64Array.from(entries, ([, rowId]) => rowId) });
        expect([...order].map((position) => entries[position])).to.deep.equal(sortedSlowly(entries));
      }
    });
  }

  it('sorts through runs, some keys longer than a buffer, and leaves no file behind', () => {
    const env = simEnv(7);
    const entries = awkward(env, 60_000, 'ab\0', 40);
    entries.push(['x'.repeat(400_000), 1], ['x'.repeat(300_000), 2], ['x'.repeat(300_000), 1]);
    const sorter = new EntrySorter(null, { memoryBytes: 0, scratch: new ScratchDirectory(env.files, 'tmp') });
    for (const [key, rowId] of entries) sorter.add(key, rowId);
    expect(env.files.list('tmp'), 'runs are on a file').to.have.length(1);
    expect(all(sorter.sorted())).to.deep.equal(sortedSlowly(entries));
    sorter.close();
    expect(env.files.list('tmp')).to.deep.equal([]);
  });

  it('sorts through runs under a comparator', () => {
    const env = simEnv(8);
    const backwards = (a: string, b: string) => (a < b ? 1 : a > b ? -1 : 0);
    const entries = awkward(env, 20_000, 'abc', 30);
    const sorter = new EntrySorter(backwards, { memoryBytes: 0, scratch: new ScratchDirectory(env.files, 'tmp') });
    for (const [key, rowId] of entries) sorter.add(key, rowId);
    expect(env.files.list('tmp'), 'runs are on a file').to.have.length(1);
    expect(all(sorter.sorted())).to.deep.equal([...entries].sort((a, b) => backwards(a[0], b[0]) || a[1] - b[1]));
    sorter.close();
  });

  it('keeps what fits, and what has nowhere to go, in memory', () => {
    const env = simEnv(9);
    const entries = awkward(env, 5000, 'ab', 12);
    for (const space of [{ memoryBytes: 1 << 20, scratch: new ScratchDirectory(env.files, 'tmp') }, { memoryBytes: 0, scratch: null }]) {
      const sorter = new EntrySorter(null, space);
      for (const [key, rowId] of entries) sorter.add(key, rowId);
      expect(all(sorter.sorted())).to.deep.equal(sortedSlowly(entries));
      sorter.close();
    }
    expect(env.files.exists('tmp')).to.equal(false);
  });
});
