/**
 * Where the rows stand that recovery has gathered of a heap (`gathered-rows.ts`): by chunk, in blocks of a common memory, one behind the other.
 * What is looked at for each row stands side by side for all chunks: rows that come in no order would find an object of each chunk out of the
 * processor's caches.
 */
import type { HeapFile } from './heap-file.js';

/**
 * How large the chunks of a heap are is seen from the first few that are to be loaded, which are loaded at once; the others may be so many times larger.
 * (A fixed bound for all kinds had chunks of narrow rows folded three times instead of once.)
 */
const SAMPLED_CHUNKS = 16;
const LARGER = 2;

/** Of each chunk, in `GatheredHeap.states`. */
const STATE = {
  rows: 0,
  /** Where the next entry goes, and where the block ends. */
  at: 1,
  limit: 2,
  /** The newest entry. */
  last: 3,
} as const;
const STATE_WORDS = 4;

/** The entries of a chunk, in the order of the log. */
export interface GatheredChunk {
  /** Where blocks begin, and where the entries of each end. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly rows: number;
  /** The newest entry. */
  readonly last: number;
}

/** See the file's comment. */
export class GatheredHeap {
  private states: Int32Array;
  /** Of each chunk with rows, where its blocks begin, and where the entries of all but the last one end. */
  private readonly blocks = new Map<number, { readonly starts: number[]; readonly ends: number[] }>();
  private samples = 0;
  private sampledBytes = 0;

  constructor(readonly heap: HeapFile) {
    this.states = new Int32Array((heap.chunkCount + 1) * STATE_WORDS);
  }

  /** Whether there are rows of this chunk. */
  has(number: number): boolean {
    return number * STATE_WORDS < this.states.length && this.states[number * STATE_WORDS + STATE.rows] !== 0;
  }

  /** Rows of another chunk come; returns the bytes that will be loaded for it, roughly. */
  begin(number: number): number {
    while (number * STATE_WORDS >= this.states.length) {
      const grown = new Int32Array(this.states.length * 2);
      grown.set(this.states);
      this.states = grown;
    }
    this.blocks.set(number, { starts: [], ends: [] });
    return this.toLoad(number);
  }

  private toLoad(number: number): number {
    const { heap } = this;
    if (number >= heap.chunkCount || heap.chunks[number] !== undefined) return 0;
    if (this.samples === SAMPLED_CHUNKS) return (this.sampledBytes / SAMPLED_CHUNKS) * LARGER;
    this.samples++;
    this.sampledBytes += heap.chunkAt(number).bytes();
    return 0;
  }

  /** Whether an entry of so many words goes into the chunk's block. */
  hasRoom(number: number, words: number): boolean {
    const state = number * STATE_WORDS;
    return this.states[state + STATE.at] + words <= this.states[state + STATE.limit];
  }

  beginBlock(number: number, start: number, limit: number): void {
    const { states } = this;
    const state = number * STATE_WORDS;
    const { starts, ends } = this.blocksOf(number);
    if (starts.length > 0) ends.push(states[state + STATE.at]);
    starts.push(start);
    states[state + STATE.at] = start;
    states[state + STATE.limit] = limit;
  }

  private blocksOf(number: number): { readonly starts: number[]; readonly ends: number[] } {
    return this.blocks.get(number) as { starts: number[]; ends: number[] };
  }

  /** Gives an entry of the chunk its place in the block. */
  take(number: number, words: number): number {
    const { states } = this;
    const state = number * STATE_WORDS;
    const entry = states[state + STATE.at];
    states[state + STATE.at] = entry + words;
    states[state + STATE.last] = entry;
    states[state + STATE.rows]++;
    return entry;
  }

  rowsOf(number: number): number {
    return this.states[number * STATE_WORDS + STATE.rows];
  }

  /** Numbers of the chunks that have rows, in order. */
  numbers(): number[] {
    return [...this.blocks.keys()].sort((a, b) => a - b);
  }

  /** Takes the rows of a chunk out: there are none of it any more. */
  finish(number: number): GatheredChunk {
    const { states } = this;
    const state = number * STATE_WORDS;
    const { starts, ends } = this.blocksOf(number);
    ends.push(states[state + STATE.at]);
    const gathered = { starts, ends, rows: states[state + STATE.rows], last: states[state + STATE.last] };
    states.fill(0, state, state + STATE_WORDS);
    this.blocks.delete(number);
    return gathered;
  }
}
