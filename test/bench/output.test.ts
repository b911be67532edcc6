/** What the harness reads (pgbench's report and log) and what it writes (table, plots, record). */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { factRows, scatter } from '../../bench/groups/facts.js';
import { logLatencies, reportFigures } from '../../bench/pgbench.js';
import { curvePlot, groupPlots, ratioPlot, ticks } from '../../bench/plots.js';
import type { Curve, Figure, GroupRecord } from '../../bench/record.js';
import { readRecord, writeRecord } from '../../bench/store.js';
import { groupMarkdown, recordMarkdown } from '../../bench/table.js';

const FIGURE: Figure = {
  name: 'point <read>', unit: 'transactions/s', better: 'more', ours: 1234.5, postgres: 500, ratio: 2.469, goal: { ratio: 2 },
  latency: { ours: { p50: 1.234, p95: 2, p99: 30, max: 400 }, postgres: null }, cpu: { ours: 0.25, postgres: 0.5 }, beside: { SQLite: 77 },
};
const CURVE: Curve = { name: 'by rows', x: 'rows', y: 'ms', logarithmic: true, ours: [[10, 1], [1000, 2]], postgres: [[10, 2], [1000, 200]] };
const GROUP: GroupRecord = {
  commit: 'abc', date: '2026-01-31', machine: 'two cores', node: '20', postgres: 'postgres 18', client: 'pgbench 18', beside: [{ name: 'SQLite', durability: 'FULL' }],
  runs: 3, seconds: 10, quick: false, figures: [FIGURE, { ...FIGURE, name: 'gin', ours: null, ratio: null, error: 'not supported' }], curves: [CURVE],
};

describe('reading pgbench', () => {
  it('finds rate, transactions and failures in its report', () => {
    const report = 'number of transactions actually processed: 18042\nnumber of failed transactions: 3 (0.017%)\nlatency average = 5.5 ms\ntps = 1804.25 (without initial connection time)\n';
    expect(reportFigures(report)).to.deep.equal({ tps: 1804.25, transactions: 18042, failed: 3 });
  });

  it('reads latencies in ms from its log, failed transactions left out', () => {
    expect(logLatencies('0 199 2241 0 1175850568 995598\n1 3 failed 0 1175850569 998\n2 7 500 0 1175850569 608\n')).to.deep.equal([2.241, 0.5]);
  });
});

describe('the tables that are measured', () => {
  it('hold the same rows every time, scattered and in range', () => {
    expect([...factRows(50)]).to.deep.equal([...factRows(50)]);
    const groups = new Set(Array.from({ length: 10_000 }, (_, n) => scatter(n, 1000)));
    expect(groups.size).to.be.within(990, 1000);
    expect([...factRows(2000)].every(([id, grp, ref]) => Number(id) >= 1 && Number(grp) < 1000 && Number(ref) >= 1 && Number(ref) <= 200)).to.equal(true);
  });
});

describe('the table', () => {
  it('shows a figure with goal, percentiles and what stands beside, and why another has no value', () => {
    const text = groupMarkdown('index', 'Reads', GROUP);
    expect(text).to.include('| point <read> | transactions/s | 1,235 | 500 | **2.47** | 2 | ✓ | 1.23 / 2 / 30 / 400 |  | 0.25 : 0.5 |  | 77 |');
    expect(text).to.include('- gin: **no value**: not supported');
    expect(text).to.include('Beside: SQLite (FULL).');
    expect(text).not.to.include('--quick');
  });

  it('says when nothing stands beside and when sizes were small', () => {
    const text = groupMarkdown('index', 'Reads', { ...GROUP, beside: [], quick: true });
    expect(text).to.include('neither PGlite nor SQLite is installed').and.to.include('not a measurement');
  });

  it('shows groups in their order, whatever order they were recorded in', () => {
    const text = recordMarkdown({ version: 2, groups: { b: GROUP, a: GROUP } }, new Map([['a', 'First'], ['b', 'Second']]));
    expect(text.indexOf('## First')).to.be.greaterThan(0).and.below(text.indexOf('## Second'));
  });
});

describe('plots', () => {
  it('escape names and draw a bar per ratio, none where there is none', () => {
    const plot = ratioPlot('Reads', GROUP.figures);
    expect(plot).to.include('point &lt;read&gt;').and.not.to.include('>gin<');
    expect(plot.match(/<rect /g)).to.have.length(2); // The background and one bar.
  });

  it('place marks at powers of ten or evenly', () => {
    expect(ticks(10, 1000, true)).to.deep.equal([10, 100, 1000]);
    expect(ticks(0, 8, false)).to.deep.equal([0, 2, 4, 6, 8]);
  });

  it('draw both servers over common axes, and nothing outside of them', () => {
    const plot = curvePlot(CURVE);
    expect(plot.match(/<polyline /g)).to.have.length(2);
    const places = [...plot.matchAll(/points="([^"]*)"/g)].flatMap((match) => match[1].split(' ').map((place) => place.split(',').map(Number)));
    expect(places).to.have.length(4);
    for (const [x, y] of places) expect(x >= 70 && x <= 640 && y >= 40 && y <= 330).to.equal(true);
  });

  it('survive a curve without values', () => {
    expect(curvePlot({ ...CURVE, ours: [], postgres: [] })).to.include('no values');
  });
});

describe('the record', () => {
  it('replaces the groups that were measured again, keeps the others, and draws what the table links to', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-record-'));
    try {
      const titles = new Map([['oltp', 'Short'], ['index', 'Reads']]);
      writeRecord(directory, new Map([['oltp', GROUP], ['index', GROUP]]), titles);
      writeRecord(directory, new Map([['index', { ...GROUP, commit: 'def', curves: [] }]]), titles);
      const { groups } = readRecord(directory);
      expect([groups.oltp.commit, groups.index.commit]).to.deep.equal(['abc', 'def']);
      const linked = [...readFileSync(join(directory, 'RESULTS.md'), 'utf8').matchAll(/\(plots\/([^)]+)\)/g)].map((match) => match[1]);
      expect(linked.toSorted()).to.deep.equal(readdirSync(join(directory, 'plots')).toSorted());
      expect(linked).to.deep.equal(['oltp.svg', 'oltp-1.svg', 'index.svg']);
      expect([...groupPlots('oltp', 'Short', GROUP).keys()]).to.deep.equal(['oltp.svg', 'oltp-1.svg']);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('refuses a record of another version', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-record-'));
    try {
      writeFileSync(join(directory, 'results.json'), '{"version": 1}');
      expect(() => readRecord(directory)).to.throw('version 1');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
