/** A node's archive: what it ships there, and what it can fetch from there for others. */
import { Archiver, describeProblem } from '../../lib/archive/archiver.js';
import { readPiece } from '../../lib/archive/piece.js';
import { readLogIndex } from '../../lib/archive/log-index.js';
import { StandbyHold } from '../../lib/archive/standby-hold.js';
import { openObjectStore, type ObjectStore } from '../../lib/archive/store.js';
import type { Lsn } from '../../lib/base/lsn.js';
import type { Env } from '../../lib/env/env.js';
import type { LogWriter } from '../../lib/session/server-log.js';
import type { LogSource } from '../../lib/wal/shipping.js';
import type { ArchivedLog } from '../../replica/handshake.js';

/** A piece that was fetched stays for the reads that follow it. */
interface Fetched {
  readonly timeline: number;
  readonly start: Lsn;
  readonly content: Buffer;
}

/** Reads log from an archive, for replicas that need what this node no longer has. */
export class ArchiveReader implements ArchivedLog {
  private fetched: Fetched | null = null;

  constructor(private readonly store: ObjectStore, private readonly systemIdentifier: bigint) {}

  async read(timeline: number, from: Lsn, limit: Lsn): Promise<Uint8Array | null> {
    const { fetched } = this;
    if (fetched !== null && fetched.timeline === timeline && from >= fetched.start && from < fetched.start + fetched.content.length) {
      return fetched.content.subarray(from - fetched.start, limit - fetched.start);
    }
    const { pieces } = await readLogIndex(this.store, this.systemIdentifier);
    const piece = pieces.find((candidate) => candidate.timeline === timeline && candidate.start <= from && candidate.end > from);
    if (piece === undefined) return null;
    const content = await readPiece(this.store, piece.key, piece);
    this.fetched = { timeline, start: piece.start, content };
    return content.subarray(from - piece.start, limit - piece.start);
  }
}

/** Opens the archive at a place. */
export function openArchive(env: Env, place: string, environment: Readonly<Record<string, string | undefined>>): Promise<ObjectStore> {
  return openObjectStore(env, place, environment);
}

/** Starts shipping a node's log to its archive; problems go to the server log. */
export function startArchiver(env: Env, store: ObjectStore, source: LogSource, archiveTimeoutMs: number, log: LogWriter): Archiver {
  return new Archiver({
    env, store, source, archiveTimeoutMs,
    onProblem: (problem) => log({ error_severity: 'WARNING', message: describeProblem(problem) }),
  });
}

/** Keeps on a standby what its primary has not archived. */
export function holdUnarchived(store: ObjectStore, source: LogSource, limitBytes: () => number, log: LogWriter): StandbyHold {
  return new StandbyHold({
    store, source, limitBytes,
    onProblem: (error) => log({ error_severity: 'WARNING', message: `the archive does not say what it has, so that log is kept for it: ${error.message}` }),
  });
}

/** The highest timeline that an archive knows of a system; 0 when it knows none. */
export async function archivedTimeline(store: ObjectStore, systemIdentifier: bigint): Promise<number> {
  const index = await readLogIndex(store, systemIdentifier);
  return Math.max(0, ...index.pieces.map((piece) => piece.timeline), ...index.historyTimelines);
}
