/**
 * Built-in rows as the chunks that scans read: columns in the forms that compiled loops like, made at first use.
 */
import { CHUNK_ROWS, type ChunkView, type ColumnVector } from '../access/api.js';
import type { Datum } from '../types/datum.js';
import type { BuiltinTable } from './builtin.js';

/** Up to 1,024 neighbouring built-in rows. */
export class BuiltinChunk {
  private readonly vectors: ColumnVector[] = [];

  constructor(private readonly table: BuiltinTable, private readonly start: number, readonly positions: number) {}

  get firstRowId(): number {
    return this.start + 1;
  }

  /** What a scan sees; `hidden` tells the built-in positions to leave out. */
  view(hidden: ((position: number) => boolean) | null): ChunkView {
    let selection: Uint16Array | null = null;
    let selected = this.positions;
    if (hidden) {
      selection = new Uint16Array(this.positions);
      selected = 0;
      for (let position = 0; position < this.positions; position++) {
        if (!hidden(this.start + position)) selection[selected++] = position;
      }
      if (selected === this.positions) selection = null;
    }
    return {
      firstRowId: this.firstRowId, positions: this.positions, selection, selected,
      column: (index) => this.vectors[index] ??= this.vector(index), range: () => null, changedRowIds: [], changedRows: [],
    };
  }

  private vector(index: number): ColumnVector {
    const values = this.table.column(index).slice(this.start, this.start + this.positions);
    const nulls = nullBits(values);
    const get = (position: number): Datum => values[position];
    const sample = values.find((value) => value !== null);
    if (typeof sample === 'number' && values.every((value) => value === null || (Number.isInteger(value) && (value as number) === ((value as number) | 0)))) {
      const data = Int32Array.from(values, (value) => (value as number | null) ?? 0);
      return { kind: 'int32', data, stored: null, nulls, get, copy: (target, first, count) => target.set(data.subarray(first, first + count)) };
    }
    if (typeof sample === 'boolean') return { kind: 'boolean', data: Uint8Array.from(values, (value) => (value === true ? 1 : 0)), nulls, get };
    if (typeof sample === 'string') {
      return { kind: 'string', nulls, get, contains: (position, text) => (values[position] as string | null)?.includes(text) === true, found: () => null, text: null };
    }
    return { kind: 'generic', nulls, get };
  }
}

function nullBits(values: readonly Datum[]): Uint8Array | null {
  let bits: Uint8Array | null = null;
  for (let position = 0; position < values.length; position++) {
    if (values[position] === null) (bits ??= new Uint8Array((values.length + 7) >> 3))[position >> 3] |= 1 << (position & 7);
  }
  return bits;
}

const chunks = new WeakMap<BuiltinTable, readonly BuiltinChunk[]>();

/** The chunks of a catalog's built-in rows, in order. */
export function builtinChunks(table: BuiltinTable): readonly BuiltinChunk[] {
  let list = chunks.get(table);
  if (!list) {
    const made: BuiltinChunk[] = [];
    for (let start = 0; start < table.count; start += CHUNK_ROWS) made.push(new BuiltinChunk(table, start, Math.min(CHUNK_ROWS, table.count - start)));
    chunks.set(table, list = made);
  }
  return list;
}
