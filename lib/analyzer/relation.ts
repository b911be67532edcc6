/**
 * Entries of the range table and the name space items that make their columns reachable. Follows PostgreSQL's
 * parser/parse_relation.c.
 */
import type { RangeVar, Alias as RawAlias, ColumnDef } from 'libpg-query';
import type { TableLockMode } from '../access/api.js';
import { pgError } from '../base/error.js';
import type { Relation } from '../catalog/api.js';
import { bodyAs, bodyOf, stringList } from '../parser/raw.js';
import { INT8OID, RECORDARRAYOID, RECORDOID } from '../types/oids.js';
import { exprResultShape, functionResultName, type ResultColumn } from './function-result.js';
import { makeConst, makeTarget, makeVar } from './make.js';
import { exprCollation, exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { Alias, CommonTableExpr, Expr, JoinType, Query, RangeTblEntry, RangeTblFunction, TargetEntry, Var } from './nodes.js';
import { markVarForSelect } from './namespace.js';
import { newPermission, requirePermissions, type Mutable, type NamespaceColumn, type NamespaceItem, type Oid, type ParseState } from './state.js';
import { columnCollation, typeNameType } from './type-name.js';

/** An alias clause of the raw tree. */
export function aliasOf(alias: RawAlias | undefined): Alias | null {
  return alias === undefined ? null : { aliasname: alias.aliasname ?? '', colnames: stringList(alias.colnames) };
}

/** Opens the relation a name means. @throws 42P01, 3F000 with the name's position */
export function openTable(state: ParseState, name: RangeVar): Relation {
  const location = name.location ?? 0;
  const { catalog } = state;
  const relname = name.relname ?? '';
  if (name.catalogname && name.catalogname !== catalog.databaseName) {
    throw state.error('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: "${name.catalogname}.${name.schemaname}.${relname}"`, location);
  }
  let relid: Oid;
  if (name.schemaname) {
    const namespace = catalog.namespaceByName(name.schemaname === 'pg_temp' ? catalog.namespace(catalog.tempNamespace)?.nspname ?? '' : name.schemaname);
    relid = namespace === null ? 0 : catalog.relationOid(relname, namespace.oid);
  } else {
    relid = catalog.lookupRelation(relname);
  }
  const relation = relid === 0 ? null : catalog.relation(relid);
  if (relation === null) throw missingTable(state, name, location);
  if (relation.kind === 'i' || relation.kind === 'I') throw state.error('WRONG_OBJECT_TYPE', `cannot open relation "${relation.name}"`, location, { detail: 'This operation is not supported for indexes.' });
  if (relation.kind === 'c') throw state.error('WRONG_OBJECT_TYPE', `cannot open relation "${relation.name}"`, location, { detail: 'This operation is not supported for composite types.' });
  return relation;
}

function missingTable(state: ParseState, name: RangeVar, location: number): Error {
  if (name.schemaname) return state.error('UNDEFINED_TABLE', `relation "${name.schemaname}.${name.relname}" does not exist`, location);
  if (isFutureCte(state, name.relname ?? '')) {
    return state.error('UNDEFINED_TABLE', `relation "${name.relname}" does not exist`, location, {
      detail: `There is a WITH item named "${name.relname}", but it cannot be referenced from this part of the query.`,
      hint: 'Use WITH RECURSIVE, or re-order the WITH items to remove forward references.',
    });
  }
  return state.error('UNDEFINED_TABLE', `relation "${name.relname}" does not exist`, location);
}

function isFutureCte(state: ParseState, name: string): boolean {
  for (let level: ParseState | null = state; level !== null; level = level.parent) {
    if (level.futureCtes.some((cte) => cte.ctename === name)) return true;
  }
  return false;
}

/** The WITH item a name means, and how many levels up it stands. */
export function findCte(state: ParseState, name: string): { cte: Mutable<CommonTableExpr>; levelsUp: number } | null {
  let levelsUp = 0;
  for (let level: ParseState | null = state; level !== null; level = level.parent, levelsUp++) {
    const cte = level.ctenamespace.find((item) => item.ctename === name);
    if (cte !== undefined) return { cte, levelsUp };
  }
  return null;
}

/** Effective column names of a row type: aliases first; dropped columns are ''. @throws 42P10 for too many aliases */
function effectiveNames(columns: readonly { readonly name: string; readonly isDropped: boolean }[], alias: Alias | null, name: string): { eref: Alias; alias: Alias | null } {
  const given = alias?.colnames ?? [];
  let used = 0;
  const aliased: string[] = [];
  const colnames = columns.map((column) => {
    if (column.isDropped) {
      if (used < given.length) aliased.push('');
      return '';
    }
    if (used >= given.length) return column.name;
    aliased.push(given[used]);
    return given[used++];
  });
  if (used < given.length) {
    throw pgError('INVALID_COLUMN_REFERENCE', `table "${name}" has ${columns.filter((column) => !column.isDropped).length} columns available but ${given.length} columns specified`);
  }
  return { eref: { aliasname: name, colnames }, alias: alias === null ? null : { aliasname: alias.aliasname, colnames: aliased } };
}

const DROPPED: NamespaceColumn = { varno: 0, varattno: 0, vartype: 0, vartypmod: -1, varcollid: 0, dontexpand: false };

function addEntry(state: ParseState, rte: Mutable<RangeTblEntry>, columns: readonly ResultColumn[]): NamespaceItem {
  state.rtable.push(rte);
  const rtindex = state.rtable.length;
  return {
    names: rte.eref, rte, rtindex,
    columns: columns.map((column, i) => (column.isDropped ? DROPPED
      : { varno: rtindex, varattno: i + 1, vartype: column.type, vartypmod: column.typmod, varcollid: column.collation, dontexpand: false })),
    relVisible: true, colsVisible: true, lateralOnly: false, lateralOk: true, returningType: 'default',
  };
}

function columnsFromLists(types: readonly Oid[], typmods: readonly number[], collations: readonly Oid[]): ResultColumn[] {
  return types.map((type, i) => ({ name: '', type, typmod: typmods[i], collation: collations[i], isDropped: false }));
}

/** Adds a table, view or other relation that is open. SELECT privilege is asked for; the caller may change that. */
export function addRelationEntry(
  state: ParseState, relation: Relation, lockmode: TableLockMode, alias: Alias | null, inh: boolean, inFromCl: boolean,
): NamespaceItem {
  const columns = relation.attributes.map((attribute) => ({
    name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation, isDropped: attribute.attisdropped,
  }));
  const names = effectiveNames(columns, alias, alias?.aliasname ?? relation.name);
  return addEntry(state, {
    node: 'RangeTblEntry', rtekind: 'relation', relid: relation.oid, relkind: relation.kind, rellockmode: lockmode, inh, tablesample: null,
    perm: newPermission(relation.oid, inh, 'r'), alias: names.alias, eref: names.eref, lateral: false, inFromCl,
  }, columns);
}

/** Adds a relation named in FROM. */
export function addTableEntry(state: ParseState, name: RangeVar, lockmode: TableLockMode): NamespaceItem {
  const relation = openTable(state, name);
  return addRelationEntry(state, relation, lockmode, aliasOf(name.alias), name.inh ?? false, true);
}

/** Adds a sub-select. */
export function addSubqueryEntry(state: ParseState, subquery: Query, alias: Alias | null, lateral: boolean, inFromCl: boolean): NamespaceItem {
  const targets = subquery.targetList.filter((entry) => !entry.resjunk);
  const columns = targets.map((entry) => ({
    name: entry.resname ?? '', type: exprType(entry.expr), typmod: exprTypmod(entry.expr), collation: exprCollation(entry.expr), isDropped: false,
  }));
  const eref = mergeNames(alias?.aliasname ?? 'unnamed_subquery', alias, columns.map((column) => column.name), 'table');
  const item = addEntry(state, {
    node: 'RangeTblEntry', rtekind: 'subquery', subquery, securityBarrier: false, viewRelid: 0, perm: null, alias, eref, lateral, inFromCl,
  }, columns);
  item.relVisible = alias !== null;
  return item;
}

function mergeNames(name: string, alias: Alias | null, own: readonly string[], what: string): Alias {
  const given = alias?.colnames ?? [];
  if (given.length > own.length) {
    const label = what === 'VALUES lists' ? `VALUES lists "${name}" have` : `${what} "${name}" has`;
    throw pgError('INVALID_COLUMN_REFERENCE', `${label} ${own.length} columns available but ${given.length} columns specified`);
  }
  return { aliasname: name, colnames: [...given, ...own.slice(given.length)] };
}

/** Adds VALUES lists; expressions must have their collations. */
export function addValuesEntry(
  state: ParseState, valuesLists: readonly (readonly Expr[])[], types: readonly Oid[], typmods: readonly number[], collations: readonly Oid[],
  alias: Alias | null, lateral: boolean, inFromCl: boolean, rowSlots?: ReadonlyMap<number, number>,
): NamespaceItem {
  const name = alias?.aliasname ?? '*VALUES*';
  const eref = mergeNames(name, alias, types.map((_, i) => `column${i + 1}`), 'VALUES lists');
  return addEntry(state, {
    node: 'RangeTblEntry', rtekind: 'values', valuesLists, coltypes: types, coltypmods: typmods, colcollations: collations, alias, eref, lateral, inFromCl,
    ...(rowSlots === undefined ? {} : { rowSlots }),
  }, columnsFromLists(types, typmods, collations));
}

/** One function of FROM with its column definition list. */
export interface FunctionItem { readonly expr: Expr; readonly name: string; readonly columnDefinitions: readonly ColumnDef[] }

function functionColumns(state: ParseState, item: FunctionItem, alias: Alias | null, count: number): { columns: ResultColumn[]; fn: RangeTblFunction } {
  const shape = exprResultShape(state, item.expr);
  const definitions = item.columnDefinitions;
  if (definitions.length > 0 && shape.kind !== 'record') {
    const location = definitions[0].location ?? 0;
    if (shape.kind !== 'composite') throw state.error('SYNTAX_ERROR', 'a column definition list is only allowed for functions returning "record"', location);
    throw state.error('SYNTAX_ERROR', exprType(item.expr) === RECORDOID
      ? 'a column definition list is redundant for a function with OUT parameters'
      : 'a column definition list is redundant for a function returning a named composite type', location);
  }
  let columns: ResultColumn[];
  switch (shape.kind) {
    case 'record':
      if (definitions.length === 0) throw state.error('SYNTAX_ERROR', 'a column definition list is required for functions returning "record"', exprLocation(item.expr));
      columns = definitions.map((definition) => definedColumn(state, definition));
      break;
    case 'composite':
      columns = [...shape.columns];
      break;
    case 'scalar': {
      const proc = item.expr.node === 'FuncExpr' ? state.catalog.proc(item.expr.funcid) : null;
      const resultName = proc === null ? null : functionResultName(proc);
      columns = [{
        name: resultName ?? (count === 1 && alias !== null ? alias.aliasname : item.name),
        type: shape.type, typmod: exprTypmod(item.expr), collation: exprCollation(item.expr), isDropped: false,
      }];
      break;
    }
    default:
      throw state.error('DATATYPE_MISMATCH', `function "${item.name}" in FROM has unsupported return type ${state.formatType(shape.type)}`, exprLocation(item.expr));
  }
  return {
    columns,
    fn: {
      funcexpr: item.expr, colcount: columns.length, colnames: columns.map((c) => c.name), coltypes: columns.map((c) => c.type),
      coltypmods: columns.map((c) => c.typmod), colcollations: columns.map((c) => c.collation),
      hasColdef: definitions.length > 0, isComposite: shape.kind !== 'scalar',
    },
  };
}

function definedColumn(state: ParseState, definition: ColumnDef): ResultColumn {
  const name = definition.colname ?? '';
  if (definition.typeName?.setof) throw state.error('INVALID_TABLE_DEFINITION', `column "${name}" cannot be declared SETOF`, definition.location ?? 0);
  const { type, typmod } = typeNameType(state, definition.typeName ?? {});
  return { name, type, typmod, collation: columnCollation(state, definition.collClause, type), isDropped: false };
}

/** Adds functions in FROM (one, or ROWS FROM). */
export function addFunctionEntry(
  state: ParseState, items: readonly FunctionItem[], alias: Alias | null, ordinality: boolean, lateral: boolean, inFromCl: boolean,
): NamespaceItem {
  const name = alias?.aliasname ?? items[0].name;
  const parts = items.map((item) => functionColumns(state, item, alias, items.length));
  const columns = parts.flatMap((part) => part.columns);
  if (ordinality) columns.push({ name: 'ordinality', type: INT8OID, typmod: -1, collation: 0, isDropped: false });
  const names = effectiveNames(columns, alias, name);
  return addEntry(state, {
    node: 'RangeTblEntry', rtekind: 'function', functions: parts.map((part) => part.fn), funcordinality: ordinality, alias: names.alias, eref: names.eref, lateral, inFromCl,
  }, columns);
}

/** What a join contributes. */
export interface JoinParts {
  readonly colnames: readonly string[];
  readonly columns: readonly NamespaceColumn[];
  readonly jointype: JoinType;
  readonly mergedCount: number;
  readonly aliasvars: readonly Expr[];
  readonly leftcols: readonly number[];
  readonly rightcols: readonly number[];
  readonly usingAlias: Alias | null;
  readonly alias: Alias | null;
}

/** Adds a join; its columns are those of its inputs. */
export function addJoinEntry(state: ParseState, parts: JoinParts): NamespaceItem {
  const { alias } = parts;
  if (parts.colnames.length < (alias?.colnames.length ?? 0)) {
    throw pgError('INVALID_COLUMN_REFERENCE', `join expression "${alias?.aliasname}" has ${parts.colnames.length} columns available but ${alias?.colnames.length} columns specified`);
  }
  const eref = mergeNames(alias?.aliasname ?? 'unnamed_join', alias, parts.colnames, 'join expression');
  const rte: Mutable<RangeTblEntry> = {
    node: 'RangeTblEntry', rtekind: 'join', jointype: parts.jointype, joinmergedcols: parts.mergedCount, joinaliasvars: parts.aliasvars,
    joinleftcols: parts.leftcols, joinrightcols: parts.rightcols, joinUsingAlias: parts.usingAlias, alias, eref, lateral: false, inFromCl: true,
  };
  state.rtable.push(rte);
  return {
    names: eref, rte, rtindex: state.rtable.length, columns: parts.columns,
    relVisible: true, colsVisible: true, lateralOnly: false, lateralOk: true, returningType: 'default',
  };
}

/** Adds a reference to a WITH item. `isSelf`: from inside its own recursive term. @throws 0A000 */
export function addCteEntry(state: ParseState, cte: Mutable<CommonTableExpr>, levelsUp: number, name: RangeVar, isSelf: boolean): NamespaceItem {
  const alias = aliasOf(name.alias);
  const refname = alias?.aliasname ?? cte.ctename;
  if (!isSelf) {
    cte.cterefcount++;
    if (cte.ctequery.commandType !== 'select' && cte.ctequery.returningList.length === 0) {
      throw state.error('FEATURE_NOT_SUPPORTED', `WITH query "${cte.ctename}" does not have a RETURNING clause`, name.location ?? 0);
    }
  }
  const base = mergeNames(refname, alias, cte.ctecolnames, 'table');
  const colnames = [...base.colnames];
  const coltypes = [...cte.ctecoltypes];
  const coltypmods = [...cte.ctecoltypmods];
  const colcollations = [...cte.ctecolcollations];
  const add = (column: string, type: Oid, typmod = -1, collation = 0): void => {
    colnames.push(column);
    coltypes.push(type);
    coltypmods.push(typmod);
    colcollations.push(collation);
  };
  const plain = colnames.length;
  if (cte.searchClause !== null) add(cte.searchClause.searchSeqColumn, cte.searchClause.searchBreadthFirst ? RECORDOID : RECORDARRAYOID);
  if (cte.cycleClause !== null) {
    const cycle = cte.cycleClause;
    add(cycle.cycleMarkColumn, cycle.cycleMarkType, cycle.cycleMarkTypmod, cycle.cycleMarkCollation);
    add(cycle.cyclePathColumn, RECORDARRAYOID);
  }
  const item = addEntry(state, {
    node: 'RangeTblEntry', rtekind: 'cte', ctename: cte.ctename, ctelevelsup: levelsUp, selfReference: isSelf, coltypes, coltypmods, colcollations,
    alias, eref: { aliasname: refname, colnames }, lateral: false, inFromCl: true,
  }, columnsFromLists(coltypes, coltypmods, colcollations));
  return levelsUp === 0 ? item : { ...item, columns: item.columns.map((column, i) => (i < plain ? column : { ...column, dontexpand: true })) };
}

/** Adds an item to the query's join list and name space. */
export function addItemToQuery(state: ParseState, item: NamespaceItem, toJoinList: boolean, relVisible: boolean, colsVisible: boolean): void {
  if (toJoinList) state.joinlist.push({ node: 'RangeTblRef', rtindex: item.rtindex });
  item.relVisible = relVisible;
  item.colsVisible = colsVisible;
  item.lateralOnly = false;
  item.lateralOk = true;
  if (relVisible || colsVisible) state.namespace.push(item);
}

/** The Var a name space column stands for. */
export function columnVar(column: NamespaceColumn, levelsUp: number, location: number): Var {
  const variable = makeVar(column.varno, column.varattno, column.vartype, column.vartypmod, column.varcollid, location, levelsUp);
  return column.varnosyn === undefined ? variable : { ...variable, varnosyn: column.varnosyn, varattnosyn: column.varattnosyn };
}

/** Wraps a reference to an OLD or NEW row in RETURNING. */
export function returningWrap(item: NamespaceItem, variable: Var): Expr {
  return item.returningType === 'default' ? variable : { node: 'ReturningExpr', returningOld: item.returningType === 'old', expr: variable };
}

/** All columns of an item that `*` shows, with their names. */
export function expandItemVars(item: NamespaceItem, levelsUp: number, location: number): { name: string; expr: Expr; variable: Var }[] {
  const result: { name: string; expr: Expr; variable: Var }[] = [];
  item.columns.forEach((column, i) => {
    const name = item.names.colnames[i];
    if (column.dontexpand || column.varno === 0) return;
    const variable = columnVar(column, levelsUp, location);
    result.push({ name, expr: returningWrap(item, variable), variable });
  });
  return result;
}

/** Target entries for all columns of an item, asking for SELECT on each. */
export function expandItemTargets(state: ParseState, item: NamespaceItem, levelsUp: number, location: number): TargetEntry[] {
  if (item.rte.rtekind === 'relation') requirePermissions(item.rte.perm, 'r');
  return expandItemVars(item, levelsUp, location).map(({ name, expr, variable }) => {
    markVarForSelect(state, variable);
    return makeTarget(expr, state.nextResno++, name);
  });
}

/** The columns behind a whole-row Var, as expressions of the same level. */
export function expandWholeRow(state: ParseState, variable: Var): Expr[] {
  const level = state.up(variable.varlevelsup);
  const item = level.namespace.find((candidate) => candidate.rtindex === variable.varno && candidate.returningType === 'default');
  if (item !== undefined) return expandItemVars(item, variable.varlevelsup, variable.location).map((column) => column.expr);
  return rteColumns(state, level.rtable[variable.varno - 1]).map((column, i) => (column.isDropped ? makeConst(23, -1, 0, null)
    : makeVar(variable.varno, i + 1, column.type, column.typmod, column.collation, variable.location, variable.varlevelsup)));
}

/** The columns of any range-table entry, dropped ones included. */
export function rteColumns(state: ParseState, rte: RangeTblEntry): ResultColumn[] {
  const named = (columns: ResultColumn[]): ResultColumn[] => columns.map((column, i) => ({ ...column, name: rte.eref.colnames[i] ?? column.name }));
  switch (rte.rtekind) {
    case 'relation': {
      const relation = state.catalog.relation(rte.relid);
      return named((relation?.attributes ?? []).map((attribute) => ({
        name: attribute.attname, type: attribute.atttypid, typmod: attribute.atttypmod, collation: attribute.attcollation, isDropped: attribute.attisdropped,
      })));
    }
    case 'subquery':
      return named(rte.subquery.targetList.filter((entry) => !entry.resjunk).map((entry) => ({
        name: entry.resname ?? '', type: exprType(entry.expr), typmod: exprTypmod(entry.expr), collation: exprCollation(entry.expr), isDropped: false,
      })));
    case 'join':
      return named(rte.joinaliasvars.map((expr) => ({ name: '', type: exprType(expr), typmod: exprTypmod(expr), collation: exprCollation(expr), isDropped: false })));
    case 'function': {
      const columns = rte.functions.flatMap((fn) => columnsFromLists(fn.coltypes, fn.coltypmods, fn.colcollations));
      if (rte.funcordinality) columns.push({ name: 'ordinality', type: INT8OID, typmod: -1, collation: 0, isDropped: false });
      return named(columns);
    }
    case 'values': case 'cte':
      return named(columnsFromLists(rte.coltypes, rte.coltypmods, rte.colcollations));
    case 'result':
      return [];
  }
}

/** A column definition list of the raw tree. */
export function columnDefinitions(list: readonly object[] | undefined): ColumnDef[] {
  return (list ?? []).map((node) => bodyAs<ColumnDef>(bodyOf(node as Parameters<typeof bodyOf>[0])));
}
