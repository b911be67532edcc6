/**
 * in_range support functions of RANGE window frames for integers and floats: is `value` within `offset` of `base`, before
 * it (`subtract`) or after it, on the given side (`less`: value <= bound, else value >= bound). Errors: 22013.
 */
import { pgError } from '../../base/error.js';
import type { Int8 } from '../../types/datum.js';
import { pure } from '../registry.js';
import { compareFloat } from './float-compare.js';

function negativeOffset(): Error {
  return pgError('INVALID_PRECEDING_OR_FOLLOWING_SIZE', 'invalid preceding or following size in window function');
}

function inRangeInteger(value: Int8, base: Int8, offset: Int8, subtract: boolean, less: boolean): boolean {
  if (offset < 0) throw negativeOffset();
  const bound = subtract ? BigInt(base) - BigInt(offset) : BigInt(base) + BigInt(offset);
  return less ? value <= bound : value >= bound;
}

function inRangeFloat(value: number, base: number, offset: number, subtract: boolean, less: boolean): boolean {
  if (Number.isNaN(offset) || offset < 0) throw negativeOffset();
  if (Number.isNaN(value)) return Number.isNaN(base) ? true : !less;
  if (Number.isNaN(base)) return less;
  if (offset === Infinity && (subtract ? base === Infinity : base === -Infinity)) return true;
  const bound = subtract ? base - offset : base + offset;
  return less ? compareFloat(value, bound) <= 0 : compareFloat(value, bound) >= 0;
}

for (const types of ['int4_int4', 'int4_int2', 'int4_int8', 'int2_int2', 'int2_int4', 'int2_int8', 'int8_int8']) {
  pure(`in_range_${types}`, inRangeInteger);
}
pure('in_range_float8_float8', inRangeFloat);
pure('in_range_float4_float8', inRangeFloat);
