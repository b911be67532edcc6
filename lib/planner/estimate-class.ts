/**
 * Plans of a prepared statement that are alike for values which leave about as many rows. A plan made for the values at hand costs
 * several times what running it costs when it reads a few rows; so for statements over one table it is made once for each class of
 * estimates, and where it has turned out to be the generic plan, the generic plan runs.
 */
import type { Expr, Query } from '../analyzer/nodes.js';
import { makeAndsImplicit, someNode } from './clauses.js';
import type { PlannerContext } from './context.js';
import type { PlannedStmt } from './plan-nodes.js';
import { buildSimpleRel } from './rel.js';
import { newGlobal, newRoot } from './root.js';
import { clauseSelectivity, combinedSelectivity } from './selectivity.js';
import { foldQual } from './simplify.js';

/**
 * How selective the conditions of a statement over one table are with the parameters' values of `context`, in steps of a factor of
 * two. Null where estimates of these conditions are not all that a plan depends on.
 */
export function estimateClass(query: Query, context: PlannerContext): string | null {
  if (!isOverOneTable(query) || !query.jointree.quals) return null;
  const root = newRoot(newGlobal(context), query, null, 1);
  const { relation, indexes } = buildSimpleRel(root, 1, null);
  if (!relation || relation.kind !== 'r' || relation.hasChildren) return null;
  // A value may be what shows that a partial index will do.
  if (indexes.some((index) => index.predicate.length > 0)) return null;
  const clauses = makeAndsImplicit(foldQual(root, query.jointree.quals));
  const each = clauses.map((clause) => clauseSelectivity(root, clause, 0, 'inner', null));
  return `${step(combinedSelectivity(root, clauses, each, 0))},${each.map(step).join(',')}`;
}

function step(selectivity: number): number {
  return Math.round(Math.log2(Math.max(selectivity, Number.MIN_VALUE)));
}

function isOverOneTable(query: Query): boolean {
  if (query.commandType !== 'select' && query.commandType !== 'update' && query.commandType !== 'delete') return false;
  if (query.rtable.length !== 1 || query.rtable[0].rtekind !== 'relation' || query.rtable[0].tablesample) return false;
  if (query.hasSubLinks || query.hasTargetSRFs || query.setOperations || query.cteList.length > 0 || query.havingQual) return false;
  return !dependsOnParam(query.limitCount) && !dependsOnParam(query.limitOffset);
}

function dependsOnParam(expr: Expr | null): boolean {
  return expr !== null && someNode(expr, (node) => node.node === 'Param');
}

/** What two plans that do the same in the same way have in common: everything but estimates and expressions. */
export function planShape(plans: readonly PlannedStmt[]): string {
  return JSON.stringify(plans.map((plan) => [plan.planTree, plan.subplans]), (name, value: unknown) => {
    if (ESTIMATES.has(name)) return undefined;
    // An expression says what a node does with a row; how many there are says which of them are left to it.
    return typeof value === 'object' && value !== null && 'node' in value ? 0 : value;
  });
}

const ESTIMATES: ReadonlySet<string> = new Set(['startupCost', 'totalCost', 'planRows', 'planWidth', 'disabledNodes']);
