/**
 * UPDATE has a fast path for rows that need no wait, trigger or probe; RETURNING keeps a statement on the ordinary one. Both
 * must leave the same rows and index entries, and fail alike.
 */
import { expect } from 'chai';
import { PGliteDB, PgError } from '../../lib/index.js';

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
