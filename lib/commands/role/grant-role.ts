/**
 * GRANT role TO role, REVOKE role FROM role.
 *
 * Idea: PostgreSQL's GrantRole (commands/user.c).
 */
import type { AccessPriv, DefElem, GrantRoleStmt, Node } from 'libpg-query';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import { roleOid } from '../../catalog/roles.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { optionText } from '../definition-options.js';
import { registerCommand } from '../dispatch.js';
import { membersOf } from './create-role.js';
import { addMembers, checkMembershipRights, removeMembers, type MembershipOptions } from './membership.js';
import { roleSpecOid, roleSpecs } from './role-spec.js';

registerCommand('GrantRoleStmt', { execute: (statement, cx) => grantRole(bodyAs<GrantRoleStmt>(statement.body), cx) });

function* grantRole(stmt: GrantRoleStmt, cx: CommandContext): Suspendable<CommandResult> {
  const { catalog } = cx.session;
  const options = membershipOptions(stmt.opt);
  const grantor = stmt.grantor ? roleSpecOid(cx, stmt.grantor) : 0;
  const members = membersOf(cx, roleSpecs(stmt.grantee_roles));
  const isGrant = stmt.is_grant ?? false;
  for (const node of stmt.granted_roles ?? []) {
    const privilege = bodyAs<AccessPriv>(bodyOf(node));
    if (privilege.priv_name === undefined || privilege.cols) throw pgError('INVALID_GRANT_OPERATION', 'column names cannot be included in GRANT/REVOKE ROLE');
    const role = roleOid(catalog, privilege.priv_name);
    checkMembershipRights(cx, role, isGrant);
    if (isGrant) addMembers(cx, role, members, grantor, options);
    else removeMembers(cx, role, members, grantor, options, stmt.behavior === 'DROP_CASCADE');
  }
  yield* [];
  return { tag: isGrant ? 'GRANT ROLE' : 'REVOKE ROLE', rows: null };
}

const VALUES: Readonly<Record<string, boolean>> = { true: true, on: true, yes: true, 1: true, false: false, off: false, no: false, 0: false };

function membershipOptions(list: readonly Node[] | undefined): MembershipOptions {
  const options: { admin: boolean | null; inherit: boolean | null; set: boolean | null } = { admin: null, inherit: null, set: null };
  for (const node of list ?? []) {
    const option = bodyAs<DefElem>(bodyOf(node));
    const name = option.defname ?? '';
    const position = option.location === undefined ? {} : { position: option.location + 1 };
    if (name !== 'admin' && name !== 'inherit' && name !== 'set') throw pgError('SYNTAX_ERROR', `unrecognized role option "${name}"`, position);
    const text = optionText(option);
    const value = VALUES[text.toLowerCase()];
    if (value === undefined) throw pgError('INVALID_PARAMETER_VALUE', `unrecognized value for role option "${name}": "${text}"`, position);
    options[name] = value;
  }
  return options;
}
