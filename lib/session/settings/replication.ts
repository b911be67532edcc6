/**
 * Checks of settings of replication whose values have a syntax of their own, in files as in ALTER SYSTEM.
 */
import { PgError, pgError } from '../../base/error.js';
import { checkSlotName } from '../../wal/slot-name.js';
import { parseStandbyNames } from '../../wal/standby-names.js';
import type { SettingValue } from './values.js';

/** @throws 42601, 22023, 42602 for a value that cannot be. */
export function checkReplicationValue(key: string, value: SettingValue): void {
  if (key === 'synchronous_standby_names') parseStandbyNames(String(value));
  if (key !== 'primary_slot_name' || value === '') return;
  try {
    checkSlotName(String(value));
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    throw pgError('INVALID_NAME', `invalid value for parameter "primary_slot_name": "${value}"`, { detail: error.message, hint: error.hint });
  }
}
