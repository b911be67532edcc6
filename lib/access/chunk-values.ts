/**
 * Chunks as bytes: the packed base, the delta of versions newer than it, and the whole of a chunk that has to make room
 * in memory. Layouts are drawn in `README.md`.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.js';
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import { INVALID_LSN, lsn, type Lsn } from '../base/lsn.js';
import { PackedChunk } from '../codec/chunk.js';
import { readU32 } from '../codec/little-endian.js';
import { ChangedRows } from '../codec/chunk-changes.js';
import { decodeRow, encodeRow } from '../codec/row.js';
import type { ReadValue } from '../kv/kv.js';
import { checkedValue } from '../kv/stored-value.js';
import { isVisible, RowVersion, type VersionWriter, type VisibilitySnapshot } from '../txn/version.js';
import type { Row } from '../types/datum.js';
import type { ChunkRoom } from './chunk-rooms.js';
import type { HeapChunk } from './chunk.js';
import { VALUE_VERSION } from './format.js';
import { SettledRows } from './settled.js';

const BASE_HEADER = 16;
/** Of memory to write values in; when it has become larger than the second, it is not kept. */
const FIRST_BYTES = 64 << 10;
const MOST_KEPT_BYTES = 1 << 20;
/** A packed chunk without rows. */
const MIN_PACKED_BYTES = 16;
/** A version's length field when it is a deletion. */
const DELETED = 0xffff_ffff;

/** A base: header (version u8, 3 zero bytes, packed length u32, commit LSN f64), packed rows, then u16 widths or nothing. */
export function encodeBase(settled: SettledRows, settledLsn: Lsn, memory: ByteMemory = FRESH_MEMORY): Buffer {
  const value = memory.take(baseBytes(settled));
  writeBase(value, settled, settledLsn);
  return value;
}

function baseBytes({ bytes, widths }: SettledRows): number {
  return BASE_HEADER + bytes.length + (widths === null ? 0 : widths.byteLength);
}

/** Fills `value`, which is as long as the base. */
function writeBase(value: Buffer, { bytes, widths }: SettledRows, settledLsn: Lsn): void {
  value.writeUInt32LE(VALUE_VERSION, 0);
  value.writeUInt32LE(bytes.length, 4);
  value.writeDoubleLE(settledLsn, 8);
  value.set(bytes, BASE_HEADER);
  if (widths !== null) value.set(new Uint8Array(widths.buffer, widths.byteOffset, widths.byteLength), BASE_HEADER + bytes.length);
}

/** A base in memory. */
export interface Base {
  readonly settled: SettledRows;
  readonly settledLsn: Lsn;
}

/** Reads what `encodeBase` made. */
export function decodeBase(value: Uint8Array): Base {
  const bytes = value.subarray(BASE_HEADER, endOfRows(value));
  return baseOf(value, new PackedChunk(bytes), bytes);
}

/** The same of a value that may have to be checked; null when it is damaged. Columns are checked when they are read: XX001, which names `key`. */
export function decodeUnchecked(read: ReadValue, key: () => Uint8Array): Base | null {
  const { value, checksum } = read;
  if (checksum === null || !PackedChunk.checksItself(value, BASE_HEADER)) {
    const checked = checkedValue(read);
    return checked === null ? null : decodeBase(checked);
  }
  const end = endOfRows(value);
  if (end > value.length || end < BASE_HEADER + MIN_PACKED_BYTES) return null;
  const bytes = value.subarray(BASE_HEADER, end);
  const packed = new PackedChunk(bytes);
  if (packed.headBytes > bytes.length) return null;
  const rows = packed.checksumBehind(crc32(value.subarray(0, BASE_HEADER + packed.headBytes)), key);
  if ((end === value.length ? rows : crc32(value.subarray(end), rows)) !== checksum) return null;
  return baseOf(value, packed, bytes);
}

function endOfRows(value: Uint8Array): number {
  return BASE_HEADER + readU32(value, 4);
}

function baseOf(value: Uint8Array, packed: PackedChunk, bytes: Uint8Array): Base {
  assert(value[0] === VALUE_VERSION, 'base of a chunk has an unknown version');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const end = BASE_HEADER + bytes.length;
  let widths: Uint16Array | null = null;
  if (value.length > end) {
    widths = new Uint16Array(packed.positions);
    for (let position = 0; position < widths.length; position++) widths[position] = view.getUint16(end + position * 2, true);
  }
  return { settled: new SettledRows(packed, bytes, widths), settledLsn: lsn(view.getFloat64(8, true)) };
}

/** One entry of a delta. */
export interface DeltaEntry {
  readonly offset: number;
  readonly lsn: Lsn;
  readonly values: Row | null;
}

/** Growing little-endian bytes. */
class Bytes {
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;

  /** Begins anew, mostly in the memory of the last time. */
  restart(): this {
    if (this.buffer.length > MOST_KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.length = 0;
    return this;
  }

  room(count: number): Buffer {
    if (this.length + count > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + count));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    return this.buffer;
  }

  u8(value: number): void {
    this.room(1)[this.length++] = value;
  }

  u16(value: number): void {
    this.length = this.room(2).writeUInt16LE(value, this.length);
  }

  u32(value: number): void {
    this.length = this.room(4).writeUInt32LE(value, this.length);
  }

  f64(value: number): void {
    this.length = this.room(8).writeDoubleLE(value, this.length);
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** So many bytes, to be filled at once. */
  space(count: number): Buffer {
    const buffer = this.room(count);
    this.length += count;
    return buffer.subarray(this.length - count, this.length);
  }

  row(values: Row | null): void {
    if (values === null) {
      this.u32(DELETED);
      return;
    }
    const bytes = encodeRow(values);
    this.u32(bytes.length);
    this.raw(bytes);
  }

  copy(memory: ByteMemory): Buffer {
    const copy = memory.take(this.length);
    copy.set(this.buffer.subarray(0, this.length));
    return copy;
  }
}

/** What is being written: one value at a time. */
const writing = new Bytes();

/** Reads what `Bytes` wrote. */
class Reader {
  at = 0;
  private readonly view: DataView;
  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get ended(): boolean {
    return this.at >= this.bytes.length;
  }

  u8(): number {
    return this.bytes[this.at++];
  }

  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }

  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  f64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  raw(length: number): Uint8Array {
    this.at += length;
    assert(this.at <= this.bytes.length, 'value at rest cut off');
    return this.bytes.subarray(this.at - length, this.at);
  }

  row(): Row | null {
    const length = this.u32();
    return length === DELETED ? null : decodeRow(this.raw(length));
  }
}

/** A delta: version u8, then entries in order of writing: offset u16, commit LSN f64, row. */
export function encodeDelta(entries: readonly DeltaEntry[], memory: ByteMemory = FRESH_MEMORY): Buffer {
  const bytes = writing.restart();
  bytes.u8(VALUE_VERSION);
  for (const entry of entries) {
    bytes.u16(entry.offset);
    bytes.f64(entry.lsn);
    bytes.row(entry.values);
  }
  return bytes.copy(memory);
}

/** Reads what `encodeDelta` made. */
export function decodeDelta(value: Uint8Array): DeltaEntry[] {
  const reader = new Reader(value);
  assert(reader.u8() === VALUE_VERSION, 'delta of a chunk has an unknown version');
  const entries: DeltaEntry[] = [];
  while (!reader.ended) entries.push({ offset: reader.u16(), lsn: lsn(reader.f64()), values: reader.row() });
  return entries;
}

/** What a chunk shows at an LSN, relative to its settled rows. */
export interface ChunkState {
  /** Versions that stand in for or add to the settled rows, in order of writing; deletions only of settled rows. */
  readonly changed: DeltaEntry[];
  /** Whether the settled rows belong to the state at all. */
  readonly hasSettled: boolean;
}

/** The chunk's state at an LSN that is pinned. */
export function stateAt(chunk: HeapChunk, at: Lsn): ChunkState {
  const snapshot: VisibilitySnapshot = { lsn: at, transaction: null, commandId: 0 };
  const hasSettled = chunk.settled !== null && chunk.seesSettled(snapshot);
  const changed: DeltaEntry[] = [];
  const first = chunk.firstRowId;
  for (const version of chunk.order) {
    if (version.dropped || !isVisible(version, snapshot) || hasVisibleNewer(version, snapshot)) continue;
    if (version.values === null && !(hasSettled && chunk.hasSettled(version.rowId))) continue;
    changed.push({ offset: version.rowId - first, lsn: version.commitLsn, values: version.values });
  }
  return { changed, hasSettled };
}

function hasVisibleNewer(version: RowVersion, snapshot: VisibilitySnapshot): boolean {
  for (let newer = version.newer; newer !== null; newer = newer.newer) if (isVisible(newer, snapshot)) return true;
  return false;
}

/** How many rows a state has. */
export function rowsOf(chunk: HeapChunk, { changed, hasSettled }: ChunkState): number {
  let rows = hasSettled && chunk.settled !== null ? chunk.selection()?.length ?? chunk.settled.positions : 0;
  for (const { offset, values } of changed) {
    if (hasSettled && chunk.hasSettled(chunk.firstRowId + offset)) rows--;
    if (values !== null) rows++;
  }
  return rows;
}

/** Settled rows that the base at rest has and the chunk no longer: entries for a delta. */
export function settledDeletions(chunk: HeapChunk): DeltaEntry[] {
  const { settled, live } = chunk;
  if (settled === null || live === null || live === settled.presence) return [];
  const deletions: DeltaEntry[] = [];
  for (let offset = 0; offset < settled.positions; offset++) {
    if (settled.packed.has(offset) && !chunk.hasSettled(offset + chunk.firstRowId)) deletions.push({ offset, lsn: chunk.settledLsn, values: null });
  }
  return deletions;
}

/** The state as packed rows. */
export function statePacked(chunk: HeapChunk, { changed, hasSettled }: ChunkState): SettledRows {
  const changes = new ChangedRows(changed.map(({ offset }) => offset), changed.map(({ values }) => values));
  return SettledRows.patch(hasSettled ? chunk.settled : null, chunk.live, changes);
}

/** Fills a fresh chunk from rest; `room`: where its base stands. */
export function loadChunk(chunk: HeapChunk, base: Base | null, room: ChunkRoom | null, delta: Uint8Array | null): void {
  if (base !== null) {
    const { settled, settledLsn } = base;
    chunk.moveTo(room, settled);
    chunk.settledLsn = settledLsn;
    chunk.lastLsn = settledLsn;
    chunk.settledIsRest = true;
  }
  if (delta === null) return;
  for (const entry of decodeDelta(delta)) {
    const rowId = chunk.firstRowId + entry.offset;
    if (entry.values === null) chunk.deleteSettled(rowId);
    else chunk.restore(new RowVersion(chunk, rowId, entry.values, null, 0, false, 0), entry.lsn);
  }
}

/** How swapped-out versions find their writers when they come back. */
export interface WriterOutcomes {
  /** The running transaction, the LSN at which it committed, or null: the version was undone. */
  outcome(xid: number, sequence: number): VersionWriter | Lsn | null;
  /** Takes a version back into its running transaction. */
  rejoin(version: RowVersion, writer: VersionWriter): void;
}

const SWAP_SETTLED = 1;
const SWAP_BULK = 2;
const SWAP_NONE_SETTLED = 4;
const VERSION_KEYS_CHANGED = 1;
const VERSION_COMMITTED = 2;

/**
 * All of a chunk: flags u8; settled rows that are not at rest (bulk: xid u32, command id u32; length u32, base; bitmap length
 * u16, bitmap); then versions, oldest first: flags u8, offset u16, (commit LSN f64 | xid u32, command id u32, number f64), row.
 */
export function encodeSwap(chunk: HeapChunk, xidOf: (writer: VersionWriter) => number, memory: ByteMemory): Buffer {
  const bytes = writing.restart();
  const inline = chunk.settled !== null && !chunk.settledIsRest;
  bytes.u8((inline ? SWAP_SETTLED : 0) | (chunk.bulkWriter !== null ? SWAP_BULK : 0) | (chunk.settled === null ? SWAP_NONE_SETTLED : 0));
  if (chunk.bulkWriter !== null) {
    bytes.u32(xidOf(chunk.bulkWriter));
    bytes.u32(chunk.bulkCommandId);
  }
  if (inline) {
    const settled = chunk.settled as SettledRows;
    const length = baseBytes(settled);
    bytes.u32(length);
    writeBase(bytes.space(length), settled, chunk.settledLsn);
  }
  const { live } = chunk;
  bytes.u16(live === null ? 0 : live.length);
  if (live !== null) bytes.raw(live);
  for (const version of chunk.order) {
    if (version.dropped) continue;
    const committed = version.transaction === null;
    bytes.u8((version.keysChanged ? VERSION_KEYS_CHANGED : 0) | (committed ? VERSION_COMMITTED : 0));
    bytes.u16(version.rowId - chunk.firstRowId);
    if (version.transaction === null) bytes.f64(version.commitLsn);
    else {
      bytes.u32(xidOf(version.transaction));
      bytes.u32(version.commandId);
      bytes.f64(version.sequence);
    }
    bytes.row(version.values);
  }
  return bytes.copy(memory);
}

/** Fills a fresh chunk (its base at rest already loaded, if it has one) from what `encodeSwap` made; nothing of it refers to the value afterwards. */
export function decodeSwap(chunk: HeapChunk, value: Uint8Array, outcomes: WriterOutcomes): void {
  const reader = new Reader(value);
  const flags = reader.u8();
  const bulk = (flags & SWAP_BULK) === 0 ? null : { xid: reader.u32(), commandId: reader.u32() };
  if ((flags & SWAP_SETTLED) !== 0) {
    const base = reader.raw(reader.u32());
    const room = chunk.owner.newRoom();
    const own = room.take(base.length);
    own.set(base);
    const { settled, settledLsn } = decodeBase(own);
    chunk.moveTo(room, settled);
    chunk.settledLsn = settledLsn;
    chunk.settledIsRest = false;
  }
  if ((flags & SWAP_NONE_SETTLED) !== 0) {
    chunk.moveTo(null, null);
    chunk.settledLsn = INVALID_LSN;
    chunk.settledIsRest = false;
  }
  const liveLength = reader.u16();
  if (liveLength > 0) chunk.setLive(new Uint8Array(reader.raw(liveLength)));
  if (bulk !== null) rejoinBulk(chunk, outcomes.outcome(bulk.xid, NO_WRITE), bulk.commandId);
  else if (chunk.settledLsn > chunk.lastLsn) chunk.lastLsn = chunk.settledLsn;
  while (!reader.ended) readSwappedVersion(chunk, reader, outcomes);
}

/** The number of no write: a bulk insert that was undone by a savepoint is not there any more. */
const NO_WRITE = -1;

/** A bulk insert's transaction may have ended meanwhile; a savepoint's rollback has emptied the chunk before (see `BulkEffect`). */
function rejoinBulk(chunk: HeapChunk, outcome: VersionWriter | Lsn | null, commandId: number): void {
  if (outcome === null) chunk.moveTo(null, null);
  else if (typeof outcome === 'number') {
    chunk.settledLsn = outcome;
    chunk.lastLsn = outcome;
  } else {
    chunk.bulkWriter = outcome;
    chunk.bulkCommandId = commandId;
  }
}

function readSwappedVersion(chunk: HeapChunk, reader: Reader, outcomes: WriterOutcomes): void {
  const flags = reader.u8();
  const rowId = chunk.firstRowId + reader.u16();
  const keysChanged = (flags & VERSION_KEYS_CHANGED) !== 0;
  if ((flags & VERSION_COMMITTED) !== 0) {
    const commitLsn = lsn(reader.f64());
    chunk.restore(new RowVersion(chunk, rowId, reader.row(), null, 0, keysChanged, 0), commitLsn);
    return;
  }
  const xid = reader.u32();
  const commandId = reader.u32();
  const sequence = reader.f64();
  const values = reader.row();
  const outcome = outcomes.outcome(xid, sequence);
  if (outcome === null) return;
  if (typeof outcome === 'number') {
    chunk.restore(new RowVersion(chunk, rowId, values, null, 0, keysChanged, 0), outcome);
    return;
  }
  const version = new RowVersion(chunk, rowId, values, outcome, commandId, keysChanged, sequence);
  chunk.restore(version, version.commitLsn);
  outcomes.rejoin(version, outcome);
}
