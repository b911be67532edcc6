/**
 * The CRC-32 of two pieces of bytes from those of the pieces, without the bytes: appending n bytes multiplies a CRC by x^8n modulo its
 * polynomial. The algorithm is zlib's `crc32_combine` (Mark Adler), which Node's own zlib does not offer.
 */
/** The polynomial, its lowest power in the highest bit, as in all numbers here. */
const POLYNOMIAL = 0xedb88320 | 0;
const ONE = 0x8000_0000 | 0;
/** x^(2^n) for n from 0 on. */
const POWERS = powersOfTwo();
/** x^8n by n, for lengths that come again and again: those of columns. */
const MOST_OPERATORS = 4096;
const operators = new Map<number, number>();

/** The product of two polynomials. */
function product(a: number, b: number): number {
  let sum = 0;
  let power = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) sum ^= power;
    power = (power & 1) === 0 ? power >>> 1 : (power >>> 1) ^ POLYNOMIAL;
  }
  return sum;
}

function powersOfTwo(): Int32Array {
  const powers = new Int32Array(32);
  powers[0] = 0x4000_0000;
  for (let n = 1; n < powers.length; n++) powers[n] = product(powers[n - 1], powers[n - 1]);
  return powers;
}

/** x^8n. */
function operatorOf(bytes: number): number {
  const known = operators.get(bytes);
  if (known !== undefined) return known;
  let operator = ONE;
  for (let rest = bytes, n = 3; rest > 0; rest = Math.floor(rest / 2), n++) if (rest % 2 === 1) operator = product(POWERS[n & 31], operator);
  if (operators.size >= MOST_OPERATORS) operators.clear();
  operators.set(bytes, operator);
  return operator;
}

/** The CRC-32 of one piece with CRC-32 `first`, and a second one of `secondBytes` bytes behind it, with CRC-32 `second`. */
export function combinedCrc32(first: number, second: number, secondBytes: number): number {
  return (product(operatorOf(secondBytes), first) ^ second) >>> 0;
}
