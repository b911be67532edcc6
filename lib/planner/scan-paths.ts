/**
 * Sizes and access paths of base relations (allpaths.c): tables, subqueries, functions, VALUES, CTEs, work tables; and
 * the joining of the join list.
 */
import type { Expr } from '../analyzer/nodes.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { isFalseOrNull } from './clauses.js';
import { setAppendRelPaths, setAppendRelSize } from './append-paths.js';
import { costSeqscan, costSimpleScan } from './cost.js';
import { clampRows, exprCost, setTargetCostWidth, settingsOf } from './cost-qual.js';
import { checkIndexPredicates, createIndexPaths } from './index-paths.js';
import type { JoinListItem } from './initsplan.js';
import { searchJoins } from './join-rels.js';
import type { Plan } from './plan-nodes.js';
import type { PlannerInfo, RelOptInfo, SimpleScanPath } from './path-nodes.js';
import { addPath, baseParamInfo, isDummy, markDummy, pathBase, setCheapest, setReturningRows } from './paths.js';
import { predicateRefutedBy } from './predtest.js';
import { findBaseRel, retarget } from './rel.js';
import { setBaseRestrictCost } from './restrictinfo.js';
import { clauseListSelectivity } from './selectivity.js';
import { setSubqueryPaths } from './subquery-paths.js';
import { createTidPaths } from './tid-paths.js';

/** Sizes, then paths of all base relations, then their join. */
export function makeOneRel(root: PlannerInfo, joinlist: readonly JoinListItem[]): RelOptInfo {
  root.simpleRels.forEach((rel) => {
    if (rel?.kind === 'base') setRelSize(root, rel);
  });
  const considerParam = root.simpleRels.filter((rel) => rel?.kind === 'base').length > 1;
  root.simpleRels.forEach((rel) => {
    if (rel?.kind === 'base') rel.considerParamStartup = considerParam && isSemiAntiInner(root, rel);
  });
  root.simpleRels.forEach((rel) => {
    if (rel?.kind === 'base') setRelPaths(root, rel);
  });
  return relFromJoinList(root, joinlist);
}

function isSemiAntiInner(root: PlannerInfo, rel: RelOptInfo): boolean {
  return root.joinInfos.some((join) => (join.jointype === 'semi' || join.jointype === 'anti') && join.synRight === rel.relids);
}

function relFromJoinList(root: PlannerInfo, joinlist: readonly JoinListItem[]): RelOptInfo {
  const rels = joinlist.map((item) => (typeof item === 'number' ? findBaseRel(root, item) : relFromJoinList(root, item)));
  assert(rels.length > 0, 'empty join list');
  return rels.length === 1 ? rels[0] : searchJoins(root, rels);
}

/** Rows and width of one relation; proven-empty relations become dummies (set_rel_size). */
export function setRelSize(root: PlannerInfo, rel: RelOptInfo): void {
  const rte = root.rtable[rel.relid];
  if (excludedByConstraints(root, rel)) {
    setTargetCostWidth(root, rel.reltarget);
    markDummy(rel);
    return;
  }
  if (root.appendRels.some((info) => info.parentRelid === rel.relid)) {
    setAppendRelSize(root, rel);
    return;
  }
  switch (rte.rtekind) {
    case 'relation':
      if (rte.relkind === 'p' && rte.inh) {
        setTargetCostWidth(root, rel.reltarget);
        markDummy(rel);
        return;
      }
      if (rte.relkind === 'v') throw pgError('INTERNAL_ERROR', `view "${rte.eref.aliasname}" was not expanded`);
      checkIndexPredicates(root, rel);
      if (rte.tablesample) rel.tuples = clampRows(rel.tuples * sampleFraction(rte.tablesample.args[0]));
      break;
    case 'subquery':
      setSubqueryPaths(root, rel);
      return;
    case 'function': {
      let rows = 0;
      for (const fn of rte.functions) rows = Math.max(rows, setReturningRows(root, fn.funcexpr));
      rel.tuples = rows;
      break;
    }
    case 'values': rel.tuples = rte.valuesLists.length; break;
    case 'cte': {
      if (rte.selfReference) {
        const path = cteOwner(root, rte.ctelevelsup - 1).nonRecursivePath;
        rel.tuples = rte.selfReference ? clampRows(settingsOf(root).recursiveWorktableFactor * (path?.rows ?? 100)) : 0;
      } else {
        const plan = cteOf(root, rel).plan;
        rel.tuples = plan.planRows;
      }
      break;
    }
    case 'result': rel.tuples = 1; break;
    case 'join': throw pgError('INTERNAL_ERROR', 'join range-table entry in the join list');
    default: rte satisfies never;
  }
  setBaseRelSize(root, rel);
}

function sampleFraction(arg: Expr | undefined): number {
  return arg?.node === 'Const' && typeof arg.value === 'number' ? Math.min(Math.max(arg.value / 100, 0), 1) : 0.1;
}

/** Rows after restrictions, restriction cost and width. */
export function setBaseRelSize(root: PlannerInfo, rel: RelOptInfo): void {
  rel.rows = clampRows(rel.tuples * clauseListSelectivity(root, rel.baserestrictinfo, 0, 'inner', null));
  setBaseRestrictCost(root, rel);
  setTargetCostWidth(root, rel.reltarget);
}

/** The query level in which a CTE reference's CTE was declared. */
export function cteOwner(root: PlannerInfo, levelsup: number): PlannerInfo {
  let owner: PlannerInfo = root;
  for (let i = 0; i < levelsup; i++) {
    assert(owner.parent !== null, 'bad levelsup for CTE');
    owner = owner.parent;
  }
  return owner;
}

/** Plan, plan id and Param of the CTE that a relation scans. */
export function cteOf(root: PlannerInfo, rel: RelOptInfo): { planId: number; paramid: number; plan: Plan; name: string } {
  const rte = root.rtable[rel.relid];
  assert(rte.rtekind === 'cte', 'not a CTE reference');
  const owner = cteOwner(root, rte.ctelevelsup);
  const at = owner.parse.cteList.findIndex((cte) => cte.ctename === rte.ctename);
  const entry = owner.ctePlans[at];
  assert(entry !== undefined && entry.planId >= 0, `no plan was made for CTE "${rte.ctename}"`);
  return { planId: entry.planId, paramid: entry.paramid, plan: root.glob.subplans[entry.planId].plan, name: rte.ctename };
}

/** The relation is empty by its own conditions (relation_excluded_by_constraints, the part without CHECK constraints). */
export function excludedByConstraints(root: PlannerInfo, rel: RelOptInfo): boolean {
  if (rel.baserestrictinfo.length === 0) return false;
  if (rel.baserestrictinfo.length === 1 && isFalseOrNull(rel.baserestrictinfo[0].clause)) return true;
  if (rel.baserestrictinfo.some((rinfo) => isFalseOrNull(rinfo.clause))) return true;
  const isTarget = root.leafResultRelids.includes(rel.relid) || root.parse.resultRelation === rel.relid;
  const setting = settingsOf(root).constraintExclusion;
  if (setting === 'off' || (setting === 'partition' && rel.kind !== 'otherMember') || isTarget) return false;
  const clauses = rel.baserestrictinfo.filter((rinfo) => !rinfo.pseudoconstant).map((rinfo) => rinfo.clause);
  if (predicateRefutedBy(root, clauses, clauses, true)) return true;
  const constraints = checkConstraints(root, rel);
  return constraints.length > 0 && predicateRefutedBy(root, constraints, clauses, false);
}

/** CHECK constraints of a table as conditions over it. */
function checkConstraints(root: PlannerInfo, rel: RelOptInfo): Expr[] {
  const result: Expr[] = [];
  for (const constraint of rel.relation?.constraints ?? []) {
    if (constraint.contype !== 'c' || !constraint.convalidated || constraint.conbin === null) continue;
    result.push(retarget(root.glob.context.readExpression(constraint.conbin), rel.relid));
  }
  return result;
}

/** Adds all access paths of a relation and picks the cheapest. */
export function setRelPaths(root: PlannerInfo, rel: RelOptInfo): void {
  if (isDummy(rel)) return;
  const rte = root.rtable[rel.relid];
  if (root.appendRels.some((info) => info.parentRelid === rel.relid)) setAppendRelPaths(root, rel);
  else {
    switch (rte.rtekind) {
      case 'relation': setPlainPaths(root, rel); break;
      case 'subquery': break;
      case 'function': {
        let startup = 0;
        for (const fn of rte.functions) {
          const cost = exprCost(root, fn.funcexpr);
          startup += cost.startup + cost.perTuple;
        }
        addSimplePath(root, rel, 'functionscan', startup, 0);
        break;
      }
      case 'values': addSimplePath(root, rel, 'valuesscan', 0, settingsOf(root).cpuOperatorCost); break;
      case 'cte': addSimplePath(root, rel, rte.selfReference ? 'worktablescan' : 'ctescan', 0, rte.selfReference ? 0 : settingsOf(root).cpuTupleCost); break;
      case 'result': addSimplePath(root, rel, 'resultscan', 0, 0); break;
      default: throw pgError('INTERNAL_ERROR', `unexpected range-table entry ${rte.rtekind}`);
    }
  }
  setCheapest(rel);
}

function addSimplePath(root: PlannerInfo, rel: RelOptInfo, kind: SimpleScanPath['kind'], startup: number, perRow: number): void {
  const path: SimpleScanPath = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, rel.lateralRelids)), kind };
  costSimpleScan(root, path, startup, perRow);
  addPath(rel, path);
}

function setPlainPaths(root: PlannerInfo, rel: RelOptInfo): void {
  const seqscan = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, rel.lateralRelids)), kind: 'seqscan' as const };
  costSeqscan(root, seqscan);
  const rte = root.rtable[rel.relid];
  if (rte.rtekind === 'relation' && rte.tablesample) {
    addPath(rel, seqscan);
    return;
  }
  if (createTidPaths(root, rel)) return;
  addPath(rel, seqscan);
  createIndexPaths(root, rel);
}
