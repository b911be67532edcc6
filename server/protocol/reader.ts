/**
 * Takes the client's byte stream apart. `FrameReader` is fed whatever pieces the socket delivers and hands out whole
 * frames; it keeps at most one unfinished frame's bytes. `MessageBody` reads the fields of one frame.
 *
 * Promise: however the stream is cut, the same frames come out. What breaks the protocol throws a FATAL 08P01; the
 * connection then ends, and only that one.
 */
import { isUtf8 } from 'node:buffer';
import { pgError, type PgError } from '../../lib/base/error.js';
import { SHORT_CHARACTERS, shortAscii } from '../../lib/base/short-text.js';
import { inputRooms, LARGE_INPUT_BYTES } from '../input-rooms.js';
import { MAX_STARTUP_PACKET_BYTES, messageLimit } from './format.js';

/** So many bytes of a string are looked at one by one. */
const NEAR_BYTES = 32;

/** A number of 32 bits, the highest first, of bytes that are known to be there; why not by Buffer's methods: lib/codec/little-endian.ts. */
function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** The FATAL of a broken protocol. */
export function protocolViolation(message: string): PgError {
  return pgError('PROTOCOL_VIOLATION', message, { severity: 'FATAL' });
}

/** Incremental reader of frames. `next` fills `type` and `body`, which stay valid until the next call of `next` or `feed`. */
export class FrameReader {
  /** Type byte of the current frame; 0 for a start-up packet. */
  type = 0;
  /** Body of the current frame (without type and length word). */
  readonly body = new MessageBody();

  private buffer: Buffer = Buffer.alloc(0);
  private position = 0;
  private limit = 0;

  /** Bytes fed and not yet handed out. */
  get buffered(): number {
    return this.limit - this.position;
  }

  /** Adds what arrived. The chunk belongs to the reader from now on, and so does the room that it stands in (`input-rooms.ts`). */
  feed(chunk: Buffer, room: Buffer | null = null): void {
    const rest = this.limit - this.position;
    if (rest === 0) {
      this.leaveRoom();
      this.room = room;
      this.buffer = chunk;
      this.position = 0;
      this.limit = chunk.length;
      return;
    }
    if (this.limit + chunk.length > this.buffer.length || !this.owned) this.makeRoom(rest, chunk.length);
    this.buffer.set(chunk, this.limit);
    this.limit += chunk.length;
    if (room !== null) inputRooms.give(room);
  }

  /** True when `buffer` was allocated here (not handed in), so that it may be written to. */
  private owned = false;
  /** The room that `buffer` stands in; null: it is V8's. */
  private room: Buffer | null = null;
  /** Rooms that were left, where the current frame may stand. */
  private left: Buffer[] = [];

  private leaveRoom(): void {
    if (this.room !== null) this.left.push(this.room);
    this.room = null;
  }

  /** The current frame is over. */
  private giveLeft(): void {
    if (this.left.length === 0) return;
    for (const room of this.left) inputRooms.give(room);
    this.left = [];
  }

  private makeRoom(rest: number, more: number): void {
    const least = rest + more;
    const announced = rest >= 5 ? readU32(this.buffer, this.position + 1) + 1 : 0;
    const isLong = announced > least && announced <= 1 << 24;
    const isLarge = isLong ? announced >= LARGE_INPUT_BYTES : least >= LARGE_INPUT_BYTES;
    const size = isLong ? announced : isLarge ? least + LARGE_INPUT_BYTES : Math.max(8192, least * 2);
    const grown = isLarge ? inputRooms.takeRounded(size) : Buffer.allocUnsafe(size);
    this.buffer.copy(grown, 0, this.position, this.limit);
    this.leaveRoom();
    if (isLarge) this.room = grown;
    this.buffer = grown;
    this.owned = true;
    this.position = 0;
    this.limit = rest;
  }

  /** The next packet without a type byte: length word, then body. False when it is not complete yet. */
  nextStartup(): boolean {
    const rest = this.limit - this.position;
    if (rest < 4) return false;
    const length = readU32(this.buffer, this.position);
    if (length < 8 || length > MAX_STARTUP_PACKET_BYTES) throw protocolViolation('invalid length of startup packet');
    if (rest < length) return false;
    this.type = 0;
    this.take(this.position + 4, this.position + length);
    return true;
  }

  /** The next frame. False when it is not complete yet. */
  next(): boolean {
    this.giveLeft();
    const rest = this.limit - this.position;
    if (rest < 5) {
      if (rest > 0) this.checkType(this.buffer[this.position]);
      return false;
    }
    const start = this.position;
    const type = this.buffer[start];
    const bodyLength = readU32(this.buffer, start + 1) - 4;
    if (bodyLength < 0 || bodyLength > this.checkType(type)) throw protocolViolation('invalid message length');
    if (rest < bodyLength + 5) return false;
    this.type = type;
    this.take(start + 5, start + 5 + bodyLength);
    return true;
  }

  /** Type byte of the next frame, complete or not; 0 when nothing is buffered. */
  peekType(): number {
    return this.position < this.limit ? this.buffer[this.position] : 0;
  }

  private checkType(type: number): number {
    const limit = messageLimit(type);
    if (limit === 0) throw protocolViolation(`invalid frontend message type ${type}`);
    return limit;
  }

  private take(from: number, to: number): void {
    this.body.reset(this.buffer, from, to);
    this.position = to;
    if (to === this.limit) {
      this.owned = false;
      this.position = 0;
      this.limit = 0;
    }
  }
}

/** Throws 22021 naming the first bytes that are not UTF-8, as PostgreSQL's `report_invalid_encoding` does. */
export function checkUtf8(bytes: Uint8Array): void {
  if (isUtf8(bytes)) return;
  let low = 0;
  // The longest valid prefix ends where the first bad sequence starts: look for it piece by piece.
  while (low < bytes.length) {
    const width = sequenceLength(bytes[low]);
    if (low + width > bytes.length || !isUtf8(bytes.subarray(low, low + width))) break;
    low += width;
  }
  const shown = bytes.subarray(low, Math.min(bytes.length, low + Math.min(8, sequenceLength(bytes[low]))));
  const hex = Array.from(shown, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  throw pgError('CHARACTER_NOT_IN_REPERTOIRE', `invalid byte sequence for encoding "UTF8": ${hex}`);
}

/** Length of a UTF-8 sequence by its first byte (1 for a byte that starts none). */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf8 ? 4 : 1;
}

/** Reads the fields of one message in order. Running over its end is a protocol violation. */
export class MessageBody {
  buffer: Buffer = Buffer.alloc(0);
  position = 0;
  end = 0;

  reset(buffer: Buffer, from: number, to: number): void {
    this.buffer = buffer;
    this.position = from;
    this.end = to;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  private need(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw protocolViolation('insufficient data left in message');
    this.position = at + count;
    return at;
  }

  uint8(): number {
    return this.buffer[this.need(1)];
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  uint16(): number {
    const at = this.need(2);
    return (this.buffer[at] << 8) | this.buffer[at + 1];
  }

  int32(): number {
    return this.uint32() | 0;
  }

  uint32(): number {
    return readU32(this.buffer, this.need(4));
  }

  /** A zero-terminated UTF-8 string. */
  string(): string {
    const zero = this.endOfString();
    if (zero < 0) throw protocolViolation('invalid string in message');
    const text = this.decode(this.position, zero);
    this.position = zero + 1;
    return text;
  }

  /** Where the next zero stands; negative: there is none. Names are short, and the call of `indexOf` costs as much as ten looks. */
  private endOfString(): number {
    const { buffer, position, end } = this;
    const near = Math.min(end, position + NEAR_BYTES);
    for (let at = position; at < near; at++) if (buffer[at] === 0) return at;
    const zero = near === end ? -1 : buffer.indexOf(0, near);
    return zero < end ? zero : -1;
  }

  /** The query text of a Query message: a string that must fill the body exactly. */
  wholeString(): string {
    const last = this.end - 1;
    if (last < this.position || this.buffer[last] !== 0) throw protocolViolation('invalid string in message');
    const text = this.decode(this.position, last);
    if (text.includes('\0')) throw protocolViolation('invalid message format');
    this.position = this.end;
    return text;
  }

  /** The next `count` bytes, copied. */
  bytes(count: number): Buffer {
    const at = this.need(count);
    return Buffer.from(this.buffer.subarray(at, at + count));
  }

  /** The next `count` bytes as UTF-8. */
  text(count: number): string {
    const at = this.need(count);
    return this.decode(at, at + count);
  }

  /** UTF-8 → string; 22021 for bytes that are not UTF-8. */
  private decode(from: number, to: number): string {
    const short = to - from <= SHORT_CHARACTERS ? shortAscii(this.buffer, from, to) : null;
    if (short !== null) return short;
    const text = this.buffer.toString('utf8', from, to);
    if (text.includes('\ufffd')) checkUtf8(this.buffer.subarray(from, to));
    return text;
  }

  /** The rest of the body, not copied: it stays as it is until the next frame is asked for. */
  rest(): Buffer {
    const view = this.buffer.subarray(this.position, this.end);
    this.position = this.end;
    return view;
  }

  /** Throws unless everything was read. */
  expectEnd(): void {
    if (this.position !== this.end) throw protocolViolation('invalid message format');
  }
}
