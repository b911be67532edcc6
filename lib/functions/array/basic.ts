/**
 * Array functions that catalog queries live on: dimensions, search, unnest, array_to_string, comparison, containment,
 * concatenation (PostgreSQL's arrayfuncs.c, array_userfuncs.c).
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, setReturning, withContext } from '../registry.js';

pure('array_ndims', (array: ArrayValue) => (array.dims.length === 0 ? null : array.dims.length));
pure('array_dims', (array: ArrayValue) =>
  array.dims.length === 0 ? null : array.dims.map((length, i) => `[${array.lowerBounds[i]}:${array.lowerBounds[i] + length - 1}]`).join(''));
pure('array_lower', (array: ArrayValue, dimension: number) => array.lowerBounds[dimension - 1] ?? null);
pure('array_upper', (array: ArrayValue, dimension: number) =>
  dimension < 1 || dimension > array.dims.length ? null : array.lowerBounds[dimension - 1] + array.dims[dimension - 1] - 1);
pure('array_length', (array: ArrayValue, dimension: number) => array.dims[dimension - 1] ?? null);
pure('array_cardinality', (array: ArrayValue) => array.elements.length);

setReturning('array_unnest', (_cx, array: ArrayValue) => array.elements);

function* subscripts(array: ArrayValue, dimension: number, reverse: boolean): Generator<Datum> {
  if (dimension < 1 || dimension > array.dims.length) return;
  const low = array.lowerBounds[dimension - 1];
  const length = array.dims[dimension - 1];
  for (let i = 0; i < length; i++) yield reverse ? low + length - 1 - i : low + i;
}
setReturning('generate_subscripts', (_cx, array: ArrayValue, dimension: number, reverse: boolean) => subscripts(array, dimension, reverse));
setReturning('generate_subscripts_nodir', (_cx, array: ArrayValue, dimension: number) => subscripts(array, dimension, false));

function joinArray(cx: CallContext, array: ArrayValue, delimiter: string, nullText: string | null): string {
  const parts: string[] = [];
  for (const element of array.elements) {
    if (element !== null) parts.push(cx.services.types.output(array.elementType, element));
    else if (nullText !== null) parts.push(nullText);
  }
  return parts.join(delimiter);
}
withContext('array_to_text', (cx, array: ArrayValue, delimiter: string) => joinArray(cx, array, delimiter, null));
withContext('array_to_text_null', (cx, array: ArrayValue | null, delimiter: string | null, nullText: string | null) =>
  array === null || delimiter === null ? null : joinArray(cx, array, delimiter, nullText));

/** Are two elements equal, null equal to null only? */
function same(cx: CallContext, type: number, a: Datum, b: Datum): boolean {
  if (a === null || b === null) return a === b;
  return cx.services.types.equal(type, a, b, cx.call.collation);
}

function position(cx: CallContext, array: ArrayValue | null, wanted: Datum, start: number | null, hasStart: boolean): number | null {
  if (array === null) return null;
  if (array.dims.length > 1) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'searching for elements in multidimensional arrays is not supported');
  }
  if (hasStart && start === null) throw pgError('NULL_VALUE_NOT_ALLOWED', 'initial position must not be null');
  if (array.elements.length === 0) return null;
  const low = array.lowerBounds[0];
  for (let i = hasStart ? Math.max(0, start! - low) : 0; i < array.elements.length; i++) {
    if (same(cx, array.elementType, array.elements[i], wanted)) return low + i;
  }
  return null;
}
withContext('array_position', (cx, array: ArrayValue | null, wanted: Datum) => position(cx, array, wanted, null, false));
withContext('array_position_start', (cx, array: ArrayValue | null, wanted: Datum, start: number | null) => position(cx, array, wanted, start, true));
withContext('array_positions', (cx, array: ArrayValue | null, wanted: Datum) => {
  if (array === null) return null;
  if (array.dims.length > 1) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'searching for elements in multidimensional arrays is not supported');
  }
  const found: number[] = [];
  array.elements.forEach((element, i) => {
    if (same(cx, array.elementType, element, wanted)) found.push(array.lowerBounds[0] + i);
  });
  return ArrayValue.of(23, found);
});

/** 42804 for arrays of different element types. */
function checkElementTypes(a: ArrayValue, b: ArrayValue): void {
  if (a.elementType !== b.elementType) throw pgError('DATATYPE_MISMATCH', 'cannot compare arrays of different element types');
}

/** array_cmp: element by element (nulls last), then length, dimensions, bounds. */
export function compareArrays(cx: CallContext, a: ArrayValue, b: ArrayValue): number {
  checkElementTypes(a, b);
  const shared = Math.min(a.elements.length, b.elements.length);
  for (let i = 0; i < shared; i++) {
    const x = a.elements[i];
    const y = b.elements[i];
    if (x === null || y === null) {
      if (x === y) continue;
      return x === null ? 1 : -1;
    }
    const order = cx.services.types.compare(a.elementType, x, y, cx.call.collation);
    if (order !== 0) return order < 0 ? -1 : 1;
  }
  if (a.elements.length !== b.elements.length) return a.elements.length < b.elements.length ? -1 : 1;
  if (a.dims.length !== b.dims.length) return a.dims.length < b.dims.length ? -1 : 1;
  for (const [left, right] of [[a.dims, b.dims], [a.lowerBounds, b.lowerBounds]]) {
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return left[i] < right[i] ? -1 : 1;
  }
  return 0;
}

/** array_eq: same dimensions, bounds and elements. */
export function equalArrays(cx: CallContext, a: ArrayValue, b: ArrayValue): boolean {
  checkElementTypes(a, b);
  return a.dims.length === b.dims.length && a.elements.length === b.elements.length
    && a.dims.every((length, i) => length === b.dims[i]) && a.lowerBounds.every((bound, i) => bound === b.lowerBounds[i])
    && a.elements.every((element, i) => same(cx, a.elementType, element, b.elements[i]));
}
withContext('array_eq', equalArrays);
withContext('array_ne', (cx, a: ArrayValue, b: ArrayValue) => !equalArrays(cx, a, b));
withContext('array_lt', (cx, a: ArrayValue, b: ArrayValue) => compareArrays(cx, a, b) < 0);
withContext('array_le', (cx, a: ArrayValue, b: ArrayValue) => compareArrays(cx, a, b) <= 0);
withContext('array_gt', (cx, a: ArrayValue, b: ArrayValue) => compareArrays(cx, a, b) > 0);
withContext('array_ge', (cx, a: ArrayValue, b: ArrayValue) => compareArrays(cx, a, b) >= 0);
withContext('btarraycmp', compareArrays);
withContext('array_larger', (cx, a: ArrayValue, b: ArrayValue) => (compareArrays(cx, a, b) > 0 ? a : b));
withContext('array_smaller', (cx, a: ArrayValue, b: ArrayValue) => (compareArrays(cx, a, b) < 0 ? a : b));

/** Does `outer` hold every element of `inner` (all) or any of them? Nulls never match. */
function contains(cx: CallContext, outer: ArrayValue, inner: ArrayValue, all: boolean): boolean {
  checkElementTypes(outer, inner);
  const holds = (wanted: Datum): boolean => wanted !== null
    && outer.elements.some((element) => element !== null && cx.services.types.equal(outer.elementType, element, wanted, cx.call.collation));
  return all ? inner.elements.every(holds) : inner.elements.some(holds);
}
withContext('arraycontains', (cx, a: ArrayValue, b: ArrayValue) => contains(cx, a, b, true));
withContext('arraycontained', (cx, a: ArrayValue, b: ArrayValue) => contains(cx, b, a, true));
withContext('arrayoverlap', (cx, a: ArrayValue, b: ArrayValue) => contains(cx, a, b, false));

/** The element type when the array itself is null: from the call's resolved types. */
function elementTypeOf(cx: CallContext, arrayArgument: number): number {
  return cx.services.types.facts(cx.call.argTypes[arrayArgument]).elementType;
}

function notOneDimensional(): Error {
  return pgError('DATA_EXCEPTION', 'argument must be empty or one-dimensional array');
}

withContext('array_append', (cx, array: ArrayValue | null, element: Datum) => {
  if (array === null || array.dims.length === 0) return ArrayValue.of(array?.elementType ?? elementTypeOf(cx, 0), [element]);
  if (array.dims.length > 1) throw notOneDimensional();
  if (array.lowerBounds[0] + array.dims[0] > 2147483647) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'integer out of range');
  return new ArrayValue(array.elementType, [array.dims[0] + 1], array.lowerBounds, [...array.elements, element]);
});
withContext('array_prepend', (cx, element: Datum, array: ArrayValue | null) => {
  if (array === null || array.dims.length === 0) return ArrayValue.of(array?.elementType ?? elementTypeOf(cx, 1), [element]);
  if (array.dims.length > 1) throw notOneDimensional();
  return new ArrayValue(array.elementType, [array.dims[0] + 1], array.lowerBounds, [element, ...array.elements]);
});

function incompatible(detail: string): Error {
  return pgError('ARRAY_SUBSCRIPT_ERROR', 'cannot concatenate incompatible arrays', { detail });
}

/** array_cat: arrays of equal dimensions join along the first; one of a dimension less joins as one more element. */
pure('array_cat', (a: ArrayValue | null, b: ArrayValue | null) => {
  if (a === null || b === null) return a ?? b;
  if (a.dims.length === 0) return b;
  if (b.dims.length === 0) return a;
  const elements = [...a.elements, ...b.elements];
  const difference = a.dims.length - b.dims.length;
  if (Math.abs(difference) > 1) {
    throw incompatible(`Arrays of ${a.dims.length} and ${b.dims.length} dimensions are not compatible for concatenation.`);
  }
  if (difference === 0) {
    if (a.dims.slice(1).some((length, i) => length !== b.dims[i + 1] || a.lowerBounds[i + 1] !== b.lowerBounds[i + 1])) {
      throw incompatible('Arrays with differing element dimensions are not compatible for concatenation.');
    }
    return new ArrayValue(a.elementType, [a.dims[0] + b.dims[0], ...a.dims.slice(1)], a.lowerBounds, elements);
  }
  const [outer, inner] = difference > 0 ? [a, b] : [b, a];
  if (inner.dims.some((length, i) => length !== outer.dims[i + 1] || inner.lowerBounds[i] !== outer.lowerBounds[i + 1])) {
    throw incompatible('Arrays with differing dimensions are not compatible for concatenation.');
  }
  return new ArrayValue(a.elementType, [outer.dims[0] + 1, ...outer.dims.slice(1)], outer.lowerBounds, elements);
});
