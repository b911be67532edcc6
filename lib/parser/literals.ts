/**
 * Lifts the literals out of a statement's text: the rest is the key of the plan cache for statements of the simple
 * protocol, so that `... WHERE aid = 1` and `... WHERE aid = 2` share one plan without being parsed.
 *
 * Follows scan.l with standard_conforming_strings on. Answers null whenever it is not sure (escape strings, dollar quotes,
 * bit strings, continued strings, odd numbers): such statements take the ordinary way. Measured: 0.3 µs for a statement
 * of pgbench, against 10 µs for a parse.
 */
import {
  commentEnd, isContinued, isDigit, isGroupingWord, isIdentifierPart, isIdentifierStart, isPrefixedString, isValuesWord, lineEnd, numberEnd,
  numberKind, QUOTE, stringEnd, unquoted, type Literal,
} from './literal-tokens.js';
import { foldRows, nextRow, rowShape, type LiftedRows, type RowShape } from './row-lists.js';

export { changesTypeNegated, type Literal, type LiteralKind } from './literal-tokens.js';
export { representativeText, type LiftedRows, type LiteralValue, type RowShape } from './row-lists.js';

export interface LiftedStatement {
  /** The text without literals and comments; a placeholder that names the literal's kind stands for each. */
  readonly key: string;
  /** The literals, without those of the folded rows. */
  readonly literals: readonly Literal[];
  /** The rows of an INSERT's VALUES, folded: the key has each shape once, however many rows there are. Null for none. */
  readonly rows: LiftedRows | null;
}

const LIFTABLE = /\s*(?:select|insert|update|delete|with|values)\b/iy;
const PLACEHOLDER = { int4: '\u0001i', int8: '\u0001l', numeric: '\u0001n', string: '\u0001s' } as const;

const DOUBLE_QUOTE = 34;
const BACKSLASH = 92;
/** Characters below are the key's own marks. */
const FIRST_FREE_CHARACTER = 4;
const LETTER_I = 105;

/**
 * Splits a statement into key and literals, or null when the statement is not one whose literals can be lifted for sure.
 * `fold`: the rows of `INSERT ... VALUES (...), (...)` count as often as they differ in more than their literals.
 */
export function liftLiterals(sql: string, fold = false): LiftedStatement | null {
  LIFTABLE.lastIndex = 0;
  if (!LIFTABLE.test(sql)) return null;
  const isInsert = fold && (sql.charCodeAt(LIFTABLE.lastIndex - 6) | 32) === LETTER_I;
  return lift(sql, 0, isInsert ? 'insert' : 'text');
}

/** What was lifted, up to `end`. */
interface Lifted extends LiftedStatement {
  readonly end: number;
}

/** Lifts from `start` to the text's end; of a row, to its closing parenthesis. */
function lift(sql: string, start: number, part: 'text' | 'insert' | 'row'): Lifted | null {
  const literals: Literal[] = [];
  let rows: LiftedRows | null = null;
  let folds = part === 'insert';
  let depth = 0;
  /** Where the row began that may be the first of several, how long the key was, how many literals there were. */
  let row: { readonly start: number; readonly key: number; readonly literals: number } | null = null;
  let afterValues = false;
  let key = '';
  let copied = start;
  let at = start;
  const end = sql.length;
  while (at < end) {
    const c = sql.charCodeAt(at);
    if (isIdentifierStart(c)) {
      const from = at;
      do at++; while (at < end && isIdentifierPart(sql.charCodeAt(at)));
      if (at < end && isPrefixedString(sql, from, at)) return null;
      if (isGroupingWord(sql, from, at)) return null;
      if (folds && depth === 0) afterValues = isValuesWord(sql, from, at);
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
      key += sql.slice(copied, at) + PLACEHOLDER.string;
      literals.push({ kind: 'string', text: unquoted(sql, at, stop), location: at });
      copied = at = stop;
    } else if (c === DOUBLE_QUOTE) {
      at = sql.indexOf('"', at + 1) + 1;
      if (at === 0) return null;
      afterValues = false;
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
    } else if (c < FIRST_FREE_CHARACTER || c === BACKSLASH) {
      return null;
    } else if (c === 40) {
      if (depth === 0 && afterValues) {
        key += sql.slice(copied, at);
        copied = at;
        row = { start: at, key: key.length, literals: literals.length };
      }
      depth++;
      at++;
    } else if (c === 41) {
      depth--;
      at++;
      if (depth > 0) continue;
      if (part === 'row') return { key: key + sql.slice(copied, at), literals, rows: null, end: at };
      const next = row === null ? -1 : nextRow(sql, at);
      if (row !== null && next >= 0) {
        const first = rowShape(sql, row.start, at, key.slice(row.key) + sql.slice(copied, at), literals.slice(row.literals));
        const folded = foldRows(sql, first, next, liftRow);
        if (folded === null) return lift(sql, start, 'text');
        key = key.slice(0, row.key) + folded.key;
        literals.length = row.literals;
        rows = { ...folded, before: row.literals, start: row.start };
        copied = at = folded.end;
        folds = false;
      }
      row = null;
      afterValues = false;
    } else {
      at++;
    }
  }
  return part === 'row' ? null : { key: key + sql.slice(copied), literals, rows, end };
}

/** One row's shape, from its opening parenthesis; null when it is not sure. */
function liftRow(sql: string, start: number): RowShape | null {
  const lifted = lift(sql, start, 'row');
  return lifted === null ? null : rowShape(sql, start, lifted.end, lifted.key, lifted.literals);
}
