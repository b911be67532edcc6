/**
 * The jsonb type's value: a tree, or the bytes that it lies in (`jsonb-bytes.ts`), which are read in place. In a tree objects
 * are `Map`s whose keys stand in jsonb's order (by UTF-8 length, then bytes); numbers are `Numeric` so that nothing is lost; the
 * wrapper tells JSON null from SQL NULL.
 *
 * Bytes may be a small part of something large (a packed column of a chunk, a document around a member), which stays in
 * memory as long as the value does. The rule: such a value is good for the row at hand; whoever keeps it longer takes
 * `owned()`. Vectors give out owned values by `get`; only compiled scan loops use `borrow`, and make owned what leaves them in a
 * row. Row versions are `settle`d: bytes that last, and no tree. Owned values lie in blocks of 8 kB: what stays of a block keeps it.
 */
import { DatumObject } from './datum.js';
import { decodeNode, valueEnd } from './jsonb-bytes.js';
import { JsonbBlocks } from './jsonb-writer.js';
import type { Numeric } from './numeric.js';

/** A JSON value inside a `Jsonb`. */
export type JsonbNode = null | boolean | string | Numeric | readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>;

/** Bytes that a tree without bytes is taken to need. */
const TREE_BYTES = 256;
/** Copies for as long as a statement runs, and copies for row versions: apart, so that these do not keep blocks of those. */
const passing = new JsonbBlocks();
const lasting = new JsonbBlocks();

/** A jsonb value; immutable, though not in how it holds what it is. */
export class Jsonb extends DatumObject {
  readonly kind = 'jsonb';

  /** A tree, or undefined and bytes (see `Jsonb.encoded`, `copied`). `blocks`: whose block the bytes lie in. */
  constructor(
    private tree: JsonbNode | undefined, private buffer: Buffer | null = null, private from = 0, private to = 0, private blocks: JsonbBlocks | null = null,
  ) {
    super();
  }

  /** The encoded value that lies in bytes between two places; refers to the bytes. */
  static encoded(bytes: Buffer, start: number, end: number): Jsonb {
    return new Jsonb(undefined, bytes, start, end);
  }

  /** The encoded value that begins at a place; refers to the bytes. */
  static at(bytes: Buffer, start: number): Jsonb {
    return new Jsonb(undefined, bytes, start, valueEnd(bytes, start));
  }

  /** An encoded value in a copy of not more than `JSONB_BLOCK_BYTES`, or in its own: it counts as owned. */
  static inBlock(block: Buffer, start: number, end: number): Jsonb {
    return new Jsonb(undefined, block, start, end, passing);
  }

  /** A copy of an encoded value. */
  static copied(bytes: Uint8Array, start: number, end: number): Jsonb {
    const place = passing.copy(bytes, start, end);
    return new Jsonb(undefined, passing.block, place, passing.end, passing);
  }

  /** The tree; of a value that has only bytes it is decoded each time: ask once. */
  get root(): JsonbNode {
    return this.tree === undefined ? decodeNode(this.bytes, this.from) : this.tree;
  }

  /** Whether there are bytes already; then reading them is cheaper than asking for the tree. */
  get isEncoded(): boolean {
    return this.buffer !== null;
  }

  /** The bytes that the value lies in, from `start` to `end`; encoded when first asked for. */
  get bytes(): Buffer {
    return this.buffer ?? this.encode(passing);
  }

  private encode(blocks: JsonbBlocks): Buffer {
    this.from = blocks.encode(this.tree ?? null);
    this.to = blocks.end;
    this.buffer = blocks.block;
    this.blocks = blocks;
    return this.buffer;
  }

  /** Where the value begins in `bytes`; good after these were asked for. */
  get start(): number {
    return this.from;
  }

  /** Where the value ends in `bytes`; good after these were asked for. */
  get end(): number {
    return this.to;
  }

  /** The same value, keeping nothing else in memory. */
  owned(): Jsonb {
    const { buffer } = this;
    return buffer === null || this.blocks !== null ? this : Jsonb.copied(buffer, this.from, this.to);
  }

  /** From now on bytes for long and nothing else: for values that stay in memory. */
  settle(): void {
    const { buffer } = this;
    if (buffer === null) this.encode(lasting);
    else if (this.blocks !== lasting) {
      this.from = lasting.copy(buffer, this.from, this.to);
      this.to = lasting.end;
      this.buffer = lasting.block;
      this.blocks = lasting;
    }
    this.tree = undefined;
  }

  /** About what it takes in memory. */
  get memoryBytes(): number {
    return this.buffer === null ? TREE_BYTES : this.to - this.from;
  }
}
