/**
 * Advanced regular expressions (AREs) as trees: the nodes, and the sources of character classes in JavaScript's syntax.
 * Rules: PostgreSQL's documentation of regular expressions and regex/regcomp.c.
 */

/** A set of characters: the inside of a JavaScript class (with the u flag), and whether it is negated. */
export interface CharacterSet {
  readonly kind: 'set';
  readonly source: string;
  readonly negated: boolean;
  /** From \d, \S ...: then a negated set matches newline in every mode. */
  readonly shorthand: boolean;
}

/** Constraints that match at a position without consuming. */
export type Constraint = 'bol' | 'eol' | 'bos' | 'eos' | 'wordStart' | 'wordEnd' | 'wordBoundary' | 'notWordBoundary';

/** A node of a regular expression. */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'character'; readonly code: number }
  | CharacterSet
  | { readonly kind: 'any' }
  | { readonly kind: 'constraint'; readonly what: Constraint }
  | { readonly kind: 'look'; readonly behind: boolean; readonly negated: boolean; readonly inner: RegexNode }
  | { readonly kind: 'backReference'; readonly group: number }
  | { readonly kind: 'group'; readonly capture: number; readonly inner: RegexNode }
  | { readonly kind: 'repeat'; readonly inner: RegexNode; readonly min: number; readonly max: number; readonly greedy: boolean;
    /** Written `{m}`: says nothing about the preferred length. */ readonly fixed: boolean }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'alternatives'; readonly branches: readonly RegexNode[] };

/** What flags and embedded options decide. */
export interface RegexOptions {
  readonly ignoreCase: boolean;
  /** `.` and negated classes do not match newline. */
  readonly newlineStop: boolean;
  /** `^` and `$` match at lines. */
  readonly newlineAnchors: boolean;
}

/** A parsed regular expression. */
export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groups: number;
  readonly options: RegexOptions;
  /** Groups that back references name. */
  readonly referenced: ReadonlySet<number>;
}

/** POSIX classes as the insides of JavaScript classes. */
export const CLASSES: Readonly<Record<string, string>> = {
  alpha: '\\p{Alphabetic}', digit: '0-9', alnum: '\\p{Alphabetic}0-9', upper: '\\p{Uppercase}', lower: '\\p{Lowercase}',
  space: '\\p{White_Space}', blank: '\\t\\p{Zs}', cntrl: '\\p{Cc}', xdigit: '0-9A-Fa-f', ascii: '\\0-\\x7F', word: '\\p{Alphabetic}0-9_',
  punct: '\\p{P}$+<=>\\^`\\|~', graph: '\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}', print: ' \\p{L}\\p{M}\\p{N}\\p{P}\\p{S}',
};

/** A character in a JavaScript class or pattern, escaped. */
export function escapeCode(code: number): string {
  if ((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95) return String.fromCharCode(code);
  return `\\u{${code.toString(16)}}`;
}

/** Names of collating elements that `[.name.]` may use. */
export const COLLATING_NAMES: Readonly<Record<string, number>> = {
  NUL: 0, alert: 7, BEL: 7, backspace: 8, tab: 9, newline: 10, 'vertical-tab': 11, 'form-feed': 12, 'carriage-return': 13,
  ESC: 27, space: 32, 'exclamation-mark': 33, 'quotation-mark': 34, 'number-sign': 35, 'dollar-sign': 36, 'percent-sign': 37,
  ampersand: 38, apostrophe: 39, 'left-parenthesis': 40, 'right-parenthesis': 41, asterisk: 42, 'plus-sign': 43, comma: 44,
  hyphen: 45, 'hyphen-minus': 45, period: 46, 'full-stop': 46, slash: 47, solidus: 47, zero: 48, one: 49, two: 50, three: 51,
  four: 52, five: 53, six: 54, seven: 55, eight: 56, nine: 57, colon: 58, semicolon: 59, 'less-than-sign': 60,
  'equals-sign': 61, 'greater-than-sign': 62, 'question-mark': 63, 'commercial-at': 64, 'left-square-bracket': 91,
  backslash: 92, 'reverse-solidus': 92, 'right-square-bracket': 93, circumflex: 94, 'circumflex-accent': 94, underscore: 95,
  'low-line': 95, 'grave-accent': 96, 'left-brace': 123, 'left-curly-bracket': 123, 'vertical-line': 124, 'right-brace': 125,
  'right-curly-bracket': 125, tilde: 126, DEL: 127,
};
