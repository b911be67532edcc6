/**
 * The log as the engine uses it: on disk (`lib/wal`), in memory (positions only), or being replayed.
 */
import { lsn, type Lsn } from '../base/lsn.js';
import { wholePayload, type RecordPayload } from '../txn/changes.js';
import { FRAGMENT_BYTES, RECORD, RECORD_HEADER } from '../txn/format.js';
import type { RelationTarget } from '../txn/lock-modes.js';
import { EMPTY_LOG, type LogPosition } from '../wal/format.js';
import type { LogWriter } from '../wal/writer.js';

/** A log that records are appended to. `LogWriter` is one. */
export interface EngineLog {
  readonly appendedLsn: Lsn;
  readonly flushedLsn: Lsn;
  readonly position: LogPosition;
  append(type: number, payload: Uint8Array): Lsn;
  /** `isPatient`: see `LogWriter.onFlushed`. */
  onFlushed(position: Lsn, callback: () => void, isPatient?: boolean): void;
  close(): Promise<void>;
}

/** No log at all: positions go up, nothing is kept, everything is durable at once. */
export class MemoryLog implements EngineLog {
  private end: number = EMPTY_LOG.endLsn;

  get appendedLsn(): Lsn {
    return lsn(this.end);
  }

  get flushedLsn(): Lsn {
    return lsn(this.end);
  }

  get position(): LogPosition {
    return { ...EMPTY_LOG, endLsn: lsn(this.end) };
  }

  append(_type: number, payload: Uint8Array): Lsn {
    this.end += payload.length + 8;
    return lsn(this.end);
  }

  onFlushed(_position: Lsn, callback: () => void): void {
    callback();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The log while it is replayed, at recovery and on a standby: its end is what has been applied. */
export class ReplayedLog implements EngineLog {
  private endLsn: Lsn;
  private lastRecordLsn: Lsn;
  private lastCrc: number;
  private writer: LogWriter | null = null;

  constructor({ endLsn, lastRecordLsn, lastCrc }: LogPosition) {
    this.endLsn = endLsn;
    this.lastRecordLsn = lastRecordLsn;
    this.lastCrc = lastCrc;
  }

  get position(): LogPosition {
    return { endLsn: this.endLsn, lastRecordLsn: this.lastRecordLsn, lastCrc: this.lastCrc };
  }

  /** Replay has come so far. */
  reached({ endLsn, lastRecordLsn, lastCrc }: LogPosition): void {
    this.endLsn = endLsn;
    this.lastRecordLsn = lastRecordLsn;
    this.lastCrc = lastCrc;
  }

  get appendedLsn(): Lsn {
    return this.endLsn;
  }

  get flushedLsn(): Lsn {
    return this.endLsn;
  }

  append(): Lsn {
    throw new Error('nothing is appended to a log that is being replayed');
  }

  /** A standby's: what is applied may not be durable yet. */
  follow(writer: LogWriter): void {
    this.writer = writer;
  }

  /** Of a clone's state, what is above the log that it has is durable in itself. */
  onFlushed(position: Lsn, callback: () => void): void {
    if (this.writer === null) callback();
    else this.writer.onFlushed(position < this.writer.appendedLsn ? position : this.writer.appendedLsn, callback);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Appends a transaction's record, cut into fragments where it is too large for one; returns the last one's end. */
export function appendRecord(log: EngineLog, type: number, payload: Uint8Array): Lsn {
  if (payload.length <= FRAGMENT_BYTES) return log.append(type, payload);
  const whole = new Uint8Array(payload);
  let at = RECORD_HEADER;
  while (whole.length - at > FRAGMENT_BYTES) {
    const fragment = new Uint8Array(RECORD_HEADER + FRAGMENT_BYTES);
    fragment.set(whole.subarray(0, 4));
    fragment.set(whole.subarray(at, at + FRAGMENT_BYTES), RECORD_HEADER);
    log.append(RECORD.fragment, fragment);
    at += FRAGMENT_BYTES;
  }
  const last = new Uint8Array(RECORD_HEADER + whole.length - at);
  last.set(whole.subarray(0, RECORD_HEADER));
  last.set(whole.subarray(at), RECORD_HEADER);
  return log.append(type, last);
}

/** Puts fragmented records together again. */
export class RecordAssembler {
  private readonly pieces = new Map<number, Uint8Array[]>();

  /** Keeps a fragment. */
  add(xid: number, payload: Uint8Array): void {
    const piece = new Uint8Array(payload.subarray(RECORD_HEADER));
    const pieces = this.pieces.get(xid);
    if (pieces === undefined) this.pieces.set(xid, [piece]);
    else pieces.push(piece);
  }

  /** The whole payload of a record that is not a fragment. */
  assemble(xid: number, last: RecordPayload): RecordPayload {
    if (this.pieces.size === 0) return last;
    const pieces = this.pieces.get(xid);
    if (pieces === undefined) return last;
    this.pieces.delete(xid);
    const { bytes, start, end } = last;
    return wholePayload(Buffer.concat([bytes.subarray(start, start + RECORD_HEADER), ...pieces, bytes.subarray(start + RECORD_HEADER, end)]));
  }
}

const LOCK_BYTES = 8;

/** The record of the relations that a transaction holds in AccessExclusive mode (`RECORD.locks`). */
export function encodeLocks(xid: number, relations: readonly RelationTarget[]): Uint8Array {
  const payload = Buffer.alloc(RECORD_HEADER + relations.length * LOCK_BYTES);
  payload.writeUInt32LE(xid, 0);
  relations.forEach(({ database, relation }, index) => {
    payload.writeUInt32LE(database, RECORD_HEADER + index * LOCK_BYTES);
    payload.writeUInt32LE(relation, RECORD_HEADER + index * LOCK_BYTES + 4);
  });
  return payload;
}

/** Reads what `encodeLocks` made. */
export function decodeLocks(payload: Uint8Array): RelationTarget[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const relations: RelationTarget[] = [];
  for (let at = RECORD_HEADER; at < bytes.length; at += LOCK_BYTES) {
    relations.push({ kind: 'relation', database: bytes.readUInt32LE(at), relation: bytes.readUInt32LE(at + 4) });
  }
  return relations;
}
