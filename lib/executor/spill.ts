/** Partitions of rows on temporary files: how hash joins and hashed aggregates go beyond work_mem. */
import type { Datum, Row } from '../types/datum.js';
import type { ExecutionState, TemporaryFile } from './context.js';
import type { BatchStream } from './operators/operator.js';
import { filled } from './row.js';

/** Files that one spill is divided into. */
const PARTITIONS = 32;
/** Rows gathered per partition before they are written. */
const BUFFER_ROWS = 64;
/** hash_mem_multiplier's default: hash tables may take this many times work_mem. */
const HASH_MEMORY_MULTIPLIER = 2;

/** Bytes that a hash table may take before it spills; Infinity when there is no temporary space. */
export function hashMemoryBytes(S: ExecutionState): number {
  const { temporary, settings } = S.context;
  return temporary === null ? Infinity : settings.workMemBytes * HASH_MEMORY_MULTIPLIER;
}

function partitionOf(key: Datum, salt: number): number {
  const text = typeof key === 'string' ? key : String(key);
  let hash = (0x811c9dc5 ^ salt) | 0;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % PARTITIONS;
}

/** Rows divided by their hash keys. `salt` differs between levels, so that a partition divides again. */
export class Partitions {
  private readonly files: (TemporaryFile | null)[] = filled<TemporaryFile | null>(PARTITIONS, null);
  private readonly buffers: Row[][] = Array.from({ length: PARTITIONS }, () => []);

  constructor(private readonly S: ExecutionState, private readonly salt: number) {}

  add(key: Datum, row: Row): void {
    const partition = partitionOf(key, this.salt);
    const buffer = this.buffers[partition];
    buffer.push(row);
    if (buffer.length >= BUFFER_ROWS) this.flush(partition);
  }

  private flush(partition: number): void {
    let file = this.files[partition];
    if (file === null) {
      const created = this.S.context.temporary!.create();
      file = created;
      this.files[partition] = created;
      this.S.onClose(() => created.close());
    }
    file.write(this.buffers[partition]);
    this.buffers[partition] = [];
  }

  get count(): number {
    return PARTITIONS;
  }

  /** The rows of one partition. */
  *read(partition: number): BatchStream {
    const file = this.files[partition];
    if (file !== null) yield* file.read();
    if (this.buffers[partition].length > 0) yield this.buffers[partition];
  }

  /** Gives a partition's space back once it was read for the last time. */
  release(partition: number): void {
    this.files[partition]?.close();
    this.files[partition] = null;
    this.buffers[partition] = [];
  }
}
