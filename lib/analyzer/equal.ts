/**
 * Structural equality of trees. As PostgreSQL's equal(): locations and the way a coercion was written do not count.
 */
import type { Node } from 'libpg-query';
import type { RawNode } from '../parser/raw.js';
import type { Expr } from './nodes.js';

const IGNORED: ReadonlySet<string> = new Set([
  'location', 'stmtLocation', 'stmtLen', 'funcformat', 'relabelformat', 'coerceformat', 'convertformat', 'rowFormat', 'coercionformat',
  'varnosyn', 'varattnosyn', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end',
]);

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Number.isNaN(a) && Number.isNaN(b);
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (a instanceof Map) return b instanceof Map && same([...a], [...b]);
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key in x) if (!IGNORED.has(key) && !same(x[key], y[key])) return false;
  for (const key in y) if (!(key in x) && !IGNORED.has(key) && y[key] !== undefined) return false;
  return true;
}

/** Whether two analyzed expressions are the same. */
export function equalExpr(a: Expr, b: Expr): boolean {
  return same(a, b);
}

/** Whether two lists of analyzed expressions are the same. */
export function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  return same(a, b);
}

/** Whether two raw trees are the same; absent lists equal empty ones. */
export function equalRaw(a: Node | RawNode | readonly Node[] | undefined, b: Node | RawNode | readonly Node[] | undefined): boolean {
  const empty = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.length === 0);
  return (empty(a) && empty(b)) || same(a, b);
}
