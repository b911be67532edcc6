/**
 * Prepared statements whose custom plan is known to be the generic one: what they answer is what plans made for the values answer, and
 * values that want another plan get it.
 */
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

describe('plans by class of estimates', () => {
  let db: PGliteDB;

  before(async () => {
    db = await PGliteDB.open('memory://');
    await db.exec('create table ranged(id int primary key, grp int, label text)');
    await db.exec("insert into ranged select i, i % 100, 'row ' || i from generate_series(1, 150000) i");
    await db.exec('create index ranged_grp on ranged (grp); analyze ranged');
  });

  after(() => db.close());

  async function counts(name: string): Promise<unknown> {
    const { rows } = await db.query(`select generic_plans::int, custom_plans::int from pg_prepared_statements where name = '${name}'`);
    return rows[0];
  }

  async function planNode(name: string, values: string): Promise<string> {
    const { rows } = await db.query(`explain execute ${name}(${values})`);
    return String((rows[0] as Record<string, unknown>)['QUERY PLAN']).split('  (')[0];
  }

  const STATEMENTS = [
    'select * from ranged where id between $1 and $1 + $2 order by id',
    'select count(*), min(id) from ranged where id > $1 and id < $2',
    'select id from ranged where grp = $1 and id >= $2 order by id limit 5',
    'select id from ranged where ($1 = 0 or grp = $1) and id < $2 order by id',
  ];
  STATEMENTS.forEach((sql, number) => {
    it(`answers alike: ${sql}`, async () => {
      await db.exec(`prepare ranged${number}(int, int) as ${sql}`);
      const values = Array.from({ length: 60 }, (_, at) => `${(at * 977) % 150000}, ${at % 3 === 0 ? (at * 7919) % 150000 : at}`);
      for (const list of values) {
        await db.exec('set plan_cache_mode = auto');
        const { rows } = await db.query(`execute ranged${number}(${list})`);
        await db.exec('set plan_cache_mode = force_custom_plan');
        expect(rows, list).to.deep.equal((await db.query(`execute ranged${number}(${list})`)).rows);
      }
      await db.exec('set plan_cache_mode = auto');
    });
  });

  it('counts them as plans of the statement\'s own, and plans anew for values of another class', async () => {
    await db.exec('prepare classes(int, int) as select label from ranged where id between $1 and $2');
    for (let at = 1; at <= 20; at++) await db.exec(`execute classes(${at * 100}, ${at * 100 + 5})`);
    expect(await counts('classes')).to.deep.equal({ generic_plans: 0, custom_plans: 20 });
    expect(await planNode('classes', '100, 105')).to.equal('Index Scan using ranged_pkey on ranged');
    expect(await planNode('classes', '1, 150000')).to.equal('Seq Scan on ranged');
    expect((await db.query('execute classes(1, 150000)')).rows).to.have.length(150_000);
  });

  it('forgets them with the statistics', async () => {
    await db.exec('prepare fresh(int) as select label from ranged where grp = $1 and id > 0');
    for (let at = 1; at <= 3; at++) await db.exec(`execute fresh(${at})`);
    await db.exec('update ranged set grp = 5 where id <= 140000; analyze ranged');
    expect((await db.query('execute fresh(5)')).rows).to.have.length(140_100);
    expect(await planNode('fresh', '5')).to.equal('Seq Scan on ranged');
  });
});
