/**
 * What a session asks of whoever it answers to: the wire connection (`server/`) or the embedded API. A session never
 * knows which of them it is.
 */
import type { PgError } from '../base/error.js';
import type { Suspend } from '../base/suspend.js';
import type { CopyInput, CopyOutput, ResultColumn } from '../commands/api.js';
import type { StoredRows } from '../executor/executor.js';
import type { ColumnVector } from '../executor/stored-rows.js';
import type { Row } from '../types/datum.js';

export type { ColumnVector, CopyInput, CopyOutput, ResultColumn, StoredRows };

/** Format of a value on the wire: 0 text, 1 binary. */
export type FormatCode = 0 | 1;

/** Columns of a result and the formats they are wanted in. One object per cached plan, so that encoders hang on it. */
export class ResultShape {
  constructor(
    readonly columns: readonly ResultColumn[],
    /** Empty: all text. One: for all columns. Else one per column. */
    readonly formats: readonly FormatCode[] = NO_FORMATS,
  ) {}
}

const NO_FORMATS: readonly FormatCode[] = [];

/** Takes one statement's answer. */
export interface ResultReceiver {
  /** A result with rows begins. */
  begin(shape: ResultShape): void;
  /** Rows of the result begun. A Suspend: the receiver is full, wait before the next rows. */
  rows(rows: readonly Row[]): Suspend | null;
  /** The same for rows that are still columns; a receiver without it gets all rows as arrays. */
  storedRows?(rows: StoredRows): Suspend | null;
  /** The statement is done. */
  complete(tag: string): void;
  /** A portal's row limit was reached. */
  suspended(): void;
  /** The query string was empty. */
  empty(): void;
  /** COPY's streams; null where the client has none. */
  readonly copyOutput: CopyOutput | null;
  readonly copyInput: CopyInput | null;
}

/** Takes what is not the answer to a statement. */
export interface SessionClient {
  notice(notice: PgError): void;
  /** A reported setting changed. */
  parameterStatus(name: string, value: string): void;
  /** A NOTIFY, to be told to the client when it is idle. */
  notification(processId: number, channel: string, payload: string): void;
  /** The session was ended from outside (shutdown, pg_terminate_backend, idle timeouts): tell the client and hang up. */
  terminated(error: PgError): void;
}

/** Where the client is, for pg_stat_activity. */
export interface ClientAddress {
  /** Null for Unix sockets and embedded sessions. */
  readonly address: string | null;
  /** -1 for a Unix socket. */
  readonly port: number | null;
}
