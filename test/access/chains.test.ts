/**
 * Rows that are written again and again while snapshots keep their old versions: what a scan shows is the same whether it goes by the
 * order of writing or by the rows, and chains are pruned though writers do not follow long ones.
 */
import { expect } from 'chai';
import { CHUNK_ROWS, type Heap, type RowId, type Snapshot, type StorageEngine } from '../../lib/access/api.js';
import type { HeapChunk } from '../../lib/access/chunk.js';
import { EngineHeap } from '../../lib/access/heap.js';
import { isShown } from '../../lib/txn/version.js';
import type { Row } from '../../lib/types/datum.js';
import { begin, inTransaction, makeHeap, memoryEngine, rows } from './support.js';

const ROWS = 10;

function chunkOf(heap: Heap): HeapChunk {
  const chunk = heap instanceof EngineHeap ? heap.store.chunks[0] : undefined;
  return chunk ?? expect.fail('the chunk is resident');
}

/** Rows by the order of writing: each version looked at. */
function shownSlowly(chunk: HeapChunk, snapshot: Snapshot): Row[] {
  const versions = chunk.order.filter((version) => !version.dropped && isShown(version, snapshot));
  return versions.flatMap(({ values }) => (values === null ? [] : [values]));
}

describe('long version chains', () => {
  let engine: StorageEngine;
  let heap: Heap;
  let rowIds: RowId[];
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state % below;
  };

  beforeEach(async () => {
    engine = await memoryEngine();
    ({ heap, rowIds } = makeHeap(engine, Array.from({ length: ROWS }, (_, id) => [id, 0])));
    state = 7;
  });

  function write(rowId: RowId, value: number): void {
    inTransaction(engine, (transaction) => heap.update(transaction, rowId, [rowId, value], transaction.takeSnapshot(), false));
  }

  it('show each snapshot the same rows in the same order, whichever way they are read', () => {
    const chunk = chunkOf(heap);
    const pinned: { snapshot: Snapshot; expected: Row[]; unpin: () => void }[] = [];
    let longest = 0;
    for (let step = 1; step <= 400; step++) {
      const rowId = rowIds[random(rowIds.length)];
      if (step % 97 === 0) inTransaction(engine, (transaction) => heap.delete(transaction, rowId, transaction.takeSnapshot()));
      else if (step % 89 === 0) rowIds.push(inTransaction(engine, (transaction) => heap.insert(transaction, [step, step])));
      else if (step % 13 === 0) {
        const undone = begin(engine);
        heap.update(undone, rowId, [rowId, -step], undone.takeSnapshot(), false);
        expect(rows(heap, undone.takeSnapshot())).to.deep.equal(shownSlowly(chunk, undone.takeSnapshot()));
        undone.abort();
      } else write(rowId, step);
      const reader = begin(engine);
      const snapshot = reader.takeSnapshot();
      const expected = shownSlowly(chunk, snapshot);
      expect(rows(heap, snapshot)).to.deep.equal(expected);
      if (step % 3 === 0) pinned.push({ snapshot, expected, unpin: reader.pinSnapshot(snapshot) });
      if (pinned.length > 100) pinned.splice(random(pinned.length), 1)[0].unpin();
      longest = Math.max(longest, chunk.order.length / chunk.heads.size);
      if (step % 20 === 0) for (const { snapshot: old, expected: then } of pinned) expect(rows(heap, old)).to.deep.equal(then);
    }
    expect(longest, 'both ways were gone').to.be.greaterThan(8);
  });

  it('are pruned once nobody needs them: at the next write of the row', () => {
    const reader = begin(engine);
    const unpin = reader.pinSnapshot(reader.takeSnapshot());
    for (let step = 0; step < 500; step++) write(rowIds[step % 2], step);
    const chunk = chunkOf(heap);
    expect(chunk.order.length - chunk.dropped).to.equal(ROWS + 500);
    unpin();
    write(rowIds[0], -1);
    write(rowIds[1], -1);
    expect(chunk.order.length - chunk.dropped).to.equal(ROWS + 2);
  });

  it('do not grow without end below a horizon that follows at a distance', () => {
    const chunk = chunkOf(heap);
    const pins: (() => void)[] = [];
    let most = 0;
    for (let step = 0; step < 5000; step++) {
      const reader = begin(engine);
      pins.push(reader.pinSnapshot(reader.takeSnapshot()));
      if (pins.length > 200) pins.shift()?.();
      write(rowIds[step % ROWS], step);
      most = Math.max(most, chunk.order.length - chunk.dropped);
    }
    expect(most).to.be.lessThan(1000);
    expect(chunk.order.length).to.be.lessThan(CHUNK_ROWS * 2);
  });
});
