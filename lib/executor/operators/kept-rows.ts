/** Nodes that keep rows: Material, Memoize, CteScan, WorkTableScan, RecursiveUnion. */
import { Suspend } from '../../base/suspend.js';
import { exprType } from '../../analyzer/node-functions.js';
import type {
  CteScanPlan, MaterialPlan, MemoizePlan, RecursiveUnionPlan, WorkTableScanPlan,
} from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import { bodyEncoder, type BodyEncoder } from '../../codec/key-encoder.js';
import { compileRowKey, hashEncoder, type RowKey } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import { makeProjection, projectBatch, projectStream, type Projection } from '../projection.js';
import { childReader, scanReader, scopeFor } from '../readers.js';
import { rowsInBatches, SharedRows } from '../shared-rows.js';
import { createOperator } from './create.js';
import { Operator, ProgramCache, type Batch, type BatchStream } from './operator.js';

/** A number that grows whenever one of the Params changes. */
export function paramStamp(S: ExecutionState, params: readonly number[]): number {
  let stamp = 0;
  for (const param of params) stamp += S.execVersion[param];
  return stamp;
}

/** Keeps its child's rows for rescans. */
export class Material extends Operator {
  private readonly child: Operator;
  private kept: SharedRows | null = null;
  private stamp = -1;

  constructor(private readonly S: ExecutionState, private readonly plan: MaterialPlan) {
    super();
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    const stamp = paramStamp(this.S, this.plan.extParams);
    if (this.kept === null || stamp !== this.stamp) {
      this.stamp = stamp;
      this.kept = new SharedRows(this.S, this.child.run());
    }
    yield* this.kept.read();
  }
}

interface MemoizeProgram { readonly keys: Compiled<Row>; readonly key: RowKey; readonly keyParams: ReadonlySet<number> }
const memoizePrograms = new ProgramCache<MemoizePlan, MemoizeProgram>();
/** Cached parameter values before the oldest is dropped. */
const MEMOIZE_ENTRIES = 10000;

/** In binary mode, values that are equal but differ (1.0 and 1.00) are different keys. */
function memoizeEncoder(S: ExecutionState, plan: MemoizePlan, type: number): BodyEncoder | null {
  const encode = hashEncoder(S.catalog, type);
  return encode !== null && plan.binaryMode === true ? bodyEncoder({ kind: 'generic' }) : encode;
}

/** Caches the child's rows by the values of its parameters. */
export class Memoize extends Operator {
  private readonly program: MemoizeProgram;
  private readonly child: Operator;
  private readonly entries = new Map<Datum, Batch>();
  private stamp = 0;

  constructor(private readonly S: ExecutionState, private readonly plan: MemoizePlan) {
    super();
    this.program = memoizePrograms.get(plan, () => ({
      keys: compileList(scopeFor(S.catalog, S.statement, childReader), plan.paramKeys),
      key: compileRowKey(plan.paramKeys.map((expr, at) => ({ at, encode: memoizeEncoder(S, plan, exprType(expr)) })), true),
      keyParams: new Set(plan.paramKeys.flatMap((expr) => (expr.node === 'Param' ? [expr.paramid] : []))),
    }));
    this.child = createOperator(S, plan.child);
  }

  *run(): BatchStream {
    const { S, entries } = this;
    const { keys, key, keyParams } = this.program;
    // Another outer Param changed: everything cached is stale.
    const stamp = paramStamp(S, this.plan.extParams.filter((param) => !keyParams.has(param)));
    if (stamp !== this.stamp) entries.clear();
    this.stamp = stamp;
    const found = key(yield* keys.run(S, NO_ROW, NO_ROW, NO_ROW));
    const kept = entries.get(found);
    if (kept !== undefined) {
      if (kept.length > 0) yield kept;
      return;
    }
    const rows: Batch = [];
    for (const item of this.child.run()) {
      if (!(item instanceof Suspend)) rows.push(...item);
      yield item;
    }
    if (entries.size >= MEMOIZE_ENTRIES) entries.delete(entries.keys().next().value!);
    entries.set(found, rows);
  }
}

const ctePrograms = new ProgramCache<CteScanPlan | WorkTableScanPlan, Projection>();

function scanProjection(S: ExecutionState, plan: CteScanPlan | WorkTableScanPlan, width: number): Projection {
  return ctePrograms.get(plan, () => makeProjection(scopeFor(S.catalog, S.statement, scanReader(plan.scanrelid, 0)), plan.targetlist, plan.qual, { varno: plan.scanrelid, width }));
}

/** Reads a CTE that is run once and kept. */
export class CteScan extends Operator {
  private readonly projection: Projection;

  constructor(private readonly S: ExecutionState, private readonly plan: CteScanPlan) {
    super();
    this.projection = scanProjection(S, plan, S.statement.subplans[plan.ctePlanId].targetlist.filter((target) => !target.resjunk).length);
  }

  *run(): BatchStream {
    yield* projectStream(this.S, this.projection, this.S.subplans.cte(this.plan.ctePlanId).read());
  }
}

/** Reads the rows of the last iteration of a recursive CTE. */
export class WorkTableScan extends Operator {
  private readonly projection: Projection;

  constructor(private readonly S: ExecutionState, private readonly plan: WorkTableScanPlan) {
    super();
    const rte = S.statement.rtable[plan.scanrelid - 1];
    this.projection = scanProjection(S, plan, rte.rtekind === 'cte' ? rte.coltypes.length : -1);
  }

  *run(): BatchStream {
    for (const batch of rowsInBatches(this.S.subplans.workTable(this.plan.wtParam))) {
      yield* projectBatch(this.S, this.projection, batch);
      const pause = this.S.tick(batch.length);
      if (pause !== null) yield pause;
    }
  }
}

const recursivePrograms = new ProgramCache<RecursiveUnionPlan, RowKey | null>();

/** WITH RECURSIVE: the outer term, then the inner term over the last rows until there are none. */
export class RecursiveUnion extends Operator {
  private readonly key: RowKey | null;
  private readonly outer: Operator;
  private readonly inner: Operator;

  constructor(private readonly S: ExecutionState, private readonly plan: RecursiveUnionPlan) {
    super();
    this.key = recursivePrograms.get(plan, () => (plan.distinctColumns.length === 0 ? null
      : compileRowKey(plan.distinctColumns.map(({ column }) => ({ at: column - 1, encode: hashEncoder(S.catalog, exprType(plan.targetlist[column - 1].expr)) })), true)));
    this.outer = createOperator(S, plan.outer);
    this.inner = createOperator(S, plan.inner);
  }

  *run(): BatchStream {
    const { S, plan, key } = this;
    const seen = key === null ? null : new Set<Datum>();
    let source = this.outer;
    for (;;) {
      const next: Batch = [];
      for (const item of source.run()) {
        if (item instanceof Suspend) {
          yield item;
          continue;
        }
        const fresh = seen === null ? item : item.filter((row) => {
          const found = key!(row);
          if (seen.has(found)) return false;
          seen.add(found);
          return true;
        });
        for (const row of fresh) next.push(row);
        if (fresh.length > 0) yield fresh;
      }
      if (next.length === 0) return;
      S.subplans.setWorkTable(plan.wtParam, next);
      source = this.inner;
      const pause = S.tick(next.length);
      if (pause !== null) yield pause;
    }
  }
}
