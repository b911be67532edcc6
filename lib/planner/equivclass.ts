/**
 * Equivalence classes (equivclass.c): sets of expressions known equal from mergejoinable `=` conditions. They give the
 * transitive conditions (a = b and b = 1 implies a = 1), the join clauses of every join order, and the meaning of
 * pathkeys.
 */
import type { Expr } from '../analyzer/nodes.js';
import { exprCollation, exprType } from '../analyzer/node-functions.js';
import {
  containsAggregate, containsNonstrict, containsSubplan, containsVolatile, containsWindowFunc, makeOpExpr, pullVarClause, pullVarnos, returnsSet, someNode, stripRelabel,
} from './clauses.js';
import { catalogOf, exprCost } from './cost-qual.js';
import { equal, equalValue } from './equal.js';
import type { EquivalenceClass, EquivalenceMember, PlannerInfo, RelOptInfo, RestrictInfo } from './path-nodes.js';
import { isGroupColumn } from './group-columns.js';
import { addVarsToTargets } from './rel.js';
import { isMultiple, isSubset, members, NO_RELS, overlaps, relidsOf, type Relids } from './relids.js';
import { checkMergejoinable, distributeRestrictInfo, makeRestrictInfo, mergejoinOpfamilies } from './restrictinfo.js';

let serial = 0;

function newClass(opfamilies: readonly number[], collation: number): EquivalenceClass {
  return {
    opfamilies, collation, members: [], sources: [], derives: [], relids: NO_RELS, hasConst: false, hasVolatile: false,
    belowOuterJoin: false, broken: false, sortref: 0, merged: null, serial: ++serial,
  };
}

function addMember(root: PlannerInfo, ec: EquivalenceClass, expr: Expr, relids: Relids, nullableRelids: Relids, datatype: number, isChild = false): EquivalenceMember {
  let isConst = false;
  if (relids === NO_RELS && !isChild) {
    isConst = true;
    ec.hasConst = true;
  } else if (!isChild) ec.relids |= relids;
  const member: EquivalenceMember = { expr, relids, nullableRelids, isConst, isChild, datatype };
  ec.members.push(member);
  return member;
}

/** Relabels an expression so that its type and collation are what the operator sees (canonicalize_ec_expression). */
export function canonicalExpression(root: PlannerInfo, expr: Expr, requiredType: number, requiredCollation: number): Expr {
  const type = exprType(expr);
  const pseudo = catalogOf(root).type(requiredType)?.typtype === 'p';
  const wanted = pseudo ? type : requiredType;
  if (type === wanted && exprCollation(expr) === requiredCollation) return expr;
  const base = stripRelabel(expr);
  if (exprType(base) === wanted && exprCollation(base) === requiredCollation) return base;
  return {
    node: 'RelabelType', arg: base, resulttype: wanted, resulttypmod: -1, resultcollid: requiredCollation, relabelformat: 'implicitCast', location: -1,
  };
}

/** Tries to turn an equality condition into class membership; false when it must be kept as an ordinary clause. */
export function processEquivalence(root: PlannerInfo, rinfo: RestrictInfo, belowOuterJoin: boolean): boolean {
  const clause = rinfo.clause;
  if (clause.node !== 'OpExpr' || clause.args.length !== 2) return false;
  const catalog = catalogOf(root);
  const operator = catalog.operator(clause.opno);
  if (!operator) return false;
  const left = canonicalExpression(root, clause.args[0], operator.oprleft, clause.inputcollid);
  const right = canonicalExpression(root, clause.args[1], operator.oprright, clause.inputcollid);
  const leftRelids = rinfo.leftRelids;
  const rightRelids = rinfo.rightRelids;
  const leftNullable = rinfo.nullableRelids & leftRelids;
  const rightNullable = rinfo.nullableRelids & rightRelids;
  if (equal(left, right)) return false;
  if (belowOuterJoin) {
    if (leftRelids !== NO_RELS && containsNonstrict(catalog, left)) return false;
    if (rightRelids !== NO_RELS && containsNonstrict(catalog, right)) return false;
  }
  let ec1: EquivalenceClass | null = null;
  let ec2: EquivalenceClass | null = null;
  let em1: EquivalenceMember | null = null;
  let em2: EquivalenceMember | null = null;
  for (const ec of root.eqClasses) {
    if (ec.hasVolatile || ec.collation !== clause.inputcollid || !equalValue(ec.opfamilies, rinfo.mergeopfamilies)) continue;
    for (const em of ec.members) {
      if (em.isChild || (belowOuterJoin && em.isConst)) continue;
      if (!ec1 && em.datatype === operator.oprleft && em.nullableRelids === leftNullable && equal(em.expr, left)) [ec1, em1] = [ec, em];
      if (!ec2 && em.datatype === operator.oprright && em.nullableRelids === rightNullable && equal(em.expr, right)) [ec2, em2] = [ec, em];
    }
    if (ec1 && ec2) break;
  }
  if (ec1 && ec2) {
    if (ec1 !== ec2) mergeClasses(root, ec1, ec2);
  } else if (ec1) em2 = addMember(root, ec1, right, rightRelids, rightNullable, operator.oprright);
  else if (ec2) {
    em1 = addMember(root, ec2, left, leftRelids, leftNullable, operator.oprleft);
    ec1 = ec2;
  } else {
    ec1 = newClass(rinfo.mergeopfamilies, clause.inputcollid);
    em1 = addMember(root, ec1, left, leftRelids, leftNullable, operator.oprleft);
    em2 = addMember(root, ec1, right, rightRelids, rightNullable, operator.oprright);
    root.eqClasses.push(ec1);
  }
  ec1.sources.push(rinfo);
  ec1.belowOuterJoin ||= belowOuterJoin;
  rinfo.leftEc = ec1;
  rinfo.rightEc = ec1;
  rinfo.leftEm = em1;
  rinfo.rightEm = em2;
  return true;
}

function mergeClasses(root: PlannerInfo, into: EquivalenceClass, from: EquivalenceClass): void {
  into.members.push(...from.members);
  into.sources.push(...from.sources);
  into.derives.push(...from.derives);
  into.relids |= from.relids;
  into.hasConst ||= from.hasConst;
  into.belowOuterJoin ||= from.belowOuterJoin;
  from.merged = into;
  root.eqClasses.splice(root.eqClasses.indexOf(from), 1);
}

/** The class a merged one ended up in. */
export function canonicalClass(ec: EquivalenceClass): EquivalenceClass {
  let current = ec;
  while (current.merged) current = current.merged;
  return current;
}

/** Finds (or, with `create`, makes) the class of a sort expression (get_eclass_for_sort_expr). */
export function classForSortExpr(
  root: PlannerInfo, sortExpr: Expr, opfamilies: readonly number[], opcintype: number, collation: number, sortref: number, relids: Relids | null, create: boolean,
): EquivalenceClass | null {
  const catalog = catalogOf(root);
  const expr = canonicalExpression(root, sortExpr, opcintype, collation);
  const nullable = root.nullableBaserels;
  const isVolatile = containsVolatile(catalog, expr);
  for (const ec of root.eqClasses) {
    if (ec.hasVolatile && (sortref === 0 || sortref !== ec.sortref)) continue;
    if (ec.collation !== collation || !equalValue(ec.opfamilies, opfamilies)) continue;
    for (const em of ec.members) {
      if (em.isChild && em.relids !== relids) continue;
      if (ec.belowOuterJoin && em.isConst) continue;
      if (em.datatype === opcintype && equal(em.expr, expr)) return ec;
    }
  }
  if (!create) return null;
  const ec = newClass(opfamilies, collation);
  ec.hasVolatile = isVolatile;
  ec.sortref = sortref;
  const exprRelids = pullVarnos(root, expr);
  const member = addMember(root, ec, expr, exprRelids, nullable & exprRelids, opcintype);
  if (member.isConst && (isVolatile || someNode(expr, isGroupColumn) || returnsSet(expr) || containsAggregate(expr) || containsWindowFunc(expr))) {
    ec.hasConst = false;
    ec.members[0] = { ...member, isConst: false };
  }
  root.eqClasses.push(ec);
  return ec;
}

/** The family operator that compares the two types as equal; 0 when there is none. */
export function equalityOperator(root: PlannerInfo, ec: EquivalenceClass, leftType: number, rightType: number): number {
  const catalog = catalogOf(root);
  for (const family of ec.opfamilies) {
    const opno = catalog.familyOperator(family, leftType, rightType, 3);
    if (opno) return opno;
  }
  return 0;
}

/** Derives all one-relation conditions from the classes (generate_base_implied_equalities). */
export function generateBaseImpliedEqualities(root: PlannerInfo): void {
  root.ecMergingDone = true;
  for (const ec of root.eqClasses) {
    if (ec.members.length > 1) {
      if (ec.hasConst) deriveFromConst(root, ec);
      else deriveWithoutConst(root, ec);
      if (ec.broken) {
        for (const source of ec.sources) if (ec.hasConst || !isMultiple(source.requiredRelids)) distributeRestrictInfo(root, source);
      }
    }
    if (isMultiple(ec.relids) && ec.members.length > 1) {
      for (const rti of members(ec.relids)) {
        const rel = root.simpleRels[rti];
        if (rel) rel.hasEclassJoins = true;
      }
    }
  }
}

function deriveFromConst(root: PlannerInfo, ec: EquivalenceClass): void {
  if (ec.members.length === 2 && ec.sources.length === 1) {
    distributeRestrictInfo(root, ec.sources[0]);
    return;
  }
  let constant: EquivalenceMember | null = null;
  for (const em of ec.members) {
    if (!em.isConst) continue;
    constant = em;
    if (em.expr.node === 'Const') break;
  }
  if (!constant) return;
  for (const em of ec.members) {
    if (em === constant || em.isChild) continue;
    const opno = equalityOperator(root, ec, em.datatype, constant.datatype);
    if (!opno) {
      ec.broken = true;
      return;
    }
    distributeImplied(root, ec, opno, em, constant);
  }
}

function deriveWithoutConst(root: PlannerInfo, ec: EquivalenceClass): void {
  const previous = new Map<Relids, EquivalenceMember>();
  for (const em of ec.members) {
    if (em.isChild || isMultiple(em.relids) || em.relids === NO_RELS) continue;
    const other = previous.get(em.relids);
    if (other) {
      const opno = equalityOperator(root, ec, other.datatype, em.datatype);
      if (!opno) {
        ec.broken = true;
        return;
      }
      distributeImplied(root, ec, opno, other, em);
    }
    previous.set(em.relids, em);
  }
  for (const em of ec.members) {
    addVarsToTargets(root, pullVarClause(em.expr), ec.relids);
  }
}

function distributeImplied(root: PlannerInfo, ec: EquivalenceClass, opno: number, left: EquivalenceMember, right: EquivalenceMember): void {
  const folded = foldConstantEquality(root, opno, ec.collation, left.expr, right.expr);
  if (folded === true) return;
  const required = left.relids | right.relids;
  if (folded !== null) {
    const target = required === NO_RELS ? members(ec.relids)[0] : members(required)[0];
    const rel = target === undefined ? undefined : root.simpleRels[target];
    const constant: Expr = { node: 'Const', consttype: 16, consttypmod: -1, constcollid: 0, value: false, location: -1 };
    for (const rti of required === NO_RELS ? members(ec.relids) : [target]) {
      root.simpleRels[rti]?.baserestrictinfo.push(makeRestrictInfo(root, constant, { isPushedDown: true, requiredRelids: rel?.relids ?? NO_RELS }));
    }
    return;
  }
  const clause = makeOpExpr(catalogOf(root), opno, left.expr, right.expr, ec.collation);
  if (required === NO_RELS) {
    // Two Params that one column equals: a gate over every relation of the class.
    root.hasPseudoConstantQuals = true;
    for (const rti of members(ec.relids)) root.simpleRels[rti]?.baserestrictinfo.push(makeRestrictInfo(root, clause, { isPushedDown: true, pseudoconstant: true, requiredRelids: relidsOf(rti) }));
    return;
  }
  const rinfo = makeRestrictInfo(root, clause, { isPushedDown: true, nullableRelids: left.nullableRelids | right.nullableRelids });
  checkMergejoinable(root, rinfo);
  rinfo.leftEc = rinfo.rightEc = ec;
  rinfo.leftEm = left;
  rinfo.rightEm = right;
  distributeRestrictInfo(root, rinfo);
}

/** Evaluates `const = const`; null when it cannot be known now. */
function foldConstantEquality(root: PlannerInfo, opno: number, collation: number, left: Expr, right: Expr): boolean | null {
  const a = stripRelabel(left);
  const b = stripRelabel(right);
  if (a.node !== 'Const' || b.node !== 'Const') return null;
  if (a.value === null || b.value === null) return false;
  const code = catalogOf(root).operator(opno)?.oprcode ?? 0;
  return root.glob.context.evaluator.callFunction(code, collation, [a.value, b.value]) === true;
}

/** Join clauses that the classes (by default all) imply for a join of `outerRelids` with `inner` (generate_join_implied_equalities). */
export function generateJoinImpliedEqualities(
  root: PlannerInfo, joinRelids: Relids, outerRelids: Relids, inner: RelOptInfo, classes: Iterable<EquivalenceClass> = root.eqClasses,
): RestrictInfo[] {
  const nominalInner = inner.topParentRelids ?? inner.relids;
  const nominalJoin = inner.topParentRelids ? outerRelids | nominalInner : joinRelids;
  const result: RestrictInfo[] = [];
  for (const ec of classes) {
    if (ec.hasConst || ec.members.length <= 1 || !overlaps(ec.relids, nominalJoin)) continue;
    if (!ec.broken) result.push(...joinClausesOfClass(root, ec, joinRelids, outerRelids, inner.relids));
    if (ec.broken) {
      result.push(...ec.sources.filter((source) => isSubset(source.requiredRelids, nominalJoin)
        && overlaps(source.requiredRelids, outerRelids) && overlaps(source.requiredRelids, nominalInner)));
    }
  }
  return result;
}

function joinClausesOfClass(root: PlannerInfo, ec: EquivalenceClass, joinRelids: Relids, outerRelids: Relids, innerRelids: Relids): RestrictInfo[] {
  const outers: EquivalenceMember[] = [];
  const inners: EquivalenceMember[] = [];
  const news: EquivalenceMember[] = [];
  for (const em of ec.members) {
    if (!isSubset(em.relids, joinRelids)) continue;
    if (isSubset(em.relids, outerRelids)) outers.push(em);
    else if (isSubset(em.relids, innerRelids)) inners.push(em);
    else news.push(em);
  }
  const result: RestrictInfo[] = [];
  if (outers.length > 0 && inners.length > 0) {
    const best = bestPair(root, ec, outers, inners);
    if (!best) {
      ec.broken = true;
      return [];
    }
    result.push(createJoinClause(root, ec, best.opno, best.left, best.right, ec));
  }
  if (news.length > 0) {
    let previous = outers[0] ?? inners[0] ?? null;
    for (const em of news) {
      if (previous) {
        const opno = equalityOperator(root, ec, previous.datatype, em.datatype);
        if (!opno) {
          ec.broken = true;
          return [];
        }
        result.push(createJoinClause(root, ec, opno, previous, em, null));
      }
      previous = em;
    }
  }
  return result;
}

function bestPair(root: PlannerInfo, ec: EquivalenceClass, outers: readonly EquivalenceMember[], inners: readonly EquivalenceMember[]): { left: EquivalenceMember; right: EquivalenceMember; opno: number } | null {
  let best: { left: EquivalenceMember; right: EquivalenceMember; opno: number } | null = null;
  let bestScore = -1;
  for (const left of outers) {
    for (const right of inners) {
      const opno = equalityOperator(root, ec, left.datatype, right.datatype);
      if (!opno) continue;
      let score = 0;
      if (isSimple(left.expr)) score++;
      if (isSimple(right.expr)) score++;
      if (catalogOf(root).operator(opno)?.oprcanhash) score++;
      if (score > bestScore) {
        best = { left, right, opno };
        bestScore = score;
      }
      if (score === 3) return best;
    }
  }
  return best;
}

function isSimple(expr: Expr): boolean {
  return stripRelabel(expr).node === 'Var';
}

/** The RestrictInfo for a pair of members, made once (create_join_clause). */
export function createJoinClause(root: PlannerInfo, ec: EquivalenceClass, opno: number, left: EquivalenceMember, right: EquivalenceMember, parentEc: EquivalenceClass | null): RestrictInfo {
  const known = [...ec.sources, ...ec.derives].find((rinfo) => rinfo.leftEm === left && rinfo.rightEm === right && rinfo.parentEc === parentEc
    && rinfo.clause.node === 'OpExpr' && rinfo.clause.opno === opno);
  if (known) return known;
  const rinfo = makeRestrictInfo(root, makeOpExpr(catalogOf(root), opno, left.expr, right.expr, ec.collation), {
    isPushedDown: true, requiredRelids: left.relids | right.relids, nullableRelids: left.nullableRelids | right.nullableRelids,
  });
  rinfo.parentEc = parentEc;
  rinfo.leftEc = rinfo.rightEc = ec;
  rinfo.leftEm = left;
  rinfo.rightEm = right;
  rinfo.mergeopfamilies = mergejoinOpfamilies(root, opno);
  if (catalogOf(root).operator(opno)?.oprcanhash) rinfo.hashjoinoperator = opno;
  ec.derives.push(rinfo);
  return rinfo;
}

/** Conditions that equate an index column of a relation with members elsewhere: for parameterised paths. */
export function impliedEqualitiesForColumn(root: PlannerInfo, rel: RelOptInfo, matches: (ec: EquivalenceClass, em: EquivalenceMember) => boolean, prohibited: Relids): RestrictInfo[] {
  const result: RestrictInfo[] = [];
  const isChild = rel.kind === 'otherMember';
  const nominal = rel.topParentRelids ?? rel.relids;
  for (const ec of root.eqClasses) {
    if (ec.hasConst || ec.members.length <= 1 || !overlaps(ec.relids, nominal)) continue;
    const own = ec.members.find((em) => em.relids === rel.relids && em.isChild === isChild && matches(ec, em));
    if (!own) continue;
    for (const other of ec.members) {
      if (other.isChild || other === own || overlaps(other.relids, nominal) || overlaps(other.relids, prohibited) || other.relids === NO_RELS) continue;
      const opno = equalityOperator(root, ec, own.datatype, other.datatype);
      if (opno) result.push(createJoinClause(root, ec, opno, own, other, ec));
    }
    if (result.length > 0) break;
  }
  return result;
}

/** True when some class could give a clause between the two sides. */
export function hasRelevantEclassJoin(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo): boolean {
  return root.eqClasses.some((ec) => ec.members.length > 1 && overlaps(left.relids, ec.relids) && overlaps(right.relids, ec.relids)
    && (!ec.hasConst || true));
}

/** True when the class could be used for a merge join with something outside the relation. */
export function eclassUsefulForMerging(ec: EquivalenceClass, rel: RelOptInfo): boolean {
  if (ec.hasConst || ec.members.length <= 1) return false;
  const relids = rel.topParentRelids ?? rel.relids;
  if (isSubset(ec.relids, relids)) return false;
  return ec.members.some((em) => !em.isChild && !overlaps(em.relids, relids));
}

/** A member that can be computed from the relation's expressions, for sorting it (find_computable_ec_member, find_ec_member_matching_expr). */
export function memberForSort(ec: EquivalenceClass, available: readonly Expr[], relids: Relids | null): EquivalenceMember | null {
  for (const expr of available) {
    const stripped = stripRelabel(expr);
    for (const em of ec.members) {
      if (em.isConst || (em.isChild && (relids === null || !isSubset(em.relids, relids)))) continue;
      if (equal(stripRelabel(em.expr), stripped)) return em;
    }
  }
  for (const em of ec.members) {
    if (em.isConst || (em.isChild && (relids === null || !isSubset(em.relids, relids)))) continue;
    const parts = pullVarClause(em.expr, { aggregates: 'include', windows: 'include' });
    if (parts.every((part) => available.some((expr) => equal(expr, part)))) return em;
  }
  return null;
}

/** A member computable within the relation before it is joined further (relation_can_be_sorted_early). */
export function canSortEarly(root: PlannerInfo, rel: RelOptInfo, ec: EquivalenceClass): boolean {
  if (ec.hasVolatile) return false;
  const member = memberForSort(ec, rel.reltarget.exprs, rel.relids);
  return member !== null && !containsSubplan(member.expr) && !returnsSet(member.expr) && exprCost(root, member.expr).startup >= 0;
}
