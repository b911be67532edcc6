/**
 * SEARCH and CYCLE clauses of recursive WITH items as the columns that compute them. Follows rewriteSearchAndCycle of
 * PostgreSQL's rewrite/rewriteSearchCycle.c.
 */
import type { CommonTableExpr } from '../analyzer/nodes.js';
import { notSupported } from '../base/error.js';

/** Replaces the clauses by what they stand for. @throws 0A000: not there yet */
export function expandSearchAndCycle(cte: CommonTableExpr): CommonTableExpr {
  if (cte.searchClause !== null) throw notSupported('SEARCH clause of WITH RECURSIVE');
  if (cte.cycleClause !== null) throw notSupported('CYCLE clause of WITH RECURSIVE');
  return cte;
}
