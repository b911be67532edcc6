/**
 * The columns that each stage of a query delivers to the next (the make_*_target functions of planner.c), and the split of
 * targets at set-returning functions.
 */
import type { Expr, Query, TargetEntry, WindowClause } from '../analyzer/nodes.js';
import { forEachChild } from '../analyzer/walker.js';
import { containsVolatile, pullVarClause, returnsSet } from './clauses.js';
import { catalogOf, emptyTarget, exprCost, setTargetCostWidth, settingsOf } from './cost-qual.js';
import { equal } from './equal.js';
import { groupingExpr, isGroupColumn } from './group-columns.js';
import type { PathTarget, PlannerInfo } from './path-nodes.js';

/** A target from a target list. */
export function targetFromList(root: PlannerInfo, tlist: readonly TargetEntry[]): PathTarget {
  const target = emptyTarget();
  for (const entry of tlist) {
    target.exprs.push(entry.expr);
    target.sortgrouprefs.push(entry.ressortgroupref);
  }
  return setTargetCostWidth(root, target);
}

function add(target: PathTarget, expr: Expr, ref: number): void {
  target.exprs.push(expr);
  target.sortgrouprefs.push(ref);
}

function addNew(target: PathTarget, exprs: readonly Expr[]): void {
  for (const expr of exprs) if (!target.exprs.some((known) => equal(known, expr))) add(target, expr, 0);
}

/** Input of grouping: the grouping columns, and the Vars of everything else. */
export function groupInputTarget(root: PlannerInfo, final: PathTarget, parse: Query): PathTarget {
  const target = emptyTarget();
  const others: Expr[] = [];
  final.exprs.forEach((expr, i) => {
    const ref = final.sortgrouprefs[i];
    if (ref !== 0 && parse.groupClause.some((clause) => clause.tleSortGroupRef === ref)) add(target, groupingExpr(root, { tleSortGroupRef: ref }), ref);
    else others.push(expr);
  });
  if (parse.havingQual) others.push(parse.havingQual);
  for (const expr of others) addNew(target, pullVarClause(expr).filter((node) => !isGroupColumn(node)));
  return setTargetCostWidth(root, target);
}

/** Output of grouping: as above with aggregates computed. */
export function groupOutputNeeds(expr: Expr): Expr[] {
  return pullVarClause(expr, { aggregates: 'include', windows: 'recurse' });
}

/** Input of the first window: its sort columns, and the Vars and aggregates of everything else. */
export function windowInputTarget(root: PlannerInfo, final: PathTarget, windows: readonly WindowClause[]): PathTarget {
  const refs = new Set<number>();
  for (const window of windows) for (const clause of [...window.partitionClause, ...window.orderClause]) refs.add(clause.tleSortGroupRef);
  for (const clause of root.processedGroupClause) refs.add(clause.tleSortGroupRef);
  const target = emptyTarget();
  const others: Expr[] = [];
  final.exprs.forEach((expr, i) => {
    const ref = final.sortgrouprefs[i];
    if (ref !== 0 && refs.has(ref)) add(target, expr, ref);
    else others.push(expr);
  });
  for (const expr of others) addNew(target, groupOutputNeeds(expr));
  return setTargetCostWidth(root, target);
}

/** Input of the final sort: volatile, set-returning and (under LIMIT) expensive columns are computed after it. */
export function sortInputTarget(root: PlannerInfo, final: PathTarget): { target: PathTarget; haveSrfs: boolean } {
  const parse = root.parse;
  const catalog = catalogOf(root);
  let sawSrf = false;
  let sawVolatile = false;
  let sawExpensive = false;
  let srfInSort = false;
  const flags = final.exprs.map((expr, i) => {
    const isSort = final.sortgrouprefs[i] !== 0;
    const isSrf = parse.hasTargetSRFs && returnsSet(expr);
    if (isSrf) {
      if (isSort) srfInSort = true;
      else sawSrf = true;
      return 'srf';
    }
    if (isSort) return 'sort';
    if (containsVolatile(catalog, expr)) {
      sawVolatile = true;
      return 'postpone';
    }
    const cost = exprCost(root, expr);
    if (cost.startup > 0 || cost.perTuple > 10 * settingsOf(root).cpuOperatorCost) {
      sawExpensive = true;
      return 'expensive';
    }
    return 'plain';
  });
  const postponeSrfs = sawSrf && !srfInSort;
  const limited = parse.limitCount !== null || root.tupleFraction > 0;
  if (!postponeSrfs && !sawVolatile && !(sawExpensive && limited)) return { target: final, haveSrfs: srfInSort };
  const target = emptyTarget();
  const postponed: Expr[] = [];
  final.exprs.forEach((expr, i) => {
    const flag = flags[i];
    const later = flag === 'postpone' || (flag === 'srf' && postponeSrfs && final.sortgrouprefs[i] === 0) || flag === 'expensive';
    if (later) postponed.push(expr);
    else add(target, expr, final.sortgrouprefs[i]);
  });
  for (const expr of postponed) addNew(target, pullVarClause(expr, { aggregates: 'include', windows: 'include' }));
  return { target: setTargetCostWidth(root, target), haveSrfs: !postponeSrfs && parse.hasTargetSRFs };
}

// ------------------------------------------------------------------ set-returning functions

/** One stage of computing a target with set-returning functions. */
export interface SrfStage { target: PathTarget; hasSrfs: boolean }

function isSrf(expr: Expr): boolean {
  return (expr.node === 'FuncExpr' && expr.funcretset) || (expr.node === 'OpExpr' && expr.opretset);
}

function srfDepth(expr: Expr): number {
  let depth = 0;
  forEachChild(expr, (child) => { depth = Math.max(depth, srfDepth(child)); });
  return isSrf(expr) ? depth + 1 : depth;
}

/** Splits a target into the stages that compute its set-returning functions, innermost first (split_pathtarget_at_srfs). */
export function splitAtSrfs(root: PlannerInfo, target: PathTarget, input: PathTarget | null): SrfStage[] {
  const available = (expr: Expr): boolean => input !== null && input.exprs.some((known) => equal(known, expr));
  const depth = (expr: Expr): number => (available(expr) ? 0 : srfDepth(expr));
  const maxDepth = Math.max(0, ...target.exprs.map(depth));
  if (maxDepth === 0) return [{ target, hasSrfs: false }];
  const srfs: { expr: Expr; level: number }[] = [];
  const collect = (expr: Expr, nested: boolean): void => {
    if (available(expr)) return;
    const inside = isSrf(expr);
    if (inside && !srfs.some((known) => equal(known.expr, expr))) srfs.push({ expr, level: nested ? srfDepth(expr) : maxDepth });
    forEachChild(expr, (child) => collect(child, nested || inside));
  };
  target.exprs.forEach((expr) => collect(expr, false));
  const stages: SrfStage[] = [];
  const allTop = target.exprs.every((expr) => depth(expr) === 0 || isSrf(expr));
  const stageTarget = (level: number): PathTarget => {
    const stage = emptyTarget();
    target.exprs.forEach((expr, i) => {
      if (depth(expr) === 0 && (expr.node === 'Var' || target.sortgrouprefs[i] !== 0 || available(expr))) add(stage, expr, target.sortgrouprefs[i]);
    });
    for (const srf of srfs) {
      if (srf.level <= level) addNew(stage, [srf.expr]);
      else forEachChild(srf.expr, (child) => addNeeds(stage, child, level, srfs, available));
    }
    target.exprs.forEach((expr) => {
      if (depth(expr) === 0 && !stage.exprs.some((known) => equal(known, expr))) addNeeds(stage, expr, level, srfs, available);
      else if (depth(expr) > 0) addNeeds(stage, expr, level, srfs, available);
    });
    return setTargetCostWidth(root, stage);
  };
  stages.push({ target: stageTarget(0), hasSrfs: false });
  for (let level = 1; level <= maxDepth; level++) {
    const last = level === maxDepth;
    stages.push({ target: last && allTop ? target : stageTarget(level), hasSrfs: true });
  }
  if (!allTop) stages.push({ target, hasSrfs: false });
  return stages;
}

/** Vars, aggregates and already computed set results that an expression needs from below. */
function addNeeds(stage: PathTarget, expr: Expr, level: number, srfs: readonly { expr: Expr; level: number }[], available: (expr: Expr) => boolean): void {
  if (available(expr)) {
    addNew(stage, [expr]);
    return;
  }
  const srf = srfs.find((known) => equal(known.expr, expr));
  if (srf && srf.level <= level) {
    addNew(stage, [expr]);
    return;
  }
  if (expr.node === 'Var' || expr.node === 'Aggref' || expr.node === 'GroupingFunc' || expr.node === 'WindowFunc') {
    addNew(stage, [expr]);
    return;
  }
  forEachChild(expr, (child) => addNeeds(stage, child, level, srfs, available));
}
