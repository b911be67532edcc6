/**
 * Aggregates over numeric: sum, avg, variance (PostgreSQL's NumericAggState): exact sums at the largest scale seen, with
 * NaN and infinities counted apart so that values can leave a moving window again.
 */
import { DatumObject } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { divideNumeric } from '../numeric/arithmetic.js';
import { pow10 } from '../numeric/core.js';
import { pure } from '../registry.js';
import { IntegerSums, integerVariance } from './integers.js';
import { varianceOf, type VarianceKind } from './variance.js';

/** Sums of numerics. */
export class NumericSums extends DatumObject {
  readonly kind = 'numericSums';
  /** Finite values. */
  count = 0;
  nan = 0;
  positiveInfinity = 0;
  negativeInfinity = 0;
  /** Largest scale seen, and how many values had it. */
  scale = 0;
  atScale = 0;
  /** At `scale`. */
  sum = 0n;
  /** At twice `scale`. */
  squares = 0n;

  constructor(readonly withSquares: boolean) {
    super();
  }

  total(): number {
    return this.count + this.nan + this.positiveInfinity + this.negativeInfinity;
  }

  private countSpecial(value: Numeric, by: number): void {
    if (value.special === 'NaN') this.nan += by;
    else if (value.special === 'Infinity') this.positiveInfinity += by;
    else this.negativeInfinity += by;
  }

  add(value: Numeric): void {
    if (value.special !== '') {
      this.countSpecial(value, 1);
      return;
    }
    if (value.scale > this.scale) {
      const shift = pow10(value.scale - this.scale);
      this.sum *= shift;
      if (this.withSquares) this.squares *= shift * shift;
      this.scale = value.scale;
      this.atScale = 1;
    } else if (value.scale === this.scale) {
      this.atScale++;
    }
    const unscaled = value.scale === this.scale ? value.unscaled : value.unscaled * pow10(this.scale - value.scale);
    this.count++;
    this.sum += unscaled;
    if (this.withSquares) this.squares += unscaled * unscaled;
  }

  /** Takes a value out; false when the result's scale would be lost, then the aggregation starts over. */
  remove(value: Numeric): boolean {
    if (value.special !== '') {
      this.countSpecial(value, -1);
      return true;
    }
    if (value.scale === this.scale) {
      if (this.atScale > 1 || this.scale === 0) this.atScale--;
      else if (this.count === 1) this.scale = this.atScale = 0;
      else return false;
    }
    this.count--;
    if (this.count === 0) {
      this.sum = this.squares = 0n;
      return true;
    }
    const unscaled = value.unscaled * pow10(this.scale - value.scale);
    this.sum -= unscaled;
    if (this.withSquares) this.squares -= unscaled * unscaled;
    return true;
  }

  /** Adds what another state gathered. */
  merge(other: NumericSums): void {
    const scale = Math.max(this.scale, other.scale);
    const mine = pow10(scale - this.scale);
    const theirs = pow10(scale - other.scale);
    this.sum = this.sum * mine + other.sum * theirs;
    this.squares = this.squares * mine * mine + other.squares * theirs * theirs;
    this.atScale = (this.scale === scale ? this.atScale : 0) + (other.scale === scale ? other.atScale : 0);
    this.scale = scale;
    this.count += other.count;
    this.nan += other.nan;
    this.positiveInfinity += other.positiveInfinity;
    this.negativeInfinity += other.negativeInfinity;
  }

  /** NaN or an infinity when such values decide the sum. */
  special(): Numeric | undefined {
    if (this.nan > 0 || (this.positiveInfinity > 0 && this.negativeInfinity > 0)) return Numeric.NaN;
    if (this.positiveInfinity > 0) return Numeric.Infinity;
    return this.negativeInfinity > 0 ? Numeric.NegativeInfinity : undefined;
  }
}

function accumulate(withSquares: boolean): (state: NumericSums | null, value: Numeric | null) => NumericSums {
  return (state, value) => {
    const sums = state ?? new NumericSums(withSquares);
    if (value !== null) sums.add(value);
    return sums;
  };
}
pure('numeric_accum', accumulate(true));
pure('numeric_avg_accum', accumulate(false));
pure('numeric_accum_inv', (state: NumericSums | null, value: Numeric | null) =>
  state !== null && value !== null && !state.remove(value) ? null : state);

pure('numeric_sum', (state: NumericSums | null) => {
  if (state === null || state.total() === 0) return null;
  return state.special() ?? new Numeric(state.sum, state.scale);
});
pure('numeric_avg', (state: NumericSums | null) => {
  if (state === null || state.total() === 0) return null;
  return state.special() ?? divideNumeric(new Numeric(state.sum, state.scale), Numeric.fromInteger(state.count));
});

/** int8_accum gathers `IntegerSums`, which end here as well. */
function variance(state: NumericSums | IntegerSums | null, kind: VarianceKind): Numeric | null {
  if (state instanceof IntegerSums) return integerVariance(state, kind);
  if (state === null || state.total() <= (kind.endsWith('samp') ? 1 : 0)) return null;
  if (state.special()) return Numeric.NaN;
  return varianceOf(state.count, new Numeric(state.sum, state.scale), new Numeric(state.squares, 2 * state.scale), kind);
}
for (const kind of ['var_pop', 'var_samp', 'stddev_pop', 'stddev_samp'] as const) {
  pure(`numeric_${kind}`, (state: NumericSums | IntegerSums | null) => variance(state, kind));
}

function combine(a: NumericSums | null, b: NumericSums | null): NumericSums | null {
  if (a === null || b === null) return a ?? b;
  a.merge(b);
  return a;
}
pure('numeric_combine', combine);
pure('numeric_avg_combine', combine);
