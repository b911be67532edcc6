/**
 * Paths that fetch rows by ctid (tidpath.c): `ctid = ...`, `ctid = ANY (...)`, OR of those, and WHERE CURRENT OF.
 */
import type { Expr } from '../analyzer/nodes.js';
import { containsVolatile, pullVarnos } from './clauses.js';
import { costTidscan } from './cost.js';
import { catalogOf, estimateArrayLength } from './cost-qual.js';
import type { PlannerInfo, RelOptInfo, RestrictInfo, TidPath } from './path-nodes.js';
import { addPath, baseParamInfo, pathBase } from './paths.js';
import { hasMember } from './relids.js';

const TID_EQUAL_OPERATOR = 387;

/** Adds tid paths; true when WHERE CURRENT OF leaves no other choice. */
export function createTidPaths(root: PlannerInfo, rel: RelOptInfo): boolean {
  let quals: RestrictInfo[] | null = null;
  let isCurrentOf = false;
  for (const rinfo of rel.baserestrictinfo) {
    if (rinfo.clause.node === 'CurrentOfExpr') {
      quals = [rinfo];
      isCurrentOf = true;
      break;
    }
    if (!quals && isTidQual(root, rinfo.clause, rel)) quals = [rinfo];
  }
  if (!quals) return false;
  const path: TidPath = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, rel.lateralRelids)), kind: 'tid', tidquals: quals };
  costTidscan(root, path, tidCount(quals[0].clause), isCurrentOf);
  addPath(rel, path);
  return isCurrentOf;
}

function isCtid(expr: Expr, rel: RelOptInfo): boolean {
  return expr.node === 'Var' && expr.varno === rel.relid && expr.varattno === -1 && expr.varlevelsup === 0;
}

function isTidQual(root: PlannerInfo, clause: Expr, rel: RelOptInfo): boolean {
  const free = (expr: Expr): boolean => !hasMember(pullVarnos(root, expr), rel.relid) && !containsVolatile(catalogOf(root), expr);
  if (clause.node === 'OpExpr' && clause.opno === TID_EQUAL_OPERATOR) {
    return (isCtid(clause.args[0], rel) && free(clause.args[1])) || (isCtid(clause.args[1], rel) && free(clause.args[0]));
  }
  if (clause.node === 'ScalarArrayOpExpr' && clause.opno === TID_EQUAL_OPERATOR && clause.useOr) return isCtid(clause.args[0], rel) && free(clause.args[1]);
  return clause.node === 'BoolExpr' && clause.boolop === 'or' && clause.args.every((arm) => isTidQual(root, arm, rel)
    || (arm.node === 'BoolExpr' && arm.boolop === 'and' && arm.args.some((part) => isTidQual(root, part, rel))));
}

function tidCount(clause: Expr): number {
  if (clause.node === 'ScalarArrayOpExpr') return estimateArrayLength(clause.args[1]);
  if (clause.node === 'BoolExpr') return clause.args.reduce((sum, arm) => sum + tidCount(arm), 0);
  return 1;
}
