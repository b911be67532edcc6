/**
 * Buffers that are used again and again: left to V8, what passes through large ones is the process's memory until the next large collection,
 * 32 MB and more, with holes between what stays, and allocating one of 30 KB costs as much as filling it.
 *
 * Promise: a buffer that was given comes back from `take` once only. Whoever gives one sees to it that nobody reads it any more; one that is never
 * given is V8's to collect.
 */
import type { ByteMemory } from './byte-memory.js';

/** Buffers have multiples of this. */
const STEP_BYTES = 4 << 10;
/** Larger ones are not used again. */
const MOST_BYTES = 2 << 20;

/** See the file's comment. */
export class ByteRooms implements ByteMemory {
  /** By size. */
  private readonly waiting: Buffer[][] = [];
  private waitingBytes = 0;

  /** `mostWaiting`: bytes that wait to be used again. */
  constructor(private mostWaiting: number) {}

  /** From now on so many bytes wait at most. */
  keepAtMost(bytes: number): void {
    this.mostWaiting = bytes;
    this.letGo(this.waitingBytes - bytes);
  }

  /** At least so many bytes, from an 8-aligned place on, with anything in them. */
  take(length: number): Buffer {
    const steps = Math.ceil(length / STEP_BYTES);
    const found = this.waiting[steps]?.pop();
    if (found === undefined) return this.make(length > MOST_BYTES ? length : steps * STEP_BYTES);
    this.waitingBytes -= found.length;
    return found;
  }

  /** Where much waits, it is of other sizes: as much of that goes. */
  private make(bytes: number): Buffer {
    if (this.waitingBytes > this.mostWaiting / 2) this.letGo(bytes);
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** At least so many of the bytes that wait are V8's to collect. */
  private letGo(bytes: number): void {
    let gone = 0;
    for (let steps = 0; steps < this.waiting.length && gone < bytes;) {
      const buffer = this.waiting[steps]?.pop();
      if (buffer === undefined) steps++;
      else gone += buffer.length;
    }
    this.waitingBytes -= gone;
  }

  /** The same where lengths differ much: of few sizes, so that what was given fits again. */
  takeRounded(length: number): Buffer {
    return this.take(length > MOST_BYTES ? length : 2 ** Math.ceil(Math.log2(length)));
  }

  /** Nobody reads these bytes any more, which `take` gave. */
  give(bytes: Buffer): void {
    if (bytes.length > MOST_BYTES || this.waitingBytes + bytes.length > this.mostWaiting) return;
    this.waitingBytes += bytes.length;
    (this.waiting[bytes.length / STEP_BYTES] ??= []).push(bytes);
  }
}

/** Rooms that many short pieces are cut from. */
const CUT_BYTES = 64 << 10;

/** Memory for the many pieces of one batch, given back together. */
export class BatchMemory implements ByteMemory {
  private readonly taken: Buffer[] = [];
  /** Where pieces are cut from: the last room from `at` on. */
  private room: Buffer | null = null;
  private at = 0;

  constructor(private readonly rooms: ByteRooms) {}

  take(length: number): Buffer {
    if (length > CUT_BYTES / 2) return this.takeRoom(length).subarray(0, length);
    if (this.room === null || this.at + length > this.room.length) {
      this.room = this.takeRoom(CUT_BYTES);
      this.at = 0;
    }
    const piece = this.room.subarray(this.at, this.at + length);
    this.at = (this.at + length + 7) & ~7;
    return piece;
  }

  private takeRoom(length: number): Buffer {
    const room = this.rooms.take(length);
    this.taken.push(room);
    return room;
  }

  /** Nobody reads what was taken any more. */
  release(): void {
    for (const room of this.taken) this.rooms.give(room);
    this.taken.length = 0;
    this.room = null;
  }
}
