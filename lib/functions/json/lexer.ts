/**
 * Tokens of JSON text with PostgreSQL's errors: DETAIL says what was expected or is invalid, CONTEXT shows the line up to
 * the offending token (PostgreSQL's jsonapi.c, report_json_context).
 */
import { pgError, type PgError } from '../../base/error.js';

/** Kinds of tokens; `start` before the first. */
export type TokenKind = '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'number' | 'true' | 'false' | 'null' | 'end' | 'start';

/** What the parser wanted where it met something else. */
export type Expectation =
  | 'JSON value' | 'string' | 'array element or "]"' | '"," or "]"' | 'string or "}"' | '"," or "}"' | '":"' | 'end of input';

const isAlphanumeric = (unit: number): boolean =>
  (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90) || (unit >= 48 && unit <= 57) || unit === 95 || unit >= 128;
const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57;

const SIMPLE_ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Deepest nesting that the recursive parsers follow. */
export const MAX_DEPTH = 6000;

/** 54001, as PostgreSQL's check_stack_depth. */
export function stackDepthExceeded(): PgError {
  return pgError('STATEMENT_TOO_COMPLEX', 'stack depth limit exceeded', {
    hint: 'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack depth limit is adequate.',
  });
}

/** A cursor over the tokens of a text. */
export class JsonLexer {
  kind: TokenKind = 'start';
  /** Where the token starts and ends. */
  start = 0;
  end = 0;
  /** End of the token before. */
  previousEnd = 0;
  /** Value of a string token (without `unescape`, still with its escapes). */
  value = '';
  private line = 1;
  private lineStart = 0;

  /** `unescape`: string values are wanted, so that their escapes must make sense. */
  constructor(readonly text: string, private readonly unescape: boolean) {}

  /** Moves to the next token; 22P02, 22P05. */
  next(): TokenKind {
    const { text } = this;
    let at = this.end;
    let unit = text.charCodeAt(at);
    for (; unit === 32 || unit === 10 || unit === 13 || unit === 9; unit = text.charCodeAt(++at)) {
      if (unit !== 10) continue;
      this.line++;
      this.lineStart = at + 1;
    }
    this.previousEnd = this.end;
    this.start = at;
    if (at >= text.length) {
      this.end = at;
      return (this.kind = 'end');
    }
    switch (unit) {
      case 123: this.end = at + 1; return (this.kind = '{');
      case 125: this.end = at + 1; return (this.kind = '}');
      case 91: this.end = at + 1; return (this.kind = '[');
      case 93: this.end = at + 1; return (this.kind = ']');
      case 44: this.end = at + 1; return (this.kind = ',');
      case 58: this.end = at + 1; return (this.kind = ':');
      case 34: return this.string(at);
      default: return unit === 45 || isDigit(unit) ? this.number(unit === 45 ? at + 1 : at) : this.word(at);
    }
  }

  /** Is the current token of this kind? */
  is(kind: TokenKind): boolean {
    return this.kind === kind;
  }

  private string(from: number): TokenKind {
    const { text } = this;
    for (let at = from + 1; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === 34) {
        this.value = text.slice(from + 1, at);
        this.end = at + 1;
        return (this.kind = 'string');
      }
      if (unit === 92) return this.escapedString(from, at);
      if (unit < 32) throw this.controlCharacter(at);
    }
    throw this.invalidToken(text.length);
  }

  private controlCharacter(at: number): PgError {
    const code = this.text.charCodeAt(at).toString(16).padStart(2, '0');
    return this.failAt(at, `Character with value 0x${code} must be escaped.`);
  }

  /** The rest of a string from its first backslash. */
  private escapedString(from: number, first: number): TokenKind {
    const { text } = this;
    let value = text.slice(from + 1, first);
    let high = -1;
    for (let at = first; ; at++) {
      if (at >= text.length) throw this.invalidToken(text.length);
      const unit = text.charCodeAt(at);
      if (unit === 92) {
        const escape = text[++at];
        if (escape === undefined) throw this.invalidToken(text.length);
        if (escape === 'u') {
          const code = this.hexadecimal(at);
          at += 4;
          if (!this.unescape) continue;
          high = this.checkSurrogate(code, high, at);
          value += String.fromCharCode(code);
          continue;
        }
        if (high !== -1 && this.unescape) throw this.lowSurrogateMissing(at);
        const plain = SIMPLE_ESCAPES[escape];
        if (plain === undefined) {
          this.start = at;
          throw this.failAt(this.afterCharacter(at), `Escape sequence "\\${text.slice(at, this.afterCharacter(at))}" is invalid.`);
        }
        value += plain;
      } else if (unit === 34) {
        if (high !== -1) throw this.failAt(at + 1, 'Unicode low surrogate must follow a high surrogate.');
        this.value = value;
        this.end = at + 1;
        return (this.kind = 'string');
      } else {
        if (high !== -1) throw this.lowSurrogateMissing(at);
        if (unit < 32) throw this.controlCharacter(at);
        value += text[at];
      }
    }
  }

  private afterCharacter(at: number): number {
    const code = this.text.codePointAt(at);
    return code === undefined ? at : at + (code > 0xffff ? 2 : 1);
  }

  private lowSurrogateMissing(at: number): PgError {
    return this.failAt(this.afterCharacter(at), 'Unicode low surrogate must follow a high surrogate.');
  }

  /** The four digits after the `u` at `at`. */
  private hexadecimal(at: number): number {
    const { text } = this;
    for (let i = at + 1; i <= at + 4; i++) {
      if (i >= text.length) throw this.invalidToken(text.length);
      if (!/[0-9a-fA-F]/.test(text[i])) throw this.failAt(this.afterCharacter(i), '"\\u" must be followed by four hexadecimal digits.');
    }
    return parseInt(text.slice(at + 1, at + 5), 16);
  }

  /** Pairs of surrogates must be whole; returns the pending first half or -1. */
  private checkSurrogate(code: number, high: number, at: number): number {
    if (code >= 0xd800 && code < 0xdc00) {
      if (high !== -1) throw this.failAt(at + 1, 'Unicode high surrogate must not follow a high surrogate.');
      return code;
    }
    const isLow = code >= 0xdc00 && code < 0xe000;
    if (isLow !== (high !== -1)) throw this.failAt(at + 1, 'Unicode low surrogate must follow a high surrogate.');
    if (code === 0) throw this.failAt(at + 1, '\\u0000 cannot be converted to text.', true);
    return -1;
  }

  private number(from: number): TokenKind {
    const { text } = this;
    let at = from;
    let bad = false;
    if (text.charCodeAt(at) === 48) at++;
    else if (isDigit(text.charCodeAt(at))) while (isDigit(text.charCodeAt(at))) at++;
    else bad = true;
    if (text.charCodeAt(at) === 46) {
      at++;
      if (!isDigit(text.charCodeAt(at))) bad = true;
      while (isDigit(text.charCodeAt(at))) at++;
    }
    if ((text.charCodeAt(at) | 32) === 101) {
      at++;
      if (text.charCodeAt(at) === 43 || text.charCodeAt(at) === 45) at++;
      if (!isDigit(text.charCodeAt(at))) bad = true;
      while (isDigit(text.charCodeAt(at))) at++;
    }
    for (; at < text.length && isAlphanumeric(text.charCodeAt(at)); at++) bad = true;
    if (bad) throw this.invalidToken(at);
    this.end = at;
    return (this.kind = 'number');
  }

  private word(from: number): TokenKind {
    const { text } = this;
    let at = from;
    while (at < text.length && isAlphanumeric(text.charCodeAt(at))) at++;
    if (at === from) throw this.invalidToken(from + 1);
    const word = text.slice(from, at);
    if (word !== 'true' && word !== 'false' && word !== 'null') throw this.invalidToken(at);
    this.end = at;
    return (this.kind = word);
  }

  private invalidToken(end: number): PgError {
    return this.failAt(end, `Token "${this.text.slice(this.start, end)}" is invalid.`);
  }

  private failAt(end: number, detail: string, unsupported = false): PgError {
    this.end = end;
    if (unsupported) return pgError('UNTRANSLATABLE_CHARACTER', 'unsupported Unicode escape sequence', { detail, where: this.context() });
    return pgError('INVALID_TEXT_REPRESENTATION', 'invalid input syntax for type json', { detail, where: this.context() });
  }

  /** 22P02: the current token is not what was expected. */
  unexpected(expected: Expectation): PgError {
    if (this.kind === 'end') return this.failAt(this.end, 'The input string ended unexpectedly.');
    return this.failAt(this.end, `Expected ${expected}, but found "${this.text.slice(this.start, this.end)}".`);
  }

  /** `JSON data, line 1: ...`: at most about fifty bytes up to the end of the token. */
  private context(): string {
    const { text, lineStart, end } = this;
    let from = lineStart;
    let bytes = Buffer.byteLength(text.slice(from, end));
    while (bytes >= 50) {
      const width = text.codePointAt(from)! > 0xffff ? 2 : 1;
      bytes -= Buffer.byteLength(text.slice(from, from + width));
      from += width;
    }
    if (Buffer.byteLength(text.slice(lineStart, from)) <= 3) from = lineStart;
    const more = this.kind !== 'end' && end < text.length && text[end] !== '\n' && text[end] !== '\r';
    return `JSON data, line ${this.line}: ${from > lineStart ? '...' : ''}${text.slice(from, end)}${more ? '...' : ''}`;
  }
}
