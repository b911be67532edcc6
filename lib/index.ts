/**
 * PGliteDB as a library: the one public door.
 *
 *     import { PGliteDB } from 'pglitedb';
 *     const db = await PGliteDB.open('./data');            // or 'memory://'
 *     const { rows } = await db.query('select $1::int + 1 as n', [41]);
 *     await db.close();
 */
export { PGliteDB } from './session/embedded/database.js';
export type {
  EmbeddedSession, NotificationListener, OpenOptions, Queryable, QueryOptions, SessionOptions, TransactionHandle,
} from './session/embedded/database.js';
export type { ResultField, ResultOptions, Results } from './session/embedded/results.js';
export type { SqlParameter } from './session/embedded/values.js';
export type { LogEntry, LogWriter } from './session/server-log.js';
export { PgError } from './base/error.js';
