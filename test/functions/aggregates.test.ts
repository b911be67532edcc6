/**
 * Moving aggregates: taking a value out again leaves what was before; ordered-set final functions over sorted rows.
 */
import { expect } from 'chai';
import '../../lib/functions/builtins.js';
import { OrderedSet } from '../../lib/functions/aggregate/ordered-set.js';
import { formatNumeric, parseNumeric } from '../../lib/functions/numeric/core.js';
import { callable } from '../../lib/functions/type-services.js';
import type { Numeric } from '../../lib/types/numeric.js';
import { ArrayValue, type Datum } from '../../lib/types/datum.js';
import { INT8OID } from '../../lib/types/oids.js';
import { services } from './resolver.js';

const cx = { services, call: { functionOid: 0, argTypes: [], resultType: 25, collation: 0, variadic: false } };
const call = (name: string, ...args: Datum[]): Datum => callable(name)(cx, ...args);
const text = (value: Datum): string => formatNumeric(value as Numeric);

describe('moving aggregates', () => {
  it('sum and average of numerics forget what left, and start over when a scale would be lost', () => {
    let state = call('numeric_avg_accum', null, parseNumeric('1.5'));
    state = call('numeric_avg_accum', state, parseNumeric('2'));
    state = call('numeric_avg_accum', state, parseNumeric('NaN'));
    expect(text(call('numeric_sum', state))).to.equal('NaN');
    state = call('numeric_accum_inv', state, parseNumeric('NaN'));
    expect(text(call('numeric_sum', state))).to.equal('3.5');
    state = call('numeric_accum_inv', state, parseNumeric('2'));
    expect(text(call('numeric_avg', state))).to.equal('1.50000000000000000000');
    state = call('numeric_avg_accum', state, parseNumeric('2'));
    expect(call('numeric_accum_inv', state, parseNumeric('1.5'))).to.equal(null);
  });

  it('integers', () => {
    let state: Datum = ArrayValue.of(INT8OID, [0, 0]);
    const initial = state;
    for (const value of [5, 7, 9]) state = call('int4_avg_accum', state, value);
    state = call('int4_avg_accum_inv', state, 5);
    expect(text(call('int8_avg', state))).to.equal('8.0000000000000000');
    expect(call('int2int4_sum', state)).to.equal(16);
    expect((initial as ArrayValue).elements).to.deep.equal([0, 0]);
  });

  it('bool_and and bool_or', () => {
    let state = call('bool_accum', null, true);
    state = call('bool_accum', state, false);
    expect(call('bool_alltrue', state)).to.equal(false);
    state = call('bool_accum_inv', state, false);
    expect(call('bool_alltrue', state)).to.equal(true);
    state = call('bool_accum_inv', state, true);
    expect(call('bool_anytrue', state)).to.equal(null);
  });
});

describe('ordered-set aggregates', () => {
  const set = new OrderedSet();
  set.rows.push(['a'], ['b'], ['b'], ['c']);

  it('percentile_disc, mode', () => {
    expect(call('percentile_disc_final', set, 0.5, null)).to.equal('b');
    expect(call('percentile_disc_final', set, 0, null)).to.equal('a');
    expect(call('percentile_disc_final', set, null, null)).to.equal(null);
    expect(call('mode_final', set, null)).to.equal('b');
    expect(() => call('percentile_disc_final', set, 1.5, null)).to.throw('percentile value 1.5 is not between 0 and 1');
  });

  it('percentile_cont', () => {
    const numbers = new OrderedSet();
    numbers.rows.push([1], [2], [4], [8]);
    expect(call('percentile_cont_float8_final', numbers, 0.5)).to.equal(3);
    expect(call('percentile_cont_float8_final', numbers, 1)).to.equal(8);
  });

  it('hypothetical rows', () => {
    const ranks = new OrderedSet();
    ranks.rows.push([1], [2], [2], [5]);
    ranks.compare = (a, b) => (a[0] as number) - (b[0] as number);
    expect(call('hypothetical_rank_final', ranks, 3, null)).to.equal(4);
    expect(call('hypothetical_dense_rank_final', ranks, 3, null)).to.equal(3);
    expect(call('hypothetical_percent_rank_final', ranks, 2, null)).to.equal(0.25);
    expect(call('hypothetical_cume_dist_final', ranks, 2, null)).to.equal(0.8);
  });
});
