/** What waits for what, and until when: savepoints, locks of ALTER TABLE, upgrades, other sessions' temporary tables. */
import { expect } from 'chai';
import { Rivals } from './rivals.js';

describe('waits between sessions', () => {
  let rivals: Rivals;
  beforeEach(async () => {
    rivals = await Rivals.open();
    await rivals.db.exec('create table t (a int primary key, b int); insert into t values (1, 1), (2, 2)');
  });
  afterEach(() => rivals.close());

  it('a row is free again when its writer rolls back to a savepoint', async () => {
    expect(await rivals.race('savepoint s; update t set a = 3 where a = 1', 'rollback to s', 'select * from t for key share')).to.equal('done');
    await rivals.first.exec('commit');
  });

  it('so is a key, and a name in the catalogs', async () => {
    expect(await rivals.race('savepoint s; insert into t values (7)', 'rollback to s', 'insert into t values (7)')).to.equal('done');
    await rivals.first.exec('commit');
    expect(await rivals.race('savepoint s; create schema q', 'rollback to s', 'create schema q')).to.equal('done');
    await rivals.first.exec('commit');
  });

  it('who wakes for another reason waits on', async () => {
    await rivals.first.exec('begin; update t set b = 5 where a = 1; savepoint s; update t set b = 6 where a = 2');
    const running = await rivals.startAndBlock('update t set b = b + 1 where a = 1');
    await rivals.first.exec('rollback to s');
    await rivals.untilBlocked(running);
    await rivals.first.exec('commit');
    await running.over;
    expect((await rivals.db.query('select b from t where a = 1')).rows).to.deep.equal([{ b: 6 }]);
  });

  it('an update goes before who waits for its own weaker lock', async () => {
    const { db, first, second } = rivals;
    const third = await db.session();
    await first.exec('begin; select from t where a = 1 for key share');
    await third.exec('begin; select from t where a = 1 for key share');
    const waiting = second.exec('select from t where a = 1 for update');
    await rivals.untilBlocked();
    await first.exec("update t set b = 3 where a = 1");
    const updating = third.exec("set deadlock_timeout = '10ms'; update t set b = 4 where a = 1");
    await first.exec('rollback');
    await updating;
    await third.exec('commit');
    await waiting;
  });

  it('ADD FOREIGN KEY lets readers in', async () => {
    await rivals.db.exec('create table child (a int); insert into child values (1)');
    await rivals.first.exec('begin; alter table child add foreign key (a) references t not valid');
    expect((await rivals.second.query('select a from child for share')).rows).to.have.length(1);
    const running = await rivals.startAndBlock('insert into child values (1)');
    await rivals.first.exec('commit');
    await running.over;
    expect(running.outcome).to.equal('done');
  });

  it("inheritance leaves other sessions' temporary tables alone", async () => {
    await rivals.first.exec('create temp table mine (c int) inherits (t); insert into mine values (9, 9, 9)');
    expect((await rivals.first.query('select a from t order by a')).rows).to.have.length(3);
    expect((await rivals.second.query('select a from t order by a')).rows).to.have.length(2);
    await rivals.second.exec('truncate t');
    expect((await rivals.first.query('select a from t')).rows).to.deep.equal([{ a: 9 }]);
  });

  it('CREATE INDEX CONCURRENTLY waits for writers, so that it has all their rows', async () => {
    await rivals.first.exec('begin; insert into t values (3, 30)');
    const running = await rivals.startAndBlock('create index concurrently on t (b)');
    await rivals.first.exec('insert into t values (4, 40); commit');
    await running.over;
    expect(running.outcome).to.equal('done');
    await rivals.db.exec('set enable_seqscan = off');
    expect((await rivals.db.query('explain (costs off) select a from t where b > 20 order by b', [], { rowMode: 'array' })).rows.join()).to.include('t_b_idx');
    expect((await rivals.db.query('select a from t where b > 20 order by b')).rows).to.deep.equal([{ a: 3 }, { a: 4 }]);
  });

  it('VACUUM (SKIP_LOCKED) does not wait, and says so', async () => {
    await rivals.first.exec('begin; lock t in share update exclusive mode');
    const heard: string[] = [];
    await rivals.second.exec('vacuum (skip_locked) t', { onNotice: ({ message }) => void heard.push(message) });
    await rivals.second.exec('analyze (skip_locked) t', { onNotice: ({ message }) => void heard.push(message) });
    expect(heard).to.deep.equal(['skipping vacuum of "t" --- lock not available', 'skipping analyze of "t" --- lock not available']);
  });

  it('RESET ROLE gives a superuser its rights back', async () => {
    await rivals.db.exec('create role plain; set role plain');
    expect((await rivals.db.query('show is_superuser')).rows).to.deep.equal([{ is_superuser: 'off' }]);
    await rivals.db.exec('reset role');
    expect((await rivals.db.query('show is_superuser')).rows).to.deep.equal([{ is_superuser: 'on' }]);
    await rivals.db.exec('alter table t owner to plain');
  });
});
