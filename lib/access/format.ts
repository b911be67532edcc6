/**
 * Keys and values at rest: what checkpoint and load share. Drawn in `README.md`; golden bytes in `test/access`.
 * Numbers once given are never reused.
 */

/** First byte of a key. */
export const KEY_SPACE = {
  /** checkpoint number → root. */
  root: 1,
  /** file, checkpoint number → directory of a heap or index. */
  directory: 2,
  /** file, chunk, checkpoint number → packed rows. */
  base: 3,
  /** file, chunk, checkpoint number → versions newer than the base. */
  delta: 4,
  /** file, leaf id, checkpoint number → entries. */
  leaf: 5,
  /** file, chunk or leaf id, serial → state in memory that had to make room. Worthless after a restart. */
  swap: 6,
  /** checkpoint number → keys that the checkpoint superseded. */
  garbage: 7,
  /** batch number, checkpoint number → keys that the batch of a checkpoint put: deleted at start if it was not finished. */
  unfinished: 8,
} as const;

/** Which space a key belongs to. */
export type KeySpace = (typeof KEY_SPACE)[keyof typeof KEY_SPACE];

/** First byte of every value below but those of indexes. */
export const VALUE_VERSION = 1;

/** First byte of directories of indexes, and of leaves before `LEAF_VALUE_VERSION`. 1 had a list of retired entries in the directory. */
export const INDEX_VALUE_VERSION = 2;

/** First byte of leaves of indexes. */
export const LEAF_VALUE_VERSION = 3;

/** First byte of directories of heaps. 1 did not say how many rows a chunk has; it is read, and written anew with the next change. */
export const HEAP_DIRECTORY_VERSION = 2;

const KEY_BYTES = 15;

/** A key: space u8, then (file u48), (number u32), version u32, big-endian, so that a file's keys stand together. */
export function valueKey(space: KeySpace, file: number, number: number, version: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key[0] = space;
  const high = Math.floor(file / 0x1_0000_0000);
  key[1] = high >>> 8;
  key[2] = high;
  putU32(key, 3, file);
  putU32(key, 7, number);
  putU32(key, 11, version);
  return key;
}

/** Big-endian. A first scan makes a thousand keys: Buffer's own methods are several functions each, which V8 compiles beside it. */
function putU32(key: Buffer, at: number, value: number): void {
  key[at] = value >>> 24;
  key[at + 1] = value >>> 16;
  key[at + 2] = value >>> 8;
  key[at + 3] = value;
}

/** The range of all keys of one file in one space. */
export function fileRange(space: KeySpace, file: number): { from: Buffer; to: Buffer } {
  return { from: valueKey(space, file, 0, 0), to: valueKey(space, file + 1, 0, 0) };
}

/** The range of a whole space. */
export function spaceRange(space: KeySpace): { from: Buffer; to: Buffer } {
  return { from: Buffer.of(space), to: Buffer.of(space + 1) };
}
