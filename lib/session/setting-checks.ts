/**
 * Checks of settings that depend on the session: the transaction's modes, role and session_authorization, and the values with
 * a syntax of their own.
 */
import { pgError } from '../base/error.js';
import { canSetRole } from '../catalog/roles.js';
import type { Session } from './session.js';
import { checkClientEncoding, checkNameList, checkTimeZone, cleanAscii, formatDateStyle, parseDateStyle } from './settings/checks.js';
import type { SettingCheck } from './settings/store.js';
import { serializableRefused, type TransactionModes } from './transaction-block.js';

/** The checks of one session, by setting. */
export function sessionChecks(session: Session): ReadonlyMap<string, SettingCheck> {
  const inTransaction = (): boolean => session.block.kind !== 'none';
  return new Map<string, SettingCheck>([
    ...STATELESS_CHECKS,
    ['datestyle', (value) => {
      const { dateStyle, dateOrder } = session.services.settings;
      return formatDateStyle(parseDateStyle(String(value), { style: dateStyle, order: dateOrder }));
    }],
    ['transaction_isolation', (value) => {
      if (inTransaction()) session.block.setModes({ isolation: value as TransactionModes['isolation'] });
      return value;
    }],
    ['transaction_read_only', (value) => {
      if (inTransaction()) session.block.setModes({ readOnly: value === true });
      return value;
    }],
    ['transaction_deferrable', (value) => {
      if (inTransaction()) session.block.setModes({ deferrable: value === true });
      return value;
    }],
    ['role', (value) => checkRole(session, String(value))],
    ['session_authorization', (value, _current, source) => (source === 'session' ? checkSessionAuthorization(session, String(value)) : value)],
  ]);
}

const STATELESS_CHECKS: readonly (readonly [string, SettingCheck])[] = [
  ['timezone', (value) => checkTimeZone(String(value))],
  ['log_timezone', (value) => checkTimeZone(String(value), 'log_timezone')],
  ['client_encoding', (value) => checkClientEncoding(String(value))],
  ['search_path', (value) => checkNameList('search_path', String(value))],
  ['temp_tablespaces', (value) => checkNameList('temp_tablespaces', String(value))],
  ['application_name', (value) => cleanAscii(String(value))],
  ['default_transaction_isolation', (value) => {
    if (value === 'serializable') throw serializableRefused();
    return value;
  }],
  ['seed', (value) => value],
];

/** SET ROLE: the role must exist and be one of the session user's. */
function checkRole(session: Session, name: string): string {
  if (name.toLowerCase() === 'none') return 'none';
  const role = session.catalog.roleByName(name);
  if (role === null) throw pgError('INVALID_PARAMETER_VALUE', `role "${name}" does not exist`);
  if (!canSetRole(session.catalog, session.sessionUserOid, role.oid)) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to set role "${name}"`);
  }
  session.settingChanges.knownRoles.set(name, { oid: role.oid, isSuperuser: role.rolsuper });
  return name;
}

function checkSessionAuthorization(session: Session, name: string): string {
  const role = session.catalog.roleByName(name);
  if (role === null) throw pgError('INVALID_PARAMETER_VALUE', `role "${name}" does not exist`);
  const login = session.catalog.role(session.identity.roleOid);
  if (role.oid !== session.identity.roleOid && login?.rolsuper !== true) {
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to set session authorization "${name}"`);
  }
  session.settingChanges.knownRoles.set(name, { oid: role.oid, isSuperuser: role.rolsuper });
  return name;
}
