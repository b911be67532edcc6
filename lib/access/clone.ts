/**
 * Making a data directory out of another node's: installing a state that was cloned or restored, and cutting a former primary's log so
 * that it can follow the new one (PostgreSQL's pg_basebackup and pg_rewind). Both work on directories that nobody has open.
 */
import { pgError } from '../base/error.js';
import type { Lsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import type { KeyValueStore, KvEntry } from '../kv/kv.js';
import { openLevelStore } from '../kv/level.js';
import { CONTROL_FILE, readControl, writeControl } from '../wal/control.js';
import { parseSegmentName, SEGMENT_BYTES, segmentName, segmentOf } from '../wal/format.js';
import { endOfTimeline, parseHistoryFileName, timelineAt, writeHistory, type TimelineHistory } from '../wal/history.js';
import type { StateInfo } from '../wal/shipping.js';
import { decodeRoot } from './directory.js';
import { KEY_SPACE, valueKey } from './format.js';

/** Where a directory is, and how its store is opened (default: LevelDB in it). */
export interface DirectoryOptions {
  readonly env: Env;
  readonly dir: string;
  readonly openStore?: () => Promise<KeyValueStore>;
}

function openStore(options: DirectoryOptions): Promise<KeyValueStore> {
  return (options.openStore ?? (() => openLevelStore(`${options.dir}/store`)))();
}

/** True when a directory may be made into a node's: it is not there, or it is empty, or a clone into it was interrupted. */
export function isVacant({ env, dir }: DirectoryOptions): boolean {
  if (!env.files.exists(dir)) return true;
  const names = env.files.list(dir);
  return names.length === 0 || (names.includes(CLONE_MARK) && !names.includes(CONTROL_FILE));
}

/** Marks a directory as one that a clone is being written to. */
const CLONE_MARK = 'cloning';

/** Gives a node's state and log away, for another clone: what else is in the directory (settings) stays. */
export function vacate({ env, dir }: DirectoryOptions): void {
  env.files.writeFile(`${dir}/${CLONE_MARK}`, Buffer.alloc(0));
  env.files.syncDirectory(dir);
  if (env.files.exists(`${dir}/${CONTROL_FILE}`)) env.files.remove(`${dir}/${CONTROL_FILE}`);
  env.files.syncDirectory(dir);
}

/**
 * Writes a state into a vacant directory as a standby's; the control file comes last, so that an interrupted clone counts as none. The log
 * from the state's redo point on is still to be received. 55006 when the directory is not vacant.
 */
export async function installState(options: DirectoryOptions, info: StateInfo, entries: AsyncIterable<readonly KvEntry[]>): Promise<void> {
  const { env, dir } = options;
  if (!isVacant(options)) throw pgError('OBJECT_IN_USE', `directory "${dir}" exists but is not empty`);
  for (const gone of ['store', 'wal', 'store-id', 'replication-slots']) env.files.removeTree(`${dir}/${gone}`);
  env.files.makeDirectory(`${dir}/wal`);
  env.files.writeFile(`${dir}/${CLONE_MARK}`, Buffer.alloc(0));
  env.files.syncDirectory(dir);
  const store = await openStore(options);
  try {
    // Each batch synced: LevelDB may lose an older log of its own while a later one survives (design, decision 6).
    for await (const batch of entries) await store.batch(batch.map(([key, value]) => ({ type: 'put' as const, key, value })), true);
    const root = store.getSync(valueKey(KEY_SPACE.root, 0, 0, info.checkpointNumber));
    if (root === undefined || decodeRoot(root).lsn !== info.stateLsn) throw pgError('DATA_CORRUPTED', `the state of checkpoint ${info.checkpointNumber} is not complete`);
  } finally {
    await store.close();
  }
  writeHistory(env, `${dir}/wal`, info.history);
  writeControl(env, dir, {
    systemIdentifier: info.systemIdentifier, timeline: info.history.timeline, redoLsn: info.redoLsn, checkpointNumber: info.checkpointNumber,
    endLsn: info.redoLsn, state: 'standby', writtenMicros: env.clock.wallMicros(),
  });
  env.files.remove(`${dir}/${CLONE_MARK}`);
}

/**
 * Makes the directory of a node whose log has left the upstream's at `fork` a standby's again: the log is cut there, and what other
 * timelines than the upstream's left behind goes. False when that cannot be done, since a checkpoint stands behind the fork: then the
 * node must be cloned anew. Nothing is changed in that case.
 */
export async function rewind(options: DirectoryOptions, upstream: TimelineHistory, fork: Lsn): Promise<boolean> {
  const { env, dir } = options;
  const control = readControl(env, dir);
  if (control === null) throw pgError('UNDEFINED_FILE', `data directory "${dir}" has no control file`);
  if (control.checkpointNumber === 0 ? fork < control.redoLsn : fork < (await stateLsn(options, control.checkpointNumber))) return false;
  const shared = timelineAt(upstream, fork);
  // The anchor first: from now on the directory is a standby's that has its log up to the fork, whatever else is still there.
  writeHistory(env, `${dir}/wal`, { timeline: shared, ancestors: upstream.ancestors.filter((ancestor) => ancestor.timeline < shared) });
  writeControl(env, dir, { ...control, timeline: shared, endLsn: control.redoLsn, state: 'standby', writtenMicros: env.clock.wallMicros() });
  cutLog(env, `${dir}/wal`, upstream, shared, fork);
  return true;
}

async function stateLsn(options: DirectoryOptions, checkpointNumber: number): Promise<Lsn> {
  const store = await openStore(options);
  try {
    const root = store.getSync(valueKey(KEY_SPACE.root, 0, 0, checkpointNumber));
    if (root === undefined) throw pgError('DATA_CORRUPTED', `checkpoint ${checkpointNumber} is missing in the store of data directory "${options.dir}"`);
    return decodeRoot(root).lsn;
  } finally {
    await store.close();
  }
}

/** Removes segments behind `end` and of timelines that `history` does not have up to there, and wipes what stands behind `end`. */
function cutLog(env: Env, directory: string, history: TimelineHistory, timeline: number, end: Lsn): void {
  const { files } = env;
  const last = segmentOf(end);
  for (const name of files.list(directory)) {
    const ownTimeline = parseHistoryFileName(name);
    const parsed = parseSegmentName(name);
    const isForeign = (candidate: number): boolean => candidate > timeline || endOfTimeline(history, candidate) === null;
    const gone = ownTimeline !== null ? isForeign(ownTimeline)
      : parsed !== null && (isForeign(parsed.timeline) || parsed.segment > last || (end % SEGMENT_BYTES === 0 && parsed.segment === last));
    if (gone) files.remove(`${directory}/${name}`);
  }
  const path = `${directory}/${segmentName(timeline, last)}`;
  if (files.exists(path)) {
    const file = files.open(path, 'write');
    file.truncateSync(Math.min(file.sizeSync(), end % SEGMENT_BYTES));
    file.datasyncSync();
    file.closeSync();
  }
  files.syncDirectory(directory);
}
