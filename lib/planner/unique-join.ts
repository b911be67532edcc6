/**
 * Semijoins by making the inner side unique first (create_unique_path of pathnode.c).
 */
import type { Expr } from '../analyzer/nodes.js';
import { costAgg, costSort, NO_AGG_COSTS } from './cost.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import { hasUniqueIndexFor } from './index-paths.js';
import type { PlannerInfo, RelOptInfo, SpecialJoinInfo, UniqueJoinPath } from './path-nodes.js';
import { above } from './paths.js';
import { estimateNumGroups } from './selectivity.js';

/** The cheapest unique-ified path of the relation for the semijoin, or null when it can not be made unique. Cached. */
export function createUniqueJoinPath(root: PlannerInfo, rel: RelOptInfo, sjinfo: SpecialJoinInfo): UniqueJoinPath | null {
  if (rel.cheapestUnique) return rel.cheapestUnique.kind === 'uniquejoin' ? rel.cheapestUnique : null;
  if (!sjinfo.semiCanBtree && !sjinfo.semiCanHash) return null;
  const subpath = rel.cheapestTotal;
  if (!subpath || subpath.param) return null;
  const settings = settingsOf(root);
  const exprs = sjinfo.semiRhsExprs;
  const operators = sjinfo.semiOperators;
  const base = { ...above(rel, subpath, rel.reltarget), subpath, operators, exprs, kind: 'uniquejoin' as const };
  if (rel.rte?.rtekind === 'relation' && sjinfo.semiCanBtree && hasUniqueIndexFor(root, rel, [], exprs, operators)) {
    return remember(rel, { ...base, method: 'noop', rows: rel.rows, pathkeys: subpath.pathkeys });
  }
  if (rel.rte?.rtekind === 'subquery' && subqueryIsUnique(root, rel, exprs, operators)) {
    return remember(rel, { ...base, method: 'noop', rows: rel.rows, pathkeys: subpath.pathkeys });
  }
  const rows = estimateNumGroups(root, exprs, rel.rows).groups;
  let sortCost: { startup: number; total: number; disabled: number } | null = null;
  if (sjinfo.semiCanBtree) {
    const sort = costSort(root, subpath, rel.rows, subpath.target.width, -1);
    sortCost = { ...sort, total: sort.total + settings.cpuOperatorCost * rel.rows * exprs.length };
  }
  let hashCost: { startup: number; total: number; disabled: number } | null = null;
  if (sjinfo.semiCanHash) {
    const scratch = { rows: 0 };
    hashCost = costAgg(root, scratch, 'hashed', NO_AGG_COSTS, exprs.length, rows, [], { ...subpath, rows: rel.rows }, subpath.target.width);
  }
  const useHash = hashCost !== null && (sortCost === null || hashCost.disabled < sortCost.disabled
    || (hashCost.disabled === sortCost.disabled && hashCost.total < sortCost.total));
  const cost = useHash ? hashCost! : sortCost!;
  return remember(rel, {
    ...base, method: useHash ? 'hash' : 'sort', rows, pathkeys: [], startupCost: cost.startup, totalCost: cost.total, disabledNodes: cost.disabled,
  });
}

function remember(rel: RelOptInfo, path: UniqueJoinPath): UniqueJoinPath {
  rel.cheapestUnique = path;
  return path;
}

/** True when a subquery's own DISTINCT, GROUP BY or set operation makes the columns unique (query_is_distinct_for). */
export function subqueryIsUnique(root: PlannerInfo, rel: RelOptInfo, exprs: readonly Expr[], operators: readonly number[]): boolean {
  const subquery = rel.subroot?.parse;
  if (!subquery) return false;
  const columns: number[] = [];
  for (let i = 0; i < exprs.length; i++) {
    const expr = exprs[i];
    if (expr.node !== 'Var' || expr.varno !== rel.relid) return false;
    columns.push(expr.varattno);
  }
  const compatible = (column: number, eqop: number): boolean => {
    const at = columns.indexOf(column);
    return at >= 0 && equalityCompatible(root, operators[at], eqop);
  };
  const covered = (clauses: readonly { tleSortGroupRef: number; eqop: number }[]): boolean => clauses.length > 0 && clauses.every((clause) => {
    const entry = subquery.targetList.find((candidate) => candidate.ressortgroupref === clause.tleSortGroupRef);
    return entry !== undefined && compatible(entry.resno, clause.eqop);
  });
  if (subquery.distinctClause.length > 0 && covered(subquery.distinctClause)) return true;
  if (subquery.hasTargetSRFs && subquery.distinctClause.length === 0) return false;
  if (subquery.groupClause.length > 0 && subquery.groupingSets.length === 0 && covered(subquery.groupClause)) return true;
  if (subquery.groupClause.length === 0 && subquery.groupingSets.length === 0 && (subquery.hasAggs || subquery.havingQual)) return true;
  const setop = subquery.setOperations;
  if (setop && !setop.all) {
    let at = 0;
    return subquery.targetList.filter((entry) => !entry.resjunk).every((entry) => {
      const clause = setop.groupClauses[at++];
      return clause !== undefined && compatible(entry.resno, clause.eqop);
    });
  }
  return false;
}

function equalityCompatible(root: PlannerInfo, a: number, b: number): boolean {
  if (a === b) return true;
  const catalog = catalogOf(root);
  const families = catalog.operatorFamilies(a).map((entry) => entry.family);
  return catalog.operatorFamilies(b).some((entry) => families.includes(entry.family));
}

