/**
 * Virtual generated columns: each reference becomes the column's expression over the row. Follows
 * expand_virtual_generated_columns (optimizer/prep/prepjointree.c).
 */
import type { Expr, Query, Var } from '../analyzer/nodes.js';
import { mapQuery, mutateExpression, mutateQuery } from '../analyzer/walker.js';
import { pgError } from '../base/error.js';
import type { Relation } from '../catalog/api.js';
import { columnDefault } from './defaults.js';
import type { RewriteContext } from './context.js';

/** Replaces the references to virtual columns of the query's own tables, here and in its sub-queries. */
export function expandRelationColumns(context: RewriteContext, query: Query): Query {
  const relations = new Map<number, Relation>();
  query.rtable.forEach((rte, i) => {
    if (rte.rtekind !== 'relation') return;
    const relation = context.catalog.relation(rte.relid);
    if (relation?.attributes.some((attribute) => attribute.attgenerated === 'v')) relations.set(i + 1, relation);
  });
  if (relations.size === 0) return query;
  const replace = (expr: Expr, level: number): Expr | null => {
    if (expr.node !== 'Var' || expr.varlevelsup !== level) return null;
    const relation = relations.get(expr.varno);
    return relation === undefined ? null : expandVar(context, relation, expr);
  };
  return mapQuery(query, (expr) => mutateExpression(expr, replace), (sub) => mutateQuery(sub, replace, 1));
}

function expandVar(context: RewriteContext, relation: Relation, variable: Var): Expr | null {
  if (variable.varattno === 0) return wholeRow(context, relation, variable);
  const attribute = relation.attributes[variable.varattno - 1];
  return attribute?.attgenerated === 'v' ? generationExpression(context, relation, variable) : null;
}

/** The column's expression with its references pointed at the row that `variable` belongs to. */
function generationExpression(context: RewriteContext, relation: Relation, variable: Var): Expr {
  const expr = columnDefault(context, relation, variable.varattno);
  const { attname } = relation.attributes[variable.varattno - 1];
  if (expr === null) throw pgError('INTERNAL_ERROR', `no generation expression found for column "${attname}" of relation "${relation.name}"`);
  return mutateExpression(expr, (node) => (node.node === 'Var' ? { ...node, varno: variable.varno, varlevelsup: variable.varlevelsup } : null));
}

function wholeRow(context: RewriteContext, relation: Relation, variable: Var): Expr {
  const args = relation.attributes.map((attribute): Expr => {
    const column: Var = {
      ...variable, varattno: attribute.attnum, vartype: attribute.atttypid, vartypmod: attribute.atttypmod, varcollid: attribute.attcollation,
    };
    return attribute.attgenerated === 'v' && !attribute.attisdropped ? generationExpression(context, relation, column) : column;
  });
  return { node: 'RowExpr', args, rowTypeid: variable.vartype, rowFormat: 'implicitCast', colnames: relation.attributes.map((attribute) => attribute.attname), location: variable.location };
}
