/**
 * Locks and ownership checks that commands on relations share.
 */
import type { TableLockMode } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Oid, Relation } from '../../catalog/api.js';
import { hasPrivilegesOfRole } from '../../catalog/roles.js';
import type { CommandContext } from '../api.js';

/** Locks a relation until the transaction ends, waiting as lock_timeout allows. Shared catalogs lock under database 0. */
export function* lockRelation(cx: CommandContext, relation: Oid, mode: TableLockMode): Suspendable<void> {
  const { catalog, transaction } = cx.session;
  const database = catalog.relation(relation)?.row.relisshared ? 0 : catalog.databaseOid;
  yield* cx.storage.locks.lock(transaction, { kind: 'relation', database, relation }, mode, cx.waitOptions());
}

const OWNED_WORDS: Record<string, string> = {
  r: 'table', p: 'table', i: 'index', I: 'index', S: 'sequence', v: 'view', m: 'materialized view', f: 'foreign table', c: 'type',
};

/** Throws 42501 (`must be owner of table x`) unless the current user owns the relation; system catalogs belong to nobody. */
export function checkTableOwner(cx: CommandContext, relation: Relation): void {
  if (relation.isCatalog) throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied: "${relation.name}" is a system catalog`);
  if (cx.session.isSuperuser || hasPrivilegesOfRole(cx.session.catalog, cx.session.currentUserOid, relation.row.relowner)) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `must be owner of ${OWNED_WORDS[relation.kind] ?? 'relation'} ${relation.name}`);
}
