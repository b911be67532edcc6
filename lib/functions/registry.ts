/**
 * Built-in functions attach to the rows of pg_proc by `prosrc`. This registry maps prosrc → implementation; the family
 * files (`int.ts`, `text/*.ts`, `datetime/*.ts` ...) register theirs at load, `builtins.ts` imports them all.
 *
 * Strictness comes from pg_proc.proisstrict: an implementation of a strict function never sees null.
 */
import { assert } from '../base/assert.js';
import type { Suspendable } from '../base/suspend.js';
import type { Datum, Row } from '../types/datum.js';
import type { CallContext } from './context.js';

/** A function of values alone. Declared as a method so that implementations may narrow their parameters. */
interface PureBody { call(...args: (Datum | undefined)[]): Datum }
interface ContextBody { call(cx: CallContext, ...args: Datum[]): Datum }
interface SuspendingBody { call(cx: CallContext, ...args: Datum[]): Suspendable<Datum> }
interface SetBody { call(cx: CallContext, ...args: Datum[]): Iterable<Datum> }
interface RowSetBody { call(cx: CallContext, ...args: Datum[]): Iterable<Row> }

/** How a built-in is called. */
export type Builtin =
  /**
   * `fn(...args)`. Where `collated` is given, it is called instead (`collated(cx, ...args)`) when the call's collation
   * is not one of plain code point order (`isPlainCollation` in `lib/types/collation.ts`); then `inline` is void as well.
   */
  | { readonly kind: 'pure'; readonly fn: PureBody['call']; readonly inline?: InlineTemplate; readonly collated?: ContextBody['call'] }
  /** `fn(cx, ...args)` */
  | { readonly kind: 'context'; readonly fn: ContextBody['call'] }
  /** May wait: `yield* fn(cx, ...args)` (pg_sleep, pg_advisory_lock) */
  | { readonly kind: 'suspending'; readonly fn: SuspendingBody['call'] }
  /** Returns a set of single values */
  | { readonly kind: 'set'; readonly fn: SetBody['call'] }
  /** Returns a set of rows (OUT columns) */
  | { readonly kind: 'rowSet'; readonly fn: RowSetBody['call'] }
  /** A window function, see `window.ts` */
  | { readonly kind: 'window'; readonly name: string };

/**
 * JavaScript source of the call for compiled expressions, given the sources of its (non-null, side-effect free)
 * arguments. Must agree with `fn` for every input: a test compares them.
 */
export type InlineTemplate = (...args: string[]) => string;

const registry = new Map<string, Builtin>();

function register(prosrc: string, entry: Builtin): void {
  assert(!registry.has(prosrc), `built-in function "${prosrc}" is registered twice`);
  registry.set(prosrc, entry);
}

/** Registers a function of its arguments alone. */
export function pure<A extends (Datum | undefined)[]>(prosrc: string, fn: (...args: A) => Datum, inline?: InlineTemplate): void {
  const body: PureBody = { call: fn };
  register(prosrc, { kind: 'pure', fn: body.call, inline });
}

/** Registers a function that is pure in plain code point order, and asks the collation otherwise. */
export function collated<A extends Datum[]>(
  prosrc: string, fn: (...args: A) => Datum, withCollation: (cx: CallContext, ...args: A) => Datum, inline?: InlineTemplate,
): void {
  const body: PureBody = { call: fn };
  const collatedBody: ContextBody = { call: withCollation };
  register(prosrc, { kind: 'pure', fn: body.call, inline, collated: collatedBody.call });
}

/** Registers a function that also needs the call's context (settings, types, services). */
export function withContext<A extends Datum[]>(prosrc: string, fn: (cx: CallContext, ...args: A) => Datum): void {
  const body: ContextBody = { call: fn };
  register(prosrc, { kind: 'context', fn: body.call });
}

/** Registers a function that may wait. */
export function suspending<A extends Datum[]>(prosrc: string, fn: (cx: CallContext, ...args: A) => Suspendable<Datum>): void {
  const body: SuspendingBody = { call: fn };
  register(prosrc, { kind: 'suspending', fn: body.call });
}

/** Registers a set-returning function of single values. */
export function setReturning<A extends Datum[]>(prosrc: string, fn: (cx: CallContext, ...args: A) => Iterable<Datum>): void {
  const body: SetBody = { call: fn };
  register(prosrc, { kind: 'set', fn: body.call });
}

/** Registers a set-returning function whose results have several columns. */
export function rowsReturning<A extends Datum[]>(prosrc: string, fn: (cx: CallContext, ...args: A) => Iterable<Row>): void {
  const body: RowSetBody = { call: fn };
  register(prosrc, { kind: 'rowSet', fn: body.call });
}

/** Registers a window function's name; the window operator implements it. */
export function windowFunction(prosrc: string): void {
  register(prosrc, { kind: 'window', name: prosrc });
}

/** The implementation behind a prosrc, or undefined (then calling the function raises 0A000). */
export function builtin(prosrc: string): Builtin | undefined {
  return registry.get(prosrc);
}

/** Every registered prosrc (for the list of what is there). */
export function registeredNames(): IterableIterator<string> {
  return registry.keys();
}
