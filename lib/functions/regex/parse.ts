/**
 * Parses advanced regular expressions into trees (syntax as PostgreSQL's regex/regcomp.c and regc_lex.c accept it).
 * Errors: 2201B "invalid regular expression: ...".
 */
import { pgError } from '../../base/error.js';
import { CLASSES, COLLATING_NAMES, escapeCode, type CharacterSet, type ParsedRegex, type RegexNode, type RegexOptions } from './syntax.js';

/** 2201B with the reason. */
export function regexError(reason: string): Error {
  return pgError('INVALID_REGULAR_EXPRESSION', `invalid regular expression: ${reason}`);
}

/** Options before embedded ones are read. */
export interface RegexFlags extends RegexOptions {
  readonly expanded: boolean;
  /** 'are', 'ere' (no escapes, no lookaround), 'bre' or 'literal'. */
  readonly flavour: 'are' | 'ere' | 'bre' | 'literal';
}

const MAX_REPEAT = 255;

class Parser {
  private at = 0;
  private groups = 0;
  private readonly referenced = new Set<number>();
  /** Within how many lookaround constraints the parser stands: no groups and no back references there. */
  private lookDepth = 0;
  private readonly unclosed = new Set<number>();
  private readonly source: string;
  private flags: RegexFlags;

  constructor(source: string, flags: RegexFlags) {
    this.flags = flags;
    this.source = source;
  }

  parse(): ParsedRegex {
    this.readDirector();
    this.readEmbeddedOptions();
    if (this.flags.flavour === 'literal') return this.literal();
    const root = this.alternatives(0);
    if (this.at < this.source.length) throw regexError('parentheses () not balanced');
    const { ignoreCase, newlineStop, newlineAnchors } = this.flags;
    return { root, groups: this.groups, options: { ignoreCase, newlineStop, newlineAnchors }, referenced: this.referenced };
  }

  private literal(): ParsedRegex {
    const items = Array.from(this.source.slice(this.at), (ch): RegexNode => ({ kind: 'character', code: ch.codePointAt(0)! }));
    return { root: { kind: 'sequence', items }, groups: 0, options: this.flags, referenced: this.referenced };
  }

  /** `***=` and `***:`. */
  private readDirector(): void {
    if (this.flags.flavour !== 'are' || !this.source.startsWith('***')) return;
    const kind = this.source[3];
    if (kind === '=') this.flags = { ...this.flags, flavour: 'literal' };
    else if (kind !== ':') throw regexError('quantifier operand invalid');
    this.at = 4;
  }

  /** `(?ix)` at the very start. */
  private readEmbeddedOptions(): void {
    if (this.flags.flavour !== 'are') return;
    const match = /^\(\?([a-z]+)\)/.exec(this.source.slice(this.at));
    if (!match) return;
    this.flags = applyOptionLetters(this.flags, match[1], () => regexError('invalid embedded option'));
    this.at += match[0].length;
  }

  private peek(): string {
    return this.source[this.at];
  }

  /** In expanded syntax, white space and comments between tokens mean nothing. */
  private skip(): void {
    for (;;) {
      if (this.flags.flavour === 'are' && this.source.startsWith('(?#', this.at)) {
        const end = this.source.indexOf(')', this.at);
        if (end < 0) throw regexError('parentheses () not balanced');
        this.at = end + 1;
      } else if (this.flags.expanded && /\s/.test(this.peek() ?? '')) {
        this.at++;
      } else if (this.flags.expanded && this.peek() === '#') {
        while (this.at < this.source.length && this.source[this.at] !== '\n') this.at++;
      } else {
        return;
      }
    }
  }

  private alternatives(depth: number): RegexNode {
    if (depth > 1000) throw regexError('regular expression is too complex');
    const branches = [this.branch(depth)];
    while (this.peek() === '|' && this.flags.flavour !== 'bre') {
      this.at++;
      branches.push(this.branch(depth));
    }
    return branches.length === 1 ? branches[0] : { kind: 'alternatives', branches };
  }

  private branch(depth: number): RegexNode {
    const items: RegexNode[] = [];
    for (;;) {
      this.skip();
      if (this.at >= this.source.length || (this.peek() === '|' && this.flags.flavour !== 'bre')) break;
      if (this.peek() === ')' && this.flags.flavour !== 'bre') {
        if (depth > 0) break;
        if (this.flags.flavour === 'are') throw regexError('parentheses () not balanced');
      }
      if (this.flags.flavour === 'bre' && this.source.startsWith('\\)', this.at)) break;
      const atom = this.atom(depth, items.length === 0);
      items.push(this.quantified(atom));
    }
    return items.length === 0 ? { kind: 'empty' } : items.length === 1 ? items[0] : { kind: 'sequence', items };
  }

  private quantified(atom: RegexNode): RegexNode {
    this.skip();
    const bounds = this.quantifier();
    if (!bounds) return atom;
    if (atom.kind === 'constraint' || atom.kind === 'look') throw regexError('quantifier operand invalid');
    let greedy = true;
    if (this.flags.flavour === 'are' && this.peek() === '?') {
      greedy = false;
      this.at++;
    }
    this.skip();
    if (this.startsQuantifier()) throw regexError('quantifier operand invalid');
    return { kind: 'repeat', inner: atom, min: bounds[0], max: bounds[1], greedy, fixed: bounds[2] };
  }

  private startsQuantifier(): boolean {
    const ch = this.peek();
    if (this.flags.flavour === 'bre') return ch === '*' || this.source.startsWith('\\{', this.at);
    return ch === '*' || ch === '+' || ch === '?' || (ch === '{' && /\d/.test(this.source[this.at + 1] ?? ''));
  }

  private quantifier(): readonly [min: number, max: number, fixed: boolean] | undefined {
    const ch = this.peek();
    const bre = this.flags.flavour === 'bre';
    if (ch === '*' || (!bre && (ch === '+' || ch === '?'))) {
      this.at++;
      return ch === '*' ? [0, Infinity, false] : ch === '+' ? [1, Infinity, false] : [0, 1, false];
    }
    const opening = bre ? '\\{' : '{';
    if (!this.source.startsWith(opening, this.at)) return undefined;
    const rest = this.source.slice(this.at + opening.length);
    if (!bre && !/^\d/.test(rest)) return undefined;
    const match = (bre ? /^(\d+)(?:(,)(\d*))?\\\}/ : /^(\d+)(?:(,)(\d*))?\}/).exec(rest);
    if (!match) throw regexError(rest.includes('}') ? 'invalid repetition count(s)' : 'braces {} not balanced');
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Infinity : Number(match[3]);
    if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT) || min > max) throw regexError('invalid repetition count(s)');
    this.at += opening.length + match[0].length;
    return [min, max, match[2] === undefined];
  }

  private atom(depth: number, first: boolean): RegexNode {
    const ch = this.peek();
    const { flavour } = this.flags;
    if (ch === '\\') return this.escape(depth);
    if (ch === '[') return this.bracket();
    if (ch === '.') {
      this.at++;
      return { kind: 'any' };
    }
    if (ch === '^' && (flavour !== 'bre' || first)) {
      this.at++;
      return { kind: 'constraint', what: 'bol' };
    }
    if (ch === '$' && (flavour !== 'bre' || this.at + 1 === this.source.length || this.source.startsWith('\\)', this.at + 1))) {
      this.at++;
      return { kind: 'constraint', what: 'eol' };
    }
    if (ch === '(' && flavour !== 'bre') return this.parenthesized(depth);
    if (flavour !== 'bre' && this.startsQuantifier()) throw regexError('quantifier operand invalid');
    const code = this.source.codePointAt(this.at)!;
    this.at += code > 0xffff ? 2 : 1;
    return { kind: 'character', code };
  }

  private parenthesized(depth: number): RegexNode {
    this.at++;
    let wrap: (inner: RegexNode) => RegexNode = (inner) => inner;
    const look = this.flags.flavour === 'are' ? /^\?(<?[=!]|:)/.exec(this.source.slice(this.at, this.at + 3)) : null;
    if (look) {
      this.at += look[0].length;
      if (look[1] !== ':') {
        const behind = look[1].length === 2;
        const negated = look[1].endsWith('!');
        this.lookDepth++;
        wrap = (inner) => {
          this.lookDepth--;
          return { kind: 'look', behind, negated, inner };
        };
      } else {
        wrap = (inner) => ({ kind: 'group', capture: 0, inner });
      }
    } else if (this.flags.flavour === 'are' && this.peek() === '?') {
      throw regexError('quantifier operand invalid');
    } else if (this.lookDepth > 0) {
      wrap = (inner) => ({ kind: 'group', capture: 0, inner });
    } else {
      const capture = ++this.groups;
      this.unclosed.add(capture);
      wrap = (inner) => {
        this.unclosed.delete(capture);
        return { kind: 'group', capture, inner };
      };
    }
    const inner = this.alternatives(depth + 1);
    if (this.peek() !== ')') throw regexError('parentheses () not balanced');
    this.at++;
    return wrap(inner);
  }

  private escape(depth: number): RegexNode {
    if (this.flags.flavour !== 'are') return this.plainEscape(depth);
    this.at++;
    if (this.at >= this.source.length) throw regexError('invalid escape \\ sequence');
    const ch = this.peek();
    if (/[dswDSW]/.test(ch)) {
      this.at++;
      return shorthandSet(ch);
    }
    const constraints: Record<string, RegexNode> = {
      A: { kind: 'constraint', what: 'bos' }, Z: { kind: 'constraint', what: 'eos' }, m: { kind: 'constraint', what: 'wordStart' },
      M: { kind: 'constraint', what: 'wordEnd' }, y: { kind: 'constraint', what: 'wordBoundary' }, Y: { kind: 'constraint', what: 'notWordBoundary' },
    };
    if (constraints[ch]) {
      this.at++;
      return constraints[ch];
    }
    if (/[1-9]/.test(ch)) {
      const digits = /^\d+/.exec(this.source.slice(this.at))![0];
      const reference = digits.length === 1 || Number(digits) <= this.groups ? Number(digits) : 0;
      if (reference > 0) {
        if (reference > this.groups || this.unclosed.has(reference) || this.lookDepth > 0) throw regexError('invalid backreference number');
        this.at += digits.length;
        this.referenced.add(reference);
        return { kind: 'backReference', group: reference };
      }
    }
    return { kind: 'character', code: this.characterEscape() };
  }

  /** Escapes of EREs and BREs: a backslash makes the next character ordinary, in BREs \( and \) group. */
  private plainEscape(depth: number): RegexNode {
    this.at++;
    if (this.at >= this.source.length) throw regexError('invalid escape \\ sequence');
    const ch = this.peek();
    if (this.flags.flavour === 'bre') {
      if (ch === '(') {
        this.at++;
        const capture = ++this.groups;
        const inner = this.alternatives(depth + 1);
        if (!this.source.startsWith('\\)', this.at)) throw regexError('parentheses () not balanced');
        this.at += 2;
        return { kind: 'group', capture, inner };
      }
      if (/[1-9]/.test(ch)) {
        this.at++;
        if (Number(ch) > this.groups) throw regexError('invalid backreference number');
        this.referenced.add(Number(ch));
        return { kind: 'backReference', group: Number(ch) };
      }
      if (ch === '<' || ch === '>') {
        this.at++;
        return { kind: 'constraint', what: ch === '<' ? 'wordStart' : 'wordEnd' };
      }
    }
    const code = this.source.codePointAt(this.at)!;
    this.at += code > 0xffff ? 2 : 1;
    return { kind: 'character', code };
  }

  /** The code of a character-entry escape; `at` stands behind the backslash. */
  private characterEscape(): number {
    const ch = this.source[this.at++];
    const simple: Record<string, number> = { a: 7, b: 8, B: 92, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 };
    if (ch in simple) return simple[ch];
    if (ch === 'c') {
      if (this.at >= this.source.length) throw regexError('invalid escape \\ sequence');
      return this.source.charCodeAt(this.at++) & 0x1f;
    }
    const hex = ch === 'u' ? /^[0-9a-fA-F]{4}/ : ch === 'U' ? /^[0-9a-fA-F]{8}/ : ch === 'x' ? /^[0-9a-fA-F]+/ : null;
    if (hex) {
      const match = hex.exec(this.source.slice(this.at));
      if (!match) throw regexError('invalid escape \\ sequence');
      this.at += match[0].length;
      const code = parseInt(match[0], 16);
      if (code > 0x10ffff) throw regexError('invalid escape \\ sequence');
      return code;
    }
    if (/[0-7]/.test(ch)) {
      const match = /^[0-7]{1,3}/.exec(this.source.slice(this.at - 1))!;
      this.at += match[0].length - 1;
      return parseInt(match[0], 8);
    }
    if (/[A-Za-z0-9]/.test(ch)) throw regexError('invalid escape \\ sequence');
    const code = this.source.codePointAt(this.at - 1)!;
    if (code > 0xffff) this.at++;
    return code;
  }

  private bracket(): RegexNode {
    if (this.source.startsWith('[[:<:]]', this.at) || this.source.startsWith('[[:>:]]', this.at)) {
      const what = this.source[this.at + 3] === '<' ? 'wordStart' : 'wordEnd';
      this.at += 7;
      return { kind: 'constraint', what };
    }
    this.at++;
    const negated = this.peek() === '^';
    if (negated) this.at++;
    let source = '';
    let first = true;
    for (;;) {
      if (this.at >= this.source.length) throw regexError('brackets [] not balanced');
      if (this.peek() === ']' && !first) {
        this.at++;
        break;
      }
      source += this.bracketItem(first);
      first = false;
    }
    return { kind: 'set', source, negated, shorthand: false };
  }

  /** One member: a class, an escape class, a character or a range. */
  private bracketItem(first: boolean): string {
    if (this.source.startsWith('[:', this.at)) {
      const end = this.source.indexOf(':]', this.at);
      if (end < 0) throw regexError('brackets [] not balanced');
      const name = this.source.slice(this.at + 2, end);
      if (!(name in CLASSES)) throw regexError('invalid character class');
      this.at = end + 2;
      if (this.flags.ignoreCase && (name === 'upper' || name === 'lower')) return CLASSES.alpha;
      return CLASSES[name];
    }
    if (this.flags.flavour === 'are' && this.peek() === '\\' && /[dswDSW]/.test(this.source[this.at + 1] ?? '')) {
      const letter = this.source[this.at + 1];
      this.at += 2;
      const set = shorthandSet(letter);
      return set.negated ? complementSource(letter) : set.source;
    }
    const low = this.bracketCharacter(first);
    if (this.peek() !== '-' || this.source[this.at + 1] === ']' || this.at + 1 >= this.source.length) return escapeCode(low);
    this.at++;
    if (this.source.startsWith('[:', this.at) || this.source.startsWith('[=', this.at)) throw regexError('invalid character range');
    const high = this.bracketCharacter(true);
    if (low > high) throw regexError('invalid character range');
    return `${escapeCode(low)}-${escapeCode(high)}`;
  }

  private bracketCharacter(dashAllowed: boolean): number {
    for (const mark of ['.', '=']) {
      if (!this.source.startsWith(`[${mark}`, this.at)) continue;
      const end = this.source.indexOf(`${mark}]`, this.at + 2);
      if (end < 0) throw regexError('brackets [] not balanced');
      const name = this.source.slice(this.at + 2, end);
      this.at = end + 2;
      if ([...name].length === 1) return name.codePointAt(0)!;
      const code = COLLATING_NAMES[name];
      if (code === undefined) throw regexError('invalid collating element');
      return code;
    }
    if (this.flags.flavour === 'are' && this.peek() === '\\') {
      this.at++;
      if (this.at >= this.source.length) throw regexError('invalid escape \\ sequence');
      return this.characterEscape();
    }
    if (this.peek() === '-' && !dashAllowed && this.source[this.at + 1] !== ']') throw regexError('invalid character range');
    const code = this.source.codePointAt(this.at);
    if (code === undefined) throw regexError('brackets [] not balanced');
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }
}

function shorthandSet(letter: string): CharacterSet {
  const source = { d: CLASSES.digit, s: CLASSES.space, w: CLASSES.word }[letter.toLowerCase()]!;
  return { kind: 'set', source, negated: letter !== letter.toLowerCase(), shorthand: true };
}

/** \D, \S and \W inside brackets, as class members. \W's members are those Unicode categories that \w leaves out. */
function complementSource(letter: string): string {
  if (letter === 'D') return '\\0-\\/:-\\u{10FFFF}';
  if (letter === 'S') return '\\P{White_Space}';
  throw regexError('invalid escape \\ sequence');
}

/** Applies option letters; `unknown` makes the error for a letter that is none. */
export function applyOptionLetters(flags: RegexFlags, letters: string, unknown: (letter: string) => Error): RegexFlags {
  let result = flags;
  for (const letter of letters) {
    switch (letter) {
      case 'b': result = { ...result, flavour: 'bre' }; break;
      case 'c': result = { ...result, ignoreCase: false }; break;
      case 'e': result = { ...result, flavour: 'ere' }; break;
      case 'i': result = { ...result, ignoreCase: true }; break;
      case 'm': case 'n': result = { ...result, newlineStop: true, newlineAnchors: true }; break;
      case 'p': result = { ...result, newlineStop: true, newlineAnchors: false }; break;
      case 'q': result = { ...result, flavour: 'literal' }; break;
      case 's': result = { ...result, newlineStop: false, newlineAnchors: false }; break;
      case 't': result = { ...result, expanded: false }; break;
      case 'w': result = { ...result, newlineStop: false, newlineAnchors: true }; break;
      case 'x': result = { ...result, expanded: true }; break;
      default: throw unknown(letter);
    }
  }
  return result;
}

/** Parses a regular expression; 2201B. */
export function parseRegex(source: string, flags: RegexFlags): ParsedRegex {
  return new Parser(source, flags).parse();
}
