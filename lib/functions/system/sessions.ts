/**
 * Set-returning functions behind pg_settings, pg_stat_activity, pg_prepared_statements and pg_cursors.
 */
import type { Datum } from '../../types/datum.js';
import { rowsReturning, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    /** What the sessions of the server are and have. */
    readonly sessions: SessionListServices;
  }
}

/** Rows in the column order of the functions that show them. */
export interface SessionListServices {
  /** pg_show_all_settings */
  settings(): Iterable<Datum[]>;
  /** pg_stat_get_activity; null: every session. */
  activity(processId: number | null): Iterable<Datum[]>;
  /** pg_prepared_statement */
  preparedStatements(): Iterable<Datum[]>;
  /** pg_cursor */
  cursors(): Iterable<Datum[]>;
}

rowsReturning('show_all_settings', (cx) => cx.services.system.sessions.settings());
rowsReturning('pg_stat_get_activity', (cx, processId: number | null) => cx.services.system.sessions.activity(processId));
rowsReturning('pg_prepared_statement', (cx) => cx.services.system.sessions.preparedStatements());
rowsReturning('pg_cursor', (cx) => cx.services.system.sessions.cursors());
// Notifications wait with their sessions, not in a queue of limited size.
withContext('pg_notification_queue_usage', (_cx) => 0);
