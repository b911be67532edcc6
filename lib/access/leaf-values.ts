/**
 * Index leaves as bytes: version u8, 3 zero bytes, entry count u32, row ids f64 each, key lengths u32 each, key characters.
 */
import { assert } from '../base/assert.js';
import type { IndexKey, RowId } from './api.js';
import { VALUE_VERSION } from './format.js';
import type { IndexLeaf } from './index-leaf.js';

const HEADER_BYTES = 8;
/** Row id and key length of an entry. */
const FIXED_BYTES = 12;

/** Packs sorted entries. */
export function encodeEntries(keys: readonly IndexKey[], rowIds: readonly RowId[]): Buffer {
  const count = keys.length;
  const text = keys.join('');
  const value = Buffer.allocUnsafe(HEADER_BYTES + count * FIXED_BYTES + text.length);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  view.setUint32(0, VALUE_VERSION, true);
  view.setUint32(4, count, true);
  const lengths = HEADER_BYTES + count * 8;
  for (let index = 0; index < count; index++) {
    view.setFloat64(HEADER_BYTES + index * 8, rowIds[index], true);
    view.setUint32(lengths + index * 4, keys[index].length, true);
  }
  value.write(text, HEADER_BYTES + count * FIXED_BYTES, 'latin1');
  return value;
}

/** Fills a fresh leaf. */
export function decodeLeaf(leaf: IndexLeaf, value: Uint8Array): void {
  assert(value[0] === VALUE_VERSION, 'leaf of an index has an unknown version');
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const count = view.getUint32(4, true);
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1', HEADER_BYTES + count * FIXED_BYTES);
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
}
