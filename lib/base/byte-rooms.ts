/**
 * Buffers that are used again and again: left to V8, what passes through large ones is the process's memory until the next large collection,
 * 32 MB and more, with holes between what stays, and allocating one of 30 KB costs as much as filling it.
 *
 * Promise: a buffer that was given comes back from `take` once only. Whoever gives one sees to it that nobody reads it any more; one that is never
 * given is V8's to collect.
 */

/** Buffers have multiples of this. */
const STEP_BYTES = 4 << 10;
/** Larger ones are not used again. */
const MOST_BYTES = 2 << 20;

/** See the file's comment. */
export class ByteRooms {
  /** By size. */
  private readonly waiting: Buffer[][] = [];
  private waitingBytes = 0;

  /** `mostWaiting`: bytes that wait to be used again. */
  constructor(private readonly mostWaiting: number) {}

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
    if (this.waitingBytes > this.mostWaiting / 2) {
      let gone = 0;
      for (const buffers of this.waiting) {
        while (gone < bytes && buffers !== undefined && buffers.length > 0) gone += (buffers.pop() as Buffer).length;
      }
      this.waitingBytes -= gone;
    }
    return Buffer.allocUnsafeSlow(bytes);
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
