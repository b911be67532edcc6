/**
 * WITH: order of analysis, recursion, SEARCH and CYCLE. Follows PostgreSQL's parser/parse_cte.c.
 */
import type { CommonTableExpr as RawCte, JoinExpr as RawJoin, Node, RangeVar, SelectStmt, WithClause } from 'libpg-query';
import { bodyAs, bodyOf, stringList, tagOf, type RawNode, type RawValue } from '../parser/raw.js';
import { TEXTOID, UNKNOWNOID } from '../types/oids.js';
import { checkSearchAndCycle, startSearchAndCycle } from './cte-search.js';
import { exprCollation, exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { CommonTableExpr, Query, TargetEntry } from './nodes.js';
import { emptyQuery } from './query.js';
import { analyzeSubquery } from './select.js';
import type { Mutable, ParseState } from './state.js';

const MATERIALIZED = { CTEMaterializeDefault: 'default', CTEMaterializeAlways: 'always', CTEMaterializeNever: 'never' } as const;

/** A WITH item before its analysis. */
interface Item { readonly raw: RawCte; readonly name: string; readonly location: number; readonly statement: Node; cte: Mutable<CommonTableExpr>; dependsOn: Set<number> }

/** WITH: fills the query's WITH list and the state's CTE name space. @throws 42712, 0A000, 42P19, 42804 ... */
export function transformWith(state: ParseState, clause: WithClause | undefined, query: Mutable<Query>): void {
  if (clause === undefined) return;
  query.hasRecursive = clause.recursive ?? false;
  const items = (clause.ctes ?? []).map((node) => makeItem(bodyAs<RawCte>(bodyOf(node))));
  items.forEach((item, i) => {
    if (items.slice(0, i).some((other) => other.name === item.name)) {
      throw state.error('DUPLICATE_ALIAS', `WITH query name "${item.name}" specified more than once`, item.location);
    }
    if (tagOf(item.statement) !== 'SelectStmt') {
      state.hasModifyingCTE = true;
    }
  });
  if (query.hasRecursive) {
    for (const item of items) item.dependsOn = references(item.statement, items);
    const ordered = sortByDependency(state, items);
    for (const item of ordered) if (item.cte.cterecursive) checkRecursionForm(state, item);
    for (const item of ordered) {
      state.ctenamespace.push(item.cte);
      state.pendingCtes.add(item.name);
    }
    for (const item of ordered) analyzeItem(state, item);
  } else {
    state.futureCtes = items.map((item) => ({ ctename: item.name }));
    for (const item of items) {
      analyzeItem(state, item);
      state.ctenamespace.push(item.cte);
      state.futureCtes = state.futureCtes.slice(1);
    }
  }
  query.cteList = state.ctenamespace;
  query.hasModifyingCTE = state.hasModifyingCTE;
}

function makeItem(raw: RawCte): Item {
  const name = raw.ctename ?? '';
  const location = raw.location ?? 0;
  const cte: Mutable<CommonTableExpr> = {
    node: 'CommonTableExpr', ctename: name, aliascolnames: stringList(raw.aliascolnames), ctematerialized: MATERIALIZED[raw.ctematerialized as keyof typeof MATERIALIZED] ?? 'default',
    ctequery: emptyQuery('select'), cterecursive: false, cterefcount: 0, ctecolnames: stringList(raw.aliascolnames), ctecoltypes: [], ctecoltypmods: [],
    ctecolcollations: [], searchClause: null, cycleClause: null, location,
  };
  return { raw, name, location, statement: raw.ctequery as Node, cte, dependsOn: new Set() };
}

/** Output columns of a WITH item's query. */
function outputOf(query: Query): readonly TargetEntry[] {
  return (query.commandType === 'select' ? query.targetList : query.returningList).filter((entry) => !entry.resjunk);
}

function analyzeItem(state: ParseState, item: Item): void {
  const { cte } = item;
  const { search_clause: search, cycle_clause: cycle } = item.raw;
  if ((search !== undefined || cycle !== undefined) && !cte.cterecursive) throw state.error('SYNTAX_ERROR', 'WITH query is not recursive', item.location);
  startSearchAndCycle(state, cte, search, cycle);
  const query: Mutable<Query> = analyzeSubquery(state, tagOf(item.statement), bodyOf(item.statement), cte, false, true);
  if (query.commandType !== 'select') {
    if (state.parent !== null) throw state.error('FEATURE_NOT_SUPPORTED', 'WITH clause containing a data-modifying statement must be at the top level', item.location);
    query.canSetTag = false;
  }
  cte.ctequery = query;
  state.pendingCtes.delete(item.name);
  const output = outputOf(query);
  if (!cte.cterecursive) {
    setColumns(state, cte, output);
    return;
  }
  checkRecursiveTypes(state, cte, output);
  checkSearchAndCycle(state, cte, search, cycle, item.statement);
}

/** Names and types of a WITH item's columns (analyzeCTETargetList). @throws 42P10 */
function setColumns(state: ParseState, cte: Mutable<CommonTableExpr>, output: readonly TargetEntry[]): void {
  const aliases = cte.ctecolnames;
  if (aliases.length > output.length) {
    throw state.error('INVALID_COLUMN_REFERENCE', `WITH query "${cte.ctename}" has ${output.length} columns available but ${aliases.length} columns specified`, cte.location);
  }
  cte.ctecolnames = output.map((entry, i) => aliases[i] ?? entry.resname ?? '');
  // Unknown literals are text by now, except below a set operation's non-recursive term.
  cte.ctecoltypes = output.map((entry) => (exprType(entry.expr) === UNKNOWNOID ? TEXTOID : exprType(entry.expr)));
  cte.ctecoltypmods = output.map((entry) => exprTypmod(entry.expr));
  cte.ctecolcollations = output.map((entry) => (exprType(entry.expr) === UNKNOWNOID ? 100 : exprCollation(entry.expr)));
}

/** Between the two terms of a recursive UNION: the first one's columns become the item's. */
export function determineRecursiveTypes(state: ParseState, targets: readonly TargetEntry[]): void {
  const cte = state.parentCte;
  if (cte === null) return;
  const leftmost = state.rtable[0];
  const names = leftmost?.rtekind === 'subquery' ? outputOf(leftmost.subquery).map((entry) => entry.resname) : [];
  setColumns(state, cte, targets.map((entry, i) => ({ ...entry, resname: entry.resname ?? names[i] ?? null })));
}

function checkRecursiveTypes(state: ParseState, cte: CommonTableExpr, output: readonly TargetEntry[]): void {
  output.forEach((entry, i) => {
    const type = exprType(entry.expr);
    const typmod = exprTypmod(entry.expr);
    if (type !== cte.ctecoltypes[i] || typmod !== cte.ctecoltypmods[i]) {
      throw state.error('DATATYPE_MISMATCH',
        `recursive query "${cte.ctename}" column ${i + 1} has type ${state.formatType(cte.ctecoltypes[i], cte.ctecoltypmods[i])} in non-recursive term but type ${state.formatType(type, typmod)} overall`,
        exprLocation(entry.expr), { hint: 'Cast the output of the non-recursive term to the correct type.' });
    }
    const collation = exprCollation(entry.expr);
    if (collation !== cte.ctecolcollations[i]) {
      const name = (oid: number): string => state.catalog.collation(oid)?.collname ?? '';
      throw state.error('COLLATION_MISMATCH',
        `recursive query "${cte.ctename}" column ${i + 1} has collation "${name(cte.ctecolcollations[i])}" in non-recursive term but collation "${name(collation)}" overall`,
        exprLocation(entry.expr), { hint: 'Use the COLLATE clause to set the collation of the non-recursive term.' });
    }
  });
}

/** Calls `found` for every table name of a raw tree that could mean a WITH item: not qualified, not hidden by an inner WITH. */
function walkNames(value: RawValue | undefined, hidden: ReadonlySet<string>, found: (name: string, node: RangeVar) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) walkNames(item as RawValue, hidden, found);
    return;
  }
  const node = value as RawNode;
  if (node.RangeVar !== undefined) {
    const name = bodyAs<RangeVar>(node.RangeVar as RawNode);
    if (!name.schemaname && name.relname !== undefined && !hidden.has(name.relname)) found(name.relname, name);
    return;
  }
  let inner = hidden;
  if (node.withClause !== undefined) {
    const clause = bodyAs<WithClause>(node.withClause as RawNode);
    const names = (clause.ctes ?? []).map((item) => bodyAs<RawCte>(bodyOf(item)).ctename ?? '');
    inner = new Set([...hidden, ...names]);
    let seen: ReadonlySet<string> = clause.recursive ? inner : hidden;
    for (const item of clause.ctes ?? []) {
      const cte = bodyAs<RawCte>(bodyOf(item));
      walkNames(bodyOf(item).ctequery, seen, found);
      seen = new Set([...seen, cte.ctename ?? '']);
    }
  }
  for (const field in node) if (field !== 'withClause') walkNames(node[field], inner, found);
}

function references(statement: Node, items: readonly Item[]): Set<number> {
  const result = new Set<number>();
  walkNames(statement as RawNode & Node, new Set(), (name) => {
    const index = items.findIndex((item) => item.name === name);
    if (index >= 0) result.add(index);
  });
  return result;
}

/** Items in an order in which each comes behind what it refers to. @throws 0A000 for mutual recursion */
function sortByDependency(state: ParseState, items: readonly Item[]): Item[] {
  const done: number[] = [];
  const rest = items.map((_, i) => i);
  items.forEach((item, i) => {
    item.cte.cterecursive = item.dependsOn.delete(i);
  });
  while (rest.length > 0) {
    const at = rest.findIndex((index) => [...items[index].dependsOn].every((dependency) => done.includes(dependency)));
    if (at < 0) throw state.error('FEATURE_NOT_SUPPORTED', 'mutual recursion between WITH items is not implemented', items[rest[0]].location);
    done.push(...rest.splice(at, 1));
  }
  return done.map((index) => items[index]);
}

const RECURSION_PLACES = {
  nonRecursive: 'its non-recursive term', subquery: 'a subquery', outerJoin: 'an outer join', intersect: 'INTERSECT', except: 'EXCEPT',
} as const;
type RecursionPlace = keyof typeof RECURSION_PLACES;

/** A recursive item must be `non-recursive UNION [ALL] recursive` with one reference to itself in a plain place. @throws 42P19, 0A000 */
function checkRecursionForm(state: ParseState, item: Item): void {
  const fail = (message: string): Error => state.error('INVALID_RECURSION', message, item.location);
  if (tagOf(item.statement) !== 'SelectStmt') throw fail(`recursive query "${item.name}" must not contain data-modifying statements`);
  const select = bodyAs<SelectStmt>(bodyOf(item.statement));
  if (select.op !== 'SETOP_UNION') throw fail(`recursive query "${item.name}" does not have the form non-recursive-term UNION [ALL] recursive-term`);
  const context = { state, name: item.name, count: 0 };
  if (select.withClause !== undefined) checkNames(context, select.withClause as RawNode & WithClause, 'subquery');
  checkNames(context, select.larg as RawNode & SelectStmt, 'nonRecursive');
  checkSelect(context, select.rarg ?? {}, null);
  const unsupported = (node: Node | undefined, what: string): void => {
    if (node === undefined) return;
    const location = bodyOf(node).location;
    throw state.error('FEATURE_NOT_SUPPORTED', `${what} in a recursive query is not implemented`, typeof location === 'number' ? location : 0);
  };
  if (select.sortClause?.length) unsupported(bodyOf(select.sortClause[0]).node as Node | undefined, 'ORDER BY');
  unsupported(select.limitOffset, 'OFFSET');
  unsupported(select.limitCount, 'LIMIT');
  if (select.lockingClause?.length) throw state.error('FEATURE_NOT_SUPPORTED', 'FOR UPDATE/SHARE in a recursive query is not implemented', -1);
}

interface RecursionContext { readonly state: ParseState; readonly name: string; count: number }

function reference(context: RecursionContext, node: RangeVar, place: RecursionPlace | null): void {
  const location = node.location ?? 0;
  if (place !== null) {
    throw context.state.error('INVALID_RECURSION', `recursive reference to query "${context.name}" must not appear within ${RECURSION_PLACES[place]}`, location);
  }
  context.count++;
  if (context.count > 1) throw context.state.error('INVALID_RECURSION', `recursive reference to query "${context.name}" must not appear more than once`, location);
}

/** Every reference in a part where none may be. */
function checkNames(context: RecursionContext, part: RawValue | undefined, place: RecursionPlace): void {
  walkNames(part, new Set(), (name, node) => {
    if (name === context.name) reference(context, node, place);
  });
}

function checkSelect(context: RecursionContext, select: SelectStmt, place: RecursionPlace | null): void {
  if (select.withClause !== undefined) {
    const hides = (select.withClause.ctes ?? []).some((node) => bodyAs<RawCte>(bodyOf(node)).ctename === context.name);
    for (const node of select.withClause.ctes ?? []) {
      const inner = bodyOf(node).ctequery as RawNode;
      if (tagOf(inner) === 'SelectStmt') checkSelect(context, bodyAs<SelectStmt>(bodyOf(inner)), place);
      else checkNames(context, inner, place ?? 'subquery');
    }
    if (hides) return;
  }
  if (select.op !== undefined && select.op !== 'SETOP_NONE') {
    const all = select.all ?? false;
    const inner = select.op === 'SETOP_INTERSECT' && all ? 'intersect' : null;
    checkSelect(context, select.larg ?? {}, place ?? inner);
    checkSelect(context, select.rarg ?? {}, place ?? (select.op === 'SETOP_EXCEPT' ? 'except' : inner));
    return;
  }
  for (const item of select.fromClause ?? []) checkFrom(context, item, place);
  for (const [field, part] of Object.entries(select as RawNode & SelectStmt)) {
    if (field !== 'fromClause' && field !== 'withClause') checkNames(context, part as RawValue, 'subquery');
  }
}

function checkFrom(context: RecursionContext, item: Node, place: RecursionPlace | null): void {
  switch (tagOf(item)) {
    case 'RangeVar': {
      const name = bodyAs<RangeVar>(bodyOf(item));
      if (!name.schemaname && name.relname === context.name) reference(context, name, place);
      return;
    }
    case 'RangeSubselect':
      checkSelect(context, bodyAs<SelectStmt>(bodyOf(bodyOf(item).subquery as RawNode)), place);
      return;
    case 'JoinExpr': {
      const join = bodyAs<RawJoin>(bodyOf(item));
      const leftOuter = join.jointype === 'JOIN_RIGHT' || join.jointype === 'JOIN_FULL';
      const rightOuter = join.jointype === 'JOIN_LEFT' || join.jointype === 'JOIN_FULL';
      checkFrom(context, join.larg as Node, place ?? (leftOuter ? 'outerJoin' : null));
      checkFrom(context, join.rarg as Node, place ?? (rightOuter ? 'outerJoin' : null));
      checkNames(context, bodyOf(item).quals, 'subquery');
      return;
    }
    default:
      checkNames(context, item as RawNode & Node, 'subquery');
  }
}
