/**
 * Sequential scans: a chunk after the other, settled rows first as columns, then the visible versions of changed rows in
 * order of writing. A chunk without chains costs a few field reads.
 */
import { AssertionFailure } from '../base/assert.js';
import type { Datum, Row } from '../types/datum.js';
import { CHUNK_ROWS, type ChunkScan, type ChunkView, type ColumnRange, type ColumnVector, type HeapShape, type RowId, type Snapshot } from './api.js';
import type { HeapChunk } from './chunk.js';
import { ChunkReadAhead } from './chunk-read-ahead.js';
import type { HeapFile } from './heap-file.js';
import type { SettledRows } from './settled.js';

const NO_ROW_IDS: readonly RowId[] = [];
const NO_ROWS: readonly Row[] = [];
/** Marks positions that a chain stands in for; all zero between uses. */
const shadowed = new Uint8Array(CHUNK_ROWS);

/** The row with the values of attributes that it was stored without. */
export function padRow(values: Row, shape: HeapShape): Row {
  const padded = values.slice();
  for (let index = values.length; index < shape.attributeCount; index++) padded.push(shape.missing[index] ?? null);
  return padded;
}

/** A column that no settled row was stored with. */
class ConstantColumn {
  readonly kind = 'generic';
  readonly nulls = null;
  constructor(private readonly value: Datum) {}
  get(): Datum {
    return this.value;
  }
}

/** For views without settled rows. */
const NO_COLUMN = new ConstantColumn(null);

/** What one chunk shows. */
class EngineChunkView implements ChunkView {
  constructor(
    readonly firstRowId: RowId,
    private readonly settled: SettledRows | null,
    readonly positions: number,
    readonly selection: Uint16Array | null,
    readonly selected: number,
    readonly changedRowIds: readonly RowId[],
    readonly changedRows: readonly Row[],
    private readonly shape: HeapShape,
  ) {}

  column(index: number): ColumnVector {
    const { settled } = this;
    if (settled === null) return NO_COLUMN;
    const missing = this.shape.missing[index] ?? null;
    return index < settled.columnCount || missing === null ? settled.column(index, missing) : new ConstantColumn(missing);
  }

  range(index: number): ColumnRange | null {
    return this.settled === null ? null : this.settled.range(index);
  }
}

/** How many rows a chunk at rest has, and nothing else. */
class CountView implements ChunkView {
  readonly selection = null;
  readonly changedRowIds = NO_ROW_IDS;
  readonly changedRows = NO_ROWS;
  constructor(readonly firstRowId: RowId, readonly positions: number) {}

  get selected(): number {
    return this.positions;
  }

  column(): ColumnVector {
    throw new AssertionFailure('whoever counts rows reads no columns');
  }

  range(): null {
    return null;
  }
}

/** Iterates over the chunks with row ids in [from, to]. */
export class HeapScan implements ChunkScan {
  private number: number;
  private readonly lastNumber: number;
  private ahead: ChunkReadAhead | null = null;
  /** To be called when the view that was given last is over; null: nothing. */
  private done: (() => void) | null = null;

  constructor(
    private readonly file: HeapFile,
    private readonly shape: HeapShape,
    private readonly snapshot: Snapshot,
    private readonly from: RowId,
    private readonly to: RowId,
    private readonly countsOnly = false,
  ) {
    this.number = Math.floor((from - 1) / CHUNK_ROWS);
    this.lastNumber = Math.min(Math.floor((to - 1) / CHUNK_ROWS), file.chunkCount - 1);
  }

  [Symbol.iterator](): IterableIterator<ChunkView> {
    return this;
  }

  next(): IteratorResult<ChunkView> {
    for (;;) {
      this.done?.();
      this.done = null;
      if (this.number > this.lastNumber) return { done: true, value: undefined };
      const view = this.view(this.number++);
      if (view !== null) return { done: false, value: view };
    }
  }

  ready(): Promise<void> | null {
    if (this.number > this.lastNumber || this.file.chunks[this.number] !== undefined) return null;
    if (this.countsOnly && this.file.rowsOnlyAtRest(this.number) !== null) return null;
    this.ahead ??= new ChunkReadAhead(this.file, this.lastNumber + 1);
    return this.ahead.ready(this.number);
  }

  private view(number: number): ChunkView | null {
    const { file, snapshot } = this;
    const counted = this.countsOnly ? file.rowsOnlyAtRest(number) : null;
    if (counted !== null) return counted === 0 ? null : new CountView(number * CHUNK_ROWS + 1, counted);
    const chunk = file.chunkForScan(number, this.ahead === null ? null : this.ahead.take(number));
    if (chunk === null) return null;
    if (file.chunks[number] === chunk) file.tryFold(chunk);
    this.done = chunk.room?.lend() ?? null;
    const settled = chunk.settled !== null && chunk.seesSettled(snapshot) ? chunk.settled : null;
    const partial = this.from > chunk.firstRowId || this.to < chunk.firstRowId + CHUNK_ROWS - 1;
    if (chunk.order.length === 0 && !partial) {
      if (settled === null) return null;
      const selection = chunk.selection();
      const selected = selection === null ? settled.positions : selection.length;
      if (selected === 0) return null;
      return new EngineChunkView(chunk.firstRowId, settled, settled.positions, selection, selected, NO_ROW_IDS, NO_ROWS, this.shape);
    }
    return this.changedView(chunk, settled);
  }

  /** The view of a chunk with chains, or of a part of a chunk. */
  private changedView(chunk: HeapChunk, settled: SettledRows | null): ChunkView | null {
    const { snapshot, shape, from, to } = this;
    const first = chunk.firstRowId;
    const rowIds: RowId[] = [];
    const rows: Row[] = [];
    const marked: number[] = [];
    for (const { rowId, values } of chunk.shown(snapshot)) {
      if (settled !== null) {
        shadowed[rowId - first] = 1;
        marked.push(rowId - first);
      }
      if (values === null || rowId < from || rowId > to) continue;
      rowIds.push(rowId);
      rows.push(values.length < shape.attributeCount ? padRow(values, shape) : values);
    }
    if (settled === null) {
      return rows.length === 0 ? null : new EngineChunkView(first, null, 0, null, 0, rowIds, rows, shape);
    }
    const selection = this.select(chunk, settled);
    for (const offset of marked) shadowed[offset] = 0;
    if (selection.length === 0 && rows.length === 0) return null;
    const selected = selection.length;
    const whole = selected === settled.positions;
    return new EngineChunkView(first, settled, settled.positions, whole ? null : selection, selected, rowIds, rows, shape);
  }

  /** Settled positions within the range that no chain stands in for. */
  private select(chunk: HeapChunk, settled: SettledRows): Uint16Array {
    const first = chunk.firstRowId;
    const low = Math.max(this.from - first, 0);
    const high = Math.min(this.to - first, settled.positions - 1);
    const live = chunk.selection();
    const selection = new Uint16Array(live === null ? settled.positions : live.length);
    let count = 0;
    if (live === null) {
      for (let position = low; position <= high; position++) if (shadowed[position] === 0) selection[count++] = position;
    } else {
      for (let index = 0; index < live.length; index++) {
        const position = live[index];
        if (position >= low && position <= high && shadowed[position] === 0) selection[count++] = position;
      }
    }
    return selection.subarray(0, count);
  }
}
