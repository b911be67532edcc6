/**
 * Proves an archive restorable: every backup has a sound manifest, its parents and chunks that are what the manifest says; every piece of
 * log and every history is there and sound, and the log has no hole from the oldest backup to its end along every timeline. It tells all
 * that is wrong, by name. What an earlier run has read and found sound is not read again (it must still be there in the same
 * size) unless asked; where the log ended then, it must not end earlier now.
 */
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { segmentName, segmentOf } from '../wal/format.js';
import { historyFileName, FIRST_HISTORY, type TimelineHistory } from '../wal/history.js';
import { readChunk, type ChunkPlace } from './chunks.js';
import { Coverage, spanAt, type LogRange } from './coverage.js';
import { backupPrefix, historyKey, MANIFEST_NAME, parsePieceKey, verifiedKey } from './format.js';
import { backupsAlong } from './list.js';
import { readArchivedHistory, readLogIndex, type LogIndex, type Piece } from './log-index.js';
import { listBackups, logStartOf, stopLsnOf, type Backup, type BackupListing } from './manifest.js';
import { readPiece } from './piece.js';
import type { Progress } from './progress.js';
import { readAhead } from './read-ahead.js';
import type { ObjectStore } from './store.js';

/** Something that is wrong with an archive. */
export interface VerifyProblem {
  readonly kind: 'missing' | 'damaged' | 'gap' | 'conflict';
  /** The object's key, or the range of log. */
  readonly what: string;
  readonly why: string;
}

/** What a verification found. */
export interface VerifyReport {
  readonly problems: readonly VerifyProblem[];
  readonly backups: number;
  readonly pieces: number;
  /** Labels of backups that have no manifest (yet). */
  readonly unfinished: readonly string[];
  readonly objectsRead: number;
  /** Seen sound by an earlier run. */
  readonly objectsSkipped: number;
  readonly bytesRead: number;
  /** Why what was found sound could not be remembered in the archive; null: it was. */
  readonly notRemembered: string | null;
}

/** How to verify. */
export interface VerifyOptions {
  /** Read everything again. */
  readonly everything?: boolean;
  readonly progress?: Progress;
}

const AHEAD = 4;

/** Verifies everything that an archive has of a system. Rejects only when the archive cannot be read at all. */
export async function verifyArchive(store: ObjectStore, systemIdentifier: bigint, options: VerifyOptions = {}): Promise<VerifyReport> {
  return new Verification(store, systemIdentifier, options).run();
}

/** An object to read. */
interface Check {
  readonly key: string;
  readonly size: number;
  readonly read: () => Promise<unknown>;
}

class Verification {
  private readonly problems: VerifyProblem[] = [];
  private readonly sound = new Map<string, number>();
  private readonly reported = new Set<string>();
  private objectsRead = 0;
  private bytesRead = 0;

  constructor(private readonly store: ObjectStore, private readonly system: bigint, private readonly options: VerifyOptions) {}

  async run(): Promise<VerifyReport> {
    const { store, system } = this;
    const remembered = parseVerified(await store.get(verifiedKey(system)));
    const known = this.options.everything === true ? new Map<string, number>() : remembered;
    const index = await readLogIndex(store, system);
    const listing = await listBackups(store, system);
    const checks = [...this.pieceChecks(index), ...this.backupChecks(listing)];
    const fresh = checks.filter((check) => known.get(check.key) !== check.size);
    for (const check of checks) if (known.get(check.key) === check.size) this.sound.set(check.key, check.size);
    await this.readAll(fresh);
    await this.compareOverlaps(index, new Set(fresh.map((check) => check.key)));
    const lost = lostPieces(remembered, index, listing.backups);
    this.checkContinuity(await this.readHistories(index), index.pieces, lost, listing.backups);
    for (const piece of lost) this.sound.set(piece.key, piece.size);
    const notRemembered = await store.put(verifiedKey(system), formatVerified(this.sound)).then(() => null, (error: Error) => error.message);
    return {
      problems: this.problems, backups: listing.backups.length, pieces: index.pieces.length, unfinished: listing.unfinished.map(({ label }) => label),
      objectsRead: this.objectsRead, objectsSkipped: checks.length - fresh.length, bytesRead: this.bytesRead, notRemembered,
    };
  }

  private report(kind: VerifyProblem['kind'], what: string, why: string): void {
    if (this.reported.has(`${kind} ${what}`)) return;
    this.reported.add(`${kind} ${what}`);
    this.problems.push({ kind, what, why });
  }

  private pieceChecks(index: LogIndex): Check[] {
    return index.pieces.map((piece) => ({ key: piece.key, size: piece.size, read: () => readPiece(this.store, piece.key, piece) }));
  }

  /** Manifests and parents at once; the chunks to read. */
  private backupChecks(listing: BackupListing): Check[] {
    const { store, system } = this;
    for (const { label, error } of listing.damaged) this.report('damaged', `${backupPrefix(system, label)}${MANIFEST_NAME}`, error.message);
    const labels = new Map(listing.backups.map((backup) => [backup.label, backup]));
    const checks: Check[] = [];
    for (const backup of listing.backups) {
      const { label, parent } = backup;
      if (parent !== null && !labels.has(parent)) this.report('missing', `${backupPrefix(system, parent)}${MANIFEST_NAME}`, `backup "${label}" continues it`);
      for (const kind of ['entries', 'keys'] as const) {
        backup[kind].forEach((chunk, number) => {
          const key = `${backupPrefix(system, label)}${chunk.name}`;
          const size = listing.objects.get(label)?.get(chunk.name);
          if (size === undefined) {
            this.report('missing', key, `it is a part of backup "${label}"`);
            return;
          }
          const place: ChunkPlace = { systemIdentifier: system, label, kind, number, chunk };
          checks.push({ key, size, read: () => readChunk(store, place) });
        });
      }
    }
    return checks;
  }

  private async readAll(checks: readonly Check[]): Promise<void> {
    const totalBytes = checks.reduce((sum, check) => sum + check.size, 0);
    const failures = readAhead(checks, AHEAD, async (check) => {
      try {
        await check.read();
        return { check, error: null };
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return { check, error };
      }
    });
    for await (const { check, error } of failures) {
      this.objectsRead++;
      this.bytesRead += check.size;
      if (error === null) this.sound.set(check.key, check.size);
      else this.judge(check.key, error);
      this.options.progress?.({ what: 'objects', doneBytes: this.bytesRead, totalBytes });
    }
  }

  /** What an error of reading says about an object; errors of the store itself say nothing about it. */
  private judge(key: string, error: Error): void {
    const sqlstate = 'sqlstate' in error ? error.sqlstate : '';
    if (sqlstate === 'XX001') this.report('damaged', key, error.message);
    else if (sqlstate === '58P01') this.report('missing', key, error.message);
    else throw error;
  }

  /** Pieces that overlap must have the same bytes where they do; looked at where one of them is new. */
  private async compareOverlaps(index: LogIndex, fresh: ReadonlySet<string>): Promise<void> {
    const sorted = index.pieces.toSorted((a, b) => a.timeline - b.timeline || a.start - b.start);
    let furthest: Piece | null = null;
    for (const piece of sorted) {
      const before: Piece | null = furthest;
      if (before === null || before.timeline !== piece.timeline || piece.end > before.end) furthest = piece;
      if (before === null || before.timeline !== piece.timeline || piece.start >= before.end) continue;
      if (!fresh.has(before.key) && !fresh.has(piece.key)) continue;
      if (!this.sound.has(before.key) || !this.sound.has(piece.key)) continue;
      const [a, b] = await Promise.all([readPiece(this.store, before.key, before), readPiece(this.store, piece.key, piece)]);
      const end = Math.min(before.end, piece.end);
      if (a.subarray(piece.start - before.start, end - before.start).equals(b.subarray(0, end - piece.start))) continue;
      this.report('conflict', piece.key, `it has other log than "${before.key}"`);
    }
  }

  private async readHistories(index: LogIndex): Promise<TimelineHistory[]> {
    const timelines = new Set([...index.historyTimelines, ...index.pieces.map((piece) => piece.timeline)]);
    const histories: TimelineHistory[] = [FIRST_HISTORY];
    for (const timeline of [...timelines].toSorted((a, b) => a - b)) {
      if (timeline === 1) continue;
      try {
        histories.push(await readArchivedHistory(this.store, this.system, timeline));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.judge(historyKey(this.system, timeline), error);
      }
    }
    return histories;
  }

  /** Along every timeline: the log of every backup, and from the oldest one to the end. */
  private checkContinuity(histories: readonly TimelineHistory[], pieces: readonly Piece[], lost: readonly Piece[], backups: readonly Backup[]): void {
    const sound = pieces.filter((piece) => this.sound.has(piece.key));
    for (const history of histories) {
      const coverage = Coverage.of(history, sound);
      const along = backupsAlong(history, backups);
      const wanted: LogRange[] = along.map(({ info }) => ({ from: logStartOf(info), to: stopLsnOf(info) }));
      const start = along.length > 0 ? lsn(Math.min(...wanted.map(({ from }) => from))) : coverage.start;
      // That the last piece is damaged, or gone, must not hide that the log went further.
      const end = Coverage.of(history, [...pieces, ...lost]).end;
      for (const range of [...wanted, { from: start, to: end }]) {
        for (const hole of coverage.holes(range)) this.reportGap(history, hole, range.to);
      }
    }
    for (const { timeline } of backups.map(({ info }) => info.history)) {
      if (histories.some((history) => history.timeline === timeline)) continue;
      this.report('missing', historyKey(this.system, timeline), `history file "${historyFileName(timeline)}" of a backup's timeline is missing`);
    }
  }

  private reportGap(history: TimelineHistory, hole: LogRange, to: Lsn): void {
    const { timeline } = spanAt(history, hole.from);
    const segments = `segment ${segmentName(timeline, segmentOf(hole.from))}`;
    this.report('gap', `timeline ${timeline}, ${formatLsn(hole.from)} to ${formatLsn(hole.to)}`, `no sound piece of log from ${segments} on; it is needed up to ${formatLsn(to)}`);
  }
}

/** Pieces that an earlier run has seen, that are gone, and that no backup's retention explains. */
function lostPieces(remembered: ReadonlyMap<string, number>, index: LogIndex, backups: readonly Backup[]): Piece[] {
  const there = new Set(index.pieces.map((piece) => piece.key));
  const from = Math.min(...backups.map(({ info }) => logStartOf(info)));
  return [...remembered].flatMap(([key, size]) => {
    const piece = there.has(key) ? null : parsePieceKey(key);
    return piece !== null && piece.end > from ? [{ ...piece, key, size }] : [];
  });
}

const VERIFIED_LINE = 'verified 1';

/** What has been found sound: a line `size key` for each object. */
function formatVerified(sound: ReadonlyMap<string, number>): Buffer {
  return Buffer.from([VERIFIED_LINE, ...[...sound].map(([key, size]) => `${size} ${key}`), ''].join('\n'));
}

/** Reads it; nothing when it is missing or of another form: then everything is read. */
function parseVerified(bytes: Uint8Array | null): Map<string, number> {
  const [first, ...lines] = bytes === null ? [] : Buffer.from(bytes).toString('utf8').split('\n');
  const known = new Map<string, number>();
  if (first !== VERIFIED_LINE) return known;
  for (const line of lines) {
    const space = line.indexOf(' ');
    if (space > 0) known.set(line.slice(space + 1), Number(line.slice(0, space)));
  }
  return known;
}
