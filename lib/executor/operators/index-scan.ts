/**
 * Index scan: keys in order, rows by id, entries that may be stale re-checked by the row's own key. A whole key given by
 * equalities (the point query) goes straight to the look-up.
 */
import type { Heap, Index, IndexCursor, IndexKey, RowId } from '../../access/api.js';
import type { Suspend, Suspendable } from '../../base/suspend.js';
import type { IndexScanPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, NO_ROW, type Compiled } from '../expression/compile.js';
import { compileIndexRanges, type IndexRanges, type KeyRange } from '../index-range.js';
import { makeProjection, plainColumns, type Projection } from '../projection.js';
import { scanReader, scopeFor } from '../readers.js';
import { indexKeys, openIndex, type IndexKeys, type OpenIndex } from '../relation-access.js';
import { StoredRows } from '../stored-rows.js';
import { FIRST_BATCH_ROWS, nextBatchRows, Operator, ProgramCache, type Batch, type BatchStream, type StoredStream } from './operator.js';

/** Rows with some ids, where they stand in columns of chunks; null: fetch them. */
type FetchStored<B extends StoredRows> = (heap: Heap, rowIds: readonly RowId[], count: number) => readonly B[] | null;

interface Program {
  readonly projection: Projection;
  /** Where the target list is just columns of the table, and nothing is asked of a row but its key: which columns. */
  readonly columns: readonly number[] | null;
  readonly ranges: IndexRanges;
  /** The original conditions over the row. */
  readonly original: Compiled<boolean> | null;
}
const programs = new ProgramCache<IndexScanPlan, Program>();

function compile(S: ExecutionState, plan: IndexScanPlan): Program {
  const scope = scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid));
  const { relation, descriptor } = openIndex(S.catalog, plan.relid, plan.indexid);
  const ranges = compileIndexRanges(scope, descriptor, plan.conditions);
  return {
    projection: makeProjection(scope, plan.targetlist, plan.qual, { varno: plan.scanrelid, width: relation.attributes.length }),
    columns: ranges.recheck || plan.qual.length > 0 ? null : plainColumns(plan.targetlist, plan.scanrelid),
    ranges,
    original: compileCondition(scope, plan.indexqualorig),
  };
}

function keyOf({ descriptor }: OpenIndex, values: readonly Datum[]): string | null {
  return values.includes(null) ? null : descriptor.encodeKey(values);
}

/** Reads rows through an ordered index. */
export class IndexScan extends Operator {
  private readonly program: Program;
  private readonly meta: Row = [0];
  private firstRows = FIRST_BATCH_ROWS;

  constructor(private readonly S: ExecutionState, private readonly plan: IndexScanPlan) {
    super();
    this.program = programs.get(plan, () => compile(S, plan));
  }

  /** Reads no further than the limit above at first. */
  override bound(rows: number): void {
    this.firstRows = Math.max(1, Math.min(rows, FIRST_BATCH_ROWS));
  }

  /** The row of a unique key. */
  override atOnce(): Batch | null {
    const { S, plan, program: { ranges: { point } } } = this;
    if (point === null || S.substitutes !== null) return null;
    const open = openIndex(S.catalog, plan.relid, plan.indexid);
    // Several rows, as a deferrable key may have them for a while: an error in one of them comes after the others.
    if (!open.descriptor.unique || !open.descriptor.immediate) return null;
    if (this.waits) return null;
    if (point.some((part) => part.waits(S))) return null;
    const key = keyOf(open, point.map((part) => part.evaluate(S, NO_ROW, NO_ROW, NO_ROW)));
    return key === null ? [] : this.rowsOf(open, key);
  }

  run(): BatchStream {
    return this.read<never>(null);
  }

  override runStored(): StoredStream {
    const { S, program: { columns } } = this;
    if (columns === null) return this.run();
    return this.read((heap, rowIds, count) => heap.fetchStored(rowIds, count, S.snapshot)
      ?.map(({ from, end, positions, column, done }) => new StoredRows(columns.map(column), positions, from, end - from, done)) ?? null);
  }

  /** The rows; `stored`: those of a portion where they stand in columns. */
  private *read<B extends StoredRows>(stored: FetchStored<B> | null): Generator<Batch | B | Suspend, void, void> {
    const { S, plan, program } = this;
    if (S.substitutes !== null && S.substitutes.has(plan.scanrelid)) {
      yield* this.substitute();
      return;
    }
    const open = openIndex(S.catalog, plan.relid, plan.indexid);
    const { point } = program.ranges;
    if (point !== null) {
      const key = yield* this.pointKey(open, point);
      if (key !== null) yield* this.lookUp(open, key);
      return;
    }
    const keys = indexKeys(S.catalog, open.relation, open.descriptor);
    const ranges = yield* program.ranges.ranges(S, plan.backward);
    yield* this.scan(open, keys, new EntryReader(open.index, ranges, plan.backward), stored);
  }

  /** The key that is looked for; null when a part of it is NULL, which equals nothing. */
  private *pointKey(open: OpenIndex, point: readonly Compiled<Datum>[]): Suspendable<string | null> {
    const values: Datum[] = [];
    for (const part of point) values.push(yield* part.run(this.S, NO_ROW, NO_ROW, NO_ROW));
    return keyOf(open, values);
  }

  /** Rows with exactly this key, where no expression waits. */
  private rowsOf(open: OpenIndex, key: string): Batch {
    const rowIds = open.index.lookup(key, false);
    if (rowIds.length === 1) {
      const only = this.fetched(open, rowIds[0]);
      return only === null ? [] : [only];
    }
    const out: Batch = [];
    for (const rowId of rowIds) {
      const given = this.fetched(open, rowId);
      if (given !== null) out.push(given);
    }
    return out;
  }

  private fetched(open: OpenIndex, rowId: RowId): Row | null {
    const row = open.heap.fetch(rowId, this.S.snapshot);
    return row === null ? null : this.rowOf(row, rowId);
  }

  /** What it gives for a row of the table; null for one that does not qualify. No expression may wait. */
  private rowOf(row: Row, rowId: RowId): Row | null {
    const { S, meta, program: { original, projection: { qual, project } } } = this;
    meta[0] = rowId;
    if (original !== null && !original.evaluate(S, row, meta, NO_ROW)) return null;
    if (qual !== null && !qual.evaluate(S, row, meta, NO_ROW)) return null;
    return project === null ? row : project.evaluate(S, row, meta, NO_ROW);
  }

  private get waits(): boolean {
    const { S, program: { original, projection: { qual, project } } } = this;
    return (original?.waits(S) ?? false) || (qual?.waits(S) ?? false) || (project?.waits(S) ?? false);
  }

  override recheckAtOnce(row: Row, rowId: RowId): Row | null | undefined {
    return this.S.substitutes !== null || this.waits ? undefined : this.rowOf(row, rowId);
  }

  /** Rows with exactly this key: candidates whose visible version is held against the conditions. */
  private *lookUp(open: OpenIndex, key: string): BatchStream {
    const { S, program, meta } = this;
    const { original } = program;
    const { qual, project, oneByOne } = program.projection;
    let out: Batch = [];
    const rowIds = open.index.lookup(key, false);
    try {
      for (let index = 0; index < rowIds.length; index++) {
        const row = open.heap.fetch(rowIds[index], S.snapshot);
        if (row === null) continue;
        meta[0] = rowIds[index];
        if (original !== null && !(original.waits(S) ? yield* original.generator(S, row, meta, NO_ROW) : original.evaluate(S, row, meta, NO_ROW))) continue;
        if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, meta, NO_ROW) : qual.evaluate(S, row, meta, NO_ROW))) {
          S.countFiltered(this.plan, 1);
          continue;
        }
        out.push(project === null ? row : project.waits(S) ? yield* project.generator(S, row, meta, NO_ROW) : project.evaluate(S, row, meta, NO_ROW));
        if (oneByOne || out.length >= LOOKUP_BATCH_ROWS) {
          yield out;
          out = [];
          const pause = S.tick(LOOKUP_BATCH_ROWS);
          if (pause !== null) yield pause;
        }
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
    if (out.length > 0) yield out;
  }

  private *scan<B extends StoredRows>(
    open: OpenIndex, keys: IndexKeys, entries: EntryReader, stored: FetchStored<B> | null,
  ): Generator<Batch | B | Suspend, void, void> {
    const { S, plan, program, meta } = this;
    const { qual, project, oneByOne } = program.projection;
    const original = program.ranges.recheck ? program.original : null;
    const rows: (Row | null)[] = [];
    let out: Batch = [];
    let limit = this.firstRows;
    try {
      for (let count = entries.take(limit); count > 0; count = entries.take(limit)) {
        const pieces = stored === null || entries.anyStale(count) ? null : stored(open.heap, entries.rowIds, count);
        if (pieces !== null) {
          if (out.length > 0) yield out;
          out = [];
          yield* untilDone(pieces);
        } else open.heap.fetchMany(entries.rowIds, count, S.snapshot, rows);
        const fetched = pieces === null ? count : 0;
        for (let at = 0; at < fetched; at++) {
          const row = rows[at];
          if (row === null || (entries.stale[at] !== null && keys.key(S, row) !== entries.stale[at])) continue;
          meta[0] = entries.rowIds[at];
          if (original !== null && !(original.waits(S) ? yield* original.generator(S, row, meta, NO_ROW) : original.evaluate(S, row, meta, NO_ROW))) continue;
          if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, meta, NO_ROW) : qual.evaluate(S, row, meta, NO_ROW))) {
            S.countFiltered(plan, 1);
            continue;
          }
          out.push(project === null ? row : project.waits(S) ? yield* project.generator(S, row, meta, NO_ROW) : project.evaluate(S, row, meta, NO_ROW));
          if (oneByOne) {
            yield out;
            out = [];
          }
        }
        if (out.length >= limit) {
          yield out;
          out = [];
        }
        limit = nextBatchRows(limit);
        const pause = S.tick(count);
        if (pause !== null) {
          if (out.length > 0) yield out;
          out = [];
          yield pause;
        }
      }
    } catch (error) {
      if (out.length > 0) yield out;
      throw error;
    }
    if (out.length > 0) yield out;
  }

  /** In a re-check: the substituted row, held against all conditions. */
  private *substitute(): BatchStream {
    const { S, plan, program } = this;
    const { row, rowId, relid } = S.substitutes!.get(plan.scanrelid)!;
    if (relid !== plan.relid) return;
    const meta: Row = [rowId];
    const { qual, project } = program.projection;
    if (program.original !== null && !(yield* program.original.run(S, row, meta, NO_ROW))) return;
    if (qual !== null && !(yield* qual.run(S, row, meta, NO_ROW))) return;
    yield [project === null ? row : yield* project.run(S, row, meta, NO_ROW)];
  }
}

/** Pieces, each of which has been read when the next one, or nothing more, is asked for. */
function* untilDone<B extends StoredRows>(pieces: readonly B[]): Generator<B, void, void> {
  try {
    yield* pieces;
  } finally {
    for (const { done } of pieces) done?.();
  }
}

const LOOKUP_BATCH_ROWS = 256;

const NONE: readonly RowId[] = [];

/** Reads the entries of ranges, one range after the other, by portions. */
class EntryReader {
  /** What the last `read` found: row ids, and the keys of entries that may be older ones of their rows, else null. */
  readonly rowIds: RowId[] = [];
  readonly stale: (IndexKey | null)[] = [];
  private next = 0;
  /** Of the range that is being read: a cursor, or the candidates for its only key. */
  private cursor: IndexCursor | null = null;
  private key: IndexKey | null = null;
  private candidates = NONE;
  private read = 0;

  constructor(private readonly index: Index, private readonly ranges: readonly KeyRange[], private readonly backward: boolean) {}

  /** Reads up to so many entries; how many there were, 0 at the end. */
  take(most: number): number {
    let count = 0;
    while (count < most) {
      if (this.cursor !== null && this.cursor.next()) {
        this.note(count++, this.cursor.rowId, this.cursor.recheck ? this.cursor.key : null);
        const plain = this.cursor.nextPlain(this.rowIds, count, most - count);
        for (const end = count + plain; count < end; count++) this.stale[count] = null;
      } else if (this.read < this.candidates.length) this.note(count++, this.candidates[this.read++], this.key);
      else if (!this.enterRange()) break;
    }
    return count;
  }

  /** Whether one of the first `count` entries may be an older one of its row. */
  anyStale(count: number): boolean {
    for (let at = 0; at < count; at++) if (this.stale[at] !== null) return true;
    return false;
  }

  private note(at: number, rowId: RowId, key: IndexKey | null): void {
    this.rowIds[at] = rowId;
    this.stale[at] = key;
  }

  private enterRange(): boolean {
    if (this.next === this.ranges.length) return false;
    const { exact, lower, upper } = this.ranges[this.next++];
    this.cursor = exact === null ? this.index.range(lower, upper, this.backward) : null;
    this.key = exact;
    this.candidates = exact === null ? NONE : this.index.lookup(exact, false);
    this.read = 0;
    return true;
  }
}
