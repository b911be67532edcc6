/**
 * Array subscripting at run time: element and slice, fetch and assignment (arrayfuncs.c's array_get_element,
 * array_get_slice, array_set_element, array_set_slice). A null or missing subscript reads null.
 */
import { pgError } from '../../base/error.js';
import { assignSubscript } from '../../functions/json/jsonb-functions.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import type { Jsonb } from '../../types/jsonb.js';
import { nullRow } from '../row.js';

/** Position of an element, or -1 when out of bounds or of another dimensionality. */
function offsetOf(array: ArrayValue, subscripts: readonly number[]): number {
  if (subscripts.length !== array.dims.length || array.dims.length === 0) return -1;
  let offset = 0;
  for (let index = 0; index < subscripts.length; index++) {
    const position = subscripts[index] - array.lowerBounds[index];
    if (position < 0 || position >= array.dims[index]) return -1;
    offset = offset * array.dims[index] + position;
  }
  return offset;
}

/** `a[i][j]` */
export function arrayElement(value: Datum, subscripts: readonly Datum[]): Datum {
  if (value === null || subscripts.some((subscript) => subscript === null)) return null;
  const array = value as ArrayValue;
  const offset = offsetOf(array, subscripts as number[]);
  return offset < 0 ? null : array.elements[offset];
}

/** `a[l:u]`: omitted bounds are undefined, null bounds make the result null. */
export function arraySlice(value: Datum, lower: readonly (Datum | undefined)[], upper: readonly (Datum | undefined)[]): Datum {
  if (value === null || lower.some((bound) => bound === null) || upper.some((bound) => bound === null)) return null;
  const array = value as ArrayValue;
  const { dims, lowerBounds } = array;
  if (lower.length > dims.length || dims.length === 0) return ArrayValue.of(array.elementType, []);
  const from: number[] = [];
  const length: number[] = [];
  for (let index = 0; index < dims.length; index++) {
    const low = lowerBounds[index];
    const high = low + dims[index] - 1;
    const start = Math.max(index < lower.length ? ((lower[index] as number | undefined) ?? low) : low, low);
    const end = Math.min(index < upper.length ? ((upper[index] as number | undefined) ?? high) : high, high);
    if (start > end) return ArrayValue.of(array.elementType, []);
    from.push(start - low);
    length.push(end - start + 1);
  }
  const elements: Datum[] = [];
  collect(array, from, length, 0, 0, elements);
  return new ArrayValue(array.elementType, length, length.map(() => 1), elements);
}

function collect(array: ArrayValue, from: readonly number[], length: readonly number[], dimension: number, base: number, into: Datum[]): void {
  for (let index = 0; index < length[dimension]; index++) {
    const offset = base * array.dims[dimension] + from[dimension] + index;
    if (dimension === length.length - 1) into.push(array.elements[offset]);
    else collect(array, from, length, dimension + 1, offset, into);
  }
}

/** `a[i] = v`: extends a one-dimensional array, nulls filling the gap. 2202E, 22004. */
export function assignElement(value: Datum, elementType: number, subscripts: readonly Datum[], element: Datum): Datum {
  if (subscripts.some((subscript) => subscript === null)) throw nullSubscript();
  const at = subscripts as number[];
  if (value === null || (value as ArrayValue).dims.length === 0) {
    checkSize(1, Math.max(...at));
    return new ArrayValue(elementType, at.map(() => 1), at, [element]);
  }
  const array = value as ArrayValue;
  if (array.dims.length !== at.length) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'wrong number of array subscripts');
  const elements = [...array.elements];
  const offset = offsetOf(array, at);
  if (offset >= 0) {
    elements[offset] = element;
    return new ArrayValue(elementType, array.dims, array.lowerBounds, elements);
  }
  if (at.length > 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'array subscript out of range');
  const [low] = array.lowerBounds;
  checkSize(Math.max(at[0] + 1, low + array.dims[0]) - Math.min(at[0], low), at[0]);
  if (at[0] < low) {
    elements.unshift(element, ...nullRow(low - at[0] - 1));
    return new ArrayValue(elementType, [elements.length], [at[0]], elements);
  }
  while (elements.length < at[0] - low) elements.push(null);
  elements.push(element);
  return new ArrayValue(elementType, [elements.length], [low], elements);
}

/** Elements that an array may have, and the largest subscript's successor. */
const MAXIMUM_ELEMENTS = 134217727;
const MAXIMUM_INT4 = 2147483647;

/** 54000 for arrays that would become too large, also by their upper bound. */
function checkSize(elements: number, subscript: number): void {
  if (subscript >= MAXIMUM_INT4) throw pgError('PROGRAM_LIMIT_EXCEEDED', `array lower bound is too large: ${subscript}`);
  if (elements > MAXIMUM_ELEMENTS) throw pgError('PROGRAM_LIMIT_EXCEEDED', `array size exceeds the maximum allowed (${MAXIMUM_ELEMENTS})`);
}

/** `a[l:u] = array` for one dimension. 2202E, 22004. */
export function assignSlice(value: Datum, elementType: number, lower: readonly (Datum | undefined)[], upper: readonly (Datum | undefined)[], source: Datum): Datum {
  if (lower.some((bound) => bound === null) || upper.some((bound) => bound === null)) throw nullSubscript();
  if (source === null) return value;
  if (lower.length !== 1) throw pgError('FEATURE_NOT_SUPPORTED', 'assignment to a slice of a multidimensional array is not supported yet');
  const target = value === null ? ArrayValue.of(elementType, []) : (value as ArrayValue);
  const replacement = (source as ArrayValue).elements;
  const empty = target.dims.length === 0;
  if (empty && (lower[0] === undefined || upper[0] === undefined)) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', 'array slice subscript must provide both boundaries', {
      detail: 'When assigning to a slice of an empty array value, slice boundaries must be fully specified.',
    });
  }
  const low = (lower[0] as number | undefined) ?? target.lowerBounds[0];
  const high = (upper[0] as number | undefined) ?? target.lowerBounds[0] + target.dims[0] - 1;
  if (low > high + 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'upper bound cannot be less than lower bound');
  if (replacement.length < high - low + 1) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'source array too small');
  let result: Datum = value;
  for (let index = low; index <= high; index++) result = assignElement(result, elementType, [index], replacement[index - low]);
  return result;
}

function nullSubscript(): Error {
  return pgError('NULL_VALUE_NOT_ALLOWED', 'array subscript in assignment must not be null');
}

/** `j['a'][0] = source`, NULL being JSON's null; 22004. */
export function assignJsonb(target: Datum, subscripts: readonly Datum[], source: Datum): Datum {
  if (subscripts.includes(null)) throw pgError('NULL_VALUE_NOT_ALLOWED', 'jsonb subscript in assignment must not be null');
  const root = source === null ? null : (source as Jsonb).root;
  return assignSubscript(target as Jsonb | null, subscripts.map(String), root, typeof subscripts[0] === 'number');
}
