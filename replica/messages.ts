/**
 * What nodes say to each other, one message a frame. `frames.ts` puts them into bytes.
 */
import type { Lsn } from '../lib/base/lsn.js';
import type { LogPosition } from '../lib/wal/format.js';
import type { TimelineHistory } from '../lib/wal/history.js';
import type { KnownState, StateInfo } from '../lib/wal/shipping.js';
import type { Awaited, NodeRole, Wants } from './format.js';

/** An error as it is told to the other side. */
export interface RemoteError {
  readonly sqlstate: string;
  readonly message: string;
  /** '' for none. */
  readonly detail: string;
  readonly hint: string;
}

/** Says who we are, and begins SCRAM-SHA-256. Client's first frame. */
export interface Start {
  readonly type: 'start';
  readonly version: number;
  /** 0 for who has none: a clone to be, a command. */
  readonly systemIdentifier: bigint;
  readonly role: string;
  /** client-first-message; '' when there is no password to offer. */
  readonly clientFirst: string;
}

/** server-first-message. */
export interface ServerFirst {
  readonly type: 'serverFirst';
  readonly text: string;
}

/** client-final-message. */
export interface ClientFinal {
  readonly type: 'clientFinal';
  readonly text: string;
}

/** The client is let in. */
export interface Authenticated {
  readonly type: 'authenticated';
  /** server-final-message; '' when no password was asked for. */
  readonly serverFinal: string;
  readonly role: NodeRole;
  readonly systemIdentifier: bigint;
  readonly durableLsn: Lsn;
}

/** What a standby has, and what it wants. */
export interface Handshake {
  readonly type: 'handshake';
  readonly nodeName: string;
  /** What it counts as in synchronous_standby_names. */
  readonly applicationName: string;
  /** '' for none. */
  readonly slot: string;
  readonly wants: Wants;
  /** 0 where there is nothing yet (a clone). */
  readonly systemIdentifier: bigint;
  readonly history: TimelineHistory;
  /** End of its log with the running checksum; `lastRecordLsn` 0: only a segment's start is known. */
  readonly received: LogPosition;
  /** What its state has of the log: more than it received where it holds a checkpoint without the log before it. */
  readonly appliedLsn: Lsn;
}

/** The stream goes on at `startLsn`, where the standby's log ends; timelines follow in `timelineChange`s. */
export interface Resume {
  readonly type: 'resume';
  readonly startLsn: Lsn;
  readonly history: TimelineHistory;
}

/** The standby's log is not a prefix of ours. */
export interface Diverged {
  readonly type: 'diverged';
  /** Up to where it is; 0: not known, since the same timeline has other bytes. */
  readonly forkLsn: Lsn;
  readonly history: TimelineHistory;
}

/** What the standby needs is neither on disk nor in an archive. */
export interface LogRemoved {
  readonly type: 'logRemoved';
  readonly oldestLsn: Lsn;
  readonly text: string;
}

/** Log, in any cut. */
export interface LogData {
  readonly type: 'log';
  readonly startLsn: Lsn;
  /** End of what is durable at the sender. */
  readonly durableLsn: Lsn;
  readonly wallMicros: number;
  /** What a commit waits for: that this is written at the standby, or flushed; nothing with a peer that knows no `AWAITED_VERSION`. */
  readonly awaited: Awaited;
  readonly bytes: Buffer;
}

/** How far the sender may go: an LSN for the log, a count of bytes for a clone. Never goes back. */
export interface Credit {
  readonly type: 'credit';
  readonly limit: number;
}

/** Where a standby stands. */
export interface Report {
  readonly type: 'report';
  readonly writtenLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly appliedLsn: Lsn;
  readonly wallMicros: number;
  /** Commit time of the last transaction applied; 0 for none. */
  readonly commitMicros: number;
  /** recovery_min_apply_delay. */
  readonly applyDelayMs: number;
  readonly paused: boolean;
}

/** A sign of life. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  /** The speaker's monotonic clock, in microseconds. */
  readonly sentMicros: number;
  /** `sentMicros` of the last heartbeat that it heard; 0 for none. */
  readonly echoMicros: number;
  readonly role: NodeRole;
  readonly durableLsn: Lsn;
  readonly wallMicros: number;
}

/** The log that follows belongs to this timeline, which branches off where the log sent so far ends. */
export interface TimelineChange {
  readonly type: 'timelineChange';
  readonly history: TimelineHistory;
}

/**
 * Asks, in place of a handshake, for what has changed since a state that the client has: an incremental backup. The answer is a clone that has
 * only the entries that later checkpoints wrote, and then every key of the state.
 */
export interface Changes {
  readonly type: 'changes';
  readonly nodeName: string;
  readonly since: KnownState;
}

/** Begins a clone. */
export interface CloneInfo {
  readonly type: 'cloneInfo';
  readonly info: StateInfo;
  readonly approximateBytes: number;
}

/** A piece of the stream of entries, cut anywhere. */
export interface CloneData {
  readonly type: 'cloneData';
  readonly bytes: Buffer;
}

/** Keys of the state, ascending, across frames too; behind the last entry of what has changed. */
export interface CloneKeys {
  readonly type: 'cloneKeys';
  /** Each as what it does not share with the one before it in the frame. */
  readonly bytes: Buffer;
}

/** Ends a clone. */
export interface CloneEnd {
  readonly type: 'cloneEnd';
  readonly entries: number;
  /** SHA-256 of the stream of entries, and of the bytes of the keys behind it. */
  readonly digest: Buffer;
}

/** Asks for something to be done (`promote`, `status`, ...). */
export interface Request {
  readonly type: 'request';
  readonly id: number;
  readonly name: string;
  readonly json: string;
}

/** It is done. */
export interface Response {
  readonly type: 'response';
  readonly id: number;
  readonly json: string;
}

/** It is not. */
export interface Failure {
  readonly type: 'failure';
  readonly id: number;
  readonly error: RemoteError;
}

/** Ends the connection with a reason that somebody must know. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly error: RemoteError;
}

/** Ends the connection in peace. */
export interface Bye {
  readonly type: 'bye';
  readonly reason: string;
}

/** Any message. */
export type Message =
  | Start | ServerFirst | ClientFinal | Authenticated | Handshake | Resume | Diverged | LogRemoved | LogData | Credit | Report | Heartbeat
  | TimelineChange | Changes | CloneInfo | CloneData | CloneKeys | CloneEnd | Request | Response | Failure | ErrorMessage | Bye;
