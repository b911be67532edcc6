import { expect } from 'chai';
import { PassingMap } from '../../lib/base/passing-map.js';
import { simEnv } from '../../lib/env/sim.js';

describe('PassingMap', () => {
  it('says what a Map says', () => {
    const { random } = simEnv(5);
    const below = (limit: number): number => Math.floor(random.float() * limit);
    for (let round = 0; round < 200; round++) {
      const passing = new PassingMap<{ readonly n: number }>();
      const map = new Map<number, { readonly n: number }>();
      for (let step = 0; step < 40; step++) {
        const key = below(5);
        if (below(2) === 0) {
          const value = { n: step };
          passing.set(key, value);
          map.set(key, value);
        } else {
          expect(passing.delete(key)).to.equal(map.delete(key));
        }
        expect([...passing.values()]).to.deep.equal([...map.values()]);
        expect(passing.size).to.equal(map.size);
        for (let other = 0; other < 5; other++) expect(passing.get(other)).to.equal(map.get(other));
      }
    }
  });
});
