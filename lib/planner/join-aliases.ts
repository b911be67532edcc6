/**
 * References to columns of joins become the joins' own input columns (flatten_join_alias_vars of var.c).
 */
import type { Expr, Query, RangeTblEntry, RowExpr } from '../analyzer/nodes.js';
import { incrementLevelsUp, mutateExpression, mutateQuery } from '../analyzer/walker.js';
import type { PlannerInfo } from './path-nodes.js';

function replaceAlias(rtable: readonly RangeTblEntry[], node: Expr, level: number): Expr | null {
  if (node.node !== 'Var' || node.varlevelsup !== level) return null;
  const rte = rtable[node.varno];
  if (!rte || rte.rtekind !== 'join') return null;
  const recurse = (expr: Expr): Expr => mutateExpression(expr, (inner, at) => replaceAlias(rtable, inner, at));
  if (node.varattno === 0) {
    const row: RowExpr = {
      node: 'RowExpr', args: rte.joinaliasvars.map(recurse), rowTypeid: node.vartype, rowFormat: 'implicitCast', colnames: rte.eref.colnames, location: node.location,
    };
    return level > 0 ? incrementLevelsUp(row, level) : row;
  }
  const target = recurse(rte.joinaliasvars[node.varattno - 1]);
  return level > 0 ? incrementLevelsUp(target, level) : target;
}

/** The expression over base relations only. */
export function flattenJoinAliases(root: PlannerInfo, expr: Expr): Expr {
  return mutateExpression(expr, (node, level) => replaceAlias(root.rtable, node, level));
}

/** The same inside a sub-query of this level (LATERAL references to its joins). */
export function flattenJoinAliasesInQuery(root: PlannerInfo, query: Query): Query {
  return mutateQuery(query, (node, level) => replaceAlias(root.rtable, node, level), 1);
}
