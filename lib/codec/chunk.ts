/**
 * The packed chunk: up to 1,024 neighbouring rows as columns, each stored by what its values actually are (small
 * integers, doubles, bits, concatenated or dictionary strings, jsonb bytes, msgpack for the rest), with null bitmaps, and minimum and
 * maximum of numbers. Reading is lazy: a column is typed arrays over the packed bytes, made when first asked for.
 *
 * Whoever stores a chunk gives it a checksum (lib/kv behind every value, lib/wal in every record). The chunk itself has one for each
 * column, so that who reads two columns of five need not check the others: what stands before the columns says what they are, and tells, without
 * them, the checksum of the whole (`checksumBehind`), so that nothing is checked less well for being checked by parts.
 * Idea: PAX pages; DuckDB's and Parquet's column chunks. Layout: `README.md`.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.js';
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import { pgError } from '../base/error.js';
import type { Datum, Row } from '../types/datum.js';
import { packValues, type ColumnValues } from './column-values.js';
import { packColumn, type ColumnBounds, type PackedColumn } from './column-writer.js';
import { combinedCrc32 } from './combined-crc32.js';
import { CHUNK_FORMAT_VERSION, COLUMN_ENCODING, COLUMN_FLAG, MAX_CHUNK_POSITIONS, OLD_CHUNK_ENTRY_BYTES } from './format.js';
import { readU16, readU32 } from './little-endian.js';
import {
  BooleanVector, DictionaryVector, Float64Vector, GenericVector, Int32Vector, JsonbVector, Latin1Vector, NullVector, Utf8Vector, type PackedVector,
  type StoredNumbers,
} from './vectors.js';

const HEADER_BYTES = 16;
/** Where the checksum of all columns together stands in it. */
const COLUMNS_CHECKSUM_AT = 8;
/** Of older layouts. */
const OLD_HEADER_BYTES = 8;
/**
 * Of each column: where it starts (and `ENTRY_NULLS`, since starts are multiples of 8), its checksum, smallest and largest number (NaN: it
 * has none); older layouts have the start first.
 */
const ENTRY_BYTES = 24;
const ENTRY_NULLS = 1;
const COLUMN_HEADER_BYTES = 8;
const align8 = (bytes: number): number => (bytes + 7) & ~7;

/**
 * Packs rows; `rows[i]` is the row at position i, null where there is none. Rows may have different lengths: what a
 * row lacks is stored as NULL, so pad rows with their missing defaults before. `memory`: where the bytes go.
 */
export function encodeChunk(rows: readonly (Row | null)[], memory: ByteMemory = FRESH_MEMORY): Uint8Array {
  const positions = rows.length;
  assert(positions <= MAX_CHUNK_POSITIONS, 'a chunk has at most 1,024 rows');
  const presence = new Uint8Array((positions + 7) >> 3);
  let present = 0;
  let columnCount = 0;
  for (let position = 0; position < positions; position++) {
    const row = rows[position];
    if (row === null) continue;
    present++;
    presence[position >> 3] |= 1 << (position & 7);
    if (row.length > columnCount) columnCount = row.length;
  }
  const allPresent = present === positions;
  const columns: PackedColumn[] = [];
  for (let index = 0; index < columnCount; index++) columns.push(packColumn(rows, index));
  return layOut(columns, positions, present, allPresent ? null : presence, memory);
}

/** The same for `rows` rows that come as columns. */
export function encodeColumns(columns: readonly ColumnValues[], rows: number, memory: ByteMemory = FRESH_MEMORY): Uint8Array {
  assert(rows <= MAX_CHUNK_POSITIONS, 'a chunk has at most 1,024 rows');
  return layOut(columns.map((column) => packValues(column, rows)), rows, rows, null, memory);
}

/** A chunk of packed columns. `presence`: one bit a position; null when all have rows. `present`: number of rows. */
export function layOut(
  columns: readonly PackedColumn[], positions: number, present: number, presence: Uint8Array | null, memory: ByteMemory,
): Uint8Array {
  const columnCount = columns.length;
  let size = HEADER_BYTES + columnCount * ENTRY_BYTES;
  const presenceAt = size;
  if (presence !== null) size += align8(presence.length);
  const starts = columns.map((column) => {
    const at = size;
    size += COLUMN_HEADER_BYTES + column.parts.reduce((sum, part) => sum + align8(part.length), 0);
    return at;
  });
  const bytes = memory.take(size);
  bytes.fill(0, 0, HEADER_BYTES);
  bytes[0] = CHUNK_FORMAT_VERSION;
  bytes[1] = presence === null ? 0 : 1;
  bytes.writeUInt16LE(positions, 2);
  bytes.writeUInt16LE(columnCount, 4);
  bytes.writeUInt16LE(present, 6);
  if (presence !== null) setPadded(bytes, presence, presenceAt);
  let checksum = 0;
  columns.forEach((column, index) => {
    const entry = HEADER_BYTES + index * ENTRY_BYTES;
    writeColumn(bytes, starts[index], column);
    bytes.writeUInt32LE(starts[index] | ((column.flags & COLUMN_FLAG.nulls) === 0 ? 0 : ENTRY_NULLS), entry);
    const end = starts[index + 1] ?? size;
    const own = crc32(bytes.subarray(starts[index], end));
    checksum = combinedCrc32(checksum, own, end - starts[index]);
    bytes.writeUInt32LE(own, entry + 4);
    bytes.writeDoubleLE(column.bounds?.minimum ?? NaN, entry + 8);
    bytes.writeDoubleLE(column.bounds?.maximum ?? NaN, entry + 16);
  });
  bytes.writeUInt32LE(checksum, COLUMNS_CHECKSUM_AT);
  return bytes;
}

function writeColumn(bytes: Buffer, start: number, column: PackedColumn): void {
  bytes[start] = column.encoding;
  bytes[start + 1] = column.flags;
  bytes.writeUInt16LE(column.distinct, start + 2);
  bytes.writeUInt32LE(column.dataBytes, start + 4);
  let at = start + COLUMN_HEADER_BYTES;
  for (const part of column.parts) {
    at = setPadded(bytes, part, at);
  }
}

/** Puts a part, and zeros up to the next place that is aligned, which it returns. */
function setPadded(bytes: Buffer, part: Uint8Array, at: number): number {
  bytes.set(part, at);
  const end = at + part.length;
  const next = at + align8(part.length);
  for (let gap = end; gap < next; gap++) bytes[gap] = 0;
  return next;
}

/** Bounds of a column's numbers, and whether there are NULLs beside them. */
export interface ColumnRange extends ColumnBounds {
  readonly hasNulls: boolean;
}

/** A packed chunk, opened for reading. */
export class PackedChunk {
  /** Positions 0 .. positions - 1 exist; `present` of them have rows. */
  readonly positions: number;
  readonly present: number;
  readonly columnCount: number;
  /** Bit per position that has a row; null when all have. */
  readonly presence: Uint8Array | null;
  private readonly bytes: Buffer;
  /** Where the directory is, and how much of it a column takes. */
  private readonly directoryAt: number;
  private readonly entryBytes: number;
  private readonly vectors: (PackedVector | undefined)[] = [];
  /** Tells the key of the value that the chunk stands in, while columns of it are to be checked yet. */
  private uncheckedKey: (() => Uint8Array) | null = null;
  /** By column: 1 = it was checked. */
  private checked: Uint8Array | null = null;
  /** A row of nulls: a copy has just the room that it needs. */
  private blank: Row | null = null;
  private static readonly ALL_NULL = new NullVector(new Uint8Array(MAX_CHUNK_POSITIONS >> 3).fill(0xff));

  /** Opens what `encodeChunk` made; keeps `bytes` (copies them when not 8-aligned in memory). XX001 for a wrong version. */
  constructor(bytes: Uint8Array) {
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : alignedCopy(bytes);
    this.bytes = Buffer.isBuffer(aligned) ? aligned : Buffer.from(aligned.buffer, aligned.byteOffset, aligned.byteLength);
    const version = this.bytes.length < OLD_HEADER_BYTES ? 0 : this.bytes[0];
    const entryBytes = version === CHUNK_FORMAT_VERSION ? ENTRY_BYTES : OLD_CHUNK_ENTRY_BYTES[version];
    if (entryBytes === undefined) {
      throw pgError('DATA_CORRUPTED', `packed chunk has unknown format version ${version}`);
    }
    this.directoryAt = version === CHUNK_FORMAT_VERSION ? HEADER_BYTES : OLD_HEADER_BYTES;
    this.entryBytes = entryBytes;
    this.positions = readU16(this.bytes, 2);
    this.columnCount = readU16(this.bytes, 4);
    this.present = readU16(this.bytes, 6);
    const at = align8(this.directoryAt + this.columnCount * this.entryBytes);
    this.presence = this.bytes[1] === 0 ? null : this.bytes.subarray(at, at + ((this.positions + 7) >> 3));
  }

  /** Whether what begins at `at` is a chunk that has checksums of its columns, so that they need not be checked before it is opened. */
  static checksItself(bytes: Uint8Array, at: number): boolean {
    return bytes.length >= at + HEADER_BYTES && bytes[at] === CHUNK_FORMAT_VERSION;
  }

  /** Of a chunk that `checksItself`: the bytes before its columns. */
  get headBytes(): number {
    return HEADER_BYTES + this.columnCount * ENTRY_BYTES + (this.presence === null ? 0 : align8((this.positions + 7) >> 3));
  }

  /**
   * Of a chunk that `checksItself`: the CRC-32 of all bytes up to its end, from that of those up to its columns, if its columns are what these say.
   * Where that is the checksum of what was stored, so are they, and each column is checked when it is first read (XX001, which names
   * `key`).
   */
  checksumBehind(head: number, key: () => Uint8Array): number {
    this.uncheckedKey = key;
    return combinedCrc32(head, readU32(this.bytes, COLUMNS_CHECKSUM_AT), this.bytes.length - this.headBytes);
  }

  /** Checks what was not read yet: for whoever takes the chunk's bytes. XX001 when a column is damaged. */
  checkAll(): void {
    if (this.uncheckedKey === null) return;
    for (let index = 0; index < this.columnCount; index++) this.check(index);
    this.uncheckedKey = null;
  }

  private check(index: number): void {
    if (this.uncheckedKey === null) return;
    this.checked ??= new Uint8Array(this.columnCount);
    if (this.checked[index] === 1) return;
    if (crc32(this.bytes.subarray(this.startOf(index), this.endOf(index))) !== this.checksumOf(index)) {
      throw pgError('DATA_CORRUPTED', `invalid checksum in column ${index + 1} of the stored value of key ${Buffer.from(this.uncheckedKey()).toString('hex')}`);
    }
    this.checked[index] = 1;
  }

  /** Size of the packed form. */
  get byteLength(): number {
    return this.bytes.length;
  }

  /** Whether the position has a row. */
  has(position: number): boolean {
    if (position >= this.positions) return false;
    return this.presence === null || (this.presence[position >> 3] & (1 << (position & 7))) !== 0;
  }

  /** Column `index`; a column that the chunk does not have is all NULL. */
  column(index: number): PackedVector {
    return (this.vectors[index] ??= index < this.columnCount ? this.open(index) : PackedChunk.ALL_NULL);
  }

  /** A column of the chunk in its packed form; refers to the chunk's bytes. */
  packedColumn(index: number): PackedColumn {
    this.check(index);
    const { bytes } = this;
    const start = this.startOf(index);
    return {
      encoding: bytes[start], flags: bytes[start + 1] & ~COLUMN_FLAG.bounds, distinct: bytes.readUInt16LE(start + 2), dataBytes: bytes.readUInt32LE(start + 4),
      bounds: this.range(index), parts: [bytes.subarray(start + COLUMN_HEADER_BYTES + inlineBoundsBytes(bytes[start + 1]), this.endOf(index))],
    };
  }

  private startOf(index: number): number {
    return readU32(this.bytes, this.directoryAt + index * this.entryBytes) & ~ENTRY_NULLS;
  }

  private endOf(index: number): number {
    return index + 1 < this.columnCount ? this.startOf(index + 1) : this.bytes.length;
  }

  private checksumOf(index: number): number {
    return readU32(this.bytes, HEADER_BYTES + index * ENTRY_BYTES + 4);
  }

  /** What another chunk has decoded of columns that have the same values. */
  takeDecoded(other: PackedChunk, columns: readonly number[]): void {
    for (const index of columns) {
      const decoded = other.vectors[index];
      if (decoded !== undefined && decoded.hasDecoded) this.column(index).takeDecoded(decoded);
    }
  }

  /** The row at a position (its `columnCount` values), or null when there is none. */
  row(position: number): Row | null {
    if (!this.has(position)) return null;
    const values: Datum[] = [];
    for (let index = 0; index < this.columnCount; index++) values.push(this.column(index).get(position));
    return values;
  }

  /** A column's bitmap of nulls, and where its values begin. */
  private nullsOf(start: number): { nulls: Uint8Array | null; at: number } {
    const flags = this.bytes[start + 1];
    const at = start + COLUMN_HEADER_BYTES + inlineBoundsBytes(flags);
    if ((flags & COLUMN_FLAG.nulls) === 0) return { nulls: null, at };
    const nulls = this.bytes.subarray(at, at + ((this.positions + 7) >> 3));
    return { nulls, at: at + align8(nulls.length) };
  }

  /** Rows at positions that have one, into `rows[from]`, `rows[from + 1]`, ...: for the first `count` of `positions`. */
  fillRows(rows: Row[], from: number, positions: Uint16Array, count: number): void {
    if (count === 0) return;
    const blank = (this.blank ??= filledWithNull(this.columnCount));
    for (let at = 0; at < count; at++) rows[from + at] = blank.slice();
    const target = { rows, from, positions, count };
    for (let index = 0; index < this.columnCount; index++) this.column(index).fillColumn(target, index);
  }

  /** What is known of a column of numbers, also before it is checked; null for other columns, and where NaN is among the values. */
  range(index: number): ColumnRange | null {
    if (index >= this.columnCount) return null;
    const { bytes } = this;
    const entry = this.directoryAt + index * this.entryBytes;
    let at = entry + 8;
    let hasNulls = (bytes[entry] & ENTRY_NULLS) !== 0;
    if (this.entryBytes !== ENTRY_BYTES) {
      const start = this.startOf(index);
      if ((bytes[start + 1] & COLUMN_FLAG.bounds) === 0) return null;
      at = start + COLUMN_HEADER_BYTES;
      hasNulls = (bytes[start + 1] & COLUMN_FLAG.nulls) !== 0;
    }
    const minimum = bytes.readDoubleLE(at);
    return Number.isNaN(minimum) ? null : { minimum, maximum: bytes.readDoubleLE(at + 8), hasNulls };
  }

  private open(index: number): PackedVector {
    this.check(index);
    const { bytes, positions } = this;
    const start = this.startOf(index);
    const flags = bytes[start + 1];
    const dataBytes = readU32(bytes, start + 4);
    const { nulls, at } = this.nullsOf(start);
    const memory = bytes.byteOffset + at;
    switch (bytes[start]) {
      case COLUMN_ENCODING.allNull: return PackedChunk.ALL_NULL;
      case COLUMN_ENCODING.int8: return new Int32Vector(plain(new Int8Array(bytes.buffer, memory, positions)), nulls);
      case COLUMN_ENCODING.int16: return new Int32Vector(plain(new Int16Array(bytes.buffer, memory, positions)), nulls);
      case COLUMN_ENCODING.int32: return new Int32Vector(plain(new Int32Array(bytes.buffer, memory, positions)), nulls);
      case COLUMN_ENCODING.offset8: return new Int32Vector({ array: new Uint8Array(bytes.buffer, memory, positions), base: this.minimumOf(index), divisor: 1 }, nulls);
      case COLUMN_ENCODING.offset16: return new Int32Vector({ array: new Uint16Array(bytes.buffer, memory, positions), base: this.minimumOf(index), divisor: 1 }, nulls);
      case COLUMN_ENCODING.float64: return new Float64Vector(plain(new Float64Array(bytes.buffer, memory, positions)), nulls);
      case COLUMN_ENCODING.decimal16: return new Float64Vector({ array: new Int16Array(bytes.buffer, memory, positions), base: 0, divisor: 10 ** readU16(bytes, start + 2) }, nulls);
      case COLUMN_ENCODING.decimal32: return new Float64Vector({ array: new Int32Array(bytes.buffer, memory, positions), base: 0, divisor: 10 ** readU16(bytes, start + 2) }, nulls);
      case COLUMN_ENCODING.boolean: return new BooleanVector(unpackBits(bytes, at, positions), nulls);
      case COLUMN_ENCODING.latin1:
      case COLUMN_ENCODING.utf8: return this.strings(bytes[start] === COLUMN_ENCODING.utf8, at, positions, dataBytes, flags, nulls);
      case COLUMN_ENCODING.dictionary: return this.dictionary(start, at, dataBytes, flags, nulls);
      case COLUMN_ENCODING.jsonb: return this.jsonb(at, dataBytes, flags, nulls);
      case COLUMN_ENCODING.generic: return new GenericVector(bytes.subarray(at, at + dataBytes), nulls);
      default: throw pgError('DATA_CORRUPTED', `packed column has unknown encoding ${bytes[start]}`);
    }
  }

  /** The smallest of whole numbers of 32 bits: as such, for compiled loops would add a double as one. */
  private minimumOf(index: number): number {
    return (this.range(index)?.minimum ?? 0) | 0;
  }

  private strings(isUtf8: boolean, at: number, count: number, dataBytes: number, flags: number, nulls: Uint8Array | null): Latin1Vector | Utf8Vector {
    const { bytes } = this;
    const offsets = this.offsets(at, count, flags);
    const textAt = at + align8(offsets.byteLength);
    const text = bytes.subarray(textAt, textAt + dataBytes);
    return isUtf8 ? new Utf8Vector(text, offsets, nulls) : new Latin1Vector(text, offsets, nulls);
  }

  private jsonb(at: number, dataBytes: number, flags: number, nulls: Uint8Array | null): JsonbVector {
    const offsets = this.offsets(at, this.positions, flags);
    const valuesAt = at + align8(offsets.byteLength);
    return new JsonbVector(this.bytes.subarray(valuesAt, valuesAt + dataBytes), offsets, nulls);
  }

  /** Where each of `count` values starts, and the end. */
  private offsets(at: number, count: number, flags: number): Uint16Array | Uint32Array {
    const memory = this.bytes.byteOffset + at;
    const wide = (flags & COLUMN_FLAG.wideOffsets) !== 0;
    return wide ? new Uint32Array(this.bytes.buffer, memory, count + 1) : new Uint16Array(this.bytes.buffer, memory, count + 1);
  }

  private dictionary(start: number, at: number, dataBytes: number, flags: number, nulls: Uint8Array | null): DictionaryVector {
    const codes = this.bytes.subarray(at, at + this.positions);
    const size = this.bytes.readUInt16LE(start + 2);
    const words = this.strings((flags & COLUMN_FLAG.utf8Words) !== 0, at + align8(this.positions), size, dataBytes, flags, null);
    return new DictionaryVector(codes, words, size, nulls);
  }
}

/** Bytes that a column's bounds take in front of its data: in older layouts. */
function inlineBoundsBytes(flags: number): number {
  return (flags & COLUMN_FLAG.bounds) === 0 ? 0 : 16;
}

function plain(array: StoredNumbers['array']): StoredNumbers {
  return { array, base: 0, divisor: 1 };
}

function filledWithNull(width: number): Row {
  const row: Row = [];
  for (let index = 0; index < width; index++) row.push(null);
  return row;
}

function alignedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}

function unpackBits(bytes: Buffer, at: number, count: number): Uint8Array {
  const data = new Uint8Array(count);
  for (let position = 0; position < count; position++) data[position] = (bytes[at + (position >> 3)] >> (position & 7)) & 1;
  return data;
}
