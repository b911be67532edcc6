/**
 * Values of range and multirange types.
 */
import { DatumObject, type Datum } from './datum.js';

/** One end of a range; `value` is null for an infinite end, which is never inclusive. */
export interface RangeBound {
  readonly value: Datum;
  readonly infinite: boolean;
  readonly inclusive: boolean;
  /** A lower bound, else an upper one. */
  readonly lower: boolean;
}

/** A range, in canonical form; immutable. An empty one has infinite bounds. */
export class RangeValue extends DatumObject {
  readonly kind = 'range';
  constructor(readonly typeOid: number, readonly lower: RangeBound, readonly upper: RangeBound, readonly empty: boolean) {
    super();
  }

  /** The empty range of a type. */
  static emptyOf(typeOid: number): RangeValue {
    return new RangeValue(typeOid, unbounded(true), unbounded(false), true);
  }
}

/** A multirange: ranges in order, none empty, none touching another; immutable. */
export class MultirangeValue extends DatumObject {
  readonly kind = 'multirange';
  constructor(readonly typeOid: number, readonly ranges: readonly RangeValue[]) {
    super();
  }
}

/** An infinite end. */
export function unbounded(lower: boolean): RangeBound {
  return { value: null, infinite: true, inclusive: false, lower };
}

const EMPTY = 1;
const LOWER_INCLUSIVE = 2;
const UPPER_INCLUSIVE = 4;
const LOWER_INFINITE = 8;
const UPPER_INFINITE = 16;

/** The flag byte of a range, as PostgreSQL sends and hashes it. */
export function rangeFlags({ lower, upper, empty }: RangeValue): number {
  if (empty) return EMPTY;
  return (lower.inclusive ? LOWER_INCLUSIVE : 0) | (upper.inclusive ? UPPER_INCLUSIVE : 0)
    | (lower.infinite ? LOWER_INFINITE : 0) | (upper.infinite ? UPPER_INFINITE : 0);
}

/** A flag byte taken apart. */
export function readRangeFlags(flags: number): { empty: boolean; lower: Omit<RangeBound, 'value'>; upper: Omit<RangeBound, 'value'> } {
  const bound = (lower: boolean, infinite: number, inclusive: number): Omit<RangeBound, 'value'> =>
    ({ lower, infinite: (flags & infinite) !== 0, inclusive: (flags & (infinite | inclusive)) === inclusive });
  return {
    empty: (flags & EMPTY) !== 0, lower: bound(true, LOWER_INFINITE, LOWER_INCLUSIVE), upper: bound(false, UPPER_INFINITE, UPPER_INCLUSIVE),
  };
}
