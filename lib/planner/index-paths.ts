/**
 * Index paths (indxpath.c): plain, index-only, parameterised and bitmap scans of a base relation.
 */
import type { Expr } from '../analyzer/nodes.js';
import { pullVarClause } from './clauses.js';
import { costBitmapAndOr, costBitmapHeap, costIndex, bitmapTreeCost } from './cost.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import { generateJoinImpliedEqualities, impliedEqualitiesForColumn } from './equivclass.js';
import { equal } from './equal.js';
import { indexAccessCost } from './index-cost.js';
import { matchClause, matchesColumn } from './index-match.js';
import type { BitmapAndOrPath, BitmapHeapPath, IndexClause, IndexOptInfo, IndexPath, Path, PathKey, PlannerInfo, RelOptInfo, RestrictInfo } from './path-nodes.js';
import { addPath, baseParamInfo, isMovableTo, pathBase, requiredOuter } from './paths.js';
import { hasUsefulPathkeys, indexPathkeys, usefulPathkeys } from './pathkeys.js';
import { predicateImpliedBy } from './predtest.js';
import { makeRestrictInfo } from './restrictinfo.js';
import { estimateNumGroups } from './selectivity.js';
import { isSubset, members, NO_RELS, overlaps, relidsOf, type Relids } from './relids.js';

type ClauseSet = IndexClause[][];

function emptySet(index: IndexOptInfo): ClauseSet {
  return Array.from({ length: index.keyCount }, () => []);
}

function isEmptySet(set: ClauseSet): boolean {
  return set.every((column) => column.length === 0);
}

function matchInto(root: PlannerInfo, rinfos: readonly RestrictInfo[], index: IndexOptInfo, set: ClauseSet): void {
  for (const rinfo of rinfos) {
    if (rinfo.pseudoconstant) continue;
    for (let column = 0; column < index.keyCount; column++) {
      if (set[column].some((known) => known.rinfo === rinfo)) break;
      const matched = matchClause(root, rinfo, index, column);
      if (matched) {
        set[column].push(matched);
        break;
      }
    }
  }
}

/** Marks partial indexes whose predicate the query implies (check_index_predicates). */
export function checkIndexPredicates(root: PlannerInfo, rel: RelOptInfo): void {
  for (const index of rel.indexes) index.restrictinfo = rel.baserestrictinfo;
  if (rel.indexes.every((index) => index.predicate.length === 0)) return;
  const clauses = rel.baserestrictinfo.map((rinfo) => rinfo.clause);
  for (const rinfo of rel.joininfo) if (isMovableTo(rinfo, rel)) clauses.push(rinfo.clause);
  const others = rel.kind === 'base' ? root.allBaserels & ~rel.relids : NO_RELS;
  if (others !== NO_RELS) {
    for (const rinfo of generateJoinImpliedEqualities(root, rel.relids | others, others, rel)) clauses.push(rinfo.clause);
  }
  for (const index of rel.indexes) {
    if (index.predicate.length === 0) continue;
    index.predicateOk ||= predicateImpliedBy(root, index.predicate, clauses);
    if (root.parse.resultRelation === rel.relid) continue;
    index.restrictinfo = rel.baserestrictinfo.filter((rinfo) => !predicateImpliedBy(root, [rinfo.clause], index.predicate));
  }
}

/** Generates all index paths of a base relation. */
export function createIndexPaths(root: PlannerInfo, rel: RelOptInfo): void {
  if (rel.indexes.length === 0) return;
  const bitmaps: Path[] = [];
  const joinBitmaps: IndexPath[] = [];
  for (const index of rel.indexes) {
    if (index.predicate.length > 0 && !index.predicateOk) continue;
    if (index.descriptor.accessMethod !== 'btree' && index.descriptor.accessMethod !== 'hash') continue;
    const restrictions = emptySet(index);
    matchInto(root, index.restrictinfo, index, restrictions);
    addIndexPaths(root, rel, index, restrictions, bitmaps);
    const joins = emptySet(index);
    matchInto(root, rel.joininfo.filter((rinfo) => isMovableTo(rinfo, rel)), index, joins);
    const classes = emptySet(index);
    if (rel.hasEclassJoins) matchEclass(root, rel, index, classes);
    if (!isEmptySet(joins) || !isEmptySet(classes)) considerJoinClauses(root, rel, index, restrictions, joins, classes, joinBitmaps);
  }
  bitmaps.push(...bitmapOrPaths(root, rel, rel.baserestrictinfo, []));
  if (bitmaps.length > 0) addPath(rel, bitmapHeap(root, rel, chooseBitmapAnd(root, rel, bitmaps), rel.lateralRelids, 1));
  const joinOrs = bitmapOrPaths(root, rel, rel.joininfo.filter((rinfo) => isMovableTo(rinfo, rel)), rel.baserestrictinfo);
  addJoinBitmaps(root, rel, bitmaps, [...joinBitmaps, ...joinOrs]);
}

function matchEclass(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, set: ClauseSet): void {
  for (let column = 0; column < index.keyCount; column++) {
    const family = index.descriptor.opfamilies[column];
    const found = impliedEqualitiesForColumn(root, rel, (ec, em) =>
      (!index.ordered || ec.opfamilies.includes(family)) && (index.descriptor.collations[column] === 0 || index.descriptor.collations[column] === ec.collation)
      && matchesColumn(index, em.expr, column), rel.lateralReferencers);
    matchInto(root, found, index, set);
  }
}

/** Paths from the relation's own conditions. */
function addIndexPaths(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, clauses: ClauseSet, bitmaps: Path[]): void {
  for (const path of buildIndexPaths(root, rel, index, clauses, index.predicateOk, false)) {
    addPath(rel, path);
    if (path.pathkeys.length === 0 || path.indexSelectivity < 1) bitmaps.push(path);
  }
}

/** Builds the index paths for a set of index clauses (build_index_paths). */
function buildIndexPaths(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, set: ClauseSet, usefulPredicate: boolean, bitmapOnly: boolean): IndexPath[] {
  const clauses: IndexClause[] = [];
  let outer = rel.lateralRelids;
  if (!index.ordered && set[0].length === 0) return [];
  for (const column of set) {
    for (const clause of column) {
      clauses.push(clause);
      outer |= clause.rinfo.clauseRelids;
    }
  }
  outer &= ~rel.relids;
  const loopCount = loopCountOf(root, rel, outer);
  const ordered = index.ordered && !bitmapOnly && hasUsefulPathkeys(root, rel);
  const forward = ordered ? usefulPathkeys(root, rel, indexPathkeys(root, index, false)) : [];
  const indexOnly = !bitmapOnly && canIndexOnly(root, rel, index);
  const result: IndexPath[] = [];
  if (clauses.length > 0 || forward.length > 0 || usefulPredicate || indexOnly) result.push(makeIndexPath(root, rel, index, clauses, forward, false, indexOnly, outer, loopCount));
  if (ordered) {
    const backward = usefulPathkeys(root, rel, indexPathkeys(root, index, true));
    if (backward.length > 0) result.push(makeIndexPath(root, rel, index, clauses, backward, true, indexOnly, outer, loopCount));
  }
  return result;
}

function makeIndexPath(
  root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, clauses: IndexClause[], pathkeys: readonly PathKey[], backward: boolean, indexOnly: boolean, outer: Relids, loopCount: number,
): IndexPath {
  const path: IndexPath = {
    ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, outer), pathkeys), kind: 'index', index, clauses, backward, indexOnly,
    indexTotalCost: 0, indexSelectivity: 0,
  };
  const remaining = [...index.restrictinfo, ...(path.param?.clauses ?? [])].filter((rinfo) => !rinfo.pseudoconstant && !coveredByClauses(rinfo, clauses));
  costIndex(root, path, loopCount, indexAccessCost(root, path, loopCount), remaining);
  return path;
}

/** True when exact index conditions already enforce the restriction. */
export function coveredByClauses(rinfo: RestrictInfo, clauses: readonly IndexClause[]): boolean {
  return clauses.some((clause) => !clause.lossy && (clause.rinfo === rinfo || (clause.rinfo.parentEc !== null && clause.rinfo.parentEc === rinfo.parentEc)));
}

/** How often a parameterised scan will run: the smallest row count among the outer relations. */
function loopCountOf(root: PlannerInfo, rel: RelOptInfo, outer: Relids): number {
  if (outer === NO_RELS) return 1;
  let count = 0;
  for (const rti of members(outer)) {
    const other = root.simpleRels[rti];
    if (!other || other.rows <= 0) continue;
    const rows = adjustForSemijoin(root, rel.relid, rti, other.rows);
    if (count === 0 || count > rows) count = rows;
  }
  return count > 0 ? count : 1;
}

function adjustForSemijoin(root: PlannerInfo, current: number, outer: number, rows: number): number {
  for (const join of root.joinInfos) {
    if (join.jointype !== 'semi' || !overlaps(join.synLeft, relidsOf(current)) || !overlaps(join.synRight, relidsOf(outer))) continue;
    let raw = 1;
    for (const rti of members(join.synRight)) raw *= Math.max(root.simpleRels[rti]?.rows ?? 1, 1);
    return Math.min(rows, estimateNumGroups(root, join.semiRhsExprs, raw).groups);
  }
  return rows;
}

/** Every needed column is a plain column of the index (check_index_only). */
function canIndexOnly(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo): boolean {
  if (!settingsOf(root).enableIndexonlyscan || !index.ordered) return false;
  const needed = new Set<number>();
  const add = (expr: Expr): void => {
    for (const part of pullVarClause(expr)) if (part.node === 'Var' && part.varno === rel.relid) needed.add(part.varattno);
  };
  rel.reltarget.exprs.forEach(add);
  for (const rinfo of index.restrictinfo) add(rinfo.clause);
  for (const attno of needed) if (attno <= 0 || !index.descriptor.attributes.includes(attno)) return false;
  return true;
}

// ------------------------------------------------------------------ parameterised paths

function considerJoinClauses(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, restrictions: ClauseSet, joins: ClauseSet, classes: ClauseSet, bitmaps: IndexPath[]): void {
  const considered: Relids[] = [];
  for (let column = 0; column < index.keyCount; column++) {
    considerOuterRels(root, rel, index, restrictions, joins, classes, bitmaps, joins[column], considered);
    considerOuterRels(root, rel, index, restrictions, joins, classes, bitmaps, classes[column], considered);
  }
}

function considerOuterRels(
  root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, restrictions: ClauseSet, joins: ClauseSet, classes: ClauseSet, bitmaps: IndexPath[],
  clauses: readonly IndexClause[], considered: Relids[],
): void {
  for (const clause of clauses) {
    const relids = clause.rinfo.clauseRelids;
    if (considered.includes(relids)) continue;
    for (const previous of [...considered]) {
      if (isSubset(relids, previous) || isSubset(previous, relids)) continue;
      if (considered.length >= 10 * (index.keyCount + 1)) break;
      if (clause.rinfo.parentEc && classesHave(classes, clause.rinfo.parentEc, previous)) continue;
      joinIndexPaths(root, rel, index, restrictions, joins, classes, bitmaps, relids | previous, considered);
    }
    joinIndexPaths(root, rel, index, restrictions, joins, classes, bitmaps, relids, considered);
  }
}

function classesHave(classes: ClauseSet, ec: unknown, relids: Relids): boolean {
  return classes.some((column) => column.some((clause) => clause.rinfo.parentEc === ec && isSubset(clause.rinfo.clauseRelids, relids)));
}

function joinIndexPaths(root: PlannerInfo, rel: RelOptInfo, index: IndexOptInfo, restrictions: ClauseSet, joins: ClauseSet, classes: ClauseSet, bitmaps: IndexPath[], relids: Relids, considered: Relids[]): void {
  if (considered.includes(relids)) return;
  const set = emptySet(index);
  for (let column = 0; column < index.keyCount; column++) {
    for (const clause of joins[column]) if (isSubset(clause.rinfo.clauseRelids, relids)) set[column].push(clause);
    for (const clause of classes[column]) {
      if (isSubset(clause.rinfo.clauseRelids, relids)) {
        set[column].push(clause);
        break;
      }
    }
    set[column].push(...restrictions[column]);
  }
  considered.push(relids);
  if (isEmptySet(set)) return;
  for (const path of buildIndexPaths(root, rel, index, set, index.predicateOk, false)) {
    if (!path.param) continue;
    addPath(rel, path);
    bitmaps.push(path);
  }
}

// ------------------------------------------------------------------ bitmap scans

function bitmapHeap(root: PlannerInfo, rel: RelOptInfo, bitmap: Path, outer: Relids, loopCount: number): BitmapHeapPath {
  const path: BitmapHeapPath = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, outer)), kind: 'bitmapheap', bitmap };
  costBitmapHeap(root, path, loopCount);
  return path;
}

/** OR conditions whose every arm has an index (generate_bitmap_or_paths). */
function bitmapOrPaths(root: PlannerInfo, rel: RelOptInfo, clauses: readonly RestrictInfo[], others: readonly RestrictInfo[]): Path[] {
  const result: Path[] = [];
  const all = [...clauses, ...others];
  for (const rinfo of clauses) {
    if (!rinfo.orArms) continue;
    const inputs: Path[] = [];
    for (const arm of rinfo.orArms) {
      const paths = bitmapArmPaths(root, rel, arm, all.filter((other) => other !== rinfo));
      if (paths.length === 0) {
        inputs.length = 0;
        break;
      }
      inputs.push(chooseBitmapAnd(root, rel, paths));
    }
    if (inputs.length === 0) continue;
    const outer = inputs.reduce((set, input) => set | requiredOuter(input), NO_RELS);
    const path: BitmapAndOrPath = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, outer)), kind: 'bitmapor', inputs, selectivity: 0 };
    costBitmapAndOr(root, path);
    result.push(path);
  }
  return result;
}

function bitmapArmPaths(root: PlannerInfo, rel: RelOptInfo, arm: readonly RestrictInfo[], others: readonly RestrictInfo[]): Path[] {
  const result: Path[] = [];
  for (const index of rel.indexes) {
    if (index.descriptor.accessMethod !== 'btree' && index.descriptor.accessMethod !== 'hash') continue;
    let usefulPredicate = false;
    if (index.predicate.length > 0) {
      if (!index.predicateOk) {
        const clauses = [...arm, ...others].map((rinfo) => rinfo.clause);
        if (!predicateImpliedBy(root, index.predicate, clauses)) continue;
        usefulPredicate = !predicateImpliedBy(root, index.predicate, others.map((rinfo) => rinfo.clause));
      }
    }
    const set = emptySet(index);
    matchInto(root, arm, index, set);
    if (isEmptySet(set) && !usefulPredicate) continue;
    matchInto(root, others, index, set);
    result.push(...buildIndexPaths(root, rel, index, set, usefulPredicate, true));
  }
  return result;
}

/** Greedy choice of a set of indexes to AND (choose_bitmap_and). */
function chooseBitmapAnd(root: PlannerInfo, rel: RelOptInfo, paths: readonly Path[]): Path {
  if (paths.length === 1) return paths[0];
  const infos: { path: Path; quals: Expr[] }[] = [];
  for (const path of paths) {
    const quals = bitmapQuals(path);
    const same = infos.findIndex((info) => info.quals.length === quals.length && info.quals.every((qual) => quals.some((other) => equal(qual, other))));
    if (same < 0) infos.push({ path, quals });
    else if (compareBitmap(root, path, infos[same].path) < 0) infos[same] = { path, quals };
  }
  if (infos.length === 1) return infos[0].path;
  infos.sort((a, b) => compareBitmap(root, a.path, b.path));
  let best: Path[] = [];
  let bestCost = Infinity;
  infos.forEach((first, start) => {
    let chosen = [first.path];
    let cost = bitmapScanCost(root, rel, first.path);
    let quals = first.quals;
    for (const next of infos.slice(start + 1)) {
      if (next.quals.every((qual) => quals.some((other) => equal(qual, other)))) continue;
      if (next.quals.some((qual) => quals.some((other) => equal(qual, other)))) continue;
      const trial = [...chosen, next.path];
      const trialCost = bitmapScanCost(root, rel, bitmapAnd(root, rel, trial));
      if (trialCost < cost) {
        chosen = trial;
        cost = trialCost;
        quals = [...quals, ...next.quals];
      }
    }
    if (cost < bestCost) {
      best = chosen;
      bestCost = cost;
    }
  });
  return best.length === 1 ? best[0] : bitmapAnd(root, rel, best);
}

function compareBitmap(root: PlannerInfo, a: Path, b: Path): number {
  const x = bitmapTreeCost(root, a);
  const y = bitmapTreeCost(root, b);
  return x.cost - y.cost || x.selectivity - y.selectivity;
}

function bitmapAnd(root: PlannerInfo, rel: RelOptInfo, inputs: Path[]): BitmapAndOrPath {
  const outer = inputs.reduce((set, input) => set | requiredOuter(input), NO_RELS);
  const path: BitmapAndOrPath = { ...pathBase(rel, rel.reltarget, baseParamInfo(root, rel, outer)), kind: 'bitmapand', inputs, selectivity: 0 };
  costBitmapAndOr(root, path);
  return path;
}

function bitmapScanCost(root: PlannerInfo, rel: RelOptInfo, bitmap: Path): number {
  const outer = requiredOuter(bitmap);
  return bitmapHeap(root, rel, bitmap, outer, loopCountOf(root, rel, outer)).totalCost;
}

/** Conditions that a bitmap tree enforces. */
export function bitmapQuals(path: Path): Expr[] {
  if (path.kind === 'index') return [...path.clauses.map((clause) => clause.rinfo.clause), ...path.index.predicate];
  if (path.kind === 'bitmapand') return path.inputs.flatMap(bitmapQuals);
  if (path.kind === 'bitmapor') {
    const arms = path.inputs.map((input) => {
      const quals = bitmapQuals(input);
      return quals.length === 1 ? quals[0] : { node: 'BoolExpr' as const, boolop: 'and' as const, args: quals, location: -1 };
    });
    return [{ node: 'BoolExpr', boolop: 'or', args: arms, location: -1 }];
  }
  return [];
}

function addJoinBitmaps(root: PlannerInfo, rel: RelOptInfo, bitmaps: readonly Path[], joinBitmaps: readonly Path[]): void {
  const outers = new Set(joinBitmaps.map(requiredOuter));
  for (const outer of outers) {
    if (outer === NO_RELS) continue;
    const usable = joinBitmaps.filter((path) => isSubset(requiredOuter(path), outer));
    const chosen = chooseBitmapAnd(root, rel, [...usable, ...bitmaps]);
    const required = requiredOuter(chosen);
    if (required === NO_RELS) continue;
    addPath(rel, bitmapHeap(root, rel, chosen, required, loopCountOf(root, rel, required)));
  }
}

// ------------------------------------------------------------------ uniqueness

/** True when the conditions pin all columns of some unique index to one row (relation_has_unique_index_for). */
export function hasUniqueIndexFor(root: PlannerInfo, rel: RelOptInfo, restrictions: readonly RestrictInfo[], exprs: readonly Expr[], operators: readonly number[]): boolean {
  if (rel.indexes.length === 0 || rel.relation === null) return false;
  const clauses: { operand: Expr; families: readonly number[] }[] = [];
  for (const rinfo of restrictions) {
    if (rinfo.mergeopfamilies.length === 0 || rinfo.clause.node !== 'OpExpr') continue;
    clauses.push({ operand: rinfo.outerIsLeft ? rinfo.clause.args[1] : rinfo.clause.args[0], families: rinfo.mergeopfamilies });
  }
  for (const rinfo of rel.baserestrictinfo) {
    if (rinfo.mergeopfamilies.length === 0 || rinfo.clause.node !== 'OpExpr') continue;
    if (rinfo.leftRelids === NO_RELS) clauses.push({ operand: rinfo.clause.args[1], families: rinfo.mergeopfamilies });
    else if (rinfo.rightRelids === NO_RELS) clauses.push({ operand: rinfo.clause.args[0], families: rinfo.mergeopfamilies });
  }
  exprs.forEach((expr, i) => {
    const families = catalogOf(root).operatorFamilies(operators[i]).filter((entry) => entry.accessMethod === 403 && entry.strategy === 3).map((entry) => entry.family);
    clauses.push({ operand: expr, families });
  });
  if (clauses.length === 0) return false;
  return rel.indexes.some((index) => index.unique && index.immediate && (index.predicate.length === 0 || index.predicateOk)
    && Array.from({ length: index.keyCount }, (_, column) => column).every((column) =>
      clauses.some((clause) => clause.families.includes(index.descriptor.opfamilies[column]) && matchesColumn(index, clause.operand, column))));
}

/** A RestrictInfo for a bare expression, for callers that need one. */
export function bareRestriction(root: PlannerInfo, expr: Expr): RestrictInfo {
  return makeRestrictInfo(root, expr, { isPushedDown: true });
}
