/**
 * Restoring: from a backup and the log behind it to a data directory that an ordinary primary starts, by crash recovery, at the
 * target.
 *
 * In order: the cut is found by reading log (which is written as it is read), the state is written, the rest of the log, the log is cut; a
 * new timeline is claimed by putting its history into the archive where there is none of that number; history, store id and, last, the
 * control file are written. Without the control file nothing starts; what is there is removed again after an error.
 */
import { formatLsn, lsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import { writeFileDurably, type Env } from '../env/env.js';
import type { KeyValueStore } from '../kv/kv.js';
import { STORE_ID_FILE, writeControl } from '../wal/control.js';
import { SEGMENT_BYTES, SEGMENT_HEADER_BYTES } from '../wal/format.js';
import { branchHistory, writeHistory, type TimelineHistory } from '../wal/history.js';
import { backupsAlong, latestTimeline, onlySystem } from './list.js';
import { claimTimeline, readArchivedHistory, readLogIndex } from './log-index.js';
import { chainOf, listBackups, logStartOf, type Backup } from './manifest.js';
import type { Progress } from './progress.js';
import { describeTarget, type ReachedTransaction, type RecoveryTarget } from './recovery-target.js';
import { bytesOfChain, restoreState } from './restored-state.js';
import { RestoredLog } from './restored-log.js';
import { CutSearch } from './cut-search.js';
import type { ObjectStore } from './store.js';

const LOCK_FILE = 'pglitedb.pid';

/** What to restore, and where to. */
export interface RestoreOptions {
  readonly env: Env;
  readonly dataDirectory: string;
  readonly target: RecoveryTarget;
  /** Stop before the target instead of behind it (recovery_target_inclusive = off). For time, xid and LSN. */
  readonly exclusive?: boolean;
  /** Whose history to follow; default: the newest timeline that the archive has log of. */
  readonly timeline?: number | 'latest';
  /** Needed where an archive has several systems. */
  readonly systemIdentifier?: bigint;
  readonly progress?: Progress;
  /** Opens the store in the data directory. */
  readonly openStore: (directory: string) => Promise<KeyValueStore>;
}

/** What was reached. */
export interface RestoreResult {
  readonly systemIdentifier: bigint;
  readonly backup: string;
  /** The timeline that begins here, and the one that it leaves. */
  readonly timeline: number;
  readonly parentTimeline: number;
  /** The log ends here. */
  readonly lsn: Lsn;
  /** The last commit or rollback that was read on the way; null: none after the backup was. */
  readonly last: ReachedTransaction | null;
}

/**
 * Restores into an empty or missing directory. 58P02 when the directory is not empty, 42704 when there is nothing to restore from,
 * F0000 when the target cannot be reached (the detail says what can), XX001 and 58P01 for damage.
 */
export async function restore(store: ObjectStore, options: RestoreOptions): Promise<RestoreResult> {
  const { env, dataDirectory } = options;
  const { files } = env;
  if (files.exists(dataDirectory) && files.list(dataDirectory).length > 0) {
    throw pgError('DUPLICATE_FILE', `directory "${dataDirectory}" exists but is not empty`);
  }
  const systemIdentifier = await onlySystem(store, options.systemIdentifier);
  const { backups } = await listBackups(store, systemIdentifier);
  if (backups.length === 0) throw pgError('UNDEFINED_OBJECT', `archive "${store.name}" has no backup of system ${systemIdentifier}`);
  files.makeDirectory(dataDirectory);
  const lock = files.lock(`${dataDirectory}/${LOCK_FILE}`);
  try {
    return await new Restore(store, options, systemIdentifier, backups).run();
  } catch (error) {
    for (const name of files.list(dataDirectory)) if (name !== LOCK_FILE) files.removeTree(`${dataDirectory}/${name}`);
    throw error;
  } finally {
    lock.release();
  }
}

class Restore {
  private doneBytes = 0;
  private totalBytes = 0;

  constructor(
    private readonly store: ObjectStore,
    private readonly options: RestoreOptions,
    private readonly systemIdentifier: bigint,
    private readonly backups: readonly Backup[],
  ) {}

  async run(): Promise<RestoreResult> {
    const { store, options, systemIdentifier, backups } = this;
    const { env, dataDirectory, target } = options;
    const exclusive = options.exclusive === true;
    const index = await readLogIndex(store, systemIdentifier);
    const wanted = options.timeline ?? 'latest';
    const history = await readArchivedHistory(store, systemIdentifier, wanted === 'latest' ? latestTimeline(index, backups) : wanted);
    const log = new RestoredLog(env, store, `${dataDirectory}/wal`, history, index.pieces);
    const search = new CutSearch(history, index.pieces, backupsAlong(history, backups), log, systemIdentifier);
    const { backup, cut: found, last } = await search.find(target, exclusive, (bytes) => this.note('log', bytes, bytes));
    // A segment that has nothing but its header is begun anew.
    const cut = found % SEGMENT_BYTES <= SEGMENT_HEADER_BYTES ? lsn(found - (found % SEGMENT_BYTES)) : found;
    this.totalBytes += bytesOfChain(chainOf(backup, backups) ?? []) + cut - logStartOf(backup.info);
    await this.writeState(backup);
    await log.complete({ from: logStartOf(backup.info), to: cut }, (bytes) => this.note('log', bytes, 0));
    const branch = await this.claim(history, cut, describeTarget(target, exclusive));
    await log.cut(cut, branch.timeline);
    writeHistory(env, `${dataDirectory}/wal`, branch);
    writeFileDurably(env.files, `${dataDirectory}/${STORE_ID_FILE}`, Buffer.from(`${Buffer.from(env.random.bytes(8)).toString('hex')}\n`));
    writeControl(env, dataDirectory, {
      systemIdentifier, timeline: branch.timeline, redoLsn: backup.info.redoLsn, checkpointNumber: backup.info.checkpointNumber, endLsn: cut,
      state: 'in production', writtenMicros: env.clock.wallMicros(),
    });
    this.options.progress?.({ what: 'log', doneBytes: this.doneBytes, totalBytes: this.doneBytes });
    return { systemIdentifier, backup: backup.label, timeline: branch.timeline, parentTimeline: branch.ancestors.at(-1)?.timeline ?? 1, lsn: cut, last };
  }

  private note(what: string, bytes: number, expected: number): void {
    this.doneBytes += bytes;
    this.totalBytes = Math.max(this.totalBytes + expected, this.doneBytes);
    this.options.progress?.({ what, doneBytes: this.doneBytes, totalBytes: this.totalBytes });
  }

  private async writeState(backup: Backup): Promise<void> {
    const { store, options } = this;
    const target = await options.openStore(`${options.dataDirectory}/store`);
    try {
      await restoreState(store, target, backup, this.backups, (bytes) => this.note('state', bytes, 0));
    } finally {
      await target.close();
    }
  }

  /** Takes the next free timeline. Two restores at once take two. */
  private async claim(history: TimelineHistory, cut: Lsn, reason: string): Promise<TimelineHistory> {
    for (;;) {
      const { historyTimelines, pieces } = await readLogIndex(this.store, this.systemIdentifier);
      const timeline = Math.max(1, history.timeline, ...historyTimelines, pieces.reduce((most, piece) => Math.max(most, piece.timeline), 1)) + 1;
      const branch = branchHistory(history, timeline, cut, reason);
      if (await claimTimeline(this.store, this.systemIdentifier, branch)) return branch;
    }
  }
}

/** What a restore did, in a line. */
export function describeResult(result: RestoreResult): string {
  return `restored backup "${result.backup}" to ${formatLsn(result.lsn)}; timeline ${result.timeline} begins there`;
}
