/**
 * A state at rest for clones and backups: the last checkpoint's values, read from a snapshot of the store while the engine goes on.
 * Every value's key ends in the number of the checkpoint that wrote it and superseded values are deleted before a checkpoint counts as
 * done, so what the snapshot holds up to that number is exactly the state, and what came after some number is what changed since.
 *
 * All of it is read as a range. What changed is read by name: the root names the directories, they name every value and its version
 * without its bytes, so that a small change to a large store costs its directories and the values that changed. A file that was
 * dropped while the checkpoint ran may be named with values that are gone: no recovery asks for them, since replay drops it.
 */
import type { KeyValueStore, KvEntry, KvSnapshot } from '../kv/kv.js';
import type { LogHold, StateInfo, StateSnapshot } from '../wal/shipping.js';
import { decodeHeapDirectory, decodeIndexDirectory, decodeRoot, type RootFile } from './directory.js';
import { KEY_SPACE, spaceRange, valueKey, type KeySpace } from './format.js';

/** Spaces that make up a state, in key order. */
const STATE_SPACES = [KEY_SPACE.root, KEY_SPACE.directory, KEY_SPACE.base, KEY_SPACE.delta, KEY_SPACE.leaf];
const ENTRIES_AT_ONCE = 64;
const KEYS_AT_ONCE = 4096;
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
    let batch: KvEntry[] = [];
    let bytes = 0;
    for await (const found of since === 0 ? this.everything() : this.changedSince(since)) {
      for (const entry of found) {
        batch.push(entry);
        bytes += entry[1].length;
      }
      if (bytes < BATCH_BYTES) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  private async *everything(): AsyncGenerator<readonly KvEntry[], void, void> {
    for (const space of STATE_SPACES) {
      const iterator = this.snapshot.iterate(spaceRange(space));
      try {
        for (let found = await iterator.next(ENTRIES_AT_ONCE); found.length > 0; found = await iterator.next(ENTRIES_AT_ONCE)) {
          yield found.filter(([key]) => versionOf(key) <= this.info.checkpointNumber);
        }
      } finally {
        await iterator.close();
      }
    }
  }

  private async *changedSince(since: number): AsyncGenerator<readonly KvEntry[], void, void> {
    for await (const keys of this.named(since)) {
      const changed = keys.filter((key) => versionOf(key) > since);
      for (let from = 0; from < changed.length; from += ENTRIES_AT_ONCE) yield await this.present(changed.slice(from, from + ENTRIES_AT_ONCE));
    }
  }

  private async present(keys: readonly Uint8Array[]): Promise<KvEntry[]> {
    const values = await Promise.all(keys.map((key) => this.snapshot.get(key)));
    return keys.flatMap((key, index): KvEntry[] => {
      const value = values[index];
      return value === undefined ? [] : [[key, value]];
    });
  }

  async *keys(since: number): AsyncIterableIterator<readonly Uint8Array[]> {
    // Nothing has changed: what is there is told apart from what is only named by looking.
    if (since === this.info.checkpointNumber) {
      for await (const batch of this.everything()) yield batch.map(([key]) => key);
      return;
    }
    for await (const keys of this.named(0)) {
      const changed = keys.filter((key) => versionOf(key) > since);
      const there = new Set((await this.present(changed)).map(([key]) => key));
      yield keys.filter((key) => versionOf(key) <= since || there.has(key));
    }
  }

  /** The keys that the root and the directories of later checkpoints than `since` name, in key order: whatever changes, its directory does. */
  private async *named(since: number): AsyncGenerator<readonly Uint8Array[], void, void> {
    const rootKey = valueKey(KEY_SPACE.root, 0, 0, this.info.checkpointNumber);
    const root = await this.snapshot.get(rootKey);
    if (root === undefined) return;
    const files = decodeRoot(root).files.filter(({ directory }) => directory > since).sort((a, b) => a.file - b.file);
    yield [rootKey, ...files.map(({ file, directory }) => valueKey(KEY_SPACE.directory, file, 0, directory))];
    for (const space of [KEY_SPACE.base, KEY_SPACE.delta]) {
      for (const file of files) if (file.kind === 'heap') yield* inBatches(await this.chunkKeys(space, file));
    }
    for (const file of files) if (file.kind === 'index') yield* inBatches(await this.leafKeys(file));
  }

  private directoryOf({ file, directory }: RootFile): Promise<Uint8Array | undefined> {
    return this.snapshot.get(valueKey(KEY_SPACE.directory, file, 0, directory));
  }

  private async chunkKeys(space: KeySpace, file: RootFile): Promise<Uint8Array[]> {
    const value = await this.directoryOf(file);
    if (value === undefined) return [];
    const directory = decodeHeapDirectory(value);
    const versions = space === KEY_SPACE.base ? directory.baseVersions : directory.deltaVersions;
    return versions.flatMap((version, number) => (version > 0 ? [valueKey(space, file.file, number, version)] : []));
  }

  private async leafKeys(file: RootFile): Promise<Uint8Array[]> {
    const value = await this.directoryOf(file);
    if (value === undefined) return [];
    const { leafIds, versions } = decodeIndexDirectory(value);
    const keys = leafIds.flatMap((id, leaf) => (versions[leaf] > 0 ? [valueKey(KEY_SPACE.leaf, file.file, id, versions[leaf])] : []));
    return keys.sort((a, b) => Buffer.compare(a, b));
  }

  async close(): Promise<void> {
    this.hold.release();
    await this.snapshot.close();
  }
}

function* inBatches(keys: readonly Uint8Array[]): Generator<readonly Uint8Array[], void, void> {
  for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) yield keys.slice(from, from + KEYS_AT_ONCE);
}
