/**
 * Index leaves as bytes: version u8, 3 zero bytes, entry count u32, row ids f64 each, key lengths u32 each, key characters.
 */
import { assert } from '../base/assert.js';
import type { IndexKey, RowId } from './api.js';
import { VALUE_VERSION } from './format.js';
import type { IndexLeaf } from './index-leaf.js';

/** Packs sorted entries. */
export function encodeEntries(keys: readonly IndexKey[], rowIds: readonly RowId[]): Buffer {
  const count = keys.length;
  let characters = 0;
  for (const key of keys) characters += key.length;
  const value = Buffer.alloc(8 + count * 12 + characters);
  value[0] = VALUE_VERSION;
  value.writeUInt32LE(count, 4);
  let at = 8 + count * 12;
  for (let index = 0; index < count; index++) {
    const key = keys[index];
    value.writeDoubleLE(rowIds[index], 8 + index * 8);
    value.writeUInt32LE(key.length, 8 + count * 8 + index * 4);
    at += value.write(key, at, 'latin1');
  }
  return value;
}

/** Fills a fresh leaf. */
export function decodeLeaf(leaf: IndexLeaf, value: Uint8Array): void {
  assert(value[0] === VALUE_VERSION, 'leaf of an index has an unknown version');
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const count = bytes.readUInt32LE(4);
  const text = bytes.toString('latin1', 8 + count * 12);
  let at = 0;
  for (let index = 0; index < count; index++) {
    leaf.rowIds.push(bytes.readDoubleLE(8 + index * 8));
    const end = at + bytes.readUInt32LE(8 + count * 8 + index * 4);
    const key = text.slice(at, end);
    leaf.keys.push(index > 0 && leaf.keys[index - 1] === key ? leaf.keys[index - 1] : key);
    at = end;
  }
  leaf.keyBytes = text.length;
}
