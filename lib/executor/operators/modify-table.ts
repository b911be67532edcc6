/**
 * ModifyTable: INSERT (with ON CONFLICT), UPDATE, DELETE and MERGE over the rows of its child, with RETURNING. Rows that
 * another transaction changed meanwhile are re-checked (READ COMMITTED) or refused (40001).
 *
 * Idea: PostgreSQL's nodeModifyTable.c.
 */
import type { Snapshot } from '../../access/api.js';
import type { MergeAction } from '../../analyzer/nodes.js';
import { notSupported, pgError } from '../../base/error.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { ModifyTablePlan } from '../../planner/plan-nodes.js';
import { RecordValue, type Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { NO_ROW } from '../expression/compile.js';
import { lockRow, recheck, requireReadCommitted, substitutesFor, waitForRow, wantedRow, type RowBlocker } from '../modify/row-lock.js';
import type { WriteOutcome } from '../modify/table-writer.js';
import { fireRowTriggers, fireStatementTriggers, triggersFor, type TransitionTables, type TriggerEvent } from '../modify/trigger-hooks.js';
import { createOperator } from './create.js';
import { compileTarget, Target, type MergeProgram, type TargetProgram } from './modify-target.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';
import { nullRow } from '../row.js';

const NO_ROWS: Batch = [];
const programs = new ProgramCache<ModifyTablePlan, readonly TargetProgram[]>();

/** How far an update of a row has got: what the child made of which version of it. */
interface RowUpdate {
  readonly rowId: number;
  readonly o: Row;
  readonly old: Row;
  /** Saw `old` as the row's newest version. */
  readonly snapshot: Snapshot;
  /** Who is in its way; null: it is to be done the ordinary way. */
  readonly blocker: RowBlocker | null;
}

/** Changes rows. */
export class ModifyTable extends Operator {
  private readonly targets: readonly Target[];
  private readonly child: Operator;
  private out: Batch = [];
  /** The child's rows that `atOnce` has left to `run`; null: it has read none. */
  private left: Batch | null = null;
  /** The update that `tryUpdate` has left to `update`, or to the end of a wait. */
  private begun: RowUpdate | null = null;

  constructor(private readonly S: ExecutionState, private readonly plan: ModifyTablePlan) {
    super();
    const compiled = programs.get(plan, () => plan.resultRelations.map((target) => compileTarget(S, plan, target)));
    this.targets = compiled.map((program) => new Target(S, program));
    this.child = createOperator(S, plan.child);
  }

  /** Where the child gives its rows at once, and nobody is in the way of any. */
  override atOnce(): Batch | null {
    const target = this.plainTarget();
    if (target === null || target.relation.triggers.length > 0) return null;
    const rows = this.left ?? this.child.atOnce();
    if (rows === null) return null;
    for (let index = 0; index < rows.length; index++) {
      if (this.tryChange(target, rows[index])) continue;
      this.left = index === 0 ? rows : rows.slice(index);
      return null;
    }
    return NO_ROWS;
  }

  override rowWait(): Suspendable<void> | null {
    const { S, left, begun } = this;
    // With more rows to come, the statement's snapshot is needed after the wait.
    if (begun === null || begun.blocker === null || left!.length > 1) return null;
    const { rowId, blocker } = begun;
    const { writer: { heap }, relation } = this.targets[0];
    return waitForRow(S, blocker.transaction, 'updating', relation.name, rowId, wantedRow(heap, rowId, blocker));
  }

  *run(): BatchStream {
    const { S } = this;
    const finish = yield* this.beginStatementTriggers();
    const plain = this.plainTarget();
    for (const item of this.left === null ? this.child.run() : [this.left]) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (let index = 0; index < item.length; index++) {
        if (plain !== null && this.tryChange(plain, item[index])) continue;
        yield* this.one(item[index]);
        if (this.out.length >= BATCH_ROWS) yield this.take();
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    if (finish !== null) yield* finish();
    if (this.out.length > 0) yield this.take();
  }

  /** The target of an INSERT (or UPDATE) that has nothing beside the rows to look after; null for all other statements. */
  private plainTarget(): Target | null {
    const { operation, onConflict } = this.plan;
    if (!(operation === 'insert' || operation === 'update') || onConflict !== null || (operation === 'update' && this.targets.length > 1)) return null;
    const [target] = this.targets;
    return target.isView || target.program.returning !== null || target.program.checkOptions.length > 0 ? null : target;
  }

  /** Inserts or updates a row that nobody else is at; false when it must be done the ordinary way: nothing was done. */
  private tryChange(target: Target, row: Row): boolean {
    if (this.plan.operation === 'update') return this.tryUpdate(target, row);
    if (!target.writer.tryInsert(visible(row, target.program.width))) return false;
    this.count();
    return true;
  }

  private take(): Batch {
    const batch = this.out;
    this.out = [];
    return batch;
  }

  private *one(row: Row): Suspendable<void> {
    switch (this.plan.operation) {
      case 'insert': return yield* this.insert(this.targets[0], row);
      case 'update': return yield* this.update(this.targetOf(row), row);
      case 'delete': return yield* this.delete(this.targetOf(row), row);
      case 'merge': return yield* this.merge(row);
    }
  }

  private targetOf(row: Row): Target {
    const { tableOidColumn } = this.plan;
    if (tableOidColumn === 0 || this.targets.length === 1) return this.targets[0];
    const relid = row[tableOidColumn - 1];
    return this.targets.find((target) => target.program.relid === relid) ?? this.targets[0];
  }

  private count(): void {
    if (this.plan.canSetTag) this.S.processed++;
  }

  /** RETURNING: `o` the child's row, `i` the new version, `x` the old one. */
  private *returned(target: Target, o: Row, newRow: Row | null, oldRow: Row | null, rowId: number): Suspendable<void> {
    this.count();
    const { program } = target;
    const returning = newRow === null ? program.returningDeleted ?? program.returning : program.returning;
    if (returning === null) return;
    const i = newRow === null ? NO_ROW : target.identified(newRow, rowId);
    const x = oldRow === null ? NO_ROW : target.identified(oldRow, rowId);
    this.out.push(returning.waits(this.S) ? yield* returning.generator(this.S, o, i, x) : returning.evaluate(this.S, o, i, x));
  }

  // ---------------------------------------------------------------- INSERT

  private *insert(target: Target, o: Row): Suspendable<void> {
    const values = visible(o, target.program.width);
    if (target.isView) {
      const result = yield* fireRowTriggers(this.S, target.relation, 'insert', 'insteadOf', null, values, []);
      if (result !== null) yield* this.returned(target, o, result, null, 0);
      return;
    }
    const { writer } = target;
    const checked = target.program.checkOptions.length > 0;
    const secure = checked ? (row: Row) => target.check(row, ['rlsInsert']) : null;
    const conflict = this.plan.onConflict;
    let conflictRow = 0;
    for (;;) {
      const inserted = yield* writer.insert(values, secure, conflict === null ? null : function* arbitrate(row) {
        conflictRow = yield* writer.findConflict(row, conflict.arbiterIndexes);
        return conflictRow === 0;
      });
      if (inserted) {
        if (checked) yield* target.check(writer.lastRow, ['view']);
        yield* this.returned(target, o, writer.lastRow, null, writer.lastRowId);
        return;
      }
      if (conflictRow === 0 || conflict === null) return;
      if (conflict.action === 'nothing') {
        if (this.S.context.isolation !== 'read committed') this.requireVisible(target, conflictRow);
        return;
      }
      if (yield* this.conflictUpdate(target, writer.lastRow, conflictRow)) return;
      conflictRow = 0;
    }
  }

  private requireVisible(target: Target, rowId: number): void {
    if (target.writer.heap.fetch(rowId, this.S.snapshot) === null && target.writer.heap.fetch(rowId, this.S.context.transaction.catalogSnapshot()) !== null) {
      throw pgError('T_R_SERIALIZATION_FAILURE', 'could not serialize access due to concurrent update');
    }
  }

  /** ON CONFLICT DO UPDATE on the existing row; false: it went away, try the insertion again. */
  private *conflictUpdate(target: Target, excluded: Row, rowId: number): Suspendable<boolean> {
    const { S } = this;
    const { conflictSet, width } = target.program;
    const { writer } = target;
    const set = conflictSet!;
    const snapshot = S.context.transaction.catalogSnapshot();
    const strength = set.columns.some((column) => target.relation.indexes.some((index) => index.unique && index.attributes.includes(column + 1))) ? 'update' : 'noKeyUpdate';
    const outcome = yield* lockRow(S, writer.heap, target.relation.name, rowId, strength, 'block', snapshot);
    const existing = outcome.kind === 'changed' ? null : writer.heap.fetch(rowId, snapshot);
    if (existing === null) {
      const own = writer.heap.fetchNewest(rowId);
      if (own !== null && outcome.kind === 'selfModified') throw secondTime();
      return own !== null && outcome.kind !== 'changed' ? this.throwSecondTime() : false;
    }
    if (outcome.kind === 'selfModified') throw secondTime();
    if (S.context.isolation !== 'read committed' && writer.heap.fetch(rowId, S.snapshot) === null) {
      throw pgError('T_R_SERIALIZATION_FAILURE', 'could not serialize access due to concurrent update');
    }
    const x = target.identified(existing, rowId);
    if (set.where !== null && !(yield* set.where.run(S, excluded, NO_ROW, x))) return true;
    if (target.program.checkOptions.length > 0) yield* target.check(existing, ['rlsConflict']);
    const changes = yield* set.values.run(S, excluded, NO_ROW, x);
    const next = existing.slice(0, width);
    set.columns.forEach((column, index) => { next[column] = changes[index]; });
    const secure = target.program.checkOptions.length > 0 ? (row: Row) => target.check(row, ['rlsUpdate']) : null;
    const result = yield* writer.update(rowId, existing, next, set.columns.map((column) => column + 1), snapshot, secure);
    if (result.kind === 'changed') return false;
    if (result.kind === 'selfModified') throw secondTime();
    if (result.kind !== 'done') return true;
    if (target.program.checkOptions.length > 0) yield* target.check(writer.lastRow, ['view']);
    yield* this.returned(target, excluded, writer.lastRow, existing, rowId);
    return true;
  }

  private throwSecondTime(): never {
    throw secondTime();
  }

  // ---------------------------------------------------------------- UPDATE

  private tryUpdate(target: Target, input: Row): boolean {
    const { S, begun } = this;
    const rowId = input[this.plan.rowIdColumn - 1] as number | null;
    if (rowId === null) return true;
    const { writer, program: { updateColumns } } = target;
    let o = begun?.o ?? input;
    let snapshot = begun?.snapshot ?? S.snapshot;
    let old = begun?.old ?? writer.heap.fetch(rowId, snapshot);
    let blocker: RowBlocker | null = null;
    this.begun = null;
    while (old !== null) {
      const result = writer.tryUpdate(rowId, old, assigned(old, updateColumns, o), updateColumns, snapshot);
      if (result?.kind === 'ok') this.count();
      if (result?.kind === 'ok' || result?.kind === 'selfModified') return true;
      if (result?.kind !== 'changed') {
        blocker = result;
        break;
      }
      requireReadCommitted(S, result.values);
      if (result.values === null) return true;
      const again = this.child.recheckAtOnce(result.values, rowId);
      if (again === null) return true;
      if (again === undefined) break;
      o = again;
      old = result.values;
      snapshot = S.context.transaction.catalogSnapshot();
    }
    if (old === null) return true;
    this.begun = { rowId, o, old, snapshot, blocker };
    return false;
  }

  private *update(target: Target, input: Row): Suspendable<void> {
    const { S, plan, begun } = this;
    if (target.isView) {
      yield* this.viewChange(target, input, 'update');
      return;
    }
    const rowId = input[plan.rowIdColumn - 1] as number | null;
    if (rowId === null) return;
    const { writer, program: { updateColumns } } = target;
    let o = begun?.o ?? input;
    let snapshot = begun?.snapshot ?? S.snapshot;
    let old = begun?.old ?? writer.heap.fetch(rowId, snapshot);
    this.begun = null;
    const checked = target.program.checkOptions.length > 0;
    const secure = checked ? (row: Row) => target.check(row, ['rlsUpdate']) : null;
    while (old !== null) {
      const next = assigned(old, updateColumns, o);
      const outcome = yield* writer.update(rowId, old, next, updateColumns, snapshot, secure);
      if (outcome.kind === 'done') {
        if (checked) yield* target.check(writer.lastRow, ['view']);
        yield* this.returned(target, o, writer.lastRow, old, rowId);
      }
      if (outcome.kind !== 'changed') return;
      const again = yield* this.again(target, outcome, o, rowId);
      if (again === null) return;
      o = again.row;
      old = again.values;
      snapshot = S.context.transaction.catalogSnapshot();
    }
  }

  /** After a concurrent change: the child's row computed from the newest version, or null when it no longer qualifies. */
  private *again(target: Target, outcome: Extract<WriteOutcome, { kind: 'changed' }>, o: Row, rowId: number): Suspendable<{ row: Row; values: Row } | null> {
    const { S, plan } = this;
    requireReadCommitted(S, outcome.values);
    if (outcome.values === null) return null;
    const substitutes = substitutesFor(S, plan.rowMarks ?? [], o, target.program.rti, { row: outcome.values, rowId, relid: target.program.relid });
    const row = yield* recheck(S, plan.child, substitutes);
    return row === null ? null : { row, values: outcome.values };
  }

  // ---------------------------------------------------------------- DELETE

  private *delete(target: Target, input: Row): Suspendable<void> {
    const { S, plan } = this;
    if (target.isView) {
      yield* this.viewChange(target, input, 'delete');
      return;
    }
    const rowId = input[plan.rowIdColumn - 1] as number | null;
    if (rowId === null) return;
    const { writer } = target;
    let o = input;
    let snapshot: Snapshot = S.snapshot;
    let old = writer.heap.fetch(rowId, snapshot);
    while (old !== null) {
      const outcome = yield* writer.delete(rowId, old, snapshot);
      if (outcome.kind === 'done') yield* this.returned(target, o, null, old, rowId);
      if (outcome.kind !== 'changed') return;
      const again = yield* this.again(target, outcome, o, rowId);
      if (again === null) return;
      o = again.row;
      old = again.values;
      snapshot = S.context.transaction.catalogSnapshot();
    }
  }

  /** INSTEAD OF triggers: the child's row-id column carries the view's old row as a whole. */
  private *viewChange(target: Target, o: Row, event: 'update' | 'delete'): Suspendable<void> {
    const { S, plan } = this;
    const whole = o[plan.rowIdColumn - 1];
    if (!(whole instanceof RecordValue)) throw notSupported(`${event.toUpperCase()} on a view with INSTEAD OF triggers`);
    const old = [...whole.values];
    const next = event === 'delete' ? null : old.slice();
    if (next !== null) target.program.updateColumns.forEach((column, index) => { next[column - 1] = o[index]; });
    const result = yield* fireRowTriggers(S, target.relation, event, 'insteadOf', old, next, target.program.updateColumns);
    if (result !== null) yield* this.returned(target, o, event === 'delete' ? null : result, old, 0);
  }

  // ---------------------------------------------------------------- MERGE

  private *merge(o: Row): Suspendable<void> {
    const { plan } = this;
    const target = this.targetOf(o);
    const rowId = o[plan.rowIdColumn - 1] as number | null;
    if (rowId !== null && (yield* this.mergeMatched(target, o, rowId))) return;
    yield* this.mergeInsert(target, o);
  }

  private *mergeInsert(target: Target, o: Row): Suspendable<void> {
    const { S } = this;
    const { writer } = target;
    const action = yield* this.mergeAction(target, o, NO_ROW, 'notMatchedByTarget');
    if (action === null || action.commandType === 'nothing') return;
    const values = nullRow(target.program.width);
    const given = yield* action.values!.run(S, o, NO_ROW, NO_ROW);
    action.columns.forEach((column, index) => { values[column] = given[index]; });
    const secure = target.program.checkOptions.length > 0 ? (row: Row) => target.check(row, ['rlsInsert']) : null;
    if (!(yield* writer.insert(values, secure))) return;
    if (target.program.checkOptions.length > 0) yield* target.check(writer.lastRow, ['view']);
    yield* this.returned(target, o, writer.lastRow, null, writer.lastRowId);
  }

  /** The actions for a row with a target; false when the target went away meanwhile. */
  private *mergeMatched(target: Target, o: Row, rowId: number): Suspendable<boolean> {
    const { S } = this;
    const { writer } = target;
    let snapshot: Snapshot = S.snapshot;
    let old = writer.heap.fetch(rowId, snapshot);
    while (old !== null) {
      const x = target.identified(old, rowId);
      // Without a join condition, every row with a target matched.
      const matched: boolean = target.program.mergeJoin === null || (yield* target.program.mergeJoin.run(S, o, NO_ROW, x));
      const action = yield* this.mergeAction(target, o, x, matched ? 'matched' : 'notMatchedBySource');
      if (action === null) return true;
      const outcome: WriteOutcome = yield* this.mergeChange(target, action, o, old, x, rowId, snapshot);
      if (outcome.kind === 'selfModified') {
        throw pgError('CARDINALITY_VIOLATION', 'MERGE command cannot affect row a second time', { hint: 'Ensure that not more than one source row matches any one target row.' });
      }
      if (outcome.kind !== 'changed') return true;
      requireReadCommitted(S, outcome.values);
      old = outcome.values;
      snapshot = S.context.transaction.catalogSnapshot();
    }
    return false;
  }

  private *mergeAction(target: Target, o: Row, x: Row, kind: MergeAction['matchKind']): Suspendable<MergeProgram | null> {
    for (const action of target.program.actions) {
      if (action.matchKind === kind && (action.qual === null || (yield* action.qual.run(this.S, o, NO_ROW, x)))) return action;
    }
    return null;
  }

  private *mergeChange(target: Target, action: MergeProgram, o: Row, old: Row, x: Row, rowId: number, snapshot: Snapshot): Suspendable<WriteOutcome> {
    const { writer } = target;
    if (action.commandType === 'nothing') return { kind: 'skipped' };
    if (action.commandType === 'delete') {
      const outcome = yield* writer.delete(rowId, old, snapshot);
      if (outcome.kind === 'done') yield* this.returned(target, o, null, old, rowId);
      return outcome;
    }
    const given = yield* action.values!.run(this.S, o, NO_ROW, x);
    const next = old.slice();
    action.columns.forEach((column, index) => { next[column] = given[index]; });
    const checked = target.program.checkOptions.length > 0;
    const outcome = yield* writer.update(rowId, old, next, action.columns.map((column) => column + 1), snapshot, checked ? (row) => target.check(row, ['rlsUpdate']) : null);
    if (outcome.kind === 'done') {
      if (checked) yield* target.check(writer.lastRow, ['view']);
      yield* this.returned(target, o, writer.lastRow, old, rowId);
    }
    return outcome;
  }

  // ---------------------------------------------------------------- statement triggers

  /** Fires BEFORE STATEMENT triggers; returns what queues the AFTER ones, or null when there are none. */
  private *beginStatementTriggers(): Suspendable<(() => Suspendable<void>) | null> {
    const [target] = this.targets;
    if (target === undefined || target.relation.triggers.length === 0) return null;
    const { S } = this;
    const { relation } = target;
    const events = this.statementEvents();
    const columns = target.program.updateColumns;
    for (const event of events) yield* fireStatementTriggers(S, relation, event, 'before', columns, null);
    const transition: TransitionTables = { oldRows: [], newRows: [] };
    if (relation.triggers.some((trigger) => trigger.tgoldtable !== null || trigger.tgnewtable !== null) && !target.isView) target.writer.transition = transition;
    return function* finish() {
      for (const event of events) {
        if (triggersFor(S, relation, event, 'after', 'statement').length === 0) continue;
        S.context.afterEvents.add({
          constraint: 0, deferrable: false, initiallyDeferred: false,
          run: () => fireStatementTriggers(S, relation, event, 'after', columns, transition),
        });
      }
    };
  }

  private statementEvents(): readonly TriggerEvent[] {
    const { plan } = this;
    if (plan.operation === 'insert') return plan.onConflict?.action === 'update' ? ['insert', 'update'] : ['insert'];
    if (plan.operation !== 'merge') return [plan.operation];
    const used = new Set(this.targets[0].program.actions.map((action) => action.commandType));
    return (['insert', 'update', 'delete'] as const).filter((event) => used.has(event));
  }
}

/** A row of the table's own columns. */
function visible(row: Row, width: number): Row {
  return row.length === width ? row : row.slice(0, width);
}

/** A version of a row with new values, the child's first columns, in the columns that are updated. */
function assigned(old: Row, updateColumns: readonly number[], values: Row): Row {
  const row = old.slice();
  for (let index = 0; index < updateColumns.length; index++) row[updateColumns[index] - 1] = values[index];
  return row;
}

function secondTime(): Error {
  return pgError('CARDINALITY_VIOLATION', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
    hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
  });
}
