/**
 * CREATE, ALTER and DROP of roles, users and groups.
 *
 * Idea: PostgreSQL's CreateRole, AlterRole, DropRole (commands/user.c).
 */
import type { AlterRoleStmt, CreateRoleStmt, DropRoleStmt, RoleSpec } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { objectAddress } from '../../catalog/address.js';
import type { Oid } from '../../catalog/api.js';
import { deleteTraces } from '../../catalog/deletion.js';
import { isAdminOfRole } from '../../catalog/roles.js';
import type { PgAuthid } from '../../catalog/rows.js';
import { sharedDependents } from '../../catalog/shared-depend.js';
import { bodyAs } from '../../parser/raw.js';
import { AuthIdRelationId, BOOTSTRAP_SUPERUSERID } from '../../types/oids.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { lockObject } from '../object/object-lock.js';
import { addMembers, checkMembershipRights, forgetMemberships, NO_OPTIONS, removeMembers, type Member } from './membership.js';
import { roleOptions, storedVerifier, type RoleOptions } from './role-options.js';
import { forgetRoleSettings } from './role-settings.js';
import { isReservedName, roleSpecOid, roleSpecRow, roleSpecs } from './role-spec.js';

registerCommand('CreateRoleStmt', { execute: (statement, cx) => createRole(bodyAs<CreateRoleStmt>(statement.body), cx) });
registerCommand('AlterRoleStmt', { execute: (statement, cx) => alterRole(bodyAs<AlterRoleStmt>(statement.body), cx) });
registerCommand('DropRoleStmt', { execute: (statement, cx) => dropRoles(bodyAs<DropRoleStmt>(statement.body), cx) });

/** Members by their specs. */
export function membersOf(cx: CommandContext, specs: readonly RoleSpec[]): Member[] {
  return specs.map((spec) => {
    const oid = roleSpecOid(cx, spec);
    return { oid, name: cx.session.catalog.role(oid)?.rolname ?? String(oid) };
  });
}

/** Has the current user an attribute (superusers have all)? */
function has(cx: CommandContext, attribute: keyof PgAuthid): boolean {
  return cx.session.isSuperuser || cx.session.catalog.role(cx.session.currentUserOid)?.[attribute] === true;
}

/** Attributes that only those who have them give to others. */
const GIVEN_ATTRIBUTES = [['createdb', 'rolcreatedb', 'CREATEDB'], ['isreplication', 'rolreplication', 'REPLICATION'], ['bypassrls', 'rolbypassrls', 'BYPASSRLS']] as const;

function checkMayCreate(cx: CommandContext, options: RoleOptions): void {
  if (cx.session.isSuperuser) return;
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to create role', { detail });
  if (!has(cx, 'rolcreaterole')) throw denied('Only roles with the CREATEROLE attribute may create roles.');
  if (options.superuser) throw denied('Only roles with the SUPERUSER attribute may create roles with the SUPERUSER attribute.');
  for (const [option, column, word] of GIVEN_ATTRIBUTES) {
    if (options[option] && !has(cx, column)) throw denied(`Only roles with the ${word} attribute may create roles with the ${word} attribute.`);
  }
}

function* createRole(stmt: CreateRoleStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog, currentUserOid } = cx.session;
  const name = stmt.role ?? '';
  const options = roleOptions(cx, stmt.options);
  checkMayCreate(cx, options);
  if (isReservedName(name)) throw pgError('RESERVED_NAME', `role name "${name}" is reserved`, { detail: 'Role names starting with "pg_" are reserved.' });
  if (catalog.roleByName(name)) throw pgError('DUPLICATE_OBJECT', `role "${name}" already exists`);
  const oid = catalog.newOid();
  catalog.table('pg_authid').insert({
    oid, rolname: name, rolsuper: options.superuser ?? false, rolinherit: options.inherit ?? true, rolcreaterole: options.createrole ?? false,
    rolcreatedb: options.createdb ?? false, rolcanlogin: options.canlogin ?? stmt.stmt_type === 'ROLESTMT_USER', rolreplication: options.isreplication ?? false,
    rolbypassrls: options.bypassrls ?? false, rolconnlimit: options.connectionlimit ?? -1,
    rolpassword: typeof options.password === 'string' ? storedVerifier(cx, options.password) : null, rolvaliduntil: options.validUntil ?? null,
  });
  catalog.commandCounterIncrement();
  const self: Member = { oid, name };
  for (const spec of options.addroleto ?? []) {
    const role = roleSpecOid(cx, spec);
    checkMembershipRights(cx, role, true);
    addMembers(cx, role, [self], 0, NO_OPTIONS);
  }
  if (!cx.session.isSuperuser) grantToCreator(cx, oid, currentUserOid);
  addMembers(cx, oid, membersOf(cx, options.rolemembers ?? []), 0, NO_OPTIONS);
  addMembers(cx, oid, membersOf(cx, options.adminmembers ?? []), 0, { ...NO_OPTIONS, admin: true });
  yield* [];
  return { tag: 'CREATE ROLE', rows: null };
}

/** Who creates a role without being superuser gets ADMIN OPTION on it, as if from the bootstrap superuser. */
function grantToCreator(cx: CommandContext, role: Oid, creator: Oid): void {
  const { catalog } = cx.session;
  catalog.table('pg_auth_members').insert({
    oid: catalog.newOid(), roleid: role, member: creator, grantor: BOOTSTRAP_SUPERUSERID, admin_option: true, inherit_option: false, set_option: false,
  });
  catalog.commandCounterIncrement();
}

function checkMayAlter(cx: CommandContext, row: PgAuthid, options: RoleOptions): void {
  const { catalog, currentUserOid, isSuperuser } = cx.session;
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to alter role', { detail });
  if (isSuperuser) return;
  if (row.rolsuper) throw denied('Only roles with the SUPERUSER attribute may alter roles with the SUPERUSER attribute.');
  if (options.superuser !== undefined) throw denied('Only roles with the SUPERUSER attribute may change the SUPERUSER attribute.');
  const isAdmin = isAdminOfRole(catalog, currentUserOid, row.oid);
  if (!has(cx, 'rolcreaterole') || !isAdmin) {
    const names: readonly (keyof RoleOptions)[] = ['inherit', 'createrole', 'createdb', 'canlogin', 'connectionlimit', 'validUntil', 'isreplication', 'bypassrls'];
    if (names.some((name) => options[name] !== undefined)) {
      throw denied(`Only roles with the CREATEROLE attribute and the ADMIN option on role "${row.rolname}" may alter this role.`);
    }
    if (options.password !== undefined && row.oid !== currentUserOid) {
      throw denied('To change another role\'s password, the current user must have the CREATEROLE attribute and the ADMIN option on the role.');
    }
  } else {
    for (const [option, column, word] of GIVEN_ATTRIBUTES) {
      if (options[option] !== undefined && !has(cx, column)) throw denied(`Only roles with the ${word} attribute may change the ${word} attribute.`);
    }
  }
  if (options.rolemembers && !isAdmin) throw denied(`Only roles with the ADMIN option on role "${row.rolname}" may add or drop members.`);
}

function* alterRole(stmt: AlterRoleStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const spec = stmt.role!;
  if (spec.roletype === 'ROLESPEC_CSTRING' && isReservedName(spec.rolename ?? '')) {
    throw pgError('RESERVED_NAME', `role name "${spec.rolename ?? ''}" is reserved`, { detail: 'Role names starting with "pg_" are reserved.' });
  }
  const options = roleOptions(cx, stmt.options);
  const row = roleSpecRow(cx, spec);
  checkMayAlter(cx, row, options);
  if (options.superuser === false && row.oid === BOOTSTRAP_SUPERUSERID) {
    throw pgError('FEATURE_NOT_SUPPORTED', 'permission denied to alter role', { detail: 'The bootstrap superuser must have the SUPERUSER attribute.' });
  }
  catalog.table('pg_authid').update(row, changes(cx, options));
  catalog.commandCounterIncrement();
  if (options.rolemembers) {
    const members = membersOf(cx, options.rolemembers);
    if (stmt.action === 1) addMembers(cx, row.oid, members, 0, NO_OPTIONS);
    else if (stmt.action === -1) removeMembers(cx, row.oid, members, 0, NO_OPTIONS, false);
  }
  yield* [];
  return { tag: 'ALTER ROLE', rows: null };
}

type Changes = { -readonly [K in keyof PgAuthid]?: PgAuthid[K] };

function changes(cx: CommandContext, options: RoleOptions): Changes {
  const changed: Changes = {};
  if (options.superuser !== undefined) changed.rolsuper = options.superuser;
  if (options.inherit !== undefined) changed.rolinherit = options.inherit;
  if (options.createrole !== undefined) changed.rolcreaterole = options.createrole;
  if (options.createdb !== undefined) changed.rolcreatedb = options.createdb;
  if (options.canlogin !== undefined) changed.rolcanlogin = options.canlogin;
  if (options.isreplication !== undefined) changed.rolreplication = options.isreplication;
  if (options.bypassrls !== undefined) changed.rolbypassrls = options.bypassrls;
  if (options.connectionlimit !== undefined) changed.rolconnlimit = options.connectionlimit;
  if (options.password !== undefined) changed.rolpassword = options.password === null ? null : storedVerifier(cx, options.password);
  if (options.validUntil !== undefined) changed.rolvaliduntil = options.validUntil;
  return changed;
}

function* dropRoles(stmt: DropRoleStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  if (!has(cx, 'rolcreaterole')) throw dropDenied('Only roles with the CREATEROLE attribute and the ADMIN option on the target roles may drop roles.');
  const roles = new Map<Oid, string>();
  for (const spec of roleSpecs(stmt.roles)) {
    if (spec.roletype !== 'ROLESPEC_CSTRING') throw pgError('INVALID_PARAMETER_VALUE', 'cannot use special role specifier in DROP ROLE');
    const name = spec.rolename ?? '';
    const row = catalog.roleByName(name);
    if (row) {
      checkMayDrop(cx, row);
      yield* lockObject(cx, objectAddress(AuthIdRelationId, row.oid), 'AccessExclusive');
      forgetMemberships(catalog, row.oid);
      roles.set(row.oid, name);
    } else if (stmt.missing_ok) {
      cx.services.notice(pgError('SUCCESSFUL_COMPLETION', `role "${name}" does not exist, skipping`, { severity: 'NOTICE' }));
    } else {
      throw pgError('UNDEFINED_OBJECT', `role "${name}" does not exist`);
    }
  }
  for (const [oid, name] of roles) {
    const detail = sharedDependents(catalog, AuthIdRelationId, oid);
    if (detail !== null) {
      throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', `role "${name}" cannot be dropped because some objects depend on it`, { detail });
    }
    const row = catalog.table('pg_authid').findOne({ oid });
    if (row) catalog.table('pg_authid').delete(row);
    deleteTraces(catalog, objectAddress(AuthIdRelationId, oid));
    forgetRoleSettings(catalog, 0, oid);
    catalog.commandCounterIncrement();
  }
  return { tag: 'DROP ROLE', rows: null };
}

function dropDenied(detail: string): Error {
  return pgError('INSUFFICIENT_PRIVILEGE', 'permission denied to drop role', { detail });
}

function checkMayDrop(cx: CommandContext, row: PgAuthid): void {
  const { catalog, currentUserOid, sessionUserOid, isSuperuser } = cx.session;
  if (row.oid === currentUserOid) throw pgError('OBJECT_IN_USE', 'current user cannot be dropped');
  if (row.oid === sessionUserOid) throw pgError('OBJECT_IN_USE', 'session user cannot be dropped');
  if (isSuperuser) return;
  if (row.rolsuper) throw dropDenied('Only roles with the SUPERUSER attribute may drop roles with the SUPERUSER attribute.');
  if (!isAdminOfRole(catalog, currentUserOid, row.oid)) {
    throw dropDenied(`Only roles with the CREATEROLE attribute and the ADMIN option on role "${row.rolname}" may drop this role.`);
  }
}
