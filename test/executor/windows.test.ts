import { expect } from 'chai';
import type { Expr, WindowFunc } from '../../lib/analyzer/nodes.js';
import { exprType } from '../../lib/analyzer/node-functions.js';
import { FRAME } from '../../lib/executor/window/frame.js';
import type { AggPlan, Plan, RecursiveUnionPlan, SetOpPlan, WindowAggPlan } from '../../lib/planner/plan-nodes.js';
import { NO_STATEMENT } from '../../lib/executor/relation-access.js';
import type { Row } from '../../lib/types/datum.js';
import { BASE, column, constant, ExecutorFixture, int, INT4, INT8, outer, statementOf, targets, valuesPlan } from './support.js';

describe('executor/windows and sets', () => {
  let fixture: ExecutorFixture;
  before(async () => { fixture = await ExecutorFixture.open(); });

  // partition, order, value
  const rows: Row[] = [[1, 10, 1], [1, 20, 2], [1, 20, 3], [1, 30, 4], [2, 5, 5], [2, 6, null]];
  const types = [INT4, INT4, INT4];
  const window = (name: string, ...args: Expr[]): WindowFunc => {
    const proc = fixture.catalog.procsByName(name).find((row) => row.pronargs === args.length
      && row.proargtypes.elements.every((type, at) => type === exprType(args[at]) || type === 2283 || type === 5077 || type === 2276))!;
    return {
      node: 'WindowFunc', winfnoid: proc.oid, wintype: proc.prorettype, wincollid: 0, inputcollid: 0, args, aggfilter: null, winref: 1,
      winstar: args.length === 0 && name === 'count', winagg: proc.prokind === 'a', location: -1,
    };
  };
  const DEFAULT = FRAME.range | FRAME.startUnboundedPreceding | FRAME.endCurrentRow;
  const over = (exprs: Expr[], changes: Partial<WindowAggPlan> = {}): WindowAggPlan => ({
    ...BASE, plan: 'WindowAgg', child: valuesPlan(types, rows), winref: 1, winname: 'w1', targetlist: targets(...exprs),
    partitionColumns: [fixture.sort(1, INT4)], orderColumns: [fixture.sort(2, INT4)], frameOptions: DEFAULT, startOffset: null, endOffset: null,
    startInRangeFunc: 0, endInRangeFunc: 0, inRangeColl: 0, inRangeAsc: true, inRangeNullsFirst: false, ...changes,
  });
  const columnOf = async (plan: WindowAggPlan) => (await fixture.run(plan)).map((row) => row[0]);
  const v = () => outer(3, INT4);

  it('ranks', async () => {
    expect(await columnOf(over([window('row_number')]))).to.deep.equal([1, 2, 3, 4, 1, 2]);
    expect(await columnOf(over([window('rank')]))).to.deep.equal([1, 2, 2, 4, 1, 2]);
    expect(await columnOf(over([window('dense_rank')]))).to.deep.equal([1, 2, 2, 3, 1, 2]);
    expect(await columnOf(over([window('percent_rank')]))).to.deep.equal([0, 1 / 3, 1 / 3, 1, 0, 1]);
    expect(await columnOf(over([window('cume_dist')]))).to.deep.equal([0.25, 0.75, 0.75, 1, 0.5, 1]);
    expect(await columnOf(over([window('ntile', int(3))]))).to.deep.equal([1, 1, 2, 3, 1, 2]);
  });

  it('looks around', async () => {
    expect(await columnOf(over([window('lag', v())]))).to.deep.equal([null, 1, 2, 3, null, 5]);
    expect(await columnOf(over([window('lead', v(), int(2))]))).to.deep.equal([3, 4, null, null, null, null]);
    expect(await columnOf(over([window('first_value', v())]))).to.deep.equal([1, 1, 1, 1, 5, 5]);
    expect(await columnOf(over([window('last_value', v())]))).to.deep.equal([1, 3, 3, 4, 5, null]);
    expect(await columnOf(over([window('nth_value', v(), int(2))]))).to.deep.equal([null, 2, 2, 2, null, null]);
  });

  it('aggregates over frames of rows, groups and the whole partition', async () => {
    const sum = () => window('sum', v());
    expect(await columnOf(over([sum()]))).to.deep.equal([1, 6, 6, 10, 5, 5]);
    const rowsFrame = FRAME.rows | FRAME.startOffsetPreceding | FRAME.endOffsetFollowing;
    const offsets = { startOffset: constant(1, INT8), endOffset: constant(1, INT8) };
    expect(await columnOf(over([sum()], { frameOptions: rowsFrame, ...offsets }))).to.deep.equal([3, 6, 9, 7, 5, 5]);
    expect(await columnOf(over([sum()], { frameOptions: rowsFrame | FRAME.excludeCurrentRow, ...offsets }))).to.deep.equal([2, 4, 6, 3, null, 5]);
    expect(await columnOf(over([sum()], { frameOptions: FRAME.groups | FRAME.startOffsetPreceding | FRAME.endCurrentRow, ...offsets }))).to.deep.equal([1, 6, 6, 9, 5, 5]);
    const whole = FRAME.rows | FRAME.startUnboundedPreceding | FRAME.endUnboundedFollowing;
    expect(await columnOf(over([sum()], { frameOptions: whole }))).to.deep.equal([10, 10, 10, 10, 5, 5]);
    expect(await columnOf(over([sum()], { frameOptions: whole | FRAME.excludeTies }))).to.deep.equal([10, 7, 8, 10, 5, 5]);
  });

  it('compares values for RANGE offsets, in both directions', async () => {
    const inRange = fixture.catalog.procsByName('in_range').find((row) => row.proargtypes.elements.every((type, at) => type === [INT4, INT4, INT4, 16, 16][at]))!.oid;
    const frame = (inRangeAsc: boolean) => ({
      frameOptions: FRAME.range | FRAME.startOffsetPreceding | FRAME.endOffsetFollowing, startOffset: int(10), endOffset: int(0),
      startInRangeFunc: inRange, endInRangeFunc: inRange, inRangeAsc,
    });
    expect(await columnOf(over([window('count', v())], frame(true)))).to.deep.equal([1, 3, 3, 3, 1, 1]);
    const child = valuesPlan(types, [[1, 30, 4], [1, 20, 3], [1, 20, 2], [1, 10, 1]]);
    expect(await columnOf(over([window('count', v())], { ...frame(false), child, orderColumns: [fixture.sort(2, INT4, { reverse: true })] }))).to.deep.equal([1, 3, 3, 3]);
  });

  it('computes grouping sets in sorted and hashed phases alike', async () => {
    const grouping: Expr = { node: 'GroupingFunc', args: [outer(1, INT4), outer(2, INT4)], refs: [1, 2], agglevelsup: 0, location: -1 };
    const plan = (sorted: boolean): AggPlan => ({
      ...BASE, plan: 'Agg', strategy: sorted ? 'sorted' : 'hashed', child: valuesPlan(types, rows),
      targetlist: targets(outer(1, INT4), outer(2, INT4), grouping, fixture.aggregate('count', [])),
      groupColumns: [fixture.sort(1, INT4), fixture.sort(2, INT4)], groupingSets: [[0, 1], [0], []], groupingRefs: [[1, 2], [1], []],
      phases: [{ strategy: sorted ? 'sorted' : 'hashed', sets: [0, 1, 2], sortColumns: [fixture.sort(1, INT4), fixture.sort(2, INT4)], resort: false }],
    });
    const expected = [[1, 10, 0, 1], [1, 20, 0, 2], [1, 30, 0, 1], [1, null, 1, 4], [2, 5, 0, 1], [2, 6, 0, 1], [2, null, 1, 2], [null, null, 3, 6]];
    expect(await fixture.run(plan(true))).to.deep.equal(expected);
    expect(await fixture.run(plan(false))).to.have.deep.members(expected);
  });

  it('intersects and subtracts, once or with counts', async () => {
    const setOp = (op: 'intersect' | 'except', all: boolean): SetOpPlan => ({
      ...BASE, plan: 'SetOp', op, all, strategy: 'hashed', outer: valuesPlan([INT4], [[1], [2], [2], [2], [null], [3]]), inner: valuesPlan([INT4], [[2], [2], [null], [4]]),
      targetlist: targets(outer(1, INT4)), columns: [fixture.sort(1, INT4)],
    });
    expect(await fixture.run(setOp('intersect', false))).to.deep.equal([[2], [null]]);
    expect(await fixture.run(setOp('intersect', true))).to.deep.equal([[2], [2], [null]]);
    expect(await fixture.run(setOp('except', false))).to.deep.equal([[1], [3]]);
    expect(await fixture.run(setOp('except', true))).to.deep.equal([[1], [2], [3]]);
  });

  it('iterates a recursive union over its work table', async () => {
    const workTable: Plan = {
      ...BASE, plan: 'WorkTableScan', scanrelid: 1, wtParam: 0, ctename: 't', qual: [fixture.op('<', column(1, 1, INT4), int(5))],
      targetlist: targets(fixture.op('+', column(1, 1, INT4), int(1))),
    };
    const plan: RecursiveUnionPlan = { ...BASE, plan: 'RecursiveUnion', outer: valuesPlan([INT4], [[1], [3]]), inner: workTable, wtParam: 0, distinctColumns: [], targetlist: targets(outer(1, INT4)) };
    const rte = {
      node: 'RangeTblEntry', rtekind: 'cte', ctename: 't', ctelevelsup: 0, selfReference: true, coltypes: [INT4], coltypmods: [-1], colcollations: [0],
      alias: null, eref: { aliasname: 't', colnames: ['n'] }, lateral: false, inFromCl: true,
    } as const;
    const statement = { ...statementOf(plan), rtable: [rte], paramExecCount: 1 };
    expect((await fixture.run(statement)).map(([n]) => n)).to.deep.equal([1, 3, 2, 4, 3, 5, 4, 5]);
    const distinct = { ...statement, planTree: { ...plan, distinctColumns: [fixture.sort(1, INT4)] } };
    expect((await fixture.run(distinct)).map(([n]) => n)).to.deep.equal([1, 3, 2, 4, 5]);
    expect(NO_STATEMENT.subplans).to.deep.equal([]);
  });
});
