/**
 * Final references (setrefs.c): range tables of all query levels become one flat list, Vars above scans become columns of
 * child nodes, needless SubqueryScans and Appends disappear, and each node learns which outer Params it depends on.
 */
import type { Expr, OnConflictExpr, PermissionInfo, Query, RangeTblEntry, TargetEntry, Var } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { mapChildren, walkExpression, walkQuery } from '../analyzer/walker.js';
import { assert, unreachable } from '../base/assert.js';
import { placeholderOf } from './clauses.js';
import { equal } from './equal.js';
import { attachParams } from './ext-params.js';
import { GROUP_VARNO, type PlannerInfo } from './path-nodes.js';
import {
  EXCLUDED_VAR, INNER_VAR, NEW_VAR, OLD_VAR, OUTER_VAR, type BitmapPlan, type IndexCondition, type ModifyTablePlan, type Plan, type PlannedStmt,
} from './plan-nodes.js';

/** Makes the statement from the top plan and the subplans of the planning run. */
export function finishPlan(root: PlannerInfo, query: Query, plan: Plan): PlannedStmt {
  const { glob } = root;
  const planTree = setReferences(root, plan);
  const subplans = glob.subplans.map((subplan) => setReferences(subplan.root, subplan.plan));
  const perms = new Set<PermissionInfo>();
  for (const rte of glob.finalRtable) collectPermission(rte, perms);
  collectQuery(query, perms, glob.relationOids);
  const finished = attachParams(planTree, subplans);
  for (const tree of [finished.planTree, ...finished.subplans]) collectFunctions(tree, glob.functionOids);
  return {
    commandType: query.commandType, utilityStmt: null, canSetTag: query.canSetTag, planTree: finished.planTree, subplans: finished.subplans, rtable: glob.finalRtable,
    permInfos: [...perms], paramExecCount: glob.paramExecCount, paramTypes: glob.context.paramTypes, hasReturning: query.returningList.length > 0,
    hasModifyingCTE: glob.hasModifyingCTE, readOnly: query.commandType === 'select' && !glob.hasModifyingCTE && glob.rowMarks.length === 0, rowMarks: glob.rowMarks,
    relationOids: [...glob.relationOids], functionOids: [...glob.functionOids], dependsOnRole: glob.dependsOnRole,
  };
}

function collectPermission(rte: RangeTblEntry, perms: Set<PermissionInfo>): void {
  if ((rte.rtekind === 'relation' || rte.rtekind === 'subquery') && rte.perm && rte.perm.requiredPerms !== '') perms.add(rte.perm);
}

/** Relations and privileges of a query and everything nested in it: also of parts that planning removed. */
export function collectQuery(query: Query, perms: Set<PermissionInfo>, relations: Set<number>): void {
  for (const rte of query.rtable) {
    collectPermission(rte, perms);
    if (rte.rtekind === 'relation') relations.add(rte.relid);
    if (rte.rtekind === 'subquery') {
      if (rte.viewRelid) relations.add(rte.viewRelid);
      collectQuery(rte.subquery, perms, relations);
    }
  }
  for (const cte of query.cteList) collectQuery(cte.ctequery, perms, relations);
  walkQuery({ ...query, rtable: query.rtable.filter((rte) => rte.rtekind !== 'subquery'), cteList: [] }, (node) => {
    if (node.node === 'SubLink') {
      collectQuery(node.subselect, perms, relations);
      return 'skip';
    }
    return undefined;
  });
}

/** User-defined functions in a plan: plans are invalid when they change. */
function collectFunctions(plan: Plan, functions: Set<number>): void {
  const visit = (expr: Expr): void => {
    walkExpression(expr, (node) => {
      const oid = node.node === 'FuncExpr' ? node.funcid : node.node === 'Aggref' ? node.aggfnoid : node.node === 'WindowFunc' ? node.winfnoid
        : node.node === 'OpExpr' || node.node === 'ScalarArrayOpExpr' ? node.opfuncid : 0;
      if (oid >= 16384) functions.add(oid);
      return undefined;
    });
  };
  plan.targetlist.forEach((entry) => visit(entry.expr));
  plan.qual.forEach(visit);
}

/** A child's columns, prepared for look-up. */
interface ColumnIndex { readonly vars: ReadonlyMap<string, Var>; readonly entries: readonly TargetEntry[]; readonly hasOthers: boolean; readonly varno: number }

function columnIndex(tlist: readonly TargetEntry[], varno: number): ColumnIndex {
  const vars = new Map<string, Var>();
  let hasOthers = false;
  for (const entry of tlist) {
    if (entry.expr.node === 'Var' && entry.expr.varlevelsup === 0) {
      const key = `${entry.expr.varno}.${entry.expr.varattno}`;
      if (!vars.has(key)) vars.set(key, columnOf(entry, varno));
    } else if (entry.expr.node !== 'Const') hasOthers = true;
  }
  return { vars, entries: tlist, hasOthers, varno };
}

function columnOf(entry: TargetEntry, varno: number): Var {
  return {
    node: 'Var', varno, varattno: entry.resno, vartype: exprType(entry.expr), vartypmod: exprTypmod(entry.expr), varcollid: exprCollation(entry.expr), varlevelsup: 0, location: -1,
  };
}

function lookup(index: ColumnIndex, expr: Expr): Var | null {
  if (expr.node === 'Var') return index.vars.get(`${expr.varno}.${expr.varattno}`) ?? null;
  if (!index.hasOthers || expr.node === 'Const' || expr.node === 'Param') return null;
  const entry = index.entries.find((candidate) => candidate.expr.node === expr.node && equal(candidate.expr, expr));
  return entry ? columnOf(entry, index.varno) : null;
}

/** A grouping column where it is computed: the child's column of the same reference. */
function groupColumn(index: ColumnIndex, expr: Expr): Var | null {
  if (expr.node !== 'Var' || expr.varno !== GROUP_VARNO) return null;
  const entry = index.entries.find((candidate) => candidate.ressortgroupref === expr.varattno);
  return entry ? columnOf(entry, index.varno) : null;
}

class Fixer {
  constructor(readonly root: PlannerInfo, readonly offset: number) {}

  /** Expressions over the scanned relation itself. */
  scan(exprIn: Expr): Expr {
    const expr = this.replaced(exprIn);
    const fix = (node: Expr): Expr => {
      if (node.node === 'Var' && node.varlevelsup === 0) {
        const placeholder = placeholderOf(this.root, node);
        if (placeholder) return fix(placeholder.planExpr ?? placeholder.expr);
        return node.varno > 0 && this.offset > 0 ? { ...node, varno: node.varno + this.offset } : node;
      }
      if (node.node === 'CurrentOfExpr') return { ...node, cvarno: node.cvarno + this.offset };
      return mapChildren(node, fix);
    };
    return fix(expr);
  }

  private replaced(expr: Expr): Expr {
    return this.root.minmaxReplace ? this.root.minmaxReplace(expr) : expr;
  }

  /** Expressions over child columns. */
  over(exprIn: Expr, indexes: readonly ColumnIndex[], special?: (node: Var) => Expr | null): Expr {
    const fix = (node: Expr): Expr => {
      if (node.node === 'Var' && node.varlevelsup > 0) return node;
      if (node.node === 'Var') {
        const mapped = special?.(node);
        if (mapped) return mapped;
      }
      for (const index of indexes) {
        const found = lookup(index, node) ?? groupColumn(index, node);
        if (found) return found;
      }
      if (node.node === 'Var') {
        const placeholder = placeholderOf(this.root, node);
        if (placeholder) return fix(placeholder.planExpr ?? placeholder.expr);
        assert(node.varno < 0, `variable ${node.varno}.${node.varattno} not found in subplan target list`);
        return node;
      }
      return mapChildren(node, fix);
    };
    return fix(this.replaced(exprIn));
  }

  scanList(list: readonly Expr[]): Expr[] {
    return list.map((expr) => this.scan(expr));
  }

  scanTargets(list: readonly TargetEntry[]): TargetEntry[] {
    return list.map((entry) => ({ ...entry, expr: this.scan(entry.expr) }));
  }

  /** A target list over one child: entries with a sort reference take the child's column of that reference. */
  upperTargets(list: readonly TargetEntry[], index: ColumnIndex): TargetEntry[] {
    return list.map((entry) => {
      if (entry.ressortgroupref !== 0) {
        const match = index.entries.find((candidate) => candidate.ressortgroupref === entry.ressortgroupref && equal(candidate.expr, entry.expr));
        if (match) return { ...entry, expr: columnOf(match, index.varno) };
      }
      return { ...entry, expr: this.over(entry.expr, [index]) };
    });
  }
}

/** Target list of a node that passes its child's columns on. */
function passThrough(list: readonly TargetEntry[]): TargetEntry[] {
  return list.map((entry) => (entry.expr.node === 'Const' ? entry : { ...entry, expr: columnOf(entry, OUTER_VAR) }));
}

/** Rewrites a query level's plan; its range table is appended to the flat one. */
export function setReferences(root: PlannerInfo, plan: Plan): Plan {
  const offset = root.rtableOffset >= 0 ? root.rtableOffset : root.glob.finalRtable.length;
  if (root.rtableOffset < 0) {
    root.rtableOffset = offset;
    for (const rte of root.rtable.slice(1)) {
      root.glob.finalRtable.push(rte);
      if (rte.rtekind === 'relation') root.glob.relationOids.add(rte.relid);
    }
  }
  return fixPlan(new Fixer(root, offset), plan);
}

function fixConditions(fixer: Fixer, conditions: readonly IndexCondition[]): IndexCondition[] {
  return conditions.map((condition): IndexCondition => {
    switch (condition.kind) {
      case 'compare': case 'prefix': return { ...condition, value: fixer.scan(condition.value) };
      case 'any': return { ...condition, array: fixer.scan(condition.array) };
      case 'rowCompare': return { ...condition, values: fixer.scanList(condition.values) };
      default: return condition;
    }
  });
}

function fixBitmap(fixer: Fixer, bitmap: BitmapPlan): BitmapPlan {
  if (bitmap.bitmap !== 'index') return { ...bitmap, inputs: bitmap.inputs.map((input) => fixBitmap(fixer, input)) };
  return { ...bitmap, conditions: fixConditions(fixer, bitmap.conditions), indexqualorig: fixer.scanList(bitmap.indexqualorig) };
}

function fixPlan(fixer: Fixer, plan: Plan): Plan {
  const scanned = { targetlist: fixer.scanTargets(plan.targetlist), qual: fixer.scanList(plan.qual) };
  const { offset } = fixer;
  switch (plan.plan) {
    case 'SeqScan': return {
      ...plan, ...scanned, scanrelid: plan.scanrelid + offset,
      tablesample: plan.tablesample && { ...plan.tablesample, args: fixer.scanList(plan.tablesample.args), repeatable: plan.tablesample.repeatable && fixer.scan(plan.tablesample.repeatable) },
    };
    case 'IndexScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset, conditions: fixConditions(fixer, plan.conditions), indexqualorig: fixer.scanList(plan.indexqualorig) };
    case 'BitmapHeapScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset, bitmap: fixBitmap(fixer, plan.bitmap), bitmapqualorig: fixer.scanList(plan.bitmapqualorig) };
    case 'TidScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset, tidquals: fixer.scanList(plan.tidquals) };
    case 'SubqueryScan': return fixSubqueryScan(fixer, plan, scanned);
    case 'FunctionScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset, functions: plan.functions.map((fn) => ({ ...fn, funcexpr: fixer.scan(fn.funcexpr) })) };
    case 'ValuesScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset, valuesLists: plan.valuesLists.map((row) => fixer.scanList(row)) };
    case 'CteScan': case 'WorkTableScan': return { ...plan, ...scanned, scanrelid: plan.scanrelid + offset };
    default: return fixUpperPlan(fixer, plan);
  }
}

type UpperPlan = Exclude<Plan, { plan: 'SeqScan' | 'IndexScan' | 'BitmapHeapScan' | 'TidScan' | 'SubqueryScan' | 'FunctionScan' | 'ValuesScan' | 'CteScan' | 'WorkTableScan' }>;

function fixUpperPlan(fixer: Fixer, plan: UpperPlan): Plan {
  switch (plan.plan) {
    case 'Result': {
      const resconstantqual = plan.resconstantqual && fixer.scan(plan.resconstantqual);
      if (!plan.child) return { ...plan, resconstantqual, targetlist: fixer.scanTargets(plan.targetlist), qual: fixer.scanList(plan.qual) };
      const index = columnIndex(plan.child.targetlist, OUTER_VAR);
      return { ...plan, resconstantqual, child: fixPlan(fixer, plan.child), targetlist: fixer.upperTargets(plan.targetlist, index), qual: plan.qual.map((expr) => fixer.over(expr, [index])) };
    }
    case 'ProjectSet': case 'Agg': case 'Group': {
      const index = columnIndex(plan.child.targetlist, OUTER_VAR);
      return { ...plan, child: fixPlan(fixer, plan.child), targetlist: fixer.upperTargets(plan.targetlist, index), qual: plan.qual.map((expr) => fixer.over(expr, [index])) };
    }
    case 'WindowAgg': {
      const index = columnIndex(plan.child.targetlist, OUTER_VAR);
      return {
        ...plan, child: fixPlan(fixer, plan.child), targetlist: fixer.upperTargets(plan.targetlist, index), qual: plan.qual.map((expr) => fixer.over(expr, [index])),
        startOffset: plan.startOffset && fixer.scan(plan.startOffset), endOffset: plan.endOffset && fixer.scan(plan.endOffset),
      };
    }
    case 'Sort': case 'IncrementalSort': case 'Unique': case 'Material': case 'LockRows':
      return { ...plan, child: fixPlan(fixer, plan.child), targetlist: passThrough(plan.targetlist) };
    case 'Memoize': return { ...plan, child: fixPlan(fixer, plan.child), targetlist: passThrough(plan.targetlist), paramKeys: fixer.scanList(plan.paramKeys) };
    case 'Limit': return {
      ...plan, child: fixPlan(fixer, plan.child), targetlist: passThrough(plan.targetlist), limitOffset: plan.limitOffset && fixer.scan(plan.limitOffset),
      limitCount: plan.limitCount && fixer.scan(plan.limitCount),
    };
    case 'SetOp': case 'RecursiveUnion': return { ...plan, outer: fixPlan(fixer, plan.outer), inner: fixPlan(fixer, plan.inner), targetlist: passThrough(plan.targetlist) };
    case 'Append': case 'MergeAppend': {
      const children = plan.children.map((child) => fixPlan(fixer, child));
      if (children.length === 1 && children[0].targetlist.length === plan.targetlist.length) return relabel(children[0], plan);
      return { ...plan, children, targetlist: passThrough(plan.targetlist), parentTargets: parentTargets(fixer, plan.targetlist) };
    }
    case 'NestLoop': case 'HashJoin': case 'MergeJoin': return fixJoin(fixer, plan);
    case 'ModifyTable': return fixModifyTable(fixer, plan);
    default: return unreachable(plan, 'plan');
  }
}

/** An append relation's columns as the parent's own, when they are plain ones. */
function parentTargets(fixer: Fixer, list: readonly TargetEntry[]): readonly TargetEntry[] | undefined {
  const plain = list.some((entry) => entry.expr.node === 'Var' && entry.expr.varno > 0 && fixer.root.rtable[entry.expr.varno]?.rtekind === 'relation');
  return plain ? fixer.scanTargets(list) : undefined;
}

/** A node that replaces a removed one above it takes over its labels, InitPlans and cost. */
function relabel(below: Plan, removed: Plan): Plan {
  return {
    ...below, initPlans: [...removed.initPlans, ...below.initPlans],
    targetlist: below.targetlist.map((entry, i) => {
      const label = removed.targetlist[i];
      return { ...entry, resname: label.resname, ressortgroupref: label.ressortgroupref, resorigtbl: label.resorigtbl, resorigcol: label.resorigcol, resjunk: label.resjunk };
    }),
  };
}

function fixSubqueryScan(fixer: Fixer, plan: Extract<Plan, { plan: 'SubqueryScan' }>, scanned: { targetlist: TargetEntry[]; qual: Expr[] }): Plan {
  const subroot = fixer.root.simpleRels[plan.scanrelid]?.subroot;
  assert(subroot, 'subquery scan without a planned subquery');
  const subplan = setReferences(subroot, plan.subplan);
  const trivial = plan.qual.length === 0 && plan.targetlist.length === plan.subplan.targetlist.length
    && plan.targetlist.every((entry, i) => !plan.subplan.targetlist[i].resjunk
      && ((entry.expr.node === 'Var' && entry.expr.varattno === i + 1 && entry.expr.varno === plan.scanrelid) || (entry.expr.node === 'Const' && equal(entry.expr, plan.subplan.targetlist[i].expr))));
  if (trivial) return relabel(subplan, plan);
  return { ...plan, ...scanned, scanrelid: plan.scanrelid + fixer.offset, subplan };
}

function fixJoin(fixer: Fixer, plan: Extract<Plan, { plan: 'NestLoop' | 'HashJoin' | 'MergeJoin' }>): Plan {
  const outer = columnIndex(plan.outer.targetlist, OUTER_VAR);
  const inner = columnIndex(plan.inner.targetlist, INNER_VAR);
  const both = [outer, inner];
  const fix = (expr: Expr): Expr => fixer.over(expr, both);
  const common = {
    outer: fixPlan(fixer, plan.outer), inner: fixPlan(fixer, plan.inner), targetlist: plan.targetlist.map((entry) => ({ ...entry, expr: fix(entry.expr) })),
    qual: plan.qual.map(fix), joinqual: plan.joinqual.map(fix),
  };
  switch (plan.plan) {
    case 'NestLoop': return { ...plan, ...common, nestParams: plan.nestParams.map((param) => ({ paramid: param.paramid, value: fixer.over(param.value, [outer]) })) };
    case 'HashJoin': return { ...plan, ...common, outerKeys: plan.outerKeys.map((expr) => fixer.over(expr, [outer])), innerKeys: plan.innerKeys.map((expr) => fixer.over(expr, [inner])) };
    case 'MergeJoin': return { ...plan, ...common, mergeKeys: plan.mergeKeys.map((key) => ({ ...key, outer: fixer.over(key.outer, [outer]), inner: fixer.over(key.inner, [inner]) })) };
    default: return unreachable(plan, 'join');
  }
}

function fixModifyTable(fixer: Fixer, plan: ModifyTablePlan): Plan {
  const child = columnIndex(plan.child.targetlist, OUTER_VAR);
  const plainVersion = plan.operation === 'delete' ? OLD_VAR : NEW_VAR;
  const over = (expr: Expr, rti: number, version: number): Expr => fixVersions(fixer, expr, rti, version, [child], plan.onConflict?.exclRelIndex ?? 0);
  const resultRelations = plan.resultRelations.map((relation) => ({
    ...relation, rti: relation.rti + fixer.offset,
    returningList: relation.returningList.map((entry) => ({ ...entry, expr: over(entry.expr, relation.rti, plainVersion) })),
    deletedReturningList: plan.operation === 'merge' ? relation.returningList.map((entry) => ({ ...entry, expr: over(entry.expr, relation.rti, OLD_VAR) })) : [],
    withCheckOptions: relation.withCheckOptions.map((option) => ({ ...option, qual: over(option.qual, relation.rti, NEW_VAR) })),
    mergeActions: relation.mergeActions.map((action) => ({
      ...action, qual: action.qual && over(action.qual, relation.rti, OLD_VAR), targetList: action.targetList.map((entry) => ({ ...entry, expr: over(entry.expr, relation.rti, OLD_VAR) })),
    })),
    mergeJoinCondition: relation.mergeJoinCondition && over(relation.mergeJoinCondition, relation.rti, OLD_VAR),
  }));
  const onConflict: OnConflictExpr | null = plan.onConflict && {
    ...plan.onConflict, exclRelIndex: plan.onConflict.exclRelIndex > 0 ? plan.onConflict.exclRelIndex + fixer.offset : 0,
    onConflictSet: plan.onConflict.onConflictSet.map((entry) => ({ ...entry, expr: over(entry.expr, plan.nominalRelation, OLD_VAR) })),
    onConflictWhere: plan.onConflict.onConflictWhere && over(plan.onConflict.onConflictWhere, plan.nominalRelation, OLD_VAR),
  };
  return {
    ...plan, child: fixPlan(fixer, plan.child), nominalRelation: plan.nominalRelation + fixer.offset, resultRelations, onConflict,
    targetlist: resultRelations[0]?.returningList ?? [],
  };
}

/** References to the target row become references to one of its versions. */
function fixVersions(fixer: Fixer, expr: Expr, rti: number, version: number, indexes: readonly ColumnIndex[], excluded: number): Expr {
  if (expr.node === 'ReturningExpr') {
    const inner = fixVersions(fixer, expr.expr, rti, expr.returningOld ? OLD_VAR : NEW_VAR, indexes, excluded);
    return inner.node === 'Var' ? inner : { ...expr, expr: inner };
  }
  if (expr.node === 'Var' && expr.varlevelsup === 0) {
    if (expr.varno === rti) return { ...expr, varno: version };
    if (excluded > 0 && expr.varno === excluded) return { ...expr, varno: EXCLUDED_VAR };
    return expr.varno < 0 ? expr : fixer.over(expr, indexes);
  }
  return mapChildren(expr, (child) => fixVersions(fixer, child, rti, version, indexes, excluded));
}
