/**
 * Index leaves as bytes, and how a leaf is read in place: in memory a leaf that nobody has changed is what is at rest, as a string of
 * one byte a character. That is a fifth to a tenth of what its keys take as strings of their own, V8 neither looks into it nor
 * counts it as memory outside its heap, and it is ready as soon as it is read.
 *
 * Little-endian: version u8 (3), bytes of a row id's difference u8 (0: row ids follow one another; 1, 2, 4, 6), bytes of a key's end u8 (0:
 * keys are as long as each other; 1, 2, 4), 0, entry count u32, retired count u32, length of the prefix of all keys u32, length of the
 * rest where all are as long u32 (else 0), lowest row id u48; then differences to it, ends of the keys' rests, the retired entries'
 * positions u32 each and marks f64 each (`retirements.ts`; at rest their LSNs), the prefix, the rests.
 * Version 2, which is read but not written any more: version u8, 3 zero bytes, entry count u32, retired count u32, row ids f64 each, key
 * lengths u32 each, positions and marks as above, key characters.
 */
import { assert } from '../base/assert.js';
import { FRESH_MEMORY, type ByteMemory } from '../base/byte-memory.js';
import type { IndexKey, RowId } from './api.js';
import { INDEX_VALUE_VERSION, LEAF_VALUE_VERSION } from './format.js';

const HEADER_BYTES = 26;
/** Position and mark of a retired entry. */
const RETIRED_BYTES = 12;

/** The entries of a leaf, sorted: `keys[i]` of the row `rowIds[i]`. */
export interface Entries {
  readonly keys: IndexKey[];
  readonly rowIds: RowId[];
}

/** A leaf's bytes, read in place; immutable. */
export class PackedEntries {
  readonly count: number;
  /** What all keys begin with. */
  private readonly prefix: string;
  private readonly rowIdBytes: number;
  private readonly endBytes: number;
  private readonly firstRowId: RowId;
  private readonly restLength: number;
  private readonly endsAt: number;
  private readonly restsAt: number;

  /** `text`: a value of version 3, one byte a character. */
  constructor(private readonly text: string) {
    this.rowIdBytes = text.charCodeAt(1);
    this.endBytes = text.charCodeAt(2);
    this.count = numberAt(text, 4, 4);
    const prefixLength = numberAt(text, 12, 4);
    this.restLength = numberAt(text, 16, 4);
    this.firstRowId = numberAt(text, 20, 6);
    this.endsAt = HEADER_BYTES + this.count * this.rowIdBytes;
    const prefixAt = this.endsAt + this.count * this.endBytes + numberAt(text, 8, 4) * RETIRED_BYTES;
    this.restsAt = prefixAt + prefixLength;
    this.prefix = text.slice(prefixAt, this.restsAt);
  }

  /** Memory held, roughly, in bytes. */
  get bytes(): number {
    return PACKED_BYTES + this.text.length;
  }

  /** Characters of all keys. */
  get keyBytes(): number {
    return this.count * this.prefix.length + this.endOf(this.count - 1);
  }

  /** Whether entries were retired when it was made. */
  get hasRetired(): boolean {
    return numberAt(this.text, 8, 4) > 0;
  }

  /** The bytes that it was made of. */
  toValue(memory: ByteMemory): Buffer {
    const value = memory.take(this.text.length);
    value.write(this.text, 'latin1');
    return value;
  }

  keyAt(position: number): IndexKey {
    return this.prefix + this.text.slice(this.restsAt + this.endOf(position - 1), this.restsAt + this.endOf(position));
  }

  rowIdAt(position: number): RowId {
    const { rowIdBytes } = this;
    if (rowIdBytes === 0) return this.firstRowId + position;
    return this.firstRowId + numberAt(this.text, HEADER_BYTES + position * rowIdBytes, rowIdBytes);
  }

  hasKey(position: number, key: IndexKey): boolean {
    return key.startsWith(this.prefix) && this.compareRest(position, key) === 0;
  }

  /** Position of the first entry >= (key, rowId), where keys are in the order of their bytes. */
  lowerBound(key: IndexKey, rowId: RowId): number {
    const { prefix } = this;
    if (!key.startsWith(prefix)) return key < prefix ? 0 : this.count;
    if (this.endBytes === 0 && this.restLength <= NUMBER_CHARACTERS && key.length === prefix.length + this.restLength) {
      return this.lowerBoundOf(restNumber(key, prefix.length, this.restLength), rowId);
    }
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = this.compareRest(middle, key);
      if (order < 0 || (order === 0 && this.rowIdAt(middle) < rowId)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The same where rests are short and as long as each other, as those of whole numbers are: they are compared as numbers. */
  private lowerBoundOf(sought: number, rowId: RowId): number {
    const { text, restsAt, restLength } = this;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const rest = restNumber(text, restsAt + middle * restLength, restLength);
      if (rest < sought || (rest === sought && this.rowIdAt(middle) < rowId)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Order of an entry's key and one that begins with the prefix, too. */
  private compareRest(position: number, key: IndexKey): number {
    const { text } = this;
    const skipped = this.prefix.length;
    const from = this.restsAt + this.endOf(position - 1);
    const length = this.restsAt + this.endOf(position) - from;
    const shared = Math.min(length, key.length - skipped);
    for (let at = 0; at < shared; at++) {
      const order = text.charCodeAt(from + at) - key.charCodeAt(skipped + at);
      if (order !== 0) return order;
    }
    return length - (key.length - skipped);
  }

  /** Where an entry's rest ends among the rests. */
  private endOf(position: number): number {
    const { endBytes } = this;
    if (endBytes === 0) return (position + 1) * this.restLength;
    return position < 0 ? 0 : numberAt(this.text, this.endsAt + position * endBytes, endBytes);
  }

  /** The entries as arrays. */
  unpack(): Entries {
    const { count, text, prefix, restsAt } = this;
    // The keys are slices of one string.
    const whole = prefix === '' ? text.slice(restsAt) : prefix + this.rests().join(prefix);
    const keys: IndexKey[] = [];
    const rowIds: RowId[] = [];
    let last: IndexKey | null = null;
    for (let position = 0, from = 0; position < count; position++) {
      const end = (position + 1) * prefix.length + this.endOf(position);
      const key = whole.slice(from, end);
      // Equal neighbours share one string.
      if (key !== last) last = key;
      keys.push(last);
      rowIds.push(this.rowIdAt(position));
      from = end;
    }
    return { keys, rowIds };
  }

  private rests(): string[] {
    const { text, restsAt } = this;
    const rests: string[] = [];
    for (let position = 0; position < this.count; position++) rests.push(text.slice(restsAt + this.endOf(position - 1), restsAt + this.endOf(position)));
    return rests;
  }
}

/** Memory of `PackedEntries` beside the text. */
const PACKED_BYTES = 120;

/** So many characters make a whole number that orders as they do. */
const NUMBER_CHARACTERS = 6;

function restNumber(text: string, at: number, characters: number): number {
  let number = 0;
  for (let index = at; index < at + characters; index++) number = number * 256 + text.charCodeAt(index);
  return number;
}

function numberAt(text: string, at: number, bytes: number): number {
  let number = 0;
  for (let index = bytes - 1; index >= 0; index--) number = number * 256 + text.charCodeAt(at + index);
  return number;
}

/** The fewest of 1, 2, 4 and 6 bytes that hold numbers up to `most`. */
function bytesFor(most: number): number {
  if (most < 0x100) return 1;
  if (most < 0x1_0000) return 2;
  return most < 0x1_0000_0000 ? 4 : 6;
}

/** Rests of so many characters on the average are copied one by one; longer ones V8 puts together faster. */
const MOST_COPIED = 40;

/** What all keys begin with: how many characters. */
function sharedPrefix(keys: readonly IndexKey[]): number {
  if (keys.length === 0) return 0;
  const first = keys[0];
  // Where keys are in the order of their bytes, the last one decides.
  let length = commonLength(first, keys[keys.length - 1], first.length);
  let prefix = first.slice(0, length);
  for (const key of keys) {
    if (key.startsWith(prefix)) continue;
    length = commonLength(first, key, length);
    prefix = first.slice(0, length);
  }
  return length;
}

function commonLength(a: IndexKey, b: IndexKey, most: number): number {
  let length = 0;
  while (length < most && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Packs sorted entries; `marks`: how each was retired, null when none was; `memory`: where the value goes. */
export function encodeEntries(
  keys: readonly IndexKey[], rowIds: readonly RowId[], marks: readonly number[] | null, memory: ByteMemory = FRESH_MEMORY,
): Buffer {
  const count = keys.length;
  let lowest = count === 0 ? 0 : rowIds[0];
  let highest = lowest;
  let follow = true;
  let restLength = keys.length === 0 ? 0 : keys[0].length;
  let uniform = true;
  let keyBytes = 0;
  for (let index = 0; index < count; index++) {
    const rowId = rowIds[index];
    if (rowId < lowest) lowest = rowId;
    if (rowId > highest) highest = rowId;
    if (rowId !== rowIds[0] + index) follow = false;
    keyBytes += keys[index].length;
    if (keys[index].length !== restLength) uniform = false;
  }
  const prefix = sharedPrefix(keys);
  restLength = uniform ? restLength - prefix : 0;
  const restBytes = keyBytes - count * prefix;
  const rowIdBytes = follow ? 0 : bytesFor(highest - lowest);
  const endBytes = uniform ? 0 : Math.min(4, bytesFor(restBytes));
  const retired: number[] = [];
  marks?.forEach((mark, index) => { if (mark !== 0) retired.push(index); });
  const endsAt = HEADER_BYTES + count * rowIdBytes;
  const retiredAt = endsAt + count * endBytes;
  const prefixAt = retiredAt + retired.length * RETIRED_BYTES;
  const value = memory.take(prefixAt + prefix + restBytes);
  value[0] = LEAF_VALUE_VERSION;
  value[1] = rowIdBytes;
  value[2] = endBytes;
  value[3] = 0;
  value.writeUInt32LE(count, 4);
  value.writeUInt32LE(retired.length, 8);
  value.writeUInt32LE(prefix, 12);
  value.writeUInt32LE(restLength, 16);
  value.writeUIntLE(lowest, 20, 6);
  if (rowIdBytes > 0) for (let index = 0; index < count; index++) value.writeUIntLE(rowIds[index] - lowest, HEADER_BYTES + index * rowIdBytes, rowIdBytes);
  if (endBytes > 0) {
    let end = 0;
    for (let index = 0; index < count; index++) value.writeUIntLE(end += keys[index].length - prefix, endsAt + index * endBytes, endBytes);
  }
  retired.forEach((position, index) => {
    value.writeUInt32LE(position, retiredAt + index * 4);
    value.writeDoubleLE(marks?.[position] ?? 0, retiredAt + retired.length * 4 + index * 8);
  });
  if (prefix > 0) value.write(keys[0].slice(0, prefix), prefixAt, 'latin1');
  if (restBytes > count * MOST_COPIED) value.write(keys.map((key) => key.slice(prefix)).join(''), prefixAt + prefix, 'latin1');
  else copyRests(keys, prefix, value, prefixAt + prefix);
  return value;
}

/** Writes what the keys have behind their first `prefix` characters, one behind the other. */
function copyRests(keys: readonly IndexKey[], prefix: number, value: Buffer, start: number): void {
  let at = start;
  for (const key of keys) {
    const { length } = key;
    for (let index = prefix; index < length; index++) value[at++] = key.charCodeAt(index);
  }
}

/** What a leaf's value holds. */
export interface DecodedLeaf {
  readonly entries: PackedEntries | Entries;
  /** How each entry was retired, null when none was. */
  readonly marks: number[] | null;
  readonly retired: number;
}

/** Whether a value of version 3 has entries, none of them retired: the same at rest and in swap. */
export function isPlainLeaf(value: Uint8Array): boolean {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  return value[0] === LEAF_VALUE_VERSION && bytes.readUInt32LE(4) > 0 && bytes.readUInt32LE(8) === 0;
}

/** Reads what `encodeEntries` made, or made in version 2. */
export function decodeLeaf(value: Uint8Array): DecodedLeaf {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const count = bytes.readUInt32LE(4);
  const retired = bytes.readUInt32LE(8);
  if (value[0] === INDEX_VALUE_VERSION) return decodeVersion2(bytes, count, retired);
  assert(value[0] === LEAF_VALUE_VERSION, 'leaf of an index has an unknown version');
  const marksAt = HEADER_BYTES + count * (value[1] + value[2]);
  return { entries: new PackedEntries(bytes.toString('latin1')), marks: marksOf(bytes, marksAt, count, retired), retired };
}

function marksOf(bytes: Buffer, at: number, count: number, retired: number): number[] | null {
  if (retired === 0) return null;
  const marks = new Array<number>(count).fill(0);
  for (let index = 0; index < retired; index++) marks[bytes.readUInt32LE(at + index * 4)] = bytes.readDoubleLE(at + retired * 4 + index * 8);
  return marks;
}

function decodeVersion2(bytes: Buffer, count: number, retired: number): DecodedLeaf {
  const rowIdsAt = 12;
  const lengthsAt = rowIdsAt + count * 8;
  const positionsAt = lengthsAt + count * 4;
  const text = bytes.toString('latin1', positionsAt + retired * RETIRED_BYTES);
  const keys: IndexKey[] = [];
  const rowIds: RowId[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const end = at + bytes.readUInt32LE(lengthsAt + index * 4);
    keys.push(text.slice(at, end));
    rowIds.push(bytes.readDoubleLE(rowIdsAt + index * 8));
    at = end;
  }
  return { entries: { keys, rowIds }, marks: marksOf(bytes, positionsAt, count, retired), retired };
}
