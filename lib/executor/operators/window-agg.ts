/**
 * WindowAgg: one window clause over input sorted by its partition and order columns. A partition is read whole; each
 * row's frame is a range of positions. Ranking functions follow peers, aggregates over growing frames carry their state
 * on, other frames are computed anew when they change.
 *
 * Idea: PostgreSQL's nodeWindowAgg.c, windowfuncs.c.
 */
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr, WindowFunc } from '../../analyzer/nodes.js';
import { forEachChild } from '../../analyzer/walker.js';
import { Suspend } from '../../base/suspend.js';
import type { WindowAggPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import { AggregateSet, windowAggregateCall } from '../aggregate.js';
import { columnsEqual, type RowsEqual } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileList, compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import { value, type SpecialEmitter } from '../expression/emitter.js';
import { childReader, scopeFor } from '../readers.js';
import { sameExpression } from '../same-expression.js';
import { FrameProgram } from '../window/frame.js';
import { windowEvaluator, type WindowEvaluator } from '../window/functions.js';
import { createOperator } from './create.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

/** One window function call, compiled. */
export interface WindowCall {
  readonly node: WindowFunc;
  /** Built-in window function's name, or null for an aggregate. */
  readonly name: string | null;
  readonly args: readonly Compiled<Datum>[];
  readonly filter: Compiled<boolean> | null;
  readonly aggregate: AggregateSet | null;
}
interface Program {
  readonly calls: readonly WindowCall[];
  readonly samePartition: RowsEqual | null;
  readonly samePeers: RowsEqual;
  readonly frame: FrameProgram;
  readonly qual: Compiled<boolean> | null;
  readonly project: Compiled<Row>;
}
const programs = new ProgramCache<WindowAggPlan, Program>();

function compile(S: ExecutionState, plan: WindowAggPlan): Program {
  const nodes: WindowFunc[] = [];
  for (const target of plan.targetlist) collect(target.expr, plan.winref, nodes);
  for (const qual of plan.qual) collect(qual, plan.winref, nodes);
  const special: SpecialEmitter = (expr) => {
    if (expr.node !== 'WindowFunc') return null;
    return value(`x[${nodes.findIndex((node) => sameExpression(node, expr))}]`);
  };
  const scope = scopeFor(S.catalog, S.statement, childReader);
  const output = scopeFor(S.catalog, S.statement, childReader, special);
  const columns = (list: WindowAggPlan['partitionColumns']) => list.map(({ column }) => ({ column, type: exprType(plan.child.targetlist[column - 1].expr) }));
  return {
    calls: nodes.map((node) => {
      const proc = S.catalog.proc(node.winfnoid);
      const isWindow = proc?.prokind === 'w';
      return {
        node, name: isWindow ? proc.prosrc : null,
        args: node.args.map((arg) => compileValue(scope, arg)),
        filter: node.aggfilter === null ? null : compileCondition(scope, [node.aggfilter]),
        aggregate: isWindow ? null : new AggregateSet(scope, [windowAggregateCall(node)]),
      };
    }),
    samePartition: plan.partitionColumns.length === 0 ? null : columnsEqual(S.catalog, columns(plan.partitionColumns)),
    samePeers: columnsEqual(S.catalog, columns(plan.orderColumns)),
    frame: new FrameProgram(S.catalog, scope, plan),
    qual: compileCondition(output, plan.qual),
    project: compileList(output, plan.targetlist.map((target) => target.expr)),
  };
}

function collect(expr: Expr, winref: number, into: WindowFunc[]): void {
  if (expr.node === 'WindowFunc') {
    if (expr.winref === winref && !into.some((other) => sameExpression(other, expr))) into.push(expr);
    return;
  }
  forEachChild(expr, (child) => collect(child, winref, into));
}

/** Window functions. */
export class WindowAgg extends Operator {
  private readonly program: Program;
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, plan: WindowAggPlan) {
    super();
    this.program = programs.get(plan, () => compile(S, plan));
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    const { S } = this;
    const { samePartition } = this.program;
    let partition: Row[] = [];
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        if (partition.length > 0 && samePartition !== null && !samePartition(partition[0], row)) {
          yield* this.partition(partition);
          partition = [];
        }
        partition.push(row);
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    if (partition.length > 0) yield* this.partition(partition);
  }

  private *partition(rows: Row[]): BatchStream {
    const { S, program } = this;
    const frame = yield* program.frame.start(S, rows, program.samePeers);
    const evaluators: WindowEvaluator[] = [];
    for (const call of program.calls) evaluators.push(windowEvaluator(S, call, rows, frame));
    let out: Batch = [];
    try {
      for (let position = 0; position < rows.length; position++) {
        const x: Row = [];
        frame.moveTo(position);
        for (const evaluator of evaluators) x.push(evaluator.now(position) ? evaluator.value(position) : yield* evaluator.waiting(position));
        const row = rows[position];
        if (program.qual !== null && !(yield* program.qual.run(S, row, NO_ROW, x))) continue;
        out.push(program.project.waits(S) ? yield* program.project.generator(S, row, NO_ROW, x) : program.project.evaluate(S, row, NO_ROW, x));
        if (out.length < BATCH_ROWS) continue;
        yield out;
        out = [];
        const pause = S.tick(BATCH_ROWS);
        if (pause !== null) yield pause;
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
    if (out.length > 0) yield out;
  }
}
