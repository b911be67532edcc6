/**
 * The store in memory (`memory://` databases, simulation): `memory-level`. Nothing survives the process; `sync` means nothing.
 */
import { MemoryLevel } from 'memory-level';
import type { KeyValueStore } from './kv.js';
import { LevelStore } from './level-store.js';

/** Opens a fresh, empty store. */
export async function openMemoryStore(): Promise<KeyValueStore> {
  const level = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' });
  await level.open();
  return new LevelStore({ level, writeBatch: (changes) => level.batch(changes), sizeOf: async () => 0, values: null });
}
