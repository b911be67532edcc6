/**
 * Building Query nodes: the empty one, and what every kind of statement takes over from its ParseState.
 */
import type { CommandType, Expr, Query } from './nodes.js';
import type { Mutable, ParseState } from './state.js';

/** A query with every field at its default. */
export function emptyQuery(commandType: CommandType): Mutable<Query> {
  return {
    node: 'Query', commandType, utilityStmt: null, canSetTag: true, rtable: [], jointree: { node: 'FromExpr', fromlist: [], quals: null },
    targetList: [], resultRelation: 0, override: 'none', onConflict: null, returningList: [], mergeActionList: [], mergeJoinCondition: null,
    groupClause: [], groupDistinct: false, groupingSets: [], havingQual: null, windowClause: [], distinctClause: [], hasDistinctOn: false,
    sortClause: [], limitOffset: null, limitCount: null, limitOption: 'count', rowMarks: [], setOperations: null, cteList: [], hasRecursive: false,
    hasModifyingCTE: false, hasAggs: false, hasWindowFuncs: false, hasTargetSRFs: false, hasSubLinks: false, hasForUpdate: false,
    constraintDeps: [], withCheckOptions: [], stmtLocation: 0, stmtLen: 0,
  };
}

/** Takes range table, join tree and flags over from the state. */
export function finishQuery(state: ParseState, query: Mutable<Query>, quals: Expr | null): void {
  query.rtable = state.rtable;
  query.jointree = { node: 'FromExpr', fromlist: state.joinlist, quals };
  query.hasAggs = state.hasAggs;
  query.hasWindowFuncs = state.hasWindowFuncs;
  query.hasTargetSRFs = state.hasTargetSRFs;
  query.hasSubLinks = state.hasSubLinks;
  query.hasModifyingCTE ||= state.hasModifyingCTE;
}
