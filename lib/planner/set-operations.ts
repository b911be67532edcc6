/**
 * UNION, INTERSECT, EXCEPT and recursive unions (prepunion.c).
 */
import type { Expr, RangeTblRef, SetOperation, SortGroupClause, TargetEntry, Var } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { assert } from '../base/assert.js';
import { pgError } from '../base/error.js';
import { NO_AGG_COSTS, costSubqueryScan } from './cost.js';
import { catalogOf, clampRows, emptyTarget, exprWidth, hashMemoryLimit, setTargetCostWidth, settingsOf } from './cost-qual.js';
import type { Path, PathKey, PathTarget, PlannerInfo, RelOptInfo, SubqueryScanPath } from './path-nodes.js';
import { addPath, above, createAgg, createAppend, createMergeAppend, createProjection, createSort, createUpperUnique, isDummy, markDummy, pathBase, setCheapest } from './paths.js';
import { convertSubqueryPathkeys, pathkeysContained, pathkeysForSortClauses, pathkeysForSortClausesExtended } from './pathkeys.js';
import { finalRel, subqueryPlanner, unplannable } from './planner.js';
import { buildSimpleRel, fetchUpperRel } from './rel.js';
import { estimateNumGroups } from './selectivity.js';
import { relidsOf } from './relids.js';

/** A planned part of a set operation. */
interface Part { readonly rel: RelOptInfo; readonly tlist: TargetEntry[]; readonly groups: number }

/** Plans the query's set operations; sets root.processedTlist. */
export function planSetOperations(root: PlannerInfo): RelOptInfo {
  const top = root.parse.setOperations!;
  const part = root.hasRecursion ? recursiveUnion(root, top) : planPart(root, top, root.tupleFraction, top);
  root.processedTlist = part.tlist.map((entry, i) => {
    const original = root.parse.targetList[i];
    return { ...entry, resname: original.resname, ressortgroupref: original.ressortgroupref, resorigtbl: 0, resorigcol: 0 };
  });
  for (const path of part.rel.pathlist) path.target = { ...path.target, sortgrouprefs: root.processedTlist.map((entry) => entry.ressortgroupref) };
  return part.rel;
}

function columnVar(varno: number, attno: number, type: number, typmod: number, collation: number): Var {
  return { node: 'Var', varno, varattno: attno, vartype: type, vartypmod: typmod, varcollid: collation, varlevelsup: 0, location: -1 };
}

function entry(expr: Expr, resno: number, ref = 0): TargetEntry {
  return { node: 'TargetEntry', expr, resno, resname: null, ressortgroupref: ref, resorigtbl: 0, resorigcol: 0, resjunk: false };
}

/** Output columns of a set operation: Vars of no relation. Sort references are the column numbers. */
function outputList(top: SetOperation): TargetEntry[] {
  return top.colTypes.map((type, i) => entry(columnVar(0, i + 1, type, top.colTypmods[i] ?? -1, top.colCollations[i] ?? 0), i + 1, i + 1));
}

function targetOf(root: PlannerInfo, tlist: readonly TargetEntry[]): PathTarget {
  const target = emptyTarget();
  for (const item of tlist) {
    target.exprs.push(item.expr);
    target.sortgrouprefs.push(item.ressortgroupref);
  }
  return setTargetCostWidth(root, target);
}

/** Grouping clauses with references to the output columns. */
function numbered(top: SetOperation): SortGroupClause[] {
  return top.groupClauses.map((clause, i) => ({ ...clause, tleSortGroupRef: i + 1 }));
}

function planPart(root: PlannerInfo, node: SetOperation | RangeTblRef, fraction: number, parent: SetOperation): Part {
  if (node.node === 'RangeTblRef') return planLeaf(root, node, fraction, parent);
  const part = node.op === 'union' ? planUnion(root, node, fraction) : planNonUnion(root, node);
  return node === parent || node.colTypes.every((type, i) => type === parent.colTypes[i]) ? part : coercePart(root, part, parent);
}

/** A nested set operation's rows in the types of the one above. */
function coercePart(root: PlannerInfo, part: Part, parent: SetOperation): Part {
  const tlist = part.tlist.map((item, i) => (item.expr.node === 'Var' ? entry(coerceColumn(root, item.expr, parent, i), i + 1, i + 1) : item));
  const target = targetOf(root, tlist);
  part.rel.pathlist = part.rel.pathlist.map((path) => createProjection(root, part.rel, path, target));
  part.rel.reltarget = target;
  setCheapest(part.rel);
  return { ...part, tlist };
}

/** The column in the set operation's type and collation. */
function coerceColumn(root: PlannerInfo, column: Var, parent: SetOperation, at: number): Expr {
  const type = parent.colTypes[at];
  const collation = parent.colCollations[at] ?? 0;
  if (column.vartype === type) {
    if (collation === 0 || column.varcollid === collation) return column;
    return { node: 'RelabelType', arg: column, resulttype: type, resulttypmod: column.vartypmod, resultcollid: collation, relabelformat: 'implicitCast', location: -1 };
  }
  const cast = catalogOf(root).cast(column.vartype, type);
  if (cast?.castmethod === 'f') {
    return {
      node: 'FuncExpr', funcid: cast.castfunc, funcresulttype: type, funcretset: false, funcvariadic: false, funcformat: 'implicitCast', funccollid: collation,
      inputcollid: column.varcollid, args: [column], location: -1,
    };
  }
  if (cast?.castmethod === 'b') return { node: 'RelabelType', arg: column, resulttype: type, resulttypmod: -1, resultcollid: collation, relabelformat: 'implicitCast', location: -1 };
  return { node: 'CoerceViaIO', arg: column, resulttype: type, resultcollid: collation, coerceformat: 'implicitCast', location: -1 };
}

function planLeaf(root: PlannerInfo, node: RangeTblRef, fraction: number, parent: SetOperation): Part {
  const rte = root.rtable[node.rtindex];
  assert(rte.rtekind === 'subquery', 'set operation over something else than a subquery');
  const rel = buildSimpleRel(root, node.rtindex, null);
  assert(root.planParams.length === 0, 'plan parameters left over');
  const subroot = subqueryPlanner(root.glob, rte.subquery, root, false, fraction);
  rel.subroot = subroot;
  rel.subplanParams = root.planParams;
  root.planParams = [];
  const final = finalRel(subroot);
  const tlist = subroot.processedTlist.filter((item) => !item.resjunk).map((item, i) => {
    const expr = item.expr;
    const column = columnVar(node.rtindex, item.resno, exprType(expr), exprTypmod(expr), exprCollation(expr));
    return entry(coerceColumn(root, column, parent, i), i + 1, i + 1);
  });
  rel.reltarget = targetOf(root, tlist);
  for (const item of subroot.processedTlist) if (!item.resjunk) rel.columnWidths.set(item.resno, exprWidth(subroot, item.expr));
  setTargetCostWidth(root, rel.reltarget);
  if (isDummy(final)) {
    markDummy(rel);
    return { rel, tlist, groups: 1 };
  }
  rel.tuples = final.cheapestTotal!.rows;
  rel.rows = rel.tuples;
  for (const subpath of final.pathlist) {
    const pathkeys = convertSubqueryPathkeys(root, rel, subpath.pathkeys, subroot.processedTlist);
    const path: SubqueryScanPath = { ...pathBase(rel, rel.reltarget, null, pathkeys), kind: 'subqueryscan', subpath };
    costSubqueryScan(root, path, tlist.every((item) => item.expr.node === 'Var'));
    addPath(rel, path);
  }
  setCheapest(rel);
  const inner = subroot.parse;
  const grouped = inner.groupClause.length > 0 || inner.groupingSets.length > 0 || inner.distinctClause.length > 0 || inner.hasAggs || inner.havingQual !== null;
  const groups = grouped ? rel.rows : estimateNumGroups(subroot, inner.targetList.filter((item) => !item.resjunk).map((item) => item.expr), rel.rows).groups;
  return { rel, tlist, groups };
}

/** Children of nested UNIONs that can be flattened into one. */
function unionChildren(node: SetOperation | RangeTblRef, top: SetOperation): (SetOperation | RangeTblRef)[] {
  if (node.node === 'SetOperation' && node.op === 'union' && (node.all === top.all || node.all)
    && node.colTypes.every((type, i) => type === top.colTypes[i]) && node.colCollations.every((collation, i) => collation === top.colCollations[i])) {
    return [...unionChildren(node.larg, top), ...unionChildren(node.rarg, top)];
  }
  return [node];
}

function planUnion(root: PlannerInfo, top: SetOperation, fraction: number): Part {
  const childFraction = top.all ? fraction : 0;
  const parts = [...unionChildren(top.larg, top), ...unionChildren(top.rarg, top)].map((child) => planPart(root, child, childFraction, top));
  const tlist = outputList(top);
  const rel = upperFor(root, parts);
  rel.reltarget = targetOf(root, tlist);
  const live = parts.filter((part) => !isDummy(part.rel));
  if (live.length === 0) {
    markDummy(rel);
    return { rel, tlist, groups: 1 };
  }
  rel.rows = live.reduce((sum, part) => sum + part.rel.cheapestTotal!.rows, 0);
  const append = createAppend(root, rel, live.map((part) => part.rel.cheapestTotal!));
  if (top.all) {
    addPath(rel, append);
    setCheapest(rel);
    return { rel, tlist, groups: rel.rows };
  }
  const clauses = numbered(top);
  const canSort = clauses.every((clause) => clause.sortop);
  const canHash = clauses.every((clause) => clause.hashable);
  const groups = clampRows(append.rows);
  if (clauses.length === 0) {
    addPath(rel, createUpperUnique(root, rel, append, 0, 1));
    setCheapest(rel);
    return { rel, tlist, groups: 1 };
  }
  if (canHash) addPath(rel, createAgg(root, rel, append, append.target, 'hashed', clauses, [], NO_AGG_COSTS, groups));
  if (canSort) {
    const { pathkeys } = pathkeysForSortClausesExtended(root, clauses, tlist);
    const sorted = createSort(root, rel, append, pathkeys, -1);
    addPath(rel, createUpperUnique(root, rel, sorted, pathkeys.length, groups));
    if (live.length > 1 && live.every((part) => part.rel.pathlist.some((path) => orderedLike(root, part, clauses, path)))) {
      const children = live.map((part) => part.rel.pathlist.find((path) => orderedLike(root, part, clauses, path))!);
      addPath(rel, createUpperUnique(root, rel, createMergeAppend(root, rel, children.map((path) => ({ ...path, pathkeys })), pathkeys), pathkeys.length, groups));
    }
  }
  if (rel.pathlist.length === 0) unplannable('UNION');
  setCheapest(rel);
  return { rel, tlist, groups };
}

/** Whether a child's path is sorted by all its columns as the union wants. */
function orderedLike(root: PlannerInfo, part: Part, clauses: readonly SortGroupClause[], path: Path): boolean {
  const wanted: PathKey[] = pathkeysForSortClauses(root, clauses, part.tlist);
  return wanted.length === clauses.length && pathkeysContained(wanted, path.pathkeys);
}

function upperFor(root: PlannerInfo, parts: readonly Part[]): RelOptInfo {
  const relids = parts.reduce((set, part) => set | part.rel.relids, relidsOf(0));
  return fetchUpperRel(root, 'setop', relids);
}

function planNonUnion(root: PlannerInfo, top: SetOperation): Part {
  let left = planPart(root, top.larg, 0, top);
  let right = planPart(root, top.rarg, 0, top);
  const tlist = outputList(top);
  const rel = upperFor(root, [left, right]);
  rel.reltarget = targetOf(root, tlist);
  if (isDummy(left.rel) || (isDummy(right.rel) && top.op === 'intersect')) {
    markDummy(rel);
    return { rel, tlist, groups: 1 };
  }
  if (top.op === 'intersect' && left.groups > right.groups) [left, right] = [right, left];
  const leftPath = left.rel.cheapestTotal!;
  const rightPath = right.rel.cheapestTotal!;
  const groups = top.op === 'except' ? left.groups : Math.min(left.groups, right.groups);
  const rows = top.all ? (top.op === 'except' ? leftPath.rows : Math.min(leftPath.rows, rightPath.rows)) : groups;
  const clauses = numbered(top);
  const settings = settingsOf(root);
  const common = { ...above(rel, leftPath, rel.reltarget, []), kind: 'setop' as const, op: top.op as 'intersect' | 'except', all: top.all, groupClauses: clauses, rows };
  const compare = settings.cpuOperatorCost * clauses.length;
  if (clauses.every((clause) => clause.hashable) && (left.groups * (leftPath.target.width + 40) <= hashMemoryLimit(root) || !clauses.every((clause) => clause.sortop))) {
    const startup = leftPath.totalCost + rightPath.startupCost + compare * leftPath.rows;
    const run = (rightPath.totalCost - rightPath.startupCost) + compare * rightPath.rows + settings.cpuTupleCost * rows;
    addPath(rel, {
      ...common, left: leftPath, right: rightPath, strategy: 'hashed', startupCost: startup + (rightPath.totalCost - rightPath.startupCost) + compare * rightPath.rows,
      totalCost: startup + run, disabledNodes: leftPath.disabledNodes + rightPath.disabledNodes + (settings.enableHashagg ? 0 : 1),
    });
  }
  if (clauses.every((clause) => clause.sortop)) {
    const sortedChild = (part: Part, path: Path): Path => {
      const keys = pathkeysForSortClauses(root, clauses, part.tlist);
      const presorted = part.rel.pathlist.find((candidate) => keys.length > 0 && pathkeysContained(keys, candidate.pathkeys));
      return presorted && presorted.totalCost < createSort(root, rel, path, keys, -1).totalCost ? presorted : keys.length > 0 ? createSort(root, rel, path, keys, -1) : path;
    };
    const sortedLeft = sortedChild(left, leftPath);
    const sortedRight = sortedChild(right, rightPath);
    const run = sortedLeft.totalCost - sortedLeft.startupCost + sortedRight.totalCost - sortedRight.startupCost + compare * (leftPath.rows + rightPath.rows) + settings.cpuTupleCost * rows;
    const startup = sortedLeft.startupCost + sortedRight.startupCost;
    addPath(rel, {
      ...common, left: sortedLeft, right: sortedRight, strategy: 'sorted', startupCost: startup, totalCost: startup + run, disabledNodes: sortedLeft.disabledNodes + sortedRight.disabledNodes,
      pathkeys: pathkeysForSortClauses(root, clauses, tlist),
    });
  }
  if (rel.pathlist.length === 0) unplannable(top.op === 'except' ? 'EXCEPT' : 'INTERSECT');
  setCheapest(rel);
  return { rel, tlist, groups };
}

/** WITH RECURSIVE: the non-recursive term, then the recursive one again and again. */
function recursiveUnion(root: PlannerInfo, top: SetOperation): Part {
  const left = planPart(root, top.larg, 0, top);
  root.nonRecursivePath = left.rel.cheapestTotal;
  const right = planPart(root, top.rarg, 0, top);
  root.nonRecursivePath = null;
  const tlist = outputList(top);
  const rel = upperFor(root, [left, right]);
  rel.reltarget = targetOf(root, tlist);
  const clauses = numbered(top);
  if (!top.all && !clauses.every((clause) => clause.hashable)) throw pgError('FEATURE_NOT_SUPPORTED', 'could not implement recursive UNION', { detail: 'All column datatypes must be hashable.' });
  const settings = settingsOf(root);
  const leftPath = left.rel.cheapestTotal!;
  const rightPath = right.rel.cheapestTotal!;
  const rows = leftPath.rows + 10 * rightPath.rows;
  addPath(rel, {
    ...pathBase(rel, rel.reltarget), kind: 'recursiveunion', left: leftPath, right: rightPath, distinctList: top.all ? [] : clauses, wtParam: root.wtParamId, rows,
    startupCost: leftPath.startupCost, totalCost: leftPath.totalCost + 10 * rightPath.totalCost + settings.cpuTupleCost * rows,
    disabledNodes: leftPath.disabledNodes + rightPath.disabledNodes,
  });
  setCheapest(rel);
  return { rel, tlist, groups: rows };
}
