/**
 * From the preprocessed join tree to relations with conditions (initsplan.c, placeholder.c): base relations and the
 * columns they must deliver, outer joins with their reordering limits (SpecialJoinInfo), and every condition placed at
 * the lowest level at which it may be evaluated.
 *
 * Outer joins follow PostgreSQL 15's rules: a condition above an outer join that mentions its nullable side waits until
 * the join is done ("delayed"), instead of marking nulled Vars.
 */
import type { Expr, FromExpr, JoinExpr, JoinTreeNode, JoinType } from '../analyzer/nodes.js';
import { walkExpression, walkQuery } from '../analyzer/walker.js';
import { pgError } from '../base/error.js';
import {
  containsVolatile, findForcedNullVars, findNonnullableRels, isPseudoConstant, makeAnds, makeAndsImplicit, placeholderOf, pullVarClause, pullVarnos,
} from './clauses.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import { processEquivalence } from './equivclass.js';
import type { PlannerInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import { PLACEHOLDER_VARNO } from './path-nodes.js';
import { ensureMergeClasses } from './pathkeys.js';
import { addToTarget, addVarsToTargets, buildSimpleRel, findBaseRel } from './rel.js';
import { checkMergejoinable, distributeRestrictInfo, makeRestrictInfo } from './restrictinfo.js';
import { hasMember, isMultiple, isSubset, members, NO_RELS, overlaps, relidsOf, type Relids } from './relids.js';

/** What is to be joined: a relation, or a list that is planned as one problem before it joins the others. */
export type JoinListItem = number | JoinListItem[];

/** Builds the base relations of the join tree. */
export function addBaseRels(root: PlannerInfo, node: JoinTreeNode): void {
  if (node.node === 'RangeTblRef') buildSimpleRel(root, node.rtindex, null);
  else if (node.node === 'FromExpr') node.fromlist.forEach((child) => addBaseRels(root, child));
  else {
    addBaseRels(root, node.larg);
    addBaseRels(root, node.rarg);
  }
}

/** Notes the Vars that the final target list and HAVING need. */
export function buildBaseRelTargets(root: PlannerInfo): void {
  for (const entry of [...root.groupTlist, ...root.processedTlist]) addVarsToTargets(root, pullVarClause(entry.expr), relidsOf(0));
  if (root.parse.havingQual) addVarsToTargets(root, pullVarClause(root.parse.havingQual), relidsOf(0));
}

/** Relations of a join tree. */
export function jointreeRelids(node: JoinTreeNode): Relids {
  if (node.node === 'RangeTblRef') return relidsOf(node.rtindex);
  if (node.node === 'JoinExpr') return jointreeRelids(node.larg) | jointreeRelids(node.rarg);
  return node.fromlist.reduce((set, child) => set | jointreeRelids(child), NO_RELS);
}

/** Finds which Vars LATERAL items take from their siblings (find_lateral_references). */
export function findLateralReferences(root: PlannerInfo): void {
  if (!root.hasLateralRTEs) return;
  root.simpleRels.forEach((rel, rti) => {
    if (!rel || rel.kind !== 'base') return;
    const rte = root.rtable[rti];
    if (!rte.lateral) return;
    const found: Expr[] = [];
    const take = (node: Expr, level: number, own: number): void => {
      if (node.node === 'Var' && node.varlevelsup === level + own) found.push({ ...node, varlevelsup: 0 });
    };
    if (rte.rtekind === 'subquery') walkQuery(rte.subquery, (node, level) => take(node, level, 1), 0);
    else if (rte.rtekind === 'function') for (const fn of rte.functions) walkExpression(fn.funcexpr, (node, level) => take(node, level, 0));
    else if (rte.rtekind === 'values') for (const row of rte.valuesLists) for (const item of row) walkExpression(item, (node, level) => take(node, level, 0));
    else if (rte.rtekind === 'relation' && rte.tablesample) for (const arg of rte.tablesample.args) walkExpression(arg, (node, level) => take(node, level, 0));
    if (found.length === 0) return;
    addVarsToTargets(root, found, relidsOf(rti));
    rel.lateralVars = found;
  });
}

/** Computes direct and transitive lateral references (create_lateral_join_info). */
export function createLateralJoinInfo(root: PlannerInfo): void {
  const rels = root.simpleRels.filter((rel) => rel !== undefined && rel.kind === 'base');
  let any = false;
  for (const rel of rels) {
    let relids = NO_RELS;
    for (const item of rel!.lateralVars) {
      if (item.node !== 'Var') continue;
      const placeholder = placeholderOf(root, item);
      relids |= placeholder ? placeholder.evalAt : relidsOf(item.varno);
    }
    rel!.directLateralRelids = relids;
    rel!.lateralRelids = relids;
    any ||= relids !== NO_RELS;
  }
  for (const placeholder of root.placeholders.values()) {
    if (placeholder.lateral === NO_RELS) continue;
    any = true;
    for (const rti of members(placeholder.evalAt)) {
      const rel = findBaseRel(root, rti);
      if (!isMultiple(placeholder.evalAt)) rel.directLateralRelids |= placeholder.lateral & ~rel.relids;
      rel.lateralRelids |= placeholder.lateral & ~rel.relids;
    }
  }
  if (!any) return;
  for (let changed = true; changed;) {
    changed = false;
    for (const rel of rels) {
      let relids = rel!.lateralRelids;
      for (const rti of members(relids)) relids |= root.simpleRels[rti]?.lateralRelids ?? NO_RELS;
      if (relids !== rel!.lateralRelids) {
        rel!.lateralRelids = relids;
        changed = true;
      }
    }
  }
  for (const rel of rels) {
    for (const rti of members(rel!.lateralRelids)) {
      const other = root.simpleRels[rti];
      if (other) other.lateralReferencers |= rel!.relids;
    }
  }
}

/** Levels at which placeholders can first be evaluated, once all outer joins are known (update_placeholder_eval_levels). */
function updatePlaceholderLevels(root: PlannerInfo, newJoin: SpecialJoinInfo | null): void {
  for (const placeholder of root.placeholders.values()) {
    if (newJoin && !isSubset(placeholder.phrels, newJoin.synLeft | newJoin.synRight)) {
      if (!overlaps(placeholder.phrels, newJoin.synLeft | newJoin.synRight)) continue;
    }
    let evalAt = placeholder.evalAt;
    for (let changed = true; changed;) {
      changed = false;
      for (const join of root.joinInfos) {
        const within = isSubset(join.synLeft | join.synRight, placeholder.phrels);
        if (!within) continue;
        if (overlaps(evalAt, join.minRight) || (join.jointype === 'full' && overlaps(evalAt, join.minLeft))) {
          const wider = evalAt | join.minLeft | join.minRight;
          if (wider !== evalAt) {
            evalAt = wider;
            changed = true;
          }
        }
      }
    }
    placeholder.evalAt = evalAt;
  }
}

/** First guess of each placeholder's evaluation level: the relations its expression uses. */
export function initPlaceholders(root: PlannerInfo): void {
  for (const placeholder of root.placeholders.values()) {
    const used = pullVarnos(root, placeholder.expr);
    placeholder.lateral = used & ~placeholder.phrels;
    const within = used & placeholder.phrels;
    placeholder.evalAt = within === NO_RELS ? placeholder.phrels : within;
  }
}

/** Makes the inputs of placeholders available where they are evaluated (fix_placeholder_input_needed_levels). */
export function fixPlaceholderInputs(root: PlannerInfo): void {
  for (const placeholder of root.placeholders.values()) addVarsToTargets(root, pullVarClause(placeholder.expr), placeholder.evalAt);
}

/** Placeholders evaluated at a base relation join its target (add_placeholders_to_base_rels). */
export function addPlaceholdersToBaseRels(root: PlannerInfo): void {
  for (const placeholder of root.placeholders.values()) {
    if (isMultiple(placeholder.evalAt) || placeholder.evalAt === NO_RELS) continue;
    const [rti] = members(placeholder.evalAt);
    if (isSubset(placeholder.needed, placeholder.evalAt)) continue;
    const rel = root.simpleRels[rti];
    if (rel) addToTarget(root, rel.reltarget, placeholderVar(root, placeholder.id));
  }
}

/** The Var that stands for a placeholder. */
export function placeholderVar(root: PlannerInfo, id: number): Expr {
  const template = root.placeholderVars.get(id);
  if (template) return template;
  throw new Error(`placeholder ${id} has no variable`);
}

interface Scope {
  readonly joinlist: JoinListItem[];
  readonly qualscope: Relids;
  readonly innerJoinRels: Relids;
}

interface PostponedQual { readonly qual: Expr; readonly relids: Relids }

/** Walks the join tree, places all conditions and returns what is to be joined (deconstruct_jointree). */
export function deconstructJointree(root: PlannerInfo, tree: FromExpr): JoinListItem[] {
  const postponed: PostponedQual[] = [];
  const { joinlist } = deconstruct(root, tree, false, postponed);
  return joinlist;
}

function deconstruct(root: PlannerInfo, node: JoinTreeNode, belowOuterJoin: boolean, postponed: PostponedQual[]): Scope {
  switch (node.node) {
    case 'RangeTblRef': {
      const relids = relidsOf(node.rtindex);
      return { joinlist: [node.rtindex], qualscope: relids, innerJoinRels: NO_RELS };
    }
    case 'FromExpr': return deconstructFrom(root, node, belowOuterJoin, postponed);
    case 'JoinExpr': return deconstructJoin(root, node, belowOuterJoin, postponed);
    default: return node satisfies never;
  }
}

function deconstructFrom(root: PlannerInfo, node: FromExpr, belowOuterJoin: boolean, postponed: PostponedQual[]): Scope {
  const childPostponed: PostponedQual[] = [];
  let qualscope = NO_RELS;
  let innerJoinRels = NO_RELS;
  let joinlist: JoinListItem[] = [];
  let remaining = node.fromlist.length;
  for (const child of node.fromlist) {
    const sub = deconstruct(root, child, belowOuterJoin, childPostponed);
    qualscope |= sub.qualscope;
    innerJoinRels = sub.innerJoinRels;
    remaining--;
    if (sub.joinlist.length <= 1 || joinlist.length + sub.joinlist.length + remaining <= settingsOf(root).fromCollapseLimit) joinlist = [...joinlist, ...sub.joinlist];
    else joinlist.push(sub.joinlist);
  }
  if (node.fromlist.length > 1) innerJoinRels = qualscope;
  for (const item of childPostponed) {
    if (isSubset(item.relids, qualscope)) distributeQual(root, item.qual, belowOuterJoin, 'inner', qualscope, null, NO_RELS, null);
    else postponed.push(item);
  }
  for (const qual of makeAndsImplicit(node.quals)) distributeQual(root, qual, belowOuterJoin, 'inner', qualscope, null, NO_RELS, postponed);
  return { joinlist, qualscope, innerJoinRels };
}

function deconstructJoin(root: PlannerInfo, node: JoinExpr, belowOuterJoin: boolean, postponed: PostponedQual[]): Scope {
  const childPostponed: PostponedQual[] = [];
  const isInner = node.jointype === 'inner';
  const isFull = node.jointype === 'full';
  const left = deconstruct(root, node.larg, belowOuterJoin || isFull, childPostponed);
  const rightBelow = belowOuterJoin || node.jointype === 'left' || node.jointype === 'anti' || isFull;
  const right = deconstruct(root, node.rarg, rightBelow, childPostponed);
  const qualscope = left.qualscope | right.qualscope;
  const innerJoinRels = isInner ? qualscope : left.innerJoinRels | right.innerJoinRels;
  let nonnullable = NO_RELS;
  if (node.jointype === 'left' || node.jointype === 'anti' || node.jointype === 'semi') nonnullable = node.jointype === 'semi' ? NO_RELS : left.qualscope;
  else if (isFull) nonnullable = qualscope;
  if (node.jointype === 'left' || node.jointype === 'anti') root.nullableBaserels |= right.qualscope;
  else if (isFull) root.nullableBaserels |= qualscope;
  const quals = [...makeAndsImplicit(node.quals)];
  for (const item of childPostponed) {
    if (isSubset(item.relids, qualscope)) quals.push(item.qual);
    else if (isInner) postponed.push(item);
    else throw pgError('FEATURE_NOT_SUPPORTED', 'invalid LATERAL reference below an outer join');
  }
  let sjinfo: SpecialJoinInfo | null = null;
  let ojscope: Relids | null = null;
  if (!isInner) {
    sjinfo = makeOuterJoinInfo(root, left.qualscope, right.qualscope, innerJoinRels, node.jointype, makeAnds(quals));
    ojscope = node.jointype === 'semi' ? null : sjinfo.minLeft | sjinfo.minRight;
  }
  for (const qual of quals) distributeQual(root, qual, belowOuterJoin, node.jointype, qualscope, ojscope, nonnullable, postponed);
  if (sjinfo) {
    root.joinInfos.push(sjinfo);
    updatePlaceholderLevels(root, sjinfo);
  }
  return { joinlist: joinListOf(root, node.jointype, left.joinlist, right.joinlist), qualscope, innerJoinRels };
}

function joinListOf(root: PlannerInfo, jointype: JoinType, left: JoinListItem[], right: JoinListItem[]): JoinListItem[] {
  const wrap = (list: JoinListItem[]): JoinListItem => (list.length === 1 ? list[0] : list);
  if (jointype === 'full') return [[wrap(left), wrap(right)]];
  if (left.length + right.length <= settingsOf(root).joinCollapseLimit) return [...left, ...right];
  return [wrap(left), wrap(right)];
}

/** Reordering limits of one outer, semi or anti join (make_outerjoininfo). */
function makeOuterJoinInfo(root: PlannerInfo, left: Relids, right: Relids, innerJoinRels: Relids, jointype: JoinType, clause: Expr | null): SpecialJoinInfo {
  for (const mark of root.parse.rowMarks) {
    if (hasMember(right, mark.rti) || (jointype === 'full' && hasMember(left, mark.rti))) {
      const text = { keyShare: 'FOR KEY SHARE', share: 'FOR SHARE', noKeyUpdate: 'FOR NO KEY UPDATE', update: 'FOR UPDATE' }[mark.strength];
      throw pgError('FEATURE_NOT_SUPPORTED', `${text} cannot be applied to the nullable side of an outer join`);
    }
  }
  const info: SpecialJoinInfo = {
    minLeft: left, minRight: right, synLeft: left, synRight: right, jointype, lhsStrict: false, delayUpperJoins: false,
    semiCanBtree: false, semiCanHash: false, semiOperators: [], semiRhsExprs: [],
  };
  if (jointype === 'semi') computeSemijoinInfo(root, info, clause);
  if (jointype === 'full') return info;
  const clauseRelids = pullVarnos(root, clause);
  const strict = findNonnullableRels(root, clause);
  info.lhsStrict = overlaps(strict, left);
  let minLeft = clauseRelids & left;
  let minRight = (clauseRelids | innerJoinRels) & right;
  for (const other of root.joinInfos) {
    const whole = other.synLeft | other.synRight;
    if (other.jointype === 'full') {
      if (overlaps(left, whole)) minLeft |= whole;
      if (overlaps(right, whole)) minRight |= whole;
      continue;
    }
    const isSemiAnti = jointype === 'semi' || jointype === 'anti';
    if (overlaps(left, other.synRight) && overlaps(clauseRelids, other.synRight) && (isSemiAnti || !overlaps(strict, other.minRight))) minLeft |= whole;
    if (overlaps(right, other.synRight)) {
      if (overlaps(clauseRelids, other.synRight) || !overlaps(clauseRelids, other.minLeft) || isSemiAnti
        || other.jointype === 'semi' || other.jointype === 'anti' || !other.lhsStrict || other.delayUpperJoins) minRight |= whole;
    }
  }
  for (const placeholder of root.placeholders.values()) {
    if (isSubset(placeholder.phrels, right)) minRight |= placeholder.evalAt;
  }
  info.minLeft = minLeft === NO_RELS ? left : minLeft;
  info.minRight = minRight === NO_RELS ? right : minRight;
  return info;
}

/** Finds out whether a semijoin could be done by making the inner side unique (compute_semijoin_info). */
function computeSemijoinInfo(root: PlannerInfo, info: SpecialJoinInfo, clause: Expr | null): void {
  const catalog = catalogOf(root);
  const operators: number[] = [];
  const exprs: Expr[] = [];
  let canBtree = true;
  let canHash = true;
  for (const part of makeAndsImplicit(clause)) {
    const relids = pullVarnos(root, part);
    if (part.node !== 'OpExpr' || part.args.length !== 2) {
      if (overlaps(relids, info.synRight) && !isSubset(relids, info.synRight)) return;
      if (containsVolatile(catalog, part)) return;
      continue;
    }
    const leftRelids = pullVarnos(root, part.args[0]);
    const rightRelids = pullVarnos(root, part.args[1]);
    let opno = part.opno;
    let rhs: Expr;
    if (!overlaps(leftRelids | rightRelids, info.synRight) || isSubset(relids, info.synRight)) {
      if (containsVolatile(catalog, part)) return;
      continue;
    }
    if (rightRelids !== NO_RELS && isSubset(rightRelids, info.synRight) && !overlaps(leftRelids, info.synRight)) rhs = part.args[1];
    else if (leftRelids !== NO_RELS && isSubset(leftRelids, info.synRight) && !overlaps(rightRelids, info.synRight)) {
      rhs = part.args[0];
      opno = catalog.operator(opno)?.oprcom ?? 0;
      if (!opno) return;
    } else return;
    const operator = catalog.operator(opno);
    if (!operator?.oprcanmerge) canBtree = false;
    if (!operator?.oprcanhash) canHash = false;
    if (!canBtree && !canHash) return;
    if (containsVolatile(catalog, rhs)) return;
    operators.push(opno);
    exprs.push(rhs);
  }
  if (exprs.length === 0) return;
  info.semiCanBtree = canBtree;
  info.semiCanHash = canHash;
  info.semiOperators = operators;
  info.semiRhsExprs = exprs;
}

interface DelayResult { relids: Relids; nullable: Relids; delayed: boolean }

/** Widens a condition's relations by the outer joins it must wait for (check_outerjoin_delay). */
function outerJoinDelay(root: PlannerInfo, original: Relids, isPushedDown: boolean): DelayResult {
  let relids = original;
  let nullable = NO_RELS;
  let delayed = false;
  for (let found = root.joinInfos.length > 0; found;) {
    found = false;
    for (const join of root.joinInfos) {
      const isFull = join.jointype === 'full';
      if (!overlaps(relids, join.minRight) && !(isFull && overlaps(relids, join.minLeft))) continue;
      if (!isSubset(join.minLeft | join.minRight, relids)) {
        relids |= join.minLeft | join.minRight;
        delayed = true;
        found = true;
      }
      nullable |= join.minRight;
      if (isFull) nullable |= join.minLeft;
      if (isPushedDown && !isFull && overlaps(relids, join.minLeft)) join.delayUpperJoins = true;
    }
  }
  return { relids, nullable: nullable & original, delayed };
}

function isRedundantNullTest(root: PlannerInfo, clause: Expr): boolean {
  const forced = [...findForcedNullVars(clause)][0];
  if (forced === undefined || clause.node === 'BoolExpr') return false;
  const varno = Number(forced.split('.')[0]);
  return varno < PLACEHOLDER_VARNO && root.joinInfos.some((join) => join.jointype === 'anti' && hasMember(join.synRight, varno));
}

/** Places one condition (distribute_qual_to_rels). */
function distributeQual(
  root: PlannerInfo, clause: Expr, belowOuterJoin: boolean, jointype: JoinType, qualscope: Relids, ojscope: Relids | null,
  nonnullable: Relids, postponed: PostponedQual[] | null,
): void {
  let relids = pullVarnos(root, clause);
  if (!isSubset(relids, qualscope)) {
    postponed?.push({ qual: clause, relids });
    return;
  }
  let pseudoconstant = false;
  if (relids === NO_RELS) {
    if (ojscope !== null) relids = ojscope;
    else if (containsVolatile(catalogOf(root), clause)) relids = qualscope;
    else {
      pseudoconstant = isPseudoConstant(catalogOf(root), clause);
      root.hasPseudoConstantQuals = true;
      relids = belowOuterJoin ? qualscope : jointreeRelids(root.jointree);
    }
  }
  let below = belowOuterJoin;
  let isPushedDown: boolean;
  let delay: DelayResult;
  let maybeEquivalence = false;
  let maybeOuterJoin = false;
  if (overlaps(relids, nonnullable)) {
    isPushedDown = false;
    maybeOuterJoin = true;
    delay = outerJoinDelay(root, relids, false);
    relids = ojscope ?? delay.relids;
  } else {
    isPushedDown = true;
    delay = outerJoinDelay(root, relids, true);
    relids = delay.relids;
    if (delay.delayed) {
      if (isRedundantNullTest(root, clause)) return;
    } else {
      maybeEquivalence = true;
      if (nonnullable !== NO_RELS) below = true;
    }
  }
  const rinfo = makeRestrictInfo(root, clause, {
    isPushedDown, outerjoinDelayed: delay.delayed, pseudoconstant, requiredRelids: relids, outerRelids: nonnullable, nullableRelids: delay.nullable,
  });
  if (isMultiple(relids)) addVarsToTargets(root, pullVarClause(clause), relids);
  checkMergejoinable(root, rinfo);
  if (rinfo.mergeopfamilies.length > 0 && placeMergejoinable(root, rinfo, jointype, nonnullable, below, maybeEquivalence, maybeOuterJoin)) return;
  distributeRestrictInfo(root, rinfo);
}

/** Hands a mergejoinable condition to the equivalence machinery; true when that took it over. */
function placeMergejoinable(root: PlannerInfo, rinfo: RestrictInfo, jointype: JoinType, nonnullable: Relids, below: boolean, maybeEquivalence: boolean, maybeOuterJoin: boolean): boolean {
  if (maybeEquivalence) {
    const free = !outerJoinDelay(root, rinfo.leftRelids, true).delayed && !outerJoinDelay(root, rinfo.rightRelids, true).delayed;
    if (free && processEquivalence(root, rinfo, below)) return true;
  } else if (maybeOuterJoin && rinfo.canJoin) {
    if (jointype === 'full') {
      root.fullJoinClauses.push(rinfo);
      return true;
    }
    if (isSubset(rinfo.leftRelids, nonnullable) && !overlaps(rinfo.rightRelids, nonnullable)) {
      root.leftJoinClauses.push(rinfo);
      return true;
    }
    if (isSubset(rinfo.rightRelids, nonnullable) && !overlaps(rinfo.leftRelids, nonnullable)) {
      root.rightJoinClauses.push(rinfo);
      return true;
    }
  }
  ensureMergeClasses(root, rinfo);
  return false;
}
