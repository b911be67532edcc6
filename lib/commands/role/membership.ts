/**
 * Membership of roles in roles: rows of pg_auth_members, who may grant and revoke them, what a revocation takes along.
 *
 * Idea: PostgreSQL's AddRoleMems, DelRoleMems, check_role_grantor, plan_recursive_revoke (commands/user.c).
 */
import { pgError } from '../../base/error.js';
import { objectAddress } from '../../catalog/address.js';
import type { Catalog, Oid } from '../../catalog/api.js';
import { hasPrivilegesOfRole, isAdminOfRole, isSuperuser, roleName, rolesOf } from '../../catalog/roles.js';
import type { PgAuthMembers } from '../../catalog/rows.js';
import { deleteSharedDependencies, recordSharedDependency } from '../../catalog/shared-depend.js';
import { AuthIdRelationId, AuthMemRelationId, BOOTSTRAP_SUPERUSERID, ROLE_PG_DATABASE_OWNER } from '../../types/oids.js';
import type { CommandContext } from '../api.js';

/** Options of a grant; null where the statement does not say. */
export interface MembershipOptions {
  readonly admin: boolean | null;
  readonly inherit: boolean | null;
  readonly set: boolean | null;
}

/** What a grant without options gives. */
export const NO_OPTIONS: MembershipOptions = { admin: null, inherit: null, set: null };

/** A member as written and found. */
export interface Member {
  readonly oid: Oid;
  readonly name: string;
}

/** 42501 unless the current user may grant or revoke the role. */
export function checkMembershipRights(cx: CommandContext, role: Oid, isGrant: boolean): void {
  const { catalog, currentUserOid } = cx.session;
  const name = roleName(catalog, role);
  const verb = isGrant ? 'grant' : 'revoke';
  if (isGrant && role === ROLE_PG_DATABASE_OWNER) throw pgError('FEATURE_NOT_SUPPORTED', `role "${name}" cannot have explicit members`);
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', `permission denied to ${verb} role "${name}"`, { detail });
  if (isSuperuser(catalog, role)) {
    if (!isSuperuser(catalog, currentUserOid)) throw denied(`Only roles with the SUPERUSER attribute may ${verb} roles with the SUPERUSER attribute.`);
  } else if (!isAdminOfRole(catalog, currentUserOid, role)) {
    throw denied(`Only roles with the ADMIN option on role "${name}" may ${verb} this role.`);
  }
}

/** The nearest role that the user has the privileges of and that has ADMIN OPTION on `role`; 0 for none. */
function bestAdmin(catalog: Catalog, user: Oid, role: Oid): Oid {
  if (user === role) return 0;
  const admins = new Set(catalog.table('pg_auth_members').find({ roleid: role }).filter((row) => row.admin_option).map((row) => row.member));
  for (const candidate of rolesOf(catalog, user, 'privileges')) if (admins.has(candidate)) return candidate;
  return 0;
}

/** Who the grant is recorded as made by. `given` 0: nobody was named. @throws 42501 */
function grantorOf(cx: CommandContext, role: Oid, given: Oid, isGrant: boolean): Oid {
  const { catalog, currentUserOid } = cx.session;
  if (given === 0) return isSuperuser(catalog, currentUserOid) ? BOOTSTRAP_SUPERUSERID : bestAdmin(catalog, currentUserOid, role);
  const name = roleName(catalog, given);
  if (!isGrant) {
    if (hasPrivilegesOfRole(catalog, currentUserOid, given)) return given;
    throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied to revoke privileges granted by role "${name}"`, {
      detail: `Only roles with privileges of role "${name}" may revoke privileges granted by this role.`,
    });
  }
  const denied = (detail: string): Error => pgError('INSUFFICIENT_PRIVILEGE', `permission denied to grant privileges as role "${name}"`, { detail });
  if (!hasPrivilegesOfRole(catalog, currentUserOid, given)) throw denied(`Only roles with privileges of role "${name}" may grant privileges as this role.`);
  if (given !== BOOTSTRAP_SUPERUSERID && bestAdmin(catalog, given, role) !== given) {
    throw denied(`The grantor must have the ADMIN option on role "${roleName(catalog, role)}".`);
  }
  return given;
}

/** Makes roles members of a role, or changes the options of their membership. @throws 0LP01, 0A000, 42501 */
export function addMembers(cx: CommandContext, role: Oid, members: readonly Member[], givenGrantor: Oid, options: MembershipOptions): void {
  const { catalog } = cx.session;
  const grantor = grantorOf(cx, role, givenGrantor, true);
  const name = roleName(catalog, role);
  for (const member of members) {
    if (member.oid === ROLE_PG_DATABASE_OWNER) throw pgError('FEATURE_NOT_SUPPORTED', `role "${member.name}" cannot be a member of any role`);
    if (role === member.oid || rolesOf(catalog, role, 'member').has(member.oid)) {
      throw pgError('INVALID_GRANT_OPERATION', `role "${name}" is a member of role "${member.name}"`);
    }
  }
  if (options.admin && grantor !== BOOTSTRAP_SUPERUSERID) checkNoCircle(catalog, role, members, grantor);
  for (const member of members) {
    const table = catalog.table('pg_auth_members');
    const before = table.findOne({ roleid: role, member: member.oid, grantor });
    if (before) changeMembership(cx, before, options, name, member);
    else insertMembership(catalog, role, member.oid, grantor, options);
    catalog.commandCounterIncrement();
  }
}

function changeMembership(cx: CommandContext, before: PgAuthMembers, options: MembershipOptions, name: string, member: Member): void {
  const { catalog } = cx.session;
  const after = {
    admin_option: options.admin ?? before.admin_option, inherit_option: options.inherit ?? before.inherit_option, set_option: options.set ?? before.set_option,
  };
  if (after.admin_option === before.admin_option && after.inherit_option === before.inherit_option && after.set_option === before.set_option) {
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION',
      `role "${member.name}" has already been granted membership in role "${name}" by role "${roleName(catalog, before.grantor)}"`, { severity: 'NOTICE' }));
    return;
  }
  catalog.table('pg_auth_members').update(before, after);
}

function insertMembership(catalog: Catalog, role: Oid, member: Oid, grantor: Oid, options: MembershipOptions): void {
  const oid = catalog.newOid();
  catalog.table('pg_auth_members').insert({
    oid, roleid: role, member, grantor, admin_option: options.admin ?? false,
    inherit_option: options.inherit ?? catalog.role(member)?.rolinherit ?? true, set_option: options.set ?? true,
  });
  recordSharedDependency(catalog, objectAddress(AuthMemRelationId, oid), AuthIdRelationId, grantor, 'a');
}

/** ADMIN OPTION must not come back to those whom the grantor has it from. */
function checkNoCircle(catalog: Catalog, role: Oid, members: readonly Member[], grantor: Oid): void {
  const plan = new RevocationPlan(catalog.table('pg_auth_members').find({ roleid: role }));
  const circle = (): Error => pgError('INVALID_GRANT_OPERATION', 'ADMIN option cannot be granted back to your own grantor');
  for (const member of members) {
    if (member.oid === BOOTSTRAP_SUPERUSERID) throw circle();
    plan.revokeAllOf(member.oid);
  }
  if (!plan.untouched().some((row) => row.member === grantor && row.admin_option)) throw circle();
}

type Action = 'delete' | 'admin' | 'inherit' | 'set';

/** What revoking does to each grant of one role. */
class RevocationPlan {
  readonly actions = new Map<PgAuthMembers, Action>();

  constructor(private readonly rows: readonly PgAuthMembers[]) {}

  untouched(): PgAuthMembers[] {
    return this.rows.filter((row) => !this.actions.has(row));
  }

  revokeAllOf(member: Oid): void {
    for (const row of this.rows) if (row.member === member) this.revoke(row, false, true);
  }

  /** False when there is no such grant. @throws 2BP01 */
  revokeOne(member: Oid, grantor: Oid, options: MembershipOptions, cascade: boolean): boolean {
    const row = this.rows.find((candidate) => candidate.member === member && candidate.grantor === grantor);
    if (!row) return false;
    if (options.inherit !== null) this.actions.set(row, 'inherit');
    else if (options.set !== null) this.actions.set(row, 'set');
    else this.revoke(row, options.admin !== null, cascade);
    return true;
  }

  private revoke(row: PgAuthMembers, adminOnly: boolean, cascade: boolean): void {
    const before = this.actions.get(row);
    if (before === 'delete' || (before === 'admin' && adminOnly)) return;
    if (adminOnly && !row.admin_option) return;
    this.actions.set(row, adminOnly ? 'admin' : 'delete');
    if (!row.admin_option) return;
    if (this.untouched().some((other) => other.member === row.member && other.admin_option)) return;
    for (const dependent of this.rows) {
      if (dependent.grantor !== row.member || this.actions.get(dependent) === 'delete') continue;
      if (!cascade) throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', 'dependent privileges exist', { hint: 'Use CASCADE to revoke them too.' });
      this.revoke(dependent, false, cascade);
    }
  }
}

/** Takes membership, or options of it, away. @throws 2BP01, 42501 */
export function removeMembers(
  cx: CommandContext, role: Oid, members: readonly Member[], givenGrantor: Oid, options: MembershipOptions, cascade: boolean,
): void {
  const { catalog } = cx.session;
  const grantor = grantorOf(cx, role, givenGrantor, false);
  const table = catalog.table('pg_auth_members');
  const plan = new RevocationPlan(table.find({ roleid: role }));
  for (const member of members) {
    if (plan.revokeOne(member.oid, grantor, options, cascade)) continue;
    cx.services.notice(pgError('SUCCESSFUL_COMPLETION',
      `role "${member.name}" has not been granted membership in role "${roleName(catalog, role)}" by role "${roleName(catalog, grantor)}"`, { severity: 'WARNING' }));
  }
  for (const [row, action] of plan.actions) {
    if (action === 'delete') {
      deleteSharedDependencies(catalog, objectAddress(AuthMemRelationId, row.oid));
      table.delete(row);
    } else {
      table.update(row, action === 'admin' ? { admin_option: false } : action === 'inherit' ? { inherit_option: false } : { set_option: false });
    }
  }
  catalog.commandCounterIncrement();
}

/** Forgets every membership of a role and in it (DROP ROLE). */
export function forgetMemberships(catalog: Catalog, role: Oid): void {
  const table = catalog.table('pg_auth_members');
  for (const row of [...table.find({ roleid: role }), ...table.find({ member: role })]) {
    deleteSharedDependencies(catalog, objectAddress(AuthMemRelationId, row.oid));
    table.delete(row);
  }
  catalog.commandCounterIncrement();
}
