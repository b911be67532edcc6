/**
 * Versions of rows and who sees them: the one place where visibility is decided.
 *
 * A row's versions hang on a chain, newest first. A version is stamped with its commit's LSN; until then `commitLsn` is
 * MAX_LSN and `transaction` is its writer. `values === null` is a deletion. Commit LSNs descend along a chain, and the
 * uncommitted versions of at most one transaction stand on top: an uncommitted head is the row's write lock.
 */
import { MAX_LSN, type Lsn } from '../base/lsn.js';
import type { Row } from '../types/datum.js';

/** Anything that owns versions: told when one of its versions is committed or undone. */
export interface VersionHome {
  /** The version is now stamped (`commitLsn` set, `transaction` null). */
  versionCommitted(version: RowVersion): void;
  /** The version must leave its chain: it never happened. It is the newest of its row. */
  versionUndone(version: RowVersion): void;
}

/** Whoever may read uncommitted versions: identity is all that counts. */
export interface VersionWriter {
  readonly virtualId: number;
}

/** What visibility needs of a snapshot (`access/api` has the full one). */
export interface VisibilitySnapshot {
  readonly lsn: Lsn;
  readonly transaction: VersionWriter | null;
  readonly commandId: number;
}

/** One version of one row. */
export class RowVersion {
  commitLsn: Lsn = MAX_LSN;
  older: RowVersion | null = null;
  newer: RowVersion | null = null;
  /** Set when the version has left its chain (undone or no longer needed by anybody). */
  dropped = false;
  /** Number in the order of writing among the versions of its home. */
  place = 0;

  constructor(
    readonly home: VersionHome,
    readonly rowId: number,
    readonly values: Row | null,
    /** The writer while uncommitted, null afterwards. */
    public transaction: VersionWriter | null,
    readonly commandId: number,
    /** Whether a column of a unique index changed, or the row was deleted: which row locks conflict. */
    readonly keysChanged: boolean,
    /** Number of the write within its transaction: what rolling back to a savepoint goes by. */
    readonly sequence: number,
  ) {}
}

/** Whether the snapshot sees the version, looked at alone. */
export function isVisible(version: RowVersion, snapshot: VisibilitySnapshot): boolean {
  if (version.commitLsn <= snapshot.lsn) return true;
  const writer = version.transaction;
  return writer !== null && writer === snapshot.transaction && version.commandId < snapshot.commandId;
}

/** The version of the chain that the snapshot sees; null when it sees none of them (the settled row, if any, shows). */
export function visibleVersion(head: RowVersion, snapshot: VisibilitySnapshot): RowVersion | null {
  for (let version: RowVersion | null = head; version !== null; version = version.older) {
    if (isVisible(version, snapshot)) return version;
  }
  return null;
}

/** Whether the version is the one that the snapshot sees of its row. */
export function isShown(version: RowVersion, snapshot: VisibilitySnapshot): boolean {
  if (!isVisible(version, snapshot)) return false;
  for (let newer = version.newer; newer !== null; newer = newer.newer) {
    if (isVisible(newer, snapshot)) return false;
  }
  return true;
}

/** The newest committed version of the chain, or null when all of it is uncommitted. */
export function newestCommitted(head: RowVersion): RowVersion | null {
  let version: RowVersion | null = head;
  while (version !== null && version.transaction !== null) version = version.older;
  return version;
}
