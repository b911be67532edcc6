/** Writes jsonb trees as the bytes that `jsonb-bytes.ts` describes and reads. */
import { JSONB_TAG, SPECIALS, utf8Length, WIDE_SIZE, WIDEST_SIZE } from './jsonb-bytes.js';
import type { JsonbNode } from './jsonb.js';
import { Numeric } from './numeric.js';

/** Where values are written; grows, is used again, and is given back after a large value. */
const FIRST_SCRATCH = 16 * 1024;
const KEPT_SCRATCH = 1024 * 1024;
let scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH);
let length = 0;

/** Largest magnitude of a small number, and bytes of the longest short string. */
const SMALL_MAGNITUDE = 2 ** 48 - 1;
const SHORT_STRING = 0x7f;
const SMALL_SCALE = 0xff;
/** Strings up to this are written unit by unit where they are ASCII. */
const UNIT_BY_UNIT = 40;

function room(count: number): void {
  if (length + count <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, length + count));
  scratch.copy(larger, 0, 0, length);
  scratch = larger;
}

function writeSize(size: number): void {
  if (size < WIDE_SIZE) scratch[length++] = size;
  else if (size <= 0xffff) {
    scratch[length++] = WIDE_SIZE;
    length = scratch.writeUInt16LE(size, length);
  } else {
    scratch[length++] = WIDEST_SIZE;
    length = scratch.writeUInt32LE(size, length);
  }
}

function writeText(text: string, bytes: number): void {
  if (bytes === text.length && bytes <= UNIT_BY_UNIT) {
    for (let i = 0; i < bytes; i++) scratch[length++] = text.charCodeAt(i);
  } else length += scratch.write(text, length, 'utf8');
}

/** Bytes of a string as they will be written: half a surrogate pair, which no valid text has, becomes three. */
function writtenBytes(text: string): number {
  const bytes = utf8Length(text);
  return bytes === text.length ? bytes : Buffer.byteLength(text);
}

function writeString(text: string): void {
  const bytes = writtenBytes(text);
  room(bytes + 6);
  if (bytes <= SHORT_STRING) scratch[length++] = JSONB_TAG.shortString | bytes;
  else {
    scratch[length++] = JSONB_TAG.string;
    writeSize(bytes);
  }
  writeText(text, bytes);
}

function writeNumber(value: Numeric): void {
  room(16);
  if (value.special !== '') {
    scratch[length++] = JSONB_TAG.special;
    scratch[length++] = SPECIALS.indexOf(value.special);
    return;
  }
  const { unscaled, scale } = value;
  let left = Math.abs(Number(unscaled));
  if (left > SMALL_MAGNITUDE || scale > SMALL_SCALE) {
    writeLargeNumber(unscaled, scale);
    return;
  }
  const tagAt = length++;
  if (scale > 0) scratch[length++] = scale;
  const start = length;
  while (left > 0) {
    scratch[length++] = left % 256;
    left = Math.floor(left / 256);
  }
  scratch[tagAt] = (scale > 0 ? JSONB_TAG.scaled : JSONB_TAG.integer) | (unscaled < 0n ? JSONB_TAG.negative : 0) | (length - start);
}

function writeLargeNumber(unscaled: bigint, scale: number): void {
  const hex = (unscaled < 0n ? -unscaled : unscaled).toString(16);
  const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').reverse();
  room(magnitude.length + 9);
  scratch[length++] = JSONB_TAG.number;
  writeSize(magnitude.length + 3);
  scratch[length++] = unscaled < 0n ? 1 : 0;
  length = scratch.writeUInt16LE(scale, length);
  length += magnitude.copy(scratch, length);
}

/** Array or object: its size comes before it and is known behind it; a large one moves to make place for that. */
function writeContainer(node: readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>): void {
  room(12);
  scratch[length++] = node instanceof Map ? JSONB_TAG.object : JSONB_TAG.array;
  const sizePlace = length++;
  if (node instanceof Map) {
    const members: ReadonlyMap<string, JsonbNode> = node;
    writeSize(members.size);
    for (const [key, value] of members) {
      const bytes = writtenBytes(key);
      room(bytes + 5);
      writeSize(bytes);
      writeText(key, bytes);
      writeNode(value);
    }
  } else {
    const items = node as readonly JsonbNode[];
    writeSize(items.length);
    for (const item of items) writeNode(item);
  }
  const size = length - sizePlace - 1;
  if (size < WIDE_SIZE) {
    scratch[sizePlace] = size;
    return;
  }
  const more = size <= 0xffff ? 2 : 4;
  room(more);
  scratch.copyWithin(sizePlace + 1 + more, sizePlace + 1, length);
  const end = length + more;
  length = sizePlace;
  writeSize(size);
  length = end;
}

function writeNode(node: JsonbNode): void {
  if (typeof node === 'string') writeString(node);
  else if (node instanceof Numeric) writeNumber(node);
  else if (node === null || typeof node === 'boolean') {
    room(1);
    scratch[length++] = node === null ? JSONB_TAG.null : node ? JSONB_TAG.true : JSONB_TAG.false;
  } else writeContainer(node);
}

/** Copies of values, one behind the other in blocks: a value costs its bytes and no buffer of its own. */
export class JsonbBlocks {
  /** The block that the last copy is in. */
  block = Buffer.alloc(0);
  private used = 0;

  /** Copies bytes; answers where in `block` they are. */
  copy(bytes: Uint8Array, start: number, end: number): number {
    const count = end - start;
    if (this.used + count > this.block.length) {
      this.block = Buffer.allocUnsafeSlow(count > LARGE_VALUE ? count : JSONB_BLOCK_BYTES);
      this.used = 0;
    }
    const { block, used } = this;
    // Of small values: a loop is as fast as the call it saves.
    if (count <= COPIED_IN_LOOP) for (let i = 0; i < count; i++) block[used + i] = bytes[start + i];
    else block.set(bytes.subarray(start, end), used);
    this.used += count;
    return used;
  }

  /** Encodes a tree; answers where in `block` it is, to its end in `end`. */
  encode(node: JsonbNode): number {
    length = 0;
    writeNode(node);
    const start = this.copy(scratch, 0, length);
    if (scratch.length > KEPT_SCRATCH) scratch = Buffer.allocUnsafeSlow(FIRST_SCRATCH);
    return start;
  }

  /** Where the last copy ends. */
  get end(): number {
    return this.used;
  }
}

/** What a value that is kept holds in memory at most, beside itself. */
export const JSONB_BLOCK_BYTES = 8 * 1024;
const LARGE_VALUE = 2 * 1024;
const COPIED_IN_LOOP = 256;
