/**
 * Small questions about trees of set operations.
 */
import type { RangeTblRef, SetOperation } from '../analyzer/nodes.js';

/** Range-table indexes of the leaves of a set operation, from left to right. */
export function setOperationLeaves(node: SetOperation | RangeTblRef): number[] {
  return node.node === 'RangeTblRef' ? [node.rtindex] : [...setOperationLeaves(node.larg), ...setOperationLeaves(node.rarg)];
}
