/**
 * One access control list through GRANT or REVOKE: who grants, what of it may be granted, the new list.
 *
 * Idea: PostgreSQL's restrict_and_check_grant and merge_acl_with_grant (catalog/aclchk.c).
 */
import { pgError } from '../../base/error.js';
import { aclMask, bestGrantor, grantTo, revokeFrom, type Acl } from '../../catalog/acl.js';
import type { Oid } from '../../catalog/api.js';
import { AclItem } from '../../types/aclitem.js';
import type { CommandContext } from '../api.js';

/** A GRANT or REVOKE, apart from the objects. */
export interface GrantOrder {
  readonly isGrant: boolean;
  /** WITH GRANT OPTION, or GRANT OPTION FOR. */
  readonly grantOption: boolean;
  readonly cascade: boolean;
  /** 0 is PUBLIC. */
  readonly grantees: readonly Oid[];
}

/** Whose list, for messages. */
export interface AclTarget {
  readonly owner: Oid;
  readonly acl: Acl;
  /** The list that tells who may grant, where it is another: the table's and the column's. */
  readonly rights?: Acl;
  /** `permission denied for <word> <name>` */
  readonly word: string;
  readonly name: string;
  /** The column's relation, for a column's list. */
  readonly columnOf: string | null;
  /** Every privilege that such an object may have. */
  readonly possible: number;
}

/** The list after the order; rights and warnings as PostgreSQL has them. @throws 42501, 0LP01, 2BP01 */
export function changedAcl(cx: CommandContext, target: AclTarget, order: GrantOrder, privileges: number, all: boolean): Acl {
  const { catalog, currentUserOid } = cx.session;
  const rights = target.rights ?? target.acl;
  const { grantor, options } = bestGrantor(catalog, currentUserOid, privileges, rights, target.owner);
  if (options === 0 && aclMask(catalog, rights, grantor, target.possible) === 0 && grantor !== target.owner) throw denied(target);
  const effective = privileges & options;
  warn(cx, target, order, privileges, effective, all);
  return mergedAcl(target.acl, target.owner, order, grantor, effective);
}

function denied(target: AclTarget): Error {
  return pgError('INSUFFICIENT_PRIVILEGE', target.columnOf === null
    ? `permission denied for ${target.word} ${target.name}`
    : `permission denied for column "${target.name}" of relation "${target.columnOf}"`);
}

function warn(cx: CommandContext, target: AclTarget, order: GrantOrder, asked: number, effective: number, all: boolean): void {
  if (effective !== 0 && (all || effective === asked)) return;
  const done = order.isGrant ? 'were granted' : 'could be revoked';
  const where = target.columnOf === null ? `"${target.name}"` : `column "${target.name}" of relation "${target.columnOf}"`;
  cx.services.notice(pgError(order.isGrant ? 'WARNING_PRIVILEGE_NOT_GRANTED' : 'WARNING_PRIVILEGE_NOT_REVOKED',
    `${effective === 0 ? 'no' : 'not all'} privileges ${done} for ${where}`, { severity: 'WARNING' }));
}

/** The list with the privileges given to, or taken from, every grantee. */
export function mergedAcl(acl: Acl, owner: Oid, order: GrantOrder, grantor: Oid, privileges: number): Acl {
  let result = acl;
  for (const grantee of order.grantees) {
    if (order.isGrant && order.grantOption && grantee === 0) throw pgError('INVALID_GRANT_OPERATION', 'grant options can only be granted to roles');
    result = order.isGrant
      ? grantTo(result, owner, new AclItem(grantee, grantor, privileges, order.grantOption ? privileges : 0))
      : revokeFrom(result, owner, new AclItem(grantee, grantor, privileges, privileges), order.grantOption, order.cascade);
  }
  return result;
}
