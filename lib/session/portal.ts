/**
 * Portals: statements on their way, with a position. The protocol's portals are read forward in portions; SQL cursors
 * (DECLARE) are also moved about. Rules of PostgreSQL's pquery.c and portalcmds.c: a cursor that may scroll keeps the rows
 * it has read, so that going back costs nothing again.
 */
import { pgError } from '../base/error.js';
import type { Suspend, Suspendable } from '../base/suspend.js';
import type { Datum, Row } from '../types/datum.js';
import type { ResultReceiver, ResultShape } from './client.js';
import { ListSource, type RowSource } from './row-source.js';
import type { Statement } from './statement.js';

/** FETCH's largest count: ALL. */
export const FETCH_ALL = Number.MAX_SAFE_INTEGER;

/** How a cursor was declared. */
export interface CursorOptions {
  readonly binary: boolean;
  readonly scroll: boolean;
  readonly noScroll: boolean;
  readonly hold: boolean;
  readonly insensitive: boolean;
}

/** A statement on its way. */
export class Portal {
  state: 'ready' | 'active' | 'done' | 'failed' = 'ready';
  /** Where its rows come from; null until it is started, and for statements without rows. */
  source: RowSource | null = null;
  /** Tag of a statement that was run to its end (with rows: they are in `source`). */
  tag: string | null = null;
  /** Rows before the current position; the current row is number `position`. */
  position = 0;
  /** True behind the last row. */
  atEnd = false;
  /** Rows read so far, kept when the cursor may go back. */
  private readonly kept: Row[] | null;
  /** The current row, for WHERE CURRENT OF. */
  currentRow: Row | null = null;

  constructor(
    readonly name: string,
    readonly statement: Statement,
    readonly parameters: readonly Datum[],
    readonly shape: ResultShape | null,
    /** Null for the protocol's portals. */
    readonly cursor: CursorOptions | null,
    /** Microseconds since 2000-01-01, for pg_cursors. */
    readonly createdAt: number,
    /** Savepoint depth of its making; rolled back with it. */
    public depth: number,
    scrollable: boolean,
    /** The prepared statement that it was bound from. */
    readonly statementName = '',
  ) {
    this.kept = scrollable ? [] : null;
  }

  /** True once it survived the transaction that made it. */
  held = false;

  get isScrollable(): boolean {
    return this.kept !== null;
  }

  /** Reads up to `count` rows forward into the receiver; returns how many. */
  *forward(count: number, receiver: ResultReceiver | null): Suspendable<number> {
    let done = 0;
    while (done < count) {
      const rows = yield* this.next(count - done);
      if (rows.length === 0) {
        if (!this.atEnd) this.position++;
        this.atEnd = true;
        this.currentRow = null;
        return done;
      }
      done += rows.length;
      this.position += rows.length;
      this.currentRow = rows[rows.length - 1];
      const full = receiver === null ? null : receiver.rows(rows);
      if (full !== null) yield* this.waitFor(full);
    }
    return done;
  }

  private *waitFor(suspend: Suspend): Suspendable<void> {
    yield suspend;
  }

  private *next(count: number): Suspendable<readonly Row[]> {
    const { kept, source } = this;
    if (this.atEnd || source === null) return [];
    if (kept !== null && this.position < kept.length) return kept.slice(this.position, this.position + count);
    const rows = yield* source.take(count);
    if (kept !== null) for (const row of rows) kept.push(row);
    return rows;
  }

  /** FETCH or MOVE by the rules of DoPortalRunFetch; returns the number of rows. */
  *fetch(direction: FetchDirection, howMany: number, receiver: ResultReceiver | null): Suspendable<number> {
    switch (direction) {
      case 'forward': return howMany < 0 ? yield* this.backward(-howMany, receiver) : howMany === 0 ? yield* this.refetch(receiver) : yield* this.forward(howMany, receiver);
      case 'backward': return howMany < 0 ? yield* this.forward(-howMany, receiver) : howMany === 0 ? yield* this.refetch(receiver) : yield* this.backward(howMany, receiver);
      case 'absolute': return yield* this.absolute(howMany, receiver);
      case 'relative': return yield* this.relative(howMany, receiver);
    }
  }

  private *absolute(target: number, receiver: ResultReceiver | null): Suspendable<number> {
    if (target > 0) {
      if (target <= this.position || this.atEnd) this.rewind(target > this.position);
      if (target - 1 > this.position) yield* this.forward(target - 1 - this.position, null);
      return yield* this.forward(1, receiver);
    }
    if (target < 0) {
      yield* this.forward(FETCH_ALL, null);
      if (target < -1) yield* this.backward(-target - 1, null);
      return yield* this.backward(1, receiver);
    }
    this.rewind(false);
    return 0;
  }

  private *relative(distance: number, receiver: ResultReceiver | null): Suspendable<number> {
    if (distance > 0) {
      if (distance > 1) yield* this.forward(distance - 1, null);
      return yield* this.forward(1, receiver);
    }
    if (distance < 0) {
      if (distance < -1) yield* this.backward(-distance - 1, null);
      return yield* this.backward(1, receiver);
    }
    return yield* this.refetch(receiver);
  }

  /** FETCH 0: the current row again. */
  private *refetch(receiver: ResultReceiver | null): Suspendable<number> {
    const row = this.currentRow;
    if (row === null) return 0;
    if (receiver !== null && this.kept === null) throw scanForwardOnly();
    const full = receiver === null ? null : receiver.rows([row]);
    if (full !== null) yield full;
    return 1;
  }

  /** To the beginning; without kept rows only when it stands there already. */
  private rewind(forwardOnly: boolean): void {
    if (this.kept === null) {
      if (this.position === 0 && !this.atEnd) return;
      if (forwardOnly && !this.atEnd) return;
      throw scanForwardOnly();
    }
    this.position = 0;
    this.atEnd = false;
    this.currentRow = null;
  }

  private *backward(count: number, receiver: ResultReceiver | null): Suspendable<number> {
    const { kept } = this;
    if (kept === null) throw scanForwardOnly();
    let done = 0;
    while (done < count && this.position > 0) {
      this.position--;
      this.atEnd = false;
      if (this.position === 0) {
        this.currentRow = null;
        break;
      }
      this.currentRow = kept[this.position - 1];
      done++;
      const full = receiver === null ? null : receiver.rows([this.currentRow]);
      if (full !== null) yield full;
    }
    return done;
  }

  /** WITH HOLD at commit: reads everything that is left, so that nothing depends on the transaction. */
  *persist(): Suspendable<void> {
    const { source } = this;
    if (source !== null) {
      const rest: Row[] = [];
      for (;;) {
        const rows = yield* source.take(FETCH_ALL);
        if (rows.length === 0) break;
        for (const row of rows) rest.push(row);
      }
      source.close();
      this.source = new ListSource(rest);
    }
    this.held = true;
  }

  /** An error happened while it ran: it stays until its (sub)transaction ends, but cannot be run. */
  fail(): void {
    this.state = 'failed';
    this.close();
  }

  close(): void {
    this.source?.close();
    this.source = null;
    if (this.state !== 'failed') this.state = 'done';
  }
}

/** FETCH's directions. */
export type FetchDirection = 'forward' | 'backward' | 'absolute' | 'relative';

function scanForwardOnly(): Error {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'cursor can only scan forward', { hint: 'Declare it with SCROLL option to enable backward scan.' });
}
