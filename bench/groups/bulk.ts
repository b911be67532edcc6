/** Rows coming in: one by one and by the hundred, each statement its own transaction, from 10 clients; and COPY. */
import type { Group } from '../bench.js';
import { insertRows, rateOf, type Embedded } from '../beside.js';
import { execute } from '../client.js';
import { cpuMilliseconds } from '../processes.js';
import { copyFile, factRows } from './facts.js';

const INCOMING = 'CREATE TABLE incoming (id bigserial PRIMARY KEY, grp int, amount float8, label text)';
const ROW = "(:r, :r * 0.5, 'label ' || :r)";
const HUNDRED = Array.from({ length: 100 }, (_, n) => ROW.replaceAll(':r', `(:r + ${n})`)).join(', ');
const COPIED = 'COPY in of 1 M rows';

const INSERTS = [
  { name: 'single-row INSERT, 10 clients', values: ROW, goal: 2, rows: 1 },
  { name: '100-row INSERT, 10 clients', values: HUNDRED, goal: 1, rows: 100 },
];

/** See the file's comment. */
export const bulk: Group = {
  name: 'bulk',
  title: 'Rows coming in',
  async run(bench) {
    const { seconds } = bench.options;
    if (!bench.wantsAny([...INSERTS.map((insert) => insert.name), COPIED])) return;
    const pair = await bench.pair();
    for (const { port } of [pair.ours, pair.postgres]) await execute(port, INCOMING);
    for (const engine of bench.engines) await engine.execute('CREATE TABLE incoming (id int, grp int, amount float8, label text)');
    for (const { name, values, goal, rows } of INSERTS) {
      const path = bench.file('insert.sql', `\\set r random(1, 1000000)\nINSERT INTO incoming (grp, amount, label) VALUES ${values};\n`);
      const tuple = "(1, 2, 3.5, 'label 4')";
      const insert = `INSERT INTO incoming VALUES ${Array.from({ length: rows }, () => tuple).join(', ')}`;
      const beside = (engine: Embedded): Promise<number> => rateOf(async () => { await engine.query(insert); }, seconds);
      await bench.compare(pair, { name, unit: 'statements/s', better: 'more', goal: { ratio: goal }, beside },
        (contender) => bench.rate(contender, { args: ['-f', path, '-c', '10'], seconds }));
    }
    const count = bench.size(1_000_000, 20_000);
    if (!bench.wants(COPIED)) return;
    const file = await copyFile(bench, 'incoming.tsv', factRows(count));
    const table = 'CREATE TABLE copied (id int, grp int, ref int, amount float8, label text)';
    const beside = async (engine: Embedded): Promise<number> => {
      await engine.execute(table);
      const start = performance.now();
      await insertRows(engine, 'copied', factRows(count));
      return count / ((performance.now() - start) / 1000);
    };
    await bench.compare(pair, { name: COPIED, unit: 'rows/s', better: 'more', goal: { ratio: 0.5 }, beside, note: 'beside: INSERTs of 500 rows in one transaction' }, async (contender) => {
      await execute(contender.port, 'DROP TABLE IF EXISTS copied', table, 'CHECKPOINT');
      const before = cpuMilliseconds(contender.pid);
      const milliseconds = await bench.psql.copy(contender.port, 'copied', file);
      return { value: count / (milliseconds / 1000), cpu: (cpuMilliseconds(contender.pid) - before) / count };
    });
  },
};
