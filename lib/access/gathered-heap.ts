/**
 * Where the rows stand that recovery has gathered of a heap (`gathered-rows.ts`): by chunk, in blocks of a common memory, one behind the other.
 * What is looked at for each row stands side by side for all chunks: rows that come in no order would find an object of each chunk out of the
 * processor's caches.
 */
import type { HeapChunk } from './chunk.js';
import type { HeapFile, UnappliedRows } from './heap-file.js';

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
export class GatheredHeap implements UnappliedRows {
  private states: Int32Array;
  /** Of each chunk with rows, where its blocks begin, and where the entries of all but the last one end. */
  private readonly blocks = new Map<number, { readonly starts: number[]; readonly ends: number[] }>();

  /** `applyTo`: puts the rows of a chunk into it. */
  constructor(readonly heap: HeapFile, readonly applyTo: (chunk: HeapChunk) => void) {
    this.states = new Int32Array((heap.chunkCount + 1) * STATE_WORDS);
  }

  /** Whether there are rows of this chunk. */
  has(number: number): boolean {
    return number * STATE_WORDS < this.states.length && this.states[number * STATE_WORDS + STATE.rows] !== 0;
  }

  get isEmpty(): boolean {
    return this.blocks.size === 0;
  }

  /** Rows of another chunk come. */
  begin(number: number): void {
    while (number * STATE_WORDS >= this.states.length) {
      const grown = new Int32Array(this.states.length * 2);
      grown.set(this.states);
      this.states = grown;
    }
    this.blocks.set(number, { starts: [], ends: [] });
    this.heap.awaitsRows(number, this);
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
  get numbers(): number[] {
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
