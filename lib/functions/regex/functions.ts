/**
 * The regexp_* functions, the ~ operators, substring from pattern, SIMILAR (PostgreSQL's regexp.c).
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, type Datum } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import { pure, setReturning } from '../registry.js';
import { characterCount, offsetOfCharacter } from '../text/io.js';
import { CompiledRegex, compileRegex, parseFlags, type RegexMatch } from './compile.js';
import { similarToRegex } from './similar.js';

/** 22023: a number argument out of its range. */
function invalidValue(parameter: string, value: number): Error {
  return pgError('INVALID_PARAMETER_VALUE', `invalid value for parameter "${parameter}": ${value}`);
}

/** 22023: the g flag where it means nothing. */
function noGlobal(name: string, hint?: string): Error {
  return pgError('INVALID_PARAMETER_VALUE', `${name} does not support the "global" option`, { hint });
}

/** One character further. */
function advance(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at + (unit >= 0xd800 && unit < 0xdc00 ? 2 : 1);
}

/** Matches from `from` on, one after the other; `splitting` leaves out empty matches at an end of a match or of the text. */
function* matches(regex: CompiledRegex, text: string, from: number, splitting = false): Generator<RegexMatch> {
  let at = from;
  let previousEnd = 0;
  while (at <= text.length) {
    const match = regex.exec(text, at);
    if (!match) return;
    if (!splitting || (match.start < text.length && match.end > previousEnd)) yield match;
    previousEnd = match.end;
    at = match.end;
    if (match.start === match.end) at = advance(text, at);
  }
}

/** Compiles and refuses the g flag. */
function compileSingle(pattern: string, letters: string, name: string, hint?: string): CompiledRegex {
  if (parseFlags(letters).global) throw noGlobal(name, hint);
  return compileRegex(pattern, letters);
}

function matchArray(text: string, match: RegexMatch): ArrayValue {
  return ArrayValue.of(TEXTOID, match.groups.length > 0 ? match.groups : [text.slice(match.start, match.end)]);
}

for (const [suffix, letters] of [['', ''], ['ic', 'i']] as const) {
  for (const type of ['text', 'name']) {
    pure(`${type}${suffix}regexeq`, (text: string, pattern: string) => compileRegex(pattern, letters).test(text));
    pure(`${type}${suffix}regexne`, (text: string, pattern: string) => !compileRegex(pattern, letters).test(text));
  }
}

/** substring(text from pattern): the first parenthesized part, or the whole match. */
pure('textregexsubstr', (text: string, pattern: string) => {
  const match = compileRegex(pattern).exec(text);
  if (!match) return null;
  return match.groups.length > 0 ? match.groups[0] : text.slice(match.start, match.end);
});

pure('similar_to_escape_1', (pattern: string) => similarToRegex(pattern, '\\'));
pure('similar_to_escape_2', similarToRegex);
pure('similar_escape', (pattern: string | null, escape: string | null) => (pattern === null ? null : similarToRegex(pattern, escape ?? '\\')));

const regexpLike = (text: string, pattern: string, letters = ''): boolean =>
  compileSingle(pattern, letters, 'regexp_like()').test(text);
pure('regexp_like', regexpLike);
pure('regexp_like_no_flags', (text: string, pattern: string) => regexpLike(text, pattern));

function regexpMatch(text: string, pattern: string, letters = ''): ArrayValue | null {
  const match = compileSingle(pattern, letters, 'regexp_match()', 'Use the regexp_matches function instead.').exec(text);
  return match ? matchArray(text, match) : null;
}
pure('regexp_match', regexpMatch);
pure('regexp_match_no_flags', (text: string, pattern: string) => regexpMatch(text, pattern));

function* regexpMatches(text: string, pattern: string, letters = ''): Generator<Datum> {
  const { global } = parseFlags(letters);
  for (const match of matches(compileRegex(pattern, letters), text, 0)) {
    yield matchArray(text, match);
    if (!global) return;
  }
}
setReturning('regexp_matches', (_cx, text: string, pattern: string, letters: string) => regexpMatches(text, pattern, letters));
setReturning('regexp_matches_no_flags', (_cx, text: string, pattern: string) => regexpMatches(text, pattern));

function* split(text: string, pattern: string, letters: string, name: string): Generator<string> {
  const regex = compileSingle(pattern, letters, name);
  let from = 0;
  for (const match of matches(regex, text, 0, true)) {
    yield text.slice(from, match.start);
    from = match.end;
  }
  yield text.slice(from);
}
pure('regexp_split_to_array', (text: string, pattern: string, letters: string) =>
  ArrayValue.of(TEXTOID, [...split(text, pattern, letters, 'regexp_split_to_array()')]));
pure('regexp_split_to_array_no_flags', (text: string, pattern: string) =>
  ArrayValue.of(TEXTOID, [...split(text, pattern, '', 'regexp_split_to_array()')]));
setReturning('regexp_split_to_table', (_cx, text: string, pattern: string, letters: string) =>
  split(text, pattern, letters, 'regexp_split_to_table()'));
setReturning('regexp_split_to_table_no_flags', (_cx, text: string, pattern: string) =>
  split(text, pattern, '', 'regexp_split_to_table()'));

/** UTF-16 offset of a 1-based start argument; -1 when it lies behind the text; 22023. */
function startOffset(text: string, start: number): number {
  if (start < 1) throw invalidValue('start', start);
  if (start === 1) return 0;
  return start > characterCount(text) + 1 ? -1 : offsetOfCharacter(text, start - 1);
}

function regexpCount(text: string, pattern: string, start = 1, letters = ''): number {
  const from = startOffset(text, start);
  const regex = compileSingle(pattern, letters, 'regexp_count()');
  if (from < 0) return 0;
  let count = 0;
  for (const match of matches(regex, text, from)) count += match ? 1 : 0;
  return count;
}
pure('regexp_count', regexpCount);
pure('regexp_count_no_start', (text: string, pattern: string) => regexpCount(text, pattern));
pure('regexp_count_no_flags', (text: string, pattern: string, start: number) => regexpCount(text, pattern, start));

/** The n-th match at or after `from`. */
function nthMatch(regex: CompiledRegex, text: string, from: number, n: number): RegexMatch | null {
  if (from < 0) return null;
  let count = 0;
  for (const match of matches(regex, text, from)) if (++count === n) return match;
  return null;
}

function regexpInstr(text: string, pattern: string, start = 1, n = 1, endOption = 0, letters = '', subexpression = 0): number {
  const from = startOffset(text, start);
  if (n < 1) throw invalidValue('n', n);
  if (endOption !== 0 && endOption !== 1) throw invalidValue('endoption', endOption);
  if (subexpression < 0) throw invalidValue('subexpr', subexpression);
  const regex = compileSingle(pattern, letters, 'regexp_instr()');
  const match = nthMatch(regex, text, from, n);
  if (!match || subexpression > regex.groupCount) return 0;
  const span = subexpression === 0 ? [match.start, match.end] as const : regex.positions(text, match.start)?.[subexpression];
  if (!span) return 0;
  return characterCount(text.slice(0, span[endOption])) + 1;
}
pure('regexp_instr', regexpInstr);
pure('regexp_instr_no_start', (text: string, pattern: string) => regexpInstr(text, pattern));
pure('regexp_instr_no_n', (text: string, pattern: string, start: number) => regexpInstr(text, pattern, start));
pure('regexp_instr_no_endoption', (text: string, pattern: string, start: number, n: number) => regexpInstr(text, pattern, start, n));
pure('regexp_instr_no_flags', (text: string, pattern: string, start: number, n: number, endOption: number) =>
  regexpInstr(text, pattern, start, n, endOption));
pure('regexp_instr_no_subexpr', (text: string, pattern: string, start: number, n: number, endOption: number, letters: string) =>
  regexpInstr(text, pattern, start, n, endOption, letters));

function regexpSubstr(text: string, pattern: string, start = 1, n = 1, letters = '', subexpression = 0): string | null {
  const from = startOffset(text, start);
  if (n < 1) throw invalidValue('n', n);
  if (subexpression < 0) throw invalidValue('subexpr', subexpression);
  const regex = compileSingle(pattern, letters, 'regexp_substr()');
  const match = nthMatch(regex, text, from, n);
  if (!match || subexpression > regex.groupCount) return null;
  return subexpression === 0 ? text.slice(match.start, match.end) : match.groups[subexpression - 1];
}
pure('regexp_substr', regexpSubstr);
pure('regexp_substr_no_start', (text: string, pattern: string) => regexpSubstr(text, pattern));
pure('regexp_substr_no_n', (text: string, pattern: string, start: number) => regexpSubstr(text, pattern, start));
pure('regexp_substr_no_flags', (text: string, pattern: string, start: number, n: number) => regexpSubstr(text, pattern, start, n));
pure('regexp_substr_no_subexpr', (text: string, pattern: string, start: number, n: number, letters: string) =>
  regexpSubstr(text, pattern, start, n, letters));

/** The replacement text of one match: \1-\9, \&, \\. */
function expand(replacement: string, text: string, match: RegexMatch): string {
  if (!replacement.includes('\\')) return replacement;
  return replacement.replace(/\\([1-9&\\])/g, (_whole, what: string) => {
    if (what === '\\') return '\\';
    return what === '&' ? text.slice(match.start, match.end) : match.groups[Number(what) - 1] ?? '';
  });
}

/** Replaces the n-th match, or all of them when n is 0. */
function replaceMatches(text: string, regex: CompiledRegex, replacement: string, from: number, n: number): string {
  let result = '';
  let copied = 0;
  let count = 0;
  for (const match of matches(regex, text, from)) {
    if (n > 0 && ++count !== n) continue;
    result += text.slice(copied, match.start) + expand(replacement, text, match);
    copied = match.end;
    if (n > 0) break;
  }
  return copied === 0 && result === '' ? text : result + text.slice(copied);
}

/** regexp_replace with every argument; `n` undefined: 1, or all with the g flag. */
function regexpReplace(text: string, pattern: string, replacement: string, start: number, n: number | undefined, letters: string): string {
  const from = startOffset(text, start);
  if (n !== undefined && n < 0) throw invalidValue('n', n);
  const { global } = parseFlags(letters);
  const regex = compileRegex(pattern, letters);
  return from < 0 ? text : replaceMatches(text, regex, replacement, from, n ?? (global ? 0 : 1));
}
pure('textregexreplace_noopt', (text: string, pattern: string, replacement: string) => regexpReplace(text, pattern, replacement, 1, 1, ''));
pure('textregexreplace', (text: string, pattern: string, replacement: string, letters: string) => {
  if (/^\d/.test(letters)) {
    throw pgError('INVALID_PARAMETER_VALUE', `invalid regular expression option: "${letters[0]}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    });
  }
  return regexpReplace(text, pattern, replacement, 1, undefined, letters);
});
pure('textregexreplace_extended', (text: string, pattern: string, replacement: string, start: number, n: number, letters: string) =>
  regexpReplace(text, pattern, replacement, start, n, letters));
pure('textregexreplace_extended_no_flags', (text: string, pattern: string, replacement: string, start: number, n: number) =>
  regexpReplace(text, pattern, replacement, start, n, ''));
pure('textregexreplace_extended_no_n', (text: string, pattern: string, replacement: string, start: number) =>
  regexpReplace(text, pattern, replacement, start, 1, ''));
