/**
 * What the engine is made of: settings, and what `storage.ts` opens for it.
 */
import type { Lsn } from '../base/lsn.js';
import type { Env } from '../env/env.js';
import type { KeyValueStore } from '../kv/kv.js';
import type { ControlData } from '../wal/control.js';
import type { TimelineHistory } from '../wal/history.js';
import type { ConfirmMode } from '../wal/shipping.js';
import type { Root } from './directory.js';
import type { EngineLog } from './engine-log.js';

/** Settings of the storage engine. */
export interface StorageSettings {
  /** shared_buffers: memory for resident data, in bytes. Default 128 MiB. */
  sharedBuffers: number;
  /** checkpoint_timeout: longest time between checkpoints, in milliseconds. Default 5 min. */
  checkpointTimeoutMs: number;
  /** max_wal_size in bytes: a checkpoint is due when the log has grown to half of this, or to what a second replays. Default 1 GiB. */
  maxWalSize: number;
  /** wal_keep_size in bytes: so much of the log stays in any case. Default 0. */
  walKeepSize: number;
  /** A chunk with so many changed rows is worth packing anew, however large it is (`HeapFile.tryFold`). Default 256; tests fold sooner. */
  foldRows: number;
  /** The server's synchronous_commit, without 'off': what new snapshots wait for. Default 'on'. */
  synchronousCommit: ConfirmMode;
}

/** What the engine stands on. */
export interface EngineParts {
  readonly env: Env;
  readonly settings: StorageSettings;
  readonly systemIdentifier: bigint;
  readonly history: TimelineHistory;
  /** See `StateInfo`. */
  readonly storeId: string;
  /** Null: memory only. */
  readonly store: KeyValueStore | null;
  readonly log: EngineLog;
  /** Number of the checkpoint that the state stands on. */
  readonly checkpointNumber: number;
  readonly redoLsn: Lsn;
  readonly root: Root;
  /** Writes the control file; the log is durable to `endLsn`. */
  writeControl(control: Pick<ControlData, 'timeline' | 'checkpointNumber' | 'redoLsn' | 'endLsn' | 'state'>): void;
  fatal(error: Error): void;
  /** Everything is closed. */
  closed(): void;
}
