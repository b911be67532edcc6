/**
 * Statements of the simple protocol that come in the order in which they came before are found without being lifted; followed by a second
 * statement a text takes the ordinary way. Both must answer alike, fail alike and leave the same rows.
 */
import { expect } from 'chai';
import { simEnv } from '../../lib/env/sim.js';
import { PGliteDB, type PgError } from '../../lib/index.js';
import { answerOf } from './answer.js';

const VALUES = ['1', '7', '-5', '2147483647', '2147483648', '-2147483648', '9223372036854775807', '-9223372036854775808', '0.5', '1e3', "'12'", "'x'", "'it''s'", 'null', '40000'];

describe('Statements that come again', () => {
  let db: PGliteDB;
  before(async () => {
    db = await PGliteDB.open('memory://');
    for (const name of ['fast', 'slow']) {
      await db.exec(`create table ${name} (id bigserial primary key, a int, b float8, c text, d smallint unique, check (a <> 7))`);
    }
  });
  after(() => db.close());

  const shown = (error: PgError): string => {
    // Values that cannot be converted fail before or after the sequence is asked.
    return [error.sqlstate, error.message, error.detail?.replace(/contains \(\d+/, 'contains (id'), error.position].join(' | ').replaceAll('slow', 'fast');
  };

  /** What a statement answered, or its error. */
  const run = (sql: string): Promise<unknown> => answerOf(db, sql, shown);

  it('do as they do the ordinary way', async () => {
    const { random } = simEnv(3);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random.float() * from.length)];
    const statements: ((table: string, x: string, y: string) => string)[] = [
      (table, x, y) => `insert into ${table} (a, b, c) values (${x}, ${y} * 0.5, 'label ' || ${x})`,
      (table, x, y) => `update ${table} set a = a + ${x} where b = ${y}`,
      (table, x, y) => `select a, b, c, ${x} from ${table} where a < ${y} or c = 'it''s' order by id`,
      (table, x) => `insert into ${table} (c, d) values ('d', ${x})`,
      (table, x) => `insert into ${table} (c) values (${x}) returning c, d`,
    ];
    for (let round = 0; round < 600; round++) {
      const statement = round % 7 === 6 ? pick(statements) : statements[round % statements.length];
      const [x, y] = [pick(VALUES), pick(VALUES)];
      const slow = await run(`${statement('slow', x, y)}; select 1`);
      const fast = await run(statement('fast', x, y));
      expect(fast, statement('fast', x, y)).to.deep.equal(slow);
    }
    const table = async (name: string): Promise<unknown> => (await db.query(`select a, b, c, d from ${name} order by id`)).rows;
    expect(await table('fast')).to.deep.equal(await table('slow'));
  });

  it('are looked up anew when what they mean has changed', async () => {
    await db.exec('create table kept (a int); create schema other; create table other.kept (a text)');
    for (let n = 0; n < 3; n++) await db.exec(`insert into kept values (${n})`);
    await db.exec('set search_path = other');
    await db.exec('insert into kept values (3)');
    await db.exec('reset search_path');
    await db.exec('alter table kept alter a type float8 using a / 4.0');
    await db.exec('insert into kept values (4)');
    expect((await db.query('select a from kept order by a')).rows).to.deep.equal([{ a: 0 }, { a: 0.25 }, { a: 0.5 }, { a: 4 }]);
    expect((await db.query('select a from other.kept')).rows).to.deep.equal([{ a: '3' }]);
    await db.exec('begin');
    expect(await run('select 1 / 0')).to.contain('22012');
    expect(await run('insert into kept values (5)')).to.contain('25P02');
    await db.exec('rollback');
    expect((await db.query('select count(*) as n from kept where a = 5')).rows).to.deep.equal([{ n: 0 }]);
  });
});
