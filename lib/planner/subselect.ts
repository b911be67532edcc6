/**
 * Sub-selects in expressions and CTEs (subselect.c, paramassign.c): SubLinks become SubPlans or InitPlans, references to
 * outer levels become exec Params, EXISTS and ANY in WHERE become joins.
 */
import type {
  CommonTableExpr, Expr, FromExpr, JoinExpr, JoinTreeNode, Param, Query, RangeTblEntry, SubLink, SubPlanExpr, SubqueryRte, Var,
} from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { incrementQueryLevelsUp, mapChildren, mapQuery, mutateExpression, mutateQuery, walkQuery } from '../analyzer/walker.js';
import { assert } from '../base/assert.js';
import {
  containsVarsOfLevel, containsVolatile, makeAndsImplicit, pullVarnos, queryContainsVolatile, someNode,
} from './clauses.js';
import { costMaterial } from './cost.js';
import { catalogOf, hashMemoryLimit, settingsOf, relationByteSize } from './cost-qual.js';
import { createPlan } from './create-plan.js';
import { equal } from './equal.js';
import type { ParamItem, Path, PlannerInfo } from './path-nodes.js';
import { PLACEHOLDER_VARNO } from './path-nodes.js';
import type { InitPlan, Plan } from './plan-nodes.js';
import { finalRel, fractionalPath, subqueryPlanner } from './planner.js';
import { foldConstants } from './simplify.js';
import { isSubset, NO_RELS, overlaps, type Relids } from './relids.js';

// ------------------------------------------------------------------ params

/** A new exec Param's number. */
export function newExecParam(root: PlannerInfo): number {
  return root.glob.paramExecCount++;
}

/** An exec Param node. */
export function makeExecParam(paramid: number, type: number, typmod: number, collation: number): Param {
  return { node: 'Param', paramkind: 'exec', paramid, paramtype: type, paramtypmod: typmod, paramcollid: collation, location: -1 };
}

/** The Param through which an item of an outer query level is passed down; the same for equal items. */
function assignParam(root: PlannerInfo, item: Expr, levelsup: number, atOwnLevel: Expr): Param {
  let owner: PlannerInfo = root;
  for (let level = levelsup; level > 0; level--) {
    assert(owner.parent !== null, 'reference beyond the outermost query');
    owner = owner.parent;
  }
  const known = owner.planParams.find((param) => equal(param.item, atOwnLevel));
  const paramid = known ? known.paramid : newExecParam(root);
  if (!known) owner.planParams.push({ item: atOwnLevel, paramid });
  return makeExecParam(paramid, exprType(item), exprTypmod(item), exprCollation(item));
}

/** Replaces references to outer query levels by Params (SS_replace_correlation_vars). */
export function replaceCorrelationVars(root: PlannerInfo, expr: Expr): Expr {
  const replace = (node: Expr): Expr => {
    switch (node.node) {
      case 'Var':
        return node.varlevelsup > 0 ? assignParam(root, node, node.varlevelsup, { ...node, varlevelsup: 0 }) : node;
      case 'ReturningExpr':
        // Which version of the row it is goes along with the reference.
        if (node.expr.node !== 'Var' || node.expr.varlevelsup === 0) return mapChildren(node, replace);
        return assignParam(root, node.expr, node.expr.varlevelsup, { ...node, expr: { ...node.expr, varlevelsup: 0 } });
      case 'Aggref': case 'GroupingFunc':
        if (node.agglevelsup > 0) {
          const lowered = mutateExpression(node, (inner, level) => lowerLevels(inner, level, node.agglevelsup));
          return assignParam(root, node, node.agglevelsup, lowered);
        }
        return mapChildren(node, replace);
      case 'SubLink':
        return mapChildren(node, replace);
      default:
        return mapChildren(node, replace);
    }
  };
  return replace(expr);
}

/** Moves references of an outer level's aggregate to that level itself. */
function lowerLevels(node: Expr, level: number, by: number): Expr | null {
  if (node.node === 'Var' && node.varlevelsup >= level + by) return { ...node, varlevelsup: node.varlevelsup - by };
  if ((node.node === 'Aggref' || node.node === 'GroupingFunc') && node.agglevelsup >= level + by) {
    const lowered: Expr = { ...node, agglevelsup: node.agglevelsup - by };
    return mapChildren(lowered, (child) => mutateExpression(child, (inner, at) => lowerLevels(inner, at + level, by)));
  }
  return null;
}

// ------------------------------------------------------------------ SubLinks

/** Turns every SubLink of an expression of this level into a SubPlan or Param (SS_process_sublinks). */
export function processSublinks(root: PlannerInfo, expr: Expr): Expr {
  if (expr.node === 'SubLink') {
    const testexpr = expr.testexpr && processSublinks(root, expr.testexpr);
    return makeSubplan(root, expr, testexpr);
  }
  if ((expr.node === 'Aggref' || expr.node === 'GroupingFunc') && expr.agglevelsup > 0) return expr;
  return mapChildren(expr, (child) => processSublinks(root, child));
}

const FRACTIONS: Partial<Record<SubLink['subLinkType'], number>> = { exists: 1, all: 0.5, any: 0.5 };

function makeSubplan(root: PlannerInfo, link: SubLink, testexpr: Expr | null): Expr {
  let subquery = link.subselect;
  if (link.subLinkType === 'exists') subquery = simplifyExists(root, subquery) ?? subquery;
  const fraction = FRACTIONS[link.subLinkType] ?? 0;
  const saved = root.planParams;
  root.planParams = [];
  const subroot = subqueryPlanner(root.glob, subquery, root, false, fraction);
  const planParams = root.planParams;
  root.planParams = saved;
  const path = fractionalPath(finalRel(subroot), fraction);
  const plan = createPlan(subroot, path);
  return buildSubplan(root, plan, path, subroot, planParams, link, testexpr);
}

/** Columns of a finished sub-plan as fresh Params. */
function columnParams(root: PlannerInfo, plan: Plan): Param[] {
  return plan.targetlist.filter((entry) => !entry.resjunk).map((entry) => makeExecParam(newExecParam(root), exprType(entry.expr), exprTypmod(entry.expr), exprCollation(entry.expr)));
}

function convertTestexpr(testexpr: Expr, params: readonly Expr[]): Expr {
  return mutateExpression(testexpr, (node) => (node.node === 'SublinkParam' ? params[node.column - 1] : null));
}

/** Registers a finished sub-plan; its index. */
export function addSubplan(root: PlannerInfo, plan: Plan, subroot: PlannerInfo, path: Path): number {
  root.glob.subplans.push({ plan, root: subroot, path });
  return root.glob.subplans.length - 1;
}

function buildSubplan(root: PlannerInfo, plan: Plan, path: Path, subroot: PlannerInfo, planParams: readonly ParamItem[], link: SubLink, testexpr: Expr | null): Expr {
  const first = plan.targetlist.find((entry) => !entry.resjunk)?.expr ?? null;
  const firstType = first ? exprType(first) : 2278;
  const common = {
    resulttype: link.resulttype, firstColType: firstType, firstColTypmod: first ? exprTypmod(first) : -1, firstColCollation: first ? exprCollation(first) : 0,
  };
  const type = link.subLinkType;
  if (planParams.length === 0 && (type === 'exists' || type === 'expr' || type === 'array')) {
    const planId = addSubplan(root, plan, subroot, path);
    const param = type === 'expr' && first
      ? makeExecParam(newExecParam(root), firstType, exprTypmod(first), exprCollation(first))
      : makeExecParam(newExecParam(root), link.resulttype, -1, type === 'array' && first ? exprCollation(first) : 0);
    pushInitPlan(root, { planId, subLinkType: type, setParam: [param.paramid], name: `InitPlan ${planId + 1}` });
    return param;
  }
  if (planParams.length === 0 && type === 'rowcompare') {
    const planId = addSubplan(root, plan, subroot, path);
    const params = columnParams(root, plan);
    pushInitPlan(root, { planId, subLinkType: type, setParam: params.map((param) => param.paramid), name: `InitPlan ${planId + 1}` });
    return convertTestexpr(testexpr!, params);
  }
  const parParam = planParams.map((param) => param.paramid);
  const args = planParams.map(({ item }) => (item.node === 'Aggref' || item.node === 'GroupingFunc' ? processSublinks(root, item) : item));
  let paramIds: number[] = [];
  let converted: Expr | null = null;
  let useHashTable = false;
  if (testexpr && type !== 'expr') {
    const params = columnParams(root, plan);
    paramIds = params.map((param) => param.paramid);
    converted = convertTestexpr(testexpr, params);
    useHashTable = type === 'any' && parParam.length === 0 && isHashable(root, plan, converted, paramIds);
  }
  let finished = plan;
  if (parParam.length === 0 && (type === 'any' || type === 'all') && !useHashTable && settingsOf(root).enableMaterial && !keepsOutput(plan)) finished = materialized(root, plan);
  const planId = addSubplan(root, finished, subroot, path);
  const node: SubPlanExpr = { node: 'SubPlan', subLinkType: type, testexpr: converted, paramIds, planId, useHashTable, parParam, args, ...common };
  return node;
}

function keepsOutput(plan: Plan): boolean {
  return plan.plan === 'Material' || plan.plan === 'Sort' || plan.plan === 'CteScan' || plan.plan === 'WorkTableScan';
}

/** A Material node over a finished plan. */
export function materialized(root: PlannerInfo, plan: Plan): Plan {
  const cost = costMaterial(root, { startupCost: plan.startupCost, totalCost: plan.totalCost, disabledNodes: 0 }, plan.planRows, plan.planWidth);
  return {
    plan: 'Material', child: { ...plan, initPlans: [] }, targetlist: plan.targetlist, qual: [], initPlans: plan.initPlans, extParams: [],
    startupCost: cost.startup, totalCost: cost.total, planRows: plan.planRows, planWidth: plan.planWidth, disabledNodes: plan.disabledNodes,
  };
}

/** Registers an InitPlan with this query level. */
export function pushInitPlan(root: PlannerInfo, initPlan: InitPlan): void {
  root.initPlans.push(initPlan);
}

function isHashable(root: PlannerInfo, plan: Plan, testexpr: Expr, paramIds: readonly number[]): boolean {
  if (relationByteSize(plan.planRows, plan.planWidth) > hashMemoryLimit(root)) return false;
  const parts = makeAndsImplicit(testexpr);
  const catalog = catalogOf(root);
  return parts.length > 0 && parts.every((part) => {
    if (part.node !== 'OpExpr' || part.args.length !== 2) return false;
    const operator = catalog.operator(part.opno);
    if (!operator?.oprcanhash || catalog.proc(part.opfuncid)?.proisstrict !== true) return false;
    const usesParam = (expr: Expr): boolean => someNode(expr, (node) => node.node === 'Param' && node.paramkind === 'exec' && paramIds.includes(node.paramid));
    return !usesParam(part.args[0]) && usesParam(part.args[1]) && !someNode(part.args[1], (node) => node.node === 'Var');
  });
}

/** Drops from an EXISTS subquery what can not change whether it has rows; null when it must stay as it is. */
export function simplifyExists(root: PlannerInfo, query: Query): Query | null {
  if (query.commandType !== 'select' || query.setOperations || query.hasAggs || query.groupingSets.length > 0 || query.hasWindowFuncs
    || query.hasTargetSRFs || query.hasModifyingCTE || query.havingQual || query.limitOffset || query.rowMarks.length > 0) return null;
  if (query.limitCount) {
    const limit = foldConstants(root, query.limitCount);
    if (limit.node !== 'Const') return null;
    if (limit.value !== null && Number(limit.value) <= 0) return null;
  }
  return {
    ...query, limitCount: null, targetList: [], groupClause: [], windowClause: [], distinctClause: [], sortClause: [], hasDistinctOn: false,
  };
}

// ------------------------------------------------------------------ CTEs

/** Plans or inlines the query's CTEs (SS_process_ctes). Returns the query with inlined references. */
export function processCtes(root: PlannerInfo): void {
  root.parse.cteList.forEach((_, at) => {
    const cte = root.parse.cteList[at];
    const isSelect = cte.ctequery.commandType === 'select';
    const references = countReferences(root.parse, cte.ctename);
    if (references === 0 && isSelect) {
      root.ctePlans.push({ planId: -1, paramid: -1 });
      return;
    }
    if (canInline(root, cte, references)) {
      root.parse = inlineCte(root.parse, cte);
      root.ctePlans.push({ planId: -1, paramid: -1 });
      return;
    }
    planCte(root, cte);
  });
}

function canInline(root: PlannerInfo, cte: CommonTableExpr, references: number): boolean {
  if (cte.cterecursive || cte.ctequery.commandType !== 'select' || cte.ctequery.rowMarks.length > 0) return false;
  if (cte.ctematerialized === 'always' || (cte.ctematerialized === 'default' && references !== 1)) return false;
  if (hasDml(cte.ctequery)) return false;
  if (references > 1 && containsOuterSelfReference(cte.ctequery)) return false;
  return !queryContainsVolatile(catalogOf(root), cte.ctequery);
}

function hasDml(query: Query): boolean {
  if (query.commandType !== 'select' || query.rowMarks.length > 0) return true;
  if (query.rtable.some((rte) => rte.rtekind === 'subquery' && hasDml(rte.subquery)) || query.cteList.some((cte) => hasDml(cte.ctequery))) return true;
  let found = false;
  walkQuery(query, (node) => {
    if (node.node === 'SubLink' && hasDml(node.subselect)) found = true;
  });
  return found;
}

function containsOuterSelfReference(query: Query): boolean {
  const check = (inner: Query, depth: number): boolean => inner.rtable.some((rte) =>
    (rte.rtekind === 'cte' && rte.selfReference && rte.ctelevelsup >= depth) || (rte.rtekind === 'subquery' && check(rte.subquery, depth + 1)));
  return check(query, 0);
}

/** Visits the range tables of a query and everything nested in it, with their depth. */
function forEachRte(query: Query, depth: number, visit: (rte: RangeTblEntry, depth: number) => void): void {
  for (const rte of query.rtable) visit(rte, depth);
  mapQuery(query, (expr) => {
    mutateExpression(expr, (node) => {
      if (node.node === 'SubLink') forEachRte(node.subselect, depth + 1, visit);
      return node.node === 'SubLink' ? (node.testexpr ? null : node) : null;
    });
    return expr;
  }, (inner) => {
    forEachRte(inner, depth + 1, visit);
    return inner;
  });
}

function countReferences(query: Query, name: string): number {
  const seen = new Set<RangeTblEntry>();
  forEachRte(query, 0, (rte, depth) => {
    if (rte.rtekind === 'cte' && rte.ctename === name && rte.ctelevelsup === depth) seen.add(rte);
  });
  return seen.size;
}

/** Replaces references to the CTE at any depth by its query. */
function inlineCte(query: Query, cte: CommonTableExpr): Query {
  const replaceIn = (inner: Query, depth: number): Query => {
    const rtable = inner.rtable.map((rte): RangeTblEntry => {
      if (rte.rtekind !== 'cte' || rte.ctename !== cte.ctename || rte.ctelevelsup !== depth) return rte;
      const replacement: SubqueryRte = {
        node: 'RangeTblEntry', rtekind: 'subquery', alias: rte.alias, eref: rte.eref, lateral: rte.lateral, inFromCl: rte.inFromCl,
        subquery: depth > 0 ? incrementQueryLevelsUp(cte.ctequery, depth) : cte.ctequery, securityBarrier: false, viewRelid: 0, perm: null,
      };
      return replacement;
    });
    const hit = inner.rtable.some((rte, i) => rte !== rtable[i]);
    const base = hit ? { ...inner, rtable } : inner;
    const replaced = new Set(rtable.filter((rte, i) => rte !== inner.rtable[i]));
    return mapQuery(base, (expr) => mutateExpression(expr, (node) => {
      if (node.node !== 'SubLink') return null;
      const testexpr = node.testexpr;
      return { ...node, testexpr, subselect: replaceIn(node.subselect, depth + 1) };
    }), (sub) => {
      const owner = [...replaced].some((rte) => rte.rtekind === 'subquery' && rte.subquery === sub);
      return owner ? sub : replaceIn(sub, depth + 1);
    });
  };
  return replaceIn(query, 0);
}

function planCte(root: PlannerInfo, cte: CommonTableExpr): void {
  assert(root.planParams.length === 0, 'plan parameters left over');
  const subroot = subqueryPlanner(root.glob, cte.ctequery, root, cte.cterecursive, 0);
  root.planParams = [];
  const final = finalRel(subroot);
  const path = final.cheapestTotal!;
  const plan = createPlan(subroot, path);
  const planId = addSubplan(root, plan, subroot, path);
  const paramid = newExecParam(root);
  root.ctePlans.push({ planId, paramid });
  pushInitPlan(root, { planId, subLinkType: 'cte', setParam: [paramid], name: `CTE ${cte.ctename}` });
}

// ------------------------------------------------------------------ EXISTS and ANY as joins

/** `x op ANY (SELECT ...)` as a semijoin with the subquery; null when it can not be (convert_ANY_sublink_to_join). */
export function convertAny(root: PlannerInfo, link: SubLink, available: Relids): JoinExpr | null {
  const subselect = link.subselect;
  if (containsVarsOfLevel(subselect, 1) && hasUpperRefsOutside(root, subselect, available)) return null;
  const upper = pullVarnos(root, link.testexpr);
  if (upper === NO_RELS || !isSubset(upper, available)) return null;
  if (containsVolatile(catalogOf(root), link.testexpr!)) return null;
  const lateral = containsVarsOfLevel(subselect, 1);
  const columns = subselect.targetList.filter((entry) => !entry.resjunk);
  const rte: SubqueryRte = {
    node: 'RangeTblEntry', rtekind: 'subquery', alias: { aliasname: 'ANY_subquery', colnames: [] },
    eref: { aliasname: 'ANY_subquery', colnames: columns.map((entry) => entry.resname ?? '?column?') }, lateral, inFromCl: false,
    subquery: subselect, securityBarrier: false, viewRelid: 0, perm: null,
  };
  root.rtable.push(rte);
  const rti = root.rtable.length - 1;
  if (lateral) root.hasLateralRTEs = true;
  const vars = columns.map((entry, i): Var => ({
    node: 'Var', varno: rti, varattno: i + 1, vartype: exprType(entry.expr), vartypmod: exprTypmod(entry.expr), varcollid: exprCollation(entry.expr), varlevelsup: 0, location: -1,
  }));
  return {
    node: 'JoinExpr', jointype: 'semi', larg: { node: 'FromExpr', fromlist: [], quals: null }, rarg: { node: 'RangeTblRef', rtindex: rti },
    quals: convertTestexpr(link.testexpr!, vars), rtindex: 0,
  };
}

/** References of the sub-select to relations of this level that the join would not have at hand, or to outer ones. */
function hasUpperRefsOutside(root: PlannerInfo, subselect: Query, available: Relids): boolean {
  let outside = false;
  walkQuery(subselect, (node, depth) => {
    if (node.node === 'Var' && node.varlevelsup === depth + 1) {
      if (!isSubset(pullVarnos(root, { ...node, varlevelsup: 0 }), available)) outside = true;
    }
    if (node.node === 'Aggref' && node.agglevelsup === depth + 1) outside = true;
  });
  return outside;
}

/** EXISTS (SELECT ... WHERE) as a semi or anti join; null when it can not be (convert_EXISTS_sublink_to_join). */
export function convertExists(root: PlannerInfo, link: SubLink, underNot: boolean, available: Relids): JoinExpr | null {
  if (link.subselect.cteList.length > 0) return null;
  const simplified = simplifyExists(root, link.subselect);
  if (!simplified) return null;
  const where = simplified.jointree.quals;
  const rest: Query = { ...simplified, jointree: { ...simplified.jointree, quals: null } };
  if (containsVarsOfLevel(rest, 1)) return null;
  if (!where || !queryExprHasLevel(where, 1)) return null;
  if (containsVolatile(catalogOf(root), where)) return null;
  const fromlist = rest.jointree.fromlist.filter((item) => !isResultRef(rest, item));
  if (fromlist.length === 0) return null;
  const offset = root.rtable.length - 1;
  const shift = (query: Query): Query => offsetQuery(query, offset);
  const shiftedRest = shift({ ...rest, jointree: { ...rest.jointree, fromlist } });
  const whereShifted = offsetExpr(where, offset);
  const lowered = mutateExpression(whereShifted, (node, level) => lowerOneLevel(node, level));
  const relids = lowerRelids(root, lowered);
  let upper = NO_RELS;
  let own = NO_RELS;
  for (const rti of relids) {
    if (rti <= offset) upper |= 1n << BigInt(rti);
    else own |= 1n << BigInt(rti);
  }
  if (upper === NO_RELS || own === NO_RELS || !isSubset(upper, available)) return null;
  const restLowered = mutateQuery(shiftedRest, (node, level) => lowerOneLevel(node, level));
  if (restLowered.rtable.some((rte) => rte.lateral)) root.hasLateralRTEs = true;
  for (const rte of restLowered.rtable) root.rtable.push(rte.rtekind === 'cte' && rte.ctelevelsup > 0 ? { ...rte, ctelevelsup: rte.ctelevelsup - 1 } : rte);
  const rarg: JoinTreeNode = restLowered.jointree.fromlist.length === 1 ? restLowered.jointree.fromlist[0] : { node: 'FromExpr', fromlist: restLowered.jointree.fromlist, quals: null };
  return { node: 'JoinExpr', jointype: underNot ? 'anti' : 'semi', larg: { node: 'FromExpr', fromlist: [], quals: null }, rarg, quals: lowered, rtindex: 0 };
}

function isResultRef(query: Query, item: JoinTreeNode): boolean {
  return item.node === 'RangeTblRef' && query.rtable[item.rtindex - 1]?.rtekind === 'result';
}

function queryExprHasLevel(expr: Expr, levelsup: number): boolean {
  let found = false;
  mutateExpression(expr, (node, level) => {
    if (node.node === 'Var' && node.varlevelsup === level + levelsup) found = true;
    return null;
  });
  return found;
}

function lowerOneLevel(node: Expr, level: number): Expr | null {
  if (node.node === 'Var' && node.varlevelsup > level) return { ...node, varlevelsup: node.varlevelsup - 1 };
  if (node.node === 'Aggref' && node.agglevelsup > level) return { ...node, agglevelsup: node.agglevelsup - 1 };
  return null;
}

function lowerRelids(root: PlannerInfo, expr: Expr): Set<number> {
  const result = new Set<number>();
  mutateExpression(expr, (node, level) => {
    if (node.node === 'Var' && node.varlevelsup === level) {
      if (node.varno >= PLACEHOLDER_VARNO) for (let rti = 1; rti < root.rtable.length; rti++) if (overlaps(pullVarnos(root, { ...node, varlevelsup: 0 }), 1n << BigInt(rti))) result.add(rti);
      if (node.varno < PLACEHOLDER_VARNO) result.add(node.varno);
    }
    return null;
  });
  return result;
}

/** Adds an offset to the range-table indexes of a query's own level (OffsetVarNodes). */
export function offsetQuery(query: Query, offset: number): Query {
  const shifted = mutateQuery(query, (node, level) => offsetNode(node, level, offset));
  const tree = (node: JoinTreeNode): JoinTreeNode => {
    if (node.node === 'RangeTblRef') return { ...node, rtindex: node.rtindex + offset };
    if (node.node === 'FromExpr') return { ...node, fromlist: node.fromlist.map(tree) };
    return { ...node, larg: tree(node.larg), rarg: tree(node.rarg), rtindex: node.rtindex > 0 ? node.rtindex + offset : 0 };
  };
  const jointree = tree(shifted.jointree);
  return {
    ...shifted, jointree: jointree as FromExpr, resultRelation: shifted.resultRelation > 0 ? shifted.resultRelation + offset : 0,
    rowMarks: shifted.rowMarks.map((mark) => ({ ...mark, rti: mark.rti + offset })),
  };
}

function offsetNode(node: Expr, level: number, offset: number): Expr | null {
  if (node.node === 'Var' && node.varlevelsup === level && node.varno < PLACEHOLDER_VARNO) return { ...node, varno: node.varno + offset };
  if (node.node === 'CurrentOfExpr' && level === 0) return { ...node, cvarno: node.cvarno + offset };
  return null;
}

/** Adds an offset to the range-table indexes of an expression. */
export function offsetExpr(expr: Expr, offset: number): Expr {
  return mutateExpression(expr, (node, level) => offsetNode(node, level, offset));
}
