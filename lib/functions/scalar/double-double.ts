/**
 * log, exp and pow rounded correctly in practice (errors far below half a unit in the last place), as the C library that
 * PostgreSQL uses has them: JavaScript's own differ from it in the last digit too often to show the same results.
 * Numbers are unevaluated sums of two doubles (Dekker 1971).
 */

const SPLIT = 134217729;

let high = 0;
let low = 0;

/** high + low = a * b exactly. */
function multiplyExact(a: number, b: number): void {
  const product = a * b;
  const ca = SPLIT * a;
  const ah = ca - (ca - a);
  const al = a - ah;
  const cb = SPLIT * b;
  const bh = cb - (cb - b);
  const bl = b - bh;
  high = product;
  low = ah * bh - product + ah * bl + al * bh + al * bl;
}

/** high + low = (ah + al) + (bh + bl). */
function add(ah: number, al: number, bh: number, bl: number): void {
  const sum = ah + bh;
  const part = sum - ah;
  const rest = ah - (sum - part) + (bh - part) + al + bl;
  high = sum + rest;
  low = sum - high + rest;
}

/** high + low = (ah + al) * (bh + bl). */
function multiply(ah: number, al: number, bh: number, bl: number): void {
  multiplyExact(ah, bh);
  const rest = low + ah * bl + al * bh;
  const product = high;
  high = product + rest;
  low = product - high + rest;
}

/** high + low = (ah + al) / (bh + bl). */
function divide(ah: number, al: number, bh: number, bl: number): void {
  const first = ah / bh;
  multiply(first, 0, bh, bl);
  add(ah, al, -high, -low);
  const second = (high + low) / bh;
  high = first + second;
  low = first - high + second;
}

const LN2_HIGH = Math.LN2;
const LN2_LOW = 2.3190468138462996e-17;

/** 1 / n in two doubles. */
function reciprocal(n: number): readonly [number, number] {
  divide(1, 0, n, 0);
  return [high, low];
}
const ODD_RECIPROCALS = Array.from({ length: 24 }, (_, i) => reciprocal(2 * i + 1));
const RECIPROCALS = Array.from({ length: 24 }, (_, i) => reciprocal(i + 1));

const bits = new DataView(new ArrayBuffer(8));

/** ln x for a positive, finite, normal x: high + low. */
function logarithm(x: number): void {
  bits.setFloat64(0, x);
  let exponent = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1023;
  let mantissa = x / 2 ** exponent;
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  divide(mantissa - 1, 0, mantissa + 1, bitsLost(mantissa));
  const sh = high;
  const sl = low;
  multiply(sh, sl, sh, sl);
  const qh = high;
  const ql = low;
  let th = 0;
  let tl = 0;
  for (let i = 22; i >= 0; i--) {
    multiply(th, tl, qh, ql);
    add(high, low, ODD_RECIPROCALS[i][0], ODD_RECIPROCALS[i][1]);
    th = high;
    tl = low;
  }
  multiply(th, tl, 2 * sh, 2 * sl);
  const mh = high;
  const ml = low;
  multiply(exponent, 0, LN2_HIGH, LN2_LOW);
  add(high, low, mh, ml);
}

/** What mantissa + 1 loses by rounding. */
function bitsLost(mantissa: number): number {
  const sum = mantissa + 1;
  return mantissa - (sum - 1);
}

/** e^(h + l) for |h| below 700. */
function exponential(h: number, l: number): number {
  const k = Math.round(h / LN2_HIGH);
  multiply(k, 0, LN2_HIGH, LN2_LOW);
  add(h, l, -high, -low);
  const rh = high / 16;
  const rl = low / 16;
  let th = 1;
  let tl = 0;
  for (let i = 13; i >= 0; i--) {
    multiply(th, tl, rh, rl);
    multiply(high, low, RECIPROCALS[i][0], RECIPROCALS[i][1]);
    add(1, 0, high, low);
    th = high;
    tl = low;
  }
  for (let i = 0; i < 4; i++) {
    multiply(th, tl, th, tl);
    th = high;
    tl = low;
  }
  return (th + tl) * 2 ** k;
}

const MIN_NORMAL = 2.2250738585072014e-308;

/** ln x. */
export function preciseLog(x: number): number {
  if (!(x >= MIN_NORMAL) || x === Infinity) return Math.log(x);
  logarithm(x);
  return high + low;
}

/** e^x. */
export function preciseExp(x: number): number {
  return x > -700 && x < 700 ? exponential(x, 0) : Math.exp(x);
}

/** x^y. */
export function precisePow(x: number, y: number): number {
  const magnitude = Math.abs(x);
  const rough = x ** y;
  if (!(magnitude >= MIN_NORMAL) || magnitude === Infinity || rough === 0 || rough === 1 || !Number.isFinite(rough)) return rough;
  logarithm(magnitude);
  multiply(high, low, y, 0);
  if (!(Math.abs(high) < 700)) return rough;
  const result = exponential(high, low);
  return rough < 0 ? -result : result;
}
