/**
 * Reads interval literals: `1 day -02:03`, `1-2`, `P1Y2M`, with the fields that a modifier implies (PostgreSQL's
 * DecodeInterval, DecodeISO8601Interval).
 */
import { Interval, normalizeInt8 } from '../../types/datum.js';
import { intervalOutOfRange } from './calendar.js';
import { decodeClock } from './decode.js';
import { dateWord, KIND, unitWord, type Unit } from './keywords.js';
import { DateTimeFault, parseFraction, rint, splitFields, type Field } from './literal.js';

/** Bits of a modifier's field range. */
export const RANGE = { MONTH: 1 << 1, YEAR: 1 << 2, DAY: 1 << 3, HOUR: 1 << 10, MINUTE: 1 << 11, SECOND: 1 << 12, FULL: 0x7fff } as const;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export const INTERVAL_INFINITY = new Interval(2147483647, 2147483647, INT64_MAX);
export const INTERVAL_NEGATIVE_INFINITY = new Interval(-2147483648, -2147483648, INT64_MIN);

const fieldFault = (): DateTimeFault => new DateTimeFault('field');
const formatFault = (): DateTimeFault => new DateTimeFault('format');

function check32(value: number): number {
  if (value > 2147483647 || value < -2147483648) throw fieldFault();
  return value;
}

/** An interval in the making; each addition throws a fault of field when it overflows. */
class Sum {
  micros = 0n;
  days = 0;
  months = 0;
  years = 0;

  private add(micros: bigint): void {
    this.micros += micros;
    if (this.micros > INT64_MAX || this.micros < INT64_MIN) throw fieldFault();
  }

  fractionOfMicros(fraction: number, scale: number): void {
    if (fraction === 0) return;
    const scaled = fraction * scale;
    let whole = Math.trunc(scaled);
    const rest = scaled - whole;
    if (rest > 0.5) whole++;
    else if (rest < -0.5) whole--;
    this.add(BigInt(whole));
  }

  time(value: bigint, fraction: number, scale: number): void {
    this.add(value * BigInt(scale));
    this.fractionOfMicros(fraction, scale);
  }

  wholeDays(value: bigint, scale: number): void {
    this.days = check32(this.days + check32(check32(Number(value)) * scale));
  }

  fractionOfDays(fraction: number, scale: number): void {
    if (fraction === 0) return;
    const scaled = fraction * scale;
    const whole = Math.trunc(scaled);
    this.days = check32(this.days + whole);
    this.fractionOfMicros(scaled - whole, 86400000000);
  }

  wholeMonths(value: bigint): void {
    this.months = check32(this.months + check32(Number(value)));
  }

  wholeYears(value: bigint, fraction: number, scale: number): void {
    this.years = check32(this.years + check32(check32(Number(value)) * scale));
    this.months = check32(this.months + rint(fraction * scale * 12));
  }

  negate(): void {
    if (this.micros === INT64_MIN || [this.days, this.months, this.years].includes(-2147483648)) throw fieldFault();
    this.micros = -this.micros;
    this.days = 0 - this.days;
    this.months = 0 - this.months;
    this.years = 0 - this.years;
  }

  /** The value; 22008 when it is out of range. */
  result(): Interval {
    const months = this.years * 12 + this.months;
    if (months > 2147483647 || months < -2147483648) throw intervalOutOfRange();
    const interval = new Interval(months + 0, this.days + 0, normalizeInt8(this.micros));
    if (isInfinite(interval)) throw intervalOutOfRange();
    return interval;
  }
}

/** Whether an interval is one of the two infinities. */
export function isInfinite(interval: Interval): boolean {
  return typeof interval.micros === 'bigint'
    && ((interval.months === 2147483647 && interval.days === 2147483647 && interval.micros === INT64_MAX)
      || (interval.months === -2147483648 && interval.days === -2147483648 && interval.micros === INT64_MIN));
}

/** Unit of a number without one, from the modifier's range. */
function impliedUnit(range: number): Unit {
  switch (range) {
    case RANGE.YEAR: return 'year';
    case RANGE.MONTH: case RANGE.YEAR | RANGE.MONTH: return 'month';
    case RANGE.DAY: return 'day';
    case RANGE.HOUR: case RANGE.DAY | RANGE.HOUR: return 'hour';
    case RANGE.MINUTE: case RANGE.HOUR | RANGE.MINUTE: case RANGE.DAY | RANGE.HOUR | RANGE.MINUTE: return 'minute';
    default: return 'second';
  }
}

/** Microseconds of a time unit. */
const TIME_UNITS: Partial<Record<Unit, number>> = {
  microseconds: 1, milliseconds: 1000, second: 1000000, minute: 60000000, hour: 3600000000,
};
const YEAR_UNITS: Partial<Record<Unit, number>> = { year: 1, decade: 10, century: 100, millennium: 1000 };
const SECOND_BITS = (1 << KIND.SECOND) | (1 << KIND.MILLISECOND) | (1 << KIND.MICROSECOND);
const TIME_BITS = (1 << KIND.HOUR) | (1 << KIND.MINUTE) | SECOND_BITS;
const UNIT_BITS: Partial<Record<Unit, number>> = {
  microseconds: 1 << KIND.MICROSECOND, milliseconds: 1 << KIND.MILLISECOND, second: 1 << KIND.SECOND, minute: 1 << KIND.MINUTE,
  hour: 1 << KIND.HOUR, day: 1 << KIND.DAY, week: 1 << KIND.WEEK, month: 1 << KIND.MONTH, year: 1 << KIND.YEAR,
  decade: 1 << KIND.DECADE, century: 1 << KIND.CENTURY, millennium: 1 << KIND.MILLENNIUM,
};

/** Adds `value` and `fraction` of a unit; a fault of format for units that intervals do not have. */
function addUnit(sum: Sum, unit: Unit, value: bigint, fraction: number): number {
  const micros = TIME_UNITS[unit];
  const years = YEAR_UNITS[unit];
  if (micros !== undefined) sum.time(value, fraction, micros);
  else if (years !== undefined) sum.wholeYears(value, fraction, years);
  else if (unit === 'day') {
    sum.wholeDays(value, 1);
    sum.fractionOfMicros(fraction, 86400000000);
  } else if (unit === 'week') {
    sum.wholeDays(value, 7);
    sum.fractionOfDays(fraction, 7);
  } else if (unit === 'month') {
    sum.wholeMonths(value);
    sum.fractionOfDays(fraction, 30);
  } else throw formatFault();
  if (unit === 'second' && fraction !== 0) return SECOND_BITS;
  return UNIT_BITS[unit]!;
}

/** A number or `years-months`. */
function readNumber(text: string): { readonly value: bigint; readonly fraction: number; readonly yearMonth: boolean } {
  const digits = /^[+-]?[0-9]+/.exec(text)?.[0] ?? '';
  const rest = text.slice(digits.length);
  const value = digits === '' ? 0n : BigInt(digits.replace('+', ''));
  if (value > INT64_MAX || value < INT64_MIN) throw fieldFault();
  const negative = text.startsWith('-');
  if (rest === '') return { value, fraction: 0, yearMonth: false };
  if (rest.startsWith('.')) {
    const fraction = parseFraction(rest);
    return { value, fraction: negative ? -fraction : fraction, yearMonth: false };
  }
  const months = /^-([+-]?[0-9]*)(.*)$/s.exec(rest);
  if (!months) throw formatFault();
  const extra = Number(months[1]);
  if (extra < 0 || extra >= 12) throw fieldFault();
  if (months[2] !== '') throw formatFault();
  const total = value * 12n + BigInt(negative ? -extra : extra);
  if (total > INT64_MAX || total < INT64_MIN) throw fieldFault();
  return { value: total, fraction: 0, yearMonth: true };
}

/** Reads one literal, from the right. */
class IntervalDecoder {
  private readonly sum = new Sum();
  private mask = 0;
  private unit: Unit | undefined;
  private pendingUnit = false;
  private ago = false;
  private infinity: Interval | undefined;
  private readonly forceNegative: boolean;

  constructor(private readonly fields: readonly Field[], private readonly range: number, sqlStandard: boolean) {
    this.forceNegative = sqlStandard && fields.length > 0 && fields[0].text.startsWith('-')
      && !fields.slice(1).some((field) => /^[+-]/.test(field.text));
  }

  read(): Interval {
    for (let i = this.fields.length - 1; i >= 0; i--) {
      const { shape, text } = this.fields[i];
      const found = shape === 'time' ? this.clock(text, false)
        : shape === 'string' || shape === 'special' ? this.word(text, i === this.fields.length - 1)
          : shape === 'zone' && text.includes(':') ? this.signedClock(text) : this.number(text);
      if (found & this.mask) throw formatFault();
      this.mask |= found;
    }
    if (this.mask === 0 || this.pendingUnit) throw formatFault();
    if (this.ago) this.sum.negate();
    return this.infinity ?? this.sum.result();
  }

  private clock(text: string, negative: boolean): number {
    const { hour, minute, second, micro } = decodeClock(text, this.range === (RANGE.MINUTE | RANGE.SECOND));
    const hours = BigInt(/^\d+/.exec(text)![0]);
    const wide = hour > Number.MAX_SAFE_INTEGER ? hours : BigInt(hour);
    let micros = BigInt(micro) + (wide * 3600n + BigInt(minute * 60 + second)) * 1000000n;
    if (micros > INT64_MAX) throw fieldFault();
    if (negative || this.forceNegative) micros = -micros;
    this.sum.micros = micros;
    this.unit = 'day';
    this.pendingUnit = false;
    return TIME_BITS;
  }

  private signedClock(text: string): number {
    try {
      return this.clock(text.slice(1), text.startsWith('-'));
    } catch (error) {
      if (!(error instanceof DateTimeFault)) throw error;
      return this.number(text);
    }
  }

  private number(text: string): number {
    const unit = this.unit ?? impliedUnit(this.range);
    const read = readNumber(text);
    let { value, fraction } = read;
    this.unit = read.yearMonth ? 'month' : unit;
    if (this.forceNegative) {
      if (value > 0n) value = -value;
      if (fraction > 0) fraction = -fraction;
    }
    const found = addUnit(this.sum, this.unit, value, fraction);
    if (this.unit === 'hour') this.unit = 'day';
    this.pendingUnit = false;
    return found;
  }

  private word(text: string, last: boolean): number {
    if (this.pendingUnit) throw formatFault();
    const word = unitWord(text) ?? dateWord(text);
    if (word?.kind === KIND.IGNORE) return 0;
    if (word?.kind === KIND.UNITS) {
      this.unit = word.unit;
      this.pendingUnit = true;
      return 0;
    }
    if (!last) throw formatFault();
    if (word?.kind === KIND.AGO) {
      this.ago = true;
      this.unit = undefined;
      return 0;
    }
    if (word?.kind !== KIND.RESERV || (word.reserved !== 'late' && word.reserved !== 'early')) throw formatFault();
    this.infinity = word.reserved === 'late' ? INTERVAL_INFINITY : INTERVAL_NEGATIVE_INFINITY;
    return TIME_BITS | (1 << KIND.YEAR) | (1 << KIND.MONTH) | (1 << KIND.DAY);
  }
}

const ISO_NUMBER = /(?:-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/y;

/** Reads ISO 8601 durations, with designators or in the alternative format. */
class IsoDecoder {
  private at = 1;
  private readonly sum = new Sum();
  private value = 0n;
  private fraction = 0;
  /** Width of the last number's integer digits. */
  private width = 0;

  constructor(private readonly text: string) {}

  private number(): void {
    ISO_NUMBER.lastIndex = this.at;
    const match = ISO_NUMBER.exec(this.text)?.[0];
    if (match === undefined) throw formatFault();
    this.at += match.length;
    const number = Number(match);
    if (number < -1e15 || number > 1e15) throw fieldFault();
    const whole = Math.trunc(number);
    this.value = BigInt(whole);
    this.fraction = number - whole;
    this.width = /^-?([0-9]*)/.exec(match)![1].length;
  }

  private add(unit: Unit): void {
    addUnit(this.sum, unit, this.value, this.fraction);
  }

  read(): Interval {
    if (this.text.length < 2 || !this.text.startsWith('P')) throw formatFault();
    let inDate = true;
    let haveField = false;
    while (this.at < this.text.length) {
      if (this.text[this.at] === 'T') {
        inDate = false;
        haveField = false;
        this.at++;
        continue;
      }
      this.number();
      const unit = this.text[this.at++] ?? '';
      if (inDate && 'YMWD'.includes(unit) && unit !== '') this.add(unit === 'Y' ? 'year' : unit === 'M' ? 'month' : unit === 'W' ? 'week' : 'day');
      else if (!inDate && 'HMS'.includes(unit) && unit !== '') this.add(unit === 'H' ? 'hour' : unit === 'M' ? 'minute' : 'second');
      else if (inDate) {
        if (this.alternativeDate(unit, haveField)) break;
        inDate = false;
        haveField = false;
        continue;
      } else {
        this.alternativeTime(unit, haveField);
        break;
      }
      haveField = true;
    }
    return this.sum.result();
  }

  /** `yyyymmdd` or `yyyy-mm-dd`; true at the end of the text, false before a `T`. */
  private alternativeDate(unit: string, haveField: boolean): boolean {
    if (unit !== '' && unit !== 'T' && unit !== '-') throw formatFault();
    if (unit !== '-' && this.width === 8 && !haveField) {
      const { value, fraction } = this;
      addUnit(this.sum, 'year', value / 10000n, 0);
      addUnit(this.sum, 'month', (value / 100n) % 100n, 0);
      addUnit(this.sum, 'day', value % 100n, fraction);
      return unit === '';
    }
    if (haveField) throw formatFault();
    this.add('year');
    if (unit !== '-') return unit === '';
    for (const part of ['month', 'day'] as const) {
      this.number();
      this.add(part);
      const next = this.text[this.at++] ?? '';
      if (next === '') return true;
      if (next === 'T') return false;
      if (next !== '-' || part === 'day') throw formatFault();
    }
    throw formatFault();
  }

  /** `hhmmss` or `hh:mm:ss`, to the end of the text. */
  private alternativeTime(unit: string, haveField: boolean): void {
    if (unit !== '' && unit !== ':') throw formatFault();
    if (unit === '' && this.width === 6 && !haveField) {
      const { value, fraction } = this;
      addUnit(this.sum, 'hour', value / 10000n, 0);
      addUnit(this.sum, 'minute', (value / 100n) % 100n, 0);
      addUnit(this.sum, 'second', value % 100n, 0);
      this.sum.fractionOfMicros(fraction, 1);
      return;
    }
    if (haveField) throw formatFault();
    this.add('hour');
    if (unit === '') return;
    for (const part of ['minute', 'second'] as const) {
      this.number();
      this.add(part);
      const next = this.text[this.at++] ?? '';
      if (next === '') return;
      if (next !== ':' || part === 'second') throw formatFault();
    }
  }
}

/** Reads an interval for a modifier's range; throws faults, and 22008 when the sum is out of range. */
export function decodeInterval(text: string, range: number, sqlStandard: boolean): Interval {
  try {
    return new IntervalDecoder(splitFields(text), range, sqlStandard).read();
  } catch (error) {
    if (!(error instanceof DateTimeFault) || error.fault !== 'format') throw error;
    return new IsoDecoder(text).read();
  }
}
