/**
 * Sort, IncrementalSort, MergeAppend. A bounded sort (LIMIT above) keeps the best rows only; a sort larger than work_mem
 * writes sorted runs to temporary files and merges them.
 */
import { Suspend } from '../../base/suspend.js';
import { exprType } from '../../analyzer/node-functions.js';
import type { IncrementalSortPlan, MergeAppendPlan, SortPlan } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import { sortPlaces } from '../abbreviated-keys.js';
import { ColumnRows } from '../column-rows.js';
import {
  compilePlaceOrder, compileRowOrder, sortColumnsOrder, sortKeys, type CompareRows, type OrderKey, type PlaceOrder, type RowOrder,
} from '../comparison.js';
import type { ExecutionState, TemporaryFile } from '../context.js';
import { BoundedHeap, quickSort } from '../quick-sort.js';
import { RowPuller } from '../set-function.js';
import { rowsInBatches } from '../shared-rows.js';
import type { KeyLimit } from '../kernels/scan-kernel.js';
import { DATEOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID } from '../../types/oids.js';
import { SeqScan } from './seq-scan.js';
import { createOperator } from './create.js';
import { paramStamp } from './kept-rows.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

/** How a node sorts: its keys, and the comparisons compiled from them. */
interface SortProgram {
  readonly keys: readonly OrderKey[];
  readonly order: RowOrder;
  readonly placeOrder: PlaceOrder;
}
type SortingPlan = SortPlan | IncrementalSortPlan | MergeAppendPlan;
const programs = new ProgramCache<SortingPlan, SortProgram>();

function programFor(S: ExecutionState, plan: SortingPlan): SortProgram {
  return programs.get(plan, () => {
    const keys = sortKeys(S.catalog, plan.sortColumns, plan.sortColumns.map(({ column }) => exprType(plan.targetlist[column - 1].expr)));
    return { keys, order: compileRowOrder(keys), placeOrder: compilePlaceOrder(keys) };
  });
}

/** More rows than this are kept and sorted as columns. */
const MOST_PLAIN_ROWS = 256;
/** A bounded sort turns to a heap when it holds more than this many times the bound. */
const BOUND_SLACK = 2;
/** Bounds above this sort everything. */
const BOUND_LIMIT = 100_000;

/** Collects rows and gives them back sorted. */
export class RowSorter {
  /** The rows, as long as they are few (or bounded). */
  private rows: Row[] = [];
  private columns: ColumnRows | null = null;
  /** The places of `columns` in order. */
  private places: Uint32Array | null = null;
  private runs: TemporaryFile[] = [];
  private heap: BoundedHeap<Row> | null = null;
  private done = false;
  private readonly compare: CompareRows;

  constructor(
    private readonly S: ExecutionState, private readonly program: SortProgram, private readonly bound: number | null,
    private readonly onWorst: ((worst: Row) => void) | null = null,
  ) {
    this.compare = program.order(S.services);
  }

  *add(batch: Batch): Generator<Suspend, void, void> {
    if (this.bound !== null) {
      this.addBounded(batch, this.bound);
      return;
    }
    if (this.columns === null) {
      for (const row of batch) this.rows.push(row);
      if (this.rows.length <= MOST_PLAIN_ROWS) return;
      this.columns = new ColumnRows();
      this.columns.add(this.rows);
      this.rows = [];
    } else {
      this.columns.add(batch);
    }
    const { temporary, settings } = this.S.context;
    if (temporary !== null && this.columns.bytes >= settings.workMemBytes) yield* this.spill(this.columns);
  }

  private addBounded(batch: Batch, bound: number): void {
    let { heap } = this;
    for (const row of batch) {
      if (heap !== null) {
        heap.add(row);
        continue;
      }
      this.rows.push(row);
      if (this.rows.length <= bound * BOUND_SLACK) continue;
      heap = new BoundedHeap(bound, this.compare);
      for (const early of this.rows) heap.add(early);
      this.heap = heap;
      this.rows = [];
    }
    const worst = heap?.worst;
    if (worst !== undefined) this.onWorst?.(worst);
  }

  private *spill(columns: ColumnRows): Generator<Suspend, void, void> {
    const { S } = this;
    const file = S.context.temporary!.create();
    S.onClose(() => file.close());
    const places = yield* sortPlaces(S, columns, this.program.keys, this.program.placeOrder);
    this.columns = new ColumnRows();
    for (const batch of batchesAt(columns, places)) {
      file.write(batch);
      const pause = S.tick(batch.length);
      if (pause !== null) yield pause;
    }
    this.runs.push(file);
  }

  /** The rows in order. Callable again: what was sorted stays. */
  *sorted(): BatchStream {
    if (!this.done) {
      if (this.columns !== null) this.places = yield* sortPlaces(this.S, this.columns, this.program.keys, this.program.placeOrder);
      this.rows = this.heap === null ? quickSort(this.rows, this.compare) : this.heap.sorted();
      this.heap = null;
      this.done = true;
    }
    if (this.bound !== null && this.rows.length > this.bound) this.rows.length = this.bound;
    const last = this.places === null ? rowsInBatches(this.rows) : batchesAt(this.columns!, this.places);
    if (this.runs.length === 0) yield* paced(this.S, last);
    else yield* mergeSources(this.S, [...this.runs.map((run) => new RowPuller(batchesOf(run))), new RowPuller(last)], this.compare);
  }
}

/** What sorts rows as a Sort node does. */
export function sorterFor(S: ExecutionState, plan: SortPlan): RowSorter {
  return new RowSorter(S, programFor(S, plan), null);
}

/** Batches with turns for the event loop in between: whoever takes them may drop them all (OFFSET). */
function* paced(S: ExecutionState, batches: Iterable<Batch>): BatchStream {
  for (const batch of batches) {
    yield batch;
    const pause = S.tick(batch.length);
    if (pause !== null) yield pause;
  }
}

function* batchesAt(columns: ColumnRows, places: Uint32Array): Generator<Batch, void, void> {
  for (let start = 0; start < places.length; start += BATCH_ROWS) yield columns.rowsAt(places.subarray(start, start + BATCH_ROWS));
}

function* batchesOf(run: TemporaryFile): BatchStream {
  for (const batch of run.read()) yield batch;
}

/** Merges sorted sources; among equals the earlier source comes first. */
export function* mergeSources(S: ExecutionState, sources: readonly RowPuller[], compare: CompareRows): BatchStream {
  const heads: (Row | null)[] = [];
  for (const source of sources) heads.push(yield* source.next());
  let out: Batch = [];
  for (;;) {
    let best = -1;
    for (let index = 0; index < heads.length; index++) {
      const head = heads[index];
      if (head !== null && (best < 0 || compare(head, heads[best]!) < 0)) best = index;
    }
    if (best < 0) break;
    out.push(heads[best]!);
    heads[best] = sources[best].ready() ?? (yield* sources[best].next());
    if (out.length < BATCH_ROWS) continue;
    yield out;
    out = [];
    const pause = S.tick(BATCH_ROWS);
    if (pause !== null) yield pause;
  }
  if (out.length > 0) yield out;
}

/** Sorts its input. */
export class Sort extends Operator {
  private readonly program: SortProgram;
  private readonly child: Operator;
  private boundRows: number | null = null;
  private kept: { sorter: RowSorter; stamp: number; bound: number | null } | null = null;

  constructor(private readonly S: ExecutionState, private readonly plan: SortPlan) {
    super();
    this.program = programFor(S, plan);
    this.child = createOperator(S, plan.child);
  }

  override bound(rows: number): void {
    this.boundRows = rows <= BOUND_LIMIT ? rows : null;
  }

  /** Over a plain scan, tells the scan which keys still matter. */
  private limitScan(): ((worst: Row) => void) | null {
    const { plan, child } = this;
    const [{ column, reverse, nullsFirst }] = plan.sortColumns;
    if (!(child instanceof SeqScan) || plan.child.plan !== 'SeqScan') return null;
    const { expr } = plan.child.targetlist[column - 1];
    if (expr.node !== 'Var' || expr.varattno <= 0 || !NUMBER_TYPES.has(expr.vartype)) return null;
    const limit: KeyLimit = { value: null };
    child.limitKey({ expr, reverse, nullsFirst }, limit);
    return (worst) => {
      const key = worst[column - 1];
      limit.value = typeof key === 'number' && !Number.isNaN(key) ? key : null;
    };
  }

  *run(): BatchStream {
    const { S, plan } = this;
    const stamp = paramStamp(S, plan.extParams);
    let { kept } = this;
    if (kept === null || kept.stamp !== stamp || kept.bound !== this.boundRows) {
      kept = { sorter: new RowSorter(S, this.program, this.boundRows, this.boundRows === null ? null : this.limitScan()), stamp, bound: this.boundRows };
      for (const item of this.child.run()) {
        if (item instanceof Suspend) {
          yield item;
          continue;
        }
        yield* kept.sorter.add(item);
        const pause = S.tick(item.length);
        if (pause !== null) yield pause;
      }
      this.kept = kept;
    }
    yield* kept.sorter.sorted();
  }
}

/** Types whose values order as numbers do. */
const NUMBER_TYPES: ReadonlySet<number> = new Set([INT2OID, INT4OID, FLOAT4OID, FLOAT8OID, DATEOID]);

/** Groups smaller than this are sorted together with the next ones; beyond the second figure a group is sorted alone. */
const MINIMUM_GROUP_ROWS = 32;
const MAXIMUM_MIXED_ROWS = 64;

/** Sorts input that is already sorted on the first columns, some rows at a time (nodeIncrementalSort.c). */
export class IncrementalSort extends Operator {
  private readonly order: RowOrder;
  private readonly prefix: RowOrder;
  private readonly child: Operator;
  private boundRows = Infinity;

  constructor(private readonly S: ExecutionState, plan: IncrementalSortPlan) {
    super();
    this.order = programFor(S, plan).order;
    this.prefix = sortColumnsOrder(S.catalog, plan.sortColumns.slice(0, plan.presortedColumns));
    this.child = createOperator(S, plan.child);
  }

  override bound(rows: number): void {
    this.boundRows = rows;
  }

  *run(): BatchStream {
    const { S } = this;
    const compare = this.order(S.services);
    const comparePrefix = this.prefix(S.services);
    let left = this.boundRows;
    let group: Row[] = [];
    // The row whose prefix the group goes on with, once it is large enough to end there.
    let pivot: Row | null = null;
    let onePrefix = false;
    for (const item of this.child.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        if (pivot !== null && comparePrefix(pivot, row) !== 0) {
          yield* rowsInBatches(quickSort(group, compare));
          left -= group.length;
          group = [];
          pivot = null;
          onePrefix = false;
        }
        group.push(row);
        if (pivot === null && group.length >= Math.min(MINIMUM_GROUP_ROWS, left)) pivot = row;
        else if (pivot !== null && !onePrefix && group.length > MAXIMUM_MIXED_ROWS) {
          // A long group: what stands before it is complete, and it is sorted alone.
          const [last] = [pivot];
          const mixed = quickSort(group, compare);
          const start = mixed.findIndex((other) => comparePrefix(other, last) === 0);
          if (start > 0) yield* rowsInBatches(mixed.slice(0, start));
          left -= start;
          group = mixed.slice(start);
          onePrefix = true;
        }
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    yield* rowsInBatches(quickSort(group, compare));
  }
}

/** Merges children that are sorted alike. */
export class MergeAppend extends Operator {
  private readonly order: RowOrder;
  private readonly children: readonly Operator[];

  constructor(private readonly S: ExecutionState, plan: MergeAppendPlan) {
    super();
    this.order = programFor(S, plan).order;
    this.children = plan.children.map((child) => createOperator(S, child));
  }

  override bound(rows: number): void {
    for (const child of this.children) child.bound(rows);
  }

  *run(): BatchStream {
    const { S } = this;
    yield* mergeSources(S, this.children.map((child) => new RowPuller(child.run())), this.order(S.services));
  }
}

