/**
 * The fast path's plans are those of the general way: the same EXPLAIN output, costs included, with the fast path on and
 * off (it stands aside when a scan method is disabled).
 */
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

const STATEMENTS = [
  'select v from fast where id = 7',
  'select * from fast where id = 7 and v = 3',
  'select id from fast where id = 7',
  'select v + 1, label from fast where id = 7',
  'update fast set v = v + 1 where id = 7',
  'delete from fast where id = 7',
  'select label from pair where a = 1 and b = 2',
  'update pair set label = \'x\' where a = 1 and b = 2 and label = \'y\'',
  'select * from few where id = 1',
  'select * from pair where a = 1',
];

describe('fast path', () => {
  let db: PGliteDB;

  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec('create table fast(id int primary key, v int, label text)');
    await db.exec("insert into fast select i, i % 10, 'row ' || i from generate_series(1, 3000) i");
    await db.exec('create table pair(a int, b int, label text, unique (a, b))');
    await db.exec("insert into pair select i, i, 'x' from generate_series(1, 2000) i");
    await db.exec('create table few(id int primary key)');
    await db.exec('insert into few values (1), (2)');
    await db.exec('analyze fast; analyze pair; analyze few');
  });

  after(() => db.close());

  async function explain(sql: string): Promise<string> {
    const { rows } = await db.query(`explain ${sql}`);
    return rows.map((row) => String((row as Record<string, unknown>)['QUERY PLAN'])).join('\n');
  }

  for (const sql of STATEMENTS) {
    it(sql, async () => {
      const fast = await explain(sql);
      await db.exec('set enable_bitmapscan = off');
      const general = await explain(sql);
      await db.exec('set enable_bitmapscan = on');
      expect(fast).to.equal(general);
    });
  }
});
