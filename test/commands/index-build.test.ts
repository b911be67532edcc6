import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

describe('index builds', () => {
  let db: PGliteDB;

  before(async () => { db = await PGliteDB.open('memory://'); });
  after(() => db.close());

  it('CONCURRENTLY misses no row that is inserted meanwhile', async () => {
    await db.exec('CREATE TABLE built (a int, b text); INSERT INTO built SELECT g, g::text FROM generate_series(1, 60000) g');
    const other = await db.session();
    let inserted = 0;
    const progress = { building: true };
    const build = db.exec('CREATE INDEX CONCURRENTLY built_a ON built (a)').then(() => { progress.building = false; });
    while (progress.building) {
      await other.query('INSERT INTO built VALUES ($1, $2)', [-1 - inserted, 'meanwhile']);
      inserted++;
      // In memory nothing waits: the build must get its turns, too.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await build;
    await other.exec('SET enable_seqscan = off');
    const { rows } = await other.query<{ count: number }>('SELECT count(*)::int AS count FROM built WHERE a < 0');
    expect(rows[0].count).to.equal(inserted);
    await other.close();
  });

  it('of a unique index let NULLs repeat unless they are not distinct', async () => {
    await db.exec('CREATE TABLE nulls (a int, b int); INSERT INTO nulls VALUES (1, null), (1, null), (2, null), (null, null), (null, null)');
    await db.exec('CREATE UNIQUE INDEX ON nulls (a, b)');
    const error = await db.exec('CREATE UNIQUE INDEX same ON nulls (a, b) NULLS NOT DISTINCT').then(() => null, (raised: unknown) => raised);
    expect(error).to.include({ sqlstate: '23505', message: 'could not create unique index "same"', detail: 'Key (a, b)=(1, null) is duplicated.' });
  });
});
