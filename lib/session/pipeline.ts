/**
 * The stages a query passes between analysis and execution, as the session calls them.
 */
import type { Query } from '../analyzer/nodes.js';
import type { PlannerContext } from '../planner/context.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import { rewriteQuery } from '../rewriter/rewrite.js';
import { planQuery as makePlan } from '../planner/planner.js';
import type { Session } from './session.js';

/** Applies rules, views and row security: one query becomes none, one or several. */
export function rewrite(query: Query, session: Session): readonly Query[] {
  if (query.commandType === 'utility') return [query];
  return rewriteQuery(query, {
    catalog: session.catalog, services: session.services,
    get currentUserOid() { return session.currentUserOid; },
  });
}

/** Makes the plan of a query. */
export function planQuery(query: Query, context: PlannerContext): PlannedStmt {
  return makePlan(query, context);
}
