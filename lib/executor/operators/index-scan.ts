/**
 * Index scan: keys in order, rows by id, entries that may be stale re-checked by the row's own key. A whole key given by
 * equalities (the point query) goes straight to the look-up.
 */
import type { IndexCursor } from '../../access/api.js';
import type { Suspendable } from '../../base/suspend.js';
import type { IndexScanPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, NO_ROW, type Compiled } from '../expression/compile.js';
import { compileIndexRanges, type IndexRanges, type KeyRange } from '../index-range.js';
import { makeProjection, type Projection } from '../projection.js';
import { scanReader, scopeFor } from '../readers.js';
import { indexKeys, openIndex, type IndexKeys, type OpenIndex } from '../relation-access.js';
import { FIRST_BATCH_ROWS, nextBatchRows, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

interface Program {
  readonly projection: Projection;
  readonly ranges: IndexRanges;
  /** The original conditions over the row. */
  readonly original: Compiled<boolean> | null;
}
const programs = new ProgramCache<IndexScanPlan, Program>();

function compile(S: ExecutionState, plan: IndexScanPlan): Program {
  const scope = scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid));
  const { relation, descriptor } = openIndex(S.catalog, plan.relid, plan.indexid);
  return {
    projection: makeProjection(scope, plan.targetlist, plan.qual, { varno: plan.scanrelid, width: relation.attributes.length }),
    ranges: compileIndexRanges(scope, descriptor, plan.conditions),
    original: compileCondition(scope, plan.indexqualorig),
  };
}

/** Reads rows through an ordered index. */
export class IndexScan extends Operator {
  private readonly program: Program;
  private readonly meta: Row = [0];

  constructor(private readonly S: ExecutionState, private readonly plan: IndexScanPlan) {
    super();
    this.program = programs.get(plan, () => compile(S, plan));
  }

  *run(): BatchStream {
    const { S, plan, program } = this;
    if (S.substitutes !== null && S.substitutes.has(plan.scanrelid)) {
      yield* this.substitute();
      return;
    }
    const open = openIndex(S.catalog, plan.relid, plan.indexid);
    const { point } = program.ranges;
    if (point !== null) {
      const key = yield* this.pointKey(open, point);
      if (key !== null) yield* this.lookUp(open, key, null);
      return;
    }
    const keys = indexKeys(S.catalog, open.relation, open.descriptor);
    for (const range of yield* program.ranges.ranges(S, plan.backward)) {
      // One key of many: the row's own key tells at once what the conditions would have to look for among all of them.
      if (range.exact !== null) yield* this.lookUp(open, range.exact, program.ranges.recheck ? null : keys);
      else yield* this.scanRange(open, keys, range);
    }
  }

  private *pointKey(open: OpenIndex, point: readonly Compiled<Datum>[]): Suspendable<string | null> {
    const { S } = this;
    const values: Datum[] = [];
    for (const part of point) {
      const value = part.waits(S) ? yield* part.generator(S, NO_ROW, NO_ROW, NO_ROW) : part.evaluate(S, NO_ROW, NO_ROW, NO_ROW);
      if (value === null) return null;
      values.push(value);
    }
    return open.descriptor.encodeKey(values);
  }

  /** Rows with exactly this key: candidates whose visible version is held against the key, or where there are no `keys` the conditions. */
  private *lookUp(open: OpenIndex, key: string, keys: IndexKeys | null): BatchStream {
    const { S, program, meta } = this;
    const { qual, project, oneByOne } = program.projection;
    const original = keys === null ? program.original : null;
    let out: Batch = [];
    const rowIds = open.index.lookup(key, false);
    try {
      for (let index = 0; index < rowIds.length; index++) {
        const row = open.heap.fetch(rowIds[index], S.snapshot);
        if (row === null || (keys !== null && keys.key(S, row) !== key)) continue;
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

  private *scanRange(open: OpenIndex, keys: IndexKeys, range: KeyRange): BatchStream {
    const { S, plan, program, meta } = this;
    const { qual, project, oneByOne } = program.projection;
    const original = program.ranges.recheck ? program.original : null;
    const cursor = open.index.range(range.lower, range.upper, plan.backward);
    let out: Batch = [];
    let limit = FIRST_BATCH_ROWS;
    let seen = 0;
    try {
      while (cursor.next()) {
        if (++seen >= SCAN_TICK_ROWS) {
          const pause = S.tick(seen);
          seen = 0;
          if (pause !== null) {
            if (out.length > 0) yield out;
            out = [];
            yield pause;
          }
        }
        const row = fetchEntry(S, open, keys, cursor);
        if (row === null) continue;
        meta[0] = cursor.rowId;
        if (original !== null && !(original.waits(S) ? yield* original.generator(S, row, meta, NO_ROW) : original.evaluate(S, row, meta, NO_ROW))) continue;
        if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, meta, NO_ROW) : qual.evaluate(S, row, meta, NO_ROW))) {
          S.countFiltered(this.plan, 1);
          continue;
        }
        out.push(project === null ? row : project.waits(S) ? yield* project.generator(S, row, meta, NO_ROW) : project.evaluate(S, row, meta, NO_ROW));
        if (oneByOne || out.length >= limit) {
          yield out;
          out = [];
          limit = nextBatchRows(limit);
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

const LOOKUP_BATCH_ROWS = 256;
const SCAN_TICK_ROWS = 256;

/** The visible row of an entry; null when there is none or the entry is one of its older keys. */
export function fetchEntry(S: ExecutionState, open: OpenIndex, keys: IndexKeys, cursor: IndexCursor): Row | null {
  const row = open.heap.fetch(cursor.rowId, S.snapshot);
  if (row === null || !cursor.recheck) return row;
  return keys.key(S, row) === cursor.key ? row : null;
}
