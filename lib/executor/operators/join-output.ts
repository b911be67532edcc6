/** The output side of hash and merge joins: pairs of rows filtered, projected and gathered into batches. */
import type { Suspendable } from '../../base/suspend.js';
import type { Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { NO_ROW } from '../expression/compile.js';
import type { Projection } from '../projection.js';
import { FIRST_BATCH_ROWS, nextBatchRows, type Batch } from './operator.js';

/** Gathers joined rows. */
export class JoinOutput {
  private out: Batch = [];
  private limit = FIRST_BATCH_ROWS;

  constructor(private readonly S: ExecutionState, private readonly projection: Projection) {}

  /** Adds the pair if the node's condition holds. Expressions that wait go through `addWaiting`. */
  add(o: Row, i: Row): void {
    const { qual, project } = this.projection;
    if (qual !== null && !qual.evaluate(this.S, o, i, NO_ROW)) return;
    this.out.push(project!.evaluate(this.S, o, i, NO_ROW));
  }

  *addWaiting(o: Row, i: Row): Suspendable<void> {
    const { qual, project } = this.projection;
    if (qual !== null && !(yield* qual.run(this.S, o, i, NO_ROW))) return;
    this.out.push(yield* project!.run(this.S, o, i, NO_ROW));
  }

  /** The rows gathered so far, for whoever adds them by itself, and how many make a batch. */
  get pending(): Batch {
    return this.out;
  }

  get room(): number {
    return this.limit;
  }

  waits(): boolean {
    return (this.projection.qual?.waits(this.S) ?? false) || this.projection.project!.waits(this.S);
  }

  /** A full batch, to be yielded; null while there is room. */
  full(): Batch | null {
    return this.out.length >= this.limit || (this.projection.oneByOne && this.out.length > 0) ? this.take() : null;
  }

  /** Whatever is there; null for nothing. */
  take(): Batch | null {
    if (this.out.length === 0) return null;
    const batch = this.out;
    this.out = [];
    this.limit = nextBatchRows(this.limit);
    return batch;
  }
}
