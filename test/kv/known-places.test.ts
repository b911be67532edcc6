/** Places that are remembered are those that were set last, or none. */
import { expect } from 'chai';
import { KnownPlaces } from '../../lib/kv/known-places.js';
import type { ValuePlace } from '../../lib/kv/stored-value.js';

const keyOf = (number: number): Buffer => {
  const key = Buffer.alloc(15, 7);
  key.writeUInt32BE(number, 11);
  return key;
};
const placeOf = (number: number): ValuePlace => ({ file: number % 50 + 1, offset: number * 0x1_0000_0000 + number, length: number + 1, checksum: 0xffff_ffff - number });

describe('known places', () => {
  it('are the ones that were set last, for most keys, while many are set', () => {
    const known = new KnownPlaces();
    const count = 20_000;
    for (const round of [0, 1, 2, 3]) for (let number = 0; number < count; number++) known.set(keyOf(number), placeOf(number + round));
    let found = 0;
    for (let number = 0; number < count; number++) {
      const place = known.find(keyOf(number));
      if (place === null) continue;
      found++;
      expect(place).to.deep.equal(placeOf(number + 3));
    }
    expect(found).to.be.greaterThan(count / 2);
  });

  it('are forgotten one by one and all at once', () => {
    const known = new KnownPlaces();
    known.set(keyOf(1), placeOf(1));
    known.remove(keyOf(2));
    expect(known.find(keyOf(1))).to.deep.equal(placeOf(1));
    known.remove(keyOf(1));
    expect(known.find(keyOf(1))).to.equal(null);
    known.set(keyOf(3), placeOf(3));
    known.clear();
    expect(known.find(keyOf(3))).to.equal(null);
  });

  it('are those of keys of chunks and leaves, and no others', () => {
    const known = new KnownPlaces();
    known.set(Buffer.alloc(14), placeOf(1));
    expect(known.find(Buffer.alloc(14))).to.equal(null);
    expect(known.find(keyOf(0))).to.equal(null);
  });
});
