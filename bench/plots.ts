/**
 * SVG plots of a group: a bar per ratio, and curves of what grows or passes.
 */
import { met, type Curve, type Figure, type GroupRecord, type Point } from './record.js';

const OURS = '#1769aa';
const POSTGRES = '#c0532b';

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function svg(width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
${body}
</svg>
`;
}

/** A bar per figure that has a ratio, on a logarithmic axis, with a line at 1 and a mark at the goal. */
export function ratioPlot(title: string, figures: readonly Figure[]): string {
  const bars = figures.flatMap((figure) => (figure.ratio !== null && figure.ratio > 0 ? [{ figure, ratio: figure.ratio }] : []));
  const [left, width, top, rowHeight] = [330, 400, 44, 26];
  const values = bars.flatMap(({ figure, ratio }) => [ratio, figure.goal.ratio ?? ratio]);
  const low = Math.log(Math.min(0.5, ...values) / 1.2);
  const high = Math.log(Math.max(2, ...values) * 1.2);
  const x = (ratio: number): number => left + ((Math.log(ratio) - low) / (high - low)) * width;
  const rows = bars.map(({ figure, ratio }, index) => {
    const y = top + index * rowHeight;
    const color = { true: '#2a7', false: '#c63', null: '#789' }[String(met(figure)) as 'true' | 'false' | 'null'];
    const goal = figure.goal.ratio === undefined ? '' : `\n<line x1="${x(figure.goal.ratio).toFixed(1)}" x2="${x(figure.goal.ratio).toFixed(1)}" y1="${y}" y2="${y + 22}" stroke="#000" stroke-dasharray="3 2"/>`;
    const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
    return `<text x="${left - 8}" y="${y + 16}" text-anchor="end">${escape(figure.name)}</text>
<rect x="${from.toFixed(1)}" y="${y + 4}" width="${(to - from).toFixed(1)}" height="15" fill="${color}"/>${goal}
<text x="${left + width + 8}" y="${y + 16}">${ratio.toFixed(2)}</text>`;
  });
  const height = top + bars.length * rowHeight + 12;
  return svg(left + width + 60, height, `<text x="8" y="20" font-size="14">${escape(title)}: ratio to PostgreSQL 18 (dashed: goal)</text>
<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${top - 6}" y2="${height - 6}" stroke="#666"/>
<text x="${x(1).toFixed(1)}" y="${top - 8}" text-anchor="middle" fill="#666">1</text>
${rows.join('\n')}`);
}

/** Places of an axis's marks: powers of ten, or five even steps. */
export function ticks(low: number, high: number, logarithmic: boolean): number[] {
  if (logarithmic) {
    const from = Math.floor(Math.log10(low));
    return Array.from({ length: Math.max(1, Math.ceil(Math.log10(high)) - from + 1) }, (_, step) => 10 ** (from + step)).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  }
  return Array.from({ length: 5 }, (_, step) => low + ((high - low) * step) / 4);
}

interface Axis {
  readonly low: number;
  readonly high: number;
  place(value: number): number;
}

function axis(values: readonly number[], logarithmic: boolean, from: number, to: number): Axis {
  const low = logarithmic ? Math.min(...values) : Math.min(0, ...values);
  const high = Math.max(...values, low * 1.001, low + 1e-9);
  const scale = (value: number): number => (logarithmic ? Math.log(value) : value);
  return { low, high, place: (value) => from + ((scale(value) - scale(low)) / (scale(high) - scale(low))) * (to - from) };
}

function shown(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  if (value >= 1e4) return `${value / 1e3} k`;
  return String(Number(value.toPrecision(3)));
}

/** Two lines over a common axis. */
export function curvePlot(curve: Curve): string {
  const [left, right, top, bottom] = [70, 640, 40, 330];
  const usable = (points: readonly Point[]): readonly Point[] => points.filter(([x, y]) => Number.isFinite(y) && (!curve.logarithmic || (x > 0 && y > 0)));
  const [ours, postgres] = [usable(curve.ours), usable(curve.postgres)];
  const points = [...ours, ...postgres];
  if (points.length === 0) return svg(700, 60, `<text x="8" y="20">${escape(curve.name)}: no values</text>`);
  const horizontal = axis(points.map(([x]) => x), curve.logarithmic, left, right);
  const vertical = axis(points.map(([, y]) => y), curve.logarithmic, bottom, top);
  const line = (of: readonly Point[], color: string): string => {
    const places = of.map(([x, y]) => [horizontal.place(x).toFixed(1), vertical.place(y).toFixed(1)]);
    const dots = of.length > 40 ? '' : places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${color}"/>`).join('');
    return `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${places.map((place) => place.join(',')).join(' ')}"/>${dots}`;
  };
  const across = ticks(horizontal.low, horizontal.high, curve.logarithmic).map((tick) => `<text x="${horizontal.place(tick).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${shown(tick)}</text>
<line x1="${horizontal.place(tick).toFixed(1)}" x2="${horizontal.place(tick).toFixed(1)}" y1="${top}" y2="${bottom}" stroke="#eee"/>`);
  const up = ticks(vertical.low, vertical.high, curve.logarithmic).map((tick) => `<text x="${left - 6}" y="${(vertical.place(tick) + 4).toFixed(1)}" text-anchor="end">${shown(tick)}</text>
<line x1="${left}" x2="${right}" y1="${vertical.place(tick).toFixed(1)}" y2="${vertical.place(tick).toFixed(1)}" stroke="#eee"/>`);
  return svg(700, 380, `<text x="8" y="20" font-size="14">${escape(curve.name)}</text>
${[...across, ...up].join('\n')}
<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${escape(curve.x)}</text>
<text x="16" y="${(top + bottom) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(top + bottom) / 2})">${escape(curve.y)}</text>
${line(postgres, POSTGRES)}
${line(ours, OURS)}
<text x="${right}" y="20" text-anchor="end"><tspan fill="${OURS}">PGLiteDB</tspan> <tspan fill="${POSTGRES}">PostgreSQL 18</tspan></text>`);
}

/** A group's plots by file name. */
export function groupPlots(name: string, title: string, group: GroupRecord): Map<string, string> {
  const files = new Map<string, string>();
  if (group.figures.some((figure) => figure.ratio !== null)) files.set(`${name}.svg`, ratioPlot(title, group.figures));
  group.curves.forEach((curve, index) => files.set(`${name}-${index + 1}.svg`, curvePlot(curve)));
  return files;
}
