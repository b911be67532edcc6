/**
 * The store in memory (`memory://` databases, simulation): `memory-level`. Nothing survives the process; `sync` means nothing.
 */
import { MemoryLevel } from 'memory-level';
import { LevelStore, type KeyValueStore } from './kv.js';

/** Opens a fresh, empty store. */
export async function openMemoryStore(): Promise<KeyValueStore> {
  const level = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer', storeEncoding: 'buffer' });
  await level.open();
  return new LevelStore(level, (changes) => level.batch(changes), async () => 0);
}
