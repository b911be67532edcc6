/**
 * ALTER ROLE ... SET and ALTER DATABASE ... SET: rows of pg_db_role_setting.
 *
 * Idea: PostgreSQL's AlterRoleSet (commands/user.c), AlterDatabaseSet (commands/dbcommands.c), AlterSetting (catalog/pg_db_role_setting.c).
 */
import type { AlterDatabaseSetStmt, AlterRoleSetStmt, VariableSetStmt } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Catalog, Oid } from '../../catalog/api.js';
import { checkOwner } from '../../catalog/privileges.js';
import { isAdminOfRole } from '../../catalog/roles.js';
import { bodyAs, type RawNode } from '../../parser/raw.js';
import { ArrayValue } from '../../types/datum.js';
import { TEXTOID } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { roleSpecRow } from './role-spec.js';

registerCommand('AlterRoleSetStmt', { execute: (statement, cx) => alterRoleSet(bodyAs<AlterRoleSetStmt>(statement.body), cx) });
registerCommand('AlterDatabaseSetStmt', { execute: (statement, cx) => alterDatabaseSet(bodyAs<AlterDatabaseSetStmt>(statement.body), cx) });

function databaseOid(cx: CommandContext, name: string): Oid {
  const row = cx.session.catalog.databaseByName(name);
  if (!row) throw pgError('UNDEFINED_DATABASE', `database "${name}" does not exist`);
  return row.oid;
}

function* alterRoleSet(stmt: AlterRoleSetStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to alter role', { detail });
  let role: Oid = 0;
  if (stmt.role) {
    const row = roleSpecRow(cx, stmt.role);
    role = row.oid;
    if (!isSuperuser && row.rolsuper) throw denied('Only roles with the SUPERUSER attribute may alter roles with the SUPERUSER attribute.');
    if (!isSuperuser && role !== currentUserOid && !(catalog.role(currentUserOid)?.rolcreaterole && isAdminOfRole(catalog, currentUserOid, role))) {
      throw denied(`Only roles with the CREATEROLE attribute and the ADMIN option on role "${row.rolname}" may alter this role.`);
    }
  }
  let database: Oid = 0;
  if (stmt.database) {
    database = databaseOid(cx, stmt.database);
    if (!stmt.role) checkOwner(catalog, catalog.database(database)!.datdba, currentUserOid, 'database', stmt.database);
  }
  if (!stmt.role && !stmt.database && !isSuperuser) throw denied('Only roles with the SUPERUSER attribute may alter settings globally.');
  changeSetting(cx, database, role, stmt.setstmt!);
  yield* [];
  return { tag: 'ALTER ROLE', rows: null };
}

function* alterDatabaseSet(stmt: AlterDatabaseSetStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const name = stmt.dbname ?? '';
  const database = databaseOid(cx, name);
  checkOwner(catalog, catalog.database(database)!.datdba, cx.session.currentUserOid, 'database', name);
  changeSetting(cx, database, 0, stmt.setstmt!);
  yield* [];
  return { tag: 'ALTER DATABASE', rows: null };
}

/** Applies SET, SET FROM CURRENT, RESET or RESET ALL to the settings of (database, role). */
function changeSetting(cx: CommandContext, setdatabase: Oid, setrole: Oid, set: VariableSetStmt): void {
  const table = cx.session.catalog.table('pg_db_role_setting');
  const before = table.findOne({ setdatabase, setrole });
  const entries = (before?.setconfig?.elements ?? []) as readonly string[];
  const after = changedEntries(cx, entries, set);
  if (before && after.length === 0) table.delete(before);
  else if (before) table.update(before, { setconfig: ArrayValue.of(TEXTOID, after) });
  else if (after.length > 0) table.insert({ setdatabase, setrole, setconfig: ArrayValue.of(TEXTOID, after) });
}

/** The `name=value` entries after a SET or RESET clause (also of functions). */
export function changedEntries(cx: CommandContext, entries: readonly string[], set: VariableSetStmt): string[] {
  if (set.kind === 'VAR_RESET_ALL') return [];
  const name = settingName(set.name ?? '');
  const value = newValue(cx, name, set);
  const at = entries.findIndex((entry) => entry.slice(0, entry.indexOf('=')).toLowerCase() === name.toLowerCase());
  if (value === null) return entries.filter((_, index) => index !== at);
  const entry = `${name}=${cx.session.checkSetting(name, value)}`;
  return at < 0 ? [...entries, entry] : entries.map((old, index) => (index === at ? entry : old));
}

/** SET TIME ZONE and its kin by their settings' names. */
function settingName(name: string): string {
  return name === 'timezone' ? 'TimeZone' : name;
}

/** The value as text; null for RESET and SET ... TO DEFAULT. */
function newValue(cx: CommandContext, name: string, set: VariableSetStmt): string | null {
  switch (set.kind) {
    case 'VAR_RESET': case 'VAR_SET_DEFAULT': return null;
    case 'VAR_SET_CURRENT': return cx.services.getSetting(name);
    default: return cx.session.settingValue(set as object as RawNode);
  }
}

/** Forgets the settings of a dropped role or database. */
export function forgetRoleSettings(catalog: Catalog, database: Oid, role: Oid): void {
  const table = catalog.table('pg_db_role_setting');
  for (const row of table.find(database === 0 ? { setrole: role } : { setdatabase: database })) table.delete(row);
}
