/** When a chunk's changed rows are packed, and that nobody who reads sees it. */
import { expect } from 'chai';
import { CHUNK_ROWS, type Heap, type StorageEngine } from '../../lib/access/api.js';
import type { HeapChunk } from '../../lib/access/chunk.js';
import { EngineHeap } from '../../lib/access/heap.js';
import type { Row } from '../../lib/types/datum.js';
import { begin, inTransaction, makeHeap, memoryEngine, rows, rowsNow } from './support.js';

function chunkOf(heap: Heap, number: number): HeapChunk {
  const chunk = heap instanceof EngineHeap ? heap.store.chunks[number] : undefined;
  return chunk ?? expect.fail('the chunk is resident');
}

const sorted = (found: readonly Row[]): Row[] => [...found].sort((a, b) => (a[0] as number) - (b[0] as number));
const row = (id: number): Row => [id, id % 7];

describe('folding', () => {
  let engine: StorageEngine;
  let heap: Heap;

  function update(rowId: number, values: Row): void {
    inTransaction(engine, (transaction) => expect(heap.update(transaction, rowId, values, transaction.takeSnapshot(), false).kind).to.equal('ok'));
  }

  beforeEach(async () => {
    engine = await memoryEngine();
    heap = makeHeap(engine, []).heap;
    for (let id = 1; id <= 3 * CHUNK_ROWS + 1; id++) inTransaction(engine, (transaction) => heap.insert(transaction, row(id)));
  });

  it('packs rows that were inserted one by one when the second chunk after theirs is begun', () => {
    expect([0, 1, 2, 3].map((number) => chunkOf(heap, number).order.length)).to.deep.equal([0, 0, CHUNK_ROWS, 1]);
    expect(rowsNow(engine, heap)).to.deep.equal(Array.from({ length: 3 * CHUNK_ROWS + 1 }, (_, at) => row(at + 1)));
  });

  it('packs changed rows when they weigh half of the packed ones', () => {
    const chunk = chunkOf(heap, 0);
    let most = 0;
    for (let id = 1; id <= 300; id++) {
      update(id, [id, 1000 + id]);
      most = Math.max(most, chunk.heads.size);
    }
    expect(most).to.equal(32);
    expect(chunk.heads.size).to.be.lessThan(33);
    expect(chunk.versionBytes).to.be.lessThan(32 * 300);
    const expected = Array.from({ length: 3 * CHUNK_ROWS + 1 }, (_, at): Row => (at < 300 ? [at + 1, 1001 + at] : row(at + 1)));
    expect(sorted(rowsNow(engine, heap))).to.deep.equal(expected);
  });

  it('packs wide rows when there are many changed ones: their packed form is large', () => {
    const wide = makeHeap(engine, Array.from({ length: CHUNK_ROWS + 1 }, (_, at): Row => [at, `${at} `.repeat(600)]));
    heap = wide.heap;
    for (let at = 0; at < 20; at++) update(wide.rowIds[at], [at, 'packs what is a version yet']);
    const chunk = chunkOf(heap, 0);
    // One command's rows were packed by it; its first chunk is this one.
    const before = chunk.order.length;
    for (let at = 20; at < 220; at++) update(wide.rowIds[at], [at, 'short']);
    expect(chunk.heads.size).to.equal(before + 200);
    for (let at = 220; at < 300; at++) update(wide.rowIds[at], [at, 'short']);
    expect(chunk.heads.size).to.be.lessThan(100);
  });

  it('leaves what an old snapshot needs, and folds once it is gone', () => {
    const reader = begin(engine);
    const snapshot = reader.takeSnapshot();
    const unpin = reader.pinSnapshot(snapshot);
    const before = rows(heap, snapshot);
    const chunk = chunkOf(heap, 0);
    for (let id = 1; id <= 500; id++) update(id, [id, null]);
    expect(chunk.heads.size).to.equal(500);
    expect(sorted(rows(heap, snapshot))).to.deep.equal(before);
    unpin();
    reader.commit();
    update(1, [1, 'other']);
    expect(chunk.heads.size).to.equal(1);
    expect(rowsNow(engine, heap).filter(([, value]) => value === null).length).to.equal(499);
  });
});
