/**
 * Text functions: substring, position, overlay, trim, pad, split, replace, translate, case (PostgreSQL's varlena.c,
 * oracle_compat.c). Positions and lengths count characters (code points).
 */
import { pgError } from '../../base/error.js';
import type { CallContext } from '../context.js';
import { outOfRange } from '../errors.js';
import { pure, withContext } from '../registry.js';
import { characterCount, firstCharacters, offsetOfCharacter, trimBlanks } from './io.js';

const INT_MAX = 2147483647;
/** Longest text that a JavaScript string holds (PostgreSQL's limit is one gigabyte). */
const MAX_LENGTH = 536870888;

/** 54000 for results over the limit. */
function tooLarge(): Error {
  return pgError('PROGRAM_LIMIT_EXCEEDED', 'requested length too large');
}

/** 22011. */
export function negativeLength(): Error {
  return pgError('SUBSTRING_ERROR', 'negative substring length not allowed');
}

/** Characters from `start` (1-based), `length` of them; to the end without a length; 22011. */
export function substring(text: string, start: number, length?: number): string {
  let end = Infinity;
  if (length !== undefined) {
    if (length < 0) throw negativeLength();
    end = start + length;
    if (end > INT_MAX) end = Infinity;
  }
  const first = Math.max(start, 1);
  if (end <= first) return '';
  const from = offsetOfCharacter(text, first - 1);
  return end === Infinity ? text.slice(from) : text.slice(from, offsetOfCharacter(text, end - first, from));
}

/** 1-based position of `part`, 0 when it is not there. */
function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : characterCount(text.slice(0, at)) + 1;
}

function overlay(text: string, replacement: string, start: number, length: number): string {
  if (start <= 0) throw negativeLength();
  const resume = start + length;
  if (resume > INT_MAX) throw outOfRange('integer');
  return substring(text, 1, start - 1) + replacement + substring(text, resume);
}

pure('textlen', characterCount);
pure('bpcharlen', (text: string) => characterCount(trimBlanks(text)));
pure('textoctetlen', (text: string) => Buffer.byteLength(text));
pure('bpcharoctetlen', (text: string) => Buffer.byteLength(text));
pure('textcat', (a: string, b: string) => a + b, (a, b) => `(${a} + ${b})`);
pure('text_substr', (text: string, start: number, length: number) => substring(text, start, length));
pure('text_substr_no_len', (text: string, start: number) => substring(text, start));
pure('textpos', position);
pure('textoverlay', overlay);
pure('textoverlay_no_len', (text: string, replacement: string, start: number) =>
  overlay(text, replacement, start, characterCount(replacement)));
pure('text_left', (text: string, count: number) =>
  count >= 0 ? firstCharacters(text, count) : firstCharacters(text, Math.max(0, characterCount(text) + count)));
pure('text_right', (text: string, count: number) =>
  text.slice(offsetOfCharacter(text, count >= 0 ? Math.max(0, characterCount(text) - count) : -count)));
pure('text_reverse', (text: string) => Array.from(text).reverse().join(''));
pure('text_starts_with', (text: string, prefix: string) => text.startsWith(prefix));
pure('replace_text', (text: string, from: string, to: string) => (from === '' ? text : text.replaceAll(from, () => to)));
pure('repeat', (text: string, count: number) => {
  if (count <= 0) return '';
  if (text.length * count > MAX_LENGTH) throw tooLarge();
  return text.repeat(count);
});

/** Trims characters of a set from one or both ends. */
function trim(text: string, set: string, left: boolean, right: boolean): string {
  if (text === '' || set === '') return text;
  const characters = new Set(set);
  const list = Array.from(text);
  let from = 0;
  let to = list.length;
  if (left) while (from < to && characters.has(list[from])) from++;
  if (right) while (to > from && characters.has(list[to - 1])) to--;
  return list.slice(from, to).join('');
}
pure('btrim', (text: string, set: string) => trim(text, set, true, true));
pure('ltrim', (text: string, set: string) => trim(text, set, true, false));
pure('rtrim', (text: string, set: string) => trim(text, set, false, true));
pure('btrim1', (text: string) => trim(text, ' ', true, true));
pure('ltrim1', (text: string) => trim(text, ' ', true, false));

/** Padding to `length` characters made of repetitions of `fill`, or undefined when the text is long enough. */
function padding(count: number, length: number, fill: string): string | undefined {
  if (length > MAX_LENGTH) throw tooLarge();
  if (count >= length || fill === '') return undefined;
  const fillCount = characterCount(fill);
  const missing = length - count;
  return firstCharacters(fill.repeat(Math.ceil(missing / fillCount)), missing);
}
pure('lpad', (text: string, length: number, fill: string) => {
  const pad = padding(characterCount(text), length, fill);
  return pad === undefined ? firstCharacters(text, Math.max(0, length)) : pad + text;
});
pure('rpad', (text: string, length: number, fill: string) => {
  const pad = padding(characterCount(text), length, fill);
  return pad === undefined ? firstCharacters(text, Math.max(0, length)) : text + pad;
});

pure('split_part', (text: string, delimiter: string, field: number) => {
  if (field === 0) throw pgError('INVALID_PARAMETER_VALUE', 'field position must not be zero');
  if (text === '') return '';
  if (delimiter === '') return field === 1 || field === -1 ? text : '';
  const parts = text.split(delimiter);
  return parts.at(field > 0 ? field - 1 : field) ?? '';
});

pure('translate', (text: string, from: string, to: string) => {
  const targets = Array.from(to);
  const map = new Map<string, string>();
  Array.from(from).forEach((ch, i) => {
    if (!map.has(ch)) map.set(ch, targets[i] ?? '');
  });
  let result = '';
  for (const ch of text) result += map.get(ch) ?? ch;
  return result;
});

/** Collations whose character types are ASCII's: C, POSIX, ucs_basic. */
const isAsciiCollation = (collation: number): boolean => collation === 950 || collation === 951 || collation === 962;

/** Maps one character at a time where mapping the whole would change its length (simple case mapping). */
function mapCase(text: string, whole: (text: string) => string): string {
  const mapped = whole(text);
  if (mapped.length === text.length && !text.includes('Σ')) return mapped;
  let result = '';
  for (const ch of text) {
    const one = whole(ch);
    result += one.length === ch.length ? one : ch;
  }
  return result;
}

/** upper under a collation. */
export function upperText(text: string, collation: number): string {
  return isAsciiCollation(collation) ? text.replace(/[a-z]+/g, (part) => part.toUpperCase()) : mapCase(text, (part) => part.toUpperCase());
}

/** lower under a collation. */
export function lowerText(text: string, collation: number): string {
  return isAsciiCollation(collation) ? text.replace(/[A-Z]+/g, (part) => part.toLowerCase()) : mapCase(text, (part) => part.toLowerCase());
}
withContext('upper', (cx: CallContext, text: string) => upperText(text, cx.call.collation));
withContext('lower', (cx: CallContext, text: string) => lowerText(text, cx.call.collation));
withContext('casefold', (cx: CallContext, text: string) => lowerText(text, cx.call.collation));
withContext('initcap', (cx: CallContext, text: string) => {
  const word = isAsciiCollation(cx.call.collation) ? /[A-Za-z0-9]+/g : /[\p{L}\p{N}\p{M}]+/gu;
  return text.replace(word, (part) => {
    const first = String.fromCodePoint(part.codePointAt(0)!);
    return upperText(first, cx.call.collation) + lowerText(part.slice(first.length), cx.call.collation);
  });
});

pure('ascii', (text: string) => (text === '' ? 0 : text.codePointAt(0)!));
pure('chr', (code: number) => {
  if (code < 0) throw pgError('INVALID_PARAMETER_VALUE', 'character number must be positive');
  if (code === 0) throw pgError('PROGRAM_LIMIT_EXCEEDED', 'null character not permitted');
  if (code > 0x10ffff) throw pgError('PROGRAM_LIMIT_EXCEEDED', `requested character too large for encoding: ${code}`);
  if (code >= 0xd800 && code < 0xe000) throw pgError('PROGRAM_LIMIT_EXCEEDED', `requested character not valid for encoding: ${code}`);
  return String.fromCodePoint(code);
});

for (const [name, radix] of [['to_hex', 16], ['to_oct', 8], ['to_bin', 2]] as const) {
  pure(`${name}32`, (value: number) => (value >>> 0).toString(radix));
  pure(`${name}64`, (value: number | bigint) => BigInt.asUintN(64, BigInt(value)).toString(radix));
}
