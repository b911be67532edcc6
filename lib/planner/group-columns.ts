/**
 * Grouping columns as variables of their own (the RTE_GROUP of PostgreSQL 18). Above the grouping, a column of GROUPING SETS
 * is not the expression it was computed from: it is null in the sets that leave it out, whatever WHERE says about the
 * expression, and two columns over equal expressions differ. A grouped sub-select must be planned once, however often the
 * targets repeat it. So the targets and HAVING refer to such columns by `GROUP_VARNO` and the clause's reference, and the
 * expressions stand at the end of the target list until `splitGroupColumns` takes them off it.
 */
import type { Expr, TargetEntry, Var } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { incrementLevelsUp, mutateExpression } from '../analyzer/walker.js';
import { someNode } from './clauses.js';
import { equal } from './equal.js';
import { GROUP_VARNO, type PlannerInfo } from './path-nodes.js';

interface GroupColumn { readonly entry: TargetEntry; readonly column: Var }

/** True for the variable of a grouping column. */
export function isGroupColumn(node: Expr): boolean {
  return node.node === 'Var' && node.varno === GROUP_VARNO;
}

/** Gives the grouping columns that need it variables of their own; runs before anything rewrites the query's expressions. */
export function separateGroupColumns(root: PlannerInfo): void {
  const { parse } = root;
  const columns: GroupColumn[] = [];
  for (const clause of parse.groupClause) {
    const entry = parse.targetList.find((candidate) => candidate.ressortgroupref === clause.tleSortGroupRef);
    if (!entry || (parse.groupingSets.length === 0 && !someNode(entry.expr, (node) => node.node === 'SubLink'))) continue;
    const { expr } = entry;
    const column: Var = {
      node: 'Var', varno: GROUP_VARNO, varattno: clause.tleSortGroupRef, vartype: exprType(expr), vartypmod: exprTypmod(expr), varcollid: exprCollation(expr),
      varlevelsup: 0, location: -1,
    };
    columns.push({ entry, column });
  }
  if (columns.length === 0) return;
  const targetList = parse.targetList.map((entry) => {
    const own = columns.find((column) => column.entry === entry);
    return { ...entry, expr: own ? own.column : replaceColumns(entry.expr, columns) };
  });
  const tail = columns.map(({ entry }, i): TargetEntry => ({ ...entry, resno: targetList.length + i + 1, resjunk: true }));
  root.groupTlist = tail;
  root.parse = { ...parse, targetList: [...targetList, ...tail], havingQual: parse.havingQual && replaceColumns(parse.havingQual, columns) };
}

/** Replaces grouping expressions, also in sub-selects; what an aggregate or GROUPING reads stays as it is. */
function replaceColumns(expr: Expr, columns: readonly GroupColumn[]): Expr {
  return mutateExpression(expr, (node, level) => {
    if (node.node === 'Const' || node.node === 'Param') return node;
    if ((node.node === 'Aggref' || node.node === 'GroupingFunc') && node.agglevelsup === level) return node;
    const match = columns.find(({ entry }) => entry.expr.node === node.node && equal(level === 0 ? entry.expr : incrementLevelsUp(entry.expr, level), node));
    return match ? { ...match.column, varlevelsup: level } : null;
  });
}

/** Takes the grouping expressions off the target list, into `root.groupTlist`; runs when the expressions have their final form. */
export function splitGroupColumns(root: PlannerInfo): void {
  const count = root.parse.targetList.length - root.groupTlist.length;
  root.groupTlist = root.parse.targetList.slice(count);
  root.parse = { ...root.parse, targetList: root.parse.targetList.slice(0, count) };
}

/** The expression that a grouping clause compares: below the grouping. */
export function groupingExpr(root: PlannerInfo, clause: { readonly tleSortGroupRef: number }): Expr {
  return groupingTlist(root).find((entry) => entry.ressortgroupref === clause.tleSortGroupRef)!.expr;
}

/** The target list by which grouping clauses find their expressions. */
export function groupingTlist(root: PlannerInfo): readonly TargetEntry[] {
  return [...root.groupTlist, ...(root.processedTlist.length > 0 ? root.processedTlist : root.parse.targetList)];
}
