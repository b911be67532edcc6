/**
 * Variance and standard deviation from count, sum and sum of squares, exact, with PostgreSQL's result scales
 * (numeric_stddev_internal).
 */
import { Numeric } from '../../types/numeric.js';
import { divideToScale, selectDivScale } from '../numeric/arithmetic.js';
import { rescale, signOf, ZERO } from '../numeric/core.js';
import { squareRootToScale } from '../numeric/roots.js';

/** Which of the four. */
export type VarianceKind = 'var_pop' | 'var_samp' | 'stddev_pop' | 'stddev_samp';

/** Null when there are too few values. */
export function varianceOf(count: number, sum: Numeric, squares: Numeric, kind: VarianceKind): Numeric | null {
  const sample = kind.endsWith('samp');
  if (count <= (sample ? 1 : 0)) return null;
  const scaled = BigInt(count) * rescale(squares.unscaled, squares.scale, 2 * sum.scale) - sum.unscaled * sum.unscaled;
  const numerator = new Numeric(scaled, 2 * sum.scale);
  if (signOf(numerator) <= 0) return ZERO;
  const denominator = Numeric.fromInteger(BigInt(count) * BigInt(sample ? count - 1 : count));
  // The intermediate values are not held to the format's limits: only the result is.
  const scale = selectDivScale(numerator, denominator);
  const variance = divideToScale(numerator, denominator, scale);
  return kind.startsWith('var') ? variance : squareRootToScale(variance, scale);
}
