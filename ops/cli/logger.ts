/** The server's log: JSON lines on stderr, by pino, written at once (nothing is lost when the process ends). */
import { destination, pino } from 'pino';

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
