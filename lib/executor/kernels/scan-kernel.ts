/**
 * The fused kernel of a sequential scan: filter and target list as one loop over the typed columns of a chunk, without a
 * row in between. Compiled per combination of column kinds (a column may be packed differently in different chunks).
 * Its slow twin is `rowsOfView` + the row forms of the same expressions; a test compares them.
 *
 * Earned by: filtered sum over 1 M rows 6 ms from columns, 10 ms from row arrays.
 */
import type { ChunkView, ColumnVector, StoredNumbers } from '../../access/api.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr, Var } from '../../analyzer/nodes.js';
import { forEachChild } from '../../analyzer/walker.js';
import { ROW_ID_ATTNO } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import type { Jsonb } from '../../types/jsonb.js';
import {
  BOOLOID, BPCHAROID, DATEOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, JSONBOID, JSONOID, NAMEOID, NUMERICOID, OIDOID, TEXTOID, TIMESTAMPOID,
  TIMESTAMPTZOID, UUIDOID, VARCHAROID,
} from '../../types/oids.js';
import type { ExecutionState } from '../context.js';
import { Emitter, instantiate, nonNull, scopeNow, value, type Code, type CompileScope } from '../expression/emitter.js';
import { emit, emitConditions } from '../expression/emit.js';

/** Chunks with fewer settled rows than this are read as rows: compiling does not pay. */
export const KERNEL_MINIMUM_ROWS = 128;

/**
 * Runs over positions [from, ...) of a view until `limit` rows are in `out` or the view ends; returns where to go on, or
 * -1 at the end.
 */
export type ScanKernel = (S: ExecutionState, view: ChunkView, columns: readonly ColumnVector[], out: Row[], from: number, limit: number, keyLimit: KeyLimit) => number;

/** The worst key that a bounded sort above still wants; lets the kernel drop rows without making them. */
export interface KeyLimit {
  /** Null while there is none. */
  value: number | null;
}
/** Which key: its expression, whether larger ones are better, and whether nulls come first. */
export interface KeyLimitShape {
  readonly expr: Expr;
  readonly reverse: boolean;
  readonly nullsFirst: boolean;
}

/**
 * Loops that one scan may have: with more, numbers that are stored differently from chunk to chunk are read as `data`, which is the same for
 * all.
 */
const MOST_LOOPS = 8;

/** Compiled loops by what their columns are. */
export class ColumnLoops<Loop> {
  private readonly loops = new Map<string, Loop>();

  /** The loop for such columns. `compile`: makes one that reads numbers as they are stored, or as `data`. */
  get(columns: readonly ColumnVector[], compile: (reading: Reading) => Loop): Loop {
    const stored = signatureOf(columns, 'stored');
    const found = this.loops.get(stored);
    if (found !== undefined) return found;
    const reading = this.loops.size < MOST_LOOPS ? 'stored' : 'data';
    const signature = reading === 'stored' ? stored : signatureOf(columns, reading);
    let loop = this.loops.get(signature);
    if (loop === undefined) this.loops.set(signature, loop = compile(reading));
    return loop;
  }
}

/** How a loop reads columns of numbers. */
export type Reading = 'stored' | 'data';

/** Names the kinds of columns, how their numbers are stored where that matters, and whether they have nulls. */
function signatureOf(columns: readonly ColumnVector[], reading: Reading): string {
  let signature = '';
  for (const column of columns) {
    const numbers = storedNumbers(column, reading);
    signature += column.kind + (numbers === null ? '' : `${formOf(numbers)}${numbers.array.BYTES_PER_ELEMENT}`) + (column.nulls === null ? ';' : '?;');
  }
  return signature;
}

/** What is read of a column of numbers instead of `data`; null: `data` is. */
function storedNumbers(column: ColumnVector, reading: Reading): StoredNumbers | null {
  return reading === 'stored' && (column.kind === 'int32' || column.kind === 'float64') ? column.stored : null;
}

/** What is to be done with a stored number. */
function formOf({ base, divisor }: StoredNumbers): '' | '+' | '/' {
  return divisor !== 1 ? '/' : base === 0 ? '' : '+';
}

/** Kernels of one scan, by the kinds of its columns. */
export class ScanKernels {
  /** 0-based attributes that are read of every row. */
  readonly attributes: readonly number[];
  private readonly kernels = new ColumnLoops<ScanKernel>();

  /**
   * `project` null: whole rows of `width` columns. With a key limit the other columns are opened for rows that pass it: most chunks have none
   * soon.
   */
  constructor(private readonly scope: CompileScope, private readonly qual: readonly Expr[], private readonly project: readonly Expr[] | null, width: number, private readonly keyLimit: KeyLimitShape | null = null) {
    this.attributes = project === null ? Array.from({ length: width }, (_, index) => index) : usedAttributes([...qual, ...(keyLimit === null ? project : [keyLimit.expr])]);
  }

  /**
   * Whether no settled row of a view passes the key limit, by what is known of the key's column: then not even that is opened. Not with
   * conditions, which may raise an error for a row whatever its key.
   */
  isBeyond(view: ChunkView, limit: KeyLimit): boolean {
    const { keyLimit, qual } = this;
    if (keyLimit === null || limit.value === null || qual.length > 0 || keyLimit.expr.node !== 'Var' || keyLimit.expr.varattno <= 0) return false;
    const range = view.range(keyLimit.expr.varattno - 1);
    if (range === null || (range.hasNulls && keyLimit.nullsFirst)) return false;
    return keyLimit.reverse ? range.maximum < limit.value : range.minimum > limit.value;
  }

  /** The columns of a view that the kernel reads of every row. */
  columns(view: ChunkView): ColumnVector[] {
    return this.attributes.map((attribute) => view.column(attribute));
  }

  /** The kernel for columns of these kinds. */
  kernel(S: ExecutionState, columns: readonly ColumnVector[]): ScanKernel {
    return this.kernels.get(columns, (reading) => this.compile(S, columns, reading));
  }

  private compile(S: ExecutionState, columns: readonly ColumnVector[], reading: Reading): ScanKernel {
    const borrowing: Borrowing = { owned: false };
    const emitter = new Emitter({ ...scopeNow(S, this.scope), read: columnReader(this.attributes, columns, borrowing, reading) }, 'sync');
    const test = this.qual.length === 0 ? '' : `if (!${emitConditions(emitter, this.qual)}) continue;`;
    const enough = this.keyLimitTest(emitter);
    const values = this.project === null
      ? this.attributes.map((attribute, index) => readColumn(columns[index], index, true, reading).js)
      : this.project.map((expr) => emitKept(emitter, expr, borrowing));
    const body = `${columnDeclarations(columns, reading)} const sel = view.selection, n = sel === null ? view.positions : view.selected, first = view.firstRowId;
      for (let j = from; j < n; j++) { const k = sel === null ? j : sel[j]; ${test} ${enough}
        out.push([${values.join(', ')}]);
        if (out.length >= limit) return j + 1; }
      return -1;`;
    return instantiate(emitter, 'S, view, columns, out, from, limit, keyLimit', body, false) as ScanKernel;
  }

  private keyLimitTest(emitter: Emitter): string {
    if (this.keyLimit === null) return '';
    const { expr, reverse, nullsFirst } = this.keyLimit;
    const name = emitter.temp();
    // NaN compares false and stays; the sort knows its place.
    const worse = `${name} ${reverse ? '<' : '>'} keyLimit.value`;
    const isNull = nullsFirst ? `${name} !== null && ` : `${name} === null || `;
    return `if (keyLimit.value !== null && (${name} = ${emit(emitter, expr).js}, ${isNull}${worse})) continue;`;
  }
}

/** Declares `d0`, `n0`, `b0` ... for the typed data of the columns. */
export function columnDeclarations(columns: readonly ColumnVector[], reading: Reading): string {
  return columns.map((column, index) => {
    const typed = column.kind === 'int32' || column.kind === 'float64' || column.kind === 'boolean';
    if (!typed) return `const c${index} = columns[${index}];`;
    const numbers = storedNumbers(column, reading);
    const form = numbers === null ? '' : formOf(numbers);
    const operand = form === '' ? '' : `, b${index} = columns[${index}].stored.${form === '+' ? 'base' : 'divisor'}`;
    const nulls = column.nulls === null ? '' : `, n${index} = columns[${index}].nulls`;
    return `const d${index} = columns[${index}].${numbers === null ? 'data' : 'stored.array'}${operand}${nulls};`;
  }).join(' ');
}

/** How jsonb is read: values of their own, or such that lie in the chunk (see `lib/types/jsonb`); changes between expressions. */
export interface Borrowing { owned: boolean }

/** The usual types whose values cannot hold a jsonb. */
export const PLAIN_TYPES: ReadonlySet<number> = new Set([
  BOOLOID, INT2OID, INT4OID, INT8OID, FLOAT4OID, FLOAT8OID, NUMERICOID, TEXTOID, VARCHAROID, BPCHAROID, NAMEOID, JSONOID, DATEOID, TIMESTAMPOID,
  TIMESTAMPTZOID, UUIDOID, OIDOID,
]);

/** Source of an expression's value that stays longer than the row at hand: it keeps no chunk in memory. */
export function emitKept(emitter: Emitter, expr: Expr, borrowing: Borrowing): string {
  const type = exprType(expr);
  if (PLAIN_TYPES.has(type)) return emit(emitter, expr).js;
  // Of a jsonb the part that is kept is copied; a container of jsonb is made of values that were copied before.
  if (type === JSONBOID && expr.node !== 'Var') return `${emitter.constant(ownedJsonb)}(${emit(emitter, expr).js})`;
  borrowing.owned = true;
  const { js } = emit(emitter, expr);
  borrowing.owned = false;
  return js;
}

function ownedJsonb(value: Jsonb | null): Jsonb | null {
  return value === null ? null : value.owned();
}

/** Source of column `index` at position `k`. */
function readColumn(column: ColumnVector, index: number, owned: boolean, reading: Reading): Code {
  if (column.kind === 'jsonb') return { js: `c${index}.${owned ? 'get' : 'borrow'}(k)`, nullable: column.nulls !== null, simple: false };
  if (column.kind === 'string') return { js: `c${index}.get(k)`, nullable: column.nulls !== null, simple: false, strings: `c${index}` };
  if (column.kind === 'generic') return value(`c${index}.get(k)`);
  const numbers = storedNumbers(column, reading);
  const form = numbers === null ? '' : formOf(numbers);
  const data = column.kind === 'boolean' ? `d${index}[k] === 1` : form === '' ? `d${index}[k]` : `(d${index}[k] ${form} b${index})`;
  if (column.nulls === null) return nonNull(`(${data})`);
  return value(`((n${index}[k >> 3] & (1 << (k & 7))) !== 0 ? null : ${data})`);
}

/** Reads Vars from columns, those that are not among `attributes` from the view; row ids as constants of the position. */
export function columnReader(attributes: readonly number[], columns: readonly ColumnVector[], borrowing: Borrowing, reading: Reading): CompileScope['read'] {
  return (variable: Var) => {
    if (variable.varattno === ROW_ID_ATTNO) return nonNull('(first + k)');
    const index = attributes.indexOf(variable.varattno - 1);
    return index < 0 ? value(`view.column(${variable.varattno - 1}).get(k)`) : readColumn(columns[index], index, borrowing.owned, reading);
  };
}

/** 0-based attributes that expressions read, ascending. */
export function usedAttributes(exprs: readonly Expr[]): readonly number[] {
  const used = new Set<number>();
  for (const expr of exprs) collectAttributes(expr, used);
  return [...used].sort((a, b) => a - b);
}

function collectAttributes(expr: Expr, into: Set<number>): void {
  if (expr.node === 'Var') {
    if (expr.varattno > 0) into.add(expr.varattno - 1);
    return;
  }
  forEachChild(expr, (child) => collectAttributes(child, into));
}

/** Whether a kernel can read all Vars of the expressions (no whole rows, no ctid). */
export function kernelReads(exprs: readonly Expr[]): boolean {
  return exprs.every(readable);
}

function readable(expr: Expr): boolean {
  if (expr.node === 'Var') return expr.varattno > 0 || expr.varattno === ROW_ID_ATTNO;
  let all = true;
  forEachChild(expr, (child) => { all &&= readable(child); });
  return all;
}
