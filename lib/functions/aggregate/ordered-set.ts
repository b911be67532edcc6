/**
 * Final functions of ordered-set and hypothetical-set aggregates (PostgreSQL's orderedsetaggs.c). The executor gives them
 * the sorted input (`OrderedSetState`); their transition functions are never called.
 */
import { pgError } from '../../base/error.js';
import { ArrayValue, type Datum, type Row } from '../../types/datum.js';
import { OrderedSetState } from '../ordered-set.js';
import { pure, withContext } from '../registry.js';

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

function discrete(set: OrderedSetState, fraction: number): Datum {
  const row = Math.ceil(checkFraction(fraction) * set.rows.length);
  return set.rows[Math.max(row, 1) - 1][0];
}
function continuous(set: OrderedSetState, fraction: number): Datum {
  const place = checkFraction(fraction) * (set.rows.length - 1);
  const first = Math.floor(place);
  const low = set.rows[first][0] as number;
  const second = Math.ceil(place);
  if (first === second) return low;
  const high = set.rows[second][0] as number;
  return low + (place - first) * (high - low);
}

/** One fraction. */
function single(compute: (set: OrderedSetState, fraction: number) => Datum): (state: OrderedSetState | null, fraction: number | null) => Datum {
  return (state, fraction) => {
    if (fraction === null) return null;
    checkFraction(fraction);
    return state === null || state.rows.length === 0 ? null : compute(state, fraction);
  };
}
/** An array of fractions gives an array of the same dimensions. */
function multiple(
  state: OrderedSetState | null, fractions: ArrayValue | null, compute: (set: OrderedSetState, fraction: number) => Datum,
): ArrayValue | null {
  if (fractions === null || state === null || state.rows.length === 0) return null;
  const elements = fractions.elements.map((fraction) => (fraction === null ? null : compute(state, fraction as number)));
  return new ArrayValue(state.argTypes[0], fractions.dims, fractions.lowerBounds, elements);
}
pure('percentile_disc_final', single(discrete));
pure('percentile_cont_float8_final', single(continuous));
pure('percentile_disc_multi_final', (state: OrderedSetState | null, fractions: ArrayValue | null) => multiple(state, fractions, discrete));
pure('percentile_cont_float8_multi_final', (state: OrderedSetState | null, fractions: ArrayValue | null) => multiple(state, fractions, continuous));

withContext('mode_final', (cx, state: OrderedSetState | null) => {
  if (state === null) return null;
  let best: Datum = null;
  let bestCount = 0;
  let count = 0;
  let last: Datum = null;
  for (const [value] of state.rows) {
    if (count > 0 && cx.services.types.equal(state.argTypes[0], value, last, cx.call.collation)) count++;
    else count = 1;
    last = value;
    if (count > bestCount) [best, bestCount] = [value, count];
  }
  return best;
});

/** How many rows stand before the hypothetical row, how many are its peers, and how many different ones stand before. */
function place(state: OrderedSetState | null, args: readonly Datum[]): { before: number; peers: number; distinct: number; total: number } {
  const rows = state?.rows ?? [];
  const wanted = args.slice(0, state?.argTypes.length);
  const compare = state?.compare ?? (() => 0);
  let before = 0;
  let peers = 0;
  let distinct = 0;
  let last: Row | undefined;
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
pure('hypothetical_rank_final', (state: OrderedSetState | null, ...args: Datum[]) => place(state, args).before + 1);
pure('hypothetical_dense_rank_final', (state: OrderedSetState | null, ...args: Datum[]) => place(state, args).distinct + 1);
pure('hypothetical_percent_rank_final', (state: OrderedSetState | null, ...args: Datum[]) => {
  const { before, total } = place(state, args);
  return total === 0 ? 0 : before / total;
});
pure('hypothetical_cume_dist_final', (state: OrderedSetState | null, ...args: Datum[]) => {
  const { before, peers, total } = place(state, args);
  return (before + peers + 1) / (total + 1);
});
