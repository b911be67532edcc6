/**
 * Reads fields of a literal as a date and time, or as a time alone (PostgreSQL's DecodeDateTime, DecodeTimeOnly).
 */
import type { FunctionServices } from '../context.js';
import { date2j, daysInMonth, Fields, j2date, setTime, timeMicros, USECS_PER_DAY } from './calendar.js';
import { dateWord, KIND, type Kind, type Reserved, type Unit, type Word } from './keywords.js';
import { DateTimeFault, leadingInteger, parseFraction, parseFractionalSecond, splitFields, type Field } from './literal.js';
import { abbreviationOffsetAtLocal, findAbbreviation, sessionZone, toZonedFields } from './session.js';
import { findZone, zoneOffsetAtLocal, type Zone } from './zone.js';

const bit = (kind: Kind): number => 1 << kind;
export const YEAR = bit(KIND.YEAR);
export const MONTH = bit(KIND.MONTH);
export const DAY = bit(KIND.DAY);
const DOY = bit(KIND.DOY);
const ZONE = bit(KIND.TZ);
const MODIFIER = bit(KIND.DTZMOD);
/** A whole date, a whole time. */
export const DATE_MASK = YEAR | MONTH | DAY;
export const TIME_MASK = bit(KIND.HOUR) | bit(KIND.MINUTE) | bit(KIND.SECOND) | bit(KIND.MILLISECOND) | bit(KIND.MICROSECOND);

const fault = (kind: ConstructorParameters<typeof DateTimeFault>[0], zone?: string): DateTimeFault => new DateTimeFault(kind, zone);

/** What was read: fields, or one of the special values. */
export interface Decoded {
  readonly fields: Fields;
  /** Seconds west of Greenwich. */
  readonly zone: number;
  readonly special?: 'epoch' | 'late' | 'early';
}

/** Numeric zone `+hh[:mm[:ss]]`, seconds west; a fault of displacement or format. */
export function decodeZone(text: string): number {
  const match = /^[+-](\d*)(?::(\d*)(?::(\d*))?)?(.*)$/s.exec(text);
  if (!match) throw fault('format');
  let hours = Number(match[1]);
  let minutes = Number(match[2] ?? 0);
  const seconds = Number(match[3] ?? 0);
  if (Math.max(hours, minutes, seconds) > 2147483647) throw fault('displacement');
  if (match[2] === undefined && match[4] === '' && text.length > 3) {
    minutes = hours % 100;
    hours = Math.trunc(hours / 100);
  }
  if (hours > 15 || minutes >= 60 || seconds >= 60) throw fault('displacement');
  if (match[4] !== '') throw fault('format');
  const total = (hours * 60 + minutes) * 60 + seconds;
  return (text.startsWith('-') ? total : -total) + 0;
}

/** Whether a time is beyond 24:00:00. */
export function timeOverflows(fields: Fields): boolean {
  const { hour, minute, second, micro } = fields;
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60 || micro < 0 || micro > 1000000) return true;
  return timeMicros(fields) > USECS_PER_DAY;
}

/** Checks year, month and day, with BC and two-digit years and day of the year; faults. */
export function validateDate(mask: number, isJulian: boolean, twoDigits: boolean, bc: boolean, fields: Fields): void {
  if (mask & YEAR && !isJulian) {
    if (bc) {
      if (fields.year <= 0) throw fault('field');
      fields.year = 1 - fields.year;
    } else if (twoDigits) {
      if (fields.year < 70) fields.year += 2000;
      else if (fields.year < 100) fields.year += 1900;
    } else if (fields.year <= 0) throw fault('field');
  }
  if (mask & DOY) j2date(date2j(fields.year, 1, 1) + fields.dayOfYear - 1, fields);
  if (mask & MONTH && (fields.month < 1 || fields.month > 12)) throw fault('monthDay');
  if (mask & DAY && (fields.day < 1 || fields.day > 31)) throw fault('monthDay');
  if ((mask & DATE_MASK) === DATE_MASK && fields.day > daysInMonth(fields.year, fields.month)) throw fault('field');
}

/** Parts of `hh:mm[:ss[.f]]`; `minuteToSecond`: two parts are minutes and seconds. */
export function decodeClock(text: string, minuteToSecond: boolean): { hour: number; minute: number; second: number; micro: number } {
  const match = /^(\d+):(\d*)(?:(\.\d*)|:(\d*)(\..*)?)?(.*)$/s.exec(text);
  if (!match) throw fault('format');
  let hour = Number(match[1]);
  let minute = Number(match[2]);
  let second = Number(match[4] ?? 0);
  if (hour >= 2 ** 63 || minute > 2147483647 || second > 2147483647) throw fault('field');
  const fraction = match[3] ?? match[5];
  if (match[6] !== '') throw fault('format');
  const micro = fraction === undefined ? 0 : parseFractionalSecond(fraction);
  if (match[3] !== undefined || (match[4] === undefined && minuteToSecond)) {
    if (hour > 2147483647) throw fault('field');
    [hour, minute, second] = [0, hour, minute];
  }
  if (minute > 59 || second > 60) throw fault('field');
  return { hour, minute, second, micro };
}

/** Reads one literal; see the file's comment. */
class Decoder {
  private readonly fields = new Fields();
  private mask = 0;
  private prefix: Unit | undefined;
  private special: 'epoch' | 'late' | 'early' | undefined;
  private zone = 0;
  private textMonth = false;
  private julian = false;
  private twoDigits = false;
  private bc = false;
  private meridian: number | undefined;
  private namedZone: Zone | undefined;
  private abbreviation: { readonly word: string; readonly zone: Zone } | undefined;

  constructor(private readonly services: FunctionServices, private readonly input: readonly Field[], private readonly timeOnly: boolean) {}

  private note(mask: number): void {
    if (mask & this.mask) throw fault('format');
    this.mask |= mask;
  }

  private readAll(): void {
    this.input.forEach((field, i) => {
      switch (field.shape) {
        case 'date': return this.note(this.timeOnly ? this.dateInTime(field, i) : this.dateField(field));
        case 'time': return this.note(this.timeField(field));
        case 'zone':
          this.zone = decodeZone(field.text);
          return this.note(ZONE);
        case 'number': return this.note(this.prefix ? this.labelled(field.text) : this.timeOnly ? this.numberInTime(field.text, i) : this.numberField(field.text));
        case 'string': case 'special': return this.wordField(field.text);
      }
    });
    if (this.prefix) throw fault('format');
  }

  private dateField(field: Field): number {
    const { text } = field;
    if (this.prefix === 'julian') {
      const { value, rest } = leadingInteger(text);
      if (value < 0) throw fault('field');
      j2date(value, this.fields);
      this.julian = true;
      this.zone = decodeZone(rest);
      this.prefix = undefined;
      return DATE_MASK | TIME_MASK | ZONE;
    }
    if (!this.prefix && (this.mask & (MONTH | DAY)) !== (MONTH | DAY)) return this.delimitedDate(text);
    if (!this.prefix && !/^[0-9]/.test(text)) return this.zoneName(text);
    if (this.prefix && this.prefix !== 'time') throw fault('format');
    this.prefix = undefined;
    return this.timeWithZone(text);
  }

  /** `hhmmss-zz`. */
  private timeWithZone(text: string): number {
    if ((this.mask & TIME_MASK) === TIME_MASK) throw fault('format');
    const at = text.indexOf('-');
    if (at < 0) throw fault('format');
    this.zone = decodeZone(text.slice(at));
    return this.concatenated(text.slice(0, at), this.timeOnly ? this.mask | DATE_MASK : this.mask) | ZONE;
  }

  private zoneName(text: string): number {
    const zone = findZone(text);
    if (!zone) throw fault('zone', text);
    this.namedZone = zone;
    return ZONE;
  }

  private dateInTime(field: Field, i: number): number {
    const { input } = this;
    if (i === 0 && input.length >= 2 && (input[input.length - 1].shape === 'date' || input[1].shape === 'time')) return this.delimitedDate(field.text);
    return /^[0-9]/.test(field.text) ? this.timeWithZone(field.text) : this.zoneName(field.text);
  }

  private timeField(field: Field): number {
    if (this.prefix) {
      if (this.prefix !== 'time') throw fault('format');
      this.prefix = undefined;
    }
    const clock = decodeClock(field.text, false);
    if (clock.hour > 2147483647) throw fault('field');
    Object.assign(this.fields, clock);
    if (!this.timeOnly && timeOverflows(this.fields)) throw fault('field');
    return TIME_MASK;
  }

  /** A number that the field before it labelled (`J2451187`, `T040506`). */
  private labelled(text: string): number {
    const { value, rest } = leadingInteger(text);
    if (rest !== '' && !rest.startsWith('.')) throw fault('format');
    const prefix = this.prefix;
    this.prefix = undefined;
    if (prefix === 'julian') {
      j2date(value, this.fields);
      this.julian = true;
      if (rest === '') return DATE_MASK;
      setTime(this.fields, Math.trunc(parseFraction(rest) * USECS_PER_DAY));
      return DATE_MASK | TIME_MASK;
    }
    if (prefix !== 'time') throw fault('format');
    const mask = this.concatenated(text, this.mask | DATE_MASK);
    if (mask !== TIME_MASK) throw fault('format');
    return mask;
  }

  private numberField(text: string): number {
    const point = text.indexOf('.');
    if (point >= 0 && !(this.mask & DATE_MASK)) return this.delimitedDate(text);
    if (point > 2) return this.concatenated(text, this.mask);
    if (text.length >= 6 && (!(this.mask & DATE_MASK) || !(this.mask & TIME_MASK))) return this.concatenated(text, this.mask);
    return this.number(text, this.textMonth, this.mask);
  }

  private numberInTime(text: string, i: number): number {
    const point = text.indexOf('.');
    const { input } = this;
    if (point >= 0) {
      if (i === 0 && input.length >= 2 && input[input.length - 1].shape === 'date') return this.delimitedDate(text);
      if (point > 2) return this.concatenated(text, this.mask | DATE_MASK);
      throw fault('format');
    }
    return text.length > 4 ? this.concatenated(text, this.mask | DATE_MASK) : this.number(text, false, this.mask | DATE_MASK);
  }

  /** A date with delimiters, perhaps with a month's name; returns what it set. */
  private delimitedDate(text: string): number {
    const pieces = splitDate(text);
    let mask = this.mask;
    let found = 0;
    let textMonth = false;
    const numbers: string[] = [];
    for (const piece of pieces) {
      if (!/^[A-Za-z]/.test(piece)) {
        numbers.push(piece);
        continue;
      }
      const word = dateWord(piece);
      if (word?.kind === KIND.IGNORE) continue;
      if (word?.kind !== KIND.MONTH || mask & MONTH) throw fault('format');
      this.fields.month = word.value;
      textMonth = true;
      mask |= MONTH;
      found |= MONTH;
    }
    for (const piece of numbers) {
      const set = this.number(piece, textMonth, mask);
      if (set & mask) throw fault('format');
      mask |= set;
      found |= set;
    }
    if ((mask & ~(DOY | ZONE)) !== DATE_MASK) throw fault('format');
    return found;
  }

  /** A plain number, by what the literal has named before it. */
  private number(text: string, textMonth: boolean, mask: number): number {
    const { value, rest } = leadingInteger(text);
    const length = text.length;
    if (rest === text) throw fault('format');
    if (rest.startsWith('.')) {
      if (length - rest.length > 2) return this.concatenated(text, mask | DATE_MASK);
      this.fields.micro = parseFractionalSecond(rest);
    } else if (rest !== '') throw fault('format');
    if (length === 3 && (mask & DATE_MASK) === YEAR && value >= 1 && value <= 366) {
      this.fields.dayOfYear = value;
      return DOY | MONTH | DAY;
    }
    const set = this.meaningOfNumber(length, textMonth, mask & DATE_MASK);
    if (set === 0) return this.concatenated(text, mask);
    if (set === YEAR) {
      this.fields.year = value;
      this.twoDigits = length <= 2;
    } else if (set === MONTH) this.fields.month = value;
    else if (mask & YEAR && textMonth && length >= 3 && this.twoDigits) {
      this.fields.day = this.fields.year;
      this.fields.year = value;
      this.twoDigits = false;
    } else this.fields.day = value;
    return set;
  }

  /** What a number is: YEAR, MONTH or DAY; 0 when the date is complete. */
  private meaningOfNumber(length: number, textMonth: boolean, have: number): number {
    const order = this.services.settings.dateOrder;
    switch (have) {
      case 0: return length >= 3 || order === 'YMD' ? YEAR : order === 'DMY' ? DAY : MONTH;
      case YEAR: case DAY: return MONTH;
      case MONTH: return textMonth && (length >= 3 || order === 'YMD') ? YEAR : DAY;
      case YEAR | MONTH: return DAY;
      case MONTH | DAY: return YEAR;
      case DATE_MASK: return 0;
      default: throw fault('format');
    }
  }

  /** Digits run together: a date of six or more, or a time of four or six. */
  private concatenated(text: string, mask: number): number {
    if (!/^[0-9.]*$/.test(text)) throw fault('format');
    let digits = text;
    const point = text.indexOf('.');
    if (point >= 0) {
      this.fields.micro = parseFractionalSecond(text.slice(point));
      digits = text.slice(0, point);
    } else if ((mask & DATE_MASK) !== DATE_MASK && digits.length >= 6) {
      this.fields.day = Number(digits.slice(-2));
      this.fields.month = Number(digits.slice(-4, -2));
      this.fields.year = Number(digits.slice(0, -4));
      if (digits.length === 6) this.twoDigits = true;
      return DATE_MASK;
    }
    if ((mask & TIME_MASK) !== TIME_MASK && (digits.length === 6 || digits.length === 4)) {
      this.fields.second = digits.length === 6 ? Number(digits.slice(4)) : 0;
      this.fields.minute = Number(digits.slice(2, 4));
      this.fields.hour = Number(digits.slice(0, 2));
      return TIME_MASK;
    }
    throw fault('format');
  }

  private wordField(text: string): void {
    const meaning = findAbbreviation(text, sessionZone(this.services));
    if (meaning) {
      if (meaning.kind === 'dynamic') {
        this.abbreviation = { word: text, zone: meaning.zone };
        return this.note(bit(KIND.DYNTZ) | ZONE);
      }
      this.zone = -meaning.offset + 0;
      return this.note(meaning.isDst ? bit(KIND.DTZ) | ZONE : ZONE);
    }
    const word = dateWord(text);
    if (!word) {
      const zone = findZone(text);
      if (!zone) throw fault('format');
      this.namedZone = zone;
      return this.note(ZONE);
    }
    if (word.kind !== KIND.IGNORE) this.note(this.applyWord(word));
  }

  private applyWord(word: Word): number {
    switch (word.kind) {
      case KIND.RESERV: return this.applyReserved(word.reserved!);
      case KIND.MONTH: {
        if (this.timeOnly) throw fault('format');
        let mask = bit(KIND.MONTH);
        if (this.mask & MONTH && !this.textMonth && !(this.mask & DAY) && this.fields.month >= 1 && this.fields.month <= 31) {
          this.fields.day = this.fields.month;
          mask = DAY;
        }
        this.textMonth = true;
        this.fields.month = word.value;
        return mask;
      }
      case KIND.DTZMOD:
        this.zone -= word.value;
        return MODIFIER | bit(KIND.DTZ);
      case KIND.AMPM:
        this.meridian = word.value;
        return bit(KIND.AMPM);
      case KIND.ADBC:
        this.bc = word.value === 1;
        return bit(KIND.ADBC);
      case KIND.DOW:
        if (this.timeOnly) throw fault('format');
        return bit(KIND.DOW);
      case KIND.UNITS: case KIND.ISOTIME:
        if (word.kind === KIND.ISOTIME && !this.timeOnly && (this.mask & DATE_MASK) !== DATE_MASK) throw fault('format');
        if (this.prefix) throw fault('format');
        this.prefix = word.unit;
        return 0;
      default: throw fault('format');
    }
  }

  private applyReserved(reserved: Reserved): number {
    const { fields } = this;
    if (this.timeOnly && reserved !== 'now' && reserved !== 'zulu') throw fault('format');
    switch (reserved) {
      case 'now': {
        const now = this.now();
        if (this.timeOnly) {
          Object.assign(fields, { hour: now.hour, minute: now.minute, second: now.second, micro: now.micro });
          return TIME_MASK;
        }
        Object.assign(fields, now);
        this.zone = now.zone;
        return DATE_MASK | TIME_MASK | ZONE;
      }
      case 'yesterday': case 'today': case 'tomorrow': {
        const now = this.now();
        const shift = reserved === 'today' ? 0 : reserved === 'tomorrow' ? 1 : -1;
        j2date(date2j(now.year, now.month, now.day) + shift, fields);
        return DATE_MASK;
      }
      case 'zulu':
        Object.assign(fields, { hour: 0, minute: 0, second: 0 });
        this.zone = 0;
        return TIME_MASK | ZONE;
      default:
        this.special = reserved;
        return DATE_MASK | TIME_MASK | ZONE;
    }
  }

  private now(): Fields {
    return toZonedFields(this.services.transactionTimestamp(), sessionZone(this.services));
  }

  private applyMeridian(): void {
    const { fields, meridian } = this;
    if (meridian === undefined) return;
    if (fields.hour > 12) throw fault('field');
    if (meridian === 0 && fields.hour === 12) fields.hour = 0;
    else if (meridian === 1 && fields.hour !== 12) fields.hour += 12;
  }

  private rejectModifier(): void {
    if (this.mask & MODIFIER) throw fault('format');
  }

  /** DecodeDateTime. */
  dateTime(): Decoded {
    this.readAll();
    if (this.special) return { fields: this.fields, zone: 0, special: this.special };
    validateDate(this.mask, this.julian, this.twoDigits, this.bc, this.fields);
    this.applyMeridian();
    if ((this.mask & DATE_MASK) !== DATE_MASK) throw fault('format');
    if (this.namedZone) {
      this.rejectModifier();
      this.zone = zoneOffsetAtLocal(this.fields, this.namedZone);
    }
    if (this.abbreviation) {
      this.rejectModifier();
      this.zone = abbreviationOffsetAtLocal(this.fields, this.abbreviation.word, this.abbreviation.zone);
    }
    if (!(this.mask & ZONE)) {
      this.rejectModifier();
      this.zone = zoneOffsetAtLocal(this.fields, sessionZone(this.services));
    }
    return { fields: this.fields, zone: this.zone };
  }

  /** The date for a zone's offset: the literal's, or today's. */
  private dateForZone(): Fields {
    const date = Object.assign(new Fields(), this.fields);
    if (!(this.mask & DATE_MASK)) {
      const now = this.now();
      Object.assign(date, { year: now.year, month: now.month, day: now.day });
    } else if ((this.mask & DATE_MASK) !== DATE_MASK) throw fault('format');
    return date;
  }

  /** DecodeTimeOnly. */
  time(): Decoded {
    this.readAll();
    validateDate(this.mask, this.julian, this.twoDigits, this.bc, this.fields);
    this.applyMeridian();
    if (timeOverflows(this.fields)) throw fault('field');
    if ((this.mask & TIME_MASK) !== TIME_MASK) throw fault('format');
    if (this.namedZone) {
      this.rejectModifier();
      const fixed = this.namedZone.fixedOffset;
      if (fixed === undefined && (this.mask & DATE_MASK) !== DATE_MASK) throw fault('format');
      this.zone = fixed === undefined ? zoneOffsetAtLocal(this.fields, this.namedZone) : -fixed + 0;
    }
    if (this.abbreviation) {
      this.rejectModifier();
      this.zone = abbreviationOffsetAtLocal(this.dateForZone(), this.abbreviation.word, this.abbreviation.zone);
    }
    if (!(this.mask & ZONE)) {
      this.rejectModifier();
      this.zone = zoneOffsetAtLocal(this.dateForZone(), sessionZone(this.services));
    }
    return { fields: this.fields, zone: this.zone };
  }
}

/** Runs of digits and of letters; one character after each run is a separator, whatever it is. */
function splitDate(text: string): string[] {
  const pieces: string[] = [];
  let at = 0;
  while (at < text.length && pieces.length < 25) {
    while (at < text.length && !/[0-9A-Za-z]/.test(text[at])) at++;
    if (at === text.length) throw fault('format');
    const run = /^(?:[0-9]+|[A-Za-z]+)/.exec(text.slice(at))![0];
    pieces.push(run);
    at += run.length + 1;
  }
  return pieces;
}

/** Reads a date and time; faults are thrown as DateTimeFault. */
export function decodeDateTime(services: FunctionServices, text: string): Decoded {
  return new Decoder(services, splitFields(text), false).dateTime();
}

/** Reads a time, perhaps with zone and date; faults are thrown as DateTimeFault. */
export function decodeTime(services: FunctionServices, text: string): Decoded {
  return new Decoder(services, splitFields(text), true).time();
}
