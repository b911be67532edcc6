/** The end of most nodes: filter rows by `qual`, make the target list. Errors come after the rows before them. */
import { forEachChild } from '../analyzer/walker.js';
import type { Expr, TargetEntry, Var } from '../analyzer/nodes.js';
import { Suspend } from '../base/suspend.js';
import type { Catalog } from '../catalog/api.js';
import type { Row } from '../types/datum.js';
import type { ExecutionState } from './context.js';
import { compileCondition, compileList, NO_ROW, type Compiled } from './expression/compile.js';
import type { CompileScope } from './expression/emitter.js';
import type { Batch, BatchStream } from './operators/operator.js';

/** A compiled condition and target list. Shared by executions. */
export interface Projection {
  readonly qual: Compiled<boolean> | null;
  /** Null: the input row is the output row. */
  readonly project: Compiled<Row> | null;
  /** Volatile functions: one row at a time, so that nothing is called for rows nobody reads. */
  readonly oneByOne: boolean;
}

/** Compiles a node's condition and target list. `identity`: the input's width when the input row may pass as it is. */
export function makeProjection(scope: CompileScope, targetlist: readonly TargetEntry[], qual: readonly Expr[], identity: { varno: number; width: number } | null): Projection {
  const exprs = targetlist.map((target) => target.expr);
  const passes = identity !== null && exprs.length === identity.width && exprs.every((expr, index) => isColumn(expr, identity.varno, index + 1));
  return {
    qual: compileCondition(scope, qual),
    project: passes ? null : compileList(scope, exprs),
    oneByOne: exprs.some((expr) => isVolatile(expr, scope.catalog)) || qual.some((expr) => isVolatile(expr, scope.catalog)),
  };
}

function isColumn(expr: Expr, varno: number, attno: number): expr is Var {
  return expr.node === 'Var' && expr.varno === varno && expr.varattno === attno;
}

/** Indexes (attribute number - 1) of the columns that a target list is made of; null when there is anything else in it. */
export function plainColumns(targetlist: readonly TargetEntry[], varno: number): readonly number[] | null {
  const columns: number[] = [];
  for (const { expr } of targetlist) {
    if (expr.node !== 'Var' || expr.varlevelsup !== 0 || expr.varattno <= 0 || !isColumn(expr, varno, expr.varattno)) return null;
    columns.push(expr.varattno - 1);
  }
  return columns;
}

/** Whether an expression calls volatile functions (subplans apart). */
export function isVolatile(expr: Expr, catalog: Catalog): boolean {
  if (expr.node === 'NextValueExpr') return true;
  if (expr.node === 'FuncExpr' && catalog.proc(expr.funcid)?.provolatile === 'v') return true;
  if ((expr.node === 'OpExpr' || expr.node === 'ScalarArrayOpExpr') && catalog.proc(expr.opfuncid)?.provolatile === 'v') return true;
  let found = false;
  forEachChild(expr, (child) => { found ||= isVolatile(child, catalog); });
  return found;
}

/** Filters and projects a batch whose rows are `o`. */
export function* projectBatch(S: ExecutionState, projection: Projection, input: Batch): BatchStream {
  const { qual, project, oneByOne } = projection;
  if (qual === null && project === null) {
    yield input;
    return;
  }
  let out: Batch = [];
  try {
    for (let index = 0; index < input.length; index++) {
      const row = input[index];
      if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, NO_ROW, NO_ROW) : qual.evaluate(S, row, NO_ROW, NO_ROW))) continue;
      out.push(project === null ? row : project.waits(S) ? yield* project.generator(S, row, NO_ROW, NO_ROW) : project.evaluate(S, row, NO_ROW, NO_ROW));
      if (oneByOne) {
        yield out;
        out = [];
      }
    }
  } catch (error) {
    if (out.length > 0) yield out;
    throw error;
  }
  if (out.length > 0) yield out;
}

/** Filters and projects every batch of a stream. */
export function* projectStream(S: ExecutionState, projection: Projection, input: BatchStream): BatchStream {
  for (const item of input) {
    if (item instanceof Suspend) yield item;
    else yield* projectBatch(S, projection, item);
  }
}
