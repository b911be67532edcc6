/** Limit (with WITH TIES), Unique, Group, SetOp: nodes that drop rows. */
import { pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { GroupPlan, LimitPlan, Plan, SetOpPlan, SortColumn, UniquePlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import { columnsEqual, compileRowKey, hashEncoder, type RowKey, type RowsEqual } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import { makeProjection, projectBatch, type Projection } from '../projection.js';
import { childReader, scopeFor } from '../readers.js';
import { createOperator } from './create.js';
import { StoredRows } from '../stored-rows.js';
import { Operator, ProgramCache, type Batch, type BatchStream, type StoredStream } from './operator.js';

/** Equality of a child's rows in sort columns. */
export function sortColumnsEqual(S: ExecutionState, child: Plan, columns: readonly SortColumn[]): RowsEqual {
  return columnsEqual(S.catalog, columns.map(({ column }) => ({ column, type: exprType(child.targetlist[column - 1].expr) })));
}

interface LimitProgram { readonly offset: Compiled<Datum> | null; readonly count: Compiled<Datum> | null; readonly ties: RowsEqual | null }
const limitPrograms = new ProgramCache<LimitPlan, LimitProgram>();

/** LIMIT, OFFSET, FETCH FIRST ... WITH TIES. */
export class Limit extends Operator {
  private readonly program: LimitProgram;
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, plan: LimitPlan) {
    super();
    this.program = limitPrograms.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      return {
        offset: plan.limitOffset === null ? null : compileValue(scope, plan.limitOffset),
        count: plan.limitCount === null ? null : compileValue(scope, plan.limitCount),
        ties: plan.tieColumns.length === 0 ? null : sortColumnsEqual(S, plan.child, plan.tieColumns),
      };
    });
    this.child = createOperator(S, plan.child);
  }

  run(): BatchStream {
    return this.limited(() => this.child.run());
  }

  override runStored(): StoredStream {
    // WITH TIES compares rows.
    return this.program.ties === null ? this.limited(() => this.child.runStored()) : this.run();
  }

  private *limited<B extends Batch | StoredRows>(start: () => Generator<B | Suspend, void, void>): Generator<B | Suspend, void, void> {
    const { ties } = this.program;
    let skip = (yield* this.amount(this.program.offset, 'OFFSET', 'INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE')) ?? 0;
    const count = yield* this.amount(this.program.count, 'LIMIT', 'INVALID_ROW_COUNT_IN_LIMIT_CLAUSE');
    let left = count ?? Infinity;
    if (left === 0) return;
    this.child.bound(ties === null ? left + skip : Infinity);
    let last: Row | null = null;
    for (const item of start()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      let batch = item;
      if (skip > 0) {
        const dropped = Math.min(skip, batch.length);
        skip -= dropped;
        if (dropped === batch.length) continue;
        batch = part(batch, dropped, batch.length);
      }
      if (batch.length < left) {
        left -= batch.length;
        yield batch;
        continue;
      }
      if (ties === null || batch instanceof StoredRows) {
        yield part(batch, 0, left);
        return;
      }
      last ??= batch[left - 1];
      let end = left;
      left = 0;
      while (end < batch.length && ties(last, batch[end])) end++;
      if (end > 0) yield part(batch, 0, end);
      if (end < batch.length) return;
    }
  }

  private *amount(compiled: Compiled<Datum> | null, clause: string, code: 'INVALID_ROW_COUNT_IN_LIMIT_CLAUSE' | 'INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE'): Suspendable<number | null> {
    if (compiled === null) return null;
    const value = yield* compiled.run(this.S, NO_ROW, NO_ROW, NO_ROW);
    if (value === null) return null;
    const rows = Number(value);
    if (rows < 0) throw pgError(code, `${clause} must not be negative`);
    return rows;
  }
}

/** Some rows of a batch; the batch itself where these are all. */
function part<B extends Batch | StoredRows>(batch: B, start: number, end: number): B {
  return start === 0 && end === batch.length ? batch : batch.slice(start, end) as B;
}

const uniquePrograms = new ProgramCache<UniquePlan, RowsEqual>();

/** Drops rows equal to the one before. */
export class Unique extends Operator {
  private readonly same: RowsEqual;
  private readonly child: Operator;

  constructor(S: ExecutionState, plan: UniquePlan) {
    super();
    this.same = uniquePrograms.get(plan, () => sortColumnsEqual(S, plan.child, plan.columns));
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    let last: Row | null = null;
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      const out: Batch = [];
      for (const row of item) {
        if (last !== null && this.same(last, row)) continue;
        out.push(row);
        last = row;
      }
      if (out.length > 0) yield out;
    }
  }
}

interface GroupProgram { readonly same: RowsEqual; readonly projection: Projection }
const groupPrograms = new ProgramCache<GroupPlan, GroupProgram>();

/** GROUP BY without aggregates: one row per group of sorted input. */
export class Group extends Operator {
  private readonly program: GroupProgram;
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, plan: GroupPlan) {
    super();
    this.program = groupPrograms.get(plan, () => ({
      same: sortColumnsEqual(S, plan.child, plan.groupColumns),
      projection: makeProjection(scopeFor(S.catalog, S.statement, childReader), plan.targetlist, plan.qual, null),
    }));
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    const { same, projection } = this.program;
    let last: Row | null = null;
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      const heads: Batch = [];
      for (const row of item) {
        if (last !== null && same(last, row)) continue;
        heads.push(row);
        last = row;
      }
      if (heads.length > 0) yield* projectBatch(this.S, projection, heads);
    }
  }
}

const setOpPrograms = new ProgramCache<SetOpPlan, RowKey>();

/** INTERSECT and EXCEPT [ALL], by counting equal rows of both sides. Rows come out in the order of the left side. */
export class SetOp extends Operator {
  private readonly key: RowKey;
  private readonly outer: Operator;
  private readonly inner: Operator;

  constructor(private readonly S: ExecutionState, private readonly plan: SetOpPlan) {
    super();
    this.key = setOpPrograms.get(plan, () => compileRowKey(plan.columns.map(({ column }) => ({
      at: column - 1, encode: hashEncoder(S.catalog, exprType(plan.targetlist[column - 1].expr)),
    })), true));
    this.outer = createOperator(S, plan.outer);
    this.inner = createOperator(S, plan.inner);
  }

  *run(): BatchStream {
    const groups = new Map<Datum, { readonly row: Row; left: number; right: number }>();
    yield* this.each(this.outer, (key, row) => {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { row, left: 1, right: 0 });
      else group.left++;
    });
    yield* this.each(this.inner, (key) => {
      const group = groups.get(key);
      if (group !== undefined) group.right++;
    });
    const { op, all } = this.plan;
    const out: Batch = [];
    for (const { row, left, right } of groups.values()) {
      const copies = op === 'intersect' ? (all ? Math.min(left, right) : Math.min(right, 1)) : all ? left - right : right === 0 ? 1 : 0;
      for (let index = 0; index < copies; index++) out.push(row);
    }
    if (out.length > 0) yield out;
  }

  private *each(source: Operator, visit: (key: Datum, row: Row) => void): Suspendable<void> {
    for (const item of source.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) visit(this.key(row), row);
      const pause = this.S.tick(item.length);
      if (pause !== null) yield pause;
    }
  }
}
