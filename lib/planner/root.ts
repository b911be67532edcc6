/**
 * Making the planning state of a query level.
 */
import type { Expr, FromExpr, JoinTreeNode, Query, RangeTblEntry } from '../analyzer/nodes.js';
import type { PlannerGlobal, PlannerInfo } from './path-nodes.js';
import { NO_RELS } from './relids.js';
import type { PlannerContext } from './context.js';

/** A node under construction. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const UNUSED_RTE: RangeTblEntry = { node: 'RangeTblEntry', rtekind: 'result', alias: null, eref: { aliasname: '', colnames: [] }, lateral: false, inFromCl: false };

/** State shared by all levels of one statement. */
export function newGlobal(context: PlannerContext): PlannerGlobal {
  return {
    context, subplans: [], rewoundSubplans: new Set(), paramExecCount: 0, lastPlaceholderId: 0, finalRtable: [], relationOids: new Set(), functionOids: new Set(),
    rowMarks: [], hasModifyingCTE: false, dependsOnRole: false,
  };
}

/** State of one query level; the query itself is not changed. */
export function newRoot(glob: PlannerGlobal, parse: Query, parent: PlannerInfo | null, queryLevel: number): PlannerInfo {
  return {
    glob, parent, queryLevel, parse, rtableOffset: -1, rtable: [UNUSED_RTE, ...parse.rtable], jointree: copyJoinTree(parse.jointree) as FromExpr,
    planParams: [], initPlans: [], ctePlans: [], hasRecursion: false, wtParamId: -1, nonRecursivePath: null, hasHavingQual: false,
    hasLateralRTEs: false, simpleRels: [], allBaserels: NO_RELS, nullableBaserels: NO_RELS, joinRels: new Map(), joinInfos: [], eqClasses: [],
    ecMergingDone: false, canonPathkeys: [], leftJoinClauses: [], rightJoinClauses: [], fullJoinClauses: [], placeholders: new Map(),
    placeholderVars: new Map(), appendRels: [], appendRelByChild: new Map(), queryPathkeys: [], groupPathkeys: [], windowPathkeys: [],
    distinctPathkeys: [], sortPathkeys: [], setopPathkeys: [], processedGroupClause: [], processedDistinctClause: [], processedTlist: [], groupTlist: [],
    updateColnos: [], tupleFraction: 0, limitTuples: -1, hasPseudoConstantQuals: false, upperRels: new Map(), minmaxAggs: [], minmaxReplace: null,
    curOuterRels: NO_RELS, curOuterParams: [], rowMarks: [], leafResultRelids: [], rowIdentity: [],
  };
}

/** A copy whose nodes may be changed in place. */
export function copyJoinTree(node: JoinTreeNode): JoinTreeNode {
  switch (node.node) {
    case 'RangeTblRef': return { ...node };
    case 'FromExpr': return { ...node, fromlist: node.fromlist.map(copyJoinTree) };
    case 'JoinExpr': return { ...node, larg: copyJoinTree(node.larg), rarg: copyJoinTree(node.rarg) };
    default: return node satisfies never;
  }
}

/** Replaces all conditions of a tree in place. */
export function changeQuals(node: JoinTreeNode, change: (expr: Expr) => Expr | null): void {
  if (node.node === 'RangeTblRef') return;
  if (node.node === 'FromExpr') {
    const tree: Mutable<FromExpr> = node;
    tree.fromlist.forEach((child) => changeQuals(child, change));
    if (tree.quals) tree.quals = change(tree.quals);
    return;
  }
  changeQuals(node.larg, change);
  changeQuals(node.rarg, change);
  const join: Mutable<typeof node> = node;
  if (join.quals) join.quals = change(join.quals);
}
