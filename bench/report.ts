/**
 * A benchmark's record as a table, as JSON and as a plot.
 */

/** One workload measured on both servers. */
export interface WorkloadResult {
  readonly name: string;
  readonly unit: string;
  /** Medians over the runs. */
  readonly ours: number;
  readonly postgres: number;
  /** Median of the per-run ratios, ours to PostgreSQL's. */
  readonly ratio: number;
  readonly latencyOurs: number;
  readonly latencyPostgres: number;
  /** The ratio that the project promises. */
  readonly goal: number;
  readonly failed: number;
}

/** One `npm run bench`. */
export interface BenchRecord {
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly postgres: string;
  readonly runs: number;
  readonly seconds: number;
  readonly residentOurs: number;
  readonly residentPostgres: number;
  readonly workloads: readonly WorkloadResult[];
}

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The table for people. */
export function markdownTable(record: BenchRecord): string {
  const lines = record.workloads.map((w) =>
    `| ${w.name} | ${format(w.ours)} | ${format(w.postgres)} | ${w.ratio.toFixed(2)} | ${w.goal} | ${w.latencyOurs.toFixed(2)} | ${w.latencyPostgres.toFixed(2)} |`);
  return `Commit ${record.commit}, ${record.date}, ${record.machine}; ${record.postgres}; ${record.runs} alternating runs of ${record.seconds} s, medians.
Resident memory after the runs: ${record.residentOurs.toFixed(0)} MB (PostgreSQL, all processes: ${record.residentPostgres.toFixed(0)} MB).

| workload | PGLiteDB tps | PostgreSQL 18 tps | ratio | goal | latency ms | PostgreSQL's |
|---|---|---|---|---|---|---|
${lines.join('\n')}
`;
}

function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A bar per workload: the ratio to PostgreSQL, with a line at 1 and a mark at the goal. */
export function ratioPlot(record: BenchRecord): string {
  const rowHeight = 28;
  const left = 260;
  const width = 420;
  const top = 40;
  const most = Math.max(1.2, ...record.workloads.map((w) => Math.max(w.ratio, w.goal))) * 1.1;
  const x = (ratio: number): number => left + (ratio / most) * width;
  const height = top + record.workloads.length * rowHeight + 20;
  const rows = record.workloads.map((w, index) => {
    const y = top + index * rowHeight;
    const color = w.ratio >= w.goal ? '#2a7' : '#c63';
    return `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${w.name}</text>
<rect x="${left}" y="${y + 3}" width="${(x(w.ratio) - left).toFixed(1)}" height="16" fill="${color}"/>
<line x1="${x(w.goal).toFixed(1)}" x2="${x(w.goal).toFixed(1)}" y1="${y}" y2="${y + 22}" stroke="#000" stroke-dasharray="2 2"/>
<text x="${(x(w.ratio) + 4).toFixed(1)}" y="${y + 15}">${w.ratio.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 60}" height="${height}" font-family="sans-serif" font-size="12">
<text x="8" y="18">Rate as a ratio to PostgreSQL 18 in the same run (dashed: goal), commit ${record.commit}</text>
<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${top - 8}" y2="${height - 12}" stroke="#999"/>
${rows.join('\n')}
</svg>
`;
}
