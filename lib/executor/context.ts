/**
 * What an execution works with. `ExecutionContext` is given by the session, one per execution; `ExecutionState` is the
 * executor's own state beside the read-only plan: parameter values, subplans, the time slice.
 *
 * Idea: PostgreSQL's EState (execnodes.h); the time slice replaces its CHECK_FOR_INTERRUPTS.
 */
import type { Snapshot, StorageEngine, Transaction, WaitOptions } from '../access/api.js';
import { yieldToEventLoop, type Suspend, type Suspendable } from '../base/suspend.js';
import type { Catalog, Oid } from '../catalog/api.js';
import type { PgProc } from '../catalog/rows.js';
import type { Clock } from '../env/env.js';
import type { CallInfo, FunctionServices } from '../functions/context.js';
import type { PlannedStmt } from '../planner/plan-nodes.js';
import type { Datum, Row } from '../types/datum.js';
import type { ScratchSpace } from '../env/scratch.js';
import type { AfterEventQueue } from './modify/after-events.js';
import type { BatchStream } from './operators/operator.js';
import { SubplanRegistry } from './subplan.js';
import type { TriggerHooks } from './modify/trigger-hooks.js';
import type { UsageSum } from './usage.js';
import { filled, nullRow } from './row.js';

/** Milliseconds of work after which an execution gives the event loop a turn. */
export const TIME_SLICE_MS = 5;
/** Rows between two looks at the clock. */
const ROWS_PER_CLOCK = 2048;

/** Settings that the executor reads. */
export interface ExecutorSettings {
  /** work_mem in bytes: what one sort or hash may keep in memory. */
  readonly workMemBytes: number;
  /** maintenance_work_mem in bytes: what an index build may keep in memory. */
  readonly maintenanceWorkMemBytes: number;
  /** session_replication_role = replica: ordinary triggers and foreign-key checks do not fire. */
  readonly replicaRole: boolean;
}

/** Runs functions that are not built in (SQL, PL/pgSQL): one handler per language, chosen by the session. */
export interface FunctionRunner {
  /** A call with a single result. `args` are in declaration order (VARIADIC collected); strictness is already handled. */
  call(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): Suspendable<Datum>;
  /** A set-returning call: batches of rows, one column for scalar results, the columns for composite ones. */
  callSet(proc: PgProc, call: CallInfo, args: readonly Datum[], state: ExecutionState): BatchStream;
}

/** Gives and takes temporary space outside memory (sorts and hashes beyond work_mem); rows come back as they went. */
export interface TemporaryStore {
  /** The space underneath, for bytes. */
  readonly space: ScratchSpace;
  create(): TemporaryFile;
  /** Since the start. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}
/** A sequence of batches, written once and then read, any number of times, from its start. */
export interface TemporaryFile {
  write(rows: readonly Row[]): void;
  read(): Iterable<Row[]>;
  close(): void;
}

/** What one node did, for EXPLAIN ANALYZE. Times in milliseconds. */
export interface NodeInstrumentation {
  loops: number;
  rows: number;
  startupMs: number;
  totalMs: number;
  /** Rows that the node's conditions removed. */
  filtered: number;
  readonly usage: UsageSum;
}
/** Collects measurements by plan node; its presence turns measuring on. */
export type Instrumentation = Map<object, NodeInstrumentation>;

/** The rows of an INSERT whose plan has its VALUES lists by their shapes only. */
export interface GivenRows {
  /** Each row's list. */
  readonly shapeOf: readonly number[];
  /** Each row's literals. */
  readonly values: readonly Row[];
}

/** Everything an execution needs from its session. */
export interface ExecutionContext {
  readonly transaction: Transaction;
  readonly snapshot: Snapshot;
  readonly catalog: Catalog;
  readonly storage: StorageEngine;
  readonly services: FunctionServices;
  /** Values of $1, $2 ... */
  readonly params: readonly Datum[];
  /** Rows for the VALUES lists that stand for them; null for a plan without such. */
  readonly givenRows: GivenRows | null;
  readonly settings: ExecutorSettings;
  readonly clock: Clock;
  /** Limits for lock waits now (lock_timeout, cancel). */
  waitOptions(): WaitOptions;
  readonly functions: FunctionRunner;
  /** Null: everything stays in memory. */
  readonly temporary: TemporaryStore | null;
  /** Users' triggers; null when the session knows none. */
  readonly triggers: TriggerHooks | null;
  /** Constraint checks and AFTER triggers, of this statement and deferred to the transaction's end. */
  readonly afterEvents: AfterEventQueue;
  readonly isolation: 'read committed' | 'repeatable read' | 'serializable';
  readonly instrumentation?: Instrumentation;
  /** A cursor's current row, for WHERE CURRENT OF: (relation, row id), or null when it is not on a row. */
  cursorRow?(cursorName: string, relation: Oid): number | null;
}

/** The same context reading another snapshot. */
export function withSnapshot(context: ExecutionContext, snapshot: Snapshot): ExecutionContext {
  const derived: ExecutionContext = Object.create(context, { snapshot: { value: snapshot, enumerable: true } });
  return derived;
}

/** Rows that a re-check (EvalPlanQual) puts in place of relations' scans: by range-table index. */
export type SubstituteRows = ReadonlyMap<number, { readonly row: Row; readonly rowId: number; readonly relid: Oid }>;

/** One execution's state. */
export class ExecutionState {
  readonly services: FunctionServices;
  readonly params: readonly Datum[];
  /** Values of exec Params, by id. */
  readonly exec: Datum[];
  /** Counts the changes of each exec Param: what a kept result was made from. */
  readonly execVersion: number[];
  snapshot: Snapshot;
  /** Set in a re-check only. */
  substitutes: SubstituteRows | null = null;
  /** Rows changed by the statement (the command tag's count). */
  processed = 0;
  /** Sequences whose lock the transaction holds by now. */
  lockedSequences: Set<Oid> | null = null;
  private rowsSinceClock = 0;
  private sliceStart = 0;
  private cleanups: (() => void)[] | null = null;
  private registry: SubplanRegistry | null = null;

  /** `outer`: the execution that a re-check belongs to; its CTEs are shared. */
  constructor(readonly context: ExecutionContext, readonly statement: PlannedStmt, private readonly outer: ExecutionState | null = null) {
    this.services = context.services;
    this.params = context.params;
    this.snapshot = context.snapshot;
    const count = statement.paramExecCount;
    this.exec = count === 0 ? NO_DATUMS : nullRow(count);
    this.execVersion = count === 0 ? NO_NUMBERS : filled<number>(count, 0);
  }

  /** The statement's subplans, made at first need: most statements have none, and the registry's maps are the larger part of a state. */
  get subplans(): SubplanRegistry {
    return (this.registry ??= new SubplanRegistry(this, this.outer === null ? null : this.outer.subplans));
  }

  get catalog(): Catalog { return this.context.catalog; }

  setExec(paramid: number, value: Datum): void {
    this.exec[paramid] = value;
    this.execVersion[paramid]++;
  }

  /**
   * Counts `rows` of work. Every few thousand it checks for cancel (57014) and, when the slice is used up, returns the
   * wait that the caller must yield.
   */
  tick(rows: number): Suspend | null {
    this.rowsSinceClock += rows;
    return this.rowsSinceClock < ROWS_PER_CLOCK ? null : this.checkClock();
  }

  private checkClock(): Suspend | null {
    this.rowsSinceClock = 0;
    this.services.checkInterrupts();
    const now = this.context.clock.monotonicMs();
    if (this.sliceStart === 0) {
      this.sliceStart = now;
      return null;
    }
    if (now - this.sliceStart < TIME_SLICE_MS) return null;
    // The next slice starts at the next look: time spent waiting is nobody's work.
    this.sliceStart = 0;
    return this.context.storage.memoryPressure() ?? yieldToEventLoop();
  }

  /** EXPLAIN ANALYZE: rows that a node's conditions removed. */
  countFiltered(plan: object, rows: number): void {
    const measured = this.context.instrumentation?.get(plan);
    if (measured !== undefined) measured.filtered += rows;
  }

  /** Registers what is to be given back when the execution ends. */
  onClose(cleanup: () => void): void {
    (this.cleanups ??= []).push(cleanup);
  }

  close(): void {
    const { cleanups } = this;
    if (cleanups === null) return;
    this.cleanups = null;
    for (const cleanup of cleanups) cleanup();
  }
}

const NO_DATUMS: Datum[] = [];
const NO_NUMBERS: number[] = [];
