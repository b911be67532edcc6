/**
 * The store on disk: LevelDB through `classic-level`. LevelDB 1.20 does not verify block checksums on read and may lose an
 * older log at a memtable switch: the engine relies only on synced batches below a redo point, and on value checksums.
 */
import { ClassicLevel } from 'classic-level';
import { pgError } from '../base/error.js';
import { realEnv } from '../env/real.js';
import type { KeyValueStore } from './kv.js';
import { LevelStore, type LevelChange } from './level-store.js';
import { ValueFiles } from './value-files.js';

/**
 * LevelDB maps the files that it has open into memory: what a scan touches of them counts as the process's until they are
 * closed. So they are small, and the fewest that it keeps open (64, and 10 for its own use) are 128 MB at most.
 */
const FILE_BYTES = 2 << 20;
const OPEN_FILES = 74;

/** Sizes of LevelDB's own memory. */
export interface LevelOptions {
  /** Block cache in bytes; small, since the engine caches decoded chunks. */
  cacheBytes?: number;
  /** Memtable in bytes. */
  writeBufferBytes?: number;
}

/**
 * Opens (or makes) the store in a directory. Throws 55006 when another process has it open, XX001 when LevelDB
 * calls its files corrupt, 58030 for other failures.
 */
export async function openLevelStore(directory: string, options: LevelOptions = {}): Promise<KeyValueStore> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
    cacheSize: options.cacheBytes ?? 4 << 20,
    writeBufferSize: options.writeBufferBytes ?? 4 << 20,
    maxFileSize: FILE_BYTES,
    maxOpenFiles: OPEN_FILES,
  });
  try {
    await level.open();
  } catch (error) {
    throw openFailure(directory, error);
  }
  return new LevelStore({
    level,
    writeBatch: (changes, sync) => write(level, changes, sync),
    sizeOf: (from, to) => level.approximateSize(from, to),
    values: new ValueFiles(realEnv().files, `${directory}/values`),
  });
}

/**
 * Operation by operation, each of which is in LevelDB's memory at once: of an array abstract-level keeps an object for each until all is written, most
 * of what survived the young generation's collections while a table beyond the budget was updated.
 */
function write(level: ClassicLevel<Buffer, Buffer>, changes: readonly LevelChange[], sync: boolean): Promise<void> {
  const batch = level.batch();
  for (const change of changes) {
    if (change.type === 'put') batch.put(change.key, change.value);
    else batch.del(change.key);
  }
  return batch.write({ sync });
}

/** Turns abstract-level's error, whose cause has LevelDB's code, into ours. */
function openFailure(directory: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (code === 'LEVEL_LOCKED') {
    return pgError('OBJECT_IN_USE', `data directory "${directory}" is in use by another process`, { severity: 'FATAL', detail });
  }
  if (code === 'LEVEL_CORRUPTION') return pgError('DATA_CORRUPTED', `could not open storage in "${directory}"`, { severity: 'FATAL', detail });
  return pgError('IO_ERROR', `could not open storage in "${directory}"`, { severity: 'FATAL', detail });
}
