/** The hash table of a join gives the event loop its turns while it hands its rows on. */
import { expect } from 'chai';
import { Suspend } from '../../lib/base/suspend.js';
import { JoinTable } from '../../lib/executor/join-table.js';

describe('executor/join-table', () => {
  it('hands all rows on in the order of their coming, some thousand at a time', () => {
    const table = new JoinTable();
    for (let id = 0; id < 10_000; id++) table.add(id % 7, [id]);
    const turn = new Suspend(Promise.resolve());
    const seen: unknown[] = [];
    const pauses: number[] = [];
    for (const pause of table.forEach({ tick: () => turn }, (key, row) => seen.push([key, ...row]))) {
      expect(pause).to.equal(turn);
      pauses.push(seen.length);
    }
    expect(pauses).to.deep.equal([4096, 8192, 10_000]);
    expect(seen).to.deep.equal(Array.from({ length: 10_000 }, (_, id) => [id % 7, id]));
  });
});
