/**
 * The ordered key-value store under the engine: one contract, two backends (`level.ts` on disk, `memory.ts`). Keys are
 * bytes in memcmp order. Every stored value has a checksum, made on write and verified on read (but see `readMany`); a value
 * that fails raises XX001 naming its key. Not a recovery anchor: what a batch without `sync` wrote may be lost.
 */

import type { ByteMemory } from '../base/byte-memory.js';

/** A half-open key range [from, to); null: open. */
export interface KeyRange {
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
}

/** One change of a batch. */
export type KvChange =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array };

/** An entry read by an iterator; the bytes are the caller's to keep. */
export type KvEntry = readonly [key: Uint8Array, value: Uint8Array];

/** A value as it was read. `checksum` null: it was checked; else the CRC-32 that it should have, for whoever takes it to check. */
export interface ReadValue {
  readonly value: Uint8Array;
  readonly checksum: number | null;
}

/** An iterator over a range as it was when opened. */
export interface KvIterator {
  /** Up to `count` further entries; an empty array at the end. */
  next(count: number): Promise<KvEntry[]>;
  close(): Promise<void>;
}

/** A store as it was at one moment, for reading; costs what is overwritten meanwhile. */
export interface KvSnapshot {
  /** The value then, or undefined; XX001 when damaged. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Entries of the range, ascending. */
  iterate(range: KeyRange): KvIterator;
  close(): Promise<void>;
}

/** An open store. */
export interface KeyValueStore {
  /** The value, or undefined. Synchronous. XX001 when damaged. `memory`: where it may be put. */
  getSync(key: Uint8Array, memory?: ByteMemory): Uint8Array | undefined;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * The values of several keys, in their order, read off the thread; null for one that is known to be damaged. Larger ones are not checked: who
   * takes a part of a value may check no more than that, where the value lets it. `memories`: where each may be put.
   */
  readMany(keys: readonly Uint8Array[], memories?: readonly ByteMemory[]): Promise<(ReadValue | null | undefined)[]>;
  /**
   * Applies all changes atomically, after those of earlier calls; `sync`: all of them durable when it resolves. Values are the caller's
   * again once this has returned, keys when it has resolved.
   */
  batch(changes: readonly KvChange[], sync: boolean): Promise<void>;
  /** Entries of the range, ascending unless `reverse`. */
  iterate(range: KeyRange, reverse?: boolean): KvIterator;
  /** Holds the store as it is now. */
  snapshot(): KvSnapshot;
  /** Deletes every key in the range. */
  clear(range: KeyRange): Promise<void>;
  /** Bytes on disk of the range, roughly; 0 where the backend does not tell. */
  approximateSize(range: KeyRange): Promise<number>;
  close(): Promise<void>;
}
