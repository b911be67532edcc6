/** How the texts of COPY FROM's columns become values, and which streams may be read into columns. */
import type { Catalog } from '../../catalog/api.js';
import type { PgAttribute } from '../../catalog/rows.js';
import type { TypeServices } from '../../functions/context.js';
import type { Datum } from '../../types/datum.js';
import { FLOAT8OID, INT2OID, INT4OID, INT8OID, TEXTOID, VARCHAROID } from '../../types/oids.js';
import type { CopyFromTask } from './copy-from.js';
import { LineColumns, type ColumnReading } from './line-columns.js';

/** Text to value. */
export type Convert = (text: string) => Datum;

/** Types from here on are users'. */
const FIRST_NORMAL_OID = 16384;
/** A varchar's modifier is its length and this. */
const VARCHAR_HEADER = 4;

/** What gathers the rows of the stream; null: they must go one by one. `converts` is by column of the stream. */
export function lineColumns(catalog: Catalog, task: CopyFromTask, converts: readonly Convert[]): LineColumns | null {
  const { relation, columns, options } = task;
  if (options.format === 'binary' || options.defaultString !== null || columns.length === 0) return null;
  if (options.forceNull.length > 0 || options.forceNotNull.length > 0) return null;
  // The error of such a row shows its line.
  if (relation.attributes.some((attribute) => attribute.attnotnull && !attribute.attisdropped && !columns.includes(attribute))) return null;
  const { nullString } = options;
  if (options.format === 'text' && nullString !== '\\N' && nullString.includes('\\')) return null;
  if (!columns.every((column) => isPlainType(catalog, column))) return null;
  return new LineColumns(columns.map((column, at) => ({
    attribute: column.attnum - 1, reading: readingOf(column), convert: converts[at], notNull: column.attnotnull,
  })), relation.attributes.length, { csv: options.format === 'csv', delimiter: options.delimiter, nullString, quote: options.quote, escape: options.escape });
}

/** Whether reading a value of the type has no effect that may be seen, so that it may be read again. */
function isPlainType(catalog: Catalog, { atttypid }: PgAttribute): boolean {
  const type = catalog.type(atttypid);
  return type?.typtype === 'e' || (type?.typtype === 'b' && atttypid < FIRST_NORMAL_OID);
}

function readingOf({ atttypid, atttypmod }: PgAttribute): ColumnReading {
  switch (atttypid) {
    case INT2OID: return { kind: 'int32', minimum: -0x8000, maximum: 0x7fff };
    case INT4OID: return { kind: 'int32', minimum: -0x8000_0000, maximum: 0x7fff_ffff };
    case INT8OID: return { kind: 'int64' };
    case FLOAT8OID: return { kind: 'float64' };
    case TEXTOID: return { kind: 'text', mostCharacters: null };
    case VARCHAROID: return { kind: 'text', mostCharacters: atttypmod < 0 ? null : atttypmod - VARCHAR_HEADER };
    default: return { kind: 'other' };
  }
}

/** Text to value; the types that fill most files need no input function. */
export function converter(types: Pick<TypeServices, 'input'>, { atttypid: type, atttypmod: typmod }: PgAttribute): Convert {
  if (type === TEXTOID || (type === VARCHAROID && typmod === -1)) return (text) => text;
  if (type === INT4OID) return (text) => shortInteger(text) ?? types.input(type, text, typmod);
  return (text) => types.input(type, text, typmod);
}

/** Digits that always fit an int4. */
const SHORT_DIGITS = 9;

/** An integer of few digits and nothing else; null for whatever the input function must look at. */
export function shortInteger(text: string): number | null {
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  const { length } = text;
  if (length === start || length > start + SHORT_DIGITS) return null;
  let value = 0;
  for (let at = start; at < length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  // Not -0.
  return start === 1 && value !== 0 ? -value : value;
}
