/**
 * Inheritance and partitioning: a scan of a parent becomes an append relation over its children (inherit.c), with
 * children's columns matched by name.
 */
import type { Expr, RelationRte } from '../analyzer/nodes.js';
import type { Relation } from '../catalog/api.js';
import { isOtherTemporary } from '../catalog/relation-kind.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { catalogOf } from './cost-qual.js';
import type { AppendRelInfo, PlannerInfo } from './path-nodes.js';
import { buildSimpleRel, findBaseRel, makeVar } from './rel.js';
import { applyChildQuals } from './append-paths.js';
import { markDummy } from './paths.js';
import { prunePartitions } from './partition-pruning.js';

/** Adds the children of an inheritance parent or of a UNION ALL (expand_inherited_rtentry and add_other_rels_to_query). */
export function expandInheritance(root: PlannerInfo, rti: number): void {
  const rte = root.rtable[rti];
  const parent = findBaseRel(root, rti);
  const union = root.appendRels.filter((info) => info.parentRelid === rti);
  if (union.length > 0) {
    for (const info of union) {
      const child = buildSimpleRel(root, info.childRelid, parent);
      root.appendRelByChild.set(info.childRelid, info);
      if (!applyChildQuals(root, parent, child, info)) markDummy(child);
      expandInheritance(root, info.childRelid);
    }
    return;
  }
  if (rte.rtekind !== 'relation' || !rte.inh) return;
  const relation = catalogOf(root).relation(rte.relid);
  if (!relation || !relation.hasChildren) {
    if (relation) root.rtable[rti] = { ...rte, inh: relation.kind === 'p' };
    return;
  }
  root.glob.relationOids.add(relation.oid);
  expandTable(root, rti, rte, relation);
}

function expandTable(root: PlannerInfo, rti: number, rte: RelationRte, relation: Relation): void {
  const parent = findBaseRel(root, rti);
  const isTarget = root.parse.resultRelation === rti || root.leafResultRelids.includes(rti);
  if (relation.kind === 'p') {
    if (isTarget) dropLeaf(root, rti);
    const live = prunePartitions(root, parent, relation);
    for (const childOid of live) addChild(root, rti, rte, relation, childOid, isTarget);
    return;
  }
  const all = descendants(root, relation.oid);
  if (all.length === 1) {
    root.rtable[rti] = { ...rte, inh: false };
    return;
  }
  if (isTarget) dropLeaf(root, rti);
  for (const childOid of all) addChild(root, rti, rte, relation, childOid, isTarget);
}

function dropLeaf(root: PlannerInfo, rti: number): void {
  root.leafResultRelids = root.leafResultRelids.filter((leaf) => leaf !== rti);
}

/** The relation and all its descendants but other sessions' temporary ones, each once, in PostgreSQL's breadth-first order by OID. */
export function descendants(root: PlannerInfo, oid: number): number[] {
  const result = [oid];
  for (let i = 0; i < result.length; i++) {
    for (const child of [...catalogOf(root).inheritanceChildren(result[i])].sort((a, b) => a - b)) {
      if (!result.includes(child) && !isOtherTemporary(catalogOf(root), child)) result.push(child);
    }
  }
  return result;
}

function addChild(root: PlannerInfo, rti: number, rte: RelationRte, parentRelation: Relation, childOid: number, isTarget: boolean): void {
  const childRelation = catalogOf(root).relation(childOid);
  if (!childRelation) return;
  const isPartitioned = childRelation.kind === 'p';
  const alias = { aliasname: rte.eref.aliasname, colnames: childRelation.attributes.map((attribute) => (attribute.attisdropped ? '' : attribute.attname)) };
  const childRte: RelationRte = {
    ...rte, relid: childOid, relkind: childRelation.kind, inh: isPartitioned && childOid !== parentRelation.oid, alias, eref: alias,
    perm: { ...rte.perm, requiredPerms: '', relid: childOid },
  };
  root.rtable.push(childRte);
  const childRti = root.rtable.length - 1;
  const info: AppendRelInfo = {
    parentRelid: rti, childRelid: childRti, parentReltype: parentRelation.row.reltype, childReltype: childRelation.row.reltype,
    translatedVars: translateColumns(parentRelation, childRelation, childRti), parentReloid: parentRelation.oid,
  };
  root.appendRels.push(info);
  root.appendRelByChild.set(childRti, info);
  root.glob.relationOids.add(childOid);
  for (const mark of root.rowMarks.filter((candidate) => candidate.rti === rti)) {
    mark.isParent = true;
    root.rowMarks.push({ ...mark, rti: childRti, prti: mark.prti, relid: childOid, isParent: false });
  }
  const parent = findBaseRel(root, rti);
  const child = buildSimpleRel(root, childRti, parent);
  if (isTarget) root.leafResultRelids.push(childRti);
  if (!applyChildQuals(root, parent, child, info)) {
    markDummy(child);
    return;
  }
  if (childRte.inh) expandTable(root, childRti, childRte, childRelation);
}

/** The child's columns for each of the parent's, by name. */
function translateColumns(parent: Relation, child: Relation, childRti: number): (Expr | null)[] {
  return parent.attributes.map((attribute, i) => {
    if (attribute.attisdropped) return null;
    if (parent.oid === child.oid) return makeVar(child, childRti, i + 1);
    const same = child.attributes[i];
    const found = same && !same.attisdropped && same.attname === attribute.attname
      ? i : child.attributes.findIndex((candidate) => !candidate.attisdropped && candidate.attname === attribute.attname);
    if (found < 0) throw pgError('INTERNAL_ERROR', `could not find inherited attribute "${attribute.attname}" of relation "${child.name}"`);
    assert(child.attributes[found].atttypid === attribute.atttypid, `attribute "${attribute.attname}" of relation "${child.name}" does not match parent's type`);
    return makeVar(child, childRti, found + 1);
  });
}
