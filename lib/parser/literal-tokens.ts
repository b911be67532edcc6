/**
 * The tokens of scan.l that lifting literals needs to tell apart: words, plain numbers, plain strings, comments.
 */

/** How a literal types by itself: make_const's int4, int8, numeric; 'string' is of type unknown. */
export type LiteralKind = 'int4' | 'int8' | 'numeric' | 'string';

export interface Literal {
  readonly kind: LiteralKind;
  /** The value's text: digits, or the string without quotes. */
  readonly text: string;
  /** Offset of the literal in the statement's text: the `location` of its A_Const. */
  readonly location: number;
}

const NEWLINE = 10;
const RETURN = 13;
export const QUOTE = 39;

export function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

export function isIdentifierStart(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c >= 128;
}

export function isIdentifierPart(c: number): boolean {
  return isIdentifierStart(c) || isDigit(c) || c === 36;
}

/** GROUPING, ROLLUP, CUBE: which columns are grouped together depends on whether expressions, literals included, are equal. */
export function isGroupingWord(sql: string, start: number, stop: number): boolean {
  const letter = sql.charCodeAt(start) | 32;
  if (letter === 103) return stop - start === 8 && /^grouping$/i.test(sql.slice(start, stop));
  if (letter === 114) return stop - start === 6 && /^rollup$/i.test(sql.slice(start, stop));
  return letter === 99 && stop - start === 4 && /^cube$/i.test(sql.slice(start, stop));
}

/** E'', B'', X'', N'' and U&'' / U&"". */
export function isPrefixedString(sql: string, start: number, stop: number): boolean {
  if (stop - start !== 1) return false;
  const next = sql.charCodeAt(stop);
  const letter = sql.charCodeAt(start) | 32;
  if (next === QUOTE) return letter === 101 || letter === 98 || letter === 120 || letter === 110;
  return letter === 117 && next === 38;
}

/** End of the number that starts here, -1 when it is not a plain decimal one. */
export function numberEnd(sql: string, start: number): number {
  let at = start;
  while (isDigit(sql.charCodeAt(at))) at++;
  if (sql.charCodeAt(at) === 46) {
    at++;
    if (sql.charCodeAt(at) === 46) return -1;
    while (isDigit(sql.charCodeAt(at))) at++;
  }
  if ((sql.charCodeAt(at) | 32) === 101) {
    let exponent = at + 1;
    const sign = sql.charCodeAt(exponent);
    if (sign === 43 || sign === 45) exponent++;
    if (!isDigit(sql.charCodeAt(exponent))) return -1;
    while (isDigit(sql.charCodeAt(exponent))) exponent++;
    at = exponent;
  }
  return isIdentifierPart(sql.charCodeAt(at)) || sql.charCodeAt(at) === 46 ? -1 : at;
}

export function numberKind(text: string): LiteralKind {
  for (let at = 0; at < text.length; at++) if (!isDigit(text.charCodeAt(at))) return 'numeric';
  if (text.length < 10) return 'int4';
  if (text.length > 30) return 'numeric';
  const value = BigInt(text);
  return value <= 2147483647n ? 'int4' : value <= 9223372036854775807n ? 'int8' : 'numeric';
}

/** Offset behind the closing quote, -1 when there is none. */
export function stringEnd(sql: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = sql.indexOf("'", at);
    if (at < 0) return -1;
    if (sql.charCodeAt(at + 1) !== QUOTE) return at + 1;
    at += 2;
  }
}

/** `'a'` newline `'b'` is one literal. */
export function isContinued(sql: string, from: number): boolean {
  let newline = false;
  for (let at = from; at < sql.length; at++) {
    const c = sql.charCodeAt(at);
    if (c === NEWLINE || c === RETURN) newline = true;
    else if (c === 45 && sql.charCodeAt(at + 1) === 45) return true;
    else if (c !== 32 && c !== 9 && c !== 12 && c !== 11) return newline && c === QUOTE;
  }
  return false;
}

export function lineEnd(sql: string, start: number): number {
  let at = start;
  while (at < sql.length && sql.charCodeAt(at) !== NEWLINE && sql.charCodeAt(at) !== RETURN) at++;
  return at;
}

/** Offset behind a (nested) comment, -1 when it does not end. */
export function commentEnd(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    const c = sql.charCodeAt(at);
    const next = sql.charCodeAt(at + 1);
    if (c === 47 && next === 42) {
      depth++;
      at++;
    } else if (c === 42 && next === 47) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** The string between these quotes. */
export function unquoted(sql: string, start: number, stop: number): string {
  const inner = sql.slice(start + 1, stop - 1);
  return inner.includes("'") ? inner.replaceAll("''", "'") : inner;
}

/** VALUES. */
export function isValuesWord(sql: string, start: number, stop: number): boolean {
  return stop - start === 6 && (sql.charCodeAt(start) | 32) === 118 && /^values$/i.test(sql.slice(start, stop));
}

/** A number that has a smaller type behind a minus sign: its statement can not share a plan with others. */
export function changesTypeNegated(kind: LiteralKind, text: string): boolean {
  return kind !== 'string' && kind !== 'int4' && LIMITS.test(text);
}
const LIMITS = /^0*(2147483648|9223372036854775808)$/;
