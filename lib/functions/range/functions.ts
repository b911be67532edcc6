/**
 * Functions and operators of ranges and multiranges.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, DatumObject, normalizeInt8, type Datum, type Int8 } from '../../types/datum.js';
import type { Numeric } from '../../types/numeric.js';
import { MultirangeValue, RangeValue, rangeFlags } from '../../types/range.js';
import type { CallContext, RangeFacts } from '../context.js';
import { hashUint32, hashUint32Extended } from '../hash/lookup3.js';
import { subtractNumeric } from '../numeric/arithmetic.js';
import { numericToFloat8 } from '../numeric/casts.js';
import { pure, setReturning, withContext } from '../registry.js';
import {
  adjacent, before, boundOf, compareRanges, containsElement, containsRange, difference, extentOf, intersection, makeMultirange, makeRange,
  merged, overLeft, overRight, overlaps, rangesOf,
} from './core.js';

type Spread = RangeValue | MultirangeValue;
const factsOf = (cx: CallContext, value: Spread): RangeFacts => cx.services.types.rangeFacts(value.typeOid);

// Constructors.

withContext('range_constructor2', (cx, lower: Datum, upper: Datum) =>
  makeRange(cx, cx.services.types.rangeFacts(cx.call.resultType), boundOf(lower, true, true), boundOf(upper, false, false)));
withContext('range_constructor3', (cx, lower: Datum, upper: Datum, flags: string | null) => {
  if (flags === null) throw pgError('DATA_EXCEPTION', 'range constructor flags argument must not be null');
  if (!/^[[(][\])]$/.test(flags)) {
    throw pgError('SYNTAX_ERROR', 'invalid range bound flags', { hint: 'Valid values are "[]", "[)", "(]", and "()".' });
  }
  return makeRange(cx, cx.services.types.rangeFacts(cx.call.resultType),
    boundOf(lower, flags[0] === '[', true), boundOf(upper, flags[1] === ']', false));
});
withContext('multirange_constructor0', (cx) => new MultirangeValue(cx.call.resultType, []));
withContext('multirange_constructor1', (cx, range: RangeValue) =>
  new MultirangeValue(factsOf(cx, range).multirangeType, rangesOf(range)));
withContext('multirange_constructor2', (cx, array: ArrayValue) => {
  if (array.dims.length > 1) throw pgError('CARDINALITY_VIOLATION', 'multiranges cannot be constructed from multidimensional arrays');
  if (array.elements.includes(null)) throw pgError('NULL_VALUE_NOT_ALLOWED', 'multirange values cannot contain null members');
  return makeMultirange(cx, cx.services.types.rangeFacts(cx.call.resultType), array.elements as RangeValue[]);
});

// Parts.

for (const type of ['range', 'multirange']) {
  pure(`${type}_lower`, (value: Spread) => extentOf(value)?.lower.value ?? null);
  pure(`${type}_upper`, (value: Spread) => extentOf(value)?.upper.value ?? null);
  pure(`${type}_lower_inc`, (value: Spread) => extentOf(value)?.lower.inclusive ?? false);
  pure(`${type}_upper_inc`, (value: Spread) => extentOf(value)?.upper.inclusive ?? false);
  pure(`${type}_lower_inf`, (value: Spread) => extentOf(value)?.lower.infinite ?? false);
  pure(`${type}_upper_inf`, (value: Spread) => extentOf(value)?.upper.infinite ?? false);
  pure(`${type}_empty`, (value: Spread) => rangesOf(value).length === 0);
}
setReturning('multirange_unnest', (_cx, value: MultirangeValue) => value.ranges);

// Comparison.

/** Btree order of ranges (empty ones first), and of multiranges, range by range. */
function compareSpreads(cx: CallContext, a: Spread, b: Spread): number {
  const facts = factsOf(cx, a);
  if (a instanceof RangeValue && b instanceof RangeValue) return compareRanges(cx, facts, a, b);
  const left = rangesOf(a);
  const right = rangesOf(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareRanges(cx, facts, left[i], right[i]);
    if (order !== 0) return order;
  }
  return Math.sign(left.length - right.length);
}
for (const type of ['range', 'multirange']) {
  withContext(`${type}_cmp`, compareSpreads);
  withContext(`${type}_eq`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) === 0);
  withContext(`${type}_ne`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) !== 0);
  withContext(`${type}_lt`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) < 0);
  withContext(`${type}_le`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) <= 0);
  withContext(`${type}_gt`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) > 0);
  withContext(`${type}_ge`, (cx, a: Spread, b: Spread) => compareSpreads(cx, a, b) >= 0);
}

// Positions. Nothing is before, after or beside the empty range.

type Test = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue) => boolean;
const byExtent = (test: Test) => (cx: CallContext, a: Spread, b: Spread): boolean => {
  const left = extentOf(a);
  const right = extentOf(b);
  return left !== null && right !== null && test(cx, factsOf(cx, a), left, right);
};
const overlapAnywhere = (cx: CallContext, a: Spread, b: Spread): boolean => {
  const facts = factsOf(cx, a);
  return rangesOf(a).some((left) => rangesOf(b).some((right) => overlaps(cx, facts, left, right)));
};
const contains = (cx: CallContext, a: Spread, b: Spread): boolean => {
  const facts = factsOf(cx, a);
  return rangesOf(b).every((inner) => rangesOf(a).some((outer) => containsRange(cx, facts, outer, inner)));
};
const after: Test = (cx, facts, a, b) => before(cx, facts, b, a);
for (const [left, right] of [['range', ''], ['range', '_multirange'], ['multirange', '_range'], ['multirange', '_multirange']]) {
  withContext(`${left}_before${right}`, byExtent(before));
  withContext(`${left}_after${right}`, byExtent(after));
  withContext(`${left}_overleft${right}`, byExtent(overLeft));
  withContext(`${left}_overright${right}`, byExtent(overRight));
  withContext(`${left}_adjacent${right}`, byExtent(adjacent));
  withContext(`${left}_overlaps${right}`, overlapAnywhere);
  withContext(`${left}_contains${right}`, contains);
  withContext(`${left}_contained_by${right}`, (cx, a: Spread, b: Spread) => contains(cx, b, a));
}
const holds = (cx: CallContext, value: Spread, element: Datum): boolean => {
  const facts = factsOf(cx, value);
  return rangesOf(value).some((range) => containsElement(cx, facts, range, element));
};
for (const type of ['range', 'multirange']) {
  withContext(`${type}_contains_elem`, holds);
  withContext(`elem_contained_by_${type}`, (cx, element: Datum, value: Spread) => holds(cx, value, element));
}

// Set operations.

withContext('range_union', (cx, a: RangeValue, b: RangeValue) => {
  const facts = factsOf(cx, a);
  if (!a.empty && !b.empty && !overlaps(cx, facts, a, b) && !adjacent(cx, facts, a, b)) {
    throw pgError('DATA_EXCEPTION', 'result of range union would not be contiguous');
  }
  return merged(cx, facts, a, b);
});
withContext('range_merge', (cx, a: RangeValue, b: RangeValue) => merged(cx, factsOf(cx, a), a, b));
withContext('range_merge_from_multirange', (cx, value: MultirangeValue) =>
  extentOf(value) ?? RangeValue.emptyOf(factsOf(cx, value).rangeType));
withContext('range_minus', (cx, a: RangeValue, b: RangeValue) => {
  const facts = factsOf(cx, a);
  const pieces = difference(cx, facts, a, b);
  if (pieces.length > 1) throw pgError('DATA_EXCEPTION', 'result of range difference would not be contiguous');
  return pieces[0] ?? RangeValue.emptyOf(facts.rangeType);
});
const intersectRanges = (cx: CallContext, a: RangeValue, b: RangeValue): RangeValue => intersection(cx, factsOf(cx, a), a, b);
withContext('range_intersect', intersectRanges);
withContext('range_intersect_agg_transfn', intersectRanges);

withContext('multirange_union', (cx, a: MultirangeValue, b: MultirangeValue) =>
  makeMultirange(cx, factsOf(cx, a), [...a.ranges, ...b.ranges]));
withContext('multirange_minus', (cx, a: MultirangeValue, b: MultirangeValue) => {
  const facts = factsOf(cx, a);
  const rest = b.ranges.reduce<readonly RangeValue[]>((left, taken) => left.flatMap((range) => difference(cx, facts, range, taken)), a.ranges);
  return makeMultirange(cx, facts, rest);
});
const intersectMultiranges = (cx: CallContext, a: MultirangeValue, b: MultirangeValue): MultirangeValue => {
  const facts = factsOf(cx, a);
  return makeMultirange(cx, facts, a.ranges.flatMap((left) => b.ranges.map((right) => intersection(cx, facts, left, right))));
};
withContext('multirange_intersect', intersectMultiranges);
withContext('multirange_intersect_agg_transfn', intersectMultiranges);

/** The ranges so far of range_agg. */
export class RangeAggregate extends DatumObject {
  readonly kind = 'rangeAggregate';
  readonly ranges: RangeValue[] = [];
}
pure('range_agg_transfn', (state: RangeAggregate | null, value: RangeValue | null) => {
  const aggregate = state ?? new RangeAggregate();
  if (value !== null) aggregate.ranges.push(value);
  return aggregate;
});
withContext('multirange_agg_transfn', (cx, state: RangeAggregate | null, value: MultirangeValue | null) => {
  const aggregate = state ?? new RangeAggregate();
  // An empty range stands for an empty multirange: so that the result is empty and not null.
  if (value?.ranges.length === 0) aggregate.ranges.push(RangeValue.emptyOf(factsOf(cx, value).rangeType));
  else if (value !== null) aggregate.ranges.push(...value.ranges);
  return aggregate;
});
withContext('range_agg_finalfn', (cx, state: RangeAggregate | null) =>
  state === null || state.ranges.length === 0 ? null : makeMultirange(cx, factsOf(cx, state.ranges[0]), state.ranges));

// Canonical form (all values have it already) and distances of subtypes.

for (const type of ['int4range', 'int8range', 'daterange']) pure(`${type}_canonical`, (range: RangeValue) => range);
pure('int4range_subdiff', (a: number, b: number) => a - b);
pure('int8range_subdiff', (a: Int8, b: Int8) => Number(a) - Number(b));
pure('daterange_subdiff', (a: number, b: number) => a - b);
pure('numrange_subdiff', (a: Numeric, b: Numeric) => numericToFloat8(subtractNumeric(a, b)));
for (const type of ['tsrange', 'tstzrange']) pure(`${type}_subdiff`, (a: Int8, b: Int8) => (Number(a) - Number(b)) / 1e6);

// Hash.

function hashRange(cx: CallContext, facts: RangeFacts, range: RangeValue): number {
  const { types } = cx.services;
  const part = (infinite: boolean, value: Datum): number => (infinite ? 0 : types.hash(facts.subtype, value, facts.collation));
  const mixed = hashUint32(rangeFlags(range)) ^ part(range.lower.infinite, range.lower.value);
  return (mixed << 1 | mixed >>> 31) ^ part(range.upper.infinite, range.upper.value);
}

const unsigned = (value: Int8 | bigint): bigint => BigInt.asUintN(64, BigInt(value));

/** Both 32-bit halves rotated by one together, as ROTATE_HIGH_AND_LOW_32BITS does. */
const rotated = (value: bigint): bigint => value << 1n & 0xfffffffefffffffen | value >> 31n & 0x100000001n;

function hashRangeExtended(cx: CallContext, facts: RangeFacts, range: RangeValue, seed: Int8): bigint {
  const { types } = cx.services;
  const part = (infinite: boolean, value: Datum): bigint =>
    (infinite ? 0n : unsigned(types.hashExtended(facts.subtype, value, seed, facts.collation)));
  const mixed = unsigned(hashUint32Extended(rangeFlags(range), BigInt(seed))) ^ part(range.lower.infinite, range.lower.value);
  return rotated(mixed) ^ part(range.upper.infinite, range.upper.value);
}
const signed64 = (value: bigint): Int8 => normalizeInt8(BigInt.asIntN(64, value));

withContext('hash_range', (cx, range: RangeValue) => hashRange(cx, factsOf(cx, range), range));
withContext('hash_range_extended', (cx, range: RangeValue, seed: Int8) => signed64(hashRangeExtended(cx, factsOf(cx, range), range, seed)));
withContext('hash_multirange', (cx, value: MultirangeValue) => {
  const facts = factsOf(cx, value);
  return value.ranges.reduce((hash, range) => Math.imul(hash, 31) + hashRange(cx, facts, range) | 0, 1);
});
withContext('hash_multirange_extended', (cx, value: MultirangeValue, seed: Int8) => {
  const facts = factsOf(cx, value);
  return signed64(value.ranges.reduce((hash, range) => unsigned(hash * 31n + hashRangeExtended(cx, facts, range, seed)), 1n));
});
