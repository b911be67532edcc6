/**
 * The changes of a transaction as log bytes: `ChangeWriter` gathers them in one growing buffer that becomes the payload of
 * the commit record, `readChanges` walks over them. A change stands at a *position*: the number of change bytes that
 * the transaction wrote before it. Rolling back to a savepoint cuts the buffer, or, when the bytes are already in the
 * log, adds a `rollbackTo`.
 */
import { assert } from '../base/assert.js';
import { readU32, writeU32 } from '../codec/little-endian.js';
import { decodeRow, encodeRow } from '../codec/row.js';
import { readSimpleRow, simpleRowBytes, writeSimpleRow } from '../codec/simple-row.js';
import type { Row } from '../types/datum.js';
import { BATCH_BYTES, CHANGE, FILE_KINDS, PERSISTENCES, RECORD_HEADER } from './format.js';

/** Kind of a file. */
export type FileKind = (typeof FILE_KINDS)[number];
/** How durable a file is. */
export type FilePersistence = (typeof PERSISTENCES)[number];

/** A sequence's state as logged. */
export interface LoggedSequence {
  lastValue: number | bigint;
  isCalled: boolean;
  logCount: number;
}

const INITIAL_BYTES = 1024;
/** Buffers that grew beyond this are not kept for the next transaction. */
const KEEP_BYTES = 1 << 18;

/** Gathers changes; reused from transaction to transaction. */
export class ChangeWriter {
  private buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  private length = RECORD_HEADER;
  /** Change bytes already sent to the log. */
  private sent = 0;
  /** Changes written. */
  count = 0;

  /** `send` is called when the buffer passes BATCH_BYTES; it must call `take`. */
  constructor(public send: ((writer: ChangeWriter) => void) | null) {}

  /** Prepares for another transaction. */
  reset(): void {
    if (this.buffer.length > KEEP_BYTES) this.buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    this.length = RECORD_HEADER;
    this.sent = 0;
    this.count = 0;
  }

  /** Number of change bytes that are in the log already. */
  get sentBytes(): number {
    return this.sent;
  }

  /** True when some changes are in the log already. */
  get hasSent(): boolean {
    return this.sent > 0;
  }

  /** True when there are changes that are not in the log. */
  get hasPending(): boolean {
    return this.length > RECORD_HEADER;
  }

  /** Position of the next change. */
  mark(): number {
    return this.sent + this.length - RECORD_HEADER;
  }

  /** Forgets the changes that are not in the log. */
  discard(): void {
    this.length = RECORD_HEADER;
  }

  /** Forgets the changes at and after a position. */
  rollbackTo(position: number): void {
    if (position >= this.sent) {
      this.length = RECORD_HEADER + position - this.sent;
      return;
    }
    this.length = RECORD_HEADER;
    this.start(CHANGE.rollbackTo, 10);
    this.varint(position);
  }

  /** The record with these header fields, valid until the next change. Changes taken count as sent. */
  take(xid: number, field: number): Uint8Array {
    const { buffer, length } = this;
    writeU32(buffer, xid, 0);
    buffer.writeDoubleLE(field, 4);
    this.sent += length - RECORD_HEADER;
    this.length = RECORD_HEADER;
    return buffer.subarray(0, length);
  }

  insert(file: number, rowId: number, values: Row): void {
    const simple = simpleRowBytes(values);
    const row = simple < 0 ? encodeRow(values) : null;
    this.start(CHANGE.insert, 30 + (row === null ? simple : row.length));
    this.varint(file);
    this.varint(rowId);
    this.row(values, simple, row);
    this.sendIfLarge();
  }

  update(file: number, rowId: number, values: Row, keysChanged: boolean): void {
    const simple = simpleRowBytes(values);
    const row = simple < 0 ? encodeRow(values) : null;
    this.start(CHANGE.update, 30 + (row === null ? simple : row.length));
    this.varint(file);
    this.varint(rowId);
    this.buffer[this.length++] = keysChanged ? 1 : 0;
    this.row(values, simple, row);
    this.sendIfLarge();
  }

  delete(file: number, rowId: number): void {
    this.start(CHANGE.delete, 20);
    this.varint(file);
    this.varint(rowId);
    this.sendIfLarge();
  }

  /** `key`: one byte a character. */
  indexEntry(add: boolean, file: number, rowId: number, key: string): void {
    this.start(add ? CHANGE.indexAdd : CHANGE.indexRemove, 30 + key.length);
    this.varint(file);
    this.varint(rowId);
    this.latin1(key);
    this.sendIfLarge();
  }

  createFile(file: number, kind: FileKind, persistence: FilePersistence): void {
    this.start(CHANGE.createFile, 20);
    this.varint(file);
    this.buffer[this.length++] = FILE_KINDS.indexOf(kind);
    this.buffer[this.length++] = PERSISTENCES.indexOf(persistence);
  }

  dropFile(file: number): void {
    this.start(CHANGE.dropFile, 10);
    this.varint(file);
  }

  sequence(file: number, state: LoggedSequence): void {
    const packed = encodeRow([state.lastValue, state.isCalled, state.logCount]);
    this.start(CHANGE.sequence, 30 + packed.length);
    this.varint(file);
    this.bytes(packed);
  }

  counter(name: string, value: number): void {
    this.start(CHANGE.counter, 30 + name.length);
    this.latin1(name);
    this.varint(value);
  }

  putMeta(name: string, value: Uint8Array | null): void {
    const nameBytes = Buffer.from(name, 'utf8');
    this.start(CHANGE.putMeta, 30 + nameBytes.length + (value?.length ?? 0));
    this.bytes(nameBytes);
    if (value === null) {
      this.varint(0);
      return;
    }
    this.varint(value.length + 1);
    this.raw(value);
  }

  bulkChunk(file: number, chunk: number, packed: Uint8Array): void {
    this.start(CHANGE.bulkChunk, 30 + packed.length);
    this.varint(file);
    this.varint(chunk);
    this.bytes(packed);
    this.sendIfLarge();
  }

  message(kind: string, payload: Uint8Array): void {
    const kindBytes = Buffer.from(kind, 'utf8');
    this.start(CHANGE.message, 30 + kindBytes.length + payload.length);
    this.bytes(kindBytes);
    this.bytes(payload);
  }

  private start(change: number, room: number): void {
    const needed = this.length + room;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    this.buffer[this.length++] = change;
    this.count++;
  }

  private sendIfLarge(): void {
    if (this.length > BATCH_BYTES && this.send !== null) this.send(this);
  }

  private varint(value: number): void {
    const { buffer } = this;
    let rest = value;
    while (rest > 0x7fffffff) {
      buffer[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      buffer[this.length++] = (rest & 127) | 0x80;
      rest >>>= 7;
    }
    buffer[this.length++] = rest;
  }

  private raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A row behind its length: `packed`, or a plain one of `simple` bytes. */
  private row(values: Row, simple: number, packed: Uint8Array | null): void {
    if (packed !== null) {
      this.bytes(packed);
      return;
    }
    this.varint(simple);
    writeSimpleRow(values, this.buffer, this.length);
    this.length += simple;
  }

  private latin1(text: string): void {
    this.varint(text.length);
    const { buffer } = this;
    let at = this.length;
    if (text.length < 32) for (let index = 0; index < text.length; index++) buffer[at++] = text.charCodeAt(index);
    else at += buffer.write(text, at, 'latin1');
    this.length = at;
  }
}

/** A row as it stands in a record: `bytes` from `start` to `end`, until the next change is read. */
export interface LoggedRow {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Its values. */
  decode(): Row;
}

/** Decodes a row that stands among other bytes. */
export function decodeRowAt(bytes: Buffer, start: number, end: number): Row {
  return readSimpleRow(bytes, start, end) ?? decodeRow(bytes.subarray(start, end));
}

/** What replay does with each change. `position` is the change's place among its transaction's changes. */
export interface ChangeTarget {
  insert(file: number, rowId: number, row: LoggedRow, position: number): void;
  update(file: number, rowId: number, row: LoggedRow, keysChanged: boolean, position: number): void;
  delete(file: number, rowId: number, position: number): void;
  indexAdd(file: number, key: string, rowId: number, position: number): void;
  indexRemove(file: number, key: string, rowId: number, position: number): void;
  createFile(file: number, kind: FileKind, persistence: FilePersistence, position: number): void;
  dropFile(file: number, position: number): void;
  sequence(file: number, state: LoggedSequence): void;
  counter(name: string, value: number): void;
  putMeta(name: string, value: Uint8Array | null, position: number): void;
  bulkChunk(file: number, chunk: number, packed: Uint8Array, position: number): void;
  message(kind: string, payload: Uint8Array, position: number): void;
  rollbackTo(position: number): void;
}

/** A record's header fields. */
export interface RecordHeader {
  readonly xid: number;
  /** Wall clock µs of a commit or an abort, first position of a batch. */
  readonly field: number;
}

/** Where a record's payload stands. */
export interface RecordPayload {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A payload that stands alone. */
export function wholePayload(bytes: Uint8Array): RecordPayload {
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), start: 0, end: bytes.length };
}

/** Reads the header of a record's payload. */
export function readRecordHeader(payload: RecordPayload): RecordHeader {
  return { xid: readXid(payload), field: payload.bytes.readDoubleLE(payload.start + 4) };
}

/** The transaction that a record belongs to. */
export function readXid({ bytes, start, end }: RecordPayload): number {
  assert(end - start >= RECORD_HEADER, 'log record too short');
  return readU32(bytes, start);
}

const NOTHING = Buffer.alloc(0);

/** Walks over the changes of records' payloads, one payload after the other; every read is checked against the end. */
export class ChangeReader implements LoggedRow {
  bytes: Buffer = NOTHING;
  /** The row that was read last. */
  start = 0;
  end = 0;
  private at = 0;
  private limit = 0;

  /** Feeds the changes of a record's payload to `target`; `firstPosition` is where its first change stands. */
  read({ bytes, start, end }: RecordPayload, firstPosition: number, target: ChangeTarget): void {
    this.bytes = bytes;
    this.limit = end;
    const first = start + RECORD_HEADER;
    this.at = first;
    while (this.at < end) readChange(this, firstPosition + this.at - first, target);
    // A large payload is not kept until the next one.
    this.bytes = NOTHING;
  }

  byte(): number {
    assert(this.at < this.limit, 'log change cut off');
    return this.bytes[this.at++];
  }

  /** The row that stands here behind its length: the cursor itself, which goes on behind it. */
  row(): LoggedRow {
    const length = this.varint();
    this.start = this.at;
    this.end = this.at = this.after(length);
    return this;
  }

  decode(): Row {
    return decodeRowAt(this.bytes, this.start, this.end);
  }

  private after(length: number): number {
    const end = this.at + length;
    assert(end <= this.limit, 'log change cut off');
    return end;
  }

  varint(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    let scale = 128;
    for (;;) {
      const next = this.byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
      scale *= 128;
    }
  }

  /** Length-prefixed bytes; a view. */
  part(): Uint8Array {
    return this.view(this.varint());
  }

  view(length: number): Uint8Array {
    const end = this.after(length);
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }

  text(encoding: 'latin1' | 'utf8'): string {
    const length = this.varint();
    const end = this.after(length);
    const text = this.bytes.toString(encoding, this.at, end);
    this.at = end;
    return text;
  }
}

/** Reads one payload: see `ChangeReader.read`. */
export function readChanges(payload: RecordPayload, firstPosition: number, target: ChangeTarget): void {
  new ChangeReader().read(payload, firstPosition, target);
}

function readChange(cursor: ChangeReader, position: number, target: ChangeTarget): void {
  const change = cursor.byte();
  switch (change) {
    case CHANGE.insert:
      return target.insert(cursor.varint(), cursor.varint(), cursor.row(), position);
    case CHANGE.update: {
      const file = cursor.varint();
      const rowId = cursor.varint();
      const keysChanged = cursor.byte() === 1;
      return target.update(file, rowId, cursor.row(), keysChanged, position);
    }
    case CHANGE.delete:
      return target.delete(cursor.varint(), cursor.varint(), position);
    case CHANGE.indexAdd:
    case CHANGE.indexRemove: {
      const file = cursor.varint();
      const rowId = cursor.varint();
      const key = cursor.text('latin1');
      if (change === CHANGE.indexAdd) return target.indexAdd(file, key, rowId, position);
      return target.indexRemove(file, key, rowId, position);
    }
    case CHANGE.createFile:
      return target.createFile(cursor.varint(), FILE_KINDS[cursor.byte()], PERSISTENCES[cursor.byte()], position);
    case CHANGE.dropFile:
      return target.dropFile(cursor.varint(), position);
    default:
      return readRareChange(change, cursor, position, target);
  }
}

function readRareChange(change: number, cursor: ChangeReader, position: number, target: ChangeTarget): void {
  switch (change) {
    case CHANGE.sequence: {
      const file = cursor.varint();
      const [lastValue, isCalled, logCount] = decodeRow(cursor.part()) as [number | bigint, boolean, number];
      return target.sequence(file, { lastValue, isCalled, logCount });
    }
    case CHANGE.putMeta: {
      const name = cursor.text('utf8');
      const length = cursor.varint();
      return target.putMeta(name, length === 0 ? null : new Uint8Array(cursor.view(length - 1)), position);
    }
    case CHANGE.bulkChunk:
      return target.bulkChunk(cursor.varint(), cursor.varint(), new Uint8Array(cursor.part()), position);
    case CHANGE.message:
      return target.message(cursor.text('utf8'), new Uint8Array(cursor.part()), position);
    case CHANGE.rollbackTo:
      return target.rollbackTo(cursor.varint());
    case CHANGE.counter:
      return target.counter(cursor.text('latin1'), cursor.varint());
    default:
      throw new Error(`unknown change ${change} in a log record`);
  }
}
