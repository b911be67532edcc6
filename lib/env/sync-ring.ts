/** The ring that the thread of SQL and the thread of syncs share: descriptors of files that are to be synced, in order. */
import { assert } from '../base/assert.js';
import { ThreadRing } from '../base/thread-ring.js';

const SHAPE = { slots: 1024, slotWords: 1, dataBytes: 0 };
/** In place of a descriptor: the ring ends. */
const CLOSE = -1;

/** Either side's view. */
export class SyncRing extends ThreadRing {
  constructor(memory?: SharedArrayBuffer) {
    super(SHAPE, memory);
  }

  /** Has a file synced; its number, for `isDone`: then what was written to it before it was pushed is durable. */
  push(fd: number): number {
    assert(!this.isFull, 'nobody asks for a thousand syncs at a time');
    this.slots[this.free] = fd;
    return this.pushFilled();
  }

  /** The taker ends once it has done what was pushed. */
  close(): void {
    this.push(CLOSE);
  }

  /**
   * Syncs what is pushed, until the ring is closed; a file that was pushed several times by the time that its sync begins is synced once for all of
   * these. `synced` is called whenever more is done. What `sync` throws ends it, and nothing more is done.
   */
  takeAll(sync: (fd: number) => void, synced: () => void): void {
    this.takeSlots((slot, waiting) => {
      const fd = this.slots[slot];
      if (fd === CLOSE) return 0;
      let same = 1;
      while (same < waiting && this.slots[(slot + same) % SHAPE.slots] === fd) same++;
      sync(fd);
      return same;
    }, synced);
  }
}
