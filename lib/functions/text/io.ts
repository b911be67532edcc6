/**
 * text, varchar, bpchar, name, "char", cstring, unknown: I/O, casts and length coercions (PostgreSQL's varlena.c,
 * varchar.c, name.c, char.c). bpchar values are blank-padded strings; "char" is a string of one code 1-255, or ''.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue } from '../../types/datum.js';
import { pure } from '../registry.js';
import { outOfRange } from '../errors.js';
import { fromUtf8, utf8 } from '../wire.js';
import { parseSmall } from '../scalar/int-text.js';

/** NAMEDATALEN - 1: the longest name in bytes. */
export const MAX_NAME_BYTES = 63;

/** Code points in a string. */
export function characterCount(text: string): number {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) return countSlowly(text, i);
  }
  return length;
}

function countSlowly(text: string, from: number): number {
  let count = from;
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) i++;
    count++;
  }
  return count;
}

/** UTF-16 offset of the `count`-th character after `from`; the string's length when there are fewer. */
export function offsetOfCharacter(text: string, count: number, from = 0): number {
  let at = from;
  for (let i = 0; i < count && at < text.length; i++) {
    const unit = text.charCodeAt(at);
    at += unit >= 0xd800 && unit < 0xdc00 ? 2 : 1;
  }
  return at < text.length ? at : text.length;
}

/** The first characters of a string. */
export function firstCharacters(text: string, count: number): string {
  return text.length <= count ? text : text.slice(0, offsetOfCharacter(text, count));
}

/** Cuts a string to at most `bytes` bytes of UTF-8, at a character's end. */
export function clipBytes(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text;
  if (Buffer.byteLength(text) <= bytes) return text;
  let at = 0;
  let used = 0;
  while (at < text.length) {
    const point = text.codePointAt(at)!;
    used += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (used > bytes) break;
    at += point > 0xffff ? 2 : 1;
  }
  return text.slice(0, at);
}

/** Cuts a name to what pg_catalog.name holds. */
export function truncateName(text: string): string {
  return clipBytes(text, MAX_NAME_BYTES);
}

/** Removes trailing spaces (the blanks of bpchar). */
export function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return end === text.length ? text : text.slice(0, end);
}

const VARHDRSZ = 4;

function tooLong(type: string, length: number): Error {
  return pgError('STRING_DATA_RIGHT_TRUNCATION', `value too long for type ${type}(${length})`);
}

/** Pads or cuts to bpchar(n); cutting anything but blanks raises 22001 unless `explicit`. */
export function coerceBpchar(text: string, typmod: number, explicit: boolean): string {
  if (typmod < VARHDRSZ) return text;
  const length = typmod - VARHDRSZ;
  const count = characterCount(text);
  if (count === length) return text;
  if (count < length) return text + ' '.repeat(length - count);
  const at = offsetOfCharacter(text, length);
  if (!explicit && trimBlanks(text.slice(at)) !== '') throw tooLong('character', length);
  return text.slice(0, at);
}

/** Cuts to varchar(n); cutting anything but blanks raises 22001 unless `explicit`. */
export function coerceVarchar(text: string, typmod: number, explicit: boolean): string {
  if (typmod < VARHDRSZ) return text;
  const length = typmod - VARHDRSZ;
  if (text.length <= length || characterCount(text) <= length) return text;
  const at = offsetOfCharacter(text, length);
  if (!explicit && trimBlanks(text.slice(at)) !== '') throw tooLong('character varying', length);
  return text.slice(0, at);
}

const identity = (a: string): string => a;

for (const name of ['textin', 'textout', 'cstring_in', 'cstring_out', 'unknownin', 'unknownout', 'varcharout', 'bpcharout', 'nameout']) pure(name, identity);
for (const name of ['textsend', 'cstring_send', 'unknownsend', 'varcharsend', 'bpcharsend', 'namesend']) pure(name, utf8);
for (const name of ['textrecv', 'cstring_recv', 'unknownrecv']) pure(name, (bytes: Uint8Array) => fromUtf8(bytes));
pure('namein', truncateName);
pure('namerecv', (bytes: Uint8Array) => {
  if (bytes.length > MAX_NAME_BYTES) {
    throw pgError('NAME_TOO_LONG', 'identifier too long', { detail: 'Identifier must be less than 64 characters.' });
  }
  return fromUtf8(bytes);
});
pure('varcharin', (text: string, _type: number, typmod: number) => coerceVarchar(text, typmod, false));
pure('bpcharin', (text: string, _type: number, typmod: number) => coerceBpchar(text, typmod, false));
pure('varcharrecv', (bytes: Uint8Array, _type: number, typmod: number) => coerceVarchar(fromUtf8(bytes), typmod, false));
pure('bpcharrecv', (bytes: Uint8Array, _type: number, typmod: number) => coerceBpchar(fromUtf8(bytes), typmod, false));
pure('varchar', coerceVarchar);
pure('bpchar', coerceBpchar);

pure('rtrim1', trimBlanks);
pure('name_text', identity);
pure('name_bpchar', identity);
pure('text_name', truncateName);
pure('bpchar_name', (a: string) => trimBlanks(truncateName(a)));

/** "char" from text: the first byte, or \ooo. */
export function charIn(text: string): string {
  if (/^\\[0-3][0-7][0-7]$/.test(text)) {
    const code = parseInt(text.slice(1), 8);
    return code === 0 ? '' : String.fromCharCode(code);
  }
  if (text === '') return '';
  return text.charCodeAt(0) < 128 ? text[0] : String.fromCharCode(Buffer.from(text, 'utf8')[0]);
}

/** Text of a "char". */
export function charOut(a: string): string {
  if (a === '' || a.charCodeAt(0) === 0) return '';
  const code = a.charCodeAt(0);
  return code < 128 ? a : `\\${code.toString(8)}`;
}
pure('charin', charIn);
pure('charout', charOut);
pure('text_char', charIn);
pure('char_text', charOut);
pure('char_bpchar', charOut);
pure('charsend', (a: string) => Uint8Array.of(a === '' ? 0 : a.charCodeAt(0)));
pure('charrecv', (bytes: Uint8Array) => (bytes.length === 0 || bytes[0] === 0 ? '' : String.fromCharCode(bytes[0])));
pure('chartoi4', (a: string) => (a === '' ? 0 : (a.charCodeAt(0) << 24) >> 24));
pure('i4tochar', (a: number) => {
  if (a < -128 || a > 127) throw outOfRange('"char"');
  return a === 0 ? '' : String.fromCharCode(a & 255);
});

/** char(n) and varchar(n) modifiers. */
function lengthTypmodIn(type: string): (modifiers: ArrayValue) => number {
  return (modifiers) => {
    const values = modifiers.elements.map((element) => parseSmall(String(element), 'integer', -2147483648, 2147483647));
    if (values.length !== 1) throw pgError('INVALID_PARAMETER_VALUE', 'invalid type modifier');
    if (values[0] < 1) throw pgError('INVALID_PARAMETER_VALUE', `length for type ${type} must be at least 1`);
    if (values[0] > 10485760) throw pgError('INVALID_PARAMETER_VALUE', `length for type ${type} cannot exceed 10485760`);
    return values[0] + VARHDRSZ;
  };
}
const lengthTypmodOut = (typmod: number): string => (typmod > VARHDRSZ ? `(${typmod - VARHDRSZ})` : '');
pure('varchartypmodin', lengthTypmodIn('varchar'));
pure('bpchartypmodin', lengthTypmodIn('char'));
pure('varchartypmodout', lengthTypmodOut);
pure('bpchartypmodout', lengthTypmodOut);
