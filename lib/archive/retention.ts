/**
 * Retention: which backups and which log an archive may lose.
 *
 * The unit is a full backup with all incremental ones that go back to it. Kept are the newest `keepFull` units, and of those by age every
 * unit with a backup younger than `keepDays` and the newest full backup before that (so that every moment of those days can be
 * restored). Where both are given, what either keeps is kept; the newest unit always is. Log is kept from where the
 * oldest kept or unfinished backup needs it, on every timeline; histories are kept. Nothing that a kept backup needs is ever removed.
 *
 * Removal goes so that a crash leaves nothing that looks usable but is not: of a backup the manifest first, of a unit the newest first,
 * log last and oldest first.
 */
import { MAX_LSN, lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { backupPrefix, BEGUN_NAME, MANIFEST_NAME } from './format.js';
import { readLogIndex, type LogIndex } from './log-index.js';
import { chainOf, listBackups, logStartOf, type Backup, type BackupListing } from './manifest.js';
import type { ObjectStore } from './store.js';

/** What to keep. At least one is given. */
export interface RetentionRule {
  readonly keepFull?: number;
  readonly keepDays?: number;
}

/** What a prune removes, in order. */
export interface RetentionPlan {
  readonly keptBackups: readonly string[];
  readonly removedBackups: readonly string[];
  /** Labels of interrupted backups that are removed: begun more than a day ago. */
  readonly removedUnfinished: readonly string[];
  /** The log that is kept begins here. */
  readonly logFrom: Lsn;
  readonly removedPieces: number;
  /** Keys, in the order of removal. */
  readonly keys: readonly string[];
  readonly bytes: number;
}

const DAY_MICROS = 24 * 3600 * 1_000_000;
/** A backup without a manifest is given up after this time. */
const ABANDONED_MICROS = DAY_MICROS;

/** Decides what to remove; removes nothing. 22023 for a rule that keeps nothing. */
export async function planRetention(store: ObjectStore, systemIdentifier: bigint, rule: RetentionRule, nowMicros: number): Promise<RetentionPlan> {
  checkRule(rule);
  const listing = await listBackups(store, systemIdentifier);
  // Whoever cannot be read may be the parent of others, or need log: nothing is removed beside it.
  if (listing.damaged.length > 0) {
    throw pgError('DATA_CORRUPTED', `backup "${listing.damaged[0].label}" cannot be read, so nothing is removed`, { detail: listing.damaged[0].error.message });
  }
  const index = await readLogIndex(store, systemIdentifier);
  return makePlan(systemIdentifier, listing, index, rule, nowMicros);
}

function checkRule({ keepFull, keepDays }: RetentionRule): void {
  if (keepFull === undefined && keepDays === undefined) throw pgError('INVALID_PARAMETER_VALUE', 'no retention rule is given');
  if (keepFull !== undefined && !(Number.isInteger(keepFull) && keepFull >= 1)) throw pgError('INVALID_PARAMETER_VALUE', 'at least one full backup must be kept');
  if (keepDays !== undefined && !(keepDays > 0)) throw pgError('INVALID_PARAMETER_VALUE', 'the number of days to keep must be positive');
}

/** The full backup that a backup goes back to; null: its chain is broken. */
function rootOf(backup: Backup, backups: readonly Backup[]): Backup | null {
  return chainOf(backup, backups)?.[0] ?? null;
}

/** The full backups whose units are kept. */
function keptRoots(backups: readonly Backup[], { keepFull, keepDays }: RetentionRule, nowMicros: number): Set<Backup> {
  const fulls = backups.filter((backup) => backup.kind === 'full').toSorted((a, b) => a.startedMicros - b.startedMicros);
  const kept = new Set<Backup>(fulls.slice(-(keepFull ?? 1)));
  if (keepDays === undefined) return kept;
  const cutoff = nowMicros - keepDays * DAY_MICROS;
  const before = fulls.findLast((backup) => backup.startedMicros < cutoff);
  if (before !== undefined) kept.add(before);
  for (const backup of backups) {
    const root = rootOf(backup, backups);
    if (backup.startedMicros >= cutoff && root !== null) kept.add(root);
  }
  return kept;
}

function makePlan(systemIdentifier: bigint, listing: BackupListing, index: LogIndex, rule: RetentionRule, nowMicros: number): RetentionPlan {
  const { backups } = listing;
  const roots = keptRoots(backups, rule, nowMicros);
  // A backup whose chain is broken is of no use, but it is a person who should say so.
  const isKept = (backup: Backup): boolean => {
    const root = rootOf(backup, backups);
    return root === null || roots.has(root);
  };
  const kept = backups.filter(isKept);
  const depth = (backup: Backup): number => chainOf(backup, backups)?.length ?? 0;
  const removed = backups.filter((backup) => !isKept(backup)).toSorted((a, b) => depth(b) - depth(a));
  // Without its marker a backup is not being written: it is what a crash left of a removal.
  const unfinished = listing.unfinished.filter(({ label, begun }) => (begun === null
    ? listing.objects.get(label)?.has(BEGUN_NAME) !== true : nowMicros - begun.startedMicros > ABANDONED_MICROS));
  const writing = listing.unfinished.filter((entry) => !unfinished.includes(entry));
  let logFrom: number = MAX_LSN;
  for (const { info } of kept) logFrom = Math.min(logFrom, logStartOf(info));
  for (const { begun } of writing) logFrom = Math.min(logFrom, begun?.logStart ?? 0);
  if (kept.length === 0) logFrom = 0;
  const pieces = index.pieces.filter((piece) => piece.end <= logFrom).toSorted((a, b) => a.start - b.start);
  const keys: string[] = [];
  let bytes = 0;
  for (const label of [...removed.map((backup) => backup.label), ...unfinished.map((entry) => entry.label)]) {
    const objects = listing.objects.get(label) ?? new Map<string, number>();
    for (const [name, size] of [...objects].toSorted(([a], [b]) => order(a) - order(b))) {
      keys.push(`${backupPrefix(systemIdentifier, label)}${name}`);
      bytes += size;
    }
  }
  for (const piece of pieces) {
    keys.push(piece.key);
    bytes += piece.size;
  }
  return {
    keptBackups: kept.map((backup) => backup.label), removedBackups: removed.map((backup) => backup.label), removedUnfinished: unfinished.map((entry) => entry.label),
    logFrom: lsn(logFrom), removedPieces: pieces.length, keys, bytes,
  };
}

/** The manifest goes first; the marker that the backup had begun goes last, so that an interrupted removal is found again. */
function order(name: string): number {
  if (name === MANIFEST_NAME) return 0;
  return name === BEGUN_NAME ? 2 : 1;
}

/** Removes what a plan says. */
export async function carryOut(store: ObjectStore, plan: RetentionPlan, progress?: (done: number, total: number) => void): Promise<void> {
  for (const [index, key] of plan.keys.entries()) {
    await store.remove(key);
    progress?.(index + 1, plan.keys.length);
  }
}
