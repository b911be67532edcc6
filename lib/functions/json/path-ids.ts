/**
 * Ids of objects in `.keyvalue()`: the place an object has in PostgreSQL's binary jsonb, counted from its base object.
 */
import type { JsonbNode } from '../../types/jsonb.js';
import { Numeric } from '../../types/numeric.js';
import { baseDigits } from '../numeric/casts.js';
import { isArray, isObject, isScalar } from './jsonb.js';

const align = (at: number): number => (at + 3) & ~3;

/** Bytes of a numeric in storage, with its length word. */
function numericSize(value: Numeric): number {
  const { digits, weight } = baseDigits(value);
  const short = value.scale <= 63 && weight >= -64 && weight <= 63;
  return 4 + (short ? 2 : 4) + 2 * digits.length;
}

/** Places a value at `at` (aligned as it needs), notes the containers in it, returns its end. */
function place(node: JsonbNode, at: number, offsets: Map<JsonbNode, number>): number {
  if (typeof node === 'string') return at + Buffer.byteLength(node);
  if (node instanceof Numeric) return align(at) + numericSize(node);
  if (isScalar(node)) return at;
  const start = align(at);
  if (!offsets.has(node)) offsets.set(node, start);
  if (isArray(node)) return node.reduce<number>((end, item) => place(item, end, offsets), start + 4 + 4 * node.length);
  if (!isObject(node)) return start;
  let end = start + 4 + 8 * node.size;
  for (const key of node.keys()) end += Buffer.byteLength(key);
  for (const value of node.values()) end = place(value, end, offsets);
  return end;
}

const known = new WeakMap<object, Map<JsonbNode, number>>();

/** Offset of a container inside a base object; 0 when it is not in there. */
export function containerOffset(base: JsonbNode, node: JsonbNode): number {
  if (typeof base !== 'object' || base === null) return 0;
  let offsets = known.get(base);
  if (!offsets) {
    offsets = new Map();
    place(base, 0, offsets);
    known.set(base, offsets);
  }
  return offsets.get(node) ?? 0;
}
