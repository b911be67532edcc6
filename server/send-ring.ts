/**
 * The ring that the thread of SQL and the thread of sends share: sends, each a socket's descriptor and bytes, in order. A send counts as done
 * when the kernel has taken its bytes, or as many as it would (`cuts` counts those that it did not take whole).
 */
import { OWN_WORD, ThreadRing } from '../lib/base/thread-ring.js';

/** Sends that were cut. */
const CUTS_WORD = OWN_WORD;
/** A send in its slot: descriptor, start of its bytes, their length. */
const SLOT = { fd: 0, start: 1, length: 2 } as const;
const SHAPE = { slots: 1024, slotWords: 3, dataBytes: 256 << 10 };
/** In place of a descriptor: the ring ends. */
const CLOSE = -1;

/** Has the kernel take one send's bytes; false when it did not take them all. */
export type Send = (fd: number, bytes: Buffer) => boolean;

/** Either side's view. */
export class SendRing extends ThreadRing {
  /** Where the next bytes go. */
  private end = 0;

  constructor(memory?: SharedArrayBuffer) {
    super(SHAPE, memory);
  }

  /** How many sends were cut so far. */
  get cuts(): number {
    return Atomics.load(this.words, CUTS_WORD);
  }

  /** Has a copy of the bytes sent; its number, for `wait`. Null when there is no room at the moment. */
  push(fd: number, bytes: Uint8Array): number | null {
    if (this.underWay === 0) this.end = 0;
    if (this.isFull || this.end + bytes.length > SHAPE.dataBytes) return null;
    const slot = this.free;
    this.slots[slot + SLOT.fd] = fd;
    this.slots[slot + SLOT.start] = this.end;
    this.slots[slot + SLOT.length] = bytes.length;
    this.data.set(bytes, this.end);
    this.end += bytes.length;
    return this.pushFilled();
  }

  /** The taker, which never waits for a client, ends once it has done what was pushed. */
  close(): void {
    this.waitForAll();
    this.push(CLOSE, new Uint8Array(0));
  }

  /** Sends what is pushed, in order, until the ring is closed. `send` says false for one that it cut. */
  takeAll(send: Send): void {
    this.takeSlots((slot) => {
      const fd = this.slots[slot + SLOT.fd];
      if (fd === CLOSE) return 0;
      const start = this.slots[slot + SLOT.start];
      if (!send(fd, this.data.subarray(start, start + this.slots[slot + SLOT.length]))) Atomics.add(this.words, CUTS_WORD, 1);
      return 1;
    });
  }
}
