/**
 * Why a statement failed: the first error or difference that it printed, in a form that groups with others of its
 * kind (names and numbers blotted out), so that the most rewarding next step is easy to see.
 */
import { squeeze, type Chunk } from './score.js';

/** A failed statement's reason. */
export interface FailureReason {
  /** The group: a message with its particulars blotted out, or a kind of difference. */
  readonly group: string;
  /** The message as printed, or the statement. */
  readonly example: string;
  /** The rows are right but in another order, and the query leaves the order open. */
  readonly orderOnly: boolean;
}

/** Blots out what differs between instances of a message: quoted names, numbers. */
export function generalize(message: string): string {
  return message.replace(/"[^"]*"/g, '"…"').replace(/\b\d+(\.\d+)?\b/g, 'N').slice(0, 120);
}

/** Explains a failed statement; `actual` is undefined when it never ran (the connection was lost, a timeout). */
export function classify(expected: Chunk, actual: Chunk | undefined): FailureReason {
  if (!actual) return { group: '(no output: connection lost or timeout)', example: '', orderOnly: false };
  const statement = expected.rawEcho.join('\n');
  if (sameRowsInOtherOrder(expected, actual) && !/\border\s+by\b/i.test(statement)) {
    return { group: '(row order that the query leaves open)', example: statement.slice(0, 200), orderOnly: true };
  }
  const message = firstSurprise(expected, actual);
  if (message) return { ...message, orderOnly: false };
  const kind = /^\s*explain/im.test(statement) ? 'plan' : statement.trimStart().startsWith('\\') ? 'psql command output' : 'result';
  return { group: `(different ${kind})`, example: statement.slice(0, 200), orderOnly: false };
}

/** The first error that should not be there, then the first that should, then a differing notice or detail. */
function firstSurprise(expected: Chunk, actual: Chunk): { group: string; example: string } | null {
  const wanted = new Set(expected.result);
  const surprise = actual.rawResult.find((line) => /^(ERROR|FATAL|PANIC|psql|server|connection)\b/.test(line) && !wanted.has(squeeze(line)));
  if (surprise) return { group: generalize(surprise), example: surprise };
  const missing = expected.rawResult.find((line) => /^ERROR:/.test(line) && !actual.result.includes(squeeze(line)));
  if (missing) return { group: `missing ${generalize(missing)}`, example: missing };
  const notice = actual.rawResult.find((line) => /^(NOTICE|WARNING|DETAIL|HINT|CONTEXT|LINE \d+|INFO):/.test(line) && !wanted.has(squeeze(line)));
  if (notice) return { group: `different ${notice.split(':')[0].replace(/\d+/, 'N')}`, example: notice };
  return null;
}

function sameRowsInOtherOrder(expected: Chunk, actual: Chunk): boolean {
  if (expected.result.length !== actual.result.length || expected.result.length < 2) return false;
  const left = expected.result.toSorted();
  const right = actual.result.toSorted();
  return left.every((line, index) => line === right[index]);
}
