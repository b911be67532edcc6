/**
 * Ordered-set and hypothetical-set aggregates (PostgreSQL's orderedsetaggs.c). The executor sorts the aggregated input and
 * feeds it in that order to the transition function; the final functions read the gathered rows.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, DatumObject, type Datum } from '../../types/datum.js';
import type { CallContext } from '../context.js';
import { pure, withContext } from '../registry.js';

/** Rows of WITHIN GROUP (ORDER BY ...), in that order. */
export class OrderedSet extends DatumObject {
  readonly kind = 'orderedSet';
  readonly rows: Datum[][] = [];
  /**
   * The order of the rows by ORDER BY's operators, directions and null placement. The executor sets it for hypothetical-set
   * aggregates; without it ascending default orders with nulls last hold.
   */
  compare: ((a: readonly Datum[], b: readonly Datum[]) => number) | undefined;
}

pure('ordered_set_transition', (state: OrderedSet | null, value: Datum) => {
  const set = state ?? new OrderedSet();
  if (value !== null) set.rows.push([value]);
  return set;
});
pure('ordered_set_transition_multi', (state: OrderedSet | null, ...values: Datum[]) => {
  const set = state ?? new OrderedSet();
  set.rows.push(values);
  return set;
});

/** Checks a fraction; 22003. */
function checkFraction(fraction: number): number {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', `percentile value ${formatShort(fraction)} is not between 0 and 1`);
  }
  return fraction;
}
/** C's %g. */
function formatShort(value: number): string {
  return Number.isNaN(value) ? 'nan' : String(Number(value.toPrecision(6)));
}

function discrete(set: OrderedSet, fraction: number): Datum {
  const row = Math.ceil(checkFraction(fraction) * set.rows.length);
  return set.rows[Math.max(row, 1) - 1][0];
}
function continuous(set: OrderedSet, fraction: number): Datum {
  const place = checkFraction(fraction) * (set.rows.length - 1);
  const first = Math.floor(place);
  const low = set.rows[first][0] as number;
  const second = Math.ceil(place);
  if (first === second) return low;
  const high = set.rows[second][0] as number;
  return low + (place - first) * (high - low);
}

/** One fraction. */
function single(compute: (set: OrderedSet, fraction: number) => Datum): (state: OrderedSet | null, fraction: number | null) => Datum {
  return (state, fraction) => {
    if (fraction === null) return null;
    checkFraction(fraction);
    return state === null || state.rows.length === 0 ? null : compute(state, fraction);
  };
}
/** An array of fractions gives an array of the same dimensions. */
function multiple(
  cx: CallContext, state: OrderedSet | null, fractions: ArrayValue | null, compute: (set: OrderedSet, fraction: number) => Datum,
): ArrayValue | null {
  if (fractions === null || state === null || state.rows.length === 0) return null;
  const elementType = cx.services.types.facts(cx.call.resultType).elementType;
  const elements = fractions.elements.map((fraction) => (fraction === null ? null : compute(state, fraction as number)));
  return new ArrayValue(elementType, fractions.dims, fractions.lowerBounds, elements);
}
pure('percentile_disc_final', single(discrete));
pure('percentile_cont_float8_final', single(continuous));
withContext('percentile_disc_multi_final', (cx, state: OrderedSet | null, fractions: ArrayValue | null) => multiple(cx, state, fractions, discrete));
withContext('percentile_cont_float8_multi_final', (cx, state: OrderedSet | null, fractions: ArrayValue | null) => multiple(cx, state, fractions, continuous));

withContext('mode_final', (cx, state: OrderedSet | null) => {
  if (state === null) return null;
  let best: Datum = null;
  let bestCount = 0;
  let count = 0;
  let last: Datum = null;
  for (const [value] of state.rows) {
    if (count > 0 && cx.services.types.equal(cx.call.resultType, value, last, cx.call.collation)) count++;
    else count = 1;
    last = value;
    if (count > bestCount) [best, bestCount] = [value, count];
  }
  return best;
});

/** Default order of hypothetical rows: types as the final function was called with them (state first). */
function defaultOrder(cx: CallContext): (a: readonly Datum[], b: readonly Datum[]) => number {
  return (a, b) => {
    for (let i = 0; i < a.length; i++) {
      const x = a[i];
      const y = b[i];
      if (x === null || y === null) {
        if (x === y) continue;
        return x === null ? 1 : -1;
      }
      const order = cx.services.types.compare(cx.call.argTypes[i + 1], x, y, cx.call.collation);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** How many rows stand before the hypothetical row, how many are its peers, and how many different ones stand before. */
function place(cx: CallContext, state: OrderedSet | null, args: readonly Datum[]): { before: number; peers: number; distinct: number; total: number } {
  const rows = state?.rows ?? [];
  const width = rows.length > 0 ? rows[0].length : args.length;
  const wanted = args.slice(0, width);
  const compare = state?.compare ?? defaultOrder(cx);
  let before = 0;
  let peers = 0;
  let distinct = 0;
  let last: readonly Datum[] | undefined;
  for (const row of rows) {
    const order = compare(row, wanted);
    if (order > 0) break;
    if (order === 0) {
      peers++;
      continue;
    }
    before++;
    if (last === undefined || compare(last, row) !== 0) distinct++;
    last = row;
  }
  return { before, peers, distinct, total: rows.length };
}
withContext('hypothetical_rank_final', (cx, state: OrderedSet | null, ...args: Datum[]) => place(cx, state, args).before + 1);
withContext('hypothetical_dense_rank_final', (cx, state: OrderedSet | null, ...args: Datum[]) => place(cx, state, args).distinct + 1);
withContext('hypothetical_percent_rank_final', (cx, state: OrderedSet | null, ...args: Datum[]) => {
  const { before, total } = place(cx, state, args);
  return total === 0 ? 0 : before / total;
});
withContext('hypothetical_cume_dist_final', (cx, state: OrderedSet | null, ...args: Datum[]) => {
  const { before, peers, total } = place(cx, state, args);
  return (before + peers + 1) / (total + 1);
});
