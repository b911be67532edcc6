/**
 * RestrictInfos: conditions with their relations and operator properties (restrictinfo.c), and their placement on base
 * relations and joins.
 */
import type { Expr } from '../analyzer/nodes.js';
import { exprType } from '../analyzer/node-functions.js';
import { containsVolatile, isFalseOrNull, makeAnds, makeAndsImplicit, pullVarnos } from './clauses.js';
import { catalogOf, costQualEval } from './cost-qual.js';
import type { PlannerInfo, RelOptInfo, RestrictInfo } from './path-nodes.js';
import { isMultiple, members, NO_RELS, overlaps, isSubset, type Relids } from './relids.js';

/** OIDs of the access methods that planning knows. */
export const BTREE_AM = 403;
export const HASH_AM = 405;

/** Where and how a condition applies; see RestrictInfo. */
export interface RestrictOptions {
  readonly isPushedDown: boolean;
  readonly outerjoinDelayed?: boolean;
  readonly pseudoconstant?: boolean;
  readonly requiredRelids?: Relids;
  readonly outerRelids?: Relids;
  readonly nullableRelids?: Relids;
}

/** Builds a RestrictInfo (OR clauses get their arms as RestrictInfos). */
export function makeRestrictInfo(root: PlannerInfo, clause: Expr, options: RestrictOptions): RestrictInfo {
  let leftRelids = NO_RELS;
  let rightRelids = NO_RELS;
  let clauseRelids: Relids;
  let canJoin = false;
  if (clause.node === 'OpExpr' && clause.args.length === 2) {
    leftRelids = pullVarnos(root, clause.args[0]);
    rightRelids = pullVarnos(root, clause.args[1]);
    clauseRelids = leftRelids | rightRelids;
    canJoin = leftRelids !== NO_RELS && rightRelids !== NO_RELS && !overlaps(leftRelids, rightRelids);
  } else clauseRelids = pullVarnos(root, clause);
  const orArms = clause.node === 'BoolExpr' && clause.boolop === 'or'
    ? clause.args.map((arm) => makeAndsImplicit(arm).map((part) => makeRestrictInfo(root, part, { ...options, requiredRelids: undefined }))) : null;
  const rinfo: RestrictInfo = {
    clause, isPushedDown: options.isPushedDown, outerjoinDelayed: options.outerjoinDelayed ?? false, canJoin,
    pseudoconstant: options.pseudoconstant ?? false, clauseRelids, requiredRelids: options.requiredRelids ?? clauseRelids,
    outerRelids: options.outerRelids ?? NO_RELS, nullableRelids: options.nullableRelids ?? NO_RELS, leftRelids, rightRelids, orArms,
    parentEc: null, leftEc: null, rightEc: null, leftEm: null, rightEm: null, mergeopfamilies: [], hashjoinoperator: 0,
    outerIsLeft: true, normSelectivity: -1, outerSelectivity: -1, evalCost: null, hasVolatile: null, isRedundantAlternative: false,
  };
  return rinfo;
}

/** Whether the condition contains volatile functions; remembered. */
export function rinfoVolatile(root: PlannerInfo, rinfo: RestrictInfo): boolean {
  return (rinfo.hasVolatile ??= containsVolatile(catalogOf(root), rinfo.clause));
}

/** Finds the btree families for merging (check_mergejoinable). */
export function checkMergejoinable(root: PlannerInfo, rinfo: RestrictInfo): void {
  const clause = rinfo.clause;
  if (rinfo.pseudoconstant || clause.node !== 'OpExpr' || clause.args.length !== 2) return;
  const catalog = catalogOf(root);
  const operator = catalog.operator(clause.opno);
  if (!operator || !operatorMergejoinable(root, clause.opno, exprType(clause.args[0])) || rinfoVolatile(root, rinfo)) return;
  rinfo.mergeopfamilies = mergejoinOpfamilies(root, clause.opno);
}

/** Whether the operator is marked mergejoinable (arrays and records only when their elements are). */
export function operatorMergejoinable(root: PlannerInfo, opno: number, _inputType: number): boolean {
  return catalogOf(root).operator(opno)?.oprcanmerge === true;
}

/** The btree families in which the operator is equality. */
export function mergejoinOpfamilies(root: PlannerInfo, opno: number): readonly number[] {
  return catalogOf(root).operatorFamilies(opno).filter((entry) => entry.accessMethod === BTREE_AM && entry.strategy === 3).map((entry) => entry.family);
}

/** Finds out whether the condition can be a hash join clause (check_hashjoinable). */
export function checkHashjoinable(root: PlannerInfo, rinfo: RestrictInfo): void {
  const clause = rinfo.clause;
  if (rinfo.pseudoconstant || clause.node !== 'OpExpr' || clause.args.length !== 2) return;
  if (catalogOf(root).operator(clause.opno)?.oprcanhash && !rinfoVolatile(root, rinfo)) rinfo.hashjoinoperator = clause.opno;
}

/** The clauses' expressions without pseudoconstants (or only those). */
export function extractClauses(list: readonly RestrictInfo[], pseudoconstant: boolean): Expr[] {
  return list.filter((rinfo) => rinfo.pseudoconstant === pseudoconstant).map((rinfo) => rinfo.clause);
}

/** Expressions of all clauses. */
export function clausesOf(list: readonly RestrictInfo[]): Expr[] {
  return list.map((rinfo) => rinfo.clause);
}

/** Adds a one-relation condition to its relation; constant FALSE makes it dummy. */
export function addBaseRestrict(root: PlannerInfo, rel: RelOptInfo, rinfo: RestrictInfo): void {
  if (rinfo.clause.node === 'Const' && rinfo.clause.value === true) return;
  if (rinfo.clause.node === 'NullTest' && rinfo.clause.arg.node === 'Var' && !rinfo.clause.argisrow && !rinfo.outerjoinDelayed) {
    const answer = nullTestAnswer(root, rel, rinfo.clause);
    if (answer === true) return;
    if (answer === false) {
      rel.baserestrictinfo.push(makeRestrictInfo(root, { node: 'Const', consttype: 16, consttypmod: -1, constcollid: 0, value: false, location: -1 },
        { isPushedDown: rinfo.isPushedDown, requiredRelids: rinfo.requiredRelids }));
      return;
    }
  }
  rel.baserestrictinfo.push(rinfo);
}

/** IS [NOT] NULL over a NOT NULL column has a known answer, unless an outer join may null it. */
function nullTestAnswer(root: PlannerInfo, rel: RelOptInfo, clause: Extract<Expr, { node: 'NullTest' }>): boolean | null {
  if (clause.arg.node !== 'Var' || !isNotNullVar(root, rel, clause.arg.varattno)) return null;
  return clause.nulltesttype === 'isNotNull';
}

/** True when the relation's column can hold no NULL and no outer join nulls the relation. */
export function isNotNullVar(root: PlannerInfo, rel: RelOptInfo, attno: number): boolean {
  if (overlaps(root.nullableBaserels, rel.relids) || rel.kind !== 'base' || !rel.relation || rel.rte?.rtekind !== 'relation') return false;
  if (attno < 0) return true;
  if (attno === 0) return false;
  if (rel.rte.inh && rel.relation.hasChildren) return false;
  return rel.relation.attributes[attno - 1]?.attnotnull === true;
}

/** Adds a join condition to every relation it mentions. */
export function addJoinClause(root: PlannerInfo, rinfo: RestrictInfo, relids: Relids): void {
  for (const rti of members(relids)) root.simpleRels[rti]?.joininfo.push(rinfo);
}

/** Places a finished condition (distribute_restrictinfo_to_rels). */
export function distributeRestrictInfo(root: PlannerInfo, rinfo: RestrictInfo): void {
  const relids = rinfo.requiredRelids;
  if (isMultiple(relids)) {
    checkHashjoinable(root, rinfo);
    addJoinClause(root, rinfo, relids);
    return;
  }
  const [rti] = members(relids);
  const rel = root.simpleRels[rti];
  if (rel) addBaseRestrict(root, rel, rinfo);
}

/** True when the conditions can never hold. */
export function alwaysFalse(list: readonly RestrictInfo[]): boolean {
  return list.some((rinfo) => isFalseOrNull(rinfo.clause));
}

/** Whether this join's own ON condition (not a filter applied above it). */
export function isJoinQual(rinfo: RestrictInfo, joinrelids: Relids): boolean {
  return !rinfo.isPushedDown && isSubset(rinfo.requiredRelids, joinrelids);
}

/** Splits a join's conditions: those that decide matching, and those applied to joined rows. */
export function splitJoinClauses(list: readonly RestrictInfo[], joinrelids: Relids): { join: Expr[]; other: Expr[] } {
  const join: Expr[] = [];
  const other: Expr[] = [];
  for (const rinfo of list) {
    if (rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, joinrelids)) {
      if (!rinfo.pseudoconstant) other.push(rinfo.clause);
    } else if (!rinfo.pseudoconstant) join.push(rinfo.clause);
  }
  return { join, other };
}

/** Evaluation cost of a relation's restrictions. */
export function setBaseRestrictCost(root: PlannerInfo, rel: RelOptInfo): void {
  rel.baserestrictcost = costQualEval(root, rel.baserestrictinfo);
}

/** The condition that the list means as one expression. */
export function asExpression(list: readonly RestrictInfo[]): Expr | null {
  return makeAnds(clausesOf(list));
}
