/**
 * Rows that are still columns of a packed chunk: what a plan gives to a receiver that writes values straight from there, so that neither
 * arrays nor strings are made of them. A plan gives them where it does nothing but pass columns on (`Operator.runStored`).
 */
import type { ColumnVector } from '../access/api.js';
import { boundsOf } from '../codec/vectors.js';
import type { Row } from '../types/datum.js';

export type { ColumnVector };

/** Rows `positions[from, from + length)` of some columns; to be read before the next rows are asked for. */
export class StoredRows {
  /** `done`: tells that nobody reads the columns any more (`StoredPiece`). */
  constructor(
    readonly columns: readonly ColumnVector[], readonly positions: Uint16Array, readonly from: number, readonly length: number,
    readonly done: (() => void) | null = null,
  ) {}

  /** The lowest and the highest position of the rows (one at least). */
  bounds(): { first: number; last: number } {
    return boundsOf(this.positions, this.length, this.from);
  }

  /** Some of the rows, as of arrays. */
  slice(start: number, end = this.length): StoredRows {
    return new StoredRows(this.columns, this.positions, this.from + start, Math.min(end, this.length) - start);
  }

  /** The rows as arrays. */
  rows(): Row[] {
    const { columns, positions, from } = this;
    return Array.from({ length: this.length }, (_, at) => columns.map((column) => column.get(positions[from + at])));
  }
}
