/**
 * FROM: tables, sub-selects, functions, joins with their merged columns. Follows PostgreSQL's parser/parse_clause.c.
 */
import type {
  FuncCall, JoinExpr as RawJoin, List, Node, RangeFunction, RangeSubselect, RangeTableSample, RangeVar,
} from 'libpg-query';
import { notSupported, pgError } from '../base/error.js';
import { bodyAs, bodyOf, stringList, stringValue, tagOf } from '../parser/raw.js';
import { FLOAT4OID, FLOAT8OID, TSM_HANDLEROID } from '../types/oids.js';
import { containsVarOfLevel } from './aggregates.js';
import { coerceToBoolean, coerceToSpecificType, coerceType } from './coerce.js';
import { assignExprCollations } from './collate.js';
import { selectCommonTypmod, selectCommonType } from './common-type.js';
import { transformExpr } from './expr.js';
import { exactFunction } from './function-lookup.js';
import { makeBoolExpr, makeRelabel } from './make.js';
import { exprCollation, exprLocation, exprType, exprTypmod } from './node-functions.js';
import type { Alias, Expr, JoinExpr, JoinTreeNode, RelationRte, TableSampleClause, Var } from './nodes.js';
import { checkNamespaceConflicts, markVarForSelect } from './namespace.js';
import { makeOperator } from './operators.js';
import {
  addCteEntry, addFunctionEntry, addJoinEntry, addSubqueryEntry, addTableEntry, aliasOf, columnDefinitions, columnVar, findCte, type FunctionItem,
} from './relation.js';
import { analyzeSubquery } from './select.js';
import type { Mutable, NamespaceColumn, NamespaceItem, ParseState } from './state.js';
import { figureColumnName } from './target.js';

/** What an item of FROM adds: its join tree, its own entry, everything it makes visible. */
interface FromItem { readonly tree: JoinTreeNode; readonly top: NamespaceItem; readonly items: NamespaceItem[] }

/** FROM, UPDATE's FROM, DELETE's USING. @throws 42P01, 42712, 42703 ... */
export function transformFrom(state: ParseState, list: readonly Node[]): void {
  for (const node of list) {
    const { tree, items } = transformItem(state, node);
    checkNamespaceConflicts(state, state.namespace, items);
    setLateral(items, true, true);
    state.joinlist.push(tree);
    state.namespace.push(...items);
  }
  setLateral(state.namespace, false, true);
}

function setLateral(items: readonly NamespaceItem[], only: boolean, ok: boolean): void {
  for (const item of items) {
    item.lateralOnly = only;
    item.lateralOk = ok;
  }
}

function single(item: NamespaceItem): FromItem {
  return { tree: { node: 'RangeTblRef', rtindex: item.rtindex }, top: item, items: [item] };
}

/** One item of FROM; also MERGE's source. */
export function transformItem(state: ParseState, node: Node): FromItem {
  const body = bodyOf(node);
  switch (tagOf(node)) {
    case 'RangeVar': return single(transformTable(state, bodyAs<RangeVar>(body)));
    case 'RangeSubselect': return single(transformSubselect(state, bodyAs<RangeSubselect>(body)));
    case 'RangeFunction': return single(transformFunction(state, bodyAs<RangeFunction>(body)));
    case 'RangeTableSample': {
      const sample = bodyAs<RangeTableSample>(body);
      const item = transformItem(state, sample.relation as Node);
      const { rte } = item.top;
      if (rte.rtekind !== 'relation' || !['r', 'm', 'p'].includes(rte.relkind)) {
        throw state.error('FEATURE_NOT_SUPPORTED', 'TABLESAMPLE clause can only be applied to tables and materialized views', locationOf(sample.relation));
      }
      (rte as Mutable<RelationRte>).tablesample = transformSample(state, sample);
      return item;
    }
    case 'JoinExpr': return transformJoin(state, bodyAs<RawJoin>(body));
    case 'JsonTable': throw notSupported('JSON_TABLE');
    case 'RangeTableFunc': throw notSupported('XMLTABLE');
    default: throw notSupported(`${tagOf(node)} in FROM`);
  }
}

function locationOf(node: Node | undefined): number {
  const location = node === undefined ? undefined : bodyOf(node).location;
  return typeof location === 'number' ? location : 0;
}

/** Whether a row-locking clause of this or the outer query applies to the name. */
export function isLockedName(state: ParseState, name: string | undefined): boolean {
  if (state.lockedFromParent) return true;
  return state.lockingClause.some((clause) => !clause.lockedRels?.length
    || (name !== undefined && clause.lockedRels.some((relation) => bodyAs<RangeVar>(bodyOf(relation)).relname === name)));
}

function transformTable(state: ParseState, name: RangeVar): NamespaceItem {
  const found = name.schemaname ? null : findCte(state, name.relname ?? '');
  if (found !== null) {
    const owner = state.up(found.levelsUp);
    return state.at(name.location ?? 0, () => addCteEntry(state, found.cte, found.levelsUp, name, owner.pendingCtes.has(found.cte.ctename)));
  }
  const refname = name.alias?.aliasname ?? name.relname;
  return addTableEntry(state, name, isLockedName(state, refname) ? 'RowShare' : 'AccessShare');
}

function transformSubselect(state: ParseState, raw: RangeSubselect): NamespaceItem {
  const select = raw.subquery as Node;
  const alias = aliasOf(raw.alias);
  state.exprKind = 'fromSubselect';
  state.lateralActive = raw.lateral ?? false;
  const query = analyzeSubquery(state, tagOf(select), bodyOf(select), null, isLockedName(state, alias?.aliasname), true);
  state.lateralActive = false;
  state.exprKind = 'none';
  return addSubqueryEntry(state, query, alias, raw.lateral ?? false, true);
}

function transformFunction(state: ParseState, raw: RangeFunction): NamespaceItem {
  const items: Mutable<FunctionItem>[] = [];
  state.lateralActive = true;
  for (const pair of raw.functions ?? []) {
    const [call, definitions] = bodyAs<List>(bodyOf(pair)).items ?? [];
    const columnList = definitions !== undefined && tagOf(definitions) === 'List' ? columnDefinitions(bodyAs<List>(bodyOf(definitions)).items) : [];
    for (const part of splitUnnest(call, columnList.length > 0)) {
      const lastSrf = state.lastSrf;
      const expr = transformExpr(state, part, 'fromFunction');
      if (state.lastSrf !== lastSrf && state.lastSrf !== expr) {
        throw state.error('FEATURE_NOT_SUPPORTED', 'set-returning functions must appear at top level of FROM', state.lastSrf === null ? -1 : exprLocation(state.lastSrf));
      }
      items.push({ expr, name: figureColumnName(part), columnDefinitions: columnList });
    }
    if (columnList.length > 0 && raw.coldeflist?.length) {
      throw state.error('SYNTAX_ERROR', 'multiple column definition lists are not allowed for the same function', locationOf(raw.coldeflist[0]));
    }
  }
  state.lateralActive = false;
  for (const item of items) assignExprCollations(state, item.expr);
  if (raw.coldeflist?.length) {
    const location = locationOf(raw.coldeflist[0]);
    if (items.length !== 1) {
      throw raw.is_rowsfrom
        ? state.error('SYNTAX_ERROR', 'ROWS FROM() with multiple functions cannot have a column definition list', location, { hint: 'Put a separate column definition list for each function inside ROWS FROM().' })
        : state.error('SYNTAX_ERROR', 'UNNEST() with multiple arguments cannot have a column definition list', location, { hint: 'Use separate UNNEST() calls inside ROWS FROM(), and attach a column definition list to each one.' });
    }
    if (raw.ordinality) {
      throw state.error('SYNTAX_ERROR', 'WITH ORDINALITY cannot be used with a column definition list', location, { hint: 'Put the column definition list inside ROWS FROM().' });
    }
    items[0].columnDefinitions = columnDefinitions(raw.coldeflist);
  }
  const lateral = (raw.lateral ?? false) || items.some((item) => containsVarOfLevel(item.expr, 0));
  return addFunctionEntry(state, items, aliasOf(raw.alias), raw.ordinality ?? false, lateral, true);
}

/** `unnest(a, b)` in FROM stands for one call for each argument. */
function splitUnnest(node: Node, hasDefinitions: boolean): Node[] {
  if (tagOf(node) !== 'FuncCall' || hasDefinitions) return [node];
  const call = bodyAs<FuncCall>(bodyOf(node));
  const args = call.args ?? [];
  const plain = !call.agg_order?.length && !call.agg_filter && !call.over && !call.agg_star && !call.agg_distinct && !call.func_variadic;
  if (call.funcname?.length !== 1 || stringValue(call.funcname[0]) !== 'unnest' || args.length < 2 || !plain) return [node];
  return args.map((arg): Node => ({
    FuncCall: { funcname: [{ String: { sval: 'pg_catalog' } }, { String: { sval: 'unnest' } }], args: [arg], funcformat: 'COERCE_EXPLICIT_CALL', location: call.location },
  }));
}

function transformSample(state: ParseState, raw: RangeTableSample): TableSampleClause {
  const names = stringList(raw.method);
  const name = names.join('.');
  const location = raw.location ?? 0;
  const handler = exactFunction(state, names, [2281]);
  if (handler === null || handler === 'ambiguous') throw state.error('UNDEFINED_OBJECT', `tablesample method ${name} does not exist`, location);
  if (handler.prorettype !== TSM_HANDLEROID) throw state.error('WRONG_OBJECT_TYPE', `function ${name} must return type tsm_handler`, location);
  const given = raw.args ?? [];
  if (given.length !== 1) throw state.error('INVALID_TABLESAMPLE_ARGUMENT', `tablesample method ${name} requires 1 argument, not ${given.length}`, location);
  const args = given.map((arg) => assignExprCollations(state, coerceToSpecificType(state, transformExpr(state, arg, 'fromFunction'), FLOAT4OID, 'TABLESAMPLE')));
  const repeatable = raw.repeatable === undefined ? null
    : assignExprCollations(state, coerceToSpecificType(state, transformExpr(state, raw.repeatable, 'fromFunction'), FLOAT8OID, 'REPEATABLE'));
  return { tsmhandler: handler.oid, args, repeatable };
}

const JOIN_TYPES = { JOIN_INNER: 'inner', JOIN_LEFT: 'left', JOIN_FULL: 'full', JOIN_RIGHT: 'right' } as const;
type JoinSide = { readonly columns: readonly NamespaceColumn[]; readonly names: readonly string[] };

/** What the columns of a join become. */
interface JoinColumns {
  readonly names: string[];
  readonly vars: Expr[];
  readonly columns: NamespaceColumn[];
}

function transformJoin(state: ParseState, raw: RawJoin): FromItem {
  const jointype = JOIN_TYPES[raw.jointype as keyof typeof JOIN_TYPES];
  const left = transformItem(state, raw.larg as Node);
  setLateral(left.items, true, jointype === 'inner' || jointype === 'left');
  const saved = state.namespace.length;
  state.namespace.push(...left.items);
  const right = transformItem(state, raw.rarg as Node);
  state.namespace.length = saved;
  checkNamespaceConflicts(state, left.items, right.items);
  let visible = [...left.items, ...right.items];
  const leftSide: JoinSide = { columns: left.top.columns, names: left.top.names.colnames };
  const rightSide: JoinSide = { columns: right.top.columns, names: right.top.names.colnames };
  const using = raw.isNatural ? naturalColumns(leftSide, rightSide) : stringList(raw.usingClause);
  const leftcols: number[] = [];
  const rightcols: number[] = [];
  let quals: Expr | null = null;
  if (using.length > 0) {
    findUsingColumns(using, leftSide, rightSide, leftcols, rightcols);
    quals = usingCondition(state, leftcols.map((at) => columnVar(leftSide.columns[at - 1], 0, -1)), rightcols.map((at) => columnVar(rightSide.columns[at - 1], 0, -1)));
  } else if (raw.quals !== undefined) {
    quals = onCondition(state, raw.quals, visible);
  }
  const rtindex = state.rtable.length + 1;
  const joined: JoinColumns = { names: [], vars: [], columns: [] };
  using.forEach((name, i) => mergeColumn(state, joined, name, jointype, leftSide.columns[leftcols[i] - 1], rightSide.columns[rightcols[i] - 1], rtindex));
  addRemaining(joined, leftSide, leftcols);
  addRemaining(joined, rightSide, rightcols);
  const alias = aliasOf(raw.alias);
  const columns = alias === null ? joined.columns : joined.columns.map((column, i) => ({ ...column, varnosyn: rtindex, varattnosyn: i + 1 }));
  const usingAlias: Alias | null = raw.join_using_alias === undefined ? null : { aliasname: raw.join_using_alias.aliasname ?? '', colnames: using };
  const top = addJoinEntry(state, {
    colnames: joined.names, columns, jointype, mergedCount: using.length, aliasvars: joined.vars, leftcols, rightcols, usingAlias, alias,
  });
  state.joinInputs.set(rtindex, [indexOf(left.tree), indexOf(right.tree)]);
  if (usingAlias !== null) {
    const item: NamespaceItem = {
      names: usingAlias, rte: top.rte, rtindex, columns: columns.slice(0, using.length), relVisible: true, colsVisible: true, lateralOnly: false, lateralOk: true, returningType: 'default',
    };
    checkNamespaceConflicts(state, [item], visible);
    visible.push(item);
  }
  if (alias !== null) visible = [];
  else for (const item of visible) item.colsVisible = false;
  top.relVisible = alias !== null;
  const tree: JoinExpr = { node: 'JoinExpr', jointype, larg: left.tree, rarg: right.tree, quals, rtindex };
  return { tree, top, items: [...visible, top] };
}

function indexOf(tree: JoinTreeNode): number {
  return tree.node === 'FromExpr' ? 0 : tree.rtindex;
}

function naturalColumns(left: JoinSide, right: JoinSide): string[] {
  return left.names.filter((name) => name !== '' && right.names.includes(name));
}

function findUsingColumns(using: readonly string[], left: JoinSide, right: JoinSide, leftcols: number[], rightcols: number[]): void {
  const seen = new Set<string>();
  for (const name of using) {
    if (seen.has(name)) throw pgError('DUPLICATE_COLUMN', `column name "${name}" appears more than once in USING clause`);
    seen.add(name);
    for (const [side, word, list] of [[left, 'left', leftcols], [right, 'right', rightcols]] as const) {
      const at = side.names.indexOf(name);
      if (at < 0) throw pgError('UNDEFINED_COLUMN', `column "${name}" specified in USING clause does not exist in ${word} table`);
      if (side.names.includes(name, at + 1)) throw pgError('AMBIGUOUS_COLUMN', `common column name "${name}" appears more than once in ${word} table`);
      list.push(at + 1);
    }
  }
}

function usingCondition(state: ParseState, left: readonly Var[], right: readonly Var[]): Expr {
  state.exprKind = 'joinUsing';
  const conditions = left.map((variable, i) => {
    markVarForSelect(state, variable);
    markVarForSelect(state, right[i]);
    return coerceToBoolean(state, makeOperator(state, ['='], variable, right[i], state.lastSrf, -1), 'AND');
  });
  state.exprKind = 'none';
  return conditions.length === 1 ? coerceToBoolean(state, conditions[0], 'JOIN/USING') : makeBoolExpr('and', conditions);
}

function onCondition(state: ParseState, raw: Node, visible: readonly NamespaceItem[]): Expr {
  setLateral(visible, false, true);
  const saved = state.namespace;
  state.namespace = [...visible];
  const result = coerceToBoolean(state, transformExpr(state, raw, 'joinOn'), 'JOIN/ON');
  state.namespace = saved;
  return result;
}

function mergeColumn(
  state: ParseState, joined: JoinColumns, name: string, jointype: 'inner' | 'left' | 'right' | 'full', left: NamespaceColumn, right: NamespaceColumn, rtindex: number,
): void {
  const leftVar = columnVar(left, 0, -1);
  const rightVar = columnVar(right, 0, -1);
  const { type } = selectCommonType(state, [leftVar, rightVar], 'JOIN/USING');
  const typmod = selectCommonTypmod([leftVar, rightVar], type);
  const convert = (variable: Var): Expr => {
    if (variable.vartype !== type) return coerceType(state, variable, variable.vartype, type, typmod, 'implicit', 'implicitCast', -1);
    return variable.vartypmod === typmod ? variable : makeRelabel(variable, type, typmod, 0, 'implicitCast', -1);
  };
  const a = convert(leftVar);
  const b = convert(rightVar);
  let merged: Expr;
  if (jointype === 'full') merged = { node: 'CoalesceExpr', coalescetype: type, coalescecollid: 0, args: [a, b], location: -1 };
  else if (jointype === 'inner') merged = a.node === 'Var' ? a : b.node === 'Var' ? b : a;
  else merged = jointype === 'right' ? b : a;
  assignExprCollations(state, merged);
  joined.names.push(name);
  joined.vars.push(merged);
  if (merged === leftVar) joined.columns.push(left);
  else if (merged === rightVar) joined.columns.push(right);
  else {
    joined.columns.push({
      varno: rtindex, varattno: joined.names.length, vartype: exprType(merged), vartypmod: exprTypmod(merged), varcollid: exprCollation(merged), dontexpand: false,
    });
  }
}

function addRemaining(joined: JoinColumns, side: JoinSide, cols: number[]): void {
  const merged = new Set(cols);
  side.names.forEach((name, i) => {
    if (name === '' || merged.has(i + 1)) return;
    cols.push(i + 1);
    joined.names.push(name);
    joined.vars.push(columnVar(side.columns[i], 0, -1));
    joined.columns.push(side.columns[i]);
  });
}
