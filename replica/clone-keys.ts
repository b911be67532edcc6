/**
 * The keys of a state in frames: ascending, so that each is written as what it does not share with the one before it. A frame stands for
 * itself. Neighbouring keys of a store differ in their last bytes: 15 bytes become about 7.
 */
import { assert } from '../lib/base/assert.js';
import { protocolViolation } from './fields.js';
import { CLONE_KEY_HEADER_BYTES, FRAME_HEADER_BYTES, MAX_CLONE_KEY_BYTES, MAX_FRAME_BYTES } from './format.js';

/** Fills one frame with keys. */
export class KeyFrame {
  private readonly frame = Buffer.allocUnsafeSlow(MAX_FRAME_BYTES);
  private used = FRAME_HEADER_BYTES;
  private last: Uint8Array = new Uint8Array(0);

  /** Adds the next key; false: there is no room for it any more. */
  add(key: Uint8Array): boolean {
    assert(key.length <= MAX_CLONE_KEY_BYTES, 'a key of a state is at most 255 bytes');
    const { frame, last, used } = this;
    let shared = 0;
    while (shared < key.length && shared < last.length && key[shared] === last[shared]) shared++;
    const end = used + CLONE_KEY_HEADER_BYTES + key.length - shared;
    if (end > frame.length) return false;
    frame[used] = shared;
    frame[used + 1] = key.length - shared;
    frame.set(key.subarray(shared), used + CLONE_KEY_HEADER_BYTES);
    this.used = end;
    this.last = key;
    return true;
  }

  /** The frame, with room for its header in front; empty when it has no key. */
  finish(): Buffer {
    return this.used === FRAME_HEADER_BYTES ? Buffer.alloc(0) : this.frame.subarray(0, this.used);
  }
}

/** Reads a frame's keys; 08P01 for bytes that are none. */
export function decodeKeys(bytes: Buffer): Uint8Array[] {
  const keys: Uint8Array[] = [];
  let last = Buffer.alloc(0);
  for (let at = 0; at < bytes.length;) {
    const shared = bytes[at];
    const end = at + CLONE_KEY_HEADER_BYTES + (bytes[at + 1] ?? 0);
    if (at + CLONE_KEY_HEADER_BYTES > bytes.length || end > bytes.length || shared > last.length) throw protocolViolation('invalid key in a clone');
    last = Buffer.concat([last.subarray(0, shared), bytes.subarray(at + CLONE_KEY_HEADER_BYTES, end)]);
    keys.push(last);
    at = end;
  }
  return keys;
}
