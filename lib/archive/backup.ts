/**
 * Backups: a state at rest, full or what changed since a parent, as compressed chunks and a manifest. In order: the label is taken,
 * chunks are put, the manifest is put; whatever ends it before that leaves no backup.
 *
 * An incremental backup has the entries that checkpoints after the parent's wrote, and every key of its state: a restore takes the values
 * that are not its own from the parents. That is sound because a key ends in the number of the checkpoint that wrote it and is
 * never written again, as long as both are of one store (`storeId`) and one history.
 */
import { formatLsn, type Lsn } from '../base/lsn.js';
import { pgError } from '../base/error.js';
import type { Env } from '../env/env.js';
import { forkPoint } from '../wal/history.js';
import type { StateInfo, StateSnapshot } from '../wal/shipping.js';
import { ChunkWriter } from './chunks.js';
import { Coverage, spanAt, type LogRange } from './coverage.js';
import { BEGUN_NAME, backupPrefix, checkLabel, MANIFEST_NAME } from './format.js';
import { archiveHistory, readLogIndex } from './log-index.js';
import { encodeBegun, encodeManifest, logStartOf, readBackup, stopLsnOf, type Backup } from './manifest.js';
import { archivePiece, pieceEnd, readLog, type LogFiles } from './piece.js';
import type { Progress } from './progress.js';
import { RecordWalk } from './records.js';
import type { ObjectStore } from './store.js';

/** How to back up. */
export interface BackupOptions {
  readonly env: Env;
  /** Default: the time, `20260131T235959Z`. */
  readonly label?: string;
  /** Most bytes of state a second, before compression; default: as fast as it goes. */
  readonly bytesPerSecond?: number;
  /** Label of a backup to continue: an incremental one. */
  readonly parent?: string;
  readonly progress?: Progress;
}

/**
 * Writes a backup of a state and returns it. The caller closes the snapshot, and sees to it that the archive gets the log
 * (`ensureLog`, or the node's archiver). 42710 when the label is taken, 55000 when the parent is of another store or history.
 */
export async function writeBackup(store: ObjectStore, snapshot: StateSnapshot, options: BackupOptions): Promise<Backup> {
  const { env } = options;
  const { info } = snapshot;
  const startedMicros = env.clock.wallMicros();
  const label = options.label ?? new Date(startedMicros / 1000).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  checkLabel(label);
  const parent = options.parent === undefined ? null : await readBackup(store, info.systemIdentifier, options.parent);
  if (parent !== null) checkParent(parent, info);
  const prefix = backupPrefix(info.systemIdentifier, label);
  if (!await store.putIfAbsent(`${prefix}${BEGUN_NAME}`, encodeBegun({ startedMicros, logStart: logStartOf(info) }))) {
    throw pgError('DUPLICATE_OBJECT', `backup "${label}" already exists in archive "${store.name}"`, {
      detail: await store.exists(`${prefix}${MANIFEST_NAME}`) ? undefined : 'It is being written, or was interrupted.',
    });
  }
  const pace = new Pace(env, options.bytesPerSecond ?? 0);
  const entries = new ChunkWriter(store, { systemIdentifier: info.systemIdentifier, label, kind: 'entries' });
  let done = 0;
  for await (const batch of snapshot.entries(parent?.info.checkpointNumber)) {
    for (const [key, value] of batch) {
      done += key.length + value.length;
      if (entries.add(key, value)) await entries.flush();
    }
    options.progress?.({ what: 'state', doneBytes: done, totalBytes: Math.max(snapshot.approximateBytes, done) });
    await pace.keep(done);
  }
  await entries.flush();
  const keys = new ChunkWriter(store, { systemIdentifier: info.systemIdentifier, label, kind: 'keys' });
  if (parent !== null) {
    for await (const batch of snapshot.keys(parent.info.checkpointNumber)) for (const key of batch) if (keys.add(key, null)) await keys.flush();
    await keys.flush();
  }
  const backup: Backup = {
    label, kind: parent === null ? 'full' : 'incremental', parent: parent?.label ?? null, info, startedMicros, finishedMicros: env.clock.wallMicros(),
    entries: entries.chunks, keys: keys.chunks,
  };
  await archiveHistory(store, info.systemIdentifier, info.history);
  await store.put(`${prefix}${MANIFEST_NAME}`, await encodeManifest(backup));
  options.progress?.({ what: 'state', doneBytes: done, totalBytes: done });
  return backup;
}

/** 55000 unless a state continues a backup. */
function checkParent(parent: Backup, info: StateInfo): void {
  const hint = 'Take a full backup.';
  if (parent.info.storeId !== info.storeId) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `backup "${parent.label}" is of another node's store`, { hint });
  }
  if (forkPoint(parent.info.history, info.history) < parent.info.stateLsn || parent.info.checkpointNumber > info.checkpointNumber) {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `backup "${parent.label}" is not part of the history of timeline ${info.history.timeline}`, {
      detail: `It stands at ${formatLsn(parent.info.stateLsn)} in timeline ${parent.info.history.timeline}.`, hint,
    });
  }
}

/** Keeps to a rate by waiting. */
class Pace {
  private readonly startedMs: number;

  constructor(private readonly env: Env, private readonly bytesPerSecond: number) {
    this.startedMs = env.clock.monotonicMs();
  }

  async keep(done: number): Promise<void> {
    if (this.bytesPerSecond === 0) return;
    const aheadMs = (done / this.bytesPerSecond) * 1000 - (this.env.clock.monotonicMs() - this.startedMs);
    if (aheadMs > 1) await new Promise<void>((resolve) => this.env.timers.after(aheadMs, resolve));
  }
}

/** Reads the bytes [from, to) of the log, which lie within one segment and one timeline. */
export type ReadLog = (range: LogRange) => Promise<Buffer>;

/** Reads a log from its files. */
export function logFromFiles(env: Env, files: LogFiles): ReadLog {
  return (range) => readLog(env, files, range);
}

/**
 * Sees to it that the archive has the log that a backup needs to be consistent, by putting what is missing; returns the bytes put.
 * Needed where no archiver does it, or does it later.
 */
export async function ensureLog(store: ObjectStore, env: Env, info: StateInfo, read: ReadLog, progress?: Progress): Promise<number> {
  const { systemIdentifier, history } = info;
  await archiveHistory(store, systemIdentifier, history);
  const coverage = Coverage.of(history, (await readLogIndex(store, systemIdentifier)).pieces);
  const holes = coverage.holes({ from: logStartOf(info), to: stopLsnOf(info) });
  const totalBytes = holes.reduce((sum, hole) => sum + hole.to - hole.from, 0);
  let doneBytes = 0;
  for (const hole of holes) {
    const walk = new RecordWalk(systemIdentifier);
    for (let from: Lsn = hole.from; from < hole.to;) {
      const to = pieceEnd(history, { from, to: hole.to });
      await archivePiece(env, store, { systemIdentifier, timeline: spanAt(history, from).timeline, start: from }, await read({ from, to }), walk);
      doneBytes += to - from;
      from = to;
      progress?.({ what: 'log', doneBytes, totalBytes });
    }
  }
  return doneBytes;
}
