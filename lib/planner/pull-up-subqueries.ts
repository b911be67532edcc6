/**
 * Simple subqueries in FROM, single-row VALUES and UNION ALL are merged into the parent query (pull_up_subqueries of
 * prepjointree.c). Outputs that would change their meaning above an outer join are kept together as placeholders.
 */
import type { Expr, FromExpr, JoinExpr, JoinTreeNode, Query, RangeTblEntry, RangeTblRef, SetOperation, SubqueryRte, Var } from '../analyzer/nodes.js';
import { exprCollation, exprType, exprTypmod } from '../analyzer/node-functions.js';
import { incrementLevelsUp, incrementQueryLevelsUp, mapQuery, mutateExpression, mutateQuery, walkExpression } from '../analyzer/walker.js';
import { containsNonstrict, containsVarsOfLevel, containsVolatile, pullVarClause, returnsSet } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { jointreeRelids } from './initsplan.js';
import type { PlannerInfo } from './path-nodes.js';
import { PLACEHOLDER_VARNO } from './path-nodes.js';
import { changeQuals, newRoot, type Mutable } from './root.js';
import { flattenJoinAliases } from './join-aliases.js';
import { preprocessJointree } from './prep-jointree.js';
import { NO_RELS, relidsOf, type Relids } from './relids.js';
import { offsetExpr, offsetQuery } from './subselect.js';
import { setOperationLeaves } from './set-operation-tree.js';

/** Rewrites the root's join tree. */
export function pullUpSubqueries(root: PlannerInfo): void {
  const node = recurse(root, root.jointree, false, null);
  root.jointree = node.node === 'FromExpr' ? node : { node: 'FromExpr', fromlist: [node], quals: null };
}

function recurse(root: PlannerInfo, node: JoinTreeNode, nullable: boolean, lowestOuter: Relids | null): JoinTreeNode {
  switch (node.node) {
    case 'RangeTblRef': {
      const rte = root.rtable[node.rtindex];
      if (rte.rtekind === 'subquery') {
        if (isSimpleSubquery(root, rte.subquery, rte, lowestOuter)) return pullUpSimple(root, node, rte, nullable, lowestOuter);
        if (isSimpleUnionAll(rte.subquery)) return pullUpUnionAll(root, node, rte);
      }
      if (rte.rtekind === 'values' && !nullable && rte.valuesLists.length === 1 && root.rtable.length === 2
        && !rte.valuesLists[0].some((expr) => returnsSet(expr) || containsVolatile(catalogOf(root), expr))) {
        return pullUpValues(root, node, rte.valuesLists[0]);
      }
      return node;
    }
    case 'FromExpr': {
      const tree: Mutable<FromExpr> = node;
      for (let i = 0; i < tree.fromlist.length; i++) {
        const child = recurse(root, tree.fromlist[i], nullable, lowestOuter);
        tree.fromlist = tree.fromlist.map((old, at) => (at === i ? child : old));
      }
      return tree;
    }
    case 'JoinExpr': {
      const tree: Mutable<JoinExpr> = node;
      const lowest = tree.jointype === 'inner' ? lowestOuter : jointreeRelids(tree);
      tree.larg = recurse(root, tree.larg, nullable || tree.jointype === 'full' || tree.jointype === 'right', lowest);
      tree.rarg = recurse(root, tree.rarg, nullable || tree.jointype === 'full' || tree.jointype === 'left' || tree.jointype === 'anti', lowest);
      return tree;
    }
    default: return node satisfies never;
  }
}

/** The subquery can be merged without changing the meaning. */
function isSimpleSubquery(root: PlannerInfo, query: Query, rte: SubqueryRte, lowestOuter: Relids | null): boolean {
  if (query.commandType !== 'select' || query.setOperations) return false;
  if (query.hasAggs || query.hasWindowFuncs || query.hasTargetSRFs || query.groupClause.length > 0 || query.groupingSets.length > 0
    || query.havingQual || query.sortClause.length > 0 || query.distinctClause.length > 0 || query.limitOffset || query.limitCount
    || query.rowMarks.length > 0 || query.cteList.length > 0) return false;
  if (rte.securityBarrier) return false;
  if (rte.lateral) {
    const restricted = lowestOuter !== null;
    const safe = lowestOuter ?? NO_RELS;
    if (lateralOutside(query.jointree, restricted, safe)) return false;
    if (restricted && query.targetList.some((entry) => usesOutside(entry.expr, safe))) return false;
  }
  return !query.targetList.some((entry) => containsVolatile(catalogOf(root), entry.expr));
}

/** References to the parent's relations in conditions from where they could not be moved up (jointree_contains_lateral_outer_refs). */
function lateralOutside(node: JoinTreeNode, restricted: boolean, safe: Relids): boolean {
  if (node.node === 'RangeTblRef') return false;
  if (node.node === 'FromExpr') {
    return node.fromlist.some((child) => lateralOutside(child, restricted, safe)) || (restricted && node.quals !== null && usesOutside(node.quals, safe));
  }
  const inside = restricted || node.jointype !== 'inner';
  const allowed = node.jointype === 'inner' ? safe : NO_RELS;
  return lateralOutside(node.larg, inside, allowed) || lateralOutside(node.rarg, inside, allowed) || (inside && node.quals !== null && usesOutside(node.quals, allowed));
}

/** True when the expression refers to relations of the parent query that are not in the set. */
function usesOutside(expr: Expr, safe: Relids): boolean {
  return walkExpression(expr, (node, level) => node.node === 'Var' && node.varlevelsup === level + 1 && (node.varno >= PLACEHOLDER_VARNO || (relidsOf(node.varno) & safe) === NO_RELS));
}

/** Merges a simple subquery; returns its join tree. */
function pullUpSimple(root: PlannerInfo, node: RangeTblRef, rte: SubqueryRte, nullable: boolean, lowestOuter: Relids | null): JoinTreeNode {
  const subroot = newRoot(root.glob, rte.subquery, root.parent, root.queryLevel);
  preprocessJointree(subroot);
  const current = assembled(subroot);
  if (!isSimpleSubquery(root, current, rte, lowestOuter)) return node;
  const flattened: Query = { ...current, targetList: current.targetList.map((entry) => ({ ...entry, expr: flattenJoinAliases(subroot, entry.expr) })) };
  const offset = root.rtable.length - 1;
  const shifted = incrementQueryLevelsUp(offsetQuery(flattened, offset), -1);
  for (const [id, placeholder] of subroot.placeholders) {
    root.placeholders.set(id, { ...placeholder, expr: incrementLevelsUp(offsetExpr(placeholder.expr, offset), -1, 1), phrels: placeholder.phrels << BigInt(offset) });
    root.placeholderVars.set(id, subroot.placeholderVars.get(id)!);
  }
  const subRelids = jointreeRelids(shifted.jointree);
  for (const entry of shifted.rtable) root.rtable.push(rte.lateral ? markLateral(entry) : entry);
  for (const info of subroot.appendRels) root.appendRels.push({ ...info, parentRelid: info.parentRelid + offset, childRelid: info.childRelid + offset, translatedVars: info.translatedVars.map((item) => item && offsetExpr(item, offset)) });
  const columns = shifted.targetList.filter((entry) => !entry.resjunk).map((entry) => entry.expr);
  const cache = new Map<number, Expr>();
  const column = (attno: number): Expr => {
    const known = cache.get(attno);
    if (known) return known;
    const expr = columns[attno - 1];
    const result = nullable && needsPlaceholder(root, expr, subRelids) ? makePlaceholder(root, expr, subRelids) : expr;
    cache.set(attno, result);
    return result;
  };
  let whole: Expr | null = null;
  const wholeRow = (wanted: Var): Expr => {
    const row = wholeRowOf(rte, (attno) => columns[attno - 1], wanted);
    return (whole ??= nullable ? makePlaceholder(root, row, subRelids) : row);
  };
  replaceVars(root, node.rtindex, column, wholeRow);
  root.parse = {
    ...root.parse, hasSubLinks: root.parse.hasSubLinks || shifted.hasSubLinks,
    rowMarks: [...root.parse.rowMarks, ...shifted.rowMarks],
  };
  const tree = shifted.jointree;
  return !tree.quals && tree.fromlist.length === 1 ? tree.fromlist[0] : tree;
}

function markLateral(rte: RangeTblEntry): RangeTblEntry {
  return rte.rtekind === 'subquery' || rte.rtekind === 'function' || rte.rtekind === 'values' ? { ...rte, lateral: true } : rte;
}

/** The root's query with its current range table and join tree. */
export function assembled(root: PlannerInfo): Query {
  return { ...root.parse, rtable: root.rtable.slice(1), jointree: root.jointree };
}

function needsPlaceholder(root: PlannerInfo, expr: Expr, subRelids: Relids): boolean {
  if (expr.node === 'Var' && expr.varlevelsup === 0) {
    return expr.varno < PLACEHOLDER_VARNO && (relidsOf(expr.varno) & subRelids) === NO_RELS;
  }
  const usesOwn = pullVarClause(expr).some((node) => node.node === 'Var' && (node.varno >= PLACEHOLDER_VARNO || (relidsOf(node.varno) & subRelids) !== NO_RELS));
  return !usesOwn || containsNonstrict(catalogOf(root), expr);
}

/** A placeholder over the expression; the Var that stands for it. */
export function makePlaceholder(root: PlannerInfo, expr: Expr, relids: Relids): Var {
  const id = ++root.glob.lastPlaceholderId;
  root.placeholders.set(id, { id, expr, phrels: relids, evalAt: relids, lateral: NO_RELS, needed: NO_RELS, width: 32 });
  const node: Var = {
    node: 'Var', varno: PLACEHOLDER_VARNO + id, varattno: 1, vartype: exprType(expr), vartypmod: exprTypmod(expr), varcollid: exprCollation(expr), varlevelsup: 0, location: -1,
  };
  root.placeholderVars.set(id, node);
  return node;
}

/** Replaces references to columns of a range-table entry everywhere in the query. */
function replaceVars(root: PlannerInfo, rti: number, column: (attno: number) => Expr, wholeRow: (node: Var) => Expr): void {
  const replace = (expr: Expr, base: number): Expr => mutateExpression(expr, (node, level) => {
    if (node.node !== 'Var' || node.varno !== rti || node.varlevelsup !== level) return null;
    if (node.varattno === 0) return shiftLevels(wholeRow(node), level);
    return shiftLevels(column(node.varattno), level);
  }, base);
  const inQuery = (query: Query): Query => mutateQuery(query, (node, level) => {
    if (node.node !== 'Var' || node.varno !== rti || node.varlevelsup !== level) return null;
    return shiftLevels(node.varattno === 0 ? wholeRow(node) : column(node.varattno), level);
  }, 1);
  const stripped = { ...root.parse, rtable: [] };
  const rtable = root.parse.rtable;
  root.parse = { ...mapQuery(stripped, (expr) => replace(expr, 0), (query) => query), rtable };
  changeQuals(root.jointree, (expr) => replace(expr, 0));
  root.rtable = root.rtable.map((entry, i) => (i === 0 || i === rti ? entry : mapEntry(entry, (expr) => replace(expr, 0), inQuery)));
  for (const placeholder of root.placeholders.values()) placeholder.expr = replace(placeholder.expr, 0);
  for (const info of root.appendRels) info.translatedVars = info.translatedVars.map((item) => item && replace(item, 0));
}

function shiftLevels(expr: Expr, level: number): Expr {
  return level === 0 ? expr : incrementLevelsUp(expr, level);
}

function wholeRowOf(rte: RangeTblEntry, column: (attno: number) => Expr, node: Var): Expr {
  return {
    node: 'RowExpr', args: rte.eref.colnames.map((_, i) => column(i + 1)), rowTypeid: node.vartype, rowFormat: 'implicitCast',
    colnames: rte.eref.colnames, location: node.location,
  };
}

function mapEntry(rte: RangeTblEntry, map: (expr: Expr) => Expr, query: (inner: Query) => Query): RangeTblEntry {
  switch (rte.rtekind) {
    case 'subquery': return { ...rte, subquery: query(rte.subquery) };
    case 'join': return { ...rte, joinaliasvars: rte.joinaliasvars.map(map) };
    case 'function': return { ...rte, functions: rte.functions.map((fn) => ({ ...fn, funcexpr: map(fn.funcexpr) })) };
    case 'values': return { ...rte, valuesLists: rte.valuesLists.map((row) => row.map(map)) };
    default: return rte;
  }
}

function pullUpValues(root: PlannerInfo, node: RangeTblRef, values: readonly Expr[]): JoinTreeNode {
  const rte = root.rtable[node.rtindex];
  replaceVars(root, node.rtindex, (attno) => values[attno - 1], (wanted) => wholeRowOf(rte, (attno) => values[attno - 1], wanted));
  root.rtable[node.rtindex] = { node: 'RangeTblEntry', rtekind: 'result', alias: null, eref: { aliasname: '*RESULT*', colnames: [] }, lateral: false, inFromCl: false };
  return node;
}

// ------------------------------------------------------------------ UNION ALL

/** UNION ALL of queries with the same column types, nothing else. */
export function isSimpleUnionAll(query: Query): boolean {
  const top = query.setOperations;
  if (!top || query.sortClause.length > 0 || query.limitOffset || query.limitCount || query.rowMarks.length > 0 || query.cteList.length > 0) return false;
  const check = (node: SetOperation | RangeTblRef): boolean => {
    if (node.node === 'SetOperation') return node.op === 'union' && node.all && check(node.larg) && check(node.rarg);
    const leaf = query.rtable[node.rtindex - 1];
    if (leaf?.rtekind !== 'subquery') return false;
    const columns = leaf.subquery.targetList.filter((entry) => !entry.resjunk);
    return columns.length === top.colTypes.length && columns.every((entry, i) => exprType(entry.expr) === top.colTypes[i] && exprTypmodMatches(exprTypmod(entry.expr), top.colTypmods[i]));
  };
  return check(top);
}

function exprTypmodMatches(actual: number, wanted: number): boolean {
  return wanted === -1 || actual === wanted;
}

/** The leaves become children of an append relation in the place of the subquery. */
function pullUpUnionAll(root: PlannerInfo, node: RangeTblRef, rte: SubqueryRte): JoinTreeNode {
  const query = rte.subquery;
  const offset = root.rtable.length - 1;
  const lateral = containsVarsOfLevel(query, 1) || rte.lateral;
  for (const leaf of query.rtable) {
    const moved = leaf.rtekind === 'subquery' ? { ...leaf, subquery: incrementQueryLevelsUp(leaf.subquery, -1, 2), lateral: leaf.lateral || lateral } : leaf;
    root.rtable.push(moved);
  }
  root.rtable[node.rtindex] = { ...rte, lateral };
  if (lateral) root.hasLateralRTEs = true;
  for (const leafRti of setOperationLeaves(query.setOperations!)) addUnionChild(root, node.rtindex, leafRti + offset);
  return node;
}

/** Registers a subquery as child of an append relation, pulled up itself where that is possible. */
export function addUnionChild(root: PlannerInfo, parent: number, child: number): void {
  const leaf = root.rtable[child];
  if (leaf.rtekind !== 'subquery') return;
  const translatedVars = leaf.subquery.targetList.filter((entry) => !entry.resjunk).map((entry, i): Expr => ({
    node: 'Var', varno: child, varattno: i + 1, vartype: exprType(entry.expr), vartypmod: exprTypmod(entry.expr), varcollid: exprCollation(entry.expr), varlevelsup: 0, location: -1,
  }));
  root.appendRels.push({ parentRelid: parent, childRelid: child, parentReltype: 0, childReltype: 0, translatedVars, parentReloid: 0 });
  if (isSimpleUnionAll(leaf.subquery)) pullUpUnionAllChild(root, parent, child, leaf);
  else pullUpAppendChild(root, child, leaf);
}

function pullUpUnionAllChild(root: PlannerInfo, parent: number, child: number, leaf: SubqueryRte): void {
  root.appendRels.splice(root.appendRels.findIndex((info) => info.childRelid === child), 1);
  const offset = root.rtable.length - 1;
  for (const entry of leaf.subquery.rtable) {
    root.rtable.push(entry.rtekind === 'subquery' ? { ...entry, subquery: incrementQueryLevelsUp(entry.subquery, -1, 2) } : entry);
  }
  for (const leafRti of setOperationLeaves(leaf.subquery.setOperations!)) addUnionChild(root, parent, leafRti + offset);
}

/** A child that only selects from one table becomes that table, its columns the expressions. */
function pullUpAppendChild(root: PlannerInfo, child: number, leaf: SubqueryRte): void {
  const query = leaf.subquery;
  if (!isSimpleSubquery(root, query, leaf, null) || leaf.lateral || containsVarsOfLevel(query, 1) || query.hasSubLinks) return;
  if (query.jointree.quals || query.jointree.fromlist.length !== 1) return;
  const [only] = query.jointree.fromlist;
  if (only.node !== 'RangeTblRef' || query.rtable.length !== 1) return;
  const inner = query.rtable[only.rtindex - 1];
  if (inner.rtekind !== 'relation' && inner.rtekind !== 'function') return;
  const offset = root.rtable.length - 1;
  const shifted = offsetQuery(query, offset);
  root.rtable.push(...shifted.rtable);
  const info = root.appendRels.find((entry) => entry.childRelid === child);
  if (!info) return;
  root.appendRels.splice(root.appendRels.indexOf(info), 1, {
    ...info, childRelid: only.rtindex + offset, translatedVars: shifted.targetList.filter((entry) => !entry.resjunk).map((entry) => entry.expr),
  });
}
