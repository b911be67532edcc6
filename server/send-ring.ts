/**
 * The memory that the thread of SQL and the thread of sends share: a ring of sends, each a socket's descriptor and bytes, in order. One side
 * pushes, the other takes; neither waits for the other but where it says so.
 *
 * A send counts as done when the kernel has taken its bytes, or as many as it would (`cuts` counts those that it did not take whole).
 */

/** Counters, as 32-bit words: sends pushed, sends done, 1 while the taker sleeps, sends that were cut, 1 once there is a taker. */
const WORD = { pushed: 0, done: 1, asleep: 2, cuts: 3, taker: 4 } as const;
const WORDS = 16;
/** A send in its slot: descriptor, start of its bytes, their length. */
const SLOT = { fd: 0, start: 1, length: 2 } as const;
const SLOT_WORDS = 3;
const SLOTS = 1024;
const DATA_BYTES = 256 << 10;
const DATA_START = 4 * (WORDS + SLOTS * SLOT_WORDS);
/** In place of a descriptor: the ring ends. */
const CLOSE = -1;
/** The longest that the taker can be away: then it is not coming back. */
const LONGEST_WAIT_MS = 30_000;

/** Has the kernel take one send's bytes; false when it did not take them all. */
export type Send = (fd: number, bytes: Buffer) => boolean;

/** Either side's view. Made without memory it makes it. */
export class SendRing {
  private readonly words: Int32Array;
  private readonly slots: Int32Array;
  private readonly data: Buffer;
  /** Sends pushed by this side. Counts wrap at 32 bits; they are compared by their difference. */
  private pushed = 0;
  /** Where the next bytes go. */
  private end = 0;

  constructor(readonly memory = new SharedArrayBuffer(DATA_START + DATA_BYTES)) {
    this.words = new Int32Array(memory, 0, WORDS);
    this.slots = new Int32Array(memory, 4 * WORDS, SLOTS * SLOT_WORDS);
    this.data = Buffer.from(memory, DATA_START, DATA_BYTES);
  }

  /** How many sends were cut so far. */
  get cuts(): number {
    return Atomics.load(this.words, WORD.cuts);
  }

  // ---------------------------------------------------------------- the side that pushes

  /** Somebody takes what is pushed. Nothing is to be pushed before. */
  get hasTaker(): boolean {
    return Atomics.load(this.words, WORD.taker) === 1;
  }

  /** Has a copy of the bytes sent; its number, for `wait`. Null when there is no room at the moment. */
  push(fd: number, bytes: Uint8Array): number | null {
    const waiting = (this.pushed - Atomics.load(this.words, WORD.done)) | 0;
    if (waiting === 0) this.end = 0;
    if (waiting === SLOTS || this.end + bytes.length > DATA_BYTES) return null;
    const slot = (this.pushed & (SLOTS - 1)) * SLOT_WORDS;
    this.slots[slot + SLOT.fd] = fd;
    this.slots[slot + SLOT.start] = this.end;
    this.slots[slot + SLOT.length] = bytes.length;
    this.data.set(bytes, this.end);
    this.end += bytes.length;
    this.pushed = (this.pushed + 1) | 0;
    Atomics.store(this.words, WORD.pushed, this.pushed);
    if (Atomics.load(this.words, WORD.asleep) === 1) Atomics.notify(this.words, WORD.pushed);
    return this.pushed;
  }

  /** Waits until the send is done; the taker never waits for a client, so that this is a matter of microseconds. */
  wait(number: number): void {
    for (;;) {
      const done = Atomics.load(this.words, WORD.done);
      if (((done - number) | 0) >= 0) return;
      if (Atomics.wait(this.words, WORD.done, done, LONGEST_WAIT_MS) === 'timed-out') throw new Error('the sending thread has stopped');
    }
  }

  /** The taker ends once it has done what was pushed. */
  close(): void {
    this.wait(this.pushed);
    this.push(CLOSE, new Uint8Array(0));
  }

  // ---------------------------------------------------------------- the side that takes

  /** Sends what is pushed, in order, until the ring is closed; sleeps in between. `send` says false for one that it cut. */
  takeAll(send: Send): void {
    Atomics.store(this.words, WORD.taker, 1);
    for (let done = 0; ;) {
      while (done !== Atomics.load(this.words, WORD.pushed)) {
        const slot = (done & (SLOTS - 1)) * SLOT_WORDS;
        const fd = this.slots[slot + SLOT.fd];
        if (fd === CLOSE) return;
        const start = this.slots[slot + SLOT.start];
        if (!send(fd, this.data.subarray(start, start + this.slots[slot + SLOT.length]))) Atomics.add(this.words, WORD.cuts, 1);
        done = (done + 1) | 0;
        Atomics.store(this.words, WORD.done, done);
        Atomics.notify(this.words, WORD.done);
      }
      Atomics.store(this.words, WORD.asleep, 1);
      // Whoever pushes looks whether we sleep after it has counted; we look at the count after we have said so.
      Atomics.wait(this.words, WORD.pushed, done);
      Atomics.store(this.words, WORD.asleep, 0);
    }
  }
}
