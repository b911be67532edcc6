/**
 * normalize, is_normalized, unistr, unicode_assigned, and conversions between encodings (the server's is UTF8).
 */
import { pgError, notSupported } from '../../base/error.js';
import { pure } from '../registry.js';
import { utf8 } from '../wire.js';

function normalForm(name: string): 'NFC' | 'NFD' | 'NFKC' | 'NFKD' {
  const form = name.toUpperCase();
  if (form === 'NFC' || form === 'NFD' || form === 'NFKC' || form === 'NFKD') return form;
  throw pgError('INVALID_PARAMETER_VALUE', `invalid normalization form: ${name}`);
}
pure('unicode_normalize_func', (text: string, form: string) => text.normalize(normalForm(form)));
pure('unicode_is_normalized', (text: string, form: string) => text.normalize(normalForm(form)) === text);
pure('unicode_assigned', (text: string) => !/\p{Cn}/u.test(text));
pure('unicode_version', () => process.versions.unicode ?? '');
pure('icu_unicode_version', () => process.versions.unicode ?? '');

function invalidSurrogatePair(): Error {
  return pgError('SYNTAX_ERROR', 'invalid Unicode surrogate pair');
}

/** One code point, completed by the pending high surrogate when there is one. */
class EscapeJoiner {
  private high = 0;
  /** Text of a code unit or point; '' while a high surrogate waits for its partner. */
  add(code: number): string {
    if (code > 0x10ffff || code === 0) {
      throw pgError('INVALID_PARAMETER_VALUE', `invalid Unicode code point: ${code.toString(16).toUpperCase().padStart(4, '0')}`);
    }
    const low = code >= 0xdc00 && code < 0xe000;
    if (low !== (this.high !== 0)) throw invalidSurrogatePair();
    if (low) {
      const pair = String.fromCharCode(this.high, code);
      this.high = 0;
      return pair;
    }
    if (code >= 0xd800 && code < 0xdc00) {
      this.high = code;
      return '';
    }
    return String.fromCodePoint(code);
  }

  /** Anything but an escape follows. */
  finish(): void {
    if (this.high !== 0) throw invalidSurrogatePair();
  }
}

pure('unistr', (text: string) => {
  const joiner = new EscapeJoiner();
  let result = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== '\\') {
      joiner.finish();
      result += text[at++];
      continue;
    }
    if (text[at + 1] === '\\') {
      joiner.finish();
      result += '\\';
      at += 2;
      continue;
    }
    const match = /^\\(?:([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(text.slice(at, at + 10));
    if (!match) {
      throw pgError('SYNTAX_ERROR', 'invalid Unicode escape', { hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.' });
    }
    result += joiner.add(parseInt(match[1] ?? match[2] ?? match[3] ?? match[4], 16));
    at += match[0].length;
  }
  joiner.finish();
  return result;
});

/** PostgreSQL's encodings by number, and the label that TextDecoder knows them by ('' when it does not). */
const ENCODINGS: readonly (readonly [name: string, label: string])[] = [
  ['SQL_ASCII', ''], ['EUC_JP', 'euc-jp'], ['EUC_CN', 'gbk'], ['EUC_KR', 'euc-kr'], ['EUC_TW', ''], ['EUC_JIS_2004', ''],
  ['UTF8', 'utf-8'], ['MULE_INTERNAL', ''], ['LATIN1', ''], ['LATIN2', 'iso-8859-2'], ['LATIN3', 'iso-8859-3'],
  ['LATIN4', 'iso-8859-4'], ['LATIN5', 'windows-1254'], ['LATIN6', 'iso-8859-10'], ['LATIN7', 'iso-8859-13'], ['LATIN8', 'iso-8859-14'],
  ['LATIN9', 'iso-8859-15'], ['LATIN10', 'iso-8859-16'], ['WIN1256', 'windows-1256'], ['WIN1258', 'windows-1258'],
  ['WIN866', 'ibm866'], ['WIN874', 'windows-874'], ['KOI8R', 'koi8-r'], ['WIN1251', 'windows-1251'], ['WIN1252', 'windows-1252'],
  ['ISO_8859_5', 'iso-8859-5'], ['ISO_8859_6', 'iso-8859-6'], ['ISO_8859_7', 'iso-8859-7'], ['ISO_8859_8', 'iso-8859-8'],
  ['WIN1250', 'windows-1250'], ['WIN1253', 'windows-1253'], ['WIN1254', 'windows-1254'], ['WIN1255', 'windows-1255'],
  ['WIN1257', 'windows-1257'], ['KOI8U', 'koi8-u'], ['SJIS', 'shift_jis'], ['BIG5', 'big5'], ['GBK', 'gbk'], ['UHC', 'euc-kr'],
  ['GB18030', 'gb18030'], ['JOHAB', ''], ['SHIFT_JIS_2004', ''],
];
const ALIASES: Readonly<Record<string, string>> = {
  unicode: 'UTF8', iso88591: 'LATIN1', iso88592: 'LATIN2', iso88599: 'LATIN5', iso885915: 'LATIN9', windows1252: 'WIN1252',
  windows1251: 'WIN1251', windows1250: 'WIN1250', koi8: 'KOI8R', win: 'WIN1251', alt: 'WIN866', mskanji: 'SJIS', shiftjis: 'SJIS', ascii: 'SQL_ASCII',
};

const squash = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Number of an encoding by any of its names, -1 when there is none. */
export function encodingNumber(name: string): number {
  const wanted = squash(name);
  const canonical = squash(ALIASES[wanted] ?? wanted);
  return ENCODINGS.findIndex(([candidate]) => squash(candidate) === canonical);
}

/** Name of an encoding's number; '' when there is none. */
export function encodingName(number: number): string {
  return ENCODINGS[number]?.[0] ?? '';
}
pure('PG_char_to_encoding', encodingNumber);
pure('PG_encoding_to_char', encodingName);
pure('pg_encoding_max_length_sql', (number: number) => {
  const name = encodingName(number);
  if (name === '') return null;
  if (name === 'UTF8' || name === 'GB18030' || name === 'EUC_TW' || name === 'MULE_INTERNAL') return 4;
  if (name.startsWith('EUC_') || name === 'JOHAB') return 3;
  return ['SJIS', 'BIG5', 'GBK', 'UHC', 'SHIFT_JIS_2004'].includes(name) ? 2 : 1;
});
pure('getdatabaseencoding', () => 'UTF8');

function encodingOf(name: string, role: 'source' | 'destination'): number {
  const number = encodingNumber(name);
  if (number < 0) throw pgError('INVALID_PARAMETER_VALUE', `invalid ${role} encoding name "${name}"`);
  return number;
}

function noConversion(source: string, target: string): Error {
  return pgError('UNDEFINED_FUNCTION', `default conversion function for encoding "${source}" to "${target}" does not exist`);
}

const hexList = (bytes: Uint8Array): string => Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');

/** 22021 at the first byte that is no valid UTF-8. */
function invalidUtf8(bytes: Uint8Array): Error {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const before = text.indexOf('\ufffd');
  const at = Buffer.byteLength(text.slice(0, Math.max(0, before)));
  const lead = bytes[at];
  const width = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc0 && lead < 0xe0 ? 2 : 1;
  return pgError('CHARACTER_NOT_IN_REPERTOIRE', `invalid byte sequence for encoding "UTF8": ${hexList(bytes.subarray(at, at + width))}`);
}

/** Bytes in an encoding → text; 22021, 42883. */
export function decodeFrom(bytes: Uint8Array, name: string): string {
  const number = encodingOf(name, 'source');
  const [canonical, label] = ENCODINGS[number];
  if (bytes.includes(0)) throw pgError('CHARACTER_NOT_IN_REPERTOIRE', `invalid byte sequence for encoding "${canonical}": 0x00`);
  if (canonical === 'LATIN1') return Buffer.from(bytes).toString('latin1');
  const strict = canonical === 'SQL_ASCII' ? 'utf-8' : label;
  if (strict === '') throw noConversion(canonical, 'UTF8');
  try {
    return new TextDecoder(strict, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    if (strict === 'utf-8') throw invalidUtf8(bytes);
    throw pgError('CHARACTER_NOT_IN_REPERTOIRE', `invalid byte sequence for encoding "${canonical}": ${hexList(bytes.subarray(0, 1))}`);
  }
}

const tables = new Map<string, ReadonlyMap<string, number>>();

/** Character → byte of a single-byte encoding. */
function tableOf(label: string): ReadonlyMap<string, number> {
  let table = tables.get(label);
  if (!table) {
    const decoder = new TextDecoder(label);
    table = new Map(Array.from({ length: 256 }, (_, byte): [string, number] => [decoder.decode(Uint8Array.of(byte)), byte]));
    tables.set(label, table);
  }
  return table;
}

/** Text → bytes in an encoding; 22P05, 42883. */
export function encodeTo(text: string, name: string): Uint8Array {
  const [canonical, label] = ENCODINGS[encodingOf(name, 'destination')];
  if (canonical === 'UTF8' || canonical === 'SQL_ASCII') return utf8(text);
  if (canonical !== 'LATIN1' && label === '') throw noConversion('UTF8', canonical);
  const index = encodingNumber(canonical);
  if (canonical !== 'LATIN1' && (index < 6 || index > 34)) throw notSupported(`conversion to encoding ${canonical}`);
  const table = canonical === 'LATIN1' ? undefined : tableOf(label);
  return Uint8Array.from(text, (ch: string) => {
    const byte = table ? table.get(ch) : ch.charCodeAt(0) < 256 && ch.length === 1 ? ch.charCodeAt(0) : undefined;
    if (byte === undefined) {
      throw pgError('UNTRANSLATABLE_CHARACTER',
        `character with byte sequence ${hexList(utf8(ch))} in encoding "UTF8" has no equivalent in encoding "${canonical}"`);
    }
    return byte;
  });
}
pure('pg_convert_from', decodeFrom);
pure('pg_convert_to', encodeTo);
pure('pg_convert', (bytes: Uint8Array, source: string, target: string) => encodeTo(decodeFrom(bytes, source), target));
pure('length_in_encoding', (bytes: Uint8Array, name: string) => Array.from(decodeFrom(bytes, name)).length);
