/**
 * Plan nodes above scans and joins (createplan.c).
 */
import type { Expr, SortGroupClause, TargetEntry } from '../analyzer/nodes.js';
import { assert, unreachable } from '../base/assert.js';
import { makeBool } from './clauses.js';
import { costSort } from './cost.js';
import { buildPlan, costsOf, makeEntry, planCanProject, replaceNestParams, targetListOf, withTargetList } from './create-plan.js';
import { columnsForClauses, columnsForPathkeys, sortPlanFor } from './create-sort.js';
import { createModifyTable } from './create-modify.js';
import { equal } from './equal.js';
import { groupingExpr } from './group-columns.js';
import { groupingSetsPlan, setOperationColumns } from './create-grouping.js';
import type { MergeAppendPath, Path, PlannerInfo } from './path-nodes.js';
import type { Plan, PlanRowMark, SortColumn } from './plan-nodes.js';
import { pathkeysContained } from './pathkeys.js';
import { exprCollation, exprType } from '../analyzer/node-functions.js';
import { catalogOf } from './cost-qual.js';
import { newExecParam } from './subselect.js';
import { minMaxPlan } from './minmax.js';

type UpperPath = Extract<Path, { kind:
  'groupresult' | 'append' | 'mergeappend' | 'material' | 'memoize' | 'uniquejoin' | 'projection' | 'projectset' | 'sort' | 'incrementalsort' | 'group' | 'upperunique'
  | 'agg' | 'groupingsets' | 'minmaxagg' | 'windowagg' | 'setop' | 'recursiveunion' | 'lockrows' | 'limit' | 'modifytable' }>;

function base(path: Path, targetlist: readonly TargetEntry[], qual: readonly Expr[] = []): Pick<Plan, 'targetlist' | 'qual' | 'initPlans' | 'extParams' | 'startupCost' | 'totalCost' | 'planRows' | 'planWidth'> {
  return { targetlist, qual, initPlans: [], extParams: [], ...costsOf(path) };
}

function groupExpr(root: PlannerInfo): (clause: SortGroupClause) => Expr {
  return (clause) => groupingExpr(root, clause);
}

/** The node of an upper path. */
export function createUpperPlan(root: PlannerInfo, path: UpperPath): Plan {
  switch (path.kind) {
    case 'groupresult': {
      const resconstantqual = path.quals.length === 0 ? null : path.quals.length === 1 ? path.quals[0] : { node: 'BoolExpr' as const, boolop: 'and' as const, args: path.quals, location: -1 };
      return { plan: 'Result', child: null, resconstantqual, ...base(path, targetListOf(root, path)) };
    }
    case 'projection': return projection(root, path);
    case 'projectset': return { plan: 'ProjectSet', child: buildPlan(root, path.subpath), ...base(path, targetListOf(root, path)) };
    case 'append': return append(root, path);
    case 'mergeappend': return mergeAppend(root, path);
    case 'material': {
      const child = buildPlan(root, path.subpath);
      return { plan: 'Material', child, ...base(path, child.targetlist) };
    }
    case 'memoize': {
      const child = buildPlan(root, path.subpath);
      return {
        plan: 'Memoize', child, paramKeys: path.paramExprs.map((expr) => replaceNestParams(root, expr)), binaryMode: path.binaryMode, ...base(path, child.targetlist),
      };
    }
    case 'uniquejoin': return uniqueJoin(root, path);
    case 'sort': return sortPlanFor(root, buildPlan(root, path.subpath), path.pathkeys, sortRelids(path), { startup: path.startupCost, total: path.totalCost, disabled: path.disabledNodes });
    case 'incrementalsort': {
      const { plan, columns } = columnsForPathkeys(root, buildPlan(root, path.subpath), path.pathkeys, sortRelids(path));
      return { plan: 'IncrementalSort', child: plan, sortColumns: columns, presortedColumns: path.presorted, ...base(path, plan.targetlist) };
    }
    case 'group': {
      const child = buildPlan(root, path.subpath);
      return { plan: 'Group', child, groupColumns: columnsForClauses(root, path.groupClause, child.targetlist, groupExpr(root)), ...base(path, targetListOf(root, path), path.quals) };
    }
    case 'upperunique': {
      const { plan, columns } = columnsForPathkeys(root, buildPlan(root, path.subpath), path.pathkeys.slice(0, path.keyCount), null);
      return { plan: 'Unique', child: plan, columns, ...base(path, plan.targetlist) };
    }
    case 'agg': {
      const child = buildPlan(root, path.subpath);
      return {
        plan: 'Agg', child, strategy: path.strategy, groupColumns: columnsForClauses(root, path.groupClause, child.targetlist, groupExpr(root)), groupingSets: [],
        groupingRefs: [], phases: [], ...base(path, targetListOf(root, path), path.quals),
      };
    }
    case 'groupingsets': return groupingSetsPlan(root, path);
    case 'minmaxagg': return minMaxPlan(root, path);
    case 'windowagg': return windowAgg(root, path);
    case 'setop': {
      const outer = buildPlan(root, path.left);
      const inner = buildPlan(root, path.right);
      return { plan: 'SetOp', outer, inner, op: path.op, all: path.all, strategy: path.strategy, columns: setOperationColumns(path.groupClauses, outer.targetlist), ...base(path, targetListOf(root, path)) };
    }
    case 'recursiveunion': {
      const outer = buildPlan(root, path.left);
      const inner = buildPlan(root, path.right);
      return { plan: 'RecursiveUnion', outer, inner, wtParam: path.wtParam, distinctColumns: setOperationColumns(path.distinctList, outer.targetlist), ...base(path, targetListOf(root, path)) };
    }
    case 'lockrows': return lockRows(root, path);
    case 'limit': {
      const child = buildPlan(root, path.subpath);
      const tieColumns = path.withTies ? columnsForClauses(root, root.parse.sortClause, child.targetlist, groupExpr(root)) : [];
      return { plan: 'Limit', child, limitOffset: path.limitOffset, limitCount: path.limitCount, tieColumns, ...base(path, child.targetlist) };
    }
    case 'modifytable': return createModifyTable(root, path);
    default: return unreachable(path, 'upper path');
  }
}

function sortRelids(path: Path): bigint | null {
  return path.parent.kind === 'otherMember' ? path.parent.relids : null;
}

function projection(root: PlannerInfo, path: Extract<Path, { kind: 'projection' }>): Plan {
  const child = buildPlan(root, path.subpath);
  const wanted = targetListOf(root, path);
  if (sameExprs(child.targetlist, wanted)) {
    // The node below delivers these columns already (perhaps with more behind them): only label them.
    const labelled = child.targetlist.map((entry, i) => (i < wanted.length ? { ...entry, ressortgroupref: wanted[i].ressortgroupref } : entry));
    return { ...child, targetlist: labelled, ...costsOf(path) };
  }
  if (planCanProject(child)) return { ...child, targetlist: wanted, ...costsOf(path) };
  return { plan: 'Result', child, resconstantqual: null, ...base(path, wanted) };
}

function sameExprs(have: readonly TargetEntry[], wanted: readonly TargetEntry[]): boolean {
  return have.length >= wanted.length && wanted.every((entry, i) => equal(have[i].expr, entry.expr));
}

function append(root: PlannerInfo, path: Extract<Path, { kind: 'append' }>): Plan {
  const targetlist = targetListOf(root, path);
  if (path.subpaths.length === 0) return { plan: 'Result', child: null, resconstantqual: makeBool(false), ...base(path, targetlist) };
  const children = path.subpaths.map((subpath) => childWithColumns(buildPlan(root, subpath), targetlist));
  return { plan: 'Append', children, ...base(path, targetlist) };
}

/** Extra columns that sorts added to a child are cut off: Append works by position. */
function childWithColumns(child: Plan, targetlist: readonly TargetEntry[]): Plan {
  if (child.targetlist.length <= targetlist.length) return child;
  return withTargetList(child, child.targetlist.slice(0, targetlist.length));
}

function mergeAppend(root: PlannerInfo, path: MergeAppendPath): Plan {
  const targetlist = targetListOf(root, path);
  let columns: SortColumn[] | null = null;
  let width = targetlist.length;
  const children = path.subpaths.map((subpath) => {
    const found = columnsForPathkeys(root, buildPlan(root, subpath), path.pathkeys, subpath.parent.relids);
    columns ??= found.columns;
    width = Math.max(width, found.plan.targetlist.length);
    if (pathkeysContained(path.pathkeys, subpath.pathkeys)) return found.plan;
    const cost = costSort(root, subpath, subpath.rows, subpath.target.width, -1);
    return sortPlanFor(root, found.plan, path.pathkeys, subpath.parent.relids, cost);
  });
  const wide = children[0].targetlist;
  const full = targetlist.length < width ? [...targetlist, ...wide.slice(targetlist.length).map((entry, i) => makeEntry(entry.expr, targetlist.length + i + 1, 0, true))] : targetlist;
  assert(columns !== null, 'merge append without children');
  return { plan: 'MergeAppend', children, sortColumns: columns, ...base(path, full) };
}

/** Rows made unique over expressions, by hashing or sorting. */
function uniqueJoin(root: PlannerInfo, path: Extract<Path, { kind: 'uniquejoin' }>): Plan {
  let child = buildPlan(root, path.subpath);
  if (path.method === 'noop') return child;
  let tlist = [...child.targetlist];
  let changed = false;
  const positions = path.exprs.map((expr) => {
    const found = tlist.find((entry) => equal(entry.expr, expr));
    if (found) return found.resno;
    tlist = [...tlist, makeEntry(expr, tlist.length + 1)];
    changed = true;
    return tlist.length;
  });
  if (changed) child = withTargetList(child, tlist);
  const catalog = catalogOf(root);
  const columns = path.exprs.map((expr, i): SortColumn => {
    const rightType = catalog.operator(path.operators[i])?.oprright ?? exprType(expr);
    const entry = catalog.operatorFamilies(path.operators[i]).find((candidate) => candidate.accessMethod === 403 && candidate.strategy === 3);
    const hash = catalog.operatorFamilies(path.operators[i]).find((candidate) => candidate.accessMethod === 405);
    const eqop = (entry && catalog.familyOperator(entry.family, rightType, rightType, 3)) || (hash && catalog.familyOperator(hash.family, rightType, rightType, 1)) || path.operators[i];
    const sortop = entry ? catalog.familyOperator(entry.family, rightType, rightType, 1) : 0;
    return { column: positions[i], sortop, eqop, collation: exprCollation(expr), nullsFirst: false, reverse: false };
  });
  if (path.method === 'hash') {
    return { plan: 'Agg', child, strategy: 'hashed', groupColumns: columns, groupingSets: [], groupingRefs: [], phases: [], ...base(path, child.targetlist) };
  }
  const cost = costSort(root, path.subpath, path.subpath.rows, path.subpath.target.width, -1);
  const sorted: Plan = {
    plan: 'Sort', child, sortColumns: columns, boundHint: false, targetlist: child.targetlist, qual: [], initPlans: [], extParams: [], startupCost: cost.startup, totalCost: cost.total,
    planRows: child.planRows, planWidth: child.planWidth,
  };
  return { plan: 'Unique', child: sorted, columns, ...base(path, child.targetlist) };
}

function windowAgg(root: PlannerInfo, path: Extract<Path, { kind: 'windowagg' }>): Plan {
  const child = buildPlan(root, path.subpath);
  const window = path.winclause;
  return {
    plan: 'WindowAgg', child, winref: window.winref, winname: window.name ?? 'w1',
    partitionColumns: columnsForClauses(root, window.partitionClause, child.targetlist, groupExpr(root)),
    orderColumns: columnsForClauses(root, window.orderClause, child.targetlist, groupExpr(root)), frameOptions: window.frameOptions,
    startOffset: window.startOffset, endOffset: window.endOffset, startInRangeFunc: window.startInRangeFunc, endInRangeFunc: window.endInRangeFunc,
    inRangeColl: window.inRangeColl, inRangeAsc: window.inRangeAsc, inRangeNullsFirst: window.inRangeNullsFirst, ...base(path, targetListOf(root, path)),
  };
}

function lockRows(root: PlannerInfo, path: Extract<Path, { kind: 'lockrows' }>): Plan {
  const child = buildPlan(root, path.subpath);
  return { plan: 'LockRows', child, rowMarks: rowMarkColumns(root, path.rowMarks, child.targetlist), epqParam: newExecParam(root), ...base(path, child.targetlist) };
}

/** Row marks with the columns of the child that identify their rows. */
export function rowMarkColumns(root: PlannerInfo, marks: readonly PlannerInfo['rowMarks'][number][], tlist: readonly TargetEntry[]): PlanRowMark[] {
  const column = (name: string): number => {
    const at = root.processedTlist.findIndex((entry) => entry.resname === name && entry.resjunk);
    return at >= 0 ? tlist.find((entry) => equal(entry.expr, root.processedTlist[at].expr))?.resno ?? 0 : 0;
  };
  return marks.filter((mark) => mark.relid !== 0 || mark.strength === 'copy').map((mark) => ({
    rti: mark.rti, relid: mark.relid, strength: mark.strength, waitPolicy: mark.waitPolicy,
    rowIdColumn: mark.strength === 'copy' ? column(`wholerow${mark.prti}`) : column(`ctid${mark.prti}`), tableOidColumn: column(`tableoid${mark.prti}`),
  }));
}
