/**
 * Generic or custom plans of a prepared statement. A custom plan knows the parameters' values; it is made for the first
 * executions, and ever again while the generic plan costs more than custom ones did on average, their planning included.
 *
 * Idea: PostgreSQL's choose_custom_plan, cached_plan_cost (utils/cache/plancache.c).
 */
import type { PlannedStmt } from '../planner/plan-nodes.js';

/** Executions with custom plans before the costs decide. */
const FIRST_CUSTOM_PLANS = 5;
/** Planning's cost per relation (and one more), in units of cpu_operator_cost. */
const PLANNING_OPERATIONS = 1000;

/** plan_cache_mode */
export type PlanCacheMode = 'auto' | 'force_generic_plan' | 'force_custom_plan';

/** What a session knows of one prepared statement's plans. */
export class PlanChoice {
  /** Executions by the generic plan. */
  genericPlans = 0;
  /** Executions by plans of their own. */
  customPlans = 0;
  private totalCustomCost = 0;

  /** Is a plan for the values at hand better than the generic one? */
  prefersCustom(mode: PlanCacheMode, generic: readonly PlannedStmt[]): boolean {
    if (mode !== 'auto') return mode === 'force_custom_plan';
    if (this.customPlans < FIRST_CUSTOM_PLANS) return true;
    return executionCost(generic) >= this.totalCustomCost / this.customPlans;
  }

  /** A custom plan was made. */
  countCustom(plans: readonly PlannedStmt[], cpuOperatorCost: number): void {
    this.totalCustomCost += plans.reduce((sum, plan) => sum + PLANNING_OPERATIONS * cpuOperatorCost * (plan.rtable.length + 1), executionCost(plans));
    this.customPlans++;
  }
}

function executionCost(plans: readonly PlannedStmt[]): number {
  return plans.reduce((sum, plan) => sum + (plan.planTree?.totalCost ?? 0), 0);
}
