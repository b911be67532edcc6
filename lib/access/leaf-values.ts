/**
 * Index leaves as bytes: version u8, 3 zero bytes, entry count u32, retired count u32, row ids f64 each, key lengths u32 each,
 * then the retired entries' positions u32 each and marks f64 each (`retirements.ts`; at rest their LSNs), key characters.
 */
import { assert } from '../base/assert.js';
import type { IndexKey, RowId } from './api.js';
import { INDEX_VALUE_VERSION } from './format.js';
import type { IndexLeaf } from './index-leaf.js';

const HEADER_BYTES = 12;
/** Row id and key length of an entry. */
const FIXED_BYTES = 12;
/** Position and mark of a retired entry. */
const RETIRED_BYTES = 12;

/** Packs sorted entries; `marks`: how each was retired, null when none was. */
export function encodeEntries(keys: readonly IndexKey[], rowIds: readonly RowId[], marks: readonly number[] | null): Buffer {
  const count = keys.length;
  const text = keys.join('');
  const retired: number[] = [];
  marks?.forEach((mark, index) => { if (mark !== 0) retired.push(index); });
  const textAt = HEADER_BYTES + count * FIXED_BYTES + retired.length * RETIRED_BYTES;
  const value = Buffer.allocUnsafe(textAt + text.length);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  view.setUint32(0, INDEX_VALUE_VERSION, true);
  view.setUint32(4, count, true);
  view.setUint32(8, retired.length, true);
  const lengths = HEADER_BYTES + count * 8;
  for (let index = 0; index < count; index++) {
    view.setFloat64(HEADER_BYTES + index * 8, rowIds[index], true);
    view.setUint32(lengths + index * 4, keys[index].length, true);
  }
  const positions = HEADER_BYTES + count * FIXED_BYTES;
  retired.forEach((position, index) => {
    view.setUint32(positions + index * 4, position, true);
    view.setFloat64(positions + retired.length * 4 + index * 8, marks?.[position] ?? 0, true);
  });
  value.write(text, textAt, 'latin1');
  return value;
}

/** Fills a fresh leaf. */
export function decodeLeaf(leaf: IndexLeaf, value: Uint8Array): void {
  assert(value[0] === INDEX_VALUE_VERSION, 'leaf of an index has an unknown version');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const count = view.getUint32(4, true);
  const retired = view.getUint32(8, true);
  const positions = HEADER_BYTES + count * FIXED_BYTES;
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1', positions + retired * RETIRED_BYTES);
  const lengths = HEADER_BYTES + count * 8;
  const { keys, rowIds } = leaf;
  let last: IndexKey | null = null;
  let at = 0;
  for (let index = 0; index < count; index++) {
    rowIds.push(view.getFloat64(HEADER_BYTES + index * 8, true));
    const end = at + view.getUint32(lengths + index * 4, true);
    const key = text.slice(at, end);
    // Equal neighbours share one string.
    if (key !== last) last = key;
    keys.push(last);
    at = end;
  }
  leaf.keyBytes = text.length;
  if (retired === 0) return;
  const marks = new Array<number>(count).fill(0);
  for (let index = 0; index < retired; index++) {
    marks[view.getUint32(positions + index * 4, true)] = view.getFloat64(positions + retired * 4 + index * 8, true);
  }
  leaf.marks = marks;
  leaf.retired = retired;
}
