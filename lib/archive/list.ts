/** What an archive has, for people and programs: systems, backups, timelines, the watermark, what can be restored. */
import { lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import type { TimelineHistory } from '../wal/history.js';
import { RECORD as TRANSACTION } from '../txn/format.js';
import { readRecordHeader } from '../txn/changes.js';
import { Coverage, partsOf } from './coverage.js';
import { readArchivedHistory, readLogIndex, type LogIndex, type Piece } from './log-index.js';
import { chainOf, listBackups, logStartOf, stopLsnOf, storedBytesOf, type Backup, type BackupListing } from './manifest.js';
import { readPiece } from './piece.js';
import { RecordWalk } from './records.js';
import type { ObjectStore } from './store.js';

/** The systems that an archive has something of. */
export async function listSystems(store: ObjectStore): Promise<bigint[]> {
  const systems: bigint[] = [];
  for (let after: string | undefined; ;) {
    const [first] = await store.list('', after, 1);
    if (first === undefined) return systems;
    const [name] = first.key.split('/');
    if (/^\d+$/.test(name) && first.key.includes('/')) systems.push(BigInt(name));
    // No key of this system sorts behind this one.
    after = first.key.includes('/') ? `${name}/~` : first.key;
  }
}

/** The one system of an archive, or the one asked for. 42704 when it is not there; 22023 when there are several. */
export async function onlySystem(store: ObjectStore, asked?: bigint): Promise<bigint> {
  const systems = await listSystems(store);
  if (asked !== undefined) {
    if (systems.includes(asked)) return asked;
    throw pgError('UNDEFINED_OBJECT', `archive "${store.name}" has nothing of system ${asked}`);
  }
  if (systems.length === 0) throw pgError('UNDEFINED_OBJECT', `archive "${store.name}" is empty`);
  if (systems.length === 1) return systems[0];
  throw pgError('INVALID_PARAMETER_VALUE', `archive "${store.name}" has several systems: ${systems.join(', ')}`, { hint: 'Say which one.' });
}

/** A timeline in an archive. */
export interface ArchivedTimeline {
  readonly history: TimelineHistory;
  /** The log along the timeline's history without a hole: from the oldest piece, or backup, to here. */
  readonly archivedThroughLsn: Lsn;
  /** What restores in this timeline can reach; null: there is no backup to begin with. */
  readonly restorable: RestorableRange | null;
}

/** A range of targets. */
export interface RestorableRange {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  /** When the oldest backup was begun; wall microseconds. */
  readonly fromMicros: number;
  /** Time of the last commit or rollback in the log; null: none was found near its end. */
  readonly toMicros: number | null;
}

/** Everything about one system. */
export interface ArchivedSystem {
  readonly systemIdentifier: bigint;
  readonly listing: BackupListing;
  readonly index: LogIndex;
  readonly timelines: readonly ArchivedTimeline[];
  /** The newest timeline that has log: what a restore follows when none is asked for. */
  readonly latestTimeline: number;
  readonly logBytes: number;
}

/** Reads what an archive has of a system. */
export async function listArchive(store: ObjectStore, systemIdentifier: bigint): Promise<ArchivedSystem> {
  const index = await readLogIndex(store, systemIdentifier);
  const listing = await listBackups(store, systemIdentifier);
  const numbers = new Set([1, ...index.historyTimelines]);
  const timelines: ArchivedTimeline[] = [];
  for (const timeline of [...numbers].toSorted((a, b) => a - b)) {
    const history = await readArchivedHistory(store, systemIdentifier, timeline);
    timelines.push(await describeTimeline(store, systemIdentifier, history, index.pieces, listing.backups));
  }
  return {
    systemIdentifier, listing, index, timelines, latestTimeline: latestTimeline(index, listing.backups),
    logBytes: index.pieces.reduce((sum, piece) => sum + piece.size, 0),
  };
}

/** The newest timeline that has log or a backup: those that only a restore has claimed do not count. */
export function latestTimeline(index: LogIndex, backups: readonly Backup[]): number {
  let latest = 1;
  for (const { timeline } of index.pieces) if (timeline > latest) latest = timeline;
  for (const { info } of backups) if (info.history.timeline > latest) latest = info.history.timeline;
  return latest;
}

/** The backups that a restore along a history can begin with, oldest first: their chains are whole. */
export function backupsAlong(history: TimelineHistory, backups: readonly Backup[]): Backup[] {
  const ends = new Map<number, number>(history.ancestors.map((ancestor) => [ancestor.timeline, ancestor.switchLsn]));
  ends.set(history.timeline, Infinity);
  return backups.filter(({ info }) => info.stateLsn <= (ends.get(info.history.timeline) ?? -1)).filter((backup) => chainOf(backup, backups) !== null);
}

async function describeTimeline(
  store: ObjectStore, systemIdentifier: bigint, history: TimelineHistory, pieces: readonly Piece[], backups: readonly Backup[],
): Promise<ArchivedTimeline> {
  const coverage = Coverage.of(history, pieces);
  const usable = backupsAlong(history, backups).filter(({ info }) => coverage.holes({ from: logStartOf(info), to: stopLsnOf(info) }).length === 0);
  const [oldest] = usable;
  if (oldest === undefined) return { history, archivedThroughLsn: coverage.firstUncovered(coverage.start), restorable: null };
  const toLsn = coverage.firstUncovered(logStartOf(oldest.info));
  const toMicros = await lastTime(store, systemIdentifier, history, pieces, { from: logStartOf(oldest.info), to: toLsn });
  return {
    history, archivedThroughLsn: coverage.firstUncovered(coverage.start),
    restorable: { fromLsn: stopLsnOf(oldest.info), toLsn, fromMicros: oldest.startedMicros, toMicros },
  };
}

/** Pieces looked through for a commit, from the end. */
const LAST_PIECES = 4;

/** The time of the last commit or rollback near the end of a part of the log. */
async function lastTime(
  store: ObjectStore, systemIdentifier: bigint, history: TimelineHistory, pieces: readonly Piece[], range: { from: Lsn; to: Lsn },
): Promise<number | null> {
  const parts = partsOf(history, pieces, range) ?? [];
  for (const part of parts.slice(-LAST_PIECES).toReversed()) {
    const content = (await readPiece(store, part.piece.key, part.piece)).subarray(part.from - part.piece.start, part.to - part.piece.start);
    let time: number | null = null;
    new RecordWalk(systemIdentifier).walk(content, lsn(part.from), (type, _start, _end, payloadStart, payloadEnd) => {
      if (type === TRANSACTION.commit || type === TRANSACTION.abort) time = readRecordHeader({ bytes: content, start: payloadStart, end: payloadEnd }).field;
      return true;
    });
    if (time !== null) return time;
  }
  return null;
}

/** A backup for people: what `archive list` shows. */
export function summarize(backup: Backup): { label: string; kind: string; parent: string | null; bytes: number; timeline: number; stopLsn: Lsn; startedMicros: number } {
  return {
    label: backup.label, kind: backup.kind, parent: backup.parent, bytes: storedBytesOf(backup), timeline: backup.info.history.timeline,
    stopLsn: stopLsnOf(backup.info), startedMicros: backup.startedMicros,
  };
}
