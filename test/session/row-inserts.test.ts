/**
 * INSERTs of several rows share the plan of their rows' shapes: the rows are read from the text, and neither parsed nor analyzed.
 * Behind a second statement a text takes the ordinary way; both must leave the same rows, answer alike and fail alike.
 */
import { expect } from 'chai';
import { drive } from '../../lib/base/suspend.js';
import { PGliteDB, type PgError } from '../../lib/index.js';
import { openEngine } from '../../lib/session/engine.js';
import { collector } from '../../lib/session/runner.js';
import type { CachedStatement } from '../../lib/session/shared-plans.js';
import { answerOf } from './answer.js';

describe('INSERT of several rows', () => {
  let db: PGliteDB;
  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec(`create domain positive as int check (value > 0); create type mood as enum ('sad', 'glad'); create type pair as (a int, b text);
      create sequence numbers; create function twice(int) returns int language sql as 'select $1 * 2';`);
    for (const name of ['fast', 'slow']) {
      await db.exec(`create table ${name} (id serial primary key, a int, b numeric(6,2), c varchar(4), d timestamptz default '2020-01-01 00:00Z', e positive, f int[],
          g jsonb, h mood default 'sad', p pair, q real, check (a <> 13));
        create table ${name}_log (note text); create view ${name}_view as select id, a, c from ${name} where a > 0 with check option;
        create table ${name}_always (id int generated always as identity, n bigint unique, twice bigint generated always as (n * 2) stored)`);
    }
  });
  after(() => db.close());

  const shown = (error: PgError): string => {
    return [error.sqlstate, error.message, error.detail, error.position].join(' | ').replaceAll('slow', 'fast');
  };

  /** What a statement answered, or its error. */
  const run = (sql: string): Promise<unknown> => answerOf(db, sql, shown);

  const statements = [
    "insert into T (a, b, c) values (1, 2, 'a'), (2, 3.456, 'b'), (-3, -4, null), (4, .5, 'it''s')",
    "insert into T (a, b, c) values (1 + 1, 2 * 0.5, 'x' || 1), (2 + 7, 3 * 0.25, 'x' || 22), (3 - 4, 4 * 1e2, 'x' || 333)",
    "insert into T (a, c) values (5, 'abcd'), (6, 'abcde')",
    "insert into T (a, c) values (5, 'abcd'), (6, 'ab      ')",
    "insert into T (a, b) values (1, 1), ('2', '2.5'), (' 3 ', '4e1') returning id, a, b",
    "insert into T (a, b) values (1, 1), ('x', '2.5'), (' 3 ', '4e1') returning id, a, b",
    'insert into T (a, b) values (1, 1), (2, 99999), (3, 3)',
    'insert into T (a, b) values (1, 1), (2147483647 + 1, 2), (3, 3)',
    'insert into T (a) values (2147483648), (-2147483648), (1)',
    'insert into T (a) values (-2147483648), (-2147483647), (-1)',
    'insert into T (a) values (7), (13), (8)',
    'insert into T (a, e) values (7, 1), (8, 2), (9, 0)',
    'insert into T (a, e) values (7, 1), (8, 2), (9, 3) returning e',
    "insert into T (a, d) values (1, default), (2, '2021-05-05 12:00'), (3, 'epoch'), (4, null), (5, default) returning a, d",
    "insert into T (a, f, g) values (1, '{1,2}', '{\"a\": 1}'), (2, array[3, 4, 5], '[]'), (3, array[6], 'null') returning f, g",
    "insert into T (a, h) values (1, 'glad'), (2, 'sad'), (3, default) returning h",
    "insert into T (a, h) values (1, 'glad'), (2, 'bad')",
    "insert into T (a, p.a, p.b) values (1, 2, 'x'), (3, 4, 'y') returning p",
    'insert into T (a, f[1], f[2]) values (1, 2, 3), (4, 5, 6) returning f',
    'insert into T (a, q) values (1, 0.1), (2, -0.1), (3, 1e10) returning q',
    "insert into T (a, c) values (nextval('numbers'), 'a'), (nextval('numbers'), 'b'), (currval('numbers'), 'c') returning a",
    'insert into T (a) values (twice(3)), (twice(4)), (twice(5) + 1) returning a',
    'insert into T (a) values ((select 5)), ((select 6)), ((select 7 where false)) returning a',
    'insert into T (a) values (1), (case when 2 > 1 then 3 else 4 end), (coalesce(null, 5)), (greatest(6, 7)) returning a',
    'insert into T (id, a) values (1, 1), (2, 2)',
    'insert into T (id, a) values (1, 1), (2, 2), (900, 3) on conflict (id) do nothing returning id',
    'insert into T as t (id, a) values (1, 100), (2, 200) on conflict (id) do update set a = excluded.a + 5, c = \'up\' where t.id > 1 returning id, a, c',
    'insert into T (id, a) values (1, 100), (1, 200) on conflict (id) do update set a = 5',
    "insert into T (a, c) values (1, 'a'), (2, 'b') returning id * 0, a + 10, c || 'z', 'w'",
    "with x as (select 5 as n) insert into T (a) values (1), (2) returning a",
    "insert into T (a) values (1), (2) union all select 3 returning a",
    'insert into T (a) values (1), (2), (3) order by 1 desc limit 2 returning a',
    'insert into T (a, b) values (1, 2), (3)',
    'insert into T (a) values (1), (2, 3)',
    'insert into T (a, b) values (1, 2), (3, 4) returning nothing',
    'insert into T (a, b) values (1, 2) /* one */, (3, 4), /* two */ (5, 6) returning a, b',
    "insert into T (a, c) values (1, 'x'\n'y'), (2, 'z') returning c",
    "insert into T (a, b) values (1, 2::numeric(3,1)), (3, 4.56::numeric(3,1)) returning b",
    "insert into T (a, d) values (1, date '2020-02-01' + interval '1 day'), (2, date '2020-03-01' + interval '2 days') returning d",
    'insert into T (a) values (1), ($1)',
    'insert into T_view (a, c) values (1, \'v\'), (77, \'w\'), (2, \'x\')',
    'insert into T_view (a, c) values (1, \'v\'), (-1, \'w\')',
    'insert into T_always (n) values (1), (2), (3) returning *',
    'insert into T_always (n) values (4), (2), (5)',
    'insert into T_always values (default, 6), (default, 7) returning *',
    'insert into T_always values (1, 8), (2, 9)',
    'insert into T_always overriding user value values (1, 8), (2, 9) returning *',
    'insert into T_always overriding system value values (50, 10), (51, 9223372036854775807)',
    'insert into T_always overriding system value values (50, 10), (51, -9223372036854775808)',
    'insert into T_always overriding system value values (50, 10), (51, 4000000000) returning *',
    'insert into T_always (n, twice) values (20, default), (21, default) returning *',
    'insert into T_always (n, twice) values (22, default), (23, 46)',
  ];

  it('is the same whichever way it takes', async () => {
    for (let round = 0; round < 2; round++) {
      for (const sql of statements) {
        await db.exec("select setval('numbers', 10)");
        const fast = await run(sql.replaceAll('T', 'fast'));
        await db.exec("select setval('numbers', 10)");
        expect(fast, sql).to.deep.equal(await run(`${sql.replaceAll('T', 'slow')}; select 1`));
      }
      for (const suffix of ['', '_log', '_always']) {
        const rows = async (name: string): Promise<unknown> => (await db.query(`select * from ${name}${suffix}`)).rows;
        expect(await rows('fast'), suffix).to.deep.equal(await rows('slow'));
      }
    }
  });

  it('is the same for many rows of mixed shapes, and by query', async () => {
    const value = (n: number): string => ['null', String(n), String(-n), `${n}.25`, `'${n}'`, 'default'][n % 6];
    for (const count of [2, 7, 100, 1500]) {
      await db.exec('truncate fast restart identity; truncate slow restart identity');
      const rows = Array.from({ length: count }, (_, n) => `(${value(n)}, ${value(n * 5 + 1)}, 'r${n % 10}')`);
      const sql = (name: string): string => `insert into ${name} (e, q, c) values ${rows.join(', ').replaceAll('(-', '(+')} returning q, c`;
      const slow = await run(`${sql('slow')}; select 1`);
      expect(await run(sql('fast')), String(count)).to.deep.equal(slow);
      const again = await db.query(sql('fast')).then(({ rows: got, affectedRows }) => ({ rows: got, affectedRows }), shown);
      expect(again).to.deep.equal(slow);
    }
  });

  it('is the same with parameters, whose lists share programs', async () => {
    await db.exec('truncate fast restart identity; truncate slow restart identity');
    const sql = (name: string, lists: string): string => `insert into ${name} (a, b, c) values ${lists} returning id, a, b, c`;
    const lists = '($1, $2, $3), ($4, $5, $6), ($1, $5, $3), ($4, $4, $6), ($7 + 1, $8, upper($3)), ($1 + 2, $2, upper($6)), (5, 6, $3), (5, 7, $6), (5, 6, \'k\'), '
      + '(default, (select $2::numeric), $3), ($4, (select $5::numeric), $3), (nextval(\'numbers\'), 1, $3), (null, 0, lower($6))';
    const values = [1, 2.5, 'abc', 3, 4.25, 'def', 70, 8.125];
    const literal = lists.replaceAll(/\$(\d)/g, (_, n: string) => { const value = values[Number(n) - 1]; return typeof value === 'string' ? `'${value}'` : String(value); });
    for (let round = 0; round < 8; round++) {
      await db.exec("select setval('numbers', 10)");
      const expected = await run(`${sql('slow', literal)}; select 1`);
      await db.exec("select setval('numbers', 10)");
      const { rows, affectedRows } = await db.query(sql('fast', lists), values);
      expect({ rows, affectedRows }).to.deep.equal(expected);
    }
  });

  it('has one plan for any number of rows, in any order of shapes', async () => {
    const engine = await openEngine({ dir: 'memory://' });
    const none = (): void => undefined;
    const session = engine.connect({
      role: engine.findRole('postgres')!, database: 'postgres', address: { address: null, port: null }, settings: [], processId: engine.nextProcessId(),
      client: { notice: none, parameterStatus: none, notification: none, terminated: none },
    });
    try {
      const waits = session.simple.query('create table t (a int, b text)', collector([]));
      if (waits !== null) await drive(waits);
      const found = (sql: string): CachedStatement | null => session.shared.find(sql);
      const two = found("insert into t values (1, 'a'), (2, null)");
      const many = found(`insert into t values (3, null), ${Array.from({ length: 500 }, (_, n) => `(${n}, 'x')`).join(',\n')}`);
      expect(two?.rows?.values).to.deep.equal([[1, 'a'], [2]]);
      expect(many?.rows?.values).to.have.length(501);
      expect(many?.variant.statement).to.equal(two?.variant.statement);
      expect(found("insert into t values (1, 'a'), (2, 'b')")?.variant.statement).not.to.equal(two?.variant.statement);
    } finally {
      session.close();
      await engine.close();
    }
  });
});
