/**
 * SQL-language functions: runs the statements of a body one after the other, the last one's rows being the result. What a
 * body means (parsing, analysis, planning, the cast of the result to the declared type) comes from the session.
 *
 * Volatile functions see what was done before each of their statements; stable and immutable ones use the caller's
 * snapshot. Idea: PostgreSQL's functions.c.
 */
import { PgError, pgError } from '../base/error.js';
import { Suspend, type Suspendable } from '../base/suspend.js';
import type { PgProc } from '../catalog/rows.js';
import type { CallInfo } from '../functions/context.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import { RecordValue, type Datum, type Row } from '../types/datum.js';
import { VOIDOID } from '../types/oids.js';
import { withSnapshot, type ExecutionContext, type ExecutionState, type FunctionRunner } from './context.js';
import { executePlan } from './executor.js';
import { freshSnapshot } from './modify/after-events.js';
import type { BatchStream } from './operators/operator.js';
import { droppedFiller, isRowType } from './set-function.js';

/** One statement of a body. */
export interface SqlFunctionStatement {
  /** Null for a utility statement. Planned, and its relations locked, when it is reached: earlier statements may have made what it names. */
  plan(): Suspendable<PlannedStmt | null>;
  /** Runs a utility statement. */
  executeUtility(context: ExecutionContext): Suspendable<void>;
}

/** What the session knows about SQL functions. */
export interface SqlFunctionBodies {
  /** The statements of a body, for these argument types. The last query's columns already have the result's types. */
  statements(proc: PgProc, call: CallInfo): readonly SqlFunctionStatement[];
  /** Enters the function's own settings and user (SET, SECURITY DEFINER); call the result to leave. Null: nothing to do. */
  enter(proc: PgProc): (() => void) | null;
}

/** SQL functions may call themselves; beyond this many levels it is a mistake (54001). */
const MAXIMUM_DEPTH = 200;
let depth = 0;

/** Runs SQL-language functions. */
export class SqlFunctionRunner implements FunctionRunner {
  constructor(private readonly bodies: SqlFunctionBodies) {}

  *call(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): Suspendable<Datum> {
    let first: Row | null = null;
    // Rows after the first are not asked for, unless the statement changes something.
    for (const item of this.run(proc, call, args, state, true)) {
      if (item instanceof Suspend) yield item;
      else first ??= item[0];
    }
    if (first === null || call.resultType === VOIDOID) return null;
    return resultValue(state, first, isRowType(state, call.resultType), call.resultType);
  }

  *callSet(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): BatchStream {
    const composite = isRowType(state, call.resultType);
    const fill = composite ? droppedFiller(state, call.resultType) : null;
    for (const item of this.run(proc, call, args, state, false)) {
      if (item instanceof Suspend || !composite) yield item;
      // A single column of the row type itself is spread.
      else yield item.map((row) => (row.length === 1 && row[0] instanceof RecordValue ? [...row[0].values] : fill === null ? row : fill(row)));
    }
  }

  private *run(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState, single: boolean): BatchStream {
    if (depth >= MAXIMUM_DEPTH) {
      throw pgError('STATEMENT_TOO_COMPLEX', 'stack depth limit exceeded', {
        hint: 'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack depth limit is adequate.',
      });
    }
    const leave = this.bodies.enter(proc);
    depth++;
    let place = 'during startup';
    try {
      const statements = this.bodies.statements(proc, call);
      for (const [index, statement] of statements.entries()) {
        place = `statement ${index + 1}`;
        const context = statementContext(proc, args, state);
        const plan = yield* statement.plan();
        if (plan === null) yield* statement.executeUtility(context);
        else yield* runStatement(plan, context, index === statements.length - 1, single);
      }
    } catch (error) {
      if (error instanceof PgError) addContext(error, proc, place);
      throw error;
    } finally {
      depth--;
      leave?.();
    }
  }
}

/** Adds where in the function it happened (sql_exec_error_callback); a position in the body is one in an internal query. */
function addContext(error: PgError, proc: PgProc, place: string): void {
  if (error.position !== undefined && proc.prosqlbody === null) {
    error.internalPosition = error.position;
    error.internalQuery = proc.prosrc;
    error.position = undefined;
  }
  const line = `SQL function "${proc.proname}" ${place}`;
  error.where = error.where === undefined ? line : `${error.where}\n${line}`;
}

function statementContext(proc: PgProc, args: readonly Datum[], state: ExecutionState): ExecutionContext {
  const { context } = state;
  let { snapshot } = state;
  if (proc.provolatile === 'v') {
    context.transaction.incrementCommandId();
    snapshot = freshSnapshot(context);
  }
  const derived: ExecutionContext = Object.create(withSnapshot(context, snapshot), {
    params: { value: args, enumerable: true }, instrumentation: { value: undefined, enumerable: true },
  });
  return derived;
}

function* runStatement(plan: PlannedStmt, context: ExecutionContext, last: boolean, single: boolean): BatchStream {
  const run = executePlan(plan, context);
  try {
    for (const item of run.batches()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      if (!last) continue;
      yield item;
      if (single && plan.commandType === 'select') return;
    }
  } finally {
    run.close();
  }
}

/** A row as the function's single value. */
function resultValue(state: ExecutionState, row: Row, composite: boolean, type: number): Datum {
  if (!composite || (row.length === 1 && (row[0] === null || row[0] instanceof RecordValue))) return row[0];
  return new RecordValue(type, droppedFiller(state, type)?.(row) ?? row);
}
