import { expect } from 'chai';
import { OLD_VAR, NEW_VAR, ROW_ID_ATTNO, EXCLUDED_VAR, type ModifyTablePlan, type Plan } from '../../lib/planner/plan-nodes.js';
import { serialize } from '../../lib/analyzer/serialize.js';
import type { PgError } from '../../lib/base/error.js';
import type { PgConstraint } from '../../lib/catalog/rows.js';
import { ArrayValue, type Row } from '../../lib/types/datum.js';
import { createTable, likeBuiltin } from '../catalog/tables.js';
import { BASE, column, ExecutorFixture, insertPlan, int, INT4, INT8, modifyPlan, scanPlan, target, targets, TEXT } from './support.js';

describe('executor/modify', () => {
  let fixture: ExecutorFixture;
  let serial = 0;
  beforeEach(async () => { fixture = await ExecutorFixture.open(); });

  const failure = async (work: Promise<unknown>): Promise<PgError> => work.then(() => { throw new Error('no error was raised'); }, (error: PgError) => error);
  const rowId = () => column(1, ROW_ID_ATTNO, INT8);
  const all = async (table: number, types: readonly number[]): Promise<Row[]> => fixture.run(scanPlan(table, types));

  function table(columns: readonly (readonly [string, number])[], options: { index?: readonly string[]; unique?: boolean; notNull?: readonly string[] } = {}) {
    const name = `t${++serial}`;
    const made = createTable(fixture.catalog, name, columns, options.index === undefined ? {} : { index: options.index });
    for (const attribute of fixture.catalog.table('pg_attribute').find({ attrelid: made.oid })) {
      if (options.notNull?.includes(attribute.attname)) fixture.catalog.table('pg_attribute').update(attribute, { attnotnull: true });
    }
    if (options.unique) {
      const row = fixture.catalog.table('pg_index').findOne({ indexrelid: made.indexOid })!;
      fixture.catalog.table('pg_index').update(row, { indisunique: true });
    }
    fixture.catalog.commandCounterIncrement();
    return { ...made, name };
  }

  function constraint(changes: Partial<PgConstraint>): number {
    return likeBuiltin(fixture.catalog, 'pg_constraint', {
      connamespace: 2200, condeferrable: false, condeferred: false, conenforced: true, convalidated: true, conrelid: 0, contypid: 0, conindid: 0,
      conparentid: 0, confrelid: 0, confupdtype: 'a', confdeltype: 'a', confmatchtype: 's', conkey: null, confkey: null, conpfeqop: null,
      conppeqop: null, conffeqop: null, confdelsetcols: null, conexclop: null, conbin: null, conperiod: false, ...changes,
    });
  }

  const update = (oid: number, types: readonly number[], set: { column: number; expr: Parameters<typeof target>[0] }[], qual: Plan['qual'] = [], changes: Partial<ModifyTablePlan> = {}) =>
    modifyPlan(oid, 'update', scanPlan(oid, types, { qual, targetlist: [...set.map((item, at) => target(item.expr, at + 1)), target(rowId(), set.length + 1, true)] }), changes, set.map((item) => item.column));
  const remove = (oid: number, types: readonly number[], qual: Plan['qual'] = []) => modifyPlan(oid, 'delete', scanPlan(oid, types, { qual, targetlist: [target(rowId(), 1, true)] }));

  it('inserts, updates and deletes', async () => {
    const { oid } = table([['a', INT4], ['b', TEXT]]);
    await fixture.insert(oid, [INT4, TEXT], [[1, 'x'], [2, 'y'], [3, 'z']]);
    await fixture.run(update(oid, [INT4, TEXT], [{ column: 1, expr: fixture.op('+', column(1, 1, INT4), int(10)) }], [fixture.op('>', column(1, 1, INT4), int(1))]));
    await fixture.run(remove(oid, [INT4, TEXT], [fixture.op('=', column(1, 1, INT4), int(12))]));
    expect(await all(oid, [INT4, TEXT])).to.have.deep.members([[1, 'x'], [13, 'z']]);
  });

  it('returns old and new', async () => {
    const { oid } = table([['a', INT4]]);
    await fixture.insert(oid, [INT4], [[1]]);
    const plan = update(oid, [INT4], [{ column: 1, expr: int(5) }]);
    const [relation] = plan.resultRelations;
    const returning = { ...plan, resultRelations: [{ ...relation, returningList: targets(column(OLD_VAR, 1, INT4), column(NEW_VAR, 1, INT4)) }] };
    expect(await fixture.run(returning)).to.deep.equal([[1, 5]]);
  });

  it('refuses nulls and failing checks with the row in the detail', async () => {
    const { oid, name } = table([['a', INT4], ['b', TEXT]], { notNull: ['a'] });
    const nulls = await failure(fixture.run(insertPlan(oid, [INT4, TEXT], [[null, 'x']])));
    expect(nulls).to.include({ sqlstate: '23502', message: `null value in column "a" of relation "${name}" violates not-null constraint`, detail: 'Failing row contains (null, x).', column: 'a' });
    constraint({ conname: 'positive', contype: 'c', conrelid: oid, conbin: serialize(fixture.op('>', column(1, 1, INT4), int(0))) });
    const check = await failure(fixture.run(insertPlan(oid, [INT4, TEXT], [[-1, null]])));
    expect(check).to.include({ sqlstate: '23514', message: `new row for relation "${name}" violates check constraint "positive"`, detail: 'Failing row contains (-1, null).', constraint: 'positive' });
  });

  it('keeps keys unique', async () => {
    const { oid, name } = table([['a', INT4], ['b', TEXT]], { index: ['a'], unique: true });
    await fixture.insert(oid, [INT4, TEXT], [[1, 'x'], [2, 'y'], [null, 'n'], [null, 'm']]);
    const error = await failure(fixture.run(insertPlan(oid, [INT4, TEXT], [[2, 'z']])));
    expect(error).to.include({ sqlstate: '23505', message: `duplicate key value violates unique constraint "${name}_idx"`, detail: 'Key (a)=(2) already exists.' });
    const moved = await failure(fixture.run(update(oid, [INT4, TEXT], [{ column: 1, expr: int(1) }], [fixture.op('=', column(1, 1, INT4), int(2))])));
    expect(moved.sqlstate).to.equal('23505');
  });

  it('finds rows through the index after updates, both by key and by range', async () => {
    const { oid, indexOid } = table([['a', INT4], ['b', TEXT]], { index: ['a'] });
    await fixture.insert(oid, [INT4, TEXT], Array.from({ length: 100 }, (_, at) => [at, `r${at}`]));
    await fixture.run(update(oid, [INT4, TEXT], [{ column: 1, expr: fixture.op('+', column(1, 1, INT4), int(1000)) }], [fixture.op('<', column(1, 1, INT4), int(10))]));
    const scan = (strategy: 1 | 3 | 5, value: number, backward = false): Plan => ({
      ...BASE, plan: 'IndexScan', scanrelid: 1, relid: oid, indexid: indexOid, backward, indexOnly: false, targetlist: targets(column(1, 1, INT4), column(1, 2, TEXT)),
      conditions: [{ kind: 'compare', column: 0, strategy, value: int(value) }],
      indexqualorig: [fixture.op(strategy === 1 ? '<' : strategy === 3 ? '=' : '>', column(1, 1, INT4), int(value))],
    });
    expect(await fixture.run(scan(3, 5))).to.deep.equal([]);
    expect(await fixture.run(scan(3, 1005))).to.deep.equal([[1005, 'r5']]);
    expect((await fixture.run(scan(1, 12))).map(([a]) => a)).to.deep.equal([10, 11]);
    expect((await fixture.run(scan(5, 98, true))).map(([a]) => a)).to.deep.equal([1009, 1008, 1007, 1006, 1005, 1004, 1003, 1002, 1001, 1000, 99]);
  });

  it('does nothing or updates on conflict', async () => {
    const { oid, indexOid } = table([['a', INT4], ['b', INT4]], { index: ['a'], unique: true });
    await fixture.insert(oid, [INT4, INT4], [[1, 1]]);
    const upsert = (action: 'nothing' | 'update', rows: Row[]) => insertPlan(oid, [INT4, INT4], rows, {
      onConflict: {
        node: 'OnConflictExpr', action, arbiterIndexes: [indexOid], constraint: 0, exclRelIndex: 2, onConflictWhere: null,
        onConflictSet: action === 'nothing' ? [] : [target(fixture.op('+', column(OLD_VAR, 2, INT4), column(EXCLUDED_VAR, 2, INT4)), 2)],
      },
    });
    await fixture.run(upsert('nothing', [[1, 9], [2, 2]]));
    expect(await all(oid, [INT4, INT4])).to.have.deep.members([[1, 1], [2, 2]]);
    await fixture.run(upsert('update', [[1, 10], [3, 3]]));
    expect(await all(oid, [INT4, INT4])).to.have.deep.members([[1, 11], [2, 2], [3, 3]]);
    const twice = await failure(fixture.run(upsert('update', [[7, 1], [7, 2]])));
    expect(twice.message).to.equal('ON CONFLICT DO UPDATE command cannot affect row a second time');
  });

  describe('foreign keys', () => {
    const numbers = (...items: number[]) => ArrayValue.of(21, items);

    function pair(changes: Partial<PgConstraint> = {}) {
      const parent = table([['id', INT4]], { index: ['id'], unique: true });
      const child = table([['id', INT4], ['pid', INT4]]);
      constraint({ conname: 'fk', contype: 'f', conrelid: child.oid, confrelid: parent.oid, conindid: parent.indexOid, conkey: numbers(2), confkey: numbers(1), ...changes });
      return { parent, child };
    }

    it('looks for the referenced row', async () => {
      const { parent, child } = pair();
      await fixture.insert(parent.oid, [INT4], [[1]]);
      await fixture.insert(child.oid, [INT4, INT4], [[1, 1], [2, null]]);
      const error = await failure(fixture.run(insertPlan(child.oid, [INT4, INT4], [[3, 9]])));
      expect(error).to.include({
        sqlstate: '23503', message: `insert or update on table "${child.name}" violates foreign key constraint "fk"`,
        detail: `Key (pid)=(9) is not present in table "${parent.name}".`,
      });
    });

    it('protects the referenced row', async () => {
      const { parent, child } = pair();
      await fixture.insert(parent.oid, [INT4], [[1], [2]]);
      await fixture.insert(child.oid, [INT4, INT4], [[1, 1]]);
      await fixture.run(remove(parent.oid, [INT4], [fixture.op('=', column(1, 1, INT4), int(2))]));
      const error = await failure(fixture.run(remove(parent.oid, [INT4])));
      expect(error).to.include({
        sqlstate: '23503', message: `update or delete on table "${parent.name}" violates foreign key constraint "fk" on table "${child.name}"`,
        detail: `Key (id)=(1) is still referenced from table "${child.name}".`,
      });
    });

    it('cascades and sets null', async () => {
      const { parent, child } = pair({ confdeltype: 'n', confupdtype: 'c' });
      await fixture.insert(parent.oid, [INT4], [[1], [2]]);
      await fixture.insert(child.oid, [INT4, INT4], [[10, 1], [20, 2]]);
      await fixture.run(update(parent.oid, [INT4], [{ column: 1, expr: int(5) }], [fixture.op('=', column(1, 1, INT4), int(1))]));
      expect(await all(child.oid, [INT4, INT4])).to.have.deep.members([[10, 5], [20, 2]]);
      await fixture.run(remove(parent.oid, [INT4], [fixture.op('=', column(1, 1, INT4), int(5))]));
      expect(await all(child.oid, [INT4, INT4])).to.have.deep.members([[10, null], [20, 2]]);
    });

    it('waits for the end of the transaction when deferred', async () => {
      const { parent, child } = pair({ condeferrable: true, condeferred: true });
      await fixture.insert(child.oid, [INT4, INT4], [[1, 7]]);
      expect(fixture.afterEvents.hasDeferred).to.equal(true);
      const deferred = async () => { for (const _wait of fixture.afterEvents.runDeferred(fixture.context())) throw new Error('nothing to wait for'); };
      expect((await failure(deferred())).sqlstate).to.equal('23503');
      await fixture.insert(child.oid, [INT4, INT4], [[2, 8]]);
      await fixture.insert(parent.oid, [INT4], [[8]]);
      await deferred();
    });
  });
});
