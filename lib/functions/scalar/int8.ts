/**
 * bigint and its mixtures with the smaller integers (PostgreSQL's int8.c). Values are `Int8`s in normal form; arithmetic
 * tries doubles first and falls back to `bigint` where the result is not safe.
 */
import { normalizeInt8, type Int8 } from '../../types/datum.js';
import { pure } from '../registry.js';
import { divisionByZero, outOfRange } from '../errors.js';
import { receiveInt64, sendInt64 } from '../wire.js';
import { checkInt2, checkInt4 } from './int.js';
import { parseInt8 } from './int-text.js';
import { compareNumbers, comparisonNames, registerNativeComparisons } from './compare.js';

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

/** Checks a 64-bit result and brings it into normal form; 22003. */
export function checkInt8(value: bigint): Int8 {
  if (value > MAX || value < MIN) throw outOfRange('bigint');
  return normalizeInt8(value);
}

/** a + b; 22003. */
export function addInt8(a: Int8, b: Int8): Int8 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= Number.MIN_SAFE_INTEGER) return sum;
  }
  return checkInt8(BigInt(a) + BigInt(b));
}

/** a - b; 22003. */
export function subtractInt8(a: Int8, b: Int8): Int8 {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (difference <= Number.MAX_SAFE_INTEGER && difference >= Number.MIN_SAFE_INTEGER) return difference;
  }
  return checkInt8(BigInt(a) - BigInt(b));
}

/** a * b; 22003. */
export function multiplyInt8(a: Int8, b: Int8): Int8 {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (product <= Number.MAX_SAFE_INTEGER && product >= Number.MIN_SAFE_INTEGER) return product + 0;
  }
  return checkInt8(BigInt(a) * BigInt(b));
}

/** a / b, truncating; 22012, 22003. */
export function divideInt8(a: Int8, b: Int8): Int8 {
  if (b === 0) throw divisionByZero();
  if (typeof a === 'number' && typeof b === 'number') return (a - (a % b)) / b + 0;
  return checkInt8(BigInt(a) / BigInt(b));
}

/** a % b with the sign of a; 22012. */
export function moduloInt8(a: Int8, b: Int8): Int8 {
  if (b === 0) throw divisionByZero();
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0;
  return normalizeInt8(BigInt(a) % BigInt(b));
}

/** -a; 22003. */
export function negateInt8(a: Int8): Int8 {
  return typeof a === 'number' ? 0 - a : checkInt8(-a);
}

/** |a|; 22003. */
export function absInt8(a: Int8): Int8 {
  return a < 0 ? negateInt8(a) : a;
}

/** Narrows to a smaller integer; 22003. */
function narrow(check: (value: number) => number, what: string): (a: Int8) => number {
  return (a) => {
    if (typeof a !== 'number') throw outOfRange(what);
    return check(a);
  };
}

function bitwise(operation: (a: bigint, b: bigint) => bigint): (a: Int8, b: Int8) => Int8 {
  return (a, b) => normalizeInt8(BigInt.asIntN(64, operation(BigInt(a), BigInt(b))));
}

for (const prefix of ['int8', 'int84', 'int48', 'int82', 'int28']) {
  registerNativeComparisons(comparisonNames(prefix));
  pure(`${prefix}pl`, addInt8);
  pure(`${prefix}mi`, subtractInt8);
  pure(`${prefix}mul`, multiplyInt8);
  pure(`${prefix}div`, divideInt8);
}
for (const name of ['btint8cmp', 'btint84cmp', 'btint48cmp', 'btint82cmp', 'btint28cmp']) pure(name, (a: Int8, b: Int8) => compareNumbers(a, b));

pure('int8in', parseInt8);
pure('int8out', (a: Int8) => String(a));
pure('int8send', sendInt64);
pure('int8recv', receiveInt64);
pure('int8mod', moduloInt8);
pure('int8um', negateInt8);
pure('int8up', (a: Int8) => a);
pure('int8abs', absInt8);
pure('int8larger', (a: Int8, b: Int8) => (a > b ? a : b));
pure('int8smaller', (a: Int8, b: Int8) => (a < b ? a : b));
pure('int8and', bitwise((a, b) => a & b));
pure('int8or', bitwise((a, b) => a | b));
pure('int8xor', bitwise((a, b) => a ^ b));
pure('int8not', (a: Int8) => normalizeInt8(~BigInt(a)));
pure('int8shl', (a: Int8, b: number) => normalizeInt8(BigInt.asIntN(64, BigInt(a) << BigInt(b & 63))));
pure('int8shr', (a: Int8, b: number) => normalizeInt8(BigInt(a) >> BigInt(b & 63)));
pure('int8inc', (a: Int8) => addInt8(a, 1));
pure('int8dec', (a: Int8) => subtractInt8(a, 1));
pure('int8inc_any', (a: Int8) => addInt8(a, 1));
pure('int8dec_any', (a: Int8) => subtractInt8(a, 1));
pure('int8inc_float8_float8', (a: Int8) => addInt8(a, 1));

pure('int28', (a: number) => a, (a) => a);
pure('int48', (a: number) => a, (a) => a);
pure('int82', narrow(checkInt2, 'smallint'));
pure('int84', narrow(checkInt4, 'integer'));
pure('i8tooid', (a: Int8) => {
  if (typeof a !== 'number' || a < 0 || a > 0xffffffff) throw outOfRange('OID');
  return a;
});
pure('oidtoi8', (a: number) => a, (a) => a);

function gcd(a: Int8, b: Int8): bigint {
  let x = BigInt(a);
  let y = BigInt(b);
  while (y !== 0n) [x, y] = [y, x % y];
  return x < 0n ? -x : x;
}
pure('int8gcd', (a: Int8, b: Int8) => checkInt8(gcd(a, b)));
pure('int8lcm', (a: Int8, b: Int8) => {
  if (a === 0 || b === 0) return 0;
  const product = (BigInt(a) / gcd(a, b)) * BigInt(b);
  return checkInt8(product < 0n ? -product : product);
});
