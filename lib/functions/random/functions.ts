/**
 * random, random_normal, random(min, max), setseed.
 */
import { pgError } from '../../base/error.js';
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { compareNumeric, rescale } from '../numeric/core.js';
import { withContext } from '../registry.js';
import { formatGeneral } from '../scalar/float-text.js';
import { generatorOf, seedGenerator, type RandomGenerator } from './generator.js';

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
  const first = rescale(low.unscaled, low.scale, scale);
  const offset = upTo(generatorOf(cx.services), rescale(high.unscaled, high.scale, scale) - first, scale);
  return new Numeric(first + offset, scale);
});

/** PostgreSQL's numeric digits are four decimal ones. */
const DIGIT_BASE = 10_000n;
const DIGIT_DECIMALS = 4;
/** Leading digits that are drawn together. */
const LEADING_DIGITS = 4;

/**
 * Uniform in [0, range], both in units of 10^-scale: the leading base-10000 digits at once, the others in groups of four, and
 * again while the result is beyond the range (random_var of numeric.c, for the same sequence as there).
 */
function upTo(generator: RandomGenerator, range: bigint, scale: number): bigint {
  if (range === 0n) return 0n;
  const unused = (DIGIT_DECIMALS - (scale % DIGIT_DECIMALS)) % DIGIT_DECIMALS;
  const step = 10n ** BigInt(unused);
  const whole = range * step;
  const digits = Math.ceil(whole.toString().length / DIGIT_DECIMALS);
  const leading = Math.min(digits, LEADING_DIGITS);
  const partial = step === 1n ? 0 : 1;
  const leadingRange = whole / DIGIT_BASE ** BigInt(digits - leading);
  for (;;) {
    let value = leading === digits ? generator.between(0n, leadingRange / step) * step : generator.between(0n, leadingRange);
    let left = digits - leading;
    while (left - partial >= LEADING_DIGITS) {
      value = value * DIGIT_BASE ** BigInt(LEADING_DIGITS) + reversedDigits(generator.between(0n, DIGIT_BASE ** BigInt(LEADING_DIGITS) - 1n));
      left -= LEADING_DIGITS;
    }
    for (; left > partial; left--) value = value * DIGIT_BASE + generator.between(0n, DIGIT_BASE - 1n);
    if (left > 0) value = value * DIGIT_BASE + generator.between(0n, DIGIT_BASE / step - 1n) * step;
    if (value <= whole) return value / step;
  }
}

/** A group of four digits is dealt out from its last digit on. */
function reversedDigits(group: bigint): bigint {
  let rest = group;
  let value = 0n;
  for (let i = 0; i < LEADING_DIGITS; i++) {
    value = value * DIGIT_BASE + (rest % DIGIT_BASE);
    rest /= DIGIT_BASE;
  }
  return value;
}
