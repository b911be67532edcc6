/**
 * Structure of json text: what stands where, so that the functions on type json return pieces of the original text.
 */
import { PgError } from '../../base/error.js';
import { JsonLexer, MAX_DEPTH, stackDepthExceeded } from './lexer.js';

/** A value and its place in the text. */
export interface JsonPiece {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';
  readonly start: number;
  readonly end: number;
  /** Value of a string. */
  readonly value?: string;
  /** Members of an object, with duplicates, in order. */
  readonly keys?: readonly string[];
  /** Values of the members, or elements of an array. */
  readonly items?: readonly JsonPiece[];
}

/** A parsed text. */
export interface JsonDocument {
  readonly text: string;
  readonly root: JsonPiece;
}

function parsePiece(lexer: JsonLexer, depth: number): JsonPiece {
  const { kind, start } = lexer;
  switch (kind) {
    case '{': return parseObject(lexer, start, depth);
    case '[': return parseArray(lexer, start, depth);
    case 'string': case 'number': case 'true': case 'false': case 'null': {
      const piece: JsonPiece = { kind, start, end: lexer.end, value: kind === 'string' ? lexer.value : undefined };
      lexer.next();
      return piece;
    }
    default: throw lexer.unexpected('JSON value');
  }
}

function parseObject(lexer: JsonLexer, start: number, depth: number): JsonPiece {
  if (depth > MAX_DEPTH) throw stackDepthExceeded();
  const keys: string[] = [];
  const items: JsonPiece[] = [];
  lexer.next();
  if (!lexer.is('}')) {
    if (!lexer.is('string')) throw lexer.unexpected('string or "}"');
    for (;;) {
      if (!lexer.is('string')) throw lexer.unexpected('string');
      keys.push(lexer.value);
      if (lexer.next() !== ':') throw lexer.unexpected('":"');
      lexer.next();
      items.push(parsePiece(lexer, depth + 1));
      if (!lexer.is(',')) break;
      lexer.next();
    }
    if (!lexer.is('}')) throw lexer.unexpected('"," or "}"');
  }
  const piece: JsonPiece = { kind: 'object', start, end: lexer.end, keys, items };
  lexer.next();
  return piece;
}

function parseArray(lexer: JsonLexer, start: number, depth: number): JsonPiece {
  if (depth > MAX_DEPTH) throw stackDepthExceeded();
  const items: JsonPiece[] = [];
  lexer.next();
  if (!lexer.is(']')) {
    for (;;) {
      items.push(parsePiece(lexer, depth + 1));
      if (!lexer.is(',')) break;
      lexer.next();
    }
    if (!lexer.is(']')) throw lexer.unexpected('"," or "]"');
  }
  const piece: JsonPiece = { kind: 'array', start, end: lexer.end, items };
  lexer.next();
  return piece;
}

/** Parses json text; strings are unescaped. 22P02, 22P05, 54001. */
export function parseDocument(text: string, unescape = true): JsonDocument {
  const lexer = new JsonLexer(text, unescape);
  lexer.next();
  const root = parsePiece(lexer, 0);
  if (!lexer.is('end')) throw lexer.unexpected('end of input');
  return { text, root };
}

/** Checks json text: JavaScript's parser accepts exactly what PostgreSQL's does; it tells no reasons, ours does. */
export function validateJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    if (error instanceof PgError) throw error;
    parseDocument(text, false);
    return text;
  }
}

/** The original text of a piece. */
export function pieceText(document: JsonDocument, piece: JsonPiece): string {
  return document.text.slice(piece.start, piece.end);
}

/** A piece as text: strings without quotes, null as SQL NULL. */
export function pieceAsText(document: JsonDocument, piece: JsonPiece): string | null {
  if (piece.kind === 'null') return null;
  return piece.kind === 'string' ? piece.value! : pieceText(document, piece);
}

/** The last member of a name, or undefined. */
export function member(piece: JsonPiece, name: string): JsonPiece | undefined {
  if (piece.kind !== 'object') return undefined;
  const at = piece.keys!.lastIndexOf(name);
  return at < 0 ? undefined : piece.items![at];
}

/** An element, negative from the end, or undefined. */
export function element(piece: JsonPiece, index: number): JsonPiece | undefined {
  return piece.kind === 'array' ? piece.items!.at(index) : undefined;
}
