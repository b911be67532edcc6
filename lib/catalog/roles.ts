/**
 * Role membership: whose privileges a role has (acl.c's roles_is_member_of).
 */
import { pgError } from '../base/error.js';
import { ROLE_PG_DATABASE_OWNER } from '../types/oids.js';
import type { Catalog, Oid } from './api.js';

/** Which memberships count: all, those that inherit privileges, those that allow SET ROLE. */
export type MembershipKind = 'member' | 'privileges' | 'set';

/** The role itself and every role it is directly or indirectly a member of. */
export function rolesOf(catalog: Catalog, role: Oid, kind: MembershipKind): ReadonlySet<Oid> {
  const roles = new Set<Oid>([role]);
  const members = catalog.table('pg_auth_members');
  const owner = catalog.database(catalog.databaseOid)?.datdba ?? 0;
  for (const member of roles) {
    for (const row of members.find({ member })) {
      if (kind === 'privileges' ? row.inherit_option : kind === 'set' ? row.set_option : true) roles.add(row.roleid);
    }
    if (member === owner) roles.add(ROLE_PG_DATABASE_OWNER);
  }
  return roles;
}

/** True for superusers. */
export function isSuperuser(catalog: Catalog, role: Oid): boolean {
  return catalog.role(role)?.rolsuper ?? false;
}

/** Has `role` the privileges of `of` (being it, inheriting from it, or superuser)? */
export function hasPrivilegesOfRole(catalog: Catalog, role: Oid, of: Oid): boolean {
  return role === of || isSuperuser(catalog, role) || rolesOf(catalog, role, 'privileges').has(of);
}

/** Is `role` a member of `of`, inheriting or not? Superusers are members of everything. */
export function isMemberOfRole(catalog: Catalog, role: Oid, of: Oid): boolean {
  return role === of || isSuperuser(catalog, role) || rolesOf(catalog, role, 'member').has(of);
}

/** May `role` SET ROLE to `to`? */
export function canSetRole(catalog: Catalog, role: Oid, to: Oid): boolean {
  return role === to || isSuperuser(catalog, role) || rolesOf(catalog, role, 'set').has(to);
}

/** May `role` grant and revoke membership in `of`? */
export function isAdminOfRole(catalog: Catalog, role: Oid, of: Oid): boolean {
  if (isSuperuser(catalog, role)) return true;
  if (role === of) return false;
  const roles = rolesOf(catalog, role, 'privileges');
  return catalog.table('pg_auth_members').find({ roleid: of }).some((row) => row.admin_option && roles.has(row.member));
}

/** OID of a role by name; 42704 when there is none. */
export function roleOid(catalog: Catalog, name: string): Oid {
  const role = catalog.roleByName(name);
  if (!role) throw pgError('UNDEFINED_OBJECT', `role "${name}" does not exist`);
  return role.oid;
}

/** Name of a role as messages print it: a dropped one is its number. */
export function roleName(catalog: Catalog, oid: Oid): string {
  return catalog.role(oid)?.rolname ?? String(oid);
}
