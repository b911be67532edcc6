/**
 * Checks of settings whose values have a syntax of their own (PostgreSQL's check hooks): each takes the new text and
 * answers with its canonical form, or throws 22023.
 */
import { pgError, type PgError } from '../../base/error.js';
import { splitIdentifiers } from '../../catalog/search-path.js';

/** `invalid value for parameter` with a detail. */
export function invalidParameter(name: string, value: string, detail?: string): PgError {
  return pgError('INVALID_PARAMETER_VALUE', `invalid value for parameter "${name}": "${value}"`, { detail });
}

/** DateStyle taken apart. */
export interface DateStyle {
  readonly style: 'ISO' | 'Postgres' | 'SQL' | 'German';
  readonly order: 'MDY' | 'DMY' | 'YMD';
}

/** Reads DateStyle; what a part leaves open stays as `current` has it. */
export function parseDateStyle(text: string, current: DateStyle): DateStyle {
  const words = splitIdentifiers(text);
  if (words === null) throw invalidParameter('DateStyle', text, 'List syntax is invalid.');
  let style: DateStyle['style'] | null = null;
  let order: DateStyle['order'] | null = null;
  let conflict = false;
  const setStyle = (value: DateStyle['style']): void => {
    conflict ||= style !== null && style !== value;
    style = value;
  };
  const setOrder = (value: DateStyle['order']): void => {
    conflict ||= order !== null && order !== value;
    order = value;
  };
  for (const word of words) {
    if (word === 'iso') setStyle('ISO');
    else if (word === 'sql') setStyle('SQL');
    else if (word.startsWith('postgres')) setStyle('Postgres');
    else if (word === 'german') {
      setStyle('German');
      order ??= 'DMY';
    } else if (word === 'ymd') setOrder('YMD');
    else if (word === 'dmy' || word.startsWith('euro')) setOrder('DMY');
    else if (word === 'mdy' || word === 'us' || word.startsWith('noneuro')) setOrder('MDY');
    else if (word === 'default') {
      style ??= 'ISO';
      order ??= 'MDY';
    } else throw invalidParameter('DateStyle', text, `Unrecognized key word: "${word}".`);
  }
  if (conflict) throw invalidParameter('DateStyle', text, 'Conflicting "DateStyle" specifications.');
  return { style: style ?? current.style, order: order ?? current.order };
}

/** `ISO, MDY` */
export function formatDateStyle(value: DateStyle): string {
  return `${value.style}, ${value.order}`;
}

const zoneNames = new Map<string, string>();

/** A time zone's name in its own spelling; null when there is no such zone. */
function zoneName(text: string): string | null {
  const key = text.toLowerCase();
  const known = zoneNames.get(key);
  if (known !== undefined) return known;
  if (zoneNames.size === 0) for (const name of Intl.supportedValuesOf('timeZone')) zoneNames.set(name.toLowerCase(), name);
  const supported = zoneNames.get(key);
  if (supported !== undefined) return supported;
  if (/^[+-]/.test(text)) return null;
  try {
    Intl.DateTimeFormat('en-US', { timeZone: text });
  } catch {
    return null;
  }
  const spelled = text.includes('/')
    ? text.split('/').map((part) => part.split(/([_-])/).map((word) => (word.length > 2 ? word[0].toUpperCase() + word.slice(1) : word.length === 2 ? word.toUpperCase() : word)).join('')).join('/')
    : /^[a-z]{2,4}(\d[a-z]{3})?$/i.test(text) && key !== 'cuba' && key !== 'eire' && key !== 'iran' && key !== 'zulu' ? text.toUpperCase() : text[0].toUpperCase() + text.slice(1);
  zoneNames.set(key, spelled);
  return spelled;
}

const POSIX_ZONE = /^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)?[+-]?\d{1,3}(?::\d{1,2}){0,2}(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)(?:[+-]?\d{1,2}(?::\d{1,2}){0,2})?(?:,.*)?)?$/;

/** Seconds east of Greenwich as the POSIX zone that PostgreSQL shows: `<+05:30>-05:30`. */
export function fixedZone(secondsEast: number): string {
  const magnitude = Math.abs(secondsEast);
  const two = (value: number): string => String(value).padStart(2, '0');
  let digits = two(Math.floor(magnitude / 3600));
  if (magnitude % 3600 !== 0) digits += `:${two(Math.floor((magnitude % 3600) / 60))}`;
  if (magnitude % 60 !== 0) digits += `:${two(magnitude % 60)}`;
  return secondsEast >= 0 ? `<+${digits}>-${digits}` : `<-${digits}>+${digits}`;
}

/** Canonical TimeZone: a zone's name, a POSIX specification, or hours east as a number. */
export function checkTimeZone(text: string, name = 'TimeZone'): string {
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return fixedZone(Math.round(Number(text) * 3600));
  const zone = zoneName(text);
  if (zone !== null) return zone;
  const [directory, rest] = [text.slice(0, 6).toLowerCase(), text.slice(6)];
  if (directory === 'posix/' && zoneName(rest) !== null) return `posix/${zoneName(rest)!}`;
  if (directory === 'right/' && zoneName(rest) !== null) {
    throw pgError('INVALID_PARAMETER_VALUE', `time zone "${text}" appears to use leap seconds`, { detail: 'PostgreSQL does not support leap seconds.' });
  }
  if (POSIX_ZONE.test(text)) return text;
  throw invalidParameter(name, text);
}

const ENCODINGS: Readonly<Record<string, string>> = {
  utf8: 'UTF8', unicode: 'UTF8', sqlascii: 'SQL_ASCII', latin1: 'LATIN1', iso88591: 'LATIN1', latin2: 'LATIN2', iso88592: 'LATIN2',
  latin9: 'LATIN9', win1252: 'WIN1252', windows1252: 'WIN1252', win1250: 'WIN1250', win1251: 'WIN1251', koi8r: 'KOI8R', eucjp: 'EUC_JP',
  sjis: 'SJIS', shiftjis: 'SJIS', euckr: 'EUC_KR', euccn: 'EUC_CN', gbk: 'GBK', gb18030: 'GB18030', big5: 'BIG5', euctw: 'EUC_TW', uhc: 'UHC',
};

/** client_encoding: UTF8 and SQL_ASCII (no conversion) are served; another known encoding raises 0A000, others 22023. */
export function checkClientEncoding(text: string): string {
  const encoding = ENCODINGS[text.toLowerCase().replace(/[^a-z0-9]/g, '')];
  if (encoding === undefined) throw invalidParameter('client_encoding', text);
  if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII') {
    throw pgError('FEATURE_NOT_SUPPORTED', `invalid value for parameter "client_encoding": "${text}"`, {
      detail: `Conversion between ${encoding} and UTF8 is not supported.`,
    });
  }
  return encoding;
}

/** Lists of identifiers: only their syntax is checked. */
export function checkNameList(name: string, text: string): string {
  if (splitIdentifiers(text) === null) throw invalidParameter(name, text, 'List syntax is invalid.');
  return text;
}

/** application_name and cluster_name: printable ASCII only, as pg_clean_ascii. */
export function cleanAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => Array.from(Buffer.from(character), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''));
}
