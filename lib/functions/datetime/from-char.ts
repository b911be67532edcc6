/**
 * to_date, to_timestamp, and the reading of dates and times by a template in SQL/JSON's strict way (PostgreSQL's
 * DCH_from_char, do_to_timestamp).
 */
import { pgError, type PgErrorFields } from '../../base/error.js';
import type { FunctionServices } from '../context.js';
import { withContext } from '../registry.js';
import {
  date2j, daysInMonth, END_DATE, Fields, fromFields, isLeap, isoWeekToJulian, isValidJulian, j2date, MIN_DATE, POSTGRES_EPOCH_JDATE,
  timestampOutOfRange,
} from './calendar.js';
import { DAY, MONTH, validateDate, YEAR, DATE_MASK } from './decode.js';
import { DAYS, MONTHS } from './format.js';
import { DateTimeFault, faultError } from './literal.js';
import { abbreviationOffsetAtLocal, findAbbreviation, sessionZone } from './session.js';
import { FULL_MONTHS, isSeparator, parseTemplate, ROMAN_MONTHS, type Convention, type TemplateNode } from './template.js';
import { roundTimestamp } from './typmod.js';
import { zoneOffsetAtLocal, type Zone } from './zone.js';

type PatternNode = Extract<TemplateNode, { kind: 'pattern' }>;

const INT_MAX = 2147483647;
const invalid = (message: string, fields?: PgErrorFields): Error => pgError('INVALID_DATETIME_FORMAT', message, fields);
const isSpace = (unit: string | undefined): boolean => unit !== undefined && /[ \t\n\v\f\r]/.test(unit);

const ADBC = ['ad', 'bc'];
const ADBC_LONG = ['a.d.', 'b.c.'];
const AMPM = ['am', 'pm'];
const AMPM_LONG = ['a.m.', 'p.m.'];
const SHORT_DAYS = DAYS.map((day) => day.slice(0, 3));

/** Two-, three- and one-digit years are taken toward 2020. */
function nearYear2020(year: number): number {
  if (year < 70) return year + 2000;
  if (year < 100) return year + 1900;
  if (year < 520) return year + 2000;
  return year < 1000 ? year + 1000 : year;
}

/** What the input gave, each 0 until set. */
class Input {
  hh = 0; pm = 0; mi = 0; ss = 0; ssss = 0; d = 0; dd = 0; ddd = 0; mm = 0; ms = 0; us = 0; ff = 0;
  year = 0; bc = 0; ww = 0; w = 0; cc = 0; j = 0; yearDigits = 0;
  twelveHour = false;
  convention: Convention = 'none';
  zoneSign = 0; zoneHours = 0; zoneMinutes = 0;
  abbreviation: { readonly offset: number; readonly zone?: Zone; readonly word: string } | undefined;
}
type NumberField = { [K in keyof Input]: Input[K] extends number ? K : never }[keyof Input];

/** Patterns that simply set a field. */
const PLAIN: Partial<Record<string, NumberField>> = {
  HH24: 'hh', HH12: 'hh', HH: 'hh', MI: 'mi', SS: 'ss', SSSS: 'ssss', MM: 'mm', DDD: 'ddd', IDDD: 'ddd', DD: 'dd', D: 'd', WW: 'ww',
  IW: 'ww', CC: 'cc', YYYY: 'year', IYYY: 'year', W: 'w', J: 'j',
};
/** Digits a pattern takes where that is not its length. */
const WIDTHS: Partial<Record<string, number>> = { HH24: 2, HH12: 2, HH: 2, IDDD: 3, SSSS: 4 };

/** Reads one input by a template. */
class TemplateReader {
  private at = 0;
  private readonly found = new Input();
  /** White space skipped beyond what the template asks for. */
  private extraSkip = 0;

  constructor(private readonly services: FunctionServices, private readonly nodes: readonly TemplateNode[], private readonly text: string,
    private readonly standard: boolean) {}

  private skipSpaces(): void {
    for (; isSpace(this.text[this.at]); this.at++) this.extraSkip++;
  }

  private get characterLength(): number {
    return (this.text.codePointAt(this.at) ?? 0) > 0xffff ? 2 : 1;
  }

  read(): Input {
    const { nodes, text } = this;
    let fixed = this.standard;
    let i = 0;
    for (; i < nodes.length && this.at < text.length; i++) {
      const node = nodes[i];
      const isFx = node.kind === 'pattern' && node.pattern.id === 'FX';
      if (!fixed && !isFx && (node.kind === 'pattern' || i === 0)) this.skipSpaces();
      if (node.kind !== 'pattern') {
        this.literal(node, fixed);
        continue;
      }
      this.setConvention(node);
      if (isFx) fixed = true;
      else this.pattern(node, i);
      if (!fixed) {
        this.extraSkip = 0;
        this.skipSpaces();
      }
    }
    if (this.standard) this.checkEnd(i);
    return this.found;
  }

  private checkEnd(next: number): void {
    if (next < this.nodes.length) throw invalid('input string is too short for datetime format');
    while (isSpace(this.text[this.at])) this.at++;
    if (this.at < this.text.length) throw invalid('trailing characters remain in input string after datetime format');
  }

  private literal(node: Exclude<TemplateNode, PatternNode>, fixed: boolean): void {
    const current = this.text[this.at];
    if (node.kind !== 'character') {
      if (this.standard) {
        if (current !== node.text) throw invalid(`unmatched format separator "${node.text}"`);
        this.at++;
      } else if (fixed) this.at += this.characterLength;
      else {
        this.extraSkip--;
        if (isSpace(current) || isSeparator(this.text, this.at)) {
          this.at++;
          this.extraSkip++;
        }
      }
      return;
    }
    if (!fixed && this.extraSkip > 0) {
      this.extraSkip--;
      return;
    }
    if (this.standard && !this.text.startsWith(node.text, this.at)) throw invalid(`unmatched format character "${node.text}"`);
    this.at += this.characterLength;
  }

  private setConvention({ pattern }: PatternNode): void {
    if (pattern.convention === 'none') return;
    if (this.found.convention === 'none') this.found.convention = pattern.convention;
    else if (this.found.convention !== pattern.convention) {
      throw invalid('invalid combination of date conventions', { hint: 'Do not mix Gregorian and ISO week date conventions in a formatting template.' });
    }
  }

  private set(field: NumberField, value: number, node: PatternNode): void {
    if (this.found[field] !== 0 && this.found[field] !== value) {
      throw invalid(`conflicting values for "${node.pattern.name}" field in formatting string`,
        { detail: 'This value contradicts a previous setting for the same field type.' });
    }
    this.found[field] = value;
  }

  /** Whether the input after this pattern cannot be digits of another. */
  private endsNumber(node: PatternNode, i: number): boolean {
    if (node.ordinal !== '') return true;
    const next = this.nodes[i + 1];
    if (!next) return true;
    if (next.kind === 'pattern') return !next.pattern.digits;
    return !/^[0-9]$/.test(next.text);
  }

  /** An integer; returns its value and the characters it took. */
  private integer(node: PatternNode, i: number, width: number): { readonly value: number; readonly length: number } {
    const { name } = node.pattern;
    const start = this.at;
    while (isSpace(this.text[this.at])) this.at++;
    const copy = this.text.slice(this.at, this.at + width);
    const greedy = node.fill || this.endsNumber(node, i);
    const digits = /^[ \t\n\v\f\r]*[+-]?[0-9]+/.exec(greedy ? this.text.slice(start) : copy)?.[0] ?? '';
    if (greedy) this.at = digits === '' ? start : start + digits.length;
    else {
      const hint = 'If your source string is not fixed-width, try using the "FM" modifier.';
      if (copy.length < width) {
        throw invalid(`source string too short for "${name}" formatting field`,
          { detail: `Field requires ${width} characters, but only ${copy.length} remain.`, hint });
      }
      if (digits !== '' && digits.length < width) {
        throw invalid(`invalid value "${copy}" for "${name}"`,
          { detail: `Field requires ${width} characters, but only ${digits.length} could be parsed.`, hint });
      }
      this.at += digits.length;
    }
    if (this.at === start) throw invalid(`invalid value "${copy}" for "${name}"`, { detail: 'Value must be an integer.' });
    const value = Number(digits) + 0;
    if (value > INT_MAX || value < -INT_MAX - 1) {
      throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `value for "${name}" in source string is out of range`,
        { detail: `Value must be in the range ${-INT_MAX - 1} to ${INT_MAX}.` });
    }
    return { value, length: this.at - start };
  }

  private number(field: NumberField | undefined, node: PatternNode, i: number, width = WIDTHS[node.pattern.id] ?? node.pattern.name.length): number {
    const { value, length } = this.integer(node, i, width);
    if (field) this.set(field, value, node);
    return length;
  }

  private word(words: readonly string[], node: PatternNode): number {
    const rest = this.text.slice(this.at).toLowerCase();
    const index = words.findIndex((word) => rest.startsWith(word.toLowerCase()));
    if (index < 0) {
      throw invalid(`invalid value "${this.text.slice(this.at).split(/[ \t\n\v\f\r]/)[0]}" for "${node.pattern.name}"`,
        { detail: 'The given value did not match any of the allowed values for this field.' });
    }
    this.at += words[index].length;
    return index;
  }

  private skipOrdinal(node: PatternNode): void {
    if (node.ordinal !== '') this.at = Math.min(this.at + 2, this.text.length);
  }

  private pattern(node: PatternNode, i: number): void {
    const { found } = this;
    const id = node.pattern.id.toUpperCase();
    const plain = PLAIN[id];
    if (plain) {
      this.number(plain, node, i);
      if (id === 'HH' || id === 'HH12') found.twelveHour = true;
      if (plain === 'year') found.yearDigits = 4;
      return this.skipOrdinal(node);
    }
    switch (id) {
      case 'A.M.': case 'P.M.': this.set('pm', this.word(AMPM_LONG, node), node); found.twelveHour = true; return;
      case 'AM': case 'PM': this.set('pm', this.word(AMPM, node), node); found.twelveHour = true; return;
      case 'A.D.': case 'B.C.': return this.set('bc', this.word(ADBC_LONG, node), node);
      case 'AD': case 'BC': return this.set('bc', this.word(ADBC, node), node);
      case 'MONTH': return this.set('mm', this.word(FULL_MONTHS, node) + 1, node);
      case 'MON': return this.set('mm', this.word(MONTHS, node) + 1, node);
      case 'RM': return this.set('mm', 12 - this.word(ROMAN_MONTHS, node), node);
      case 'DAY': case 'DY': {
        const day = this.word(id === 'DAY' ? DAYS : SHORT_DAYS, node);
        this.set('d', day, node);
        found.d++;
        return;
      }
      case 'TZ': case 'OF': case 'TZH': case 'TZM': return this.zone(id, node, i);
      default: this.scaledNumber(id, node, i);
    }
    this.skipOrdinal(node);
  }

  /** Numbers that are changed after they were read. */
  private scaledNumber(id: string, node: PatternNode, i: number): void {
    const { found } = this;
    if (id === 'MS') {
      const length = this.number('ms', node, i, 3);
      found.ms *= length === 1 ? 100 : length === 2 ? 10 : 1;
    } else if (id === 'US' || id.startsWith('FF')) {
      if (id !== 'US') found.ff = Number(id[2]);
      const length = this.number('us', node, i, id === 'US' ? 6 : found.ff);
      found.us *= length < 6 ? 10 ** (6 - length) : 1;
    } else if (id === 'ID') {
      this.number('d', node, i, 1);
      if (++found.d > 7) found.d = 1;
    } else if (id === 'Q') this.number(undefined, node, i, 1);
    else if (id === 'Y,YYY') this.commaYear(node);
    else if (/^I?Y{1,3}$|^I$/.test(id)) {
      const length = this.number('year', node, i);
      if (length < 4) found.year = nearYear2020(found.year);
      found.yearDigits = id.length;
    }
  }

  private commaYear(node: PatternNode): void {
    const match = /^[ \t\n\v\f\r]*([+-]?[0-9]+),[ \t\n\v\f\r]*([+-]?[0-9]{1,3})/.exec(this.text.slice(this.at));
    if (!match) throw invalid(`invalid value "${this.text.slice(this.at)}" for "Y,YYY"`);
    const year = Number(match[1]) * 1000 + Number(match[2]);
    if (Math.abs(year) > INT_MAX) throw pgError('DATETIME_FIELD_OVERFLOW', 'value for "Y,YYY" in source string is out of range');
    this.set('year', year, node);
    this.found.yearDigits = 4;
    this.at += match[0].length;
  }

  private zone(id: string, node: PatternNode, i: number): void {
    const { found, text } = this;
    if (id === 'TZM') {
      found.zoneSign ||= 1;
      this.number('zoneMinutes', node, i, 2);
      return;
    }
    if (id === 'TZ') {
      if (this.zoneAbbreviation()) return;
      if (/^[A-Za-z]/.test(text.slice(this.at))) {
        throw invalid(`invalid value "${text.slice(this.at)}" for "${node.pattern.name}"`, { detail: 'Time zone abbreviation is not recognized.' });
      }
    }
    const sign = text[this.at];
    if (sign === '+' || sign === '-' || sign === ' ') {
      found.zoneSign = sign === '-' ? -1 : 1;
      this.at++;
    } else found.zoneSign = this.extraSkip > 0 && text[this.at - 1] === '-' ? -1 : 1;
    this.number('zoneHours', node, i, 2);
    if (id !== 'TZH' && text[this.at] === ':') {
      this.at++;
      this.number('zoneMinutes', node, i, 2);
    }
  }

  /** The longest abbreviation that stands here. */
  private zoneAbbreviation(): boolean {
    const letters = /^[A-Za-z]{0,10}/.exec(this.text.slice(this.at))![0];
    for (let length = letters.length; length > 0; length--) {
      const word = letters.slice(0, length);
      const meaning = findAbbreviation(word.toLowerCase(), sessionZone(this.services));
      if (!meaning) continue;
      this.found.abbreviation = meaning.kind === 'fixed' ? { offset: meaning.offset, word } : { offset: 0, zone: meaning.zone, word };
      this.found.zoneSign = 0;
      this.at += length;
      return true;
    }
    return false;
  }
}

/** What a template read: fields, the zone (seconds west) where it gave one, digits of the fraction (0 for none given). */
export interface TemplateResult {
  readonly fields: Fields;
  readonly zone: number | undefined;
  readonly fractionDigits: number;
}

function checkInt(value: number): number {
  if (value > INT_MAX || value < -INT_MAX - 1) throw new DateTimeFault('field');
  return value;
}

/** The year, from year, century and era; undefined when none was given. */
function yearOf(input: Input): number | undefined {
  let { cc } = input;
  if (input.year !== 0) {
    if (cc !== 0 && input.yearDigits <= 2) {
      if (input.bc) cc = -cc;
      const low = input.year % 100;
      if (low === 0) return cc * 100 + (cc >= 0 ? 0 : 1);
      return checkInt(cc >= 0 ? low + checkInt((cc - 1) * 100) : checkInt((cc + 1) * 100) - low + 1);
    }
    const year = input.bc ? -input.year : input.year;
    return year < 0 ? year + 1 : year;
  }
  if (cc === 0) return undefined;
  if (input.bc) cc = -cc;
  return checkInt(checkInt((cc >= 0 ? cc - 1 : cc) * 100) + 1);
}

/** Month and day of the year's day. */
function applyDayOfYear(fields: Fields, input: Input, ddd: number): void {
  if (fields.year === 0 && !input.bc) throw invalid('cannot calculate day of year without year information');
  if (input.convention === 'isoweek') {
    j2date(isoWeekToJulian(fields.year, 1) - 1 + ddd, fields);
    return;
  }
  let month = 1;
  let before = 0;
  for (; month <= 12 && ddd > before + daysInMonth(fields.year, month); month++) before += daysInMonth(fields.year, month);
  if (month > 12) before = isLeap(fields.year) ? 366 : 365;
  if (fields.month <= 1) fields.month = month;
  if (fields.day <= 1) fields.day = ddd - before;
}

function applyClock(fields: Fields, input: Input): void {
  if (input.ssss) {
    fields.hour = Math.trunc(input.ssss / 3600);
    fields.minute = Math.trunc((input.ssss % 3600) / 60);
    fields.second = input.ssss % 60;
  }
  if (input.ss) fields.second = input.ss;
  if (input.mi) fields.minute = input.mi;
  if (input.hh) fields.hour = input.hh;
  if (!input.twelveHour) return;
  if (fields.hour < 1 || fields.hour > 12) {
    throw invalid(`hour "${fields.hour}" is invalid for the 12-hour clock`, { hint: 'Use the 24-hour clock, or give an hour between 1 and 12.' });
  }
  if (input.pm && fields.hour < 12) fields.hour += 12;
  else if (!input.pm && fields.hour === 12) fields.hour = 0;
}

/** The date from everything the input gave; faults of field. */
function applyDate(fields: Fields, input: Input): void {
  let mask = 0;
  const year = yearOf(input);
  if (year !== undefined) {
    fields.year = year;
    mask |= YEAR;
  }
  if (input.j) {
    j2date(input.j, fields);
    mask |= DATE_MASK;
  }
  let { dd, ddd } = input;
  if (input.ww && input.convention === 'isoweek') {
    const monday = isoWeekToJulian(fields.year, input.ww);
    j2date(input.d === 0 ? monday : input.d > 1 ? monday + input.d - 2 : monday + 6, fields);
    mask |= DATE_MASK;
  } else if (input.ww) ddd = checkInt(checkInt((input.ww - 1) * 7) + 1);
  if (input.w) dd = checkInt(checkInt((input.w - 1) * 7) + 1);
  if (dd) {
    fields.day = dd;
    mask |= DAY;
  }
  if (input.mm) {
    fields.month = input.mm;
    mask |= MONTH;
  }
  if (ddd && (fields.month <= 1 || fields.day <= 1)) {
    applyDayOfYear(fields, input, ddd);
    mask |= input.convention === 'isoweek' ? DATE_MASK : MONTH | DAY;
  }
  if (mask === 0) return;
  try {
    validateDate(mask, true, false, false, fields);
  } catch (error) {
    throw error instanceof DateTimeFault ? new DateTimeFault('field') : error;
  }
}

function zoneOf(fields: Fields, input: Input): number | undefined {
  if (input.zoneSign) {
    if (input.zoneHours < 0 || input.zoneHours > 15 || input.zoneMinutes < 0 || input.zoneMinutes >= 60) throw new DateTimeFault('displacement');
    return -input.zoneSign * (input.zoneHours * 60 + input.zoneMinutes) * 60 + 0;
  }
  if (!input.abbreviation) return undefined;
  const { offset, zone, word } = input.abbreviation;
  return zone ? abbreviationOffsetAtLocal(fields, word, zone) : -offset + 0;
}

/** Reads a text by a template; 22007, 22008, 22009. */
export function readByTemplate(services: FunctionServices, text: string, format: string, standard = false): TemplateResult {
  const input = format === '' ? new Input() : new TemplateReader(services, parseTemplate(format, standard), text, standard).read();
  const fields = new Fields();
  try {
    applyClock(fields, input);
    applyDate(fields, input);
    fields.micro = checkInt(input.ms * 1000) + input.us;
    if (fields.hour < 0 || fields.hour >= 24 || fields.minute < 0 || fields.minute >= 60 || fields.second < 0 || fields.second >= 60
      || fields.micro < 0 || fields.micro >= 1000000) throw new DateTimeFault('field');
    return { fields, zone: zoneOf(fields, input), fractionDigits: input.ff };
  } catch (error) {
    throw error instanceof DateTimeFault ? faultError(error, text, 'timestamp') : error;
  }
}

/** Days of fields; 22008. */
export function dateOfFields(fields: Fields, text: string): number {
  const date = isValidJulian(fields.year, fields.month) ? date2j(fields.year, fields.month, fields.day) - POSTGRES_EPOCH_JDATE : NaN;
  if (!(date >= MIN_DATE && date < END_DATE)) throw pgError('DATETIME_VALUE_OUT_OF_RANGE', `date out of range: "${text}"`);
  return date;
}

withContext('to_timestamp', (cx, text: string, format: string) => {
  const { fields, zone, fractionDigits } = readByTemplate(cx.services, text, format);
  const timestamp = fromFields(fields, zone ?? zoneOffsetAtLocal(fields, sessionZone(cx.services)));
  if (timestamp === undefined) throw timestampOutOfRange();
  return fractionDigits === 0 ? timestamp : roundTimestamp(timestamp, fractionDigits);
});
withContext('to_date', (cx, text: string, format: string) => dateOfFields(readByTemplate(cx.services, text, format).fields, text));
