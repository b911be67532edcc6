/**
 * The rows of `INSERT ... VALUES (1, 'a'), (2, 'b'), ...`, folded for the plan cache: rows that differ in their literals only
 * have one shape, and all statements with the same shapes have one key, however many rows they bring. A row of a shape that is
 * known is read by comparing its fixed pieces, a row of a new one by the scanner.
 *
 * Measured for 100 rows of 8 literals each: 0.13 ms from the text to the rows' values; a statement takes 1.1 ms of CPU instead of 25.
 */
import { changesTypeNegated, isDigit, isIdentifierPart, numberEnd, numberKind, QUOTE, stringEnd, unquoted, type Literal, type LiteralKind } from './literal-tokens.js';

/** Rows of more shapes than this are not folded. */
const MAX_SHAPES = 16;

/** What rows have in common that differ in their literals only. */
export interface RowShape {
  /** The row's text without literals and comments. */
  readonly key: string;
  /** The text of the first such row, with parentheses, and its literals. */
  readonly text: string;
  readonly literals: readonly Literal[];
  /** The text before each literal, and after the last one. */
  readonly pieces: readonly string[];
}

/** An int4, or another literal's text. */
export type LiteralValue = number | string;

/** A statement's rows by their shapes. */
export interface LiftedRows {
  /** In the order of their keys: the order of the rows in the text is not part of the statement's key. */
  readonly shapes: readonly RowShape[];
  /** Each row's shape. */
  readonly shapeOf: readonly number[];
  /** The rows' literals, row after row: those that are int4 as numbers, the others' texts. */
  readonly values: readonly LiteralValue[];
  /** Literals of the statement that stand before the rows. */
  readonly before: number;
  /** The rows' place in the text. */
  readonly start: number;
  readonly end: number;
}

const OPEN = 40;
const COMMA = 44;

/** Offset of the row behind the one that ends here, -1 when there is none. */
export function nextRow(sql: string, from: number): number {
  const comma = skipBlanks(sql, from);
  if (sql.charCodeAt(comma) !== COMMA) return -1;
  const open = skipBlanks(sql, comma + 1);
  return sql.charCodeAt(open) === OPEN ? open : -1;
}

function skipBlanks(sql: string, from: number): number {
  let at = from;
  while (at < sql.length) {
    const c = sql.charCodeAt(at);
    if (c !== 32 && (c < 9 || c > 13)) break;
    at++;
  }
  return at;
}

/** The shape of the row in `sql` from `start` to `end`. */
export function rowShape(sql: string, start: number, end: number, key: string, literals: readonly Literal[]): RowShape {
  const pieces: string[] = [];
  let at = start;
  for (const { kind, text, location } of literals) {
    pieces.push(sql.slice(at, location));
    at = kind === 'string' ? stringEnd(sql, location) : location + text.length;
  }
  pieces.push(sql.slice(at, end));
  return { key, text: sql.slice(start, end), literals, pieces };
}

/**
 * Folds the rows behind `first`, the next of which begins at `next`. `lift` finds the shape of a row that matches none. Null when
 * they cannot be folded: a row that nothing is sure of, too many shapes.
 */
export function foldRows(sql: string, first: RowShape, next: number, lift: (sql: string, start: number) => RowShape | null): (Omit<LiftedRows, 'before' | 'start'> & { readonly key: string }) | null {
  const shapes = [first];
  const shapeOf = [0];
  const values = first.literals.map(literalValue);
  if (first.literals.some(isLimit)) return null;
  let last = 0;
  let end = next;
  for (let at = next; at >= 0; at = nextRow(sql, end)) {
    let found = last;
    end = matchRow(sql, at, shapes[last], values);
    for (let other = 0; end < 0 && other < shapes.length; other++) {
      if (other === last) continue;
      end = matchRow(sql, at, shapes[other], values);
      found = other;
    }
    if (end < 0) {
      const shape = shapes.length < MAX_SHAPES ? lift(sql, at) : null;
      if (shape === null || shape.literals.some(isLimit)) return null;
      found = shapes.push(shape) - 1;
      for (const literal of shape.literals) values.push(literalValue(literal));
      end = at + shape.text.length;
    }
    shapeOf.push(last = found);
  }
  const order = shapes.map((_, index) => index).sort((a, b) => (shapes[a].key < shapes[b].key ? -1 : shapes[a].key > shapes[b].key ? 1 : a - b));
  const rank = order.map((_, index) => order.indexOf(index));
  const sorted = order.map((index) => shapes[index]);
  return {
    key: sorted.map((shape) => `\u0002${shape.key}`).join(''),
    shapes: sorted, shapeOf: sorted.length === 1 ? shapeOf : shapeOf.map((index) => rank[index]), values, end,
  };
}

function isLimit({ kind, text }: Literal): boolean {
  return changesTypeNegated(kind, text);
}

function literalValue({ kind, text }: Literal): LiteralValue {
  return kind === 'int4' ? Number(text) : text;
}

/** Reads a row that should be of this shape; answers its end and appends its literals, or -1 when it is of another. */
function matchRow(sql: string, start: number, { pieces, literals }: RowShape, values: LiteralValue[]): number {
  const kept = values.length;
  let at = start;
  for (let index = 0; index < literals.length; index++) {
    const piece = pieces[index];
    const stop = sql.startsWith(piece, at) ? literalEnd(sql, at + piece.length, literals[index].kind, values) : -1;
    if (stop < 0) {
      values.length = kept;
      return -1;
    }
    at = stop;
  }
  const rest = pieces[literals.length];
  if (sql.startsWith(rest, at)) return at + rest.length;
  values.length = kept;
  return -1;
}

/** Reads a literal of this kind: its value is appended, its end answered; -1 when there is none. */
function literalEnd(sql: string, at: number, kind: LiteralKind, values: LiteralValue[]): number {
  if (kind === 'string') {
    const stop = sql.charCodeAt(at) === QUOTE ? stringEnd(sql, at) : -1;
    if (stop >= 0) values.push(unquoted(sql, at, stop));
    return stop;
  }
  if (kind === 'int4') {
    const stop = smallIntegerEnd(sql, at, values);
    if (stop >= 0) return stop;
  }
  if (!isDigit(sql.charCodeAt(at)) && (sql.charCodeAt(at) !== 46 || !isDigit(sql.charCodeAt(at + 1)))) return -1;
  const stop = numberEnd(sql, at);
  if (stop < 0) return -1;
  const text = sql.slice(at, stop);
  if (numberKind(text) !== kind || (kind !== 'int4' && changesTypeNegated(kind, text))) return -1;
  values.push(kind === 'int4' ? Number(text) : text);
  return stop;
}

/** Reads an integer of at most nine digits: no text is made of it. */
function smallIntegerEnd(sql: string, start: number, values: LiteralValue[]): number {
  let value = 0;
  let at = start;
  for (; at < start + 9; at++) {
    const c = sql.charCodeAt(at);
    if (!isDigit(c)) break;
    value = value * 10 + c - 48;
  }
  const next = sql.charCodeAt(at);
  if (at === start || next === 46 || isIdentifierPart(next)) return -1;
  values.push(value);
  return at;
}

/** A statement that has one row of each shape, and at least two: its plan does for every statement with the same key. */
export function representativeText(sql: string, { shapes, start, end }: LiftedRows): string {
  const rows = shapes.length === 1 ? [shapes[0], shapes[0]] : shapes;
  return `${sql.slice(0, start)}${rows.map((shape) => shape.text).join(', ')}${sql.slice(end)}`;
}
