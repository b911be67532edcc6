/**
 * random, random_normal, random(min, max), setseed.
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { compareNumeric, rescale } from '../numeric/core.js';
import { withContext } from '../registry.js';
import { formatGeneral } from '../scalar/float-text.js';
import { generatorOf, seedGenerator } from './generator.js';

withContext('drandom', (cx) => generatorOf(cx.services).double());
withContext('drandom_normal', (cx, mean: number, deviation: number) => deviation * generatorOf(cx.services).normal() + mean);
withContext('setseed', (cx, seed: number) => {
  if (!(seed >= -1 && seed <= 1)) {
    throw pgError('INVALID_PARAMETER_VALUE', `setseed parameter ${formatGeneral(seed, 6)} is out of allowed range [-1,1]`);
  }
  seedGenerator(cx.services, seed);
  return '';
});

function checkBounds(ordered: boolean): void {
  if (!ordered) throw pgError('INVALID_PARAMETER_VALUE', 'lower bound must be less than or equal to upper bound');
}
withContext('int4random', (cx, low: number, high: number) => {
  checkBounds(low <= high);
  return Number(generatorOf(cx.services).between(BigInt(low), BigInt(high)));
});
withContext('int8random', (cx, low: Int8, high: Int8) => {
  checkBounds(low <= high);
  return normalizeInt8(generatorOf(cx.services).between(BigInt(low), BigInt(high)));
});
withContext('numeric_random', (cx, low: Numeric, high: Numeric) => {
  for (const [bound, name] of [[low, 'lower'], [high, 'upper']] as const) {
    if (bound.special !== '') {
      throw pgError('INVALID_PARAMETER_VALUE', `${name} bound cannot be ${bound.special === 'NaN' ? 'NaN' : 'infinity'}`);
    }
  }
  checkBounds(compareNumeric(low, high) <= 0);
  const scale = Math.max(low.scale, high.scale);
  const value = generatorOf(cx.services).between(rescale(low.unscaled, low.scale, scale), rescale(high.unscaled, high.scale, scale));
  return new Numeric(value, scale);
});
