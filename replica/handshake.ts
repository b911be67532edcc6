/**
 * What a node answers a standby that wants to stream: whether the standby's log is a prefix of ours (by system, timelines, and the running
 * checksum where its log ends), and whether what follows is still to be had.
 *
 * A node never calls a standby of a newer timeline diverged: it may itself be the one that was left behind.
 */
import { pgError, type PgError } from '../lib/base/error.js';
import { formatLsn, lsn, type Lsn } from '../lib/base/lsn.js';
import type { Env } from '../lib/env/env.js';
import { RECORD, RECORD_HEADER_BYTES } from '../lib/wal/format.js';
import { endOfTimeline, forkPoint, timelineAt } from '../lib/wal/history.js';
import { statedLsn } from '../lib/wal/record.js';
import type { LogSource } from '../lib/wal/shipping.js';
import { StreamReader } from '../lib/wal/stream.js';
import { protocolViolation } from './fields.js';
import type { Diverged, ErrorMessage, Handshake, LogRemoved, Resume } from './messages.js';
import { toRemoteError } from './frames.js';

/** Log that is not on disk any more. */
export interface ArchivedLog {
  /** Bytes of a timeline's log from `from` on, at most up to `limit`; null when the archive does not have the first of them. */
  read(timeline: number, from: Lsn, limit: Lsn): Promise<Uint8Array | null>;
}

/** No archive. */
export const NO_ARCHIVE: ArchivedLog = { read: () => Promise.resolve(null) };

/** Where log comes from. */
export interface LogOrigin {
  readonly env: Env;
  readonly source: LogSource;
  readonly archive: ArchivedLog;
}

/** The answer to a handshake that wants the stream. */
export type HandshakeAnswer = Resume | Diverged | LogRemoved | ErrorMessage;

function refused(error: PgError): ErrorMessage {
  return { type: 'error', error: toRemoteError(error) };
}

/** 55000 for a node of another database system. */
export function foreignSystem(ours: bigint, theirs: bigint): PgError {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'database system identifier differs between the primary and standby', {
    detail: `The primary's identifier is ${ours}, the standby's identifier is ${theirs}.`,
  });
}

/** Decides (see the file's comment). */
export async function answerHandshake(origin: LogOrigin, request: Handshake): Promise<HandshakeAnswer> {
  const { source } = origin;
  const { history } = source;
  const { endLsn, lastRecordLsn } = request.received;
  if (request.systemIdentifier !== source.systemIdentifier) return refused(foreignSystem(source.systemIdentifier, request.systemIdentifier));
  if (lastRecordLsn > endLsn) throw protocolViolation('invalid position in a replication handshake');
  const reached = endLsn > request.appliedLsn ? endLsn : request.appliedLsn;
  const shared = forkPoint(history, request.history);
  if (endOfTimeline(history, request.history.timeline) === null || reached > shared) {
    if (request.history.timeline > history.timeline) return refused(notInHistory(source, request));
    return { type: 'diverged', forkLsn: reached < shared ? reached : shared, history };
  }
  if (reached > source.durableLsn) {
    return refused(pgError('OBJECT_NOT_IN_PREREQUISITE_STATE',
      `requested starting point ${formatLsn(reached)} is ahead of the WAL flush position of this server ${formatLsn(source.durableLsn)}`));
  }
  const checksum = lastRecordLsn === 0 ? null : await checksumAt(origin, lastRecordLsn);
  if (checksum !== null && checksum !== request.received.lastCrc) return { type: 'diverged', forkLsn: lsn(0), history };
  if (!(await isAvailable(origin, endLsn))) return logRemoved(source, endLsn);
  return { type: 'resume', startLsn: endLsn, history };
}

function notInHistory({ history }: LogSource, request: Handshake): PgError {
  const fork = forkPoint(history, request.history);
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE',
    `requested starting point ${formatLsn(request.received.endLsn)} on timeline ${request.history.timeline} is not in this server's history`,
    { detail: `This server is on timeline ${history.timeline}, which shares the log up to ${formatLsn(request.received.endLsn < fork ? request.received.endLsn : fork)}.` });
}

/** Says that log from `position` on is gone. */
export function logRemoved(source: LogSource, position: Lsn): LogRemoved {
  return { type: 'logRemoved', oldestLsn: source.oldestLsn(), text: `requested WAL at ${formatLsn(position)} has already been removed` };
}

/**
 * The stored checksum of the record at `position`: the running checksum of the log there. Null when the record is not to be had any
 * more; the next record's link to it is then what proves it. A record that is another one gives -1.
 */
async function checksumAt(origin: LogOrigin, position: Lsn): Promise<number | null> {
  const { env, source, archive } = origin;
  const end = lsn(position + RECORD_HEADER_BYTES);
  if (end > source.durableLsn) return -1;
  let header: Uint8Array | null;
  if (source.oldestLsn() <= position) {
    const reader = new StreamReader(env, source.logDirectory, source.history.timeline);
    try {
      header = reader.read(position, end, RECORD_HEADER_BYTES);
    } finally {
      reader.close();
    }
  } else header = await archive.read(timelineAt(source.history, lsn(position + 1)), position, end);
  if (header === null) return null;
  const bytes = Buffer.from(header);
  if (bytes.length < RECORD_HEADER_BYTES || statedLsn(bytes, 0) !== position) return -1;
  return bytes.readUInt32LE(RECORD.crc);
}

async function isAvailable({ source, archive }: LogOrigin, from: Lsn): Promise<boolean> {
  if (from >= source.durableLsn || source.oldestLsn() <= from) return true;
  const next = lsn(from + 1);
  return (await archive.read(timelineAt(source.history, next), from, next)) !== null;
}
