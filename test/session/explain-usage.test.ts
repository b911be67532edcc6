/** EXPLAIN's SETTINGS, BUFFERS and WAL: layout as PostgreSQL's, figures of this storage. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PGliteDB } from '../../lib/index.js';

describe('EXPLAIN (SETTINGS, BUFFERS, WAL)', () => {
  let db: PGliteDB;
  let directory: string;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pglitedb-explain-'));
    db = await PGliteDB.open(directory);
    await db.exec('create table t (a int primary key, b int); insert into t select g, g from generate_series(1, 5000) g');
  });
  after(async () => {
    await db.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function explain(options: string, sql: string): Promise<string[]> {
    const { rows } = await db.query<string[]>(`explain (${options}) ${sql}`, [], { rowMode: 'array' });
    return rows.map(([line]) => line);
  }
  async function structured(options: string, sql: string): Promise<Record<string, Record<string, unknown>>> {
    const { rows } = await db.query<[Record<string, Record<string, unknown>>[]]>(`explain (${options}, format json) ${sql}`, [], { rowMode: 'array' });
    return rows[0][0][0];
  }

  it('SETTINGS shows what is not at its boot value, in order of setting', async () => {
    await db.exec("set work_mem = '8MB'; set enable_hashjoin = off; set application_name = 'x'; set enable_sort = on");
    expect(await explain('settings, costs off', 'select 1')).to.deep.equal(['Result', "Settings: work_mem = '8MB', enable_hashjoin = 'off'"]);
    expect((await structured('settings', 'select 1')).Settings).to.deep.equal({ work_mem: '8MB', enable_hashjoin: 'off' });
    await db.exec('reset all');
    expect(await explain('settings, costs off', 'select 1')).to.deep.equal(['Result']);
    expect(await structured('settings', 'select 1')).not.to.have.property('Settings');
  });

  it('BUFFERS counts chunks and leaves, a node with its children', async () => {
    const lines = await explain('analyze, costs off, timing off, summary off', 'select count(*) from t where b > 0');
    expect(lines.slice(0, 5)).to.deep.equal([
      'Aggregate (actual rows=1.00 loops=1)', '  Buffers: shared hit=5', '  ->  Seq Scan on t (actual rows=5000.00 loops=1)', '        Filter: (b > 0)',
      '        Buffers: shared hit=5',
    ]);
    expect(await explain('analyze, costs off, timing off, summary off, buffers off', 'select 1')).to.deep.equal(['Result (actual rows=1.00 loops=1)']);
    await db.query('select * from t where a = 7');
    const { Plan: plan, Planning: planning } = await structured('analyze', 'select * from t where a = 7');
    expect(plan).to.include({ 'Shared Hit Blocks': 2, 'Shared Read Blocks': 0, 'Shared Dirtied Blocks': 0, 'Temp Written Blocks': 0 });
    expect(planning).to.include({ 'Shared Read Blocks': 0, 'Local Hit Blocks': 0 });
  });

  it('BUFFERS without ANALYZE is about planning', async () => {
    expect((await structured('buffers', 'select 1')).Plan).to.include({ 'Shared Hit Blocks': 0 });
    expect(await explain('buffers, costs off', 'select 1')).to.deep.equal(['Result']);
  });

  it('WAL counts the changes of the node that made them', async () => {
    const memory = await PGliteDB.open('memory://');
    const { rows } = await memory.query('explain (analyze, wal, costs off, timing off, summary off, buffers off) create table u as select 1');
    expect(rows, 'there is no log in memory').to.have.length(1);
    await memory.close();
    const lines = await explain('analyze, wal, costs off, timing off, summary off, buffers off', 'update t set b = 0 where a = 7');
    expect(lines.map((line) => line.replace(/bytes=[1-9]\d*/, 'bytes=N'))).to.deep.equal([
      'Update on t (actual rows=0.00 loops=1)', '  WAL: records=1 bytes=N', '  ->  Index Scan using t_pkey on t (actual rows=1.00 loops=1)', '        Index Cond: (a = 7)',
    ]);
    const { Plan: plan } = await structured('analyze, wal', 'insert into t values (6000, 1)');
    expect(plan).to.include({ 'WAL Records': 2, 'WAL FPI': 0, 'WAL Buffers Full': 0 });
    expect(plan['WAL Bytes']).to.be.greaterThan(10);
    const inserted = (await structured('analyze, wal', 'insert into t select g, g from generate_series(10000, 12000) g')).Plan;
    expect(inserted['WAL Bytes']).to.be.greaterThan(2001);
  });
});
