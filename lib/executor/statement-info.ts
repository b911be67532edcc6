/**
 * Facts about a whole planned statement that compilation and execution need: which exec Param belongs to which InitPlan.
 * Computed once per PlannedStmt.
 */
import type { InitPlan, Plan, PlannedStmt } from '../planner/plan-nodes.js';
import { planChildren } from './plan-children.js';

/** See `statementInfo`. */
export interface StatementInfo {
  readonly statement: PlannedStmt;
  /** By exec Param id. */
  readonly initPlans: ReadonlyMap<number, InitPlan>;
}

const infos = new WeakMap<PlannedStmt, StatementInfo>();

/** The facts of a statement, kept as long as the plan lives. */
export function statementInfo(statement: PlannedStmt): StatementInfo {
  let info = infos.get(statement);
  if (info === undefined) {
    const initPlans = new Map<number, InitPlan>();
    const visit = (plan: Plan): void => {
      for (const initPlan of plan.initPlans) for (const param of initPlan.setParam) initPlans.set(param, initPlan);
      planChildren(plan).forEach(visit);
    };
    if (statement.planTree !== null) visit(statement.planTree);
    statement.subplans.forEach(visit);
    info = { statement, initPlans };
    infos.set(statement, info);
  }
  return info;
}
