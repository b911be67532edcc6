/**
 * Text and binary form of ranges and multiranges.
 */
import { pgError } from '../../base/error.js';
import { MultirangeValue, RangeValue, rangeFlags, readRangeFlags, unbounded, type RangeBound } from '../../types/range.js';
import type { CallContext } from '../context.js';
import { badBinary } from '../errors.js';
import { withContext } from '../registry.js';
import { sendInt32, viewOf } from '../wire.js';
import { makeMultirange, makeRange } from './core.js';

const isSpace = (character: string): boolean => /[ \t\n\v\f\r]/.test(character);

/** The parts of a range literal; a null bound is infinite. */
interface RangeLiteral {
  readonly empty: boolean;
  readonly lower: string | null;
  readonly upper: string | null;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
}

function malformed(what: string, text: string, detail: string): Error {
  return pgError('INVALID_TEXT_REPRESENTATION', `malformed ${what} literal: "${text}"`, { detail });
}

/** Takes a range literal apart; 22P02. */
function parseRange(text: string): RangeLiteral {
  const fail = (detail: string): Error => malformed('range', text, detail);
  let at = 0;
  const skipSpaces = (): void => {
    while (at < text.length && isSpace(text[at])) at++;
  };
  const bound = (): string | null => {
    if (at < text.length && ',)]'.includes(text[at])) return null;
    let value = '';
    let quoted = false;
    while (quoted || at >= text.length || !',)]'.includes(text[at])) {
      if (at >= text.length) throw fail('Unexpected end of input.');
      const character = text[at++];
      if (character === '\\') {
        if (at >= text.length) throw fail('Unexpected end of input.');
        value += text[at++];
      } else if (character !== '"') value += character;
      else if (!quoted) quoted = true;
      else if (text[at] === '"') value += text[at++];
      else quoted = false;
    }
    return value;
  };
  skipSpaces();
  if (text.slice(at, at + 5).toLowerCase() === 'empty') {
    at += 5;
    skipSpaces();
    if (at < text.length) throw fail('Junk after "empty" key word.');
    return { empty: true, lower: null, upper: null, lowerInclusive: false, upperInclusive: false };
  }
  if (text[at] !== '[' && text[at] !== '(') throw fail('Missing left parenthesis or bracket.');
  const lowerInclusive = text[at++] === '[';
  const lower = bound();
  if (text[at] !== ',') throw fail('Missing comma after lower bound.');
  at++;
  const upper = bound();
  if (text[at] === ',') throw fail('Too many commas.');
  const upperInclusive = text[at++] === ']';
  skipSpaces();
  if (at < text.length) throw fail('Junk after right parenthesis or bracket.');
  return { empty: false, lower, upper, lowerInclusive, upperInclusive };
}

/** range_in. */
export function rangeIn(cx: CallContext, text: string, typeOid: number, typmod: number): RangeValue {
  const { types } = cx.services;
  const facts = types.rangeFacts(typeOid);
  const literal = parseRange(text);
  if (literal.empty) return RangeValue.emptyOf(typeOid);
  const bound = (part: string | null, inclusive: boolean, lower: boolean): RangeBound => part === null ? unbounded(lower)
    : { value: types.input(facts.subtype, part, typmod), infinite: false, inclusive, lower };
  return makeRange(cx, facts, bound(literal.lower, literal.lowerInclusive, true), bound(literal.upper, literal.upperInclusive, false));
}

/** A bound's text, quoted where a reader needs it. */
function boundOut(cx: CallContext, subtype: number, bound: RangeBound): string {
  if (bound.infinite) return '';
  const text = cx.services.types.output(subtype, bound.value);
  return text === '' || /["\\()[\],\s]/.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text;
}

/** range_out. */
export function rangeOut(cx: CallContext, range: RangeValue): string {
  if (range.empty) return 'empty';
  const { subtype } = cx.services.types.rangeFacts(range.typeOid);
  return `${range.lower.inclusive ? '[' : '('}${boundOut(cx, subtype, range.lower)},${boundOut(cx, subtype, range.upper)}${range.upper.inclusive ? ']' : ')'}`;
}

function rangeSend(cx: CallContext, range: RangeValue): Uint8Array {
  const { types } = cx.services;
  const { subtype } = types.rangeFacts(range.typeOid);
  const parts: Uint8Array[] = [Uint8Array.of(rangeFlags(range))];
  for (const bound of [range.lower, range.upper]) {
    if (bound.infinite) continue;
    const bytes = types.send(subtype, bound.value);
    parts.push(sendInt32(bytes.length), bytes);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

function rangeReceive(cx: CallContext, bytes: Uint8Array, typeOid: number, typmod: number): RangeValue {
  const { types } = cx.services;
  const facts = types.rangeFacts(typeOid);
  const flags = readRangeFlags(viewOf(bytes, 1).getUint8(0));
  let at = 1;
  const bound = (side: Omit<RangeBound, 'value'>): RangeBound => {
    if (flags.empty || side.infinite) return unbounded(side.lower);
    const length = viewOf(bytes, at + 4).getInt32(at);
    at += 4 + length;
    viewOf(bytes, at);
    return { ...side, value: types.receive(facts.subtype, bytes.subarray(at - length, at), typmod) };
  };
  const lower = bound(flags.lower);
  const upper = bound(flags.upper);
  if (at !== bytes.length) throw badBinary('invalid range');
  return flags.empty ? RangeValue.emptyOf(typeOid) : makeRange(cx, facts, lower, upper);
}

/** Where a range literal that begins at `start` ends (behind its parenthesis); -1 when it does not. */
function endOfRange(text: string, start: number): number {
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === ']' || character === ')')) return at + 1;
  }
  return -1;
}

/** multirange_in. */
export function multirangeIn(cx: CallContext, text: string, typeOid: number, typmod: number): MultirangeValue {
  const facts = cx.services.types.rangeFacts(typeOid);
  const fail = (detail: string): Error => malformed('multirange', text, detail);
  let at = 0;
  const skipSpaces = (): void => {
    while (at < text.length && isSpace(text[at])) at++;
  };
  const next = (): string => {
    skipSpaces();
    if (at >= text.length) throw fail('Unexpected end of input.');
    return text[at];
  };
  skipSpaces();
  if (text[at] !== '{') throw fail('Missing left brace.');
  at++;
  const ranges: RangeValue[] = [];
  if (next() !== '}') {
    for (;;) {
      const first = next();
      if (first === '[' || first === '(') {
        const end = endOfRange(text, at);
        if (end < 0) throw fail('Unexpected end of input.');
        ranges.push(rangeIn(cx, text.slice(at, end), facts.rangeType, typmod));
        at = end;
      } else if (text.slice(at, at + 5).toLowerCase() === 'empty') at += 5;
      else throw fail('Expected range start.');
      const separator = next();
      if (separator === '}') break;
      if (separator !== ',') throw fail('Expected comma or end of multirange.');
      at++;
    }
  }
  at++;
  skipSpaces();
  if (at < text.length) throw fail('Junk after closing right brace.');
  return makeMultirange(cx, facts, ranges);
}

const multirangeOut = (cx: CallContext, value: MultirangeValue): string => `{${value.ranges.map((range) => rangeOut(cx, range)).join(',')}}`;

function multirangeSend(cx: CallContext, value: MultirangeValue): Uint8Array {
  const parts = value.ranges.map((range) => rangeSend(cx, range));
  return Uint8Array.from(Buffer.concat([sendInt32(parts.length), ...parts.flatMap((part) => [sendInt32(part.length), part])]));
}

function multirangeReceive(cx: CallContext, bytes: Uint8Array, typeOid: number, typmod: number): MultirangeValue {
  const facts = cx.services.types.rangeFacts(typeOid);
  const count = viewOf(bytes, 4).getUint32(0);
  const ranges: RangeValue[] = [];
  let at = 4;
  for (let i = 0; i < count; i++) {
    const length = viewOf(bytes, at + 4).getInt32(at);
    at += 4 + length;
    viewOf(bytes, at);
    ranges.push(rangeReceive(cx, bytes.subarray(at - length, at), facts.rangeType, typmod));
  }
  return makeMultirange(cx, facts, ranges);
}

withContext('range_in', rangeIn);
withContext('range_send', rangeSend);
withContext('range_recv', rangeReceive);
withContext('multirange_in', multirangeIn);
withContext('multirange_send', multirangeSend);
withContext('multirange_recv', multirangeReceive);
for (const prefix of ['', 'any', 'anycompatible']) {
  withContext(`${prefix}range_out`, rangeOut);
  withContext(`${prefix}multirange_out`, multirangeOut);
}
