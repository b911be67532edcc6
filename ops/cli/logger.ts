/** The server's log: JSON lines on stderr, by pino, written at once (nothing is lost when the process ends). */
import { destination, pino } from 'pino';
import type { LogSeverity, LogWriter } from '../../lib/session/server-log.js';

/** What the server logs with. */
export type Logger = ReturnType<typeof makeLogger>;

/** PostgreSQL's log_min_messages → pino's level. */
const LEVELS: Readonly<Record<string, string>> = {
  debug5: 'trace', debug4: 'trace', debug3: 'trace', debug2: 'debug', debug1: 'debug', info: 'info', notice: 'info', log: 'info',
  warning: 'warn', error: 'error', fatal: 'fatal', panic: 'fatal',
};

/** A logger for messages from this level (a value of log_min_messages) on. */
export function makeLogger(minimum: string) {
  return pino({ name: 'pglitedb', level: LEVELS[minimum] ?? 'warn' }, destination({ dest: 2, sync: true }));
}

const METHODS: Readonly<Record<LogSeverity, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>> = {
  DEBUG: 'debug', INFO: 'info', NOTICE: 'info', WARNING: 'warn', ERROR: 'error', LOG: 'info', FATAL: 'fatal', PANIC: 'fatal',
};

/** Writes the engine's entries, all of them: which there are is the sessions' affair (their log_min_messages). */
export function entryWriter(logger: Logger): LogWriter {
  const all = logger.child({}, { level: 'trace' });
  return ({ message, ...fields }) => all[METHODS[fields.error_severity]](fields, message);
}
