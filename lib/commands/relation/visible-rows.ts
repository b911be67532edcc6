/**
 * All rows of a table as commands need them (index builds, constraint validation, sampling): in physical order, from the
 * catalog snapshot (or a pinned one of the caller's), giving the event loop its turns.
 */
import type { ColumnVector, RowId, Snapshot } from '../../access/api.js';
import { yieldToEventLoop, type Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import { nextView } from '../../executor/next-view.js';
import type { Row } from '../../types/datum.js';
import type { CommandContext } from '../api.js';

/** Milliseconds of work between two turns of the event loop. */
const TIME_SLICE_MS = 5;

/**
 * Calls `visit` for each row; `read` builds the row, and may be left out of a sample. Rows are the caller's to keep.
 */
export function* forEachVisibleRow(
  cx: CommandContext, relation: Relation, visit: (rowId: RowId, read: () => Row) => void, snapshot: Snapshot = cx.session.transaction.catalogSnapshot(),
): Suspendable<void> {
  const width = relation.attributes.length;
  let sliceStart = cx.env.clock.monotonicMs();
  const scan = relation.openHeap().scan(snapshot);
  for (let view = yield* nextView(scan); view !== null; view = yield* nextView(scan)) {
    const { firstRowId, changedRowIds } = view;
    const columns: ColumnVector[] = [];
    for (let at = 0; at < width; at++) columns.push(view.column(at));
    const count = view.selection ? view.selected : view.positions;
    for (let i = 0; i < count; i++) {
      const position = view.selection ? view.selection[i] : i;
      visit(firstRowId + position, () => columns.map((column) => column.get(position)));
    }
    view.changedRows.forEach((row, i) => visit(changedRowIds[i], () => row));
    cx.services.checkInterrupts();
    if (cx.env.clock.monotonicMs() - sliceStart > TIME_SLICE_MS) {
      yield yieldToEventLoop();
      sliceStart = cx.env.clock.monotonicMs();
    }
  }
}
