/**
 * A packed chunk with some of its rows replaced, added or gone, made column by column: the bytes that `encodeChunk` makes of the rows
 * (`test/codec/chunk-patch.test.ts` holds it to that), without making the rows. A column none of whose values changed keeps its bytes,
 * one of numbers is changed as a typed array, any other one is packed from its values.
 */
import { assert } from '../base/assert.js';
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import type { Datum } from '../types/datum.js';
import type { ChangedNumbers, ChunkChanges } from './chunk-changes.js';
import { layOut, type PackedChunk } from './chunk.js';
import { MAX_CHUNK_POSITIONS } from './format.js';
import { packDatums, packNumberArray, type PackedColumn } from './column-writer.js';
import { Float64Vector, Int32Vector, JsonbVector, type Bitmap } from './vectors.js';

/** A chunk's rows as they are to be stored. */
export interface PatchedChunk {
  readonly bytes: Uint8Array;
  /** Attributes of each row (0: there is no row); null: all rows have as many. */
  readonly widths: Uint16Array | null;
  /** Columns whose values are those that they were. */
  readonly kept: readonly number[];
}

/** Where rows are, before any column is looked at. */
interface Outline {
  /** Number of positions. */
  readonly length: number;
  /** Bit per position with a row. */
  readonly presence: Uint8Array;
  readonly present: number;
  /** Rows are where they were. */
  readonly isSamePresence: boolean;
  /** Positions that had a row and have none. */
  readonly gone: readonly number[];
}

/** A column's numbers while it is patched. */
const int32Scratch = new Int32Array(MAX_CHUNK_POSITIONS);
const float64Scratch = new Float64Array(MAX_CHUNK_POSITIONS);

const has = (bitmap: Bitmap, position: number): boolean => (bitmap[position >> 3] & (1 << (position & 7))) !== 0;

/**
 * `live`: the rows of `packed` that are there still, a bit a position (null: all positions have one). `widths`: how many attributes each of
 * them was stored with (null: `packed.columnCount`). `memory`: where the bytes go.
 */
export function patchChunk(
  packed: PackedChunk, live: Bitmap | null, widths: Uint16Array | null, changes: ChunkChanges, memory: ByteMemory = FRESH_MEMORY,
): PatchedChunk {
  const outline = outlineOf(packed, live, changes);
  const newWidths = widthsOf(packed, widths, outline, changes);
  const columnCount = newWidths === null ? packed.columnCount : newWidths.reduce((most, width) => Math.max(most, width), 0);
  const columns: PackedColumn[] = [];
  const kept: number[] = [];
  for (let index = 0; index < columnCount; index++) {
    if (outline.isSamePresence && index < packed.columnCount && !changes.differs(index, packed.column(index))) {
      kept.push(index);
      columns.push(packed.packedColumn(index));
    } else columns.push(patchColumn(packed, index, outline, changes));
  }
  const bytes = layOut(columns, outline.length, outline.present, outline.present === outline.length ? null : outline.presence, memory);
  return { bytes, widths: newWidths !== null && isUniform(newWidths, outline) ? null : newWidths, kept };
}

function outlineOf(packed: PackedChunk, live: Bitmap | null, changes: ChunkChanges): Outline {
  const { positions } = changes;
  let length = packed.positions;
  for (let index = 0; index < positions.length; index++) if (positions[index] >= length) length = positions[index] + 1;
  assert(length <= MAX_CHUNK_POSITIONS, 'a chunk has at most 1,024 rows');
  const before = new Uint8Array((length + 7) >> 3);
  if (packed.presence !== null) before.set(packed.presence);
  else setFirst(before, packed.positions);
  const presence = before.slice();
  if (live !== null) presence.set(live);
  for (let index = 0; index < positions.length; index++) {
    const position = positions[index];
    if (changes.width(index) < 0) presence[position >> 3] &= ~(1 << (position & 7));
    else presence[position >> 3] |= 1 << (position & 7);
  }
  let present = 0;
  let isSamePresence = length === packed.positions;
  const gone: number[] = [];
  for (let byte = 0; byte < presence.length; byte++) {
    for (let bits = presence[byte]; bits !== 0; bits &= bits - 1) present++;
    if (presence[byte] === before[byte]) continue;
    isSamePresence = false;
    for (let bit = 0; bit < 8; bit++) if ((before[byte] & ~presence[byte] & (1 << bit)) !== 0) gone.push(byte * 8 + bit);
  }
  return { length, presence, present, isSamePresence, gone };
}

function setFirst(bitmap: Uint8Array, count: number): void {
  bitmap.fill(0xff, 0, count >> 3);
  if ((count & 7) !== 0) bitmap[count >> 3] = (1 << (count & 7)) - 1;
}

/** The attributes of each row; null: all have `packed.columnCount`. */
function widthsOf(packed: PackedChunk, widths: Uint16Array | null, outline: Outline, changes: ChunkChanges): Uint16Array | null {
  const { columnCount } = packed;
  if (widths === null && outline.present > 0 && areAllAsWide(changes, columnCount)) return null;
  const found = new Uint16Array(outline.length);
  for (let position = 0; position < packed.positions; position++) {
    if (has(outline.presence, position)) found[position] = widths === null ? columnCount : widths[position];
  }
  const { positions } = changes;
  for (let index = 0; index < positions.length; index++) found[positions[index]] = Math.max(0, changes.width(index));
  return found;
}

function areAllAsWide(changes: ChunkChanges, columnCount: number): boolean {
  for (let at = 0; at < changes.positions.length; at++) {
    const width = changes.width(at);
    if (width >= 0 && width !== columnCount) return false;
  }
  return true;
}

function isUniform(widths: Uint16Array, { presence, length }: Outline): boolean {
  let width = -1;
  for (let position = 0; position < length; position++) {
    if (!has(presence, position)) continue;
    if (width < 0) width = widths[position];
    else if (width !== widths[position]) return false;
  }
  return true;
}

function patchColumn(packed: PackedChunk, index: number, outline: Outline, changes: ChunkChanges): PackedColumn {
  const column = packed.column(index);
  if (column instanceof Int32Vector || column instanceof Float64Vector) {
    const patched = patchNumbers(column, index, outline, changes);
    if (patched !== null) return patched;
  }
  const isJsonb = column instanceof JsonbVector;
  const { length, presence } = outline;
  const before = packed.positions;
  const values: Datum[] = [];
  for (let position = 0; position < length; position++) {
    const isThere = position < before && has(presence, position);
    values.push(!isThere ? null : isJsonb ? column.borrow(position) : column.get(position));
  }
  const { positions } = changes;
  for (let at = 0; at < positions.length; at++) values[positions[at]] = changes.value(at, index);
  return packDatums(values, presence);
}

/** A column of numbers; null when there are other values among the new ones. */
function patchNumbers(column: Int32Vector | Float64Vector, index: number, outline: Outline, changes: ChunkChanges): PackedColumn | null {
  const numbers = changes.numbers(index);
  if (numbers === null) return null;
  const { positions } = changes;
  const { length, presence, present } = outline;
  const data = column instanceof Int32Vector && numbers.kind === 'int32' ? int32Scratch.subarray(0, length) : float64Scratch.subarray(0, length);
  const before = column.borrow();
  data.set(before);
  data.fill(0, before.length);
  for (let at = 0; at < positions.length; at++) data[positions[at]] = numbers.data[at];
  const nulls = patchNulls(column.nulls, numbers, outline, changes);
  if (nulls === null && present === length) return packNumberArray(data, null, null);
  const empty = nulls === null ? new Uint8Array(presence.length) : nulls.slice();
  for (let position = 0; position < length; position++) {
    if (!has(presence, position)) empty[position >> 3] |= 1 << (position & 7);
    if (has(empty, position)) data[position] = 0;
  }
  return packNumberArray(data, nulls, empty);
}

/** Which positions have a row with NULL in a column; null: none has. */
function patchNulls(before: Bitmap | null, numbers: ChangedNumbers, { presence, gone }: Outline, changes: ChunkChanges): Uint8Array | null {
  if (before === null && numbers.nulls === null) return null;
  const { positions } = changes;
  const nulls = new Uint8Array(presence.length);
  if (before !== null) nulls.set(before);
  for (const position of gone) nulls[position >> 3] &= ~(1 << (position & 7));
  for (let at = 0; at < positions.length; at++) {
    const position = positions[at];
    if (numbers.nulls !== null && numbers.nulls[at] === 1 && changes.width(at) >= 0) nulls[position >> 3] |= 1 << (position & 7);
    else nulls[position >> 3] &= ~(1 << (position & 7));
  }
  for (let byte = 0; byte < nulls.length; byte++) if (nulls[byte] !== 0) return nulls;
  return null;
}
