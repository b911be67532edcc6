/**
 * Hash join: the inner side in a hash table, the outer side streamed past it. Null keys never match; outer joins keep
 * the unmatched rows of their sides, semi and anti joins ask for existence only.
 */
import { exprType } from '../../analyzer/node-functions.js';
import type { Expr } from '../../analyzer/nodes.js';
import { Suspend, type Suspendable } from '../../base/suspend.js';
import type { HashJoinPlan } from '../../planner/plan-nodes.js';
import type { Row } from '../../types/datum.js';
import { compileRowKey, hashEncoder, type RowKey } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileCondition, compileList, NO_ROW, type Compiled } from '../expression/compile.js';
import type { CompileScope, VarReader } from '../expression/emitter.js';
import { JoinTable, NONE, type OrderedColumns } from '../join-table.js';
import { makeJoinKernel, type JoinKernel, type JoinLoop } from '../kernels/join-kernel.js';
import { makeProjection, type Projection } from '../projection.js';
import { childReader, scopeFor } from '../readers.js';
import { rowBytes } from '../shared-rows.js';
import { hashMemoryBytes, Partitions } from '../spill.js';
import { createOperator } from './create.js';
import { JoinOutput } from './join-output.js';
import { paramStamp } from './kept-rows.js';
import { Operator, ProgramCache, type BatchStream } from './operator.js';
import { nullRow } from '../row.js';

/** The key of one side: straight from columns, or through computed values. */
interface SideKey {
  readonly exprs: Compiled<Row> | null;
  readonly key: RowKey;
}
interface Program {
  readonly projection: Projection;
  readonly joinqual: Compiled<boolean> | null;
  readonly outer: SideKey;
  readonly inner: SideKey;
  readonly nullOuter: Row;
  readonly nullInner: Row;
  readonly kernel: JoinKernel | null;
}
const programs = new ProgramCache<HashJoinPlan, Program>();

/** Inner keys are over the inner child: read them as the single row `o`. */
const innerAsOnly: VarReader = (variable, emitter) => {
  const code = childReader(variable, emitter);
  return { ...code, js: code.js.replace(/^i\[/, 'o[') };
};

function sideKey(scope: CompileScope, exprs: readonly Expr[], types: readonly number[]): SideKey {
  const encoders = types.map((type) => hashEncoder(scope.catalog, type));
  const plain = exprs.every((expr) => expr.node === 'Var' && expr.varattno > 0);
  const columns = exprs.map((expr, index) => ({ at: plain && expr.node === 'Var' ? expr.varattno - 1 : index, encode: encoders[index] }));
  return { exprs: plain ? null : compileList(scope, exprs), key: compileRowKey(columns, false) };
}

const SPILL_SALT = 1;

/** Joins on equality of keys. */
export class HashJoin extends Operator {
  private readonly program: Program;
  private readonly outer: Operator;
  private readonly inner: Operator;
  private table: JoinTable | null = null;
  private unmatchable: Row[] = [];
  private stamp = -1;

  constructor(private readonly S: ExecutionState, private readonly plan: HashJoinPlan) {
    super();
    this.program = programs.get(plan, () => {
      const scope = scopeFor(S.catalog, S.statement, childReader);
      return {
        projection: makeProjection(scope, plan.targetlist, plan.qual, null),
        joinqual: compileCondition(scope, plan.joinqual),
        outer: sideKey(scope, plan.outerKeys, plan.outerKeys.map(exprType)),
        inner: sideKey(scopeFor(S.catalog, S.statement, innerAsOnly), plan.innerKeys, plan.innerKeys.map(exprType)),
        nullOuter: nullRow(plan.outer.targetlist.length),
        nullInner: nullRow(plan.inner.targetlist.length),
        kernel: makeJoinKernel(scope, plan),
      };
    });
    this.outer = createOperator(S, plan.outer);
    this.inner = createOperator(S, plan.inner);
  }

  *run(): BatchStream {
    const { S, plan, program } = this;
    const { jointype } = plan;
    const keepInner = jointype === 'right' || jointype === 'full' || jointype === 'rightAnti';
    const track = keepInner || jointype === 'rightSemi';
    const spilled = yield* this.build(track);
    const keepOuter = jointype === 'left' || jointype === 'full' || jointype === 'anti';
    if (spilled === null && this.table!.size === 0 && !keepOuter && this.unmatchable.length === 0) return;
    const output = new JoinOutput(S, program.projection);
    try {
      if (spilled === null) {
        yield* this.probeAll(this.table!, this.outer.run(), output, keepOuter);
        if (keepInner) yield* this.unmatchedInner(this.table!, output);
      } else yield* this.joinPartitions(spilled, output, keepOuter, keepInner);
    } catch (error) {
      const rest = output.take();
      if (rest !== null) yield rest;
      throw error;
    }
  }

  private *probeAll(table: JoinTable, outer: BatchStream, output: JoinOutput, keepOuter: boolean): BatchStream {
    const { S, program } = this;
    const { kernel } = program;
    const columns = kernel === null || this.mayWait(output) ? null : yield* table.order(S, kernel.attributes);
    if (columns !== null) {
      yield* this.probeColumns(kernel!.loop(S, columns), columns, outer, output);
      return;
    }
    yield* table.link(S);
    for (const item of outer) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      const simple = program.outer.exprs === null && !this.mayWait(output);
      for (let index = 0; index < item.length; index++) {
        if (simple) this.probe(table, item[index], output, keepOuter);
        else yield* this.probeWaiting(table, item[index], output, keepOuter);
        const batch = output.full();
        if (batch !== null) yield batch;
      }
      const rest = output.take();
      if (rest !== null) yield rest;
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
  }

  private mayWait(output: JoinOutput): boolean {
    return output.waits() || (this.program.joinqual?.waits(this.S) ?? false);
  }

  private *probeColumns(loop: JoinLoop, inner: OrderedColumns, outer: BatchStream, output: JoinOutput): BatchStream {
    const { S } = this;
    for (const item of outer) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (let from = 0; from >= 0;) {
        from = loop(S, item, from, inner, output.pending, output.room);
        const batch = output.full();
        if (batch !== null) yield batch;
        const pause = S.tick(item.length);
        if (pause !== null) yield pause;
      }
      const rest = output.take();
      if (rest !== null) yield rest;
    }
  }

  /** Both sides on files, divided alike: each pair of partitions is a join of its own. */
  private *joinPartitions(inner: Partitions, output: JoinOutput, keepOuter: boolean, keepInner: boolean): BatchStream {
    const { S, program } = this;
    const outer = new Partitions(S, SPILL_SALT);
    const { exprs, key } = program.outer;
    for (const item of this.outer.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        const found = key(exprs === null ? row : yield* exprs.run(S, row, NO_ROW, NO_ROW));
        if (found !== null) outer.add(found, row);
        else if (keepOuter) yield* output.addWaiting(row, program.nullInner);
      }
      const rest = output.take();
      if (rest !== null) yield rest;
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    const { unmatchable } = this;
    for (let partition = 0; partition < inner.count; partition++) {
      const table = new JoinTable();
      for (const item of inner.read(partition)) {
        if (item instanceof Suspend) {
          yield item;
          continue;
        }
        for (const row of item) table.add(program.inner.key(program.inner.exprs === null ? row : yield* program.inner.exprs.run(S, row, NO_ROW, NO_ROW)), row);
        const pause = S.tick(item.length);
        if (pause !== null) yield pause;
      }
      yield* this.probeAll(table, outer.read(partition), output, keepOuter);
      this.unmatchable = partition === 0 ? unmatchable : [];
      if (keepInner) yield* this.unmatchedInner(table, output);
      inner.release(partition);
      outer.release(partition);
    }
  }

  /** Fills the hash table; beyond its memory all rows go to partitions instead, which are returned. */
  private *build(track: boolean): Suspendable<Partitions | null> {
    const { S, program } = this;
    const stamp = paramStamp(S, this.plan.tableParams);
    if (this.table !== null && stamp === this.stamp && !track) return null;
    this.stamp = stamp;
    let table: JoinTable | null = new JoinTable();
    this.unmatchable = [];
    const limit = hashMemoryBytes(S);
    let bytes = 0;
    let spilled: Partitions | null = null;
    const { exprs, key } = program.inner;
    for (const item of this.inner.run()) {
      if (item instanceof Suspend) {
        yield item;
        continue;
      }
      for (const row of item) {
        const found = key(exprs === null ? row : yield* exprs.run(S, row, NO_ROW, NO_ROW));
        if (found === null) {
          if (track) this.unmatchable.push(row);
        } else if (table !== null) table.add(found, row);
        else spilled!.add(found, row);
      }
      bytes += rowBytes(item[0]) * item.length;
      if (bytes > limit && table !== null) {
        const partitions = new Partitions(S, SPILL_SALT);
        yield* table.forEach(S, (found, row) => partitions.add(found, row));
        spilled = partitions;
        table = null;
      }
      const pause = S.tick(item.length);
      if (pause !== null) yield pause;
    }
    this.table = table;
    return spilled;
  }

  private probe(table: JoinTable, o: Row, output: JoinOutput, keepOuter: boolean): void {
    const { S, plan, program } = this;
    const { joinqual } = program;
    const key = program.outer.key(o);
    let matched = false;
    for (let place = key === null ? NONE : table.find(key); place !== NONE; place = table.next[place]) {
      const row = table.rows[place];
      if (joinqual !== null && !joinqual.evaluate(S, o, row, NO_ROW)) continue;
      matched = true;
      const again = table.matched[place] === 1;
      table.matched[place] = 1;
      if (plan.jointype === 'anti') break;
      if (plan.jointype === 'rightAnti' || (again && plan.jointype === 'rightSemi')) continue;
      output.add(o, row);
      if (plan.jointype === 'semi') break;
    }
    if (!matched && keepOuter) output.add(o, program.nullInner);
  }

  private *probeWaiting(table: JoinTable, o: Row, output: JoinOutput, keepOuter: boolean): Suspendable<void> {
    const { S, plan, program } = this;
    const { joinqual } = program;
    const { exprs } = program.outer;
    const key = program.outer.key(exprs === null ? o : exprs.waits(S) ? yield* exprs.generator(S, o, NO_ROW, NO_ROW) : exprs.evaluate(S, o, NO_ROW, NO_ROW));
    let matched = false;
    for (let place = key === null ? NONE : table.find(key); place !== NONE; place = table.next[place]) {
      const row = table.rows[place];
      if (joinqual !== null && !(joinqual.waits(S) ? yield* joinqual.generator(S, o, row, NO_ROW) : joinqual.evaluate(S, o, row, NO_ROW))) continue;
      matched = true;
      const again = table.matched[place] === 1;
      table.matched[place] = 1;
      if (plan.jointype === 'anti') break;
      if (plan.jointype === 'rightAnti' || (again && plan.jointype === 'rightSemi')) continue;
      yield* output.addWaiting(o, row);
      if (plan.jointype === 'semi') break;
    }
    if (!matched && keepOuter) yield* output.addWaiting(o, program.nullInner);
  }

  private *unmatchedInner(table: JoinTable, output: JoinOutput): BatchStream {
    const { nullOuter } = this.program;
    for (let place = 0; place < table.size; place++) {
      if (table.matched[place] === 1) continue;
      yield* output.addWaiting(nullOuter, table.rows[place]);
      const batch = output.full();
      if (batch !== null) yield batch;
    }
    for (const row of this.unmatchable) yield* output.addWaiting(nullOuter, row);
    const rest = output.take();
    if (rest !== null) yield rest;
  }
}
