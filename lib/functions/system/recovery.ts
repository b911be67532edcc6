/**
 * Functions about the log: where it stands on a primary and on a standby, pausing and ending recovery, restore points, names of
 * segments, and the control data (PostgreSQL's xlogfuncs.c, pg_controldata.c).
 */
import { pgError, type PgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { RecordValue, type Datum, type Int8 } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { BOOLOID, INT4OID, INT8OID, NUMERICOID, OIDOID, PG_LSNOID, RECORDOID, TEXTOID, TIMESTAMPTZOID, XIDOID } from '../../types/oids.js';
import type { CallContext } from '../context.js';
import { pure, suspending, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    /** The log and its replay. */
    readonly recovery: RecoveryServices;
  }
}

/** The control data that this server has. */
export interface ControlFacts {
  readonly systemIdentifier: Int8;
  readonly timeline: number;
  readonly checkpointLsn: number;
  readonly redoLsn: number;
  readonly nextXid: number;
  readonly nextOid: number;
}

/** What the functions ask of the server. Positions are byte counts, times microseconds since 2000-01-01 UTC. */
export interface RecoveryServices {
  readonly inRecovery: boolean;
  readonly timeline: number;
  /** Null on a server that never was a standby since its start. */
  receivedLsn(): number | null;
  replayedLsn(): number | null;
  /** Commit time of the last transaction that was replayed. */
  replayedCommitTime(): number | null;
  readonly pauseState: 'not paused' | 'pause requested' | 'paused';
  setPaused(paused: boolean): void;
  promote(wait: boolean, waitSeconds: number): Suspendable<boolean>;
  switchLog(): number;
  /** Writes a commit of its own with the name of a restore point; answers with its end. */
  createRestorePoint(name: string): number;
  /** Name of the log segment that holds the byte at `position`. */
  segmentName(position: number): string;
  readonly segmentBytes: number;
  control(): ControlFacts;
}

const NAMEDATALEN = 64;
const MAX_RESTORE_POINT_BYTES = NAMEDATALEN - 1;

function recovery(cx: CallContext): RecoveryServices {
  return cx.services.system.recovery;
}

function inRecovery(hint: string): PgError {
  return pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is in progress', { hint });
}

/** The services of a primary. @throws 55000 on a standby */
function primary(cx: CallContext): RecoveryServices {
  const services = recovery(cx);
  if (services.inRecovery) throw inRecovery('WAL control functions cannot be executed during recovery.');
  return services;
}

/** The services of a standby. @throws 55000 on a primary */
function standby(cx: CallContext): RecoveryServices {
  const services = recovery(cx);
  if (services.inRecovery) return services;
  throw pgError('OBJECT_NOT_IN_PREREQUISITE_STATE', 'recovery is not in progress', { hint: 'Recovery control functions can only be executed during recovery.' });
}

withContext('pg_is_in_recovery', (cx) => recovery(cx).inRecovery);
for (const [name, which] of [['pg_current_wal_lsn', 'write'], ['pg_current_wal_insert_lsn', 'insert'], ['pg_current_wal_flush_lsn', 'flush']] as const) {
  withContext(name, (cx) => {
    primary(cx);
    return cx.services.system.backend.logPosition(which);
  });
}
withContext('pg_last_wal_receive_lsn', (cx) => recovery(cx).receivedLsn());
withContext('pg_last_wal_replay_lsn', (cx) => recovery(cx).replayedLsn());
withContext('pg_last_xact_replay_timestamp', (cx) => recovery(cx).replayedCommitTime());
withContext('pg_is_wal_replay_paused', (cx) => standby(cx).pauseState !== 'not paused');
withContext('pg_get_wal_replay_pause_state', (cx) => standby(cx).pauseState);
withContext('pg_wal_replay_pause', (cx) => {
  standby(cx).setPaused(true);
  return '';
});
withContext('pg_wal_replay_resume', (cx) => {
  standby(cx).setPaused(false);
  return '';
});
suspending('pg_promote', function* (cx, wait: boolean, waitSeconds: number) {
  const services = standby(cx);
  if (waitSeconds <= 0) throw pgError('NUMERIC_VALUE_OUT_OF_RANGE', '"wait_seconds" must not be negative or zero');
  const promoted = yield* services.promote(wait, waitSeconds);
  if (!promoted) {
    const seconds = waitSeconds === 1 ? 'second' : 'seconds';
    cx.services.notice(pgError('WARNING', `server did not promote within ${waitSeconds} ${seconds}`, { severity: 'WARNING' }));
  }
  return promoted;
});
withContext('pg_switch_wal', (cx) => primary(cx).switchLog());
withContext('pg_create_restore_point', (cx, name: string) => {
  const services = primary(cx);
  if (Buffer.byteLength(name) > MAX_RESTORE_POINT_BYTES) {
    throw pgError('INVALID_PARAMETER_VALUE', `value too long for restore point (maximum ${MAX_RESTORE_POINT_BYTES} characters)`);
  }
  return services.createRestorePoint(name);
});

// ---------------------------------------------------------------- names of segments

withContext('pg_walfile_name', (cx, position: number) => {
  if (recovery(cx).inRecovery) throw inRecovery('pg_walfile_name() cannot be executed during recovery.');
  return recovery(cx).segmentName(position);
});
withContext('pg_walfile_name_offset', (cx, position: number) => {
  if (recovery(cx).inRecovery) throw inRecovery('pg_walfile_name_offset() cannot be executed during recovery.');
  const values = [recovery(cx).segmentName(position), position % recovery(cx).segmentBytes];
  return new RecordValue(RECORDOID, values, [TEXTOID, INT4OID], ['file_name', 'file_offset']);
});
pure('pg_split_walfile_name', (name: string) => {
  const match = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/.exec(name.toUpperCase());
  if (match === null) throw pgError('INVALID_PARAMETER_VALUE', `invalid WAL file name "${name}"`);
  const segment = BigInt(`0x${match[2]}`) * 256n + BigInt(`0x${match[3]}`);
  return new RecordValue(RECORDOID, [Numeric.fromInteger(segment), parseInt(match[1], 16)], [NUMERICOID, INT8OID], ['segment_number', 'timeline_id']);
});

// ---------------------------------------------------------------- control data

/** A row of OUT columns: [name, type, value]. */
function record(...columns: readonly (readonly [name: string, type: number, value: Datum])[]): RecordValue {
  return new RecordValue(RECORDOID, columns.map(([, , value]) => value), columns.map(([, type]) => type), columns.map(([name]) => name));
}

// What this server has no notion of (multixacts, commit timestamps, numbers of PostgreSQL's formats) is NULL.
withContext('pg_control_checkpoint', (cx) => {
  const { checkpointLsn, redoLsn, timeline, nextXid, nextOid } = recovery(cx).control();
  return record(
    ['checkpoint_lsn', PG_LSNOID, checkpointLsn], ['redo_lsn', PG_LSNOID, redoLsn], ['redo_wal_file', TEXTOID, recovery(cx).segmentName(redoLsn)],
    ['timeline_id', INT4OID, timeline], ['prev_timeline_id', INT4OID, timeline], ['full_page_writes', BOOLOID, false],
    ['next_xid', TEXTOID, `0:${nextXid}`], ['next_oid', OIDOID, nextOid], ['next_multixact_id', XIDOID, null], ['next_multi_offset', XIDOID, null],
    ['oldest_xid', XIDOID, null], ['oldest_xid_dbid', OIDOID, null], ['oldest_active_xid', XIDOID, null], ['oldest_multi_xid', XIDOID, null],
    ['oldest_multi_dbid', OIDOID, null], ['oldest_commit_ts_xid', XIDOID, null], ['newest_commit_ts_xid', XIDOID, null],
    ['checkpoint_time', TIMESTAMPTZOID, null]);
});
withContext('pg_control_system', (cx) => {
  const { systemIdentifier } = recovery(cx).control();
  return record(['pg_control_version', INT4OID, null], ['catalog_version_no', INT4OID, null], ['system_identifier', INT8OID, systemIdentifier],
    ['pg_control_last_modified', TIMESTAMPTZOID, null]);
});
withContext('pg_control_init', (cx) => record(
  ['max_data_alignment', INT4OID, null], ['database_block_size', INT4OID, null], ['blocks_per_segment', INT4OID, null], ['wal_block_size', INT4OID, null],
  ['bytes_per_wal_segment', INT4OID, recovery(cx).segmentBytes], ['max_identifier_length', INT4OID, NAMEDATALEN], ['max_index_columns', INT4OID, 32],
  ['max_toast_chunk_size', INT4OID, null], ['large_object_chunk_size', INT4OID, null], ['float8_pass_by_value', BOOLOID, true],
  ['data_page_checksum_version', INT4OID, 1], ['default_char_signedness', BOOLOID, true]));
withContext('pg_control_recovery', (cx) => {
  const { inRecovery: recovering, timeline } = recovery(cx);
  return record(['min_recovery_end_lsn', PG_LSNOID, recovering ? recovery(cx).control().checkpointLsn : 0],
    ['min_recovery_end_timeline', INT4OID, recovering ? timeline : 0], ['backup_start_lsn', PG_LSNOID, 0], ['backup_end_lsn', PG_LSNOID, 0],
    ['end_of_backup_record_required', BOOLOID, false]);
});
