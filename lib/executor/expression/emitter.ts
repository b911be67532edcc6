/**
 * The ground of the expression compiler: pieces of JavaScript source (`Code`), the constants that enter by closure, the
 * temporaries, and the two modes. In 'sync' mode the body is a plain function; in 'generator' mode it is a `function*`
 * and whatever may wait becomes `yield*`. Nothing of the user's ever becomes source text.
 */
import type { Catalog } from '../../catalog/api.js';
import type { Expr, Var } from '../../analyzer/nodes.js';
import type { ExecutionState } from '../context.js';
import { lockSequence, type SequenceSource } from '../sequence-lock.js';
import type { StatementInfo } from '../statement-info.js';

/** A piece of source. `simple`: a name or literal, free to be repeated. */
export interface Code {
  readonly js: string;
  readonly nullable: boolean;
  readonly simple: boolean;
  /** Source of the column of strings (`ColumnVector`) whose value at position `k` this is. */
  readonly strings?: string;
}

/** How a column is read. `S` is the ExecutionState; rows are `o`, `i`, `x`. */
export type VarReader = (variable: Var, emitter: Emitter) => Code;
/** Replaces nodes that only an operator understands (Aggref, WindowFunc, GroupingFunc); null: not one of mine. */
export type SpecialEmitter = (expr: Expr, emitter: Emitter) => Code | null;

/** What compilation needs beside the expression. */
export interface CompileScope {
  readonly catalog: Catalog;
  readonly statement: StatementInfo;
  readonly read: VarReader;
  readonly special?: SpecialEmitter;
}

/**
 * A scope for what is compiled only now: the plan may be older than this execution, made and first run by a session that is gone,
 * whose catalog cannot be asked any more.
 */
export function scopeNow(S: ExecutionState, scope: CompileScope): CompileScope {
  return { ...scope, catalog: S.catalog };
}

/** Collects one function body. */
export class Emitter {
  readonly constants: unknown[] = [];
  /** Something in the expression may always wait: it needs the generator form. */
  suspends = false;
  /** Params of InitPlans, and subplans to be hashed: once they are there, the plain form does. */
  readonly lazyParams = new Set<number>();
  readonly lazySubplans = new Set<number>();
  /** Sequences to lock: while that needs no wait, the plain form does. */
  readonly sequences: SequenceSource[] = [];
  readonly caseTests: Code[] = [];
  readonly domainValues: Code[] = [];
  private temps = 0;
  private readonly names = new Map<unknown, string>();

  constructor(readonly scope: CompileScope, readonly mode: 'sync' | 'generator') {}

  /** The name under which a value enters by closure. */
  constant(value: unknown): string {
    let name = this.names.get(value);
    if (name === undefined) {
      name = `k${this.constants.length}`;
      this.constants.push(value);
      this.names.set(value, name);
    }
    return name;
  }

  temp(): string {
    return `t${this.temps++}`;
  }

  /** Declares the temporaries. */
  declarations(): string {
    if (this.temps === 0) return '';
    const names: string[] = [];
    for (let index = 0; index < this.temps; index++) names.push(`t${index}`);
    return `let ${names.join(',')};`;
  }

  /** Source of something that may wait: `js` is a generator call. */
  wait(js: string): string {
    this.suspends = true;
    return `(yield* ${js})`;
  }

  /** A call after its sequence's lock; `source` null: which one is known at run time only. */
  afterSequenceLock(source: SequenceSource | null, sequence: string, call: string): string {
    const lock = `${this.constant(lockSequence)}(S, ${sequence})`;
    if (source === null) return `(${this.wait(lock)}, ${call})`;
    this.sequences.push(source);
    return this.mode === 'generator' ? `((yield* ${lock}), ${call})` : call;
  }
}

export const NULL_CODE: Code = { js: 'null', nullable: true, simple: true };

/** Code that may be null and is not free to repeat. */
export function value(js: string): Code {
  return { js, nullable: true, simple: false };
}
/** Code that is never null. */
export function nonNull(js: string): Code {
  return { js, nullable: false, simple: false };
}

/** A strict call: null when any argument is null. `call` gets names that are free to be repeated. */
export function strictCall(emitter: Emitter, args: readonly Code[], call: (names: string[]) => string, resultNullable: boolean): Code {
  const tests: string[] = [];
  const before: string[] = [];
  const names = args.map((arg) => {
    if (arg.simple && !arg.nullable) return arg.js;
    const name = emitter.temp();
    if (arg.nullable) tests.push(...before.splice(0).map((js) => `(${js}, false)`), `(${name} = ${arg.js}) === null`);
    else before.push(`${name} = ${arg.js}`);
    return name;
  });
  const body = before.length === 0 ? call(names) : `(${before.join(', ')}, ${call(names)})`;
  if (tests.length === 0) return { js: body, nullable: resultNullable, simple: false };
  return value(`(${tests.join(' || ')} ? null : ${body})`);
}

/** The same as a JavaScript condition: true when no argument is null and `call` (a JavaScript boolean) holds. */
export function strictCondition(emitter: Emitter, args: readonly Code[], call: (names: string[]) => string): string {
  const tests: string[] = [];
  const names = args.map((arg) => {
    if (arg.simple && !arg.nullable) return arg.js;
    const name = emitter.temp();
    tests.push(arg.nullable ? `(${name} = ${arg.js}) !== null` : `(${name} = ${arg.js}, true)`);
    return name;
  });
  tests.push(call(names));
  return `(${tests.join(' && ')})`;
}

const factories = new Map<string, (...constants: unknown[]) => unknown>();
const FACTORY_LIMIT = 1500;

/**
 * Turns a body into a function. Factories are kept by source: literals are constants, so statements of the same shape
 * share one and only close over other values.
 */
export function instantiate(emitter: Emitter, parameters: string, body: string, shared = true): unknown {
  const names = emitter.constants.map((_, index) => `k${index}`).join(',');
  const star = emitter.mode === 'generator' ? '*' : '';
  const source = `"use strict";return function${star}(${parameters}){${emitter.declarations()}${body}}`;
  const key = `${names}|${source}`;
  let factory = shared ? factories.get(key) : undefined;
  if (factory === undefined) {
    // eslint-disable-next-line typescript/no-implied-eval
    factory = new Function(names, source) as (...constants: unknown[]) => unknown;
    if (shared) {
      if (factories.size >= FACTORY_LIMIT) factories.clear();
      factories.set(key, factory);
    }
  }
  return factory(...emitter.constants);
}
