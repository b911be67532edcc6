/**
 * A data directory on disk: what survives stopping and starting, what is refused, what a failing disk does, and work that is
 * larger than memory.
 */
import { expect } from 'chai';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { StorageEngine, Transaction } from '../../lib/access/api.js';
import { KEY_SPACE } from '../../lib/access/format.js';
import { engineTransaction } from '../../lib/access/owner.js';
import { openStorage, type OpenOptions } from '../../lib/access/storage.js';
import { PgError, pgError } from '../../lib/base/error.js';
import { drive } from '../../lib/base/suspend.js';
import { simEnv } from '../../lib/env/sim.js';
import type { KeyValueStore } from '../../lib/kv/kv.js';
import { openLevelStore } from '../../lib/kv/level.js';
import type { Row } from '../../lib/types/datum.js';
import { CrashDisk } from './crash-store.js';
import { begin, countRows, inTransaction, rows, rowsNow } from './support.js';

const SHAPE = { attributeCount: 2, missing: [] };

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}

function key(value: number): string {
  return String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

describe('a data directory', function () {
  this.timeout(60_000);
  let dir: string;
  const open = (options: Partial<OpenOptions> = {}): Promise<StorageEngine> => openStorage({ dir, ...options });

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pglitedb-storage-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  /** Copies the directory as a crash would leave it, and opens the copy. */
  async function openCopy(engine: StorageEngine): Promise<StorageEngine> {
    await engine.whenFlushed(engine.appendedLsn());
    const copy = `${dir}-copy`;
    fs.rmSync(copy, { recursive: true, force: true });
    fs.cpSync(dir, copy, { recursive: true });
    fs.rmSync(`${copy}/pglitedb.pid`);
    after(() => fs.rmSync(copy, { recursive: true, force: true }));
    return openStorage({ dir: copy });
  }

  it('settles at VACUUM what changed in chunks that are at rest', async () => {
    const engine = await open();
    const file = inTransaction(engine, (transaction) => {
      const created = engine.createFile(transaction, 'heap', 'permanent');
      const heap = engine.openHeap(created, SHAPE);
      for (let number = 1; number <= 2048; number++) heap.insert(transaction, [number, 'row']);
      return created;
    });
    await engine.checkpoint();
    inTransaction(engine, (transaction) => {
      const heap = engine.openHeap(file, SHAPE);
      for (let number = 1; number <= 200; number++) heap.update(transaction, number, [number, 'changed'], transaction.takeSnapshot(), false);
    });
    await engine.close();
    const changedRows = (opened: StorageEngine): number => {
      const transaction = begin(opened);
      let count = 0;
      for (const view of opened.openHeap(file, SHAPE).scan(transaction.takeSnapshot())) count += view.changedRows.length;
      transaction.commit();
      return count;
    };
    const reopened = await open();
    await drive(reopened.vacuum(file));
    expect(changedRows(reopened)).to.equal(0);
    await reopened.close();
    const again = await open();
    expect(changedRows(again), 'and so it is at rest').to.equal(0);
    expect(rowsNow(again, again.openHeap(file, SHAPE)).filter(([, text]) => text === 'changed')).to.have.length(200);
    await again.close();
  });

  it('counts rows of chunks at rest without reading them', async () => {
    const engine = await open();
    const file = inTransaction(engine, (transaction) => {
      const created = engine.createFile(transaction, 'heap', 'permanent');
      const heap = engine.openHeap(created, SHAPE);
      for (let number = 1; number <= 4000; number++) heap.insert(transaction, [number, 'row']);
      return created;
    });
    await engine.checkpoint();
    // A delta in the first chunk: deletions and changes of settled rows; the second loses all rows.
    inTransaction(engine, (transaction) => {
      const heap = engine.openHeap(file, SHAPE);
      for (let rowId = 1; rowId <= 10; rowId++) heap.delete(transaction, rowId, transaction.takeSnapshot());
      for (let rowId = 11; rowId <= 20; rowId++) heap.update(transaction, rowId, [rowId, 'changed'], transaction.takeSnapshot(), false);
      for (let rowId = 1025; rowId <= 2048; rowId++) heap.delete(transaction, rowId, transaction.takeSnapshot());
    });
    await engine.close();
    const reopened = await open();
    const heap = reopened.openHeap(file, SHAPE);
    const transaction = begin(reopened);
    const snapshot = transaction.takeSnapshot();
    const readsBefore = reopened.buffers.reads;
    expect(countRows(heap, snapshot)).to.equal(4000 - 10 - 1024);
    expect(reopened.buffers.reads, 'no chunk was read').to.equal(readsBefore);
    expect(rows(heap, snapshot)).to.have.length(4000 - 10 - 1024);
    // What is written meanwhile is counted by who sees it.
    inTransaction(reopened, (other) => {
      for (let rowId = 2049; rowId <= 2060; rowId++) heap.delete(other, rowId, other.takeSnapshot());
      heap.insert(other, [5000, 'new']);
    });
    expect(countRows(heap, snapshot)).to.equal(4000 - 10 - 1024);
    transaction.commit();
    await reopened.whenFlushed(reopened.appendedLsn());
    expect(inTransaction(reopened, (later) => countRows(heap, later.takeSnapshot()))).to.equal(4000 - 10 - 1024 - 12 + 1);
    await reopened.close();
  });

  it('keeps rows, metadata, sequences, counters and its identity through clean stops and crashes', async () => {
    const engine = await open();
    const [heapFile, sequenceFile] = inTransaction(engine, (transaction) => {
      engine.putMeta(transaction, 'map', Uint8Array.of(1, 2));
      engine.putMeta(transaction, 'gone', Uint8Array.of(9));
      return [engine.createFile(transaction, 'heap', 'permanent'), engine.createFile(transaction, 'sequence', 'permanent')] as const;
    });
    const heap = engine.openHeap(heapFile, SHAPE);
    inTransaction(engine, (transaction) => {
      heap.insert(transaction, [1, 'one']);
      engine.putMeta(transaction, 'gone', null);
    });
    engine.openSequence(sequenceFile).write({ lastValue: 5, isCalled: true, logCount: 32, aheadValue: 37 });
    engine.openSequence(sequenceFile).write({ lastValue: 6, isCalled: true, logCount: 31 });
    const oid = engine.nextCounter('oid');
    expect(oid).to.equal(16_384);

    const crashed = await openCopy(engine);
    expect(crashed.systemIdentifier).to.equal(engine.systemIdentifier);
    expect(rowsNow(crashed, crashed.openHeap(heapFile, SHAPE))).to.deep.equal([[1, 'one']]);
    expect(crashed.getMeta('map')).to.deep.equal(Uint8Array.of(1, 2));
    expect(crashed.getMeta('gone')).to.equal(null);
    expect(crashed.openSequence(sequenceFile).read(), 'logged ahead').to.deep.include({ lastValue: 37, isCalled: true });
    expect(crashed.nextCounter('oid')).to.be.greaterThan(oid);
    await crashed.close();

    await engine.close();
    const again = await open();
    expect(rowsNow(again, again.openHeap(heapFile, SHAPE))).to.deep.equal([[1, 'one']]);
    expect(Buffer.from(again.getMeta('map') as Uint8Array)).to.deep.equal(Buffer.of(1, 2));
    expect(again.openSequence(sequenceFile).read(), 'nothing is skipped').to.deep.equal({ lastValue: 6, isCalled: true, logCount: 0 });
    expect(again.nextCounter('oid')).to.equal(oid + 1);
    await again.close();
  });

  it('forgets unlogged rows at a crash but not at a clean stop, temporary ones always', async () => {
    const engine = await open();
    const files = inTransaction(engine, (transaction) => ({
      unlogged: engine.createFile(transaction, 'heap', 'unlogged'), temporary: engine.createFile(transaction, 'heap', 'temporary'),
    }));
    inTransaction(engine, (transaction) => {
      for (const file of [files.unlogged, files.temporary]) engine.openHeap(file, SHAPE).insert(transaction, [1, 'x']);
    });
    await engine.checkpoint();
    const crashed = await openCopy(engine);
    expect(rowsNow(crashed, crashed.openHeap(files.unlogged, SHAPE))).to.deep.equal([]);
    expect(rowsNow(crashed, crashed.openHeap(files.temporary, SHAPE))).to.deep.equal([]);
    await crashed.close();
    await engine.close();
    const again = await open();
    expect(rowsNow(again, again.openHeap(files.unlogged, SHAPE))).to.deep.equal([[1, 'x']]);
    expect(rowsNow(again, again.openHeap(files.temporary, SHAPE))).to.deep.equal([]);
    await again.close();
  });

  it('creates and drops files with their transactions', async () => {
    const engine = await open();
    const aborted = begin(engine);
    const never = engine.createFile(aborted, 'heap', 'permanent');
    engine.openHeap(never, SHAPE).insert(aborted, [1, 'x']);
    aborted.abort();
    expect(() => engine.openHeap(never, SHAPE)).to.throw('not a heap');
    const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'heap', 'permanent'));
    inTransaction(engine, (transaction) => {
      for (let count = 0; count < 3000; count++) engine.openHeap(file, SHAPE).insert(transaction, [count, 'x']);
    });
    await engine.checkpoint();
    const kept = begin(engine);
    engine.dropFile(kept, file);
    kept.abort();
    expect(engine.openHeap(file, SHAPE).estimateRows()).to.equal(3000);
    inTransaction(engine, (transaction) => engine.dropFile(transaction, file));
    const crashed = await openCopy(engine);
    expect(() => crashed.openHeap(file, SHAPE)).to.throw('not a heap');
    await crashed.close();
    await engine.close();
    const again = await open();
    expect(() => again.openHeap(file, SHAPE)).to.throw('not a heap');
    expect(inTransaction(again, (transaction) => again.createFile(transaction, 'heap', 'permanent'))).to.be.greaterThan(file);
    await again.close();
  });

  it('delivers messages when their commit is acknowledged, never those of aborted transactions', async () => {
    const engine = await open();
    const heard: string[] = [];
    engine.onMessage((message) => heard.push(`${message.kind} ${Buffer.from(message.payload).toString()}`));
    const aborted = begin(engine);
    engine.logMessage(aborted, { kind: 'notify', payload: Buffer.from('no') });
    aborted.abort();
    inTransaction(engine, (transaction) => engine.logMessage(transaction, { kind: 'notify', payload: Buffer.from('yes') }));
    expect(heard).to.deep.equal([]);
    await engine.whenFlushed(engine.appendedLsn());
    expect(heard).to.deep.equal(['notify yes']);
    await engine.close();
  });

  it('refuses a second opener and another format version, naming the reason', async () => {
    const engine = await open();
    const refused = await failure(open());
    expect(refused).to.be.instanceOf(PgError).and.to.include({ sqlstate: 'F0001', severity: 'FATAL' });
    await engine.close();
    const control = fs.readFileSync(`${dir}/control`);
    control.writeUInt32LE(99, 8);
    fs.writeFileSync(`${dir}/control`, control);
    expect((await failure(open())).message).to.contain('incompatible');
    fs.rmSync(`${dir}/control`);
    expect((await failure(open())).message).to.contain('no control file');
  });

  it('says where a value at rest is damaged', async () => {
    const engine = await open();
    const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'heap', 'permanent'));
    inTransaction(engine, (transaction) => {
      for (let count = 0; count < 2000; count++) engine.openHeap(file, SHAPE).insert(transaction, [count, `a text that is easily found ${count}`]);
    });
    await engine.close();
    for (const name of fs.readdirSync(`${dir}/store`, { recursive: true, encoding: 'utf8' })) {
      const path = `${dir}/store/${name}`;
      if (fs.statSync(path).isDirectory()) continue;
      const bytes = fs.readFileSync(path);
      const at = bytes.indexOf('easily found 77');
      if (at < 0) continue;
      bytes[at] ^= 1;
      fs.writeFileSync(path, bytes);
    }
    // Whether LevelDB notices (and drops a block) or our checksum does: nothing is read as if it were right.
    const damage = await failure(open().then(async (again) => {
      try {
        rowsNow(again, again.openHeap(file, SHAPE));
      } finally {
        await again.close();
      }
    }));
    expect(damage).to.be.instanceOf(PgError).and.to.have.property('sqlstate', 'XX001');
  });

  it('commits and rolls back a transaction that sent batches to the log, with savepoints', async () => {
    const engine = await open();
    const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'heap', 'permanent'));
    const heap = engine.openHeap(file, SHAPE);
    const text = 'x'.repeat(100_000);
    const expected: Row[] = [];
    const large = begin(engine);
    for (let round = 0; round < 5; round++) {
      const savepoint = large.beginSavepoint();
      for (let count = 0; count < 30; count++) heap.insert(large, [round * 100 + count, text]);
      if (round % 2 === 1) large.rollbackToSavepoint(savepoint);
      else for (let count = 0; count < 30; count++) expected.push([round * 100 + count, text]);
    }
    // One row that is larger than a log record may be.
    heap.insert(large, [999, 'y'.repeat(20 << 20)]);
    expected.push([999, 'y'.repeat(20 << 20)]);
    const gone = begin(engine);
    for (let count = 0; count < 30; count++) heap.insert(gone, [-1, text]);
    const during = await openCopy(engine);
    expect(rowsNow(during, during.openHeap(file, SHAPE))).to.deep.equal([]);
    await during.close();
    large.commit();
    gone.abort();
    const crashed = await openCopy(engine);
    expect(rowsNow(crashed, crashed.openHeap(file, SHAPE)).map(([id]) => id)).to.deep.equal(expected.map(([id]) => id));
    expect(rowsNow(crashed, crashed.openHeap(file, SHAPE))).to.deep.equal(expected);
    await crashed.close();
    await engine.close();
  });

  for (const sharedBuffers of [64 << 20, 1 << 20]) {
    it(`raises XX001 for whoever reads a damaged column or changes its chunk, and for nobody else; with ${sharedBuffers >> 20} MB`, async () => {
      const ROWS = 40 * 1024;
      const textOf = (id: number): string => `the text of row number ${id}`;
      const made = await open();
      const file = inTransaction(made, (transaction) => {
        const created = made.createFile(transaction, 'heap', 'permanent');
        const heap = made.openHeap(created, SHAPE);
        for (let id = 1; id <= ROWS; id++) heap.insert(transaction, [id, textOf(id)]);
        return created;
      });
      await made.close();
      const damagedId = 20_500;
      let damages = 0;
      for (const name of fs.readdirSync(`${dir}/store/values`)) {
        const bytes = fs.readFileSync(`${dir}/store/values/${name}`);
        for (let at = bytes.indexOf(textOf(damagedId)); at >= 0; at = bytes.indexOf(textOf(damagedId), at + 1)) {
          bytes[at] ^= 0x20;
          damages++;
        }
        fs.writeFileSync(`${dir}/store/values/${name}`, bytes);
      }
      expect(damages).to.be.greaterThan(0);

      const engine = await open({ settings: { sharedBuffers } });
      const heap = engine.openHeap(file, SHAPE);
      const read = async (column: number): Promise<number> => {
        const reader = begin(engine);
        const scan = heap.scan(reader.takeSnapshot());
        let sum = 0;
        try {
          for (;;) {
            await scan.ready?.();
            const { done, value: view } = scan.next();
            if (done === true) return sum;
            for (let position = 0; position < view.positions; position++) sum += column === 0 ? view.column(0).get(position) as number : (view.column(1).get(position) as string).length;
          }
        } finally {
          reader.commit();
        }
      };
      const refusal = async (work: () => unknown): Promise<string> => {
        const error = await failure((async () => work())());
        return error instanceof PgError ? error.sqlstate : String(error);
      };
      for (let round = 0; round < 2; round++) {
        expect(await read(0), 'the other column').to.equal((ROWS * (ROWS + 1)) / 2);
        expect(await refusal(() => read(1))).to.equal('XX001');
      }
      const writer = begin(engine);
      const snapshot = writer.takeSnapshot();
      expect(await refusal(() => heap.fetch(damagedId, snapshot))).to.equal('XX001');
      expect(await refusal(() => heap.update(writer, damagedId, [damagedId, 'new'], snapshot, false))).to.equal('XX001');
      expect(await refusal(() => heap.update(writer, damagedId + 7, [damagedId, 'new'], snapshot, false)), 'a row of its chunk').to.equal('XX001');
      heap.update(writer, 1, [1, 'new'], snapshot, false);
      writer.commit();
      await engine.checkpoint();
      expect(await refusal(() => read(1))).to.equal('XX001');
      await engine.close();
    });
  }

  describe('with little memory', () => {
    const BUDGET = 2 << 20;
    const ROWS = 60_000;
    const limited = { settings: { sharedBuffers: BUDGET, maxWalSize: 8 << 20 } };
    const row = (id: number): Row => [id, `row number ${id} with some text behind it to make it longer`];

    async function fill(engine: StorageEngine, each: number): Promise<[number, number]> {
      const files = inTransaction(engine, (transaction) => [engine.createFile(transaction, 'heap', 'permanent'), engine.createFile(transaction, 'index', 'permanent')] as [number, number]);
      const heap = engine.openHeap(files[0], SHAPE);
      const index = engine.openIndex(files[1]);
      let transaction = begin(engine);
      for (let id = 0; id < ROWS; id++) {
        index.insert(transaction, key(id), heap.insert(transaction, row(id)));
        if (id % 500 === 0) await engine.memoryPressure()?.until;
        expect(engine.statistics().memoryUsed).to.be.below(BUDGET * 2.5);
        if (id % each === each - 1) {
          transaction.commit();
          transaction = begin(engine);
        }
      }
      transaction.commit();
      await engine.whenFlushed(engine.appendedLsn());
      return files;
    }

    async function check(engine: StorageEngine, files: [number, number], expected: (id: number) => Row): Promise<void> {
      await engine.whenFlushed(engine.appendedLsn());
      const heap = engine.openHeap(files[0], SHAPE);
      const reader = begin(engine);
      const snapshot = reader.takeSnapshot();
      const found = rows(heap, snapshot).sort((a, b) => (a[0] as number) - (b[0] as number));
      expect(found.length).to.equal(ROWS);
      for (let id = 0; id < ROWS; id++) if (found[id][1] !== expected(id)[1]) expect(found[id]).to.deep.equal(expected(id));
      const index = engine.openIndex(files[1]);
      for (let id = 0; id < ROWS; id += 997) expect(index.lookup(key(id), false).map((rowId) => heap.fetch(rowId, snapshot))).to.deep.equal([expected(id)]);
      reader.commit();
      expect(engine.statistics().memoryUsed).to.be.below(BUDGET * 2.5);
    }

    it('reads ahead what a scan finds at rest: the same rows, whatever is written meanwhile', async () => {
      const made = await open(limited);
      const files = await fill(made, ROWS);
      await made.close();
      const engine = await open(limited);
      const heap = engine.openHeap(files[0], SHAPE);
      const reader = begin(engine);
      const snapshot = reader.takeSnapshot();
      const unpin = reader.pinSnapshot(snapshot);
      const scan = heap.scan(snapshot);
      const found: Row[] = [];
      let waits = 0;
      for (;;) {
        const ready = scan.ready?.() ?? null;
        if (ready !== null) {
          // Rows that were read ahead already, and that are not: written anew, and at rest anew, before the scan is there.
          inTransaction(engine, (transaction) => {
            for (let rowId = found.length + 1; rowId <= Math.min(found.length + 5000, ROWS); rowId += 700) heap.update(transaction, rowId, [rowId - 1, 'new'], transaction.takeSnapshot(), false);
          });
          if (waits++ % 3 === 0) await engine.checkpoint();
          await ready;
        }
        const { done, value: view } = scan.next();
        if (done === true) break;
        for (let index = 0; index < view.selected; index++) {
          const position = view.selection === null ? index : view.selection[index];
          found.push([view.column(0).get(position), view.column(1).get(position)]);
        }
        found.push(...view.changedRows);
      }
      // How often is up to how fast the disk is beside the thread: four times when nothing else runs, fewer on a busy machine.
      expect(waits).to.be.greaterThan(1);
      found.sort((a, b) => (a[0] as number) - (b[0] as number));
      expect(found.length).to.equal(ROWS);
      const wrong = found.findIndex(([id, text], index) => id !== index || text !== row(index)[1]);
      if (wrong >= 0) expect(found[wrong]).to.deep.equal(row(wrong));
      unpin();
      reader.commit();
      await engine.close();
    });

    it('goes on reading by itself where nothing can be read ahead', async () => {
      const made = await open(limited);
      const files = await fill(made, ROWS);
      await made.close();
      const store = await openLevelStore(`${dir}/store`);
      let failures = 0;
      const failing: KeyValueStore = Object.assign(Object.create(store) as KeyValueStore, {
        readMany: () => {
          failures++;
          return Promise.reject(new Error('the store is closed'));
        },
      });
      const engine = await open({ ...limited, openStore: () => Promise.resolve(failing) });
      const reader = begin(engine);
      const scan = engine.openHeap(files[0], SHAPE).scan(reader.takeSnapshot());
      let chunks = 0;
      for (;; chunks++) {
        await scan.ready?.();
        if (scan.next().done === true) break;
      }
      expect(chunks).to.equal(Math.ceil(ROWS / 1024));
      expect(failures).to.be.greaterThan(0);
      reader.commit();
      await engine.close();
    });

    it('raises XX001 where a scan comes to a damaged chunk, not where it reads ahead', async () => {
      const made = await open(limited);
      const files = await fill(made, ROWS);
      await made.close();
      const store = await openLevelStore(`${dir}/store`);
      const isDamaged = (wanted: Uint8Array): boolean => wanted[0] === KEY_SPACE.base && Buffer.from(wanted).readUIntBE(1, 6) === files[0] && Buffer.from(wanted).readUInt32BE(7) === 20;
      const damaged: KeyValueStore = Object.assign(Object.create(store) as KeyValueStore, {
        readMany: async (keys: readonly Uint8Array[]) => (await store.readMany(keys)).map((value, index) => (isDamaged(keys[index]) ? null : value)),
        getSync: (wanted: Uint8Array) => {
          if (isDamaged(wanted)) throw pgError('DATA_CORRUPTED', 'it is damaged');
          return store.getSync(wanted);
        },
      });
      const engine = await open({ ...limited, openStore: () => Promise.resolve(damaged) });
      const reader = begin(engine);
      const scan = engine.openHeap(files[0], SHAPE).scan(reader.takeSnapshot());
      let chunks = 0;
      const error = await failure((async () => {
        for (;; chunks++) {
          await scan.ready?.();
          if (scan.next().done === true) return;
        }
      })());
      expect(error).to.include({ sqlstate: 'XX001', message: 'it is damaged' });
      expect(chunks).to.equal(20);
      reader.commit();
      await engine.close();
    });

    for (const [name, each] of [['small transactions', 1000], ['one transaction', ROWS]] as const) {
      it(`holds a table of several times the budget, written by ${name}`, async () => {
        const engine = await open(limited);
        const files = await fill(engine, each);
        await check(engine, files, row);
        expect(engine.statistics().evictions).to.be.greaterThan(0);
        await engine.close();
        const again = await open(limited);
        await check(again, files, row);
        await again.close();
      });
    }

    it('updates all of it in one transaction, and rolls that back or commits it', async () => {
      const engine = await open(limited);
      const files = await fill(engine, 5000);
      const heap = engine.openHeap(files[0], SHAPE);
      for (const outcome of ['abort', 'commit'] as const) {
        const writer = begin(engine);
        const snapshot = writer.takeSnapshot();
        const unpin = writer.pinSnapshot(snapshot);
        for (let rowId = 1; rowId <= ROWS; rowId++) {
          if (heap.update(writer, rowId, [rowId - 1, outcome], snapshot, false).kind !== 'ok') expect.fail(`row ${rowId}`);
          if (rowId % 500 === 0) await engine.memoryPressure()?.until;
        }
        expect(engine.statistics().swapOuts).to.be.greaterThan(0);
        unpin();
        writer[outcome]();
        await check(engine, files, outcome === 'abort' ? row : (id) => [id, 'commit']);
      }
      await engine.close();
      const again = await open(limited);
      await check(again, files, (id) => [id, 'commit']);
      await again.close();
    });
    for (const persistence of ['unlogged', 'temporary'] as const) {
      it(`keeps the undo of an index out of memory that is not logged (${persistence})`, async () => {
        const engine = await open(limited);
        const index = engine.openIndex(inTransaction(engine, (transaction) => engine.createFile(transaction, 'index', persistence)));
        const entries = (): string[] => {
          const cursor = index.range(null, null, false);
          const found: string[] = [];
          while (cursor.next()) found.push(`${cursor.key}/${cursor.rowId}`);
          return found;
        };
        inTransaction(engine, (transaction) => {
          for (let id = 0; id < 1000; id++) index.insert(transaction, key(id), id + 1);
        });
        const before = entries();
        for (const outcome of ['abort', 'commit'] as const) {
          const writer = begin(engine);
          for (let id = 0; id < ROWS; id++) {
            if (id < 1000) index.remove(writer, key(id), id + 1);
            index.insert(writer, key(ROWS + id), id + 1);
            if (id % 500 === 0) {
              await engine.memoryPressure()?.until;
              await new Promise(setImmediate);
            }
            expect(engineTransaction(writer).effects.length).to.be.below(20_000);
          }
          writer[outcome]();
          if (outcome === 'abort') expect(entries()).to.deep.equal(before);
        }
        await engine.whenFlushed(engine.appendedLsn());
        for (const wait of engine.vacuum()) await wait.until;
        expect(entries()).to.deep.equal(Array.from({ length: ROWS }, (_, id) => `${key(ROWS + id)}/${id + 1}`));
        await engine.close();
      });
    }

    it('changes every key in one transaction, and rolls that back or commits it', async () => {
      const engine = await open(limited);
      const files = await fill(engine, 5000);
      const index = engine.openIndex(files[1]);
      const change = async (writer: Transaction, ids: [number, number], by: number): Promise<void> => {
        for (let id = ids[0]; id < ids[1]; id++) {
          index.remove(writer, key(id), id + 1);
          index.insert(writer, key(id + by), id + 1);
          if (id % 500 === 0) await engine.memoryPressure()?.until;
          if (id % 5000 === 0) await new Promise(setImmediate);
        }
      };
      const entries = (opened: StorageEngine): string[] => {
        const cursor = opened.openIndex(files[1]).range(null, null, false);
        const found: string[] = [];
        while (cursor.next()) found.push(`${cursor.key}/${cursor.rowId}/${cursor.recheck}`);
        return found;
      };
      const expected = (by: number): string[] => Array.from({ length: ROWS }, (_, id) => `${key(id + by)}/${id + 1}/false`);
      const before = entries(engine);
      const aborted = begin(engine);
      await change(aborted, [0, ROWS], ROWS);
      expect(entries(engine).length).to.equal(2 * ROWS);
      aborted.abort();
      expect(entries(engine)).to.deep.equal(before);
      const committed = begin(engine);
      await change(committed, [0, ROWS / 2], ROWS);
      const savepoint = committed.beginSavepoint();
      await change(committed, [ROWS / 2, ROWS], 2 * ROWS);
      committed.rollbackToSavepoint(savepoint);
      await change(committed, [ROWS / 2, ROWS], ROWS);
      committed.commit();
      await engine.whenFlushed(engine.appendedLsn());
      for (const wait of engine.vacuum()) await wait.until;
      expect(entries(engine)).to.deep.equal(expected(ROWS));
      await engine.close();
      const again = await open(limited);
      expect(entries(again)).to.deep.equal(expected(ROWS));
      await again.close();
    });
  });
});

describe('a failing disk', () => {
  it('ends the engine at the first failed sync: nothing is acknowledged after it', async () => {
    const env = simEnv(1);
    const disk = new CrashDisk(() => 0);
    const errors: Error[] = [];
    const engine = await openStorage({ dir: 'data', env, openStore: () => disk.open(), fatal: (error) => errors.push(error) });
    const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'heap', 'permanent'));
    await engine.whenFlushed(engine.appendedLsn());
    env.failSync('wal');
    let acknowledged = false;
    const commit = inTransaction(engine, (transaction) => engine.openHeap(file, SHAPE).insert(transaction, [1, 'x']));
    expect(commit).to.equal(1);
    engine.onFlushed(engine.appendedLsn(), () => (acknowledged = true));
    await env.advance(1000);
    expect(errors.map((error) => error.message)).to.have.length(1);
    expect(acknowledged).to.equal(false);
  });
});
