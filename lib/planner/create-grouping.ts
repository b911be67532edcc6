/**
 * Plan nodes of grouping sets and set operations.
 */
import type { SortGroupClause, TargetEntry } from '../analyzer/nodes.js';
import { exprCollation } from '../analyzer/node-functions.js';
import { buildPlan, costsOf, targetListOf } from './create-plan.js';
import { columnsForClauses } from './create-sort.js';
import { groupingExpr } from './group-columns.js';
import type { GroupingSetsPath, PlannerInfo } from './path-nodes.js';
import type { AggPhase, Plan, SortColumn } from './plan-nodes.js';

/** The Agg node over all grouping sets. */
export function groupingSetsPlan(root: PlannerInfo, path: GroupingSetsPath): Plan {
  const child = buildPlan(root, path.subpath);
  const clauses = root.parse.groupClause;
  const exprOf = (clause: SortGroupClause) => groupingExpr(root, clause);
  const groupColumns = columnsForClauses(root, clauses, child.targetlist, exprOf);
  const groupingSets: number[][] = [];
  const groupingRefs: number[][] = [];
  const phases: AggPhase[] = [];
  path.rollups.forEach((rollup, i) => {
    const sets: number[] = [];
    for (const set of rollup.sets) {
      sets.push(groupingSets.length);
      groupingSets.push(set.refs.map((ref) => clauses.findIndex((clause) => clause.tleSortGroupRef === ref)));
      groupingRefs.push([...set.refs]);
    }
    const strategy = rollup.hashed ? 'hashed' : rollup.groupClause.length === 0 ? 'plain' : 'sorted';
    phases.push({
      strategy, sets, sortColumns: strategy === 'sorted' ? columnsForClauses(root, rollup.groupClause, child.targetlist, exprOf) : [], resort: strategy === 'sorted' && i > 0,
    });
  });
  return {
    plan: 'Agg', child, strategy: path.strategy, groupColumns, groupingSets, groupingRefs, phases, targetlist: targetListOf(root, path), qual: path.quals, initPlans: [],
    extParams: [], ...costsOf(path),
  };
}

/** The columns that a set operation compares: clause i is about column i. */
export function setOperationColumns(clauses: readonly SortGroupClause[], tlist: readonly TargetEntry[]): SortColumn[] {
  return clauses.map((clause, i) => ({
    column: i + 1, sortop: clause.sortop, eqop: clause.eqop, collation: exprCollation(tlist[i].expr), nullsFirst: clause.nullsFirst, reverse: clause.reverseSort,
  }));
}
