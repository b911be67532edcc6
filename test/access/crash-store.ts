/**
 * A key-value store for crash tests: batches become visible when they resolve, durable when synced; a power cut keeps a
 * prefix of the unsynced ones, and whoever had the store open before it is cut off.
 */
import type { ByteMemory } from '../../lib/base/byte-memory.js';
import type { KeyRange, KeyValueStore, KvChange, KvEntry, KvIterator, KvSnapshot, ReadValue } from '../../lib/kv/kv.js';

function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

/** What survives the "process". */
export class CrashDisk {
  private durable = new Map<string, Uint8Array>();
  /** Applied but not synced, in order. */
  private unsynced: (readonly KvChange[])[] = [];
  current: Map<string, Uint8Array> = new Map();
  epoch = 0;

  constructor(private readonly random: () => number) {}

  apply(changes: readonly KvChange[], sync: boolean): void {
    applyTo(this.current, changes);
    this.unsynced.push(changes);
    if (!sync) return;
    for (const batch of this.unsynced) applyTo(this.durable, batch);
    this.unsynced = [];
  }

  /** Loses a random suffix of what was not synced. */
  powerCut(): void {
    const kept = Math.floor(this.random() * (this.unsynced.length + 1));
    for (const batch of this.unsynced.slice(0, kept)) applyTo(this.durable, batch);
    this.unsynced = [];
    this.current = new Map(this.durable);
    this.epoch++;
  }

  open(): Promise<KeyValueStore> {
    return Promise.resolve(new CrashStore(this));
  }
}

function applyTo(target: Map<string, Uint8Array>, changes: readonly KvChange[]): void {
  for (const change of changes) {
    if (change.type === 'put') target.set(keyText(change.key), Uint8Array.from(change.value));
    else target.delete(keyText(change.key));
  }
}

/** One process's view of the disk. */
class CrashStore implements KeyValueStore {
  private readonly epoch: number;
  constructor(private readonly disk: CrashDisk) {
    this.epoch = disk.epoch;
  }

  getSync(key: Uint8Array, memory?: ByteMemory): Uint8Array | undefined {
    const value = this.disk.current.get(keyText(key));
    if (value === undefined || memory === undefined) return value;
    const target = memory.take(value.length);
    target.set(value);
    return target;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.getSync(key));
  }

  readMany(keys: readonly Uint8Array[], memories?: readonly ByteMemory[]): Promise<(ReadValue | undefined)[]> {
    return Promise.resolve(keys.map((key, index) => {
      const value = this.getSync(key, memories?.[index]);
      return value && { value, checksum: null };
    }));
  }

  batch(changes: readonly KvChange[], sync: boolean): Promise<void> {
    const copied = changes.map((change): KvChange => (change.type === 'put'
      ? { type: 'put', key: Uint8Array.from(change.key), value: Uint8Array.from(change.value) }
      : { type: 'delete', key: Uint8Array.from(change.key) }));
    return new Promise((resolve) => setImmediate(() => {
      // After a power cut nothing ever answers.
      if (this.disk.epoch !== this.epoch) return;
      this.disk.apply(copied, sync);
      resolve();
    }));
  }

  iterate(range: KeyRange): KvIterator {
    const inside = (key: string): boolean => (range.from === null || key >= keyText(range.from)) && (range.to === null || key < keyText(range.to));
    const found = [...this.disk.current].filter(([key]) => inside(key)).sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]): KvEntry => [Buffer.from(key, 'latin1'), value]);
    return { next: (count) => Promise.resolve(found.splice(0, count)), close: () => Promise.resolve() };
  }

  snapshot(): KvSnapshot {
    const entries = this.iterate({ from: null, to: null });
    const all = entries.next(this.disk.current.size);
    return {
      get: async (key) => (await all.then((found) => found.find(([other]) => Buffer.compare(other, key) === 0)))?.[1],
      iterate: (range) => {
        let rest: KvEntry[] | null = null;
        return {
          next: async (count) => {
            rest ??= (await all).filter(([key]) => (range.from === null || keyText(key) >= keyText(range.from)) && (range.to === null || keyText(key) < keyText(range.to)));
            return rest.splice(0, count);
          },
          close: () => Promise.resolve(),
        };
      },
      close: () => Promise.resolve(),
    };
  }

  async clear(range: KeyRange): Promise<void> {
    const from = range.from === null ? '' : keyText(range.from);
    const to = range.to === null ? null : keyText(range.to);
    const keys = [...this.disk.current.keys()].filter((key) => key >= from && (to === null || key < to));
    await this.batch(keys.map((key) => ({ type: 'delete' as const, key: Buffer.from(key, 'latin1') })), false);
  }

  approximateSize(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
