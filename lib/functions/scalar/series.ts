/**
 * generate_series over integers and numeric.
 */
import { pgError } from '../../base/error.js';
import type { Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { compareNumeric, ONE, rescale, signOf } from '../numeric/core.js';
import { setReturning } from '../registry.js';

function zeroStep(): Error {
  return pgError('INVALID_PARAMETER_VALUE', 'step size cannot equal zero');
}

function* smallSeries(start: number, stop: number, step: number): Generator<number> {
  if (step === 0) throw zeroStep();
  if (step > 0) for (let value = start; value <= stop; value += step) yield value;
  else for (let value = start; value >= stop; value += step) yield value;
}

const INT8_MIN = -(2n ** 63n);
const INT8_MAX = 2n ** 63n - 1n;

function* bigSeries(start: bigint, stop: bigint, step: bigint): Generator<Int8> {
  for (let value = start; step > 0n ? value <= stop : value >= stop; value += step) {
    yield value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
    if (value + step > INT8_MAX || value + step < INT8_MIN) return;
  }
}

function series(start: Int8, stop: Int8, step: Int8): Iterable<Int8> {
  if (typeof start === 'number' && typeof stop === 'number' && typeof step === 'number'
    && Math.abs(stop) + Math.abs(step) <= Number.MAX_SAFE_INTEGER) return smallSeries(start, stop, step);
  return bigSeries(BigInt(start), BigInt(stop), BigInt(step));
}

setReturning('generate_series_int4', (_cx, start: number, stop: number) => smallSeries(start, stop, 1));
setReturning('generate_series_step_int4', (_cx, start: number, stop: number, step: number) => smallSeries(start, stop, step));
setReturning('generate_series_int8', (_cx, start: Int8, stop: Int8) => series(start, stop, 1));
setReturning('generate_series_step_int8', (_cx, start: Int8, stop: Int8, step: Int8) => {
  if (step === 0) throw zeroStep();
  return series(start, stop, step);
});

/** Refuses NaN and infinities; 22023. */
function checkFinite(value: Numeric, what: string): void {
  if (value.special === 'NaN') throw pgError('INVALID_PARAMETER_VALUE', `${what} cannot be NaN`);
  if (value.special !== '') throw pgError('INVALID_PARAMETER_VALUE', `${what} cannot be infinity`);
}

function* numericSeries(start: Numeric, stop: Numeric, step: Numeric): Generator<Numeric> {
  const sign = signOf(step);
  const scale = Math.max(start.scale, step.scale);
  const increment = rescale(step.unscaled, step.scale, scale);
  let value = start;
  while (sign > 0 ? compareNumeric(value, stop) <= 0 : compareNumeric(value, stop) >= 0) {
    yield value;
    value = new Numeric(rescale(value.unscaled, value.scale, scale) + increment, scale);
  }
}
function checkedNumericSeries(start: Numeric, stop: Numeric, step: Numeric): Iterable<Numeric> {
  checkFinite(start, 'start value');
  checkFinite(stop, 'stop value');
  checkFinite(step, 'step size');
  if (signOf(step) === 0) throw zeroStep();
  return numericSeries(start, stop, step);
}
setReturning('generate_series_numeric', (_cx, start: Numeric, stop: Numeric) => checkedNumericSeries(start, stop, ONE));
setReturning('generate_series_step_numeric', (_cx, start: Numeric, stop: Numeric, step: Numeric) => checkedNumericSeries(start, stop, step));
