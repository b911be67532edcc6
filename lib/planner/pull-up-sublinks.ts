/**
 * EXISTS and ANY SubLinks at the top of WHERE and ON conditions become semi and anti joins (pull_up_sublinks of
 * prepjointree.c).
 */
import type { Expr, FromExpr, JoinTreeNode } from '../analyzer/nodes.js';
import { makeAnds, makeAndsImplicit } from './clauses.js';
import { jointreeRelids } from './initsplan.js';
import type { PlannerInfo } from './path-nodes.js';
import type { Relids } from './relids.js';
import { convertAny, convertExists } from './subselect.js';

/** A join tree position that joins can be put over. */
interface Slot { node: JoinTreeNode; available: Relids }

/** Rewrites the root's join tree. */
export function pullUpSublinks(root: PlannerInfo): void {
  const { node } = recurse(root, root.jointree);
  root.jointree = node.node === 'FromExpr' ? node : { node: 'FromExpr', fromlist: [node], quals: null };
}

function recurse(root: PlannerInfo, node: JoinTreeNode): { node: JoinTreeNode; relids: Relids } {
  switch (node.node) {
    case 'RangeTblRef': return { node, relids: jointreeRelids(node) };
    case 'FromExpr': {
      const fromlist = node.fromlist.map((child) => recurse(root, child).node);
      const base: FromExpr = { node: 'FromExpr', fromlist, quals: null };
      const relids = jointreeRelids(base);
      if (!node.quals) return { node: base, relids };
      const slot: Slot = { node: base, available: relids };
      const quals = convertQuals(root, node.quals, slot, null);
      if (slot.node === base) return { node: { ...base, quals }, relids };
      return { node: { node: 'FromExpr', fromlist: [slot.node], quals }, relids };
    }
    case 'JoinExpr': {
      const left = recurse(root, node.larg);
      const right = recurse(root, node.rarg);
      const relids = left.relids | right.relids;
      const joined = { ...node, larg: left.node, rarg: right.node };
      if (!node.quals) return { node: joined, relids };
      if (node.jointype === 'inner') {
        const slot: Slot = { node: joined, available: relids };
        const quals = convertQuals(root, node.quals, slot, null);
        if (slot.node === joined) return { node: { ...joined, quals }, relids };
        // The new joins stand above this inner join; its remaining condition goes with them.
        return { node: { node: 'FromExpr', fromlist: [replaceNode(slot.node, joined, { ...joined, quals: null })], quals }, relids };
      }
      if (node.jointype === 'left') {
        const slot: Slot = { node: right.node, available: right.relids };
        const quals = convertQuals(root, node.quals, slot, null);
        return { node: { ...joined, rarg: slot.node, quals }, relids };
      }
      if (node.jointype === 'right') {
        const slot: Slot = { node: left.node, available: left.relids };
        const quals = convertQuals(root, node.quals, slot, null);
        return { node: { ...joined, larg: slot.node, quals }, relids };
      }
      return { node: joined, relids };
    }
    default: return node satisfies never;
  }
}

function replaceNode(tree: JoinTreeNode, old: JoinTreeNode, by: JoinTreeNode): JoinTreeNode {
  if (tree === old) return by;
  if (tree.node === 'JoinExpr') return { ...tree, larg: replaceNode(tree.larg, old, by), rarg: replaceNode(tree.rarg, old, by) };
  if (tree.node === 'FromExpr') return { ...tree, fromlist: tree.fromlist.map((child) => replaceNode(child, old, by)) };
  return tree;
}

/** Converts what can be converted among ANDed conditions; the rest is returned. */
function convertQuals(root: PlannerInfo, quals: Expr, slot: Slot, inner: Slot | null): Expr | null {
  const kept: Expr[] = [];
  for (const qual of makeAndsImplicit(quals)) {
    if (convertOne(root, qual, slot) || (inner && convertOne(root, qual, inner))) continue;
    kept.push(qual);
  }
  return makeAnds(kept);
}

function convertOne(root: PlannerInfo, qual: Expr, slot: Slot): boolean {
  if (qual.node === 'SubLink' && (qual.subLinkType === 'any' || qual.subLinkType === 'exists')) {
    const join = qual.subLinkType === 'any' ? convertAny(root, qual, slot.available) : convertExists(root, qual, false, slot.available);
    if (!join) return false;
    const right = recurse(root, join.rarg);
    const left: Slot = { node: slot.node, available: slot.available };
    const innerSlot: Slot = { node: right.node, available: right.relids };
    const conditions = join.quals && convertQuals(root, join.quals, left, innerSlot);
    slot.node = { ...join, larg: left.node, rarg: innerSlot.node, quals: conditions };
    return true;
  }
  if (qual.node === 'BoolExpr' && qual.boolop === 'not') {
    const link = qual.args[0];
    if (link.node !== 'SubLink' || link.subLinkType !== 'exists') return false;
    const join = convertExists(root, link, true, slot.available);
    if (!join) return false;
    const right = recurse(root, join.rarg);
    const innerSlot: Slot = { node: right.node, available: right.relids };
    const conditions = join.quals && convertQuals(root, join.quals, innerSlot, null);
    slot.node = { ...join, larg: slot.node, rarg: innerSlot.node, quals: conditions };
    return true;
  }
  return false;
}
