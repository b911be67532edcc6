/**
 * MIN and MAX through an index (planagg.c): `SELECT max(x) FROM t` becomes an InitPlan that reads one row of an ordered
 * index scan, where that is cheaper.
 */
import type { Aggref, Expr, Query, SortGroupClause, TargetEntry } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { mapChildren } from '../analyzer/walker.js';
import { containsMutable, containsSubplan, makeAnds } from './clauses.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import { costsOf, createPlan, targetListOf } from './create-plan.js';
import { equal } from './equal.js';
import { collectAggregates } from './grouping-paths.js';
import type { MinMaxAggInfo, MinMaxAggPath, PathTarget, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { pathBase } from './paths.js';
import type { Plan } from './plan-nodes.js';
import { finalRel, fractionalPath, subqueryPlanner } from './planner.js';
import { addSubplan, makeExecParam, newExecParam, pushInitPlan } from './subselect.js';

/** Plans an index-ordered subquery for each aggregate if all of them are MIN or MAX over one plain table. */
export function preprocessMinMax(root: PlannerInfo): void {
  const parse = root.parse;
  if (parse.groupClause.length > 0 || parse.groupingSets.length > 1 || parse.hasWindowFuncs || parse.cteList.length > 0) return;
  const from = root.jointree.fromlist.filter((node) => node.node !== 'RangeTblRef' || root.rtable[node.rtindex].rtekind !== 'result');
  const [only] = from;
  if (from.length !== 1 || only.node !== 'RangeTblRef') return;
  const rte = root.rtable[only.rtindex];
  if (rte.rtekind !== 'relation') return;
  const exprs = [...root.processedTlist.map((entry) => entry.expr), ...(parse.havingQual ? [parse.havingQual] : [])];
  const infos: MinMaxAggInfo[] = [];
  for (const aggref of collectAggregates(exprs)) {
    const info = minMaxInfo(root, aggref);
    if (!info) return;
    infos.push(info);
  }
  if (infos.length === 0) return;
  for (const info of infos) {
    if (!buildPath(root, info)) return;
  }
  root.minmaxAggs = infos;
}

function minMaxInfo(root: PlannerInfo, aggref: Aggref): MinMaxAggInfo | null {
  if (aggref.aggkind !== 'n' || aggref.args.length !== 1 || aggref.aggorder.length > 0 || aggref.aggfilter) return null;
  const aggsortop = catalogOf(root).aggregate(aggref.aggfnoid)?.aggsortop ?? 0;
  const target = aggref.args[0].expr;
  if (!aggsortop || containsMutable(catalogOf(root), target) || containsSubplan(target)) return null;
  return { aggref, target, aggsortop, subroot: null, path: null, cost: 0, param: null };
}

/** SELECT target FROM ... WHERE ... AND target IS NOT NULL ORDER BY target LIMIT 1 */
function buildPath(root: PlannerInfo, info: MinMaxAggInfo): boolean {
  const catalog = catalogOf(root);
  const family = catalog.operatorFamilies(info.aggsortop).find((entry) => entry.accessMethod === 403);
  if (!family) return false;
  const eqop = catalog.familyOperator(family.family, family.leftType, family.rightType, 3);
  for (const nullsFirst of [family.strategy === 5, family.strategy !== 5]) {
    const clause: SortGroupClause = {
      node: 'SortGroupClause', tleSortGroupRef: 1, eqop, sortop: info.aggsortop, reverseSort: family.strategy === 5, nullsFirst, hashable: false,
    };
    const entry: TargetEntry = { node: 'TargetEntry', expr: info.target, resno: 1, resname: 'agg_target', ressortgroupref: 1, resorigtbl: 0, resorigcol: 0, resjunk: false };
    const notNull: Expr = { node: 'NullTest', nulltesttype: 'isNotNull', arg: info.target, argisrow: false, location: -1 };
    const quals = makeAnds([notNull, ...(root.jointree.quals ? [root.jointree.quals] : [])]);
    const one: Expr = { node: 'Const', consttype: 20, consttypmod: -1, constcollid: 0, value: 1, location: -1 };
    const query: Query = {
      ...root.parse, targetList: [entry], havingQual: null, hasAggs: false, distinctClause: [], hasDistinctOn: false, sortClause: [clause], limitOffset: null, limitCount: one,
      limitOption: 'count', groupingSets: [], groupClause: [], hasTargetSRFs: false, rowMarks: [], rtable: root.rtable.slice(1), jointree: { ...root.jointree, quals }, hasSubLinks: false,
      commandType: 'select', resultRelation: 0, returningList: [], cteList: [],
    };
    const saved = { parent: root.parent, level: root.queryLevel };
    const subroot = subqueryPlanner(root.glob, query, saved.parent, false, 1, (inner) => {
      inner.appendRels = root.appendRels.map((append) => ({ ...append }));
      inner.placeholders = new Map(root.placeholders);
      inner.placeholderVars = root.placeholderVars;
      inner.ctePlans = root.ctePlans;
    });
    const path = fractionalPath(finalRel(subroot), 1);
    const ordered = path.kind === 'limit' ? path.subpath : path;
    if (usesSort(ordered)) continue;
    info.subroot = subroot;
    info.path = path;
    info.cost = path.totalCost;
    info.param = makeExecParam(newExecParam(root), exprType(info.target), exprTypmod(info.target), exprCollation(info.target));
    return true;
  }
  return false;
}

function usesSort(path: MinMaxAggInfo['path']): boolean {
  if (!path) return true;
  if (path.kind === 'projection') return usesSort(path.subpath);
  if (path.kind === 'sort' || path.kind === 'incrementalsort' || path.kind === 'groupresult') return true;
  return path.kind === 'mergeappend' && path.subpaths.some(usesSort);
}

/** The path that only reads the InitPlans' results, when there is one. */
export function minMaxPath(root: PlannerInfo, rel: RelOptInfo, target: PathTarget, quals: readonly Expr[]): MinMaxAggPath | null {
  if (root.minmaxAggs.length === 0) return null;
  const cost = root.minmaxAggs.reduce((sum, info) => sum + info.cost, 0);
  return {
    ...pathBase(rel, target), kind: 'minmaxagg', aggs: root.minmaxAggs, quals, rows: 1, startupCost: cost + target.cost.startup,
    totalCost: cost + target.cost.startup + target.cost.perTuple + settingsOf(root).cpuTupleCost,
  };
}

/** Makes the InitPlans, and a Result over their Params. */
export function minMaxPlan(root: PlannerInfo, path: MinMaxAggPath): Plan {
  for (const info of path.aggs) {
    const plan = createPlan(info.subroot!, info.path!);
    const planId = addSubplan(root, plan, info.subroot!, info.path!);
    pushInitPlan(root, { planId, subLinkType: 'expr', setParam: [info.param!.paramid], name: `InitPlan ${planId + 1}` });
  }
  root.minmaxReplace = (expr) => replaceAggregates(path.aggs, expr);
  const quals = path.quals;
  return {
    plan: 'Result', child: null, resconstantqual: quals.length === 0 ? null : makeAnds(quals), targetlist: targetListOf(root, path), qual: [], initPlans: [], extParams: [],
    ...costsOf(path),
  };
}

function replaceAggregates(aggs: readonly MinMaxAggInfo[], expr: Expr): Expr {
  if (expr.node === 'Aggref') {
    const info = aggs.find((candidate) => equal(candidate.aggref, expr));
    if (info?.param) return info.param;
  }
  return mapChildren(expr, (child) => replaceAggregates(aggs, child));
}
