/**
 * Roles as statements name them: by name, CURRENT_USER, SESSION_USER, PUBLIC.
 *
 * Idea: PostgreSQL's get_rolespec_oid, check_can_set_role (utils/adt/acl.c).
 */
import type { Node, RoleSpec } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Oid } from '../../catalog/api.js';
import { canSetRole, roleName, roleOid } from '../../catalog/roles.js';
import type { PgAuthid } from '../../catalog/rows.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext } from '../api.js';

/** The role's OID. @throws 42704 when there is none; PUBLIC is none */
export function roleSpecOid(cx: CommandContext, spec: RoleSpec): Oid {
  switch (spec.roletype) {
    case 'ROLESPEC_CURRENT_ROLE': case 'ROLESPEC_CURRENT_USER': return cx.session.currentUserOid;
    case 'ROLESPEC_SESSION_USER': return cx.session.sessionUserOid;
    case 'ROLESPEC_PUBLIC': throw pgError('UNDEFINED_OBJECT', 'role "public" does not exist');
    default: return roleOid(cx.session.catalog, spec.rolename ?? '');
  }
}

/** The role's row. @throws 42704 */
export function roleSpecRow(cx: CommandContext, spec: RoleSpec): PgAuthid {
  const oid = roleSpecOid(cx, spec);
  const row = cx.session.catalog.role(oid);
  if (!row) throw pgError('UNDEFINED_OBJECT', `role with OID ${oid} does not exist`);
  return row;
}

/** The specs of a list of nodes. */
export function roleSpecs(list: readonly Node[] | undefined): RoleSpec[] {
  return (list ?? []).map((node) => bodyAs<RoleSpec>(bodyOf(node)));
}

/** 42501 unless the current user may give things to the role. */
export function checkCanSetRole(cx: CommandContext, role: Oid): void {
  const { catalog, currentUserOid } = cx.session;
  if (canSetRole(catalog, currentUserOid, role)) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `must be able to SET ROLE "${roleName(catalog, role)}"`);
}

/** pg_ names belong to the system. */
export function isReservedName(name: string): boolean {
  return name.startsWith('pg_');
}
