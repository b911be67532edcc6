/**
 * The jsonb type's value: a tree, or the bytes that it lies in (`jsonb-bytes.ts`), which are read in place. In a tree objects
 * are `Map`s whose keys stand in jsonb's order (by UTF-8 length, then bytes); numbers are `Numeric` so that nothing is lost; the
 * wrapper tells JSON null from SQL NULL.
 *
 * Bytes may be a small part of something large (a packed column of a chunk, a document around a member), which stays in
 * memory as long as the value does. The rule: such a value is good for the row at hand; whoever keeps it longer takes
 * `owned()`. Vectors give out owned values by `get`; only compiled scan loops use `borrow`, and make owned what leaves them in a
 * row. Row versions are `settle`d: bytes of their own and no tree. A member of an owned value still holds the document around it.
 */
import { DatumObject } from './datum.js';
import { decodeNode, valueEnd } from './jsonb-bytes.js';
import { copyBytes, encodeNode } from './jsonb-writer.js';
import type { Numeric } from './numeric.js';

/** A JSON value inside a `Jsonb`. */
export type JsonbNode = null | boolean | string | Numeric | readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>;

/** Bytes that a tree without bytes is taken to need. */
const TREE_BYTES = 256;

/** A jsonb value; immutable, though not in how it holds what it is. */
export class Jsonb extends DatumObject {
  readonly kind = 'jsonb';

  /** A tree, or undefined and bytes. Bytes: see `Jsonb.encoded`. */
  constructor(private tree: JsonbNode | undefined, private buffer: Buffer | null = null, private from = 0, private to = 0) {
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
    if (this.buffer === null) {
      this.buffer = encodeNode(this.tree ?? null);
      this.to = this.buffer.length;
    }
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
    const { buffer, from, to } = this;
    return buffer === null || to - from === buffer.length ? this : Jsonb.encoded(copyBytes(buffer, from, to), 0, to - from);
  }

  /** From now on bytes of its own and nothing else: for values that stay in memory. */
  settle(): void {
    const { bytes } = this;
    if (this.to - this.from !== bytes.length) {
      this.buffer = copyBytes(bytes, this.from, this.to);
      this.to -= this.from;
      this.from = 0;
    }
    this.tree = undefined;
  }

  /** About what it takes in memory. */
  get memoryBytes(): number {
    return this.buffer === null ? TREE_BYTES : this.to - this.from;
  }
}
