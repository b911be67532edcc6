/**
 * What PostgreSQL's recovery tests (src/test/recovery) look at with SQL: after a crash, on a standby and after its promotion the same rows are
 * there. test/cluster/README.md says which case is shown where.
 */
import { expect } from 'chai';
import { failure, type Node, Pair, turns } from './pair.js';

type Rows = unknown[];

/** Rows that a node shows in a session of its own. */
async function rowsOf(node: Node, sql: string, database = 'postgres'): Promise<Rows> {
  const session = node.session('postgres', database);
  try {
    return (await session.query<unknown[]>(sql, [], { rowMode: 'array' })).rows;
  } finally {
    await session.close();
  }
}

/** The primary, after a power cut of it; the standby; and the standby promoted, before and after a power cut: all show what the primary showed. */
async function sameEverywhere(pair: Pair, queries: readonly string[]): Promise<void> {
  const expected = await Promise.all(queries.map((query) => rowsOf(pair.primary, query)));
  const shows = async (where: string, node: Node): Promise<void> => {
    for (const [index, query] of queries.entries()) expect(await rowsOf(node, query), `${where}: ${query}`).to.deep.equal(expected[index]);
  };
  await shows('on the standby', pair.replica);
  await pair.primary.crash();
  await shows('after a crash of the primary', pair.primary);
  await pair.replica.crash(true);
  await shows('after a crash of the standby', pair.replica);
  await pair.promote();
  await shows('promoted', pair.replica);
  await pair.replica.crash();
  await shows('promoted, after a crash', pair.replica);
}

describe('recovery', function () {
  this.timeout(60_000);
  let pair: Pair;
  afterEach(() => pair.stop());

  it('keeps subtransactions as they ended: released, rolled back, many, and of a transaction that never ended (012)', async () => {
    pair = await Pair.start('create table t (a int primary key, b text)');
    const many = Array.from({ length: 130 }, (_, index) => `savepoint s${index}; insert into t values (${index}, 'nested')`).join('; ');
    await pair.write(`begin; ${many}; rollback to s100; release s50; insert into t values (1000, 'after'); commit`);
    await pair.write(`begin; ${many.replaceAll('(', '(2000 + ')}; rollback`);
    await pair.write("begin; savepoint a; update t set b = 'x' where a < 10; savepoint b; delete from t where a < 5; rollback to b; release a; savepoint c; truncate t; rollback to c; commit");
    const open = pair.primary.session();
    await open.exec("begin; savepoint a; insert into t values (5000, 'never'); release a; savepoint b; update t set b = 'never' where a = 7");
    await pair.write("insert into t values (2000, 'last')");
    expect(await pair.read('select count(*)::int, min(a), max(a) from t')).to.deep.equal([[102, 0, 2000]]);
    await sameEverywhere(pair, ['select count(*), sum(a) from t', "select b, count(*) from t group by b order by b", 'select * from t where a in (7, 99, 100, 101, 5000)']);
  });

  it('keeps what was written before the first checkpoint of a promoted node, and what a checkpoint was busy with at its promotion (015, 041)', async () => {
    pair = await Pair.start("create table t (a int primary key, b text); insert into t select g, repeat('x', 200) from generate_series(1, 5000) g; create index on t (b)");
    await pair.write("update t set b = b || a where a % 3 = 0; delete from t where a % 5 = 0; create table emptied (a int); insert into emptied select generate_series(1, 1000)");
    const checkpoint = pair.reader.exec('checkpoint');
    await pair.promote();
    const writer = pair.replica.session();
    await writer.exec("truncate emptied; insert into emptied values (1); insert into t select g, 'new' from generate_series(6000, 6100) g; update t set b = 'again' where a = 3");
    await checkpoint;
    const queries = ['select count(*), md5(string_agg(a || b, \',\' order by a)) from t', 'select * from emptied', "select a from t where b = 'again'"];
    const expected = await Promise.all(queries.map((query) => rowsOf(pair.replica, query)));
    await pair.replica.crash();
    expect(await Promise.all(queries.map((query) => rowsOf(pair.replica, query)))).to.deep.equal(expected);
  });

  it('keeps bulk work in files that the same transaction made or emptied (018)', async () => {
    pair = await Pair.start('create table old (id serial primary key, a int); insert into old (a) select generate_series(1, 3000); create table dropped (a int)');
    await pair.write(`begin; truncate old; insert into old (a) values (1); commit;
      begin; create table copied (a int primary key, b text); insert into copied select g, 'row' from generate_series(1, 4000) g; savepoint s; truncate copied; insert into copied values (7, 'kept'); rollback to s; update copied set b = 'changed' where a = 8; commit;
      begin; create table twice (a int); truncate twice; insert into twice values (1); truncate twice; insert into twice select generate_series(1, 2500); commit;
      begin; truncate old; insert into old (a) select generate_series(1, 100); rollback;
      begin; drop table dropped; create table dropped (b text); insert into dropped values ('new'); commit;
      begin; create table nothing (a int); insert into nothing values (1); drop table nothing; commit`);
    await sameEverywhere(pair, [
      'select id, a from old', 'select count(*), count(*) filter (where b = \'changed\') from copied', 'select a from copied where a in (7, 8)', 'select count(*), sum(a) from twice',
      'select * from dropped', "select count(*) from pg_class where relname = 'nothing'",
    ]);
  });

  it('shows on a standby what has committed and nothing else (021)', async () => {
    pair = await Pair.start('create table t (a text); insert into t values (\'inserted\')');
    const other = pair.primary.session();
    await other.exec("begin; update t set a = 'updated'; insert into t values ('uncommitted')");
    await pair.write('create table unrelated (a int)');
    expect(await pair.read('select a from t')).to.deep.equal([['inserted']]);
    const snapshot = pair.replica.session();
    await snapshot.exec('begin isolation level repeatable read; select 1 from t');
    await other.exec('commit');
    await pair.ship();
    expect(await pair.read('select a from t order by a')).to.deep.equal([['uncommitted'], ['updated']]);
    expect(await pair.read('select a from t', snapshot)).to.deep.equal([['inserted']]);
    await other.exec("begin; delete from t; rollback");
    await pair.ship();
    expect(await pair.read('select count(*)::int from t')).to.deep.equal([[2]]);
    await snapshot.exec('commit');
  });

  it('empties what is unlogged, and only that; it works again after a promotion (014, 054)', async () => {
    pair = await Pair.start('create unlogged table u (id serial, a int unique); create table p (id serial, a int); create unlogged sequence us; insert into u (a) values (1), (2); insert into p (a) values (1); select nextval(\'us\'), nextval(\'us\')');
    await pair.write('insert into u (a) values (3); insert into p (a) values (2); create unlogged table late (a int primary key); insert into late values (1); create unlogged sequence lates start 10');
    expect((await failure(pair.reader.query('select * from late'))).sqlstate).to.equal('0A000');
    await pair.promote();
    const writer = pair.replica.session();
    await writer.exec('insert into u (a) values (3), (9); insert into late values (1), (2)');
    expect(await rowsOf(pair.replica, 'select id, a from u order by a')).to.deep.equal([[1, 3], [2, 9]]);
    expect(await rowsOf(pair.replica, "select nextval('us')::int, nextval('lates')::int")).to.deep.equal([[1, 10]]);
    expect((await failure(writer.exec('insert into late values (2)'))).sqlstate).to.equal('23505');
    expect(await rowsOf(pair.replica, 'select count(*)::int from p')).to.deep.equal([[2]]);
    await pair.replica.crash();
    expect(await rowsOf(pair.replica, 'select (select count(*)::int from u), (select count(*)::int from late), (select count(*)::int from p)')).to.deep.equal([[0, 0, 2]]);
    await pair.primary.exec('checkpoint');
    await pair.primary.crash();
    await pair.primary.exec('checkpoint');
    await pair.primary.crash();
    expect(await rowsOf(pair.primary, 'select (select count(*)::int from u), (select count(*)::int from late), (select count(*)::int from p)')).to.deep.equal([[0, 0, 2]]);
    expect(await rowsOf(pair.primary, "select nextval('us')::int, nextval('lates')::int, nextval('p_id_seq') > 2")).to.deep.equal([[1, 10, true]]);
  });

  it('never hands out a value of a sequence twice, after a crash nor after a promotion', async () => {
    pair = await Pair.start('create sequence s');
    await pair.write("select nextval('s') from generate_series(1, 40); create table t (id int generated always as identity, a int); insert into t (a) select generate_series(1, 50)");
    await pair.promote();
    for (const node of [pair.primary, pair.replica]) {
      await node.crash();
      const [[next]] = await rowsOf(node, "select nextval('s')::int") as number[][];
      expect(next).to.be.above(40);
      const session = node.session();
      const { rows: [{ id }] } = await session.query<{ id: number }>('insert into t (a) values (51) returning id');
      expect(id).to.be.above(50);
      await session.close();
    }
  });

  it('makes, fills, drops and makes databases again, with sessions that look on (032, 034, 036, 037)', async () => {
    pair = await Pair.start('create database model');
    const session = pair.primary.session('postgres', 'model');
    await session.exec("create table big (a int primary key, b text); insert into big select g, repeat('y', 100) from generate_series(1, 2000) g; create table gone (a int); insert into gone select generate_series(1, 500)");
    await session.close();
    await pair.write('create database copied template model');
    expect(await rowsOf(pair.replica, 'select count(*)::int, max(a) from big', 'copied')).to.deep.equal([[2000, 2000]]);
    for (let round = 0; round < 3; round++) {
      const into = pair.primary.session('postgres', 'copied');
      await into.exec(`update big set b = 'round ${round}' where a <= 1000; truncate gone; drop table gone; create table gone (a int); insert into gone values (${round})`);
      await into.close();
      await pair.ship();
      expect(await rowsOf(pair.replica, `select (select count(*)::int from big where b = 'round ${round}'), (select a from gone)`, 'copied')).to.deep.equal([[1000, round]]);
      const watching = pair.replica.session('postgres', 'copied');
      await watching.exec('select 1');
      await pair.write('drop database copied');
      await pair.write('create database copied template model');
      await turns();
      expect((await failure(watching.query('select 1'))).sqlstate).to.equal('57P04');
      expect(await rowsOf(pair.replica, "select count(*)::int from big where b like 'round%'", 'copied')).to.deep.equal([[0]]);
    }
    await pair.replica.crash(true);
    expect(await rowsOf(pair.replica, 'select count(*)::int from gone', 'copied')).to.deep.equal([[500]]);
    await pair.promote();
    await pair.replica.crash();
    expect(await rowsOf(pair.replica, 'select count(*)::int from big', 'copied')).to.deep.equal([[2000]]);
    await pair.primary.crash();
    expect(await rowsOf(pair.primary, 'select count(*)::int from big', 'copied')).to.deep.equal([[2000]]);
  });

  it('counts its conflicts, and lets queries end that nobody waits for (031)', async () => {
    pair = await Pair.start('create table t (a int); insert into t select generate_series(1, 2000)', [['max_standby_streaming_delay', '0']]);
    const reader = pair.replica.session();
    await reader.exec('begin; declare c cursor for select a from t; fetch 1 from c');
    await pair.writer.exec('vacuum t');
    await pair.ship();
    expect((await reader.query('fetch 1 from c')).rows).to.have.length(1);
    await pair.writer.exec('drop table t');
    await pair.ship();
    expect((await failure(reader.query('fetch 1 from c'))).sqlstate).to.be.oneOf(['40001', '57P01']);
    expect(await pair.read("select confl_lock::int, confl_snapshot::int, confl_deadlock::int from pg_stat_database_conflicts where datname = 'postgres'")).to.deep.equal([[1, 0, 0]]);
  });
});
