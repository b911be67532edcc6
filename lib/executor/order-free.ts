/**
 * Which groupings come out the same whatever the order in which rows come: such a one may gather its groups without the sort
 * that the plan puts below it, and sort the groups alone. Equal keys must be the same value (a group shows the one that came
 * first), and every aggregate must be exact: sums of floats round by order, min(numeric) answers the first of 1.0 and 1.00.
 */
import { exprCollation, exprType } from '../analyzer/node-functions.js';
import type { Catalog } from '../catalog/api.js';
import type { AggPlan, SortPlan } from '../planner/plan-nodes.js';
import type { AggregateSet, Specification } from './aggregate.js';
import { equalAreSame } from './comparison.js';
import { isVolatile } from './projection.js';

/** Transitions, by pg_proc.prosrc, whose last state does not tell in which order values came. */
const ORDER_FREE: ReadonlySet<string> = new Set([
  'int2_accum', 'int4_accum', 'int8_accum', 'int2_avg_accum', 'int4_avg_accum', 'int8_avg_accum', 'numeric_accum', 'numeric_avg_accum',
  'booland_statefunc', 'boolor_statefunc',
  ...['int2', 'int4', 'int8'].flatMap((type) => ['and', 'or', 'xor', 'larger', 'smaller'].map((name) => type + name)),
  ...['oid', 'cash'].flatMap((type) => [`${type}larger`, `${type}smaller`]),
  ...['date', 'time', 'timestamp', 'enum'].flatMap((type) => [`${type}_larger`, `${type}_smaller`]),
]);
/** The same of texts, where equal ones are the same. */
const TEXT_EXTREMES: ReadonlySet<string> = new Set(['text_larger', 'text_smaller']);

function isOrderFree(catalog: Catalog, item: Specification): boolean {
  switch (item.style) {
    case 'count': case 'countAny': case 'sumInt8': case 'sumNumeric': case 'averageInt': return true;
    case 'generic': {
      const { proc, call } = item.transition;
      return ORDER_FREE.has(proc.prosrc) || (TEXT_EXTREMES.has(proc.prosrc) && equalAreSame(catalog, item.transitionType, call.collation));
    }
    default: return false;
  }
}

/** Whether a grouping over a sort gives the same rows when it gathers the groups first and sorts them. */
export function gathersInAnyOrder(catalog: Catalog, plan: AggPlan, sort: SortPlan, aggregates: AggregateSet): boolean {
  const keys = new Set(plan.groupColumns.map(({ column }) => column));
  if (keys.size === 0 || sort.sortColumns.some(({ column }) => !keys.delete(column)) || keys.size > 0) return false;
  const same = plan.groupColumns.every(({ column }) => {
    const { expr } = sort.targetlist[column - 1];
    return equalAreSame(catalog, exprType(expr), exprCollation(expr));
  });
  if (!same || !aggregates.specifications.every((item) => isOrderFree(catalog, item))) return false;
  // What a volatile function answers tells how often it was called.
  const inputs = aggregates.specifications.flatMap((item) => (item.filter === null ? item.args : [...item.args, item.filter]));
  return ![...inputs, ...plan.qual, ...plan.targetlist.map((target) => target.expr)].some((expr) => isVolatile(expr, catalog));
}
