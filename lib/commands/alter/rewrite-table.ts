/**
 * Rewrites a table's rows into a new file: changed column types, new columns with volatile defaults, identity and
 * generated columns, SET EXPRESSION, SET LOGGED.
 *
 * Idea: PostgreSQL's ATRewriteTable (commands/tablecmds.c).
 */
import type { Expr } from '../../analyzer/nodes.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { sequencesOf } from '../../catalog/depend.js';
import type { Relation } from '../../catalog/api.js';
import { compileValue, NO_ROW } from '../../executor/expression/compile.js';
import { scanReader, scopeFor } from '../../executor/readers.js';
import { NO_STATEMENT } from '../../executor/relation-access.js';
import type { Datum, Row } from '../../types/datum.js';
import type { CommandContext } from '../api.js';
import { fillIndex } from '../index/create-index.js';
import { forEachVisibleRow } from '../relation/visible-rows.js';
import { openOwn } from '../table/create-table.js';
import { newStorage } from '../table/rewrite.js';

/** A column's new value, over the columns of the row as it was before (range-table index 1). */
export interface NewValue {
  readonly attnum: number;
  readonly expr: Expr;
  /** Over the row with the other new values in it (generated columns). */
  readonly afterOthers?: boolean;
}

/** Rewrites the rows of `before` with new values for some columns into a new file for `after`, and builds its indexes anew. */
export function* rewriteTable(cx: CommandContext, before: Relation, after: Relation, values: readonly NewValue[], persistence?: string): Suspendable<void> {
  if (after.kind === 'p') return;
  const { catalog, transaction } = cx.session;
  const compute = (value: NewValue, relation: Relation) => ({
    at: value.attnum - 1, compiled: compileValue(scopeFor(catalog, NO_STATEMENT, scanReader(1, relation.oid)), value.expr),
  });
  const first = values.filter((value) => !value.afterOthers).map((value) => compute(value, before));
  const second = values.filter((value) => value.afterOthers).map((value) => compute(value, after));
  const indexes = after.indexes;
  newStorage(cx, after.oid, persistence);
  for (const index of indexes) newStorage(cx, index.oid, persistence);
  clearMissing(cx, after);
  catalog.commandCounterIncrement();
  const heap = openOwn(cx, after.oid).openHeap();
  const width = heap.shape.attributeCount;
  const state = cx.executionState();
  yield* forEachVisibleRow(cx, before, (_rowId, read) => {
    const old = read();
    const row: Datum[] = old.length === width ? old.slice() : [...old, ...new Array<Datum>(width - old.length).fill(null)];
    for (const { at, compiled } of first) row[at] = compiled.evaluate(state, padded(old, width), NO_ROW, NO_ROW);
    for (const { at, compiled } of second) row[at] = compiled.evaluate(state, row, NO_ROW, NO_ROW);
    checkNotNull(after, row);
    heap.insert(transaction, row);
  });
  catalog.commandCounterIncrement();
  const fresh = openOwn(cx, after.oid);
  for (const index of fresh.indexes) yield* fillIndex(cx, fresh, index);
}

function padded(row: Row, width: number): Row {
  return row.length >= width ? row : [...row, ...new Array<Datum>(width - row.length).fill(null)];
}

/** Every row of the new file has all its columns. */
function clearMissing(cx: CommandContext, relation: Relation): void {
  const attributes = cx.session.catalog.table('pg_attribute');
  for (const attribute of attributes.find({ attrelid: relation.oid })) {
    if (attribute.atthasmissing) attributes.update(attribute, { atthasmissing: false, attmissingval: null });
  }
}

function checkNotNull(relation: Relation, row: Row): void {
  for (const attribute of relation.attributes) {
    if (!attribute.attnotnull || attribute.attisdropped || attribute.attgenerated === 'v' || row[attribute.attnum - 1] !== null) continue;
    throw pgError('NOT_NULL_VIOLATION', `column "${attribute.attname}" of relation "${relation.name}" contains null values`, {
      schema: relation.namespaceName, table: relation.name, column: attribute.attname,
    });
  }
}

/** Gives the rows that are there the next values of a new identity column's sequence. */
export function* fillIdentity(cx: CommandContext, relation: Relation, attnum: number): Suspendable<void> {
  const [seqid] = sequencesOf(cx.session.catalog, relation.oid, attnum, 'i');
  if (seqid === undefined) return;
  yield* rewriteTable(cx, relation, relation, [{ attnum, expr: { node: 'NextValueExpr', seqid, typeId: relation.attributes[attnum - 1].atttypid } }]);
}
