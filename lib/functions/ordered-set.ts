/**
 * What the final functions of ordered-set aggregates (percentile_cont, mode ... WITHIN GROUP) receive as their state: the
 * group's input rows, already sorted as WITHIN GROUP says. Their transition functions are never called.
 */
import { DatumObject, type Row } from '../types/datum.js';

/** State of an ordered-set or hypothetical-set aggregate. */
export class OrderedSetState extends DatumObject {
  readonly kind = 'ordered-set';
  constructor(
    /** Aggregated arguments, one row per input row, sorted. Rows with a null in the first column are left out where the aggregate is 'o'. */
    readonly rows: readonly Row[],
    /** The order of WITHIN GROUP over rows of aggregated arguments; a hypothetical row compares the same way. */
    readonly compare: (a: Row, b: Row) => number,
    /** Types of the aggregated arguments. */
    readonly argTypes: readonly number[],
  ) {
    super();
  }
}
