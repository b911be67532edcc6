/**
 * Many who wait for the same row: a commit lets one of them go, in order of arrival, and nobody is forgotten.
 */
import { expect } from 'chai';
import { openStorage } from '../../lib/access/storage.js';
import type { Heap, RowId, StorageEngine, Transaction } from '../../lib/access/api.js';
import { drive, type Suspendable } from '../../lib/base/suspend.js';
import { PgError } from '../../lib/base/error.js';

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('waiting for a row', () => {
  let engine: StorageEngine;
  let heap: Heap;
  let row: RowId;
  let attempts = 0;
  const got: number[] = [];

  function begin(sessionId: number): Transaction {
    return engine.begin({ isolation: 'read committed', readOnly: false, sessionLsn: engine.appendedLsn(), sessionId });
  }

  beforeEach(async () => {
    engine = await openStorage({ dir: 'memory://' });
    const first = begin(1);
    heap = engine.openHeap(engine.createFile(first, 'heap', 'permanent'), { attributeCount: 1, missing: [] });
    row = heap.insert(first, [0]);
    first.commit();
    attempts = 0;
    got.length = 0;
  });

  /** Takes the row as an UPDATE does; `wanted` says whether the session still wants it when its turn comes. */
  function* take(own: Transaction, wanted: () => boolean, signal: AbortSignal | null): Suspendable<void> {
    while (wanted()) {
      attempts++;
      const result = heap.update(own, row, [own.sessionId], own.catalogSnapshot(), false);
      if (result.kind === 'ok') {
        got.push(own.sessionId);
        return;
      }
      if (result.kind !== 'wait') throw new Error(result.kind);
      yield* own.waitFor(result.transaction, { timeoutMs: 0, signal, row: { file: heap.file, rowId: row, isExclusive: true } });
    }
  }

  it('serves them in order, and wakes each once', async () => {
    const holder = begin(1);
    heap.update(holder, row, [1], holder.catalogSnapshot(), false);
    const waiting: Transaction[] = [];
    const done: (void | Promise<void>)[] = [];
    for (let session = 2; session <= 40; session++) {
      const own = begin(session);
      waiting.push(own);
      done.push(drive(take(own, () => true, null)));
    }
    expect(holder.isAwaited).to.equal(true);
    holder.commit();
    for (const own of waiting) {
      for (let turns = 0; turns < 4; turns++) await turn();
      expect(own.isAwaited, `others wait for session ${own.sessionId}`).to.equal(own !== waiting.at(-1));
      own.commit();
    }
    await Promise.all(done);
    expect(got).to.deep.equal(Array.from({ length: 39 }, (_, index) => index + 2));
    expect(attempts, 'one attempt before the wait, one after it').to.equal(39 * 2);
  });

  it('hands those who wait on to one who took the row before the first of them did, with whoever came meanwhile', async () => {
    const holder = begin(1);
    heap.update(holder, row, [1], holder.catalogSnapshot(), false);
    const done: (void | Promise<void>)[] = [];
    const begun = new Map<number, Transaction>();
    const start = (session: number): void => {
      const own = begin(session);
      begun.set(session, own);
      done.push(drive(take(own, () => true, null)));
    };
    for (const session of [2, 3, 4]) start(session);
    holder.commit();
    // 9 takes the row before 2 has run; 5 comes to wait for 9 at once, 2 comes back, and 3 and 4 follow it.
    start(9);
    start(5);
    for (const session of [9, 2, 3, 4, 5]) {
      for (let turns = 0; turns < 4; turns++) await turn();
      expect(got.at(-1)).to.equal(session);
      begun.get(session)?.commit();
    }
    await Promise.all(done);
    expect(attempts, 'one more of the first, in vain').to.equal(1 + 4 * 2 + 1);
  });

  it('goes on to the next when one does not want the row any more, fails, or rolls back', async () => {
    const holder = begin(1);
    heap.update(holder, row, [1], holder.catalogSnapshot(), false);
    const cancel = new AbortController();
    const transactions = new Map<number, Transaction>();
    const results: Promise<unknown>[] = [];
    let second = true;
    for (let session = 2; session <= 6; session++) {
      const own = begin(session);
      transactions.set(session, own);
      const result = drive(take(own, session === 2 ? () => second : () => true, session === 3 ? cancel.signal : null));
      results.push(Promise.resolve(result).catch((error: unknown) => error));
    }
    second = false;
    holder.abort();
    await turn();
    cancel.abort(new PgError('QUERY_CANCELED', 'canceling statement due to user request'));
    for (let turns = 0; turns < 10; turns++) await turn();
    // Session 3 may have had the row before it was cancelled: its transaction ends either way.
    transactions.get(3)?.abort();
    for (const session of [4, 5, 6]) {
      for (let turns = 0; turns < 10; turns++) await turn();
      expect(got, `session ${session} has the row`).to.include(session);
      transactions.get(session)?.commit();
    }
    await Promise.all(results);
    expect(heap.fetchNewest(row)).to.deep.equal([6]);
    transactions.get(2)?.abort();
  });

  /** Locks the row, as SELECT FOR KEY SHARE does. */
  function* lockKey(own: Transaction): Suspendable<void> {
    for (;;) {
      const result = heap.lock(own, row, 'keyShare', own.catalogSnapshot());
      if (result.kind === 'ok') return;
      if (result.kind !== 'wait') throw new Error(result.kind);
      yield* own.waitFor(result.transaction, { timeoutMs: 0, signal: null, row: { file: heap.file, rowId: row, isExclusive: false } });
    }
  }

  it('lets who can share the row with its next writer go, though that one has it', async () => {
    const holder = begin(1);
    heap.update(holder, row, [1], holder.catalogSnapshot(), true);
    const [second, third, fourth] = [begin(2), begin(3), begin(4)];
    const writes = [drive(take(second, () => true, null)), drive(take(third, () => true, null))];
    const locked = drive(lockKey(fourth));
    holder.commit();
    await locked;
    for (let turns = 0; turns < 4; turns++) await turn();
    expect(got, 'the lock on the key does not wait for the second one').to.deep.equal([2]);
    second.commit();
    fourth.commit();
    await Promise.all(writes);
    expect(got).to.deep.equal([2, 3]);
    third.commit();
  });

  it('goes on to the next when the one that took the row rolls back to a savepoint before it, whenever that is', async () => {
    for (const turns of [0, 1, 4]) {
      got.length = 0;
      const holder = begin(1);
      heap.update(holder, row, [1], holder.catalogSnapshot(), false);
      const [second, third, fourth] = [begin(2), begin(3), begin(4)];
      const savepoint = second.beginSavepoint();
      const waiting = [second, third, fourth].map((own) => drive(take(own, () => true, null)));
      holder.commit();
      await waiting[0];
      for (let count = 0; count < turns; count++) await turn();
      second.rollbackToSavepoint(savepoint);
      await waiting[1];
      third.commit();
      await waiting[2];
      expect(got).to.deep.equal([2, 3, 4]);
      fourth.commit();
      second.commit();
    }
  });
});
