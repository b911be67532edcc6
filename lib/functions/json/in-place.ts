/**
 * jsonb functions on encoded values (`lib/types/jsonb-bytes.ts`), read where they lie: nothing is decoded but what the answer is
 * made of. Each has a slow twin on trees in `jsonb.ts` and must agree with it: `test/functions/jsonb-in-place.test.ts`.
 *
 * Of documents of 120 bytes: `-> 'user' ->> 'city'` 160 ns and `@>` 85 ns, as over trees that are in memory already; to decode one
 * takes 1,140 ns. The first containment filter over 200,000 of them after a start: 150 ms of CPU, 760 ms when whole columns were decoded.
 */
import type { ArrayValue } from '../../types/datum.js';
import { Jsonb } from '../../types/jsonb.js';
import {
  afterSize, countAt, elementAt, firstAt, isNegativeAt, isSmallNumber, isStringAt, JSONB_KIND, JSONB_TAG, kindAt, magnitudeAt, memberAt,
  numberAt, scaleAt, sizeAt, stringAt, stringStart, textBetween, valueEnd,
} from '../../types/jsonb-bytes.js';
import { compareNumeric, formatNumeric } from '../numeric/core.js';
import { escapeJson, pathIndex } from './text.js';

/** Text of the number at a place, as `formatNumeric` gives it. */
function numberText(bytes: Buffer, at: number): string {
  if (!isSmallNumber(bytes, at)) return formatNumeric(numberAt(bytes, at));
  const scale = scaleAt(bytes, at);
  const sign = isNegativeAt(bytes, at) ? '-' : '';
  const digits = String(magnitudeAt(bytes, at));
  if (scale === 0) return sign + digits;
  const padded = digits.length > scale ? digits : digits.padStart(scale + 1, '0');
  const point = padded.length - scale;
  return `${sign}${padded.slice(0, point)}.${padded.slice(point)}`;
}

/** jsonb_out of the value at a place. */
export function formatAt(bytes: Buffer, at: number): string {
  switch (kindAt(bytes, at)) {
    case JSONB_KIND.null: return 'null';
    case JSONB_KIND.boolean: return bytes[at] === JSONB_TAG.true ? 'true' : 'false';
    case JSONB_KIND.string: return escapeJson(stringAt(bytes, at));
    case JSONB_KIND.number: return numberText(bytes, at);
    case JSONB_KIND.array: return formatContainer(bytes, at, false);
    default: return formatContainer(bytes, at, true);
  }
}

function formatContainer(bytes: Buffer, at: number, keyed: boolean): string {
  let text = keyed ? '{' : '[';
  let place = firstAt(bytes, at);
  const count = countAt(bytes, at);
  for (let index = 0; index < count; index++) {
    if (index > 0) text += ', ';
    if (keyed) {
      const start = afterSize(bytes, place);
      const end = start + sizeAt(bytes, place);
      text += `${escapeJson(textBetween(bytes, start, end))}: `;
      place = end;
    }
    text += formatAt(bytes, place);
    place = valueEnd(bytes, place);
  }
  return text + (keyed ? '}' : ']');
}

/** The value at a place as `->>` gives it: strings without quotes, JSON null as NULL. */
export function textAt(bytes: Buffer, at: number): string | null {
  const kind = kindAt(bytes, at);
  if (kind === JSONB_KIND.string) return stringAt(bytes, at);
  return kind === JSONB_KIND.null ? null : formatAt(bytes, at);
}

const NAMES = ['null', 'string', 'number', 'boolean', 'array', 'object'] as const;

/** jsonb_typeof. */
export function encodedTypeName({ bytes, start }: Jsonb): string {
  return NAMES[kindAt(bytes, start)];
}

/**
 * Place of a member (a string) or of an element (a number, counted from the end when negative; a scalar counts as an array of one)
 * of the value at a place; -1: there is none.
 */
export function stepPlace(bytes: Buffer, at: number, step: string | number): number {
  const tag = bytes[at];
  if (typeof step === 'string') return tag === JSONB_TAG.object ? memberAt(bytes, at, step) : -1;
  if (tag === JSONB_TAG.array) return elementAt(bytes, at, step);
  return tag !== JSONB_TAG.object && (step === 0 || step === -1) ? at : -1;
}

/** Place of what a path leads to; -1 when there is none or the path holds a null. */
function pathPlace({ bytes, start }: Jsonb, { elements }: ArrayValue): number {
  if (elements.includes(null)) return -1;
  let place = start;
  for (let at = 0; at < elements.length && place >= 0; at++) {
    const step = elements[at] as string;
    if (bytes[place] === JSONB_TAG.object) place = memberAt(bytes, place, step);
    else {
      const index = bytes[place] === JSONB_TAG.array ? pathIndex(step) : undefined;
      place = index === undefined ? -1 : elementAt(bytes, place, index);
    }
  }
  return place;
}

const valueOrNull = (bytes: Buffer, place: number): Jsonb | null => (place < 0 ? null : Jsonb.at(bytes, place));
const textOrNull = (bytes: Buffer, place: number): string | null => (place < 0 ? null : textAt(bytes, place));

/** `#>` */
export const encodedPath = (value: Jsonb, path: ArrayValue): Jsonb | null => valueOrNull(value.bytes, pathPlace(value, path));
/** `#>>` */
export const encodedPathText = (value: Jsonb, path: ArrayValue): string | null => textOrNull(value.bytes, pathPlace(value, path));

/** `?`: whether a key of an object, a string of an array, or the string itself. */
export function encodedHas({ bytes, start }: Jsonb, key: string): boolean {
  const kind = kindAt(bytes, start);
  if (kind === JSONB_KIND.object) return memberAt(bytes, start, key) >= 0;
  if (kind !== JSONB_KIND.array) return kind === JSONB_KIND.string && isStringAt(bytes, start, key);
  let place = firstAt(bytes, start);
  for (let left = countAt(bytes, start); left > 0; left--) {
    if (kindAt(bytes, place) === JSONB_KIND.string && isStringAt(bytes, place, key)) return true;
    place = valueEnd(bytes, place);
  }
  return false;
}

/** Bytewise order, as of memcmp with the lengths behind it. */
function compareBytes(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  const shared = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < shared; i++) {
    const difference = a[aStart + i] - b[bStart + i];
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/** Whether the values at two places have the same bytes. */
function sameBytes(a: Buffer, x: number, b: Buffer, y: number): boolean {
  return a[x] === b[y] && compareBytes(a, x, valueEnd(a, x), b, y, valueEnd(b, y)) === 0;
}

function equalScalars(a: Buffer, x: number, b: Buffer, y: number): boolean {
  if (sameBytes(a, x, b, y)) return true;
  // Of all scalars only numbers may be equal and differ in their bytes.
  return kindAt(a, x) === JSONB_KIND.number && kindAt(b, y) === JSONB_KIND.number && compareNumeric(numberAt(a, x), numberAt(b, y)) === 0;
}

const isScalarAt = (bytes: Buffer, at: number): boolean => bytes[at] !== JSONB_TAG.array && bytes[at] !== JSONB_TAG.object;

/** Whether an array has an element that contains (of a scalar: is) the value at `y`. */
function hasElement(a: Buffer, x: number, b: Buffer, y: number): boolean {
  const scalar = isScalarAt(b, y);
  let place = firstAt(a, x);
  for (let left = countAt(a, x); left > 0; left--) {
    if (isScalarAt(a, place) === scalar && (scalar ? equalScalars(a, place, b, y) : containsAt(a, place, b, y))) return true;
    place = valueEnd(a, place);
  }
  return false;
}

function arrayContains(a: Buffer, x: number, b: Buffer, y: number): boolean {
  let wanted = firstAt(b, y);
  for (let left = countAt(b, y); left > 0; left--) {
    if (!hasElement(a, x, b, wanted)) return false;
    wanted = valueEnd(b, wanted);
  }
  return true;
}

/** Keys of both stand in one order, so one pass over the members is enough. */
function objectContains(a: Buffer, x: number, b: Buffer, y: number): boolean {
  let left = countAt(a, x);
  let place = firstAt(a, x);
  let wanted = firstAt(b, y);
  for (let open = countAt(b, y); open > 0; open--) {
    const wantedStart = afterSize(b, wanted);
    const wantedEnd = wantedStart + sizeAt(b, wanted);
    for (;; left--) {
      if (left < open) return false;
      const start = afterSize(a, place);
      const end = start + sizeAt(a, place);
      const order = end - start - (wantedEnd - wantedStart) || compareBytes(a, start, end, b, wantedStart, wantedEnd);
      if (order > 0) return false;
      if (order === 0) {
        if (!containsAt(a, end, b, wantedEnd)) return false;
        place = valueEnd(a, end);
        left--;
        break;
      }
      place = valueEnd(a, end);
    }
    wanted = valueEnd(b, wantedEnd);
  }
  return true;
}

function containsAt(a: Buffer, x: number, b: Buffer, y: number): boolean {
  if (isScalarAt(a, x)) return isScalarAt(b, y) && equalScalars(a, x, b, y);
  if (a[x] !== b[y]) return false;
  return a[x] === JSONB_TAG.array ? arrayContains(a, x, b, y) : objectContains(a, x, b, y);
}

/** `@>`; an array contains a scalar that is one of its elements. The part is encoded if it is not. */
export function encodedContains(value: Jsonb, part: Jsonb): boolean {
  const { bytes: a, start: x } = value;
  const { bytes: b, start: y } = part;
  return a[x] === JSONB_TAG.array && isScalarAt(b, y) ? hasElement(a, x, b, y) : containsAt(a, x, b, y);
}

function compareStrings(a: Buffer, x: number, b: Buffer, y: number): number {
  return compareBytes(a, stringStart(a, x), valueEnd(a, x), b, stringStart(b, y), valueEnd(b, y));
}

function compareContainers(a: Buffer, x: number, b: Buffer, y: number, keyed: boolean): number {
  const count = countAt(a, x);
  if (count !== countAt(b, y)) return count - countAt(b, y);
  let [p, q] = [firstAt(a, x), firstAt(b, y)];
  for (let left = count; left > 0; left--) {
    if (keyed) {
      const [start, other] = [afterSize(a, p), afterSize(b, q)];
      const [end, otherEnd] = [start + sizeAt(a, p), other + sizeAt(b, q)];
      const order = compareBytes(a, start, end, b, other, otherEnd);
      if (order !== 0) return order;
      [p, q] = [end, otherEnd];
    }
    const order = compareAt(a, p, b, q);
    if (order !== 0) return order;
    [p, q] = [valueEnd(a, p), valueEnd(b, q)];
  }
  return 0;
}

function compareAt(a: Buffer, x: number, b: Buffer, y: number): number {
  const kind = kindAt(a, x);
  const other = kindAt(b, y);
  if (kind !== other) return kind - other;
  switch (kind) {
    case JSONB_KIND.null: return 0;
    case JSONB_KIND.boolean: return a[x] - b[y];
    case JSONB_KIND.string: return compareStrings(a, x, b, y);
    case JSONB_KIND.number: return sameBytes(a, x, b, y) ? 0 : compareNumeric(numberAt(a, x), numberAt(b, y));
    default: return compareContainers(a, x, b, y, kind === JSONB_KIND.object);
  }
}

/** Order of jsonb values: at the top a scalar counts as an array of one, so that an empty array stands before it. -1, 0 or 1. */
export function compareEncoded(a: Jsonb, b: Jsonb): number {
  const { bytes, start } = a;
  const { bytes: others, start: other } = b;
  const isArray = bytes[start] === JSONB_TAG.array;
  const mixed = isArray !== (others[other] === JSONB_TAG.array) && bytes[start] !== JSONB_TAG.object && others[other] !== JSONB_TAG.object;
  if (!mixed) return Math.sign(compareAt(bytes, start, others, other));
  const difference = (isArray ? countAt(bytes, start) : 1) - (isArray ? 1 : countAt(others, other));
  return difference === 0 ? (isArray ? 1 : -1) : Math.sign(difference);
}
