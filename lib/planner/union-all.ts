/**
 * A top-level UNION ALL is planned as an append relation (flatten_simple_union_all of prepjointree.c).
 */
import type { Expr, RangeTblEntry, RangeTblRef, SetOperation } from '../analyzer/nodes.js';
import { exprType, exprTypmod } from '../analyzer/node-functions.js';
import type { PlannerInfo } from './path-nodes.js';
import { addUnionChild } from './pull-up-subqueries.js';
import { setOperationLeaves } from './set-operation-tree.js';
import { mutateExpression } from '../analyzer/walker.js';

/** Flattens the query's set operation if it is a plain UNION ALL of equal types (not in recursive queries). */
export function flattenTopUnionAll(root: PlannerInfo): void {
  const top = root.parse.setOperations;
  if (!top || root.hasRecursion || top.op !== 'union' || !top.all || !isUnionAllTree(root, top, top)) return;
  const leaves = setOperationLeaves(top);
  const first = root.rtable[leaves[0]];
  if (first.rtekind !== 'subquery') return;
  const parent: RangeTblEntry = { ...first, inFromCl: true };
  const childCopy: RangeTblEntry = first;
  root.rtable.push(childCopy);
  const firstChild = root.rtable.length - 1;
  const parentRti = leaves[0];
  root.rtable[parentRti] = parent;
  root.parse = {
    ...root.parse, setOperations: null,
    targetList: root.parse.targetList.map((entry) => ({ ...entry, expr: retargetVars(entry.expr, leaves, parentRti) })),
  };
  root.jointree = { node: 'FromExpr', fromlist: [{ node: 'RangeTblRef', rtindex: parentRti }], quals: null };
  [firstChild, ...leaves.slice(1)].forEach((rti) => addUnionChild(root, parentRti, rti));
}

function retargetVars(expr: Expr, leaves: readonly number[], parent: number): Expr {
  return mutateExpression(expr, (node, level) => (node.node === 'Var' && node.varlevelsup === level && leaves.includes(node.varno) ? { ...node, varno: parent } : null));
}

function isUnionAllTree(root: PlannerInfo, node: SetOperation | RangeTblRef, top: SetOperation): boolean {
  if (node.node === 'SetOperation') return node.op === 'union' && node.all && isUnionAllTree(root, node.larg, top) && isUnionAllTree(root, node.rarg, top);
  const leaf = root.rtable[node.rtindex];
  if (leaf?.rtekind !== 'subquery') return false;
  const columns = leaf.subquery.targetList.filter((entry) => !entry.resjunk);
  return columns.every((entry, i) => exprType(entry.expr) === top.colTypes[i] && (top.colTypmods[i] === -1 || exprTypmod(entry.expr) === top.colTypmods[i]));
}
