/** What an archive has of a system's log, by a listing: pieces and histories. */
import { pgError } from '../base/error.js';
import { FIRST_HISTORY, formatHistory, historyFileName, parseHistory, type TimelineHistory } from '../wal/history.js';
import { historyKey, logPrefix, parseHistoryKey, parsePieceKey, type PieceName } from './format.js';
import { listAll, type ObjectStore } from './store.js';

/** A piece of log in an archive. */
export interface Piece extends PieceName {
  readonly key: string;
  /** Bytes of the object. */
  readonly size: number;
}

/** A listing of a system's log. */
export interface LogIndex {
  readonly pieces: readonly Piece[];
  /** Timelines that have a history file. */
  readonly historyTimelines: readonly number[];
}

/** Lists a system's log. */
export async function readLogIndex(store: ObjectStore, systemIdentifier: bigint): Promise<LogIndex> {
  const pieces: Piece[] = [];
  const historyTimelines: number[] = [];
  for await (const { key, size } of listAll(store, logPrefix(systemIdentifier))) {
    const piece = parsePieceKey(key);
    if (piece !== null) pieces.push({ ...piece, key, size });
    const timeline = parseHistoryKey(key);
    if (timeline !== null) historyTimelines.push(timeline);
  }
  return { pieces, historyTimelines: historyTimelines.toSorted((a, b) => a - b) };
}

/** A timeline's history from the archive; 58P01 when its file is missing, XX001 when it is damaged. */
export async function readArchivedHistory(store: ObjectStore, systemIdentifier: bigint, timeline: number): Promise<TimelineHistory> {
  if (timeline === 1) return FIRST_HISTORY;
  const bytes = await store.get(historyKey(systemIdentifier, timeline));
  if (bytes === null) {
    throw pgError('UNDEFINED_FILE', `history file "${historyFileName(timeline)}" of timeline ${timeline} is missing in archive "${store.name}"`);
  }
  return parseHistory(timeline, Buffer.from(bytes).toString('utf8'));
}

/**
 * Puts a timeline's history into the archive; false: it is there already. 58P02 when the archive has another history under this
 * number: two nodes began the same timeline.
 */
export async function archiveHistory(store: ObjectStore, systemIdentifier: bigint, history: TimelineHistory): Promise<boolean> {
  if (history.timeline === 1) return false;
  if (await claimTimeline(store, systemIdentifier, history)) return true;
  const found = await readArchivedHistory(store, systemIdentifier, history.timeline);
  if (formatHistory(found) === formatHistory(history)) return false;
  throw pgError('DUPLICATE_FILE', `archive "${store.name}" has another history of timeline ${history.timeline}`, {
    detail: `There: ${formatHistory(found).trim()}. Here: ${formatHistory(history).trim()}.`,
  });
}

/** Takes the number of a timeline by putting its history where there is none; false when somebody has it. */
export function claimTimeline(store: ObjectStore, systemIdentifier: bigint, history: TimelineHistory): Promise<boolean> {
  return store.putIfAbsent(historyKey(systemIdentifier, history.timeline), Buffer.from(formatHistory(history)));
}
