/**
 * Left joins that contribute nothing are removed (remove_useless_joins of analyzejoins.c): the inner side is not used
 * above and matches at most one row.
 */
import { pullVarnos, placeholderOf } from './clauses.js';
import type { JoinListItem } from './initsplan.js';
import { generateJoinImpliedEqualities } from './equivclass.js';
import { innerRelIsUnique } from './join-paths.js';
import type { PlannerInfo, SpecialJoinInfo } from './path-nodes.js';
import { checkIndexPredicates } from './index-paths.js';
import { hasMember, isSingleton, isSubset, members, NO_RELS, overlaps, relidsOf } from './relids.js';

/** Removes what can be removed; returns the new join list. */
export function removeUselessJoins(root: PlannerInfo, joinlistIn: JoinListItem[]): JoinListItem[] {
  let joinlist = joinlistIn;
  for (let again = true; again;) {
    again = false;
    for (const join of root.joinInfos) {
      if (!isRemovable(root, join)) continue;
      const [rti] = members(join.minRight);
      removeRelation(root, rti, join);
      joinlist = withoutRelation(joinlist, rti);
      again = true;
      break;
    }
  }
  return joinlist;
}

/** Semijoins whose inner side can match only once are plain joins (reduce_unique_semijoins). */
export function reduceUniqueSemijoins(root: PlannerInfo): void {
  root.joinInfos = root.joinInfos.filter((join) => {
    if (join.jointype !== 'semi' || !isSingleton(join.minRight)) return true;
    const rel = root.simpleRels[members(join.minRight)[0]];
    if (!rel || rel.kind !== 'base' || rel.rte?.rtekind !== 'relation' || !rel.indexes.some((index) => index.unique)) return true;
    checkIndexPredicates(root, rel);
    const clauses = [...generateJoinImpliedEqualities(root, join.minLeft | join.minRight, join.minLeft, rel), ...rel.joininfo];
    return !innerRelIsUnique(root, { ...rel, relids: join.minLeft }, rel, 'semi', clauses);
  });
}

function withoutRelation(list: JoinListItem[], rti: number): JoinListItem[] {
  return list.flatMap((item): JoinListItem[] => {
    if (item === rti) return [];
    if (typeof item === 'number') return [item];
    const inner = withoutRelation(item, rti);
    return inner.length === 0 ? [] : inner.length === 1 ? [inner[0]] : [inner];
  });
}

function isRemovable(root: PlannerInfo, join: SpecialJoinInfo): boolean {
  if (join.jointype !== 'left' || !isSingleton(join.minRight)) return false;
  const [rti] = members(join.minRight);
  if (rti === root.parse.resultRelation || root.rowMarks.some((mark) => mark.rti === rti)) return false;
  const rel = root.simpleRels[rti];
  if (!rel || rel.kind !== 'base' || join.synRight !== join.minRight) return false;
  if (rel.rte?.rtekind !== 'relation' || !rel.indexes.some((index) => index.unique)) return false;
  const joinRelids = join.minLeft | join.minRight;
  for (const needed of rel.attrNeeded.values()) if (!isSubset(needed, joinRelids)) return false;
  for (const placeholder of root.placeholders.values()) {
    if (overlaps(placeholder.lateral, rel.relids)) return false;
    if (!isSubset(placeholder.needed, joinRelids) && overlaps(placeholder.evalAt, rel.relids)) return false;
    if (overlaps(pullVarnos(root, placeholder.expr), rel.relids)) return false;
  }
  for (const other of root.simpleRels) if (other && other.lateralVars.some((item) => item.node === 'Var' && !placeholderOf(root, item) && item.varno === rti)) return false;
  const clauses = [];
  for (const rinfo of rel.joininfo) {
    if (rinfo.isPushedDown || !isSubset(rinfo.requiredRelids, joinRelids)) {
      if (overlaps(rinfo.clauseRelids, rel.relids)) return false;
      continue;
    }
    if (!rinfo.canJoin || rinfo.mergeopfamilies.length === 0) continue;
    const leftInner = isSubset(rinfo.leftRelids, rel.relids);
    const rightInner = isSubset(rinfo.rightRelids, rel.relids);
    if (leftInner === rightInner) continue;
    rinfo.outerIsLeft = rightInner;
    clauses.push(rinfo);
  }
  checkIndexPredicates(root, rel);
  return innerRelIsUnique(root, { ...rel, relids: join.minLeft }, rel, 'left', clauses);
}

function removeRelation(root: PlannerInfo, rti: number, join: SpecialJoinInfo): void {
  const gone = relidsOf(rti);
  root.allBaserels &= ~gone;
  root.joinInfos = root.joinInfos.filter((other) => other !== join);
  for (const other of root.joinInfos) {
    other.minLeft &= ~gone;
    other.minRight &= ~gone;
    other.synLeft &= ~gone;
    other.synRight &= ~gone;
  }
  root.simpleRels[rti] = undefined;
  for (const rel of root.simpleRels) {
    if (!rel) continue;
    rel.joininfo = rel.joininfo.filter((rinfo) => !hasMember(rinfo.requiredRelids, rti) && !hasMember(rinfo.clauseRelids, rti));
    for (const [attno, needed] of rel.attrNeeded) rel.attrNeeded.set(attno, needed & ~gone);
    const target = rel.reltarget;
    const kept = target.exprs.map((expr) => !(expr.node === 'Var' && expr.varno === rel.relid && (rel.attrNeeded.get(expr.varattno) ?? NO_RELS) === NO_RELS));
    target.sortgrouprefs = target.sortgrouprefs.filter((_, i) => kept[i]);
    target.exprs = target.exprs.filter((_, i) => kept[i]);
  }
  for (const placeholder of root.placeholders.values()) {
    placeholder.phrels &= ~gone;
    placeholder.evalAt &= ~gone;
    placeholder.needed &= ~gone;
  }
  for (const ec of root.eqClasses) {
    if (!overlaps(ec.relids, gone)) continue;
    ec.relids &= ~gone;
    ec.members = ec.members.filter((em) => !overlaps(em.relids, gone));
    ec.sources = ec.sources.filter((rinfo) => !overlaps(rinfo.clauseRelids, gone));
    ec.derives = ec.derives.filter((rinfo) => !overlaps(rinfo.clauseRelids, gone));
  }
}
