/**
 * INSERT, UPDATE, DELETE, MERGE and row marks: target lists with the columns that identify rows (preptlist.c), MERGE as a
 * join, and the ModifyTable path.
 */
import type { Expr, JoinType, MergeAction, TargetEntry } from '../analyzer/nodes.js';
import { assert } from '../base/assert.js';
import { makeNull, pullVarClause } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { translateToChild } from './append-paths.js';
import { equal } from './equal.js';
import type { AppendRelInfo, ModifyTablePath, Path, PlannerInfo, RelOptInfo } from './path-nodes.js';
import { above } from './paths.js';
import { ROW_ID_ATTNO } from './plan-nodes.js';
import { systemVar } from './rel.js';
import { copyJoinTree } from './root.js';
import { newExecParam } from './subselect.js';

function junk(expr: Expr, resno: number, name: string): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname: name, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: true };
}

/** Every attribute of the table in order; missing ones are NULL (defaults have been filled in by the rewriter). */
function insertTargets(root: PlannerInfo, relid: number, list: readonly TargetEntry[]): TargetEntry[] {
  const relation = catalogOf(root).relation(relid);
  assert(relation !== null, `relation ${relid} vanished while planning`);
  return relation.attributes.map((attribute, i) => {
    const given = list.find((entry) => !entry.resjunk && entry.resno === i + 1);
    if (given) return given;
    const expr = attribute.attisdropped ? makeNull(23, -1, 0) : makeNull(attribute.atttypid, attribute.atttypmod, attribute.attcollation);
    return { node: 'TargetEntry', expr, resno: i + 1, resname: attribute.attname, ressortgroupref: 0, resorigtbl: 0, resorigcol: 0, resjunk: false };
  });
}

/** Sets root.processedTlist: the query's target list and the junk columns that the stages above scans need. */
export function preprocessTargetList(root: PlannerInfo): void {
  const parse = root.parse;
  const target = parse.resultRelation;
  let list: TargetEntry[] = [...parse.targetList];
  const add = (expr: Expr, name: string): void => {
    if (!list.some((entry) => equal(entry.expr, expr) && entry.resjunk)) list.push(junk(expr, list.length + 1, name));
  };
  if (target > 0) {
    const rte = root.rtable[target];
    assert(rte.rtekind === 'relation', 'target of a modification is not a table');
    if (parse.commandType === 'insert') list = [...insertTargets(root, rte.relid, list), ...list.filter((entry) => entry.resjunk)].map((entry, i) => ({ ...entry, resno: i + 1 }));
    else if (parse.commandType === 'update') {
      root.updateColnos = list.filter((entry) => !entry.resjunk).map((entry) => entry.resno);
      list = [...list.filter((entry) => !entry.resjunk), ...list.filter((entry) => entry.resjunk)].map((entry, i) => ({ ...entry, resno: i + 1 }));
    }
    if (parse.commandType !== 'insert') {
      root.leafResultRelids = [target];
      if (parse.commandType === 'merge') {
        root.parse = { ...parse, mergeActionList: parse.mergeActionList.map((action) => expandMergeInsert(root, rte.relid, action)) };
      }
      add(systemVar(target, ROW_ID_ATTNO), 'ctid');
      if (rte.inh && catalogOf(root).relation(rte.relid)?.hasChildren) add(systemVar(target, -6), 'tableoid');
    }
  }
  for (const mark of root.rowMarks) {
    if (mark.strength === 'copy') continue;
    add(systemVar(mark.rti, ROW_ID_ATTNO), `ctid${mark.prti}`);
    const rte = root.rtable[mark.rti];
    if (rte.rtekind === 'relation' && rte.inh && catalogOf(root).relation(rte.relid)?.hasChildren) add(systemVar(mark.rti, -6), `tableoid${mark.prti}`);
  }
  const outside: Expr[] = [];
  for (const entry of root.parse.returningList) outside.push(entry.expr);
  for (const action of root.parse.mergeActionList) {
    if (action.qual) outside.push(action.qual);
    for (const entry of action.targetList) outside.push(entry.expr);
  }
  if (root.parse.mergeJoinCondition) outside.push(root.parse.mergeJoinCondition);
  for (const expr of outside) {
    for (const part of pullVarClause(expr)) {
      if (part.node === 'Var' && (part.varno === target || part.varno === root.parse.onConflict?.exclRelIndex)) continue;
      if (!list.some((entry) => equal(entry.expr, part))) list.push(junk(part, list.length + 1, ''));
    }
  }
  root.processedTlist = list;
}

function expandMergeInsert(root: PlannerInfo, relid: number, action: MergeAction): MergeAction {
  return action.commandType === 'insert' ? { ...action, targetList: insertTargets(root, relid, action.targetList) } : action;
}

/** Row marks of FOR UPDATE and family. */
export function initRowMarks(root: PlannerInfo): void {
  for (const mark of root.parse.rowMarks) {
    const rte = root.rtable[mark.rti];
    root.glob.rowMarks.push(mark);
    if (rte.rtekind !== 'relation' || root.rowMarks.some((known) => known.rti === mark.rti)) continue;
    root.rowMarks.push({ rti: mark.rti, prti: mark.rti, relid: rte.relid, strength: mark.strength, waitPolicy: mark.waitPolicy, isParent: false });
  }
}

/** MERGE as a join of target and source; the kinds of actions decide the join type (transform_MERGE_to_join). */
export function mergeToJoin(root: PlannerInfo): void {
  const parse = root.parse;
  const has = (kind: MergeAction['matchKind']): boolean => parse.mergeActionList.some((action) => action.matchKind === kind);
  const bySource = has('notMatchedBySource');
  const byTarget = has('notMatchedByTarget');
  const jointype: JoinType = bySource ? (byTarget ? 'full' : 'left') : byTarget ? 'right' : 'inner';
  const source = root.jointree.fromlist.length === 1 && !root.jointree.quals ? root.jointree.fromlist[0] : root.jointree;
  root.jointree = {
    node: 'FromExpr', quals: null,
    fromlist: [{ node: 'JoinExpr', jointype, larg: { node: 'RangeTblRef', rtindex: parse.resultRelation }, rarg: copyJoinTree(source), quals: parse.mergeJoinCondition, rtindex: 0 }],
  };
}

// ------------------------------------------------------------------ ModifyTable

function chainTo(root: PlannerInfo, leaf: number): AppendRelInfo[] {
  const chain: AppendRelInfo[] = [];
  for (let rti = leaf; rti !== root.parse.resultRelation;) {
    const info = root.appendRelByChild.get(rti);
    assert(info !== undefined, 'result relation outside the inheritance tree');
    chain.unshift(info);
    rti = info.parentRelid;
  }
  return chain;
}

function translateAll(root: PlannerInfo, chain: readonly AppendRelInfo[], expr: Expr): Expr {
  return chain.reduce((current, info) => translateToChild(root, current, info), expr);
}

function translateAttno(chain: readonly AppendRelInfo[], attno: number): number {
  return chain.reduce((current, info) => {
    const child = info.translatedVars[current - 1];
    return child?.node === 'Var' ? child.varattno : current;
  }, attno);
}

/** The path that modifies the rows its input delivers. */
export function createModifyTablePath(root: PlannerInfo, rel: RelOptInfo, subpath: Path): ModifyTablePath {
  const parse = root.parse;
  const operation = parse.commandType;
  assert(operation === 'insert' || operation === 'update' || operation === 'delete' || operation === 'merge', 'not a modification');
  const leaves = operation === 'insert' ? [parse.resultRelation] : root.leafResultRelids.filter((rti) => operation !== 'merge' || root.rtable[rti] !== undefined);
  const live = leaves.filter((rti) => rti === parse.resultRelation || !(root.simpleRels[rti]?.dummy ?? false));
  const targets = live.length > 0 ? live : [parse.resultRelation];
  const path: ModifyTablePath = {
    ...above(rel, subpath, rel.reltarget, []), kind: 'modifytable', subpath, operation, canSetTag: parse.canSetTag, nominalRelation: parse.resultRelation,
    resultRelations: targets, updateColnosLists: [], withCheckOptionLists: [], returningLists: [], mergeActionLists: [], mergeJoinConditions: [],
    onConflict: parse.onConflict, epqParam: newExecParam(root), rows: parse.returningList.length > 0 ? subpath.rows : 0,
  };
  for (const rti of targets) {
    const chain = rti === parse.resultRelation ? [] : chainTo(root, rti);
    const map = (expr: Expr): Expr => translateAll(root, chain, expr);
    const list = (entries: readonly TargetEntry[]): TargetEntry[] => entries.map((entry) => ({ ...entry, expr: map(entry.expr) }));
    path.updateColnosLists.push(root.updateColnos.map((attno) => translateAttno(chain, attno)));
    path.withCheckOptionLists.push(parse.withCheckOptions.map((option) => ({ ...option, qual: map(option.qual) })));
    path.returningLists.push(list(parse.returningList));
    path.mergeActionLists.push(parse.mergeActionList.map((action) => ({
      ...action, qual: action.qual && map(action.qual),
      targetList: list(action.targetList).map((entry) => ({ ...entry, resno: chain.length > 0 && action.commandType === 'update' ? translateAttno(chain, entry.resno) : entry.resno })),
    })));
    path.mergeJoinConditions.push(parse.mergeJoinCondition && map(parse.mergeJoinCondition));
  }
  return path;
}
