/**
 * Statements about one row run at once, without the generators of statements that wait (`Operator.atOnce`). A LIMIT (of a query) or RETURNING keeps a
 * statement on the ordinary way: both must answer alike, fail alike, and leave the same rows.
 */
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';
import { answerOf } from './answer.js';

describe('statements about one row', () => {
  let db: PGliteDB;
  beforeEach(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec(`
      create function twice(i int) returns int language sql as 'select i * 2';
      create function slow(i int) returns int language sql volatile as 'select pg_sleep(0.001); select i';
      create sequence drawn;
      create table parent (id int primary key);
      insert into parent values (1), (2);
      create table t (id int primary key, k int, v int check (v < 40), p int references parent, draw int default nextval('drawn'));
      create unique index on t (k);
      create table late (id int unique deferrable initially deferred, v int);
      insert into t (id, k, v, p) values (1, 10, 1, 1), (2, 20, 2, 2), (3, null, 0, null);
      insert into late values (1, 1), (2, 0)`);
  });
  afterEach(() => db.close());

  const answer = (sql: string): Promise<unknown> => answerOf(db, sql, (error) => `${error.sqlstate} ${error.message}`);

  for (const query of [
    'select * from t where id = 2',
    'select id, v * 2 from t where id = 7',
    'select * from t where k = 10',
    'select * from t where k = null',
    'select v from t where id = 1 and v > 5',
    'select 1 / v from t where id = 3',
    'select * from t where id = 3 and 1 / v > 0',
    'select * from t where id = 1 / 0',
    'select twice(v), slow(v) from t where id = 2',
    'select * from t where id = slow(2)',
    'select * from t where id = (select max(id) from t)',
    'select (select count(*) from late) from t where id = 1',
    'select ctid, tableoid::regclass, xmin is not null from t where id = 1',
    'select id from t where id = 1 order by v',
    'select 1 / v from late where id = 2',
    'select 1, twice(3), slow(4)',
    'select 1 where false',
    'select 1 / 0',
    "select nextval('drawn') > 0",
    'select generate_series(1, 3)',
    'select',
  ]) {
    it(`give the same rows: ${query}`, async () => expect(await answer(query)).to.deep.equal(await answer(`${query} limit 100`)));
  }

  it('see two rows of a key that is unique only in the end', async () => {
    await db.exec('begin; update late set id = 2');
    expect(await answer('select v from late where id = 2')).to.deep.equal(await answer('select v from late where id = 2 limit 100'));
    expect(await answer('select 1 / v from late where id = 2')).to.equal('22012 division by zero');
  });

  for (const change of [
    'update t set v = v + 1 where id = 1',
    'update t set v = v + 1 where id = 7',
    'update t set v = 1 / v where id = 3',
    'update t set v = 50 where id = 1',
    'update t set k = 20 where id = 1',
    'update t set p = 9 where id = 1',
    'update t set p = 2 where id = 1',
    'update t set v = slow(v) + 1 where id = 2',
    'update parent set id = 5 where id = 1',
    'insert into t (id, k) values (8, 80)',
    'insert into t (id, k) values (1, 80)',
    'insert into t (id, p) values (8, 9)',
    'insert into t (id, v) values (8, 44)',
    'insert into t (id, v) values (8, slow(4))',
    'insert into t (id, v) select 8, twice(4)',
    'insert into late values (1, 1)',
  ]) {
    it(`change the same: ${change}`, async () => {
      const both: unknown[] = [];
      for (const suffix of ['', ' returning 1']) {
        await db.exec('begin');
        const told = await answer(change + suffix);
        const rows = typeof told === 'string' ? told : (await db.query('select id, k, v, p, draw from t order by id')).rows;
        const checked = typeof told === 'string' ? told : await answer('set constraints all immediate');
        await db.exec('rollback; select setval(\'drawn\', 3)');
        both.push({ rows, checked, changed: typeof told === 'string' ? told : (told as { affectedRows?: number }).affectedRows });
      }
      expect(both[0]).to.deep.equal(both[1]);
    });
  }

  it('evaluate what they insert once, also where they have to go on the ordinary way', async () => {
    await db.exec('alter table t add constraint later unique (v) deferrable initially deferred');
    await db.exec("insert into t (id, v) values (8, 8); insert into t (id, v) values (9, nextval('drawn'))");
    expect((await db.query('select draw from t where id = 8')).rows).to.deep.equal([{ draw: 4 }]);
    expect((await db.query("select nextval('drawn')::int as next")).rows).to.deep.equal([{ next: 7 }]);
  });

  it('wait for who is at the row, and look again', async () => {
    const other = await db.session();
    await other.exec('begin; update t set v = v + 10 where id = 1');
    const waiting = db.exec('update t set v = v + 1 where id = 1');
    await new Promise((resolve) => setImmediate(resolve));
    await other.exec('commit');
    await waiting;
    expect((await db.query('select v from t where id = 1')).rows).to.deep.equal([{ v: 12 }]);
    await other.close();
  });

  it('leave no events behind when they fail', async () => {
    await db.exec('begin; savepoint s');
    expect(await answer('update t set v = 1 / 0 where id = 1')).to.equal('22012 division by zero');
    await db.exec('rollback to s; insert into t (id, p) values (8, 1); commit');
    expect(await answer('insert into t (id, p) values (9, 9)')).to.match(/^23503 /);
  });
});
