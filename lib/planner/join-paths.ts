/**
 * Ways to join two relations (joinpath.c): nested loops (plain, with materialised or memoized inner, parameterised index
 * scans), merge joins and hash joins.
 */
import type { Expr, JoinType } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { containsVolatile, pullVarnos } from './clauses.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import { costHashJoin, costMergeJoin, costNestLoop, type JoinExtra } from './cost-join.js';
import { equal } from './equal.js';
import { hasUniqueIndexFor } from './index-paths.js';
import type { EquivalenceClass, HashJoinPath, MemoizePath, MergeJoinPath, NestLoopPath, ParamPathInfo, Path, PathKey, PlannerInfo, RelOptInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import type { PlanJoinType } from './plan-nodes.js';
import { addPath, addPathPrecheck, above, createMaterial, isMovableInto, requiredOuter } from './paths.js';
import { cheapestForPathkeys, innerPathkeysForMerge, mergeClausesForPathkeys, outerPathkeysForMerge, pathkeysContained, trimMergeClauses, usefulPathkeys } from './pathkeys.js';
import { generateJoinImpliedEqualities } from './equivclass.js';
import { isSubset, NO_RELS, overlaps, type Relids } from './relids.js';
import { clauseListSelectivity } from './selectivity.js';
import { createUniqueJoinPath, subqueryIsUnique } from './unique-join.js';
import { joinSize } from './join-rels.js';

/** The join types of path generation: JoinType and the planner's own. */
export type PathJoinType = PlanJoinType | 'uniqueOuter' | 'uniqueInner';

/** Adds paths for joining `outer` with `inner` in this role. */
export function addPathsToJoinRel(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, jointype: PathJoinType, sjinfo: SpecialJoinInfo, restrictions: readonly RestrictInfo[]): void {
  const extra: JoinExtra = { restrictions, sjinfo, innerUnique: false, semifactors: null, paramSourceRels: NO_RELS };
  switch (jointype) {
    case 'semi': case 'anti': case 'rightSemi': case 'rightAnti': extra.innerUnique = false; break;
    case 'uniqueInner': extra.innerUnique = isSubset(sjinfo.minLeft, outer.relids); break;
    case 'uniqueOuter': extra.innerUnique = innerRelIsUnique(root, outer, inner, 'inner', restrictions); break;
    default: extra.innerUnique = innerRelIsUnique(root, outer, inner, jointype, restrictions);
  }
  const mergeClauses = selectMergeClauses(root, joinrel, outer, inner, restrictions, jointype);
  if (jointype === 'semi' || jointype === 'anti' || extra.innerUnique) extra.semifactors = semiFactors(root, joinrel, outer, inner, jointype, sjinfo, restrictions);
  extra.paramSourceRels = paramSources(root, joinrel);
  if (mergeClauses.ok && jointype !== 'rightSemi') sortInnerAndOuter(root, joinrel, outer, inner, jointype, extra, mergeClauses.clauses);
  if (mergeClauses.ok && jointype !== 'rightSemi') matchUnsortedOuter(root, joinrel, outer, inner, jointype, extra, mergeClauses.clauses);
  if (settingsOf(root).enableHashjoin || jointype === 'full') hashInnerAndOuter(root, joinrel, outer, inner, jointype, extra);
}

function paramSources(root: PlannerInfo, joinrel: RelOptInfo): Relids {
  let result = NO_RELS;
  for (const join of root.joinInfos) {
    if (overlaps(joinrel.relids, join.minRight) && !overlaps(joinrel.relids, join.minLeft)) result |= root.allBaserels & ~join.minRight;
    if (join.jointype === 'full' && overlaps(joinrel.relids, join.minLeft) && !overlaps(joinrel.relids, join.minRight)) result |= root.allBaserels & ~join.minLeft;
  }
  return result | joinrel.lateralRelids;
}

/** At most one inner row can match any outer row (innerrel_is_unique). */
export function innerRelIsUnique(root: PlannerInfo, outer: RelOptInfo, inner: RelOptInfo, jointype: JoinType, restrictions: readonly RestrictInfo[]): boolean {
  if (restrictions.length === 0 || (inner.kind !== 'base')) return false;
  if (inner.rte?.rtekind === 'relation' ? !inner.indexes.some((index) => index.unique) : inner.rte?.rtekind !== 'subquery') return false;
  if (inner.uniqueForRels.some((relids) => isSubset(relids, outer.relids))) return true;
  if (inner.nonUniqueForRels.some((relids) => isSubset(outer.relids, relids))) return false;
  const joinRelids = outer.relids | inner.relids;
  const usable: RestrictInfo[] = [];
  for (const rinfo of restrictions) {
    if (rinfo.isPushedDown && (jointype === 'left' || jointype === 'full' || jointype === 'right')) continue;
    if (!rinfo.isPushedDown && !isSubset(rinfo.requiredRelids, joinRelids)) continue;
    if (!rinfo.canJoin || rinfo.mergeopfamilies.length === 0) continue;
    if (!clauseSidesMatch(rinfo, outer.relids, inner.relids)) continue;
    usable.push(rinfo);
  }
  let unique = false;
  if (usable.length > 0 && inner.rte?.rtekind === 'relation') unique = hasUniqueIndexFor(root, inner, usable, [], []);
  else if (usable.length > 0) {
    const exprs: Expr[] = [];
    const operators: number[] = [];
    for (const rinfo of usable) {
      if (rinfo.clause.node !== 'OpExpr') continue;
      exprs.push(rinfo.outerIsLeft ? rinfo.clause.args[1] : rinfo.clause.args[0]);
      operators.push(rinfo.clause.opno);
    }
    unique = subqueryIsUnique(root, inner, exprs, operators);
  }
  if (unique) inner.uniqueForRels.push(outer.relids);
  return unique;
}

/** Sets `outerIsLeft`; false when the clause does not join exactly these sides. */
function clauseSidesMatch(rinfo: RestrictInfo, outer: Relids, inner: Relids): boolean {
  if (isSubset(rinfo.leftRelids, outer) && isSubset(rinfo.rightRelids, inner)) {
    rinfo.outerIsLeft = true;
    return true;
  }
  if (isSubset(rinfo.leftRelids, inner) && isSubset(rinfo.rightRelids, outer)) {
    rinfo.outerIsLeft = false;
    return true;
  }
  return false;
}

function isOuterJoin(jointype: PathJoinType): boolean {
  return jointype === 'left' || jointype === 'full' || jointype === 'right' || jointype === 'anti' || jointype === 'rightAnti';
}

function selectMergeClauses(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, restrictions: readonly RestrictInfo[], jointype: PathJoinType): { clauses: RestrictInfo[]; ok: boolean } {
  const clauses: RestrictInfo[] = [];
  let nonMergeable = false;
  for (const rinfo of restrictions) {
    if (isOuterJoin(jointype) && (rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, joinrel.relids))) continue;
    if (!rinfo.canJoin || rinfo.mergeopfamilies.length === 0) {
      if (!(rinfo.clause.node === 'Const')) nonMergeable = true;
      continue;
    }
    if (!clauseSidesMatch(rinfo, outer.relids, inner.relids)) {
      nonMergeable = true;
      continue;
    }
    clauses.push(rinfo);
  }
  void root;
  const strict = jointype === 'right' || jointype === 'rightAnti' || jointype === 'full';
  return { clauses, ok: !strict || !nonMergeable };
}

function semiFactors(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, jointype: PathJoinType, sjinfo: SpecialJoinInfo, restrictions: readonly RestrictInfo[]): { outerMatchFraction: number; matchCount: number } {
  const quals = isOuterJoin(jointype) ? restrictions.filter((rinfo) => !rinfo.isPushedDown && isSubset(rinfo.requiredRelids, joinrel.relids)) : restrictions;
  const norm: SpecialJoinInfo = {
    minLeft: outer.relids, minRight: inner.relids, synLeft: outer.relids, synRight: inner.relids, jointype: 'inner', lhsStrict: false,
    delayUpperJoins: false, semiCanBtree: false, semiCanHash: false, semiOperators: [], semiRhsExprs: [],
  };
  // Inner joins with a unique inner side are sized in this very direction: nothing that was remembered for the other one.
  const isReal = jointype === 'semi' || jointype === 'anti';
  const semi = isReal
    ? clauseListSelectivity(root, quals, 0, jointype, sjinfo) : clauseListSelectivity(root, quals.map((rinfo) => rinfo.clause), 0, 'semi', { ...norm, jointype: 'semi' });
  const inSel = clauseListSelectivity(root, quals, 0, 'inner', norm);
  const matchCount = semi > 0 ? Math.max((inSel * inner.rows) / semi, 1) : 1;
  return { outerMatchFraction: semi, matchCount };
}

/** What a join path still needs from outside (calc_nestloop_required_outer). */
function joinRequiredOuter(outerPath: Path, innerPath: Path): Relids {
  return (requiredOuter(outerPath) | requiredOuter(innerPath)) & ~outerPath.parent.relids & ~innerPath.parent.relids;
}

/** Parameterisation of a join path, and the clauses that it must check itself (get_joinrel_parampathinfo). */
function joinParamInfo(root: PlannerInfo, joinrel: RelOptInfo, outerPath: Path, innerPath: Path, extra: JoinExtra, outer: Relids): { param: ParamPathInfo | null; restrictions: readonly RestrictInfo[] } {
  if (outer === NO_RELS) return { param: null, restrictions: extra.restrictions };
  const joinAndReq = joinrel.relids | outer;
  const outerAndReq = outerPath.parent.relids | requiredOuter(outerPath);
  const innerAndReq = innerPath.parent.relids | requiredOuter(innerPath);
  const extraClauses = joinrel.joininfo.filter((rinfo) => isMovableInto(rinfo, joinrel.relids, joinAndReq)
    && !isMovableInto(rinfo, outerPath.parent.relids, outerAndReq) && !isMovableInto(rinfo, innerPath.parent.relids, innerAndReq));
  const dropped = new Set<EquivalenceClass>();
  for (const rinfo of generateJoinImpliedEqualities(root, joinAndReq, outer, joinrel)) {
    if (isMovableInto(rinfo, outerPath.parent.relids, outerAndReq)) continue;
    if (!isMovableInto(rinfo, innerPath.parent.relids, innerAndReq)) extraClauses.push(rinfo);
    else if (rinfo.leftEc) dropped.add(rinfo.leftEc);
  }
  if (dropped.size > 0) {
    // A class with members on both sides and outside: what the inner path enforces may tie its member to the outer side alone
    // or to the outside alone, so the outside is tied to the outer side here.
    const outsideAndOuter = outerPath.parent.relids | outer;
    for (const rinfo of generateJoinImpliedEqualities(root, outsideAndOuter, outer, outerPath.parent, dropped)) {
      if (!isMovableInto(rinfo, outerPath.parent.relids, outerAndReq)) extraClauses.push(rinfo);
    }
  }
  const restrictions = [...extraClauses, ...extra.restrictions];
  let param = joinrel.ppilist.find((info) => info.requiredOuter === outer);
  if (!param) {
    const rows = Math.min(joinSize(root, outerPath.rows, innerPath.rows, extra.sjinfo, restrictions), joinrel.rows);
    param = { requiredOuter: outer, rows, clauses: [] };
    joinrel.ppilist.push(param);
  }
  return { param, restrictions };
}

function executorJoinType(jointype: PathJoinType): PlanJoinType {
  return jointype === 'uniqueOuter' || jointype === 'uniqueInner' ? 'inner' : jointype;
}

/** The inner side may need a placeholder that is evaluated above the outer side: it cannot be passed down (have_dangerous_phv). */
export function hasDangerousPlaceholder(root: PlannerInfo, outerRelids: Relids, innerParams: Relids): boolean {
  return [...root.placeholders.values()].some(({ evalAt }) => isSubset(evalAt, innerParams) && overlaps(evalAt, outerRelids) && !isSubset(evalAt, outerRelids));
}

function tryNestLoop(root: PlannerInfo, joinrel: RelOptInfo, outerPath: Path, innerPath: Path, pathkeys: readonly PathKey[], jointype: PathJoinType, extra: JoinExtra): void {
  const outerRelids = outerPath.parent.topParentRelids ?? outerPath.parent.relids;
  const required = joinRequiredOuter(outerPath, innerPath);
  if (overlaps(requiredOuter(outerPath), innerPath.parent.relids)) return;
  const satisfiesStarJoin = overlaps(requiredOuter(innerPath), outerRelids) && !isSubset(requiredOuter(innerPath), outerRelids);
  if (required !== NO_RELS && ((!overlaps(required, extra.paramSourceRels) && !satisfiesStarJoin) || hasDangerousPlaceholder(root, outerRelids, requiredOuter(innerPath)))) return;
  const { param, restrictions } = joinParamInfo(root, joinrel, outerPath, innerPath, extra, required);
  const innerOuter = requiredOuter(innerPath);
  const remaining = overlaps(innerOuter, outerRelids)
    ? restrictions.filter((rinfo) => !isMovableInto(rinfo, innerPath.parent.relids, innerPath.parent.relids | innerOuter)) : restrictions;
  const path: NestLoopPath = {
    kind: 'nestloop', parent: joinrel, target: joinrel.reltarget, param, rows: param ? param.rows : joinrel.rows, disabledNodes: 0, startupCost: 0,
    totalCost: 0, pathkeys: param ? [] : pathkeys, jointype: executorJoinType(jointype), innerUnique: extra.innerUnique, outer: outerPath, inner: innerPath, joinrestrictinfo: remaining,
  };
  costNestLoop(root, path, extra);
  if (addPathPrecheck(joinrel, path.disabledNodes, path.startupCost, path.totalCost, path.pathkeys, required)) addPath(joinrel, path);
}

function tryMergeJoin(
  root: PlannerInfo, joinrel: RelOptInfo, outerPath: Path, innerPath: Path, pathkeys: readonly PathKey[], mergeclauses: readonly RestrictInfo[],
  outersortkeys: readonly PathKey[] | null, innersortkeys: readonly PathKey[] | null, jointype: PathJoinType, extra: JoinExtra,
): void {
  const required = requiredOuter(outerPath) | requiredOuter(innerPath);
  if (overlaps(required, joinrel.relids)) return;
  if (required !== NO_RELS && !overlaps(required, extra.paramSourceRels)) return;
  const { param, restrictions } = joinParamInfo(root, joinrel, outerPath, innerPath, extra, required);
  const path: MergeJoinPath = {
    kind: 'mergejoin', parent: joinrel, target: joinrel.reltarget, param, rows: param ? param.rows : joinrel.rows, disabledNodes: 0, startupCost: 0,
    totalCost: 0, pathkeys: param ? [] : pathkeys, jointype: executorJoinType(jointype), innerUnique: extra.innerUnique, outer: outerPath, inner: innerPath,
    joinrestrictinfo: restrictions, mergeclauses: [...mergeclauses],
    outersortkeys: outersortkeys && pathkeysContained(outersortkeys, outerPath.pathkeys) ? null : outersortkeys,
    innersortkeys: innersortkeys && pathkeysContained(innersortkeys, innerPath.pathkeys) ? null : innersortkeys,
    materializeInner: false, skipMarkRestore: false,
  };
  costMergeJoin(root, path, extra);
  if (addPathPrecheck(joinrel, path.disabledNodes, path.startupCost, path.totalCost, path.pathkeys, required)) addPath(joinrel, path);
}

function tryHashJoin(root: PlannerInfo, joinrel: RelOptInfo, outerPath: Path, innerPath: Path, hashclauses: readonly RestrictInfo[], jointype: PathJoinType, extra: JoinExtra): void {
  const required = requiredOuter(outerPath) | requiredOuter(innerPath);
  if (overlaps(required, joinrel.relids)) return;
  if (required !== NO_RELS && !overlaps(required, extra.paramSourceRels)) return;
  const { param, restrictions } = joinParamInfo(root, joinrel, outerPath, innerPath, extra, required);
  const path: HashJoinPath = {
    kind: 'hashjoin', parent: joinrel, target: joinrel.reltarget, param, rows: param ? param.rows : joinrel.rows, disabledNodes: 0, startupCost: 0,
    totalCost: 0, pathkeys: [], jointype: executorJoinType(jointype), innerUnique: extra.innerUnique, outer: outerPath, inner: innerPath,
    joinrestrictinfo: restrictions, hashclauses: [...hashclauses], batches: 1,
  };
  costHashJoin(root, path, extra);
  if (addPathPrecheck(joinrel, path.disabledNodes, path.startupCost, path.totalCost, path.pathkeys, required)) addPath(joinrel, path);
}

/** Ordering of a join's rows: the outer's, unless inner rows are null-extended. */
function joinPathkeys(root: PlannerInfo, joinrel: RelOptInfo, jointype: PathJoinType, outerKeys: readonly PathKey[]): readonly PathKey[] {
  if (jointype === 'full' || jointype === 'right' || jointype === 'rightAnti' || jointype === 'rightSemi') return [];
  return usefulPathkeys(root, joinrel, outerKeys);
}

function sortInnerAndOuter(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, jointypeIn: PathJoinType, extra: JoinExtra, clauses: readonly RestrictInfo[]): void {
  if (clauses.length === 0) return;
  let outerPath = outer.cheapestTotal!;
  let innerPath = inner.cheapestTotal!;
  if (overlaps(requiredOuter(outerPath), inner.relids) || overlaps(requiredOuter(innerPath), outer.relids)) return;
  let jointype = jointypeIn;
  if (jointype === 'uniqueOuter') {
    outerPath = createUniqueJoinPath(root, outer, extra.sjinfo)!;
    jointype = 'inner';
  } else if (jointype === 'uniqueInner') {
    innerPath = createUniqueJoinPath(root, inner, extra.sjinfo)!;
    jointype = 'inner';
  }
  const all = outerPathkeysForMerge(root, clauses, joinrel);
  for (const front of all) {
    const outerKeys = front === all[0] ? all : [front, ...all.filter((key) => key !== front)];
    const current = mergeClausesForPathkeys(root, outerKeys, clauses);
    const innerKeys = innerPathkeysForMerge(root, current, outerKeys);
    tryMergeJoin(root, joinrel, outerPath, innerPath, joinPathkeys(root, joinrel, jointype, outerKeys), current, outerKeys, innerKeys, jointype, extra);
  }
}

function matchUnsortedOuter(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, jointypeIn: PathJoinType, extra: JoinExtra, clauses: readonly RestrictInfo[]): void {
  const settings = settingsOf(root);
  let jointype = jointypeIn;
  const nestOk = ['inner', 'left', 'semi', 'anti', 'uniqueInner', 'uniqueOuter'].includes(jointype);
  const useAll = jointype === 'right' || jointype === 'rightAnti' || jointype === 'full';
  let innerTotal = inner.cheapestTotal!;
  let material: Path | null = null;
  if (overlaps(requiredOuter(innerTotal), outer.relids)) {
    // A lateral inner path can only be used as a parameterised one.
  } else if (jointypeIn === 'uniqueInner') {
    const unique = createUniqueJoinPath(root, inner, extra.sjinfo);
    if (!unique) return;
    innerTotal = unique;
  } else if (nestOk && settings.enableMaterial && !materializesOutput(innerTotal)) material = createMaterial(root, inner, innerTotal);
  const innerUsable = !overlaps(requiredOuter(innerTotal), outer.relids);
  if (jointypeIn === 'uniqueInner' || jointypeIn === 'uniqueOuter') jointype = 'inner';
  for (let outerPath of outer.pathlist) {
    if (overlaps(requiredOuter(outerPath), inner.relids)) continue;
    if (jointypeIn === 'uniqueOuter') {
      if (outerPath !== outer.cheapestTotal) continue;
      outerPath = createUniqueJoinPath(root, outer, extra.sjinfo)!;
    }
    const mergeKeys = joinPathkeys(root, joinrel, jointype, outerPath.pathkeys);
    if (jointypeIn === 'uniqueInner') {
      tryNestLoop(root, joinrel, outerPath, innerTotal, mergeKeys, jointype, extra);
    } else if (nestOk) {
      for (const innerPath of inner.cheapestParameterized) {
        tryNestLoop(root, joinrel, outerPath, innerPath, mergeKeys, jointype, extra);
        const memoize = memoizePath(root, inner, outer, innerPath, outerPath, jointype, extra);
        if (memoize) tryNestLoop(root, joinrel, outerPath, memoize, mergeKeys, jointype, extra);
      }
      if (material) tryNestLoop(root, joinrel, outerPath, material, mergeKeys, jointype, extra);
    }
    if (jointypeIn === 'uniqueOuter' || !innerUsable) continue;
    generateMergeJoins(root, joinrel, inner, outerPath, jointype, jointypeIn, extra, useAll, innerTotal, mergeKeys, clauses);
  }
}

function materializesOutput(path: Path): boolean {
  return ['material', 'sort', 'ctescan', 'worktablescan'].includes(path.kind);
}

/** Merge joins with an outer path's own order against every useful order of the inner side. */
function generateMergeJoins(
  root: PlannerInfo, joinrel: RelOptInfo, inner: RelOptInfo, outerPath: Path, jointype: PathJoinType, original: PathJoinType, extra: JoinExtra, useAll: boolean,
  innerTotal: Path, mergeKeys: readonly PathKey[], clauses: readonly RestrictInfo[],
): void {
  const usable = mergeClausesForPathkeys(root, outerPath.pathkeys, clauses);
  if (usable.length === 0) {
    if (jointype === 'full' && clauses.length === 0) tryMergeJoin(root, joinrel, outerPath, innerTotal, [], [], null, null, jointype, extra);
    return;
  }
  if (useAll && usable.length !== clauses.length) return;
  const innerSort = innerPathkeysForMerge(root, usable, outerPath.pathkeys);
  tryMergeJoin(root, joinrel, outerPath, innerTotal, mergeKeys, usable, null, innerSort, jointype, extra);
  if (original === 'uniqueInner') return;
  let cheapestStartup: Path | null = null;
  let cheapestTotal: Path | null = null;
  for (let count = innerSort.length; count > 0; count--) {
    const trialKeys = innerSort.slice(0, count);
    const byTotal = cheapestForPathkeys(inner.pathlist, trialKeys, NO_RELS, 'total');
    const current = count < innerSort.length ? trimMergeClauses(root, usable, trialKeys) : usable;
    if (byTotal && (!cheapestTotal || byTotal.totalCost < cheapestTotal.totalCost)) {
      if (current.length > 0) tryMergeJoin(root, joinrel, outerPath, byTotal, mergeKeys, current, null, null, jointype, extra);
      cheapestTotal = byTotal;
    }
    const byStartup = cheapestForPathkeys(inner.pathlist, trialKeys, NO_RELS, 'startup');
    if (byStartup && (!cheapestStartup || byStartup.startupCost < cheapestStartup.startupCost)) {
      if (byStartup !== byTotal && current.length > 0) tryMergeJoin(root, joinrel, outerPath, byStartup, mergeKeys, current, null, null, jointype, extra);
      cheapestStartup = byStartup;
    }
    if (useAll) break;
  }
}

/** Memoize over a parameterised inner path (get_memoize_path). */
function memoizePath(root: PlannerInfo, inner: RelOptInfo, outer: RelOptInfo, innerPath: Path, outerPath: Path, jointype: PathJoinType, extra: JoinExtra): MemoizePath | null {
  if (!settingsOf(root).enableMemoize || !innerPath.param || outerPath.parent.rows < 2) return null;
  if (innerPath.param.clauses.length === 0 && inner.lateralVars.length === 0) return null;
  if (!extra.innerUnique && (jointype === 'semi' || jointype === 'anti')) return null;
  if (extra.innerUnique && (innerPath.param.clauses.length === 0 || !extra.restrictions.every((rinfo) => innerPath.param!.clauses.includes(rinfo)))) return null;
  const catalog = catalogOf(root);
  if (inner.reltarget.exprs.some((expr) => containsVolatile(catalog, expr))) return null;
  if (inner.baserestrictinfo.some((rinfo) => containsVolatile(catalog, rinfo.clause))) return null;
  const keys = memoizeKeys(root, inner, outer, innerPath);
  if (!keys) return null;
  return {
    ...above(inner, innerPath), kind: 'memoize', subpath: innerPath, param: innerPath.param, hashOperators: keys.operators, paramExprs: keys.exprs,
    singlerow: extra.innerUnique, binaryMode: keys.binary, estEntries: 0, calls: outerPath.rows,
    totalCost: innerPath.totalCost + settingsOf(root).cpuTupleCost,
  };
}

function memoizeKeys(root: PlannerInfo, inner: RelOptInfo, outer: RelOptInfo, innerPath: Path): { exprs: Expr[]; operators: number[]; binary: boolean } | null {
  const exprs: Expr[] = [];
  const operators: number[] = [];
  let binary = false;
  const catalog = catalogOf(root);
  for (const rinfo of innerPath.param!.clauses) {
    if (rinfo.clause.node !== 'OpExpr' || rinfo.clause.args.length !== 2 || !clauseSidesMatch(rinfo, outer.relids, inner.relids)) return null;
    const expr = rinfo.outerIsLeft ? rinfo.clause.args[0] : rinfo.clause.args[1];
    const operator = hashEqualityFor(root, exprType(expr));
    if (!operator) return null;
    if (!exprs.some((known) => equal(known, expr))) {
      exprs.push(expr);
      operators.push(operator);
    }
    if (!rinfo.hashjoinoperator) binary = true;
  }
  for (const expr of inner.lateralVars) {
    if (containsVolatile(catalog, expr)) return null;
    const operator = hashEqualityFor(root, exprType(expr));
    if (!operator || !isSubset(pullVarnos(root, expr), outer.relids)) return null;
    if (!exprs.some((known) => equal(known, expr))) {
      exprs.push(expr);
      operators.push(operator);
    }
    binary = true;
  }
  return exprs.length > 0 ? { exprs, operators, binary } : null;
}

/** The hashable default equality of a type; 0 when there is none. */
export function hashEqualityFor(root: PlannerInfo, type: number): number {
  const catalog = catalogOf(root);
  const opclass = catalog.defaultOpclass(catalog.baseType(type), 405);
  const row = opclass ? catalog.opclass(opclass) : null;
  return row ? catalog.familyOperator(row.opcfamily, row.opcintype, row.opcintype, 1) : 0;
}

function hashInnerAndOuter(root: PlannerInfo, joinrel: RelOptInfo, outer: RelOptInfo, inner: RelOptInfo, jointypeIn: PathJoinType, extra: JoinExtra): void {
  const clauses: RestrictInfo[] = [];
  for (const rinfo of extra.restrictions) {
    if (isOuterJoin(jointypeIn) && (rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, joinrel.relids))) continue;
    if (!rinfo.canJoin || !rinfo.hashjoinoperator || !clauseSidesMatch(rinfo, outer.relids, inner.relids)) continue;
    clauses.push(rinfo);
  }
  if (clauses.length === 0) return;
  const outerTotal = outer.cheapestTotal!;
  const innerTotal = inner.cheapestTotal!;
  if (overlaps(requiredOuter(outerTotal), inner.relids) || overlaps(requiredOuter(innerTotal), outer.relids)) return;
  if (jointypeIn === 'uniqueOuter') {
    tryHashJoin(root, joinrel, createUniqueJoinPath(root, outer, extra.sjinfo)!, innerTotal, clauses, 'inner', extra);
    return;
  }
  if (jointypeIn === 'uniqueInner') {
    const unique = createUniqueJoinPath(root, inner, extra.sjinfo)!;
    tryHashJoin(root, joinrel, outerTotal, unique, clauses, 'inner', extra);
    if (outer.cheapestStartup && outer.cheapestStartup !== outerTotal) tryHashJoin(root, joinrel, outer.cheapestStartup, unique, clauses, 'inner', extra);
    return;
  }
  if (outer.cheapestStartup) tryHashJoin(root, joinrel, outer.cheapestStartup, innerTotal, clauses, jointypeIn, extra);
  for (const outerPath of outer.cheapestParameterized) {
    if (overlaps(requiredOuter(outerPath), inner.relids)) continue;
    for (const innerPath of inner.cheapestParameterized) {
      if (overlaps(requiredOuter(innerPath), outer.relids)) continue;
      if (outerPath === outer.cheapestStartup && innerPath === innerTotal) continue;
      tryHashJoin(root, joinrel, outerPath, innerPath, clauses, jointypeIn, extra);
    }
  }
}

