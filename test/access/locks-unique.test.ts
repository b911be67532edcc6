/**
 * Row locks of the four strengths and uniqueness probes: who is told to wait for whom.
 */
import { expect } from 'chai';
import type { Heap, Index, RowId, RowLockStrength, StorageEngine } from '../../lib/access/api.js';
import { drive } from '../../lib/base/suspend.js';
import type { Row } from '../../lib/types/datum.js';
import { begin, inTransaction, makeHeap, memoryEngine, nextCommand } from './support.js';

const STRENGTHS: readonly RowLockStrength[] = ['keyShare', 'share', 'noKeyUpdate', 'update'];
/** PostgreSQL's documentation, "Conflicting Row-Level Locks". */
const CONFLICTS: Record<RowLockStrength, readonly RowLockStrength[]> = {
  keyShare: ['update'],
  share: ['noKeyUpdate', 'update'],
  noKeyUpdate: ['share', 'noKeyUpdate', 'update'],
  update: STRENGTHS,
};

describe('row locks', () => {
  let engine: StorageEngine;
  let heap: Heap;
  let row: RowId;

  beforeEach(async () => {
    engine = await memoryEngine();
    const made = makeHeap(engine, [[1, 'one']]);
    heap = made.heap;
    [row] = made.rowIds;
  });

  for (const held of STRENGTHS) {
    for (const wanted of STRENGTHS) {
      const conflict = CONFLICTS[wanted].includes(held);
      it(`${wanted} ${conflict ? 'waits for' : 'goes beside'} ${held}`, () => {
        const one = begin(engine);
        const two = begin(engine);
        expect(heap.lock(one, row, held, one.takeSnapshot()).kind).to.equal('ok');
        const result = heap.lock(two, row, wanted, two.takeSnapshot());
        expect(result).to.deep.equal(conflict ? { kind: 'wait', transaction: one } : { kind: 'ok' });
        one.commit();
        expect(heap.lock(two, row, wanted, two.takeSnapshot()).kind).to.equal('ok');
        two.abort();
      });
    }
  }

  it('an update of no key lets key share pass, as a foreign key needs it; an update of a key and a deletion do not', () => {
    const writer = begin(engine);
    const checker = begin(engine);
    heap.update(writer, row, [1, 'uno'], writer.takeSnapshot(), false);
    expect(heap.lock(checker, row, 'keyShare', checker.takeSnapshot()).kind).to.equal('ok');
    expect(heap.lock(checker, row, 'share', checker.takeSnapshot()).kind).to.equal('wait');
    // And the other way round: the key is locked now.
    expect(heap.update(writer, row, [2, 'uno'], nextCommand(writer), true)).to.deep.equal({ kind: 'wait', transaction: checker });
    checker.commit();
    expect(heap.update(writer, row, [2, 'uno'], nextCommand(writer), true).kind).to.equal('ok');
    const late = begin(engine);
    expect(heap.lock(late, row, 'keyShare', late.takeSnapshot()).kind).to.equal('wait');
    writer.abort();
    expect(heap.lock(late, row, 'keyShare', late.takeSnapshot()).kind).to.equal('ok');
    late.commit();
  });

  it('key share takes the row as its snapshot saw it when only other columns changed since', () => {
    const reader = begin(engine);
    const snapshot = reader.takeSnapshot();
    const writer = begin(engine);
    heap.update(writer, row, [1, 'uno'], writer.takeSnapshot(), false);
    writer.commit();
    expect(heap.lock(reader, row, 'share', snapshot).kind).to.equal('changed');
    expect(heap.lock(reader, row, 'keyShare', snapshot).kind).to.equal('ok');
    reader.abort();
    const later = begin(engine);
    const before = later.takeSnapshot();
    const mover = begin(engine);
    heap.update(mover, row, [5, 'uno'], mover.takeSnapshot(), true);
    mover.commit();
    expect(heap.lock(later, row, 'keyShare', before).kind).to.equal('changed');
    later.abort();
  });

  it('tells one who holds a weaker lock on the row not to queue behind those who wait for it', () => {
    const one = begin(engine);
    const two = begin(engine);
    heap.lock(one, row, 'share', one.takeSnapshot());
    heap.lock(two, row, 'share', two.takeSnapshot());
    expect(heap.lock(one, row, 'update', one.takeSnapshot())).to.deep.equal({ kind: 'wait', transaction: two, holdsRow: true });
    one.abort();
    two.abort();
  });

  it('goes with the savepoint that it was taken after, back to the strength before', () => {
    const one = begin(engine);
    const two = begin(engine);
    heap.lock(one, row, 'keyShare', one.takeSnapshot());
    const savepoint = one.beginSavepoint();
    heap.lock(one, row, 'update', one.takeSnapshot());
    expect(heap.lock(two, row, 'share', two.takeSnapshot()).kind).to.equal('wait');
    one.rollbackToSavepoint(savepoint);
    expect(heap.lock(two, row, 'share', two.takeSnapshot()).kind).to.equal('ok');
    expect(heap.lock(two, row, 'update', two.takeSnapshot())).to.deep.equal({ kind: 'wait', transaction: one, holdsRow: true });
    one.abort();
    two.abort();
  });

  it('waiting ends with the transaction that is waited for', async () => {
    const one = begin(engine);
    const two = engine.begin({ isolation: 'read committed', readOnly: false, sessionLsn: engine.flushedLsn(), sessionId: 2 });
    heap.update(one, row, [1, 'uno'], one.takeSnapshot(), false);
    const waiting = drive(two.waitFor(one, { timeoutMs: 0, signal: null }));
    expect(waiting).to.be.instanceOf(Promise);
    one.commit();
    await waiting;
    expect(heap.update(two, row, [1, 'dos'], nextCommand(two), false).kind).to.equal('ok');
    two.commit();
  });
});

describe('uniqueness probes', () => {
  let engine: StorageEngine;
  let heap: Heap;
  let index: Index;
  const keyOf = (row: Row): string | null => row[1] as string | null;

  beforeEach(async () => {
    engine = await memoryEngine();
    heap = makeHeap(engine, []).heap;
    index = inTransaction(engine, (transaction) => engine.openIndex(engine.createFile(transaction, 'index', 'permanent')));
  });

  function insert(transaction: ReturnType<typeof begin>, key: string): RowId {
    const rowId = heap.insert(transaction, [1, key]);
    index.insert(transaction, key, rowId);
    return rowId;
  }

  it('finds a committed row, and the own row', () => {
    const committed = inTransaction(engine, (transaction) => insert(transaction, 'a'));
    const one = begin(engine);
    const own = insert(one, 'b');
    expect(engine.probeUnique(one, heap, index, 'a', 0, keyOf)).to.deep.equal({ kind: 'conflict', rowId: committed });
    expect(engine.probeUnique(one, heap, index, 'b', 0, keyOf)).to.deep.equal({ kind: 'conflict', rowId: own });
    expect(engine.probeUnique(one, heap, index, 'b', own, keyOf)).to.deep.equal({ kind: 'free' });
    expect(engine.probeUnique(one, heap, index, 'c', 0, keyOf)).to.deep.equal({ kind: 'free' });
    one.abort();
  });

  it('waits for one who is inserting, deleting or moving such a row; is free afterwards as it ended', () => {
    const one = begin(engine);
    const two = begin(engine);
    insert(one, 'a');
    expect(engine.probeUnique(two, heap, index, 'a', 0, keyOf)).to.deep.equal({ kind: 'wait', transaction: one });
    one.abort();
    expect(engine.probeUnique(two, heap, index, 'a', 0, keyOf).kind).to.equal('free');
    const rowId = inTransaction(engine, (transaction) => insert(transaction, 'a'));
    const three = begin(engine);
    heap.delete(three, rowId, three.takeSnapshot());
    index.remove(three, 'a', rowId);
    expect(engine.probeUnique(two, heap, index, 'a', 0, keyOf)).to.deep.equal({ kind: 'wait', transaction: three });
    expect(engine.probeUnique(three, heap, index, 'a', 0, keyOf).kind).to.equal('free');
    three.commit();
    expect(engine.probeUnique(two, heap, index, 'a', 0, keyOf).kind).to.equal('free');
    two.commit();
  });

  it('does not mind a row that has left the key', () => {
    const rowId = inTransaction(engine, (transaction) => insert(transaction, 'a'));
    const reader = begin(engine);
    const unpin = reader.pinSnapshot(reader.takeSnapshot());
    inTransaction(engine, (transaction) => {
      heap.update(transaction, rowId, [1, 'b'], transaction.takeSnapshot(), true);
      index.remove(transaction, 'a', rowId);
      index.insert(transaction, 'b', rowId);
    });
    const one = begin(engine);
    expect(index.lookup('a', false)).to.deep.equal([rowId]);
    expect(engine.probeUnique(one, heap, index, 'a', 0, keyOf).kind).to.equal('free');
    expect(engine.probeUnique(one, heap, index, 'b', 0, keyOf).kind).to.equal('conflict');
    unpin();
    one.commit();
    reader.commit();
  });

  it('waits for a bulk insert', () => {
    const one = begin(engine);
    const two = begin(engine);
    for (let count = 0; count < 1100; count++) insert(one, `k${count}`);
    expect(engine.probeUnique(two, heap, index, 'k7', 0, keyOf)).to.deep.equal({ kind: 'wait', transaction: one });
    expect(engine.probeUnique(one, heap, index, 'k7', 0, keyOf).kind).to.equal('conflict');
    one.commit();
    expect(engine.probeUnique(two, heap, index, 'k7', 0, keyOf).kind).to.equal('conflict');
    two.commit();
  });
});
