/**
 * smallint and integer, and their mixtures with each other (PostgreSQL's int.c). Results of 16 and 32 bits are checked;
 * every JavaScript double holds the exact sum or product of in-range results, so the check comes after the operation.
 */
import { pure } from '../registry.js';
import { badBinary, divisionByZero, outOfRange } from '../errors.js';
import { sendInt16, sendInt32, viewOf } from '../wire.js';
import { parseSmall } from './int-text.js';
import { compareNumbers, comparisonNames, registerNativeComparisons } from './compare.js';

/** Checks a 32-bit result; 22003. `+ 0` turns minus zero into zero. */
export function checkInt4(value: number): number {
  if (value > 2147483647 || value < -2147483648) throw outOfRange('integer');
  return value + 0;
}

/** Checks a 16-bit result; 22003. */
export function checkInt2(value: number): number {
  if (value > 32767 || value < -32768) throw outOfRange('smallint');
  return value + 0;
}

/** Integer division truncating toward zero; 22012. */
function divide(a: number, b: number): number {
  if (b === 0) throw divisionByZero();
  return Math.trunc(a / b);
}

function modulo(a: number, b: number): number {
  if (b === 0) throw divisionByZero();
  return (a % b) + 0;
}

for (const prefix of ['int2', 'int4', 'int24', 'int42']) registerNativeComparisons(comparisonNames(prefix));
for (const name of ['btint2cmp', 'btint4cmp', 'btint24cmp', 'btint42cmp']) pure(name, (a: number, b: number) => compareNumbers(a, b));

pure('int2in', (text: string) => parseSmall(text, 'smallint', -32768, 32767));
pure('int4in', (text: string) => parseSmall(text, 'integer', -2147483648, 2147483647));
pure('int2out', (a: number) => String(a));
pure('int4out', (a: number) => String(a));
pure('int2send', sendInt16);
pure('int4send', sendInt32);
pure('int2recv', (bytes: Uint8Array) => {
  if (bytes.length > 2) throw badBinary('incorrect binary data format');
  return viewOf(bytes, 2).getInt16(0);
});
pure('int4recv', (bytes: Uint8Array) => viewOf(bytes, 4).getInt32(0));

pure('i2toi4', (a: number) => a, (a) => a);
pure('i4toi2', (a: number) => checkInt2(a));

for (const [prefix, check] of [['int2', checkInt2], ['int4', checkInt4], ['int24', checkInt4], ['int42', checkInt4]] as const) {
  pure(`${prefix}pl`, (a: number, b: number) => check(a + b));
  pure(`${prefix}mi`, (a: number, b: number) => check(a - b));
  pure(`${prefix}mul`, (a: number, b: number) => check(a * b));
  pure(`${prefix}div`, (a: number, b: number) => check(divide(a, b)));
}

for (const [prefix, check] of [['int2', checkInt2], ['int4', checkInt4]] as const) {
  pure(`${prefix}mod`, modulo);
  pure(`${prefix}um`, (a: number) => check(0 - a));
  pure(`${prefix}up`, (a: number) => a);
  pure(`${prefix}abs`, (a: number) => check(Math.abs(a)));
  pure(`${prefix}larger`, (a: number, b: number) => (a > b ? a : b));
  pure(`${prefix}smaller`, (a: number, b: number) => (a < b ? a : b));
  pure(`${prefix}and`, (a: number, b: number) => a & b, (a, b) => `(${a} & ${b})`);
  pure(`${prefix}or`, (a: number, b: number) => a | b, (a, b) => `(${a} | ${b})`);
  pure(`${prefix}xor`, (a: number, b: number) => a ^ b, (a, b) => `(${a} ^ ${b})`);
  pure(`${prefix}not`, (a: number) => ~a, (a) => `(~${a})`);
}
pure('int4inc', (a: number) => checkInt4(a + 1));
pure('int4shl', (a: number, b: number) => a << b, (a, b) => `(${a} << ${b})`);
pure('int4shr', (a: number, b: number) => a >> b, (a, b) => `(${a} >> ${b})`);
pure('int2shl', (a: number, b: number) => ((a << b) << 16) >> 16);
pure('int2shr', (a: number, b: number) => a >> b, (a, b) => `(${a} >> ${b})`);

function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}
pure('int4gcd', (a: number, b: number) => checkInt4(gcd(a, b)));
pure('int4lcm', (a: number, b: number) => {
  if (a === 0 || b === 0) return 0;
  return checkInt4(Math.abs((a / gcd(a, b)) * b));
});
