/**
 * The stages a query passes between analysis and execution, as the session calls them.
 */
import type { Query } from '../analyzer/nodes.js';
import { notSupported } from '../base/error.js';
import type { PlannerContext } from '../planner/context.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import { rewriteQuery } from '../rewriter/rewrite.js';
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
export function planQuery(query: Query, _context: PlannerContext): PlannedStmt {
  throw notSupported(`planning ${query.commandType}`);
}
