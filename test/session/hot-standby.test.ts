/** A standby at SQL level: what it shows, what it refuses, whom replay cancels, and what becomes of its sessions at a promotion. */
import { expect } from 'chai';
import { failure, Node, Pair } from './pair.js';

describe('hot standby', function () {
  this.timeout(60_000);
  let pair: Pair;
  afterEach(() => pair.stop());

  it('shows what the primary did: DDL, rows, sequences, views, functions, roles', async () => {
    pair = await Pair.start("create table before (a int primary key, b text); insert into before select g, 'row ' || g from generate_series(1, 3000) g");
    expect(await pair.read('select count(*)::int, max(b) from before')).to.deep.equal([[3000, 'row 999']]);
    await pair.write(`create table item (id int generated always as identity primary key, name text unique check (name <> ''), price numeric(10, 2) default 1);
      create index on item (price);
      insert into item (name, price) values ('a', 1.5), ('b', 2.5), ('c', 3.5);
      create view cheap as select name from item where price < 3;
      create sequence s increment 5; select nextval('s'); select nextval('s');
      create function twice(x int) returns int language sql as 'select 2 * x';
      create type mood as enum ('sad', 'glad');
      create schema extra; create table extra.m (m mood); insert into extra.m values ('glad');
      create role reporter; grant select on cheap to reporter;
      update item set price = 9 where name = 'b'; delete from item where name = 'c'`);
    expect(await pair.read('select * from cheap')).to.deep.equal([['a']]);
    expect(await pair.read('select id, name, price from item order by id')).to.deep.equal([[1, 'a', '1.50'], [2, 'b', '9.00']]);
    expect(await pair.read("select last_value is not null from pg_sequences where sequencename = 's'")).to.deep.equal([[true]]);
    expect(await pair.read('select twice(21), (select m from extra.m)')).to.deep.equal([[42, 'glad']]);
    await pair.reader.exec('set role reporter');
    expect(await pair.read('select * from cheap')).to.deep.equal([['a']]);
    expect((await failure(pair.reader.exec('select * from item'))).sqlstate).to.equal('42501');
    await pair.reader.exec('reset role');
    await pair.write("alter table item add column stock int default 7; alter table item drop column price cascade; create or replace function twice(x int) returns int language sql as 'select 20 * x'");
    expect(await pair.read('select * from item order by id')).to.deep.equal([[1, 'a', 7], [2, 'b', 7]]);
    expect(await pair.read('select twice(1)')).to.deep.equal([[20]]);
    expect((await failure(pair.reader.exec('select * from cheap'))).sqlstate).to.equal('42P01');
  });

  it('plans as the primary does', async () => {
    pair = await Pair.start('create table a (id int primary key, b int); create table b (id int primary key, x text); insert into a select g, g % 50 from generate_series(1, 5000) g; insert into b select g, g::text from generate_series(1, 50) g');
    await pair.write('create index on a (b); analyze');
    for (const query of [
      'select * from a where id = 7', 'select * from a where b = 3 order by id', 'select x, count(*) from a join b on a.b = b.id group by x',
      'select * from a where id in (select id from b where x > \'2\') limit 3',
    ]) {
      const [on, off] = await Promise.all([pair.writer.query(`explain ${query}`), pair.reader.query(`explain ${query}`)]);
      expect(off.rows).to.deep.equal(on.rows);
    }
  });

  it('keeps the state that a snapshot sees while the primary updates and vacuums', async () => {
    pair = await Pair.start("create table t (a int primary key, b int); insert into t select g, 0 from generate_series(1, 2000) g");
    await pair.reader.exec('begin isolation level repeatable read');
    expect(await pair.read('select sum(b)::int from t')).to.deep.equal([[0]]);
    for (let round = 1; round <= 5; round++) await pair.write(`update t set b = ${round}`);
    await pair.write('delete from t where a > 1000');
    await pair.write('vacuum t');
    const fresh = pair.replica.session();
    expect(await pair.read('select count(*)::int, sum(b)::int from t')).to.deep.equal([[2000, 0]]);
    expect(await pair.read('select count(*)::int, sum(b)::int from t', fresh)).to.deep.equal([[1000, 5000]]);
    await pair.reader.exec('commit');
    expect(await pair.read('select count(*)::int, sum(b)::int from t')).to.deep.equal([[1000, 5000]]);
  });

  it('refuses what writes, with the words of PostgreSQL', async () => {
    pair = await Pair.start('create table t (a int primary key); insert into t values (1); create unlogged table u (a int); create sequence s');
    const readOnly = (what: string): string => `25006 cannot execute ${what} in a read-only transaction`;
    const inRecovery = (what: string): string => `25006 cannot execute ${what} during recovery`;
    const cases: readonly (readonly [sql: string, error: string])[] = [
      ['insert into t values (2)', readOnly('INSERT')], ['update t set a = 2', readOnly('UPDATE')], ['delete from t', readOnly('DELETE')],
      ['with x as (insert into t values (5) returning 1) select * from x', readOnly('SELECT')],
      ['select * from t for update', readOnly('SELECT FOR UPDATE')], ['select * from t for key share', readOnly('SELECT FOR KEY SHARE')],
      ['create table n (a int)', readOnly('CREATE TABLE')], ['create temp table n (a int)', readOnly('CREATE TABLE')],
      ['select 1 into n', readOnly('SELECT INTO')], ['create materialized view n as select 1', readOnly('CREATE MATERIALIZED VIEW')],
      ['drop index t_pkey', readOnly('DROP INDEX')], ['alter table t rename a to b', readOnly('ALTER TABLE')], ['truncate t', readOnly('TRUNCATE TABLE')],
      ['create type n as (a int)', readOnly('CREATE TYPE')], ['create procedure n() language sql as \'\'', readOnly('CREATE PROCEDURE')],
      ['grant select on t to public', readOnly('GRANT')], ['revoke select on t from public', readOnly('REVOKE')], ['comment on table t is \'x\'', readOnly('COMMENT')],
      ["select nextval('s')", readOnly('nextval()')], ["select setval('s', 3)", readOnly('setval()')],
      ['listen x', inRecovery('LISTEN')], ['notify x', inRecovery('NOTIFY')], ["select pg_notify('x', '')", inRecovery('NOTIFY')],
      ['lock table t', inRecovery('LOCK TABLE')], ['lock table t in share update exclusive mode', inRecovery('LOCK TABLE')],
      ['vacuum', inRecovery('VACUUM')], ['analyze t', inRecovery('ANALYZE')], ['cluster t', inRecovery('CLUSTER')], ['reindex table t', inRecovery('REINDEX')],
      ['copy t from stdin', inRecovery('COPY')], ['select pg_current_xact_id()', inRecovery('pg_current_xact_id()')],
      ["prepare transaction 'x'", inRecovery('PREPARE TRANSACTION')],
      ['select * from u', '0A000 cannot access temporary or unlogged relations during recovery'],
      ['explain select * from u', '0A000 cannot access temporary or unlogged relations during recovery'],
      ['insert into u values (1)', readOnly('INSERT')],
      ['begin read write', '0A000 cannot set transaction read-write mode during recovery'],
      ['set transaction_read_only = off', '0A000 cannot set transaction read-write mode during recovery'],
      ['begin isolation level serializable', '0A000 cannot use serializable mode in a hot standby'],
    ];
    for (const [sql, expected] of cases) {
      const { sqlstate, message } = await failure(pair.reader.exec(sql));
      expect(`${sqlstate} ${message}`, sql).to.equal(expected);
    }
    for (const sql of [
      'begin; lock table t in row exclusive mode; rollback', 'checkpoint', 'discard all', 'unlisten *', 'explain insert into t values (9)',
      'begin read only; declare c cursor for select * from t; fetch c; commit', 'select pg_advisory_lock(1), pg_advisory_unlock(1)',
      'prepare q as select 1; execute q; deallocate q', 'begin; savepoint a; select 1; rollback to a; commit',
    ]) await pair.reader.exec(sql);
    expect(await pair.read('show transaction_read_only')).to.deep.equal([['on']]);
    expect(await pair.read('show in_hot_standby')).to.deep.equal([['on']]);
    expect(await pair.read('select pg_is_in_recovery()')).to.deep.equal([[true]]);
    expect(await pair.read('select a from t')).to.deep.equal([[1]]);
    await pair.write('insert into t values (3)');
    expect(await pair.read('select a from t')).to.deep.equal([[1], [3]]);
    expect(pair.replica.errors).to.deep.equal([]);
  });

  it('shows sequences as the log has them, and none of an unlogged one', async () => {
    pair = await Pair.start('create sequence logged; create unlogged sequence unlogged');
    await pair.write("select nextval('logged'), nextval('unlogged')");
    // The log is 32 values ahead, so that not every nextval needs a record.
    expect(await pair.read("select pg_sequence_last_value('logged')::int, pg_sequence_last_value('unlogged') is null")).to.deep.equal([[33, true]]);
    expect(await pair.read('select last_value::int, log_cnt::int, is_called from logged')).to.deep.equal([[33, 0, true]]);
    expect(await pair.read('select sequencename, last_value::int from pg_sequences order by 1')).to.deep.equal([['logged', 33], ['unlogged', null]]);
    const refusals: [sql: string, expected: string][] = [
      ["select nextval('logged')", '25006 cannot execute nextval() in a read-only transaction'],
      ['select last_value from unlogged', '0A000 cannot access temporary or unlogged relations during recovery'],
    ];
    for (const [sql, expected] of refusals) {
      const { sqlstate, message } = await failure(pair.reader.exec(sql));
      expect(`${sqlstate} ${message}`, sql).to.equal(expected);
    }
  });

  it('refuses primary-only commands in read-only transactions as a primary does', async () => {
    pair = await Pair.start('create table t (a int primary key)');
    await pair.writer.exec('begin read only; reindex table t; commit');
    expect((await failure(pair.writer.exec('begin read only; truncate t'))).message).to.equal('cannot execute TRUNCATE TABLE in a read-only transaction');
    await pair.writer.exec('rollback');
    await pair.writer.exec('begin read only; listen x; commit');
  });
});

describe('hot standby before it is consistent', () => {
  it('refuses sessions with 57P03', async () => {
    const { source, engine } = await new Node(8).start();
    const empty = await new Node(9).start([], true);
    expect(refusal(empty)).to.include({
      sqlstate: '57P03', severity: 'FATAL', message: 'the database system is not yet accepting connections', detail: 'Consistent recovery state has not been yet reached.',
    });
    expect(empty.engine.hasPassword()).to.equal(false);
    await empty.engine.close();
    const closed = new Node(10);
    await closed.clone(source);
    await closed.start([['hot_standby', 'off']], true);
    expect(refusal(closed)).to.include({ sqlstate: '57P03', message: 'the database system is not accepting connections', detail: 'Hot standby mode is disabled.' });
    await closed.engine.close();
    await engine.close();
  });
});

function refusal({ engine }: Node): unknown {
  try {
    engine.checkAccepting();
  } catch (error) {
    return error;
  }
  return null;
}
