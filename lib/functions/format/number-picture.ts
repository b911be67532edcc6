/**
 * Format pictures of to_char and to_number for numbers: `FM9,990.99S` as a list of items and what they say together
 * (PostgreSQL's formatting.c).
 */
import { pgError } from '../../base/error.js';

/** Keywords of pictures; `D`, `G`, `L`, `S` are those of the locale, which is always C here. */
export type PictureKey =
  | ',' | '.' | '0' | '9' | 'B' | 'C' | 'D' | 'EEEE' | 'FM' | 'G' | 'L' | 'MI' | 'PL' | 'PR' | 'RN' | 'rn' | 'SG' | 'SP' | 'S'
  | 'TH' | 'th' | 'V';

/** A keyword or a character that stands for itself. */
export type PictureItem = { readonly key: PictureKey } | { readonly text: string };

/** What a picture says as a whole. */
export interface Picture {
  items: PictureItem[];
  /** Digits before and after the point, and behind V. */
  pre: number;
  post: number;
  multi: number;
  /** 1-based place of the first 0, and of the last one. */
  zeroStart: number;
  zeroEnd: number;
  /** S before or behind the digits, and how many digits stand before it. */
  localeSign: 'none' | 'pre' | 'post';
  digitsBeforeSign: number;
  zero: boolean;
  blank: boolean;
  decimal: boolean;
  fillMode: boolean;
  bracket: boolean;
  minus: boolean;
  plus: boolean;
  roman: boolean;
  exponent: boolean;
  shifted: boolean;
}

const KEYS: readonly PictureKey[] = [
  'EEEE', 'FM', 'MI', 'PL', 'PR', 'RN', 'SG', 'SP', 'TH', ',', '.', '0', '9', 'B', 'C', 'D', 'G', 'L', 'S', 'V',
];

function syntax(message: string, detail?: string): Error {
  return pgError('SYNTAX_ERROR', message, { detail });
}

/** The keyword at a place: upper or lower case, not mixed. */
function keyAt(text: string, at: number): { readonly key: PictureKey; readonly length: number } | undefined {
  for (const key of KEYS) {
    if (text.startsWith(key, at)) return { key, length: key.length };
    if (text.startsWith(key.toLowerCase(), at)) {
      return { key: key === 'RN' ? 'rn' : key === 'TH' ? 'th' : key, length: key.length };
    }
  }
  return undefined;
}

function addDigit(picture: Picture, key: '9' | '0'): void {
  if (picture.bracket) throw syntax(`"${key}" must be ahead of "PR"`);
  if (key === '9' && picture.shifted) {
    picture.multi++;
    return;
  }
  if (key === '0' && !picture.zero && !picture.decimal) {
    picture.zero = true;
    picture.zeroStart = picture.pre + 1;
  }
  if (picture.decimal) picture.post++;
  else picture.pre++;
  if (key === '0') picture.zeroEnd = picture.pre + picture.post;
}

function addPoint(picture: Picture): void {
  if (picture.decimal) throw syntax('multiple decimal points');
  if (picture.shifted) throw syntax('cannot use "V" and decimal point together');
  picture.decimal = true;
}

function addSign(picture: Picture, key: 'S' | 'MI' | 'PL' | 'SG' | 'PR'): void {
  const locale = picture.localeSign !== 'none';
  if (key === 'S') {
    if (locale) throw syntax('cannot use "S" twice');
    if (picture.plus || picture.minus || picture.bracket) throw syntax('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
    picture.localeSign = picture.decimal ? 'post' : 'pre';
    picture.digitsBeforeSign = picture.pre;
    return;
  }
  if (key === 'PR') {
    if (locale || picture.plus || picture.minus) throw syntax('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
    picture.bracket = true;
    return;
  }
  if (locale) throw syntax(`cannot use "S" and "${key}" together`);
  if (key !== 'PL') picture.minus = true;
  if (key !== 'MI') picture.plus = true;
}

function addExponent(picture: Picture): void {
  if (picture.exponent) throw syntax('cannot use "EEEE" twice');
  if (picture.blank || picture.fillMode || picture.localeSign !== 'none' || picture.bracket || picture.minus || picture.plus
    || picture.roman || picture.shifted) {
    throw syntax('"EEEE" is incompatible with other formats', '"EEEE" may only be used together with digit and decimal point patterns.');
  }
  picture.exponent = true;
}

function add(picture: Picture, key: PictureKey): void {
  if (picture.exponent && key !== 'EEEE') throw syntax('"EEEE" must be the last pattern used');
  switch (key) {
    case '9': case '0': addDigit(picture, key); break;
    case '.': case 'D': addPoint(picture); break;
    case 'S': case 'MI': case 'PL': case 'SG': case 'PR': addSign(picture, key); break;
    case 'EEEE': addExponent(picture); break;
    case 'B':
      if (picture.pre === 0 && picture.post === 0 && !picture.zero) picture.blank = true;
      break;
    case 'FM': picture.fillMode = true; break;
    case 'RN': case 'rn':
      if (picture.roman) throw syntax('cannot use "RN" twice');
      picture.roman = true;
      break;
    case 'V':
      if (picture.decimal) throw syntax('cannot use "V" and decimal point together');
      picture.shifted = true;
      break;
    default: break;
  }
  if (picture.roman && (picture.zero || picture.blank || picture.decimal || picture.localeSign !== 'none' || picture.bracket
    || picture.minus || picture.plus || picture.shifted || picture.exponent)) {
    throw syntax('"RN" is incompatible with other formats', '"RN" may only be used together with "FM".');
  }
}

/** The text of a double-quoted literal from its opening quote on, and where it ends. */
function quoted(text: string, from: number): { readonly items: PictureItem[]; readonly end: number } {
  const items: PictureItem[] = [];
  let at = from + 1;
  while (at < text.length) {
    if (text[at] === '"') return { items, end: at + 1 };
    if (text[at] === '\\' && at + 1 < text.length) at++;
    const ch = String.fromCodePoint(text.codePointAt(at)!);
    items.push({ text: ch });
    at += ch.length;
  }
  return { items, end: at };
}

function parse(text: string): Picture {
  const picture: Picture = {
    items: [], pre: 0, post: 0, multi: 0, zeroStart: 0, zeroEnd: 0, localeSign: 'none', digitsBeforeSign: 0, zero: false,
    blank: false, decimal: false, fillMode: false, bracket: false, minus: false, plus: false, roman: false, exponent: false, shifted: false,
  };
  let at = 0;
  while (at < text.length) {
    const found = keyAt(text, at);
    if (found) {
      add(picture, found.key);
      picture.items.push({ key: found.key });
      at += found.length;
    } else if (text[at] === '"') {
      const { items, end } = quoted(text, at);
      picture.items.push(...items);
      at = end;
    } else {
      if (text[at] === '\\' && text[at + 1] === '"') at++;
      const ch = String.fromCodePoint(text.codePointAt(at)!);
      picture.items.push({ text: ch });
      at += ch.length;
    }
  }
  return picture;
}

const cache = new Map<string, Picture>();

/** A copy of the parsed picture that the caller may change; 42601. */
export function parsePicture(text: string): Picture {
  let picture = cache.get(text);
  if (!picture) {
    picture = parse(text);
    if (cache.size >= 200) cache.delete(cache.keys().next().value!);
    cache.set(text, picture);
  }
  return { ...picture };
}
