/**
 * Registration of numeric's basic functions: I/O, casts, comparison, arithmetic, rounding.
 */
import { pgError } from '../../base/error.js';
import type { ArrayValue, Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { pure } from '../registry.js';
import { parseSmall } from '../scalar/int-text.js';
import {
  absNumeric, addNumeric, ceilNumeric, divideNumeric, divideTruncated, floorNumeric, moduloNumeric, multiplyNumeric,
  negateNumeric, subtractNumeric,
} from './arithmetic.js';
import {
  float4ToNumeric, float8ToNumeric, minScale, numericToFloat4, numericToFloat8, numericToInt8, numericToSmall,
  receiveNumeric, sendNumeric,
} from './casts.js';
import {
  applyTypmod, compareNumeric, formatNumeric, makeTypmod, NUMERIC_DSCALE_MAX, NUMERIC_MAX_INTEGER_DIGITS, ONE, parseNumeric,
  rescale, roundNumeric, signOf, splitTypmod, truncateNumeric,
} from './core.js';
import { comparisonNames, registerComparisons } from '../scalar/compare.js';

pure('numeric_in', (text: string, _type: number, typmod: number) => applyTypmod(parseNumeric(text), typmod));
pure('numeric_out', formatNumeric);
pure('numeric_send', sendNumeric);
pure('numeric_recv', (bytes: Uint8Array, _type: number, typmod: number) => applyTypmod(receiveNumeric(bytes), typmod));
pure('numeric', applyTypmod);
pure('numerictypmodin', (modifiers: ArrayValue) => {
  const values = modifiers.elements.map((element) => parseSmall(String(element), 'integer', -2147483648, 2147483647));
  if (values.length === 0 || values.length > 2) throw pgError('INVALID_PARAMETER_VALUE', 'invalid NUMERIC type modifier');
  return makeTypmod(values[0], values[1] ?? 0);
});
pure('numerictypmodout', (typmod: number) => {
  const modifier = splitTypmod(typmod);
  return modifier ? `(${modifier.precision},${modifier.scale})` : '';
});

pure('int2_numeric', (a: number) => Numeric.fromInteger(a));
pure('int4_numeric', (a: number) => Numeric.fromInteger(a));
pure('int8_numeric', (a: Int8) => Numeric.fromInteger(a));
pure('float4_numeric', float4ToNumeric);
pure('float8_numeric', float8ToNumeric);
pure('numeric_int2', (a: Numeric) => numericToSmall(a, 'smallint', -32768, 32767));
pure('numeric_int4', (a: Numeric) => numericToSmall(a, 'integer', -2147483648, 2147483647));
pure('numeric_int8', numericToInt8);
pure('numeric_float4', numericToFloat4);
pure('numeric_float8', numericToFloat8);

registerComparisons(comparisonNames('numeric_'), compareNumeric);
pure('numeric_cmp', compareNumeric);
pure('numeric_larger', (a: Numeric, b: Numeric) => (compareNumeric(a, b) > 0 ? a : b));
pure('numeric_smaller', (a: Numeric, b: Numeric) => (compareNumeric(a, b) < 0 ? a : b));

pure('numeric_add', addNumeric);
pure('numeric_sub', subtractNumeric);
pure('numeric_mul', multiplyNumeric);
pure('numeric_div', divideNumeric);
pure('numeric_div_trunc', divideTruncated);
pure('numeric_mod', moduloNumeric);
pure('numeric_inc', (a: Numeric) => addNumeric(a, ONE));
pure('numeric_uminus', negateNumeric);
pure('numeric_uplus', (a: Numeric) => a);
pure('numeric_abs', absNumeric);
pure('numeric_sign', (a: Numeric) => (a.special === 'NaN' ? a : new Numeric(BigInt(signOf(a)), 0)));
pure('numeric_ceil', ceilNumeric);
pure('numeric_floor', floorNumeric);

/** Keeps the scale of round and trunc within what the format holds. */
const boundScale = (scale: number): number => Math.max(-NUMERIC_MAX_INTEGER_DIGITS - 1, Math.min(scale, NUMERIC_DSCALE_MAX));
pure('numeric_round', (a: Numeric, scale: number) => roundNumeric(a, boundScale(scale)));
pure('numeric_trunc', (a: Numeric, scale: number) => truncateNumeric(a, boundScale(scale)));
pure('numeric_scale', (a: Numeric) => (a.special === '' ? a.scale : null));
pure('numeric_min_scale', (a: Numeric) => (a.special === '' ? minScale(a) : null));
pure('numeric_trim_scale', (a: Numeric) => {
  if (a.special !== '') return a;
  const scale = minScale(a);
  return new Numeric(rescale(a.unscaled, a.scale, scale), scale);
});
