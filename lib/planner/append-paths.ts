/**
 * Append relations: inheritance, partitions and pulled-up UNION ALL (allpaths.c, appendinfo.c): children get the parent's
 * conditions and columns translated, and the parent's paths are Append or MergeAppend over the children's.
 */
import type { Expr, RowExpr } from '../analyzer/nodes.js';
import { mutateExpression } from '../analyzer/walker.js';
import { assert } from '../base/assert.js';
import { isFalseOrNull, makeAndsImplicit, pullVarnos } from './clauses.js';
import { exprWidth, setTargetCostWidth } from './cost-qual.js';
import type { AppendRelInfo, Path, PathKey, PlannerInfo, RelOptInfo, RestrictInfo } from './path-nodes.js';
import { addPath, createAppend, createMergeAppend, isDummy, markDummy } from './paths.js';
import { cheapestForPathkeys, pathkeysContained } from './pathkeys.js';
import { findBaseRel } from './rel.js';
import { hasMember, NO_RELS, overlaps } from './relids.js';
import { checkHashjoinable, checkMergejoinable, makeRestrictInfo } from './restrictinfo.js';
import { setRelPaths, setRelSize, excludedByConstraints } from './scan-paths.js';
import { foldConstants } from './simplify.js';

/** Replaces references to the parent by the child's expressions (adjust_appendrel_attrs). */
export function translateToChild(root: PlannerInfo, expr: Expr, info: AppendRelInfo): Expr {
  return mutateExpression(expr, (node, level) => {
    if (node.node === 'CurrentOfExpr' && node.cvarno === info.parentRelid && level === 0) return { ...node, cvarno: info.childRelid };
    if (node.node !== 'Var' || node.varno !== info.parentRelid || node.varlevelsup !== level) return null;
    if (node.varattno > 0) {
      const child = info.translatedVars[node.varattno - 1];
      assert(child !== null && child !== undefined, `attribute ${node.varattno} of the parent does not exist`);
      if (level === 0) return child;
      return child.node === 'Var' ? { ...child, varlevelsup: level } : null;
    }
    if (node.varattno === 0) return wholeRow(info, node.vartype);
    return { ...node, varno: info.childRelid };
  });
}

function wholeRow(info: AppendRelInfo, type: number): Expr {
  if (info.childReltype !== 0) {
    const row: Expr = { node: 'Var', varno: info.childRelid, varattno: 0, vartype: info.childReltype, vartypmod: -1, varcollid: 0, varlevelsup: 0, location: -1 };
    if (info.childReltype === info.parentReltype) return row;
    return { node: 'ConvertRowtypeExpr', arg: row, resulttype: info.parentReltype, convertformat: 'implicitCast', location: -1 };
  }
  const row: RowExpr = {
    node: 'RowExpr', args: info.translatedVars.filter((item) => item !== null), rowTypeid: type, rowFormat: 'implicitCast', colnames: [], location: -1,
  };
  return row;
}

function translateRestriction(root: PlannerInfo, rinfo: RestrictInfo, info: AppendRelInfo): RestrictInfo {
  const clause = translateToChild(root, rinfo.clause, info);
  const swap = (relids: bigint): bigint => (hasMember(relids, info.parentRelid) ? (relids & ~(1n << BigInt(info.parentRelid))) | (1n << BigInt(info.childRelid)) : relids);
  const child = makeRestrictInfo(root, clause, {
    isPushedDown: rinfo.isPushedDown, outerjoinDelayed: rinfo.outerjoinDelayed, pseudoconstant: rinfo.pseudoconstant,
    requiredRelids: swap(rinfo.requiredRelids), outerRelids: swap(rinfo.outerRelids), nullableRelids: swap(rinfo.nullableRelids),
  });
  checkMergejoinable(root, child);
  checkHashjoinable(root, child);
  return child;
}

/** Conditions of the parent on the child; false when the child can have no rows (apply_child_basequals). */
export function applyChildQuals(root: PlannerInfo, parent: RelOptInfo, child: RelOptInfo, info: AppendRelInfo): boolean {
  const result: RestrictInfo[] = [];
  for (const rinfo of parent.baserestrictinfo) {
    const clause = foldConstants(root, translateToChild(root, rinfo.clause, info));
    for (const part of makeAndsImplicit(clause)) {
      if (isFalseOrNull(part)) return false;
      const pseudoconstant = pullVarnos(root, part) === NO_RELS && rinfo.pseudoconstant;
      const one = makeRestrictInfo(root, part, {
        isPushedDown: rinfo.isPushedDown, outerjoinDelayed: rinfo.outerjoinDelayed, pseudoconstant, requiredRelids: child.relids,
      });
      checkMergejoinable(root, one);
      result.push(one);
    }
  }
  child.baserestrictinfo = result;
  return true;
}

function childrenOf(root: PlannerInfo, rel: RelOptInfo): AppendRelInfo[] {
  return root.appendRels.filter((info) => info.parentRelid === rel.relid);
}

/** Sizes of the children, and the parent's as their sum. */
export function setAppendRelSize(root: PlannerInfo, rel: RelOptInfo): void {
  let rows = 0;
  let tuples = 0;
  let width = 0;
  let live = false;
  setTargetCostWidth(root, rel.reltarget);
  for (const info of childrenOf(root, rel)) {
    const child = findBaseRel(root, info.childRelid);
    if (!child.dummy && child.baserestrictinfo.length === 0 && rel.baserestrictinfo.length > 0 && !applyChildQuals(root, rel, child, info)) {
      markDummy(child);
    }
    if (isDummy(child)) continue;
    if (excludedByConstraints(root, child)) {
      markDummy(child);
      continue;
    }
    child.joininfo = rel.joininfo.map((rinfo) => translateRestriction(root, rinfo, info));
    child.reltarget.exprs = rel.reltarget.exprs.map((expr) => translateToChild(root, expr, info));
    child.reltarget.sortgrouprefs = child.reltarget.exprs.map(() => 0);
    child.hasEclassJoins = rel.hasEclassJoins;
    child.considerStartup = rel.considerStartup;
    child.lateralRelids = rel.lateralRelids;
    child.directLateralRelids = rel.directLateralRelids;
    addChildMembers(root, rel, child, info);
    setRelSize(root, child);
    if (isDummy(child)) continue;
    live = true;
    rows += child.rows;
    tuples += child.tuples;
    width += child.reltarget.width * child.rows;
    rel.pages += child.pages;
    rel.reltarget.exprs.forEach((expr, i) => {
      if (expr.node !== 'Var' || expr.varno !== rel.relid) return;
      rel.columnWidths.set(expr.varattno, Math.max(rel.columnWidths.get(expr.varattno) ?? 0, exprWidth(root, child.reltarget.exprs[i])));
    });
  }
  if (!live) {
    markDummy(rel);
    return;
  }
  rel.rows = rows;
  rel.tuples = Math.max(tuples, rows);
  rel.reltarget.width = Math.round(width / Math.max(rows, 1));
}

/** The child's expressions join the parent's equivalence classes (add_child_rel_equivalences). */
function addChildMembers(root: PlannerInfo, parent: RelOptInfo, child: RelOptInfo, info: AppendRelInfo): void {
  for (const ec of root.eqClasses) {
    if (ec.hasVolatile || !overlaps(ec.relids, parent.relids)) continue;
    for (const em of [...ec.members]) {
      if (em.isConst || (em.isChild && em.relids !== parent.relids) || em.relids !== parent.relids) continue;
      const expr = translateToChild(root, em.expr, info);
      ec.members.push({ expr, relids: pullVarnos(root, expr) || child.relids, nullableRelids: em.nullableRelids, isConst: false, isChild: true, datatype: em.datatype });
    }
  }
}

/** Paths of the children, and Append/MergeAppend paths over them. */
export function setAppendRelPaths(root: PlannerInfo, rel: RelOptInfo): void {
  const live: RelOptInfo[] = [];
  for (const info of childrenOf(root, rel)) {
    const child = findBaseRel(root, info.childRelid);
    if (!isDummy(child)) setRelPaths(root, child);
    if (!isDummy(child)) live.push(child);
  }
  addAppendPaths(root, rel, live);
}

/** Adds the append paths over live children (add_paths_to_append_rel). */
export function addAppendPaths(root: PlannerInfo, rel: RelOptInfo, live: readonly RelOptInfo[]): void {
  const unparameterized = live.every((child) => child.cheapestTotal !== null && child.cheapestTotal.param === null);
  if (unparameterized) {
    addPath(rel, createAppend(root, rel, flatten(live.map((child) => child.cheapestTotal!), 'append')));
    if (rel.considerStartup && live.some((child) => child.cheapestStartup !== child.cheapestTotal)) {
      addPath(rel, createAppend(root, rel, flatten(live.map((child) => child.cheapestStartup!), 'append')));
    }
    for (const keys of childOrderings(live)) addOrderedAppend(root, rel, live, keys);
  }
  const outers = new Set<bigint>();
  for (const child of live) for (const path of child.cheapestParameterized) if (path.param) outers.add(path.param.requiredOuter);
  for (const outer of outers) {
    const subpaths = live.map((child) => parameterizedPath(child, outer));
    if (subpaths.every((path) => path !== null)) addPath(rel, createAppend(root, rel, flatten(subpaths, 'append'), [], outer));
  }
}

function parameterizedPath(child: RelOptInfo, outer: bigint): Path | null {
  const exact = child.pathlist.filter((path) => (path.param?.requiredOuter ?? NO_RELS) === outer);
  const candidates = exact.length > 0 ? exact : child.pathlist.filter((path) => !path.param);
  return candidates.reduce<Path | null>((best, path) => (best && best.totalCost <= path.totalCost ? best : path), null);
}

function childOrderings(live: readonly RelOptInfo[]): (readonly PathKey[])[] {
  const result: (readonly PathKey[])[] = [];
  for (const child of live) {
    for (const path of child.pathlist) {
      if (path.pathkeys.length === 0 || path.param) continue;
      if (!result.some((keys) => keys.length === path.pathkeys.length && keys.every((key, i) => key === path.pathkeys[i]))) result.push(path.pathkeys);
    }
  }
  return result;
}

function addOrderedAppend(root: PlannerInfo, rel: RelOptInfo, live: readonly RelOptInfo[], keys: readonly PathKey[]): void {
  const pick = (by: 'startup' | 'total'): Path[] => live.map((child) => cheapestForPathkeys(child.pathlist, keys, NO_RELS, by) ?? (by === 'total' ? child.cheapestTotal! : child.cheapestStartup!));
  const startup = pick('startup');
  const total = pick('total');
  addPath(rel, createMergeAppend(root, rel, flatten(startup, 'mergeappend', keys), keys));
  if (startup.some((path, i) => path !== total[i])) addPath(rel, createMergeAppend(root, rel, flatten(total, 'mergeappend', keys), keys));
}

/** Children that are appends themselves are spliced in. */
function flatten(paths: readonly Path[], into: 'append' | 'mergeappend', keys: readonly PathKey[] = []): Path[] {
  return paths.flatMap((path) => {
    if (path.kind === 'append' && (into === 'append' || path.subpaths.length === 1)) return path.subpaths;
    if (path.kind === 'mergeappend' && into === 'mergeappend' && pathkeysContained(keys, path.pathkeys)) return path.subpaths;
    return [path];
  });
}
