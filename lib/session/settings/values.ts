/**
 * Text ↔ value of a setting, by its type, range and unit: PostgreSQL's `parse_and_validate_value` and `ShowGUCOption`
 * (guc.c). Values in memory are booleans, numbers (in the setting's base unit) and strings.
 */
import { pgError, type PgError } from '../../base/error.js';

export type SettingType = 'bool' | 'integer' | 'real' | 'string' | 'enum';
export type SettingValue = boolean | number | string;

/** What of a definition parsing and printing need. */
export interface ValueShape {
  readonly name: string;
  readonly type: SettingType;
  readonly unit: string | null;
  readonly minimum: number;
  readonly maximum: number;
  readonly enumValues: readonly string[];
  /** Further spellings an enum accepts (`true` for `on`), to the value they mean. */
  readonly enumAliases: ReadonlyMap<string, string>;
}

/** Units of memory in bytes, and of time in milliseconds; largest first. */
const MEMORY_UNITS: readonly (readonly [string, number])[] = [['TB', 2 ** 40], ['GB', 2 ** 30], ['MB', 2 ** 20], ['kB', 1024], ['B', 1]];
const TIME_UNITS: readonly (readonly [string, number])[] = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000], ['ms', 1], ['us', 0.001]];

const MEMORY_HINT = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".';
const TIME_HINT = 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".';

/** A base unit such as `8kB`, `MB`, `ms` as its family and size. */
function baseUnit(unit: string): { units: typeof MEMORY_UNITS; size: number; hint: string } {
  const match = /^(\d*)(\D+)$/.exec(unit);
  const factor = match && match[1] !== '' ? Number(match[1]) : 1;
  const name = match ? match[2] : unit;
  const memory = MEMORY_UNITS.find(([candidate]) => candidate === name);
  if (memory) return { units: MEMORY_UNITS, size: memory[1] * factor, hint: MEMORY_HINT };
  const time = TIME_UNITS.find(([candidate]) => candidate === name);
  return { units: TIME_UNITS, size: (time ? time[1] : 1) * factor, hint: TIME_HINT };
}

/** parse_bool: on/off, true/false, yes/no, 1/0 and their unambiguous prefixes; null for anything else. */
export function parseBool(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  if (word === '') return null;
  if (word === '1' || word === 'on' || 'true'.startsWith(word) || 'yes'.startsWith(word)) return true;
  if (word === '0' || (word.length >= 2 && 'off'.startsWith(word)) || 'false'.startsWith(word) || 'no'.startsWith(word)) return false;
  return null;
}

function invalidValue(shape: ValueShape, text: string, hint?: string): PgError {
  return pgError('INVALID_PARAMETER_VALUE', `invalid value for parameter "${shape.name}": "${text}"`, { hint });
}

/** Reads a value; throws 22023 as SET does. */
export function parseSettingValue(shape: ValueShape, text: string): SettingValue {
  switch (shape.type) {
    case 'bool': {
      const value = parseBool(text);
      if (value === null) throw pgError('INVALID_PARAMETER_VALUE', `parameter "${shape.name}" requires a Boolean value`);
      return value;
    }
    case 'integer':
    case 'real':
      return parseNumber(shape, text);
    case 'enum': {
      const wanted = text.toLowerCase();
      const found = shape.enumValues.find((candidate) => candidate.toLowerCase() === wanted) ?? shape.enumAliases.get(wanted);
      if (found === undefined) throw invalidValue(shape, text, `Available values: ${shape.enumValues.join(', ')}.`);
      return found;
    }
    case 'string':
      return text;
  }
}

function parseNumber(shape: ValueShape, text: string): number {
  const match = /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*$/.exec(text);
  if (!match) throw invalidValue(shape, text);
  let digits = match[1];
  if (shape.type === 'integer' && /^[+-]?0[0-7]+$/.test(digits)) digits = digits.replace(/^([+-]?)0/, '$10o');
  const negative = digits.startsWith('-');
  let value = Number(digits.replace(/^[+-]/, ''));
  if (negative) value = -value;
  if (Number.isNaN(value)) throw invalidValue(shape, text);
  if (match[2] !== '') value = convertUnit(shape, value, match[2], text);
  if (shape.type === 'integer') {
    value = roundHalfEven(value);
    if (value > 2147483647 || value < -2147483648) throw invalidValue(shape, text, 'Value exceeds integer range.');
  }
  if (value < shape.minimum || value > shape.maximum) {
    const unit = shape.unit === null ? '' : ` ${shape.unit}`;
    const print = (bound: number): string => (shape.type === 'integer' ? String(bound) : formatReal(bound));
    throw pgError('INVALID_PARAMETER_VALUE',
      `${print(value)}${unit} is outside the valid range for parameter "${shape.name}" (${print(shape.minimum)}${unit} .. ${print(shape.maximum)}${unit})`);
  }
  return value === 0 ? 0 : value;
}

function convertUnit(shape: ValueShape, value: number, unit: string, text: string): number {
  if (shape.unit === null) throw invalidValue(shape, text);
  const base = baseUnit(shape.unit);
  const found = base.units.find(([candidate]) => candidate === unit);
  if (!found) throw invalidValue(shape, text, base.hint);
  const converted = (value * found[1]) / base.size;
  if (shape.type === 'real' || Number.isInteger(converted)) return converted;
  // A fraction is rounded to a multiple of the next smaller unit, as convert_to_base_unit does.
  const smaller = base.units[base.units.indexOf(found) + 1];
  return smaller ? (Math.round(value * (found[1] / smaller[1])) * smaller[1]) / base.size : converted;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A real as C's %g prints it (6 significant digits). */
export function formatReal(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(5).split('e')[1]);
  if (exponent < -4 || exponent >= 6) {
    const [mantissa, power] = value.toExponential(5).split('e');
    const digits = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
    const magnitude = Math.abs(Number(power));
    return `${digits}e${Number(power) < 0 ? '-' : '+'}${magnitude < 10 ? '0' : ''}${magnitude}`;
  }
  return String(Number(value.toPrecision(6)));
}

/** As SHOW prints it: with the largest unit that divides it. */
export function formatSettingValue(shape: ValueShape, value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string') return value;
  if (shape.unit === null || value <= 0) return plainNumber(shape, value);
  const base = baseUnit(shape.unit);
  for (const [unit, size] of base.units) {
    const count = (value * base.size) / size;
    if (shape.type === 'integer' ? Number.isInteger(count) : count >= 0.5 && Math.abs(Math.round(count) / count - 1) <= 1e-8) {
      return plainNumber(shape, shape.type === 'integer' ? count : Math.round(count)) + unit;
    }
  }
  return plainNumber(shape, value);
}

/** As pg_settings.setting prints it: in base units. */
export function plainSettingValue(shape: ValueShape, value: SettingValue): string {
  return typeof value === 'number' ? plainNumber(shape, value) : formatSettingValue(shape, value);
}

function plainNumber(shape: ValueShape, value: number): string {
  return shape.type === 'integer' ? String(value) : formatReal(value);
}
