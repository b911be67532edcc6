/**
 * Row security: a table's policies as conditions of the query. Follows PostgreSQL's rewrite/rowsecurity.c.
 */
import type { Query } from '../analyzer/nodes.js';
import { notSupported } from '../base/error.js';
import type { Oid } from '../catalog/api.js';
import type { RewriteContext } from './context.js';

/** Whether a table's policies apply to a role: not to superusers, roles with BYPASSRLS, nor (unless forced) the owner. */
export function rowSecurityApplies(context: RewriteContext, relid: Oid, checkAsUser: Oid): boolean {
  const relation = context.catalog.relation(relid);
  if (relation === null || !relation.row.relrowsecurity) return false;
  const role = context.catalog.role(checkAsUser === 0 ? context.currentUserOid : checkAsUser);
  if (role === null || role.rolsuper || role.rolbypassrls) return false;
  return relation.row.relowner !== role.oid || relation.row.relforcerowsecurity;
}

/** Adds the conditions of the policies that apply. @throws 0A000: policies are not applied yet */
export function applyRowSecurity(context: RewriteContext, query: Query): Query {
  for (const rte of query.rtable) {
    if (rte.rtekind === 'relation' && rowSecurityApplies(context, rte.relid, rte.perm.checkAsUser)) throw notSupported('row-level security for ordinary roles');
  }
  return query;
}
