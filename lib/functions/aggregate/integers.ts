/**
 * Aggregates over integers and bool: sums, averages, variances, bool_and/or (PostgreSQL's numeric.c, bool.c). Sums are
 * doubles while they are exact and bigints from there on.
 */
import { ArrayValue, DatumObject, normalizeInt8, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { divideNumeric } from '../numeric/arithmetic.js';
import { pure } from '../registry.js';
import { addInt8, subtractInt8 } from '../scalar/int8.js';
import { own } from './array-state.js';
import { varianceOf, type VarianceKind } from './variance.js';

/** A sum of any size. */
function addWide(a: Int8, b: Int8): Int8 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER) return sum;
  }
  return normalizeInt8(BigInt(a) + BigInt(b));
}

function squareWide(a: Int8): Int8 {
  const square = Number(a) * Number(a);
  return square <= Number.MAX_SAFE_INTEGER ? square : normalizeInt8(BigInt(a) * BigInt(a));
}

/** Count, sum and (for variances) sum of squares of integers: PostgreSQL's Int128AggState. */
export class IntegerSums extends DatumObject {
  readonly kind = 'integerSums';
  count = 0;
  sum: Int8 = 0;
  squares: Int8 = 0;
}

/** sum(int2), sum(int4): the running sum is a bigint. */
function plainSum(sum: Int8 | null, value: number | null): Int8 | null {
  if (value === null) return sum;
  return sum === null ? value : addInt8(sum, value);
}
pure('int2_sum', plainSum);
pure('int4_sum', plainSum);
pure('int8_sum', (sum: Numeric | null, value: Int8 | null) => {
  if (value === null) return sum;
  return sum === null ? Numeric.fromInteger(value) : new Numeric(sum.unscaled + BigInt(value), 0);
});

function accumulateAverage(state: ArrayValue, value: number): ArrayValue {
  const owned = own<Int8>(state);
  owned.values[0] = addInt8(owned.values[0], 1);
  owned.values[1] = addInt8(owned.values[1], value);
  return owned;
}
function removeAverage(state: ArrayValue, value: number): ArrayValue {
  const owned = own<Int8>(state);
  owned.values[0] = subtractInt8(owned.values[0], 1);
  owned.values[1] = subtractInt8(owned.values[1], value);
  return owned;
}
pure('int2_avg_accum', accumulateAverage);
pure('int4_avg_accum', accumulateAverage);
pure('int2_avg_accum_inv', removeAverage);
pure('int4_avg_accum_inv', removeAverage);
pure('int4_avg_combine', (a: ArrayValue, b: ArrayValue) => {
  const owned = own<Int8>(a);
  owned.values[0] = addInt8(owned.values[0], b.elements[0] as Int8);
  owned.values[1] = addInt8(owned.values[1], b.elements[1] as Int8);
  return owned;
});
pure('int2int4_sum', (state: ArrayValue) => (state.elements[0] === 0 ? null : state.elements[1]));
pure('int8_avg', (state: ArrayValue) => {
  const [count, sum] = state.elements as Int8[];
  return count === 0 ? null : divideNumeric(Numeric.fromInteger(sum), Numeric.fromInteger(count));
});

function accumulate(squares: boolean): (state: IntegerSums | null, value: Int8 | null) => IntegerSums {
  return (state, value) => {
    const sums = state ?? new IntegerSums();
    if (value !== null) {
      sums.count++;
      sums.sum = addWide(sums.sum, value);
      if (squares) sums.squares = addWide(sums.squares, squareWide(value));
    }
    return sums;
  };
}
function remove(squares: boolean): (state: IntegerSums | null, value: Int8 | null) => IntegerSums | null {
  return (state, value) => {
    if (state !== null && value !== null) {
      state.count--;
      state.sum = addWide(state.sum, typeof value === 'number' ? 0 - value : -value);
      if (squares) state.squares = addWide(state.squares, -BigInt(squareWide(value)));
    }
    return state;
  };
}
pure('int8_avg_accum', accumulate(false));
pure('int8_avg_accum_inv', remove(false));
for (const type of ['int2', 'int4', 'int8']) {
  pure(`${type}_accum`, accumulate(true));
  pure(`${type}_accum_inv`, remove(true));
}
function combine(a: IntegerSums | null, b: IntegerSums | null): IntegerSums | null {
  if (a === null || b === null) return a ?? b;
  a.count += b.count;
  a.sum = addWide(a.sum, b.sum);
  a.squares = addWide(a.squares, b.squares);
  return a;
}
pure('int8_avg_combine', combine);
pure('numeric_poly_combine', combine);

pure('numeric_poly_sum', (state: IntegerSums | null) => (state === null || state.count === 0 ? null : Numeric.fromInteger(state.sum)));
pure('numeric_poly_avg', (state: IntegerSums | null) =>
  state === null || state.count === 0 ? null : divideNumeric(Numeric.fromInteger(state.sum), Numeric.fromInteger(state.count)));

/** Variance of what was accumulated. */
export function integerVariance(state: IntegerSums | null, kind: VarianceKind): Numeric | null {
  if (state === null) return null;
  return varianceOf(state.count, Numeric.fromInteger(state.sum), Numeric.fromInteger(state.squares), kind);
}
for (const kind of ['var_pop', 'var_samp', 'stddev_pop', 'stddev_samp'] as const) {
  pure(`numeric_poly_${kind}`, (state: IntegerSums | null) => integerVariance(state, kind));
}

/** How many values were there, how many of them true. */
export class BoolCounts extends DatumObject {
  readonly kind = 'boolCounts';
  count = 0;
  trues = 0;
}
pure('booland_statefunc', (a: boolean, b: boolean) => a && b);
pure('boolor_statefunc', (a: boolean, b: boolean) => a || b);
pure('bool_accum', (state: BoolCounts | null, value: boolean | null) => {
  const counts = state ?? new BoolCounts();
  if (value !== null) {
    counts.count++;
    if (value) counts.trues++;
  }
  return counts;
});
pure('bool_accum_inv', (state: BoolCounts | null, value: boolean | null) => {
  if (state !== null && value !== null) {
    state.count--;
    if (value) state.trues--;
  }
  return state;
});
pure('bool_alltrue', (state: BoolCounts) => (state.count === 0 ? null : state.trues === state.count));
pure('bool_anytrue', (state: BoolCounts) => (state.count === 0 ? null : state.trues > 0));

