/** FunctionScan (ROWS FROM, WITH ORDINALITY) and ProjectSet (sets in the target list, in lockstep). */
import { Suspend } from '../../base/suspend.js';
import type { FunctionScanPlan, ProjectSetPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import { makeProjection, projectBatch, type Projection } from '../projection.js';
import { childReader, scanReader, scopeFor } from '../readers.js';
import { compileSet, isSetCall, openSet, RowPuller, type SetExpression } from '../set-function.js';
import { createOperator } from './create.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';
import { nullRow } from '../row.js';

interface FunctionProgram {
  readonly projection: Projection;
  readonly sets: readonly { readonly set: SetExpression; readonly composite: boolean; readonly width: number }[];
}
const functionPrograms = new ProgramCache<FunctionScanPlan, FunctionProgram>();

/** Functions in FROM. */
export class FunctionScan extends Operator {
  private readonly program: FunctionProgram;

  constructor(private readonly S: ExecutionState, private readonly plan: FunctionScanPlan) {
    super();
    this.program = functionPrograms.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      const width = plan.functions.reduce((sum, item) => sum + item.colcount, plan.funcordinality ? 1 : 0);
      return {
        projection: makeProjection(scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, 0)), plan.targetlist, plan.qual, { varno: plan.scanrelid, width }),
        sets: plan.functions.map((item) => ({ set: compileSet(scope, item.funcexpr, item), composite: item.isComposite || item.colcount !== 1, width: item.colcount })),
      };
    });
  }

  *run(): BatchStream {
    const { S, plan } = this;
    const { projection, sets } = this.program;
    if (sets.length > 1) {
      yield* this.lockstep();
      return;
    }
    const [{ set, composite, width }] = sets;
    let ordinal = 0;
    for (const item of openSet(S, set, NO_ROW, NO_ROW, NO_ROW, composite, width)) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      const rows = plan.funcordinality ? item.map((row) => [...row, ++ordinal]) : item;
      yield* projectBatch(S, projection, rows);
    }
  }

  private *lockstep(): BatchStream {
    const { S, plan } = this;
    const { projection, sets } = this.program;
    const pullers = sets.map(({ set, composite, width }) => new RowPuller(openSet(S, set, NO_ROW, NO_ROW, NO_ROW, composite, width)));
    let out: Batch = [];
    for (let ordinal = 1; ; ordinal++) {
      const row: Row = [];
      let any = false;
      for (const [index, puller] of pullers.entries()) {
        const part = yield* puller.next();
        any ||= part !== null;
        row.push(...(part ?? nullRow(sets[index].width)));
      }
      if (!any) break;
      if (plan.funcordinality) row.push(ordinal);
      out.push(row);
      if (out.length < BATCH_ROWS) continue;
      yield* projectBatch(S, projection, out);
      out = [];
    }
    if (out.length > 0) yield* projectBatch(S, projection, out);
  }
}

type ProjectSetColumn = { readonly set: SetExpression } | { readonly value: Compiled<Datum> };
const projectSetPrograms = new ProgramCache<ProjectSetPlan, readonly ProjectSetColumn[]>();

/** Sets in a target list: all advance together, shorter ones are padded with nulls; no row when all are empty. */
export class ProjectSet extends Operator {
  private readonly columns: readonly ProjectSetColumn[];
  private readonly child: Operator;

  constructor(private readonly S: ExecutionState, plan: ProjectSetPlan) {
    super();
    this.columns = projectSetPrograms.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      return plan.targetlist.map(({ expr }) => (isSetCall(expr, scope) ? { set: compileSet(scope, expr) } : { value: compileValue(scope, expr) }));
    });
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) yield* this.expand(row);
    }
  }

  private *expand(input: Row): BatchStream {
    const { S, columns } = this;
    const sources: (RowPuller | null)[] = [];
    const fixed: Row = [];
    for (const column of columns) {
      sources.push('set' in column ? new RowPuller(openSet(S, column.set, input, NO_ROW, NO_ROW, false, 1)) : null);
      fixed.push('set' in column ? null : yield* column.value.run(S, input, NO_ROW, NO_ROW));
    }
    let out: Batch = [];
    let limit = FIRST_ROWS;
    try {
      for (;;) {
        let any = false;
        const row: Row = [];
        for (let index = 0; index < sources.length; index++) {
          const source = sources[index];
          if (source === null) {
            row.push(fixed[index]);
            continue;
          }
          const part = source.ready() ?? (yield* source.next());
          any ||= part !== null;
          row.push(part === null ? null : part[0]);
        }
        if (!any) break;
        out.push(row);
        if (out.length < limit) continue;
        yield out;
        out = [];
        limit = BATCH_ROWS;
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
    if (out.length > 0) yield out;
  }
}
const FIRST_ROWS = 16;
