/**
 * What shipping, archiving, backing up and standing by need of a storage engine, and what the engine needs of them. The
 * engine (`lib/access`) implements the first four, `replica/` the last; neither knows the other, `server/` joins them.
 *
 * A node's log is a stream of bytes; a standby's is a copy of its upstream's, byte for byte. Three positions matter on a standby: written
 * (handed to the operating system), flushed (on stable storage), applied (visible to its queries). What is applied may be ahead of what
 * is flushed: upstream it is durable.
 */
import type { Lsn } from '../base/lsn.js';
import type { KvEntry } from '../kv/kv.js';
import type { LogPosition } from './format.js';
import type { TimelineHistory } from './history.js';

/** Keeps log segments from being removed. */
export interface LogHold {
  /** What stands before this position is not needed any more. Never goes back. */
  advance(position: Lsn): void;
  release(): void;
}

/** A node's log as a source to ship or archive from. */
export interface LogSource {
  /** Directory of segments and history files. */
  readonly logDirectory: string;
  readonly systemIdentifier: bigint;
  /** Of the current timeline. Changes at a promotion, and when a standby follows one. */
  readonly history: TimelineHistory;
  /** Everything below is on stable storage here: what may be shipped. */
  readonly durableLsn: Lsn;
  /** End of the log with its running checksum, as far as it is durable. */
  readonly durablePosition: LogPosition;
  /** Somebody waits for standbys to have everything below; nobody for what is behind it. */
  readonly awaitedLsn: Lsn;
  /** The same of those who wait for it to be written there, flushed or not. */
  readonly writeAwaitedLsn: Lsn;
  /**
   * Calls back whenever `durableLsn` has advanced or `history` has changed; returns what ends it. `ships`: the log is shipped on, so that a
   * standby does not let it rest before it is flushed.
   */
  watchLog(listener: () => void, ships?: boolean): () => void;
  /** Keeps segments from `position` on. */
  holdLog(name: string, position: Lsn): LogHold;
  /** First LSN that is still on disk. */
  oldestLsn(): Lsn;
}

/** What a clone or a backup starts from. */
export interface StateInfo {
  readonly systemIdentifier: bigint;
  readonly history: TimelineHistory;
  /** Whose store it is: values of two stores with the same number may differ. 16 hexadecimal digits. */
  readonly storeId: string;
  /** The state is that of this checkpoint: every value's key ends in the number of the checkpoint that wrote it. */
  readonly checkpointNumber: number;
  /** The state is that of this LSN exactly. */
  readonly stateLsn: Lsn;
  /** Replay starts here. */
  readonly redoLsn: Lsn;
}

/** A state that somebody has already: of this store, as this checkpoint left it. */
export type KnownState = Pick<StateInfo, 'storeId' | 'checkpointNumber'>;

/** A state at rest, held for reading while the engine goes on. */
export interface StateSnapshot {
  readonly info: StateInfo;
  /** Roughly how many bytes `entries` will give. */
  readonly approximateBytes: number;
  /**
   * Everything that belongs to the state, in key order, in batches of about a megabyte; `since`: only what checkpoints after that
   * number wrote. Values are without their stored checksum, which was verified.
   */
  entries(since?: number): AsyncIterableIterator<readonly KvEntry[]>;
  /** Every key that belongs to the state, in order, in batches: beside `entries(since)`, with the same `since`. */
  keys(since: number): AsyncIterableIterator<readonly Uint8Array[]>;
  /** Lets go of it. The log from `redoLsn` on was kept until now. */
  close(): Promise<void>;
}

/** A node that can be cloned. */
export interface StateSource {
  /** Writes a checkpoint and holds its state. */
  takeState(): Promise<StateSnapshot>;
}

/** Where a standby's log and its queries stand. */
export interface StandbyProgress {
  readonly writtenLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly appliedLsn: Lsn;
}

/** A standby, as its receiver sees it. */
export interface LogSink extends StandbyProgress {
  /** Where the received log ends: what to ask the upstream for. `lastRecordLsn` 0: only a segment's start is known. */
  readonly receivedPosition: LogPosition;
  /**
   * Takes bytes of the stream that follow what was received, in any cut. Whole records are verified (checksum, own LSN, link to the
   * predecessor), written, flushed and applied in the background. `isAwaited`: somebody waits for them to be flushed; else they may rest for
   * some milliseconds. XX001 for bytes that do not fit: nothing of the record is written.
   */
  receive(bytes: Uint8Array, isAwaited: boolean): void;
  /** The connection was lost: forgets a record that was received in part; what is whole is flushed. */
  streamEnded(): void;
  /** The upstream's log goes on in another timeline, whose history contains ours up to what was received. Durable when it resolves. */
  followTimeline(history: TimelineHistory): Promise<void>;
  /** Calls back whenever one of the positions has advanced; returns what ends it. */
  watchProgress(listener: () => void): () => void;
  /** Received bytes that are not applied yet, for flow control. */
  readonly pendingBytes: number;
}

/** When a commit counts as safe, weakest first (synchronous_commit, without `off`). */
export const CONFIRM_MODES = ['local', 'remote_write', 'on', 'remote_apply'] as const;
export type ConfirmMode = (typeof CONFIRM_MODES)[number];

/** What must have happened elsewhere before a commit is acknowledged: synchronous standbys, and the lease of a primary. */
export interface Confirmation {
  /** Up to where the required standbys have confirmed in this mode; MAX_LSN when none is required. Never goes back. */
  confirmedLsn(mode: ConfirmMode): Lsn;
  /** False: nothing may be acknowledged at this moment (the lease is not known to hold). */
  mayAcknowledge(): boolean;
  /** Set by the engine: to be called when either of these has changed. */
  onChange: (() => void) | null;
}
