/**
 * Timelines: each promotion and each restore starts a new one, which branches off another at an LSN. A history says, for one
 * timeline, which timelines came before it and where each of them ended; so it tells whose bytes stand at an LSN, and whether another
 * log is a prefix of this one. Files, names and lines are as PostgreSQL's (access/transam/timeline.c):
 * `00000002.history` holds a line `parent<TAB>switch LSN<TAB>reason` for every ancestor, oldest first.
 */
import { pgError } from '../base/error.js';
import { formatLsn, lsn, MAX_LSN, parseLsn, type Lsn } from '../base/lsn.js';
import { isEnvError, writeFileDurably, type Env } from '../env/env.js';

/** An ancestor of a timeline, and where it ended for its successor. */
export interface TimelineSwitch {
  readonly timeline: number;
  /** First LSN that belongs to the successor. */
  readonly switchLsn: Lsn;
  readonly reason: string;
}

/** A timeline with its ancestors, oldest first. */
export interface TimelineHistory {
  readonly timeline: number;
  readonly ancestors: readonly TimelineSwitch[];
}

/** The history of the first timeline. */
export const FIRST_HISTORY: TimelineHistory = { timeline: 1, ancestors: [] };

/** `00000002.history` */
export function historyFileName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** The timeline of a history file's name; null for other names. */
export function parseHistoryFileName(name: string): number | null {
  const match = /^([0-9A-F]{8})\.history$/.exec(name);
  return match ? parseInt(match[1], 16) : null;
}

/** A history file's text. */
export function formatHistory(history: TimelineHistory): string {
  return history.ancestors.map(({ timeline, switchLsn, reason }) => `${timeline}\t${formatLsn(switchLsn)}\t${reason.replaceAll(/[\t\n]/g, ' ')}\n`).join('');
}

/** Reads a history file's text; XX001 when it is not one. */
export function parseHistory(timeline: number, text: string): TimelineHistory {
  const ancestors: TimelineSwitch[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^(\d+)\t([0-9A-F]{1,8}\/[0-9A-F]{1,8})\t(.*)$/.exec(line);
    const last = ancestors.at(-1);
    if (match === null || Number(match[1]) >= timeline || (last !== undefined && (Number(match[1]) <= last.timeline || parseLsn(match[2]) < last.switchLsn))) {
      throw pgError('DATA_CORRUPTED', `syntax error in history file "${historyFileName(timeline)}": ${line}`);
    }
    ancestors.push({ timeline: Number(match[1]), switchLsn: parseLsn(match[2]), reason: match[3] });
  }
  return { timeline, ancestors };
}

/** The history of a timeline from the log's directory; XX001 when its file is missing or damaged. */
export function readHistory(env: Env, directory: string, timeline: number): TimelineHistory {
  if (timeline === 1) return FIRST_HISTORY;
  const path = `${directory}/${historyFileName(timeline)}`;
  let text: string;
  try {
    text = Buffer.from(env.files.readFile(path)).toString('utf8');
  } catch (error) {
    if (!isEnvError(error, 'ENOENT')) throw error;
    throw pgError('DATA_CORRUPTED', `history file "${path}" of timeline ${timeline} is missing`);
  }
  return parseHistory(timeline, text);
}

/** Writes a history's file into the log's directory, durably. The first timeline has none. */
export function writeHistory(env: Env, directory: string, history: TimelineHistory): void {
  if (history.timeline > 1) writeFileDurably(env.files, `${directory}/${historyFileName(history.timeline)}`, Buffer.from(formatHistory(history)));
}

/** The history of a new timeline that branches off at `switchLsn`, which must belong to `parent`'s newest timeline or stand before it. */
export function branchHistory(parent: TimelineHistory, timeline: number, switchLsn: Lsn, reason: string): TimelineHistory {
  const ancestors = parent.ancestors.filter((ancestor) => ancestor.switchLsn < switchLsn);
  const branchedOff = timelineAt(parent, switchLsn);
  return { timeline, ancestors: [...ancestors.filter((ancestor) => ancestor.timeline < branchedOff), { timeline: branchedOff, switchLsn, reason }] };
}

/** The timeline whose bytes end at `position` (the byte before it is theirs). */
export function timelineAt(history: TimelineHistory, position: Lsn): number {
  for (const { timeline, switchLsn } of history.ancestors) if (position <= switchLsn) return timeline;
  return history.timeline;
}

/** Where a timeline ends in this history: MAX_LSN for its own, null when it is not part of it. */
export function endOfTimeline(history: TimelineHistory, timeline: number): Lsn | null {
  if (timeline === history.timeline) return MAX_LSN;
  return history.ancestors.find((ancestor) => ancestor.timeline === timeline)?.switchLsn ?? null;
}

/** Up to which LSN two histories have the same log; MAX_LSN when they are the same, 0 when they share nothing. */
export function forkPoint(a: TimelineHistory, b: TimelineHistory): Lsn {
  let shared = lsn(0);
  for (const timeline of [...a.ancestors.map((ancestor) => ancestor.timeline), a.timeline]) {
    const endOfA = endOfTimeline(a, timeline);
    const endOfB = endOfTimeline(b, timeline);
    if (endOfA === null || endOfB === null) break;
    shared = endOfA < endOfB ? endOfA : endOfB;
    if (endOfA !== endOfB) break;
  }
  return shared;
}
