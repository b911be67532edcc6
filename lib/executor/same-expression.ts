/** Structural equality of expressions, places in the source text apart (PostgreSQL's equal()). */
import { encodeDatum } from '../codec/row.js';
import { DatumObject } from '../types/datum.js';

/** Whether two trees mean the same. `sameParam`: whether two parameters of a statement ($n) do; without it, only a parameter and itself. */
export function sameExpression(a: unknown, b: unknown, sameParam?: (a: number, b: number) => boolean): boolean {
  if (Object.is(a, b) && sameParam === undefined) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (a instanceof DatumObject || b instanceof DatumObject) return a instanceof DatumObject && b instanceof DatumObject && Buffer.compare(encodeDatum(a), encodeDatum(b)) === 0;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameExpression(item, b[index], sameParam));
  const [left, right] = [Object.entries(a), b as Record<string, unknown>];
  const isParam = sameParam !== undefined && right.node === 'Param' && right.paramkind === 'extern';
  return left.length === Object.keys(b).length && left.every(([key, field]) => key === 'location'
    || (isParam && key === 'paramid' && typeof field === 'number' ? sameParam(field, right.paramid as number) : sameExpression(field, right[key], sameParam)));
}
