/**
 * Aggregates that gather values: string_agg, array_agg, any_value.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, DatumObject, type Datum } from '../../types/datum.js';
import { pure, withContext } from '../registry.js';
import { MAX_DIMENSIONS } from '../array/literal.js';

/** The text so far of string_agg. */
export class StringAggregate extends DatumObject {
  readonly kind = 'stringAggregate';
  constructor(public text: string) {
    super();
  }
}
pure('string_agg_transfn', (state: StringAggregate | null, value: string | null, delimiter: string | null) => {
  if (value === null) return state;
  if (state === null) return new StringAggregate(value);
  state.text += delimiter === null ? value : delimiter + value;
  return state;
});
pure('string_agg_finalfn', (state: StringAggregate | null) => state?.text ?? null);

/** The pieces so far of string_agg(bytea). */
export class BytesAggregate extends DatumObject {
  readonly kind = 'bytesAggregate';
  readonly parts: Uint8Array[] = [];
}
pure('bytea_string_agg_transfn', (state: BytesAggregate | null, value: Uint8Array | null, delimiter: Uint8Array | null) => {
  if (value === null) return state;
  const aggregate = state ?? new BytesAggregate();
  if (aggregate.parts.length > 0 && delimiter !== null) aggregate.parts.push(delimiter);
  aggregate.parts.push(value);
  return aggregate;
});
pure('bytea_string_agg_finalfn', (state: BytesAggregate | null) => (state === null ? null : Uint8Array.from(Buffer.concat(state.parts))));

pure('any_value_transfn', (state: Datum) => state);

/** The elements so far of array_agg. */
export class ArrayAggregate extends DatumObject {
  readonly kind = 'arrayAggregate';
  readonly elements: Datum[] = [];
  constructor(readonly elementType: number) {
    super();
  }
}
withContext('array_agg_transfn', (cx, state: ArrayAggregate | null, value: Datum) => {
  const aggregate = state ?? new ArrayAggregate(cx.call.argTypes[1]);
  aggregate.elements.push(value);
  return aggregate;
});
pure('array_agg_finalfn', (state: ArrayAggregate | null) =>
  state === null ? null : ArrayValue.of(state.elementType, state.elements.slice()));

/** The arrays so far of array_agg over arrays: all of the same dimensions. */
export class NestedArrayAggregate extends DatumObject {
  readonly kind = 'nestedArrayAggregate';
  readonly elements: Datum[] = [];
  count = 0;
  constructor(readonly first: ArrayValue) {
    super();
  }
}
pure('array_agg_array_transfn', (state: NestedArrayAggregate | null, value: ArrayValue | null) => {
  if (value === null) throw pgError('NULL_VALUE_NOT_ALLOWED', 'cannot accumulate null arrays');
  const aggregate = state ?? new NestedArrayAggregate(value);
  const { dims, lowerBounds } = aggregate.first;
  if (value.dims.length === 0) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'cannot accumulate empty arrays');
  if (value.dims.length + 1 > MAX_DIMENSIONS) {
    throw pgError('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions (${value.dims.length + 1}) exceeds the maximum allowed (${MAX_DIMENSIONS})`);
  }
  if (value.dims.length !== dims.length || value.dims.some((length, i) => length !== dims[i] || value.lowerBounds[i] !== lowerBounds[i])) {
    throw pgError('ARRAY_SUBSCRIPT_ERROR', 'cannot accumulate arrays of different dimensionality');
  }
  aggregate.count++;
  for (const element of value.elements) aggregate.elements.push(element);
  return aggregate;
});
pure('array_agg_array_finalfn', (state: NestedArrayAggregate | null) =>
  state === null ? null : new ArrayValue(state.first.elementType, [state.count, ...state.first.dims], [1, ...state.first.lowerBounds], state.elements.slice()));
