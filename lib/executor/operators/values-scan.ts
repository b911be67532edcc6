/**
 * ValuesScan: VALUES lists as a table. Lists that differ in their parameters only are compiled once: a row's values of the
 * parameters are put before the shared program as its row `o`. A list of constants needs no program at all.
 *
 * The lists of an INSERT whose literals were lifted (`rowSlots`) stand for the rows that come with the execution.
 * Measured for an INSERT of 100 rows of three computed columns, the folding of its text (`lib/parser/row-lists.ts`) and the shared programs
 * together: 1.1 ms of CPU, against 2.1 ms with every literal a parameter of a kept plan that has a program for each row.
 */
import type { Expr } from '../../analyzer/nodes.js';
import { forEachChild } from '../../analyzer/walker.js';
import { assert } from '../../base/assert.js';
import type { ValuesScanPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import { value, type SpecialEmitter } from '../expression/emitter.js';
import { makeProjection, projectBatch, type Projection } from '../projection.js';
import { childReader, scanReader, scopeFor } from '../readers.js';
import { sameExpression } from '../same-expression.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

/** One list: constants, or a program and the parameters that are its row. */
type ListProgram =
  | { readonly constants: Row; readonly row: null }
  | { readonly constants: null; readonly row: Compiled<Row>; readonly params: readonly number[] };
interface ValuesProgram { readonly projection: Projection; readonly lists: readonly ListProgram[] }
const valuesPrograms = new ProgramCache<ValuesScanPlan, ValuesProgram>();

/** How many shapes a list is compared with before it is taken for one of its own. */
const SHAPES_COMPARED = 8;

/** See the file's comment. */
export class ValuesScan extends Operator {
  private readonly program: ValuesProgram;

  constructor(private readonly S: ExecutionState, private readonly plan: ValuesScanPlan) {
    super();
    this.program = valuesPrograms.get(plan, () => ({
      projection: makeProjection(scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, 0)), plan.targetlist, plan.qual,
        { varno: plan.scanrelid, width: plan.valuesLists[0]?.length ?? 0 }),
      lists: compileLists(S, plan),
    }));
  }

  *run(): BatchStream {
    const { S } = this;
    const { lists, projection } = this.program;
    const given = this.plan.rowSlots === null ? null : S.context.givenRows;
    assert(this.plan.rowSlots === null || given !== null, 'the rows of the lists come with the execution');
    const count = given === null ? lists.length : given.shapeOf.length;
    let out: Batch = [];
    for (let index = 0; index < count; index++) {
      const list = lists[given === null ? index : given.shapeOf[index]];
      if (list.row === null) {
        out.push(list.constants.slice());
      } else {
        const { row } = list;
        const o = given === null ? valuesOf(S, list.params) : given.values[index];
        out.push(row.waits(S) ? yield* row.generator(S, o, NO_ROW, NO_ROW) : row.evaluate(S, o, NO_ROW, NO_ROW));
      }
      if (out.length < BATCH_ROWS) continue;
      yield* projectBatch(S, projection, out);
      out = [];
    }
    if (out.length > 0) yield* projectBatch(S, projection, out);
  }
}

function valuesOf(S: ExecutionState, params: readonly number[]): Row {
  const row: Datum[] = [];
  for (let index = 0; index < params.length; index++) row.push(S.params[params[index] - 1]);
  return row;
}

function compileLists(S: ExecutionState, plan: ValuesScanPlan): ListProgram[] {
  const { rowSlots } = plan;
  const shapes: { readonly list: readonly Expr[]; readonly slots: ReadonlyMap<number, number>; readonly row: Compiled<Row> }[] = [];
  return plan.valuesLists.map((list): ListProgram => {
    const constants = constantRow(list);
    if (constants !== null) return { constants, row: null };
    const params = rowSlots === null ? parametersOf(list) : [];
    const slots = rowSlots ?? new Map(params.map((param, slot) => [param, slot]));
    const known = shapes.slice(-SHAPES_COMPARED).find((shape) => sameShape(list, slots, shape.list, shape.slots));
    if (known !== undefined) return { constants: null, row: known.row, params };
    const row = compileList(scopeFor(S.catalog, S.statement, childReader, rowReader(slots)), list);
    shapes.push({ list, slots, row });
    return { constants: null, row, params };
  });
}

function constantRow(list: readonly Expr[]): Row | null {
  const row: Datum[] = [];
  for (const expr of list) {
    if (expr.node !== 'Const') return null;
    row.push(expr.value);
  }
  return row;
}

/** The parameters of a list in the order in which they stand there; none where a subquery reads them by itself. */
function parametersOf(list: readonly Expr[]): number[] {
  const params = new Set<number>();
  let plain = true;
  const visit = (expr: Expr): void => {
    if (expr.node === 'SubPlan' || expr.node === 'SubLink') plain = false;
    else if (expr.node === 'Param' && expr.paramkind === 'extern') params.add(expr.paramid);
    else forEachChild(expr, visit);
  };
  list.forEach(visit);
  return plain ? [...params] : [];
}

/** Reads these parameters from the row `o`. */
function rowReader(slots: ReadonlyMap<number, number>): SpecialEmitter {
  return (expr) => {
    const slot = expr.node === 'Param' && expr.paramkind === 'extern' ? slots.get(expr.paramid) : undefined;
    return slot === undefined ? null : value(`o[${slot}]`);
  };
}

function sameShape(a: readonly Expr[], aSlots: ReadonlyMap<number, number>, b: readonly Expr[], bSlots: ReadonlyMap<number, number>): boolean {
  return aSlots.size === bSlots.size && sameExpression(a, b, (left, right) => {
    const slot = aSlots.get(left);
    return slot === undefined ? left === right && !bSlots.has(right) : slot === bSlots.get(right);
  });
}
