/** Scans by row id: bitmap heap scans (ids from indexes, rows in physical order) and tid scans (ctid, CURRENT OF). */
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { BitmapHeapScanPlan, BitmapPlan, TidScanPlan } from '../../planner/plan-nodes.js';
import { ArrayValue, type Datum, type Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import type { CompileScope } from '../expression/emitter.js';
import { tidRowId } from '../expression/runtime.js';
import { compileIndexRanges, type IndexRanges } from '../index-range.js';
import { makeProjection, type Projection } from '../projection.js';
import { scanReader, scopeFor } from '../readers.js';
import { newMeasurement } from '../instrumentation.js';
import { openIndex, openRelation } from '../relation-access.js';
import { addUsage, usageNow } from '../usage.js';
import { rowsOfView, sequenceRow, SEQUENCE_ROW_ID } from './seq-scan.js';
import { FIRST_BATCH_ROWS, nextBatchRows, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

interface RowIdProgram {
  readonly projection: Projection;
  readonly recheck: Compiled<boolean> | null;
}

/** Fetches rows by id in the given order, filters and projects them. */
function* fetchRows(S: ExecutionState, program: RowIdProgram, plan: BitmapHeapScanPlan | TidScanPlan, rowIds: readonly number[], given: Row | null = null): BatchStream {
  const relation = openRelation(S.catalog, plan.relid);
  const fetch = (rowId: number): Row | null => (relation.kind !== 'S' ? relation.openHeap().fetch(rowId, S.snapshot) : rowId === SEQUENCE_ROW_ID ? sequenceRow(relation) : null);
  const { qual, project, oneByOne } = program.projection;
  const { recheck } = program;
  const meta: Row = [0];
  let out: Batch = [];
  let limit = FIRST_BATCH_ROWS;
  try {
    for (const rowId of rowIds) {
      const row = given ?? fetch(rowId);
      if (row === null) continue;
      meta[0] = rowId;
      if (recheck !== null && !(recheck.waits(S) ? yield* recheck.generator(S, row, meta, NO_ROW) : recheck.evaluate(S, row, meta, NO_ROW))) continue;
      if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, meta, NO_ROW) : qual.evaluate(S, row, meta, NO_ROW))) {
        S.countFiltered(plan, 1);
        continue;
      }
      out.push(project === null ? row : project.waits(S) ? yield* project.generator(S, row, meta, NO_ROW) : project.evaluate(S, row, meta, NO_ROW));
      if (oneByOne || out.length >= limit) {
        const pause = S.tick(out.length);
        yield out;
        out = [];
        limit = nextBatchRows(limit);
        if (pause !== null) yield pause;
      }
    }
  } catch (error) {
    if (out.length > 0) yield out;
    throw error;
  }
  if (out.length > 0) yield out;
}

type BitmapNode =
  | { readonly kind: 'index'; readonly plan: BitmapPlan; readonly indexid: number; readonly ranges: IndexRanges }
  | { readonly kind: 'and' | 'or'; readonly plan: BitmapPlan; readonly inputs: readonly BitmapNode[] };
interface BitmapProgram extends RowIdProgram { readonly bitmap: BitmapNode }
const bitmapPrograms = new ProgramCache<BitmapHeapScanPlan, BitmapProgram>();

function compileBitmap(scope: CompileScope, relid: number, bitmap: BitmapPlan): BitmapNode {
  if (bitmap.bitmap !== 'index') return { kind: bitmap.bitmap, plan: bitmap, inputs: bitmap.inputs.map((input) => compileBitmap(scope, relid, input)) };
  const { descriptor } = openIndex(scope.catalog, relid, bitmap.indexid);
  return { kind: 'index', plan: bitmap, indexid: bitmap.indexid, ranges: compileIndexRanges(scope, descriptor, bitmap.conditions) };
}

/** Rows whose ids one or several indexes name, in physical order. */
export class BitmapHeapScan extends Operator {
  private readonly program: BitmapProgram;

  constructor(private readonly S: ExecutionState, private readonly plan: BitmapHeapScanPlan) {
    super();
    this.program = bitmapPrograms.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid));
      const width = openRelation(S.catalog, plan.relid).attributes.length;
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual, { varno: plan.scanrelid, width }),
        recheck: compileCondition(scope, plan.bitmapqualorig),
        bitmap: compileBitmap(scope, plan.relid, plan.bitmap),
      };
    });
  }

  *run(): BatchStream {
    const { S, plan, program } = this;
    const substitute = S.substitutes?.get(plan.scanrelid);
    if (substitute !== undefined) {
      if (substitute.relid === plan.relid) yield* fetchRows(S, program, plan, [substitute.rowId], substitute.row);
      return;
    }
    const rowIds = Float64Array.from(yield* this.measured(program.bitmap)).sort();
    yield* fetchRows(S, program, plan, Array.from(rowIds));
  }

  /** `collect`, measured for EXPLAIN ANALYZE. */
  private *measured(node: BitmapNode): Suspendable<Set<number>> {
    const { instrumentation, clock } = this.S.context;
    if (instrumentation === undefined) return yield* this.collect(node);
    const usageBefore = usageNow(this.S.context);
    const start = clock.monotonicMs();
    const found = yield* this.collect(node);
    const spent = clock.monotonicMs() - start;
    const before = instrumentation.get(node.plan) ?? newMeasurement();
    addUsage(before.usage, usageBefore, usageNow(this.S.context));
    instrumentation.set(node.plan, {
      ...before, loops: before.loops + 1, rows: before.rows + found.size, startupMs: before.startupMs + spent, totalMs: before.totalMs + spent,
    });
    return found;
  }

  private *collect(node: BitmapNode): Suspendable<Set<number>> {
    const { S, plan } = this;
    if (node.kind !== 'index') {
      let result: Set<number> | null = null;
      for (const input of node.inputs) {
        const part: Set<number> = yield* this.measured(input);
        if (result === null) result = part;
        else if (node.kind === 'or') for (const rowId of part) result.add(rowId);
        else for (const rowId of result) if (!part.has(rowId)) result.delete(rowId);
      }
      return result ?? new Set();
    }
    const found = new Set<number>();
    const { index } = openIndex(S.catalog, plan.relid, node.indexid);
    for (const range of yield* node.ranges.ranges(S, false)) {
      if (range.exact !== null) {
        for (const rowId of index.lookup(range.exact, false)) found.add(rowId);
        continue;
      }
      const cursor = index.range(range.lower, range.upper, false);
      while (cursor.next()) {
        found.add(cursor.rowId);
        const pause = S.tick(1);
        if (pause !== null) yield pause;
      }
    }
    return found;
  }
}

/** One condition on ctid: how it gives row ids. */
type TidSource =
  | { readonly kind: 'equal'; readonly value: Compiled<Datum>; readonly array: boolean }
  | { readonly kind: 'current'; readonly cursorName: string }
  | { readonly kind: 'scan' };
interface TidProgram extends RowIdProgram { readonly sources: readonly TidSource[] }
const tidPrograms = new ProgramCache<TidScanPlan, TidProgram>();

function isCtid(expr: Expr): boolean {
  return expr.node === 'Var' && expr.varattno === -1;
}

function tidSource(scope: CompileScope, expr: Expr): TidSource {
  if (expr.node === 'CurrentOfExpr') return { kind: 'current', cursorName: expr.cursorName };
  if (expr.node === 'ScalarArrayOpExpr' && isCtid(expr.args[0])) return { kind: 'equal', value: compileValue(scope, expr.args[1]), array: true };
  if (expr.node === 'OpExpr' && scope.catalog.operator(expr.opno)?.oprname === '=') {
    const other = isCtid(expr.args[0]) ? expr.args[1] : isCtid(expr.args[1]) ? expr.args[0] : null;
    if (other !== null && exprType(other) !== 0) return { kind: 'equal', value: compileValue(scope, other), array: false };
  }
  return { kind: 'scan' };
}

/** Rows named by ctid. Conditions other than equality scan the table and filter. */
export class TidScan extends Operator {
  private readonly program: TidProgram;

  constructor(private readonly S: ExecutionState, private readonly plan: TidScanPlan) {
    super();
    this.program = tidPrograms.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid));
      const sources = plan.tidquals.map((qual) => tidSource(scope, qual));
      const scanned = sources.some((source) => source.kind === 'scan');
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual.filter((qual) => qual.node !== 'CurrentOfExpr'), null),
        recheck: scanned ? compileCondition(scope, plan.tidquals) : null,
        sources: scanned ? [{ kind: 'scan' }] : sources,
      };
    });
  }

  *run(): BatchStream {
    const { S, plan, program } = this;
    const substitute = S.substitutes?.get(plan.scanrelid);
    if (substitute !== undefined) {
      if (substitute.relid === plan.relid) yield* fetchRows(S, program, plan, [substitute.rowId], substitute.row);
      return;
    }
    const rowIds = new Set<number>();
    for (const source of program.sources) {
      if (source.kind === 'scan') this.allRowIds(rowIds);
      else if (source.kind === 'current') this.currentRow(source.cursorName, rowIds);
      else {
        const value = yield* source.value.run(S, NO_ROW, NO_ROW, NO_ROW);
        const tids = value === null ? [] : source.array ? (value as ArrayValue).elements : [value];
        for (const tid of tids) if (tid !== null) rowIds.add(tidRowId(tid as string));
      }
    }
    rowIds.delete(0);
    yield* fetchRows(S, program, plan, [...rowIds].sort((a, b) => a - b));
  }

  private currentRow(cursorName: string, into: Set<number>): void {
    const { S, plan } = this;
    if (S.context.cursorRow === undefined) throw pgError('UNDEFINED_CURSOR', `cursor "${cursorName}" does not exist`);
    const rowId = S.context.cursorRow(cursorName, plan.relid);
    if (rowId !== null) into.add(rowId);
  }

  private allRowIds(into: Set<number>): void {
    const { S, plan } = this;
    const relation = openRelation(S.catalog, plan.relid);
    if (relation.kind === 'S') {
      into.add(SEQUENCE_ROW_ID);
      return;
    }
    for (const view of relation.openHeap().scan(S.snapshot)) {
      const settled = view.selection === null ? view.positions : view.selected;
      for (const rowId of rowsOfView(view, settled, 0).rowIds) into.add(rowId);
      for (const rowId of view.changedRowIds) into.add(rowId);
    }
  }
}
