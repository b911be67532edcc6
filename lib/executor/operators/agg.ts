/**
 * Agg: plain, sorted, hashed and mixed grouping. Several grouping sets run in the plan's phases: sorted phases over their
 * own order of the input, hashed sets in one pass. Group columns outside the current set read as null.
 */
import { exprType } from '../../analyzer/node-functions.js';
import type { Aggref, Expr } from '../../analyzer/nodes.js';
import { forEachChild } from '../../analyzer/walker.js';
import { Suspend } from '../../base/suspend.js';
import { sameExpression } from '../same-expression.js';
import { OUTER_VAR, type AggPhase, type AggPlan, type SortPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import { aggrefCall, AggregateSet, type Slot } from '../aggregate.js';
import { columnsEqual, compileRowKey, hashEncoder, sortColumnsOrder, type RowKey, type RowsEqual } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import { nonNull, value, type SpecialEmitter } from '../expression/emitter.js';
import { makeAggKernel, type AggKernel } from '../kernels/agg-kernel.js';
import { plainColumns } from '../projection.js';
import { childReader, scopeFor } from '../readers.js';
import { quickSort } from '../quick-sort.js';
import { rowBytes, rowsInBatches } from '../shared-rows.js';
import { hashMemoryBytes, Partitions } from '../spill.js';
import { createOperator } from './create.js';
import { paramStamp } from './kept-rows.js';
import { BATCH_ROWS, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';
import { sorterFor } from './sort.js';
import { nullRow } from '../row.js';

/** One grouping set, compiled. */
interface GroupingSetProgram {
  readonly index: number;
  readonly key: RowKey;
  readonly same: RowsEqual;
  /** 0-based columns of the child that read null in this set. */
  readonly masked: readonly number[];
}
interface Program {
  readonly aggregates: AggregateSet;
  readonly sets: readonly GroupingSetProgram[];
  readonly phases: readonly AggPhase[];
  readonly qual: Compiled<boolean> | null;
  readonly project: Compiled<Row>;
  /** A group's row is what is put out of it: DISTINCT, and GROUP BY of all columns. */
  readonly passesRows: boolean;
  /** Fused with the scan below; null where the plan has another form. */
  readonly kernel: AggKernel | null;
}
const programs = new ProgramCache<AggPlan, Program>();

interface GroupState { readonly row: Row; readonly slots: Slot[] }

/** What a slot is taken to need in memory. */
const SLOT_BYTES = 16;

function compile(S: ExecutionState, plan: AggPlan): Program {
  const aggrefs: Aggref[] = [];
  for (const target of plan.targetlist) collectAggrefs(target.expr, aggrefs);
  for (const qual of plan.qual) collectAggrefs(qual, aggrefs);
  const position = (node: Aggref) => aggrefs.findIndex((other) => sameExpression(other, node));
  const special: SpecialEmitter = (expr, emitter) => {
    if (expr.node === 'Aggref') return value(`x[${position(expr)}]`);
    if (expr.node !== 'GroupingFunc') return null;
    const masks = (plan.groupingRefs.length === 0 ? [expr.refs] : plan.groupingRefs)
      .map((refs) => expr.refs.reduce((mask, ref) => mask * 2 + (refs.includes(ref) ? 0 : 1), 0));
    return nonNull(`${emitter.constant(masks)}[x[${aggrefs.length}]]`);
  };
  const scope = scopeFor(S.catalog, S.statement, childReader);
  const outputScope = scopeFor(S.catalog, S.statement, childReader, special);
  const aggregates = new AggregateSet(scope, aggrefs.map(aggrefCall));
  const sets = (plan.groupingSets.length === 0 ? [plan.groupColumns.map((_, index) => index)] : plan.groupingSets)
    .map((members, index) => groupingSet(S, plan, members, index));
  const phases: readonly AggPhase[] = plan.phases.length > 0 ? plan.phases
    : [{ strategy: plan.strategy === 'mixed' ? 'hashed' : plan.strategy, sets: sets.map((set) => set.index), sortColumns: [], resort: false }];
  return {
    aggregates, sets, phases,
    qual: compileCondition(outputScope, plan.qual),
    project: compileList(outputScope, plan.targetlist.map((target) => target.expr)),
    passesRows: aggrefs.length === 0 && plan.groupColumns.length > 0 && plan.qual.length === 0 && isChildRow(plan),
    kernel: makeAggKernel(S, plan, aggregates),
  };
}

function isChildRow({ targetlist, child }: AggPlan): boolean {
  const columns = plainColumns(targetlist, OUTER_VAR);
  return columns !== null && columns.length === child.targetlist.length && columns.every((column, index) => column === index);
}

function groupingSet(S: ExecutionState, plan: AggPlan, members: readonly number[], index: number): GroupingSetProgram {
  const column = (member: number) => plan.groupColumns[member].column;
  const type = (member: number) => exprType(plan.child.targetlist[column(member) - 1].expr);
  const inSet = new Set(members.map(column));
  return {
    index,
    key: compileRowKey(members.map((member) => ({ at: column(member) - 1, encode: hashEncoder(S.catalog, type(member)) })), true),
    same: columnsEqual(S.catalog, members.map((member) => ({ column: column(member), type: type(member) }))),
    masked: plan.groupColumns.map((item) => item.column).filter((item) => !inSet.has(item)).map((item) => item - 1),
  };
}

function collectAggrefs(expr: Expr, into: Aggref[]): void {
  if (expr.node === 'Aggref' && expr.agglevelsup === 0) {
    if (!into.some((other) => sameExpression(other, expr))) into.push(expr);
    return;
  }
  forEachChild(expr, (child) => collectAggrefs(child, into));
}

/** Grouping and aggregation. */
export class Agg extends Operator {
  private readonly program: Program;
  private readonly child: Operator;
  /** Of the last run that gathered groups instead of sorting rows: a rescan has the sort keep them (see `Sort`). */
  private gathered = -1;

  constructor(private readonly S: ExecutionState, private readonly plan: AggPlan) {
    super();
    this.program = programs.get(plan, () => compile(S, plan));
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    const { S, program } = this;
    if (program.kernel !== null && this.useKernel(program.kernel)) {
      const gathered = yield* program.kernel.run(S, hashMemoryBytes(S));
      if (gathered === null) {
        yield* this.phase(program.phases[0], this.child.run());
        return;
      }
      if (program.passesRows && program.kernel.sort === null) {
        yield* this.passRows(gathered.rows);
        return;
      }
      const groups = gathered.rows.map((row, group): GroupState => ({ row, slots: gathered.slots[group] }));
      if (groups.length === 0 && this.plan.strategy === 'plain') groups.push({ row: this.nullRow(), slots: program.aggregates.start(S) });
      if (program.kernel.sort === null) yield* this.output(groups, program.sets[0]);
      else yield* this.inOrder(groups, program.kernel.sort);
      return;
    }
    if (program.phases.length === 1) {
      yield* this.phase(program.phases[0], this.child.run());
      return;
    }
    // Several phases read the same input in different orders.
    const rows: Row[] = [];
    for (const item of this.child.run()) {
      if (item instanceof Suspend) yield item;
      else for (const row of item) rows.push(row);
    }
    for (const phase of program.phases) {
      if (phase.strategy === 'sorted' && phase.resort) {
        const sorted = quickSort(rows.slice(), sortColumnsOrder(S.catalog, phase.sortColumns)(S.services));
        yield* this.phase(phase, oneBatch(sorted));
      } else yield* this.phase(phase, oneBatch(rows));
    }
  }

  private *passRows(rows: readonly Row[]): BatchStream {
    for (const batch of rowsInBatches(rows)) {
      yield batch;
      const pause = this.S.tick(batch.length);
      if (pause !== null) yield pause;
    }
  }

  private useKernel(kernel: AggKernel): boolean {
    const { S } = this;
    if (S.substitutes !== null || S.context.instrumentation !== undefined) return false;
    if (kernel.sort === null) return true;
    const stamp = paramStamp(S, kernel.sort.extParams);
    const again = stamp === this.gathered;
    this.gathered = stamp;
    return !again;
  }

  /** Groups that were gathered instead of sorting rows, in the order that these would have had. */
  private *inOrder(groups: readonly GroupState[], sort: SortPlan): BatchStream {
    const { S } = this;
    const sorter = sorterFor(S, sort);
    const place = sort.targetlist.length;
    for (let start = 0; start < groups.length; start += BATCH_ROWS) {
      const batch = groups.slice(start, start + BATCH_ROWS).map(({ row }, index): Row => [...row, start + index]);
      yield* sorter.add(batch);
      const pause = S.tick(batch.length);
      if (pause !== null) yield pause;
    }
    for (const item of sorter.sorted()) {
      if (item instanceof Suspend) yield item;
      else yield* this.output(item.map((row) => groups[row[place] as number]), this.program.sets[0]);
    }
  }

  private *phase(phase: AggPhase, input: BatchStream): BatchStream {
    const sets = phase.sets.map((index) => this.program.sets[index]);
    if (phase.strategy === 'sorted') yield* this.sorted(sets, input);
    else if (phase.strategy === 'hashed') yield* this.hashed(sets, input);
    else yield* this.plain(sets, input);
  }

  private *plain(sets: readonly GroupingSetProgram[], input: BatchStream): BatchStream {
    const { S } = this;
    const { aggregates } = this.program;
    const slots = aggregates.start(S);
    let first: Row | null = null;
    for (const item of input) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      first ??= item[0];
      const { advance } = aggregates;
      const state = slots as Row;
      for (let index = 0; index < item.length; index++) {
        if (advance.waits(S)) yield* advance.generator(S, item[index], NO_ROW, state);
        else advance.evaluate(S, item[index], NO_ROW, state);
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    for (const set of sets) yield* this.output([{ row: first ?? this.nullRow(), slots }], set);
  }

  private *hashed(sets: readonly GroupingSetProgram[], input: BatchStream, level = 1): BatchStream {
    const { S } = this;
    const { aggregates } = this.program;
    const { advance } = aggregates;
    const tables = sets.map(() => new Map<Datum, GroupState>());
    const spilled: (Partitions | null)[] = sets.map(() => null);
    const limit = hashMemoryBytes(S);
    let bytes = 0;
    for (const item of input) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (let at = 0; at < sets.length; at++) {
        const table = tables[at];
        const { key } = sets[at];
        for (let index = 0; index < item.length; index++) {
          const row = item[index];
          const found = key(row);
          let group = table.get(found);
          if (group === undefined) {
            if (bytes > limit) {
              // No room for another group: its rows wait on a file.
              (spilled[at] ??= new Partitions(S, level)).add(found, row);
              continue;
            }
            group = { row, slots: aggregates.start(S) };
            table.set(found, group);
            bytes += rowBytes(row) + group.slots.length * SLOT_BYTES;
          }
          if (advance.waits(S)) yield* advance.generator(S, row, NO_ROW, group.slots as Row);
          else advance.evaluate(S, row, NO_ROW, group.slots as Row);
        }
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    for (let at = 0; at < sets.length; at++) {
      // The empty grouping set has its row even without input.
      if (tables[at].size === 0 && level === 1 && this.plan.groupColumns.length > 0 && sets[at].masked.length === this.plan.groupColumns.length) {
        yield* this.output([{ row: this.nullRow(), slots: aggregates.start(S) }], sets[at]);
      } else yield* this.output(tables[at].values(), sets[at]);
      tables[at].clear();
      const partitions = spilled[at];
      if (partitions !== null) yield* this.hashedPartitions(sets[at], partitions, level);
    }
  }

  private *hashedPartitions(set: GroupingSetProgram, partitions: Partitions, level: number): BatchStream {
    for (let partition = 0; partition < partitions.count; partition++) {
      yield* this.hashed([set], partitions.read(partition), level + 1);
      partitions.release(partition);
    }
  }

  private *sorted(sets: readonly GroupingSetProgram[], input: BatchStream): BatchStream {
    const { S } = this;
    const { aggregates } = this.program;
    const { advance } = aggregates;
    const current: (GroupState | null)[] = sets.map(() => null);
    for (const item of input) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        for (let at = 0; at < sets.length; at++) {
          let group = current[at];
          if (group !== null && !sets[at].same(group.row, row)) {
            yield* this.output([group], sets[at]);
            group = null;
          }
          group ??= { row, slots: aggregates.start(S) };
          current[at] = group;
          if (advance.waits(S)) yield* advance.generator(S, row, NO_ROW, group.slots as Row);
          else advance.evaluate(S, row, NO_ROW, group.slots as Row);
        }
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    for (let at = 0; at < sets.length; at++) {
      const group = current[at];
      if (group !== null) yield* this.output([group], sets[at]);
      else if (this.plan.groupColumns.length > 0 && sets[at].masked.length === this.plan.groupColumns.length) {
        yield* this.output([{ row: this.nullRow(), slots: aggregates.start(S) }], sets[at]);
      }
    }
  }

  private nullRow(): Row {
    return nullRow(this.plan.child.targetlist.length);
  }

  /** Final values, HAVING, target list. */
  private *output(groups: Iterable<GroupState>, set: GroupingSetProgram): BatchStream {
    const { S } = this;
    const { aggregates, qual, project } = this.program;
    let out: Batch = [];
    try {
      for (const group of groups) {
        const row = set.masked.length === 0 ? group.row : maskColumns(group.row, set.masked);
        const x = aggregates.waitsAtEnd(S) ? yield* aggregates.finishWaiting(S, group.slots, row) : aggregates.finish(S, group.slots, row);
        x.push(set.index);
        if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, NO_ROW, x) : qual.evaluate(S, row, NO_ROW, x))) continue;
        out.push(project.waits(S) ? yield* project.generator(S, row, NO_ROW, x) : project.evaluate(S, row, NO_ROW, x));
        if (out.length < BATCH_ROWS) continue;
        yield out;
        out = [];
        const pause = S.tick(BATCH_ROWS);
        if (pause !== null) yield pause;
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
    if (out.length > 0) yield out;
  }
}

function maskColumns(row: Row, columns: readonly number[]): Row {
  const copy = row.slice();
  for (const column of columns) copy[column] = null;
  return copy;
}

function* oneBatch(rows: Row[]): BatchStream {
  if (rows.length > 0) yield rows;
}

export type { GroupState };
