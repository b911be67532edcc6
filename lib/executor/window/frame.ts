/**
 * Window frames: for each row of a partition the range of positions [start, end) its frame covers, and what EXCLUDE takes
 * out. ROWS counts positions, RANGE compares values through the type's in_range function, GROUPS counts peer groups.
 */
import { exprType } from '../../analyzer/node-functions.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Catalog } from '../../catalog/api.js';
import type { WindowAggPlan } from '../../planner/plan-nodes.js';
import type { Datum, Row } from '../../types/datum.js';
import type { RowsEqual } from '../comparison.js';
import type { ExecutionState } from '../context.js';
import { compileValue, NO_ROW, type Compiled } from '../expression/compile.js';
import type { CompileScope } from '../expression/emitter.js';
import { callInfo, directCall, resolveFunction, type DirectCall } from '../function-call.js';

/** FRAMEOPTION_* of parsenodes.h. */
export const FRAME = {
  range: 0x00002, rows: 0x00004, groups: 0x00008,
  startUnboundedPreceding: 0x00020, startCurrentRow: 0x00200, endCurrentRow: 0x00400, endUnboundedFollowing: 0x00100,
  startOffsetPreceding: 0x00800, endOffsetPreceding: 0x01000, startOffsetFollowing: 0x02000, endOffsetFollowing: 0x04000,
  excludeCurrentRow: 0x08000, excludeGroup: 0x10000, excludeTies: 0x20000,
} as const;

/** A frame clause, compiled. */
export class FrameProgram {
  readonly startOffset: Compiled<Datum> | null;
  readonly endOffset: Compiled<Datum> | null;
  readonly startInRange: DirectCall | null;
  readonly endInRange: DirectCall | null;

  constructor(catalog: Catalog, scope: CompileScope, readonly plan: WindowAggPlan) {
    this.startOffset = plan.startOffset === null ? null : compileValue(scope, plan.startOffset);
    this.endOffset = plan.endOffset === null ? null : compileValue(scope, plan.endOffset);
    const inRange = (oid: number, offset: WindowAggPlan['startOffset']) => {
      if (oid === 0) return null;
      const call = directCall(resolveFunction(catalog, callInfo(catalog, oid, plan.inRangeColl)));
      if (call === null || offset === null) throw pgError('FEATURE_NOT_SUPPORTED', `RANGE with offset of type ${exprType(plan.startOffset!)} is not supported yet`);
      return call;
    };
    this.startInRange = inRange(plan.startInRangeFunc, plan.startOffset);
    this.endInRange = inRange(plan.endInRangeFunc, plan.endOffset);
  }

  /** Frames of one partition. 22004 and 22013 for bad offsets. */
  *start(S: ExecutionState, rows: readonly Row[], samePeers: RowsEqual): Suspendable<Frame> {
    const start = yield* this.offset(S, this.startOffset, 'starting');
    const end = yield* this.offset(S, this.endOffset, 'ending');
    return new Frame(S, this, rows, samePeers, start, end);
  }

  private *offset(S: ExecutionState, compiled: Compiled<Datum> | null, which: 'starting' | 'ending'): Suspendable<Datum> {
    if (compiled === null) return null;
    const value = yield* compiled.run(S, NO_ROW, NO_ROW, NO_ROW);
    if (value === null) throw pgError('NULL_VALUE_NOT_ALLOWED', `frame ${which} offset must not be null`);
    if ((this.plan.frameOptions & FRAME.range) === 0 && Number(value) < 0) {
      throw pgError('INVALID_PRECEDING_OR_FOLLOWING_SIZE', `frame ${which} offset must not be negative`);
    }
    return value;
  }
}

/** The frame of the current row of a partition. */
export class Frame {
  /** The frame is [start, end) minus what `excluded` says. */
  start = 0;
  end = 0;
  /** Peers of the current row: [peerStart, peerEnd). */
  peerStart = 0;
  peerEnd = 0;
  /** Number of the current row's peer group, from 0. */
  group = -1;
  private position = 0;
  private readonly groupStarts: number[] = [];
  readonly options: number;

  constructor(
    private readonly S: ExecutionState, private readonly program: FrameProgram, private readonly rows: readonly Row[],
    samePeers: RowsEqual, private readonly startOffset: Datum, private readonly endOffset: Datum,
  ) {
    this.options = program.plan.frameOptions;
    const ordered = program.plan.orderColumns.length > 0;
    for (let index = 0; index < rows.length; index++) {
      if (index === 0 || (ordered && !samePeers(rows[index - 1], rows[index]))) this.groupStarts.push(index);
    }
  }

  /** Whether the frame starts with the partition and nothing is excluded: it only ever grows. */
  get growing(): boolean {
    return (this.options & FRAME.startUnboundedPreceding) !== 0 && !this.excludes;
  }
  get excludes(): boolean {
    return (this.options & (FRAME.excludeCurrentRow | FRAME.excludeGroup | FRAME.excludeTies)) !== 0;
  }

  /** Goes to the next row (positions ascend by one). */
  moveTo(position: number): void {
    this.position = position;
    if (position >= this.peerEnd) {
      this.group++;
      this.peerStart = this.groupStarts[this.group];
      this.peerEnd = this.groupStarts[this.group + 1] ?? this.rows.length;
    }
    const { options } = this;
    this.start = this.clamp(this.startOf(options));
    this.end = Math.max(this.clamp(this.endOf(options)), this.start);
  }

  private clamp(position: number): number {
    return Math.min(Math.max(position, 0), this.rows.length);
  }

  private startOf(options: number): number {
    if ((options & FRAME.startUnboundedPreceding) !== 0) return 0;
    if ((options & FRAME.startCurrentRow) !== 0) return (options & FRAME.rows) !== 0 ? this.position : this.peerStart;
    const sign = (options & FRAME.startOffsetPreceding) !== 0 ? -1 : 1;
    if ((options & FRAME.rows) !== 0) return this.position + sign * Number(this.startOffset);
    if ((options & FRAME.groups) !== 0) return this.groupStart(this.group + sign * Number(this.startOffset));
    return this.rangeBound(this.program.startInRange!, this.startOffset, sign < 0, true);
  }

  private endOf(options: number): number {
    if ((options & FRAME.endUnboundedFollowing) !== 0) return this.rows.length;
    if ((options & FRAME.endCurrentRow) !== 0) return (options & FRAME.rows) !== 0 ? this.position + 1 : this.peerEnd;
    const sign = (options & FRAME.endOffsetPreceding) !== 0 ? -1 : 1;
    if ((options & FRAME.rows) !== 0) return this.position + sign * Number(this.endOffset) + 1;
    if ((options & FRAME.groups) !== 0) return this.groupStart(this.group + sign * Number(this.endOffset) + 1);
    return this.rangeBound(this.program.endInRange!, this.endOffset, sign < 0, false);
  }

  private groupStart(group: number): number {
    if (group < 0) return 0;
    return this.groupStarts[group] ?? this.rows.length;
  }

  /**
   * RANGE with offset: `in_range(value, base, offset, sub, less)`. Frames start at the first row that is in range and end
   * before the first row beyond it; nulls are peers of nulls only.
   */
  private rangeBound(inRange: DirectCall, offset: Datum, preceding: boolean, isStart: boolean): number {
    const { plan } = this.program;
    const column = plan.orderColumns[0].column - 1;
    const base = this.rows[this.position][column];
    if (base === null) return isStart ? this.peerStart : this.peerEnd;
    // With a descending order "preceding" means larger values.
    const ascending = plan.inRangeAsc;
    const subtract = preceding === ascending;
    const less = isStart !== ascending;
    let [low, high] = this.nonNullRange(column);
    while (low < high) {
      const middle = (low + high) >> 1;
      const holds = inRange(this.S.services, this.rows[middle][column], base, offset, subtract, less) as boolean;
      // Start: rows before the bound are not yet in range. End: rows before the bound still are.
      if (isStart ? !holds : holds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private nonNullRange(column: number): [number, number] {
    let low = 0;
    let high = this.rows.length;
    if (this.program.plan.inRangeNullsFirst) while (low < high && this.rows[low][column] === null) low++;
    else while (high > low && this.rows[high - 1][column] === null) high--;
    return [low, high];
  }

  /** Whether EXCLUDE takes a position of the frame out. */
  excluded(position: number): boolean {
    const { options } = this;
    if ((options & FRAME.excludeCurrentRow) !== 0) return position === this.position;
    if ((options & FRAME.excludeGroup) !== 0) return position >= this.peerStart && position < this.peerEnd;
    if ((options & FRAME.excludeTies) !== 0) return position !== this.position && position >= this.peerStart && position < this.peerEnd;
    return false;
  }

  /** The position of the frame's `index`th row (0-based), from the start or, `fromEnd`, from the end; -1 when it has fewer. */
  positionAt(index: number, fromEnd = false): number {
    if (!this.excludes) {
      const found = fromEnd ? this.end - 1 - index : this.start + index;
      return found >= this.start && found < this.end ? found : -1;
    }
    let left = index;
    for (let step = 0; step < this.end - this.start; step++) {
      const position = fromEnd ? this.end - 1 - step : this.start + step;
      if (!this.excluded(position) && left-- === 0) return position;
    }
    return -1;
  }
}
