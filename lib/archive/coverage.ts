/**
 * Which parts of a timeline's history the pieces of an archive cover. Pieces may overlap (two nodes cut them at different places) and
 * may run past the place where their timeline was left; only what belongs to the history counts.
 */
import { lsn, MAX_LSN, type Lsn } from '../base/lsn.js';
import type { TimelineHistory } from '../wal/history.js';
import type { PieceName } from './format.js';

/** Bytes [from, to) of the log. */
export interface LogRange {
  readonly from: Lsn;
  readonly to: Lsn;
}

/** The part of a history that belongs to one timeline. */
export interface TimelineSpan extends LogRange {
  readonly timeline: number;
}

/** A history as spans, oldest first; the first begins at 0, the last ends at MAX_LSN. */
export function spansOf(history: TimelineHistory): TimelineSpan[] {
  let from = lsn(0);
  const spans: TimelineSpan[] = [];
  for (const { timeline, switchLsn } of history.ancestors) {
    spans.push({ timeline, from, to: switchLsn });
    from = switchLsn;
  }
  return [...spans, { timeline: history.timeline, from, to: MAX_LSN }];
}

/** The span that the byte at `position` belongs to. */
export function spanAt(history: TimelineHistory, position: Lsn): TimelineSpan {
  const spans = spansOf(history);
  return spans.find((span) => position < span.to) ?? spans[spans.length - 1];
}

/** A set of ranges. */
export class Coverage {
  /** Disjoint, not touching, in order. */
  private ranges: LogRange[] = [];

  /** What pieces give for a history. */
  static of(history: TimelineHistory, pieces: Iterable<PieceName>): Coverage {
    const coverage = new Coverage();
    const spans = new Map(spansOf(history).map((span) => [span.timeline, span]));
    const found: LogRange[] = [];
    for (const piece of pieces) {
      const span = spans.get(piece.timeline);
      if (span !== undefined) found.push({ from: lsn(Math.max(piece.start, span.from)), to: lsn(Math.min(piece.end, span.to)) });
    }
    for (const range of found.toSorted((a, b) => a.from - b.from)) coverage.add(range);
    return coverage;
  }

  add({ from, to }: LogRange): void {
    if (from >= to) return;
    let first = this.ranges.length;
    while (first > 0 && this.ranges[first - 1].to >= from) first--;
    let last = first;
    let [start, end] = [from, to];
    for (; last < this.ranges.length && this.ranges[last].from <= to; last++) {
      start = lsn(Math.min(start, this.ranges[last].from));
      end = lsn(Math.max(end, this.ranges[last].to));
    }
    this.ranges.splice(first, last - first, { from: start, to: end });
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** The first position covered; 0 when there is none. */
  get start(): Lsn {
    return this.ranges[0]?.from ?? lsn(0);
  }

  /** End of the last range; 0 when there is none. */
  get end(): Lsn {
    return this.ranges.at(-1)?.to ?? lsn(0);
  }

  /** The first position at or behind `from` that is not covered. */
  firstUncovered(from: Lsn): Lsn {
    return this.ranges.find((range) => range.from <= from && from < range.to)?.to ?? from;
  }

  /** What of [from, to) is not covered. */
  holes({ from, to }: LogRange): LogRange[] {
    const holes: LogRange[] = [];
    let at = from;
    for (const range of this.ranges) {
      if (range.to <= at) continue;
      if (range.from >= to) break;
      if (range.from > at) holes.push({ from: at, to: range.from });
      at = range.to;
    }
    if (at < to) holes.push({ from: at, to });
    return holes;
  }
}

/** A part of a piece that is to be read. */
export interface PiecePart<P extends PieceName = PieceName> extends LogRange {
  readonly piece: P;
}

/** Parts of pieces that together are [from, to) of a history, in order; null when something is missing. */
export function partsOf<P extends PieceName>(history: TimelineHistory, pieces: Iterable<P>, { from, to }: LogRange): PiecePart<P>[] | null {
  const byTimeline = new Map<number, P[]>();
  for (const piece of pieces) {
    const of = byTimeline.get(piece.timeline);
    if (of === undefined) byTimeline.set(piece.timeline, [piece]);
    else of.push(piece);
  }
  const parts: PiecePart<P>[] = [];
  let at = from;
  for (const span of spansOf(history)) {
    const end = Math.min(span.to, to);
    const candidates = (byTimeline.get(span.timeline) ?? []).toSorted((a, b) => a.start - b.start || b.end - a.end);
    for (let index = 0; at < end && index < candidates.length;) {
      // Of those that begin at or before the place, the one that reaches furthest.
      let best: P | null = null;
      for (; index < candidates.length && candidates[index].start <= at; index++) {
        if (candidates[index].end > (best?.end ?? at)) best = candidates[index];
      }
      if (best === null) break;
      const partEnd = lsn(Math.min(best.end, end));
      parts.push({ piece: best, from: at, to: partEnd });
      at = partEnd;
    }
    if (at < end) return null;
  }
  return parts;
}
