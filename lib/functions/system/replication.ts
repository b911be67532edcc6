/**
 * Functions about replication: its slots, and the rows of its statistics views (PostgreSQL's slotfuncs.c, pgstatfuncs.c).
 */
import { Interval, RecordValue, type Datum } from '../../types/datum.js';
import { Numeric } from '../../types/numeric.js';
import { INT4OID, INT8OID, NAMEOID, NUMERICOID, PG_LSNOID, RECORDOID, TEXTOID, TIMESTAMPTZOID } from '../../types/oids.js';
import type { CallContext } from '../context.js';
import { rowsReturning, withContext } from '../registry.js';

declare module '../context.js' {
  interface SystemServices {
    /** Who reads the log, and what is kept for them. */
    readonly replication: ReplicationServices;
  }
}

/** Rows are in the column order of the functions that show them; null where the caller may not see a value. */
export interface ReplicationServices {
  /** pg_stat_get_wal_senders, with lags in microseconds. */
  senders(): Iterable<Datum[]>;
  /** pg_stat_get_wal_receiver */
  receiver(): Datum[] | null;
  /** pg_get_replication_slots */
  slots(): Iterable<Datum[]>;
  /** @throws 42501, 42602, 42710 */
  createSlot(name: string, reserve: boolean, temporary: boolean): number | null;
  /** `temporary` null: as the one that is copied. @throws 42501, 42602, 42704, 42710, 55000 */
  copySlot(source: string, name: string, temporary: boolean | null): number;
  /** @throws 22023, 42501, 42704, 55000, 55006 */
  advanceSlot(name: string, position: number): number;
  /** @throws 42501, 42704, 55006 */
  dropSlot(name: string): void;
  /** pg_stat_get_archiver */
  archiver(): Datum[];
  /** Sessions of a database that were cancelled because replay needed a relation that they held. */
  lockConflicts(databaseOid: number): number;
  logStatistics(): { readonly records: number; readonly bytes: number; readonly since: number };
  /** Reads the configuration files again. */
  reloadConfiguration(): void;
}

function replication(cx: CallContext): ReplicationServices {
  return cx.services.system.replication;
}

function lag(micros: Datum): Interval | null {
  return micros === null ? null : new Interval(0, 0, Number(micros));
}

const FIRST_LAG = 6;
const LAST_LAG = 8;

rowsReturning('pg_stat_get_wal_senders', function* (cx) {
  for (const row of replication(cx).senders()) yield row.map((value, column) => (column >= FIRST_LAG && column <= LAST_LAG ? lag(value) : value));
});

const RECEIVER_COLUMNS: readonly (readonly [name: string, type: number])[] = [
  ['pid', INT4OID], ['status', TEXTOID], ['receive_start_lsn', PG_LSNOID], ['receive_start_tli', INT4OID], ['written_lsn', PG_LSNOID],
  ['flushed_lsn', PG_LSNOID], ['received_tli', INT4OID], ['last_msg_send_time', TIMESTAMPTZOID], ['last_msg_receipt_time', TIMESTAMPTZOID],
  ['latest_end_lsn', PG_LSNOID], ['latest_end_time', TIMESTAMPTZOID], ['slot_name', TEXTOID], ['sender_host', TEXTOID], ['sender_port', INT4OID],
  ['conninfo', TEXTOID],
];
const ARCHIVER_COLUMNS: readonly (readonly [name: string, type: number])[] = [
  ['archived_count', INT8OID], ['last_archived_wal', TEXTOID], ['last_archived_time', TIMESTAMPTZOID], ['failed_count', INT8OID],
  ['last_failed_wal', TEXTOID], ['last_failed_time', TIMESTAMPTZOID], ['stats_reset', TIMESTAMPTZOID],
];

function record(columns: readonly (readonly [name: string, type: number])[], values: Datum[]): RecordValue {
  return new RecordValue(RECORDOID, values, columns.map(([, type]) => type), columns.map(([name]) => name));
}

withContext('pg_stat_get_wal_receiver', (cx) => record(RECEIVER_COLUMNS, replication(cx).receiver() ?? RECEIVER_COLUMNS.map(() => null)));
withContext('pg_stat_get_archiver', (cx) => record(ARCHIVER_COLUMNS, replication(cx).archiver()));
withContext('pg_stat_get_wal', (cx) => {
  const { records, bytes, since } = replication(cx).logStatistics();
  return record([['wal_records', INT8OID], ['wal_fpi', INT8OID], ['wal_bytes', NUMERICOID], ['wal_buffers_full', INT8OID], ['stats_reset', TIMESTAMPTZOID]],
    [records, 0, Numeric.fromInteger(BigInt(bytes)), 0, since]);
});
rowsReturning('pg_get_replication_slots', (cx) => replication(cx).slots());
// Replay prefetches nothing here.
rowsReturning('pg_stat_get_recovery_prefetch', (cx) => [[replication(cx).logStatistics().since, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);

const SLOT_COLUMNS: readonly (readonly [name: string, type: number])[] = [['slot_name', NAMEOID], ['lsn', PG_LSNOID]];
withContext('pg_create_physical_replication_slot', (cx, name: string, reserve: boolean, temporary: boolean) =>
  record(SLOT_COLUMNS, [name, replication(cx).createSlot(name, reserve, temporary)]));
withContext('pg_copy_physical_replication_slot_a', (cx, source: string, name: string, temporary: boolean) =>
  record(SLOT_COLUMNS, [name, replication(cx).copySlot(source, name, temporary)]));
withContext('pg_copy_physical_replication_slot_b', (cx, source: string, name: string) => record(SLOT_COLUMNS, [name, replication(cx).copySlot(source, name, null)]));
withContext('pg_replication_slot_advance', (cx, name: string, position: number) =>
  record([['slot_name', NAMEOID], ['end_lsn', PG_LSNOID]], [name, replication(cx).advanceSlot(name, position)]));
withContext('pg_drop_replication_slot', (cx, name: string) => {
  replication(cx).dropSlot(name);
  return '';
});

for (const name of ['lock', 'all']) {
  withContext(`pg_stat_get_db_conflict_${name}`, (cx, database: number) => replication(cx).lockConflicts(database));
}
// Nothing else is ever in replay's way here. startup_deadlock is PostgreSQL's count of sessions that hold a pinned buffer which replay waits for
// while they wait for replay's lock: there are no pins. A deadlock over locks alone is the session's own 40P01, there as here.
for (const name of ['tablespace', 'snapshot', 'bufferpin', 'startup_deadlock', 'logicalslot']) {
  withContext(`pg_stat_get_db_conflict_${name}`, (_cx, _database: number) => 0);
}
withContext('pg_reload_conf', (cx) => {
  replication(cx).reloadConfiguration();
  return true;
});
