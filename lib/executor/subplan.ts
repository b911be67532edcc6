/**
 * Subplans at run time. InitPlans run when one of their Params is first read and never again; correlated subplans run
 * per evaluation with their Params set; uncorrelated `IN (SELECT ...)` is hashed once.
 *
 * Idea: PostgreSQL's nodeSubplan.c.
 */
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import type { BodyEncoder } from '../codec/key-encoder.js';
import type { InitPlan } from '../planner/plan-nodes.js';
import { ArrayValue, type Datum, type Row } from '../types/datum.js';
import { exprType } from '../analyzer/node-functions.js';
import { compileRowKey, type RowKey } from './comparison.js';
import type { ExecutionState } from './context.js';
import type { Compiled } from './expression/compile.js';
import { stackArrays } from './expression/runtime.js';
import { createOperator } from './operators/create.js';
import type { Operator } from './operators/operator.js';
import { SharedRows } from './shared-rows.js';
import { statementInfo } from './statement-info.js';

/** The subplans of one execution. */
export class SubplanRegistry {
  private readonly operators = new Map<number, Operator>();
  /** What ran, and the stamp of the outer Params that it ran with. */
  private readonly done = new Map<InitPlan, number>();
  private readonly ctes = new Map<number, { rows: SharedRows; stamp: number }>();
  private readonly workTables = new Map<number, readonly Row[]>();
  private readonly hashed = new Map<number, HashedRows>();

  constructor(private readonly S: ExecutionState, private readonly outer: SubplanRegistry | null) {}

  /** The operator tree of a subplan, made at first use. */
  operator(planId: number): Operator {
    let operator = this.operators.get(planId);
    if (operator === undefined) {
      operator = createOperator(this.S, this.S.statement.subplans[planId]);
      this.operators.set(planId, operator);
    }
    return operator;
  }

  /** The rows of a CTE, shared by its scans; made again when an outer Param changed. */
  cte(planId: number): SharedRows {
    if (this.outer !== null) return this.outer.cte(planId);
    const stamp = this.stamp(planId);
    let kept = this.ctes.get(planId);
    if (kept === undefined || kept.stamp !== stamp) {
      kept = { rows: new SharedRows(this.S, this.operator(planId).run()), stamp };
      this.ctes.set(planId, kept);
    }
    return kept.rows;
  }

  workTable(wtParam: number): readonly Row[] {
    return this.workTables.get(wtParam) ?? [];
  }
  setWorkTable(wtParam: number, rows: readonly Row[]): void {
    this.workTables.set(wtParam, rows);
    this.S.execVersion[wtParam]++;
  }

  anyPending(params: readonly number[] | null, subplans: readonly number[] | null): boolean {
    if (params !== null) for (const param of params) if (this.isPending(param)) return true;
    if (subplans !== null) for (const planId of subplans) if (!this.isBuilt(planId)) return true;
    return false;
  }

  /** Whether an exec Param belongs to an InitPlan that has not run. */
  isPending(paramid: number): boolean {
    const initPlan = statementInfo(this.S.statement).initPlans.get(paramid);
    return initPlan !== undefined && this.done.get(initPlan) !== this.stamp(initPlan.planId);
  }

  /** Grows whenever an outer Param that the subplan depends on changes. */
  private stamp(planId: number): number {
    let stamp = 0;
    for (const param of this.S.statement.subplans[planId].extParams) stamp += this.S.execVersion[param];
    return stamp;
  }

  /** Runs the InitPlan of a Param, and gives the Param's value. */
  *initParam(paramid: number): Suspendable<Datum> {
    const initPlan = statementInfo(this.S.statement).initPlans.get(paramid);
    assert(initPlan !== undefined, 'the param belongs to an InitPlan');
    yield* this.runInitPlan(initPlan);
    return this.S.exec[paramid];
  }

  private *runInitPlan(initPlan: InitPlan): Suspendable<void> {
    const { S } = this;
    const { planId, setParam } = initPlan;
    const stamp = this.stamp(planId);
    switch (initPlan.subLinkType) {
      case 'exists':
        S.setExec(setParam[0], yield* subplanExists(S, planId));
        break;
      case 'array':
        S.setExec(setParam[0], yield* subplanArray(S, planId, 0));
        break;
      case 'expr': case 'rowcompare': case 'multiexpr': {
        const row = yield* singleRow(S, planId);
        setParam.forEach((param, index) => S.setExec(param, row === null ? null : row[index]));
        break;
      }
      case 'cte': break;
      default: throw new Error(`unexpected InitPlan ${String(initPlan.subLinkType)}`);
    }
    this.done.set(initPlan, stamp);
  }

  isBuilt(planId: number): boolean {
    const table = this.hashed.get(planId);
    return table !== undefined && table.stamp === this.stamp(planId);
  }
  hashedRows(planId: number): HashedRows {
    return this.hashed.get(planId)!;
  }
  keepHashed(planId: number, rows: Omit<HashedRows, 'stamp'>): void {
    this.hashed.set(planId, { ...rows, stamp: this.stamp(planId) });
  }
}

/** EXISTS: whether there is a row. */
export function* subplanExists(S: ExecutionState, planId: number): Suspendable<boolean> {
  for (const item of S.subplans.operator(planId).run()) {
    if (item instanceof Suspend) yield item;
    else if (item.length > 0) return true;
  }
  return false;
}

/** The only row, or null for none. 21000 for more. */
function* singleRow(S: ExecutionState, planId: number): Suspendable<Row | null> {
  let only: Row | null = null;
  for (const item of S.subplans.operator(planId).run()) {
    if (item instanceof Suspend) {
      yield item;
      continue;
    }
    if (item.length > 1 || (item.length === 1 && only !== null)) {
      throw pgError('CARDINALITY_VIOLATION', 'more than one row returned by a subquery used as an expression');
    }
    if (item.length === 1) [only] = item;
  }
  return only;
}

/** A scalar subquery. */
export function* subplanScalar(S: ExecutionState, planId: number): Suspendable<Datum> {
  const row = yield* singleRow(S, planId);
  return row === null ? null : row[0];
}

/** A row subquery: its columns into Params; `test` (a comparison over them) or null. No row: null. */
export function* subplanRow(S: ExecutionState, planId: number, params: readonly number[], test: Compiled<Datum> | null, o: Row, i: Row, x: Row): Suspendable<Datum> {
  const row = yield* singleRow(S, planId);
  params.forEach((param, index) => S.setExec(param, row === null ? null : row[index]));
  if (test === null || row === null) return null;
  return yield* test.run(S, o, i, x);
}

/** ARRAY(SELECT ...). An element type of 0 is taken from the subplan's first column. */
export function* subplanArray(S: ExecutionState, planId: number, elementType: number): Suspendable<Datum> {
  const elements: Datum[] = [];
  for (const item of S.subplans.operator(planId).run()) {
    if (item instanceof Suspend) yield item;
    else for (const row of item) elements.push(row[0]);
  }
  return arrayOf(S, planId, elementType, elements);
}

function arrayOf(S: ExecutionState, planId: number, elementType: number, elements: Datum[]): Datum {
  const [first] = elements;
  const type = elementType === 0 ? exprType(S.statement.subplans[planId].targetlist[0].expr) : elementType;
  // An array of arrays is one array of more dimensions.
  const row = S.catalog.type(type);
  if (row?.typcategory === 'A' && row.typarray === 0 && (elements.length === 0 || first instanceof ArrayValue)) {
    return stackArrays(row.typelem, elements);
  }
  return ArrayValue.of(type, elements);
}

/** `x op ANY|ALL (subplan)` row by row: null when undecided and some comparison was null. */
export function* subplanQuantified(
  S: ExecutionState, planId: number, any: boolean, params: readonly number[], test: Compiled<Datum>, o: Row, i: Row, x: Row,
): Suspendable<Datum> {
  let sawNull = false;
  for (const item of S.subplans.operator(planId).run()) {
    if (item instanceof Suspend) {
      yield item;
      continue;
    }
    for (const row of item) {
      params.forEach((param, index) => S.setExec(param, row[index]));
      const verdict = test.waits(S) ? yield* test.generator(S, o, i, x) : test.evaluate(S, o, i, x);
      if (verdict === any) return any;
      if (verdict === null) sawNull = true;
    }
  }
  return sawNull ? null : !any;
}

interface HashedRows {
  readonly keys: Set<Datum>;
  /** Rows with a null in some column: they may match. */
  readonly withNulls: Row[];
  readonly rows: Row[];
  readonly empty: boolean;
  readonly stamp: number;
}

/** The hash table of an uncorrelated IN; shared shape, state per execution. */
export class HashedSubplan {
  private readonly leftKey: RowKey;
  private readonly rightKey: RowKey;

  constructor(private readonly planId: number, private readonly left: readonly (BodyEncoder | null)[], private readonly right: readonly (BodyEncoder | null)[]) {
    this.leftKey = compileRowKey(left.map((encode, at) => ({ at, encode })), false);
    this.rightKey = compileRowKey(right.map((encode, at) => ({ at, encode })), false);
  }

  *build(S: ExecutionState): Suspendable<void> {
    const table = { keys: new Set<Datum>(), withNulls: [] as Row[], rows: [] as Row[], empty: true };
    for (const item of S.subplans.operator(this.planId).run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        table.empty = false;
        const key = this.rightKey(row);
        if (key === null) table.withNulls.push(row);
        else table.keys.add(key);
        if (this.left.length > 1) table.rows.push(row);
      }
    }
    S.subplans.keepHashed(this.planId, table);
  }

  /** IN's value for the left side. */
  probe(S: ExecutionState, lefts: Row): Datum {
    const table = S.subplans.hashedRows(this.planId);
    if (table.empty) return false;
    const key = this.leftKey(lefts);
    if (key !== null) {
      if (table.keys.has(key)) return true;
      if (table.withNulls.length === 0) return false;
      return this.left.length === 1 || table.withNulls.some((row) => this.mayMatch(lefts, row)) ? null : false;
    }
    if (this.left.length === 1) return null;
    return table.rows.some((row) => this.mayMatch(lefts, row)) ? null : false;
  }

  /** Whether two rows agree wherever both are known. */
  private mayMatch(lefts: Row, row: Row): boolean {
    return lefts.every((value, index) => {
      if (value === null || row[index] === null) return true;
      const [encodeLeft, encodeRight] = [this.left[index], this.right[index]];
      return encodeLeft === null || encodeRight === null ? value === row[index] : encodeLeft(value) === encodeRight(row[index]);
    });
  }
}
