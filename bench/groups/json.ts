/** JSONB over 200 k documents: containment and path extraction, warm, one process each; and containment through a GIN index. */
import type { Group } from '../bench.js';
import { execute } from '../client.js';
import { copyFile, scatter, singleProcess } from './facts.js';

const TIMES = 5;
const CONTAINMENT = 'SELECT count(*) FROM documents WHERE doc @> \'{"kind": "k7", "user": {"city": "c3"}}\'';
const QUERIES = [
  { name: 'containment filter', sql: CONTAINMENT },
  { name: 'path extraction, grouped', sql: "SELECT doc -> 'user' ->> 'city', count(*), sum((doc ->> 'amount')::numeric) FROM documents GROUP BY 1" },
  { name: 'path filter', sql: "SELECT count(*) FROM documents WHERE doc #>> '{tags,1}' = 't5'" },
];
const INDEXED = 'containment filter with a GIN index';

function* documents(count: number): Generator<[number, string]> {
  for (let id = 1; id <= count; id++) {
    const doc = {
      kind: `k${scatter(id, 50)}`, amount: scatter(id + 1e8, 100_000) / 100, active: scatter(id + 2e8, 2) === 1,
      user: { name: `user ${scatter(id + 3e8, 10_000)}`, city: `c${scatter(id + 4e8, 20)}` },
      tags: [`t${scatter(id + 5e8, 10)}`, `t${scatter(id + 6e8, 10)}`, `t${scatter(id + 7e8, 10)}`],
    };
    yield [id, JSON.stringify(doc)];
  }
}

/** See the file's comment. */
export const json: Group = {
  name: 'json',
  title: 'JSONB documents',
  async run(bench) {
    if (!bench.wantsAny([...QUERIES.map((query) => query.name), INDEXED])) return;
    const pair = await bench.pair([], singleProcess(bench));
    const file = await copyFile(bench, 'documents.tsv', documents(bench.size(200_000, 5000)));
    for (const { port } of [pair.ours, pair.postgres]) {
      await execute(port, 'CREATE TABLE documents (id int PRIMARY KEY, doc jsonb NOT NULL)');
      await bench.psql.copy(port, 'documents', file);
      await execute(port, 'VACUUM ANALYZE documents', 'CHECKPOINT');
    }
    for (const { name, sql } of QUERIES) {
      await bench.compare(pair, { name, unit: 'ms', better: 'less', goal: { ratio: 0.5 } }, (contender) => bench.time(contender, sql, TIMES));
    }
    await bench.compare(pair, { name: INDEXED, unit: 'ms', better: 'less', goal: {} }, async (contender) => {
      await execute(contender.port, 'CREATE INDEX IF NOT EXISTS documents_doc ON documents USING gin (doc)');
      return bench.time(contender, CONTAINMENT, TIMES);
    });
  },
};
