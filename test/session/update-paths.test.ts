/**
 * UPDATE has a fast path for rows that need no trigger or probe, also where it stands in line for the row of a unique key; RETURNING
 * keeps a statement on the ordinary one. Both must leave the same rows and index entries, and fail alike.
 */
import { expect } from 'chai';
import { PGliteDB, PgError } from '../../lib/index.js';
import { Rivals, Running } from './rivals.js';

describe('paths of UPDATE', () => {
  let db: PGliteDB;
  beforeEach(async () => {
    db = await PGliteDB.open('memory://');
    for (const name of ['fast', 'plain']) {
      await db.exec(`create table ${name}_parent (id int primary key);
        insert into ${name}_parent select generate_series(1, 3);
        create table ${name} (id int primary key, k int, v int check (v < 40), p int references ${name}_parent, note text, twice int generated always as (v * 2) stored);
        create unique index ${name}_part on ${name} (k) where v > 10;
        create index ${name}_v on ${name} (v);
        create table ${name}_bare (id int primary key, v int check (v < 40), note text);
        create index ${name}_bare_v on ${name}_bare (v);
        insert into ${name} (id, k, v, p) select i, i, i % 7, 1 + i % 3 from generate_series(1, 40) i;
        insert into ${name}_bare select i, i % 7 from generate_series(1, 40) i;`);
    }
  });
  afterEach(() => db.close());

  /** What a statement came to: rows changed, or the error. */
  async function run(sql: string): Promise<string> {
    try {
      const { affectedRows } = await db.query(sql);
      return `done ${affectedRows}`;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      return `${error.sqlstate} ${error.message.replaceAll('plain', 'fast')}`;
    }
  }

  const statements = [
    'update T_bare set v = v + 1 where id = 7',
    "update T_bare set note = 'x' || id",
    'update T_bare set v = v + 1 where v between 2 and 4',
    'update T_bare set v = v * 9',
    'update T_bare set id = 41 where id = 1',
    'update T_bare set id = 5 where id = 41',
    'update T_bare set id = id + 100 where id > 30',
    'update T_bare set v = null where id = 3',
    'update T_bare b set v = b.v + o.v from T_bare o where o.id = b.id % 5 + 2 and b.id < 20',
    'update T set v = v + 1',
    'update T set v = 12, k = 3 where id = 4',
    'update T set v = 13, k = 3 where id = 5',
    'update T set p = 9 where id = 6',
    'update T set p = p % 3 + 1 where id > 6',
    'update T set v = 50 where id = 9',
    'update T_parent set id = id',
    'update T_parent set id = id + 10',
  ];

  it('leave the same rows and fail alike, in one transaction or in many', async () => {
    for (const sql of statements) {
      const fast = await run(sql.replaceAll('T', 'fast'));
      const plain = await run(`${sql.replaceAll('T', 'plain')} returning 1`);
      expect(fast, sql).to.equal(plain);
      for (const suffix of ['', '_bare', '_parent']) {
        const rows = async (name: string) => (await db.query(`select * from ${name}${suffix} order by id`)).rows;
        expect(await rows('fast'), sql).to.deep.equal(await rows('plain'));
      }
    }
    await db.exec('set enable_seqscan = off');
    for (const value of [2, 5, 12, 20]) {
      const ids = async (name: string) => (await db.query(`select id from ${name} where v = ${value} order by id`)).rows;
      expect(await ids('fast_bare')).to.deep.equal(await ids('plain_bare'));
      expect(await ids('fast')).to.deep.equal(await ids('plain'));
    }
  });
});

describe('paths of UPDATE, in line for a row', () => {
  let rivals: Rivals;
  beforeEach(async () => {
    rivals = await Rivals.open();
    await rivals.db.exec(`create function slow_sign(int) returns int language sql volatile as 'select sign($1)::int';
      create table t (id int primary key, v int check (v < 40), k int unique, note text);
      create index t_v on t (v);
      create table checked (id int primary key, v int check (slow_sign(v) > 0));`);
  });
  afterEach(() => rivals.close());

  const fill = `delete from t; insert into t select i, i, i * 10, 'n' from generate_series(1, 5) i;
    delete from checked; insert into checked select i, i from generate_series(1, 5) i`;
  const cases: { name: string; first: string; end?: string; second: string; isolation?: string }[] = [
    { name: 'works on the newest version', first: 'update t set v = v + 10 where id = 3', second: 'update t set v = v + 1 where id = 3' },
    { name: 'and on the old one after a rollback', first: 'update t set v = v + 10 where id = 3', end: 'rollback', second: 'update t set v = v + 1 where id = 3' },
    { name: 'holds its conditions against the newest version', first: 'update t set v = 20 where id = 3', second: 'update t set v = v + 1 where id = 3 and v = 3' },
    { name: 'and goes on where they hold', first: "update t set note = 'm' where id = 3", second: 'update t set v = v + 1 where id = 3 and v = 3' },
    { name: 'finds the row gone', first: 'delete from t where id = 3', second: 'update t set v = v + 1 where id = 3' },
    { name: 'finds its key changed', first: 'update t set id = 9 where id = 3', second: 'update t set v = v + 1 where id = 3' },
    { name: 'leaves a new row of the key alone', first: 'delete from t where id = 3; insert into t values (3, 30, 300)', second: 'update t set v = v + 1 where id = 3' },
    { name: 'fails by the newest version', first: 'update t set v = 39 where id = 3', second: 'update t set v = v + 1 where id = 3' },
    { name: 'probes a key that differs only now', first: 'update t set k = 99 where id = 3', second: 'update t set k = 30 where id = 3' },
    { name: 'fails where that is taken by now', first: 'update t set k = 99 where id = 3; insert into t values (7, 7, 30)', second: 'update t set k = 30 where id = 3' },
    { name: 'waits for who locks the row', first: 'select from t where id = 3 for update', second: 'update t set v = v + 1 where id = 3' },
    { name: 'computes subqueries', first: 'update t set v = v + 10 where id = 3', second: "update t set note = (select 'x') where id = 3" },
    { name: 'refuses the newer version', first: 'update t set v = v + 10 where id = 3', second: 'update t set v = v + 1 where id = 3', isolation: 'repeatable read' },
    { name: 'and the missing one', first: 'delete from t where id = 3', second: 'update t set v = v + 1 where id = 3', isolation: 'repeatable read' },
    { name: 'and goes on where nothing came of it', first: 'delete from t where id = 3', end: 'rollback', second: 'update t set v = v + 1 where id = 3', isolation: 'repeatable read' },
    { name: 'checks by functions that wait', first: 'update checked set v = 2 where id = 3', second: 'update checked set v = v - 2 where id = 3' },
    { name: 'waits once more at another row', first: 'update t set v = 1 where id in (2, 3)', second: 'update t set v = v + 1 where id in (2, 3)' },
  ];

  /** What the second came to, and what is in the tables then, by the index as well. */
  async function outcome({ first, end = 'commit', second, isolation = 'read committed' }: (typeof cases)[number], suffix: string): Promise<unknown> {
    await rivals.db.exec(fill);
    await rivals.first.exec(`begin; ${first}`);
    await rivals.second.exec(`begin isolation level ${isolation}; select from t; update t set note = 'own' where id = 5`);
    let result = '';
    const running = new Running(rivals.second.query(`${second}${suffix}`).then(({ affectedRows }) => { result = `done ${affectedRows}`; }));
    await rivals.untilBlocked(running);
    await rivals.first.exec(end);
    await running.over;
    if (running.outcome instanceof PgError) result = `${running.outcome.sqlstate} ${running.outcome.message} ${running.outcome.where}`;
    await rivals.second.exec('commit');
    const { rows } = await rivals.db.query('select t.*, (select array_agg(id order by id) from t u where u.v = t.v) as by_v from t order by id');
    return { result, rows, checked: (await rivals.db.query('select * from checked order by id')).rows };
  }

  for (const one of cases) {
    it(one.name, async () => {
      const fast = await outcome(one, '');
      expect(fast).to.deep.equal(await outcome(one, ' returning 1'));
    });
  }

  it('gives up with the statement: cancel, lock_timeout, deadlock', async () => {
    await rivals.db.exec(fill);
    const fails = async (settings: string, sqlstate: string): Promise<void> => {
      await rivals.first.exec('begin; update t set v = 9 where id = 3');
      await rivals.second.exec(`begin; update t set v = 8 where id = 4; ${settings}`);
      const failed = rivals.second.query('update t set v = v + 1 where id = 3').then(() => null, (error: PgError) => error);
      await rivals.untilBlocked();
      const crossing = sqlstate === '40P01' ? rivals.first.exec("set deadlock_timeout = '10s'; update t set v = 7 where id = 4") : null;
      if (sqlstate === '57014') await rivals.db.exec(`select pg_cancel_backend(pid) from pg_stat_activity where query like 'update t set v = v + 1%' and pid <> pg_backend_pid()`);
      const error = await failed;
      expect(error?.sqlstate).to.equal(sqlstate);
      expect(error?.where).to.match(/^while updating tuple \(0,\d+\) in relation "t"$/);
      await rivals.second.exec('rollback; reset lock_timeout');
      await crossing;
      await rivals.first.exec('rollback; reset deadlock_timeout');
    };
    await fails("set lock_timeout = '20ms'", '55P03');
    await fails('', '57014');
    await fails('', '40P01');
    // Nothing is left of them: the row is free, and the session goes on.
    expect((await rivals.second.query('update t set v = v + 1 where id = 3')).affectedRows).to.equal(1);
    expect((await rivals.db.query('select v from t where id = 3')).rows).to.deep.equal([{ v: 4 }]);
  });

  it('lets a line of them through one by one', async () => {
    await rivals.db.exec(fill);
    await rivals.first.exec('begin; update t set v = 10 where id = 3');
    const sessions = await Promise.all(Array.from({ length: 8 }, () => rivals.db.session()));
    const order: number[] = [];
    const all = sessions.map(async (session, number) => {
      await session.query('update t set v = v + 1 where id = 3');
      order.push(number);
    });
    for (;;) {
      const { rows } = await rivals.db.query<{ waiting: number }>("select count(*)::int as waiting from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0");
      if (rows[0].waiting === sessions.length) break;
    }
    await rivals.first.exec('commit');
    await Promise.all(all);
    expect(order).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    expect((await rivals.db.query('select v from t where id = 3')).rows).to.deep.equal([{ v: 18 }]);
  });
});
