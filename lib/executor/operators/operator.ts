/**
 * What every operator is: a generator over batches of rows that yields a `Suspend` where it must wait. `run` starts the
 * node from its beginning, any number of times (a rescan), with the exec Params of that moment.
 *
 * An error inside a batch is raised only after the rows before it were delivered, so that a consumer that stops early
 * (LIMIT, EXISTS) never sees it, as when rows are made one at a time.
 */
import type { Suspend, Suspendable } from '../../base/suspend.js';
import type { Row } from '../../types/datum.js';
import type { StoredRows } from '../stored-rows.js';

/** Some rows; never empty, never changed after it was yielded. */
export type Batch = Row[];
export type BatchStream = Generator<Batch | Suspend, void, void>;
/** Batches some of which are still columns. */
export type StoredStream = Generator<Batch | StoredRows | Suspend, void, void>;

/** Rows in a full batch. */
export const BATCH_ROWS = 1024;
/** Rows in a node's first batch: small, for LIMIT and point queries. Later ones grow fourfold. */
export const FIRST_BATCH_ROWS = 64;

/** The size of the batch after one of `rows`. */
export function nextBatchRows(rows: number): number {
  return Math.min(rows * 4, BATCH_ROWS);
}

/** One node of a running plan. */
export abstract class Operator {
  abstract run(): BatchStream;
  /**
   * All rows, where there are few and nothing is to be waited for, without a generator. Null: there is
   * more to it, and `run` is to be called, which does what is left. To be called once (and again after `rowWait`), before `run` and
   * instead of it where it gives rows.
   */
  atOnce(): Batch | null {
    return null;
  }
  /**
   * What becomes of a row that it gave when the table's row has a newer version, `row` (EvalPlanQual): null where that no longer
   * qualifies; undefined where it cannot be told at once.
   */
  recheckAtOnce(_row: Row, _rowId: number): Row | null | undefined {
    return undefined;
  }
  /**
   * After an `atOnce` that gave null: the wait for the row that it stopped at; call `atOnce` again after it. Null: it stopped
   * at something else.
   */
  rowWait(): Suspendable<void> | null {
    return null;
  }
  /** `run` for a reader that takes columns of packed chunks as they are. */
  runStored(): StoredStream {
    return this.run();
  }
  /** Tells that at most `rows` rows (Infinity: any number) will be read from the next run (a Limit above); a hint for sorts. */
  bound(_rows: number): void {}
}

/** Compiled forms by plan node: made at the first execution, kept as long as the plan lives. */
export class ProgramCache<N extends object, P> {
  private readonly programs = new WeakMap<N, P>();
  get(node: N, make: () => P): P {
    let program = this.programs.get(node);
    if (program === undefined) {
      program = make();
      this.programs.set(node, program);
    }
    return program;
  }
}
