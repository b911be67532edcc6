/**
 * Places of values that were read lately, so that reading one again need not ask the ordered store, which costs as much as reading a value of
 * some kilobytes. A table of numbers, where a key has one slot: the newest that needs it has it.
 */
import type { ValuePlace } from './stored-value.js';

/** Keys of this length, which those of chunks and leaves have, are known. */
const KEY_BYTES = 15;
const KEY_WORDS = 4;
/** Words of a slot: key, file, offset (low, high), length, checksum. A file's number is never 0. */
const SLOT_WORDS = KEY_WORDS + 5;
const FEWEST_SLOTS = 1 << 10;
/** 9 MB. Of 200,000 keys, those of 20 M rows, read in no order, seven in ten are known; a quarter as many slots know three. */
const MOST_SLOTS = 1 << 18;
const WORD = 0x1_0000_0000;

/** See the file's comment. */
export class KnownPlaces {
  private slots = new Uint32Array(FEWEST_SLOTS * SLOT_WORDS);
  private count = 0;
  /** The key at hand, in words. */
  private readonly key = new Uint32Array(KEY_WORDS);

  /** The place that was set for the key, if it is still known. */
  find(key: Uint8Array): ValuePlace | null {
    const at = this.slotOf(key);
    if (at < 0 || !this.isKeyAt(at)) return null;
    const { slots } = this;
    const value = at + KEY_WORDS;
    return { file: slots[value], offset: slots[value + 1] + slots[value + 2] * WORD, length: slots[value + 3], checksum: slots[value + 4] };
  }

  /** The place where the key's value is from now on. */
  set(key: Uint8Array, { file, offset, length, checksum }: ValuePlace): void {
    if (this.count >= this.slots.length / SLOT_WORDS && this.slots.length < MOST_SLOTS * SLOT_WORDS) this.grow();
    const at = this.slotOf(key);
    if (at < 0) return;
    this.count++;
    const { slots } = this;
    const value = at + KEY_WORDS;
    slots.set(this.key, at);
    slots[value] = file;
    slots[value + 1] = offset % WORD;
    slots[value + 2] = Math.floor(offset / WORD);
    slots[value + 3] = length;
    slots[value + 4] = checksum;
  }

  /** The key's value is at another place, or not there. */
  remove(key: Uint8Array): void {
    const at = this.slotOf(key);
    if (at >= 0 && this.isKeyAt(at)) this.slots[at + KEY_WORDS] = 0;
  }

  /** Nothing is known. */
  clear(): void {
    this.slots.fill(0);
  }

  /** What was known is found again as it is read. */
  private grow(): void {
    this.slots = new Uint32Array(Math.min(this.slots.length * 4, MOST_SLOTS * SLOT_WORDS));
    this.count = 0;
  }

  private isKeyAt(at: number): boolean {
    const { slots, key } = this;
    return slots[at + KEY_WORDS] !== 0 && slots[at] === key[0] && slots[at + 1] === key[1] && slots[at + 2] === key[2] && slots[at + 3] === key[3];
  }

  /** Where the key's slot begins, and the key into `this.key`; -1 for keys that are not known. */
  private slotOf(bytes: Uint8Array): number {
    if (bytes.length !== KEY_BYTES) return -1;
    const { key } = this;
    let hash = 0;
    for (let word = 0; word < KEY_WORDS; word++) {
      const at = word * 4;
      const last = at + 3 < KEY_BYTES ? bytes[at + 3] : 0;
      const value = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (last << 24);
      key[word] = value;
      hash = Math.imul(hash ^ value, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return ((hash >>> 0) % (this.slots.length / SLOT_WORDS)) * SLOT_WORDS;
  }
}
