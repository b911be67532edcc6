/** Structural equality of expressions, places in the source text apart (PostgreSQL's equal()). */
import { DatumObject } from '../types/datum.js';

/** Whether two trees mean the same. */
export function sameExpression(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof DatumObject || b instanceof DatumObject) return a instanceof DatumObject && b instanceof DatumObject && JSON.stringify(a, bigText) === JSON.stringify(b, bigText);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameExpression(item, b[index]));
  const [left, right] = [Object.entries(a), b as Record<string, unknown>];
  return left.length === Object.keys(b).length && left.every(([key, field]) => key === 'location' || sameExpression(field, right[key]));
}

function bigText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
