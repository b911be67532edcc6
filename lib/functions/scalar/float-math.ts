/**
 * Mathematical functions of double precision with PostgreSQL's checks (float.c).
 */
import { pgError } from '../../base/error.js';
import { pure } from '../registry.js';
import { preciseExp, preciseLog, precisePow } from './double-double.js';
import { divideFloat8, floatOverflow, floatUnderflow, multiplyFloat8, roundHalfEven } from './float.js';

function inputRange(): Error {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'input is out of range');
}

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;

pure('dround', (a: number) => (Number.isFinite(a) ? roundHalfEven(a) : a));
pure('dceil', Math.ceil as (a: number) => number);
pure('dfloor', Math.floor as (a: number) => number);
pure('dtrunc', Math.trunc as (a: number) => number);
pure('dsign', (a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0));
pure('dpi', () => Math.PI);

pure('dsqrt', (a: number) => {
  if (a < 0) throw pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'cannot take square root of a negative number');
  return Math.sqrt(a);
});
pure('dcbrt', Math.cbrt as (a: number) => number);

function checkLogarithm(a: number): void {
  if (a === 0) throw pgError('INVALID_ARGUMENT_FOR_LOG', 'cannot take logarithm of zero');
  if (a < 0) throw pgError('INVALID_ARGUMENT_FOR_LOG', 'cannot take logarithm of a negative number');
}
pure('dlog1', (a: number) => {
  checkLogarithm(a);
  return preciseLog(a);
});
pure('dlog10', (a: number) => {
  checkLogarithm(a);
  return Math.log10(a);
});
pure('dexp', (a: number) => {
  const result = preciseExp(a);
  if (result === Infinity && a !== Infinity) throw floatOverflow();
  if (result === 0 && a !== -Infinity) throw floatUnderflow();
  return result;
});

/** POSIX pow with PostgreSQL's errors; 2201F, 22003. */
export function powerFloat(a: number, b: number): number {
  if (a !== a) return b === 0 ? 1 : NaN;
  if (b !== b) return a === 1 ? 1 : NaN;
  if (a === 0 && b < 0) throw pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'zero raised to a negative power is undefined');
  if (a < 0 && Math.floor(b) !== b) {
    throw pgError('INVALID_ARGUMENT_FOR_POWER_FUNCTION', 'a negative number raised to a non-integer power yields a complex result');
  }
  if (isInfinite(b)) {
    const magnitude = Math.abs(a);
    if (magnitude === 1) return 1;
    return magnitude > 1 === b > 0 ? Infinity : 0;
  }
  const result = precisePow(a, b);
  if (isInfinite(a)) return result;
  if (isInfinite(result)) throw floatOverflow();
  if (result === 0 && a !== 0) throw floatUnderflow();
  return result;
}
pure('dpow', powerFloat);

/** Functions that refuse infinities. */
function periodic(name: string, compute: (a: number) => number): void {
  pure(name, (a: number) => {
    if (isInfinite(a)) throw inputRange();
    return compute(a);
  });
}
periodic('dsin', Math.sin);
periodic('dcos', Math.cos);
periodic('dtan', Math.tan);
pure('dcot', (a: number) => {
  if (isInfinite(a)) throw inputRange();
  return 1 / Math.tan(a);
});
/** Functions of [-1, 1]. */
function bounded(name: string, compute: (a: number) => number): void {
  pure(name, (a: number) => {
    if (a < -1 || a > 1) throw inputRange();
    return compute(a);
  });
}
bounded('dasin', Math.asin);
bounded('dacos', Math.acos);
bounded('datanh', Math.atanh);
pure('datan', Math.atan as (a: number) => number);
pure('datan2', Math.atan2 as (a: number, b: number) => number);
pure('dsinh', Math.sinh as (a: number) => number);
pure('dcosh', Math.cosh as (a: number) => number);
pure('dtanh', Math.tanh as (a: number) => number);
pure('dasinh', Math.asinh as (a: number) => number);
pure('dacosh', (a: number) => {
  if (a < 1) throw inputRange();
  return Math.acosh(a);
});

const RADIANS_PER_DEGREE = 0.017453292519943295;
pure('degrees', (a: number) => divideFloat8(a, RADIANS_PER_DEGREE));
pure('radians', (a: number) => multiplyFloat8(a, RADIANS_PER_DEGREE));

// Degrees: exact at the multiples of 30, 45 and 60 where the true value is.
const SIN_30 = Math.sin(30 * RADIANS_PER_DEGREE);
const ONE_MINUS_COS_60 = 1 - Math.cos(60 * RADIANS_PER_DEGREE);
const ASIN_HALF = Math.asin(0.5);
const ACOS_HALF = Math.acos(0.5);
const ATAN_ONE = Math.atan(1);
const sinTo30 = (x: number): number => Math.sin(x * RADIANS_PER_DEGREE) / SIN_30 / 2;
const cosTo60 = (x: number): number => 1 - (1 - Math.cos(x * RADIANS_PER_DEGREE)) / ONE_MINUS_COS_60 / 2;
const sinQuadrant = (x: number): number => (x <= 30 ? sinTo30(x) : cosTo60(90 - x));
const cosQuadrant = (x: number): number => (x <= 60 ? cosTo60(x) : sinTo30(90 - x));
const TAN_45 = sinQuadrant(45) / cosQuadrant(45);
const COT_45 = cosQuadrant(45) / sinQuadrant(45);

/** Reduces an angle to [0, 90]; `signs` says whether passing 0, 180 and 90 degrees turns the sign. */
function inDegrees(name: string, signs: readonly [zero: boolean, half: boolean, quarter: boolean], compute: (a: number) => number, positiveZero = false): void {
  periodic(name, (a) => {
    let angle = a % 360;
    let sign = 1;
    if (angle < 0) {
      angle = -angle;
      if (signs[0]) sign = -sign;
    }
    if (angle > 180) {
      angle = 360 - angle;
      if (signs[1]) sign = -sign;
    }
    if (angle > 90) {
      angle = 180 - angle;
      if (signs[2]) sign = -sign;
    }
    const result = sign * compute(angle);
    return positiveZero && result === 0 ? 0 : result;
  });
}
inDegrees('dsind', [true, true, false], sinQuadrant);
inDegrees('dcosd', [false, false, true], cosQuadrant);
inDegrees('dtand', [true, true, true], (x) => sinQuadrant(x) / cosQuadrant(x) / TAN_45, true);
inDegrees('dcotd', [true, true, true], (x) => cosQuadrant(x) / sinQuadrant(x) / COT_45, true);

const asinQuadrant = (x: number): number =>
  (x <= 0.5 ? (Math.asin(x) / ASIN_HALF) * 30 : 90 - (Math.acos(x) / ACOS_HALF) * 60);
const acosQuadrant = (x: number): number =>
  (x <= 0.5 ? 90 - (Math.asin(x) / ASIN_HALF) * 30 : (Math.acos(x) / ACOS_HALF) * 60);
bounded('dasind', (a) => (a >= 0 ? asinQuadrant(a) : -asinQuadrant(-a)));
bounded('dacosd', (a) => (a >= 0 ? acosQuadrant(a) : 90 + asinQuadrant(-a)));
pure('datand', (a: number) => (Math.atan(a) / ATAN_ONE) * 45);
pure('datan2d', (a: number, b: number) => (Math.atan2(a, b) / ATAN_ONE) * 45);

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);

/** erf by its Taylor series; good for |x| < 3. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
    if (n > 200) break;
  }
  return TWO_OVER_ROOT_PI * sum;
}
/** erfc by its continued fraction (Lentz); good for x >= 2. */
function erfcFraction(x: number): number {
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = (n / 2) / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}
function erf(x: number): number {
  if (x !== x || isInfinite(x)) return x !== x ? NaN : Math.sign(x);
  const magnitude = Math.abs(x);
  return magnitude < 2 ? erfSeries(x) : Math.sign(x) * (1 - erfcFraction(magnitude));
}
function erfc(x: number): number {
  if (x !== x) return NaN;
  if (x === Infinity) return 0;
  return x >= 2 ? erfcFraction(x) : 1 - erf(x);
}
pure('derf', erf);
pure('derfc', erfc);

const LANCZOS = [
  0.9999999999999971, 57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202,
  0.00003399464998481189, 0.00004652362892704858, -0.00009837447530487956, 0.0001580887032249125,
  -0.00021026444172410488, 0.00021743961811521265, -0.0001643181065367639, 0.00008441822398385275,
  -0.000026190838401581408, 0.0000036899182659531625,
];
/** ln gamma of a positive number (Lanczos, g = 607/128). */
function lnGammaPositive(x: number): number {
  let sum = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i] / (x + i);
  const shifted = x + 607 / 128 + 0.5;
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((Math.sqrt(2 * Math.PI) * sum) / x);
}
function gamma(x: number): number {
  if (Number.isInteger(x) && x > 0 && x <= 171) {
    let product = 1n;
    for (let i = 2n; i < x; i++) product *= i;
    return Number(product);
  }
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x));
  return Math.exp(lnGammaPositive(x));
}
pure('dgamma', (a: number) => {
  if (a !== a) return a;
  if (a === -Infinity) throw floatOverflow();
  if (a === Infinity) return a;
  if (a === 0 || (a < 0 && Number.isInteger(a))) throw floatOverflow();
  const result = gamma(a);
  if (isInfinite(result) || result !== result) throw floatOverflow();
  if (result === 0) throw floatUnderflow();
  return result;
});
pure('dlgamma', (a: number) => {
  if (a !== a || isInfinite(a)) return a !== a ? a : Infinity;
  if (a <= 0 && Number.isInteger(a)) throw floatOverflow();
  if (a === 1 || a === 2) return 0;
  const result = a > 0 ? lnGammaPositive(a) : Math.log(Math.PI / Math.abs(Math.sin(Math.PI * a))) - lnGammaPositive(1 - a);
  if (isInfinite(result)) throw floatOverflow();
  return result;
});
