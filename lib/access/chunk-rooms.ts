/**
 * Memory for the packed rows of chunks, read or made, used again and again (`base/byte-rooms.ts`). Left to V8, the bytes of chunks that passed by or
 * were evicted, and of values on their way to the store, were twice the memory budget's after a load.
 *
 * A chunk's room goes back when the chunk has left memory or has got other rows (`release`), and it is known that nobody reads its bytes any more:
 * `lend` tells who reads on. Leaves of indexes and what changed beside a chunk are read into such rooms, too, to be decoded at once; what is written
 * stands in them until the store has it.
 */
import type { ByteMemory } from '../base/byte-memory.js';
import { ByteRooms } from '../base/byte-rooms.js';

/** Bytes that wait for chunks: at least so many, or a part of the memory budget, since `relief.ts` frees as much at a time. */
const FEWEST_WAITING = 4 << 20;
const WAITING_SHARE = 1 / 6;

/** Rooms for the chunks of a memory budget. */
export function chunkRooms(budget: number): ByteRooms {
  return new ByteRooms(waitingBytes(budget));
}

/** Bytes that wait at most for chunks that may take so many. */
export function waitingBytes(limit: number): number {
  return limit === Infinity ? FEWEST_WAITING : Math.max(FEWEST_WAITING, limit * WAITING_SHARE);
}

/** The memory of one chunk. */
export class ChunkRoom implements ByteMemory {
  /** All of it; null: it is not taken yet, or V8's. */
  private bytes: Buffer | null = null;
  private readers = 0;
  private isReleased = false;

  constructor(private readonly rooms: ByteRooms) {}

  take(length: number): Buffer {
    this.bytes = this.rooms.take(length);
    return this.bytes.subarray(0, length);
  }

  /** Somebody reads on when the chunk may have left memory, until calling what this returns. Whoever never does costs the room. */
  lend(): () => void {
    this.readers++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.readers--;
      this.giveBack();
    };
  }

  /** The chunk has left memory. */
  release(): void {
    this.isReleased = true;
    this.giveBack();
  }

  private giveBack(): void {
    if (!this.isReleased || this.readers > 0 || this.bytes === null) return;
    this.rooms.give(this.bytes);
    this.bytes = null;
  }
}
