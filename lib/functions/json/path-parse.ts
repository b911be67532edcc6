/**
 * jsonpath: reading and writing of SQL/JSON path expressions (PostgreSQL's jsonpath_scan.l, jsonpath_gram.y, jsonpath.c).
 * A jsonpath Datum is its canonical text; parsed forms are cached by it.
 */
import { pgError, type PgError } from '../../base/error.js';
import type { Numeric } from '../../types/numeric.js';
import { negateNumeric } from '../numeric/arithmetic.js';
import { formatNumeric, parseNumeric } from '../numeric/core.js';
import { compileRegex } from '../regex/compile.js';
import { parseSmall } from '../scalar/int-text.js';
import { escapeJson } from './text.js';

export type ComparisonOperator = '==' | '!=' | '<' | '>' | '<=' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
/** Methods without arguments. */
export type PlainMethod =
  | 'abs' | 'size' | 'type' | 'floor' | 'double' | 'ceiling' | 'keyvalue' | 'bigint' | 'boolean' | 'date' | 'integer' | 'number' | 'string';
/** Methods with an optional precision or template. */
export type TimeMethod = 'datetime' | 'time' | 'time_tz' | 'timestamp' | 'timestamp_tz';

/** What an item does; `next` is the accessor applied to its result. */
export type PathStep =
  | { readonly kind: 'null' } | { readonly kind: 'root' } | { readonly kind: 'current' } | { readonly kind: 'last' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string' | 'variable' | 'key'; readonly value: string }
  | { readonly kind: 'numeric'; readonly value: Numeric }
  | { readonly kind: 'and' | 'or'; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'not' | 'isUnknown' | 'exists' | 'filter'; readonly arg: PathItem }
  | { readonly kind: 'compare'; readonly operator: ComparisonOperator; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'startsWith'; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'likeRegex'; readonly arg: PathItem; readonly pattern: string; readonly flags: string }
  | { readonly kind: 'arithmetic'; readonly operator: ArithmeticOperator; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'sign'; readonly operator: '+' | '-'; readonly arg: PathItem }
  | { readonly kind: 'anyArray' } | { readonly kind: 'anyKey' }
  | { readonly kind: 'subscripts'; readonly ranges: readonly { readonly from: PathItem; readonly to: PathItem | undefined }[] }
  /** Levels; Infinity stands for `last`. */
  | { readonly kind: 'any'; readonly first: number; readonly last: number }
  | { readonly kind: 'method'; readonly name: PlainMethod }
  | { readonly kind: 'decimal'; readonly precision: PathItem | undefined; readonly scale: PathItem | undefined }
  | { readonly kind: 'time'; readonly name: TimeMethod; readonly arg: PathItem | undefined };
export type PathItem = PathStep & { readonly next?: PathItem };

/** A parsed path. */
export interface JsonPath { readonly lax: boolean; readonly root: PathItem }

const KEYWORDS = new Set([
  'is', 'to', 'abs', 'lax', 'date', 'flag', 'last', 'null', 'size', 'time', 'true', 'type', 'with', 'false', 'floor', 'bigint', 'double',
  'exists', 'number', 'starts', 'strict', 'string', 'boolean', 'ceiling', 'decimal', 'integer', 'time_tz', 'unknown', 'datetime',
  'keyvalue', 'timestamp', 'like_regex', 'timestamp_tz',
]);
/** These are keywords in lower case only. */
const LOWER_ONLY = new Set(['null', 'true', 'false']);
const PLAIN_METHODS = new Set<string>([
  'abs', 'size', 'type', 'floor', 'double', 'ceiling', 'keyvalue', 'bigint', 'boolean', 'date', 'integer', 'number', 'string',
]);
const TIME_METHODS = new Set<string>(['datetime', 'time', 'time_tz', 'timestamp', 'timestamp_tz']);

type TokenKind = 'keyword' | 'identifier' | 'string' | 'variable' | 'integer' | 'numeric' | 'operator' | 'end';
/** `shown` is what a syntax error at this token quotes ('' reads "at end"). */
interface Token { readonly kind: TokenKind; readonly text: string; readonly shown: string; readonly keyword: string }

function pathError(message: string, shown: string): PgError {
  return pgError('SYNTAX_ERROR', shown === '' ? `${message} at end of jsonpath input` : `${message} at or near "${shown}" of jsonpath input`);
}

const OTHER = /[^?%$.[\]{}()|&!=<>@#,*:\-+/\\" \t\n\r\f]/;
const OTHERS = /[^?%$.[\]{}()|&!=<>@#,*:\-+/\\" \t\n\r\f]*/y;
const DEC = '(?:0|[1-9](?:_?[0-9])*)';
const DECIMAL = `(?:${DEC}\\.(?:[0-9](?:_?[0-9])*)?|\\.[0-9](?:_?[0-9])*)`;
const NUMBER_FORMS: readonly (readonly [kind: 'numeric' | 'integer', pattern: RegExp])[] = [
  ['numeric', new RegExp(`(?:${DECIMAL}|${DEC})[Ee][-+]?[0-9](?:_?[0-9])*`, 'y')],
  ['numeric', new RegExp(DECIMAL, 'y')],
  ['integer', new RegExp(DEC, 'y')],
  ['integer', /0[xX][0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0[oO][0-7](?:_?[0-7])*|0[bB][01](?:_?[01])*/y],
];
const EXPONENT_CUT = new RegExp(`(?:${DECIMAL}|${DEC})[Ee][-+]`, 'y');

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** Splits a path into tokens. */
class PathLexer {
  private at = 0;
  constructor(private readonly text: string) {}

  next(): Token {
    this.skipBlank();
    const { text, at } = this;
    if (at >= text.length) return { kind: 'end', text: '', shown: '', keyword: '' };
    const unit = text[at];
    if (/[0-9]/.test(unit) || (unit === '.' && /[0-9]/.test(text[at + 1] ?? ''))) return this.number();
    if (unit === '"') return this.quoted('string', at + 1);
    if (unit === '$') {
      if (text[at + 1] === '"') return this.quoted('variable', at + 2);
      const name = matchAt(OTHERS, text, at + 1);
      if (name !== '') {
        this.at += 1 + name.length;
        return { kind: 'variable', text: name, shown: `$${name}`, keyword: '' };
      }
    }
    if (unit === '\\' || OTHER.test(unit)) return this.identifier();
    const operator = /^(?:&&|\|\||\*\*|<=|==|<>|!=|>=|.)/s.exec(text.slice(at, at + 2))![0];
    this.at += operator.length;
    return { kind: 'operator', text: operator === '<>' ? '!=' : operator, shown: operator, keyword: '' };
  }

  private skipBlank(): void {
    for (;;) {
      const blank = matchAt(/[ \t\n\r\f]*/y, this.text, this.at);
      this.at += blank.length;
      if (!this.text.startsWith('/*', this.at)) return;
      const end = this.text.indexOf('*/', this.at + 2);
      if (end < 0) throw pathError('unexpected end of comment', '');
      this.at = end + 2;
    }
  }

  private number(): Token {
    const { text, at } = this;
    let best: { readonly kind: 'numeric' | 'integer'; readonly text: string } = { kind: 'integer', text: '' };
    for (const [kind, pattern] of NUMBER_FORMS) {
      const found = matchAt(pattern, text, at);
      if (found.length > best.text.length) best = { kind, text: found };
    }
    const cut = matchAt(EXPONENT_CUT, text, at);
    if (cut.length > best.text.length) throw pathError('invalid numeric literal', cut);
    const after = text[at + best.text.length];
    // The longest token wins: a run of letters and digits that goes on behind the junk is a name.
    const run = matchAt(OTHERS, text, at).length;
    if (run > best.text.length + 1) return this.identifier();
    if (after !== undefined && OTHER.test(after)) {
      throw pathError('trailing junk after numeric literal', best.text + String.fromCodePoint(text.codePointAt(at + best.text.length)!));
    }
    this.at += best.text.length;
    return { kind: best.kind, text: best.text, shown: best.text, keyword: '' };
  }

  private quoted(kind: 'string' | 'variable', from: number): Token {
    let value = '';
    this.at = from;
    for (;;) {
      const unit = this.text[this.at];
      if (unit === undefined) throw pathError('unterminated quoted string', '');
      if (unit === '"') {
        this.at++;
        return { kind, text: value, shown: '"', keyword: '' };
      }
      if (unit === '\\') value += this.escape();
      else {
        value += unit;
        this.at++;
      }
    }
  }

  private identifier(): Token {
    let value = '';
    for (;;) {
      const part = matchAt(OTHERS, this.text, this.at);
      value += part;
      this.at += part.length;
      if (this.text[this.at] !== '\\') break;
      value += this.escape();
    }
    const shown = matchAt(/[ \t\n\r\f]*/y, this.text, this.at);
    const lower = value.toLowerCase();
    const keyword = KEYWORDS.has(lower) && (!LOWER_ONLY.has(lower) || value === lower) ? lower : '';
    return { kind: keyword === '' ? 'identifier' : 'keyword', text: value, shown, keyword };
  }

  /** The characters of the escapes that start here. */
  private escape(): string {
    const { text } = this;
    const unicode = matchAt(/(?:\\u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\}))+/y, text, this.at);
    if (unicode !== '') {
      this.at += unicode.length;
      const cut = /^\\u(?:[0-9A-Fa-f]{0,3}|\{[0-9A-Fa-f]{0,6})/.exec(text.slice(this.at));
      if (cut) throw pathError('invalid Unicode escape sequence', unicode + cut[0]);
      return decodeUnicode(unicode);
    }
    const next = text[this.at + 1];
    if (next === undefined) throw pathError('unexpected end after backslash', '\\');
    if (next === 'u') throw pathError('invalid Unicode escape sequence', /^\\u(?:[0-9A-Fa-f]{0,3}|\{[0-9A-Fa-f]{0,6})/.exec(text.slice(this.at))![0]);
    if (next === 'x') {
      const hexadecimal = /^\\x([0-9A-Fa-f]{2})/.exec(text.slice(this.at));
      if (!hexadecimal) throw pathError('invalid hexadecimal character sequence', /^\\x[0-9A-Fa-f]?/.exec(text.slice(this.at))![0]);
      this.at += 4;
      return toCharacter(parseInt(hexadecimal[1], 16));
    }
    const character = String.fromCodePoint(text.codePointAt(this.at + 1)!);
    this.at += 1 + character.length;
    const simple: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
    return simple[character] ?? character;
  }
}

function toCharacter(code: number): string {
  if (code === 0) throw pgError('UNTRANSLATABLE_CHARACTER', 'unsupported Unicode escape sequence', { detail: '\\u0000 cannot be converted to text.' });
  return String.fromCodePoint(code);
}

/** A run of \u escapes; halves of surrogate pairs must stand together; 22P02. */
function decodeUnicode(escapes: string): string {
  const complain = (detail: string): PgError => pgError('INVALID_TEXT_REPRESENTATION', 'invalid input syntax for type jsonpath', { detail });
  let value = '';
  let high = -1;
  for (const match of escapes.matchAll(/\\u(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{4}))/g)) {
    let code = parseInt(match[1] ?? match[2], 16);
    if (code >= 0xd800 && code < 0xdc00) {
      if (high !== -1) throw complain('Unicode high surrogate must not follow a high surrogate.');
      high = code;
      continue;
    }
    const isLow = code >= 0xdc00 && code < 0xe000;
    if (isLow !== (high !== -1)) throw complain('Unicode low surrogate must follow a high surrogate.');
    if (isLow) code = ((high - 0xd800) << 10) + (code - 0xdc00) + 0x10000;
    high = -1;
    value += toCharacter(code);
  }
  if (high !== -1) throw complain('Unicode low surrogate must follow a high surrogate.');
  return value;
}

const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>=']);

/** An expression or predicate as the grammar sees it: a predicate with an accessor behind it is an expression. */
interface Parsed { readonly item: PathItem; readonly predicate: boolean }

/** Parses tokens; where an expression or a predicate is missing, the error is at the token behind what stands there. */
class PathParser {
  private token: Token;
  private readonly lexer: PathLexer;

  constructor(text: string) {
    this.lexer = new PathLexer(text);
    this.token = this.lexer.next();
  }

  private fail(): PgError {
    return pathError('syntax error', this.token.shown);
  }

  private advance(): Token {
    const { token } = this;
    this.token = this.lexer.next();
    return token;
  }

  private atEnd(): boolean {
    return this.token.kind === 'end';
  }

  private isOperator(text: string): boolean {
    return this.token.kind === 'operator' && this.token.text === text;
  }

  private isKeyword(word: string): boolean {
    return this.token.keyword === word;
  }

  private expect(text: string): void {
    if (!this.isOperator(text)) throw this.fail();
    this.advance();
  }

  private expectKeyword(word: string): void {
    if (!this.isKeyword(word)) throw this.fail();
    this.advance();
  }

  path(): JsonPath | undefined {
    if (this.atEnd()) return undefined;
    let lax = true;
    if (this.isKeyword('strict') || this.isKeyword('lax')) lax = this.advance().keyword === 'lax';
    const { item } = this.or();
    if (!this.atEnd()) throw this.fail();
    return { lax, root: item };
  }

  private requirePredicate(parsed: Parsed): PathItem {
    if (!parsed.predicate) throw this.fail();
    return parsed.item;
  }

  private requireExpression(parsed: Parsed): PathItem {
    if (parsed.predicate) throw this.fail();
    return parsed.item;
  }

  private or(): Parsed {
    let left = this.and();
    while (this.isOperator('||')) {
      const first = this.requirePredicate(left);
      this.advance();
      left = { item: { kind: 'or', left: first, right: this.requirePredicate(this.and()) }, predicate: true };
    }
    return left;
  }

  private and(): Parsed {
    let left = this.comparison();
    while (this.isOperator('&&')) {
      const first = this.requirePredicate(left);
      this.advance();
      left = { item: { kind: 'and', left: first, right: this.requirePredicate(this.comparison()) }, predicate: true };
    }
    return left;
  }

  private comparison(): Parsed {
    const left = this.additive();
    if (this.token.kind === 'operator' && COMPARISONS.has(this.token.text)) {
      const first = this.requireExpression(left);
      const operator = this.advance().text as ComparisonOperator;
      return { item: { kind: 'compare', operator, left: first, right: this.requireExpression(this.additive()) }, predicate: true };
    }
    if (this.isKeyword('starts')) return this.startsWith(this.requireExpression(left));
    if (this.isKeyword('like_regex')) return this.likeRegex(this.requireExpression(left));
    return left;
  }

  private startsWith(left: PathItem): Parsed {
    this.advance();
    this.expectKeyword('with');
    const { kind } = this.token;
    if (kind !== 'string' && kind !== 'variable') throw this.fail();
    return { item: { kind: 'startsWith', left, right: { kind, value: this.advance().text } }, predicate: true };
  }

  private string(): string {
    if (this.token.kind !== 'string') throw this.fail();
    return this.advance().text;
  }

  private likeRegex(arg: PathItem): Parsed {
    this.advance();
    const pattern = this.string();
    let flags = '';
    if (this.isKeyword('flag')) {
      this.advance();
      flags = canonicalFlags(this.string());
    }
    compileRegex(pattern, regexLetters(flags));
    return { item: { kind: 'likeRegex', arg, pattern, flags }, predicate: true };
  }

  private additive(): Parsed {
    let left = this.multiplicative();
    while (this.isOperator('+') || this.isOperator('-')) {
      const first = this.requireExpression(left);
      const operator = this.advance().text as ArithmeticOperator;
      left = { item: { kind: 'arithmetic', operator, left: first, right: this.requireExpression(this.multiplicative()) }, predicate: false };
    }
    return left;
  }

  private multiplicative(): Parsed {
    let left = this.unary();
    while (this.isOperator('*') || this.isOperator('/') || this.isOperator('%')) {
      const first = this.requireExpression(left);
      const operator = this.advance().text as ArithmeticOperator;
      left = { item: { kind: 'arithmetic', operator, left: first, right: this.requireExpression(this.unary()) }, predicate: false };
    }
    return left;
  }

  private unary(): Parsed {
    if (this.isOperator('+') || this.isOperator('-')) {
      const operator = this.advance().text as '+' | '-';
      return { item: signed(operator, this.requireExpression(this.unary())), predicate: false };
    }
    if (this.isOperator('!')) {
      this.advance();
      if (this.isKeyword('exists')) return { item: { kind: 'not', arg: this.exists() }, predicate: true };
      this.expect('(');
      const arg = this.requirePredicate(this.or());
      this.expect(')');
      return { item: { kind: 'not', arg }, predicate: true };
    }
    if (this.isKeyword('exists')) return { item: this.exists(), predicate: true };
    return this.accessed();
  }

  private exists(): PathItem {
    this.advance();
    this.expect('(');
    const arg = this.requireExpression(this.additive());
    this.expect(')');
    return { kind: 'exists', arg };
  }

  /** A primary with its accessors, or something in parentheses. */
  private accessed(): Parsed {
    if (!this.isOperator('(')) {
      const steps = [this.primary()];
      while (this.atAccessor()) steps.push(this.accessor());
      return { item: chain(steps), predicate: false };
    }
    this.advance();
    const inner = this.or();
    this.expect(')');
    if (this.atAccessor()) {
      const steps = [inner.item];
      while (this.atAccessor()) steps.push(this.accessor());
      return { item: chain(steps), predicate: false };
    }
    if (inner.predicate && this.isKeyword('is')) {
      this.advance();
      this.expectKeyword('unknown');
      return { item: { kind: 'isUnknown', arg: inner.item }, predicate: true };
    }
    return inner;
  }

  private primary(): PathItem {
    const { token } = this;
    switch (token.kind) {
      case 'string': case 'variable': this.advance(); return { kind: token.kind, value: token.text };
      case 'integer': case 'numeric': this.advance(); return { kind: 'numeric', value: parseNumeric(token.text) };
      case 'keyword': {
        const item: PathItem | undefined = token.keyword === 'null' ? { kind: 'null' } : token.keyword === 'last' ? { kind: 'last' }
          : token.keyword === 'true' || token.keyword === 'false' ? { kind: 'bool', value: token.keyword === 'true' } : undefined;
        if (!item) throw this.fail();
        this.advance();
        return item;
      }
      default: {
        if (!this.isOperator('$') && !this.isOperator('@')) throw this.fail();
        return { kind: this.advance().text === '$' ? 'root' : 'current' };
      }
    }
  }

  private atAccessor(): boolean {
    return this.isOperator('.') || this.isOperator('[') || this.isOperator('?');
  }

  private accessor(): PathItem {
    if (this.isOperator('[')) return this.subscripts();
    if (this.isOperator('?')) {
      this.advance();
      this.expect('(');
      const arg = this.requirePredicate(this.or());
      this.expect(')');
      return { kind: 'filter', arg };
    }
    this.advance();
    if (this.isOperator('*')) {
      this.advance();
      return { kind: 'anyKey' };
    }
    if (this.isOperator('**')) return this.anyLevels();
    const { kind, text, keyword } = this.token;
    if (kind !== 'identifier' && kind !== 'string' && kind !== 'keyword') throw this.fail();
    this.advance();
    if (!this.isOperator('(') || kind !== 'keyword') return { kind: 'key', value: text };
    if (PLAIN_METHODS.has(keyword)) {
      this.advance();
      this.expect(')');
      return { kind: 'method', name: keyword as PlainMethod };
    }
    if (keyword === 'decimal') return this.decimal();
    if (TIME_METHODS.has(keyword)) return this.timeMethod(keyword as TimeMethod);
    throw this.fail();
  }

  private decimal(): PathItem {
    this.advance();
    const args: PathItem[] = [];
    while (!this.isOperator(')')) {
      if (args.length > 0) this.expect(',');
      const sign = this.isOperator('+') || this.isOperator('-') ? this.advance().text as '+' | '-' : undefined;
      if (this.token.kind !== 'integer') throw this.fail();
      const number: PathItem = { kind: 'numeric', value: parseNumeric(this.advance().text) };
      args.push(sign ? signed(sign, number) : number);
    }
    this.advance();
    if (args.length > 2) {
      throw pgError('SYNTAX_ERROR', 'invalid input syntax for type jsonpath', { detail: '.decimal() can only have an optional precision[,scale].' });
    }
    return { kind: 'decimal', precision: args[0], scale: args[1] };
  }

  private timeMethod(name: TimeMethod): PathItem {
    this.advance();
    let arg: PathItem | undefined;
    if (name === 'datetime' && this.token.kind === 'string') arg = { kind: 'string', value: this.advance().text };
    else if (name !== 'datetime' && this.token.kind === 'integer') arg = { kind: 'numeric', value: parseNumeric(this.advance().text) };
    this.expect(')');
    return { kind: 'time', name, arg };
  }

  private subscripts(): PathItem {
    this.advance();
    if (this.isOperator('*')) {
      this.advance();
      this.expect(']');
      return { kind: 'anyArray' };
    }
    const ranges: { from: PathItem; to: PathItem | undefined }[] = [];
    for (;;) {
      const from = this.requireExpression(this.additive());
      let to: PathItem | undefined;
      if (this.isKeyword('to')) {
        this.advance();
        to = this.requireExpression(this.additive());
      }
      ranges.push({ from, to });
      if (!this.isOperator(',')) break;
      this.advance();
    }
    this.expect(']');
    return { kind: 'subscripts', ranges };
  }

  private level(): number {
    if (this.isKeyword('last')) {
      this.advance();
      return Infinity;
    }
    if (this.token.kind !== 'integer') throw this.fail();
    return parseSmall(this.advance().text, 'integer', -2147483648, 2147483647);
  }

  private anyLevels(): PathItem {
    this.advance();
    if (!this.isOperator('{')) return { kind: 'any', first: 0, last: Infinity };
    this.advance();
    const first = this.level();
    let last = first;
    if (this.isKeyword('to')) {
      this.advance();
      last = this.level();
    }
    this.expect('}');
    return { kind: 'any', first, last };
  }
}

/** A sign in front of a plain number is part of the number. */
function signed(operator: '+' | '-', arg: PathItem): PathItem {
  if (arg.kind !== 'numeric' || arg.next) return { kind: 'sign', operator, arg };
  return operator === '+' ? arg : { kind: 'numeric', value: negateNumeric(arg.value) };
}

/** Links items: each is what comes next after the one before (behind the accessors that one has already). */
function chain(items: readonly PathItem[]): PathItem {
  const attach = (item: PathItem, next: PathItem): PathItem => ({ ...item, next: item.next ? attach(item.next, next) : next });
  return items.reduceRight((next, item) => attach(item, next));
}

/** Each flag once, in the order they are printed; 42601. */
function canonicalFlags(flags: string): string {
  for (const flag of flags) {
    if (!'ismxq'.includes(flag)) {
      throw pgError('SYNTAX_ERROR', 'invalid input syntax for type jsonpath', { detail: `Unrecognized flag character "${flag}" in LIKE_REGEX predicate.` });
    }
  }
  return ['i', 's', 'm', 'x', 'q'].filter((flag) => flags.includes(flag)).join('');
}

/** Option letters of the regular expression for XQuery's flags; 0A000 for `x`. */
export function regexLetters(flags: string): string {
  const ignoreCase = flags.includes('i') ? 'i' : '';
  if (flags.includes('q')) return `q${ignoreCase}`;
  if (flags.includes('x')) throw pgError('FEATURE_NOT_SUPPORTED', 'XQuery "x" flag (expanded regular expressions) is not implemented');
  const lines = flags.includes('m') ? (flags.includes('s') ? 'w' : 'n') : flags.includes('s') ? 's' : 'p';
  return lines + ignoreCase;
}

/** 42601 for `@` outside filters and `last` outside subscripts. */
function checkPlaces(item: PathItem, depth: number, inSubscript: boolean): void {
  switch (item.kind) {
    case 'current': if (depth <= 0) throw pgError('SYNTAX_ERROR', '@ is not allowed in root expressions'); break;
    case 'last': if (!inSubscript) throw pgError('SYNTAX_ERROR', 'LAST is allowed only in array subscripts'); break;
    case 'and': case 'or': case 'compare': case 'startsWith': case 'arithmetic':
      checkPlaces(item.left, depth, inSubscript);
      checkPlaces(item.right, depth, inSubscript);
      break;
    case 'filter': checkPlaces(item.arg, depth + 1, inSubscript); break;
    case 'not': case 'isUnknown': case 'exists': case 'sign': case 'likeRegex': checkPlaces(item.arg, depth, inSubscript); break;
    case 'subscripts':
      for (const { from, to } of item.ranges) {
        checkPlaces(from, depth, true);
        if (to) checkPlaces(to, depth, true);
      }
      break;
    default: break;
  }
  if (item.next) checkPlaces(item.next, depth, inSubscript);
}

/** Parses a path; 22P02, 22P05, 42601, 2201B. */
export function parsePath(text: string): JsonPath {
  const path = new PathParser(text).path();
  if (!path) throw pgError('INVALID_TEXT_REPRESENTATION', `invalid input syntax for type jsonpath: "${text}"`);
  checkPlaces(path.root, 0, false);
  return path;
}

const PRIORITIES: Partial<Record<PathStep['kind'], number>> = { or: 0, and: 1, compare: 2, startsWith: 2, sign: 5 };
function priority(item: PathItem): number {
  if (item.kind === 'arithmetic') return item.operator === '+' || item.operator === '-' ? 3 : 4;
  return PRIORITIES[item.kind] ?? 6;
}

function printBinary(item: PathItem & { left: PathItem; right: PathItem }, operator: string, brackets: boolean): string {
  const own = priority(item);
  const text = `${printItem(item.left, false, priority(item.left) <= own)} ${operator} ${printItem(item.right, false, priority(item.right) <= own)}`;
  return brackets ? `(${text})` : text;
}

function printLevels(first: number, last: number): string {
  const level = (value: number): string => (value === Infinity ? 'last' : String(value));
  if (first === 0 && last === Infinity) return '**';
  return first === last ? `**{${level(first)}}` : `**{${level(first)} to ${level(last)}}`;
}

function printStep(item: PathItem, inKey: boolean, brackets: boolean): string {
  const dot = inKey ? '.' : '';
  const wrap = (text: string): string => (brackets ? `(${text})` : text);
  const arg = (inner: PathItem | undefined): string => (inner ? printItem(inner, false, false) : '');
  switch (item.kind) {
    case 'null': return 'null';
    case 'bool': return String(item.value);
    case 'string': return escapeJson(item.value);
    case 'numeric': return item.next ? `(${formatNumeric(item.value)})` : formatNumeric(item.value);
    case 'variable': return `$${escapeJson(item.value)}`;
    case 'key': return dot + escapeJson(item.value);
    case 'root': return '$';
    case 'current': return '@';
    case 'last': return 'last';
    case 'and': return printBinary(item, '&&', brackets);
    case 'or': return printBinary(item, '||', brackets);
    case 'compare': case 'arithmetic': return printBinary(item, item.operator, brackets);
    case 'startsWith': return printBinary(item, 'starts with', brackets);
    case 'not': return `!(${arg(item.arg)})`;
    case 'isUnknown': return `(${arg(item.arg)}) is unknown`;
    case 'exists': return `exists (${arg(item.arg)})`;
    case 'filter': return `?(${arg(item.arg)})`;
    case 'sign': return wrap(item.operator + printItem(item.arg, false, priority(item.arg) <= priority(item)));
    case 'likeRegex': {
      const flags = item.flags === '' ? '' : ` flag "${item.flags}"`;
      return wrap(`${printItem(item.arg, false, priority(item.arg) <= priority(item))} like_regex ${escapeJson(item.pattern)}${flags}`);
    }
    case 'anyArray': return '[*]';
    case 'anyKey': return `${dot}*`;
    case 'any': return dot + printLevels(item.first, item.last);
    case 'subscripts': return `[${item.ranges.map(({ from, to }) => arg(from) + (to ? ` to ${arg(to)}` : '')).join(',')}]`;
    case 'method': return `.${item.name}()`;
    case 'decimal': return `.decimal(${arg(item.precision)}${item.scale ? `,${arg(item.scale)}` : ''})`;
    case 'time': return `.${item.name}(${arg(item.arg)})`;
  }
}

function printItem(item: PathItem, inKey: boolean, brackets: boolean): string {
  const text = printStep(item, inKey, brackets);
  return item.next ? text + printItem(item.next, true, true) : text;
}

/** jsonpath_out. */
export function printPath(path: JsonPath): string {
  return (path.lax ? '' : 'strict ') + printItem(path.root, false, true);
}

const cache = new Map<string, JsonPath>();

/** The parsed form of a jsonpath Datum (its canonical text). */
export function pathOf(datum: string): JsonPath {
  let path = cache.get(datum);
  if (!path) {
    path = parsePath(datum);
    if (cache.size >= 500) cache.clear();
    cache.set(datum, path);
  }
  return path;
}
