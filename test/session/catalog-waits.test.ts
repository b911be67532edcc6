/** Catalog writes that race: the second waits for the first one's end, then fails or succeeds as PostgreSQL has it. */
import { expect } from 'chai';
import { Rivals, Running } from './rivals.js';

describe('catalog writes that race', () => {
  let rivals: Rivals;

  beforeEach(async () => {
    rivals = await Rivals.open();
  });
  afterEach(() => rivals.close());

  const races: [string, string, string][] = [
    ['create table t (a int)', 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', 'Key (typname, typnamespace)=(t, 2200) already exists.'],
    ["create type mood as enum ('ok')", 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', 'Key (typname, typnamespace)=(mood, 2200) already exists.'],
    ['create schema s', 'duplicate key value violates unique constraint "pg_namespace_nspname_index"', 'Key (nspname)=(s) already exists.'],
    ['create role r', 'duplicate key value violates unique constraint "pg_authid_rolname_index"', 'Key (rolname)=(r) already exists.'],
    ['create sequence q', 'duplicate key value violates unique constraint "pg_class_relname_nsp_index"', 'Key (relname, relnamespace)=(q, 2200) already exists.'],
  ];
  for (const [sql, message, detail] of races) {
    it(`${sql}: 23505 after the other's commit`, async () => {
      expect(await rivals.race(sql, 'commit')).to.include({ sqlstate: '23505', message, detail });
    });
    it(`${sql}: succeeds after the other's rollback`, async () => {
      expect(await rivals.race(sql, 'rollback')).to.equal('done');
    });
  }

  it('GRANT on one object: tuple concurrently updated after the commit, else done', async () => {
    await rivals.db.exec('create table t (a int)');
    expect(await rivals.race('grant select on t to public', 'commit')).to.include({ sqlstate: 'XX000', message: 'tuple concurrently updated' });
    expect(await rivals.race('grant insert on t to public', 'rollback', 'grant update on t to public')).to.equal('done');
    const { rows } = await rivals.db.query<{ acl: string }>("select relacl::text as acl from pg_class where relname = 't'");
    expect(rows[0].acl).to.equal('{postgres=arwdDxtm/postgres,=rw/postgres}');
  });

  it('an index builds on a GRANT that it waited for', async () => {
    await rivals.db.exec('create table t (a int)');
    expect(await rivals.race('grant select on t to public', 'commit', 'create index on t (a)')).to.equal('done');
    const { rows } = await rivals.db.query("select relhasindex, relacl is not null as granted from pg_class where relname = 't'");
    expect(rows).to.deep.equal([{ relhasindex: true, granted: true }]);
  });

  it('what the command did before it met the other is done once', async () => {
    await rivals.second.exec('begin; create table mine (a int)');
    expect(await rivals.race('create table t (a int)', 'rollback', 'create table t (a serial primary key)')).to.equal('done');
    await rivals.second.exec('commit');
    const { rows } = await rivals.db.query("select relname from pg_class where relnamespace = 'public'::regnamespace order by 1");
    expect(rows.map((row) => row.relname)).to.deep.equal(['mine', 't', 't_a_seq', 't_pkey']);
  });

  it('a second run repeats no notice', async () => {
    await rivals.db.exec('create table parent (a int)');
    const heard: string[] = [];
    await rivals.first.exec('begin; create table t (a int)');
    const over = rivals.second.exec('create table t (a int) inherits (parent)', { onNotice: (notice) => void heard.push(notice.message) });
    await rivals.untilBlocked();
    await rivals.first.exec('rollback');
    await over;
    expect(heard).to.deep.equal(['merging column "a" with inherited definition']);
  });

  it('finds deadlocks, and obeys lock_timeout', async () => {
    await rivals.first.exec('begin; create schema a');
    await rivals.second.exec('begin; create schema b');
    const running = await rivals.startAndBlock('create schema a');
    const closing = new Running(rivals.first.exec('create schema b'));
    await Promise.race([running.over, closing.over]);
    const failed = running.outcome === 'running' ? closing : running;
    expect(failed.outcome).to.include({ sqlstate: '40P01' });
    await (failed === running ? rivals.second : rivals.first).exec('rollback');
    await Promise.all([running.over, closing.over]);
    await rivals.first.exec('rollback');
    await rivals.second.exec("rollback; set lock_timeout = '20ms'");
    expect(await (async () => {
      await rivals.first.exec('begin; create schema c');
      const waiting = await rivals.startAndBlock('create schema c');
      await waiting.over;
      return waiting.outcome;
    })()).to.include({ sqlstate: '55P03' });
  });
});
