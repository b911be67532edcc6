/**
 * Registration of the six comparison operators and their btree support function from one comparison.
 */
import type { Datum, Int8 } from '../../types/datum.js';
import { pure, type InlineTemplate } from '../registry.js';

/** -1, 0, 1 for numbers without NaN, and for 64-bit integers in normal form. */
export function compareNumbers(a: Int8, b: Int8): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Names of the six comparisons of one type, e.g. `int4eq`. */
export interface ComparisonNames {
  readonly eq: string; readonly ne: string; readonly lt: string; readonly le: string; readonly gt: string; readonly ge: string;
}

/** The usual names: prefix + eq, ne, lt, le, gt, ge. */
export function comparisonNames(prefix: string): ComparisonNames {
  return { eq: `${prefix}eq`, ne: `${prefix}ne`, lt: `${prefix}lt`, le: `${prefix}le`, gt: `${prefix}gt`, ge: `${prefix}ge` };
}

const infix = (operator: string): InlineTemplate => (a, b) => `(${a} ${operator} ${b})`;

/** Comparisons that are JavaScript's own on the representation (integers in normal form, ASCII strings). */
export function registerNativeComparisons(names: ComparisonNames): void {
  pure(names.eq, (a: Int8, b: Int8) => a === b, infix('==='));
  pure(names.ne, (a: Int8, b: Int8) => a !== b, infix('!=='));
  pure(names.lt, (a: Int8, b: Int8) => a < b, infix('<'));
  pure(names.le, (a: Int8, b: Int8) => a <= b, infix('<='));
  pure(names.gt, (a: Int8, b: Int8) => a > b, infix('>'));
  pure(names.ge, (a: Int8, b: Int8) => a >= b, infix('>='));
}

/** Comparisons through a comparison function; `equal` when equality is cheaper. */
export function registerComparisons<T extends Datum>(
  names: ComparisonNames, compare: (a: T, b: T) => number, equal: (a: T, b: T) => boolean = (a, b) => compare(a, b) === 0,
): void {
  pure(names.eq, equal);
  pure(names.ne, (a: T, b: T) => !equal(a, b));
  pure(names.lt, (a: T, b: T) => compare(a, b) < 0);
  pure(names.le, (a: T, b: T) => compare(a, b) <= 0);
  pure(names.gt, (a: T, b: T) => compare(a, b) > 0);
  pure(names.ge, (a: T, b: T) => compare(a, b) >= 0);
}
