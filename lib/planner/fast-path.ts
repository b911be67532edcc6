/**
 * The shortest way for the commonest statements: one table, no subqueries, grouping or ordering. For now every statement
 * takes the general way.
 */
import type { Query } from '../analyzer/nodes.js';
import type { PlannerContext } from './context.js';
import type { PlannedStmt } from './plan-nodes.js';

/** The plan of a statement simple enough for a single look, or null. */
export function planFast(_query: Query, _context: PlannerContext): PlannedStmt | null {
  return null;
}
