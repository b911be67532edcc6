/**
 * Random histories with power cuts and clean restarts, under roomy and under tight settings (`model.ts` says what must hold).
 */
import { expect } from 'chai';
import type { StorageEngine, Transaction } from '../../lib/access/api.js';
import { openStorage } from '../../lib/access/storage.js';
import { simEnv } from '../../lib/env/sim.js';
import { CrashDisk } from './crash-store.js';
import { ModelRun } from './model.js';
import { begin, inTransaction } from './support.js';

const TIGHT = { sharedBuffers: 300_000, maxWalSize: 400_000, checkpointTimeoutMs: 1_000_000 };
const ROOMY = { sharedBuffers: 64 << 20, maxWalSize: 64 << 20, checkpointTimeoutMs: 1_000_000 };
/** Chunks are packed anew at every other change. */
const FOLDING = { foldRows: 2 };
const SEEDS = Number(process.env.PGLITEDB_SEEDS ?? 3);
const FIRST_SEED = Number(process.env.PGLITEDB_FIRST_SEED ?? 1);

describe('recovery', function () {
  this.timeout(600_000);
  for (const [name, settings] of [['roomy', ROOMY], ['tight', TIGHT], ['roomy, folding', { ...ROOMY, ...FOLDING }], ['tight, folding', { ...TIGHT, ...FOLDING }]] as const) {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      it(`agrees with the model, memory and log ${name}, seed ${seed}`, async () => {
        const run = new ModelRun(seed, settings);
        await run.start();
        for (let life = 0; life < 4; life++) {
          const steps = 20 + Math.floor(run.env.random.float() * 150);
          for (let step = 0; step < steps; step++) await run.step();
          if (life === 2) await run.restart();
          else await run.crash();
        }
        await run.engine.close();
      });
    }
  }

  for (const outcome of ['running', 'committed', 'at rest'] as const) {
    it(`knows the keys that a large transaction, ${outcome} at the power cut, changed before and after a checkpoint`, async () => {
      const ROWS = 30_000;
      const env = simEnv(1);
      const disk = new CrashDisk(() => env.random.float());
      const open = (): Promise<StorageEngine> => openStorage({
        dir: 'data', env, settings: { ...TIGHT, maxWalSize: 64 << 20 }, fatal: () => undefined, openStore: () => disk.open(),
      });
      const engine = await open();
      const key = (value: number): string => `key ${String(value).padStart(40, '0')}`;
      const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'index', 'permanent'));
      const index = engine.openIndex(file);
      const work = async (ids: [number, number], change: (id: number) => void): Promise<void> => {
        for (let id = ids[0]; id < ids[1]; id++) {
          change(id);
          if (id % 500 === 0) await engine.memoryPressure()?.until;
          if (id % 500 === 0) await new Promise(setImmediate);
        }
      };
      const filler = begin(engine);
      await work([0, ROWS], (id) => index.insert(filler, key(id), id + 1));
      filler.commit();
      const writer: Transaction = begin(engine);
      const move = (from: number, to: number) => (id: number): void => {
        index.remove(writer, key(id + from), id + 1);
        index.insert(writer, key(id + to), id + 1);
      };
      // Away and, for some, back again: the same entries are retired and added more than once.
      await work([0, ROWS], move(0, ROWS));
      await work([0, ROWS / 3], move(ROWS, 0));
      await engine.checkpoint();
      await work([0, ROWS / 3], move(0, ROWS));
      await work([0, ROWS / 4], move(ROWS, 0));
      if (outcome !== 'running') writer.commit();
      await engine.whenFlushed(engine.appendedLsn());
      if (outcome !== 'committed') await engine.checkpoint();
      env.powerCut();
      disk.powerCut();
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);

      const again = await open();
      const recovered = again.openIndex(file);
      for (const wait of again.vacuum()) await wait.until;
      const cursor = recovered.range(null, null, false);
      const found: string[] = [];
      while (cursor.next()) found.push(`${cursor.key}/${cursor.rowId}/${cursor.recheck}`);
      const moved = (id: number): boolean => outcome !== 'running' && id >= ROWS / 4;
      expect(found).to.deep.equal(Array.from({ length: ROWS }, (_, id) => `${key(moved(id) ? id + ROWS : id)}/${id + 1}/false`).sort());
      await again.close();
    });
  }
});
