/**
 * Analyzed trees back to SQL text, as pg_get_viewdef, pg_get_expr and their like print them. The entry of this folder.
 */
import type { Catalog, Relation } from '../../catalog/api.js';
import type { FunctionServices } from '../../functions/context.js';
import type { Expr, Query } from '../nodes.js';
import { addRelationEntry } from '../relation.js';
import { ParseState } from '../state.js';
import { emptyQuery } from '../query.js';
import { DeparseContext, ONE_LINE, PLAIN, PRETTY, type PrettyFlags } from './context.js';
import { writeExpr } from './expr.js';
import { namespaceOf } from './names.js';
import { deparseQueryInto } from './query.js';

/** What deparsing looks things up in. */
export interface DeparseServices { readonly catalog: Catalog; readonly services: FunctionServices }

function scratch(services: DeparseServices): ParseState {
  return new ParseState(null, { ...services, sourceText: '' });
}

/** An expression over one relation's columns (range-table index 1), or over none: pg_get_expr. */
export function deparseExpression(services: DeparseServices, expr: Expr, relation: Relation | null, pretty: boolean): string {
  return deparseWith(services, expr, relation, pretty ? PRETTY : PLAIN);
}

/** The same with the flags given. */
export function deparseWith(services: DeparseServices, expr: Expr, relation: Relation | null, flags: PrettyFlags): string {
  const state = scratch(services);
  if (relation !== null) addRelationEntry(state, relation, 'AccessShare', null, false, true);
  const query = { ...emptyQuery('select'), rtable: state.rtable };
  const cx = new DeparseContext(state, { text: '' }, [namespaceOf(state, query, [])], flags, 0);
  writeExpr(cx, expr, false);
  return cx.output.text;
}

/** A query, a view's definition without the semicolon; `resultNames` are the view's column names. */
export function deparseQuery(services: DeparseServices, query: Query, resultNames: readonly string[] | null, pretty: boolean, wrapColumn = 0): string {
  const cx = new DeparseContext(scratch(services), { text: '' }, [], pretty ? PRETTY : PLAIN, wrapColumn);
  deparseQueryInto(cx, query, resultNames, true);
  return cx.output.text;
}

/**
 * An expression of a plan on one line, as EXPLAIN shows it. `special` gives the text of columns, parameters and subplans
 * (null: the node is written as usual); it may print inner expressions by the function it is given.
 */
export function deparsePlanExpression(services: DeparseServices, expr: Expr, special: (node: Expr, print: (inner: Expr) => string) => string | null): string {
  const cx = new DeparseContext(scratch(services), { text: '' }, [], ONE_LINE, -1);
  const print = (inner: Expr): string => cx.capture(() => writeExpr(cx, inner, false));
  cx.special = (node) => special(node, print);
  return print(expr);
}
