/**
 * Aggregates over floats: avg, variance, covariance, correlation and regression, by the Youngs-Cramer updates that
 * PostgreSQL uses (float.c). States are float8[]: {N, Sx, Sxx} and {N, Sx, Sxx, Sy, Syy, Sxy}.
 */
import type { ArrayValue } from '../../types/datum.js';
import { pure } from '../registry.js';
import { floatOverflow } from '../scalar/float.js';
import { own } from './array-state.js';

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;

function accumulate(state: ArrayValue, value: number): ArrayValue {
  const owned = own<number>(state);
  const values = owned.values;
  const n = values[0] + 1;
  const previousSum = values[1];
  const sum = previousSum + value;
  let squares = values[2];
  if (values[0] > 0) {
    const deviation = value * n - sum;
    squares += (deviation * deviation) / (n * values[0]);
    if (isInfinite(sum) || isInfinite(squares)) {
      if (!isInfinite(previousSum) && !isInfinite(value)) throw floatOverflow();
      squares = NaN;
    }
  } else if (value !== value || isInfinite(value)) {
    squares = NaN;
  }
  values[0] = n;
  values[1] = sum;
  values[2] = squares;
  return owned;
}
pure('float8_accum', accumulate);
pure('float4_accum', accumulate);

type State = readonly number[];
const stateOf = (array: ArrayValue): State => array.elements as readonly number[];

pure('float8_avg', (array: ArrayValue) => {
  const [n, sum] = stateOf(array);
  return n === 0 ? null : sum / n;
});
/** Registers a final function that is null below `least` values. */
function final(name: string, least: number, compute: (state: State) => number | null): void {
  pure(name, (array: ArrayValue) => {
    const state = stateOf(array);
    return state[0] < least ? null : compute(state);
  });
}
final('float8_var_pop', 1, ([n, , squares]) => squares / n);
final('float8_var_samp', 2, ([n, , squares]) => squares / (n - 1));
final('float8_stddev_pop', 1, ([n, , squares]) => Math.sqrt(squares / n));
final('float8_stddev_samp', 2, ([n, , squares]) => Math.sqrt(squares / (n - 1)));

function accumulatePairs(state: ArrayValue, y: number, x: number): ArrayValue {
  const owned = own<number>(state);
  const values = owned.values;
  const [previous, previousSumX, , previousSumY] = values;
  const n = previous + 1;
  const sumX = previousSumX + x;
  const sumY = previousSumY + y;
  let [, , sxx, , syy, sxy] = values;
  if (previous > 0) {
    const dx = x * n - sumX;
    const dy = y * n - sumY;
    const scale = 1 / (n * previous);
    sxx += dx * dx * scale;
    syy += dy * dy * scale;
    sxy += dx * dy * scale;
    if (isInfinite(sumX) || isInfinite(sxx) || isInfinite(sumY) || isInfinite(syy) || isInfinite(sxy)) {
      const finiteX = !isInfinite(previousSumX) && !isInfinite(x);
      const finiteY = !isInfinite(previousSumY) && !isInfinite(y);
      if (((isInfinite(sumX) || isInfinite(sxx)) && finiteX) || ((isInfinite(sumY) || isInfinite(syy)) && finiteY)
        || (isInfinite(sxy) && finiteX && finiteY)) throw floatOverflow();
      if (isInfinite(sxx)) sxx = NaN;
      if (isInfinite(syy)) syy = NaN;
      if (isInfinite(sxy)) sxy = NaN;
    }
  } else {
    if (x !== x || isInfinite(x)) sxx = sxy = NaN;
    if (y !== y || isInfinite(y)) syy = sxy = NaN;
  }
  values[0] = n;
  values[1] = sumX;
  values[2] = sxx;
  values[3] = sumY;
  values[4] = syy;
  values[5] = sxy;
  return owned;
}
pure('float8_regr_accum', accumulatePairs);
final('float8_regr_sxx', 1, ([, , sxx]) => sxx);
final('float8_regr_syy', 1, ([, , , , syy]) => syy);
final('float8_regr_sxy', 1, (state) => state[5]);
final('float8_regr_avgx', 1, ([n, sumX]) => sumX / n);
final('float8_regr_avgy', 1, ([n, , , sumY]) => sumY / n);
final('float8_covar_pop', 1, (state) => state[5] / state[0]);
final('float8_covar_samp', 2, (state) => state[5] / (state[0] - 1));
final('float8_corr', 1, ([, , sxx, , syy, sxy]) => (sxx === 0 || syy === 0 ? null : sxy / Math.sqrt(sxx * syy)));
final('float8_regr_r2', 1, ([, , sxx, , syy, sxy]) => {
  if (sxx === 0) return null;
  return syy === 0 ? 1 : (sxy * sxy) / (sxx * syy);
});
final('float8_regr_slope', 1, ([, , sxx, , , sxy]) => (sxx === 0 ? null : sxy / sxx));
final('float8_regr_intercept', 1, ([n, sumX, sxx, sumY, , sxy]) => (sxx === 0 ? null : (sumY - (sumX * sxy) / sxx) / n));

pure('float8_combine', (a: ArrayValue, b: ArrayValue) => {
  const [n1, sum1, squares1] = stateOf(a);
  const [n2, sum2, squares2] = stateOf(b);
  if (n1 === 0) return b;
  if (n2 === 0) return a;
  const owned = own<number>(a);
  const n = n1 + n2;
  const difference = sum1 / n1 - sum2 / n2;
  owned.values[0] = n;
  owned.values[1] = sum1 + sum2;
  owned.values[2] = squares1 + squares2 + (n1 * n2 * difference * difference) / n;
  return owned;
});
pure('float8_regr_combine', (a: ArrayValue, b: ArrayValue) => {
  const [n1, sx1, sxx1, sy1, syy1, sxy1] = stateOf(a);
  const [n2, sx2, sxx2, sy2, syy2, sxy2] = stateOf(b);
  if (n1 === 0) return b;
  if (n2 === 0) return a;
  const owned = own<number>(a);
  const n = n1 + n2;
  const dx = sx1 / n1 - sx2 / n2;
  const dy = sy1 / n1 - sy2 / n2;
  const weight = (n1 * n2) / n;
  owned.values.splice(0, 6, n, sx1 + sx2, sxx1 + sxx2 + weight * dx * dx, sy1 + sy2, syy1 + syy2 + weight * dy * dy, sxy1 + sxy2 + weight * dx * dy);
  return owned;
});
