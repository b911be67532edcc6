/**
 * Writes rows of one table: constraints, unique indexes, index entries, triggers and foreign-key events around the
 * storage's insert, update and delete. ModifyTable, foreign-key actions and COPY all write through it.
 */
import type { ColumnValues, EntryBatch, Heap, Index, Snapshot, UniqueProbe, WriteResult } from '../../access/api.js';
import { pgError, notSupported } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { IndexDescriptor, Relation } from '../../catalog/api.js';
import { KEYED_METHODS } from '../../catalog/index-descriptor.js';
import { valueAt } from '../../codec/column-values.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { NO_ROW } from '../expression/compile.js';
import { indexKeys, type IndexKeys } from '../relation-access.js';
import { checkRow, checkRowWaiting, computeGenerated, relationChecks, type RelationChecks } from './constraints.js';
import { queueForeignKeys } from './foreign-keys.js';
import { settleWrite, waitForRow, wantedRow } from './row-lock.js';
import { keyText } from './row-text.js';
import { fireRowTriggers, hooks, triggerApplies, triggersFor, type TransitionTables, type TriggerCall, type TriggerEvent } from './trigger-hooks.js';

/** An index of the table, open. */
interface OpenedIndex {
  readonly keys: IndexKeys;
  readonly index: Index;
}

/** What an update or delete came to. */
export type WriteOutcome =
  | { readonly kind: 'done' }
  /** A BEFORE trigger said so. */
  | { readonly kind: 'skipped' }
  /** Changed by this very command already. */
  | { readonly kind: 'selfModified' }
  | { readonly kind: 'changed'; readonly values: Row | null };

const DONE: WriteOutcome = { kind: 'done' };
const SKIPPED: WriteOutcome = { kind: 'skipped' };
const SELF_MODIFIED: WriteOutcome = { kind: 'selfModified' };

/** Facts of a relation for writing, compiled once per relation entry. */
interface WriterProgram {
  readonly checks: RelationChecks;
  /** Attribute numbers whose change counts as a key change (columns of unique indexes). */
  readonly keyAttributes: ReadonlySet<number>;
  readonly indexes: readonly OpenedIndex[];
}
const writerPrograms = new WeakMap<Relation, WriterProgram>();

function writerProgram(S: ExecutionState, relation: Relation): WriterProgram {
  let program = writerPrograms.get(relation);
  if (program === undefined) {
    if (relation.constraints.some((constraint) => constraint.contype === 'x')) throw notSupported('writing to a table with an exclusion constraint');
    const keyAttributes = new Set(relation.indexes.filter((index) => index.unique && index.predicate === null && index.expressions === null)
      .flatMap((index) => index.attributes.slice(0, index.keyCount)));
    const indexes = relation.indexes.filter((index) => index.row.indisready)
      .map((descriptor) => ({ keys: indexKeys(S.catalog, relation, descriptor), index: descriptor.open() }));
    program = { checks: relationChecks(S.catalog, relation), keyAttributes, indexes };
    writerPrograms.set(relation, program);
  }
  return program;
}

/** The key of the row in the index; null when the row is not in it (partial index). */
function keyInIndex(S: ExecutionState, keys: IndexKeys, row: Row): string | null {
  if (keys.predicate !== null && !keys.predicate.evaluateAtOnce(S, row, NO_ROW, NO_ROW)) return null;
  return keys.key(S, row);
}

/** A table open for writing within one execution. */
export class TableWriter {
  readonly heap: Heap;
  private readonly program: WriterProgram;
  private readonly indexes: readonly OpenedIndex[];
  /** Keys of the row that `tryInsert` is at: one list for all rows. */
  private readonly rowKeys: (string | null)[] = [];
  /** Rows for transition tables, when an AFTER statement trigger wants them. */
  transition: TransitionTables | null = null;
  /** The row as it was written last (after BEFORE triggers and generated columns), with its id. */
  lastRow: Row = NO_ROW;
  lastRowId = 0;

  constructor(private readonly S: ExecutionState, readonly relation: Relation) {
    this.heap = relation.openHeap();
    this.program = writerProgram(S, relation);
    this.indexes = this.program.indexes;
  }

  /**
   * Inserts a row (all attributes; generated ones are computed here). False when a BEFORE trigger skipped it.
   * `afterBefore` runs between BEFORE triggers and constraints (row security); `arbitrate` decides on conflicts just
   * before the row is stored and may wait: false gives up the insertion.
   */
  *insert(values: Row, afterBefore: ((row: Row) => Suspendable<void>) | null = null, arbitrate: ((row: Row) => Suspendable<boolean>) | null = null): Suspendable<boolean> {
    const { S, relation, program } = this;
    let row = values;
    if (relation.triggers.length > 0 && triggersFor(S, relation, 'insert', 'before', 'row').length > 0) {
      const result = yield* fireRowTriggers(S, relation, 'insert', 'before', null, row, []);
      if (result === null) return false;
      row = result;
    }
    if (program.checks.generated.length > 0) {
      row = row.slice();
      yield* computeGenerated(S, program.checks, row);
    }
    if (afterBefore !== null) yield* afterBefore(row);
    if (!checkRow(S, relation, program.checks, row)) yield* checkRowWaiting(S, relation, program.checks, row);
    this.lastRow = row;
    for (;;) {
      if (arbitrate !== null && !(yield* arbitrate(row))) return false;
      // A wait inside means that everything must be looked at again.
      if (!(yield* this.probeAll(row, 0, null))) break;
    }
    const rowId = this.heap.insert(S.context.transaction, row);
    this.lastRowId = rowId;
    for (const { keys, index } of this.indexes) {
      const key = keyInIndex(S, keys, row);
      if (key !== null) index.insert(S.context.transaction, key, rowId);
    }
    this.afterRow('insert', null, row, rowId, NO_COLUMNS);
    return true;
  }

  /**
   * Inserts a row that needs no wait and no trigger: the path of bulk loads (a third less time per statement). False:
   * nothing was done, use `insert`. Throws as `insert` does.
   */
  tryInsert(row: Row): boolean {
    const { S, relation, program, indexes } = this;
    if (program.checks.generated.length > 0 || (relation.triggers.length > 0 && triggersFor(S, relation, 'insert', 'before', 'row').length > 0)) return false;
    if (!checkRow(S, relation, program.checks, row)) return false;
    const keys = this.rowKeys;
    for (let index = 0; index < indexes.length; index++) {
      const opened = indexes[index];
      const { descriptor } = opened.keys;
      const key = keyInIndex(S, opened.keys, row);
      keys[index] = key;
      if (!descriptor.unique || key === null || (!descriptor.nullsNotDistinct && this.hasNullKey(opened.keys, row))) continue;
      if (!descriptor.immediate) return false;
      const probe = this.probe(opened, key, 0);
      if (probe.kind === 'conflict') throw this.uniqueViolation(opened, row);
      if (probe.kind === 'wait') return false;
    }
    this.lastRow = row;
    this.lastRowId = this.heap.insert(S.context.transaction, row);
    for (let index = 0; index < indexes.length; index++) {
      const key = keys[index];
      if (key !== null) indexes[index].index.insert(S.context.transaction, key, this.lastRowId);
    }
    this.afterRow('insert', null, row, this.lastRowId, NO_COLUMNS);
    return true;
  }

  /**
   * Whether rows may come as columns: there is nothing to be done for each of them but to store it and its index entries. What this
   * says holds for the statement.
   */
  get takesColumns(): boolean {
    const { relation, program, indexes } = this;
    const { checks, generated } = program.checks;
    if (checks.length > 0 || generated.length > 0 || relation.triggers.length > 0 || this.transition !== null) return false;
    if (relation.constraints.some((constraint) => constraint.contype === 'f')) return false;
    return indexes.every(({ keys: { computed, descriptor } }) => !computed && descriptor.immediate && KEYED_METHODS.has(descriptor.accessMethod));
  }

  /**
   * Inserts `rows` rows that come as columns, one for each attribute, where `takesColumns`. False: nothing was done, `tryInsert` them; one may be in the way of a constraint, or they are not a whole chunk.
   */
  tryInsertColumns(columns: readonly ColumnValues[], rows: number): boolean {
    const { S: { context: { transaction } }, heap, indexes } = this;
    if (heap.rowsToChunk !== 0) return false;
    for (const attribute of this.program.checks.notNull) if (hasNull(columns[attribute], rows)) return false;
    const batches: EntryBatch[] = [];
    for (const { keys: { descriptor, plainAttributes }, index } of indexes) {
      const keyColumns = plainAttributes.map((attribute) => columns[attribute - 1]);
      if (descriptor.unique && !descriptor.nullsNotDistinct && keyColumns.some((column) => hasNull(column, rows))) return false;
      const batch = index.prepare(columnKeys(descriptor, keyColumns, rows), descriptor.unique);
      if (batch === null) return false;
      batches.push(batch);
    }
    const firstRowId = heap.insertColumns(transaction, columns, rows);
    if (firstRowId === 0) return false;
    for (const batch of batches) batch.insert(transaction, firstRowId);
    return true;
  }

  /** Probes the unique indexes whose key the row changes. True when it had to wait: probe again. 23505. */
  private *probeAll(row: Row, selfRowId: number, old: Row | null): Suspendable<boolean> {
    const { S } = this;
    for (const opened of this.indexes) {
      const { descriptor } = opened.keys;
      if (!descriptor.unique) continue;
      const key = this.probeKey(opened, row, old);
      if (key === null) continue;
      if (!descriptor.immediate) {
        this.queueUniqueCheck(opened, row, selfRowId);
        continue;
      }
      const probe = this.probe(opened, key, selfRowId);
      if (probe.kind === 'conflict') throw this.uniqueViolation(opened, row);
      if (probe.kind === 'wait') {
        yield* waitForRow(S, probe.transaction, selfRowId === 0 ? 'inserting index' : 'updating', this.relation.name, selfRowId);
        return true;
      }
    }
    return false;
  }

  private probe(opened: OpenedIndex, key: string, selfRowId: number): UniqueProbe {
    const { S } = this;
    return S.context.storage.probeUnique(S.context.transaction, this.heap, opened.index, key, selfRowId, (row) => keyInIndex(S, opened.keys, row));
  }

  /** The key to be probed; null when there is nothing to conflict with. */
  private probeKey(opened: OpenedIndex, row: Row, old: Row | null): string | null {
    const { S } = this;
    const { keys } = opened;
    if (old !== null && !keys.computed && sameColumns(keys.plainAttributes, old, row)) return null;
    const key = keyInIndex(S, keys, row);
    if (key === null || (old !== null && keyInIndex(S, keys, old) === key)) return null;
    if (!keys.descriptor.nullsNotDistinct && this.hasNullKey(keys, row)) return null;
    return key;
  }

  private hasNullKey(keys: IndexKeys, row: Row): boolean {
    if (!keys.computed) {
      for (const attribute of keys.plainAttributes) if (row[attribute - 1] === null) return true;
      return false;
    }
    return keys.values(this.S, row).includes(null);
  }

  private uniqueViolation(opened: OpenedIndex, row: Row): Error {
    const { S, relation } = this;
    const { descriptor } = opened.keys;
    return pgError('UNIQUE_VIOLATION', `duplicate key value violates unique constraint "${descriptor.name}"`, {
      detail: `Key ${keyText(S, relation, descriptor, opened.keys.values(S, row))} already exists.`,
      schema: relation.namespaceName, table: relation.name, constraint: descriptor.name,
    });
  }

  /** A deferrable unique constraint: looked at when the statement (or the transaction) ends. */
  private queueUniqueCheck(opened: OpenedIndex, row: Row, selfRowId: number): void {
    const { S, relation } = this;
    const constraint = relation.constraints.find((item) => item.conindid === opened.keys.descriptor.oid && (item.contype === 'u' || item.contype === 'p'));
    S.context.afterEvents.add({
      constraint: constraint?.oid ?? 0, deferrable: true, initiallyDeferred: constraint?.condeferred ?? false,
      run: () => this.checkUniqueLater(opened, row, selfRowId),
    });
  }

  private *checkUniqueLater(opened: OpenedIndex, row: Row, selfRowId: number): Suspendable<void> {
    const { S } = this;
    const rowId = selfRowId === 0 ? this.rowIdOf(opened, row) : selfRowId;
    const current = rowId === 0 ? null : this.heap.fetch(rowId, S.context.transaction.catalogSnapshot());
    const key = current === null ? null : this.probeKey(opened, current, null);
    if (current === null || key === null) return;
    for (;;) {
      const probe = this.probe(opened, key, rowId);
      if (probe.kind === 'free') return;
      if (probe.kind === 'conflict') throw this.uniqueViolation(opened, current);
      yield* waitForRow(S, probe.transaction, 'inserting index', this.relation.name, rowId);
    }
  }

  /** The id under which a row just inserted was stored (its own entry is among those of its key). */
  private rowIdOf(opened: OpenedIndex, row: Row): number {
    for (const rowId of opened.index.lookup(opened.keys.key(this.S, row), false)) {
      if (this.heap.fetch(rowId, this.S.context.transaction.catalogSnapshot()) === row) return rowId;
    }
    return this.lastRowId;
  }

  /**
   * Writes a new version of a row that `snapshot` saw as `old`. `updatedColumns` are attribute numbers. A newer version
   * is reported, not overwritten.
   */
  *update(rowId: number, old: Row, values: Row, updatedColumns: readonly number[], snapshot: Snapshot, afterBefore: ((row: Row) => Suspendable<void>) | null = null): Suspendable<WriteOutcome> {
    const { S, relation, program } = this;
    const { transaction } = S.context;
    let row = values;
    if (relation.triggers.length > 0 && triggersFor(S, relation, 'update', 'before', 'row').length > 0) {
      const locked = yield* settleWrite(S, this.heap, relation.name, rowId, 'updating', () => this.heap.lock(transaction, rowId, this.keysChanged(old, row) ? 'update' : 'noKeyUpdate', snapshot));
      if (locked.kind === 'changed') return locked;
      if (locked.kind === 'selfModified') return SELF_MODIFIED;
      const result = yield* fireRowTriggers(S, relation, 'update', 'before', old, row, updatedColumns);
      if (result === null) return SKIPPED;
      row = result;
    }
    if (program.checks.generated.length > 0) {
      row = row.slice();
      yield* computeGenerated(S, program.checks, row);
    }
    if (afterBefore !== null) yield* afterBefore(row);
    if (!checkRow(S, relation, program.checks, row)) yield* checkRowWaiting(S, relation, program.checks, row);
    const keysChanged = this.keysChanged(old, row);
    for (;;) {
      if (yield* this.probeAll(row, rowId, old)) continue;
      const result = this.heap.update(transaction, rowId, row, snapshot, keysChanged);
      if (result.kind === 'ok') break;
      if (result.kind === 'selfModified') return SELF_MODIFIED;
      if (result.kind === 'changed') return result;
      yield* waitForRow(S, result.transaction, 'updating', relation.name, rowId, wantedRow(this.heap, rowId, result));
    }
    this.lastRow = row;
    this.lastRowId = rowId;
    this.moveIndexEntries(rowId, old, row);
    this.afterRow('update', old, row, rowId, updatedColumns);
    return DONE;
  }

  /**
   * `update` where nothing has to be triggered, generated or probed: the path of most updates (five generators less). Where it
   * comes to anything but `ok`, or to null, nothing was done; null: use `update`. Throws as that does.
   */
  tryUpdate(rowId: number, old: Row, row: Row, updatedColumns: readonly number[], snapshot: Snapshot): WriteResult | null {
    const { S, relation, program } = this;
    if (relation.triggers.length > 0 || program.checks.generated.length > 0) return null;
    if (!checkRow(S, relation, program.checks, row)) return null;
    for (const { keys } of this.indexes) if (keys.descriptor.unique && (keys.computed || !sameColumns(keys.plainAttributes, old, row))) return null;
    const result = this.heap.update(S.context.transaction, rowId, row, snapshot, this.keysChanged(old, row));
    if (result.kind !== 'ok') return result;
    this.lastRow = row;
    this.lastRowId = rowId;
    this.moveIndexEntries(rowId, old, row);
    this.afterRow('update', old, row, rowId, updatedColumns);
    return result;
  }

  private keysChanged(old: Row, row: Row): boolean {
    for (const attribute of this.program.keyAttributes) if (old[attribute - 1] !== row[attribute - 1]) return true;
    return false;
  }

  private moveIndexEntries(rowId: number, old: Row, row: Row): void {
    const { S } = this;
    const { transaction } = S.context;
    for (const { keys, index } of this.indexes) {
      if (!keys.computed && sameColumns(keys.plainAttributes, old, row)) continue;
      const before = keyInIndex(S, keys, old);
      const after = keyInIndex(S, keys, row);
      if (before === after) continue;
      if (before !== null) index.remove(transaction, before, rowId);
      if (after !== null) index.insert(transaction, after, rowId);
    }
  }

  /** Deletes a row that `snapshot` saw as `old`. */
  *delete(rowId: number, old: Row, snapshot: Snapshot): Suspendable<WriteOutcome> {
    const { S, relation } = this;
    const { transaction } = S.context;
    if (relation.triggers.length > 0 && triggersFor(S, relation, 'delete', 'before', 'row').length > 0) {
      const locked = yield* settleWrite(S, this.heap, relation.name, rowId, 'deleting', () => this.heap.lock(transaction, rowId, 'update', snapshot));
      if (locked.kind === 'changed') return locked;
      if (locked.kind === 'selfModified') return SELF_MODIFIED;
      if ((yield* fireRowTriggers(S, relation, 'delete', 'before', old, null, [])) === null) return SKIPPED;
    }
    const result = yield* settleWrite(S, this.heap, relation.name, rowId, 'deleting', () => this.heap.delete(transaction, rowId, snapshot));
    if (result.kind === 'selfModified') return SELF_MODIFIED;
    if (result.kind === 'changed') return result;
    this.lastRow = old;
    this.lastRowId = rowId;
    for (const { keys, index } of this.indexes) {
      const key = keyInIndex(S, keys, old);
      if (key !== null) index.remove(transaction, key, rowId);
    }
    this.afterRow('delete', old, null, rowId, NO_COLUMNS);
    return DONE;
  }

  /** Queues what follows the change: foreign keys, AFTER row triggers, transition rows. */
  private afterRow(event: TriggerEvent, oldRow: Row | null, newRow: Row | null, rowId: number, updatedColumns: readonly number[]): void {
    const { S, relation, transition } = this;
    if (transition !== null) {
      if (oldRow !== null) transition.oldRows.push(oldRow);
      if (newRow !== null) transition.newRows.push(newRow);
    }
    if (relation.constraints.length > 0 || relation.referencedBy.length > 0) queueForeignKeys(S, relation, oldRow, newRow, rowId);
    if (relation.triggers.length === 0) return;
    for (const trigger of triggersFor(S, relation, event, 'after', 'row')) {
      const call: TriggerCall = { trigger, relation, event, timing: 'after', level: 'row', oldRow, newRow, transitionTables: transition };
      S.context.afterEvents.add({
        constraint: trigger.tgconstraint, deferrable: trigger.tgdeferrable, initiallyDeferred: trigger.tginitdeferred,
        *run() {
          if (yield* triggerApplies(S, call, updatedColumns)) yield* hooks(S).fire(call, S);
        },
      });
    }
  }

  /** Looks for a row that conflicts with `row` in the given unique indexes (none: all). Waits for other transactions. */
  *findConflict(row: Row, arbiters: readonly number[]): Suspendable<number> {
    const { S } = this;
    retry: for (;;) {
      for (const opened of this.indexes) {
        const { descriptor } = opened.keys;
        if (!descriptor.unique || (arbiters.length > 0 && !arbiters.includes(descriptor.oid))) continue;
        if (!descriptor.immediate) {
          throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters', {
            schema: this.relation.namespaceName, table: this.relation.name, constraint: descriptor.name,
          });
        }
        const key = this.probeKey(opened, row, null);
        if (key === null) continue;
        const probe = this.probe(opened, key, 0);
        if (probe.kind === 'conflict') return probe.rowId;
        if (probe.kind === 'wait') {
          yield* waitForRow(S, probe.transaction, 'inserting index', this.relation.name, 0);
          continue retry;
        }
      }
      return 0;
    }
  }
}

const NO_COLUMNS: readonly number[] = [];

function hasNull(column: ColumnValues, rows: number): boolean {
  switch (column.kind) {
    case 'null': return true;
    case 'values': return column.values.includes(null);
    default: {
      const at = column.nulls === null ? -1 : column.nulls.indexOf(1);
      return at >= 0 && at < rows;
    }
  }
}

/** The keys of rows that come as columns, of the columns of an index. */
function columnKeys(descriptor: IndexDescriptor, columns: readonly ColumnValues[], rows: number): string[] {
  const keys: string[] = [];
  const values: Datum[] = [];
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < columns.length; at++) values[at] = valueAt(columns[at], row);
    keys.push(descriptor.encodeKey(values));
  }
  return keys;
}

function sameColumns(attributes: readonly number[], old: Row, row: Row): boolean {
  for (const attribute of attributes) if (old[attribute - 1] !== row[attribute - 1]) return false;
  return true;
}
