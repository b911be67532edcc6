/** The store of a data directory that is being restored: the entries of a backup and of those that it continues. */
import { pgError } from '../base/error.js';
import type { KeyValueStore, KvChange, KvEntry } from '../kv/kv.js';
import { readChunk, type ChunkPlace } from './chunks.js';
import { chainOf, type Backup } from './manifest.js';
import { readAhead } from './read-ahead.js';
import type { ObjectStore } from './store.js';

const AHEAD = 3;

function placesOf(backup: Backup, kind: 'entries' | 'keys'): ChunkPlace[] {
  return backup[kind].map((chunk, number) => ({ systemIdentifier: backup.info.systemIdentifier, label: backup.label, kind, number, chunk }));
}

/** Bytes that will be read for a backup: the chunks of its chain. */
export function bytesOfChain(chain: readonly Backup[]): number {
  return chain.flatMap((backup) => backup.entries).reduce((sum, chunk) => sum + chunk.contentBytes, 0);
}

/** The keys of a backup's state, in order, one at a time. */
class LiveKeys {
  private keys: readonly KvEntry[] = [];
  private at = 0;

  constructor(private readonly chunks: AsyncGenerator<KvEntry[], void, void>) {}

  /** The current key; null at the end. */
  async current(): Promise<Uint8Array | null> {
    while (this.at >= this.keys.length) {
      const next = await this.chunks.next();
      if (next.done === true) return null;
      this.keys = next.value;
      this.at = 0;
    }
    return this.keys[this.at][0];
  }

  /** Whether `key` is alive; keys that are asked for ascend. */
  async has(key: Uint8Array): Promise<boolean> {
    for (let live = await this.current(); live !== null; live = await this.current()) {
      const order = Buffer.compare(live, key);
      if (order === 0) return true;
      if (order > 0) return false;
      this.at++;
    }
    return false;
  }
}

/**
 * Fills an empty store with a backup's state. Of an incremental backup's parents only what is alive in it is taken. XX001, 58P01 for what
 * is damaged or missing; XX001 when the chain does not have every key of the state.
 */
export async function restoreState(archive: ObjectStore, target: KeyValueStore, backup: Backup, backups: readonly Backup[], progress: (bytes: number) => void): Promise<void> {
  const chain = chainOf(backup, backups);
  if (chain === null) throw pgError('DATA_CORRUPTED', `backup "${backup.label}" continues a backup that is missing`);
  const read = (place: ChunkPlace): Promise<KvEntry[]> => readChunk(archive, place);
  let found = 0;
  for (const member of chain) {
    const live = backup.kind === 'full' ? null : new LiveKeys(readAhead(placesOf(backup, 'keys'), 1, read));
    for await (const entries of readAhead(placesOf(member, 'entries'), AHEAD, read)) {
      const changes: KvChange[] = [];
      for (const [key, value] of entries) if (live === null || await live.has(key)) changes.push({ type: 'put', key, value });
      // Synced each: LevelDB may lose an older log where a later batch was synced.
      if (changes.length > 0) await target.batch(changes, true);
      found += changes.length;
      progress(entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0));
    }
  }
  const wanted = backup.keys.reduce((sum, chunk) => sum + chunk.count, 0);
  if (backup.kind === 'incremental' && found !== wanted) {
    throw pgError('DATA_CORRUPTED', `backup "${backup.label}" lacks ${wanted - found} of the ${wanted} values of its state`);
  }
}
