/**
 * What every statement or transaction asks of its session's settings, as fields: a look-up by name goes through the session's maps and the
 * server's, and a statement makes a dozen.
 */
import type { IsolationLevel } from '../../access/api.js';
import type { PlanCacheMode } from '../plan-choice.js';
import type { SettingValue } from './values.js';

/** Values by key, typed as their definitions say. Times are milliseconds, memory is kilobytes; 0: no limit. */
export interface FrequentSettings {
  readonly statement_timeout: number;
  readonly lock_timeout: number;
  readonly deadlock_timeout: number;
  readonly transaction_timeout: number;
  readonly idle_session_timeout: number;
  readonly idle_in_transaction_session_timeout: number;
  readonly default_transaction_isolation: IsolationLevel | 'read uncommitted';
  readonly default_transaction_read_only: boolean;
  readonly default_transaction_deferrable: boolean;
  readonly synchronous_commit: string;
  readonly session_replication_role: string;
  readonly is_superuser: boolean;
  readonly search_path: string;
  readonly plan_cache_mode: PlanCacheMode;
  readonly work_mem: number;
  readonly maintenance_work_mem: number;
}

/** Reads all of them. One literal, so that all sessions' values are objects of one shape. */
export function readFrequentSettings(value: (key: keyof FrequentSettings) => SettingValue): FrequentSettings {
  const read = <K extends keyof FrequentSettings>(key: K): FrequentSettings[K] => value(key) as FrequentSettings[K];
  return {
    statement_timeout: read('statement_timeout'),
    lock_timeout: read('lock_timeout'),
    deadlock_timeout: read('deadlock_timeout'),
    transaction_timeout: read('transaction_timeout'),
    idle_session_timeout: read('idle_session_timeout'),
    idle_in_transaction_session_timeout: read('idle_in_transaction_session_timeout'),
    default_transaction_isolation: read('default_transaction_isolation'),
    default_transaction_read_only: read('default_transaction_read_only'),
    default_transaction_deferrable: read('default_transaction_deferrable'),
    synchronous_commit: read('synchronous_commit'),
    session_replication_role: read('session_replication_role'),
    is_superuser: read('is_superuser'),
    search_path: read('search_path'),
    plan_cache_mode: read('plan_cache_mode'),
    work_mem: read('work_mem'),
    maintenance_work_mem: read('maintenance_work_mem'),
  };
}
