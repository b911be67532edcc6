/**
 * Selectivity of conditions and lists of conditions (clausesel.c), and the number of groups of expressions
 * (estimate_num_groups).
 */
import type { Expr, JoinType } from '../analyzer/nodes.js';
import { containsVolatile, pullVarClause, pullVarnos, stripRelabel } from './clauses.js';
import { catalogOf, clampRows } from './cost-qual.js';
import { equal } from './equal.js';
import type { PlannerInfo, RelOptInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import { firstMember, isMultiple, isSingleton, NO_RELS } from './relids.js';
import {
  booleanTestSelectivity, booleanVariableSelectivity, clampProbability, DEFAULT_INEQ_SEL, DEFAULT_RANGE_INEQ_SEL,
  estimatorName, hasVars, nullTestSelectivity, operatorSelectivity, scalarArraySelectivity,
} from './selectivity-ops.js';
import { joinOperatorSelectivity } from './selectivity-join.js';
import { examineVariable, numDistinct, nullFraction, type VariableStats } from './variable-stats.js';

/** Distinct values assumed without any knowledge. */
export const DEFAULT_NUM_DISTINCT = 200;

type Clause = Expr | RestrictInfo;

function isRestrictInfo(clause: Clause): clause is RestrictInfo {
  return !('node' in clause);
}

interface RangePair { variable: Expr; hasLow: boolean; hasHigh: boolean; low: number; high: number }

/** Selectivity of ANDed conditions; pairs of range bounds on one variable are combined. */
export function clauseListSelectivity(root: PlannerInfo, clauses: readonly Clause[], varRelid: number, jointype: JoinType, sjinfo: SpecialJoinInfo | null): number {
  if (clauses.length === 1) return clauseSelectivity(root, clauses[0], varRelid, jointype, sjinfo);
  return combinedSelectivity(root, clauses, clauses.map((clause) => clauseSelectivity(root, clause, varRelid, jointype, sjinfo)), varRelid);
}

/** The same where the selectivity of `each` condition is known. */
export function combinedSelectivity(root: PlannerInfo, clauses: readonly Clause[], each: readonly number[], varRelid: number): number {
  if (clauses.length === 1) return each[0];
  let product = 1;
  const pairs: RangePair[] = [];
  for (const [index, clause] of clauses.entries()) {
    const selectivity = each[index];
    const expr = isRestrictInfo(clause) ? clause.clause : clause;
    if (isRestrictInfo(clause) && clause.pseudoconstant) {
      product *= selectivity;
      continue;
    }
    if (expr.node === 'OpExpr' && expr.args.length === 2 && addRangeClause(root, pairs, expr, selectivity, isRestrictInfo(clause) ? clause : null, varRelid)) continue;
    product *= selectivity;
  }
  for (const pair of pairs) product *= rangePairSelectivity(root, pair, varRelid);
  return product;
}

function addRangeClause(root: PlannerInfo, pairs: RangePair[], expr: Extract<Expr, { node: 'OpExpr' }>, selectivity: number, rinfo: RestrictInfo | null, varRelid: number): boolean {
  const [left, right] = expr.args;
  const catalog = catalogOf(root);
  const relids = rinfo ? rinfo.clauseRelids : pullVarnos(root, expr);
  if (varRelid === 0 && !isSingleton(relids)) return false;
  let onLeft: boolean;
  if (!hasVars(root, right) && !containsVolatile(catalog, right)) onLeft = true;
  else if (!hasVars(root, left) && !containsVolatile(catalog, left)) onLeft = false;
  else return false;
  const name = estimatorName(root, expr.opno, false);
  let isHigh: boolean;
  if (name === 'scalarltsel' || name === 'scalarlesel') isHigh = onLeft;
  else if (name === 'scalargtsel' || name === 'scalargesel') isHigh = !onLeft;
  else return false;
  const variable = onLeft ? left : right;
  let pair = pairs.find((candidate) => equal(candidate.variable, variable));
  if (!pair) {
    pair = { variable, hasLow: false, hasHigh: false, low: 1, high: 1 };
    pairs.push(pair);
  }
  if (isHigh) {
    pair.high = pair.hasHigh ? Math.min(pair.high, selectivity) : selectivity;
    pair.hasHigh = true;
  } else {
    pair.low = pair.hasLow ? Math.min(pair.low, selectivity) : selectivity;
    pair.hasLow = true;
  }
  return true;
}

function rangePairSelectivity(root: PlannerInfo, pair: RangePair, varRelid: number): number {
  if (!pair.hasLow) return pair.high;
  if (!pair.hasHigh) return pair.low;
  if (pair.high === DEFAULT_INEQ_SEL || pair.low === DEFAULT_INEQ_SEL) return DEFAULT_RANGE_INEQ_SEL;
  let selectivity = pair.high + pair.low - 1;
  selectivity += nullFraction(examineVariable(root, pair.variable, varRelid));
  if (selectivity > 0) return selectivity;
  return selectivity < -0.01 ? DEFAULT_RANGE_INEQ_SEL : 1e-10;
}

/** Selectivity of one condition. */
export function clauseSelectivity(root: PlannerInfo, clause: Clause, varRelid: number, jointype: JoinType, sjinfo: SpecialJoinInfo | null): number {
  if (!isRestrictInfo(clause)) return exprSelectivity(root, clause, null, varRelid, jointype, sjinfo);
  if (clause.pseudoconstant && clause.clause.node !== 'Const') return 1;
  const cacheable = varRelid === 0 || !isMultiple(clause.clauseRelids);
  const isInner = jointype === 'inner';
  if (cacheable) {
    const cached = isInner ? clause.normSelectivity : clause.outerSelectivity;
    if (cached >= 0) return cached;
  }
  const selectivity = exprSelectivity(root, clause.clause, clause, varRelid, jointype, sjinfo);
  if (cacheable) {
    if (isInner) clause.normSelectivity = selectivity;
    else clause.outerSelectivity = selectivity;
  }
  return selectivity;
}

function exprSelectivity(root: PlannerInfo, expr: Expr, rinfo: RestrictInfo | null, varRelid: number, jointype: JoinType, sjinfo: SpecialJoinInfo | null): number {
  const recurse = (inner: Expr): number => exprSelectivity(root, inner, null, varRelid, jointype, sjinfo);
  switch (expr.node) {
    case 'Var': return expr.varlevelsup === 0 && (varRelid === 0 || varRelid === expr.varno) ? booleanVariableSelectivity(root, expr, varRelid) : 0.5;
    case 'Const': return expr.value === true ? 1 : 0;
    case 'Param': {
      const bound = expr.paramkind === 'extern' ? root.glob.context.boundParams?.[expr.paramid - 1] : undefined;
      return bound === undefined ? 0.5 : bound === true ? 1 : 0;
    }
    case 'BoolExpr':
      if (expr.boolop === 'not') return 1 - recurse(expr.args[0]);
      if (expr.boolop === 'and') return clauseListSelectivity(root, expr.args, varRelid, jointype, sjinfo);
      return expr.args.reduce((sum, arm) => {
        const one = recurse(arm);
        return sum + one - sum * one;
      }, 0);
    case 'OpExpr': case 'DistinctExpr': {
      const isJoin = treatAsJoin(root, expr, rinfo, varRelid, sjinfo);
      let selectivity = isJoin
        ? joinOperatorSelectivity(root, expr.opno, expr.args, expr.inputcollid, jointype, sjinfo)
        : operatorSelectivity(root, expr.opno, expr.args, expr.inputcollid, varRelid);
      if (expr.node === 'DistinctExpr') selectivity = 1 - selectivity;
      return selectivity;
    }
    case 'ScalarArrayOpExpr':
      return scalarArraySelectivity(root, expr, varRelid, treatAsJoin(root, expr, rinfo, varRelid, sjinfo),
        (op) => joinOperatorSelectivity(root, op.opno, op.args, op.inputcollid, jointype, sjinfo));
    case 'RowCompareExpr':
      return operatorSelectivity(root, expr.opnos[0], [expr.largs[0], expr.rargs[0]], expr.inputcollids[0], varRelid);
    case 'NullTest': return nullTestSelectivity(root, expr, varRelid);
    case 'BooleanTest': return booleanTestSelectivity(root, expr, varRelid, () => recurse(expr.arg));
    case 'CurrentOfExpr': {
      const rel = root.simpleRels[expr.cvarno];
      return rel && rel.tuples > 0 ? 1 / rel.tuples : 0.5;
    }
    case 'RelabelType': case 'CoerceToDomain': return recurse(expr.arg);
    case 'FuncExpr': return 0.3333333;
    case 'SubPlan': case 'SubLink': return 0.5;
    default: return booleanVariableSelectivity(root, expr, varRelid);
  }
}

function treatAsJoin(root: PlannerInfo, expr: Expr, rinfo: RestrictInfo | null, varRelid: number, sjinfo: SpecialJoinInfo | null): boolean {
  if (varRelid !== 0 || sjinfo === null) return false;
  return isMultiple(rinfo ? rinfo.clauseRelids : pullVarnos(root, expr));
}

/** What estimateNumGroups found: the number, and whether a default had to do. */
export interface GroupEstimate { groups: number; usedDefault: boolean }

interface GroupVariable { expr: Expr; rel: RelOptInfo; distinct: number; isDefault: boolean }

/** Number of distinct combinations of the expressions in so many input rows. */
export function estimateNumGroups(root: PlannerInfo, exprs: readonly Expr[], inputRows: number): GroupEstimate {
  const rows = clampRows(inputRows);
  if (exprs.length === 0) return { groups: 1, usedDefault: false };
  const variables: GroupVariable[] = [];
  let distinct = 1;
  let setReturning = 1;
  let usedDefault = false;
  for (const expr of exprs) {
    setReturning = Math.max(setReturning, expressionReturnsSetRows(root, expr));
    if (expr.node === 'Const' || (expr.node === 'BoolExpr' || expr.node === 'NullTest' || expr.node === 'BooleanTest')) {
      if (expr.node !== 'Const') distinct *= 2;
      continue;
    }
    const whole = examineVariable(root, expr);
    if (whole.stats || whole.unique) {
      usedDefault = addGroupVariable(root, variables, expr, whole) || usedDefault;
      continue;
    }
    const vars = pullVarClause(expr);
    if (vars.length === 0) {
      if (containsVolatile(catalogOf(root), expr)) return { groups: rows, usedDefault };
      continue;
    }
    for (const one of vars) usedDefault = addGroupVariable(root, variables, one, examineVariable(root, one)) || usedDefault;
  }
  if (variables.length === 0) {
    return { groups: Math.min(Math.max(clampRows(Math.ceil(distinct * setReturning)), 1), rows * Math.max(setReturning, 1)), usedDefault };
  }
  for (const rel of new Set(variables.map((variable) => variable.rel))) {
    distinct *= relationGroups(rel, variables.filter((variable) => variable.rel === rel));
  }
  distinct = Math.ceil(distinct * setReturning);
  return { groups: Math.max(1, Math.min(distinct, rows * setReturning)), usedDefault };
}

function expressionReturnsSetRows(root: PlannerInfo, expr: Expr): number {
  if (expr.node === 'FuncExpr' && expr.funcretset) return clampRows(catalogOf(root).proc(expr.funcid)?.prorows ?? 1);
  return 1;
}

function addGroupVariable(root: PlannerInfo, variables: GroupVariable[], expr: Expr, stats: VariableStats): boolean {
  const { distinct, isDefault } = numDistinct(root, stats);
  const base = stripRelabel(expr);
  if (variables.some((variable) => equal(stripRelabel(variable.expr), base))) return isDefault;
  if (!stats.rel) return isDefault;
  // Columns known equal in one relation count once: the smaller number.
  const sameRel = variables.findIndex((variable) => variable.rel !== stats.rel && knownEqual(root, variable.expr, base));
  if (sameRel >= 0) {
    if (variables[sameRel].distinct <= distinct) return isDefault;
    variables.splice(sameRel, 1);
  }
  variables.push({ expr: base, rel: stats.rel, distinct, isDefault });
  return isDefault;
}

function knownEqual(root: PlannerInfo, left: Expr, right: Expr): boolean {
  return root.eqClasses.some((ec) => !ec.merged && !ec.hasVolatile
    && ec.members.some((member) => equal(stripRelabel(member.expr), left)) && ec.members.some((member) => equal(stripRelabel(member.expr), right)));
}

function relationGroups(rel: RelOptInfo, group: readonly GroupVariable[]): number {
  let product = 1;
  let maximum = 0;
  let multiple = false;
  for (const variable of group) {
    product *= variable.distinct;
    if (variable.distinct > maximum) maximum = variable.distinct;
  }
  multiple = group.length > 1;
  if (rel.tuples <= 0) return product;
  let clamp = rel.tuples;
  if (multiple) {
    clamp *= 0.1;
    if (clamp < maximum) clamp = Math.min(maximum, rel.tuples);
  }
  if (product > clamp) product = clamp;
  if (rel.rows < rel.tuples && rel.rows > 0) {
    product *= 1 - ((rel.tuples - rel.rows) / rel.tuples) ** (rel.tuples / product);
  }
  return clampRows(product);
}

/** The base relation of a one-relation set. */
export function onlyRelation(root: PlannerInfo, relids: bigint): RelOptInfo | null {
  return relids !== NO_RELS && isSingleton(relids) ? root.simpleRels[firstMember(relids)] ?? null : null;
}

export { clampProbability };
