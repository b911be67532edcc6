/**
 * Pieces of log: from segment files into the archive. What is archived has been proven to be records, and never takes the place of other
 * bytes: where the archive has log from the same place on, it must be the same.
 */
import { pgError } from '../base/error.js';
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { isEnvError, type Env, type OpenFile } from '../env/env.js';
import { SEGMENT_BYTES, segmentName, segmentOf } from '../wal/format.js';
import type { TimelineHistory } from '../wal/history.js';
import { damagedObject, OBJECT_KIND, parsePieceKey, pieceKey, pieceStartPrefix, type PieceName } from './format.js';
import { openObject, sealObject } from './object.js';
import { checkRecords, RecordWalk } from './records.js';
import { spanAt, type LogRange } from './coverage.js';
import { listAll, type ObjectStore } from './store.js';

/** Where a log's files are. */
export interface LogFiles {
  readonly logDirectory: string;
  readonly systemIdentifier: bigint;
  readonly history: TimelineHistory;
}

/** The end of the piece that begins at `from`: as far as `to`, within the segment and the timeline. */
export function pieceEnd(history: TimelineHistory, { from, to }: LogRange): Lsn {
  return lsn(Math.min(to, (segmentOf(from) + 1) * SEGMENT_BYTES, spanAt(history, from).to));
}

/** Opens the file that has a timeline's bytes of a segment: its own, or a later one's, which begins with a copy of them. */
function openSegment(env: Env, files: LogFiles, timeline: number, segment: number): OpenFile {
  const later = [...files.history.ancestors.map((ancestor) => ancestor.timeline), files.history.timeline].filter((other) => other >= timeline);
  for (const candidate of later) {
    try {
      return env.files.open(`${files.logDirectory}/${segmentName(candidate, segment)}`, 'read');
    } catch (error) {
      if (!isEnvError(error, 'ENOENT')) throw error;
    }
  }
  throw pgError('UNDEFINED_FILE', `requested WAL segment ${segmentName(timeline, segment)} has already been removed`);
}

/** Reads bytes of the log, which must be durable, within one segment and one timeline. */
export async function readLog(env: Env, files: LogFiles, { from, to }: LogRange): Promise<Buffer> {
  const { timeline } = spanAt(files.history, from);
  const segment = segmentOf(from);
  const file = openSegment(env, files, timeline, segment);
  try {
    const content = Buffer.allocUnsafeSlow(to - from);
    const count = await file.read(content, from % SEGMENT_BYTES);
    if (count === content.length) return content;
    throw pgError('DATA_CORRUPTED', `WAL segment ${segmentName(timeline, segment)} ends at offset ${(from % SEGMENT_BYTES) + count}`);
  } finally {
    file.closeSync();
  }
}

/**
 * Archives bytes of a timeline from `start` on: whole records within one segment, durable where they come from. `walk` remembers the
 * records before them. XX001 when they are not records; 58P02 when the archive has other bytes there. True: put; false: it was there.
 */
export async function archivePiece(
  env: Env, store: ObjectStore, about: { systemIdentifier: bigint; timeline: number; start: Lsn }, content: Buffer, walk: RecordWalk,
): Promise<boolean> {
  const { systemIdentifier, timeline, start } = about;
  const end = lsn(start + content.length);
  await checkRecords(env, walk, content, start);
  const { bytes, digest } = await sealObject({ kind: OBJECT_KIND.log, systemIdentifier, timeline, start, end }, content);
  const name: PieceName = { timeline, start, end, digest };
  const key = pieceKey(systemIdentifier, name);
  for await (const other of listAll(store, pieceStartPrefix(systemIdentifier, timeline, start))) {
    const found = parsePieceKey(other.key);
    if (found !== null && other.key !== key) await compareWithArchived(store, other.key, found, content);
  }
  return store.putIfAbsent(key, bytes);
}

/** 58P02 unless an archived piece and these bytes, which begin at the same place, agree as far as both go. */
async function compareWithArchived(store: ObjectStore, key: string, piece: PieceName, content: Buffer): Promise<void> {
  const archived = await readPiece(store, key, piece);
  const common = Math.min(archived.length, content.length);
  if (archived.compare(content, 0, common, 0, common) === 0) return;
  throw pgError('DUPLICATE_FILE', `archive "${store.name}" has other log of timeline ${piece.timeline} from ${formatLsn(piece.start)} on`, {
    detail: `Its object is "${key}".`,
    hint: 'Two systems that were one have both gone on in this timeline. Archive one of them elsewhere.',
  });
}

/** The bytes of an archived piece. 58P01 when it is missing, XX001 when it is damaged or is not what its name says. */
export async function readPiece(store: ObjectStore, key: string, piece: PieceName): Promise<Buffer> {
  const bytes = await store.get(key);
  if (bytes === null) throw pgError('UNDEFINED_FILE', `object "${key}" is missing in archive "${store.name}"`);
  const { header, content } = await openObject(key, bytes);
  const isNamed = header.kind === OBJECT_KIND.log && header.timeline === piece.timeline && header.start === piece.start && header.end === piece.end
    && header.digest === piece.digest && key.startsWith(`${header.systemIdentifier}/`) && content.length === piece.end - piece.start;
  if (!isNamed) throw damagedObject(key, 'its header is not what its name says');
  return content;
}
