/**
 * From the chosen path to plan nodes (createplan.c). Expressions still refer to relations by range-table index;
 * `setrefs.ts` makes them refer to child columns.
 */
import type { Expr, TargetEntry } from '../analyzer/nodes.js';
import { mapChildren } from '../analyzer/walker.js';
import { unreachable } from '../base/assert.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { placeholderOf } from './clauses.js';
import { costQualEval } from './cost-qual.js';
import { createJoinPlan } from './create-join.js';
import { createScanPlan } from './create-scan.js';
import { createUpperPlan } from './create-upper.js';
import { equal } from './equal.js';
import type { Path, PlannerInfo, RestrictInfo } from './path-nodes.js';
import type { Plan, PlanCost } from './plan-nodes.js';
import { hasMember, isSubset, NO_RELS, overlaps } from './relids.js';
import { makeExecParam, newExecParam } from './subselect.js';

/** The plan of a query level's chosen path, with its InitPlans on top. */
export function createPlan(root: PlannerInfo, path: Path): Plan {
  root.curOuterRels = NO_RELS;
  root.curOuterParams = [];
  const plan = buildPlan(root, path);
  const named = applyNames(root, plan);
  return { ...named, initPlans: [...named.initPlans, ...root.initPlans] };
}

/** Column names and origins of the query's target list, for the client. */
function applyNames(root: PlannerInfo, plan: Plan): Plan {
  if (plan.plan === 'ModifyTable') return plan;
  const wanted = root.processedTlist;
  if (wanted.length !== plan.targetlist.length) return plan;
  const targetlist = plan.targetlist.map((entry, i): TargetEntry => ({
    ...entry, resname: wanted[i].resname, resorigtbl: wanted[i].resorigtbl, resorigcol: wanted[i].resorigcol, resjunk: wanted[i].resjunk,
    ressortgroupref: wanted[i].ressortgroupref,
  }));
  return { ...plan, targetlist };
}

/** The plan node (and those below) of a path. */
export function buildPlan(root: PlannerInfo, path: Path): Plan {
  switch (path.kind) {
    case 'seqscan': case 'index': case 'bitmapheap': case 'tid': case 'subqueryscan': case 'functionscan': case 'valuesscan':
    case 'ctescan': case 'worktablescan': case 'resultscan':
      return createScanPlan(root, path);
    case 'nestloop': case 'mergejoin': case 'hashjoin':
      return createJoinPlan(root, path);
    case 'bitmapand': case 'bitmapor':
      throw new Error('a bitmap tree is not a plan of its own');
    case 'groupresult': case 'append': case 'mergeappend': case 'material': case 'memoize': case 'uniquejoin': case 'projection': case 'projectset':
    case 'sort': case 'incrementalsort': case 'group': case 'upperunique': case 'agg': case 'groupingsets': case 'minmaxagg': case 'windowagg':
    case 'setop': case 'recursiveunion': case 'lockrows': case 'limit': case 'modifytable':
      return createUpperPlan(root, path);
    default:
      return unreachable(path, 'path');
  }
}

/** Cost fields of a path's plan node. */
export function costsOf(path: Path): PlanCost {
  return { startupCost: path.startupCost, totalCost: path.totalCost, planRows: path.rows, planWidth: path.target.width, disabledNodes: path.disabledNodes };
}

/** A target entry. */
export function makeEntry(expr: Expr, resno: number, ref = 0, resjunk = false): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname: null, ressortgroupref: ref, resorigtbl: 0, resorigcol: 0, resjunk };
}

/** The path's target as a target list. */
export function targetListOf(root: PlannerInfo, path: Path): TargetEntry[] {
  return path.target.exprs.map((expr, i) => makeEntry(path.param ? replaceNestParams(root, expr) : expr, i + 1, path.target.sortgrouprefs[i] ?? 0));
}

/** Replaces Vars and placeholders of the current nested loops' outer relations by Params. */
export function replaceNestParams(root: PlannerInfo, expr: Expr): Expr {
  if (root.curOuterRels === NO_RELS) return expr;
  const replace = (node: Expr): Expr => {
    if (node.node === 'Var' && node.varlevelsup === 0) {
      const placeholder = placeholderOf(root, node);
      if (placeholder) {
        if (isSubset(placeholder.evalAt, root.curOuterRels)) return nestParam(root, node);
        // Evaluated at this node: its own outer references become Params.
        if (overlaps(placeholder.lateral, root.curOuterRels)) placeholder.planExpr = replace(placeholder.expr);
        return node;
      }
      return hasMember(root.curOuterRels, node.varno) ? nestParam(root, node) : node;
    }
    return mapChildren(node, replace);
  };
  return replace(expr);
}

/** The Param that passes an outer expression to the inner side. */
function nestParam(root: PlannerInfo, item: Expr): Expr {
  const known = root.curOuterParams.find((param) => equal(param.item, item));
  const paramid = known ? known.paramid : newExecParam(root);
  if (!known) root.curOuterParams.push({ item, paramid });
  return makeExecParam(paramid, exprType(item), exprTypmod(item), exprCollation(item));
}

/** Conditions in the order of evaluation: cheap ones first, otherwise as they stand. */
export function orderQuals(root: PlannerInfo, clauses: readonly RestrictInfo[]): RestrictInfo[] {
  const costs = new Map(clauses.map((clause) => [clause, costQualEval(root, [clause]).perTuple]));
  return [...clauses].sort((a, b) => costs.get(a)! - costs.get(b)!);
}

/** Puts a one-time filter over a plan when the relation has pseudo-constant conditions. */
export function gate(root: PlannerInfo, plan: Plan, clauses: readonly RestrictInfo[], path: Path): Plan {
  if (!root.hasPseudoConstantQuals) return plan;
  const gating = clauses.filter((clause) => clause.pseudoconstant).map((clause) => clause.clause);
  if (gating.length === 0) return plan;
  const condition: Expr = gating.length === 1 ? gating[0] : { node: 'BoolExpr', boolop: 'and', args: gating, location: -1 };
  const targetlist = plan.targetlist.map((entry, i) => ({ ...entry, expr: path.param ? replaceNestParams(root, path.target.exprs[i] ?? entry.expr) : entry.expr }));
  return { plan: 'Result', child: plan, resconstantqual: condition, targetlist, qual: [], initPlans: [], extParams: [], ...costsOf(path) };
}

/** Whether a finished plan node can compute other columns itself. */
export function planCanProject(plan: Plan): boolean {
  switch (plan.plan) {
    case 'Material': case 'Memoize': case 'Sort': case 'IncrementalSort': case 'Unique': case 'SetOp': case 'LockRows': case 'Limit':
    case 'ModifyTable': case 'Append': case 'MergeAppend': case 'RecursiveUnion': case 'ProjectSet':
      return false;
    default:
      return true;
  }
}

/** Replaces a plan's columns, by a Result on top where the node can not do it. */
export function withTargetList(plan: Plan, targetlist: readonly TargetEntry[]): Plan {
  if (planCanProject(plan)) return { ...plan, targetlist };
  return {
    plan: 'Result', child: plan, resconstantqual: null, targetlist, qual: [], initPlans: [], extParams: [],
    startupCost: plan.startupCost, totalCost: plan.totalCost, planRows: plan.planRows, planWidth: plan.planWidth, disabledNodes: plan.disabledNodes,
  };
}
