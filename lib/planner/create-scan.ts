/**
 * Plan nodes of scans (the create_*scan_plan functions of createplan.c), and index conditions in the executor's form.
 */
import type { Expr, RangeTblFunction } from '../analyzer/nodes.js';
import { assert, unreachable } from '../base/assert.js';
import { containsMutable, makeBoolExpr } from './clauses.js';
import { bitmapTreeCost } from './cost.js';
import { catalogOf, clampRows } from './cost-qual.js';
import { costsOf, createPlan, gate, orderQuals, replaceNestParams, targetListOf } from './create-plan.js';
import { equal, containsEqual } from './equal.js';
import { coveredByClauses } from './index-paths.js';
import type { IndexClause, IndexOptInfo, IndexPath, Path, PlannerInfo, RestrictInfo, SubqueryScanPath } from './path-nodes.js';
import type { BitmapPlan, IndexCondition, Plan } from './plan-nodes.js';
import { predicateImpliedBy } from './predtest.js';
import { cteOf, cteOwner } from './scan-paths.js';

type ScanPath = Extract<Path, { kind: 'seqscan' | 'index' | 'bitmapheap' | 'tid' | 'subqueryscan' | 'functionscan' | 'valuesscan' | 'ctescan' | 'worktablescan' | 'resultscan' }>;

/** The scan's plan, gated by pseudo-constant conditions. */
export function createScanPlan(root: PlannerInfo, path: ScanPath): Plan {
  const rel = path.parent;
  const base = path.kind === 'index' ? path.index.restrictinfo : rel.baserestrictinfo;
  const clauses = path.param ? [...base, ...path.param.clauses] : base;
  return gate(root, scanNode(root, path, clauses), clauses, path);
}

function quals(root: PlannerInfo, path: Path, clauses: readonly RestrictInfo[]): Expr[] {
  const ordered = orderQuals(root, clauses.filter((clause) => !clause.pseudoconstant)).map((clause) => clause.clause);
  return path.param ? ordered.map((expr) => replaceNestParams(root, expr)) : ordered;
}

function scanNode(root: PlannerInfo, path: ScanPath, clauses: readonly RestrictInfo[]): Plan {
  const rel = path.parent;
  const rte = rel.rte!;
  const common = { targetlist: targetListOf(root, path), initPlans: [], extParams: [], scanrelid: rel.relid, ...costsOf(path) };
  const relid = rte.rtekind === 'relation' ? rte.relid : 0;
  switch (path.kind) {
    case 'seqscan':
      return { plan: 'SeqScan', ...common, relid, tablesample: rte.rtekind === 'relation' ? rte.tablesample : null, qual: quals(root, path, clauses) };
    case 'index': return indexScan(root, path, clauses, common, relid);
    case 'bitmapheap': {
      const { plan, originals, covered } = bitmapPlan(root, path.bitmap);
      const remaining = clauses.filter((clause) => !clause.pseudoconstant && !containsEqual(covered, clause.clause)
        && !(clause.parentEc !== null && bitmapCoversClass(path.bitmap, clause)) && !(!containsMutable(catalogOf(root), clause.clause) && predicateImpliedBy(root, [clause.clause], covered)));
      return { plan: 'BitmapHeapScan', ...common, relid, bitmap: plan, bitmapqualorig: originals.map((expr) => replaceNestParams(root, expr)), qual: quals(root, path, remaining) };
    }
    case 'tid': {
      const remaining = clauses.filter((clause) => !path.tidquals.includes(clause));
      return { plan: 'TidScan', ...common, relid, tidquals: path.tidquals.map((clause) => replaceNestParams(root, clause.clause)), qual: quals(root, path, remaining) };
    }
    case 'subqueryscan': return subqueryScan(root, path, clauses, common);
    case 'functionscan': {
      assert(rte.rtekind === 'function', 'not a function');
      const functions = path.param ? rte.functions.map((fn): RangeTblFunction => ({ ...fn, funcexpr: replaceNestParams(root, fn.funcexpr) })) : rte.functions;
      return { plan: 'FunctionScan', ...common, functions, funcordinality: rte.funcordinality, qual: quals(root, path, clauses) };
    }
    case 'valuesscan': {
      assert(rte.rtekind === 'values', 'not VALUES');
      const valuesLists = path.param ? rte.valuesLists.map((row) => row.map((expr) => replaceNestParams(root, expr))) : rte.valuesLists;
      return { plan: 'ValuesScan', ...common, valuesLists, rowSlots: rte.rowSlots ?? null, qual: quals(root, path, clauses) };
    }
    case 'ctescan': {
      const cte = cteOf(root, rel);
      return { plan: 'CteScan', ...common, ctePlanId: cte.planId, cteParam: cte.paramid, ctename: cte.name, qual: quals(root, path, clauses) };
    }
    case 'worktablescan': {
      assert(rte.rtekind === 'cte', 'not a CTE reference');
      const owner = cteOwner(root, rte.ctelevelsup - 1);
      return { plan: 'WorkTableScan', ...common, wtParam: owner.wtParamId, ctename: rte.ctename, qual: quals(root, path, clauses) };
    }
    case 'resultscan': {
      const { scanrelid: _unused, ...rest } = common;
      return { plan: 'Result', ...rest, child: null, resconstantqual: quals(root, path, clauses).length > 0 ? andOf(quals(root, path, clauses)) : null, qual: [] };
    }
    default: return unreachable(path, 'scan path');
  }
}

function andOf(list: readonly Expr[]): Expr {
  return list.length === 1 ? list[0] : makeBoolExpr('and', list);
}

type Common = Pick<Plan, 'targetlist' | 'initPlans' | 'extParams' | 'startupCost' | 'totalCost' | 'planRows' | 'planWidth'> & { scanrelid: number };

function subqueryScan(root: PlannerInfo, path: SubqueryScanPath, clauses: readonly RestrictInfo[], common: Common): Plan {
  const rel = path.parent;
  const subplan = createPlan(rel.subroot!, path.subpath);
  // References of the subquery to its siblings (LATERAL) come through Params that an outer nested loop sets.
  for (const param of rel.subplanParams) {
    if (!root.curOuterParams.some((known) => known.paramid === param.paramid)) root.curOuterParams.push(param);
  }
  return { plan: 'SubqueryScan', ...common, subplan, qual: quals(root, path, clauses) };
}

// ------------------------------------------------------------------ indexes

function indexScan(root: PlannerInfo, path: IndexPath, clauses: readonly RestrictInfo[], common: Common, relid: number): Plan {
  const { index } = path;
  const catalog = catalogOf(root);
  const originals = path.clauses.flatMap((clause) => clause.indexQuals);
  const remaining: RestrictInfo[] = [];
  for (const clause of clauses) {
    if (clause.pseudoconstant || coveredByClauses(clause, path.clauses)) continue;
    if (!containsMutable(catalog, clause.clause)) {
      if (predicateImpliedBy(root, [clause.clause], originals)) continue;
    }
    remaining.push(clause);
  }
  return {
    plan: 'IndexScan', ...common, relid, indexid: index.descriptor.oid, conditions: indexConditions(root, index, path.clauses),
    indexqualorig: path.clauses.flatMap((clause) => clause.indexQuals).map((expr) => replaceNestParams(root, expr)), backward: path.backward,
    indexOnly: path.indexOnly, qual: quals(root, path, remaining),
  };
}

/** Index clauses in the executor's form, equality on leading columns first. */
export function indexConditions(root: PlannerInfo, index: IndexOptInfo, clauses: readonly IndexClause[]): IndexCondition[] {
  const result: IndexCondition[] = [];
  for (const clause of clauses) {
    for (const qual of clause.indexQuals) result.push(indexCondition(root, index, clause, qual));
  }
  const isEquality = (condition: IndexCondition): number => (condition.kind === 'compare' && condition.strategy === 3 ? 0 : condition.kind === 'isNull' ? 0 : condition.kind === 'any' ? 0 : 1);
  return result.sort((a, b) => a.column - b.column || isEquality(a) - isEquality(b));
}

function indexCondition(root: PlannerInfo, index: IndexOptInfo, clause: IndexClause, qual: Expr): IndexCondition {
  const column = clause.indexcol;
  const fix = (expr: Expr): Expr => replaceNestParams(root, expr);
  const strategyOf = (opno: number, at: number): 1 | 2 | 3 | 4 | 5 => {
    const family = index.descriptor.opfamilies[at];
    const strategy = catalogOf(root).operatorFamilies(opno).find((entry) => entry.family === family)?.strategy ?? 3;
    return index.ordered ? (strategy as 1 | 2 | 3 | 4 | 5) : 3;
  };
  switch (qual.node) {
    case 'OpExpr': return { kind: 'compare', column, strategy: strategyOf(qual.opno, column), value: fix(qual.args[1]) };
    case 'ScalarArrayOpExpr': return { kind: 'any', column, strategy: strategyOf(qual.opno, column), array: fix(qual.args[1]) };
    case 'NullTest': return { kind: qual.nulltesttype, column };
    case 'RowCompareExpr': {
      const strategy = strategyOf(qual.opnos[0], column);
      assert(strategy !== 3, 'row comparison with equality in an index condition');
      return { kind: 'rowCompare', column, columns: clause.indexcols, strategy, values: qual.rargs.map(fix) };
    }
    default: throw new Error(`unexpected index condition ${qual.node}`);
  }
}

function bitmapCoversClass(path: Path, clause: RestrictInfo): boolean {
  if (path.kind === 'index') return coveredByClauses(clause, path.clauses);
  return path.kind === 'bitmapand' && path.inputs.some((input) => bitmapCoversClass(input, clause));
}

function bitmapPlan(root: PlannerInfo, path: Path): { plan: BitmapPlan; originals: Expr[]; covered: Expr[] } {
  if (path.kind === 'index') {
    const originals = path.clauses.flatMap((clause) => clause.indexQuals);
    const rows = clampRows(path.indexSelectivity * path.parent.tuples);
    const exact = path.clauses.filter((clause) => !clause.lossy).map((clause) => clause.rinfo.clause);
    const predicate = path.index.predicate.filter((part) => !predicateImpliedBy(root, [part], originals));
    return {
      plan: {
        bitmap: 'index', indexid: path.index.descriptor.oid, conditions: indexConditions(root, path.index, path.clauses), indexqualorig: originals.map((expr) => replaceNestParams(root, expr)),
        startupCost: 0, totalCost: path.indexTotalCost, planRows: rows, planWidth: 0,
      },
      originals: [...path.clauses.map((clause) => clause.rinfo.clause), ...predicate], covered: [...exact, ...path.index.predicate],
    };
  }
  assert(path.kind === 'bitmapand' || path.kind === 'bitmapor', 'not a bitmap path');
  const inputs = path.inputs.map((input) => bitmapPlan(root, input));
  const tree = bitmapTreeCost(root, path);
  const rows = clampRows(tree.selectivity * path.parent.tuples);
  const costs = { startupCost: path.startupCost, totalCost: path.totalCost, planRows: rows, planWidth: 0 };
  const plan: BitmapPlan = { bitmap: path.kind === 'bitmapand' ? 'and' : 'or', inputs: inputs.map((input) => input.plan), ...costs };
  if (path.kind === 'bitmapand') {
    return { plan, originals: unique(inputs.flatMap((input) => input.originals)), covered: unique(inputs.flatMap((input) => input.covered)) };
  }
  const arms = inputs.map((input) => (input.originals.length === 0 ? null : andOf(input.originals)));
  const originals: Expr[] = arms.every((arm) => arm !== null) ? [arms.length === 1 ? arms[0] : makeBoolExpr('or', arms)] : [];
  const coveredArms = inputs.map((input) => (input.covered.length === 0 ? null : andOf(input.covered)));
  const covered: Expr[] = coveredArms.every((arm) => arm !== null) ? [makeBoolExpr('or', coveredArms)] : [];
  return { plan, originals, covered };
}

function unique(list: readonly Expr[]): Expr[] {
  return list.filter((expr, i) => list.findIndex((other) => equal(expr, other)) === i);
}
