/**
 * The one error class. Everything that a client may see is a `PgError`: severity, SQLSTATE, message, detail, hint,
 * position and the object names of the wire protocol's ErrorResponse. Broken invariants are assertions (`assert.ts`).
 */
import { SQLSTATE, type SqlStateName } from './sqlstate.js';

/** Severities of ErrorResponse and NoticeResponse, in PostgreSQL's words. */
export type Severity =
  | 'ERROR' | 'FATAL' | 'PANIC'
  | 'WARNING' | 'NOTICE' | 'INFO' | 'LOG' | 'DEBUG';

/** The optional fields of an error or a notice; names as the protocol documents them. */
export interface PgErrorFields {
  severity?: Severity;
  detail?: string;
  hint?: string;
  /** 1-based character (not byte) position in the query text. */
  position?: number;
  internalPosition?: number;
  internalQuery?: string;
  /** The context stack (`CONTEXT:` lines). */
  where?: string;
  schema?: string;
  table?: string;
  column?: string;
  dataType?: string;
  constraint?: string;
}

/** An error (or, by severity, a notice) as a client sees it. */
export class PgError extends Error {
  readonly severity: Severity;
  readonly sqlstate: string;
  detail: string | undefined;
  hint: string | undefined;
  position: number | undefined;
  internalPosition: number | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;

  constructor(code: SqlStateName, message: string, fields: PgErrorFields = {}) {
    super(message);
    this.name = 'PgError';
    this.severity = fields.severity ?? 'ERROR';
    this.sqlstate = SQLSTATE[code];
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.position = fields.position;
    this.internalPosition = fields.internalPosition;
    this.internalQuery = fields.internalQuery;
    this.where = fields.where;
    this.schema = fields.schema;
    this.table = fields.table;
    this.column = fields.column;
    this.dataType = fields.dataType;
    this.constraint = fields.constraint;
  }
}

/** Builds an error: `throw pgError('UNIQUE_VIOLATION', 'duplicate key ...', { detail })`. */
export function pgError(code: SqlStateName, message: string, fields?: PgErrorFields): PgError {
  return new PgError(code, message, fields);
}

/** The 0A000 of everything that is not there yet; `what` names the feature as a user would ("MERGE", "COPY ... FREEZE"). */
export function notSupported(what: string, fields?: PgErrorFields): PgError {
  return new PgError('FEATURE_NOT_SUPPORTED', `${what} is not supported yet`, fields);
}
