/**
 * Time zones: a list of transitions between offsets. IANA zones come from moment-timezone's data (complete history with
 * local mean time and abbreviations, rules spelled out to the year 2499; later years repeat with the calendar's 400-year
 * cycle); POSIX specifications (`EST5EDT`, `<-03>+03`) are expanded to the same form. Look-ups remember the last range.
 */
import { createRequire } from 'node:module';
import { date2j, EPOCH_SECONDS, Fields, isValidJulian, j2day, timeMicros, UNIX_EPOCH_JDATE, USECS_PER_SEC } from './calendar.js';
import type { Int8 } from '../../types/datum.js';

/** One way a zone's clocks are set. */
export interface ZoneType {
  /** Seconds east of Greenwich. */
  readonly offset: number;
  readonly isDst: boolean;
  readonly abbreviation: string;
}

const CYCLE_SECONDS = 146097 * 86400;
/** Unix time of the year 1902, from where POSIX rules are expanded. */
const RULES_START = -2145916800;
/** Unix time of the year 2400. */
const CYCLE_START = 13569465600;

/** A zone; times are Unix seconds. */
export class Zone {
  private low = 0;
  private high = 0;
  private last: ZoneType;
  private readonly cyclic: boolean;

  /** `types[i]` holds from `starts[i]` (the first from ever) to `starts[i + 1]`. */
  constructor(
    readonly name: string, private readonly starts: Float64Array, private readonly types: readonly ZoneType[],
    /** The rules hold for the past as well. */
    private readonly endless = false,
  ) {
    this.last = types[0];
    this.cyclic = starts.length > 1 && starts[starts.length - 1] > CYCLE_START;
  }

  /** The offset of a zone without transitions, or undefined. */
  get fixedOffset(): number | undefined {
    return this.types.every((type) => type.offset === this.types[0].offset) ? this.types[0].offset : undefined;
  }

  /** Distinct meanings of an abbreviation (upper case) in this zone's history. */
  meanings(abbreviation: string): readonly ZoneType[] {
    const found: ZoneType[] = [];
    for (const type of this.types) {
      if (type.abbreviation === abbreviation && !found.some((other) => other.offset === type.offset && other.isDst === type.isDst)) found.push(type);
    }
    return found;
  }

  private fold(seconds: number): number {
    if (this.endless && seconds < RULES_START) return seconds + Math.ceil((RULES_START - seconds) / CYCLE_SECONDS) * CYCLE_SECONDS;
    return this.cyclic && seconds >= CYCLE_START ? seconds - Math.floor((seconds - CYCLE_START) / CYCLE_SECONDS + 1) * CYCLE_SECONDS : seconds;
  }

  private indexAt(seconds: number): number {
    let low = 0;
    let high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= seconds) low = middle;
      else high = middle;
    }
    return low;
  }

  /** How clocks are set at an instant. */
  at(instant: number): ZoneType {
    if (instant >= this.low && instant < this.high) return this.last;
    const seconds = this.fold(instant);
    const index = this.indexAt(seconds);
    if (seconds === instant) {
      this.low = index === 0 ? -Infinity : this.starts[index];
      if (this.endless && this.low < RULES_START) this.low = RULES_START;
      this.high = index + 1 < this.starts.length ? this.starts[index + 1] : Infinity;
      if (this.cyclic && this.high > CYCLE_START) this.high = CYCLE_START;
      this.last = this.types[index];
    }
    return this.types[index];
  }

  /** What an abbreviation meant last before an instant, or first after it. */
  interpret(abbreviation: string, instant: number): ZoneType | undefined {
    const index = this.indexAt(this.fold(instant));
    for (let i = index; i >= 0; i--) if (this.types[i].abbreviation === abbreviation) return this.types[i];
    for (let i = index + 1; i < this.types.length; i++) if (this.types[i].abbreviation === abbreviation) return this.types[i];
    return undefined;
  }

  /**
   * How clocks were set at a local time (seconds as if in Greenwich). A time that a jump forward skipped is read as before
   * the jump, one that a jump backward repeats as after it.
   */
  atLocal(local: number): ZoneType {
    const folded = this.fold(local);
    const index = this.indexAt(folded - 86400);
    const before = this.types[index];
    if (index + 1 >= this.starts.length) return before;
    const boundary = this.starts[index + 1];
    const after = this.types[index + 1];
    const beforeTime = folded - before.offset;
    const afterTime = folded - after.offset;
    if (beforeTime < boundary && afterTime < boundary) return before;
    if (beforeTime > boundary && afterTime >= boundary) return after;
    return beforeTime > afterTime ? before : after;
  }
}

/** Unix seconds of broken-down local time taken as Greenwich time; undefined beyond the calendar. */
export function localSeconds(fields: Fields): number | undefined {
  if (!isValidJulian(fields.year, fields.month)) return undefined;
  return (date2j(fields.year, fields.month, fields.day) - UNIX_EPOCH_JDATE) * 86400 + Math.floor(timeMicros(fields) / USECS_PER_SEC);
}

/** Seconds west of Greenwich in a zone at a local time (PostgreSQL's DetermineTimeZoneOffset). */
export function zoneOffsetAtLocal(fields: Fields, zone: Zone): number {
  const local = localSeconds(fields);
  return local === undefined ? 0 : -zone.atLocal(local).offset + 0;
}

/** Unix seconds of a finite timestamptz, rounded down. */
export function unixSeconds(timestamp: Int8): number {
  if (typeof timestamp === 'number') return Math.floor(timestamp / USECS_PER_SEC) + EPOCH_SECONDS;
  const seconds = timestamp / 1000000n;
  return Number(seconds) - (timestamp % 1000000n < 0n ? 1 : 0) + EPOCH_SECONDS;
}

/** A zone with one offset, `seconds` east of Greenwich, named as PostgreSQL names it: `<+03>-03`. */
export function fixedZone(seconds: number): Zone {
  const magnitude = Math.abs(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  let digits = two(Math.floor(magnitude / 3600));
  if (magnitude % 3600 !== 0) {
    digits += `:${two(Math.floor(magnitude / 60) % 60)}`;
    if (magnitude % 60 !== 0) digits += `:${two(magnitude % 60)}`;
  }
  const [shown, posix] = seconds < 0 ? ['-', '+'] : ['+', '-'];
  const type = { offset: seconds, isDst: false, abbreviation: `${shown}${digits}` };
  return new Zone(`<${type.abbreviation}>${posix}${digits}`, Float64Array.of(-Infinity), [type]);
}

/** moment-timezone's packed data. */
interface PackedZones { readonly zones: readonly string[]; readonly links: readonly string[] }

function digitValue(unit: number): number {
  return unit > 96 ? unit - 87 : unit > 64 ? unit - 29 : unit - 48;
}

/** Seconds of minutes in base 60 with a base-60 fraction. */
function unpackSeconds(text: string): number {
  let at = 0;
  const negative = text.charCodeAt(0) === 45;
  if (negative) at = 1;
  let minutes = 0;
  for (; at < text.length && text.charCodeAt(at) !== 46; at++) minutes = minutes * 60 + digitValue(text.charCodeAt(at));
  let seconds = minutes * 60;
  if (at + 1 < text.length) seconds += digitValue(text.charCodeAt(at + 1));
  return negative ? -seconds : seconds;
}

const DAYLIGHT_NAMES = /^(?:.*(?:DT|DST|EST|ST|WT|PT)|BDST|BST|IST|CEST|EEST|WEST|MSD|\+\d+|-\d+)$/;

/** Marks types as daylight time: a larger offset than the shorter-lived standard next to it, under another name. */
function withDaylight(types: readonly Omit<ZoneType, 'isDst'>[], indexes: readonly number[], starts: Float64Array): ZoneType[] {
  const daylight = types.map(() => false);
  for (let i = 1; i + 1 < indexes.length; i++) {
    const [before, here, after] = [types[indexes[i - 1]], types[indexes[i]], types[indexes[i + 1]]];
    const short = starts[i + 1] - starts[i] < 330 * 86400;
    if (short && here.offset > before.offset && here.offset > after.offset && DAYLIGHT_NAMES.test(here.abbreviation)) daylight[indexes[i]] = true;
  }
  return types.map((type, i) => ({ ...type, isDst: daylight[i] }));
}

function unpackZone(packed: string): Zone {
  const [name, names, offsets, indexText, untilText] = packed.split('|');
  const abbreviations = names.split(' ');
  const plain = offsets.split(' ').map((offset, i) => ({ offset: -unpackSeconds(offset) + 0, abbreviation: abbreviations[i] }));
  const indexes = Array.from(indexText, (unit) => digitValue(unit.charCodeAt(0)));
  const starts = new Float64Array(indexes.length);
  starts[0] = -Infinity;
  let time = 0;
  const untils = untilText === '' ? [] : untilText.split(' ');
  for (let i = 1; i < indexes.length; i++) {
    time += unpackSeconds(untils[i - 1]);
    starts[i] = time;
  }
  const types = withDaylight(plain, indexes, starts);
  return new Zone(name, starts, indexes.map((index) => types[index]));
}

/** Lower-case name → exact name and packed data (its own or the one it links to). */
let catalog: Map<string, { readonly name: string; readonly packed: string }> | undefined;

function zoneCatalog(): Map<string, { readonly name: string; readonly packed: string }> {
  if (catalog) return catalog;
  const data = createRequire(import.meta.url)('moment-timezone/data/packed/latest.json') as PackedZones;
  const found = new Map<string, { readonly name: string; readonly packed: string }>();
  for (const packed of data.zones) {
    const name = packed.slice(0, packed.indexOf('|'));
    found.set(name.toLowerCase(), { name, packed });
  }
  for (const link of data.links) {
    const [target, name] = link.split('|');
    const entry = found.get(target.toLowerCase());
    if (entry && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), { name, packed: entry.packed.replace(/^[^|]*/, () => name) });
  }
  return (catalog = found);
}

/** Names of all IANA zones. */
export function zoneNames(): string[] {
  return Array.from(zoneCatalog().values(), (entry) => entry.name).sort();
}

/** A day rule of a POSIX specification: M month.week.day, Jn or n; and a time of day. */
interface DayRule { readonly kind: 'M' | 'J' | 'n'; readonly month: number; readonly week: number; readonly day: number; readonly seconds: number }

const NAME = '(<[^>]*>|[^0-9,+<>-]+)';
/** The first name may be missing: `+3`. */
const FIRST_NAME = '(<[^>]*>|[^0-9,+<>-]*)';
const CLOCK = '([+-]?\\d{1,3}(?::\\d{1,2}(?::\\d{1,2})?)?)';
const SPECIFICATION = new RegExp(`^${FIRST_NAME}${CLOCK}(?:${NAME}${CLOCK}?(?:[,;]([^,]+),([^,]+))?)?$`);

function clockSeconds(text: string): number | undefined {
  const parts = text.replace(/^[+-]/, '').split(':').map(Number);
  if (parts[0] > 167 || (parts[1] ?? 0) > 59 || (parts[2] ?? 0) > 60) return undefined;
  const seconds = parts[0] * 3600 + (parts[1] ?? 0) * 60 + (parts[2] ?? 0);
  return text.startsWith('-') ? -seconds : seconds;
}

function parseDayRule(text: string): DayRule | undefined {
  const match = new RegExp(`^(?:M(\\d+)\\.(\\d+)\\.(\\d+)|J(\\d+)|(\\d+))(?:/${CLOCK})?$`).exec(text);
  if (!match) return undefined;
  const seconds = match[6] === undefined ? 7200 : clockSeconds(match[6]);
  if (seconds === undefined) return undefined;
  if (match[1] !== undefined) {
    const [month, week, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
    if (month < 1 || month > 12 || week < 1 || week > 5 || day > 6) return undefined;
    return { kind: 'M', month, week, day, seconds };
  }
  const day = Number(match[4] ?? match[5]);
  if (day > 365 + (match[4] === undefined ? 0 : 0) || (match[4] !== undefined && day < 1)) return undefined;
  return { kind: match[4] === undefined ? 'n' : 'J', month: 0, week: 0, day, seconds };
}

/** Local Unix seconds at which a rule strikes in a year. */
function ruleTime(rule: DayRule, year: number): number {
  const first = date2j(year, 1, 1);
  let jd: number;
  if (rule.kind === 'n') jd = first + rule.day;
  else if (rule.kind === 'J') jd = first + rule.day - 1 + (rule.day >= 60 && date2j(year, 3, 1) - date2j(year, 2, 28) === 2 ? 1 : 0);
  else {
    const monthStart = date2j(year, rule.month, 1);
    const nextMonth = rule.month === 12 ? date2j(year + 1, 1, 1) : date2j(year, rule.month + 1, 1);
    jd = monthStart + ((rule.day - j2day(monthStart) + 7) % 7) + (rule.week - 1) * 7;
    while (jd >= nextMonth) jd -= 7;
  }
  return (jd - UNIX_EPOCH_JDATE) * 86400 + rule.seconds;
}

function expandRules(name: string, standard: ZoneType, daylight: ZoneType, start: DayRule, end: DayRule): Zone {
  const transitions: [number, ZoneType][] = [];
  for (let year = 1901; year < 2500; year++) {
    transitions.push([ruleTime(start, year) - standard.offset, daylight], [ruleTime(end, year) - daylight.offset, standard]);
  }
  transitions.sort((a, b) => a[0] - b[0]);
  return new Zone(name, Float64Array.of(-Infinity, ...transitions.map(([time]) => time)), [standard, ...transitions.map(([, type]) => type)], true);
}

/** A zone from a POSIX TZ specification; undefined when it is none. */
function parsePosix(specification: string): Zone | undefined {
  const match = SPECIFICATION.exec(specification);
  if (!match) return undefined;
  const plainName = (text: string): string => text.replace(/[<>]/g, '');
  const offset = clockSeconds(match[2]);
  if (offset === undefined) return undefined;
  const standard: ZoneType = { offset: -offset + 0, isDst: false, abbreviation: plainName(match[1]) };
  if (match[3] === undefined) return new Zone(specification, Float64Array.of(-Infinity), [standard]);
  const daylightOffset = match[4] === undefined ? offset - 3600 : clockSeconds(match[4]);
  const start = parseDayRule(match[5] ?? 'M3.2.0');
  const end = parseDayRule(match[6] ?? 'M11.1.0');
  if (daylightOffset === undefined || !start || !end) return undefined;
  return expandRules(specification, standard, { offset: -daylightOffset + 0, isDst: true, abbreviation: plainName(match[3]) }, start, end);
}

const known = new Map<string, Zone | null>();

/** GMT, for callers without a zone. */
export const UTC_ZONE = new Zone('UTC', Float64Array.of(-Infinity), [{ offset: 0, isDst: false, abbreviation: 'UTC' }]);
const GMT_ZONE = new Zone('GMT', Float64Array.of(-Infinity), [{ offset: 0, isDst: false, abbreviation: 'GMT' }]);
known.set('UTC', UTC_ZONE);
known.set('GMT', GMT_ZONE);
known.set('Etc/UTC', new Zone('Etc/UTC', Float64Array.of(-Infinity), [{ offset: 0, isDst: false, abbreviation: 'UTC' }]));

/** A zone by IANA name (any case; `posix/` before it changes nothing) or POSIX specification; null when there is none. */
export function findZone(name: string): Zone | null {
  let zone = known.get(name);
  if (zone !== undefined) return zone;
  const upper = name.toUpperCase();
  if (upper === 'GMT') return GMT_ZONE;
  const entry = zoneCatalog().get(name.toLowerCase().replace(/^posix\//, ''));
  zone = entry ? known.get(entry.name) ?? unpackZone(entry.packed) : parsePosix(upper) ?? null;
  if (entry && zone) known.set(entry.name, zone);
  if (known.size < 2000) known.set(name, zone);
  return zone;
}
