/**
 * Foreign keys: a changed referencing row must find its key in the referenced table (and locks that row KEY SHARE); a
 * changed referenced row looks after the rows that refer to it (NO ACTION, RESTRICT, CASCADE, SET NULL, SET DEFAULT).
 * Everything runs as after-events and reads the newest committed state, as PostgreSQL's ri_triggers.c does.
 */
import type { LockTag, Snapshot } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Catalog, IndexDescriptor, Relation } from '../../catalog/api.js';
import type { PgConstraint } from '../../catalog/rows.js';
import type { ArrayValue, Datum, Row } from '../../types/datum.js';
import { hashEncoder, typeKeyKind } from '../comparison.js';
import { ExecutionState, type ExecutionContext } from '../context.js';
import { compileValue, NO_ROW } from '../expression/compile.js';
import { childReader, scopeFor } from '../readers.js';
import { NO_STATEMENT, openRelation } from '../relation-access.js';
import { rowsOfView } from '../operators/seq-scan.js';
import { storedExpression } from '../stored-expression.js';
import { lockRow, requireReadCommitted } from './row-lock.js';
import { pairText, valueText } from './row-text.js';
import { TableWriter } from './table-writer.js';

function numbers(value: ArrayValue | null): readonly number[] {
  return value === null ? [] : (value.elements as readonly number[]);
}

/** Queues the checks and actions that a change of one row calls for. */
export function queueForeignKeys(S: ExecutionState, relation: Relation, oldRow: Row | null, newRow: Row | null, rowId: number): void {
  if (S.context.settings.replicaRole) return;
  const { afterEvents } = S.context;
  if (newRow !== null) {
    for (const constraint of relation.constraints) {
      if (constraint.contype !== 'f' || !constraint.conenforced) continue;
      const columns = numbers(constraint.conkey);
      if (oldRow !== null && sameValues(columns, oldRow, newRow)) continue;
      if (columns.every((column) => newRow[column - 1] === null)) continue;
      afterEvents.add({
        constraint: constraint.oid, deferrable: constraint.condeferrable, initiallyDeferred: constraint.condeferred,
        run: (context) => checkReferencing(context, relation, constraint, newRow, rowId),
      });
    }
  }
  if (oldRow === null) return;
  for (const constraint of relation.referencedBy) {
    if (!constraint.conenforced) continue;
    const columns = numbers(constraint.confkey);
    if (newRow !== null && sameValues(columns, oldRow, newRow)) continue;
    if (columns.some((column) => oldRow[column - 1] === null)) continue;
    const action = newRow === null ? constraint.confdeltype : constraint.confupdtype;
    afterEvents.add({
      constraint: constraint.oid, deferrable: constraint.condeferrable && action === 'a', initiallyDeferred: constraint.condeferred,
      run: (context) => referencedChanged(context, relation, constraint, action, oldRow, newRow),
    });
  }
}

function sameValues(columns: readonly number[], a: Row, b: Row): boolean {
  return columns.every((column) => a[column - 1] === b[column - 1]);
}

/** A value as the other side's type holds it, where the two represent values differently. */
function convert(S: ExecutionState, from: number, to: number, value: Datum): Datum {
  const kind = (type: number) => {
    const found = typeKeyKind(S.catalog, type);
    return found === 'identity' ? found : found.kind;
  };
  if (value === null || kind(from) === kind(to)) return value;
  return S.services.types.input(to, S.services.types.output(from, value));
}

function columnType(relation: Relation, column: number): number {
  return relation.attributes[column - 1].atttypid;
}

function* checkReferencing(context: ExecutionContext, relation: Relation, constraint: PgConstraint, newRow: Row, rowId: number): Suspendable<void> {
  const S = new ExecutionState(context, NO_STATEMENT);
  const latest = context.transaction.catalogSnapshot();
  const columns = numbers(constraint.conkey);
  // A row that is gone, or changed its key again, has nothing left to check here.
  const current = relation.openHeap().fetch(rowId, latest);
  if (current === null || !sameValues(columns, current, newRow)) return;
  const referenced = openRelation(context.catalog, constraint.confrelid);
  const nulls = columns.filter((column) => newRow[column - 1] === null).length;
  if (nulls > 0) {
    if (constraint.confmatchtype !== 'f') return;
    throw pgError('FOREIGN_KEY_VIOLATION', `insert or update on table "${relation.name}" violates foreign key constraint "${constraint.conname}"`, {
      detail: 'MATCH FULL does not allow mixing of null and nonnull key values.', ...where(relation, constraint),
    });
  }
  const keyColumns = numbers(constraint.confkey);
  const values = columns.map((column, index) => convert(S, columnType(relation, column), columnType(referenced, keyColumns[index]), newRow[column - 1]));
  if (yield* lockReferenced(S, referenced, constraint, keyColumns, values)) return;
  throw pgError('FOREIGN_KEY_VIOLATION', `insert or update on table "${relation.name}" violates foreign key constraint "${constraint.conname}"`, {
    detail: `Key ${keyOf(S, relation, columns, newRow)} is not present in table "${referenced.name}".`, ...where(relation, constraint),
  });
}

function where(relation: Relation, constraint: PgConstraint): { schema: string; table: string; constraint: string } {
  return { schema: relation.namespaceName, table: relation.name, constraint: constraint.conname };
}

function keyOf(S: ExecutionState, relation: Relation, columns: readonly number[], row: Row): string {
  return pairText(columns.map((column) => relation.attributes[column - 1].attname), columns.map((column) => valueText(S, columnType(relation, column), row[column - 1])));
}

/** Finds the referenced row and locks it KEY SHARE; false when it is not there. */
function* lockReferenced(S: ExecutionState, referenced: Relation, constraint: PgConstraint, columns: readonly number[], values: readonly Datum[]): Suspendable<boolean> {
  const heap = referenced.openHeap();
  for (;;) {
    const snapshot = S.context.transaction.catalogSnapshot();
    const [found] = findRows(S, referenced, columns, values, snapshot);
    if (found === undefined) return false;
    const outcome = yield* lockRow(S, heap, referenced.name, found.rowId, 'keyShare', 'block', snapshot);
    if (outcome.kind === 'locked' || outcome.kind === 'selfModified') return true;
    if (outcome.kind === 'changed') requireReadCommitted(S, outcome.values);
  }
}

interface FoundRow { readonly rowId: number; readonly row: Row }

/** An index whose leading columns are exactly these columns, in any order. */
function indexOver(relation: Relation, columns: readonly number[]): IndexDescriptor | null {
  return relation.indexes.find((index) => index.valid && index.predicate === null && index.keyCount >= columns.length
    && index.accessMethod === 'btree' && index.attributes.slice(0, columns.length).every((attribute) => attribute !== 0 && columns.includes(attribute))) ?? null;
}

/** Rows of a relation with the given values in the given columns, through an index where there is one. */
function* findRowsIn(S: ExecutionState, relation: Relation, columns: readonly number[], values: readonly Datum[], snapshot: Snapshot): Generator<FoundRow, void, void> {
  const matches = matcher(S.catalog, relation, columns, values);
  const heap = relation.openHeap();
  const descriptor = indexOver(relation, columns);
  if (descriptor !== null) {
    const key = descriptor.encodeKey(descriptor.attributes.slice(0, columns.length).map((attribute) => values[columns.indexOf(attribute)]));
    const seen = new Set<number>();
    for (const rowId of descriptor.open().lookup(key, descriptor.keyCount > columns.length)) {
      const row = seen.has(rowId) ? null : heap.fetch(rowId, snapshot);
      seen.add(rowId);
      if (row !== null && matches(row)) yield { rowId, row };
    }
    return;
  }
  for (const view of heap.scan(snapshot)) {
    const { rows, rowIds } = rowsOfView(view, view.selection === null ? view.positions : view.selected, relation.attributes.length);
    for (let index = 0; index < rows.length; index++) if (matches(rows[index])) yield { rowId: rowIds[index], row: rows[index] };
    for (let index = 0; index < view.changedRows.length; index++) {
      if (matches(view.changedRows[index])) yield { rowId: view.changedRowIds[index], row: view.changedRows[index] };
    }
  }
}

function findRows(S: ExecutionState, relation: Relation, columns: readonly number[], values: readonly Datum[], snapshot: Snapshot): FoundRow[] {
  return [...findRowsIn(S, relation, columns, values, snapshot)];
}

function matcher(catalog: Catalog, relation: Relation, columns: readonly number[], values: readonly Datum[]): (row: Row) => boolean {
  const tests = columns.map((column, index) => {
    const encode = hashEncoder(catalog, columnType(relation, column));
    const wanted = encode === null || values[index] === null ? values[index] : encode(values[index]);
    return { at: column - 1, encode, wanted };
  });
  return (row) => tests.every(({ at, encode, wanted }) => {
    const value = row[at];
    return value !== null && (encode === null ? value === wanted : encode(value) === wanted);
  });
}

function* referencedChanged(context: ExecutionContext, relation: Relation, constraint: PgConstraint, action: string, oldRow: Row, newRow: Row | null): Suspendable<void> {
  const S = new ExecutionState(context, NO_STATEMENT);
  // As the statements of ri_triggers.c do: whoever builds an index must know that rows are written.
  const target: LockTag = { kind: 'relation', database: context.catalog.databaseOid, relation: constraint.conrelid };
  yield* context.storage.locks.lock(context.transaction, target, action === 'a' || action === 'r' ? 'RowShare' : 'RowExclusive', context.waitOptions());
  const referencing = openRelation(context.catalog, constraint.conrelid);
  const [keyColumns, columns] = [numbers(constraint.confkey), numbers(constraint.conkey)];
  const snapshot = context.transaction.catalogSnapshot();
  const oldKey = keyColumns.map((column) => oldRow[column - 1]);
  // Another row may have the key by now (NO ACTION only).
  if (action === 'a' && findRows(S, relation, keyColumns, oldKey, snapshot).length > 0) return;
  const values = columns.map((column, index) => convert(S, columnType(relation, keyColumns[index]), columnType(referencing, column), oldKey[index]));
  if (action === 'a' || action === 'r') {
    const [found] = findRows(S, referencing, columns, values, snapshot);
    if (found !== undefined) throw stillReferenced(S, relation, referencing, constraint, action, keyColumns, oldRow);
    return;
  }
  const writer = new TableWriter(S, referencing);
  for (const found of findRows(S, referencing, columns, values, snapshot)) {
    yield* applyAction(S, writer, found, action, constraint, newRow === null ? null : keyColumns.map((column) => newRow[column - 1]), snapshot);
  }
  if (action !== 'd') return;
  // A default that is the key just gone leaves the row as it was: no check of it was queued.
  context.transaction.incrementCommandId();
  const after = context.transaction.catalogSnapshot();
  if (findRows(S, relation, keyColumns, oldKey, after).length === 0 && findRows(S, referencing, columns, values, after).length > 0) {
    throw stillReferenced(S, relation, referencing, constraint, 'a', keyColumns, oldRow);
  }
}

function stillReferenced(S: ExecutionState, relation: Relation, referencing: Relation, constraint: PgConstraint, action: string, keyColumns: readonly number[], oldRow: Row): Error {
  const key = keyOf(S, relation, keyColumns, oldRow);
  if (action === 'r') {
    return pgError('RESTRICT_VIOLATION', `update or delete on table "${relation.name}" violates RESTRICT setting of foreign key constraint "${constraint.conname}" on table "${referencing.name}"`, {
      detail: `Key ${key} is referenced from table "${referencing.name}".`, ...where(referencing, constraint),
    });
  }
  return pgError('FOREIGN_KEY_VIOLATION', `update or delete on table "${relation.name}" violates foreign key constraint "${constraint.conname}" on table "${referencing.name}"`, {
    detail: `Key ${key} is still referenced from table "${referencing.name}".`, ...where(referencing, constraint),
  });
}

function* applyAction(S: ExecutionState, writer: TableWriter, found: FoundRow, action: string, constraint: PgConstraint, newKey: readonly Datum[] | null, firstSnapshot: Snapshot): Suspendable<void> {
  const columns = numbers(constraint.conkey);
  let { row } = found;
  let snapshot = firstSnapshot;
  for (;;) {
    let outcome;
    if (action === 'c' && newKey === null) outcome = yield* writer.delete(found.rowId, row, snapshot);
    else {
      const changed = newKey === null && constraint.confdelsetcols !== null && numbers(constraint.confdelsetcols).length > 0 ? numbers(constraint.confdelsetcols) : columns;
      const next = row.slice();
      for (const column of changed) next[column - 1] = yield* actionValue(S, writer.relation, action, column, columns, newKey, constraint);
      outcome = yield* writer.update(found.rowId, row, next, changed, snapshot);
    }
    if (outcome.kind !== 'changed') return;
    requireReadCommitted(S, outcome.values);
    if (outcome.values === null || !sameValues(columns, outcome.values, row)) return;
    row = outcome.values;
    snapshot = S.context.transaction.catalogSnapshot();
  }
}

function* actionValue(S: ExecutionState, relation: Relation, action: string, column: number, columns: readonly number[], newKey: readonly Datum[] | null, constraint: PgConstraint): Suspendable<Datum> {
  if (action === 'c' && newKey !== null) {
    const position = columns.indexOf(column);
    const referenced = openRelation(S.catalog, constraint.confrelid);
    return convert(S, columnType(referenced, numbers(constraint.confkey)[position]), columnType(relation, column), newKey[position]);
  }
  const text = action === 'd' ? relation.defaults[column - 1] : null;
  if (text === null) return null;
  return yield* compileValue(scopeFor(S.catalog, NO_STATEMENT, childReader), storedExpression(text)).run(S, NO_ROW, NO_ROW, NO_ROW);
}
