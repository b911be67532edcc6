/**
 * Lifts the literals out of a statement's text: the rest is the key of the plan cache for statements of the simple
 * protocol, so that `... WHERE aid = 1` and `... WHERE aid = 2` share one plan without being parsed.
 *
 * Follows scan.l with standard_conforming_strings on. Answers null whenever it is not sure (escape strings, dollar quotes,
 * bit strings, continued strings, odd numbers): such statements take the ordinary way. Measured: 0.3 µs for a statement
 * of pgbench, against 10 µs for a parse.
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

export interface LiftedStatement {
  /** The text without literals and comments; a placeholder that names the literal's kind stands for each. */
  readonly key: string;
  readonly literals: readonly Literal[];
}

const LIFTABLE = /\s*(?:select|insert|update|delete|with|values)\b/iy;
const PLACEHOLDER = { int4: '\u0001i', int8: '\u0001l', numeric: '\u0001n', string: '\u0001s' } as const;

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 39;
const DOUBLE_QUOTE = 34;

/** Splits a statement into key and literals, or null when the statement is not one whose literals can be lifted for sure. */
export function liftLiterals(sql: string): LiftedStatement | null {
  LIFTABLE.lastIndex = 0;
  if (!LIFTABLE.test(sql)) return null;
  const literals: Literal[] = [];
  let key = '';
  let copied = 0;
  let at = 0;
  const end = sql.length;
  while (at < end) {
    const c = sql.charCodeAt(at);
    if (isIdentifierStart(c)) {
      const start = at;
      do at++; while (at < end && isIdentifierPart(sql.charCodeAt(at)));
      if (at < end && isPrefixedString(sql, start, at)) return null;
      if (isGroupingWord(sql, start, at)) return null;
    } else if (isDigit(c) || (c === 46 && isDigit(sql.charCodeAt(at + 1)))) {
      const stop = numberEnd(sql, at);
      if (stop < 0) return null;
      const text = sql.slice(at, stop);
      const kind = numberKind(text);
      key += sql.slice(copied, at) + PLACEHOLDER[kind];
      literals.push({ kind, text, location: at });
      copied = at = stop;
    } else if (c === QUOTE) {
      const stop = stringEnd(sql, at);
      if (stop < 0 || isContinued(sql, stop)) return null;
      const inner = sql.slice(at + 1, stop - 1);
      key += sql.slice(copied, at) + PLACEHOLDER.string;
      literals.push({ kind: 'string', text: inner.includes("'") ? inner.replaceAll("''", "'") : inner, location: at });
      copied = at = stop;
    } else if (c === DOUBLE_QUOTE) {
      at = sql.indexOf('"', at + 1) + 1;
      if (at === 0) return null;
    } else if (c === 45 && sql.charCodeAt(at + 1) === 45) {
      key += sql.slice(copied, at) + ' ';
      copied = at = lineEnd(sql, at);
    } else if (c === 47 && sql.charCodeAt(at + 1) === 42) {
      const stop = commentEnd(sql, at);
      if (stop < 0) return null;
      key += sql.slice(copied, at) + ' ';
      copied = at = stop;
    } else if (c === 36) {
      // $1 is a parameter; anything else is a dollar quote
      if (!isDigit(sql.charCodeAt(at + 1))) return null;
      do at++; while (isDigit(sql.charCodeAt(at)));
      if (isIdentifierPart(sql.charCodeAt(at))) return null;
    } else if (c === 1 || c === 92) {
      return null;
    } else {
      at++;
    }
  }
  return { key: key + sql.slice(copied), literals };
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

function isIdentifierStart(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c >= 128;
}

function isIdentifierPart(c: number): boolean {
  return isIdentifierStart(c) || isDigit(c) || c === 36;
}

/** GROUPING, ROLLUP, CUBE: which columns are grouped together depends on whether expressions, literals included, are equal. */
function isGroupingWord(sql: string, start: number, stop: number): boolean {
  const letter = sql.charCodeAt(start) | 32;
  if (letter === 103) return stop - start === 8 && /^grouping$/i.test(sql.slice(start, stop));
  if (letter === 114) return stop - start === 6 && /^rollup$/i.test(sql.slice(start, stop));
  return letter === 99 && stop - start === 4 && /^cube$/i.test(sql.slice(start, stop));
}

/** E'', B'', X'', N'' and U&'' / U&"". */
function isPrefixedString(sql: string, start: number, stop: number): boolean {
  if (stop - start !== 1) return false;
  const next = sql.charCodeAt(stop);
  const letter = sql.charCodeAt(start) | 32;
  if (next === QUOTE) return letter === 101 || letter === 98 || letter === 120 || letter === 110;
  return letter === 117 && next === 38;
}

/** End of the number that starts here, -1 when it is not a plain decimal one. */
function numberEnd(sql: string, start: number): number {
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

function numberKind(text: string): LiteralKind {
  if (!/^\d+$/.test(text)) return 'numeric';
  if (text.length < 10) return 'int4';
  if (text.length > 30) return 'numeric';
  const value = BigInt(text);
  return value <= 2147483647n ? 'int4' : value <= 9223372036854775807n ? 'int8' : 'numeric';
}

/** Offset behind the closing quote, -1 when there is none. */
function stringEnd(sql: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = sql.indexOf("'", at);
    if (at < 0) return -1;
    if (sql.charCodeAt(at + 1) !== QUOTE) return at + 1;
    at += 2;
  }
}

/** `'a'` newline `'b'` is one literal. */
function isContinued(sql: string, from: number): boolean {
  let newline = false;
  for (let at = from; at < sql.length; at++) {
    const c = sql.charCodeAt(at);
    if (c === NEWLINE || c === RETURN) newline = true;
    else if (c === 45 && sql.charCodeAt(at + 1) === 45) return true;
    else if (c !== 32 && c !== 9 && c !== 12 && c !== 11) return newline && c === QUOTE;
  }
  return false;
}

function lineEnd(sql: string, start: number): number {
  let at = start;
  while (at < sql.length && sql.charCodeAt(at) !== NEWLINE && sql.charCodeAt(at) !== RETURN) at++;
  return at;
}

/** Offset behind a (nested) comment, -1 when it does not end. */
function commentEnd(sql: string, start: number): number {
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
