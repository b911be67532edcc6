/**
 * Which partitions of a partitioned table a scan needs (partprune.c, the part done at plan time).
 */
import type { Relation } from '../catalog/api.js';
import { makeAndsImplicit } from './clauses.js';
import { catalogOf, settingsOf } from './cost-qual.js';
import type { PlannerInfo, RelOptInfo } from './path-nodes.js';
import { predicateRefutedBy } from './predtest.js';
import { retarget } from './rel.js';

/** OIDs of the partitions that may hold rows satisfying the relation's conditions, in bound order as the catalog lists them. */
export function prunePartitions(root: PlannerInfo, rel: RelOptInfo, relation: Relation): readonly number[] {
  const catalog = catalogOf(root);
  const children = catalog.inheritanceChildren(relation.oid);
  const constraintOf = root.glob.context.partitionConstraint;
  if (!constraintOf || !settingsOf(root).enablePartitionPruning || rel.baserestrictinfo.length === 0) return children;
  const clauses = rel.baserestrictinfo.filter((rinfo) => !rinfo.pseudoconstant).map((rinfo) => rinfo.clause);
  return children.filter((oid) => {
    const constraint = constraintOf(oid);
    if (!constraint) return true;
    return !predicateRefutedBy(root, makeAndsImplicit(retarget(constraint, rel.relid)), clauses, false);
  });
}
