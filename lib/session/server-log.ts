/**
 * The server log as the engine sees it: entries with PostgreSQL's severities, order of importance and field names (those of its
 * jsonlog), handed to whoever writes them. The server process writes them by its structured logger.
 */
import type { PgError } from '../base/error.js';

/** Severities of the log, in PostgreSQL's words. */
export type LogSeverity = 'DEBUG' | 'INFO' | 'NOTICE' | 'WARNING' | 'ERROR' | 'LOG' | 'FATAL' | 'PANIC';

/** One message of the log. */
export interface LogEntry {
  readonly error_severity: LogSeverity;
  readonly message: string;
  readonly state_code?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly context?: string;
  readonly statement?: string;
  readonly process_id?: number;
  readonly user?: string;
  readonly dbname?: string;
  readonly application_name?: string;
  readonly remote_host?: string;
  readonly remote_port?: number;
}

/** Writes entries. */
export type LogWriter = (entry: LogEntry) => void;

/** Values of log_min_messages, the least important first: LOG stands above ERROR. */
const LOG_LEVELS = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'info', 'notice', 'warning', 'error', 'log', 'fatal', 'panic'];

/** Whether a message of this severity passes a threshold (a value of log_min_messages or log_min_error_statement). */
export function passesThreshold(severity: string, threshold: string): boolean {
  const level = severity === 'DEBUG' ? 'debug1' : severity.toLowerCase();
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

/** The fields of an error or notice; `terse` leaves out what log_error_verbosity = terse does. */
export function errorFields(error: PgError, terse: boolean): Pick<LogEntry, 'message' | 'state_code' | 'detail' | 'hint' | 'context'> {
  const fields = { message: error.message, state_code: error.sqlstate };
  return terse ? fields : { ...fields, detail: error.detail, hint: error.hint, context: error.where };
}
