/** Merge join: two inputs sorted on the keys, groups of equal keys paired. Null keys never match. */
import type { Suspendable } from '../../base/suspend.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { MergeJoinPlan } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import { compileRowOrder, operatorOrder, type CompareRows, type RowOrder } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import { makeProjection, type Projection } from '../projection.js';
import { childReader, scopeFor } from '../readers.js';
import { RowPuller } from '../set-function.js';
import { createOperator } from './create.js';
import { JoinOutput } from './join-output.js';
import { Operator, ProgramCache, type BatchStream } from './operator.js';
import { nullRow } from '../row.js';

interface Program {
  readonly projection: Projection;
  readonly joinqual: Compiled<boolean> | null;
  readonly outerKeys: Compiled<Row>;
  readonly innerKeys: Compiled<Row>;
  readonly order: RowOrder;
  readonly nullOuter: Row;
  readonly nullInner: Row;
}
const programs = new ProgramCache<MergeJoinPlan, Program>();

interface Keyed { readonly row: Row; readonly keys: Row; matched: boolean }

/** All join types over sorted inputs. */
export class MergeJoin extends Operator {
  private readonly program: Program;
  private readonly outer: Operator;
  private readonly inner: Operator;

  constructor(private readonly S: ExecutionState, private readonly plan: MergeJoinPlan) {
    super();
    this.program = programs.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual, null),
        joinqual: compileCondition(scope, plan.joinqual),
        outerKeys: compileList(scope, plan.mergeKeys.map((key) => key.outer)),
        innerKeys: compileList(scope, plan.mergeKeys.map((key) => key.inner)),
        order: compileRowOrder(plan.mergeKeys.map((key, index) => ({
          left: index, right: index, order: operatorOrder(S.catalog, key.column.sortop, key.column.collation, exprType(key.outer)),
          reverse: key.column.reverse, nullsFirst: key.column.nullsFirst,
        }))),
        nullOuter: nullRow(plan.outer.targetlist.length),
        nullInner: nullRow(plan.inner.targetlist.length),
      };
    });
    this.outer = createOperator(S, plan.outer);
    this.inner = createOperator(S, plan.inner);
  }

  *run(): BatchStream {
    const output = new JoinOutput(this.S, this.program.projection);
    const join = new MergeRun(this.S, this.plan, this.program, output, new RowPuller(this.outer.run()), new RowPuller(this.inner.run()));
    try {
      yield* join.run();
    } catch (error) {
      const rest = output.take();
      if (rest !== null) yield rest;
      throw error;
    }
  }
}

/** One pass over the two inputs. */
class MergeRun {
  private readonly compare: CompareRows;
  private innerNext: Keyed | null = null;
  private group: Keyed[] = [];

  constructor(
    private readonly S: ExecutionState, private readonly plan: MergeJoinPlan, private readonly program: Program,
    private readonly output: JoinOutput, private readonly outer: RowPuller, private readonly inner: RowPuller,
  ) {
    this.compare = program.order(S.services);
  }

  *run(): BatchStream {
    const { S, output } = this;
    this.innerNext = yield* this.pullInner();
    for (let o = yield* this.pullOuter(); o !== null; o = yield* this.pullOuter()) {
      yield* this.joinOuter(o);
      const batch = output.full();
      if (batch !== null) yield batch;
      const pause = S.tick(1);
      if (pause !== null) yield pause;
    }
    yield* this.endGroup();
    while (this.innerNext !== null) {
      yield* this.dropInner(this.innerNext);
      this.innerNext = yield* this.pullInner();
      const batch = output.full();
      if (batch !== null) yield batch;
    }
    const rest = output.take();
    if (rest !== null) yield rest;
  }

  private *joinOuter(o: Keyed): Suspendable<void> {
    const { S, plan, program, output } = this;
    const { jointype } = plan;
    let matched = false;
    if (!o.keys.includes(null)) {
      yield* this.groupFor(o);
      for (const i of this.group) {
        if (program.joinqual !== null && !(yield* program.joinqual.run(S, o.row, i.row, NO_ROW))) continue;
        matched = true;
        const again = i.matched;
        i.matched = true;
        if (jointype === 'anti') break;
        if (jointype === 'rightAnti' || (again && jointype === 'rightSemi')) continue;
        yield* output.addWaiting(o.row, i.row);
        if (jointype === 'semi') break;
      }
    }
    if (!matched && (jointype === 'left' || jointype === 'full' || jointype === 'anti')) yield* output.addWaiting(o.row, program.nullInner);
  }

  /** Makes `group` the inner rows whose keys equal the outer row's. */
  private *groupFor(o: Keyed): Suspendable<void> {
    if (this.group.length > 0 && this.compare(o.keys, this.group[0].keys) === 0) return;
    yield* this.endGroup();
    while (this.innerNext !== null && (this.innerNext.keys.includes(null) || this.compare(o.keys, this.innerNext.keys) > 0)) {
      yield* this.dropInner(this.innerNext);
      this.innerNext = yield* this.pullInner();
    }
    while (this.innerNext !== null && !this.innerNext.keys.includes(null) && this.compare(o.keys, this.innerNext.keys) === 0) {
      this.group.push(this.innerNext);
      this.innerNext = yield* this.pullInner();
    }
  }

  private *endGroup(): Suspendable<void> {
    for (const i of this.group) yield* this.dropInner(i);
    this.group = [];
  }

  /** An inner row that no further outer row can match. */
  private *dropInner(i: Keyed): Suspendable<void> {
    const { jointype } = this.plan;
    if (!i.matched && (jointype === 'right' || jointype === 'full' || jointype === 'rightAnti')) yield* this.output.addWaiting(this.program.nullOuter, i.row);
  }

  private *pullOuter(): Suspendable<Keyed | null> {
    const row = this.outer.ready() ?? (yield* this.outer.next());
    return row === null ? null : { row, keys: yield* this.program.outerKeys.run(this.S, row, NO_ROW, NO_ROW), matched: false };
  }

  private *pullInner(): Suspendable<Keyed | null> {
    const row = this.inner.ready() ?? (yield* this.inner.next());
    return row === null ? null : { row, keys: yield* this.program.innerKeys.run(this.S, NO_ROW, row, NO_ROW), matched: false };
  }
}
