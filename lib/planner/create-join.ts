/**
 * Plan nodes of joins (createplan.c): nested loops with the Params they pass, merge joins with the sorts they need, hash
 * joins.
 */
import type { Expr, OpExpr } from '../analyzer/nodes.js';
import { unreachable } from '../base/assert.js';
import { placeholderOf } from './clauses.js';
import { costSort } from './cost.js';
import { catalogOf } from './cost-qual.js';
import { buildPlan, costsOf, gate, orderQuals, replaceNestParams, targetListOf } from './create-plan.js';
import { sortPlanFor } from './create-sort.js';
import { equal } from './equal.js';
import type { HashJoinPath, JoinPath, MergeJoinPath, NestLoopPath, ParamItem, Path, PlannerInfo, RestrictInfo } from './path-nodes.js';
import type { MergeJoinPlan, Plan } from './plan-nodes.js';
import { hasMember, isSubset } from './relids.js';
import { splitJoinClauses } from './restrictinfo.js';
import { materialized } from './subselect.js';

/** The join's plan, gated by pseudo-constant conditions. */
export function createJoinPlan(root: PlannerInfo, path: JoinPath): Plan {
  return gate(root, joinNode(root, path), path.joinrestrictinfo, path);
}

function joinNode(root: PlannerInfo, path: JoinPath): Plan {
  switch (path.kind) {
    case 'nestloop': return nestLoop(root, path);
    case 'mergejoin': return mergeJoin(root, path);
    case 'hashjoin': return hashJoin(root, path);
    default: return unreachable(path, 'join path');
  }
}

function isOuterJoin(path: JoinPath): boolean {
  return path.jointype !== 'inner' && path.jointype !== 'semi' && path.jointype !== 'rightSemi';
}

function joinClauses(root: PlannerInfo, path: JoinPath): { join: Expr[]; other: Expr[] } {
  const ordered = orderQuals(root, path.joinrestrictinfo);
  const split = isOuterJoin(path)
    ? splitJoinClauses(ordered, path.parent.relids) : { join: ordered.filter((clause) => !clause.pseudoconstant).map((clause) => clause.clause), other: [] };
  if (!path.param) return split;
  return { join: split.join.map((expr) => replaceNestParams(root, expr)), other: split.other.map((expr) => replaceNestParams(root, expr)) };
}

function nestLoop(root: PlannerInfo, path: NestLoopPath): Plan {
  const saved = root.curOuterRels;
  const outer = buildPlan(root, path.outer);
  root.curOuterRels |= path.outer.parent.relids;
  const inner = buildPlan(root, path.inner);
  root.curOuterRels = saved;
  const nestParams = takeNestParams(root, path.outer);
  const { join, other } = joinClauses(root, path);
  return {
    plan: 'NestLoop', jointype: path.jointype, outer: withParamColumns(outer, nestParams), inner, joinqual: join, qual: other, innerUnique: path.innerUnique,
    nestParams: nestParams.map((param) => ({ paramid: param.paramid, value: param.item })), targetlist: targetListOf(root, path), initPlans: [], extParams: [],
    ...costsOf(path),
  };
}

/** The Params among the current ones that this loop's outer side supplies. */
function takeNestParams(root: PlannerInfo, outer: Path): ParamItem[] {
  const taken: ParamItem[] = [];
  const rest: ParamItem[] = [];
  for (const param of root.curOuterParams) {
    const item = param.item;
    let mine = false;
    if (item.node === 'Var') {
      const placeholder = placeholderOf(root, item);
      mine = placeholder ? isSubset(placeholder.evalAt, outer.parent.relids) : hasMember(outer.parent.relids, item.varno);
    }
    (mine ? taken : rest).push(param);
  }
  root.curOuterParams = rest;
  return taken;
}

/** Placeholders passed down must stand in the outer side's columns. */
function withParamColumns(outer: Plan, params: readonly ParamItem[]): Plan {
  const missing = params.filter((param) => !outer.targetlist.some((entry) => equal(entry.expr, param.item)));
  if (missing.length === 0) return outer;
  const extra = missing.map((param, i) => ({
    node: 'TargetEntry' as const, expr: param.item, resno: outer.targetlist.length + i + 1, resname: null, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: true,
  }));
  return { ...outer, targetlist: [...outer.targetlist, ...extra] };
}

/** The clause with the outer side's expression on the left. */
function outerOnLeft(root: PlannerInfo, rinfo: RestrictInfo, outer: Path): OpExpr {
  const clause = rinfo.clause as OpExpr;
  if (isSubset(rinfo.leftRelids, outer.parent.relids)) return clause;
  const commutator = catalogOf(root).operator(clause.opno)?.oprcom ?? clause.opno;
  return { ...clause, opno: commutator, opfuncid: catalogOf(root).operator(commutator)?.oprcode ?? 0, args: [clause.args[1], clause.args[0]] };
}

function without(list: readonly Expr[], clauses: readonly RestrictInfo[]): Expr[] {
  return list.filter((expr) => !clauses.some((rinfo) => rinfo.clause === expr || equal(rinfo.clause, expr)));
}

function hashJoin(root: PlannerInfo, path: HashJoinPath): Plan {
  const outer = buildPlan(root, path.outer);
  const inner = buildPlan(root, path.inner);
  const ordered = orderQuals(root, path.joinrestrictinfo);
  const split = isOuterJoin(path)
    ? splitJoinClauses(ordered, path.parent.relids) : { join: ordered.filter((clause) => !clause.pseudoconstant).map((clause) => clause.clause), other: [] };
  const fix = (expr: Expr): Expr => (path.param ? replaceNestParams(root, expr) : expr);
  const clauses = path.hashclauses.map((rinfo) => outerOnLeft(root, rinfo, path.outer));
  return {
    plan: 'HashJoin', jointype: path.jointype, outer, inner, joinqual: without(split.join, path.hashclauses).map(fix), qual: split.other.map(fix), innerUnique: path.innerUnique,
    outerKeys: clauses.map((clause) => fix(clause.args[0])), innerKeys: clauses.map((clause) => fix(clause.args[1])), hashOperators: clauses.map((clause) => clause.opno),
    hashCollations: clauses.map((clause) => clause.inputcollid), tableParams: [], targetlist: targetListOf(root, path), initPlans: [], extParams: [], ...costsOf(path),
  };
}

function mergeJoin(root: PlannerInfo, path: MergeJoinPath): Plan {
  let outer = buildPlan(root, path.outer);
  let inner = buildPlan(root, path.inner);
  const ordered = orderQuals(root, path.joinrestrictinfo);
  const split = isOuterJoin(path)
    ? splitJoinClauses(ordered, path.parent.relids) : { join: ordered.filter((clause) => !clause.pseudoconstant).map((clause) => clause.clause), other: [] };
  const fix = (expr: Expr): Expr => (path.param ? replaceNestParams(root, expr) : expr);
  if (path.outersortkeys) {
    const cost = costSort(root, path.outer, path.outer.rows, path.outer.target.width, -1);
    outer = sortPlanFor(root, outer, path.outersortkeys, path.outer.parent.relids, cost);
  }
  if (path.innersortkeys) {
    const cost = costSort(root, path.inner, path.inner.rows, path.inner.target.width, -1);
    inner = sortPlanFor(root, inner, path.innersortkeys, path.inner.parent.relids, cost);
  }
  if (path.materializeInner) inner = materialized(root, inner);
  const outerKeys = path.outersortkeys ?? path.outer.pathkeys;
  const catalog = catalogOf(root);
  const mergeKeys: MergeJoinPlan['mergeKeys'][number][] = path.mergeclauses.map((rinfo) => {
    const clause = outerOnLeft(root, rinfo, path.outer);
    const ec = isSubset(rinfo.leftRelids, path.outer.parent.relids) ? rinfo.leftEc : rinfo.rightEc;
    const key = outerKeys.find((candidate) => candidate.ec === ec) ?? outerKeys[0];
    const entry = catalog.operatorFamilies(clause.opno).find((candidate) => candidate.family === key.opfamily && candidate.strategy === 3);
    const sortop = entry ? catalog.familyOperator(key.opfamily, entry.leftType, entry.rightType, key.strategy) : 0;
    return {
      outer: clause.args[0], inner: clause.args[1],
      column: { sortop, eqop: clause.opno, collation: clause.inputcollid, nullsFirst: key.nullsFirst, reverse: key.strategy === 5 },
    };
  });
  return {
    plan: 'MergeJoin', jointype: path.jointype, outer, inner, joinqual: without(split.join, path.mergeclauses).map(fix), qual: split.other.map(fix), innerUnique: path.innerUnique,
    mergeKeys, targetlist: targetListOf(root, path), initPlans: [], extParams: [], ...costsOf(path),
  };
}
