/**
 * Sequential scan: settled rows of a chunk through the fused kernel, changed rows through the row form. TABLESAMPLE
 * BERNOULLI and SYSTEM pick rows and chunks by a hash of seed and place, so REPEATABLE gives the same rows again.
 */
import type { ChunkView } from '../../access/api.js';
import type { TableSampleClause } from '../../analyzer/nodes.js';
import { pgError, notSupported } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import type { SeqScanPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { ExecutionState } from '../context.js';
import { compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import type { CompileScope } from '../expression/emitter.js';
import { kernelReads, KERNEL_MINIMUM_ROWS, ScanKernels, type KeyLimit, type KeyLimitShape } from '../kernels/scan-kernel.js';
import { nextView } from '../next-view.js';
import { makeProjection, type Projection } from '../projection.js';
import { scanReader, scopeFor } from '../readers.js';
import { openRelation } from '../relation-access.js';
import { FIRST_BATCH_ROWS, nextBatchRows, Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

interface Sample {
  readonly system: boolean;
  readonly percent: Compiled<Datum>;
  readonly repeatable: Compiled<Datum> | null;
}
interface Program {
  readonly projection: Projection;
  /** Null when the expressions read what columns do not give, or may wait. */
  readonly kernels: ScanKernels | null;
  readonly sample: Sample | null;
  /** Kernels that also know the limit of a bounded sort above. */
  limited: ScanKernels | null;
}
const programs = new ProgramCache<SeqScanPlan, Program>();

function compile(S: ExecutionState, plan: SeqScanPlan): Program {
  const scope = scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid));
  const width = openRelation(S.catalog, plan.relid).attributes.length;
  const projection = makeProjection(scope, plan.targetlist, plan.qual, { varno: plan.scanrelid, width });
  const targets = plan.targetlist.map((target) => target.expr);
  const waits = (projection.qual?.suspends ?? false) || (projection.project?.suspends ?? false);
  const kernels = waits || projection.oneByOne || !kernelReads([...plan.qual, ...targets]) ? null
    : new ScanKernels(scope, plan.qual, projection.project === null ? null : targets, width);
  return { projection, kernels, sample: plan.tablesample === null ? null : compileSample(scope, plan.tablesample), limited: null };
}

const BERNOULLI_HANDLER = 'tsm_bernoulli_handler';
const SYSTEM_HANDLER = 'tsm_system_handler';

function compileSample(scope: CompileScope, clause: TableSampleClause): Sample {
  const handler = scope.catalog.proc(clause.tsmhandler)?.prosrc ?? '';
  if (handler !== BERNOULLI_HANDLER && handler !== SYSTEM_HANDLER) throw notSupported('this table sampling method');
  return {
    system: handler === SYSTEM_HANDLER,
    percent: compileValue(scope, clause.args[0]),
    repeatable: clause.repeatable === null ? null : compileValue(scope, clause.repeatable),
  };
}

const NO_LIMIT: KeyLimit = { value: null };

/** Decides which rows a sample keeps. */
interface Sampler {
  chunk(view: ChunkView): boolean;
  row(rowId: number): boolean;
}

/** Reads a table from its first chunk to its last. */
export class SeqScan extends Operator {
  private readonly program: Program;
  private limitedKernels: ScanKernels | null = null;
  private keyLimit: KeyLimit = NO_LIMIT;

  constructor(private readonly S: ExecutionState, private readonly plan: SeqScanPlan) {
    super();
    this.program = programs.get(plan, () => compile(S, plan));
  }

  /** A bounded sort above: rows beyond `limit` need not be made. */
  limitKey(shape: KeyLimitShape, limit: KeyLimit): void {
    const { S, plan, program } = this;
    if (program.kernels === null) return;
    program.limited ??= new ScanKernels(scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, plan.relid)), plan.qual,
      plan.targetlist.map((target) => target.expr), 0, shape);
    this.limitedKernels = program.limited;
    this.keyLimit = limit;
  }

  *run(): BatchStream {
    const { S, plan } = this;
    const substitute = S.substitutes?.get(plan.scanrelid);
    if (substitute !== undefined) {
      if (substitute.relid === plan.relid) yield* this.rows([substitute.row], [substitute.rowId], null);
      return;
    }
    const relation = openRelation(S.catalog, plan.relid);
    if (relation.kind === 'S') {
      yield* this.rows([sequenceRow(relation)], [SEQUENCE_ROW_ID], null);
      return;
    }
    const sampler = this.program.sample === null ? null : yield* this.makeSampler(this.program.sample);
    let limit = FIRST_BATCH_ROWS;
    const scan = relation.openHeap().scan(S.snapshot);
    for (let view = yield* nextView(scan); view !== null; view = yield* nextView(scan)) {
      if (sampler !== null && !sampler.chunk(view)) continue;
      const settled = view.selection === null ? view.positions : view.selected;
      if (settled > 0) {
        if (this.useKernel(settled, sampler)) {
          limit = yield* this.runKernel(view, limit);
        } else {
          const { rows, rowIds } = rowsOfView(view, settled, openRelation(S.catalog, plan.relid).attributes.length);
          yield* this.rows(rows, rowIds, sampler);
        }
      }
      if (view.changedRows.length > 0) yield* this.rows(view.changedRows, view.changedRowIds, sampler);
      const pause = S.tick(settled + view.changedRows.length + 1);
      if (pause !== null) yield pause;
    }
  }

  private useKernel(settled: number, sampler: Sampler | null): boolean {
    const { projection, kernels } = this.program;
    if (kernels === null || sampler !== null || settled < KERNEL_MINIMUM_ROWS) return false;
    return !(projection.qual?.waits(this.S) ?? false) && !(projection.project?.waits(this.S) ?? false);
  }

  private *runKernel(view: ChunkView, firstLimit: number): Generator<Batch, number, void> {
    const kernels = this.limitedKernels ?? this.program.kernels!;
    if (kernels.isBeyond(view, this.keyLimit)) {
      this.S.countFiltered(this.plan, view.selection === null ? view.positions : view.selected);
      return firstLimit;
    }
    const columns = kernels.columns(view);
    const kernel = kernels.kernel(this.S, columns);
    let limit = firstLimit;
    let from = 0;
    let made = 0;
    while (from >= 0) {
      const out: Batch = [];
      try {
        from = kernel(this.S, view, columns, out, from, limit, this.keyLimit);
      } catch (error) {
        if (out.length > 0) yield out;
        throw error;
      }
      if (out.length > 0) {
        made += out.length;
        yield out;
        limit = nextBatchRows(limit);
      }
    }
    this.S.countFiltered(this.plan, (view.selection === null ? view.positions : view.selected) - made);
    return limit;
  }

  /** The row form: also for system columns, whole rows, waiting expressions and small chunks. */
  private *rows(rows: readonly Row[], rowIds: readonly number[], sampler: Sampler | null): BatchStream {
    const { S } = this;
    const { qual, project, oneByOne } = this.program.projection;
    let out: Batch = [];
    let limit = FIRST_BATCH_ROWS;
    const meta: Row = [0];
    let filtered = 0;
    try {
      for (let index = 0; index < rows.length; index++) {
        const row = rows[index];
        meta[0] = rowIds[index];
        if (sampler !== null && !sampler.row(rowIds[index])) continue;
        if (qual !== null && !(qual.waits(S) ? yield* qual.generator(S, row, meta, NO_ROW) : qual.evaluate(S, row, meta, NO_ROW))) {
          filtered++;
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
    } finally {
      S.countFiltered(this.plan, filtered);
    }
    if (out.length > 0) yield out;
  }

  private *makeSampler(sample: Sample): Suspendable<Sampler> {
    const { S } = this;
    const percent = yield* sample.percent.run(S, NO_ROW, NO_ROW, NO_ROW);
    if (percent === null) throw pgError('INVALID_TABLESAMPLE_ARGUMENT', 'TABLESAMPLE parameter cannot be null');
    const share = Number(percent) / 100;
    if (!(share >= 0 && share <= 1)) throw pgError('INVALID_TABLESAMPLE_ARGUMENT', 'sample percentage must be between 0 and 100');
    let seed: Datum = S.services.random();
    if (sample.repeatable !== null) {
      seed = yield* sample.repeatable.run(S, NO_ROW, NO_ROW, NO_ROW);
      if (seed === null) throw pgError('INVALID_TABLESAMPLE_REPEAT', 'TABLESAMPLE REPEATABLE parameter cannot be null');
    }
    const start = hashNumber(0x9e3779b9, Math.floor(Number(seed) * 0x7fffffff) | 0);
    const keep = (place: number) => (hashNumber(start, place) >>> 0) / 0x1_0000_0000 < share;
    return sample.system ? { chunk: (view) => keep(view.firstRowId), row: () => true } : { chunk: () => true, row: keep };
  }
}

/** Where a sequence's only row is. */
export const SEQUENCE_ROW_ID = 1;

/** A sequence as a table of one row: last_value, log_cnt, is_called. */
export function sequenceRow(relation: Relation): Row {
  const { lastValue, logCount, isCalled } = relation.openSequence().read();
  return [lastValue, logCount, isCalled];
}

/** One round of MurmurHash3's mixing. */
function hashNumber(seed: number, item: number): number {
  let hash = Math.imul(seed ^ item, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return Math.imul(hash, 0x85ebca6b) ^ (hash >>> 15);
}

/** The settled rows of a view as rows with their ids. */
export function rowsOfView(view: ChunkView, settled: number, width: number): { rows: Row[]; rowIds: number[] } {
  const columns = Array.from({ length: width }, (_, index) => view.column(index));
  const rows: Row[] = [];
  const rowIds: number[] = [];
  for (let index = 0; index < settled; index++) {
    const position = view.selection === null ? index : view.selection[index];
    rows.push(columns.map((column) => column.get(position)));
    rowIds.push(view.firstRowId + position);
  }
  return { rows, rowIds };
}
