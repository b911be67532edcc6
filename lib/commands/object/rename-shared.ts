/**
 * ALTER SCHEMA, ROLE, DATABASE ... RENAME TO.
 *
 * Idea: PostgreSQL's RenameSchema, RenameRole, RenameDatabase.
 */
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { checkOwner, checkPrivilege } from '../../catalog/privileges.js';
import { isAdminOfRole } from '../../catalog/roles.js';
import type { CommandContext } from '../api.js';
import { isReservedName } from '../role/role-spec.js';

/** Renames a schema. @throws 3F000, 42P06, 42501, 42939 */
export function renameSchema(cx: CommandContext, oldName: string, newName: string): void {
  const { catalog, currentUserOid } = cx.session;
  const row = catalog.table('pg_namespace').findOne({ nspname: oldName });
  if (!row) throw pgError('UNDEFINED_SCHEMA', `schema "${oldName}" does not exist`);
  if (catalog.namespaceByName(newName)) throw pgError('DUPLICATE_SCHEMA', `schema "${newName}" already exists`);
  checkOwner(catalog, row.nspowner, currentUserOid, 'schema', oldName);
  checkPrivilege(catalog, 'database', catalog.databaseOid, currentUserOid, 'CREATE', catalog.databaseName);
  if (isReservedName(newName)) {
    throw pgError('RESERVED_NAME', `unacceptable schema name "${newName}"`, { detail: 'The prefix "pg_" is reserved for system schemas.' });
  }
  catalog.table('pg_namespace').update(row, { nspname: newName });
}

function checkRoleName(name: string): void {
  if (isReservedName(name)) throw pgError('RESERVED_NAME', `role name "${name}" is reserved`, { detail: 'Role names starting with "pg_" are reserved.' });
}

/** Renames a role. @throws 42704, 42710, 42501, 42939, 0A000 */
export function renameRole(cx: CommandContext, oldName: string, newName: string): void {
  const { catalog, currentUserOid } = cx.session;
  const row = catalog.table('pg_authid').findOne({ rolname: oldName });
  if (!row) throw pgError('UNDEFINED_OBJECT', `role "${oldName}" does not exist`);
  if (row.oid === cx.session.sessionUserOid) throw pgError('FEATURE_NOT_SUPPORTED', 'session user cannot be renamed');
  if (row.oid === currentUserOid) throw pgError('FEATURE_NOT_SUPPORTED', 'current user cannot be renamed');
  checkRoleName(oldName);
  checkRoleName(newName);
  if (catalog.roleByName(newName)) throw pgError('DUPLICATE_OBJECT', `role "${newName}" already exists`);
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to rename role', { detail });
  if (row.rolsuper) {
    if (!cx.session.isSuperuser) throw denied('Only roles with the SUPERUSER attribute may rename roles with the SUPERUSER attribute.');
  } else if (!cx.session.isSuperuser && !(catalog.role(currentUserOid)?.rolcreaterole && isAdminOfRole(catalog, currentUserOid, row.oid))) {
    throw denied(`Only roles with the CREATEROLE attribute and the ADMIN option on role "${oldName}" may rename this role.`);
  }
  catalog.table('pg_authid').update(row, { rolname: newName });
}

/** Renames a database that nobody is connected to. @throws 3D000, 42P04, 42501, 0A000, 55006 */
export function* renameDatabase(cx: CommandContext, oldName: string, newName: string): Suspendable<void> {
  const { catalog, currentUserOid } = cx.session;
  const row = catalog.table('pg_database').findOne({ datname: oldName });
  if (!row) throw pgError('UNDEFINED_DATABASE', `database "${oldName}" does not exist`);
  yield* cx.storage.locks.lock(cx.session.transaction, { kind: 'object', database: 0, classId: 1262, objectId: row.oid }, 'AccessExclusive', cx.waitOptions());
  checkOwner(catalog, row.datdba, currentUserOid, 'database', oldName);
  if (!cx.session.isSuperuser && !catalog.role(currentUserOid)?.rolcreatedb) throw pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to rename database');
  if (catalog.databaseByName(newName)) throw pgError('DUPLICATE_DATABASE', `database "${newName}" already exists`);
  if (row.oid === catalog.databaseOid) throw pgError('FEATURE_NOT_SUPPORTED', 'current database cannot be renamed');
  const others = cx.session.countOtherSessions(row.oid);
  if (others > 0) {
    throw pgError('OBJECT_IN_USE', `database "${oldName}" is being accessed by other users`, { detail: otherSessions(others) });
  }
  catalog.table('pg_database').update(row, { datname: newName });
}

/** DETAIL of what hinders a change of a database. */
export function otherSessions(count: number): string {
  return count === 1 ? 'There is 1 other session using the database.' : `There are ${count} other sessions using the database.`;
}
