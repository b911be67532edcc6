/** Errors inside SQL-language functions say where: context lines, and positions in the body. Texts are PostgreSQL 18's. */
import { expect } from 'chai';
import { PgError, PGliteDB } from '../../lib/index.js';

describe('errors in SQL functions', () => {
  let db: PGliteDB;
  const failure = async (sql: string): Promise<PgError> => {
    try {
      await db.query(sql);
    } catch (error) {
      if (error instanceof PgError) return error;
      throw error;
    }
    throw new Error('no error');
  };

  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec(`
      create function quotient(int) returns int language sql volatile as 'select 1; select 1 / $1';
      create function caller(int) returns int language sql volatile set work_mem = '1MB' as 'select quotient($1)';
      create procedure divide(int) language sql as 'select 1 / $1';
      create function atomic_quotient(int) returns int language sql begin atomic select 1; select 1 / $1; end;
      set check_function_bodies = off;
      create function unknown_table() returns int language sql volatile as 'select 1; select * from nosuch';
      reset check_function_bodies`);
  });
  after(() => db.close());

  it('name the function and the statement, innermost first', async () => {
    expect((await failure('select quotient(0)')).where).to.equal('SQL function "quotient" statement 2');
    expect((await failure('select * from quotient(0)')).where).to.equal('SQL function "quotient" statement 2');
    expect((await failure('select caller(0)')).where).to.equal('SQL function "quotient" statement 2\nSQL function "caller" statement 1');
    expect((await failure('call divide(0)')).where).to.equal('SQL function "divide" statement 1');
    expect((await failure('select atomic_quotient(0)')).where).to.equal('SQL function "atomic_quotient" statement 2');
  });

  it('point into the body', async () => {
    const error = await failure('select unknown_table()');
    expect([error.position, error.internalPosition, error.internalQuery, error.where])
      .to.deep.equal([undefined, 25, 'select 1; select * from nosuch', 'SQL function "unknown_table" statement 2']);
  });

  it('point into CREATE FUNCTION instead of adding a context', async () => {
    const sql = `create function f() returns int language sql as 'select * from nosuch'`;
    const error = await failure(sql);
    expect([error.position, error.where]).to.deep.equal([sql.indexOf('nosuch') + 1, undefined]);
    expect((await failure(`create function f() returns int language sql as 'select ''x''::text'`)).where).to.equal('SQL function "f"');
  });
});
