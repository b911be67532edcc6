/**
 * Target lists: output columns with their names, `*`, and where columns come from. Follows PostgreSQL's
 * parser/parse_target.c.
 */
import type { A_Const, A_Expr, A_Indirection, CaseExpr, ColumnRef, CollateClause, FuncCall, MinMaxExpr, Node, ResTarget, SelectStmt, SQLValueFunction, SubLink, TypeCast, JsonFuncExpr } from 'libpg-query';
import { bodyAs, bodyOf, stringList, stringValue, tagOf } from '../parser/raw.js';
import { TEXTOID, UNKNOWNOID } from '../types/oids.js';
import { coerceType } from './coerce.js';
import { transformExpr } from './expr.js';
import { transformIndirection } from './expr-forms.js';
import { makeTarget } from './make.js';
import { itemByName, markVarForSelect, missingEntryError } from './namespace.js';
import { nameListToString } from './names.js';
import { exprLocation, exprType } from './node-functions.js';
import type { Expr, Query, RangeTblEntry, TargetEntry, Var } from './nodes.js';
import { rowColumns } from './record.js';
import { expandItemTargets, expandItemVars } from './relation.js';
import type { ExprKind, Mutable, NamespaceItem, ParseState } from './state.js';

/** One output column. `expr` null: transform `node` first. */
export function transformTargetEntry(state: ParseState, node: Node, expr: Expr | null, kind: ExprKind, name: string | null, resjunk: boolean): TargetEntry {
  const transformed = expr ?? transformExpr(state, node, kind);
  return makeTarget(transformed, state.nextResno++, name ?? (resjunk ? null : figureColumnName(node)), resjunk);
}

/** A SELECT or RETURNING list. */
export function transformTargetList(state: ParseState, list: readonly Node[], kind: ExprKind): TargetEntry[] {
  const result: TargetEntry[] = [];
  const expandStar = kind !== 'updateSource';
  for (const node of list) {
    const target = bodyAs<ResTarget>(bodyOf(node));
    const value = target.val as Node;
    const star = expandStar ? starOf(value) : null;
    if (star === 'column') result.push(...expandColumnStar(state, bodyAs<ColumnRef>(bodyOf(value))));
    else if (star === 'indirection') result.push(...expandIndirectionStar(state, bodyAs<A_Indirection>(bodyOf(value)), kind));
    else result.push(transformTargetEntry(state, value, expandStar ? null : defaultMarker(value), kind, target.name ?? null, false));
  }
  return result;
}

/** DEFAULT as a value of INSERT or UPDATE; null for anything else. */
function defaultMarker(node: Node): Expr | null {
  if (tagOf(node) !== 'SetToDefault') return null;
  const { location } = bodyOf(node);
  return { node: 'SetToDefault', typeId: 0, typeMod: -1, collation: 0, location: typeof location === 'number' ? location : 0 };
}

function starOf(value: Node): 'column' | 'indirection' | null {
  const tag = tagOf(value);
  if (tag === 'ColumnRef') {
    const fields = bodyAs<ColumnRef>(bodyOf(value)).fields ?? [];
    return fields.length > 0 && tagOf(fields[fields.length - 1]) === 'A_Star' ? 'column' : null;
  }
  if (tag === 'A_Indirection') {
    const list = bodyAs<A_Indirection>(bodyOf(value)).indirection ?? [];
    return list.length > 0 && tagOf(list[list.length - 1]) === 'A_Star' ? 'indirection' : null;
  }
  return null;
}

/** Expressions of a VALUES row or function arguments, `x.*` expanded. `isInsert` allows DEFAULT. */
export function transformExpressionList(state: ParseState, list: readonly Node[], kind: ExprKind, allowDefault: boolean): Expr[] {
  return list.flatMap((node) => {
    const star = starOf(node);
    if (star === 'column') return expandColumnStar(state, bodyAs<ColumnRef>(bodyOf(node))).map((entry) => entry.expr);
    if (star === 'indirection') return expandIndirectionStar(state, bodyAs<A_Indirection>(bodyOf(node)), kind).map((entry) => entry.expr);
    return [(allowDefault ? defaultMarker(node) : null) ?? transformExpr(state, node, kind)];
  });
}

/** The item that the qualified part of `rel.*` or `schema.rel.*` means. @throws 42P01, 0A000, 42601 */
export function qualifiedItem(state: ParseState, reference: ColumnRef, names: readonly string[]): { item: NamespaceItem; levelsUp: number } {
  const location = reference.location ?? 0;
  const text = nameListToString(reference.fields);
  let schema: string | null = null;
  if (names.length === 3 && names[0] !== state.catalog.databaseName) throw state.error('FEATURE_NOT_SUPPORTED', `cross-database references are not implemented: ${text}`, location);
  if (names.length > 3) throw state.error('SYNTAX_ERROR', `improper qualified name (too many dotted names): ${text}`, location);
  if (names.length > 1) schema = names[names.length - 2];
  const name = names[names.length - 1];
  const found = itemByName(state, schema, name, location);
  if (found === null) throw missingEntryError(state, { schemaname: schema ?? undefined, relname: name, location });
  return found;
}

function expandColumnStar(state: ParseState, reference: ColumnRef): TargetEntry[] {
  const fields = reference.fields ?? [];
  const location = reference.location ?? 0;
  const names = stringList(fields.slice(0, -1));
  if (names.length === 0) return expandAllTables(state, location);
  const hooked = state.context.hooks?.preColumnRef?.(state, reference) ?? null;
  if (hooked !== null) return expandRow(state, hooked);
  if (names.length <= 3 && state.context.hooks?.postColumnRef !== undefined) {
    const found = itemByName(state, names.length > 1 ? names[names.length - 2] : null, names[names.length - 1], location);
    if (found === null) {
      const late = state.context.hooks.postColumnRef(state, reference, null);
      if (late !== null) return expandRow(state, late);
    }
  }
  const { item, levelsUp } = qualifiedItem(state, reference, names);
  return expandItemTargets(state, item, levelsUp, location);
}

function expandAllTables(state: ParseState, location: number): TargetEntry[] {
  const result: TargetEntry[] = [];
  let found = false;
  for (const item of state.namespace) {
    if (!item.colsVisible) continue;
    found = true;
    result.push(...expandItemTargets(state, item, 0, location));
  }
  if (!found) throw state.error('SYNTAX_ERROR', 'SELECT * with no tables specified is not valid', location);
  return result;
}

function expandIndirectionStar(state: ParseState, raw: A_Indirection, kind: ExprKind): TargetEntry[] {
  const inner = { ...raw, indirection: (raw.indirection ?? []).slice(0, -1) };
  const saved = state.exprKind;
  state.exprKind = kind;
  const expr = inner.indirection.length === 0 ? transformExpr(state, raw.arg as Node, kind) : transformIndirection(state, inner);
  state.exprKind = saved;
  return expandRow(state, expr);
}

/** All columns of a row-valued expression. @throws 42809 when it is no row */
export function expandRow(state: ParseState, expr: Expr): TargetEntry[] {
  const whole = expr.node === 'ReturningExpr' ? expr.expr : expr;
  if (whole.node === 'Var' && whole.varattno === 0) {
    const returning = expr.node === 'ReturningExpr' ? (expr.returningOld ? 'old' : 'new') : 'default';
    const item = state.up(whole.varlevelsup).namespace.find((candidate) => candidate.rtindex === whole.varno && candidate.returningType === returning);
    if (item !== undefined) return expandItemTargets(state, item, whole.varlevelsup, whole.location);
  }
  const columns = rowColumns(state, expr);
  if (columns === null) {
    const type = exprType(expr);
    throw state.error('WRONG_OBJECT_TYPE', type === 2249 ? 'record type has not been registered' : `type ${state.formatType(type)} is not composite`, exprLocation(expr));
  }
  const result: TargetEntry[] = [];
  columns.forEach((column, i) => {
    if (column.isDropped) return;
    result.push(makeTarget({
      node: 'FieldSelect', arg: expr, fieldnum: i + 1, resulttype: column.type, resulttypmod: column.typmod, resultcollid: column.collation, location: -1,
    }, state.nextResno++, column.name));
  });
  return result;
}

/** Fields of a `row.*` argument in ROW(...) or a function call. */
export function expandRowFields(state: ParseState, item: NamespaceItem, levelsUp: number, location: number): Expr[] {
  return expandItemVars(item, levelsUp, location).map((column) => {
    markVarForSelect(state, column.variable);
    return column.expr;
  });
}

/** Output columns still of type unknown become text. */
export function resolveUnknownTargets(state: ParseState, targets: readonly TargetEntry[]): void {
  for (const entry of targets) {
    if (exprType(entry.expr) !== UNKNOWNOID) continue;
    (entry as Mutable<TargetEntry>).expr = coerceType(state, entry.expr, UNKNOWNOID, TEXTOID, -1, 'implicit', 'implicitCast', -1);
  }
}

/** Notes for each output column the table column it shows. */
export function markTargetOrigins(state: ParseState, targets: readonly TargetEntry[]): void {
  for (const entry of targets) if (entry.expr.node === 'Var') markOrigin(state, entry, entry.expr, 0);
}

function markOrigin(state: ParseState, entry: Mutable<TargetEntry>, variable: Var, levelsUp: number): void {
  const levels = variable.varlevelsup + levelsUp;
  const level = state.up(levels);
  const rte: RangeTblEntry = level.rtable[variable.varno - 1];
  if (variable.varattno === 0) return;
  switch (rte.rtekind) {
    case 'relation':
      entry.resorigtbl = rte.relid;
      entry.resorigcol = variable.varattno;
      return;
    case 'subquery':
      copyOrigin(entry, rte.subquery, variable.varattno);
      return;
    case 'cte': {
      if (rte.selfReference) return;
      const cte = level.up(rte.ctelevelsup).ctenamespace.find((item) => item.ctename === rte.ctename);
      if (cte !== undefined) copyOrigin(entry, cte.ctequery, variable.varattno);
      return;
    }
    case 'join': {
      const source = rte.joinaliasvars[variable.varattno - 1];
      if (source?.node === 'Var') markOrigin(state, entry, source, levels);
      return;
    }
    case 'function': case 'values': case 'result':
  }
}

function copyOrigin(entry: Mutable<TargetEntry>, query: Query, attnum: number): void {
  const list = query.commandType === 'select' ? query.targetList : query.returningList;
  const source = list.filter((target) => !target.resjunk)[attnum - 1];
  if (source === undefined) return;
  entry.resorigtbl = source.resorigtbl;
  entry.resorigcol = source.resorigcol;
}

/** The name of an output column that was not given one. */
export function figureColumnName(node: Node): string {
  return figure(node).name ?? '?column?';
}

/** The name an index column gets from its expression; null when nothing fits. */
export function figureIndexColumnName(node: Node): string | null {
  return figure(node).name;
}

interface Figured { readonly name: string | null; readonly strength: 0 | 1 | 2 }
const NO_NAME: Figured = { name: null, strength: 0 };

const FIXED_NAMES: Readonly<Record<string, string>> = {
  A_ArrayExpr: 'array', RowExpr: 'row', CoalesceExpr: 'coalesce', GroupingFunc: 'grouping', MergeSupportFunc: 'merge_action',
  XmlSerialize: 'xmlserialize', JsonParseExpr: 'json', JsonScalarExpr: 'json_scalar', JsonSerializeExpr: 'json_serialize',
  JsonObjectConstructor: 'json_object', JsonArrayConstructor: 'json_array', JsonArrayQueryConstructor: 'json_array',
  JsonObjectAgg: 'json_objectagg', JsonArrayAgg: 'json_arrayagg',
};

function figure(node: Node | undefined): Figured {
  if (node === undefined) return NO_NAME;
  const tag = tagOf(node);
  const body = bodyOf(node);
  if (Object.hasOwn(FIXED_NAMES, tag)) return { name: FIXED_NAMES[tag], strength: 2 };
  switch (tag) {
    case 'ColumnRef': {
      const fields = bodyAs<ColumnRef>(body).fields ?? [];
      const last = fields.findLast((field) => tagOf(field) === 'String');
      return last === undefined ? NO_NAME : { name: stringValue(last), strength: 2 };
    }
    case 'A_Indirection': {
      const raw = bodyAs<A_Indirection>(body);
      const last = (raw.indirection ?? []).findLast((field) => tagOf(field) === 'String');
      return last === undefined ? figure(raw.arg) : { name: stringValue(last), strength: 2 };
    }
    case 'FuncCall': {
      const names = stringList(bodyAs<FuncCall>(body).funcname);
      return { name: names[names.length - 1], strength: 2 };
    }
    case 'A_Expr':
      return bodyAs<A_Expr>(body).kind === 'AEXPR_NULLIF' ? { name: 'nullif', strength: 2 } : NO_NAME;
    case 'TypeCast': {
      const cast = bodyAs<TypeCast>(body);
      const inner = figure(cast.arg);
      if (inner.strength === 2) return inner;
      const names = stringList(cast.typeName?.names);
      return names.length === 0 ? inner : { name: names[names.length - 1], strength: 1 };
    }
    case 'CollateClause':
      return figure(bodyAs<CollateClause>(body).arg);
    case 'SubLink':
      return figureSubLink(bodyAs<SubLink>(body));
    case 'CaseExpr': {
      const inner = figure(bodyAs<CaseExpr>(body).defresult);
      return inner.strength > 0 ? inner : { name: 'case', strength: 1 };
    }
    case 'MinMaxExpr':
      return { name: bodyAs<MinMaxExpr>(body).op === 'IS_GREATEST' ? 'greatest' : 'least', strength: 2 };
    case 'SQLValueFunction':
      return { name: (bodyAs<SQLValueFunction>(body).op ?? '').replace(/^SVFOP_/, '').replace(/_N$/, '').toLowerCase(), strength: 2 };
    case 'XmlExpr': {
      const { op } = body;
      return typeof op === 'string' && op !== 'IS_DOCUMENT' ? { name: op.replace(/^IS_/, '').toLowerCase(), strength: 2 } : NO_NAME;
    }
    case 'JsonFuncExpr':
      return { name: (bodyAs<JsonFuncExpr>(body).op ?? '').replace(/_OP$/, '').toLowerCase(), strength: 2 };
    default:
      return NO_NAME;
  }
}

function figureSubLink(sublink: SubLink): Figured {
  if (sublink.subLinkType === 'EXISTS_SUBLINK') return { name: 'exists', strength: 2 };
  if (sublink.subLinkType === 'ARRAY_SUBLINK') return { name: 'array', strength: 2 };
  if (sublink.subLinkType !== 'EXPR_SUBLINK' || sublink.subselect === undefined) return NO_NAME;
  let select = bodyAs<SelectStmt>(bodyOf(sublink.subselect));
  while (select.op !== undefined && select.op !== 'SETOP_NONE' && select.larg !== undefined) select = select.larg;
  const first = select.targetList?.[0];
  if (first !== undefined) {
    const target = bodyAs<ResTarget>(bodyOf(first));
    if (target.name) return { name: target.name, strength: 2 };
    return figure(target.val);
  }
  return select.valuesLists?.length ? { name: 'column1', strength: 2 } : NO_NAME;
}

/** A constant in the raw tree that is NULL. */
export function isRawNull(node: Node | undefined): boolean {
  return node !== undefined && tagOf(node) === 'A_Const' && bodyAs<A_Const>(bodyOf(node)).isnull === true;
}

