/**
 * Time per operation as something grows: rows, clients, columns, indexes. Where a curve bends away from PostgreSQL's there is
 * something to find.
 */
import type { Bench, Group } from '../bench.js';
import { execute } from '../client.js';
import type { Contender, Pair } from '../contender.js';
import { copyFile, FACTS, factRows } from './facts.js';

const axes = (name: string, x: string, y = 'ms') => ({ name, x, y, logarithmic: true });

/** Milliseconds per transaction of a script, over all its clients. */
async function perOperation(bench: Bench, contender: Contender, script: string, clients: number): Promise<number> {
  const path = bench.file('growth.sql', script);
  const { value } = await bench.rate(contender, { args: ['-f', path, '-c', String(clients), '-M', 'prepared'], seconds: bench.options.seconds });
  return 1000 / value;
}

async function growRows(bench: Bench, pair: Pair): Promise<void> {
  const curves = [axes('point read by rows', 'rows'), axes('update by rows', 'rows'), axes('range scan of 100 rows by rows', 'rows'), axes('filtered sum over all by rows', 'rows')];
  const sizes = bench.options.quick ? [1000, 10_000] : [10_000, 100_000, 1_000_000, 5_000_000, 20_000_000];
  await bench.grow(pair, curves, sizes, {
    async prepare(contender, rows) {
      const file = await copyFile(bench, 'facts.tsv', factRows(rows));
      await execute(contender.port, 'DROP TABLE IF EXISTS facts', FACTS);
      await bench.psql.copy(contender.port, 'facts', file);
      await execute(contender.port, 'VACUUM ANALYZE facts', 'CHECKPOINT');
    },
    async sample(contender, rows) {
      const pick = `\\set a random(1, ${rows - 99})\n`;
      return [
        await perOperation(bench, contender, `${pick}SELECT * FROM facts WHERE id = :a;\n`, 1),
        await perOperation(bench, contender, `${pick}UPDATE facts SET amount = amount + 1 WHERE id = :a;\n`, 10),
        await perOperation(bench, contender, `${pick}SELECT * FROM facts WHERE id BETWEEN :a AND :a + 99;\n`, 1),
        (await bench.time(contender, 'SELECT sum(amount) FROM facts WHERE grp < 300', 3)).value,
      ];
    },
  });
}

async function growClients(bench: Bench, pair: Pair): Promise<void> {
  const sizes = bench.options.quick ? [1, 8] : [1, 4, 16, 64, 256, 1000];
  const rate = async (contender: Contender, clients: number, args: readonly string[]): Promise<number> =>
    (await bench.rate(contender, { args: [...args, '-M', 'prepared', '-c', String(clients)], seconds: bench.options.seconds, sampling: 0.1 })).value;
  for (const contender of [pair.ours, pair.postgres]) if (bench.wants('by clients')) await bench.initialize(contender, bench.size(10, 1));
  await bench.grow(pair, [axes('TPC-B by clients', 'clients', 'transactions/s'), axes('select only by clients', 'clients', 'transactions/s')], sizes, {
    prepare: () => Promise.resolve(),
    sample: async (contender, clients) => [await rate(contender, clients, []), await rate(contender, clients, ['-S'])],
  });
}

async function growColumns(bench: Bench, pair: Pair): Promise<void> {
  await bench.grow(pair, [axes('row read by columns', 'columns'), axes('row inserted by columns', 'columns')], bench.options.quick ? [2, 20] : [2, 8, 32, 128, 512, 1500], {
    async prepare(contender, columns) {
      const list = Array.from({ length: columns - 1 }, (_, n) => `c${n} int`).join(', ');
      const values = Array.from({ length: columns - 1 }, (_, n) => `g + ${n}`).join(', ');
      await execute(contender.port, 'DROP TABLE IF EXISTS wide', `CREATE TABLE wide (id bigserial PRIMARY KEY, ${list})`,
        `INSERT INTO wide SELECT g, ${values} FROM generate_series(1, 1000) g`, "SELECT setval('wide_id_seq', 1000)", 'VACUUM ANALYZE wide');
    },
    async sample(contender, columns) {
      const [list, values] = [Array.from({ length: columns - 1 }, (_, n) => `c${n}`).join(', '), Array.from({ length: columns - 1 }, () => ':a').join(', ')];
      return [
        await perOperation(bench, contender, '\\set a random(1, 1000)\nSELECT * FROM wide WHERE id = :a;\n', 1),
        // As many parameters as columns would pass pgbench's limit: a constant list.
        await perOperation(bench, contender, `INSERT INTO wide (${list}) VALUES (${values.replaceAll(':a', '7')});\n`, 10),
      ];
    },
  });
}

async function growIndexes(bench: Bench, pair: Pair): Promise<void> {
  const most = 16;
  const columns = Array.from({ length: most }, (_, n) => `c${n}`);
  // The axis is logarithmic: the primary key counts as the first.
  await bench.grow(pair, [axes('row inserted by indexes', 'indexes')], bench.options.quick ? [1, 3] : [1, 2, 4, 8, 16], {
    async prepare(contender, indexes) {
      await execute(contender.port, 'DROP TABLE IF EXISTS indexed', `CREATE TABLE indexed (id bigserial PRIMARY KEY, ${columns.map((column) => `${column} int`).join(', ')})`);
      for (const column of columns.slice(0, indexes - 1)) await execute(contender.port, `CREATE INDEX ON indexed (${column})`);
    },
    sample: async (contender) => [await perOperation(bench, contender,
      `\\set a random(1, 1000000)\nINSERT INTO indexed (${columns.join(', ')}) VALUES (${columns.map((_, n) => `:a + ${n * 1009}`).join(', ')});\n`, 10)],
  });
}

/** See the file's comment. */
export const growth: Group = {
  name: 'growth',
  title: 'As things grow',
  async run(bench) {
    const pair = await bench.pair(['max_connections=1100'], { postgres: ['max_parallel_workers_per_gather=0'] });
    for (const grow of [growIndexes, growColumns, growClients, growRows]) await grow(bench, pair);
  },
};
