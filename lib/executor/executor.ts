/**
 * The executor's door: runs planned statements, and single expressions for the planner and for commands. A plan is
 * read-only and shared; every execution has its own state. Results come as a generator of batches that the caller pulls,
 * so a portal can stop after n rows and go on later; a `Suspend` in between is a wait that the caller passes on.
 */
import { pgError } from '../base/error.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Snapshot } from '../access/api.js';
import type { Expr } from '../analyzer/nodes.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgProc } from '../catalog/rows.js';
import type { CallInfo, FunctionServices } from '../functions/context.js';
import type { ModifyTablePlan, Plan, PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum, Row } from '../types/datum.js';
import { ExecutionState, type ExecutionContext } from './context.js';
import { compileValue, NO_ROW, type Compiled } from './expression/compile.js';
import { declaredCall, directCall, resolveFunction, type DirectCall } from './function-call.js';
import { createOperator } from './operators/create.js';
import type { Batch, BatchStream, Operator, StoredStream } from './operators/operator.js';
import { planChildren } from './plan-children.js';
import { childReader, scopeFor } from './readers.js';
import { NO_STATEMENT } from './relation-access.js';

export type { Batch, BatchStream } from './operators/operator.js';
export { StoredRows } from './stored-rows.js';
export type { ExecutionContext, ExecutorSettings, FunctionRunner, GivenRows, Instrumentation, NodeInstrumentation, TemporaryFile, TemporaryStore } from './context.js';

/** One execution of a plan. */
export class QueryRun {
  private readonly S: ExecutionState;
  private readonly root: Operator;
  private stream: StoredStream | null = null;
  /** How far `atOnce` got with a statement that changes something: its events are being gathered, its rows are changed. */
  private isBegun = false;
  private isChanged = false;

  constructor(context: ExecutionContext, private readonly plan: PlannedStmt) {
    if (plan.planTree === null) throw new Error('a utility statement has no plan to run');
    this.S = new ExecutionState(context, plan);
    this.root = createOperator(this.S, plan.planTree);
  }

  /** Rows changed (INSERT, UPDATE, DELETE, MERGE): the command tag's count. SELECT counts the rows it delivers itself. */
  get processed(): number {
    return this.S.processed;
  }

  /** All of a statement that returns few rows or none and waits for nothing, see `Operator.atOnce`. Null: `batches` does what is left of it. */
  atOnce(): Batch | null {
    const { plan } = this;
    if (plan.hasModifyingCTE) return null;
    if (plan.commandType !== 'select') return plan.hasReturning ? null : this.changeAtOnce();
    return visibleWidth(plan.planTree!) === null ? this.root.atOnce() : null;
  }

  /**
   * After an `atOnce` that gave null: the wait for the row that it stopped at, to be followed by `atOnceAgain`. Null: it stopped at
   * something else.
   */
  rowWait(): Suspendable<void> | null {
    return this.root.rowWait();
  }

  /** `atOnce` after `rowWait`, during which nobody kept the snapshot from being forgotten: what reads on does so by this one. */
  atOnceAgain(snapshot: Snapshot): Batch | null {
    this.S.snapshot = snapshot;
    return this.changeAtOnce();
  }

  private changeAtOnce(): Batch | null {
    const { afterEvents } = this.S.context;
    if (!this.isBegun) afterEvents.beginStatement();
    this.isBegun = true;
    const rows = this.root.atOnce();
    this.isChanged = rows !== null;
    this.isBegun = !this.isChanged || !afterEvents.tryEndStatement();
    return this.isBegun ? null : rows;
  }

  /** The rows, junk columns left out; to be called once. */
  batches(): BatchStream {
    const stream = this.plan.commandType === 'select' && !this.plan.hasModifyingCTE ? this.readOnly() : this.modifying();
    this.stream = stream;
    return stream;
  }

  /** `batches` for a reader that takes columns of packed chunks as they are. */
  storedBatches(): StoredStream {
    const isPlain = this.plan.commandType === 'select' && !this.plan.hasModifyingCTE && visibleWidth(this.plan.planTree!) === null;
    return isPlain ? (this.stream = this.root.runStored()) : this.batches();
  }

  private readOnly(): BatchStream {
    const width = visibleWidth(this.plan.planTree!);
    return width === null ? this.root.run() : withoutJunk(this.root.run(), width);
  }

  /** A statement that changes something: its constraint checks and AFTER triggers belong to it. */
  private *modifying(): BatchStream {
    const { S } = this;
    const { afterEvents } = S.context;
    if (!this.isBegun) afterEvents.beginStatement();
    this.isBegun = false;
    let ended = false;
    try {
      if (returnsRows(this.plan)) {
        // Every change happens before the client sees the first row, as in a portal that holds its results.
        const rows: Row[][] = [];
        for (const item of this.readOnly()) {
          if (item instanceof Suspend) yield item;
          else rows.push(item);
        }
        yield* this.remainingModifyingCtes();
        ended = true;
        yield* afterEvents.endStatement(S.context);
        yield* rows;
        return;
      }
      if (!this.isChanged) for (const item of this.root.run()) if (item instanceof Suspend) yield item;
      if (this.plan.hasModifyingCTE) yield* this.remainingModifyingCtes();
      ended = true;
      if (!afterEvents.tryEndStatement()) yield* afterEvents.endStatement(S.context);
    } finally {
      if (!ended) afterEvents.abandonStatement();
    }
  }

  /** Data-modifying CTEs run to their end whether or not anybody read them. */
  private *remainingModifyingCtes(): Suspendable<void> {
    if (!this.plan.hasModifyingCTE) return;
    for (const [planId, plan] of this.plan.subplans.entries()) {
      if (plan.plan === 'ModifyTable') yield* this.S.subplans.cte(planId).fill();
    }
  }

  /** Ends the execution, finished or not, and gives its resources back. */
  close(): void {
    this.stream?.return();
    if (this.isBegun) this.S.context.afterEvents.abandonStatement();
    this.S.close();
  }
}

function returnsRows(plan: PlannedStmt): boolean {
  return plan.commandType === 'select' || plan.hasReturning;
}

/** Number of columns before the junk; null when there is no junk. ModifyTable's own list is RETURNING's. */
function visibleWidth(plan: Plan): number | null {
  if (plan.plan === 'ModifyTable') return null;
  let visible = 0;
  for (let index = 0; index < plan.targetlist.length; index++) if (!plan.targetlist[index].resjunk) visible++;
  return visible === plan.targetlist.length ? null : visible;
}

function* withoutJunk(stream: BatchStream, width: number): BatchStream {
  for (const item of stream) yield item instanceof Suspend ? item : item.map((row) => row.slice(0, width));
}

/**
 * Starts an execution. The caller holds the relations' locks and has checked the plan to be fresh; it pulls
 * `batches()` and calls `close()` in the end. Errors surface while pulling.
 */
export function executePlan(plan: PlannedStmt, context: ExecutionContext): QueryRun {
  return new QueryRun(context, plan);
}

const expressions = new WeakMap<Expr, Compiled<Datum>>();

function compiledFor(catalog: Catalog, expr: Expr): Compiled<Datum> {
  let compiled = expressions.get(expr);
  if (compiled === undefined) {
    compiled = compileValue(scopeFor(catalog, NO_STATEMENT, childReader), expr);
    expressions.set(expr, compiled);
  }
  return compiled;
}

/** Evaluates an expression without Vars (defaults, partition bounds, EXECUTE's arguments). */
export function* evaluateExpression(expr: Expr, context: ExecutionContext): Suspendable<Datum> {
  return yield* compiledFor(context.catalog, expr).run(new ExecutionState(context, NO_STATEMENT), NO_ROW, NO_ROW, NO_ROW);
}

/**
 * Constant folding: the value of an expression of constants and immutable (or stable) built-in functions. Null when it
 * cannot be known without waiting (users' functions). Errors of the evaluation are thrown. It is compiled: see `callOfConstants` for what need not be.
 */
export function evaluateConstant(expr: Expr, context: ExecutionContext): { readonly value: Datum } | null {
  const compiled = compileValue(scopeFor(context.catalog, NO_STATEMENT, childReader), expr);
  if (compiled.suspends) return null;
  return { value: compiled.evaluate(new ExecutionState(context, NO_STATEMENT), NO_ROW, NO_ROW, NO_ROW) };
}

/**
 * A call of a built-in with constants, as the planner's estimates make them for each execution (`$1 + 99`): compiling it would cost a
 * hundred times the call. Null for all else.
 */
export function callOfConstants(expr: Expr, catalog: Catalog, services: FunctionServices): { readonly value: Datum } | null {
  if (expr.node !== 'OpExpr' && expr.node !== 'FuncExpr') return null;
  const values: Datum[] = [];
  for (const arg of expr.args) {
    if (arg.node !== 'Const') return null;
    values.push(arg.value);
  }
  const [functionOid, resultType, variadic] = expr.node === 'OpExpr' ? [expr.opfuncid, expr.opresulttype, false] : [expr.funcid, expr.funcresulttype, expr.funcvariadic];
  const proc = catalog.proc(functionOid);
  if (proc === null || variadic || proc.prorettype !== resultType || !areDeclared(expr.args, proc)) {
    return callResolved(catalog, services, { functionOid, argTypes: expr.args.map(exprType), resultType, collation: expr.inputcollid, variadic }, values);
  }
  const call = declaredCall(catalog, proc, expr.inputcollid);
  return call === null ? null : valueOf(proc, call, services, values);
}

/** Whether the arguments have just the types that the function declares. */
function areDeclared(args: readonly Expr[], proc: PgProc): boolean {
  const types = proc.proargtypes.elements;
  return args.length === types.length && args.every((arg, index) => exprType(arg) === types[index]);
}

function callResolved(catalog: Catalog, services: FunctionServices, call: CallInfo, values: readonly Datum[]): { readonly value: Datum } | null {
  const resolved = resolveFunction(catalog, call);
  const direct = resolved.proc.proretset ? null : directCall(resolved);
  return direct === null ? null : valueOf(resolved.proc, direct, services, values);
}

function valueOf(proc: PgProc, call: DirectCall, services: FunctionServices, values: readonly Datum[]): { readonly value: Datum } {
  return { value: proc.proisstrict && values.includes(null) ? null : call(services, ...values) };
}

/** Calls a built-in with values of its declared types; null for one that `directCall` does not have. */
export function callDeclared(proc: PgProc, collation: Oid, values: readonly Datum[], catalog: Catalog, services: FunctionServices): { readonly value: Datum } | null {
  const call = declaredCall(catalog, proc, collation);
  return call === null ? null : valueOf(proc, call, services, values);
}

/** Checks a value against a domain's constraints, base domains' first. 23502, 23514. */
export function checkDomain(context: ExecutionContext, domain: Oid, value: Datum): void {
  const arg: Expr = { node: 'Const', consttype: context.catalog.baseType(domain), consttypmod: -1, constcollid: 0, value, location: -1 };
  evaluateConstant({ node: 'CoerceToDomain', arg, resulttype: domain, resulttypmod: -1, resultcollid: 0, coercionformat: 'implicitCast', location: -1 }, context);
}

/** 25006 for a statement that must not run in a read-only transaction. */
export function requireWritable(plan: PlannedStmt, command: string): void {
  if (!plan.readOnly) throw pgError('READ_ONLY_SQL_TRANSACTION', `cannot execute ${command} in a read-only transaction`);
}

/** Relations that a plan changes (ModifyTable's targets anywhere in it). */
export function modifiedRelations(plan: PlannedStmt): number[] {
  const found: number[] = [];
  const visit = (node: Plan): void => {
    if (node.plan === 'ModifyTable') found.push(...(node satisfies ModifyTablePlan).resultRelations.map((target) => target.relid));
    planChildren(node).forEach(visit);
  };
  if (plan.planTree !== null) visit(plan.planTree);
  plan.subplans.forEach(visit);
  return found;
}
