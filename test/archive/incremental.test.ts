/**
 * Incremental backups over the wire: what they cost there, counted in bytes as they arrive, and that chains of them verify and restore.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ensureLog, logFromFiles, writeBackup } from '../../lib/archive/backup.js';
import { DirectoryStore } from '../../lib/archive/directory-store.js';
import { readBackup, type Backup } from '../../lib/archive/manifest.js';
import { restore } from '../../lib/archive/restore.js';
import { verifyArchive } from '../../lib/archive/verify.js';
import type { Heap, Index } from '../../lib/access/api.js';
import { openLevelStore } from '../../lib/kv/level.js';
import type { KnownState } from '../../lib/wal/shipping.js';
import { ClonedState } from '../../ops/cli/backup.js';
import { Clone } from '../../replica/clone.js';
import { decodeFrame, encodeFrame } from '../../replica/frames.js';
import { ModelRun } from '../access/model.js';
import { begin, rowsNow } from '../access/support.js';
import { BentNetwork, serve, sourceOf, TIGHT, type Served } from '../replica/support.js';
import { env, EngineNode } from './engine-node.js';
import { rejection } from './support.js';

const ROWS = 60_000;

describe('an incremental backup over the wire', function () {
  this.timeout(120_000);
  const root = mkdtempSync(join(tmpdir(), 'pglitedb-incremental-'));
  const store = new DirectoryStore(env, `${root}/archive`);
  const network = new BentNetwork(env.network);
  let received = 0;
  let node: EngineNode;
  let served: Served;
  let index: Index;

  before(async () => {
    node = await EngineNode.open(`${root}/primary`);
    const transaction = begin(node.engine);
    index = node.engine.openIndex(node.engine.createFile(transaction, 'index', 'permanent'));
    transaction.commit();
    for (let from = 0; from < ROWS; from += 5000) add(from, from + 5000);
    served = await serve(env, sourceOf(node.engine));
  });
  after(async () => {
    await served.server.close();
    await node.close();
    rmSync(root, { recursive: true, force: true });
  });

  /** Rows with these numbers, each with an entry in the index. */
  function add(from: number, to: number, heap: Heap = node.heap): void {
    const transaction = begin(node.engine);
    for (let number = from; number < to; number++) {
      const row = heap.insert(transaction, [number, `${number * 7919 % 1_000_003}`.padEnd(120, String(number))]);
      index.insert(transaction, String(number).padStart(12, '0'), row);
    }
    transaction.commit();
  }

  /** Backs the node up over the wire; tells the bytes that came. */
  async function backUp(label: string, parent?: string): Promise<{ backup: Backup; bytes: number }> {
    await node.engine.whenFlushed(node.engine.appendedLsn());
    network.bend = (bytes, _count, direction) => {
      if (direction === 'in') received += bytes.length;
      return bytes;
    };
    received = 0;
    const clone = await start(parent === undefined ? undefined : (await readBackup(store, node.systemIdentifier, parent)).info);
    const state = new ClonedState(clone);
    const backup = await writeBackup(store, state, { env, label, parent });
    await ensureLog(store, env, backup.info, logFromFiles(env, node.source));
    await state.close();
    return { backup, bytes: received };
  }

  function start(since: KnownState | undefined): Promise<Clone> {
    return Clone.start({
      env: { ...env, network }, urls: [`ws://127.0.0.1:${served.port}`], role: 'repl', password: 'secret', timeoutMs: 10_000, nodeName: 'backup', slot: '', since,
      progress: () => undefined,
    });
  }

  it('carries what has changed, and no more; its chain verifies and restores', async () => {
    const full = await backUp('full');
    expect(full.bytes).to.be.greaterThan(ROWS * 120);
    add(ROWS, ROWS + 10);
    const small = await backUp('small', 'full');
    expect(small.backup).to.include({ kind: 'incremental', parent: 'full' });
    expect(small.bytes, `of ${full.bytes}`).to.be.below(full.bytes / 40);
    const nothing = await backUp('nothing', 'small');
    expect(nothing.bytes, `of ${full.bytes}`).to.be.below(full.bytes / 400);
    // A table comes and another goes: keys of both kinds are in the chain.
    const transaction = begin(node.engine);
    const other = node.engine.openHeap(node.engine.createFile(transaction, 'heap', 'permanent'), { attributeCount: 2, missing: [] });
    transaction.commit();
    add(0, 3000, other);
    const more = await backUp('more', 'nothing');
    expect(more.bytes).to.be.within(3000 * 120, full.bytes / 4);
    const dropping = begin(node.engine);
    node.engine.dropFile(dropping, other.file);
    dropping.commit();
    const less = await backUp('less', 'more');
    expect(less.bytes).to.be.below(full.bytes / 40);
    const report = await verifyArchive(store, node.systemIdentifier);
    expect(report).to.deep.include({ problems: [], backups: 5 });
    const truth = rowsNow(node.engine, node.heap);
    for (const label of ['full', 'small', 'nothing', 'more', 'less']) {
      const backup = await readBackup(store, node.systemIdentifier, label);
      const dataDirectory = join(root, `restored-${label}`);
      await restore(store, { env, dataDirectory, target: { kind: 'lsn', lsn: backup.info.stateLsn }, exclusive: true, openStore: openLevelStore });
      const restored = await EngineNode.open(dataDirectory, node.file);
      expect(rowsNow(restored.engine, restored.heap), label).to.deep.equal(label === 'full' ? truth.slice(0, ROWS) : truth);
      await restored.close();
    }
  });

  it('is refused where the state it continues is not one of the node\'s store', async () => {
    const { info } = await readBackup(store, node.systemIdentifier, 'small');
    const behind = await start({ ...info, storeId: 'ffffffffffffffff' }).then((clone) => clone.entries().next()).catch((error: unknown) => error);
    expect(behind).to.include({ sqlstate: '55000', message: 'requested changes are not those of this node\'s store', hint: 'Take a full backup.' });
    const ahead = await start({ ...info, checkpointNumber: info.checkpointNumber + 1000 }).then((clone) => clone.entries().next()).catch((error: unknown) => error);
    expect(ahead).to.include({ sqlstate: '55000' });
  });

  it('is none when a key was lost or bent on the way', async () => {
    for (const bend of ['lost', 'bent'] as const) {
      network.bend = (bytes, _count, direction) => {
        if (direction === 'out') return bytes;
        const { epoch, message } = decodeFrame(bytes);
        if (message.type !== 'cloneKeys') return bytes;
        const changed = Buffer.from(message.bytes);
        changed[changed.length - 1] ^= 1;
        return encodeFrame(epoch, { ...message, bytes: bend === 'lost' ? message.bytes.subarray(0, 0) : changed });
      };
      const { info } = await readBackup(store, node.systemIdentifier, 'small');
      const state = new ClonedState(await start(info));
      const error = await rejection(writeBackup(store, state, { env, label: `broken-${bend}`, parent: 'small' }));
      await state.close();
      expect(error, bend).to.include({ sqlstate: 'XX001' });
      expect(await rejection(readBackup(store, node.systemIdentifier, `broken-${bend}`))).to.include({ sqlstate: '42704' });
    }
  });
});

describe('what has changed in a store, by name', function () {
  this.timeout(60_000);

  it('is what reading all of it shows, whatever happened between', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const run = new ModelRun(seed, TIGHT);
      await run.start();
      const numbers: number[] = [];
      for (let round = 0; round < 6; round++) {
        for (let step = 0; step < 25; step++) await run.step();
        const state = await sourceOf(run.engine).takeState();
        const all: string[] = [];
        const version = (key: Uint8Array): number => Buffer.from(key).readUInt32BE(11);
        for await (const batch of state.entries()) for (const [key] of batch) all.push(Buffer.from(key).toString('hex'));
        numbers.push(state.info.checkpointNumber);
        for (const since of numbers) {
          const keys: string[] = [];
          const changed: string[] = [];
          for await (const batch of state.keys(since)) for (const key of batch) keys.push(Buffer.from(key).toString('hex'));
          for await (const batch of state.entries(since)) for (const [key] of batch) changed.push(Buffer.from(key).toString('hex'));
          expect(keys, `seed ${seed}, since ${since} of ${state.info.checkpointNumber}`).to.deep.equal(all);
          expect(changed).to.deep.equal(all.filter((key) => version(Buffer.from(key, 'hex')) > since));
        }
        await state.close();
      }
    }
  });
});
