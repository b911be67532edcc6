/**
 * LIKE and ILIKE. A pattern is cut at its % into segments once, and cached: the first is anchored at the start, the last
 * at the end, the others are searched for in between, leftmost first, which never needs backtracking.
 */
import { pgError } from '../../base/error.js';
import { collated, pure } from '../registry.js';
import { isNondeterministic, compareText } from './collate.js';
import { invalidEscape } from '../regex/similar.js';

/** One run of literal characters and `_`. */
interface Segment {
  /** Code points, -1 for `_`. */
  readonly codes: readonly number[];
  /** The literal text when there is no `_`. */
  readonly literal: string | undefined;
}

/** A LIKE pattern ready for matching. */
export type LikeMatcher = (text: string) => boolean;

function trailingEscape(): Error {
  return pgError('INVALID_ESCAPE_SEQUENCE', 'LIKE pattern must not end with escape character');
}

/** Segments between the % signs, and whether the pattern ends with a lone backslash. */
function parseLike(pattern: string): { readonly segments: readonly Segment[]; readonly broken: boolean } {
  const segments: Segment[] = [];
  let codes: number[] = [];
  let wild = false;
  let broken = false;
  const close = (): void => {
    segments.push({ codes, literal: wild ? undefined : String.fromCodePoint(...codes) });
    codes = [];
    wild = false;
  };
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const ch = characters[i];
    if (ch === '%') {
      close();
    } else if (ch === '_') {
      codes.push(-1);
      wild = true;
    } else if (ch === '\\') {
      if (++i >= characters.length) broken = true;
      else codes.push(characters[i].codePointAt(0)!);
    } else {
      codes.push(ch.codePointAt(0)!);
    }
  }
  close();
  return { segments, broken };
}

/** End of the segment's match at `at`, or -1. */
function matchAt(segment: Segment, text: string, at: number): number {
  if (segment.literal !== undefined) return text.startsWith(segment.literal, at) ? at + segment.literal.length : -1;
  let i = at;
  for (const code of segment.codes) {
    if (i >= text.length) return -1;
    const found = text.codePointAt(i)!;
    if (code !== -1 && code !== found) return -1;
    i += found > 0xffff ? 2 : 1;
  }
  return i;
}

/** End of the segment's first match at or after `from`, or -1. */
function find(segment: Segment, text: string, from: number): number {
  if (segment.literal !== undefined) {
    const at = text.indexOf(segment.literal, from);
    return at < 0 ? -1 : at + segment.literal.length;
  }
  for (let at = from; at <= text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xdc00 && unit < 0xe000 && at > from) continue;
    const end = matchAt(segment, text, at);
    if (end >= 0) return end;
  }
  return -1;
}

/** Does the segment match so that it ends with the text, not before `from`? */
function matchesEnd(segment: Segment, text: string, from: number): boolean {
  if (segment.literal !== undefined) return text.length - segment.literal.length >= from && text.endsWith(segment.literal);
  let at = text.length;
  for (let i = 0; i < segment.codes.length; i++) {
    at--;
    const unit = text.charCodeAt(at);
    if (unit >= 0xdc00 && unit < 0xe000) at--;
  }
  return at >= from && matchAt(segment, text, at) === text.length;
}

function matchSegments(segments: readonly Segment[], text: string): boolean {
  let at = matchAt(segments[0], text, 0);
  if (at < 0) return false;
  if (segments.length === 1) return at === text.length;
  for (let i = 1; i < segments.length - 1; i++) {
    at = find(segments[i], text, at);
    if (at < 0) return false;
  }
  return matchesEnd(segments[segments.length - 1], text, at);
}

/** Compiles a pattern (backslash escapes). Equality, prefix, suffix and containment are JavaScript's own string searches. */
export function compileLike(pattern: string): LikeMatcher {
  const parsed = parseLike(pattern);
  const { segments, broken } = parsed;
  if (broken) {
    const last = segments[segments.length - 1];
    const before = [...segments.slice(0, -1), { codes: [...last.codes, -1], literal: undefined }, { codes: [], literal: '' }];
    return (text) => {
      if (matchSegments(before, text)) throw trailingEscape();
      return false;
    };
  }
  const [first, second] = segments;
  if (segments.length === 1 && first.literal !== undefined) {
    const literal = first.literal;
    return (text) => text === literal;
  }
  if (segments.length === 2 && first.literal !== undefined && second.literal !== undefined) {
    const prefix = first.literal;
    const suffix = second.literal;
    if (suffix === '') return (text) => text.startsWith(prefix);
    if (prefix === '') return (text) => text.endsWith(suffix);
  }
  const inner = innerLiteral(parsed);
  if (inner !== undefined) return (text) => text.includes(inner);
  return (text) => matchSegments(segments, text);
}

/** The text between two % when the pattern is just that; undefined for all other patterns. */
function innerLiteral({ segments, broken }: ReturnType<typeof parseLike>): string | undefined {
  if (broken || segments.length !== 3 || segments[0].literal !== '' || segments[2].literal !== '') return undefined;
  return segments[1].literal;
}

/** A pattern, looked at once. */
interface PreparedPattern {
  readonly pattern: string;
  readonly matcher: LikeMatcher;
  /** Undefined until asked for. */
  inner?: string | null;
}

const CACHE_LIMIT = 500;
const cache = new Map<string, PreparedPattern>();
let last: PreparedPattern = { pattern: '', matcher: compileLike('') };

function prepared(pattern: string): PreparedPattern {
  if (pattern === last.pattern) return last;
  let found = cache.get(pattern);
  if (found === undefined) {
    found = { pattern, matcher: compileLike(pattern) };
    if (cache.size >= CACHE_LIMIT) cache.delete(cache.keys().next().value!);
    cache.set(pattern, found);
  }
  return (last = found);
}

/** The matcher of a pattern, cached. */
export function likeMatcher(pattern: string): LikeMatcher {
  return prepared(pattern).matcher;
}

/** What a text has to contain, when that is something and all that the pattern asks for (`%literal%`); null otherwise. Cached. */
export function likeInner(pattern: string): string | null {
  const entry = prepared(pattern);
  return entry.inner === undefined ? (entry.inner = innerLiteral(parseLike(pattern)) || null) : entry.inner;
}

const like = (text: string, pattern: string): boolean => likeMatcher(pattern)(text);
const ilike = (text: string, pattern: string): boolean => likeMatcher(pattern.toLowerCase())(text.toLowerCase());

/** LIKE under a nondeterministic collation: only patterns without wildcards can use its equality. */
function likeCollated(cx: Parameters<typeof isNondeterministic>[0], text: string, pattern: string): boolean {
  if (!isNondeterministic(cx)) return like(text, pattern);
  if (!/[%_\\]/.test(pattern)) return compareText(cx, text, pattern) === 0;
  return matchFolded(cx, text, pattern);
}

/** Tries every cut of the text against the pattern's segments, comparing by the collation. */
function matchFolded(cx: Parameters<typeof isNondeterministic>[0], text: string, pattern: string): boolean {
  const { segments } = parseLike(pattern);
  const characters = Array.from(text);
  const equal = (segment: Segment, from: number, to: number): boolean => {
    if (segment.literal !== undefined) return compareText(cx, characters.slice(from, to).join(''), segment.literal) === 0;
    if (segment.codes.length !== to - from) return false;
    return segment.codes.every((code, i) => code === -1 || compareText(cx, characters[from + i], String.fromCodePoint(code)) === 0);
  };
  const match = (index: number, from: number): boolean => {
    if (index === segments.length - 1) {
      for (let start = index === 0 ? from : characters.length; start >= from; start--) {
        if (equal(segments[index], start, characters.length)) return true;
      }
      return false;
    }
    for (let start = from; start <= (index === 0 ? from : characters.length); start++) {
      for (let end = start; end <= characters.length; end++) {
        if (equal(segments[index], start, end) && match(index + 1, end)) return true;
      }
    }
    return false;
  };
  return match(0, 0);
}

for (const type of ['text', 'name']) {
  collated(`${type}like`, like, likeCollated);
  collated(`${type}nlike`, (text: string, pattern: string) => !like(text, pattern), (cx, text: string, pattern: string) => !likeCollated(cx, text, pattern));
  pure(`${type}iclike`, ilike);
  pure(`${type}icnlike`, (text: string, pattern: string) => !ilike(text, pattern));
}

/** Rewrites a pattern with another escape character into one with backslashes; 22025. */
export function likeEscape(pattern: string, escape: string): string {
  if (escape === '') return pattern.replaceAll('\\', '\\\\');
  if ([...escape].length > 1) throw invalidEscape();
  if (escape === '\\') return pattern;
  let result = '';
  let afterEscape = false;
  for (const ch of pattern) {
    if (ch === escape && !afterEscape) {
      result += '\\';
      afterEscape = true;
    } else if (ch === '\\') {
      result += afterEscape ? '\\' : '\\\\';
      afterEscape = false;
    } else {
      result += ch;
      afterEscape = false;
    }
  }
  return result;
}
pure('like_escape', likeEscape);

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
pure('bytealike', (value: Uint8Array, pattern: Uint8Array) => like(latin1(value), latin1(pattern)));
pure('byteanlike', (value: Uint8Array, pattern: Uint8Array) => !like(latin1(value), latin1(pattern)));
pure('like_escape_bytea', (pattern: Uint8Array, escape: Uint8Array) =>
  Uint8Array.from(Buffer.from(likeEscape(latin1(pattern), latin1(escape)), 'latin1')));
