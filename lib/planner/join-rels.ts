/**
 * The join search (joinrels.c, allpaths.c): which relations may be joined in which order, dynamic programming over the
 * levels, and a greedy search where there are too many relations.
 */
import type { Expr } from '../analyzer/nodes.js';
import { isFalseOrNull, placeholderOf } from './clauses.js';
import { clampRows, exprWidth, settingsOf, setTargetCostWidth } from './cost-qual.js';
import { generateJoinImpliedEqualities, hasRelevantEclassJoin } from './equivclass.js';
import { addPathsToJoinRel, hasDangerousPlaceholder } from './join-paths.js';
import type { PlannerInfo, RelOptInfo, RestrictInfo, SpecialJoinInfo } from './path-nodes.js';
import { isDummy, markDummy, setCheapest } from './paths.js';
import { addJoinTarget, addToTarget, findRel, newJoinRel } from './rel.js';
import { isMultiple, isSubset, members, NO_RELS, overlaps, type Relids } from './relids.js';
import { clauseListSelectivity } from './selectivity.js';
import { createUniqueJoinPath } from './unique-join.js';
import { placeholderVar } from './initsplan.js';

/** Joins all the given relations: the cheapest way for the whole. */
export function searchJoins(root: PlannerInfo, initial: readonly RelOptInfo[]): RelOptInfo {
  if (initial.length === 1) return initial[0];
  const settings = settingsOf(root);
  if (settings.geqo && initial.length >= settings.geqoThreshold) return greedySearch(root, initial);
  return standardSearch(root, initial);
}

function standardSearch(root: PlannerInfo, initial: readonly RelOptInfo[]): RelOptInfo {
  const levels: RelOptInfo[][] = [[], [...initial]];
  for (let level = 2; level <= initial.length; level++) {
    levels[level] = [];
    joinOneLevel(root, levels, level, initial);
    for (const rel of levels[level]) setCheapest(rel);
  }
  return levels[initial.length][0];
}

function joinOneLevel(root: PlannerInfo, levels: RelOptInfo[][], level: number, initial: readonly RelOptInfo[]): void {
  const add = (rel: RelOptInfo | null): void => {
    if (rel && !levels[level].includes(rel)) levels[level].push(rel);
  };
  const previous = levels[level - 1];
  previous.forEach((oldRel, at) => {
    if (oldRel.joininfo.length > 0 || oldRel.hasEclassJoins || hasJoinRestriction(root, oldRel)) {
      const others = level === 2 ? initial.slice(at + 1) : initial;
      for (const other of others) {
        if (!overlaps(oldRel.relids, other.relids) && (hasRelevantJoinClause(root, oldRel, other) || haveJoinOrderRestriction(root, oldRel, other))) {
          add(makeJoinRel(root, oldRel, other));
        }
      }
    } else {
      for (const other of initial) if (!overlaps(oldRel.relids, other.relids)) add(makeJoinRel(root, oldRel, other));
    }
  });
  for (let k = 2; k <= level - k; k++) {
    const otherLevel = level - k;
    levels[k].forEach((oldRel, at) => {
      if (oldRel.joininfo.length === 0 && !oldRel.hasEclassJoins && !hasJoinRestriction(root, oldRel)) return;
      const others = k === otherLevel ? levels[otherLevel].slice(at + 1) : levels[otherLevel];
      for (const newRel of others) {
        if (!overlaps(oldRel.relids, newRel.relids) && (hasRelevantJoinClause(root, oldRel, newRel) || haveJoinOrderRestriction(root, oldRel, newRel))) {
          add(makeJoinRel(root, oldRel, newRel));
        }
      }
    });
  }
  if (levels[level].length === 0) {
    for (const oldRel of previous) {
      for (const other of initial) if (!overlaps(oldRel.relids, other.relids)) add(makeJoinRel(root, oldRel, other));
    }
    if (levels[level].length === 0 && root.joinInfos.length === 0 && !root.hasLateralRTEs) throw new Error(`failed to build any ${level}-way joins`);
  }
}

/** Joins the pair with the smallest result again and again (in the place of GEQO). */
function greedySearch(root: PlannerInfo, initial: readonly RelOptInfo[]): RelOptInfo {
  let clumps = [...initial];
  while (clumps.length > 1) {
    let best: { joined: RelOptInfo; i: number; j: number } | null = null;
    for (const clauseless of [false, true]) {
      for (let i = 0; i < clumps.length; i++) {
        for (let j = i + 1; j < clumps.length; j++) {
          const desirable = hasRelevantJoinClause(root, clumps[i], clumps[j]) || haveJoinOrderRestriction(root, clumps[i], clumps[j]);
          if (!clauseless && !desirable) continue;
          const known = root.joinRels.get(clumps[i].relids | clumps[j].relids);
          const joined = known ?? makeJoinRel(root, clumps[i], clumps[j]);
          if (!joined || joined.pathlist.length === 0) continue;
          setCheapest(joined);
          if (!best || joined.cheapestTotal!.totalCost < best.joined.cheapestTotal!.totalCost) best = { joined, i, j };
        }
      }
      if (best) break;
    }
    if (!best) throw new Error('failed to join all relations together');
    const { joined, i, j } = best;
    clumps = [...clumps.filter((_, at) => at !== i && at !== j), joined];
  }
  return clumps[0];
}

/** True when some clause mentions both relations. */
export function hasRelevantJoinClause(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo): boolean {
  const [few, other] = left.joininfo.length <= right.joininfo.length ? [left, right] : [right, left];
  if (few.joininfo.some((rinfo) => overlaps(other.relids, rinfo.requiredRelids))) return true;
  return left.hasEclassJoins && right.hasEclassJoins && hasRelevantEclassJoin(root, left, right);
}

function hasJoinRestriction(root: PlannerInfo, rel: RelOptInfo): boolean {
  if (rel.lateralRelids !== NO_RELS || rel.lateralReferencers !== NO_RELS) return true;
  for (const placeholder of root.placeholders.values()) {
    if (isSubset(rel.relids, placeholder.evalAt) && rel.relids !== placeholder.evalAt) return true;
  }
  return root.joinInfos.some((join) => {
    if (join.jointype === 'full') return false;
    if (isSubset(join.minLeft | join.minRight, rel.relids)) return false;
    return overlaps(join.minLeft, rel.relids) || overlaps(join.minRight, rel.relids);
  });
}

/** True when the two must be joined to satisfy an outer join's or LATERAL's order, even without a clause. */
export function haveJoinOrderRestriction(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo): boolean {
  if (overlaps(left.relids, right.lateralRelids) || overlaps(right.relids, left.lateralRelids)) return true;
  const both = left.relids | right.relids;
  for (const placeholder of root.placeholders.values()) if (isSubset(left.relids, placeholder.evalAt) && isSubset(right.relids, placeholder.evalAt)) return true;
  for (const join of root.joinInfos) {
    if (join.jointype === 'full') continue;
    if (isSubset(join.minLeft, left.relids) && isSubset(join.minRight, right.relids)) return forcedOrder(root, left, right);
    if (isSubset(join.minLeft, right.relids) && isSubset(join.minRight, left.relids)) return forcedOrder(root, left, right);
    if (overlaps(join.minRight, left.relids) && overlaps(join.minRight, right.relids) && isSubset(both & ~join.minRight, NO_RELS)) return forcedOrder(root, left, right);
    if (overlaps(join.minRight, left.relids) && overlaps(join.minRight, right.relids)) return forcedOrder(root, left, right);
    if (overlaps(join.minLeft, left.relids) && overlaps(join.minLeft, right.relids)) return forcedOrder(root, left, right);
  }
  return false;
}

/** An order restriction need not force a clauseless join when both sides have legal joins with clauses elsewhere. */
function forcedOrder(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo): boolean {
  return !(hasLegalJoinClause(root, left) || hasLegalJoinClause(root, right));
}

function hasLegalJoinClause(root: PlannerInfo, rel: RelOptInfo): boolean {
  return root.simpleRels.some((other) => other !== undefined && other.kind === 'base' && !overlaps(rel.relids, other.relids)
    && hasRelevantJoinClause(root, rel, other) && joinIsLegal(root, rel, other, rel.relids | other.relids) !== null);
}

/** The special join that joining the two implements (null info: inner join), or null when it is not allowed. */
function joinIsLegal(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo, joinRelids: Relids): { sjinfo: SpecialJoinInfo | null; reversed: boolean } | null {
  let matched: SpecialJoinInfo | null = null;
  let reversed = false;
  let uniqueOk = false;
  let mustBeLeftJoin = false;
  for (const join of root.joinInfos) {
    if (!overlaps(join.minRight, joinRelids)) continue;
    if (isSubset(joinRelids, join.minRight)) continue;
    const whole = join.minLeft | join.minRight;
    if (isSubset(whole, left.relids) || isSubset(whole, right.relids)) continue;
    if (join.jointype === 'semi') {
      if (isSubset(join.synRight, left.relids) && join.synRight !== left.relids) continue;
      if (isSubset(join.synRight, right.relids) && join.synRight !== right.relids) continue;
    }
    if (isSubset(join.minLeft, left.relids) && isSubset(join.minRight, right.relids)) {
      if (matched) return null;
      matched = join;
      reversed = false;
    } else if (isSubset(join.minLeft, right.relids) && isSubset(join.minRight, left.relids)) {
      if (matched) return null;
      matched = join;
      reversed = true;
    } else if (join.jointype === 'semi' && join.synRight === right.relids && createUniqueJoinPath(root, right, join) !== null) {
      if (matched) return null;
      matched = join;
      reversed = false;
      uniqueOk = true;
    } else if (join.jointype === 'semi' && join.synRight === left.relids && createUniqueJoinPath(root, left, join) !== null) {
      if (matched) return null;
      matched = join;
      reversed = true;
      uniqueOk = true;
    } else {
      if (overlaps(left.relids, join.minRight) && overlaps(right.relids, join.minRight)) continue;
      if (join.jointype !== 'left' || overlaps(joinRelids, join.minLeft)) return null;
      mustBeLeftJoin = true;
    }
  }
  if (mustBeLeftJoin && (matched === null || matched.jointype !== 'left' || !matched.lhsStrict)) return null;
  void uniqueOk;
  if (!lateralIsLegal(root, left, right, joinRelids, matched, reversed)) return null;
  return { sjinfo: matched, reversed };
}

function lateralIsLegal(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo, joinRelids: Relids, sjinfo: SpecialJoinInfo | null, reversed: boolean): boolean {
  const leftNeeds = overlaps(left.relids, right.lateralRelids);
  const rightNeeds = overlaps(right.relids, left.lateralRelids);
  if (leftNeeds && rightNeeds) return false;
  if (leftNeeds) {
    if (sjinfo && (reversed || sjinfo.jointype === 'full')) return false;
    if (!overlaps(left.relids, right.directLateralRelids)) return false;
    if (isSubset(left.lateralRelids & right.relids, NO_RELS) === false) return false;
    if (hasDangerousPlaceholder(root, left.relids, right.lateralRelids)) return false;
  } else if (rightNeeds) {
    if (sjinfo && (!reversed || sjinfo.jointype === 'full')) return false;
    if (!overlaps(right.relids, left.directLateralRelids)) return false;
    if (hasDangerousPlaceholder(root, right.relids, left.lateralRelids)) return false;
  }
  const needed = (left.lateralRelids | right.lateralRelids) & ~joinRelids;
  if (needed === NO_RELS) return true;
  let join = joinRelids;
  for (let more = true; more;) {
    more = false;
    for (const info of root.joinInfos) {
      if (info.jointype === 'full') continue;
      if (overlaps(info.minLeft, join) && !isSubset(info.minRight, join)) {
        join |= info.minRight;
        more = true;
      }
    }
  }
  return !overlaps(join & ~joinRelids, needed);
}

/** Builds (or extends) the join relation of the two, if they may be joined. */
export function makeJoinRel(root: PlannerInfo, leftIn: RelOptInfo, rightIn: RelOptInfo): RelOptInfo | null {
  const joinRelids = leftIn.relids | rightIn.relids;
  const legal = joinIsLegal(root, leftIn, rightIn, joinRelids);
  if (!legal) return null;
  const [left, right] = legal.reversed ? [rightIn, leftIn] : [leftIn, rightIn];
  const sjinfo = legal.sjinfo ?? dummyJoinInfo(left.relids, right.relids);
  const { joinrel, restrictions } = buildJoinRel(root, joinRelids, left, right, sjinfo);
  if (isDummy(joinrel)) return joinrel;
  populateJoinRel(root, left, right, joinrel, sjinfo, restrictions);
  return joinrel;
}

/** The description of a plain inner join. */
export function dummyJoinInfo(left: Relids, right: Relids): SpecialJoinInfo {
  return {
    minLeft: left, minRight: right, synLeft: left, synRight: right, jointype: 'inner', lhsStrict: false, delayUpperJoins: false,
    semiCanBtree: false, semiCanHash: false, semiOperators: [], semiRhsExprs: [],
  };
}

function constantFalse(restrictions: readonly RestrictInfo[], joinRelids: Relids, onlyPushedDown: boolean): boolean {
  return restrictions.some((rinfo) => isFalseOrNull(rinfo.clause) && (!onlyPushedDown || rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, joinRelids)));
}

function populateJoinRel(root: PlannerInfo, left: RelOptInfo, right: RelOptInfo, joinrel: RelOptInfo, sjinfo: SpecialJoinInfo, restrictions: RestrictInfo[]): void {
  const relids = joinrel.relids;
  switch (sjinfo.jointype) {
    case 'inner':
      if (isDummy(left) || isDummy(right) || constantFalse(restrictions, relids, false)) return markDummy(joinrel);
      addPathsToJoinRel(root, joinrel, left, right, 'inner', sjinfo, restrictions);
      addPathsToJoinRel(root, joinrel, right, left, 'inner', sjinfo, restrictions);
      return;
    case 'left':
      if (isDummy(left) || constantFalse(restrictions, relids, true)) return markDummy(joinrel);
      if (constantFalse(restrictions, relids, false) && isSubset(right.relids, sjinfo.synRight)) markDummy(right);
      addPathsToJoinRel(root, joinrel, left, right, 'left', sjinfo, restrictions);
      addPathsToJoinRel(root, joinrel, right, left, 'right', sjinfo, restrictions);
      return;
    case 'full':
      if ((isDummy(left) && isDummy(right)) || constantFalse(restrictions, relids, true)) return markDummy(joinrel);
      addPathsToJoinRel(root, joinrel, left, right, 'full', sjinfo, restrictions);
      addPathsToJoinRel(root, joinrel, right, left, 'full', sjinfo, restrictions);
      return;
    case 'semi':
      if (isSubset(sjinfo.minLeft, left.relids) && isSubset(sjinfo.minRight, right.relids)) {
        if (isDummy(left) || isDummy(right) || constantFalse(restrictions, relids, false)) return markDummy(joinrel);
        addPathsToJoinRel(root, joinrel, left, right, 'semi', sjinfo, restrictions);
        addPathsToJoinRel(root, joinrel, right, left, 'rightSemi', sjinfo, restrictions);
      }
      if (sjinfo.synRight === right.relids && createUniqueJoinPath(root, right, sjinfo) !== null) {
        if (isDummy(left) || isDummy(right) || constantFalse(restrictions, relids, false)) return markDummy(joinrel);
        addPathsToJoinRel(root, joinrel, left, right, 'uniqueInner', sjinfo, restrictions);
        addPathsToJoinRel(root, joinrel, right, left, 'uniqueOuter', sjinfo, restrictions);
      }
      return;
    case 'anti':
      if (isDummy(left) || constantFalse(restrictions, relids, true)) return markDummy(joinrel);
      if (constantFalse(restrictions, relids, false) && isSubset(right.relids, sjinfo.synRight)) markDummy(right);
      addPathsToJoinRel(root, joinrel, left, right, 'anti', sjinfo, restrictions);
      addPathsToJoinRel(root, joinrel, right, left, 'rightAnti', sjinfo, restrictions);
      return;
    default:
  }
}

function buildJoinRel(root: PlannerInfo, joinRelids: Relids, left: RelOptInfo, right: RelOptInfo, sjinfo: SpecialJoinInfo): { joinrel: RelOptInfo; restrictions: RestrictInfo[] } {
  const known = root.joinRels.get(joinRelids);
  if (known) return { joinrel: known, restrictions: joinRestrictions(root, known, left, right) };
  const joinrel = newJoinRel(root, joinRelids);
  joinrel.lateralRelids = (left.lateralRelids | right.lateralRelids) & ~joinRelids;
  joinrel.directLateralRelids = (left.directLateralRelids | right.directLateralRelids) & ~joinRelids;
  addJoinTarget(root, joinrel, left);
  addJoinTarget(root, joinrel, right);
  addJoinPlaceholders(root, joinrel);
  setTargetCostWidth(root, joinrel.reltarget);
  const restrictions = joinRestrictions(root, joinrel, left, right);
  for (const rinfo of [...left.joininfo, ...right.joininfo]) {
    if (!isSubset(rinfo.requiredRelids, joinRelids) && !joinrel.joininfo.includes(rinfo)) joinrel.joininfo.push(rinfo);
  }
  joinrel.hasEclassJoins = root.eqClasses.some((ec) => ec.members.length > 1 && overlaps(ec.relids, joinRelids) && !isSubset(ec.relids, joinRelids));
  joinrel.rows = joinSize(root, left.rows, right.rows, sjinfo, restrictions);
  joinrel.tuples = 0;
  root.joinRels.set(joinRelids, joinrel);
  return { joinrel, restrictions };
}

/** Placeholders that are first evaluated at this join. */
function addJoinPlaceholders(root: PlannerInfo, joinrel: RelOptInfo): void {
  for (const placeholder of root.placeholders.values()) {
    if (!isSubset(placeholder.evalAt, joinrel.relids)) continue;
    joinrel.directLateralRelids |= placeholder.lateral & ~joinrel.relids;
    if (isSubset(placeholder.needed, joinrel.relids)) continue;
    const expr = placeholderVar(root, placeholder.id);
    if (expr.node === 'Var' && placeholderOf(root, expr) && isMultiple(placeholder.evalAt)) addToTarget(root, joinrel.reltarget, expr);
  }
}

/** Conditions to apply at this join: those of both inputs that are now complete, and what the classes imply. */
function joinRestrictions(root: PlannerInfo, joinrel: RelOptInfo, left: RelOptInfo, right: RelOptInfo): RestrictInfo[] {
  const result: RestrictInfo[] = [];
  for (const rinfo of [...left.joininfo, ...right.joininfo]) {
    if (isSubset(rinfo.requiredRelids, joinrel.relids) && !result.includes(rinfo)) result.push(rinfo);
  }
  result.push(...generateJoinImpliedEqualities(root, joinrel.relids, left.relids, right));
  return result;
}

/** Rows of a join (calc_joinrel_size_estimate). */
export function joinSize(root: PlannerInfo, outerRows: number, innerRows: number, sjinfo: SpecialJoinInfo, restrictions: readonly RestrictInfo[]): number {
  const isOuter = sjinfo.jointype === 'left' || sjinfo.jointype === 'full' || sjinfo.jointype === 'anti';
  let joinSelectivity: number;
  let pushedSelectivity = 0;
  if (isOuter) {
    const whole = sjinfo.synLeft | sjinfo.synRight;
    const pushed = restrictions.filter((rinfo) => rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, whole));
    joinSelectivity = clauseListSelectivity(root, restrictions.filter((rinfo) => !pushed.includes(rinfo)), 0, sjinfo.jointype, sjinfo);
    pushedSelectivity = clauseListSelectivity(root, pushed, 0, sjinfo.jointype, sjinfo);
  } else joinSelectivity = clauseListSelectivity(root, restrictions, 0, sjinfo.jointype, sjinfo);
  let rows: number;
  switch (sjinfo.jointype) {
    case 'left': rows = Math.max(outerRows * innerRows * joinSelectivity, outerRows) * pushedSelectivity; break;
    case 'full': rows = Math.max(outerRows * innerRows * joinSelectivity, outerRows, innerRows) * pushedSelectivity; break;
    case 'semi': rows = outerRows * joinSelectivity; break;
    case 'anti': rows = outerRows * (1 - joinSelectivity) * pushedSelectivity; break;
    default: rows = outerRows * innerRows * joinSelectivity;
  }
  return clampRows(rows);
}

/** Width of a list of expressions. */
export function listWidth(root: PlannerInfo, exprs: readonly Expr[]): number {
  return exprs.reduce((sum, expr) => sum + exprWidth(root, expr), 0);
}

/** The relation for a set, base or join. */
export function relationFor(root: PlannerInfo, relids: Relids): RelOptInfo | null {
  return members(relids).length === 0 ? null : findRel(root, relids);
}
