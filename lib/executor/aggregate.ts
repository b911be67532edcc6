/**
 * Aggregates: from Aggref nodes and pg_aggregate rows to compiled transitions and final functions. Used by Agg (all
 * strategies) and by WindowAgg (aggregates over frames).
 *
 * A group's state is an array of slots. count, and sums and averages of whole numbers and floats, keep plain numbers in
 * their slots; everything else calls the transition function. DISTINCT and ORDER BY aggregates keep their input rows
 * and run the transitions at the end.
 *
 * Idea: PostgreSQL's nodeAgg.c, ExecBuildAggTrans.
 */
import { exprType } from '../analyzer/node-functions.js';
import type { Aggref, Expr, SortGroupClause, TargetEntry, WindowFunc } from '../analyzer/nodes.js';
import { notSupported, pgError } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgAggregate } from '../catalog/rows.js';
import { OrderedSet } from '../functions/aggregate/ordered-set.js';
import { builtin } from '../functions/registry.js';
import { Numeric } from '../types/numeric.js';
import { normalizeInt8, type Datum, type Int8, type Row } from '../types/datum.js';
import { columnsEqual, compileRowOrder, operatorOrder, type RowOrder, type RowsEqual } from './comparison.js';
import type { ExecutionState } from './context.js';
import { Compiled, compileList, NO_ROW } from './expression/compile.js';
import { emit, emitCondition } from './expression/emit.js';
import type { CompileScope, Emitter } from './expression/emitter.js';
import { quickSort } from './quick-sort.js';
import { CallSite, resolveFunction, type ResolvedFunction } from './function-call.js';
import { nullRow } from './row.js';

/** A slot of a group's state: a SQL value, or the collected rows of a sorted aggregate. */
export type Slot = Datum | Row[];

/** How an aggregate accumulates. */
type Style =
  | 'count' | 'countAny'
  /** Exact sums of whole numbers: slots [sum, count]. */
  | 'sumInt8' | 'sumNumeric' | 'averageInt'
  /** avg(float): slots [sum, count]. */
  | 'averageFloat'
  | 'generic'
  /** Rows collected, then transitions in order. */
  | 'sorted'
  | 'orderedSet';

/** One aggregate of a set, resolved. */
export interface Specification {
  readonly style: Style;
  readonly slot: number;
  readonly row: PgAggregate;
  readonly name: string;
  readonly transition: ResolvedFunction;
  readonly final: ResolvedFunction | null;
  readonly args: readonly Expr[];
  readonly filter: Expr | null;
  readonly initialText: string | null;
  readonly transitionType: Oid;
  readonly sort: SortedInput | null;
  readonly direct: Compiled<Row> | null;
}

interface SortedInput {
  readonly order: RowOrder | null;
  readonly distinct: RowsEqual | null;
  /** How many of the collected columns are arguments. */
  readonly arguments: number;
  readonly types: readonly Oid[];
}

/** The common face of Aggref and of a WindowFunc that is an aggregate. */
export interface AggregateCall {
  readonly functionOid: Oid;
  readonly resultType: Oid;
  readonly inputCollation: Oid;
  readonly args: readonly TargetEntry[];
  readonly directArgs: readonly Expr[];
  readonly order: readonly SortGroupClause[];
  readonly distinct: readonly SortGroupClause[];
  readonly filter: Expr | null;
  readonly kind: string;
  readonly variadic: boolean;
}

/** An Aggref as a call. */
export function aggrefCall(node: Aggref): AggregateCall {
  return {
    functionOid: node.aggfnoid, resultType: node.aggtype, inputCollation: node.inputcollid, args: node.args, directArgs: node.aggdirectargs,
    order: node.aggorder, distinct: node.aggdistinct, filter: node.aggfilter, kind: node.aggkind, variadic: node.aggvariadic,
  };
}

/** An aggregate used as a window function, as a call. */
export function windowAggregateCall(node: WindowFunc): AggregateCall {
  const args = node.args.map((expr, index): TargetEntry => ({
    node: 'TargetEntry', expr, resno: index + 1, resname: null, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: false,
  }));
  return {
    functionOid: node.winfnoid, resultType: node.wintype, inputCollation: node.inputcollid, args, directArgs: [], order: [], distinct: [],
    filter: node.aggfilter, kind: 'n', variadic: false,
  };
}

const INTEGER_SUMS: ReadonlySet<string> = new Set(['int2_sum', 'int4_sum']);
const INTEGER_AVERAGES: ReadonlySet<string> = new Set(['int2_avg_accum', 'int4_avg_accum']);

function styleOf(call: AggregateCall, transition: ResolvedFunction, finalSource: string): Style {
  if (call.kind !== 'n') return 'orderedSet';
  if (call.distinct.length > 0 || call.order.length > 0) return 'sorted';
  if (transition.implementation === null) return 'generic';
  const source = transition.proc.prosrc;
  if (source === 'int8inc' && finalSource === '') return 'count';
  if (source === 'int8inc_any' && finalSource === '') return 'countAny';
  if (INTEGER_SUMS.has(source) && finalSource === '') return 'sumInt8';
  if (INTEGER_AVERAGES.has(source) && finalSource === 'int8_avg') return 'averageInt';
  if (source === 'int8_avg_accum') return finalSource === 'numeric_poly_avg' ? 'averageInt' : finalSource === 'numeric_poly_sum' ? 'sumNumeric' : 'generic';
  if ((source === 'float8_accum' || source === 'float4_accum') && finalSource === 'float8_avg') return 'averageFloat';
  return 'generic';
}

const POLYMORPHIC: ReadonlySet<Oid> = new Set([2283, 2277, 2776, 3831, 3500, 5077, 5078, 5079, 5080, 4537, 4538]);

function specify(scope: CompileScope, call: AggregateCall, slot: number): Specification {
  const { catalog } = scope;
  const row = catalog.aggregate(call.functionOid);
  const proc = catalog.proc(call.functionOid);
  if (row === null || proc === null) throw pgError('UNDEFINED_FUNCTION', `aggregate function with OID ${call.functionOid} does not exist`);
  const argTypes = call.args.filter((target) => !target.resjunk).map((target) => exprType(target.expr));
  const transitionType = POLYMORPHIC.has(row.aggtranstype) ? polymorphicState(catalog, row.aggtranstype, argTypes, call.resultType) : row.aggtranstype;
  const collation = call.inputCollation;
  const transition = resolveFunction(catalog, { functionOid: row.aggtransfn, argTypes: [transitionType, ...argTypes], resultType: transitionType, collation, variadic: call.variadic });
  const directTypes = call.directArgs.map(exprType);
  const final = row.aggfinalfn === 0 ? null : resolveFunction(catalog, {
    functionOid: row.aggfinalfn, resultType: call.resultType, collation, variadic: false,
    argTypes: [transitionType, ...directTypes, ...(row.aggfinalextra ? argTypes : [])],
  });
  const style = styleOf(call, transition, final?.proc.prosrc ?? '');
  const collects = style === 'sorted' || style === 'orderedSet';
  return {
    style, slot, row, name: proc.proname, transition, final, filter: call.filter, initialText: row.agginitval, transitionType,
    args: (collects ? call.args : call.args.filter((target) => !target.resjunk)).map((target) => target.expr),
    sort: collects ? sortedInput(catalog, call) : null,
    direct: call.directArgs.length === 0 ? null : compileList(scope, call.directArgs),
  };
}

/** The state's real type where it is declared polymorphic: the array or element type that fits the arguments. */
function polymorphicState(catalog: Catalog, declared: Oid, argTypes: readonly Oid[], resultType: Oid): Oid {
  if (declared === 2277 || declared === 5078) {
    const first = catalog.type(argTypes[0] ?? 0);
    return first !== null && first.typcategory === 'A' ? first.oid : (first?.typarray ?? resultType);
  }
  return argTypes[0] ?? resultType;
}

function sortedInput(catalog: Catalog, call: AggregateCall): SortedInput {
  const types = call.args.map((target) => exprType(target.expr));
  const position = (clause: SortGroupClause) => call.args.findIndex((target) => target.ressortgroupref === clause.tleSortGroupRef);
  // DISTINCT sorts by its own columns where ORDER BY does not say otherwise.
  const clauses = [...call.order, ...call.distinct.filter((clause) => !call.order.some((other) => other.tleSortGroupRef === clause.tleSortGroupRef))];
  const order = clauses.length === 0 ? null : compileRowOrder(clauses.map((clause) => {
    const at = position(clause);
    return { left: at, right: at, order: operatorOrder(catalog, clause.sortop, call.inputCollation, types[at]), reverse: clause.reverseSort, nullsFirst: clause.nullsFirst };
  }));
  const distinct = call.distinct.length === 0 ? null
    : columnsEqual(catalog, call.distinct.map((clause) => ({ column: position(clause) + 1, type: types[position(clause)] })));
  return { order, distinct, arguments: call.args.filter((target) => !target.resjunk).length, types };
}

/** Adds whole numbers exactly. */
export function addWhole(a: Int8, b: Int8): Int8 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(a) + BigInt(b);
}

/** Adds a value to an int8 sum. 22003 beyond 64 bits. */
export function addInt8(a: Int8, b: Int8): Int8 {
  const sum = addWhole(a, b);
  if (typeof sum === 'number') return sum;
  if (BigInt.asIntN(64, sum) !== sum) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'bigint out of range');
  return normalizeInt8(sum);
}

/** Divides numerics as `/` does (numeric_div). */
export function divideNumeric(a: Numeric, b: Numeric): Datum {
  const divide = builtin('numeric_div');
  if (divide?.kind !== 'pure') throw notSupported('division of numeric');
  return divide.fn(a, b);
}

/** Those of all groups without aggregates. */
const NO_SLOTS: Slot[] = [];

/** A set of aggregates computed together. */
export class AggregateSet {
  readonly specifications: readonly Specification[];
  /** Feeds a row (`o`) into a group's slots (`x`). */
  readonly advance: Compiled<void>;
  readonly slots: number;
  /** Final functions or collected transitions that may wait. */
  private readonly finalWaits: boolean;
  private initialKept: { state: ExecutionState; slots: Slot[] } | null = null;

  constructor(scope: CompileScope, calls: readonly AggregateCall[]) {
    const specifications: Specification[] = [];
    let slot = 0;
    for (const call of calls) {
      specifications.push(specify(scope, call, slot));
      slot += 2;
    }
    this.specifications = specifications;
    this.slots = slot;
    this.advance = new Compiled<void>(scope, (emitter) => specifications.map((specification) => transitionSource(emitter, specification)).join('\n'));
    this.finalWaits = specifications.some((item) => item.final?.implementation === null || (item.direct?.suspends ?? false) || (item.sort !== null && item.transition.implementation === null));
  }

  /** A fresh group's slots. */
  start(S: ExecutionState): Slot[] {
    if (this.slots === 0) return NO_SLOTS;
    if (this.initialKept?.state !== S) this.initialKept = { state: S, slots: this.initialSlots(S) };
    const slots = this.initialKept.slots.slice();
    for (const item of this.specifications) if (item.sort !== null) slots[item.slot] = [];
    return slots;
  }

  private initialSlots(S: ExecutionState): Slot[] {
    const slots: Slot[] = [];
    for (const item of this.specifications) {
      switch (item.style) {
        case 'count': case 'countAny': slots.push(0, 0); break;
        case 'sumInt8': slots.push(null, 0); break;
        case 'sumNumeric': case 'averageInt': case 'averageFloat': slots.push(0, 0); break;
        case 'generic': slots.push(initialValue(S, item), 0); break;
        case 'sorted': case 'orderedSet': slots.push(null, 0); break;
      }
    }
    return slots;
  }

  /** Whether `finish` must be used in its generator form. */
  waitsAtEnd(S: ExecutionState): boolean {
    return this.finalWaits || this.specifications.some((item) => item.direct?.waits(S) ?? false);
  }

  /** The aggregates' values of a group, in order of the calls. `o` is a row of the group, for direct arguments. */
  *finishWaiting(S: ExecutionState, slots: Slot[], o: Row): Suspendable<Row> {
    const results: Row = [];
    for (const item of this.specifications) {
      const direct = item.direct === null ? NO_ROW : yield* item.direct.run(S, o, NO_ROW, NO_ROW);
      const state = item.sort === null ? (slots[item.slot] as Datum) : yield* this.runCollected(S, item, slots[item.slot] as Row[]);
      results.push(isPlain(item.style) ? plainFinal(item, slots) : yield* finalWaiting(S, item, state, direct));
    }
    return results;
  }

  /** The same where nothing waits. */
  finish(S: ExecutionState, slots: Slot[], o: Row): Row {
    const results: Row = [];
    for (const item of this.specifications) {
      if (isPlain(item.style)) {
        results.push(plainFinal(item, slots));
        continue;
      }
      const direct = item.direct === null ? NO_ROW : item.direct.evaluate(S, o, NO_ROW, NO_ROW);
      const state = item.sort === null ? (slots[item.slot] as Datum) : collectedNow(S, item, slots[item.slot] as Row[]);
      results.push(finalNow(S, item, state, direct));
    }
    return results;
  }

  private *runCollected(S: ExecutionState, item: Specification, rows: Row[]): Suspendable<Datum> {
    if (item.style === 'orderedSet' || item.transition.implementation !== null) return collectedNow(S, item, rows);
    const { strict, sorted } = { strict: item.transition.proc.proisstrict, sorted: sortCollected(S, item, rows) };
    let state = initialValue(S, item);
    for (const row of sorted) {
      const args = row.slice(0, item.sort!.arguments);
      if (strict && args.includes(null)) continue;
      if (strict && state === null) [state] = args;
      else state = yield* S.context.functions.call(item.transition.proc, item.transition.call, [state, ...args], S);
    }
    return state;
  }
}

function isPlain(style: Style): boolean {
  return style !== 'generic' && style !== 'sorted' && style !== 'orderedSet';
}

function initialValue(S: ExecutionState, item: Specification): Datum {
  if (item.initialText === null) return null;
  return S.services.types.input(item.transitionType, item.initialText);
}

/** Source of one aggregate's transition over the slots `x`. */
export function transitionSource(emitter: Emitter, item: Specification): string {
  const slot = `x[${item.slot}]`;
  const count = `x[${item.slot + 1}]`;
  const args = item.args.map((arg) => emit(emitter, arg).js);
  const value = emitter.temp();
  const body = (): string => {
    switch (item.style) {
      case 'count': return `${slot}++;`;
      case 'countAny': return `if (${args[0]} !== null) ${slot}++;`;
      case 'sumInt8': return `${value} = ${args[0]}; if (${value} !== null) ${slot} = ${slot} === null ? ${value} : ${emitter.constant(addInt8)}(${slot}, ${value});`;
      case 'sumNumeric': case 'averageInt':
        return `${value} = ${args[0]}; if (${value} !== null) { ${slot} = ${emitter.constant(addWhole)}(${slot}, ${value}); ${count}++; }`;
      case 'averageFloat': return `${value} = ${args[0]}; if (${value} !== null) { ${slot} += ${value}; ${count}++; }`;
      case 'generic': return genericTransition(emitter, item, slot, args);
      case 'sorted': case 'orderedSet': return `${slot}.push([${args.join(', ')}]);`;
      default: throw new Error('unknown aggregate style');
    }
  };
  const source = body();
  return item.filter === null ? source : `if (${emitCondition(emitter, item.filter)}) { ${source} }`;
}

function genericTransition(emitter: Emitter, item: Specification, slot: string, args: readonly string[]): string {
  const { transition } = item;
  const names = args.map(() => emitter.temp());
  const assign = names.map((name, index) => `${name} = ${args[index]};`).join(' ');
  const call = transitionCall(emitter, transition, [slot, ...names]);
  if (!transition.proc.proisstrict) return `${assign} ${slot} = ${call};`;
  const present = names.map((name) => `${name} !== null`).join(' && ') || 'true';
  // A strict transition takes its first input as its state when it has no initial value.
  const start = names.length === 0 ? `${slot} = ${slot} === null ? null : ${call}` : `${slot} = ${slot} === null ? ${item.initialText === null ? names[0] : 'null'} : ${call}`;
  return `${assign} if (${present}) ${start};`;
}

function transitionCall(emitter: Emitter, transition: ResolvedFunction, names: readonly string[]): string {
  const { implementation, call, proc } = transition;
  if (implementation === null) return emitter.wait(`S.context.functions.call(${emitter.constant(proc)}, ${emitter.constant(call)}, [${names.join(', ')}], S)`);
  if (implementation.kind === 'pure') return `${emitter.constant(implementation.fn)}(${names.join(', ')})`;
  if (implementation.kind === 'context') {
    const site = emitter.constant(new CallSite(call));
    return `(${site}.services = S.services, ${emitter.constant(implementation.fn)}(${[site, ...names].join(', ')}))`;
  }
  throw notSupported(`transition function ${proc.proname}`);
}

function callNow(S: ExecutionState, resolved: ResolvedFunction, args: readonly Datum[]): Datum {
  const { implementation } = resolved;
  if (implementation?.kind === 'pure') return implementation.fn(...args);
  if (implementation?.kind === 'context') return implementation.fn({ services: S.services, call: resolved.call }, ...args);
  throw notSupported(`function ${resolved.proc.proname} in an aggregate`);
}

function sortCollected(S: ExecutionState, item: Specification, rows: Row[]): Row[] {
  const { order, distinct } = item.sort!;
  const sorted = order === null ? rows : quickSort(rows.slice(), order(S.services));
  return distinct === null ? sorted : sorted.filter((row, index) => index === 0 || !distinct(sorted[index - 1], row));
}

function collectedNow(S: ExecutionState, item: Specification, rows: Row[]): Datum {
  const strict = item.transition.proc.proisstrict;
  let state = initialValue(S, item);
  for (const row of sortCollected(S, item, rows)) {
    const args = row.slice(0, item.sort!.arguments);
    if (strict && args.includes(null)) continue;
    if (strict && state === null) {
      if (item.initialText === null) [state] = args;
    } else state = callNow(S, item.transition, [state, ...args]);
  }
  if (item.style === 'orderedSet' && state instanceof OrderedSet) state.compare = item.sort!.order!(S.services) as OrderedSet['compare'];
  return state;
}

function plainFinal(item: Specification, slots: readonly Slot[]): Datum {
  const value = slots[item.slot] as Int8 | null;
  const count = slots[item.slot + 1] as number;
  switch (item.style) {
    case 'sumNumeric': return count === 0 ? null : Numeric.fromInteger(value!);
    case 'averageInt': return count === 0 ? null : divideNumeric(Numeric.fromInteger(value!), Numeric.fromInteger(count));
    case 'averageFloat': return count === 0 ? null : (value as number) / count;
    default: return value;
  }
}

function finalArguments(item: Specification, state: Datum, direct: Row): Datum[] {
  const extra = item.row.aggfinalextra ? nullRow(item.sort?.arguments ?? item.args.length) : [];
  return [state, ...direct, ...extra];
}

function finalNow(S: ExecutionState, item: Specification, state: Datum, direct: Row): Datum {
  if (item.final === null) return state;
  const args = finalArguments(item, state, direct);
  return item.final.proc.proisstrict && args.includes(null) ? null : callNow(S, item.final, args);
}

function* finalWaiting(S: ExecutionState, item: Specification, state: Datum, direct: Row): Suspendable<Datum> {
  if (item.final === null || item.final.implementation !== null) return finalNow(S, item, state, direct);
  const args = finalArguments(item, state, direct);
  if (item.final.proc.proisstrict && args.includes(null)) return null;
  return yield* S.context.functions.call(item.final.proc, item.final.call, args, S);
}
