/**
 * Random histories with power cuts and clean restarts, under roomy and under tight settings (`model.ts` says what must hold).
 */
import { ModelRun } from './model.js';

const TIGHT = { sharedBuffers: 300_000, maxWalSize: 400_000, checkpointTimeoutMs: 1_000_000 };
const ROOMY = { sharedBuffers: 64 << 20, maxWalSize: 64 << 20, checkpointTimeoutMs: 1_000_000 };
const SEEDS = Number(process.env.PGLITEDB_SEEDS ?? 3);
const FIRST_SEED = Number(process.env.PGLITEDB_FIRST_SEED ?? 1);

describe('recovery', function () {
  this.timeout(600_000);
  for (const [name, settings] of [['roomy', ROOMY], ['tight', TIGHT]] as const) {
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
});
