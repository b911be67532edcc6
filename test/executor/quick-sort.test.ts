import { expect } from 'chai';
import { BoundedHeap, quickSort } from '../../lib/executor/quick-sort.js';

describe('executor/quick-sort', () => {
  const compare = (a: readonly [number, number], b: readonly [number, number]) => a[0] - b[0];
  /** Keys with many ties, tagged with their place. */
  const items = (length: number, keys: number, seed: number) => {
    let state = seed;
    return Array.from({ length }, (_, place): [number, number] => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return [state % keys, place];
    });
  };

  it('sorts as Array.prototype.sort does, ties apart', () => {
    for (const length of [0, 1, 2, 6, 7, 8, 40, 41, 100, 1000]) {
      for (const keys of [1, 3, 50, 100000]) {
        const list = items(length, keys, length + keys);
        const sorted = quickSort([...list], compare);
        expect(sorted.map(([key]) => key)).to.deep.equal(list.map(([key]) => key).sort((a, b) => a - b));
        expect(sorted).to.have.deep.members(list);
      }
    }
  });

  it('leaves sorted input as it is', () => {
    const list = items(100, 3, 1).sort(compare);
    expect(quickSort([...list], compare)).to.deep.equal(list);
  });

  it('leaves ties as PostgreSQL does', () => {
    // select i from (values (1,2),(2,1),(3,2),(4,1),(5,2),(6,1),(7,2),(8,1)) v(i, k) order by k
    const list: [number, number][] = [[2, 1], [1, 2], [2, 3], [1, 4], [2, 5], [1, 6], [2, 7], [1, 8]];
    expect(quickSort(list, compare).map(([, place]) => place)).to.deep.equal(RECORDED_FULL);
    // ... order by k limit 2
    const heap = new BoundedHeap<[number, number]>(2, compare);
    for (const [index, key] of [2, 1, 2, 1, 2, 1, 2, 1].entries()) heap.add([key, index + 1]);
    expect(heap.sorted().map(([, place]) => place)).to.deep.equal(RECORDED_BOUNDED);
  });

  it('keeps the best in a heap', () => {
    const list = items(5000, 100000, 7);
    const heap = new BoundedHeap<[number, number]>(10, compare);
    for (const item of list) heap.add(item);
    expect(heap.worst![0]).to.equal(list.map(([key]) => key).sort((a, b) => a - b)[9]);
    expect(heap.sorted().map(([key]) => key)).to.deep.equal(list.map(([key]) => key).sort((a, b) => a - b).slice(0, 10));
  });
});

/** PostgreSQL 18's answers. */
const RECORDED_FULL = [2, 6, 4, 8, 5, 3, 1, 7];
const RECORDED_BOUNDED = [2, 4];
