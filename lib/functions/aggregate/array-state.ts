/**
 * Transition states that SQL declares as arrays (float8[], int8[]). The first transition copies the initial value into an
 * array of its own, the following ones change that in place, as PostgreSQL does in an aggregate's memory context.
 */
import { ArrayValue, type Datum } from '../../types/datum.js';

/** An array that one aggregation owns. */
export class OwnedArray<T extends Datum = Datum> extends ArrayValue {
  constructor(elementType: number, readonly values: T[]) {
    super(elementType, [values.length], [1], values);
  }
}

/** The array itself when it is owned already, else an owned copy. */
export function own<T extends Datum>(array: ArrayValue): OwnedArray<T> {
  return array instanceof OwnedArray ? array as OwnedArray<T> : new OwnedArray<T>(array.elementType, [...array.elements] as T[]);
}
