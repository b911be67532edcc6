/**
 * Bounded memory: a server with a small budget (`shared_buffers`) and a table of fourteen times that, through everything that
 * statements do with tables. The process may take its size at the start, the budget, and a constant: garbage that V8 has not
 * collected yet, and pages of LevelDB's files, which it maps (128 MB at most). With `MEMORY_BUFFERS=1GB` the same statements go
 * past this limit; `MEMORY_REPORT=1` prints the figures.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import pg from 'pg';
import { startServer, type RunningServer } from '../../regress/server.js';

const BUDGET_MB = 8;
const CONSTANT_MB = 300;
const ROWS = 90_000;
/** Rows of a narrow table whose indexed column changes: that many objects would be past the limit. */
const KEYS = 400_000;
/** Bytes of the text in each row. */
const WIDTH = 1280;
const SAMPLE_MS = 10;

/** Resident memory of a process in megabytes. */
function residentMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').find((text) => text.startsWith('VmRSS:'));
  return parseInt((line ?? '').slice('VmRSS:'.length), 10) / 1024;
}

describe('server/memory', function () {
  this.timeout(120_000);
  let server: RunningServer;
  let client: pg.Client;
  let sampler: NodeJS.Timeout;
  let atStart = 0;
  let peak = 0;

  before(async function () {
    if (process.platform !== 'linux') this.skip();
    server = await startServer({ settings: [`shared_buffers=${process.env.MEMORY_BUFFERS ?? `${BUDGET_MB}MB`}`, 'maintenance_work_mem=1MB'] });
    client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
    await client.connect();
    await client.query('CREATE TABLE big (id int, a int, b text)');
    const pid = server.process.pid as number;
    atStart = residentMb(pid);
    sampler = setInterval(() => { peak = Math.max(peak, residentMb(pid)); }, SAMPLE_MS);
  });

  after(async () => {
    clearInterval(sampler);
    await client?.end();
    await server?.stop(true);
  });

  const limit = () => atStart + BUDGET_MB + CONSTANT_MB;
  const sums = async (): Promise<Record<string, number>> => {
    const { rows: [row] } = await client.query('SELECT count(*)::int AS count, sum(a)::float AS a, sum(length(b))::float AS bytes FROM big');
    return row;
  };

  /** Lowest and highest key, by the index. */
  const keyBounds = async (): Promise<Record<string, number>> => {
    await client.query('SET enable_seqscan = off');
    const { rows: [row] } = await client.query('SELECT min(a) AS low, max(a) AS high FROM keys');
    await client.query('RESET enable_seqscan');
    return row;
  };

  /** Each step leaves what the next one finds; after each, the peak so far is within the limit. */
  const steps: [title: string, step: () => Promise<void>][] = [
    ['inserts a table of fourteen times the budget', async () => {
      await client.query(`INSERT INTO big SELECT g, g * 7919 % 100003, repeat(md5(g::text), ${WIDTH / 32}) FROM generate_series(1, ${ROWS}) g`);
    }],
    ['scans it', async () => {
      const { count, bytes } = await sums();
      expect([count, bytes]).to.deep.equal([ROWS, ROWS * WIDTH]);
    }],
    ['builds an index through runs', async () => {
      await client.query('CREATE INDEX big_a ON big (a, id)');
      await client.query('SET enable_seqscan = off');
      const { rows } = await client.query('SELECT id FROM big WHERE a = 7919');
      await client.query('RESET enable_seqscan');
      expect(rows).to.deep.equal([{ id: 1 }]);
    }],
    ['updates every row', async () => {
      expect((await client.query("UPDATE big SET b = 'u' || b")).rowCount).to.equal(ROWS);
    }],
    ['aggregates', async () => {
      const { rows } = await client.query("SELECT a % 10 AS bucket, count(*)::int AS count, max(left(b, 1)) AS first FROM big GROUP BY 1 ORDER BY 1");
      expect(rows.map((row) => row.first)).to.deep.equal(Array.from({ length: 10 }, () => 'u'));
      expect(rows.reduce((total, row) => total + row.count, 0)).to.equal(ROWS);
    }],
    ['settles what was updated (VACUUM)', async () => { await client.query('VACUUM big'); }],
    ['rolls a transaction back that is larger than the budget', async () => {
      const found = await sums();
      await client.query('BEGIN');
      await client.query(`INSERT INTO big SELECT id + ${ROWS}, a, b FROM big WHERE id <= ${ROWS / 3}`);
      await client.query(`UPDATE big SET b = 'v' || b WHERE id <= ${ROWS / 3}`);
      await client.query('ROLLBACK');
      expect(await sums()).to.deep.equal(found);
    }],
    ['commits one', async () => {
      await client.query('BEGIN');
      await client.query(`INSERT INTO big SELECT id + ${ROWS}, a, b FROM big WHERE id <= ${ROWS / 3}`);
      await client.query(`UPDATE big SET b = 'v' || b WHERE id <= ${ROWS / 3}`);
      await client.query('COMMIT');
      const { count, bytes } = await sums();
      expect([count, bytes]).to.deep.equal([ROWS * 4 / 3, ROWS * 4 / 3 * (WIDTH + 1) + ROWS / 3]);
    }],
    ['changes every key of an index of many rows, and rolls back', async () => {
      await client.query(`CREATE TABLE keys AS SELECT g AS id, g AS a FROM generate_series(1, ${KEYS}) g`);
      await client.query('CREATE INDEX keys_a ON keys (a)');
      await client.query('BEGIN');
      expect((await client.query('UPDATE keys SET a = a + 1')).rowCount).to.equal(KEYS);
      await client.query('ROLLBACK');
      expect(await keyBounds()).to.deep.equal({ low: 1, high: KEYS });
    }],
    ['does so and commits', async () => {
      expect((await client.query('UPDATE keys SET a = a + 1')).rowCount).to.equal(KEYS);
      expect(await keyBounds()).to.deep.equal({ low: 2, high: KEYS + 1 });
    }],
    ['deletes half of them, and rolls back', async () => {
      await client.query('BEGIN');
      expect((await client.query('DELETE FROM keys WHERE id % 2 = 1')).rowCount).to.equal(KEYS / 2);
      await client.query('ROLLBACK');
      expect(await keyBounds()).to.deep.equal({ low: 2, high: KEYS + 1 });
    }],
    ['does so and commits: VACUUM removes what that leaves', async () => {
      expect((await client.query('DELETE FROM keys WHERE id % 2 = 1')).rowCount).to.equal(KEYS / 2);
      await client.query('VACUUM keys');
      expect(await keyBounds()).to.deep.equal({ low: 3, high: KEYS + 1 });
      const { rows: [{ count }] } = await client.query('SELECT count(*)::int FROM keys');
      expect(count).to.equal(KEYS / 2);
    }],
  ];
  for (const [title, step] of steps) {
    it(title, async () => {
      const begun = performance.now();
      await step();
      if (process.env.MEMORY_REPORT) console.log(`${title}: ${Math.round(performance.now() - begun)} ms, started at ${Math.round(atStart)} MB, peak ${Math.round(peak)} MB, limit ${Math.round(limit())} MB`);
      expect(peak, 'resident memory in MB').to.be.below(limit());
    });
  }
});
