/**
 * Settled rows of a chunk, as the heap needs them: columns for scans, single rows for look-ups.
 */
import type { Row } from '../types/datum.js';
import type { ColumnVector } from './api.js';

/** Immutable rows at positions 0, 1, 2, ...; a position may be empty (the chunk's `live` bitmap tells). */
export interface SettledRows {
  readonly positions: number;
  /** Number of attributes stored; later ones are missing. */
  readonly columnCount: number;
  readonly byteLength: number;
  column(index: number): ColumnVector;
  row(position: number): Row;
}
