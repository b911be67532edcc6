/** Catalog writes that race: the second waits for the first one's end, then fails or succeeds as PostgreSQL has it. */
import { expect } from 'chai';
import { PgError, PGliteDB } from '../../lib/index.js';

type Session = Awaited<ReturnType<PGliteDB['session']>>;

/** A statement on its way. */
class Running {
  outcome: 'running' | 'done' | PgError = 'running';
  readonly over: Promise<void>;
  constructor(work: Promise<unknown>) {
    this.over = work.then(() => {
      this.outcome = 'done';
    }, (error: PgError) => {
      this.outcome = error;
    });
  }
}

describe('catalog writes that race', () => {
  let db: PGliteDB;
  let first: Session;
  let second: Session;
  let pids: number[];

  beforeEach(async () => {
    db = await PGliteDB.open('memory://');
    [first, second] = [await db.session(), await db.session()];
    pids = [];
    for (const session of [first, second]) {
      await session.exec("set deadlock_timeout = '10ms'");
      pids.push((await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0].pid);
    }
  });
  afterEach(() => db.close());

  /** Until the second session waits for the first. */
  async function untilBlocked(running?: Running): Promise<void> {
    for (;;) {
      const { rows } = await db.query<{ blockers: number[] }>('select pg_blocking_pids($1) as blockers', [pids[1]]);
      if (running !== undefined && running.outcome !== 'running') throw new Error(`did not wait: ${String(running.outcome)}`);
      if (rows[0].blockers.length === 0) continue;
      expect(rows[0].blockers).to.deep.equal([pids[0]]);
      return;
    }
  }

  async function startAndBlock(sql: string): Promise<Running> {
    const running = new Running(second.exec(sql));
    await untilBlocked(running);
    return running;
  }

  /** The second's outcome when the first does `sql` and then ends its transaction by `end`. */
  async function race(sql: string, end: 'commit' | 'rollback', secondSql = sql): Promise<'done' | PgError> {
    await first.exec(`begin; ${sql}`);
    const running = await startAndBlock(secondSql);
    await first.exec(end);
    await running.over;
    return running.outcome as 'done' | PgError;
  }

  const races: [string, string, string][] = [
    ['create table t (a int)', 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', 'Key (typname, typnamespace)=(t, 2200) already exists.'],
    ["create type mood as enum ('ok')", 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"', 'Key (typname, typnamespace)=(mood, 2200) already exists.'],
    ['create schema s', 'duplicate key value violates unique constraint "pg_namespace_nspname_index"', 'Key (nspname)=(s) already exists.'],
    ['create role r', 'duplicate key value violates unique constraint "pg_authid_rolname_index"', 'Key (rolname)=(r) already exists.'],
    ['create sequence q', 'duplicate key value violates unique constraint "pg_class_relname_nsp_index"', 'Key (relname, relnamespace)=(q, 2200) already exists.'],
  ];
  for (const [sql, message, detail] of races) {
    it(`${sql}: 23505 after the other's commit`, async () => {
      expect(await race(sql, 'commit')).to.include({ sqlstate: '23505', message, detail });
    });
    it(`${sql}: succeeds after the other's rollback`, async () => {
      expect(await race(sql, 'rollback')).to.equal('done');
    });
  }

  it('GRANT on one object: tuple concurrently updated after the commit, else done', async () => {
    await db.exec('create table t (a int)');
    expect(await race('grant select on t to public', 'commit')).to.include({ sqlstate: 'XX000', message: 'tuple concurrently updated' });
    expect(await race('grant insert on t to public', 'rollback', 'grant update on t to public')).to.equal('done');
    const { rows } = await db.query<{ acl: string }>("select relacl::text as acl from pg_class where relname = 't'");
    expect(rows[0].acl).to.equal('{postgres=arwdDxtm/postgres,=rw/postgres}');
  });

  it('an index builds on a GRANT that it waited for', async () => {
    await db.exec('create table t (a int)');
    expect(await race('grant select on t to public', 'commit', 'create index on t (a)')).to.equal('done');
    const { rows } = await db.query("select relhasindex, relacl is not null as granted from pg_class where relname = 't'");
    expect(rows).to.deep.equal([{ relhasindex: true, granted: true }]);
  });

  it('what the command did before it met the other is done once', async () => {
    await second.exec('begin; create table mine (a int)');
    expect(await race('create table t (a int)', 'rollback', 'create table t (a serial primary key)')).to.equal('done');
    await second.exec('commit');
    const { rows } = await db.query("select relname from pg_class where relnamespace = 'public'::regnamespace order by 1");
    expect(rows.map((row) => row.relname)).to.deep.equal(['mine', 't', 't_a_seq', 't_pkey']);
  });

  it('a second run repeats no notice', async () => {
    await db.exec('create table parent (a int)');
    const heard: string[] = [];
    await first.exec('begin; create table t (a int)');
    const over = second.exec('create table t (a int) inherits (parent)', { onNotice: (notice) => void heard.push(notice.message) });
    await untilBlocked();
    await first.exec('rollback');
    await over;
    expect(heard).to.deep.equal(['merging column "a" with inherited definition']);
  });

  it('finds deadlocks, and obeys lock_timeout', async () => {
    await first.exec('begin; create schema a');
    await second.exec('begin; create schema b');
    const running = await startAndBlock('create schema a');
    const closing = new Running(first.exec('create schema b'));
    await Promise.race([running.over, closing.over]);
    const failed = running.outcome === 'running' ? closing : running;
    expect(failed.outcome).to.include({ sqlstate: '40P01' });
    await (failed === running ? second : first).exec('rollback');
    await Promise.all([running.over, closing.over]);
    await first.exec('rollback');
    await second.exec("rollback; set lock_timeout = '20ms'");
    expect(await (async () => {
      await first.exec('begin; create schema c');
      const waiting = await startAndBlock('create schema c');
      await waiting.over;
      return waiting.outcome;
    })()).to.include({ sqlstate: '55P03' });
  });
});
