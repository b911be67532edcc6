/**
 * Splits date, time and interval literals into fields (PostgreSQL's ParseDateTime), and the faults of reading them.
 */
import { pgError, type PgError } from '../../base/error.js';
import { dateWord } from './keywords.js';

/** Why a literal cannot be read. */
export type FaultKind = 'format' | 'field' | 'monthDay' | 'interval' | 'displacement' | 'zone';

/** Thrown inside the readers; `faultError` makes the client's error of it. */
export class DateTimeFault extends Error {
  constructor(readonly fault: FaultKind, readonly zone = '') {
    super(fault);
  }
}

/** The error for a literal that could not be read; 22007, 22008, 22009, 22015, 22023. */
export function faultError(fault: DateTimeFault, text: string, type: string): PgError {
  switch (fault.fault) {
    case 'field': return pgError('DATETIME_FIELD_OVERFLOW', `date/time field value out of range: "${text}"`);
    case 'monthDay': return pgError('DATETIME_FIELD_OVERFLOW', `date/time field value out of range: "${text}"`,
      { hint: 'Perhaps you need a different "DateStyle" setting.' });
    case 'interval': return pgError('INTERVAL_FIELD_OVERFLOW', `interval field value out of range: "${text}"`);
    case 'displacement': return pgError('INVALID_TIME_ZONE_DISPLACEMENT_VALUE', `time zone displacement out of range: "${text}"`);
    case 'zone': return pgError('INVALID_PARAMETER_VALUE', `time zone "${fault.zone}" not recognized`);
    case 'format': return pgError('INVALID_DATETIME_FORMAT', `invalid input syntax for type ${type}: "${text}"`);
  }
}

/** What a field looks like; a `date` may turn out to be a zone's name, a `zone` a signed number. */
export type FieldShape = 'number' | 'date' | 'time' | 'string' | 'special' | 'zone';
export interface Field { readonly shape: FieldShape; readonly text: string }

const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57;
const isAlpha = (unit: number): boolean => (unit >= 97 && unit <= 122) || (unit >= 65 && unit <= 90);
const isSpace = (unit: number): boolean => unit === 32 || (unit >= 9 && unit <= 13);
const isPunctuation = (unit: number): boolean => unit > 32 && unit < 127;

const MAX_FIELDS = 25;

const AFTER_NUMBER_TIME = /:[0-9:.]*/y;
const ZONE_TAIL = /[-+/_.:0-9A-Za-z]+/y;
const DIGITS = /[0-9]*/y;
const LETTERS = /[A-Za-z]*/y;
const SIGNED = /[0-9:.-]*/y;

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** The rest of a field that started with digits at `from`, which end at `at`. */
function numberField(text: string, from: number, at: number): Field {
  const unit = text.charCodeAt(at);
  if (unit === 58) return { shape: 'time', text: text.slice(from, at) + match(AFTER_NUMBER_TIME, text, at) };
  if (unit !== 45 && unit !== 47 && unit !== 46) return { shape: 'number', text: text.slice(from, at) };
  const delimiter = text[at];
  let end = at + 1;
  if (!isDigit(text.charCodeAt(end))) {
    while (isDigit(text.charCodeAt(end)) || isAlpha(text.charCodeAt(end)) || text[end] === delimiter) end++;
    return { shape: 'date', text: text.slice(from, end).toLowerCase() };
  }
  while (isDigit(text.charCodeAt(end))) end++;
  if (text[end] !== delimiter) return { shape: delimiter === '.' ? 'number' : 'date', text: text.slice(from, end) };
  end++;
  while (isDigit(text.charCodeAt(end)) || text[end] === delimiter) end++;
  return { shape: 'date', text: text.slice(from, end) };
}

/** A field that starts with a letter. */
function wordField(text: string, from: number): Field {
  const word = match(LETTERS, text, from).toLowerCase();
  const at = from + word.length;
  const unit = text.charCodeAt(at);
  let isDate = unit === 45 || unit === 47 || unit === 46;
  if (!isDate && (unit === 43 || isDigit(unit))) isDate = dateWord(word) === undefined;
  if (!isDate) return { shape: 'string', text: word };
  const first = text[at];
  return { shape: 'date', text: word + first + match(ZONE_TAIL, text, at + 1).toLowerCase() };
}

/** Fields of a literal, in lower case; throws a fault of format. */
export function splitFields(text: string): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < text.length;) {
    const unit = text.charCodeAt(at);
    if (isSpace(unit)) {
      at++;
      continue;
    }
    if (fields.length >= MAX_FIELDS) throw new DateTimeFault('format');
    let field: Field;
    if (isDigit(unit)) field = numberField(text, at, at + match(DIGITS, text, at).length);
    else if (unit === 46) field = { shape: 'number', text: `.${match(DIGITS, text, at + 1)}` };
    else if (isAlpha(unit)) field = wordField(text, at);
    else if (unit === 43 || unit === 45) {
      const sign = text[at++];
      while (isSpace(text.charCodeAt(at))) at++;
      const next = text.charCodeAt(at);
      if (isDigit(next)) field = { shape: 'zone', text: match(SIGNED, text, at) };
      else if (isAlpha(next)) field = { shape: 'special', text: match(LETTERS, text, at).toLowerCase() };
      else throw new DateTimeFault('format');
      at += field.text.length;
      fields.push({ shape: field.shape, text: sign + field.text });
      continue;
    } else if (isPunctuation(unit)) {
      at++;
      continue;
    } else {
      throw new DateTimeFault('format');
    }
    at += field.text.length;
    fields.push(field);
  }
  return fields;
}

const INT32_MAX = 2147483647;

/** Digits (with an optional sign) at the start of `text`, as strtol reads them; a fault of field when beyond 32 bits. */
export function leadingInteger(text: string): { readonly value: number; readonly rest: string } {
  const digits = /^[+-]?[0-9]+/.exec(text)?.[0] ?? '';
  const value = digits === '' ? 0 : Number(digits);
  if (value > INT32_MAX || value < -INT32_MAX - 1) throw new DateTimeFault('field');
  return { value: value + 0, rest: text.slice(digits.length) };
}

/** A fraction: `.` and digits, to the end of the text; faults of format. */
export function parseFraction(text: string): number {
  if (text === '.') return 0;
  if (!/^\.[0-9]+$/.test(text)) throw new DateTimeFault('format');
  return Number(text);
}

/** Rounds half to even, as C's rint. */
export function rint(value: number): number {
  const floor = Math.floor(value);
  const difference = value - floor;
  if (difference < 0.5) return floor;
  if (difference > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A fraction of a second in microseconds. */
export function parseFractionalSecond(text: string): number {
  return rint(parseFraction(text) * 1000000);
}
