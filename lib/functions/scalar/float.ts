/**
 * real and double precision: I/O, comparison, arithmetic, casts (PostgreSQL's float.c). A real is a double rounded by
 * `Math.fround`; results that overflow or underflow raise 22003.
 */
import type { Int8 } from '../../types/datum.js';
import { normalizeInt8 } from '../../types/datum.js';
import { pgError } from '../../base/error.js';
import { pure, withContext, type InlineTemplate } from '../registry.js';
import { divisionByZero, outOfRange } from '../errors.js';
import { viewOf } from '../wire.js';
import { compareFloat, equalFloat } from './float-compare.js';
import { formatFloat4, formatFloat8, parseFloat4, parseFloat8 } from './float-text.js';

/** 22003 "value out of range: overflow". */
export function floatOverflow(): Error {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'value out of range: overflow');
}

/** 22003 "value out of range: underflow". */
export function floatUnderflow(): Error {
  return pgError('NUMERIC_VALUE_OUT_OF_RANGE', 'value out of range: underflow');
}

const isInfinite = (a: number): boolean => a === Infinity || a === -Infinity;

/** a + b; 22003. */
export function addFloat8(a: number, b: number): number {
  const result = a + b;
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  return result;
}

/** a - b; 22003. */
export function subtractFloat8(a: number, b: number): number {
  const result = a - b;
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  return result;
}

/** a * b; 22003. */
export function multiplyFloat8(a: number, b: number): number {
  const result = a * b;
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  if (result === 0 && a !== 0 && b !== 0) throw floatUnderflow();
  return result;
}

/** a / b; 22012, 22003. */
export function divideFloat8(a: number, b: number): number {
  if (b === 0 && a === a) throw divisionByZero();
  const result = a / b;
  if (isInfinite(result) && !isInfinite(a)) throw floatOverflow();
  if (result === 0 && a !== 0 && !isInfinite(b)) throw floatUnderflow();
  return result;
}

function addFloat4(a: number, b: number): number {
  const result = Math.fround(a + b);
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  return result;
}

function subtractFloat4(a: number, b: number): number {
  const result = Math.fround(a - b);
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  return result;
}

function multiplyFloat4(a: number, b: number): number {
  const result = Math.fround(a * b);
  if (isInfinite(result) && !isInfinite(a) && !isInfinite(b)) throw floatOverflow();
  if (result === 0 && a !== 0 && b !== 0) throw floatUnderflow();
  return result;
}

function divideFloat4(a: number, b: number): number {
  if (b === 0 && a === a) throw divisionByZero();
  const result = Math.fround(a / b);
  if (isInfinite(result) && !isInfinite(a)) throw floatOverflow();
  if (result === 0 && a !== 0 && !isInfinite(b)) throw floatUnderflow();
  return result;
}

/** Rounds half to even, as rint does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const difference = value - floor;
  const up = difference > 0.5 || (difference === 0.5 && floor % 2 !== 0);
  const rounded = up ? floor + 1 : floor;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** Narrows a double to a real; 22003. */
export function toFloat4(value: number): number {
  const result = Math.fround(value);
  if (isInfinite(result) && !isInfinite(value)) throw floatOverflow();
  if (result === 0 && value !== 0) throw floatUnderflow();
  return result;
}

function toInteger(min: number, max: number, what: string): (value: number) => number {
  return (value) => {
    const rounded = roundHalfEven(value);
    if (!(rounded >= min && rounded <= max)) throw outOfRange(what);
    return rounded + 0;
  };
}

/** Rounds a float to a bigint; 22003. */
export function floatToInt8(value: number): Int8 {
  const rounded = roundHalfEven(value);
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) throw outOfRange('bigint');
  return Number.isSafeInteger(rounded) ? rounded + 0 : normalizeInt8(BigInt(rounded));
}

const templates: Record<string, InlineTemplate> = {
  eq: (a, b) => `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`,
  ne: (a, b) => `!(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`,
  lt: (a, b) => `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))`,
  le: (a, b) => `(${a} <= ${b} || ${b} !== ${b})`,
  gt: (a, b) => `(${a} > ${b} || (${a} !== ${a} && ${b} === ${b}))`,
  ge: (a, b) => `(${a} >= ${b} || ${a} !== ${a})`,
};

for (const prefix of ['float4', 'float8', 'float48', 'float84']) {
  pure(`${prefix}eq`, equalFloat, templates.eq);
  pure(`${prefix}ne`, (a: number, b: number) => !equalFloat(a, b), templates.ne);
  pure(`${prefix}lt`, (a: number, b: number) => compareFloat(a, b) < 0, templates.lt);
  pure(`${prefix}le`, (a: number, b: number) => compareFloat(a, b) <= 0, templates.le);
  pure(`${prefix}gt`, (a: number, b: number) => compareFloat(a, b) > 0, templates.gt);
  pure(`${prefix}ge`, (a: number, b: number) => compareFloat(a, b) >= 0, templates.ge);
  pure(`bt${prefix}cmp`, compareFloat);
}
for (const prefix of ['float8', 'float48', 'float84']) {
  pure(`${prefix}pl`, addFloat8);
  pure(`${prefix}mi`, subtractFloat8);
  pure(`${prefix}mul`, multiplyFloat8);
  pure(`${prefix}div`, divideFloat8);
}
pure('float4pl', addFloat4);
pure('float4mi', subtractFloat4);
pure('float4mul', multiplyFloat4);
pure('float4div', divideFloat4);
for (const prefix of ['float4', 'float8']) {
  pure(`${prefix}um`, (a: number) => -a, (a) => `(-${a})`);
  pure(`${prefix}up`, (a: number) => a, (a) => a);
  pure(`${prefix}abs`, Math.abs as (a: number) => number);
  pure(`${prefix}larger`, (a: number, b: number) => (compareFloat(a, b) > 0 ? a : b));
  pure(`${prefix}smaller`, (a: number, b: number) => (compareFloat(a, b) < 0 ? a : b));
}

pure('float8in', (text: string) => parseFloat8(text));
pure('float4in', parseFloat4);
withContext('float8out', (cx, a: number) => formatFloat8(a, cx.services.settings.extraFloatDigits));
withContext('float4out', (cx, a: number) => formatFloat4(a, cx.services.settings.extraFloatDigits));
pure('float8recv', (bytes: Uint8Array) => viewOf(bytes, 8).getFloat64(0));
pure('float4recv', (bytes: Uint8Array) => viewOf(bytes, 4).getFloat32(0));
pure('float8send', (a: number) => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, a);
  return bytes;
});
pure('float4send', (a: number) => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, a);
  return bytes;
});

pure('ftod', (a: number) => a, (a) => a);
pure('dtof', toFloat4);
pure('dtoi2', toInteger(-32768, 32767, 'smallint'));
pure('ftoi2', toInteger(-32768, 32767, 'smallint'));
pure('dtoi4', toInteger(-2147483648, 2147483647, 'integer'));
pure('ftoi4', toInteger(-2147483648, 2147483647, 'integer'));
pure('dtoi8', floatToInt8);
pure('ftoi8', floatToInt8);
pure('i2tod', (a: number) => a, (a) => a);
pure('i4tod', (a: number) => a, (a) => a);
pure('i8tod', (a: Int8) => Number(a));
pure('i2tof', (a: number) => a, (a) => a);
pure('i4tof', (a: number) => Math.fround(a));
pure('i8tof', (a: Int8) => Math.fround(Number(a)));
