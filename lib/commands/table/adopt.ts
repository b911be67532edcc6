/**
 * Stored expressions that move from one relation to another (inheritance, LIKE): columns are matched by name.
 *
 * Idea: PostgreSQL's map_variable_attnos (rewrite/rewriteManip.c).
 */
import type { Expr } from '../../analyzer/nodes.js';
import { deserializeExpr } from '../../analyzer/serialize.js';
import { mutateExpression } from '../../analyzer/walker.js';
import { pgError } from '../../base/error.js';
import type { Relation } from '../../catalog/api.js';
import type { AdoptedExpression } from './definition.js';

/** A relation's stored expression, ready to be adopted; null stays null. */
export function adoptedFrom(relation: Relation, text: string | null): AdoptedExpression | null {
  return text === null ? null : { text, columnNames: relation.attributes.map((attribute) => attribute.attname) };
}

/** The expression over the columns of `relation`. @throws 42703 when a column is not there */
export function adoptExpression(relation: Relation, adopted: AdoptedExpression | null): Expr | null {
  if (!adopted) return null;
  return mutateExpression(deserializeExpr(adopted.text), (node, level) => {
    if (node.node !== 'Var' || node.varlevelsup !== level || node.varattno <= 0) return null;
    const name = adopted.columnNames[node.varattno - 1];
    const attribute = relation.attributes.find((candidate) => candidate.attname === name && !candidate.attisdropped);
    if (!attribute) throw pgError('UNDEFINED_COLUMN', `column "${name}" of relation "${relation.name}" does not exist`);
    return { ...node, varattno: attribute.attnum };
  });
}
