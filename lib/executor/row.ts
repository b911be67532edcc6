/** Rows of a given width. */
import type { Datum, Row } from '../types/datum.js';

/** A list of `count` times the same value. */
export function filled<T>(count: number, value: T): T[] {
  const list: T[] = [];
  for (let index = 0; index < count; index++) list.push(value);
  return list;
}

/** A row of nulls. */
export function nullRow(width: number): Row {
  return filled<Datum>(width, null);
}
