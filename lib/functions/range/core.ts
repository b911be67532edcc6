/**
 * Ranges as such: ordering of bounds, canonical form, set operations (PostgreSQL's rangetypes.c, multirangetypes.c).
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Datum, type Int8 } from '../../types/datum.js';
import { MultirangeValue, RangeValue, unbounded, type RangeBound } from '../../types/range.js';
import type { CallContext, RangeFacts } from '../context.js';
import { outOfRange } from '../errors.js';

/** The days at which dates end. */
const DATE_END = 2145031949;

/** Compares what bounds hold, not whether they include it; infinite ones lie outside of everything. */
function compareBoundValues(cx: CallContext, facts: RangeFacts, a: RangeBound, b: RangeBound): number {
  if (a.infinite && b.infinite) return a.lower === b.lower ? 0 : a.lower ? -1 : 1;
  if (a.infinite) return a.lower ? -1 : 1;
  if (b.infinite) return b.lower ? 1 : -1;
  return cx.services.types.compare(facts.subtype, a.value, b.value, facts.collation);
}

/** Compares bounds by the first (last) points they let in. */
export function compareBounds(cx: CallContext, facts: RangeFacts, a: RangeBound, b: RangeBound): number {
  const order = compareBoundValues(cx, facts, a, b);
  if (order !== 0 || a.infinite || a.inclusive && b.inclusive) return order;
  if (!a.inclusive && !b.inclusive) return a.lower === b.lower ? 0 : a.lower ? 1 : -1;
  if (!a.inclusive) return a.lower ? 1 : -1;
  return b.lower ? -1 : 1;
}

/** The next value of a discrete subtype, by its range type's canonical function; 22003, 22008. */
function successor(canonical: string, value: Datum): Datum {
  switch (canonical) {
    case 'int4range_canonical':
      if (value === 2147483647) throw outOfRange('integer');
      return value as number + 1;
    case 'int8range_canonical': {
      const next = BigInt(value as Int8) + 1n;
      if (next >= 2n ** 63n) throw outOfRange('bigint');
      return normalizeInt8(next);
    }
    default:
      if (value as number + 1 >= DATE_END && value !== Infinity) throw pgError('DATETIME_FIELD_OVERFLOW', 'date out of range');
      return value as number + 1;
  }
}

const CANONICAL = new Set(['int4range_canonical', 'int8range_canonical', 'daterange_canonical']);

/** [) form of a bound of a discrete type. */
function canonicalBound(canonical: string, bound: RangeBound): RangeBound {
  if (bound.infinite || bound.inclusive === bound.lower || Math.abs(Number(bound.value)) === Infinity) return bound;
  return { ...bound, value: successor(canonical, bound.value), inclusive: bound.lower };
}

/** Builds a range in canonical form; 22000 when its bounds are the wrong way round. */
export function makeRange(cx: CallContext, facts: RangeFacts, lower: RangeBound, upper: RangeBound): RangeValue {
  const order = compareBoundValues(cx, facts, lower, upper);
  if (order > 0) throw pgError('DATA_EXCEPTION', 'range lower bound must be less than or equal to range upper bound');
  if (order === 0 && !(lower.inclusive && upper.inclusive)) return RangeValue.emptyOf(facts.rangeType);
  if (!CANONICAL.has(facts.canonical)) return new RangeValue(facts.rangeType, lower, upper, false);
  const from = canonicalBound(facts.canonical, lower);
  const to = canonicalBound(facts.canonical, upper);
  if (compareBoundValues(cx, facts, from, to) === 0 && !(from.inclusive && to.inclusive)) return RangeValue.emptyOf(facts.rangeType);
  return new RangeValue(facts.rangeType, from, to, false);
}

/** The same point as a bound of the other side: where what the bound shuts out ends or begins. */
export function turned(bound: RangeBound): RangeBound {
  return { ...bound, inclusive: !bound.inclusive, lower: !bound.lower };
}

/** Does an upper bound end right where a lower one begins? */
function boundsAdjacent(cx: CallContext, facts: RangeFacts, upper: RangeBound, lower: RangeBound): boolean {
  const order = compareBoundValues(cx, facts, upper, lower);
  if (order === 0) return upper.inclusive !== lower.inclusive;
  return order < 0 && facts.canonical !== '' && makeRange(cx, facts, turned(upper), turned(lower)).empty;
}

/** Tests of two non-empty ranges' positions (of multiranges: of their whole extents). */
export const before = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  compareBounds(cx, facts, a.upper, b.lower) < 0;
/** a ends no later than b. */
export const overLeft = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  compareBounds(cx, facts, a.upper, b.upper) <= 0;
/** a begins no earlier than b. */
export const overRight = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  compareBounds(cx, facts, a.lower, b.lower) >= 0;
/** One ends where the other begins. */
export const adjacent = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  boundsAdjacent(cx, facts, a.upper, b.lower) || boundsAdjacent(cx, facts, b.upper, a.lower);
/** Non-empty ranges have a common point. */
export const overlaps = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  compareBounds(cx, facts, a.lower, b.upper) <= 0 && compareBounds(cx, facts, b.lower, a.upper) <= 0;
/** Every point of (non-empty) b is one of a. */
export const containsRange = (cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): boolean =>
  compareBounds(cx, facts, a.lower, b.lower) <= 0 && compareBounds(cx, facts, a.upper, b.upper) >= 0;

/** Is the value in a non-empty range? */
export function containsElement(cx: CallContext, facts: RangeFacts, range: RangeValue, value: Datum): boolean {
  const point = (lower: boolean): RangeBound => ({ value, infinite: false, inclusive: true, lower });
  return compareBounds(cx, facts, range.lower, point(true)) <= 0 && compareBounds(cx, facts, range.upper, point(false)) >= 0;
}

/** Btree order of ranges: empty ones first, then by lower and upper bound. */
export function compareRanges(cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): number {
  if (a.empty || b.empty) return Number(b.empty) - Number(a.empty);
  return compareBounds(cx, facts, a.lower, b.lower) || compareBounds(cx, facts, a.upper, b.upper);
}

/** The smallest range that holds both. */
export function merged(cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): RangeValue {
  if (a.empty) return b;
  if (b.empty) return a;
  return makeRange(cx, facts, compareBounds(cx, facts, a.lower, b.lower) < 0 ? a.lower : b.lower,
    compareBounds(cx, facts, a.upper, b.upper) > 0 ? a.upper : b.upper);
}

/** What two ranges share. */
export function intersection(cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): RangeValue {
  if (a.empty || b.empty || !overlaps(cx, facts, a, b)) return RangeValue.emptyOf(facts.rangeType);
  return makeRange(cx, facts, compareBounds(cx, facts, a.lower, b.lower) >= 0 ? a.lower : b.lower,
    compareBounds(cx, facts, a.upper, b.upper) <= 0 ? a.upper : b.upper);
}

/** What is in `a` and not in `b`: up to two ranges, none empty. */
export function difference(cx: CallContext, facts: RangeFacts, a: RangeValue, b: RangeValue): RangeValue[] {
  if (a.empty) return [];
  if (b.empty || !overlaps(cx, facts, a, b)) return [a];
  const pieces: RangeValue[] = [];
  if (compareBounds(cx, facts, a.lower, b.lower) < 0) pieces.push(makeRange(cx, facts, a.lower, turned(b.lower)));
  if (compareBounds(cx, facts, a.upper, b.upper) > 0) pieces.push(makeRange(cx, facts, turned(b.upper), a.upper));
  return pieces.filter((piece) => !piece.empty);
}

/** A multirange of any ranges: sorted, joined where they overlap or touch. */
export function makeMultirange(cx: CallContext, facts: RangeFacts, ranges: readonly RangeValue[]): MultirangeValue {
  const sorted = ranges.filter((range) => !range.empty).sort((a, b) => compareRanges(cx, facts, a, b));
  const joined: RangeValue[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last && (overlaps(cx, facts, last, range) || adjacent(cx, facts, last, range))) {
      joined[joined.length - 1] = merged(cx, facts, last, range);
    } else joined.push(range);
  }
  return new MultirangeValue(facts.multirangeType, joined);
}

/** The non-empty ranges of a range or multirange. */
export function rangesOf(value: RangeValue | MultirangeValue): readonly RangeValue[] {
  if (value instanceof MultirangeValue) return value.ranges;
  return value.empty ? [] : [value];
}

/** The range from the first lower to the last upper bound; null when nothing is in it. */
export function extentOf(value: RangeValue | MultirangeValue): RangeValue | null {
  if (value instanceof RangeValue) return value.empty ? null : value;
  const { ranges } = value;
  if (ranges.length < 2) return ranges[0] ?? null;
  return new RangeValue(ranges[0].typeOid, ranges[0].lower, ranges[ranges.length - 1].upper, false);
}

/** A finite bound, or an infinite one for null. */
export function boundOf(value: Datum, inclusive: boolean, lower: boolean): RangeBound {
  return value === null ? unbounded(lower) : { value, infinite: false, inclusive, lower };
}
