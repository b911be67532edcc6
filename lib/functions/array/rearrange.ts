/**
 * Functions that build, change or rearrange arrays: array_fill, array_remove, array_replace, trim_array, array_reverse,
 * array_sort, array_shuffle, array_sample. Arrays of several dimensions move as sub-arrays of the first one.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { shufflerOf } from '../random/generator.js';
import { pure, withContext } from '../registry.js';
import { compareArrays } from './basic.js';
import { MAX_ARRAY_SIZE, MAX_DIMENSIONS } from './literal.js';

/** Most elements that array_fill makes: far below where memory ends. */
const MAX_FILLED_SIZE = 1 << 24;

/** Integers of a dimension or bound array; 2202E, 22004. */
function checkedIntegers(array: ArrayValue): readonly number[] {
  if (array.dims.length > 1) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', 'wrong number of array subscripts', { detail: 'Dimension array must be one dimensional.' });
  }
  if (array.elements.includes(null)) throw pgError('NULL_VALUE_NOT_ALLOWED', 'dimension values cannot be null');
  return array.elements as readonly number[];
}

function tooLarge(): Error {
  return pgError('PROGRAM_LIMIT_EXCEEDED', `array size exceeds the maximum allowed (${MAX_ARRAY_SIZE})`);
}

function fill(cx: CallContext, element: Datum, dimensions: ArrayValue | null, bounds: ArrayValue | null | undefined): ArrayValue {
  if (dimensions === null || bounds === null) {
    throw pgError('NULL_VALUE_NOT_ALLOWED', 'dimension array or low bound array cannot be null');
  }
  const dims = checkedIntegers(dimensions);
  if (dims.length > MAX_DIMENSIONS) {
    throw pgError('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions (${dims.length}) exceeds the maximum allowed (${MAX_DIMENSIONS})`);
  }
  const lowerBounds = bounds ? checkedIntegers(bounds) : dims.map(() => 1);
  if (lowerBounds.length !== dims.length) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', 'wrong number of array subscripts', { detail: 'Low bound array has different size than dimensions array.' });
  }
  const elementType = cx.call.argTypes[0];
  let count = dims.length === 0 ? 0 : 1;
  for (const length of dims) {
    if (length < 0) throw tooLarge();
    count *= length;
  }
  if (count === 0) return ArrayValue.of(elementType, []);
  if (count > MAX_FILLED_SIZE) throw tooLarge();
  dims.forEach((length, i) => {
    if (length + lowerBounds[i] > 2147483647) throw pgError('PROGRAM_LIMIT_EXCEEDED', `array lower bound is too large: ${lowerBounds[i]}`);
  });
  return new ArrayValue(elementType, dims, lowerBounds, Array.from<Datum>({ length: count }).fill(element));
}
withContext('array_fill', (cx, element: Datum, dimensions: ArrayValue | null) => fill(cx, element, dimensions, undefined));
withContext('array_fill_with_lower_bounds', (cx, element: Datum, dimensions: ArrayValue | null, bounds: ArrayValue | null) =>
  fill(cx, element, dimensions, bounds));

/** Is the element the wanted one, null being equal to null? */
function matches(cx: CallContext, array: ArrayValue, element: Datum, wanted: Datum): boolean {
  if (element === null || wanted === null) return element === wanted;
  return cx.services.types.equal(array.elementType, element, wanted, cx.call.collation);
}

withContext('array_remove', (cx, array: ArrayValue | null, wanted: Datum) => {
  if (array === null || array.elements.length === 0) return array;
  if (array.dims.length > 1) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'removing elements from multidimensional arrays is not supported');
  }
  const kept = array.elements.filter((element) => !matches(cx, array, element, wanted));
  if (kept.length === array.elements.length) return array;
  return kept.length === 0 ? ArrayValue.of(array.elementType, []) : new ArrayValue(array.elementType, [kept.length], array.lowerBounds, kept);
});

withContext('array_replace', (cx, array: ArrayValue | null, wanted: Datum, replacement: Datum) => {
  if (array === null || array.elements.length === 0) return array;
  const elements = array.elements.map((element) => (matches(cx, array, element, wanted) ? replacement : element));
  return new ArrayValue(array.elementType, array.dims, array.lowerBounds, elements);
});

/** The items along the first dimension: single elements, or the elements of each sub-array. */
function itemsOf(array: ArrayValue): Datum[][] {
  const size = array.dims.slice(1).reduce((product, length) => product * length, 1);
  return Array.from({ length: array.dims[0] ?? 0 }, (_, i) => array.elements.slice(i * size, (i + 1) * size));
}

/** An array of items, otherwise as `model`. */
function fromItems(model: ArrayValue, items: readonly Datum[][], lowerBound: number): ArrayValue {
  if (items.length === 0) return ArrayValue.of(model.elementType, []);
  return new ArrayValue(model.elementType, [items.length, ...model.dims.slice(1)], [lowerBound, ...model.lowerBounds.slice(1)], items.flat());
}

pure('trim_array', (array: ArrayValue, count: number) => {
  const length = array.dims[0] ?? 0;
  if (count < 0 || count > length) {
    throw pgError('ARRAY_ELEMENT_ERROR', `number of elements to trim must be between 0 and ${length}`);
  }
  return fromItems(array, itemsOf(array).slice(0, length - count), 1);
});

pure('array_reverse', (array: ArrayValue) =>
  array.dims.length === 0 || array.dims[0] < 2 ? array : fromItems(array, itemsOf(array).reverse(), array.lowerBounds[0]));

function sort(cx: CallContext, array: ArrayValue, descending: boolean, nullsFirst: boolean): ArrayValue {
  if (array.dims.length === 0 || array.dims[0] < 2) return array;
  const { elementType } = array;
  const direction = descending ? -1 : 1;
  const bounds = array.lowerBounds.slice(1);
  const dims = array.dims.slice(1);
  const compare = dims.length === 0
    ? (a: Datum[], b: Datum[]): number => {
      if (a[0] === null || b[0] === null) {
        if (a[0] === b[0]) return 0;
        return (a[0] === null) === nullsFirst ? -1 : 1;
      }
      return direction * cx.services.types.compare(elementType, a[0], b[0], cx.call.collation);
    }
    : (a: Datum[], b: Datum[]): number =>
      direction * compareArrays(cx, new ArrayValue(elementType, dims, bounds, a), new ArrayValue(elementType, dims, bounds, b));
  return fromItems(array, itemsOf(array).sort(compare), array.lowerBounds[0]);
}
withContext('array_sort', (cx, array: ArrayValue) => sort(cx, array, false, false));
withContext('array_sort_order', (cx, array: ArrayValue, descending: boolean) => sort(cx, array, descending, descending));
withContext('array_sort_order_nulls_first', (cx, array: ArrayValue, descending: boolean, nullsFirst: boolean) =>
  sort(cx, array, descending, nullsFirst));

/** `count` items in random order (Fisher and Yates). */
function sample(cx: CallContext, array: ArrayValue, count: number, lowerBound: number): ArrayValue {
  const items = itemsOf(array);
  const generator = shufflerOf(cx.services);
  for (let i = 0; i < count; i++) {
    const other = Number(generator.between(BigInt(i), BigInt(items.length - 1)));
    [items[i], items[other]] = [items[other], items[i]];
  }
  return fromItems(array, items.slice(0, count), lowerBound);
}
withContext('array_shuffle', (cx, array: ArrayValue) =>
  array.dims.length === 0 || array.dims[0] < 2 ? array : sample(cx, array, array.dims[0], array.lowerBounds[0]));
withContext('array_sample', (cx, array: ArrayValue, count: number) => {
  const length = array.dims[0] ?? 0;
  if (count < 0 || count > length) {
    throw pgError('INVALID_PARAMETER_VALUE', `sample size must be between 0 and ${length}`);
  }
  return sample(cx, array, count, 1);
});
