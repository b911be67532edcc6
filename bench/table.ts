/**
 * A record as Markdown: a section per group, with where it was measured.
 */
import { met, type BenchRecord, type BothSides, type Figure, type Goal, type GroupRecord } from './record.js';
import type { Percentiles } from './statistics.js';

function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
  return String(Number(value.toPrecision(3)));
}

function goalText({ ratio, least, most, latency }: Goal): string {
  const parts = [
    ratio === undefined ? '' : number(ratio), least === undefined ? '' : `≥ ${number(least)}`,
    most === undefined ? '' : `≤ ${number(most)}`, latency === undefined ? '' : `p50 ≤ ${latency} ms`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function percentilesText(latency: Percentiles | null | undefined): string {
  return latency ? [latency.p50, latency.p95, latency.p99, latency.max].map(number).join(' / ') : '';
}

function pairText(values: BothSides<number> | undefined): string {
  return values === undefined || (values.ours === null && values.postgres === null) ? '' : `${number(values.ours)} : ${number(values.postgres)}`;
}

function row(figure: Figure, engines: readonly string[]): string {
  const mark = { true: '✓', false: '✗', null: '' }[String(met(figure)) as 'true' | 'false' | 'null'];
  const cells = [
    figure.name, figure.unit, number(figure.ours), number(figure.postgres), figure.ratio === null ? '' : `**${figure.ratio.toFixed(2)}**`, goalText(figure.goal), mark,
    percentilesText(figure.latency?.ours), percentilesText(figure.latency?.postgres), pairText(figure.cpu), pairText(figure.resident),
    ...engines.map((engine) => number(figure.beside?.[engine])),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The plots that `plots.ts` draws of a group, as links beside the record. */
function plots(name: string, group: GroupRecord): string {
  const files = [
    ...(group.figures.some((figure) => figure.ratio !== null) ? [`${name}.svg`] : []),
    ...group.curves.map((_, index) => `${name}-${index + 1}.svg`),
  ];
  return files.map((file) => `![${file}](plots/${file})`).join('\n');
}

/** One group: where it was measured, its table, its remarks. */
export function groupMarkdown(name: string, title: string, group: GroupRecord): string {
  const heads = ['workload', 'unit', 'PGLiteDB', 'PostgreSQL 18', 'ratio', 'goal', '', 'p50 / p95 / p99 / max', "PostgreSQL's", 'CPU ms each', 'memory MB', ...group.beside.map((engine) => engine.name)];
  const remarks = group.figures.flatMap(({ name: figure, note, error }) => [...(note === undefined ? [] : [`- ${figure}: ${note}`]), ...(error === undefined ? [] : [`- ${figure}: **no value**: ${error}`])]);
  return `## ${title} (\`--group ${name}\`)

Commit ${group.commit}, ${group.date}, ${group.machine}, Node ${group.node}; ${group.postgres}; client: ${group.client};
medians of ${group.runs} alternating runs of ${group.seconds} s${group.quick ? '; **--quick: small sizes, not a measurement**' : ''}.
Beside: ${group.beside.length === 0 ? 'neither PGlite nor SQLite is installed' : group.beside.map((engine) => `${engine.name} (${engine.durability})`).join(', ')}.

| ${heads.join(' | ')} |
|${heads.map(() => '---').join('|')}|
${group.figures.map((figure) => row(figure, group.beside.map((engine) => engine.name))).join('\n')}

${[remarks.join('\n'), plots(name, group)].filter((text) => text !== '').join('\n\n')}
`;
}

/** The whole record; `titles` gives the groups in order. */
export function recordMarkdown(record: BenchRecord, titles: ReadonlyMap<string, string>): string {
  const sections = [...titles].flatMap(([name, title]) => (record.groups[name] === undefined ? [] : [groupMarkdown(name, title, record.groups[name])]));
  return `# Measured side by side with PostgreSQL 18

A ratio above 1 is always in our favour: rates are divided ours by PostgreSQL's, times and sizes the other way round.
CPU and memory are of all processes of a server, ours : PostgreSQL's. What the groups are: [README.md](README.md).

${sections.join('\n')}`;
}
