/**
 * Rows that are made once and read several times: CTEs (by all their scans), Material, the inner side of joins. Rows
 * beyond work_mem go to a temporary file when the session has a place for it.
 */
import { Suspend } from '../base/suspend.js';
import type { Row } from '../types/datum.js';
import { Jsonb } from '../types/jsonb.js';
import type { ExecutionState, TemporaryFile } from './context.js';
import { BATCH_ROWS, type Batch, type BatchStream } from './operators/operator.js';

/** Bytes that a row is taken to need beside its strings. */
const ROW_OVERHEAD = 48;
const VALUE_BYTES = 16;

/** A rough size of a row in memory, in bytes. */
export function rowBytes(row: Row): number {
  let bytes = ROW_OVERHEAD + row.length * VALUE_BYTES;
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    if (typeof value === 'string') bytes += value.length;
    else if (typeof value === 'object' && value !== null) bytes += OBJECT_BYTES + (value instanceof Jsonb ? value.memoryBytes : 0);
  }
  return bytes;
}
const OBJECT_BYTES = 64;

/** A growing list of batches fed by a stream. */
export class SharedRows {
  private readonly batches: Batch[] = [];
  private bytes = 0;
  private spilled: TemporaryFile | null = null;
  private ended = false;

  constructor(private readonly S: ExecutionState, private readonly stream: BatchStream) {}

  /** Reads all rows from the first; pulls from the stream what is not there yet. */
  *read(): BatchStream {
    for (let index = 0; ; index++) {
      while (index >= this.batches.length && !this.ended) {
        if (this.spilled !== null) break;
        const suspend = this.pull();
        if (suspend !== null) yield suspend;
      }
      if (index < this.batches.length) {
        yield this.batches[index];
        continue;
      }
      if (this.spilled === null) return;
      break;
    }
    // What did not fit: all of it is made before it is read back.
    yield* this.fill();
    for (const batch of this.spilled.read()) {
      yield batch;
      const pause = this.S.tick(batch.length);
      if (pause !== null) yield pause;
    }
  }

  /** Runs the stream to its end. */
  *fill(): Generator<Suspend, void, void> {
    while (!this.ended) {
      const suspend = this.pull();
      if (suspend !== null) yield suspend;
    }
  }

  private pull(): Suspend | null {
    const step = this.stream.next();
    if (step.done) {
      this.ended = true;
      return null;
    }
    if (step.value instanceof Suspend) return step.value;
    this.keep(step.value);
    return null;
  }

  private keep(batch: Batch): void {
    if (this.spilled !== null) {
      this.spilled.write(batch);
      return;
    }
    this.batches.push(batch);
    // A sample stands for the batch.
    this.bytes += rowBytes(batch[0]) * batch.length;
    const { temporary, settings } = this.S.context;
    if (temporary === null || this.bytes < settings.workMemBytes) return;
    const file = temporary.create();
    this.spilled = file;
    this.S.onClose(() => file.close());
  }
}

/** An array of rows as batches. */
export function* rowsInBatches(rows: readonly Row[]): Generator<Batch, void, void> {
  for (let start = 0; start < rows.length; start += BATCH_ROWS) yield rows.slice(start, start + BATCH_ROWS);
}
