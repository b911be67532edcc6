/**
 * PostgreSQL 19's WAIT FOR LSN, which the PostgreSQL 18 grammar does not have: recognised before it.
 *
 *     WAIT FOR LSN 'lsn' [ WITH ( option [ value ] [, ...] ) ]
 *
 * The statement is cut out of the source text and another of the same length put in its place, so that everything else is parsed as
 * ever and all positions stay.
 */
import { PgError } from '../base/error.js';
import type { RawNode } from './raw.js';

/** The body of a WaitStmt. Locations are offsets into the source text. */
export interface WaitStmt {
  readonly lsn: string;
  readonly options: readonly WaitOption[];
}

/** One option of WITH; `value` null: given without one. */
export interface WaitOption {
  readonly name: string;
  readonly value: string | null;
  readonly location: number;
}

/** A WAIT statement found in a text. */
export interface FoundWait {
  /** Offset of its first word. */
  readonly start: number;
  readonly statement: WaitStmt;
}

/** A text without its WAIT statements, and what they were. */
export interface WithoutWaits {
  readonly sql: string;
  readonly waits: readonly FoundWait[];
}

const STAND_IN = 'CHECKPOINT';
const MENTIONED = /\bwait\b/i;
const SPACE = /(?:\s+|--[^\n]*)*/uy;
const TOKEN = /(?:([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([+-]?(?:\d+\.?\d*|\.\d+))|(\$(?:[A-Za-z_]\w*)?\$)|(.))/suy;

type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'dollar' | 'symbol' | 'end';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Reads a text token by token, as far as it must be understood to find where statements begin. */
class Scanner {
  constructor(private readonly sql: string, public at = 0) {}

  /** The next token; comments and blanks are skipped. */
  next(): Token {
    this.skipBlanks();
    const { sql, at: start } = this;
    TOKEN.lastIndex = start;
    const match = TOKEN.exec(sql);
    if (match === null) return { kind: 'end', text: '', start: sql.length, end: sql.length };
    this.at = TOKEN.lastIndex;
    const [, word, quoted, string, number, dollar, symbol] = match;
    if (dollar !== undefined) {
      const close = sql.indexOf(dollar, this.at);
      this.at = close === -1 ? sql.length : close + dollar.length;
    } else if (word !== undefined && /^e$/i.test(word) && sql[this.at] === "'") {
      this.skipEscapeString();
    }
    const text = word ?? quoted?.replaceAll('""', '"') ?? string?.replaceAll("''", "'") ?? number ?? dollar ?? symbol;
    const kind: TokenKind = word !== undefined ? 'word' : quoted !== undefined ? 'quoted' : string !== undefined ? 'string'
      : number !== undefined ? 'number' : dollar !== undefined ? 'dollar' : 'symbol';
    return { kind, text, start, end: this.at };
  }

  private skipBlanks(): void {
    const { sql } = this;
    for (;;) {
      SPACE.lastIndex = this.at;
      SPACE.exec(sql);
      this.at = SPACE.lastIndex;
      if (!sql.startsWith('/*', this.at)) return;
      let depth = 0;
      do {
        if (sql.startsWith('/*', this.at)) {
          depth++;
          this.at += 2;
        } else if (sql.startsWith('*/', this.at)) {
          depth--;
          this.at += 2;
        } else {
          this.at++;
        }
      } while (depth > 0 && this.at < sql.length);
    }
  }

  private skipEscapeString(): void {
    const { sql } = this;
    for (this.at++; this.at < sql.length; this.at++) {
      if (sql[this.at] === '\\') this.at++;
      else if (sql[this.at] === "'") {
        this.at++;
        if (sql[this.at] !== "'") return;
      }
    }
  }
}

/** Cuts the WAIT statements out of a text; null when it has none. @throws 42601 for one that is not well-formed */
export function cutWaits(sql: string): WithoutWaits | null {
  if (!MENTIONED.test(sql)) return null;
  const scanner = new Scanner(sql);
  const waits: FoundWait[] = [];
  let rest = sql;
  for (let atStart = true, token = scanner.next(); token.kind !== 'end'; token = scanner.next()) {
    if (atStart && isWord(token, 'wait') && startsWait(sql, token.end)) {
      const { statement, end } = parseWait(sql, token.end);
      waits.push({ start: token.start, statement });
      rest = rest.slice(0, token.start) + STAND_IN.padEnd(end - token.start) + rest.slice(end);
      scanner.at = end;
      atStart = false;
      continue;
    }
    atStart = token.kind === 'symbol' && token.text === ';';
  }
  return waits.length === 0 ? null : { sql: rest, waits };
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text.toLowerCase() === word;
}

function startsWait(sql: string, at: number): boolean {
  const scanner = new Scanner(sql, at);
  return isWord(scanner.next(), 'for') && isWord(scanner.next(), 'lsn');
}

function parseWait(sql: string, from: number): { statement: WaitStmt; end: number } {
  const scanner = new Scanner(sql, from);
  const unexpected = (token: Token): PgError => new PgError('SYNTAX_ERROR', token.kind === 'end' ? 'syntax error at end of input'
    : `syntax error at or near "${sql.slice(token.start, token.end)}"`, { position: [...sql.slice(0, token.start)].length + 1 });
  scanner.next();
  scanner.next();
  const target = scanner.next();
  if (target.kind !== 'string') throw unexpected(target);
  const options: WaitOption[] = [];
  let end = target.end;
  let token = scanner.next();
  if (isWord(token, 'with')) {
    const open = scanner.next();
    if (open.text !== '(' || open.kind !== 'symbol') throw unexpected(open);
    do {
      const name = scanner.next();
      if (name.kind !== 'word' && name.kind !== 'quoted') throw unexpected(name);
      token = scanner.next();
      let value: string | null = null;
      if (['word', 'quoted', 'string', 'number'].includes(token.kind)) {
        value = token.kind === 'word' ? token.text.toLowerCase() : token.text;
        token = scanner.next();
      }
      options.push({ name: name.kind === 'word' ? name.text.toLowerCase() : name.text, value, location: [...sql.slice(0, name.start)].length });
    } while (token.kind === 'symbol' && token.text === ',');
    if (token.kind !== 'symbol' || token.text !== ')') throw unexpected(token);
    ({ end } = token);
    token = scanner.next();
  }
  if (token.kind !== 'end' && !(token.kind === 'symbol' && token.text === ';')) throw unexpected(token);
  return { statement: { lsn: target.text, options }, end };
}

/** The statement as a parse tree's body. */
export function waitBody({ lsn, options }: WaitStmt): RawNode {
  return { lsn, options: options.map(({ name, value, location }) => ({ name, value, location })) };
}
