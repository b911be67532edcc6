/**
 * Users' triggers as the executor fires them: which ones a relation has (by event, timing, level), their WHEN conditions
 * and column lists. The bodies run through one injected interface, which PL/pgSQL and other languages implement.
 */
import { notSupported } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import type { PgTrigger } from '../../catalog/rows.js';
import { NEW_VAR, OLD_VAR } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, NO_ROW, type Compiled } from '../expression/compile.js';
import { modifyReader, scopeFor } from '../readers.js';
import { NO_STATEMENT } from '../relation-access.js';
import { storedExpression } from '../stored-expression.js';

export type TriggerEvent = 'insert' | 'update' | 'delete' | 'truncate';
export type TriggerTiming = 'before' | 'after' | 'insteadOf';

/** Rows that a statement changed, for REFERENCING OLD TABLE / NEW TABLE. */
export interface TransitionTables {
  readonly oldRows: Row[];
  readonly newRows: Row[];
}

/** One firing. */
export interface TriggerCall {
  readonly trigger: PgTrigger;
  readonly relation: Relation;
  readonly event: TriggerEvent;
  readonly timing: TriggerTiming;
  readonly level: 'row' | 'statement';
  readonly oldRow: Row | null;
  readonly newRow: Row | null;
  readonly transitionTables: TransitionTables | null;
}

/** Runs trigger functions. */
export interface TriggerHooks {
  /** The function's result row; null when it returned NULL (BEFORE and INSTEAD OF row triggers then skip the row). */
  fire(call: TriggerCall, state: ExecutionState): Suspendable<Row | null>;
}

/** pg_trigger.tgtype bits. */
const TYPE = { row: 1, before: 2, insert: 4, delete: 8, update: 16, truncate: 32, instead: 64 } as const;
const EVENT_BITS = { insert: TYPE.insert, update: TYPE.update, delete: TYPE.delete, truncate: TYPE.truncate } as const;

const none: readonly PgTrigger[] = [];
const listsByRelation = new WeakMap<Relation, Map<string, readonly PgTrigger[]>>();

/** Triggers that may fire, by name. Internal (foreign-key) ones are the executor's own affair and not among them. */
export function triggersFor(S: ExecutionState, relation: Relation, event: TriggerEvent, timing: TriggerTiming, level: 'row' | 'statement'): readonly PgTrigger[] {
  if (relation.triggers.length === 0) return none;
  const replica = S.context.settings.replicaRole;
  let lists = listsByRelation.get(relation);
  if (lists === undefined) listsByRelation.set(relation, lists = new Map());
  const name = `${event} ${timing} ${level} ${String(replica)}`;
  let list = lists.get(name);
  if (list === undefined) {
    list = relation.triggers.filter((trigger) => matches(trigger, event, timing, level) && enabled(trigger, replica))
      .toSorted((a, b) => (a.tgname < b.tgname ? -1 : a.tgname > b.tgname ? 1 : 0));
    lists.set(name, list);
  }
  return list;
}

function matches(trigger: PgTrigger, event: TriggerEvent, timing: TriggerTiming, level: 'row' | 'statement'): boolean {
  const type = trigger.tgtype;
  if (trigger.tgisinternal || (type & EVENT_BITS[event]) === 0 || ((type & TYPE.row) !== 0) !== (level === 'row')) return false;
  const when = (type & TYPE.instead) !== 0 ? 'insteadOf' : (type & TYPE.before) !== 0 ? 'before' : 'after';
  return when === timing;
}

function enabled(trigger: PgTrigger, replica: boolean): boolean {
  return trigger.tgenabled === 'A' || trigger.tgenabled === (replica ? 'R' : 'O');
}

const whenConditions = new WeakMap<PgTrigger, Compiled<boolean> | null>();

/** UPDATE OF columns and the WHEN condition. */
export function* triggerApplies(S: ExecutionState, call: TriggerCall, updatedColumns: readonly number[]): Suspendable<boolean> {
  const columns = call.trigger.tgattr.elements as readonly number[];
  if (call.event === 'update' && columns.length > 0 && !columns.some((column) => updatedColumns.includes(column))) return false;
  if (call.trigger.tgqual === null) return true;
  let when = whenConditions.get(call.trigger);
  if (when === undefined) {
    const read = modifyReader(call.relation.attributes.length);
    // Stored WHEN conditions name OLD as range-table entry 1 and NEW as 2.
    const scope = scopeFor(S.catalog, NO_STATEMENT, (variable, emitter) => read({ ...variable, varno: variable.varno === 1 ? OLD_VAR : NEW_VAR }, emitter));
    when = compileCondition(scope, [storedExpression(call.trigger.tgqual)]);
    whenConditions.set(call.trigger, when);
  }
  return when === null || (yield* when.run(S, NO_ROW, call.newRow ?? NO_ROW, call.oldRow ?? NO_ROW));
}

/** Fires BEFORE or INSTEAD OF row triggers in order; each sees the row the one before gave. Null: skip the row. */
export function* fireRowTriggers(
  S: ExecutionState, relation: Relation, event: TriggerEvent, timing: 'before' | 'insteadOf', oldRow: Row | null, newRow: Row | null, updatedColumns: readonly number[],
): Suspendable<Row | null> {
  let current = newRow;
  for (const trigger of triggersFor(S, relation, event, timing, 'row')) {
    const call: TriggerCall = { trigger, relation, event, timing, level: 'row', oldRow, newRow: current, transitionTables: null };
    if (!(yield* triggerApplies(S, call, updatedColumns))) continue;
    const result = yield* hooks(S).fire(call, S);
    if (result === null) return null;
    if (event !== 'delete') current = result;
  }
  return event === 'delete' ? oldRow : current;
}

/** Fires statement triggers. */
export function* fireStatementTriggers(
  S: ExecutionState, relation: Relation, event: TriggerEvent, timing: 'before' | 'after', updatedColumns: readonly number[], transitionTables: TransitionTables | null,
): Suspendable<void> {
  for (const trigger of triggersFor(S, relation, event, timing, 'statement')) {
    const call: TriggerCall = { trigger, relation, event, timing, level: 'statement', oldRow: null, newRow: null, transitionTables };
    if (yield* triggerApplies(S, call, updatedColumns)) yield* hooks(S).fire(call, S);
  }
}

/** The session's trigger runner; 0A000 when it has none. */
export function hooks(S: ExecutionState): TriggerHooks {
  const { triggers } = S.context;
  if (triggers === null) throw notSupported('firing triggers here');
  return triggers;
}
