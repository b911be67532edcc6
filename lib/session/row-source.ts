/**
 * Rows of a running statement, read piece by piece: over the executor's stream, or over rows that are there already. A
 * snapshot is pinned only while somebody waits: within one synchronous stretch nothing is taken away.
 */
import { Suspend, type Suspendable } from '../base/suspend.js';
import type { StoredRows } from '../executor/executor.js';
import type { Row } from '../types/datum.js';

/** What the executor yields. */
export type ExecutorStream<B extends Row[] | StoredRows = Row[]> = Generator<B | Suspend, void, void>;

/** The next batch of a stream, waiting where it must; null at the end. `waits` is called before the first wait. */
export function* nextBatch<B extends Row[] | StoredRows>(stream: ExecutorStream<B>, waits: () => void): Suspendable<B | null> {
  let step = stream.next();
  while (!step.done && step.value instanceof Suspend) {
    waits();
    try {
      yield step.value;
    } catch (error) {
      step = stream.throw(error);
      continue;
    }
    step = stream.next();
  }
  return step.done ? null : (step.value as B);
}

/** Gives rows in portions of any size. */
export interface RowSource {
  /** Up to `count` rows, at least one unless there are no more. */
  take(count: number): Suspendable<readonly Row[]>;
  /** True when it is known that nothing is left. */
  readonly exhausted: boolean;
  close(): void;
}

/** Rows of a running plan. */
export class StreamSource implements RowSource {
  exhausted = false;
  private batch: Row[] = [];
  private offset = 0;
  private unpin: (() => void) | null = null;

  constructor(private readonly stream: ExecutorStream, private readonly pin: () => () => void, private readonly onClose: () => void) {}

  *take(count: number): Suspendable<readonly Row[]> {
    while (this.offset >= this.batch.length) {
      if (this.exhausted) return [];
      const batch = yield* nextBatch(this.stream, this.pinOnce);
      if (batch === null) {
        this.exhausted = true;
        this.release();
        return [];
      }
      this.batch = batch;
      this.offset = 0;
    }
    const { batch, offset } = this;
    if (offset === 0 && batch.length <= count) {
      this.offset = batch.length;
      return batch;
    }
    this.offset = Math.min(batch.length, offset + count);
    return batch.slice(offset, this.offset);
  }

  /** To be called when the rows are to be read across waits of the caller. */
  readonly pinOnce = (): void => {
    this.unpin ??= this.pin();
  };

  private release(): void {
    this.unpin?.();
    this.unpin = null;
  }

  close(): void {
    if (!this.exhausted) this.stream.return();
    this.exhausted = true;
    this.batch = [];
    this.release();
    this.onClose();
  }
}

/** Rows that are there already. */
export class ListSource implements RowSource {
  private offset = 0;

  constructor(private readonly rows: readonly Row[]) {}

  get exhausted(): boolean {
    return this.offset >= this.rows.length;
  }

  *take(count: number): Suspendable<readonly Row[]> {
    const from = this.offset;
    this.offset = Math.min(this.rows.length, from + count);
    return from === 0 && this.offset === this.rows.length ? this.rows : this.rows.slice(from, this.offset);
  }

  close(): void {
    this.offset = this.rows.length;
  }
}
