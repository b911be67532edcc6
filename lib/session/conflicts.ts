/**
 * What standby sessions are told when replay needs what they hold, and how often that happened, by database
 * (PostgreSQL's ProcessRecoveryConflictInterrupts and pg_stat_database_conflicts).
 */
import { pgError, type PgError } from '../base/error.js';
import type { Oid } from '../catalog/api.js';

/** Why replay is in conflict with a session. */
export type ConflictReason = 'lock' | 'database';

const DETAILS: Readonly<Record<ConflictReason, string>> = {
  lock: 'User was holding a relation lock for too long.',
  database: 'User was connected to a database that must be dropped.',
};

/** 40001, for a statement whose transaction can go. */
export function statementConflict(reason: ConflictReason): PgError {
  return pgError('T_R_SERIALIZATION_FAILURE', 'canceling statement due to conflict with recovery', { detail: DETAILS[reason] });
}

/** FATAL 40001 or 57P04, for a session that must go. */
export function sessionConflict(reason: ConflictReason): PgError {
  return pgError(reason === 'database' ? 'DATABASE_DROPPED' : 'T_R_SERIALIZATION_FAILURE', 'terminating connection due to conflict with recovery', {
    severity: 'FATAL', detail: DETAILS[reason], hint: 'In a moment you should be able to reconnect to the database and repeat your command.',
  });
}

/**
 * Sessions cancelled since the server's start because they held a lock, by database. Those of a dropped database are not counted: nobody
 * could ask for them.
 */
export class ConflictCounts {
  private readonly counts = new Map<Oid, number>();

  add(databaseOid: Oid): void {
    this.counts.set(databaseOid, this.count(databaseOid) + 1);
  }

  count(databaseOid: Oid): number {
    return this.counts.get(databaseOid) ?? 0;
  }
}
