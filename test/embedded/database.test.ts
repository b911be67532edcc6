/** The embedded API: queries, values, transactions, sessions, notifications, the end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PgError, PGliteDB } from '../../lib/index.js';

async function rejection(work: Promise<unknown>): Promise<PgError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}

describe('PGliteDB in memory', () => {
  let db: PGliteDB;
  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec('create table item (id int primary key, name text)');
  });
  after(() => db.close());

  it('queries with parameters', async () => {
    const { rows, fields, command } = await db.query('select $1::int + 1 as n, $2::text as t', [41, 'x']);
    expect(rows).to.deep.equal([{ n: 42, t: 'x' }]);
    expect(fields).to.deep.equal([{ name: 'n', dataTypeID: 23 }, { name: 't', dataTypeID: 25 }]);
    expect(command).to.equal('SELECT');
  });

  it('turns values into JavaScript\'s', async () => {
    const { rows } = await db.query(`select 9007199254740993::int8 as big, 5::int8 as small, 1.50::numeric as exact, true as yes, null as nothing,
      '2024-02-29'::date as day, '2024-02-29 12:00+01'::timestamptz as moment, '{"a":[1]}'::jsonb as json, array[[1,2],[3,4]] as grid, '\\x0102'::bytea as bytes,
      'infinity'::timestamp as never, array['x',null] as words, '1 day'::interval as span`);
    expect(rows[0]).to.deep.equal({
      big: 9007199254740993n, small: 5, exact: '1.50', yes: true, nothing: null, day: new Date('2024-02-29T00:00:00Z'),
      moment: new Date('2024-02-29T11:00:00Z'), json: { a: [1] }, grid: [[1, 2], [3, 4]], bytes: rows[0].bytes, never: Infinity, words: ['x', null], span: '1 day',
    });
    expect([...(rows[0].bytes as Uint8Array)]).to.deep.equal([1, 2]);
  });

  it('takes JavaScript\'s values as parameters', async () => {
    const when = new Date('2024-02-29T11:00:00.123Z');
    const { rows } = await db.query('select $1::timestamptz as a, $2::bytea as b, $3::jsonb as c, $4::int[] as d, $5::int8 as e, $6::bool as f, $7::text as g, $8::jsonb as h',
      [when, Uint8Array.of(1, 255), { k: 'v' }, [1, null, 3], 2n ** 62n, false, undefined, [1, 2]]);
    expect({ ...rows[0], b: [...(rows[0].b as Uint8Array)] }).to.deep.equal({ a: when, b: [1, 255], c: { k: 'v' }, d: [1, null, 3], e: 2n ** 62n, f: false, g: null, h: [1, 2] });
  });

  it('counts affected rows and returns one result per statement', async () => {
    const results = await db.exec('insert into item values (1, \'a\'), (2, \'b\'); update item set name = upper(name); select name from item order by id; delete from item where id = 2');
    expect(results.map(({ command, affectedRows }) => [command, affectedRows])).to.deep.equal([['INSERT', 2], ['UPDATE', 2], ['SELECT', 0], ['DELETE', 1]]);
    expect(results[2].rows).to.deep.equal([{ name: 'A' }, { name: 'B' }]);
  });

  it('returns rows as arrays, and through own parsers', async () => {
    const { rows } = await db.query<unknown[]>('select 1 as a, 2.5::numeric as a', [], { rowMode: 'array', parsers: { 1700: Number } });
    expect(rows).to.deep.equal([[1, 2.5]]);
  });

  it('rejects with PgError and goes on', async () => {
    const error = await rejection(db.query('select * from nowhere'));
    expect(error).to.include({ sqlstate: '42P01', message: 'relation "nowhere" does not exist', position: 15 });
    expect((await db.query('select 1 as one')).rows).to.deep.equal([{ one: 1 }]);
    expect((await rejection(db.query('insert into item values (1)'))).sqlstate).to.equal('23505');
  });

  it('commits and rolls back transactions', async () => {
    const result = await db.transaction(async (tx) => {
      await tx.query('insert into item values ($1, $2)', [10, 'ten']);
      return (await tx.query<{ n: number }>('select count(*)::int as n from item where id = 10')).rows[0].n;
    });
    expect(result).to.equal(1);
    await db.transaction(async (tx) => {
      await tx.query('delete from item where id = 10');
      await tx.rollback();
    });
    expect((await rejection(db.transaction(async (tx) => {
      await tx.query('delete from item');
      await tx.query('select 1/0');
    }))).sqlstate).to.equal('22012');
    expect((await db.query('select id from item order by id')).rows).to.deep.equal([{ id: 1 }, { id: 10 }]);
  });

  it('runs sessions side by side', async () => {
    const other = await db.session();
    await other.exec('begin; update item set name = \'locked\' where id = 1');
    const waiting = db.query('update item set name = name || \'+\' where id = 1 returning name');
    await other.exec('commit');
    expect((await waiting).rows).to.deep.equal([{ name: 'locked+' }]);
    await other.close();
    expect((await rejection(other.query('select 1'))).sqlstate).to.equal('08003');
  });

  it('tells notices and notifications', async () => {
    const notices: string[] = [];
    await db.exec('drop table if exists nothing_here', { onNotice: (notice) => notices.push(notice.message) });
    expect(notices).to.deep.equal(['table "nothing_here" does not exist, skipping']);
    const heard: string[] = [];
    const stop = await db.listen('news', (payload) => heard.push(payload));
    const other = await db.session();
    await other.exec('notify news, \'hello\'');
    await db.exec('notify news, \'self\'');
    expect(heard).to.deep.equal(['hello', 'self']);
    await stop();
    await other.exec('notify news, \'unheard\'');
    expect(heard.length).to.equal(2);
    await other.close();
  });

  it('cancels a session\'s statement', async () => {
    const other = await db.session();
    const sleeping = rejection(other.query('select pg_sleep(30)'));
    setTimeout(() => other.cancel(), 20);
    expect((await sleeping).sqlstate).to.equal('57014');
    await other.close();
  });

  it('forgets temporary tables with their session', async () => {
    const other = await db.session();
    await other.exec('create temp table scratch (a int); insert into scratch values (1)');
    expect((await other.query('select * from scratch')).rows).to.deep.equal([{ a: 1 }]);
    await other.close();
    expect((await db.query('select count(*)::int as n from pg_class where relname = \'scratch\'')).rows).to.deep.equal([{ n: 0 }]);
  });
});

describe('PGliteDB on a directory', () => {
  it('keeps what was committed and refuses a second opener', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pglitedb-embedded-'));
    const db = await PGliteDB.open(directory, { settings: { work_mem: '1MB' } });
    await db.exec('create table t (a int); insert into t values (1)');
    expect((await db.query('show work_mem')).rows).to.deep.equal([{ work_mem: '1MB' }]);
    expect((await rejection(PGliteDB.open(directory))).sqlstate).to.equal('F0001');
    await db.close();
    const again = await PGliteDB.open(directory);
    expect((await again.query('select a from t')).rows).to.deep.equal([{ a: 1 }]);
    await again.close();
    rmSync(directory, { recursive: true });
  });
});
