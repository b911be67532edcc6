/**
 * ORDER BY, GROUP BY with grouping sets, DISTINCT [ON]: the expressions are entries of the target list. Follows PostgreSQL's
 * parser/parse_clause.c.
 */
import type { A_Const, ColumnRef, GroupingSet as RawGroupingSet, Node, RowExpr as RawRowExpr, SortBy } from 'libpg-query';
import { bodyAs, bodyOf, stringList, stringValue, tagOf } from '../parser/raw.js';
import { TEXTOID, UNKNOWNOID } from '../types/oids.js';
import { containsAggregate, locateAggregate, locateWindowFunc } from './aggregates.js';
import { coerceType } from './coerce.js';
import { equalExpr } from './equal.js';
import { transformExpr } from './expr.js';
import { columnByName } from './namespace.js';
import { exprLocation, exprType } from './node-functions.js';
import type { Expr, GroupingSet, SortGroupClause, TargetEntry } from './nodes.js';
import { binaryOperator, equalityForOrdering, requireSortOperators } from './operators.js';
import { exprKindName, type ExprKind, type Mutable, type Oid, type ParseState } from './state.js';
import { transformTargetEntry } from './target.js';

/** Strips coercions that the user did not write. */
export function stripImplicitCoercions(expr: Expr): Expr {
  switch (expr.node) {
    case 'FuncExpr': return expr.funcformat === 'implicitCast' ? stripImplicitCoercions(expr.args[0]) : expr;
    case 'RelabelType': return expr.relabelformat === 'implicitCast' ? stripImplicitCoercions(expr.arg) : expr;
    case 'CoerceViaIO': case 'ArrayCoerceExpr': return expr.coerceformat === 'implicitCast' ? stripImplicitCoercions(expr.arg) : expr;
    case 'ConvertRowtypeExpr': return expr.convertformat === 'implicitCast' ? stripImplicitCoercions(expr.arg) : expr;
    case 'CoerceToDomain': return expr.coercionformat === 'implicitCast' ? stripImplicitCoercions(expr.arg) : expr;
    default: return expr;
  }
}

/** The entry that an ORDER BY / GROUP BY item means by SQL-92's rules: an output name, a position, or an expression. */
function findEntry92(state: ParseState, node: Node, targets: TargetEntry[], kind: ExprKind): TargetEntry {
  const tag = tagOf(node);
  if (tag === 'ColumnRef') {
    const reference = bodyAs<ColumnRef>(bodyOf(node));
    const fields = reference.fields ?? [];
    if (fields.length === 1 && tagOf(fields[0]) === 'String') {
      const found = findByName(state, stringValue(fields[0]), reference.location ?? 0, targets, kind);
      if (found !== null) return found;
    }
  } else if (tag === 'A_Const') {
    const constant = bodyAs<A_Const>(bodyOf(node));
    const location = constant.location ?? 0;
    if (constant.ival === undefined) throw state.error('SYNTAX_ERROR', `non-integer constant in ${exprKindName(kind)}`, location);
    const position = constant.ival.ival ?? 0;
    const entry = targets.filter((target) => !target.resjunk)[position - 1];
    if (entry === undefined) throw state.error('INVALID_COLUMN_REFERENCE', `${exprKindName(kind)} position ${position} is not in select list`, location);
    checkEntry92(state, entry, kind);
    return entry;
  }
  return findEntry99(state, node, targets, kind);
}

function findByName(state: ParseState, name: string, location: number, targets: readonly TargetEntry[], kind: ExprKind): TargetEntry | null {
  if (kind === 'groupBy' && columnByName(state, name, location, true) !== null) return null;
  let found: TargetEntry | null = null;
  for (const entry of targets) {
    if (entry.resjunk || entry.resname !== name) continue;
    if (found !== null && !equalExpr(found.expr, entry.expr)) throw state.error('AMBIGUOUS_COLUMN', `${exprKindName(kind)} "${name}" is ambiguous`, location);
    found ??= entry;
  }
  if (found !== null) checkEntry92(state, found, kind);
  return found;
}

function checkEntry92(state: ParseState, entry: TargetEntry, kind: ExprKind): void {
  if (kind !== 'groupBy') return;
  if (state.hasAggs && containsAggregate(entry.expr)) {
    throw state.error('GROUPING_ERROR', `aggregate functions are not allowed in ${exprKindName(kind)}`, locateAggregate([entry.expr], 0));
  }
  const windowFunc = state.hasWindowFuncs ? locateWindowFunc(entry.expr) : null;
  if (windowFunc !== null) throw state.error('WINDOWING_ERROR', `window functions are not allowed in ${exprKindName(kind)}`, windowFunc.location);
}

/** The entry that equals the item's expression; a new junk entry when there is none. */
function findEntry99(state: ParseState, node: Node, targets: TargetEntry[], kind: ExprKind): TargetEntry {
  const expr = transformExpr(state, node, kind);
  const found = targets.find((entry) => equalExpr(expr, stripImplicitCoercions(entry.expr)));
  if (found !== undefined) return found;
  const entry = transformTargetEntry(state, node, expr, kind, null, true);
  targets.push(entry);
  return entry;
}

function findEntry(state: ParseState, node: Node, targets: TargetEntry[], kind: ExprKind, sql99: boolean): TargetEntry {
  return sql99 ? findEntry99(state, node, targets, kind) : findEntry92(state, node, targets, kind);
}

/** Gives an entry a number to refer to it by. */
export function assignSortGroupRef(entry: TargetEntry, targets: readonly TargetEntry[]): number {
  if (entry.ressortgroupref === 0) {
    (entry as Mutable<TargetEntry>).ressortgroupref = targets.reduce((highest, other) => Math.max(highest, other.ressortgroupref), 0) + 1;
  }
  return entry.ressortgroupref;
}

/** Whether an entry is already sorted by (in that direction or the reverse; any when `sortop` is 0). */
function isInSortList(state: ParseState, entry: TargetEntry, sortop: Oid, list: readonly SortGroupClause[]): boolean {
  if (entry.ressortgroupref === 0) return false;
  return list.some((clause) => clause.tleSortGroupRef === entry.ressortgroupref
    && (sortop === 0 || sortop === clause.sortop || sortop === state.catalog.operator(clause.sortop)?.oprcom));
}

function textForUnknown(state: ParseState, entry: TargetEntry): Oid {
  const type = exprType(entry.expr);
  if (type !== UNKNOWNOID) return type;
  (entry as Mutable<TargetEntry>).expr = coerceType(state, entry.expr, UNKNOWNOID, TEXTOID, -1, 'implicit', 'implicitCast', -1);
  return TEXTOID;
}

/** ORDER BY: makes or finds the entries and answers the sort clauses. @throws 42703, 42P10, 42883 ... */
export function transformSort(state: ParseState, items: readonly Node[], targets: TargetEntry[], kind: ExprKind, sql99: boolean): SortGroupClause[] {
  const list: SortGroupClause[] = [];
  for (const item of items) {
    const entry = findEntry(state, bodyAs<SortBy>(bodyOf(item)).node as Node, targets, kind, sql99);
    addToSortList(state, targets, entry, list, item);
  }
  return list;
}

/** Adds an entry to a sort list as a SortBy node says, unless it is there already. */
export function addToSortList(state: ParseState, targets: readonly TargetEntry[], entry: TargetEntry, list: SortGroupClause[], item: Node): void {
  const sortBy = bodyAs<SortBy>(bodyOf(item));
  const type = textForUnknown(state, entry);
  const written = sortBy.location ?? 0;
  const location = written >= 0 ? written : exprLocation(entry.expr);
  let sortop: Oid;
  let eqop: Oid;
  let hashable: boolean;
  let reverse = false;
  if (sortBy.sortby_dir === 'SORTBY_USING') {
    const name = stringList(sortBy.useOp);
    const operator = state.at(location, () => binaryOperator(state, name, type, type, -1));
    const equality = operator === null ? null : equalityForOrdering(state, operator.oid);
    if (operator === null || equality === null) {
      throw state.error('WRONG_OBJECT_TYPE', `operator ${name[name.length - 1]} is not a valid ordering operator`, location,
        { hint: 'Ordering operators must be "<" or ">" members of btree operator families.' });
    }
    sortop = operator.oid;
    eqop = equality.eq;
    reverse = equality.reverse;
    hashable = state.catalog.operator(eqop)?.oprcanhash ?? false;
  } else {
    reverse = sortBy.sortby_dir === 'SORTBY_DESC';
    const operators = state.at(location, () => requireSortOperators(state, type, { lt: !reverse, gt: reverse, eq: true }));
    sortop = reverse ? operators.gt : operators.lt;
    ({ eq: eqop, hashable } = operators);
  }
  if (isInSortList(state, entry, sortop, list)) return;
  const nullsFirst = sortBy.sortby_nulls === 'SORTBY_NULLS_FIRST' || (sortBy.sortby_nulls !== 'SORTBY_NULLS_LAST' && reverse);
  list.push({ node: 'SortGroupClause', tleSortGroupRef: assignSortGroupRef(entry, targets), eqop, sortop, reverseSort: reverse, nullsFirst, hashable });
}

function addToGroupList(state: ParseState, entry: TargetEntry, list: SortGroupClause[], targets: readonly TargetEntry[], location: number): void {
  const type = textForUnknown(state, entry);
  if (isInSortList(state, entry, 0, list)) return;
  const { lt, eq, hashable } = state.at(location, () => requireSortOperators(state, type, { eq: true }));
  list.push({ node: 'SortGroupClause', tleSortGroupRef: assignSortGroupRef(entry, targets), eqop: eq, sortop: lt, reverseSort: false, nullsFirst: false, hashable });
}

/** GROUP BY's result. */
export interface GroupClause { readonly clauses: SortGroupClause[]; readonly sets: GroupingSet[] }

interface GroupContext {
  readonly state: ParseState;
  readonly targets: TargetEntry[];
  readonly sort: readonly SortGroupClause[];
  readonly kind: ExprKind;
  readonly sql99: boolean;
  readonly clauses: SortGroupClause[];
}

/** A raw GROUP BY list flattened: expressions, lists of them (from rows), and grouping sets with such content. */
type Flat = Node | FlatSet | readonly Flat[];
interface FlatSet { readonly set: RawGroupingSet['kind']; readonly content: readonly Flat[]; readonly location: number }

function isFlatSet(item: Flat): item is FlatSet {
  return !Array.isArray(item) && 'set' in item;
}

function flatten(item: Node, topLevel: boolean): Flat | null {
  const tag = tagOf(item);
  if (tag === 'RowExpr') {
    const row = bodyAs<RawRowExpr>(bodyOf(item));
    if (row.row_format !== 'COERCE_IMPLICIT_CAST') return item;
    return flattenList(row.args ?? []);
  }
  if (tag !== 'GroupingSet') return item;
  const set = bodyAs<RawGroupingSet>(bodyOf(item));
  if (topLevel && set.kind === 'GROUPING_SET_EMPTY') return null;
  const content: Flat[] = [];
  for (const part of set.content ?? []) {
    const flat = flatten(part, false);
    const nested = tagOf(part) === 'GroupingSet' && bodyAs<RawGroupingSet>(bodyOf(part)).kind === 'GROUPING_SET_SETS';
    if (nested && Array.isArray(flat)) content.push(...(flat as readonly Flat[]));
    else if (flat !== null) content.push(flat);
  }
  return topLevel || set.kind !== 'GROUPING_SET_SETS' ? { set: set.kind, content, location: set.location ?? 0 } : content;
}

function flattenList(items: readonly Node[]): readonly Flat[] {
  return items.flatMap((item): readonly Flat[] => {
    const flat = flatten(item, false);
    if (flat === null) return [];
    return Array.isArray(flat) ? flat as readonly Flat[] : [flat];
  });
}

const SET_KINDS = {
  GROUPING_SET_EMPTY: 'empty', GROUPING_SET_SIMPLE: 'simple', GROUPING_SET_ROLLUP: 'rollup', GROUPING_SET_CUBE: 'cube', GROUPING_SET_SETS: 'sets',
} as const;

/** GROUP BY (and a window's PARTITION BY). @throws 42803, 42P10, 42883 ... */
export function transformGroup(
  state: ParseState, items: readonly Node[], targets: TargetEntry[], sort: readonly SortGroupClause[], kind: ExprKind, sql99: boolean,
): GroupClause {
  const context: GroupContext = { state, targets, sort, kind, sql99, clauses: [] };
  const hasSets = items.some((item) => tagOf(item) === 'GroupingSet');
  const flat = items.flatMap((item): readonly Flat[] => {
    const part = flatten(item, true);
    if (part === null) return [];
    return Array.isArray(part) ? part as readonly Flat[] : [part];
  });
  const sets: GroupingSet[] = [];
  if (flat.length === 0 && hasSets) sets.push({ node: 'GroupingSet', kind: 'empty', content: [], location: bodyAs<RawGroupingSet>(bodyOf(items[0])).location ?? 0 });
  const seen = new Set<number>();
  for (const item of flat) {
    if (isFlatSet(item)) {
      sets.push(transformSet(context, item, true));
    } else {
      const ref = groupExpr(context, seen, item as Node, true);
      if (ref > 0) {
        seen.add(ref);
        if (hasSets) sets.push({ node: 'GroupingSet', kind: 'simple', content: [ref], location: locationOf(item as Node) });
      }
    }
  }
  return { clauses: context.clauses, sets };
}

function locationOf(node: Node): number {
  const { location } = bodyOf(node);
  return typeof location === 'number' ? location : 0;
}

function transformSet(context: GroupContext, set: FlatSet, topLevel: boolean): GroupingSet {
  const kind = SET_KINDS[set.set ?? 'GROUPING_SET_EMPTY'];
  const content = set.content.map((item): GroupingSet => {
    if (Array.isArray(item)) {
      const seen = new Set<number>();
      for (const part of item as readonly Flat[]) {
        const ref = groupExpr(context, seen, part as Node, false);
        if (ref > 0) seen.add(ref);
      }
      return { node: 'GroupingSet', kind: 'simple', content: [...seen], location: -1 };
    }
    if (isFlatSet(item)) return transformSet(context, item, false);
    return { node: 'GroupingSet', kind: 'simple', content: [groupExpr(context, new Set(), item as Node, false)], location: locationOf(item as Node) };
  });
  if (kind === 'cube' && content.length > 12 && topLevel) throw context.state.error('TOO_MANY_COLUMNS', 'CUBE is limited to 12 elements', set.location);
  return { node: 'GroupingSet', kind, content, location: set.location };
}

/** One grouping expression: its reference number, 0 when it is a duplicate here. */
function groupExpr(context: GroupContext, seen: ReadonlySet<number>, node: Node, topLevel: boolean): number {
  const { state, targets, clauses } = context;
  const entry = findEntry(state, node, targets, context.kind, context.sql99);
  const ref = entry.ressortgroupref;
  if (ref > 0) {
    if (seen.has(ref)) return 0;
    if (isInSortList(state, entry, 0, clauses)) return ref;
    const sorted = context.sort.find((clause) => clause.tleSortGroupRef === ref);
    if (sorted !== undefined) {
      clauses.push(topLevel ? sorted : { ...sorted, nullsFirst: false });
      return ref;
    }
  }
  addToGroupList(state, entry, clauses, targets, exprLocation(entry.expr));
  return entry.ressortgroupref;
}

/** SELECT DISTINCT, or DISTINCT in an aggregate. @throws 42P10, 42601 */
export function transformDistinct(state: ParseState, targets: readonly TargetEntry[], sort: readonly SortGroupClause[], isAggregate: boolean): SortGroupClause[] {
  const result: SortGroupClause[] = [];
  for (const clause of sort) {
    const entry = targets.find((target) => target.ressortgroupref === clause.tleSortGroupRef);
    if (entry?.resjunk) {
      throw state.error('INVALID_COLUMN_REFERENCE', isAggregate
        ? 'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list'
        : 'for SELECT DISTINCT, ORDER BY expressions must appear in select list', exprLocation(entry.expr));
    }
    result.push(clause);
  }
  for (const entry of targets) if (!entry.resjunk) addToGroupList(state, entry, result, targets, exprLocation(entry.expr));
  if (result.length === 0) {
    throw state.error('SYNTAX_ERROR', isAggregate ? 'an aggregate with DISTINCT must have at least one argument' : 'SELECT DISTINCT must have at least one column', -1);
  }
  return result;
}

/** SELECT DISTINCT ON. @throws 42P10 */
export function transformDistinctOn(state: ParseState, items: readonly Node[], targets: TargetEntry[], sort: readonly SortGroupClause[]): SortGroupClause[] {
  const entries = items.map((item) => {
    const entry = findEntry92(state, item, targets, 'distinctOn');
    assignSortGroupRef(entry, targets);
    return entry;
  });
  const mismatch = (location: number): Error => state.error('INVALID_COLUMN_REFERENCE', 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions', location);
  const result: SortGroupClause[] = [];
  let skipped = false;
  for (const clause of sort) {
    const index = entries.findIndex((entry) => entry.ressortgroupref === clause.tleSortGroupRef);
    if (index < 0) {
      skipped = true;
    } else {
      if (skipped) throw mismatch(locationOf(items[index]));
      result.push(clause);
    }
  }
  entries.forEach((entry, i) => {
    if (isInSortList(state, entry, 0, result)) return;
    if (skipped) throw mismatch(locationOf(items[i]));
    addToGroupList(state, entry, result, targets, exprLocation(entry.expr));
  });
  return result;
}
