/**
 * Registration of jsonb's functions, operators, casts and aggregates (PostgreSQL's jsonb.c, jsonb_op.c, jsonfuncs.c).
 */
import { pgError } from '../../base/error.js';
import { DatumObject, type ArrayValue, type Datum, type Int8 } from '../../types/datum.js';
import { Jsonb, type JsonbNode } from '../../types/jsonb.js';
import { countAt } from '../../types/jsonb-bytes.js';
import { Numeric } from '../../types/numeric.js';
import type { CallContext } from '../context.js';
import { badBinary } from '../errors.js';
import { numericToFloat4, numericToFloat8, numericToInt8, numericToSmall } from '../numeric/casts.js';
import { pure, rowsReturning, setReturning, withContext } from '../registry.js';
import { comparisonNames, registerComparisons } from '../scalar/compare.js';
import { variadicArguments } from '../text/quote.js';
import { fromUtf8, utf8 } from '../wire.js';
import { jsonbChain, jsonbChainText } from './chain.js';
import { keyText, toJsonbNode } from './convert.js';
import { checkPairs, pairsOfArray, pairsOfArrays } from './json.js';
import { encodedHas, encodedPath, encodedPathText, encodedTypeName } from './in-place.js';
import {
  compareJsonb, formatJsonb, formatPretty, hashJsonb, hashJsonbExtended, isArray, isObject, isScalar, jsonbContains, makeObject,
  nodeAsText, parseJsonb, treeHas, treePath, typeName, type JsonbArray, type JsonbObject,
} from './jsonb.js';
import { changePath, concatenateJsonb, deleteIndex, deleteKeys, setPath } from './jsonb-edit.js';

const complain = (message: string): Error => pgError('INVALID_PARAMETER_VALUE', message);
/** Trees and bytes: each function of a part of a value takes the one that is there; `in-place.ts` reads bytes. */
const wrap = (node: JsonbNode | undefined): Jsonb | null => (node === undefined ? null : new Jsonb(node));

pure('jsonb_in', parseJsonb);
pure('jsonb_out', formatJsonb);
const VERSION = 1;
pure('jsonb_send', (a: Jsonb) => {
  const text = utf8(formatJsonb(a));
  const bytes = new Uint8Array(text.length + 1);
  bytes[0] = VERSION;
  bytes.set(text, 1);
  return bytes;
});
pure('jsonb_recv', (bytes: Uint8Array) => {
  if (bytes[0] !== VERSION) throw badBinary(`unsupported jsonb version number ${bytes[0]}`);
  return parseJsonb(fromUtf8(bytes.subarray(1)));
});

registerComparisons(comparisonNames('jsonb_'), compareJsonb);
pure('jsonb_cmp', compareJsonb);
pure('jsonb_hash', hashJsonb);
pure('jsonb_hash_extended', hashJsonbExtended);
pure('jsonb_contains', jsonbContains);
pure('jsonb_contained', (a: Jsonb, b: Jsonb) => jsonbContains(b, a));

/** Whether a key of an object, a string of an array, or the string itself. */
const exists = (a: Jsonb, key: string): boolean => (a.isEncoded ? encodedHas(a, key) : treeHas(a.root, key));
pure('jsonb_exists', exists);
pure('jsonb_exists_any', (a: Jsonb, keys: ArrayValue) => keys.elements.some((key) => key !== null && exists(a, key as string)));
pure('jsonb_exists_all', (a: Jsonb, keys: ArrayValue) => keys.elements.every((key) => key === null || exists(a, key as string)));

pure('jsonb_object_field', (a: Jsonb, key: string) => jsonbChain(a, key));
pure('jsonb_object_field_text', (a: Jsonb, key: string) => jsonbChainText(a, key));
pure('jsonb_array_element', (a: Jsonb, index: number) => jsonbChain(a, index));
pure('jsonb_array_element_text', (a: Jsonb, index: number) => jsonbChainText(a, index));
pure('jsonb_extract_path', (a: Jsonb, path: ArrayValue) => (a.isEncoded ? encodedPath(a, path) : wrap(treePath(a.root, path))));
pure('jsonb_extract_path_text', (a: Jsonb, path: ArrayValue) => (a.isEncoded ? encodedPathText(a, path) : nodeAsText(treePath(a.root, path) ?? null)));

pure('jsonb_typeof', (a: Jsonb) => (a.isEncoded ? encodedTypeName(a) : typeName(a.root)));
pure('jsonb_pretty', (a: Jsonb) => formatPretty(a.root));
pure('jsonb_array_length', (a: Jsonb) => {
  const type = a.isEncoded ? encodedTypeName(a) : typeName(a.root);
  if (type === 'array') return a.isEncoded ? countAt(a.bytes, a.start) : (a.root as JsonbArray).length;
  throw complain(`cannot get array length of a ${type === 'object' ? 'non-array' : 'scalar'}`);
});

setReturning('jsonb_object_keys', (_cx, { root }: Jsonb) => {
  if (!isObject(root)) throw complain(`cannot call jsonb_object_keys on ${isArray(root) ? 'an array' : 'a scalar'}`);
  return root.keys();
});
for (const [name, show] of [['jsonb_each', (node: JsonbNode): Datum => new Jsonb(node)], ['jsonb_each_text', nodeAsText]] as const) {
  rowsReturning(name, (_cx, { root }: Jsonb) => {
    if (!isObject(root)) throw complain(`cannot call ${name} on a non-object`);
    return Array.from(root, ([key, value]) => [key, show(value)]);
  });
}
for (const [name, show] of [['jsonb_array_elements', (node: JsonbNode): Datum => new Jsonb(node)], ['jsonb_array_elements_text', nodeAsText]] as const) {
  setReturning(name, (_cx, { root }: Jsonb) => {
    if (!isArray(root)) throw complain(`cannot extract elements from ${isObject(root) ? 'an object' : 'a scalar'}`);
    return root.map(show);
  });
}

function strip(node: JsonbNode, inArrays: boolean): JsonbNode {
  if (isArray(node)) return node.filter((item) => !inArrays || item !== null).map((item) => strip(item, inArrays));
  if (!isObject(node)) return node;
  return new Map([...node].filter(([, value]) => value !== null).map(([key, value]) => [key, strip(value, inArrays)]));
}
pure('jsonb_strip_nulls', (a: Jsonb, inArrays: boolean) => new Jsonb(strip(a.root, inArrays)));

pure('jsonb_concat', concatenateJsonb);
pure('jsonb_delete', (a: Jsonb, key: string) => deleteKeys(a, [key]));
pure('jsonb_delete_array', (a: Jsonb, keys: ArrayValue) => {
  if (keys.dims.length > 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'wrong number of array subscripts');
  return deleteKeys(a, keys.elements as (string | null)[]);
});
pure('jsonb_delete_idx', deleteIndex);
pure('jsonb_delete_path', (a: Jsonb, path: ArrayValue) => changePath(a, path, null, 'delete'));
const set = (a: Jsonb, path: ArrayValue, value: Jsonb, create: boolean): Jsonb => changePath(a, path, value.root, create ? 'create' : 'replace');
pure('jsonb_set', set);
pure('jsonb_insert', (a: Jsonb, path: ArrayValue, value: Jsonb, after: boolean) => changePath(a, path, value.root, after ? 'insertAfter' : 'insertBefore'));

const TREATMENTS = 'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"';
pure('jsonb_set_lax', (a: Jsonb | null, path: ArrayValue | null, value: Jsonb | null, create: boolean | null, treatment: string | null) => {
  if (a === null || path === null || create === null) return null;
  if (treatment === null) throw complain(TREATMENTS);
  if (value !== null) return set(a, path, value, create);
  switch (treatment) {
    case 'raise_exception': throw pgError('NULL_VALUE_NOT_ALLOWED', 'JSON value must not be null', {
      detail: 'Exception was raised because null_value_treatment is "raise_exception".',
      hint: 'To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.',
    });
    case 'use_json_null': return set(a, path, new Jsonb(null), create);
    case 'delete_key': return changePath(a, path, null, 'delete');
    case 'return_target': return a;
    default: throw complain(TREATMENTS);
  }
});

/** Subscripted assignment: `target[path] = value`; a null target starts as an object or, for an integer, an array; 22023. */
export function assignSubscript(target: Jsonb | null, path: readonly (string | null)[], value: JsonbNode, firstIsInteger: boolean): Jsonb {
  return new Jsonb(setPath(target === null ? (firstIsInteger ? [] : new Map()) : target.root, path, 0, value, 'assign'));
}

/** Casts from jsonb: only numbers become numbers, only booleans booleans; JSON null becomes NULL; 22023. */
function castFrom<T extends JsonbNode>(name: string, type: string, fits: (node: JsonbNode) => node is T, convert: (node: T) => Datum): void {
  pure(name, ({ root }: Jsonb) => {
    if (root === null) return null;
    if (fits(root)) return convert(root);
    throw complain(`cannot cast jsonb ${isScalar(root) ? (root instanceof Numeric ? 'numeric' : typeName(root)) : typeName(root)} to type ${type}`);
  });
}
const isNumeric = (node: JsonbNode): node is Numeric => node instanceof Numeric;
castFrom('jsonb_bool', 'boolean', (node): node is boolean => typeof node === 'boolean', (node) => node);
castFrom('jsonb_numeric', 'numeric', isNumeric, (node) => node);
castFrom('jsonb_int2', 'smallint', isNumeric, (node) => numericToSmall(node, 'smallint', -32768, 32767));
castFrom('jsonb_int4', 'integer', isNumeric, (node) => numericToSmall(node, 'integer', -2147483648, 2147483647));
castFrom('jsonb_int8', 'bigint', isNumeric, (node): Int8 => numericToInt8(node));
castFrom('jsonb_float4', 'real', isNumeric, numericToFloat4);
castFrom('jsonb_float8', 'double precision', isNumeric, numericToFloat8);

withContext('to_jsonb', (cx, value: Datum) => new Jsonb(toJsonbNode(cx, value, cx.call.argTypes[0])));
withContext('jsonb_build_object', (cx, ...args: Datum[]) => {
  const tail = variadicArguments(cx, args, 0);
  if (!tail) return null;
  const { values, types } = tail;
  checkPairs(values.length, 'jsonb_build_object');
  const entries: [string, JsonbNode][] = [];
  for (let i = 0; i < values.length; i += 2) {
    if (values[i] === null) throw complain(`argument ${i + 1}: key must not be null`);
    entries.push([keyText(cx, values[i], types[i]), toJsonbNode(cx, values[i + 1], types[i + 1])]);
  }
  return new Jsonb(makeObject(entries));
});
pure('jsonb_build_object_noargs', () => new Jsonb(new Map()));
withContext('jsonb_build_array', (cx, ...args: Datum[]) => {
  const tail = variadicArguments(cx, args, 0);
  return tail ? new Jsonb(tail.values.map((value, i) => toJsonbNode(cx, value, tail.types[i]))) : null;
});
pure('jsonb_build_array_noargs', () => new Jsonb([]));
pure('jsonb_object', (array: ArrayValue) => new Jsonb(makeObject(pairsOfArray(array))));
pure('jsonb_object_two_arg', (keys: ArrayValue, values: ArrayValue) => new Jsonb(makeObject(pairsOfArrays(keys, values))));

/** The elements so far of jsonb_agg. */
export class JsonbArrayAggregate extends DatumObject {
  readonly kind = 'jsonbArrayAggregate';
  readonly items: JsonbNode[] = [];
}
for (const [name, skipNulls] of [['jsonb_agg_transfn', false], ['jsonb_agg_strict_transfn', true]] as const) {
  withContext(name, (cx, state: JsonbArrayAggregate | null, value: Datum) => {
    const aggregate = state ?? new JsonbArrayAggregate();
    if (!skipNulls || value !== null) aggregate.items.push(toJsonbNode(cx, value, cx.call.argTypes[1]));
    return aggregate;
  });
}
pure('jsonb_agg_finalfn', (state: JsonbArrayAggregate | null) => (state === null ? null : new Jsonb(state.items.slice())));

/** The members so far of jsonb_object_agg. */
export class JsonbObjectAggregate extends DatumObject {
  readonly kind = 'jsonbObjectAggregate';
  readonly entries: [string, JsonbNode][] = [];
  readonly keys = new Set<string>();
}
function aggregateMember(cx: CallContext, state: JsonbObjectAggregate | null, key: Datum, value: Datum, skipNulls: boolean, unique: boolean): JsonbObjectAggregate {
  const aggregate = state ?? new JsonbObjectAggregate();
  if (key === null) throw complain('field name must not be null');
  const skip = skipNulls && value === null;
  if (skip && !unique) return aggregate;
  const name = keyText(cx, key, cx.call.argTypes[1]);
  if (unique && aggregate.keys.has(name)) throw pgError('DUPLICATE_JSON_OBJECT_KEY_VALUE', 'duplicate JSON object key value');
  if (unique) aggregate.keys.add(name);
  if (!skip) aggregate.entries.push([name, toJsonbNode(cx, value, cx.call.argTypes[2])]);
  return aggregate;
}
for (const [name, skipNulls, unique] of [
  ['jsonb_object_agg_transfn', false, false], ['jsonb_object_agg_strict_transfn', true, false],
  ['jsonb_object_agg_unique_transfn', false, true], ['jsonb_object_agg_unique_strict_transfn', true, true],
] as const) {
  withContext(name, (cx, state: JsonbObjectAggregate | null, key: Datum, value: Datum) => aggregateMember(cx, state, key, value, skipNulls, unique));
}
pure('jsonb_object_agg_finalfn', (state: JsonbObjectAggregate | null): Jsonb | null =>
  state === null ? null : new Jsonb(makeObject(state.entries.slice()) as JsonbObject));
