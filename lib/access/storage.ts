/**
 * Opens a data directory (or `memory://`), as a primary's or a standby's: takes its lock, reads the control file and the root, replays the log, and hands
 * out the engine. Entry point of this folder.
 *
 * A data directory: `control` (lib/wal/control), `wal/` (lib/wal), `store/` (lib/kv), `store-id`, `pglitedb.pid` (the lock).
 */
import { pgError } from '../base/error.js';
import { formatLsn, INVALID_LSN, lsn, type Lsn } from '../base/lsn.js';
import { writeFileDurably, type Env } from '../env/env.js';
import { realEnv } from '../env/real.js';
import type { KeyValueStore } from '../kv/kv.js';
import { openLevelStore } from '../kv/level.js';
import { readControl, STORE_ID_FILE, writeControl, type ControlData } from '../wal/control.js';
import { EMPTY_LOG, SEGMENT_BYTES, segmentName, segmentOf, type LogPosition } from '../wal/format.js';
import { FIRST_HISTORY, readHistory } from '../wal/history.js';
import { LogReader } from '../wal/reader.js';
import { LogWriter } from '../wal/writer.js';
import type { StorageEngine } from './api.js';
import { clearFile, deleteLeftovers } from './checkpoint.js';
import { decodeRoot, type Root, type RootFile } from './directory.js';
import type { StorageSettings } from './engine-parts.js';
import { EngineStorage } from './engine.js';
import { MemoryLog, ReplayedLog } from './engine-log.js';
import { KEY_SPACE, spaceRange, valueKey } from './format.js';
import { GatheredRows } from './gathered-rows.js';
import { LogFeed } from './log-feed.js';
import { Replayer } from './replay.js';
import { Standby, type StandbySettings } from './standby.js';

export type { StorageSettings } from './engine-parts.js';

const DEFAULT_SETTINGS: StorageSettings = {
  sharedBuffers: 128 << 20, checkpointTimeoutMs: 300_000, maxWalSize: 1 << 30, walKeepSize: 0, foldRows: 256, synchronousCommit: 'on',
};

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
  if (options.dir === 'memory://') return openInMemory(options);
  return openDirectory(options, openOnDisk);
}

/** Takes the directory's lock, reads its control file (or makes a new one), opens the store, and goes on with `open`. */
async function openDirectory<T>(options: OpenOptions, open: (opening: Opening) => Promise<T>): Promise<T> {
  const { dir } = options;
  const { env, settings, fatal } = surroundings(options);
  env.files.makeDirectory(dir);
  const lock = env.files.lock(`${dir}/pglitedb.pid`);
  try {
    env.files.makeDirectory(`${dir}/wal`);
    const control = readControl(env, dir) ?? initialize(env, dir);
    const store = await (options.openStore ?? (() => openLevelStore(`${dir}/store`)))();
    try {
      return await open({ env, dir, settings, fatal, control, store, release: () => lock.release() });
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What the options leave to defaults. */
function surroundings(options: OpenOptions): Pick<Opening, 'env' | 'settings' | 'fatal'> {
  const env = options.env ?? realEnv();
  const fatal = options.fatal ?? ((error: Error): void => env.timers.soon(() => {
    throw error;
  }));
  return { env, settings: { ...DEFAULT_SETTINGS, ...options.settings }, fatal };
}

function openInMemory(options: OpenOptions): EngineStorage {
  const { env, settings, fatal } = surroundings(options);
  const log = new MemoryLog();
  const engine = new EngineStorage({
    env, settings, systemIdentifier: newSystemIdentifier(env), history: FIRST_HISTORY, storeId: '', store: null, log, checkpointNumber: 0, redoLsn: EMPTY_LOG.endLsn,
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

/** An engine that has replayed the log that was there, and what it takes to go on. */
interface Recovered {
  readonly engine: EngineStorage;
  readonly root: Root;
  readonly replayer: Replayer;
  readonly replayed: ReplayedLog;
}

async function recoverEngine(opening: Opening): Promise<Recovered> {
  const { env, dir, settings, control, store, fatal } = opening;
  const history = readHistory(env, `${dir}/wal`, control.timeline);
  const root = await readRoot(opening);
  const replayed = new ReplayedLog(root.log);
  const { systemIdentifier } = control;
  const engine = new EngineStorage({
    env, settings, systemIdentifier, history, storeId: storeId(env, dir), store, log: replayed, checkpointNumber: control.checkpointNumber,
    redoLsn: control.redoLsn, root, fatal,
    writeControl: (written) => writeControl(env, dir, { ...written, systemIdentifier, writtenMicros: env.clock.wallMicros() }),
    closed: opening.release,
  });
  const replayer = new Replayer(engine, root.lsn, new Set(root.inProgress));
  return { engine, root, replayer, replayed };
}

/** A log writer at the end of what was replayed, and the engine's log for others. */
function attachLog({ engine }: Recovered, opening: Opening, position: LogPosition, { nothingBehind, durableLsn }: Replay, follow: boolean): LogWriter {
  const { env, dir, settings, control } = opening;
  const { systemIdentifier, timeline } = control;
  const directory = `${dir}/wal`;
  const log = new LogWriter(env, directory, {
    systemIdentifier, timeline, position, follow, nothingBehind, durableLsn, siblings: engine.writing,
    fatal: (error) => engine.fail(error),
  });
  const history = readHistory(env, directory, timeline);
  engine.feed = new LogFeed(directory, systemIdentifier, log, history, settings.walKeepSize, engine);
  return log;
}

async function openOnDisk(opening: Opening): Promise<EngineStorage> {
  if (opening.control.state === 'standby') {
    throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', `data directory "${opening.dir}" is a standby's`, {
      severity: 'FATAL', hint: 'Run it as a replica, and promote that if it is to be the primary.',
    });
  }
  const recovered = await recoverEngine(opening);
  const { engine, replayer, replayed } = recovered;
  const replay = await recover(recovered, opening);
  if (replayed.position.endLsn < opening.control.endLsn) throw shortLog(opening, replayed.position.endLsn);
  const unfinished = replayer.abortUnfinished();
  engine.startWriting(attachLog(recovered, opening, replayed.position, replay, false));
  // Before anything is appended: from now on the log may end torn.
  engine.rewriteControl();
  engine.logAborts(unfinished);
  engine.applyBehind(replay.gathered);
  return engine;
}

/** The store's own name, made with it. */
function storeId(env: Env, dir: string): string {
  const path = `${dir}/${STORE_ID_FILE}`;
  if (env.files.exists(path)) return Buffer.from(env.files.readFile(path)).toString('latin1').trim();
  const id = Buffer.from(env.random.bytes(8)).toString('hex');
  writeFileDurably(env.files, path, Buffer.from(`${id}\n`));
  return id;
}

function shortLog({ dir, control }: Opening, end: Lsn): Error {
  return pgError('DATA_CORRUPTED', `the log in "${dir}/wal" ends at ${formatLsn(end)}`, {
    severity: 'FATAL', detail: `It was durable to ${formatLsn(control.endLsn)} when the control file was written.`,
  });
}

/**
 * Opens a data directory as a standby's, to be fed by its upstream: one that a clone was written to (`installState`), one that was a standby
 * before, or that of a former primary whose log is a prefix of the upstream's. Rejects as `openStorage` does.
 */
export async function openStandby(options: OpenOptions & { readonly standby: StandbySettings }): Promise<Standby> {
  return openDirectory(options, async (opening) => {
    const { env, control } = opening;
    const recovered = await recoverEngine(opening);
    const { engine, replayer, replayed, root } = recovered;
    const replay = await recover(recovered, opening);
    const { reached, gathered } = replay;
    // Nothing was there: the log is received from the start of the segment that replay begins in.
    const position = reached ?? { endLsn: lsn(control.redoLsn - (control.redoLsn % SEGMENT_BYTES)), lastRecordLsn: INVALID_LSN, lastCrc: 0 };
    if (reached !== null && reached.endLsn < control.endLsn) throw shortLog(opening, reached.endLsn);
    const writer = attachLog(recovered, opening, position, replay, true);
    engine.rewriteControl();
    const standby = new Standby({
      env, engine, replayer, log: replayed, writer, feed: engine.feed as LogFeed, settings: options.standby, stateLsn: root.lsn,
      applyFrom: reached?.endLsn ?? control.redoLsn,
    });
    engine.startFollowing(standby);
    engine.applyBehind(gathered);
    return standby;
  });
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

/** What replay at the start came to. */
interface Replay {
  /** Where the log ends; null when there is no record. */
  readonly reached: LogPosition | null;
  /** Rows that await being asked for; null: there was nothing to be gathered. */
  readonly gathered: GatheredRows | null;
  /** For who goes on with the log (`LogWriterOptions`). */
  readonly nothingBehind: boolean;
  readonly durableLsn: Lsn | undefined;
}

/** Replays the log from the redo point. */
async function recover({ engine, root, replayer, replayed }: Recovered, opening: Opening): Promise<Replay> {
  const { env, dir, control } = opening;
  const isClean = control.state === 'clean';
  const nothing = { reached: null, nothingBehind: isClean, durableLsn: isClean ? undefined : control.endLsn };
  if (!mayHaveRecords(opening)) return { ...nothing, gathered: null };
  const reader = new LogReader(env, `${dir}/wal`, {
    systemIdentifier: control.systemIdentifier, timeline: control.timeline, start: control.redoLsn, isCopy: control.state === 'standby',
    isClosed: isClean, reusesMemory: true,
  });
  const gathered = new GatheredRows(engine);
  try {
    for (let record = reader.next(); record !== null; record = reader.next()) {
      replayer.apply(record, gathered);
      if (record.endLsn > root.lsn) replayed.reached(reader);
      engine.consistent = record.endLsn >= root.lsn;
      gathered.applyFilled();
      if (gathered.isFull) await applyAll(gathered, engine);
      if (replayer.records % REPLAY_SLICE === 0 && engine.memoryPressure() !== null) await engine.relief.start();
    }
    if (reader.lastRecordLsn === INVALID_LSN) return { ...nothing, gathered };
    if (reader.endLsn >= root.lsn) replayed.reached(reader);
    const durableLsn = isClean ? undefined : lsn(Math.max(control.endLsn, reader.statedDurableLsn));
    return { reached: reader.position, gathered, nothingBehind: isClean || reader.isBlankBehind, durableLsn };
  } finally {
    reader.close();
  }
}

/** Makes room for rows that are to be gathered. */
async function applyAll(gathered: GatheredRows, engine: EngineStorage): Promise<void> {
  for (const chunk of gathered.awaiting()) {
    gathered.apply(chunk);
    if (engine.memoryPressure() !== null) await engine.relief.start();
  }
}

/**
 * False where there is surely nothing to replay: a fresh directory, a redo point before a segment that was never begun, a clone that has
 * received nothing yet.
 */
function mayHaveRecords({ env, dir, control }: Opening): boolean {
  const isFresh = control.checkpointNumber === 0 || control.redoLsn % SEGMENT_BYTES === 0 || control.state === 'standby';
  if (!isFresh) return true;
  for (let timeline = control.timeline; timeline > 0; timeline--) {
    if (env.files.exists(`${dir}/wal/${segmentName(timeline, segmentOf(control.redoLsn))}`)) return true;
  }
  return false;
}
