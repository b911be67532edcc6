/**
 * The expression compiler's door: analyzed expressions in, JavaScript functions out. Every compiled object has a plain
 * form and, where something in it may wait (subplans, users' functions, waiting built-ins), a generator form; operators
 * write `const v = e.waits(S) ? yield* e.generator(S, o, i, x) : e.evaluate(S, o, i, x)`.
 *
 * Idea: PostgreSQL's ExprState programs and their JIT (execExpr.c, llvmjit_expr.c), with V8 as the JIT.
 */
import type { Expr } from '../../analyzer/nodes.js';
import { assert } from '../../base/assert.js';
import { notSupported } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { tryLockSequences, type SequenceSource } from '../sequence-lock.js';
import { Emitter, instantiate, scopeNow, type CompileScope } from './emitter.js';
import { emit, emitConditions } from './emit.js';

/** A row operand of a compiled expression that is not there. */
export const NO_ROW: Row = [];

/** The plain form. `o`: scan or outer row; `i`: inner (or new) row; `x`: extra values. */
export type Evaluate<T> = (S: ExecutionState, o: Row, i: Row, x: Row) => T;
type Generate<T> = (S: ExecutionState, o: Row, i: Row, x: Row) => Suspendable<T>;

/** A compiled expression, condition or list. Shared by all executions of a plan. */
export class Compiled<T> {
  /** Always waits, or may: `evaluate` must not be used. */
  readonly suspends: boolean;
  /** The plain form; made JavaScript when it is first called. */
  evaluate: Evaluate<T>;
  private readonly lazyParams: readonly number[] | null;
  private readonly lazySubplans: readonly number[] | null;
  private readonly sequences: readonly SequenceSource[];
  private generate: Generate<T> | null = null;

  constructor(private readonly scope: CompileScope, private readonly body: (emitter: Emitter) => string) {
    const emitter = new Emitter(scope, 'sync');
    const source = body(emitter);
    this.suspends = emitter.suspends;
    this.lazyParams = emitter.lazyParams.size === 0 ? null : [...emitter.lazyParams];
    this.lazySubplans = emitter.lazySubplans.size === 0 ? null : [...emitter.lazySubplans];
    this.sequences = emitter.sequences;
    this.evaluate = this.suspends ? mustGenerate : (S, o, i, x) => {
      this.evaluate = instantiate(emitter, PARAMETERS, source) as Evaluate<T>;
      return this.evaluate(S, o, i, x);
    };
  }

  /** Whether the generator form must be used now. */
  waits(S: ExecutionState): boolean {
    if (this.suspends) return true;
    if (this.sequences.length > 0 && !tryLockSequences(S, this.sequences)) return true;
    if (this.lazyParams === null && this.lazySubplans === null) return false;
    return S.subplans.anyPending(this.lazyParams, this.lazySubplans);
  }

  generator(S: ExecutionState, o: Row, i: Row, x: Row): Suspendable<T> {
    if (this.generate === null) {
      const emitter = new Emitter(scopeNow(S, this.scope), 'generator');
      const source = this.body(emitter);
      this.generate = instantiate(emitter, PARAMETERS, source) as Generate<T>;
    }
    return this.generate(S, o, i, x);
  }

  /** Evaluates where nobody can wait (index keys, predicates): users' functions may run, but 0A000 when one has to wait. */
  evaluateAtOnce(S: ExecutionState, o: Row, i: Row, x: Row): T {
    if (!this.waits(S)) return this.evaluate(S, o, i, x);
    const step = this.generator(S, o, i, x).next();
    if (step.done) return step.value;
    throw notSupported('waiting for another transaction inside an index expression');
  }

  /** Evaluates in whichever form is needed. */
  *run(S: ExecutionState, o: Row, i: Row, x: Row): Suspendable<T> {
    return this.waits(S) ? yield* this.generator(S, o, i, x) : this.evaluate(S, o, i, x);
  }
}

const PARAMETERS = 'S,o,i,x';

function mustGenerate(): never {
  throw new Error('this expression may wait: use its generator form');
}

/** One value. */
export function compileValue(scope: CompileScope, expr: Expr): Compiled<Datum> {
  return new Compiled<Datum>(scope, (emitter) => `return ${emit(emitter, expr).js};`);
}

/** Implicitly ANDed conditions; null when there are none. Null and false both reject. */
export function compileCondition(scope: CompileScope, quals: readonly Expr[]): Compiled<boolean> | null {
  if (quals.length === 0) return null;
  return new Compiled<boolean>(scope, (emitter) => `return ${emitConditions(emitter, quals)};`);
}

/** Several values as a row. */
export function compileList(scope: CompileScope, exprs: readonly Expr[]): Compiled<Row> {
  return new Compiled<Row>(scope, (emitter) => `return [${exprs.map((expr) => emit(emitter, expr).js).join(', ')}];`);
}

/** Evaluates an expression that cannot wait. */
export function evaluateNow<T>(compiled: Compiled<T>, S: ExecutionState): T {
  assert(!compiled.waits(S), 'an expression evaluated here must not wait');
  return compiled.evaluate(S, NO_ROW, NO_ROW, NO_ROW);
}
