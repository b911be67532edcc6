/** Indexes over users' functions: built, kept, unique, partial; what would have to wait says so. */
import { expect } from 'chai';
import { PgError } from '../../lib/base/error.js';
import { PGliteDB } from '../../lib/index.js';

describe('indexes over users\' functions', () => {
  let db: PGliteDB;

  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec(`CREATE FUNCTION half(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';
      CREATE FUNCTION is_even(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
      CREATE TABLE t (a int);
      INSERT INTO t VALUES (2), (4), (7);
      CREATE UNIQUE INDEX t_half ON t (half(a)) WHERE is_even(a)`);
  });

  after(async () => {
    await db.close();
  });

  it('keeps the index through inserts and updates, rows outside of the predicate left out', async () => {
    await db.exec('INSERT INTO t VALUES (9), (8); UPDATE t SET a = 10 WHERE a = 4; INSERT INTO t VALUES (5)');
    const { rows } = await db.query('SELECT a FROM t WHERE half(a) = 5 AND is_even(a)');
    expect(rows).to.deep.equal([{ a: 10 }]);
  });

  it('raises 23505 for a duplicate among the rows of the predicate', async () => {
    const error = await db.query('INSERT INTO t VALUES (2)').then(() => null, (caught: unknown) => caught);
    expect(error).to.be.instanceOf(PgError);
    expect((error as PgError).sqlstate).to.equal('23505');
  });
});
