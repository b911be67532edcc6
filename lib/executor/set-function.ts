/**
 * Set-returning functions: built-in iterables and users' functions as one stream of rows, for FROM and for target lists.
 * A null argument of a strict function gives the empty set.
 */
import type { Expr, RangeTblFunction } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import { RecordValue, type Datum, type Row } from '../types/datum.js';
import type { ExecutionState } from './context.js';
import { compileList, compileValue, type Compiled } from './expression/compile.js';
import type { CompileScope } from './expression/emitter.js';
import { resolveFunction, type ResolvedFunction } from './function-call.js';
import { BATCH_ROWS, type Batch, type BatchStream } from './operators/operator.js';
import { nullRow } from './row.js';

/** A compiled set-returning (or plain) expression in a place where sets are allowed. */
export interface SetExpression {
  /** Null: a plain value, one row. */
  readonly call: { readonly resolved: ResolvedFunction; readonly args: Compiled<Row> } | null;
  readonly scalar: Compiled<Datum> | null;
}

/** Whether an expression is a call of a set-returning function. */
export function isSetCall(expr: Expr, scope: CompileScope): boolean {
  if (expr.node === 'FuncExpr') return expr.funcretset;
  return expr.node === 'OpExpr' && (expr.opretset || scope.catalog.proc(expr.opfuncid)?.proretset === true);
}

/** Compiles an expression of a target list, or of a FROM function (`item`). */
export function compileSet(scope: CompileScope, expr: Expr, item?: RangeTblFunction): SetExpression {
  const columns = item?.hasColdef
    ? item.colnames.map((name, i) => ({ name, type: item.coltypes[i], typmod: item.coltypmods[i] })) : undefined;
  const isSet = isSetCall(expr, scope) || (columns !== undefined && expr.node === 'FuncExpr');
  if (!isSet || (expr.node !== 'FuncExpr' && expr.node !== 'OpExpr')) return { call: null, scalar: compileValue(scope, expr) };
  const functionOid = expr.node === 'FuncExpr' ? expr.funcid : expr.opfuncid;
  const resolved = resolveFunction(scope.catalog, {
    functionOid, argTypes: expr.args.map(exprType), resultType: exprType(expr), collation: expr.inputcollid,
    variadic: expr.node === 'FuncExpr' && expr.funcvariadic, columns,
  });
  return { call: { resolved, args: compileList(scope, expr.args) }, scalar: null };
}

/** Rows of the set, one or several columns each. `composite`: record values are spread into columns. */
export function* openSet(S: ExecutionState, set: SetExpression, o: Row, i: Row, x: Row, composite: boolean, width: number): BatchStream {
  if (set.call === null) {
    const value = yield* set.scalar!.run(S, o, i, x);
    yield [composite ? spread(value, width) : [value]];
    return;
  }
  const { resolved } = set.call;
  const args = yield* set.call.args.run(S, o, i, x);
  if (resolved.proc.proisstrict && args.includes(null)) return;
  if (resolved.implementation === null) {
    for (const item of S.context.functions.callSet(resolved.proc, resolved.call, args, S)) {
      if (item instanceof Suspend || composite || !isRowType(S, resolved.call.resultType)) yield item;
      // In a target list the row is one composite value.
      else yield item.map((row) => [new RecordValue(resolved.call.resultType, row)]);
    }
    return;
  }
  yield* builtinSet(S, resolved, args, composite, width);
}

function* builtinSet(S: ExecutionState, resolved: ResolvedFunction, args: Row, composite: boolean, width: number): BatchStream {
  const { implementation } = resolved;
  const context = { services: S.services, call: resolved.call };
  if (implementation?.kind === 'rowSet') {
    // In a target list the row is one composite value.
    yield* inBatches(S, implementation.fn(context, ...args), (row) => (composite ? row : [new RecordValue(resolved.call.resultType, row)]));
  } else if (implementation?.kind === 'set') {
    yield* inBatches(S, implementation.fn(context, ...args), (value) => (composite ? spread(value, width) : [value]));
  } else if (implementation?.kind === 'pure') {
    yield* inBatches(S, elementsOf(implementation.fn(...args)), (value) => (composite ? spread(value, width) : [value]));
  } else if (implementation?.kind === 'context') {
    yield* inBatches(S, elementsOf(implementation.fn(context, ...args)), (value) => (composite ? spread(value, width) : [value]));
  }
}

/** A body that is not registered as a set raises by itself; a single value is a set of one. */
function elementsOf(value: Datum): Datum[] {
  return [value];
}

function* inBatches<T>(S: ExecutionState, items: Iterable<T>, toRow: (item: T) => Row): BatchStream {
  let out: Batch = [];
  let limit = FIRST_SET_ROWS;
  for (const item of items) {
    out.push(toRow(item));
    if (out.length < limit) continue;
    const pause = S.tick(out.length);
    yield out;
    out = [];
    limit = BATCH_ROWS;
    if (pause !== null) yield pause;
  }
  if (out.length > 0) yield out;
}
const FIRST_SET_ROWS = 16;

/** Whether a type's values are rows. */
export function isRowType(S: ExecutionState, type: number): boolean {
  const found = S.catalog.type(S.catalog.baseType(type));
  return found !== null && (found.typtype === 'c' || found.typname === 'record');
}

/** How rows of a type's columns become rows with places for the dropped ones; null where none was dropped. */
export function droppedFiller(S: ExecutionState, type: number): ((row: Row) => Row) | null {
  const found = S.catalog.type(S.catalog.baseType(type));
  const attributes = found === null || found.typrelid === 0 ? [] : S.catalog.relation(found.typrelid)?.attributes ?? [];
  if (!attributes.some((attribute) => attribute.attisdropped)) return null;
  return (row) => {
    let next = 0;
    return attributes.map((attribute) => (attribute.attisdropped ? null : row[next++] ?? null));
  };
}

/** A composite value as a row of columns; null is a row of nulls. */
export function spread(value: Datum, width: number): Row {
  if (value instanceof RecordValue) return value.values.length >= width ? [...value.values] : [...value.values, ...nulls(width - value.values.length)];
  return value === null ? nulls(width) : [value];
}

function nulls(count: number): Row {
  return nullRow(Math.max(count, 0));
}

/** Pulls rows one by one from a stream. */
export class RowPuller {
  private batch: Batch = [];
  private position = 0;
  private ended = false;
  constructor(private readonly stream: BatchStream) {}

  /** The next row, or null at the end. */
  *next(): Suspendable<Row | null> {
    while (this.position >= this.batch.length) {
      if (this.ended) return null;
      const step = this.stream.next();
      if (step.done) this.ended = true;
      else if (step.value instanceof Suspend) yield step.value;
      else {
        this.batch = step.value;
        this.position = 0;
      }
    }
    return this.batch[this.position++];
  }

  /** A row that is here already; undefined when `next` must be asked. */
  ready(): Row | undefined {
    return this.position < this.batch.length ? this.batch[this.position++] : undefined;
  }

  close(): void {
    this.ended = true;
    this.batch = [];
    this.position = 0;
    this.stream.return();
  }
}
