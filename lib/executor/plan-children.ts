/** The inputs of a plan node, for walks over plans. */
import { unreachable } from '../base/assert.js';
import type { Plan } from '../planner/plan-nodes.js';

/** Children in EXPLAIN's order. */
export function planChildren(plan: Plan): readonly Plan[] {
  switch (plan.plan) {
    case 'SeqScan': case 'IndexScan': case 'BitmapHeapScan': case 'TidScan': case 'FunctionScan': case 'ValuesScan':
    case 'CteScan': case 'WorkTableScan':
      return [];
    case 'Result': return plan.child === null ? [] : [plan.child];
    case 'SubqueryScan': return [plan.subplan];
    case 'Append': case 'MergeAppend': return plan.children;
    case 'RecursiveUnion': case 'NestLoop': case 'HashJoin': case 'MergeJoin': case 'SetOp': return [plan.outer, plan.inner];
    case 'ProjectSet': case 'Sort': case 'IncrementalSort': case 'Unique': case 'Agg': case 'Group': case 'WindowAgg':
    case 'Limit': case 'Material': case 'Memoize': case 'LockRows': case 'ModifyTable':
      return [plan.child];
    default: return unreachable(plan, 'plan node');
  }
}
