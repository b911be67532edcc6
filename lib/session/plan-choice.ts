/**
 * Generic or custom plans of a prepared statement. A custom plan knows the parameters' values; it is made for the first
 * executions, and ever again while the generic plan costs more than custom ones did on average, their planning included.
 *
 * Idea: PostgreSQL's choose_custom_plan, cached_plan_cost (utils/cache/plancache.c).
 */
import { planShape } from '../planner/estimate-class.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { StatementPlans } from './statement.js';

/** Executions with custom plans before the costs decide. */
const FIRST_CUSTOM_PLANS = 5;
/** Planning's cost per relation (and one more), in units of cpu_operator_cost. */
const PLANNING_OPERATIONS = 1000;

/** Classes of estimates kept of one statement. */
const MOST_CLASSES = 1000;

/** plan_cache_mode */
export type PlanCacheMode = 'auto' | 'force_generic_plan' | 'force_custom_plan';

/** What a session knows of one prepared statement's plans. */
export class PlanChoice {
  /** Executions by the generic plan. */
  genericPlans = 0;
  /** Executions by plans of their own. */
  customPlans = 0;
  private totalCustomCost = 0;
  private lastCost = 0;
  /** The cost of the custom plan for each class of estimates where it is the generic one, null where it is another; of these generic plans. */
  private readonly classes = new Map<string, number | null>();
  private classesOf: StatementPlans | null = null;
  private genericShape = '';

  /** Is a plan for the values at hand better than the generic one? */
  prefersCustom(mode: PlanCacheMode, generic: readonly PlannedStmt[]): boolean {
    if (mode !== 'auto') return mode === 'force_custom_plan';
    if (this.customPlans < FIRST_CUSTOM_PLANS) return true;
    return executionCost(generic) >= this.totalCustomCost / this.customPlans;
  }

  /** A custom plan was made. */
  countCustom(plans: readonly PlannedStmt[], cpuOperatorCost: number): void {
    this.count(plans.reduce((sum, plan) => sum + PLANNING_OPERATIONS * cpuOperatorCost * (plan.rtable.length + 1), executionCost(plans)));
  }

  private count(cost: number): void {
    this.totalCustomCost += cost;
    this.lastCost = cost;
    this.customPlans++;
  }

  /** Whether for values of this class the custom plan was the generic one; then it counts as made again. */
  isGeneric(estimateClass: string, generic: StatementPlans): boolean {
    if (this.classesOf !== generic) return false;
    const cost = this.classes.get(estimateClass) ?? null;
    if (cost === null) return false;
    this.count(cost);
    return true;
  }

  /** Keeps whether the custom plan made for values of this class, the last one that was counted, is the generic one. */
  keepClass(estimateClass: string, generic: StatementPlans, custom: StatementPlans): void {
    if (this.classesOf !== generic) {
      this.classesOf = generic;
      this.classes.clear();
      this.genericShape = planShape(generic.plans);
    }
    if (this.classes.size >= MOST_CLASSES || this.classes.has(estimateClass)) return;
    this.classes.set(estimateClass, planShape(custom.plans) === this.genericShape ? this.lastCost : null);
  }
}

function executionCost(plans: readonly PlannedStmt[]): number {
  return plans.reduce((sum, plan) => sum + (plan.planTree?.totalCost ?? 0), 0);
}
