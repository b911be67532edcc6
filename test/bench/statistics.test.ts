/** The harness's arithmetic: what a figure says must follow from what was measured. */
import { expect } from 'chai';
import { figureOf, type Comparison } from '../../bench/bench.js';
import { judge, LEAST_SHARE } from '../../bench/gate.js';
import { worstBySecond } from '../../bench/lag.js';
import { met, type Figure } from '../../bench/record.js';
import { median, medianPercentiles, order, percentiles, quantile, ratioOf } from '../../bench/statistics.js';

describe('bench statistics', () => {
  it('takes medians of odd and even numbers of values', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2])]).to.deep.equal([2, 2.5]);
    expect(Number.isNaN(median([]))).to.equal(true);
  });

  it('takes percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(percentiles(hundred)).to.deep.equal({ p50: 50, p95: 95, p99: 99, max: 100 });
    expect(percentiles([7])).to.deep.equal({ p50: 7, p95: 7, p99: 7, max: 7 });
    expect(percentiles([])).to.equal(null);
    expect(quantile([1, 2, 3, 4], 0.5)).to.equal(2);
  });

  it('takes the median of each percentile over runs', () => {
    const run = (p50: number, max: number) => ({ p50, p95: 0, p99: 0, max });
    expect(medianPercentiles([run(1, 30), run(3, 10), run(2, 20)])).to.deep.equal(run(2, 20));
    expect(medianPercentiles([])).to.equal(null);
  });

  it('lets the servers take turns in going first', () => {
    expect([0, 1, 2].map((run) => order(run)[0])).to.deep.equal(['ours', 'postgres', 'ours']);
  });

  it('makes more than 1 mean better, for rates as for times', () => {
    expect([ratioOf(30, 10, 'more'), ratioOf(30, 10, 'less')]).to.deep.equal([3, 1 / 3]);
  });

  it('keeps the longest lag of each second', () => {
    expect(worstBySecond([[1.5, 4], [0.1, 2], [0.9, 3], [1.6, 1]])).to.deep.equal([[0, 3], [1, 4]]);
  });
});

describe('bench figures', () => {
  const rate: Comparison = { name: 'w', unit: 'transactions/s', better: 'more', goal: { ratio: 2, least: 100, latency: 3 } };
  const latency = { p50: 2, p95: 3, p99: 4, max: 5 };

  it('takes the median of the ratios run by run, not the ratio of the medians', () => {
    const figure = figureOf(rate, { ours: [{ value: 100 }, { value: 300 }, { value: 200 }], postgres: [{ value: 10 }, { value: 100 }, { value: 200 }] }, {});
    expect([figure.ours, figure.postgres, figure.ratio]).to.deep.equal([200, 100, 3]);
  });

  it('has no ratio where one side has no value, or none that is a number', () => {
    expect(figureOf(rate, { ours: [], postgres: [{ value: 10 }] }, { error: 'why' })).to.include({ ours: null, postgres: 10, ratio: null, error: 'why' });
    expect(figureOf({ ...rate, better: 'less' }, { ours: [{ value: 0 }], postgres: [{ value: 5 }] }, {}).ratio).to.equal(null);
  });

  it('is met only when every part of its goal is', () => {
    const figure = (ours: number, p50: number): Figure => ({ ...figureOf(rate, { ours: [{ value: ours, latency: { ...latency, p50 } }], postgres: [{ value: 100 }] }, {}) });
    expect(met(figure(200, 3))).to.equal(true);
    expect(met(figure(199, 3))).to.equal(false);
    expect(met(figure(200, 3.1))).to.equal(false);
    expect(met({ ...figure(200, 3), goal: { least: 201 } })).to.equal(false);
    expect(met({ ...figure(200, 3), goal: { most: 199 } })).to.equal(false);
    expect(met({ ...figure(200, 3), goal: {} })).to.equal(null);
    expect(met(figureOf(rate, { ours: [], postgres: [] }, {}))).to.equal(false);
  });
});

describe('the performance gate', () => {
  it('fails a workload whose best attempt has lost more than a quarter', () => {
    expect(judge('w', 2, [1.2, 2 * LEAST_SHARE, 1])).to.deep.equal({ name: 'w', recorded: 2, best: 1.5, passed: true });
    expect(judge('w', 2, [1.2, 1.49]).passed).to.equal(false);
    expect(judge('w', 2, [Number.NaN]).passed).to.equal(false);
  });

  it('passes what has no record yet', () => {
    expect(judge('w', null, [0.1])).to.include({ recorded: null, passed: true });
  });
});
