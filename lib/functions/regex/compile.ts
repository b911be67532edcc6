/**
 * Compiled regular expressions: matching with PostgreSQL's choice of the overall match, cached by pattern and options.
 */
import { pgError } from '../../base/error.js';
import { Automaton, mayExplode, needsAutomaton, preferenceOf, type Preference } from './automaton.js';
import { GroupNumbering, toJavaScript } from './javascript.js';
import { applyOptionLetters, parseRegex, regexError, type RegexFlags } from './parse.js';

/** One match: positions are UTF-16 offsets. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  /** Text of each parenthesized subexpression; null when it took no part. */
  readonly groups: readonly (string | null)[];
}

/** A compiled regular expression. */
export class CompiledRegex {
  /** Parenthesized subexpressions. */
  readonly groupCount: number;
  private readonly search: RegExp;
  private readonly source: string;
  private readonly letters: string;
  private readonly automaton: Automaton | undefined;
  private readonly preference: Preference;
  /** Backtracking could take exponential time: search with the automaton. */
  private readonly explosive: boolean;
  private readonly numbering = new GroupNumbering();

  constructor(pattern: string, flags: RegexFlags) {
    const parsed = parseRegex(pattern, flags);
    this.groupCount = parsed.groups;
    this.source = toJavaScript(parsed.root, parsed.options, this.numbering);
    this.letters = parsed.options.ignoreCase ? 'ui' : 'u';
    try {
      this.search = new RegExp(this.source, `g${this.letters}`);
    } catch {
      throw regexError('regular expression is too complex');
    }
    this.preference = preferenceOf(parsed.root);
    this.explosive = parsed.referenced.size === 0 && mayExplode(parsed.root);
    this.automaton = parsed.referenced.size === 0 && (this.explosive || needsAutomaton(parsed.root)) ? new Automaton(parsed) : undefined;
  }

  /** Is there a match anywhere? */
  test(text: string): boolean {
    if (this.explosive && this.automaton) return this.automaton.findEnd(text, 0, 'shortest', true) >= 0;
    if (this.numbering.markers.length > 0) return this.searchFrom(text, 0) !== null;
    this.search.lastIndex = 0;
    return this.search.test(text);
  }

  /** The first match at or after `from`. */
  exec(text: string, from = 0): RegexMatch | null {
    const found = this.execArray(text, from, false);
    if (!found) return null;
    const groups: (string | null)[] = [];
    for (let i = 1; i <= this.groupCount; i++) groups.push(found[this.numbering.groups[i]] ?? null);
    return { start: found.index, end: found.index + found[0].length, groups };
  }

  /** Offsets of the match (0) and its groups; null for a group that took no part. */
  positions(text: string, from: number): readonly (readonly [start: number, end: number] | null)[] | null {
    const found = this.execArray(text, from, true);
    return found ? Array.from({ length: this.groupCount + 1 }, (_, i) => found.indices![i === 0 ? 0 : this.numbering.groups[i]] ?? null) : null;
  }

  private execArray(text: string, from: number, indices: boolean): RegExpExecArray | null {
    if (this.explosive && this.automaton) return this.execExplosive(this.automaton, text, from, indices);
    const first = this.searchFrom(text, from);
    if (!first || (!this.automaton && !indices)) return first;
    const end = this.automaton ? this.automaton.findEnd(text, first.index, this.preference) : first.index + first[0].length;
    if (!indices && (end < 0 || end === first.index + first[0].length)) return first;
    return this.execSpan(text, first.index, end, indices) ?? first;
  }

  /** JavaScript's first match at or after `from` whose back references all name groups that took part. */
  private searchFrom(text: string, from: number): RegExpExecArray | null {
    for (let at = from; at <= text.length; at++) {
      this.search.lastIndex = at;
      const found = this.search.exec(text);
      if (!found || this.numbering.markers.every(({ marker, group }) => found[marker] === undefined || found[group ?? 0] !== undefined)) return found;
      at = found.index;
    }
    return null;
  }

  /** The groups of a match whose place is known. */
  private execSpan(text: string, start: number, end: number, indices: boolean): RegExpExecArray | null {
    const rest = end < 0 ? -1 : [...text.slice(end)].length;
    const constrained = new RegExp(rest < 0 ? this.source : `(?:${this.source})(?=[^]{${rest}}(?![^]))`, `y${this.letters}${indices ? 'd' : ''}`);
    constrained.lastIndex = start;
    return constrained.exec(text);
  }

  private execExplosive(automaton: Automaton, text: string, from: number, indices: boolean): RegExpExecArray | null {
    const start = automaton.findStart(text, from);
    return start < 0 ? null : this.execSpan(text, start, automaton.findEnd(text, start, this.preference), indices);
  }
}

const DEFAULT_FLAGS: RegexFlags = { ignoreCase: false, newlineStop: false, newlineAnchors: false, expanded: false, flavour: 'are' };

/** What a flags argument says. */
export interface RegexRequest {
  readonly flags: RegexFlags;
  readonly global: boolean;
}

/** Parses a flags argument ("gi"); 22023. */
export function parseFlags(letters: string): RegexRequest {
  if (letters === '') return { flags: DEFAULT_FLAGS, global: false };
  const flags = applyOptionLetters(DEFAULT_FLAGS, letters.replaceAll('g', ''), (letter) =>
    pgError('INVALID_PARAMETER_VALUE', `invalid regular expression option: "${letter}"`));
  return { flags, global: letters.includes('g') };
}

const CACHE_LIMIT = 500;
const cache = new Map<string, CompiledRegex>();
let lastPattern = '';
let lastLetters = '';
let last: CompiledRegex | undefined;

/** The compiled form of a pattern under option letters (g ignored); cached; 2201B, 22023. */
export function compileRegex(pattern: string, letters = ''): CompiledRegex {
  if (last && pattern === lastPattern && letters === lastLetters) return last;
  const key = `${letters}/${pattern}`;
  let compiled = cache.get(key);
  if (!compiled) {
    compiled = new CompiledRegex(pattern, parseFlags(letters).flags);
    if (cache.size >= CACHE_LIMIT) cache.delete(cache.keys().next().value!);
    cache.set(key, compiled);
  }
  lastPattern = pattern;
  lastLetters = letters;
  last = compiled;
  return compiled;
}
