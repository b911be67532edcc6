/** Progress of long work on a terminal: one line on stderr that is rewritten: what, bytes, rate, remaining time. Nothing elsewhere. */
import type { Progress, ProgressReport } from '../../lib/archive/progress.js';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const REDRAW_MS = 200;

/** `12.3 MB` */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1:02:03` */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (part: number): string => String(part).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A line for a moment of work that has taken so long. */
export function progressLine(report: ProgressReport, elapsedMs: number): string {
  const { what, doneBytes, totalBytes } = report;
  const rate = elapsedMs > 0 ? doneBytes / (elapsedMs / 1000) : 0;
  const percent = totalBytes > 0 ? Math.floor((doneBytes / totalBytes) * 100) : 100;
  const remaining = rate > 0 ? `, ${formatSeconds((totalBytes - doneBytes) / rate)} remaining` : '';
  return `${what}: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} (${percent} %), ${formatBytes(Math.round(rate))}/s${remaining}`;
}

/** Where progress is shown. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows progress on a terminal; `end` clears the line. */
export function showProgress(terminal: Terminal, nowMs: () => number): { progress: Progress; end: () => void } {
  if (terminal.isTTY !== true) return { progress: () => undefined, end: () => undefined };
  const started = nowMs();
  let drawn = -Infinity;
  return {
    progress: (report) => {
      const now = nowMs();
      if (now - drawn < REDRAW_MS) return;
      drawn = now;
      terminal.write(`\r\u001B[K${progressLine(report, now - started)}`);
    },
    end: () => terminal.write('\r\u001B[K'),
  };
}
