/** Nested loop: for each outer row the inner side anew, with Params set from the outer row. */
import { Suspend } from '../../base/suspend.js';
import type { NestLoopPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import { makeProjection, type Projection } from '../projection.js';
import { childReader, scopeFor } from '../readers.js';
import { createOperator } from './create.js';
import { FIRST_BATCH_ROWS, nextBatchRows, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';
import { nullRow } from '../row.js';

interface Program {
  readonly projection: Projection;
  readonly joinqual: Compiled<boolean> | null;
  readonly params: readonly { readonly paramid: number; readonly value: Compiled<Datum> }[];
  readonly nullInner: Row;
}
const programs = new ProgramCache<NestLoopPlan, Program>();

/** Inner, left, semi and anti joins; any condition. */
export class NestLoop extends Operator {
  private readonly program: Program;
  private readonly outer: Operator;
  private readonly inner: Operator;

  constructor(private readonly S: ExecutionState, private readonly plan: NestLoopPlan) {
    super();
    this.program = programs.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual, null),
        joinqual: compileCondition(scope, plan.joinqual),
        params: plan.nestParams.map(({ paramid, value }) => ({ paramid, value: compileValue(scope, value) })),
        nullInner: nullRow(plan.inner.targetlist.length),
      };
    });
    this.outer = createOperator(S, plan.outer);
    this.inner = createOperator(S, plan.inner);
  }

  *run(): BatchStream {
    const { S, plan, program } = this;
    const { joinqual } = program;
    const { qual, project, oneByOne } = program.projection;
    const { jointype } = plan;
    const first = plan.innerUnique || jointype === 'semi' || jointype === 'anti';
    const keepUnmatched = jointype === 'left' || jointype === 'anti';
    let out: Batch = [];
    let limit = FIRST_BATCH_ROWS;
    try {
      for (const outerItem of this.outer.run()) {
        if (outerItem instanceof Suspend) {
          yield outerItem;
          continue;
        }
        for (let position = 0; position < outerItem.length; position++) {
          const o = outerItem[position];
          for (const { paramid, value } of program.params) S.setExec(paramid, value.waits(S) ? yield* value.generator(S, o, NO_ROW, NO_ROW) : value.evaluate(S, o, NO_ROW, NO_ROW));
          let matched = false;
          scan: for (const innerItem of this.inner.run()) {
            if (innerItem instanceof Suspend) {
              yield innerItem;
              continue;
            }
            const pause = S.tick(innerItem.length);
            if (pause !== null) yield pause;
            for (let index = 0; index < innerItem.length; index++) {
              const i = innerItem[index];
              if (joinqual !== null && !(joinqual.waits(S) ? yield* joinqual.generator(S, o, i, NO_ROW) : joinqual.evaluate(S, o, i, NO_ROW))) continue;
              matched = true;
              if (jointype === 'anti') break scan;
              if (qual === null || (qual.waits(S) ? yield* qual.generator(S, o, i, NO_ROW) : qual.evaluate(S, o, i, NO_ROW))) {
                out.push(project!.waits(S) ? yield* project!.generator(S, o, i, NO_ROW) : project!.evaluate(S, o, i, NO_ROW));
                if (oneByOne || out.length >= limit) {
                  yield out;
                  out = [];
                  limit = nextBatchRows(limit);
                }
              }
              if (first) break scan;
            }
          }
          if (matched || !keepUnmatched) continue;
          const i = program.nullInner;
          if (qual === null || (qual.waits(S) ? yield* qual.generator(S, o, i, NO_ROW) : qual.evaluate(S, o, i, NO_ROW))) {
            out.push(project!.waits(S) ? yield* project!.generator(S, o, i, NO_ROW) : project!.evaluate(S, o, i, NO_ROW));
            if (oneByOne || out.length >= limit) {
              yield out;
              out = [];
              limit = nextBatchRows(limit);
            }
          }
        }
        // What the outer batch gave goes on before more is read.
        if (out.length > 0) {
          yield out;
          out = [];
        }
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
  }
}
