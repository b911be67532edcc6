/** DDL on objects that are not relations, racing: who waits, and what the second hears. Answers are PostgreSQL 18's. */
import { expect } from 'chai';
import type { PgError } from '../../lib/index.js';
import { Rivals } from './rivals.js';

describe('locks on objects that are not relations', () => {
  let rivals: Rivals;
  before(async () => { rivals = await Rivals.open(); });
  after(() => rivals.close());

  const outcome = async (first: string, end: string, second = first): Promise<unknown> => {
    const result = await rivals.race(first, end, second);
    return result === 'done' ? result : [(result as PgError).sqlstate, (result as PgError).message];
  };

  it('make DROP SCHEMA and what is created in it wait for each other', async () => {
    await rivals.first.exec('create schema sch');
    expect(await outcome('create function sch.f() returns int language sql as \'select 1\'', 'commit', 'drop schema sch'))
      .to.deep.equal(['2BP01', 'cannot drop schema sch because other objects depend on it']);
    await rivals.first.exec('drop function sch.f()');
    expect(await outcome('drop schema sch', 'rollback', 'create table sch.t (a int)')).to.equal('done');
    await rivals.first.exec('drop table sch.t');
    expect(await outcome('drop schema sch', 'commit', 'create table sch.t (a int)')).to.deep.equal(['3F000', 'schema "sch" does not exist']);
    await rivals.first.exec('create schema sch');
    expect(await outcome('drop schema sch', 'commit', 'create function sch.f() returns int language sql as \'select 1\''))
      .to.deep.equal(['42704', 'referenced schema was concurrently dropped']);
    expect((await rivals.first.query('select proname from pg_proc where pronamespace not in (select oid from pg_namespace)')).rows).to.deep.equal([]);
  });

  it('make DROP TYPE and its uses wait for each other', async () => {
    await rivals.first.exec(`create type mood as enum ('a'); create domain id as int`);
    expect(await outcome('create table moods (m mood)', 'commit', 'drop type mood')).to.deep.equal(['2BP01', 'cannot drop type mood because other objects depend on it']);
    await rivals.first.exec('drop table moods');
    expect(await outcome('drop type mood', 'commit', 'create table moods (m mood)')).to.deep.equal(['42704', 'referenced type was concurrently dropped']);
    expect(await outcome('drop domain id', 'commit', 'create domain idid as id')).to.deep.equal(['42704', 'referenced type was concurrently dropped']);
  });

  it('look the name up again after a wait', async () => {
    await rivals.first.exec(`create type pair as (a int, b int); create function twice(int) returns int language sql as 'select 2 * $1'`);
    expect(await outcome('drop type pair', 'commit')).to.deep.equal(['42704', 'type "pair" does not exist']);
    expect(await outcome('alter function twice(int) rename to double', 'commit')).to.deep.equal(['42883', 'function twice(integer) does not exist']);
    expect(await outcome('drop function double(int)', 'commit')).to.deep.equal(['42883', 'function double(integer) does not exist']);
  });

  it('make DROP ROLE wait for a new owner', async () => {
    await rivals.first.exec(`create role keeper; create function kept() returns int language sql as 'select 1'`);
    expect(await outcome('alter function kept() owner to keeper', 'commit', 'drop role keeper'))
      .to.deep.equal(['2BP01', 'role "keeper" cannot be dropped because some objects depend on it']);
  });

  it('make ALTER SEQUENCE and nextval wait for each other', async () => {
    await rivals.first.exec('create sequence s; create table t (a int default nextval(\'s\'), b int generated always as identity)');
    expect(await outcome('alter sequence s restart 5', 'commit', `select nextval('s') from generate_series(1, 3)`)).to.equal('done');
    expect((await rivals.first.query('select last_value from s')).rows).to.deep.equal([{ last_value: 7 }]);
    expect(await outcome('alter sequence s maxvalue 7', 'commit', 'insert into t default values')).to.deep.equal(['2200H', 'nextval: reached maximum value of sequence "s" (7)']);
    expect(await outcome('alter sequence t_b_seq restart 9', 'commit', 'insert into t (a) values (1)')).to.equal('done');
    expect((await rivals.first.query('select b from t')).rows).to.deep.equal([{ b: 9 }]);
    expect(await outcome(`select setval('s', 3)`, 'commit', 'alter sequence s restart')).to.equal('done');
    expect(await outcome(`select nextval('s')`, 'rollback', 'drop sequence s cascade')).to.equal('done');
  });
});
