/** The window functions themselves, and aggregates over frames. */
import { notSupported, pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Datum, Row } from '../../types/datum.js';
import type { Slot } from '../aggregate.js';
import type { ExecutionState } from '../context.js';
import { NO_ROW, type Compiled } from '../expression/compile.js';
import type { WindowCall } from '../operators/window-agg.js';
import type { Frame } from './frame.js';

/** Gives one call's value row by row through a partition. */
export abstract class WindowEvaluator {
  constructor(protected readonly S: ExecutionState, protected readonly call: WindowCall, protected readonly rows: readonly Row[], protected readonly frame: Frame) {}
  /** Whether `value` may be used for this row. */
  now(_position: number): boolean {
    return !this.call.args.some((arg) => arg.waits(this.S));
  }
  abstract value(position: number): Datum;
  *waiting(_position: number): Suspendable<Datum> {
    throw notSupported(`window function arguments that may wait (${this.call.name ?? 'aggregate'})`);
  }
  protected argument(index: number, position: number): Datum {
    const arg: Compiled<Datum> = this.call.args[index];
    return arg.evaluate(this.S, this.rows[position], NO_ROW, NO_ROW);
  }
}

type ValueFunction = (this: void, evaluator: SimpleEvaluator, position: number) => Datum;

/** Functions that need no state beyond the frame. */
class SimpleEvaluator extends WindowEvaluator {
  constructor(S: ExecutionState, call: WindowCall, rows: readonly Row[], frame: Frame, private readonly body: ValueFunction) {
    super(S, call, rows, frame);
  }
  value(position: number): Datum {
    return this.body(this, position);
  }
  get peers(): Frame { return this.frame; }
  get size(): number { return this.rows.length; }
  arg(index: number, position: number): Datum { return this.argument(index, position); }
  get count(): number { return this.call.args.length; }
}

function shifted(evaluator: SimpleEvaluator, position: number, direction: 1 | -1): Datum {
  const offset = evaluator.count > 1 ? evaluator.arg(1, position) : 1;
  if (offset === null) return null;
  const target = position + direction * Number(offset);
  if (target >= 0 && target < evaluator.size) return evaluator.arg(0, target);
  return evaluator.count > 2 ? evaluator.arg(2, position) : null;
}

function frameValue(evaluator: SimpleEvaluator, index: number, fromEnd: boolean): Datum {
  const at = evaluator.peers.positionAt(index, fromEnd);
  return at < 0 ? null : evaluator.arg(0, at);
}

const rank: ValueFunction = (evaluator) => evaluator.peers.peerStart + 1;

const FUNCTIONS: Record<string, ValueFunction> = {
  window_row_number: (_evaluator, position) => position + 1,
  window_rank: rank,
  window_dense_rank: (evaluator) => evaluator.peers.group + 1,
  window_percent_rank: (evaluator) => (evaluator.size <= 1 ? 0 : evaluator.peers.peerStart / (evaluator.size - 1)),
  window_cume_dist: (evaluator) => evaluator.peers.peerEnd / evaluator.size,
  window_ntile: (evaluator, position) => {
    const buckets = evaluator.arg(0, 0);
    if (buckets === null) return null;
    const count = Number(buckets);
    if (count <= 0) throw pgError('INVALID_ARGUMENT_FOR_NTILE', 'argument of ntile must be greater than zero');
    const small = Math.floor(evaluator.size / count);
    const larger = evaluator.size % count;
    const inLarger = larger * (small + 1);
    return position < inLarger ? Math.floor(position / (small + 1)) + 1 : larger + Math.floor((position - inLarger) / small) + 1;
  },
  window_lag: (evaluator, position) => shifted(evaluator, position, -1),
  window_lead: (evaluator, position) => shifted(evaluator, position, 1),
  window_first_value: (evaluator) => frameValue(evaluator, 0, false),
  window_last_value: (evaluator) => frameValue(evaluator, 0, true),
  window_nth_value: (evaluator, position) => {
    const nth = evaluator.arg(1, position);
    if (nth === null) return null;
    if (Number(nth) <= 0) throw pgError('INVALID_ARGUMENT_FOR_NTH_VALUE', 'argument of nth_value must be greater than zero');
    return frameValue(evaluator, Number(nth) - 1, false);
  },
};
for (const name of ['lag', 'lead']) {
  FUNCTIONS[`window_${name}_with_offset`] = FUNCTIONS[`window_${name}`];
  FUNCTIONS[`window_${name}_with_offset_and_default`] = FUNCTIONS[`window_${name}`];
}

/** An aggregate over the frame. */
class AggregateEvaluator extends WindowEvaluator {
  private slots: Slot[] | null = null;
  /** The rows that the slots hold: [heldStart, heldEnd). */
  private heldStart = 0;
  private heldEnd = 0;
  private result: Datum = null;
  private finished = false;

  override now(): boolean {
    const aggregate = this.call.aggregate!;
    return !aggregate.advance.waits(this.S) && !aggregate.waitsAtEnd(this.S);
  }

  private restart(): boolean {
    const { frame } = this;
    const same = this.slots !== null && frame.start === this.heldStart && frame.end >= this.heldEnd && !frame.excludes;
    if (same) return frame.end > this.heldEnd;
    this.slots = this.call.aggregate!.start(this.S);
    this.heldStart = frame.start;
    this.heldEnd = frame.start;
    return true;
  }

  value(position: number): Datum {
    const aggregate = this.call.aggregate!;
    if (!this.restart() && this.finished) return this.result;
    for (let at = this.heldEnd; at < this.frame.end; at++) {
      if (!this.frame.excluded(at)) aggregate.advance.evaluate(this.S, this.rows[at], NO_ROW, this.slots as Row);
    }
    this.heldEnd = this.frame.end;
    [this.result] = aggregate.finish(this.S, this.slots!, this.rows[position]);
    this.finished = true;
    return this.result;
  }

  override *waiting(position: number): Suspendable<Datum> {
    const aggregate = this.call.aggregate!;
    if (!this.restart() && this.finished) return this.result;
    for (let at = this.heldEnd; at < this.frame.end; at++) {
      if (!this.frame.excluded(at)) yield* aggregate.advance.run(this.S, this.rows[at], NO_ROW, this.slots as Row);
    }
    this.heldEnd = this.frame.end;
    [this.result] = yield* aggregate.finishWaiting(this.S, this.slots!, this.rows[position]);
    this.finished = true;
    return this.result;
  }
}

/** The evaluator of a call for one partition. */
export function windowEvaluator(S: ExecutionState, call: WindowCall, rows: readonly Row[], frame: Frame): WindowEvaluator {
  if (call.name === null) return new AggregateEvaluator(S, call, rows, frame);
  const body = FUNCTIONS[call.name];
  if (body === undefined) throw notSupported(`window function ${call.name}`);
  return new SimpleEvaluator(S, call, rows, frame, body);
}
