/**
 * LOCK TABLE.
 *
 * Idea: PostgreSQL's LockTableCommand (commands/lockcmds.c).
 */
import type { LockStmt, RangeVar } from 'libpg-query';
import type { TableLockMode } from '../../access/api.js';
import { pgError } from '../../base/error.js';
import type { Suspendable } from '../../base/suspend.js';
import type { Relation } from '../../catalog/api.js';
import type { AclPrivilegeName } from '../../catalog/acl.js';
import { hasPrivilege } from '../../catalog/privileges.js';
import { bodyAs, bodyOf } from '../../parser/raw.js';
import type { CommandContext, CommandResult } from '../api.js';
import { registerCommand } from '../dispatch.js';
import { openNamed } from '../expressions.js';
import { lockRelation } from '../relation/access.js';

registerCommand('LockStmt', { execute: (statement, cx) => execute(bodyAs<LockStmt>(statement.body), cx), readOnly: true });

/** PostgreSQL's numbers of the lock modes, 1 to 8. */
const MODES: readonly TableLockMode[] = [
  'AccessShare', 'RowShare', 'RowExclusive', 'ShareUpdateExclusive', 'Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive',
];

function* execute(stmt: LockStmt, cx: CommandContext): Suspendable<CommandResult> {
  cx.session.requireTransactionBlock('LOCK TABLE');
  const mode = MODES[(stmt.mode ?? 1) - 1];
  for (const node of stmt.relations ?? []) {
    const name = bodyAs<RangeVar>(bodyOf(node));
    yield* lockOne(cx, openNamed(cx, name), mode, stmt.nowait ?? false, name.inh ?? false);
  }
  return { tag: 'LOCK TABLE', rows: null };
}

function* lockOne(cx: CommandContext, relation: Relation, mode: TableLockMode, nowait: boolean, withChildren: boolean): Suspendable<void> {
  const { catalog, transaction } = cx.session;
  if (!['r', 'p', 'v'].includes(relation.kind)) throw pgError('WRONG_OBJECT_TYPE', `cannot lock relation "${relation.name}"`, { detail: 'This operation is only supported for tables and views.' });
  checkLockPrivilege(cx, relation, mode);
  if (nowait) {
    const tag = { kind: 'relation', database: relation.row.relisshared ? 0 : catalog.databaseOid, relation: relation.oid } as const;
    if (!cx.storage.locks.tryLock(transaction, tag, mode)) {
      throw pgError('LOCK_NOT_AVAILABLE', `could not obtain lock on relation "${relation.name}"`);
    }
  } else yield* lockRelation(cx, relation.oid, mode);
  if (!withChildren) return;
  for (const child of catalog.inheritanceChildren(relation.oid)) {
    const opened = catalog.relation(child);
    if (opened) yield* lockOne(cx, opened, mode, nowait, true);
  }
}

/** MAINTAIN, UPDATE, DELETE, TRUNCATE allow every mode; INSERT up to ROW EXCLUSIVE; SELECT ACCESS SHARE. */
function checkLockPrivilege(cx: CommandContext, relation: Relation, mode: TableLockMode): void {
  const enough: AclPrivilegeName[] = ['MAINTAIN', 'UPDATE', 'DELETE', 'TRUNCATE'];
  if (MODES.indexOf(mode) <= MODES.indexOf('RowExclusive')) enough.push('INSERT');
  if (mode === 'AccessShare') enough.push('SELECT');
  const { catalog, currentUserOid } = cx.session;
  if (enough.some((privilege) => hasPrivilege(catalog, 'table', relation.oid, currentUserOid, privilege))) return;
  throw pgError('INSUFFICIENT_PRIVILEGE', `permission denied for ${relation.kind === 'v' ? 'view' : 'table'} ${relation.name}`);
}
