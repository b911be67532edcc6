/**
 * Structural equality of expressions (equalfuncs.c): locations, coercion display forms and names do not count.
 */
import { DatumObject, type Datum } from '../types/datum.js';
import type { Expr } from '../analyzer/nodes.js';

const IGNORED = new Set(['location', 'funcformat', 'defaulted', 'relabelformat', 'coerceformat', 'coercionformat', 'convertformat', 'rowFormat',
  'operName', 'stmtLocation', 'stmtLen', 'resname', 'resorigtbl', 'resorigcol']);

/** True when the expressions mean the same by structure. */
export function equal(left: Expr | null, right: Expr | null): boolean {
  if (left === right) return true;
  if (left === null || right === null || left.node !== right.node) return false;
  switch (left.node) {
    case 'Var':
      return right.node === 'Var' && left.varno === right.varno && left.varattno === right.varattno
        && left.varlevelsup === right.varlevelsup && left.vartype === right.vartype;
    case 'Param':
      return right.node === 'Param' && left.paramkind === right.paramkind && left.paramid === right.paramid;
    case 'Const':
      return right.node === 'Const' && left.consttype === right.consttype && left.constcollid === right.constcollid
        && equalDatum(left.value, right.value);
    default:
      return equalValue(left, right);
  }
}

/** True when the two values are the same bit for bit (not by the type's equality). */
export function equalDatum(left: Datum, right: Datum): boolean {
  return Object.is(left, right) || (typeof left === 'object' && typeof right === 'object' && equalValue(left, right));
}

/** Deep equality of plain tree data. */
export function equalValue(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left)) {
    return Array.isArray(right) && left.length === right.length && left.every((item, i) => equalValue(item, right[i]));
  }
  if (left instanceof Uint8Array) {
    return right instanceof Uint8Array && left.length === right.length && left.every((byte, i) => byte === right[i]);
  }
  if (left instanceof Map) {
    return right instanceof Map && left.size === right.size && [...left].every(([key, value]) => equalValue(value, right.get(key)));
  }
  if (left instanceof DatumObject && left.constructor !== right.constructor) return false;
  const a = Object.entries(left);
  const b = new Map(Object.entries(right));
  if (a.length !== b.size) return false;
  for (const [key, value] of a) {
    if (IGNORED.has(key)) continue;
    if (!equalValue(value, b.get(key))) return false;
  }
  return true;
}

/** True when the list holds an equal expression. */
export function containsEqual(list: readonly Expr[], expr: Expr): boolean {
  return list.some((item) => equal(item, expr));
}
