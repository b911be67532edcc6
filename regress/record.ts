/**
 * The record of a run (`regress/results.json`): per file its counts and which statements passed, so that a later run
 * can be held against it: a statement that passed must still pass, a file that matched must still match.
 */
import type { Score } from './score.js';

/** One file's line of the record. */
export interface FileRecord {
  readonly name: string;
  readonly ok: boolean;
  readonly good: number;
  readonly total: number;
  readonly seconds: number;
  readonly timedOut: boolean;
  /** Failed statements whose rows differ only in an order that the query leaves open. */
  readonly orderOnly: number;
  /** Bit i (of byte i >> 3) set: expected statement i passed. Base64. */
  readonly passed: string;
}

/** Where and when a run was made. */
export interface RunOrigin {
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
}

/** A whole run. */
export interface RunRecord extends RunOrigin {
  readonly summary: {
    readonly filesOk: number; readonly files: number;
    readonly statementsOk: number; readonly statements: number; readonly orderOnly: number; readonly seconds: number;
  };
  readonly files: readonly FileRecord[];
}

/** Packs pass marks into base64. */
export function packPassed(passed: readonly boolean[]): string {
  const bytes = Buffer.alloc((passed.length + 7) >> 3);
  passed.forEach((value, index) => {
    if (value) bytes[index >> 3] |= 1 << (index & 7);
  });
  return bytes.toString('base64');
}

/** Unpacks `packPassed`. */
export function unpackPassed(text: string, total: number): boolean[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: total }, (_, index) => ((bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0);
}

/**
 * What a file lost against the record: expected statements that passed then and fail now. Where a statement stands several
 * times in a file, the alignment may credit another of its copies: equal statements are counted, not placed.
 */
export function lostStatements(before: FileRecord, score: Score): string[] {
  if (before.total !== score.total) return [`the suite's own file changed: ${before.total} statements then, ${score.total} now`];
  const passedBefore = unpackPassed(before.passed, before.total);
  const balance = new Map<string, number>();
  score.expected.forEach((chunk, index) => {
    const change = Number(score.passed[index]) - Number(passedBefore[index]);
    if (change !== 0) balance.set(chunk.key, (balance.get(chunk.key) ?? 0) + change);
  });
  const lost: string[] = [];
  score.expected.forEach((chunk, index) => {
    const net = balance.get(chunk.key) ?? 0;
    if (net < 0 && passedBefore[index] && !score.passed[index]) {
      balance.set(chunk.key, net + 1);
      lost.push(chunk.rawEcho.join('\n'));
    }
  });
  return lost;
}
