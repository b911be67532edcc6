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

  describe('plans that are the same for all values', () => {
    async function explainExecute(mode: string, name: string, values: string): Promise<string> {
      await db.exec(`set plan_cache_mode = ${mode}`);
      const { rows } = await db.query(`explain execute ${name}(${values})`);
      return rows.map((row) => String((row as Record<string, unknown>)['QUERY PLAN'])).join('\n');
    }

    const KEYED: readonly (readonly [sql: string, values: readonly string[]])[] = [
      ['select v from fast where id = $1', ['7']],
      ['update fast set v = v + $2 where id = $1', ['7', '3']],
      ['update few set id = $2 where id = $1', ['1', '1']],
      ['select label from pair where a = $1 and b = $2', ['1', '2']],
      ['delete from few where id = $1', ['2']],
      ['insert into fast values ($1, $2, $3)', ['1', '2', "'x'::text"]],
    ];
    KEYED.forEach(([sql, values], number) => {
      it(sql, async () => {
        await db.exec(`prepare keyed${number} as ${sql}`);
        const generic = await explainExecute('force_generic_plan', `keyed${number}`, values.join(', '));
        const custom = await explainExecute('force_custom_plan', `keyed${number}`, values.join(', '));
        await db.exec('set plan_cache_mode = auto');
        expect(values.reduce((text, value, index) => text.replaceAll(`$${index + 1}`, value), generic)).to.equal(custom);
      });
    });

    it('count as plans of the statement\'s own, and EXPLAIN shows them with the values', async () => {
      await db.exec('prepare counted as select v from fast where id = $1');
      for (let i = 1; i <= 7; i++) await db.exec(`execute counted(${i})`);
      const { rows } = await db.query("select generic_plans::int, custom_plans::int from pg_prepared_statements where name = 'counted'");
      expect(rows).to.deep.equal([{ generic_plans: 2, custom_plans: 5 }]);
      await db.exec('prepare shown as select v from fast where id = $1');
      expect(await explainExecute('auto', 'shown', '7')).to.include('(id = 7)');
    });
  });

  describe('a look-up in place of a scan of a small table', () => {
    const SETUP = `create table small(id int, part text collate "C", n int, unique (id, part));
      insert into small select i, part, 0 from generate_series(1, 5) i, unnest(array['a', 'b', null]) part; analyze small`;
    const CHANGES: readonly (readonly [sql: string, values: readonly unknown[]])[] = [
      ['update small set n = n + 1 where id = $1 and part = $2', [3, 'b']],
      ['update small set n = n + $3 where part = $2 and id = $1 and n > 0', [3, 'b', 5]],
      ['update small set id = $2 where id = $1 and part = $3', [4, 40, 'a']],
      ['update small set n = 7 where id = $1 and part = $2', [4, 'a']],
      ['update small set n = 8 where id = $1 and part = $2', [40, 'a']],
      ['update small set n = 9 where id = $1 and part = $2', [2, null]],
      ['delete from small where id = $1 and part = $2', [1, 'b']],
      ['insert into small values ($1, $2, 10)', [1, 'b']],
      ['select n, ctid::text is null as never from small where id = $1 and part = $2', [1, 'b']],
      ['select part || n as text from small where id = $1 and part = $2 and n = 6', [3, 'b']],
      ['select * from small where id = $1 and part = $2', [3, 'c']],
    ];

    async function outcomes(setting: string): Promise<unknown[]> {
      const own = await PGliteDB.open('memory://');
      try {
        await own.exec(SETUP);
        await own.exec(`set enable_bitmapscan = ${setting}`);
        const found: unknown[] = [];
        for (const [sql, values] of CHANGES) {
          const result = await own.query(sql, [...values]);
          found.push([sql, result.rows, result.affectedRows]);
          found.push((await own.query('select * from small')).rows);
        }
        return found;
      } finally {
        await own.close();
      }
    }

    it('finds and changes the same rows', async () => {
      expect(await outcomes('on')).to.deep.equal(await outcomes('off'));
    });

    it('is shown as what the costs chose, and measured as that', async () => {
      await db.exec('create table two(id int primary key, n int); insert into two values (1, 1), (2, 2); analyze two');
      const { rows } = await db.query('explain (analyze, costs off, timing off, summary off, buffers off) select n from two where id = 1');
      expect(rows.map((row) => String((row as Record<string, unknown>)['QUERY PLAN']))).to.deep.equal([
        'Seq Scan on two (actual rows=1.00 loops=1)', '  Filter: (id = 1)', '  Rows Removed by Filter: 1',
      ]);
    });
  });
});
