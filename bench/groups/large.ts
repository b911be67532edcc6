/**
 * A table of about ten times the memory budget (`shared_buffers`, the same on both): random point reads, range scans and
 * updates, and the most memory that the server took meanwhile. PostgreSQL also has the machine's page cache, as ever.
 */
import type { Group } from '../bench.js';
import { execute } from '../client.js';
import { watchResident } from '../processes.js';
import type { Side } from '../statistics.js';
import { copyFile, FACTS, factRows } from './facts.js';

/** About what a row of facts takes on PostgreSQL, its header included. */
const ROW_BYTES = 64;
/** A server with nothing in its budget, from the mission: 180 MB at the default budget of 128 MB. */
const BESIDES_BUDGET = 52;
const MEGABYTE = 1 << 20;

/** See the file's comment. */
export const large: Group = {
  name: 'large',
  title: 'Ten times the memory budget',
  async run(bench) {
    const rows = bench.size(20_000_000, 300_000);
    const budget = Math.max(1, Math.round((rows * ROW_BYTES) / 10 / MEGABYTE));
    const workloads = [
      { name: 'large: random point reads, 10 clients', script: `\\set a random(1, ${rows})\nSELECT * FROM facts WHERE id = :a;\n` },
      { name: 'large: range scans of 100 rows, 10 clients', script: `\\set a random(1, ${rows - 99})\nSELECT * FROM facts WHERE id BETWEEN :a AND :a + 99;\n` },
      { name: 'large: updates, 10 clients', script: `\\set a random(1, ${rows})\nUPDATE facts SET amount = amount + 1 WHERE id = :a;\n` },
    ];
    if (!bench.wantsAny(workloads.map((workload) => workload.name))) return;
    const pair = await bench.pair([`shared_buffers=${budget}MB`]);
    const file = await copyFile(bench, 'facts.tsv', factRows(rows));
    for (const { port } of [pair.ours, pair.postgres]) {
      await execute(port, FACTS);
      await bench.psql.copy(port, 'facts', file);
      await execute(port, 'VACUUM ANALYZE facts', 'CHECKPOINT');
    }
    const most: Record<Side, number> = { ours: 0, postgres: 0 };
    const note = `${rows.toLocaleString('en-US')} rows, shared_buffers ${budget} MB`;
    for (const { name, script } of workloads) {
      const path = bench.file('large.sql', script);
      await bench.compare(pair, { name, unit: 'transactions/s', better: 'more', goal: { ratio: 0.5 }, note }, async (contender) => {
        const stop = watchResident(contender.pid);
        try {
          return await bench.rate(contender, { args: ['-f', path, '-c', '10', '-M', 'prepared'], seconds: bench.options.seconds });
        } finally {
          most[contender.side] = Math.max(most[contender.side], stop());
        }
      });
    }
    if (most.ours > 0) {
      bench.keep({ name: 'large: most memory', unit: 'MB', better: 'less', ...most, ratio: most.postgres / most.ours, goal: { most: budget + BESIDES_BUDGET }, note });
    }
  },
};
