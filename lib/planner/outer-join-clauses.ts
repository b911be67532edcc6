/**
 * Constants through outer joins (reconsider_outer_join_clauses of equivclass.c): from `a LEFT JOIN b ON a.x = b.y WHERE
 * a.x = 42` follows that only rows of b with y = 42 can match.
 */
import type { Expr } from '../analyzer/nodes.js';
import { catalogOf } from './cost-qual.js';
import { makeOpExpr } from './clauses.js';
import { canonicalExpression, equalityOperator, processEquivalence } from './equivclass.js';
import { equal, equalValue } from './equal.js';
import type { PlannerInfo, RestrictInfo } from './path-nodes.js';
import { ensureMergeClasses } from './pathkeys.js';
import { checkMergejoinable, distributeRestrictInfo, makeRestrictInfo } from './restrictinfo.js';

/** Derives what can be derived, then places the set-aside outer-join clauses. */
export function reconsiderOuterJoinClauses(root: PlannerInfo): void {
  for (let found = true; found;) {
    found = false;
    for (const [list, outerOnLeft] of [[root.leftJoinClauses, true], [root.rightJoinClauses, false]] as const) {
      for (const rinfo of [...list]) {
        if (!deriveInnerConstant(root, rinfo, outerOnLeft)) continue;
        found = true;
        list.splice(list.indexOf(rinfo), 1);
        distribute(root, rinfo);
      }
    }
    for (const rinfo of [...root.fullJoinClauses]) {
      if (!deriveFullJoin(root, rinfo)) continue;
      found = true;
      root.fullJoinClauses.splice(root.fullJoinClauses.indexOf(rinfo), 1);
      distribute(root, rinfo);
    }
  }
  for (const rinfo of [...root.leftJoinClauses, ...root.rightJoinClauses, ...root.fullJoinClauses]) distribute(root, rinfo);
}

function distribute(root: PlannerInfo, rinfo: RestrictInfo): void {
  ensureMergeClasses(root, rinfo);
  distributeRestrictInfo(root, rinfo);
}

interface Sides { outer: Expr; inner: Expr; innerRelids: bigint; outerType: number; innerType: number }

function sidesOf(root: PlannerInfo, rinfo: RestrictInfo, outerOnLeft: boolean): Sides | null {
  const clause = rinfo.clause;
  if (clause.node !== 'OpExpr') return null;
  const operator = catalogOf(root).operator(clause.opno);
  if (!operator || (catalogOf(root).proc(operator.oprcode)?.proisstrict !== true)) return null;
  const left = canonicalExpression(root, clause.args[0], operator.oprleft, clause.inputcollid);
  const right = canonicalExpression(root, clause.args[1], operator.oprright, clause.inputcollid);
  return outerOnLeft
    ? { outer: left, inner: right, innerRelids: rinfo.rightRelids, outerType: operator.oprleft, innerType: operator.oprright }
    : { outer: right, inner: left, innerRelids: rinfo.leftRelids, outerType: operator.oprright, innerType: operator.oprleft };
}

/** outer = const known: adds inner = const (below the outer join). */
function deriveInnerConstant(root: PlannerInfo, rinfo: RestrictInfo, outerOnLeft: boolean): boolean {
  if (rinfo.outerjoinDelayed || rinfo.clause.node !== 'OpExpr') return false;
  const sides = sidesOf(root, rinfo, outerOnLeft);
  if (!sides) return false;
  const collation = rinfo.clause.inputcollid;
  for (const ec of root.eqClasses) {
    if (!ec.hasConst || ec.hasVolatile || ec.collation !== collation || !equalValue(ec.opfamilies, rinfo.mergeopfamilies)) continue;
    if (!ec.members.some((em) => !em.isChild && em.datatype === sides.outerType && equal(em.expr, sides.outer))) continue;
    let match = false;
    for (const em of ec.members) {
      if (!em.isConst) continue;
      const opno = equalityOperator(root, ec, sides.innerType, em.datatype);
      if (!opno) continue;
      match = addDerived(root, makeOpExpr(catalogOf(root), opno, sides.inner, em.expr, collation), rinfo) || match;
    }
    return match;
  }
  return false;
}

function addDerived(root: PlannerInfo, clause: Expr, from: RestrictInfo): boolean {
  const derived = makeRestrictInfo(root, clause, { isPushedDown: true, nullableRelids: from.nullableRelids });
  checkMergejoinable(root, derived);
  return derived.mergeopfamilies.length > 0 && processEquivalence(root, derived, true);
}

/** COALESCE(left, right) = const above a full join: constants go to both sides. */
function deriveFullJoin(root: PlannerInfo, rinfo: RestrictInfo): boolean {
  if (rinfo.outerjoinDelayed || rinfo.clause.node !== 'OpExpr') return false;
  const sides = sidesOf(root, rinfo, true);
  if (!sides) return false;
  const collation = rinfo.clause.inputcollid;
  for (const ec of root.eqClasses) {
    if (!ec.hasConst || ec.hasVolatile || ec.collation !== collation || !equalValue(ec.opfamilies, rinfo.mergeopfamilies)) continue;
    const coalesce = ec.members.find((em) => em.expr.node === 'CoalesceExpr' && em.expr.args.length === 2
      && equal(em.expr.args[0], sides.outer) && equal(em.expr.args[1], sides.inner));
    if (!coalesce) continue;
    let left = false;
    let right = false;
    for (const em of ec.members) {
      if (!em.isConst) continue;
      const leftOp = equalityOperator(root, ec, sides.outerType, em.datatype);
      if (leftOp) left = addDerived(root, makeOpExpr(catalogOf(root), leftOp, sides.outer, em.expr, collation), rinfo) || left;
      const rightOp = equalityOperator(root, ec, sides.innerType, em.datatype);
      if (rightOp) right = addDerived(root, makeOpExpr(catalogOf(root), rightOp, sides.inner, em.expr, collation), rinfo) || right;
    }
    if (left && right) {
      ec.members.splice(ec.members.indexOf(coalesce), 1);
      return true;
    }
    return false;
  }
  return false;
}
