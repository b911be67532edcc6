/** Short reads through an index of a million rows, by one client: a range, the first rows in order, a list of keys. */
import type { Group } from '../bench.js';
import { rateOf, type Embedded, type Value } from '../beside.js';
import { fillEngine, fillFacts } from './facts.js';

interface Workload {
  readonly name: string;
  readonly script: (rows: number) => string;
  readonly sql: string;
  readonly parameters: (rows: number) => Value[];
}

const LIST = 100;
const random = (below: number): number => 1 + Math.floor(Math.random() * below);
const listOf = (item: (n: number) => string): string => Array.from({ length: LIST }, (_, n) => item(n)).join(', ');

const WORKLOADS: readonly Workload[] = [
  {
    name: 'index range scan of 1,000 rows',
    script: (rows) => `\\set a random(1, ${rows - 999})\nSELECT * FROM facts WHERE id BETWEEN :a AND :a + 999;\n`,
    sql: 'SELECT * FROM facts WHERE id BETWEEN $1 AND $1 + 999', parameters: (rows) => [random(rows - 999)],
  },
  {
    name: 'ORDER BY key LIMIT 50',
    script: (rows) => `\\set a random(1, ${rows - 50})\nSELECT * FROM facts WHERE id >= :a ORDER BY id LIMIT 50;\n`,
    sql: 'SELECT * FROM facts WHERE id >= $1 ORDER BY id LIMIT 50', parameters: (rows) => [random(rows - 50)],
  },
  {
    name: 'IN list of 100 keys',
    script: (rows) => `${Array.from({ length: LIST }, (_, n) => `\\set k${n} random(1, ${rows})\n`).join('')}SELECT * FROM facts WHERE id IN (${listOf((n) => `:k${n}`)});\n`,
    sql: `SELECT * FROM facts WHERE id IN (${listOf((n) => `$${n + 1}`)})`, parameters: (rows) => Array.from({ length: LIST }, () => random(rows)),
  },
];

/** See the file's comment. */
export const indexAccess: Group = {
  name: 'index',
  title: 'Reads through an index of a million rows',
  async run(bench) {
    const rows = bench.size(1_000_000, 20_000);
    const { seconds } = bench.options;
    if (!bench.wantsAny(WORKLOADS.map((workload) => workload.name))) return;
    const pair = await bench.pair();
    await fillFacts(bench, [pair.ours, pair.postgres], rows);
    for (const engine of bench.engines) await fillEngine(engine, rows);
    for (const { name, script, sql, parameters } of WORKLOADS) {
      const path = bench.file('index.sql', script(rows));
      const beside = (engine: Embedded): Promise<number> => rateOf(async () => { await engine.query(sql, parameters(rows)); }, seconds);
      await bench.compare(pair, { name, unit: 'queries/s', better: 'more', goal: { ratio: 0.7 }, beside },
        (contender) => bench.rate(contender, { args: ['-f', path, '-c', '1', '-M', 'prepared'], seconds }));
    }
  },
};
