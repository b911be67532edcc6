/**
 * Settled rows of a chunk: the packed columns (`codec/chunk`), and how many attributes each row was stored with where
 * that differs (ALTER TABLE ADD COLUMN does not touch old rows; their later attributes are the shape's `missing` values).
 */
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import { encodeChunk, encodeColumns, PackedChunk, type ColumnRange } from '../codec/chunk.js';
import type { ChunkChanges } from '../codec/chunk-changes.js';
import { patchChunk } from '../codec/chunk-patch.js';
import type { ColumnValues } from '../codec/column-values.js';
import type { Datum, Row } from '../types/datum.js';
import type { ColumnVector } from './api.js';

/** A column some of whose rows were stored without it. */
class PartlyMissingColumn {
  readonly kind = 'generic';
  readonly nulls: Uint8Array | null;

  constructor(private readonly stored: ColumnVector, private readonly widths: Uint16Array, private readonly index: number, private readonly missing: Datum) {
    const bits = new Uint8Array((widths.length + 7) >> 3);
    let any = false;
    for (let position = 0; position < widths.length; position++) {
      if (this.get(position) !== null) continue;
      bits[position >> 3] |= 1 << (position & 7);
      any = true;
    }
    this.nulls = any ? bits : null;
  }

  get(position: number): Datum {
    return this.widths[position] <= this.index ? this.missing : this.stored.get(position);
  }
}

/** Immutable rows at positions 0, 1, 2, ...; not every position has one. */
export class SettledRows {
  readonly positions: number;
  /** Attributes of the widest row. */
  readonly columnCount: number;

  constructor(readonly packed: PackedChunk, private readonly packedBytes: Uint8Array, readonly widths: Uint16Array | null) {
    this.positions = packed.positions;
    this.columnCount = packed.columnCount;
  }

  /** The packed form, checked. */
  get bytes(): Uint8Array {
    this.packed.checkAll();
    return this.packedBytes;
  }

  /** Packs rows; null where there is none. `memory`: where the bytes go, here and below. */
  static pack(rows: readonly (Row | null)[], memory: ByteMemory = FRESH_MEMORY): SettledRows {
    let width = -1;
    let uniform = true;
    for (const row of rows) {
      if (row === null) continue;
      if (width < 0) width = row.length;
      else if (row.length !== width) uniform = false;
    }
    const bytes = encodeChunk(rows, memory);
    const widths = uniform ? null : Uint16Array.from(rows, (row) => (row === null ? 0 : row.length));
    return new SettledRows(new PackedChunk(bytes), bytes, widths);
  }

  /**
   * Settled rows (null: none) that `live` leaves (a bit a position; null: all), some of them changed: what `pack` makes of these rows, without
   * making those that stay.
   */
  static patch(
    settled: SettledRows | null, live: Uint8Array | null, changes: ChunkChanges, memory: ByteMemory = FRESH_MEMORY,
  ): SettledRows {
    if (settled === null) return SettledRows.packChanges(changes, memory);
    const { bytes, widths, kept } = patchChunk(settled.packed, live, settled.widths, changes, memory);
    const packed = new PackedChunk(bytes);
    packed.takeDecoded(settled.packed, kept);
    return new SettledRows(packed, bytes, widths);
  }

  private static packChanges(changes: ChunkChanges, memory: ByteMemory): SettledRows {
    const { positions } = changes;
    const columns = changes.columns();
    if (columns !== null) return SettledRows.packColumns(columns, positions.length, memory);
    const all: (Row | null)[] = [];
    for (let index = 0; index < positions.length; index++) {
      const position = positions[index];
      while (all.length <= position) all.push(null);
      all[position] = changes.row(index);
    }
    return SettledRows.pack(all, memory);
  }

  /** Packs `rows` rows that come as columns. */
  static packColumns(columns: readonly ColumnValues[], rows: number, memory: ByteMemory): SettledRows {
    const bytes = encodeColumns(columns, rows, memory);
    return new SettledRows(new PackedChunk(bytes), bytes, null);
  }

  /** Bytes in memory, roughly: the packed form, and as much again for what was decoded from it. */
  get byteLength(): number {
    return this.packed.byteLength * 2;
  }

  /** One bit a position; null when every position has a row. */
  get presence(): Uint8Array | null {
    return this.packed.presence;
  }

  /** Column `index`; `missing` stands in for rows that were stored without it. */
  column(index: number, missing: Datum): ColumnVector {
    const stored = this.packed.column(index);
    if (this.widths === null || missing === null) return stored;
    return new PartlyMissingColumn(stored, this.widths, index, missing);
  }

  /** What is known of a column's numbers without reading them; null: nothing. Of rows that are gone, too. */
  range(index: number): ColumnRange | null {
    return this.widths === null ? this.packed.range(index) : null;
  }

  /** Rows as they were stored, at positions that have one: `rows[from + i]` is that at `positions[i]`, for i < `count`. */
  fillRows(rows: Row[], from: number, positions: Uint16Array, count: number): void {
    if (this.widths === null) this.packed.fillRows(rows, from, positions, count);
    else for (let at = 0; at < count; at++) rows[from + at] = this.row(positions[at]);
  }

  /** The row as it was stored. */
  row(position: number): Row {
    const row = this.packed.row(position) as Row;
    if (this.widths !== null && row.length > this.widths[position]) row.length = this.widths[position];
    return row;
  }
}
