/**
 * Opens a data directory (or `memory://`): takes its lock, reads the control file and the root, replays the log, and hands
 * out the engine. Entry point of this folder.
 *
 * A data directory: `control` (lib/wal/control), `wal/` (lib/wal), `store/` (lib/kv), `pglitedb.pid` (the lock).
 */
import { pgError } from '../base/error.js';
import { formatLsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import { realEnv } from '../env/real.js';
import type { KeyValueStore } from '../kv/kv.js';
import { openLevelStore } from '../kv/level.js';
import { readControl, writeControl, type ControlData } from '../wal/control.js';
import { EMPTY_LOG, SEGMENT_BYTES, segmentName, segmentOf } from '../wal/format.js';
import { LogReader } from '../wal/reader.js';
import { LogWriter } from '../wal/writer.js';
import type { StorageEngine } from './api.js';
import { clearFile, deleteLeftovers } from './checkpoint.js';
import { decodeRoot, type Root, type RootFile } from './directory.js';
import { EngineStorage, type EngineParts, type StorageSettings } from './engine.js';
import { MemoryLog, ReplayedLog } from './engine-log.js';
import { KEY_SPACE, spaceRange, valueKey } from './format.js';
import { Replayer } from './replay.js';

export type { StorageSettings } from './engine.js';

const DEFAULT_SETTINGS: StorageSettings = { sharedBuffers: 128 << 20, checkpointTimeoutMs: 300_000, maxWalSize: 1 << 30 };

/** How to open a data directory. */
export interface OpenOptions {
  /** Data directory (made when missing), or `memory://`. */
  dir: string;
  env?: Env;
  settings?: Partial<StorageSettings>;
  /**
   * Called once when the log or the store cannot be written: must end the process. Default: an uncaught exception. After it
   * nothing is acknowledged.
   */
  fatal?: (error: Error) => void;
  /** Opens the store; default: LevelDB in `dir`/store. For simulations. */
  openStore?: () => Promise<KeyValueStore>;
}

/** First OID that is given to users' objects (FirstNormalObjectId). */
const FIRST_OID = 16_384;
/** First transaction id (FirstNormalTransactionId). */
const FIRST_XID = 3;
/** Records replayed between two looks at memory. */
const REPLAY_SLICE = 256;

const EMPTY_ROOT: Root = {
  lsn: EMPTY_LOG.endLsn, log: EMPTY_LOG, inProgress: [], nextXid: FIRST_XID, nextFile: 1, nextOid: FIRST_OID, files: [], meta: [],
};

/**
 * Opens a data directory, or an empty engine in memory. Rejects with F0001 when another process has the directory, 22023 for
 * another format version, XX001 for damage, or the environment's error.
 */
export async function openStorage(options: OpenOptions): Promise<StorageEngine> {
  const env = options.env ?? realEnv();
  const settings: StorageSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const fatal = options.fatal ?? ((error: Error): void => env.timers.soon(() => {
    throw error;
  }));
  if (options.dir === 'memory://') return openInMemory(env, settings, fatal);
  const { dir } = options;
  env.files.makeDirectory(dir);
  const lock = env.files.lock(`${dir}/pglitedb.pid`);
  try {
    env.files.makeDirectory(`${dir}/wal`);
    const control = readControl(env, dir) ?? initialize(env, dir);
    const store = await (options.openStore ?? (() => openLevelStore(`${dir}/store`)))();
    try {
      return await openOnDisk({ env, dir, settings, fatal, control, store, release: () => lock.release() });
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openInMemory(env: Env, settings: StorageSettings, fatal: (error: Error) => void): EngineStorage {
  const log = new MemoryLog();
  const engine = new EngineStorage({
    env, settings, systemIdentifier: newSystemIdentifier(env), timeline: 1, store: null, log, checkpointNumber: 0, redoLsn: EMPTY_LOG.endLsn,
    root: EMPTY_ROOT, fatal,
    writeControl: () => undefined,
    closed: () => undefined,
  });
  engine.startWriting(log);
  return engine;
}

function newSystemIdentifier(env: Env): bigint {
  return Buffer.from(env.random.bytes(8)).readBigUInt64LE() >> 1n;
}

/** A new directory gets its identity. */
function initialize(env: Env, dir: string): ControlData {
  if (env.files.list(`${dir}/wal`).length > 0) {
    throw pgError('DATA_CORRUPTED', `data directory "${dir}" has a log but no control file`, { severity: 'FATAL' });
  }
  const control: ControlData = {
    systemIdentifier: newSystemIdentifier(env), timeline: 1, redoLsn: EMPTY_LOG.endLsn, checkpointNumber: 0, endLsn: EMPTY_LOG.endLsn,
    state: 'clean', writtenMicros: env.clock.wallMicros(),
  };
  writeControl(env, dir, control);
  return control;
}

/** What opening needs to know. */
interface Opening {
  readonly env: Env;
  readonly dir: string;
  readonly settings: StorageSettings;
  readonly fatal: (error: Error) => void;
  readonly control: ControlData;
  readonly store: KeyValueStore;
  readonly release: () => void;
}

async function openOnDisk(opening: Opening): Promise<EngineStorage> {
  const { env, dir, settings, control, store, fatal } = opening;
  const identity = { systemIdentifier: control.systemIdentifier, timeline: control.timeline };
  const root = await readRoot(opening);
  const replayed = new ReplayedLog(root.log);
  const parts: EngineParts = {
    env, settings, ...identity, store, log: replayed, checkpointNumber: control.checkpointNumber,
    redoLsn: control.redoLsn, root, fatal,
    writeControl: (checkpointNumber, redoLsn, clean) => writeControl(env, dir, {
      ...identity, redoLsn, checkpointNumber, endLsn: engine.log.flushedLsn, state: clean ? 'clean' : 'in production', writtenMicros: env.clock.wallMicros(),
    }),
    closed: opening.release,
  };
  const engine = new EngineStorage(parts);
  const unfinished = await recover(engine, opening, root, replayed);
  const log = new LogWriter(env, `${dir}/wal`, { ...identity, position: replayed.position, fatal: (error) => engine.fail(error) });
  engine.startWriting(log);
  engine.logAborts(unfinished);
  engine.markInProduction();
  return engine;
}

/** The root, with what a crash leaves of files that are not logged: nothing. */
async function readRoot(opening: Opening): Promise<Root> {
  const { control, store } = opening;
  await store.clear(spaceRange(KEY_SPACE.swap));
  await deleteLeftovers(store, control.checkpointNumber);
  if (control.checkpointNumber === 0) return EMPTY_ROOT;
  const value = store.getSync(valueKey(KEY_SPACE.root, 0, 0, control.checkpointNumber));
  if (value === undefined) {
    throw pgError('DATA_CORRUPTED', `checkpoint ${control.checkpointNumber} is missing in the store of data directory "${opening.dir}"`, { severity: 'FATAL' });
  }
  const root = decodeRoot(value);
  const files: RootFile[] = [];
  for (const file of root.files) {
    const kept = file.persistence === 'permanent' || (file.persistence === 'unlogged' && control.state === 'clean');
    if (!kept && file.directory !== 0) await clearFile(store, file.file);
    files.push(kept ? file : { ...file, directory: 0, sequence: null });
  }
  return { ...root, files };
}

/** Replays the log from the redo point; returns the transactions that it leaves unfinished. */
async function recover(engine: EngineStorage, opening: Opening, root: Root, replayed: ReplayedLog): Promise<number[]> {
  const { env, dir, control } = opening;
  if (!mayHaveRecords(opening)) return [];
  const reader = new LogReader(env, `${dir}/wal`, {
    systemIdentifier: control.systemIdentifier, timeline: control.timeline, start: control.redoLsn,
  });
  const replayer = new Replayer(engine, root.lsn, new Set(root.inProgress));
  try {
    for (let record = reader.next(); record !== null; record = reader.next()) {
      replayer.apply(record);
      if (record.endLsn > root.lsn) replayed.position = reader.position;
      if (replayer.records % REPLAY_SLICE === 0 && engine.memoryPressure() !== null) await engine.relief.start();
    }
    if (reader.position.lastRecordLsn > 0) replayed.position = reader.position;
  } finally {
    reader.close();
  }
  if (replayed.position.endLsn < control.endLsn) {
    throw pgError('DATA_CORRUPTED', `the log in "${dir}/wal" ends at ${formatLsn(replayed.position.endLsn)}`, {
      severity: 'FATAL', detail: `It was durable to ${formatLsn(control.endLsn)} when the control file was written.`,
    });
  }
  return replayer.abortUnfinished();
}

/** False where there is surely nothing to replay: a fresh directory, or a redo point before a segment that was never begun. */
function mayHaveRecords({ env, dir, control }: Opening): boolean {
  const atStart = control.checkpointNumber === 0 || control.redoLsn % SEGMENT_BYTES === 0;
  return !atStart || env.files.exists(`${dir}/wal/${segmentName(control.timeline, segmentOf(control.redoLsn))}`);
}
