/** Leaves that were swapped out are written by a checkpoint as they are; what happens to them meanwhile is not lost. */
import { expect } from 'chai';
import type { Index, StorageEngine } from '../../lib/access/api.js';
import { EngineStorage } from '../../lib/access/engine.js';
import { openStorage } from '../../lib/access/storage.js';
import { simEnv } from '../../lib/env/sim.js';
import { CrashDisk } from './crash-store.js';
import { begin, inTransaction } from './support.js';

const ROWS = 30_000;
const TIGHT = { sharedBuffers: 300_000, maxWalSize: 64 << 20, checkpointTimeoutMs: 1_000_000 };
const key = (value: number): string => `key ${String(value).padStart(40, '0')}`;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function entriesOf(index: Index): string[] {
  const found: string[] = [];
  const cursor = index.range(null, null, false);
  while (cursor.next()) found.push(`${cursor.key} ${cursor.rowId}`);
  return found;
}

const leavesRead = (engine: StorageEngine): number => (engine instanceof EngineStorage ? engine.memory.reads : expect.fail('an engine'));

describe('a checkpoint of leaves that were swapped out', function () {
  this.timeout(120_000);
  for (const quietTurns of [Infinity, 0, 1, 2]) {
    const name = quietTurns === Infinity ? 'does not load them' : `loses no changes that begin after ${quietTurns} turns`;
    it(name, async () => {
      const env = simEnv(quietTurns === Infinity ? 9 : quietTurns);
      const disk = new CrashDisk(() => env.random.float());
      const open = (): Promise<StorageEngine> => openStorage({ dir: 'data', env, settings: TIGHT, fatal: () => undefined, openStore: () => disk.open() });
      const engine = await open();
      const file = inTransaction(engine, (transaction) => engine.createFile(transaction, 'index', 'permanent'));
      const index = engine.openIndex(file);
      const load = begin(engine);
      for (let id = 0; id < ROWS; id++) {
        index.insert(load, key(id * 2), id + 1);
        if (id % 500 !== 0) continue;
        await engine.memoryPressure()?.until;
        await turn();
      }
      load.commit();
      await engine.whenFlushed(engine.appendedLsn());
      const expected = new Set(Array.from({ length: ROWS }, (_, id) => `${key(id * 2)} ${id + 1}`));

      const before = leavesRead(engine);
      const state = { over: false };
      const done = engine.checkpoint().finally(() => { state.over = true; });
      for (let turns = 0; !state.over; turns++) {
        await turn();
        if (turns < quietTurns) continue;
        const id = Math.floor(env.random.float() * ROWS);
        const running = begin(engine);
        index.insert(running, key(id * 2 + 1), id + 1);
        if (env.random.float() < 0.3) running.abort();
        else {
          running.commit();
          expected.add(`${key(id * 2 + 1)} ${id + 1}`);
        }
      }
      await done;
      if (quietTurns === Infinity) expect(leavesRead(engine) - before).to.be.lessThan(5);
      else expect(expected.size, 'changes made meanwhile').to.be.greaterThan(ROWS);
      await engine.whenFlushed(engine.appendedLsn());
      const sorted = [...expected].sort();
      expect([...new Set(entriesOf(index))]).to.deep.equal(sorted);
      env.powerCut();
      disk.powerCut();
      for (let turns = 0; turns < 5; turns++) await turn();

      const again = await open();
      expect([...new Set(entriesOf(again.openIndex(file)))]).to.deep.equal(sorted);
      await again.checkpoint();
      await again.close();
      const last = await open();
      expect([...new Set(entriesOf(last.openIndex(file)))]).to.deep.equal(sorted);
      await last.close();
    });
  }
});
