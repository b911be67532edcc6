/**
 * Join tree preprocessing (prepjointree.c): empty FROM, inlined set-returning functions, sublinks and subqueries pulled
 * up; later outer joins reduced to inner or anti joins by the conditions above them, and needless FROM-less entries
 * removed.
 */
import type { Expr, FromExpr, JoinExpr, JoinTreeNode, RangeTblEntry } from '../analyzer/nodes.js';
import { incrementQueryLevelsUp } from '../analyzer/walker.js';
import { findForcedNullVars, findNonnullableRels, findNonnullableVars, makeAnds, makeAndsImplicit, pullVarClause } from './clauses.js';
import { catalogOf } from './cost-qual.js';
import { jointreeRelids } from './initsplan.js';
import type { PlannerInfo } from './path-nodes.js';
import { pullUpSublinks } from './pull-up-sublinks.js';
import { pullUpSubqueries } from './pull-up-subqueries.js';
import { hasMember, NO_RELS, overlaps, relidsOf, type Relids } from './relids.js';
import { copyJoinTree } from './root.js';

/** Everything up to and including the pull-up of subqueries. */
export function preprocessJointree(root: PlannerInfo): void {
  replaceEmptyJointree(root);
  if (root.parse.hasSubLinks) {
    pullUpSublinks(root);
    root.jointree = copyJoinTree(root.jointree) as FromExpr;
  }
  inlineSetFunctions(root);
  pullUpSubqueries(root);
}

/** FROM-less queries scan a one-row entry. */
function replaceEmptyJointree(root: PlannerInfo): void {
  if (root.jointree.fromlist.length > 0 || root.parse.setOperations) return;
  root.rtable.push(resultRte());
  root.jointree = { ...root.jointree, fromlist: [{ node: 'RangeTblRef', rtindex: root.rtable.length - 1 }] };
}

/** A range-table entry of one row without columns. */
export function resultRte(): RangeTblEntry {
  return { node: 'RangeTblEntry', rtekind: 'result', alias: null, eref: { aliasname: '*RESULT*', colnames: [] }, lateral: false, inFromCl: false };
}

function inlineSetFunctions(root: PlannerInfo): void {
  const inline = root.glob.context.inlineSetFunction;
  if (!inline) return;
  root.rtable = root.rtable.map((rte) => {
    if (rte.rtekind !== 'function' || rte.funcordinality || rte.functions.length !== 1) return rte;
    const call = rte.functions[0].funcexpr;
    if (call.node !== 'FuncExpr') return rte;
    const query = inline(call);
    if (!query) return rte;
    root.glob.functionOids.add(call.funcid);
    return {
      node: 'RangeTblEntry', rtekind: 'subquery', alias: rte.alias, eref: rte.eref, lateral: rte.lateral, inFromCl: rte.inFromCl,
      subquery: incrementQueryLevelsUp(query, 0), securityBarrier: false, viewRelid: 0, perm: null,
    };
  });
}

// ------------------------------------------------------------------ outer-join reduction

/** Changes outer joins whose null-extended rows can not survive the conditions above; RIGHT becomes LEFT. */
export function reduceOuterJoins(root: PlannerInfo): void {
  if (!containsOuterJoin(root.jointree)) return;
  root.jointree = reduce(root, root.jointree, NO_RELS, new Set(), new Set()) as FromExpr;
}

function containsOuterJoin(node: JoinTreeNode): boolean {
  if (node.node === 'RangeTblRef') return false;
  if (node.node === 'FromExpr') return node.fromlist.some(containsOuterJoin);
  return ['left', 'right', 'full'].includes(node.jointype) || containsOuterJoin(node.larg) || containsOuterJoin(node.rarg);
}

function union<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a, ...b]);
}

function reduce(root: PlannerInfo, node: JoinTreeNode, nonnullableRels: Relids, nonnullableVars: ReadonlySet<string>, forcedNull: ReadonlySet<string>): JoinTreeNode {
  if (node.node === 'RangeTblRef' || !containsOuterJoin(node)) return node;
  const catalog = catalogOf(root);
  if (node.node === 'FromExpr') {
    const rels = nonnullableRels | findNonnullableRels(root, node.quals);
    const vars = union(nonnullableVars, findNonnullableVars(catalog, node.quals));
    const forced = union(forcedNull, findForcedNullVars(node.quals));
    return { ...node, fromlist: node.fromlist.map((child) => reduce(root, child, rels, vars, forced)) };
  }
  return reduceJoin(root, node, nonnullableRels, nonnullableVars, forcedNull);
}

function reduceJoin(root: PlannerInfo, node: JoinExpr, nonnullableRels: Relids, nonnullableVars: ReadonlySet<string>, forcedNull: ReadonlySet<string>): JoinTreeNode {
  const catalog = catalogOf(root);
  const leftRelids = jointreeRelids(node.larg);
  const rightRelids = jointreeRelids(node.rarg);
  let jointype = node.jointype;
  let { larg, rarg } = node;
  if (jointype === 'left' && overlaps(nonnullableRels, rightRelids)) jointype = 'inner';
  else if (jointype === 'right' && overlaps(nonnullableRels, leftRelids)) jointype = 'inner';
  else if (jointype === 'full') {
    if (overlaps(nonnullableRels, leftRelids)) jointype = overlaps(nonnullableRels, rightRelids) ? 'inner' : 'left';
    else if (overlaps(nonnullableRels, rightRelids)) jointype = 'right';
  }
  if (jointype === 'right') {
    [larg, rarg] = [rarg, larg];
    jointype = 'left';
  }
  const nullableRelids = jointreeRelids(rarg);
  const localVars = jointype === 'left' || jointype === 'inner' || jointype === 'semi' ? findNonnullableVars(catalog, node.quals) : new Set<string>();
  if (jointype === 'left') {
    const antiVar = [...localVars].some((key) => forcedNull.has(key) && isMemberKey(key, nullableRelids));
    if (antiVar) jointype = 'anti';
  }
  let rels = NO_RELS;
  let vars: ReadonlySet<string> = new Set();
  let forced: ReadonlySet<string> = new Set();
  if (jointype !== 'full') {
    rels = findNonnullableRels(root, node.quals);
    vars = localVars;
    forced = findForcedNullVars(node.quals);
    if (jointype === 'inner' || jointype === 'semi') {
      rels |= nonnullableRels;
      vars = union(vars, nonnullableVars);
      forced = union(forced, forcedNull);
    }
  }
  const passLeft = jointype === 'inner' || jointype === 'semi'
    ? { rels, vars, forced } : jointype === 'full' ? { rels: NO_RELS, vars: new Set<string>(), forced: new Set<string>() }
      : { rels: nonnullableRels, vars: nonnullableVars, forced: forcedNull };
  const passRight = jointype === 'full' ? { rels: NO_RELS, vars: new Set<string>(), forced: new Set<string>() } : { rels, vars, forced };
  return {
    ...node, jointype, larg: reduce(root, larg, passLeft.rels, passLeft.vars, passLeft.forced), rarg: reduce(root, rarg, passRight.rels, passRight.vars, passRight.forced),
  };
}

function isMemberKey(key: string, relids: Relids): boolean {
  const varno = Number(key.slice(0, key.indexOf('.')));
  return varno < 1 << 20 && hasMember(relids, varno);
}

// ------------------------------------------------------------------ FROM-less entries

/** Drops one-row entries that are joined to something else (remove_useless_result_rtes). */
export function removeUselessResults(root: PlannerInfo): void {
  if (!root.rtable.some((rte) => rte.rtekind === 'result')) return;
  const tree = removeIn(root, root.jointree);
  root.jointree = tree.node === 'FromExpr' ? tree : { node: 'FromExpr', fromlist: [tree], quals: null };
}

function isResult(root: PlannerInfo, node: JoinTreeNode): number {
  if (node.node === 'RangeTblRef' && root.rtable[node.rtindex].rtekind === 'result') return node.rtindex;
  return 0;
}

function placeholdersNeed(root: PlannerInfo, rti: number): boolean {
  return [...root.placeholders.values()].some((placeholder) => placeholder.phrels === relidsOf(rti)
    || (placeholder.phrels !== NO_RELS && hasMember(placeholder.phrels, rti) && pullVarClause(placeholder.expr).length === 0));
}

/** Placeholders of a removed entry are evaluated where the rest of its join is. */
function dropPlaceholderRel(root: PlannerInfo, rti: number, instead: Relids): void {
  for (const placeholder of root.placeholders.values()) {
    if (hasMember(placeholder.phrels, rti)) placeholder.phrels = (placeholder.phrels & ~relidsOf(rti)) | instead;
  }
}

function removeIn(root: PlannerInfo, node: JoinTreeNode): JoinTreeNode {
  if (node.node === 'RangeTblRef') return node;
  if (node.node === 'FromExpr') {
    let children = node.fromlist.map((child) => removeIn(root, child));
    for (const child of [...children]) {
      const rti = isResult(root, child);
      if (rti === 0 || children.length === 1 || placeholdersNeed(root, rti)) continue;
      children = children.filter((other) => other !== child);
      dropPlaceholderRel(root, rti, children.reduce((set, other) => set | jointreeRelids(other), NO_RELS));
    }
    if (node !== root.jointree && children.length === 1 && !node.quals) return children[0];
    return { ...node, fromlist: children };
  }
  const larg = removeIn(root, node.larg);
  const rarg = removeIn(root, node.rarg);
  const leftRti = isResult(root, larg);
  const rightRti = isResult(root, rarg);
  if (node.jointype === 'inner') {
    if (leftRti > 0 && !placeholdersNeed(root, leftRti)) {
      dropPlaceholderRel(root, leftRti, jointreeRelids(rarg));
      return withQuals(rarg, node.quals);
    }
    if (rightRti > 0 && !placeholdersNeed(root, rightRti)) {
      dropPlaceholderRel(root, rightRti, jointreeRelids(larg));
      return withQuals(larg, node.quals);
    }
  }
  if (node.jointype === 'left' && rightRti > 0 && (!node.quals || ![...root.placeholders.values()].some((item) => hasMember(item.phrels, rightRti)))) {
    dropPlaceholderRel(root, rightRti, jointreeRelids(larg));
    return larg;
  }
  if (node.jointype === 'semi' && rightRti > 0 && !placeholdersNeed(root, rightRti)) {
    dropPlaceholderRel(root, rightRti, jointreeRelids(larg));
    return withQuals(larg, node.quals);
  }
  return { ...node, larg, rarg };
}

function withQuals(node: JoinTreeNode, quals: Expr | null): JoinTreeNode {
  return quals ? { node: 'FromExpr', fromlist: [node], quals } : node;
}


/** ANDs two optional conditions. */
export function andQuals(a: Expr | null, b: Expr | null): Expr | null {
  return makeAnds([...makeAndsImplicit(a), ...makeAndsImplicit(b)]);
}
