/**
 * A state at rest for clones and backups: the last checkpoint's values, read from a snapshot of the store while the engine goes on.
 * Every value's key ends in the number of the checkpoint that wrote it and superseded values are deleted before a checkpoint counts as
 * done, so what the snapshot holds up to that number is exactly the state, and what came after some number is what changed since.
 */
import type { KeyValueStore, KvEntry, KvSnapshot } from '../kv/kv.js';
import type { LogHold, StateInfo, StateSnapshot } from '../wal/shipping.js';
import { KEY_SPACE, spaceRange } from './format.js';

/** Spaces that make up a state, in key order. */
const STATE_SPACES = [KEY_SPACE.root, KEY_SPACE.directory, KEY_SPACE.base, KEY_SPACE.delta, KEY_SPACE.leaf];
const ENTRIES_AT_ONCE = 64;
const BATCH_BYTES = 1 << 20;
const VERSION_AT = 11;

function versionOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUInt32BE(VERSION_AT);
}

/** See `StateSnapshot` in lib/wal/shipping. */
export class StoreState implements StateSnapshot {
  private readonly snapshot: KvSnapshot;

  /** `hold` keeps the log from the state's redo point on. */
  constructor(readonly info: StateInfo, readonly approximateBytes: number, store: KeyValueStore, private readonly hold: LogHold) {
    this.snapshot = store.snapshot();
  }

  async *entries(since = 0): AsyncIterableIterator<readonly KvEntry[]> {
    for (const space of STATE_SPACES) {
      const iterator = this.snapshot.iterate(spaceRange(space));
      let batch: KvEntry[] = [];
      let bytes = 0;
      try {
        for (let found = await iterator.next(ENTRIES_AT_ONCE); found.length > 0; found = await iterator.next(ENTRIES_AT_ONCE)) {
          for (const entry of found) {
            const version = versionOf(entry[0]);
            if (version <= since || version > this.info.checkpointNumber) continue;
            batch.push(entry);
            bytes += entry[1].length;
          }
          if (bytes < BATCH_BYTES) continue;
          yield batch;
          batch = [];
          bytes = 0;
        }
        if (batch.length > 0) yield batch;
      } finally {
        await iterator.close();
      }
    }
  }

  async *keys(): AsyncIterableIterator<readonly Uint8Array[]> {
    for await (const batch of this.entries()) yield batch.map(([key]) => key);
  }

  async close(): Promise<void> {
    this.hold.release();
    await this.snapshot.close();
  }
}
