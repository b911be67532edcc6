/**
 * Which exec Params each plan node depends on from outside (SS_finalize_plan of subselect.c).
 */
import type { Expr } from '../analyzer/nodes.js';
import { walkExpression } from '../analyzer/walker.js';
import type { BitmapPlan, IndexCondition, Plan } from './plan-nodes.js';

/** Fills in `extParams` of all nodes. */
export function attachParams(planTree: Plan, subplans: readonly Plan[]): { planTree: Plan; subplans: Plan[] } {
  const done: (Plan | undefined)[] = [];
  const active = new Set<number>();
  const subplan = (id: number): Plan => {
    const known = done[id];
    if (known) return known;
    if (active.has(id)) return subplans[id];
    active.add(id);
    const result = attach(subplans[id], subplan);
    done[id] = result;
    return result;
  };
  subplans.forEach((_, id) => subplan(id));
  return { planTree: attach(planTree, subplan), subplans: subplans.map((_, id) => subplan(id)) };
}

type SubplanOf = (id: number) => Plan;

function paramsOf(expr: Expr, into: Set<number>, subplan: SubplanOf): void {
  walkExpression(expr, (node) => {
    if (node.node === 'Param' && node.paramkind === 'exec') into.add(node.paramid);
    else if (node.node === 'SubPlan') {
      const own = new Set([...node.parParam, ...node.paramIds]);
      for (const id of subplan(node.planId).extParams) if (!own.has(id)) into.add(id);
      if (node.testexpr) {
        const inner = new Set<number>();
        paramsOf(node.testexpr, inner, subplan);
        for (const id of inner) if (!own.has(id)) into.add(id);
      }
      for (const arg of node.args) paramsOf(arg, into, subplan);
      return 'skip';
    }
    return undefined;
  });
}

function conditionExprs(conditions: readonly IndexCondition[]): Expr[] {
  return conditions.flatMap((condition) => {
    switch (condition.kind) {
      case 'compare': case 'prefix': return [condition.value];
      case 'any': return [condition.array];
      case 'rowCompare': return [...condition.values];
      default: return [];
    }
  });
}

function bitmapExprs(bitmap: BitmapPlan): Expr[] {
  return bitmap.bitmap === 'index' ? conditionExprs(bitmap.conditions) : bitmap.inputs.flatMap(bitmapExprs);
}

/** The expressions of a node besides target list and conditions. */
function ownExprs(plan: Plan): Expr[] {
  switch (plan.plan) {
    case 'Result': return plan.resconstantqual ? [plan.resconstantqual] : [];
    case 'SeqScan': return plan.tablesample ? [...plan.tablesample.args, ...(plan.tablesample.repeatable ? [plan.tablesample.repeatable] : [])] : [];
    case 'IndexScan': return conditionExprs(plan.conditions);
    case 'BitmapHeapScan': return [...bitmapExprs(plan.bitmap), ...plan.bitmapqualorig];
    case 'TidScan': return [...plan.tidquals];
    case 'FunctionScan': return plan.functions.map((fn) => fn.funcexpr);
    case 'ValuesScan': return plan.valuesLists.flat();
    case 'NestLoop': return [...plan.joinqual, ...plan.nestParams.map((param) => param.value)];
    case 'HashJoin': return [...plan.joinqual, ...plan.outerKeys, ...plan.innerKeys];
    case 'MergeJoin': return [...plan.joinqual, ...plan.mergeKeys.flatMap((key) => [key.outer, key.inner])];
    case 'WindowAgg': return [plan.startOffset, plan.endOffset].filter((expr) => expr !== null);
    case 'Limit': return [plan.limitOffset, plan.limitCount].filter((expr) => expr !== null);
    case 'Memoize': return [...plan.paramKeys];
    case 'ModifyTable': return plan.resultRelations.flatMap((relation) => [
      ...relation.returningList.map((entry) => entry.expr), ...relation.deletedReturningList.map((entry) => entry.expr), ...relation.withCheckOptions.map((option) => option.qual),
      ...relation.mergeActions.flatMap((action) => [...(action.qual ? [action.qual] : []), ...action.targetList.map((entry) => entry.expr)]),
    ]).concat(plan.onConflict ? [...plan.onConflict.onConflictSet.map((entry) => entry.expr), ...(plan.onConflict.onConflictWhere ? [plan.onConflict.onConflictWhere] : [])] : []);
    default: return [];
  }
}

function attach(plan: Plan, subplan: SubplanOf): Plan {
  const params = new Set<number>();
  for (const entry of plan.targetlist) paramsOf(entry.expr, params, subplan);
  for (const expr of plan.qual) paramsOf(expr, params, subplan);
  for (const expr of ownExprs(plan)) paramsOf(expr, params, subplan);
  const fromChild = (child: Plan, without: readonly number[] = []): Plan => {
    const done = attach(child, subplan);
    for (const id of done.extParams) if (!without.includes(id)) params.add(id);
    return done;
  };
  let result: Plan = plan;
  switch (plan.plan) {
    case 'Append': case 'MergeAppend': result = { ...plan, children: plan.children.map((child) => fromChild(child)) }; break;
    case 'NestLoop': {
      const outer = fromChild(plan.outer);
      const own = plan.nestParams.map((param) => param.paramid);
      result = { ...plan, outer, inner: fromChild(plan.inner, own) };
      break;
    }
    case 'HashJoin': {
      const inner = fromChild(plan.inner);
      const tableParams = new Set(inner.extParams);
      for (const expr of plan.innerKeys) paramsOf(expr, tableParams, subplan);
      result = { ...plan, outer: fromChild(plan.outer), inner, tableParams: [...tableParams] };
      break;
    }
    case 'MergeJoin': case 'SetOp': result = { ...plan, outer: fromChild(plan.outer), inner: fromChild(plan.inner) }; break;
    case 'RecursiveUnion': result = { ...plan, outer: fromChild(plan.outer), inner: fromChild(plan.inner, [plan.wtParam]) }; break;
    case 'SubqueryScan': result = { ...plan, subplan: fromChild(plan.subplan) }; break;
    case 'CteScan': for (const id of subplan(plan.ctePlanId).extParams) params.add(id); break;
    case 'WorkTableScan': params.add(plan.wtParam); break;
    case 'Result': if (plan.child) result = { ...plan, child: fromChild(plan.child) }; break;
    case 'SeqScan': case 'IndexScan': case 'BitmapHeapScan': case 'TidScan': case 'FunctionScan': case 'ValuesScan': break;
    default: result = { ...plan, child: fromChild(plan.child) };
  }
  const set = new Set<number>();
  for (const init of plan.initPlans) {
    for (const id of init.setParam) set.add(id);
    for (const id of subplan(init.planId).extParams) params.add(id);
  }
  return { ...result, extParams: [...params].filter((id) => !set.has(id)).sort((a, b) => a - b) };
}
