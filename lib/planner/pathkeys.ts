/**
 * Pathkeys (pathkeys.c): the orderings of paths as lists of equivalence classes with direction, comparison of orderings,
 * and which of them are worth keeping.
 */
import type { Expr, SortGroupClause, TargetEntry } from '../analyzer/nodes.js';
import { exprCollation } from '../analyzer/node-functions.js';
import { assert } from '../base/assert.js';
import { catalogOf } from './cost-qual.js';
import { canonicalClass, classForSortExpr, eclassUsefulForMerging } from './equivclass.js';
import type { EquivalenceClass, IndexOptInfo, Path, PathKey, PathTarget, PlannerInfo, RelOptInfo, RestrictInfo } from './path-nodes.js';
import { isSubset, overlaps, type Relids } from './relids.js';
import { mergejoinOpfamilies } from './restrictinfo.js';
import { equal } from './equal.js';
import { stripRelabel } from './clauses.js';

/** The one PathKey object for these properties. */
export function canonicalPathkey(root: PlannerInfo, ec: EquivalenceClass, opfamily: number, strategy: 1 | 5, nullsFirst: boolean): PathKey {
  const eclass = canonicalClass(ec);
  for (const key of root.canonPathkeys) {
    if (key.ec === eclass && key.opfamily === opfamily && key.strategy === strategy && key.nullsFirst === nullsFirst) return key;
  }
  const key: PathKey = { ec: eclass, opfamily, strategy, nullsFirst };
  root.canonPathkeys.push(key);
  return key;
}

/** True when sorting by the key after the others adds nothing. */
export function isRedundantPathkey(key: PathKey, keys: readonly PathKey[]): boolean {
  if (key.ec.hasConst && !key.ec.belowOuterJoin) return true;
  return keys.some((known) => known.ec === key.ec);
}

/** Family, input type and direction of an ordering operator. */
export function orderingProperties(root: PlannerInfo, sortop: number): { opfamily: number; opcintype: number; strategy: 1 | 5 } | null {
  for (const entry of catalogOf(root).operatorFamilies(sortop)) {
    if (entry.accessMethod !== 403 || (entry.strategy !== 1 && entry.strategy !== 5) || entry.leftType !== entry.rightType) continue;
    return { opfamily: entry.family, opcintype: entry.leftType, strategy: entry.strategy };
  }
  return null;
}

/** Pathkey of one sort expression. */
export function pathkeyForSortOperator(root: PlannerInfo, expr: Expr, sortop: number, nullsFirst: boolean, sortref: number, create: boolean): PathKey | null {
  const properties = orderingProperties(root, sortop);
  assert(properties !== null, `operator ${sortop} is not a valid ordering operator`);
  return pathkeyFromSortInfo(root, expr, properties.opfamily, properties.opcintype, exprCollation(expr), properties.strategy === 5, nullsFirst, sortref, null, create);
}

function pathkeyFromSortInfo(root: PlannerInfo, expr: Expr, opfamily: number, opcintype: number, collation: number, descending: boolean, nullsFirst: boolean, sortref: number, relids: Relids | null, create: boolean): PathKey | null {
  const equality = catalogOf(root).familyOperator(opfamily, opcintype, opcintype, 3);
  const opfamilies = equality ? mergejoinOpfamilies(root, equality) : [opfamily];
  const ec = classForSortExpr(root, expr, opfamilies.length > 0 ? opfamilies : [opfamily], opcintype, collation, sortref, relids, create);
  return ec && canonicalPathkey(root, ec, opfamily, descending ? 5 : 1, nullsFirst);
}

/** The target entry that a sort or group clause names. */
export function sortGroupEntry(clause: { readonly tleSortGroupRef: number }, tlist: readonly TargetEntry[]): TargetEntry {
  const entry = tlist.find((candidate) => candidate.ressortgroupref === clause.tleSortGroupRef);
  assert(entry !== undefined, `ORDER/GROUP BY expression ${clause.tleSortGroupRef} not found in targetlist`);
  return entry;
}

/** Pathkeys of a list of sort clauses; redundant ones are left out. */
export function pathkeysForSortClauses(root: PlannerInfo, clauses: readonly SortGroupClause[], tlist: readonly TargetEntry[]): PathKey[] {
  return pathkeysForSortClausesExtended(root, clauses, tlist).pathkeys;
}

/** As above, and which clauses remain, and whether all are sortable. */
export function pathkeysForSortClausesExtended(root: PlannerInfo, clauses: readonly SortGroupClause[], tlist: readonly TargetEntry[]): { pathkeys: PathKey[]; clauses: SortGroupClause[]; sortable: boolean } {
  const pathkeys: PathKey[] = [];
  const kept: SortGroupClause[] = [];
  let sortable = true;
  for (const clause of clauses) {
    if (!clause.sortop) {
      sortable = false;
      kept.push(clause);
      continue;
    }
    const key = pathkeyForSortOperator(root, sortGroupEntry(clause, tlist).expr, clause.sortop, clause.nullsFirst, clause.tleSortGroupRef, true)!;
    if (key.ec.sortref === 0) key.ec.sortref = clause.tleSortGroupRef;
    if (isRedundantPathkey(key, pathkeys)) continue;
    pathkeys.push(key);
    kept.push(clause);
  }
  return { pathkeys, clauses: kept, sortable };
}

/** Ordering that a scan of the index delivers. */
export function indexPathkeys(root: PlannerInfo, index: IndexOptInfo, backward: boolean): PathKey[] {
  const result: PathKey[] = [];
  if (!index.ordered) return result;
  for (let column = 0; column < index.keyCount; column++) {
    const descending = index.descriptor.descending[column] !== backward;
    const nullsFirst = index.descriptor.nullsFirst[column] !== backward;
    const key = pathkeyFromSortInfo(root, index.columns[column], index.descriptor.opfamilies[column], index.descriptor.keyTypes[column],
      index.descriptor.collations[column], descending, nullsFirst, 0, index.rel.relids, false);
    if (key) {
      if (!isRedundantPathkey(key, result)) result.push(key);
    } else if (!booleanIndexColumnIsConstant(index, column)) break;
  }
  return result;
}

/** A boolean column fixed by a condition does not break the ordering. */
function booleanIndexColumnIsConstant(index: IndexOptInfo, column: number): boolean {
  const expr = index.columns[column];
  return index.rel.baserestrictinfo.some(({ clause }) => equal(clause, expr)
    || (clause.node === 'BoolExpr' && clause.boolop === 'not' && equal(clause.args[0], expr)));
}

/** 'equal', 'better1' (first is longer), 'better2', or 'different'. */
export function comparePathkeys(first: readonly PathKey[], second: readonly PathKey[]): 'equal' | 'better1' | 'better2' | 'different' {
  if (first === second) return 'equal';
  const common = Math.min(first.length, second.length);
  for (let i = 0; i < common; i++) if (first[i] !== second[i]) return 'different';
  if (first.length === second.length) return 'equal';
  return first.length > second.length ? 'better1' : 'better2';
}

/** True when an ordering satisfies the wanted one. */
export function pathkeysContained(wanted: readonly PathKey[], have: readonly PathKey[]): boolean {
  return wanted.length <= have.length && wanted.every((key, i) => have[i] === key);
}

/** Length of the common prefix. */
export function commonPathkeys(wanted: readonly PathKey[], have: readonly PathKey[]): number {
  let i = 0;
  while (i < wanted.length && i < have.length && wanted[i] === have[i]) i++;
  return i;
}

/** Cheapest path with at least the ordering and no more parameterisation than given. */
export function cheapestForPathkeys(paths: readonly Path[], wanted: readonly PathKey[], requiredOuter: Relids, by: 'startup' | 'total'): Path | null {
  let best: Path | null = null;
  for (const path of paths) {
    if (best && compareCost(best, path, by) <= 0) continue;
    if (pathkeysContained(wanted, path.pathkeys) && isSubset(path.param?.requiredOuter ?? 0n, requiredOuter)) best = path;
  }
  return best;
}

/** Cost comparison: disabled nodes, then the criterion, then the other cost. */
export function compareCost(a: Path, b: Path, by: 'startup' | 'total'): number {
  if (a.disabledNodes !== b.disabledNodes) return a.disabledNodes - b.disabledNodes;
  const first = by === 'startup' ? a.startupCost - b.startupCost : a.totalCost - b.totalCost;
  if (first !== 0) return first;
  return by === 'startup' ? a.totalCost - b.totalCost : a.startupCost - b.startupCost;
}

/** Cheapest path for reading a fraction of the rows with the ordering. */
export function cheapestFractionalForPathkeys(paths: readonly Path[], wanted: readonly PathKey[], fraction: number): Path | null {
  let best: Path | null = null;
  for (const path of paths) {
    if (path.param || !pathkeysContained(wanted, path.pathkeys)) continue;
    if (!best || compareFractional(best, path, fraction) > 0) best = path;
  }
  return best;
}

/** Compares the cost of fetching a fraction of the rows. */
export function compareFractional(a: Path, b: Path, fraction: number): number {
  if (a.disabledNodes !== b.disabledNodes) return a.disabledNodes - b.disabledNodes;
  if (fraction <= 0 || fraction >= 1) return compareCost(a, b, 'total');
  return a.startupCost + fraction * (a.totalCost - a.startupCost) - (b.startupCost + fraction * (b.totalCost - b.startupCost));
}

/** The prefix of an ordering that anything above the relation can use (truncate_useless_pathkeys). */
export function usefulPathkeys(root: PlannerInfo, rel: RelOptInfo, pathkeys: readonly PathKey[]): readonly PathKey[] {
  if (pathkeys.length === 0) return pathkeys;
  let useful = usefulForMerging(root, rel, pathkeys);
  useful = Math.max(useful, commonPathkeys(root.sortPathkeys, pathkeys), commonPathkeys(root.windowPathkeys, pathkeys), commonPathkeys(root.setopPathkeys, pathkeys));
  useful = Math.max(useful, usefulForSet(root.groupPathkeys, pathkeys), usefulForSet(root.distinctPathkeys, pathkeys));
  return useful === pathkeys.length ? pathkeys : pathkeys.slice(0, useful);
}

function usefulForSet(wanted: readonly PathKey[], pathkeys: readonly PathKey[]): number {
  let i = 0;
  while (i < pathkeys.length && wanted.includes(pathkeys[i])) i++;
  return i;
}

function usefulForMerging(root: PlannerInfo, rel: RelOptInfo, pathkeys: readonly PathKey[]): number {
  let useful = 0;
  for (const key of pathkeys) {
    const viaClass = rel.hasEclassJoins && eclassUsefulForMerging(key.ec, rel);
    const viaClause = !viaClass && rel.joininfo.some((rinfo) => {
      if (rinfo.mergeopfamilies.length === 0) return false;
      ensureMergeClasses(root, rinfo);
      return key.ec === rinfo.leftEc || key.ec === rinfo.rightEc;
    });
    if (!viaClass && !viaClause) break;
    useful++;
  }
  return useful;
}

/** Whether any ordering of the relation could be of use. */
export function hasUsefulPathkeys(root: PlannerInfo, rel: RelOptInfo): boolean {
  return rel.joininfo.length > 0 || rel.hasEclassJoins || root.queryPathkeys.length > 0;
}

/** Gives a mergejoinable clause its left and right classes (initialize_mergeclause_eclasses). */
export function ensureMergeClasses(root: PlannerInfo, rinfo: RestrictInfo): void {
  const clause = rinfo.clause;
  if (clause.node !== 'OpExpr') return;
  if (!rinfo.leftEc || !rinfo.rightEc) {
    const operator = catalogOf(root).operator(clause.opno);
    rinfo.leftEc = classForSortExpr(root, clause.args[0], rinfo.mergeopfamilies, operator?.oprleft ?? 0, clause.inputcollid, 0, null, true);
    rinfo.rightEc = classForSortExpr(root, clause.args[1], rinfo.mergeopfamilies, operator?.oprright ?? 0, clause.inputcollid, 0, null, true);
  }
  rinfo.leftEc = rinfo.leftEc && canonicalClass(rinfo.leftEc);
  rinfo.rightEc = rinfo.rightEc && canonicalClass(rinfo.rightEc);
}

/** Merge clauses usable with an outer ordering, in its order. */
export function mergeClausesForPathkeys(root: PlannerInfo, pathkeys: readonly PathKey[], rinfos: readonly RestrictInfo[]): RestrictInfo[] {
  const result: RestrictInfo[] = [];
  for (const rinfo of rinfos) ensureMergeClasses(root, rinfo);
  for (const key of pathkeys) {
    const matched = rinfos.filter((rinfo) => (rinfo.outerIsLeft ? rinfo.leftEc : rinfo.rightEc) === key.ec);
    if (matched.length === 0) break;
    result.push(...matched);
  }
  return result;
}

/** A good outer ordering for a merge join on the clauses: the query's own first, then the most popular classes. */
export function outerPathkeysForMerge(root: PlannerInfo, clauses: readonly RestrictInfo[], joinrel: RelOptInfo): PathKey[] {
  const classes: EquivalenceClass[] = [];
  const scores: number[] = [];
  for (const rinfo of clauses) {
    ensureMergeClasses(root, rinfo);
    const ec = rinfo.outerIsLeft ? rinfo.leftEc! : rinfo.rightEc!;
    if (classes.includes(ec)) continue;
    classes.push(ec);
    scores.push(ec.members.filter((em) => !em.isConst && !em.isChild && !overlaps(em.relids, joinrel.relids)).length);
  }
  const result: PathKey[] = [];
  const query = root.queryPathkeys;
  if (query.length > 0) {
    const all = query.every((key) => classes.includes(key.ec));
    if (all) {
      result.push(...query);
      for (const key of query) scores[classes.indexOf(key.ec)] = -1;
    } else {
      const prefix: PathKey[] = [];
      for (const key of query) {
        if (!classes.includes(key.ec)) break;
        prefix.push(key);
      }
      if (prefix.length === classes.length) return prefix;
    }
  }
  for (;;) {
    let best = -1;
    scores.forEach((score, i) => { if (score >= 0 && (best < 0 || score > scores[best])) best = i; });
    if (best < 0) break;
    scores[best] = -1;
    const ec = classes[best];
    const key = canonicalPathkey(root, ec, ec.opfamilies[0], 1, false);
    if (!isRedundantPathkey(key, result)) result.push(key);
  }
  return result;
}

/** The inner ordering that goes with merge clauses and the outer ordering. */
export function innerPathkeysForMerge(root: PlannerInfo, clauses: readonly RestrictInfo[], outer: readonly PathKey[]): PathKey[] {
  const result: PathKey[] = [];
  let at = 0;
  for (const rinfo of clauses) {
    ensureMergeClasses(root, rinfo);
    const outerEc = rinfo.outerIsLeft ? rinfo.leftEc! : rinfo.rightEc!;
    const innerEc = rinfo.outerIsLeft ? rinfo.rightEc! : rinfo.leftEc!;
    let outerKey = outer[at > 0 ? at - 1 : 0];
    if (at === 0 || outerKey.ec !== outerEc) {
      const found = outer.findIndex((key) => key.ec === outerEc);
      assert(found >= 0, 'outer pathkeys do not match mergeclauses');
      outerKey = outer[found];
      at = found + 1;
    }
    const key = innerEc === outerKey.ec ? outerKey : canonicalPathkey(root, innerEc, outerKey.opfamily, outerKey.strategy, outerKey.nullsFirst);
    if (!isRedundantPathkey(key, result)) result.push(key);
  }
  return result;
}

/** The leading clauses whose keys an inner ordering has. */
export function trimMergeClauses(root: PlannerInfo, clauses: readonly RestrictInfo[], pathkeys: readonly PathKey[]): RestrictInfo[] {
  const result: RestrictInfo[] = [];
  let at = 0;
  let matchedCurrent = false;
  for (const rinfo of clauses) {
    ensureMergeClasses(root, rinfo);
    const ec = rinfo.outerIsLeft ? rinfo.rightEc! : rinfo.leftEc!;
    if (at >= pathkeys.length) break;
    if (ec !== pathkeys[at].ec) {
      if (!matchedCurrent) break;
      at++;
      matchedCurrent = false;
      if (at >= pathkeys.length || ec !== pathkeys[at].ec) break;
    }
    result.push(rinfo);
    matchedCurrent = true;
  }
  return result;
}

/** The ordering of a subquery's output as the outer query can use it (convert_subquery_pathkeys). */
export function convertSubqueryPathkeys(root: PlannerInfo, rel: RelOptInfo, subkeys: readonly PathKey[], tlist: readonly TargetEntry[]): PathKey[] {
  const result: PathKey[] = [];
  for (const subkey of subkeys) {
    let best: PathKey | null = null;
    let bestScore = -1;
    for (const em of subkey.ec.members) {
      if (em.isChild) continue;
      for (const entry of tlist) {
        if (entry.resjunk || !equal(stripRelabel(entry.expr), stripRelabel(em.expr))) continue;
        if (subkey.ec.hasVolatile && entry.ressortgroupref !== subkey.ec.sortref) continue;
        const outer = rel.reltarget.exprs.find((expr) => expr.node === 'Var' && expr.varno === rel.relid && expr.varattno === entry.resno);
        if (!outer) continue;
        const ec = classForSortExpr(root, outer, subkey.ec.opfamilies, em.datatype, subkey.ec.collation, 0, rel.relids, false)
          ?? classForSortExpr(root, outer, subkey.ec.opfamilies, em.datatype, subkey.ec.collation, 0, rel.relids, true)!;
        const key = canonicalPathkey(root, ec, subkey.opfamily, subkey.strategy, subkey.nullsFirst);
        let score = ec.members.length - 1;
        const wanted = root.queryPathkeys[result.length];
        if (wanted === key) score++;
        if (score > bestScore) [best, bestScore] = [key, score];
      }
    }
    if (!best) break;
    if (!isRedundantPathkey(best, result)) result.push(best);
  }
  return result;
}

/** True when the target carries an expression for each key. */
export function targetSupports(target: PathTarget, expr: Expr): boolean {
  return target.exprs.some((known) => equal(known, expr));
}
