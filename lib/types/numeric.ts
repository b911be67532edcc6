/**
 * The numeric type's value: an unscaled integer and a display scale, or NaN, Infinity, -Infinity.
 * Value = `unscaled` / 10^`scale`. The scale is PostgreSQL's display scale ("dscale"), so 1.50 and 1.5 are equal but
 * print differently. Arithmetic lives in `lib/functions/numeric`.
 */
import { DatumObject } from './datum.js';

/** Which special value, if any. */
export type NumericSpecial = '' | 'NaN' | 'Infinity' | '-Infinity';

/** A numeric value; immutable. */
export class Numeric extends DatumObject {
  readonly kind = 'numeric';
  constructor(readonly unscaled: bigint, readonly scale: number, readonly special: NumericSpecial = '') {
    super();
  }

  static readonly NaN = new Numeric(0n, 0, 'NaN');
  static readonly Infinity = new Numeric(0n, 0, 'Infinity');
  static readonly NegativeInfinity = new Numeric(0n, 0, '-Infinity');

  /** From an integer (scale 0). */
  static fromInteger(value: number | bigint): Numeric {
    return new Numeric(BigInt(value), 0);
  }
}
