/**
 * Memory that two threads share: a ring of slots of a few 32-bit words. One thread fills slots and counts them as pushed, another takes them
 * in order and counts them as done; each sleeps only where it says so. Counts wrap at 32 bits; they are compared by their difference.
 */

/** Counters at the memory's start. From `OWN_WORD` on they are for whoever makes a ring of this. */
const WORD = { pushed: 0, done: 1, asleep: 2, taker: 3 } as const;
export const OWN_WORD = 4;
const WORDS = 16;
/** The longest that the taker can be away: then it is not coming back. */
const LONGEST_WAIT_MS = 30_000;

/** What a ring is made of. */
export interface ThreadRingShape {
  /** A power of two. */
  readonly slots: number;
  readonly slotWords: number;
  /** Bytes behind the slots, for what does not fit into them. */
  readonly dataBytes: number;
}

/** Either side's view. Made without memory it makes it. */
export class ThreadRing {
  protected readonly words: Int32Array;
  protected readonly slots: Int32Array;
  protected readonly data: Buffer;
  /** Slots pushed by this side. */
  private pushed = 0;

  constructor(private readonly shape: ThreadRingShape, readonly memory = new SharedArrayBuffer(dataStart(shape) + shape.dataBytes)) {
    this.words = new Int32Array(memory, 0, WORDS);
    this.slots = new Int32Array(memory, 4 * WORDS, shape.slots * shape.slotWords);
    this.data = Buffer.from(memory, dataStart(shape), shape.dataBytes);
  }

  /** Where the words of a slot begin. */
  protected slotOf(number: number): number {
    return (number & (this.shape.slots - 1)) * this.shape.slotWords;
  }

  // ---------------------------------------------------------------- the side that pushes

  /** Somebody takes what is pushed. Nothing is to be pushed before. */
  get hasTaker(): boolean {
    return Atomics.load(this.words, WORD.taker) === 1;
  }

  /** How many slots are pushed and not done. */
  protected get underWay(): number {
    return (this.pushed - Atomics.load(this.words, WORD.done)) | 0;
  }

  /** All slots are under way: nothing can be pushed at the moment. */
  protected get isFull(): boolean {
    return this.underWay === this.shape.slots;
  }

  /** The words of the slot that is pushed next begin here. */
  protected get free(): number {
    return this.slotOf(this.pushed);
  }

  /** The slot at `free` is filled; its number, for `isDone` and `wait`. */
  protected pushFilled(): number {
    this.pushed = (this.pushed + 1) | 0;
    Atomics.store(this.words, WORD.pushed, this.pushed);
    if (Atomics.load(this.words, WORD.asleep) === 1) Atomics.notify(this.words, WORD.pushed);
    return this.pushed;
  }

  isDone(number: number): boolean {
    return ((Atomics.load(this.words, WORD.done) - number) | 0) >= 0;
  }

  /** Waits until a slot is done. */
  wait(number: number): void {
    for (;;) {
      const done = Atomics.load(this.words, WORD.done);
      if (((done - number) | 0) >= 0) return;
      if (Atomics.wait(this.words, WORD.done, done, LONGEST_WAIT_MS) === 'timed-out') throw new Error('the other thread has stopped');
    }
  }

  /** Waits until everything is done. */
  protected waitForAll(): void {
    this.wait(this.pushed);
  }

  // ---------------------------------------------------------------- the side that takes

  /**
   * Has slots taken, in order, sleeping in between: `take` is given where the next one's words begin and how many wait, that one included; it says
   * how many it has done, none to end. `done` is called when they are counted.
   */
  protected takeSlots(take: (slot: number, waiting: number) => number, done?: () => void): void {
    Atomics.store(this.words, WORD.taker, 1);
    for (let count = 0; ;) {
      const waiting = (Atomics.load(this.words, WORD.pushed) - count) | 0;
      if (waiting === 0) {
        Atomics.store(this.words, WORD.asleep, 1);
        // Whoever pushes looks whether we sleep after it has counted; we look at the count after we have said so.
        Atomics.wait(this.words, WORD.pushed, count);
        Atomics.store(this.words, WORD.asleep, 0);
        continue;
      }
      const taken = take(this.slotOf(count), waiting);
      if (taken === 0) return;
      count = (count + taken) | 0;
      Atomics.store(this.words, WORD.done, count);
      Atomics.notify(this.words, WORD.done);
      done?.();
    }
  }
}

function dataStart({ slots, slotWords }: ThreadRingShape): number {
  return 4 * (WORDS + slots * slotWords);
}
