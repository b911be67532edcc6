/**
 * Analytical queries over a million resident rows, warm, one process each; and the longest stall of our event loop while they
 * run.
 */
import type { Group } from '../bench.js';
import { timeQuery } from '../beside.js';
import { compareStalls } from '../stalls.js';
import { fillEngine, fillFacts, singleProcess } from './facts.js';
import { queries } from './queries.js';

const TIMES = 5;
const STALL = 'queries over 1 M rows: longest wait of a SELECT 1 beside them';
/** The queries that stand for all when stalls are looked for. */
const STALLING = ['GROUP BY, 1,000 groups', 'full sort', 'hash join with a tenth as many rows'];

/** See the file's comment. */
export const analytics: Group = {
  name: 'analytics',
  title: 'A million rows, warm',
  async run(bench) {
    const rows = bench.size(1_000_000, 20_000);
    const all = queries(rows);
    if (bench.wantsAny(all.map((query) => query.name))) {
      const pair = await bench.pair(['work_mem=64MB'], singleProcess(bench));
      await fillFacts(bench, [pair.ours, pair.postgres], rows);
      for (const engine of bench.engines) await fillEngine(engine, rows);
      for (const { name, sql, warm } of all) {
        await bench.compare(pair, { name, unit: 'ms', better: 'less', goal: warm, beside: (engine) => timeQuery(engine, sql, TIMES) },
          (contender) => bench.time(contender, sql, TIMES));
      }
      await bench.clear();
    }
    const script = all.filter((query) => STALLING.includes(query.name)).map((query) => `${query.sql};\n`).join('');
    await compareStalls(bench, { name: STALL, mostMs: 50 }, {
      prepare: (contender) => fillFacts(bench, [contender], rows),
      load: async (contender) => { await bench.time(contender, script, 3); },
    });
  },
};
