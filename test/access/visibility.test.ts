/**
 * Histories of concurrent transactions over one heap, each named by the anomaly that it must not show (or, for READ
 * COMMITTED, may show). Names after Adya and Berenson et al.
 */
import { expect } from 'chai';
import type { Heap, RowId, StorageEngine } from '../../lib/access/api.js';
import { begin, inTransaction, makeHeap, memoryEngine, nextCommand, rows, rowsNow } from './support.js';

describe('visibility', () => {
  let engine: StorageEngine;
  let heap: Heap;
  let first: RowId;
  let second: RowId;

  beforeEach(async () => {
    engine = await memoryEngine();
    const made = makeHeap(engine, [[1, 'one'], [2, 'two']]);
    heap = made.heap;
    [first, second] = made.rowIds;
  });

  it('shows committed rows in order of insertion', () => {
    expect(rowsNow(engine, heap)).to.deep.equal([[1, 'one'], [2, 'two']]);
  });

  it('shows an updated row behind the others', () => {
    inTransaction(engine, (transaction) => heap.update(transaction, first, [1, 'uno'], transaction.takeSnapshot(), false));
    expect(rowsNow(engine, heap)).to.deep.equal([[2, 'two'], [1, 'uno']]);
  });

  it('G0 dirty write: a second writer is told to wait for the first', () => {
    const one = begin(engine);
    const two = begin(engine);
    expect(heap.update(one, first, [1, 'a'], one.takeSnapshot(), false).kind).to.equal('ok');
    const result = heap.update(two, first, [1, 'b'], two.takeSnapshot(), false);
    expect(result).to.deep.equal({ kind: 'wait', transaction: one });
    one.commit();
    const again = heap.update(two, first, [1, 'b'], nextCommand(two), false);
    expect(again.kind).to.equal('ok');
    two.commit();
    expect(rowsNow(engine, heap)).to.deep.equal([[2, 'two'], [1, 'b']]);
  });

  it('G1a aborted read: nobody sees what is rolled back', () => {
    const one = begin(engine);
    heap.update(one, first, [1, 'never'], one.takeSnapshot(), false);
    heap.insert(one, [3, 'never']);
    heap.delete(one, second, one.takeSnapshot());
    expect(rowsNow(engine, heap)).to.deep.equal([[1, 'one'], [2, 'two']]);
    one.abort();
    expect(rowsNow(engine, heap)).to.deep.equal([[1, 'one'], [2, 'two']]);
    expect(heap.estimateRows()).to.equal(2);
  });

  it('G1b intermediate read: only the last version of a transaction is ever seen', () => {
    const one = begin(engine);
    heap.update(one, first, [1, 'middle'], one.takeSnapshot(), false);
    heap.update(one, first, [1, 'last'], nextCommand(one), false);
    expect(heap.fetch(first, begin(engine).takeSnapshot())).to.deep.equal([1, 'one']);
    one.commit();
    expect(rowsNow(engine, heap)).to.deep.equal([[2, 'two'], [1, 'last']]);
  });

  it('a pinned snapshot reads the same through updates, deletions and vacuum', () => {
    const reader = begin(engine);
    const snapshot = reader.takeSnapshot();
    const unpin = reader.pinSnapshot(snapshot);
    for (let round = 0; round < 5; round++) {
      inTransaction(engine, (transaction) => heap.update(transaction, first, [1, `round ${round}`], transaction.takeSnapshot(), false));
    }
    inTransaction(engine, (transaction) => heap.delete(transaction, second, transaction.takeSnapshot()));
    engine.vacuum().next();
    expect(rows(heap, snapshot)).to.have.deep.members([[1, 'one'], [2, 'two']]);
    expect(heap.fetch(second, snapshot)).to.deep.equal([2, 'two']);
    unpin();
    engine.vacuum().next();
    expect(rowsNow(engine, heap)).to.deep.equal([[1, 'round 4']]);
    reader.commit();
  });

  it('P4 lost update: a writer with an old snapshot is told of the newer version', () => {
    const old = begin(engine);
    const snapshot = old.takeSnapshot();
    old.pinSnapshot(snapshot);
    inTransaction(engine, (transaction) => heap.update(transaction, first, [1, 'newer'], transaction.takeSnapshot(), false));
    expect(heap.update(old, first, [1, 'lost'], snapshot, false)).to.deep.equal({ kind: 'changed', values: [1, 'newer'] });
    inTransaction(engine, (transaction) => heap.delete(transaction, first, transaction.takeSnapshot()));
    expect(heap.delete(old, first, snapshot)).to.deep.equal({ kind: 'changed', values: null });
    old.abort();
  });

  it('a command does not see its own work, the next one does', () => {
    const one = begin(engine);
    const snapshot = one.takeSnapshot();
    heap.insert(one, [3, 'three']);
    expect(heap.update(one, first, [1, 'uno'], snapshot, false).kind).to.equal('ok');
    expect(rows(heap, snapshot)).to.deep.equal([[1, 'one'], [2, 'two']]);
    expect(heap.update(one, first, [1, 'again'], snapshot, false).kind).to.equal('selfModified');
    expect(rows(heap, nextCommand(one))).to.deep.equal([[2, 'two'], [3, 'three'], [1, 'uno']]);
    one.abort();
  });

  it('rolls back to a savepoint and keeps what stands before it', () => {
    const one = begin(engine);
    heap.insert(one, [3, 'kept']);
    const savepoint = one.beginSavepoint();
    heap.insert(one, [4, 'dropped']);
    heap.update(one, first, [1, 'dropped'], nextCommand(one), false);
    one.rollbackToSavepoint(savepoint);
    heap.update(one, second, [2, 'zwei'], nextCommand(one), false);
    one.releaseSavepoint(savepoint);
    one.commit();
    expect(rowsNow(engine, heap)).to.deep.equal([[1, 'one'], [3, 'kept'], [2, 'zwei']]);
  });

  it('a row inserted by another transaction is not there until it commits', () => {
    const one = begin(engine);
    const rowId = heap.insert(one, [3, 'three']);
    const other = begin(engine);
    expect(heap.fetch(rowId, other.takeSnapshot())).to.equal(null);
    one.commit();
    expect(heap.fetch(rowId, nextCommand(other))).to.deep.equal([3, 'three']);
    other.commit();
  });

  it('pads rows that were stored before a column was added', () => {
    const wide = engine.openHeap(heap.file, { attributeCount: 3, missing: [null, null, 7] });
    expect(rowsNow(engine, wide)).to.deep.equal([[1, 'one', 7], [2, 'two', 7]]);
    expect(wide.fetchNewest(first)).to.deep.equal([1, 'one', 7]);
  });
});
