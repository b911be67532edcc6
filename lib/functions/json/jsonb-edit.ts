/**
 * Changing jsonb values: concatenation, deletion, jsonb_set, jsonb_insert, subscripted assignment (PostgreSQL's setPath).
 */
import { pgError } from '../../base/error.js';
import type { ArrayValue } from '../../types/datum.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import { isArray, isObject, isScalar, makeObject, type JsonbArray, type JsonbObject } from './jsonb.js';
import { pathIndex } from './text.js';

/** What to do at the end of the path; `assign` is what subscripting does: it also makes what the path needs. */
export type PathOperation = 'create' | 'replace' | 'delete' | 'insertBefore' | 'insertAfter' | 'assign';

const complain = (message: string): Error => pgError('INVALID_PARAMETER_VALUE', message);

function scalarInTheWay(): Error {
  return pgError('INVALID_PARAMETER_VALUE', 'cannot replace existing key',
    { detail: 'The path assumes key is a composite object, but it is a scalar value.' });
}

const nulls = (count: number): JsonbNode[] => new Array<JsonbNode>(Math.max(count, 0)).fill(null);

/** The value wrapped in the containers that the rest of a path asks for. */
function chain(path: readonly (string | null)[], level: number, value: JsonbNode): JsonbNode {
  if (level >= path.length || path[level] === null) return value;
  const step = path[level]!;
  const index = pathIndex(step);
  const inner = chain(path, level + 1, value);
  return index === undefined ? makeObject([[step, inner]]) : [...nulls(index), inner];
}

function setInObject(object: JsonbObject, path: readonly (string | null)[], level: number, value: JsonbNode, operation: PathOperation): JsonbNode {
  const key = path[level]!;
  const last = level === path.length - 1;
  const old = object.get(key);
  if (old === undefined) {
    if (last) return operation === 'delete' || operation === 'replace' ? object : makeObject([...object, [key, value]]);
    return operation === 'assign' ? makeObject([...object, [key, chain(path, level + 1, value)]]) : object;
  }
  if (last && operation === 'delete') {
    const rest = new Map(object);
    rest.delete(key);
    return rest;
  }
  if (last && (operation === 'insertBefore' || operation === 'insertAfter')) {
    throw pgError('INVALID_PARAMETER_VALUE', 'cannot replace existing key', { hint: 'Try using the function jsonb_set to replace key value.' });
  }
  const changed = new Map(object);
  changed.set(key, last ? value : setPath(old, path, level + 1, value, operation));
  return changed;
}

/** The position a path element names, counted from the end when negative; -1 stands before the array. */
function positionOf(array: JsonbArray, step: string, level: number, operation: PathOperation): number {
  const index = pathIndex(step);
  if (index === undefined) {
    throw pgError('INVALID_TEXT_REPRESENTATION', `path element at position ${level + 1} is not an integer: "${step}"`);
  }
  if (index >= 0) return operation === 'assign' ? index : Math.min(index, array.length);
  if (-index <= array.length) return array.length + index;
  if (operation === 'assign') throw complain(`path element at position ${level + 1} is out of range: ${index}`);
  return -1;
}

function setInArray(array: JsonbArray, path: readonly (string | null)[], level: number, value: JsonbNode, operation: PathOperation): JsonbNode {
  const position = positionOf(array, path[level]!, level, operation);
  const last = level === path.length - 1;
  const creates = operation !== 'delete' && operation !== 'replace';
  if (position < 0) return last && creates ? [value, ...array] : array;
  if (position >= array.length) {
    if (!last) return operation === 'assign' ? [...array, ...nulls(position - array.length), chain(path, level + 1, value)] : array;
    if (!creates) return array;
    return [...array, ...nulls(operation === 'assign' ? position - array.length : 0), value];
  }
  const [before, old, after] = [array.slice(0, position), array[position], array.slice(position + 1)];
  if (!last) return [...before, setPath(old, path, level + 1, value, operation), ...after];
  switch (operation) {
    case 'delete': return [...before, ...after];
    case 'insertBefore': return [...before, value, old, ...after];
    case 'insertAfter': return [...before, old, value, ...after];
    default: return [...before, value, ...after];
  }
}

/** Applies an operation at a path below `node`; 22023, 22004, 22P02. */
export function setPath(node: JsonbNode, path: readonly (string | null)[], level: number, value: JsonbNode, operation: PathOperation): JsonbNode {
  if (path[level] === null) throw pgError('NULL_VALUE_NOT_ALLOWED', `path element at position ${level + 1} is null`);
  if (isArray(node)) return setInArray(node, path, level, value, operation);
  if (isObject(node)) return setInObject(node, path, level, value, operation);
  if (operation === 'assign') throw scalarInTheWay();
  return node;
}

const sizeOf = (node: JsonbNode): number => (isArray(node) ? node.length : isObject(node) ? node.size : 1);

/** The common part of jsonb_set, jsonb_insert and #-. */
export function changePath(target: Jsonb, path: ArrayValue, value: JsonbNode, operation: PathOperation): Jsonb {
  if (path.dims.length > 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'wrong number of array subscripts');
  const { root } = target;
  if (isScalar(root)) throw complain(operation === 'delete' ? 'cannot delete path in scalar' : 'cannot set path in scalar');
  if ((sizeOf(root) === 0 && (operation === 'delete' || operation === 'replace')) || path.elements.length === 0) return target;
  return new Jsonb(setPath(root, path.elements as (string | null)[], 0, value, operation));
}

/** `||`. */
export function concatenateJsonb(a: Jsonb, b: Jsonb): Jsonb {
  const x = a.root;
  const y = b.root;
  if (isObject(x) && isObject(y)) return new Jsonb(makeObject([...x, ...y]));
  const items = (node: JsonbNode): JsonbArray => (isArray(node) ? node : [node]);
  return new Jsonb([...items(x), ...items(y)]);
}

/** Removes keys of an object or strings of an array; 22023. */
export function deleteKeys(target: Jsonb, keys: readonly (string | null)[]): Jsonb {
  const { root } = target;
  if (isScalar(root)) throw complain('cannot delete from scalar');
  if (isArray(root)) return new Jsonb(root.filter((item) => typeof item !== 'string' || !keys.includes(item)));
  return new Jsonb(new Map([...(root as JsonbObject)].filter(([key]) => !keys.includes(key))));
}

/** Removes an element; 22023. */
export function deleteIndex(target: Jsonb, index: number): Jsonb {
  const { root } = target;
  if (isScalar(root)) throw complain('cannot delete from scalar');
  if (!isArray(root)) throw complain('cannot delete from object using integer index');
  const position = index < 0 ? root.length + index : index;
  return position < 0 || position >= root.length ? target : new Jsonb(root.toSpliced(position, 1));
}
