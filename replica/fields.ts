/**
 * Fields of frames: little-endian numbers, and strings and bytes behind their length. Whatever does not fit raises 08P01.
 */
import { assert } from '../lib/base/assert.js';
import { pgError, type PgError } from '../lib/base/error.js';
import { MAX_FRAME_BYTES } from './format.js';

const FIRST_BYTES = 256;

/** 08P01: the other side does not keep to the protocol. */
export function protocolViolation(what: string): PgError {
  return pgError('PROTOCOL_VIOLATION', what);
}

/** Builds one frame. */
export class FieldWriter {
  private buffer = Buffer.alloc(FIRST_BYTES);
  private at = 0;

  /** Makes room (which may be in another buffer) and returns where it is. */
  private room(count: number): number {
    const { at } = this;
    const needed = at + count;
    assert(needed <= MAX_FRAME_BYTES, 'a frame is at most 1 MiB');
    if (needed > this.buffer.length) {
      const grown = Buffer.alloc(Math.min(MAX_FRAME_BYTES, Math.max(needed, this.buffer.length * 2)));
      this.buffer.copy(grown, 0, 0, at);
      this.buffer = grown;
    }
    this.at = needed;
    return at;
  }

  u8(value: number): this {
    const at = this.room(1);
    this.buffer.writeUInt8(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.room(4);
    this.buffer.writeUInt32LE(value, at);
    return this;
  }

  /** An exact integer below 2^53. */
  u64(value: number): this {
    const at = this.room(8);
    this.buffer.writeUInt32LE(value % 0x1_0000_0000, at);
    this.buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
    return this;
  }

  big(value: bigint): this {
    const at = this.room(8);
    this.buffer.writeBigUInt64LE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.room(value.length);
    this.buffer.set(value, at);
    return this;
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    return this.u32(bytes.length).bytes(bytes);
  }

  /** The bytes so far: ours until more is written. */
  finish(): Buffer {
    return this.buffer.subarray(0, this.at);
  }
}

/** Reads one frame. */
export class FieldReader {
  private at: number;

  constructor(private readonly buffer: Buffer, start: number, private readonly what: string) {
    this.at = start;
  }

  private take(count: number): number {
    const { at } = this;
    if (count > this.buffer.length - at) throw protocolViolation(`insufficient data left in replication message "${this.what}"`);
    this.at += count;
    return at;
  }

  u8(): number {
    return this.buffer.readUInt8(this.take(1));
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.take(4));
  }

  u64(): number {
    const at = this.take(8);
    const value = this.buffer.readUInt32LE(at) + this.buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
    if (!Number.isSafeInteger(value)) throw this.invalid('number out of range');
    return value;
  }

  big(): bigint {
    return this.buffer.readBigUInt64LE(this.take(8));
  }

  bytes(count: number): Buffer {
    const at = this.take(count);
    return this.buffer.subarray(at, at + count);
  }

  rest(): Buffer {
    return this.bytes(this.buffer.length - this.at);
  }

  text(): string {
    const bytes = this.bytes(this.u32());
    const text = bytes.toString('utf8');
    if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) throw this.invalid('text is not UTF-8');
    return text;
  }

  /** The name of a number in a table of them. */
  oneOf<Name extends string>(table: Readonly<Record<Name, number>>): Name {
    const number = this.u8();
    for (const name in table) if (table[name] === number) return name;
    throw this.invalid(`unknown number ${number}`);
  }

  invalid(why: string): PgError {
    return protocolViolation(`invalid replication message "${this.what}": ${why}`);
  }

  /** Nothing may be left. */
  end(): void {
    if (this.at !== this.buffer.length) throw protocolViolation(`extra data at end of replication message "${this.what}"`);
  }
}
