/** Snapshots that are older than an index find by it what was deleted or changed before it was made. */
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

const INDEX_ONLY = 'set enable_seqscan = off; set enable_bitmapscan = off';

describe('snapshots older than an index', () => {
  for (const make of ['create index t_v on t (v)', 'create unique index t_v on t (v)', 'alter table t add constraint t_v unique (v)', 'create index t_v on t (v) where id < 100']) {
    it(make, async () => {
      const db = await PGliteDB.open('memory://');
      await db.exec('create table t (id int, v int); insert into t select g, g from generate_series(1, 2000) g; create table other (x int)');
      const [old, older, writer] = await Promise.all([db.session(), db.session(), db.session()]);
      const seenBy = async (session: typeof old, v: number): Promise<unknown> => {
        const { rows: [plan] } = await session.query<Record<string, string>>(`explain select id from t where v = ${v} and id < 100`);
        expect(plan['QUERY PLAN']).to.include('Index Scan using t_v');
        return (await session.query(`select id from t where v = ${v} and id < 100`)).rows;
      };
      for (const session of [older, old]) {
        await session.exec(`begin isolation level repeatable read; ${INDEX_ONLY}; select * from other`);
        await writer.exec('update t set v = -v where id in (7, 8); delete from t where id = 5; insert into t values (5, 3000)');
        await writer.exec("update t set v = 5000 where id = 9; update t set v = 9 where id = 9");
      }
      await writer.exec(make);
      await writer.exec('update t set v = 7000 where id = 10');
      expect(await seenBy(older, 5), 'deleted').to.deep.equal([{ id: 5 }]);
      expect(await seenBy(older, 7), 'changed').to.deep.equal([{ id: 7 }]);
      expect(await seenBy(old, -7), 'changed once').to.deep.equal([{ id: 7 }]);
      expect(await seenBy(old, 3000), 'inserted between').to.deep.equal([{ id: 5 }]);
      for (const session of [older, old]) {
        expect(await seenBy(session, 9), 'changed and back').to.deep.equal([{ id: 9 }]);
        expect(await seenBy(session, 10), 'changed since').to.deep.equal([{ id: 10 }]);
        await session.exec('commit');
      }
      await writer.exec(INDEX_ONLY);
      expect(await seenBy(writer, 5)).to.deep.equal([]);
      expect(await seenBy(writer, -7)).to.deep.equal([]);
      expect(await seenBy(writer, 7)).to.deep.equal([{ id: 7 }]);
      expect(await seenBy(writer, 10)).to.deep.equal([]);
      await db.close();
    });
  }
});
