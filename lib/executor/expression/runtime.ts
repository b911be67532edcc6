/** What compiled expressions call at run time: null tests on records, arrays, composite and domain values. */
import { pgError, type PgError } from '../../base/error.js';
import { ArrayValue, RecordValue, type Datum, type Row } from '../../types/datum.js';
import type { Suspendable } from '../../base/suspend.js';
import type { FunctionServices } from '../../functions/context.js';
import type { Compare } from '../comparison.js';
import { nullRow } from '../row.js';

/** Throws, as an expression. */
export function raise(makeError: () => PgError): never {
  throw makeError();
}

/** ROW(...) IS NULL: null itself, or every field null. */
export function isNullRow(value: Datum): boolean {
  if (value === null) return true;
  return value instanceof RecordValue && value.values.every((field) => field === null);
}

/** ROW(...) IS NOT NULL: not null itself, and no field null. */
export function isNotNullRow(value: Datum): boolean {
  if (value === null) return false;
  return !(value instanceof RecordValue) || value.values.every((field) => field !== null);
}

/** Elements of an array value; null for null. */
export function arrayMembers(value: Datum): readonly Datum[] | null {
  return value === null ? null : (value as ArrayValue).elements;
}

/** Field `number` (1-based) of a composite value; null for a null value or a column added later. */
export function fieldOf(value: Datum, number: number): Datum {
  return value === null ? null : ((value as RecordValue).values[number - 1] ?? null);
}

/** A composite value with some fields replaced; a null value is one of nulls. */
export function storeFields(value: Datum, typeOid: number, width: number, numbers: readonly number[], values: readonly Datum[]): Datum {
  const fields: Datum[] = value === null ? nullRow(width) : [...(value as RecordValue).values];
  while (fields.length < width) fields.push(null);
  numbers.forEach((number, index) => { fields[number - 1] = values[index]; });
  return new RecordValue(typeOid, fields);
}

/** GREATEST and LEAST: nulls are ignored. */
export function extreme(services: FunctionServices, compare: Compare, sign: 1 | -1, values: readonly Datum[]): Datum {
  let best: Datum = null;
  for (const value of values) {
    if (value !== null && (best === null || compare(services, value, best) * sign > 0)) best = value;
  }
  return best;
}

/** ARRAY[...] of scalars. */
export function makeArray(elementType: number, elements: Datum[]): Datum {
  return ArrayValue.of(elementType, elements);
}

/** ARRAY[...] whose elements are arrays: one more dimension. 2202E when their dimensions differ. */
export function stackArrays(elementType: number, arrays: readonly Datum[]): Datum {
  const parts = arrays.filter((part) => part !== null) as ArrayValue[];
  const filled = parts.filter((part) => part.dims.length > 0);
  if (filled.length === 0) return ArrayValue.of(elementType, []);
  const [first] = filled;
  const same = filled.length === arrays.length && filled.every((part) => sameNumbers(part.dims, first.dims) && sameNumbers(part.lowerBounds, first.lowerBounds));
  if (!same) throw pgError('ARRAY_SUBSCRIPT_ERROR', 'multidimensional arrays must have array expressions with matching dimensions');
  if (first.dims.length >= MAX_DIMENSIONS) {
    throw pgError('PROGRAM_LIMIT_EXCEEDED', `number of array dimensions (${first.dims.length + 1}) exceeds the maximum allowed (${MAX_DIMENSIONS})`);
  }
  return new ArrayValue(elementType, [filled.length, ...first.dims], [1, ...first.lowerBounds], filled.flatMap((part) => part.elements));
}

const MAX_DIMENSIONS = 6;

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Converts every element. */
export function mapArray(value: Datum, elementType: number, convert: (element: Datum) => Datum): Datum {
  if (value === null) return null;
  const array = value as ArrayValue;
  return new ArrayValue(elementType, array.dims, array.lowerBounds, array.elements.map(convert));
}

/** The same where the conversion may wait. */
export function* mapArrayWaiting(value: Datum, elementType: number, convert: (element: Datum) => Suspendable<Datum>): Suspendable<Datum> {
  if (value === null) return null;
  const array = value as ArrayValue;
  const elements: Datum[] = [];
  for (const element of array.elements) elements.push(yield* convert(element));
  return new ArrayValue(elementType, array.dims, array.lowerBounds, elements);
}

/** A row type's value converted to another with the same columns elsewhere (children to parents). */
export function convertRow(value: Datum, typeOid: number, positions: readonly number[]): Datum {
  if (value === null) return null;
  const { values } = value as RecordValue;
  return new RecordValue(typeOid, positions.map((position) => (position < 0 ? null : (values[position] ?? null))));
}

/** The whole row as a composite value. */
export function wholeRow(row: Row, typeOid: number, columns: readonly number[] | null, types: readonly number[], names: readonly string[]): Datum {
  return new RecordValue(typeOid, columns === null ? row : columns.map((column) => row[column] ?? null), types, names);
}

/** A row id as the user's ctid. */
export function tidText(rowId: Datum): string {
  const index = (rowId as number) - 1;
  return `(${Math.floor(index / ROWS_PER_BLOCK)},${(index % ROWS_PER_BLOCK) + 1})`;
}

/** The row id a tid names; 0 for one that no row can have. */
export function tidRowId(tid: string): number {
  const match = /^\((\d+),(\d+)\)$/.exec(tid);
  if (match === null) return 0;
  const offset = Number(match[2]);
  return offset < 1 || offset > ROWS_PER_BLOCK ? 0 : Number(match[1]) * ROWS_PER_BLOCK + offset;
}

/** Row ids that one block of a tid covers. */
const ROWS_PER_BLOCK = 1024;
