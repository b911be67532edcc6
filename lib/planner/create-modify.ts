/**
 * The ModifyTable plan node.
 */
import { buildPlan, costsOf } from './create-plan.js';
import type { ModifyTablePath, PlannerInfo } from './path-nodes.js';
import type { Plan } from './plan-nodes.js';

/** The node over the plan that delivers the rows to modify. */
export function createModifyTable(root: PlannerInfo, path: ModifyTablePath): Plan {
  const child = buildPlan(root, path.subpath);
  const column = (name: string): number => root.processedTlist.findIndex((entry) => entry.resjunk && entry.resname === name) + 1;
  const labelled = child.targetlist.map((entry, i) => {
    const wanted = root.processedTlist[i];
    return wanted ? { ...entry, resname: wanted.resname, resjunk: wanted.resjunk } : entry;
  });
  const relid = (rti: number): number => {
    const rte = root.rtable[rti];
    return rte.rtekind === 'relation' ? rte.relid : 0;
  };
  return {
    plan: 'ModifyTable', child: { ...child, targetlist: labelled }, operation: path.operation, canSetTag: path.canSetTag, nominalRelation: path.nominalRelation,
    resultRelations: path.resultRelations.map((rti, i) => ({
      rti, relid: relid(rti), updateColumns: path.updateColnosLists[i], returningList: path.returningLists[i], deletedReturningList: [], withCheckOptions: path.withCheckOptionLists[i],
      mergeActions: path.mergeActionLists[i], mergeJoinCondition: path.mergeJoinConditions[i],
    })),
    rowIdColumn: path.operation === 'insert' ? 0 : column('ctid'), tableOidColumn: path.operation === 'insert' ? 0 : column('tableoid'), onConflict: path.onConflict,
    epqParam: path.epqParam, targetlist: path.returningLists[0] ?? [], qual: [], initPlans: [], extParams: [], ...costsOf(path),
    planWidth: path.returningLists.some((list) => list.length > 0) ? path.target.width : 0,
  };
}
