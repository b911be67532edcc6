/**
 * Prints what a run found: per file, and the reasons for failures grouped with the most frequent first.
 */
import { classify, type FailureReason } from './classify.js';
import type { RunRecord } from './record.js';
import type { Score } from './score.js';

/** A group of failures. */
export interface FailureGroup {
  readonly group: string;
  readonly count: number;
  readonly files: readonly string[];
  readonly example: string;
}

/** Explains every failed statement of a file. */
export function failureReasons(score: Score): FailureReason[] {
  const reasons: FailureReason[] = [];
  score.expected.forEach((chunk, index) => {
    if (!score.passed[index]) reasons.push(classify(chunk, score.actualOf.get(index)));
  });
  return reasons;
}

/** Groups the failures of all files, the most frequent first. */
export function groupFailures(failures: ReadonlyMap<string, readonly FailureReason[]>): FailureGroup[] {
  const groups = new Map<string, { count: number; files: Map<string, number>; example: string }>();
  for (const [file, reasons] of failures) {
    for (const reason of reasons) {
      const entry = groups.get(reason.group) ?? { count: 0, files: new Map<string, number>(), example: reason.example };
      entry.count++;
      entry.files.set(file, (entry.files.get(file) ?? 0) + 1);
      groups.set(reason.group, entry);
    }
  }
  return [...groups]
    .map(([group, { count, files, example }]) => ({
      group, count, example,
      files: [...files].toSorted((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${n}`),
    }))
    .toSorted((a, b) => b.count - a.count);
}

/** The Markdown report kept beside the record. */
export function markdownReport(record: RunRecord, groups: readonly FailureGroup[]): string {
  const { summary } = record;
  const percent = ((100 * summary.statementsOk) / Math.max(1, summary.statements)).toFixed(1);
  const fileLines = record.files.map((file) =>
    `| ${file.name} | ${file.ok ? 'ok' : ''} | ${file.good} / ${file.total} | ${file.orderOnly || ''} | ${file.seconds.toFixed(1)}${file.timedOut ? ' timeout' : ''} |`);
  const groupLines = groups.slice(0, 80).map((group) =>
    `| ${group.count} | ${escapeCell(group.group)} | ${escapeCell(group.files.slice(0, 5).join(', '))} |`);
  return `# PostgreSQL 18's regression suite against this server

${summary.statementsOk} of ${summary.statements} statements (${percent} %), ${summary.filesOk} of ${summary.files} files;
${summary.orderOnly} more statements differ only in an order of rows that their query leaves open.
Commit ${record.commit}, ${record.date}, ${record.machine}, ${summary.seconds.toFixed(0)} s. Made by \`npm run regress -- --record\`.

## Reasons for failures

| statements | reason | files |
|---|---|---|
${groupLines.join('\n')}

## Files

| file | | statements | order only | seconds |
|---|---|---|---|---|
${fileLines.join('\n')}
`;
}

function escapeCell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/\s+/g, ' ').slice(0, 160);
}
