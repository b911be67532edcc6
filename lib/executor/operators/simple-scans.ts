/** Result, SubqueryScan, Append: nodes without state of their own. */
import type { AppendPlan, ResultPlan, SubqueryScanPlan } from '../../planner/plan-nodes.js';
import { Suspend } from '../../base/suspend.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, NO_ROW, type Compiled } from '../expression/compile.js';
import { NULL_CODE } from '../expression/emitter.js';
import { makeProjection, projectBatch, projectStream, type Projection } from '../projection.js';
import { childReader, scanReader, scopeFor } from '../readers.js';
import { createOperator } from './create.js';
import { Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

interface ResultProgram { readonly projection: Projection; readonly once: Compiled<boolean> | null }
const resultPrograms = new ProgramCache<ResultPlan, ResultProgram>();

/** FROM-less SELECT, or a one-time filter over a child. */
export class Result extends Operator {
  private readonly program: ResultProgram;
  private readonly child: Operator | null;

  constructor(private readonly S: ExecutionState, plan: ResultPlan) {
    super();
    this.program = resultPrograms.get(plan, () => {
      // Without a child there may be Vars of relations known to be empty: such rows are never made.
      const scope = scopeFor(S.catalog, S.statement, plan.child === null ? () => NULL_CODE : childReader);
      const identity = plan.child === null ? null : { varno: -2, width: plan.child.targetlist.length };
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual, identity),
        once: plan.resconstantqual === null ? null : compileCondition(scope, [plan.resconstantqual]),
      };
    });
    this.child = plan.child === null ? null : createOperator(S, plan.child);
  }

  override bound(rows: number): void {
    if (this.program.projection.qual === null) this.child?.bound(rows);
  }

  override atOnce(): Batch | null {
    const { S, child } = this;
    const { once, projection: { qual, project } } = this.program;
    if (child !== null || once !== null || qual !== null || project === null || project.waits(S)) return null;
    return [project.evaluate(S, NO_ROW, NO_ROW, NO_ROW)];
  }

  *run(): BatchStream {
    const { S, child } = this;
    const { once, projection } = this.program;
    if (once !== null && !(once.waits(S) ? yield* once.generator(S, NO_ROW, NO_ROW, NO_ROW) : once.evaluate(S, NO_ROW, NO_ROW, NO_ROW))) return;
    if (child !== null) {
      yield* projectStream(S, projection, child.run());
      return;
    }
    const { qual, project } = projection;
    if (qual !== null && !(yield* qual.run(S, NO_ROW, NO_ROW, NO_ROW))) return;
    if (project === null) yield [[]];
    else yield [project.waits(S) ? yield* project.generator(S, NO_ROW, NO_ROW, NO_ROW) : project.evaluate(S, NO_ROW, NO_ROW, NO_ROW)];
  }
}

const subqueryPrograms = new ProgramCache<SubqueryScanPlan, Projection>();

/** A subquery in FROM that could not be pulled up. */
export class SubqueryScan extends Operator {
  private readonly projection: Projection;
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, plan: SubqueryScanPlan) {
    super();
    this.projection = subqueryPrograms.get(plan, () => makeProjection(scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, 0)),
      plan.targetlist, plan.qual, { varno: plan.scanrelid, width: plan.subplan.targetlist.length }));
    this.child = createOperator(S, plan.subplan);
  }

  override bound(rows: number): void {
    if (this.projection.qual === null) this.child.bound(rows);
  }

  *run(): BatchStream {
    yield* projectStream(this.S, this.projection, this.child.run());
  }
}

const appendPrograms = new ProgramCache<AppendPlan, Projection>();

/** Children's rows one child after the other. */
export class Append extends Operator {
  private readonly projection: Projection;
  private readonly children: readonly Operator[];

  constructor(private readonly S: ExecutionState, plan: AppendPlan) {
    super();
    // The children's target lists are the node's own; an Append computes nothing.
    this.projection = appendPrograms.get(plan, () => ({ qual: compileCondition(scopeFor(S.catalog, S.statement, childReader), plan.qual), project: null, oneByOne: false }));
    this.children = plan.children.map((child) => createOperator(S, child));
  }

  override bound(rows: number): void {
    for (const child of this.children) child.bound(rows);
  }

  *run(): BatchStream {
    for (const child of this.children) {
      for (const item of child.run()) {
        if (item instanceof Suspend) yield item;
        else yield* projectBatch(this.S, this.projection, item);
      }
    }
  }
}
