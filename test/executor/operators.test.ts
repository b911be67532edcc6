import { expect } from 'chai';
import type { Expr } from '../../lib/analyzer/nodes.js';
import type { AggPlan, HashJoinPlan, MergeJoinPlan, NestLoopPlan, Plan, PlanJoinType } from '../../lib/planner/plan-nodes.js';
import { INNER_VAR } from '../../lib/planner/plan-nodes.js';
import type { Row } from '../../lib/types/datum.js';
import { createTable } from '../catalog/tables.js';
import {
  BASE, column, constant, ExecutorFixture, int, INT4, INT8, outer, scanPlan, statementOf, targets, TEXT, valuesPlan,
} from './support.js';

const inner = (attno: number, type: number) => column(INNER_VAR, attno, type);

describe('executor/operators', () => {
  let fixture: ExecutorFixture;
  before(async () => { fixture = await ExecutorFixture.open(); });

  const sorted = (child: Plan, ...columns: { column: number; type: number; reverse?: boolean; nullsFirst?: boolean }[]): Plan => ({
    ...BASE, plan: 'Sort', child, boundHint: false, targetlist: child.targetlist,
    sortColumns: columns.map((item) => fixture.sort(item.column, item.type, { reverse: item.reverse ?? false, nullsFirst: item.nullsFirst ?? false })),
  });
  const limited = (child: Plan, count: Expr | null, offset: Expr | null = null): Plan => ({
    ...BASE, plan: 'Limit', child, limitCount: count, limitOffset: offset, tieColumns: [], targetlist: child.targetlist,
  });

  it('delivers VALUES, filters and projects', async () => {
    const plan = valuesPlan([INT4, TEXT], [[1, 'a'], [2, 'b'], [3, null]]);
    const filtered: Plan = { ...plan, qual: [fixture.op('>', column(1, 1, INT4), int(1))], targetlist: targets(column(1, 2, TEXT), fixture.op('*', column(1, 1, INT4), int(10))) };
    expect(await fixture.run(filtered)).to.deep.equal([['b', 20], [null, 30]]);
  });

  it('raises an error only after the rows before it', async () => {
    const failing: Plan = { ...valuesPlan([INT4], [[1], [0]]), targetlist: targets(fixture.op('/', int(6), column(1, 1, INT4))) };
    expect(await fixture.run(limited(failing, constant(1, INT8)))).to.deep.equal([[6]]);
    let message = '';
    await fixture.run(failing).catch((error: Error) => { message = error.message; });
    expect(message).to.equal('division by zero');
  });

  it('sorts both ways with nulls on either side, also bounded', async () => {
    const rows = [[3], [null], [1], [2]];
    const values = () => valuesPlan([INT4], rows);
    expect(await fixture.run(sorted(values(), { column: 1, type: INT4 }))).to.deep.equal([[1], [2], [3], [null]]);
    expect(await fixture.run(sorted(values(), { column: 1, type: INT4, reverse: true, nullsFirst: true }))).to.deep.equal([[null], [3], [2], [1]]);
    expect(await fixture.run(limited(sorted(values(), { column: 1, type: INT4 }), constant(2, INT8)))).to.deep.equal([[1], [2]]);
    expect(await fixture.run(limited(sorted(values(), { column: 1, type: INT4 }), constant(2, INT8), constant(1, INT8)))).to.deep.equal([[2], [3]]);
  });

  it('keeps only the best rows of a long bounded sort', async () => {
    const rows = Array.from({ length: 5000 }, (_, at) => [(at * 7919) % 5000]);
    expect(await fixture.run(limited(sorted(valuesPlan([INT4], rows), { column: 1, type: INT4 }), constant(3, INT8)))).to.deep.equal([[0], [1], [2]]);
  });

  it('sorts incrementally as it sorts at once, whatever the groups', async () => {
    for (const groupRows of [1, 5, 40, 100, 500]) {
      const rows = Array.from({ length: 500 }, (_, at): Row => [Math.floor(at / groupRows), (at * 7919) % 101]);
      const child = valuesPlan([INT4, INT4], rows);
      const sortColumns = [fixture.sort(1, INT4), fixture.sort(2, INT4)];
      const plan: Plan = { ...BASE, plan: 'IncrementalSort', child, sortColumns, presortedColumns: 1, targetlist: child.targetlist };
      const expected = rows.toSorted((a, b) => Number(a[0]) - Number(b[0]) || Number(a[1]) - Number(b[1]));
      expect(await fixture.run(plan)).to.deep.equal(expected);
      expect(await fixture.run(limited(plan, constant(7, INT8)))).to.deep.equal(expected.slice(0, 7));
    }
  });

  it('rejects a negative LIMIT', async () => {
    let message = '';
    await fixture.run(limited(valuesPlan([INT4], [[1]]), constant(-1, INT8))).catch((error: Error) => { message = error.message; });
    expect(message).to.equal('LIMIT must not be negative');
  });

  describe('joins', () => {
    const left = [[1, 'a'], [2, 'b'], [2, 'c'], [null, 'n'], [5, 'e']];
    const right = [[2, 'x'], [2, 'y'], [5, 'z'], [7, 'w'], [null, 'm']];
    const on = () => fixture.op('=', outer(1, INT4), inner(1, INT4));
    const both = () => targets(outer(2, TEXT), inner(2, TEXT));
    const pairs = (rows: Row[]) => rows.map((row) => row.map((item) => item ?? '-').join('')).sort();
    const expected: Record<string, string[]> = {
      inner: ['bx', 'by', 'cx', 'cy', 'ez'],
      left: ['a-', 'bx', 'by', 'cx', 'cy', 'ez', 'n-'],
      right: ['-m', '-w', 'bx', 'by', 'cx', 'cy', 'ez'],
      full: ['-m', '-w', 'a-', 'bx', 'by', 'cx', 'cy', 'ez', 'n-'],
      semi: ['b', 'c', 'e'],
      anti: ['a', 'n'],
      rightSemi: ['x', 'y', 'z'],
      rightAnti: ['m', 'w'],
    };
    const list = (jointype: string) => (jointype === 'semi' || jointype === 'anti' ? targets(outer(2, TEXT))
      : jointype.startsWith('right') && jointype !== 'right' ? targets(inner(2, TEXT)) : both());

    for (const jointype of Object.keys(expected) as PlanJoinType[]) {
      it(`hash and merge: ${jointype}`, async () => {
        const hash: HashJoinPlan = {
          ...BASE, plan: 'HashJoin', jointype, outer: valuesPlan([INT4, TEXT], left), inner: valuesPlan([INT4, TEXT], right), joinqual: [], innerUnique: false,
          targetlist: list(jointype), outerKeys: [outer(1, INT4)], innerKeys: [inner(1, INT4)], hashOperators: [96], hashCollations: [0], tableParams: [],
        };
        expect(pairs(await fixture.run(hash))).to.deep.equal(expected[jointype]);
        const { column: _column, ...order } = fixture.sort(1, INT4);
        const merge: MergeJoinPlan = {
          ...BASE, plan: 'MergeJoin', jointype, outer: sorted(valuesPlan([INT4, TEXT], left), { column: 1, type: INT4 }),
          inner: sorted(valuesPlan([INT4, TEXT], right), { column: 1, type: INT4 }), joinqual: [], innerUnique: false, targetlist: list(jointype),
          mergeKeys: [{ outer: outer(1, INT4), inner: inner(1, INT4), column: order }],
        };
        expect(pairs(await fixture.run(merge))).to.deep.equal(expected[jointype]);
      });
    }

    for (const jointype of ['inner', 'left', 'semi', 'anti'] as const) {
      it(`nested loop: ${jointype}`, async () => {
        const plan: NestLoopPlan = {
          ...BASE, plan: 'NestLoop', jointype, outer: valuesPlan([INT4, TEXT], left), inner: valuesPlan([INT4, TEXT], right), joinqual: [on()],
          innerUnique: false, targetlist: list(jointype), nestParams: [],
        };
        expect(pairs(await fixture.run(plan))).to.deep.equal(expected[jointype]);
      });
    }
  });

  describe('aggregation', () => {
    const rows = [[1, 10], [2, 20], [1, 30], [null, 5], [2, null]];
    const agg = (strategy: AggPlan['strategy'], child: Plan, group: readonly number[], ...exprs: Expr[]): AggPlan => ({
      ...BASE, plan: 'Agg', strategy, child, targetlist: targets(...exprs), groupColumns: group.map((item) => fixture.sort(item, INT4)),
      groupingSets: [], groupingRefs: [], phases: [],
    });

    it('aggregates everything', async () => {
      const plan = agg('plain', valuesPlan([INT4, INT4], rows), [], fixture.aggregate('count', []), fixture.aggregate('count', [outer(2, INT4)]),
        fixture.aggregate('sum', [outer(2, INT4)]), fixture.aggregate('min', [outer(2, INT4)]), fixture.aggregate('max', [outer(1, INT4)]));
      expect(await fixture.run(plan)).to.deep.equal([[5, 4, 65, 5, 2]]);
      const empty = agg('plain', { ...valuesPlan([INT4, INT4], rows), qual: [constant(false, 16)] }, [], fixture.aggregate('count', []), fixture.aggregate('sum', [outer(2, INT4)]));
      expect(await fixture.run(empty)).to.deep.equal([[0, null]]);
    });

    it('groups by hashing and by sorting alike', async () => {
      const exprs = () => [outer(1, INT4), fixture.aggregate('sum', [outer(2, INT4)]), fixture.aggregate('count', [])];
      const bySort = await fixture.run(agg('sorted', sorted(valuesPlan([INT4, INT4], rows), { column: 1, type: INT4 }), [1], ...exprs()));
      expect(bySort).to.deep.equal([[1, 40, 2], [2, 20, 2], [null, 5, 1]]);
      const byHash = await fixture.run(agg('hashed', valuesPlan([INT4, INT4], rows), [1], ...exprs()));
      expect(byHash).to.have.deep.members(bySort);
    });

    it('averages exactly', async () => {
      const [[average]] = await fixture.run(agg('plain', valuesPlan([INT4], [[1], [2], [2]]), [], fixture.aggregate('avg', [outer(1, INT4)])));
      expect(String((average as { unscaled?: bigint }).unscaled)).to.equal('16666666666666667');
    });

    it('honours FILTER, DISTINCT and ORDER BY', async () => {
      const clause = (reverseSort: boolean) => [{ node: 'SortGroupClause' as const, tleSortGroupRef: 1, eqop: 96, sortop: 97, reverseSort, nullsFirst: false, hashable: true }];
      const referenced = (expr: Expr) => [{ ...targets(expr)[0], ressortgroupref: 1 }];
      const plan = agg('plain', valuesPlan([INT4], [[3], [1], [3], [2]]), [],
        fixture.aggregate('count', [], { aggfilter: fixture.op('>', outer(1, INT4), int(1)) }),
        fixture.aggregate('sum', [outer(1, INT4)], { args: referenced(outer(1, INT4)), aggdistinct: clause(false) }),
        fixture.aggregate('array_agg', [outer(1, INT4)], { args: referenced(outer(1, INT4)), aggorder: clause(true), aggtype: 1007 }));
      const [[count, sum, array]] = await fixture.run(plan);
      expect([count, sum]).to.deep.equal([3, 6]);
      expect((array as { elements?: unknown }).elements).to.deep.equal([3, 3, 2, 1]);
    });
  });

  it('shares initplans, runs correlated subplans per row', async () => {
    const sub: Plan = { ...BASE, plan: 'Result', child: null, resconstantqual: null, extParams: [0],
      targetlist: targets(fixture.op('+', { node: 'Param', paramkind: 'exec', paramid: 0, paramtype: INT4, paramtypmod: -1, paramcollid: 0, location: -1 }, int(100))) };
    const call: Expr = {
      node: 'SubPlan', subLinkType: 'expr', testexpr: null, paramIds: [], planId: 0, firstColType: INT4, firstColTypmod: -1, firstColCollation: 0,
      useHashTable: false, parParam: [0], args: [column(1, 1, INT4)], resulttype: INT4, name: 'SubPlan 1',
    } as Expr;
    const plan: Plan = { ...valuesPlan([INT4], [[1], [2]]), targetlist: targets(column(1, 1, INT4), call) };
    expect(await fixture.run(statementOf(plan, { subplans: [sub], paramExecCount: 1 }))).to.deep.equal([[1, 101], [2, 102]]);
  });

  it('scans tables, small and large, through rows and through the kernel alike', async () => {
    const { oid } = createTable(fixture.catalog, 'big', [['a', INT4], ['b', TEXT], ['c', 701]]);
    const rows = Array.from({ length: 3000 }, (_, at): Row => [at % 7 === 0 ? null : at, at % 5 === 0 ? null : `t${at}`, at / 4]);
    await fixture.insert(oid, [INT4, TEXT, 701], rows);
    const plan = () => scanPlan(oid, [], {
      qual: [fixture.op('>', column(1, 1, INT4), int(100)), fixture.op('<', column(1, 1, INT4), int(130))],
      targetlist: targets(column(1, 2, TEXT), fixture.op('*', column(1, 1, INT4), int(2)), column(1, 3, 701)),
    });
    const expected = rows.filter(([a]) => a !== null && Number(a) > 100 && Number(a) < 130).map((row) => [row[1], (row[0] as number) * 2, row[2]]);
    expect(await fixture.run(plan())).to.deep.equal(expected);
    fixture.session.commit();
    await fixture.storage.checkpoint();
    expect(await fixture.run(plan()), 'after the chunks were packed').to.deep.equal(expected);
  });
});
