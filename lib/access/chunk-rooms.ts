/**
 * Memory for the packed rows of chunks that are read, used again and again. Left to V8, the bytes of a chunk that passed by or was evicted are the
 * process's until the next large collection: 60 MB and more before V8 thinks of one; and malloc and free of 30 KB cost as much as reading them.
 *
 * A chunk's room goes back when the chunk has left memory (`release`), and it is known that nobody reads its bytes any more: `lend` and `keep` tell who
 * reads on. What is not given back is V8's to collect. Leaves of indexes and what changed beside a chunk are read into such rooms, too, to be decoded
 * at once.
 */
import type { ReadMemory } from '../kv/kv.js';

/** Rooms have multiples of this. */
const STEP_BYTES = 4 << 10;
/** Larger ones are not used again. */
const MOST_BYTES = 1 << 20;
/** Bytes that wait for chunks. */
const MOST_WAITING = 4 << 20;

/** The memory of one chunk. */
export class ChunkRoom implements ReadMemory {
  /** All of it; null: it is not taken yet, or V8's. */
  private bytes: Buffer | null = null;
  private readers = 0;
  private isReleased = false;

  constructor(private readonly rooms: ChunkRooms) {}

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

  /** Somebody reads on, for as long as V8 knows. */
  keep(): void {
    this.bytes = null;
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

/** See the file's comment. */
export class ChunkRooms {
  /** By size. */
  private readonly waiting: Buffer[][] = [];
  private waitingBytes = 0;

  /** At least so many bytes, aligned as a packed chunk wants it. */
  take(length: number): Buffer {
    const steps = Math.ceil(length / STEP_BYTES);
    const found = this.waiting[steps]?.pop();
    if (found === undefined) return Buffer.allocUnsafeSlow(length > MOST_BYTES ? length : steps * STEP_BYTES);
    this.waitingBytes -= found.length;
    return found;
  }

  /** Nobody reads these bytes any more, which `take` gave. */
  give(bytes: Buffer): void {
    if (bytes.length > MOST_BYTES || this.waitingBytes + bytes.length > MOST_WAITING) return;
    this.waitingBytes += bytes.length;
    (this.waiting[bytes.length / STEP_BYTES] ??= []).push(bytes);
  }
}
