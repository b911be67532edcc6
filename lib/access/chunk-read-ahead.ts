/**
 * Reads the chunks that a scan comes to next from rest, off the thread: the disk works while the scan does, several reads at a
 * time, and whoever else is served meanwhile does not wait for the disk.
 *
 * Begins with the third chunk in a row that is not in memory, since a read on the thread is cheaper where the operating system has the
 * data. Reads ahead about a megabyte at a time, four of them at most. What arrives is only bytes: what a chunk is made of is decided when the
 * scan is there, and bytes of an older checkpoint, or that could not be read, are left alone; the scan then reads for itself, and
 * raises what is to be raised (XX001).
 */
import type { HeapFile, ValuesAtRest } from './heap-file.js';

/** Chunks that are read on the thread first. */
const FREE_READS = 2;
/** Bytes of one request, roughly, and chunks of the first one. */
const REQUEST_BYTES = 1 << 20;
const FIRST_CHUNKS = 4;
const MOST_CHUNKS = 64;
/** Requests under way at a time: as many of the four threads are busy with them, and the log needs one, too. */
const REQUESTS = 3;

interface ReadRequest {
  /** Chunks [from, to). */
  readonly from: number;
  readonly to: number;
  readonly done: Promise<void>;
}

/** See the file's comment. */
export class ChunkReadAhead {
  private readonly arrived = new Map<number, ValuesAtRest>();
  private readonly requests: ReadRequest[] = [];
  private freeReads = FREE_READS;
  private chunksPerRequest = FIRST_CHUNKS;
  /** Chunks below have been asked for. */
  private next = 0;

  /** `end`: chunks from here on are not the scan's. */
  constructor(private readonly file: HeapFile, private readonly end: number) {}

  /** What to wait for before chunk `number` is read; null: nothing. Never rejects. */
  ready(number: number): Promise<void> | null {
    if (!this.file.isOnlyAtRest(number)) return null;
    if (this.freeReads > 0) {
      this.freeReads--;
      return null;
    }
    if (this.next < number) this.next = number;
    while (this.requests.length < REQUESTS && this.arrived.size < this.chunksPerRequest && this.next < this.end) this.request();
    if (this.arrived.has(number)) return null;
    return this.requests.find((request) => number >= request.from && number < request.to)?.done ?? null;
  }

  /** The values of a chunk, if they have arrived and are still the newest ones. */
  take(number: number): ValuesAtRest | null {
    const values = this.arrived.get(number);
    if (values === undefined) return null;
    this.arrived.delete(number);
    return this.file.isNewestAtRest(number, values) ? values : null;
  }

  private request(): void {
    const from = this.next;
    const numbers: number[] = [];
    while (this.next < this.end && numbers.length < this.chunksPerRequest) {
      if (this.file.isOnlyAtRest(this.next)) numbers.push(this.next);
      this.next++;
    }
    if (numbers.length === 0) return;
    const request = { from, to: this.next, done: this.read(numbers).then(() => { this.requests.splice(this.requests.indexOf(request), 1); }) };
    this.requests.push(request);
  }

  private async read(numbers: readonly number[]): Promise<void> {
    let found: (ValuesAtRest | null)[];
    try {
      found = await this.file.readAtRest(numbers);
    } catch {
      // A failing disk, or a store that was closed under a scan that nobody goes on with: whoever goes on reads for itself, and is told.
      return;
    }
    let bytes = 0;
    for (const [index, values] of found.entries()) {
      if (values === null) continue;
      bytes += (values.base?.value.length ?? 0) + (values.delta?.length ?? 0);
      this.arrived.set(numbers[index], values);
    }
    if (bytes > 0) this.chunksPerRequest = Math.max(1, Math.min(MOST_CHUNKS, Math.round(REQUEST_BYTES / (bytes / numbers.length))));
  }
}
