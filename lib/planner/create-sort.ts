/**
 * Sort keys as columns of the input (prepare_sort_from_pathkeys of createplan.c): a missing key expression is added to the
 * input's columns.
 */
import type { Expr, SortGroupClause, TargetEntry } from '../analyzer/nodes.js';
import { exprCollation } from '../analyzer/node-functions.js';
import { assert } from '../base/assert.js';
import { catalogOf } from './cost-qual.js';
import { makeEntry, withTargetList } from './create-plan.js';
import { equal } from './equal.js';
import { memberForSort } from './equivclass.js';
import type { EquivalenceMember, PathKey, PlannerInfo } from './path-nodes.js';
import type { Plan, SortColumn } from './plan-nodes.js';
import type { Relids } from './relids.js';
import { stripRelabel } from './clauses.js';
import { isSubset } from './relids.js';

/** The input (perhaps with added columns) and its columns for the keys. */
export interface Sortable { readonly plan: Plan; readonly columns: SortColumn[] }

function sortColumn(root: PlannerInfo, key: PathKey, em: EquivalenceMember, column: number): SortColumn {
  const catalog = catalogOf(root);
  const sortop = catalog.familyOperator(key.opfamily, em.datatype, em.datatype, key.strategy);
  assert(sortop !== 0, `missing operator ${key.strategy} in family ${key.opfamily}`);
  return {
    column, sortop, eqop: catalog.familyOperator(key.opfamily, em.datatype, em.datatype, 3), collation: key.ec.collation, nullsFirst: key.nullsFirst, reverse: key.strategy === 5,
  };
}

/** Finds (or adds) the columns for the keys. */
export function columnsForPathkeys(root: PlannerInfo, planIn: Plan, pathkeys: readonly PathKey[], relids: Relids | null): Sortable {
  let plan = planIn;
  const columns: SortColumn[] = [];
  for (const key of pathkeys) {
    const found = findColumn(plan.targetlist, key, relids);
    if (found) {
      columns.push(sortColumn(root, key, found.em, found.resno));
      continue;
    }
    const em = memberForSort(key.ec, plan.targetlist.map((entry) => entry.expr), relids);
    assert(em !== null, 'could not find pathkey item to sort');
    const entry = makeEntry(em.expr, plan.targetlist.length + 1, 0, true);
    plan = withTargetList(plan, [...plan.targetlist, entry]);
    columns.push(sortColumn(root, key, em, entry.resno));
  }
  return { plan, columns };
}

function findColumn(tlist: readonly TargetEntry[], key: PathKey, relids: Relids | null): { em: EquivalenceMember; resno: number } | null {
  if (key.ec.hasVolatile) {
    const entry = tlist.find((candidate) => candidate.ressortgroupref === key.ec.sortref);
    return entry ? { em: key.ec.members[0], resno: entry.resno } : null;
  }
  for (const entry of tlist) {
    const stripped = stripRelabel(entry.expr);
    for (const em of key.ec.members) {
      if (em.isConst || (em.isChild && (relids === null || !isSubset(em.relids, relids)))) continue;
      if (equal(stripRelabel(em.expr), stripped)) return { em, resno: entry.resno };
    }
  }
  return null;
}

/** A Sort node over the input. */
export function sortPlanFor(root: PlannerInfo, input: Plan, pathkeys: readonly PathKey[], relids: Relids | null, cost: { startup: number; total: number; disabled?: number }): Plan {
  const { plan, columns } = columnsForPathkeys(root, input, pathkeys, relids);
  return {
    plan: 'Sort', child: plan, sortColumns: columns, boundHint: false, targetlist: plan.targetlist, qual: [], initPlans: [], extParams: [],
    startupCost: cost.startup, totalCost: cost.total, planRows: input.planRows, planWidth: input.planWidth, disabledNodes: cost.disabled ?? input.disabledNodes,
  };
}

/** Columns of grouping clauses in the input: by reference, else by equal expression. */
export function columnsForClauses(root: PlannerInfo, clauses: readonly SortGroupClause[], tlist: readonly TargetEntry[], exprOf: (clause: SortGroupClause) => Expr): SortColumn[] {
  const catalog = catalogOf(root);
  return clauses.map((clause) => {
    let entry = tlist.find((candidate) => candidate.ressortgroupref === clause.tleSortGroupRef && clause.tleSortGroupRef !== 0);
    if (!entry) {
      const wanted = exprOf(clause);
      entry = tlist.find((candidate) => equal(candidate.expr, wanted));
    }
    assert(entry !== undefined, 'grouping column not found in the input');
    const { expr } = entry;
    const families = clause.sortop ? catalog.operatorFamilies(clause.sortop) : [];
    const reverse = families.some((family) => family.accessMethod === 403 && family.strategy === 5);
    return { column: entry.resno, sortop: clause.sortop, eqop: clause.eqop, collation: exprCollation(expr), nullsFirst: clause.nullsFirst, reverse };
  });
}
