/**
 * Subqueries in FROM that were not pulled up (allpaths.c): conditions are pushed into them where that is safe, unused
 * output columns are dropped, then they are planned on their own.
 */
import type { Expr, Query, SetOperation, RangeTblRef } from '../analyzer/nodes.js';
import { mutateExpression } from '../analyzer/walker.js';
import { assert } from '../base/assert.js';
import { containsSubplan, containsVolatile, isPseudoConstant, makeAnds, makeNull, returnsSet, someNode } from './clauses.js';
import { costSubqueryScan } from './cost.js';
import { catalogOf, exprWidth, setTargetCostWidth } from './cost-qual.js';
import type { PlannerInfo, RelOptInfo, RestrictInfo, SubqueryScanPath } from './path-nodes.js';
import { addPath, baseParamInfo, isDummy, markDummy, pathBase, setCheapest } from './paths.js';
import { convertSubqueryPathkeys } from './pathkeys.js';
import { finalRel, subqueryPlanner } from './planner.js';
import { setOperationLeaves } from './set-operation-tree.js';
import { setBaseRelSize } from './scan-paths.js';
import { exprType, exprTypmod, exprCollation } from '../analyzer/node-functions.js';

/** Plans the subquery and adds scan paths over it; also sets the relation's size. */
export function setSubqueryPaths(root: PlannerInfo, rel: RelOptInfo): void {
  const rte = root.rtable[rel.relid];
  assert(rte.rtekind === 'subquery', 'not a subquery');
  let subquery = rte.subquery;
  const safety = pushdownSafety(root, subquery);
  if (rel.baserestrictinfo.length > 0 && subqueryIsPushdownSafe(subquery, subquery)) {
    const kept: RestrictInfo[] = [];
    for (const rinfo of rel.baserestrictinfo) {
      if (!rinfo.pseudoconstant && qualIsPushdownSafe(root, rel.relid, rinfo.clause, safety, rte.securityBarrier)) {
        subquery = pushQual(subquery, rel.relid, rinfo.clause);
      } else kept.push(rinfo);
    }
    rel.baserestrictinfo = kept;
  }
  subquery = removeUnusedOutputs(root, rel, subquery);
  const fraction = subqueryFraction(root, rel);
  assert(root.planParams.length === 0, 'plan parameters left over');
  const subroot = subqueryPlanner(root.glob, subquery, root, false, fraction);
  rel.subroot = subroot;
  rel.subplanParams = root.planParams;
  root.planParams = [];
  const final = finalRel(subroot);
  if (isDummy(final)) {
    setTargetCostWidth(root, rel.reltarget);
    markDummy(rel);
    return;
  }
  setSubquerySize(root, rel, subroot, final);
  const trivial = hasTrivialTlist(rel, subroot);
  const param = baseParamInfo(root, rel, rel.lateralRelids);
  for (const subpath of final.pathlist) {
    const pathkeys = convertSubqueryPathkeys(root, rel, subpath.pathkeys, subroot.processedTlist);
    const path: SubqueryScanPath = { ...pathBase(rel, rel.reltarget, param, pathkeys), kind: 'subqueryscan', subpath };
    costSubqueryScan(root, path, trivial);
    addPath(rel, path);
  }
  setCheapest(rel);
}

function subqueryFraction(root: PlannerInfo, rel: RelOptInfo): number {
  const parse = root.parse;
  const alone = root.allBaserels === rel.relids;
  if (parse.hasAggs || parse.groupClause.length > 0 || parse.groupingSets.length > 0 || root.hasHavingQual || parse.distinctClause.length > 0
    || parse.sortClause.length > 0 || !alone) return 0;
  return root.tupleFraction;
}

function setSubquerySize(root: PlannerInfo, rel: RelOptInfo, subroot: PlannerInfo, final: RelOptInfo): void {
  rel.tuples = final.cheapestTotal!.rows;
  for (const entry of subroot.processedTlist) {
    if (entry.resjunk) continue;
    const width = subroot.parse.setOperations ? exprWidth(root, { ...makeNull(exprType(entry.expr), exprTypmod(entry.expr), exprCollation(entry.expr)) }) : exprWidth(subroot, entry.expr);
    rel.columnWidths.set(entry.resno, width);
  }
  setBaseRelSize(root, rel);
}

/** True when the outer query reads exactly the subquery's columns in order: the scan node disappears. */
function hasTrivialTlist(rel: RelOptInfo, subroot: PlannerInfo): boolean {
  const exprs = rel.reltarget.exprs;
  const visible = subroot.processedTlist.filter((entry) => !entry.resjunk);
  return exprs.length === visible.length && exprs.every((expr, i) => expr.node === 'Var' && expr.varno === rel.relid && expr.varattno === i + 1);
}

// ------------------------------------------------------------------ pushdown

interface Safety { readonly unsafeColumns: ReadonlySet<number> }

/** Output columns over which no condition may be pushed, e.g. those not in DISTINCT ON or in a window's PARTITION BY. */
function pushdownSafety(root: PlannerInfo, subquery: Query): Safety {
  const unsafe = new Set<number>();
  const catalog = catalogOf(root);
  const check = (query: Query): void => {
    for (const entry of query.targetList) {
      if (entry.resjunk) continue;
      if (query.hasTargetSRFs && returnsSet(entry.expr)) unsafe.add(entry.resno);
      if (containsVolatile(catalog, entry.expr)) unsafe.add(entry.resno);
      if (query.hasDistinctOn && !query.distinctClause.some((clause) => clause.tleSortGroupRef === entry.ressortgroupref && entry.ressortgroupref > 0)) unsafe.add(entry.resno);
      if (query.hasWindowFuncs && !query.windowClause.every((window) => window.partitionClause.some((clause) => clause.tleSortGroupRef === entry.ressortgroupref && entry.ressortgroupref > 0))) unsafe.add(entry.resno);
    }
  };
  if (subquery.setOperations) {
    for (const rti of setOperationLeaves(subquery.setOperations)) {
      const leaf = subquery.rtable[rti - 1];
      if (leaf?.rtekind === 'subquery') check(leaf.subquery);
    }
  } else check(subquery);
  return { unsafeColumns: unsafe };
}

function subqueryIsPushdownSafe(subquery: Query, top: Query): boolean {
  if (subquery.limitOffset || subquery.limitCount) return false;
  if (subquery.groupClause.length > 0 && subquery.groupingSets.length > 0) return false;
  if (subquery.setOperations) {
    const hasExcept = (node: SetOperation | RangeTblRef): boolean => node.node === 'SetOperation'
      && (node.op === 'except' || hasExcept(node.larg) || hasExcept(node.rarg));
    if (subquery !== top || hasExcept(subquery.setOperations)) return false;
    return setOperationLeaves(subquery.setOperations).every((rti) => {
      const leaf = subquery.rtable[rti - 1];
      return leaf?.rtekind === 'subquery' && !leaf.subquery.setOperations && subqueryIsPushdownSafe(leaf.subquery, leaf.subquery)
        && leaf.subquery.targetList.filter((entry) => !entry.resjunk).every((entry, i) => exprType(entry.expr) === exprType(subquery.targetList[i].expr));
    });
  }
  return true;
}

function qualIsPushdownSafe(root: PlannerInfo, rti: number, qual: Expr, safety: Safety, securityBarrier: boolean): boolean {
  const catalog = catalogOf(root);
  if (containsSubplan(qual)) return false;
  if (containsVolatile(catalog, qual)) return false;
  if (securityBarrier && leaky(root, qual)) return false;
  if (isPseudoConstant(catalog, qual)) return false;
  return !someNode(qual, (node) => {
    if (node.node !== 'Var' || node.varlevelsup !== 0) return false;
    return node.varno !== rti || node.varattno <= 0 || safety.unsafeColumns.has(node.varattno);
  });
}

/** True when evaluating the condition early could show hidden rows: it calls a function that is not leakproof. */
export function leaky(root: PlannerInfo, expr: Expr): boolean {
  const catalog = catalogOf(root);
  return someNode(expr, (node) => {
    switch (node.node) {
      case 'FuncExpr': return catalog.proc(node.funcid)?.proleakproof !== true;
      case 'OpExpr': case 'DistinctExpr': case 'NullIfExpr': case 'ScalarArrayOpExpr': return catalog.proc(node.opfuncid)?.proleakproof !== true;
      case 'CoerceViaIO': case 'ArrayCoerceExpr': case 'SubLink': case 'SubPlan': case 'CoerceToDomain': return true;
      default: return false;
    }
  });
}

/** Adds the condition to the subquery's WHERE, or HAVING when it aggregates; set operations get it in every arm. */
function pushQual(subquery: Query, rti: number, qual: Expr): Query {
  if (subquery.setOperations) {
    const leaves = new Set(setOperationLeaves(subquery.setOperations));
    return {
      ...subquery,
      rtable: subquery.rtable.map((rte, i) => (leaves.has(i + 1) && rte.rtekind === 'subquery' ? { ...rte, subquery: pushQual(rte.subquery, rti, qual) } : rte)),
    };
  }
  const visible = subquery.targetList.filter((entry) => !entry.resjunk);
  const pushed = mutateExpression(qual, (node, level) => (node.node === 'Var' && node.varno === rti && node.varlevelsup === level ? visible[node.varattno - 1].expr : null));
  const hasSubLinks = subquery.hasSubLinks || someNode(pushed, (node) => node.node === 'SubLink');
  if (subquery.hasAggs || subquery.groupClause.length > 0 || subquery.groupingSets.length > 0 || subquery.havingQual) {
    return { ...subquery, hasSubLinks, havingQual: makeAnds([...(subquery.havingQual ? [subquery.havingQual] : []), pushed]) };
  }
  const quals = makeAnds([...(subquery.jointree.quals ? [subquery.jointree.quals] : []), pushed]);
  return { ...subquery, hasSubLinks, jointree: { ...subquery.jointree, quals } };
}

/** Output columns that nobody reads become NULL constants. */
function removeUnusedOutputs(root: PlannerInfo, rel: RelOptInfo, subquery: Query): Query {
  if (subquery.setOperations || (subquery.distinctClause.length > 0 && !subquery.hasDistinctOn) || subquery.commandType !== 'select') return subquery;
  const catalog = catalogOf(root);
  const used = new Set<number>();
  const add = (expr: Expr): void => {
    someNode(expr, (node) => {
      if (node.node === 'Var' && node.varno === rel.relid && node.varlevelsup === 0) used.add(node.varattno);
      return false;
    });
  };
  rel.reltarget.exprs.forEach(add);
  rel.baserestrictinfo.forEach((rinfo) => add(rinfo.clause));
  if (used.has(0)) return subquery;
  let changed = false;
  const targetList = subquery.targetList.map((entry) => {
    if (entry.ressortgroupref !== 0 || entry.resjunk || used.has(entry.resno) || entry.expr.node === 'Const') return entry;
    if (returnsSet(entry.expr) || containsVolatile(catalog, entry.expr)) return entry;
    changed = true;
    return { ...entry, expr: makeNull(exprType(entry.expr), exprTypmod(entry.expr), exprCollation(entry.expr)) };
  });
  return changed ? { ...subquery, targetList } : subquery;
}
