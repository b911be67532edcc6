/**
 * Looking names up: columns, tables, system columns, and the errors with their guesses when a name is not found. Follows
 * PostgreSQL's parser/parse_relation.c.
 */
import type { RangeVar } from 'libpg-query';
import { CIDOID, OIDOID, TIDOID, XIDOID } from '../types/oids.js';
import { makeVar } from './make.js';
import type { Expr, RangeTblEntry, Var } from './nodes.js';
import { columnVar, findCte, returningWrap } from './relation.js';
import { addPermissionColumn, requirePermissions, type NamespaceItem, type Oid, type ParseState } from './state.js';
import { requireSchema } from './type-name.js';

/** System columns by name: attribute number and type. */
export const SYSTEM_COLUMNS: Readonly<Record<string, { readonly attnum: number; readonly type: Oid }>> = {
  ctid: { attnum: -1, type: TIDOID }, xmin: { attnum: -2, type: XIDOID }, cmin: { attnum: -3, type: CIDOID },
  xmax: { attnum: -4, type: XIDOID }, cmax: { attnum: -5, type: CIDOID }, tableoid: { attnum: -6, type: OIDOID },
};

/** A system column's number, 0 when the name is none. */
export function systemAttribute(name: string): number {
  return Object.hasOwn(SYSTEM_COLUMNS, name) ? SYSTEM_COLUMNS[name].attnum : 0;
}

/** A system column's name by number. */
export function systemAttributeName(attnum: number): string {
  return Object.keys(SYSTEM_COLUMNS).find((name) => SYSTEM_COLUMNS[name].attnum === attnum) ?? '';
}

const WITHOUT_SYSTEM_COLUMNS = new Set(['v', 'c']);

/** Column number of a name in an entry; 0 when there is none. @throws 42702 */
function scanEntry(state: ParseState, rte: RangeTblEntry, colnames: readonly string[], name: string, location: number): number {
  let found = 0;
  colnames.forEach((candidate, i) => {
    if (candidate !== name) return;
    if (found !== 0) throw state.error('AMBIGUOUS_COLUMN', `column reference "${name}" is ambiguous`, location);
    found = i + 1;
  });
  if (found === 0 && rte.rtekind === 'relation' && !WITHOUT_SYSTEM_COLUMNS.has(rte.relkind)) return systemAttribute(name);
  return found;
}

/** A column of one item as an expression, or null. @throws 42702, 42P10 */
export function itemColumn(state: ParseState, item: NamespaceItem, levelsUp: number, name: string, location: number): Expr | null {
  const attnum = scanEntry(state, item.rte, item.names.colnames, name, location);
  if (attnum === 0) return null;
  if (attnum < 0) checkSystemColumn(state, name, location);
  let variable: Var;
  if (attnum > 0) {
    const column = item.columns[attnum - 1];
    if (column.varno === 0) throw state.error('UNDEFINED_COLUMN', `column "${name}" of relation "${item.names.aliasname}" does not exist`, location);
    variable = columnVar(column, levelsUp, location);
  } else {
    variable = makeVar(item.rtindex, attnum, SYSTEM_COLUMNS[name].type, -1, 0, location, levelsUp);
  }
  markVarForSelect(state, variable);
  return returningWrap(item, variable);
}

function checkSystemColumn(state: ParseState, name: string, location: number): void {
  if (name === 'tableoid') return;
  if (state.exprKind === 'checkConstraint') throw state.error('INVALID_COLUMN_REFERENCE', `system column "${name}" reference in check constraint is invalid`, location);
  if (state.exprKind === 'generatedColumn') throw state.error('INVALID_COLUMN_REFERENCE', `cannot use system column "${name}" in column generation expression`, location);
  if (state.exprKind === 'mergeWhen') throw state.error('INVALID_COLUMN_REFERENCE', `cannot use system column "${name}" in MERGE WHEN condition`, location);
}

function checkLateral(state: ParseState, item: NamespaceItem, location: number): void {
  if (!item.lateralOnly || item.lateralOk) return;
  const name = item.names.aliasname;
  const isTarget = state.targetNsitem !== null && item.rte === state.targetNsitem.rte;
  throw state.error('INVALID_COLUMN_REFERENCE', `invalid reference to FROM-clause entry for table "${name}"`, location, isTarget
    ? { hint: `There is an entry for table "${name}", but it cannot be referenced from this part of the query.` }
    : { detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.' });
}

/** An unqualified column name as an expression, searched from the innermost level out; null when not found. @throws 42702 */
export function columnByName(state: ParseState, name: string, location: number, localOnly = false): Expr | null {
  let levelsUp = 0;
  for (let level: ParseState | null = state; level !== null; level = level.parent, levelsUp++) {
    let found: Expr | null = null;
    for (const item of level.namespace) {
      if (!item.colsVisible || (item.lateralOnly && !level.lateralActive)) continue;
      const expr = itemColumn(state, item, levelsUp, name, location);
      if (expr === null) continue;
      if (found !== null) throw state.error('AMBIGUOUS_COLUMN', `column reference "${name}" is ambiguous`, location);
      checkLateral(level, item, location);
      found = expr;
    }
    if (found !== null || localOnly) return found;
  }
  return null;
}

/** The item that a table name in front of a column means; null when not found. @throws 42P09 */
export function itemByName(state: ParseState, schema: string | null, name: string, location: number): { item: NamespaceItem; levelsUp: number } | null {
  let relid: Oid = 0;
  if (schema !== null) {
    const namespace = state.at(location, () => requireSchema(state, schema));
    relid = state.catalog.relationOid(name, namespace);
    if (relid === 0) return null;
  }
  let levelsUp = 0;
  for (let level: ParseState | null = state; level !== null; level = level.parent, levelsUp++) {
    let found: NamespaceItem | null = null;
    for (const item of level.namespace) {
      if (!item.relVisible || (item.lateralOnly && !level.lateralActive)) continue;
      const matches = schema === null ? item.names.aliasname === name
        : item.rte.rtekind === 'relation' && item.rte.relid === relid && item.rte.alias === null;
      if (!matches) continue;
      if (found !== null) throw state.error('AMBIGUOUS_ALIAS', schema === null ? `table reference "${name}" is ambiguous` : `table reference ${relid} is ambiguous`, location);
      checkLateral(level, item, location);
      found = item;
    }
    if (found !== null) return { item: found, levelsUp };
  }
  return null;
}

/** Notes that a Var's column is read. */
export function markVarForSelect(state: ParseState, variable: Var): void {
  markEntry(state.up(variable.varlevelsup), variable.varno, variable.varattno);
}

function markEntry(level: ParseState, rtindex: number, attnum: number): void {
  const rte = level.rtable[rtindex - 1];
  if (rte.rtekind === 'relation') {
    requirePermissions(rte.perm, 'r');
    addPermissionColumn(rte.perm.selectedCols, attnum);
  } else if (rte.rtekind === 'join' && attnum === 0) {
    for (const input of level.joinInputs.get(rtindex) ?? []) markEntry(level, input, 0);
  }
}

/** Two items of one name in one FROM list. @throws 42712 */
export function checkNamespaceConflicts(state: ParseState, first: readonly NamespaceItem[], second: readonly NamespaceItem[]): void {
  for (const a of first) {
    if (!a.relVisible) continue;
    for (const b of second) {
      if (!b.relVisible || a.names.aliasname !== b.names.aliasname) continue;
      const isTable = (item: NamespaceItem): boolean => item.rte.rtekind === 'relation' && item.rte.alias === null;
      if (isTable(a) && isTable(b) && a.rte.rtekind === 'relation' && b.rte.rtekind === 'relation' && a.rte.relid !== b.rte.relid) continue;
      throw state.error('DUPLICATE_ALIAS', `table name "${a.names.aliasname}" specified more than once`, -1);
    }
  }
}

function findItem(state: ParseState, rte: RangeTblEntry): NamespaceItem | null {
  for (let level: ParseState | null = state; level !== null; level = level.parent) {
    const item = level.namespace.find((candidate) => candidate.rte === rte);
    if (item !== undefined) return item;
  }
  return null;
}

function visibleIfLateral(state: ParseState, rte: RangeTblEntry): boolean {
  if (state.lateralActive) return false;
  const item = findItem(state, rte);
  return item !== null && item.lateralOnly && item.lateralOk;
}

function visibleIfQualified(state: ParseState, rte: RangeTblEntry): boolean {
  const item = findItem(state, rte);
  return item !== null && item.relVisible && !item.colsVisible;
}

/** The 42P01 for a table name that is not in FROM, with PostgreSQL's guess at what went wrong. */
export function missingEntryError(state: ParseState, name: RangeVar): Error {
  const relname = name.relname ?? '';
  const location = name.location ?? 0;
  const rte = searchEntries(state, name);
  if (rte !== null && rte.alias !== null && rte.eref.aliasname !== relname) {
    const found = itemByName(state, null, rte.eref.aliasname, location);
    if (found !== null && found.item.rte === rte) {
      return state.error('UNDEFINED_TABLE', `invalid reference to FROM-clause entry for table "${relname}"`, location,
        { hint: `Perhaps you meant to reference the table alias "${rte.eref.aliasname}".` });
    }
  }
  if (rte !== null) {
    return state.error('UNDEFINED_TABLE', `invalid reference to FROM-clause entry for table "${relname}"`, location, {
      detail: `There is an entry for table "${rte.eref.aliasname}", but it cannot be referenced from this part of the query.`,
      hint: visibleIfLateral(state, rte) ? 'To reference that table, you must mark this subquery with LATERAL.' : undefined,
    });
  }
  return state.error('UNDEFINED_TABLE', `missing FROM-clause entry for table "${relname}"`, location);
}

function searchEntries(state: ParseState, name: RangeVar): RangeTblEntry | null {
  const relname = name.relname ?? '';
  const cte = name.schemaname ? null : findCte(state, relname);
  let relid: Oid = 0;
  if (cte === null) {
    const namespace = name.schemaname ? state.catalog.namespaceByName(name.schemaname) : null;
    relid = name.schemaname ? (namespace === null ? 0 : state.catalog.relationOid(relname, namespace.oid)) : state.catalog.lookupRelation(relname);
  }
  let levelsUp = 0;
  for (let level: ParseState | null = state; level !== null; level = level.parent, levelsUp++) {
    for (const rte of level.rtable) {
      if (rte.rtekind === 'relation' && relid !== 0 && rte.relid === relid) return rte;
      if (rte.rtekind === 'cte' && cte !== null && rte.ctelevelsup + levelsUp === cte.levelsUp && rte.ctename === relname) return rte;
      if (rte.eref.aliasname === relname) return rte;
    }
  }
  return null;
}

const MAX_FUZZY_DISTANCE = 3;

/** Edit distance with unit costs; `limit + 1` stands for anything above `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return Math.min(previous[b.length], limit + 1);
}

interface Guess { readonly rte: RangeTblEntry; readonly column: string }

/** Columns that come close to a missing name, and exact ones that cannot be reached from here. */
class FuzzyMatches {
  distance = MAX_FUZZY_DISTANCE + 1;
  first: Guess | null = null;
  second: Guess | null = null;
  readonly exact: RangeTblEntry[] = [];

  consider(rte: RangeTblEntry, column: string, wanted: string, penalty: number): void {
    if (penalty > this.distance || column === '') return;
    let distance = editDistance(column, wanted, this.distance + 1 - penalty);
    if (distance > wanted.length >> 1) return;
    distance += penalty;
    if (distance < this.distance) {
      this.distance = distance;
      this.first = { rte, column };
      this.second = null;
    } else if (distance === this.distance) {
      if (this.second !== null) {
        this.first = this.second = null;
        this.distance = distance - 1;
      } else if (this.first !== null) {
        this.second = { rte, column };
      } else {
        this.first = { rte, column };
      }
    }
  }
}

/** The 42703 for a column that is not there, with hints. */
export function missingColumnError(state: ParseState, relname: string | null, name: string, location: number): Error {
  const matches = new FuzzyMatches();
  for (let level: ParseState | null = state; level !== null; level = level.parent) {
    for (const rte of level.rtable) {
      if (rte.rtekind === 'join') continue;
      const penalty = relname === null ? 0 : editDistance(relname, rte.eref.aliasname, MAX_FUZZY_DISTANCE + 1);
      for (const column of rte.eref.colnames) matches.consider(rte, column, name, penalty);
      if (scanEntry(state, rte, rte.eref.colnames, name, location) !== 0 && penalty === 0) matches.exact.push(rte);
    }
  }
  const message = relname === null ? `column "${name}" does not exist` : `column ${relname}.${name} does not exist`;
  const fail = (fields?: { detail?: string; hint?: string }): Error => state.error('UNDEFINED_COLUMN', message, location, fields);
  if (matches.exact.length > 1) {
    return fail({
      detail: `There are columns named "${name}", but they are in tables that cannot be referenced from this part of the query.`,
      hint: relname === null ? 'Try using a table-qualified name.' : undefined,
    });
  }
  if (matches.exact.length === 1) {
    const [rte] = matches.exact;
    return fail({
      detail: `There is a column named "${name}" in table "${rte.eref.aliasname}", but it cannot be referenced from this part of the query.`,
      hint: visibleIfLateral(state, rte) ? 'To reference that column, you must mark this subquery with LATERAL.'
        : relname === null && visibleIfQualified(state, rte) ? 'To reference that column, you must use a table-qualified name.' : undefined,
    });
  }
  const { first, second } = matches;
  if (first === null) return fail();
  const quoted = (guess: Guess): string => `the column "${guess.rte.eref.aliasname}.${guess.column}"`;
  return fail({ hint: second === null ? `Perhaps you meant to reference ${quoted(first)}.` : `Perhaps you meant to reference ${quoted(first)} or ${quoted(second)}.` });
}
