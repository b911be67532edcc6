/** Results written from packed columns, against their slow twin: the rows of a cursor, which are arrays. */
import { expect } from 'chai';
import pg from 'pg';
import { EngineHeap } from '../../lib/access/heap.js';
import { RowEncoder } from '../../server/encode.js';
import { startServer, type TestServer } from './wire.js';

const ROWS = 5000;
const TABLE = `CREATE TABLE stored (id int PRIMARY KEY, small int2, whole int8, huge int8, amount float8, odd float8, mixed float8, plain text, accented text,
  wide text, long text, word text, truth bool, price numeric, at timestamp, data jsonb, code oid, part float4, list int[], blank text)`;
const FILL = `INSERT INTO stored SELECT n, CASE WHEN n % 7 > 0 THEN n - 2500 END, n * 1000003::int8, 9007199254740993 + n, n / 8.0 - 100, random() * n, CASE WHEN n % 3 = 0 THEN -n
  WHEN n % 3 = 1 THEN 'NaN' ELSE 1e300 END, 'text ' || n, CASE n % 3 WHEN 0 THEN 'plain' WHEN 1 THEN 'äöü' || n END, '→' || n, repeat(CASE WHEN n % 2 = 0 THEN 'x' ELSE 'é' END, n % 200),
  'word ' || n % 5, n % 2 = 0, n / 3.0, timestamp '2020-01-01' + n * interval '1 hour', jsonb_build_object('n', n), 4294967295 - n, n / 7.0, ARRAY[n, n + 1], NULL
  FROM generate_series(1, ${ROWS}) n`;

const LIST = Array.from({ length: 60 }, (_, n) => 1 + n * 9).join(', ');
/** Queries, over rows in the order of their keys, all of which can be written from columns. */
const QUERIES: readonly (readonly [string, string])[] = [
  ['a range', 'SELECT * FROM stored WHERE id BETWEEN 900 AND 3100 ORDER BY id'],
  ['backward', 'SELECT * FROM stored WHERE id <= 4000 ORDER BY id DESC'],
  ['some columns', 'SELECT word, id, id, long FROM stored WHERE id < 700 ORDER BY id'],
  ['a limit', 'SELECT * FROM stored WHERE id >= 1000 ORDER BY id LIMIT 50'],
  ['limit and offset', 'SELECT id, accented FROM stored WHERE id >= 1000 ORDER BY id LIMIT 400 OFFSET 70'],
  ['a limit of nothing', 'SELECT id FROM stored WHERE id >= 1000 ORDER BY id LIMIT 0'],
  ['a limit that ends at an offset', 'SELECT id FROM stored WHERE id >= 4990 ORDER BY id OFFSET 11'],
];

describe('rows in columns', () => {
  let server: TestServer;
  let client: pg.Client;
  let written = 0;
  let statements = 0;
  const original = RowEncoder.prototype.writeStored;

  before(async () => {
    RowEncoder.prototype.writeStored = function counting(writer, rows, types) {
      written += rows.length;
      original.call(this, writer, rows, types);
    };
    server = await startServer();
    client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
    await client.connect();
    await client.query(TABLE);
    await client.query(FILL);
    await settle();
    await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off');
  });
  after(async () => {
    RowEncoder.prototype.writeStored = original;
    await client.end();
    while (server.engine.sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.stop();
  });

  async function settle(): Promise<void> {
    await client.query('VACUUM ANALYZE stored');
    await server.engine.storage.checkpoint();
  }

  async function rowsOf(text: string, binary: boolean): Promise<unknown[][]> {
    const bytes: pg.CustomTypesConfig = { getTypeParser: () => (value: string | Buffer) => value };
    // Only prepared statements are asked for in binary.
    const name = binary ? `statement ${++statements}` : undefined;
    const { rows } = await client.query({ name, text, rowMode: 'array', types: bytes, binary } as pg.QueryArrayConfig);
    return rows as unknown[][];
  }

  /** How many of a query's rows were written from columns; all must be those of a cursor. */
  async function compare(sql: string, binary: boolean): Promise<{ stored: number; rows: number }> {
    const before = written;
    const fast = await rowsOf(sql, binary);
    const stored = written - before;
    await client.query('BEGIN');
    await client.query(`DECLARE slow ${binary ? 'BINARY' : ''} CURSOR FOR ${sql}`);
    const slow = await rowsOf('FETCH ALL FROM slow', binary);
    await client.query('ROLLBACK');
    expect(written - before, 'a cursor has arrays').to.equal(stored);
    expect(fast).to.deep.equal(slow);
    return { stored, rows: fast.length };
  }

  for (const binary of [false, true]) {
    for (const [name, sql] of QUERIES) {
      it(`are the same as arrays: ${name}${binary ? ', binary' : ''}`, async () => {
        const { stored, rows } = await compare(sql, binary);
        expect(stored).to.equal(rows);
      });
    }
  }

  it('end with an error where a value cannot be put out', async () => {
    const { rows } = await client.query('SELECT count(*) AS n FROM stored');
    const failing = RowEncoder.prototype.writeStored;
    RowEncoder.prototype.writeStored = function (writer, stored, types) {
      original.call(this, writer, stored, { ...types, settings: types.settings, send: types.send, output: () => { throw new Error('no output'); } });
    };
    try {
      let message = '';
      await client.query('SELECT id, price FROM stored WHERE id < 900 ORDER BY id').catch((error: Error) => { message = error.message; });
      expect(message).to.include('no output');
    } finally {
      RowEncoder.prototype.writeStored = failing;
    }
    expect((await client.query('SELECT count(*) AS n FROM stored')).rows).to.deep.equal(rows);
  });

  it('stay what they are whatever is read while a client that reads slowly is waited for', async () => {
    const [fetch, write] = [EngineHeap.prototype.fetchStored, RowEncoder.prototype.writeStored];
    let readOthers = (): void => undefined;
    EngineHeap.prototype.fetchStored = function (rowIds, count, snapshot) {
      readOthers = () => void fetch.call(this, rowIds.slice(0, count).reverse(), count, snapshot);
      return fetch.call(this, rowIds, count, snapshot);
    };
    RowEncoder.prototype.writeStored = function (writer, rows, types) {
      write.call(this, writer, rows, types);
      readOthers();
    };
    try {
      const { stored, rows } = await compare(QUERIES[0][1], false);
      expect(stored).to.equal(rows);
    } finally {
      EngineHeap.prototype.fetchStored = fetch;
      RowEncoder.prototype.writeStored = write;
    }
  });

  it('are written as arrays where rows have changed, and only there', async () => {
    await client.query('UPDATE stored SET plain = \'changed\' WHERE id = 1500');
    await client.query('DELETE FROM stored WHERE id = 1600');
    await client.query('UPDATE stored SET id = 10000 WHERE id = 1700');
    for (const [, sql] of QUERIES) await compare(sql, false);
    const { stored, rows } = await compare(QUERIES[1][1], false);
    expect(stored).to.be.greaterThan(0);
    expect(stored).to.be.lessThan(rows);
  });

  it('are not for conditions on other columns, expressions, system columns, ties and lists of keys', async () => {
    for (const sql of [
      'SELECT * FROM stored WHERE id < 900 AND truth ORDER BY id', 'SELECT id + 1, plain FROM stored WHERE id < 900 ORDER BY id',
      'SELECT ctid, id FROM stored WHERE id < 900 ORDER BY id', 'SELECT plain FROM stored WHERE id < 900 ORDER BY id FETCH FIRST 20 ROWS WITH TIES',
      `SELECT * FROM stored WHERE id IN (${LIST}) ORDER BY id`,
    ]) expect(await compare(sql, false)).to.include({ stored: 0 });
  });

  it('have the columns that were added since', async () => {
    await client.query('ALTER TABLE stored ADD COLUMN late text DEFAULT \'later\'');
    expect((await compare(QUERIES[0][1], false)).stored).to.equal(0);
    await settle();
    for (const [, sql] of QUERIES) await compare(sql, false);
  });
});
