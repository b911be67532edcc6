/**
 * From an index scan's conditions to ranges of encoded keys: equality (and = ANY) on leading columns makes prefixes, the
 * first inequality after them bounds each prefix, everything else is left to the re-check of the original conditions.
 *
 * Idea: PostgreSQL's _bt_preprocess_keys / _bt_first (nbtutils.c, nbtsearch.c).
 */
import type { KeyBound } from '../access/api.js';
import { exprType } from '../analyzer/node-functions.js';
import type { Expr } from '../analyzer/nodes.js';
import type { Suspendable } from '../base/suspend.js';
import type { Catalog, IndexDescriptor, Oid } from '../catalog/api.js';
import type { IndexCondition } from '../planner/plan-nodes.js';
import { ArrayValue, type Datum } from '../types/datum.js';
import { DATEOID, TIMESTAMPOID, TIMESTAMPTZOID } from '../types/oids.js';
import type { ExecutionState } from './context.js';
import { compileValue, NO_ROW, type Compiled } from './expression/compile.js';
import type { CompileScope } from './expression/emitter.js';

/** A range of keys to be read. `exact`: one whole key. */
export interface KeyRange {
  readonly lower: KeyBound | null;
  readonly upper: KeyBound | null;
  readonly exact: string | null;
}

type Bound = { readonly strategy: 1 | 2 | 4 | 5; readonly value: Compiled<Datum> };
type Equality =
  | { readonly kind: 'value'; readonly value: Compiled<Datum> }
  | { readonly kind: 'any'; readonly array: Compiled<Datum> }
  | { readonly kind: 'null' };

/** Compiled conditions of one index scan. */
export interface IndexRanges {
  /** The whole key is given by plain equalities: exactly one range, `exact`. */
  readonly point: readonly Compiled<Datum>[] | null;
  /** Rows must be held against the original conditions. */
  readonly recheck: boolean;
  /** The ranges in scan order; empty when a condition can never hold. */
  ranges(S: ExecutionState, backward: boolean): Suspendable<readonly KeyRange[]>;
}

const DATETIMES: ReadonlySet<Oid> = new Set([DATEOID, TIMESTAMPOID, TIMESTAMPTZOID]);

/** Whether a value of this type encodes as the key column's values do. */
function encodesAlike(catalog: Catalog, keyType: Oid, value: Expr): boolean {
  const [key, other] = [catalog.baseType(keyType), catalog.baseType(exprType(value))];
  return key === other || !(DATETIMES.has(key) || DATETIMES.has(other));
}

/** Compiles the conditions of a scan over `descriptor`. */
export function compileIndexRanges(scope: CompileScope, descriptor: IndexDescriptor, conditions: readonly IndexCondition[]): IndexRanges {
  const { catalog } = scope;
  const usable = conditions.filter((condition) => conditionUsable(catalog, descriptor, condition));
  let recheck = usable.length !== conditions.length;
  const taken = new Set<IndexCondition>();
  const prefix: Equality[] = [];
  while (prefix.length < descriptor.keyCount) {
    const column = prefix.length;
    const found = usable.find((condition) => condition.column === column && equalityOf(condition));
    if (found === undefined) break;
    taken.add(found);
    if (found.kind === 'compare') prefix.push({ kind: 'value', value: compileValue(scope, found.value) });
    else if (found.kind === 'any') prefix.push({ kind: 'any', array: compileValue(scope, found.array) });
    else prefix.push({ kind: 'null' });
  }
  const column = prefix.length;
  const bounds: Bound[] = [];
  let notNull = false;
  let textPrefix: Compiled<Datum> | null = null;
  for (const condition of usable) {
    if (taken.has(condition) || condition.column !== column) continue;
    if (condition.kind === 'compare' && condition.strategy !== 3) bounds.push({ strategy: condition.strategy, value: compileValue(scope, condition.value) });
    else if (condition.kind === 'isNotNull') notNull = true;
    else if (condition.kind === 'prefix' && textPrefix === null) textPrefix = compileValue(scope, condition.value);
    else if (condition.kind === 'rowCompare') {
      const loose = condition.strategy <= 2 ? 2 : 4;
      bounds.push({ strategy: loose, value: compileValue(scope, condition.values[0]) });
      recheck = true;
    } else continue;
    taken.add(condition);
  }
  if (textPrefix !== null || usable.some((condition) => !taken.has(condition))) recheck = true;
  const point = prefix.length === descriptor.keyCount && prefix.every((item) => item.kind === 'value')
    ? prefix.map((item) => (item as { value: Compiled<Datum> }).value) : null;
  return {
    point, recheck,
    ranges: (S, backward) => makeRanges(S, descriptor, { prefix, bounds, notNull, textPrefix }, backward),
  };
}

function conditionUsable(catalog: Catalog, descriptor: IndexDescriptor, condition: IndexCondition): boolean {
  if (condition.column >= descriptor.keyCount) return false;
  if (condition.kind === 'compare' || condition.kind === 'prefix') return encodesAlike(catalog, descriptor.keyTypes[condition.column], condition.value);
  if (condition.kind === 'rowCompare') return encodesAlike(catalog, descriptor.keyTypes[condition.column], condition.values[0]);
  if (condition.kind !== 'any') return true;
  const element = catalog.type(catalog.baseType(exprType(condition.array)))?.typelem ?? 0;
  const [key, other] = [catalog.baseType(descriptor.keyTypes[condition.column]), catalog.baseType(element)];
  return condition.strategy === 3 && (key === other || !(DATETIMES.has(key) || DATETIMES.has(other)));
}

function equalityOf(condition: IndexCondition): boolean {
  return (condition.kind === 'compare' && condition.strategy === 3) || condition.kind === 'any' || condition.kind === 'isNull';
}

interface RangeParts {
  readonly prefix: readonly Equality[];
  readonly bounds: readonly Bound[];
  readonly notNull: boolean;
  readonly textPrefix: Compiled<Datum> | null;
}

function* makeRanges(S: ExecutionState, descriptor: IndexDescriptor, parts: RangeParts, backward: boolean): Suspendable<readonly KeyRange[]> {
  let prefixes: Datum[][] = [[]];
  for (const item of parts.prefix) {
    const values = yield* equalityValues(S, item);
    if (values.length === 0) return [];
    prefixes = prefixes.flatMap((start) => values.map((value) => [...start, value]));
  }
  const compare = descriptor.comparator ?? compareKeys;
  const byKey = new Map(prefixes.map((values) => [descriptor.encodeKey(values), values]));
  const keys = [...byKey.keys()].sort(compare);
  if (backward) keys.reverse();
  if (parts.prefix.length === descriptor.keyCount) return keys.map((key) => ({ lower: null, upper: null, exact: key }));
  const limits = yield* rangeLimits(S, descriptor, parts);
  if (limits === null) return [];
  return keys.map((key) => keyRange(descriptor, compare, key, byKey.get(key)!, limits));
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function* equalityValues(S: ExecutionState, item: Equality): Suspendable<readonly Datum[]> {
  if (item.kind === 'null') return [null];
  const value = yield* (item.kind === 'value' ? item.value : item.array).run(S, NO_ROW, NO_ROW, NO_ROW);
  if (value === null) return [];
  return item.kind === 'value' ? [value] : (value as ArrayValue).elements.filter((element) => element !== null);
}

/** A limit on the column behind the prefix: in value space, `isLower` for > and >=. */
interface Limit { readonly isLower: boolean; readonly value: Datum; readonly inclusive: boolean }

/** The limits' values; null: nothing can match. */
function* rangeLimits(S: ExecutionState, descriptor: IndexDescriptor, parts: RangeParts): Suspendable<readonly Limit[] | null> {
  const limits: Limit[] = [];
  for (const { strategy, value } of parts.bounds) {
    const limit = yield* value.run(S, NO_ROW, NO_ROW, NO_ROW);
    if (limit === null) return null;
    limits.push({ isLower: strategy >= 4, value: limit, inclusive: strategy === 2 || strategy === 4 });
  }
  if (parts.textPrefix !== null) {
    const text = yield* parts.textPrefix.run(S, NO_ROW, NO_ROW, NO_ROW);
    if (text === null) return null;
    limits.push({ isLower: true, value: text, inclusive: true });
    const after = textAfterPrefix(text as string);
    if (after !== null) limits.push({ isLower: false, value: after, inclusive: false });
  }
  if (!parts.notNull && limits.length === 0) return limits;
  // Nulls stand at one end in key space: that end is closed to them.
  const column = parts.prefix.length;
  limits.push({ isLower: descriptor.nullsFirst[column] !== descriptor.descending[column], value: null, inclusive: false });
  return limits;
}

/** The range of one prefix: limits become bounds in key space, where descending columns turn around; the tightest win. */
function keyRange(descriptor: IndexDescriptor, compare: (a: string, b: string) => number, key: string, prefix: readonly Datum[], limits: readonly Limit[]): KeyRange {
  const descending = descriptor.descending[prefix.length];
  let lower: KeyBound | null = null;
  let upper: KeyBound | null = null;
  for (const limit of limits) {
    const bound: KeyBound = { key: descriptor.encodeKey([...prefix, limit.value]), inclusive: limit.inclusive };
    if (limit.isLower !== descending) {
      const order = lower === null ? 1 : compare(bound.key, (lower as KeyBound).key);
      if (order > 0 || (order === 0 && !bound.inclusive)) lower = bound;
    } else {
      const order = upper === null ? -1 : compare(bound.key, (upper as KeyBound).key);
      if (order < 0 || (order === 0 && !bound.inclusive)) upper = bound;
    }
  }
  const whole: KeyBound | null = key === '' ? null : { key, inclusive: true };
  return { lower: lower ?? whole, upper: upper ?? whole, exact: null };
}

/** The smallest text above every text that starts with the prefix (in code point order); null when there is none. */
export function textAfterPrefix(prefix: string): string | null {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop()!.codePointAt(0)!;
    if (last >= 0x10ffff) continue;
    const next = last + 1 >= 0xd800 && last + 1 <= 0xdfff ? 0xe000 : last + 1;
    return points.join('') + String.fromCodePoint(next);
  }
  return null;
}
