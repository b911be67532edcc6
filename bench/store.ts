/**
 * The recorded results: results.json, RESULTS.md and plots/ in bench/.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupPlots } from './plots.js';
import type { BenchRecord, GroupRecord } from './record.js';
import { recordMarkdown } from './table.js';

/** What is recorded so far; nothing when there is no record. */
export function readRecord(directory: string): BenchRecord {
  const path = join(directory, 'results.json');
  if (!existsSync(path)) return { version: 2, groups: {} };
  const record = JSON.parse(readFileSync(path, 'utf8')) as BenchRecord;
  if (record.version !== 2) throw new Error(`${path} is of version ${String(record.version)}, not 2`);
  return record;
}

/** Figures rounded to six digits: more is noise in a file that people compare. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}

/** Writes the record with these groups in place of their last ones. */
export function writeRecord(directory: string, groups: ReadonlyMap<string, GroupRecord>, titles: ReadonlyMap<string, string>): void {
  const record: BenchRecord = { version: 2, groups: { ...readRecord(directory).groups, ...Object.fromEntries(groups) } };
  writeFileSync(join(directory, 'results.json'), `${JSON.stringify(record, rounded, 1)}\n`);
  writeFileSync(join(directory, 'RESULTS.md'), recordMarkdown(record, titles));
  const plots = join(directory, 'plots');
  mkdirSync(plots, { recursive: true });
  for (const [name, group] of groups) {
    for (const file of readdirSync(plots)) if (file === `${name}.svg` || file.startsWith(`${name}-`)) rmSync(join(plots, file));
    for (const [file, text] of groupPlots(name, titles.get(name) ?? name, group)) writeFileSync(join(plots, file), text);
  }
}
