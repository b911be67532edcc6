/** What an archive has of a system's log, by a listing: pieces and histories. */
import { pgError } from '../base/error.js';
import { FIRST_HISTORY, formatHistory, historyFileName, parseHistory, type TimelineHistory } from '../wal/history.js';
import { damagedObject, DIGEST_COMMENT, historyKey, logPrefix, parseHistoryKey, parsePieceKey, type PieceName } from './format.js';
import { digestOf } from './object.js';
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
  return decodeHistory(historyKey(systemIdentifier, timeline), timeline, bytes);
}

/** A history as it is archived: the file's lines, then a comment with the SHA-256 of what stands before it. */
export async function encodeHistory(history: TimelineHistory): Promise<Buffer> {
  const lines = Buffer.from(formatHistory(history));
  return Buffer.concat([lines, Buffer.from(`${DIGEST_COMMENT}${await digestOf(lines)}\n`)]);
}

async function decodeHistory(key: string, timeline: number, bytes: Uint8Array): Promise<TimelineHistory> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = Math.max(0, text.lastIndexOf(DIGEST_COMMENT));
  const lines = text.subarray(0, end);
  if (text.toString('latin1', end) !== `${DIGEST_COMMENT}${await digestOf(lines)}\n`) throw damagedObject(key, 'its digest is wrong');
  return parseHistory(timeline, lines.toString('utf8'));
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
export async function claimTimeline(store: ObjectStore, systemIdentifier: bigint, history: TimelineHistory): Promise<boolean> {
  return store.putIfAbsent(historyKey(systemIdentifier, history.timeline), await encodeHistory(history));
}
